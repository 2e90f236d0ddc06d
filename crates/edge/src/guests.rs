//! Names and paths of this server that are not its own: there the APIs of others answer, through a
//! door of ours, and none of our pages.

use http::header::HOST;
use http::uri::PathAndQuery;
use http::{Extensions, HeaderMap, Uri, request};
use tollgate_kernel::Error;

/// Who answers at a name or at a path that is not our own.
pub trait Guests: Send + Sync {
    /// What answers at `host`: a name in lower case, without its port; `None` where that is ours.
    /// `path` is what is asked for there.
    fn at_host(&self, host: &str, path: &str) -> Option<Guest>;

    /// The place in our rows of a path that no row has; `None` where nobody is.
    fn at_path(&self, path: &str) -> Option<String>;
}

/// What answers at a name that is not our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guest {
    /// The rows under this path, which ends without a slash.
    Under(String),
    /// The row at the path that is asked for: one that stands at the root of every name.
    AsItIs,
}

/// Nobody.
pub struct NoGuests;

impl Guests for NoGuests {
    fn at_host(&self, _: &str, _: &str) -> Option<Guest> {
        None
    }

    fn at_path(&self, _: &str) -> Option<String> {
        None
    }
}

/// The request came to a guest's own name; among a request's extensions.
#[derive(Clone, Copy, Debug)]
struct AtOwnHost;

/// Whether the request that `extensions` belong to came to the name of the guest that answers it,
/// and not to a path of ours.
pub fn came_to_own_host(extensions: &Extensions) -> bool {
    extensions.get::<AtOwnHost>().is_some()
}

/// Leads a request for a guest's name to that guest's rows. Whether it did.
pub(crate) fn lead(guests: &dyn Guests, parts: &mut request::Parts) -> Result<bool, Error> {
    let Some(host) = one_host(&parts.headers, &parts.uri)? else { return Ok(false) };
    let found = if host.bytes().any(|b| b.is_ascii_uppercase()) {
        guests.at_host(&host.to_ascii_lowercase(), parts.uri.path())
    } else {
        guests.at_host(host, parts.uri.path())
    };
    match found {
        None => return Ok(false),
        Some(Guest::AsItIs) => {}
        Some(Guest::Under(place)) => {
            let path = format!("{place}{}", parts.uri.path());
            parts.uri = moved(&parts.uri, &path)?;
            parts.extensions.insert(AtOwnHost);
        }
    }
    Ok(true)
}

/// `uri` with another path and the same query.
pub(crate) fn moved(uri: &Uri, path: &str) -> Result<Uri, Error> {
    let whole = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let whole = whole.parse::<PathAndQuery>();
    let whole = whole.map_err(|_| Error::invalid("The path of the request cannot be read."))?;
    Ok(Uri::from(whole))
}

/// The name that a request is for, without its port. Two that differ are refused: another server on
/// the way may have gone by the other one.
fn one_host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Result<Option<&'a str>, Error> {
    let mut lines = headers.get_all(HOST).iter();
    let (said, second) = (lines.next(), lines.next());
    let said = said.map(|host| host.to_str().unwrap_or_default());
    let asked = uri.authority().map(|authority| authority.as_str());
    let differ = said.zip(asked).is_some_and(|(said, asked)| !said.eq_ignore_ascii_case(asked));
    if second.is_some() || differ {
        let what = "The request names two hosts. Send one.";
        return Err(Error::invalid(what).with_param("Host"));
    }
    Ok(said.or(asked).map(without_port))
}

fn without_port(host: &str) -> &str {
    // A name may end with a dot, which means the same.
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use http::Request;

    use super::*;

    struct Todo;

    impl Guests for Todo {
        fn at_host(&self, host: &str, path: &str) -> Option<Guest> {
            match (host, path) {
                ("todo.example", "/token") => Some(Guest::AsItIs),
                ("todo.example", _) => Some(Guest::Under("/tools/todo".to_owned())),
                _ => None,
            }
        }

        fn at_path(&self, _: &str) -> Option<String> {
            None
        }
    }

    fn led(uri: &str, hosts: &[&str]) -> Result<(bool, String, bool), Error> {
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let mut parts = request.body(()).unwrap().into_parts().0;
        let led = lead(&Todo, &mut parts)?;
        Ok((led, parts.uri.to_string(), came_to_own_host(&parts.extensions)))
    }

    #[test]
    fn a_guests_name_leads_to_its_rows_and_no_other_does() {
        let there = |path: &str| (true, path.to_owned(), true);
        for host in ["todo.example", "TODO.Example", "todo.example:8443", "todo.example."] {
            assert_eq!(led("/a/b?c=d", &[host]).unwrap(), there("/tools/todo/a/b?c=d"), "{host}");
            assert_eq!(led("/", &[host]).unwrap(), there("/tools/todo/"));
            assert_eq!(led("/account", &[host]).unwrap(), there("/tools/todo/account"));
        }
        let ours = |path: &str| (false, path.to_owned(), false);
        for host in ["example", "x.todo.example", "todo.example.evil", "atodo.example", ""] {
            assert_eq!(led("/account", &[host]).unwrap(), ours("/account"), "{host}");
        }
        assert_eq!(led("/account", &[]).unwrap(), ours("/account"));
        assert_eq!(led("https://todo.example/a", &[]).unwrap(), there("/tools/todo/a"));
        let aliased = led("/token", &["todo.example"]).unwrap();
        assert_eq!(aliased, (true, "/token".to_owned(), false));
    }

    #[test]
    fn a_request_for_two_names_is_refused() {
        assert!(led("/", &["todo.example", "ai.example.com"]).is_err());
        assert!(led("/", &["todo.example", "todo.example"]).is_err());
        assert!(led("https://ai.example.com/", &["todo.example"]).is_err());
        assert!(led("https://todo.example/a", &["todo.example"]).is_ok());
    }
}
