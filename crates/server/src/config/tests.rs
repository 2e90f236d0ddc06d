#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use tollgate_store::AuthMethod;

use super::*;

fn sources(text: &str) -> Sources {
    let file = FileSource { path: PathBuf::from("t.toml"), text: text.to_owned() };
    Sources { file: Some(file), ..Sources::default() }
}

fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn flag(path: &str, value: &str, flag: &str) -> Override {
    Override { path: path.to_owned(), value: value.to_owned(), flag: flag.to_owned() }
}

fn loaded(sources: &Sources) -> Config {
    Config::load(sources).unwrap_or_else(|problems| panic!("{problems}"))
}

fn problems_of(sources: &Sources) -> Problems {
    match Config::load(sources) {
        Ok(_) => panic!("no problem was found"),
        Err(problems) => problems,
    }
}

fn shown<'c>(config: &'c Config, path: &str) -> (&'c str, &'c str) {
    let setting = config.shown().iter().find(|shown| shown.path == path);
    setting.map(|shown| (&*shown.value, &*shown.origin)).unwrap_or_default()
}

#[test]
fn everything_has_a_default() {
    let config = loaded(&Sources::default());
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8700");
    assert_eq!(config.server.data_dir, Path::new("tollgate-data"));
    let url = config.server.public_url("127.0.0.1:9999".parse().unwrap()).unwrap();
    assert_eq!(url.as_str(), "http://localhost:9999/");
    assert_eq!(config.server.shutdown, Duration::from_secs(300));
    assert_eq!(config.accounts.registration, Registration::Closed);
    assert!(config.accounts.default_plan.is_none() && config.upstreams.is_empty());
    assert!(config.store_url.is_none() && config.master_key.is_none());
    assert_eq!(config.limits.model_request_bytes, 33_554_432);
    let network = config.limits.network;
    assert_eq!((network.sign_in_per_minute, network.sign_up_per_hour), (30, 20));
    assert_eq!((network.anonymous_per_minute, network.management_per_minute), (60, 600));
    let DrainBounds { time, tokens, answers } = config.drain;
    assert_eq!((time.as_secs(), tokens, answers), (10, 1_000, 1_024));
}

#[test]
fn the_data_folder_follows_the_xdg_base_directories() {
    for (vars, expected) in [
        (&[("HOME", "/h")][..], "/h/.local/share/tollgate"),
        (&[("HOME", "/h"), ("XDG_DATA_HOME", "/x")][..], "/x/tollgate"),
        (&[("HOME", "/h"), ("XDG_DATA_HOME", "x")][..], "/h/.local/share/tollgate"),
    ] {
        let config = loaded(&Sources { env: env(vars), ..Sources::default() });
        assert_eq!(config.server.data_dir, Path::new(expected));
    }
}

