use proptest::prelude::*;
use tollgate_kernel::Kind;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

const NOW: i64 = 1_000_000;
const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "https://id.example/v1";
const HEADER: &str = r#"{"alg":"ES256","typ":"at+jwt","kid":"k1"}"#;

fn claims() -> AccessClaims {
    AccessClaims {
        iss: ISSUER.to_owned(),
        sub: "user".to_owned(),
        aud: AUDIENCE.to_owned(),
        exp: NOW + 300,
        iat: NOW,
        nbf: None,
        jti: "j".to_owned(),
        client_id: "c".to_owned(),
        scope: Some("models".to_owned()),
        sid: None,
        models: None,
        key: None,
        budget: None,
        grant: None,
        auth_time: None,
    }
}

fn payload() -> String {
    String::from_utf8(claims().to_json()).expect("text")
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn token(header: &str, payload: &str) -> String {
    format!("{}.{}.{}", b64(header), b64(payload), b64([7; 64]))
}

/// Reads a token whose signature is taken for good: what is left is its form.
fn read(token: &str) -> Result<AccessClaims, Error> {
    AccessClaims::parse(&Unverified::parse(token)?.verified(|_| true)?)
}

fn is_refused(token: &str) -> bool {
    match read(token) {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.kind(), Kind::Unauthenticated);
            assert_eq!(error.detail(), Error::unauthenticated().detail(), "the same words always");
            assert!(error.cause().is_some());
            true
        }
    }
}

fn header_is_refused(header: &str) -> bool {
    is_refused(&token(header, &payload()))
}

fn payload_is_refused(payload: &str) -> bool {
    is_refused(&token(HEADER, payload))
}

/// The good payload with one piece replaced; the piece must be there.
fn changed(from: &str, to: &str) -> String {
    let payload = payload();
    assert!(payload.contains(from), "{from} in {payload}");
    payload.replacen(from, to, 1)
}

#[test]
fn a_good_token_is_read_back() {
    let input = claims().signing_input("k1");
    let made = compact(&input, &[7; 64]);
    let unverified = Unverified::parse(made.expose()).expect("well-formed");
    let read_back = unverified.jws();
    assert_eq!((read_back.kid(), read_back.typ()), (Some("k1"), Some("at+jwt")));
    assert_eq!(read_back.signing_input(), input.as_bytes());
    assert_eq!(read_back.signature(), [7; 64]);
    assert_eq!(read(made.expose()).expect("good"), claims());
    assert_eq!(made.expose(), token(HEADER, &payload()));
    let all = AccessClaims {
        nbf: Some(NOW),
        sid: Some("s".to_owned()),
        models: Some("gpt-4o* o3".to_owned()),
        key: Some("k".to_owned()),
        budget: Some("calls 1 day".to_owned()),
        ..claims()
    };
    assert_eq!(read(&format!("{}.{}", all.signing_input("k"), b64([0; 64]))).expect("good"), all);
}

#[test]
fn j27_claims_need_a_good_signature() {
    let made = token(HEADER, &payload());
    let unverified = Unverified::parse(&made).expect("well-formed");
    assert!(unverified.verified(|_| false).is_err());
}

