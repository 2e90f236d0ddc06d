//! The pages as people get them: through the whole router, in three languages.

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
async fn t87_members_see_no_admin_page() {
    let house = House::new().await;
    let bob = house.person("bob", Role::Member, None).await;
    let ada = owner(&house).await;
    let other = format!("/admin/users/{}", ada.id);
    for path in PAGES.into_iter().chain([other.as_str()]) {
        assert_eq!(house.page(&bob, path).await.0, 403, "{path}");
        let answer = house.send("GET", path, &[], "").await;
        assert_eq!(answer.status(), 303, "{path}");
        assert!(answer.headers()["location"].to_str().unwrap().starts_with("/login"));
    }
    let fields = [("role", "owner"), ("plan", ""), ("state", "active")];
    let own = format!("/admin/users/{}", bob.id);
    assert_eq!(house.submit(&bob, &own, &fields).await.0, 403);
}

#[tokio::test]
async fn a_plan_is_made_and_changed_without_scripts() {
    let house = House::new().await;
    let ada = owner(&house).await;
    let fields = [
        ("id", "small"),
        ("models", "gpt-4o*\r\n text-embedding-3-small \r\n"),
        ("tools", "todo\r\n notes \r\n"),
        ("requests_per_minute", "20"),
        ("tokens_day", "100,000"),
        ("money_month", "$2.50"),
        ("time_zone", "Asia/Tokyo"),
        ("max_output_tokens", ""),
    ];
    let (status, place, _) = house.submit(&ada, "/admin/new-plan", &fields).await;
    assert_eq!((status, place.as_str()), (303, "/admin/plans?saved=1"));
    let plan = house.done("GET", "/api/v1/plans/small", Value::Null).await;
    assert_eq!(plan["models"], json!(["gpt-4o*", "text-embedding-3-small"]));
    assert_eq!(plan["tools"], json!(["todo", "notes"]));
    assert_eq!(plan["rates"], json!({"requests_per_minute": 20}));
    let budgets = json!([
        {"unit": "money", "limit": 2_500_000_000_i64, "period": "month"},
        {"unit": "tokens", "limit": 100_000, "period": "day"},
    ]);
    assert_eq!(plan["budgets"], budgets);
    assert_eq!(plan["max_output_tokens"], 4_096);

    // The form of the plan has what was stored; sent back as it is, nothing changes.
    let (_, html) = house.page(&ada, "/admin/plans/small").await;
    for value in ["value=\"2.50\"", "value=\"100000\"", "value=\"Asia/Tokyo\"", "value=\"4096\""] {
        assert!(html.contains(value), "{value}");
    }
    assert!(html.contains(">\ntodo\nnotes</textarea>"), "{html}");
    let fields = [("models", "*"), ("time_zone", "UTC"), ("max_output_tokens", "100")];
    let (status, ..) = house.submit(&ada, "/admin/plans/small", &fields).await;
    assert_eq!(status, 303);
    let plan = house.done("GET", "/api/v1/plans/small", Value::Null).await;
    assert_eq!((&plan["budgets"], &plan["rates"]), (&json!([]), &json!({})));
    assert_eq!(plan["tools"], json!(["todo", "notes"]), "nothing was said of them");
    for (typed, tools) in [("", json!([])), (" * ", Value::Null), ("* todo", json!(["*", "todo"]))]
    {
        let fields = [&fields[..], &[("tools", typed)]].concat();
        assert_eq!(house.submit(&ada, "/admin/plans/small", &fields).await.0, 303);
        let plan = house.done("GET", "/api/v1/plans/small", Value::Null).await;
        assert_eq!(plan["tools"], tools, "{typed:?}");
    }
    let (_, html) = house.page(&ada, "/admin/new-plan").await;
    assert!(html.contains("name=\"tools\""), "{html}");
    let (_, html) = house.page(&ada, "/admin/plans?saved=1").await;
    assert!(html.contains("Saved. It counts from now on."));
}

