use serde_json::{Value, json};
use tollgate_kernel::Role;

use crate::testing::{House, refusal};

#[tokio::test]
async fn a_group_lives() {
    let house = House::new().await;
    house.done("POST", "/api/v1/plans", json!({"id": "small"})).await;
    let ada = house.person("ada", Role::Member, None).await;
    let bob = house.person("bob", Role::Member, None).await;
    let made = house.done("POST", "/api/v1/groups", json!({"id": "research"})).await;
    assert_eq!(made["name"], "research");
    assert_eq!(made["members"], json!([]));

    let change = json!({
        "name": "Research",
        "plan": "small",
        "priority": 5,
        "pool": [{"unit": "money", "limit": 5_000_000_000_i64, "period": "month"}],
        "members": [ada.id, bob.id],
    });
    let changed = house.done("PATCH", "/api/v1/groups/research", change).await;
    assert_eq!(changed["members"].as_array().unwrap().len(), 2);
    assert_eq!(changed["pool"][0]["unit"], "money");

    // The pool counts for members from now on, and only for them.
    let (_, limits) = house.call(&ada.key, "GET", "/api/v1/me/limits", Value::Null).await;
    assert_eq!(limits["items"][0]["scope"], json!({"kind": "group", "id": "research"}));
    let fewer = json!({"members": [bob.id], "plan": null});
    let fewer = house.done("PATCH", "/api/v1/groups/research", fewer).await;
    assert_eq!(fewer["members"], json!([bob.id]));
    assert_eq!(fewer["plan"], Value::Null);
    assert_eq!(fewer["priority"], 5);

    house.done("DELETE", "/api/v1/groups/research", Value::Null).await;
    let gone = house.refused("GET", "/api/v1/groups/research", Value::Null).await;
    assert_eq!(gone.status, 404);
    assert_eq!(house.last_act().await.0, "group.delete");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_name() {
    let house = House::new().await;
    let unknown = "01939000-0000-7000-8000-000000000001";
    let pool = json!([{"unit": "calls", "limit": -1, "period": "day"}]);
    let cases = [
        (json!({"id": "g", "plan": "none"}), "plan"),
        (json!({"id": "g", "name": "  "}), "name"),
        (json!({"id": "g", "name": "a\nb"}), "name"),
        (json!({"id": "g", "pool": pool}), "pool[0]"),
        (json!({"id": "g", "members": [unknown]}), "members[0]"),
        (json!({"id": "g", "members": ["ada"]}), "members[0]"),
        (json!({"id": "g", "budgets": []}), "budgets"),
    ];
    for (body, param) in cases {
        let refused = house.refused("POST", "/api/v1/groups", body.clone()).await;
        assert_eq!(refused, refusal(400, "invalid_request", param), "{body}");
    }
    let list = house.done("GET", "/api/v1/groups", Value::Null).await;
    assert_eq!(list["items"], json!([]));
}
