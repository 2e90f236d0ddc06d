//! `examples/flask-social-login`, started as its README says, in Chromium: people sign in with us,
//! consent and ask a model; or with a provider directly, and the app asks for them.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tollgate_testkit::{CLIENT_ID, CLIENT_SECRET, Client, Engine, FacebookLike, TestServer};

use super::sign_in::Peer;
use super::{EMAIL, PASSWORD, line, named, node, owner, peers};

/// Where the example is, from the root of the repository.
const EXAMPLE: &str = "examples/flask-social-login";

/// The example, until it is dropped.
struct App {
    url: String,
    _child: Child,
}

impl App {
    /// A port that nobody has at the moment, and the address of an app there.
    fn place() -> (u16, String) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        (port, format!("http://localhost:{port}"))
    }

    /// Starts it by the line of its README, with these settings.
    async fn start((port, url): (u16, String), settings: &[(&str, &str)]) -> Self {
        let root = peers("").join("../..");
        let readme = std::fs::read_to_string(root.join(EXAMPLE).join("README.md")).unwrap();
        let line = readme.lines().find(|line| line.starts_with("flask "));
        let words: Vec<&str> = line.expect("how to start it").split(' ').collect();
        let mut command = Command::new(named("TOLLGATE_TEST_PYTHON"));
        command.args(["-m"]).args(words).args(["--port", &port.to_string()]);
        command.current_dir(root).env("APP_URL", &url).envs(settings.iter().copied());
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        loop {
            let line = lines.next_line().await.unwrap();
            let line = line.unwrap_or_else(|| panic!("the app ended: {said}"));
            if line.contains("Running on http") {
                break;
            }
            said += &line;
        }
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { url, _child: child }
    }
}

async fn made(admin: &Client, path: &str, body: &Value) -> Value {
    let answer = admin.post(path, body).await.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name}: {value}")).to_owned()
}

