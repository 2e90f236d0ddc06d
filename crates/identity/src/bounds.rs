//! What a key may hand on: never more than it has itself.

use ipnet::IpNet;
use tollgate_gate::{Gate, Warrant};
use tollgate_kernel::{Budget, Error, Kind, ModelPattern, Rates, Timestamp};
use tollgate_store::{GENERATIONS_MAX, KeyHolder, KeyRecord, Owner};

/// The key that the caller presents bounds the keys that it makes and changes; nothing bounds
/// those who present none.
///
/// The keys: the caller's own, then those that it comes from. They bound what it may as well.
pub(crate) struct Bounds(Vec<KeyRecord>);

impl Bounds {
    /// The bounds of the caller.
    pub(crate) async fn of(gate: &Gate, warrant: &Warrant) -> Result<Self, Error> {
        let Some(id) = warrant.principal().credential().key() else { return Ok(Self(Vec::new())) };
        let reader = gate.read(warrant);
        let key = reader.key(Owner::All, id).await?.ok_or_else(Error::unauthenticated)?;
        let mut keys = reader.makers(&key).await?.ok_or_else(Error::unauthenticated)?;
        keys.insert(0, key);
        Ok(Self(keys))
    }

    /// Refuses an admin key that would be one too many in a row.
    pub(crate) fn require_room(&self, holder: KeyHolder) -> Result<(), Error> {
        if holder != KeyHolder::Admin || self.0.len() < GENERATIONS_MAX {
            return Ok(());
        }
        let detail = "Too many admin keys made one another. Make this one as a person.";
        Err(Error::new(Kind::Forbidden, detail).with_param("admin"))
    }

    /// Refuses to hand out a new secret of a key that may do what the caller's may not.
    pub(crate) fn require_within(&self, key: &KeyRecord) -> Result<(), Error> {
        let within = self.models(key.models.clone()).is_ok_and(|models| models == key.models)
            && self.networks(key.networks.clone()).is_ok_and(|nets| nets == key.networks)
            && (key.holder != KeyHolder::Admin || self.expiry(key.expires_at) == key.expires_at);
        if within {
            return Ok(());
        }
        let detail = "This key may do more than the one that asks. Rotate it as a person.";
        Err(Error::new(Kind::Forbidden, detail))
    }

    /// The models of `wished` that the caller may call too.
    pub(crate) fn models(
        &self,
        mut wished: Option<Vec<ModelPattern>>,
    ) -> Result<Option<Vec<ModelPattern>>, Error> {
        for key in &self.0 {
            let shared = both(wished, key.models.as_deref(), covers_model);
            let what = "These models are not those of the key that asks.";
            wished = shared.ok_or_else(|| Self::beyond(what, "models"))?;
        }
        Ok(wished)
    }

    /// The networks of `wished` that the caller may come from too.
    pub(crate) fn networks(
        &self,
        mut wished: Option<Vec<String>>,
    ) -> Result<Option<Vec<String>>, Error> {
        for key in &self.0 {
            let shared = both(wished, key.networks.as_deref(), covers_network);
            let what = "These networks are not those of the key that asks.";
            wished = shared.ok_or_else(|| Self::beyond(what, "networks"))?;
        }
        Ok(wished)
    }

    /// The lowest of all rates, each.
    pub(crate) fn rates(&self, wished: Rates) -> Rates {
        self.0.iter().fold(wished, |rates, key| rates.within(key.rates))
    }

    /// The lowest of all budgets, each; what the keys have alone is added.
    pub(crate) fn budgets(&self, wished: Vec<Budget>) -> Vec<Budget> {
        self.0.iter().fold(wished, |budgets, key| Budget::within(budgets, &key.budgets))
    }

    /// The earliest end.
    pub(crate) fn expiry(&self, wished: Option<Timestamp>) -> Option<Timestamp> {
        self.0.iter().map(|key| key.expires_at).chain([wished]).flatten().min()
    }

    fn beyond(detail: &'static str, param: &'static str) -> Error {
        Error::new(Kind::Forbidden, detail).with_param(param)
    }
}

/// What is in both lists, where `None` is everything. The answer is none when nothing is: an empty
/// list must never come to mean everything.
fn both<T: Clone + PartialEq>(
    wished: Option<Vec<T>>,
    bound: Option<&[T]>,
    covers: fn(&T, &T) -> bool,
) -> Option<Option<Vec<T>>> {
    let Some(bound) = bound else { return Some(wished) };
    let Some(wished) = wished else { return Some(Some(bound.to_vec())) };
    let mut shared: Vec<T> = Vec::new();
    for wish in &wished {
        if bound.iter().any(|bound| covers(bound, wish)) {
            shared.push(wish.clone());
            continue;
        }
        for narrower in bound.iter().filter(|bound| covers(wish, bound)) {
            if !shared.contains(narrower) {
                shared.push(narrower.clone());
            }
        }
    }
    (!shared.is_empty()).then_some(Some(shared))
}

/// Whether `wide` means all that `narrow` means.
fn covers_model(wide: &ModelPattern, narrow: &ModelPattern) -> bool {
    match wide.as_str().strip_suffix('*') {
        Some(stem) => narrow.as_str().trim_end_matches('*').starts_with(stem),
        None => wide == narrow,
    }
}

#[expect(clippy::ptr_arg, reason = "compares the items of two lists of texts")]
fn covers_network(wide: &String, narrow: &String) -> bool {
    match (wide.parse::<IpNet>(), narrow.parse::<IpNet>()) {
        (Ok(wide), Ok(narrow)) => wide.contains(&narrow),
        _ => false,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_narrower_of_two_lists_is_found() {
        let list = |text: &str| -> Vec<ModelPattern> {
            text.split(' ').map(|name| ModelPattern::parse(name).unwrap()).collect()
        };
        let shared = |wished: &str, bound: &str| {
            let shared = both(Some(list(wished)), Some(&list(bound)), covers_model)?;
            let names: Vec<String> = shared?.iter().map(|m| m.as_str().to_owned()).collect();
            Some(names.join(" "))
        };
        assert_eq!(shared("*", "a b*").as_deref(), Some("a b*"));
        assert_eq!(shared("a* b c", "ab* b*").as_deref(), Some("ab* b"));
        assert_eq!(shared("b*", "b").as_deref(), Some("b"), "a family is more than a name");
        assert_eq!(shared("c", "a b*"), None);
        assert_eq!(both(None, Some(&list("a")), covers_model), Some(Some(list("a"))));
        assert_eq!(both(Some(list("a")), None, covers_model), Some(Some(list("a"))));
        let covers = |a: &str, b: &str| covers_network(&a.to_owned(), &b.to_owned());
        assert!(covers("10.0.0.0/8", "10.1.0.0/16"));
        assert!(!covers("10.1.0.0/16", "10.0.0.0/8"));
        assert!(!covers("0.0.0.0/0", "2001:db8::/32"));
    }
}
