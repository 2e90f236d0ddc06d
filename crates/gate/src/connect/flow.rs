//! A person signs in at a tool: a browser is sent there, and comes back.

use std::time::Duration;

use tollgate_kernel::{ConnectionId, Error, InstallId, PlainToken, Secret};
use tollgate_protocol::plugin_host::AuthorizeRequest;
use tollgate_store::{ConnectionRecord, FlowRecord, NewFlow};
use tollgate_vault::{ConnectionFlow, HashedToken, Place, Purpose, Sealed, pkce_challenge};

use super::find::hex;
use super::{Install, failed};
use crate::sign_in::random;
use crate::{Gate, Warrant};

/// How long a browser may stay at a tool.
pub const FLOW_LIFE: Duration = Duration::from_secs(600);

/// A sign-in whose browser came back. It cannot come back again.
pub struct Landing {
    /// What it is for.
    pub connection: ConnectionId,
    /// The version of the install that the browser was sent with.
    pub install_version: i64,
    /// The verifier of PKCE (RFC 7636, 4.1).
    pub verifier: PlainToken,
}

impl Gate {
    /// Where a browser is sent to sign in at the tool of `install`, for `connection`. What its way
    /// back needs is kept for [`FLOW_LIFE`], sealed, and bound to what the `browser` holds.
    pub async fn leave_for(
        &self,
        _: &Warrant,
        install: &Install,
        connection: &ConnectionRecord,
        browser: &str,
        redirect_uri: &str,
    ) -> Result<String, Error> {
        let name = &install.record.name;
        let unready = || {
            let what = "is not set up yet. The owner has to finish its installation.";
            failed(tollgate_kernel::Kind::Conflict, name, what)
        };
        // A host that nobody has confirmed yet is not to be shown as the place to sign in.
        if !install.facts.unconfirmed_hosts().is_empty() {
            return Err(unready());
        }
        let endpoints = install.facts.endpoints().ok_or_else(unready)?;
        let client_id = install.record.client_id.as_deref().ok_or_else(unready)?;
        let (state, verifier) = (random(&*self.rng), random(&*self.rng));
        let challenge = pkce_challenge(verifier.expose());
        let url = AuthorizeRequest {
            client_id,
            scope: install.facts.scope(),
            state: &state,
            redirect_uri,
            challenge: install.facts.said.pkce.then_some(challenge.as_str()),
        }
        .at(endpoints.client_url);
        let state = self.of_flow_state(&state);
        let place = place(&state, connection);
        let secret = Secret::new(verifier.expose().to_owned());
        let sealed = self.vault.seal::<ConnectionFlow>(&place, &secret, &*self.rng)?;
        let flow = NewFlow {
            state: *state.as_bytes(),
            browser: *self.of_flow_browser(browser).as_bytes(),
            connection: connection.id,
            install_version: install.record.version,
            verifier_sealed: sealed.into_bytes(),
            expires_at: self.clock.now().plus(FLOW_LIFE),
        };
        self.writer.insert_flow(&flow).await?;
        Ok(url)
    }

    /// The sign-in with `state` that a browser comes back from, used up whatever becomes of it.
    /// None where the state is unknown, used, too old, or another browser's: this one holds
    /// `browser`.
    pub async fn come_back(
        &self,
        warrant: &Warrant,
        state: &PlainToken,
        browser: &str,
    ) -> Result<Option<Landing>, Error> {
        let hash = self.of_flow_state(state);
        let found = self.writer.take_flow(hash.as_bytes()).await?;
        self.landed(warrant, found, browser).await
    }

    /// The same without a state, at a tool whose owner allowed it: the one sign-in at `install`
    /// that this browser began.
    pub async fn come_back_stateless(
        &self,
        warrant: &Warrant,
        install: InstallId,
        browser: &str,
    ) -> Result<Option<Landing>, Error> {
        let hash = self.of_flow_browser(browser);
        let found = self.writer.take_flow_of(hash.as_bytes(), install).await?;
        self.landed(warrant, found, browser).await
    }

    async fn landed(
        &self,
        _: &Warrant,
        found: Option<FlowRecord>,
        browser: &str,
    ) -> Result<Option<Landing>, Error> {
        let Some(found) = found else { return Ok(None) };
        let same = HashedToken::from_bytes(&found.browser)? == self.of_flow_browser(browser);
        if !same || found.expires_at <= self.clock.now() {
            return Ok(None);
        }
        let owner = tollgate_store::Owner::All;
        let connection = self.authn.reader.connection(owner, found.connection).await?;
        let Some(connection) = connection else { return Ok(None) };
        let sealed = Sealed::<ConnectionFlow>::from_bytes(found.verifier_sealed);
        let state = HashedToken::from_bytes(&found.state)?;
        let verifier = self.opener.open(&place(&state, &connection), &sealed)?;
        Ok(Some(Landing {
            connection: found.connection,
            install_version: found.install_version,
            verifier: PlainToken::new(verifier.expose().to_owned()),
        }))
    }

    fn of_flow_state(&self, state: &PlainToken) -> HashedToken {
        let text = format!("connection-state:{}", state.expose());
        self.vault.mac(Purpose::SignIn, text.as_bytes())
    }

    fn of_flow_browser(&self, browser: &str) -> HashedToken {
        self.vault.mac(Purpose::SignIn, format!("connection-browser:{browser}").as_bytes())
    }
}

fn place(state: &HashedToken, connection: &ConnectionRecord) -> Place {
    Place {
        table: "connection_flows",
        column: "verifier_sealed",
        row: hex(state.as_bytes()),
        owner: connection.user.to_string(),
        version: 1,
    }
}
