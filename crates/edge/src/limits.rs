//! How often one network may try something. In memory: a restart forgets it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tollgate_gate::Principal;
use tollgate_kernel::{Clock, Error, Gcra, Kind, Slug, Subject, Verdict};

/// The most networks that are remembered. Beyond them those that are nearest to rest are forgotten.
const MOST: usize = 65_536;

/// Minutes of an hour: a rule by the hour is one by the minute on a clock that is this much slower.
const HOUR: u32 = 60;

/// The most plugins that one network may bring to tools' sign-ins in any hour: nobody fills the
/// places of those that wait for an owner. Whoever makes one up is one developer.
const PLUGINS_PER_HOUR: u32 = 5;

/// Limits by network: an IPv4 address, or an IPv6 /64. Requests with an admin key or over the
/// socket in the data folder are not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkLimits {
    /// Attempts to sign in, to set the installation up, to use a link, or to confirm a password,
    /// in any minute.
    pub sign_in_per_minute: u32,
    /// Sign-ups, in any hour.
    pub sign_up_per_hour: u32,
    /// Requests without a credential, or with one that is no good, in any minute.
    pub anonymous_per_minute: u32,
    /// Requests of the management API, tokens among them, and forms of pages that are sent, in any
    /// minute.
    pub management_per_minute: u32,
}

impl Default for NetworkLimits {
    fn default() -> Self {
        Self {
            sign_in_per_minute: 30,
            sign_up_per_hour: 20,
            anonymous_per_minute: 60,
            management_per_minute: 600,
        }
    }
}

impl NetworkLimits {
    /// So wide that they stop nobody: for tests of something else.
    pub const LAX: Self = Self {
        sign_in_per_minute: 100_000,
        sign_up_per_hour: 100_000,
        anonymous_per_minute: 100_000,
        management_per_minute: 100_000,
    };
}

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attempt {
    /// Proving who one is.
    SignIn,
    /// Making an account.
    SignUp,
    /// Asking without a credential that is good.
    Anonymous,
    /// Coming to a tool with a secret that somebody else chose, which can be guessed. Its limit is
    /// that of `Anonymous`, its count its own at each tool: whoever reads documents on the same
    /// network, or guesses at another tool, stops nobody.
    Guess,
    /// Coming to a tool's sign-in as a plugin that nobody knows, which the owner is to decide on.
    Plugin,
    /// Asking the management API, or changing something by a page.
    Management,
    /// Asking what a password is worth that is being typed. Its limit is that of `Management`, its
    /// count its own.
    Strength,
}

/// The state of all networks, shared by the router and the doors.
pub struct NetworkBook {
    limits: NetworkLimits,
    clock: Arc<dyn Clock>,
    states: Mutex<HashMap<Key, i64>>,
}

/// What is counted: what is tried, from which network, and at which tool where that counts.
type Key = (Attempt, IpAddr, Option<Slug>);

/// A guess that was counted. Dropped, as when whoever made it hangs up before it is judged, it is
/// taken back.
pub struct Guess {
    book: Arc<NetworkBook>,
    key: Option<Key>,
}

impl Guess {
    /// It was one, so it counts on.
    pub fn was_wrong(mut self) {
        self.key = None;
    }
}

impl Drop for Guess {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.book.take_back(&key);
        }
    }
}

