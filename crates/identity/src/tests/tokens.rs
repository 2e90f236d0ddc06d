//! Access tokens.

use std::time::Duration;

use serde_json::json;
use tollgate_kernel::{
    Access, Budget, Kind, Manage, Method, ModelPattern, Noun, Period, RequestId, Slug, Unit,
};
use tollgate_protocol::jwt::Unverified;
use tollgate_store::{AuditEvent, ModelRecord, UpstreamRecord};

use super::House;
use super::browser::{Browser, api};
use super::house::{OWNER, PASSWORD};
use crate::first_call::first_call;
use crate::issue_token::{Issued, TokenWish, issue_token};

fn patterns(list: &[&str]) -> Option<Vec<ModelPattern>> {
    Some(list.iter().map(|name| ModelPattern::parse(name).unwrap()).collect())
}

fn api_door() -> Option<String> {
    Some("https://ai.example.com/api/v1".to_owned())
}

async fn issue(house: &House, wish: TokenWish) -> Result<Issued, tollgate_kernel::Error> {
    issue_token(&house.gate, &house.signed_in(OWNER).await, wish).await
}

#[tokio::test]
async fn a_session_becomes_a_token_that_calls_models_and_nothing_else() {
    let (house, owner) = House::owned().await;
    house.can_sign().await;
    let issued = issue(&house, TokenWish::default()).await.unwrap();
    assert_eq!((issued.expires_in, issued.scope.as_str()), (300, "models"));
    assert!(Unverified::parse(issued.token.expose()).is_ok());
    let caller = house.try_key(&issued.token).await.unwrap();
    assert_eq!((caller.user(), caller.method()), (Some(owner.user.id), Method::AccessToken));
    assert!(caller.admits(Access::Models).is_ok());
    assert!(house.gate.allow(&caller, Manage::read(Noun::Keys)).is_err());
    let again = issue_token(&house.gate, &caller, TokenWish::default()).await;
    assert_eq!(again.err().map(|e| e.kind()), Some(Kind::Forbidden), "tokens make no tokens");
    house.clock.advance(Duration::from_secs(360));
    assert!(house.try_key(&issued.token).await.is_err());
}

#[tokio::test]
async fn a_token_for_the_api_manages_and_makes_no_tokens() {
    let (house, _) = House::owned().await;
    house.can_sign().await;
    let audience = Some("https://ai.example.com/api/v1".to_owned());
    let scope = Some("manage".into());
    let wish = TokenWish { audience, scope, expires_in: Some(3_600), ..Default::default() };
    let issued = issue(&house, wish).await.unwrap();
    assert_eq!((issued.expires_in, issued.scope.as_str()), (3_600, "manage"));
    let caller = house.try_key(&issued.token).await.unwrap();
    assert!(caller.admits(Access::Models).is_err());
    assert!(house.gate.allow(&caller, Manage::write(Noun::Keys)).is_ok());
    let seen = api(&house.app, issued.token.expose(), "POST", "/api/v1/tokens", Some(json!({})));
    assert_eq!(seen.await.status, 403);
}

#[tokio::test]
async fn tokens_come_from_sessions_alone_and_within_bounds() {
    let (house, owner) = House::owned().await;
    house.can_sign().await;
    let seen = api(&house.app, owner.admin_key.expose(), "POST", "/api/v1/tokens", Some(json!({})));
    assert_eq!(seen.await.status, 403);
    let budget = Budget { unit: Unit::Calls, limit: 1, period: Period::Day };
    let cases = [
        (TokenWish { expires_in: Some(0), ..Default::default() }, "expires_in"),
        (TokenWish { expires_in: Some(3_601), ..Default::default() }, "expires_in"),
        (TokenWish { scope: Some("manage".into()), ..Default::default() }, "scope"),
        (TokenWish { scope: Some("models manage".into()), ..Default::default() }, "scope"),
        (TokenWish { scope: Some(String::new()), ..Default::default() }, "scope"),
        (
            TokenWish { audience: Some("https://evil.example".into()), ..Default::default() },
            "audience",
        ),
        (TokenWish { models: Some(Vec::new()), ..Default::default() }, "models"),
        (TokenWish { models: patterns(&["a b"]), ..Default::default() }, "models"),
        (
            TokenWish { audience: api_door(), models: patterns(&["a"]), ..Default::default() },
            "models",
        ),
        (TokenWish { audience: api_door(), budget: Some(budget), ..Default::default() }, "budget"),
    ];
    for (wish, param) in cases {
        let error = issue(&house, wish).await.err().unwrap();
        assert_eq!((error.kind(), error.param()), (Kind::InvalidRequest, Some(param)));
    }
}

