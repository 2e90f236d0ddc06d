//! What one commit carries, and what comes of it.

use std::collections::HashMap;
use std::sync::Arc;

use tollgate_kernel::{
    Account, CallId, Called, Charged, ClientId, EntryKey, KeyId, RequestId, Slug, Tally, Timestamp,
    UserId, Window,
};

/// A row of the table of accounts, by its key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountRef {
    /// The budget's name, the same in every window: `user/0193…/tokens/day`.
    pub budget: Arc<str>,
    /// The first moment of the window, in microseconds.
    pub start_us: i64,
    /// The first moment after the window, in microseconds.
    pub end_us: i64,
}

impl From<&Account> for AccountRef {
    fn from(account: &Account) -> Self {
        let Window { start, end } = account.window;
        Self { budget: account.budget().into(), start_us: start.micros(), end_us: end.micros() }
    }
}

/// One account of a call, with what the call holds there in the account's own unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The account.
    pub account: AccountRef,
    /// What is held.
    pub hold: i64,
}

/// A call as the journal knows it: enough to write its entry after a crash.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// The call and the attempt.
    pub key: EntryKey,
    /// When it was reserved.
    pub at: Timestamp,
    /// The answer's `x-request-id`.
    pub request: RequestId,
    /// The person.
    pub user: Option<UserId>,
    /// The app.
    pub client: Option<ClientId>,
    /// The key.
    pub api_key: Option<KeyId>,
    /// The group whose plan is in effect.
    pub group: Option<Slug>,
    /// What was asked for.
    pub called: Called,
    /// The upstream that is called.
    pub upstream: Option<Slug>,
    /// Whether the model has a price.
    pub priced: bool,
    /// What is held, in every unit.
    pub hold: Charged,
    /// The accounts that are charged.
    pub legs: Vec<Leg>,
}

/// What became of an opened call.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    /// The call and the attempt.
    pub key: EntryKey,
    /// What it came to.
    pub tally: Tally,
    /// What each leg is charged, in the order of the call's legs.
    pub charges: Vec<i64>,
}

/// One record of the journal. A settlement needs none: its entry is written by the same commit that
/// would have journalled it.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A call may spend its hold from now on.
    Open(Arc<Opened>),
    /// A call was opened and never sent: it ends without an entry.
    Void(EntryKey),
}

/// A settled call whose entry is to be written.
#[derive(Clone, Debug)]
pub struct Fold {
    /// The call.
    pub opened: Arc<Opened>,
    /// What became of it.
    pub settlement: Arc<Settlement>,
}

/// The sum of what an account's calls moved from leased to spent in one fold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The account.
    pub account: AccountRef,
    /// How much.
    pub amount: i64,
}

/// A lease that gives money back, or changes what a crash may hide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseChange {
    /// The account.
    pub account: AccountRef,
    /// How much goes back to the account.
    pub back: i64,
    /// The risk from now on; `None` leaves it.
    pub risk: Option<i64>,
    /// Whether the lease is over: then its row goes. Any other change leaves the row, also with
    /// nothing in it, because the node goes on counting on it.
    pub ends: bool,
}

/// A call whose slices are short: all of its accounts, or none.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The call as it is journalled if it is let in.
    pub opened: Arc<Opened>,
    /// The limit of each leg's budget as the policy has it, in the order of the legs.
    pub limits: Vec<i64>,
}

/// A lease that runs low, or is wanted.
#[derive(Clone, Debug)]
pub struct Refill {
    /// The account.
    pub account: AccountRef,
    /// The budget's limit as the policy has it.
    pub limit: i64,
    /// A typical hold: less than two of these is not worth a lease.
    pub hold: i64,
    /// The risk that the lease is to have.
    pub risk: i64,
}

/// Everything that one commit does.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Records for the journal, in the order of memory.
    pub records: Vec<Record>,
    /// Calls whose entries are written.
    pub folds: Vec<Fold>,
    /// What the folds move, one row for each account.
    pub moved: Vec<Moved>,
    /// Give-backs and changed risks.
    pub leases: Vec<LeaseChange>,
    /// What the node's own leases have free for the attempts, shared by them in turn: an attempt
    /// that is refused uses nothing of it.
    pub offers: HashMap<AccountRef, i64>,
    /// Exact attempts, in turn.
    pub attempts: Vec<Attempt>,
    /// Refills, after the attempts.
    pub refills: Vec<Refill>,
    /// Crash reserves that are released.
    pub releases: Vec<(CallId, Timestamp)>,
    /// Journal rows up to this one hold nothing that recovery needs.
    pub trim: Option<i64>,
}

impl Batch {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        let Self { records, folds, moved, leases, offers: _, .. } = self;
        let Self { attempts, refills, releases, trim, .. } = self;
        records.is_empty()
            && folds.is_empty()
            && moved.is_empty()
            && leases.is_empty()
            && attempts.is_empty()
            && refills.is_empty()
            && releases.is_empty()
            && trim.is_none()
    }
}

/// What the database said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The journal row of this commit.
    pub seq: i64,
    /// For each attempt, in order.
    pub decisions: Vec<Decision>,
    /// For each refill, in order.
    pub grants: Vec<Grant>,
}

/// The database's word on an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Let in: the shortfalls were leased and the open record is durable.
    Granted {
        /// How much was leased for each leg; the rest came out of the offers.
        leased: Vec<i64>,
    },
    /// This leg's account is spent: even alone the call would not fit.
    Exhausted {
        /// Which leg.
        leg: usize,
        /// What is left when nothing is in flight.
        left: i64,
    },
    /// What this leg's account has left is held by calls in flight.
    InUse {
        /// Which leg.
        leg: usize,
        /// What is left at this moment.
        left: i64,
    },
}

/// The database's word on a refill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// How much was leased; 0 for none.
    pub granted: i64,
}
