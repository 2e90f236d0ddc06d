//! Real handshakes with a listener of ours.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::UnixTime;
use rustls::{ClientConfig, DigitallySignedStruct, ProtocolVersion, SignatureScheme};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as Caller;
use tollgate_kernel::Access;

use super::*;
use crate::listen::{Listener, Pace, Phase, Serve, Workers};
use crate::reply;
use crate::route::Row;
use crate::testing;

/// A certificate that nobody has signed but itself.
fn made_out_to(names: &[&str]) -> Certificate {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(names).expect("names");
    let chain = params.self_signed(&key).expect("a certificate").pem();
    Certificate { chain, key: Secret::new(key.serialize_pem()) }
}

/// A server on a free port.
struct Server {
    address: SocketAddr,
    tls: Tls,
    stop: watch::Sender<Phase>,
    running: JoinHandle<u32>,
}

async fn hello() -> reply::Reply {
    Ok(reply::typed("text/plain; charset=utf-8", "hello"))
}

impl Server {
    async fn start(certificates: &[Certificate], head: Duration) -> Self {
        let tls = Tls::new(certificates).expect("certificates");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, shutdown) = watch::channel(Phase::Running);
        let row = Row::get("/hello", Access::Public, "Hello", hello).ignores_credentials();
        let serve = Serve {
            listener: Listener::Tls(listener, tls.clone()),
            app: testing::app_with(vec![row]),
            workers: Arc::new(Workers::start().expect("threads")),
            shutdown,
            drain: Duration::ZERO,
            max_connections: 8,
            pace: Pace { head, ..Pace::default() },
        };
        Self { address, tls, stop, running: tokio::spawn(serve.run()) }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    /// Shakes hands with whoever answers to `name`, offering these protocols.
    async fn call(&self, name: &str, alpn: &[&[u8]]) -> Caller<TcpStream> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, self.connect().await).await.expect("a handshake")
    }

    /// The certificate that answers to `name`.
    async fn certificate(&self, name: &str) -> Vec<u8> {
        let caller = self.call(name, &[]).await;
        let chain = caller.get_ref().1.peer_certificates().expect("a chain");
        chain.first().expect("a certificate").to_vec()
    }

    async fn stop(self) {
        self.stop.send_replace(Phase::Now);
        self.running.await.expect("the server ends");
    }
}

