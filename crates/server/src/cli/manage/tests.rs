#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use super::recorder::{Seen, Stage};

const ADA: &str = "01938f5e-0000-7000-8000-000000000001";

fn ada() -> Value {
    json!({
        "id": ADA, "email": "Ada@example.com", "name": "Ada", "locale": null, "role": "member",
        "plan": "standard", "groups": ["research"], "external_id": null, "state": "active",
        "has_password": false, "created_at": "2026-11-21T07:30:00Z",
        "updated_at": "2026-11-21T07:30:00Z",
    })
}

fn page(items: impl IntoIterator<Item = Value>) -> Value {
    json!({ "items": items.into_iter().collect::<Vec<_>>(), "next": null })
}

fn done(seen: &Seen) {
    assert!(seen.end.is_ok(), "{}", seen.end.as_ref().unwrap_err());
}

async fn run(line: &str, answers: impl IntoIterator<Item = Value>) -> Seen {
    Stage::answering(answers).run(line).await.unwrap()
}

/// Runs `line` and wants these requests, no other, and a good end.
async fn asks(line: &str, answers: &[Value], wanted: &[(&str, Value)]) -> Seen {
    let seen = run(line, answers.iter().cloned()).await;
    let wanted: Vec<_> = wanted.iter().map(|(at, body)| ((*at).to_owned(), body.clone())).collect();
    assert_eq!(seen.requests, wanted, "{line}");
    done(&seen);
    seen
}

#[tokio::test]
async fn people_are_listed_to_the_end_of_the_list() {
    let bob = json!({ "id": "b", "email": "bob@example.com", "role": "admin", "groups": [] });
    let first = json!({ "items": [ada()], "next": "c/1" });
    let wanted = [
        ("GET /api/v1/users?limit=500", json!(null)),
        ("GET /api/v1/users?limit=500&cursor=c%2F1", json!(null)),
    ];
    let pages = [first, page([bob.clone()])];
    let seen = asks("tollgate user list", &pages, &wanted).await;
    let lines: Vec<&str> = seen.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", seen.out);
    assert!(lines[0].starts_with("ID") && lines[0].contains("E-MAIL"), "{}", seen.out);
    assert!(lines[1].starts_with(ADA) && lines[1].contains("research"), "{}", seen.out);
    assert!(lines[2].contains("bob@example.com") && lines[2].contains('-'), "{}", seen.out);
    let seen = asks("tollgate user list --json", &pages, &wanted).await;
    let all: Value = serde_json::from_str(&seen.out).unwrap();
    assert_eq!(all, json!({ "items": [ada(), bob], "next": null }));
    let seen = asks("tollgate user list -q", &pages, &wanted).await;
    assert_eq!(seen.out, format!("{ADA}\nb\n"));
}

#[tokio::test]
async fn a_limit_ends_a_list_and_the_cursor_is_told() {
    let pages = [json!({ "items": [ada()], "next": "c1" })];
    let wanted = [("GET /api/v1/users?limit=1&cursor=c0", json!(null))];
    let seen = asks("tollgate user list --limit 1 --cursor c0", &pages, &wanted).await;
    assert!(seen.talk.contains("--cursor c1"), "{}", seen.talk);
    let wanted = [("GET /api/v1/users?limit=500", json!(null))];
    let none = asks("tollgate user list", &[page([])], &wanted).await;
    assert_eq!((none.out.as_str(), none.talk.as_str()), ("", "There are no people.\n"));
}

#[tokio::test]
async fn json_is_the_apis_to_the_byte() {
    let body = "{ \"id\" : \"small\",\n \"b\":1, \"a\" : 2 }";
    let stage = Stage { answers: vec![(200, body.to_owned())], ..Stage::default() };
    let seen = stage.run("tollgate plan show small --json").await.unwrap();
    assert_eq!(seen.out, format!("{body}\n"));
    let list = "{\"next\":null , \"items\":[ ]}";
    let stage = Stage { answers: vec![(200, list.to_owned())], ..Stage::default() };
    let seen = stage.run("tollgate plan list --json").await.unwrap();
    assert_eq!(seen.out, format!("{list}\n"));
}

