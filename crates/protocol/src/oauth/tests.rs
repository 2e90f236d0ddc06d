#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use tollgate_kernel::{Error, OAuthCode};

use super::*;

const HASH: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn params(form: &str) -> Result<Params, Error> {
    Params::from_form(form.as_bytes())
}

fn code_of<T>(result: Result<T, Error>) -> Option<OAuthCode> {
    result.err().map(|error| error.oauth_code())
}

fn wish(extra: &str) -> Result<Wish, Error> {
    Wish::parse(&params(&format!("response_type=code&{extra}"))?)
}

#[test]
fn t9_a_parameter_that_is_there_twice_is_refused() {
    let twice = [
        "client_id=a&client_id=a",
        "redirect_uri=a&x=1&redirect_uri=b",
        "client_id=a&client%5Fid=b",
        "state=&state=a",
    ];
    for form in twice {
        let refused = params(form).err().unwrap();
        assert_eq!(refused.oauth_code(), OAuthCode::InvalidRequest, "{form}");
        assert!(refused.detail().contains("twice"), "{form}");
    }
    let json = br#"{"code":"a","c\u006fde":"b"}"#;
    assert_eq!(code_of(Params::from_json(json)), Some(OAuthCode::InvalidRequest));
}

#[test]
fn parameters_are_read_as_forms_write_them() {
    let read = params("a=1+2&b=%26%3D&empty=&&c").unwrap();
    assert_eq!((read.text("a"), read.text("b")), (Some("1 2"), Some("&=")));
    assert_eq!((read.text("empty"), read.text("c"), read.text("d")), (None, None, None));
    for bad in ["a=%", "a=%4", "a=%zz", "a=%ff", "%e9=1"] {
        assert_eq!(code_of(params(bad)), Some(OAuthCode::InvalidRequest), "{bad}");
    }
    let many: Vec<String> = (0..65).map(|n| format!("p{n}=1")).collect();
    assert!(params(&many.join("&")).is_err());
}

