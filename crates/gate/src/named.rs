//! People whom apps name: an app that its owner flagged calls models with a credential of its own
//! and says in a header for whom. A person appears on first sight, and is that app's alone: the
//! pair of app and name says who it is, and nothing else does.

use std::sync::Arc;

use tollgate_kernel::{ClientId, Error, Kind, Network, Role, Subject, UserId};
use tollgate_store::{AccountState, AuditEvent, UserRecord};
use tollgate_vault::{HashedToken, Purpose};
use uuid::Uuid;

use crate::authn::{Authn, Whose};
use crate::principal::Known;
use crate::standing::Standing;
use crate::{Gate, Presented, Principal};

/// The header's name, as it is told.
const HEADER: &str = "Tollgate-User";

/// The longest name, in bytes: a UUID, an address or a hash fits with room to spare.
const LONGEST: usize = 128;

/// How often an app is looked up that changes at the same time.
const TRIES: usize = 3;

/// What an app calls somebody.
pub(crate) struct Name(String);

impl Name {
    fn parse(names: &[Vec<u8>]) -> Result<Self, Error> {
        let refused = |detail: &'static str| Err(Error::invalid(detail).with_param(HEADER));
        let [name] = names else { return refused("The header names more than one person.") };
        match std::str::from_utf8(name).map(str::trim) {
            Ok("") => refused("The name is empty."),
            Ok(name) if name.len() > LONGEST => refused("A name has at most 128 bytes."),
            Ok(name) if name.chars().any(char::is_control) => {
                refused("A name has no control characters.")
            }
            Ok(name) => Ok(Self(name.to_owned())),
            Err(_) => refused("The name is not UTF-8."),
        }
    }
}

impl Known {
    /// Whom the app names that this belongs to; nobody where it is no app's own, for then the
    /// header is one of those that mean nothing from outside.
    pub(crate) fn names(&self, names: &[Vec<u8>]) -> Option<Result<Name, Error>> {
        let (Subject::App(_), false) = (&self.subject, names.is_empty()) else { return None };
        if self.names_people {
            return Some(Name::parse(names));
        }
        let detail = "This app may not name the person whom it calls for. Its owner can allow it \
                      by the member user_header.";
        Some(Err(Error::invalid(detail).with_param(HEADER)))
    }
}

impl Gate {
    /// Who presents this, where it says whom an app means.
    pub(crate) async fn authenticate_named(
        &self,
        presented: Presented,
        network: Network,
    ) -> Result<Arc<Principal>, Error> {
        let names = presented.names().to_owned();
        let Some((token, false)) = presented.only_token() else {
            return self.authn.authenticate(presented, network).await;
        };
        let (token, request) = (token.clone(), presented.request());
        let keyed = self.authn.keyed(&token, false).ok_or_else(Error::unauthenticated)?;
        for _ in 0..TRIES {
            let mut alone = Presented::new();
            alone.bearer(token.clone());
            request.into_iter().for_each(|id| alone.of_request(id));
            let app = self.authn.authenticate(alone, network).await?;
            let Some(name) = app.known.names(&names) else { return Ok(app) };
            if let Some(person) = self.person_named(&app, &name?, &keyed.1).await? {
                return Ok(person);
            }
        }
        Err(Error::new(Kind::Unavailable, "The app is being changed. Try again."))
    }

    /// The person whom `app` names; somebody new, where it has not named them before. None where
    /// the app's credential has changed or ended meanwhile: its event did not find the person's
    /// life, which began after it.
    async fn person_named(
        &self,
        app: &Arc<Principal>,
        name: &Name,
        credential: &HashedToken,
    ) -> Result<Option<Arc<Principal>>, Error> {
        let authn = &self.authn;
        let hash = authn.hash_of_named(credential, name);
        if let Some(known) = authn.remembered(&hash) {
            return authn.welcome(known, app.network, app.request).map(Some);
        }
        let id = app.client().app().ok_or_else(|| Error::internal("an app without its id"))?;
        let mut heeded = self.lives.heeded();
        let user = self.user_named(app, id, name).await?;
        let mut known = authn.known_named(&app.known, id, user, &hash).await?;
        if self.lives.heeded() != heeded {
            heeded = self.lives.heeded();
            let user = self.user_named(app, id, name).await?;
            // The first is kept until then: as long as it is, events find its life.
            known = authn.known_named(&app.known, id, user, &hash).await?;
        }
        if app.known.generation != app.known.live.generation() {
            return Ok(None);
        }
        let known = authn.remember(hash, known, heeded);
        authn.welcome(known, app.network, app.request).map(Some)
    }

    async fn user_named(
        &self,
        app: &Principal,
        id: ClientId,
        Name(name): &Name,
    ) -> Result<UserRecord, Error> {
        let reader = &self.authn.reader;
        if let Some(user) = reader.app_user(id, name).await? {
            return Ok(user);
        }
        let user = UserId::new(&*self.clock, &*self.rng);
        let mut tx = self.writer.begin(app.actor()).await?;
        if let Some(made) = tx.insert_app_user(id, name, user).await? {
            tx.commit(AuditEvent::new("user.appear", format!("user:{user}"))).await?;
            return Ok(made);
        }
        drop(tx);
        // Somebody was quicker.
        let found = reader.app_user(id, name).await?;
        found.ok_or_else(|| Error::new(Kind::Conflict, "The person was removed just now."))
    }
}

impl Authn {
    /// By what a person is remembered whom an app names, with the credential of this hash.
    pub(crate) fn hash_of_named(&self, credential: &HashedToken, name: &Name) -> HashedToken {
        let data = [&credential.as_bytes()[..], name.0.as_bytes()].concat();
        self.vault.mac(Purpose::NamedUser, &data)
    }

    /// What the credential `of` an app stands for when it names `user`: the person with their own
    /// limits, and all that bounds the credential. It ends with either.
    async fn known_named(
        &self,
        of: &Known,
        app: ClientId,
        user: UserRecord,
        hash: &HashedToken,
    ) -> Result<Known, Error> {
        if user.state != AccountState::Active {
            let detail = "The person whom the app names is disabled here.";
            return Err(Error::new(Kind::Forbidden, detail));
        }
        // One life for each pair of credential and person, by a name that no record has.
        let (pair, _) = hash.as_bytes().split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
        let pair = Uuid::from_bytes(*pair);
        let on = of.rests_on.iter().copied().chain([app.uuid()]).collect();
        let live = self.lives.resting(pair, Some(user.id.uuid()), on);
        let whose = Whose {
            subject: Subject::User(user.id),
            client: of.client,
            role: Role::Member,
            method: of.method,
            credential: of.credential,
        };
        let groups = self.groups_of(user.id).await?;
        let standing = Standing {
            models: of.standing.models.clone(),
            key: of.standing.key.clone(),
            token: of.standing.token,
            expires_at: of.standing.expires_at,
            ..self.standing_of(user, groups)
        };
        let known = whose.known(live, standing, self.clock.now());
        Ok(Known {
            scopes: of.scopes.clone(),
            audience: of.audience.clone(),
            foreign: of.foreign,
            tool: of.tool.clone(),
            ..known
        })
    }
}