#[tokio::test]
async fn people_are_found_by_address() {
    let other = json!({ "id": "x", "email": "ada@example.com.evil.example" });
    let look = ("GET /api/v1/users?email=ada%40example.com&limit=500", json!(null));
    let show = format!("GET /api/v1/users/{ADA}");
    let answers = [page([other.clone(), ada()]), ada()];
    let wanted = [look.clone(), (show.as_str(), json!(null))];
    let seen = asks("tollgate user show ada@example.com", &answers, &wanted).await;
    assert!(seen.out.contains("HAS A PASSWORD") || seen.out.contains("has a password"));
    assert!(seen.out.contains("2026-11-21 07:30Z"), "{}", seen.out);
    let seen = run("tollgate user show ada@example.com", [page([other])]).await;
    let exit = seen.end.unwrap_err();
    assert_eq!((exit.code(), seen.requests.len()), (66, 1));
    assert!(exit.to_string().contains("ada@example.com"), "{exit}");
}

#[tokio::test]
async fn a_person_is_added_with_a_link() {
    let link = json!({ "url": "http://x/link/tg_1", "expires_at": "2026-11-28T07:30:00Z" });
    let made = json!({ "email": "ada@example.com", "plan": "standard", "role": "admin" });
    let links = format!("POST /api/v1/users/{ADA}/links");
    let wanted =
        [("POST /api/v1/users", made.clone()), (links.as_str(), json!({ "purpose": "invite" }))];
    let line = "tollgate user add ada@example.com --plan standard --role admin";
    let seen = asks(line, &[ada(), link.clone()], &wanted).await;
    assert_eq!(seen.out, "http://x/link/tg_1\n");
    assert!(seen.talk.contains("shown this once"), "{}", seen.talk);
    let first = [("POST /api/v1/users", made)];
    let seen = asks(&format!("{line} --json"), &[ada()], &first).await;
    assert_eq!(serde_json::from_str::<Value>(&seen.out).unwrap(), ada());
    let seen = asks(&format!("{line} --quiet"), &[ada()], &first).await;
    assert_eq!((seen.out, seen.talk), (format!("{ADA}\n"), String::new()));
    let line = format!("tollgate user link {ADA} --purpose reset --quiet");
    let wanted = [(links.as_str(), json!({ "purpose": "reset" }))];
    let seen = asks(&line, &[link], &wanted).await;
    assert_eq!((seen.out.as_str(), seen.talk.as_str()), ("http://x/link/tg_1\n", ""));
}

#[tokio::test]
async fn what_a_person_loses_is_null_and_what_is_not_said_stays() {
    let patch = format!("PATCH /api/v1/users/{ADA}");
    let line = format!("tollgate user set {ADA} --plan= --group=");
    let body = json!({ "plan": null, "groups": [] });
    asks(&line, &[ada()], &[(patch.as_str(), body)]).await;
    let line = format!("tollgate user set {ADA} --name A --group a --group b");
    let body = json!({ "name": "A", "groups": ["a", "b"] });
    asks(&line, &[ada()], &[(patch.as_str(), body)]).await;
}

#[tokio::test]
async fn what_destroys_asks_first() {
    let delete = format!("DELETE /api/v1/users/{ADA}");
    let line = format!("tollgate user remove {ADA}");
    let alone = Stage::default().run(&line).await.unwrap();
    let exit = alone.end.unwrap_err();
    assert!(alone.requests.is_empty() && exit.code() == 2, "{exit}");
    assert!(exit.to_string().contains("--yes") && exit.to_string().contains(ADA), "{exit}");
    for (typed, goes_on) in [("y\n", true), ("YES\n", true), ("n\n", false), ("\n", false)] {
        let answers = vec![(204, String::new())];
        let stage = Stage { answers, typed: Some(typed), ..Stage::default() };
        let seen = stage.run(&line).await.unwrap();
        assert!(seen.talk.contains("with all keys and sessions. Go on?"), "{}", seen.talk);
        assert_eq!(seen.end.is_ok(), goes_on, "{typed:?}");
        assert_eq!(seen.requests.len(), usize::from(goes_on), "{typed:?}");
    }
    let stage = Stage { answers: vec![(204, String::new())], ..Stage::default() };
    let seen = stage.run(&format!("{line} --yes --json")).await.unwrap();
    done(&seen);
    assert_eq!(seen.requests, [(delete, json!(null))]);
    assert_eq!(seen.out, "");
    for line in [
        "tollgate user set x --state disabled",
        "tollgate group remove x",
        "tollgate plan remove x",
        "tollgate key revoke x",
        "tollgate client remove x",
        "tollgate client set x --state disabled",
        "tollgate upstream remove x",
        "tollgate upstream set x --no-api-key",
        "tollgate model remove x",
    ] {
        let seen = Stage::default().run(line).await.unwrap();
        assert!(seen.end.is_err_and(|exit| exit.code() == 2), "{line}");
        assert!(seen.requests.is_empty(), "{line}");
    }
}

