//! The doors to tools, ours and other people's, in Chromium: offered, installed by the wizard,
//! connected with a sign-in at the tool and with a pasted key, called, and ended.

use std::collections::HashSet;

use serde_json::json;
use tollgate_server::demo_todo::DemoTodo;
use tollgate_testkit::{Engine, KeySpec, TestServer};

use super::{EMAIL, PASSWORD, line, node, nothing_is_noted, owner};

#[tokio::test(flavor = "multi_thread")]
async fn tools_are_offered_installed_connected_and_ended() {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let todo = DemoTodo::start(([127, 0, 0, 1], 0).into()).await.unwrap();
    let owner = owner(&server, Some(PASSWORD)).await;
    let (_, key) = server.add_key(owner.user.id, &KeySpec::default()).await.unwrap();
    let admin_key = server.add_admin_key().await.unwrap();
    let address = todo.url();
    let environment = [
        ("TOLLGATE_EMAIL", EMAIL),
        ("TOLLGATE_PASSWORD", PASSWORD),
        ("TOLLGATE_KEY", &*key),
        ("TOLLGATE_ADMIN_KEY", &*admin_key),
        ("TOLLGATE_TODO", &*address),
    ];
    let seen = node("doors.mjs", &server, &environment).await;
    let mut pages = HashSet::new();
    for page in seen.iter().filter(|seen| seen["page"].is_string()) {
        let (width, wide) = (page["width"].as_u64().unwrap(), page["wide"].as_u64().unwrap());
        assert!(wide <= width, "the page scrolls sideways: {page}");
        assert_eq!(page["axe"], json!([]), "axe: {page}");
        pages.insert(page["page"].as_str().unwrap());
    }
    assert!(pages.len() >= 29, "{} pages: {pages:?}", pages.len());
    assert_eq!(line(&seen, "asked_at")["asked_at"], "/authorize");
    let calls: Vec<_> = seen.iter().filter(|seen| !seen["called"].is_null()).collect();
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert!(calls.iter().all(|call| call["status"] == 200), "{calls:?}");
    assert_eq!(line(&seen, "ended")["status"], 404);
    nothing_is_noted(&seen);
    server.stop().await.unwrap();
}
