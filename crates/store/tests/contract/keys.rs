use std::time::Duration;

use tollgate_kernel::{Budget, Kind, ModelPattern, Period, Rates, Unit};
use tollgate_store::{
    Actor, EventKind, GENERATIONS_MAX, HolderRecord, KeyFilter, KeyHolder, KeyRecord, KeyState,
    Origin, Owner, PageRequest,
};

use super::{Bench, Outcome, act, actor, assert_kind, secret};

pub(crate) async fn a_key_is_found_by_the_hash_of_its_secret(bench: &Bench) -> Outcome<()> {
    let user = bench.user("ada@example.com").await?;
    let mut new = bench.new_key(KeyHolder::User(user.id));
    new.models = Some(vec![ModelPattern::parse("gpt-4o*")?]);
    new.networks = Some(vec!["10.0.0.0/8".to_owned()]);
    new.rates = Rates { requests_per_minute: Some(5), ..Rates::default() };
    new.budgets = vec![Budget { unit: Unit::Tokens, limit: 7, period: Period::Day }];
    let mut tx = bench.begin().await?;
    new.expires_at = Some(tx.now().plus(Duration::from_secs(60)));
    let key = tx.insert_key(new, secret(1)).await?;
    tx.commit(act("key.create")).await?;
    assert_eq!((&*key.created_by, &*key.tail), ("local", "tail0001"));

    let found = bench.reader.credential_by_hash(&[1; 32]).await?.unwrap();
    assert_eq!(found.key, key);
    assert_eq!(found.secret_expires_at, None);
    match found.holder {
        HolderRecord::User(holder) => assert_eq!(holder, user),
        other => panic!("{other:?}"),
    }
    assert!(bench.reader.credential_by_hash(&[2; 32]).await?.is_none());
    assert_eq!(bench.reader.key(Owner::User(user.id), key.id).await?, Some(key));
    Ok(())
}

pub(crate) async fn k2_no_column_can_hold_a_key_in_clear(bench: &Bench) -> Outcome<()> {
    let user = bench.user("ada@example.com").await?;
    bench.key(KeyHolder::User(user.id), 1).await?;
    bench.session(user.id, 2).await?;
    for (table, known) in [
        ("key_secrets", "expires_at hash key_id made_at tail"),
        ("sessions", "agent created_at expires_at hash id last_seen_at network user_id"),
        ("links", "created_at expires_at hash id purpose used_at user_id"),
        (
            "keys",
            "budgets client_id created_at created_by expires_at id kind last_used_at \
             last_used_from models name networks rates revoked_at state tail tool_id user_id \
             version",
        ),
    ] {
        let columns = bench
            .raw_texts(
                &format!("SELECT name FROM pragma_table_info('{table}') ORDER BY name"),
                &format!(
                    "SELECT column_name::text FROM information_schema.columns \
                     WHERE table_name = '{table}' ORDER BY 1"
                ),
            )
            .await?;
        let mut columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        columns.sort_unstable();
        assert_eq!(columns.join(" "), known, "{table}");
    }
    let secrets = "SELECT CAST(LENGTH(hash) AS TEXT) || ' ' || tail FROM key_secrets";
    assert_eq!(bench.raw_texts(secrets, secrets).await?, ["32 tail0001"]);
    Ok(())
}

pub(crate) async fn rotation_keeps_the_old_secret_for_the_overlap(bench: &Bench) -> Outcome<()> {
    let user = bench.user("ada@example.com").await?;
    let key = bench.key(KeyHolder::User(user.id), 1).await?;
    for (seed, overlap_s, version) in [(2, 600, 1), (3, 60, 2)] {
        let mut tx = bench.begin().await?;
        let end = tx.now().plus(Duration::from_secs(overlap_s));
        tx.expire_key_secrets(key, end).await?;
        tx.add_key_secret(key, version, secret(seed)).await?;
        tx.commit(act("key.rotate")).await?;
        let old = bench.reader.credential_by_hash(&[1; 32]).await?.unwrap();
        assert_eq!((old.key.id, old.secret_expires_at), (key, Some(end)), "earlier ends stay");
    }
    let new = bench.reader.credential_by_hash(&[3; 32]).await?.unwrap();
    assert_eq!((new.key.id, new.secret_expires_at), (key, None));
    assert_eq!(new.key.tail, "tail0003");

    // Of two who read the same version one wins.
    let mut tx = bench.begin().await?;
    assert_kind(tx.add_key_secret(key, 2, secret(4)).await, Kind::Conflict);
    drop(tx);

    // A later end does not lengthen an earlier one.
    let mut tx = bench.begin().await?;
    let later = tx.now().plus(Duration::from_secs(9_000));
    tx.expire_key_secrets(key, later).await?;
    tx.commit(act("key.rotate")).await?;
    let old = bench.reader.credential_by_hash(&[1; 32]).await?.unwrap();
    assert!(old.secret_expires_at.unwrap() < later);
    Ok(())
}

