//! What becomes of an authorization request: whose it is, whether it may be made, and what has to
//! happen before a code is given.

use std::sync::Arc;
use std::time::Duration;

use tollgate_gate::{Gate, Principal, Warrant};
use tollgate_kernel::{
    Error, GrantId, Manage, Method, Noun, OAuthCode, SessionId, Timestamp, UserId,
};
use tollgate_protocol::api_key::TokenType;
use tollgate_protocol::oauth::{Addressed, GrantType, Params, RedirectUri, Wish, answer_url};
use tollgate_store::{
    AccountState, AuditEvent, ClientKind, ClientRecord, NewCode, Owner, SessionRecord, Tx,
};
use tracing::warn;

use crate::plugin_callback;
use crate::scopes::{self, covers, is_legacy, may_use};
use crate::state::OAuthState;
use crate::ticket::Ticket;

/// How long a code waits.
const CODE_LIFE: Duration = Duration::from_secs(60);

/// The longest request, in bytes: it has to fit into an address once more.
const LONGEST: usize = 4_096;

/// Who asks, and where answers go: an app that is known, at an address that it has registered.
pub(crate) struct Asker {
    pub(crate) client: ClientRecord,
    /// Where answers go.
    pub(crate) place: String,
    /// The redirect URI of the request, if it had one.
    redirect_uri: Option<String>,
    state: Option<String>,
    by_form: bool,
    params: Params,
}

/// What a browser takes to the app.
pub(crate) struct Answer {
    /// Where it goes.
    pub(crate) place: String,
    pub(crate) params: Vec<(&'static str, String)>,
    /// Whether it goes as a form.
    pub(crate) by_form: bool,
}

impl Answer {
    /// The address of an answer that goes as one.
    pub(crate) fn address(&self) -> String {
        let params: Vec<_> = self.params.iter().map(|(name, value)| (*name, &**value)).collect();
        answer_url(&self.place, &params)
    }
}

/// A request that may be made.
pub(crate) struct Request {
    pub(crate) wish: Wish,
    pub(crate) resource: String,
    /// The scopes that are granted at most.
    pub(crate) scopes: Vec<String>,
}

/// Whose browser it is.
pub(crate) struct Person {
    pub(crate) user: UserId,
    pub(crate) session: SessionRecord,
}

/// What has to happen next.
pub(crate) enum Next {
    /// Somebody has to sign in.
    SignIn,
    /// Who is signed in has to show it again.
    Again,
    /// The person has to consent.
    Consent(Person),
    /// Nothing: the code can be given.
    Code(Person),
}

/// Finds out who asks. What is wrong with that is told to the person: no answer goes to an address
/// that belongs to nobody (T19).
pub(crate) async fn asker(
    state: &OAuthState,
    caller: &Arc<Principal>,
    query: &str,
) -> Result<Asker, Error> {
    if query.len() > LONGEST {
        return Err(Error::oauth(OAuthCode::InvalidRequest, "The request is too long."));
    }
    let params = Params::from_form(query.as_bytes())?;
    let Addressed { client_id, redirect_uri, state: told, by_form } = Addressed::parse(&params)?;
    let gate = &state.gate;
    let warrant = gate.allow(caller, Manage::read(Noun::SignIn))?;
    let client = gate.read(&warrant).client_called(&client_id).await?;
    let client = client.filter(|client| client.state == AccountState::Active);
    let client = client.ok_or_else(|| {
        let detail = "The app that sent you here is not known.";
        Error::oauth(OAuthCode::InvalidRequest, detail).with_param("client_id")
    })?;
    let place = match place(&client, redirect_uri.as_deref()) {
        Ok(place) => place,
        Err(error) => {
            plugin_callback::note(state, caller, &client, redirect_uri.as_deref()).await?;
            return Err(error);
        }
    };
    Ok(Asker { client, place, redirect_uri, state: told, by_form, params })
}

/// Where answers go: what the request says, if it is registered; or the one place that is.
fn place(client: &ClientRecord, asked: Option<&str>) -> Result<String, Error> {
    let refused = |detail: &'static str| {
        // In full: some apps show their address in the first try alone.
        warn!(client = %client.id, redirect_uri = ?asked, "a redirect URI is not registered");
        Err(Error::oauth(OAuthCode::InvalidRequest, detail).with_param("redirect_uri"))
    };
    // Checked again, whatever is stored (T16).
    let uris = client.oauth.redirect_uris.iter();
    let mut uris = uris.filter_map(|uri| RedirectUri::parse(uri).ok());
    match asked {
        Some(asked) if uris.any(|uri| uri.is(asked)) => Ok(asked.to_owned()),
        Some(_) => refused("The app did not register the address that you are to be sent to."),
        None => match (uris.next(), uris.next()) {
            (Some(uri), None) => Ok(uri.as_str().to_owned()),
            _ => refused("The request does not say where you are to be sent to."),
        },
    }
}

