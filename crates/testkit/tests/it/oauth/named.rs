//! People whom apps name in the header `Tollgate-User`.

use serde_json::{Value, json};
use tollgate_testkit::{Answer, Client, chat_body};

use super::{App, House, posted, text};
use crate::both::bites;

const HEADER: &str = "Tollgate-User";

/// An app that may name people, and its key.
async fn naming(house: &House) -> (App, Value) {
    let app = house.app(json!({"user_header": true, "plan": "alice"})).await;
    let key = key_of(house, &app, json!({})).await;
    (app, key)
}

async fn key_of(house: &House, app: &App, members: Value) -> Value {
    let mut body = json!({"name": "server", "client": app.id});
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    let made = house.root.post("/api/v1/keys", &body).await.unwrap();
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()
}

/// The plan that people have of whom nobody said anything.
async fn default_plan(house: &House, budgets: Value) {
    let plan = json!({"id": "people", "budgets": budgets});
    assert_eq!(house.root.post("/api/v1/plans", &plan).await.unwrap().status, 201);
    let default = json!({"default_plan": "people"});
    let answer = house.root.patch("/api/v1/settings", &default).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
}

async fn call_for(client: &Client, names: &[&[u8]]) -> Answer {
    let mut request = client.request("POST", "/v1/chat/completions");
    for name in names {
        let value = reqwest::header::HeaderValue::from_bytes(name).unwrap();
        request = request.header(HEADER, value);
    }
    client.send(request.json(&chat_body("tollgate-demo", 5))).await.unwrap()
}

/// Everybody but who was there before.
async fn appeared(house: &House) -> Vec<Value> {
    let all = house.root.get("/api/v1/users?limit=500").await.unwrap().json();
    let all = all["items"].as_array().unwrap().clone();
    all.into_iter().filter(|user| user["id"] != json!(house.alice.to_string())).collect()
}

#[tokio::test]
async fn what_an_app_calls_somebody_is_not_told_to_the_provider() {
    let house = House::new().await;
    default_plan(&house, json!([])).await;
    let profile = json!({"profile": {"instructions": "For <{{name}}> of {{plan}}."}});
    for plan in ["people", "alice"] {
        let path = format!("/api/v1/plans/{plan}");
        let changed = house.root.patch(&path, &profile).await.unwrap();
        assert_eq!(changed.status, 200, "{}", changed.text);
    }
    let (_, key) = naming(&house).await;
    let client = house.server.with_bearer(&text(&key, "key"));
    let sent = || {
        let seen = house.server.model.seen();
        let post = seen.iter().rev().find(|seen| seen.method == "POST").unwrap();
        String::from_utf8(post.body.to_vec()).unwrap()
    };
    let name = "patient-16180339@clinic.example";
    // When they appear, when they are remembered, and with a key of their own.
    for _ in 0..2 {
        assert_eq!(call_for(&client, &[name.as_bytes()]).await.status, 200);
        let sent = sent();
        let ours = r#"{"role":"system","content":"For <> of people."}"#;
        assert!(sent.contains(ours) && !sent.contains("16180339"), "{sent}");
    }
    let person = text(&appeared(&house).await[0], "id");
    let own = json!({"name": "own", "user": person});
    let own = house.root.post("/api/v1/keys", &own).await.unwrap();
    assert_eq!(own.status, 201, "{}", own.text);
    let own = house.server.with_bearer(&text(&own.json(), "key"));
    assert_eq!(call_for(&own, &[]).await.status, 200);
    assert!(sent().contains("For <> of people.") && !sent().contains("16180339"), "{}", sent());
    // The app's own name is told: it is the owner who wrote it.
    assert_eq!(call_for(&client, &[]).await.status, 200);
    assert!(sent().contains("> of alice.") && !sent().contains("<>"), "{}", sent());
    house.stop().await;
}