#[tokio::test]
async fn a_form_comes_back_with_what_was_typed_and_what_is_wrong() {
    let house = House::new().await;
    let ada = owner(&house).await;
    let cases = [
        ("id", "Big Plan", "Big Plan"),
        ("models", "a*b", "a*b"),
        ("tools", "todo*", "todo*"),
        ("requests_per_minute", "none", "none"),
        ("money_day", "<script>", "&#60;script&#62;"),
        ("time_zone", "Mars/Olympus", "Mars/Olympus"),
        ("max_output_tokens", "0", "value=\"0\""),
    ];
    for (field, typed, shown) in cases {
        let mut fields = vec![("id", "big"), ("models", "*"), ("time_zone", "UTC")];
        fields.retain(|(name, _)| *name != field);
        fields.push((field, typed));
        let (status, _, html) = house.submit(&ada, "/admin/new-plan", &fields).await;
        assert_eq!(status, 400, "{field}");
        assert!(html.contains(shown), "{field}: {html}");
        assert!(html.contains(&format!("href=\"#{field}\"")), "{field}: {html}");
        assert!(html.contains(&format!("id=\"{field}-error\"")), "{field}: {html}");
    }
    // All that is wrong is said at once.
    let all: Vec<_> = cases.iter().map(|(field, typed, _)| (*field, *typed)).collect();
    let (_, _, html) = house.submit(&ada, "/admin/new-plan", &all).await;
    for (field, ..) in cases {
        assert!(html.contains(&format!("href=\"#{field}\"")), "{field}: {html}");
    }
    house.done("POST", "/api/v1/plans", json!({"id": "big"})).await;
    let fields = [("id", "big"), ("models", "*")];
    let (status, _, html) = house.submit(&ada, "/admin/new-plan", &fields).await;
    assert_eq!(status, 400);
    assert!(html.contains("This name is taken."));
}

#[tokio::test]
async fn an_upstream_keeps_its_key_unless_another_is_pasted() {
    let house = House::new().await;
    let ada = owner(&house).await;
    let url = ("base_url", "https://a.example.com/v1");
    let fields = [("id", "openai"), url, ("api_key", " sk-canary-page "), ("header", "")];
    let (status, ..) = house.submit(&ada, "/admin/new-upstream", &fields).await;
    assert_eq!(status, 303);
    let path = "/admin/upstreams/openai";
    let (_, html) = house.page(&ada, path).await;
    assert!(!html.contains("sk-canary"), "{html}");
    let fields = [url, ("api_key", ""), ("header", "api-key")];
    assert_eq!(house.submit(&ada, path, &fields).await.0, 303);
    let shown = house.done("GET", "/api/v1/upstreams/openai", Value::Null).await;
    assert_eq!((&shown["has_api_key"], &shown["header"]), (&json!(true), &json!("api-key")));

    // What was typed comes back, but for the key; and the key does not follow to another host.
    let moved = ("base_url", "https://evil.example.com/v1");
    let (status, _, html) = house.submit(&ada, path, &[moved, ("header", "")]).await;
    assert_eq!(status, 400);
    assert!(html.contains("id=\"api_key-error\"") && html.contains("evil.example.com"));
    let bad = [moved, ("api_key", "sk-canary bad"), ("header", "")];
    let (status, _, html) = house.submit(&ada, path, &bad).await;
    assert_eq!(status, 400);
    assert!(!html.contains("sk-canary"));
}

