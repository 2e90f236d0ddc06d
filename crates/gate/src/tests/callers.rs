//! Who may call a tool, by its own way in and by no other.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tollgate_kernel::{Access, Kind, PlainToken, Subject};
use tollgate_store::{HttpScheme, KeyHolder, Owner, TokenBody, ToolAuth};

use super::house::{Api, HERE, House, ok, slug};

const BEARER: HttpScheme = HttpScheme::Bearer;
const BASIC: HttpScheme = HttpScheme::Basic;

fn bearer(token: &PlainToken) -> String {
    format!("Bearer {}", token.expose())
}

fn basic(token: &PlainToken) -> String {
    format!("Basic {}", token.expose())
}

/// `user:password` as Basic has it.
fn pair(text: &str) -> String {
    format!("Basic {}", STANDARD.encode(text))
}

#[tokio::test]
async fn strangers_are_limited_by_network() {
    let house = House::without_key(2).await;
    house.gate.make_signing_key(&house.warrant()).await.unwrap();
    let api = Api::new(|_| ok("{}")).await;
    let tool = house.tool("todo", &api, ToolAuth::None).await;
    let call = async |address: &str| {
        let who = house.from(&tool, &["Bearer whatever"], address).await.unwrap();
        assert!(who.is_anonymous());
        house.get(&who, &tool, "/").await.map(drop).map_err(|error| error.kind())
    };
    for address in ["203.0.113.9", "2001:db8:1:2::1"] {
        assert_eq!(call(address).await, Ok(()));
        assert_eq!(call(address).await, Ok(()));
        assert_eq!(call(address).await, Err(Kind::RateLimited), "{address}");
    }
    assert_eq!(call("2001:db8:1:2::ffff").await, Err(Kind::RateLimited), "one network");
    assert_eq!(call("203.0.113.10").await, Ok(()));
    house.clock.advance(Duration::from_secs(60));
    assert_eq!(call("203.0.113.9").await, Ok(()));
    let entries = house.entries(6).await;
    assert!(entries.iter().all(|entry| entry.user.is_none() && entry.charged_calls == 1));
}

#[tokio::test]
async fn g1_g2_a_service_has_a_token_of_its_own() {
    let house = House::new().await;
    let api = Api::new(|_| ok("{}")).await;
    for scheme in [BEARER, BASIC] {
        let id = format!("todo-{}", scheme.as_str());
        let tool = house.tool(&id, &api, ToolAuth::ServiceHttp { scheme }).await;
        let (openai, first) = house.service(&tool, "openai", None).await;
        let (_, second) = house.service(&tool, "claude", Some("given-by-the-owner")).await;
        let (_, third) = house.service(&tool, "copilot", Some("us:a-password-of-ours")).await;
        let (header, other) = match scheme {
            BEARER => (bearer as fn(&PlainToken) -> String, basic as fn(&PlainToken) -> String),
            BASIC => (basic as _, bearer as _),
        };
        for (token, name) in [(&first, "openai"), (&second, "claude")] {
            let who = house.at(&tool, &[&header(token)]).await.unwrap();
            let named = Subject::Service { tool: slug(&id), name: name.into() };
            assert_eq!(*who.subject(), named);
            assert_eq!(house.get(&who, &tool, "/").await.unwrap().0, 200);
            assert!(house.at(&tool, &[&other(token)]).await.is_err(), "another scheme");
        }
        if scheme == BASIC {
            let given = house.at(&tool, &[&pair("us:a-password-of-ours")]).await;
            assert!(given.is_ok());
            assert!(house.at(&tool, &[&pair("we:a-password-of-ours")]).await.is_err());
            assert!(house.at(&tool, &[&pair(&format!("x:{}", first.expose()))]).await.is_ok());
        }
        assert!(house.at(&tool, &[&header(&third)]).await.is_ok(), "as it was given");
        // One is cut off, the others go on.
        let mut tx = house.begin().await;
        tx.revoke_key(Owner::All, openai.id).await.unwrap();
        house.commit(tx).await;
        let cut = house.at(&tool, &[&header(&first)]).await.map(drop).unwrap_err();
        assert_eq!(cut.kind(), Kind::Unauthenticated);
        let challenge = cut.challenge().unwrap();
        assert!(challenge.to_ascii_lowercase().starts_with(scheme.as_str()), "{challenge}");
        assert!(house.at(&tool, &[&header(&second)]).await.is_ok());
    }
}

