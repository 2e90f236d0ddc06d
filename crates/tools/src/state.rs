//! What the handlers of this door share.

use std::sync::Arc;

use tollgate_gate::{Gate, Principal, Tool, Warrant};
use tollgate_kernel::{Error, Manage, Noun, Slug};
use tollgate_store::{AuditEvent, ToolRecord, Tx};
use url::Url;

use crate::document::Documents;
use crate::place::Places;

/// Looking at tools.
pub(crate) const READ: Manage = Manage::read(Noun::Tools);
/// Changing tools.
pub(crate) const WRITE: Manage = Manage::write(Noun::Tools);

/// What the handlers of this door share. Cheap to clone.
#[derive(Clone)]
pub struct ToolsState {
    pub(crate) gate: Arc<Gate>,
    pub(crate) places: Places,
    pub(crate) documents: Arc<Documents>,
    pub(crate) secrets_in_the_clear: bool,
}

impl ToolsState {
    /// The door before `gate` at `public_url`.
    pub fn new(gate: Arc<Gate>, public_url: &Url) -> Self {
        let places = Places::new(public_url, false);
        let documents = Arc::new(Documents::default());
        Self { gate, places, documents, secrets_in_the_clear: false }
    }

    /// Whether all modes are published on loopback too: the switch `dev.loopback_tools`.
    pub fn loopback_tools(mut self, public_url: &Url, they_are: bool) -> Self {
        self.places = Places::new(public_url, they_are);
        self
    }

    /// Whether our secrets for tools may cross a network unencrypted (`server.insecure_http`).
    pub fn secrets_in_the_clear(mut self, they_may: bool) -> Self {
        self.secrets_in_the_clear = they_may;
        self
    }

    /// The tool that is called `id` and answers, as it is loaded; without a look at the store.
    pub(crate) fn tool(&self, id: &Slug) -> Result<Arc<Tool>, Error> {
        self.gate.tool(id).ok_or_else(Error::not_found)
    }

    /// The proof that `caller` may do this.
    pub(crate) fn allow(&self, caller: &Arc<Principal>, manage: Manage) -> Result<Warrant, Error> {
        self.gate.allow(caller, manage)
    }

    /// The tool as it is stored, or 404.
    pub(crate) async fn find(&self, warrant: &Warrant, id: &Slug) -> Result<ToolRecord, Error> {
        self.gate.read(warrant).tool(id).await?.ok_or_else(Error::not_found)
    }

    /// Makes the changes of `tx` durable, and has this node heed them before anybody is told.
    pub(crate) async fn commit(&self, tx: Tx, event: AuditEvent) -> Result<(), Error> {
        tx.commit(event).await?;
        self.gate.heed().await;
        Ok(())
    }
}
