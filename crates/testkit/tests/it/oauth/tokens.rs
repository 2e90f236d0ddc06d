//! What tokens are worth, where, and how they are given back; keys.

use std::time::Duration;

use serde_json::json;
use tollgate_root::Root;
use tollgate_vault::{MasterKey, Place, Sealed};

use super::codes::claims;
use super::{House, posted, refused, text};
use crate::both::bites;

#[tokio::test]
async fn an_app_gets_a_token_for_itself() {
    let house = House::new().await;
    let app = house.app(json!({"plan": "alice"})).await;
    let mut form = posted(&app);
    form.push(("grant_type", "client_credentials".to_owned()));
    let tokens = house.token(&form).await.json();
    assert_eq!(tokens["scope"], "models");
    assert!(tokens["refresh_token"].is_null() && tokens["id_token"].is_null());
    assert_eq!(house.calls(&tokens).await, 200);
    let entry = house.server.entries(1).await.unwrap().remove(0);
    assert_eq!((entry.user, entry.client), (None, Some(app.id.clone())));
    // It is no person's.
    let bearer = house.server.with_bearer(&text(&tokens, "access_token"));
    assert_eq!(bearer.get("/oauth/userinfo").await.unwrap().status, 401);
    // Not for those who keep no secret, nor for who may not.
    let public = house.public().await;
    let mut form = posted(&public);
    form.push(("grant_type", "client_credentials".to_owned()));
    assert_eq!(refused(&house.token(&form).await), (400, "unauthorized_client".to_owned()));
    let codes = house.app(json!({"grants": ["authorization_code"]})).await;
    let mut form = posted(&codes);
    form.push(("grant_type", "client_credentials".to_owned()));
    assert_eq!(refused(&house.token(&form).await), (400, "unauthorized_client".to_owned()));
    house.stop().await;
}

#[tokio::test]
async fn t34_g16_tokens_are_for_known_resources() {
    let house = House::new().await;
    let app = house.app(json!({})).await;
    let models = format!("{}/v1", house.server.url);
    let token = async |resource: &str| {
        let mut form = posted(&app);
        form.push(("grant_type", "client_credentials".to_owned()));
        form.push(("resource", resource.to_owned()));
        house.token(&form).await
    };
    for same in [models.clone(), format!("{models}/"), models.replace("http://l", "HTTP://L")] {
        let answer = token(&same).await;
        assert_eq!(answer.status, 200, "{same}: {}", answer.text);
        assert_eq!(claims(&text(&answer.json(), "access_token"))["aud"], json!(models));
    }
    for bad in [format!("{models}#x"), format!("{models}/x"), "https://todo.example".to_owned()] {
        let answer = token(&bad).await;
        assert_eq!(refused(&answer), (400, "invalid_target".to_owned()), "{bad}");
    }
    let told = house.allowed(&house.request(&app, &[("resource", "https://todo.example")])).await;
    assert_eq!(told["error"], "invalid_target");
    house.stop().await;
}

#[tokio::test]
async fn t33_a_token_opens_what_it_was_made_for() {
    let house = House::new().await;
    let resource = json!({"uri": "https://todo.example", "scopes": ["todo.read"]});
    let made = house.root.post("/api/v1/resources", &resource).await.unwrap();
    assert_eq!(made.status, 201, "{}", made.text);
    let app =
        house.app(json!({"scopes": ["openid", "email", "models", "manage", "todo.read"]})).await;
    let wish = [("resource", "https://todo.example"), ("scope", "openid email models todo.read")];
    let tokens = house.tokens(&app, &wish).await;
    assert_eq!(tokens["scope"], "email openid todo.read");
    let elsewhere = house.server.with_bearer(&text(&tokens, "access_token"));
    assert_eq!(house.calls(&tokens).await, 401);
    for path in ["/api/v1/me", "/api/v1/me/limits", "/api/v1/usage", "/api/v1/keys"] {
        assert_eq!(elsewhere.get(path).await.unwrap().status, 401, "{path}");
    }
    // Who it is about can be asked with any (T40): it has the scope for it.
    let info = elsewhere.get("/oauth/userinfo").await.unwrap().json();
    assert_eq!(info["email"], "alice@example.com");
    // A token for models manages nothing, and the reverse.
    let models = house.tokens(&app, &[("scope", "openid models manage")]).await;
    assert_eq!(models["scope"], "models openid");
    let manage = format!("{}/api/v1", house.server.url);
    let manages = house.tokens(&app, &[("scope", "models manage"), ("resource", &manage)]).await;
    assert_eq!(manages["scope"], "manage");
    assert_eq!(house.calls(&manages).await, 403);
    let manages = house.server.with_bearer(&text(&manages, "access_token"));
    assert_eq!(manages.get("/api/v1/keys").await.unwrap().status, 200);
    // Nor does it tell who its person is, beyond what was allowed.
    let calls = house.server.with_bearer(&text(&models, "access_token"));
    for path in ["/api/v1/me", "/api/v1/me/limits", "/api/v1/usage", "/api/v1/keys"] {
        assert_eq!(calls.get(path).await.unwrap().status, 403, "{path}");
    }
    // An ID token is no credential (J6).
    let id = house.server.with_bearer(&text(&models, "id_token"));
    assert_eq!(id.chat("tollgate-demo", 5).await.unwrap().status, 401);
    assert_eq!(id.get("/oauth/userinfo").await.unwrap().status, 401);
    house.stop().await;
}

