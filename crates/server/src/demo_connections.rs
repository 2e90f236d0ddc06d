//! The demo's tools once more, as somebody else's: installed by their domains through our own door,
//! and connected for the demo's person.

use std::net::SocketAddr;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tollgate_gate::{Gate, Warrant};
use tollgate_kernel::{PlainToken, Scope, SessionId, TokenId, UserId};
use tollgate_protocol::api_key::TokenType;
use tollgate_protocol::jwt::AccessClaims;
use tollgate_store::{AuditEvent, NewSession, Owner};

use crate::ask::Asker;
use crate::demo_tools::{Offered, text};
use crate::exit::Exit;

/// As long as the demo may take to set itself up.
const SETTING_UP: Duration = Duration::from_secs(120);

/// A tool that was installed and connected.
pub(crate) struct Connected {
    /// The tool's name.
    pub(crate) tool: &'static str,
    /// What the person had to do, in a few words.
    pub(crate) how: &'static str,
    /// `active`, or `pending` where the person has to sign in at the tool first.
    state: String,
    /// What the tool answered to a call through the connection.
    answer: Option<Value>,
    /// What to type to call it.
    pub(crate) line: String,
}

impl Connected {
    /// What its API answered, in a few words.
    pub(crate) fn said(&self) -> String {
        match &self.answer {
            Some(todo) => format!("added \"{}\" for you", text(todo, "title")),
            None => "waits for you".to_owned(),
        }
    }

    /// It as JSON.
    pub(crate) fn json(&self) -> Value {
        let Self { tool, state, answer, line, .. } = self;
        json!({ "tool": tool, "state": state, "answer": answer, "try": line })
    }
}

/// Whom the demo sets itself up for, and with.
pub(crate) struct House<'a> {
    /// Where the server is.
    pub(crate) address: SocketAddr,
    /// What the server is called from outside.
    pub(crate) origin: &'a str,
    /// The demo's person.
    pub(crate) user: UserId,
    /// Their key: calls through connections are made with it.
    pub(crate) key: &'a str,
}

/// What a person has to do before they can call a tool of this mode.
fn how(mode: &str) -> &'static str {
    match mode {
        "user_http" => "the person pasted a key of theirs, which was sealed",
        "oauth" => "sign in at the tool first, on the page of your connections",
        "service_http" => "the owner entered a token once, people enter nothing",
        _ => "nobody enters anything",
    }
}

/// A short session of the demo's person, for what only they themselves may do.
pub(crate) struct PersonsSession {
    id: SessionId,
    user: UserId,
    /// An access token for the management API that ends with it.
    token: PlainToken,
}

impl PersonsSession {
    /// Signs `user` in, as a one-time link does.
    pub(crate) async fn start(gate: &Gate, setup: &Warrant, user: UserId) -> Result<Self, Exit> {
        let id = SessionId::new(&**gate.clock(), &**gate.rng());
        let (_, hash) = gate.new_token(TokenType::Session);
        let now = gate.clock().now();
        let ends = now.plus(SETTING_UP);
        let session = NewSession {
            id,
            hash: *hash.as_bytes(),
            user,
            expires_at: ends,
            network: None,
            agent: None,
        };
        let mut tx = gate.begin(setup).await?;
        tx.insert_session(session).await?;
        tx.commit(AuditEvent::new("session.create", format!("user:{user}"))).await?;
        let claims = AccessClaims {
            iss: String::new(),
            sub: user.to_string(),
            aud: format!("{}/api/v1", gate.issuer()),
            exp: ends.secs(),
            iat: now.secs(),
            nbf: None,
            jti: TokenId::new(&**gate.clock(), &**gate.rng()).to_string(),
            client_id: "tollgate".to_owned(),
            scope: Some(Scope::MANAGE.to_owned()),
            sid: Some(id.to_string()),
            models: None,
            key: None,
            budget: None,
            grant: None,
            auth_time: None,
        };
        Ok(Self { id, user, token: gate.mint(setup, claims)? })
    }

    /// What the person shows.
    pub(crate) fn token(&self) -> &str {
        self.token.expose()
    }