/// The file of the reference, without what later issues bring.
const WHOLE: &str = r#"
[server]
listen = "0.0.0.0:443"
public_url = "https://ai.example.com"
data_dir = "/var/lib/tollgate"
trusted_proxies = ["10.1.0.0/16", "192.0.2.7"]
[tls]
certificates = []
[store]
url = "postgres:///tollgate"
[vault]
master_key = "0123456789abcdef"
[accounts]
registration = "closed"
default_plan = "standard"
[limits.network]
sign_in_per_minute = 3
[installation]
budgets = [{ unit = "money", limit = 5_000_000_000, period = "month" }]
[outbound]
allow = ["10.0.0.0/8"]
ca = []
[dev]
loopback_tools = false
[[upstream]]
id = "openai"
base_url = "https://api.openai.com/v1/"
api_key = "sk-canary"
timeouts = { silence_ms = 7 }
[[model]]
alias = "small"
upstream = "openai"
model = "gpt-4o-mini"
[[plan]]
id = "standard"
models = ["*"]
tools = ["todo"]
rates = { requests_per_minute = 60, concurrent = 4 }
budgets = [{ unit = "tokens", limit = 100, period = "day" }]
time_zone = "Europe/Berlin"
[plan.profile]
instructions = "Help {{name}}."
defaults = { temperature = 0.5 }
ceilings = { top_p = 1 }
[[plan]]
id = "bare"
[[provider]]
id = "github"
kind = "github"
client_id = "x"
client_secret = "gh-canary"
[[provider]]
id = "company"
kind = "oidc"
issuer = "https://id.example.com"
client_id = "y"
auth_method = "client_secret_post"
endpoints = { token = "http://127.0.0.1:9/token" }
fields = { name = "display_name" }
scopes = ["openid", "email"]
enabled = false
[[client]]
id = "flask"
redirect_uris = ["https://app.example.com/callback"]
[[client]]
id = "shop"
type = "confidential"
client_secret = "shop-canary"
auth_method = "client_secret_post"
grants = ["authorization_code", "refresh_token"]
origins = ["https://shop.example.com"]
user_header = true
access_token_s = 60
[[tool]]
id = "todo"
host = "todo.example.com"
upstream_url = "http://127.0.0.1:9000"
upstream_auth = { type = "header", name = "X-Api-Key", value = "tool-canary" }
openapi_url = "http://127.0.0.1:9000/openapi.yaml"
auth = { type = "oauth", scope = "todo.read" }
manifest = { name_for_human = "Todo" }
verification_tokens = { openai = "abc" }
"#;

#[test]
fn the_file_of_the_reference_is_read() {
    let config = loaded(&sources(WHOLE));
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert_eq!(config.server.trusted_proxies[1].to_string(), "192.0.2.7/32");
    assert_eq!(config.store_url.unwrap().expose(), "postgres:///tollgate");
    assert_eq!(config.limits.network.sign_in_per_minute, 3);
    assert_eq!(config.limits.network.management_per_minute, 600);
    assert_eq!(config.installation_budgets[0].limit, 5_000_000_000);
    let upstream = &config.upstreams[0];
    assert_eq!(upstream.base_url.as_str(), "https://api.openai.com/v1");
    assert_eq!(upstream.silence_timeout, Duration::from_millis(7));
    assert_eq!(upstream.first_byte_timeout, Duration::from_secs(600));
    assert_eq!(config.models[0].model, "gpt-4o-mini");
    let [github, company] = &config.providers[..] else { panic!("two providers") };
    assert_eq!(github.client_secret.as_ref().unwrap().expose(), "gh-canary");
    assert_eq!((github.provider.title(), github.provider.enabled), ("GitHub", true));
    assert_eq!((company.provider.secret_in_form, company.provider.enabled), (Some(true), false));
    assert_eq!(company.provider.endpoints["token"], "http://127.0.0.1:9/token");
    let [todo] = &config.tools[..] else { panic!("one tool") };
    assert_eq!(todo.host, Some(Some("todo.example.com".to_owned())));
    let auth = todo.upstream_auth.clone().flatten().and_then(|auth| auth.value);
    assert_eq!(auth.unwrap().expose(), "tool-canary");
    let [standard, bare] = &config.plans[..] else { panic!("two plans") };
    assert_eq!(standard.rates.concurrent, Some(4));
    assert_eq!(standard.time_zone.iana_name(), Some("Europe/Berlin"));
    assert!(bare.allows("anything"), "what a plan leaves out is unlimited");
    let [todo, other] = ["todo", "other"].map(|id| tollgate_kernel::Slug::parse(id).unwrap());
    assert!(standard.allows_tool(&todo) && !standard.allows_tool(&other));
    assert!(bare.allows_tool(&todo) && bare.allows_tool(&other));
    assert!(bare.budgets.is_empty() && bare.rates == tollgate_kernel::Rates::default());
    assert_eq!(bare.max_output_tokens, 4_096);
    let profile = standard.profile.clone().unwrap();
    assert_eq!((profile.defaults.temperature, profile.ceilings.top_p), (Some(0.5), Some(1.0)));
    assert_eq!(profile.instructions.unwrap().as_str(), "Help {{name}}.");
    assert_eq!(bare.profile, None);
    let [flask, shop] = &config.clients[..] else { panic!("two apps") };
    assert_eq!((&*flask.name, flask.kind), ("flask", ClientKind::Confidential));
    assert_eq!(flask.oauth.redirect_uris, ["https://app.example.com/callback"]);
    assert_eq!(flask.oauth.access_token_s, 300);
    assert_eq!(shop.client_secret.as_ref().unwrap().expose(), "shop-canary");
    assert_eq!(shop.oauth.auth_method, Some(AuthMethod::Post));
    assert!(shop.oauth.user_header && shop.oauth.access_token_s == 60);
}

