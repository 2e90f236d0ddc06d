//! A connection before it is called through: whose it is, whether it serves, and a token that will
//! not end in the middle.

use std::sync::Arc;
use std::time::Duration;

use tollgate_kernel::{ConnectionId, ConnectionState, Error, InstallState, Kind, Timestamp};
use tollgate_protocol::plugin_host::{Auth, TokenRequest};
use tollgate_protocol::sign_in::TokenRefusal;
use tollgate_store::{AuditEvent, ConnectionRecord, InstallRecord, Owner};
use url::Url;

use super::exchange::refused;
use super::secrets::REFRESH;
use super::{Connected, Install, failed, needs_reauth};
use crate::transport::{Sending, UpstreamRequest};
use crate::{Gate, Principal};

/// How long before its end a token is replaced.
const AHEAD: Duration = Duration::from_secs(60);

impl Gate {
    /// The connection `id` if it is `principal`'s own, ready to be called through. Somebody else's
    /// does not exist. New tokens are had where the old one is about to end.
    pub async fn connection(
        self: &Arc<Self>,
        principal: &Arc<Principal>,
        id: ConnectionId,
    ) -> Result<Arc<Connected>, Error> {
        principal.admits(tollgate_kernel::Access::Connections)?;
        let connected = self.own_connection(principal, id).await?;
        connected.serves()?;
        let now = self.clock.now();
        if !connected.is_ending(now) || connected.record.refresh_sealed.is_none() {
            return Ok(connected);
        }
        match self.refreshed(principal, &connected).await {
            // A token endpoint that is down ends nothing that still counts.
            Err(error) if error.kind() != Kind::NeedsReauth && connected.lasts(now) => {
                tracing::warn!(cause = error.cause(), "a token is not renewed: {error}");
                Ok(connected)
            }
            refreshed => refreshed,
        }
    }

    async fn own_connection(
        &self,
        principal: &Arc<Principal>,
        id: ConnectionId,
    ) -> Result<Arc<Connected>, Error> {
        let user = principal.user().ok_or_else(Error::not_found)?;
        let connected = match self.connect.kept.get(&id) {
            Some(connected) => connected,
            None => self.read_connection(Owner::User(user), id).await?,
        };
        if connected.record.user != user {
            return Err(Error::not_found());
        }
        Ok(connected)
    }

    /// As the store has it now. Kept, unless an event came in between.
    async fn read_connection(
        &self,
        owner: Owner,
        id: ConnectionId,
    ) -> Result<Arc<Connected>, Error> {
        let heeded = self.connect.heeded();
        let found = self.authn.reader.connected(owner, id).await?;
        let (record, install) = found.ok_or_else(Error::not_found)?;
        let connected = Arc::new(self.ready_to_call(record, install)?);
        self.connect.keep(&connected, heeded);
        Ok(connected)
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
        Ok(Connected { record, install, address })
    }

