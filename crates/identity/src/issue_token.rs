//! Short-lived access tokens (RFC 9068): made from a session, or for somebody else.

use std::sync::Arc;

use tollgate_gate::{Bounds, Gate, Principal, Warrant};
use tollgate_kernel::{
    Budget, CredentialId, Error, Kind, Manage, Method, ModelPattern, Noun, PlainToken, Scope,
    Scopes, Timestamp, TokenId, UserId,
};
use tollgate_protocol::jwt::AccessClaims;
use tollgate_store::{AccountState, AuditEvent, KeyHolder, Owner, ToolAuth};

/// How long a token lasts where nothing is said, in seconds.
const LIFE_S: u32 = 300;
/// The longest life of a token, in seconds.
const LIFE_MAX_S: u32 = 3_600;
/// The most models that a token names: it travels with every request.
const MODELS_MAX: usize = 64;
/// The software that tokens from sessions are made for: our own pages.
const CLIENT: &str = "tollgate";

/// What a token is to be for.
#[derive(Default)]
pub(crate) struct TokenWish {
    /// One of our doors, by address; the models door, where nothing is said.
    pub(crate) audience: Option<String>,
    /// What it allows, separated by spaces; all that the audience knows, where nothing is said.
    pub(crate) scope: Option<String>,
    /// The models that may be called with it; those of the person, where nothing is said.
    pub(crate) models: Option<Vec<ModelPattern>>,
    /// The person it is for; the caller, where nothing is said.
    pub(crate) user: Option<UserId>,
    /// A budget of its own.
    pub(crate) budget: Option<Budget>,
    /// How long, in seconds.
    pub(crate) expires_in: Option<u32>,
}

/// An access token that was just made.
pub(crate) struct Issued {
    pub(crate) token: PlainToken,
    pub(crate) scope: String,
    pub(crate) expires_in: i64,
}

/// Makes a token. From a session for its own person; from an owner's or admin's session, or with an
/// admin key, for anybody whose keys they may make, to call models with. It ends with what it came
/// from at the latest, and does nothing that this could not.
pub(crate) async fn issue_token(
    gate: &Gate,
    caller: &Arc<Principal>,
    wish: TokenWish,
) -> Result<Issued, Error> {
    let warrant = gate.allow(caller, Manage::write(Noun::Tokens))?;
    let source = source(gate, &warrant, wish.user).await?;
    let (audience, allowed) = audience(gate, wish.audience)?;
    let allowed = allowed.as_str();
    if source.lends && allowed == Scope::MANAGE {
        let detail = "A token for somebody else calls models or a tool. Leave audience out.";
        return Err(Error::invalid(detail).with_param("audience"));
    }
    let scope = scope(allowed, wish.scope.as_deref())?;
    let models = models(allowed, wish.models.as_deref())?;
    let budget = budget(allowed, wish.budget)?;
    let life_s = wish.expires_in.unwrap_or(LIFE_S);
    if !(1..=LIFE_MAX_S).contains(&life_s) {
        let detail = format!("expires_in is from 1 to {LIFE_MAX_S} seconds");
        return Err(Error::invalid(detail).with_param("expires_in"));
    }
    let now = gate.clock().now().secs();
    let exp = (now + i64::from(life_s)).min(source.ends.map_or(i64::MAX, Timestamp::secs));
    let claims = AccessClaims {
        iss: String::new(),
        sub: source.user.to_string(),
        aud: audience,
        exp,
        iat: now,
        nbf: None,
        jti: TokenId::new(&**gate.clock(), &**gate.rng()).to_string(),
        client_id: CLIENT.to_owned(),
        scope: Some(scope.clone()).filter(|scope| !scope.is_empty()),
        sid: source.credential.session().map(|session| session.to_string()),
        models,
        key: source.credential.key().map(|key| key.to_string()),
        budget: budget.map(Budget::to_claim),
        grant: None,
        auth_time: None,
    };
    if source.lends {
        let event = AuditEvent::new("token.create", format!("user:{}", source.user));
        gate.begin(&warrant).await?.commit(event).await?;
    }
    Ok(Issued { token: gate.mint(&warrant, claims)?, scope, expires_in: exp - now })
}

/// What a token comes from, and for whom it is.
struct Source {
    user: UserId,
    credential: CredentialId,
    /// Whether it is for somebody else than the caller.
    lends: bool,
    ends: Option<Timestamp>,
}

