//! Beginning a session: the same for passwords, links, set-up and a changed password.

use std::time::Duration;

use tollgate_gate::{Gate, Principal};
use tollgate_kernel::{Error, Kind, Method, PlainToken, SessionId, UserId};
use tollgate_protocol::api_key::TokenType;
use tollgate_store::{NewSession, Owner, Tx};

/// How long a session lasts, used or not. There is no limit for idle ones yet: when a browser was
/// last seen is noted and shown, and its owner ends what they do not know.
pub(crate) const SESSION_LIFE: Duration = Duration::from_secs(30 * 86_400);

/// The most characters of a browser's own name that are kept.
const AGENT_MAX: usize = 200;

/// A session that was just begun. The token goes into the cookie and is kept nowhere else.
pub(crate) struct Started {
    pub(crate) id: SessionId,
    pub(crate) token: PlainToken,
}

/// What a session is made of, computed before the transaction begins.
pub(crate) struct Prepared {
    session: NewSession,
    token: PlainToken,
}

/// Prepares a session of `user` for the browser that `caller` uses.
pub(crate) fn prepare(
    gate: &Gate,
    caller: &Principal,
    user: UserId,
    agent: Option<&str>,
) -> Prepared {
    let (token, hash) = gate.new_token(TokenType::Session);
    let agent = agent.map(|text| text.chars().take(AGENT_MAX).collect());
    let session = NewSession {
        id: SessionId::new(&**gate.clock(), &**gate.rng()),
        hash: *hash.as_bytes(),
        user,
        expires_at: gate.clock().now().plus(SESSION_LIFE),
        network: Some(caller.network().to_string()),
        agent,
    };
    Prepared { session, token }
}

/// Begins it, and ends the session that the browser had before: nobody keeps an id over a sign-in.
pub(crate) async fn start(
    tx: &mut Tx,
    caller: &Principal,
    prepared: Prepared,
) -> Result<Started, Error> {
    if let (Method::Session, Some(before), Some(user)) =
        (caller.method(), caller.credential().session(), caller.user())
    {
        match tx.end_session(Owner::User(user), before).await {
            Err(error) if error.kind() != Kind::NotFound => return Err(error),
            _ => {}
        }
    }
    let Prepared { session, token } = prepared;
    let id = session.id;
    tx.insert_session(session).await?;
    Ok(Started { id, token })
}
