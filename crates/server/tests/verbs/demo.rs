//! `tollgate demo`, the first of the two commands. What it prints to be pasted is pasted in
//! `crates/testkit/tests/peers`, where the SDK is.

use std::path::Path;

use serde_json::Value;

use crate::visitor::{Visitor, between};
use crate::{Talking, program};

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn the_demo_makes_one_call_and_shows_its_entry() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = program();
    demo.args(["demo", "--once", "--json"]).env("TMPDIR", folder.path());
    let done = demo.output().unwrap();
    let talk = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{talk}");
    let shown: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert!(shown["key"].as_str().unwrap().starts_with("tg_user_"), "{shown}");
    assert!(shown["admin_key"].as_str().unwrap().starts_with("tg_admin_"), "{shown}");
    let origin = shown["url"].as_str().unwrap();
    assert!(origin.starts_with("http://localhost:"), "on loopback: {shown}");
    let link = format!("{origin}/link/tg_link_");
    assert!(shown["sign_in"].as_str().unwrap().starts_with(&link), "{shown}");

    // The entry is that of the call, with the usage that its answer has.
    let (answer, entry) = (&shown["answer"], &shown["entry"]);
    assert!(!answer["choices"][0]["message"]["content"].as_str().unwrap().is_empty(), "{shown}");
    assert_eq!(entry["state"], "settled", "{shown}");
    assert_eq!(entry["model"], "tollgate-demo", "{shown}");
    let usage = &answer["usage"];
    assert!(usage["completion_tokens"].as_u64() > Some(0), "{shown}");
    assert_eq!(entry["usage"]["input_tokens"], usage["prompt_tokens"], "{shown}");
    assert_eq!(entry["usage"]["output_tokens"], usage["completion_tokens"], "{shown}");
    assert!(is_empty(folder.path()), "nothing of it stays");
}

#[test]
fn the_demos_link_signs_in_once_and_its_page_has_the_call() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = program();
    demo.arg("demo").env("TMPDIR", folder.path());
    let demo = Talking::start(&mut demo);
    let text = demo.hear("Ctrl-C ends it");
    for line in ["state          settled", "cost           no price", "The account page: http://"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let port: u16 = between(&text, "runs at http://localhost:", ",").parse().unwrap();
    let link = between(&text, "Sign in once with: ", "\n");
    let path = link.strip_prefix(&format!("http://localhost:{port}")).unwrap();

    let mut visitor = Visitor::of(port);
    assert_eq!(visitor.get("/account").0, 303, "nobody is signed in yet");
    let (status, answer) = visitor.post(path, path, &[]);
    assert_eq!(status, 303, "{answer}");
    assert!(answer.contains("\r\nlocation: /account\r\n"), "{answer}");
    let (status, page) = visitor.get("/account/usage");
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("tollgate-demo"), "the call is on the page: {page}");
    assert_eq!(Visitor::of(port).get(path).0, 404, "the link counts once");

    // The account is the owner that set-up makes, and nobody else is there.
    let (status, page) = visitor.get("/admin/audit");
    assert_eq!(status, 200, "{page}");
    assert_eq!(page.matches("owner.create").count(), 1, "{page}");
    assert!(!page.contains("user.create"), "{page}");

    demo.stop();
    assert!(is_empty(folder.path()), "nothing of it stays");
}
