use std::sync::Arc;

use tollgate_kernel::Kind;
use tollgate_store::{AuditEvent, AuditFilter, AuditVerdict, EventKind, PageRequest};

use super::{Bench, Outcome, act, actor, assert_kind};

async fn three_acts(bench: &Bench) -> Outcome<()> {
    for number in 1..=3 {
        let mut tx = bench.begin().await?;
        tx.set_setting("number", Some(&number.to_string())).await?;
        tx.commit(AuditEvent::new(format!("act.{number}"), "setting:number")).await?;
    }
    Ok(())
}

pub(crate) async fn every_commit_is_in_the_chain(bench: &Bench) -> Outcome<()> {
    assert!(matches!(
        bench.reader.verify_audit().await?,
        AuditVerdict::Intact { records: 0, head } if head == [0; 32]
    ));
    three_acts(bench).await?;
    let all = AuditFilter::default();
    let page = bench.reader.audit(&all, &PageRequest::first(2)).await?;
    let acts: Vec<_> = page.items.iter().map(|record| (record.seq, &*record.action)).collect();
    assert_eq!(acts, [(3, "act.3"), (2, "act.2")], "newest first");
    let newest = &page.items[0];
    assert_eq!(newest.previous, page.items[1].hash);
    assert_eq!((&*newest.actor, &*newest.target), ("local", "setting:number"));
    assert_eq!(newest.from.as_deref(), Some("192.0.2.7"));
    assert_eq!(newest.request.as_deref(), Some("a-request"));

    let rest = PageRequest { after: page.next.clone(), limit: 2 };
    let rest = bench.reader.audit(&all, &rest).await?;
    assert_eq!(rest.items.iter().map(|record| record.seq).collect::<Vec<_>>(), [1]);
    assert_eq!(rest.next, None);
    let one = AuditFilter { action: Some("act.2".to_owned()), ..AuditFilter::default() };
    assert_eq!(bench.reader.audit(&one, &PageRequest::first(9)).await?.items.len(), 1);
    let none = AuditFilter { actor: Some("nobody".to_owned()), ..AuditFilter::default() };
    assert_eq!(bench.reader.audit(&none, &PageRequest::first(9)).await?.items.len(), 0);
    let garbled = PageRequest { after: Some("x".to_owned()), limit: 2 };
    assert_kind(bench.reader.audit(&all, &garbled).await, Kind::InvalidRequest);

    match bench.reader.verify_audit().await? {
        AuditVerdict::Intact { records, head } => assert_eq!((records, head), (3, newest.hash)),
        broken => panic!("{broken:?}"),
    }
    Ok(())
}

pub(crate) async fn k10_an_edited_record_is_found(bench: &Bench) -> Outcome<()> {
    three_acts(bench).await?;
    for (edit, undo) in [
        ("action = 'act.9'", "action = 'act.2'"),
        ("actor = 'user:x'", "actor = 'local'"),
        ("target = 'other'", "target = 'setting:number'"),
        ("from_network = NULL", "from_network = '192.0.2.7'"),
        ("request_id = ''", "request_id = 'a-request'"),
        ("at = at + 1", "at = at - 1"),
    ] {
        bench.raw(&format!("UPDATE audit SET {edit} WHERE seq = 2")).await?;
        let verdict = bench.reader.verify_audit().await?;
        assert_eq!(verdict, AuditVerdict::Broken { seq: 2, why: "the record was edited" });
        bench.raw(&format!("UPDATE audit SET {undo} WHERE seq = 2")).await?;
        let verdict = bench.reader.verify_audit().await?;
        assert!(matches!(verdict, AuditVerdict::Intact { records: 3, .. }), "{edit}");
    }
    // Whoever edits a record and its hash breaks the next one.
    bench.raw("UPDATE audit SET hash = previous_hash WHERE seq = 2").await?;
    assert!(matches!(bench.reader.verify_audit().await?, AuditVerdict::Broken { seq: 2, .. }));
    bench.raw("UPDATE audit SET previous_hash = hash, hash = previous_hash WHERE seq = 3").await?;
    assert!(matches!(bench.reader.verify_audit().await?, AuditVerdict::Broken { .. }));
    Ok(())
}

pub(crate) async fn k10_a_removed_record_is_found(bench: &Bench) -> Outcome<()> {
    three_acts(bench).await?;
    bench.raw("DELETE FROM audit WHERE seq = 3").await?;
    let missing = |seq| AuditVerdict::Broken { seq, why: "the record is missing" };
    assert_eq!(bench.reader.verify_audit().await?, missing(3));
    bench.raw("DELETE FROM audit WHERE seq = 1").await?;
    assert_eq!(bench.reader.verify_audit().await?, missing(1));
    Ok(())
}

pub(crate) async fn a_rolled_back_act_leaves_no_record(bench: &Bench) -> Outcome<()> {
    three_acts(bench).await?;
    let event = bench.reader.latest_event().await?;
    let mut tx = bench.begin().await?;
    tx.set_setting("number", Some("4")).await?;
    drop(tx);
    assert_eq!(bench.reader.setting("number").await?.as_deref(), Some("3"));
    assert_eq!(bench.reader.latest_event().await?, event);
    let verdict = bench.reader.verify_audit().await?;
    assert!(matches!(verdict, AuditVerdict::Intact { records: 3, .. }));
    Ok(())
}

pub(crate) async fn events_come_in_order_without_gaps(bench: &Bench) -> Outcome<()> {
    const WRITERS: usize = 25;
    let writers = (0..WRITERS).map(|number| {
        let writer = Arc::clone(&bench.writer);
        tokio::spawn(async move {
            let mut tx = writer.begin(actor()).await?;
            tx.announce(EventKind::Key, format!("a{number}"));
            tx.announce(EventKind::User, format!("b{number}"));
            tx.commit(act("announce")).await
        })
    });
    let writers: Vec<_> = writers.collect();
    // A reader that goes on from the last number it saw must not miss one that comes late.
    let mut seen = Vec::new();
    while seen.len() < 2 * WRITERS {
        let last = seen.last().map_or(0, |event: &tollgate_store::Event| event.seq);
        seen.extend(bench.reader.events_after(last).await?);
        let numbers: Vec<i64> = seen.iter().map(|event| event.seq).collect();
        let expected: Vec<i64> = (1..).take(numbers.len()).collect();
        assert_eq!(numbers, expected);
    }
    for writer in writers {
        writer.await.unwrap()?;
    }
    assert_eq!(bench.reader.latest_event().await?, 2 * i64::try_from(WRITERS).unwrap());
    for pair in seen.chunks(2) {
        assert_eq!(pair[0].id[1..], pair[1].id[1..], "a transaction's events stay together");
        assert_eq!((pair[0].kind, pair[1].kind), (EventKind::Key, EventKind::User));
    }
    assert!(matches!(bench.reader.verify_audit().await?, AuditVerdict::Intact { records: 25, .. }));
    Ok(())
}

pub(crate) async fn events_are_told_once(bench: &Bench) -> Outcome<()> {
    let mut tx = bench.begin().await?;
    for number in 0..600 {
        tx.announce(EventKind::Plan, (number % 300).to_string());
    }
    tx.commit(act("announce")).await?;
    let told = bench.reader.events_after(0).await?;
    assert_eq!(told.len(), 300);
    assert_eq!(told.last().map(|event| (&*event.id, event.seq)), Some(("299", 300)));
    assert_eq!(bench.reader.events_after(300).await?, []);
    Ok(())
}
