use std::sync::Arc;

use tollgate_kernel::{Ceilings, Error, Kind, Profile, Role, Secret, Template};
use tollgate_store::{AccountState, EventKind, KeyHolder, Owner, PageRequest, UserFilter};

use super::{Bench, Outcome, act, actor, assert_kind, slug};
use crate::contract::catalogue::put_plan;

pub(crate) async fn an_account_is_read_as_it_was_written(bench: &Bench) -> Outcome<()> {
    put_plan(bench, "standard").await?;
    let mut new = bench.new_user("Ada@Example.com");
    new.locale = Some("en".to_owned());
    new.role = Role::Admin;
    new.plan = Some(slug("standard"));
    new.external_id = Some("crm-7".to_owned());
    let mut tx = bench.begin().await?;
    let mut user = tx.insert_user(new).await?;
    tx.commit(act("user.create")).await?;
    assert_eq!(bench.reader.user(Owner::All, user.id).await?, Some(user.clone()));
    assert_eq!(bench.reader.user_by_external_id("crm-7").await?, Some(user.clone()));

    user.name = "Ada L.".to_owned();
    user.role = Role::Owner;
    user.plan = None;
    user.state = AccountState::Disabled;
    user.external_id = None;
    user.email = "ada@example.org".to_owned();
    user.locale = Some("de".to_owned());
    let ceilings = Ceilings { temperature: Some(0.7), ..Ceilings::default() };
    let instructions = Some(Template::parse("Help {{name}}.")?);
    let profile = Profile { instructions, ceilings, ..Profile::default() };
    user.profile = Some(Box::new(profile));
    let mut tx = bench.begin().await?;
    tx.update_user(&user).await?;
    user.updated_at = tx.now();
    tx.commit(act("user.update")).await?;
    user.version = 2;
    assert_eq!(bench.reader.user(Owner::All, user.id).await?, Some(user));
    Ok(())
}

pub(crate) async fn addresses_differ_not_by_case(bench: &Bench) -> Outcome<()> {
    let user = bench.user(" Ada@Example.com ").await?;
    assert_eq!(user.email, "Ada@Example.com");
    for spelling in ["ada@example.com", "ADA@EXAMPLE.COM", " Ada@Example.com"] {
        let found = bench.reader.user_by_email(spelling).await?;
        assert_eq!(found.map(|user| user.id), Some(user.id), "{spelling}");
    }
    assert_eq!(bench.reader.user_by_email("ada@example.co").await?, None);
    Ok(())
}

pub(crate) async fn a_taken_address_is_a_conflict(bench: &Bench) -> Outcome<()> {
    bench.user("ada@example.com").await?;
    let mut tx = bench.begin().await?;
    assert_kind(tx.insert_user(bench.new_user("ADA@example.com")).await, Kind::Conflict);
    Ok(())
}

pub(crate) async fn an_old_version_is_a_conflict(bench: &Bench) -> Outcome<()> {
    let mut user = bench.user("ada@example.com").await?;
    for expected in [None, Some(Kind::Conflict)] {
        user.name.push('!');
        let mut tx = bench.begin().await?;
        let answer = tx.update_user(&user).await;
        match expected {
            None => tx.commit(act("user.update")).await?,
            Some(kind) => assert_kind(answer, kind),
        }
    }
    let stored = bench.reader.user(Owner::All, user.id).await?.unwrap();
    assert_eq!((&*stored.name, stored.version), ("Somebody!", 2));
    let mut tx = bench.begin().await?;
    assert_kind(tx.delete_user(&user).await, Kind::Conflict);
    Ok(())
}

