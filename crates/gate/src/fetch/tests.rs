//! The fetcher against a site of a few lines, on a network where names lead where a test wants.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{BoxFuture, join_all};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tollgate_kernel::ManualClock;

use super::network::Network;
use super::*;
use crate::transport;

const PUBLIC: &str = "93.184.216.34";
const OTHER: &str = "93.184.216.35";

/// Names in a certificate; `wrong.example` is in none.
const NAMES: [&str; 4] = ["good.example", "www.good.example", "other.example", "slow.example"];

/// What a site answers to a path.
enum Reply {
    /// These bytes, then the end.
    Whole(String),
    /// These bytes again and again.
    Endless(Vec<u8>),
    /// These bytes, then one now and then.
    Drip(&'static str),
    /// Nothing.
    Silence,
    /// These, once the test says so.
    Held(String),
}

type Site = dyn Fn(&str) -> Reply + Send + Sync;

/// A server behind TLS, and a network whose every connection ends there.
struct Web {
    address: SocketAddr,
    root: Vec<u8>,
    /// What it was asked, head by head.
    seen: Arc<StdMutex<Vec<String>>>,
    /// Held replies go out.
    release: Arc<Notify>,
    /// The addresses of each name, look-up by look-up; the last stays.
    names: StdMutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    resolved: AtomicUsize,
    dialled: StdMutex<Vec<SocketAddr>>,
}

impl Web {
    async fn of(site: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Arc<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = NAMES.map(str::to_owned);
        let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let tls = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key.into())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let web = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            root: authority.der().to_vec(),
            seen: Arc::default(),
            release: Arc::default(),
            names: StdMutex::default(),
            resolved: AtomicUsize::new(0),
            dialled: StdMutex::default(),
        });
        for name in NAMES.into_iter().chain(["wrong.example"]) {
            web.leads(name, &[&[PUBLIC]]);
        }
        let (seen, release) = (web.seen.clone(), web.release.clone());
        let (acceptor, site): (_, Arc<Site>) = (TlsAcceptor::from(Arc::new(tls)), Arc::new(site));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen) = (acceptor.clone(), seen.clone());
                let (site, release) = (site.clone(), release.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    drop(serve(stream, &*site, &seen, &release).await);
                });
            }
        });
        web
    }

    /// From now on `name` has these addresses, look-up by look-up.
    fn leads(&self, name: &str, answers: &[&[&str]]) {
        let one = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        let answers = answers.iter().map(one).rev().collect();
        self.names.lock().unwrap().insert(name.to_owned(), answers);
    }

    fn fetcher(self: &Arc<Self>) -> Fetcher {
        self.fetcher_within(Outbound::default())
    }

    fn fetcher_within(self: &Arc<Self>, outbound: Outbound) -> Fetcher {
        self.fetcher_at(outbound, Arc::new(ManualClock::at(Default::default())))
    }

    fn fetcher_at(self: &Arc<Self>, outbound: Outbound, clock: Arc<ManualClock>) -> Fetcher {
        let tls = transport::tls(std::slice::from_ref(&self.root)).unwrap();
        let client = Client::new(Guard::new(outbound), self.clone(), tls);
        Fetcher::new(Arc::new(client), clock)
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    fn dialled(&self) -> Vec<String> {
        self.dialled.lock().unwrap().iter().map(ToString::to_string).collect()
    }

    /// Waits until so many requests have come.
    async fn has_seen(&self, count: usize) {
        while self.seen.lock().unwrap().len() < count {
            tokio::task::yield_now().await;
        }
    }
}

impl Network for Web {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        self.resolved.fetch_add(1, Ordering::SeqCst);
        let mut names = self.names.lock().unwrap();
        let answer = match names.get_mut(name) {
            Some(answers) if answers.len() > 1 => answers.pop(),
            Some(answers) => answers.last().cloned(),
            None => None,
        };
        Box::pin(async move { answer.ok_or_else(|| io::Error::other("no such name")) })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        self.dialled.lock().unwrap().push(address);
        Box::pin(TcpStream::connect(self.address))
    }
}

