//! From a request's method and path to the row that answers it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Method, Request};
use tollgate_kernel::Error;

use crate::route::{Route, Row};

/// A row whose handler has its state.
pub(crate) struct Post {
    pub(crate) route: Route,
    run: Box<dyn Run>,
}

/// A handler that waits for requests.
trait Run: Fn(Request<Body>) -> BoxFuture<'static, Response> + Send + Sync {}

impl<F: Fn(Request<Body>) -> BoxFuture<'static, Response> + Send + Sync> Run for F {}

impl Post {
    fn of(row: Row) -> Self {
        let Row { route, handler } = row;
        Self { route, run: Box::new(move |request| handler(request, ())) }
    }

    /// Runs the handler.
    pub(crate) fn run(&self, request: Request<Body>) -> BoxFuture<'static, Response> {
        (self.run)(request)
    }
}

/// The parts of a path that stand in braces in the row's, decoded, in their order.
#[derive(Clone)]
pub(crate) struct PathParts(pub(crate) Arc<[String]>);

/// What a path leads to.
pub(crate) enum Found<'a> {
    /// A row, and the parts of the path that it names.
    Row(&'a Arc<Post>, Option<PathParts>),
    /// There are rows, though none of this method. These are the methods that there are.
    OtherMethods(HeaderValue),
    /// There is nothing.
    Nothing,
}

/// All rows, by path.
pub(crate) struct Router(matchit::Router<Vec<Arc<Post>>>);

impl Router {
    /// A router for `rows`. Two rows for one method and path are an error.
    pub(crate) fn new(rows: impl Iterator<Item = Row>) -> Result<Self, Error> {
        let mut paths: BTreeMap<&'static str, Vec<Arc<Post>>> = BTreeMap::new();
        for row in rows {
            let post = Arc::new(Post::of(row));
            let (method, path) = (&post.route.method, post.route.path);
            let posts = paths.entry(path).or_default();
            if posts.iter().any(|other| other.route.method == *method) {
                return Err(Error::internal(format!("{method} {path} stands in two rows")));
            }
            posts.push(post);
        }
        let mut router = matchit::Router::new();
        for (path, posts) in paths {
            router.insert(path, posts).map_err(Error::internal)?;
        }
        Ok(Self(router))
    }

    /// The row for `method` and `path`. GET answers HEAD too.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Found<'_> {
        let Ok(matched) = self.0.at(path) else {
            return Found::Nothing;
        };
        let asked = if *method == Method::HEAD { &Method::GET } else { method };
        let Some(post) = matched.value.iter().find(|post| post.route.method == *asked) else {
            return Found::OtherMethods(methods(matched.value));
        };
        let parts: Option<Arc<[String]>> =
            matched.params.iter().map(|(_, part)| decoded(part)).collect();
        match parts {
            Some(parts) if parts.is_empty() => Found::Row(post, None),
            Some(parts) => Found::Row(post, Some(PathParts(parts))),
            // A part that is no text names nothing.
            None => Found::Nothing,
        }
    }
}

/// A part of a path without its percent signs; `None` where it is no UTF-8.
fn decoded(part: &str) -> Option<String> {
    percent_encoding::percent_decode_str(part).decode_utf8().ok().map(|text| text.into_owned())
}

/// The value of `Allow`.
fn methods(posts: &[Arc<Post>]) -> HeaderValue {
    let mut names: Vec<&str> = posts.iter().map(|post| post.route.method.as_str()).collect();
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    names.sort_unstable();
    HeaderValue::from_str(&names.join(",")).unwrap_or(HeaderValue::from_static("GET"))
}
