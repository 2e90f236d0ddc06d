//! Accounts by API, sessions, and one's own account.

use serde_json::{Value, json};
use tollgate_kernel::{Kind, Role, Slug};
use tollgate_store::{AccountState, AuditFilter, PageRequest};

use super::House;
use super::browser::api;
use super::house::{OWNER, PASSWORD, plain};
use crate::change_me::{MeChange, NewPassword, change_me};
use crate::create_key::{KeyWish, create_key};
use crate::delete_user::delete_user;
use crate::end_session::end_session;
use crate::list_sessions::list_sessions;
use crate::list_users::find_user;
use crate::new_password::Wished;
use crate::update_user::{UserChange, update_user};
use crate::{IdentityState, ship_standard_plan};

const NEW: &str = "another good password";

#[tokio::test]
async fn accounts_are_made_read_changed_and_removed() {
    let (house, owner) = House::owned().await;
    let key = owner.admin_key.expose();
    let call = |method: &'static str, path: String, body: Option<Value>| {
        let app = &house.app;
        async move { api(app, key, method, &path, body).await }
    };
    let body = json!({
        "email": "Ada@Example.com", "password": PASSWORD, "name": "Ada", "locale": "ja",
        "plan": "standard", "external_id": "crm-1",
    });
    let made = call("POST", "/api/v1/users".into(), Some(body.clone())).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    assert_eq!(made["email"], "Ada@Example.com");
    assert_eq!((&made["role"], &made["state"]), (&json!("member"), &json!("active")));
    assert_eq!(made["password"], Value::Null);
    let path = format!("/api/v1/users/{}", made["id"].as_str().unwrap());
    assert_eq!(call("POST", "/api/v1/users".into(), Some(body)).await.status, 409);
    let found = call("GET", "/api/v1/users?email=ada@".into(), None).await.json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    assert_eq!(found["next"], Value::Null);
    let patch = json!({ "plan": null, "role": "admin", "name": "Ada L." });
    let changed = call("PATCH", path.clone(), Some(patch)).await.json();
    assert_eq!((&changed["plan"], &changed["role"]), (&Value::Null, &json!("admin")));
    assert_eq!(changed["external_id"], "crm-1", "what is left out stays");
    let first = call("GET", "/api/v1/users?limit=1".into(), None).await.json();
    let next = first["next"].as_str().unwrap();
    let second = call("GET", format!("/api/v1/users?limit=1&cursor={next}"), None).await.json();
    assert_eq!(second["items"][0]["name"], "Ada L.");
    assert_eq!(call("DELETE", path.clone(), None).await.status, 204);
    assert_eq!(call("GET", path, None).await.status, 404);
}

#[tokio::test]
async fn bad_members_of_an_account_are_refused_by_name() {
    let (house, owner) = House::owned().await;
    let cases = [
        (json!({}), "email"),
        (json!({ "email": "nobody" }), "email"),
        (json!({ "email": "a@b.de", "password": "short" }), "password"),
        (json!({ "email": "a@b.de", "plan": "nosuch" }), "plan"),
        (json!({ "email": "a@b.de", "groups": ["nosuch"] }), "groups[0]"),
        (json!({ "email": "a@b.de", "role": "god" }), "role"),
        (json!({ "email": "a@b.de", "state": "asleep" }), "state"),
        (json!({ "email": "a@b.de", "locale": "??" }), "locale"),
        (json!({ "email": "a@b.de", "password_hash": "x" }), "password_hash"),
    ];
    for (body, param) in cases {
        let said = body.to_string();
        let seen = api(&house.app, owner.admin_key.expose(), "POST", "/api/v1/users", Some(body));
        let seen = seen.await;
        assert_eq!((seen.status.as_u16(), &seen.json()["param"]), (400, &json!(param)), "{said}");
    }
}

#[tokio::test]
async fn the_last_owner_stays() {
    let (house, owner) = House::owned().await;
    let id = owner.user.id;
    let system = house.system();
    let change = |role, state| UserChange { role, state, ..UserChange::default() };
    let demote = || change(Some(Role::Member), None);
    let disable = || change(None, Some(AccountState::Disabled));
    for change in [demote(), disable()] {
        let refused = update_user(&house.gate, &system, id, change).await;
        assert_eq!(refused.err().map(|e| e.kind()), Some(Kind::Conflict));
    }
    let refused = delete_user(&house.gate, &system, id).await;
    assert_eq!(refused.err().map(|e| e.kind()), Some(Kind::Conflict));
    let found = find_user(&house.gate, &system, id).await.unwrap().user;
    assert_eq!((found.role, found.state), (Role::Owner, AccountState::Active));
    let second = house.user("second@example.com", Role::Owner).await;
    let session = house.session(OWNER).await;
    update_user(&house.gate, &system, id, disable()).await.unwrap();
    house.session_ends(&session).await;
    let refused = update_user(&house.gate, &system, second, demote()).await;
    assert_eq!(refused.err().map(|e| e.kind()), Some(Kind::Conflict), "disabled owners count not");
}

