//! The yardstick of tokens: a server of hyper that makes one ES256 signature for each request, and
//! nothing else. It reads the request to its end and looks at none of it.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// The server.
#[derive(Clone)]
pub struct Signer(Arc<Inner>);

struct Inner {
    key: EcdsaKeyPair,
    random: SystemRandom,
    count: AtomicU64,
}

impl Signer {
    /// One with a key of its own.
    pub fn new() -> Result<Self> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        let key = key.ok().context("no key can be made")?;
        Ok(Self(Arc::new(Inner { key, random: SystemRandom::new(), count: AtomicU64::new(0) })))
    }

    /// Serves until the runtime ends.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let signer = self.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let signer = signer.clone();
                    async move { Ok::<_, Infallible>(signer.answer(request).await) }
                });
                // A caller who hangs up is no fault of the server.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let read = request.into_body().collect().await;
        let token = read.ok().and_then(|_| self.token());
        let (status, body) = match token {
            Some(token) => (StatusCode::OK, answer(&token)),
            None => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
        };
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }

    /// A JWT as long as ours.
    fn token(&self) -> Option<String> {
        let Inner { key, random, count } = &*self.0;
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","typ":"at+jwt","kid":"0123456789"}"#);
        let claims = format!(
            "{{\"iss\":\"http://localhost:8700\",\"sub\":\"01939000-0000-7000-8000-000000000001\",\
             \"aud\":\"http://localhost:8700/v1\",\"exp\":1800000300,\"iat\":1800000000,\
             \"jti\":\"01939000-0000-7000-8000-{:012}\",\
             \"client_id\":\"01939000-0000-7000-8000-000000000001\",\"scope\":\"models\"}}",
            count.fetch_add(1, Ordering::Relaxed)
        );
        let mut token = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = key.sign(random, token.as_bytes()).ok()?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.as_ref(), &mut token);
        Some(token)
    }
}

fn answer(token: &str) -> String {
    format!(
        "{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\"expires_in\":300,\
         \"scope\":\"models\"}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, KeyPair, UnparsedPublicKey};

    #[test]
    fn its_tokens_are_signed() -> Result<()> {
        let signer = Signer::new()?;
        let token = signer.token().context("no token")?;
        let (text, signature) = token.rsplit_once('.').context("three parts")?;
        let public = signer.0.key.public_key().as_ref();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public);
        let signature = URL_SAFE_NO_PAD.decode(signature)?;
        assert!(public.verify(text.as_bytes(), &signature).is_ok());
        assert_ne!(signer.token().context("another")?, token);
        Ok(())
    }
}
