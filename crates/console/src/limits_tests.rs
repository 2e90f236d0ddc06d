use serde_json::{Value, json};
use tollgate_kernel::{KeyId, Role, UserId};
use tollgate_protocol::api_key::TokenType;
use tollgate_store::KeyHolder;

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

/// `kind/id unit limit` of each, in order.
async fn shown(house: &House, who: &str, query: &str) -> Vec<String> {
    let path = format!("/api/v1/limits{query}");
    let (status, list) = house.call(who, "GET", &path, Value::Null).await;
    assert_eq!(status, 200, "{query}: {list}");
    let text = |item: &Value| {
        let (scope, text) = (&item["scope"], |value: &Value| value.as_str().unwrap().to_owned());
        let (kind, id, unit) = (text(&scope["kind"]), text(&scope["id"]), text(&item["unit"]));
        format!("{kind}/{id} {unit} {}", item["limit"])
    };
    list["items"].as_array().unwrap().iter().map(text).collect()
}

#[tokio::test]
async fn admins_see_everybodys_limits_and_the_shared_ones() {
    let house = House::new().await;
    let budget = |unit: &str, limit: i64| json!([{"unit": unit, "limit": limit, "period": "day"}]);
    let plan = json!({"id": "small", "budgets": budget("tokens", 10)});
    house.done("POST", "/api/v1/plans", plan).await;
    let all = json!({"budgets": budget("calls", 20)});
    house.done("PATCH", "/api/v1/settings", all).await;
    let ada = house.person("ada", Role::Member, Some("small")).await;
    let bob = house.person("bob", Role::Member, None).await;
    let pool =
        json!({"id": "lab", "name": "Lab", "pool": budget("calls", 30), "members": [ada.id]});
    house.done("POST", "/api/v1/groups", pool).await;
    let up = json!({"id": "up", "base_url": "https://up.example/v1"});
    house.done("POST", "/api/v1/upstreams", up).await;
    let model = json!({"upstream": "up", "model": "m", "budgets": budget("calls", 40)});
    house.done("PUT", "/api/v1/models/small-one", model).await;

    let of_ada = format!("user/{} tokens 10", ada.id);
    let (of_all, of_lab) = ("installation/ calls 20", "group/lab calls 30");
    let admin = house.admin.clone();
    assert_eq!(
        shown(&house, &admin, "").await,
        [of_lab, of_all, "model/small-one calls 40"],
        "all that is shared"
    );
    let query = format!("?user={}", ada.id);
    assert_eq!(shown(&house, &admin, &query).await, [of_lab, of_all, &of_ada]);
    assert_eq!(shown(&house, &admin, &format!("?user={}", bob.id)).await, [""; 0], "no plan");
    assert_eq!(shown(&house, &admin, "?group=lab").await, [of_lab]);
    assert_eq!(shown(&house, &admin, "?model=small-one").await, ["model/small-one calls 40"]);
    assert_eq!(shown(&house, &ada.key, &query).await, [of_lab, of_all, &of_ada], "her own");
    for (who, query, status) in [
        (&admin, format!("?user={}&group=lab", ada.id), 400),
        (&admin, "?users=x".to_owned(), 400),
        (&admin, "?group=none".to_owned(), 404),
        (&admin, "?model=none".to_owned(), 404),
        (&admin, format!("?user={}", ada.session_id), 404),
        (&admin, format!("?key={}", ada.session_id), 404),
        (&ada.key, "?group=lab".to_owned(), 404),
        (&ada.key, format!("?user={}", bob.id), 404),
    ] {
        let path = format!("/api/v1/limits{query}");
        assert_eq!(house.call(who, "GET", &path, Value::Null).await.0, status, "{query}");
    }
}

#[tokio::test]
async fn t87_a_person_sees_the_limits_of_their_own_keys_alone() {
    let house = House::new().await;
    let budget = json!([{"unit": "tokens", "limit": 10, "period": "day"}]);
    house.done("POST", "/api/v1/plans", json!({"id": "small", "budgets": budget})).await;
    let ada = house.known_person("ada", Role::Member, Some("small"), known(&house)).await;
    let (bob_id, bob_key) = known(&house);
    let bob = house.known_person("bob", Role::Member, Some("small"), (bob_id, bob_key)).await;
    let path = format!("/api/v1/limits?key={bob_key}");
    let of_bob = format!("user/{bob_id} tokens 10");
    assert_eq!(shown(&house, &bob.key, &format!("?key={bob_key}")).await, [of_bob]);
    assert_eq!(house.call(&ada.key, "GET", &path, Value::Null).await.0, 404);
    for (session, status) in [(&bob.session, 200), (&ada.session, 404)] {
        let seen = house.send("GET", &path, &[("cookie", session)], String::new()).await;
        assert_eq!(seen.status(), status);
    }
}

#[tokio::test]
async fn t87_a_key_sees_its_own_budgets_alone() {
    let house = House::new().await;
    let budget = json!([{"unit": "tokens", "limit": 10, "period": "day"}]);
    house.done("POST", "/api/v1/plans", json!({"id": "small", "budgets": budget})).await;
    let (id, sibling) = known(&house);
    let ada = house.known_person("ada", Role::Member, Some("small"), (id, sibling)).await;
    let (second, own) = house.named_key(TokenType::User, KeyHolder::User(id)).await;
    let of_ada = format!("user/{id} tokens 10");
    let (own, sibling) = (format!("?key={own}"), format!("?key={sibling}"));
    assert_eq!(shown(&house, &second, &own).await, [of_ada.as_str()]);
    assert_eq!(shown(&house, &ada.key, &sibling).await, [of_ada.as_str()]);
    for (who, query) in [(&second, &sibling), (&ada.key, &own)] {
        let path = format!("/api/v1/limits{query}");
        assert_eq!(house.call(who, "GET", &path, Value::Null).await.0, 404, "{query}");
    }
    // Their person sees both, and so does an admin key.
    for query in [&own, &sibling] {
        let path = format!("/api/v1/limits{query}");
        let seen = house.send("GET", &path, &[("cookie", &ada.session)], String::new()).await;
        assert_eq!(seen.status(), 200, "{query}");
        assert_eq!(house.call(&house.admin, "GET", &path, Value::Null).await.0, 200, "{query}");
    }
}

/// Ids that are known before.
fn known(house: &House) -> (UserId, KeyId) {
    let (clock, rng) = (&**house.gate.clock(), &**house.gate.rng());
    (UserId::new(clock, rng), KeyId::new(clock, rng))
}