pub(crate) async fn only_sign_in_sees_the_password(bench: &Bench) -> Outcome<()> {
    let user = bench.user("ada@example.com").await?;
    assert!(!user.has_password);
    let (_, none) = bench.reader.sign_in("Ada@example.com").await?.unwrap();
    assert!(none.is_none());
    let phc = Secret::new("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA".to_owned());
    let mut tx = bench.begin().await?;
    tx.set_password(user.id, Some(&phc)).await?;
    tx.commit(act("user.password")).await?;
    let (found, stored) = bench.reader.sign_in("Ada@example.com").await?.unwrap();
    assert!(found.has_password);
    assert_eq!(found.id, user.id);
    assert_eq!(stored.unwrap().expose(), phc.expose());
    let last = bench.reader.events_after(0).await?.pop().unwrap();
    assert_eq!((last.kind, last.id), (EventKind::User, user.id.to_string()));
    assert!(bench.reader.sign_in("nobody@example.com").await?.is_none());
    let mut tx = bench.begin().await?;
    assert_kind(tx.set_password(bench.user_id(), None).await, Kind::NotFound);
    Ok(())
}

pub(crate) async fn users_are_listed_in_pages_and_filtered(bench: &Bench) -> Outcome<()> {
    let mut ids = Vec::new();
    for name in ["zoe", "ada", "adam", "bob", "eve"] {
        ids.push(bench.user(&format!("{name}@example.com")).await?.id);
    }
    let mut seen = Vec::new();
    let mut request = PageRequest::first(2);
    loop {
        let page = bench.reader.users(&UserFilter::default(), &request).await?;
        assert!(page.items.len() <= 2);
        seen.extend(page.items.iter().map(|user| user.id));
        request.after = page.next;
        if request.after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ids);

    let filter = UserFilter { email_prefix: Some("ADA".to_owned()), ..UserFilter::default() };
    let found = bench.reader.users(&filter, &PageRequest::first(2)).await?;
    assert_eq!(found.items.iter().map(|user| user.id).collect::<Vec<_>>(), ids[1..3]);
    assert_eq!(found.next, None, "a full last page has no next");

    let mut bob = bench.reader.user(Owner::All, ids[3]).await?.unwrap();
    bob.state = AccountState::Disabled;
    let mut tx = bench.begin().await?;
    tx.update_user(&bob).await?;
    tx.commit(act("user.update")).await?;
    let filter = UserFilter {
        state: Some(AccountState::Disabled),
        role: Some(Role::Member),
        ..UserFilter::default()
    };
    let found = bench.reader.users(&filter, &PageRequest::first(9)).await?.items;
    assert_eq!(found.iter().map(|user| user.id).collect::<Vec<_>>(), [ids[3]]);
    let filter = UserFilter { role: Some(Role::Owner), ..UserFilter::default() };
    assert!(bench.reader.users(&filter, &PageRequest::first(9)).await?.items.is_empty());
    let filter = UserFilter { group: Some(slug("none")), ..UserFilter::default() };
    assert!(bench.reader.users(&filter, &PageRequest::first(9)).await?.items.is_empty());
    Ok(())
}

pub(crate) async fn t87_foreign_accounts_do_not_exist(bench: &Bench) -> Outcome<()> {
    let ada = bench.user("ada@example.com").await?.id;
    let bob = bench.user("bob@example.com").await?.id;
    assert!(bench.reader.user(Owner::User(ada), ada).await?.is_some());
    assert!(bench.reader.user(Owner::User(bob), ada).await?.is_none());
    let app = bench.client("app", Some(ada)).await?.id;
    assert!(bench.reader.client(Owner::User(ada), app).await?.is_some());
    assert!(bench.reader.client(Owner::User(bob), app).await?.is_none());
    let page = PageRequest::first(9);
    assert_eq!(bench.reader.clients(Owner::User(bob), &page).await?.items, []);
    assert_eq!(bench.reader.clients(Owner::User(ada), &page).await?.items.len(), 1);
    Ok(())
}