#[tokio::test]
async fn t40_userinfo_honours_scope_and_type() {
    let house = House::new().await;
    let app = house.public().await;
    let all = house.tokens(&app, &[("scope", "openid profile email models")]).await;
    let access = text(&all, "access_token");
    let info = house.server.with_bearer(&access).get("/oauth/userinfo").await.unwrap().json();
    let sub = house.alice.to_string();
    let full = json!({"sub": sub, "name": "alice@example.com", "email": "alice@example.com",
        "email_verified": false});
    assert_eq!(info, full);
    let form = vec![("access_token", access)];
    assert_eq!(house.posted("/oauth/userinfo", &form).await.json(), full);
    let bare = house.tokens(&app, &[("scope", "openid models")]).await;
    let bare = house.server.with_bearer(&text(&bare, "access_token"));
    assert_eq!(bare.get("/oauth/userinfo").await.unwrap().json(), json!({"sub": sub}));
    let models = house.tokens(&app, &[("scope", "models")]).await;
    assert!(models["id_token"].is_null());
    let models = house.server.with_bearer(&text(&models, "access_token"));
    let answer = models.get("/oauth/userinfo").await.unwrap();
    assert_eq!(refused(&answer), (403, "insufficient_scope".to_owned()));
    assert!(answer.header("www-authenticate").contains("insufficient_scope"));
    let (_, key) = house.server.caller("keyed", Vec::new()).await.unwrap();
    for wrong in [key.as_str(), "garbled"] {
        let answer = house.server.with_bearer(wrong).get("/oauth/userinfo").await.unwrap();
        assert_eq!(refused(&answer), (401, "invalid_token".to_owned()));
    }
    let nobody = house.server.anonymous().get("/oauth/userinfo").await.unwrap();
    assert_eq!(nobody.header("www-authenticate"), "Bearer realm=\"tollgate\"");
    house.stop().await;
}

#[tokio::test]
async fn g18_an_app_revokes_its_own_tokens_alone() {
    let house = House::new().await;
    let (app, other) = (house.app(json!({})).await, house.app(json!({})).await);
    let tokens = house.tokens(&app, &[]).await;
    let revoke = async |by: &super::App, token: &str| {
        let mut form = posted(by);
        form.push(("token", token.to_owned()));
        house.posted("/oauth/revoke", &form).await.status
    };
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    for token in [&*access, &*refresh, "tg_refresh_x", "garbled"] {
        assert_eq!(revoke(&other, token).await, 200, "nothing is told");
    }
    assert_eq!(house.calls(&tokens).await, 200, "somebody else's revocation does nothing");
    let bare = super::App { secret: None, ..app.clone() };
    assert_eq!(revoke(&bare, &access).await, 401);
    // One access token, then the family.
    assert_eq!(revoke(&app, &access).await, 200);
    assert_eq!(house.calls(&tokens).await, 401);
    let fresh = house.refreshed(&app, &tokens).await.json();
    assert_eq!(house.calls(&fresh).await, 200);
    assert_eq!(revoke(&app, &text(&fresh, "refresh_token")).await, 200);
    assert_eq!(house.calls(&fresh).await, 401);
    assert_eq!(house.refreshed(&app, &fresh).await.status, 400);
    // A token that an app got for itself, which rests on no grant.
    let mut form = posted(&app);
    form.push(("grant_type", "client_credentials".to_owned()));
    let own = house.token(&form).await.json();
    let own = text(&own, "access_token");
    assert_eq!(house.introspected(&app, &own).await["active"], true);
    assert_eq!(revoke(&app, &own).await, 200);
    assert_eq!(house.introspected(&app, &own).await["active"], false);
    house.stop().await;
}