pub(crate) async fn a_revoked_key_stays_revoked(bench: &Bench) -> Outcome<()> {
    let user = bench.user("ada@example.com").await?;
    let key = bench.key(KeyHolder::User(user.id), 1).await?;
    let before = bench.reader.latest_event().await?;
    let mut tx = bench.begin().await?;
    let at = tx.now();
    tx.revoke_key(Owner::User(user.id), key).await?;
    tx.commit(act("key.revoke")).await?;
    let found = bench.reader.credential_by_hash(&[1; 32]).await?.unwrap();
    assert_eq!(found.key.state, KeyState::Revoked(at));
    let told = bench.reader.events_after(before).await?;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].kind, &told[0].id), (EventKind::Key, &key.to_string()));

    let mut tx = bench.begin().await?;
    assert_kind(tx.revoke_key(Owner::All, key).await, Kind::NotFound);
    drop(tx);
    let mut tx = bench.begin().await?;
    assert_kind(tx.add_key_secret(key, 2, secret(2)).await, Kind::Conflict);
    drop(tx);
    let mut tx = bench.begin().await?;
    assert_kind(tx.update_key(&found.key).await, Kind::Conflict);
    Ok(())
}

pub(crate) async fn keys_of_apps_and_services_have_no_user(bench: &Bench) -> Outcome<()> {
    let app = bench.client("app", None).await?;
    bench.key(KeyHolder::App(app.id), 1).await?;
    bench.key(KeyHolder::Admin, 2).await?;
    let found = bench.reader.credential_by_hash(&[1; 32]).await?.unwrap();
    assert_eq!(found.key.holder, KeyHolder::App(app.id));
    match found.holder {
        HolderRecord::App(holder) => assert_eq!(holder.name, "app"),
        other => panic!("{other:?}"),
    }
    let found = bench.reader.credential_by_hash(&[2; 32]).await?.unwrap();
    assert_eq!(found.key.holder, KeyHolder::Admin);
    assert!(matches!(found.holder, HolderRecord::Admin));
    let mut tx = bench.begin().await?;
    tx.delete_client(app.id).await?;
    tx.commit(act("client.delete")).await?;
    assert!(bench.reader.credential_by_hash(&[1; 32]).await?.is_none());
    Ok(())
}

pub(crate) async fn t87_foreign_keys_do_not_exist(bench: &Bench) -> Outcome<()> {
    let ada = bench.user("ada@example.com").await?.id;
    let bob = bench.user("bob@example.com").await?.id;
    let page = PageRequest::first(9);
    let any = KeyFilter::default();
    for (holder, seed) in [(KeyHolder::User(ada), 1), (KeyHolder::Admin, 2)] {
        let key = bench.key(holder, seed).await?;
        assert!(bench.reader.key(Owner::All, key).await?.is_some());
        assert!(bench.reader.key(Owner::User(bob), key).await?.is_none());
        assert!(bench.reader.keys(Owner::User(bob), &any, &page).await?.items.is_empty());
        let mut tx = bench.begin().await?;
        assert_kind(tx.revoke_key(Owner::User(bob), key).await, Kind::NotFound);
        drop(tx);
        let found = bench.reader.key(Owner::All, key).await?.unwrap();
        assert_eq!(found.state, KeyState::Active);
    }
    Ok(())
}

