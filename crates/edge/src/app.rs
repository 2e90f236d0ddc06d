//! All rows of all doors as one service: what happens to every request, whatever its route.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, request};
use tollgate_kernel::{Error, Kind, RequestId};
use tower::Service;

use crate::context::{Edge, Exchange, Inner};
use crate::error::{Dialect, Failure, Fault, Look, render, takes_json_only};
use crate::guard::admit;
use crate::guests;
use crate::headers::{self, Said};
use crate::listen::Busy;
use crate::log::{Note, Watch};
use crate::network::Peer;
use crate::once;
use crate::page;
use crate::reply;
use crate::route::Row;
use crate::router::{Found, Router};

/// The whole of Tollgate's HTTP surface. Cheap to clone.
#[derive(Clone)]
pub struct App {
    router: Arc<Router>,
    edge: Arc<Edge>,
}

impl App {
    /// Puts the rows of all doors, and the shell's own, side by side. Two rows for one method and
    /// path are an error.
    pub fn build(rows: Vec<Row>, edge: Arc<Edge>) -> Result<Self, Error> {
        let router = Router::new(rows.into_iter().chain(page::routes()))?;
        Ok(Self { router: Arc::new(router), edge })
    }

    /// Answers one request, whose peer is among its extensions if it is known. Never fails: what
    /// goes wrong is an answer too.
    pub async fn handle(&self, mut request: Request<Body>) -> Response {
        let peer = request.extensions_mut().remove::<Peer>();
        self.answer(request, peer, None).await
    }

    /// The same for a request of a connection, which is `busy` until the answer has ended.
    pub(crate) async fn answer(
        &self,
        request: Request<Body>,
        peer: Option<Peer>,
        busy: Option<Busy>,
    ) -> Response {
        let edge = &self.edge;
        let (mut parts, body) = request.into_parts();
        let led = guests::lead(&*edge.guests, &mut parts);
        let dialect = Dialect::of_path(parts.uri.path());
        let look = (dialect == Dialect::Html).then(|| Box::new(look(edge, &parts.headers)));
        let network = edge.trusted.network(peer.as_ref(), &parts.headers);
        let (said, refused) = match led.and_then(|led| checked(edge, &mut parts, led)) {
            Ok(said) => (said, None),
            Err(error) => (Said::default(), Some(error)),
        };
        let exchange = Exchange(Arc::new(Inner {
            edge: Arc::clone(edge),
            id: RequestId::new(&*edge.clock, &*edge.rng),
            network,
            uid: peer.and_then(|peer| peer.uid()),
            said,
            started: edge.clock.elapsed(),
            note: Note::new(dialect),
            post: OnceLock::new(),
            caller: OnceLock::new(),
        }));
        let is_head = parts.method == Method::HEAD;
        let watch = Watch::new(exchange.clone(), parts.method.clone(), busy);
        let response = match refused {
            Some(error) => Fault::from(error).into_response(),
            None => self.routed(parts, body, &exchange).await,
        };
        let response = finished(response, &exchange, look.as_deref());
        watch.wrap(if is_head { reply::head_only(response) } else { response })
    }

    /// Finds the row, lets its guard look at the request, and runs its handler. A panic in it is an
    /// error of this request alone.
    async fn routed(&self, mut parts: request::Parts, body: Body, exchange: &Exchange) -> Response {
        let (post, path) = match self.found(&mut parts) {
            Ok(Found::Row(post, path)) => (post, path),
            Ok(Found::OtherMethods(allowed)) => return wrong_method(&parts.method, allowed),
            Ok(Found::Nothing) => return no_route(parts.uri.path()).into_response(),
            Err(error) => return Fault::from(error).into_response(),
        };
        if let Err(response) = admit(post, exchange, &mut parts).await {
            return response;
        }
        parts.extensions.insert(exchange.clone());
        if let Some(path) = path {
            parts.extensions.insert(path);
        }
        let once = once::is_wanted(&post.route, &parts.headers);
        let request = Request::from_parts(parts, body);
        if once {
            return once::run(Arc::clone(post), exchange.clone(), request).await;
        }
        let answer = AssertUnwindSafe(post.run(request));
        match answer.catch_unwind().await {
            Ok(response) => response,
            // The panic's own words may hold anything: they are not passed on.
            Err(_) => Fault::from(Error::internal("a handler panicked")).into_response(),
        }
    }

    /// What a request's path leads to. Where that is nothing of ours, a guest may have the path.
    fn found(&self, parts: &mut request::Parts) -> Result<Found<'_>, Error> {
        let found = self.router.find(&parts.method, parts.uri.path());
        if !matches!(found, Found::Nothing) {
            return Ok(found);
        }
        let Some(place) = self.edge.guests.at_path(parts.uri.path()) else { return Ok(found) };
        parts.uri = guests::moved(&parts.uri, &place)?;
        Ok(self.router.find(&parts.method, parts.uri.path()))
    }
}

/// For tests and for tower.
impl Service<Request<Body>> for App {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let app = self.clone();
        Box::pin(async move { Ok(app.handle(request).await) })
    }
}

/// What the request says to us alone, if its headers are as they should be. The name of a `guest`
/// is ours to answer at.
fn checked(edge: &Edge, parts: &mut request::Parts, guest: bool) -> Result<Said, Error> {
    if !guest {
        edge.check_host(&parts.headers, &parts.uri)?;
    }
    headers::clean(&mut parts.headers, parts.uri.path())
}

fn look(edge: &Edge, headers: &HeaderMap) -> Look {
    let (locale, theme) = page::preferences(headers, edge.cookies());
    Look {
        locale,
        theme,
        stylesheet: edge.assets.path("tollgate.css"),
        brand: edge.brand.clone(),
        json: takes_json_only(headers),
    }
}

/// An error becomes bytes here, and every answer gets its headers.
fn finished(mut response: Response, exchange: &Exchange, look: Option<&Look>) -> Response {
    let edge = exchange.edge();
    if let Some(Failure(error)) = response.extensions_mut().remove::<Failure>() {
        let dialect = exchange.note().dialect();
        let mut rendered = render(&error, dialect, exchange.id(), look);
        let kept = |name: &HeaderName| {
            [ALLOW, SET_COOKIE, VARY, ACCESS_CONTROL_ALLOW_ORIGIN].contains(name)
                || name.as_str() == "tollgate-profile"
                || name.as_str().starts_with("x-ratelimit-")
        };
        for (name, value) in response.headers().iter().filter(|(name, _)| kept(name)) {
            rendered.headers_mut().append(name, value.clone());
        }
        exchange.note().error(error);
        response = rendered;
    }
    reply::dress(response.headers_mut(), exchange.id(), edge.https());
    response
}

/// There is no such route. At the models door that is a list of what is allowed, not a mistake.
fn no_route(path: &str) -> Fault {
    if Dialect::of_path(path) == Dialect::OpenAi {
        return Error::new(
            Kind::RouteNotAllowed,
            "This route is not offered here. GET /v1/models lists the models; the reference \
             lists the routes.",
        )
        .into();
    }
    Error::not_found().into()
}

fn wrong_method(method: &Method, allowed: HeaderValue) -> Response {
    let said = format!("{method} is not offered at this path. The Allow header says what is.");
    let mut response = Fault::from(Error::new(Kind::MethodNotAllowed, said)).into_response();
    response.headers_mut().insert(ALLOW, allowed);
    response
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
#[path = "app_tests.rs"]
mod tests;
