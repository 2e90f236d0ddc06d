//! Calling through: whose credential goes where, how often it is renewed, and what comes back.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_kernel::LeapingClock;
use tollgate_testkit::{Client, Once, PLUGIN_SECRET, PLUGIN_SERVICE_TOKEN, PluginWays, TokenFault};

use super::{House, asked};

impl House {
    /// A client with the person's key.
    fn with_key(&self) -> Client {
        self.server.with_bearer(&self.key)
    }

    fn through(connection: &Value, path: &str) -> String {
        format!("/connections/{}{path}", connection["id"].as_str().unwrap())
    }

    /// What the tool saw last in this header.
    fn saw(&self, name: &str) -> Option<String> {
        let call = self.plugin.calls().pop().unwrap();
        call.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    }

    /// The entries, once there are so many: they are folded a moment after the answer.
    async fn entries(&self, count: usize) -> Vec<Value> {
        let folded = async {
            loop {
                let list = self.done("GET", "/api/v1/entries", Value::Null).await;
                let items = list["items"].as_array().unwrap().clone();
                if items.len() >= count && items.iter().all(|it| it["state"] != "open") {
                    return items;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), folded).await.unwrap()
    }
}

#[tokio::test]
async fn what_was_removed_is_called_no_more() {
    let house = House::with(PluginWays::default()).await;
    let install = house.install(json!({})).await;
    for noun in ["connections", "installs"] {
        let connection = house.begin(&install).await;
        let place = House::through(&connection, "/");
        assert_eq!(house.with_key().get(&place).await.unwrap().status, 200, "it is remembered");
        let (who, gone) = match noun {
            "connections" => (&house.person, &connection),
            _ => (&house.owner, &install),
        };
        let path = format!("/api/v1/{noun}/{}", gone["id"].as_str().unwrap());
        let answer = asked(who, "DELETE", &path, Value::Null).await;
        assert!((200..300).contains(&answer.status), "{noun}: {}", answer.text);
        assert_eq!(house.with_key().get(&place).await.unwrap().status, 404, "{noun}");
    }
}

#[tokio::test]
async fn a_tool_of_each_mode_is_called_with_what_belongs_to_it() {
    for (mode, scheme, header) in [
        ("none", "bearer", None),
        ("service_http", "bearer", Some(format!("Bearer {PLUGIN_SERVICE_TOKEN}"))),
        ("service_http", "basic", Some(format!("Basic {PLUGIN_SERVICE_TOKEN}"))),
        ("user_http", "bearer", Some("Bearer canary-pasted-by-ann".to_owned())),
        ("user_http", "basic", Some("Basic YW5uOmNhbmFyeS1wYXN0ZWQ=".to_owned())),
    ] {
        let house = House::with(PluginWays { mode, scheme, ..PluginWays::default() }).await;
        let install = if mode == "service_http" {
            let install = house.install(json!({ "service_token": PLUGIN_SERVICE_TOKEN })).await;
            house.verify(&install).await["install"].clone()
        } else {
            house.install(json!({})).await
        };
        let mut body = json!({ "install": install["id"] });
        if mode == "user_http" {
            let pasted =
                if scheme == "basic" { "ann:canary-pasted" } else { "canary-pasted-by-ann" };
            body["token"] = json!(pasted);
        }
        let token = header.as_deref().and_then(|line| line.split(' ').nth(1)).map(str::to_owned);
        house.plugin.change(|ways| ways.accepted = token.into_iter().collect::<HashSet<_>>());
        let made = asked(&house.person, "POST", "/api/v1/connections", body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let path = House::through(&made.json(), "/todos/%7Eann?x=1&y=a%20b");
        let request = house.with_key().request("POST", &path).body("hello");
        let request = request.header("x-forwarded-for", "1.2.3.4").header("cookie", "a=b");
        let answer = house.with_key().send(request).await.unwrap();
        assert_eq!(answer.status, 200, "{mode} {scheme}: {}", answer.text);
        assert_eq!(answer.json()["path"], "/todos/%7Eann?x=1&y=a%20b");
        assert_eq!(
            (&answer.json()["method"], &answer.json()["body"]),
            (&json!("POST"), &json!("hello"))
        );
        assert_eq!(house.saw("authorization"), header, "{mode} {scheme}");
        for name in ["cookie", "x-forwarded-for", "tollgate-identity"] {
            assert_eq!(house.saw(name), None, "{name}");
        }
    }
}

/// The whole of OAuth, with refresh tokens that rotate and ones that stay, and in both content
/// types; V26 keeps the old one where no new one comes.
#[tokio::test]
async fn v26_ph23_tokens_are_renewed_on_401_and_the_old_refresh_token_is_kept() {
    for (content_type, refresh) in
        [("application/json", Once::Rotates), ("application/x-www-form-urlencoded", Once::Stays)]
    {
        let house = House::with(PluginWays {
            mode: "oauth",
            content_type,
            refresh: Some(refresh),
            ..PluginWays::default()
        })
        .await;
        let install = house.active().await;
        let connection = house.connect(&install).await;
        let path = House::through(&connection, "/todos");
        for round in 0..3 {
            let answer = house.with_key().get(&path).await.unwrap();
            assert_eq!(answer.status, 200, "{round}: {}", answer.text);
            house.plugin.forget_access();
        }
        let exchanges = house.plugin.exchanges();
        assert_eq!(exchanges.len(), 3, "one for the code, two for refreshes");
        assert_eq!(exchanges[2].members["grant_type"], "refresh_token");
        assert_eq!(exchanges[2].members["client_secret"], PLUGIN_SECRET);
        let same = exchanges[1].members["refresh_token"] == exchanges[2].members["refresh_token"];
        assert_eq!(same, refresh == Once::Stays);
        assert_eq!(house.connection(&connection).await["state"], "active");
    }
}

/// V25: of fifty at once one goes to the token endpoint, and nobody fails.
#[tokio::test]
async fn v25_fifty_calls_with_a_dead_token_make_one_refresh() {
    let house = House::oauth().await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    house.plugin.forget_access();
    let path = House::through(&connection, "/todos");
    let client = house.with_key();
    let calls = (0..50).map(|_| {
        let (client, path) = (client.clone(), path.clone());
        tokio::spawn(async move { client.get(&path).await.unwrap().status })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), 200);
    }
    assert_eq!(house.plugin.exchanges().len(), 2, "the code, and one refresh");
}

/// The tool has used the old refresh token up when its caller leaves.
#[tokio::test]
async fn v26_who_hangs_up_takes_no_new_tokens_along() {
    let house = House::oauth().await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    house.plugin.forget_access();
    house.plugin.hold(true);
    let (client, path) = (house.with_key(), House::through(&connection, "/todos"));
    let leaving = tokio::spawn({
        let (client, path) = (client.clone(), path.clone());
        async move { drop(client.get(&path).await) }
    });
    let asked = async {
        while house.plugin.exchanges().len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap();
    leaving.abort();
    assert!(leaving.await.unwrap_err().is_cancelled());
    // The server notices it: nothing of that call is under way any more.
    let ended = async {
        while !house.server.log.text().contains("client_gone") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended).await.unwrap();
    house.plugin.hold(false);
    let answer = client.get(&path).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(house.plugin.exchanges().len(), 2, "what it gave was kept");
}

/// Ahead of its end: a token of an hour of which less than a minute is left is replaced before it
/// is used.
#[tokio::test]
async fn ph23_a_token_is_renewed_before_it_ends() {
    let clock = Arc::new(LeapingClock::at_noon());
    let ways = PluginWays { mode: "oauth", ..PluginWays::default() };
    let house = House::at(clock.clone(), ways).await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    let path = House::through(&connection, "/todos");
    clock.leap(Duration::from_secs(3_600 - 50));
    let client = house.with_key();
    let calls = (0..50).map(|_| {
        let (client, path) = (client.clone(), path.clone());
        tokio::spawn(async move { client.get(&path).await.unwrap().status })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), 200);
    }
    assert_eq!(house.plugin.exchanges().len(), 2, "the code, and one refresh ahead");
    let first = house.plugin.calls().first().unwrap().headers["authorization"].clone();
    assert!(
        !first.to_str().unwrap().contains("000002"),
        "the one that was about to end: {first:?}"
    );
}

/// A.9 (2), PH-06, P18: without a refresh token it works until the tool says no; then this
/// connection alone needs its person.
#[tokio::test]
async fn p18_ph06_a_dead_token_without_refresh_concerns_its_person_alone() {
    let house = House::oauth().await;
    house.plugin.change(|ways| (ways.refresh, ways.expires_in) = (None, None));
    let install = house.active().await;
    let connection = house.connect(&install).await;
    assert_eq!(connection["expires_at"], Value::Null);
    let path = House::through(&connection, "/todos");
    assert_eq!(house.with_key().get(&path).await.unwrap().status, 200);

    house.plugin.forget_access();
    let (bob, bobs_key) = house.server.caller("bob", Vec::new()).await.unwrap();
    let bob = house.server.signed_in(bob).await.unwrap();
    let body = json!({ "install": install["id"] });
    let bobs = asked(&bob, "POST", "/api/v1/connections", body).await.json();
    let back = house.at_the_tool(bobs["authorize_url"].as_str().unwrap()).await;
    assert_eq!(bob.get(&back).await.unwrap().status, 303);

    let refused = house.with_key().get(&path).await.unwrap();
    assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("needs_reauth")));
    assert!(refused.text.contains("Todo list"));
    assert_eq!(house.connection(&connection).await["state"], "needs_reauth");
    let bobs_path = House::through(&bobs, "/todos");
    let client = house.server.with_bearer(&bobs_key);
    assert_eq!(client.get(&bobs_path).await.unwrap().status, 200, "bob is not concerned");
    // Signing in once more mends it.
    assert_eq!(house.connect(&install).await["state"], "active");
    assert_eq!(house.with_key().get(&path).await.unwrap().status, 200);
}

