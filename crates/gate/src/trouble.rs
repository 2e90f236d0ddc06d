//! What an upstream needs of the owner. Kept in memory until a call goes well or its record is
//! changed, so that the owner's pages can tell; a restart learns it anew with the next call.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tollgate_kernel::Timestamp;

/// What is wrong with an upstream that only the owner can mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// It refuses our key.
    KeyRefused,
    /// Our account there has run dry.
    QuotaSpent,
    /// Its answers hold our own key. Good answers do not end this: a changed record does.
    SecretLeaked,
}

impl TroubleKind {
    /// Its name in the management API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyRefused => "key_refused",
            Self::QuotaSpent => "quota_spent",
            Self::SecretLeaked => "secret_leaked",
        }
    }
}

/// Trouble with an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What is wrong.
    pub kind: TroubleKind,
    /// When the first of these calls was made.
    pub since: Timestamp,
    /// When the last one was made.
    pub last: Timestamp,
    /// How many calls have met it.
    pub calls: u64,
}

/// The trouble of one upstream, if it has any.
#[derive(Default)]
pub(crate) struct Troubles(ArcSwapOption<Trouble>);

impl Troubles {
    /// A call made at `at` has met this.
    pub(crate) fn met(&self, kind: TroubleKind, at: Timestamp) {
        self.0.rcu(|known| {
            let known = known.as_deref().filter(|known| known.kind == kind);
            let (since, calls) = known.map_or((at, 0), |known| (known.since, known.calls));
            Some(Arc::new(Trouble { kind, since, last: at, calls: calls + 1 }))
        });
    }

    /// A call went well.
    pub(crate) fn over(&self) {
        let known = self.0.load();
        if known.as_ref().is_some_and(|known| known.kind != TroubleKind::SecretLeaked) {
            self.0.store(None);
        }
    }

    /// What is wrong now.
    pub(crate) fn now(&self) -> Option<Trouble> {
        self.0.load().as_deref().copied()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_counted_and_ends_with_a_good_call() {
        let troubles = Troubles::default();
        let at = Timestamp::from_secs;
        troubles.met(TroubleKind::KeyRefused, at(1));
        troubles.met(TroubleKind::KeyRefused, at(5));
        let found = troubles.now().unwrap();
        assert_eq!((found.since, found.last, found.calls), (at(1), at(5), 2));
        troubles.met(TroubleKind::QuotaSpent, at(6));
        assert_eq!(troubles.now().unwrap().calls, 1);
        troubles.over();
        assert_eq!(troubles.now(), None);
    }

    #[test]
    fn m13_a_leak_is_not_forgotten_because_other_answers_are_clean() {
        let troubles = Troubles::default();
        troubles.met(TroubleKind::SecretLeaked, Timestamp::from_secs(1));
        troubles.over();
        assert_eq!(troubles.now().unwrap().kind, TroubleKind::SecretLeaked);
    }
}
