//! An API that is down, slow or talks nonsense, and a caller who leaves.

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

use http_body_util::BodyExt;
use tokio::net::TcpListener;
use tollgate_kernel::{Budget, EntryState, Kind, Period, Unit};
use tollgate_store::ledger::EntryFilter;
use tollgate_store::{KeyHolder, Owner, ToolAuth, ToolRecord, ToolState};

use super::house::{Act, Api, House, answer, ok, slug};
use crate::{Call, ToolCall};

const USER: ToolAuth = ToolAuth::UserHttp { scheme: tollgate_store::HttpScheme::Bearer };

/// A tool without authentication in front of `url`, with little patience.
fn impatient(url: String) -> ToolRecord {
    let mut record = ToolRecord::new(slug("todo"), url, ToolAuth::None);
    let patience = [("first_byte_ms".to_owned(), 80), ("silence_ms".to_owned(), 80)];
    record.timeouts = patience.into();
    record
}

#[tokio::test]
async fn an_api_that_is_down_costs_nothing() {
    let house = House::new().await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let tool = house.tool_with(impatient(format!("http://{address}")), None).await;
    let who = house.at(&tool, &[]).await.unwrap();
    let error = house.get(&who, &tool, "/").await.unwrap_err();
    assert_eq!(error.kind(), Kind::UpstreamFailed);
    assert_eq!(error.detail(), "The tool todo cannot be reached.");
    assert_eq!(house.outcome().await, (EntryState::Failed, 0));
}