#[tokio::test]
async fn a_service_token_is_rotated_with_an_overlap() {
    let house = House::new().await;
    let api = Api::new(|_| ok("{}")).await;
    let tool = house.tool("todo", &api, ToolAuth::ServiceHttp { scheme: BEARER }).await;
    let (key, old) = house.service(&tool, "openai", Some("the-first-that-was-given")).await;
    assert!(house.at(&tool, &[&bearer(&old)]).await.is_ok());
    let (new, secret) = house.gate.service_secret(&tool, None).unwrap();
    let mut tx = house.begin().await;
    let ends = tx.now().plus(Duration::from_secs(60));
    tx.expire_key_secrets(key.id, ends).await.unwrap();
    tx.add_key_secret(key.id, key.version, secret).await.unwrap();
    house.commit(tx).await;
    assert!(house.at(&tool, &[&bearer(&old)]).await.is_ok());
    assert!(house.at(&tool, &[&bearer(&new)]).await.is_ok());
    house.clock.advance(Duration::from_secs(60));
    assert!(house.at(&tool, &[&bearer(&old)]).await.is_err());
    assert!(house.at(&tool, &[&bearer(&new)]).await.is_ok());
}

#[tokio::test]
async fn tokens_that_owners_give_have_bounds() {
    let house = House::new().await;
    let api = Api::new(|_| ok("{}")).await;
    let tool = house.tool("todo", &api, ToolAuth::ServiceHttp { scheme: BEARER }).await;
    let given = |text: &str| {
        let token = Some(PlainToken::new(text.to_owned()));
        house.gate.service_secret(&tool, token).map(drop).map_err(|error| error.kind())
    };
    for good in ["x".repeat(16), "!~".repeat(256)] {
        assert_eq!(given(&good), Ok(()));
    }
    let long = "x".repeat(513);
    for bad in [
        "",
        "x23456789012345",
        &long,
        "with a space inside",
        "tg_tool_of-nobody-at-all",
        "ünicode-ünicode-ü",
    ] {
        assert_eq!(given(bad), Err(Kind::InvalidRequest), "{bad}");
    }
}

