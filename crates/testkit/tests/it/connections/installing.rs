//! Installing: what the owner does until people may connect.

use serde_json::{Value, json};
use tollgate_testkit::{PLUGIN_CLIENT_ID, PLUGIN_SECRET, PLUGIN_SERVICE_TOKEN, PluginWays};

use super::{House, codes};

#[tokio::test]
async fn a_tool_without_authentication_is_active_at_once() {
    let house = House::with(PluginWays::default()).await;
    let looked = json!({ "domain": house.plugin.domain });
    let found = house.done("POST", "/api/v1/installs/look", looked).await;
    assert_eq!((&found["auth"], &found["name"]), (&json!("none"), &json!("Todo list")));
    let none = house.done("GET", "/api/v1/installs", Value::Null).await;
    assert_eq!(none["items"].as_array().unwrap().len(), 0, "looking keeps nothing");

    let install = house.install(json!({})).await;
    assert_eq!((&install["state"], &install["auth"]), (&json!("active"), &json!("none")));
    assert_eq!(install["verification"], Value::Null);
    assert!(codes(&install).is_empty(), "{install}");
    let connection = house.begin(&install).await;
    assert_eq!(connection["state"], "active");
    assert_eq!(connection["authorize_url"], Value::Null);
}

/// The steps of PH-20 in the order of the protocol.
#[tokio::test]
async fn p9_ph20_a_service_token_is_verified_before_anybody_may_use_it() {
    let ways = PluginWays { mode: "service_http", ..PluginWays::default() };
    let house = House::with(ways).await;
    let install = house.install(json!({})).await;
    assert_eq!(install["state"], "fetched");
    assert_eq!(install["needs"], json!(["service_token"]));
    let path = format!("/api/v1/installs/{}", install["id"].as_str().unwrap());
    let early = house.asked("POST", &format!("{path}/verify"), Value::Null).await;
    assert_eq!(early.status, 409, "{}", early.text);
    let body = json!({ "install": install["id"] });
    let early = super::asked(&house.person, "POST", "/api/v1/connections", body.clone()).await;
    assert_eq!(early.status, 404, "{}", early.text);

    let install =
        house.done("PATCH", &path, json!({ "service_token": PLUGIN_SERVICE_TOKEN })).await;
    assert_eq!((&install["state"], &install["has_secret"]), (&json!("token_issued"), &json!(true)));
    assert_eq!(install["header"], "Authorization: Bearer …");
    assert!(!install.to_string().contains(PLUGIN_SERVICE_TOKEN));
    let token = install["verification"]["token"].as_str().unwrap();
    assert!(token.len() == 32 && token.bytes().all(|b| b"0123456789abcdef".contains(&b)));

    // Another service's token is not ours, and a wrong one is told apart from none.
    let first = house.look(&install).await;
    assert_eq!(
        (&first["result"], &first["state"]),
        (&json!("token_missing"), &json!("token_issued"))
    );
    house.plugin.change(|ways| {
        ways.verification_tokens.insert("openai".to_owned(), token.to_owned());
    });
    assert_eq!(house.look(&install).await["result"], "token_missing");
    house.plugin.change(|ways| {
        ways.verification_tokens.insert("tollgate".to_owned(), "f".repeat(32));
    });
    assert_eq!(house.look(&install).await["result"], "token_wrong");
    let still = super::asked(&house.person, "POST", "/api/v1/connections", body).await;
    assert_eq!(still.status, 404);

    let verified = house.verify(&install).await;
    assert_eq!((&verified["result"], &verified["state"]), (&json!("found"), &json!("active")));
    let connection = house.begin(&install).await;
    assert_eq!(connection["state"], "active", "users enter nothing");
}

/// A.9 (11): the token is there, and a cache in front hides it.
#[tokio::test]
async fn ph08_a_cache_that_serves_the_old_manifest_is_told_apart() {
    let ways = PluginWays { mode: "service_http", ..PluginWays::default() };
    let house = House::with(ways).await;
    let install = house.install(json!({ "service_token": PLUGIN_SERVICE_TOKEN })).await;
    let old = house.plugin.manifest();
    house.plugin.change(|ways| ways.cached = Some(old));
    let seen = house.plugin.manifests();
    let hidden = house.verify(&install).await;
    assert_eq!(
        (&hidden["result"], &hidden["state"]),
        (&json!("old_value_served"), &json!("token_issued"))
    );
    assert!(house.plugin.manifests() > seen, "it is not answered from what we keep");
    house.plugin.change(|ways| ways.cached = None);
    assert_eq!(house.look(&install).await["state"], "active");
}

