//! The password pool: few threads, memory that is reused while it is busy and freed when it is not.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tollgate_kernel::{Error, Kind, PlainToken, Rng};
use tollgate_vault::{HashMemory, Vault, Verdict};

/// How long a sign-in waits for its turn; then it is told to come back.
const QUEUE: Duration = Duration::from_secs(2);

/// How many wait for each that is hashed: some 20 ms each, so this many are done in [`QUEUE`].
const PLACES: usize = 100;

/// How many wait for one that was hashed elsewhere: up to half a second each.
const IMPORTED_PLACES: usize = 4;

/// Hashes passwords, as many at a time as half the cores allow; and one that was hashed elsewhere
/// beside them, so that these slow ones are in nobody's way.
pub(crate) struct Passwords {
    vault: Arc<Vault>,
    rng: Arc<dyn Rng>,
    own: Queue,
    imported: Queue,
    spare: Arc<Mutex<Vec<HashMemory>>>,
}

/// Those who wait for their turn.
struct Queue {
    turns: Semaphore,
    places: Semaphore,
    most_turns: usize,
    most_places: usize,
}

impl Queue {
    fn new(turns: usize, places: usize) -> Self {
        let (most_turns, most_places) = (turns, turns * places);
        let (turns, places) = (Semaphore::new(most_turns), Semaphore::new(most_places));
        Self { turns, places, most_turns, most_places }
    }

    /// How many have their turn, and how many wait for it.
    fn at_work(&self) -> (u64, u64) {
        let turns = self.most_turns.saturating_sub(self.turns.available_permits());
        let inside = self.most_places.saturating_sub(self.places.available_permits());
        (turns as u64, inside.saturating_sub(turns) as u64)
    }
}

impl Passwords {
    pub(crate) fn new(vault: Arc<Vault>, rng: Arc<dyn Rng>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with_turns(vault, rng, turns_of(cores))
    }

    fn with_turns(vault: Arc<Vault>, rng: Arc<dyn Rng>, turns: usize) -> Self {
        let (own, imported) = (Queue::new(turns, PLACES), Queue::new(1, IMPORTED_PLACES));
        Self { vault, rng, own, imported, spare: Arc::default() }
    }

    /// The text to store for `password`.
    pub(crate) async fn hash(&self, password: PlainToken) -> Result<String, Error> {
        let rng = self.rng.clone();
        self.run(&self.own, move |vault, memory| vault.hash_password(&password, memory, &*rng))
            .await
    }

