//! What stands before every handler: who asks, and whether they may.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use http::header::{CONTENT_LENGTH, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, Method, Uri};
use tollgate_gate::{Gate, Presented, Principal};
use tollgate_kernel::{Access, Error, Kind, Method as How, Network, SessionId};

use crate::body;
use crate::context::{Edge, Exchange};
use crate::credentials::{self, Collected};
use crate::csrf;
use crate::error::{Dialect, Fault};
use crate::limits::Attempt;
use crate::reply;
use crate::route::Route;
use crate::router::Post;

/// Who says who a credential belongs to: the gate.
pub trait Authenticator: Send + Sync {
    /// The principal of what was presented from `network`. Errors are `Unauthenticated`,
    /// `AmbiguousCredentials`, or a fault of ours; never the former for the latter.
    fn authenticate(
        &self,
        presented: Presented,
        network: Network,
    ) -> BoxFuture<'_, Result<Arc<Principal>, Error>>;

    /// The same at once, where the answer is remembered; `None` where it is not.
    fn recall(
        &self,
        _presented: &Presented,
        _network: Network,
    ) -> Option<Result<Arc<Principal>, Error>> {
        None
    }

    /// The principal of somebody who presented nothing.
    fn anonymous(&self, network: Network) -> Arc<Principal>;
}

impl Authenticator for Gate {
    fn authenticate(
        &self,
        presented: Presented,
        network: Network,
    ) -> BoxFuture<'_, Result<Arc<Principal>, Error>> {
        Box::pin(Gate::authenticate(self, presented, network))
    }

    fn recall(
        &self,
        presented: &Presented,
        network: Network,
    ) -> Option<Result<Arc<Principal>, Error>> {
        Gate::recall(self, presented, network)
    }

    fn anonymous(&self, network: Network) -> Arc<Principal> {
        Gate::anonymous(self, network)
    }
}

/// Lets a request through to the handler of `post`, with its principal known to `exchange`; or
/// says what to answer in the handler's place.
pub(crate) async fn admit(
    post: &Arc<Post>,
    exchange: &Exchange,
    parts: &mut Parts,
) -> Result<(), Response> {
    let failed = |error: Error| Fault::from(error).into_response();
    exchange.note().route(&post.route);
    fits(&parts.headers, post.route.body_limit).map_err(failed)?;
    if post.route.reads_credentials {
        let principal = match principal(&post.route, exchange, parts).await {
            Ok(principal) => principal,
            Err(error) => return Err(refuse(&post.route, exchange, parts, error)),
        };
        exchange.note().principal(&principal);
        credentials::remove(&mut parts.headers, exchange.edge().cookies());
        let _ = exchange.0.caller.set(principal);
    }
    let _ = exchange.0.post.set(Arc::clone(post));
    Ok(())
}

/// Refuses a body that says itself that it is too large, before anything else is done for it.
fn fits(headers: &HeaderMap, limit: usize) -> Result<(), Error> {
    let length = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok());
    match length.and_then(|text| text.parse::<u64>().ok()) {
        Some(bytes) if bytes > limit as u64 => Err(body::too_large(limit)),
        _ => Ok(()),
    }
}

async fn principal(
    route: &Route,
    exchange: &Exchange,
    parts: &Parts,
) -> Result<Arc<Principal>, Error> {
    let edge = exchange.edge();
    let mut collected = credentials::collect(&parts.headers, edge.cookies(), exchange.0.uid);
    collected.presented.of_request(exchange.id());
    if route.access == Access::Models {
        exchange.0.said.users.iter().for_each(|name| collected.presented.named(name.as_bytes()));
    }
    vouched(route, &parts.method, &collected, &parts.headers, edge)?;
    let network = exchange.network();
    if collected.is_empty() {
        let nobody = edge.authenticator.anonymous(network);
        count_stranger(route, exchange)?;
        return nobody.admits(route.access).map(|()| nobody);
    }
    let only_session = collected.only_session();
    let recalled = edge.authenticator.recall(&collected.presented, network);
    let authenticated = match recalled {
        Some(recalled) => recalled,
        None => edge.authenticator.authenticate(collected.presented, network).await,
    };
    let principal = match authenticated {
        Ok(principal) => principal,
        // An open page stays open to a browser whose session is over.
        Err(error) if is_over(&error) && is_open_page(route) && only_session => {
            count_stranger(route, exchange)?;
            edge.authenticator.anonymous(network)
        }
        Err(error) => {
            if is_over(&error) {
                count_stranger(route, exchange)?;
            }
            return Err(error);
        }
    };
    if manages(route, &parts.method) {
        edge.networks.count(Attempt::Management, &principal)?;
    }
    principal.admits(route.access)?;
    let session = match principal.method() {
        How::Session => principal.credential().session(),
        _ => None,
    };
    meant(route, &parts.method, session, exchange)?;
    Ok(principal)
}

/// Whether a request counts as one of management. What the forms of pages change is changed by the
/// same use cases as through the API; looking at pages is free.
fn manages(route: &Route, method: &Method) -> bool {
    match route.access {
        Access::Api(_) => true,
        Access::Page(_) => !csrf::is_safe(method),
        Access::Models | Access::Connections | Access::Public => false,
    }
}

