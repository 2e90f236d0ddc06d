//! What an app cannot do beyond what it was allowed, nor for longer.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_edge::NetworkLimits;
use tollgate_kernel::Role;
use tollgate_testkit::Client;

use super::{House, between, invalid_grant, posted, refused, text, told};
use crate::both::bites;

/// What an app holds that a person allowed to manage.
async fn manager(house: &House) -> Client {
    let app = house.app(json!({"type": "public", "scopes": ["openid", "manage"]})).await;
    let door = format!("{}/api/v1", house.server.url);
    let wish = [("scope", "openid manage"), ("resource", &*door)];
    let tokens = house.tokens(&app, &wish).await;
    house.server.with_bearer(&text(&tokens, "access_token"))
}

#[tokio::test]
async fn t86_m12_an_app_makes_nothing_that_outlasts_what_it_was_allowed() {
    let house = House::new().await;
    house.server.set_role(house.alice, Role::Admin).await.unwrap();
    let app = manager(&house).await;
    let (bob, key) = house.server.caller("bob", Vec::new()).await.unwrap();
    assert_eq!(house.server.with_bearer(&key).chat("tollgate-demo", 5).await.unwrap().status, 200);
    for path in ["/api/v1/keys", "/api/v1/users", "/api/v1/clients"] {
        assert_eq!(app.get(path).await.unwrap().status, 200, "{path}");
    }
    let keys = app.get("/api/v1/keys").await.unwrap().json();
    let key = text(&keys["items"][0], "id");
    let client = text(&app.get("/api/v1/clients").await.unwrap().json()["items"][0], "client_id");
    let tries = [
        ("POST", "/api/v1/keys".to_owned(), json!({"name": "x"})),
        ("POST", "/api/v1/keys".to_owned(), json!({"name": "x", "user": bob})),
        ("POST", "/api/v1/keys".to_owned(), json!({"name": "x", "admin": true})),
        ("PATCH", format!("/api/v1/keys/{key}"), json!({"name": "x"})),
        ("POST", format!("/api/v1/keys/{key}/rotate"), json!({})),
        ("POST", "/api/v1/tokens".to_owned(), json!({})),
        ("POST", "/api/v1/tokens".to_owned(), json!({"user": bob})),
        ("POST", "/api/v1/users".to_owned(), json!({"email": "eve@example.com"})),
        ("PATCH", format!("/api/v1/users/{bob}"), json!({"password": "a long and winding road"})),
        ("POST", format!("/api/v1/users/{bob}/links"), json!({"purpose": "sign_in"})),
        ("POST", "/api/v1/clients".to_owned(), json!({"name": "x"})),
        ("POST", format!("/api/v1/clients/{client}/secret"), json!({})),
        ("DELETE", format!("/api/v1/identities/{bob}"), json!({})),
        ("POST", "/api/v1/providers".to_owned(), json!({"id": "evil"})),
        // She has no password, so that none is asked for.
        ("PATCH", "/api/v1/me".to_owned(), json!({"password": "a long and winding road"})),
    ];
    for (method, path, body) in tries {
        let answer = app.send(app.request(method, &path).json(&body)).await.unwrap();
        assert_eq!(answer.status, 403, "{method} {path} {body}");
        assert!(answer.text.contains("acts for a person"), "{}", answer.text);
    }
    // A person does all of that.
    let made = house.browser.post("/api/v1/keys", &json!({"name": "x"})).await.unwrap();
    assert_eq!(made.status, 201, "{}", made.text);
    house.stop().await;
}

#[tokio::test]
async fn what_an_app_did_for_a_person_names_both() {
    let house = House::new().await;
    let app = manager(&house).await;
    let changed = app.patch("/api/v1/me", &json!({"name": "Alice"})).await.unwrap();
    assert_eq!(changed.status, 200, "{}", changed.text);
    let audit = async |actor: String| -> Vec<Value> {
        let path = format!("/api/v1/audit?action=user.change_self&actor={actor}");
        house.root.get(&path).await.unwrap().json()["items"].as_array().unwrap().clone()
    };
    let person = format!("user:{}", house.alice);
    let found = audit(person.clone()).await;
    assert_eq!(found.len(), 1, "it is among what was done by or for her");
    let actor = text(&found[0], "actor");
    assert!(actor.starts_with(&format!("{person} by app:")), "{actor}");
    let named = house.root.get("/api/v1/clients").await.unwrap().json();
    assert!(actor.ends_with(&text(&named["items"][0], "client_id")), "{actor}");
    assert_eq!(audit(format!("{person}%20by%20{}", &actor[person.len() + 4..])).await, found);
    assert_eq!(audit("user:".to_owned()).await.len(), 0, "whole names alone");
    house.stop().await;
}

