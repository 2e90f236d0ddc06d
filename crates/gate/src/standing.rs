//! What limits a credential, as its records say; and what follows from them under a policy.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tollgate_kernel::{
    Account, Budget, ClientId, Error, Holder, KeyId, Kind, ModelPattern, Rates, Slug, Timestamp,
    TokenId, Unit, UserId,
};
use tollgate_store::{ClientRecord, KeyRecord, UserRecord};

use crate::BudgetsOf;
use crate::ledger::LegAsk;
use crate::permit::Candidate;
use crate::policy::{InEffect, Policy};
use crate::profile::CallerFacts;

/// What the records of a credential say.
#[derive(Default)]
pub(crate) struct Standing {
    /// Whose plan counts.
    pub(crate) holder: Option<PlanHolder>,
    /// Who that is, as far as calls say it.
    pub(crate) caller: Option<Box<CallerFacts>>,
    /// A plan of their own.
    pub(crate) plan: Option<Slug>,
    /// The groups they belong to.
    pub(crate) groups: Vec<Slug>,
    /// The models that an access token names; it can only narrow what its owner may do.
    pub(crate) models: Option<Vec<ModelPattern>>,
    /// What the key says of itself.
    pub(crate) key: Option<KeyLimits>,
    /// A budget of the access token's own.
    pub(crate) token: Option<(TokenId, Budget)>,
    /// When the credential ends.
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) resolved: ArcSwapOption<Resolved>,
}

/// Whose plan counts: a person's or an app's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlanHolder {
    User(UserId),
    Client(ClientId),
}

impl PlanHolder {
    fn holder(self) -> Holder {
        match self {
            Self::User(id) => Holder::User(id),
            Self::Client(id) => Holder::Client(id),
        }
    }
}

/// The restrictions of a key: its own, and those of the keys that made it as they are now. They can
/// only narrow what its owner may do.
#[derive(Clone)]
pub(crate) struct KeyLimits {
    pub(crate) id: KeyId,
    /// The version of its record.
    pub(crate) version: i64,
    /// When the secret that was presented ends, where the key was rotated since.
    pub(crate) secret_ends_at: Option<Timestamp>,
    /// Lists of models; what may be called is in each of them.
    pub(crate) models: Vec<Vec<ModelPattern>>,
    /// Lists of networks; where it may come from is in each of them.
    pub(crate) networks: Vec<Vec<ipnet::IpNet>>,
    pub(crate) rates: Rates,
    pub(crate) budgets: Vec<Budget>,
    pub(crate) expires_at: Option<Timestamp>,
}

impl KeyLimits {
    /// The limits of `key`, which comes from `makers`; the secret of it that was presented ends at
    /// `secret_ends_at`.
    pub(crate) fn of(
        key: KeyRecord,
        makers: Vec<KeyRecord>,
        secret_ends_at: Option<Timestamp>,
    ) -> Self {
        let mut limits = Self {
            id: key.id,
            version: key.version,
            secret_ends_at,
            models: Vec::new(),
            networks: Vec::new(),
            rates: Rates::default(),
            budgets: Vec::new(),
            expires_at: None,
        };
        for KeyRecord { models, networks, rates, budgets, expires_at, .. } in
            std::iter::once(key).chain(makers)
        {
            limits.models.extend(models);
            // Where none can be read, it may come from nowhere.
            let read = |list: Vec<String>| list.iter().filter_map(|net| net.parse().ok()).collect();
            limits.networks.extend(networks.map(read));
            limits.rates = limits.rates.within(rates);
            limits.budgets = Budget::within(limits.budgets, &budgets);
            limits.expires_at = [limits.expires_at, expires_at].into_iter().flatten().min();
        }
        limits
    }

    /// Whether it may come from `address`.
    pub(crate) fn allow_from(&self, address: std::net::IpAddr) -> bool {
        self.networks.iter().all(|list| list.iter().any(|network| network.contains(&address)))
    }
}

/// What follows from a standing under one policy: kept until the policy changes or a window ends.
pub(crate) struct Resolved {
    policy: u64,
    /// The first moment at which a window of these has ended.
    until: Timestamp,
    /// The plan, where there is one: services and strangers at tools have none.
    pub(crate) in_effect: Option<InEffect>,
    zone: jiff::tz::TimeZone,
    pub(crate) rates: Arc<[(Holder, Rates)]>,
    /// Accounts of the key, the person or app, their pools and the installation.
    pub(crate) legs: Arc<[LegAsk]>,
    /// Those of them that count calls.
    pub(crate) calls: Arc<[LegAsk]>,
}