pub(crate) async fn of_two_first_owners_one_wins(bench: &Bench) -> Outcome<()> {
    assert!(!bench.reader.owner_exists().await?);
    let mut tx = bench.begin().await?;
    tx.claim_first_owner().await?;
    drop(tx);

    let attempts = (0..20).map(|number| {
        let writer = Arc::clone(&bench.writer);
        let mut new = bench.new_user(&format!("owner{number}@example.com"));
        new.role = Role::Owner;
        tokio::spawn(async move {
            let mut tx = writer.begin(actor()).await?;
            tx.claim_first_owner().await?;
            tx.insert_user(new).await?;
            tx.commit(act("setup")).await
        })
    });
    let mut won = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Ok(()) => won += 1,
            Err(error) => assert_eq!(error.kind(), Kind::Conflict, "{error:?}"),
        }
    }
    assert_eq!(won, 1);
    assert!(bench.reader.owner_exists().await?);
    let owners = UserFilter { role: Some(Role::Owner), ..UserFilter::default() };
    let owners = bench.reader.users(&owners, &PageRequest::first(10)).await?.items;
    let [owner] = &owners[..] else { panic!("{} owners", owners.len()) };

    let mut tx = bench.begin().await?;
    tx.require_owner_left(owner).await?;
    tx.delete_user(owner).await?;
    let none_left = tx.require_owner_left(owner).await.unwrap_err();
    assert_eq!(none_left.kind(), Kind::Conflict, "{none_left:?}");
    Ok(())
}

pub(crate) async fn a_deleted_account_takes_its_keys_and_sessions_along(
    bench: &Bench,
) -> Outcome<()> {
    let user = bench.user("ada@example.com").await?;
    let key = bench.key(KeyHolder::User(user.id), 1).await?;
    let session = bench.session(user.id, 2).await?;
    let before = bench.reader.latest_event().await?;
    let mut tx = bench.begin().await?;
    tx.delete_user(&user).await?;
    tx.commit(act("user.delete")).await?;
    assert!(bench.reader.user(Owner::All, user.id).await?.is_none());
    assert!(bench.reader.credential_by_hash(&[1; 32]).await?.is_none());
    assert!(bench.reader.session_by_hash(&[2; 32]).await?.is_none());
    let told = bench.reader.events_after(before).await?;
    let told: Vec<_> = told.into_iter().map(|event| (event.kind, event.id)).collect();
    assert_eq!(
        told,
        [
            (EventKind::Key, key.to_string()),
            (EventKind::Session, session.to_string()),
            (EventKind::User, user.id.to_string()),
        ]
    );
    Ok(())
}

pub(crate) async fn a_password_is_confirmed_while_it_is_the_one(bench: &Bench) -> Outcome<()> {
    let user = bench.user("ada@example.com").await?;
    let [old, anew, changed] = ["old", "anew", "changed"].map(|text| Secret::new(text.to_owned()));
    let mut tx = bench.begin().await?;
    assert!(!tx.confirm_password(user.id, &old, None).await?, "there is none yet");
    tx.set_password(user.id, Some(&old)).await?;
    assert!(tx.confirm_password(user.id, &old, None).await?);
    assert!(tx.confirm_password(user.id, &old, Some(&anew)).await?);
    assert!(!tx.confirm_password(user.id, &old, Some(&old)).await?, "it is another now");
    tx.commit(act("user.sign_in")).await?;
    let kept = bench.reader.sign_in("ada@example.com").await?.and_then(|(_, hash)| hash);
    assert_eq!(kept.as_ref().map(Secret::expose), Some("anew"));

    let mut tx = bench.begin().await?;
    tx.set_password(user.id, Some(&changed)).await?;
    tx.commit(act("user.change_password")).await?;
    let mut user = bench.reader.user(Owner::All, user.id).await?.ok_or_else(Error::not_found)?;
    user.state = AccountState::Disabled;
    let mut tx = bench.begin().await?;
    assert!(!tx.confirm_password(user.id, &anew, None).await?, "it was changed");
    tx.update_user(&user).await?;
    assert!(!tx.confirm_password(user.id, &changed, None).await?, "the account is disabled");
    Ok(())
}
