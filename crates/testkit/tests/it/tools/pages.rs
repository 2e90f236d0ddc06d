//! The pages about tools: the owner's, and the one where a person makes a key.

use serde_json::{Value, json};
use tollgate_kernel::Role;
use tollgate_testkit::{Answer, Browser};

use super::House;

/// Sends a form of a page.
async fn sent(browser: &Browser, path: &str, fields: &[(&str, &str)]) -> Answer {
    let mut form = vec![("csrf", browser.csrf.as_str())];
    form.extend(fields);
    browser.send(browser.request("POST", path).form(&form)).await.unwrap()
}

async fn owner(house: &House) -> Browser {
    let user = house.server.add_user("owner@example.com", Some("alice")).await.unwrap();
    house.server.set_role(user, Role::Owner).await.unwrap();
    house.server.signed_in(user).await.unwrap()
}

#[tokio::test]
async fn an_owner_offers_an_api_and_gives_a_service_a_token() {
    let house = House::new().await;
    let browser = owner(&house).await;
    let empty = browser.get("/admin/tools").await.unwrap();
    assert!(empty.text.contains("No API is offered yet."), "{}", empty.text);
    let upstream = house.todo.url();
    let openapi = format!("{upstream}/openapi.yaml");
    let fields = [
        ("id", "todo"),
        ("upstream_url", upstream.as_str()),
        ("openapi_url", openapi.as_str()),
        ("auth", "service_http"),
        ("authorization_type", "basic"),
    ];
    let made = sent(&browser, "/admin/tools", &fields).await;
    assert_eq!(made.header("location"), "/admin/tools/todo?saved=1", "{}", made.text);
    let again = sent(&browser, "/admin/tools", &fields).await;
    assert_eq!(again.status, 400);
    assert!(again.text.contains("id=\"id-error\""), "{}", again.text);

    let page = browser.get("/admin/tools/todo").await.unwrap().text;
    for text in [&house.at("todo"), "/.well-known/ai-plugin.json", "dev.loopback_tools"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let shown = sent(&browser, "/admin/tools/todo/tokens", &[("new_service", "openai")]).await;
    assert_eq!(shown.status, 201, "{}", shown.text);
    assert!(shown.text.contains("Authorization: Basic tg_tool_"), "{}", shown.text);
    let token = shown.text.split_once(">tg_tool_").expect("the token").1;
    let token = format!("tg_tool_{}", token.split('<').next().unwrap());
    let plugin = house.plugin("todo").await;
    let call = plugin.call("listTodos", Some(&plugin.header(&token)), None).await.unwrap();
    assert_eq!(call.status, 200, "{}", call.text);

    let path = "/admin/tools/todo/verification";
    let set = sent(&browser, path, &[("service", "openai"), ("token", "abc123")]).await;
    assert_eq!(set.status, 303, "{}", set.text);
    let plugin = house.plugin("todo").await;
    assert_eq!(plugin.manifest["auth"]["verification_tokens"], json!({"openai": "abc123"}));
    let page = browser.get("/admin/tools/todo").await.unwrap().text;
    assert!(page.contains("abc123") && !page.contains(&token), "shown once");
    let (_, id) = page.split_once("/admin/tools/todo/tokens/").expect("its button");
    let path = format!("/admin/tools/todo/tokens/{}", id.split('"').next().unwrap());
    assert_eq!(sent(&browser, &path, &[("what", "revoke")]).await.status, 303);
    let call = plugin.call("listTodos", Some(&plugin.header(&token)), None).await.unwrap();
    assert_eq!(call.status, 401);
    let others = house.browser.get("/admin/tools").await.unwrap();
    assert_eq!(others.status, 403);
    house.stop().await;
}

#[tokio::test]
async fn an_owner_changes_what_a_manifest_says_and_accepts_a_plugin() {
    let house = House::new().await;
    let browser = owner(&house).await;
    house.tool("todo", json!({"auth": {"type": "oauth"}})).await;
    let upstream = house.todo.url();
    let fields = |name| {
        [
            ("upstream_url", upstream.as_str()),
            ("auth", "oauth"),
            ("scope", "todo.read"),
            ("authorization_type", "bearer"),
            ("authorization_content_type", "application/x-www-form-urlencoded"),
            ("state", "active"),
            ("name_for_human", name),
        ]
    };
    let long = "x".repeat(21);
    let refused = sent(&browser, "/admin/tools/todo", &fields(&long)).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("id=\"name_for_human-error\""), "{}", refused.text);
    let saved = sent(&browser, "/admin/tools/todo", &fields("Lists")).await;
    assert_eq!(saved.status, 303, "{}", saved.text);
    let shown = house.done("GET", "/api/v1/tools/todo", Value::Null).await;
    assert_eq!(shown["manifest"]["name_for_human"], "Lists");
    assert_eq!(shown["auth"]["scope"], "todo.read");

    let plugin = "plugin-0193b3c0-0000-7000-8000-000000000002";
    let form = [("plugin_id", plugin), ("accepted", "true")];
    assert_eq!(sent(&browser, "/admin/tools/todo/callbacks", &form).await.status, 303);
    for language in ["en", "ja", "zh-Hans"] {
        let request = browser.request("GET", "/admin/tools/todo");
        let page = browser.send(request.header("accept-language", language)).await.unwrap();
        assert!(page.text.contains(plugin), "{}", page.text);
        assert!(page.text.contains(&format!("lang=\"{language}\"")), "{language}");
    }
    house.stop().await;
}

