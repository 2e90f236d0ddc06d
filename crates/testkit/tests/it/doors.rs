//! Our own door to other people's tools, in front of our own tools: every mode, end to end.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tollgate_kernel::UserId;
use tollgate_server::demo_todo::DemoTodo;
use tollgate_testkit::{Answer, Browser, Client, Setup, TestServer};

/// A server that offers a todo API as a tool, and installs it as somebody else's.
struct House {
    server: TestServer,
    todo: DemoTodo,
    root: Client,
    ann: UserId,
    browser: Browser,
    key: String,
}

impl House {
    async fn new(auth: Value) -> Self {
        let todo = DemoTodo::start(([127, 0, 0, 1], 0).into()).await.unwrap();
        let server = TestServer::start_as(Setup::on(crate::ENGINE)).await.unwrap();
        let (ann, key) = server.caller("ann", Vec::new()).await.unwrap();
        let browser = server.signed_in(ann).await.unwrap();
        let root = server.with_bearer(&server.add_admin_key().await.unwrap());
        let house = Self { server, todo, root, ann, browser, key };
        let tool = json!({
            "id": "todo",
            "auth": auth,
            "upstream_url": house.todo.url(),
            "openapi_url": format!("{}/openapi.yaml", house.todo.url()),
        });
        house.done("POST", "/api/v1/tools", tool).await;
        house
    }

    /// What management answers where all goes well.
    async fn done(&self, method: &str, path: &str, body: Value) -> Value {
        let request = self.root.request(method, path);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = self.root.send(request).await.unwrap();
        assert!((200..300).contains(&answer.status), "{path}: {} {}", answer.status, answer.text);
        if answer.status == 204 { Value::Null } else { answer.json() }
    }

    /// The tool's own name.
    fn host(&self) -> String {
        let (_, place) = self.server.url.split_once("localhost").unwrap();
        format!("todo.localhost{place}")
    }

    async fn install(&self) -> Value {
        let install = self.done("POST", "/api/v1/installs", json!({ "domain": self.host() })).await;
        assert_eq!(install["warnings"], json!([]), "ours are published without a fault");
        install
    }

    /// Enters what belongs to the install, publishes its verification token at the tool, and has it
    /// looked at.
    async fn verify(&self, install: &Value, secrets: Value) -> Value {
        let path = format!("/api/v1/installs/{}", text(install, "id"));
        let entered = self.done("PATCH", &path, secrets).await;
        let (service, token) =
            (text(&entered["verification"], "key"), text(&entered["verification"], "token"));
        let place = format!("/api/v1/tools/todo/verification-tokens/{service}");
        self.done("PUT", &place, json!({ "token": token })).await;
        let verified = self.done("POST", &format!("{path}/verify"), Value::Null).await;
        assert_eq!(verified["state"], "active", "{verified}");
        verified["install"].clone()
    }

    async fn connect(&self, body: Value) -> Value {
        let answer = self.browser.post("/api/v1/connections", &body).await.unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()
    }

    /// Adds a todo through the connection and lists it; gives whom the API was told of.
    async fn uses(&self, connection: &Value) -> Value {
        let client = self.server.with_bearer(&self.key);
        let path = format!("/connections/{}/todos", text(connection, "id"));
        let added = client.post(&path, &json!({ "title": "Water the plants" })).await.unwrap();
        assert_eq!(added.status, 201, "{}", added.text);
        let listed = client.get(&path).await.unwrap();
        assert_eq!(listed.json()["todos"][0]["title"], "Water the plants", "{}", listed.text);
        self.is_entered(&listed, connection).await;
        let seen = self.todo.seen();
        let token = seen.last().unwrap().headers["tollgate-identity"].to_str().unwrap().to_owned();
        let claims = token.split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
    }

