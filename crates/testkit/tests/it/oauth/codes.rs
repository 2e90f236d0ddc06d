//! Authorization codes: what they are bound to, and that they serve once.

use std::time::Duration;

use serde_json::{Value, json};

use super::{App, House, VERIFIER, invalid_grant, refused, text};
use crate::both::bites;

/// The whole walk: a person allows an app, which calls a model for them.
#[tokio::test]
async fn a_person_allows_an_app_and_the_entry_names_both() {
    let house = House::new().await;
    let app = house.public().await;
    let tokens = house.tokens(&app, &[("nonce", "n-1")]).await;
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(300)));
    assert_eq!(tokens["scope"], "models openid");
    assert_eq!(house.calls(&tokens).await, 200);
    let entry = house.server.entries(1).await.unwrap().remove(0);
    assert_eq!(entry.user, Some(house.alice.to_string()));
    assert_eq!(entry.client, Some(app.id.clone()));
    // The ID token is for the app and says who signed in.
    let claims = claims(&text(&tokens, "id_token"));
    assert_eq!(claims["iss"], json!(house.server.url));
    assert_eq!((&claims["aud"], &claims["nonce"]), (&json!(app.id), &json!("n-1")));
    assert_eq!(claims["sub"], json!(house.alice.to_string()));
    let access = super::codes::claims(&text(&tokens, "access_token"));
    assert_eq!(access["aud"], json!(format!("{}/v1", house.server.url)));
    assert_eq!((&access["client_id"], &access["sub"]), (&json!(app.id), &claims["sub"]));
    for needed in ["iss", "exp", "iat", "jti", "scope", "auth_time"] {
        assert!(!access[needed].is_null(), "{needed}");
    }
    house.stop().await;
}

/// What a token says, unverified.
pub(super) fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).expect("a payload");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn t1_t6_g17_a_code_is_bound_to_its_app_and_address_and_is_not_burnt() {
    let house = House::new().await;
    let (app, other) = (house.public().await, house.public().await);
    let code = house.code(&app, &[]).await;
    let good = house.redemption(&app, &code);
    let without = |name: &str| {
        let mut form = good.clone();
        form.retain(|(known, _)| *known != name);
        form
    };
    let with = |name: &'static str, value: &str| {
        let mut form = without(name);
        form.push((name, value.to_owned()));
        form
    };
    let wrong = [
        with("client_id", &other.id),
        with("redirect_uri", "https://app.example/cb/"),
        without("redirect_uri"),
        with("code_verifier", &VERIFIER.replace('d', "e")),
        without("code_verifier"),
        with("code", &code.replace("tg_code_", "tg_refresh_")),
        with("code", "x"),
    ];
    for form in wrong {
        assert_eq!(refused(&house.token(&form).await), invalid_grant(), "{form:?}");
    }
    let target = house.token(&with("resource", "https://todo.example")).await;
    assert_eq!(refused(&target), (400, "invalid_target".to_owned()));
    assert_eq!(house.token(&good).await.status, 200, "none of that used it up");
    house.stop().await;
}

#[tokio::test]
async fn t3_of_a_hundred_redemptions_one_succeeds_and_a_replay_revokes() {
    let house = House::new().await;
    let app = house.public().await;
    let code = house.code(&app, &[]).await;
    let form = house.redemption(&app, &code);
    let client = house.server.anonymous();
    let tries = (0..100).map(|_| {
        let (client, form) = (client.clone(), form.clone());
        tokio::spawn(async move {
            client.send(client.request("POST", "/oauth/token").form(&form)).await.unwrap()
        })
    });
    let mut won = Vec::new();
    for tried in tries.collect::<Vec<_>>() {
        let answer = tried.await.unwrap();
        match answer.status {
            200 => won.push(answer.json()),
            _ => assert_eq!(refused(&answer), invalid_grant()),
        }
    }
    assert_eq!(won.len(), 1, "exactly one of a hundred");
    bites("what the winner got is revoked", async || house.calls(&won[0]).await == 401).await;
    assert_eq!(refused(&house.refreshed(&app, &won[0]).await), invalid_grant());
    assert!(house.acts("code.replay").await >= 1);

    // The same later, one after the other.
    let code = house.code(&app, &[]).await;
    let form = house.redemption(&app, &code);
    let tokens = house.token(&form).await.json();
    assert_eq!(house.calls(&tokens).await, 200);
    house.clock.leap(Duration::from_secs(120));
    assert_eq!(refused(&house.token(&form).await), invalid_grant());
    bites("a late replay revokes too", async || house.calls(&tokens).await == 401).await;
    house.stop().await;
}

#[tokio::test]
async fn a_code_waits_for_a_minute() {
    let house = House::new().await;
    let app = house.public().await;
    let code = house.code(&app, &[]).await;
    house.clock.leap(Duration::from_secs(61));
    let late = house.token(&house.redemption(&app, &code)).await;
    assert_eq!(refused(&late), invalid_grant());
    house.stop().await;
}

