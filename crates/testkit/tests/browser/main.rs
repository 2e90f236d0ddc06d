//! A person's pages in Chromium: what they show, at both widths, with nothing from elsewhere.
//!
//! `cargo xtask test` says where Node and Chromium are; without that this test fails. With
//! `TOLLGATE_SHOTS` it leaves its screenshots in that folder.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod doors;
mod flask_app;
mod sign_in;

use std::path::PathBuf;

use serde_json::{Value, json};
use tollgate_identity::{NewOwner, Owner, link_path, setup_owner};
use tollgate_kernel::PlainToken;
use tollgate_testkit::{Engine, KeySpec, Setup, TestServer};

const EMAIL: &str = "ada@example.com";

const PASSWORD: &str = "a long password that nobody else has";

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
        format!("/admin/users/{user}/link"),
        format!("/admin/apps/{app}"),
        format!("/admin/apps/{app}/keys"),
        format!("/admin/apps/{app}/sign-in"),
        "/account/apps".to_owned(),
        format!("/admin/upstreams/{upstream}"),
        format!("/admin/entries/{call}"),
    ]);
    pages
}

/// Makes the first owner, with this password if there is one.
async fn owner(server: &TestServer, password: Option<&str>) -> Owner {
    let new = NewOwner {
        email: EMAIL.to_owned(),
        name: "Ada".to_owned(),
        locale: None,
        password: password.map(|password| PlainToken::new(password.to_owned())),
        setup_token: None,
    };
    setup_owner(&server.gate, server.system.principal(), new).await.unwrap()
}

/// The folder of these peers.
fn peers(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers").join(name)
}

/// Runs a walk; what the browser said, line by line.
async fn node(script: &str, server: &TestServer, environment: &[(&str, &str)]) -> Vec<Value> {
    let done = tokio::process::Command::new(named("TOLLGATE_TEST_NODE"))
        .arg(peers("node").join(script))
        .env("TOLLGATE_URL", &server.url)
        .env("TOLLGATE_TEST_CHROMIUM", named("TOLLGATE_TEST_CHROMIUM"))
        .envs(environment.iter().copied())
        .output()
        .await
        .unwrap();
    let complaints = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{complaints}");
    let lines = String::from_utf8(done.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Walks the pages as the owner, after a few calls.
async fn walk(server: &TestServer) -> Vec<Value> {
    let owner = owner(server, None).await;
    let (_, key) = server.add_key(owner.user.id, &KeySpec::default()).await.unwrap();
    for _ in 0..5 {
        let answer = server.with_bearer(&key).chat("tollgate-demo", 30).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    server.entries(5).await.unwrap();
    let pages = administration(server).await;
    let link = format!("{}{}", server.url, link_path(&owner.link));
    let pages = pages.join(" ");
    let environment = [("TOLLGATE_LINK", &*link), ("TOLLGATE_ADMIN_PAGES", &*pages)];
    node("account.mjs", server, &environment).await
}

/// What a person's own pages are called, by the name that the walk gives them.
const TITLES: [(&str, &str); 12] = [
    ("login", "Sign in"),
    ("account", "Your account"),
    ("keys", "Keys"),
    ("usage", "Usage"),
    ("security", "Security"),
    ("account-dark", "Your account"),
    ("ja-account", "アカウント"),
    ("ja-account-keys", "API キー"),
    ("ja-account-security", "セキュリティ"),
    ("zh-Hans-account", "我的账号"),
    ("zh-Hans-account-keys", "密钥"),
    ("zh-Hans-account-security", "安全"),
];

/// Every page of a person's own has its title, at both widths; every other one has some.
fn titles_are_right(pages: &[&Value]) {
    let title = |page: &Value| {
        let title = page["title"].as_str().unwrap().to_owned();
        title.strip_suffix(" · Tollgate").unwrap_or_else(|| panic!("{page}")).to_owned()
    };
    for (name, words) in TITLES {
        let of_name: Vec<_> = pages.iter().filter(|page| page["page"] == name).collect();
        assert_eq!(of_name.len(), 2, "{name}");
        assert!(of_name.iter().all(|page| title(page) == words), "{name}: {of_name:?}");
    }
    assert!(pages.iter().all(|page| !title(page).is_empty()));
}

/// The first line that has this member.
fn line<'a>(seen: &'a [Value], member: &str) -> &'a Value {
    seen.iter().find(|seen| !seen[member].is_null()).unwrap_or_else(|| panic!("no {member}"))
}

fn nothing_is_noted(seen: &[Value]) {
    let noted = &line(seen, "noted")["noted"];
    assert!(noted["foreign"].as_array().unwrap().is_empty(), "asked elsewhere: {noted}");
    assert!(noted["complaints"].as_array().unwrap().is_empty(), "complained: {noted}");
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
        assert_eq!(page["status"], 200, "{page}");
    }
    titles_are_right(&pages);
    let chart = &line(&seen, "chart")["chart"];
    let widths: Vec<u64> = chart.as_array().unwrap().iter().filter_map(Value::as_u64).collect();
    let [wide, narrow, again] = widths[..] else { panic!("three widths: {chart}") };
    assert!(narrow <= 360 && wide > 800 && wide == again, "the chart keeps its size: {chart}");
    nothing_is_noted(&seen);
    server.stop().await.unwrap();
}

