//! What a key may hand on: never more than it has itself.

use std::time::Duration;

use ipnet::IpNet;
use tollgate_kernel::{Budget, Error, Kind, ModelPattern, Rates, Timestamp};
use tollgate_store::{Descent, GENERATIONS_MAX, KeyHolder, KeyRecord, Origin, Owner};

use crate::{Gate, Warrant};

/// The key that the caller presents bounds the keys and accounts that it makes and changes; nothing
/// bounds those who present none.
#[derive(Default)]
pub struct Bounds {
    /// The caller's own, then those that it comes from: they bound what it may as well.
    keys: Vec<KeyRecord>,
    /// The end of the secret that was presented, where it was replaced by a newer one.
    secret_ends_at: Option<Timestamp>,
}

impl Bounds {
    /// The bounds of the caller. A conflict when the key was changed since the caller was let in:
    /// its secret may have been replaced.
    pub async fn of(gate: &Gate, warrant: &Warrant) -> Result<Self, Error> {
        let caller = warrant.principal();
        let Some(id) = caller.credential().key() else { return Ok(Self::default()) };
        let reader = gate.read(warrant);
        let key = reader.key(Owner::All, id).await?.ok_or_else(Error::unauthenticated)?;
        if caller.key_version() != Some(key.version) {
            let detail = "The key that asks was changed this moment. Ask again.";
            let changed = Error::new(Kind::Conflict, detail);
            return Err(changed.with_retry_after(Duration::from_secs(1)));
        }
        let Descent { origin, makers } = reader.descent(&key).await?;
        if key.holder == KeyHolder::Admin && matches!(origin, Origin::Nobody) {
            return Err(Error::unauthenticated());
        }
        let keys = std::iter::once(key).chain(makers).collect();
        Ok(Self { keys, secret_ends_at: caller.secret_ends_at() })
    }

    /// Refuses a key that has an end or any limit, or that was made with a key, where somebody
    /// would come to be an admin or into an admin's account: by that account it would outlive its
    /// own end, and do what it may not.
    pub fn require_none(&self) -> Result<(), Error> {
        let Some(key) = self.keys.first() else { return Ok(()) };
        let is_narrow = key.models.is_some()
            || key.networks.is_some()
            || key.rates != Rates::default()
            || !key.budgets.is_empty();
        let is_made_with_a_key = self.keys.len() > 1;
        if key.expires_at.is_some()
            || is_narrow
            || is_made_with_a_key
            || self.secret_ends_at.is_some()
        {
            let detail = "This key is limited, or was made with a key, and the account of an owner \
                           or admin would outlive that. Do this as a person.";
            return Err(Error::new(Kind::Forbidden, detail));
        }
        Ok(())
    }

    /// Refuses an admin key that would be one too many in a row.
    pub fn require_room(&self, holder: KeyHolder) -> Result<(), Error> {
        if holder != KeyHolder::Admin || self.keys.len() < GENERATIONS_MAX {
            return Ok(());
        }
        let detail = "Too many admin keys made one another. Make this one as a person.";
        Err(Error::new(Kind::Forbidden, detail).with_param("admin"))
    }

    /// Refuses to hand out a new secret of a key that may do what the caller's may not.
    pub fn require_within(&self, key: &KeyRecord) -> Result<(), Error> {
        let within = self.models(key.models.clone()).is_ok_and(|models| models == key.models)
            && self.networks(key.networks.clone()).is_ok_and(|nets| nets == key.networks)
            && self.rates(key.rates) == key.rates
            && self.budgets(key.budgets.clone()) == key.budgets
            && self.expiry(key.expires_at) == key.expires_at;
        if within {
            return Ok(());
        }
        let detail = "This key may do more than the one that asks. Rotate it as a person.";
        Err(Error::new(Kind::Forbidden, detail))
    }

    /// The models of `wished` that the caller may call too.
    pub fn models(
        &self,
        mut wished: Option<Vec<ModelPattern>>,
    ) -> Result<Option<Vec<ModelPattern>>, Error> {
        for key in &self.keys {
            let shared = both(wished, key.models.as_deref(), covers_model);
            let what = "These models are not those of the key that asks.";
            wished = shared.ok_or_else(|| Self::beyond(what, "models"))?;
        }
        Ok(wished)
    }

    /// The networks of `wished` that the caller may come from too.
    pub fn networks(&self, mut wished: Option<Vec<String>>) -> Result<Option<Vec<String>>, Error> {
        for key in &self.keys {
            let shared = both(wished, key.networks.as_deref(), covers_network);
            let what = "These networks are not those of the key that asks.";
            wished = shared.ok_or_else(|| Self::beyond(what, "networks"))?;
        }
        Ok(wished)
    }

    /// The lowest of all rates, each.
    pub fn rates(&self, wished: Rates) -> Rates {
        self.keys.iter().fold(wished, |rates, key| rates.within(key.rates))
    }

    /// The lowest of all budgets, each; what the keys have alone is added.
    pub fn budgets(&self, wished: Vec<Budget>) -> Vec<Budget> {
        self.keys.iter().fold(wished, |budgets, key| Budget::within(budgets, &key.budgets))
    }

    /// The earliest end of all: the keys', and that of the secret.
    pub fn expiry(&self, wished: Option<Timestamp>) -> Option<Timestamp> {
        let ends = self.keys.iter().map(|key| key.expires_at);
        ends.chain([self.secret_ends_at, wished]).flatten().min()
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
