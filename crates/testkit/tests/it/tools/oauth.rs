//! People sign in for a tool at a host of plugins.

use serde_json::{Value, json};
use tollgate_testkit::{Answer, Plugin};
use url::{Url, form_urlencoded};

use super::{House, titles};

const PLUGIN: &str = "plugin-0193b3c0-0000-7000-8000-000000000001";
const TODAY: &str = "chatgpt.com";
const BEFORE: &str = "chat.openai.com";

impl House {
    /// An app of the tool's, as the host of plugins wants it.
    async fn app(&self, tool: &str) -> (String, String) {
        let body = json!({"name": "ChatGPT", "legacy": true, "resources": [self.at(tool)]});
        let made = self.done("POST", "/api/v1/clients", body).await;
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("client_id"), text("client_secret"))
    }

    /// Follows a browser from the plugin's sign-in button until it leaves us, with consent.
    async fn signs_in(&self, plugin: &Plugin, client_id: &str, host: &str) -> Answer {
        let callback = Plugin::callback(PLUGIN, host);
        let place = plugin.authorize_url(client_id, &callback, "0193-state");
        // The tool's own name has none of our cookies: it leads to us.
        let led = self.host.get(&place).await.unwrap();
        assert_eq!(led.status, 302, "{}", led.text);
        let place = led.header("location").to_owned();
        let path = place.strip_prefix(&self.server.url).expect("our origin").to_owned();
        let asked = self.browser.get(&path).await.unwrap();
        if !asked.text.contains("id=\"consent-form\"") {
            return asked;
        }
        let ticket = asked.text.split_once("name=\"ticket\" value=\"").expect("a ticket").1;
        let form = [
            ("csrf", self.browser.csrf.as_str()),
            ("ticket", ticket.split('"').next().unwrap()),
            ("decision", "allow"),
        ];
        self.browser.send(self.browser.request("POST", "/oauth/consent").form(&form)).await.unwrap()
    }
}

