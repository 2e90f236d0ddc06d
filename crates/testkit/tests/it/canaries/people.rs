//! A person with a browser that keeps cookies, and a provider that says everything it knows.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tollgate_testkit::Answer;

/// Somebody with a browser.
pub(crate) struct Person {
    url: String,
    http: reqwest::Client,
    cookies: Vec<(String, String)>,
    csrf: String,
}

impl Person {
    pub(crate) fn new(url: &str) -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self { url: url.to_owned(), http, cookies: Vec::new(), csrf: String::new() }
    }

    /// The session cookie's value.
    pub(super) fn session(&self) -> String {
        let found = self.cookies.iter().find(|(name, _)| name == "tollgate");
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// Loads a page; its form token is kept for the next form.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(format!("{}{path}", self.url))).await
    }

    /// Sends a form.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.get(if path == "/account/password" { "/account/security" } else { path });
        let page = page.await;
        self.keep(&page);
        let mut form = fields.to_vec();
        let csrf = self.csrf.clone();
        form.push(("csrf", &csrf));
        let request = self.http.post(format!("{}{path}", self.url)).form(&form);
        let answer = self.send(request.header("origin", &self.url)).await;
        self.keep(&answer);
        answer
    }

    /// Calls the management API as the browser's own pages do.
    pub(super) async fn api(&self, method: &str, path: &str, body: &Value) -> Answer {
        let page = self.get("/account").await;
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.url));
        let request = request.header("origin", &self.url).header("sec-fetch-site", "same-origin");
        self.send(request.header("x-tollgate-csrf", token_of(&page)).json(body)).await
    }

    /// Asks what a password is worth, as the meter of a form does.
    pub(super) async fn typed(&self, body: &Value) -> Answer {
        let request = self.http.post(format!("{}/password-strength", self.url));
        self.send(request.header("origin", &self.url).json(body)).await
    }

    fn keep(&mut self, answer: &Answer) {
        let token = token_of(answer);
        if !token.is_empty() {
            self.csrf = token;
        }
        for line in answer.headers.get_all("set-cookie") {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = match cookies.is_empty() {
            true => request,
            false => request.header("cookie", cookies.join("; ")),
        };
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap(), cut: false }
    }
}

fn token_of(answer: &Answer) -> String {
    let after = answer.text.split_once("name=\"csrf\" content=\"").map(|(_, rest)| rest);
    after.and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
}

/// A provider that answers with `words`, and where it fails repeats all that it was sent, `key`
/// included. Gives its base URL.
pub(super) async fn provider(key: &'static str, words: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, key, words));
        }
    });
    url
}

async fn answer(mut stream: TcpStream, key: &'static str, words: &'static str) {
    let mut heard = Vec::new();
    let request = loop {
        if stream.read_buf(&mut heard).await.unwrap_or(0) == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&heard).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let lower = head.to_ascii_lowercase();
        let length = lower.split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.lines().next()?.trim().parse::<usize>().ok());
        if body.len() >= length.unwrap_or(0) {
            break text;
        }
    };
    let sent = serde_json::to_string(&request).unwrap();
    // Our own key would stop the answer; the rest of what was sent goes through.
    let no_key = sent.replace(key, "…");
    let usage = r#""usage":{"prompt_tokens":9,"completion_tokens":9,"total_tokens":18}"#;
    let message = format!(r#"{{"role":"assistant","content":"{words}"}}"#);
    let choice = format!(r#"{{"index":0,"message":{message},"finish_reason":"stop"}}"#);
    let object = r#""object":"chat.completion","model":"m""#;
    let good = format!(r#"{{"id":"c",{object},"choices":[{choice}],{usage}}}"#);
    let error = |text: &str| format!(r#"{{"error":{{"message":{text},"type":"x","code":"y"}}}}"#);
    let (status, body, length) = if request.contains("echo-400") {
        (400, error(&no_key), None)
    } else if request.contains("echo-500") {
        (500, error(&sent), None)
    } else if request.contains("echo-cut") {
        (200, good.clone(), Some(good.len() + 9))
    } else {
        (200, good, None)
    };
    let length = length.unwrap_or(body.len());
    let head = format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {length}\r\nx-echo: {key}\r\n\r\n"
    );
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    let _ = stream.shutdown().await;
}