impl NetworkBook {
    /// A book in which nobody has tried anything.
    pub fn new(limits: NetworkLimits, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { limits, clock, states: Mutex::default() })
    }

    /// Counts an attempt, whatever becomes of it; 429 with the time to wait when there were too
    /// many. Loopback counts like every other network.
    pub fn count(&self, attempt: Attempt, caller: &Principal) -> Result<(), Error> {
        if matches!(caller.subject(), Subject::Admin(_) | Subject::Local(_) | Subject::System(_)) {
            return Ok(());
        }
        self.count_at(attempt, caller.network().counted())
    }

    pub(crate) fn count_at(&self, attempt: Attempt, network: IpAddr) -> Result<(), Error> {
        self.count_key((attempt, network, None))
    }

    /// Counts a guess at a secret of `tool`, until it is judged.
    pub(crate) fn guess(self: &Arc<Self>, tool: &Slug, network: IpAddr) -> Result<Guess, Error> {
        let key = (Attempt::Guess, network, Some(tool.clone()));
        self.count_key(key.clone())?;
        Ok(Guess { book: self.clone(), key: Some(key) })
    }

    fn count_key(&self, key: Key) -> Result<(), Error> {
        let attempt = key.0;
        let (rule, slower) = self.rule(attempt);
        let now_ns = self.now_ns(slower);
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let before = states.get(&key).copied().unwrap_or(0);
        match rule.ask(before, now_ns, 1) {
            Verdict::Pass { state_ns, .. } => {
                if states.len() >= MOST {
                    self.forget(&mut states);
                }
                states.insert(key, state_ns);
                Ok(())
            }
            Verdict::Wait(wait) => Err(too_many(attempt).with_retry_after(wait * slower)),
            Verdict::Never => Err(too_many(attempt)),
        }
    }

    fn take_back(&self, key: &Key) {
        let (rule, _) = self.rule(key.0);
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state_ns) = states.get_mut(key) {
            *state_ns = rule.give_back(*state_ns, 1);
        }
    }

    fn rule(&self, attempt: Attempt) -> (Gcra, u32) {
        let limits = &self.limits;
        match attempt {
            Attempt::SignIn => (Gcra::per_minute(limits.sign_in_per_minute), 1),
            Attempt::SignUp => (Gcra::per_minute(limits.sign_up_per_hour), HOUR),
            Attempt::Anonymous | Attempt::Guess => {
                (Gcra::per_minute(limits.anonymous_per_minute), 1)
            }
            Attempt::Plugin => (Gcra::per_minute(PLUGINS_PER_HOUR), HOUR),
            Attempt::Management | Attempt::Strength => {
                (Gcra::per_minute(limits.management_per_minute), 1)
            }
        }
    }

    fn now_ns(&self, slower: u32) -> i64 {
        let elapsed = self.clock.elapsed().as_nanos() / u128::from(slower);
        i64::try_from(elapsed).unwrap_or(i64::MAX)
    }

    /// Forgets those at rest and, where that is not half of them, the ones that will rest soonest:
    /// whoever brings so many networks is not held back by a longer memory either.
    fn forget(&self, states: &mut HashMap<Key, i64>) {
        let left = |attempt: Attempt, state: i64| {
            let (_, slower) = self.rule(attempt);
            i128::from(state.saturating_sub(self.now_ns(slower))) * i128::from(slower)
        };
        states.retain(|(attempt, ..), state| left(*attempt, *state) > 0);
        let mut surplus = states.len().saturating_sub(MOST / 2);
        if surplus == 0 {
            return;
        }
        let mut waits: Vec<i128> = states.iter().map(|((a, ..), state)| left(*a, *state)).collect();
        let (_, soon, _) = waits.select_nth_unstable(surplus - 1);
        let soon = *soon;
        states.retain(|(attempt, ..), state| {
            let goes = surplus > 0 && left(*attempt, *state) <= soon;
            surplus -= usize::from(goes);
            !goes
        });
    }
}

