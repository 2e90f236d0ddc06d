//! Providers as they are: in the form of OpenID Connect, of GitHub, of Facebook; down, slow, odd.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json as value};
use tollgate_kernel::{Kind, Noun};

use super::house::{SILENCE, nowhere};
use super::*;
use crate::Outbound;

#[tokio::test]
async fn t52_state_nonce_and_proof_key_go_along_and_are_never_the_same() {
    let (house, idp) = (House::new().await, Idp::start().await);
    let provider = house.provider(&idp);
    let mut seen = Vec::new();
    for _ in 0..2 {
        let outset = house.gate.set_out(&house.nobody(), &provider, &redirect_uri()).await;
        let outset = outset.unwrap();
        assert!(outset.url.as_str().starts_with(&format!("{}/authorize?", idp.origin)));
        let query: Vec<(String, String)> = outset.url.query_pairs().into_owned().collect();
        let challenge = tollgate_vault::pkce_challenge(outset.verifier.expose());
        for (name, wanted) in [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", redirect_uri().as_str()),
            ("scope", "openid email"),
            ("state", outset.state.expose()),
            ("nonce", outset.nonce.expose()),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ] {
            let given: Vec<&str> =
                query.iter().filter(|(it, _)| it == name).map(|(_, value)| &**value).collect();
            assert_eq!(given, [wanted], "{name}");
        }
        assert!(!outset.url.as_str().contains(outset.verifier.expose()));
        for token in [&outset.state, &outset.nonce, &outset.verifier] {
            // 256 bits, six to a character.
            assert_eq!(token.expose().len(), 43);
            seen.push(token.expose().to_owned());
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 6);
    assert_eq!(idp.count("/.well-known/openid-configuration"), 1, "it is kept");
    assert!(house.audited().await.is_empty(), "no secret has gone out");
}

#[tokio::test]
async fn v31_an_exchange_is_audited_and_its_secret_goes_to_the_token_endpoint_alone() {
    let (house, idp) = (House::new().await, Idp::start().await);
    for in_form in [false, true] {
        let provider = Provider { secret_in_form: in_form, ..house.provider(&idp) };
        house.come_back(&provider, "alice").await.unwrap();
    }
    assert_eq!(house.audited().await, ["anonymous provider.exchange provider:idp"; 2]);
    let requests = idp.seen();
    let [basic, form] = &requests.iter().filter(|it| it.path == "/token").collect::<Vec<_>>()[..]
    else {
        panic!("two exchanges")
    };
    for request in [basic, form] {
        let form = request.form();
        assert_eq!(form["grant_type"], "authorization_code");
        assert_eq!(form["redirect_uri"], redirect_uri().as_str());
        assert_eq!(form["code_verifier"].len(), 43);
        assert!(form["code"].starts_with("alice~"));
    }
    assert!(basic.head.contains("authorization: Basic "));
    assert!(!basic.form().contains_key("client_secret"));
    assert!(!form.head.contains("authorization"));
    assert_eq!(form.form()["client_id"], CLIENT);
    for request in requests.iter().filter(|it| it.path != "/token") {
        assert!(!request.head.contains("authorization") && request.body.is_empty());
    }
}

#[tokio::test]
async fn v31_without_an_audit_record_no_secret_goes_out() {
    let house = House::with(Outbound::default(), Duration::from_secs(2)).await;
    let idp = Idp::start().await;
    let provider = house.provider(&idp);
    // Somebody else holds the store's one writer.
    let other = rusqlite::Connection::open(house.folder.path().join("tollgate.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = house.come_back(&provider, "alice").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
    let findings = house.gate.probe(&house.warrant(), &provider).await;
    assert!(findings.iter().any(|it| (it.part, it.code) == ("credentials", "unknown")));
    assert_eq!(idp.count("/token"), 0);
    other.execute_batch("ROLLBACK").unwrap();
}

#[tokio::test]
async fn t53_200_at_once_are_never_mixed() {
    let (house, idp) = (House::new().await, Idp::start().await);
    let provider = house.provider(&idp);
    let names: Vec<String> = (0..200).map(|n| format!("user-{n}")).collect();
    let all = join_all(names.iter().map(|name| house.come_back(&provider, name))).await;
    for (name, identity) in names.iter().zip(all) {
        let identity = identity.unwrap();
        assert_eq!(identity.subject, *name);
        assert_eq!(identity.email, Some(format!("{name}@example.com")));
    }
    assert_eq!(house.audited().await.len(), 200);
    assert_eq!(idp.count("/jwks"), 1);
}

/// A provider in the form of GitHub: a form for an answer, a number for a subject, addresses apart.
fn github(house: &House, idp: &Idp) -> Provider {
    let form = "content-type: application/x-www-form-urlencoded";
    idp.can("/token", answer("200 OK", form, "access_token=gho_1&scope=&token_type=bearer"));
    idp.can(
        "/user",
        json("200 OK", &value!({ "id": 583231, "name": "Octo", "email": "x@y.example" })),
    );
    Provider {
        id: Slug::parse("idp").unwrap(),
        issuer: None,
        endpoints: Endpoints {
            authorize: idp.at("/authorize"),
            token: idp.at("/token"),
            userinfo: idp.at("/user"),
            emails: idp.at("/user/emails"),
            jwks: None,
        },
        fields: crate::Fields { subject: "id".to_owned(), ..Default::default() },
        secret_in_form: true,
        ..house.provider(idp)
    }
}

#[tokio::test]
async fn j22_j23_a_provider_like_github_is_known_by_its_profile() {
    let (house, idp) = (House::new().await, Idp::start().await);
    let provider = github(&house, &idp);
    let emails = |verified: Value| {
        json(
            "200 OK",
            &value!([
                { "email": "spam@example.com", "primary": false, "verified": true },
                { "email": "octo@example.com", "primary": true, "verified": verified },
            ]),
        )
    };
    idp.can("/user/emails", emails(value!(true)));
    let identity = house.come_back(&provider, "alice").await.unwrap();
    let wanted = Identity {
        issuer: format!("{}#idp.id", idp.origin),
        subject: "583231".to_owned(),
        email: Some("octo@example.com".to_owned()),
        email_verified: true,
        name: Some("Octo".to_owned()),
        locale: None,
    };
    assert_eq!(identity, wanted);
    idp.can("/user/emails", emails(value!("true")));
    let identity = house.come_back(&provider, "alice").await.unwrap();
    assert_eq!(identity, Identity { email_verified: false, ..wanted.clone() });
    idp.can("/user/emails", json("200 OK", &value!([])));
    let identity = house.come_back(&provider, "alice").await.unwrap();
    assert_eq!(identity, Identity { email: None, email_verified: false, ..wanted });
    let bearers = idp.seen().iter().filter(|it| it.head.contains("Bearer gho_1\r\n")).count();
    assert_eq!(bearers, 6);
    let outset = house.gate.set_out(&house.nobody(), &provider, &redirect_uri()).await.unwrap();
    assert!(outset.url.query_pairs().all(|(name, _)| name != "nonce"));
    idp.can("/user", json("200 OK", &value!({ "login": "octo", "email": "x@y.example" })));
    let error = house.refusal(&provider).await;
    assert!(
        error.to_string().contains("does not say who came"),
        "j23: no address stands in for it"
    );
}

#[tokio::test]
async fn t42_an_address_counts_as_verified_where_it_is_literally_true() {
    let (house, idp) = (House::new().await, Idp::start().await);
    // Facebook says nothing of it.
    idp.can("/me", json("200 OK", &value!({ "id": "1", "email": "a@b.example", "name": "A" })));
    idp.can("/token", json("200 OK", &value!({ "access_token": "a", "token_type": "bearer" })));
    let mut facebook = github(&house, &idp);
    idp.can("/token", json("200 OK", &value!({ "access_token": "a", "token_type": "bearer" })));
    facebook.endpoints.userinfo = Url::parse(&format!("{}/me?fields=id,name", idp.origin)).ok();
    facebook.endpoints.emails = None;
    let identity = house.come_back(&facebook, "alice").await.unwrap();
    assert_eq!(identity.email.as_deref(), Some("a@b.example"));
    assert!(!identity.email_verified);
    assert!(idp.seen().iter().any(|it| it.head.starts_with("GET /me?fields=id,name HTTP")));
    for (told, wanted) in [
        (value!(true), true),
        (value!(false), false),
        (value!("true"), false),
        (value!("false"), false),
        (value!(1), false),
        (Value::Null, false),
    ] {
        let idp = Idp::start().await;
        idp.bend(|knobs| knobs.claims = value!({ "email_verified": told.clone() }));
        let identity = house.come_back(&house.provider(&idp), "alice").await.unwrap();
        assert_eq!(identity.email_verified, wanted, "{told}");
    }
}

#[tokio::test]
async fn a_profile_adds_an_address_and_belongs_to_whom_the_token_names() {
    let (house, idp) = (House::new().await, Idp::start().await);
    idp.bend(|knobs| knobs.claims = value!({ "email": null, "email_verified": null }));
    let provider = house.provider(&idp);
    let identity = house.come_back(&provider, "alice").await.unwrap();
    assert_eq!(identity.email.as_deref(), Some("alice@example.com"));
    assert!(identity.email_verified);
    assert_eq!(identity.name.as_deref(), Some("alice"), "from the token");
    let error = house.come_back(&provider, "bob").await.unwrap_err();
    assert!(error.to_string().contains("somebody else"), "{error:?}");
}

#[tokio::test]
async fn google_keeps_its_issuer_while_its_endpoints_are_elsewhere() {
    let (house, idp) = (House::new().await, Idp::start().await);
    idp.bend(|knobs| knobs.claims = value!({ "iss": "https://accounts.google.com" }));
    let provider = Provider {
        issuer: Some("https://accounts.google.com".to_owned()),
        endpoints: Endpoints {
            authorize: idp.at("/authorize"),
            token: idp.at("/token"),
            userinfo: idp.at("/userinfo"),
            emails: None,
            jwks: idp.at("/jwks"),
        },
        ..house.provider(&idp)
    };
    let identity = house.come_back(&provider, "alice").await.unwrap();
    assert_eq!(identity.issuer, "https://accounts.google.com");
    assert_eq!(idp.count("/.well-known/openid-configuration"), 0);
}

#[tokio::test]
async fn v19_v24_a_token_answer_that_leads_on_or_is_nonsense_is_refused() {
    let (house, idp, stranger) = (House::new().await, Idp::start().await, Idp::start().await);
    let provider = house.provider(&idp);
    let html = "content-type: text/html";
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        idp.can("/token", answer(status, &format!("location: {}/token", stranger.origin), ""));
        assert_eq!(house.refusal(&provider).await.kind(), Kind::UpstreamFailed);
    }
    assert!(stranger.seen().is_empty());
    for odd in [
        answer("200 OK", html, "<html>canary"),
        answer("200 OK", "content-type: application/json", "{\"canary\":"),
        answer("500 Oops", html, "canary"),
        answer("503 Away", "content-type: application/json", r#"{"error":"invalid_client"}"#),
        answer("404 Not Found", html, "canary"),
        answer("200 OK", html, &"x".repeat(100_000)),
        "SSH-2.0-OpenSSH\r\n".to_owned(),
        String::new(),
        json("200 OK", &value!({ "access_token": "a" })),
        json("200 OK", &value!({ "access_token": "a\nb", "id_token": "canary" })),
    ] {
        idp.can("/token", odd.clone());
        let error = house.refusal(&provider).await;
        assert_eq!(error.kind(), Kind::UpstreamFailed, "{odd}");
    }
    for (answered, kind, words) in [
        (
            json("401 Unauthorized", &value!({ "error": "invalid_client" })),
            Kind::UpstreamRefused,
            "client id or secret",
        ),
        (
            json("200 OK", &value!({ "error": "incorrect_client_credentials" })),
            Kind::UpstreamRefused,
            "client id or secret",
        ),
        (answer("401 Unauthorized", html, "canary"), Kind::UpstreamRefused, "client id or secret"),
        (
            json("400 Bad Request", &value!({ "error": "redirect_uri_mismatch" })),
            Kind::UpstreamRefused,
            "redirect URI",
        ),
        (
            json(
                "400 Bad Request",
                &value!({ "error": "invalid_grant", "error_description": "canary" }),
            ),
            Kind::UpstreamFailed,
            "any more",
        ),
        (
            json("400 Bad Request", &value!({ "error": "canary <b>" })),
            Kind::UpstreamFailed,
            "refuses this sign-in",
        ),
    ] {
        idp.can("/token", answered.clone());
        let error = house.come_back(&provider, "alice").await.unwrap_err();
        assert_eq!(error.kind(), kind, "{answered}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn v24_a_provider_that_is_down_or_slow_is_named() {
    let (house, slow) = (House::new().await, Idp::start().await);
    slow.can("/token", SILENCE.to_owned());
    let late = Idp::start().await;
    late.can("/.well-known/openid-configuration", SILENCE.to_owned());
    let stuck = Idp::start().await;
    stuck.can("/jwks", SILENCE.to_owned());
    let providers = [&slow, &late, &stuck].map(|idp| house.provider(idp));
    let errors = join_all(providers.iter().map(|provider| house.refusal(provider))).await;
    for error in errors {
        assert_eq!(error.kind(), Kind::UpstreamTimeout);
        assert!(error.to_string().contains("too slow"));
    }
    let (_held, nowhere) = nowhere();
    let gone = Provider { issuer: Some(format!("http://{nowhere}")), ..house.provider(&slow) };
    let error = house.refusal(&gone).await;
    assert_eq!(error.kind(), Kind::UpstreamFailed);
    assert!(error.to_string().contains("cannot be reached"));
    // What was not there is soon asked for again.
    late.bend(|knobs| knobs.canned.clear());
    house.clock.advance(Duration::from_secs(10));
    house.come_back(&providers[1], "alice").await.unwrap();
}

#[tokio::test]
async fn k4_a_client_secret_opens_at_its_place_alone() {
    let (house, idp) = (House::new().await, Idp::start().await);
    let provider = house.provider(&idp);
    let sealed = provider.client_secret.clone().unwrap();
    let carried = house.gate.carry_client_secret(&house.warrant(), &provider.id, &sealed).unwrap();
    let with = |bytes: &[u8], version: i64, id: &str| Provider {
        id: Slug::parse(id).unwrap(),
        client_secret: Some(SealedSecret { bytes: bytes.to_vec(), version }),
        ..provider.clone()
    };
    house.come_back(&with(&carried, 4, "idp"), "alice").await.unwrap();
    for moved in [
        with(&sealed.bytes, 4, "idp"),
        with(&carried, 3, "idp"),
        with(&sealed.bytes, 3, "other"),
        with(b"", 3, "idp"),
    ] {
        let error = house.come_back(&moved, "alice").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Internal);
        assert!(!format!("{error:?}").contains("canary"));
    }
    assert_eq!(idp.count("/token"), 1, "nothing else was sent");
    assert_eq!(house.warrant().manage().noun, Noun::Settings);
}
