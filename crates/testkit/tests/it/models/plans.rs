//! Which plan is in effect: one's own, else that of the group with the highest priority, else the
//! default, once the owner has named one.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tollgate_kernel::{Budget, Period, Unit, UserId};
use tollgate_testkit::{Client, Engine, KeySpec, PlanSpec, TestServer};

/// Plans by the one model that each of them allows.
const PLANS: [&str; 4] = ["own", "low", "high", "default"];

struct House {
    server: TestServer,
    admin: Client,
    alice: UserId,
    client: Client,
}

/// Somebody without a plan, and plans that allow a model of their own name.
async fn house() -> House {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let of_plan = PLANS.map(|plan| (format!("of-{plan}"), "chunks=1"));
    server.mocks(&of_plan).await.unwrap();
    for (plan, model) in PLANS.into_iter().zip(["of-own", "of-low", "of-high", "of-default"]) {
        let budgets = vec![Budget { unit: Unit::Calls, limit: 2, period: Period::Day }];
        let spec = PlanSpec { models: vec![model], budgets, ..PlanSpec::default() };
        server.add_plan(plan, &spec).await.unwrap();
    }
    let admin = server.with_bearer(&server.add_admin_key().await.unwrap());
    let alice = server.add_user("alice@example.com", None).await.unwrap();
    let (_, key) = server.add_key(alice, &KeySpec::default()).await.unwrap();
    let client = server.with_bearer(&key);
    House { server, admin, alice, client }
}

impl House {
    async fn group(&self, id: &str, plan: &str, priority: i64) {
        let wish = json!({ "id": id, "name": id, "plan": plan, "priority": priority,
            "members": [self.alice.to_string()] });
        let answer = self.admin.post("/api/v1/groups", &wish).await.unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text);
    }

    async fn change(&self, path: &str, change: &Value) {
        let answer = self.admin.patch(path, change).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// The plan whose model may be called, alone of all; none where nothing may be called.
    async fn in_effect(&self) -> Option<&'static str> {
        let mut found = Vec::new();
        for plan in PLANS {
            let card = self.client.get(&format!("/v1/models/of-{plan}")).await.unwrap();
            match card.status {
                200 => found.push(plan),
                403 => assert!(card.message().contains("No plan is in effect"), "{}", card.text),
                _ => assert_eq!(card.status, 404, "{}", card.text),
            }
        }
        assert!(found.len() < 2, "{found:?}");
        found.pop()
    }
}

#[tokio::test]
async fn a_call_goes_by_the_plan_of_a_group() {
    let house = house().await;
    let refused = house.client.chat("of-low", 5).await.unwrap();
    assert_eq!(refused.status, 403, "{}", refused.text);
    house.group("team", "low", 1).await;
    for left in [1, 0] {
        let answer = house.client.chat("of-low", 5).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        let entry = house.server.entry_of(answer.header("x-request-id")).await.unwrap();
        assert_eq!(entry.user, Some(house.alice.to_string()), "{entry:?}");
        assert_eq!(entry.group.as_deref(), Some("team"), "{entry:?}");
        let limits = house.server.settled_limits(house.client.bearer()).await.unwrap();
        let [limit] = &limits[..] else { panic!("one budget: {limits:?}") };
        assert_eq!(limit.limit - limit.used, left, "the group's plan counts for each user");
    }
    assert_eq!(house.client.chat("of-low", 5).await.unwrap().code(), "insufficient_quota");
    assert_eq!(house.client.chat("of-high", 5).await.unwrap().code(), "model_not_found");
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn ones_own_plan_comes_first_then_the_group_of_the_highest_priority_then_the_default() {
    let house = house().await;
    assert_eq!(house.in_effect().await, None);
    house.change("/api/v1/settings", &json!({ "default_plan": "default" })).await;
    assert_eq!(house.in_effect().await, Some("default"), "for who has no other");
    let answer = house.client.chat("of-default", 5).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);

    house.group("aaa", "low", 1).await;
    assert_eq!(house.in_effect().await, Some("low"));
    house.group("zzz", "high", 2).await;
    assert_eq!(house.in_effect().await, Some("high"), "the highest priority");
    // Of two alike the first by name counts.
    house.change("/api/v1/groups/aaa", &json!({ "priority": 2 })).await;
    assert_eq!(house.in_effect().await, Some("low"));
    house.change("/api/v1/groups/aaa", &json!({ "priority": 1 })).await;
    assert_eq!(house.in_effect().await, Some("high"));

    let alice = format!("/api/v1/users/{}", house.alice);
    house.change(&alice, &json!({ "plan": "own" })).await;
    assert_eq!(house.in_effect().await, Some("own"));
    house.change(&alice, &json!({ "plan": null })).await;
    assert_eq!(house.in_effect().await, Some("high"));
    house.change("/api/v1/groups/zzz", &json!({ "members": [] })).await;
    house.change("/api/v1/groups/aaa", &json!({ "members": [] })).await;
    assert_eq!(house.in_effect().await, Some("default"));
    house.change("/api/v1/settings", &json!({ "default_plan": null })).await;
    assert_eq!(house.in_effect().await, None);
    house.server.stop().await.unwrap();
}

/// Whoever was told that a change is made need not ask twice, however many changes are made.
#[tokio::test]
async fn a_change_is_in_effect_when_it_was_answered() {
    let house = &house().await;
    let people = (0..12).map(|n| async move {
        let id = house.server.add_user(&format!("p{n}@example.com"), None).await.unwrap();
        let (_, key) = house.server.add_key(id, &KeySpec::default()).await.unwrap();
        (format!("/api/v1/users/{id}"), house.server.with_bearer(&key))
    });
    let turns = join_all(people).await.into_iter().map(|(path, client)| async move {
        for turn in 0..20 {
            for (plan, status) in [(json!("own"), 200), (json!("low"), 404)] {
                house.change(&path, &json!({ "plan": plan })).await;
                let card = client.get("/v1/models/of-own").await.unwrap();
                assert_eq!(card.status, status, "turn {turn}: {}", card.text);
            }
        }
    });
    join_all(turns).await;
}
