//! Who asks, as the gate found out. Only the gate makes these.

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use tollgate_kernel::{
    Access, Action, Audience, Client, CredentialId, Error, Kind, Manage, Method, Network, Noun,
    RequestId, Role, Scope, Scopes, Slug, Subject, Timestamp, UserId,
};
use tollgate_store::Actor;
use tollgate_store::ClientRecord;
use uuid::Uuid;

use crate::Live;
use crate::identity::Introduced;
use crate::standing::Standing;

/// An authenticated caller: the proof that [`crate::Gate::authenticate`] said yes to one request.
pub struct Principal {
    pub(crate) known: Arc<Known>,
    pub(crate) network: Network,
    pub(crate) request: Option<RequestId>,
}

/// What a credential stands for: kept from one request to the next.
pub(crate) struct Known {
    pub(crate) subject: Subject,
    pub(crate) client: Client,
    pub(crate) role: Role,
    pub(crate) scopes: Scopes,
    pub(crate) audience: Option<Audience>,
    /// Made for somebody else than our doors: it opens none of them.
    pub(crate) foreign: bool,
    /// Whether it is an app's own, and the app may name its people.
    pub(crate) names_people: bool,
    /// Where it may, the records that it ends with beside its app's.
    pub(crate) rests_on: Vec<Uuid>,
    /// The one tool that the credential opens.
    pub(crate) tool: Option<Slug>,
    /// The app that asks at the token endpoint.
    pub(crate) app: Option<Arc<ClientRecord>>,
    pub(crate) method: Method,
    pub(crate) at: Timestamp,
    pub(crate) credential: CredentialId,
    pub(crate) live: Arc<Live>,
    /// The state of its records that this was read from.
    pub(crate) generation: u64,
    pub(crate) standing: Standing,
    /// When the use of this credential was last noted, in microseconds.
    pub(crate) noted_us: AtomicI64,
    /// The name that model providers get for the subject, once it was asked for.
    pub(crate) safety: OnceLock<String>,
    /// How the tool that it opens is told who it is.
    pub(crate) introduced: ArcSwapOption<Introduced>,
}

impl Principal {
    /// Whom the call is about.
    pub fn subject(&self) -> &Subject {
        &self.known.subject
    }

    /// The person, if it is one.
    pub fn user(&self) -> Option<UserId> {
        self.known.subject.user()
    }

    /// The software that acts.
    pub fn client(&self) -> Client {
        self.known.client
    }

    /// What the subject may do here.
    pub fn role(&self) -> Role {
        self.known.role
    }

    /// What the credential allows.
    pub fn scopes(&self) -> &Scopes {
        &self.known.scopes
    }

    /// For whom the credential was made, if it says so.
    pub fn audience(&self) -> Option<&Audience> {
        self.known.audience.as_ref()
    }

    /// How the caller was authenticated.
    pub fn method(&self) -> Method {
        self.known.method
    }

    /// Where the request that was authenticated came from.
    pub fn network(&self) -> Network {
        self.network
    }

    /// The HTTP request that was authenticated.
    pub fn request(&self) -> Option<RequestId> {
        self.request
    }

    /// When the credential was checked against its records.
    pub fn at(&self) -> Timestamp {
        self.known.at
    }

    /// Which record the credential belongs to.
    pub fn credential(&self) -> CredentialId {
        self.known.credential
    }

    /// The version of the key that was presented, as the credential was checked against it.
    pub fn key_version(&self) -> Option<i64> {
        self.known.standing.key.as_ref().map(|key| key.version)
    }

    /// When the secret that was presented ends, where its key was rotated since: it is lent for a
    /// while, so what is made with it must not outlast it.
    pub fn secret_ends_at(&self) -> Option<Timestamp> {
        self.known.standing.key.as_ref().and_then(|key| key.secret_ends_at)
    }

    /// The record of the app, where it authenticated itself at the token endpoint.
    pub fn app(&self) -> Option<&Arc<ClientRecord>> {
        self.known.app.as_ref()
    }

    /// Whether the credential still counts.
    pub fn live(&self) -> &Arc<Live> {
        &self.known.live
    }

    /// Who acts, for audit records.
    pub(crate) fn actor(&self) -> Actor {
        Actor {
            subject: self.subject().to_string(),
            network: Some(self.network().to_string()),
            request: self.request().map(|id| id.to_string()),
            client: match (self.credential().grant(), self.client()) {
                (Some(_), Client::App(app)) => Some(format!("app:{app}")),
                _ => None,
            },
        }
    }

