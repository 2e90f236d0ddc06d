//! Passwords: which are taken, what is said of them while they are typed, and where from they come.

use serde_json::{Value, json};
use tollgate_edge::NetworkLimits;
use tollgate_kernel::{Kind, Manage, Noun, Role, Secret};
use tollgate_store::LinkPurpose;

use super::House;
use super::browser::{Browser, Seen, api};
use super::house::{OWNER, PASSWORD, plain};
use crate::change_me::{MeChange, NewPassword, change_me};
use crate::make_link::{link_path, make_link};
use crate::sign_in::{SignIn, sign_in};
use crate::{new_setup_link, setup_path};

const NEW: &str = "another good password";

/// Made by libxcrypt, of [`NEW`].
const NEW_HASH: &str = "$2b$04$abcdefghijklmnopqrstuuZIEFyaJBenYs4JfAS2emmv.LKZcLfAG";

/// Each with what is said of it in the three languages.
const REFUSED: [(&str, [&str; 3]); 4] = [
    ("short", ["The password is too short.", "パスワードが短すぎます。", "密码太短。"]),
    ("Password1234567", ["lists of stolen passwords", "流出したパスワード", "泄露密码的名单"]),
    (
        "bcdefghijklmnopq",
        [
            "This password is too easy to guess. Sequences like abc or 6543 are guessed early. Add \
             a word or two, rare ones if you can. Leave out sequences.",
            "このパスワードは推測されやすいため、使えません。abc や 6543 のような連続した文字は",
            "此密码太容易猜到。abc 或 6543 这样的连续字符很早就会被猜到。",
        ],
    ),
    ("ada@example.com", ["too similar to your", "に似ています。", "太相似。"]),
];

const TAGS: [&str; 3] = ["en", "ja", "zh-Hans"];

/// A browser in this language.
fn browser(house: &House, tag: &str) -> Browser {
    let mut browser = Browser::new(&house.app);
    browser.set_cookie("__Host-tollgate-lang", tag);
    browser
}

fn refused(seen: &Seen, words: &str, place: &str) {
    assert_eq!(seen.status, 422, "{place}");
    assert!(seen.text.contains(words), "{place}: {words} in {}", seen.text);
    assert!(seen.text.contains("aria-invalid=\"true\"") && seen.text.contains("role=\"alert\""));
}

#[tokio::test]
async fn a_bad_password_is_refused_with_advice_wherever_one_is_set_in_three_languages() {
    let house = House::empty().await;
    let link = new_setup_link(&house.gate, &house.system()).await.unwrap().unwrap();
    let setup = setup_path(&link.token);
    for (at, tag) in TAGS.into_iter().enumerate() {
        for (password, words) in REFUSED {
            let token = link.token.expose();
            let fields =
                [("username", "ada@example.com"), ("password", password), ("token", token)];
            let seen = browser(&house, tag).post(&setup, "/setup", &fields).await;
            refused(&seen, words[at], "/setup");
        }
    }
    let (house, _) = house.with_owner().await;
    house.set("registration", "open").await;
    let user = house.user("ada@example.com", Role::Member).await;
    let reset = make_link(&house.gate, &house.system(), user, LinkPurpose::Reset).await.unwrap();
    let reset = link_path(&reset.token);
    for (at, tag) in TAGS.into_iter().enumerate() {
        let mut signed_in = browser(&house, tag);
        assert_eq!(signed_in.sign_in("ada@example.com", PASSWORD).await.status, 303);
        for (password, words) in REFUSED {
            let words = words[at];
            let fields = [("username", "ada@example.com"), ("password", password)];
            refused(
                &browser(&house, tag).post("/signup", "/signup", &fields).await,
                words,
                "/signup",
            );
            let fields = [("password", password)];
            refused(&browser(&house, tag).post(&reset, &reset, &fields).await, words, "/link");
            let fields = [("current_password", PASSWORD), ("password", password)];
            let seen = signed_in.post("/account/security", "/account/password", &fields).await;
            refused(&seen, words, "/account/password");
        }
    }
    assert_eq!(Browser::new(&house.app).sign_in("ada@example.com", PASSWORD).await.status, 303);
}

