//! Who calls, as the API behind a tool is told: one signed header.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_kernel::{Error, RequestId, Scopes, Slug, Subject, Timestamp};
use tollgate_protocol::jwt::IdentityClaims;

use crate::principal::Known;
use crate::tokens::Tokens;
use crate::tool::Tool;

/// How long an introduction counts.
const LIFE: Duration = Duration::from_secs(60);

/// How long it is used again: whoever gets it has as long to look at it.
const REUSED: Duration = Duration::from_secs(30);

/// The header that says who calls.
const IDENTITY: HeaderName = HeaderName::from_static("tollgate-identity");

/// The header that says which request of ours it is.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// An introduction, as long as it is used. It belongs to one credential and its tool, so that
/// whatever it says of subject, app and scopes is the same each time.
pub(crate) struct Introduced {
    tool: Slug,
    version: i64,
    made_at: Timestamp,
    value: HeaderValue,
}

/// The headers of ours that a call of `tool` carries: whom `known` is, and which request it is.
/// Without them nothing is sent.
pub(crate) fn introduce(
    tokens: &Tokens,
    tool: &Tool,
    known: &Known,
    (request, now): (RequestId, Timestamp),
) -> Result<HeaderMap, Error> {
    // Everybody without a credential is the same to the tool; such a principal lives for one
    // request.
    let kept = match known.subject {
        Subject::Anonymous(_) => &tool.introduced,
        _ => &known.introduced,
    };
    let value = match still_used(kept, tool, now) {
        Some(value) => value,
        None => {
            let value = made(tokens, tool, known, now)?;
            kept.store(Some(Arc::new(Introduced {
                tool: tool.id().clone(),
                version: tool.record().version,
                made_at: now,
                value: value.clone(),
            })));
            value
        }
    };
    let id = request.write(&mut [0; RequestId::LENGTH]).to_owned();
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(IDENTITY, value);
    headers.insert(REQUEST_ID, HeaderValue::try_from(id).map_err(Error::internal)?);
    Ok(headers)
}

fn still_used(
    kept: &ArcSwapOption<Introduced>,
    tool: &Tool,
    now: Timestamp,
) -> Option<HeaderValue> {
    let kept = kept.load();
    let kept = kept.as_ref()?;
    let same = kept.tool == *tool.id() && kept.version == tool.record().version;
    let fresh = kept.made_at <= now && now < kept.made_at.plus(REUSED);
    (same && fresh).then(|| kept.value.clone())
}

fn made(tokens: &Tokens, tool: &Tool, known: &Known, now: Timestamp) -> Result<HeaderValue, Error> {
    let scope = match &known.scopes {
        Scopes::All => None,
        Scopes::Only(scopes) => {
            Some(scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "))
        }
    };
    let claims = IdentityClaims {
        iss: String::new(),
        aud: tool.address().to_owned(),
        sub: subject(&known.subject),
        client_id: known.client.app().map(|id| id.to_string()),
        scope: scope.filter(|scope| !scope.is_empty()),
        tool: tool.id().to_string(),
        iat: now.secs(),
        exp: now.plus(LIFE).secs(),
    };
    let token = tokens.introduce(claims, now)?;
    let mut value = HeaderValue::try_from(token.expose()).map_err(Error::internal)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The subject as an API knows it: people and apps by their ids, as in our tokens.
fn subject(subject: &Subject) -> String {
    match subject {
        Subject::User(id) => id.to_string(),
        Subject::App(id) => id.to_string(),
        Subject::Service { name, .. } => format!("service:{name}"),
        Subject::Anonymous(_) => "anonymous".to_owned(),
        Subject::Admin(_) | Subject::Local(_) | Subject::System(_) => subject.to_string(),
    }
}
