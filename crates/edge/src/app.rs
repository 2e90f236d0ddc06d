//! All rows of all doors as one service: what happens to every request, whatever its route.

use std::collections::HashSet;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{ALLOW, SET_COOKIE};
use http::{HeaderMap, Method, Request, request};
use tollgate_kernel::{Error, Kind, RequestId};
use tower::Service;

use crate::context::{Edge, Exchange, Inner};
use crate::error::{Dialect, Failure, Fault, Look, render, takes_json_only};
use crate::guard::{Post, guard};
use crate::headers;
use crate::log::{Note, Watch};
use crate::network::Peer;
use crate::page;
use crate::reply;
use crate::route::Row;

/// The whole of Tollgate's HTTP surface. Cheap to clone.
#[derive(Clone)]
pub struct App {
    router: Router,
    edge: Arc<Edge>,
}

impl App {
    /// Puts the rows of all doors, and the shell's own, side by side. Two rows for one method and
    /// path are an error.
    pub fn build(rows: Vec<Row>, edge: Arc<Edge>) -> Result<Self, Error> {
        let mut seen = HashSet::new();
        let mut router = Router::new();
        for row in rows.into_iter().chain(page::routes()) {
            let Row { route, handler } = row;
            if !seen.insert((route.method.clone(), route.path)) {
                let twice = format!("{} {} stands in two rows", route.method, route.path);
                return Err(Error::internal(twice));
            }
            let path = route.path;
            let post = Arc::new(Post { edge: Arc::clone(&edge), route });
            let guarded = handler.route_layer(axum::middleware::from_fn_with_state(post, guard));
            router = router.route(path, guarded);
        }
        let router = router.method_not_allowed_fallback(wrong_method).fallback(no_route);
        Ok(Self { router, edge })
    }

    /// Answers one request. Never fails: what goes wrong is an answer too.
    pub async fn handle(&self, request: Request<Body>) -> Response {
        let edge = &self.edge;
        let (mut parts, body) = request.into_parts();
        let peer = parts.extensions.remove::<Peer>();
        let busy = peer.as_ref().and_then(|peer| peer.pulse.clone()).map(crate::listen::Busy::new);
        let dialect = Dialect::of_path(parts.uri.path());
        let look = (dialect == Dialect::Html).then(|| look(edge, &parts.headers));
        let network = edge.trusted.network(peer.as_ref(), &parts.headers);
        let (csrf, refused) = match checked(edge, &mut parts) {
            Ok(csrf) => (csrf, None),
            Err(error) => (None, Some(error)),
        };
        let exchange = Exchange(Arc::new(Inner {
            edge: Arc::clone(edge),
            id: RequestId::new(&*edge.clock, &*edge.rng),
            network,
            uid: peer.and_then(|peer| peer.uid()),
            csrf,
            started: edge.clock.elapsed(),
            note: Note::new(dialect),
        }));
        let watch = Watch::new(exchange.clone(), parts.method.clone(), busy);
        parts.extensions.insert(exchange.clone());
        let response = match refused {
            Some(error) => Fault::from(error).into_response(),
            None => self.routed(Request::from_parts(parts, body)).await,
        };
        watch.wrap(finished(response, &exchange, look.as_ref()))
    }

    /// Runs the handler. A panic in it is an error of this request alone.
    async fn routed(&self, request: Request<Body>) -> Response {
        let answer = self.router.clone().call(request);
        match AssertUnwindSafe(answer).catch_unwind().await {
            Ok(Ok(response)) => response,
            // The panic's own words may hold anything: they are not passed on.
            Err(_) => Fault::from(Error::internal("a handler panicked")).into_response(),
        }
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

/// The CSRF token of the request's header, if its headers are as they should be.
fn checked(edge: &Edge, parts: &mut request::Parts) -> Result<Option<String>, Error> {
    edge.check_host(&parts.headers, &parts.uri)?;
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
        for name in [ALLOW, SET_COOKIE] {
            for value in response.headers().get_all(&name) {
                rendered.headers_mut().append(&name, value.clone());
            }
        }
        exchange.note().error(error);
        response = rendered;
    }
    reply::dress(response.headers_mut(), exchange.id(), edge.https());
    response
}

/// There is no such route. At the models door that is a list of what is allowed, not a mistake.
async fn no_route(request: Request<Body>) -> Fault {
    if Dialect::of_path(request.uri().path()) == Dialect::OpenAi {
        return Error::new(
            Kind::RouteNotAllowed,
            "This route is not offered here. GET /v1/models lists the models; the reference \
             lists the routes.",
        )
        .into();
    }
    Error::not_found().into()
}

async fn wrong_method(method: Method) -> Fault {
    let said = format!("{method} is not offered at this path. The Allow header says what is.");
    Error::new(Kind::MethodNotAllowed, said).into()
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
#[path = "app_tests.rs"]
mod tests;