#[tokio::test]
async fn a_token_ends_with_its_session() {
    let (house, _) = House::owned().await;
    house.can_sign().await;
    let session = house.session(OWNER).await;
    let caller = house.try_session(&session).await.unwrap();
    let wish = TokenWish { expires_in: Some(3_600), ..Default::default() };
    let issued = issue_token(&house.gate, &caller, wish).await.unwrap();
    assert!(house.try_key(&issued.token).await.is_ok());
    crate::sign_out::sign_out(&house.gate, &caller).await.unwrap();
    house.key_ends(&issued.token).await;
    house.session_ends(&session).await;

    let session = house.session(OWNER).await;
    house.clock.advance(Duration::from_secs(30 * 86_400 - 100));
    let caller = house.try_session(&session).await.unwrap();
    let issued = issue_token(&house.gate, &caller, TokenWish::default()).await.unwrap();
    assert_eq!(issued.expires_in, 100, "not beyond the session");
}

#[tokio::test]
async fn t86_a_token_for_some_models_calls_no_others() {
    let (house, _) = House::owned().await;
    house.can_sign().await;
    let slug = |text: &str| Slug::parse(text).unwrap();
    let warrant = house.gate.allow(&house.system(), Manage::write(Noun::Models)).unwrap();
    let mut tx = house.gate.begin(&warrant).await.unwrap();
    let upstream = UpstreamRecord::new(slug("up"), "http://127.0.0.1:1/v1".to_owned());
    tx.put_upstream(&upstream).await.unwrap();
    for alias in ["large", "small-one", "small-two"] {
        let model = ModelRecord::new(slug(alias), slug("up"), "m".to_owned());
        tx.put_model(&model).await.unwrap();
    }
    tx.commit(AuditEvent::new("model.put", "models")).await.unwrap();
    house.gate.heed().await;

    let wish = TokenWish { models: patterns(&["small*", "o3"]), ..Default::default() };
    let narrow = house.try_key(&issue(&house, wish).await.unwrap().token).await.unwrap();
    let wide = issue(&house, TokenWish::default()).await.unwrap().token;
    let wide = house.try_key(&wide).await.unwrap();
    let names = |caller| -> Vec<String> {
        house.gate.models(caller).unwrap().into_iter().map(|model| model.id).collect()
    };
    assert_eq!(names(&wide), ["large", "small-one", "small-two"]);
    assert_eq!(names(&narrow), ["small-one", "small-two"]);
    let id = || RequestId::new(&**house.gate.clock(), &**house.gate.rng());
    let refused = first_call(&house.gate, &narrow, id(), "large").await.err().unwrap();
    let unknown = first_call(&house.gate, &narrow, id(), "none").await.err().unwrap();
    assert_eq!(refused.kind(), unknown.kind());
    let reached = first_call(&house.gate, &narrow, id(), "small-one").await.err().unwrap();
    assert_ne!(reached.kind(), unknown.kind(), "nobody is at the provider's address");

    let mut browser = Browser::new(&house.app);
    browser.sign_in(OWNER, PASSWORD).await;
    let seen = browser.json("POST", "/api/v1/tokens", &json!({ "models": ["small-one"] })).await;
    let token = super::house::plain(seen.json()["access_token"].as_str().unwrap());
    assert_eq!(names(&house.try_key(&token).await.unwrap()), ["small-one"]);
}
