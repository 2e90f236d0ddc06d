//! What the server finds when it starts: people with keys, a plan with rates and budgets, a pool, a
//! budget of the whole installation, prices, and the mock model as its one upstream. Made in this
//! process, through the gate, before the server runs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use http::HeaderValue;
use tollgate_edge::{RequestLog, Style, TrustedProxies};
use tollgate_gate::{DrainBounds, Gate, Outbound, Warrant};
use tollgate_kernel::{
    Budget, Job, KeyId, Manage, ModelPattern, Noun, Period, PlainToken, Rates, Role, Secret, Slug,
    SystemClock, Unit, UserId,
};
use tollgate_protocol::api_key::TokenType;
use tollgate_server::prices::PriceTable;
use tollgate_server::wire::{Installation, Options};
use tollgate_store::settings::INSTALLATION_BUDGETS;
use tollgate_store::{
    AuditEvent, GroupRecord, KeyHolder, ModelRecord, NewKey, NewSecret, NewUser, PlanBody,
    PlanRecord, Target, UpstreamRecord,
};
use tollgate_vault::{MasterKey, SystemRng};
use url::Url;

/// A dollar per million tokens of input, four of output, for whatever the mock model is asked.
const PRICES: &str = "model,also_matches,input,output\nbench,mock/*,1,4\n";

/// Rates that are counted and never reached.
const RATES: Rates = Rates {
    requests_per_minute: Some(10_000_000),
    tokens_per_minute: Some(4_000_000_000),
    concurrent: Some(1_000_000),
};

/// A budget that is counted and never used up.
const AMPLE: Budget =
    Budget { unit: Unit::Tokens, limit: 1_000_000_000_000_000, period: Period::Month };

/// The plan of everybody.
pub(crate) const PLAN: &str = "bench";
const GROUP: &str = "everybody";
const UPSTREAM: &str = "mock";

/// The password of the first ten people.
pub(crate) const PASSWORD: &str = "a-long-enough-bench-password-7";
const WITH_PASSWORD: usize = 10;

/// People made in one transaction: it has a deadline.
const AT_ONCE: usize = 100;

/// What to prepare.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// People, each of them in the one group.
    pub(crate) people: usize,
    /// Keys of each of them.
    pub(crate) keys_each: usize,
    /// Whether each person has a budget, by the plan.
    pub(crate) own_budgets: bool,
    /// Whether the group has a pool.
    pub(crate) pool: bool,
}

impl Wish {
    /// Ten people with a key and a budget each, and a budget of the installation.
    pub(crate) const USUAL: Self =
        Self { people: 10, keys_each: 1, own_budgets: true, pool: false };
}

/// The data folder of a server that is to run.
pub(crate) struct Stage {
    folder: PathBuf,
    port: u16,
    people: Vec<(UserId, PlainToken)>,
}

/// An alias for each thing that the mock model is asked to do.
const MODELS: [(&str, &str); 4] = [
    ("fixed", "mock/fixed"),
    ("chunks", "mock/chunks=100,every=10ms"),
    ("delayed", "mock/delay=5ms"),
    ("idle", "mock/chunks=200,every=600s"),
];

/// Our alias of one of the mock model's names.
pub(crate) fn alias(model: &str) -> Result<&'static str> {
    let found = MODELS.iter().find(|(_, name)| *name == model);
    Ok(found.with_context(|| format!("{model} has no alias"))?.0)
}

impl Stage {
    /// A new folder.
    pub(crate) async fn fresh(work: &Path, model_url: &str, wish: Wish) -> Result<Self> {
        let folder = work.join("stage");
        remove(&folder)?;
        Self::in_folder(folder, model_url, wish).await
    }

    /// The same folder as last time, where it was made for as many people and keys; its ledger is
    /// new. A million keys take minutes to make.
    pub(crate) async fn kept(work: &Path, model_url: &str, wish: Wish) -> Result<Self> {
        let folder = work.join(format!("stage-{}x{}", wish.people, wish.keys_each));
        if !folder.join(TOKENS).is_file() {
            remove(&folder)?;
        }
        for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
            let path = folder.join("data").join(name);
            if path.exists() {
                std::fs::remove_file(&path)?;
            }
        }
        Self::in_folder(folder, model_url, wish).await
    }

    async fn in_folder(folder: PathBuf, model_url: &str, wish: Wish) -> Result<Self> {
        let mut stage = Self { folder, port: free_port()?, people: Vec::new() };
        std::fs::create_dir_all(&stage.folder)?;
        std::fs::write(stage.prices(), PRICES)?;
        let house = House::open(&stage).await?;
        house.govern(model_url, wish).await?;
        let tokens = stage.folder.join(TOKENS);
        stage.people = match std::fs::read_to_string(&tokens) {
            Ok(text) => read_people(&text)?,
            Err(_) => {
                let people = house.people(wish).await?;
                std::fs::write(&tokens, written(&people))?;
                people
            }
        };
        house.close().await?;
        Ok(stage)
    }

    /// The folder that the server gets.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The file of prices.
    pub(crate) fn prices(&self) -> PathBuf {
        self.folder.join("prices.csv")
    }

    /// Where the server is to listen.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// The server's origin.
    pub(crate) fn public_url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// The first key of everybody, as a value of `authorization`.
    pub(crate) fn keys(&self) -> Result<Arc<[HeaderValue]>> {
        self.people.iter().map(|(_, token)| bearer(token)).collect()
    }

    /// The people.
    pub(crate) fn people(&self) -> impl Iterator<Item = UserId> {
        self.people.iter().map(|(user, _)| *user)
    }
}

