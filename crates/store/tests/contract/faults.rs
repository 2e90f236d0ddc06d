use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tollgate_kernel::{Error, Kind};
use tollgate_root::Root;
use tollgate_store::{Options, Owner, Refusal, Target, open};

use super::{Bench, Outcome, act, actor, assert_kind, sqlite};

pub(crate) async fn a_locked_store_is_unavailable(bench: &Bench) -> Outcome<()> {
    let user = bench.user("ada@example.com").await?;
    let name = bench.new_user("bob@example.com");
    match &bench.target {
        Target::Sqlite { data_dir } => {
            let mut other = sqlite(data_dir).await?;
            sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.map_err(Error::internal)?;
            assert_kind(bench.begin().await, Kind::Unavailable);
            let found = bench.reader.user(Owner::All, user.id).await?;
            assert!(found.is_some(), "who reads does not wait for who writes");
            sqlx::raw_sql("ROLLBACK").execute(&mut other).await.map_err(Error::internal)?;
        }
        Target::Postgres { url } => {
            let mut other = PgConnection::connect(url).await.map_err(Error::internal)?;
            let sql = "BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE";
            sqlx::raw_sql(sql).execute(&mut other).await.map_err(Error::internal)?;
            let answer = bench.reader.user(Owner::All, user.id).await;
            assert_kind(answer, Kind::Unavailable);
            let mut tx = bench.begin().await?;
            assert_kind(tx.insert_user(name).await, Kind::Unavailable);
            drop(tx);
            sqlx::raw_sql("ROLLBACK").execute(&mut other).await.map_err(Error::internal)?;
        }
    }
    // It goes on where it was.
    bench.user("eve@example.com").await?;
    bench.reader.ping().await
}

pub(crate) async fn newer_tables_are_refused(bench: &Bench) -> Outcome<()> {
    let next = "INSERT INTO migration (version) SELECT MAX(version) + 1 FROM migration";
    bench.raw(next).await?;
    let target = bench.target.clone();
    let clock = Arc::clone(&bench.clock) as _;
    release(bench).await?;
    let error = open(&Root::new(), Options::new(target, clock)).await.err().unwrap();
    assert_eq!(Refusal::behind(&error), Some(Refusal::NewerTables), "{error:?}");
    assert!(error.detail().contains("newer"), "{error:?}");
    Ok(())
}

/// Frees the bench's own lock behind its back, as a bench cannot be taken apart.
async fn release(bench: &Bench) -> Outcome<()> {
    match &bench.target {
        // A lock belongs to the file that was opened, not to its name.
        Target::Sqlite { data_dir } => {
            std::fs::remove_file(data_dir.join("tollgate.lock")).map_err(Error::internal)
        }
        Target::Postgres { .. } => cut_lock(bench).await,
    }
}

async fn cut_lock(bench: &Bench) -> Outcome<()> {
    bench
        .raw(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        .await
}

pub(crate) async fn a_second_server_is_refused(bench: &Bench) -> Outcome<()> {
    let error = bench.again(Duration::from_secs(2)).await.err().unwrap();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(Refusal::behind(&error), Some(Refusal::InUse), "{error:?}");
    assert!(error.detail().contains("another Tollgate server"), "{error:?}");
    release(bench).await?;
    bench.again(Duration::from_secs(2)).await.map(drop)
}

pub(crate) async fn opening_at_once_makes_the_tables_once(bench: &Bench) -> Outcome<()> {
    let options = |target: &Target| Options::new(target.clone(), Arc::clone(&bench.clock) as _);
    let fresh = match &bench.target {
        Target::Sqlite { data_dir } => Target::Sqlite { data_dir: data_dir.join("fresh") },
        Target::Postgres { .. } => {
            // The tables of this bench go, the lock is freed, and two start at once.
            bench.raw("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await?;
            release(bench).await?;
            bench.target.clone()
        }
    };
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let options = options(&fresh);
            tokio::spawn(async move { open(&Root::new(), options).await })
        })
        .collect();
    let mut opened = Vec::new();
    for start in starts {
        match start.await.unwrap() {
            Ok(store) => opened.push(store),
            Err(error) => assert_eq!(Refusal::behind(&error), Some(Refusal::InUse), "{error:?}"),
        }
    }
    assert_eq!(opened.len(), 1);
    assert_eq!(opened[0].0.latest_event().await?, 0);
    Ok(())
}

