//! Keys, by API and page.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_kernel::{Access, Kind, Manage, Noun, Role, Timestamp};

use super::House;
use super::browser::{Browser, api};
use super::house::{OWNER, PASSWORD, plain};
use crate::create_key::create_key;
use crate::list_keys::{KeyQuery, find_key, list_keys};
use crate::revoke_key::revoke_key;
use crate::rotate_key::rotate_key;
use crate::update_key::{KeyChange, update_key};

fn wish(holder: Option<tollgate_store::KeyHolder>) -> crate::create_key::KeyWish {
    crate::create_key::KeyWish {
        name: "laptop".to_owned(),
        holder,
        models: Vec::new(),
        networks: Vec::new(),
        rates: Default::default(),
        budgets: Vec::new(),
        expires_at: None,
    }
}

#[tokio::test]
async fn a_key_is_made_shown_once_changed_rotated_and_revoked() {
    let (house, owner) = House::owned().await;
    let admin = owner.admin_key.expose();
    let call = |method: &'static str, path: String, body: Option<Value>| {
        let app = &house.app;
        async move { api(app, admin, method, &path, body).await }
    };
    let body = json!({
        "name": "laptop", "user": owner.user.id, "models": ["gpt-4o*"],
        "networks": ["192.0.2.0/24"], "rates": { "requests_per_minute": 5 },
        "budgets": [{ "unit": "tokens", "limit": 100, "period": "day" }],
    });
    let made = call("POST", "/api/v1/keys".into(), Some(body)).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    let first = plain(made["key"].as_str().unwrap());
    assert!(
        first.expose().starts_with("tg_user_")
            && first.expose().ends_with(made["tail"].as_str().unwrap())
    );
    assert_eq!((&made["state"], &made["kind"]), (&json!("active"), &json!("user")));
    let ends = Timestamp::parse(made["expires_at"].as_str().unwrap()).unwrap();
    assert_eq!(ends, house.gate.clock().now().plus(Duration::from_secs(90 * 86_400)));
    let path = format!("/api/v1/keys/{}", made["id"].as_str().unwrap());
    let shown = call("GET", path.clone(), None).await.json();
    assert_eq!(shown["key"], Value::Null);
    assert_eq!(shown["rates"], json!({ "requests_per_minute": 5 }));
    let caller = house.with_key(&first).await;
    assert_eq!(caller.user(), Some(owner.user.id));
    assert!(caller.admits(Access::Models).is_ok());

    let patch = json!({ "name": "desk", "networks": [] });
    let changed = call("PATCH", path.clone(), Some(patch)).await.json();
    assert_eq!((&changed["name"], &changed["networks"]), (&json!("desk"), &Value::Null));
    assert_eq!(changed["models"], json!(["gpt-4o*"]));

    let rotated = call("POST", format!("{path}/rotate"), Some(json!({ "overlap_s": 60 }))).await;
    let second = plain(rotated.json()["key"].as_str().unwrap());
    assert!(house.try_key(&first).await.is_ok() && house.try_key(&second).await.is_ok());
    house.clock.advance(Duration::from_secs(60));
    house.key_ends(&first).await;
    assert!(house.try_key(&second).await.is_ok());

    assert_eq!(call("DELETE", path.clone(), None).await.status, 204);
    house.key_ends(&second).await;
    let shown = call("GET", path.clone(), None).await.json();
    assert_eq!(shown["state"], "revoked");
    assert_eq!(call("DELETE", path.clone(), None).await.status, 404);
    assert_eq!(call("PATCH", path.clone(), Some(json!({ "name": "x" }))).await.status, 409);
    assert_eq!(call("POST", format!("{path}/rotate"), Some(json!({}))).await.status, 409);
    let active = call("GET", "/api/v1/keys?active=true".into(), None).await.json();
    assert_eq!(active["items"].as_array().unwrap().len(), 1, "the admin key is left");
}

#[tokio::test]
async fn a_rotation_without_overlap_ends_the_old_secret_at_once() {
    let (house, _) = House::owned().await;
    let caller = house.signed_in(OWNER).await;
    let (key, old) = create_key(&house.gate, &caller, wish(None)).await.unwrap();
    house.with_key(&old).await;
    let (_, new) = rotate_key(&house.gate, &caller, key.id, 0).await.unwrap();
    house.key_ends(&old).await;
    house.with_key(&new).await;
    let week = rotate_key(&house.gate, &caller, key.id, 604_801).await;
    assert_eq!(week.err().and_then(|e| e.param().map(str::to_owned)).as_deref(), Some("overlap_s"));
}

