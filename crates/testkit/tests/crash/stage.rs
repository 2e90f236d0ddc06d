//! What is there before the first start: people with keys, budgets in several scopes, prices, and a
//! demo model as a process of its own.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use tempfile::TempDir;
use tokio::process::Command;
use tollgate_edge::{RequestLog, Style};
use tollgate_gate::{Gate, Purpose, Warrant};
use tollgate_kernel::{
    Budget, Job, KeyId, Manage, ModelPattern, Noun, Period, Rates, Role, Secret, Slug, Unit, UserId,
};
use tollgate_protocol::api_key::TokenType;
use tollgate_server::config::{Config, Override, Sources};
use tollgate_server::start::start;
use tollgate_store::settings::INSTALLATION_BUDGETS;
use tollgate_store::{
    AuditEvent, KeyHolder, ModelRecord, NewKey, NewSecret, NewUser, PlanBody, PlanRecord, Target,
    UpstreamRecord,
};
use tollgate_testkit::process::{Running, binary};
use url::Url;

use crate::load::{BODY, CALLERS, ENDLESS, KINDS, LONG, alias};

/// Which store the server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A dollar per million tokens of input, four of output, for whatever the demo model is told to do.
pub(crate) const PRICES: &str = "model,also_matches,input,output\ncrash-test,mock/*,1,4\n";

/// What each key has.
const OF_KEY: Budget = Budget { unit: Unit::Tokens, limit: 350_000, period: Period::Day };

/// What each person has by their plan.
const OF_PERSON: [Budget; 2] = [
    Budget { unit: Unit::Tokens, limit: 400_000, period: Period::Week },
    Budget { unit: Unit::Calls, limit: 600, period: Period::Day },
];

/// What all have together, for each round of the test.
const OF_ALL: [Budget; 2] = [
    Budget { unit: Unit::Tokens, limit: 1_000_000, period: Period::Month },
    Budget { unit: Unit::Money, limit: 1_200_000_000, period: Period::Month },
];

/// People who call at the same time; when their budgets are used up, the next crew takes over.
pub(crate) const CREW: usize = 4;

/// The key that our server has for the demo model.
const PROVIDER_KEY: &str = "sk-crash-test-provider-key";

/// A person with a key.
pub(crate) struct Person {
    pub(crate) user: UserId,
    pub(crate) key: KeyId,
    pub(crate) token: String,
    /// As what the demo model knows them.
    pub(crate) subject: String,
}

/// Everything that outlives the server.
pub(crate) struct Stage {
    folder: TempDir,
    binary: PathBuf,
    pub(crate) target: Target,
    pub(crate) model: Running,
    pub(crate) crews: Vec<Vec<Person>>,
    pub(crate) of_all: Vec<Budget>,
}

impl Stage {
    /// Prepares a store with so many crews, and budgets of the whole installation for so many
    /// rounds.
    pub(crate) async fn set(engine: Engine, crews: usize, rounds: u32) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let binary = binary()?;
        let mut model = Command::new(&binary);
        model.args(["demo-model", "--api-key", PROVIDER_KEY, "--meter"]);
        model.arg(folder.path().join("meter.jsonl"));
        let model = Running::start(model, &folder.path().join("model.log")).await?;
        std::fs::write(folder.path().join("prices.csv"), PRICES)?;
        let target = match engine {
            Engine::Sqlite => Target::Sqlite { data_dir: folder.path().join("data") },
            Engine::Postgres => Target::Postgres { url: make_database(&folder).await? },
        };
        let of_all = OF_ALL.map(|b| Budget { limit: b.limit * i64::from(rounds.max(10)), ..b });
        let of_all = of_all.to_vec();
        let mut stage = Self { folder, binary, target, model, crews: Vec::new(), of_all };
        stage.prepare(crews).await?;
        Ok(stage)
    }

    /// The folder of the server's data.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Where the command line reaches the server.
    pub(crate) fn socket(&self) -> PathBuf {
        tollgate_server::wire::socket_path(&self.data())
    }

    /// The file of the demo model's meter.
    pub(crate) fn meter(&self) -> PathBuf {
        self.folder.path().join("meter.jsonl")
    }

    /// The file of the server's log.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    /// A scratch folder.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.folder.path().join("scratch")
    }

    /// Starts the server and waits until it is ready.
    pub(crate) async fn serve(&self) -> Result<Running> {
        Running::start(self.command(), &self.log()).await
    }

    /// How the server is started.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(self.data());
        command.arg("--prices").arg(self.folder.path().join("prices.csv"));
        for variable in ["OPENAI_API_KEY", "OPENAI_BASE_URL", "TOLLGATE_CONFIG"] {
            command.env_remove(variable);
        }
        if let Target::Postgres { url } = &self.target {
            command.env("TOLLGATE__STORE__URL", url);
        }
        command
    }

    /// Makes people, keys and models in this process, and closes the store in good order.
    async fn prepare(&mut self, crews: usize) -> Result<()> {
        let data = self.data().to_str().context("a folder in UTF-8")?.to_owned();
        let flags = [("server.listen", "127.0.0.1:0".to_owned()), ("server.data_dir", data)];
        let flags = flags.map(|(path, value)| {
            let flag = "the test".to_owned();
            Override { path: path.to_owned(), value, flag }
        });
        let mut sources = Sources { flags: flags.into(), ..Sources::default() };
        if let Target::Postgres { url } = &self.target {
            sources.env.insert("TOLLGATE__STORE__URL".to_owned(), url.clone());
        }
        let config = Config::load(&sources).map_err(|problems| anyhow!("{problems}"))?;
        let log = RequestLog::start(std::io::sink(), Style::Json)?;
        let started = start(&config, log).await.map_err(|exit| anyhow!("{exit}"))?;
        let installation = started.installation;
        let gate = installation.gate.clone();
        let system = gate.system(&installation.jobs.token(Job::Setup));
        let maker = Maker { warrant: gate.allow(&system, Manage::write(Noun::Users))?, gate };
        maker.upstream(&format!("{}/v1", self.model.url())).await?;
        maker.models().await?;
        maker.budgets(&self.of_all).await?;
        for crew in 0..crews {
            self.crews.push(maker.crew(crew).await?);
        }
        drop(maker);
        installation.close().await?;
        Ok(())
    }
}

