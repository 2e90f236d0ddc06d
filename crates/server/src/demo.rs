//! `tollgate demo`: a throw-away installation with a demo model, one call through the gate, and
//! what to paste next.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tollgate_edge::{Listener, NetworkLimits, Phase, RequestLog, Style, TrustedProxies};
use tollgate_gate::{DrainBounds, Outbound};
use tollgate_identity::link_path;
use tollgate_kernel::{Job, Manage, Noun, Secret, Slug, SystemClock};
use tollgate_models::ModelsState;
use tollgate_store::{AuditEvent, Target, UpstreamRecord};
use tollgate_vault::{MasterKey, SystemRng};
use url::Url;

use crate::ask::Asker;
use crate::cli::args::{DemoArgs, Global};
use crate::demo_connections::{Connected, House, PersonsSession};
use crate::demo_model::{self, DemoModel};
use crate::demo_todo::DemoTodo;
use crate::demo_tools::{self, Offered};
use crate::exit::Exit;
use crate::init::first_owner;
use crate::prices::PriceTable;
use crate::serve::stop_on_signals;
use crate::wire::{Installation, Options, listen};

const EMAIL: &str = "demo@example.com";
const MODEL: &str = "tollgate-demo";

/// How long the first entry is waited for.
const VISIBLE: Duration = Duration::from_secs(5);

/// What the demo found and made, for people or as JSON.
struct Shown {
    origin: String,
    key: String,
    admin_key: String,
    link: String,
    answer: Value,
    entry: Value,
    tools: Vec<Offered>,
    connections: Vec<Connected>,
}

/// Runs the demo until it is asked to stop; with `--once` until the call has its entry.
pub async fn run(global: &Global, args: &DemoArgs) -> Result<(), Exit> {
    let folder = tempfile::Builder::new().prefix("tollgate-demo-").tempdir();
    let folder = folder.map_err(|error| Exit::io("no temporary folder can be made", &error))?;
    let address: SocketAddr = args
        .listen
        .parse()
        .map_err(|_| Exit::usage("--listen takes an address like 127.0.0.1:0"))?;
    let model = DemoModel::start(demo_model::Options::default()).await;
    let model = model.map_err(|error| Exit::io("the demo model cannot start", &error))?;
    let todo = DemoTodo::start(SocketAddr::from(([127, 0, 0, 1], 0))).await;
    let todo = todo.map_err(|error| Exit::io("the demo's todo API cannot start", &error))?;
    let listener = listen(address).await?;
    let bound = listener.local_addr().map_err(|e| Exit::io("the listener has no address", &e))?;
    let origin = format!("http://localhost:{}", bound.port());
    let installation = open(folder.path(), &origin).await?;
    add_model(&installation, &model).await?;
    let owner = first_owner(&installation, EMAIL).await?;
    let link = format!("{origin}{}", link_path(&owner.link));
    let admin_key = owner.admin_key.expose().to_owned();
    let gate = installation.gate.clone();
    gate.refresh_lists().await;
    let principal = gate.system(&installation.jobs.token(Job::Setup));
    let warrant = gate.allow(&principal, Manage::read(Noun::Settings))?;
    let (stop, serving) = serve(installation, listener, args.once)?;
    let user = owner.user.id.to_string();
    let mut shown = first_call(bound, &origin, &admin_key, &user, link).await?;
    let mut admin = Asker::tcp(bound, Some(&admin_key)).await?;
    shown.tools = demo_tools::offer(&mut admin, &origin, &todo, &user).await?;
    let session = PersonsSession::start(&gate, &warrant, owner.user.id).await?;
    let house = House { address: bound, origin: &origin, user: owner.user.id, key: &shown.key };
    shown.connections = house.connect(&mut admin, &session, &shown.tools).await?;
    session.end(&gate, &warrant).await?;
    drop(admin);
    tell(global, &shown);
    if args.once {
        stop.send_replace(Phase::Now);
    }
    serving.await.map_err(|error| Exit::run_time(error.to_string()))??;
    model.stop().await;
    // The folder can go when no connection makes files in it any more.
    gate.read(&warrant).close().await;
    gate.entries(&warrant).close().await;
    folder.close().map_err(|error| Exit::io("the temporary folder cannot be removed", &error))
}

