use serde_json::Value;
use tollgate_kernel::EntryState;

use crate::testing::{Call, House, settled, with_entries};

async fn ids(house: &House, query: &str) -> (Vec<String>, Option<String>) {
    let list = house.done("GET", &format!("/api/v1/entries?{query}"), Value::Null).await;
    let id = |item: &Value| format!("{}.{}", item["call_id"].as_str().unwrap(), item["attempt"]);
    let items = list["items"].as_array().unwrap().iter().map(id).collect();
    (items, list["next"].as_str().map(str::to_owned))
}

async fn house() -> House {
    with_entries(|now| {
        let failed = Call { state: EntryState::Failed, ..settled(2, now) };
        vec![
            settled(1, now),
            failed,
            Call { attempt: 2, ..settled(2, now) },
            Call { model: "large", ..settled(3, now) },
            Call { state: EntryState::CrashReserve, ..settled(4, now) },
        ]
    })
    .await
}

fn name(number: u8, attempt: u8) -> String {
    format!("{}.{attempt}", Call::id(number))
}

#[tokio::test]
async fn entries_come_newest_first_and_calls_are_not_torn_apart() {
    let house = house().await;
    let (all, next) = ids(&house, "").await;
    assert_eq!(all, [name(4, 1), name(3, 1), name(2, 2), name(2, 1), name(1, 1)]);
    assert_eq!(next, None);
    let (first, next) = ids(&house, "limit=3").await;
    assert_eq!(first, [name(4, 1), name(3, 1), name(2, 2), name(2, 1)]);
    let (rest, next) = ids(&house, &format!("limit=3&cursor={}", next.unwrap())).await;
    assert_eq!((rest, next), (vec![name(1, 1)], None));
    let (exactly, next) = ids(&house, "limit=5").await;
    assert_eq!((exactly.len(), next), (5, None));
}

#[tokio::test]
async fn every_filter_filters() {
    let house = house().await;
    let call = Call::id(2);
    let cases = [
        ("state=failed".to_owned(), vec![name(2, 1)]),
        ("state=crash_reserve".to_owned(), vec![name(4, 1)]),
        ("model=large".to_owned(), vec![name(3, 1)]),
        (format!("call_id={call}"), vec![name(2, 2), name(2, 1)]),
        (format!("call_id={call}&attempt=2"), vec![name(2, 2)]),
        ("attempt=2".to_owned(), vec![name(2, 2)]),
        ("upstream=openai&model=large".to_owned(), vec![name(3, 1)]),
        ("upstream=other".to_owned(), vec![]),
        ("cost_nano=1000&model=large".to_owned(), vec![name(3, 1)]),
        ("hold_nano=1".to_owned(), vec![]),
        ("hold_nano=5000&model=large".to_owned(), vec![name(3, 1)]),
        ("excess=true".to_owned(), vec![]),
        ("excess=false&model=large".to_owned(), vec![name(3, 1)]),
        ("budget=none".to_owned(), vec![]),
        ("state=open".to_owned(), vec![]),
        (format!("request_id={}", Call::id(1)), vec![name(1, 1)]),
        (format!("user={}", Call::id(9)), vec![]),
        ("to=2026-11-21T07:30:00Z".to_owned(), vec![]),
        ("from=2026-11-21T07:30:00.000001Z".to_owned(), vec![]),
        (format!("at=2026-11-21T07:30:00Z&call_id={}", Call::id(1)), vec![name(1, 1)]),
    ];
    for (query, expected) in cases {
        assert_eq!(ids(&house, &query).await.0, expected, "{query}");
    }
    for (query, param) in [
        ("state=lost", "state"),
        ("attempt=one", "attempt"),
        ("from=today", "from"),
        ("limit=0", "limit"),
        ("cost=1", "cost"),
        ("cursor=x", "cursor"),
    ] {
        let refused = house.refused("GET", &format!("/api/v1/entries?{query}"), Value::Null).await;
        assert_eq!((refused.status, refused.param.as_str()), (400, param), "{query}");
    }
}

#[tokio::test]
async fn an_entry_shows_what_it_is_made_of() {
    let house = house().await;
    let path = format!("/api/v1/entries?call_id={}", Call::id(3));
    let list = house.done("GET", &path, Value::Null).await;
    let entry = &list["items"][0];
    assert_eq!(entry["at"], "2026-11-21T07:30:00Z");
    assert_eq!(entry["state"], "settled");
    assert_eq!(entry["usage"]["input_tokens"], 100);
    assert_eq!(entry["usage"]["reasoning_tokens"], 0);
    assert_eq!((&entry["cost_nano"], &entry["hold_nano"]), (&1_000.into(), &5_000.into()));
    assert_eq!(entry["request_id"], Call::id(3));
    assert_eq!(entry["upstream"], "openai");
}
