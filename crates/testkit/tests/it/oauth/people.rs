//! What people see and say: sign-in first, consent, signing in again, signing out.

use std::time::Duration;

use serde_json::json;

use super::{CALLBACK, House, between, text, told};
use crate::both::bites;

#[tokio::test]
async fn t7_who_signs_in_first_goes_on_as_it_was_asked() {
    let house = House::new().await;
    let app = house.public().await;
    let nobody = house.server.anonymous();
    let answer = nobody.get(&house.request(&app, &[("login_hint", "alice@x")])).await.unwrap();
    let place = told(&answer);
    assert!(answer.header("location").starts_with("/login?next=%2Foauth%2Fresume"));
    assert_eq!(place["hint"], "alice@x");
    let page = nobody.get(answer.header("location")).await.unwrap();
    assert!(page.text.contains("value=\"alice@x\""), "who is meant stands in the form");
    // After the sign-in the browser is where `next` says.
    let asked = house.browser.get(&place["next"]).await.unwrap();
    assert!(asked.text.contains("consent-form"), "{}", asked.text);
    assert!(told(&house.said("allow", asked).await).contains_key("code"));
    // What was read first counts, and nobody else's seal.
    let changed = format!("{}&scope=manage", place["next"]);
    assert_eq!(house.browser.get(&changed).await.unwrap().status, 400);
    let (path, ticket) = place["next"].split_once("ticket=").unwrap();
    let forged = format!("{path}ticket=A{}", &ticket[1..]);
    assert_eq!(house.browser.get(&forged).await.unwrap().status, 400);
    house.clock.leap(Duration::from_secs(1_801));
    assert_eq!(house.browser.get(&place["next"]).await.unwrap().status, 400, "not for ever");
    house.stop().await;
}

#[tokio::test]
async fn a_page_of_ours_leads_on_by_itself_so_that_browsers_follow() {
    let house = House::new().await;
    let app = house.public().await;
    house.code(&app, &[]).await;
    let request = house.browser.request("GET", &house.request(&app, &[]));
    let onward = house.browser.send(request.header("sec-fetch-mode", "navigate")).await.unwrap();
    assert_eq!(onward.status, 200, "the browser comes from a form of ours");
    let refresh = onward.header("refresh").to_owned();
    assert!(refresh.starts_with(&format!("0; url={CALLBACK}?code=")), "{refresh}");
    assert!(onward.text.contains("id=\"onward\""));
    house.stop().await;
}

#[tokio::test]
async fn t79_a_person_is_asked_once_for_the_same_and_again_for_more() {
    let house = House::new().await;
    let app = house.app(json!({"name": "<b>Flask</b>", "type": "public"})).await;
    let asked = house.browser.get(&house.request(&app, &[])).await.unwrap();
    assert!(asked.text.contains("&lt;b&gt;Flask") || asked.text.contains("&#60;b&#62;Flask"));
    for told in ["alice@example.com", "app.example", "/v1", "call AI models"] {
        assert!(asked.text.contains(told), "{told} in {}", asked.text);
    }
    assert!(asked.header("content-security-policy").contains("frame-ancestors 'none'"));
    assert!(told(&house.said("allow", asked).await).contains_key("code"));
    let known = house.browser.get(&house.request(&app, &[])).await.unwrap();
    assert!(told(&known).contains_key("code"), "the same again needs no word");
    let more = house.request(&app, &[("scope", "openid models email")]);
    let asked = house.browser.get(&more).await.unwrap();
    assert!(asked.text.contains("see your e-mail address"));
    let forced = house.request(&app, &[("prompt", "consent")]);
    assert!(house.browser.get(&forced).await.unwrap().text.contains("consent-form"));
    // Another app, and another person, are asked for themselves.
    let other = house.public().await;
    let asked = house.browser.get(&house.request(&other, &[])).await.unwrap();
    assert!(asked.text.contains("consent-form"));
    let bob = house.server.add_user("bob@example.com", None).await.unwrap();
    let bob = house.server.signed_in(bob).await.unwrap();
    let asked = bob.get(&house.request(&app, &[])).await.unwrap();
    assert!(asked.text.contains("consent-form"));
    house.stop().await;
}

#[tokio::test]
async fn t79_a_request_without_scopes_is_asked_about_too() {
    let house = House::new().await;
    let [resource, _] = house.elsewhere().await;
    let app = house.app(json!({"resources": [resource.1]})).await;
    let request = house.request(&app, &[resource, ("scope", "")]);
    let asked = house.browser.get(&request).await.unwrap();
    assert!(asked.text.contains("consent-form"), "{}", asked.text);
    let silent = house.request(&app, &[resource, ("scope", ""), ("prompt", "none")]);
    let refused = told(&house.browser.get(&silent).await.unwrap());
    assert_eq!(refused["error"], "consent_required");
    assert!(told(&house.said("allow", asked).await).contains_key("code"));
    let known = house.browser.get(&request).await.unwrap();
    assert!(told(&known).contains_key("code"), "the same again needs no word");
    house.stop().await;
}