/// What opens one tool opens no other, and no other door; and the other way round.
#[tokio::test]
async fn g3_t72_a_credential_opens_its_own_tool_alone() {
    let house = House::new().await;
    let api = Api::new(|_| ok("{}")).await;
    let oauth = ToolAuth::OAuth { scope: String::new(), content_type: TokenBody::Json };
    let mut tools = Vec::new();
    for (id, auth) in [
        ("service-a", ToolAuth::ServiceHttp { scheme: BEARER }),
        ("service-b", ToolAuth::ServiceHttp { scheme: BEARER }),
        ("user-a", ToolAuth::UserHttp { scheme: BEARER }),
        ("user-b", ToolAuth::UserHttp { scheme: BEARER }),
        ("oauth-a", oauth.clone()),
        ("oauth-b", oauth),
    ] {
        tools.push(house.tool(id, &api, auth).await);
    }
    let ada = house.user("ada@example.com").await;
    let app = house.app().await;
    let v1 = format!("{HERE}/v1");
    let mut credentials: Vec<(Option<&str>, PlainToken)> = Vec::new();
    for id in ["service-a", "service-b"] {
        let tool = tools.iter().find(|tool| tool.id().as_str() == id).unwrap();
        credentials.push((Some(id), house.service(tool, "openai", None).await.1));
    }
    // The same text at two tools is two tokens; a third tool does not know it.
    let (a, b) = (&tools[0], &tools[1]);
    house.service(a, "twin", Some("one-text-for-two-tools")).await;
    let twin = PlainToken::new("one-text-for-two-tools".to_owned());
    credentials.push((Some("service-a"), twin.clone()));
    for id in ["user-a", "user-b"] {
        credentials.push((Some(id), house.key(KeyHolder::User(ada), Some(id)).await.1));
    }
    for tool in &tools[4..] {
        let token = house.token(app, Some(ada), (tool.address(), "")).await.0;
        credentials.push((Some(tool.id().as_str()), token));
        let token = house.token(app, None, (tool.address(), "")).await.0;
        credentials.push((Some(tool.id().as_str()), token));
    }
    credentials.push((None, house.key(KeyHolder::User(ada), None).await.1));
    credentials.push((None, house.key(KeyHolder::App(app), None).await.1));
    credentials.push((None, house.key(KeyHolder::Admin, None).await.1));
    credentials.push((None, house.token(app, Some(ada), (&v1, "models")).await.0));
    // Twice, so that what is remembered from elsewhere is asked too.
    for _ in 0..2 {
        for (number, (own, token)) in credentials.iter().enumerate() {
            for tool in &tools {
                let opens = Some(tool.id().as_str()) == *own;
                let found = house.at(tool, &[&bearer(token)]).await;
                assert_eq!(found.is_ok(), opens, "credential {number} at {}", tool.id());
                if let Ok(who) = found {
                    assert_eq!(house.get(&who, tool, "/").await.unwrap().0, 200);
                    for other in tools.iter().filter(|other| other.id() != tool.id()) {
                        let error = house.get(&who, other, "/").await.unwrap_err();
                        assert_eq!(error.kind(), Kind::Unauthenticated, "{number}");
                    }
                }
            }
            let elsewhere = house.elsewhere(token).await;
            let models = elsewhere.and_then(|who| who.admits(Access::Models));
            // An admin key calls no models, whatever it is presented to.
            let calls = own.is_none() && !token.expose().starts_with("tg_admin_");
            assert_eq!(models.is_ok(), calls, "credential {number} at the models door");
        }
    }
    house.service(b, "twin", Some("one-text-for-two-tools")).await;
    assert!(house.at(b, &[&bearer(&twin)]).await.is_ok());
}

#[tokio::test]
async fn user_keys_come_in_both_schemes() {
    let house = House::new().await;
    let api = Api::new(|_| ok("{}")).await;
    let tool = house.tool("todo", &api, ToolAuth::UserHttp { scheme: BASIC }).await;
    let ada = house.user("ada@example.com").await;
    let (key, token) = house.key(KeyHolder::User(ada), Some("todo")).await;
    let text = token.expose();
    for header in [
        format!("Basic {text}"),
        format!("basic {text}"),
        pair(text),
        pair(&format!("ada:{text}")),
        pair(&format!("{text}:")),
    ] {
        let who = house.at(&tool, &[&header]).await.unwrap();
        assert_eq!(who.user(), Some(ada), "{header}");
    }
    for header in [
        format!("Bearer {text}"),
        format!("Digest {text}"),
        format!("Basic {text} {text}"),
        pair(&format!("{text}:wrong")),
        pair("ada:tg_user_garbled"),
        "Basic".to_owned(),
        "Basic !!!".to_owned(),
    ] {
        let error = house.at(&tool, &[&header]).await.map(drop).unwrap_err();
        assert_eq!(error.kind(), Kind::Unauthenticated, "{header}");
        assert_eq!(error.challenge(), Some("Basic realm=\"todo\", charset=\"UTF-8\""));
    }
    let twice = [&*basic(&token), &*basic(&token)];
    let error = house.at(&tool, &twice).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), Kind::AmbiguousCredentials);
    let mut tx = house.begin().await;
    tx.revoke_key(Owner::All, key.id).await.unwrap();
    house.commit(tx).await;
    assert!(house.at(&tool, &[&basic(&token)]).await.is_err());
}

