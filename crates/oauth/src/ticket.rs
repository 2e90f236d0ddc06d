//! Authorization requests that wait for a person: sealed, so that they go on as they were read, and
//! by whom they were read.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tollgate_gate::{Gate, Purpose};
use tollgate_kernel::{Error, OAuthCode, SessionId, Timestamp};

/// How long a request waits: for somebody who has to find their password.
const LIFE: Duration = Duration::from_secs(1_800);

/// A request that waits.
pub(crate) struct Ticket {
    /// When it was read; who has to sign in again does so after that.
    pub(crate) since: Timestamp,
    /// In whose session, where it waits for a consent.
    pub(crate) session: Option<SessionId>,
    /// The request itself.
    pub(crate) query: String,
}

impl Ticket {
    /// As text for an address or a form.
    pub(crate) fn seal(&self, gate: &Gate) -> String {
        let session = self.session.map(|id| id.to_string()).unwrap_or_default();
        let text = format!("{}.{session}.{}", self.since.micros(), self.query);
        URL_SAFE_NO_PAD.encode(gate.stamp(Purpose::AuthorizationTicket, &text))
    }

    /// Reads that text. It must be ours, and not have waited for too long.
    pub(crate) fn open(gate: &Gate, text: &str) -> Result<Self, Error> {
        let read = || {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            let stamped = String::from_utf8(bytes).ok()?;
            let text = gate.stamped(Purpose::AuthorizationTicket, &stamped)?;
            let (since, rest) = text.split_once('.')?;
            let (session, query) = rest.split_once('.')?;
            let session = Some(session).filter(|session| !session.is_empty());
            Some(Self {
                since: Timestamp::from_micros(since.parse().ok()?),
                session: session.map(str::parse).transpose().ok()?,
                query: query.to_owned(),
            })
        };
        let now = gate.clock().now();
        read().filter(|ticket| ticket.since.plus(LIFE) > now).ok_or_else(|| {
            let detail = "This request has waited for too long, or is not this browser's. Go back \
                          to the app and start again.";
            Error::oauth(OAuthCode::InvalidRequest, detail).with_param("ticket")
        })
    }
}
