//! A transaction of management: who acts is known from the start, and it cannot be committed
//! without saying what was done.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};
use tollgate_kernel::{Error, Kind, Timestamp};

use crate::sql::{Db, Row, Transaction, Value};
use crate::{EventKind, audit, events};

/// Who acts, for the audit record.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The subject as text, for example `user:0193…`.
    pub subject: String,
    /// Where the request came from.
    pub network: Option<String>,
    /// The request's id.
    pub request: Option<String>,
    /// The app that acts for the subject, where one does, for example `app:0193…`.
    pub client: Option<String>,
}

/// What was done, for the audit record.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// The act, for example `key.revoke`.
    pub action: Cow<'static, str>,
    /// What it was done to, for example `key:0193…`.
    pub target: String,
}

impl AuditEvent {
    /// `action` was done to `target`.
    pub fn new(action: impl Into<Cow<'static, str>>, target: impl Into<String>) -> Self {
        Self { action: action.into(), target: target.into() }
    }
}

/// An open transaction. Dropped, or past its deadline, it is rolled back.
///
/// Its methods stand with the nouns they change. A method that ends or changes what nodes keep in
/// memory announces it by itself.
pub struct Tx {
    transaction: Arc<Mutex<Option<Transaction>>>,
    timer: AbortHandle,
    pub(crate) actor: Actor,
    pub(crate) now: Timestamp,
    events: Vec<(EventKind, String)>,
}

impl Tx {
    pub(crate) async fn begin(
        db: &Db,
        actor: Actor,
        now: Timestamp,
        deadline: Duration,
    ) -> Result<Self, Error> {
        let end = Instant::now() + deadline;
        let transaction = match timeout_at(end, db.begin()).await {
            Ok(begun) => Arc::new(Mutex::new(Some(begun?))),
            Err(late) => return Err(Error::unavailable(late)),
        };
        // The timer must not keep alive what the owner has dropped.
        let held = Arc::downgrade(&transaction);
        let timer = tokio::spawn(async move {
            tokio::time::sleep_until(end).await;
            if let Some(transaction) = held.upgrade() {
                transaction.lock().await.take();
            }
        });
        Ok(Self { transaction, timer: timer.abort_handle(), actor, now, events: Vec::new() })
    }

    /// The moment that this transaction's records carry.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Tells all nodes, once this is committed, that `id` of `kind` is not what it was. Said twice
    /// it is told once.
    pub fn announce(&mut self, kind: EventKind, id: impl Into<String>) {
        let event = (kind, id.into());
        if !self.events.contains(&event) {
            self.events.push(event);
        }
    }

    /// Writes the announcements and the audit record, and makes all of it durable. After
    /// `Err` nothing was changed, unless the answer to the commit itself was lost.
    pub async fn commit(mut self, event: AuditEvent) -> Result<(), Error> {
        let mut held = self.transaction.lock().await;
        let mut transaction = held.take().ok_or_else(too_late)?;
        drop(held);
        // Both rows below are the same for all: they are locked as late as can be, and always in
        // this order.
        events::write(&mut transaction, &std::mem::take(&mut self.events), self.now).await?;
        audit::write(&mut transaction, &self.actor, &event, self.now).await?;
        transaction.commit().await
    }

    pub(crate) async fn all(
        &mut self,
        sql: &'static str,
        args: Vec<Value>,
    ) -> Result<Vec<Row>, Error> {
        let mut held = self.transaction.lock().await;
        held.as_mut().ok_or_else(too_late)?.all(sql, args).await
    }

    pub(crate) async fn optional(
        &mut self,
        sql: &'static str,
        args: Vec<Value>,
    ) -> Result<Option<Row>, Error> {
        let mut held = self.transaction.lock().await;
        held.as_mut().ok_or_else(too_late)?.optional(sql, args).await
    }

    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        args: Vec<Value>,
    ) -> Result<u64, Error> {
        let mut held = self.transaction.lock().await;
        held.as_mut().ok_or_else(too_late)?.execute(sql, args).await
    }

    pub(crate) async fn execute_values(
        &mut self,
        text: (&'static str, usize, &'static str),
        args: Vec<Value>,
    ) -> Result<u64, Error> {
        let mut held = self.transaction.lock().await;
        held.as_mut().ok_or_else(too_late)?.execute_values(text, args).await
    }

    /// Changes the one row whose version is still the one that was read.
    pub(crate) async fn change_one(
        &mut self,
        sql: &'static str,
        args: Vec<Value>,
    ) -> Result<(), Error> {
        self.change(sql, args, || {
            let what = "It was changed or deleted meanwhile. Read it again, then change it.";
            Error::new(Kind::Conflict, what)
        })
        .await
    }

    /// Changes the one row that is named, if the caller may know of it.
    pub(crate) async fn change_named(
        &mut self,
        sql: &'static str,
        args: Vec<Value>,
    ) -> Result<(), Error> {
        self.change(sql, args, Error::not_found).await
    }

    async fn change(
        &mut self,
        sql: &'static str,
        args: Vec<Value>,
        none: fn() -> Error,
    ) -> Result<(), Error> {
        match self.execute(sql, args).await? {
            1 => Ok(()),
            0 => Err(none()),
            more => Err(Error::internal(format!("{more} rows were changed by {sql}"))),
        }
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        self.timer.abort();
    }
}

fn too_late() -> Error {
    Error::unavailable("a transaction was open for too long and was rolled back")
}
