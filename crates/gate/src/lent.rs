//! Access tokens that somebody made for somebody else: who holds one calls models as that person,
//! as long as both sides count.

use std::sync::atomic::AtomicI64;

use tollgate_kernel::{
    Client, CredentialId, Error, KeyId, Method, Role, Subject, Timestamp, TokenId, UserId,
};
use tollgate_store::{
    AccountState, Descent, KeyHolder, KeyState, Owner, SessionRecord, UserRecord,
};
use uuid::Uuid;

use crate::authn::{Authn, Whose, managed_for};
use crate::principal::Known;
use crate::rank::role_of;
use crate::standing::{KeyLimits, Standing};

/// Who made a token for somebody else, and what of theirs bounds it.
pub(crate) struct Lender {
    credential: CredentialId,
    role: Role,
    limits: Option<KeyLimits>,
    expires_at: Option<Timestamp>,
    /// The records that it ends with.
    rests_on: Vec<Uuid>,
}

impl Authn {
    /// The lender that a session is.
    pub(crate) fn lending_session(
        &self,
        session: SessionRecord,
        user: UserRecord,
    ) -> Result<Lender, Error> {
        if user.state != AccountState::Active || session.expires_at <= self.clock.now() {
            return Err(Error::unauthenticated());
        }
        Ok(Lender {
            credential: CredentialId::Session(session.id),
            role: user.role,
            limits: None,
            expires_at: Some(session.expires_at),
            rests_on: vec![session.id.uuid(), user.id.uuid()],
        })
    }

    /// The lender that an admin key is for a token of the second `made`: as long as a secret counts
    /// that the key had by then.
    pub(crate) async fn lending_key(&self, key: KeyId, made: i64) -> Result<Lender, Error> {
        let refused = Error::unauthenticated;
        let key = self.reader.key(Owner::All, key).await?.ok_or_else(refused)?;
        if key.state != KeyState::Active || key.holder != KeyHolder::Admin {
            return Err(refused());
        }
        let made_before = Timestamp::from_secs(made.saturating_add(1));
        let secret_ends =
            self.reader.secrets_end(key.id, made_before).await?.ok_or_else(refused)?;
        let Descent { origin, makers } = self.reader.descent(&key).await?;
        let role = role_of(&origin).ok_or_else(refused)?;
        let person = managed_for(origin).ok_or_else(refused)?;
        let keys = makers.iter().map(|maker| maker.id).chain([key.id]);
        let rests_on = keys.map(KeyId::uuid).chain(person).collect();
        let credential = CredentialId::Key(key.id);
        let limits = KeyLimits::of(key, makers, None);
        let expires_at = [limits.expires_at, secret_ends].into_iter().flatten().min();
        Ok(Lender { credential, role, limits: Some(limits), expires_at, rests_on })
    }

    /// Whoever holds the token `id` about `subject`, which `lender` made.
    pub(crate) async fn known_lent(
        &self,
        id: TokenId,
        subject: &str,
        lender: Lender,
    ) -> Result<Known, Error> {
        let refused = Error::unauthenticated;
        let user: UserId = subject.parse().map_err(|_| refused())?;
        let user = self.reader.user(Owner::All, user).await?;
        let user = user.filter(|user| user.state == AccountState::Active).ok_or_else(refused)?;
        // As it was asked when the token was made, and may have changed since.
        let needed = if user.role == Role::Owner { Role::Owner } else { Role::Admin };
        if lender.role < needed {
            return Err(refused());
        }
        let Lender { credential, role: _, limits, expires_at, rests_on } = lender;
        let live = self.lives.resting(id.uuid(), Some(user.id.uuid()), rests_on);
        let (subject, client) = (Subject::User(user.id), Client::FirstParty);
        let whose =
            Whose { subject, client, role: user.role, method: Method::AccessToken, credential };
        let groups = self.groups_of(user.id).await?;
        let standing = Standing { key: limits, expires_at, ..self.standing_of(user, groups) };
        let mut known = whose.known(live, standing, self.clock.now());
        // Who uses it is not who made it: their key or session is not used by that.
        known.noted_us = AtomicI64::new(i64::MAX);
        Ok(known)
    }
}