#[tokio::test]
async fn the_api_says_why_a_password_is_refused() {
    let (house, owner) = House::owned().await;
    for (password, words) in REFUSED {
        let body = json!({ "email": "ada@example.com", "password": password });
        let key = owner.admin_key.expose();
        let seen = api(&house.app, key, "POST", "/api/v1/users", Some(body)).await;
        let said = seen.json();
        assert_eq!((seen.status.as_u16(), said["param"].as_str()), (400, Some("password")));
        if words[0].contains("guess") {
            assert!(said["detail"].as_str().unwrap().contains("Leave out sequences."), "{said}");
        }
    }
}

#[tokio::test]
async fn the_meter_says_what_the_server_will_decide_in_three_languages() {
    let (house, _) = House::owned().await;
    for (at, tag) in TAGS.into_iter().enumerate() {
        let mut browser = browser(&house, tag);
        for (password, words) in REFUSED {
            let body = json!({ "password": password, "username": "ada@example.com" });
            let said = browser.rate(&body).await.json();
            assert_eq!(said["enough"], false, "{said}");
            assert!(said["score"].as_u64().unwrap() <= 2, "{said}");
            assert!(said["words"].as_str().unwrap().contains(words[at]), "{said}");
        }
        let said = browser.rate(&json!({ "password": NEW, "name": "Ada" })).await.json();
        assert_eq!(said["enough"], true, "{said}");
        assert!(said["score"].as_u64().unwrap() >= 3, "{said}");
        let good = ["hard to guess", "推測されにくい", "难猜"][at];
        assert!(said["words"].as_str().unwrap().contains(good), "{said}");
    }
    let mut browser = browser(&house, "en");
    let long = browser.rate(&json!({ "password": "x".repeat(129) })).await.json();
    assert!(long["words"].as_str().unwrap().contains("too long"), "{long}");
    assert_eq!(browser.rate(&json!({ "password": "x".repeat(5_000) })).await.status, 413);
    assert_eq!(browser.rate(&json!({ "passwort": NEW })).await.status, 400);
}

#[tokio::test]
async fn every_form_that_sets_a_password_has_the_meter_and_others_have_not() {
    let house = House::empty().await;
    let link = new_setup_link(&house.gate, &house.system()).await.unwrap().unwrap();
    let has = |seen: &Seen| {
        seen.text.contains("data-strength=\"/password-strength\"")
            && seen.text.contains("role=\"status\"")
            && seen.text.contains("autocomplete=\"new-password\"")
    };
    assert!(has(&Browser::new(&house.app).get(&setup_path(&link.token)).await));
    let (house, owner) = house.with_owner().await;
    house.set("registration", "open").await;
    let make = |purpose| {
        let (gate, system, id) = (&house.gate, house.system(), owner.user.id);
        async move { link_path(&make_link(gate, &system, id, purpose).await.unwrap().token) }
    };
    let mut browser = Browser::new(&house.app);
    assert!(has(&browser.get("/signup").await));
    for (purpose, asks) in
        [(LinkPurpose::Reset, true), (LinkPurpose::Invite, true), (LinkPurpose::SignIn, false)]
    {
        assert_eq!(has(&browser.get(&make(purpose).await).await), asks, "{purpose}");
    }
    assert!(!has(&browser.get("/login").await));
    browser.sign_in(OWNER, PASSWORD).await;
    assert!(has(&browser.get("/account/security").await));
}

#[tokio::test]
async fn t62_the_meter_has_a_count_of_its_own_by_network() {
    let limits =
        NetworkLimits { management_per_minute: 3, anonymous_per_minute: 10, ..NetworkLimits::LAX };
    let house = House::with(limits).await;
    let mut browser = Browser::new(&house.app);
    let body = json!({ "password": NEW });
    for _ in 0..3 {
        assert_eq!(browser.rate(&body).await.status, 200);
    }
    let refused = browser.rate(&body).await;
    assert_eq!(refused.status, 429);
    assert!(refused.headers.contains_key("retry-after"));
    // Whoever typed much can still send the form.
    for n in 0..10 {
        assert_eq!(browser.get("/login").await.status, 200, "{n}");
    }
}

