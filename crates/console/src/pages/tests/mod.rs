//! The pages as people get them: through the whole router, in three languages.

mod apps;
mod calls;
mod people;
mod policy;
mod upstreams;

use std::collections::BTreeSet;
use std::path::Path;

use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tollgate_kernel::{
    Account, ClientId, EntryState, Holder, KeyId, Period, Role, TokenId, Unit, UserId, Window,
};
use tollgate_store::ledger::{Batch, Refill};

use crate::testing::{Call, House, Person, settled, text, with_entries};

const PAGES: [&str; 18] = [
    "/admin",
    "/admin/users",
    "/admin/groups",
    "/admin/new-group",
    "/admin/apps",
    "/admin/new-app",
    "/admin/models",
    "/admin/new-model",
    "/admin/entries",
    "/admin/plans",
    "/admin/new-plan",
    "/admin/usage",
    "/admin/upstreams",
    "/admin/new-upstream",
    "/admin/providers",
    "/admin/new-provider",
    "/admin/settings",
    "/admin/audit",
];

async fn owner(house: &House) -> Person {
    house.person("owner", Role::Owner, None).await
}

#[test]
fn the_languages_say_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales");
    assert_eq!(tollgate_edge::page::differences(&folder).unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn every_text_is_there_in_every_language_empty_and_full() {
    let empty = House::new().await;
    let full = full().await;
    for house in [&empty, &full] {
        let ada = owner(house).await;
        let mut paths = vec![format!("/admin/users/{}", ada.id)];
        if std::ptr::eq(house, &full) {
            let apps = house.done("GET", "/api/v1/clients", Value::Null).await;
            let app = apps["items"][0]["client_id"].as_str().unwrap();
            paths.extend([
                format!("/admin/apps/{app}"),
                format!("/admin/apps/{app}/sign-in"),
                "/admin/groups/research".to_owned(),
                "/admin/models/small".to_owned(),
                "/admin/models/unpriced".to_owned(),
                format!("/admin/entries/{}", Call::id(1)),
                format!("/admin/entries/{}", Call::id(2)),
            ]);
        }
        for path in PAGES.into_iter().chain(paths.iter().map(String::as_str)) {
            let mut seen = BTreeSet::new();
            for language in ["en", "ja", "zh-Hans"] {
                let cookie = format!("{}; tollgate-lang={language}", ada.session);
                let answer = house.send("GET", path, &[("cookie", &cookie)], "").await;
                assert_eq!(answer.status(), 200, "{path}");
                let html = text(answer).await;
                assert!(!html.contains(">["), "{path} {language}: a text is missing\n{html}");
                assert!(html.contains("aria-current=\"page\""), "{path}");
                seen.insert(html);
            }
            assert_eq!(seen.len(), 3, "{path}");
        }
    }
}

/// An installation with something of everything.
async fn full() -> House {
    let house = with_entries(|now| {
        let user: UserId = Call::id(0xee).parse().unwrap();
        let mut calls = vec![
            Call { user: Some(user), ..settled(1, now) },
            Call { state: EntryState::CrashReserve, ..settled(2, now) },
        ];
        calls.extend((3..7).map(|n| Call { state: EntryState::Failed, ..settled(n, now) }));
        calls
    })
    .await;
    let budgets = json!([{"unit": "tokens", "limit": 1_000, "period": "day"}]);
    let plan = json!({"id": "small", "rates": {"concurrent": 2}, "budgets": budgets});
    house.done("POST", "/api/v1/plans", plan).await;
    let upstream = json!({"id": "openai", "base_url": "https://a.example.com", "api_key": "k"});
    house.done("POST", "/api/v1/upstreams", upstream).await;
    let group = json!({"id": "research", "plan": "small", "pool": budgets});
    house.done("POST", "/api/v1/groups", group).await;
    house.done("POST", "/api/v1/clients", json!({"name": "bot", "plan": "small"})).await;
    for (alias, model) in [("small", "priced"), ("unpriced", "other")] {
        let body = json!({"upstream": "openai", "model": model, "budgets": budgets});
        house.done("PUT", &format!("/api/v1/models/{alias}"), body).await;
    }
    let settings = json!({"registration": "open", "budgets": budgets});
    house.done("PATCH", "/api/v1/settings", settings).await;
    house
}

#[tokio::test]
async fn the_overview_tells_what_needs_somebody() {
    let house = full().await;
    let ada = owner(&house).await;
    let (_, html) = house.page(&ada, "/admin").await;
    for said in ["openai fails: 4 of 6", "no default plan", "crash reserve was charged"] {
        assert!(html.contains(said), "{said}\n{html}");
    }
    assert!(!html.contains("There is no upstream"));
    let empty = House::new().await;
    let bob = owner(&empty).await;
    let (_, html) = empty.page(&bob, "/admin").await;
    assert!(html.contains("There is no upstream") && html.contains("There is no plan"));
}

#[tokio::test]
async fn settings_are_changed_by_form() {
    let house = House::new().await;
    house.done("POST", "/api/v1/plans", json!({"id": "small"})).await;
    let ada = owner(&house).await;
    let fields = [("registration", "open"), ("default_plan", "small")];
    let (status, place, _) = house.submit(&ada, "/admin/settings", &fields).await;
    assert_eq!((status, place.as_str()), (303, "/admin/settings?saved=1"));
    let settings = house.done("GET", "/api/v1/settings", Value::Null).await;
    assert_eq!(
        (&settings["registration"], &settings["default_plan"]),
        (&json!("open"), &json!("small"))
    );
    let fields = [("registration", "open"), ("default_plan", "gone")];
    let (status, _, html) = house.submit(&ada, "/admin/settings", &fields).await;
    assert_eq!(status, 400);
    assert!(html.contains("id=\"default_plan-error\""));
}

#[tokio::test]
async fn t81_what_callers_name_is_text_on_the_pages() {
    let house = with_entries(|now| vec![Call { model: "<img src=x>", ..settled(1, now) }]).await;
    let ada = owner(&house).await;
    let (_, html) = house.page(&ada, "/admin/usage").await;
    assert!(html.contains("&#60;img src=x&#62;") && !html.contains("<img"), "{html}");
    for path in ["/admin/entries".to_owned(), format!("/admin/entries/{}", Call::id(1))] {
        let (_, html) = house.page(&ada, &path).await;
        assert!(html.contains("&#60;img src=x&#62;") && !html.contains("<img"), "{html}");
    }
}

#[tokio::test]
async fn a_form_without_its_token_changes_nothing() {
    let house = House::new().await;
    let ada = owner(&house).await;
    let headers = [("cookie", ada.session.as_str()), ("sec-fetch-site", "same-origin")];
    let form = "registration=open&default_plan=";
    let answer = house.send("POST", "/admin/settings", &headers, form).await;
    assert_eq!(answer.status(), 403);
    let settings = house.done("GET", "/api/v1/settings", Value::Null).await;
    assert_eq!(settings["registration"], "closed");
}
