//! A client of one server with one credential.

use anyhow::Result;
use serde_json::Value;

/// Sends requests with a credential, or without one.
#[derive(Clone)]
pub struct Client {
    base: String,
    bearer: Option<String>,
    http: reqwest::Client,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: reqwest::header::HeaderMap,
    /// Its body.
    pub text: String,
}

impl Answer {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// A header as text; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The `code` of an error in OpenAI's shape.
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Client {
    /// A client of the server at `base`.
    pub fn new(base: &str, bearer: Option<&str>) -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap_or_default();
        Self { base: base.to_owned(), bearer: bearer.map(str::to_owned), http }
    }

    /// A request to `path`, to be filled and sent by the test.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().unwrap_or(reqwest::Method::GET);
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.bearer {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and reads its answer.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer> {
        let response = request.send().await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        Ok(Answer { status, headers, text: response.text().await? })
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(self.request("GET", path)).await
    }

    /// `POST path` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.request("POST", path).json(body)).await
    }

    /// A chat call of `model` with at most `max_tokens` of output.
    pub async fn chat(&self, model: &str, max_tokens: u64) -> Result<Answer> {
        self.post("/v1/chat/completions", &chat_body(model, max_tokens)).await
    }

    /// A chat call as a stream, read whole.
    pub async fn chat_stream(&self, model: &str, max_tokens: u64) -> Result<Answer> {
        let mut body = chat_body(model, max_tokens);
        body["stream"] = Value::Bool(true);
        self.post("/v1/chat/completions", &body).await
    }
}

/// A small conversation.
pub fn chat_body(model: &str, max_tokens: u64) -> Value {
    serde_json::json!({
        "model": model,
        "max_tokens": max_tokens,
        "messages": [{ "role": "user", "content": "Say something short." }],
    })
}