#[tokio::test]
async fn groups_and_plans_are_made_and_changed() {
    let found = page([ada()]);
    let line = "tollgate group add research --plan small --priority -3 \
                --pool money:5e9:month --member ada@example.com --member b";
    let pool = json!([{ "unit": "money", "limit": 5_000_000_000_i64, "period": "month" }]);
    let body = json!({
        "id": "research", "plan": "small", "priority": -3, "pool": pool, "members": [ADA, "b"],
    });
    let group = json!({ "id": "research", "members": [ADA, "b"], "pool": pool, "priority": -3 });
    let wanted = [
        ("GET /api/v1/users?email=ada%40example.com&limit=500", json!(null)),
        ("POST /api/v1/groups", body),
    ];
    let seen = asks(line, &[found, group.clone()], &wanted).await;
    assert!(seen.out.contains("$5.00/month"), "{}", seen.out);
    let line = "tollgate group set research --no-pool";
    asks(line, &[group], &[("PATCH /api/v1/groups/research", json!({ "pool": [] }))]).await;
    let line = "tollgate plan add small --model gpt-4o* --requests-per-minute 20 \
                --budget tokens:100000:day --max-output-tokens 100 --time-zone Europe/Berlin";
    let body = json!({
        "id": "small", "models": ["gpt-4o*"], "rates": { "requests_per_minute": 20 },
        "budgets": [{ "unit": "tokens", "limit": 100_000, "period": "day" }],
        "max_output_tokens": 100, "time_zone": "Europe/Berlin",
    });
    let plan = json!({ "id": "small" });
    asks(line, std::slice::from_ref(&plan), &[("POST /api/v1/plans", body)]).await;
    let line = "tollgate plan set small --instructions {{plan}} --default temperature=0.5 \
                --default reasoning_effort=low --ceiling top_p= --ceiling max_output_tokens=9";
    let body = json!({ "profile": {
        "instructions": "{{plan}}",
        "defaults": { "temperature": 0.5, "reasoning_effort": "low" },
        "ceilings": { "top_p": null, "max_output_tokens": 9 },
    } });
    let shown = json!({ "id": "small", "profile": { "instructions": "{{plan}}" } });
    let seen = asks(line, &[shown], &[("PATCH /api/v1/plans/small", body)]).await;
    assert!(seen.out.contains("{{plan}}"), "{}", seen.out);
    let line = "tollgate plan set small --no-profile";
    let body = json!({ "profile": null });
    asks(line, std::slice::from_ref(&plan), &[("PATCH /api/v1/plans/small", body)]).await;
    let line = "tollgate plan set small --concurrent none --no-budgets";
    let body = json!({ "rates": { "concurrent": null }, "budgets": [] });
    asks(line, &[plan], &[("PATCH /api/v1/plans/small", body)]).await;
}

