//! Plans, groups and models by form.

use super::*;

#[tokio::test]
async fn a_plan_is_made_and_changed_without_scripts() {
    let house = House::new().await;
    let ada = owner(&house).await;
    let fields = [
        ("id", "small"),
        ("models", "gpt-4o*\r\n text-embedding-3-small \r\n"),
        ("tools", "todo\r\n notes \r\n"),
        ("requests_per_minute", "20"),
        ("tokens_day", "100,000"),
        ("money_month", "$2.50"),
        ("time_zone", "Asia/Tokyo"),
        ("max_output_tokens", ""),
    ];
    let (status, place, _) = house.submit(&ada, "/admin/new-plan", &fields).await;
    assert_eq!((status, place.as_str()), (303, "/admin/plans?saved=1"));
    let plan = house.done("GET", "/api/v1/plans/small", Value::Null).await;
    assert_eq!(plan["models"], json!(["gpt-4o*", "text-embedding-3-small"]));
    assert_eq!(plan["tools"], json!(["todo", "notes"]));
    assert_eq!(plan["rates"], json!({"requests_per_minute": 20}));
    let budgets = json!([
        {"unit": "money", "limit": 2_500_000_000_i64, "period": "month"},
        {"unit": "tokens", "limit": 100_000, "period": "day"},
    ]);
    assert_eq!(plan["budgets"], budgets);
    assert_eq!(plan["max_output_tokens"], 4_096);

    // The form of the plan has what was stored; sent back as it is, nothing changes.
    let (_, html) = house.page(&ada, "/admin/plans/small").await;
    for value in ["value=\"2.50\"", "value=\"100000\"", "value=\"Asia/Tokyo\"", "value=\"4096\""] {
        assert!(html.contains(value), "{value}");
    }
    assert!(html.contains(">\ntodo\nnotes</textarea>"), "{html}");
    let fields = [("models", "*"), ("time_zone", "UTC"), ("max_output_tokens", "100")];
    let (status, ..) = house.submit(&ada, "/admin/plans/small", &fields).await;
    assert_eq!(status, 303);
    let plan = house.done("GET", "/api/v1/plans/small", Value::Null).await;
    assert_eq!((&plan["budgets"], &plan["rates"]), (&json!([]), &json!({})));
    assert_eq!(plan["tools"], json!(["todo", "notes"]), "nothing was said of them");
    for (typed, tools) in [("", json!([])), (" * ", Value::Null), ("* todo", json!(["*", "todo"]))]
    {
        let fields = [&fields[..], &[("tools", typed)]].concat();
        assert_eq!(house.submit(&ada, "/admin/plans/small", &fields).await.0, 303);
        let plan = house.done("GET", "/api/v1/plans/small", Value::Null).await;
        assert_eq!(plan["tools"], tools, "{typed:?}");
    }
    let (_, html) = house.page(&ada, "/admin/new-plan").await;
    assert!(html.contains("name=\"tools\""), "{html}");
    let (_, html) = house.page(&ada, "/admin/plans?saved=1").await;
    assert!(html.contains("Saved. It counts from now on."));
}

#[tokio::test]
async fn a_form_comes_back_with_what_was_typed_and_what_is_wrong() {
    let house = House::new().await;
    let ada = owner(&house).await;
    let cases = [
        ("id", "Big Plan", "Big Plan"),
        ("models", "a*b", "a*b"),
        ("tools", "todo*", "todo*"),
        ("requests_per_minute", "none", "none"),
        ("money_day", "<script>", "&#60;script&#62;"),
        ("time_zone", "Mars/Olympus", "Mars/Olympus"),
        ("max_output_tokens", "0", "value=\"0\""),
    ];
    for (field, typed, shown) in cases {
        let mut fields = vec![("id", "big"), ("models", "*"), ("time_zone", "UTC")];
        fields.retain(|(name, _)| *name != field);
        fields.push((field, typed));
        let (status, _, html) = house.submit(&ada, "/admin/new-plan", &fields).await;
        assert_eq!(status, 400, "{field}");
        assert!(html.contains(shown), "{field}: {html}");
        assert!(html.contains(&format!("href=\"#{field}\"")), "{field}: {html}");
        assert!(html.contains(&format!("id=\"{field}-error\"")), "{field}: {html}");
    }
    // All that is wrong is said at once.
    let all: Vec<_> = cases.iter().map(|(field, typed, _)| (*field, *typed)).collect();
    let (_, _, html) = house.submit(&ada, "/admin/new-plan", &all).await;
    for (field, ..) in cases {
        assert!(html.contains(&format!("href=\"#{field}\"")), "{field}: {html}");
    }
    house.done("POST", "/api/v1/plans", json!({"id": "big"})).await;
    let fields = [("id", "big"), ("models", "*")];
    let (status, _, html) = house.submit(&ada, "/admin/new-plan", &fields).await;
    assert_eq!(status, 400);
    assert!(html.contains("This name is taken."));
}