type Serving = tokio::task::JoinHandle<Result<(), Exit>>;

fn serve(
    installation: Installation,
    listener: TcpListener,
    once: bool,
) -> Result<(watch::Sender<Phase>, Serving), Exit> {
    let (stop, stopped) = watch::channel(Phase::Running);
    let stopping = if once { stopped } else { stop_on_signals()? };
    let drain = Duration::from_secs(5);
    let serving = tokio::spawn(async move {
        installation.serve(Listener::Tcp(listener), stopping, drain).await.map_err(Exit::from)
    });
    Ok((stop, serving))
}

async fn open(folder: &std::path::Path, origin: &str) -> Result<Installation, Exit> {
    let prices = PriceTable::embedded().map_err(|error| Exit::run_time(error.to_string()))?;
    let options = Options {
        target: Target::Sqlite { data_dir: folder.to_owned() },
        data_dir: folder.to_owned(),
        master_key: MasterKey::generate(&SystemRng),
        public_url: Url::parse(origin).map_err(|error| Exit::run_time(error.to_string()))?,
        brand: "Tollgate".to_owned(),
        trusted_proxies: TrustedProxies::default(),
        prices,
        network_limits: NetworkLimits::default(),
        keys_in_the_clear: true,
        drain: DrainBounds::default(),
        request_bytes: ModelsState::REQUEST_BYTES,
        extra_roots: Vec::new(),
        outbound: Outbound { loopback_tools: true, ..Outbound::default() },
        log: RequestLog::start(std::io::sink(), Style::Json)?,
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(SystemRng),
    };
    Ok(Installation::open(options).await?)
}

/// The demo model as an upstream like any other.
async fn add_model(installation: &Installation, model: &DemoModel) -> Result<(), Exit> {
    let gate = &installation.gate;
    let principal = gate.system(&installation.jobs.token(Job::Setup));
    let warrant = gate.allow(&principal, Manage::write(Noun::Upstreams))?;
    let id = Slug::parse("demo")?;
    let mut upstream = UpstreamRecord::new(id.clone(), model.base_url());
    let key = Secret::new("the-demo-model-asks-for-no-key".to_owned());
    upstream.api_key_sealed = Some(gate.seal_key(&warrant, &id, 1, &key)?);
    let mut tx = gate.begin(&warrant).await?;
    tx.put_upstream(&upstream).await?;
    tx.commit(AuditEvent::new("upstream.create", "upstream:demo")).await?;
    gate.heed().await;
    Ok(())
}

/// A key by the management API, a call with it, and the entry that the call left.
async fn first_call(
    address: SocketAddr,
    origin: &str,
    admin_key: &str,
    user: &str,
    link: String,
) -> Result<Shown, Exit> {
    let mut admin = Asker::tcp(address, Some(admin_key)).await?;
    let wish = json!({ "name": "demo", "user": user });
    let made = admin.json(Method::POST, "/api/v1/keys", Some(&wish)).await?;
    let key = made.get("key").and_then(Value::as_str).unwrap_or_default().to_owned();
    let call = json!({
        "model": MODEL,
        "messages": [{ "role": "user", "content": "Say hello to the gate." }],
    });
    let mut caller = Asker::tcp(address, Some(&key)).await?;
    let answer = caller.ask(Method::POST, "/v1/chat/completions", Some(&call)).await?;
    let path = format!("/api/v1/entries?request_id={}", answer.request_id);
    let answer = answer.json()?;
    let entry = entry(&mut admin, &path).await?;
    let (origin, admin_key) = (origin.to_owned(), admin_key.to_owned());
    Ok(Shown {
        origin,
        key,
        admin_key,
        link,
        answer,
        entry,
        tools: Vec::new(),
        connections: Vec::new(),
    })
}