    /// Refuses an app that a person allowed to act for them: what it makes would outlast what it
    /// was allowed, and do more (T86, M12).
    pub fn require_no_grant(&self) -> Result<(), Error> {
        if self.credential().grant().is_none() {
            return Ok(());
        }
        let detail = "An app that acts for a person does not change who can sign in, and with \
                      what. Do this as the person, or use an admin key.";
        Err(Error::new(Kind::Forbidden, detail))
    }

    /// Whether nobody is signed in.
    pub fn is_anonymous(&self) -> bool {
        matches!(self.known.subject, Subject::Anonymous(_))
    }

    /// Whether this principal may go where a route asks for `access`.
    pub fn admits(&self, access: Access) -> Result<(), Error> {
        match access {
            Access::Public => Ok(()),
            // Whoever got it for somebody else must not use it here (RFC 9068, 4).
            _ if self.known.foreign => Err(Error::unauthenticated()),
            Access::Page(manage) | Access::Api(manage) => self.reach(manage).map(|_| ()),
            Access::Models => self.admits_models(),
            Access::Connections => self.admits_connections(),
        }
    }

    fn admits_models(&self) -> Result<(), Error> {
        match self.known.subject {
            Subject::Anonymous(_) => Err(Error::unauthenticated()),
            Subject::User(_) | Subject::App(_) if self.known.scopes.allow(Scope::MODELS) => Ok(()),
            _ => Err(Error::new(
                Kind::Forbidden,
                "This credential may not call models. Use a key of a person or an app.",
            )),
        }
    }

    fn admits_connections(&self) -> Result<(), Error> {
        match self.known.subject {
            Subject::Anonymous(_) => Err(Error::unauthenticated()),
            Subject::User(_) if self.known.scopes.allow(Scope::CONNECTIONS) => Ok(()),
            _ => Err(Error::new(
                Kind::Forbidden,
                "This credential may not call connected tools. Use a key of their person, or a \
                 token with the scope connections.",
            )),
        }
    }

    /// How far this principal's hand reaches in an act of management.
    pub(crate) fn reach(&self, manage: Manage) -> Result<Reach, Error> {
        if manage.noun == Noun::SignIn {
            return Ok(Reach::Own);
        }
        if self.is_anonymous() {
            return Err(Error::unauthenticated());
        }
        if self.known.foreign {
            let detail = "This token was made for another address than this server's.";
            return Err(Error::new(Kind::Forbidden, detail));
        }
        if manage.is_of_credentials() {
            self.require_no_grant()?;
        }
        let by_credential = match self.known.method {
            // A person's or an app's API key calls models; it manages nothing.
            Method::Key => matches!(self.known.subject, Subject::Admin(_)),
            Method::AccessToken => self.known.scopes.allow(Scope::MANAGE),
            Method::Session | Method::Socket | Method::Job => true,
            // At the token endpoint an app gets tokens, and ends its own.
            Method::Client => manage.noun == Noun::Grants,
            Method::None => false,
        };
        // An app that a person allowed to call models was not told who they are.
        let own_figures = matches!(manage.noun, Noun::Me | Noun::Limits | Noun::Usage)
            && manage.action == Action::Read
            && self.known.credential.grant().is_none();
        let all = match self.known.subject {
            Subject::Admin(_) | Subject::Local(_) | Subject::System(_) => true,
            Subject::User(_) => self.known.role >= Role::Admin,
            Subject::App(_) | Subject::Service { .. } | Subject::Anonymous(_) => false,
        };
        match (by_credential, all) {
            (true, true) => Ok(Reach::All),
            (true, false) if manage.noun.has_owner() => Ok(Reach::Own),
            (false, _) if own_figures => Ok(Reach::Own),
            _ => Err(Error::new(
                Kind::Forbidden,
                "This credential may not do that. Sign in as owner or admin, or use an admin key.",
            )),
        }
    }
}

/// How far an act of management reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Everybody's.
    All,
    /// The caller's own.
    Own,
}

/// The proof that a principal may do an act of management. Made by [`crate::Gate::allow`].
pub struct Warrant {
    pub(crate) principal: Arc<Principal>,
    pub(crate) manage: Manage,
    pub(crate) reach: Reach,
}

impl Warrant {
    /// Who acts.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// What may be done.
    pub fn manage(&self) -> Manage {
        self.manage
    }

    /// How far it reaches. Queries of owned rows name the owner by this.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// Refuses those who reach no further than what is their own: what they ask for is not there
    /// for them.
    pub fn require_all(&self) -> Result<(), Error> {
        if self.reach == Reach::All { Ok(()) } else { Err(Error::not_found()) }
    }
}