/// What limits those who say nothing of who they are.
pub(crate) struct Strangers {
    /// What counts together.
    pub(crate) network: IpAddr,
    /// Calls in a minute.
    pub(crate) per_minute: u32,
}

impl Standing {
    /// What the record of a person says who is in these groups.
    pub(crate) fn of_user(user: UserRecord, groups: Vec<Slug>) -> Self {
        let is_known_by_app_alone = user.is_known_by_app_alone();
        let UserRecord { id, name, locale, plan, profile, .. } = user;
        let name = if is_known_by_app_alone { String::new() } else { name };
        let profile = profile.map(Arc::from);
        let caller = Some(Box::new(CallerFacts { name, locale, profile }));
        let holder = Some(PlanHolder::User(id));
        Self { holder, caller, plan, groups, ..Self::default() }
    }

    /// What the record of an app says.
    pub(crate) fn of_app(app: &ClientRecord) -> Self {
        let caller = CallerFacts { name: app.name.clone(), ..CallerFacts::default() };
        let holder = Some(PlanHolder::Client(app.id));
        Self { holder, caller: Some(Box::new(caller)), plan: app.plan.clone(), ..Self::default() }
    }

    /// What follows from this standing at `now`. Without a plan nothing may be called.
    pub(crate) fn resolve(&self, policy: &Policy, now: Timestamp) -> Result<Arc<Resolved>, Error> {
        if let Some(resolved) = self.derived(policy, now) {
            return Ok(resolved);
        }
        let in_effect = self.in_effect(policy)?;
        self.keep(self.derive(policy, now, Some(in_effect), None)?)
    }

    /// The same for a plain call, which a service with a token of its own makes without a plan, and
    /// `strangers` too.
    pub(crate) fn resolve_plain(
        &self,
        policy: &Policy,
        now: Timestamp,
        strangers: impl FnOnce() -> Strangers,
    ) -> Result<Arc<Resolved>, Error> {
        if let Some(resolved) = self.derived(policy, now) {
            return Ok(resolved);
        }
        let (in_effect, strangers) = match (&self.holder, &self.key) {
            (Some(_), _) => (Some(self.in_effect(policy)?), None),
            (None, Some(_)) => (None, None),
            (None, None) => (None, Some(strangers())),
        };
        self.keep(self.derive(policy, now, in_effect, strangers)?)
    }

    fn derived(&self, policy: &Policy, now: Timestamp) -> Option<Arc<Resolved>> {
        let resolved = self.resolved.load();
        let resolved = resolved.as_ref()?;
        let counts = resolved.policy == policy.version && now < resolved.until;
        counts.then(|| resolved.clone())
    }

    fn keep(&self, resolved: Resolved) -> Result<Arc<Resolved>, Error> {
        let resolved = Arc::new(resolved);
        self.resolved.store(Some(resolved.clone()));
        Ok(resolved)
    }

    fn in_effect(&self, policy: &Policy) -> Result<InEffect, Error> {
        let in_effect = self.holder.and_then(|_| policy.plan_of(self.plan.as_ref(), &self.groups));
        in_effect.ok_or_else(|| {
            Error::new(
                Kind::Forbidden,
                "No plan is in effect for this account, so it may not call anything. Ask the owner \
                 of this installation for one.",
            )
        })
    }

    /// Whether a plan is in effect.
    pub(crate) fn has_plan(&self, policy: &Policy) -> bool {
        self.holder.is_some() && policy.plan_of(self.plan.as_ref(), &self.groups).is_some()
    }

