//! `tollgate serve` with nothing but a provider's key in its environment, the other of the two
//! commands.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::visitor::{Visitor, between};
use crate::{CALL, PROVIDER_KEY, Running, SpawnReady, program, until};

const PASSWORD: &str = "a long password that nobody else has";

/// All files below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            all.extend(files(&entry.path()));
        } else if kind.is_file() {
            all.push(entry.path());
        }
    }
    all
}

/// The JSON that `head` answers to the owner's key.
fn json(server: &Running, head: &str, key: &str, body: &str) -> Value {
    let (status, answer) = server.ask(head, Some(key), body);
    assert!(status == 200 || status == 201, "{head}: {answer}");
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
fn a_providers_key_in_the_environment_is_all_that_serve_needs() {
    let folder = tempfile::tempdir().unwrap();
    let model = program().args(["demo-model", "--api-key", PROVIDER_KEY]).spawn_ready();
    let log = folder.path().join("log");
    let mut serve = program();
    serve.args(["serve", "--listen", "127.0.0.1:0"]).current_dir(folder.path());
    // The real one's address would be asked else; nothing but the key and this is set.
    serve.env("OPENAI_BASE_URL", format!("http://127.0.0.1:{}/v1", model.port));
    serve.env("OPENAI_API_KEY", PROVIDER_KEY).stdin(Stdio::null());
    let server = Running::start(&mut serve, fs::File::create(&log).unwrap().into());

    // Nobody is there: no account, and none can be made but with the link.
    let talk = fs::read_to_string(&log).unwrap();
    let link = between(&talk, "Set it up, within an hour, at:\n  ", "\n").to_owned();
    let path = link.strip_prefix(&format!("http://localhost:{}", server.port)).unwrap();
    let token = path.strip_prefix("/setup?token=").unwrap();
    let owner = [("username", "ada@example.com"), ("name", "Ada"), ("password", PASSWORD)];
    let of = |token| [&owner[..], &[("token", token)]].concat();
    let (status, page) = Visitor::of(server.port).post(path, "/setup", &of("tg_setup_wrong"));
    assert_eq!(status, 403, "{page}");
    let sign_in = [("username", "ada@example.com"), ("password", PASSWORD)];
    assert_eq!(Visitor::of(server.port).post("/login", "/login", &sign_in).0, 401);

    let mut ada = Visitor::of(server.port);
    let (status, page) = ada.post(path, "/setup", &of(token));
    assert_eq!(status, 201, "{page}");
    assert_eq!(ada.get("/account").0, 200, "the owner is signed in");
    let admin = between(&page, "<code id=\"secret\" tabindex=\"0\">", "<").to_owned();
    assert!(Visitor::of(server.port).get(path).1.contains("/login"), "the link is used up");

    // She is the only one, has the plan `standard`, and the provider is there with its key.
    let users = json(&server, "GET /api/v1/users", &admin, "");
    let [user] = &users["items"].as_array().unwrap()[..] else { panic!("one user: {users}") };
    assert_eq!((&user["role"], &user["plan"]), (&"owner".into(), &"standard".into()));
    let upstreams = json(&server, "GET /api/v1/upstreams", &admin, "");
    assert_eq!(upstreams["items"][0]["id"], "openai", "{upstreams}");
    let wish = format!("{{\"name\":\"first\",\"user\":{}}}", user["id"]);
    let key = json(&server, "POST /api/v1/keys", &admin, &wish)["key"].as_str().unwrap().to_owned();
    let call = || server.ask("POST /v1/chat/completions", Some(&key), CALL).0;
    until("the model answers", || call() == 200);

    let files = files(folder.path());
    assert!(files.iter().any(|file| file.ends_with("tollgate.db")), "{files:?}");
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let found = memchr::memmem::find(&bytes, PROVIDER_KEY.as_bytes()).is_some();
        assert!(!found, "the provider's key is in {}", file.display());
    }
}