#[tokio::test]
async fn g3_g5_a_token_is_for_the_address_and_has_the_scopes() {
    let house = House::new().await;
    let api = Api::new(|_| ok("{}")).await;
    let auth = ToolAuth::OAuth { scope: "read write".to_owned(), content_type: TokenBody::Json };
    let tool = house.tool("todo", &api, auth).await;
    let resource = house.gate.resource(&format!("{}/", tool.address())).unwrap();
    assert_eq!(
        (&*resource.uri, &resource.scopes[..]),
        (tool.address(), &["read", "write"].map(str::to_owned)[..])
    );
    let ada = house.user("ada@example.com").await;
    let app = house.app().await;
    for aud in [
        format!("{}/", tool.address()),
        format!("{HERE}/v1"),
        HERE.to_owned(),
        format!("{HERE}/tools/todos"),
        "https://todo.example.com".to_owned(),
    ] {
        let (token, _) = house.token(app, Some(ada), (&aud, "read write")).await;
        let error = house.at(&tool, &[&bearer(&token)]).await.map(drop).unwrap_err();
        assert_eq!(error.kind(), Kind::Unauthenticated, "{aud}");
        let told = "Bearer realm=\"todo\", scope=\"read write\", error=\"invalid_token\"";
        assert_eq!(error.challenge(), Some(told));
    }
    let (narrow, _) = house.token(app, Some(ada), (tool.address(), "read")).await;
    let who = house.at(&tool, &[&bearer(&narrow)]).await.unwrap();
    let error = house.get(&who, &tool, "/").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Forbidden);
    assert!(error.challenge().unwrap().contains("scope=\"read write\""));
    assert!(api.seen().is_empty(), "nothing was passed on");

    let (token, grant) = house.token(app, Some(ada), (tool.address(), "read write")).await;
    let who = house.at(&tool, &[&bearer(&token)]).await.unwrap();
    assert_eq!(house.get(&who, &tool, "/").await.unwrap().0, 200);
    let entry = house.entries(1).await.remove(0);
    assert_eq!((entry.user, entry.client), (Some(ada.to_string()), Some(app.to_string())));
    let mut tx = house.begin().await;
    tx.end_grant(grant.unwrap()).await.unwrap();
    house.commit(tx).await;
    assert!(house.at(&tool, &[&bearer(&token)]).await.is_err());
    let nothing = house.at(&tool, &[]).await.map(drop).unwrap_err();
    assert_eq!(nothing.challenge(), Some("Bearer realm=\"todo\", scope=\"read write\""));
}

/// A tool that is off, gone or new under its old name.
#[tokio::test]
async fn g2_keys_end_with_their_tool() {
    let house = House::new().await;
    let api = Api::new(|_| ok("{}")).await;
    let auth = ToolAuth::ServiceHttp { scheme: BEARER };
    let tool = house.tool("todo", &api, auth.clone()).await;
    let (_, token) = house.service(&tool, "openai", Some("given-by-the-owner")).await;
    let who = house.at(&tool, &[&bearer(&token)]).await.unwrap();
    let mut tx = house.begin().await;
    tx.delete_tool(&slug("todo")).await.unwrap();
    house.commit(tx).await;
    assert!(house.gate.tool(&slug("todo")).is_none());
    assert_eq!(house.get(&who, &tool, "/").await.unwrap_err().kind(), Kind::NotFound);
    assert!(house.at(&tool, &[&bearer(&token)]).await.is_err());
    let again = house.tool("todo", &api, auth).await;
    assert!(house.at(&again, &[&bearer(&token)]).await.is_err(), "a new tool has no old tokens");
    let mut off = again.record().clone();
    off.state = tollgate_store::ToolState::Disabled;
    let mut tx = house.begin().await;
    tx.update_tool(&off).await.unwrap();
    house.commit(tx).await;
    assert!(house.gate.tool(&slug("todo")).is_none());
}
