//! A browser comes back from a tool that its person signed in at.

use std::sync::Arc;

use tollgate_gate::{Install, Principal, Redeemed, Warrant};
use tollgate_kernel::{Error, InstallId, Manage, Noun, PlainToken};
use tollgate_store::Owner;

use crate::connect::{Pair, browser, find, redirect_uri};
use crate::state::ConnectionsState;

/// What a browser came back with.
pub(crate) struct Back {
    /// As it stands in the address: `plugin-…`.
    pub(crate) plugin_id: String,
    pub(crate) state: Option<PlainToken>,
    pub(crate) code: Option<PlainToken>,
    /// The tool's own error code (RFC 6749, 4.1.2.1).
    pub(crate) error: Option<String>,
    /// Our own origin.
    pub(crate) origin: String,
}

/// Why nothing came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Nobody is signed in here.
    Nobody,
    /// The tool sent no `state` back.
    NoState,
    /// It was not begun in this browser, is too old, was used already, or was for another tool.
    Stale,
    /// The tool was changed meanwhile.
    Changed,
    /// The person said no there.
    Declined,
    /// The tool answers with an error, or with nothing.
    Failed,
}

impl Why {
    /// The key of its words on pages.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Nobody => "back-nobody",
            Self::NoState => "back-no-state",
            Self::Stale => "back-stale",
            Self::Changed => "back-changed",
            Self::Declined => "back-declined",
            Self::Failed => "back-failed",
        }
    }
}

/// What came of it, and at which tool.
pub(crate) struct Outcome {
    pub(crate) tool: String,
    pub(crate) why: Option<Why>,
}

/// Finishes what [`crate::connect::leave`] began. Errors are the tool's and our own.
pub(crate) async fn come_back(
    state: &ConnectionsState,
    caller: &Arc<Principal>,
    back: Back,
) -> Result<Outcome, Error> {
    let warrant = state.gate.allow(caller, Manage::write(Noun::SignIn))?;
    let id = back.plugin_id.strip_prefix("plugin-").ok_or_else(Error::not_found)?;
    let id: InstallId = id.parse()?;
    let record = state.gate.read(&warrant).install(id).await?.ok_or_else(Error::not_found)?;
    let install = Install::of(record)?;
    let tool = install.record.name.clone();
    let why = finish(state, caller, &warrant, install, back).await?;
    Ok(Outcome { tool, why })
}

async fn finish(
    state: &ConnectionsState,
    caller: &Arc<Principal>,
    warrant: &Warrant,
    install: Install,
    back: Back,
) -> Result<Option<Why>, Error> {
    let (Some(browser), Some(user)) = (browser(caller), caller.user()) else {
        return Ok(Some(Why::Nobody));
    };
    let landing = match &back.state {
        Some(token) => state.gate.come_back(warrant, token, &browser).await?,
        None if install.facts.said.stateless => {
            state.gate.come_back_stateless(warrant, install.record.id, &browser).await?
        }
        None => return Ok(Some(Why::NoState)),
    };
    let Some(landing) = landing else { return Ok(Some(Why::Stale)) };
    let found = find(state, warrant, Owner::User(user), landing.connection).await;
    let Ok(Pair { connection, install: of }) = found else { return Ok(Some(Why::Stale)) };
    if of.record.id != install.record.id {
        return Ok(Some(Why::Stale));
    }
    if of.record.version != landing.install_version {
        return Ok(Some(Why::Changed));
    }
    let Some(code) = back.code.filter(|_| back.error.is_none()) else {
        let declined = back.error.as_deref() == Some("access_denied");
        return Ok(Some(if declined { Why::Declined } else { Why::Failed }));
    };
    let uri = redirect_uri(&back.origin, &of);
    let redeemed = Redeemed { code, verifier: landing.verifier, redirect_uri: &uri };
    state.gate.redeem(caller, &of, connection, redeemed).await?;
    Ok(None)
}
