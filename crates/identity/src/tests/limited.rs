//! Keys that are limited, were replaced or were made with a key: what they must not bring about.

use std::time::Duration;

use serde_json::json;
use tollgate_kernel::{
    Budget, KeyId, Kind, Manage, ModelPattern, Noun, Period, PlainToken, Rates, Role, Unit,
};
use tollgate_store::{AuditEvent, KeyHolder, KeyRecord, NewKey};

use super::House;
use super::browser::{Browser, api};
use super::house::{OWNER, PASSWORD, plain};
use crate::create_key::{KeyWish, create_key, new_secret};
use crate::issue_token::{TokenWish, issue_token};
use crate::revoke_key::revoke_key;
use crate::rotate_key::rotate_key;
use crate::update_key::{KeyChange, update_key};

fn wish(holder: KeyHolder) -> KeyWish {
    KeyWish {
        name: "service".to_owned(),
        holder: Some(holder),
        models: Vec::new(),
        networks: Vec::new(),
        rates: Rates::default(),
        budgets: Vec::new(),
        expires_at: None,
    }
}

fn kind<T>(answer: Result<T, tollgate_kernel::Error>) -> Option<Kind> {
    answer.err().map(|error| error.kind())
}

/// An admin key without any limit, made by the owner.
async fn unlimited(house: &House) -> (KeyRecord, PlainToken) {
    let boss = house.signed_in(OWNER).await;
    create_key(&house.gate, &boss, wish(KeyHolder::Admin)).await.unwrap()
}

#[tokio::test]
async fn k13_a_secret_that_was_replaced_does_not_replace_its_successor() {
    let (house, _) = House::owned().await;
    let gate = &house.gate;
    let boss = house.signed_in(OWNER).await;
    let (key, leaked) = unlimited(&house).await;
    let early = house.with_key(&leaked).await;
    let (_, new) = rotate_key(gate, &boss, key.id, 3_600).await.unwrap();

    // Whoever was let in before the rotation, and asks after it, is told to come again.
    assert_eq!(kind(rotate_key(gate, &early, key.id, 3_600).await), Some(Kind::Conflict));
    assert_eq!(kind(create_key(gate, &early, wish(KeyHolder::Admin)).await), Some(Kind::Conflict));
    let thief = house.with_replaced(&leaked).await;
    assert_eq!(kind(rotate_key(gate, &thief, key.id, 3_600).await), Some(Kind::Forbidden));
    let path = format!("/api/v1/keys/{}/rotate", key.id);
    let body = json!({ "overlap_s": 60 });
    let seen = api(&house.app, leaked.expose(), "POST", &path, Some(body.clone())).await;
    assert_eq!(seen.status, 403, "{}", seen.text);
    // Nor one of another key that would last longer.
    let (other, _) = unlimited(&house).await;
    assert_eq!(kind(rotate_key(gate, &thief, other.id, 0).await), Some(Kind::Forbidden));

    // Nor its own, where the key ends before the secret does.
    let ends = gate.clock().now().plus(Duration::from_secs(60));
    let brief = KeyWish { expires_at: Some(ends), ..wish(KeyHolder::Admin) };
    let (brief, old) = create_key(gate, &boss, brief).await.unwrap();
    rotate_key(gate, &boss, brief.id, 3_600).await.unwrap();
    let by_old = house.with_key(&old).await;
    assert_eq!(kind(rotate_key(gate, &by_old, brief.id, 0).await), Some(Kind::Forbidden));

    // The newest one replaces itself.
    let seen = api(&house.app, new.expose(), "POST", &path, Some(body)).await;
    assert_eq!(seen.status, 200, "{}", seen.text);
    let newest = plain(seen.json()["key"].as_str().unwrap());
    house.clock.advance(Duration::from_secs(3_600));
    house.key_ends(&leaked).await;
    house.key_ends(&new).await;
    house.with_key(&newest).await;
}