/// What an API does, and what its caller is told.
type Fault = (fn() -> Act, Kind, &'static str);

/// Each of these was sent and may have been done: it counts.
#[tokio::test]
async fn an_api_that_is_slow_or_talks_nonsense_is_named_and_charged() {
    let faults: [Fault; 4] = [
        (|| Act::Hang, Kind::UpstreamTimeout, "The tool todo did not answer in time."),
        (|| Act::Close, Kind::UpstreamFailed, "The tool todo broke the connection."),
        (
            || Act::Say("220 mail.example.com ESMTP\r\n\r\n".to_owned()),
            Kind::UpstreamFailed,
            "The tool todo broke the connection.",
        ),
        (
            || Act::Pieces(vec!["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_owned()]),
            Kind::UpstreamTimeout,
            "The tool todo fell silent.",
        ),
    ];
    for (act, kind, words) in faults {
        let house = House::new().await;
        let api = Api::new(move |_| act()).await;
        let tool = house.tool_with(impatient(api.url()), None).await;
        let who = house.at(&tool, &[]).await.unwrap();
        let error = house.get(&who, &tool, "/").await.unwrap_err();
        assert_eq!((error.kind(), error.detail()), (kind, words));
        assert_eq!(house.outcome().await, (EntryState::Estimated, 1), "{words}");
        assert_eq!(api.seen().len(), 1, "nothing is sent twice");
    }
}

#[tokio::test]
async fn redirects_and_challenges_of_the_api_are_errors_of_ours() {
    let elsewhere = Api::new(|_| ok("{}")).await;
    let there = elsewhere.url();
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let house = House::new().await;
        let location = format!("location: {there}/steal\r\n");
        let api = Api::new(move |_| Act::Say(answer(status, &location, ""))).await;
        let tool = house.tool_with(impatient(api.url()), None).await;
        let who = house.at(&tool, &[]).await.unwrap();
        let error = house.get(&who, &tool, "/").await.unwrap_err();
        assert_eq!(error.kind(), Kind::UpstreamFailed, "{status}");
        assert!(error.detail().contains("The tool todo answered with a redirect"), "{error}");
        // What was asked for may be done, as of a form that leads to what it made.
        assert_eq!(house.outcome().await, (EntryState::Estimated, 1), "{status}");
    }
    assert!(elsewhere.seen().is_empty());
    let house = House::new().await;
    let challenge = "www-authenticate: Bearer\r\n";
    let api = Api::new(move |_| Act::Say(answer("401 No", challenge, "who are you?"))).await;
    let tool = house.tool_with(impatient(api.url()), None).await;
    let who = house.at(&tool, &[]).await.unwrap();
    let error = house.get(&who, &tool, "/").await.unwrap_err();
    assert_eq!(error.kind(), Kind::UpstreamRefused);
    assert_eq!(house.outcome().await, (EntryState::Failed, 0));
}

/// What the API says of the request itself is the answer.
#[tokio::test]
async fn errors_of_the_api_are_its_answers() {
    let house = House::new().await;
    let api = Api::new(|_| Act::Say(answer("403 Forbidden", "", "not yours"))).await;
    let tool = house.tool_with(impatient(api.url()), None).await;
    let who = house.at(&tool, &[]).await.unwrap();
    assert_eq!(house.get(&who, &tool, "/").await.unwrap(), (403, "not yours".to_owned()));
    assert_eq!(house.outcome().await, (EntryState::Settled, 1));
}

#[tokio::test]
async fn a_caller_who_leaves_was_served_all_the_same() {
    // Before the answer came.
    let house = House::new().await;
    let api = Api::new(|_| Act::Hang).await;
    let tool = house.tool("todo", &api, ToolAuth::None).await;
    let who = house.at(&tool, &[]).await.unwrap();
    let asked = async {
        while api.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        _ = house.get(&who, &tool, "/") => panic!("there is no answer"),
        () = asked => {}
    }
    assert_eq!(house.outcome().await, (EntryState::Estimated, 1));
    // While it came.
    let house = House::new().await;
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nbegun";
    let api = Api::new(move |_| Act::Pieces(vec![head.to_owned()])).await;
    let tool = house.tool("todo", &api, ToolAuth::None).await;
    let who = house.at(&tool, &[]).await.unwrap();
    let answer = house.send(&who, &tool, house.request("/", &[])).await.unwrap();
    let mut body = answer.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, "begun");
    drop(body);
    assert_eq!(house.outcome().await, (EntryState::Settled, 1));
}

/// What is changed of a tool while it answers.
type Change = fn(&mut ToolRecord);

#[tokio::test]
async fn g2_a_running_answer_ends_with_its_tool() {
    let changes: [(Option<Change>, bool, &str); 6] = [
        (None, true, "deleted"),
        (Some(|it| it.state = ToolState::Disabled), true, "disabled"),
        (Some(|it| it.auth = USER), true, "another mode"),
        (Some(|it| it.upstream_url = "http://127.0.0.1:1".to_owned()), true, "another API"),
        (Some(|it| it.upstream_url = "ftp://nowhere".to_owned()), true, "cannot be loaded"),
        (Some(|it| it.manifest.contact_email = "a@b.example".to_owned()), false, "a text"),
    ];
    for (change, ends, what) in changes {
        let house = House::new().await;
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nbegun";
        let api = Api::new(move |request| match request.starts_with("GET /never ") {
            true => Act::Hang,
            false => Act::Pieces(vec![head.to_owned()]),
        })
        .await;
        let tool = house.tool("todo", &api, ToolAuth::None).await;
        let who = house.at(&tool, &[]).await.unwrap();
        let answer = house.send(&who, &tool, house.request("/", &[])).await.unwrap();
        let mut body = answer.into_body();
        body.frame().await.unwrap().unwrap();
        let waiting = house.get(&who, &tool, "/never");
        let changed = async {
            while api.seen().len() < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let mut tx = house.begin().await;
            match change {
                None => tx.delete_tool(tool.id()).await.unwrap(),
                Some(change) => {
                    let mut record = tool.record().clone();
                    change(&mut record);
                    tx.update_tool(&record).await.unwrap();
                }
            }
            house.commit(tx).await;
        };
        if !ends {
            tokio::select! {
                biased;
                _ = waiting => panic!("{what} ended an answer"),
                () = changed => assert!(!tool.live.has_ended(), "{what}"),
            }
            continue;
        }
        let (ended, waited, ()) = tokio::join!(body.frame(), waiting, changed);
        assert_eq!(ended.unwrap().map(drop).unwrap_err().kind(), Kind::NotFound, "{what}");
        assert_eq!(waited.unwrap_err().kind(), Kind::NotFound, "{what}");
        let entries = house.entries(2).await;
        assert!(entries.iter().all(|entry| entry.charged_calls == 1), "{what}");
    }
}

#[tokio::test]
async fn g2_a_running_answer_ends_with_its_credential() {
    let house = House::new().await;
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nbegun";
    let api = Api::new(move |_| Act::Pieces(vec![head.to_owned()])).await;
    let tool = house.tool("todo", &api, USER).await;
    let ada = house.user("ada@example.com").await;
    let (key, token) = house.key(KeyHolder::User(ada), Some("todo")).await;
    let who = house.at(&tool, &[&format!("Bearer {}", token.expose())]).await.unwrap();
    let answer = house.send(&who, &tool, house.request("/", &[])).await.unwrap();
    let mut body = answer.into_body();
    body.frame().await.unwrap().unwrap();
    let revoked = async {
        let mut tx = house.begin().await;
        tx.revoke_key(Owner::All, key.id).await.unwrap();
        house.commit(tx).await;
    };
    let (ended, ()) = tokio::join!(body.frame(), revoked);
    let error = ended.unwrap().map(drop).unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthenticated);
    assert_eq!(house.outcome().await, (EntryState::Settled, 1));
}