async fn source(gate: &Gate, warrant: &Warrant, user: Option<UserId>) -> Result<Source, Error> {
    let caller = warrant.principal();
    let credential = caller.credential();
    let reader = gate.read(warrant);
    let own = caller.user();
    let lends = user.is_some() && user != own;
    let ends = match (caller.method(), credential, own) {
        (Method::Session, CredentialId::Session(session), Some(own)) => {
            let found = reader.session(Owner::User(own), session).await?;
            Some(found.ok_or_else(Error::unauthenticated)?.expires_at)
        }
        (Method::Key, CredentialId::Key(_), None) if lends => {
            Bounds::of(gate, warrant).await?.expiry(None)
        }
        _ => {
            let detail = "Tokens are made from a session, or for a person with an admin key. Sign \
                          in and ask with the session cookie, or say with user whom it is for.";
            return Err(Error::new(Kind::Forbidden, detail));
        }
    };
    let user = user.or(own).ok_or_else(Error::unauthenticated)?;
    if lends {
        let unknown = || Error::not_found().with_param("user");
        warrant.require_all().map_err(|_| unknown())?;
        let found = reader.user(Owner::All, user).await?;
        found.filter(|user| user.state == AccountState::Active).ok_or_else(unknown)?;
        gate.require_rank_for(warrant, KeyHolder::User(user)).await?;
    }
    Ok(Source { user, credential, lends, ends })
}

/// The audience, and the scopes that it knows: one of our own doors, or those of a tool that takes
/// access tokens.
fn audience(gate: &Gate, wished: Option<String>) -> Result<(String, String), Error> {
    let models = gate.models_audience();
    let tool = wished.as_deref().and_then(|wished| tool_scope(gate, wished));
    match wished {
        None => Ok((models, Scope::MODELS.to_owned())),
        Some(wished) if wished == models => Ok((models, Scope::MODELS.to_owned())),
        Some(wished) => match gate.scope_of(&wished).map(str::to_owned).or(tool) {
            Some(scope) => Ok((wished, scope)),
            None => {
                let detail =
                    format!("No door has this address. Ask for {models}, or leave it out.");
                Err(Error::invalid(detail).with_param("audience"))
            }
        },
    }
}

/// The scopes of the tool at this address, separated by spaces, if people sign in for it.
fn tool_scope(gate: &Gate, address: &str) -> Option<String> {
    let tools = gate.tools();
    let tool = tools.iter().find(|tool| tool.address() == address)?;
    match tool.auth() {
        ToolAuth::OAuth { scope, .. } => Some(scope.clone()),
        _ => None,
    }
}

fn scope(allowed: &str, wished: Option<&str>) -> Result<String, Error> {
    let Some(wished) = wished else { return Ok(allowed.to_owned()) };
    let only = match Scopes::parse(wished)? {
        Scopes::Only(scopes) => {
            let is_known = |scope: &Scope| allowed.split(' ').any(|known| known == scope.as_str());
            !scopes.is_empty() && scopes.iter().all(is_known)
        }
        Scopes::All => false,
    };
    if only {
        return Ok(wished.to_owned());
    }
    let detail = format!("This audience knows the scope {allowed:?} alone.");
    Err(Error::invalid(detail).with_param("scope"))
}

/// The claim that narrows a token to these models: their patterns, separated by spaces.
fn models(allowed: &str, wished: Option<&[ModelPattern]>) -> Result<Option<String>, Error> {
    let Some(wished) = wished else { return Ok(None) };
    let refused = |detail: &'static str| Err(Error::invalid(detail).with_param("models"));
    if allowed != Scope::MODELS {
        return refused("A token for this audience calls no models. Leave models out.");
    }
    if !(1..=MODELS_MAX).contains(&wished.len()) {
        return refused("A token names 1 to 64 models. Leave models out for all of the plan.");
    }
    let names: Vec<&str> = wished.iter().map(ModelPattern::as_str).collect();
    if names.iter().any(|name| name.contains(char::is_whitespace)) {
        return refused("A token names models without blanks in their names.");
    }
    Ok(Some(names.join(" ")))
}

/// A budget of the token's own.
fn budget(allowed: &str, wished: Option<Budget>) -> Result<Option<Budget>, Error> {
    let Some(budget) = wished else { return Ok(None) };
    if allowed != Scope::MODELS {
        let detail = "A token for this audience calls no models. Leave budget out.";
        return Err(Error::invalid(detail).with_param("budget"));
    }
    Budget::check(&[budget]).map_err(|error| error.with_param("budget"))?;
    Ok(wished)
}
