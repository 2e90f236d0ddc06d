use tollgate_kernel::{Budget, Kind, ModelPattern, Period, Rates, Unit};
use tollgate_store::{
    AccountState, EventKind, GroupRecord, ModelRecord, NewSigningKey, Owner, PageRequest, PlanBody,
    PlanRecord, SigningKeyState, UpstreamRecord, UserFilter, settings,
};

use super::{Bench, Outcome, act, assert_kind, slug};

pub(crate) fn body() -> PlanBody {
    PlanBody {
        tools: None,
        models: vec![ModelPattern::parse("*").unwrap()],
        rates: Rates { concurrent: Some(4), ..Rates::default() },
        budgets: vec![Budget { unit: Unit::Tokens, limit: 1_000, period: Period::Month }],
        time_zone: "Europe/Berlin".to_owned(),
        max_output_tokens: 4_096,
        profile: None,
    }
}

pub(crate) async fn put_plan(bench: &Bench, id: &str) -> Outcome<()> {
    let mut tx = bench.begin().await?;
    tx.put_plan(&PlanRecord::new(slug(id), body())).await?;
    tx.commit(act("plan.put")).await
}

async fn put_group(bench: &Bench, id: &str, priority: i64) -> Outcome<()> {
    let mut group = GroupRecord::new(slug(id), id.to_uppercase());
    group.priority = priority;
    let mut tx = bench.begin().await?;
    tx.put_group(&group).await?;
    tx.commit(act("group.put")).await
}

pub(crate) async fn a_plan_is_read_as_it_was_written(bench: &Bench) -> Outcome<()> {
    for id in ["standard", "a-b", "a.b", "a_b", "ab"] {
        put_plan(bench, id).await?;
    }
    let mut plan = bench.reader.plan(&slug("standard")).await?.unwrap();
    assert_eq!((&plan.body, plan.version), (&body(), 1));
    let ruled = plan.plan()?;
    assert!(ruled.allows("anything"));
    assert_eq!(ruled.time_zone.iana_name(), Some("Europe/Berlin"));

    plan.body.max_output_tokens = 10;
    plan.declared = true;
    let mut tx = bench.begin().await?;
    tx.put_plan(&plan).await?;
    tx.commit(act("plan.put")).await?;
    let stored = bench.reader.plan(&plan.id).await?.unwrap();
    assert_eq!((&stored.body, stored.declared, stored.version), (&plan.body, true, 2));
    let mut tx = bench.begin().await?;
    assert_kind(tx.put_plan(&plan).await, Kind::Conflict);
    drop(tx);
    let mut tx = bench.begin().await?;
    plan.version = 0;
    assert_kind(tx.put_plan(&plan).await, Kind::Conflict);
    drop(tx);
    // The order is that of bytes on both engines, whatever the locale.
    let page = bench.reader.plans(&PageRequest::first(9)).await?;
    let ids: Vec<_> = page.items.iter().map(|plan| plan.id.as_str()).collect();
    assert_eq!(ids, ["a-b", "a.b", "a_b", "ab", "standard"]);
    Ok(())
}

pub(crate) async fn a_plan_in_use_cannot_be_deleted(bench: &Bench) -> Outcome<()> {
    for id in ["of-user", "of-group", "of-default", "free"] {
        put_plan(bench, id).await?;
    }
    let mut new = bench.new_user("ada@example.com");
    new.plan = Some(slug("of-user"));
    let mut group = GroupRecord::new(slug("team"), "Team".to_owned());
    group.plan = Some(slug("of-group"));
    let mut tx = bench.begin().await?;
    tx.insert_user(new).await?;
    tx.put_group(&group).await?;
    tx.set_setting(settings::DEFAULT_PLAN, Some("of-default")).await?;
    tx.commit(act("plan.use")).await?;
    for id in ["of-user", "of-group", "of-default"] {
        let mut tx = bench.begin().await?;
        assert_kind(tx.delete_plan(&slug(id)).await, Kind::Conflict);
        drop(tx);
        assert!(bench.reader.plan(&slug(id)).await?.is_some());
    }
    let filter = UserFilter { plan: Some(slug("of-user")), ..UserFilter::default() };
    assert_eq!(bench.reader.users(&filter, &PageRequest::first(9)).await?.items.len(), 1);
    let mut tx = bench.begin().await?;
    tx.delete_plan(&slug("free")).await?;
    tx.commit(act("plan.delete")).await?;
    assert!(bench.reader.plan(&slug("free")).await?.is_none());
    let mut tx = bench.begin().await?;
    assert_kind(tx.delete_plan(&slug("free")).await, Kind::NotFound);
    Ok(())
}

