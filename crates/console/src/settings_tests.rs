use serde_json::{Value, json};

use crate::testing::{House, refusal};

#[tokio::test]
async fn registration_is_closed_until_it_is_opened() {
    let house = House::new().await;
    let path = "/api/v1/settings";
    let first = house.done("GET", path, Value::Null).await;
    let closed = json!({
        "registration": "closed", "default_plan": null, "budgets": [], "declared": [],
    });
    assert_eq!(first, closed);

    house.done("POST", "/api/v1/plans", json!({"id": "small"})).await;
    let budgets = json!([{"unit": "money", "limit": 10_000_000_000_i64, "period": "month"}]);
    let change = json!({"registration": "open", "default_plan": "small", "budgets": budgets});
    let changed = house.done("PATCH", path, change.clone()).await;
    for name in ["registration", "default_plan", "budgets"] {
        assert_eq!(changed[name], change[name]);
    }
    let said = house.last_act().await;
    assert_eq!(said.1, "settings:registration,default_plan,budgets");

    // The default plan counts at once, and cannot be deleted.
    let refused = house.refused("DELETE", "/api/v1/plans/small", Value::Null).await;
    assert_eq!(refused.code, "conflict");
    let merged = house.done("PATCH", path, json!({"default_plan": null})).await;
    assert_eq!(merged["registration"], "open");
    assert_eq!(merged["default_plan"], Value::Null);
    house.done("DELETE", "/api/v1/plans/small", Value::Null).await;
    // A change of nothing is none: no record is written.
    let before = house.last_act().await;
    house.done("PATCH", path, json!({})).await;
    assert_eq!(house.last_act().await, before);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_name() {
    let house = House::new().await;
    let cases = [
        (json!({"registration": "opne"}), "registration"),
        (json!({"default_plan": "none"}), "default_plan"),
        (json!({"budgets": [{"unit": "money", "limit": -1, "period": "day"}]}), "budgets[0]"),
        (json!({"brand": "x"}), "brand"),
    ];
    for (body, param) in cases {
        let refused = house.refused("PATCH", "/api/v1/settings", body.clone()).await;
        assert_eq!(refused, refusal(400, "invalid_request", param), "{body}");
    }
}