#[tokio::test]
async fn roles_plans_and_states_are_changed_and_owners_are_for_owners() {
    let house = House::new().await;
    house.done("POST", "/api/v1/plans", json!({"id": "small"})).await;
    let ada = owner(&house).await;
    let eve = house.person("eve", Role::Admin, None).await;
    let bob = house.person("bob", Role::Member, None).await;
    let form = |role: &'static str, plan: &'static str, state: &'static str| {
        [("role", role), ("plan", plan), ("state", state)]
    };
    let page = |person: &Person| format!("/admin/users/{}", person.id);
    let (status, ..) = house.submit(&eve, &page(&bob), &form("admin", "small", "active")).await;
    assert_eq!(status, 303);
    let limits = house.call(&bob.key, "GET", "/api/v1/me/limits", Value::Null).await;
    assert_eq!(limits.0, 200);

    // An admin makes no owner and touches none; the last owner stays one.
    for (target, form) in [
        (&bob, form("owner", "small", "active")),
        (&ada, form("member", "", "active")),
        (&ada, form("owner", "", "disabled")),
    ] {
        let (status, _, html) = house.submit(&eve, &page(target), &form).await;
        assert_eq!(status, 400);
        assert!(html.contains("Only an owner may do this"), "{html}");
    }
    let (status, _, html) = house.submit(&ada, &page(&ada), &form("member", "", "active")).await;
    assert_eq!(status, 400);
    assert!(html.contains("This is the last owner."), "{html}");

    // An admin key has the rights of whoever made it, here as in the API.
    let first = house.admin.as_str();
    for role in ["owner", "member"] {
        let form = form(role, "", "active");
        assert_eq!(house.submit_with_key(first, &page(&bob), &form).await, 303);
    }

    // Whoever is disabled is out at once.
    let (status, ..) = house.submit(&ada, &page(&bob), &form("member", "", "disabled")).await;
    assert_eq!(status, 303);
    assert_eq!(house.page(&bob, "/admin").await.0, 303);
    let again = form("member", "", "active");
    assert_eq!(house.submit(&ada, &page(&bob), &again).await.0, 303);
    assert_eq!(house.page(&bob, "/admin").await.0, 303, "the session is over for good");
}

#[tokio::test]
async fn k14_a_limited_admin_key_makes_no_admin_by_page() {
    let house = House::new().await;
    let bob = house.person("bob", Role::Member, None).await;
    let limited = house.limited_admin_key().await;
    let page = format!("/admin/users/{}", bob.id);
    let form = |role| [("role", role), ("plan", ""), ("state", "active")];
    let refused = house.submit_with_key(&limited, &page, &form("admin")).await;
    assert_eq!(refused, 400, "by that account it would outlive its limits");
    assert_eq!(house.submit_with_key(&limited, &page, &form("member")).await, 303);
    assert_eq!(house.submit_with_key(&house.admin, &page, &form("admin")).await, 303);
    // Nor does it change the state of those who are admins.
    let back = |state| [("role", "admin"), ("plan", ""), ("state", state)];
    assert_eq!(house.submit_with_key(&limited, &page, &back("disabled")).await, 303);
    assert_eq!(house.submit_with_key(&limited, &page, &back("active")).await, 400);
}

/// Something that answers like a provider: by the key that it is shown.
async fn provider() -> (std::net::SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap();
    let serve = async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let (status, body) = match head {
                head if head.contains("sk-good") => {
                    ("200 OK", r#"{"data":[{"id":"a"},{"id":"b"}]}"#)
                }
                head if head.contains("sk-lost") => ("404 Not Found", "<h1>Nothing here</h1>"),
                _ => ("401 Unauthorized", "{}"),
            };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    };
    (place, tokio::spawn(serve))
}

#[tokio::test]
async fn an_upstream_is_tested_by_page_and_by_api() {
    let house = House::new().await;
    let ada = owner(&house).await;
    let (place, serving) = provider().await;
    let url = format!("http://{place}/v1");
    let upstream = json!({"id": "openai", "base_url": url, "api_key": "sk-good"});
    house.done("POST", "/api/v1/upstreams", upstream).await;
    let path = "/api/v1/upstreams/openai";
    let tested = async || {
        let said = house.done("POST", &format!("{path}/test"), Value::Null).await;
        let form = [("base_url", "typed"), ("api_key", "sk-typed"), ("header", "")];
        let (status, _, html) = house.submit(&ada, "/admin/upstreams/openai/test", &form).await;
        assert_eq!(status, 200);
        assert!(html.contains("value=\"typed\"") && !html.contains("sk-"), "{html}");
        (said, html)
    };
    let (said, html) = tested().await;
    assert_eq!(said, json!({"result": "works", "models": 2, "status": null}));
    assert!(html.contains("lists 2 models."), "{html}");
    for (key, result, words) in
        [("sk-bad", "key_refused", "refuses our key"), ("sk-lost", "unexpected", "(status 404)")]
    {
        house.done("PATCH", path, json!({"api_key": key})).await;
        let (said, html) = tested().await;
        assert_eq!(said["result"], result);
        assert!(html.contains(words), "{html}");
    }
    serving.abort();
    assert!(serving.await.unwrap_err().is_cancelled());
    let (said, html) = tested().await;
    assert_eq!(said["result"], "unreachable");
    assert!(html.contains("Nobody answers there."), "{html}");
    assert_eq!(house.refused("POST", "/api/v1/upstreams/gone/test", Value::Null).await.status, 404);
    let bob = house.person("bob", Role::Member, None).await;
    assert_eq!(house.submit(&bob, "/admin/upstreams/openai/test", &[]).await.0, 403);
}

