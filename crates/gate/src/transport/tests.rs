//! Connections to a server of a few lines.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// A server that counts its connections.
struct Far {
    address: SocketAddr,
    made: Arc<AtomicUsize>,
    closed: Arc<AtomicUsize>,
}

impl Far {
    /// It gives the `answer` to each request, and closes after so many.
    async fn start(answer: &'static str, closes_after: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (made, closed) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let far = Self { address, made: made.clone(), closed: closed.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                made.fetch_add(1, Ordering::SeqCst);
                let closed = closed.clone();
                tokio::spawn(async move {
                    serve(stream, answer, closes_after).await;
                    closed.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        far
    }

    async fn ask(&self, transport: &Transport) -> Answer {
        in_time(self.asked("http", transport)).await
    }

    async fn asked(&self, scheme: &str, transport: &Transport) -> Answer {
        let origin = format!("{scheme}://{}/", self.address).parse::<Uri>().expect("a URL");
        let request = Request::get("/models").header("host", "localhost");
        let request = request.body(Full::default()).expect("a request");
        transport.send(UpstreamRequest { origin: Arc::new(origin), request }).await
    }

    async fn read(&self, transport: &Transport) -> String {
        let answer = self.ask(transport).await;
        let answer = answer.unwrap_or_else(|error| panic!("no answer: {}", error.cause));
        let body = in_time(answer.into_body().collect()).await.expect("a body").to_bytes();
        String::from_utf8_lossy(&body).into_owned()
    }

    /// Waits until so many of its connections are over.
    async fn has_closed(&self, connections: usize) {
        in_time(async {
            while self.closed.load(Ordering::SeqCst) < connections {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, answer: &str, closes_after: usize) {
    for _ in 0..closes_after {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

const FIXED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood";
const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\ngo\r\n2\r\nod\r\n0\r\n\r\n";
const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const LONG: &str = "HTTP/1.1 200 OK\r\ncontent-length: 400\r\n\r\ngood";

/// What comes of it before it has taken too long to come at all. The clock is looked at first: when
/// it wakes the task, what nobody else would have woken would be found there too.
async fn in_time<T>(wait: impl Future<Output = T>) -> T {
    tokio::select! {
        biased;
        () = tokio::time::sleep(Duration::from_secs(10)) => panic!("it never came"),
        come = wait => come,
    }
}

fn transport() -> Transport {
    Transport::new(tls(&[]).expect("roots"))
}

#[tokio::test]
async fn a_connection_is_used_again() {
    for (answer, body) in [(FIXED, "good"), (CHUNKED, "good"), (EMPTY, "")] {
        let (far, transport) = (Far::start(answer, usize::MAX).await, transport());
        for _ in 0..5 {
            assert_eq!(far.read(&transport).await, body);
        }
        assert_eq!(far.made(), 1, "{answer}");
    }
}

#[tokio::test]
async fn a_connection_is_for_its_origin_alone() {
    let (one, two) = (Far::start(FIXED, usize::MAX).await, Far::start(CHUNKED, usize::MAX).await);
    let transport = transport();
    for _ in 0..3 {
        assert_eq!((one.read(&transport).await, two.read(&transport).await), both("good"));
    }
    assert_eq!((one.made(), two.made()), (1, 1));
}

fn both(text: &str) -> (String, String) {
    (text.to_owned(), text.to_owned())
}

/// Whoever is closed while nobody used it has not read the next request.
#[tokio::test]
async fn a_connection_that_was_closed_at_rest_costs_no_call() {
    let (far, transport) = (Far::start(FIXED, 1).await, transport());
    for calls in 1..=20 {
        assert_eq!(far.read(&transport).await, "good");
        assert_eq!(far.made(), calls);
        if calls % 2 == 0 {
            far.has_closed(calls).await;
        }
    }
}

/// However many were closed, and whatever the task has done in this turn already.
#[tokio::test]
async fn many_connections_that_were_closed_at_rest_cost_no_call() {
    for done in 0..4 {
        let (far, transport) = (Far::start(FIXED, 1).await, &transport());
        let calls = futures_util::future::join_all((0..90).map(|_| far.read(transport)));
        assert_eq!(calls.await.len(), 90);
        far.has_closed(90).await;
        for _ in 0..done {
            tokio::task::consume_budget().await;
        }
        assert_eq!(far.read(transport).await, "good", "after {done}");
    }
}

/// Whoever has the last event of a stream does not ask for its end.
#[tokio::test]
async fn an_answer_that_is_dropped_at_its_end_leaves_its_connection() {
    let (far, transport) = (Far::start(CHUNKED, usize::MAX).await, transport());
    for _ in 0..5 {
        let answer = far.ask(&transport).await;
        let answer = answer.unwrap_or_else(|error| panic!("no answer: {}", error.cause));
        let (mut body, mut read) = (answer.into_body(), Vec::new());
        while read != b"good" {
            let frame = body.frame().await.expect("more").expect("a frame");
            read.extend_from_slice(frame.data_ref().expect("data"));
        }
    }
    assert_eq!(far.made(), 1);
}

#[tokio::test]
async fn an_answer_that_is_dropped_takes_its_connection_along() {
    let (far, transport) = (Far::start(LONG, 2).await, transport());
    let answer = far.ask(&transport).await;
    drop(answer.unwrap_or_else(|error| panic!("no answer: {}", error.cause)));
    far.has_closed(1).await;
    drop(far.ask(&transport).await);
    assert_eq!(far.made(), 2);
}

#[tokio::test]
async fn an_answer_that_is_cut_is_told_from_a_whole_one() {
    let (far, transport) = (Far::start(LONG, 1).await, transport());
    let answer = far.ask(&transport).await;
    let answer = answer.unwrap_or_else(|error| panic!("no answer: {}", error.cause));
    assert!(answer.into_body().collect().await.is_err());
}

/// A new connection that is closed without an answer: the request may have been read.
#[tokio::test]
async fn a_request_that_may_have_been_read_is_not_sent_again() {
    let (far, transport) = (Far::start("", 1).await, transport());
    let Err(error) = far.ask(&transport).await else { panic!("there is no answer") };
    assert!(error.connected, "{}", error.cause);
    assert_eq!(far.made(), 1);
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_read() {
    let far = Far::start(FIXED, 1).await;
    let gone = Far { address: SocketAddr::from(([127, 0, 0, 1], 1)), ..far };
    let Err(error) = gone.ask(&transport()).await else { panic!("there is no answer") };
    assert!(!error.connected);
}

/// Whoever accepts a connection and then says nothing is not waited for as an answer is.
#[tokio::test]
async fn a_connection_that_does_not_come_to_stand_is_given_up() {
    let far = Far::start(FIXED, usize::MAX).await;
    let transport = Transport { connect: Duration::from_millis(60), ..transport() };
    let Err(error) = in_time(far.asked("https", &transport)).await else {
        panic!("there is no answer")
    };
    assert!(!error.connected, "nothing was sent: {}", error.cause);
    assert_eq!(far.made(), 1);
}

#[tokio::test]
async fn a_connection_rests_for_so_long_and_no_longer() {
    let far = Far::start(FIXED, usize::MAX).await;
    let transport = Transport { rest: Duration::from_millis(60), ..transport() };
    assert_eq!(far.read(&transport).await, "good");
    far.has_closed(1).await;
}