    /// Whether `password` is the one behind `stored`. Without one the same work is done in vain, so
    /// that nobody learns from the time that an account does not exist. (An account whose password
    /// was hashed elsewhere can be told by the time until its person signs in.)
    pub(crate) async fn check(
        &self,
        stored: Option<String>,
        password: PlainToken,
    ) -> Result<Verdict, Error> {
        let is_imported = stored.as_deref().is_some_and(Vault::is_imported);
        let queue = if is_imported { &self.imported } else { &self.own };
        self.run(queue, move |vault, memory| match stored {
            Some(stored) => vault.verify_password(&stored, &password, memory),
            None => {
                vault.verify_password(vault.dummy_hash(), &password, memory)?;
                Ok(Verdict::Wrong)
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        queue: &Queue,
        work: impl FnOnce(&Vault, &mut HashMemory) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let _place = queue.places.try_acquire().map_err(|_| busy())?;
        let turn = tokio::time::timeout(QUEUE, queue.turns.acquire()).await;
        let _turn = turn.map_err(|_| busy())?.map_err(Error::internal)?;
        let vault = self.vault.clone();
        let spare = self.spare.clone();
        let done = tokio::task::spawn_blocking(move || {
            let kept = spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut memory = match kept {
                Some(memory) => memory,
                None => HashMemory::new()?,
            };
            let done = work(&vault, &mut memory);
            spare.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
            done
        });
        done.await.map_err(Error::internal)?
    }

    /// How many are hashed, and how many wait for their turn.
    pub(crate) fn at_work(&self) -> (u64, u64) {
        let (own, imported) = (self.own.at_work(), self.imported.at_work());
        (own.0 + imported.0, own.1 + imported.1)
    }

    /// Frees the memory when nobody has hashed anything for a while. Called now and then.
    pub(crate) fn rest(&self) {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Half the cores, at least one: the other half goes on answering calls.
fn turns_of(cores: usize) -> usize {
    (cores / 2).max(1)
}

fn busy() -> Error {
    Error::new(Kind::Unavailable, "Too many people are signing in right now. Try again shortly.")
        .with_retry_after(Duration::from_secs(2))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tollgate_kernel::Secret;
    use tollgate_root::Root;
    use tollgate_vault::{MasterKey, SystemRng};

    use super::*;

    fn passwords(turns: usize) -> Arc<Passwords> {
        let (vault, _) =
            tollgate_vault::unlock(&Root::new(), MasterKey::generate(&SystemRng)).unwrap();
        Arc::new(Passwords::with_turns(Arc::new(vault), Arc::new(SystemRng), turns))
    }

    fn spare(passwords: &Passwords) -> usize {
        passwords.spare.lock().unwrap().len()
    }

    #[test]
    fn half_the_cores_hash_and_at_least_one() {
        assert_eq!([1, 2, 3, 4, 8, 9].map(turns_of), [1, 1, 1, 2, 4, 4]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_storm_has_no_more_turns_and_memory_than_there_are_and_all_get_theirs() {
        let passwords = passwords(2);
        let hashes = (0..8).map(|_| {
            let passwords = passwords.clone();
            tokio::spawn(async move {
                let hashed = passwords.hash(PlainToken::new("a password".to_owned())).await;
                let (hashing, _) = passwords.at_work();
                assert!(hashing <= 2, "{hashing} at once");
                hashed.unwrap()
            })
        });
        for hash in hashes.collect::<Vec<_>>() {
            let hash = hash.await.unwrap();
            assert!(hash.contains("argon2id"), "{hash}");
        }
        assert_eq!(passwords.at_work(), (0, 0));
        assert!((1..=2).contains(&spare(&passwords)), "{} memories for two", spare(&passwords));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn memory_is_used_again_and_freed_at_rest() {
        let passwords = passwords(1);
        assert_eq!(spare(&passwords), 0, "none before somebody signs in");
        for _ in 0..3 {
            passwords.hash(PlainToken::new("a password".to_owned())).await.unwrap();
            assert_eq!(spare(&passwords), 1);
        }
        passwords.rest();
        assert_eq!(spare(&passwords), 0);
    }

    #[tokio::test]
    async fn who_finds_no_place_is_told_to_come_back() {
        let passwords = passwords(1);
        let _all = passwords.own.places.acquire_many(u32::try_from(PLACES).unwrap()).await.unwrap();
        let refused = passwords.hash(PlainToken::new("a password".to_owned())).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Unavailable);
        assert_eq!(refused.retry_after(), Some(Duration::from_secs(2)));
    }

    #[tokio::test]
    async fn those_hashed_elsewhere_are_in_nobodys_way() {
        let passwords = passwords(1);
        let typed = || PlainToken::new("a password".to_owned());
        let own = passwords.hash(typed()).await.unwrap();
        // Some hash of bcrypt at the cost of 4.
        let foreign = "$2b$04$PdLYIqI/bH1dlvgF6S8jTeRQ7Jgbl4hDSHw7HRNXZ3iSPUdYTD7Sy";
        let foreign = passwords.vault.import_password(&Secret::new(foreign.to_owned())).unwrap();
        let all = u32::try_from(IMPORTED_PLACES).unwrap();
        let held = passwords.imported.places.acquire_many(all).await.unwrap();
        let refused = passwords.check(Some(foreign.clone()), typed()).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Unavailable);
        let right = Verdict::Right { outdated: false };
        assert_eq!(passwords.check(Some(own.clone()), typed()).await.unwrap(), right);
        drop(held);
        let all = u32::try_from(PLACES).unwrap();
        let _held = passwords.own.places.acquire_many(all).await.unwrap();
        passwords.check(Some(foreign), typed()).await.unwrap();
        passwords.check(Some(own), typed()).await.unwrap_err();
    }
}
