use std::time::Duration;

use tollgate_kernel::{Clock as _, Network, Timestamp};
use tollgate_store::{EventKind, KeyHolder, LinkPurpose, NewLink, Owner, Swept};

use super::{Bench, Outcome, act, secret};

fn network(text: &str) -> Network {
    Network::of(text.parse().unwrap())
}

pub(crate) async fn keys_know_when_they_were_last_used(bench: &Bench) -> Outcome<()> {
    let user = bench.user("ada@example.com").await?;
    let used = bench.key(KeyHolder::User(user.id), 1).await?;
    let unused = bench.key(KeyHolder::User(user.id), 2).await?;
    let at = Timestamp::from_secs;
    let records = bench.reader.latest_event().await?;
    bench
        .writer
        .touch_keys(&[
            (used, at(20), network("::ffff:10.0.0.1")),
            (used, at(30), network("2001:db8::1")),
            (used, at(10), network("10.0.0.3")),
            (bench.key_id(), at(10), network("10.0.0.4")),
        ])
        .await?;
    bench.writer.touch_keys(&[(used, at(25), network("10.0.0.5"))]).await?;
    bench.writer.touch_keys(&[]).await?;
    let key = bench.reader.key(Owner::All, used).await?.unwrap();
    assert_eq!(key.last_used_at, Some(at(30)));
    assert_eq!(key.last_used_from.as_deref(), Some("2001:db8::1"));
    assert_eq!(key.version, 1, "use is no change");
    assert_eq!(bench.reader.key(Owner::All, unused).await?.unwrap().last_used_at, None);
    assert_eq!(bench.reader.latest_event().await?, records);
    Ok(())
}

pub(crate) async fn sessions_know_when_they_were_seen(bench: &Bench) -> Outcome<()> {
    let user = bench.user("ada@example.com").await?.id;
    let id = bench.session(user, 1).await?;
    let start = bench.reader.session(Owner::All, id).await?.unwrap().last_seen_at;
    let later = start.plus(Duration::from_secs(9));
    bench.writer.touch_sessions(&[(id, later), (id, start)]).await?;
    bench.writer.touch_sessions(&[(id, start)]).await?;
    assert_eq!(bench.reader.session(Owner::All, id).await?.unwrap().last_seen_at, later);
    Ok(())
}

pub(crate) async fn a_sweep_removes_what_has_expired(bench: &Bench) -> Outcome<()> {
    let user = bench.user("ada@example.com").await?.id;
    for seed in 1..=3 {
        bench.session(user, seed).await?;
    }
    let key = bench.key(KeyHolder::User(user), 1).await?;
    let mut tx = bench.begin().await?;
    let now = tx.now();
    tx.expire_key_secrets(key, now.plus(Duration::from_secs(60))).await?;
    tx.add_key_secret(key, 1, secret(2)).await?;
    for (seed, purpose) in [(1, LinkPurpose::Invite), (2, LinkPurpose::Reset)] {
        let expires_at = now.plus(Duration::from_secs(7 * 24 * 3_600));
        let (id, hash) = (bench.link_id(), [seed; 32]);
        tx.insert_link(NewLink { id, hash, purpose, user: None, expires_at }).await?;
    }
    tx.use_link(&[2; 32], LinkPurpose::Reset).await?;
    for number in 0..600 {
        tx.announce(EventKind::Model, number.to_string());
    }
    tx.commit(act("prepare")).await?;
    let events = bench.reader.latest_event().await?;
    assert_eq!(bench.writer.sweep(bench.clock.now()).await?, Swept::default());

    bench.clock.advance(Duration::from_secs(25 * 3_600));
    bench.session(user, 4).await?;
    let swept = bench.writer.sweep(bench.clock.now()).await?;
    let gone = u64::try_from(events).unwrap();
    assert_eq!(
        swept,
        Swept { sessions: 3, links: 1, secrets: 1, events: gone, replays: 0, sign_ins: 0 }
    );
    assert!(bench.reader.session_by_hash(&[4; 32]).await?.is_some());
    assert!(bench.reader.credential_by_hash(&[1; 32]).await?.is_none());
    assert!(bench.reader.credential_by_hash(&[2; 32]).await?.is_some());
    assert!(bench.reader.link_by_hash(&[1; 32], LinkPurpose::Invite).await?.is_some());
    assert_eq!(bench.reader.latest_event().await?, events, "numbers are never given twice");
    Ok(())
}