/// The file of everybody's first key.
const TOKENS: &str = "tokens.txt";

fn written(people: &[(UserId, PlainToken)]) -> String {
    people.iter().map(|(user, token)| format!("{user} {}\n", token.expose())).collect()
}

fn read_people(text: &str) -> Result<Vec<(UserId, PlainToken)>> {
    let line = |line: &str| -> Result<_> {
        let (user, token) = line.split_once(' ').context("a line without a key")?;
        let user = user.parse().ok().context("a line without a person")?;
        Ok((user, PlainToken::new(token.to_owned())))
    };
    text.lines().map(line).collect()
}

/// `Bearer token` as a header.
pub(crate) fn bearer(token: &PlainToken) -> Result<HeaderValue> {
    Ok(HeaderValue::from_str(&format!("Bearer {}", token.expose()))?)
}

/// A port that is free now.
fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    Ok(listener.local_addr()?.port())
}

/// Removes a folder, if it is there.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// The installation, opened in this process.
pub(crate) struct House {
    /// Makes people and what is theirs.
    pub(crate) gate: Arc<Gate>,
    /// Acts as the server itself.
    pub(crate) warrant: Warrant,
    installation: Installation,
}

impl House {
    /// Opens what `stage` has, while no server runs on it.
    pub(crate) async fn open(stage: &Stage) -> Result<Self> {
        let data_dir = stage.data();
        let installation = Installation::open(Options {
            target: Target::Sqlite { data_dir: data_dir.clone() },
            master_key: master_key(&data_dir)?,
            data_dir,
            public_url: Url::parse(&stage.public_url())?,
            brand: "Tollgate".to_owned(),
            trusted_proxies: TrustedProxies::default(),
            prices: PriceTable::embedded()?,
            network_limits: Default::default(),
            keys_in_the_clear: true,
            drain: DrainBounds::default(),
            request_bytes: 1_024 * 1_024,
            extra_roots: Vec::new(),
            outbound: Outbound { loopback_tools: true, ..Outbound::default() },
            log: RequestLog::start(std::io::sink(), Style::Json)?,
            clock: Arc::new(SystemClock::new()),
            rng: Arc::new(SystemRng),
        })
        .await?;
        let gate = installation.gate.clone();
        let system = gate.system(&installation.jobs.token(Job::Setup));
        let warrant = gate.allow(&system, Manage::write(Noun::Users))?;
        Ok(Self { gate, warrant, installation })
    }

    /// Closes it in good order.
    pub(crate) async fn close(self) -> Result<()> {
        let Self { gate, warrant, installation } = self;
        drop((gate, warrant));
        Ok(installation.close().await?)
    }

    /// The upstream, the aliases, and what limits calls.
    async fn govern(&self, model_url: &str, wish: Wish) -> Result<()> {
        let upstream = self.upstream(model_url).await?;
        let plan = self.plan(wish).await?;
        let group = self.group(wish).await?;
        let reader = self.gate.read(&self.warrant);
        let known = reader.models().await?;
        let mut tx = self.gate.begin(&self.warrant).await?;
        tx.put_upstream(&upstream).await?;
        tx.put_plan(&plan).await?;
        tx.put_group(&group).await?;
        tx.set_setting(INSTALLATION_BUDGETS, Some(&serde_json::to_string(&[AMPLE])?)).await?;
        for (alias, name) in MODELS {
            let alias = Slug::parse(alias)?;
            let mut record = ModelRecord::new(alias.clone(), upstream.id.clone(), name.to_owned());
            record.version = known.iter().find(|m| m.alias == alias).map_or(0, |m| m.version);
            tx.put_model(&record).await?;
        }
        Ok(tx.commit(AuditEvent::new("bench.govern", "installation")).await?)
    }