#[tokio::test]
async fn a_keys_secret_stands_alone_and_its_words_elsewhere() {
    let key = json!({
        "id": "k", "name": "laptop", "key": "tg_user_secret", "expires_at": "2027-01-01T00:00:00Z",
    });
    let line = format!(
        "tollgate key add laptop --user {ADA} --model m --network 10.0.0.0/8 \
         --tokens-per-minute 9 --budget calls:7:week --expires-at 2027-01-01T00:00:00Z"
    );
    let body = json!({
        "name": "laptop", "user": ADA, "models": ["m"], "networks": ["10.0.0.0/8"],
        "rates": { "tokens_per_minute": 9 },
        "budgets": [{ "unit": "calls", "limit": 7, "period": "week" }],
        "expires_at": "2027-01-01T00:00:00Z",
    });
    let seen = asks(&line, std::slice::from_ref(&key), &[("POST /api/v1/keys", body)]).await;
    assert_eq!(seen.out, "tg_user_secret\n");
    assert!(seen.talk.contains("shown this once") && !seen.talk.contains("tg_user_secret"));
    let body = json!({ "name": "x", "admin": true });
    let wanted = [("POST /api/v1/keys", body)];
    let seen = asks("tollgate key add x --admin -q", std::slice::from_ref(&key), &wanted).await;
    assert_eq!((seen.out.as_str(), seen.talk.as_str()), ("tg_user_secret\n", ""));
    let wanted = [("POST /api/v1/keys/k/rotate", json!({ "overlap_s": 3600 }))];
    let seen =
        asks("tollgate key rotate k --overlap-s 3600 --json", std::slice::from_ref(&key), &wanted)
            .await;
    assert_eq!(serde_json::from_str::<Value>(&seen.out).unwrap(), key);
    assert!(seen.talk.contains("3600 more seconds"), "{}", seen.talk);
    let wanted = [("GET /api/v1/keys?client=c&active=true&limit=500", json!(null))];
    asks("tollgate key list --client c --active", &[page([key])], &wanted).await;
}

#[tokio::test]
async fn signing_keys_are_replaced_or_revoked() {
    let list = ("GET /api/v1/signing-keys?limit=500", json!(null));
    for (line, body, said) in [
        ("tollgate rotate signing-keys", json!({ "lead_s": 1_200 }), "in 1200 seconds"),
        ("tollgate rotate signing-keys --revoke", json!({ "revoke": true }), "are gone"),
    ] {
        let wanted = [("POST /api/v1/signing-keys/rotate", body), list.clone()];
        let seen = asks(line, &[page([]), page([])], &wanted).await;
        assert!(seen.talk.contains(said), "{}", seen.talk);
    }
}

#[tokio::test]
async fn apps_are_made_and_changed() {
    let app = json!({ "client_id": "c", "name": "bot", "state": "active" });
    let wanted = [("POST /api/v1/clients", json!({ "name": "bot", "plan": "standard" }))];
    let seen =
        asks("tollgate client add bot --plan standard -q", std::slice::from_ref(&app), &wanted)
            .await;
    assert_eq!(seen.out, "c\n");
    let body = json!({ "plan": null, "state": "disabled" });
    let wanted = [("PATCH /api/v1/clients/c", body)];
    asks("tollgate client set c --plan= --state disabled --yes", &[app], &wanted).await;
}

#[tokio::test]
async fn tools_of_others_are_installed_verified_and_disconnected() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "hush\n").unwrap();
    let install = json!({ "id": "i", "state": "token_issued" });
    let line = format!(
        "tollgate install add todo.example.com --client-id us --confirm-host id.example.org \
         --client-secret-file {}",
        file.display()
    );
    let body = json!({
        "domain": "todo.example.com", "client_id": "us", "client_secret": "hush",
        "confirmed_hosts": ["id.example.org"],
    });
    let wanted = [("POST /api/v1/installs", body)];
    let seen = asks(&line, std::slice::from_ref(&install), &wanted).await;
    assert!(!seen.out.contains("hush") && !seen.talk.contains("hush"));
    let body = json!({ "scope": null, "pkce": false, "state_optional": true, "suspended": true });
    let wanted = [("PATCH /api/v1/installs/i", body)];
    let line = "tollgate install set i --scope= --pkce false --state-optional true --suspend";
    asks(line, &[install], &wanted).await;
    let wanted = [("POST /api/v1/installs/i/accept", json!({ "hash": "0f" }))];
    let line = "tollgate install accept i 0f";
    asks(line, &[json!({ "id": "i", "state": "active" })], &wanted).await;
    let wanted = [("POST /api/v1/installs/look", json!({ "domain": "a.example" }))];
    asks("tollgate install look a.example", &[json!({ "name": "A" })], &wanted).await;

    let found = |state| vec![(200, json!({ "result": "found", "state": state }).to_string())];
    let stage = Stage { answers: found("token_issued"), ..Stage::default() };
    assert!(stage.run("tollgate install verify i").await.unwrap().end.is_err());
    let stage = Stage { answers: found("active"), ..Stage::default() };
    done(&stage.run("tollgate install verify i").await.unwrap());
    let stage = Stage { answers: vec![(204, String::new())], ..Stage::default() };
    done(&stage.run("tollgate connection remove c --yes").await.unwrap());
}