/// A file, where its mistake stands (line, key), and a word of what is told.
const MISTAKES: &[(&str, usize, &str, &str)] = &[
    ("[server]\nlisen = 1", 2, "server.lisen", "did you mean \"listen\"?"),
    ("[servr]\nlisten = 1", 1, "servr", "did you mean \"server\"?"),
    ("[[install]]\nid = \"x\"", 1, "install", "no such key"),
    ("[server]\n\nlisten = 8700", 3, "server.listen", "a text in quotes"),
    ("[server]\nlisten = \"8700\"", 2, "server.listen", "127.0.0.1:8700"),
    ("[server]\npublic_url = \"ftp://x\"", 2, "server.public_url", "https://"),
    ("[server]\npublic_url = \"https://x/app\"", 2, "server.public_url", "after host and port"),
    ("[server]\npublic_url = \"https://u:p@x\"", 2, "server.public_url", "user name"),
    ("[server]\ntrusted_proxies = [\"x\"]", 2, "server.trusted_proxies[0]", "10.0.0.0/8"),
    ("[server]\ntrusted_proxies = \"10.0.0.0/8\"", 2, "server.trusted_proxies", "a list"),
    ("[server]\nshutdown_s = -1", 2, "server.shutdown_s", "from 0 to 86400"),
    ("[server]\nshutdown_s = 1.5", 2, "server.shutdown_s", "a whole number"),
    ("[server]\ninsecure_http = \"yes\"", 2, "server.insecure_http", INSECURE_HTTP),
    ("[server]\ndata_dir = \"\"", 2, "server.data_dir", "name a folder"),
    ("[dev]\nloopback_tools = 1", 2, "dev.loopback_tools", "true or false"),
    ("server = 3", 1, "server", "a table"),
    ("[accounts]\nregistration = \"opne\"", 2, "accounts.registration", "did you mean \"open\"?"),
    ("[accounts]\nregistration = \"domain\"", 1, "accounts.domains", "both or neither"),
    ("[accounts]\ndefault_plan = \"No Slug\"", 2, "accounts.default_plan", "is not a name"),
    (
        "[limits.network]\nsign_in_per_minute = 0",
        2,
        "limits.network.sign_in_per_minute",
        "at least 1",
    ),
    ("[store]\nurl = \"mysql://x\"", 2, "store.url", "postgres://"),
    ("[vault]\nmaster_key = \"\"", 2, "vault.master_key", "is empty"),
    ("[vault]\nmaster_key = { env = \"NO_SUCH\" }", 2, "vault.master_key", "NO_SUCH"),
    ("[vault]\nmaster_key = { file = \"no/such\" }", 2, "vault.master_key", "cannot read"),
    (
        "[vault]\nmaster_key = { credential = \"k\" }",
        2,
        "vault.master_key",
        "CREDENTIALS_DIRECTORY",
    ),
    ("[vault]\nmaster_key = { path = \"k\" }", 2, "vault.master_key", "{ file = "),
    ("[vault]\nmaster_key = { file = \"a\", env = \"b\" }", 2, "vault.master_key", "one of"),
    (
        "[tls]\ncertificates = [{ cert = \"/dev/null\" }]",
        2,
        "tls.certificates[0].key",
        "is missing",
    ),
    (
        "[tls]\ncertificates = [{ cert = \"no\", key = \"/dev/null\" }]",
        2,
        "tls.certificates[0].cert",
        "cannot read",
    ),
    ("[prices]\nfile = \"no/such.csv\"", 2, "prices.file", "cannot read"),
    ("[log]\nlevel = \"a=b=c\"", 2, "log.level", "filter"),
    ("[log]\nlevel = \"[request]=info\"", 2, "log.level", "filter"),
    ("[log]\nlevel = \"hyper{id=1}=info\"", 2, "log.level", "filter"),
    ("[outbound]\nallow = [\"10.0.0.0/33\"]", 2, "outbound.allow[0]", "10.0.0.0/8"),
    ("[[upstream]]\nid = \"a\"", 1, "upstream[0].base_url", "is missing"),
    ("[[upstream]]\nid = \"a\"\nbase_url = \"x\"", 3, "upstream[0].base_url", "not an address"),
    (
        "[[upstream]]\nid = \"a\"\nbase_url = \"https://x?k=1\"",
        3,
        "upstream[0].base_url",
        "no query",
    ),
    (
        "[[upstream]]\nid = \"a\"\nbase_url = \"http://x\"\napi_key = \"k\"",
        3,
        "upstream[0].base_url",
        "unencrypted",
    ),
    (
        "[[upstream]]\nid = \"a\"\nbase_url = \"https://x\"\nheader = \"a b\"",
        4,
        "upstream[0].header",
        "a header",
    ),
    ("[[upstream]]\nid = \"A\"\nbase_url = \"https://x\"", 2, "upstream[0].id", "is not a name"),
    ("[[plan]]\nid = \"a\"\n[[plan]]\nid = \"a\"", 4, "plan[1].id", "twice"),
    ("[[plan]]\nid = \"a\"\nmodels = [\"a*b\"]", 3, "plan[0].models[0]", "pattern"),
    ("[[plan]]\nid = \"a\"\ntime_zone = \"Mars\"", 3, "plan[0].time_zone", "Europe/Berlin"),
    (
        "[[plan]]\nid = \"a\"\nprofile = { instructions = \"{{password}}\" }",
        3,
        "plan[0].profile.instructions",
        "{{password}} is not known",
    ),
    (
        "[[plan]]\nid = \"a\"\n[plan.profile.ceilings]\ntemperature = 3",
        4,
        "plan[0].profile.ceilings.temperature",
        "from 0 to 2",
    ),
    (
        "[[plan]]\nid = \"a\"\n[plan.profile.defaults]\ntop_p = \"1\"",
        4,
        "plan[0].profile.defaults.top_p",
        "a number",
    ),
    (
        "[[plan]]\nid = \"a\"\n[plan.profile.defaults]\nreasoning_effort = \"much\"",
        4,
        "plan[0].profile.defaults.reasoning_effort",
        "none, minimal, low",
    ),
    (
        "[[plan]]\nid = \"a\"\n[plan.profile]\nbase_url = \"http://a\"",
        4,
        "plan[0].profile.base_url",
        "no such key",
    ),
    (
        "[[plan]]\nid = \"a\"\n[plan.rates]\nconcurent = 1",
        4,
        "plan[0].rates.concurent",
        "\"concurrent\"",
    ),
    (
        "[[plan]]\nid = \"a\"\nbudgets = [{ unit = \"euro\", limit = 1, period = \"day\" }]",
        3,
        "plan[0].budgets[0].unit",
        "money, tokens, calls",
    ),
    (
        "[[plan]]\nid = \"a\"\nbudgets = [{ unit = \"calls\", limit = -1, period = \"day\" }]",
        3,
        "plan[0].budgets[0].limit",
        "from 0 to",
    ),
    (
        "[installation]\nbudgets = [{ unit = \"calls\", limit = 1, period = \"day\" },\n\
         { unit = \"calls\", limit = 2, period = \"day\" }]",
        2,
        "installation.budgets[0]",
        "same unit and period",
    ),
    (
        "[[model]]\nalias = \"a\"\nupstream = \"u\"\nmodel = \"\"",
        4,
        "model[0].model",
        "name at the upstream",
    ),
    (
        "[[provider]]\nid = \"a\"\nkind = \"saml\"\nclient_id = \"x\"",
        3,
        "provider[0].kind",
        "google, github",
    ),
    (
        "[[provider]]\nid = \"a\"\nkind = \"oidc\"\nclient_id = \"x\"",
        1,
        "provider[0].issuer",
        "by its issuer",
    ),
    (
        "[[provider]]\nid = \"a\"\nkind = \"github\"\nclient_id = \"x\"\nauth_method = \"none\"",
        5,
        "provider[0].auth_method",
        "client_secret_basic",
    ),
    (
        "[[provider]]\nid = \"a\"\nkind = \"github\"\nclient_id = \"x\"\n\
         endpoints = { jwks = \"http://x\" }",
        5,
        "provider[0].endpoints.jwks",
        "https address",
    ),
    (
        "[[client]]\nid = \"a\"\nredirect_uris = [\"http://x/\"]",
        3,
        "client[0].redirect_uris[0]",
        "https",
    ),
    (
        "[[client]]\nid = \"a\"\nredirect_uris = [\"https://x/#f\"]",
        3,
        "client[0].redirect_uris[0]",
        "fragment",
    ),
    ("[[client]]\nid = \"a\"\ntype = \"private\"", 3, "client[0].type", "public"),
    (
        "[[client]]\nid = \"a\"\ntype = \"public\"\nclient_secret = \"x\"",
        4,
        "client[0].client_secret",
        "no secret",
    ),
    ("[[client]]\nid = \"a\"\ntype = \"public\"\nlegacy = true", 4, "client[0].legacy", "PKCE"),
    ("[[client]]\nid = \"a\"\ngrants = [\"password\"]", 3, "client[0].grants[0]", "grant type"),
    ("[[client]]\nid = \"a\"\norigins = [\"https://x/y\"]", 3, "client[0].origins[0]", "origin"),
    ("[[client]]\nid = \"a\"\naccess_token_s = 3601", 3, "client[0].access_token_s", "3600"),
    ("[[tool]]\nid = \"a\"\nupstream_url = \"ftp://x\"", 3, "tool[0].upstream_url", "https://"),
    (
        "[[tool]]\nid = \"a\"\nupstream_url = \"http://x\"\nhost = \"A.example\"",
        4,
        "tool[0].host",
        "lower case",
    ),
    (
        "[[tool]]\nid = \"a\"\nupstream_url = \"http://x\"\nauth = { type = \"magic\" }",
        4,
        "tool[0].auth.type",
        "user_http",
    ),
    (
        "[[tool]]\nid = \"a\"\nupstream_url = \"http://x\"\nhost = \"a.b\"\n\
         [[tool]]\nid = \"b\"\nupstream_url = \"http://x\"\nhost = \"a.b\"",
        8,
        "tool[1].host",
        "another tool",
    ),
    (
        "[[tool]]\nid = \"a\"\nupstream_url = \"http://x\"\nhost = \"b.localhost\"\n\
         [[tool]]\nid = \"b\"\nupstream_url = \"http://x\"",
        4,
        "tool[0].host",
        "b answers there",
    ),
];

