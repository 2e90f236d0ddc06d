//! Sign-in providers as their owner manages them.

use serde_json::{Value, json};
use tollgate_kernel::Role;
use tollgate_testkit::{CLIENT_SECRET, FakeProvider, TestServer};

use super::House;

async fn forbidden(server: &TestServer, house: &House) {
    let admin = server.add_user("admin@example.com", None).await.unwrap();
    server.set_role(admin, Role::Admin).await.unwrap();
    let admin = server.signed_in(admin).await.unwrap();
    let new = house.idp.described("mine");
    for (method, path, body) in [
        ("POST", "/api/v1/providers", new),
        ("PATCH", "/api/v1/providers/idp", json!({ "enabled": false })),
        ("DELETE", "/api/v1/providers/idp", Value::Null),
    ] {
        let answer = admin.send(admin.request(method, path).json(&body)).await.unwrap();
        assert_eq!(answer.status, 403, "{method}: {}", answer.text);
        assert!(answer.text.contains("Only an owner"), "{}", answer.text);
    }
    assert_eq!(admin.get("/api/v1/providers/idp").await.unwrap().status, 200);
}

#[tokio::test]
async fn only_owners_say_who_vouches_for_people() {
    let house = House::new().await;
    forbidden(&house.server, &house).await;
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_provider_lives_and_its_secret_never_comes_out() {
    let house = House::around(FakeProvider::start().await.unwrap()).await;
    let made = house.add(house.idp.described("idp")).await;
    let uri = format!("{}/callback/idp", house.server.url);
    assert_eq!((&made["redirect_uri"], &made["has_client_secret"]), (&json!(uri), &json!(true)));
    let twice = house.asked("POST", "/api/v1/providers", house.idp.described("idp")).await;
    assert_eq!(twice.status, 409);

    // The secret stays with the provider that it was given for.
    let elsewhere = json!({ "issuer": "https://thief.example" });
    let moved = house.asked("PATCH", "/api/v1/providers/idp", elsewhere).await;
    assert_eq!((moved.status, moved.json()["param"].as_str()), (400, Some("client_secret")));
    let elsewhere = json!({ "endpoints": { "token": "https://thief.example/token" } });
    let moved = house.asked("PATCH", "/api/v1/providers/idp", elsewhere).await;
    assert_eq!((moved.status, moved.json()["param"].as_str()), (400, Some("client_secret")));
    let named = house.change("idp", json!({ "name": "The company" })).await;
    assert_eq!(
        (&named["name"], &named["has_client_secret"]),
        (&json!("The company"), &json!(true))
    );
    let page = house.browser().get("/login").await;
    assert!(page.text.contains("Sign in with The company"), "{}", page.text);
    // Carried over, it still opens.
    let (_, answer) = house.come_as("idp", &super::person("ada")).await;
    assert_eq!(answer.status, 303, "{}", answer.text);

    for (change, param) in [
        (json!({ "issuer": null }), "issuer"),
        (json!({ "endpoints": { "jwks": "http://example.com/" } }), "endpoints.jwks"),
        (json!({ "endpoints": { "logout": "https://x/" } }), "endpoints.logout"),
        (json!({ "scopes": ["email"] }), "scopes"),
        (json!({ "auth_method": "private_key_jwt" }), "auth_method"),
        (json!({ "client_id": "" }), "client_id"),
        (json!({ "id": "other" }), "id"),
        (json!({ "kind": "saml" }), "kind"),
    ] {
        let answer = house.asked("PATCH", "/api/v1/providers/idp", change).await;
        assert_eq!((answer.status, answer.json()["param"].as_str()), (400, Some(param)));
    }
    let list = house.done("GET", "/api/v1/providers", Value::Null).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let bare = house.change("idp", json!({ "client_secret": null })).await;
    assert_eq!(bare["has_client_secret"], json!(false));
    for path in ["/api/v1/providers", "/api/v1/audit", "/admin/providers/idp"] {
        let answer = house.owner.get(path).await.unwrap();
        assert!(answer.status == 200 && !answer.text.contains(CLIENT_SECRET), "{}", answer.text);
    }
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn the_owners_test_finds_what_is_wrong() {
    let house = House::new().await;
    let test = async |id: &str| {
        let path = format!("/api/v1/providers/{id}/test");
        house.done("POST", &path, Value::Null).await["findings"].as_array().unwrap().clone()
    };
    let found = test("idp").await;
    assert!(found.iter().all(|finding| finding["ok"] == true), "{found:?}");
    assert!(found.iter().any(|finding| finding["part"] == "credentials"), "{found:?}");
    house.change("idp", json!({ "client_secret": "wrong" })).await;
    let found = test("idp").await;
    let refused = |it: &Value| it["part"] == "credentials" && it["code"] == "client_refused";
    assert!(found.iter().any(refused), "{found:?}");
    let mut nowhere = house.idp.described("nowhere");
    nowhere["issuer"] = json!("http://127.0.0.1:1");
    house.add(nowhere).await;
    let found = test("nowhere").await;
    assert!(found.iter().any(|it| it["code"] == "unreachable"), "{found:?}");
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn the_owners_page_shows_the_redirect_uri_and_tests() {
    let house = House::new().await;
    let path = "/admin/providers/idp";
    for (language, words) in [
        ("en", ["Redirect URI to register", "refuses the client id"]),
        ("ja", ["登録するリダイレクト URI", "シークレットが拒否されました"]),
        ("zh-Hans", ["登记的重定向 URI", "密钥被拒绝"]),
    ] {
        let get = house.owner.request("GET", path).header("accept-language", language);
        let page = house.owner.send(get).await.unwrap();
        let uri = format!("{}/callback/idp", house.server.url);
        assert!(page.text.contains(&uri) && page.text.contains(words[0]), "{}", page.text);
        assert!(!page.text.contains(">["), "a text is missing: {}", page.text);

        house.change("idp", json!({ "client_secret": "wrong" })).await;
        let form = [("csrf", house.owner.csrf.as_str()), ("client_id", "x")];
        let send = house.owner.request("POST", &format!("{path}/test")).form(&form);
        let send = send.header("accept-language", language);
        let page = house.owner.send(send).await.unwrap();
        assert!(page.text.contains("id=\"findings\""), "{}", page.text);
        assert!(page.text.contains(words[1]) && !page.text.contains(">["), "{}", page.text);
        house.change("idp", json!({ "client_secret": CLIENT_SECRET })).await;
    }
    // What the form says is what is stored.
    let form = [
        ("csrf", house.owner.csrf.as_str()),
        ("id", "hub"),
        ("kind", "github"),
        ("client_id", "us"),
        ("client_secret", "hush"),
        ("endpoints", "token http://127.0.0.1:9/token\n\nuserinfo   https://x.example/me"),
        ("fields", "subject node_id"),
        ("scopes", "user  email"),
        ("enabled", "off"),
    ];
    let send = house.owner.request("POST", "/admin/new-provider").form(&form);
    let answer = house.owner.send(send).await.unwrap();
    assert_eq!(answer.header("location"), "/admin/providers?saved=1", "{}", answer.text);
    let stored = house.done("GET", "/api/v1/providers/hub", Value::Null).await;
    assert_eq!(stored["endpoints"]["userinfo"], "https://x.example/me");
    assert_eq!(
        (&stored["fields"]["subject"], &stored["enabled"]),
        (&json!("node_id"), &json!(false))
    );
    assert_eq!(stored["scopes"], json!(["user", "email"]));
    let wrong = [
        ("csrf", house.owner.csrf.as_str()),
        ("kind", "github"),
        ("client_id", "us"),
        ("endpoints", "nowhere https://x.example/"),
    ];
    let send = house.owner.request("POST", "/admin/providers/hub").form(&wrong);
    let page = house.owner.send(send).await.unwrap();
    assert_eq!(page.status, 400);
    assert!(page.text.contains("id=\"endpoints-error\""), "{}", page.text);
    house.server.stop().await.unwrap();
}
