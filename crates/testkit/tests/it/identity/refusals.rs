//! Who is not let in, and what they are told.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_testkit::{Answer, CLIENT_SECRET, ProviderFault};

use super::{House, person};

#[tokio::test]
async fn t41_t42_an_address_that_matches_never_links() {
    let house = House::new().await;
    // Somebody was here first, and said of themselves that they are the victim.
    let (_, squatter) = house.member("victim@example.com").await;
    let mut victim = person("victim");
    let (browser, answer) = house.come_as("idp", &victim).await;
    assert_eq!((answer.status, browser.who().await), (403, String::new()));
    assert!(answer.text.contains("Sign in to your account, then link idp"), "{}", answer.text);
    assert!(house.identities().await.is_empty());
    assert_eq!(squatter.get("/api/v1/me").await.unwrap().status, 200);
    // However it is spelled.
    victim["email"] = json!(" Victim@Example.COM ");
    assert_eq!(house.come_as("idp", &victim).await.1.status, 403);

    // What the provider does not vouch for makes no account, and tells of none.
    let mut told = Vec::new();
    for email in ["victim@example.com", "new@example.com"] {
        for verified in [Value::Null, json!(false), json!("false"), json!("true"), json!(1)] {
            let mut somebody = person("somebody");
            somebody["email"] = json!(email);
            somebody["email_verified"] = verified;
            let (browser, answer) = house.come_as("idp", &somebody).await;
            assert_eq!((answer.status, browser.who().await), (403, String::new()));
            assert!(answer.text.contains("does not confirm"), "{}", answer.text);
            let main = answer.text.split("<main").nth(1).unwrap().to_owned();
            told.push(main.split("name=\"csrf\"").next().unwrap().to_owned());
        }
    }
    told.dedup();
    assert_eq!(told.len(), 1, "whether the address has an account is not told: {told:?}");
    assert_eq!(house.people().await, ["victim@example.com"]);
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn t51_odd_addresses_make_no_account() {
    let house = House::new().await;
    for email in ["a@b@example.com", "a b@example.com", "a@", "<a@example.com>", "a@x..y", ""] {
        let mut odd = person("odd");
        odd["email"] = json!(email);
        let (browser, answer) = house.come_as("idp", &odd).await;
        assert_eq!((answer.status, browser.who().await), (403, String::new()), "{email}");
    }
    assert_eq!(house.people().await, Vec::<String>::new());
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn t48_an_invitation_is_not_taken_up_by_an_address() {
    let house = House::new().await;
    let invited = house.done("POST", "/api/v1/users", json!({ "email": "eve@example.com" })).await;
    let links = format!("/api/v1/users/{}/links", invited["id"].as_str().unwrap());
    house.done("POST", &links, json!({ "purpose": "invite" })).await;
    let (browser, answer) = house.come_as("idp", &person("eve")).await;
    assert_eq!((answer.status, browser.who().await), (403, String::new()), "{}", answer.text);
    assert!(house.identities().await.is_empty());
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn where_registration_is_closed_only_those_who_are_known_come_in() {
    let house = House::new().await;
    let (_, answer) = house.come_as("idp", &person("ada")).await;
    assert_eq!(answer.status, 303);
    house.register("closed").await;
    let (browser, answer) = house.come_as("idp", &person("ben")).await;
    assert_eq!((answer.status, browser.who().await), (403, String::new()));
    assert!(answer.text.contains("Nobody can sign up here"), "{}", answer.text);
    let (ada, _) = house.come_as("idp", &person("ada")).await;
    assert_eq!(ada.who().await, "ada@example.com");
    assert!(house.browser().get("/signup").await.text.contains("id=\"provider-idp\""));
    house.server.stop().await.unwrap();
}

/// Changes a provider while somebody is there.
async fn meanwhile(house: &House, act: impl AsyncFnOnce()) -> Answer {
    let browser = house.browser();
    let place = browser.sent("/login/idp").await;
    act().await;
    let answer = browser.get(&house.idp.approve(&place, &person("ada")).unwrap()).await;
    assert_eq!(browser.who().await, "");
    answer
}

#[tokio::test]
async fn t45_a_provider_that_was_switched_off_finishes_nothing() {
    let house = House::new().await;
    house.come_as("idp", &person("ada")).await;
    let enabled = |on: bool| json!({ "enabled": on });
    let off = async || drop(house.change("idp", enabled(false)).await);
    let answer = meanwhile(&house, off).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_eq!(house.browser().get("/login/idp").await.status, 404);
    assert!(!house.browser().get("/login").await.text.contains("provider-idp"));
    house.change("idp", enabled(true)).await;

    // Off and on again: who was there in between starts again.
    let blink = async || {
        house.change("idp", enabled(false)).await;
        house.change("idp", enabled(true)).await;
    };
    assert_eq!(meanwhile(&house, blink).await.status, 400);
    let gone = async || drop(house.done("DELETE", "/api/v1/providers/idp", Value::Null).await);
    assert_eq!(meanwhile(&house, gone).await.status, 400);
    // When it comes back its people are the same people.
    house.add(house.idp.described("idp")).await;
    let (ada, _) = house.come_as("idp", &person("ada")).await;
    assert_eq!(ada.who().await, "ada@example.com");

    // Nor does an account that was switched off.
    let user = house.identities().await[0]["user"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/users/{user}");
    house.done("PATCH", &path, json!({ "state": "disabled" })).await;
    let (browser, answer) = house.come_as("idp", &person("ada")).await;
    assert_eq!((answer.status, browser.who().await), (403, String::new()));
    assert!(answer.text.contains("switched off"), "{}", answer.text);
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn t46_what_a_provider_says_counts_once() {
    let house = House::new().await;
    let browser = house.browser();
    let place = browser.sent("/login/idp").await;
    let back = house.idp.approve(&place, &person("ada")).unwrap();
    let cookie = browser.cookie();
    let client = house.server.anonymous();
    let all = (0..20).map(|_| client.send(client.request("GET", &back).header("cookie", &cookie)));
    let all = futures_util::future::join_all(all).await;
    let statuses: Vec<u16> = all.into_iter().map(|answer| answer.unwrap().status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 19, "{statuses:?}");
    let exchanges = house.idp.seen().iter().filter(|line| *line == "POST /token").count();
    assert_eq!(exchanges, 1, "nothing was sent to the provider for the others");
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn t8_t10_t52_a_sign_in_ends_in_the_browser_that_began_it() {
    let house = House::new().await;
    let attacker = house.browser();
    let place = attacker.sent("/login/idp").await;
    let back = house.idp.approve(&place, &person("attacker")).unwrap();
    // A browser that has begun nothing, and one that has begun a sign-in of its own.
    let victim = house.browser();
    assert_eq!(victim.get(&back).await.status, 400);
    assert_eq!(victim.who().await, "");
    let place = attacker.sent("/login/idp").await;
    let back = house.idp.approve(&place, &person("attacker")).unwrap();
    victim.sent("/login/idp").await;
    assert_eq!(victim.get(&back).await.status, 400);
    assert_eq!(victim.who().await, "");
    // Without the cookie not even the one that began it.
    let place = attacker.sent("/login/idp").await;
    let back = house.idp.approve(&place, &person("attacker")).unwrap();
    attacker.forget("tollgate-in");
    assert_eq!(attacker.get(&back).await.status, 400);
    // No state, or another.
    let browser = house.browser();
    browser.sent("/login/idp").await;
    for query in ["", "?code=x", "?state=x", "?code=x&state=x", "?error=access_denied&state=x"] {
        let answer = browser.get(&format!("/callback/idp{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text);
    }
    let twice = browser.get("/callback/idp?code=a&state=b&state=c").await;
    assert_eq!(twice.status, 400, "t9: {}", twice.text);
    assert!(house.people().await.is_empty());
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn t52_one_provider_does_not_answer_for_another() {
    let house = House::new().await;
    let evil = tollgate_testkit::FakeProvider::start().await.unwrap();
    house.add(evil.described("evil")).await;
    // The state of one at the callback of the other.
    let browser = house.browser();
    let place = browser.sent("/login/evil").await;
    let back = evil.approve(&place, &person("ada")).unwrap().replace("/evil?", "/idp?");
    assert_eq!(browser.get(&back).await.status, 400);
    // At the right callback, from another issuer.
    let place = browser.sent("/login/idp").await;
    let back = house.idp.approve(&place, &person("ada")).unwrap();
    let ours = back.split("&iss=").next().unwrap().to_owned();
    let theirs = format!("{ours}&iss={}", evil.origin);
    let answer = browser.get(&theirs).await;
    assert_eq!((answer.status, browser.who().await), (400, String::new()), "{}", answer.text);
    // An issuer that is promised has to be there.
    let place = browser.sent("/login/idp").await;
    let back = house.idp.approve(&place, &person("ada")).unwrap();
    let answer = browser.get(back.split("&iss=").next().unwrap()).await;
    assert_eq!((answer.status, browser.who().await), (400, String::new()), "{}", answer.text);
    assert!(house.people().await.is_empty());
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn t52_a_token_of_somebody_else_signs_nobody_in() {
    use ProviderFault::{
        Garbage, Silence, Status, WrongAudience, WrongIssuer, WrongKey, WrongNonce,
    };
    let house = House::new().await;
    for fault in [
        WrongNonce,
        WrongIssuer,
        WrongAudience,
        WrongKey,
        Status(500),
        Status(302),
        Garbage,
        Silence,
    ] {
        house.idp.bend(Some(fault));
        let wait = Duration::from_secs(20);
        let ada = person("ada");
        let came = tokio::time::timeout(wait, house.come_as("idp", &ada)).await;
        let (browser, answer) = came.expect("an answer in time");
        assert_eq!(browser.who().await, "", "{fault:?}");
        let expected = if fault == Silence { 504 } else { 502 };
        assert_eq!(answer.status, expected, "{fault:?}: {}", answer.text);
        assert!(answer.text.contains("idp"), "it is named: {}", answer.text);
        assert!(!answer.text.contains("secret-looking-text"), "{}", answer.text);
        assert!(!answer.text.contains(CLIENT_SECRET), "{}", answer.text);
    }
    house.idp.bend(None);
    let (ada, _) = house.come_as("idp", &person("ada")).await;
    assert_eq!(ada.who().await, "ada@example.com", "when it is well again, all is");
    let log = house.server.log.text();
    assert!(!log.contains(CLIENT_SECRET) && !log.contains("code="), "{log}");
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn v9_what_the_provider_refuses_is_said_in_our_own_words() {
    let house = House::new().await;
    for (error, words) in [
        ("access_denied", "You did not allow idp"),
        ("server_error", "idp did not sign you in"),
        ("<script>alert(1)</script>", "idp did not sign you in"),
    ] {
        let browser = house.browser();
        let place = browser.sent("/login/idp").await;
        let place = url::Url::parse(&place).unwrap();
        let (_, state) = place.query_pairs().find(|(name, _)| name == "state").unwrap();
        let error: String = url::form_urlencoded::byte_serialize(error.as_bytes()).collect();
        let issuer = &house.idp.origin;
        let query = format!("error={error}&error_description=call+0900-12345&state={state}");
        let back = format!("/callback/idp?{query}&iss={issuer}");
        let answer = browser.get(&back).await;
        assert_eq!(answer.status, 403, "{}", answer.text);
        assert!(answer.text.contains(words), "{}", answer.text);
        assert!(!answer.text.contains("0900") && !answer.text.contains("alert(1)"));
        assert_eq!(browser.get(&back).await.status, 400, "used up");
    }
    // It promises to say that it is the one who answers (RFC 9207), and here it is another.
    for iss in ["", "&iss=https://evil.example"] {
        let browser = house.browser();
        let place = url::Url::parse(&browser.sent("/login/idp").await).unwrap();
        let (_, state) = place.query_pairs().find(|(name, _)| name == "state").unwrap();
        let back = format!("/callback/idp?error=access_denied&state={state}{iss}");
        let answer = browser.get(&back).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(answer.text.contains("does not come from"), "{}", answer.text);
    }
    // In the language of the page.
    let browser = house.browser();
    let answer = browser.get("/callback/idp?state=x&code=y").await;
    assert!(answer.text.contains("href=\"/login\""), "{}", answer.text);
    house.server.stop().await.unwrap();
}