/// Makes what the store holds.
struct Maker {
    gate: Arc<Gate>,
    warrant: Warrant,
}

impl Maker {
    async fn upstream(&self, base_url: &str) -> Result<()> {
        let id = Slug::parse("demo")?;
        let key = Secret::new(PROVIDER_KEY.to_owned());
        let sealed = self.gate.seal_key(&self.warrant, &id, 1, &key)?;
        let mut upstream = UpstreamRecord::new(id, base_url.to_owned());
        upstream.api_key_sealed = Some(sealed);
        let mut tx = self.gate.begin(&self.warrant).await?;
        tx.put_upstream(&upstream).await?;
        Ok(tx.commit(AuditEvent::new("upstream.make", "demo")).await?)
    }

    /// An alias for each kind of call of each caller, so that entries and the meter tell who
    /// called: `retry-after` does nothing to a good answer but make its model's name the caller's
    /// own.
    async fn models(&self) -> Result<()> {
        for caller in 0..CALLERS {
            // Few at once: a transaction has two seconds, on a busy machine too.
            let mut tx = self.gate.begin(&self.warrant).await?;
            for kind in KINDS.iter().chain([&LONG, &ENDLESS]) {
                let model = format!("mock/retry-after={caller};input={BODY};{}", kind.directives);
                let name = Slug::parse(&alias(caller, kind))?;
                tx.put_model(&ModelRecord::new(name, Slug::parse("demo")?, model)).await?;
            }
            tx.commit(AuditEvent::new("model.make", "aliases")).await?;
        }
        let body = PlanBody {
            tools: None,
            models: vec![ModelPattern::parse("*")?],
            rates: Rates::default(),
            budgets: OF_PERSON.to_vec(),
            time_zone: "UTC".to_owned(),
            max_output_tokens: 4_096,
            profile: None,
        };
        let mut tx = self.gate.begin(&self.warrant).await?;
        tx.put_plan(&PlanRecord::new(Slug::parse("crew")?, body)).await?;
        Ok(tx.commit(AuditEvent::new("plan.make", "crew")).await?)
    }

    async fn budgets(&self, of_all: &[Budget]) -> Result<()> {
        let text = serde_json::to_string(of_all)?;
        let mut tx = self.gate.begin(&self.warrant).await?;
        tx.set_setting(INSTALLATION_BUDGETS, Some(&text)).await?;
        Ok(tx.commit(AuditEvent::new("settings.change", "budgets")).await?)
    }

    async fn crew(&self, number: usize) -> Result<Vec<Person>> {
        let mut crew = Vec::with_capacity(CREW);
        let mut tx = self.gate.begin(&self.warrant).await?;
        for member in 0..CREW {
            let (clock, rng) = (&**self.gate.clock(), &**self.gate.rng());
            let (user, key) = (UserId::new(clock, rng), KeyId::new(clock, rng));
            let email = format!("member-{member}@crew-{number}.example.com");
            tx.insert_user(NewUser {
                id: user,
                name: email.clone(),
                email,
                locale: None,
                role: Role::Member,
                plan: Some(Slug::parse("crew")?),
                password: None,
                external_id: None,
            })
            .await?;
            let (token, hash) = self.gate.new_token(TokenType::User);
            let made = NewKey {
                id: key,
                name: "crash".to_owned(),
                holder: KeyHolder::User(user),
                tool: None,
                models: None,
                networks: None,
                rates: Rates::default(),
                budgets: vec![OF_KEY],
                expires_at: None,
            };
            let secret = NewSecret { hash: *hash.as_bytes(), tail: token.tail() };
            tx.insert_key(made, secret).await?;
            let subject =
                self.gate.mac(Purpose::SafetyIdentifier, format!("user:{user}").as_bytes());
            let subject = subject.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            crew.push(Person { user, key, token: token.expose().to_owned(), subject });
        }
        tx.commit(AuditEvent::new("user.make", format!("crew-{number}"))).await?;
        Ok(crew)
    }
}

impl Person {
    /// The budgets of this person and of their key: who holds each of them, and what it is.
    pub(crate) fn budgets(&self) -> Vec<(tollgate_kernel::Holder, Budget)> {
        let own = OF_PERSON.map(|budget| (tollgate_kernel::Holder::User(self.user), budget));
        let mut all = own.to_vec();
        all.push((tollgate_kernel::Holder::Key(self.key), OF_KEY));
        all
    }
}

/// A database of this test's own, made with the client that comes with PostgreSQL.
async fn make_database(folder: &TempDir) -> Result<String> {
    const POSTGRES: &str = "TOLLGATE_TEST_POSTGRES";
    let server = std::env::var(POSTGRES).with_context(|| {
        format!("{POSTGRES} must name a PostgreSQL server where databases may be made")
    })?;
    let name = folder.path().file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    let name = format!("tollgate_crash_{name}");
    let sql = format!("CREATE DATABASE {name}");
    let made = Command::new("psql").args([&server, "-qc", &sql]).output().await?;
    if !made.status.success() {
        bail!("psql: {}", String::from_utf8_lossy(&made.stderr));
    }
    let mut url = Url::parse(&server)?;
    url.set_path(&name);
    Ok(url.into())
}
