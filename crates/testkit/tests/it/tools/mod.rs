//! The door that AI clients come in by: tools in their four modes, called by a host of plugins.

mod callers;
mod kept_out;
mod managed;
mod oauth;
mod pages;
mod published;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tollgate_kernel::UserId;
use tollgate_server::demo_todo::DemoTodo;
use tollgate_testkit::{Answer, Browser, Client, Plugin, PluginHost, Setup, TestServer};

/// A server with a todo API behind it, a person with a plan, and an owner's key.
struct House {
    server: TestServer,
    todo: DemoTodo,
    host: PluginHost,
    alice: UserId,
    browser: Browser,
    root: Client,
}

impl House {
    async fn new() -> Self {
        Self::with(Setup::on(crate::ENGINE)).await
    }

    async fn with(setup: Setup) -> Self {
        let todo = DemoTodo::start(([127, 0, 0, 1], 0).into()).await.unwrap();
        let server = TestServer::start_as(setup).await.unwrap();
        let (alice, _) = server.caller("alice", Vec::new()).await.unwrap();
        let browser = server.signed_in(alice).await.unwrap();
        let root = server.with_bearer(&server.add_admin_key().await.unwrap());
        Self { server, todo, host: PluginHost::new(), alice, browser, root }
    }

    /// Offers the todo API as a tool with these members.
    async fn tool(&self, id: &str, members: Value) -> Value {
        let mut body = json!({
            "id": id,
            "upstream_url": self.todo.url(),
            "openapi_url": format!("{}/openapi.yaml", self.todo.url()),
        });
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.done("POST", "/api/v1/tools", body).await
    }

    /// What management answers where all goes well.
    async fn done(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.asked(method, path, body).await;
        assert!((200..300).contains(&answer.status), "{path}: {} {}", answer.status, answer.text);
        if answer.status == 204 { Value::Null } else { answer.json() }
    }

    async fn asked(&self, method: &str, path: &str, body: Value) -> Answer {
        let request = self.root.request(method, path);
        let request = if body.is_null() { request } else { request.json(&body) };
        self.root.send(request).await.unwrap()
    }

    /// The address of a tool on its own name.
    fn at(&self, id: &str) -> String {
        self.server.url.replace("localhost", &format!("{id}.localhost"))
    }

    /// The tool as the host of plugins reads it.
    async fn plugin(&self, id: &str) -> Plugin {
        self.host.read(&self.at(id)).await.unwrap()
    }

    /// A token of its own for a service.
    async fn service_token(&self, id: &str, body: Value) -> (String, String) {
        let made = self.done("POST", &format!("/api/v1/tools/{id}/service-tokens"), body).await;
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("id"), text("token"))
    }

    /// A key of alice's for a tool.
    async fn key_for(&self, id: &str) -> String {
        let body = json!({"name": id, "tool": id});
        let made = self.browser.post("/api/v1/keys", &body).await.unwrap();
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(made.json()["tool"], id);
        made.json()["key"].as_str().unwrap().to_owned()
    }

    /// What the API behind was told last of who calls.
    fn introduced(&self) -> Value {
        let seen = self.todo.seen();
        let token = seen.last().unwrap().headers.get("tollgate-identity").cloned();
        let token = token.expect("an identity header");
        let claims = token.to_str().unwrap().split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
    }

    /// The entry of a call, once it is over.
    async fn entry(&self, answer: &Answer) -> Value {
        let path = format!("/api/v1/entries?request_id={}", answer.header("x-request-id"));
        for _ in 0..500 {
            let found = self.done("GET", &path, Value::Null).await["items"][0].clone();
            if found["state"].is_string() && found["state"] != "open" {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("no entry of {}", answer.header("x-request-id"));
    }

    async fn stop(self) {
        self.server.stop().await.unwrap();
    }
}

/// The todos of a list.
fn titles(answer: &Answer) -> Vec<String> {
    let todos = answer.json()["todos"].as_array().unwrap().clone();
    todos.iter().map(|todo| todo["title"].as_str().unwrap().to_owned()).collect()
}