#[test]
fn j1_no_algorithm_in_any_spelling() {
    for alg in ["\"none\"", "\"None\"", "\"NONE\"", "\"nOnE\"", "\"\"", "null", "[\"ES256\"]", "7"]
    {
        assert!(header_is_refused(&format!(r#"{{"alg":{alg},"typ":"at+jwt"}}"#)), "{alg}");
    }
    assert!(header_is_refused(r#"{"typ":"at+jwt"}"#));
    let unsigned = format!("{}.{}.", b64(HEADER), b64(payload()));
    assert!(is_refused(&unsigned));
}

#[test]
fn j2_other_algorithms_are_refused() {
    for alg in ["HS256", "RS256", "ES384", "EdDSA", "es256", "ES256 ", "ES256K"] {
        assert!(header_is_refused(&format!(r#"{{"alg":"{alg}","typ":"at+jwt"}}"#)), "{alg}");
    }
}

#[test]
fn j3_key_ids_are_opaque_text() {
    for kid in ["../../etc/passwd", "' OR 1=1 --", "k\u{0}1"] {
        let quoted = serde_json::Value::from(kid);
        let header = format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":{quoted}}}"#);
        let token = token(&header, &payload());
        assert_eq!(Unverified::parse(&token).expect("form only").jws().kid(), Some(kid));
    }
    for kid in ["7", "null", "{}", &format!("\"{}\"", "k".repeat(129))] {
        assert!(header_is_refused(&format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":{kid}}}"#)));
    }
}

#[test]
fn j4_keys_in_the_header_are_refused() {
    for name in ["jwk", "jku", "x5u", "x5c", "JWK", "x5\\u0063", "zip"] {
        let header = format!(r#"{{"alg":"ES256","typ":"at+jwt","{name}":"https://evil.example"}}"#);
        assert!(header_is_refused(&header), "{name}");
    }
}

#[test]
fn j5_critical_extensions_are_refused() {
    assert!(header_is_refused(r#"{"alg":"ES256","typ":"at+jwt","crit":["exp"],"exp":1}"#));
    assert!(header_is_refused(r#"{"alg":"ES256","typ":"at+jwt","crit":[]}"#));
}

#[test]
fn j6_tokens_of_another_type_are_refused() {
    for typ in ["\"JWT\"", "\"logout+jwt\"", "\"AT+JWT\"", "\"at+jwt \"", "null", "[\"at+jwt\"]"] {
        assert!(header_is_refused(&format!(r#"{{"alg":"ES256","typ":{typ}}}"#)), "{typ}");
    }
    assert!(header_is_refused(r#"{"alg":"ES256"}"#));
}

#[test]
fn j7_exactly_our_audience_is_needed() {
    let aud = format!(r#""aud":"{AUDIENCE}""#);
    let one = changed(&aud, &format!(r#""aud":["{AUDIENCE}"]"#));
    assert_eq!(read(&token(HEADER, &one)).expect("a list of one"), claims());
    let foreign = format!(r#""aud":["{AUDIENCE}","https://other.example"]"#);
    for bad in [
        foreign.as_str(),
        r#""aud":[]"#,
        r#""aud":"""#,
        r#""aud":7"#,
        r#""x":1"#,
        r#""aud":[""]"#,
        r#""aud":null"#,
    ] {
        assert!(payload_is_refused(&changed(&aud, bad)), "{bad}");
    }
    let now = Timestamp::from_secs(NOW);
    for other in ["https://id.example", "https://id.example/v1/", "https://ID.example/v1", ""] {
        assert!(claims().check(now, ISSUER, other).is_err(), "{other}");
    }
}

#[test]
fn j8_the_issuer_is_compared_whole() {
    let now = Timestamp::from_secs(NOW);
    assert!(claims().check(now, ISSUER, AUDIENCE).is_ok());
    for issuer in ["https://id.example.evil.example", "https://id.example/", "https://id.exampl"] {
        let claims = AccessClaims { iss: issuer.to_owned(), ..claims() };
        assert!(claims.check(now, ISSUER, AUDIENCE).is_err(), "{issuer}");
    }
}

#[test]
fn j9_all_claims_of_an_access_token_are_needed() {
    for name in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"] {
        assert!(payload_is_refused(&changed(&format!("\"{name}\""), "\"other\"")), "{name}");
    }
    for (from, bad) in [
        ("\"exp\":1000300", "\"exp\":\"1000300\""),
        ("\"exp\":1000300", "\"exp\":1000300.5"),
        ("\"exp\":1000300", "\"exp\":1e30"),
        ("\"exp\":1000300", "\"exp\":-1"),
        ("\"exp\":1000300", "\"exp\":null"),
        ("\"sub\":\"user\"", "\"sub\":\"\""),
        ("\"sub\":\"user\"", "\"sub\":7"),
        ("\"scope\":\"models\"", "\"scope\":[\"models\"]"),
    ] {
        assert!(payload_is_refused(&changed(from, bad)), "{bad}");
    }
}

#[test]
fn j10_the_leeway_past_the_end_is_a_minute() {
    let at = |s| claims().check(Timestamp::from_secs(s), ISSUER, AUDIENCE).is_ok();
    assert!(at(NOW + 300 + 59));
    assert!(!at(NOW + 300 + 60));
    let endless = AccessClaims { exp: i64::MAX, ..claims() };
    assert!(endless.check(Timestamp::from_secs(NOW), ISSUER, AUDIENCE).is_ok(), "no overflow");
}

#[test]
fn j11_tokens_from_the_future_are_refused() {
    let now = Timestamp::from_secs(NOW);
    let at = |iat, nbf| AccessClaims { iat, nbf, ..claims() }.check(now, ISSUER, AUDIENCE).is_ok();
    assert!(at(NOW + 60, None) && at(NOW, Some(NOW + 60)));
    assert!(!at(NOW + 61, None));
    assert!(!at(NOW, Some(NOW + 61)));
    assert!(!at(NOW + 61, Some(NOW)), "an early nbf does not excuse iat");
}

#[test]
fn j12_members_that_appear_twice_are_refused() {
    assert!(header_is_refused(r#"{"alg":"ES256","alg":"ES256","typ":"at+jwt"}"#));
    assert!(header_is_refused(r#"{"alg":"ES256","typ":"at+jwt","a":1,"\u0061":2}"#));
    assert!(payload_is_refused(&changed("\"sub\"", "\"sub\":\"admin\",\"sub\"")));
    assert!(payload_is_refused(&changed("\"sub\"", "\"s\\u0075b\":\"admin\",\"sub\"")));
}

#[test]
fn t32_case_variants_are_refused() {
    assert!(header_is_refused(r#"{"alg":"ES256","typ":"at+jwt","Alg":"none"}"#));
    for name in ["Sub", "SUB", "\u{17f}ub", "Client_ID"] {
        assert!(payload_is_refused(&changed("\"sub\"", &format!("\"{name}\":\"a\",\"sub\""))));
    }
}

#[test]
fn j13_a_token_has_one_spelling() {
    let good = token(HEADER, &payload());
    assert!(!is_refused(&good));
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("three parts") };
    // 64 bytes end in a digit of which four bits are unused.
    let head = &signature[..signature.len() - 1];
    assert!(signature.ends_with('w'));
    for bad in [
        format!("{header}.{payload}.{head}x"),
        format!("{header}.{payload}.{signature}=="),
        format!("{header}.{payload}.{signature}\n"),
        format!("{header}.{payload}.{signature}."),
        format!(".{header}.{payload}.{signature}"),
        format!(" {header}.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}A"),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{}", b64([7; 63])),
        format!("{header}.{payload}.{}", b64([7; 65])),
        format!("{header}.{payload}.{}", signature.replacen('B', "+", 1)),
        String::new(),
    ] {
        assert!(is_refused(&bad), "{bad}");
    }
}

#[test]
fn j14_unencoded_payloads_are_refused() {
    assert!(header_is_refused(r#"{"alg":"ES256","typ":"at+jwt","b64":false}"#));
    assert!(header_is_refused(r#"{"alg":"ES256","typ":"at+jwt","b64":false,"crit":["b64"]}"#));
}

#[test]
fn j15_encrypted_tokens_are_refused() {
    let header = b64(r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#);
    assert!(is_refused(&format!("{header}..{}.{}.{}", b64([1; 12]), b64([0; 99]), b64([2; 16]))));
    assert!(header_is_refused(r#"{"alg":"ES256","typ":"at+jwt","zip":"DEF"}"#));
}

#[test]
fn j16_password_based_encryption_is_refused() {
    assert!(header_is_refused(r#"{"alg":"PBES2-HS256+A128KW","p2c":2147483647,"p2s":"AA"}"#));
}

#[test]
fn j24_long_tokens_are_refused_before_they_are_parsed() {
    let padded = |length: usize| {
        let sub = format!("\"sub\":\"{}\"", "x".repeat(length));
        token(HEADER, &changed("\"sub\":\"user\"", &sub))
    };
    let mut length = 12_000;
    while padded(length).len() <= MAX_LEN {
        length += 1;
    }
    assert!(!is_refused(&padded(length - 1)));
    assert!(is_refused(&padded(length)));
    assert!(is_refused(&"x".repeat(50_000_000)));
}

#[test]
fn t64_deep_claims_are_refused() {
    let deep = format!("\"x\":{}{},\"sub\"", "[".repeat(200), "]".repeat(200));
    assert!(payload_is_refused(&changed("\"sub\"", &deep)));
    let many: String = (0..100).map(|n| format!("\"x{n}\":1,")).collect();
    assert!(payload_is_refused(&changed("\"sub\"", &format!("{many}\"sub\""))));
}

proptest! {
    #[test]
    fn never_panics(
        text in any::<String>(), header in any::<Vec<u8>>(), payload in any::<Vec<u8>>(),
    ) {
        let _ = read(&text);
        let _ = read(&format!("{}.{}.{}", b64(&header), b64(&payload), b64([7; 64])));
        let _ = read(&format!("{}.{}.{}", b64(HEADER), b64(&payload), b64([7; 64])));
        let _ = read(&format!("{text}.{text}.{text}"));
    }

    #[test]
    fn what_is_made_is_read(
        sub in "[^\\x00]{1,40}", exp in 0_i64..i64::MAX, nbf in prop::option::of(0_i64..i64::MAX),
        scope in prop::option::of(any::<String>()),
    ) {
        let made = AccessClaims { sub, exp, nbf, scope, ..claims() };
        let made_token = compact(&made.signing_input("k"), &[1; 64]);
        prop_assert_eq!(read(made_token.expose()).expect("good"), made);
    }
}
