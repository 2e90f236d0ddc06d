//! Secret canaries: every kind of secret is put in its place, used rightly and wrongly, and then
//! looked for in everything that the server wrote, logged or answered to others.

mod apps;
mod hunt;
pub(crate) mod people;
mod tools;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tollgate_kernel::Secret;
use tollgate_protocol::api_key::TokenType;
use tollgate_server::config::{Config, FileSource, Sources};
use tollgate_testkit::{Engine, PROVIDER_KEY, PlanSpec, TestServer, chat_body};

use crate::ENGINE;
use crate::logged::logged;
use hunt::{Hunt, files};
use people::{Person, provider};

const OWNER: &str = "owner@example.com";
const PASSWORD: &str = "canary owner password/+&7f3a";
const NEW_PASSWORD: &str = "canary second password %41 b9";
const WRONG_PASSWORD: &str = "canary wrong password ÿ c0ffee";
const RESET_PASSWORD: &str = "canary reset password <d1e2f3>";
const TYPED_PASSWORD: &str = "canary typed and never sent \"q8w7";
const IMPORTED_PASSWORD: &str = "canary imported password 5e6f";
/// Made by libxcrypt, of that.
const IMPORTED_HASH: &str = "$2b$04$Ck0canarysaltcanarysaOOilacNl1VB0eLkefPgzg8lxySAUNGYS";
const SECOND_KEY: &str = "sk-canary-second-provider-key-fedcba9876543210";
const CLIENT_SECRET: &str = "canary-client-secret-at-a-provider-0f1e2d3c";
const PROMPT: &str = "canary prompt: the recipe is 31415926535 grams";
const ANSWER: &str = "canary answer: the vault is behind the 27182818 painting";
const GARBLED: &str = "tg_user_canarygarbled0123456789canarygarbled0123456";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k6_t90_j25_no_secret_is_written_logged_or_told_to_others() {
    let log = logged();
    let mut hunt = Hunt::default();
    let server = TestServer::start(ENGINE).await.unwrap();
    let owner = first_owner(&server, &mut hunt).await;
    let keys = make_secrets(&server, &owner, &mut hunt).await;
    apps::apps(&server, &owner, &mut hunt).await;
    tools::tools(&server, &owner, &mut hunt).await;
    calls(&server, &keys, &mut hunt).await;
    knock_wrongly(&server, &keys, &mut hunt).await;
    reset(&server, &owner, &mut hunt).await;
    imported(&server, &owner, &mut hunt).await;
    everybody_looks(&server, &owner, &keys, &mut hunt).await;
    hunt.answer("the metrics", &server.metrics().get("/metrics").await.unwrap());
    hunt.secret("the master key", server.master_key().expose(), &[]);

    let copies = tempfile::tempdir().unwrap();
    let open = written_while_open(&server, copies.path()).await;
    let known = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("ben@example.com");
    assert!(open.iter().any(|(_, bytes)| known(bytes)), "what is no secret is found");
    for (place, bytes) in open {
        hunt.nothing_in(&format!("{} while open", place.display()), &bytes);
    }

    let server = server.restart().await.unwrap();
    let again = server.with_bearer(&keys.user).chat("tollgate-demo", 5).await.unwrap();
    assert_eq!(again.status, 200, "{}", again.text);
    hunt.answer("a call after the restart", &again);
    let request_log = server.log.text();
    let entries = server.entries_now().await.unwrap();
    assert!(entries.len() >= 5, "{}", entries.len());
    hunt.nothing_in("the entries", format!("{entries:?}").as_bytes());
    let written = hold_folder(&server, copies.path());
    let dump = dump(&server).await;
    server.stop().await.unwrap();
    for (place, bytes) in files(&written).into_iter().chain(dump) {
        hunt.nothing_in(&format!("{} at the end", place.display()), &bytes);
    }

    assert!(request_log.lines().count() > 30, "the request log was written");
    hunt.nothing_in("the request log", request_log.as_bytes());
    let lines = log.text();
    assert!(lines.contains("DEBUG") && lines.contains("TRACE"), "all levels are heard");
    hunt.nothing_in("the server's own log", lines.as_bytes());
    hunt.finish();
}

/// What is used on the calls.
struct Keys {
    user: String,
    admin: String,
    token: String,
    session: String,
    link: String,
}

