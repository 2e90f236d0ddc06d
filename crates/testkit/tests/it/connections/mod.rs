//! The door to other people's tools.

mod calling;
mod changes;
mod connecting;
mod ending;
mod failing;
mod installing;
mod manifests;
mod renewing;

use std::sync::Arc;

use serde_json::{Value, json};
use tollgate_kernel::{LeapingClock, Role, UserId};
use tollgate_testkit::{
    Answer, Browser, HostedPlugin, PLUGIN_CLIENT_ID, PLUGIN_SECRET, PluginWays, Setup, TestServer,
};

/// A server, somebody else's tool, an owner, and a person with a key.
pub(crate) struct House {
    pub(crate) server: TestServer,
    pub(crate) plugin: HostedPlugin,
    pub(crate) owner: Browser,
    pub(crate) person: Browser,
    pub(crate) user: UserId,
    pub(crate) key: String,
}

impl House {
    pub(crate) async fn with(ways: PluginWays) -> Self {
        Self::on(Setup::on(crate::ENGINE), ways).await
    }

    /// The same at the time of this clock.
    pub(crate) async fn at(clock: Arc<LeapingClock>, ways: PluginWays) -> Self {
        Self::on(Setup { clock, ..Setup::on(crate::ENGINE) }, ways).await
    }

    /// The same with a server of this kind.
    pub(crate) async fn on(setup: Setup, ways: PluginWays) -> Self {
        let server = TestServer::start_as(setup).await.unwrap();
        let plugin = HostedPlugin::start(ways).await.unwrap();
        let owner = server.add_user("owner@example.com", None).await.unwrap();
        server.set_role(owner, Role::Owner).await.unwrap();
        let owner = server.signed_in(owner).await.unwrap();
        let (user, key) = server.caller("ann", Vec::new()).await.unwrap();
        let person = server.signed_in(user).await.unwrap();
        Self { server, plugin, owner, person, user, key }
    }

    /// The same with a tool of OAuth.
    pub(crate) async fn oauth() -> Self {
        Self::with(PluginWays { mode: "oauth", ..PluginWays::default() }).await
    }

    pub(crate) async fn asked(&self, method: &str, path: &str, body: Value) -> Answer {
        asked(&self.owner, method, path, body).await
    }

    /// What the owner asks for, which has to go well.
    pub(crate) async fn done(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.asked(method, path, body).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text);
        answer.json()
    }

    /// Installs the tool with what belongs to it beside its domain.
    pub(crate) async fn install(&self, mut more: Value) -> Value {
        more["domain"] = json!(self.plugin.domain);
        self.done("POST", "/api/v1/installs", more).await
    }

    /// Publishes our token at the tool, and has it verified.
    pub(crate) async fn verify(&self, install: &Value) -> Value {
        let token = install["verification"]["token"].as_str().unwrap().to_owned();
        let key = install["verification"]["key"].as_str().unwrap().to_owned();
        self.plugin.change(|ways| drop(ways.verification_tokens.insert(key, token)));
        self.look(install).await
    }

    /// Has the tool's domain looked at.
    pub(crate) async fn look(&self, install: &Value) -> Value {
        let id = install["id"].as_str().unwrap();
        self.done("POST", &format!("/api/v1/installs/{id}/verify"), Value::Null).await
    }

    /// A tool of OAuth that is active.
    pub(crate) async fn active(&self) -> Value {
        let secrets = json!({ "client_id": PLUGIN_CLIENT_ID, "client_secret": PLUGIN_SECRET });
        let install = self.install(secrets).await;
        let verified = self.verify(&install).await;
        assert_eq!(verified["state"], "active", "{verified}");
        verified["install"].clone()
    }

    /// Begins to connect the person, and gives the connection.
    pub(crate) async fn begin(&self, install: &Value) -> Value {
        let body = json!({ "install": install["id"] });
        let answer = asked(&self.person, "POST", "/api/v1/connections", body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()
    }

    /// Brings a browser from our side to the tool; where the tool sends it back to, on our side.
    pub(crate) async fn at_the_tool(&self, place: &str) -> String {
        let request = self.server.anonymous();
        let there = place.strip_prefix(&format!("http://{}", self.plugin.domain)).unwrap();
        let there = tollgate_testkit::Client::new(&format!("http://{}", self.plugin.domain), None)
            .get(there)
            .await
            .unwrap();
        drop(request);
        assert_eq!(there.status, 302, "{}", there.text);
        there.header("location").strip_prefix(&self.server.url).unwrap().to_owned()
    }

    /// Connects the person by signing in at the tool.
    pub(crate) async fn connect(&self, install: &Value) -> Value {
        let connection = self.begin(install).await;
        let place = connection["authorize_url"].as_str().unwrap();
        let back = self.at_the_tool(place).await;
        let answer = self.person.get(&back).await.unwrap();
        assert_eq!(answer.status, 303, "{}", answer.text);
        self.connection(&connection).await
    }

    /// The connection as its person sees it now.
    pub(crate) async fn connection(&self, connection: &Value) -> Value {
        let id = connection["id"].as_str().unwrap();
        let answer = self.person.get(&format!("/api/v1/connections/{id}")).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }
}

pub(crate) async fn asked(who: &Browser, method: &str, path: &str, body: Value) -> Answer {
    let request = who.request(method, path);
    let request = if body.is_null() { request } else { request.json(&body) };
    who.send(request).await.unwrap()
}

/// The codes of an install's warnings.
pub(crate) fn codes(install: &Value) -> Vec<&str> {
    let warnings = install["warnings"].as_array().unwrap();
    warnings.iter().map(|warning| warning["code"].as_str().unwrap()).collect()
}
