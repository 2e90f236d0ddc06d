//! Pages, as a browser without scripts sees them.

use std::path::Path;

use super::House;
use super::browser::Browser;
use super::house::{OWNER, PASSWORD};

#[test]
fn all_languages_say_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales");
    assert_eq!(tollgate_edge::page::differences(&folder).unwrap(), Vec::<String>::new());
}

const OWN: [&str; 5] =
    ["/account", "/account/keys", "/account/usage", "/account/security", "/logout"];

#[tokio::test]
async fn every_page_shows_in_every_language_without_a_missing_text() {
    let (house, _) = House::owned().await;
    house.set("registration", "open").await;
    for tag in ["en", "ja", "zh-Hans"] {
        let mut browser = Browser::new(&house.app);
        browser.set_cookie("__Host-tollgate-lang", tag);
        for path in ["/login", "/signup", "/setup", "/link/none"] {
            check(&mut browser, tag, path).await;
        }
        browser.sign_in(OWNER, PASSWORD).await;
        for path in OWN.iter().chain(&["/setup/provider"]) {
            check(&mut browser, tag, path).await;
        }
        browser.post("/account/keys", "/account/keys", &[("name", "laptop")]).await;
        let list = browser.get("/account/keys").await;
        let id = list.between("<a href=\"/account/keys/", "\"");
        check(&mut browser, tag, &format!("/account/keys/{id}")).await;
    }
}

pub(super) async fn check(browser: &mut Browser, tag: &str, path: &str) {
    let seen = browser.get(path).await;
    let expected = if path == "/link/none" { 404 } else { 200 };
    assert_eq!(seen.status, expected, "{path}");
    assert!(seen.text.contains(&format!("<html lang=\"{tag}\"")), "{path} in {tag}");
    let missing = seen.text.split('[').skip(1).find(|rest| {
        let key = rest.split(']').next().unwrap_or_default();
        key.contains('-') && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
    });
    assert_eq!(missing, None, "{path} in {tag}");
    assert!(!seen.text.contains("{ $"), "{path} in {tag}");
    // Nothing inline: the policy would block it.
    assert!(!seen.text.contains("style=") && !seen.text.contains("onclick"), "{path}");
}

