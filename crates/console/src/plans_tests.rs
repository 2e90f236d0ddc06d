use serde_json::{Value, json};
use tollgate_kernel::{Noun, Role, Slug};
use tollgate_store::{AuditEvent, PlanRecord};

use crate::plans::unlimited;
use crate::testing::{House, refusal};

#[tokio::test]
async fn a_plan_lives() {
    let house = House::new().await;
    let made = house.done("POST", "/api/v1/plans", json!({"id": "small"})).await;
    assert_eq!(made["models"], json!(["*"]));
    assert_eq!(made["max_output_tokens"], 4_096);
    assert_eq!(made["time_zone"], "UTC");
    assert_eq!(house.last_act().await, ("plan.create".to_owned(), "plan:small".to_owned()));

    let change = json!({
        "models": ["gpt-4o*"],
        "rates": {"requests_per_minute": 20, "concurrent": 4},
        "budgets": [{"unit": "tokens", "limit": 100_000, "period": "day"}],
        "time_zone": "Asia/Tokyo",
        "max_output_tokens": 1_000,
    });
    let changed = house.done("PATCH", "/api/v1/plans/small", change).await;
    assert_eq!(changed["rates"], json!({"requests_per_minute": 20, "concurrent": 4}));
    assert_eq!(changed["budgets"][0]["limit"], 100_000);

    // A change merges: what it leaves out stays, null takes away.
    let merged = json!({"rates": {"concurrent": null}, "max_output_tokens": null});
    let merged = house.done("PATCH", "/api/v1/plans/small", merged).await;
    assert_eq!(merged["rates"], json!({"requests_per_minute": 20}));
    assert_eq!(merged["max_output_tokens"], 4_096);
    assert_eq!(merged["time_zone"], "Asia/Tokyo");
    assert_eq!((&made["tools"], &merged["tools"]), (&Value::Null, &Value::Null));
    for tools in [json!([]), json!(["*"]), json!(["todo", "notes"]), Value::Null] {
        let named = json!({"tools": tools});
        let named = house.done("PATCH", "/api/v1/plans/small", named).await;
        assert_eq!(named["tools"], tools);
    }
    let merged = house.done("GET", "/api/v1/plans/small", Value::Null).await;
    assert_eq!(house.done("GET", "/api/v1/plans/small", Value::Null).await, merged);

    assert_eq!(house.admin("DELETE", "/api/v1/plans/small", Value::Null).await, (204, Value::Null));
    let gone = house.refused("GET", "/api/v1/plans/small", Value::Null).await;
    assert_eq!(gone, refusal(404, "not_found", ""));
    let gone = house.refused("DELETE", "/api/v1/plans/small", Value::Null).await;
    assert_eq!(gone.status, 404);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_name() {
    let house = House::new().await;
    house.done("POST", "/api/v1/plans", json!({"id": "a"})).await;
    let budget = |unit: &str, limit: i64| json!({"unit": unit, "limit": limit, "period": "day"});
    let cases = [
        (json!({}), "id"),
        (json!({"id": "B"}), "id"),
        (json!({"id": "b", "tolls": []}), "tolls"),
        (json!({"id": "b", "models": ["a*b"]}), "models[0]"),
        (json!({"id": "b", "tools": ["todo*"]}), "tools[0]"),
        (json!({"id": "b", "rates": {"concurrent": 0}}), "rates.concurrent"),
        (json!({"id": "b", "rates": {"per_hour": 1}}), "rates.per_hour"),
        (json!({"id": "b", "budgets": [budget("tokens", -1)]}), "budgets[0]"),
        (json!({"id": "b", "budgets": [budget("calls", 1), budget("calls", 2)]}), "budgets[0]"),
        (json!({"id": "b", "budgets": [budget("euros", 1)]}), "budgets[0].unit"),
        (json!({"id": "b", "time_zone": "Mars/Olympus"}), "time_zone"),
        (json!({"id": "b", "max_output_tokens": 0}), "max_output_tokens"),
    ];
    for (body, param) in cases {
        let refused = house.refused("POST", "/api/v1/plans", body.clone()).await;
        assert_eq!(refused, refusal(400, "invalid_request", param), "{body}");
    }
    let renamed = house.refused("PATCH", "/api/v1/plans/a", json!({"id": "b"})).await;
    assert_eq!(renamed, refusal(400, "invalid_request", "id"));
    let taken = house.refused("POST", "/api/v1/plans", json!({"id": "a"})).await;
    assert_eq!(taken, refusal(409, "conflict", ""));
    let list = house.done("GET", "/api/v1/plans", Value::Null).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn declared_and_used_plans_stay() {
    let house = House::new().await;
    let mut declared = PlanRecord::new(Slug::parse("filed").unwrap(), unlimited().unwrap());
    declared.declared = true;
    let mut tx = house.gate.begin(&house.warrant(Noun::Plans)).await.unwrap();
    tx.put_plan(&declared).await.unwrap();
    tx.commit(AuditEvent::new("plan.create", "plan:filed")).await.unwrap();
    for (method, body) in [("PATCH", json!({"models": []})), ("DELETE", Value::Null)] {
        let refused = house.refused(method, "/api/v1/plans/filed", body).await;
        assert_eq!(refused, refusal(409, "declared", ""), "{method}");
    }
    // Nor does its form come back with a button, whatever was sent.
    let owner = house.person("owner", Role::Owner, None).await;
    let fields = [("models", "a*b"), ("time_zone", "UTC")];
    let (status, _, html) = house.submit(&owner, "/admin/plans/filed", &fields).await;
    assert_eq!(status, 400);
    assert!(!html.contains("Save plan"), "{html}");
    house.done("POST", "/api/v1/plans", json!({"id": "used"})).await;
    house.person("ada", Role::Member, Some("used")).await;
    let refused = house.refused("DELETE", "/api/v1/plans/used", Value::Null).await;
    assert_eq!(refused, refusal(409, "conflict", ""));
}

#[tokio::test]
async fn t66_limits_and_cursors_of_nobodys_making_are_refused() {
    let house = House::new().await;
    for id in ["a", "b", "c"] {
        house.done("POST", "/api/v1/plans", json!({"id": id})).await;
    }
    for limit in ["0", "-1", "501", "99999999999999999999", "x", ""] {
        let path = format!("/api/v1/plans?limit={limit}");
        let refused = house.refused("GET", &path, Value::Null).await;
        assert_eq!(refused, refusal(400, "invalid_request", "limit"), "{limit}");
    }
    let first = house.done("GET", "/api/v1/plans?limit=2", Value::Null).await;
    let cursor = first["next"].as_str().unwrap();
    let path = format!("/api/v1/plans?limit=2&cursor={cursor}");
    let second = house.done("GET", &path, Value::Null).await;
    assert_eq!(second["items"][0]["id"], "c");
    assert_eq!(second["next"], Value::Null);

    let forged: String = cursor.chars().rev().collect();
    let changed = format!("{}A", &cursor[..cursor.len() - 1]);
    for bad in ["a", "", "%27%20OR%201=1", &forged, &changed, &cursor[..cursor.len() - 2]] {
        let path = format!("/api/v1/plans?cursor={bad}");
        let refused = house.refused("GET", &path, Value::Null).await;
        assert_eq!(refused, refusal(400, "invalid_request", "cursor"), "{bad}");
    }
    // A cursor of one list is none of another.
    for list in ["groups", "clients", "upstreams", "models", "entries", "audit"] {
        let path = format!("/api/v1/{list}?cursor={cursor}");
        let refused = house.refused("GET", &path, Value::Null).await;
        assert_eq!(refused, refusal(400, "invalid_request", "cursor"), "{list}");
    }
}

#[tokio::test]
async fn t87_members_manage_nothing() {
    let house = House::new().await;
    house.done("POST", "/api/v1/plans", json!({"id": "small"})).await;
    let ada = house.person("ada", Role::Member, Some("small")).await;
    let nouns = ["plans", "groups", "clients", "upstreams", "models", "settings", "audit"];
    for noun in nouns {
        let path = format!("/api/v1/{noun}");
        assert_eq!(house.call(&ada.key, "GET", &path, Value::Null).await.0, 403, "{noun}");
        let answer = house.send("GET", &path, &[("cookie", &ada.session)], "").await;
        assert_eq!(answer.status(), 403, "{noun}");
        let answer = house.send("GET", &path, &[], "").await;
        assert_eq!(answer.status(), 401, "{noun}");
    }
    let (status, _) = house.call(&ada.key, "DELETE", "/api/v1/plans/small", Value::Null).await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn a_changed_plan_counts_at_once() {
    let house = House::new().await;
    let budget = |limit: i64| json!([{"unit": "tokens", "limit": limit, "period": "day"}]);
    let plan = json!({"id": "small", "budgets": budget(1_000)});
    house.done("POST", "/api/v1/plans", plan).await;
    let ada = house.person("ada", Role::Member, Some("small")).await;
    let limit = async || {
        let (_, limits) = house.call(&ada.key, "GET", "/api/v1/me/limits", Value::Null).await;
        limits["items"][0]["limit"].clone()
    };
    assert_eq!(limit().await, 1_000);
    house.done("PATCH", "/api/v1/plans/small", json!({"budgets": budget(7)})).await;
    assert_eq!(limit().await, 7);
}