/// V27, A.9 (5): `invalid_grant` concerns this connection; V28: a 5xx concerns nobody.
#[tokio::test]
async fn v27_v28_a_refused_refresh_is_told_apart_from_one_that_fails() {
    let house = House::oauth().await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    let path = House::through(&connection, "/todos");
    for fault in [TokenFault::Status(503), TokenFault::Nonsense] {
        house.plugin.forget_access();
        house.plugin.change(|ways| ways.token_fault = Some(fault.clone()));
        let failed = house.with_key().get(&path).await.unwrap();
        assert_eq!(failed.status, 502, "{fault:?}: {}", failed.text);
        assert_eq!(house.connection(&connection).await["state"], "active", "{fault:?}");
        house.plugin.change(|ways| ways.token_fault = None);
        assert_eq!(house.with_key().get(&path).await.unwrap().status, 200);
    }
    house.plugin.forget_access();
    house.plugin.forget_refresh();
    let refused = house.with_key().get(&path).await.unwrap();
    assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("needs_reauth")));
    assert_eq!(house.connection(&connection).await["state"], "needs_reauth");
}

/// V5, V29, T87: another person's connection is not there, by whatever credential.
#[tokio::test]
async fn v5_v29_one_users_connection_is_not_there_for_another() {
    let house = House::oauth().await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    let path = House::through(&connection, "/todos");
    let (_, eve) = house.server.caller("eve", Vec::new()).await.unwrap();
    assert_eq!(house.server.with_bearer(&eve).get(&path).await.unwrap().status, 404);
    // Nor for those who manage the installation.
    let admin = house.server.with_bearer(&house.server.add_admin_key().await.unwrap());
    assert_eq!(admin.get(&path).await.unwrap().status, 403);
    assert_eq!(house.owner.get(&path).await.unwrap().status, 404);
    assert_eq!(house.server.anonymous().get(&path).await.unwrap().status, 401);
    assert!(house.plugin.calls().is_empty());
    // The person's own session may, from our own pages alone.
    let request = house.person.request("GET", &path);
    assert_eq!(house.person.send(request).await.unwrap().status, 200);
    let foreign = house.person.request_without_origin("POST", &path);
    assert_eq!(house.person.send(foreign).await.unwrap().status, 403);
}

