//! People, keys, plans and upstreams, made without the pages.

use anyhow::Result;
use tollgate_kernel::{Budget, KeyId, ModelPattern, Rates, Role, Secret, Slug, UserId};
use tollgate_protocol::api_key::TokenType;
use tollgate_store::{
    AuditEvent, KeyHolder, NewKey, NewSecret, NewUser, PlanBody, PlanRecord, UpstreamRecord,
};

use crate::TestServer;

/// What a plan allows.
#[derive(Clone, Debug, Default)]
pub struct PlanSpec {
    /// Its rates.
    pub rates: Rates,
    /// Its budgets.
    pub budgets: Vec<Budget>,
    /// Its models; all where none is named.
    pub models: Vec<&'static str>,
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
        let names = if spec.models.is_empty() { vec!["*"] } else { spec.models.clone() };
        let body = PlanBody {
            models: names.into_iter().map(ModelPattern::parse).collect::<Result<_, _>>()?,
            rates: spec.rates,
            budgets: spec.budgets.clone(),
            time_zone: "UTC".to_owned(),
            max_output_tokens: 4_096,
        };
        let plan = PlanRecord::new(Slug::parse(id)?, body);
        let mut tx = self.gate.begin(&self.system).await?;
        tx.put_plan(&plan).await?;
        tx.commit(AuditEvent::new("plan.make", id)).await?;
        self.gate.heed().await;
        Ok(())
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
        let (token, hash) = self.gate.new_token(TokenType::User);
        let id = KeyId::new(&**self.gate.clock(), &**self.gate.rng());
        let models = spec.models.as_ref().map(|models| {
            models.iter().map(|model| ModelPattern::parse(model)).collect::<Result<Vec<_>, _>>()
        });
        let key = NewKey {
            id,
            name: "test".to_owned(),
            holder: KeyHolder::User(user),
            models: models.transpose()?,
            networks: spec.networks.clone(),
            rates: spec.rates,
            budgets: spec.budgets.clone(),
            expires_at: spec.expires_at,
        };
        let secret = NewSecret { hash: *hash.as_bytes(), tail: token.tail() };
        let mut tx = self.gate.begin(&self.system).await?;
        tx.insert_key(key, secret).await?;
        tx.commit(AuditEvent::new("key.make", id.to_string())).await?;
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