#[tokio::test]
async fn sign_in_providers_are_made_changed_and_tested() {
    let provider = json!({ "id": "co", "kind": "oidc" });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "hush\n").unwrap();
    let line = format!(
        "tollgate provider add co oidc --client-id us --issuer https://id.example.com \
         --endpoint token=https://id.example.com/t --field subject=uid --scope openid \
         --scope email --client-secret-file {}",
        file.display()
    );
    let body = json!({
        "id": "co", "kind": "oidc", "client_id": "us", "issuer": "https://id.example.com",
        "endpoints": { "token": "https://id.example.com/t" }, "fields": { "subject": "uid" },
        "scopes": ["openid", "email"], "client_secret": "hush",
    });
    let wanted = [("POST /api/v1/providers", body)];
    let seen = asks(&line, std::slice::from_ref(&provider), &wanted).await;
    assert!(!seen.out.contains("hush") && !seen.talk.contains("hush"));
    let line = "tollgate provider change co --enabled false --name= --endpoint token= --scope= \
                --no-client-secret --yes";
    let body = json!({
        "enabled": false, "name": null, "endpoints": { "token": null }, "scopes": null,
        "client_secret": null,
    });
    asks(line, &[provider], &[("PATCH /api/v1/providers/co", body)]).await;

    let found = |ok| {
        let finding = json!({ "part": "token", "code": "unreachable", "ok": ok, "detail": null });
        vec![(200, json!({ "findings": [finding] }).to_string())]
    };
    let stage = Stage { answers: found(false), ..Stage::default() };
    let seen = stage.run("tollgate provider test co").await.unwrap();
    assert!(seen.end.is_err() && seen.out.contains("unreachable"), "{}", seen.out);
    let stage = Stage { answers: found(true), ..Stage::default() };
    done(&stage.run("tollgate provider test co").await.unwrap());
}

#[tokio::test]
async fn a_providers_key_comes_from_a_file_or_stdin() {
    let upstream = json!({ "id": "local", "base_url": "http://127.0.0.1:1/v1" });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "sk-file\n").unwrap();
    let line = format!(
        "tollgate upstream add local http://127.0.0.1:1/v1 --header api-key --api-key-file {}",
        file.display()
    );
    let body = json!({
        "id": "local", "base_url": "http://127.0.0.1:1/v1", "header": "api-key",
        "api_key": "sk-file",
    });
    let seen =
        asks(&line, std::slice::from_ref(&upstream), &[("POST /api/v1/upstreams", body)]).await;
    assert!(!seen.out.contains("sk-file") && !seen.talk.contains("sk-file"));
    let answers = vec![(200, upstream.to_string())];
    let stage = Stage { answers, piped: " sk-piped \n", ..Stage::default() };
    let line = "tollgate upstream set local --api-key-file - --header=";
    let seen = stage.run(line).await.unwrap();
    done(&seen);
    assert_eq!(seen.requests[0].1, json!({ "api_key": "sk-piped", "header": null }));
    for line in [
        "tollgate upstream set local --api-key-file -",
        "tollgate upstream set local --api-key-file /nowhere/at/all",
        "tollgate upstream set local --api-key-env TOLLGATE_TEST_NOT_SET",
    ] {
        let seen = Stage::default().run(line).await.unwrap();
        assert!(seen.end.is_err() && seen.requests.is_empty(), "{line}");
    }
}

