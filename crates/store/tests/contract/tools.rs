//! Tools, their service tokens, and the plugins that come to their sign-in.

use std::time::Duration;

use tollgate_kernel::{Kind, Slug};
use tollgate_store::{
    EventKind, HolderRecord, HttpScheme, KeyFilter, KeyHolder, KeyState, NewKey, Noted, Owner,
    PageRequest, TokenBody, ToolAuth, ToolManifest, ToolRecord, ToolState, UpstreamAuth,
};

use super::{Bench, Outcome, act, assert_kind, secret, slug};

fn tool(id: &str) -> ToolRecord {
    ToolRecord::new(slug(id), "http://127.0.0.1:9000".to_owned(), ToolAuth::None)
}

async fn insert(bench: &Bench, tool: &ToolRecord) -> Outcome<()> {
    let mut tx = bench.begin().await?;
    tx.insert_tool(tool).await?;
    tx.commit(act("tool.create")).await
}

pub(crate) async fn a_tool_is_read_as_it_was_written(bench: &Bench) -> Outcome<()> {
    let auths = [
        ToolAuth::None,
        ToolAuth::ServiceHttp { scheme: HttpScheme::Basic },
        ToolAuth::UserHttp { scheme: HttpScheme::Bearer },
        ToolAuth::OAuth { scope: "read write".to_owned(), content_type: TokenBody::Json },
    ];
    for (n, auth) in auths.into_iter().enumerate() {
        let mut tool = tool(&format!("todo-{n}"));
        tool.auth = auth;
        insert(bench, &tool).await?;
        let stored = bench.reader.tool(&tool.id).await?.unwrap();
        assert_eq!((stored.auth, stored.version), (tool.auth, 1));
    }
    let mut tool = bench.reader.tool(&slug("todo-3")).await?.unwrap();
    tool.host = Some("todo.example.com".to_owned());
    tool.path = Some("/todo".to_owned());
    tool.upstream_url = "https://api.example.com/v2".to_owned();
    tool.upstream_auth = Some(UpstreamAuth::Header { name: "x-api-key".to_owned() });
    tool.upstream_auth_sealed = Some(vec![1, 2, 3]);
    tool.openapi_url = Some("https://api.example.com/openapi.yaml".to_owned());
    tool.openapi = Some("openapi: 3.1.0".to_owned());
    tool.manifest = ToolManifest { name_for_human: "To do".to_owned(), ..ToolManifest::default() };
    tool.verification_tokens = [("openai".to_owned(), "abc".to_owned())].into();
    tool.timeouts = [("first_byte_ms".to_owned(), 5)].into();
    tool.state = ToolState::Disabled;
    tool.declared = true;
    bench.clock.advance(Duration::from_secs(5));
    let mut tx = bench.begin().await?;
    tx.update_tool(&tool).await?;
    tx.commit(act("tool.update")).await?;
    let stored = bench.reader.tool(&tool.id).await?.unwrap();
    assert_eq!((&stored.host, &stored.path), (&tool.host, &tool.path));
    assert_eq!(stored.upstream_url, tool.upstream_url);
    assert_eq!(stored.upstream_auth, tool.upstream_auth);
    assert_eq!(stored.upstream_auth_sealed, tool.upstream_auth_sealed);
    assert_eq!((&stored.openapi_url, &stored.openapi), (&tool.openapi_url, &tool.openapi));
    assert_eq!((&stored.auth, &stored.manifest), (&tool.auth, &tool.manifest));
    assert_eq!(stored.verification_tokens, tool.verification_tokens);
    assert_eq!((&stored.timeouts, stored.state), (&tool.timeouts, ToolState::Disabled));
    assert_eq!((stored.declared, stored.version), (true, 2));
    assert!(stored.updated_at > stored.created_at);
    // Who read an older version writes nothing.
    let mut tx = bench.begin().await?;
    assert_kind(tx.update_tool(&tool).await, Kind::Conflict);
    drop(tx);
    let ids: Vec<Slug> = bench.reader.tools().await?.into_iter().map(|tool| tool.id).collect();
    assert_eq!(ids, ["todo-0", "todo-1", "todo-2", "todo-3"].map(slug));
    Ok(())
}