async fn stored(house: &House, email: &str) -> Secret {
    let warrant = house.gate.allow(&house.system(), Manage::read(Noun::SignIn)).unwrap();
    house.gate.read(&warrant).sign_in(email).await.unwrap().unwrap().1.unwrap()
}

#[tokio::test]
async fn a_bcrypt_password_from_elsewhere_counts_and_is_hashed_anew_at_the_first_sign_in() {
    let (house, owner) = House::owned().await;
    let (email, key) = ("ada@example.com", owner.admin_key.expose());
    let body = json!({ "email": email, "password_hash": NEW_HASH });
    let made = api(&house.app, key, "POST", "/api/v1/users", Some(body)).await;
    assert_eq!((made.status.as_u16(), &made.json()["has_password"]), (201, &json!(true)));
    let before = stored(&house, email).await;
    assert!(before.expose().starts_with("b1$04$"));
    assert!(!NEW_HASH.ends_with(&before.expose()[40..]), "the hash itself is not kept");
    assert_eq!(Browser::new(&house.app).sign_in(email, "another bad password").await.status, 401);
    assert_eq!(stored(&house, email).await.expose(), before.expose());

    let changed = made.json()["updated_at"].clone();
    assert_eq!(Browser::new(&house.app).sign_in(email, NEW).await.status, 303);
    let after = stored(&house, email).await;
    assert!(after.expose().starts_with("v2$argon2id$"), "hashed anew");
    assert_eq!(Browser::new(&house.app).sign_in(email, NEW).await.status, 303);
    assert_eq!(stored(&house, email).await.expose(), after.expose(), "once");

    // Over an account that is here, and as the one that it replaces.
    let session = house.session(OWNER).await;
    let path = format!("/api/v1/users/{}", owner.user.id);
    let body = json!({ "password_hash": NEW_HASH });
    assert_eq!(api(&house.app, key, "PATCH", &path, Some(body)).await.status, 200);
    house.session_ends(&session).await;
    assert_eq!(Browser::new(&house.app).sign_in(OWNER, PASSWORD).await.status, 401);
    assert_eq!(Browser::new(&house.app).sign_in(OWNER, NEW).await.status, 303);
    assert_ne!(changed, Value::Null);
}