/// The app keeps the token to itself: its cookie has an id, out of reach of scripts.
fn cookie_is_sound(seen: &[Value]) {
    let cookies = line(seen, "cookies")["cookies"].as_array().unwrap();
    let [cookie] = &cookies[..] else { panic!("one cookie: {cookies:?}") };
    assert_eq!((&cookie["httpOnly"], &cookie["sameSite"]), (&json!(true), &json!("Lax")));
    assert!(text(cookie, "value").len() < 200, "an id and a signature: {cookie}");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_to_an_app_with_us() {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let person = owner(&server, Some(PASSWORD)).await;
    let admin = server.with_bearer(&server.add_admin_key().await.unwrap());
    let place = App::place();
    let body = json!({"name": "Ask a model", "redirect_uris": [format!("{}/callback", place.1)],
        "post_logout_redirect_uris": [format!("{}/", place.1)], "access_token_s": 8});
    let client = made(&admin, "/api/v1/clients", &body).await;
    let (id, secret) = (text(&client, "client_id"), text(&client, "client_secret"));
    let settings =
        [("CLIENT_ID", &*id), ("CLIENT_SECRET", &*secret), ("TOLLGATE_URL", &*server.url)];
    let app = App::start(place, &settings).await;
    let environment = [
        ("TOLLGATE_EMAIL", EMAIL),
        ("TOLLGATE_PASSWORD", PASSWORD),
        ("APP_URL", &*app.url),
        ("APP_PROVIDER", "tollgate"),
    ];
    let seen = node("apps_people.mjs", &server, &environment).await;

    // The consent page, in three languages, light and dark, at both widths.
    let pages: Vec<_> = seen.iter().filter(|seen| seen["page"].is_string()).collect();
    assert_eq!(pages.len(), 3 * 4, "{pages:?}");
    for page in pages {
        let (width, wide) = (page["width"].as_u64().unwrap(), page["wide"].as_u64().unwrap());
        assert!(wide <= width, "the page scrolls sideways: {page}");
        assert!(page["axe"].as_array().unwrap().is_empty(), "axe: {page}");
    }
    let denied = line(&seen, "denied");
    assert!(text(denied, "denied").contains("access_denied"), "{denied}");
    let place = app.url.trim_start_matches("http://");
    for word in ["Ask a model", EMAIL, place, "call AI models"] {
        assert!(text(denied, "words").contains(word), "the page says {word}: {denied}");
    }
    assert_eq!(line(&seen, "who")["who"], "Ada");
    cookie_is_sound(&seen);
    assert!(!text(line(&seen, "answer"), "answer").is_empty());
    assert_eq!(line(&seen, "me")["me"]["subject"], json!(person.user.id.to_string()));
    let entry = server.entries(1).await.unwrap().remove(0);
    assert_eq!((entry.user, entry.client), (Some(person.user.id.to_string()), Some(id)));
    assert_eq!(line(&seen, "signed_out")["signed_out"], 401);
    assert_eq!(line(&seen, "at")["at"], "/login", "signed out here too");
    assert_eq!(line(&seen, "complaints")["complaints"], json!([]));
    // Tokens that are about to end were renewed each time, and all are given back.
    let audit = admin.get("/api/v1/audit?limit=500").await.unwrap().json();
    let acts = |act: &str| {
        let items = audit["items"].as_array().unwrap().iter();
        items.filter(|item| item["action"] == act).count()
    };
    assert!(acts("grant.refresh") >= 1 && acts("grant.revoke") == 1, "{audit}");
    server.stop().await.unwrap();
}

/// A provider without us between: the app calls with a key of its own, and names the person.
struct Direct<'a> {
    provider: &'a str,
    endpoints: [(&'a str, String); 3],
    client: (&'a str, &'a str),
    who: &'a str,
}

async fn people_sign_in_directly(server: &TestServer, direct: Direct<'_>) {
    let Direct { provider, endpoints, client, who } = direct;
    let admin = server.with_bearer(&server.add_admin_key().await.unwrap());
    let body = json!({"name": "Ask a model", "user_header": true});
    let ours = text(&made(&admin, "/api/v1/clients", &body).await, "client_id");
    let body = json!({"name": "server", "client": ours});
    let key = text(&made(&admin, "/api/v1/keys", &body).await, "key");
    let mut settings = vec![
        ("PROVIDER", provider),
        ("CLIENT_ID", client.0),
        ("CLIENT_SECRET", client.1),
        ("TOLLGATE_URL", &*server.url),
        ("TOLLGATE_KEY", &*key),
    ];
    settings.extend(endpoints.iter().map(|(name, url)| (*name, url.as_str())));
    let app = App::start(App::place(), &settings).await;
    let environment = [("APP_URL", &*app.url), ("APP_PROVIDER", provider)];
    let seen = node("apps_people.mjs", server, &environment).await;
    assert_eq!(line(&seen, "who")["who"], who);
    cookie_is_sound(&seen);
    assert!(!text(line(&seen, "answer"), "answer").is_empty());
    assert_eq!(line(&seen, "signed_out")["signed_out"], 401);

    let me = &line(&seen, "me")["me"];
    let name = format!("{provider}:{}", text(me, "subject"));
    let users = admin.get("/api/v1/users?limit=500").await.unwrap().json();
    let users = users["items"].as_array().unwrap().clone();
    let user = users.iter().find(|user| user["name"] == name.as_str());
    let user = text(user.unwrap_or_else(|| panic!("no {name}: {users:?}")), "id");
    let entries = server.entries_now().await.unwrap();
    let entry = entries.iter().find(|entry| entry.client.as_ref() == Some(&ours));
    assert_eq!(entry.expect("an entry of the app").user, Some(user));
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_to_an_app_with_providers_directly() {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    let admin = server.with_bearer(&server.add_admin_key().await.unwrap());
    made(&admin, "/api/v1/plans", &json!({"id": "people"})).await;
    let default = json!({"default_plan": "people"});
    assert_eq!(admin.patch("/api/v1/settings", &default).await.unwrap().status, 200);
    let named_endpoints = |authorize: String, token: String, userinfo: String| {
        [("AUTHORIZE_URL", authorize), ("TOKEN_URL", token), ("USERINFO_URL", userinfo)]
    };

    let ada = json!({"id": "10771815", "name": "Ada L", "email": "ada@example.org"});
    let facebook = FacebookLike::start(ada).await.unwrap();
    let at = |path: &str| format!("{}/v24.0{path}", facebook.origin);
    let endpoints =
        named_endpoints(at("/dialog/oauth"), at("/oauth/access_token"), at("/me?fields=id,name"));
    let client = (CLIENT_ID, CLIENT_SECRET);
    let direct = Direct { provider: "facebook", endpoints, client, who: "Ada L" };
    people_sign_in_directly(&server, direct).await;

    let python = named("TOLLGATE_TEST_PROVIDERS_PYTHON");
    let mocks = Peer::start(Command::new(python).arg(peers("providers").join("serve.py"))).await;
    let at = |path: &str| format!("{}{path}", mocks.origin("github"));
    let endpoints = named_endpoints(
        at("/login/oauth/authorize"),
        at("/login/oauth/access_token"),
        at("/api/user"),
    );
    let direct = Direct { provider: "github", endpoints, client: ("gh", "hush"), who: "Octo" };
    people_sign_in_directly(&server, direct).await;
    let at = |path: &str| format!("{}{path}", mocks.origin("google"));
    let endpoints =
        named_endpoints(at("/o/oauth2/v2/auth"), at("/token"), at("/oauth2/v2/userinfo"));
    let direct = Direct { provider: "google", endpoints, client: ("g", "hush"), who: "Gina" };
    people_sign_in_directly(&server, direct).await;
    server.stop().await.unwrap();
}
