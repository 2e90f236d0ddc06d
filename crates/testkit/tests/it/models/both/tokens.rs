//! Access tokens that are made for somebody else, and tokens with a budget of their own.

use serde_json::{Value, json};
use tollgate_kernel::Role;
use tollgate_testkit::{Answer, Browser, Client, Engine, TestServer};

use super::bites;

const TOKENS: &str = "/api/v1/tokens";

/// A client with the token that this answer gives.
fn bearer(server: &TestServer, answer: &Answer) -> Client {
    assert_eq!(answer.status, 200, "{}", answer.text);
    server.with_bearer(answer.json()["access_token"].as_str().expect("a token"))
}

async fn admin(server: &TestServer, email: &str) -> (tollgate_kernel::UserId, Browser) {
    let user = server.add_user(email, None).await.unwrap();
    server.set_role(user, Role::Admin).await.unwrap();
    (user, server.signed_in(user).await.unwrap())
}

async fn calls(client: &Client) -> u16 {
    client.chat("tollgate-demo", 5).await.unwrap().status
}

async fn ends(client: &Client) {
    bites("the token ends", async || calls(client).await == 401).await;
}

pub(crate) async fn a_token_for_somebody_calls_as_them_and_ends_with_its_maker(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    server.mocks(&[("other", "chunks=1")]).await.unwrap();
    let (alice, own) = server.caller("alice", Vec::new()).await.unwrap();
    let root = server.with_bearer(&server.add_admin_key().await.unwrap());
    let wish = json!({"name": "a", "admin": true, "models": ["tollgate-demo"],
        "budgets": [{"unit": "calls", "limit": 2, "period": "month"}]});
    let key = root.post("/api/v1/keys", &wish).await.unwrap().json();
    let id = key["id"].as_str().unwrap();
    let by_key = root.with(key["key"].as_str().unwrap());
    let token = bearer(&server, &by_key.post(TOKENS, &json!({"user": alice})).await.unwrap());
    assert_eq!(calls(&token).await, 200);
    let entry = server.entries(1).await.unwrap().remove(0);
    assert_eq!((entry.user, entry.key.as_deref()), (Some(alice.to_string()), Some(id)));
    // It is no more than the key and the person together, and it manages nothing.
    let other = token.chat("other", 5).await.unwrap();
    assert_eq!(other.code(), "model_not_found", "{}", other.text);
    assert_eq!(server.with_bearer(&own).chat("other", 5).await.unwrap().status, 200);
    assert_eq!(token.get("/api/v1/keys").await.unwrap().status, 403);
    assert_eq!(calls(&token).await, 200);
    assert_eq!(token.chat("tollgate-demo", 5).await.unwrap().code(), "insufficient_quota");
    let audit = root.get("/api/v1/audit?action=token.create").await.unwrap().json();
    assert_eq!(audit["items"][0]["target"], format!("user:{alice}"));
    let wide = json!({ "budgets": null });
    let path = format!("/api/v1/keys/{id}");
    assert_eq!(root.patch(&path, &wide).await.unwrap().status, 200);
    bites("the token goes on", async || calls(&token).await == 200).await;
    let revoke = root.request("DELETE", &path);
    assert_eq!(root.send(revoke).await.unwrap().status, 204);
    ends(&token).await;

    // By a session, it ends with the session, its person's rights, and whom it is for.
    let token = async |by: &Browser| {
        let token = bearer(&server, &by.post(TOKENS, &json!({"user": alice})).await.unwrap());
        assert_eq!(calls(&token).await, 200);
        token
    };
    let (ann, by_ann) = admin(&server, "ann@example.com").await;
    let by_ann_token = token(&by_ann).await;
    server.set_role(ann, Role::Member).await.unwrap();
    ends(&by_ann_token).await;
    let (ben, by_ben) = admin(&server, "ben@example.com").await;
    let by_ben_token = token(&by_ben).await;
    server.set_active(ben, false).await.unwrap();
    ends(&by_ben_token).await;
    let (_, by_cat) = admin(&server, "cat@example.com").await;
    let by_cat_token = token(&by_cat).await;
    server.set_active(alice, false).await.unwrap();
    ends(&by_cat_token).await;
    let gone = by_cat.post(TOKENS, &json!({"user": alice})).await.unwrap();
    assert_eq!((gone.status, &gone.json()["param"]), (404, &json!("user")));
    server.stop().await.unwrap();
}