/// V18, P6: an answer that leads elsewhere is not followed, with the credential or without.
#[tokio::test]
async fn v18_p6_no_credential_follows_a_redirect_and_paths_stay_below_the_tool() {
    let house = House::oauth().await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    let away = house.with_key().get(&House::through(&connection, "/away")).await.unwrap();
    assert_eq!(away.status, 502, "{}", away.text);
    assert_eq!(away.header("location"), "");
    let calls = house.plugin.calls().len();
    for out in ["/..%2f..%2fadmin", "/a/..;/b", "/a/%252e%252e/b"] {
        let answer = house.with_key().get(&House::through(&connection, out)).await.unwrap();
        assert_eq!(answer.status, 400, "{out}: {}", answer.text);
    }
    assert_eq!(house.plugin.calls().len(), calls);
}

/// A secret that the tool sends back is found and stops the answer; its cookies stay there.
#[tokio::test]
async fn t90_a_token_in_an_answer_stops_it_and_cookies_do_not_pass() {
    let house = House::oauth().await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    let leak = house.with_key().get(&House::through(&connection, "/leak")).await;
    assert!(leak.is_err() || !leak.unwrap().text.contains("canary"));
    let cookie = house.with_key().get(&House::through(&connection, "/cookie")).await.unwrap();
    assert_eq!((cookie.status, cookie.header("set-cookie")), (200, ""));
}