async fn entry(admin: &mut Asker, path: &str) -> Result<Value, Exit> {
    let look = async {
        loop {
            let list = admin.json(Method::GET, path, None).await?;
            // A moment after the answer the call may still be open.
            let is_over = |entry: &&Value| entry.get("state").is_some_and(|state| state != "open");
            if let Some(entry) = list.pointer("/items/0").filter(is_over) {
                return Ok(entry.clone());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let late = |_| Exit::run_time("the call has left no entry");
    tokio::time::timeout(VISIBLE, look).await.map_err(late)?
}

fn tell(global: &Global, shown: &Shown) {
    let Shown { origin, key, admin_key, link, answer, entry, tools, connections } = shown;
    if global.json {
        let all = json!({
            "url": origin, "key": key, "admin_key": admin_key, "sign_in": link,
            "answer": answer, "entry": entry,
            "tools": tools.iter().map(Offered::json).collect::<Vec<_>>(),
            "connections": connections.iter().map(Connected::json).collect::<Vec<_>>(),
        });
        println!("{all}");
        return;
    }
    let text = |value: &Value, path: &str| match value.pointer(path) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "-".to_owned(),
    };
    println!("Tollgate runs at {origin}, with a demo model behind it.\n");
    println!("A call went through the gate. The model said:");
    println!("  {}\n", text(answer, "/choices/0/message/content"));
    println!("Its entry:");
    println!("  state          {}", text(entry, "/state"));
    println!("  input tokens   {}", text(entry, "/usage/input_tokens"));
    println!("  output tokens  {}", text(entry, "/usage/output_tokens"));
    println!("  cost           {}", cost(entry));
    println!("  request        {}\n", text(entry, "/request_id"));
    println!("Call it yourself:");
    println!("  curl {origin}/v1/chat/completions \\");
    println!("    -H 'Authorization: Bearer {key}' \\");
    println!("    -H 'Content-Type: application/json' \\");
    let body = format!(r#"{{"model":"{MODEL}","messages":[{{"role":"user","content":"Hi"}}]}}"#);
    println!("    -d '{body}'\n");
    println!("Or with the official SDK (pip install openai):");
    println!("  from openai import OpenAI");
    println!("  client = OpenAI(base_url=\"{origin}/v1\", api_key=\"{key}\")");
    println!("  messages = [{{\"role\": \"user\", \"content\": \"Hi\"}}]");
    println!("  answer = client.chat.completions.create(model=\"{MODEL}\", messages=messages)");
    println!("  print(answer.choices[0].message.content)\n");
    println!("A todo API is offered to AI apps, in each of the four ways:");
    for tool in tools {
        println!("  # {}: {}", tool.id, tool.who);
        println!("  {}", tool.line);
    }
    println!("  # what an AI app reads first");
    println!("  curl {origin}/tools/todo-user/.well-known/ai-plugin.json\n");
    println!("The same four, installed as somebody else's tools, connected and called for you:");
    for connection in connections {
        println!("  # {}: {}; {}", connection.tool, connection.how, connection.said());
        println!("  {}", connection.line);
    }
    println!();
    println!("The account page: {origin}/account");
    println!("The tools that are offered: {origin}/admin/tools");
    println!("Tools of others: {origin}/admin/installs");
    println!("Your connections: {origin}/account/connections");
    println!("Sign in once with: {link}\n");
    println!("Ctrl-C ends it; nothing of it stays.");
}

fn cost(entry: &Value) -> String {
    match entry.get("cost_nano").and_then(Value::as_i64) {
        Some(nano) => format!("{nano} nano-dollars"),
        None => "no price".to_owned(),
    }
}