#[tokio::test]
async fn a_group_is_made_and_changed_by_form() {
    let house = House::new().await;
    house.done("POST", "/api/v1/plans", json!({"id": "small"})).await;
    let ada = owner(&house).await;
    let bob = house.person("bob", Role::Member, None).await;
    let fields = [
        ("id", "research"),
        ("name", ""),
        ("plan", "small"),
        ("priority", "10"),
        ("members", "bob@example.com\r\nowner@example.com\r\nbob@example.com"),
        ("money_month", "5"),
    ];
    let (status, place, _) = house.submit(&ada, "/admin/new-group", &fields).await;
    assert_eq!((status, place.as_str()), (303, "/admin/groups?saved=1"));
    assert_eq!(house.last_act().await.0, "group.create");
    let group = house.done("GET", "/api/v1/groups/research", Value::Null).await;
    assert_eq!((&group["plan"], &group["priority"]), (&json!("small"), &json!(10)));
    let pool = json!([{"unit": "money", "limit": 5_000_000_000_i64, "period": "month"}]);
    assert_eq!((&group["pool"], &group["name"]), (&pool, &json!("research")));
    assert_eq!(group["members"].as_array().unwrap().len(), 2);

    // The form has what is stored, and what it does not send stays.
    let path = "/admin/groups/research";
    let (_, html) = house.page(&ada, path).await;
    assert!(html.contains("bob@example.com\nowner@example.com"), "{html}");
    let fields = [("name", "Research"), ("plan", ""), ("priority", "-1")];
    assert_eq!(house.submit(&ada, path, &fields).await.0, 303);
    let group = house.done("GET", "/api/v1/groups/research", Value::Null).await;
    assert_eq!((&group["plan"], &group["pool"]), (&Value::Null, &json!([])));
    assert_eq!(group["members"].as_array().unwrap().len(), 2);
    assert_eq!(house.submit(&ada, path, &[("name", "R"), ("members", "")]).await.0, 303);
    let group = house.done("GET", "/api/v1/groups/research", Value::Null).await;
    assert_eq!(group["members"], json!([]));
    assert!(house.page(&ada, "/admin/groups").await.1.contains("research"));

    let cases = [("id", "A B"), ("priority", "high"), ("members", "<eve@example.com>")];
    for (field, typed) in cases.into_iter().chain([("id", "research"), ("calls_day", "x")]) {
        let mut fields = vec![("id", "other"), (field, typed)];
        fields.retain(|(name, text)| *name != field || *text == typed);
        let (status, _, html) = house.submit(&ada, "/admin/new-group", &fields).await;
        assert_eq!(status, 400, "{field}");
        assert!(html.contains(&format!("id=\"{field}-error\"")), "{field}: {html}");
        assert!(!html.contains("<eve@"), "{html}");
    }
    assert_eq!(house.submit(&bob, path, &[("name", "Mine")]).await.0, 403);
    assert_eq!(house.submit(&ada, path, &[("nome", "x")]).await.0, 400);
}

