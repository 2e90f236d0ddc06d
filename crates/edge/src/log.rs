//! One line for each request, written when its answer has ended.

mod line;
mod sink;
mod tracked;

use std::sync::{Arc, Mutex, PoisonError};

use tollgate_gate::Principal;
use tollgate_kernel::{Client, CredentialId, Error, Method, Subject};

use crate::error::Dialect;
use crate::route::Route;

pub use line::quoted;
pub use sink::{RequestLog, Style};
pub(crate) use tracked::Watch;

/// What is noted about a request while it is answered. Handlers add fields with [`Note::set`].
pub struct Note(Mutex<Noted>);

pub(crate) struct Noted {
    pub(crate) dialect: Dialect,
    route: Option<&'static str>,
    caller: Option<Noticed>,
    error: Option<Arc<Error>>,
    bytes_in: u64,
    fields: Vec<(&'static str, Arc<str>)>,
}

/// Who was seen.
#[derive(Clone)]
struct Noticed {
    subject: Subject,
    client: Client,
    method: Method,
    credential: CredentialId,
}

impl Note {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self(Mutex::new(Noted {
            dialect,
            route: None,
            caller: None,
            error: None,
            bytes_in: 0,
            fields: Vec::new(),
        }))
    }

    /// Adds a field to the line: `model`, `upstream`, `call`. Names are in the log's reference;
    /// values are never secrets, prompts or bodies.
    pub fn set(&self, field: &'static str, value: impl Into<Arc<str>>) {
        self.with(|noted| noted.fields.push((field, value.into())));
    }

    /// Notes an error that comes after the answer has begun, as in the middle of a stream.
    pub fn error(&self, error: Arc<Error>) {
        self.with(|noted| noted.error = Some(error));
    }

    pub(crate) fn route(&self, route: &Route) {
        self.with(|noted| {
            noted.route = Some(route.path);
            noted.dialect = route.dialect;
        });
    }

    /// Who asks, where the row does not find it out by itself.
    pub fn principal(&self, principal: &Principal) {
        let seen = Noticed {
            subject: principal.subject().clone(),
            client: principal.client(),
            method: principal.method(),
            credential: principal.credential(),
        };
        self.with(|noted| noted.caller = Some(seen));
    }

    pub(crate) fn bytes_in(&self, bytes: usize) {
        self.with(|noted| noted.bytes_in = bytes as u64);
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.with(|noted| noted.dialect)
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Noted) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    pub(crate) use super::sink::tests::Paper;
}
