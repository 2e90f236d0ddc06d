//! Revocation: events of the store reach cached credentials and running calls within a second.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tollgate_kernel::{Error, GrantId, InstallState, KeyId, SessionId};
use tollgate_store::{AccountState, Event, EventKind, KeyState, Owner, Reader};
use uuid::Uuid;

use crate::Live;

/// How many lives are remembered before those that nobody holds are forgotten.
const SWEEP_AT: usize = 4_096;

/// The life of every credential in use, by its record's id.
#[derive(Default)]
pub(crate) struct Lives {
    book: Mutex<Book>,
    heeded: AtomicU64,
}

#[derive(Default)]
struct Book {
    by_credential: HashMap<Uuid, Entry>,
    /// The credentials that rest on a record beside their own and its owner's, such as the key
    /// that made them: they change and end with it.
    resting_on: HashMap<Uuid, HashSet<Uuid>>,
    sweep_at: usize,
}

struct Entry {
    owner: Option<Uuid>,
    live: Weak<Live>,
}

impl Book {
    /// Forgets the lives that nobody holds.
    fn sweep(&mut self) {
        self.by_credential.retain(|_, entry| entry.live.strong_count() > 0);
        let alive = &self.by_credential;
        self.resting_on.retain(|_, resting| {
            resting.retain(|id| alive.contains_key(id));
            !resting.is_empty()
        });
        self.sweep_at = self.by_credential.len() * 2;
    }
}

impl Lives {
    /// The one life of a session, of which `owner` is the person.
    pub(crate) fn of(&self, session: Uuid, owner: Option<Uuid>) -> Arc<Live> {
        self.resting(session, owner, Vec::new())
    }

    /// The one life of a credential, of which `owner` is the person or app, and which rests on the
    /// records `on` as well.
    pub(crate) fn resting(
        &self,
        credential: Uuid,
        owner: Option<Uuid>,
        on: Vec<Uuid>,
    ) -> Arc<Live> {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let known = book.by_credential.get(&credential).and_then(|entry| entry.live.upgrade());
        // A life does not begin again: a credential that counts once more, as of an account that
        // was enabled again, gets a new one.
        if let Some(live) = known.filter(|live| !live.has_ended()) {
            return live;
        }
        if book.by_credential.len() >= book.sweep_at.max(SWEEP_AT) {
            book.sweep();
        }
        for record in on {
            book.resting_on.entry(record).or_default().insert(credential);
        }
        let live = Arc::<Live>::default();
        book.by_credential.insert(credential, Entry { owner, live: Arc::downgrade(&live) });
        live
    }

    /// Rises with every event that concerns credentials. What was read before it rose and is kept
    /// after may be outdated.
    pub(crate) fn heeded(&self) -> u64 {
        self.heeded.load(Ordering::SeqCst)
    }

    /// Acts on an event. Whether the policy is to be read again is the answer.
    pub(crate) async fn heed(&self, event: &Event, reader: &Reader) -> Result<bool, Error> {
        match event.kind {
            EventKind::Key
            | EventKind::Session
            | EventKind::User
            | EventKind::Client
            | EventKind::Grant
            | EventKind::Token
            | EventKind::Install
            | EventKind::Connection => {
                self.heed_credentials(event, reader).await?;
                Ok(false)
            }
            EventKind::Plan
            | EventKind::Group
            | EventKind::Upstream
            | EventKind::Model
            | EventKind::Setting
            | EventKind::SigningKey
            | EventKind::Resource
            | EventKind::Tool => Ok(true),
        }
    }

    /// Has every credential looked up once more: a key that vouched for some of them is gone.
    /// Running calls go on.
    pub(crate) fn outdate_all(&self) {
        self.heeded.fetch_add(1, Ordering::SeqCst);
        let book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let lives = book.by_credential.values().filter_map(|entry| entry.live.upgrade());
        lives.for_each(|live| live.outdate());
    }

    async fn heed_credentials(&self, event: &Event, reader: &Reader) -> Result<(), Error> {
        self.heeded.fetch_add(1, Ordering::SeqCst);
        let lives = self.concerned(event);
        lives.iter().for_each(|live| live.outdate());
        if lives.is_empty() || self.still_counts(event, reader).await? {
            return Ok(());
        }
        lives.iter().for_each(|live| live.end());
        Ok(())
    }

    fn concerned(&self, event: &Event) -> Vec<Arc<Live>> {
        let Ok(id) = Uuid::try_parse(&event.id) else { return Vec::new() };
        let book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<Arc<Live>> = match event.kind {
            EventKind::User | EventKind::Client => {
                let owned = book.by_credential.values().filter(|entry| entry.owner == Some(id));
                owned.filter_map(|entry| entry.live.upgrade()).collect()
            }
            _ => book.by_credential.get(&id).and_then(|e| e.live.upgrade()).into_iter().collect(),
        };
        let resting = book.resting_on.get(&id).into_iter().flatten();
        let resting = resting.filter_map(|id| book.by_credential.get(id));
        found.extend(resting.filter_map(|entry| entry.live.upgrade()));
        found
    }

    /// Whether the record that an event names still stands for anything.
    async fn still_counts(&self, event: &Event, reader: &Reader) -> Result<bool, Error> {
        let counts = match event.kind {
            EventKind::Key => {
                let key = reader.key(Owner::All, event.id.parse::<KeyId>()?).await?;
                key.is_some_and(|key| key.state == KeyState::Active)
            }
            EventKind::Session => {
                reader.session(Owner::All, event.id.parse::<SessionId>()?).await?.is_some()
            }
            EventKind::User => {
                let user = reader.user(Owner::All, event.id.parse()?).await?;
                user.is_some_and(|user| user.state == AccountState::Active)
            }
            EventKind::Client => {
                let client = reader.client(Owner::All, event.id.parse()?).await?;
                client.is_some_and(|client| client.state == AccountState::Active)
            }
            EventKind::Grant => {
                let grant = reader.grant(event.id.parse::<GrantId>()?).await?;
                grant.is_some_and(|grant| grant.ended_at.is_none())
            }
            EventKind::Connection => {
                reader.connection(Owner::All, event.id.parse()?).await?.is_some()
            }
            EventKind::Install => {
                let install = reader.install(event.id.parse()?).await?;
                install.is_some_and(|it| matches!(it.state, InstallState::Active(_)))
            }
            EventKind::Token => !reader.is_revoked(event.id.parse()?).await?,
            _ => true,
        };
        Ok(counts)
    }
}
