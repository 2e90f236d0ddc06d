use serde_json::{Value, json};

use crate::testing::House;

#[tokio::test]
async fn every_change_is_in_the_chain_with_its_request() {
    let house = House::new().await;
    let headers = [("authorization", house.admin.as_str())];
    let body = json!({"id": "small"}).to_string();
    let answer = house.send("POST", "/api/v1/plans", &headers, body).await;
    let request = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    house.done("PATCH", "/api/v1/plans/small", json!({"models": []})).await;

    let list = house.done("GET", "/api/v1/audit", Value::Null).await;
    let newest = &list["items"][0];
    assert_eq!(newest["action"], "plan.update");
    assert_eq!(newest["target"], "plan:small");
    assert_eq!(newest["from"], "127.0.0.1");
    assert_eq!(newest["hash"].as_str().unwrap().len(), 64);
    assert!(newest["actor"].as_str().unwrap().starts_with("admin_key:"));
    assert_eq!(list["items"][1]["request_id"], request);

    let only = house.done("GET", "/api/v1/audit?action=plan.create", Value::Null).await;
    assert_eq!(only["items"].as_array().unwrap().len(), 1);
    let page = house.done("GET", "/api/v1/audit?limit=1", Value::Null).await;
    let next = page["next"].as_str().unwrap();
    let path = format!("/api/v1/audit?limit=1&cursor={next}");
    assert_eq!(house.done("GET", &path, Value::Null).await["items"][0], list["items"][1]);
}

#[tokio::test]
async fn a_refused_change_leaves_no_record() {
    let house = House::new().await;
    house.done("POST", "/api/v1/plans", json!({"id": "small"})).await;
    let before = house.last_act().await;
    house.refused("POST", "/api/v1/plans", json!({"id": "small"})).await;
    house.refused("DELETE", "/api/v1/plans/none", Value::Null).await;
    assert_eq!(house.last_act().await, before);
}