    fn derive(
        &self,
        policy: &Policy,
        now: Timestamp,
        in_effect: Option<InEffect>,
        strangers: Option<Strangers>,
    ) -> Result<Resolved, Error> {
        let holder = self.holder.map(PlanHolder::holder);
        let plan = in_effect.as_ref().map(|it| &it.plan);
        let mut rates = Vec::new();
        if let (Some(holder), Some(plan)) = (&holder, plan) {
            rates.push((holder.clone(), plan.rates));
        }
        if let Some(key) = &self.key {
            rates.push((Holder::Key(key.id), key.rates));
        }
        if let Some(Strangers { network, per_minute }) = strangers {
            let requests_per_minute = Some(per_minute);
            let of_network = Rates { requests_per_minute, ..Rates::default() };
            rates.push((Holder::Network(network), of_network));
        }
        rates.retain(|(_, rates)| *rates != Rates::default());
        let own = plan.iter().flat_map(|plan| &plan.budgets);
        let own = own.filter_map(|budget| Some((holder.clone()?, budget)));
        let of_key = self
            .key
            .iter()
            .flat_map(|key| key.budgets.iter().map(|budget| (Holder::Key(key.id), budget)));
        let of_token = self.token.iter().map(|(id, budget)| (Holder::Token(*id), budget));
        let budgets =
            own.chain(of_key).chain(of_token).chain(policy.shared_budgets(&self.groups, ""));
        let zone = plan.map_or(jiff::tz::TimeZone::UTC, |plan| plan.time_zone.clone());
        let legs = legs(policy, &zone, now, budgets)?;
        let ends = legs.iter().map(|leg| leg.account.window.end);
        let until = ends.min().unwrap_or(Timestamp::from_micros(i64::MAX));
        let calls = legs.iter().filter(|leg| leg.account.unit == Unit::Calls);
        Ok(Resolved {
            policy: policy.version,
            until,
            zone,
            rates: rates.into(),
            calls: calls.cloned().collect(),
            legs: legs.into(),
            in_effect,
        })
    }
}

impl Resolved {
    /// The accounts of a call that these candidates may answer, in the order of their keys.
    pub(crate) fn legs_for<'a>(
        &self,
        policy: &'a Policy,
        candidates: impl Iterator<Item = &'a Candidate>,
        now: Timestamp,
    ) -> Result<Arc<[LegAsk]>, Error> {
        let mut of_models =
            candidates.flat_map(|c| policy.budgets_of_target(c.upstream.id(), &c.model)).peekable();
        if of_models.peek().is_none() {
            return Ok(self.legs.clone());
        }
        let mut all = legs(policy, &self.zone, now, of_models)?;
        all.extend(self.legs.iter().cloned());
        all.sort_by(|a, b| a.row.cmp(&b.row));
        Ok(all.into())
    }
}

/// The accounts that `whose` shares with others, in the order of their keys; none for one who has
/// budgets of their own.
pub(crate) fn shared_legs(
    policy: &Policy,
    now: Timestamp,
    whose: &BudgetsOf,
) -> Result<Vec<LegAsk>, Error> {
    let (mut groups, mut models): (Vec<Slug>, Vec<&str>) = (Vec::new(), Vec::new());
    match whose {
        BudgetsOf::Group(id) if policy.groups.contains_key(id) => groups.push(id.clone()),
        BudgetsOf::Model(alias) if policy.aliases.contains_key(alias) => models.push(alias),
        BudgetsOf::Group(_) | BudgetsOf::Model(_) => return Err(Error::not_found()),
        BudgetsOf::Shared => {
            groups.extend(policy.groups.keys().cloned());
            models.extend(policy.aliases.keys().map(String::as_str));
        }
        BudgetsOf::User(_) | BudgetsOf::Client(_) | BudgetsOf::Key(_) => return Ok(Vec::new()),
    }
    let all = *whose == BudgetsOf::Shared;
    let of_groups = policy.shared_budgets(&groups, "");
    let of_groups = of_groups.filter(|(holder, _)| all || *holder != Holder::Installation);
    let of_models = models.into_iter().flat_map(|alias| policy.shared_budgets(&[], alias));
    let of_models = of_models.filter(|(holder, _)| *holder != Holder::Installation);
    legs(policy, &jiff::tz::TimeZone::UTC, now, of_groups.chain(of_models))
}

/// The accounts of `budgets` in the windows of `now`, in the order of their keys.
fn legs<'a>(
    policy: &Policy,
    own_zone: &jiff::tz::TimeZone,
    now: Timestamp,
    budgets: impl Iterator<Item = (Holder, &'a Budget)>,
) -> Result<Vec<LegAsk>, Error> {
    let utc = jiff::tz::TimeZone::UTC;
    let mut legs = Vec::new();
    for (holder, budget) in budgets {
        // What several plans share follows one calendar.
        let zone = match holder {
            Holder::User(_) | Holder::Client(_) | Holder::Key(_) | Holder::Token(_) => own_zone,
            Holder::Group(_) | Holder::Model(_) | Holder::Installation | Holder::Network(_) => &utc,
        };
        let window = policy.window(now, budget.period, zone)?;
        let account = Account { holder, unit: budget.unit, period: budget.period, window };
        let row = (&account).into();
        let account = Arc::new(account);
        legs.push(LegAsk { account, row, limit: budget.limit, policy: policy.version });
    }
    legs.sort_by(|a: &LegAsk, b: &LegAsk| a.row.cmp(&b.row));
    Ok(legs)
}
