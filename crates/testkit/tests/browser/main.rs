//! A person's pages in Chromium: what they show, at both widths, with nothing from elsewhere.
//!
//! `cargo xtask test` says where Node and Chromium are; without that this test fails. With
//! `TOLLGATE_SHOTS` it leaves its screenshots in that folder.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::PathBuf;

use serde_json::{Value, json};
use tollgate_identity::{NewOwner, link_path, setup_owner};
use tollgate_testkit::{Engine, KeySpec, TestServer};

fn named(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} must be set: cargo xtask test does"))
}

/// The pages of the administration, each with something on it.
async fn administration(server: &TestServer) -> Vec<String> {
    let admin = server.with_bearer(&server.add_admin_key().await.unwrap());
    let make = async |path: &str, body: Value| {
        let answer = admin.post(path, &body).await.unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()
    };
    let budgets = json!([
        {"unit": "money", "limit": 250_000_000_000_i64, "period": "month"},
        {"unit": "tokens", "limit": 1_000_000, "period": "day"},
    ]);
    let plan = json!({"id": "small", "rates": {"concurrent": 4}, "budgets": budgets});
    make("/api/v1/plans", plan).await;
    let users = admin.get("/api/v1/users").await.unwrap().json();
    let members = [&users["items"][0]["id"]];
    let group = json!({"id": "research", "name": "Research in Kyōto and Łódź", "plan": "small",
        "priority": 10, "pool": budgets, "members": members});
    make("/api/v1/groups", group).await;
    let app = make("/api/v1/clients", json!({"name": "Support bot", "plan": "small"})).await;
    let app = app["client_id"].as_str().unwrap().to_owned();
    make("/api/v1/keys", json!({"name": "server", "client": app})).await;
    let upstreams = admin.get("/api/v1/upstreams").await.unwrap().json();
    let upstream = upstreams["items"][0]["id"].as_str().unwrap().to_owned();
    let path = "/api/v1/models/support";
    let body = json!({"upstream": upstream, "model": "gpt-4o-mini", "budgets": budgets});
    assert_eq!(admin.put(path, &body).await.unwrap().status, 201);
    let call = server.entries(5).await.unwrap().remove(0).call_id;
    let user = members[0].as_str().unwrap();
    let mut pages: Vec<String> = [
        "",
        "/users",
        "/groups",
        "/new-group",
        "/groups/research",
        "/plans",
        "/new-plan",
        "/plans/small",
        "/apps",
        "/new-app",
        "/models",
        "/new-model",
        "/models/support",
        "/upstreams",
        "/new-upstream",
        "/entries",
        "/entries?state=crash_reserve",
        "/usage",
        "/settings",
        "/audit",
    ]
    .map(|path| format!("/admin{path}"))
    .into();
    pages.extend([
        format!("/admin/users/{user}"),
        format!("/admin/apps/{app}"),
        format!("/admin/apps/{app}/keys"),
        format!("/admin/upstreams/{upstream}"),
        format!("/admin/entries/{call}"),
    ]);
    pages
}

/// Walks the pages as the owner, after a few calls; what the browser said, line by line.
async fn walk(server: &TestServer) -> Vec<Value> {
    let new = NewOwner {
        email: "ada@example.com".to_owned(),
        name: "Ada".to_owned(),
        locale: None,
        password: None,
        setup_token: None,
    };
    let owner = setup_owner(&server.gate, server.system.principal(), new).await.unwrap();
    let (_, key) = server.add_key(owner.user.id, &KeySpec::default()).await.unwrap();
    for _ in 0..5 {
        let answer = server.with_bearer(&key).chat("tollgate-demo", 30).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    server.entries(5).await.unwrap();
    let pages = administration(server).await;
    let script =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/node/account.mjs");
    let done = tokio::process::Command::new(named("TOLLGATE_TEST_NODE"))
        .arg(script)
        .env("TOLLGATE_URL", &server.url)
        .env("TOLLGATE_LINK", format!("{}{}", server.url, link_path(&owner.link)))
        .env("TOLLGATE_ADMIN_PAGES", pages.join(" "))
        .env("TOLLGATE_TEST_CHROMIUM", named("TOLLGATE_TEST_CHROMIUM"))
        .output()
        .await
        .unwrap();
    let complaints = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{complaints}");
    let lines = String::from_utf8(done.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_an_owner() {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let seen = walk(&server).await;
    let pages: Vec<&Value> = seen.iter().filter(|seen| seen["page"].is_string()).collect();
    // 25 pages at two widths in light and dark and three languages, and a person's own.
    assert!(pages.len() >= 300, "every page at two widths: {}", pages.len());
    for page in &pages {
        let (width, wide) = (page["width"].as_u64().unwrap(), page["wide"].as_u64().unwrap());
        assert!(wide <= width, "the page scrolls sideways: {page}");
        assert!(page["axe"].as_array().unwrap().is_empty(), "axe: {page}");
        assert!(page["status"].is_null() || page["status"] == 200, "{page}");
    }
    let chart = &seen.iter().find(|seen| seen["chart"].is_array()).unwrap()["chart"];
    let widths: Vec<u64> = chart.as_array().unwrap().iter().filter_map(Value::as_u64).collect();
    let [wide, narrow, again] = widths[..] else { panic!("three widths: {chart}") };
    assert!(narrow <= 360 && wide > 800 && wide == again, "the chart keeps its size: {chart}");
    let noted = &seen.iter().find(|seen| seen["noted"].is_object()).unwrap()["noted"];
    assert!(noted["foreign"].as_array().unwrap().is_empty(), "asked elsewhere: {noted}");
    assert!(noted["complaints"].as_array().unwrap().is_empty(), "complained: {noted}");
    server.stop().await.unwrap();
}
