//! What ends a connection ends the answers that it lets through.

use serde_json::{Value, json};
use tollgate_gate::{Call, ConnectionCall, PlainRequest, plain_headers};
use tollgate_kernel::{Kind, RequestId};
use tollgate_testkit::PluginWays;

use super::{House, asked};

impl House {
    /// Begins an answer that does not end by itself, and gives it with its first bytes read.
    async fn running(&self, connection: &Value) -> reqwest::Response {
        let path = format!("/connections/{}/drip", connection["id"].as_str().unwrap());
        let client = self.server.with_bearer(&self.key);
        let mut answer = client.request("GET", &path).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        assert_eq!(answer.chunk().await.unwrap().unwrap(), "first ");
        answer
    }
}

/// It breaks off: nobody takes it for whole.
async fn breaks_off(mut answer: reqwest::Response) {
    let end = async {
        loop {
            match answer.chunk().await {
                Ok(Some(more)) => assert!(more.is_empty(), "{more:?}"),
                Ok(None) => panic!("it ends as if it were whole"),
                Err(_) => return,
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), end).await.expect("it goes on");
}

#[tokio::test]
async fn what_is_removed_or_suspended_ends_running_answers() {
    for what in ["connection", "install", "suspended", "person"] {
        let house = House::with(PluginWays::default()).await;
        let install = house.install(json!({})).await;
        let connection = house.begin(&install).await;
        let answer = house.running(&connection).await;
        let at = |noun: &str, of: &Value| format!("/api/v1/{noun}/{}", of["id"].as_str().unwrap());
        match what {
            "connection" => {
                let path = at("connections", &connection);
                let gone = asked(&house.person, "DELETE", &path, Value::Null).await;
                assert_eq!(gone.status, 204, "{}", gone.text);
            }
            "install" => {
                let gone = house.asked("DELETE", &at("installs", &install), Value::Null).await;
                assert_eq!(gone.status, 204, "{}", gone.text);
            }
            "suspended" => {
                let body = json!({ "suspended": true });
                house.done("PATCH", &at("installs", &install), body).await;
            }
            _ => house.server.set_active(house.user, false).await.unwrap(),
        }
        breaks_off(answer).await;
        let entries = house.entries_in("settled", 1).await;
        assert_eq!(entries.len(), 1, "{what}: {entries:?}");
    }
}

/// A person's key ends with them, and so does what they are connected to.
#[tokio::test]
async fn a_person_who_goes_ends_the_life_of_their_connections() {
    let house = House::with(PluginWays::default()).await;
    let install = house.install(json!({})).await;
    let id = house.begin(&install).await["id"].as_str().unwrap().parse().unwrap();
    let gate = &house.server.gate;
    let who = house.server.principal(&house.key).await.unwrap();
    let request = PlainRequest {
        id: RequestId::new(&**gate.clock(), &**gate.rng()),
        method: http::Method::GET,
        path_and_query: "/todos".parse().unwrap(),
        headers: plain_headers(&http::HeaderMap::new()).unwrap(),
        body: bytes::Bytes::new(),
    };
    let connection = gate.connection(&who, id).await.unwrap();
    let call = ConnectionCall { connection, refused: None, request };
    let permit = gate.decide(&who, Call::Connection(call)).unwrap();
    let hold = gate.reserve(&permit).await.map_err(|refusal| refusal.error).unwrap();
    house.server.set_active(house.user, false).await.unwrap();
    gate.heed().await;
    let error = gate.forward(hold).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound, "by the end of the connection: {error}");
    assert!(house.plugin.calls().is_empty());
}

/// Nobody waits for an answer of what is not there any more.
#[tokio::test]
async fn a_connection_that_ends_ends_the_wait_for_an_answer() {
    for noun in ["connections", "installs"] {
        let house = House::with(PluginWays::default()).await;
        let install = house.install(json!({})).await;
        let connection = house.begin(&install).await;
        let path = format!("/connections/{}/never", connection["id"].as_str().unwrap());
        let client = house.server.with_bearer(&house.key);
        let waiting = tokio::spawn(async move { client.get(&path).await.unwrap() });
        let asked_there = async {
            while house.plugin.calls().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        let patience = std::time::Duration::from_secs(10);
        tokio::time::timeout(patience, asked_there).await.expect("it is asked");
        let (who, of) = match noun {
            "connections" => (&house.person, &connection),
            _ => (&house.owner, &install),
        };
        let path = format!("/api/v1/{noun}/{}", of["id"].as_str().unwrap());
        assert_eq!(asked(who, "DELETE", &path, Value::Null).await.status, 204, "{noun}");
        let answer = tokio::time::timeout(patience, waiting).await.expect("it waits on").unwrap();
        assert_eq!(answer.status, 404, "{noun}: {}", answer.text);
        assert!(answer.text.contains("was changed or taken away meanwhile"), "{}", answer.text);
        let entries = house.entries_in("estimated", 1).await;
        assert_eq!(entries.len(), 1, "{noun}: it may have been done: {entries:?}");
    }
}

/// What changes without ending anything lets them run.
#[tokio::test]
async fn new_tokens_and_other_peoples_ends_let_answers_run() {
    let house = House::oauth().await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    let mut answer = house.running(&connection).await;
    house.plugin.forget_access();
    let path = format!("/connections/{}/todos", connection["id"].as_str().unwrap());
    let client = house.server.with_bearer(&house.key);
    assert_eq!(client.get(&path).await.unwrap().status, 200, "with new tokens");
    let (bob, _) = house.server.caller("bob", Vec::new()).await.unwrap();
    house.server.set_active(bob, false).await.unwrap();
    house
        .done(
            "PATCH",
            &format!("/api/v1/installs/{}", install["id"].as_str().unwrap()),
            json!({ "scope": "todos more" }),
        )
        .await;
    house.plugin.finish();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "rest", "it runs on");
    assert_eq!(answer.chunk().await.unwrap(), None);
}