#[tokio::test]
async fn a_person_appears_when_an_app_names_them() {
    let house = House::new().await;
    default_plan(&house, json!([{"unit": "calls", "limit": 2, "period": "day"}])).await;
    let (app, key) = naming(&house).await;
    let client = house.server.with_bearer(&text(&key, "key"));
    let first = call_for(&client, &[b"u-1"]).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(call_for(&client, &["名前".as_bytes()]).await.status, 200);
    let people = appeared(&house).await;
    let names: Vec<&Value> = people.iter().map(|user| &user["name"]).collect();
    assert_eq!(names, ["u-1", "名前"]);
    assert!(people.iter().all(|user| user["role"] == "member"), "{people:?}");

    let entry = house.server.entry_of(first.header("x-request-id")).await.unwrap();
    assert_eq!(entry.user, Some(text(&people[0], "id")), "the entry names the person");
    assert_eq!(entry.client, Some(app.id.clone()), "and the app");
    assert_eq!(entry.key, Some(text(&key, "id")));

    // The limits are the person's: the first one has one call left, the app has many.
    assert_eq!(call_for(&client, &[b"u-1"]).await.status, 200);
    let spent = call_for(&client, &[b"u-1"]).await;
    assert_eq!((spent.status, &*spent.code()), (429, "insufficient_quota"));
    assert_eq!(call_for(&client, &["名前".as_bytes()]).await.status, 200);
    assert_eq!(call_for(&client, &[]).await.status, 200, "for itself it has its own plan");

    // The provider is told neither the name nor the header.
    for seen in house.server.model.seen() {
        let all = format!("{:?} {}", seen.headers, String::from_utf8_lossy(&seen.body));
        assert!(!all.to_ascii_lowercase().contains("tollgate-user") && !all.contains("u-1"));
    }
    house.stop().await;
}

#[tokio::test]
async fn t41_a_name_is_the_apps_own_and_no_address() {
    let house = House::new().await;
    default_plan(&house, json!([])).await;
    let ((_, key), (_, other)) = (naming(&house).await, naming(&house).await);
    let apps = [&key, &other].map(|key| house.server.with_bearer(&text(key, "key")));
    let mut users = Vec::new();
    for (app, name) in
        [(0, "alice@example.com"), (1, "alice@example.com"), (0, "ALICE@example.com")]
    {
        let answer = call_for(&apps[app], &[name.as_bytes()]).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let entry = house.server.entry_of(answer.header("x-request-id")).await.unwrap();
        users.push(entry.user.unwrap());
    }
    users.push(house.alice.to_string());
    users.sort();
    users.dedup();
    assert_eq!(users.len(), 4, "three new people, none of them her who has that address");
    // Nobody has an address that somebody could be found by.
    let people = appeared(&house).await;
    assert!(people.iter().all(|user| !text(user, "email").contains('@')), "{people:?}");
    house.stop().await;
}

#[tokio::test]
async fn h1_only_flagged_apps_name_people() {
    let house = House::new().await;
    default_plan(&house, json!([])).await;
    let plain = house.app(json!({"plan": "alice"})).await;
    let key = key_of(&house, &plain, json!({})).await;
    let client = house.server.with_bearer(&text(&key, "key"));
    let refused = call_for(&client, &[b"u-1"]).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert_eq!(refused.json()["error"]["param"], HEADER);
    assert_eq!(call_for(&client, &[]).await.status, 200);

    // From anybody else it is a header that means nothing.
    let (_, own) = house.server.caller("keyed", Vec::new()).await.unwrap();
    let answer = call_for(&house.server.with_bearer(&own), &[b"u-1"]).await;
    assert_eq!(answer.status, 200);
    let entry = house.server.entry_of(answer.header("x-request-id")).await.unwrap();
    assert_ne!(entry.user, None);
    assert!(appeared(&house).await.iter().all(|user| user["name"] != "u-1"));

    // Its owner flags it, and takes that back.
    for (flag, status) in [(true, 200), (false, 400)] {
        let path = format!("/api/v1/clients/{}", plain.id);
        let changed = house.root.patch(&path, &json!({"user_header": flag})).await.unwrap();
        assert_eq!(changed.status, 200, "{}", changed.text);
        bites("the flag counts", async || call_for(&client, &[b"u-1"]).await.status == status)
            .await;
    }
    house.stop().await;
}

#[tokio::test]
async fn names_have_bounds() {
    let house = House::new().await;
    default_plan(&house, json!([])).await;
    let (_, key) = naming(&house).await;
    let client = house.server.with_bearer(&text(&key, "key"));
    let (longest, longer) = ([b'x'; 128], [b'x'; 129]);
    let bad: [&[&[u8]]; 6] =
        [&[b""], &[b"  "], &[&longer], &[b"a", b"b"], &[b"\xff\xfe"], &["a\u{85}b".as_bytes()]];
    for names in bad {
        let answer = call_for(&client, names).await;
        assert_eq!(answer.status, 400, "{names:?}: {}", answer.text);
        assert_eq!(answer.json()["error"]["param"], HEADER);
    }
    assert!(appeared(&house).await.is_empty());
    assert_eq!(call_for(&client, &[&longest]).await.status, 200);
    house.stop().await;
}

#[tokio::test]
async fn of_many_calls_at_once_one_makes_the_person() {
    let house = House::new().await;
    default_plan(&house, json!([])).await;
    let (_, key) = naming(&house).await;
    let client = house.server.with_bearer(&text(&key, "key"));
    let calls = (0..20).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { call_for(&client, &[b"u-1"]).await.status })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), 200);
    }
    assert_eq!(appeared(&house).await.len(), 1);
    assert_eq!(house.acts("user.appear").await, 1);
    house.stop().await;
}