pub(crate) async fn a_plan_that_does_not_exist_is_a_conflict(bench: &Bench) -> Outcome<()> {
    let mut new = bench.new_user("ada@example.com");
    new.plan = Some(slug("none"));
    let mut tx = bench.begin().await?;
    assert_kind(tx.insert_user(new).await, Kind::Conflict);
    Ok(())
}

pub(crate) async fn groups_come_in_the_order_that_counts(bench: &Bench) -> Outcome<()> {
    let ada = bench.user("ada@example.com").await?.id;
    for (id, priority) in [("low", 1), ("high", 9), ("also-high", 9), ("other", 99)] {
        put_group(bench, id, priority).await?;
    }
    let mut tx = bench.begin().await?;
    tx.set_groups_of(ada, &[slug("low"), slug("high"), slug("also-high"), slug("low")]).await?;
    tx.commit(act("user.groups")).await?;
    let groups = bench.reader.groups_of(ada).await?;
    let ids: Vec<_> = groups.iter().map(|group| group.id.as_str()).collect();
    assert_eq!(ids, ["also-high", "high", "low"]);
    let page = bench.reader.groups(&PageRequest::first(9)).await?;
    assert_eq!(page.items.len(), 4);

    let mut group = bench.reader.group(&slug("low")).await?.unwrap();
    group.pool = vec![Budget { unit: Unit::Money, limit: 5, period: Period::Week }];
    let mut tx = bench.begin().await?;
    tx.put_group(&group).await?;
    tx.commit(act("group.put")).await?;
    assert_eq!(bench.reader.group(&group.id).await?.unwrap().pool, group.pool);
    let mut tx = bench.begin().await?;
    assert_kind(tx.put_group(&group).await, Kind::Conflict);
    drop(tx);
    let mut tx = bench.begin().await?;
    assert_kind(tx.set_groups_of(ada, &[slug("none")]).await, Kind::Conflict);
    Ok(())
}

pub(crate) async fn members_are_set_and_announced(bench: &Bench) -> Outcome<()> {
    put_group(bench, "team", 1).await?;
    let mut ids = Vec::new();
    for name in ["ada", "bob", "eve"] {
        ids.push(bench.user(&format!("{name}@example.com")).await?.id);
    }
    let team = slug("team");
    let mut tx = bench.begin().await?;
    tx.set_members(&team, &ids[..2]).await?;
    tx.commit(act("group.members")).await?;
    let before = bench.reader.latest_event().await?;
    let mut tx = bench.begin().await?;
    tx.set_members(&team, &ids[1..]).await?;
    tx.commit(act("group.members")).await?;
    assert_eq!(bench.reader.members_of(&team).await?, ids[1..]);
    let told = bench.reader.events_after(before).await?;
    let told: Vec<_> = told.into_iter().map(|event| (event.kind, event.id)).collect();
    assert_eq!(
        told,
        [(EventKind::User, ids[0].to_string()), (EventKind::User, ids[2].to_string())],
        "who stayed is not told about"
    );
    let filter = UserFilter { group: Some(team.clone()), ..UserFilter::default() };
    assert_eq!(bench.reader.users(&filter, &PageRequest::first(9)).await?.items.len(), 2);
    let mut tx = bench.begin().await?;
    tx.delete_group(&team).await?;
    tx.commit(act("group.delete")).await?;
    assert_eq!(bench.reader.groups_of(ids[2]).await?, []);
    let mut tx = bench.begin().await?;
    assert_kind(tx.set_members(&team, &ids).await, Kind::Conflict);
    Ok(())
}

pub(crate) async fn apps_have_owners(bench: &Bench) -> Outcome<()> {
    let ada = bench.user("ada@example.com").await?;
    put_plan(bench, "standard").await?;
    let id = bench.client("app", Some(ada.id)).await?.id;
    let mut client = bench.reader.client(Owner::All, id).await?.unwrap();
    client.name = "the app".to_owned();
    client.plan = Some(slug("standard"));
    client.state = AccountState::Disabled;
    let mut tx = bench.begin().await?;
    tx.put_client(&client).await?;
    client.updated_at = tx.now();
    tx.commit(act("client.update")).await?;
    let mut tx = bench.begin().await?;
    assert_kind(tx.put_client(&client).await, Kind::Conflict);
    drop(tx);
    client.version = 2;
    assert_eq!(bench.reader.client(Owner::All, id).await?, Some(client));
    let mut tx = bench.begin().await?;
    assert_kind(tx.delete_user(&ada).await, Kind::Conflict);
    Ok(())
}