fn der(certificate: &Certificate) -> Vec<u8> {
    CertificateDer::from_pem_slice(certificate.chain.as_bytes()).expect("PEM").to_vec()
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn both_versions_of_http_are_spoken_behind_tls() {
    let server = Server::start(&[made_out_to(&["a.example"])], LONG).await;
    let request = || {
        let request = http::Request::get("https://a.example/hello").header("host", "a.example");
        request.body(Empty::<Bytes>::new()).expect("a request")
    };
    // Whoever names no protocol speaks HTTP/1.1.
    for alpn in [&[ALPN_ONE][..], &[]] {
        let stream = server.call("a.example", alpn).await;
        let (mut send, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
        tokio::spawn(connection);
        let answer = send.send_request(request()).await.expect("an answer");
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        assert_eq!(body, "hello");
    }
    let stream = server.call("a.example", &[ALPN_TWO, ALPN_ONE]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(ALPN_TWO));
    assert_eq!(stream.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    let io = TokioIo::new(stream);
    let (mut send, connection) = http2::handshake(TokioExecutor::new(), io).await.expect("HTTP/2");
    tokio::spawn(connection);
    let answer = send.send_request(request()).await.expect("an answer");
    assert_eq!(answer.version(), http::Version::HTTP_2);
    server.stop().await;
}

#[tokio::test]
async fn the_certificate_is_the_one_for_the_name_that_is_asked_for() {
    let [a, b] = [made_out_to(&["a.example"]), made_out_to(&["b.example", "*.b.example"])];
    let (of_a, of_b) = (der(&a), der(&b));
    let server = Server::start(&[a, b], LONG).await;
    for (name, expected) in [
        ("a.example", &of_a),
        ("b.example", &of_b),
        ("tool.b.example", &of_b),
        ("x.tool.b.example", &of_a),
        ("else.example", &of_a),
        // Clients send no name for an address.
        ("127.0.0.1", &of_a),
    ] {
        assert_eq!(&server.certificate(name).await, expected, "{name}");
    }
    server.stop().await;
}

#[tokio::test]
async fn certificates_are_replaced_while_the_server_runs() {
    let [old, new] = [made_out_to(&["a.example"]), made_out_to(&["a.example"])];
    let (of_old, of_new) = (der(&old), der(&new));
    let server = Server::start(&[old], LONG).await;
    let mut before = server.call("a.example", &[]).await;
    let stranger = Certificate { chain: new.chain.clone(), key: made_out_to(&["x"]).key };
    server.tls.replace(&[stranger]).expect_err("a key of another certificate");
    assert_eq!(server.certificate("a.example").await, of_old, "those before stay");
    server.tls.replace(&[new]).expect("a pair");
    assert_eq!(server.certificate("a.example").await, of_new);
    // A connection that was made before goes on.
    before.write_all(b"GET /hello HTTP/1.0\r\n\r\n").await.expect("sent");
    let mut answer = String::new();
    let _ = before.read_to_string(&mut answer).await;
    assert!(answer.ends_with("hello"), "{answer}");
    server.stop().await;
}

#[test]
fn what_is_no_certificate_is_said() {
    let good = made_out_to(&["a.example"]);
    let key = || Secret::new(good.key.expose().to_owned());
    let chain = || good.chain.clone();
    let other = made_out_to(&["a.example"]).key;
    let cut = good.chain.replace("MII", "AAA");
    for (certificate, said) in [
        (Certificate { chain: String::new(), key: key() }, "holds no certificate"),
        (Certificate { chain: good.key.expose().to_owned(), key: key() }, "holds no certificate"),
        (Certificate { chain: cut, key: key() }, "cannot be read"),
        (Certificate { chain: chain(), key: Secret::new(chain()) }, "holds no PEM of a key"),
        (Certificate { chain: chain(), key: other }, "the key does not serve"),
    ] {
        let good = Certificate { chain: chain(), key: key() };
        let error = Tls::new(&[good, certificate]).err().expect(said);
        assert!(error.detail().starts_with("certificate 1: "), "{error}");
        assert!(error.detail().contains(said), "{error}");
    }
    assert!(Tls::new(&[]).is_err());
}

/// What a caller greets with who speaks at most `version` (RFC 5246, 7.4.1.2).
fn greeting(version: [u8; 2]) -> Vec<u8> {
    let mut hello = version.to_vec();
    hello.extend([7; 32]);
    // No session; ECDHE-ECDSA with AES-GCM, and a suite of older times; no compression.
    hello.extend([0, 0, 4, 0xc0, 0x2b, 0xc0, 0x09, 1, 0]);
    // Extensions: the groups (P-256), the forms of points, the signatures (ECDSA with SHA-256).
    let extensions = [0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0, 0, 13, 0, 4, 0, 2, 4, 3];
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).expect("short");
    hello.extend([0, length(&extensions)]);
    hello.extend(extensions);
    let mut record = vec![HANDSHAKE, 3, 1, 0, length(&hello) + 4, 1, 0, 0, length(&hello)];
    record.extend(hello);
    record
}

#[tokio::test]
async fn tls_before_1_2_is_refused() {
    let server = Server::start(&[made_out_to(&["a.example"])], LONG).await;
    // TLS 1.2 is answered with a handshake, 1.1 with an alert (21) that is fatal (2): the version.
    for (version, begins) in [([3, 3], HANDSHAKE), ([3, 2], 21)] {
        let mut stream = server.connect().await;
        stream.write_all(&greeting(version)).await.expect("sent");
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(answer[0], begins, "{version:?}: {answer:?}");
        assert!(begins == HANDSHAKE || answer.ends_with(&[2, 70]), "{answer:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn who_speaks_http_to_a_port_of_https_is_told_so() {
    let server = Server::start(&[made_out_to(&["a.example"])], LONG).await;
    let mut stream = server.connect().await;
    stream.write_all(b"POST /login HTTP/1.1\r\nhost: a.example\r\n\r\nsecret").await.expect("sent");
    stream.shutdown().await.expect("no more");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains(&format!("content-length: {}", body.len())), "{answer}");
    assert!(body.contains("https"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn f16_a_handshake_that_drips_is_given_up() {
    let server = Server::start(&[made_out_to(&["a.example"])], Duration::from_millis(50)).await;
    for said in [&[][..], &[HANDSHAKE], &[HANDSHAKE, 3, 1, 2, 0, 1]] {
        let mut stream = server.connect().await;
        stream.write_all(said).await.expect("sent");
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(LONG, stream.read_to_end(&mut answer));
        drop(ended.await.expect("the server gives up"));
        assert!(answer.is_empty(), "{answer:?}");
    }
    server.stop().await;
}

/// Callers of these tests look at the certificate themselves.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