/// A.9 (3): id and callback are known before the first attempt.
#[tokio::test]
async fn p19_ph04_the_redirect_uri_is_shown_before_the_first_try() {
    let house = House::oauth().await;
    let install = house.install(json!({})).await;
    assert_eq!(install["needs"], json!(["client_id", "client_secret"]));
    let uri = format!(
        "{}/aip/plugin-{}/oauth/callback",
        house.server.url,
        install["id"].as_str().unwrap()
    );
    assert_eq!(install["redirect_uri"], json!(uri));
    let path = format!("/api/v1/installs/{}", install["id"].as_str().unwrap());
    let both = json!({ "client_id": PLUGIN_CLIENT_ID, "client_secret": PLUGIN_SECRET });
    let entered = house.done("PATCH", &path, both).await;
    assert_eq!(
        (&entered["state"], &entered["client_id"]),
        (&json!("token_issued"), &json!(PLUGIN_CLIENT_ID))
    );
    assert!(!entered.to_string().contains(PLUGIN_SECRET));
    assert_eq!(house.verify(&entered).await["state"], "active");
}

/// PH-12: a host elsewhere is allowed only after the owner has seen and confirmed it.
#[tokio::test]
async fn p7_ph12_a_foreign_host_of_the_sign_in_waits_for_the_owners_yes() {
    let house = House::oauth().await;
    let manifest = house.plugin.manifest();
    let own = format!("http://{}/auth/oauth_exchange", house.plugin.domain);
    let foreign = manifest.replace(&own, "https://id.elsewhere.test/token");
    house.plugin.change(|ways| ways.manifest = Some(foreign));
    let both = json!({ "client_id": PLUGIN_CLIENT_ID, "client_secret": PLUGIN_SECRET });
    let install = house.install(both).await;
    assert_eq!(install["state"], "fetched");
    assert_eq!(install["unconfirmed_hosts"], json!(["id.elsewhere.test"]));
    assert_eq!(install["needs"], json!(["confirmed_hosts"]));
    assert!(codes(&install).contains(&"auth_oauth_other_domain"));
    let path = format!("/api/v1/installs/{}", install["id"].as_str().unwrap());
    let wrong = house.done("PATCH", &path, json!({ "confirmed_hosts": ["elsewhere.test"] })).await;
    assert_eq!(wrong["state"], "fetched", "another name is not that host");
    let yes = json!({ "confirmed_hosts": ["id.elsewhere.test"] });
    assert_eq!(house.done("PATCH", &path, yes).await["state"], "token_issued");
}

/// V21: mode, endpoints, api.url or token that change suspend the tool; then the secret that was
/// for another address is given up.
#[tokio::test]
async fn v13_v21_ph13_a_changed_manifest_suspends_and_moves_no_secret() {
    let house = House::oauth().await;
    let install = house.active().await;
    let connection = house.connect(&install).await;
    assert_eq!(connection["state"], "active");

    let manifest = house.plugin.manifest();
    let moved = manifest.replace("/auth/oauth_exchange", "/auth/elsewhere");
    house.plugin.change(|ways| ways.manifest = Some(moved));
    let first = house.look(&install).await;
    assert_eq!(
        (&first["result"], &first["state"]),
        (&json!("manifest_changed"), &json!("suspended"))
    );
    assert_eq!(first["install"]["suspended_because"], "changed");
    let body = json!({ "install": install["id"] });
    let closed = super::asked(&house.person, "POST", "/api/v1/connections", body).await;
    assert_eq!(closed.status, 404, "{}", closed.text);

    let hash = house.look(&install).await["install"]["found"]["hash"].clone();
    let path = format!("/api/v1/installs/{}/accept", install["id"].as_str().unwrap());
    let taken = house.done("POST", &path, json!({ "hash": hash })).await;
    assert_eq!(taken["state"], "fetched", "{taken}");
    assert_eq!(taken["has_secret"], false);
    assert_eq!(taken["needs"], json!(["client_secret"]));
    assert_eq!(house.connection(&connection).await["state"], "needs_reauth");
}