/// Each call leaves one entry that names the connection and one call; one that was refused for its
/// token charges nothing.
#[tokio::test]
async fn v29_every_use_leaves_an_entry() {
    let house = House::oauth().await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    let path = House::through(&connection, "/todos");
    assert_eq!(house.with_key().get(&path).await.unwrap().status, 200);
    house.plugin.forget_access();
    assert_eq!(house.with_key().get(&path).await.unwrap().status, 200);
    let entries = house.entries(3).await;
    let of = |state: &str| {
        let is_ours =
            |entry: &&Value| entry["state"] == state && entry["connection"] == connection["id"];
        entries.iter().filter(is_ours).count()
    };
    assert_eq!((of("settled"), of("failed")), (2, 1), "{entries:?}");
}

/// Calls count against the person's plan.
#[tokio::test]
async fn calls_through_a_connection_are_held_to_the_persons_budget() {
    let house = House::with(PluginWays::default()).await;
    let install = house.install(json!({})).await;
    let budget = tollgate_kernel::Budget {
        unit: tollgate_kernel::Unit::Calls,
        limit: 2,
        period: tollgate_kernel::Period::Day,
    };
    let (bob, key) = house.server.caller("bob", vec![budget]).await.unwrap();
    let bob = house.server.signed_in(bob).await.unwrap();
    let body = json!({ "install": install["id"] });
    let made = asked(&bob, "POST", "/api/v1/connections", body).await.json();
    let client = house.server.with_bearer(&key);
    let path = House::through(&made, "/todos");
    let mut said = Vec::new();
    for _ in 0..3 {
        said.push(client.get(&path).await.unwrap().status);
    }
    assert_eq!(said, [200, 200, 429]);
    assert_eq!(house.plugin.calls().len(), 2);
}

/// A tool that is suspended, or away, says so by name.
#[tokio::test]
async fn a_tool_that_is_suspended_or_fails_is_named() {
    let house = House::oauth().await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    let path = House::through(&connection, "/broken");
    let broken = house.with_key().get(&path).await.unwrap();
    assert_eq!((broken.status, broken.text.as_str()), (500, "oh"), "its own answer passes");
    let id = install["id"].as_str().unwrap();
    house.done("PATCH", &format!("/api/v1/installs/{id}"), json!({ "suspended": true })).await;
    let stopped = house.with_key().get(&path).await.unwrap();
    assert_eq!(stopped.status, 409, "{}", stopped.text);
    assert!(stopped.text.contains("Todo list") && stopped.text.contains("suspended"));
    assert_eq!(house.look(&install).await["state"], "active");
    assert_eq!(house.with_key().get(&path).await.unwrap().status, 500);
}

/// S9, PH-21: a sealed token that is moved to another row opens nothing.
#[tokio::test]
async fn ph21_swapped_ciphertexts_open_nothing() {
    let house = House::oauth().await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    let (bob, bobs_key) = house.server.caller("bob", Vec::new()).await.unwrap();
    let bob = house.server.signed_in(bob).await.unwrap();
    let body = json!({ "install": install["id"] });
    let bobs = asked(&bob, "POST", "/api/v1/connections", body).await.json();
    let back = house.at_the_tool(bobs["authorize_url"].as_str().unwrap()).await;
    assert_eq!(bob.get(&back).await.unwrap().status, 303);

    let reader = house.server.gate.read(&house.server.system);
    let owner = tollgate_store::Owner::All;
    let read = async |id: &Value| {
        let id = id.as_str().unwrap().parse().unwrap();
        reader.connection(owner, id).await.unwrap().unwrap()
    };
    let (mine, mut theirs) = (read(&connection["id"]).await, read(&bobs["id"]).await);
    let own = theirs.access_sealed.clone();
    theirs.access_sealed = mine.access_sealed;
    let put = async |record: &tollgate_store::ConnectionRecord| {
        let mut tx = house.server.gate.begin(&house.server.system).await.unwrap();
        tx.put_connection(record).await.unwrap();
        let event = tollgate_store::AuditEvent::new("test.swap", "connection");
        tx.commit(event).await.unwrap();
        house.server.gate.heed().await;
    };
    put(&theirs).await;
    let calls = house.plugin.calls().len();
    let client = house.server.with_bearer(&bobs_key);
    let path = House::through(&bobs, "/todos");
    let refused = client.get(&path).await.unwrap();
    assert_eq!(refused.status, 500, "{}", refused.text);
    assert_eq!(house.plugin.calls().len(), calls, "nothing went out");
    // Nor in another column of its own row.
    let mut back = read(&bobs["id"]).await;
    back.access_sealed = back.refresh_sealed.clone();
    put(&back).await;
    assert_eq!(client.get(&path).await.unwrap().status, 500);
    // Put back where it belongs it opens again.
    let mut home = read(&bobs["id"]).await;
    home.access_sealed = own;
    put(&home).await;
    assert_eq!(client.get(&path).await.unwrap().status, 200);
}

