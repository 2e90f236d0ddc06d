use proptest::prelude::*;
use tollgate_kernel::{PlainToken, Secret};
use url::Url;

use super::*;

const AT: &str = "https://example.com/.well-known/ai-plugin.json";

fn read_at(at: &str, body: &str, loopback_tools: bool) -> Result<Published, Refusal> {
    let url = Url::parse(at).unwrap();
    let root = Root::of(&url).unwrap();
    read(body.as_bytes(), &Source { url: &url, root: &root, loopback_tools })
}

fn manifest(auth: &str, more: &str) -> String {
    format!(
        r#"{{"schema_version":"v1","name_for_model":"todo","name_for_human":"Todo",
        "description_for_model":"Lists","description_for_human":"Lists","auth":{auth},
        "api":{{"type":"openapi","url":"https://example.com/openapi.yaml"}},
        "logo_url":"https://example.com/l.png","contact_email":"a@example.com",
        "legal_info_url":"https://example.com/legal"{more}}}"#
    )
}

const NONE: &str = r#"{"type":"none","instructions":""}"#;

fn codes(body: &str) -> Vec<String> {
    let mut codes: Vec<_> = read_at(AT, body, false)
        .unwrap()
        .warnings
        .into_iter()
        .map(|warning| warning.code)
        .collect();
    codes.sort();
    codes
}

fn oauth_of(auth: &str) -> OAuth {
    match read_at(AT, &manifest(auth, ""), false).unwrap().manifest.auth {
        Auth::OAuth(oauth) => oauth,
        other => unreachable!("{}", other.name()),
    }
}

fn oauth_json(more: &str) -> String {
    format!(
        r#"{{"type":"oauth","instructions":"","client_url":"https://example.com/authorize",
        "scope":"read","authorization_url":"https://example.com/token",
        "authorization_content_type":"application/json","verification_tokens":{{}}{more}}}"#
    )
}

#[test]
fn a_manifest_to_the_letter_has_no_warning() {
    assert!(codes(&manifest(NONE, "")).is_empty());
    assert!(codes(&manifest(&oauth_json(""), "")).is_empty());
    let service = r#"{"type":"service_http","instructions":"","authorization_type":"bearer",
        "verification_tokens":{"openai":"0123456789abcdef0123456789abcdef"}}"#;
    let published = read_at(AT, &manifest(service, ""), false).unwrap();
    assert!(published.warnings.is_empty());
    assert_eq!(published.manifest.auth, Auth::ServiceHttp { scheme: Scheme::Bearer });
    assert_eq!(published.verification_tokens.len(), 1);
}

