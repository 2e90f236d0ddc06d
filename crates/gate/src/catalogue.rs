//! The upstreams' own lists of models, refreshed in the background.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::Uri;
use tollgate_kernel::Slug;

use crate::FastMap;
use crate::policy::Policy;
use crate::upstream::Upstream;

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
    lists: ArcSwap<FastMap<Slug, Arc<List>>>,
}

/// The list of one upstream.
struct List {
    /// Where it was had.
    place: Uri,
    models: BTreeMap<String, Listed>,
}

impl Catalogue {
    /// Whether the list of `upstream` has `model`.
    pub(crate) fn offers(&self, upstream: &Slug, model: &str) -> bool {
        self.lists.load().get(upstream).is_some_and(|list| list.models.contains_key(model))
    }

    /// Whether there is a list of `upstream`.
    pub(crate) fn is_listed(&self, upstream: &Slug) -> bool {
        self.lists.load().contains_key(upstream)
    }

    /// Takes a list that was just fetched.
    pub(crate) fn put(&self, upstream: &Upstream, models: Vec<Listed>) {
        let models = models.into_iter().map(|m| (m.id.clone(), m)).collect();
        let list = Arc::new(List { place: upstream.place().clone(), models });
        self.lists.rcu(|lists| {
            let mut lists = FastMap::clone(lists);
            lists.insert(upstream.id().clone(), list.clone());
            lists
        });
    }

    /// Forgets the lists of upstreams that are gone or elsewhere.
    pub(crate) fn keep_those_of(&self, policy: &Policy) {
        let stays = |id: &Slug, list: &List| {
            let upstream = policy.upstreams.get(id);
            upstream.is_some_and(|upstream| *upstream.place() == list.place)
        };
        if self.lists.load().iter().all(|(id, list)| stays(id, list)) {
            return;
        }
        self.lists.rcu(|lists| {
            let mut lists = FastMap::clone(lists);
            lists.retain(|id, list| stays(id, list));
            lists
        });
    }

    /// Every model of `upstream`.
    pub(crate) fn of(&self, upstream: &Slug) -> Vec<Listed> {
        let lists = self.lists.load();
        lists.get(upstream).map(|list| list.models.values().cloned().collect()).unwrap_or_default()
    }
}