    /// Each side has an entry of its own: the call through the connection, and that of the tool.
    async fn is_entered(&self, answer: &Answer, connection: &Value) {
        let path = format!("/api/v1/entries?connection={}", text(connection, "id"));
        let of_call = |list: &Value| {
            let items = list["items"].as_array().unwrap();
            let id = answer.header("x-request-id");
            items.iter().any(|it| it["request_id"] == id && it["state"] == "settled")
        };
        let entered = async {
            while !of_call(&self.done("GET", &path, Value::Null).await) {
                tokio::task::yield_now().await;
            }
            let settled = async || {
                let list = self.done("GET", "/api/v1/entries?tool=todo", Value::Null).await;
                let items = list["items"].as_array().unwrap().clone();
                items.iter().filter(|it| it["state"] == "settled").count()
            };
            while settled().await < 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), entered).await.unwrap();
    }

    /// Signs ann in at the tool, in the browser that began it.
    async fn sign_in(&self, place: &str) {
        // The tool's own name has none of our cookies: it leads to us.
        let at_tool = format!("http://{}", self.host());
        let client = self.server.anonymous();
        let path = place.strip_prefix(&at_tool).unwrap();
        let there = client.send(client.request("GET", path).header("host", self.host()));
        let there = there.await.unwrap();
        assert_eq!(there.status, 302, "{}", there.text);
        let path = there.header("location").strip_prefix(&self.server.url).unwrap().to_owned();
        let asked = self.browser.get(&path).await.unwrap();
        let ticket = asked.text.split_once("name=\"ticket\" value=\"").expect("consent").1;
        let form = [
            ("csrf", self.browser.csrf.as_str()),
            ("ticket", ticket.split('"').next().unwrap()),
            ("decision", "allow"),
        ];
        let form = self.browser.request("POST", "/oauth/consent").form(&form);
        let allowed = self.browser.send(form).await.unwrap();
        let back = match allowed.header("location") {
            "" => allowed.text.split_once(&format!("{}/aip/", self.server.url)).unwrap().1,
            place => place.split_once("/aip/").unwrap().1,
        };
        let back = back.split(['"', '<']).next().unwrap().replace("&#38;", "&");
        let back = self.browser.get(&format!("/aip/{}", back.replace("&amp;", "&"))).await.unwrap();
        assert_eq!(back.status, 303, "{}", back.text);
    }
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}")).to_owned()
}

#[tokio::test]
async fn our_tool_is_somebody_elses_without_authentication() {
    let house = House::new(json!({ "type": "none" })).await;
    let install = house.install().await;
    assert_eq!(install["state"], "active");
    let connection = house.connect(json!({ "install": install["id"] })).await;
    assert_eq!(house.uses(&connection).await["sub"], "anonymous");
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn our_tool_is_somebody_elses_by_a_service_token() {
    for scheme in ["bearer", "basic"] {
        let auth = json!({ "type": "service_http", "authorization_type": scheme });
        let house = House::new(auth).await;
        let path = "/api/v1/tools/todo/service-tokens";
        let token = house.done("POST", path, json!({ "service": "tollgate" })).await;
        let install = house.install().await;
        let secrets = json!({ "service_token": token["token"] });
        let install = house.verify(&install, secrets).await;
        let connection = house.connect(json!({ "install": install["id"] })).await;
        assert_eq!(house.uses(&connection).await["sub"], "service:tollgate", "{scheme}");
        house.server.stop().await.unwrap();
    }
}

#[tokio::test]
async fn our_tool_is_somebody_elses_by_a_key_of_the_person() {
    for scheme in ["bearer", "basic"] {
        let auth = json!({ "type": "user_http", "authorization_type": scheme });
        let house = House::new(auth).await;
        let key = json!({ "name": "todo", "tool": "todo" });
        let key = house.browser.post("/api/v1/keys", &key).await.unwrap().json();
        let install = house.install().await;
        let body = json!({ "install": install["id"], "token": key["key"] });
        let connection = house.connect(body).await;
        assert_eq!(house.uses(&connection).await["sub"], house.ann.to_string(), "{scheme}");
        house.server.stop().await.unwrap();
    }
}

#[tokio::test]
async fn our_tool_is_somebody_elses_by_a_sign_in() {
    for content_type in ["application/json", "application/x-www-form-urlencoded"] {
        let auth = json!({
            "type": "oauth",
            "scope": "todo.read todo.write",
            "authorization_content_type": content_type,
        });
        let house = House::new(auth).await;
        let install = house.install().await;
        let app = json!({
            "name": "Tollgate as a host",
            "legacy": true,
            "resources": [format!("http://{}", house.host())],
            "redirect_uris": [install["redirect_uri"]],
        });
        let app = house.done("POST", "/api/v1/clients", app).await;
        let secrets =
            json!({ "client_id": app["client_id"], "client_secret": app["client_secret"] });
        let install = house.verify(&install, secrets).await;
        let connection = house.connect(json!({ "install": install["id"] })).await;
        assert_eq!(connection["state"], "pending");
        house.sign_in(&text(&connection, "authorize_url")).await;
        let claims = house.uses(&connection).await;
        assert_eq!(claims["sub"], house.ann.to_string(), "{content_type}");
        assert_eq!(claims["client_id"], app["client_id"]);
        house.server.stop().await.unwrap();
    }
}
