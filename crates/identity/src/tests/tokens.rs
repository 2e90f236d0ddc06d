//! Access tokens.

use std::time::Duration;

use serde_json::json;
use tollgate_kernel::{Access, Kind, Manage, Method, Noun};
use tollgate_protocol::jwt::Unverified;

use super::House;
use super::browser::api;
use super::house::OWNER;
use crate::issue_token::{Issued, TokenWish, issue_token};

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
    let wish = TokenWish { audience, scope: Some("manage".into()), expires_in: Some(3_600) };
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