/// No secret of a tool, of the owner's or of a person's, is in the log or in a file.
#[tokio::test]
async fn t90_k2_canaries_of_connections_are_nowhere_in_clear() {
    let house = House::oauth().await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    let path = House::through(&connection, "/todos");
    assert_eq!(house.with_key().get(&path).await.unwrap().status, 200);
    house.plugin.forget_access();
    assert_eq!(house.with_key().get(&path).await.unwrap().status, 200);
    house.plugin.change(|ways| ways.token_fault = Some(TokenFault::Status(500)));
    house.plugin.forget_access();
    assert_eq!(house.with_key().get(&path).await.unwrap().status, 502);

    let second = tollgate_testkit::HostedPlugin::start(PluginWays {
        mode: "service_http",
        ..PluginWays::default()
    });
    let second = second.await.unwrap();
    let body = json!({ "domain": second.domain, "service_token": PLUGIN_SERVICE_TOKEN });
    let made = house.done("POST", "/api/v1/installs", body).await;
    second.change(|ways| ways.mode = "user_http");
    let third = house.done("POST", "/api/v1/installs", json!({ "domain": second.domain })).await;
    let pasted = json!({ "install": third["id"], "token": "canary-pasted-by-ann" });
    let pasted = asked(&house.person, "POST", "/api/v1/connections", pasted).await;
    assert_eq!(pasted.status, 201, "{}", pasted.text);

    let mut places = vec![("the request log".to_owned(), house.server.log.text().into_bytes())];
    for answer in [made, third, pasted.json(), house.connection(&connection).await] {
        places.push(("an answer".to_owned(), answer.to_string().into_bytes()));
    }
    let mut folders = vec![house.server.folder().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let bytes = std::fs::read(entry.path()).unwrap();
                places.push((entry.path().display().to_string(), bytes));
            }
        }
    }
    if crate::ENGINE == tollgate_testkit::Engine::Postgres {
        let dump = house.server.database().dump().await.unwrap();
        assert!(String::from_utf8_lossy(&dump).contains("COPY public.connections "), "dumped");
        places.push(("the database's dump".to_owned(), dump));
    } else {
        let stores = places.iter().filter(|(place, _)| place.contains(".db"));
        assert!(stores.count() >= 2, "the files of the store");
    }
    let secrets = [
        PLUGIN_SECRET,
        PLUGIN_SERVICE_TOKEN,
        "canary-access-token",
        "canary-refresh-token",
        "canary-pasted-by-ann",
    ];
    for (place, bytes) in &places {
        for secret in secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {place}");
        }
    }
}

/// A token is for one door: what was allowed to call models does not open a person's tools.
#[tokio::test]
async fn g3_a_token_opens_connections_only_where_it_was_made_for_them() {
    let house = House::with(PluginWays::default()).await;
    let install = house.install(json!({})).await;
    let connection = house.begin(&install).await;
    let path = House::through(&connection, "/todos");
    let token = async |body: Value| {
        let made = asked(&house.person, "POST", "/api/v1/tokens", body).await;
        assert_eq!(made.status, 200, "{}", made.text);
        made.json()["access_token"].as_str().unwrap().to_owned()
    };
    let audience = format!("{}/connections", house.server.url);
    let right = token(json!({ "audience": audience })).await;
    assert_eq!(house.server.with_bearer(&right).get(&path).await.unwrap().status, 200);
    let models = token(json!({})).await;
    assert_eq!(house.server.with_bearer(&models).get(&path).await.unwrap().status, 403);
    let me = house.server.with_bearer(&right).get("/v1/models").await.unwrap();
    assert_eq!(me.status, 403, "{}", me.text);
}