impl Asker {
    /// Where a browser is sent with an answer: `state` as it came, and who answers, once
    /// (RFC 9207).
    fn answer(&self, gate: &Gate, params: &[(&'static str, &str)]) -> Answer {
        let state = self.state.as_deref().map(|state| ("state", state));
        let all = params.iter().copied().chain(state).chain([("iss", gate.issuer())]);
        let params = all.map(|(name, value)| (name, value.to_owned())).collect();
        Answer { place: self.place.clone(), params, by_form: self.by_form }
    }

    /// Where a browser is sent with a refusal.
    pub(crate) fn refusal(&self, gate: &Gate, error: &Error) -> Answer {
        let description = tollgate_protocol::oauth::description(error.detail());
        let code = error.oauth_code().as_str();
        self.answer(gate, &[("error", code), ("error_description", &description)])
    }

    /// Reads the rest of the request; what is wrong with it is told to the app.
    pub(crate) fn request(&self, gate: &Gate) -> Result<Request, Error> {
        let wish = Wish::parse(&self.params)?;
        let client = &self.client;
        if !may_use(client, GrantType::AuthorizationCode) {
            let detail = "This app may not sign people in.";
            return Err(Error::oauth(OAuthCode::UnauthorizedClient, detail));
        }
        if wish.challenge.is_none() && !is_legacy(client) {
            let detail = "code_challenge is missing: this app has to use PKCE with S256.";
            let error = Error::oauth(OAuthCode::InvalidRequest, detail);
            return Err(error.with_param("code_challenge"));
        }
        let resource = scopes::resource(gate, client, wish.resource.as_deref())?;
        let scopes = scopes::granted(client, &resource, wish.scope.as_deref(), true)?;
        Ok(Request { wish, resource: resource.uri.clone(), scopes })
    }

    /// The request once more, as it came.
    pub(crate) fn ticket(&self, since: Timestamp, session: Option<SessionId>) -> Ticket {
        Ticket { since, session, query: self.params.to_query() }
    }
}

/// What has to happen before a code is given. `since` is when the request was first read, where it
/// has waited for somebody who had to sign in.
pub(crate) async fn consider(
    gate: &Gate,
    caller: &Arc<Principal>,
    asker: &Asker,
    request: &Request,
    since: Option<Timestamp>,
) -> Result<Next, Error> {
    let prompt = request.wish.prompt;
    let needed = |code, detail: &'static str, next| match prompt.none {
        true => Err(Error::oauth(code, detail)),
        false => Ok(next),
    };
    let Some(person) = person(gate, caller).await? else {
        return needed(OAuthCode::LoginRequired, "Nobody is signed in.", Next::SignIn);
    };
    if must_sign_in_again(gate, request, &person, since) {
        let detail = "The person has to sign in again.";
        return needed(OAuthCode::LoginRequired, detail, Next::Again);
    }
    let warrant = gate.allow(caller, Manage::read(Noun::Grants))?;
    let given = gate.read(&warrant).consent(person.user, asker.client.id, &request.resource);
    if prompt.consent || is_anybodys(asker) || !suffices(given.await?.as_deref(), request) {
        let detail = "The person has to consent first.";
        return needed(OAuthCode::ConsentRequired, detail, Next::Consent(person));
    }
    Ok(Next::Code(person))
}

/// Whether what the person has `given` the app before is enough for `request`. Who was never asked
/// has not said yes, to a request without scopes either: it is for a resource all the same.
fn suffices(given: Option<&str>, request: &Request) -> bool {
    given.is_some_and(|given| request.scopes.iter().all(|scope| covers(given, scope)))
}

/// Whether any program may be behind the request: one without a secret, at an address that is
/// whose who takes it first, on loopback or by a scheme of its own. That somebody allowed it before
/// says nothing of this one (RFC 8252, 8.6; T79).
fn is_anybodys(asker: &Asker) -> bool {
    asker.client.kind == ClientKind::Public && !asker.place.starts_with("https://")
}

/// Who is signed in, with a session of this browser.
pub(crate) async fn person(gate: &Gate, caller: &Arc<Principal>) -> Result<Option<Person>, Error> {
    let (Method::Session, Some(user), Some(session)) =
        (caller.method(), caller.user(), caller.credential().session())
    else {
        return Ok(None);
    };
    let warrant = gate.allow(caller, Manage::read(Noun::Grants))?;
    let session = gate.read(&warrant).session(Owner::User(user), session).await?;
    Ok(session.map(|session| Person { user, session }))
}

/// Whether who is signed in has to show it once more: the app asks for it, or wants a younger
/// sign-in, or means somebody else. Not who just did.
fn must_sign_in_again(
    gate: &Gate,
    request: &Request,
    person: &Person,
    since: Option<Timestamp>,
) -> bool {
    let wish = &request.wish;
    let signed_in_at = person.session.created_at;
    let just_did = since.is_some_and(|since| signed_in_at >= since);
    let age = gate.clock().now().since(signed_in_at);
    let is_old = wish
        .max_age_s
        .is_some_and(|most| age > Duration::from_secs(u64::try_from(most).unwrap_or_default()));
    let hint = wish.id_token_hint.as_deref().and_then(|hint| gate.read_id_token(hint));
    let is_other = hint.is_some_and(|hint| hint.sub != person.user.to_string());
    is_other || (!just_did && (wish.prompt.login || is_old))
}

/// Gives the code: where the browser is sent with it. A consent that was just given is noted with
/// it; where none was, the one before has to be there still.
pub(crate) async fn give_code(
    gate: &Gate,
    warrant: &Warrant,
    asker: &Asker,
    request: &Request,
    (person, consented): (Person, bool),
) -> Result<Answer, Error> {
    let (code, hash) = gate.new_token(TokenType::Code);
    let client = asker.client.id;
    let mut tx: Tx = gate.begin(warrant).await?;
    // Read here, so that what is taken back meanwhile stays so.
    let known = tx.consent(person.user, client, &request.resource).await?;
    let scope = request.scopes.join(" ");
    let mut action = "code.create";
    if !consented && !suffices(known.as_deref(), request) {
        let detail = "The person took their consent back this moment.";
        return Err(Error::oauth(OAuthCode::ConsentRequired, detail));
    }
    if consented {
        let known = known.unwrap_or_default();
        let mut all: Vec<&str> = known.split(' ').chain(scope.split(' ')).collect();
        all.retain(|scope| !scope.is_empty());
        all.sort_unstable();
        all.dedup();
        tx.put_consent(person.user, client, &request.resource, &all.join(" ")).await?;
        action = "consent.give";
    }
    let challenge = request.wish.challenge.as_ref();
    tx.insert_code(NewCode {
        hash: *hash.as_bytes(),
        grant: GrantId::new(&**gate.clock(), &**gate.rng()),
        client,
        user: person.user,
        session: person.session.id,
        redirect_uri: asker.redirect_uri.clone(),
        challenge: challenge.map(|challenge| challenge.as_str().to_owned()),
        scope,
        resource: request.resource.clone(),
        nonce: request.wish.nonce.clone(),
        auth_time: person.session.created_at,
        expires_at: tx.now().plus(CODE_LIFE),
    })
    .await?;
    tx.commit(AuditEvent::new(action, format!("client:{client}"))).await?;
    Ok(asker.answer(gate, &[("code", code.expose())]))
}