/// Every row of the table of irregularities that stands in a manifest.
#[test]
fn p10_p12_p13_p14_p15_each_irregularity_has_its_code() {
    let base = manifest(NONE, "");
    let long = |n: usize| "x".repeat(n);
    for (from, to, code) in [
        (r#""v1""#, r#""v2""#.to_owned(), "schema_version"),
        (r#""Todo""#, format!("\"{}\"", long(21)), "name_for_human_long"),
        (r#"human":"Lists""#, format!("human\":\"{}\"", long(257)), "description_for_human_long"),
        (r#"model":"Lists""#, format!("model\":\"{}\"", long(8_015)), "description_for_model_long"),
        (r#""todo""#, format!("\"{}\"", long(51)), "name_for_model_long"),
        (r#""todo""#, r#""to do""#.to_owned(), "name_for_model_odd"),
        ("https://example.com/openapi.yaml", "/openapi.yaml".to_owned(), "api_url_relative"),
        (r#""type":"openapi","#, String::new(), "api_type_missing"),
        (r#""type":"openapi","#, r#""type":"openapi","paths":{},"#.to_owned(), "api_inline_spec"),
        ("openapi.yaml", "openapi".to_owned(), "spec_url_no_extension"),
        ("https://example.com/l.png", "data:image/png;base64,AA".to_owned(), "logo_data_uri"),
        ("https://example.com/l.png", "https://cdn.test/l.png".to_owned(), "logo_other_domain"),
        ("a@example.com", "a@b@example.com".to_owned(), "contact_invalid"),
        ("a@example.com", String::new(), "contact_invalid"),
        ("https://example.com/legal", "a@example.com".to_owned(), "legal_not_url"),
        ("https://example.com/legal", "https://b.test/".to_owned(), "legal_other_domain"),
        (r#""instructions":"""#, r#""permissions":[]"#.to_owned(), "auth_none_extra"),
        (r#","instructions":"""#, String::new(), "auth_instructions_missing"),
        (
            r#""legal_info"#,
            r#""HttpAuthorizationType":"","legal_info"#.to_owned(),
            "root_unknown_member",
        ),
    ] {
        let body = base.replace(from, &to);
        assert_ne!(body, base, "{from}");
        assert!(codes(&body).contains(&code.to_owned()), "{code}: {:?}", codes(&body));
    }
    for (more, code) in [
        (r#""has_user_authentication":false"#, "api_user_auth_legacy"),
        (r#""is_user_authenticated":"false""#, "api_user_auth_type"),
    ] {
        let body = base.replace(r#""type":"openapi""#, &format!(r#""type":"openapi",{more}"#));
        assert_eq!(codes(&body), [code]);
    }
}

#[test]
fn p12_nothing_of_auth_is_read_from_the_root() {
    let more = r#","verification_tokens":{"tollgate":"0123456789abcdef0123456789abcdef"},
        "oauth_client_id":"us","authorization_type":"basic""#;
    let service = r#"{"type":"service_http","instructions":""}"#;
    let published = read_at(AT, &manifest(service, more), false).unwrap();
    assert!(published.verification_tokens.is_empty());
    assert_eq!(published.manifest.auth, Auth::ServiceHttp { scheme: Scheme::Bearer });
}

#[test]
fn json_as_people_write_it_is_read_and_what_could_be_read_twice_is_not() {
    let body = manifest(NONE, ",\n\n  \"x\": [1, 2,],\n");
    let published = read_at(AT, &body, false).unwrap();
    let comma = published.warnings.iter().find(|it| it.code == "json_trailing_comma").unwrap();
    assert!(comma.message.contains("line 7, column 13"), "{}", comma.message);
    assert!(read_at(AT, &format!("\u{feff}{}", manifest(NONE, "")), false).is_ok());
    let strings = manifest(NONE, r#","x":",]","y":"\\\",}""#);
    assert!(!codes(&strings).contains(&"json_trailing_comma".to_owned()));
    let deep = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
    for body in [
        String::new(),
        "<html>".to_owned(),
        "[]".to_owned(),
        "{,,}".to_owned(),
        manifest(NONE, r#","auth":{"type":"service_http"}"#),
        manifest(r#"{"type":"none","type":"oauth"}"#, ""),
        manifest(NONE, &format!(r#","x":{deep}"#)),
    ] {
        assert_eq!(read_at(AT, &body, false).unwrap_err().code, "not_json", "{body:.40}");
    }
    let huge = manifest(NONE, &format!(r#","x":"{}""#, "x".repeat(MAX_BYTES)));
    assert_eq!(read_at(AT, &huge, false).unwrap_err().code, "too_large");
}

#[test]
fn p3_p11_what_must_not_be_used_is_refused_by_its_code() {
    let refused = |body: &str| read_at(AT, body, false).unwrap_err().code;
    let base = manifest(NONE, "");
    for (from, to, code) in [
        ("https://example.com/openapi", "https://evilexample.com/openapi", "api_url_outside"),
        ("https://example.com/openapi", "https://com/openapi", "api_url_outside"),
        ("https://example.com/openapi", "https://example.com:8443/openapi", "api_url_outside"),
        ("https://example.com/openapi", "http://example.com:443/openapi", "not_https"),
        (r#""type":"none""#, r#""type":"magic""#, "auth_unknown"),
        (r#""type":"none""#, r#""kind":"none""#, "auth_missing"),
        (r#""url""#, r#""uri""#, "api_url_missing"),
    ] {
        assert_eq!(refused(&base.replace(from, to)), code, "{to}");
    }
    let custom = |name: &str| {
        manifest(
            &format!(
                r#"{{"type":"service_http","instructions":"","authorization_type":"custom_header",
                "custom_auth_header":"{name}"}}"#
            ),
            "",
        )
    };
    for name in [
        "Host",
        "Cookie",
        "Connection",
        "Content-Length",
        "Transfer-Encoding",
        "",
        "a b",
        "TE",
        "X-Forwarded-For",
        "Tollgate-Identity",
    ] {
        assert_eq!(refused(&custom(name)), "auth_custom_header", "{name}");
    }
    assert_eq!(codes(&custom("X-API-Key")), ["auth_custom_header"]);
    let twice = oauth_json("").replace("/authorize\"", "/authorize?State=1\"");
    assert_eq!(refused(&manifest(&twice, "")), "client_url_parameters");
}

#[test]
fn tools_on_this_machine_have_no_auth_unless_they_are_developed() {
    let here = |auth: &str| manifest(auth, "").replace("https://example.com", "http://localhost:9");
    let at = "http://localhost:9/.well-known/ai-plugin.json";
    assert!(read_at(at, &here(NONE), false).is_ok());
    let oauth = oauth_json("").replace("https://example.com", "http://localhost:9");
    assert_eq!(read_at(at, &here(&oauth), false).unwrap_err().code, "loopback_auth");
    assert!(read_at(at, &here(&oauth), true).is_ok());
    // Another port of this machine is somebody else.
    let elsewhere = here(NONE).replace("http://localhost:9/openapi", "http://localhost:8/openapi");
    assert_eq!(read_at(at, &elsewhere, true).unwrap_err().code, "api_url_outside");
    // A tool elsewhere cannot name this machine.
    let back = oauth_json("").replace("https://example.com/token", "http://localhost:9/token");
    assert_eq!(oauth_of(&back).authorization_url, None);
}

#[test]
fn p7_p16_v17_what_oauth_says_is_kept_as_it_is_written() {
    let with = |from: &str, to: &str| oauth_json("").replace(from, to);
    let warned = |auth: &str| codes(&manifest(auth, ""));
    assert_eq!(oauth_of(&oauth_json("")).body, BodyForm::Json);
    let form = with("application/json", "application/x-www-form-urlencoded; charset=utf-8");
    assert_eq!(oauth_of(&form).body, BodyForm::Form);
    assert_eq!(warned(&with("application/json", "text/plain")), ["auth_content_type"]);
    for (scope, code) in [
        ("", "auth_scope_empty"),
        ("a,b", "auth_scope_comma"),
        ("a%20b", "auth_scope_encoded"),
        ("a+b", "auth_scope_plus"),
        (&"s ".repeat(25), "auth_scope_long"),
    ] {
        let auth = with(r#""scope":"read""#, &format!(r#""scope":"{scope}""#));
        assert_eq!(warned(&auth), [code]);
        assert_eq!(oauth_of(&auth).scope, scope);
    }
    let slash = with("example.com/token", "example.com/auth/");
    assert_eq!(warned(&slash), ["auth_url_trailing_slash"]);
    assert_eq!(oauth_of(&slash).authorization_url.as_deref(), Some("https://example.com/auth/"));
    let other =
        read_at(AT, &manifest(&with("https://example.com/token", "https://id.test/t"), ""), false);
    let other = other.unwrap().warnings;
    assert_eq!(other[0].code, "auth_oauth_other_domain");
    assert_eq!(other[0].host.as_deref(), Some("id.test"));
    for auth in [
        oauth_json(r#","token_url":"https://example.com/t""#),
        with("example.com/token", "example.com/oauth/authorize"),
        with("example.com/authorize", "example.com/register"),
    ] {
        assert_eq!(warned(&auth), ["auth_misnamed_token_url"]);
        assert!(oauth_of(&auth).is_ambiguous);
    }
    for odd in [
        "http://example.com/token",
        "/token",
        "https://u@example.com/t",
        "https://example.com/#f",
        "javascript:alert(1)",
        "file:///etc/passwd",
    ] {
        let auth = with("https://example.com/token", odd);
        assert_eq!(oauth_of(&auth).authorization_url, None, "{odd}");
    }
    let placeholder = oauth_json("").replace(
        r#""verification_tokens":{}"#,
        r#""verification_tokens":{"openai":"Put it here"},"redirect_uri":"https://x.test""#,
    );
    assert_eq!(warned(&placeholder), ["auth_redirect_uri", "auth_token_placeholder"]);
}

#[test]
fn p1_p2_a_manifest_may_lead_down_and_off_www_alone() {
    let leads =
        |from: &str, to: &str| may_lead(&Url::parse(from).unwrap(), &Url::parse(to).unwrap());
    for (from, to) in [
        ("https://www.example.com/a", "https://example.com/a"),
        ("https://foo.example.com/", "https://bar.foo.example.com/"),
        ("https://foo.example.com/", "https://foo.example.com/baz/ai-plugin.json"),
        ("https://example.com/", "https://www.example.com/"),
    ] {
        assert!(leads(from, to), "{from} {to}");
    }
    for (from, to) in [
        ("https://foo.example.com/", "https://example.com/"),
        ("https://foo.example.com/", "https://bar.example.com/"),
        ("https://example.com/", "https://example.org/"),
        ("https://example.com/", "https://evilexample.com/"),
        ("https://example.com/", "http://example.com/"),
        ("https://vercel.app/", "https://evil.vercel.app/"),
        ("https://www.example.com/", "https://foo.example.com/"),
        ("http://localhost:1/", "http://localhost:2/"),
    ] {
        assert!(!leads(from, to), "{from} {to}");
    }
    let www = Url::parse("https://WWW.B\u{fc}cher.Example/").unwrap();
    assert_eq!(Root::of(&www).unwrap().host(), "xn--bcher-kva.example");
}

#[test]
fn p4_tenants_of_one_suffix_are_strangers() {
    assert!(same_site("a.example.com", "b.example.com"));
    assert!(same_site("a.one.co.uk", "one.co.uk"));
    assert!(!same_site("one.co.uk", "two.co.uk"));
    for suffix in ["vercel.app", "github.io", "repl.co", "herokuapp.com"] {
        assert!(!same_site(&format!("a.{suffix}"), &format!("b.{suffix}")), "{suffix}");
        assert!(!same_site(suffix, &format!("b.{suffix}")), "{suffix}");
        let root = Root::of(&Url::parse(&format!("https://{suffix}/")).unwrap()).unwrap();
        assert!(!root.holds(&Url::parse(&format!("https://b.{suffix}/")).unwrap()), "{suffix}");
    }
    assert!(!same_site("10.0.0.1", "9.0.0.1") && same_site("10.0.0.1", "10.0.0.1"));
}

fn api(spec: &str) -> Result<Api, Refusal> {
    let url = Url::parse("https://docs.example.com/openapi.yaml").unwrap();
    let at = Url::parse(AT).unwrap();
    let root = Root::of(&at).unwrap();
    read_api(spec.as_bytes(), &url, &Source { url: &at, root: &root, loopback_tools: false })
}

#[test]
fn p5_p21_the_api_is_where_the_first_server_below_the_root_is() {
    let json = r#"{"openapi":"3.0.1","servers":[{"url":"https://elsewhere.test"},
        {"url":"https://api.example.com/v1/"}],"paths":{}}"#;
    assert_eq!(api(json).unwrap().base, "https://api.example.com/v1");
    let server =
        "  - url: https://{stage}.example.com/v2\n    variables: {stage: {default: live}}\n";
    let paths = "paths:\n  /a:\n    get:\n      responses:\n        200: {}\n";
    let yaml = &format!("openapi: 3.1.0\nservers:\n{server}{paths}");
    let found = api(yaml).unwrap();
    assert_eq!((found.base.as_str(), found.warnings.len()), ("https://live.example.com/v2", 0));
    let none = api("openapi: 3.0.0\npaths: {}\n").unwrap();
    assert_eq!(
        (none.base.as_str(), none.warnings[0].code.as_str()),
        ("https://docs.example.com", "spec_no_servers")
    );
    let outside = api("openapi: 3.0.0\nservers: [{url: 'https://evilexample.com'}]\n").unwrap();
    assert_eq!(outside.base, "https://docs.example.com");
    assert_eq!(outside.warnings[0].host.as_deref(), Some("evilexample.com"));
    let relative = api("openapi: 3.0.0\nservers: [{url: /v3}]\n").unwrap();
    assert_eq!(relative.base, "https://docs.example.com/v3");
    assert_eq!(api("openapi: 3.1\nservers: [{url: /v3}]\n").unwrap().warnings.len(), 0);
    let plain = api("openapi: 3.0.0\nservers: [{url: 'http://api.example.com'}]\n").unwrap();
    assert_eq!(plain.base, "https://docs.example.com", "never without TLS");
}

#[test]
fn p22_a_document_that_is_hostile_or_none_is_refused() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let again = format!("*a{}, ", n - 1).repeat(10);
        laughs.push_str(&format!("a{n}: &a{n} [{again}]\n"));
    }
    laughs.push_str("openapi: 3.0.0\n");
    for spec in [
        "",
        "<html></html>",
        "{}",
        "openapi: [3.0.0",
        "a: &a [*a]\nopenapi: *b\n",
        &"[".repeat(100_000),
        &"{\"a\":".repeat(100_000),
        laughs.as_str(),
    ] {
        assert!(api(spec).is_err(), "{spec:.60}");
    }
}

#[test]
fn p8_ph05_the_authorization_request_is_to_the_letter() {
    let state = PlainToken::new("0af7".to_owned());
    let request = AuthorizeRequest {
        client_id: "us",
        scope: "a%20b+c,d",
        state: &state,
        redirect_uri: "https://chat.example/aip/plugin-1/oauth/callback",
        challenge: None,
    };
    assert_eq!(
        request.at("https://example.com/authorize"),
        "https://example.com/authorize?response_type=code&client_id=us&scope=a%20b+c,d&state=0af7\
         &redirect_uri=https%3A%2F%2Fchat.example%2Faip%2Fplugin-1%2Foauth%2Fcallback"
    );
    assert!(request.at("https://example.com/a?x=1").starts_with("https://example.com/a?x=1&resp"));
    assert!(request.at("https://example.com/a?").starts_with("https://example.com/a?response"));
    let odd = AuthorizeRequest { scope: "a b&c#\u{fc}", challenge: Some("c"), ..request };
    assert!(odd.at("https://x.test/").contains("scope=a%20b%26c%23%C3%BC&"));
    assert!(odd.at("https://x.test/").ends_with("&code_challenge=c&code_challenge_method=S256"));
}

#[test]
fn p17_token_requests_are_json_or_a_form() {
    let code = PlainToken::new("c/1".to_owned());
    let secret = Secret::new("s&".to_owned());
    let request =
        TokenRequest::Code { code: &code, redirect_uri: "https://x.test/cb", verifier: None };
    let json = request.body(BodyForm::Json, Some(("us", &secret)));
    assert_eq!(
        String::from_utf8(json).unwrap(),
        concat!(
            r#"{"grant_type":"authorization_code","client_id":"us","client_secret":"s&","#,
            r#""code":"c/1","redirect_uri":"https://x.test/cb"}"#
        )
    );
    let form = request.body(BodyForm::Form, Some(("us", &secret)));
    assert_eq!(
        String::from_utf8(form).unwrap(),
        "grant_type=authorization_code&client_id=us&client_secret=s%26&code=c%2F1\
         &redirect_uri=https%3A%2F%2Fx.test%2Fcb"
    );
    let refresh = TokenRequest::Refresh { token: &secret };
    assert_eq!(
        String::from_utf8(refresh.body(BodyForm::Form, None)).unwrap(),
        "grant_type=refresh_token&refresh_token=s%26"
    );
}

proptest! {
    #[test]
    fn never_panics(body in any::<Vec<u8>>(), text in any::<String>(), scope in any::<String>()) {
        let url = Url::parse(AT).unwrap();
        let root = Root::of(&url).unwrap();
        let source = Source { url: &url, root: &root, loopback_tools: true };
        let _ = read(&body, &source);
        let _ = read(text.as_bytes(), &source);
        let _ = read_api(text.as_bytes(), &url, &source);
        let state = PlainToken::new("0".to_owned());
        let request = AuthorizeRequest {
            client_id: &text, scope: &scope, state: &state, redirect_uri: "https://x.test/",
            challenge: None,
        };
        // Whatever a manifest holds, the parameters are ours and come once.
        let asked = request.at("https://x.test/a?b=c");
        prop_assert!(asked.is_ascii() && !asked.contains('#') && !asked.contains(' '));
        let names: Vec<_> = Url::parse(&asked).unwrap().query_pairs()
            .map(|(name, _)| name.into_owned()).collect();
        let ours = ["response_type", "client_id", "scope", "state", "redirect_uri"];
        prop_assert_eq!(names.first().map(String::as_str), Some("b"));
        prop_assert_eq!(&names[1..], ours);
    }
}
