//! Connecting: a person signs in at a tool, or pastes a token.

use serde_json::{Value, json};
use tollgate_testkit::{Browser, Once, PluginWays, TokenFault};

use super::{House, asked};

/// A.3 and PH-05, to the letter, in both content types and with answers in both.
#[tokio::test]
async fn p17_ph05_people_connect_with_json_and_with_forms() {
    for (content_type, answers_form) in [
        ("application/json", false),
        ("application/json", true),
        ("application/x-www-form-urlencoded", false),
        ("application/x-www-form-urlencoded", true),
    ] {
        let ways =
            PluginWays { mode: "oauth", content_type, answers_form, ..PluginWays::default() };
        let house = House::with(ways).await;
        let install = house.active().await;
        let connection = house.connect(&install).await;
        assert_eq!(connection["state"], "active", "{content_type}");
        assert!(connection["expires_at"].is_string());

        let query = house.plugin.authorized().pop().unwrap();
        let names: Vec<&str> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
        assert_eq!(
            names,
            [
                "response_type",
                "client_id",
                "scope",
                "state",
                "redirect_uri",
                "code_challenge",
                "code_challenge_method"
            ]
        );
        let callback = install["redirect_uri"].as_str().unwrap();
        let escaped = callback.replace(':', "%3A").replace('/', "%2F");
        assert!(query.contains(&format!("redirect_uri={escaped}")), "{query}");
        let exchange = house.plugin.exchanges().pop().unwrap();
        assert_eq!(exchange.content_type, content_type);
        assert_eq!(exchange.members["grant_type"], "authorization_code");
        assert_eq!(exchange.members["redirect_uri"], callback);
        assert!(exchange.members["code_verifier"].len() >= 43);
        let page = house.person.get("/account/connections").await.unwrap();
        assert!(!page.text.contains("canary"), "no secret is shown");
    }
}

/// The owner may leave PKCE out, for servers that trip over it.
#[tokio::test]
async fn the_flow_of_2023_has_no_pkce_where_the_owner_says_so() {
    let house = House::oauth().await;
    let install = house.active().await;
    let path = format!("/api/v1/installs/{}", install["id"].as_str().unwrap());
    let changed = house.done("PATCH", &path, json!({ "pkce": false })).await;
    assert_eq!((&changed["state"], &changed["pkce"]), (&json!("active"), &json!(false)));
    house.connect(&install).await;
    let query = house.plugin.authorized().pop().unwrap();
    assert!(!query.contains("code_challenge"), "{query}");
    assert!(!house.plugin.exchanges().pop().unwrap().members.contains_key("code_verifier"));
}

/// A.9 (1): fails by that name; allowed for that one tool, bound to the browser.
#[tokio::test]
async fn v23_ph05_a_tool_that_returns_no_state_is_refused_by_name_and_can_be_allowed() {
    let house = House::oauth().await;
    house.plugin.change(|ways| ways.returns_state = false);
    let install = house.active().await;
    let connection = house.begin(&install).await;
    let back = house.at_the_tool(connection["authorize_url"].as_str().unwrap()).await;
    assert!(!back.contains("state="), "{back}");
    let refused = house.person.get(&back).await.unwrap();
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("state"), "{}", refused.text);
    assert!(house.plugin.exchanges().is_empty(), "no code and no secret went out");

    let path = format!("/api/v1/installs/{}", install["id"].as_str().unwrap());
    house.done("PATCH", &path, json!({ "state_optional": true })).await;
    let connection = house.begin(&install).await;
    let back = house.at_the_tool(connection["authorize_url"].as_str().unwrap()).await;
    // Another browser of the same person did not begin it.
    let other = house.server.signed_in(house.user).await.unwrap();
    assert_eq!(other.get(&back).await.unwrap().status, 400);
    assert_eq!(house.person.get(&back).await.unwrap().status, 303);
    assert_eq!(house.connection(&connection).await["state"], "active");
}

/// V3, V4, V2: a sign-in belongs to browser, person and tool, and is over when it was used.
#[tokio::test]
async fn v2_v3_v4_a_sign_in_ends_in_the_browser_that_began_it_and_once() {
    let house = House::oauth().await;
    let install = house.active().await;
    let other_user = house.server.add_user("eve@example.com", None).await.unwrap();
    let eve = house.server.signed_in(other_user).await.unwrap();
    let same = house.server.signed_in(house.user).await.unwrap();
    for stranger in [&eve, &same] {
        let connection = house.begin(&install).await;
        let back = house.at_the_tool(connection["authorize_url"].as_str().unwrap()).await;
        let refused = stranger.get(&back).await.unwrap();
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert_eq!(house.person.get(&back).await.unwrap().status, 400, "it is used up");
        assert_eq!(house.connection(&connection).await["state"], "pending");
    }
    let nobody = house.begin(&install).await;
    let back = house.at_the_tool(nobody["authorize_url"].as_str().unwrap()).await;
    assert_eq!(house.server.anonymous().get(&back).await.unwrap().status, 403);

    let connection = house.begin(&install).await;
    let back = house.at_the_tool(connection["authorize_url"].as_str().unwrap()).await;
    assert_eq!(house.person.get(&back).await.unwrap().status, 303);
    assert_eq!(house.person.get(&back).await.unwrap().status, 400, "a replay");
    let foreign = back.replace("state=", "state=0");
    assert_eq!(house.person.get(&foreign).await.unwrap().status, 400);
    assert_eq!(house.plugin.exchanges().len(), 1);
}