async fn serve(
    mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin,
    site: &Site,
    seen: &StdMutex<Vec<String>>,
    release: &Notify,
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    seen.lock().unwrap().push(head);
    match site(&path) {
        Reply::Whole(text) => stream.write_all(text.as_bytes()).await?,
        Reply::Held(text) => {
            release.notified().await;
            stream.write_all(text.as_bytes()).await?;
        }
        Reply::Endless(bytes) => loop {
            stream.write_all(&bytes).await?;
        },
        Reply::Drip(text) => {
            stream.write_all(text.as_bytes()).await?;
            loop {
                stream.write_all(b"x").await?;
                stream.flush().await?;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Reply::Silence => std::future::pending().await,
    }
    stream.shutdown().await
}

fn json(body: &str) -> Reply {
    answer("200 OK", "content-type: application/json\r\n", body)
}

fn answer(status: &str, headers: &str, body: &str) -> Reply {
    let length = body.len();
    Reply::Whole(format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}"))
}

fn moved(to: &str) -> Reply {
    answer("302 Found", &format!("location: {to}\r\n"), "")
}

fn url(text: &str) -> DocumentUrl {
    DocumentUrl::parse(text).unwrap()
}

/// Terms that end soon.
const HURRIED: FetchTerms =
    FetchTerms { patience: Duration::from_millis(300), ..FetchTerms::METADATA };

const FOLLOWING: FetchTerms =
    FetchTerms { redirects: Redirects::UpToThree, ..FetchTerms::METADATA };

async fn fetched(fetcher: &Fetcher, text: &str) -> Result<String, Fault> {
    let document = fetcher.fetch(url(text), FetchTerms::METADATA).await?;
    Ok(String::from_utf8(document.body.to_vec()).unwrap())
}

#[tokio::test]
async fn t75_a_document_comes_without_cookies_or_credentials() {
    let web = Web::of(|_| {
        answer("200 OK", "content-type: application/json\r\nset-cookie: a=b\r\n", "{\"a\":1}")
    })
    .await;
    let fetcher = web.fetcher();
    let body = fetched(&fetcher, "https://good.example/.well-known/x?y=1").await.unwrap();
    assert_eq!(body, "{\"a\":1}");
    fetched(&fetcher, "https://good.example/other").await.unwrap();
    assert_eq!(web.dialled(), [format!("{PUBLIC}:443"), format!("{PUBLIC}:443")]);
    let seen = web.seen();
    assert!(seen[0].starts_with("GET /.well-known/x?y=1 HTTP/1.1\r\n"), "{}", seen[0]);
    for head in seen {
        let mut names: Vec<String> = head
            .lines()
            .skip(1)
            .filter_map(|line| Some(line.split_once(':')?.0.to_owned()))
            .collect();
        names.sort();
        assert_eq!(names, ["accept", "host", "user-agent"]);
        assert!(head.contains("host: good.example\r\n"));
    }
}

/// A sentinel on every address that nobody may be sent to: no packet reaches it.
#[tokio::test]
async fn t74_n31_n34_n37_nothing_is_sent_to_a_refused_address() {
    let web = Web::of(|_| json("{}")).await;
    let fetcher = web.fetcher();
    for (at, answer) in [
        &["127.0.0.1"][..],
        &["10.0.0.1"],
        &["172.16.0.1"],
        &["192.168.1.1"],
        &["100.64.0.1"],
        &["169.254.169.254"],
        &["198.18.0.1"],
        &["240.0.0.1"],
        &["255.255.255.255"],
        &["0.0.0.0"],
        &["::1"],
        &["::ffff:127.0.0.1"],
        &["64:ff9b::7f00:1"],
        &["2002:7f00:1::"],
        &["2001::7f00:1"],
        &["fe80::1"],
        &["fd00:ec2::254"],
        &[PUBLIC, "10.0.0.1"],
        &[PUBLIC, "::1"],
        // A name that leads to another, and one that spells an address, end up the same.
        &["10.0.0.1", PUBLIC],
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("n{at}.127.0.0.1.nip.example");
        web.leads(&name, &[answer]);
        let fault = fetched(&fetcher, &format!("https://{name}/x")).await.unwrap_err();
        assert_eq!(fault, Fault::Refused, "{answer:?}");
    }
    for literal in ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:10.0.0.1]", PUBLIC] {
        let fault = fetched(&fetcher, &format!("https://{literal}/x")).await.unwrap_err();
        assert_eq!(fault, Fault::Refused, "{literal}");
    }
    assert_eq!((web.dialled().len(), web.seen().len()), (0, 0));
}