#[tokio::test]
async fn an_app_is_registered_and_disabled_by_form() {
    let house = House::new().await;
    house.done("POST", "/api/v1/plans", json!({"id": "small"})).await;
    let ada = owner(&house).await;
    let fields = [("name", "bot"), ("kind", "confidential"), ("plan", "small")];
    let (status, place, _) = house.submit(&ada, "/admin/new-app", &fields).await;
    assert_eq!(status, 303);
    assert_eq!(house.last_act().await.0, "client.create");
    let (_, html) = house.page(&ada, &place).await;
    assert!(html.contains("Saved.") && html.contains("/keys\">Keys of bot"), "{html}");
    let path = place.split('?').next().unwrap();
    let fields = [("name", "robot"), ("plan", ""), ("state", "disabled")];
    assert_eq!(house.submit(&ada, path, &fields).await.0, 303);
    let app = house.done("GET", "/api/v1/clients", Value::Null).await["items"][0].clone();
    assert_eq!((&app["name"], &app["plan"]), (&json!("robot"), &Value::Null));
    assert_eq!(app["state"], "disabled");
    for (field, fields) in [
        ("name", [("name", " "), ("plan", ""), ("state", "active")]),
        ("plan", [("name", "a"), ("plan", "gone"), ("state", "active")]),
    ] {
        let (status, _, html) = house.submit(&ada, path, &fields).await;
        assert_eq!(status, 400, "{field}");
        assert!(html.contains(&format!("id=\"{field}-error\"")), "{field}: {html}");
    }
}