#[tokio::test]
async fn an_alias_keeps_its_budgets_unless_told() {
    let budgets = json!([{ "unit": "calls", "limit": 7, "period": "week" }]);
    let alias = json!({
        "alias": "small", "upstream": "openai", "model": "gpt-4o-mini", "budgets": budgets,
        "price": { "input_nano": 150_000_000, "output_nano": 600_000_000 },
    });
    let line = "tollgate model set small openai gpt-4o-mini";
    let body = json!({ "upstream": "openai", "model": "gpt-4o-mini", "budgets": budgets });
    let wanted = [("GET /api/v1/models/small", json!(null)), ("PUT /api/v1/models/small", body)];
    let seen = asks(line, &[alias.clone(), alias.clone()], &wanted).await;
    assert!(seen.out.contains("$0.15") && seen.out.contains("$0.60"), "{}", seen.out);
    let none = (404, r#"{"detail":"There is no such thing."}"#.to_owned());
    let answers = vec![none, (201, alias.to_string())];
    let seen = Stage { answers, ..Stage::default() }.run(line).await.unwrap();
    done(&seen);
    assert_eq!(seen.requests[1].1, json!({ "upstream": "openai", "model": "gpt-4o-mini" }));
    let body = json!({ "upstream": "openai", "model": "gpt-4o-mini", "budgets": [] });
    let wanted = [("PUT /api/v1/models/small", body)];
    asks(&format!("{line} --no-budgets"), std::slice::from_ref(&alias), &wanted).await;
    let unpriced = json!({ "alias": "own", "upstream": "u", "model": "m", "price": null });
    let wanted = [("GET /api/v1/models?limit=500", json!(null))];
    let seen = asks("tollgate model list", &[page([alias, unpriced])], &wanted).await;
    assert!(seen.out.contains("no price"), "{}", seen.out);
}

fn used(day: &str, model: &str, figures: [i64; 4]) -> Value {
    let [calls, input, output, cost] = figures;
    json!({
        "day": day, "model": model, "calls": calls, "input_tokens": input, "cached_tokens": 1,
        "output_tokens": output, "cost_nano": cost, "held_nano": 0, "unpriced": 0,
        "estimated": 0, "interrupted": 0,
    })
}

#[tokio::test]
async fn usage_is_a_table_with_totals_and_bars_on_a_terminal() {
    let items = [
        used("2026-11-20", "a", [1, 1_000, 500, 1_500_000]),
        used("2026-11-20", "b", [2, 500, 0, 0]),
        used("2026-11-21", "a", [3, 500, 500, 2_000_000_000]),
    ];
    let wanted = [("GET /api/v1/usage?by=day%2Cmodel&from=2026-11-20", json!(null))];
    let line = "tollgate usage --from 2026-11-20";
    let seen = asks(line, &[page(items.clone())], &wanted).await;
    let table = "\
DAY         MODEL  CALLS  INPUT  CACHED  OUTPUT     COST
2026-11-20  a          1  1,000       1     500  $0.0015
2026-11-20  b          2    500       1       0    $0.00
2026-11-21  a          3    500       1     500    $2.00
total                  6  2,000       3   1,000    $2.00
";
    assert_eq!(seen.out, table);
    let mut stage = Stage::answering([page(items.clone())]);
    stage.width = Some(100);
    let seen = stage.run(line).await.unwrap();
    let bars: Vec<usize> = seen.out.lines().map(|line| line.matches('█').count()).collect();
    assert_eq!(bars, [0, 16, 0, 8, 0], "{}", seen.out);
    let mut odd = used("2026-11-21", "a", [3, 500, 500, 0]);
    odd["unpriced"] = json!(3);
    odd["estimated"] = json!(1);
    let wanted = [("GET /api/v1/usage?by=day", json!(null))];
    let seen = asks("tollgate usage --by day", &[page([odd])], &wanted).await;
    assert!(seen.out.contains("no price  3 without a price, 1 estimated"), "{}", seen.out);
}

#[tokio::test]
async fn usage_passes_filters_and_csv_through() {
    let csv = "day,calls\r\n2026-11-20,1\r\n";
    let answers = vec![(200, page([ada()]).to_string()), (200, csv.to_owned())];
    let line = "tollgate usage --by day,key --to 2026-11-21 --user ada@example.com --key k \
                --client c --group g --model m --csv";
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let seen = Stage { answers, ..Stage::default() }.run(&line).await.unwrap();
    done(&seen);
    assert_eq!(seen.out, csv);
    let asked = format!(
        "GET /api/v1/usage?by=day%2Ckey&to=2026-11-21&key=k&client=c&group=g&model=m&user={ADA}\
         &format=csv"
    );
    assert_eq!(seen.requests[1].0, asked);
}

#[tokio::test]
async fn limits_tell_what_is_left() {
    let limit = |kind: &str, id: &str, unit: &str| {
        json!({
            "scope": { "kind": kind, "id": id }, "unit": unit, "period": "month",
            "limit": 5_000_000_000_i64, "used": 1_000_000_000, "held": 500_000_000,
            "left": 3_500_000_000_i64, "resets_at": "2026-12-01T00:00:00Z",
        })
    };
    let items = [limit("plan", "small", "money"), limit("installation", "", "tokens")];
    let wanted = [("GET /api/v1/limits", json!(null))];
    let seen = asks("tollgate limits", &[page(items)], &wanted).await;
    let table = "\
SCOPE         UNIT    PERIOD          LIMIT           USED         HELD           LEFT  RESETS
plan small    money   month           $5.00          $1.00        $0.50          $3.50  \
2026-12-01 00:00Z
installation  tokens  month   5,000,000,000  1,000,000,000  500,000,000  3,500,000,000  \
2026-12-01 00:00Z
";
    assert_eq!(seen.out, table);
    let seen = asks("tollgate limits", &[page([])], &wanted).await;
    assert!(seen.out.is_empty() && seen.talk.contains("No budget counts here"), "{}", seen.talk);
}

#[tokio::test]
async fn refusals_are_told_in_the_servers_words() {
    let body = r#"{"detail":"There is no plan called x.","param":"plan","request_id":"req-1"}"#;
    let stage = Stage { answers: vec![(400, body.to_owned())], ..Stage::default() };
    let seen = stage.run("tollgate client add bot --plan x --json").await.unwrap();
    let exit = seen.end.unwrap_err();
    let told = "error: There is no plan called x. (param plan, request req-1)";
    assert_eq!((exit.to_string().as_str(), exit.code()), (told, 2));
    assert_eq!(seen.out, "");
}

#[tokio::test]
async fn names_that_would_leave_their_place_are_not_asked_for() {
    for id in ["..", "."] {
        let line = format!("tollgate plan remove {id} --yes");
        let seen = Stage::default().run(&line).await.unwrap();
        assert!(seen.end.is_err() && seen.requests.is_empty(), "{id}");
    }
    let wanted = [("GET /api/v1/plans/a%2Fb%3Fc", json!(null))];
    asks("tollgate plan show a/b?c", &[json!({ "id": "x" })], &wanted).await;
}

#[tokio::test]
async fn the_limits_of_a_key_are_asked_for_with_that_key() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    // Every shell has PATH; a key never looks like it, which a recorder does not mind.
    let key = std::env::var("PATH").unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stage = Stage { listen: Some(listener.local_addr().unwrap()), ..Stage::default() };
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 64 * 1024];
        let read = stream.read(&mut head).await.unwrap();
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 26\r\n\r\n{\"items\":[], \"next\": null}";
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&head[..read]).into_owned()
    });
    let seen = stage.run("tollgate limits --key-env PATH").await.unwrap();
    done(&seen);
    let head = serving.await.unwrap();
    assert!(head.starts_with("GET /api/v1/me/limits "), "{head}");
    assert!(head.contains(&format!("authorization: Bearer {key}\r\n")), "{head}");
    assert!(seen.requests.is_empty() && seen.talk.contains("No budget counts here"));
    let seen = Stage::default().run("tollgate limits --key-env TOLLGATE_TEST_NOT_SET").await;
    assert!(seen.unwrap().end.is_err_and(|exit| exit.code() == 2));
}