/// What the callback of the host is told.
fn told(answer: &Answer) -> (String, String, String) {
    let text = &answer.text;
    let place = match answer.header("location") {
        "" => text.split_once("https://chat").map(|(_, rest)| {
            let rest = rest.split(['"', '<']).next().unwrap_or_default();
            format!("https://chat{rest}").replace("&amp;", "&")
        }),
        place => Some(place.to_owned()),
    };
    let place = Url::parse(&place.unwrap_or_else(|| panic!("nowhere: {text}"))).unwrap();
    let pairs: std::collections::HashMap<String, String> =
        form_urlencoded::parse(place.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let of = |name: &str| pairs.get(name).cloned().unwrap_or_default();
    let origin = format!("{}{}", place.origin().ascii_serialization(), place.path());
    (origin, of("code"), of("state"))
}

#[tokio::test]
async fn people_sign_in_for_a_tool_in_both_content_types() {
    for content_type in ["application/json", "application/x-www-form-urlencoded"] {
        let house = House::new().await;
        let auth = json!({"type": "oauth", "scope": "todo.read todo.write",
            "authorization_content_type": content_type});
        house.tool("todo", json!({"auth": auth})).await;
        let app = house.app("todo").await;
        let app = (app.0.as_str(), app.1.as_str());
        let path = format!("/api/v1/tools/todo/callbacks/{PLUGIN}");
        house.done("PUT", &path, json!({"accepted": true})).await;
        let plugin = house.plugin("todo").await;
        assert_eq!(plugin.manifest["auth"]["client_url"], format!("{}/authorize", plugin.root));

        for host in [BEFORE, TODAY] {
            let answer = house.signs_in(&plugin, app.0, host).await;
            let (place, code, state) = told(&answer);
            let callback = Plugin::callback(PLUGIN, host);
            assert_eq!((place, state.as_str()), (callback.clone(), "0193-state"));
            let tokens = plugin.redeem(app, &code, &callback).await.unwrap();
            assert_eq!(tokens.status, 200, "{}", tokens.text);
            assert_eq!(tokens.header("cache-control"), "no-store");
            let tokens = tokens.json();
            assert_eq!(tokens["token_type"].as_str().unwrap().to_lowercase(), "bearer");
            assert!(tokens["expires_in"].is_u64());
            let access = plugin.header(tokens["access_token"].as_str().unwrap());
            let body = json!({"title": host});
            let added = plugin.call("addTodo", Some(&access), Some(&body)).await.unwrap();
            assert_eq!(added.status, 201, "{}", added.text);
            let claims = house.introduced();
            assert_eq!(claims["sub"], house.alice.to_string());
            assert_eq!(claims["client_id"], app.0);

            let refresh = tokens["refresh_token"].as_str().unwrap();
            let again = plugin.refresh(app, refresh).await.unwrap();
            assert_eq!(again.status, 200, "{}", again.text);
            assert!(again.json()["refresh_token"].is_string(), "always there");
            let access = plugin.header(again.json()["access_token"].as_str().unwrap());
            let listed = plugin.call("listTodos", Some(&access), None).await.unwrap();
            assert!(titles(&listed).contains(&host.to_owned()));
        }
        house.stop().await;
    }
}

#[tokio::test]
async fn an_unknown_plugin_is_refused_and_shown_to_the_owner_who_accepts_it() {
    let house = House::new().await;
    house.tool("todo", json!({"auth": {"type": "oauth"}})).await;
    let (client_id, _) = house.app("todo").await;
    let plugin = house.plugin("todo").await;
    let refused = house.signs_in(&plugin, &client_id, TODAY).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(refused.header("location").is_empty());

    let seen = house.done("GET", "/api/v1/tools/todo/callbacks", Value::Null).await;
    let seen = &seen["items"][0];
    assert_eq!((&seen["plugin_id"], &seen["accepted"]), (&json!(PLUGIN), &json!(false)));
    let path = format!("/api/v1/tools/todo/callbacks/{PLUGIN}");
    let set = house.done("PUT", &path, json!({"accepted": true})).await;
    let both = [BEFORE, TODAY].map(|host| Plugin::callback(PLUGIN, host));
    assert_eq!(set["redirect_uris"], json!(both));
    let client = house.done("GET", &format!("/api/v1/clients/{client_id}"), Value::Null).await;
    assert_eq!(client["redirect_uris"], json!(both));
    let (place, code, _) = told(&house.signs_in(&plugin, &client_id, TODAY).await);
    assert_eq!((place, code.is_empty()), (both[1].clone(), false));

    // And takes it back.
    house.done("PUT", &path, json!({"accepted": false})).await;
    assert_eq!(house.signs_in(&plugin, &client_id, TODAY).await.status, 400);
    let odd = house.asked("PUT", "/api/v1/tools/todo/callbacks/evil", json!({"accepted": true}));
    assert_eq!(odd.await.json()["param"], "plugin_id");
    house.stop().await;
}

#[tokio::test]
async fn t62_whoever_invents_plugins_takes_nobodys_place() {
    let house = House::new().await;
    house.tool("todo", json!({"auth": {"type": "oauth"}})).await;
    let (client_id, _) = house.app("todo").await;
    let plugin = house.plugin("todo").await;
    let comes = async |id: &str| {
        let callback = Plugin::callback(id, TODAY);
        let url = plugin.authorize_url(&client_id, &callback, "s");
        let refused = house.host.get(&url).await.unwrap();
        assert!((300..=400).contains(&refused.status), "{}", refused.text);
        let home = refused.header("location").to_owned();
        if !home.is_empty() {
            assert_eq!(house.host.get(&home).await.unwrap().status, 400);
        }
    };
    comes(PLUGIN).await;
    for n in 0..20 {
        comes(&format!("plugin-{n:08}-0000-4000-8000-000000000000")).await;
    }
    comes(PLUGIN).await;
    let seen = house.done("GET", "/api/v1/tools/todo/callbacks", Value::Null).await;
    let seen: Vec<&Value> =
        seen["items"].as_array().unwrap().iter().map(|item| &item["plugin_id"]).collect();
    assert_eq!(seen.len(), 5, "of one network: {seen:?}");
    assert!(seen.contains(&&json!(PLUGIN)));
    house.stop().await;
}

#[tokio::test]
async fn g3_a_token_for_another_audience_is_refused_at_a_tool() {
    let house = House::new().await;
    house.tool("todo", json!({"auth": {"type": "oauth"}})).await;
    house.tool("other", json!({"auth": {"type": "oauth"}})).await;
    let plugin = house.plugin("todo").await;
    for audience in [format!("{}/v1", house.server.url), house.at("other"), house.at("todo")] {
        let body = json!({"audience": audience});
        let made = house.browser.post("/api/v1/tokens", &body).await.unwrap();
        assert!(made.status < 300, "{audience}: {}", made.text);
        let token = made.json()["access_token"].as_str().unwrap().to_owned();
        let call = plugin.call("listTodos", Some(&plugin.header(&token)), None).await.unwrap();
        let wanted = if audience == house.at("todo") { 200 } else { 401 };
        assert_eq!(call.status, wanted, "{audience}: {}", call.text);
    }
    house.stop().await;
}