#[tokio::test]
async fn t24_what_an_app_may_have_no_more_its_tokens_have_no_more() {
    let house = House::new().await;
    let app = house.app(json!({"scopes": ["openid", "models", "email"]})).await;
    let tokens = house.tokens(&app, &[("scope", "openid models email")]).await;
    assert_eq!(house.calls(&tokens).await, 200);
    let path = format!("/api/v1/clients/{}", app.id);
    let change = async |body: Value| {
        let changed = house.root.patch(&path, &body).await.unwrap();
        assert_eq!(changed.status, 200, "{}", changed.text);
    };
    change(json!({"scopes": ["openid"]})).await;
    assert_eq!(house.calls(&tokens).await, 403, "at once");
    let narrower = house.refreshed(&app, &tokens).await.json();
    assert_eq!(narrower["scope"], "openid");
    assert_eq!(house.calls(&narrower).await, 403);
    for nothing in [
        json!({"scopes": ["profile"]}),
        json!({"scopes": ["models"],
        "resources": [format!("{}/api/v1", house.server.url)]}),
    ] {
        change(nothing).await;
        assert_eq!(refused(&house.refreshed(&app, &narrower).await), invalid_grant());
    }
    change(json!({"scopes": ["openid", "models", "email"], "resources": []})).await;
    let again = house.refreshed(&app, &narrower).await.json();
    assert_eq!(again["scope"], "email models openid", "the grant itself is what it was");
    house.stop().await;
}

#[tokio::test]
async fn t24_a_refresh_needs_a_resource_that_is_there() {
    let house = House::new().await;
    let (here, there) = ("https://todo.example", "https://more.example");
    let add = async |body: Value| {
        let made = house.root.post("/api/v1/resources", &body).await.unwrap();
        assert_eq!(made.status, 201, "{}", made.text);
    };
    add(json!({"uri": here, "scopes": ["todo.read"]})).await;
    let app = house.app(json!({})).await;
    let tokens = house.tokens(&app, &[("resource", here), ("scope", "todo.read")]).await;
    let next = house.refreshed(&app, &tokens).await;
    assert_eq!(next.status, 200, "{}", next.text);
    let path = format!("/api/v1/resources/{}", here.replace(':', "%3A").replace('/', "%2F"));
    let gone = house.root.send(house.root.request("DELETE", &path)).await.unwrap();
    assert_eq!(gone.status, 204, "{}", gone.text);
    assert_eq!(refused(&house.refreshed(&app, &next.json()).await), invalid_grant());
    // Another that goes by that name is another.
    add(json!({"uri": there, "aliases": [here], "scopes": ["todo.read"]})).await;
    assert_eq!(refused(&house.refreshed(&app, &next.json()).await), invalid_grant());
    house.stop().await;
}

#[tokio::test]
async fn who_signs_in_again_leaves_no_grant_that_ends_with_no_session() {
    let house = House::new().await;
    let (app, other) = (house.public().await, house.public().await);
    let bound = house.tokens(&app, &[]).await;
    let lasting = house.tokens(&app, &[("scope", "openid models offline_access")]).await;
    let page = house.browser.get(&house.request(&other, &[("prompt", "login")])).await.unwrap();
    let ticket = between(&page.text, "name=\"ticket\" value=\"", "\"");
    let form = [("csrf", house.browser.csrf.as_str()), ("ticket", ticket)];
    let request = house.browser.request("POST", "/oauth/again").form(&form);
    assert_eq!(house.browser.send(request).await.unwrap().status, 303);
    assert_eq!(house.calls(&bound).await, 401, "it ended with its session");
    assert_eq!(refused(&house.refreshed(&app, &bound).await), invalid_grant());
    assert_eq!(house.calls(&lasting).await, 200);
    house.stop().await;
}

