//! Somebody else's ID token (OpenID Connect Core 1.0, 2), read as strictly as our own tokens. The
//! claims come out of a [`VerifiedIdToken`] alone.

use std::borrow::Cow;

use tollgate_kernel::{Error, Timestamp};

use super::jwks::Algorithm;
use crate::jws::{Jws, Members, in_time, refusal, refuse};

const CLAIMS: [&str; 9] = ["iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "at_hash"];

/// The longest subject of an ID token, in bytes (OpenID Connect Core 1.0, 2).
const MAX_SUBJECT_LEN: usize = 255;

/// The most audiences of an ID token that are read.
const MAX_AUDIENCES: usize = 16;

/// An ID token that has the right form. Whether anybody signed it is not known.
pub struct UnverifiedIdToken<'a> {
    jws: Jws<'a>,
    algorithm: Algorithm,
}

/// An ID token whose signature was checked.
pub struct VerifiedIdToken(Vec<u8>);

impl<'a> UnverifiedIdToken<'a> {
    /// Reads a token as [`Jws`] does. Refuses an algorithm that is symmetric, `none` or unknown,
    /// and a type other than `JWT`, where it has one.
    pub fn parse(token: &'a str) -> Result<Self, Error> {
        let jws = Jws::parse(token)?;
        let Some(algorithm) = Algorithm::named(jws.algorithm()) else {
            return refuse("the algorithm is not an accepted one");
        };
        // A token of another kind would carry `at+jwt` or `logout+jwt` (RFC 8725, 3.11).
        if jws.typ().is_some_and(|typ| !typ.eq_ignore_ascii_case("jwt")) {
            return refuse("not an ID token");
        }
        Ok(Self { jws, algorithm })
    }

    /// Its parts, for the check of the signature.
    pub fn jws(&self) -> &Jws<'a> {
        &self.jws
    }

    /// With which algorithm it is said to be signed: the key decides whether that may be.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The token as a verified one, if `check` finds that a key of its issuer made the signature.
    pub fn verified(self, check: impl FnOnce(&Jws<'a>) -> bool) -> Result<VerifiedIdToken, Error> {
        self.jws.payload_if(check).map(VerifiedIdToken)
    }
}

impl VerifiedIdToken {
    /// All of its claims, as JSON.
    pub fn payload(&self) -> &[u8] {
        &self.0
    }
}

/// The claims of an ID token that decide whether it counts. Times are seconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdClaims {
    /// Who made it.
    pub iss: String,
    /// Whom it is about, among those that the issuer knows.
    pub sub: String,
    /// For whom it was made.
    pub aud: Vec<String>,
    /// To whom it was given, where it says so.
    pub azp: Option<String>,
    /// When it ends.
    pub exp: i64,
    /// When it was made.
    pub iat: i64,
    /// From when on it counts.
    pub nbf: Option<i64>,
    /// What the request sent along.
    pub nonce: Option<String>,
    /// Half a hash of the access token that came with it.
    pub at_hash: Option<String>,
}

impl IdClaims {
    /// Reads the claims. Refuses a claim twice, in another case or of the wrong type, and tokens
    /// without `iss`, `sub`, `aud`, `exp` or `iat`.
    pub fn parse(token: &VerifiedIdToken) -> Result<Self, Error> {
        let claims = Members::read(&token.0, &CLAIMS)?;
        let optional = |name| claims.text(name).map(|text| text.map(Cow::into_owned));
        let sub = claims.required("sub")?;
        if sub.len() > MAX_SUBJECT_LEN {
            return refuse("sub is too long");
        }
        Ok(Self {
            iss: claims.required("iss")?,
            sub,
            aud: audiences(&claims)?,
            azp: optional("azp")?,
            exp: time(&claims, "exp")?.ok_or_else(|| refusal("exp is missing"))?,
            iat: time(&claims, "iat")?.ok_or_else(|| refusal("iat is missing"))?,
            nbf: time(&claims, "nbf")?,
            nonce: optional("nonce")?,
            at_hash: optional("at_hash")?,
        })
    }

    /// Whether the token counts at `now`, when made by `issuer` for `client_id` (OpenID Connect
    /// Core 1.0, 3.1.3.7). Both are compared byte for byte; an audience beside ours is refused, for
    /// we trust none.
    pub fn check(&self, now: Timestamp, issuer: &str, client_id: &str) -> Result<(), Error> {
        if self.iss != issuer {
            return refuse("made by another issuer");
        }
        if self.aud.is_empty() || self.aud.iter().any(|aud| aud != client_id) {
            return refuse("made for another audience");
        }
        if self.azp.as_ref().is_some_and(|azp| azp != client_id) {
            return refuse("given to another client");
        }
        in_time(now, self.exp, (self.iat, self.nbf))
    }
}

