//! A person's pages in Chromium: what they show, at both widths, with nothing from elsewhere.
//!
//! `cargo xtask test` says where Node and Chromium are; without that this test fails. With
//! `TOLLGATE_SHOTS` it leaves its screenshots in that folder.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::PathBuf;

use serde_json::Value;
use tollgate_identity::{NewOwner, link_path, setup_owner};
use tollgate_testkit::{Engine, KeySpec, TestServer};

fn named(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} must be set: cargo xtask test does"))
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
    let script =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/node/account.mjs");
    let done = tokio::process::Command::new(named("TOLLGATE_TEST_NODE"))
        .arg(script)
        .env("TOLLGATE_URL", &server.url)
        .env("TOLLGATE_LINK", format!("{}{}", server.url, link_path(&owner.link)))
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
    assert!(pages.len() >= 30, "every page at two widths: {}", pages.len());
    for page in &pages {
        let (width, wide) = (page["width"].as_u64().unwrap(), page["wide"].as_u64().unwrap());
        assert!(wide <= width, "the page scrolls sideways: {page}");
        assert!(page["axe"].as_array().unwrap().is_empty(), "axe: {page}");
    }
    let noted = &seen.iter().find(|seen| seen["noted"].is_object()).unwrap()["noted"];
    assert!(noted["foreign"].as_array().unwrap().is_empty(), "asked elsewhere: {noted}");
    assert!(noted["complaints"].as_array().unwrap().is_empty(), "complained: {noted}");
    server.stop().await.unwrap();
}