#[test]
fn each_mistake_is_told_with_key_and_line_and_alone() {
    for (text, line, path, word) in MISTAKES {
        let Problems(problems) = problems_of(&sources(text));
        let [problem] = &problems[..] else { panic!("{text}: {problems:?}") };
        let origin = Origin::File { name: "t.toml".to_owned(), line: *line };
        assert_eq!((&*problem.path, &problem.origin), (*path, &origin), "{text}: {problem}");
        assert!(problem.message.contains(word), "{text}: {problem}");
    }
}

#[test]
fn all_mistakes_are_told_together_in_the_order_of_the_file() {
    let text: String = "[server]\nlisen = 1\nshutdown_s = \"long\"\npublic_url = \"ftp://x\"\n\
         [[plan]]\nmodels = [7]\n[[plan]]\nid = \"B\"\nbudget = []\n"
        .to_owned();
    let mut given = sources(&text);
    given.env = env(&[("TOLLGATE__SERVR__LISTEN", "x")]);
    let told = problems_of(&given).to_string();
    let expected = [
        "t.toml:2: server.lisen: there is no such key; did you mean \"listen\"?",
        "t.toml:3: server.shutdown_s: should be a whole number",
        "t.toml:4: server.public_url: \"ftp://x\": should start with https:// (or http:// on \
         loopback)",
        "t.toml:5: plan[0].id: is missing",
        "t.toml:6: plan[0].models[0]: should be a text in quotes",
        "t.toml:8: plan[1].id: \"B\" is not a name: use 1 to 64 of a-z, 0-9, '-', '_', '.', \
         starting with a letter or digit",
        "t.toml:9: plan[1].budget: there is no such key; did you mean \"budgets\"?",
        "$TOLLGATE__SERVR__LISTEN: servr: there is no such key; did you mean \"server\"?",
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn broken_toml_is_told_with_its_line() {
    let Problems(problems) = problems_of(&sources("[server]\nlisten = \n[x\n"));
    assert!(problems.len() >= 2, "{problems:?}");
    assert!(problems[0].to_string().starts_with("t.toml:2: this is not TOML"), "{problems:?}");
}

#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    let mut given = sources("[server]\nlisten = \"127.0.0.1:1\"\nshutdown_s = 1\n");
    assert_eq!(loaded(&given).server.listen.port(), 1);
    given.env = env(&[
        ("TOLLGATE__SERVER__LISTEN", "127.0.0.1:2"),
        ("TOLLGATE__SERVER__SHUTDOWN_S", "2"),
        ("TOLLGATE__LIMITS__NETWORK__SIGN_UP_PER_HOUR", "9"),
        ("TOLLGATE__SERVER__TRUSTED_PROXIES", "[\"10.0.0.0/8\"]"),
        ("TOLLGATE__DEV__LOOPBACK_TOOLS", "true"),
        ("TOLLGATE_CONFIG", "not ours to read here"),
    ]);
    let config = loaded(&given);
    assert_eq!((config.server.listen.port(), config.server.shutdown.as_secs()), (2, 2));
    assert_eq!(config.limits.network.sign_up_per_hour, 9);
    assert!(config.loopback_tools && config.server.trusted_proxies.len() == 1);
    given.flags = vec![flag("server.listen", "127.0.0.1:3", "--listen")];
    let config = loaded(&given);
    assert_eq!((config.server.listen.port(), config.server.shutdown.as_secs()), (3, 2));
}

#[test]
fn mistakes_in_the_environment_and_in_flags_name_them() {
    let mut given =
        Sources { env: env(&[("TOLLGATE__SERVER__SHUTDOWN_S", "soon")]), ..Sources::default() };
    given.flags = vec![flag("server.listen", "nowhere", "--listen")];
    let told = problems_of(&given).to_string();
    assert!(told.contains("$TOLLGATE__SERVER__SHUTDOWN_S: server.shutdown_s: should be"), "{told}");
    assert!(told.contains("--listen: server.listen: \"nowhere\""), "{told}");
}

#[test]
fn the_environment_reaches_into_a_declared_list() {
    let mut given = sources(WHOLE);
    given.env = env(&[("TOLLGATE__UPSTREAM__0__BASE_URL", "https://eu.example.com/v1")]);
    let config = loaded(&given);
    assert_eq!(config.upstreams[0].base_url.as_str(), "https://eu.example.com/v1");
    assert_eq!(
        shown(&config, "upstream[0].base_url"),
        ("\"https://eu.example.com/v1\"", "$TOLLGATE__UPSTREAM__0__BASE_URL")
    );
}

#[test]
fn secrets_come_from_four_places_and_are_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("key"), "canary-file\n").unwrap();
    let variables = env(&[
        ("KEY", "canary-env"),
        ("CREDENTIALS_DIRECTORY", folder.path().to_str().unwrap()),
        ("TOLLGATE__STORE__URL", "postgres://u:canary-url@h/d"),
    ]);
    for (written, expected) in [
        ("\"canary-text\"", "canary-text"),
        ("{ file = \"key\" }", "canary-file"),
        ("{ env = \"KEY\" }", "canary-env"),
        ("{ credential = \"key\" }", "canary-file"),
    ] {
        let text = format!("[vault]\nmaster_key = {written}\n");
        let file = FileSource { path: at("t.toml"), text };
        let config = loaded(&Sources { file: Some(file), env: variables.clone(), flags: vec![] });
        assert_eq!(config.master_key.as_ref().unwrap().expose(), expected);
        assert!(shown(&config, "vault.master_key").0.starts_with("\"(secret"));
        let all = serde_json::to_string(config.shown()).unwrap();
        assert!(!all.contains("canary"), "{all}");
    }
}

