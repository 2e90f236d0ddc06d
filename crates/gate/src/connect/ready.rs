//! A connection before it is called through: whose it is, and whether it serves.

use std::sync::Arc;

use tollgate_kernel::{Access, ConnectionId, ConnectionState, Error, InstallState, Kind};
use tollgate_protocol::plugin_host::Auth;
use tollgate_store::{ConnectionRecord, InstallRecord, Owner};
use url::Url;

use super::{Connected, Install, failed, moved, needs_reauth};
use crate::transport::{Sending, UpstreamRequest};
use crate::{Gate, Principal};

impl Gate {
    /// The connection `id` if it is `principal`'s own, and serves. Somebody else's does not exist.
    pub async fn connection(
        &self,
        principal: &Arc<Principal>,
        id: ConnectionId,
    ) -> Result<Arc<Connected>, Error> {
        principal.admits(Access::Connections)?;
        let user = principal.user().ok_or_else(Error::not_found)?;
        let connected = match self.connect.kept.get(&id) {
            Some(connected) => connected,
            None => self.read_connection(Owner::User(user), id).await?,
        };
        if connected.record.user != user {
            return Err(Error::not_found());
        }
        connected.serves()?;
        Ok(connected)
    }

    /// As the store has it now. Kept, unless an event came in between.
    pub(super) async fn read_connection(
        &self,
        owner: Owner,
        id: ConnectionId,
    ) -> Result<Arc<Connected>, Error> {
        loop {
            let heeded = self.connect.heeded();
            let found = self.authn.reader.connected(owner, id).await?;
            let (record, install) = found.ok_or_else(Error::not_found)?;
            let connected = Arc::new(self.ready_to_call(record, install)?);
            // What ends it from here on finds its life; what came before may have missed it.
            if self.connect.heeded() == heeded {
                self.connect.keep(&connected, heeded);
                return Ok(connected);
            }
        }
    }

    fn ready_to_call(
        &self,
        record: ConnectionRecord,
        install: InstallRecord,
    ) -> Result<Connected, Error> {
        let install = Install::of(install)?;
        let facts = &install.facts;
        let read = |url: &str| Url::parse(url).map_err(Error::internal);
        let address = self.beside(&read(&facts.api_base)?, &read(&facts.manifest_url)?)?;
        let goes_to = facts.secret_goes_to();
        let entered_for = match &facts.manifest.auth {
            Auth::None => None,
            Auth::ServiceHttp { .. } => Some(&install.secret_for),
            Auth::UserHttp { .. } | Auth::OAuth(_) => Some(&record.issuer),
        };
        let fits = entered_for.is_none_or(|it| it.as_ref() == Some(&goes_to));
        let (id, user) = (record.id.uuid(), record.user.uuid());
        let live = self.lives.resting(id, Some(user), vec![record.install.uuid()]);
        Ok(Connected { record, install, address, fits, live })
    }

    /// What callers know a connection as.
    pub(crate) fn address_of(&self, to: &Connected) -> String {
        format!("{}/{}", self.tokens.connections_audience(), to.record.id)
    }

    /// Sends a call to the tool, over a connection that is made within the guard.
    pub(crate) fn send_guarded(&self, to: &Connected, request: UpstreamRequest) -> Sending {
        let client = self.connect.client.clone();
        self.transport.send_guarded(request, client, to.address.clone())
    }
}

impl Connected {
    /// Whether calls may go through.
    pub(super) fn serves(&self) -> Result<(), Error> {
        let name = &self.install.record.name;
        match self.install.record.state {
            InstallState::Active(_) => {}
            InstallState::Suspended(..) => {
                let what = "is suspended until its owner here has verified it again.";
                return Err(failed(Kind::Conflict, name, what));
            }
            _ => return Err(failed(Kind::Conflict, name, "is not set up yet.")),
        }
        match self.record.state {
            ConnectionState::Pending => {
                let what = "waits for its person to sign in there.";
                return Err(failed(Kind::NeedsReauth, name, what));
            }
            ConnectionState::NeedsReauth if self.record.access_sealed.is_none() => {
                return Err(needs_reauth(name));
            }
            // What was refused once may be good for something else: the tool decides.
            ConnectionState::Active | ConnectionState::NeedsReauth => {}
        }
        match (self.fits, self.is_the_persons()) {
            (true, _) => Ok(()),
            (false, true) => Err(needs_reauth(name)),
            (false, false) => Err(moved(name, "token")),
        }
    }

    /// Whether a refusal by the tool can be mended with new tokens.
    pub fn can_refresh(&self) -> bool {
        self.record.refresh_sealed.is_some()
            && matches!(self.install.facts.manifest.auth, Auth::OAuth(_))
    }

    /// Whether a refusal by the tool says that the person's own credential does not serve.
    pub(crate) fn is_the_persons(&self) -> bool {
        matches!(self.install.facts.manifest.auth, Auth::OAuth(_) | Auth::UserHttp { .. })
    }
}