#[tokio::test]
async fn t8_t10_a_question_is_answered_by_whom_it_was_asked() {
    let house = House::new().await;
    let app = house.public().await;
    let asked = house.browser.get(&house.request(&app, &[])).await.unwrap();
    let ticket = between(&asked.text, "name=\"ticket\" value=\"", "\"").to_owned();
    let bob = house.server.add_user("bob@example.com", None).await.unwrap();
    let bob = house.server.signed_in(bob).await.unwrap();
    let answer = async |browser: &tollgate_testkit::Browser, csrf: &str| {
        let form = [("csrf", csrf), ("ticket", &ticket), ("decision", "allow")];
        let request = browser.request("POST", "/oauth/consent").form(&form);
        browser.send(request).await.unwrap().status
    };
    assert_eq!(answer(&bob, &bob.csrf).await, 403, "another's question");
    assert_eq!(answer(&house.browser, &bob.csrf).await, 403, "another's form token");
    let again = house.server.signed_in(house.alice).await.unwrap();
    assert_eq!(answer(&again, &again.csrf).await, 403, "another session of the same person");
    let form = [("csrf", &*house.browser.csrf), ("ticket", &ticket), ("decision", "allow")];
    let elsewhere = house.browser.request_without_origin("POST", "/oauth/consent").form(&form);
    assert_eq!(house.browser.send(elsewhere).await.unwrap().status, 403, "another site's form");
    assert_eq!(answer(&house.browser, &house.browser.csrf).await, 303);
    house.stop().await;
}

#[tokio::test]
async fn an_app_can_ask_for_a_fresh_sign_in() {
    let house = House::new().await;
    let app = house.public().await;
    house.code(&app, &[]).await;
    house.clock.leap(Duration::from_secs(100));
    for changes in [[("prompt", "login")], [("max_age", "60")]] {
        let page = house.browser.get(&house.request(&app, &changes)).await.unwrap();
        assert!(page.text.contains("Please sign in again"), "{}", page.text);
        let mut silent = changes.to_vec();
        silent.push(("prompt", "none"));
        silent.retain(|change| *change != ("prompt", "login"));
        if silent.len() == 2 {
            let told = house.allowed(&house.request(&app, &silent)).await;
            assert_eq!(told["error"], "login_required");
        }
    }
    assert!(house.allowed(&house.request(&app, &[("max_age", "200")])).await.contains_key("code"));
    let page = house.browser.get(&house.request(&app, &[("prompt", "login")])).await.unwrap();
    let ticket = between(&page.text, "name=\"ticket\" value=\"", "\"");
    // To come back with the old session does not do.
    let resume = format!("/oauth/resume?ticket={ticket}");
    assert!(house.browser.get(&resume).await.unwrap().text.contains("Please sign in again"));
    let form = [("csrf", house.browser.csrf.as_str()), ("ticket", ticket)];
    let request = house.browser.request("POST", "/oauth/again").form(&form);
    let gone = house.browser.send(request).await.unwrap();
    let place = told(&gone);
    assert!(gone.header("location").starts_with("/login?next="), "{}", gone.text);
    assert!(gone.header("set-cookie").contains("Max-Age=0"), "the old session is over");
    let fresh = house.server.signed_in(house.alice).await.unwrap();
    let answer = fresh.get(&place["next"]).await.unwrap();
    assert!(told(&answer).contains_key("code"), "{}", answer.text);
    house.stop().await;
}

#[tokio::test]
async fn t17_signing_out_leads_to_registered_addresses_alone() {
    let house = House::new().await;
    let home = "https://app.example/bye";
    let app = house.app(json!({"type": "public", "post_logout_redirect_uris": [home]})).await;
    let tokens = house.tokens(&app, &[]).await;
    let hint = text(&tokens, "id_token");
    let query = |pairs: &[(&str, &str)]| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        format!("/oauth/end-session?{}", query.extend_pairs(pairs).finish())
    };
    let back = ("post_logout_redirect_uri", home);
    // Nobody is signed in: an address counts with the app that registered it.
    let nobody = house.server.anonymous();
    for (pairs, leads) in [
        (vec![back, ("id_token_hint", &*hint), ("state", "x")], true),
        (vec![back, ("client_id", &*app.id)], true),
        (vec![back], false),
        (vec![back, ("client_id", "x"), ("id_token_hint", &*hint)], false),
        (vec![back, ("id_token_hint", "garbled")], false),
        (
            vec![
                ("post_logout_redirect_uri", "https://app.example/bye?x=1"),
                ("client_id", &*app.id),
            ],
            false,
        ),
        (
            vec![("post_logout_redirect_uri", "https://evil.example"), ("client_id", &*app.id)],
            false,
        ),
    ] {
        let answer = nobody.get(&query(&pairs)).await.unwrap();
        assert_eq!(answer.status == 303, leads, "{pairs:?}");
        assert_eq!(answer.header("location").starts_with(home), leads);
    }
    // Without a word of who is meant the person is asked.
    let asked = house.browser.get(&query(&[back, ("client_id", &app.id)])).await.unwrap();
    assert!(asked.text.contains("end-session-form"), "{}", asked.text);
    assert_eq!(house.browser.get("/account").await.unwrap().status, 200, "still signed in");
    assert_eq!(house.calls(&tokens).await, 200);
    let ended = house.browser.get(&query(&[back, ("id_token_hint", &hint), ("state", "x")])).await;
    let ended = ended.unwrap();
    assert_eq!(ended.header("location"), "https://app.example/bye?state=x");
    assert!(ended.header("clear-site-data").contains("cache"));
    assert_eq!(house.browser.get("/account").await.unwrap().status, 303, "signed out");
    assert_eq!(house.calls(&tokens).await, 401, "and so is the app");
    house.stop().await;
}