#[test]
fn a_secret_with_a_mistake_beside_it_is_not_told() {
    let text = "[[upstream]]\nid = \"B\"\nbase_url = \"nowhere\"\napi_key = \"sk-canary\"\n\
                [store]\nurl = \"mysql://root:sk-canary@h\"\n[vault]\nmaster_key = [\"sk-canary\"]";
    let told = problems_of(&sources(text)).to_string();
    assert_eq!(told.lines().count(), 4, "{told}");
    assert!(!told.contains("canary"), "{told}");
}

#[test]
fn openais_key_in_the_environment_is_an_upstream_where_none_is_declared() {
    let key = [("OPENAI_API_KEY", "sk-1")];
    let config = loaded(&Sources { env: env(&key), ..Sources::default() });
    let upstream = &config.upstreams[0];
    assert_eq!(
        (upstream.id.as_str(), upstream.base_url.as_str()),
        ("openai", "https://api.openai.com/v1")
    );
    assert_eq!(upstream.api_key.as_ref().unwrap().expose(), "sk-1");
    assert_eq!(shown(&config, "upstream[0].id").1, "$OPENAI_API_KEY");

    let base = [("OPENAI_API_KEY", "sk-1"), ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")];
    let config = loaded(&Sources { env: env(&base), ..Sources::default() });
    assert_eq!(config.upstreams[0].base_url.as_str(), "http://127.0.0.1:9/v1");

    let mut given = sources("[[upstream]]\nid = \"mine\"\nbase_url = \"https://x\"\n");
    given.env = env(&key);
    let config = loaded(&given);
    assert_eq!(config.upstreams.len(), 1);
    assert_eq!(config.upstreams[0].id.as_str(), "mine");
    assert!(
        loaded(&Sources { env: env(&[("OPENAI_API_KEY", " ")]), ..Sources::default() })
            .upstreams
            .is_empty()
    );
}

#[test]
fn beyond_loopback_nothing_starts_without_tls_or_a_trusted_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let pem = folder.path().join("x.pem");
    std::fs::write(&pem, "-").unwrap();
    let certificates = format!("[tls]\ncertificates = [{{ cert = {pem:?}, key = {pem:?} }}]\n");
    let far = "[server]\nlisten = \"0.0.0.0:1\"\npublic_url = \"https://x.example\"\n";
    let http = "[server]\npublic_url = \"http://x.example\"\n";
    for (text, refused) in [
        (far.to_owned(), Some("server.listen")),
        (format!("{certificates}{far}"), None),
        (format!("{far}trusted_proxies = [\"10.0.0.1\"]\n"), None),
        (format!("{far}insecure_http = {INSECURE_HTTP:?}\n"), None),
        (format!("{certificates}[server]\nlisten = \"[::]:1\"\n"), Some("server.public_url")),
        (http.to_owned(), Some("server.public_url")),
        (format!("{http}trusted_proxies = [\"10.0.0.1\"]\n"), None),
        (format!("{http}insecure_http = {INSECURE_HTTP:?}\n"), None),
        (format!("{certificates}{http}"), Some("server.public_url")),
        ("[server]\npublic_url = \"http://app.localhost:1\"\n".to_owned(), None),
        ("[server]\nlisten = \"[::1]:1\"\n".to_owned(), None),
        (
            "[server]\nlisten = \"[::ffff:10.0.0.1]:1\"\npublic_url = \"https://x\"\n".to_owned(),
            Some("server.listen"),
        ),
    ] {
        let problems = Config::load(&sources(&text)).err().unwrap_or_default().0;
        let paths: Vec<&str> = problems.iter().map(|problem| &*problem.path).collect();
        assert_eq!(paths, Vec::from_iter(refused), "{text}");
    }
}

