//! Where a tool is found: its own name, or a path of ours.

use http::request::Parts;
use tollgate_edge::came_to_own_host;
use tollgate_gate::ToolPlaces;
use tollgate_kernel::{Error, Kind};
use tollgate_store::{ToolAuth, ToolRecord};
use url::{Host, Url};

/// What stands before the name of a tool in the paths of our rows.
pub(crate) const ROOT: &str = "/tools";

/// First parts of paths that are ours.
const OURS: [&str; 24] = [
    ".well-known",
    "account",
    "admin",
    "aip",
    "api",
    "assets",
    "authorize",
    "callback",
    "connections",
    "healthz",
    "livez",
    "login",
    "logout",
    "metrics",
    "oauth",
    "openapi.json",
    "readyz",
    "register",
    "setup",
    "signup",
    "token",
    "tools",
    "v1",
    "preferences",
];

/// Where tools are found, and what of them is published there.
#[derive(Clone)]
pub(crate) struct Places {
    found: ToolPlaces,
    loopback_tools: bool,
}

impl std::ops::Deref for Places {
    type Target = ToolPlaces;

    fn deref(&self) -> &ToolPlaces {
        &self.found
    }
}

impl Places {
    /// Of `public_url`; with `loopback_tools` all modes are published on loopback too.
    pub(crate) fn new(public_url: &Url, loopback_tools: bool) -> Self {
        Self { found: ToolPlaces::new(public_url), loopback_tools }
    }

    /// Whether all modes are published on loopback too.
    pub(crate) fn publishes_all(&self) -> bool {
        self.loopback_tools
    }

    /// The name at which a tool is found.
    pub(crate) fn host_of(&self, tool: &ToolRecord) -> String {
        tool.host.clone().unwrap_or_else(|| self.host().to_owned())
    }

    /// Refuses to publish what must not be: on loopback, where a browser of anybody's may call, all
    /// modes but `none` wait for a switch.
    pub(crate) fn may_publish(&self, tool: &ToolRecord) -> Result<(), Error> {
        if !self.is_loopback() || self.loopback_tools || tool.auth == ToolAuth::None {
            return Ok(());
        }
        Err(Error::new(
            Kind::NotFound,
            "On loopback only tools that are open to everybody are published. Set \
             dev.loopback_tools to publish all of them for tests.",
        ))
    }

    /// Checks a name that a tool is to have: in lower case, without a port.
    pub(crate) fn checked_host(&self, host: &str) -> Result<String, Error> {
        let wrong = |what: &'static str| Err(Error::invalid(what).with_param("host"));
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let is_name = host.len() <= 253 && host.contains('.') && host.split('.').all(label);
        let is_number = Host::parse(host).map(|host| !matches!(host, Host::Domain(_)));
        if !is_name || is_number.unwrap_or(true) {
            return wrong(
                "A host is a name in lower case like todo.example.com, without a scheme or port.",
            );
        }
        if host == self.host() {
            return wrong(
                "This is the name of the installation itself. Use a path, or another name.",
            );
        }
        Ok(host.to_owned())
    }

    /// Checks a path that a tool is to have, and leaves out the slash at its end: the root is
    /// empty.
    pub(crate) fn checked_path(whole: &str, id: &str) -> Result<String, Error> {
        let wrong = |what: &'static str| Err(Error::invalid(what).with_param("path"));
        let path = whole.strip_suffix('/').unwrap_or(whole);
        if path.is_empty() && !whole.is_empty() {
            return Ok(String::new());
        }
        let plain = |part: &str| {
            !part.is_empty()
                && !part.bytes().all(|b| b == b'.')
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
        };
        let mut parts = path.split('/');
        let is_path = path.len() <= 200 && parts.next() == Some("") && parts.clone().all(plain);
        let Some(first) = parts.next().filter(|_| is_path) else {
            return wrong(
                "A path begins with a slash, like /todo; parts have letters, digits, -._~",
            );
        };
        if path == format!("{ROOT}/{id}") {
            return Ok(path.to_owned());
        }
        if OURS.contains(&first) {
            return wrong("Paths that begin so belong to this server. Use another one.");
        }
        Ok(path.to_owned())
    }
}

