//! What tools publish that is hostile, broken, or away.

use serde_json::{Value, json};
use tollgate_testkit::{Engine, PluginWays, Setup, TestServer};

use super::{House, codes};

async fn refused(house: &House, ways: impl FnOnce(&mut PluginWays)) -> (u16, String) {
    house.plugin.change(ways);
    let body = json!({ "domain": house.plugin.domain });
    let answer = house.asked("POST", "/api/v1/installs", body).await;
    assert_eq!(house.done("GET", "/api/v1/installs", Value::Null).await["items"], json!([]));
    (answer.status, answer.text)
}

#[tokio::test]
async fn p22_manifests_and_documents_that_are_hostile_are_refused_by_name() {
    let house = House::with(PluginWays::default()).await;
    let huge = format!("{{\"x\":\"{}\"}}", "x".repeat(300 * 1024));
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for (manifest, code) in [
        (huge.as_str(), "too_large"),
        (deep.as_str(), "not_json"),
        ("<html>hello</html>", "not_json"),
        ("{}", "auth_missing"),
        (r#"{"auth":{"type":"none"},"auth":{"type":"oauth"}}"#, "not_json"),
    ] {
        let manifest = manifest.to_owned();
        let (status, text) = refused(&house, |ways| ways.manifest = Some(manifest)).await;
        assert!(matches!(status, 400 | 502) && text.contains(code), "{status} {text} {code}");
    }
    let mut laughs = "openapi: 3.0.1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..10 {
        let again = format!("*a{}, ", n - 1).repeat(10);
        laughs.push_str(&format!("a{n}: &a{n} [{again}]\n"));
    }
    for document in [laughs.as_str(), "a: &a [*a]\n", "", "<html></html>", &"[".repeat(200_000)] {
        let document = document.to_owned();
        let (status, text) = refused(&house, |ways| {
            ways.manifest = None;
            ways.document = Some(document);
        })
        .await;
        assert_eq!(status, 400, "{text}");
        assert!(text.contains("spec_unreadable"), "{text}");
    }
}

/// Section 11: what a manifest or an owner names leads to no private address.
#[tokio::test]
async fn v16_private_addresses_are_not_spoken_to() {
    let house = House::with(PluginWays::default()).await;
    for domain in ["10.0.0.1", "169.254.169.254", "192.168.1.1:8080", "[fd00::1]", "2130706433"] {
        let answer = house.asked("POST", "/api/v1/installs", json!({ "domain": domain })).await;
        assert!(matches!(answer.status, 400 | 502), "{domain}: {}", answer.text);
    }
    // Ourselves: our pages are no tool.
    let own = house.server.url.trim_start_matches("http://").to_owned();
    let answer = house.asked("POST", "/api/v1/installs", json!({ "domain": own })).await;
    assert!(answer.status >= 400 && answer.text.contains("refused_address"), "{}", answer.text);
    let manifest = house.plugin.manifest();
    let plain = format!("http://{}/openapi.yaml", house.plugin.domain);
    for inside in ["http://127.0.0.1:9/openapi.yaml", "https://10.0.0.1/openapi.yaml"] {
        let moved = manifest.replace(&plain, inside);
        let (status, text) = refused(&house, |ways| ways.manifest = Some(moved)).await;
        assert_eq!(status, 400, "{text}");
        assert!(text.contains("api_url_outside"), "{text}");
    }
}

#[tokio::test]
async fn a_tool_that_is_away_is_named() {
    let house = House::with(PluginWays::default()).await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let domain = format!("localhost:{port}");
    let answer = house.asked("POST", "/api/v1/installs", json!({ "domain": domain })).await;
    assert_eq!(answer.status, 502, "{}", answer.text);
    assert!(answer.text.contains("localhost") && answer.text.contains("unreachable"));
}

/// A.9 (7): what is misspelt or stands in the wrong place installs with its code.
#[tokio::test]
async fn p12_p13_p15_an_odd_manifest_installs_with_its_codes() {
    let house = House::with(PluginWays::default()).await;
    let mut odd: Value = serde_json::from_str(&house.plugin.manifest()).unwrap();
    odd["schema_version"] = json!("v2");
    odd["name_for_human"] = json!("A name that is longer than it should be <script>");
    odd["contact_email"] = json!("nobody");
    odd["HttpAuthorizationType"] = json!("bearer");
    odd["verification_tokens"] = json!({ "tollgate": "x" });
    odd["api"] = json!({ "url": "/openapi.yaml", "has_user_authentication": "false" });
    let text = odd.to_string().replace("\"api\":{", "\"api\":{,").replace("{,", "{");
    house.plugin.change(|ways| ways.manifest = Some(text));
    let install = house.install(json!({})).await;
    assert_eq!(install["state"], "active");
    for code in [
        "schema_version",
        "name_for_human_long",
        "contact_invalid",
        "root_unknown_member",
        "api_type_missing",
        "api_url_relative",
        "api_user_auth_legacy",
        "api_user_auth_type",
    ] {
        assert!(codes(&install).contains(&code), "{code} {:?}", codes(&install));
    }
}

/// `localhost` has no other mode than `none`, unless tools are developed here.
#[tokio::test]
async fn a_tool_on_this_machine_has_no_secret_unless_it_is_developed() {
    let setup = Setup { loopback_tools: false, ..Setup::on(Engine::Sqlite) };
    let server = TestServer::start_as(setup).await.unwrap();
    let plugin = tollgate_testkit::HostedPlugin::start(PluginWays::default()).await.unwrap();
    let admin = server.with_bearer(&server.add_admin_key().await.unwrap());
    let body = json!({ "domain": plugin.domain });
    let made = admin.post("/api/v1/installs", &body).await.unwrap();
    assert_eq!(made.status, 201, "{}", made.text);
    plugin.change(|ways| ways.mode = "oauth");
    let refused = admin.post("/api/v1/installs", &body).await.unwrap();
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(refused.text.contains("loopback_auth"), "{}", refused.text);
}