#[tokio::test]
async fn an_owner_is_warned_of_what_is_on_another_site() {
    let house = House::new().await;
    let browser = owner(&house).await;
    let page = async |language: &str| {
        let request = browser.request("GET", "/admin/tools/todo");
        browser.send(request.header("accept-language", language)).await.unwrap().text
    };
    let manifest = json!({"legal_info_url": "https://www.example.com/terms",
        "contact_email": "help@mail.example.com", "logo_url": "/logo.png"});
    house.tool("todo", json!({"host": "todo.example.com", "manifest": manifest})).await;
    let fine = page("en").await;
    assert!(fine.contains("Nothing: manifest and OpenAPI document"), "{fine}");
    let manifest = json!({"legal_info_url": "https://terms.example.org/",
        "contact_email": "help@example.net", "logo_url": "https://badexample.com/logo.png"});
    house.done("PATCH", "/api/v1/tools/todo", json!({"manifest": manifest})).await;
    for (language, word) in
        [("en", "legal page"), ("ja", "利用規約のページ"), ("zh-Hans", "法律信息页面")]
    {
        let warned = page(language).await;
        for place in ["https://terms.example.org/", "help@example.net", "https://badexample.com/"] {
            assert!(warned.contains(&format!("<li>{place}")), "{language} {place}: {warned}");
        }
        assert!(warned.contains(word), "{language}: {warned}");
    }
    // Tenants of one host of pages are strangers to each other (PH-10).
    let tenants = json!({"host": "one.github.io", "manifest":
        {"legal_info_url": "https://two.github.io/terms", "contact_email": "", "logo_url": ""}});
    house.done("PATCH", "/api/v1/tools/todo", tenants).await;
    assert!(page("en").await.contains("<li>https://two.github.io/terms"));
    house.stop().await;
}

#[tokio::test]
async fn a_person_makes_a_key_for_a_tool_and_is_told_what_to_paste() {
    let house = House::new().await;
    let auth = json!({"type": "user_http", "authorization_type": "basic"});
    house.tool("todo", json!({"auth": auth})).await;
    let page = house.browser.get("/account/keys?tool=todo").await.unwrap().text;
    assert!(page.contains("id=\"tool\"") && page.contains("value=\"todo\""), "{page}");
    let made = sent(&house.browser, "/account/keys", &[("name", "t"), ("tool", "todo")]).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert!(made.text.contains("Authorization: Basic tg_user_"), "{}", made.text);
    let key = made.text.split_once(">tg_user_").expect("the key").1;
    let key = format!("tg_user_{}", key.split('<').next().unwrap());
    let plugin = house.plugin("todo").await;
    let call = plugin.call("listTodos", Some(&plugin.header(&key)), None).await.unwrap();
    assert_eq!(call.status, 200, "{}", call.text);
    let wrong = sent(&house.browser, "/account/keys", &[("name", "t"), ("tool", "no")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("id=\"tool-error\""), "{}", wrong.text);
    house.stop().await;
}