#[tokio::test]
async fn k13_what_is_made_with_a_replaced_secret_ends_with_it() {
    let (house, owner) = House::owned().await;
    let gate = &house.gate;
    let boss = house.signed_in(OWNER).await;
    let (key, leaked) = unlimited(&house).await;
    rotate_key(gate, &boss, key.id, 3_600).await.unwrap();
    let ends = gate.clock().now().plus(Duration::from_secs(3_600));
    let thief = house.with_key(&leaked).await;
    for holder in [KeyHolder::Admin, KeyHolder::User(owner.user.id)] {
        let (child, secret) = create_key(gate, &thief, wish(holder)).await.unwrap();
        assert_eq!(child.expires_at, Some(ends), "{holder:?}");
        let forever = KeyChange { expires_at: Some(None), ..KeyChange::default() };
        let changed = update_key(gate, &thief, child.id, forever).await.unwrap();
        assert_eq!(changed.expires_at, Some(ends), "{holder:?}");
        // Nor does a child come back by the key that it was made with.
        if holder == KeyHolder::Admin {
            let child = house.with_key(&secret).await;
            assert_eq!(kind(rotate_key(gate, &child, key.id, 0).await), Some(Kind::Forbidden));
        }
    }
}

#[tokio::test]
async fn k13_a_token_for_somebody_ends_with_the_secret_that_it_was_made_with() {
    let (house, _) = House::owned().await;
    house.can_sign().await;
    let gate = &house.gate;
    let boss = house.signed_in(OWNER).await;
    let member = house.user("member@example.com", Role::Member).await;
    let (key, leaked) = unlimited(&house).await;
    let token = async |secret: &PlainToken| {
        let wish =
            TokenWish { user: Some(member), expires_in: Some(3_600), ..TokenWish::default() };
        let issued = issue_token(gate, &house.with_key(secret).await, wish).await.unwrap();
        assert!(house.try_key(&issued.token).await.is_ok());
        issued.token
    };
    let first = token(&leaked).await;
    house.clock.advance(Duration::from_secs(2));
    let (_, second_secret) = rotate_key(gate, &boss, key.id, 600).await.unwrap();
    let second = token(&second_secret).await;
    assert!(house.try_key(&first).await.is_ok(), "as long as the secrets overlap");
    house.clock.advance(Duration::from_secs(601));
    house.key_ends(&first).await;
    assert!(house.try_key(&second).await.is_ok());
    rotate_key(gate, &boss, key.id, 0).await.unwrap();
    house.key_ends(&second).await;
}

/// What somebody tries who wants to go on as an admin, by a key: what each answers.
async fn tries(house: &House, key: &PlainToken, (admin, boss): (&str, &str)) -> Vec<u16> {
    let new = |n: &str, role: &str| json!({ "email": format!("{n}@example.com"), "role": role });
    let user = |id: &str| format!("/api/v1/users/{id}");
    let links = |id: &str| format!("/api/v1/users/{id}/links");
    let member = house.user("member@example.com", Role::Member).await.to_string();
    let mut seen = Vec::new();
    for (method, path, body) in [
        ("POST", "/api/v1/users".to_owned(), new("a", "admin")),
        ("POST", "/api/v1/users".to_owned(), new("o", "owner")),
        ("PATCH", user(&member), json!({ "role": "admin" })),
        ("PATCH", user(&member), json!({ "role": "owner" })),
        ("PATCH", user(admin), json!({ "password": PASSWORD })),
        ("PATCH", user(boss), json!({ "password": PASSWORD })),
        ("PATCH", user(admin), json!({ "email": "mine@example.com" })),
        ("PATCH", user(admin), json!({ "state": "active" })),
        ("POST", links(admin), json!({ "purpose": "sign_in" })),
        ("POST", links(boss), json!({ "purpose": "reset" })),
    ] {
        let answer = api(&house.app, key.expose(), method, &path, Some(body)).await;
        seen.push(answer.status.as_u16());
    }
    // What concerns members alone is an admin key's, limited or not.
    for (method, path, body) in [
        ("POST", "/api/v1/users".to_owned(), new("m", "member")),
        ("PATCH", user(admin), json!({ "name": "Ada" })),
        ("POST", links(&member), json!({ "purpose": "sign_in" })),
    ] {
        let answer = api(&house.app, key.expose(), method, &path, Some(body)).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text);
    }
    seen
}

