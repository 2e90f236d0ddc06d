//! The policy of the moment: plans, groups, models, upstreams, as one value that is replaced whole.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::TimeZone;
use tollgate_kernel::{Budget, Error, Holder, Period, Plan, Slug, Timestamp, Window};

use crate::FastMap;
use crate::Resource;
use crate::tool::Tools;
use crate::upstream::Upstream;

/// What a group adds to its members.
pub(crate) struct Group {
    pub(crate) plan: Option<Slug>,
    pub(crate) priority: i64,
    pub(crate) pool: Vec<Budget>,
}

/// A name of the owner's for a model of an upstream.
pub(crate) struct Alias {
    pub(crate) upstream: Slug,
    pub(crate) model: String,
    pub(crate) budgets: Vec<Budget>,
}

/// Everything that a decision needs besides the caller and the call.
pub(crate) struct Policy {
    /// Rises with each change, so that what was derived from an older one is derived anew.
    pub(crate) version: u64,
    pub(crate) plans: FastMap<Slug, Arc<Plan>>,
    pub(crate) groups: FastMap<Slug, Group>,
    pub(crate) default_plan: Option<Slug>,
    pub(crate) aliases: FastMap<String, Alias>,
    /// For each upstream and its own name for a model, the aliases of it that have budgets.
    pub(crate) budgeted: FastMap<Slug, FastMap<String, Vec<String>>>,
    pub(crate) upstreams: FastMap<Slug, Arc<Upstream>>,
    /// In the order in which they are asked for a model that several offer.
    pub(crate) upstream_order: Vec<Slug>,
    pub(crate) installation_budgets: Vec<Budget>,
    /// Addresses that tokens are made for, beside our own doors.
    pub(crate) resources: Vec<Arc<Resource>>,
    pub(crate) tools: Tools,
    windows: Mutex<FastMap<(String, Period), Window>>,
}

impl Policy {
    /// A policy under which nobody may do anything.
    pub(crate) fn empty() -> Self {
        Self {
            version: 0,
            plans: FastMap::default(),
            groups: FastMap::default(),
            default_plan: None,
            aliases: FastMap::default(),
            budgeted: FastMap::default(),
            upstreams: FastMap::default(),
            upstream_order: Vec::new(),
            installation_budgets: Vec::new(),
            resources: Vec::new(),
            tools: Tools::default(),
            windows: Mutex::new(FastMap::default()),
        }
    }

    /// Whether the upstreams are those of `other`, unchanged.
    pub(crate) fn has_upstreams_of(&self, other: &Self) -> bool {
        let is_there = |(id, upstream): (&Slug, &Arc<Upstream>)| {
            other.upstreams.get(id).is_some_and(|other| other.is_as(upstream))
        };
        self.upstreams.len() == other.upstreams.len() && self.upstreams.iter().all(is_there)
    }

    /// The plan in effect for somebody with this plan of their own and in these groups, and the
    /// group that it comes from.
    pub(crate) fn plan_of(&self, own: Option<&Slug>, groups: &[Slug]) -> Option<InEffect> {
        if let Some(plan) = own.and_then(|id| self.plans.get(id)) {
            return Some(InEffect { plan: plan.clone(), group: None });
        }
        let by_group = groups
            .iter()
            .filter_map(|id| {
                let group = self.groups.get(id)?;
                let plan = self.plans.get(group.plan.as_ref()?)?;
                Some((group.priority, id, plan))
            })
            // Of two groups with one priority the first by name counts, so that it is always the
            // same.
            .max_by(|(a, a_id, _), (b, b_id, _)| a.cmp(b).then_with(|| b_id.cmp(a_id)));
        if let Some((_, id, plan)) = by_group {
            return Some(InEffect { plan: plan.clone(), group: Some(id.clone()) });
        }
        let plan = self.plans.get(self.default_plan.as_ref()?)?;
        Some(InEffect { plan: plan.clone(), group: None })
    }

    /// The budgets of everybody but the caller: pools of these groups, of `model`, of the whole
    /// installation.
    pub(crate) fn shared_budgets<'a>(
        &'a self,
        groups: &'a [Slug],
        model: &'a str,
    ) -> impl Iterator<Item = (Holder, &'a Budget)> {
        let pools = groups.iter().filter_map(|id| Some((id, self.groups.get(id)?)));
        let pools = pools.flat_map(|(id, group)| {
            group.pool.iter().map(move |budget| (Holder::Group(id.clone()), budget))
        });
        let of_model = self.aliases.get(model).into_iter().flat_map(move |alias| {
            alias.budgets.iter().map(move |budget| (Holder::Model(model.to_owned()), budget))
        });
        let of_all = self.installation_budgets.iter().map(|b| (Holder::Installation, b));
        pools.chain(of_model).chain(of_all)
    }

    /// Adds a name of the owner's for a model of an upstream.
    pub(crate) fn add_alias(&mut self, name: String, alias: Alias) {
        if !alias.budgets.is_empty() {
            let of_upstream = self.budgeted.entry(alias.upstream.clone()).or_default();
            of_upstream.entry(alias.model.clone()).or_default().push(name.clone());
        }
        self.aliases.insert(name, alias);
    }

    /// The budgets of all aliases for `model` of `upstream`: they count by whatever name it is
    /// called.
    pub(crate) fn budgets_of_target(
        &self,
        upstream: &Slug,
        model: &str,
    ) -> impl Iterator<Item = (Holder, &Budget)> {
        let names = self.budgeted.get(upstream).and_then(|models| models.get(model));
        names.into_iter().flatten().flat_map(|name| {
            let alias = self.aliases.get(name);
            let budgets = alias.into_iter().flat_map(|alias| &alias.budgets);
            budgets.map(move |budget| (Holder::Model(name.clone()), budget))
        })
    }

    /// Whether `alias` is a name for `model` of `upstream`.
    pub(crate) fn names(&self, alias: &str, upstream: &Slug, model: &str) -> bool {
        let alias = self.aliases.get(alias);
        alias.is_some_and(|alias| alias.upstream == *upstream && alias.model == model)
    }

    /// The window of `period` in `zone` that contains `now`.
    pub(crate) fn window(
        &self,
        now: Timestamp,
        period: Period,
        zone: &TimeZone,
    ) -> Result<Window, Error> {
        let name = zone.iana_name().unwrap_or("UTC");
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name.to_owned(), period);
        if let Some(window) = windows.get(&key).filter(|window| window.contains(now)) {
            return Ok(*window);
        }
        let window = Window::containing(now, period, zone)?;
        windows.insert(key, window);
        Ok(window)
    }
}

/// The plan in effect for somebody.
#[derive(Clone)]
pub(crate) struct InEffect {
    pub(crate) plan: Arc<Plan>,
    /// The group that it comes from, if it does.
    pub(crate) group: Option<Slug>,
}
