use std::sync::Arc;
use std::time::Duration;

use tollgate_kernel::{Clock as _, GrantId, Kind, Timestamp, UserId};
use tollgate_store::{
    AuthMethod, ClientKind, ClientRecord, EventKind, NewCode, NewGrant, OAuthMembers, Owner,
    PageRequest, ResourceRecord, Swept, Used,
};

use super::{Bench, Outcome, act, assert_kind};

async fn app(bench: &Bench) -> Outcome<ClientRecord> {
    let app = ClientRecord::new(bench.client_id(), "App".to_owned(), ClientKind::Confidential);
    let mut tx = bench.begin().await?;
    tx.put_client(&app).await?;
    tx.commit(act("client.create")).await?;
    Ok(bench.reader.client(Owner::All, app.id).await?.unwrap())
}

async fn new_code(bench: &Bench, user: UserId, app: &ClientRecord, hash: u8) -> Outcome<NewCode> {
    let now = bench.clock.now();
    Ok(NewCode {
        hash: [hash; 32],
        grant: bench.grant_id(),
        client: app.id,
        user,
        session: bench.session(user, hash).await?,
        redirect_uri: Some("https://app.example/cb".to_owned()),
        challenge: None,
        scope: "openid models".to_owned(),
        resource: "https://id.example/v1".to_owned(),
        nonce: Some("n".to_owned()),
        auth_time: now,
        expires_at: now.plus(Duration::from_secs(60)),
    })
}

fn new_grant(bench: &Bench, user: UserId, app: &ClientRecord) -> NewGrant {
    let now = bench.clock.now();
    NewGrant {
        id: bench.grant_id(),
        client: app.id,
        user,
        session: None,
        scope: "openid models".to_owned(),
        resource: "https://id.example/v1".to_owned(),
        auth_time: now,
        expires_at: now.plus(Duration::from_secs(3_600)),
    }
}

pub(crate) async fn an_app_has_one_person_of_a_name(bench: &Bench) -> Outcome<()> {
    let (app, other) = (app(bench).await?, app(bench).await?);
    let mut tx = bench.begin().await?;
    let made = tx.insert_app_user(app.id, "u-1", bench.user_id()).await?.unwrap();
    tx.commit(act("user.appear")).await?;
    assert_eq!((made.name.as_str(), made.has_password), ("u-1", false));
    assert_eq!(bench.reader.app_user(app.id, "u-1").await?.unwrap().id, made.id);
    assert!(bench.reader.app_user(app.id, "U-1").await?.is_none());
    assert!(bench.reader.app_user(other.id, "u-1").await?.is_none());
    // Who comes second finds it made, and leaves no account behind.
    let mut tx = bench.begin().await?;
    let second = bench.user_id();
    assert!(tx.insert_app_user(app.id, "u-1", second).await?.is_none());
    drop(tx);
    assert!(bench.reader.user(Owner::All, second).await?.is_none());
    let mut tx = bench.begin().await?;
    let theirs = tx.insert_app_user(other.id, "u-1", bench.user_id()).await?.unwrap();
    tx.commit(act("user.appear")).await?;
    assert_ne!(theirs.id, made.id);
    // The account takes its name along.
    let mut tx = bench.begin().await?;
    tx.delete_user(&made).await?;
    tx.commit(act("user.delete")).await?;
    assert!(bench.reader.app_user(app.id, "u-1").await?.is_none());
    Ok(())
}

/// A grant whose first refresh token has this hash.
async fn granted(bench: &Bench, user: UserId, app: &ClientRecord, hash: u8) -> Outcome<GrantId> {
    let grant = new_grant(bench, user, app);
    let mut tx = bench.begin().await?;
    tx.insert_grant(&grant).await?;
    tx.insert_refresh(&[hash; 32], grant.id, 1, grant.expires_at).await?;
    tx.commit(act("grant.create")).await?;
    Ok(grant.id)
}

async fn has_ended(bench: &Bench, grant: GrantId) -> Outcome<bool> {
    Ok(bench.reader.grant(grant).await?.is_none_or(|grant| grant.ended_at.is_some()))
}

