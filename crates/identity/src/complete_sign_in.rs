//! A browser comes back from a sign-in provider: somebody is signed in, gets an account, or has
//! linked one.
//!
//! Whose an identity is says the pair of issuer and subject, and nothing else. An address that
//! somebody here has too never links anything: whoever has the account signs in to it first.

use std::sync::Arc;

use tollgate_edge::Attempt;
use tollgate_gate::{Arrival, Identity, Principal, Provider, Returned, Warrant};
use tollgate_kernel::{Error, IdentityId, Kind, Manage, Noun, PlainToken, Role, Slug, UserId};
use tollgate_store::{
    AccountState, AuditEvent, IdentityRecord, NewIdentity, NewUser, ProviderRecord, SignInPurpose,
};

use crate::link_identity::link_identity;
use crate::start_session::{Started, prepare, start};
use crate::start_sign_in::{Browser, redirect_uri};
use crate::state::IdentityState;
use crate::{check, sign_up};

/// What a browser came back with.
pub(crate) struct Back {
    pub(crate) provider: Slug,
    pub(crate) state: Option<PlainToken>,
    pub(crate) code: Option<PlainToken>,
    pub(crate) iss: Option<String>,
    /// The provider's own error code (RFC 6749, 4.1.2.1).
    pub(crate) error: Option<String>,
    /// The cookie of its sign-ins.
    pub(crate) cookie: Option<String>,
    /// What it calls itself.
    pub(crate) agent: Option<String>,
    /// The language of its pages.
    pub(crate) locale: String,
    /// Our own origin.
    pub(crate) origin: String,
}

/// What came of it.
pub(crate) enum Outcome {
    /// Somebody is signed in and goes on to this path.
    SignedIn(Started, String),
    /// An account there is linked to the one that is signed in here.
    Linked,
    /// Nothing.
    Refused(Refusal),
}

/// Why nothing came of it, with the provider's name for people where it is known.
pub(crate) struct Refusal {
    pub(crate) why: Why,
    pub(crate) provider: Option<String>,
    /// Whether somebody wanted to link.
    pub(crate) linking: bool,
}

/// Why nothing came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It was not begun in this browser, is too old, or was used already.
    Stale,
    /// The provider was changed or taken away meanwhile.
    Changed,
    /// The person said no there.
    Declined,
    /// The provider answers with an error.
    Failed,
    /// The account is disabled.
    Disabled,
    /// Nobody can sign up here.
    Closed,
    /// The provider does not say that the address is the person's.
    Unverified,
    /// The address has an account here, which is not linked.
    Taken,
    /// The account there belongs to somebody else's account here.
    Elsewhere,
}

impl Why {
    /// The key of its words on pages.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Stale => "provider-stale",
            Self::Changed => "provider-changed",
            Self::Declined => "provider-declined",
            Self::Failed => "provider-failed",
            Self::Disabled => "provider-disabled",
            Self::Closed => "provider-closed",
            Self::Unverified => "provider-unverified",
            Self::Taken => "provider-taken",
            Self::Elsewhere => "provider-elsewhere",
        }
    }
}

/// Finishes what [`crate::start_sign_in`] began. Errors are those of the provider and of ourselves;
/// what the person can mend is a [`Refusal`].
pub(crate) async fn complete_sign_in(
    state: &IdentityState,
    caller: &Arc<Principal>,
    back: Back,
) -> Result<Outcome, Error> {
    let warrant = state.gate.allow(caller, Manage::write(Noun::SignIn))?;
    let Some(arrival) = arrival(state, caller, &warrant, &back).await? else {
        return Ok(refused(Why::Stale, None, false));
    };
    let linking = arrival.purpose == SignInPurpose::Link;
    let record = state.gate.read(&warrant).provider(&back.provider).await?;
    let fits = |record: &ProviderRecord| {
        record.enabled
            && record.id == arrival.provider
            && record.version == arrival.provider_version
    };
    let Some(record) = record.filter(fits) else {
        return Ok(refused(Why::Changed, None, linking));
    };
    let refuse = |why| Ok(refused(why, Some(record.title().to_owned()), linking));
    let provider = Provider::of(&record)?;
    let Some(code) = back.code.clone().filter(|_| back.error.is_none()) else {
        state.gate.check_issuer(&provider, back.iss.as_deref()).await?;
        let declined = back.error.as_deref() == Some("access_denied");
        return refuse(if declined { Why::Declined } else { Why::Failed });
    };
    let Arrival { nonce, verifier, next, user, .. } = arrival;
    let returned = Returned { code, iss: back.iss.clone(), nonce, verifier };
    let uri = redirect_uri(&back.origin, &record.id)?;
    let identity = state.gate.claims(caller, &provider, &uri, returned).await?;
    let came = Came { state, caller, warrant: &warrant, record: &record, identity, back: &back };
    match user {
        Some(user) => match link_identity(&came, user).await? {
            Some(why) => refuse(why),
            None => Ok(Outcome::Linked),
        },
        None => match came.sign_in().await? {
            Ok(started) => Ok(Outcome::SignedIn(started, next)),
            Err(why) => refuse(why),
        },
    }
}

fn refused(why: Why, provider: Option<String>, linking: bool) -> Outcome {
    Outcome::Refused(Refusal { why, provider, linking })
}

