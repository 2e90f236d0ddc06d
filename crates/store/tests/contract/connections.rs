use std::sync::Arc;
use std::time::Duration;

use tollgate_kernel::{
    Clock, ConnectionId, ConnectionState, InstallId, InstallState, Kind, Suspension, UserId,
};
use tollgate_store::{ConnectionRecord, InstallRecord, NewFlow, Owner};

use super::{Bench, Outcome, act, assert_kind};

fn install(bench: &Bench) -> InstallRecord {
    InstallRecord {
        id: InstallId::from_uuid(bench.user_id().uuid()),
        domain: "example.com".to_owned(),
        name: "Todo".to_owned(),
        auth: "oauth".to_owned(),
        facts: "{}".to_owned(),
        state: InstallState::Fetched(bench.clock.now()),
        client_id: None,
        secret_sealed: None,
        secret_version: 0,
        verification_token: None,
        created_at: bench.clock.now(),
        updated_at: bench.clock.now(),
        version: 0,
    }
}

async fn put(bench: &Bench, record: &InstallRecord) -> Outcome<InstallRecord> {
    let mut tx = bench.begin().await?;
    tx.put_install(record).await?;
    tx.commit(act("install.put")).await?;
    Ok(bench.reader.install(record.id).await?.unwrap())
}

fn connection(bench: &Bench, install: InstallId, user: UserId) -> ConnectionRecord {
    ConnectionRecord {
        id: ConnectionId::from_uuid(bench.user_id().uuid()),
        install,
        user,
        state: ConnectionState::Pending,
        access_sealed: None,
        refresh_sealed: None,
        secret_version: 0,
        expires_at: None,
        issuer: None,
        created_at: bench.clock.now(),
        updated_at: bench.clock.now(),
        version: 0,
    }
}

async fn connect(bench: &Bench, record: &ConnectionRecord) -> Outcome<ConnectionRecord> {
    let mut tx = bench.begin().await?;
    tx.put_connection(record).await?;
    tx.commit(act("connection.put")).await?;
    Ok(bench.reader.connection(Owner::All, record.id).await?.unwrap())
}

async fn leave(bench: &Bench, connection: ConnectionId, seed: u8, browser: u8) -> Outcome<()> {
    let flow = NewFlow {
        state: [seed; 32],
        browser: [browser; 32],
        connection,
        install_version: 1,
        verifier_sealed: vec![seed; 40],
        expires_at: bench.clock.now().plus(Duration::from_secs(600)),
    };
    bench.writer.insert_flow(&flow).await
}

pub(crate) async fn an_install_is_read_as_it_was_written(bench: &Bench) -> Outcome<()> {
    let mut stored = put(bench, &install(bench)).await?;
    assert_eq!((stored.version, stored.state.as_str()), (1, "fetched"));
    let at = bench.clock.now();
    stored.state = InstallState::Suspended(at, Suspension::Changed);
    stored.client_id = Some("us".to_owned());
    stored.secret_sealed = Some(vec![7; 40]);
    stored.secret_version = 3;
    stored.verification_token = Some("0af7".to_owned());
    let old = stored.clone();
    let now = put(bench, &stored).await?;
    assert_eq!(now.state, stored.state);
    assert_eq!(
        (now.client_id, now.secret_sealed, now.secret_version, now.version),
        (stored.client_id, stored.secret_sealed, 3, 2)
    );
    let mut tx = bench.begin().await?;
    assert_kind(tx.put_install(&old).await, Kind::Conflict);
    drop(tx);
    assert_eq!(bench.reader.installs().await?.len(), 1);
    Ok(())
}

pub(crate) async fn v29_foreign_connections_do_not_exist(bench: &Bench) -> Outcome<()> {
    let tool = put(bench, &install(bench)).await?;
    let (one, other) = (bench.user("a@example.com").await?, bench.user("b@example.com").await?);
    let mut mine = connect(bench, &connection(bench, tool.id, one.id)).await?;
    let foreign = Owner::User(other.id);
    assert!(bench.reader.connection(foreign, mine.id).await?.is_none());
    assert!(bench.reader.connected(foreign, mine.id).await?.is_none());
    assert!(bench.reader.connections(foreign, None).await?.is_empty());
    let mut tx = bench.begin().await?;
    assert_kind(tx.delete_connection(foreign, mine.id).await, Kind::NotFound);
    drop(tx);

    // A change cannot give it to somebody else either.
    mine.user = other.id;
    let mut tx = bench.begin().await?;
    assert_kind(tx.put_connection(&mine).await, Kind::Conflict);
    drop(tx);

    let own = Owner::User(one.id);
    let (read, of) = bench.reader.connected(own, mine.id).await?.unwrap();
    assert_eq!((read.user, of.id, of.name.as_str()), (one.id, tool.id, "Todo"));
    assert_eq!(bench.reader.connections(own, Some(tool.id)).await?.len(), 1);
    let mut tx = bench.begin().await?;
    tx.delete_connection(own, mine.id).await?;
    tx.commit(act("connection.delete")).await?;
    assert!(bench.reader.connection(Owner::All, mine.id).await?.is_none());
    Ok(())
}

