//! When and from where credentials were last used: noted coarsely, written in the background.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tollgate_kernel::{CredentialId, KeyId, Network, SessionId, Timestamp};

use crate::authn::note_due;
use crate::principal::Known;

/// Uses that wait to be written.
#[derive(Default)]
pub(crate) struct Touches {
    waiting: Mutex<Waiting>,
}

/// What is written together.
#[derive(Default)]
pub(crate) struct Waiting {
    pub(crate) keys: HashMap<KeyId, (Timestamp, Network)>,
    pub(crate) sessions: HashMap<SessionId, Timestamp>,
}

impl Touches {
    /// Notes a use, at most once a minute for each credential.
    pub(crate) fn note(&self, known: &Known, network: Network, now: Timestamp) {
        if known.credential == CredentialId::None || !note_due(known, now) {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match known.credential {
            CredentialId::Key(id) => drop(waiting.keys.insert(id, (now, network))),
            CredentialId::Session(id) => drop(waiting.sessions.insert(id, now)),
            // An app's tokens are used by the app: its refresh says that it lives.
            CredentialId::Grant(_) | CredentialId::None => {}
        }
    }

    /// Takes what has gathered.
    pub(crate) fn take(&self) -> Waiting {
        std::mem::take(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