pub(crate) async fn an_app_keeps_its_oauth_members(bench: &Bench) -> Outcome<()> {
    let mut app = app(bench).await?;
    assert_eq!((&app.oauth, app.has_secret), (&OAuthMembers::default(), false));
    app.oauth = OAuthMembers {
        auth_method: Some(AuthMethod::Post),
        redirect_uris: vec!["https://app.example/cb".to_owned()],
        grants: Some(vec!["refresh_token".to_owned()]),
        scopes: Some(Vec::new()),
        legacy: true,
        access_token_s: 1,
        ..OAuthMembers::default()
    };
    let before = bench.reader.latest_event().await?;
    let mut tx = bench.begin().await?;
    tx.put_client(&app).await?;
    tx.set_client_secret(app.id, Some(&[7; 32])).await?;
    tx.commit(act("client.update")).await?;
    let read = bench.reader.client(Owner::All, app.id).await?.unwrap();
    assert_eq!((&read.oauth, read.has_secret), (&app.oauth, true));
    assert_eq!(bench.reader.client_secret(app.id).await?, Some([7; 32]));
    assert_eq!(bench.reader.events_after(before).await?.len(), 1);
    let mut tx = bench.begin().await?;
    tx.set_client_secret(app.id, None).await?;
    assert_kind(tx.set_client_secret(bench.client_id(), None).await, Kind::NotFound);
    drop(tx);
    assert_eq!(bench.reader.client_secret(bench.client_id()).await?, None);
    Ok(())
}

pub(crate) async fn t3_of_a_hundred_redemptions_one_wins(bench: &Bench) -> Outcome<()> {
    let (user, app) = (bench.user("ada@example.com").await?.id, app(bench).await?);
    let code = new_code(bench, user, &app, 1).await?;
    let mut tx = bench.begin().await?;
    tx.insert_code(code).await?;
    tx.commit(act("code.create")).await?;
    let tries = (0..100).map(|_| {
        let writer = Arc::clone(&bench.writer);
        tokio::spawn(async move {
            let mut tx = writer.begin(super::actor()).await?;
            let won = tx.use_code(&[1; 32]).await?;
            tx.commit(act("code.use")).await?;
            Outcome::Ok(won)
        })
    });
    let mut won = 0;
    for tried in tries.collect::<Vec<_>>() {
        won += u32::from(tried.await.unwrap()? == Used::Now);
    }
    assert_eq!(won, 1);
    assert!(bench.reader.code(&[1; 32]).await?.unwrap().used_at.is_some());
    Ok(())
}

pub(crate) async fn a_code_is_bound_to_what_it_was_made_for(bench: &Bench) -> Outcome<()> {
    let (user, app) = (bench.user("ada@example.com").await?.id, app(bench).await?);
    let code = new_code(bench, user, &app, 1).await?;
    let mut tx = bench.begin().await?;
    tx.insert_code(code.clone()).await?;
    assert_eq!(tx.use_code(&[2; 32]).await?, Used::Gone);
    tx.commit(act("code.create")).await?;
    let read = bench.reader.code(&[1; 32]).await?.unwrap();
    assert_eq!((read.grant, read.client, read.user), (code.grant, app.id, user));
    assert_eq!((read.redirect_uri, read.challenge), (code.redirect_uri, None));
    assert_eq!((read.scope, read.resource, read.nonce), (code.scope, code.resource, code.nonce));
    assert_eq!((read.expires_at, read.used_at), (code.expires_at, None));
    assert!(bench.reader.code(&[2; 32]).await?.is_none());
    Ok(())
}