pub(crate) async fn an_upstream_in_use_stays(bench: &Bench) -> Outcome<()> {
    let mut upstream = UpstreamRecord::new(slug("openai"), "https://api.example.com/v1".to_owned());
    upstream.api_key_sealed = Some(vec![0, 1, 255]);
    upstream.timeouts.insert("connect_ms".to_owned(), 500);
    let mut model = ModelRecord::new(slug("small"), slug("openai"), "gpt-4o-mini".to_owned());
    model.budgets = vec![Budget { unit: Unit::Calls, limit: 3, period: Period::Day }];
    let mut tx = bench.begin().await?;
    tx.put_upstream(&upstream).await?;
    tx.put_model(&model).await?;
    tx.commit(act("upstream.put")).await?;
    let mut stored = bench.reader.upstream(&slug("openai")).await?.unwrap();
    assert_eq!(stored.api_key_sealed.as_deref(), Some(&[0, 1, 255][..]));
    assert_eq!((&stored.timeouts, stored.version), (&upstream.timeouts, 1));
    let found = bench.reader.model(&slug("small")).await?.unwrap();
    assert_eq!((&*found.model, &found.budgets), ("gpt-4o-mini", &model.budgets));

    stored.api_key_sealed = None;
    let mut tx = bench.begin().await?;
    tx.put_upstream(&stored).await?;
    tx.put_model(&ModelRecord { model: "other".to_owned(), ..found.clone() }).await?;
    tx.commit(act("upstream.put")).await?;
    assert!(bench.reader.upstreams().await?[0].api_key_sealed.is_none());
    assert_eq!(bench.reader.models().await?[0].model, "other");
    let mut tx = bench.begin().await?;
    assert_kind(tx.put_upstream(&stored).await, Kind::Conflict);
    drop(tx);
    let mut tx = bench.begin().await?;
    assert_kind(tx.put_model(&found).await, Kind::Conflict);
    drop(tx);
    let mut tx = bench.begin().await?;
    assert_kind(tx.delete_upstream(&slug("openai")).await, Kind::Conflict);
    drop(tx);
    let mut tx = bench.begin().await?;
    tx.delete_model(&slug("small")).await?;
    tx.delete_upstream(&slug("openai")).await?;
    tx.commit(act("upstream.delete")).await?;
    assert!(bench.reader.upstreams().await?.is_empty());
    assert!(bench.reader.models().await?.is_empty());
    Ok(())
}

pub(crate) async fn settings_are_set_once_or_over(bench: &Bench) -> Outcome<()> {
    assert_eq!(bench.reader.setting("registration").await?, None);
    for value in ["closed", "open"] {
        let mut tx = bench.begin().await?;
        tx.set_setting("registration", Some(value)).await?;
        tx.commit(act("setting.set")).await?;
        assert_eq!(bench.reader.setting("registration").await?.as_deref(), Some(value));
    }
    let mut tx = bench.begin().await?;
    tx.insert_setting("key_check", "abc").await?;
    tx.set_setting("registration", None).await?;
    tx.commit(act("setting.set")).await?;
    let all: Vec<_> = bench.reader.settings().await?.into_iter().collect();
    assert_eq!(all, [("key_check".to_owned(), "abc".to_owned())]);
    let mut tx = bench.begin().await?;
    assert_kind(tx.insert_setting("key_check", "def").await, Kind::Conflict);
    Ok(())
}

pub(crate) async fn signing_keys_retire(bench: &Bench) -> Outcome<()> {
    for kid in ["k1", "k2"] {
        bench.clock.advance(std::time::Duration::from_secs(1));
        let mut tx = bench.begin().await?;
        let starts_at = tx.now();
        let (sealed, public) = (vec![1, 2], vec![3]);
        let key = NewSigningKey { kid: kid.to_owned(), alg: "ES256", sealed, public, starts_at };
        tx.insert_signing_key(&key).await?;
        tx.commit(act("signing_key.create")).await?;
    }
    let mut tx = bench.begin().await?;
    tx.retire_signing_key("k1").await?;
    tx.commit(act("signing_key.retire")).await?;
    let keys = bench.reader.signing_keys().await?;
    let states: Vec<_> = keys.iter().map(|key| (&*key.kid, key.state)).collect();
    assert_eq!(states, [("k2", SigningKeyState::Active), ("k1", SigningKeyState::Retired)]);
    assert_eq!((&keys[0].sealed[..], &keys[0].public[..]), (&[1, 2][..], &[3][..]));
    let mut tx = bench.begin().await?;
    assert_kind(tx.retire_signing_key("k1").await, Kind::NotFound);
    drop(tx);
    let mut tx = bench.begin().await?;
    tx.delete_signing_key("k1").await?;
    tx.commit(act("signing_key.delete")).await?;
    assert_eq!(bench.reader.signing_keys().await?.len(), 1);
    Ok(())
}
