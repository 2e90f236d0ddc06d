//! Providers behind TLS: whose certificate we trust is called, and nobody else is told anything.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tollgate_edge::{Phase, RequestLog, Style};
use tollgate_kernel::{Budget, EntryState, Period, Unit};
use tollgate_server::config::{Config, FileSource, Sources};
use tollgate_server::demo_model::{DemoModel, Options};
use tollgate_server::init::first_owner;
use tollgate_server::start::{Started, start};
use tollgate_testkit::{Client, Engine, PROVIDER_KEY, Setup, TestServer};

/// Somebody who signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "An authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn root(&self) -> Vec<u8> {
        self.0.der().to_vec()
    }

    /// The TLS of a server that is called `name`, until the end of the year `last`.
    fn vouch(&self, name: &str, last: i32) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(last, 12, 31);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .unwrap()
    }
}

/// TLS before a model that has none.
struct Front {
    address: SocketAddr,
    /// Connections that came, and those of them that trusted its certificate.
    came: Arc<AtomicUsize>,
    trusted: Arc<AtomicUsize>,
}

impl Front {
    async fn before(model: &DemoModel, tls: ServerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let model: SocketAddr = model.url().strip_prefix("http://").unwrap().parse().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let [came, trusted] = std::array::from_fn(|_| Arc::new(AtomicUsize::new(0)));
        let front = Self { address, came: came.clone(), trusted: trusted.clone() };
        tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                came.fetch_add(1, Ordering::SeqCst);
                let (acceptor, trusted) = (acceptor.clone(), trusted.clone());
                tokio::spawn(async move {
                    let Ok(mut caller) = acceptor.accept(caller).await else { return };
                    trusted.fetch_add(1, Ordering::SeqCst);
                    let mut model = TcpStream::connect(model).await.unwrap();
                    drop(tokio::io::copy_bidirectional(&mut caller, &mut model).await);
                });
            }
        });
        front
    }

    /// Its base URL, by a name of this machine.
    fn url(&self) -> String {
        format!("https://localhost:{}/v1", self.address.port())
    }

    fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }

    fn trusted(&self) -> usize {
        self.trusted.load(Ordering::SeqCst)
    }
}

/// A server that trusts `authority`.
async fn server(authority: &Authority) -> TestServer {
    let setup = Setup { roots: vec![authority.root()], ..Setup::on(Engine::Sqlite) };
    TestServer::start_as(setup).await.unwrap()
}

/// Makes the model `id` of a provider `id`, which is behind `front`.
async fn serve_by(server: &TestServer, id: &str, front: &Front) {
    server.add_upstream(id, &front.url(), PROVIDER_KEY).await.unwrap();
    server.add_model(id, id, "tollgate-demo", Vec::new()).await.unwrap();
}

const DAILY: Budget = Budget { unit: Unit::Tokens, limit: 10_000, period: Period::Day };