/// How a request came to the tool: by the tool's own name, or by a path.
#[derive(Clone, Copy)]
pub(crate) struct Came {
    own_host: bool,
}

impl Came {
    /// The root by which the request came to `tool`, without a slash at its end.
    pub(crate) fn root(self, places: &Places, tool: &ToolRecord) -> String {
        let own = if self.own_host { places.host_root(tool) } else { None };
        own.unwrap_or_else(|| places.path_root(tool))
    }

    /// Whether it came by the tool's own name.
    pub(crate) fn to_own_host(self) -> bool {
        self.own_host
    }
}

impl<S: Sync> axum::extract::FromRequestParts<S> for Came {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self { own_host: came_to_own_host(&parts.extensions) })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tollgate_kernel::Slug;

    use super::*;

    fn places(url: &str) -> Places {
        Places::new(&Url::parse(url).unwrap(), false)
    }

    fn tool(host: Option<&str>, path: Option<&str>) -> ToolRecord {
        let id = Slug::parse("todo").unwrap();
        let mut tool = ToolRecord::new(id, "http://127.0.0.1:9000".to_owned(), ToolAuth::None);
        tool.host = host.map(str::to_owned);
        tool.path = path.map(str::to_owned);
        tool
    }

    #[test]
    fn a_tool_has_one_address() {
        let wide = places("https://ai.example.com");
        let near = places("http://localhost:8080");
        let cases = [
            (&wide, tool(Some("todo.example.com"), None), "https://todo.example.com"),
            (&wide, tool(None, None), "https://ai.example.com/tools/todo"),
            (&wide, tool(None, Some("/lists/todo")), "https://ai.example.com/lists/todo"),
            (&wide, tool(None, Some("")), "https://ai.example.com"),
            (&near, tool(None, None), "http://todo.localhost:8080"),
            (&near, tool(None, Some("/todo")), "http://localhost:8080/todo"),
            (&near, tool(Some("a.example.com"), Some("/b")), "http://a.example.com:8080"),
        ];
        for (places, tool, address) in cases {
            assert_eq!(places.address(&tool), address);
        }
    }

    #[test]
    fn on_loopback_open_tools_alone_are_published() {
        let mut guarded = tool(None, None);
        guarded.auth = ToolAuth::UserHttp { scheme: tollgate_store::HttpScheme::Bearer };
        let near = places("http://localhost:8080");
        assert!(near.may_publish(&tool(None, None)).is_ok());
        assert!(near.may_publish(&guarded).is_err());
        assert!(places("https://ai.example.com").may_publish(&guarded).is_ok());
        let url = Url::parse("http://localhost:8080").unwrap();
        assert!(Places::new(&url, true).may_publish(&guarded).is_ok());
    }

    #[test]
    fn names_and_paths_are_plain_and_not_ours() {
        let places = places("https://ai.example.com");
        assert!(places.checked_host("todo.example.com").is_ok());
        assert!(places.checked_host("todo.localhost").is_ok());
        for bad in [
            "ai.example.com",
            "Todo.example.com",
            "todo.example.com:8443",
            "https://todo.example.com",
            "todo",
            "",
            "10.0.0.1",
            "[::1]",
            "a..b",
            "-a.b",
            "a_b.example",
            "todo.example.com/",
            "0x7f.1",
        ] {
            assert_eq!(places.checked_host(bad).unwrap_err().param(), Some("host"), "{bad}");
        }
        let path = |path| Places::checked_path(path, "todo");
        assert_eq!(path("/todo/").unwrap(), "/todo");
        assert_eq!(path("/a/b.c").unwrap(), "/a/b.c");
        assert_eq!(path("/").unwrap(), "");
        assert_eq!(path("/tools/todo").unwrap(), "/tools/todo");
        for bad in
            ["todo", "", "//", "/a//b", "/a/../b", "/%61", "/a?b", "/api/x", "/v1", "/tools/x"]
        {
            assert_eq!(path(bad).unwrap_err().param(), Some("path"), "{bad}");
        }
    }
}