/// V20: the API moves outside the root domain.
#[tokio::test]
async fn v20_an_api_that_moves_elsewhere_is_not_followed() {
    let ways = PluginWays { mode: "service_http", ..PluginWays::default() };
    let house = House::with(ways).await;
    let install = house.install(json!({ "service_token": PLUGIN_SERVICE_TOKEN })).await;
    assert_eq!(house.verify(&install).await["state"], "active");
    house.plugin.change(|ways| ways.servers = vec!["https://evil.test/v1".to_owned()]);
    let now = house.look(&install).await;
    let own = format!("http://{}", house.plugin.domain);
    assert_eq!(now["install"]["api_url"], json!(own), "outside servers are no servers");
    assert!(codes(&now["install"]["found"]).contains(&"spec_servers_outside"));
    house.plugin.change(|ways| ways.servers = vec![format!("{own}/v2")]);
    assert_eq!(house.look(&install).await["state"], "suspended", "another base is another API");
}

/// A secret goes only to whom it was entered for.
#[tokio::test]
async fn ph13_a_secret_does_not_follow_an_address_that_somebody_changes() {
    let house = House::oauth().await;
    let install = house.active().await;
    let path = format!("/api/v1/installs/{}", install["id"].as_str().unwrap());
    let body = json!({ "authorization_url": "https://evil.test/token" });
    let refused = house.asked("PATCH", &path, body).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert_eq!(refused.json()["param"], "client_secret");
    let now = house.done("GET", &path, Value::Null).await;
    assert_eq!(
        (&now["state"], &now["authorization_url"]),
        (&json!("active"), &install["authorization_url"])
    );
}

/// Only those who manage the installation install; a person does not even see the list.
#[tokio::test]
async fn people_do_not_install() {
    let house = House::with(PluginWays::default()).await;
    let body = json!({ "domain": house.plugin.domain });
    let refused = super::asked(&house.person, "POST", "/api/v1/installs", body).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    assert_eq!(house.person.get("/api/v1/installs").await.unwrap().status, 403);
}

/// The wizard: domain, what was found, secret, what to publish, verify.
#[tokio::test]
async fn the_owner_installs_on_pages() {
    let house = House::oauth().await;
    let csrf = house.owner.csrf.clone();
    let post = async |path: &str, form: &[(&str, &str)]| {
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend_from_slice(form);
        let request = house.owner.request("POST", path).form(&all);
        house.owner.send(request).await.unwrap()
    };
    let empty = house.owner.get("/admin/installs").await.unwrap();
    assert!(empty.status == 200 && empty.text.contains("/admin/new-install"));
    let wrong = post("/admin/new-install", &[("domain", "a b")]).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text);
    let seen = post("/admin/new-install", &[("domain", &house.plugin.domain)]).await;
    assert_eq!(seen.status, 200, "{}", seen.text);
    assert!(seen.text.contains("Todo list") && seen.text.contains("install-keep"));
    let hash = seen.text.split("name=\"keep\" value=\"").nth(1).unwrap();
    let hash = hash.split('"').next().unwrap();
    let kept = [("domain", house.plugin.domain.as_str()), ("keep", hash)];
    let kept = post("/admin/new-install", &kept).await;
    let at = kept.header("location").to_owned();
    let page = house.owner.get(&at).await.unwrap();
    assert!(page.text.contains("/oauth/callback"), "shown before the first try");
    let form = [("client_id", PLUGIN_CLIENT_ID), ("client_secret", PLUGIN_SECRET)];
    let saved = post(&at, &form).await;
    assert_eq!(saved.status, 303, "{}", saved.text);
    let page = house.owner.get(saved.header("location")).await.unwrap();
    assert!(!page.text.contains(PLUGIN_SECRET));
    let start = page.text.find("&#34;tollgate&#34;: &#34;").unwrap() + 25;
    let token = page.text[start..start + 32].to_owned();
    let early = post(&format!("{at}/verify"), &[]).await;
    assert_eq!(early.header("location"), format!("{at}?saved=token_missing"));
    house.plugin.change(|ways| drop(ways.verification_tokens.insert("tollgate".to_owned(), token)));
    let found = post(&format!("{at}/verify"), &[]).await;
    assert_eq!(found.header("location"), format!("{at}?saved=found"));
    let page = house.owner.get(found.header("location")).await.unwrap();
    assert!(page.text.contains("Active"), "{}", page.text);
    assert_eq!(house.person.get("/admin/installs").await.unwrap().status, 403);
    let gone = post(&format!("{at}/remove"), &[]).await;
    assert_eq!(gone.header("location"), "/admin/installs?saved=1");
}
