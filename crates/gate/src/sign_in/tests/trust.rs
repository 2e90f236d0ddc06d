//! Whom the gate speaks to on a provider's word, and whose answers it takes.

use serde_json::json as value;
use tollgate_kernel::Kind;

use super::house::nowhere;
use super::*;
use crate::Outbound;

#[tokio::test]
async fn v7_metadata_does_not_send_code_and_secret_elsewhere() {
    let (house, stranger) = (House::new().await, Idp::start().await);
    for part in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        let idp = Idp::start().await;
        idp.bend(|knobs| knobs.metadata = value!({ part: format!("{}/token", stranger.origin) }));
        let error = house.refusal(&house.provider(&idp)).await;
        assert!(error.to_string().contains("elsewhere"), "{part}: {error:?}");
        assert_eq!(idp.count("/token"), 0);
    }
    assert!(stranger.seen().is_empty());
    // A profile elsewhere is not asked for; the ID token says who came.
    let idp = Idp::start().await;
    idp.bend(|knobs| {
        knobs.metadata = value!({ "userinfo_endpoint": format!("{}/userinfo", stranger.origin) });
        knobs.claims = value!({ "email": null });
    });
    let identity = house.come_back(&house.provider(&idp), "alice").await.unwrap();
    assert_eq!((identity.email, stranger.seen().len()), (None, 0));
    // The owner may say that it is so.
    let idp = Idp::start().await;
    idp.bend(|knobs| knobs.metadata = value!({ "token_endpoint": "https://evil.example/token" }));
    let mut provider = house.provider(&idp);
    provider.endpoints.token = idp.at("/token");
    house.come_back(&provider, "alice").await.unwrap();
}

#[tokio::test]
async fn v8_metadata_of_another_issuer_is_refused_before_any_redirect() {
    for issuer in ["https://accounts.google.com", "", "HTTP://127.0.0.1"] {
        let (house, idp) = (House::new().await, Idp::start().await);
        idp.bend(|knobs| knobs.metadata = value!({ "issuer": issuer }));
        let (nobody, provider) = (house.nobody(), house.provider(&idp));
        let set_out = house.gate.set_out(&nobody, &provider, &redirect_uri()).await;
        let Err(error) = set_out else { panic!("{issuer}") };
        assert_eq!(error.kind(), Kind::UpstreamFailed);
        house::assert_is_safe(&error);
    }
    let (house, idp) = (House::new().await, Idp::start().await);
    let slash = Provider { issuer: Some(format!("{}/", idp.origin)), ..house.provider(&idp) };
    house.refusal(&slash).await;
}

#[tokio::test]
async fn t52_v9_v10_the_issuer_of_an_answer_is_checked_before_the_code_is_sent() {
    let (house, idp) = (House::new().await, Idp::start().await);
    let provider = house.provider(&idp);
    let upper = idp.origin.to_uppercase();
    let slash = format!("{}/", idp.origin);
    for iss in ["https://evil.example", &upper, &slash, ""] {
        let error = house.come_back_with(&provider, "alice", Some(iss)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidRequest, "{iss}");
        house::assert_is_safe(&error);
        assert!(house.gate.check_issuer(&provider, Some(iss)).await.is_err());
    }
    assert_eq!(idp.count("/token"), 0);
    assert!(house.audited().await.is_empty(), "no secret was near");
    house.come_back_with(&provider, "alice", Some(&idp.origin)).await.unwrap();
    house.come_back_with(&provider, "alice", None).await.unwrap();
    // One that promises it keeps the promise, in errors too.
    let idp = Idp::start().await;
    let promise = value!({ "authorization_response_iss_parameter_supported": true });
    idp.bend(|knobs| knobs.metadata = promise);
    let provider = house.provider(&idp);
    house.come_back_with(&provider, "alice", None).await.unwrap_err();
    assert!(house.gate.check_issuer(&provider, None).await.is_err());
    assert!(house.gate.check_issuer(&provider, Some(&idp.origin)).await.is_ok());
    assert_eq!(idp.count("/token"), 0);
    house.come_back_with(&provider, "alice", Some(&idp.origin)).await.unwrap();
}

#[tokio::test]
async fn t78_endpoints_in_private_networks_are_refused() {
    let (house, idp) = (House::new().await, Idp::start().await);
    for address in ["https://10.0.0.1/token", "https://169.254.169.254/token", "https://[fd00::1]/"]
    {
        let mut provider = house.provider(&idp);
        provider.endpoints.token = Url::parse(address).ok();
        let error = house.refusal(&provider).await;
        assert!(error.to_string().contains("may not speak to"), "{error:?}");
    }
    for address in ["http://10.0.0.1/token", "ftp://localhost/", "file:///etc/passwd"] {
        let mut provider = house.provider(&idp);
        provider.endpoints.token = Url::parse(address).ok();
        let error = house.refusal(&provider).await;
        assert!(error.to_string().contains("odd token endpoint"), "{error:?}");
        provider.issuer = Some(address.to_owned());
        house.refusal(&provider).await;
    }
}

