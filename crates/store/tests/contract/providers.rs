use std::sync::Arc;
use std::time::Duration;

use tollgate_kernel::{Clock, IdentityId, Kind, ProviderKind, UserId};
use tollgate_store::{
    AccountState, NewIdentity, NewSignIn, Owner, PageRequest, ProviderRecord, SignInPurpose, Tx,
};

use super::{Bench, Outcome, act, assert_kind, slug};

fn provider(id: &str) -> ProviderRecord {
    ProviderRecord::new(slug(id), ProviderKind::Github, "us".to_owned())
}

async fn put(bench: &Bench, record: &ProviderRecord) -> Outcome<()> {
    let mut tx = bench.begin().await?;
    tx.put_provider(record).await?;
    tx.commit(act("provider.put")).await
}

fn identity(bench: &Bench, subject: &str, user: UserId) -> NewIdentity {
    NewIdentity {
        id: IdentityId::from_uuid(bench.user_id().uuid()),
        issuer: "https://there".to_owned(),
        subject: subject.to_owned(),
        user,
        provider: slug("there"),
        email: None,
        email_verified: false,
    }
}

async fn link(bench: &Bench, subject: &str, user: UserId) -> Outcome<IdentityId> {
    let new = identity(bench, subject, user);
    let id = new.id;
    let mut tx = bench.begin().await?;
    tx.insert_identity(new).await?;
    tx.commit(act("identity.link")).await?;
    Ok(id)
}

async fn begin_sign_in(bench: &Bench, seed: u8, user: Option<UserId>) -> Outcome<()> {
    let purpose = if user.is_some() { SignInPurpose::Link } else { SignInPurpose::SignIn };
    let expires_at = bench.clock.now().plus(Duration::from_secs(600));
    bench
        .writer
        .insert_sign_in(&NewSignIn {
            state: [seed; 32],
            browser: [7; 32],
            provider: slug("there"),
            provider_version: 1,
            purpose,
            user,
            secrets_sealed: vec![1, 2, 3],
            next: "/account".to_owned(),
            expires_at,
        })
        .await
}

pub(crate) async fn a_provider_is_read_as_it_was_written(bench: &Bench) -> Outcome<()> {
    let mut record = provider("there");
    put(bench, &record).await?;
    let stored = bench.reader.provider(&record.id).await?.unwrap();
    assert_eq!((stored.title(), stored.enabled, stored.version), ("GitHub", true, 1));
    assert_eq!((stored.scopes, stored.secret_in_form), (None, None));

    record = bench.reader.provider(&record.id).await?.unwrap();
    record.kind = ProviderKind::Oidc;
    record.name = Some("The company".to_owned());
    record.issuer = Some("https://id.example.com".to_owned());
    record.client_secret_sealed = Some(vec![9; 40]);
    record.secret_in_form = Some(false);
    record.endpoints.insert("token".to_owned(), "https://id.example.com/t".to_owned());
    record.fields.insert("subject".to_owned(), "uid".to_owned());
    record.scopes = Some(vec!["openid".to_owned()]);
    record.enabled = false;
    record.declared = true;
    put(bench, &record).await?;
    let stored = bench.reader.provider(&record.id).await?.unwrap();
    assert_eq!((stored.kind, stored.title(), stored.version), (record.kind, "The company", 2));
    assert_eq!((&stored.issuer, stored.enabled, stored.declared), (&record.issuer, false, true));
    assert_eq!(stored.client_secret_sealed, record.client_secret_sealed);
    assert_eq!(
        (stored.endpoints, stored.fields),
        (record.endpoints.clone(), record.fields.clone())
    );
    assert_eq!((stored.scopes, stored.secret_in_form), (record.scopes.clone(), Some(false)));
    let mut tx = bench.begin().await?;
    assert_kind(tx.put_provider(&record).await, Kind::Conflict);
    drop(tx);
    put(bench, &provider("also")).await?;
    let all = bench.reader.providers().await?;
    assert_eq!(all.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["also", "there"]);
    Ok(())
}

