//! The request that a browser carries to a provider (RFC 6749, 4.1.1; RFC 7636, 4.3; OpenID
//! Connect Core 1.0, 3.1.2.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tollgate_kernel::{PlainToken, Rng};
use tollgate_vault::pkce_challenge;
use url::Url;

use super::{Outset, Provider};

/// The request, to the endpoint `authorize`.
pub(super) fn outset(
    authorize: &Url,
    provider: &Provider,
    redirect_uri: &Url,
    rng: &dyn Rng,
) -> Outset {
    let (state, nonce, verifier) = (random(rng), random(rng), random(rng));
    let mut url = authorize.clone();
    let mut query = url.query_pairs_mut();
    query.append_pair("response_type", "code");
    query.append_pair("client_id", &provider.client_id);
    query.append_pair("redirect_uri", redirect_uri.as_str());
    if !provider.scopes.is_empty() {
        query.append_pair("scope", &provider.scopes.join(" "));
    }
    query.append_pair("state", state.expose());
    if provider.issuer.is_some() {
        query.append_pair("nonce", nonce.expose());
    }
    query.append_pair("code_challenge", &pkce_challenge(verifier.expose()));
    query.append_pair("code_challenge_method", "S256");
    drop(query);
    Outset { url, state, nonce, verifier }
}

/// 256 random bits, base64url: as long as the shortest proof key may be (RFC 7636, 4.1).
pub(crate) fn random(rng: &dyn Rng) -> PlainToken {
    let mut bytes = [0; 32];
    rng.fill(&mut bytes);
    PlainToken::new(URL_SAFE_NO_PAD.encode(bytes))
}
