//! Who calls, as the API is told.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use tollgate_kernel::Kind;
use tollgate_store::{HttpScheme, KeyHolder, TokenBody, ToolAuth, ToolRecord};

use super::house::{Api, HERE, House, NOW, ok, slug};

const BEARER: HttpScheme = HttpScheme::Bearer;

/// The claims of the one identity header of the last request, verified as others would: by the
/// published keys alone.
fn introduced(house: &House, api: &Api, audience: &str) -> Value {
    let headers = api.heard("tollgate-identity");
    let [token] = &headers[..] else { panic!("one header: {headers:?}") };
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(
        (header.alg, header.typ.as_deref()),
        (Algorithm::ES256, Some("tollgate-identity+jwt"))
    );
    let keys: Value = serde_json::to_value(house.gate.jwks()).unwrap();
    let is = |key: &&Value| key["kid"].as_str() == header.kid.as_deref();
    let key = keys.as_array().unwrap().iter().find(is).unwrap();
    let part = |name: &str| key[name].as_str().unwrap().to_owned();
    let key = DecodingKey::from_ec_components(&part("x"), &part("y")).unwrap();
    let mut rules = Validation::new(Algorithm::ES256);
    rules.set_audience(&[audience]);
    rules.set_issuer(&[HERE]);
    rules.validate_exp = false;
    jsonwebtoken::decode::<Value>(token, &key, &rules).unwrap().claims
}

#[tokio::test]
async fn h7_the_api_is_told_by_one_signed_header_who_calls() {
    let house = House::new().await;
    let api = Api::new(|_| ok("{}")).await;
    let open = house.tool("open", &api, ToolAuth::None).await;
    let served = house.tool("served", &api, ToolAuth::ServiceHttp { scheme: BEARER }).await;
    let mut record = ToolRecord::new(slug("own"), api.url(), ToolAuth::UserHttp { scheme: BEARER });
    record.host = Some("own.example.com".to_owned());
    let own = house.tool_with(record, None).await;
    let oauth = ToolAuth::OAuth { scope: "read".to_owned(), content_type: TokenBody::Form };
    let oauth = house.tool("oauth", &api, oauth).await;

    let ada = house.user("ada@example.com").await;
    let app = house.app().await;
    let (_, key) = house.key(KeyHolder::User(ada), Some("own")).await;
    let (_, service) = house.service(&served, "openai", None).await;
    let (token, _) = house.token(app, Some(ada), (oauth.address(), "read write")).await;
    let said = |claims: Value| {
        let mut claims = claims;
        let (iat, exp) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
        assert_eq!((iat, exp), (NOW, NOW + 60));
        for name in ["iat", "exp", "iss", "aud"] {
            claims.as_object_mut().unwrap().remove(name);
        }
        claims
    };
    for (tool, token, address, claims) in [
        (
            &open,
            None,
            "https://ai.example.com/tools/open",
            json!({"sub": "anonymous", "tool": "open"}),
        ),
        (
            &served,
            Some(&service),
            "https://ai.example.com/tools/served",
            json!({"sub": "service:openai", "tool": "served"}),
        ),
        (&own, Some(&key), "https://own.example.com", json!({"sub": ada, "tool": "own"})),
        (
            &oauth,
            Some(&token),
            "https://ai.example.com/tools/oauth",
            json!({"sub": ada, "client_id": app, "scope": "read write", "tool": "oauth"}),
        ),
    ] {
        let header = token.map(|token| format!("Bearer {}", token.expose()));
        let who = house.at(tool, &header.iter().map(String::as_str).collect::<Vec<_>>()).await;
        house.get(&who.unwrap(), tool, "/").await.unwrap();
        assert_eq!(tool.address(), address);
        assert_eq!(said(introduced(&house, &api, address)), claims);
    }
}

