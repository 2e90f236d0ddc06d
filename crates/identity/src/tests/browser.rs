//! A browser without scripts: it keeps cookies and sends forms with their hidden fields.

use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tollgate_edge::{App, Peer};

use super::house::ORIGIN;

/// A browser at one address.
pub(super) struct Browser {
    app: App,
    cookies: BTreeMap<String, String>,
    address: &'static str,
}

/// What came back.
pub(super) struct Seen {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Seen {
    /// Where it leads.
    pub(super) fn location(&self) -> &str {
        self.headers.get("location").map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// The value of the hidden field or meta element `csrf`.
    pub(super) fn csrf(&self) -> String {
        self.between("<meta name=\"csrf\" content=\"", "\"")
    }

    /// The text between two others, the first time that it appears.
    pub(super) fn between(&self, start: &str, end: &str) -> String {
        let Some((_, rest)) = self.text.split_once(start) else {
            panic!("no {start:?} in {}", self.text)
        };
        rest.split_once(end).unwrap().0.to_owned()
    }

    /// The secret that is shown once.
    pub(super) fn secret(&self) -> String {
        self.between("<code id=\"secret\" tabindex=\"0\">", "<")
    }
}

impl Browser {
    pub(super) fn new(app: &App) -> Self {
        Self { app: app.clone(), cookies: BTreeMap::new(), address: "198.51.100.1" }
    }

    pub(super) fn session(&self) -> Option<&str> {
        self.cookies.get("__Host-tollgate").map(String::as_str)
    }

    pub(super) fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    pub(super) async fn get(&mut self, path: &str) -> Seen {
        self.send(Request::get(path).header("accept-language", "en"), Body::empty()).await
    }

    /// Loads `page`, then sends the form with these fields to `path`.
    pub(super) async fn post(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> Seen {
        let csrf = self.get(page).await.csrf();
        self.post_with(path, &csrf, fields).await
    }

    pub(super) async fn post_with(
        &mut self,
        path: &str,
        csrf: &str,
        fields: &[(&str, &str)],
    ) -> Seen {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("csrf", csrf).extend_pairs(fields);
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", ORIGIN)
            .header("accept-language", "en");
        self.send(request, Body::from(form.finish())).await
    }

    /// A call of the API, as a page's script would make it.
    pub(super) async fn json(&mut self, method: &str, path: &str, body: &Value) -> Seen {
        let csrf = self.get("/account/keys").await.csrf();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .header("origin", ORIGIN)
            .header("x-tollgate-csrf", csrf);
        self.send(request, Body::from(body.to_string())).await
    }

    /// Asks what a password is worth, as the meter does.
    pub(super) async fn rate(&mut self, body: &Value) -> Seen {
        let request = Request::post("/password-strength").header("origin", ORIGIN);
        self.send(request, Body::from(body.to_string())).await
    }

    /// Signs in on the page.
    pub(super) async fn sign_in(&mut self, email: &str, password: &str) -> Seen {
        self.post("/login", "/login", &[("username", email), ("password", password)]).await
    }

    async fn send(&mut self, request: http::request::Builder, body: Body) -> Seen {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = request;
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(Peer::ip(self.address.parse().unwrap()));
        let seen = answer(&self.app, request).await;
        for line in seen.headers.get_all("set-cookie") {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.set_cookie(name, value);
            }
        }
        seen
    }
}

/// A call of the API with a bearer token.
pub(super) async fn api(
    app: &App,
    token: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Seen {
    let body = body.map_or_else(Body::empty, |value| Body::from(value.to_string()));
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {token}"))
        .body(body)
        .unwrap();
    request.extensions_mut().insert(Peer::ip("192.0.2.9".parse().unwrap()));
    answer(app, request).await
}

async fn answer(app: &App, request: Request<Body>) -> Seen {
    let response = app.handle(request).await;
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    Seen { status: parts.status, headers: parts.headers, text }
}
