//! Refresh tokens: rotation, the short grace, and what ends a family.

use std::time::Duration;

use serde_json::{Value, json};

use super::{House, invalid_grant, refused, text};
use crate::both::bites;

#[tokio::test]
async fn t22_the_predecessor_gets_the_same_successor_for_a_while() {
    let house = House::new().await;
    let app = house.public().await;
    let first = house.tokens(&app, &[]).await;
    let second = house.refreshed(&app, &first).await.json();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    house.clock.leap(Duration::from_secs(20));
    let again = house.refreshed(&app, &first).await;
    assert_eq!(again.status, 200, "{}", again.text);
    assert_eq!(again.json()["refresh_token"], second["refresh_token"], "the same successor");
    assert_eq!(house.calls(&again.json()).await, 200);
    // Past the half minute it is a replay.
    house.clock.leap(Duration::from_secs(11));
    assert_eq!(refused(&house.refreshed(&app, &first).await), invalid_grant());
    bites("the family is dead", async || house.calls(&second).await == 401).await;
    assert_eq!(refused(&house.refreshed(&app, &second).await), invalid_grant());
    house.stop().await;
}

#[tokio::test]
async fn t21_reuse_after_the_successor_was_used_kills_the_family() {
    let house = House::new().await;
    let app = house.public().await;
    let first = house.tokens(&app, &[]).await;
    let second = house.refreshed(&app, &first).await.json();
    let third = house.refreshed(&app, &second).await.json();
    assert_eq!(house.calls(&third).await, 200);
    // At once, but no longer the last but one.
    assert_eq!(refused(&house.refreshed(&app, &first).await), invalid_grant());
    bites("its access tokens die", async || house.calls(&third).await == 401).await;
    assert_eq!(refused(&house.refreshed(&app, &third).await), invalid_grant());
    assert_eq!(house.acts("grant.reuse").await, 1);
    house.stop().await;
}

#[tokio::test]
async fn t20_fifty_refreshes_at_once_make_no_forks() {
    let house = House::new().await;
    let app = house.public().await;
    let first = house.tokens(&app, &[]).await;
    let mut form = vec![
        ("grant_type", "refresh_token".to_owned()),
        ("refresh_token", text(&first, "refresh_token")),
    ];
    form.extend(super::posted(&app));
    let client = house.server.anonymous();
    let tries = (0..50).map(|_| {
        let (client, form) = (client.clone(), form.clone());
        tokio::spawn(async move {
            client.send(client.request("POST", "/oauth/token").form(&form)).await.unwrap()
        })
    });
    let mut successors = Vec::new();
    for tried in tries.collect::<Vec<_>>() {
        let answer = tried.await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        successors.push(text(&answer.json(), "refresh_token"));
    }
    successors.dedup();
    assert_eq!(successors.len(), 1, "one family, one successor");
    house.stop().await;
}

#[tokio::test]
async fn t23_reuse_is_found_after_a_restart() {
    let mut house = House::new().await;
    let app = house.public().await;
    let first = house.tokens(&app, &house.elsewhere().await).await;
    let second = house.refreshed(&app, &first).await.json();
    house.server = house.server.restart().await.unwrap();
    // The key of successors is the same.
    let again = house.refreshed(&app, &first).await.json();
    assert_eq!(again["refresh_token"], second["refresh_token"]);
    let third = house.refreshed(&app, &second).await;
    assert_eq!(third.status, 200, "{}", third.text);
    assert_eq!(refused(&house.refreshed(&app, &first).await), invalid_grant());
    assert_eq!(refused(&house.refreshed(&app, &third.json()).await), invalid_grant());
    house.stop().await;
}

#[tokio::test]
async fn t2_t25_a_refresh_token_serves_its_app_with_its_secret() {
    let house = House::new().await;
    let (app, other) = (house.app(json!({})).await, house.app(json!({})).await);
    let tokens = house.tokens(&app, &[]).await;
    assert_eq!(refused(&house.refreshed(&other, &tokens).await), invalid_grant());
    let invalid_client = (401, "invalid_client".to_owned());
    let bare = super::App { secret: None, ..app.clone() };
    assert_eq!(refused(&house.refreshed(&bare, &tokens).await), invalid_client);
    let wrong = super::App { secret: other.secret.clone(), ..app.clone() };
    assert_eq!(refused(&house.refreshed(&wrong, &tokens).await), invalid_client);
    assert_eq!(house.refreshed(&app, &tokens).await.status, 200, "none of that used it up");
    house.stop().await;
}

