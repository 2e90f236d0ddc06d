//! Accounts at providers are linked from a session, and unlinked but for the last way in.

use serde_json::{Value, json};
use tollgate_testkit::{Answer, Browser, ProviderFault};

use super::{House, PASSWORD, person};

/// Begins linking from this browser's page; where it is sent.
async fn begin(browser: &Browser, provider: &str) -> String {
    let path = format!("/account/providers/{provider}/link");
    let fields = [("csrf", &*browser.csrf), ("current_password", PASSWORD)];
    let answer = browser.send(browser.request("POST", &path).form(&fields)).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    let place = answer.header("refresh").strip_prefix("0; url=").unwrap().to_owned();
    let link = place.replace('&', "&#38;");
    assert!(answer.text.contains(&link), "a link too, for who does not refresh: {}", answer.text);
    place
}

async fn unlink(browser: &Browser, id: &Value) -> Answer {
    let path = format!("/api/v1/identities/{}", id.as_str().unwrap());
    browser.send(browser.request("DELETE", &path)).await.unwrap()
}

#[tokio::test]
async fn t43_an_account_is_linked_in_the_session_that_began_it() {
    let house = House::new().await;
    let (ada, here) = house.member("ada@example.com").await;
    let (ben, bens) = house.member("ben@example.com").await;
    let elsewhere = house.server.signed_in(ada).await.unwrap();
    let page = here.get("/account/security").await.unwrap();
    assert!(page.text.contains("id=\"link-idp\""), "{}", page.text);

    // Whoever comes back has to be who went, in the session they went in.
    for other in [Some(&bens), Some(&elsewhere), None] {
        let back = house.idp.approve(&begin(&here, "idp").await, &person("ada-there")).unwrap();
        let answer = match other {
            Some(browser) => browser.get(&back).await.unwrap(),
            None => house.browser().get(&back).await,
        };
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(answer.text.contains("did not begin in this browser"), "{}", answer.text);
        // And it is used up then.
        assert_eq!(here.get(&back).await.unwrap().status, 400);
    }
    // A sign-in is not a link, whoever is signed in when it ends.
    let wanderer = house.browser();
    let place = wanderer.sent("/login/idp").await;
    let back = house.idp.approve(&place, &person("ada-there")).unwrap();
    assert_eq!(here.get(&back).await.unwrap().status, 400);
    assert_eq!(house.identities().await, Vec::<Value>::new());

    let back = house.idp.approve(&begin(&here, "idp").await, &person("ada-there")).unwrap();
    let answer = here.get(&back).await.unwrap();
    let place = answer.header("location");
    assert_eq!((answer.status, place), (303, "/account/security?saved=linked"), "{}", answer.text);
    let [linked] = &house.identities().await[..] else { panic!("one identity") };
    assert_eq!(linked["user"], json!(ada));
    let page = here.get("/account/security").await.unwrap();
    assert!(page.text.contains("ada-there@example.com"), "{}", page.text);
    assert!(page.text.contains("Linked an account at a provider"), "{}", page.text);
    // From now on it opens the account; the address there makes no account of its own.
    let (browser, _) = house.come_as("idp", &person("ada-there")).await;
    assert_eq!(browser.who().await, "ada@example.com");

    // What is linked to one is nobody else's to link, and theirs to link again.
    let back = house.idp.approve(&begin(&bens, "idp").await, &person("ada-there")).unwrap();
    let answer = bens.get(&back).await.unwrap();
    assert_eq!(answer.status, 403);
    assert!(answer.text.contains("linked to another account here"), "{}", answer.text);
    let back = house.idp.approve(&begin(&here, "idp").await, &person("ada-there")).unwrap();
    assert_eq!(here.get(&back).await.unwrap().status, 303);
    assert_eq!(house.identities().await.len(), 1);
    assert_ne!(ada, ben);
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn t41_who_has_but_the_browser_links_nothing() {
    let house = House::new().await;
    let (_, ada) = house.member("ada@example.com").await;
    let path = "/account/providers/idp/link";
    let asked = async |fields: &[(&str, &str)]| {
        ada.send(ada.request("POST", path).form(fields)).await.unwrap()
    };
    let answer = asked(&[("csrf", &ada.csrf)]).await;
    assert_eq!((answer.status, answer.header("refresh")), (200, ""), "{}", answer.text);
    assert!(answer.text.contains("name=\"current_password\""), "{}", answer.text);
    for wrong in ["", "guessed"] {
        let answer = asked(&[("csrf", &ada.csrf), ("current_password", wrong)]).await;
        assert_eq!((answer.status, answer.header("refresh")), (422, ""), "{}", answer.text);
    }
    assert!(house.idp.seen().iter().all(|request| !request.contains("/authorize")));
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn t41_who_gets_their_account_back_has_no_strangers_way_in_left() {
    let house = House::new().await;
    // Somebody signed up with the victim's address, and linked an account of their own.
    let (victim, squatter) = house.member("victim@example.com").await;
    let back = house.idp.approve(&begin(&squatter, "idp").await, &person("squatter")).unwrap();
    assert_eq!(squatter.get(&back).await.unwrap().status, 303);
    let links = format!("/api/v1/users/{victim}/links");
    let link = house.done("POST", &links, json!({ "purpose": "reset" })).await;
    let link = link["url"].as_str().unwrap().strip_prefix(&house.server.url).unwrap().to_owned();
    let owner = house.browser();
    let password = [("password", "nine kingfishers on a wire")];
    assert_eq!(owner.send(&link, &link, &password).await.status, 303);
    assert_eq!(owner.who().await, "victim@example.com");
    assert_eq!(house.identities().await, Vec::<Value>::new());
    let (browser, _) = house.come_as("idp", &person("squatter")).await;
    assert_ne!(browser.who().await, "victim@example.com");
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn t43_a_session_that_ends_while_the_provider_thinks_links_nothing() {
    let house = House::new().await;
    let (ada, thief) = house.member("ada@example.com").await;
    let own = house.server.signed_in(ada).await.unwrap();
    let back = house.idp.approve(&begin(&thief, "idp").await, &person("thief")).unwrap();
    house.idp.bend(Some(ProviderFault::Pause));
    let (answer, ()) = tokio::join!(async { thief.get(&back).await.unwrap() }, async {
        house.idp.exchanging().await.unwrap();
        let sessions = own.get("/api/v1/sessions").await.unwrap().json();
        for session in sessions["items"].as_array().unwrap() {
            if session["current"] != json!(true) {
                let path = format!("/api/v1/sessions/{}", session["id"].as_str().unwrap());
                own.send(own.request("DELETE", &path)).await.unwrap();
            }
        }
        house.idp.bend(None);
    });
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_eq!(thief.get("/api/v1/me").await.unwrap().status, 401);
    assert_eq!(house.identities().await, Vec::<Value>::new());
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn linking_begins_from_our_own_page_alone() {
    let house = House::new().await;
    let (_, ada) = house.member("ada@example.com").await;
    let path = "/account/providers/idp/link";
    let foreign = [
        ada.request("POST", path).form(&[("csrf", "another")]),
        ada.request("POST", path).form(&[("none", "at all")]),
        ada.request_without_origin("POST", path).form(&[("csrf", &ada.csrf)]),
    ];
    for request in foreign {
        assert_eq!(ada.send(request).await.unwrap().status, 403);
    }
    assert_eq!(ada.get(path).await.unwrap().status, 405);
    assert_eq!(house.browser().send("/login", path, &[]).await.status, 303, "to the sign-in page");
    let unknown = ada.request("POST", "/account/providers/none/link").form(&[("csrf", &ada.csrf)]);
    assert_eq!(ada.send(unknown).await.unwrap().status, 404);
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn the_last_way_in_is_not_unlinked() {
    let house = House::new().await;
    let (ada, _) = house.come_as("idp", &person("ada")).await;
    let [identity] = &house.identities().await[..] else { panic!("one identity") };
    let user = identity["user"].as_str().unwrap().parse().unwrap();
    let browser = house.server.signed_in(user).await.unwrap();
    let answer = unlink(&browser, &identity["id"]).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (409, Some("conflict")));
    let path = format!("/account/identities/{}/unlink", identity["id"].as_str().unwrap());
    let answer = ada.send("/account/security", &path, &[]).await;
    assert_eq!(answer.header("location"), "/account/security?saved=last", "{}", answer.text);
    assert!(
        ada.get("/account/security?saved=last").await.text.contains("your last way to sign in")
    );
    // Not by the owner either.
    assert_eq!(unlink(&house.owner, &identity["id"]).await.status, 409);

    // With a password there is another way.
    let password = [("password", "four herons under one umbrella")];
    let answer = ada.send("/account/security", "/account/password", &password).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let answer = ada.send("/account/security", &path, &[]).await;
    assert_eq!(answer.header("location"), "/account/security?saved=unlinked", "{}", answer.text);
    assert_eq!(house.identities().await, Vec::<Value>::new());
    // The account there is a stranger's now, whose address is taken.
    let (browser, answer) = house.come_as("idp", &person("ada")).await;
    assert_eq!((answer.status, browser.who().await), (403, String::new()));
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn t87_somebody_elses_identity_does_not_exist() {
    let house = House::new().await;
    let (_, ben) = house.member("ben@example.com").await;
    house.come_as("idp", &person("ada")).await;
    let [identity] = &house.identities().await[..] else { panic!("one identity") };
    assert_eq!(unlink(&ben, &identity["id"]).await.status, 404);
    let list = ben.get("/api/v1/identities").await.unwrap().json();
    assert_eq!(list, json!({ "items": [], "next": null }));
    let path = format!("/api/v1/identities?user={}", identity["user"].as_str().unwrap());
    assert_eq!(ben.get(&path).await.unwrap().status, 404);
    // An admin leaves an owner's ways in alone.
    let (admin, _) = house.member("admin@example.com").await;
    house.server.set_role(admin, tollgate_kernel::Role::Admin).await.unwrap();
    let admins = house.server.signed_in(admin).await.unwrap();
    let back = house.idp.approve(&begin(&house.owner, "idp").await, &person("boss")).unwrap();
    assert_eq!(house.owner.get(&back).await.unwrap().status, 303);
    let of_owner = house.identities().await[1]["id"].clone();
    assert_eq!(unlink(&admins, &of_owner).await.status, 403);
    house.server.stop().await.unwrap();
}

/// Nobody may say of an address of their own that it is verified: there is no such member.
#[tokio::test]
async fn t47_nobody_verifies_their_own_address() {
    let house = House::new().await;
    let (_, ada) = house.member("ada@example.com").await;
    for member in ["email_verified", "verified", "identities", "issuer"] {
        let request = ada.request("PATCH", "/api/v1/me").json(&json!({ member: true }));
        let answer = ada.send(request).await.unwrap();
        assert_eq!((answer.status, answer.json()["param"].as_str()), (400, Some(member)));
    }
    let request = ada.request("POST", "/api/v1/identities").json(&json!({ "subject": "x" }));
    assert_eq!(ada.send(request).await.unwrap().status, 405);
    house.server.stop().await.unwrap();
}
