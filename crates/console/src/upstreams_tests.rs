use serde_json::{Value, json};
use tollgate_kernel::{Kind, Noun, Slug};
use tollgate_store::{AuditEvent, UpstreamRecord};

use crate::testing::{House, refusal};

const KEY: &str = "sk-canary-0123456789";

async fn record(house: &House, id: &str) -> UpstreamRecord {
    let warrant = house.warrant(Noun::Upstreams);
    house.gate.read(&warrant).upstream(&Slug::parse(id).unwrap()).await.unwrap().unwrap()
}

async fn make(house: &House, id: &str) -> Value {
    let base_url = format!("https://{id}.example.com/v1/");
    let body = json!({"id": id, "base_url": base_url, "api_key": KEY});
    house.done("POST", "/api/v1/upstreams", body).await
}

/// Whether the key in the record opens for the version that the record has.
fn opens(house: &House, record: &UpstreamRecord) -> bool {
    house.gate.carry_key(&house.warrant(Noun::Upstreams), record).is_ok()
}

#[tokio::test]
async fn an_upstream_lives_and_its_key_never_comes_out() {
    let house = House::new().await;
    let made = make(&house, "openai").await;
    assert_eq!(made["base_url"], "https://openai.example.com/v1");
    assert_eq!(made["has_api_key"], true);
    let first = record(&house, "openai").await;
    assert!(opens(&house, &first));

    // The key stays, sealed anew for the new version of its record.
    let change = json!({"header": "API-Key", "timeouts": {"silence_ms": 5_000}});
    let changed = house.done("PATCH", "/api/v1/upstreams/openai", change).await;
    assert_eq!(changed["header"], "api-key");
    assert_eq!(changed["timeouts"], json!({"silence_ms": 5_000}));
    let second = record(&house, "openai").await;
    assert_eq!(second.version, first.version + 1);
    assert!(opens(&house, &second));
    assert_ne!(first.api_key_sealed, second.api_key_sealed);

    // A new key, then none.
    let change = json!({"api_key": "sk-other", "header": null, "timeouts": {"silence_ms": null}});
    let changed = house.done("PATCH", "/api/v1/upstreams/openai", change).await;
    assert_eq!(changed["header"], Value::Null);
    assert_eq!(changed["timeouts"], json!({}));
    assert!(opens(&house, &record(&house, "openai").await));
    let change = json!({"api_key": null});
    let changed = house.done("PATCH", "/api/v1/upstreams/openai", change).await;
    assert_eq!(changed["has_api_key"], false);

    let list = house.done("GET", "/api/v1/upstreams", Value::Null).await;
    let audit = house.done("GET", "/api/v1/audit", Value::Null).await;
    for said in [made, list, audit] {
        assert!(!said.to_string().contains("sk-"), "{said}");
    }
    house.done("DELETE", "/api/v1/upstreams/openai", Value::Null).await;
    assert_eq!(house.refused("GET", "/api/v1/upstreams/openai", Value::Null).await.status, 404);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_name() {
    let house = House::new().await;
    let url = "https://a.example.com/v1";
    let cases = [
        (json!({"base_url": url}), "id"),
        (json!({"id": "a"}), "base_url"),
        (json!({"id": "a", "base_url": "ftp://a.example.com"}), "base_url"),
        (json!({"id": "a", "base_url": "https://a.example.com/?x=1"}), "base_url"),
        (json!({"id": "a", "base_url": "https://u:p@a.example.com/"}), "base_url"),
        (json!({"id": "a", "base_url": "not a url"}), "base_url"),
        (json!({"id": "a", "base_url": "http://a.example.com", "api_key": KEY}), "base_url"),
        (json!({"id": "a", "base_url": url, "api_key": "a b"}), "api_key"),
        (json!({"id": "a", "base_url": url, "api_key": ""}), "api_key"),
        (json!({"id": "a", "base_url": url, "api_key": "a\r\nx: y"}), "api_key"),
        (json!({"id": "a", "base_url": url, "header": "Host"}), "header"),
        (json!({"id": "a", "base_url": url, "header": "a b"}), "header"),
        (json!({"id": "a", "base_url": url, "timeouts": {"silence_ms": 0}}), "timeouts.silence_ms"),
        (json!({"id": "a", "base_url": url, "timeouts": {"idle": 1}}), "timeouts.idle"),
        (json!({"id": "a", "base_url": url, "key": KEY}), "key"),
    ];
    for (body, param) in cases {
        let refused = house.refused("POST", "/api/v1/upstreams", body.clone()).await;
        assert_eq!(refused, refusal(400, "invalid_request", param), "{body}");
    }
    let loopback = json!({"id": "here", "base_url": "http://127.0.0.1:8080/v1", "api_key": KEY});
    house.done("POST", "/api/v1/upstreams", loopback).await;
}

#[tokio::test]
async fn a_key_does_not_follow_to_another_host() {
    let house = House::new().await;
    make(&house, "openai").await;
    let path = "/api/v1/upstreams/openai";
    let elsewhere = json!({"base_url": "https://evil.example.com/v1"});
    let refused = house.refused("PATCH", path, elsewhere).await;
    assert_eq!(refused, refusal(400, "invalid_request", "api_key"));
    assert_eq!(record(&house, "openai").await.base_url, "https://openai.example.com/v1");
    let same_host = json!({"base_url": "https://openai.example.com/v2"});
    assert_eq!(house.done("PATCH", path, same_host).await["has_api_key"], true);
    let with_key = json!({"base_url": "https://new.example.com/v1", "api_key": "sk-new"});
    let moved = house.done("PATCH", path, with_key).await;
    assert_eq!(moved["base_url"], "https://new.example.com/v1");
}

#[tokio::test]
async fn k4_swapped_or_rolled_back_keys_do_not_open() {
    let house = House::new().await;
    make(&house, "one").await;
    make(&house, "two").await;
    let old = record(&house, "one").await.api_key_sealed;
    let change = json!({"header": "api-key"});
    house.done("PATCH", "/api/v1/upstreams/one", change).await;
    let (one, two) = (record(&house, "one").await, record(&house, "two").await);
    assert!(opens(&house, &one) && opens(&house, &two));

    // Whoever can write the store swaps the keys of two rows, or puts an older key back.
    let swapped = UpstreamRecord { api_key_sealed: two.api_key_sealed.clone(), ..one.clone() };
    let rolled_back = UpstreamRecord { api_key_sealed: old, ..one.clone() };
    let later = UpstreamRecord { version: one.version + 1, ..one.clone() };
    for record in [&swapped, &rolled_back, &later] {
        assert!(!opens(&house, record));
    }
    let mut tx = house.gate.begin(&house.warrant(Noun::Upstreams)).await.unwrap();
    tx.put_upstream(&swapped).await.unwrap();
    tx.commit(AuditEvent::new("test", "upstream:one")).await.unwrap();
    let refused = house.refused("PATCH", "/api/v1/upstreams/one", json!({"header": "x-key"})).await;
    assert_eq!(refused.status, 500);
    assert_ne!(record(&house, "one").await.header.as_deref(), Some("x-key"));
    let error = house.gate.carry_key(&house.warrant(Noun::Upstreams), &swapped).unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
    // A new key mends it.
    house.done("PATCH", "/api/v1/upstreams/one", json!({"api_key": "sk-mended"})).await;
    assert!(opens(&house, &record(&house, "one").await));
}

#[tokio::test]
async fn an_upstream_that_a_model_leads_to_stays() {
    let house = House::new().await;
    make(&house, "openai").await;
    let body = json!({"upstream": "openai", "model": "gpt-4o-mini"});
    house.done("PUT", "/api/v1/models/small", body).await;
    let refused = house.refused("DELETE", "/api/v1/upstreams/openai", Value::Null).await;
    assert_eq!(refused, refusal(409, "conflict", ""));
    let taken = json!({"id": "openai", "base_url": "https://a.example.com"});
    let refused = house.refused("POST", "/api/v1/upstreams", taken).await;
    assert_eq!(refused, refusal(409, "conflict", ""));
}