/// Narrows the wish for a key.
type Narrow = fn(&House, KeyWish) -> KeyWish;

#[tokio::test]
async fn k14_a_limited_admin_key_does_not_live_on_through_an_account() {
    let limits: [(&str, Narrow); 6] = [
        ("none", |_, wish| wish),
        ("expiry", |house, wish| {
            let ends = house.gate.clock().now().plus(Duration::from_secs(60));
            KeyWish { expires_at: Some(ends), ..wish }
        }),
        ("networks", |_, wish| KeyWish { networks: vec!["192.0.2.0/24".to_owned()], ..wish }),
        ("models", |_, wish| KeyWish {
            models: vec![ModelPattern::parse("small*").unwrap()],
            ..wish
        }),
        ("rates", |_, wish| KeyWish {
            rates: Rates { requests_per_minute: Some(5), ..Rates::default() },
            ..wish
        }),
        ("budgets", |_, wish| KeyWish {
            budgets: vec![Budget { unit: Unit::Calls, limit: 1, period: Period::Day }],
            ..wish
        }),
    ];
    for (limit, narrow) in limits {
        let (house, owner) = House::owned().await;
        let admin = house.user("ada@example.com", Role::Admin).await.to_string();
        let boss = house.signed_in(OWNER).await;
        let narrow = narrow(&house, wish(KeyHolder::Admin));
        let (_, key) = create_key(&house.gate, &boss, narrow).await.unwrap();
        let seen = tries(&house, &key, (&admin, &owner.user.id.to_string())).await;
        let expected = match limit {
            "none" => [201, 201, 200, 200, 200, 200, 200, 200, 200, 200],
            _ => [403; 10],
        };
        assert_eq!(seen, expected, "{limit}");
    }
}

#[tokio::test]
async fn k14_nor_one_that_was_made_with_a_key_or_replaced() {
    let (house, owner) = House::owned().await;
    let gate = &house.gate;
    let admin = house.user("ada@example.com", Role::Admin).await.to_string();
    let boss = house.signed_in(OWNER).await;
    let (parent, secret) = unlimited(&house).await;
    let by_key = house.with_key(&secret).await;
    let (_, child) = create_key(gate, &by_key, wish(KeyHolder::Admin)).await.unwrap();
    let whose = (admin.as_str(), &*owner.user.id.to_string());
    assert_eq!(tries(&house, &child, whose).await, [403; 10]);
    rotate_key(gate, &boss, parent.id, 60).await.unwrap();
    let refused = api(
        &house.app,
        secret.expose(),
        "POST",
        "/api/v1/users",
        Some(json!({ "email": "x@example.com", "role": "admin" })),
    );
    assert_eq!(refused.await.status, 403);
}

#[tokio::test]
async fn k14_the_first_admin_key_has_no_end_and_once_it_gets_one_is_limited() {
    let (house, owner) = House::owned().await;
    let make = |email: &'static str| {
        let body = json!({ "email": email, "role": "admin" });
        let (app, key) = (&house.app, owner.admin_key.expose());
        async move { api(app, key, "POST", "/api/v1/users", Some(body)).await.status.as_u16() }
    };
    assert_eq!(make("ada@example.com").await, 201);
    let id = house.with_key(&owner.admin_key).await.credential().key().unwrap();
    let soon = house.gate.clock().now().plus(Duration::from_secs(3_600));
    let change = KeyChange { expires_at: Some(Some(soon)), ..KeyChange::default() };
    update_key(&house.gate, &house.signed_in(OWNER).await, id, change).await.unwrap();
    assert_eq!(make("bob@example.com").await, 403);
}

