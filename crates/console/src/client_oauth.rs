//! What an app says of itself as a client of the authorization server: read and checked.

use tollgate_gate::Gate;
use tollgate_kernel::{Error, Scope};
use tollgate_protocol::oauth::{GrantType, RedirectUri};
use tollgate_store::{ClientKind, ClientRecord};

use crate::clients::ClientChange;

/// The most items of a list.
const MOST: usize = 32;
/// The longest life of an access token, in seconds.
const ACCESS_MAX_S: u32 = 3_600;
/// The longest life of what a person allowed, in seconds: a year.
const REFRESH_MAX_S: u32 = 365 * 86_400;

/// The grant types of an app that says nothing.
pub(crate) fn usual_grants(kind: ClientKind) -> Vec<String> {
    let may = |grant: &GrantType| {
        kind == ClientKind::Confidential || *grant != GrantType::ClientCredentials
    };
    GrantType::ALL.into_iter().filter(may).map(|grant| grant.as_str().to_owned()).collect()
}

/// The scopes of an app that says nothing; it has those of its resources too.
pub(crate) fn usual_scopes() -> Vec<String> {
    let known = Scope::IDENTITY.into_iter().chain([Scope::MODELS]);
    known.map(str::to_owned).collect()
}

/// Makes the changes of type and OAuth members, and checks that they fit together.
pub(crate) fn apply(
    gate: &Gate,
    client: &mut ClientRecord,
    change: &ClientChange,
) -> Result<(), Error> {
    if let Some(kind) = &change.kind {
        client.kind = kind.parse()?;
    }
    addresses(client, change)?;
    rights(gate, client, change)?;
    let oauth = &mut client.oauth;
    if let Some(method) = change.auth_method {
        oauth.auth_method = method;
    }
    if let Some(legacy) = change.legacy {
        oauth.legacy = legacy;
    }
    if let Some(user_header) = change.user_header {
        oauth.user_header = user_header;
    }
    if let Some(life_s) = change.access_token_s {
        oauth.access_token_s = within("access_token_s", life_s, ACCESS_MAX_S)?;
    }
    if let Some(life_s) = change.refresh_token_s {
        oauth.refresh_token_s = within("refresh_token_s", life_s, REFRESH_MAX_S)?;
    }
    client.oauth.check(client.kind)
}

fn addresses(client: &mut ClientRecord, change: &ClientChange) -> Result<(), Error> {
    let oauth = &mut client.oauth;
    let lists = [
        ("redirect_uris", &change.redirect_uris, &mut oauth.redirect_uris),
        (
            "post_logout_redirect_uris",
            &change.post_logout_redirect_uris,
            &mut oauth.post_logout_redirect_uris,
        ),
        ("origins", &change.origins, &mut oauth.origins),
    ];
    for (name, said, list) in lists {
        let Some(said) = said else { continue };
        bounded(name, said)?;
        for (at, uri) in said.iter().enumerate() {
            let param = format!("{name}[{at}]");
            RedirectUri::parse(uri).map_err(|error| error.with_param(param.clone()))?;
            if name == "origins" && RedirectUri::source(uri) != *uri {
                let what = format!("{uri:?} is not an origin like https://app.example.com.");
                return Err(Error::invalid(what).with_param(param));
            }
        }
        list.clone_from(said);
    }
    Ok(())
}

fn rights(gate: &Gate, client: &mut ClientRecord, change: &ClientChange) -> Result<(), Error> {
    if let Some(grants) = &change.grants {
        for (at, grant) in grants.iter().flatten().enumerate() {
            if GrantType::parse(grant).is_none() {
                let what = format!("{grant:?} is not a grant type that is offered here.");
                return Err(Error::invalid(what).with_param(format!("grants[{at}]")));
            }
        }
        client.oauth.grants.clone_from(grants);
    }
    if let Some(scopes) = &change.scopes {
        bounded("scopes", scopes.as_deref().unwrap_or_default())?;
        for (at, scope) in scopes.iter().flatten().enumerate() {
            Scope::parse(scope).map_err(|error| error.with_param(format!("scopes[{at}]")))?;
        }
        client.oauth.scopes.clone_from(scopes);
    }
    if let Some(resources) = &change.resources {
        bounded("resources", resources)?;
        let known = |(at, uri): (usize, &String)| {
            gate.resource(uri).map(|resource| resource.uri.clone()).ok_or_else(|| {
                let what = format!("{uri:?} is not a resource that tokens are made for here.");
                Error::invalid(what).with_param(format!("resources[{at}]"))
            })
        };
        client.oauth.resources =
            resources.iter().enumerate().map(known).collect::<Result<_, _>>()?;
    }
    Ok(())
}

fn bounded<T>(name: &str, list: &[T]) -> Result<(), Error> {
    if list.len() <= MOST {
        return Ok(());
    }
    Err(Error::invalid(format!("A list has at most {MOST} items.")).with_param(name))
}

fn within(name: &str, seconds: u32, most: u32) -> Result<u32, Error> {
    if (1..=most).contains(&seconds) {
        return Ok(seconds);
    }
    Err(Error::invalid(format!("{name} is from 1 to {most} seconds.")).with_param(name))
}