#[tokio::test]
async fn a_key_keeps_the_rates_that_are_not_named() {
    let key = json!({ "id": "k1", "rates": { "requests_per_minute": 5, "concurrent": 2 } });
    let body = json!({ "name": "desk", "rates": { "requests_per_minute": 7, "concurrent": 2 } });
    let wanted = [("GET /api/v1/keys/k1", json!(null)), ("PATCH /api/v1/keys/k1", body)];
    let line = "tollgate key set k1 --name desk --requests-per-minute 7";
    asks(line, &[key.clone(), key.clone()], &wanted).await;
    let body = json!({ "models": [], "budgets": [] });
    let wanted = [("PATCH /api/v1/keys/k1", body)];
    asks("tollgate key set k1 --model= --no-budgets", &[key], &wanted).await;
}

#[tokio::test]
async fn entries_are_listed_by_every_filter_and_released_after_a_word() {
    let entry = json!({
        "call_id": "c1", "attempt": 1, "at": "2026-11-21T07:30:00Z", "state": "crash_reserve",
        "model": "", "upstream": null, "hold_nano": 5_000_000_000_i64, "cost_nano": null,
        "budget": "user/a/money/day", "released_at": "2026-11-21T08:30:00Z",
    });
    let wanted = [("GET /api/v1/entries?model=m&state=crash_reserve&limit=3", json!(null))];
    let line = "tollgate entry list --state crash_reserve --model m --limit 3";
    let seen = asks(line, &[page([entry.clone()])], &wanted).await;
    assert!(seen.out.contains("$5.00") && seen.out.contains("no price"), "{}", seen.out);
    let wanted = [("POST /api/v1/entries/c1/release", json!(null))];
    let seen = asks("tollgate entry release c1 --yes", &[entry], &wanted).await;
    assert!(seen.out.contains("2026-11-21 08:30Z"), "{}", seen.out);
    let unasked = Stage::default().run("tollgate entry release c1").await.unwrap();
    assert!(unasked.requests.is_empty() && unasked.end.is_err());
}

