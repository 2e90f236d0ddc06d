//! One-time links for a person: to sign in, to set a new password, to take up an invitation.

use std::sync::Arc;
use std::time::Duration;

use tollgate_gate::{Bounds, Gate, Principal};
use tollgate_kernel::{Error, Kind, LinkId, Manage, Noun, PlainToken, Role, Timestamp, UserId};
use tollgate_protocol::api_key::TokenType;
use tollgate_store::{AccountState, AuditEvent, LinkPurpose, NewLink, Owner};

/// How long a link to sign in or to reset a password counts.
pub(crate) const LINK_LIFE: Duration = Duration::from_secs(3_600);

/// How long an invitation counts.
const INVITE_LIFE: Duration = Duration::from_secs(7 * 86_400);

/// The path of the page behind a link's token.
pub fn link_path(token: &PlainToken) -> String {
    format!("/link/{}", token.expose())
}

/// A link that was just made. The token is shown once.
pub(crate) struct MadeLink {
    pub(crate) token: PlainToken,
    pub(crate) expires_at: Timestamp,
}

/// Makes a link for `user`; their older ones end. Links for owners are made by owners alone, those
/// for owners and admins not by a key that is limited, for who holds one is that person.
pub(crate) async fn make_link(
    gate: &Arc<Gate>,
    caller: &Arc<Principal>,
    user: UserId,
    purpose: LinkPurpose,
) -> Result<MadeLink, Error> {
    let warrant = gate.allow(caller, Manage::write(Noun::Users))?;
    let life = match purpose {
        LinkPurpose::SignIn | LinkPurpose::Reset => LINK_LIFE,
        LinkPurpose::Invite => INVITE_LIFE,
        LinkPurpose::Setup => {
            let detail = "a purpose is one of sign_in, reset, invite";
            return Err(Error::invalid(detail).with_param("purpose"));
        }
    };
    let found = gate.read(&warrant).user(Owner::All, user).await?;
    let found = found.ok_or_else(Error::not_found)?;
    if found.role == Role::Owner {
        gate.require_owner(&warrant).await?;
    }
    if found.role >= Role::Admin {
        Bounds::of(gate, &warrant).await?.require_none()?;
    }
    if found.state != AccountState::Active {
        let detail = "The account is disabled, so no link would work. Make it active first.";
        return Err(Error::new(Kind::Conflict, detail));
    }
    let (token, hash) = gate.new_token(TokenType::Link);
    let expires_at = gate.clock().now().plus(life);
    let id = LinkId::new(&**gate.clock(), &**gate.rng());
    let link = NewLink { id, hash: *hash.as_bytes(), purpose, user: Some(user), expires_at };
    let mut tx = gate.begin(&warrant).await?;
    tx.end_links_of(user).await?;
    tx.insert_link(link).await?;
    let action = format!("link.create.{purpose}");
    tx.commit(AuditEvent::new(action, format!("user:{user}"))).await?;
    Ok(MadeLink { token, expires_at })
}