#[tokio::test]
async fn admins_leave_owners_alone_and_become_none() {
    let (house, owner) = House::owned().await;
    let gate = &house.gate;
    let ada = house.user("ada@example.com", Role::Admin).await;
    let admin = house.signed_in("ada@example.com").await;
    let kind = |error: Option<tollgate_kernel::Error>| error.map(|e| e.kind());
    let promote = || UserChange { role: Some(Role::Owner), ..UserChange::default() };
    let take_over =
        || UserChange { password: Some(Wished::Clear(plain(NEW))), ..UserChange::default() };
    let forbidden = Some(Kind::Forbidden);
    assert_eq!(kind(update_user(gate, &admin, ada, promote()).await.err()), forbidden);
    let id = owner.user.id;
    assert_eq!(kind(update_user(gate, &admin, id, take_over()).await.err()), forbidden);
    assert_eq!(kind(delete_user(gate, &admin, id).await.err()), forbidden);
    use crate::make_link::make_link;
    use tollgate_store::LinkPurpose::SignIn;
    assert_eq!(kind(make_link(gate, &admin, id, SignIn).await.err()), forbidden);
    // A key that an admin made is an admin's; the owner's key is an owner's.
    let wish = |name: &str| KeyWish {
        tool: None,
        name: name.to_owned(),
        holder: Some(tollgate_store::KeyHolder::Admin),
        models: Vec::new(),
        networks: Vec::new(),
        rates: Default::default(),
        budgets: Vec::new(),
        expires_at: None,
    };
    let (_, key) = create_key(gate, &admin, wish("by an admin")).await.unwrap();
    let by_key = house.with_key(&key).await;
    assert_eq!(kind(update_user(gate, &by_key, ada, promote()).await.err()), forbidden);
    let by_owner_key = house.with_key(&owner.admin_key).await;
    let (_, child) = create_key(gate, &by_owner_key, wish("by a key")).await.unwrap();
    let by_child = house.with_key(&child).await;
    assert!(make_link(gate, &by_owner_key, id, SignIn).await.is_ok());
    assert_eq!(kind(make_link(gate, &by_child, id, SignIn).await.err()), forbidden);
    // What does not touch an owner's place is for admins too.
    let plan = Some(Some(Slug::parse("standard").unwrap()));
    let change = UserChange { plan, name: Some("Olga".into()), ..UserChange::default() };
    assert!(update_user(gate, &admin, id, change).await.is_ok());
}

#[tokio::test]
async fn members_manage_no_accounts() {
    let (house, _) = House::owned().await;
    house.can_sign().await;
    house.user("ada@example.com", Role::Member).await;
    let ada = house.signed_in("ada@example.com").await;
    let wish = crate::issue_token::TokenWish {
        audience: Some("https://ai.example.com/api/v1".into()),
        ..Default::default()
    };
    let token = crate::issue_token::issue_token(&house.gate, &ada, wish).await.unwrap().token;
    let call = |method: &'static str, path: String, body: Option<Value>| {
        let (app, token) = (&house.app, token.expose());
        async move { api(app, token, method, &path, body).await.status.as_u16() }
    };
    let user = "/api/v1/users/01938f5e-0000-7000-8000-000000000000";
    assert_eq!(call("GET", "/api/v1/users".into(), None).await, 403);
    assert_eq!(call("POST", "/api/v1/users".into(), Some(json!({"email":"a@b.de"}))).await, 403);
    assert_eq!(call("PATCH", user.into(), Some(json!({"role":"owner"}))).await, 403);
    assert_eq!(call("DELETE", user.into(), None).await, 403);
    let body = Some(json!({ "purpose": "sign_in" }));
    assert_eq!(call("POST", format!("{user}/links"), body).await, 403);
    assert_eq!(call("GET", "/api/v1/me".into(), None).await, 200);
    assert_eq!(call("GET", "/api/v1/keys".into(), None).await, 200);
}

