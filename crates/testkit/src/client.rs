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

/// An answer, read as far as it came.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: reqwest::header::HeaderMap,
    /// Its body.
    pub text: String,
    /// Whether the body broke off.
    pub cut: bool,
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

    /// The `message` of an error in OpenAI's shape.
    pub fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
    }

    /// The data of all server-sent events, as text.
    pub fn events(&self) -> Vec<&str> {
        let data = |event: &'_ str| -> Option<usize> {
            event.starts_with("data: ").then_some(0).or_else(|| Some(event.find("\ndata: ")? + 1))
        };
        let event = |event| data(event).and_then(|at| event.get(at + "data: ".len()..));
        self.text.split("\n\n").filter_map(event).collect()
    }

    /// The events that are JSON.
    pub fn frames(&self) -> Vec<Value> {
        self.events().into_iter().filter_map(|data| serde_json::from_str(data).ok()).collect()
    }

    /// The code of the error that a stream ended with; empty where it ended otherwise.
    pub fn last_error(&self) -> String {
        let frames = self.frames();
        let Some(last) = frames.last().filter(|_| !self.text.ends_with("data: [DONE]\n\n")) else {
            return String::new();
        };
        let code = if last["type"] == "error" { &last["code"] } else { &last["error"]["code"] };
        code.as_str().unwrap_or_default().to_owned()
    }

    /// The texts of all deltas of a chat stream, put together.
    pub fn said(&self) -> String {
        let frames = self.frames();
        let delta = |frame: &Value| {
            frame["choices"][0]["delta"]["content"]
                .as_str()
                .or(frame["delta"].as_str())
                .map(str::to_owned)
        };
        frames.iter().filter_map(delta).collect()
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

    /// The same client, on the same connections, with another key or access token.
    pub fn with(&self, bearer: &str) -> Self {
        Self { bearer: Some(bearer.to_owned()), ..self.clone() }
    }

    /// Its key or access token; empty without one.
    pub fn bearer(&self) -> &str {
        self.bearer.as_deref().unwrap_or_default()
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

    /// Sends a request and reads its answer. An error where there was none.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer> {
        answer_of(request).await
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(self.request("GET", path)).await
    }

    /// `POST path` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.request("POST", path).json(body)).await
    }

    /// `PUT path` with a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.request("PUT", path).json(body)).await
    }

    /// `PATCH path` with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.request("PATCH", path).json(body)).await
    }

    /// `POST path` with this text as JSON body.
    pub async fn post_text(&self, path: &str, body: &str) -> Result<Answer> {
        let request = self.request("POST", path).header("content-type", "application/json");
        self.send(request.body(body.to_owned())).await
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

/// Sends a request and reads its answer. An error where there was none.
pub(crate) async fn answer_of(request: reqwest::RequestBuilder) -> Result<Answer> {
    let mut response = request.send().await?;
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let mut body = Vec::new();
    let cut = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    let text = String::from_utf8_lossy(&body).into_owned();
    Ok(Answer { status, headers, text, cut })
}

/// A small conversation.
pub fn chat_body(model: &str, max_tokens: u64) -> Value {
    serde_json::json!({
        "model": model,
        "max_tokens": max_tokens,
        "messages": [{ "role": "user", "content": "Say something short." }],
    })
}