fn audiences(claims: &Members<'_>) -> Result<Vec<String>, Error> {
    let listed = claims.value("aud").filter(|value| value.text.starts_with('['));
    let Some(list) = listed else { return Ok(vec![claims.required("aud")?]) };
    match serde_json::from_str::<Vec<String>>(list.text) {
        Ok(audiences) if (1..=MAX_AUDIENCES).contains(&audiences.len()) => Ok(audiences),
        _ => refuse("aud is no list of names"),
    }
}

/// Seconds since the Unix epoch, which others write with a fraction too (RFC 7519, 2). Rounded
/// down.
fn time(claims: &Members<'_>, name: &str) -> Result<Option<i64>, Error> {
    let Some(value) = claims.value(name) else { return Ok(None) };
    let (whole, fraction) = value.text.split_once('.').unwrap_or((value.text, "0"));
    let time = whole.parse().ok().filter(|seconds: &i64| *seconds >= 0);
    let is_plain = fraction.bytes().all(|b| b.is_ascii_digit());
    time.filter(|_| is_plain).map(Some).ok_or_else(|| refusal("a time is no number of seconds"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    use super::*;
    use crate::jws::{LEEWAY_S, MAX_LEN};

    const NOW: i64 = 1_800_000_000;
    const ISSUER: &str = "https://idp.example";
    const CLIENT: &str = "our-client";
    const HEADER: &str = r#"{"alg":"RS256","typ":"JWT","kid":"k1"}"#;
    const PAYLOAD: &str = concat!(
        r#"{"iss":"https://idp.example","sub":"alice","aud":"our-client","exp":1800000300,"#,
        r#""iat":1800000000,"nonce":"n","email":"a@example.com"}"#
    );

    fn token(header: &str, payload: &str) -> String {
        let encode = |part: &str| URL_SAFE_NO_PAD.encode(part);
        format!("{}.{}.{}", encode(header), encode(payload), URL_SAFE_NO_PAD.encode([7; 256]))
    }

    /// Reads a token whose signature is taken for good: what is left is its form.
    fn read(token: &str) -> Result<IdClaims, Error> {
        let claims = IdClaims::parse(&UnverifiedIdToken::parse(token)?.verified(|_| true)?)?;
        claims.check(Timestamp::from_secs(NOW), ISSUER, CLIENT).map(|()| claims)
    }

    fn takes_header(header: &str) -> bool {
        read(&token(header, PAYLOAD)).is_ok()
    }

    /// The good payload with one piece replaced; the piece must be there.
    fn takes(from: &str, to: &str) -> bool {
        assert!(PAYLOAD.contains(from), "{from}");
        read(&token(HEADER, &PAYLOAD.replacen(from, to, 1))).is_ok()
    }

    #[test]
    fn j27_claims_come_out_of_a_verified_token_alone() {
        let claims = read(&token(HEADER, PAYLOAD)).unwrap();
        assert_eq!((claims.sub.as_str(), claims.nonce.as_deref()), ("alice", Some("n")));
        let text = token(HEADER, PAYLOAD);
        let token = UnverifiedIdToken::parse(&text).unwrap();
        assert_eq!((token.jws().kid(), token.algorithm()), (Some("k1"), Algorithm::Rs256));
        assert_eq!(token.jws().signing_input(), text.rsplit_once('.').unwrap().0.as_bytes());
        assert!(token.verified(|_| false).is_err(), "no claims without a signature");
    }

    #[test]
    fn j1_j2_others_id_tokens_without_an_asymmetric_signature_are_refused() {
        for algorithm in ["none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "", "RS1"] {
            assert!(!takes_header(&HEADER.replace("RS256", algorithm)), "{algorithm}");
        }
        assert!(!takes_header(r#"{"typ":"JWT"}"#));
        assert!(!takes_header(r#"{"alg":["RS256"]}"#));
    }

    #[test]
    fn j4_j5_j14_j15_j16_odd_headers_of_id_tokens_are_refused() {
        for member in [
            r#""jwk":{}"#,
            r#""jku":"https://evil.example""#,
            r#""x5u":"https://evil.example""#,
            r#""x5c":[]"#,
            r#""crit":["exp"]"#,
            r#""crit":[]"#,
            r#""b64":false"#,
            r#""b64":true"#,
            r#""zip":"DEF""#,
            r#""Alg":"none""#,
            r#""alg":"RS256""#,
        ] {
            assert!(!takes_header(&HEADER.replacen('{', &format!("{{{member},"), 1)), "{member}");
        }
        // An encrypted token has five parts and an algorithm for keys.
        assert!(!takes_header(r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2000000000}"#));
        assert!(read("a.b.c.d.e").is_err());
    }

    #[test]
    fn j6_tokens_of_another_type_are_no_id_tokens() {
        for typ in ["at+jwt", "logout+jwt", "application/at+jwt", "JWE", ""] {
            assert!(!takes_header(&HEADER.replace("\"JWT\"", &format!("\"{typ}\""))), "{typ}");
        }
        assert!(takes_header(r#"{"alg":"RS256"}"#));
        assert!(takes_header(r#"{"alg":"RS256","typ":"jwt"}"#));
    }

    #[test]
    fn j7_the_audience_of_an_id_token_is_ours_alone() {
        let aud = r#""aud":"our-client""#;
        assert!(takes(aud, r#""aud":["our-client"]"#));
        assert!(takes(aud, r#""aud":"our-client","azp":"our-client""#));
        for other in [
            r#""aud":"other""#,
            r#""aud":"our-client2""#,
            r#""aud":"Our-Client""#,
            r#""aud":["our-client","other"]"#,
            r#""aud":["our-client","other"],"azp":"our-client""#,
            r#""aud":["other"],"azp":"our-client""#,
            r#""aud":[]"#,
            r#""aud":[["our-client"]]"#,
            r#""aud":"","azp":"our-client""#,
            r#""aud":null"#,
            r#""Aud":"our-client""#,
            r#""aud":"our-client","azp":"other""#,
            r#""aud":"our-client","azp":["our-client"]"#,
        ] {
            assert!(!takes(aud, other), "{other}");
        }
    }

    #[test]
    fn j8_the_issuer_of_an_id_token_is_compared_whole() {
        for other in ["https://idp.example/", "https://idp.example.evil", "https://IDP.example", ""]
        {
            assert!(!takes("https://idp.example", other), "{other}");
        }
    }

    #[test]
    fn j9_j10_j11_the_times_of_an_id_token_count() {
        let exp = |seconds: i64| takes("\"exp\":1800000300", &format!("\"exp\":{seconds}"));
        assert!(exp(NOW - LEEWAY_S + 1) && !exp(NOW - LEEWAY_S) && !exp(0) && !exp(-1));
        let iat = |seconds: i64| takes("\"iat\":1800000000", &format!("\"iat\":{seconds}"));
        assert!(iat(NOW + LEEWAY_S) && !iat(NOW + LEEWAY_S + 1));
        let nbf = |seconds: i64| takes("\"iat\"", &format!("\"nbf\":{seconds},\"iat\""));
        assert!(nbf(NOW + LEEWAY_S) && !nbf(NOW + LEEWAY_S + 1));
        assert!(!takes("\"exp\":1800000300,", "") && !takes("\"iat\":1800000000,", ""));
        assert!(takes("1800000300", "1800000300.25"));
        for odd in ["\"1800000300\"", "1.8e9", "null", "[]", "1800000300.", "99999999999999999999"]
        {
            assert!(!takes("1800000300", odd), "{odd}");
        }
    }

    #[test]
    fn j12_claims_of_an_id_token_that_appear_twice_are_refused() {
        for twice in [r#""sub":"bob","#, r#""nonce":"m","#, r#""email":"b@example.com","#] {
            assert!(!takes("{", &format!("{{{twice}")), "{twice}");
        }
        assert!(!takes("{", r#"{"\u0073ub":"bob","#));
        assert!(!takes("\"sub\":\"alice\",", "") && !takes("\"alice\"", "\"\""));
        assert!(!takes("\"alice\"", "7"));
        assert!(!takes("alice", &"a".repeat(256)) && takes("alice", &"a".repeat(255)));
    }

    #[test]
    fn j13_j24_an_id_token_has_one_spelling_and_a_longest_length() {
        let good = token(HEADER, PAYLOAD);
        let (input, signature) = good.rsplit_once('.').unwrap();
        for bad in [
            format!("{good}="),
            format!("{good}."),
            format!("{good} "),
            format!(" {good}"),
            format!("{input}.{signature}AA="),
            good.replacen('.', "..", 1),
            input.to_owned(),
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
        ] {
            assert!(read(&bad).is_err(), "{bad}");
        }
        // The last character of 256 bytes carries four bits that mean nothing.
        let mut other = good.clone();
        let last = other.pop().unwrap();
        other.push(if last == 'w' { 'x' } else { 'B' });
        assert!(read(&other).is_err(), "{last}");
        let padded = PAYLOAD.replacen("alice", &"a".repeat(MAX_LEN), 1);
        assert!(UnverifiedIdToken::parse(&token(HEADER, &padded)).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>(), header in any::<String>(), body in any::<String>())
        {
            let _ = read(&text);
            let _ = read(&token(&header, &body));
            let _ = read(&token(HEADER, &body));
        }
    }
}
