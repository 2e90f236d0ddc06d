//! Credentials that were verified, remembered for a while.

use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use tollgate_kernel::Clock;
use tollgate_vault::HashedToken;

use crate::principal::Known;

/// The most credentials that are remembered. With its rates and accounts each takes two to three
/// KiB (`many-keys` in docs/benchmarks.md): some 350 MiB when all of them are keys with budgets.
const REMEMBERED: u64 = 131_072;

/// How many are expected: for more it makes room when they come.
const EXPECTED: usize = 1_024;

/// How long a credential is remembered without a look at its records.
const REMEMBERED_FOR: Duration = Duration::from_secs(600);

/// Credentials by their keyed hash. To find one writes nothing but a mark on it (decision 0016).
pub(crate) struct Remembered {
    cache: Cache<HashedToken, Kept, UnitWeighter, RandomState>,
    clock: Arc<dyn Clock>,
}

#[derive(Clone)]
struct Kept {
    known: Arc<Known>,
    /// When it was verified.
    since: Duration,
}

impl Remembered {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let (hash, lifecycle) = (RandomState::default(), DefaultLifecycle::default());
        let cache = Cache::with(EXPECTED, REMEMBERED, UnitWeighter, hash, lifecycle);
        Self { cache, clock }
    }

    /// What is known of the credential of this hash; nothing of one that was verified too long ago.
    pub(crate) fn get(&self, hash: &HashedToken) -> Option<Arc<Known>> {
        self.cache.get(hash).filter(|kept| self.is_fresh(kept)).map(|kept| kept.known)
    }

    /// Remembers a credential that was verified just now.
    pub(crate) fn put(&self, hash: HashedToken, known: Arc<Known>) {
        self.cache.insert(hash, Kept { known, since: self.clock.elapsed() });
    }

    /// Forgets what was verified too long ago.
    pub(crate) fn sweep(&self) {
        self.cache.retain(|_, kept| self.is_fresh(kept));
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.cache.len() as u64
    }

    fn is_fresh(&self, kept: &Kept) -> bool {
        self.clock.elapsed().saturating_sub(kept.since) < REMEMBERED_FOR
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use tollgate_kernel::{ManualClock, Network, SeededRng, Timestamp};
    use tollgate_vault::{MasterKey, Purpose, Vault};

    use super::*;
    use crate::authn::anonymous;

    fn house() -> (Remembered, Arc<ManualClock>, Vault, Arc<Known>) {
        let root = tollgate_root::Root::new();
        let master = MasterKey::generate(&SeededRng::new(1));
        let (vault, _opener) = tollgate_vault::unlock(&root, master).expect("a vault");
        let at = Timestamp::from_secs(1);
        let clock = Arc::new(ManualClock::at(at));
        let known = anonymous(Network::of([127, 0, 0, 1].into()), at);
        (Remembered::new(clock.clone()), clock, vault, known)
    }

    /// Whoever makes keys without end does not fill the memory with them.
    #[test]
    fn so_many_credentials_are_remembered_and_no_more() {
        let (remembered, _, vault, known) = house();
        let more = REMEMBERED + REMEMBERED / 4;
        for n in 0..more {
            remembered.put(vault.mac(Purpose::ApiKey, &n.to_be_bytes()), known.clone());
        }
        let kept = remembered.count();
        assert!(kept <= REMEMBERED && kept > REMEMBERED / 2, "{kept} of {more}");
    }

    #[test]
    fn a_credential_is_remembered_for_so_long_and_no_longer() {
        let (remembered, clock, vault, known) = house();
        let hash = || vault.mac(Purpose::ApiKey, b"one");
        remembered.put(hash(), known);
        clock.advance(REMEMBERED_FOR - Duration::from_micros(1));
        remembered.sweep();
        assert!(remembered.get(&hash()).is_some());
        clock.advance(Duration::from_micros(1));
        assert!(remembered.get(&hash()).is_none());
        assert_eq!(remembered.count(), 1);
        remembered.sweep();
        assert_eq!(remembered.count(), 0);
    }
}
