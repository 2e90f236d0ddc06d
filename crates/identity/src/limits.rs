//! How often one network may try to come in. In memory: a restart forgets it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tollgate_gate::Principal;
use tollgate_kernel::{Clock, Error, Gcra, Kind, Subject, Verdict};

/// How many networks are remembered before those at rest are forgotten.
const SWEEP_AT: usize = 65_536;

/// Minutes of an hour: a rule by the hour is one by the minute on a clock that is this much slower.
const HOUR: u32 = 60;

/// Limits by network: an IPv4 address, or an IPv6 /64. Requests with an admin key or over the
/// socket in the data folder are not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkLimits {
    /// Attempts to sign in, to set the installation up, to use a link, or to confirm a password,
    /// in any minute.
    pub sign_in_per_minute: u32,
    /// Sign-ups, in any hour.
    pub sign_up_per_hour: u32,
}

impl Default for NetworkLimits {
    fn default() -> Self {
        Self { sign_in_per_minute: 30, sign_up_per_hour: 20 }
    }
}

/// What is tried.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Attempt {
    /// Proving who one is.
    SignIn,
    /// Making an account.
    SignUp,
}

/// The state of all networks.
pub(crate) struct NetworkBook {
    limits: NetworkLimits,
    clock: Arc<dyn Clock>,
    states: Mutex<States>,
}

#[derive(Default)]
struct States {
    by_network: HashMap<(Attempt, IpAddr), i64>,
    sweep_at: usize,
}

impl NetworkBook {
    pub(crate) fn new(limits: NetworkLimits, clock: Arc<dyn Clock>) -> Self {
        Self { limits, clock, states: Mutex::default() }
    }

    /// Counts an attempt, whatever becomes of it; 429 with the time to wait when there were too
    /// many. Loopback counts like every other network.
    pub(crate) fn count(&self, attempt: Attempt, caller: &Principal) -> Result<(), Error> {
        if matches!(caller.subject(), Subject::Admin(_) | Subject::Local(_) | Subject::System(_)) {
            return Ok(());
        }
        let (rule, slower) = self.rule(attempt);
        let elapsed = self.clock.elapsed().as_nanos() / u128::from(slower);
        let now_ns = i64::try_from(elapsed).unwrap_or(i64::MAX);
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let network = (attempt, caller.network().counted());
        let before = states.by_network.get(&network).copied().unwrap_or(0);
        match rule.ask(before, now_ns, 1) {
            Verdict::Pass { state_ns, .. } => {
                self.sweep(&mut states);
                states.by_network.insert(network, state_ns);
                Ok(())
            }
            Verdict::Wait(wait) => Err(too_many().with_retry_after(wait * slower)),
            Verdict::Never => Err(too_many()),
        }
    }

    fn rule(&self, attempt: Attempt) -> (Gcra, u32) {
        match attempt {
            Attempt::SignIn => (Gcra::per_minute(self.limits.sign_in_per_minute), 1),
            Attempt::SignUp => (Gcra::per_minute(self.limits.sign_up_per_hour), HOUR),
        }
    }

    fn sweep(&self, states: &mut States) {
        if states.by_network.len() < states.sweep_at.max(SWEEP_AT) {
            return;
        }
        let elapsed = self.clock.elapsed().as_nanos();
        states.by_network.retain(|(attempt, _), state| {
            let (_, slower) = self.rule(*attempt);
            i128::from(*state) > i128::try_from(elapsed / u128::from(slower)).unwrap_or(i128::MAX)
        });
        states.sweep_at = states.by_network.len() * 2;
    }
}

fn too_many() -> Error {
    Error::new(
        Kind::RateLimited,
        "There were too many attempts from your network. Wait a moment, then try again.",
    )
}
