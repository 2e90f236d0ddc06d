//! The HTTP vocabulary that all doors share.
//!
//! A door declares [`Row`]s; [`App::build`] puts authentication around them and [`Serve`] answers
//! connections with them. A handler takes extractors ([`Caller`], [`Body`], [`Form`], [`Query`],
//! [`Visit`]) and returns a [`Reply`]; what goes wrong is a [`tollgate_kernel::Error`], which
//! [`render`] alone turns into bytes, in the dialect of the route.

mod app;
mod body;
mod context;
mod cookies;
mod credentials;
mod csrf;
mod error;
mod extract;
mod guard;
mod guests;
mod headers;
mod limits;
mod listen;
mod log;
mod network;
mod once;
mod openapi;
pub mod page;
pub mod reply;
mod route;
mod router;
pub mod shapes;
mod stream;
#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod testing;
mod tls;
mod traffic;

pub use app::App;
pub use context::{Edge, Exchange, Hosts, Parts};
pub use cookies::{CookieNames, Cookies};
pub use csrf::{CsrfKeys, safe_next};
pub use error::{Dialect, Fault, Look, render};
pub use extract::{Body, Caller, Form, LateBody, Path, Query, RawBody};
pub use guard::Authenticator;
pub use guests::{Guest, Guests, NoGuests, came_to_own_host};
pub use limits::{Attempt, Guess, NetworkBook, NetworkLimits};
pub use listen::{Listener, Pace, Phase, Serve, Workers};
pub use log::{Note, RequestLog, Style, quoted};
pub use network::{Peer, TrustedProxies};
pub use once::Replays;
pub use openapi::openapi;
pub use page::{Locale, Theme, Visit};
pub use reply::Reply;
pub use route::{Route, Row, Shape, bind, inventory, loose_schemas};
pub use stream::{relay, speak};
pub use tls::{Certificate, Tls};
pub use traffic::Traffic;