/// V1: a code that comes back for another tool is not redeemed.
#[tokio::test]
async fn v1_v11_the_answer_of_one_tool_is_not_taken_for_another() {
    let house = House::oauth().await;
    let install = house.active().await;
    let second = house.active().await;
    assert_ne!(install["redirect_uri"], second["redirect_uri"], "each has its own");
    let connection = house.begin(&install).await;
    let back = house.at_the_tool(connection["authorize_url"].as_str().unwrap()).await;
    let crossed = back.replace(install["id"].as_str().unwrap(), second["id"].as_str().unwrap());
    assert_eq!(house.person.get(&crossed).await.unwrap().status, 400);
    assert!(house.plugin.exchanges().is_empty());
}

#[tokio::test]
async fn p20_ph03_a_person_pastes_a_token_and_both_forms_of_basic_are_taken() {
    let ways = PluginWays { mode: "user_http", scheme: "basic", ..PluginWays::default() };
    let house = House::with(ways).await;
    let install = house.install(json!({})).await;
    assert_eq!(
        (&install["state"], &install["header"]),
        (&json!("active"), &json!("Authorization: Basic …"))
    );
    let with = |token: Value| {
        let body = json!({ "install": install["id"], "token": token });
        asked(&house.person, "POST", "/api/v1/connections", body)
    };
    let missing =
        asked(&house.person, "POST", "/api/v1/connections", json!({ "install": install["id"] }));
    assert_eq!(missing.await.json()["param"], "token");
    for bad in [json!("two words"), json!("\u{e9}"), json!(""), json!("x".repeat(5_000))] {
        assert_eq!(with(bad.clone()).await.status, 400, "{bad}");
    }
    for good in ["ann:canary-pasted", "YW5uOmNhbmFyeS1wYXN0ZWQ="] {
        let made = with(json!(good)).await;
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(made.json()["state"], "active");
        assert!(!made.text.contains("canary"));
    }
}

/// A.9 (5), PH-26, V29: what is one person's is nobody else's.
#[tokio::test]
async fn v29_t87_a_connection_is_its_persons_alone() {
    let house = House::oauth().await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    let other = house.server.add_user("eve@example.com", None).await.unwrap();
    let eve = house.server.signed_in(other).await.unwrap();
    let path = format!("/api/v1/connections/{}", connection["id"].as_str().unwrap());
    assert_eq!(eve.get(&path).await.unwrap().status, 404);
    assert_eq!(asked(&eve, "DELETE", &path, Value::Null).await.status, 404);
    let id = connection["id"].as_str().unwrap();
    let sign_in = format!("/account/connections/{id}/sign-in");
    assert_eq!(eve.get(&sign_in).await.unwrap().status, 404);
    let list = eve.get("/api/v1/connections").await.unwrap().json();
    assert_eq!(list["items"], json!([]));
    assert_eq!(house.connection(&connection).await["state"], "active");
    assert_eq!(asked(&house.person, "DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(house.person.get(&path).await.unwrap().status, 404);
}

/// V19 and A.9 (8, 9, 10): what a token endpoint does wrong is said, with the tool's name.
#[tokio::test]
async fn v19_v24_a_token_endpoint_that_fails_connects_nobody_and_is_named() {
    let house = House::oauth().await;
    let install = house.active().await;
    let elsewhere = format!("http://{}/stolen", house.plugin.domain);
    for fault in [
        TokenFault::Status(500),
        TokenFault::Status(404),
        TokenFault::Redirects(elsewhere),
        TokenFault::Nonsense,
        TokenFault::Revoked,
    ] {
        house.plugin.change(|ways| ways.token_fault = Some(fault.clone()));
        let connection = house.begin(&install).await;
        let back = house.at_the_tool(connection["authorize_url"].as_str().unwrap()).await;
        let answer = house.person.get(&back).await.unwrap();
        assert_eq!(answer.status, 502, "{fault:?}: {}", answer.text);
        assert!(answer.text.contains("Todo list"), "{fault:?}");
        assert!(!answer.text.contains("canary"), "{fault:?}");
        assert_eq!(house.connection(&connection).await["state"], "pending", "{fault:?}");
    }
    assert!(house.plugin.calls().is_empty(), "nothing was sent on to where a redirect led");
    house.plugin.change(|ways| ways.token_fault = None);
    assert_eq!(house.connect(&install).await["state"], "active");
}

/// The page: gallery, connect, sign in, end.
#[tokio::test]
async fn people_connect_and_disconnect_on_their_page() {
    let house = House::with(PluginWays {
        mode: "oauth",
        refresh: Some(Once::Stays),
        ..PluginWays::default()
    })
    .await;
    let install = house.active().await;
    let page = house.person.get("/account/connections").await.unwrap();
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Todo list") && page.text.contains("Connect"));
    let form = [("csrf", house.person.csrf.as_str()), ("install", install["id"].as_str().unwrap())];
    let post = |path: &str, form: &[(&str, &str)]| {
        let request = house.person.request("POST", path).form(form);
        let who: &Browser = &house.person;
        async move { who.send(request).await.unwrap() }
    };
    let going = post("/account/connections", &form).await;
    assert_eq!(going.status, 200, "{}", going.text);
    let at = going.text.find("/account/connections/").unwrap();
    let path = going.text[at..].split('"').next().unwrap().to_owned();
    let sent = house.person.get(&path).await.unwrap();
    assert_eq!(sent.status, 303);
    let back = house.at_the_tool(sent.header("location")).await;
    let home = house.person.get(&back).await.unwrap();
    assert_eq!(home.header("location"), "/account/connections?saved=connected");
    let end = path.replace("/sign-in", "/end");
    let ended = post(&end, &form[..1]).await;
    assert_eq!(ended.header("location"), "/account/connections?saved=ended");
    let none = house.person.get("/api/v1/connections").await.unwrap().json();
    assert_eq!(none["items"], json!([]));
}