/// While a call waits for its record to be durable, its tool may end: then nothing goes out.
#[tokio::test]
async fn g2_a_tool_that_ends_before_a_call_is_durable_hears_nothing_of_it() {
    let house = House::new().await;
    let api = Api::new(|_| Act::Hang).await;
    let tool = house.tool("todo", &api, USER).await;
    let budget = Budget { unit: Unit::Calls, limit: 1_000, period: Period::Day };
    house.plan(None, vec![budget]).await;
    let ada = house.user("ada@example.com").await;
    let (_, token) = house.key(KeyHolder::User(ada), Some("todo")).await;
    let who = house.at(&tool, &[&format!("Bearer {}", token.expose())]).await.unwrap();
    let mut calls = Vec::new();
    for _ in 0..8 {
        let request = house.request("/", &[]);
        let call = Call::Tool(ToolCall { tool: tool.id().clone(), request });
        let permit = house.gate.decide(&who, call).unwrap();
        let hold = house.gate.reserve(&permit).await.map_err(|refusal| refusal.error).unwrap();
        calls.push(Box::pin(house.gate.forward(hold)));
    }
    // More at once than a crash may hide: some wait for their commit.
    for call in &mut calls {
        assert!(poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_pending())).await);
    }
    let mut record = tool.record().clone();
    record.state = ToolState::Disabled;
    let mut tx = house.begin().await;
    tx.update_tool(&record).await.unwrap();
    house.commit(tx).await;
    for call in calls {
        assert_eq!(call.await.map(drop).unwrap_err().kind(), Kind::NotFound);
    }
    // What is written of another call comes after all that is written of these.
    let there = Api::new(|_| ok("{}")).await;
    let other = house.tool("other", &there, ToolAuth::None).await;
    let who = house.at(&other, &[]).await.unwrap();
    house.get(&who, &other, "/").await.unwrap();
    let warrant = house.warrant();
    let charged = async {
        loop {
            let filter = EntryFilter::default();
            let rows = house.gate.entry_rows(&warrant, &filter, 100).await.unwrap();
            if rows.iter().any(|row| row.state == EntryState::Settled) {
                return rows.iter().map(|row| row.charged_calls).sum::<i64>() - 1;
            }
            house.clock.advance(Duration::from_millis(60));
            tokio::task::yield_now().await;
        }
    };
    let charged = tokio::time::timeout(Duration::from_secs(20), charged).await.unwrap();
    assert!(charged < 8, "those that waited were neither sent nor charged");
}