#[tokio::test]
async fn bad_members_are_refused_by_name() {
    let (house, owner) = House::owned().await;
    let cases = [
        (json!({ "name": "" , "admin": true }), "name"),
        (json!({ "name": "a", "admin": true, "networks": ["nowhere"] }), "networks"),
        (json!({ "name": "a", "admin": true, "models": ["a*b"] }), "models[0]"),
        (json!({ "name": "a", "admin": true, "expires_at": "2019-01-01T00:00:00Z" }), "expires_at"),
        (json!({ "name": "a", "admin": true, "expires_at": "2099-01-01T00:00:00Z" }), "expires_at"),
        (
            json!({ "name": "a", "admin": true, "budgets": [
            { "unit": "tokens", "limit": -1, "period": "day" }] }),
            "budgets[0]",
        ),
        (json!({ "name": "a", "admin": true, "scope": "x" }), "scope"),
        (json!({ "name": "a", "admin": true, "user": owner.user.id }), "user"),
        (json!({ "name": "a" }), "user"),
        (json!({ "admin": true }), "name"),
    ];
    for (body, param) in cases {
        let said = body.to_string();
        let seen =
            api(&house.app, owner.admin_key.expose(), "POST", "/api/v1/keys", Some(body)).await;
        let error = seen.json();
        assert_eq!(seen.status, 400, "{said}");
        assert_eq!(error["code"], "invalid_request", "{said}");
        assert_eq!(error["param"], param, "{said}");
    }
}

#[tokio::test]
async fn t84_a_member_makes_keys_for_nobody_else() {
    let (house, owner) = House::owned().await;
    house.user("ada@example.com", Role::Member).await;
    let ada = house.signed_in("ada@example.com").await;
    let (own, _) = create_key(&house.gate, &ada, wish(None)).await.unwrap();
    assert_eq!(own.holder.user(), ada.user());
    use tollgate_store::KeyHolder;
    let for_owner = create_key(&house.gate, &ada, wish(Some(KeyHolder::User(owner.user.id)))).await;
    assert_eq!(for_owner.err().map(|e| e.kind()), Some(Kind::NotFound));
    let admin = create_key(&house.gate, &ada, wish(Some(KeyHolder::Admin))).await;
    assert_eq!(admin.err().map(|e| e.kind()), Some(Kind::Forbidden));
    // The form of the page has no such field, and takes none.
    let mut browser = Browser::new(&house.app);
    browser.sign_in("ada@example.com", PASSWORD).await;
    let id = owner.user.id.to_string();
    let fields = [("name", "mine"), ("user", id.as_str())];
    assert_eq!(browser.post("/account/keys", "/account/keys", &fields).await.status, 400);
}

#[tokio::test]
async fn t87_somebody_elses_key_does_not_exist() {
    let (house, owner) = House::owned().await;
    house.user("ada@example.com", Role::Member).await;
    let boss = house.signed_in(OWNER).await;
    let ada = house.signed_in("ada@example.com").await;
    let (key, secret) = create_key(&house.gate, &boss, wish(None)).await.unwrap();
    let gate = &house.gate;
    let kind = |error: Option<tollgate_kernel::Error>| error.map(|e| e.kind());
    assert_eq!(kind(find_key(gate, &ada, key.id).await.err()), Some(Kind::NotFound));
    assert_eq!(kind(revoke_key(gate, &ada, key.id).await.err()), Some(Kind::NotFound));
    assert_eq!(kind(rotate_key(gate, &ada, key.id, 0).await.err()), Some(Kind::NotFound));
    let change = KeyChange { name: Some("mine".into()), ..KeyChange::default() };
    assert_eq!(kind(update_key(gate, &ada, key.id, change).await.err()), Some(Kind::NotFound));
    let all = tollgate_store::PageRequest::first(100);
    let query = KeyQuery { user: Some(owner.user.id), ..KeyQuery::default() };
    assert_eq!(kind(list_keys(gate, &ada, query, &all).await.err()), Some(Kind::NotFound));
    let own = list_keys(gate, &ada, KeyQuery::default(), &all).await.unwrap();
    assert_eq!(own.items, []);
    let mut browser = Browser::new(&house.app);
    browser.sign_in("ada@example.com", PASSWORD).await;
    let page = format!("/account/keys/{}", key.id);
    assert_eq!(browser.get(&page).await.status, 404);
    for act in ["", "/rotate", "/revoke"] {
        let fields: &[(&str, &str)] = match act {
            "/rotate" => &[("overlap_s", "0")],
            "/revoke" => &[],
            _ => &[("name", "mine")],
        };
        let seen = browser.post("/account/keys", &format!("{page}{act}"), fields).await;
        assert_eq!(seen.status, 404, "{act}");
    }
    assert!(house.try_key(&secret).await.is_ok());
    let everybody = list_keys(gate, &boss, KeyQuery::default(), &all).await.unwrap();
    assert_eq!(everybody.items.len(), 2, "owners see all keys");
}

