//! What `tollgate demo` prints to be pasted, pasted: a line for curl and a script for the SDK.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tollgate_testkit::process::binary;

/// How long a busy machine may take for what is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts the demo; what it printed, up to its last line.
async fn demo() -> (Child, String) {
    let mut command = Command::new(binary().unwrap());
    command.arg("demo").stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    let read = async {
        while !text.contains("Ctrl-C ends it") {
            assert!(stdout.read_line(&mut text).await.unwrap() > 0, "the demo ended: {text}");
        }
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap();
    (child, text)
}

/// The lines after `title`, as they are pasted.
fn lines(text: &str, title: &str) -> String {
    let (_, rest) = text.split_once(title).unwrap_or_else(|| panic!("no {title:?} in {text}"));
    let block = rest.split_once('\n').unwrap().1.split_once("\n\n").unwrap().0;
    block.lines().map(|line| line.strip_prefix("  ").unwrap().to_owned() + "\n").collect()
}

/// What a command said that ended well, in time.
async fn said(command: &mut Command) -> String {
    let done = tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output()).await;
    let done = done.expect("it ends in time").unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_demo_prints_can_be_pasted() {
    let (mut child, text) = demo().await;
    let line = lines(&text, "Call it yourself:");
    assert!(line.starts_with("curl ") && line.contains("Bearer tg_user_"), "{line}");
    let line = line.replace("curl ", "curl -sS ");
    let answer = said(Command::new("sh").args(["-c", &line])).await;
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let content = answer["choices"][0]["message"]["content"].as_str();
    assert!(content.is_some_and(|words| !words.is_empty()), "{answer}");

    let script = lines(&text, "Or with the official SDK");
    assert_eq!(script.lines().count(), 5, "{script}");
    let python = std::env::var("TOLLGATE_TEST_PYTHON")
        .expect("TOLLGATE_TEST_PYTHON names an interpreter: cargo xtask test");
    let answer = said(Command::new(python).args(["-c", &script])).await;
    assert!(!answer.trim().is_empty(), "it prints an answer");

    doors_of_the_demo_open(&text).await;

    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let ended = tokio::time::timeout(PATIENCE, child.wait()).await.unwrap();
    assert!(ended.unwrap().success());
}

/// The todo API answers in each of its modes, and through the connections to it. The one that needs
/// a person at the tool says so.
async fn doors_of_the_demo_open(text: &str) {
    let offered = lines(text, "A todo API is offered");
    let connected = lines(text, "The same four");
    let commands = |block: &str| -> Vec<String> {
        let curl = block.lines().filter_map(|line| line.strip_prefix("curl "));
        curl.map(|rest| format!("curl -sS {rest}")).collect()
    };
    let (offered, connected) = (commands(&offered), commands(&connected));
    assert_eq!((offered.len(), connected.len()), (5, 4), "{text}");
    let mut answers = Vec::new();
    for line in offered.iter().chain(&connected) {
        let answer = said(Command::new("sh").args(["-c", line])).await;
        answers.push(serde_json::from_str::<serde_json::Value>(&answer).unwrap());
    }
    let [none, service, user, oauth, manifest, others @ ..] = &answers[..] else { unreachable!() };
    assert!([none, service, user, oauth].iter().all(|it| it["todos"].is_array()), "{answers:?}");
    assert_eq!(manifest["schema_version"], "v1", "{manifest}");
    let [rest @ .., by_sign_in] = others else { unreachable!() };
    for (answer, tool) in rest.iter().zip(["todo-none", "todo-service", "todo-user"]) {
        let title = format!("Look at {tool}");
        let todos = answer["todos"].as_array().unwrap();
        assert!(todos.iter().any(|todo| todo["title"] == title), "{tool}: {answer}");
    }
    assert_eq!(by_sign_in["code"], "needs_reauth", "{by_sign_in}");
}
