//! How the management API is asked: addresses, lists to their end, refusals in the server's words.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use url::{Host, Url};

use super::screen::{Screen, plain};
use crate::ask::{Answer, Asker};
use crate::cli::args::ListArgs;
use crate::exit::Exit;

/// The most items that the API gives in one page.
const PAGE: u32 = 500;

/// Who asks the running server, and shows what it answers.
pub(super) struct Manager {
    /// The server's socket.
    pub(super) socket: PathBuf,
    /// Where the server listens.
    pub(super) listen: SocketAddr,
    /// Where answers are shown.
    pub(super) screen: Screen,
}

/// Members of a query.
pub(super) type Query = Vec<(&'static str, String)>;

/// A list, as much of it as was asked for.
pub(super) struct Listed {
    /// The items of all pages.
    pub(super) items: Vec<Value>,
    next: Option<String>,
    only: Option<Bytes>,
}

impl Listed {
    /// The API's answer: untouched where one page was all.
    pub(super) fn json(&self) -> Bytes {
        let all = || json!({ "items": self.items, "next": self.next }).to_string().into();
        self.only.clone().unwrap_or_else(all)
    }

    /// Where the list goes on, if it was not read to its end.
    pub(super) fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }
}

impl Manager {
    /// Asks for `path`, over a connection of its own: between two requests a person may think
    /// longer than a server waits. What the server refuses is an error.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Exit> {
        let answer = self.try_ask(method, path, body).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(refusal(&answer)) }
    }

    /// The same, with refusals among the answers.
    pub(super) async fn try_ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Exit> {
        Asker::local(&self.socket).await?.ask(method, path, body).await
    }

    /// Reads a list to its end, or as far as `args` say.
    pub(super) async fn follow(
        &self,
        path: &str,
        query: &Query,
        args: &ListArgs,
    ) -> Result<Listed, Exit> {
        let mut items: Vec<Value> = Vec::new();
        let mut next = args.cursor.clone();
        let mut pages = 0_u32;
        loop {
            let so_far = u32::try_from(items.len()).unwrap_or(u32::MAX);
            let rest = args.limit.map_or(PAGE, |limit| limit.saturating_sub(so_far));
            let mut query = query.clone();
            query.push(("limit", rest.min(PAGE).to_string()));
            query.extend(next.take().map(|cursor| ("cursor", cursor)));
            let answer = self.ask(Method::GET, &with_query(path, &query), None).await?;
            let page = object(&answer)?;
            let found = page.get("items").and_then(Value::as_array);
            items.extend(found.cloned().unwrap_or_default());
            next = page.get("next").and_then(Value::as_str).map(str::to_owned);
            pages += 1;
            let enough = args.limit.is_some_and(|limit| items.len() as u64 >= u64::from(limit));
            if next.is_none() || enough {
                let only = (pages == 1).then_some(answer.body);
                return Ok(Listed { items, next, only });
            }
        }
    }

    /// The id of a person, who may be named by e-mail address.
    pub(super) async fn user_id(&self, named: &str) -> Result<String, Exit> {
        if !named.contains('@') {
            return Ok(named.to_owned());
        }
        let query = vec![("email", named.to_owned())];
        let all = self.follow("/api/v1/users", &query, &ListArgs::default()).await?;
        // The API gives addresses that begin so.
        let same = |user: &&Value| {
            let email = user.get("email").and_then(Value::as_str).unwrap_or_default();
            email.to_lowercase() == named.to_lowercase()
        };
        let id = all.items.iter().find(same).and_then(|user| user.get("id")?.as_str());
        let nobody = || Exit::not_found(format!("nobody here has the address {}", plain(named)));
        id.map(str::to_owned).ok_or_else(nobody)
    }
}

/// The path of an object, with `more` behind it.
pub(super) fn path_of(collection: &str, id: &str, more: &str) -> Result<String, Exit> {
    Ok(format!("/api/v1/{collection}/{}{more}", escaped(id)?))
}

