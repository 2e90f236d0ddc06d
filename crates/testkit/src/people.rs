//! People, keys, plans and upstreams, made without the pages.

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::{Context, Result};
use tollgate_gate::{Presented, Principal};
use tollgate_kernel::{
    Budget, KeyId, ModelPattern, Network, PlainToken, Plan, Rates, Role, Secret, Slug, UserId,
};
use tollgate_protocol::api_key::TokenType;
use tollgate_store::settings::INSTALLATION_BUDGETS;
use tollgate_store::{
    AccountState, AuditEvent, GroupRecord, KeyHolder, ModelRecord, NewKey, NewSecret, NewUser,
    Owner, PlanBody, PlanRecord, Tx, UpstreamRecord,
};

use crate::TestServer;

/// What a plan allows.
#[derive(Clone, Debug)]
pub struct PlanSpec {
    /// Its rates.
    pub rates: Rates,
    /// Its budgets.
    pub budgets: Vec<Budget>,
    /// Its models; all where none is named.
    pub models: Vec<&'static str>,
    /// Its output ceiling.
    pub max_output_tokens: u32,
    /// Where its days, weeks and months begin.
    pub time_zone: &'static str,
}

impl Default for PlanSpec {
    fn default() -> Self {
        Self {
            rates: Rates::default(),
            budgets: Vec::new(),
            models: Vec::new(),
            max_output_tokens: Plan::DEFAULT_MAX_OUTPUT_TOKENS,
            time_zone: "UTC",
        }
    }
}

impl PlanSpec {
    fn body(&self) -> Result<PlanBody> {
        let names = if self.models.is_empty() { vec!["*"] } else { self.models.clone() };
        Ok(PlanBody {
            tools: None,
            models: names.into_iter().map(ModelPattern::parse).collect::<Result<_, _>>()?,
            rates: self.rates,
            budgets: self.budgets.clone(),
            time_zone: self.time_zone.to_owned(),
            max_output_tokens: self.max_output_tokens,
            profile: None,
        })
    }
}

/// What a key restricts.
#[derive(Clone, Debug, Default)]
pub struct KeySpec {
    /// Its models.
    pub models: Option<Vec<&'static str>>,
    /// Its networks.
    pub networks: Option<Vec<String>>,
    /// Its rates.
    pub rates: Rates,
    /// Its budgets.
    pub budgets: Vec<Budget>,
    /// When it ends.
    pub expires_at: Option<tollgate_kernel::Timestamp>,
}

impl TestServer {
    /// Makes a model provider.
    pub async fn add_upstream(&self, id: &str, base_url: &str, key: &str) -> Result<()> {
        let id = Slug::parse(id)?;
        let sealed = self.gate.seal_key(&self.system, &id, 1, &Secret::new(key.to_owned()))?;
        let mut upstream = UpstreamRecord::new(id.clone(), base_url.to_owned());
        upstream.api_key_sealed = Some(sealed);
        let mut tx = self.gate.begin(&self.system).await?;
        tx.put_upstream(&upstream).await?;
        tx.commit(AuditEvent::new("upstream.make", id.to_string())).await?;
        self.gate.heed().await;
        Ok(())
    }

    /// Makes a plan.
    pub async fn add_plan(&self, id: &str, spec: &PlanSpec) -> Result<()> {
        let plan = PlanRecord::new(Slug::parse(id)?, spec.body()?);
        let mut tx = self.gate.begin(&self.system).await?;
        tx.put_plan(&plan).await?;
        tx.commit(AuditEvent::new("plan.make", id)).await?;
        self.gate.heed().await;
        Ok(())
    }

    /// Changes a plan.
    pub async fn change_plan(&self, id: &str, spec: &PlanSpec) -> Result<()> {
        let read = self.gate.read(&self.system).plan(&Slug::parse(id)?).await?;
        let mut plan = read.context("no such plan")?;
        plan.body = spec.body()?;
        let mut tx = self.gate.begin(&self.system).await?;
        tx.put_plan(&plan).await?;
        tx.commit(AuditEvent::new("plan.change", id)).await?;
        self.gate.heed().await;
        Ok(())
    }