#[tokio::test]
async fn n35_n36_what_was_checked_is_what_is_dialled() {
    let web = Web::of(|_| {
        answer("200 OK", "content-type: application/json\r\ncache-control: no-store\r\n", "{}")
    })
    .await;
    let fetcher = web.fetcher();
    // The second look-up of a name gives another address: for one request there is one look-up.
    web.leads("good.example", &[&[PUBLIC], &["127.0.0.1"], &[OTHER]]);
    assert!(fetched(&fetcher, "https://good.example/").await.is_ok());
    assert_eq!(web.resolved.load(Ordering::SeqCst), 1);
    assert_eq!(web.dialled(), [format!("{PUBLIC}:443")]);
    // The next request asks anew, whatever connection there was.
    assert_eq!(fetched(&fetcher, "https://good.example/").await, Err(Fault::Refused));
    assert_eq!(web.dialled().len(), 1);
}

#[tokio::test]
async fn t74_the_name_is_checked_by_tls_though_an_address_is_dialled() {
    let web = Web::of(|_| json("{}")).await;
    let fault = fetched(&web.fetcher(), "https://wrong.example/").await.unwrap_err();
    assert!(matches!(fault, Fault::Unreachable(_)), "{fault}");
    assert!(web.seen().is_empty());
}

#[tokio::test]
async fn n56_a_listener_of_our_own_is_found_out_before_anything_is_sent() {
    let web = Web::of(|_| json("{}")).await;
    // It listens everywhere; its public address is in no configuration.
    let own = vec![SocketAddr::from(([0, 0, 0, 0], web.address.port()))];
    let fetcher = web.fetcher_within(Outbound { own, ..Outbound::default() });
    assert_eq!(fetched(&fetcher, "https://good.example/").await, Err(Fault::Refused));
    assert!(web.seen().is_empty());
}

#[tokio::test]
async fn t75_n51_metadata_follows_no_redirect() {
    let web = Web::of(|path| match path {
        "/here" => moved("/there"),
        "/never" => answer("304 Not Modified", "", ""),
        _ => json("{}"),
    })
    .await;
    let fetcher = web.fetcher();
    assert_eq!(fetched(&fetcher, "https://good.example/here").await, Err(Fault::Redirected));
    assert_eq!(fetched(&fetcher, "https://good.example/never").await, Err(Fault::Redirected));
    assert_eq!(web.seen().len(), 2);
}

#[tokio::test]
async fn n51_n52_n53_n54_n55_each_hop_is_checked_and_they_are_three() {
    let web = Web::of(|path| match path {
        "/a" => moved("/b"),
        "/b" => moved("https://www.good.example/c"),
        "/c" => moved("/end"),
        "/four" => moved("/a"),
        "/loop" => moved("/loop"),
        "/http" => moved("http://good.example/end"),
        "/file" => moved("file:///etc/passwd"),
        "/private" => moved("https://private.example/end"),
        "/literal" => moved("https://169.254.169.254/end"),
        "/port" => moved("https://good.example:6379/end"),
        "/nowhere" => answer("302 Found", "", ""),
        _ => json("{}"),
    })
    .await;
    web.leads("private.example", &[&["10.0.0.1"]]);
    let fetcher = web.fetcher();
    let follow = async |path: &str| {
        fetcher.fetch(url(&format!("https://good.example{path}")), FOLLOWING).await
    };
    let document = follow("/a").await.unwrap();
    assert_eq!(document.url.url().as_str(), "https://www.good.example/end");
    let hops: Vec<&str> = document.hops.iter().map(|hop| hop.url().as_str()).collect();
    assert_eq!(
        hops,
        ["https://good.example/a", "https://good.example/b", "https://www.good.example/c"]
    );
    assert_eq!(follow("/four").await.unwrap_err(), Fault::Redirected);
    assert_eq!(follow("/loop").await.unwrap_err(), Fault::Redirected);
    for path in ["/http", "/file", "/port", "/nowhere"] {
        assert_eq!(follow(path).await.unwrap_err(), Fault::Redirected, "{path}");
    }
    assert_eq!(follow("/private").await.unwrap_err(), Fault::Refused);
    assert_eq!(follow("/literal").await.unwrap_err(), Fault::Refused);
    assert!(web.dialled().iter().all(|address| *address == format!("{PUBLIC}:443")));
}