pub(crate) async fn hosts_and_paths_of_tools_are_their_own(bench: &Bench) -> Outcome<()> {
    let (host, path) = (Some("todo.example.com".to_owned()), Some("/todo".to_owned()));
    insert(bench, &ToolRecord { host: host.clone(), path: path.clone(), ..tool("first") }).await?;
    for other in [
        ToolRecord { host: host.clone(), ..tool("second") },
        ToolRecord { path: path.clone(), ..tool("second") },
        tool("first"),
    ] {
        let mut tx = bench.begin().await?;
        assert_kind(tx.insert_tool(&other).await, Kind::Conflict);
        drop(tx);
    }
    // Those that have neither are not in each other's way.
    insert(bench, &tool("second")).await?;
    insert(bench, &tool("third")).await?;
    let mut second = bench.reader.tool(&slug("second")).await?.unwrap();
    second.host = host;
    let mut tx = bench.begin().await?;
    assert_kind(tx.update_tool(&second).await, Kind::Conflict);
    Ok(())
}

/// A key that lost its bond to a tool would open everything else.
pub(crate) async fn g2_a_tool_takes_its_keys_along(bench: &Bench) -> Outcome<()> {
    insert(bench, &tool("todo")).await?;
    insert(bench, &tool("other")).await?;
    let user = bench.user("ada@example.com").await?;
    let mut keys = Vec::new();
    for (n, (holder, tool)) in [
        (KeyHolder::User(user.id), Some("todo")),
        (KeyHolder::Service, Some("todo")),
        (KeyHolder::Service, Some("other")),
        (KeyHolder::User(user.id), None),
    ]
    .into_iter()
    .enumerate()
    {
        let new = NewKey { tool: tool.map(slug), ..bench.new_key(holder) };
        let mut tx = bench.begin().await?;
        let key = tx.insert_key(new, secret(u8::try_from(n).unwrap() + 1)).await?;
        tx.commit(act("key.create")).await?;
        assert_eq!(bench.reader.key(Owner::All, key.id).await?.unwrap(), key);
        keys.push(key);
    }
    let seen = bench.reader.latest_event().await?;
    let mut tx = bench.begin().await?;
    tx.delete_tool(&slug("todo")).await?;
    tx.commit(act("tool.delete")).await?;
    let mut left = Vec::new();
    for key in &keys {
        left.push(bench.reader.key(Owner::All, key.id).await?.is_some());
    }
    assert_eq!(left, [false, false, true, true]);
    assert!(bench.reader.credential_by_hash(&secret(1).hash).await?.is_none());
    let events = bench.reader.events_after(seen).await?;
    let told: Vec<_> = events.iter().map(|event| (event.kind, event.id.clone())).collect();
    for key in keys.iter().take(2) {
        assert!(told.contains(&(EventKind::Key, key.id.to_string())), "{told:?}");
    }
    assert!(told.contains(&(EventKind::Tool, "todo".to_owned())), "{told:?}");
    assert_eq!(told.len(), 3);
    let mut tx = bench.begin().await?;
    assert_kind(tx.delete_tool(&slug("todo")).await, Kind::NotFound);
    Ok(())
}