fn too_many(attempt: Attempt) -> Error {
    let what = match attempt {
        Attempt::SignIn | Attempt::SignUp | Attempt::Plugin => {
            "There were too many attempts from your network. Wait a moment, then try again."
        }
        Attempt::Anonymous => {
            "There were too many requests without a valid credential from your network. Wait a \
             moment, or send a credential."
        }
        Attempt::Guess => {
            "There were too many requests with a token that is no good from your network. Wait a \
             moment, then try again with the right one."
        }
        Attempt::Management | Attempt::Strength => {
            "There were too many requests from your network. Wait a moment, then try again."
        }
    };
    Error::new(Kind::RateLimited, what)
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use std::net::Ipv6Addr;
    use std::time::Duration;

    use tollgate_kernel::{ManualClock, Network, Timestamp};

    use super::*;

    fn book(limits: NetworkLimits) -> (Arc<NetworkBook>, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_000)));
        (NetworkBook::new(limits, clock.clone()), clock)
    }

    fn network(text: &str) -> IpAddr {
        Network::of(text.parse().expect("an address")).counted()
    }

    #[test]
    fn t62_each_network_and_each_attempt_has_a_count_of_its_own() {
        let limits = NetworkLimits {
            sign_in_per_minute: 2,
            sign_up_per_hour: 1,
            anonymous_per_minute: 3,
            management_per_minute: 4,
        };
        let (book, clock) = book(limits);
        let passed = |attempt, address| {
            (0..9).filter(|_| book.count_at(attempt, network(address)).is_ok()).count()
        };
        assert_eq!(passed(Attempt::SignIn, "2001:db8:1:2::1"), 2);
        assert_eq!(passed(Attempt::SignIn, "2001:db8:1:2:ffff::2"), 0, "the same /64");
        assert_eq!(passed(Attempt::SignIn, "2001:db8:1:3::1"), 2);
        assert_eq!(passed(Attempt::Anonymous, "192.0.2.1"), 3);
        assert_eq!(passed(Attempt::Management, "192.0.2.1"), 4);
        assert_eq!(passed(Attempt::SignUp, "192.0.2.1"), 1);
        let error = book.count_at(Attempt::SignUp, network("192.0.2.1")).expect_err("too many");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(3_600)));
        clock.advance(Duration::from_secs(15));
        assert_eq!(passed(Attempt::Management, "192.0.2.1"), 1);
    }

    #[test]
    fn t62_a_guess_counts_at_its_tool_alone_and_only_if_it_was_wrong() {
        let limits = NetworkLimits { anonymous_per_minute: 3, ..NetworkLimits::LAX };
        let (book, _) = book(limits);
        let slug = |id| Slug::parse(id).expect("a slug");
        let guess = |tool| book.guess(&slug(tool), network("192.0.2.1"));
        for _ in 0..9 {
            drop(guess("todo").expect("what was taken back is not counted"));
        }
        let under_way: Vec<Guess> = (0..3).filter_map(|_| guess("todo").ok()).collect();
        assert!(under_way.len() == 3 && guess("todo").is_err(), "no more at once than the limit");
        drop(under_way);
        for _ in 0..3 {
            guess("todo").expect("within the limit").was_wrong();
        }
        assert!(guess("todo").is_err());
        assert!(guess("other").is_ok(), "another tool");
        assert!(book.count_at(Attempt::Anonymous, network("192.0.2.1")).is_ok());
    }

    #[test]
    fn t62_a_flood_of_networks_takes_no_more_memory_than_the_bound() {
        let (book, clock) = book(NetworkLimits { sign_in_per_minute: 1, ..NetworkLimits::LAX });
        let at = |n: u128| IpAddr::V6(Ipv6Addr::from(n << 64));
        let entries = || book.states.lock().unwrap_or_else(PoisonError::into_inner).len();
        for n in 0..(MOST as u128 + 10) {
            // A moment apart: the first ones rest first.
            clock.advance(Duration::from_micros(1));
            assert!(book.count_at(Attempt::SignIn, at(n)).is_ok());
            assert!(entries() <= MOST);
        }
        assert_eq!(entries(), MOST / 2 + 10, "half were forgotten, once");
        let last = at(MOST as u128 + 9);
        assert!(book.count_at(Attempt::SignIn, last).is_err(), "the latest are remembered");
        assert!(book.count_at(Attempt::SignIn, at(0)).is_ok(), "the first were forgotten");
    }
}
