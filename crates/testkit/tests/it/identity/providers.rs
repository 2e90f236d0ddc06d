//! People come in by a provider: the good ways, and that nobody is taken for somebody else.

use serde_json::{Value, json};
use tollgate_testkit::FakeProvider;

use super::{House, person};

#[tokio::test]
async fn a_person_signs_up_with_a_provider_and_signs_in_again() {
    let house = House::new().await;
    let page = house.browser().get("/login").await;
    assert!(page.text.contains("id=\"provider-idp\""), "{}", page.text);
    assert!(page.text.contains("Sign in with idp"), "{}", page.text);
    assert!(house.browser().get("/signup").await.text.contains("id=\"provider-idp\""));

    let (ada, answer) = house.come_as("idp", &person("ada")).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/account"), "{}", answer.text);
    assert_eq!(ada.who().await, "ada@example.com");
    let me = ada.get("/api/v1/me").await.json();
    assert_eq!((&me["name"], me["role"].as_str()), (&json!("ADA"), me["role"].as_str()));
    let [identity] = &house.identities().await[..] else { panic!("one identity") };
    assert_eq!((&identity["subject"], &identity["provider"]), (&json!("ada"), &json!("idp")));
    assert_eq!(identity["issuer"], house.idp.origin);

    // Another browser, another address and name there: still the same person here.
    let mut moved = person("ada");
    moved["email"] = json!("elsewhere@example.com");
    let (again, answer) = house.come_as("idp", &moved).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(again.who().await, "ada@example.com");
    assert_eq!(house.people().await, ["ada@example.com"]);
    assert_eq!(house.identities().await[0]["email"], "elsewhere@example.com");
    let sessions = again.get("/api/v1/sessions").await.json();
    assert_eq!(sessions["items"].as_array().unwrap().len(), 2);
    let security = again.get("/account/security").await;
    assert!(security.text.contains("Signed up with a provider"), "{}", security.text);
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn every_kind_of_provider_says_who_came() {
    let house = House::around(FakeProvider::start_es256().await.unwrap()).await;
    house.add(house.idp.described("company")).await;
    house.add(house.idp.described_as("hub", "github")).await;
    let mut plain = house.idp.described_as("plain", "oauth2");
    plain["fields"] = json!({ "subject": "uid", "email_verified": "confirmed" });
    plain["auth_method"] = json!("client_secret_post");
    house.add(plain).await;
    house.add(house.idp.described_as("book", "facebook")).await;

    let (ada, _) = house.come_as("company", &person("ada")).await;
    assert_eq!(ada.who().await, "ada@example.com");
    // GitHub counts its people, and tells in a list of its own which address is verified.
    let ben = json!({ "id": 4711, "login": "ben", "email": "ben@example.com", "name": "Ben",
                      "email_verified": true });
    let (ben, answer) = house.come_as("hub", &ben).await;
    assert_eq!(ben.who().await, "ben@example.com", "{}", answer.text);
    let cleo = json!({ "uid": "c-1", "email": "cleo@example.com", "confirmed": true });
    let (cleo, answer) = house.come_as("plain", &cleo).await;
    assert_eq!(cleo.who().await, "cleo@example.com", "{}", answer.text);
    // Facebook vouches for no address: whoever has an account links it from there.
    let dora = json!({ "id": "99", "name": "Dora", "email": "dora@example.com" });
    let (browser, answer) = house.come_as("book", &dora).await;
    assert_eq!((answer.status, browser.who().await), (403, String::new()));
    assert!(answer.text.contains("Facebook does not confirm"), "{}", answer.text);
    let subjects: Vec<Value> =
        house.identities().await.iter().map(|it| it["subject"].clone()).collect();
    assert_eq!(subjects, [json!("ada"), json!("4711"), json!("c-1")]);
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn t44_t92_who_somebody_is_says_the_issuer_and_its_subject_alone() {
    let house = House::new().await;
    let other = FakeProvider::start().await.unwrap();
    house.add(other.described("other")).await;
    let (ada, _) = house.come_as("idp", &person("ada")).await;
    assert_eq!(ada.who().await, "ada@example.com");
    // The same subject and address at another issuer is somebody else, who has no account.
    let stranger = house.browser();
    let place = stranger.sent("/login/other").await;
    let answer = stranger.get(&other.approve(&place, &person("ada")).unwrap()).await;
    assert_eq!((answer.status, stranger.who().await), (403, String::new()), "{}", answer.text);
    let mut named = person("ada");
    named["email"] = json!("another@example.com");
    let place = stranger.sent("/login/other").await;
    let answer = stranger.get(&other.approve(&place, &named).unwrap()).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(stranger.who().await, "another@example.com");
    // A new account with an address that was used before inherits nothing.
    let users = house.done("GET", "/api/v1/users?email=ada", Value::Null).await;
    let gone = format!("/api/v1/users/{}", users["items"][0]["id"].as_str().unwrap());
    house.done("DELETE", &gone, Value::Null).await;
    let (new, _) = house.come_as("idp", &person("ada")).await;
    let fresh = new.get("/api/v1/me").await.json();
    assert_eq!(fresh["email"], "ada@example.com");
    assert!(!gone.ends_with(fresh["subject"].as_str().unwrap().trim_start_matches("user:")));
    assert_eq!(house.identities().await.len(), 2);
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn t18_a_sign_in_goes_on_to_a_path_of_this_site() {
    let house = House::new().await;
    for (next, place) in [
        ("/account/keys?a=b", "/account/keys?a=b"),
        ("//evil.example", "/account"),
        ("/\\evil.example", "/account"),
        ("https://evil.example/", "/account"),
        ("javascript:alert(1)", "/account"),
    ] {
        let browser = house.browser();
        let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let page = browser.get(&format!("/login?next={next}")).await;
        let on: String = url::form_urlencoded::byte_serialize(place.as_bytes()).collect();
        let button = format!("href=\"/login/idp?next={on}\"");
        assert!(page.text.contains(&button), "{}", page.text);
        let there = browser.sent(&format!("/login/idp?next={next}")).await;
        assert!(there.starts_with(&house.idp.origin), "{there}");
        let answer = browser.get(&house.idp.approve(&there, &person("ada")).unwrap()).await;
        assert_eq!((answer.status, answer.header("location")), (303, place));
        // Who is signed in already goes there at once.
        assert_eq!(browser.sent(&format!("/login/idp?next={next}")).await, place);
    }
    house.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t53_two_hundred_at_once_are_never_mixed() {
    let house = House::new().await;
    let all = (0..200).map(|n| {
        let person = person(&format!("p{n}"));
        let house = &house;
        async move {
            let (browser, answer) = house.come_as("idp", &person).await;
            assert_eq!(answer.status, 303, "{}", answer.text);
            assert_eq!(browser.who().await, person["email"]);
        }
    });
    futures_util::future::join_all(all).await;
    assert_eq!(house.people().await.len(), 200);
    house.server.stop().await.unwrap();
}

#[tokio::test]
async fn of_many_who_come_first_as_one_person_all_come_in() {
    let house = House::new().await;
    let ada = person("ada");
    let all = (0..8).map(|_| house.come_as("idp", &ada));
    for (browser, answer) in futures_util::future::join_all(all).await {
        assert_eq!(answer.status, 303, "{}", answer.text);
        assert_eq!(browser.who().await, "ada@example.com");
    }
    assert_eq!((house.people().await.len(), house.identities().await.len()), (1, 1));
    house.server.stop().await.unwrap();
}