/// With commas, as pages write numbers.
fn said(n: i64) -> String {
    tollgate_kernel::figures::number(n)
}

/// What a call of the person's came to, and what the row of its model says.
fn row_is_right(call: &Value, rows: &[Value], cost: &str) {
    let row = rows.iter().find(|row| row["Model"] == call["model"]);
    let row = row.unwrap_or_else(|| panic!("no row of {call}: {rows:?}"));
    let usage = &call["usage"];
    for (column, tokens) in [("Tokens in", "prompt_tokens"), ("Tokens out", "completion_tokens")] {
        assert_eq!(row[column], said(usage[tokens].as_i64().unwrap()).as_str(), "{row} {call}");
    }
    assert_eq!(row["Cost"], cost, "{row}");
}

/// Somebody signs in with a password, makes a key and calls with it: two seconds later their pages
/// tell of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_persons_call_is_on_their_pages_two_seconds_later() {
    let prices = "model,also_matches,input,output\nmock,mock/*,100,200\n";
    let setup = Setup { prices: Some(prices), ..Setup::on(Engine::Sqlite) };
    let server = TestServer::start_as(setup).await.unwrap();
    server.mocks(&[("priced", "chunks=30,input=1000")]).await.unwrap();
    owner(&server, Some(PASSWORD)).await;
    let environment = [
        ("TOLLGATE_EMAIL", EMAIL),
        ("TOLLGATE_PASSWORD", PASSWORD),
        ("TOLLGATE_MODELS", "priced tollgate-demo"),
    ];
    let seen = node("person.mjs", &server, &environment).await;
    let pages: Vec<&Value> = seen.iter().filter(|seen| seen["page"].is_string()).collect();
    let titles = ["Sign in", "Keys", "Usage", "Your account"];
    assert_eq!(pages.len(), titles.len(), "{pages:?}");
    for (page, title) in pages.iter().zip(titles) {
        assert_eq!(page["status"], 200, "{page}");
        assert_eq!(page["title"], format!("{title} · Tollgate"), "{page}");
    }

    let made = line(&seen, "calls");
    let calls = made["calls"].as_array().unwrap();
    assert!(calls.iter().all(|call| call["status"] == 200), "{made}");
    let [priced, free] = &calls[..] else { panic!("two calls: {made}") };
    assert!(made["visible_ms"].as_f64().unwrap() <= 2_000.0, "{made}");
    let tokens = |call: &Value| call["usage"]["total_tokens"].as_i64().unwrap();
    assert_eq!(tokens(priced), 1_030, "{priced}");

    // The table of all days, the chart beside it, the last calls: the same numbers.
    let looked = line(&seen, "usage");
    let rows = looked["usage"].as_array().unwrap();
    assert!(rows.len() == 2 && rows.iter().all(|row| row["Calls"] == "1"), "{looked}");
    let lately = line(&seen, "lately");
    let last = lately["lately"].as_array().unwrap();
    assert!(last.len() == 2 && last.iter().all(|row| row["Key"] == "laptop"), "{lately}");
    // 1,000 tokens at a hundred dollars a million, and 30 at two hundred.
    for (call, cost) in [(priced, "$0.11"), (free, "no price")] {
        row_is_right(call, rows, cost);
        row_is_right(call, last, cost);
        let drawn = [call["model"].clone(), said(tokens(call)).into()];
        let legend = looked["legend"].as_array().unwrap();
        assert!(legend.iter().any(|line| *line == json!(drawn)), "{drawn:?} in {legend:?}");
    }
    // The plan's two budgets count tokens: a day's, and a month's.
    let used = tokens(priced) + tokens(free);
    for limit in [1_000_000, 10_000_000] {
        let words = format!("{} of {} tokens used", said(used), said(limit));
        let bars = lately["bars"].as_array().unwrap();
        let is_there = bars.iter().any(|bar| bar.as_str().unwrap().contains(&words));
        assert!(is_there, "{words}: {bars:?}");
    }
    nothing_is_noted(&seen);
    server.stop().await.unwrap();
}