/// A name as a part of a path.
pub(super) fn escaped(name: &str) -> Result<String, Exit> {
    if matches!(name, "" | "." | "..") {
        return Err(Exit::usage(format!("{name:?} is not the name of anything")));
    }
    let mut part = String::new();
    for byte in name.bytes() {
        match byte {
            b'-' | b'_' | b'.' | b'~' => part.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => part.push(char::from(byte)),
            _ => part.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(part)
}

/// `path` with a query behind it.
pub(super) fn with_query(path: &str, query: &Query) -> String {
    if query.is_empty() {
        return path.to_owned();
    }
    let mut written = url::form_urlencoded::Serializer::new(String::new());
    written.extend_pairs(query);
    format!("{path}?{}", written.finish())
}

/// The object in an answer.
pub(super) fn object(answer: &Answer) -> Result<Value, Exit> {
    let strange = |_| Exit::run_time("the server's answer is not JSON; is it another version?");
    serde_json::from_slice(&answer.body).map_err(strange)
}

/// What the server refused: in its words, with the member it means and the request's id.
pub(super) fn refusal(answer: &Answer) -> Exit {
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let words = text("detail").or_else(|| text("title"));
    let mut what = match words {
        Some(words) => plain(words),
        None => format!("the server answered {}", answer.status),
    };
    let id = Some(answer.request_id.as_str()).filter(|id| !id.is_empty());
    let request = id.or_else(|| text("request_id")).map(|id| format!("request {}", plain(id)));
    let param = text("param").map(|param| format!("param {}", plain(param)));
    let place: Vec<String> = param.into_iter().chain(request).collect();
    if !place.is_empty() {
        what.push_str(&format!(" ({})", place.join(", ")));
    }
    Exit::refused(answer.status, what)
}

/// The address of a server on this machine, from its origin.
pub(in crate::cli) fn loopback(url: &str) -> Result<SocketAddr, Exit> {
    let wrong = || Exit::usage("--url takes an origin on this machine, http://127.0.0.1:8700");
    let url = Url::parse(url).map_err(|_| wrong())?;
    let ip = match url.host() {
        Some(Host::Ipv4(ip)) if ip.is_loopback() => IpAddr::V4(ip),
        Some(Host::Ipv6(ip)) if ip.is_loopback() => IpAddr::V6(ip),
        Some(Host::Domain("localhost")) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        _ => return Err(wrong()),
    };
    let port = url.port_or_known_default().filter(|_| url.scheme() == "http").ok_or_else(wrong)?;
    Ok(SocketAddr::new(ip, port))
}

/// Where a server that listens on `address` is reached from this machine.
pub(super) fn from_here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn ids_cannot_leave_their_place_in_the_path() {
        assert!(path_of("plans", "a-b_1.c~", "").is_ok_and(|p| p == "/api/v1/plans/a-b_1.c~"));
        let odd = path_of("plans", "a/../b?c=d#e f%é", "/x").ok();
        assert_eq!(odd.as_deref(), Some("/api/v1/plans/a%2F..%2Fb%3Fc%3Dd%23e%20f%25%C3%A9/x"));
        for id in ["", ".", ".."] {
            assert!(path_of("plans", id, "").is_err(), "{id:?}");
        }
        let query = vec![("email", "a+b&c@d.example".to_owned())];
        assert_eq!(with_query("/x", &query), "/x?email=a%2Bb%26c%40d.example");
    }

    #[test]
    fn refusals_say_what_where_and_which_request() {
        let answer = |status: u16, body: &'static str| Answer {
            status: StatusCode::from_u16(status).unwrap(),
            request_id: "r1".to_owned(),
            body: Bytes::from_static(body.as_bytes()),
        };
        let body = r#"{"detail":"No such plan.","param":"plan","request_id":"r1"}"#;
        let exit = refusal(&answer(400, body));
        assert_eq!(exit.to_string(), "error: No such plan. (param plan, request r1)");
        assert_eq!(exit.code(), 2);
        let exit = refusal(&answer(503, "{}"));
        assert_eq!(exit.code(), 69);
        assert!(exit.to_string().contains("503"), "{exit}");
        assert_eq!(refusal(&answer(500, "<html>")).code(), 1);
        assert!(!refusal(&answer(404, r#"{"detail":"\u001b[2J"}"#)).to_string().contains('\u{1b}'));
    }

    #[test]
    fn only_this_machine_is_asked() {
        let reached = |url| loopback(url).ok().map(|address| address.to_string());
        assert_eq!(reached("http://localhost:8700").as_deref(), Some("127.0.0.1:8700"));
        assert_eq!(reached("http://[::1]:1/").as_deref(), Some("[::1]:1"));
        assert_eq!(reached("http://127.0.0.2").as_deref(), Some("127.0.0.2:80"));
        for url in ["https://localhost:1", "http://10.0.0.1:1", "http://localhost.x:1", "x", ""] {
            assert_eq!(reached(url), None, "{url}");
        }
        let here = from_here("0.0.0.0:7".parse().unwrap());
        assert_eq!(here.to_string(), "127.0.0.1:7");
    }
}
