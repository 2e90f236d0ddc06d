use std::sync::Arc;
use std::time::Duration;

use tollgate_kernel::UserId;
use tollgate_store::{LinkPurpose, NewLink};

use super::{Bench, Outcome, act, actor};

async fn link(bench: &Bench, seed: u8, purpose: LinkPurpose, user: Option<UserId>) -> Outcome<()> {
    let mut tx = bench.begin().await?;
    let expires_at = tx.now().plus(Duration::from_secs(60));
    let link = NewLink { id: bench.link_id(), hash: [seed; 32], purpose, user, expires_at };
    tx.insert_link(link).await?;
    tx.commit(act("link.create")).await
}

async fn used(bench: &Bench, seed: u8, purpose: LinkPurpose) -> Outcome<bool> {
    let mut tx = bench.begin().await?;
    let won = tx.use_link(&[seed; 32], purpose).await?.is_some();
    tx.commit(act("link.use")).await?;
    Ok(won)
}

pub(crate) async fn of_a_hundred_that_use_a_link_one_wins(bench: &Bench) -> Outcome<()> {
    link(bench, 1, LinkPurpose::Setup, None).await?;
    let attempts = (0..100).map(|_| {
        let writer = Arc::clone(&bench.writer);
        tokio::spawn(async move {
            // All wait for one writer; who is told to come back does.
            let mut tx = loop {
                match writer.begin(actor()).await {
                    Ok(tx) => break tx,
                    Err(error) => assert_eq!(error.kind(), tollgate_kernel::Kind::Unavailable),
                }
            };
            let won = tx.use_link(&[1; 32], LinkPurpose::Setup).await?.is_some();
            if won {
                tx.commit(act("link.use")).await?;
            }
            Outcome::Ok(won)
        })
    });
    let mut won = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        won += usize::from(attempt.await.unwrap()?);
    }
    assert_eq!(won, 1);
    Ok(())
}

pub(crate) async fn a_link_serves_its_purpose_and_time_alone(bench: &Bench) -> Outcome<()> {
    let ada = bench.user("ada@example.com").await?.id;
    link(bench, 1, LinkPurpose::Invite, Some(ada)).await?;
    assert!(!used(bench, 1, LinkPurpose::SignIn).await?);
    assert!(!used(bench, 2, LinkPurpose::Invite).await?);
    assert!(bench.reader.link_by_hash(&[1; 32], LinkPurpose::SignIn).await?.is_none());
    let found = bench.reader.link_by_hash(&[1; 32], LinkPurpose::Invite).await?.unwrap();
    assert_eq!((found.user, found.used_at), (Some(ada), None));
    assert!(used(bench, 1, LinkPurpose::Invite).await?);
    assert!(!used(bench, 1, LinkPurpose::Invite).await?);
    let found = bench.reader.link_by_hash(&[1; 32], LinkPurpose::Invite).await?.unwrap();
    assert!(found.used_at.is_some());

    link(bench, 3, LinkPurpose::Reset, Some(ada)).await?;
    bench.clock.advance(Duration::from_secs(60));
    assert!(!used(bench, 3, LinkPurpose::Reset).await?);
    Ok(())
}

pub(crate) async fn a_rolled_back_use_is_none(bench: &Bench) -> Outcome<()> {
    link(bench, 1, LinkPurpose::Setup, None).await?;
    let mut tx = bench.begin().await?;
    assert!(tx.use_link(&[1; 32], LinkPurpose::Setup).await?.is_some());
    drop(tx);
    assert!(used(bench, 1, LinkPurpose::Setup).await?);
    Ok(())
}

pub(crate) async fn all_links_of_a_person_end(bench: &Bench) -> Outcome<()> {
    let ada = bench.user("ada@example.com").await?.id;
    link(bench, 1, LinkPurpose::Reset, Some(ada)).await?;
    link(bench, 2, LinkPurpose::SignIn, Some(ada)).await?;
    link(bench, 3, LinkPurpose::Setup, None).await?;
    let mut tx = bench.begin().await?;
    tx.end_links_of(ada).await?;
    tx.commit(act("user.password")).await?;
    assert!(!used(bench, 1, LinkPurpose::Reset).await?);
    assert!(!used(bench, 2, LinkPurpose::SignIn).await?);
    assert!(used(bench, 3, LinkPurpose::Setup).await?);
    Ok(())
}
