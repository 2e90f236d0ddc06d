//! The upstreams' own lists of models, refreshed in the background.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tollgate_kernel::Slug;

/// A model as an upstream lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub id: String,
    /// Seconds since the Unix epoch.
    pub created: i64,
    /// Who made it.
    pub owned_by: String,
}

/// All lists.
#[derive(Default)]
pub(crate) struct Catalogue {
    lists: ArcSwap<HashMap<Slug, Arc<BTreeMap<String, Listed>>>>,
}

impl Catalogue {
    /// Whether the list of `upstream` has `model`.
    pub(crate) fn offers(&self, upstream: &Slug, model: &str) -> bool {
        self.lists.load().get(upstream).is_some_and(|list| list.contains_key(model))
    }

    /// Whether there is a list of `upstream`.
    pub(crate) fn is_listed(&self, upstream: &Slug) -> bool {
        self.lists.load().contains_key(upstream)
    }

    /// Takes a list that was just fetched.
    pub(crate) fn put(&self, upstream: &Slug, models: Vec<Listed>) {
        let list: BTreeMap<_, _> = models.into_iter().map(|m| (m.id.clone(), m)).collect();
        self.lists.rcu(|lists| {
            let mut lists = HashMap::clone(lists);
            lists.insert(upstream.clone(), Arc::new(list.clone()));
            lists
        });
    }

    /// Every model of `upstream`.
    pub(crate) fn of(&self, upstream: &Slug) -> Vec<Listed> {
        let lists = self.lists.load();
        lists.get(upstream).map(|list| list.values().cloned().collect()).unwrap_or_default()
    }
}
