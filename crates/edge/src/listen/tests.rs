//! Real connections: bytes on a socket.

use std::net::SocketAddr;
use std::time::Instant;

use axum::body::Body as AxumBody;
use futures_util::FutureExt;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::SendRequest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use bytes::Bytes;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tollgate_kernel::{Access, Error, Kind};
use tollgate_protocol::openai::Route;

use super::*;
use crate::context::Exchange;
use crate::extract::RawBody;
use crate::reply::{self, Reply};
use crate::route::Row;
use crate::testing;

/// A server on a free port.
struct Server {
    address: SocketAddr,
    stop: watch::Sender<Phase>,
    running: JoinHandle<u32>,
}

async fn serve(rows: Vec<Row>, pace: Pace, drain: Duration) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, shutdown) = watch::channel(Phase::Running);
    let serve = Serve {
        listener: Listener::Tcp(listener),
        app: testing::app_with(rows),
        workers: Arc::new(Workers::start().expect("threads")),
        shutdown,
        drain,
        max_connections: 8,
        pace,
    };
    Server { address, stop, running: tokio::spawn(serve.run()) }
}

const LONG: Duration = Duration::from_secs(60);

fn quick() -> Pace {
    let ms = Duration::from_millis;
    Pace { head: ms(50), idle: ms(400), write_stall: ms(50) }
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address).await.expect("a connection")
}

/// Sends `bytes` and reads until the server closes.
async fn say(server: &Server, bytes: &[u8]) -> String {
    let mut stream = connect(server).await;
    stream.write_all(bytes).await.expect("sent");
    read_all(&mut stream).await
}

