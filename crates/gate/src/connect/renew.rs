//! A credential that ends soon, or that the tool does not take: new tokens where there are any, and
//! what a refusal says of it otherwise.

use std::sync::Arc;
use std::time::Duration;

use tollgate_kernel::{ConnectionState, Error, Kind, Timestamp};
use tollgate_protocol::plugin_host::TokenRequest;
use tollgate_protocol::sign_in::TokenRefusal;
use tollgate_store::{AuditEvent, ConnectionRecord, Owner};

use super::exchange::refused;
use super::secrets::REFRESH;
use super::{Connected, failed, needs_reauth};
use crate::{Gate, Principal};

/// How long before its end a token is replaced; one that lives shortly in its last quarter, or it
/// would be replaced with every call.
const AHEAD: Duration = Duration::from_secs(60);

/// After new tokens have not helped against a 401, and after a refused credential was noted: how
/// long nothing is asked or written for that connection again because of another.
const REST: Duration = Duration::from_secs(60);

impl Gate {
    /// The connection as a call of `principal` goes through it: `to`, or what it is with new
    /// tokens, where these end soon or are the ones that the tool `refused`. Whoever calls this has
    /// made the call's record durable.
    pub(crate) async fn renewed(
        &self,
        principal: &Arc<Principal>,
        to: &Arc<Connected>,
        refused: Option<&Connected>,
    ) -> Result<Arc<Connected>, Error> {
        let now = self.clock.now();
        let version = to.record.secret_version;
        let was_refused = refused.is_some_and(|old| old.record.secret_version == version);
        if !(was_refused || to.is_ending(now)) || !to.can_refresh() {
            return Ok(to.clone());
        }
        match self.refreshed(principal, to).await {
            // A token endpoint that is down ends nothing that still counts. All else, such as that
            // our secret may not go there any more, counts for the call too.
            Err(error)
                if matches!(error.kind(), Kind::UpstreamFailed | Kind::UpstreamTimeout)
                    && !was_refused
                    && to.lasts(now) =>
            {
                tracing::warn!(cause = error.cause(), "a token is not renewed: {error}");
                Ok(to.clone())
            }
            refreshed => refreshed,
        }
    }

    /// The connection with new tokens. It goes on when the caller hangs up: the tool may have used
    /// the old ones up, and what it gave in their place would be lost.
    async fn refreshed(
        &self,
        principal: &Arc<Principal>,
        old: &Arc<Connected>,
    ) -> Result<Arc<Connected>, Error> {
        let gate = self.me.upgrade().ok_or_else(|| Error::unavailable("the gate is closing"))?;
        let (principal, of) = (principal.clone(), old.clone());
        let work = async move { gate.refresh(&principal, &of).await };
        let wait = self.connect.flights.join(old.record.id, work);
        let outcome = wait.outcome(self.connect.patience.renewal).await;
        outcome.unwrap_or_else(|| {
            let what = "is too slow to give new tokens. Try again shortly.";
            Err(failed(Kind::UpstreamTimeout, &old.install.record.name, what))
        })
    }

    /// Asks the tool for new tokens, unless somebody has meanwhile. One at a time.
    async fn refresh(
        &self,
        principal: &Arc<Principal>,
        old: &Connected,
    ) -> Result<Arc<Connected>, Error> {
        let owner = Owner::User(old.record.user);
        let now = self.read_connection(owner, old.record.id).await?;
        now.serves()?;
        if now.record.secret_version != old.record.secret_version {
            return Ok(now);
        }
        let name = &now.install.record.name;
        let sealed = now.record.refresh_sealed.as_deref().ok_or_else(|| needs_reauth(name))?;
        let token = self.open_of(&now.record, REFRESH, sealed)?;
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

    /// What the caller is told when the tool answered 401 to the credential of `to`, and what is
    /// noted. One 401 takes nothing away: it may be about the path that was asked for.
    pub(crate) async fn not_taken(
        &self,
        principal: &Arc<Principal>,
        to: &Connected,
        is_second: bool,
    ) -> Error {
        let name = &to.install.record.name;
        let now = self.clock.now();
        if !to.can_refresh() {
            let noted = self.note_state(principal, to, ConnectionState::NeedsReauth).await;
            return noted.err().unwrap_or_else(|| needs_reauth(name));
        }
        let refused_at = self.connect.refused_at.get(&to.record.id);
        let is_resting = refused_at.is_some_and(|at| at.plus(REST) > now);
        if !is_second && !is_resting {
            // Whoever asked asks again, with new tokens.
            return needs_reauth(name);
        }
        if is_second {
            self.connect.refused_at.insert(to.record.id, now);
        }
        let what = "answered 401 to a token that it gave just now. This connection may not be \
                    allowed to do what was asked; if nothing works, connect it again.";
        failed(Kind::UpstreamRefused, name, what)
    }

    /// The tool took the credential of `to`: one that was refused before serves again.
    pub(crate) async fn taken(&self, principal: &Arc<Principal>, to: &Connected) {
        let rests = to.record.updated_at.plus(REST) > self.clock.now();
        if to.record.state != ConnectionState::NeedsReauth || rests {
            return;
        }
        if let Err(error) = self.note_state(principal, to, ConnectionState::Active).await {
            tracing::warn!(cause = error.cause(), "a connection that works is not noted: {error}");
        }
    }

    /// Notes whether the tool takes the credential of `to`, which stays as it is.
    async fn note_state(
        &self,
        principal: &Arc<Principal>,
        to: &Connected,
        state: ConnectionState,
    ) -> Result<(), Error> {
        let now = self.read_connection(Owner::User(to.record.user), to.record.id).await?;
        let is_same = now.record.secret_version == to.record.secret_version;
        if !is_same || now.record.state == state {
            return Ok(());
        }
        let action = match state {
            ConnectionState::Active => "connection.accepted",
            _ => "connection.refused",
        };
        let record = ConnectionRecord { state, ..now.record.clone() };
        match self.store(principal, &record, action).await {
            // Somebody else has noted it, or changed the connection.
            Err(error) if error.kind() == Kind::Conflict => Ok(()),
            stored => stored,
        }
    }

    /// This connection alone needs its person: the tool's token endpoint has said so.
    async fn disconnect(
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
    /// Whether its token ends soon, or has ended.
    fn is_ending(&self, now: Timestamp) -> bool {
        let Some(end) = self.record.expires_at else { return false };
        // Whatever was noted since they came makes the life shorter, and the renewal later.
        let life = end.since(self.record.updated_at);
        end <= now.plus(AHEAD.min(life / 4))
    }

    /// Whether its token still counts.
    fn lasts(&self, now: Timestamp) -> bool {
        self.record.expires_at.is_none_or(|end| end > now)
    }
}