#[tokio::test]
async fn t86_a_key_makes_no_keys_and_an_admin_key_none_that_outlasts_it() {
    let (house, owner) = House::owned().await;
    let boss = house.signed_in(OWNER).await;
    let (_, secret) = create_key(&house.gate, &boss, wish(None)).await.unwrap();
    let by_key = house.with_key(&secret).await;
    assert_eq!(by_key.role(), Role::Owner);
    let refused = create_key(&house.gate, &by_key, wish(None)).await;
    assert_eq!(refused.err().map(|e| e.kind()), Some(Kind::Forbidden));
    for noun in [Noun::Keys, Noun::Users, Noun::Tokens, Noun::Sessions, Noun::Me] {
        assert!(house.gate.allow(&by_key, Manage::write(noun)).is_err(), "{noun:?}");
    }
    let seen = api(&house.app, secret.expose(), "POST", "/api/v1/keys", Some(json!({"name":"a"})));
    assert_eq!(seen.await.status, 403);
    house.clock.advance(Duration::from_secs(300 * 86_400));
    let by_admin = house.with_key(&owner.admin_key).await;
    let holder = Some(tollgate_store::KeyHolder::Admin);
    let (child, _) = create_key(&house.gate, &by_admin, wish(holder)).await.unwrap();
    let parent = by_admin.credential().key().unwrap();
    let parent = find_key(&house.gate, &by_admin, parent).await.unwrap();
    assert_eq!(child.expires_at, parent.expires_at, "not 90 days, for the parent has 66 left");
}

#[tokio::test]
async fn the_page_makes_a_key_shows_it_once_and_lists_it() {
    let (house, _) = House::owned().await;
    let mut browser = Browser::new(&house.app);
    browser.sign_in(OWNER, PASSWORD).await;
    assert!(browser.get("/account/keys").await.text.contains("You have no keys yet"));
    let fields = [("name", "<b>laptop</b>"), ("models", "gpt-4o*"), ("tokens_per_day", "5000")];
    let made = browser.post("/account/keys", "/account/keys", &fields).await;
    assert_eq!(made.status, 201);
    let secret = made.secret();
    assert!(house.try_key(&plain(&secret)).await.is_ok());
    let list = browser.get("/account/keys").await;
    assert!(list.text.contains("&#60;b&#62;laptop") && !list.text.contains("<b>laptop"));
    assert!(!list.text.contains(&secret));
    let page = format!("/account/keys/{}", list.between("<a href=\"/account/keys/", "\""));
    let wrong = [("name", "desk"), ("concurrent", "many")];
    let seen = browser.post(&page, &page, &wrong).await;
    assert_eq!(seen.status, 422);
    assert!(seen.text.contains("value=\"many\"") && seen.text.contains("whole number"));
    let right = [("name", "desk"), ("concurrent", "2"), ("expires", "")];
    assert_eq!(browser.post(&page, &page, &right).await.location(), format!("{page}?saved=1"));
    assert!(browser.get(&page).await.text.contains("value=\"2\""));
    let rotated = browser.post(&page, &format!("{page}/rotate"), &[("overlap_s", "3600")]).await;
    assert_ne!(rotated.secret(), secret);
    assert!(house.try_key(&plain(&secret)).await.is_ok());
    let gone = browser.post(&page, &format!("{page}/revoke"), &[]).await;
    assert_eq!(gone.location(), "/account/keys");
    house.key_ends(&plain(&rotated.secret())).await;
    house.key_ends(&plain(&secret)).await;
}