/// Sets the installation up by its one-time link, as a person does.
async fn first_owner(server: &TestServer, hunt: &mut Hunt) -> Person {
    let caller = server.system.principal();
    let link = tollgate_identity::new_setup_link(&server.gate, caller).await.unwrap().unwrap();
    let path = tollgate_identity::setup_path(&link.token);
    hunt.secret("the set-up link", link.token.expose(), &["the set-up page"]);
    hunt.secret("the owner's password", PASSWORD, &[]);
    let mut owner = Person::new(&server.url);
    let page = owner.get(&path).await;
    hunt.answer("the set-up page", &page);
    hunt.secret("a password that is typed", TYPED_PASSWORD, &[]);
    for text in [TYPED_PASSWORD.to_owned(), TYPED_PASSWORD.repeat(9)] {
        let rated = owner.typed(&json!({ "password": text, "username": OWNER })).await;
        assert_eq!(rated.status, 200, "{}", rated.text);
        hunt.answer("a rating", &rated);
    }
    let wrong = owner.typed(&json!({ "password": TYPED_PASSWORD, "name": 1 })).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text);
    hunt.answer("a wrong question for a rating", &wrong);
    let fields = [("username", OWNER), ("password", PASSWORD), ("token", link.token.expose())];
    let done = owner.post("/setup", &fields).await;
    assert!(done.status < 300, "{}", done.text);
    let key = done.text.split_once("<code id=\"secret\" tabindex=\"0\">").unwrap().1;
    let key = key.split('<').next().unwrap();
    assert!(key.starts_with("tg_admin_"));
    hunt.secret("the first admin key", key, &["set up"]);
    hunt.secret("the first session", &owner.session(), &["set up", "changed"]);
    hunt.answer("set up", &done);
    hunt.secret("the second password", NEW_PASSWORD, &[]);
    owner.get("/account/security").await;
    let fields = [("current_password", PASSWORD), ("password", NEW_PASSWORD)];
    let changed = owner.post("/account/password", &fields).await;
    assert_eq!(changed.status, 303, "{}", changed.text);
    hunt.secret("the session", &owner.session(), &["changed"]);
    hunt.answer("changed", &changed);
    owner
}