#[tokio::test]
async fn an_app_asks_for_a_language() {
    let house = House::new().await;
    let app = house.public().await;
    let nobody = house.server.anonymous();
    let request = house.request(&app, &[("ui_locales", "fr-CA ja-JP en")]);
    let answer = nobody.get(&request).await.unwrap();
    let cookie = answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    assert!(cookie.into_iter().any(|line| line.starts_with("tollgate-lang=ja;")), "{answer:?}");
    let asked = house.browser.get(&house.request(&app, &[("ui_locales", "zh-CN")])).await.unwrap();
    assert!(asked.text.contains("lang=\"zh-Hans\""), "{}", asked.text);
    // Whoever chose one keeps it.
    let request = house.browser.request("GET", &request).header("cookie", "tollgate-lang=en");
    let asked = house.browser.send(request).await.unwrap();
    assert!(
        asked
            .headers
            .get_all("set-cookie")
            .iter()
            .all(|line| { !line.to_str().unwrap().starts_with("tollgate-lang") })
    );
    house.stop().await;
}

#[tokio::test]
async fn a_person_sees_the_apps_with_access_and_takes_it_back() {
    let house = House::new().await;
    let empty = house.browser.get("/account/apps").await.unwrap();
    assert!(empty.status == 200 && empty.text.contains("Apps that you sign in to"));
    let app = house.app(json!({"name": "<b>Flask</b>"})).await;
    let other = house.app(json!({"name": "Other"})).await;
    let tokens = house.tokens(&app, &[]).await;
    let kept = house.tokens(&other, &[]).await;
    let page = house.browser.get("/account/apps").await.unwrap();
    for shown in ["&#60;b&#62;Flask", "Other", "call AI models", "/v1"] {
        assert!(page.text.contains(shown), "{shown} in {}", page.text);
    }
    let security = house.browser.get("/account/security").await.unwrap();
    assert!(security.text.contains("href=\"/account/apps\""));
    let path = format!("/account/apps/{}/end", app.id);
    assert!(page.text.contains(&path));
    let send = async |csrf: &str| {
        let request = house.browser.request("POST", &path).form(&[("csrf", csrf)]);
        house.browser.send(request).await.unwrap().status
    };
    assert_eq!(send("forged").await, 403);
    assert_eq!(house.calls(&tokens).await, 200);
    assert_eq!(send(&house.browser.csrf).await, 303);
    bites("what it was allowed is over", async || house.calls(&tokens).await == 401).await;
    assert_eq!(house.calls(&kept).await, 200, "other apps go on");
    let page = house.browser.get("/account/apps").await.unwrap();
    assert!(!page.text.contains("Flask") && page.text.contains("Other"));
    house.stop().await;
}

#[tokio::test]
async fn an_answer_comes_as_a_form_where_an_app_asks_for_one() {
    let house = House::new().await;
    let app = house.public().await;
    let request = house.request(&app, &[("response_mode", "form_post")]);
    let asked = house.browser.get(&request).await.unwrap();
    let consented = house.said("allow", asked).await;
    let known = house.browser.get(&request).await.unwrap();
    for page in [&consented, &known] {
        assert_eq!((page.status, page.header("location")), (200, ""), "{}", page.text);
        assert!(page.text.contains(&format!("action=\"{CALLBACK}\" data-onward")), "{}", page.text);
        let policy = page.header("content-security-policy");
        assert!(policy.contains("form-action 'self' https://app.example"), "{policy}");
        assert_eq!(page.header("cache-control"), "no-store");
        let value = |name: &str| between(&page.text, &format!("name=\"{name}\" value=\""), "\"");
        assert_eq!(value("state"), "s p&#38;a=c/e");
        assert_eq!(value("iss"), house.server.url);
        let tokens = house.token(&house.redemption(&app, value("code"))).await;
        assert_eq!(tokens.status, 200, "{}", tokens.text);
    }
    // Errors too.
    let changes = [("response_mode", "form_post"), ("scope", "unknown")];
    let refused = house.browser.get(&house.request(&app, &changes)).await.unwrap();
    assert!(refused.text.contains("name=\"error\" value=\"invalid_scope\""), "{}", refused.text);
    house.stop().await;
}
