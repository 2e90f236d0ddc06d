//! A sign-in provider in the shape of Facebook's: OAuth 2.0 under a version's path, no ID token, a
//! profile with the fields that were asked for, addresses that nobody vouches for, and errors in an
//! envelope of their own. It has a page with a button, as a browser meets it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

use crate::provider::{CLIENT_ID, CLIENT_SECRET};

/// What stands before the names of its endpoints.
const VERSION: &str = "/v24.0";

/// A provider on loopback, at which one person is signed in.
pub struct FacebookLike {
    /// Its origin.
    pub origin: String,
    serving: JoinHandle<()>,
}

struct Shared {
    person: Value,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The redirect URI that each code was given for.
    codes: HashMap<String, String>,
    count: u64,
}

impl FacebookLike {
    /// Starts one at which `person` (`id`, `name`, `email`) is signed in.
    pub async fn start(person: Value) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://localhost:{}", listener.local_addr()?.port());
        let shared = Arc::new(Shared { person, state: Mutex::default() });
        let app = axum::Router::new().fallback(move |request: Request| {
            let shared = shared.clone();
            async move { shared.answer(request).await }
        });
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { origin, serving })
    }

    /// Its description for the management API.
    pub fn described(&self, id: &str) -> Value {
        let at = |path: &str| format!("{}{VERSION}{path}", self.origin);
        json!({
            "id": id,
            "kind": "facebook",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "endpoints": {
                "authorize": at("/dialog/oauth"),
                "token": at("/oauth/access_token"),
                "userinfo": at("/me?fields=id,name,email"),
            },
        })
    }
}

impl Drop for FacebookLike {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let query = pairs(parts.uri.query().unwrap_or_default().as_bytes());
        let path = parts.uri.path().strip_prefix(VERSION).unwrap_or_default();
        let sent = axum::body::to_bytes(body, 65_536).await.unwrap_or_default();
        match (parts.method.as_str(), path) {
            ("GET", "/dialog/oauth") => dialog(&self.person, parts.uri.query().unwrap_or_default()),
            ("POST", "/dialog/oauth") => self.back(&query),
            ("GET", "/oauth/access_token") => self.token(&query),
            ("POST", "/oauth/access_token") => self.token(&pairs(&sent)),
            ("GET", "/me") => {
                let line = parts.headers.get(header::AUTHORIZATION);
                let bearer = line.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
                let token = bearer.or(query.get("access_token").map(String::as_str));
                self.me(token.unwrap_or_default(), &query)
            }
            _ => refusal(StatusCode::NOT_FOUND, 2500, "Unknown path components"),
        }
    }

    /// Back to where the browser came from, with a code.
    fn back(&self, query: &HashMap<String, String>) -> Response {
        let place = query.get("redirect_uri").and_then(|text| Url::parse(text).ok());
        let known = query.get("client_id").is_some_and(|id| id == CLIENT_ID);
        let (Some(mut place), true) = (place, known) else {
            return refusal(StatusCode::BAD_REQUEST, 191, "URL blocked");
        };
        let mut state = self.state();
        state.count += 1;
        let code = format!("fb-code-{}", state.count);
        state.codes.insert(code.clone(), place.to_string());
        drop(state);
        let back = query.get("state").map(String::as_str).unwrap_or_default();
        place.query_pairs_mut().append_pair("code", &code).append_pair("state", back);
        // Facebook's own sign that a browser comes from there.
        place.set_fragment(Some("_=_"));
        let mut response = typed(StatusCode::FOUND, "text/plain", String::new());
        if let Ok(value) = HeaderValue::from_str(place.as_str()) {
            response.headers_mut().insert(header::LOCATION, value);
        }
        response
    }

    fn token(&self, form: &HashMap<String, String>) -> Response {
        let asked = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if asked("client_id") != CLIENT_ID || asked("client_secret") != CLIENT_SECRET {
            return refusal(StatusCode::BAD_REQUEST, 1, "Error validating client secret.");
        }
        let found = self.state().codes.remove(asked("code"));
        if found.as_deref() != Some(asked("redirect_uri")) {
            let text = "Error validating verification code.";
            return refusal(StatusCode::BAD_REQUEST, 100, text);
        }
        let token = format!("fb-token-for-{}", self.person["id"].as_str().unwrap_or_default());
        let answer =
            json!({ "access_token": token, "token_type": "bearer", "expires_in": 5_183_944 });
        typed(StatusCode::OK, "application/json; charset=UTF-8", answer.to_string())
    }

    /// The profile: what was asked for of what there is.
    fn me(&self, token: &str, query: &HashMap<String, String>) -> Response {
        let id = self.person["id"].as_str().unwrap_or_default();
        if token != format!("fb-token-for-{id}") {
            return refusal(StatusCode::BAD_REQUEST, 190, "Invalid OAuth access token.");
        }
        let fields = query.get("fields").map_or("id,name", String::as_str);
        let mut profile = json!({ "id": id });
        for name in fields.split(',').filter(|name| !self.person[*name].is_null()) {
            profile[name] = self.person[name].clone();
        }
        typed(StatusCode::OK, "application/json; charset=UTF-8", profile.to_string())
    }
}

/// The page that asks whether to go on as the person who is signed in there.
fn dialog(person: &Value, query: &str) -> Response {
    let name = person["name"].as_str().unwrap_or_default();
    let query = query.replace('&', "&amp;").replace('"', "&quot;");
    let page = format!(
        "<!doctype html><html lang=\"en\"><title>Log in</title><h1>Log in</h1>\
         <form method=\"post\" action=\"{VERSION}/dialog/oauth?{query}\">\
         <button type=\"submit\" name=\"__CONFIRM__\">Continue as {name}</button></form></html>"
    );
    typed(StatusCode::OK, "text/html; charset=utf-8", page)
}

fn pairs(text: &[u8]) -> HashMap<String, String> {
    url::form_urlencoded::parse(text).into_owned().collect()
}

fn refusal(status: StatusCode, code: u32, message: &str) -> Response {
    let error = json!({ "message": message, "type": "OAuthException", "code": code });
    typed(status, "application/json; charset=UTF-8", json!({ "error": error }).to_string())
}

fn typed(status: StatusCode, content_type: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
