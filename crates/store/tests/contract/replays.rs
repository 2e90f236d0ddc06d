use std::time::Duration;

use tollgate_kernel::Clock as _;
use tollgate_store::{Actor, NewReplay, ReplayClaim, Swept};

use super::{Bench, Outcome, act};

const DAY: Duration = Duration::from_secs(24 * 3_600);

fn replay(bench: &Bench, id: u8, request: &str) -> NewReplay {
    let at = bench.clock.now();
    let expires_at = at.plus(DAY);
    NewReplay {
        id: [id; 32],
        principal: [7; 32],
        most: 2,
        asked: [9; 32],
        request: request.to_owned(),
        at,
        expires_at,
    }
}

pub(crate) async fn t97_only_so_many_are_kept_for_one_subject(bench: &Bench) -> Outcome<()> {
    let (one, two) = (replay(bench, 1, "a"), replay(bench, 2, "b"));
    assert_eq!(bench.writer.claim_replay(&one).await?, ReplayClaim::First);
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(bench.writer.claim_replay(&two).await?, ReplayClaim::First);
    let third = replay(bench, 3, "c");
    let wait = DAY - Duration::from_secs(60);
    assert_eq!(bench.writer.claim_replay(&third).await?, ReplayClaim::Full { wait });
    // Nothing is left of it, those before are answered still, and others have places of their own.
    assert!(matches!(bench.writer.claim_replay(&two).await?, ReplayClaim::Taken(_)));
    let other = NewReplay { principal: [8; 32], ..third };
    assert_eq!(bench.writer.claim_replay(&other).await?, ReplayClaim::First);
    bench.writer.drop_replay(&[3; 32]).await?;
    // A place is free again when one was refused, or is a day old.
    bench.writer.drop_replay(&[2; 32]).await?;
    assert_eq!(bench.writer.claim_replay(&replay(bench, 4, "d")).await?, ReplayClaim::First);
    let fifth = bench.writer.claim_replay(&replay(bench, 3, "e")).await?;
    assert!(matches!(fifth, ReplayClaim::Full { .. }));
    bench.clock.advance(DAY - Duration::from_secs(60));
    assert_eq!(bench.writer.claim_replay(&replay(bench, 3, "f")).await?, ReplayClaim::First);
    Ok(())
}

pub(crate) async fn of_two_requests_with_one_key_one_is_the_first(bench: &Bench) -> Outcome<()> {
    let (a, b) = (replay(bench, 1, "a"), replay(bench, 1, "b"));
    let (one, two) = tokio::join!(bench.writer.claim_replay(&a), bench.writer.claim_replay(&b));
    let earlier = match (one?, two?) {
        (ReplayClaim::First, ReplayClaim::Taken(earlier)) => {
            assert_eq!(earlier.request, "a");
            earlier
        }
        (ReplayClaim::Taken(earlier), ReplayClaim::First) => {
            assert_eq!(earlier.request, "b");
            earlier
        }
        both => panic!("not one of them is the first: {both:?}"),
    };
    assert_eq!((earlier.asked, earlier.answer), ([9; 32], None));
    assert_eq!(bench.writer.claim_replay(&replay(bench, 2, "c")).await?, ReplayClaim::First);
    bench.writer.retry_replay(&replay(bench, 1, "d")).await?;
    bench.writer.answer_replay(&[1; 32], b"sealed").await?;
    // What has its answer is not handed on.
    bench.writer.retry_replay(&replay(bench, 1, "e")).await?;
    let kept = bench.writer.claim_replay(&replay(bench, 1, "f")).await?;
    let ReplayClaim::Taken(kept) = kept else { panic!("it is gone: {kept:?}") };
    assert_eq!((kept.request.as_str(), kept.answer.as_deref()), ("d", Some(&b"sealed"[..])));
    bench.writer.drop_replay(&[1; 32]).await?;
    assert_eq!(bench.writer.claim_replay(&replay(bench, 1, "g")).await?, ReplayClaim::First);
    Ok(())
}

pub(crate) async fn a_replay_ends_after_its_time(bench: &Bench) -> Outcome<()> {
    for id in [1, 2] {
        assert_eq!(bench.writer.claim_replay(&replay(bench, id, "a")).await?, ReplayClaim::First);
        bench.writer.answer_replay(&[id; 32], b"sealed").await?;
    }
    bench.clock.advance(DAY - Duration::from_secs(1));
    let second = bench.writer.claim_replay(&replay(bench, 1, "b")).await?;
    assert!(matches!(second, ReplayClaim::Taken(_)));
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(
        bench.writer.claim_replay(&replay(bench, 1, "c")).await?,
        ReplayClaim::First,
        "forgotten"
    );
    let swept = bench.writer.sweep(bench.clock.now()).await?;
    assert_eq!(swept, Swept { replays: 1, ..Swept::default() });
    Ok(())
}

pub(crate) async fn an_act_is_found_by_its_request(bench: &Bench) -> Outcome<()> {
    let request = Some("r1".to_owned());
    let actor = Actor { subject: "user:x".to_owned(), network: None, request, client: None };
    let tx = bench.writer.begin(actor.clone()).await?;
    assert!(!bench.reader.has_acted("r1").await?);
    drop(tx);
    assert!(!bench.reader.has_acted("r1").await?, "rolled back");
    bench.writer.begin(actor).await?.commit(act("key.make")).await?;
    assert!(bench.reader.has_acted("r1").await? && !bench.reader.has_acted("r2").await?);
    Ok(())
}