pub(crate) async fn a_transaction_ends_at_its_deadline(bench: &Bench) -> Outcome<()> {
    release(bench).await?;
    let (reader, writer) = bench.again(Duration::from_millis(50)).await?;
    let mut tx = writer.begin(actor()).await?;
    let late = loop {
        if let Err(error) = tx.set_setting("a", Some("b")).await {
            break error;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(late.kind(), Kind::Unavailable, "{late:?}");
    // The writer is free for others while this one is still held.
    let mut other = bench.begin().await?;
    other.set_setting("c", Some("d")).await?;
    other.commit(act("setting.set")).await?;
    assert_kind(tx.commit(act("setting.set")).await, Kind::Unavailable);
    assert_eq!(reader.setting("a").await?, None);
    assert_eq!(reader.setting("c").await?.as_deref(), Some("d"));
    Ok(())
}

pub(crate) async fn a_failed_statement_fails_the_transaction(bench: &Bench) -> Outcome<()> {
    bench.user("ada@example.com").await?;
    let mut tx = bench.begin().await?;
    tx.set_setting("a", Some("b")).await?;
    assert_kind(tx.insert_user(bench.new_user("ada@example.com")).await, Kind::Conflict);
    assert!(tx.set_setting("c", Some("d")).await.is_err());
    assert!(tx.commit(act("user.create")).await.is_err());
    assert!(bench.reader.settings().await?.is_empty());
    Ok(())
}

pub(crate) async fn a_dropped_transaction_leaves_nothing(bench: &Bench) -> Outcome<()> {
    for round in 0..20 {
        let mut tx = bench.begin().await?;
        let insert = tx.insert_user(bench.new_user("ada@example.com"));
        // Given up at another point in each round, also in mid-statement.
        drop(tokio::time::timeout(Duration::from_micros(round * 50), insert).await);
        drop(tx);
    }
    assert!(bench.reader.user_by_email("ada@example.com").await?.is_none());
    bench.user("ada@example.com").await.map(drop)
}

pub(crate) async fn a_broken_row_is_named(bench: &Bench) -> Outcome<()> {
    let user = bench.user("ada@example.com").await?;
    bench.raw("UPDATE users SET role = 'king'").await?;
    let error = bench.reader.user(Owner::All, user.id).await.err().unwrap();
    assert_eq!(error.kind(), Kind::Internal);
    let cause = error.cause().unwrap();
    assert!(cause.contains("users.role") && cause.contains(&user.id.to_string()), "{cause}");
    assert!(!error.detail().contains("users"), "{error:?}");
    Ok(())
}

pub(crate) async fn sessions_that_were_cut_come_back_with_the_lock(bench: &Bench) -> Outcome<()> {
    bench
        .raw(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await?;
    bench.user("ada@example.com").await?;
    let held = "SELECT CAST(COUNT(*) AS TEXT) FROM pg_locks WHERE locktype = 'advisory' \
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    while bench.raw_texts("", held).await? != ["1"] {
        tokio::task::yield_now().await;
    }
    assert!(bench.again(Duration::from_secs(2)).await.is_err());
    Ok(())
}

pub(crate) async fn who_lost_the_lock_writes_no_more(bench: &Bench) -> Outcome<()> {
    cut_lock(bench).await?;
    let (_reader, other) = bench.again(Duration::from_secs(20)).await?;
    let error = loop {
        match bench.begin().await {
            Ok(tx) => drop(tx),
            Err(error) => break error,
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(Refusal::behind(&error), Some(Refusal::InUse), "{error:?}");
    other.begin(actor()).await.map(drop)
}
