use std::time::Duration;

use tollgate_kernel::{Clock as _, Kind};
use tollgate_store::{EventKind, Owner, PageRequest};

use super::{Bench, Outcome, act, assert_kind};

pub(crate) async fn a_session_is_found_by_the_hash_of_its_cookie(bench: &Bench) -> Outcome<()> {
    let user = bench.user("ada@example.com").await?;
    let id = bench.session(user.id, 1).await?;
    let (session, whose) = bench.reader.session_by_hash(&[1; 32]).await?.unwrap();
    assert_eq!((session.id, session.user, &whose), (id, user.id, &user));
    assert_eq!(session.network.as_deref(), Some("192.0.2.1"));
    assert_eq!(session.expires_at, session.created_at.plus(Duration::from_secs(3_600)));
    assert!(bench.reader.session_by_hash(&[2; 32]).await?.is_none());
    let (again, whose) = bench.reader.session_with_user(id).await?.unwrap();
    assert_eq!((again, whose), (session, user));
    Ok(())
}

pub(crate) async fn ended_sessions_are_gone_and_announced(bench: &Bench) -> Outcome<()> {
    let ada = bench.user("ada@example.com").await?.id;
    let bob = bench.user("bob@example.com").await?.id;
    let mut sessions = Vec::new();
    for seed in 1..=4 {
        sessions.push(bench.session(ada, seed).await?);
    }
    bench.session(bob, 9).await?;
    let before = bench.reader.latest_event().await?;
    let mut tx = bench.begin().await?;
    tx.end_session(Owner::User(ada), sessions[0]).await?;
    assert_eq!(tx.end_sessions_of(ada, Some(sessions[3])).await?, 2);
    tx.commit(act("session.end")).await?;
    for seed in 1..=3 {
        assert!(bench.reader.session_by_hash(&[seed; 32]).await?.is_none());
    }
    assert!(bench.reader.session_by_hash(&[4; 32]).await?.is_some());
    assert!(bench.reader.session_by_hash(&[9; 32]).await?.is_some());
    let told = bench.reader.events_after(before).await?;
    let mut ids: Vec<_> = told.iter().map(|event| (event.kind, event.id.clone())).collect();
    ids.sort_by(|a, b| a.1.cmp(&b.1));
    let expected: Vec<_> =
        sessions[..3].iter().map(|id| (EventKind::Session, id.to_string())).collect();
    assert_eq!(ids, expected);
    let mut tx = bench.begin().await?;
    assert_eq!(tx.end_sessions_of(ada, None).await?, 1);
    Ok(())
}

pub(crate) async fn t87_foreign_sessions_do_not_exist(bench: &Bench) -> Outcome<()> {
    let ada = bench.user("ada@example.com").await?.id;
    let bob = bench.user("bob@example.com").await?.id;
    let id = bench.session(ada, 1).await?;
    let now = bench.clock.now();
    let page = PageRequest::first(9);
    assert!(bench.reader.session(Owner::User(ada), id).await?.is_some());
    assert!(bench.reader.session(Owner::User(bob), id).await?.is_none());
    assert_eq!(bench.reader.sessions(Owner::User(bob), now, &page).await?.items, []);
    assert_eq!(bench.reader.sessions(Owner::User(ada), now, &page).await?.items.len(), 1);
    let mut tx = bench.begin().await?;
    assert_kind(tx.end_session(Owner::User(bob), id).await, Kind::NotFound);
    drop(tx);
    assert!(bench.reader.session(Owner::User(ada), id).await?.is_some());
    Ok(())
}

pub(crate) async fn expired_sessions_are_not_listed(bench: &Bench) -> Outcome<()> {
    let ada = bench.user("ada@example.com").await?.id;
    bench.session(ada, 1).await?;
    let page = PageRequest::first(9);
    let list = async || {
        let page = bench.reader.sessions(Owner::All, bench.clock.now(), &page).await?;
        Outcome::Ok(page.items.len())
    };
    assert_eq!(list().await?, 1);
    bench.clock.advance(Duration::from_secs(3_601));
    assert_eq!(list().await?, 0);
    Ok(())
}
