//! What the authorization server says of itself (RFC 8414, 2; OpenID Connect Discovery, 3).

use serde::Serialize;

use super::GrantType;

const RESPONSE_MODES: [&str; 2] = ["query", "form_post"];
const AUTH_METHODS: [&str; 3] = ["none", "client_secret_basic", "client_secret_post"];
const SECRETS: [&str; 2] = ["client_secret_basic", "client_secret_post"];
const CLAIMS: [&str; 13] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "at_hash",
    "sid",
    "name",
    "locale",
    "email",
    "email_verified",
];

/// The document, the same under each of its addresses.
#[derive(Clone, Debug, Serialize)]
pub struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: String,
    jwks_uri: String,
    revocation_endpoint: String,
    introspection_endpoint: String,
    end_session_endpoint: String,
    scopes_supported: Vec<&'static str>,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 2],
    grant_types_supported: [&'static str; 3],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: [&'static str; 3],
    revocation_endpoint_auth_methods_supported: [&'static str; 3],
    introspection_endpoint_auth_methods_supported: [&'static str; 2],
    code_challenge_methods_supported: [&'static str; 1],
    prompt_values_supported: [&'static str; 3],
    claims_supported: [&'static str; 13],
    claim_types_supported: [&'static str; 1],
    ui_locales_supported: [&'static str; 3],
    authorization_response_iss_parameter_supported: bool,
    claims_parameter_supported: bool,
    request_parameter_supported: bool,
    request_uri_parameter_supported: bool,
}

impl Metadata {
    /// The document of the server at `issuer`, an origin, which knows `scopes`.
    pub fn new(issuer: &str, scopes: Vec<&'static str>) -> Self {
        let at = |path: &str| format!("{issuer}/oauth/{path}");
        Self {
            issuer: issuer.to_owned(),
            authorization_endpoint: at("authorize"),
            token_endpoint: at("token"),
            userinfo_endpoint: at("userinfo"),
            jwks_uri: at("jwks.json"),
            revocation_endpoint: at("revoke"),
            introspection_endpoint: at("introspect"),
            end_session_endpoint: at("end-session"),
            scopes_supported: scopes,
            response_types_supported: ["code"],
            response_modes_supported: RESPONSE_MODES,
            grant_types_supported: GrantType::ALL.map(GrantType::as_str),
            subject_types_supported: ["public"],
            id_token_signing_alg_values_supported: ["RS256"],
            token_endpoint_auth_methods_supported: AUTH_METHODS,
            revocation_endpoint_auth_methods_supported: AUTH_METHODS,
            introspection_endpoint_auth_methods_supported: SECRETS,
            code_challenge_methods_supported: ["S256"],
            prompt_values_supported: ["none", "login", "consent"],
            claims_supported: CLAIMS,
            claim_types_supported: ["normal"],
            ui_locales_supported: ["en", "ja", "zh-Hans"],
            authorization_response_iss_parameter_supported: true,
            claims_parameter_supported: false,
            request_parameter_supported: false,
            request_uri_parameter_supported: false,
        }
    }
}