pub(crate) async fn t29_codes_that_wait_end_with_what_they_were_given_in(
    bench: &Bench,
) -> Outcome<()> {
    let (user, app) = (bench.user("ada@example.com").await?.id, app(bench).await?);
    let mut codes = Vec::new();
    for hash in 1..=4 {
        let code = new_code(bench, user, &app, hash).await?;
        let mut tx = bench.begin().await?;
        tx.insert_code(code.clone()).await?;
        tx.commit(act("code.create")).await?;
        codes.push(code);
    }
    let mut tx = bench.begin().await?;
    assert_eq!(tx.use_code(&[1; 32]).await?, Used::Now);
    tx.commit(act("code.use")).await?;
    let mut tx = bench.begin().await?;
    tx.end_session(Owner::User(user), codes[0].session).await?;
    tx.end_session(Owner::User(user), codes[1].session).await?;
    assert_eq!(tx.use_code(&[1; 32]).await?, Used::Before, "a replay is still found");
    assert_eq!(tx.use_code(&[2; 32]).await?, Used::Gone);
    tx.commit(act("session.end")).await?;

    // One is being used while all sessions end: its grant ends with them.
    let mut using = bench.begin().await?;
    assert_eq!(using.use_code(&[3; 32]).await?, Used::Now);
    let writer = Arc::clone(&bench.writer);
    let ending = tokio::spawn(async move {
        let mut tx = writer.begin(super::actor()).await?;
        tx.end_sessions_of(user, None).await?;
        tx.commit(act("user.change_password")).await?;
        Outcome::Ok(())
    });
    let grant = NewGrant { id: codes[2].grant, ..new_grant(bench, user, &app) };
    using.insert_grant(&grant).await?;
    using.commit(act("grant.create")).await?;
    ending.await.unwrap()?;
    assert!(has_ended(bench, grant.id).await?);
    assert!(bench.reader.code(&[4; 32]).await?.is_none());
    Ok(())
}

pub(crate) async fn t20_of_fifty_refreshes_one_wins(bench: &Bench) -> Outcome<()> {
    let (user, app) = (bench.user("ada@example.com").await?.id, app(bench).await?);
    let grant = granted(bench, user, &app, 1).await?;
    let tries = (0..50).map(|_| {
        let writer = Arc::clone(&bench.writer);
        tokio::spawn(async move {
            let mut tx = writer.begin(super::actor()).await?;
            let (token, family) = tx.refresh_token(&[1; 32]).await?.unwrap();
            let won = tx.use_refresh(&[1; 32]).await?;
            if won {
                tx.insert_refresh(&[2; 32], family.id, 2, token.expires_at).await?;
            }
            // Whoever comes second finds the successor that the first one made.
            assert!(tx.refresh_of_generation(family.id, 2).await?.is_some());
            tx.commit(act("grant.refresh")).await?;
            Outcome::Ok(won)
        })
    });
    let mut won = 0;
    for tried in tries.collect::<Vec<_>>() {
        won += u32::from(tried.await.unwrap()?);
    }
    assert_eq!(won, 1);
    let (first, family) = bench.reader.refresh_token(&[1; 32]).await?.unwrap();
    assert!(first.used_at.is_some() && first.generation == 1);
    assert_eq!(family.id, grant);
    let (second, _) = bench.reader.refresh_token(&[2; 32]).await?.unwrap();
    assert_eq!((second.generation, second.used_at), (2, None));
    Ok(())
}

pub(crate) async fn a_family_ends_whole_and_is_announced(bench: &Bench) -> Outcome<()> {
    let (user, app) = (bench.user("ada@example.com").await?.id, app(bench).await?);
    let grant = granted(bench, user, &app, 1).await?;
    let other = granted(bench, user, &app, 2).await?;
    let before = bench.reader.latest_event().await?;
    let mut tx = bench.begin().await?;
    assert!(tx.end_grant(grant).await?);
    assert!(!tx.end_grant(grant).await?);
    tx.commit(act("grant.revoke")).await?;
    let mut tx = bench.begin().await?;
    assert!(!tx.end_grant(grant).await?, "nor is it told twice");
    tx.commit(act("grant.revoke")).await?;
    let told = bench.reader.events_after(before).await?;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].kind, &told[0].id), (EventKind::Grant, &grant.to_string()));
    assert!(has_ended(bench, grant).await? && !has_ended(bench, other).await?);
    let standing = bench.reader.grant_standing(other, bench.token_id()).await?.unwrap();
    assert_eq!((standing.grant.id, standing.user.id, standing.client.id), (other, user, app.id));
    assert!(!standing.revoked);
    Ok(())
}