#[tokio::test]
async fn t29_a_new_password_lets_apps_ask_anew() {
    let house = House::new().await;
    let app = house.public().await;
    house.code(&app, &[]).await;
    let path = format!("/api/v1/users/{}", house.alice);
    let body = json!({"password": "a long and winding road"});
    assert_eq!(house.root.patch(&path, &body).await.unwrap().status, 200);
    let browser = house.server.signed_in(house.alice).await.unwrap();
    let asked = browser.get(&house.request(&app, &[])).await.unwrap();
    assert!(asked.text.contains("consent-form"), "{}", asked.text);
    let listed = browser.get("/api/v1/grants").await.unwrap().json();
    assert_eq!(listed["items"], json!([]));
    house.stop().await;
}

#[tokio::test]
async fn what_is_over_already_writes_nothing() {
    let house = House::new().await;
    let app = house.app(json!({})).await;
    let code = house.code(&app, &[]).await;
    let redemption = house.redemption(&app, &code);
    let first = house.token(&redemption).await.json();
    let revoke = async |token: &str| {
        let mut form = posted(&app);
        form.push(("token", token.to_owned()));
        assert_eq!(house.posted("/oauth/revoke", &form).await.status, 200);
    };
    for _ in 0..3 {
        revoke(&text(&first, "access_token")).await;
    }
    assert_eq!(house.acts("token.revoke").await, 1);
    for _ in 0..3 {
        revoke(&text(&first, "refresh_token")).await;
        assert_eq!(refused(&house.token(&redemption).await), invalid_grant());
    }
    assert_eq!((house.acts("grant.revoke").await, house.acts("code.replay").await), (1, 0));
    let second = house.tokens(&app, &[]).await;
    let third = house.refreshed(&app, &second).await.json();
    house.refreshed(&app, &third).await;
    for _ in 0..3 {
        assert_eq!(refused(&house.refreshed(&app, &second).await), invalid_grant());
    }
    assert_eq!(house.acts("grant.reuse").await, 1);
    let late = house.tokens(&app, &[]).await;
    house.clock.leap(Duration::from_secs(421));
    revoke(&text(&late, "access_token")).await;
    assert_eq!(house.acts("token.revoke").await, 1, "it ended by itself");
    house.stop().await;
}

#[tokio::test]
async fn t62_an_app_without_a_secret_and_a_browser_are_counted_by_network() {
    let limits = NetworkLimits { management_per_minute: 9, ..NetworkLimits::LAX };
    let house = House::limited(limits).await;
    let (public, confidential) = (house.public().await, house.app(json!({})).await);
    let mut tokens = house.tokens(&public, &[]).await;
    let mut served = 0;
    let refused = loop {
        let answer = house.refreshed(&public, &tokens).await;
        match answer.status {
            200 => tokens = answer.json(),
            _ => break answer,
        }
        served += 1;
        assert!(served < 9, "nobody counts");
    };
    assert_eq!(refused.status, 429, "{}", refused.text);
    assert!(!refused.header("retry-after").is_empty());
    let asked = house.browser.get(&house.request(&public, &[])).await.unwrap();
    assert_eq!(asked.status, 429, "{}", asked.text);
    // All the people of an app with a secret come from its one network.
    let mut form = posted(&confidential);
    form.push(("token", "x".to_owned()));
    assert_eq!(house.posted("/oauth/revoke", &form).await.status, 200);
    house.stop().await;
}

#[tokio::test]
async fn t3_a_replay_is_found_when_the_session_is_over() {
    let house = House::new().await;
    let app = house.public().await;
    let code = house.code(&app, &[("scope", "openid models offline_access")]).await;
    let redemption = house.redemption(&app, &code);
    let tokens = house.token(&redemption).await.json();
    let path = format!("/api/v1/sessions/{}", house.browser.session);
    let ended = house.browser.send(house.browser.request("DELETE", &path)).await.unwrap();
    assert_eq!(ended.status, 204, "{}", ended.text);
    assert_eq!(house.calls(&tokens).await, 200, "it was allowed beyond the session");
    assert_eq!(refused(&house.token(&redemption).await), invalid_grant());
    assert_eq!(house.calls(&tokens).await, 401);
    assert_eq!(refused(&house.refreshed(&app, &tokens).await), invalid_grant());
    house.stop().await;
}