#[test]
fn pg_06_json_bodies_are_objects_of_texts() {
    let read = Params::from_json(br#" {"grant_type": "refresh_token", "scope": null} "#).unwrap();
    assert_eq!((read.text("grant_type"), read.text("scope")), (Some("refresh_token"), None));
    for bad in [r#"[]"#, r#"{"a":1}"#, r#"{"a":{"b":"c"}}"#, r#"{"a":"b"} x"#, r#"{"a":"b""#, ""] {
        let refused = code_of(Params::from_json(bad.as_bytes()));
        assert_eq!(refused, Some(OAuthCode::InvalidRequest), "{bad}");
    }
}

#[test]
fn t5_only_s256_is_taken() {
    let full = format!("code_challenge={HASH}&code_challenge_method=S256");
    assert_eq!(wish(&full).unwrap().challenge.unwrap().as_str(), HASH);
    assert_eq!(wish("").unwrap().challenge, None);
    let bad = [
        format!("code_challenge={HASH}"),
        format!("code_challenge={HASH}&code_challenge_method=plain"),
        format!("code_challenge={HASH}&code_challenge_method=s256"),
        "code_challenge_method=S256".to_owned(),
        "code_challenge=abc&code_challenge_method=S256".to_owned(),
        format!("code_challenge={HASH}%3D&code_challenge_method=S256"),
    ];
    for bad in bad {
        assert_eq!(code_of(wish(&bad)), Some(OAuthCode::InvalidRequest), "{bad}");
    }
}

#[test]
fn a_verifier_is_long_enough_and_plain() {
    let read = |verifier: &str| {
        let form = format!("grant_type=authorization_code&code=c&code_verifier={verifier}");
        TokenRequest::parse(&params(&form)?)
    };
    assert!(read(&"a".repeat(43)).is_ok() && read(&"a".repeat(128)).is_ok());
    for bad in ["a".repeat(42), "a".repeat(129), format!("{}%20", "a".repeat(43))] {
        assert_eq!(code_of(read(&bad)), Some(OAuthCode::InvalidRequest), "{bad}");
    }
}

#[test]
fn what_would_have_to_be_heeded_is_refused_by_its_code() {
    let cases = [
        ("request=x", OAuthCode::RequestNotSupported),
        ("request_uri=https%3A%2F%2Fa", OAuthCode::RequestUriNotSupported),
        ("response_mode=fragment", OAuthCode::InvalidRequest),
        ("prompt=none+login", OAuthCode::InvalidRequest),
        ("max_age=-1", OAuthCode::InvalidRequest),
        ("max_age=x", OAuthCode::InvalidRequest),
    ];
    for (extra, code) in cases {
        assert_eq!(code_of(wish(extra)), Some(code), "{extra}");
    }
    for kind in ["token", "id_token", "code id_token", "CODE"] {
        let refused = Wish::parse(&params(&format!("response_type={kind}")).unwrap());
        assert_eq!(code_of(refused), Some(OAuthCode::UnsupportedResponseType), "{kind}");
    }
    assert!(wish("display=popup&acr_values=1&no_such=1").is_ok());
    let prompt = wish("prompt=login+consent").unwrap().prompt;
    assert_eq!(prompt, Prompt { none: false, login: true, consent: true });
}

#[test]
fn t13_redirect_uris_are_compared_byte_for_byte() {
    let ours = RedirectUri::parse("https://good.example/cb").unwrap();
    assert!(ours.is("https://good.example/cb"));
    let others = [
        "https://good.example@evil.example/cb",
        "https://good.example/cb/",
        "https://good.example/cb?",
        "https://good.example/cb?a=b",
        "https://good.example/cb#a",
        "https://good.example/./cb",
        "https://good.example/%63b",
        "https://good.example./cb",
        "https://good.example\\@evil.example/cb",
        "https://good.example/\tcb",
        "https://good.example/cb\n",
        " https://good.example/cb",
        "https://good.example:443/cb",
        "HTTPS://good.example/cb",
        "https://g\u{00f6}od.example/cb",
        "http://good.example/cb",
        "//good.example/cb",
        "",
    ];
    for other in others {
        assert!(!ours.is(other), "{other:?}");
    }
}

#[test]
fn t14_t16_what_cannot_be_registered() {
    let bad = [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "https://*.example/cb",
        "https://good.example/*",
        "https://user@good.example/cb",
        "https://@good.example/cb",
        "https://good.example/cb#fragment",
        "https://good.example/a/../cb",
        "https://good.example./cb",
        "https://good.example\\@evil.example",
        "https://Good.example/cb",
        "http://good.example/cb",
        "http://127.0.0.2/cb",
        "http://localhost.evil.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "/callback",
        "",
    ];
    for bad in bad {
        assert!(RedirectUri::parse(bad).is_err(), "{bad:?}");
    }
    let good = [
        "https://good.example",
        "https://good.example/cb?a=b",
        "https://good.example:8443/cb",
        "http://127.0.0.1/cb",
        "http://127.0.0.1:3000/cb",
        "http://[::1]:3000/cb",
        "http://localhost:3000",
        "vscode://publisher.extension/cb",
        "com.example.app:/cb",
        "https://chat.openai.com/aip/plugin-1/oauth/callback",
    ];
    for good in good {
        assert!(RedirectUri::parse(good).is_ok_and(|uri| uri.is(good)), "{good}");
    }
}

#[test]
fn t15_the_port_is_left_out_on_loopback_alone() {
    for host in ["127.0.0.1", "[::1]", "localhost"] {
        let ours = RedirectUri::parse(&format!("http://{host}:3000/cb")).unwrap();
        for good in [format!("http://{host}:61234/cb"), format!("http://{host}/cb")] {
            assert!(ours.is(&good), "{good}");
        }
        let bad = [
            format!("http://{host}:3000/other"),
            format!("http://{host}:99999/cb"),
            format!("http://{host}:/cb"),
            format!("http://{host}:1@evil.example/cb"),
            format!("http://{host}.evil.example:3000/cb"),
            format!("https://{host}:3000/cb"),
            "http://127.0.0.2:3000/cb".to_owned(),
        ];
        for bad in bad {
            assert!(!ours.is(&bad), "{bad}");
        }
    }
    let numbers = RedirectUri::parse("http://127.0.0.1/cb").unwrap();
    assert!(!numbers.is("http://localhost/cb"), "localhost counts where it is listed");
    let web = RedirectUri::parse("https://good.example:8443/cb").unwrap();
    assert!(!web.is("https://good.example:9000/cb"));
}

#[test]
fn answers_are_put_behind_what_is_there() {
    let state = [("code", "a b"), ("state", "x&y=\u{e9}/+")];
    let plain = answer_url("https://a.example/cb", &state);
    assert_eq!(plain, "https://a.example/cb?code=a%20b&state=x%26y%3D%C3%A9%2F%2B");
    assert_eq!(
        answer_url("https://a.example/cb?x=1", &[("a", "b")]),
        "https://a.example/cb?x=1&a=b"
    );
    assert_eq!(RedirectUri::place("https://a.example:8443/cb"), "a.example:8443");
    assert_eq!(RedirectUri::place("com.example.app:/cb"), "com.example.app:");
    assert_eq!(RedirectUri::source("https://a.example/cb"), "https://a.example");
}

fn basic(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    format!("Basic {encoded}").into_bytes()
}

#[test]
fn apps_are_known_by_one_way_alone() {
    let of = |header: Option<Vec<u8>>, form: &str| {
        ClientAuth::of(header.as_deref(), &params(form).unwrap())
    };
    let read = |header, form: &str| {
        let auth = of(header, form).ok()?;
        let secrets = match auth.proof {
            Proof::None => vec![],
            Proof::Basic { raw, decoded } => vec![raw, decoded],
            Proof::Post(secret) => vec![secret],
        };
        let texts = secrets.iter().map(|secret| secret.expose().to_owned());
        Some((auth.client_id, texts.collect::<Vec<_>>().join(" ")))
    };
    let is = |id: &str, secrets: &str| Some((id.to_owned(), secrets.to_owned()));
    assert_eq!(read(None, "client_id=a"), is("a", ""));
    assert_eq!(read(None, "client_id=a&client_secret=s"), is("a", "s"));
    assert_eq!(read(Some(basic("a:s")), ""), is("a", "s s"));
    assert_eq!(read(Some(basic("a:s%2Bt:u")), "client_id=a"), is("a", "s%2Bt:u s+t:u"));
    assert_eq!(read(Some(basic("a:100%")), ""), is("a", "100% 100%"));
    assert_eq!(read(Some(basic("a:")), ""), is("a", ""));
    let cases = [
        (None, "", OAuthCode::InvalidRequest),
        (None, "client_secret=s", OAuthCode::InvalidRequest),
        (Some(basic("a:s")), "client_secret=s", OAuthCode::InvalidRequest),
        (Some(basic("a:s")), "client_id=b", OAuthCode::InvalidRequest),
        (Some(basic("as")), "", OAuthCode::InvalidClient),
        (Some(basic(":s")), "", OAuthCode::InvalidClient),
        (Some(b"Basic !!!".to_vec()), "", OAuthCode::InvalidClient),
        (Some(b"Bearer abc".to_vec()), "client_id=a", OAuthCode::InvalidClient),
    ];
    for (header, form, code) in cases {
        assert_eq!(code_of(of(header.clone(), form)), Some(code), "{header:?} {form}");
    }
}

#[test]
fn token_requests_name_what_they_lack() {
    let of = |form: &str| TokenRequest::parse(&params(form).unwrap());
    let lacks = [
        ("", "grant_type"),
        ("grant_type=authorization_code", "code"),
        ("grant_type=refresh_token", "refresh_token"),
    ];
    for (form, param) in lacks {
        assert_eq!(of(form).err().unwrap().param(), Some(param), "{form}");
    }
    for kind in ["password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer"] {
        let refused = code_of(of(&format!("grant_type={kind}")));
        assert_eq!(refused, Some(OAuthCode::UnsupportedGrantType), "{kind}");
    }
}

#[test]
fn the_document_says_what_clients_look_for() {
    let document = Metadata::new("https://id.example", vec!["openid"]);
    let document = serde_json::to_value(document).unwrap();
    assert_eq!(document["issuer"], "https://id.example");
    assert_eq!(document["code_challenge_methods_supported"], serde_json::json!(["S256"]));
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    let methods = document["token_endpoint_auth_methods_supported"].to_string();
    assert!(methods.contains("\"none\""));
    assert!(!document.to_string().contains("plain"));
}

#[test]
fn t32_id_tokens_and_access_tokens_do_not_read_as_each_other() {
    let claims =
        IdClaims { iss: "i".into(), sub: "s".into(), aud: "a".into(), ..IdClaims::default() };
    let token = crate::jwt::compact(&claims.signing_input("k"), &[7; 256]);
    let read = UnverifiedId::parse(token.expose()).unwrap();
    assert_eq!(read.jws().kid(), Some("k"));
    assert_eq!(read.verified(|_| true).unwrap().aud, "a");
    assert!(UnverifiedId::parse(token.expose()).unwrap().verified(|_| false).is_err());
    assert!(crate::jwt::Unverified::parse(token.expose()).is_err());
}

proptest! {
    #[test]
    fn what_is_written_is_read(pairs in prop::collection::btree_map(".{1,9}", ".{1,9}", 0..9)) {
        let pairs: Vec<(String, String)> = pairs.into_iter().collect();
        let list: Vec<(&str, &str)> =
            pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let url = answer_url("https://a.example/cb", &list);
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let read = Params::from_form(query.as_bytes()).unwrap();
        for (name, value) in &pairs {
            prop_assert_eq!(read.text(name), Some(value.as_str()));
        }
        prop_assert_eq!(read.to_query(), query);
    }

    #[test]
    fn t13_nothing_but_the_text_itself_matches(text in "\\PC{0,40}") {
        let ours = RedirectUri::parse("https://good.example/cb").unwrap();
        prop_assert_eq!(ours.is(&text), text == "https://good.example/cb");
    }

    #[test]
    fn t16_what_is_registered_is_web_or_a_scheme_of_an_app(text in "[a-z]{1,11}:[/@a-z.:#]{0,20}") {
        if let Ok(uri) = RedirectUri::parse(&text) {
            prop_assert!(!text.starts_with("javascript:") && !text.starts_with("data:"));
            prop_assert!(!text.starts_with("http://") || uri.as_str().contains("localhost"));
            prop_assert!(!text.contains('#'));
        }
    }
}