pub(crate) async fn t24_grants_end_with_what_they_rest_on(bench: &Bench) -> Outcome<()> {
    let (user, app) = (bench.user("ada@example.com").await?.id, app(bench).await?);
    let session = bench.session(user, 1).await?;
    let (bound, free) = (
        NewGrant { session: Some(session), ..new_grant(bench, user, &app) },
        granted(bench, user, &app, 2).await?,
    );
    let mut tx = bench.begin().await?;
    tx.insert_grant(&bound).await?;
    tx.commit(act("grant.create")).await?;

    // Who signs out ends what belongs to the session.
    let other = bench.session(user, 2).await?;
    let mut tx = bench.begin().await?;
    tx.end_session(Owner::User(user), other).await?;
    tx.commit(act("session.end")).await?;
    assert!(!has_ended(bench, bound.id).await?);
    let mut tx = bench.begin().await?;
    tx.end_session(Owner::User(user), session).await?;
    tx.commit(act("session.end")).await?;
    assert!(has_ended(bench, bound.id).await? && !has_ended(bench, free).await?);

    // A new password ends all of them.
    let mut tx = bench.begin().await?;
    tx.end_sessions_of(user, None).await?;
    tx.commit(act("password.change")).await?;
    assert!(has_ended(bench, free).await?);

    // An app that is gone takes its grants along.
    let last = granted(bench, user, &app, 3).await?;
    let mut tx = bench.begin().await?;
    tx.delete_client(app.id).await?;
    tx.commit(act("client.delete")).await?;
    assert!(bench.reader.grant(last).await?.is_none());
    assert!(bench.reader.refresh_token(&[3; 32]).await?.is_none());
    Ok(())
}

pub(crate) async fn consents_are_kept_until_they_are_withdrawn(bench: &Bench) -> Outcome<()> {
    let (user, app) = (bench.user("ada@example.com").await?.id, app(bench).await?);
    let (here, there) = ("https://id.example/v1", "https://todo.example");
    assert_eq!(bench.reader.consent(user, app.id, here).await?, None);
    let code = new_code(bench, user, &app, 1).await?;
    let mut tx = bench.begin().await?;
    tx.put_consent(user, app.id, here, "models").await?;
    tx.put_consent(user, app.id, here, "models openid").await?;
    tx.insert_code(code).await?;
    tx.commit(act("consent.give")).await?;
    let given = bench.reader.consent(user, app.id, here).await?;
    assert_eq!(given.as_deref(), Some("models openid"));
    assert_eq!(bench.reader.consent(user, app.id, there).await?, None);
    let listed = bench.reader.consents(user).await?;
    assert_eq!((listed.len(), listed[0].client, &*listed[0].name), (1, app.id, "App"));
    assert_eq!((&*listed[0].resource, &*listed[0].scope), (here, "models openid"));
    let grant = granted(bench, user, &app, 2).await?;
    let mut tx = bench.begin().await?;
    assert!(tx.withdraw_consent(user, app.id).await?);
    assert!(!tx.withdraw_consent(user, app.id).await?);
    tx.commit(act("consent.withdraw")).await?;
    assert!(bench.reader.code(&[1; 32]).await?.is_none(), "a code that waits is worth nothing");
    assert!(has_ended(bench, grant).await?);
    assert_eq!(bench.reader.consent(user, app.id, here).await?, None);
    Ok(())
}

pub(crate) async fn t29_a_consent_is_taken_back_for_good(bench: &Bench) -> Outcome<()> {
    let (user, app) = (bench.user("ada@example.com").await?.id, app(bench).await?);
    let here = "https://id.example/v1";
    let mut tx = bench.begin().await?;
    assert_eq!(tx.consent(user, app.id, here).await?, None);
    tx.put_consent(user, app.id, here, "models").await?;
    tx.commit(act("consent.give")).await?;

    // It is taken back while a code is given by it.
    let code = new_code(bench, user, &app, 1).await?;
    let mut giving = bench.begin().await?;
    assert_eq!(giving.consent(user, app.id, here).await?.as_deref(), Some("models"));
    let (writer, client) = (Arc::clone(&bench.writer), app.id);
    let withdrawing = tokio::spawn(async move {
        let mut tx = writer.begin(super::actor()).await?;
        tx.withdraw_consent(user, client).await?;
        tx.commit(act("consent.withdraw")).await?;
        Outcome::Ok(())
    });
    giving.insert_code(code).await?;
    giving.put_consent(user, app.id, here, "models openid").await?;
    giving.commit(act("consent.give")).await?;
    withdrawing.await.unwrap()?;
    assert!(bench.reader.code(&[1; 32]).await?.is_none());
    assert_eq!(bench.reader.consent(user, app.id, here).await?, None);

    // A new password takes all of them back.
    let mut tx = bench.begin().await?;
    tx.put_consent(user, app.id, here, "models").await?;
    tx.end_sessions_of(user, None).await?;
    tx.commit(act("user.change_password")).await?;
    assert_eq!(bench.reader.consent(user, app.id, here).await?, None);
    Ok(())
}