#[tokio::test]
async fn n56_our_own_listener_is_no_provider() {
    let idp = Idp::start().await;
    let own = vec![idp.origin.strip_prefix("http://").unwrap().parse().unwrap()];
    let house = House::within(Outbound { own, ..Outbound::default() }).await;
    let error = house.refusal(&house.provider(&idp)).await;
    assert!(error.to_string().contains("may not speak to"), "{error:?}");
    assert!(idp.seen().is_empty());
}

#[tokio::test]
async fn t74_n60_what_doors_fetch_is_guarded_and_errors_tell_nothing() {
    let (house, idp) = (House::new().await, Idp::start().await);
    let mut words = Vec::new();
    for host in ["127.0.0.1", "10.0.0.1", "nowhere.invalid"] {
        let url = crate::DocumentUrl::parse(&format!("https://{host}/x")).unwrap();
        let error = house.gate.fetch(url, crate::FetchTerms::METADATA).await.unwrap_err();
        assert_eq!(error.kind(), Kind::UpstreamFailed);
        words.push(error.to_string().replace(host, "HOST"));
    }
    words.dedup();
    assert_eq!(words.len(), 1, "{words:?}");
    assert!(idp.seen().is_empty());
}

/// What a test of `provider` finds, without what is well.
async fn troubles(house: &House, provider: &Provider) -> Vec<(&'static str, &'static str, bool)> {
    let findings = house.gate.probe(&house.warrant(), provider).await;
    assert!(!format!("{findings:?}").contains("canary"));
    let troubles = findings.iter().filter(|it| it.code != "ok");
    troubles.map(|it| (it.part, it.code, it.is_good)).collect()
}

#[tokio::test]
async fn a_test_of_a_good_provider_finds_everything_well() {
    let (house, idp) = (House::new().await, Idp::start().await);
    let provider = house.provider(&idp);
    let findings = house.gate.probe(&house.warrant(), &provider).await;
    let mut parts: Vec<&str> = findings.iter().map(|it| it.part).collect();
    parts.sort_unstable();
    assert_eq!(parts, ["authorize", "credentials", "jwks", "metadata", "token", "userinfo"]);
    assert!(findings.iter().all(|it| it.is_good && it.code == "ok"), "{findings:?}");
    assert_eq!(house.audited().await, ["system:setup provider.test provider:idp"]);
    let requests = idp.seen();
    let token = requests.iter().find(|it| it.path == "/token").unwrap();
    assert_eq!(token.form()["redirect_uri"], "http://localhost:8080/callback/idp");
}

#[tokio::test]
async fn a_test_tells_what_is_wrong() {
    let house = House::new().await;
    let bent = async |bend: &dyn Fn(&Idp, &mut Provider)| {
        let idp = Idp::start().await;
        let mut provider = house.provider(&idp);
        bend(&idp, &mut provider);
        troubles(&house, &provider).await
    };
    let gone = Url::parse(&format!("http://{}/x", nowhere().await)).unwrap();
    let wrong = bent(&|_, it| it.client_secret = None).await;
    assert_eq!(wrong, [("credentials", "client_refused", false)]);
    let issuer = bent(&|idp, _| idp.bend(|it| it.metadata = value!({ "issuer": "x" }))).await;
    assert_eq!(issuer[0], ("metadata", "other_issuer", false));
    let elsewhere = value!({ "token_endpoint": "https://evil.example/t", "jwks_uri": null });
    let elsewhere = bent(&|idp, _| idp.bend(|it| it.metadata = elsewhere.clone())).await;
    assert_eq!(elsewhere, [("token", "elsewhere", false), ("jwks", "missing", false)]);
    let keys = bent(&|idp, _| idp.can("/jwks", json("200 OK", &value!({ "keys": [] })))).await;
    assert_eq!(keys, [("jwks", "no_keys", false)]);
    let html = "content-type: text/html";
    let keys = bent(&|idp, _| idp.can("/jwks", answer("200 OK", html, "canary"))).await;
    assert_eq!(keys, [("jwks", "not_json", false)]);
    let page = bent(&|idp, _| idp.can("/authorize", answer("404 Not Found", html, ""))).await;
    assert_eq!(page, [("authorize", "bad_status", false)]);
    let token = bent(&|_, it| it.endpoints.token = Some(gone.clone())).await;
    assert_eq!(token, [("token", "unreachable", false)]);
    let private = Url::parse("https://10.0.0.1/token").unwrap();
    let token = bent(&|_, it| it.endpoints.token = Some(private.clone())).await;
    assert_eq!(token, [("token", "refused_address", false)]);
    let odd = json("400 Bad Request", &value!({ "error": "canary" }));
    let token = bent(&|idp, _| idp.can("/token", odd.clone())).await;
    assert_eq!(token, [("credentials", "unknown", true)]);
    let plain = bent(&|idp, it| {
        it.issuer = None;
        it.endpoints.token = idp.at("/token");
        it.endpoints.authorize = idp.at("/authorize");
    })
    .await;
    assert_eq!(plain, [("userinfo", "missing", false)]);
}