#[tokio::test]
async fn t4_pkce_cannot_be_dropped_by_either_side() {
    let house = House::new().await;
    let no_challenge = [("code_challenge", ""), ("code_challenge_method", "")];
    let confidential = house.app(json!({})).await;
    for app in [house.public().await, confidential] {
        let told = house.allowed(&house.request(&app, &no_challenge)).await;
        assert_eq!(told["error"], "invalid_request", "{told:?}");
    }
    // Who may come without it must not bring half of it; who brings it is held to it.
    let legacy = house.app(json!({"legacy": true})).await;
    let code = house.code(&legacy, &no_challenge).await;
    let with_verifier = house.redemption(&legacy, &code);
    assert_eq!(refused(&house.token(&with_verifier).await), invalid_grant());
    let mut without = with_verifier;
    without.retain(|(name, _)| *name != "code_verifier");
    assert_eq!(house.token(&without).await.status, 200);
    let code = house.code(&legacy, &[]).await;
    let mut without = house.redemption(&legacy, &code);
    without.retain(|(name, _)| *name != "code_verifier");
    assert_eq!(refused(&house.token(&without).await), invalid_grant());
    house.stop().await;
}

#[tokio::test]
async fn pg_06_a_plugin_host_sends_json_and_gets_what_it_needs() {
    let house = House::new().await;
    let callback = "https://chat.openai.com/aip/plugin-1/oauth/callback";
    let members = json!({"legacy": true, "redirect_uris": [callback]});
    let app = house.app(members).await;
    let bare = [("code_challenge", ""), ("code_challenge_method", ""), ("redirect_uri", callback)];
    let code = house.code(&app, &bare).await;
    let body = json!({"grant_type": "authorization_code", "client_id": app.id,
        "client_secret": app.secret, "code": code, "redirect_uri": callback});
    let answer = house.server.anonymous().post("/oauth/token", &body).await.unwrap();
    let tokens = answer.json();
    assert_eq!((answer.status, &tokens["token_type"]), (200, &json!("bearer")), "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(tokens["refresh_token"].is_string() && tokens["expires_in"].is_number());
    let body = json!({"grant_type": "refresh_token", "client_id": app.id,
        "client_secret": app.secret, "refresh_token": tokens["refresh_token"]});
    assert_eq!(house.server.anonymous().post("/oauth/token", &body).await.unwrap().status, 200);
    // Others send forms.
    let modern = house.app(json!({})).await;
    let body = json!({"grant_type": "client_credentials", "client_id": modern.id,
        "client_secret": modern.secret});
    let refusal = house.server.anonymous().post("/oauth/token", &body).await.unwrap();
    assert_eq!(refused(&refusal), (400, "invalid_request".to_owned()));
    house.stop().await;
}

#[tokio::test]
async fn an_app_is_known_by_one_way_alone() {
    let house = House::new().await;
    let any = house.app(json!({})).await;
    let post = house.app(json!({"auth_method": "client_secret_post"})).await;
    let basic = house.app(json!({"auth_method": "client_secret_basic"})).await;
    let nobody = house.server.anonymous();
    let token = async |app: &App, by_header: bool, secret: &str| {
        let request = nobody.request("POST", "/oauth/token");
        let mut form = vec![("grant_type", "client_credentials")];
        let request = match by_header {
            true => request.basic_auth(&app.id, Some(secret)),
            false => {
                form.extend([("client_id", app.id.as_str()), ("client_secret", secret)]);
                request
            }
        };
        nobody.send(request.form(&form)).await.unwrap()
    };
    let is = |app: &App| app.secret.clone().unwrap();
    for (app, by_header, status) in [
        (&any, true, 200),
        (&any, false, 200),
        (&post, false, 200),
        (&post, true, 401),
        (&basic, true, 200),
        (&basic, false, 401),
    ] {
        assert_eq!(token(app, by_header, &is(app)).await.status, status, "{by_header}");
    }
    let wrong = token(&any, true, &is(&post)).await;
    assert_eq!(refused(&wrong), (401, "invalid_client".to_owned()));
    assert!(wrong.header("www-authenticate").starts_with("Basic "), "{:?}", wrong.headers);
    // Two ways at once are refused, and so is none.
    let both = nobody.request("POST", "/oauth/token").basic_auth(&any.id, any.secret.as_ref());
    let form = [("grant_type", "client_credentials"), ("client_secret", &is(&any))];
    let both = nobody.send(both.form(&form)).await.unwrap();
    assert_eq!(refused(&both), (400, "invalid_request".to_owned()));
    let bare = App { secret: None, ..any.clone() };
    let mut form = super::posted(&bare);
    form.push(("grant_type", "client_credentials".to_owned()));
    assert_eq!(refused(&house.token(&form).await).0, 401);
    // A new secret ends the old one at once.
    let path = format!("/api/v1/clients/{}/secret", any.id);
    let made = house.root.post(&path, &json!({})).await.unwrap().json();
    assert_eq!(token(&any, true, &is(&any)).await.status, 401);
    assert_eq!(token(&any, true, &text(&made, "client_secret")).await.status, 200);
    house.stop().await;
}