#[tokio::test]
async fn in_steady_state_no_record_is_read_for_a_name() {
    let house = House::new().await;
    default_plan(&house, json!([])).await;
    let (_, key) = naming(&house).await;
    let client = house.server.with_bearer(&text(&key, "key"));
    let user = async |answer: Answer| {
        let entry = house.server.entry_of(answer.header("x-request-id")).await.unwrap();
        entry.user.unwrap()
    };
    let first = user(call_for(&client, &[b"u-1"]).await).await;
    // Behind the server's back: it would make somebody new if it looked.
    house.server.database().run("DELETE FROM app_users").await.unwrap();
    assert_eq!(user(call_for(&client, &[b"u-1"]).await).await, first);
    assert_eq!(appeared(&house).await.len(), 1);
    house.stop().await;
}

#[tokio::test]
async fn t24_a_named_person_ends_with_the_key_the_app_and_themselves() {
    let house = House::new().await;
    default_plan(&house, json!([])).await;
    let (app, key) = naming(&house).await;
    let second = key_of(&house, &app, json!({})).await;
    let [client, other] = [&key, &second].map(|key| house.server.with_bearer(&text(key, "key")));
    for name in ["u-1", "u-2"] {
        assert_eq!(call_for(&client, &[name.as_bytes()]).await.status, 200);
        assert_eq!(call_for(&other, &[name.as_bytes()]).await.status, 200);
    }
    let status = async |client: &Client, name: &str| {
        let answer = call_for(client, &[name.as_bytes()]).await;
        answer.status
    };
    // One of them is disabled.
    let people = appeared(&house).await;
    let path = format!("/api/v1/users/{}", text(&people[0], "id"));
    let disabled = house.root.patch(&path, &json!({"state": "disabled"})).await.unwrap();
    assert_eq!(disabled.status, 200, "{}", disabled.text);
    bites("the person is out", async || status(&client, "u-1").await == 403).await;
    assert_eq!(status(&client, "u-2").await, 200);
    // One key is revoked.
    let path = format!("/api/v1/keys/{}", text(&key, "id"));
    let gone = house.root.send(house.root.request("DELETE", &path)).await.unwrap();
    assert_eq!(gone.status, 204, "{}", gone.text);
    bites("the key is dead", async || status(&client, "u-2").await == 401).await;
    assert_eq!(status(&other, "u-2").await, 200);
    // The app is disabled.
    let path = format!("/api/v1/clients/{}", app.id);
    let disabled = house.root.patch(&path, &json!({"state": "disabled"})).await.unwrap();
    assert_eq!(disabled.status, 200, "{}", disabled.text);
    bites("the app is out", async || status(&other, "u-2").await == 401).await;
    house.stop().await;
}

#[tokio::test]
async fn t86_what_bounds_the_key_bounds_those_it_names() {
    let house = House::new().await;
    default_plan(&house, json!([])).await;
    let (app, _) = naming(&house).await;
    let calls = json!([{"unit": "calls", "limit": 2, "period": "day"}]);
    let narrow = key_of(&house, &app, json!({"models": ["other"]})).await;
    let few = key_of(&house, &app, json!({"budgets": calls})).await;
    let narrow = house.server.with_bearer(&text(&narrow, "key"));
    assert_eq!(call_for(&narrow, &[b"u-1"]).await.status, 404);
    let few = house.server.with_bearer(&text(&few, "key"));
    let mut statuses = Vec::new();
    for name in ["u-1", "u-2", "u-3"] {
        statuses.push(call_for(&few, &[name.as_bytes()]).await.status);
    }
    assert_eq!(statuses, [200, 200, 429], "all of them together");
    // A token that the app got for itself is its own credential, too.
    let mut form = posted(&app);
    form.push(("grant_type", "client_credentials".to_owned()));
    let own = house.token(&form).await.json();
    let own = house.server.with_bearer(&text(&own, "access_token"));
    let answer = call_for(&own, &[b"u-1"]).await;
    let entry = house.server.entry_of(answer.header("x-request-id")).await.unwrap();
    let people = appeared(&house).await;
    assert_eq!(entry.user, Some(text(&people[0], "id")));
    // What a person allowed the app is that person's.
    let theirs = house.tokens(&app, &[]).await;
    let theirs = house.server.with_bearer(&text(&theirs, "access_token"));
    let answer = call_for(&theirs, &[b"u-1"]).await;
    let entry = house.server.entry_of(answer.header("x-request-id")).await.unwrap();
    assert_eq!(entry.user, Some(house.alice.to_string()));
    house.stop().await;
}
