//! TLS of our own: a certificate by the name that is asked for, replaced while the server runs.

use std::fmt;
use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tollgate_kernel::{Error, Secret};

/// HTTP/2 and HTTP/1.1, as ALPN names them (RFC 7301; RFC 9113, 3.2).
const ALPN_TWO: &[u8] = b"h2";
const ALPN_ONE: &[u8] = b"http/1.1";

/// The first byte of TLS: a record of the handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;

/// Most bytes that are read of somebody who speaks http here, so that the answer reaches them.
const READ_ON: u64 = 64 * 1024;

const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n\
    content-length: 67\r\nconnection: close\r\n\r\n\
    This port speaks https. Use the same address with https in front.\r\n";

/// A certificate chain and the key that belongs to it.
pub struct Certificate {
    /// The chain as PEM, the server's own certificate first.
    pub chain: String,
    /// The key as PEM: PKCS #8, PKCS #1 or SEC 1.
    pub key: Secret,
}

/// TLS 1.2 and 1.3 for a listener. Cheap to clone; all clones share their certificates.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    certificates: Arc<Certificates>,
}

impl Tls {
    /// With these certificates. The first one is for callers who ask for a name that none has, or
    /// for no name. The error says which certificate is no good, counted from 0, and why.
    pub fn new(certificates: &[Certificate]) -> Result<Self, Error> {
        let provider = Arc::new(default_provider());
        let all = certified(certificates, &provider)?;
        let certificates = Arc::new(Certificates(ArcSwap::from_pointee(all)));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Error::internal)?
            .with_no_client_auth()
            .with_cert_resolver(certificates.clone());
        config.alpn_protocols = vec![ALPN_TWO.to_vec(), ALPN_ONE.to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificates })
    }

    /// From now on connections are made with these. On an error those before stay.
    pub fn replace(&self, certificates: &[Certificate]) -> Result<(), Error> {
        let provider = self.acceptor.config().crypto_provider();
        self.certificates.0.store(Arc::new(certified(certificates, provider)?));
        Ok(())
    }

    /// Agrees with the other end of `stream`. True: it wants to speak HTTP/2.
    pub(crate) async fn open(
        &self,
        mut stream: TcpStream,
    ) -> io::Result<(Box<TlsStream<TcpStream>>, bool)> {
        let mut first = [0; 1];
        if stream.peek(&mut first).await? == 1 && first != [HANDSHAKE] {
            stream.write_all(NOT_TLS).await?;
            stream.shutdown().await?;
            tokio::io::copy(&mut stream.take(READ_ON), &mut tokio::io::sink()).await?;
            return Err(io::ErrorKind::InvalidData.into());
        }
        let stream = self.acceptor.accept(stream).await?;
        let two = stream.get_ref().1.alpn_protocol() == Some(ALPN_TWO);
        Ok((Box::new(stream), two))
    }
}

fn certified(
    certificates: &[Certificate],
    provider: &CryptoProvider,
) -> Result<Vec<Arc<CertifiedKey>>, Error> {
    let all = certificates.iter().enumerate().map(|(at, certificate)| {
        let read = read(certificate, provider);
        read.map_err(|why| Error::invalid(format!("certificate {at}: {why}")))
    });
    let all: Vec<_> = all.collect::<Result<_, _>>()?;
    if all.is_empty() {
        return Err(Error::invalid("there is no certificate"));
    }
    Ok(all)
}

fn read(certificate: &Certificate, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, String> {
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(certificate.chain.as_bytes()).collect();
    let chain = chain.map_err(|error| format!("the chain is no PEM: {error}"))?;
    let Some(own) = chain.first() else {
        return Err("the chain's file holds no certificate".to_owned());
    };
    ParsedCertificate::try_from(own).map_err(|error| format!("it cannot be read: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(certificate.key.expose().as_bytes());
    let key = key.map_err(|_| "the key's file holds no PEM of a key".to_owned())?;
    let pair = CertifiedKey::from_der(chain, key, provider);
    pair.map(Arc::new).map_err(|error| format!("the key does not serve: {error}"))
}

/// The certificates that serve now, the one for everybody else first.
struct Certificates(ArcSwap<Vec<Arc<CertifiedKey>>>);

impl Certificates {
    /// The first certificate that is good for `name`, else the first.
    fn of(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let all = self.0.load();
        let name = name.and_then(|name| ServerName::try_from(name).ok());
        let named = name.and_then(|name| all.iter().find(|pair| is_good_for(pair, &name)));
        named.or_else(|| all.first()).cloned()
    }
}

fn is_good_for(pair: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let own = pair.cert.first().and_then(|own| ParsedCertificate::try_from(own).ok());
    own.is_some_and(|own| rustls::client::verify_server_name(&own, name).is_ok())
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.of(hello.server_name())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificates")
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
#[path = "tls_tests.rs"]
mod tests;
