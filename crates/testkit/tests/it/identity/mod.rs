//! The door that people come in by: sign-in providers.

mod linking;
mod manage;
mod providers;
mod refusals;
mod vouched;

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};
use tollgate_kernel::{Role, UserId};
use tollgate_testkit::{Answer, Browser, Client, FakeProvider, TestServer};

/// Everybody's password.
pub(crate) const PASSWORD: &str = "four herons under one umbrella";

/// A server with a provider `idp` of OpenID Connect, where everybody may sign up.
pub(crate) struct House {
    pub(crate) server: TestServer,
    pub(crate) idp: FakeProvider,
    pub(crate) owner: Browser,
    /// What all browsers send by: their cookies are their own.
    client: Client,
}

impl House {
    pub(crate) async fn new() -> Self {
        let house = Self::around(FakeProvider::start().await.unwrap()).await;
        house.add(house.idp.described("idp")).await;
        house
    }

    /// The same around a provider that nobody has described yet.
    pub(crate) async fn around(idp: FakeProvider) -> Self {
        let server = TestServer::start(crate::ENGINE).await.unwrap();
        let owner = server.add_user("owner@example.com", None).await.unwrap();
        server.set_role(owner, Role::Owner).await.unwrap();
        let owner = server.signed_in(owner).await.unwrap();
        let client = server.anonymous();
        let house = Self { server, idp, owner, client };
        house.register("open").await;
        house
    }

    pub(crate) async fn register(&self, how: &str) {
        self.done("PATCH", "/api/v1/settings", json!({ "registration": how })).await;
    }

    pub(crate) async fn add(&self, provider: Value) -> Value {
        self.done("POST", "/api/v1/providers", provider).await
    }

    pub(crate) async fn change(&self, id: &str, change: Value) -> Value {
        self.done("PATCH", &format!("/api/v1/providers/{id}"), change).await
    }

    /// What the owner asks for, which has to go well.
    pub(crate) async fn done(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.asked(method, path, body).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text);
        answer.json()
    }

    pub(crate) async fn asked(&self, method: &str, path: &str, body: Value) -> Answer {
        let request = self.owner.request(method, path);
        let request = if body.is_null() { request } else { request.json(&body) };
        self.owner.send(request).await.unwrap()
    }

    /// A browser that has never been here.
    pub(crate) fn browser(&self) -> Wanderer {
        Wanderer {
            client: self.client.clone(),
            origin: self.server.url.clone(),
            cookies: Mutex::default(),
        }
    }

    /// Signs `person` in at the provider called `id`, in a browser of their own.
    pub(crate) async fn come_as(&self, id: &str, person: &Value) -> (Wanderer, Answer) {
        let browser = self.browser();
        let answer = self.come_in(&browser, id, person).await;
        (browser, answer)
    }

    pub(crate) async fn come_in(&self, browser: &Wanderer, id: &str, person: &Value) -> Answer {
        let place = browser.sent(&format!("/login/{id}")).await;
        browser.get(&self.idp.approve(&place, person).unwrap()).await
    }

    /// The accounts that are linked, as the owner sees them.
    pub(crate) async fn identities(&self) -> Vec<Value> {
        let list = self.done("GET", "/api/v1/identities", Value::Null).await;
        list["items"].as_array().unwrap().clone()
    }

    /// The addresses of everybody but the owner.
    pub(crate) async fn people(&self) -> Vec<String> {
        let list = self.done("GET", "/api/v1/users?limit=500", Value::Null).await;
        let all = list["items"].as_array().unwrap().iter();
        let all = all.map(|user| user["email"].as_str().unwrap().to_owned());
        all.filter(|email| email != "owner@example.com").collect()
    }

    /// Somebody with a password, and their session.
    pub(crate) async fn member(&self, email: &str) -> (UserId, Browser) {
        let wish = json!({ "email": email, "password": PASSWORD });
        let made = self.done("POST", "/api/v1/users", wish).await;
        let id: UserId = made["id"].as_str().unwrap().parse().unwrap();
        (id, self.server.signed_in(id).await.unwrap())
    }
}

/// Somebody with a verified address.
pub(crate) fn person(subject: &str) -> Value {
    json!({
        "sub": subject,
        "email": format!("{subject}@example.com"),
        "email_verified": true,
        "name": subject.to_uppercase(),
        "locale": "ja",
    })
}

/// A browser with cookies of its own.
pub(crate) struct Wanderer {
    client: Client,
    origin: String,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Wanderer {
    /// `GET path` as a link or another site makes it.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request = self.client.request("GET", path).header("cookie", self.cookie());
        let answer = self.client.send(request).await.unwrap();
        self.keep(&answer);
        answer
    }

    /// A form of the page at `from`, sent to `path`.
    pub(crate) async fn send(&self, from: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.get(from).await;
        let token = page.text.split("name=\"csrf\" value=\"").nth(1).unwrap_or_default();
        let token = token.split('"').next().unwrap_or_default().to_owned();
        let mut fields = fields.to_vec();
        fields.push(("csrf", &token));
        let request = self
            .client
            .request("POST", path)
            .header("cookie", self.cookie())
            .header("origin", &self.origin)
            .header("sec-fetch-site", "same-origin")
            .form(&fields);
        let answer = self.client.send(request).await.unwrap();
        self.keep(&answer);
        answer
    }

    /// Where `GET path` sends this browser.
    pub(crate) async fn sent(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.text);
        answer.header("location").to_owned()
    }

    /// Who is signed in here; nobody is the empty text.
    pub(crate) async fn who(&self) -> String {
        let answer = self.get("/api/v1/me").await;
        answer.json()["email"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn cookie(&self) -> String {
        let cookies = self.cookies.lock().unwrap();
        let pairs = cookies.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    pub(crate) fn forget(&self, name: &str) {
        self.cookies.lock().unwrap().remove(name);
    }

    fn keep(&self, answer: &Answer) {
        let mut cookies = self.cookies.lock().unwrap();
        for line in answer.headers.get_all("set-cookie") {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if value.is_empty() {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}
