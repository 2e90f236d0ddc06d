//! The program itself: a server of its own, and its verbs over the socket in the data folder.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "verbs/demo.rs"]
mod demo;
#[path = "verbs/first_start.rs"]
mod first_start;
#[path = "verbs/https.rs"]
mod https;
#[path = "verbs/memory.rs"]
mod memory;
#[path = "verbs/visitor.rs"]
mod visitor;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Our key at the demo model. Only the server has it.
const PROVIDER_KEY: &str = "sk-provider-key-0123456789abcdef";

/// How long a busy machine may take for what is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program whose words are read. Dropped, it is killed.
struct Talking {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Talking {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if send.send(line + "\n").is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// What it says next, up to the line that has `end` in it.
    fn hear(&self, end: &str) -> String {
        let mut text = String::new();
        while !text.contains(end) {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => text += &line,
                Err(error) => panic!("no {end:?}, {error}: {text}"),
            }
        }
        text
    }

    /// Asks it to stop, and waits until it has ended well.
    fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Talking {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A program that said `ready URL`. Dropped, it is killed.
struct Running {
    program: Talking,
    url: String,
    port: u16,
}

impl Running {
    fn start(command: &mut Command, talk: Stdio) -> Self {
        let program = Talking::start(command.stderr(talk));
        let line = program.hear("\n");
        let url = line.trim().strip_prefix("ready ").unwrap_or_else(|| panic!("{line:?}"));
        let (_, address) = url.split_once("://").unwrap_or_else(|| panic!("{line:?}"));
        let address = address.split('/').next().unwrap_or_default();
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        Self { program, url: url.to_owned(), port }
    }

    /// The status and the whole answer of a request with a JSON body.
    fn ask(&self, head: &str, bearer: Option<&str>, body: &str) -> (u16, String) {
        let bearer = bearer.map(|key| format!("Authorization: Bearer {key}\r\n"));
        let headers = format!("{}Content-Type: application/json\r\n", bearer.unwrap_or_default());
        ask(self.port, head, &headers, body)
    }
}

/// The status and the whole answer of a request with these headers.
fn ask(port: u16, head: &str, headers: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = body.len();
    let request = format!(
        "{head} HTTP/1.1\r\nHost: localhost:{port}\r\n{headers}Content-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

/// The command line on one configuration file, without what only the server has.
struct Shell {
    config: PathBuf,
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.env_clear().stdin(Stdio::null());
    command
}

impl Shell {
    /// Runs a line: exit code, stdout, stderr.
    fn run(&self, line: &str) -> (i32, String, String) {
        let mut command = program();
        let done = command.arg("--config").arg(&self.config).args(line.split(' ')).output();
        let done = done.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (done.status.code().unwrap_or(-1), text(done.stdout), text(done.stderr))
    }

    /// The stdout of a line that ends well.
    fn says(&self, line: &str) -> String {
        let (code, out, talk) = self.run(line);
        assert_eq!(code, 0, "{line}: {talk}");
        out
    }

    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.says(&format!("{line} --json"))).unwrap()
    }

    fn ends(&self, line: &str, code: i32) {
        let (found, _, talk) = self.run(line);
        assert_eq!(found, code, "{line}: {talk}");
        assert!(talk.starts_with("error: "), "{line}: {talk}");
    }
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

fn write_config(folder: &Path, model_port: u16) -> PathBuf {
    let config = folder.join("tollgate.toml");
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"data\"\n\
         [limits.network]\nanonymous_per_minute = 2\n\
         [accounts]\nregistration = \"open\"\ndefault_plan = \"small\"\n\
         [installation]\nbudgets = [{{ unit = \"calls\", limit = 1000, period = \"month\" }}]\n\
         [[upstream]]\nid = \"demo\"\nbase_url = \"http://127.0.0.1:{model_port}/v1\"\n\
         api_key = {{ env = \"PROVIDER_KEY\" }}\n\
         [[plan]]\nid = \"small\"\n\
         budgets = [{{ unit = \"tokens\", limit = 5000, period = \"day\" }}]\n\
         [[provider]]\nid = \"hub\"\nkind = \"github\"\nclient_id = \"us\"\n\
         client_secret = \"hush\"\n\
         [[client]]\nid = \"bot\"\nname = \"The bot\"\nplan = \"small\"\n\
         legacy = true\nclient_secret = {{ env = \"BOT_SECRET\" }}\n"
    );
    std::fs::write(&config, text).unwrap();
    config
}

/// What the file names by the environment.
const SECRETS: [(&str, &str); 2] = [("PROVIDER_KEY", PROVIDER_KEY), ("BOT_SECRET", BOT_SECRET)];
const BOT_SECRET: &str = "a-secret-that-the-owner-made-for-the-bot";

const CALL: &str =
    r#"{"model":"tollgate-demo","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}"#;

#[test]
fn the_verbs_manage_a_running_server() {
    let folder = tempfile::tempdir().unwrap();
    let model = program().args(["demo-model", "--api-key", PROVIDER_KEY]).spawn_ready();
    let shell = Shell { config: write_config(folder.path(), model.port) };
    shell.ends("user list", 69);
    let mut serve = program();
    serve.arg("--config").arg(&shell.config).arg("serve").envs(SECRETS);
    let server = serve.spawn_ready();

    // People, plans and keys.
    let ada = shell.json("user add ada@example.com --name Ada")["id"].as_str().unwrap().to_owned();
    assert!(shell.says("user list").contains("ada@example.com"));
    shell.says("plan add wide --budget tokens:100000:day");
    assert!(shell.json("plan show wide")["tools"].is_null(), "all of them");
    let narrow = shell.json("plan set wide --tool todo --tool notes");
    assert_eq!(narrow["tools"], serde_json::json!(["todo", "notes"]));
    assert!(shell.says("plan list").contains("todo, notes"));
    let all = shell.json("plan set wide --tool *");
    assert_eq!(all["tools"], serde_json::json!(["*"]));
    assert_eq!(shell.json("user set ada@example.com --plan wide")["plan"], "wide");
    let key = shell.says("key add laptop --user ada@example.com --quiet").trim().to_owned();
    assert!(key.starts_with("tg_user_"), "{key}");
    let id = shell.json(&format!("key list --user {ada}"))["items"][0]["id"].clone();
    let id = id.as_str().unwrap();
    let call = |key: &str| server.ask("POST /v1/chat/completions", Some(key), CALL).0;
    until("the demo model's list is read", || call(&key) == 200);
    let calls = || shell.json("usage --by user")["items"][0]["calls"].as_i64().unwrap_or(0);
    until("the call is counted", || calls() == 1);
    assert!(shell.says("usage").contains("tollgate-demo"));
    let entries = shell.json("entry list --state settled");
    assert_eq!(entries["items"][0]["user"], ada.as_str());
    assert!(shell.says("entry list --user ada@example.com").contains("settled"));

    // Limits: of all together, and of one.
    let shared = shell.says("limits");
    assert!(shared.contains("installation") && shared.contains("999"), "{shared}");
    let limits = shell.json("limits --user ada@example.com");
    let tokens = limits["items"].as_array().unwrap().iter().find(|it| it["unit"] == "tokens");
    assert!(tokens.is_some_and(|it| it["used"].as_i64() > Some(0)), "{limits}");

    // A key is changed, rotated and revoked.
    let set = shell.json(&format!("key set {id} --name desk --requests-per-minute 100"));
    assert_eq!((&set["name"], &set["rates"]["requests_per_minute"]), (&"desk".into(), &100.into()));
    let newer = shell.says(&format!("key rotate {id} --quiet")).trim().to_owned();
    until("the old secret has ended", || call(&key) == 401);
    assert_eq!(call(&newer), 200);
    shell.says(&format!("key revoke {id} --yes"));
    until("the key has ended", || call(&newer) == 401);
    assert!(shell.says("audit --action key.revoke").contains(id));

    let (bot, settings) = what_the_file_declares_stays(&shell);
    the_declared_app_is_known(&server);
    wrong_lines_have_their_codes(&shell);
    // The limit of the file.
    let anonymous = || server.ask("GET /api/v1/me", None, "").0;
    assert_eq!([anonymous(), anonymous(), anonymous()], [401, 401, 429]);

    drop(server);
    // Another start on the same file leaves all of it as it is.
    let mut serve = program();
    serve.arg("--config").arg(&shell.config).arg("serve").envs(SECRETS);
    let _server = serve.spawn_ready();
    assert_eq!(shell.json("client list")["items"][0]["client_id"], bot.as_str());
    assert_eq!(shell.json("client list")["items"].as_array().unwrap().len(), 1);
    assert_eq!(shell.json("settings show"), settings);
}

/// The app and the settings of the file are there, and nobody changes them. Gives both.
fn what_the_file_declares_stays(shell: &Shell) -> (String, Value) {
    let settings = shell.json("settings show");
    assert_eq!(
        (&settings["registration"], &settings["default_plan"]),
        (&"open".into(), &"small".into())
    );
    let hub = shell.json("provider show hub");
    assert_eq!((&hub["has_client_secret"], &hub["declared"]), (&true.into(), &true.into()));
    assert!(hub["redirect_uri"].as_str().unwrap().ends_with("/callback/hub"), "{hub}");
    let clients = shell.json("client list");
    let bot = &clients["items"][0];
    assert_eq!((&bot["name"], &bot["plan"]), (&"The bot".into(), &"small".into()));
    let bot = bot["client_id"].as_str().unwrap();
    for declared in [
        "plan set small --concurrent 4".to_owned(),
        format!("client set {bot} --name other"),
        "settings set --registration closed".to_owned(),
        "provider set hub --enabled false".to_owned(),
        "settings set --budget calls:1:day".to_owned(),
    ] {
        shell.ends(&declared, 73);
    }
    assert_eq!(bot, "bot", "its name in the file is what it calls itself");
    assert_eq!(shell.json("client show bot")["id"], clients["items"][0]["id"]);
    (bot.to_owned(), settings)
}

/// The declared app gets a token for itself by its name and the secret of the file.
fn the_declared_app_is_known(server: &Running) {
    let body = serde_json::json!({"grant_type": "client_credentials", "client_id": "bot",
        "client_secret": BOT_SECRET});
    let (status, answer) = server.ask("POST /oauth/token", None, &body.to_string());
    assert_eq!(status, 200, "{answer}");
}

fn wrong_lines_have_their_codes(shell: &Shell) {
    shell.ends("plan show none", 66);
    shell.ends("user show nobody@example.com", 66);
    shell.ends("user add ada@example.com", 73);
    shell.ends("plan add bad --budget tokens:1", 2);
    shell.ends("key add x --user none", 2);
}

trait SpawnReady {
    fn spawn_ready(&mut self) -> Running;
}

impl SpawnReady for Command {
    fn spawn_ready(&mut self) -> Running {
        Running::start(self, Stdio::null())
    }
}

#[test]
fn init_needs_no_port_and_says_what_the_link_lacks() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let init = |listen: &str| {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("tollgate.toml");
        let text = format!("[server]\ndata_dir = \"data\"\n{listen}\n");
        std::fs::write(&config, text).unwrap();
        let shell = Shell { config };
        let made = shell.json("init --owner ada@example.com");
        (made, shell, folder)
    };
    let (made, ..) = init(&format!("listen = \"127.0.0.1:{port}\""));
    let path = made["setup_path"].as_str().unwrap();
    assert!(path.starts_with("/link/"), "{made}");
    assert_eq!(made["setup_link"], format!("http://localhost:{port}{path}"));

    let stated = "listen = \"127.0.0.1:0\"\npublic_url = \"https://gate.example\"";
    let (made, ..) = init(&format!("{stated}\ntrusted_proxies = [\"127.0.0.1\"]"));
    let path = made["setup_path"].as_str().unwrap();
    assert_eq!(made["setup_link"], format!("https://gate.example{path}"));

    // Nobody knows the port before the server has it.
    let (made, shell, _folder) = init("listen = \"127.0.0.1:0\"");
    assert_eq!(made["setup_link"], Value::Null, "{made}");
    let path = made["setup_path"].as_str().unwrap();
    let mut serve = program();
    let server = serve.arg("--config").arg(&shell.config).arg("serve").spawn_ready();
    assert_eq!(server.ask(&format!("GET {path}"), None, "").0, 200);
    let (code, _, talk) = shell.run("init --owner bob@example.com");
    assert_ne!(code, 0);
    assert!(talk.contains("stop the other server"), "{talk}");
}

#[test]
fn all_lines_of_the_log_have_one_form() {
    let folder = tempfile::tempdir().unwrap();
    let (config, log) = (folder.path().join("tollgate.toml"), folder.path().join("log"));
    std::fs::write(&config, "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"data\"\n").unwrap();
    let mut serve = program();
    serve.arg("--config").arg(&config).arg("serve");
    let server = Running::start(&mut serve, std::fs::File::create(&log).unwrap().into());
    assert_eq!(server.ask("GET /livez", None, "").0, 200);

    // The words about set-up are for a person, and no lines of the log.
    let talk = |line: &str| line.starts_with("Nobody owns ") || line.starts_with("  http://");
    let lines = || {
        let text = std::fs::read_to_string(&log).unwrap();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines = whole.lines().filter(|line| !talk(line));
        let parsed = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?}"));
        lines.map(parsed).collect::<Vec<Value>>()
    };
    let request = |line: &Value| line["route"] == "/livez";
    until("the request has its line", || lines().iter().any(request));
    let lines = lines();
    assert!(!lines.iter().all(request), "the server says that it made a master key");
    for line in lines {
        let level = line["level"].as_str().unwrap();
        assert!(["info", "warn", "error"].contains(&level), "{line}");
        let time = line["time"].as_str().unwrap();
        assert!(time.starts_with("20") && time.ends_with('Z'), "{line}");
        assert_eq!(line["timestamp"], Value::Null, "{line}");
    }
}