#[tokio::test]
async fn t63_hashes_that_would_cost_too_much_are_refused_by_name() {
    let (house, owner) = House::owned().await;
    for (hash, words) in [
        (NEW_HASH.replacen("$04$", "$31$", 1), "Costs up to 13"),
        (NEW_HASH.replacen("$04$", "$14$", 1), "Costs up to 13"),
        ("$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaA".to_owned(), "not a bcrypt hash"),
        ("5f4dcc3b5aa765d61d8327deb882cf99".to_owned(), "not a bcrypt hash"),
    ] {
        let body = json!({ "email": "ada@example.com", "password_hash": hash });
        let key = owner.admin_key.expose();
        let seen = api(&house.app, key, "POST", "/api/v1/users", Some(body)).await;
        let said = seen.json();
        assert_eq!((seen.status.as_u16(), &said["param"]), (400, &json!("password_hash")));
        assert!(said["detail"].as_str().unwrap().contains(words), "{said}");
    }
    let both = json!({ "email": "a@b.de", "password": NEW, "password_hash": NEW_HASH });
    let key = owner.admin_key.expose();
    let seen = api(&house.app, key, "POST", "/api/v1/users", Some(both)).await;
    assert_eq!((seen.status.as_u16(), &seen.json()["param"]), (400, &json!("password_hash")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t29_a_sign_in_that_overlaps_a_new_password_does_not_outlive_it() {
    let (house, _) = House::owned().await;
    let (mut old, mut new) = (PASSWORD, NEW);
    for round in 0..10 {
        let boss = {
            let typed = SignIn { email: OWNER.into(), password: plain(old), agent: None };
            let started = sign_in(&house.state, &house.anonymous("192.0.2.1"), typed).await;
            house.try_session(&started.unwrap().token).await.unwrap()
        };
        let sign_ins: Vec<_> = (0..3)
            .map(|_| {
                let (state, nobody) = (house.state.clone(), house.anonymous("192.0.2.1"));
                tokio::spawn(async move {
                    let typed = SignIn { email: OWNER.into(), password: plain(old), agent: None };
                    sign_in(&state, &nobody, typed).await
                })
            })
            .collect();
        let password = Some(NewPassword { current: Some(plain(old)), new: plain(new) });
        let change = MeChange { password, ..MeChange::default() };
        let changed = change_me(&house.state, &boss, change).await;
        assert!(changed.is_ok(), "{round}: {:?}", changed.err());
        for sign_in in sign_ins {
            match sign_in.await.unwrap() {
                Ok(started) => house.session_ends(&started.token).await,
                Err(error) => assert_eq!(error.kind(), Kind::Unauthenticated, "{round}"),
            }
        }
        (old, new) = (new, old);
    }
}

#[tokio::test]
async fn an_owner_makes_a_link_for_a_forgotten_password_by_page_in_three_languages() {
    let (house, _) = House::owned().await;
    let user = house.user("ada@example.com", Role::Member).await;
    let place = format!("/admin/users/{user}/link");
    for (tag, title) in [
        ("en", "The link for ada@example.com"),
        ("ja", "ada@example.com のリンクを発行しました"),
        ("zh-Hans", "给 ada@example.com 的链接已生成"),
    ] {
        let mut owner = browser(&house, tag);
        owner.sign_in(OWNER, PASSWORD).await;
        super::pages::check(&mut owner, tag, &place).await;
        let page = owner.get(&place).await.text;
        assert!(page.contains("value=\"reset\" aria-describedby=\"reset-hint\" checked"), "{page}");
        let session = house.session("ada@example.com").await;
        let made = owner.post(&place, &place, &[("purpose", "reset")]).await;
        assert_eq!(made.status, 201);
        assert!(made.text.contains(title), "{}", made.text);
        let url = made.secret();
        let path = url.strip_prefix("https://ai.example.com").unwrap();
        // The link works once: it sets the password, and ends the other sessions.
        let done = browser(&house, tag).post(path, path, &[("password", PASSWORD)]).await;
        assert_eq!(done.location(), "/account");
        house.session_ends(&session).await;
        assert_eq!(browser(&house, tag).get(path).await.status, 404);
    }
}

#[tokio::test]
async fn a_link_by_page_is_refused_in_words_where_it_would_not_work() {
    let (house, owner) = House::owned().await;
    house.user("admin@example.com", Role::Admin).await;
    let ada = house.user("ada@example.com", Role::Member).await;
    let mut admin = Browser::new(&house.app);
    admin.sign_in("admin@example.com", PASSWORD).await;
    let place = format!("/admin/users/{}/link", owner.user.id);
    let seen = admin.post(&place, &place, &[("purpose", "sign_in")]).await;
    assert_eq!(seen.status, 403);
    assert!(seen.text.contains("Only an owner can make a link for an owner."), "{}", seen.text);
    let place = format!("/admin/users/{ada}/link");
    assert_eq!(admin.post(&place, &place, &[("purpose", "setup")]).await.status, 400);
    let state = Some(tollgate_store::AccountState::Disabled);
    let change = crate::update_user::UserChange { state, ..Default::default() };
    crate::update_user::update_user(&house.gate, &house.system(), ada, change).await.unwrap();
    let seen = admin.post(&place, &place, &[("purpose", "reset")]).await;
    assert_eq!(seen.status, 409);
    assert!(seen.text.contains("The account is disabled"), "{}", seen.text);
    let mut member = Browser::new(&house.app);
    house.user("bob@example.com", Role::Member).await;
    member.sign_in("bob@example.com", PASSWORD).await;
    assert_eq!(member.get(&place).await.status, 403);
}
