//! The first owner.

use std::time::Duration;

use tollgate_kernel::{Kind, Manage, Noun, Role, Slug};
use tollgate_store::PageRequest;

use super::House;
use super::browser::{Browser, api};
use super::house::{OWNER, PASSWORD, owner_wish};
use crate::{NewOwner, new_setup_link, setup_owner, setup_path, ship_standard_plan};

#[tokio::test]
async fn k7_of_100_first_owners_at_once_one_wins() {
    let house = House::empty().await;
    let link = new_setup_link(&house.gate, &house.system()).await.unwrap().unwrap();
    let mut tries = tokio::task::JoinSet::new();
    for n in 0..100 {
        let gate = house.gate.clone();
        let caller = house.anonymous("198.51.100.1");
        let token = link.token.clone();
        tries.spawn(async move {
            let new = NewOwner {
                password: None,
                setup_token: Some(token),
                ..owner_wish(&format!("owner{n}@example.com"))
            };
            setup_owner(&gate, &caller, new).await.map(|owner| owner.user.email)
        });
    }
    let mut won = Vec::new();
    for outcome in tries.join_all().await {
        match outcome {
            Ok(email) => won.push(email),
            Err(error) => assert!(
                matches!(error.kind(), Kind::Conflict | Kind::Forbidden | Kind::Unavailable),
                "{error:?}"
            ),
        }
    }
    assert_eq!(won.len(), 1);
    let warrant = house.gate.allow(&house.system(), Manage::read(Noun::Users)).unwrap();
    let (reader, all) = (house.gate.read(&warrant), PageRequest::first(500));
    let users = reader.users(&Default::default(), &all).await.unwrap().items;
    assert_eq!(users.len(), 1);
    assert_eq!((users[0].role, &users[0].email), (Role::Owner, &won[0]));
    let everybody = tollgate_store::Owner::All;
    let keys = reader.keys(everybody, &Default::default(), &all).await.unwrap().items;
    assert_eq!(keys.len(), 1);
}

#[tokio::test]
async fn k7_a_set_up_link_counts_once_and_for_an_hour() {
    let house = House::empty().await;
    let stranger = house.anonymous("198.51.100.1");
    let with = |token| NewOwner { setup_token: token, password: None, ..owner_wish(OWNER) };
    let none = setup_owner(&house.gate, &stranger, with(None)).await;
    assert_eq!(none.err().map(|e| e.kind()), Some(Kind::Forbidden));
    let old = new_setup_link(&house.gate, &house.system()).await.unwrap().unwrap();
    house.clock.advance(Duration::from_secs(3_600));
    let late = setup_owner(&house.gate, &stranger, with(Some(old.token))).await;
    assert_eq!(late.err().map(|e| e.kind()), Some(Kind::Forbidden));
    let link = new_setup_link(&house.gate, &house.system()).await.unwrap().unwrap();
    assert!(setup_owner(&house.gate, &stranger, with(Some(link.token.clone()))).await.is_ok());
    let again = setup_owner(&house.gate, &stranger, with(Some(link.token))).await;
    assert_eq!(again.err().map(|e| e.kind()), Some(Kind::Conflict));
    assert!(new_setup_link(&house.gate, &house.system()).await.unwrap().is_none());
}

#[tokio::test]
async fn the_owner_has_the_plan_standard_an_admin_key_and_a_link() {
    let house = House::empty().await;
    ship_standard_plan(&house.gate, &house.system()).await.unwrap();
    ship_standard_plan(&house.gate, &house.system()).await.unwrap();
    let owner = setup_owner(&house.gate, &house.system(), owner_wish(OWNER)).await.unwrap();
    assert_eq!(owner.user.plan, Some(Slug::parse("standard").unwrap()));
    assert!(owner.admin_key.expose().starts_with("tg_admin_"));
    assert!(owner.link.expose().starts_with("tg_link_"));
    let warrant = house.gate.allow(&house.system(), Manage::read(Noun::Plans)).unwrap();
    let reader = house.gate.read(&warrant);
    let plan = reader.plan(&Slug::parse("standard").unwrap()).await.unwrap().unwrap();
    let shown = serde_json::to_value(&plan.body).unwrap();
    assert_eq!(
        shown,
        serde_json::json!({
            "models": ["*"],
            "rates": {
                "requests_per_minute": 600, "tokens_per_minute": 2_000_000, "concurrent": 64,
            },
            "budgets": [
                { "unit": "tokens", "limit": 1_000_000, "period": "day" },
                { "unit": "tokens", "limit": 10_000_000, "period": "month" },
            ],
            "time_zone": "UTC",
            "max_output_tokens": 4_096,
        })
    );
    assert!(!plan.declared);
    let default = reader.setting(tollgate_store::settings::DEFAULT_PLAN).await.unwrap();
    assert_eq!(default, None, "nobody has a plan by default");
    let me = api(&house.app, owner.admin_key.expose(), "GET", "/api/v1/me", None).await.json();
    assert_eq!(me["role"], "admin");
}

#[tokio::test]
async fn the_page_makes_the_owner_signs_in_and_shows_the_key_once() {
    let house = House::empty().await;
    let link = new_setup_link(&house.gate, &house.system()).await.unwrap().unwrap();
    let page = setup_path(&link.token);
    let mut browser = Browser::new(&house.app);
    assert!(browser.get("/setup").await.text.contains("one-time link"));
    let token = link.token.expose();
    let short = [("username", OWNER), ("password", "short"), ("token", token)];
    let refused = browser.post(&page, "/setup", &short).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("too short") && refused.text.contains(OWNER));
    let good = [("username", OWNER), ("name", "Olga"), ("password", PASSWORD), ("token", token)];
    let made = browser.post(&page, "/setup", &good).await;
    assert_eq!(made.status, 201);
    assert!(made.secret().starts_with("tg_admin_"));
    assert_eq!(made.headers["cache-control"], "no-store");
    // The forms of the page belong to the session that it began.
    let csrf = made.csrf();
    let seen = browser.post_with("/preferences", &csrf, &[("theme", "dark"), ("next", "/")]).await;
    assert_eq!(seen.status, 303, "{}", seen.text);
    assert!(made.text.contains("name=\"next\" value=\"/setup/provider\""), "{}", made.text);
    let account = browser.get("/account").await;
    assert_eq!(account.status, 200);
    assert!(account.text.contains("Olga"));
    assert_eq!(browser.get("/setup/provider").await.status, 200);
    let mut other = Browser::new(&house.app);
    assert!(other.get(&page).await.text.contains("has an owner"));
}