/// What comes of it before it has taken too long for the server to have done anything.
async fn in_time<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, wait).await.expect("the server never did it")
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset after the answer is an end too; only silence is not.
    let _ = in_time(stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads until `end` has come.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut answer = Vec::new();
    let mut piece = [0_u8; 1_024];
    while !String::from_utf8_lossy(&answer).contains(end) {
        let n = stream.read(&mut piece).await.expect("bytes");
        assert!(n > 0, "closed before {end:?}: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&piece[..n]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

const GET: &[u8] = b"GET /echo HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn a_request_is_answered_and_the_connection_kept() {
    let server = serve(testing::rows(), Pace::default(), LONG).await;
    let mut stream = connect(&server).await;
    for _ in 0..3 {
        stream.write_all(GET).await.expect("sent");
        assert!(read_until(&mut stream, "host: \"a\"").await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
}

#[tokio::test]
async fn f16_a_slow_head_is_closed() {
    let server = serve(testing::rows(), Pace { idle: 2 * LONG, ..quick() }, LONG).await;
    // Nothing at all, half a head, and half a head after a whole request.
    assert_eq!(say(&server, b"").await, "");
    assert_eq!(say(&server, b"GET /echo HT").await, "");
    let mut stream = connect(&server).await;
    stream.write_all(GET).await.expect("sent");
    read_until(&mut stream, "host: \"a\"").await;
    stream.write_all(b"GET /ec").await.expect("sent");
    assert_eq!(read_all(&mut stream).await, "");
}

#[tokio::test]
async fn between_two_requests_there_is_more_time_than_for_a_head() {
    let server = serve(testing::rows(), quick(), LONG).await;
    let mut stream = connect(&server).await;
    let started = Instant::now();
    stream.write_all(GET).await.expect("sent");
    read_until(&mut stream, "host: \"a\"").await;
    read_all(&mut stream).await;
    assert!(started.elapsed() > quick().idle / 2, "{:?}", started.elapsed());
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let server = serve(testing::rows(), Pace::default(), LONG).await;
    let many: String = (0..101).map(|i| format!("x-h{i}: 1\r\n")).collect();
    let answer = say(&server, format!("GET /echo HTTP/1.1\r\n{many}\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    for (halves, status) in [(1, "200 OK"), (3, "431 "), (4, "431 ")] {
        let long = "a".repeat(halves * versions::MAX_HEAD / 2);
        let head = format!("GET /echo HTTP/1.1\r\nhost: a\r\nx: {long}\r\n");
        let answer = say(&server, format!("{head}connection: close\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{halves}: {answer}");
    }
}

#[tokio::test]
async fn framing_that_two_servers_could_read_differently_is_refused() {
    let server = serve(testing::rows(), Pace::default(), LONG).await;
    let bad: [(&str, &str); 9] = [
        ("f1", "content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("f2", "content-length: 1\r\ncontent-length: 2\r\n\r\na"),
        ("f3", "content-length: +1\r\n\r\na"),
        ("f4", "transfer-encoding: gzip\r\n\r\n"),
        ("f5", "x: a\r\n b\r\n\r\n"),
        ("f6", "x: a\ny: b\r\n\r\n"),
        ("f6", "x: a\r\n\n"),
        ("f7", "x : a\r\n\r\n"),
        ("f8", "x: a\0b\r\n\r\n"),
    ];
    for (id, rest) in bad {
        let head = format!("POST /echo HTTP/1.1\r\nhost: a\r\n{rest}");
        let answer = say(&server, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{id}: {answer}");
    }
}

#[tokio::test]
async fn f16_a_preface_that_does_not_end_is_closed() {
    let server = serve(testing::rows(), Pace { idle: 2 * LONG, ..quick() }, LONG).await;
    for said in [&b"P"[..], b"PR", b"PRI ", b"PRI * HT", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r"] {
        // Our half of the preface does not wait for theirs.
        say(&server, said).await;
    }
}

#[tokio::test]
async fn f10_extensions_of_a_chunk_have_no_room() {
    async fn read(RawBody(body): RawBody) -> String {
        format!("read {}", body.len())
    }
    let row = Row::post("/api/read", Access::Public, "Read", read).ignores_credentials();
    let server = serve(vec![row], Pace::default(), LONG).await;
    for (extension, status) in [(";a=b", "200"), (&";a=b".repeat(16), "400")] {
        let head = "POST /api/read HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked";
        let body = format!("1{extension}\r\na\r\n0\r\n\r\n");
        let next = if status == "200" { "GET /none HTTP/1.0\r\n\r\n" } else { "" };
        let answer = say(&server, format!("{head}\r\n\r\n{body}{next}").as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert_eq!(answer.contains("read 1"), status == "200", "{answer}");
    }
}

async fn stream_of(chunks: usize) -> Reply {
    let pieces =
        futures_util::stream::iter((0..chunks).map(|_| Ok::<_, Infallible>("x".repeat(4096))));
    Ok(reply::typed("text/plain", AxumBody::from_stream(pieces)))
}

#[tokio::test]
async fn f16_a_reader_that_does_not_read_is_cut() {
    let rows = vec![
        Row::get("/much", Access::Public, "Much", || stream_of(100_000)).ignores_credentials(),
    ];
    let server = serve(rows, quick(), LONG).await;
    let mut stream = connect(&server).await;
    stream.write_all(b"GET /much HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("sent");
    stream.readable().await.expect("an answer");
    // The answer is 400 MB and nobody reads it: the drain need not wait for its own end.
    server.stop.send_replace(Phase::Draining);
    assert_eq!(server.running.await.expect("it ran"), 0);
}

/// A stream that a test ends: one piece at once, the other when the test says so.
fn held() -> (Vec<Row>, watch::Sender<bool>) {
    let (release, released) = watch::channel(false);
    let handler = move || {
        let mut released = released.clone();
        async move {
            let pieces = async_stream_of(async move {
                let _ = released.wait_for(|done| *done).await;
            });
            Ok::<_, crate::Fault>(reply::typed("text/plain", AxumBody::from_stream(pieces)))
        }
    };
    (vec![Row::get("/held", Access::Public, "Held", handler).ignores_credentials()], release)
}

fn async_stream_of(
    wait: impl Future<Output = ()> + Send + 'static,
) -> impl futures_util::Stream<Item = Result<&'static str, Infallible>> + Send {
    use futures_util::StreamExt;
    futures_util::stream::iter([Ok("first")]).chain(futures_util::stream::once(async move {
        wait.await;
        Ok("last")
    }))
}

const HELD: &[u8] = b"GET /held HTTP/1.1\r\nhost: a\r\n\r\n";

/// A client of HTTP/2 whose streams take so many bytes before it reads them, and what ends with its
/// connection.
async fn two(server: &Server, window: u32) -> (SendRequest<Nothing>, JoinHandle<()>) {
    let io = TokioIo::new(connect(server).await);
    let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (client, connection) =
        builder.initial_stream_window_size(window).handshake(io).await.expect("h2");
    (client, tokio::spawn(connection.map(|_| ())))
}

type Nothing = Empty<bytes::Bytes>;

fn get(path: &str) -> Request<Nothing> {
    Request::get(format!("http://a{path}")).body(Empty::new()).expect("a request")
}

/// An answer of many pieces, and what hears of its end. It stands for what an answer holds: money
/// and places in the queue.
fn holding() -> (Row, UnboundedReceiver<()>) {
    struct Hold(UnboundedSender<()>);
    impl Drop for Hold {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (ends, ended) = unbounded_channel();
    let handler = move || {
        let hold = Hold(ends.clone());
        async move {
            let pieces = futures_util::stream::iter((0..100).map(move |_| {
                let _ = &hold;
                Ok::<_, Infallible>("x".repeat(64))
            }));
            Ok::<_, crate::Fault>(reply::typed("text/plain", AxumBody::from_stream(pieces)))
        }
    };
    (Row::get("/holding", Access::Public, "Holds", handler).ignores_credentials(), ended)
}

#[tokio::test]
async fn f16_a_window_that_stays_closed_holds_nothing() {
    let (row, mut ended) = holding();
    let server = serve(vec![row], Pace { idle: LONG, ..quick() }, LONG).await;
    let (mut client, connection) = two(&server, 0).await;
    let unread = client.send_request(get("/holding")).await.expect("a head");
    in_time(ended.recv()).await.expect("an end");
    // That was one answer; the others of the connection go on.
    assert!(!connection.is_finished());
    assert_eq!(client.send_request(get("/none")).await.expect("a head").status(), 404);
    drop(unread);
}

#[tokio::test]
async fn f16_an_answer_that_waits_for_more_is_not_taken_for_one_that_is_not_read() {
    let (row, mut ended) = holding();
    let (mut rows, release) = held();
    rows.push(row);
    let server = serve(rows, Pace { idle: LONG, ..quick() }, LONG).await;
    let (mut client, _connection) = two(&server, 64).await;
    let mut slow = client.send_request(get("/held")).await.expect("a head").into_body();
    let first = slow.frame().await.expect("a frame").expect("no error");
    assert_eq!(first.into_data().expect("data"), "first");
    // Some of this fits. When it is cut, the one before has been as quiet for longer.
    let unread = client.send_request(get("/holding")).await.expect("a head");
    in_time(ended.recv()).await.expect("an end");
    release.send_replace(true);
    let last = slow.collect().await.expect("the rest").to_bytes();
    assert_eq!(last, "last");
    drop(unread);
}

#[tokio::test]
async fn f16_http2_without_requests_is_closed() {
    let server = serve(testing::rows(), quick(), LONG).await;
    let started = Instant::now();
    let (mut client, connection) = two(&server, 65_535).await;
    let echo = client.send_request(get("/echo")).await.expect("a head");
    assert_eq!(echo.status(), 200);
    echo.into_body().collect().await.expect("a body");
    in_time(connection).await.expect("no panic");
    assert!(started.elapsed() >= quick().idle, "{:?}", started.elapsed());
    assert!(started.elapsed() < versions::PING, "{:?}", started.elapsed());
    // One that says no more than it must is not asked twice to go.
    let begun = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let started = Instant::now();
    say(&server, begun).await;
    assert!(started.elapsed() < versions::PING, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_stop_lets_running_answers_finish_and_takes_no_new_ones() {
    let (rows, release) = held();
    let server = serve(rows, Pace::default(), LONG).await;
    let mut running = connect(&server).await;
    running.write_all(HELD).await.expect("sent");
    read_until(&mut running, "first").await;
    let mut idle = connect(&server).await;
    server.stop.send_replace(Phase::Draining);
    // The idle one is closed at once, and nobody listens any more.
    assert_eq!(read_all(&mut idle).await, "");
    assert!(TcpStream::connect(server.address).await.is_err());
    release.send_replace(true);
    assert!(read_all(&mut running).await.contains("last"));
    assert_eq!(server.running.await.expect("it ran"), 0);
}

#[tokio::test]
async fn a_second_signal_or_the_drains_end_cuts_what_is_left() {
    for (drain, phases) in [
        (LONG, &[Phase::Draining, Phase::Now][..]),
        (LONG, &[Phase::Now]),
        (Duration::from_millis(20), &[Phase::Draining]),
    ] {
        let (rows, _release) = held();
        let server = serve(rows, Pace::default(), drain).await;
        let mut running = connect(&server).await;
        running.write_all(HELD).await.expect("sent");
        read_until(&mut running, "first").await;
        for phase in phases {
            server.stop.send_replace(*phase);
        }
        assert!(!read_all(&mut running).await.contains("last"));
        assert_eq!(server.running.await.expect("it ran"), 1);
    }
}

#[tokio::test]
async fn more_connections_than_slots_wait_for_one() {
    let (rows, release) = held();
    let server = serve(rows, Pace::default(), LONG).await;
    let mut open = Vec::new();
    for _ in 0..8 {
        let mut stream = connect(&server).await;
        stream.write_all(HELD).await.expect("sent");
        read_until(&mut stream, "first").await;
        open.push(stream);
    }
    let mut waiting = connect(&server).await;
    waiting.write_all(HELD).await.expect("sent");
    let mut byte = [0_u8; 1];
    let reading = waiting.read(&mut byte);
    assert!(tokio::time::timeout(Duration::from_millis(50), reading).await.is_err());
    release.send_replace(true);
    drop(open);
    read_until(&mut waiting, "first").await;
}

#[tokio::test]
async fn h1_no_spelling_of_an_identity_header_reaches_a_handler() {
    let server = serve(testing::rows(), Pace::default(), LONG).await;
    for name in crate::headers::tests::H1 {
        let (lower, upper) = (name.to_lowercase(), name.to_uppercase());
        let underscored = name.replace('-', "_");
        let forms = [
            format!("{name}: leak-canary"),
            format!("{lower}: leak-canary"),
            format!("{upper}: leak-canary"),
            format!("{underscored}: leak-canary"),
            format!("{name}: leak-canary\r\n{lower}: leak-canary"),
            format!("{name} : leak-canary"),
            format!("{name}: leak-canary\r\nconnection: {name}"),
        ];
        for form in forms {
            for path in ["/echo", "/v1/echo"] {
                let head = format!("GET {path} HTTP/1.0\r\n{form}\r\n\r\n");
                let answer = say(&server, head.as_bytes()).await;
                let status = answer.get(9..12);
                assert!(matches!(status, Some("200" | "400")), "{form:?}: {answer}");
                assert!(!answer.contains("leak-canary"), "{form:?}: {answer}");
            }
        }
    }
}

#[tokio::test]
async fn h1_nor_over_http2() {
    let server = serve(testing::rows(), Pace::default(), LONG).await;
    let io = TokioIo::new(connect(&server).await);
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.expect("h2");
    tokio::spawn(connection);
    for name in crate::headers::tests::H1 {
        let name = name.to_lowercase();
        for name in [name.replace('-', "_"), name] {
            let request = Request::get("http://a/echo").header(name, "leak-canary");
            let request = request.body(Empty::<bytes::Bytes>::new()).expect("a request");
            let response = client.send_request(request).await.expect("an answer");
            assert_eq!(response.status(), 200);
            let body = response.into_body().collect().await.expect("a body").to_bytes();
            assert!(!String::from_utf8_lossy(&body).contains("leak-canary"));
        }
    }
}

#[tokio::test]
async fn the_socket_in_the_data_folder_says_who_is_there() {
    use std::os::unix::fs::MetadataExt;
    async fn who(exchange: Exchange) -> String {
        format!("uid={:?} at {}.", exchange.0.uid, exchange.network())
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let uid = std::fs::metadata(folder.path()).expect("a folder").uid();
    let (_stop, shutdown) = watch::channel(Phase::Running);
    let serve = Serve {
        listener: Listener::Local(UnixListener::bind(&path).expect("a socket")),
        app: testing::app_with(vec![
            Row::get("/api/who", Access::Public, "Who", who).ignores_credentials(),
        ]),
        workers: Arc::new(Workers::start().expect("threads")),
        shutdown,
        drain: LONG,
        max_connections: 8,
        pace: Pace::default(),
    };
    tokio::spawn(serve.run());
    let mut stream = UnixStream::connect(&path).await.expect("a connection");
    stream.write_all(b"GET /api/who HTTP/1.0\r\n\r\n").await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.ends_with(&format!("uid=Some({uid}) at 127.0.0.1.")), "{answer}");
}

/// What was answered before an answer broke off is with the caller, however soon it broke.
#[tokio::test]
async fn what_came_before_a_break_is_sent() {
    let answer = |exchange: Exchange| async move {
        let piece = Ok(http_body::Frame::data(Bytes::from_static(b"{\"half\":")));
        let broke = Err(Error::new(Kind::UpstreamFailed, "It broke."));
        let body = http_body_util::StreamBody::new(futures_util::stream::iter([piece, broke]));
        let response = http::Response::new(body);
        Reply::Ok(crate::stream::speak(response, Route::ChatCompletions, &exchange))
    };
    let row = Row::get("/v1/half", Access::Public, "Half", answer).ignores_credentials();
    let server = serve(vec![row], Pace::default(), LONG).await;
    for _ in 0..20 {
        let text = say(&server, b"GET /v1/half HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert!(text.starts_with("HTTP/1.1 200 ") && text.contains("half"), "{text}");
        assert!(!text.ends_with("0\r\n\r\n"), "no clean end: {text}");
    }
}