    /// Makes names for models of upstream `demo`: each alias with what the demo model is to do
    /// (`chunks=3,every=1ms`).
    pub async fn mocks<A: AsRef<str>, D: AsRef<str>>(&self, mocks: &[(A, D)]) -> Result<()> {
        self.mocks_of("demo", mocks).await
    }

    /// The same for another demo model, which is this upstream.
    pub async fn mocks_of<A: AsRef<str>, D: AsRef<str>>(
        &self,
        upstream: &str,
        mocks: &[(A, D)],
    ) -> Result<()> {
        let upstream = Slug::parse(upstream)?;
        let mut tx = self.gate.begin(&self.system).await?;
        for (alias, directives) in mocks {
            let (alias, directives) = (Slug::parse(alias.as_ref())?, directives.as_ref());
            let model = format!("mock/{directives}");
            tx.put_model(&ModelRecord::new(alias, upstream.clone(), model)).await?;
        }
        tx.commit(AuditEvent::new("model.make", "mocks")).await?;
        self.gate.heed().await;
        Ok(())
    }

    /// Makes a name for a model of an upstream.
    pub async fn add_model(
        &self,
        alias: &str,
        upstream: &str,
        model: &str,
        budgets: Vec<Budget>,
    ) -> Result<()> {
        let (slug, upstream) = (Slug::parse(alias)?, Slug::parse(upstream)?);
        let mut record = ModelRecord::new(slug, upstream, model.to_owned());
        record.budgets = budgets;
        let mut tx = self.gate.begin(&self.system).await?;
        tx.put_model(&record).await?;
        tx.commit(AuditEvent::new("model.make", alias)).await?;
        self.gate.heed().await;
        Ok(())
    }

    /// Sets time-outs of an upstream, in milliseconds: `first_byte_ms`, `silence_ms`.
    pub async fn set_timeouts(&self, id: &str, timeouts: &[(&str, u64)]) -> Result<()> {
        let read = self.gate.read(&self.system).upstream(&Slug::parse(id)?).await?;
        let mut upstream = read.context("no such upstream")?;
        upstream.api_key_sealed = self.gate.carry_key(&self.system, &upstream)?;
        upstream.timeouts = timeouts.iter().map(|(name, ms)| ((*name).to_owned(), *ms)).collect();
        let mut tx = self.gate.begin(&self.system).await?;
        tx.put_upstream(&upstream).await?;
        tx.commit(AuditEvent::new("upstream.change", id)).await?;
        self.gate.heed().await;
        Ok(())
    }

    /// Sets the budgets of the whole installation.
    pub async fn set_installation_budgets(&self, budgets: &[Budget]) -> Result<()> {
        let text = serde_json::to_string(budgets)?;
        let mut tx = self.gate.begin(&self.system).await?;
        tx.set_setting(INSTALLATION_BUDGETS, Some(&text)).await?;
        tx.commit(AuditEvent::new("settings.change", INSTALLATION_BUDGETS)).await?;
        self.gate.heed().await;
        Ok(())
    }

    /// Makes a group with a pool.
    pub async fn add_group(&self, id: &str, pool: Vec<Budget>, members: &[UserId]) -> Result<()> {
        let mut group = GroupRecord::new(Slug::parse(id)?, id.to_owned());
        group.pool = pool;
        let mut tx = self.gate.begin(&self.system).await?;
        tx.put_group(&group).await?;
        tx.set_members(&group.id, members).await?;
        tx.commit(AuditEvent::new("group.make", id)).await?;
        self.gate.heed().await;
        Ok(())
    }

    /// Allows a person to come in, or no longer. Nobody is told: the server finds out by itself.
    pub async fn set_active(&self, user: UserId, active: bool) -> Result<()> {
        let read = self.gate.read(&self.system).user(Owner::All, user).await?;
        let mut record = read.context("no such user")?;
        record.state = if active { AccountState::Active } else { AccountState::Disabled };
        let mut tx = self.gate.begin(&self.system).await?;
        tx.update_user(&record).await?;
        tx.commit(AuditEvent::new("user.change", user.to_string())).await?;
        Ok(())
    }