#[tokio::test]
async fn t75_n59_giant_and_slow_answers_are_cut() {
    let web = Web::of(|path| match path {
        "/promised" => {
            answer("200 OK", "content-type: application/json\r\n", &"x".repeat(64 * 1024 + 1))
        }
        "/whole" => answer("200 OK", "content-type: application/json\r\n", &"x".repeat(64 * 1024)),
        "/endless" => {
            Reply::Endless(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n".repeat(64))
        }
        "/header" => Reply::Endless(b"HTTP/1.1 200 OK\r\nx: ".repeat(1_000)),
        "/drip" => Reply::Drip(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 60000\r\n\r\n",
        ),
        _ => Reply::Silence,
    })
    .await;
    let fetcher = web.fetcher();
    assert_eq!(fetched(&fetcher, "https://good.example/promised").await, Err(Fault::TooLarge));
    assert!(fetched(&fetcher, "https://good.example/whole").await.is_ok());
    assert_eq!(fetched(&fetcher, "https://good.example/endless").await, Err(Fault::TooLarge));
    let header = fetched(&fetcher, "https://good.example/header").await.unwrap_err();
    assert!(matches!(header, Fault::Broken(_)), "{header}");
    for path in ["/drip", "/silence"] {
        let slow = url(&format!("https://good.example{path}"));
        assert_eq!(fetcher.fetch(slow, HURRIED).await.unwrap_err(), Fault::Late, "{path}");
    }
}

#[tokio::test]
async fn t75_only_json_and_only_200_is_taken() {
    let web = Web::of(|path| match path {
        "/html" => answer("200 OK", "content-type: text/html\r\n", "<html>"),
        "/none" => answer("200 OK", "", "{}"),
        "/like" => answer("200 OK", "content-type: text/json+html\r\n", "{}"),
        "/set" => answer("200 OK", "content-type: Application/JWK-Set+JSON; q=1\r\n", "{}"),
        "/404" => answer("404 Not Found", "content-type: application/json\r\n", "{}"),
        "/204" => answer("204 No Content", "", ""),
        "/garbage" => Reply::Whole("SSH-2.0-OpenSSH_9.2\r\n".to_owned()),
        _ => Reply::Whole("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_owned()),
    })
    .await;
    let fetcher = web.fetcher();
    let at = async |path: &str| fetched(&fetcher, &format!("https://good.example{path}")).await;
    for path in ["/html", "/none", "/like"] {
        assert_eq!(at(path).await, Err(Fault::NotJson), "{path}");
    }
    assert!(at("/set").await.is_ok());
    assert_eq!(at("/404").await, Err(Fault::Status(404)));
    assert_eq!(at("/204").await, Err(Fault::Status(204)));
    for path in ["/garbage", "/cut"] {
        assert!(matches!(at(path).await, Err(Fault::Broken(_))), "{path}");
    }
    let any = FetchTerms { form: DocumentForm::Any, ..FetchTerms::METADATA };
    assert!(fetcher.fetch(url("https://good.example/html"), any).await.is_ok());
}

#[tokio::test]
async fn t75_identical_fetches_are_one() {
    let web = Web::of(|_| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n";
        Reply::Held(format!("{head}\r\n{{}}"))
    })
    .await;
    let fetcher = web.fetcher();
    let all = join_all((0..50).map(|_| fetched(&fetcher, "https://good.example/x")));
    let release = async {
        web.has_seen(1).await;
        web.release.notify_one();
    };
    let (all, ()) = tokio::join!(all, release);
    assert!(all.iter().all(|outcome| outcome.as_deref() == Ok("{}")));
    assert_eq!(web.seen().len(), 1);
}

#[tokio::test]
async fn t75_documents_are_kept_as_long_as_they_say_and_no_longer() {
    let web = Web::of(|path| {
        let control = match path {
            "/minute" => "cache-control: public, max-age=60\r\n",
            "/ever" => "cache-control: max-age=99999999\r\n",
            "/never" => "cache-control: no-store\r\n",
            _ => "",
        };
        answer("200 OK", &format!("content-type: application/json\r\n{control}"), "{}")
    })
    .await;
    let clock = Arc::new(ManualClock::at(Default::default()));
    let fetcher = web.fetcher_at(Outbound::default(), clock.clone());
    for (path, kept_s) in [("/minute", 60), ("/ever", 3_600), ("/usual", 600), ("/never", 0)] {
        let text = format!("https://good.example{path}");
        let before = web.seen().len();
        fetched(&fetcher, &text).await.unwrap();
        if kept_s > 0 {
            clock.advance(Duration::from_secs(kept_s - 1));
            fetched(&fetcher, &text).await.unwrap();
            assert_eq!(web.seen().len(), before + 1, "{path}");
        }
        clock.advance(Duration::from_secs(1));
        fetched(&fetcher, &text).await.unwrap();
        assert_eq!(web.seen().len(), before + 2, "{path}");
    }
}

#[tokio::test]
async fn n60_a_failure_is_remembered_for_a_while() {
    let web = Web::of(|_| answer("500 Oops", "", "sk-canary")).await;
    let clock = Arc::new(ManualClock::at(Default::default()));
    let fetcher = web.fetcher_at(Outbound::default(), clock.clone());
    for _ in 0..5 {
        let fault = fetched(&fetcher, "https://good.example/x").await.unwrap_err();
        assert_eq!(fault, Fault::Status(500));
        assert!(!fault.to_string().contains("canary"));
    }
    assert_eq!(web.seen().len(), 1);
    clock.advance(KEPT_FAILURE);
    fetched(&fetcher, "https://good.example/x").await.unwrap_err();
    assert_eq!(web.seen().len(), 2);
}

#[tokio::test]
async fn t75_what_is_kept_is_bounded() {
    let web = Web::of(|_| json("{}")).await;
    let fetcher = web.fetcher();
    for at in 0..3 * KEPT {
        fetched(&fetcher, &format!("https://good.example/{at}")).await.unwrap();
    }
    assert!(fetcher.kept.len() <= KEPT);
    let large = "x".repeat(KEPT_BYTES + 1);
    let web = Web::of(move |_| json(&large)).await;
    let fetcher = web.fetcher();
    let roomy = FetchTerms { body_bytes: 1 << 20, ..FetchTerms::METADATA };
    for _ in 0..2 {
        fetcher.fetch(url("https://good.example/x"), roomy).await.unwrap();
    }
    assert_eq!(web.seen().len(), 2, "what is large is not kept");
}

#[tokio::test]
async fn t75_one_origin_gets_a_share_of_the_budget_and_no_more() {
    let web =
        Web::of(|path| if path.starts_with("/json") { json("{}") } else { Reply::Silence }).await;
    let fetcher = web.fetcher();
    let slow = (0..3 * AT_ONCE)
        .map(|at| fetcher.fetch(url(&format!("https://slow.example/{at}")), FetchTerms::METADATA));
    let others = async {
        web.has_seen(AT_ONCE_EACH).await;
        // The rest of them wait, and are in nobody's way.
        for at in 0..4 {
            fetched(&fetcher, &format!("https://good.example/json{at}")).await.unwrap();
        }
        web.seen().iter().filter(|head| head.contains("host: slow.example")).count()
    };
    tokio::select! {
        _ = join_all(slow) => panic!("nobody answers there"),
        count = others => assert_eq!(count, AT_ONCE_EACH),
    }
}