/// Makes one secret of each kind by the management API; each is in the answer that made it.
async fn make_secrets(server: &TestServer, owner: &Person, hunt: &mut Hunt) -> Keys {
    hunt.secret("the provider's key", PROVIDER_KEY, &[]);
    hunt.secret("the second provider's key", SECOND_KEY, &[]);
    let upstream = provider(SECOND_KEY, ANSWER).await;
    let body = json!({ "id": "second", "base_url": upstream, "api_key": SECOND_KEY });
    let made = owner.api("POST", "/api/v1/upstreams", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    hunt.answer("an upstream", &made);
    for alias in ["echo-good", "echo-400", "echo-500", "echo-cut"] {
        server.add_model(alias, "second", alias, Vec::new()).await.unwrap();
    }

    hunt.secret("our secret at a sign-in provider", CLIENT_SECRET, &[]);
    let body = json!({
        "id": "hub", "kind": "github", "client_id": "us", "client_secret": CLIENT_SECRET,
        "endpoints": { "token": "http://127.0.0.1:1/token" },
    });
    let made = owner.api("POST", "/api/v1/providers", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    hunt.answer("a sign-in provider", &made);
    let sent = server.anonymous().get("/login/hub").await.unwrap();
    assert_eq!(sent.status, 303, "{}", sent.text);

    let mut secret = async |label: &'static str, path: &str, body: Value, member: &str| {
        let made = owner.api("POST", path, &body).await;
        assert!(made.status < 300, "{label}: {}", made.text);
        let told = made.json()[member].as_str().unwrap_or_default().to_owned();
        let told = told.rsplit('/').next().unwrap_or_default().to_owned();
        assert!(told.len() > 30, "{label}: {}", made.text);
        // A link that is over is still in the address of its own page.
        hunt.secret(label, &told, &[label, "a dead link"]);
        hunt.answer(label, &made);
        (told, made.json()["id"].as_str().unwrap_or_default().to_owned())
    };
    let me = owner.get("/api/v1/users").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
    let wish = json!({ "name": "laptop", "user": me });
    let (_, id) = secret("an API key", "/api/v1/keys", wish, "key").await;
    let again = format!("/api/v1/keys/{id}/rotate");
    let (user, _) = secret("a rotated key", &again, json!({ "overlap_s": 60 }), "key").await;
    let wish = json!({ "name": "admin", "admin": true });
    let (admin, _) = secret("an admin key", "/api/v1/keys", wish, "key").await;
    let (token, _) = secret("an access token", "/api/v1/tokens", json!({}), "access_token").await;
    server.add_plan("ben", &PlanSpec::default()).await.unwrap();
    let ben = json!({ "email": "ben@example.com", "plan": "ben" });
    let ben = owner.api("POST", "/api/v1/users", &ben).await.json();
    let links = format!("/api/v1/users/{}/links", ben["id"].as_str().unwrap());
    let (link, _) = secret("a reset link", &links, json!({ "purpose": "reset" }), "url").await;
    Keys { user, admin, token, session: owner.session(), link }
}

/// Calls of all kinds, good and failing ones.
async fn calls(server: &TestServer, keys: &Keys, hunt: &mut Hunt) {
    hunt.secret("the prompt", PROMPT, &["a refusal in the provider's words"]);
    hunt.secret("the answer", ANSWER, &["a call", "an answer that broke off"]);
    let body = |model: &str| {
        let mut body = chat_body(model, 50);
        body["messages"][0]["content"] = Value::from(PROMPT);
        body
    };
    for bearer in [&keys.user, &keys.token] {
        let client = server.with_bearer(bearer);
        let chat = "/v1/chat/completions";
        for model in ["echo-good", "tollgate-demo"] {
            let answer = client.post(chat, &body(model)).await.unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text);
            hunt.answer("a call", &answer);
            let mut streamed = body("tollgate-demo");
            streamed["stream"] = Value::Bool(true);
            hunt.answer("a call", &client.post(chat, &streamed).await.unwrap());
        }
        let refused = client.post(chat, &body("echo-400")).await.unwrap();
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert!(refused.text.contains(PROMPT), "the caller's own words: {}", refused.text);
        hunt.answer("a refusal in the provider's words", &refused);
        let failed = client.post(chat, &body("echo-500")).await.unwrap();
        assert_eq!(failed.status, 502, "{}", failed.text);
        hunt.answer("a failure", &failed);
        let cut = client.post(chat, &body("echo-cut")).await.unwrap();
        assert!(cut.cut || cut.status == 502, "{} {}", cut.status, cut.text);
        hunt.answer("an answer that broke off", &cut);
        let bad = format!("{{\"model\":\"echo-good\",\"Model\":\"{PROMPT}\"}}");
        hunt.answer("a bad body", &client.post_text(chat, &bad).await.unwrap());
        let bad = format!("{{\"model\":\"echo-good\",\"messages\":[\"{PROMPT}\"");
        hunt.answer("half a body", &client.post_text(chat, &bad).await.unwrap());
    }
}