#[tokio::test]
async fn a_provider_with_a_trusted_certificate_is_called_through_tls() {
    let authority = Authority::new();
    let server = server(&authority).await;
    let front = Front::before(&server.model, authority.vouch("localhost", 2090)).await;
    serve_by(&server, "safe", &front).await;
    let (_, key) = server.caller("alice", vec![DAILY]).await.unwrap();
    let client = server.with_bearer(&key);
    for _ in 0..3 {
        let answer = client.chat("safe", 40).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        let stream = client.chat_stream("safe", 40).await.unwrap();
        assert_eq!((stream.status, stream.cut), (200, false), "{}", stream.text);
        assert!(stream.text.ends_with("data: [DONE]\n\n"), "{}", stream.text);
        assert!(!stream.said().is_empty());
    }
    assert!((1..6).contains(&front.trusted()), "{} connections for 6 calls", front.trusted());
    let entries = server.entries(6).await.unwrap();
    let mut metered = 0;
    for entry in &entries {
        assert_eq!(entry.state, EntryState::Settled, "{entry:?}");
        assert_eq!(entry.upstream.as_deref(), Some("safe"));
        metered += entry.charged_tokens;
    }
    let totals = server.model.totals();
    assert_eq!(i64::try_from(totals.input_tokens + totals.output_tokens).unwrap(), metered);
    assert_eq!(server.settled_limits(&key).await.unwrap()[0].used, metered);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_provider_whose_certificate_is_not_trusted_is_told_nothing() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = server(&authority).await;
    let (_, key) = server.caller("alice", vec![DAILY]).await.unwrap();
    let client = server.with_bearer(&key);
    for (id, tls) in [
        ("unknown", stranger.vouch("localhost", 2090)),
        ("elsewhere", authority.vouch("elsewhere.example", 2090)),
        ("expired", authority.vouch("localhost", 2020)),
    ] {
        let front = Front::before(&server.model, tls).await;
        serve_by(&server, id, &front).await;
        for stream in [false, true] {
            let answer = match stream {
                true => client.chat_stream(id, 40).await.unwrap(),
                false => client.chat(id, 40).await.unwrap(),
            };
            assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_failed"), "{id}");
            assert_eq!(answer.json()["error"]["type"], "server_error", "{id}");
            assert_eq!(answer.message(), format!("The model provider {id} cannot be reached."));
            let entry = server.entry_of(answer.header("x-request-id")).await.unwrap();
            assert_eq!((entry.state, entry.charged_tokens), (EntryState::Failed, 0), "{entry:?}");
        }
        assert!(front.came() >= 2, "{id}: it was tried");
        assert_eq!(front.trusted(), 0, "{id}: no byte of a request was sent");
    }
    assert!(server.model.seen().iter().all(|seen| seen.path == "/v1/models"));
    assert_eq!(server.settled_limits(&key).await.unwrap()[0].used, 0);
    // The next provider, in the same server, is called.
    let answer = client.chat("tollgate-demo", 5).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    server.stop().await.unwrap();
}

/// What a server says to a chat call that was started on this file, beside its store in `folder`.
async fn chat_with(folder: &Path, text: String) -> (u16, String) {
    let file = FileSource { path: folder.join("tollgate.toml"), text };
    let config = Config::load(&Sources { file: Some(file), ..Sources::default() });
    let config = config.unwrap_or_else(|problems| panic!("{problems}"));
    let log = RequestLog::start(std::io::sink(), Style::Json).unwrap();
    let started = start(&config, log).await.unwrap_or_else(|exit| panic!("{exit}"));
    let Started { installation, listener, public_url, .. } = started;
    let owner = first_owner(&installation, "owner@example.com").await;
    let owner = owner.unwrap_or_else(|exit| panic!("{exit}"));
    let (stop, stopping) = watch::channel(Phase::Running);
    let serving = installation.serve(listener, stopping, Duration::from_secs(30));
    let serving = tokio::spawn(serving);
    let origin = public_url.as_str().trim_end_matches('/');
    let admin = Client::new(origin, Some(owner.admin_key.expose()));
    let wish = json!({ "name": "test", "user": owner.user.id.to_string() });
    let made = admin.post("/api/v1/keys", &wish).await.unwrap();
    let key = made.json()["key"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned();
    let answer = admin.with(&key).chat("safe", 5).await.unwrap();
    stop.send_replace(Phase::Draining);
    serving.await.unwrap().unwrap();
    (answer.status, answer.text)
}

#[tokio::test]
async fn the_file_names_the_certificates_to_trust() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let options = Options { api_key: Some(PROVIDER_KEY.to_owned()), ..Options::default() };
    let model = DemoModel::start(options).await.unwrap();
    let front = Front::before(&model, authority.vouch("localhost", 2090)).await;
    let pem = [stranger.0.pem(), authority.0.pem()];
    for (named, status) in [(&pem[..], 200), (&pem[..1], 502)] {
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, named.concat()).unwrap();
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = {:?}\n[outbound]\nca = [{ca:?}]\n\
             [[upstream]]\nid = \"behind-tls\"\nbase_url = {:?}\napi_key = {PROVIDER_KEY:?}\n\
             [[model]]\nalias = \"safe\"\nupstream = \"behind-tls\"\nmodel = \"tollgate-demo\"\n",
            folder.path(),
            front.url(),
        );
        let (told, words) = chat_with(folder.path(), text).await;
        assert_eq!(told, status, "{words}");
    }
    assert_eq!(model.totals().finished, 1);
    model.stop().await;
}
