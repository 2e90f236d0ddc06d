//! An app that signs people in is told whether somebody vouched for their address.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{House, Wanderer, person};

const CALLBACK: &str = "https://app.example/cb";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// What UserInfo and the ID token say of the address of who is signed in here.
async fn told(house: &House, app: &str, browser: &Wanderer) -> [Value; 2] {
    let challenge = URL_SAFE_NO_PAD.encode(house.server.gate.sha256(VERIFIER.as_bytes()));
    let request = format!(
        "/oauth/authorize?response_type=code&client_id={app}&scope=openid+email\
         &redirect_uri=https%3A%2F%2Fapp.example%2Fcb&prompt=consent\
         &code_challenge={challenge}&code_challenge_method=S256"
    );
    let page = browser.get(&request).await;
    let ticket = page.text.split("name=\"ticket\" value=\"").nth(1).expect("a question");
    let ticket = ticket.split('"').next().unwrap();
    let fields = [("ticket", ticket), ("decision", "allow")];
    let answer = browser.send("/account", "/oauth/consent", &fields).await;
    let place = answer.header("location").to_owned();
    let code = place.split("code=").nth(1).and_then(|rest| rest.split('&').next());
    let nobody = house.server.anonymous();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", app),
        ("code", code.unwrap_or_else(|| panic!("no code: {place} {}", answer.text))),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let tokens = nobody.send(nobody.request("POST", "/oauth/token").form(&form)).await.unwrap();
    assert_eq!(tokens.status, 200, "{}", tokens.text);
    let tokens = tokens.json();
    let bearer = house.server.with_bearer(tokens["access_token"].as_str().unwrap());
    let info = bearer.get("/oauth/userinfo").await.unwrap().json();
    let claims = tokens["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(info["email"], claims["email"]);
    [info["email_verified"].clone(), claims["email_verified"].clone()]
}

#[tokio::test]
async fn an_address_is_verified_where_a_provider_vouched_for_that_very_one() {
    let house = House::new().await;
    let body = json!({"name": "App", "type": "public", "redirect_uris": [CALLBACK]});
    let app = house.done("POST", "/api/v1/clients", body).await;
    let app = app["client_id"].as_str().unwrap();
    let (browser, _) = house.come_as("idp", &person("ada")).await;
    assert_eq!(browser.who().await, "ada@example.com");
    assert_eq!(told(&house, app, &browser).await, [json!(true), json!(true)]);

    // The owner types another address for her.
    let users = house.done("GET", "/api/v1/users?limit=500", Value::Null).await;
    let users = users["items"].as_array().unwrap().clone();
    let ada = users.iter().find(|user| user["email"] == "ada@example.com").unwrap();
    let path = format!("/api/v1/users/{}", ada["id"].as_str().unwrap());
    house.done("PATCH", &path, json!({"email": "typed@example.com"})).await;
    assert_eq!(told(&house, app, &browser).await, [json!(false), json!(false)]);

    // And back; but by then the provider vouches for it no more.
    house.done("PATCH", &path, json!({"email": "ada@example.com"})).await;
    let mut doubted = person("ada");
    doubted["email_verified"] = json!(false);
    let (browser, _) = house.come_as("idp", &doubted).await;
    assert_eq!(told(&house, app, &browser).await, [json!(false), json!(false)]);
    house.server.stop().await.unwrap();
}