    /// Revokes a key. Nobody is told: the server finds out by itself.
    pub async fn revoke_key(&self, key: KeyId) -> Result<()> {
        let mut tx = self.gate.begin(&self.system).await?;
        tx.revoke_key(Owner::All, key).await?;
        tx.commit(AuditEvent::new("key.revoke", key.to_string())).await?;
        Ok(())
    }

    /// Who presents this key, as the gate sees it.
    pub async fn principal(&self, key: &str) -> Result<Arc<Principal>> {
        let mut presented = Presented::new();
        presented.bearer(PlainToken::new(key.to_owned()));
        let network = Network::of(Ipv4Addr::LOCALHOST.into());
        Ok(self.gate.authenticate(presented, network).await?)
    }

    /// Makes a person with this plan.
    pub async fn add_user(&self, email: &str, plan: Option<&str>) -> Result<UserId> {
        let id = UserId::new(&**self.gate.clock(), &**self.gate.rng());
        let user = NewUser {
            id,
            email: email.to_owned(),
            name: email.to_owned(),
            locale: None,
            role: Role::Member,
            plan: plan.map(Slug::parse).transpose()?,
            password: None,
            external_id: None,
        };
        let mut tx = self.gate.begin(&self.system).await?;
        tx.insert_user(user).await?;
        tx.commit(AuditEvent::new("user.make", id.to_string())).await?;
        Ok(id)
    }

    /// Makes a key of a person.
    pub async fn add_key(&self, user: UserId, spec: &KeySpec) -> Result<(KeyId, String)> {
        let mut tx = self.gate.begin(&self.system).await?;
        let (id, key) = self.insert_key(&mut tx, user, spec).await?;
        tx.commit(AuditEvent::new("key.make", id.to_string())).await?;
        Ok((id, key))
    }

    /// Makes so many keys of a person.
    pub async fn add_keys(
        &self,
        user: UserId,
        spec: &KeySpec,
        count: usize,
    ) -> Result<Vec<String>> {
        let mut keys = Vec::with_capacity(count);
        let mut tx = self.gate.begin(&self.system).await?;
        for _ in 0..count {
            keys.push(self.insert_key(&mut tx, user, spec).await?.1);
        }
        tx.commit(AuditEvent::new("key.make", "many")).await?;
        Ok(keys)
    }

    async fn insert_key(
        &self,
        tx: &mut Tx,
        user: UserId,
        spec: &KeySpec,
    ) -> Result<(KeyId, String)> {
        let (token, hash) = self.gate.new_token(TokenType::User);
        let id = KeyId::new(&**self.gate.clock(), &**self.gate.rng());
        let models = spec.models.as_ref().map(|models| {
            models.iter().map(|model| ModelPattern::parse(model)).collect::<Result<Vec<_>, _>>()
        });
        let key = NewKey {
            id,
            name: "test".to_owned(),
            holder: KeyHolder::User(user),
            tool: None,
            models: models.transpose()?,
            networks: spec.networks.clone(),
            rates: spec.rates,
            budgets: spec.budgets.clone(),
            expires_at: spec.expires_at,
        };
        let secret = NewSecret { hash: *hash.as_bytes(), tail: token.tail() };
        tx.insert_key(key, secret).await?;
        Ok((id, token.expose().to_owned()))
    }

    /// Makes a person under a plan of their own with `budgets`, and a key of theirs.
    pub async fn caller(&self, name: &str, budgets: Vec<Budget>) -> Result<(UserId, String)> {
        self.add_plan(name, &PlanSpec { budgets, ..PlanSpec::default() }).await?;
        let user = self.add_user(&format!("{name}@example.com"), Some(name)).await?;
        let (_, key) = self.add_key(user, &KeySpec::default()).await?;
        Ok((user, key))
    }
}
