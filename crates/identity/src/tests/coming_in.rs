//! Signing in, up and out, and one-time links.

use std::time::Duration;

use http::HeaderMap;
use serde_json::json;
use tollgate_edge::NetworkLimits;
use tollgate_kernel::{Kind, Role};
use tollgate_store::{AccountState, LinkPurpose};

use super::House;
use super::browser::{Browser, Seen, api};
use super::house::{OWNER, PASSWORD, plain};
use crate::make_link::{link_path, make_link};
use crate::setup_owner;
use crate::sign_in::{SignIn, sign_in};
use crate::update_user::{UserChange, update_user};
use crate::use_link::use_link;

const NEW: &str = "another good password";

/// Everything of an answer that somebody outside can compare: ids and tokens differ always.
fn comparable(seen: &Seen) -> (u16, String, Vec<(String, String)>) {
    let csrf = seen.between("<meta name=\"csrf\" content=\"", "\"");
    let text = seen.text.replace(&csrf, "CSRF");
    let headers: &HeaderMap = &seen.headers;
    let mut headers: Vec<(String, String)> = headers
        .iter()
        .filter(|(name, _)| *name != "x-request-id")
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    (seen.status.as_u16(), text, headers)
}

#[tokio::test]
async fn t60_unknown_wrong_and_disabled_get_one_answer() {
    let (house, _) = House::owned().await;
    let user = house.user("ada@example.com", Role::Member).await;
    let off = house.user("off@example.com", Role::Member).await;
    let state = Some(AccountState::Disabled);
    let change = UserChange { state, ..UserChange::default() };
    update_user(&house.gate, &house.system(), off, change).await.unwrap();
    let invited = house.user("invited@example.com", Role::Member).await;
    assert_ne!(user, invited);
    let mut answers = Vec::new();
    for (email, password) in [
        ("nob@example.com", PASSWORD),
        ("ada@example.com", "not the right password"),
        ("off@example.com", PASSWORD),
        ("ada@example.com", &"x".repeat(129)),
    ] {
        let mut browser = Browser::new(&house.app);
        let seen = browser.sign_in(email, password).await;
        assert!(browser.session().is_none(), "{email}");
        let (status, text, headers) = comparable(&seen);
        answers.push((status, text.replace(email, "EMAIL"), headers));
    }
    assert_eq!(answers[0].0, 401);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

#[tokio::test]
async fn t60_signing_up_tells_nobody_who_has_an_account() {
    let (house, _) = House::owned().await;
    let fields = |email: &'static str| [("username", email), ("password", NEW)];
    let mut browser = Browser::new(&house.app);
    let closed = browser.post("/signup", "/signup", &fields("newer@example.com")).await;
    assert_eq!(closed.status, 403);
    assert!(closed.text.contains("Nobody can sign up"));
    house.set("registration", "open").await;
    let new =
        Browser::new(&house.app).post("/signup", "/signup", &fields("newer@example.com")).await;
    let known = Browser::new(&house.app).post("/signup", "/signup", &fields(OWNER)).await;
    assert_eq!(new.status, 200);
    let told = |seen: &Seen, email: &str| {
        let (status, text, headers) = comparable(seen);
        (status, text.replace(email, "EMAIL"), headers)
    };
    assert_eq!(told(&new, "newer@example.com"), told(&known, OWNER));
    assert_eq!(Browser::new(&house.app).sign_in("newer@example.com", NEW).await.status, 303);
    assert_eq!(Browser::new(&house.app).sign_in(OWNER, NEW).await.status, 401);
    assert_eq!(Browser::new(&house.app).sign_in(OWNER, PASSWORD).await.status, 303);
}

#[tokio::test]
async fn t28_every_sign_in_and_password_change_has_a_new_session() {
    let (house, _) = House::owned().await;
    let mut browser = Browser::new(&house.app);
    // An id that somebody planted is not taken over.
    browser.set_cookie("__Host-tollgate", "tg_session_planted");
    let seen = browser.sign_in("Owner@Example.com", PASSWORD).await;
    assert_eq!((seen.status.as_u16(), seen.location()), (303, "/account"));
    let first = plain(browser.session().unwrap());
    let csrf = browser.get("/account").await.between("<meta name=\"csrf\" content=\"", "\"");
    let fields = [("username", OWNER), ("password", PASSWORD)];
    assert_eq!(browser.post_with("/login", &csrf, &fields).await.status, 303);
    let second = plain(browser.session().unwrap());
    assert_ne!(first.expose(), second.expose());
    house.session_ends(&first).await;
    let fields = [("current_password", PASSWORD), ("password", NEW)];
    let seen = browser.post("/account/security", "/account/password", &fields).await;
    assert_eq!(seen.location(), "/account/security?saved=password");
    let third = plain(browser.session().unwrap());
    assert_ne!(second.expose(), third.expose());
    house.session_ends(&second).await;
    assert!(house.try_session(&third).await.is_ok());
}

#[tokio::test]
async fn t29_a_new_password_ends_all_other_sessions_and_links() {
    let (house, owner) = House::owned().await;
    let elsewhere = house.session(OWNER).await;
    let mut browser = Browser::new(&house.app);
    browser.sign_in(OWNER, PASSWORD).await;
    let wrong = [("current_password", "not the right one"), ("password", NEW)];
    let seen = browser.post("/account/security", "/account/password", &wrong).await;
    assert_eq!(seen.status, 422);
    assert!(seen.text.contains("not your current password"));
    assert!(house.try_session(&elsewhere).await.is_ok());
    let right = [("current_password", PASSWORD), ("password", NEW)];
    browser.post("/account/security", "/account/password", &right).await;
    house.session_ends(&elsewhere).await;
    assert_eq!(browser.get("/account").await.status, 200);
    let link = link_path(&owner.link);
    assert_eq!(Browser::new(&house.app).get(&link).await.status, 404);
}

#[tokio::test]
async fn t18_a_sign_in_leads_only_to_this_site() {
    let (house, _) = House::owned().await;
    for (next, place) in [
        ("/account/keys?like=1", "/account/keys?like=1"),
        ("//evil.example", "/account"),
        ("/\\evil.example", "/account"),
        ("https://evil.example/", "/account"),
        ("javascript:alert(1)", "/account"),
        ("", "/account"),
    ] {
        let mut browser = Browser::new(&house.app);
        let query: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let page = format!("/login?next={query}");
        let shown = browser.get(&page).await.between("name=\"next\" value=\"", "\"");
        assert_eq!(shown, place, "{next}");
        let fields = [("username", OWNER), ("password", PASSWORD), ("next", next)];
        assert_eq!(browser.post(&page, "/login", &fields).await.location(), place, "{next}");
        // Who is signed in already is sent on by the same rule.
        assert_eq!(browser.get(&page).await.location(), place, "{next}");
    }
}

#[tokio::test]
async fn signing_out_ends_the_session_and_a_get_does_not() {
    let (house, _) = House::owned().await;
    let mut browser = Browser::new(&house.app);
    browser.sign_in(OWNER, PASSWORD).await;
    let session = plain(browser.session().unwrap());
    let page = browser.get("/logout").await;
    assert!(page.text.contains("id=\"logout-confirm\"") && page.text.contains("logout-cancel"));
    assert!(house.try_session(&session).await.is_ok());
    let seen = browser.post("/logout", "/logout", &[]).await;
    assert_eq!(seen.location(), "/login");
    assert!(browser.session().is_none());
    assert!(seen.headers.contains_key("clear-site-data"));
    house.session_ends(&session).await;
}

#[tokio::test]
async fn sessions_end_after_30_days() {
    let (house, _) = House::owned().await;
    let session = house.session(OWNER).await;
    house.clock.advance(Duration::from_secs(30 * 86_400 - 1));
    assert!(house.try_session(&session).await.is_ok());
    house.clock.advance(Duration::from_secs(1));
    assert!(house.try_session(&session).await.is_err());
}

#[tokio::test]
async fn t62_attempts_count_by_network_and_wait_their_turn() {
    let house = House::with(NetworkLimits {
        sign_in_per_minute: 3,
        sign_up_per_hour: 2,
        ..NetworkLimits::LAX
    })
    .await;
    let wish = super::house::owner_wish(OWNER);
    setup_owner(&house.gate, &house.system(), wish).await.unwrap();
    let attempt = |address: &'static str| {
        let caller = house.anonymous(address);
        let state = house.state.clone();
        async move {
            let typed = SignIn { email: OWNER.into(), password: plain(PASSWORD), agent: None };
            sign_in(&state, &caller, typed).await.map(drop).map_err(|e| (e.kind(), e.retry_after()))
        }
    };
    for address in ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ffff::3"] {
        assert_eq!(attempt(address).await, Ok(()));
    }
    let (kind, wait) = attempt("2001:db8:1:2::4").await.unwrap_err();
    assert_eq!(kind, Kind::RateLimited);
    assert_eq!(wait, Some(Duration::from_secs(20)));
    assert_eq!(attempt("2001:db8:1:3::1").await, Ok(()));
    assert_eq!(attempt("127.0.0.1").await, Ok(()), "loopback has a book of its own, too");
    house.clock.advance(Duration::from_secs(20));
    assert_eq!(attempt("2001:db8:1:2::4").await, Ok(()));
    let counted = |n: usize| {
        use tollgate_edge::Attempt::SignUp;
        let caller = house.anonymous("198.51.100.7");
        (0..n).map(|_| house.state.networks.count(SignUp, &caller).is_ok()).collect::<Vec<_>>()
    };
    assert_eq!(counted(3), [true, true, false]);
    house.clock.advance(Duration::from_secs(1_800));
    assert_eq!(counted(2), [true, false]);
    for _ in 0..9 {
        let trusted = house.state.networks.count(tollgate_edge::Attempt::SignIn, &house.system());
        assert!(trusted.is_ok());
    }
}