#[tokio::test]
async fn how_an_app_signs_people_in_is_a_form_and_its_secret_shown_once() {
    let house = House::new().await;
    let ada = owner(&house).await;
    let app = house.done("POST", "/api/v1/clients", json!({"name": "<b>shop"})).await;
    let id = app["client_id"].as_str().unwrap();
    let path = format!("/admin/apps/{id}/sign-in");
    let (_, html) = house.page(&ada, &format!("/admin/apps/{id}")).await;
    assert!(html.contains(&path), "{html}");
    let (_, html) = house.page(&ada, &path).await;
    assert!(html.contains(id) && !html.contains("<b>shop"), "{html}");
    let lives = [("access_token_s", "60"), ("refresh_token_s", "3600")];
    let uris = "https://shop.example.com/cb\r\nhttp://127.0.0.1/cb";
    let mut fields = vec![
        ("redirect_uris", uris),
        ("origins", "https://shop.example.com"),
        ("grants", "authorization_code refresh_token"),
        ("scopes", ""),
        ("auth_method", "client_secret_post"),
        ("legacy", "on"),
        ("user_header", "on"),
    ];
    fields.extend(lives);
    let (status, place, _) = house.submit(&ada, &path, &fields).await;
    assert_eq!((status, place), (303, format!("{path}?saved=1")));
    let stored = house.done("GET", &format!("/api/v1/clients/{id}"), Value::Null).await;
    let addresses = ["https://shop.example.com/cb", "http://127.0.0.1/cb"];
    assert_eq!(stored["redirect_uris"], json!(addresses));
    assert_eq!(stored["grants"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(stored["auth_method"], "client_secret_post");
    assert_eq!((&stored["legacy"], &stored["user_header"]), (&json!(true), &json!(true)));
    assert_eq!(stored["access_token_s"], 60);
    for (field, typed) in [
        ("redirect_uris", "http://shop.example.com/cb"),
        ("origins", "https://shop.example.com/x"),
        ("grants", "password"),
        ("resources", "https://unknown.example.com"),
        ("access_token_s", "3601"),
        ("refresh_token_s", "soon"),
    ] {
        let mut fields = vec![(field, typed)];
        fields.extend(lives.iter().filter(|(name, _)| *name != field));
        let (status, _, html) = house.submit(&ada, &path, &fields).await;
        assert_eq!(status, 400, "{field}");
        assert!(html.contains(&format!("id=\"{field}-error\"")), "{field}: {html}");
    }
    // The secret is in the answer that made it, and never again.
    let secret = format!("/admin/apps/{id}/secret");
    let (status, _, html) = house.submit(&ada, &secret, &lives).await;
    assert_eq!((status, house.last_act().await.0.as_str()), (200, "client.secret"));
    let shown = html.split("tg_secret_").nth(1).unwrap().split('<').next().unwrap();
    assert!(shown.len() > 30 && html.contains(id), "{html}");
    assert!(!house.page(&ada, &path).await.1.contains(shown));
    let (_, _, again) = house.submit(&ada, &secret, &lives).await;
    assert!(!again.contains(shown), "another one");
}

#[tokio::test]
async fn a_model_is_made_by_form_and_shows_its_price() {
    let house = House::new().await;
    let ada = owner(&house).await;
    let (_, html) = house.page(&ada, "/admin/new-model").await;
    assert!(html.contains("there is none yet") && !html.contains(">Add model</button>"));
    let upstream = json!({"id": "openai", "base_url": "https://a.example.com"});
    house.done("POST", "/api/v1/upstreams", upstream).await;
    let make = async |id, model| {
        let fields = [("id", id), ("upstream", "openai"), ("model", model)];
        house.submit(&ada, "/admin/new-model", &fields).await
    };
    assert_eq!(make("fast", "priced").await.0, 303);
    assert_eq!(make("odd", "other").await.0, 303);
    let (_, html) = house.page(&ada, "/admin/models").await;
    assert!(html.contains("$2.50") && html.contains("$10.00") && html.contains("no price"));
    let (_, html) = house.page(&ada, "/admin/models/fast").await;
    assert!(html.contains("128,000") && html.contains("$1.25"), "{html}");

    // A new alias takes nobody's place.
    let (status, _, html) = make("fast", "other").await;
    assert_eq!(status, 400);
    assert!(html.contains("This name is taken."), "{html}");
    let change = [("upstream", "openai"), ("model", "other"), ("calls_day", "7")];
    assert_eq!(house.submit(&ada, "/admin/models/fast", &change).await.0, 303);
    assert_eq!(house.last_act().await, ("model.put".to_owned(), "model:fast".to_owned()));
    let model = house.done("GET", "/api/v1/models/fast", Value::Null).await;
    assert_eq!((&model["model"], &model["price"]), (&json!("other"), &Value::Null));
    assert_eq!(model["budgets"][0]["limit"], 7);
    for (field, change) in [
        ("upstream", [("upstream", "gone"), ("model", "x")]),
        ("model", [("upstream", "openai"), ("model", "")]),
    ] {
        let (status, _, html) = house.submit(&ada, "/admin/models/fast", &change).await;
        assert_eq!(status, 400, "{field}");
        assert!(html.contains(&format!("id=\"{field}-error\"")), "{field}: {html}");
    }
}

#[tokio::test]
async fn calls_are_filtered_and_paged() {
    let house = with_entries(|now| {
        let mut calls: Vec<Call> = (1..=60).map(|n| settled(n, now)).collect();
        calls.push(Call { model: "large", state: EntryState::Failed, ..settled(61, now) });
        calls
    })
    .await;
    let ada = owner(&house).await;
    let place = |n: u8| format!("/admin/entries/{}\"", Call::id(n));
    let (_, html) = house.page(&ada, "/admin/entries").await;
    assert!(html.contains(&place(61)) && !html.contains(&place(1)));
    let next = html.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let (_, html) = house.page(&ada, next).await;
    assert!(html.contains(&place(1)) && !html.contains(&place(61)) && !html.contains("rel=\"next"));
    for (query, n) in [("state=failed", 1), ("model=large", 1), ("model=none", 0), ("key=x", 0)] {
        let (status, html) = house.page(&ada, &format!("/admin/entries?user=&{query}")).await;
        assert_eq!((status, html.matches("<tr><td").count()), (200, n), "{query}");
    }
    let (_, html) = house.page(&ada, "/admin/entries?user=nobody%40example.com").await;
    assert!(html.contains("There is nobody with this address."), "{html}");
    let (_, html) = house.page(&ada, "/admin/entries?user=owner%40example.com").await;
    assert!(html.contains("No call fits."), "{html}");
    assert_eq!(house.page(&ada, "/admin/entries?state=odd").await.0, 400);
    assert_eq!(house.page(&ada, &format!("/admin/entries/{}", Call::id(99))).await.0, 404);
}

#[tokio::test]
async fn a_reserve_is_released_by_page_and_nothing_else_is() {
    let house = House::after(Box::new(|store, now| {
        async move {
            let (unit, period) = (Unit::Tokens, Period::Month);
            let window = Window::containing(now, period, &jiff::tz::TimeZone::UTC).unwrap();
            let account = Account { holder: Holder::Installation, unit, period, window };
            let refill = Refill { account: (&account).into(), limit: 1_000, hold: 10, risk: 100 };
            let (folds, refills) = (vec![settled(1, now).fold()], vec![refill]);
            store.commit(&Batch { folds, refills, ..Batch::default() }).await.unwrap();
        }
        .boxed()
    }))
    .await;
    let ada = owner(&house).await;
    let bob = house.person("bob", Role::Member, None).await;
    let (_, html) = house.page(&ada, "/admin").await;
    let list = "/admin/entries?state=crash_reserve";
    assert!(html.contains(&format!("href=\"{list}\"")), "{html}");
    let (_, html) = house.page(&ada, list).await;
    assert!(html.contains("Tokens each month (the whole installation)"), "{html}");
    assert!(html.contains("100 tokens"), "{html}");
    let path = html.split("<td data-label=\"Time (UTC)\"><a href=\"").nth(1).unwrap();
    let path = path.split('"').next().unwrap();
    let (_, html) = house.page(&ada, path).await;
    assert!(html.contains("Release reserve</button>"), "{html}");
    let call = format!("/admin/entries/{}", Call::id(1));
    let (_, html) = house.page(&ada, &call).await;
    assert!(html.contains("Settled") && !html.contains("Release reserve"), "{html}");

    let release = format!("{path}/release");
    assert_eq!(house.submit(&bob, &release, &[]).await.0, 403);
    assert_eq!(house.submit(&ada, &format!("{call}/release"), &[]).await.0, 409);
    let (status, place, _) = house.submit(&ada, &release, &[]).await;
    assert_eq!((status, place.as_str()), (303, "/admin/entries?state=crash_reserve&saved=1"));
    assert_eq!(house.last_act().await.0, "entry.release");
    assert!(house.page(&ada, &place).await.1.contains(">Released</td>"));
    let (_, html) = house.page(&ada, path).await;
    assert!(html.contains("This reserve was released") && !html.contains("Release reserve"));
    assert!(!house.page(&ada, "/admin").await.1.contains("crash reserve"));
}

#[tokio::test]
async fn a_reserve_says_whose_budget_it_is() {
    let (user, key) = (UserId::from_uuid(id_of(1)), KeyId::from_uuid(id_of(2)));
    let (client, token) = (ClientId::from_uuid(id_of(3)), TokenId::from_uuid(id_of(4)));
    let holders = [
        Holder::Installation,
        Holder::Group("research".parse().unwrap()),
        Holder::User(user),
        Holder::Client(client),
        Holder::Key(key),
        Holder::Token(token),
        Holder::Model("vendor/large".to_owned()),
    ];
    let house = House::after(Box::new(move |store, now| {
        async move {
            let (unit, period) = (Unit::Calls, Period::Day);
            let window = Window::containing(now, period, &jiff::tz::TimeZone::UTC).unwrap();
            let refills = holders.into_iter().map(|holder| {
                let account = Account { holder, unit, period, window };
                Refill { account: (&account).into(), limit: 1_000, hold: 10, risk: 100 }
            });
            let refills = refills.collect();
            store.commit(&Batch { refills, ..Batch::default() }).await.unwrap();
        }
        .boxed()
    }))
    .await;
    let ada = house.known_person("ada", Role::Owner, None, (user, key)).await;
    let (_, html) = house.page(&ada, "/admin/entries?state=crash_reserve").await;
    for whose in [
        "the whole installation".to_owned(),
        "Group research".to_owned(),
        "Person ada@example.com".to_owned(),
        format!("App {client}"),
        "Key a key".to_owned(),
        format!("Access token {token}"),
        "Model vendor/large".to_owned(),
    ] {
        assert!(html.contains(&format!("Calls each day ({whose})")), "{whose}\n{html}");
    }
}

fn id_of(number: u8) -> uuid::Uuid {
    uuid::Uuid::from_u128(number.into())
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
