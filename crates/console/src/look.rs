use crate::testing::*;
use serde_json::{Value, json};
use tollgate_kernel::*;
#[tokio::test]
async fn look() {
    let house = with_entries(|now| {
        let a: UserId = Call::id(0xaa).parse().unwrap();
        let b: UserId = Call::id(0xab).parse().unwrap();
        let mut calls = Vec::new();
        for n in 0..40u8 {
            let at = now.minus(std::time::Duration::from_secs(u64::from(n) * 20_000));
            calls.push(Call {
                user: Some(if n % 3 == 0 { a } else { b }),
                model: if n % 2 == 0 { "gpt-4o-mini" } else { "text-embedding-3-small" },
                state: if n < 4 {
                    EntryState::Failed
                } else if n == 7 {
                    EntryState::Estimated
                } else {
                    EntryState::Settled
                },
                ..settled(200 - n, at)
            });
        }
        for n in 0..4u8 {
            calls.push(Call { state: EntryState::Failed, ..settled(210 + n, now) });
        }
        calls
    })
    .await;
    let ada = house
        .known_person(
            "ada.lovelace",
            Role::Owner,
            None,
            (Call::id(0xaa).parse().unwrap(), Call::id(0xac).parse().unwrap()),
        )
        .await;
    let budgets = json!([{"unit": "tokens", "limit": 1_000_000, "period": "day"}, {"unit":"money","limit": 50_000_000_000i64,"period":"month"}]);
    house.done("POST", "/api/v1/plans", json!({"id": "standard", "rates": {"concurrent": 4, "requests_per_minute": 60, "tokens_per_minute": 200_000}, "budgets": budgets})).await;
    house.done("POST", "/api/v1/plans", json!({"id": "research", "models": ["gpt-4o*", "o3", "text-embedding-3-small"], "time_zone": "Asia/Tokyo"})).await;
    house
        .done(
            "POST",
            "/api/v1/upstreams",
            json!({"id": "openai", "base_url": "https://api.openai.com/v1", "api_key": "k"}),
        )
        .await;
    house
        .done(
            "POST",
            "/api/v1/upstreams",
            json!({"id": "local", "base_url": "http://127.0.0.1:8080/v1"}),
        )
        .await;
    house.done("PATCH", "/api/v1/settings", json!({"registration": "open", "budgets": [{"unit": "tokens", "limit": 3_000, "period": "day"}, {"unit":"money","limit":100_000_000_000i64,"period":"month"}]})).await;
    house
        .known_person(
            "grace.hopper",
            Role::Admin,
            Some("research"),
            (Call::id(0xab).parse().unwrap(), Call::id(0xad).parse().unwrap()),
        )
        .await;
    house.person("linus", Role::Member, Some("standard")).await;
    let empty = House::new().await;
    let eve = empty.person("eve", Role::Owner, None).await;
    std::fs::create_dir_all("/tmp/look").unwrap();
    let css = include_str!("../../edge/assets/tollgate.css");
    std::fs::write("/tmp/look/tollgate.css", css).unwrap();
    std::fs::write(
        "/tmp/look/console.css",
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/console.css"))
            .unwrap_or_default(),
    )
    .unwrap();
    let fix = |html: String| {
        let mut out = html;
        for name in ["tollgate", "console"] {
            let from = format!("/assets/{name}-");
            while let Some(at) = out.find(&from) {
                let end = out[at..].find('"').unwrap() + at;
                let ext = if out[at..end].ends_with("js") { "js" } else { "css" };
                out.replace_range(at..end, &format!("{name}.{ext}"));
            }
        }
        out
    };
    let user = format!("/admin/users/{}", ada.id);
    for language in ["en", "ja", "zh-Hans"] {
        for (name, path) in [
            ("overview", "/admin"),
            ("users", "/admin/users"),
            ("user", user.as_str()),
            ("plans", "/admin/plans?saved=1"),
            ("plan", "/admin/plans/standard"),
            ("usage", "/admin/usage?by=day,model,user"),
            ("upstreams", "/admin/upstreams"),
            ("upstream", "/admin/upstreams/openai"),
            ("settings", "/admin/settings"),
            ("audit", "/admin/audit"),
        ] {
            for (kind, house, who) in [("full", &house, &ada), ("empty", &empty, &eve)] {
                if kind == "empty" && matches!(name, "user" | "plan" | "upstream") {
                    continue;
                }
                for theme in ["light", "dark"] {
                    let cookie = format!(
                        "{}; tollgate-lang={language}; tollgate-theme={theme}",
                        who.session
                    );
                    let answer = house.send("GET", path, &[("cookie", &cookie)], "").await;
                    std::fs::write(
                        format!("/tmp/look/{name}-{kind}-{language}-{theme}.html"),
                        fix(text(answer).await),
                    )
                    .unwrap();
                }
            }
        }
    }
    let fields = [("id", "Big Plan"), ("models", "a*b"), ("money_day", "x"), ("time_zone", "UTC")];
    let (_, _, html) = house.submit(&ada, "/admin/new-plan", &fields).await;
    std::fs::write("/tmp/look/planerror-full-en-light.html", fix(html)).unwrap();
    let _ = Value::Null;
}
