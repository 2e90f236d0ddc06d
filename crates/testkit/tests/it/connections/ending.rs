//! What ends a connection ends the answers that it lets through.

use serde_json::{Value, json};
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
        while let Ok(Some(more)) = answer.chunk().await {
            assert!(more.is_empty(), "{more:?}");
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