/// Credentials in wrong places, wrong ones, and two of them.
async fn knock_wrongly(server: &TestServer, keys: &Keys, hunt: &mut Hunt) {
    hunt.secret("a wrong password", WRONG_PASSWORD, &[]);
    hunt.secret("a garbled key", GARBLED, &[]);
    let mut stranger = Person::new(&server.url);
    stranger.get("/login").await;
    let fields = [("username", OWNER), ("password", WRONG_PASSWORD)];
    let refused = stranger.post("/login", &fields).await;
    assert_eq!(refused.status, 401);
    hunt.answer("a wrong password", &refused);
    // A password where the address should be.
    let fields = [("username", WRONG_PASSWORD), ("password", NEW_PASSWORD)];
    let refused = stranger.post("/login", &fields).await;
    assert!((400..500).contains(&refused.status), "{}", refused.status);

    let client = server.anonymous();
    let garbled = server.with_bearer(GARBLED);
    hunt.answer("a garbled key", &garbled.chat("echo-good", 5).await.unwrap());
    let unknown = server.gate.new_token(TokenType::User).0;
    hunt.secret("an unknown key", unknown.expose(), &[]);
    let knock = server.with_bearer(unknown.expose());
    hunt.answer("an unknown key", &knock.chat("echo-good", 5).await.unwrap());
    for secret in [&keys.user, &keys.token, &keys.session, &keys.admin] {
        for path in [
            format!("/v1/models?access_token={secret}"),
            format!("/v1/models?api_key={secret}"),
            format!("/v1/{secret}"),
            format!("/api/v1/keys/{secret}"),
            format!("/account?token={secret}"),
            format!("/nowhere/{secret}"),
        ] {
            let answer = client.get(&path).await.unwrap();
            assert!(answer.status >= 300, "j25: a secret in a URL opens nothing: {path}");
            // What was in the request's own URL may come back to the one who sent it.
            hunt.answer_to_sender(&answer);
        }
        let both = client.request("GET", "/v1/models").bearer_auth(secret);
        let both = both.header("x-api-key", secret).header("x-own", secret);
        hunt.answer("two credentials", &client.send(both).await.unwrap());
        let basic = client.request("GET", "/api/v1/me").basic_auth("x", Some(secret));
        hunt.answer("basic", &client.send(basic).await.unwrap());
        let agent = client.request("GET", "/readyz").header("user-agent", secret);
        hunt.answer("a secret as user agent", &client.send(agent).await.unwrap());
    }
}

/// A password by a one-time link.
async fn reset(server: &TestServer, owner: &Person, hunt: &mut Hunt) {
    hunt.secret("the reset password", RESET_PASSWORD, &[]);
    let list = owner.get("/api/v1/users").await.json();
    let ben = list["items"].as_array().unwrap().iter().find(|user| user["role"] == "member");
    let path = format!("/api/v1/users/{}/links", ben.unwrap()["id"].as_str().unwrap());
    let made = owner.api("POST", &path, &json!({ "purpose": "reset" })).await.json();
    let url = made["url"].as_str().unwrap();
    let token = url.rsplit('/').next().unwrap();
    hunt.secret("the used link", token, &["the link's page"]);
    let mut ben = Person::new(&server.url);
    let page = ben.get(&format!("/link/{token}")).await;
    assert_eq!(page.status, 200, "{}", page.text);
    hunt.answer("the link's page", &page);
    let short = ben.post(&format!("/link/{token}"), &[("password", "short")]).await;
    assert_eq!(short.status, 422, "{}", short.text);
    let done = ben.post(&format!("/link/{token}"), &[("password", RESET_PASSWORD)]).await;
    assert_eq!(done.status, 303, "{}", done.text);
    hunt.secret("ben's session", &ben.session(), &["the link was used"]);
    hunt.answer("the link was used", &done);
}

