//! The identity matrix: every route row and every kind of client, as one committed text.
//!
//! `yes` means that the route did what was asked; another number than 401 and 403, that it let the
//! client in and then found fault with the request, which names nothing that is there. A new route
//! shows up here before it shows up anywhere else. Regenerate with `UPDATE=1`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tollgate_edge::{NetworkBook, NetworkLimits, inventory};
use tollgate_gate::NoPrices;
use tollgate_kernel::{Role, UserId};
use tollgate_server::wire::Doors;
use tollgate_testkit::{Answer, Browser, Client, Engine, KeySpec, TestServer};
use tollgate_tools::ToolsState;

/// Somebody who knocks.
enum Knock {
    With(Client),
    Browser(Browser, UserId),
    /// A browser that does not say where its requests come from.
    NoOrigin(Browser),
}

impl Knock {
    async fn at(&self, method: &str, path: &str) -> Answer {
        let fill = |request: reqwest::RequestBuilder, csrf: &str| {
            let is_form = ["/api/", "/v1/"].iter().all(|door| !path.starts_with(door));
            if is_form && method == "POST" {
                request.form(&[("csrf", csrf)])
            } else {
                request.json(&json!({ "no such member": 1 }))
            }
        };
        match self {
            Self::With(client) => client.send(fill(client.request(method, path), "")).await,
            Self::Browser(browser, _) => {
                browser.send(fill(browser.request(method, path), &browser.csrf)).await
            }
            Self::NoOrigin(browser) => {
                let request = browser.request_without_origin(method, path);
                browser.send(fill(request, &browser.csrf)).await
            }
        }
        .unwrap()
    }
}

fn seen(answer: &Answer) -> String {
    match answer.status {
        303 if answer.header("location").starts_with("/login") => "login".to_owned(),
        200..400 => "yes".to_owned(),
        500.. => "FAULT".to_owned(),
        status => status.to_string(),
    }
}

async fn clients(server: &TestServer) -> Vec<(&'static str, Knock)> {
    let (member, member_key) = server.caller("member", Vec::new()).await.unwrap();
    let admin = server.add_user("admin@example.com", None).await.unwrap();
    server.set_role(admin, Role::Admin).await.unwrap();
    let (_, admins_key) = server.add_key(admin, &KeySpec::default()).await.unwrap();
    // An admin with a plan: nothing but the missing origin is in the way of that browser.
    let planned = server.add_user("planned@example.com", Some("member")).await.unwrap();
    server.set_role(planned, Role::Admin).await.unwrap();
    let app = server.add_app("bot", "member").await.unwrap();
    let browser = server.signed_in(member).await.unwrap();
    let audience = json!({ "audience": format!("{}/v1", server.url) });
    let for_models = browser.post("/api/v1/tokens", &audience).await.unwrap();
    let for_models = for_models.json()["access_token"].as_str().expect("a token").to_owned();
    let with = |token: &str| Knock::With(server.with_bearer(token));
    vec![
        ("anonymous", Knock::With(server.anonymous())),
        ("garbled", with("tg_user_garbled")),
        ("key", with(&member_key)),
        ("app", with(&app)),
        ("admin's key", with(&admins_key)),
        ("admin key", with(&server.add_admin_key().await.unwrap())),
        ("token", with(&for_models)),
        ("session", Knock::Browser(server.signed_in(member).await.unwrap(), member)),
        ("admin", Knock::Browser(server.signed_in(admin).await.unwrap(), admin)),
        ("no origin", Knock::NoOrigin(server.signed_in(planned).await.unwrap())),
    ]
}

fn filled(path: &str) -> String {
    let parts =
        path.split('/').map(|part| if part.starts_with('{') { "nothing-here" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn k8_t85_every_route_asks_every_kind_of_client_what_its_row_says() {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let clients = clients(&server).await;
    let doors = Doors {
        gate: server.gate.clone(),
        prices: Arc::new(NoPrices),
        request_bytes: 1,
        networks: NetworkBook::new(NetworkLimits::default(), server.gate.clock().clone()),
        keys_in_the_clear: true,
        tools: ToolsState::new(server.gate.clone(), &server.url.parse().unwrap()),
    };
    let rows = inventory(&doors.rows(&server.url));
    let mut text = String::new();
    for (method, path, _) in &rows {
        write!(text, "{method} {path}").unwrap();
        for (name, knock) in &clients {
            // A sign-out may end the session, which the other rows knock with.
            let passing = match knock {
                Knock::Browser(_, user) if *path == "/logout" => {
                    Some(Knock::Browser(server.signed_in(*user).await.unwrap(), *user))
                }
                _ => None,
            };
            let knock = passing.as_ref().unwrap_or(knock);
            let answer = knock.at(method.as_str(), &filled(path)).await;
            write!(text, " | {name} {}", seen(&answer)).unwrap();
        }
        text.push('\n');
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/matrix.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    for (now, then) in text.lines().zip(committed.lines()) {
        assert_eq!(now, then, "the matrix has changed: UPDATE=1 if that is meant");
    }
    assert_eq!(text.lines().count(), committed.lines().count(), "a route came or went");

    let described = server.anonymous().get("/openapi.json").await.unwrap().json();
    let rows: BTreeSet<String> = rows
        .iter()
        .filter(|(_, path, _)| *path != "/openapi.json")
        .map(|(method, path, _)| format!("{method} {}", path.replace("{*", "{")))
        .collect();
    let mut told = BTreeSet::new();
    for (path, item) in described["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("methods").keys() {
            told.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    assert_eq!(rows, told, "what is routed and what is described are the same");
    server.stop().await.unwrap();
}