pub(crate) async fn resources_have_addresses(bench: &Bench) -> Outcome<()> {
    let mut resource = ResourceRecord::new("https://todo.example".to_owned());
    resource.aliases = vec!["https://todo.example/mcp".to_owned()];
    let mut tx = bench.begin().await?;
    tx.put_resource(&resource).await?;
    tx.commit(act("resource.create")).await?;
    let mut read = bench.reader.resource(&resource.uri).await?.unwrap();
    assert_eq!((&read.aliases, read.version), (&resource.aliases, 1));
    read.scopes = vec!["todo.read".to_owned()];
    let mut tx = bench.begin().await?;
    tx.put_resource(&read).await?;
    tx.commit(act("resource.update")).await?;
    let mut tx = bench.begin().await?;
    assert_kind(tx.put_resource(&read).await, Kind::Conflict);
    drop(tx);
    let page = bench.reader.resources(&PageRequest::first(5)).await?;
    assert_eq!(page.items.len(), 1);
    assert_eq!(page.items[0].scopes, read.scopes);
    let mut tx = bench.begin().await?;
    tx.delete_resource(&resource.uri).await?;
    tx.commit(act("resource.delete")).await?;
    assert!(bench.reader.resource(&resource.uri).await?.is_none());
    Ok(())
}

pub(crate) async fn a_revoked_token_is_known_until_its_end(bench: &Bench) -> Outcome<()> {
    let (user, app) = (bench.user("ada@example.com").await?.id, app(bench).await?);
    let grant = granted(bench, user, &app, 1).await?;
    let (token, other) = (bench.token_id(), bench.token_id());
    let ends = bench.clock.now().plus(Duration::from_secs(300));
    for is_new in [true, false] {
        let mut tx = bench.begin().await?;
        assert_eq!(tx.revoke_token(token, ends).await?, is_new);
        tx.commit(act("token.revoke")).await?;
    }
    assert!(bench.reader.is_revoked(token).await? && !bench.reader.is_revoked(other).await?);
    assert!(bench.reader.grant_standing(grant, token).await?.unwrap().revoked);
    let swept = bench.writer.sweep(ends).await?;
    assert_eq!(swept, Swept { revoked_tokens: 1, ..Swept::default() });
    assert!(!bench.reader.is_revoked(token).await?);
    Ok(())
}

pub(crate) async fn a_sweep_removes_what_is_over(bench: &Bench) -> Outcome<()> {
    let (user, app) = (bench.user("ada@example.com").await?.id, app(bench).await?);
    let code = new_code(bench, user, &app, 1).await?;
    let lasting = NewGrant {
        expires_at: bench.clock.now().plus(Duration::from_secs(365 * 86_400)),
        ..new_grant(bench, user, &app)
    };
    let mut tx = bench.begin().await?;
    tx.insert_code(code).await?;
    tx.insert_grant(&lasting).await?;
    tx.insert_refresh(&[8; 32], lasting.id, 1, lasting.expires_at).await?;
    tx.insert_refresh(&[9; 32], lasting.id, 2, lasting.expires_at).await?;
    tx.use_refresh(&[8; 32]).await?;
    tx.commit(act("grant.create")).await?;
    granted(bench, user, &app, 2).await?;
    let ended = granted(bench, user, &app, 3).await?;
    let mut tx = bench.begin().await?;
    tx.end_grant(ended).await?;
    tx.commit(act("grant.revoke")).await?;

    let swept = |days: u64| {
        let then: Timestamp = bench.clock.now().plus(Duration::from_secs(days * 86_400 + 7_200));
        bench.writer.sweep(then)
    };
    let first = swept(1).await?;
    assert_eq!((first.codes, first.grants, first.refresh_tokens), (1, 2, 0));
    assert!(bench.reader.refresh_token(&[8; 32]).await?.is_some(), "its use is remembered");
    assert_eq!(swept(30).await?.refresh_tokens, 1);
    assert!(bench.reader.refresh_token(&[9; 32]).await?.is_some());
    Ok(())
}