#[tokio::test]
async fn a_group_is_made_and_changed_by_form() {
    let house = House::new().await;
    house.done("POST", "/api/v1/plans", json!({"id": "small"})).await;
    let ada = owner(&house).await;
    let bob = house.person("bob", Role::Member, None).await;
    let fields = [
        ("id", "research"),
        ("name", ""),
        ("plan", "small"),
        ("priority", "10"),
        ("members", "bob@example.com\r\nowner@example.com\r\nbob@example.com"),
        ("money_month", "5"),
    ];
    let (status, place, _) = house.submit(&ada, "/admin/new-group", &fields).await;
    assert_eq!((status, place.as_str()), (303, "/admin/groups?saved=1"));
    assert_eq!(house.last_act().await.0, "group.create");
    let group = house.done("GET", "/api/v1/groups/research", Value::Null).await;
    assert_eq!((&group["plan"], &group["priority"]), (&json!("small"), &json!(10)));
    let pool = json!([{"unit": "money", "limit": 5_000_000_000_i64, "period": "month"}]);
    assert_eq!((&group["pool"], &group["name"]), (&pool, &json!("research")));
    assert_eq!(group["members"].as_array().unwrap().len(), 2);

    // The form has what is stored, and what it does not send stays.
    let path = "/admin/groups/research";
    let (_, html) = house.page(&ada, path).await;
    assert!(html.contains("bob@example.com\nowner@example.com"), "{html}");
    let fields = [("name", "Research"), ("plan", ""), ("priority", "-1")];
    assert_eq!(house.submit(&ada, path, &fields).await.0, 303);
    let group = house.done("GET", "/api/v1/groups/research", Value::Null).await;
    assert_eq!((&group["plan"], &group["pool"]), (&Value::Null, &json!([])));
    assert_eq!(group["members"].as_array().unwrap().len(), 2);
    assert_eq!(house.submit(&ada, path, &[("name", "R"), ("members", "")]).await.0, 303);
    let group = house.done("GET", "/api/v1/groups/research", Value::Null).await;
    assert_eq!(group["members"], json!([]));
    assert!(house.page(&ada, "/admin/groups").await.1.contains("research"));

    let cases = [("id", "A B"), ("priority", "high"), ("members", "<eve@example.com>")];
    for (field, typed) in cases.into_iter().chain([("id", "research"), ("calls_day", "x")]) {
        let mut fields = vec![("id", "other"), (field, typed)];
        fields.retain(|(name, text)| *name != field || *text == typed);
        let (status, _, html) = house.submit(&ada, "/admin/new-group", &fields).await;
        assert_eq!(status, 400, "{field}");
        assert!(html.contains(&format!("id=\"{field}-error\"")), "{field}: {html}");
        assert!(!html.contains("<eve@"), "{html}");
    }
    assert_eq!(house.submit(&bob, path, &[("name", "Mine")]).await.0, 403);
    assert_eq!(house.submit(&ada, path, &[("nome", "x")]).await.0, 400);
}

#[tokio::test]
async fn a_model_is_made_by_form_and_shows_its_price() {
    let house = House::new().await;
    let ada = owner(&house).await;
    let (_, html) = house.page(&ada, "/admin/new-model").await;
    assert!(html.contains("there is none yet") && !html.contains(">Add model</button>"));
    let upstream = json!({"id": "openai", "base_url": "https://a.example.com"});
    house.done("POST", "/api/v1/upstreams", upstream).await;
    let make = async |id, model| {
        let fields = [("id", id), ("upstream", "openai"), ("model", model)];
        house.submit(&ada, "/admin/new-model", &fields).await
    };
    assert_eq!(make("fast", "priced").await.0, 303);
    assert_eq!(make("odd", "other").await.0, 303);
    let (_, html) = house.page(&ada, "/admin/models").await;
    assert!(html.contains("$2.50") && html.contains("$10.00") && html.contains("no price"));
    let (_, html) = house.page(&ada, "/admin/models/fast").await;
    assert!(html.contains("128,000") && html.contains("$1.25"), "{html}");

    // A new alias takes nobody's place.
    let (status, _, html) = make("fast", "other").await;
    assert_eq!(status, 400);
    assert!(html.contains("This name is taken."), "{html}");
    let change = [("upstream", "openai"), ("model", "other"), ("calls_day", "7")];
    assert_eq!(house.submit(&ada, "/admin/models/fast", &change).await.0, 303);
    assert_eq!(house.last_act().await, ("model.put".to_owned(), "model:fast".to_owned()));
    let model = house.done("GET", "/api/v1/models/fast", Value::Null).await;
    assert_eq!((&model["model"], &model["price"]), (&json!("other"), &Value::Null));
    assert_eq!(model["budgets"][0]["limit"], 7);
    for (field, change) in [
        ("upstream", [("upstream", "gone"), ("model", "x")]),
        ("model", [("upstream", "openai"), ("model", "")]),
    ] {
        let (status, _, html) = house.submit(&ada, "/admin/models/fast", &change).await;
        assert_eq!(status, 400, "{field}");
        assert!(html.contains(&format!("id=\"{field}-error\"")), "{field}: {html}");
    }
}