#[tokio::test]
async fn the_ids_of_the_sign_in_form_are_a_contract() {
    let (house, _) = House::owned().await;
    let page = Browser::new(&house.app).get("/login").await.text;
    for part in [
        "<form id=\"login-form\" method=\"post\" action=\"/login\">",
        "id=\"username\" name=\"username\"",
        "id=\"password\" name=\"password\" type=\"password\"",
        "id=\"csrf\" name=\"csrf\"",
        "<button id=\"login-submit\" type=\"submit\">Sign in</button>",
        "autocomplete=\"username\"",
        "autocomplete=\"current-password\"",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[tokio::test]
async fn who_is_not_signed_in_is_sent_to_sign_in() {
    let (house, _) = House::owned().await;
    for path in ["/account", "/account/keys", "/account/usage", "/account/security"] {
        let seen = Browser::new(&house.app).get(path).await;
        let next: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
        assert_eq!((seen.status.as_u16(), seen.location()), (303, &*format!("/login?next={next}")));
    }
    assert_eq!(Browser::new(&house.app).get("/logout").await.location(), "/login");
}

#[tokio::test]
async fn t83_a_form_without_its_token_changes_nothing() {
    let (house, _) = House::owned().await;
    let mut browser = Browser::new(&house.app);
    let fields = [("username", OWNER), ("password", PASSWORD)];
    assert_eq!(browser.post_with("/login", "", &fields).await.status, 403);
    browser.get("/login").await;
    assert_eq!(browser.post_with("/login", "guess", &fields).await.status, 403);
    browser.sign_in(OWNER, PASSWORD).await;
    let mut other = Browser::new(&house.app);
    other.sign_in(OWNER, PASSWORD).await;
    let theirs = other.get("/account").await.between("<meta name=\"csrf\" content=\"", "\"");
    let seen = browser.post_with("/account/keys", &theirs, &[("name", "planted")]).await;
    assert_eq!(seen.status, 403);
    assert!(!browser.get("/account/keys").await.text.contains("planted"));
}

#[tokio::test]
async fn the_account_page_shows_what_is_left_and_how_to_connect() {
    let (house, _) = House::owned().await;
    let mut browser = Browser::new(&house.app);
    browser.sign_in(OWNER, PASSWORD).await;
    let page = browser.get("/account").await.text;
    assert!(page.contains("Tokens today") && page.contains("1,000,000 tokens left"));
    assert!(page.contains("https://ai.example.com/v1"));
    house.user("ada@example.com", tollgate_kernel::Role::Member).await;
    let mut ada = Browser::new(&house.app);
    ada.sign_in("ada@example.com", PASSWORD).await;
    assert!(ada.get("/account").await.text.contains("No plan is in effect"));
    house.set("default_plan", "standard").await;
    assert!(ada.get("/account").await.text.contains("Tokens today"));
}

#[tokio::test]
async fn keys_of_an_app_are_made_rotated_and_revoked_by_page() {
    let (house, _) = House::owned().await;
    let app = house.client("bot").await;
    let shelf = format!("/admin/apps/{app}/keys");
    let mut browser = Browser::new(&house.app);
    browser.sign_in(OWNER, PASSWORD).await;
    let page = browser.get(&shelf).await;
    assert!(page.text.contains("Keys of bot") && page.text.contains("This app has no keys yet."));
    let wrong = browser.post(&shelf, &shelf, &[("name", "")]).await;
    assert_eq!(wrong.status, 422);
    let made = browser.post(&shelf, &shelf, &[("name", "server")]).await;
    assert_eq!(made.status, 201);
    let first = made.secret();
    assert!(first.starts_with("tg_app_") && made.text.contains(&format!("href=\"{shelf}\"")));
    let caller = house.with_key(&super::house::plain(&first)).await;
    assert_eq!(caller.user(), None);

    let list = browser.get(&shelf).await;
    let key = format!("/account/keys/{}", list.between("<a href=\"/account/keys/", "\""));
    assert!(!browser.get("/account/keys").await.text.contains(&key), "not a key of the owner");
    let shown = browser.get(&key).await.text;
    assert!(shown.contains(&format!("href=\"{shelf}\"")) && shown.contains(&shelf), "{shown}");
    let rotated = browser.post(&key, &format!("{key}/rotate"), &[("overlap_s", "0")]).await;
    let second = rotated.secret();
    house.key_ends(&super::house::plain(&first)).await;
    house.with_key(&super::house::plain(&second)).await;
    let revoked = browser.post(&key, &format!("{key}/revoke"), &[]).await;
    assert_eq!(revoked.location(), shelf);
    house.key_ends(&super::house::plain(&second)).await;

    house.user("ada@example.com", tollgate_kernel::Role::Member).await;
    let mut ada = Browser::new(&house.app);
    ada.sign_in("ada@example.com", PASSWORD).await;
    assert_eq!(ada.get(&shelf).await.status, 403);
    assert_eq!(ada.post("/account/keys", &shelf, &[("name", "x")]).await.status, 403);
    let nobody = "/admin/apps/01939000-0000-7000-8000-000000000001/keys";
    assert_eq!(browser.get(nobody).await.status, 404);
}

#[tokio::test]
async fn usage_comes_as_csv_too() {
    let (house, _) = House::owned().await;
    let mut browser = Browser::new(&house.app);
    browser.sign_in(OWNER, PASSWORD).await;
    let seen = browser.get("/account/usage?format=csv&from=2027-01-01&to=2027-01-02").await;
    assert_eq!(seen.headers["content-type"], "text/csv; charset=utf-8");
    assert!(seen.text.starts_with("day,model,calls,input_tokens,"));
    let wrong = browser.get("/account/usage?from=2027-01-03&to=2027-01-02").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text.contains("the first before the last"));
}

#[tokio::test]
async fn a_session_is_ended_from_the_list() {
    let (house, _) = House::owned().await;
    let elsewhere = house.session(OWNER).await;
    let mut browser = Browser::new(&house.app);
    browser.sign_in(OWNER, PASSWORD).await;
    let page = browser.get("/account/security").await;
    let action = page.between("<form method=\"post\" action=\"/account/sessions/", "\"");
    let path = format!("/account/sessions/{action}");
    let seen = browser.post("/account/security", &path, &[]).await;
    assert_eq!(seen.location(), "/account/security#sessions");
    house.session_ends(&elsewhere).await;
    assert_eq!(browser.get("/account").await.status, 200);
}
