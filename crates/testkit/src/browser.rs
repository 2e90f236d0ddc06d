//! A signed-in browser, without a browser: a session of somebody, its cookie and its form token.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tollgate_kernel::{ClientId, KeyId, Rates, Role, SessionId, Slug, UserId};
use tollgate_protocol::api_key::TokenType;
use tollgate_store::{
    AuditEvent, ClientKind, ClientRecord, KeyHolder, NewKey, NewSecret, NewSession, Owner,
};

use crate::{Answer, Client, TestServer};

/// Somebody's session.
#[derive(Clone)]
pub struct Browser {
    client: Client,
    origin: String,
    cookie: String,
    /// The token of its forms and of `X-Tollgate-CSRF`.
    pub csrf: String,
    /// The session.
    pub session: SessionId,
}

impl TestServer {
    /// Signs `user` in.
    pub async fn signed_in(&self, user: UserId) -> Result<Browser> {
        let (token, hash) = self.gate.new_token(TokenType::Session);
        let session = SessionId::new(&**self.gate.clock(), &**self.gate.rng());
        let mut tx = self.gate.begin(&self.system).await?;
        tx.insert_session(NewSession {
            id: session,
            hash: *hash.as_bytes(),
            user,
            expires_at: self.gate.clock().now().plus(Duration::from_secs(3_600)),
            network: None,
            agent: None,
        })
        .await?;
        tx.commit(AuditEvent::new("session.make", session.to_string())).await?;
        let mut browser = Browser {
            client: self.anonymous(),
            origin: self.url.clone(),
            cookie: format!("tollgate={}", token.expose()),
            csrf: String::new(),
            session,
        };
        let page = browser.get("/account").await?;
        let (_, rest) = page.text.split_once("name=\"csrf\" content=\"").context("a form token")?;
        browser.csrf = rest.split('"').next().unwrap_or_default().to_owned();
        Ok(browser)
    }
}

/// Others who knock: apps, services, admins.
impl TestServer {
    /// Gives somebody another role.
    pub async fn set_role(&self, user: UserId, role: Role) -> Result<()> {
        let reader = self.gate.read(&self.system);
        let mut record = reader.user(Owner::All, user).await?.context("no such user")?;
        record.role = role;
        let mut tx = self.gate.begin(&self.system).await?;
        tx.update_user(&record).await?;
        tx.commit(AuditEvent::new("user.update", user.to_string())).await?;
        Ok(())
    }

    /// Makes an app with this plan, and a key of it.
    pub async fn add_app(&self, name: &str, plan: &str) -> Result<String> {
        let id = ClientId::new(&**self.gate.clock(), &**self.gate.rng());
        let mut app = ClientRecord::new(id, name.to_owned(), ClientKind::Confidential);
        app.plan = Some(Slug::parse(plan)?);
        let mut tx = self.gate.begin(&self.system).await?;
        tx.put_client(&app).await?;
        tx.commit(AuditEvent::new("client.create", id.to_string())).await?;
        self.add_key_of(KeyHolder::App(id), TokenType::App).await
    }

    /// Makes a service key with an admin's rights.
    pub async fn add_admin_key(&self) -> Result<String> {
        self.add_key_of(KeyHolder::Admin, TokenType::Admin).await
    }

    async fn add_key_of(&self, holder: KeyHolder, kind: TokenType) -> Result<String> {
        let (token, hash) = self.gate.new_token(kind);
        let id = KeyId::new(&**self.gate.clock(), &**self.gate.rng());
        let key = NewKey {
            id,
            name: "test".to_owned(),
            holder,
            tool: None,
            models: None,
            networks: None,
            rates: Rates::default(),
            budgets: Vec::new(),
            expires_at: None,
        };
        let secret = NewSecret { hash: *hash.as_bytes(), tail: token.tail() };
        let mut tx = self.gate.begin(&self.system).await?;
        tx.insert_key(key, secret).await?;
        tx.commit(AuditEvent::new("key.create", id.to_string())).await?;
        Ok(token.expose().to_owned())
    }
}

impl Browser {
    /// A request as this browser's own pages make it.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method, path)
            .header("cookie", &self.cookie)
            .header("origin", &self.origin)
            .header("sec-fetch-site", "same-origin")
            .header("x-tollgate-csrf", &self.csrf)
    }

    /// The same without a word of where it comes from.
    pub fn request_without_origin(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method, path)
            .header("cookie", &self.cookie)
            .header("x-tollgate-csrf", &self.csrf)
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.client.send(self.request("GET", path)).await
    }

    /// `POST path` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.client.send(self.request("POST", path).json(body)).await
    }

    /// Sends a request and reads its answer.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer> {
        self.client.send(request).await
    }
}
