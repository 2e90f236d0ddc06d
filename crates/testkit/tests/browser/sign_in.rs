//! People sign in with providers that others wrote, in Chromium, from /login to /account; link an
//! account; end a session; and type a new password.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tollgate_testkit::{Client, Engine, FacebookLike, TestServer};

use super::{EMAIL, PASSWORD, line, named, node, nothing_is_noted, owner, peers};

const SECRET: &str = "a-client-secret-of-the-browser-test";

/// The providers, in the order in which people sign in with them.
const THEIRS: [&str; 4] = ["idp", "google", "github", "facebook"];

/// A program of others that serves until it is dropped.
pub(crate) struct Peer {
    /// What it said when it was ready.
    ready: Value,
    _child: Child,
}

impl Peer {
    pub(crate) async fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next_line().await.unwrap().unwrap_or_default();
        let ready = serde_json::from_str(&first).unwrap_or_else(|_| panic!("not ready: {first}"));
        // It goes on talking, and ends where nobody listens.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { ready, _child: child }
    }

    pub(crate) fn origin(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap()
    }
}

/// The providers, and us described to them and they to us.
struct Providers {
    _oidc: Peer,
    _mocks: Peer,
    _facebook: FacebookLike,
}

impl Providers {
    async fn start(server: &TestServer, admin: &Client) -> Self {
        let oidc = Peer::start(
            Command::new(named("TOLLGATE_TEST_NODE"))
                .arg(peers("node").join("oidc.mjs"))
                .env("OIDC_CLIENT_ID", "tollgate")
                .env("OIDC_CLIENT_SECRET", SECRET)
                .env("OIDC_REDIRECT_URI", format!("{}/callback/idp", server.url)),
        )
        .await;
        let python = named("TOLLGATE_TEST_PROVIDERS_PYTHON");
        let mocks =
            Peer::start(Command::new(python).arg(peers("providers").join("serve.py"))).await;
        let ada = json!({ "id": "10771815", "name": "Ada L", "email": "ada@example.org" });
        let facebook = FacebookLike::start(ada).await.unwrap();
        let google = |path: &str| format!("{}{path}", mocks.origin("google"));
        let github = |path: &str| format!("{}{path}", mocks.origin("github"));
        let described = [
            json!({ "id": "idp", "kind": "oidc", "issuer": oidc.origin("origin"),
                "name": "Example ID", "client_id": "tollgate", "client_secret": SECRET }),
            // Its ID tokens say that they are Google's, so every endpoint is named.
            json!({ "id": "google", "kind": "google", "client_id": "g", "client_secret": SECRET,
                "endpoints": { "authorize": google("/o/oauth2/v2/auth"),
                    "token": google("/token"), "userinfo": google("/oauth2/v2/userinfo"),
                    "jwks": google("/oauth2/v3/certs") } }),
            json!({ "id": "github", "kind": "github", "client_id": "h", "client_secret": SECRET,
                "endpoints": { "authorize": github("/login/oauth/authorize"),
                    "token": github("/login/oauth/access_token"), "userinfo": github("/api/user"),
                    "emails": github("/api/user/emails") } }),
            facebook.described("facebook"),
        ];
        for provider in described {
            let made = admin.post("/api/v1/providers", &provider).await.unwrap();
            assert_eq!(made.status, 201, "{}", made.text);
            let id = provider["id"].as_str().unwrap();
            let back = format!("{}/callback/{id}", server.url);
            assert_eq!(made.json()["redirect_uri"], back, "{}", made.text);
        }
        Self { _oidc: oidc, _mocks: mocks, _facebook: facebook }
    }
}

fn of<'a>(seen: &'a [Value], member: &str) -> Vec<&'a Value> {
    seen.iter().filter(|seen| !seen[member].is_null()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_come_in_by_providers_that_others_wrote() {
    let server = TestServer::start(Engine::Sqlite).await.unwrap();
    owner(&server, Some(PASSWORD)).await;
    let admin = server.with_bearer(&server.add_admin_key().await.unwrap());
    let open = json!({ "registration": "open" });
    assert_eq!(admin.patch("/api/v1/settings", &open).await.unwrap().status, 200);
    let _providers = Providers::start(&server, &admin).await;
    let theirs = THEIRS.join(" ");
    let environment = [
        ("TOLLGATE_EMAIL", EMAIL),
        ("TOLLGATE_PASSWORD", PASSWORD),
        ("TOLLGATE_PROVIDERS", &*theirs),
    ];
    let seen = node("sign_in.mjs", &server, &environment).await;

    for page in of(&seen, "page") {
        let (width, wide) = (page["width"].as_u64().unwrap(), page["wide"].as_u64().unwrap());
        assert!(wide <= width, "the page scrolls sideways: {page}");
        assert!(page["axe"].as_array().unwrap().is_empty(), "axe: {page}");
    }
    assert!(of(&seen, "page").len() >= 4 * 8, "pages at two widths, light and dark");
    the_meter_helps(&seen);

    // New people get an account, but where nobody vouches for their address.
    let come: Vec<[&str; 3]> = of(&seen, "signed_in")
        .iter()
        .map(|seen| ["signed_in", "at", "who"].map(|name| seen[name].as_str().unwrap()))
        .collect();
    assert_eq!(
        come,
        [
            ["idp", "/account", "cleo@example.com"],
            ["google", "/account", "gina@example.com"],
            ["github", "/account", "octo@example.com"],
            ["facebook", "/callback/facebook", ""],
            // Linked meanwhile, from a session of its person.
            ["facebook", "/account", EMAIL],
        ]
    );
    let linked = line(&seen, "linked");
    assert_eq!(linked["linked"].as_array().unwrap().len(), 1, "{linked}");
    assert_eq!(linked["who"], EMAIL);
    for ours in of(&seen, "ours") {
        let said = ours["ours"].as_array().unwrap();
        // A refusal is a 403, which the browser's console tells.
        assert!(said.iter().all(|text| text.as_str().unwrap().contains("403")), "{ours}");
    }
    let ended = line(&seen, "sessions");
    assert_eq!(ended["sessions"], json!([1, 0]), "{ended}");
    assert_eq!(ended["thrown_out_to"], "/login", "{ended}");
    server.stop().await.unwrap();
}

/// What the meter said while a password was typed, and the form without a script.
fn the_meter_helps(seen: &[Value]) {
    let typed = of(seen, "typed");
    assert_eq!(typed.len(), 3, "in three languages");
    let words = [
        ("guessed early", "hard to guess"),
        ("推測されやすい", "推測されにくい"),
        ("太容易猜到", "难猜"),
    ];
    for (typed, (weak, good)) in typed.into_iter().zip(words) {
        let said = |which: &str, member: &str| typed[which][member].clone();
        assert!(said("weak", "words").as_str().unwrap().contains(weak), "{typed}");
        assert_eq!((said("weak", "shown"), said("weak", "enough")), (json!(true), json!(false)));
        assert!(said("good", "words").as_str().unwrap().contains(good), "{typed}");
        assert_eq!((said("good", "score"), said("good", "enough")), (json!(5), json!(true)));
        nothing_is_noted(std::slice::from_ref(typed));
    }
    let plain = line(seen, "plain");
    assert_eq!(plain["at"], "/signup");
    let said = plain["plain"].as_str().unwrap();
    assert!(said.contains("too easy to guess") && said.contains("Leave out sequences"), "{said}");
}
