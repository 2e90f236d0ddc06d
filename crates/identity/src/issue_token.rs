//! Turning a session into a short-lived access token (RFC 9068).

use std::sync::Arc;

use tollgate_gate::{Gate, Principal};
use tollgate_kernel::{Error, Kind, Manage, Method, ModelPattern, Noun, PlainToken, Scope, Scopes};
use tollgate_protocol::jwt::AccessClaims;
use tollgate_store::Owner;
use uuid::Uuid;

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
    /// How long, in seconds.
    pub(crate) expires_in: Option<u32>,
}

/// An access token that was just made.
pub(crate) struct Issued {
    pub(crate) token: PlainToken,
    pub(crate) scope: String,
    pub(crate) expires_in: i64,
}

/// Makes a token for the person whose session this is. It ends with the session at the latest.
pub(crate) async fn issue_token(
    gate: &Gate,
    caller: &Arc<Principal>,
    wish: TokenWish,
) -> Result<Issued, Error> {
    let warrant = gate.allow(caller, Manage::write(Noun::Tokens))?;
    let (Method::Session, Some(session), Some(user)) =
        (caller.method(), caller.credential().session(), caller.user())
    else {
        let detail = "Tokens are made from a session. Sign in, then ask with the session cookie.";
        return Err(Error::new(Kind::Forbidden, detail));
    };
    let (audience, allowed) = audience(gate, wish.audience)?;
    let scope = scope(allowed, wish.scope.as_deref())?;
    let models = models(allowed, wish.models.as_deref())?;
    let life_s = wish.expires_in.unwrap_or(LIFE_S);
    if !(1..=LIFE_MAX_S).contains(&life_s) {
        let detail = format!("expires_in is from 1 to {LIFE_MAX_S} seconds");
        return Err(Error::invalid(detail).with_param("expires_in"));
    }
    let found = gate.read(&warrant).session(Owner::User(user), session).await?;
    let ends = found.ok_or_else(Error::unauthenticated)?.expires_at.secs();
    let now = gate.clock().now().secs();
    let exp = (now + i64::from(life_s)).min(ends);
    let mut id = [0_u8; 16];
    gate.rng().fill(&mut id);
    let claims = AccessClaims {
        iss: String::new(),
        sub: user.to_string(),
        aud: audience,
        exp,
        iat: now,
        nbf: None,
        jti: uuid::Builder::from_random_bytes(id).into_uuid().to_string(),
        client_id: CLIENT.to_owned(),
        scope: Some(scope.clone()),
        sid: Some(Uuid::to_string(&session.uuid())),
        models,
    };
    Ok(Issued { token: gate.mint(&warrant, claims)?, scope, expires_in: exp - now })
}

/// The audience, and the one scope that it knows.
fn audience(gate: &Gate, wished: Option<String>) -> Result<(String, &'static str), Error> {
    let models = gate.models_audience();
    match wished {
        None => Ok((models, Scope::MODELS)),
        Some(wished) if wished == models => Ok((models, Scope::MODELS)),
        Some(wished) if gate.knows_audience(&wished) => Ok((wished, Scope::MANAGE)),
        Some(_) => {
            let detail = format!("No door has this address. Ask for {models}, or leave it out.");
            Err(Error::invalid(detail).with_param("audience"))
        }
    }
}

fn scope(allowed: &str, wished: Option<&str>) -> Result<String, Error> {
    let Some(wished) = wished else { return Ok(allowed.to_owned()) };
    let only = match Scopes::parse(wished)? {
        Scopes::Only(scopes) => scopes.iter().map(Scope::as_str).eq([allowed]),
        Scopes::All => false,
    };
    if only {
        return Ok(allowed.to_owned());
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