/// Counts a request without a credential that is good. At the models door the reason is told
/// however often: an SDK would hide it behind retries of a 429. Pages lead to the sign-in page,
/// which counts.
fn count_stranger(route: &Route, exchange: &Exchange) -> Result<(), Error> {
    match route.access {
        Access::Api(_) | Access::Public => {
            let networks = &exchange.edge().networks;
            networks.count_at(Attempt::Anonymous, exchange.network().counted())
        }
        Access::Models | Access::Connections | Access::Page(_) => Ok(()),
    }
}

fn is_over(error: &Error) -> bool {
    error.kind() == Kind::Unauthenticated
}

fn is_open_page(route: &Route) -> bool {
    route.access == Access::Public && route.dialect == Dialect::Html
}

/// A session cookie that changes something or calls a model must come from our own pages.
fn vouched(
    route: &Route,
    method: &Method,
    collected: &Collected,
    headers: &HeaderMap,
    edge: &Edge,
) -> Result<(), Error> {
    let calls = matches!(route.access, Access::Models | Access::Connections);
    let matters = !csrf::is_safe(method) || calls;
    if collected.only_session() && matters {
        return csrf::same_site(headers, &edge.origins);
    }
    Ok(())
}

/// An API call with a session that changes something must carry the session's token too. (Forms
/// carry it in a field: [`crate::Form`].)
fn meant(
    route: &Route,
    method: &Method,
    session: Option<SessionId>,
    exchange: &Exchange,
) -> Result<(), Error> {
    let (Access::Api(_), Some(session), false) = (route.access, session, csrf::is_safe(method))
    else {
        return Ok(());
    };
    let token = exchange.0.said.csrf.as_deref().unwrap_or_default();
    if exchange.edge().csrf.matches(&csrf::of_session(session), token) {
        return Ok(());
    }
    Err(Error::new(
        Kind::CrossSite,
        "With a session, this call needs the header X-Tollgate-CSRF with the token of the page.",
    ))
}

/// People who are not signed in are sent to the sign-in page; all others get the error.
fn refuse(route: &Route, exchange: &Exchange, parts: &Parts, error: Error) -> Response {
    if !is_over(&error) || !matches!(route.access, Access::Page(_)) {
        return Fault::from(error).into_response();
    }
    let place = sign_in_page(&parts.method, &parts.uri);
    let mut response = match reply::see_other(&place) {
        Ok(response) => response,
        Err(fault) => fault.into_response(),
    };
    let names = exchange.edge().cookies();
    let stale = credentials::collect(&parts.headers, names, None).sessions > 0;
    if let (true, Ok(clear)) = (stale, names.clear_session()) {
        response.headers_mut().append(SET_COOKIE, clear);
    }
    response
}

/// The sign-in page, which sends the browser back to where it wanted to go.
fn sign_in_page(method: &Method, uri: &Uri) -> String {
    let wanted = uri.path_and_query().map_or("/", |p| p.as_str());
    match csrf::safe_next(wanted) {
        Some(next) if csrf::is_safe(method) && next != "/" => {
            let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
            format!("/login?next={next}")
        }
        _ => "/login".to_owned(),
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use std::sync::OnceLock;
    use std::time::Duration;

    use tollgate_kernel::{Manage, Noun, RequestId};

    use super::*;
    use crate::Hosts;
    use crate::context::Inner;
    use crate::headers::Said;
    use crate::log::Note;
    use crate::route::Row;
    use crate::testing::{ORIGIN, echo, edge};

    /// Whether an API call of `method` with a session gets through with this token.
    fn gets_through(method: Method, session: Option<SessionId>, token: Option<&str>) -> bool {
        let (edge, _) = edge(ORIGIN, Kind::Unauthenticated, Hosts::Any);
        let row: Row = Row::post("/api/x", Access::Api(Manage::write(Noun::Keys)), "X", echo);
        let exchange = Exchange(Arc::new(Inner {
            edge,
            id: RequestId::from_uuid(Default::default()),
            network: Network::of([127, 0, 0, 1].into()),
            uid: None,
            said: Said { csrf: token.map(str::to_owned), ..Said::default() },
            started: Duration::ZERO,
            note: Note::new(Dialect::Problem),
            post: OnceLock::new(),
            caller: OnceLock::new(),
        }));
        meant(row.route(), &method, session, &exchange).is_ok()
    }

    #[test]
    fn an_api_call_with_a_session_needs_the_sessions_own_token() {
        let session = |n: u8| {
            format!("0193b3c0-0000-7000-8000-0000000000{n:02}").parse::<SessionId>().expect("an id")
        };
        let token = |n| csrf::of_session(session(n)).chars().rev().collect::<String>();
        let (first, second) = (token(1), token(2));
        assert!(gets_through(Method::POST, Some(session(1)), Some(&first)));
        assert!(!gets_through(Method::POST, Some(session(1)), Some(&second)));
        assert!(!gets_through(Method::DELETE, Some(session(1)), Some("")));
        assert!(!gets_through(Method::PATCH, Some(session(1)), None));
        assert!(gets_through(Method::GET, Some(session(1)), None));
        assert!(gets_through(Method::POST, None, None), "a key needs none");
    }
}
