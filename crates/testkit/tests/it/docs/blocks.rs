//! The code blocks of the documents, run: settings are read by the real loader, requests are sent
//! to a whole server, verbs are run against it. A block that cannot run says so in its info string
//! (`no-run`), and there are only so many of these.

use std::path::{Path, PathBuf};

use clap::Parser;
use serde_json::{Value, json};
use tollgate_kernel::Role;
use tollgate_server::cli::{self, args::Cli};
use tollgate_server::config::{Config, FileSource, Sources};
use tollgate_server::demo_todo::DemoTodo;
use tollgate_testkit::{Client, Engine, TestServer};
use tollgate_tools::ToolsState;

use super::root;

/// How many blocks may be marked.
const NOT_RUN: usize = 1;

/// Verbs that start something or print what the machine has: their words are read, not obeyed.
const ONLY_READ: [&str; 5] = ["serve", "demo", "demo-todo", "init", "healthcheck"];

/// Where the documents have the todo API that their tools are about.
const TODO_AT: &str = "http://127.0.0.1:9000";

/// A fenced block.
struct Block {
    page: String,
    language: String,
    marked: bool,
    text: String,
}

/// All blocks of the page at `path`.
fn blocks(path: &Path) -> Vec<Block> {
    let text = std::fs::read_to_string(path).unwrap();
    let page = path.strip_prefix(root()).unwrap_or(path).display().to_string();
    let mut all = Vec::new();
    let mut inside: Option<Block> = None;
    for line in text.lines() {
        match (&mut inside, line.strip_prefix("```")) {
            (None, Some(info)) => {
                let mut words = info.split_whitespace();
                let language = words.next().unwrap_or_default().to_owned();
                let marked = words.any(|word| word == "no-run");
                let page = page.clone();
                inside = Some(Block { page, language, marked, text: String::new() });
            }
            (Some(_), Some(_)) => all.extend(inside.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(inside.is_none(), "{page}: a block without end");
    all
}

/// The pages whose blocks run, sorted.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|page| root().join(page)).into();
    for folder in ["tutorials", "how-to", "explanation", "reference"] {
        for entry in std::fs::read_dir(root().join("docs").join(folder)).unwrap() {
            pages.push(entry.unwrap().path());
        }
    }
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        pages.extend(Some(entry.unwrap().path().join("README.md")).filter(|page| page.exists()));
    }
    pages.sort();
    pages
}

#[test]
fn settings_in_the_documents_are_read() {
    let mut read = 0;
    for block in pages().iter().flat_map(|page| blocks(page)).filter(|b| b.language == "toml") {
        let env = [
            ("COMPANY_CLIENT_SECRET".to_owned(), "hush".to_owned()),
            ("OPENAI_API_KEY".to_owned(), "sk-0123456789".to_owned()),
            ("TOLLGATE_DATABASE_URL".to_owned(), "postgres://tollgate@db/tollgate".to_owned()),
        ];
        let file = FileSource { path: "tollgate.toml".into(), text: block.text.clone() };
        let sources = Sources { file: Some(file), env: env.into(), flags: Vec::new() };
        // Files that a block names are its reader's.
        let are_files = |said: &str| said.lines().all(|line| line.ends_with("(os error 2)"));
        if let Err(problems) = Config::load(&sources)
            && !are_files(&problems.to_string())
        {
            panic!("{}:\n{}\n{problems}", block.page, block.text);
        }
        read += 1;
    }
    assert!(read >= 3, "{read} blocks of settings");
}

#[test]
fn few_blocks_are_not_run_and_all_languages_are_known() {
    let known = ["sh", "toml", "python", "text", "nginx", "json"];
    let all: Vec<Block> = pages().iter().flat_map(|page| blocks(page)).collect();
    for block in &all {
        assert!(known.contains(&block.language.as_str()), "{}: {}", block.page, block.language);
    }
    let marked = all.iter().filter(|block| block.marked).count();
    assert_eq!(marked, NOT_RUN, "blocks that are marked no-run");
}

#[test]
fn links_between_the_documents_lead_somewhere() {
    let mut count = 0;
    let more = ["ARCHITECTURE.md", "CHANGELOG.md", "docs/security/attacks.md"];
    for page in pages().into_iter().chain(more.map(|page| root().join(page))) {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap();
            if !path.is_empty() && !path.contains("://") {
                let found = page.parent().unwrap().join(path);
                assert!(found.exists(), "{}: {link} leads nowhere", page.display());
                count += 1;
            }
        }
    }
    assert!(count > 20, "{count} links");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_in_the_documents_run() {
    let mut commands = 0;
    for page in pages() {
        let of_shell = |block: &Block| block.language == "sh" && !block.marked;
        let all: Vec<Block> = blocks(&page).into_iter().filter(of_shell).collect();
        let reference = page.ends_with("reference/cli.md");
        if all.is_empty() {
            continue;
        }
        // The reference's examples do not follow one from another: their words are read.
        let stage = if reference { None } else { Some(Stage::of(&page).await) };
        for block in all {
            for words in lines(&block.text) {
                run(stage.as_ref(), &words, &block.page).await;
                commands += 1;
            }
        }
        if let Some(stage) = stage {
            stage.server.stop().await.unwrap();
        }
    }
    assert!(commands > 60, "{commands} commands");
}

/// A server for the commands of one page, as a reader would have it.
struct Stage {
    server: TestServer,
    key: String,
    admin: String,
    config: PathBuf,
    /// The API that an example is about, and the credentials that its reader has.
    todo: Option<(DemoTodo, Vec<(&'static str, String)>)>,
}

impl Stage {
    async fn new() -> Self {
        let server = TestServer::start(Engine::Sqlite).await.unwrap();
        let (user, key) = server.caller("reader", Vec::new()).await.unwrap();
        server.set_role(user, Role::Owner).await.unwrap();
        server.add_model("gpt-4o-mini", "demo", "tollgate-demo", Vec::new()).await.unwrap();
        let admin = server.add_admin_key().await.unwrap();
        let config = server.folder().join("tollgate.toml");
        let text = format!("[server]\ndata_dir = {:?}\n", server.folder());
        std::fs::write(&config, text).unwrap();
        Self { server, key, admin, config, todo: None }
    }

    /// The server of a page: that of an example has what its file declares.
    async fn of(page: &Path) -> Self {
        let mut stage = Self::new().await;
        let file = page.with_file_name("tollgate.toml");
        let is_about_todos = std::fs::read_to_string(page).unwrap().contains(TODO_AT);
        if !file.exists() && !is_about_todos {
            return stage;
        }
        let todo = DemoTodo::start(([127, 0, 0, 1], 0).into()).await.unwrap();
        if !file.exists() {
            stage.todo = Some((todo, Vec::new()));
            return stage;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.replace(TODO_AT, &todo.url());
        let file = FileSource { path: file, text };
        let sources = Sources { file: Some(file), ..Sources::default() };
        let config = Config::load(&sources).unwrap_or_else(|problems| panic!("{problems}"));
        let server = &stage.server;
        let tools = ToolsState::new(server.gate.clone(), &server.url.parse().unwrap());
        tollgate_tools::reconcile(&tools, &server.system, config.tools).await.unwrap();
        drop(tools);
        let credentials = stage.credentials().await;
        stage.todo = Some((todo, credentials));
        stage
    }

    /// What the reader of an example has made so far, by the name that the page gives it.
    async fn credentials(&self) -> Vec<(&'static str, String)> {
        let root = self.server.with_bearer(&self.admin);
        let me = self.server.with_bearer(&self.key).get("/api/v1/me").await.unwrap().json();
        let user =
            me["subject"].as_str().unwrap_or_default().trim_start_matches("user:").to_owned();
        let address = self.server.url.replace("localhost", "todo.localhost");
        let asked = [
            ("$TODO_TOKEN", "/api/v1/tools/todo/service-tokens", json!({ "service": "reader" })),
            ("$TODO_KEY", "/api/v1/keys", json!({ "name": "t", "user": user, "tool": "todo" })),
            ("$TODO_ACCESS_TOKEN", "/api/v1/tokens", json!({ "audience": address, "user": user })),
        ];
        let mut all = Vec::new();
        for (name, path, body) in asked {
            // Each mode has one of these, and refuses the others.
            let made = root.post(path, &body).await.unwrap();
            let made = if made.status < 300 { made.json() } else { Value::Null };
            let secret = ["token", "key", "access_token"].iter().find_map(|m| made[*m].as_str());
            all.extend(secret.map(|secret| (name, secret.to_owned())));
        }
        all
    }

    /// A word of a command with what is this server's in it.
    fn filled(&self, word: &str) -> String {
        let authority = self.server.url.trim_start_matches("http://localhost");
        let mut word = word.replace("todo.localhost:8700", &format!("todo.localhost{authority}"));
        if let Some((todo, credentials)) = &self.todo {
            word = word.replace(TODO_AT, &todo.url());
            for (name, secret) in credentials {
                word = word.replace(name, secret);
            }
        }
        word
    }
}

/// One command: ours, a request, or one that only changes the shell.
async fn run(stage: Option<&Stage>, words: &[String], page: &str) {
    let assignment = |word: &&String| word.split_once('=').is_some_and(|(name, _)| is_name(name));
    let to_another = |word: &&str| !matches!(*word, ">" | ">>" | "|" | "&&");
    let words = words.iter().skip_while(assignment).map(String::as_str);
    let words: Vec<&str> = words.take_while(to_another).collect();
    let words: Vec<String> =
        words.iter().map(|word| stage.map_or((*word).to_owned(), |s| s.filled(word))).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let shown = words.join(" ");
    match words.as_slice() {
        [] | ["export", ..] | ["cargo", "xtask", "test" | "check" | "bench"] => {}
        // The tests of the example start it by these words.
        ["pip", "install", "-r", file] | ["flask", "--app", file, "run"] => {
            assert!(root().join(file).is_file(), "{page}: {shown}");
        }
        ["tollgate", rest @ ..] | ["cargo", "run", "--release", "--", rest @ ..] => {
            let config = stage.map(|stage| stage.config.display().to_string());
            let mut all = vec!["tollgate"];
            all.extend(rest);
            if let Some(config) = config.as_ref().filter(|_| !rest.contains(&"--config")) {
                all.extend(["--config", config]);
            }
            let parsed = Cli::try_parse_from(&all);
            let cli = parsed.unwrap_or_else(|error| panic!("{page}: {shown}: {error}"));
            let obeyed = rest.first().is_some_and(|verb| !ONLY_READ.contains(verb));
            if stage.is_some() && obeyed {
                let done = std::thread::spawn(move || cli::run(cli));
                let done = tokio::task::spawn_blocking(|| done.join()).await.unwrap().unwrap();
                done.unwrap_or_else(|exit| panic!("{page}: {shown}: {exit}"));
            }
        }
        ["curl", rest @ ..] => {
            let stage = stage.expect("a server to ask");
            let answer = curl(stage, rest).await;
            assert!(answer.status < 300, "{page}: {shown}: {}", answer.text);
        }
        _ => panic!("{page}: nobody knows how to run: {shown}"),
    }
}

/// What curl would do with these words.
async fn curl(stage: &Stage, words: &[&str]) -> tollgate_testkit::Answer {
    let filled = |word: &str| {
        word.replace("http://localhost:8700", "")
            .replace("$TOLLGATE_KEY", &stage.key)
            .replace("$TOLLGATE_ADMIN_KEY", &stage.admin)
    };
    let (mut method, mut path, mut body) = ("GET", String::new(), None);
    let mut headers = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "-X" => method = words.next().unwrap(),
            "-d" => body = Some(filled(words.next().unwrap())),
            "-H" => headers.push(filled(words.next().unwrap())),
            "-N" | "-s" => {}
            url => path = filled(url),
        }
    }
    assert!(path.starts_with('/'), "an address of the server: {path}");
    if body.is_some() && method == "GET" {
        method = "POST";
    }
    let client = Client::new(&stage.server.url, None);
    let mut request = client.request(method, &path);
    for header in &headers {
        let (name, value) = header.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    if let Some(body) = body {
        request = request.body(body);
    }
    client.send(request).await.unwrap()
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// The commands of a block, as words: `\` at a line's end goes on, quotes hold together.
fn lines(text: &str) -> Vec<Vec<String>> {
    let text = text.replace("\\\n", " ");
    text.lines().filter(|line| !line.trim().is_empty()).map(words).collect()
}

fn words(line: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (None, '#') if word.is_none() => break,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if open == c => quote = None,
            (None, c) if c.is_whitespace() => all.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    all.extend(word);
    all
}

#[test]
fn a_line_is_cut_into_words_as_a_shell_does() {
    let block =
        "curl http://a \\\n  -d '{\"a\": 1}' # no word\n\nA=b tollgate key add \"my key\"\n";
    let all = lines(block);
    assert_eq!(all[0], ["curl", "http://a", "-d", "{\"a\": 1}"]);
    assert_eq!(all[1], ["A=b", "tollgate", "key", "add", "my key"]);
}