#[tokio::test]
async fn t72_only_whom_a_token_concerns_is_told_about_it() {
    let house = House::new().await;
    let resource = json!({"uri": "https://todo.example", "scopes": ["todo.read"]});
    house.root.post("/api/v1/resources", &resource).await.unwrap();
    let app = house.app(json!({"scopes": ["openid", "todo.read"]})).await;
    let server = house.app(json!({"resources": ["https://todo.example"]})).await;
    let stranger = house.app(json!({})).await;
    let wish = [("resource", "https://todo.example"), ("scope", "todo.read")];
    let tokens = house.tokens(&app, &wish).await;
    let access = text(&tokens, "access_token");
    for who in [&app, &server] {
        let told = house.introspected(who, &access).await;
        assert_eq!((&told["active"], &told["client_id"]), (&json!(true), &json!(app.id)));
        assert_eq!((&told["aud"], &told["scope"]), (&resource["uri"], &json!("todo.read")));
        assert_eq!(told["sub"], json!(house.alice.to_string()));
    }
    let nothing = json!({"active": false});
    assert_eq!(house.introspected(&stranger, &access).await, nothing);
    assert_eq!(house.introspected(&app, "garbled").await, nothing);
    let refresh = text(&tokens, "refresh_token");
    assert_eq!(house.introspected(&app, &refresh).await["active"], true);
    assert_eq!(house.introspected(&server, &refresh).await, nothing);
    let public = house.public().await;
    let mut form = posted(&public);
    form.push(("token", access.clone()));
    assert_eq!(refused(&house.posted("/oauth/introspect", &form).await).0, 401);
    // At its end.
    house.clock.leap(Duration::from_secs(301));
    assert_eq!(house.introspected(&app, &access).await, nothing);
    house.stop().await;
}

#[tokio::test]
async fn t39_a_new_key_is_published_before_it_signs_and_the_old_one_after() {
    let mut house = House::new().await;
    let app = house.app(json!({})).await;
    let before = house.tokens(&app, &house.elsewhere().await).await;
    let kid = |token: &str| -> String {
        use base64::Engine as _;
        let header = token.split('.').next().expect("a header");
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
        let header: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        text(&header, "kid")
    };
    let published = async |house: &House| {
        let jwks = house.server.anonymous().get("/oauth/jwks.json").await.unwrap().json();
        let keys = jwks["keys"].as_array().unwrap().clone();
        let mut kids: Vec<String> = keys.iter().map(|key| text(key, "kid")).collect();
        kids.sort();
        assert!(keys.iter().any(|key| key["alg"] == "RS256" && key["n"].is_string()));
        assert!(keys.iter().any(|key| key["alg"] == "ES256" && key["x"].is_string()));
        assert!(keys.iter().all(|key| key["d"].is_null() && key["p"].is_null()));
        kids
    };
    let old = [kid(&text(&before, "access_token")), kid(&text(&before, "id_token"))];
    let first = published(&house).await;
    assert!(first.len() == 2 && old.iter().all(|kid| first.contains(kid)));
    let rotated = house.root.post("/api/v1/signing-keys/rotate", &json!({})).await.unwrap();
    assert_eq!(rotated.status, 200, "{}", rotated.text);
    assert_eq!(published(&house).await.len(), 4, "new keys are published before they sign");
    // A restart in the middle loses nothing.
    house.server = house.server.restart().await.unwrap();
    let meanwhile = house.refreshed(&app, &before).await.json();
    assert_eq!(kid(&text(&meanwhile, "access_token")), old[0], "the old one still signs");
    house.clock.leap(Duration::from_secs(1_201));
    let after = house.refreshed(&app, &meanwhile).await.json();
    assert!(!old.contains(&kid(&text(&after, "access_token"))));
    let told = house.introspected(&app, &text(&after, "access_token")).await;
    assert_eq!(told["active"], true, "what the new key signed counts");
    assert_eq!(published(&house).await.len(), 4, "old keys stay until their last token ended");
    house.clock.leap(Duration::from_secs(3_600 + 901));
    let last = published(&house).await;
    assert!(last.len() == 2 && old.iter().all(|kid| !last.contains(kid)));
    house.stop().await;
}