    /// Signs the person out.
    pub(crate) async fn end(self, gate: &Gate, setup: &Warrant) -> Result<(), Exit> {
        let mut tx = gate.begin(setup).await?;
        tx.end_session(Owner::User(self.user), self.id).await?;
        tx.commit(AuditEvent::new("session.end", format!("user:{}", self.user))).await?;
        Ok(())
    }
}

impl House<'_> {
    /// Installs each of `tools` by its domain, connects the demo's person, and calls it once.
    pub(crate) async fn connect(
        &self,
        admin: &mut Asker,
        session: &PersonsSession,
        tools: &[Offered],
    ) -> Result<Vec<Connected>, Exit> {
        let mut person = Asker::tcp(self.address, Some(session.token())).await?;
        let mut caller = Asker::tcp(self.address, Some(self.key)).await?;
        let mut connected = Vec::new();
        for tool in tools {
            let mut body = json!({ "install": install(admin, tool).await? });
            if tool.mode == "user_http" {
                let wish = json!({ "name": "pasted", "user": self.user, "tool": tool.id });
                let made = admin.json(Method::POST, "/api/v1/keys", Some(&wish)).await?;
                body["token"] = text(&made, "key").into();
            }
            let made = person.json(Method::POST, "/api/v1/connections", Some(&body)).await?;
            let path = format!("/connections/{}/todos", text(&made, "id"));
            let state = text(&made, "state");
            let todo = json!({ "title": format!("Look at {}", tool.id) });
            let answer = match state.as_str() {
                "active" => Some(caller.json(Method::POST, &path, Some(&todo)).await?),
                _ => None,
            };
            let line =
                format!("curl {}{path} -H 'Authorization: Bearer {}'", self.origin, self.key);
            connected.push(Connected { tool: tool.id, how: how(tool.mode), state, answer, line });
        }
        Ok(connected)
    }
}

/// Installs a tool by its domain, gives it what its mode asks for, and proves to it whose domain
/// it is; gives the install's id.
async fn install(admin: &mut Asker, tool: &Offered) -> Result<String, Exit> {
    let domain = tool.address.split_once("://").map_or("", |(_, domain)| domain);
    let body = json!({ "domain": domain });
    let install = admin.json(Method::POST, "/api/v1/installs", Some(&body)).await?;
    let path = format!("/api/v1/installs/{}", text(&install, "id"));
    if let Some(secrets) = secrets(admin, tool, &install).await? {
        let entered = admin.json(Method::PATCH, &path, Some(&secrets)).await?;
        let asked = entered.get("verification").cloned().unwrap_or_default();
        let place =
            format!("/api/v1/tools/{}/verification-tokens/{}", tool.id, text(&asked, "key"));
        let token = json!({ "token": text(&asked, "token") });
        admin.json(Method::PUT, &place, Some(&token)).await?;
        admin.json(Method::POST, &format!("{path}/verify"), None).await?;
    }
    Ok(text(&install, "id"))
}

/// What the owner enters for a tool, where its mode asks for that.
async fn secrets(
    admin: &mut Asker,
    tool: &Offered,
    install: &Value,
) -> Result<Option<Value>, Exit> {
    match tool.mode {
        "service_http" => {
            let path = format!("/api/v1/tools/{}/service-tokens", tool.id);
            let wish = json!({ "service": "tollgate" });
            let made = admin.json(Method::POST, &path, Some(&wish)).await?;
            Ok(Some(json!({ "service_token": text(&made, "token") })))
        }
        "oauth" => {
            let wish = json!({
                "name": "Tollgate as a host",
                "legacy": true,
                "resources": [tool.address],
                "redirect_uris": [text(install, "redirect_uri")],
            });
            let made = admin.json(Method::POST, "/api/v1/clients", Some(&wish)).await?;
            let (id, secret) = (text(&made, "client_id"), text(&made, "client_secret"));
            Ok(Some(json!({ "client_id": id, "client_secret": secret })))
        }
        _ => Ok(None),
    }
}
