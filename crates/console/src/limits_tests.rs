use serde_json::{Value, json};
use tollgate_kernel::Role;

use crate::testing::House;

#[tokio::test]
async fn limits_say_what_is_left_and_until_when() {
    let house = House::new().await;
    let budgets = json!([
        {"unit": "tokens", "limit": 1_000, "period": "day"},
        {"unit": "money", "limit": 5_000, "period": "month"},
    ]);
    let plan = json!({"id": "small", "budgets": budgets, "time_zone": "Asia/Tokyo"});
    house.done("POST", "/api/v1/plans", plan).await;
    let ada = house.person("ada", Role::Member, Some("small")).await;
    for path in ["/api/v1/me/limits", "/api/v1/limits"] {
        let (status, limits) = house.call(&ada.key, "GET", path, Value::Null).await;
        assert_eq!(status, 200);
        let items = limits["items"].as_array().unwrap();
        let tokens = items.iter().find(|item| item["unit"] == "tokens").unwrap();
        assert_eq!(
            tokens,
            &json!({
                "scope": {"kind": "user", "id": ada.id}, "unit": "tokens", "period": "day",
                "limit": 1_000, "used": 0, "held": 0, "left": 1_000,
                "resets_at": "2026-11-21T15:00:00Z",
            })
        );
        assert_eq!(items.len(), 2);
    }
}

#[tokio::test]
async fn who_calls_no_models_has_no_limits_and_who_has_no_plan_is_told() {
    let house = House::new().await;
    let none = house.done("GET", "/api/v1/limits", Value::Null).await;
    assert_eq!(none["items"], json!([]));
    let bob = house.person("bob", Role::Member, None).await;
    let (status, told) = house.call(&bob.key, "GET", "/api/v1/me/limits", Value::Null).await;
    assert_eq!((status, &told["code"]), (403, &json!("forbidden")));
}