#[tokio::test]
async fn t86_a_new_secret_is_for_keys_that_may_do_no_more_than_the_one_that_asks() {
    let (house, owner) = House::owned().await;
    let gate = &house.gate;
    let boss = house.signed_in(OWNER).await;
    let budget = |limit| vec![Budget { unit: Unit::Tokens, limit, period: Period::Day }];
    let rates = |n| Rates { requests_per_minute: Some(n), ..Rates::default() };
    let ends = |s| Some(gate.clock().now().plus(Duration::from_secs(s)));
    let limited = |holder, n: u32, s: u64| KeyWish {
        rates: rates(n),
        budgets: budget(i64::from(n)),
        expires_at: ends(s),
        ..wish(holder)
    };
    let (_, secret) = create_key(gate, &boss, limited(KeyHolder::Admin, 5, 60)).await.unwrap();
    let by_key = house.with_key(&secret).await;
    let app = house.client("bot").await;
    for holder in [KeyHolder::User(owner.user.id), KeyHolder::App(app), KeyHolder::Admin] {
        let same = limited(holder, 5, 60);
        let wide: [(&str, KeyWish); 4] = [
            ("expiry", KeyWish { expires_at: ends(61), ..limited(holder, 5, 60) }),
            ("no expiry", KeyWish { expires_at: None, ..limited(holder, 5, 60) }),
            ("rates", KeyWish { rates: rates(6), ..limited(holder, 5, 60) }),
            ("budgets", KeyWish { budgets: Vec::new(), ..limited(holder, 5, 60) }),
        ];
        let made = async |wish| -> KeyId { create_key(gate, &boss, wish).await.unwrap().0.id };
        for (what, wish) in wide {
            let id = made(wish).await;
            let asked = rotate_key(gate, &by_key, id, 0).await;
            assert_eq!(kind(asked), Some(Kind::Forbidden), "{holder:?} {what}");
            rotate_key(gate, &boss, id, 0).await.unwrap();
        }
        let id = made(same).await;
        rotate_key(gate, &by_key, id, 0).await.unwrap();
    }
}

#[tokio::test]
async fn a_person_has_so_many_keys_that_work() {
    let (house, owner) = House::owned().await;
    let gate = &house.gate;
    let ada = house.user("ada@example.com", Role::Member).await;
    let caller = house.signed_in("ada@example.com").await;
    let own = KeyHolder::User(ada);
    let warrant = gate.allow(&house.system(), Manage::write(Noun::Keys)).unwrap();
    let mut tx = gate.begin(&warrant).await.unwrap();
    for _ in 0..998 {
        let (_, secret) = new_secret(gate, own);
        let key = NewKey {
            id: KeyId::new(&**gate.clock(), &**gate.rng()),
            name: "one of many".to_owned(),
            holder: own,
            tool: None,
            models: None,
            networks: None,
            rates: Rates::default(),
            budgets: Vec::new(),
            expires_at: None,
        };
        tx.insert_key(key, secret).await.unwrap();
    }
    tx.commit(AuditEvent::new("key.create", "keys")).await.unwrap();
    let ends = gate.clock().now().plus(Duration::from_secs(60));
    let brief = KeyWish { expires_at: Some(ends), ..wish(own) };
    let (brief, _) = create_key(gate, &caller, brief).await.unwrap();
    let (last, _) = create_key(gate, &caller, wish(own)).await.unwrap();
    assert_eq!(kind(create_key(gate, &caller, wish(own)).await), Some(Kind::Conflict));
    // Nothing is left of what was refused, and others are not held up.
    create_key(gate, &house.signed_in(OWNER).await, wish(KeyHolder::User(owner.user.id)))
        .await
        .unwrap();
    revoke_key(gate, &caller, last.id).await.unwrap();
    create_key(gate, &caller, wish(own)).await.unwrap();
    // One that ended takes no place, and needs one to work again.
    house.clock.advance(Duration::from_secs(60));
    create_key(gate, &caller, wish(own)).await.unwrap();
    let forever = || KeyChange { expires_at: Some(None), ..KeyChange::default() };
    let revived = update_key(gate, &caller, brief.id, forever()).await;
    assert_eq!(kind(revived), Some(Kind::Conflict));
    let mut browser = Browser::new(&house.app);
    browser.sign_in("ada@example.com", PASSWORD).await;
    let seen = browser.post("/account/keys", "/account/keys", &[("name", "desk")]).await;
    assert_eq!(seen.status, 409);
    assert!(seen.text.contains("1000 keys that work already"), "{}", seen.text);
}