/// The sign-in that this browser began with this provider, used up.
async fn arrival(
    state: &IdentityState,
    caller: &Arc<Principal>,
    warrant: &Warrant,
    back: &Back,
) -> Result<Option<Arrival>, Error> {
    let Some(token) = &back.state else { return Ok(None) };
    let cookie = back.cookie.clone().map(Browser::Cookie);
    let session = Browser::of_session(caller);
    let bindings: Vec<String> = [session, cookie].iter().flatten().map(Browser::binding).collect();
    let bindings: Vec<&str> = bindings.iter().map(String::as_str).collect();
    let found = state.gate.arrive(warrant, token, &bindings).await?;
    // Linking ends in the session that it began in, and as the same person.
    let same = |arrival: &Arrival| arrival.user.is_none() || arrival.user == caller.user();
    Ok(found.filter(|arrival| arrival.provider == back.provider).filter(same))
}

/// Somebody whom a provider knows.
pub(crate) struct Came<'a> {
    pub(crate) state: &'a IdentityState,
    pub(crate) caller: &'a Arc<Principal>,
    pub(crate) warrant: &'a Warrant,
    pub(crate) record: &'a ProviderRecord,
    pub(crate) identity: Identity,
    back: &'a Back,
}

impl Came<'_> {
    /// The address that the provider vouches for, in a form that we take.
    fn proven_email(&self) -> Option<String> {
        self.told_email().filter(|_| self.identity.email_verified)
    }

    /// The address that the provider told, proven or not.
    pub(crate) fn told_email(&self) -> Option<String> {
        self.identity.email.as_deref().and_then(|email| check::email(email).ok())
    }

    /// The identity as it is to be linked to `user`.
    pub(crate) fn of(&self, user: UserId) -> NewIdentity {
        let gate = &self.state.gate;
        NewIdentity {
            id: IdentityId::new(&**gate.clock(), &**gate.rng()),
            issuer: self.identity.issuer.clone(),
            subject: self.identity.subject.clone(),
            user,
            provider: self.record.id.clone(),
            email: self.told_email(),
            email_verified: self.identity.email_verified,
        }
    }

    async fn sign_in(&self) -> Result<Result<Started, Why>, Error> {
        // Of several who come for the first time at once as the same person, one makes the account
        // and the others find it.
        for _ in 0..2 {
            let reader = self.state.gate.read(self.warrant);
            let Identity { issuer, subject, .. } = &self.identity;
            if let Some((known, user)) = reader.identity(issuer, subject).await? {
                if user.state != AccountState::Active {
                    return Ok(Err(Why::Disabled));
                }
                return self.again(&known).await;
            }
            match self.first_time().await {
                Err(error) if error.kind() == Kind::Conflict => {}
                // The account with this address may be the one that another of them just made.
                Ok(Err(Why::Taken)) => {}
                done => return done,
            }
        }
        Ok(Err(Why::Taken))
    }

    /// Signs in somebody who is known.
    async fn again(&self, known: &IdentityRecord) -> Result<Result<Started, Why>, Error> {
        let gate = &self.state.gate;
        let prepared = prepare(gate, self.caller, known.user, self.back.agent.as_deref());
        let mut tx = gate.begin(self.warrant).await?;
        // An account that is disabled meanwhile ends its sessions: this one would outlive that.
        if !tx.keep_active(known.user).await? {
            return Ok(Err(Why::Disabled));
        }
        if !tx.is_provider_on(&self.record.id, self.record.version).await? {
            return Ok(Err(Why::Changed));
        }
        let email = self.told_email();
        let told = (email.as_deref(), self.identity.email_verified);
        match tx.use_identity(known.id, &self.record.id, told).await {
            Err(error) if error.kind() == Kind::NotFound => return Ok(Err(Why::Stale)),
            used => used?,
        }
        let started = start(&mut tx, self.caller, prepared).await?;
        tx.commit(AuditEvent::new("identity.sign_in", format!("user:{}", known.user))).await?;
        gate.heed().await;
        Ok(Ok(started))
    }

    /// Makes an account for somebody who is new here, if people may make theirs.
    async fn first_time(&self) -> Result<Result<Started, Why>, Error> {
        let gate = &self.state.gate;
        let Some(email) = self.proven_email() else {
            let open = sign_up::is_open(gate, self.caller).await?;
            return Ok(Err(if open { Why::Unverified } else { Why::Closed }));
        };
        if gate.read(self.warrant).user_by_email(&email).await?.is_some() {
            return Ok(Err(Why::Taken));
        }
        if !sign_up::is_open(gate, self.caller).await? {
            return Ok(Err(Why::Closed));
        }
        self.state.networks.count(Attempt::SignUp, self.caller)?;
        let user = self.new_user(email)?;
        let id = user.id;
        let identity = self.of(id);
        let prepared = prepare(gate, self.caller, id, self.back.agent.as_deref());
        let mut tx = gate.begin(self.warrant).await?;
        if !tx.is_provider_on(&self.record.id, self.record.version).await? {
            return Ok(Err(Why::Changed));
        }
        tx.insert_user(user).await?;
        tx.insert_identity(identity).await?;
        let started = start(&mut tx, self.caller, prepared).await?;
        tx.commit(AuditEvent::new("identity.sign_up", format!("user:{id}"))).await?;
        gate.heed().await;
        Ok(Ok(started))
    }

    /// An account with this address. Name and language are the provider's where they are sound.
    fn new_user(&self, email: String) -> Result<NewUser, Error> {
        let gate = &self.state.gate;
        let told = self.identity.name.as_deref().unwrap_or_default();
        let locale = self.identity.locale.as_deref().map(|tag| tag.replace('_', "-"));
        let locale = locale.and_then(|tag| check::locale(&tag).ok());
        Ok(NewUser {
            id: UserId::new(&**gate.clock(), &**gate.rng()),
            email,
            name: check::name(told).unwrap_or_default(),
            locale: Some(match locale {
                Some(locale) => locale,
                None => check::locale(&self.back.locale)?,
            }),
            role: Role::Member,
            plan: None,
            password: None,
            external_id: None,
        })
    }
}
