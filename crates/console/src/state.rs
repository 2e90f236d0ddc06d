//! What all handlers of the console share.

use std::sync::Arc;

use tollgate_gate::{Gate, Prices, Principal, Warrant};
use tollgate_kernel::{Error, Kind, Manage, Slug, Timestamp};
use tollgate_store::{AuditEvent, Reader, Tx};

/// What all handlers of the console share. Cheap to clone.
#[derive(Clone)]
pub struct ConsoleState {
    pub(crate) gate: Arc<Gate>,
    pub(crate) prices: Arc<dyn Prices>,
    pub(crate) keys_in_the_clear: bool,
}

impl ConsoleState {
    /// The console in front of `gate`; `prices` are the ones that `gate` decides by.
    pub fn new(gate: Arc<Gate>, prices: Arc<dyn Prices>) -> Self {
        Self { gate, prices, keys_in_the_clear: false }
    }

    /// Whether keys of upstreams may cross a network unencrypted: the ugly switch of the
    /// configuration (`server.insecure_http`).
    pub fn keys_in_the_clear(mut self, they_may: bool) -> Self {
        self.keys_in_the_clear = they_may;
        self
    }

    /// The proof that `caller` may do this.
    pub(crate) fn allow(&self, caller: &Arc<Principal>, manage: Manage) -> Result<Warrant, Error> {
        self.gate.allow(caller, manage)
    }

    /// What reads the store.
    pub(crate) fn read(&self, warrant: &Warrant) -> &Reader {
        self.gate.read(warrant)
    }

    /// Makes the changes of `tx` durable, and has this node heed them before anybody is told.
    pub(crate) async fn commit(&self, tx: Tx, event: AuditEvent) -> Result<(), Error> {
        tx.commit(event).await?;
        self.gate.heed().await;
        Ok(())
    }

    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        self.gate.clock().now()
    }

    /// Refuses the name of a plan that does not exist; `param` is the member that names it.
    pub(crate) async fn known_plan(
        &self,
        warrant: &Warrant,
        plan: Option<&Slug>,
        param: &'static str,
    ) -> Result<(), Error> {
        let Some(id) = plan else { return Ok(()) };
        match self.read(warrant).plan(id).await? {
            Some(_) => Ok(()),
            None => {
                let what = format!("There is no plan called {id}. Make it first, or name another.");
                Err(Error::invalid(what).with_param(param))
            }
        }
    }
}

/// Refuses a change of what the configuration file declares.
pub(crate) fn changeable(declared: bool) -> Result<(), Error> {
    if !declared {
        return Ok(());
    }
    Err(Error::new(
        Kind::Declared,
        "The configuration file declares this object. Change it there and restart the server.",
    ))
}
