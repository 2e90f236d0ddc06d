//! A small HTTP client for our own server: over the socket in the data folder, or over loopback.

use std::net::SocketAddr;
use std::path::Path;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::exit::Exit;

/// The longest answer that is read.
const LONGEST: usize = 64 * 1024 * 1024;

/// One connection to a server of ours.
pub struct Asker {
    send: http1::SendRequest<Full<Bytes>>,
    host: String,
    bearer: Option<String>,
}

/// An answer.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its `x-request-id`.
    pub request_id: String,
    /// Its body.
    pub body: Bytes,
}

impl Asker {
    /// Over the socket of a running server: with the owner's rights.
    pub async fn local(socket: &Path) -> Result<Self, Exit> {
        let stream = UnixStream::connect(socket).await.map_err(|_| {
            Exit::unavailable(
                format!("no server answers on {}", socket.display()),
                "start one with: tollgate serve",
            )
        })?;
        Self::over(stream, "localhost".to_owned(), None).await
    }

    /// Over TCP, with a key if there is one.
    pub async fn tcp(address: SocketAddr, bearer: Option<&str>) -> Result<Self, Exit> {
        let stream = TcpStream::connect(address).await.map_err(|_| {
            Exit::unavailable(
                format!("no server answers at {address}"),
                "start one with: tollgate serve",
            )
        })?;
        let host = format!("localhost:{}", address.port());
        Self::over(stream, host, bearer.map(str::to_owned)).await
    }

    async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        host: String,
        bearer: Option<String>,
    ) -> Result<Self, Exit> {
        let (send, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|e| broken(&e))?;
        tokio::spawn(connection);
        Ok(Self { send, host, bearer })
    }

    /// Asks for `path`; `body` goes along as JSON.
    pub async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Exit> {
        let bytes = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(bearer) = &self.bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {bearer}"));
        }
        let request = request.body(Full::new(bytes)).map_err(|e| Exit::usage(e.to_string()))?;
        self.send.ready().await.map_err(|e| broken(&e))?;
        let answer = self.send.send_request(request).await.map_err(|e| broken(&e))?;
        let status = answer.status();
        let id = answer.headers().get("x-request-id").and_then(|id| id.to_str().ok());
        let request_id = id.unwrap_or_default().to_owned();
        let body = Limited::new(answer.into_body(), LONGEST).collect().await;
        let body = body.map_err(|e| Exit::run_time(e.to_string()))?.to_bytes();
        Ok(Answer { status, request_id, body })
    }

    /// Asks for `path` and reads the answer as JSON; what the server refuses is said in its words.
    pub async fn json(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Exit> {
        self.ask(method, path, body).await?.json()
    }
}

impl Answer {
    /// The body as JSON, or the refusal in the server's words.
    pub fn json(&self) -> Result<Value, Exit> {
        let value: Value = serde_json::from_slice(&self.body).unwrap_or(Value::Null);
        if self.status.is_success() {
            return Ok(value);
        }
        let said = value.get("detail").or_else(|| value.pointer("/error/message"));
        let words = said.and_then(Value::as_str).unwrap_or("the server refused");
        let param = value.get("param").or_else(|| value.pointer("/error/param"));
        match param.and_then(Value::as_str) {
            Some(param) => Err(Exit::refused(self.status, format!("{words} ({param})"))),
            None => Err(Exit::refused(self.status, words)),
        }
    }
}

fn broken(error: &hyper::Error) -> Exit {
    Exit::run_time(format!("the server broke the connection: {error}"))
}