/// Somebody's password comes as a hash from elsewhere, and counts.
async fn imported(server: &TestServer, owner: &Person, hunt: &mut Hunt) {
    hunt.secret("the imported password", IMPORTED_PASSWORD, &[]);
    // The salt is no secret, and stays with what is kept.
    hunt.secret("the imported hash", &IMPORTED_HASH[29..], &[]);
    let body = json!({ "email": "eve@example.com", "password_hash": IMPORTED_HASH });
    let made = owner.api("POST", "/api/v1/users", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    hunt.answer("an import", &made);
    let dear = IMPORTED_HASH.replacen("$04$", "$31$", 1);
    let body = json!({ "email": "eva@example.com", "password_hash": dear });
    let refused = owner.api("POST", "/api/v1/users", &body).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    hunt.answer("a refused import", &refused);
    let mut eve = Person::new(&server.url);
    let fields = [("username", "eve@example.com"), ("password", IMPORTED_PASSWORD)];
    let done = eve.post("/login", &fields).await;
    assert_eq!(done.status, 303, "{}", done.text);
    hunt.secret("eve's session", &eve.session(), &["an imported password"]);
    hunt.answer("an imported password", &done);
}

/// Everything that can be read, by everybody who may read it.
async fn everybody_looks(server: &TestServer, owner: &Person, keys: &Keys, hunt: &mut Hunt) {
    let lists = [
        "/api/v1/me",
        "/api/v1/keys",
        "/api/v1/users",
        "/api/v1/sessions",
        "/api/v1/upstreams",
        "/api/v1/upstreams/second",
        "/api/v1/models",
        "/api/v1/settings",
        "/api/v1/audit?limit=200",
        "/api/v1/entries",
        "/api/v1/usage?by=day,model",
        "/v1/models",
        "/openapi.json",
        "/readyz",
    ];
    for path in lists {
        let admin = server.with_bearer(&keys.admin).get(path).await.unwrap();
        hunt.answer(path, &admin);
        hunt.answer(path, &server.anonymous().get(path).await.unwrap());
        hunt.answer(path, &server.with_bearer(&keys.user).get(path).await.unwrap());
    }
    for path in [
        "/account",
        "/account/keys",
        "/account/usage",
        "/account/security",
        "/admin",
        "/admin/users",
        "/admin/upstreams",
        "/admin/upstreams/second",
        "/admin/audit",
        "/admin/settings",
        "/admin/usage",
    ] {
        let page = owner.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        hunt.answer(path, &page);
    }
    let audit = server.with_bearer(&keys.admin).get("/api/v1/audit?limit=200").await.unwrap();
    assert!(audit.text.contains("key.") && audit.text.contains("link."), "{}", audit.text);
    let dead = server.anonymous().get(&format!("/link/{}", keys.link)).await.unwrap();
    assert_eq!(dead.status, 404, "the newer link ended this one");
    hunt.answer("a dead link", &dead);
}

/// What is in the folder of a server that runs, and in its database.
async fn written_while_open(server: &TestServer, beside: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    // Journals too: copied by another process, because closing a file here would take the server's
    // locks away.
    let folder = server.folder().to_owned();
    let copied = Command::new("cp").arg("-r").arg(&folder).arg(beside).status().unwrap();
    let mut all = files(beside);
    assert!(copied.success() || !all.is_empty(), "the socket cannot be copied");
    let databases = all.iter().filter(|(file, _)| file.extension().is_some_and(|e| e == "db"));
    assert_eq!(databases.count(), if ENGINE == Engine::Sqlite { 2 } else { 0 });
    all.extend(dump(server).await);
    all
}

/// The database of a server whose state is not in its folder.
async fn dump(server: &TestServer) -> Option<(PathBuf, Vec<u8>)> {
    if ENGINE == Engine::Sqlite {
        return None;
    }
    let dump = server.database().dump().await.unwrap();
    assert!(String::from_utf8_lossy(&dump).contains("COPY public.entry "), "entries are dumped");
    Some(("the database's dump".into(), dump))
}

/// A hard link to each file, so that they can be read when the server has gone with its folder.
fn hold_folder(server: &TestServer, beside: &Path) -> std::path::PathBuf {
    let held = beside.join("held");
    std::fs::create_dir(&held).unwrap();
    for entry in std::fs::read_dir(server.folder()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::hard_link(entry.path(), held.join(entry.file_name())).unwrap();
        }
    }
    held
}

#[test]
fn k6_the_configuration_is_shown_without_its_secrets() {
    let key = "sk-canary-config-key-0123456789abcdef";
    let url = "postgres://tollgate:canary-database-password@db/tollgate";
    let master = "5a".repeat(32);
    let text = format!(
        "[store]\nurl = \"{url}\"\n[vault]\nmaster_key = {{ env = \"CANARY\" }}\n\
         [[upstream]]\nid = \"a\"\nbase_url = \"https://example.com/v1\"\napi_key = \"{key}\"\n"
    );
    let load = |text: &str| {
        let file = FileSource { path: "tollgate.toml".into(), text: text.to_owned() };
        let env = [("CANARY".to_owned(), master.clone())].into();
        Config::load(&Sources { file: Some(file), env, flags: Vec::new() })
    };
    let config = load(&text).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.master_key.as_ref().map(Secret::expose), Some(master.as_str()));
    let mut hunt = Hunt::default();
    hunt.secret("the configured key", key, &[]);
    hunt.secret("the database's password", "canary-database-password", &[]);
    hunt.secret("the master key", &master, &[]);
    hunt.nothing_in("config show", format!("{:?}", config.shown()).as_bytes());
    // Nor where something beside them is wrong.
    let Err(problems) = load(&text.replace("https://example.com/v1", "nonsense")) else {
        panic!("a bad address")
    };
    hunt.nothing_in("config check", problems.to_string().as_bytes());
    hunt.finish();
}
