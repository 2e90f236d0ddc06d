use serde_json::{Value, json};
use tollgate_kernel::{EntryState, KeyId, Role, Timestamp, UserId};

use crate::testing::{Call, House, Person, settled, text, with_entries};

fn days_before(now: Timestamp, days: u64) -> Timestamp {
    now.minus(std::time::Duration::from_secs(days * 86_400))
}

async fn house() -> House {
    with_entries(|now| {
        let other: UserId = Call::id(0xee).parse().unwrap();
        vec![
            settled(1, days_before(now, 40)),
            settled(2, days_before(now, 1)),
            Call { user: Some(other), model: "=cmd()", ..settled(3, now) },
            Call { state: EntryState::Estimated, ..settled(4, now) },
            Call { state: EntryState::CrashReserve, ..settled(5, now) },
        ]
    })
    .await
}

#[tokio::test]
async fn usage_is_summed_by_what_is_asked() {
    let house = house().await;
    let usual = house.done("GET", "/api/v1/usage", Value::Null).await;
    let items = usual["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(items[0]["day"], "2026-11-21");
    assert_eq!(items[0]["calls"], 2);
    assert_eq!(items[0]["estimated"], 1);
    assert_eq!(items[0]["input_tokens"], 200);
    assert_eq!(items[0]["cost_nano"], 2_000);
    assert_eq!(items[0]["held_nano"], 0);
    assert!(items[0].get("model").is_none());

    let path = "/api/v1/usage?by=user,model&from=2026-11-21&to=2026-11-21";
    let split = house.done("GET", path, Value::Null).await;
    let items = split["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert!(items.iter().any(|item| item["user"].is_null() && item["model"] == "small"));
    let path = "/api/v1/usage?by=model&model=small&from=2026-10-01";
    let all = house.done("GET", path, Value::Null).await;
    assert_eq!(
        all["items"],
        json!([{
            "model": "small", "calls": 3, "input_tokens": 300, "cached_tokens": 0,
            "output_tokens": 60, "cost_nano": 3_000, "held_nano": 0, "unpriced": 0,
            "estimated": 1, "interrupted": 0,
        }])
    );
    for (query, param) in [
        ("by=upstream", "by"),
        ("by=day,day", "by"),
        ("by=", "by"),
        ("format=xml", "format"),
        ("from=x", "from"),
        ("usr=1", "usr"),
    ] {
        let refused = house.refused("GET", &format!("/api/v1/usage?{query}"), Value::Null).await;
        assert_eq!((refused.status, refused.param.as_str()), (400, param), "{query}");
    }
}

#[tokio::test]
async fn usage_as_csv_is_safe_to_open() {
    let house = house().await;
    let headers = [("authorization", house.admin.as_str())];
    let path = "/api/v1/usage?by=day,model&format=csv&from=2026-11-21";
    let answer = house.send("GET", path, &headers, "").await;
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/csv"));
    assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"usage.csv\"");
    let csv = text(answer).await;
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(
        lines[0],
        "day,model,calls,input_tokens,cached_tokens,output_tokens,cost_nano,held_nano,unpriced,\
         estimated,interrupted"
    );
    assert!(lines.contains(&"2026-11-21,\"'=cmd()\",1,100,0,20,1000,0,0,0,0"), "{csv}");
}

/// Ada's calls with her key and without one, and somebody else's.
async fn house_of_ada() -> (House, Person) {
    let ada: UserId = Call::id(0xaa).parse().unwrap();
    let key: KeyId = Call::id(0xab).parse().unwrap();
    let house = with_entries(move |now| {
        let other: UserId = Call::id(0xee).parse().unwrap();
        vec![
            Call { user: Some(ada), key: Some(key), ..settled(1, now) },
            Call { user: Some(ada), ..settled(2, now) },
            Call { user: Some(other), ..settled(3, now) },
            settled(4, now),
        ]
    })
    .await;
    let ada = house.known_person("ada", Role::Member, None, (ada, key)).await;
    (house, ada)
}

#[tokio::test]
async fn t87_members_see_their_own_alone() {
    let (house, ada) = house_of_ada().await;
    let get = async |path: &str| {
        let answer = house.send("GET", path, &[("cookie", &ada.session)], "").await;
        let status = answer.status().as_u16();
        (status, serde_json::from_str::<Value>(&text(answer).await).unwrap())
    };
    let (_, usage) = get("/api/v1/usage").await;
    assert_eq!(usage["items"][0]["calls"], 2);
    let (_, entries) = get("/api/v1/entries").await;
    assert_eq!(entries["items"].as_array().unwrap().len(), 2);
    for list in ["usage", "entries"] {
        assert_eq!(get(&format!("/api/v1/{list}?user={}", Call::id(0xee))).await.0, 404, "{list}");
        assert_eq!(get(&format!("/api/v1/{list}?user={}", ada.id)).await.0, 200, "{list}");
    }
    let (_, others) = get(&format!("/api/v1/entries?call_id={}", Call::id(3))).await;
    assert_eq!(others["items"], json!([]));
    let nobody = house.send("GET", "/api/v1/usage", &[], "").await;
    assert_eq!(nobody.status(), 401);
    // Who may see everybody's does.
    let all = house.done("GET", "/api/v1/usage", Value::Null).await;
    assert_eq!(all["items"][0]["calls"], 4);
}

#[tokio::test]
async fn t87_a_key_sees_what_it_was_used_for() {
    let (house, ada) = house_of_ada().await;
    let usage = house.call(&ada.key, "GET", "/api/v1/usage", Value::Null).await.1;
    assert_eq!(usage["items"][0]["calls"], 1);
    let entries = house.call(&ada.key, "GET", "/api/v1/entries", Value::Null).await.1;
    assert_eq!(entries["items"].as_array().unwrap().len(), 1);
    let other_key = format!("/api/v1/usage?key={}", Call::id(9));
    assert_eq!(house.call(&ada.key, "GET", &other_key, Value::Null).await.0, 404);
}
