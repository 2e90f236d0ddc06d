//! Rows: what a door offers, readable from top to bottom.

use std::sync::Arc;

use axum::body::Body;
use axum::handler::Handler;
use axum::response::Response;
use futures_util::future::BoxFuture;
use http::{Method, Request};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use tollgate_kernel::Access;

use crate::error::Dialect;

/// What a row says about its route.
#[derive(Clone)]
pub struct Route {
    /// The method. GET answers HEAD too.
    pub method: Method,
    /// The path, with `{name}` for a part and `{*name}` for all the rest.
    pub path: &'static str,
    /// What is asked of the caller.
    pub access: Access,
    /// What it does, in one sentence without a full stop.
    pub summary: &'static str,
    /// How errors are said.
    pub dialect: Dialect,
    /// The largest body, in bytes.
    pub body_limit: usize,
    /// Whether a POST of the management API that is sent again gets its first answer. Not where the
    /// answer is soon worth nothing, and doing it again changes nothing.
    pub done_once: bool,
    /// Whether credentials are looked at. Only routes that treat everybody alike leave them.
    pub reads_credentials: bool,
    /// What its body is.
    pub takes: Option<Shape>,
    /// What its query is.
    pub asks: Option<Shape>,
    /// What it answers.
    pub answers: Option<Shape>,
}

/// Makes the JSON Schema of a type.
pub type Shape = fn(&mut SchemaGenerator) -> Schema;

/// Largest body of a row that says nothing else, in bytes.
const BODY_LIMIT: usize = 64 * 1_024;

/// A handler whose state is `S`, whatever it takes.
type Handle<S> = Arc<dyn Fn(Request<Body>, S) -> BoxFuture<'static, Response> + Send + Sync>;

/// A route and its handler, whose state is `S`.
pub struct Row<S = ()> {
    pub(crate) route: Route,
    pub(crate) handler: Handle<S>,
}

impl<S: Clone + Send + Sync + 'static> Row<S> {
    /// `GET path`.
    pub fn get<H, T>(path: &'static str, access: Access, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, S, Future = BoxFuture<'static, Response>>,
        T: 'static,
    {
        Self::new(Method::GET, path, access, summary, handler)
    }

    /// `POST path`.
    pub fn post<H, T>(path: &'static str, access: Access, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, S, Future = BoxFuture<'static, Response>>,
        T: 'static,
    {
        Self::new(Method::POST, path, access, summary, handler)
    }

    /// `PUT path`.
    pub fn put<H, T>(path: &'static str, access: Access, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, S, Future = BoxFuture<'static, Response>>,
        T: 'static,
    {
        Self::new(Method::PUT, path, access, summary, handler)
    }

    /// `PATCH path`.
    pub fn patch<H, T>(
        path: &'static str,
        access: Access,
        summary: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<T, S, Future = BoxFuture<'static, Response>>,
        T: 'static,
    {
        Self::new(Method::PATCH, path, access, summary, handler)
    }

    /// `DELETE path`.
    pub fn delete<H, T>(
        path: &'static str,
        access: Access,
        summary: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<T, S, Future = BoxFuture<'static, Response>>,
        T: 'static,
    {
        Self::new(Method::DELETE, path, access, summary, handler)
    }

    /// `OPTIONS path`: the question of a browser before a page of another origin sends something.
    pub fn options<H, T>(
        path: &'static str,
        access: Access,
        summary: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<T, S, Future = BoxFuture<'static, Response>>,
        T: 'static,
    {
        Self::new(Method::OPTIONS, path, access, summary, handler)
    }

    /// Any `method` at `path`.
    pub fn new<H, T>(
        method: Method,
        path: &'static str,
        access: Access,
        summary: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<T, S, Future = BoxFuture<'static, Response>>,
        T: 'static,
    {
        let route = Route {
            method,
            path,
            access,
            summary,
            dialect: Dialect::of_path(path),
            body_limit: BODY_LIMIT,
            done_once: true,
            reads_credentials: true,
            takes: None,
            asks: None,
            answers: None,
        };
        let handler = move |request, state| handler.clone().call(request, state);
        Self { route, handler: Arc::new(handler) }
    }

    /// Its body is a `T`.
    pub fn takes<T: JsonSchema>(mut self) -> Self {
        self.route.takes = Some(|schemas| schemas.subschema_for::<T>());
        self
    }

    /// Its query is a `T`.
    pub fn asks<T: JsonSchema>(mut self) -> Self {
        self.route.asks = Some(|schemas| schemas.subschema_for::<T>());
        self
    }

    /// It answers with a `T`.
    pub fn answers<T: JsonSchema>(mut self) -> Self {
        self.route.answers = Some(|schemas| schemas.subschema_for::<T>());
        self
    }

    /// Bodies of up to `bytes` are taken.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.route.body_limit = bytes;
        self
    }

    /// Errors are said in `dialect`, whatever is usual at this path.
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.route.dialect = dialect;
        self
    }

    /// Credentials are not looked at, so that it answers when nothing can be looked up.
    pub fn ignores_credentials(mut self) -> Self {
        self.route.reads_credentials = false;
        self
    }

    /// A POST that may be done again at any time: `Idempotency-Key` is not heeded, and no answer is
    /// kept.
    pub fn done_anew(mut self) -> Self {
        self.route.done_once = false;
        self
    }

    /// What the row says.
    pub fn route(&self) -> &Route {
        &self.route
    }
}

/// Gives the rows of a door their state, so that they can stand beside those of others.
pub fn bind<S: Clone + Send + Sync + 'static>(rows: Vec<Row<S>>, state: &S) -> Vec<Row> {
    let bound = |Row { route, handler }: Row<S>| {
        let state = state.clone();
        let handler = move |request, ()| handler(request, state.clone());
        Row { route, handler: Arc::new(handler) }
    };
    rows.into_iter().map(bound).collect()
}

/// Every route and what it asks of its caller, sorted, for the identity matrix.
pub fn inventory<S>(rows: &[Row<S>]) -> Vec<(Method, &'static str, Access)> {
    let mut list: Vec<_> = rows
        .iter()
        .map(|row| (row.route.method.clone(), row.route.path, row.route.access))
        .collect();
    list.sort_by(|a, b| (a.1, a.0.as_str()).cmp(&(b.1, b.0.as_str())));
    list
}

/// Rows whose body or query is a type that does not deny unknown fields, as `METHOD path`. A test
/// wants this to be empty: a member that is misspelt must not be overheard.
pub fn loose_schemas<S>(rows: &[Row<S>]) -> Vec<String> {
    let loose = |shape: Option<Shape>| {
        shape.is_some_and(|shape| {
            let mut settings = schemars::generate::SchemaSettings::draft2020_12();
            settings.inline_subschemas = true;
            let schema = shape(&mut settings.into_generator());
            schema.get("properties").is_some()
                && schema.get("additionalProperties") != Some(&serde_json::Value::Bool(false))
        })
    };
    rows.iter()
        .filter(|row| loose(row.route.takes) || loose(row.route.asks))
        .map(|row| format!("{} {}", row.route.method, row.route.path))
        .collect()
}
