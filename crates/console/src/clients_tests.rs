use serde_json::{Value, json};
use tollgate_kernel::Role;
use tollgate_protocol::api_key::TokenType;
use tollgate_store::KeyHolder;

use crate::testing::{House, refusal};

#[tokio::test]
async fn an_app_lives() {
    let house = House::new().await;
    house.done("POST", "/api/v1/plans", json!({"id": "small"})).await;
    let ada = house.person("ada", Role::Member, None).await;
    let body = json!({"name": "Bot", "type": "confidential", "plan": "small", "owner": ada.id});
    let made = house.done("POST", "/api/v1/clients", body).await;
    let id = made["client_id"].as_str().unwrap().to_owned();
    assert_eq!(made["owner"], json!(ada.id));
    let path = format!("/api/v1/clients/{id}");
    let mut shown = made.clone();
    let secret = shown.as_object_mut().unwrap().remove("client_secret").unwrap();
    assert!(secret.as_str().unwrap().starts_with("tg_secret_"));
    assert_eq!(house.done("GET", &path, Value::Null).await, shown, "a secret is shown once");
    assert_eq!(house.last_act().await, ("client.secret".to_owned(), format!("client:{id}")));
    let again = house.done("POST", &format!("{path}/secret"), Value::Null).await;
    assert!(again["client_secret"].is_string() && again["client_secret"] != secret);

    // A disabled app's keys are refused at once.
    let holder = KeyHolder::App(id.parse().unwrap());
    let key = house.new_key(TokenType::App, holder).await;
    let limits = "/api/v1/me/limits";
    assert_eq!(house.call(&key, "GET", limits, Value::Null).await.0, 200);
    let usage = house.call(&key, "GET", "/api/v1/usage", Value::Null).await;
    assert_eq!(usage, (200, json!({"items": [], "next": null})));
    let merged = house.done("PATCH", &path, json!({"state": "disabled", "owner": null})).await;
    assert_eq!(merged["state"], "disabled");
    assert_eq!(merged["owner"], Value::Null);
    assert_eq!(merged["plan"], "small");
    assert_eq!(merged["name"], "Bot");

    house.done("DELETE", &path, Value::Null).await;
    assert_eq!(house.refused("GET", &path, Value::Null).await.status, 404);
    assert_eq!(house.refused("DELETE", &path, Value::Null).await.status, 404);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_name() {
    let house = House::new().await;
    let unknown = "01939000-0000-7000-8000-000000000001";
    let cases = [
        (json!({}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"name": "a", "type": "secret"}), "type"),
        (json!({"name": "a", "plan": "none"}), "plan"),
        (json!({"name": "a", "owner": unknown}), "owner"),
        (json!({"name": "a", "state": "asleep"}), "state"),
        (json!({"name": "a", "redirect_uris": ["https://a.example/*"]}), "redirect_uris[0]"),
        (json!({"name": "a", "redirect_uris": ["javascript:alert(1)"]}), "redirect_uris[0]"),
        (json!({"name": "a", "origins": ["https://a.example/"]}), "origins[0]"),
        (json!({"name": "a", "grants": ["implicit"]}), "grants[0]"),
        (json!({"name": "a", "scopes": ["a b"]}), "scopes[0]"),
        (json!({"name": "a", "resources": ["https://nobody.example"]}), "resources[0]"),
        (json!({"name": "a", "type": "public", "legacy": true}), "legacy"),
        (
            json!({"name": "a", "type": "public", "auth_method": "client_secret_post"}),
            "auth_method",
        ),
        (json!({"name": "a", "auth_method": "none"}), "auth_method"),
        (json!({"name": "a", "type": "public", "grants": ["client_credentials"]}), "grants"),
        (json!({"name": "a", "access_token_s": 3_601}), "access_token_s"),
        (json!({"name": "a", "access_token_s": 0}), "access_token_s"),
    ];
    for (body, param) in cases {
        let refused = house.refused("POST", "/api/v1/clients", body.clone()).await;
        assert_eq!(refused, refusal(400, "invalid_request", param), "{body}");
    }
    let refused = house.refused("GET", "/api/v1/clients/no-id", Value::Null).await;
    assert_eq!(refused, refusal(404, "not_found", ""));
}