#[tokio::test]
async fn audit_sessions_and_settings_have_their_verbs() {
    let record = json!({ "seq": 7, "at": "2026-11-21T07:30:00Z", "actor": "user:a",
        "action": "key.revoke", "target": "key:k", "from": null, "request_id": "r" });
    let wanted = [("GET /api/v1/audit?action=key.revoke&limit=500", json!(null))];
    let seen = asks("tollgate audit --action key.revoke", &[page([record])], &wanted).await;
    assert!(seen.out.contains("key:k"), "{}", seen.out);
    let session = json!({ "id": "s1", "user": ADA, "created_at": "2026-11-21T07:30:00Z" });
    let wanted = [("GET /api/v1/sessions?limit=500", json!(null))];
    let seen = asks("tollgate session list --quiet", &[page([session])], &wanted).await;
    assert_eq!(seen.out, "s1\n");
    let wanted = [("DELETE /api/v1/sessions/s1", json!(null))];
    asks("tollgate session end s1 --yes", &[json!(null)], &wanted).await;
    let settings = json!({ "registration": "open", "default_plan": null, "budgets": [] });
    let wanted = [("GET /api/v1/settings", json!(null))];
    let seen =
        asks("tollgate settings show --json", std::slice::from_ref(&settings), &wanted).await;
    assert_eq!(serde_json::from_str::<Value>(&seen.out).unwrap(), settings);
    let body = json!({ "registration": "open", "default_plan": null,
        "budgets": [{ "unit": "calls", "limit": 9, "period": "day" }] });
    let wanted = [("PATCH /api/v1/settings", body)];
    let line = "tollgate settings set --registration open --default-plan= --budget calls:9:day";
    asks(line, &[settings], &wanted).await;
}

#[tokio::test]
async fn limits_are_asked_for_by_name() {
    for (line, wanted) in [
        ("tollgate limits --group lab", "GET /api/v1/limits?group=lab"),
        ("tollgate limits --key k1", "GET /api/v1/limits?key=k1"),
        ("tollgate limits --user u1", "GET /api/v1/limits?user=u1"),
    ] {
        asks(line, &[page([])], &[(wanted, json!(null))]).await;
    }
}
