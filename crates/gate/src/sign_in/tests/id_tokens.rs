//! ID tokens that are not to be believed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json as value};
use tollgate_kernel::Kind;
use tollgate_vault::half_hash;

use super::house::{EC, NOW, RSA, signed};
use super::*;

/// Whether an ID token with these members over the good ones is accepted.
async fn takes(claims: Value, header: Value) -> bool {
    let (house, idp) = (House::new().await, Idp::start().await);
    takes_at(&house, &idp, claims, header).await
}

async fn takes_at(house: &House, idp: &Idp, claims: Value, header: Value) -> bool {
    idp.bend(|knobs| (knobs.claims, knobs.header) = (claims, header));
    let provider = house.provider(idp);
    match house.come_back(&provider, "alice").await {
        Ok(identity) => {
            assert_eq!((identity.issuer.as_str(), &*identity.subject), (&*idp.origin, "alice"));
            true
        }
        Err(error) => {
            house::assert_is_safe(&error);
            assert_eq!(error.kind(), Kind::UpstreamFailed);
            false
        }
    }
}

#[tokio::test]
async fn rsa_and_ec_signatures_of_another_library_count() {
    for pair in [&RSA, &EC] {
        let (house, idp) = (House::new().await, Idp::start().await);
        idp.bend(|knobs| knobs.pair = pair);
        let identity = house.come_back(&house.provider(&idp), "bob").await.unwrap();
        assert_eq!(
            identity,
            Identity {
                issuer: idp.origin.clone(),
                subject: "bob".to_owned(),
                email: Some("bob@example.com".to_owned()),
                email_verified: true,
                name: Some("bob".to_owned()),
                locale: None,
            }
        );
    }
}

#[tokio::test]
async fn t52_j6_j7_j8_j9_j10_j11_claims_that_are_not_ours_are_refused() {
    let (house, idp) = (House::new().await, Idp::start().await);
    for (claims, header) in [
        (value!({ "nonce": "another" }), value!({})),
        (value!({ "nonce": null }), value!({})),
        (value!({ "nonce": "" }), value!({})),
        (value!({ "iss": format!("{}/", idp.origin) }), value!({})),
        (value!({ "iss": "https://accounts.google.com" }), value!({})),
        (value!({ "iss": null }), value!({})),
        (value!({ "sub": null }), value!({})),
        (value!({ "aud": "another" }), value!({})),
        (value!({ "aud": null }), value!({})),
        (value!({ "aud": [CLIENT, "another"] }), value!({})),
        (value!({ "aud": [CLIENT, "another"], "azp": CLIENT }), value!({})),
        (value!({ "azp": "another" }), value!({})),
        (value!({ "exp": null }), value!({})),
        (value!({ "exp": NOW - 60 }), value!({})),
        (value!({ "iat": NOW + 61 }), value!({})),
        (value!({ "nbf": NOW + 61 }), value!({})),
        (value!({ "at_hash": "77QmUPtjPfzWtF2AnpK9RQ" }), value!({})),
        (value!({}), value!({ "typ": "at+jwt" })),
        (value!({}), value!({ "typ": "logout+jwt" })),
        (value!({}), value!({ "crit": ["b64"], "b64": false })),
        (value!({}), value!({ "jwk": RSA.public })),
        (value!({}), value!({ "jku": "https://evil.example/jwks" })),
        (value!({}), value!({ "alg": "RS512" })),
        (value!({}), value!({ "alg": "ES256" })),
        (value!({}), value!({ "alg": "none" })),
    ] {
        let shown = format!("{claims} {header}");
        assert!(!takes_at(&house, &idp, claims, header).await, "{shown}");
    }
    let at_hash = half_hash(tollgate_protocol::sign_in::Algorithm::Rs256, "access-alice");
    for claims in [
        value!({}),
        value!({ "aud": [CLIENT] }),
        value!({ "azp": CLIENT, "at_hash": at_hash, "exp": NOW - 59, "nbf": NOW + 60 }),
    ] {
        let shown = claims.to_string();
        assert!(takes_at(&house, &idp, claims, value!({})).await, "{shown}");
    }
}

#[tokio::test]
async fn j1_j2_j12_j13_j24_forged_signatures_are_refused() {
    type Forged = fn(&str, &str) -> String;
    let (house, idp) = (House::new().await, Idp::start().await);
    let provider = house.provider(&idp);
    let forged: [(&str, Forged); 8] = [
        ("none", |_, claims| {
            let encode = |part: &str| URL_SAFE_NO_PAD.encode(part);
            format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(claims))
        }),
        ("a MAC made with the public key", |_, claims| {
            let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"k1"}"#);
            let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
            let n = RSA.public["n"].as_str().unwrap();
            let key = jsonwebtoken::EncodingKey::from_secret(n.as_bytes());
            let alg = jsonwebtoken::Algorithm::HS256;
            let mac = jsonwebtoken::crypto::sign(input.as_bytes(), &key, alg).unwrap();
            format!("{input}.{mac}")
        }),
        ("another key", |header, claims| signed(&EC, header, claims)),
        ("a signature over something else", |header, claims| {
            let good = signed(&RSA, header, claims);
            let other = signed(&RSA, header, &claims.replace("alice", "mallory"));
            let (input, _) = other.rsplit_once('.').unwrap();
            format!("{input}.{}", good.rsplit_once('.').unwrap().1)
        }),
        ("a claim twice", |header, claims| {
            signed(&RSA, header, &claims.replacen('{', "{\"sub\":\"mallory\",", 1))
        }),
        ("padding", |header, claims| format!("{}=", signed(&RSA, header, claims))),
        ("a long one", |header, claims| {
            let long = format!("{{\"pad\":\"{}\",", "x".repeat(20_000));
            signed(&RSA, header, &claims.replacen('{', &long, 1))
        }),
        ("no token at all", |_, _| "<html>".to_owned()),
    ];
    let origin = idp.origin.clone();
    let claims = move |nonce: &str| {
        value!({ "iss": origin, "sub": "alice", "aud": CLIENT, "exp": NOW + 300, "iat": NOW,
            "nonce": nonce })
        .to_string()
    };
    const HEADER: &str = r#"{"alg":"RS256","typ":"JWT","kid":"k1"}"#;
    let good = claims.clone();
    idp.bend(|knobs| knobs.raw = Some(Box::new(move |n| signed(&RSA, HEADER, &good(n)))));
    house.come_back(&provider, "alice").await.unwrap();
    for (what, forge) in forged {
        let claims = claims.clone();
        idp.bend(|knobs| knobs.raw = Some(Box::new(move |n| forge(HEADER, &claims(n)))));
        let error = house.refusal(&provider).await;
        assert_eq!(error.kind(), Kind::UpstreamFailed, "{what}");
    }
}

