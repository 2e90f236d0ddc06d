//! What an app may ask for: scopes and resources.

use std::sync::Arc;

use tollgate_gate::{Gate, Resource};
use tollgate_kernel::{Error, OAuthCode, Scope};
use tollgate_protocol::oauth::GrantType;
use tollgate_store::{ClientKind, ClientRecord};

/// Whether an app may use this grant type. Where nothing is said: what its type can.
pub(crate) fn may_use(client: &ClientRecord, kind: GrantType) -> bool {
    match &client.oauth.grants {
        Some(grants) => grants.iter().any(|grant| grant == kind.as_str()),
        None => kind != GrantType::ClientCredentials || client.kind == ClientKind::Confidential,
    }
}

/// Whether an app may come without PKCE.
pub(crate) fn is_legacy(client: &ClientRecord) -> bool {
    client.oauth.legacy && client.kind == ClientKind::Confidential
}

/// For whom a token is to be: what was asked for, or what the app has where nothing was.
pub(crate) fn resource(
    gate: &Gate,
    client: &ClientRecord,
    asked: Option<&str>,
) -> Result<Arc<Resource>, Error> {
    let listed = &client.oauth.resources;
    let Some(asked) = asked else {
        let found = match listed.first() {
            Some(first) => gate.resource(first),
            None => gate.models_resource(),
        };
        return found.ok_or_else(|| unknown(listed.first().map_or("", String::as_str)));
    };
    let found = gate.resource(asked).ok_or_else(|| unknown(asked))?;
    let mut own = listed.iter().filter_map(|uri| gate.resource(uri));
    if listed.is_empty() || own.any(|resource| resource.uri == found.uri) {
        return Ok(found);
    }
    let detail = format!("This app gets no tokens for {}.", found.uri);
    Err(Error::oauth(OAuthCode::InvalidTarget, detail).with_param("resource"))
}

fn unknown(asked: &str) -> Error {
    let detail = format!("{asked:?} is not a resource that tokens are made for here.");
    Error::oauth(OAuthCode::InvalidTarget, detail).with_param("resource")
}

/// Refuses a resource that is not the granted one; both are named.
pub(crate) fn same_resource(gate: &Gate, asked: Option<&str>, granted: &str) -> Result<(), Error> {
    let Some(asked) = asked else { return Ok(()) };
    if gate.resource(asked).is_some_and(|resource| resource.uri == granted) || asked == granted {
        return Ok(());
    }
    let detail = format!("The grant is for {granted}, not for {asked}.");
    Err(Error::oauth(OAuthCode::InvalidTarget, detail).with_param("resource"))
}

/// The scopes that are granted at most: what was asked for and may be had. What may not is left
/// out, as clients ask for all that a document lists; nothing at all is an error.
pub(crate) fn granted(
    client: &ClientRecord,
    resource: &Resource,
    asked: Option<&str>,
    for_person: bool,
) -> Result<Vec<String>, Error> {
    let may = |scope: &str| {
        let known = resource.scopes.iter().any(|known| known == scope)
            || (for_person && Scope::IDENTITY.contains(&scope));
        let listed = client.oauth.may_have(scope);
        let refreshed = scope != Scope::OFFLINE || may_use(client, GrantType::RefreshToken);
        known && listed && refreshed
    };
    let mut scopes: Vec<String> = match asked {
        None => resource.scopes.iter().filter(|scope| may(scope)).cloned().collect(),
        Some(asked) => words(asked)?.into_iter().filter(|scope| may(scope)).collect(),
    };
    scopes.sort();
    scopes.dedup();
    // An address without scopes is opened by a token without any.
    let without = asked.is_none() && resource.scopes.is_empty();
    if scopes.is_empty() && !without {
        let detail = "This app may have none of these scopes here.";
        return Err(Error::oauth(OAuthCode::InvalidScope, detail).with_param("scope"));
    }
    Ok(scopes)
}

/// What of a grant for `resource` the app may still have: nothing where it may have nothing there
/// any more, or where that is no resource any more.
pub(crate) fn still_granted(
    gate: &Gate,
    client: &ClientRecord,
    resource: &str,
    scope: &str,
) -> Option<String> {
    let known = self::resource(gate, client, Some(resource)).ok()?;
    let scopes = granted(client, &known, Some(scope), true).ok()?;
    (known.uri == resource).then(|| scopes.join(" "))
}

/// What of a grant a refresh asks for: all, or less.
pub(crate) fn narrowed(granted: &str, asked: Option<&str>) -> Result<String, Error> {
    let Some(asked) = asked else { return Ok(granted.to_owned()) };
    let asked = words(asked)?;
    if asked.iter().all(|scope| covers(granted, scope)) && !asked.is_empty() {
        return Ok(asked.join(" "));
    }
    let detail = format!("The grant is for {granted:?}. A refresh cannot ask for more.");
    Err(Error::oauth(OAuthCode::InvalidScope, detail).with_param("scope"))
}

/// Whether `scope` is among `scopes`, which are separated by spaces.
pub(crate) fn covers(scopes: &str, scope: &str) -> bool {
    scopes.split(' ').any(|known| known == scope)
}

fn words(text: &str) -> Result<Vec<String>, Error> {
    let words = text.split(' ').filter(|word| !word.is_empty());
    let scope = |word: &str| match Scope::parse(word) {
        Ok(scope) => Ok(scope.as_str().to_owned()),
        Err(error) => {
            let detail = error.detail().to_owned();
            Err(Error::oauth(OAuthCode::InvalidScope, detail).with_param("scope"))
        }
    };
    words.map(scope).collect()
}