#[tokio::test]
async fn t26_a_refresh_cannot_widen_scope_or_resource() {
    let house = House::new().await;
    let app = house.public().await;
    let tokens = house.tokens(&app, &[("scope", "openid models email")]).await;
    let with = async |tokens: &Value, name: &'static str, value: &str| {
        let mut form = vec![
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", text(tokens, "refresh_token")),
            (name, value.to_owned()),
        ];
        form.extend(super::posted(&app));
        house.token(&form).await
    };
    let wider = with(&tokens, "scope", "models profile").await;
    assert_eq!(refused(&wider), (400, "invalid_scope".to_owned()));
    let elsewhere = with(&tokens, "resource", &format!("{}/api/v1", house.server.url)).await;
    assert_eq!(refused(&elsewhere), (400, "invalid_target".to_owned()));
    let narrower = with(&tokens, "scope", "openid").await.json();
    assert_eq!(narrower["scope"], "openid");
    assert_eq!(house.calls(&narrower).await, 403, "what was left out is not there");
    // The grant itself is as wide as before.
    assert_eq!(house.refreshed(&app, &narrower).await.json()["scope"], "email models openid");
    house.stop().await;
}

#[tokio::test]
async fn t27_a_family_ends_however_often_it_is_refreshed() {
    let house = House::new().await;
    let app = house.app(json!({"type": "public", "refresh_token_s": 1_000})).await;
    let mut tokens = house.tokens(&app, &[("scope", "openid models offline_access")]).await;
    for _ in 0..3 {
        house.clock.leap(Duration::from_secs(300));
        let next = house.refreshed(&app, &tokens).await;
        assert_eq!(next.status, 200, "{}", next.text);
        tokens = next.json();
    }
    assert!(tokens["expires_in"].as_i64().unwrap() <= 100, "not longer than the grant");
    house.clock.leap(Duration::from_secs(101));
    assert_eq!(refused(&house.refreshed(&app, &tokens).await), invalid_grant());
    house.stop().await;
}

#[tokio::test]
async fn t24_s13_who_is_disabled_is_out_everywhere_at_once() {
    let house = House::new().await;
    let (app, watcher) = (house.public().await, house.app(json!({})).await);
    let tokens = house.tokens(&app, &[]).await;
    let own = house.tokens(&watcher, &[]).await;
    let access = text(&own, "access_token");
    assert_eq!(house.introspected(&watcher, &access).await["active"], true);
    assert_eq!(house.calls(&tokens).await, 200);
    house.server.set_active(house.alice, false).await.unwrap();
    bites("the token is dead", async || house.calls(&tokens).await == 401).await;
    assert_eq!(house.introspected(&watcher, &access).await, json!({"active": false}));
    assert_eq!(refused(&house.refreshed(&app, &tokens).await), invalid_grant());
    house.stop().await;
}

#[tokio::test]
async fn t29_a_new_password_ends_what_apps_were_allowed() {
    let house = House::new().await;
    let app = house.public().await;
    let tokens = house.tokens(&app, &[("scope", "openid models offline_access")]).await;
    assert_eq!(house.calls(&tokens).await, 200);
    let path = format!("/api/v1/users/{}", house.alice);
    let body = json!({"password": "a long and winding road"});
    let changed = house.root.patch(&path, &body).await.unwrap();
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(house.calls(&tokens).await, 401);
    assert_eq!(refused(&house.refreshed(&app, &tokens).await), invalid_grant());
    house.stop().await;
}

#[tokio::test]
async fn what_an_app_was_allowed_while_signed_in_ends_with_the_session() {
    let house = House::new().await;
    let app = house.public().await;
    let bound = house.tokens(&app, &[]).await;
    let lasting = house.tokens(&app, &[("scope", "openid models offline_access")]).await;
    let path = format!("/api/v1/sessions/{}", house.browser.session);
    let ended = house.browser.send(house.browser.request("DELETE", &path)).await.unwrap();
    assert_eq!(ended.status, 204, "{}", ended.text);
    assert_eq!(house.calls(&bound).await, 401);
    assert_eq!(refused(&house.refreshed(&app, &bound).await), invalid_grant());
    assert_eq!(house.calls(&lasting).await, 200);
    assert_eq!(house.refreshed(&app, &lasting).await.status, 200);
    house.stop().await;
}

#[tokio::test]
async fn an_app_that_is_disabled_is_out_at_once() {
    let house = House::new().await;
    let app = house.app(json!({})).await;
    let tokens = house.tokens(&app, &[]).await;
    assert_eq!(house.calls(&tokens).await, 200);
    let path = format!("/api/v1/clients/{}", app.id);
    house.root.patch(&path, &json!({"state": "disabled"})).await.unwrap();
    assert_eq!(house.calls(&tokens).await, 401);
    assert_eq!(refused(&house.refreshed(&app, &tokens).await).0, 401);
    let asked = house.browser.get(&house.request(&app, &[])).await.unwrap();
    assert_eq!(asked.status, 400, "nobody is sent anywhere");
    house.stop().await;
}
