//! Keys, by API and page.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_kernel::{
    Access, Budget, KeyId, Kind, Manage, ModelPattern, Noun, Period, Rates, Role, Unit,
};
use tollgate_store::{AccountState, GENERATIONS_MAX, KeyHolder, KeyRecord, KeyState};

use super::House;
use super::browser::{Browser, api};
use super::house::{OWNER, PASSWORD, plain};
use crate::create_key::{KeyWish, create_key};
use crate::delete_user::delete_user;
use crate::list_keys::{KeyQuery, find_key, list_keys};
use crate::revoke_key::revoke_key;
use crate::rotate_key::rotate_key;
use crate::update_key::{KeyChange, update_key};
use crate::update_user::{UserChange, update_user};

pub(super) fn wish(holder: Option<KeyHolder>) -> KeyWish {
    KeyWish {
        tool: None,
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
    assert_eq!(made["expires_at"], Value::Null, "as the key that made it, where nothing is said");
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
    let holder = Some(KeyHolder::Admin);
    let (child, _) = create_key(&house.gate, &by_admin, wish(holder)).await.unwrap();
    let parent = by_admin.credential().key().unwrap();
    let parent = find_key(&house.gate, &by_admin, parent).await.unwrap();
    assert_eq!(child.expires_at, parent.expires_at, "it has no end of its own");
}

#[tokio::test]
async fn a_page_of_keys_refuses_a_cursor_that_is_none() {
    let (house, owner) = House::owned().await;
    let mut browser = Browser::new(&house.app);
    browser.sign_in(OWNER, PASSWORD).await;
    let seen = browser.get("/account/keys?cursor=garbage").await;
    assert_eq!(seen.status, 400, "{}", seen.text);
    assert!(seen.text.contains("does not belong to this list"), "{}", seen.text);
    let cursor = format!("/account/keys?cursor={}", owner.user.id);
    assert_eq!(browser.get(&cursor).await.status, 200);
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

fn kind<T>(answer: Result<T, tollgate_kernel::Error>) -> Option<Kind> {
    answer.err().map(|error| error.kind())
}

fn rename() -> KeyChange {
    KeyChange { name: Some("mine".into()), ..KeyChange::default() }
}

#[tokio::test]
async fn t85_an_admin_gets_no_owners_rights_by_an_owners_key() {
    let (house, owner) = House::owned().await;
    let gate = &house.gate;
    house.user("ada@example.com", Role::Admin).await;
    house.user("bob@example.com", Role::Admin).await;
    let (boss, ada) = (house.signed_in(OWNER).await, house.signed_in("ada@example.com").await);
    let first = house.with_key(&owner.admin_key).await.credential().key().unwrap();
    let (of_owner, _) = create_key(gate, &boss, wish(Some(KeyHolder::Admin))).await.unwrap();
    let (personal, _) = create_key(gate, &boss, wish(None)).await.unwrap();
    let (of_ada, by_ada) = create_key(gate, &ada, wish(Some(KeyHolder::Admin))).await.unwrap();
    let by_ada = house.with_key(&by_ada).await;
    for caller in [&ada, &by_ada] {
        for id in [first, of_owner.id, personal.id] {
            assert_eq!(kind(rotate_key(gate, caller, id, 0).await), Some(Kind::Forbidden));
            assert_eq!(kind(update_key(gate, caller, id, rename()).await), Some(Kind::Forbidden));
            assert_eq!(kind(revoke_key(gate, caller, id).await), Some(Kind::Forbidden));
        }
        let for_owner = wish(Some(KeyHolder::User(owner.user.id)));
        assert_eq!(kind(create_key(gate, caller, for_owner).await), Some(Kind::Forbidden));
    }
    let path = format!("/api/v1/keys/{first}/rotate");
    let (_, secret) = create_key(gate, &ada, wish(Some(KeyHolder::Admin))).await.unwrap();
    let seen = api(&house.app, secret.expose(), "POST", &path, Some(json!({}))).await;
    assert_eq!((seen.status.as_u16(), &seen.json()["key"]), (403, &Value::Null));
    assert!(house.try_key(&owner.admin_key).await.is_ok());
    // What is an admin's is for admins, and all of it for owners.
    let bob = house.signed_in("bob@example.com").await;
    update_key(gate, &bob, of_ada.id, rename()).await.unwrap();
    rotate_key(gate, &boss, of_ada.id, 0).await.unwrap();
    revoke_key(gate, &boss, of_owner.id).await.unwrap();
}

#[tokio::test]
async fn t85_an_admin_key_ends_with_its_makers_rights() {
    for end in ["demoted", "disabled", "deleted"] {
        let (house, owner) = House::owned().await;
        let gate = &house.gate;
        let id = house.user("ada@example.com", Role::Admin).await;
        let (boss, ada) = (house.signed_in(OWNER).await, house.signed_in("ada@example.com").await);
        let (key, secret) = create_key(gate, &ada, wish(Some(KeyHolder::Admin))).await.unwrap();
        let by_key = house.with_key(&secret).await;
        let admin = wish(Some(KeyHolder::Admin));
        let (_, child) = create_key(gate, &by_key, admin).await.unwrap();
        house.with_key(&child).await;
        let change = match end {
            "demoted" => UserChange { role: Some(Role::Member), ..UserChange::default() },
            _ => UserChange { state: Some(AccountState::Disabled), ..UserChange::default() },
        };
        if end == "deleted" {
            delete_user(gate, &boss, id).await.unwrap();
        } else {
            update_user(gate, &boss, id, change).await.unwrap();
        }
        for secret in [&secret, &child] {
            house.key_ends(secret).await;
            let seen = api(&house.app, secret.expose(), "GET", "/api/v1/users", None).await;
            assert_eq!(seen.status, 401, "{end}");
        }
        house.with_key(&owner.admin_key).await;
        if end == "demoted" {
            // Nobody lays it by until its maker is somebody again.
            house.user("bob@example.com", Role::Admin).await;
            let bob = house.signed_in("bob@example.com").await;
            assert_eq!(kind(rotate_key(gate, &bob, key.id, 0).await), Some(Kind::Forbidden));
            let change = UserChange { role: Some(Role::Admin), ..UserChange::default() };
            update_user(gate, &boss, id, change).await.unwrap();
            house.with_key(&child).await;
        }
    }
}

#[tokio::test]
async fn t86_what_a_key_makes_may_do_what_that_key_may_and_ends_with_it() {
    let (house, owner) = House::owned().await;
    let gate = &house.gate;
    let boss = house.signed_in(OWNER).await;
    let budget = |limit| Budget { unit: Unit::Tokens, limit, period: Period::Day };
    let patterns = |list: &[&str]| -> Vec<ModelPattern> {
        list.iter().map(|name| ModelPattern::parse(name).unwrap()).collect()
    };
    let narrow = KeyWish {
        models: patterns(&["gpt-4o*"]),
        networks: vec!["192.0.2.0/24".to_owned()],
        rates: Rates { requests_per_minute: Some(5), ..Rates::default() },
        budgets: vec![budget(100)],
        expires_at: Some(gate.clock().now().plus(Duration::from_secs(3_600))),
        ..wish(Some(KeyHolder::Admin))
    };
    let (parent, secret) = create_key(gate, &boss, narrow).await.unwrap();
    let by_key = house.with_key(&secret).await;
    let (child, child_secret) =
        create_key(gate, &by_key, wish(Some(KeyHolder::Admin))).await.unwrap();
    let limits = |key: &KeyRecord| {
        (key.models.clone(), key.networks.clone(), key.rates, key.budgets.clone(), key.expires_at)
    };
    assert_eq!(limits(&child), limits(&parent));
    let asks = KeyWish {
        models: patterns(&["gpt-4o-mini", "o3"]),
        networks: vec!["192.0.2.128/25".to_owned(), "198.51.100.0/24".to_owned()],
        rates: Rates { requests_per_minute: Some(9), concurrent: Some(2), ..Rates::default() },
        budgets: vec![budget(7)],
        ..wish(Some(KeyHolder::User(owner.user.id)))
    };
    let (personal, personal_secret) = create_key(gate, &by_key, asks).await.unwrap();
    assert_eq!(personal.models, Some(patterns(&["gpt-4o-mini"])));
    assert_eq!(personal.networks.clone().unwrap(), ["192.0.2.128/25"]);
    let rates = Rates { requests_per_minute: Some(5), concurrent: Some(2), ..Rates::default() };
    assert_eq!((personal.rates, &personal.budgets), (rates, &vec![budget(7)]));
    assert_eq!(personal.expires_at, parent.expires_at);
    let elsewhere =
        KeyWish { networks: vec!["198.51.100.0/24".to_owned()], ..wish(Some(KeyHolder::Admin)) };
    let refused = create_key(gate, &by_key, elsewhere).await.err().unwrap();
    assert_eq!((refused.kind(), refused.param()), (Kind::Forbidden, Some("networks")));

    let call = |id: KeyId, body: Value| {
        let (app, secret) = (&house.app, secret.expose());
        async move { api(app, secret, "PATCH", &format!("/api/v1/keys/{id}"), Some(body)).await }
    };
    let free = json!({ "models": null, "networks": [], "rates": null, "budgets": null,
        "expires_at": null });
    assert_eq!(call(parent.id, free.clone()).await.status, 403, "a key leaves itself alone");
    let shown = call(child.id, free).await;
    assert_eq!(shown.status, 200);
    let child = find_key(gate, &boss, child.id).await.unwrap();
    assert_eq!(limits(&child), limits(&parent));
    let (wide, _) = create_key(gate, &boss, wish(Some(KeyHolder::Admin))).await.unwrap();
    assert_eq!(kind(rotate_key(gate, &by_key, wide.id, 0).await), Some(Kind::Forbidden));
    rotate_key(gate, &by_key, child.id, 60).await.unwrap();

    house.with_key(&child_secret).await;
    revoke_key(gate, &boss, parent.id).await.unwrap();
    for secret in [&secret, &child_secret, &personal_secret] {
        house.key_ends(secret).await;
    }
    let states = [child.id, personal.id];
    for id in states {
        let key = find_key(gate, &boss, id).await.unwrap();
        assert!(matches!(key.state, KeyState::Revoked(_)));
    }
    assert_eq!(find_key(gate, &boss, wide.id).await.unwrap().state, KeyState::Active);
}

#[tokio::test]
async fn t86_only_so_many_admin_keys_make_one_another() {
    let (house, owner) = House::owned().await;
    let mut secret = owner.admin_key;
    for _ in 1..GENERATIONS_MAX {
        let caller = house.with_key(&secret).await;
        secret = create_key(&house.gate, &caller, wish(Some(KeyHolder::Admin))).await.unwrap().1;
    }
    let caller = house.with_key(&secret).await;
    let one_more = create_key(&house.gate, &caller, wish(Some(KeyHolder::Admin))).await;
    assert_eq!(kind(one_more), Some(Kind::Forbidden));
}

#[tokio::test]
async fn null_takes_a_restriction_away_and_an_empty_one_is_not_made() {
    let (house, owner) = House::owned().await;
    let session = house.session(OWNER).await;
    let boss = house.try_session(&session).await.unwrap();
    let admin = owner.admin_key.expose();
    for param in ["models", "networks"] {
        let body = json!({ "name": "a", "user": owner.user.id, param: [] });
        let seen = api(&house.app, admin, "POST", "/api/v1/keys", Some(body)).await;
        assert_eq!((seen.status.as_u16(), &seen.json()["param"]), (400, &json!(param)));
    }
    let narrow = KeyWish {
        models: vec![ModelPattern::parse("gpt-4o*").unwrap()],
        networks: vec!["192.0.2.0/24".to_owned()],
        rates: Rates { requests_per_minute: Some(5), ..Rates::default() },
        budgets: vec![Budget { unit: Unit::Calls, limit: 1, period: Period::Week }],
        expires_at: Some(house.gate.clock().now().plus(Duration::from_secs(60))),
        ..wish(None)
    };
    let (key, _) = create_key(&house.gate, &boss, narrow).await.unwrap();
    let path = format!("/api/v1/keys/{}", key.id);
    for (param, now) in [
        ("models", Value::Null),
        ("networks", Value::Null),
        ("rates", json!({})),
        ("budgets", json!([])),
        ("expires_at", Value::Null),
    ] {
        let seen = api(&house.app, admin, "PATCH", &path, Some(json!({ param: null }))).await;
        assert_eq!((seen.status.as_u16(), &seen.json()[param]), (200, &now), "{param}");
    }
    let forever = KeyChange { expires_at: Some(None), ..KeyChange::default() };
    let changed = update_key(&house.gate, &boss, key.id, forever).await.unwrap();
    assert_eq!(changed.expires_at, None);
    let (made, _) = create_key(&house.gate, &boss, wish(None)).await.unwrap();
    assert_eq!(made.expires_at, None, "nothing was said");
}

#[tokio::test]
async fn lists_refuse_absurd_limits_and_cursors() {
    let (house, owner) = House::owned().await;
    for noun in ["users", "keys", "sessions"] {
        for (query, param) in [
            ("limit=0", "limit"),
            ("limit=501", "limit"),
            ("limit=10000", "limit"),
            ("cursor=garbage", "cursor"),
            ("cursor=", "cursor"),
        ] {
            let path = format!("/api/v1/{noun}?{query}");
            let seen = api(&house.app, owner.admin_key.expose(), "GET", &path, None).await;
            let told = seen.json();
            assert_eq!((seen.status.as_u16(), &told["param"]), (400, &json!(param)), "{path}");
        }
    }
    house.user("ada@example.com", Role::Member).await;
    let path = "/api/v1/users?limit=1";
    let first = api(&house.app, owner.admin_key.expose(), "GET", path, None).await.json();
    let path = format!("{path}&cursor={}", first["next"].as_str().unwrap());
    let second = api(&house.app, owner.admin_key.expose(), "GET", &path, None).await.json();
    assert_eq!(second["items"][0]["email"], "ada@example.com");
}