    async fn upstream(&self, model_url: &str) -> Result<UpstreamRecord> {
        let id = Slug::parse(UPSTREAM)?;
        let known = self.gate.read(&self.warrant).upstream(&id).await?;
        let mut record = UpstreamRecord::new(id, format!("{model_url}/v1"));
        record.version = known.map_or(0, |known| known.version);
        let key = Secret::new("sk-bench-provider-key".to_owned());
        let next = record.version + 1;
        let sealed = self.gate.seal_key(&self.warrant, &record.id, next, &key)?;
        record.api_key_sealed = Some(sealed);
        Ok(record)
    }

    async fn plan(&self, wish: Wish) -> Result<PlanRecord> {
        let id = Slug::parse(PLAN)?;
        let known = self.gate.read(&self.warrant).plan(&id).await?;
        let budgets = if wish.own_budgets { vec![AMPLE] } else { Vec::new() };
        let mut record = PlanRecord::new(
            id,
            PlanBody {
                tools: None,
                models: vec![ModelPattern::parse("*")?],
                rates: RATES,
                budgets,
                time_zone: "UTC".to_owned(),
                max_output_tokens: 4_096,
                profile: None,
            },
        );
        record.version = known.map_or(0, |known| known.version);
        Ok(record)
    }

    async fn group(&self, wish: Wish) -> Result<GroupRecord> {
        let id = Slug::parse(GROUP)?;
        let known = self.gate.read(&self.warrant).group(&id).await?;
        let mut record = GroupRecord::new(id, GROUP.to_owned());
        record.pool = if wish.pool { vec![AMPLE] } else { Vec::new() };
        record.version = known.map_or(0, |known| known.version);
        Ok(record)
    }

    /// People with keys; each with the first of theirs.
    async fn people(&self, wish: Wish) -> Result<Vec<(UserId, PlainToken)>> {
        let mut people = Vec::with_capacity(wish.people);
        let hash = self.gate.hash_password(PlainToken::new(PASSWORD.to_owned())).await?;
        while people.len() < wish.people {
            let until = wish.people.min(people.len() + AT_ONCE);
            let mut tx = self.gate.begin(&self.warrant).await?;
            while people.len() < until {
                people.push(self.person(&mut tx, people.len(), &hash, wish.keys_each).await?);
            }
            tx.commit(AuditEvent::new("bench.people", "people")).await?;
            if people.len().is_multiple_of(10_000) {
                eprintln!("  {} people with {} keys each", people.len(), wish.keys_each);
            }
        }
        Ok(people)
    }

    async fn person(
        &self,
        tx: &mut tollgate_store::Tx,
        number: usize,
        password: &str,
        keys: usize,
    ) -> Result<(UserId, PlainToken)> {
        let user = UserId::new(&**self.gate.clock(), &**self.gate.rng());
        let email = email(number);
        tx.insert_user(NewUser {
            id: user,
            name: email.clone(),
            email,
            locale: None,
            role: Role::Member,
            plan: Some(Slug::parse(PLAN)?),
            password: (number < WITH_PASSWORD).then(|| Secret::new(password.to_owned())),
            external_id: None,
        })
        .await?;
        tx.set_groups_of(user, &[Slug::parse(GROUP)?]).await?;
        let mut first = None;
        for _ in 0..keys {
            let (token, hash) = self.gate.new_token(TokenType::User);
            let key = NewKey {
                id: KeyId::new(&**self.gate.clock(), &**self.gate.rng()),
                name: "bench".to_owned(),
                holder: KeyHolder::User(user),
                tool: None,
                models: None,
                networks: None,
                rates: RATES,
                budgets: Vec::new(),
                expires_at: None,
            };
            let secret = NewSecret { hash: *hash.as_bytes(), tail: token.tail() };
            tx.insert_key(key, secret).await?;
            first.get_or_insert(token);
        }
        Ok((user, first.context("a person without a key")?))
    }
}

/// The address of person `number`.
pub(crate) fn email(number: usize) -> String {
    format!("person-{number}@example.com")
}

/// The master key of a data folder, in the file that `tollgate serve` looks for.
fn master_key(data: &Path) -> Result<MasterKey> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    let path = data.join("master.key");
    if path.is_file() {
        return Ok(MasterKey::from_text(std::fs::read_to_string(&path)?.trim())?);
    }
    if data.exists() {
        bail!("{} has no master key: remove the folder", data.display());
    }
    std::fs::DirBuilder::new().mode(0o700).create(data)?;
    let key = MasterKey::generate(&SystemRng);
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    std::io::Write::write_all(&mut file, key.to_text().expose().as_bytes())?;
    Ok(key)
}