pub(crate) async fn a_person_has_one_connection_to_a_tool(bench: &Bench) -> Outcome<()> {
    let tool = put(bench, &install(bench)).await?;
    let user = bench.user("a@example.com").await?;
    let mut first = connect(bench, &connection(bench, tool.id, user.id)).await?;
    let mut tx = bench.begin().await?;
    assert_kind(tx.put_connection(&connection(bench, tool.id, user.id)).await, Kind::Conflict);
    drop(tx);
    first.state = ConnectionState::Active;
    first.access_sealed = Some(vec![1; 40]);
    first.refresh_sealed = Some(vec![2; 40]);
    first.secret_version = 1;
    first.expires_at = Some(bench.clock.now());
    first.issuer = Some("https://example.com/token".to_owned());
    let old = first.clone();
    let now = connect(bench, &first).await?;
    assert_eq!((now.state, now.version, now.issuer), (first.state, 2, first.issuer));
    assert_eq!(
        (now.access_sealed, now.refresh_sealed, now.expires_at),
        (first.access_sealed, first.refresh_sealed, first.expires_at)
    );
    let mut tx = bench.begin().await?;
    assert_kind(tx.put_connection(&old).await, Kind::Conflict);
    drop(tx);

    let mut tx = bench.begin().await?;
    assert_eq!(tx.disconnect_all(tool.id).await?, 1);
    tx.commit(act("install.reset")).await?;
    let gone = bench.reader.connection(Owner::All, now.id).await?.unwrap();
    assert_eq!((gone.state, gone.secret_version), (ConnectionState::NeedsReauth, 2));
    assert!(gone.access_sealed.is_none() && gone.refresh_sealed.is_none());

    let mut tx = bench.begin().await?;
    tx.delete_install(tool.id).await?;
    tx.commit(act("install.delete")).await?;
    assert!(bench.reader.connection(Owner::All, now.id).await?.is_none());
    Ok(())
}

pub(crate) async fn v23_of_a_hundred_that_take_a_flow_one_gets_it(bench: &Bench) -> Outcome<()> {
    let tool = put(bench, &install(bench)).await?;
    let user = bench.user("a@example.com").await?;
    let mine = connect(bench, &connection(bench, tool.id, user.id)).await?;
    leave(bench, mine.id, 1, 9).await?;
    let takers = (0..100).map(|_| {
        let writer = Arc::clone(&bench.writer);
        tokio::spawn(async move { writer.take_flow(&[1; 32]).await })
    });
    let takers: Vec<_> = takers.collect();
    let mut got = 0;
    for taker in takers {
        if let Some(flow) = taker.await.unwrap()? {
            assert_eq!((flow.connection, flow.install_version), (mine.id, 1));
            assert_eq!((flow.browser, flow.verifier_sealed), ([9; 32], vec![1; 40]));
            got += 1;
        }
    }
    assert_eq!(got, 1);
    Ok(())
}

pub(crate) async fn a_flow_without_state_is_its_browsers_only_one(bench: &Bench) -> Outcome<()> {
    let tool = put(bench, &install(bench)).await?;
    let (one, other) = (bench.user("a@example.com").await?, bench.user("b@example.com").await?);
    let first = connect(bench, &connection(bench, tool.id, one.id)).await?;
    let second = connect(bench, &connection(bench, tool.id, other.id)).await?;
    // The same browser for the same connection: the later one counts.
    leave(bench, first.id, 1, 9).await?;
    leave(bench, first.id, 2, 9).await?;
    assert!(bench.writer.take_flow_of(&[8; 32], tool.id).await?.is_none());
    let found = bench.writer.take_flow_of(&[9; 32], tool.id).await?.unwrap();
    assert_eq!(found.state, [2; 32]);
    assert!(bench.writer.take_flow_of(&[9; 32], tool.id).await?.is_none());
    // Which of two is meant cannot be known.
    leave(bench, first.id, 3, 9).await?;
    leave(bench, second.id, 4, 9).await?;
    assert!(bench.writer.take_flow_of(&[9; 32], tool.id).await?.is_none());
    assert!(bench.writer.take_flow(&[3; 32]).await?.is_none());
    Ok(())
}

pub(crate) async fn flows_end_with_a_change_of_their_tool(bench: &Bench) -> Outcome<()> {
    let tool = put(bench, &install(bench)).await?;
    let user = bench.user("a@example.com").await?;
    let mine = connect(bench, &connection(bench, tool.id, user.id)).await?;
    leave(bench, mine.id, 1, 9).await?;
    put(bench, &tool).await?;
    assert!(bench.writer.take_flow(&[1; 32]).await?.is_none());
    leave(bench, mine.id, 2, 9).await?;
    bench.clock.advance(Duration::from_secs(601));
    assert_eq!(bench.writer.sweep(bench.clock.now()).await?.flows, 1);
    Ok(())
}