pub(crate) async fn service_tokens_belong_to_one_tool(bench: &Bench) -> Outcome<()> {
    insert(bench, &tool("todo")).await?;
    insert(bench, &tool("other")).await?;
    let mut ids = Vec::new();
    for (n, (name, tool)) in
        [("openai", "todo"), ("claude", "todo"), ("openai", "other")].into_iter().enumerate()
    {
        let new = NewKey {
            name: name.to_owned(),
            tool: Some(slug(tool)),
            ..bench.new_key(KeyHolder::Service)
        };
        let mut tx = bench.begin().await?;
        let key = tx.insert_key(new, secret(u8::try_from(n).unwrap() + 1)).await?;
        assert_eq!(tx.live_keys(KeyHolder::Service, 9).await?, u32::try_from(n).unwrap() + 1);
        tx.commit(act("key.create")).await?;
        ids.push(key.id);
    }
    let found = bench.reader.credential_by_hash(&secret(2).hash).await?.unwrap();
    assert!(matches!(found.holder, HolderRecord::Service));
    assert_eq!((found.key.name.as_str(), found.key.tool), ("claude", Some(slug("todo"))));
    let mut tx = bench.begin().await?;
    tx.revoke_key(Owner::All, ids[0]).await?;
    tx.commit(act("key.revoke")).await?;
    let of_todo = bench.reader.service_keys(&slug("todo")).await?;
    let states: Vec<_> = of_todo.iter().map(|key| key.state == KeyState::Active).collect();
    assert_eq!(states, [false, true]);
    // Among other keys they are not listed.
    let page = bench.reader.keys(Owner::All, &KeyFilter::default(), &PageRequest::first(9)).await?;
    assert!(page.items.is_empty());
    // A service without a tool is none.
    let mut tx = bench.begin().await?;
    let homeless = tx.insert_key(bench.new_key(KeyHolder::Service), secret(9)).await?;
    tx.commit(act("key.create")).await?;
    assert_kind(bench.reader.key(Owner::All, homeless.id).await, Kind::Internal);
    Ok(())
}

pub(crate) async fn callbacks_wait_for_the_owner(bench: &Bench) -> Outcome<()> {
    insert(bench, &tool("todo")).await?;
    let todo = slug("todo");
    let listed = async || -> Outcome<Vec<(String, bool)>> {
        let found = bench.reader.tool_callbacks(&todo).await?;
        Ok(found.into_iter().map(|it| (it.plugin_id, it.accepted)).collect())
    };
    let mut tx = bench.begin().await?;
    assert_eq!(tx.note_tool_callback(&todo, "plugin-1").await?, Noted::New);
    assert_eq!(tx.note_tool_callback(&todo, "plugin-1").await?, Noted::Nothing);
    tx.commit(act("tool.callback")).await?;
    let mut tx = bench.begin().await?;
    tx.set_tool_callback(&todo, "plugin-1", true).await?;
    tx.set_tool_callback(&todo, "plugin-0", true).await?;
    tx.commit(act("tool.callback")).await?;
    let taken = [("plugin-0".to_owned(), true), ("plugin-1".to_owned(), true)];
    assert_eq!(listed().await?, taken);
    // Whoever invents plugins fills no table, and pushes out none, taken or waiting.
    let note = async |plugin: &str| -> Outcome<Noted> {
        let mut tx = bench.begin().await?;
        let noted = tx.note_tool_callback(&todo, plugin).await?;
        tx.commit(act("tool.callback")).await?;
        Ok(noted)
    };
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(note("waiting").await?, Noted::New);
    for n in 0..70_u64 {
        bench.clock.advance(Duration::from_secs(1));
        let expected = if n < 63 { Noted::New } else { Noted::Full };
        assert_eq!(note(&format!("invented-{n}")).await?, expected, "{n}");
    }
    let now = listed().await?;
    assert_eq!(now.len(), 2 + 64);
    assert_eq!(now[0], ("invented-62".to_owned(), false));
    assert_eq!(now[63], ("waiting".to_owned(), false));
    assert_eq!(now[64..], taken);
    // When it comes again is written, if not each time; whoever stays away makes room at last.
    bench.clock.advance(Duration::from_secs(6 * 86_400));
    assert_eq!(note("waiting").await?, Noted::Again);
    assert_eq!(listed().await?[0].0, "waiting");
    assert_eq!(note("late").await?, Noted::Full);
    bench.clock.advance(Duration::from_secs(86_400));
    assert_eq!(note("late").await?, Noted::New);
    let now: Vec<String> = listed().await?.into_iter().map(|(plugin, _)| plugin).collect();
    assert_eq!(now, ["late", "waiting", "plugin-0", "plugin-1"]);
    let mut tx = bench.begin().await?;
    tx.set_tool_callback(&todo, "plugin-1", false).await?;
    assert_kind(tx.set_tool_callback(&slug("nowhere"), "p", true).await, Kind::Conflict);
    Ok(())
}