#[tokio::test]
async fn h7_it_is_signed_anew_twice_a_minute_and_for_each_caller() {
    let house = House::new().await;
    let api = Api::new(|_| ok("{}")).await;
    let tool = house.tool("todo", &api, ToolAuth::UserHttp { scheme: BEARER }).await;
    let mut headers = Vec::new();
    for email in ["ada@example.com", "bob@example.com"] {
        let user = house.user(email).await;
        let (_, key) = house.key(KeyHolder::User(user), Some("todo")).await;
        headers.push(format!("Bearer {}", key.expose()));
    }
    let sent = async |header: &String| {
        let who = house.at(&tool, &[header]).await.unwrap();
        house.get(&who, &tool, "/").await.unwrap();
        api.heard("tollgate-identity").remove(0)
    };
    let (first, other) = (sent(&headers[0]).await, sent(&headers[1]).await);
    assert_ne!(first, other);
    house.clock.advance(Duration::from_secs(29));
    assert_eq!(sent(&headers[0]).await, first);
    house.clock.advance(Duration::from_secs(1));
    let second = sent(&headers[0]).await;
    assert_ne!(second, first);
    assert_eq!(introduced(&house, &api, tool.address())["iat"], NOW + 30);
}

#[tokio::test]
async fn h1_t68_copies_from_outside_do_not_stand_beside_it() {
    let house = House::new().await;
    let api = Api::new(|_| ok("{}")).await;
    let tool = house.tool("todo", &api, ToolAuth::None).await;
    let who = house.at(&tool, &[]).await.unwrap();
    let forged = URL_SAFE_NO_PAD.encode("{\"alg\":\"none\"}");
    let smuggled = [
        ("Tollgate-Identity", &*forged),
        ("tollgate_identity", &*forged),
        ("TOLLGATE-IDENTITY", &*forged),
        ("x-tollgate-user", "mallory"),
        ("x_tollgate_user", "mallory"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-user-id", "1"),
        ("X_User_Id", "1"),
        ("remote-user", "root"),
        ("x-request-id", "mine"),
    ];
    house.send(&who, &tool, house.request("/", &smuggled)).await.unwrap();
    assert_eq!(introduced(&house, &api, tool.address())["sub"], "anonymous");
    let seen = api.seen().pop().unwrap().to_ascii_lowercase();
    for (name, _) in smuggled {
        let of_ours = ["tollgate-identity", "x-request-id"].contains(&&*name.to_ascii_lowercase());
        let count = seen.matches(&format!("{}:", name.to_ascii_lowercase())).count();
        assert_eq!(count, usize::from(of_ours), "{name}: {seen}");
    }
    assert!(!seen.contains("mallory") && !seen.contains("root"), "{seen}");
}

#[tokio::test]
async fn h6_nothing_is_sent_that_cannot_say_who_calls() {
    let house = House::without_key(9).await;
    let api = Api::new(|_| ok("{}")).await;
    let tool = house.tool("todo", &api, ToolAuth::None).await;
    let who = house.at(&tool, &[]).await.unwrap();
    let error = house.get(&who, &tool, "/").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
    assert!(api.seen().is_empty());
}

/// It says who somebody is to one API; it is no credential.
#[tokio::test]
async fn j26_an_introduction_opens_nothing() {
    let house = House::new().await;
    let api = Api::new(|_| ok("{}")).await;
    let tool = house.tool("todo", &api, ToolAuth::None).await;
    let auth = ToolAuth::OAuth { scope: String::new(), content_type: TokenBody::Json };
    let other = house.tool("other", &api, auth).await;
    let who = house.at(&tool, &[]).await.unwrap();
    house.get(&who, &tool, "/").await.unwrap();
    let token = api.heard("tollgate-identity").remove(0);
    let refused = house.at(&other, &[&format!("Bearer {token}")]).await.map(drop);
    assert_eq!(refused.map_err(|error| error.kind()), Err(Kind::Unauthenticated));
    let token = tollgate_kernel::PlainToken::new(token);
    assert!(house.elsewhere(&token).await.is_err());
}