pub(crate) async fn t44_an_identity_is_its_issuer_and_subject(bench: &Bench) -> Outcome<()> {
    put(bench, &provider("there")).await?;
    let ada = bench.user("ada@example.com").await?.id;
    let ben = bench.user("ben@example.com").await?.id;
    let id = link(bench, "1", ada).await?;
    let (found, user) = bench.reader.identity("https://there", "1").await?.unwrap();
    assert_eq!((found.id, found.user, user.id), (id, ada, ada));
    assert!(bench.reader.identity("https://there", "2").await?.is_none());
    assert!(bench.reader.identity("https://elsewhere", "1").await?.is_none());
    let mut tx = bench.begin().await?;
    let again = identity(bench, "1", ben);
    assert_kind(tx.insert_identity(again).await, Kind::Conflict);
    drop(tx);
    let mut tx = bench.begin().await?;
    tx.use_identity(id, &slug("there"), (Some("ada@there"), true)).await?;
    tx.commit(act("identity.use")).await?;
    let page = bench.reader.identities(Owner::User(ada), &PageRequest::first(9)).await?;
    assert_eq!(page.items[0].email.as_deref(), Some("ada@there"));
    assert!(page.items[0].email_verified);
    let request = PageRequest::first(9);
    assert!(bench.reader.identities(Owner::User(ben), &request).await?.items.is_empty());
    assert_eq!(bench.reader.identities(Owner::All, &request).await?.items.len(), 1);
    assert!(bench.reader.identity_by_id(Owner::User(ben), id).await?.is_none());
    assert!(bench.reader.identity_by_id(Owner::User(ada), id).await?.is_some());
    Ok(())
}

pub(crate) async fn what_a_way_in_rests_on_is_kept_while_it_is_made(bench: &Bench) -> Outcome<()> {
    put(bench, &provider("there")).await?;
    let mut ada = bench.user("ada@example.com").await?;
    let ben = bench.user("ben@example.com").await?.id;
    let session = bench.session(ada.id, 7).await?;
    let mine = link(bench, "1", ada.id).await?;
    link(bench, "2", ben).await?;
    let mut tx = bench.begin().await?;
    assert!(tx.keep_active(ada.id).await? && tx.keep_session(ada.id, session).await?);
    assert!(!tx.keep_session(ben, session).await?, "it is somebody else's");
    tx.end_session(Owner::User(ada.id), session).await?;
    assert!(!tx.keep_session(ada.id, session).await?);
    ada.state = AccountState::Disabled;
    tx.update_user(&ada).await?;
    assert!(!tx.keep_active(ada.id).await?);
    tx.delete_identities_of(ada.id).await?;
    tx.commit(act("user.update")).await?;
    assert!(bench.reader.identity_by_id(Owner::All, mine).await?.is_none());
    assert_eq!(bench.reader.identities(Owner::All, &PageRequest::first(9)).await?.items.len(), 1);
    Ok(())
}

pub(crate) async fn an_address_is_vouched_for_by_a_provider_that_told_that_very_one(
    bench: &Bench,
) -> Outcome<()> {
    put(bench, &provider("there")).await?;
    let mut ada = bench.user("Ada@example.com").await?;
    let id = link(bench, "1", ada.id).await?;
    assert!(!bench.reader.is_email_vouched(&ada).await?, "nobody told it");
    let cases = [("ada@EXAMPLE.com", false, false), ("b@example.com", true, false)];
    for (told, verified, vouched) in cases.into_iter().chain([("ada@EXAMPLE.com", true, true)]) {
        let mut tx = bench.begin().await?;
        tx.use_identity(id, &slug("there"), (Some(told), verified)).await?;
        tx.commit(act("identity.use")).await?;
        assert_eq!(bench.reader.is_email_vouched(&ada).await?, vouched, "{told} {verified}");
    }
    // Another address, which somebody typed.
    ada.email = "other@example.com".to_owned();
    assert!(!bench.reader.is_email_vouched(&ada).await?);
    Ok(())
}

pub(crate) async fn the_last_way_in_stays(bench: &Bench) -> Outcome<()> {
    let mut there = provider("there");
    put(bench, &there).await?;
    let ada = bench.user("ada@example.com").await?.id;
    let ben = bench.user("ben@example.com").await?.id;
    let (first, second) = (link(bench, "1", ada).await?, link(bench, "2", ada).await?);
    let unlink = async |owner, id| {
        let mut tx = bench.begin().await?;
        tx.delete_identity(owner, id).await?;
        tx.commit(act("identity.unlink")).await
    };
    assert_kind(unlink(Owner::User(ben), first).await, Kind::NotFound);
    unlink(Owner::User(ada), first).await?;
    assert_kind(unlink(Owner::User(ada), second).await, Kind::Conflict);
    assert!(bench.reader.identity_by_id(Owner::All, second).await?.is_some());
    // One of a provider that is off lets nobody in.
    let third = link(bench, "3", ada).await?;
    there.version = 1;
    there.enabled = false;
    put(bench, &there).await?;
    assert_kind(unlink(Owner::All, third).await, Kind::Conflict);
    let mut tx = bench.begin().await?;
    tx.set_password(ada, Some(&tollgate_kernel::Secret::new("phc".to_owned()))).await?;
    tx.commit(act("user.password")).await?;
    unlink(Owner::User(ada), second).await?;
    unlink(Owner::User(ada), third).await?;
    Ok(())
}

