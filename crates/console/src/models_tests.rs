use serde_json::{Value, json};

use crate::testing::{House, refusal};

async fn house() -> House {
    let house = House::new().await;
    let body = json!({"id": "openai", "base_url": "https://a.example.com/v1"});
    house.done("POST", "/api/v1/upstreams", body).await;
    house
}

#[tokio::test]
async fn an_alias_lives_and_shows_its_price() {
    let house = house().await;
    let body = json!({"upstream": "openai", "model": "priced"});
    let (status, made) = house.admin("PUT", "/api/v1/models/small", body).await;
    assert_eq!(status, 201);
    assert_eq!(made["price"]["input_nano"], 2_500_000_000_i64);
    assert_eq!(made["price"]["cache_write_nano"], Value::Null);
    assert_eq!(made["context_tokens"], 128_000);

    let budgets = json!([{"unit": "calls", "limit": 5, "period": "day"}]);
    let body = json!({"upstream": "openai", "model": "other", "budgets": budgets});
    let (status, changed) = house.admin("PUT", "/api/v1/models/small", body).await;
    assert_eq!(status, 200);
    assert_eq!(changed["price"], Value::Null);
    assert_eq!(changed["budgets"], budgets);
    // A PUT replaces: what it leaves out is gone.
    let body = json!({"upstream": "openai", "model": "other"});
    assert_eq!(house.done("PUT", "/api/v1/models/small", body).await["budgets"], json!([]));

    for alias in ["a", "b", "c"] {
        let body = json!({"upstream": "openai", "model": "priced"});
        house.done("PUT", &format!("/api/v1/models/{alias}"), body).await;
    }
    let first = house.done("GET", "/api/v1/models?limit=3", Value::Null).await;
    let next = first["next"].as_str().unwrap();
    let path = format!("/api/v1/models?limit=3&cursor={next}");
    let second = house.done("GET", &path, Value::Null).await;
    assert_eq!(second["items"].as_array().unwrap().len(), 1);
    assert_eq!(second["items"][0]["alias"], "small");
    assert_eq!(second["next"], Value::Null);

    house.done("DELETE", "/api/v1/models/small", Value::Null).await;
    assert_eq!(house.refused("GET", "/api/v1/models/small", Value::Null).await.status, 404);
    assert_eq!(house.last_act().await, ("model.delete".to_owned(), "model:small".to_owned()));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_name() {
    let house = house().await;
    let cases = [
        ("small", json!({"upstream": "none", "model": "m"}), "upstream"),
        ("small", json!({"upstream": "openai"}), "model"),
        ("small", json!({"upstream": "openai", "model": " "}), "model"),
        ("small", json!({"upstream": "openai", "model": "m", "price": 1}), "price"),
        ("Small", json!({"upstream": "openai", "model": "m"}), "alias"),
    ];
    for (alias, body, param) in cases {
        let path = format!("/api/v1/models/{alias}");
        let refused = house.refused("PUT", &path, body.clone()).await;
        assert_eq!(refused, refusal(400, "invalid_request", param), "{body}");
    }
}