#[test]
fn settings_are_shown_with_their_origin() {
    let mut given = sources("[server]\nlisten = \"127.0.0.1:1\"\n[accounts]\n");
    given.env = env(&[("TOLLGATE__LOG__FORMAT", "json"), ("HOME", "/h")]);
    given.flags = vec![flag("server.public_url", "https://x.example", "--public-url")];
    let config = loaded(&given);
    assert_eq!(shown(&config, "server.listen"), ("\"127.0.0.1:1\"", "t.toml:2"));
    assert_eq!(shown(&config, "log.format"), ("\"json\"", "$TOLLGATE__LOG__FORMAT"));
    assert_eq!(shown(&config, "server.public_url"), ("\"https://x.example\"", "--public-url"));
    assert_eq!(shown(&config, "server.shutdown_s"), ("300", "default"));
    assert_eq!(shown(&config, "accounts.registration"), ("\"closed\"", "default"));
    assert_eq!(shown(&config, "server.data_dir").0, "\"/h/.local/share/tollgate\"");
}

#[test]
fn the_schema_describes_every_key() {
    let schema = Config::schema();
    let mut undescribed = Vec::new();
    let sections = schema["$defs"].as_object().unwrap();
    for (name, section) in sections {
        for (key, value) in section["properties"].as_object().into_iter().flatten() {
            if value.get("description").is_none() && value.get("$ref").is_none() {
                undescribed.push(format!("{name}.{key}"));
            }
        }
    }
    assert!(undescribed.is_empty(), "{undescribed:?}");
    assert_eq!(schema["properties"].as_object().unwrap().len(), 19);
}

#[test]
fn who_only_asks_a_server_needs_none_of_its_secrets() {
    let file = "[server]\nlisten = \"127.0.0.1:8123\"\ndata_dir = \"/srv/tollgate\"\n\
                [vault]\nmaster_key = { file = \"/nowhere/master.key\" }\n\
                [[upstream]]\nid = \"o\"\nbase_url = \"https://api.openai.com/v1\"\n\
                api_key = { env = \"NOT_SET_ANYWHERE\" }\n";
    assert!(Config::load(&sources(file)).is_err());
    let server = Config::load_server(&sources(file)).unwrap_or_else(|p| panic!("{p}"));
    assert_eq!(server.data_dir, std::path::Path::new("/srv/tollgate"));
    assert_eq!(server.listen.port(), 8123);
    let wrong = sources("[server]\nlisten = \"nowhere\"\n[[upstream]]\nidd = \"o\"\n");
    let problems = Config::load_server(&wrong).err().map(|p| p.to_string()).unwrap_or_default();
    assert!(problems.contains("server.listen") && problems.contains("idd"), "{problems}");
}