#[tokio::test]
async fn t21_reuse_is_found_whatever_else_is_wrong_with_the_token() {
    const DAY: Duration = Duration::from_secs(86_400);
    let house = House::new().await;
    let app = house.public().await;
    let wish = [("scope", "openid models offline_access")];
    // Past the days that it might have waited for its use, had it not been used.
    let first = house.tokens(&app, &wish).await;
    house.clock.leap(20 * DAY);
    let second = house.refreshed(&app, &first).await.json();
    house.clock.leap(11 * DAY);
    let third = house.refreshed(&app, &second).await.json();
    assert_eq!(refused(&house.refreshed(&app, &first).await), invalid_grant());
    assert_eq!(house.calls(&third).await, 401);
    assert_eq!(house.acts("grant.reuse").await, 1);
    // With a wish that would be refused by itself.
    let browser = house.server.signed_in(house.alice).await.unwrap();
    let house = House { browser, ..house };
    let first = house.tokens(&app, &wish).await;
    let second = house.refreshed(&app, &first).await.json();
    house.refreshed(&app, &second).await;
    let mut form = posted(&app);
    form.extend([
        ("grant_type", "refresh_token".to_owned()),
        ("refresh_token", text(&first, "refresh_token")),
        ("scope", "manage".to_owned()),
    ]);
    assert_eq!(refused(&house.token(&form).await), invalid_grant());
    assert_eq!(house.acts("grant.reuse").await, 2);
    house.stop().await;
}

#[tokio::test]
async fn t79_a_program_that_may_be_anybodys_asks_each_time() {
    let house = House::new().await;
    for place in ["http://127.0.0.1/cb", "app.example:/cb"] {
        let wish = [("redirect_uri", place)];
        let app = house.app(json!({"type": "public", "redirect_uris": [place]})).await;
        for _ in 0..2 {
            let asked = house.browser.get(&house.request(&app, &wish)).await.unwrap();
            assert!(asked.text.contains("consent-form"), "{}", asked.text);
            assert!(told(&house.said("allow", asked).await).contains_key("code"));
        }
        let silent = house.request(&app, &[wish[0], ("prompt", "none")]);
        assert_eq!(house.allowed(&silent).await["error"], "consent_required");
    }
    // One that shows a secret is the one that was allowed.
    let place = "http://127.0.0.1/cb";
    let app = house.app(json!({"redirect_uris": [place]})).await;
    let request = house.request(&app, &[("redirect_uri", place)]);
    assert!(house.allowed(&request).await.contains_key("code"));
    let known = house.browser.get(&request).await.unwrap();
    assert!(told(&known).contains_key("code"), "{}", known.text);
    house.stop().await;
}

#[tokio::test]
async fn t62_bad_tokens_at_userinfo_are_counted_and_keys_not_looked_up() {
    let limits = NetworkLimits { anonymous_per_minute: 5, ..NetworkLimits::LAX };
    let house = House::limited(limits).await;
    let app = house.public().await;
    let tokens = house.tokens(&app, &[]).await;
    let (_, key) = house.server.caller("keyed", Vec::new()).await.unwrap();
    let asked = async |token: &str| {
        let client = house.server.with_bearer(token);
        client.get("/oauth/userinfo").await.unwrap().status
    };
    assert_eq!(asked(&key).await, 401);
    for _ in 0..4 {
        assert_eq!(asked("garbled").await, 401);
    }
    assert_eq!(asked("garbled").await, 429);
    assert_eq!(asked(&text(&tokens, "access_token")).await, 200, "good ones are not counted");
    let log = || house.server.log.text();
    let all = async || log().matches("/oauth/userinfo").count() == 7;
    bites("all of it is logged", all).await;
    let first = log().lines().find(|line| line.contains("/oauth/userinfo")).unwrap().to_owned();
    assert!(!first.contains("subject"), "nobody knows whose key it was: {first}");
    house.stop().await;
}

#[tokio::test]
async fn t17_a_disabled_app_leads_nobody_anywhere() {
    let house = House::new().await;
    let home = "https://app.example/bye";
    let app = house.app(json!({"post_logout_redirect_uris": [home]})).await;
    let leads = async || {
        let query = format!("?client_id={}&post_logout_redirect_uri={home}", app.id);
        let client = house.server.anonymous();
        let answer = client.get(&format!("/oauth/end-session{query}")).await.unwrap();
        answer.header("location").starts_with(home)
    };
    assert!(leads().await);
    let path = format!("/api/v1/clients/{}", app.id);
    house.root.patch(&path, &json!({"state": "disabled"})).await.unwrap();
    assert!(!leads().await);
    house.stop().await;
}
