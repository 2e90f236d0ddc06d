//! What apps get and send: secrets, codes, tokens.

use serde_json::{Value, json};
use tollgate_testkit::{Answer, TestServer};

use super::hunt::Hunt;
use super::people::Person;

const CALLBACK: &str = "https://app.example/cb";

/// One app's walk with all that is secret on it, rightly and wrongly.
pub(super) async fn apps(server: &TestServer, owner: &Person, hunt: &mut Hunt) {
    let body = json!({"name": "flask", "redirect_uris": [CALLBACK], "legacy": true});
    let made = owner.api("POST", "/api/v1/clients", &body).await;
    let (id, secret) = (text(&made, "client_id"), text(&made, "client_secret"));
    hunt.secret("an app's secret", &secret, &["an app"]);
    hunt.answer("an app", &made);
    hunt.answer("an app once more", &owner.get(&format!("/api/v1/clients/{id}")).await);

    let code = code(server, &id, hunt).await;
    let nobody = server.anonymous();
    let token = async |fields: &[(&str, &str)]| {
        let mut form = vec![("client_id", &*id), ("client_secret", &*secret)];
        form.extend_from_slice(fields);
        nobody.send(nobody.request("POST", "/oauth/token").form(&form)).await.unwrap()
    };
    let kind = ("grant_type", "authorization_code");
    let wrong = token(&[kind, ("code", &code), ("redirect_uri", "https://app.example")]).await;
    assert_eq!(wrong.status, 400);
    hunt.answer("a code that does not fit", &wrong);
    let tokens = token(&[kind, ("code", &code), ("redirect_uri", CALLBACK)]).await;
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    hunt.secret("an app's access token", &access, &["tokens"]);
    hunt.secret("a refresh token", &refresh, &["tokens"]);
    hunt.secret("an ID token", &text(&tokens, "id_token"), &["tokens"]);
    hunt.answer("tokens", &tokens);
    let kind = ("grant_type", "refresh_token");
    let fresh = token(&[kind, ("refresh_token", &refresh)]).await;
    let (next, newer) = (text(&fresh, "refresh_token"), text(&fresh, "access_token"));
    hunt.secret("the next refresh token", &next, &["fresh tokens"]);
    hunt.secret("the next access token", &newer, &["fresh tokens"]);
    hunt.answer("fresh tokens", &fresh);

    let bearer = server.with_bearer(&newer);
    hunt.answer("who signed in", &bearer.get("/oauth/userinfo").await.unwrap());
    for (path, token) in [("/oauth/introspect", &newer), ("/oauth/revoke", &next)] {
        let request = nobody.request("POST", path).basic_auth(&id, Some(&secret));
        let answer = nobody.send(request.form(&[("token", token)])).await.unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        hunt.answer(path, &answer);
    }
    // The wrong way round.
    let request = nobody.request("POST", "/oauth/token").basic_auth(&secret, Some(&id));
    let wrong = nobody.send(request.form(&[("grant_type", "client_credentials")])).await.unwrap();
    assert_eq!(wrong.status, 401);
    hunt.answer("an app that is not known", &wrong);
    hunt.answer("a dead refresh token", &token(&[kind, ("refresh_token", &next)]).await);
}

/// A code, as a browser brings it.
async fn code(server: &TestServer, id: &str, hunt: &mut Hunt) -> String {
    let user = server.add_user("carl@example.com", None).await.unwrap();
    let browser = server.signed_in(user).await.unwrap();
    let scope = "openid%20models";
    let request = format!(
        "/oauth/authorize?response_type=code&client_id={id}&scope={scope}&redirect_uri={CALLBACK}"
    );
    let page = browser.get(&request).await.unwrap();
    hunt.answer("a consent page", &page);
    let ticket = page.text.split_once("name=\"ticket\" value=\"").expect("a ticket").1;
    let ticket = ticket.split('"').next().unwrap_or_default();
    let form = [("csrf", &*browser.csrf), ("ticket", ticket), ("decision", "allow")];
    let allowed = browser.send(browser.request("POST", "/oauth/consent").form(&form)).await;
    let allowed = allowed.unwrap();
    let place = allowed.header("location").to_owned();
    let code = place.split_once("code=").expect("a code").1.split('&').next().unwrap_or_default();
    hunt.secret("a code", code, &["a code"]);
    hunt.answer("a code", &allowed);
    code.to_owned()
}

fn text(answer: &Answer, name: &str) -> String {
    let Value::String(text) = &answer.json()[name] else { panic!("no {name}: {}", answer.text) };
    text.clone()
}