/// A token like this one, signed just now by somebody who has the key.
async fn forged(house: &House, token: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    let server = &house.server;
    let records = server.gate.read(&server.system).signing_keys().await.unwrap();
    let record = records.into_iter().find(|record| record.alg == "ES256").unwrap();
    let master = MasterKey::from_text(server.master_key().expose()).unwrap();
    let (_, opener) = tollgate_vault::unlock(&Root::new(), master).unwrap();
    let place = Place {
        table: "signing_keys",
        column: "sealed",
        row: record.kid,
        owner: "installation".to_owned(),
        version: 1,
    };
    let signer = opener.signer(&place, &Sealed::from_bytes(record.sealed)).unwrap();
    let mut said = claims(token);
    said["jti"] = json!("01939000-0000-7000-8000-000000000001");
    let (header, _) = token.split_once('.').unwrap();
    let input = format!("{header}.{}", BASE64.encode(said.to_string()));
    let signature = signer.sign(input.as_bytes()).unwrap();
    format!("{input}.{}", BASE64.encode(signature))
}

#[tokio::test]
async fn j26_t39_what_a_stolen_key_signed_ends_with_it_at_once() {
    let house = House::new().await;
    let home = "https://app.example/bye";
    let app = house.app(json!({"post_logout_redirect_uris": [home]})).await;
    let before = house.tokens(&app, &[]).await;
    let forged = json!({"access_token": forged(&house, &text(&before, "access_token")).await});
    for token in [&before, &forged] {
        assert_eq!(house.calls(token).await, 200);
    }
    let rotate = async |body| house.root.post("/api/v1/signing-keys/rotate", &body).await.unwrap();
    // A rotation alone ends nothing.
    assert_eq!(rotate(json!({"lead_s": 0})).await.status, 200);
    assert_eq!(house.calls(&forged).await, 200);
    assert_eq!(rotate(json!({"lead_s": 60, "revoke": true})).await.status, 400);
    let revoked = rotate(json!({"revoke": true})).await;
    assert_eq!(revoked.status, 200, "{}", revoked.text);
    let keys = revoked.json()["items"].as_array().unwrap().clone();
    assert!(keys.len() == 2 && keys.iter().all(|key| key["state"] == "in_use"), "{keys:?}");
    let jwks = house.server.anonymous().get("/oauth/jwks.json").await.unwrap().json();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 2);
    for token in [&before, &forged] {
        assert_eq!(house.calls(token).await, 401, "remembered or not");
        let told = house.introspected(&app, &text(token, "access_token")).await;
        assert_eq!(told, json!({"active": false}));
    }
    // Nor does an ID token of it say who is meant.
    let (hint, id) = (text(&before, "id_token"), &app.id);
    let query = format!("?id_token_hint={hint}&client_id={id}&post_logout_redirect_uri={home}");
    let asked = house.browser.get(&format!("/oauth/end-session{query}")).await.unwrap();
    assert!(asked.text.contains("end-session-form"), "{}", asked.text);
    let after = house.refreshed(&app, &before).await;
    assert_eq!(after.status, 200, "{}", after.text);
    assert_eq!(house.calls(&after.json()).await, 200);
    assert_eq!(house.acts("signing_key.revoke").await, 1);
    house.stop().await;
}

#[tokio::test]
async fn the_documents_are_where_clients_look_for_them() {
    let house = House::new().await;
    let nobody = house.server.anonymous();
    let paths = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];
    let mut found = Vec::new();
    for path in paths {
        let answer = nobody.get(path).await.unwrap();
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        found.push(answer.json());
    }
    assert_eq!(found[0], found[1]);
    let document = &found[0];
    assert_eq!(document["issuer"], json!(house.server.url));
    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    for endpoint in ["jwks_uri", "userinfo_endpoint", "authorization_endpoint"] {
        let url = text(document, endpoint);
        let path = url.strip_prefix(&house.server.url).expect("of this server");
        assert_ne!(nobody.get(path).await.unwrap().status, 404, "{endpoint}");
    }
    house.stop().await;
}

#[tokio::test]
async fn a_consent_that_is_withdrawn_ends_the_tokens() {
    let house = House::new().await;
    let app = house.public().await;
    let tokens = house.tokens(&app, &[("scope", "models offline_access")]).await;
    assert_eq!(house.calls(&tokens).await, 200);
    let path = format!("/api/v1/grants/{}", app.id);
    let gone = house.browser.send(house.browser.request("DELETE", &path)).await.unwrap();
    assert_eq!(gone.status, 204, "{}", gone.text);
    bites("the token is dead", async || house.calls(&tokens).await == 401).await;
    assert_eq!(house.refreshed(&app, &tokens).await.status, 400);
    let again = house.browser.get(&house.request(&app, &[])).await.unwrap();
    assert!(again.text.contains("consent-form"), "the person is asked anew");
    house.stop().await;
}