#[tokio::test]
async fn j19_a_key_of_the_wrong_kind_checks_nothing() {
    let (house, idp) = (House::new().await, Idp::start().await);
    // The key says RS256, the token is signed with that key and says PS256; then the other way.
    let mut key = RSA.public.clone();
    key.insert("kid".to_owned(), value!("k1"));
    key.insert("alg".to_owned(), value!("PS256"));
    idp.can("/jwks", json("200 OK", &value!({ "keys": [key] })));
    let provider = house.provider(&idp);
    house.refusal(&provider).await;
    let mut other = EC.public.clone();
    other.insert("kid".to_owned(), value!("k1"));
    let idp = Idp::start().await;
    idp.can("/jwks", json("200 OK", &value!({ "keys": [other] })));
    house.refusal(&house.provider(&idp)).await;
}

#[tokio::test]
async fn j3_names_of_keys_are_opaque() {
    for kid in ["../../etc/passwd", "' OR 1=1 --", "k1\u{0}", "K1", "http://127.0.0.1/k"] {
        assert!(!takes(value!({}), value!({ "kid": kid })).await, "{kid}");
    }
    // Without a name the one key that fits is meant.
    assert!(takes(value!({}), value!({ "kid": null })).await);
}

#[tokio::test]
async fn j20_a_storm_of_unknown_keys_has_the_set_fetched_once_in_30_seconds() {
    let (house, idp) = (House::new().await, Idp::start().await);
    let provider = house.provider(&idp);
    house.come_back(&provider, "alice").await.unwrap();
    assert_eq!(idp.count("/jwks"), 1);
    for (second, fetched) in [(0, 1), (29, 1), (30, 2), (59, 2), (60, 3)] {
        let at = tollgate_kernel::Timestamp::from_secs(NOW + second);
        house.clock.advance(at.since(tollgate_kernel::Clock::now(&*house.clock)));
        let storm = (0..20).map(|n| {
            idp.bend(|knobs| knobs.header = value!({ "kid": format!("storm-{n}") }));
            house.come_back(&provider, "alice")
        });
        for refused in storm {
            refused.await.unwrap_err();
        }
        assert_eq!(idp.count("/jwks"), fetched, "after {second} s");
    }
    idp.bend(|knobs| knobs.header = value!({}));
    house.come_back(&provider, "alice").await.unwrap();
    assert_eq!(idp.count("/jwks"), 3, "the key that is known counts all the while");
}

#[tokio::test]
async fn j20_keys_that_cannot_be_fetched_again_stay_until_their_time() {
    let (house, idp) = (House::new().await, Idp::start().await);
    let provider = house.provider(&idp);
    house.come_back(&provider, "alice").await.unwrap();
    house.clock.advance(Duration::from_secs(31));
    idp.can("/jwks", answer("500 Oops", "content-type: text/plain", ""));
    idp.bend(|knobs| knobs.header = value!({ "kid": "unknown" }));
    house.refusal(&provider).await;
    idp.bend(|knobs| knobs.header = value!({}));
    house.come_back(&provider, "alice").await.unwrap();
}

#[tokio::test]
async fn j21_the_issuer_of_a_token_has_nothing_fetched() {
    let (house, idp, stranger) = (House::new().await, Idp::start().await, Idp::start().await);
    idp.bend(|knobs| knobs.claims = value!({ "iss": stranger.origin }));
    house.refusal(&house.provider(&idp)).await;
    assert!(stranger.seen().is_empty());
}

#[tokio::test]
async fn j26_a_key_that_was_taken_out_counts_ten_minutes_at_most() {
    let (house, idp) = (House::new().await, Idp::start().await);
    let provider = house.provider(&idp);
    house.come_back(&provider, "alice").await.unwrap();
    idp.can("/jwks", json("200 OK", &value!({ "keys": [] })));
    idp.bend(|knobs| knobs.claims = value!({ "exp": NOW + 9_000 }));
    house.clock.advance(Duration::from_secs(599));
    house.come_back(&provider, "alice").await.unwrap();
    house.clock.advance(Duration::from_secs(1));
    house.refusal(&provider).await;
}