pub(crate) async fn keys_are_changed_by_version(bench: &Bench) -> Outcome<()> {
    let user = bench.user("ada@example.com").await?;
    let id = bench.key(KeyHolder::User(user.id), 1).await?;
    let mut key = bench.reader.key(Owner::All, id).await?.unwrap();
    key.name = "renamed".to_owned();
    key.models = Some(Vec::new());
    key.networks = Some(vec!["::1/128".to_owned()]);
    key.budgets = vec![Budget { unit: Unit::Money, limit: 9, period: Period::Month }];
    key.rates.concurrent = Some(2);
    let mut tx = bench.begin().await?;
    key.expires_at = Some(tx.now());
    tx.update_key(&key).await?;
    tx.commit(act("key.update")).await?;
    let mut tx = bench.begin().await?;
    assert_kind(tx.update_key(&key).await, Kind::Conflict);
    drop(tx);
    key.version = 2;
    assert_eq!(bench.reader.key(Owner::All, id).await?, Some(key));
    Ok(())
}

pub(crate) async fn keys_are_listed_by_holder(bench: &Bench) -> Outcome<()> {
    let ada = bench.user("ada@example.com").await?.id;
    let app = bench.client("app", None).await?.id;
    let first = bench.key(KeyHolder::User(ada), 1).await?;
    let second = bench.key(KeyHolder::User(ada), 2).await?;
    let third = bench.key(KeyHolder::App(app), 3).await?;
    let list = async |owner: Owner, filter: KeyFilter, limit: u32| {
        let page = bench.reader.keys(owner, &filter, &PageRequest::first(limit)).await?;
        Outcome::Ok((page.items.iter().map(|key| key.id).collect::<Vec<_>>(), page.next))
    };
    let any = KeyFilter::default();
    let of_app = KeyFilter { client: Some(app), active: false };
    assert_eq!(list(Owner::All, any, 9).await?.0, [first, second, third]);
    assert_eq!(list(Owner::User(ada), any, 9).await?.0, [first, second]);
    assert_eq!(list(Owner::All, of_app, 9).await?.0, [third]);
    assert_eq!(list(Owner::User(ada), of_app, 9).await?.0, []);
    assert_eq!(list(Owner::User(ada), any, 1).await?, (vec![first], Some(first.to_string())));

    let mut tx = bench.begin().await?;
    tx.revoke_key(Owner::All, first).await?;
    tx.commit(act("key.revoke")).await?;
    let active = KeyFilter { client: None, active: true };
    assert_eq!(list(Owner::User(ada), active, 9).await?.0, [second]);
    assert_eq!(list(Owner::All, active, 9).await?.0, [second, third]);
    Ok(())
}

async fn made_by(
    bench: &Bench,
    subject: String,
    holder: KeyHolder,
    seed: u8,
) -> Outcome<KeyRecord> {
    let mut tx = bench.writer.begin(Actor { subject, ..actor() }).await?;
    let key = tx.insert_key(bench.new_key(holder), secret(seed)).await?;
    tx.commit(act("key.create")).await?;
    Ok(key)
}

fn by(key: &KeyRecord) -> String {
    format!("admin_key:{}", key.id)
}