    /// The connection once more, after the tool did not take its credential: with new tokens where
    /// that can be, and this was the first time. Else this connection alone needs its person.
    pub async fn mend(
        self: &Arc<Self>,
        principal: &Arc<Principal>,
        old: &Arc<Connected>,
        is_first: bool,
    ) -> Result<Arc<Connected>, Error> {
        if is_first && old.can_refresh() {
            return self.refreshed(principal, old).await;
        }
        let turn = self.connect.turn(old.record.id);
        let _turn = turn.lock().await;
        let owner = Owner::User(old.record.user);
        let now = self.read_connection(owner, old.record.id).await?;
        // What was refused may not be what is there any more.
        if now.record.secret_version == old.record.secret_version {
            self.disconnect(principal, &now.record).await?;
        }
        Err(needs_reauth(&now.install.record.name))
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

    /// The connection with new tokens. It goes on when the caller hangs up: the tool may have used
    /// the old ones up, and what it gave in their place would be lost.
    async fn refreshed(
        self: &Arc<Self>,
        principal: &Arc<Principal>,
        old: &Arc<Connected>,
    ) -> Result<Arc<Connected>, Error> {
        let (gate, principal, old) = (self.clone(), principal.clone(), old.clone());
        let refresh = tokio::spawn(async move { gate.refresh(&principal, &old).await });
        refresh.await.map_err(Error::internal)?
    }

    /// Of any number that ask at once with the same old tokens, one goes to the tool, and the
    /// others take what it got.
    async fn refresh(
        &self,
        principal: &Arc<Principal>,
        old: &Arc<Connected>,
    ) -> Result<Arc<Connected>, Error> {
        let turn = self.connect.turn(old.record.id);
        let _turn = turn.lock().await;
        let owner = Owner::User(old.record.user);
        let now = self.read_connection(owner, old.record.id).await?;
        if now.record.secret_version != old.record.secret_version {
            now.serves()?;
            return Ok(now);
        }
        now.serves()?;
        let name = &now.install.record.name;
        let issuer = now.install.facts.endpoints().map(|it| it.token.to_string());
        let sealed = now.record.refresh_sealed.as_deref();
        let Some(sealed) = sealed.filter(|_| issuer == now.record.issuer) else {
            self.disconnect(principal, &now.record).await?;
            return Err(needs_reauth(name));
        };
        let token = self.open_refresh(&now.record, sealed)?;
        let target = format!("connection:{}", now.record.id);
        let request = TokenRequest::Refresh { token: &token };
        match self.exchange_at(principal, &now.install, &target, &request).await? {
            Ok(tokens) => {
                let record = self.with_tokens(&now.install, now.record.clone(), &tokens)?;
                self.store(principal, &record, "connection.refresh").await?;
                self.read_connection(owner, record.id).await
            }
            Err(TokenRefusal::Grant) => {
                // Somebody else may have used it up, and kept what it gave.
                let again = self.read_connection(owner, now.record.id).await?;
                if again.record.secret_version != now.record.secret_version {
                    return Ok(again);
                }
                self.disconnect(principal, &again.record).await?;
                Err(needs_reauth(name))
            }
            Err(refusal) => Err(refused(&now.install, refusal)),
        }
    }

    fn open_refresh(
        &self,
        record: &ConnectionRecord,
        sealed: &[u8],
    ) -> Result<tollgate_kernel::Secret, Error> {
        self.open_of(record, REFRESH, sealed)
    }

    /// This connection alone needs its person: the tool does not take what we have for them.
    pub(crate) async fn disconnect(
        &self,
        principal: &Arc<Principal>,
        record: &ConnectionRecord,
    ) -> Result<(), Error> {
        let mut record = record.clone();
        record.state = ConnectionState::NeedsReauth;
        record.secret_version += 1;
        (record.access_sealed, record.refresh_sealed) = (None, None);
        (record.expires_at, record.issuer) = (None, None);
        self.store(principal, &record, "connection.needs_reauth").await
    }

    async fn store(
        &self,
        principal: &Arc<Principal>,
        record: &ConnectionRecord,
        action: &'static str,
    ) -> Result<(), Error> {
        let mut tx = self.writer.begin(principal.actor()).await?;
        tx.put_connection(record).await?;
        tx.commit(AuditEvent::new(action, format!("connection:{}", record.id))).await?;
        self.heed().await;
        Ok(())
    }
}

impl Connected {
    /// Whether calls may go through.
    fn serves(&self) -> Result<(), Error> {
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
            ConnectionState::Active => Ok(()),
            ConnectionState::Pending => {
                let what = "waits for its person to sign in there.";
                Err(failed(Kind::NeedsReauth, name, what))
            }
            ConnectionState::NeedsReauth => Err(needs_reauth(name)),
        }
    }

    /// Whether its token ends soon, or has ended.
    fn is_ending(&self, now: Timestamp) -> bool {
        self.record.expires_at.is_some_and(|end| end <= now.plus(AHEAD))
    }

    /// Whether its token still counts.
    fn lasts(&self, now: Timestamp) -> bool {
        self.record.expires_at.is_none_or(|end| end > now)
    }

    /// Whether a refusal by the tool can be mended with new tokens.
    pub(crate) fn can_refresh(&self) -> bool {
        self.record.refresh_sealed.is_some()
            && matches!(self.install.facts.manifest.auth, Auth::OAuth(_))
    }

    /// Whether a refusal by the tool says that the person's own credential does not serve.
    pub(crate) fn is_the_persons(&self) -> bool {
        matches!(self.install.facts.manifest.auth, Auth::OAuth(_) | Auth::UserHttp { .. })
    }
}