#[tokio::test]
async fn the_answer_to_too_many_attempts_says_when_to_come_back() {
    let house = House::with(NetworkLimits {
        sign_in_per_minute: 1,
        sign_up_per_hour: 1,
        ..NetworkLimits::LAX
    })
    .await;
    let mut browser = Browser::new(&house.app);
    assert_eq!(browser.sign_in(OWNER, PASSWORD).await.status, 401);
    let seen = browser.sign_in(OWNER, PASSWORD).await;
    assert_eq!((seen.status.as_u16(), &seen.headers["retry-after"]), (429, &"60".parse().unwrap()));
}

#[tokio::test]
async fn looking_at_a_link_does_not_use_it_up_and_the_button_does() {
    let (house, owner) = House::owned().await;
    let path = link_path(&owner.link);
    let mut browser = Browser::new(&house.app);
    for _ in 0..3 {
        let page = browser.get(&path).await;
        assert!(page.text.contains(OWNER) && page.text.contains("link-submit"));
    }
    let seen = browser.post(&path, &path, &[]).await;
    assert_eq!((seen.status.as_u16(), seen.location()), (303, "/account"));
    assert_eq!(browser.get("/account").await.status, 200);
    let mut other = Browser::new(&house.app);
    assert_eq!(other.get(&path).await.status, 404);
    let caller = house.anonymous("198.51.100.1");
    let again = use_link(&house.state, &caller, &owner.link, None, None).await;
    assert_eq!(again.err().map(|e| e.kind()), Some(Kind::NotFound));
}