pub(crate) async fn a_key_knows_the_keys_that_made_it(bench: &Bench) -> Outcome<()> {
    let ada = bench.user("ada@example.com").await?;
    let mut line = vec![made_by(bench, "local:0".to_owned(), KeyHolder::Admin, 1).await?];
    for seed in 2..=u8::try_from(GENERATIONS_MAX).unwrap() {
        let maker = by(line.last().unwrap());
        line.push(made_by(bench, maker, KeyHolder::Admin, seed).await?);
    }
    let maker = by(line.last().unwrap());
    let last = made_by(bench, maker, KeyHolder::User(ada.id), 91).await?;
    line.reverse();
    assert_eq!(bench.reader.makers(&last).await?.as_ref(), Some(&line));
    // They are read as they are now, and who changes one announces that one.
    let before = bench.reader.latest_event().await?;
    let mut first = line.pop().unwrap();
    first.models = Some(vec![ModelPattern::parse("x")?]);
    let mut tx = bench.begin().await?;
    tx.update_key(&first).await?;
    tx.commit(act("key.update")).await?;
    first.version += 1;
    let makers = bench.reader.makers(&last).await?.unwrap();
    assert_eq!(makers.last(), Some(&first));
    let told = bench.reader.events_after(before).await?;
    assert_eq!(told.iter().map(|event| &*event.id).collect::<Vec<_>>(), [first.id.to_string()]);

    // One too many, one that nobody knows, and one that was revoked are nobody's.
    let one_more = made_by(bench, by(&line[0]), KeyHolder::Admin, 92).await?;
    let one_more = made_by(bench, by(&one_more), KeyHolder::User(ada.id), 93).await?;
    assert_eq!(bench.reader.makers(&one_more).await?, None);
    let of_nobody = format!("admin_key:{}", bench.key_id());
    let of_nobody = made_by(bench, of_nobody, KeyHolder::User(ada.id), 94).await?;
    assert_eq!(bench.reader.makers(&of_nobody).await?, None);
    let by_ada = made_by(bench, format!("user:{}", ada.id), KeyHolder::User(ada.id), 95).await?;
    assert_eq!(bench.reader.makers(&by_ada).await?, Some(Vec::new()));
    let mut tx = bench.begin().await?;
    tx.revoke_key(Owner::All, first.id).await?;
    tx.commit(act("key.revoke")).await?;
    assert_eq!(bench.reader.makers(&last).await?, None);
    Ok(())
}

pub(crate) async fn what_was_made_with_a_key_ends_with_it(bench: &Bench) -> Outcome<()> {
    let ada = bench.user("ada@example.com").await?;
    let first = made_by(bench, format!("user:{}", ada.id), KeyHolder::Admin, 1).await?;
    let second = made_by(bench, by(&first), KeyHolder::Admin, 2).await?;
    let third = made_by(bench, by(&second), KeyHolder::User(ada.id), 3).await?;
    let other = made_by(bench, "local:0".to_owned(), KeyHolder::Admin, 4).await?;
    let descent = bench.reader.descent(&second).await?;
    assert_eq!(descent.makers, std::slice::from_ref(&first));
    assert!(matches!(descent.origin, Origin::User(user) if user == ada));
    let descent = bench.reader.descent(&other).await?;
    assert!(matches!(descent.origin, Origin::Installation));

    let before = bench.reader.latest_event().await?;
    let mut tx = bench.begin().await?;
    tx.revoke_key(Owner::All, first.id).await?;
    tx.commit(act("key.revoke")).await?;
    let told = bench.reader.events_after(before).await?;
    let told: Vec<&str> = told.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(told.len(), 3);
    for key in [&first, &second, &third] {
        let key = bench.reader.key(Owner::All, key.id).await?.unwrap();
        assert!(matches!(key.state, KeyState::Revoked(_)));
        assert!(told.contains(&key.id.to_string().as_str()));
    }
    let other = bench.reader.key(Owner::All, other.id).await?.unwrap();
    assert_eq!(other.state, KeyState::Active);
    assert!(matches!(bench.reader.descent(&second).await?.origin, Origin::Nobody));
    Ok(())
}

pub(crate) async fn keys_that_work_are_counted_by_holder(bench: &Bench) -> Outcome<()> {
    let ada = KeyHolder::User(bench.user("ada@example.com").await?.id);
    let app = KeyHolder::App(bench.client("app", None).await?.id);
    let mut seed = 0;
    for holder in [ada, app, KeyHolder::Admin] {
        let mut made = Vec::new();
        for _ in 0..4 {
            seed += 1;
            made.push(bench.key(holder, seed).await?);
        }
        let mut tx = bench.begin().await?;
        assert_eq!(tx.live_keys(holder, 9).await?, 4, "{holder:?}");
        assert_eq!(tx.live_keys(holder, 2).await?, 3, "it stops where it knows enough");
        tx.revoke_key(Owner::All, made[0]).await?;
        assert_eq!(tx.live_keys(holder, 9).await?, 3, "{holder:?}");
        let mut ended = bench.reader.key(Owner::All, made[1]).await?.unwrap();
        ended.expires_at = Some(tx.now());
        tx.update_key(&ended).await?;
        assert_eq!(tx.live_keys(holder, 9).await?, 2, "{holder:?}");
        tx.commit(act("key.test")).await?;
    }
    Ok(())
}