#[tokio::test]
async fn t87_somebody_elses_session_does_not_exist() {
    let (house, owner) = House::owned().await;
    house.user("ada@example.com", Role::Member).await;
    let boss = house.signed_in(OWNER).await;
    let ada = house.signed_in("ada@example.com").await;
    let gate = &house.gate;
    let all = PageRequest::first(100);
    let theirs = boss.credential().session().unwrap();
    let refused = end_session(gate, &ada, theirs).await;
    assert_eq!(refused.err().map(|e| e.kind()), Some(Kind::NotFound));
    let refused = list_sessions(gate, &ada, Some(owner.user.id), &all).await;
    assert_eq!(refused.err().map(|e| e.kind()), Some(Kind::NotFound));
    assert_eq!(list_sessions(gate, &ada, None, &all).await.unwrap().items.len(), 1);
    assert_eq!(list_sessions(gate, &boss, None, &all).await.unwrap().items.len(), 2);
    end_session(gate, &boss, ada.credential().session().unwrap()).await.unwrap();
    assert_eq!(list_sessions(gate, &boss, None, &all).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn me_says_who_asks_and_changes_by_patch() {
    let (house, owner) = House::owned().await;
    let boss = house.signed_in(OWNER).await;
    let me = |state: &IdentityState, change: MeChange| {
        let (state, boss) = (state.clone(), boss.clone());
        async move { change_me(&state, &boss, change).await }
    };
    let locale = Some(Some("zh-Hans".to_owned()));
    let change = MeChange { name: Some("Olga".into()), locale, ..MeChange::default() };
    let (user, started) = me(&house.state, change).await.unwrap();
    assert_eq!((user.name.as_str(), user.locale.as_deref()), ("Olga", Some("zh-Hans")));
    assert!(started.is_none());
    let change = |current: Option<&str>, new: &str| MeChange {
        password: Some(NewPassword { current: current.map(plain), new: plain(new) }),
        ..MeChange::default()
    };
    for current in [None, Some("not the right password")] {
        let error = me(&house.state, change(current, NEW)).await.err().unwrap();
        assert_eq!((error.kind(), error.param()), (Kind::Forbidden, Some("current_password")));
    }
    let error = me(&house.state, change(Some(PASSWORD), "short")).await.err().unwrap();
    assert_eq!(error.param(), Some("password"));
    let (_, started) = me(&house.state, change(Some(PASSWORD), NEW)).await.unwrap();
    assert!(house.try_session(&started.unwrap().token).await.is_ok());

    let seen = api(&house.app, owner.admin_key.expose(), "GET", "/api/v1/me", None).await.json();
    assert!(seen["subject"].as_str().unwrap().starts_with("admin_key:"));
    assert_eq!((&seen["scopes"], &seen["email"]), (&json!(["manage"]), &Value::Null));
    let (_, key) = create_key(
        &house.gate,
        &house.signed_in_with(NEW).await,
        KeyWish {
            tool: None,
            name: "k".into(),
            holder: None,
            models: Vec::new(),
            networks: Vec::new(),
            rates: Default::default(),
            budgets: Vec::new(),
            expires_at: None,
        },
    )
    .await
    .unwrap();
    let seen = api(&house.app, key.expose(), "GET", "/api/v1/me", None).await.json();
    assert_eq!(seen["subject"], format!("user:{}", owner.user.id));
    let scopes = json!(["models", "connections"]);
    assert_eq!((&seen["scopes"], &seen["plan"]), (&scopes, &json!("standard")));
    assert_eq!((&seen["email"], &seen["client"]), (&json!(OWNER), &json!("first_party")));
}

impl House {
    /// The owner, signed in with this password.
    async fn signed_in_with(&self, password: &str) -> std::sync::Arc<tollgate_gate::Principal> {
        let typed = crate::sign_in::SignIn {
            email: OWNER.to_owned(),
            password: plain(password),
            agent: None,
        };
        let nobody = self.anonymous("192.0.2.1");
        let started = crate::sign_in::sign_in(&self.state, &nobody, typed).await.unwrap();
        self.try_session(&started.token).await.unwrap()
    }
}

#[tokio::test]
async fn every_act_is_in_the_audit_chain_with_its_actor() {
    let (house, owner) = House::owned().await;
    ship_standard_plan(&house.gate, &house.system()).await.unwrap();
    house.session(OWNER).await;
    let user = house.user("ada@example.com", Role::Member).await;
    delete_user(&house.gate, &house.system(), user).await.unwrap();
    let system = house.system();
    let read = tollgate_kernel::Manage::read(tollgate_kernel::Noun::Audit);
    let warrant = house.gate.allow(&system, read).unwrap();
    let (filter, request) = (AuditFilter::default(), PageRequest::first(9));
    let records = house.gate.read(&warrant).audit(&filter, &request).await.unwrap().items;
    let said: Vec<(String, String, String)> =
        records.into_iter().rev().map(|r| (r.actor, r.action, r.target)).collect();
    let expect = [
        ("system:setup", "owner.create", format!("user:{}", owner.user.id)),
        ("anonymous", "session.create", format!("user:{}", owner.user.id)),
        ("system:setup", "user.create", format!("user:{user}")),
        ("system:setup", "user.delete", format!("user:{user}")),
    ];
    let expect: Vec<_> =
        expect.into_iter().map(|(a, b, c)| (a.to_owned(), b.to_owned(), c)).collect();
    assert_eq!(said, expect);
}