#[tokio::test]
async fn t49_a_reset_sets_the_password_once_and_newer_links_end_older_ones() {
    let (house, _) = House::owned().await;
    let user = house.user("ada@example.com", Role::Member).await;
    let system = house.system();
    let make = |purpose| make_link(&house.gate, &system, user, purpose);
    let old = make(LinkPurpose::Reset).await.unwrap();
    let new = make(LinkPurpose::Reset).await.unwrap();
    let session = house.session("ada@example.com").await;
    let mut browser = Browser::new(&house.app);
    assert_eq!(browser.get(&link_path(&old.token)).await.status, 404);
    let path = link_path(&new.token);
    let short = browser.post(&path, &path, &[("password", "short")]).await;
    assert_eq!(short.status, 422);
    let done = browser.post(&path, &path, &[("password", NEW)]).await;
    assert_eq!(done.location(), "/account");
    house.session_ends(&session).await;
    assert_eq!(Browser::new(&house.app).sign_in("ada@example.com", NEW).await.status, 303);
    assert_eq!(Browser::new(&house.app).sign_in("ada@example.com", PASSWORD).await.status, 401);
    let late = make(LinkPurpose::Reset).await.unwrap();
    house.clock.advance(Duration::from_secs(3_600));
    assert_eq!(browser.get(&link_path(&late.token)).await.status, 404);
}

#[tokio::test]
async fn t50_a_links_address_comes_from_the_configuration() {
    let (house, owner) = House::owned().await;
    let user = house.user("ada@example.com", Role::Member).await;
    let path = format!("/api/v1/users/{user}/links");
    let make = |purpose: &str| {
        let body = json!({ "purpose": purpose });
        let (app, key, path) = (&house.app, owner.admin_key.expose(), path.clone());
        async move { api(app, key, "POST", &path, Some(body)).await }
    };
    for purpose in ["sign_in", "reset", "invite"] {
        let made = make(purpose).await.json();
        let url = made["url"].as_str().unwrap();
        assert!(url.starts_with("https://ai.example.com/link/tg_link_"), "{url}");
        assert!(made["expires_at"].is_string());
    }
    for purpose in ["setup", "other"] {
        let refused = make(purpose).await;
        assert_eq!(
            (refused.status.as_u16(), refused.json()["param"].as_str()),
            (400, Some("purpose"))
        );
    }
}