pub(crate) async fn t86_a_token_for_somebody_is_for_those_who_make_their_keys(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    let (alice, _) = server.caller("alice", Vec::new()).await.unwrap();
    let (bob, _) = server.caller("bob", Vec::new()).await.unwrap();
    let (boss, by_boss) = admin(&server, "boss@example.com").await;
    server.set_role(boss, Role::Owner).await.unwrap();
    let (_, by_admin) = admin(&server, "admin@example.com").await;
    let by_bob = server.signed_in(bob).await.unwrap();
    let nobody = tollgate_kernel::UserId::new(&**server.gate.clock(), &**server.gate.rng());
    let api = format!("{}/api/v1", server.url);
    for (by, wish, status, param) in [
        (&by_bob, json!({"user": alice}), 404, "user"),
        (&by_bob, json!({"user": nobody}), 404, "user"),
        (&by_admin, json!({"user": nobody}), 404, "user"),
        (&by_admin, json!({"user": "somebody"}), 400, "user"),
        (&by_admin, json!({"user": alice, "audience": api}), 400, "audience"),
        (
            &by_admin,
            json!({"budget": {"unit": "calls", "limit": -1, "period": "day"}}),
            400,
            "budget",
        ),
    ] {
        let answer = by.post(TOKENS, &wish).await.unwrap();
        assert_eq!((answer.status, &answer.json()["param"]), (status, &json!(param)), "{wish}");
    }
    assert_eq!(by_admin.post(TOKENS, &json!({"user": boss})).await.unwrap().status, 403);
    assert_eq!(by_boss.post(TOKENS, &json!({"user": alice})).await.unwrap().status, 200);
    assert_eq!(
        calls(&bearer(&server, &by_bob.post(TOKENS, &json!({"user": bob})).await.unwrap())).await,
        200
    );
    // One that was made for somebody who is an owner now is no longer good.
    let answer = by_admin.post(TOKENS, &json!({"user": alice})).await.unwrap();
    let token = bearer(&server, &answer);
    assert_eq!(calls(&token).await, 200);
    server.set_role(alice, Role::Owner).await.unwrap();
    ends(&token).await;
    server.stop().await.unwrap();
}

pub(crate) async fn a_token_has_a_budget_of_its_own(engine: Engine) {
    let server = TestServer::start(engine).await.unwrap();
    let (alice, _) = server.caller("alice", Vec::new()).await.unwrap();
    let session = server.signed_in(alice).await.unwrap();
    let wish = json!({"budget": {"unit": "calls", "limit": 2, "period": "day"}});
    let [one, two] = [
        bearer(&server, &session.post(TOKENS, &wish).await.unwrap()),
        bearer(&server, &session.post(TOKENS, &wish).await.unwrap()),
    ];
    assert_eq!([calls(&one).await, calls(&one).await], [200, 200]);
    let refused = one.chat("tollgate-demo", 5).await.unwrap();
    assert_eq!(refused.code(), "insufficient_quota");
    assert!(refused.message().contains("budget of this token"), "{}", refused.message());
    assert_eq!(calls(&two).await, 200, "each has its own");
    assert_eq!(
        calls(&bearer(&server, &session.post(TOKENS, &json!({})).await.unwrap())).await,
        200
    );
    let limits = two.get("/api/v1/me/limits").await.unwrap().json();
    let item: &Value = &limits["items"][0];
    assert_eq!((&item["scope"]["kind"], &item["limit"]), (&json!("token"), &json!(2)), "{limits}");
    server.stop().await.unwrap();
}