pub(crate) async fn of_two_last_ways_in_one_stays(bench: &Bench) -> Outcome<()> {
    put(bench, &provider("there")).await?;
    let ada = bench.user("ada@example.com").await?.id;
    let both = [link(bench, "1", ada).await?, link(bench, "2", ada).await?];
    let unlink = |id: IdentityId| {
        let writer = Arc::clone(&bench.writer);
        tokio::spawn(async move {
            let mut tx: Tx = writer.begin(super::actor()).await?;
            tx.delete_identity(Owner::All, id).await?;
            tx.commit(act("identity.unlink")).await
        })
    };
    let ends = both.map(unlink);
    let mut gone = 0;
    for end in ends {
        gone += usize::from(end.await.unwrap().is_ok());
    }
    assert_eq!(gone, 1);
    let left = bench.reader.identities(Owner::User(ada), &PageRequest::first(9)).await?;
    assert_eq!(left.items.len(), 1);
    Ok(())
}

pub(crate) async fn t92_an_identity_goes_with_its_account(bench: &Bench) -> Outcome<()> {
    put(bench, &provider("there")).await?;
    let ada = bench.user("ada@example.com").await?;
    link(bench, "1", ada.id).await?;
    begin_sign_in(bench, 1, Some(ada.id)).await?;
    let mut tx = bench.begin().await?;
    tx.delete_user(&ada).await?;
    tx.commit(act("user.delete")).await?;
    assert!(bench.reader.identity("https://there", "1").await?.is_none());
    assert!(bench.writer.take_sign_in(&[1; 32]).await?.is_none());
    Ok(())
}

pub(crate) async fn t46_of_a_hundred_that_take_a_sign_in_one_gets_it(bench: &Bench) -> Outcome<()> {
    put(bench, &provider("there")).await?;
    begin_sign_in(bench, 1, None).await?;
    assert!(bench.writer.take_sign_in(&[2; 32]).await?.is_none());
    let takes = (0..100).map(|_| {
        let writer = Arc::clone(&bench.writer);
        tokio::spawn(async move {
            loop {
                match writer.take_sign_in(&[1; 32]).await {
                    Err(error) if error.kind() == Kind::Unavailable => {}
                    taken => return taken.map(|found| found.is_some()),
                }
            }
        })
    });
    let mut won = 0;
    for take in takes.collect::<Vec<_>>() {
        won += usize::from(take.await.unwrap()?);
    }
    assert_eq!(won, 1);
    begin_sign_in(bench, 3, None).await?;
    let found = bench.writer.take_sign_in(&[3; 32]).await?.unwrap();
    assert_eq!(
        (found.browser, found.provider, found.provider_version),
        ([7; 32], slug("there"), 1)
    );
    assert_eq!((found.purpose, found.user), (SignInPurpose::SignIn, None));
    assert_eq!((found.secrets_sealed, found.next.as_str()), (vec![1, 2, 3], "/account"));
    Ok(())
}

pub(crate) async fn t45_sign_ins_end_with_a_change_of_their_provider(bench: &Bench) -> Outcome<()> {
    let mut there = provider("there");
    put(bench, &there).await?;
    begin_sign_in(bench, 1, None).await?;
    there.version = 1;
    there.enabled = false;
    put(bench, &there).await?;
    assert!(bench.writer.take_sign_in(&[1; 32]).await?.is_none());
    let mut tx = bench.begin().await?;
    assert!(!tx.is_provider_on(&there.id, 2).await?);
    drop(tx);
    there.version = 2;
    there.enabled = true;
    put(bench, &there).await?;
    let mut tx = bench.begin().await?;
    assert!(tx.is_provider_on(&there.id, 3).await?);
    assert!(!tx.is_provider_on(&there.id, 2).await?);
    drop(tx);
    begin_sign_in(bench, 2, None).await?;
    let ada = bench.user("ada@example.com").await?.id;
    link(bench, "1", ada).await?;
    let mut tx = bench.begin().await?;
    tx.delete_provider(&there.id).await?;
    tx.commit(act("provider.delete")).await?;
    assert!(bench.writer.take_sign_in(&[2; 32]).await?.is_none());
    assert!(bench.reader.identity("https://there", "1").await?.is_some(), "people stay people");
    Ok(())
}

pub(crate) async fn sign_ins_that_are_over_are_swept(bench: &Bench) -> Outcome<()> {
    put(bench, &provider("there")).await?;
    begin_sign_in(bench, 1, None).await?;
    assert_eq!(bench.writer.sweep(bench.clock.now()).await?.sign_ins, 0);
    bench.clock.advance(Duration::from_secs(600));
    begin_sign_in(bench, 2, None).await?;
    assert_eq!(bench.writer.sweep(bench.clock.now()).await?.sign_ins, 1);
    assert!(bench.writer.take_sign_in(&[1; 32]).await?.is_none());
    assert!(bench.writer.take_sign_in(&[2; 32]).await?.is_some());
    Ok(())
}
