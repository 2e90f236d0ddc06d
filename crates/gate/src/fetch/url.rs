//! The one type of an address that documents come from: parsed once, and what was checked is what
//! is dialled.

use std::net::IpAddr;

use tollgate_kernel::Error;
use url::{Host, Position, Url};

/// The longest address of a document, in bytes.
const MAX_LEN: usize = 2_048;

/// Who named an address decides how far it may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum NamedBy {
    /// Somebody with the owner's rights: any port, and on loopback http.
    Owner,
    /// The same, of a tool that is developed on this machine: it may be one of our own.
    Tool,
    /// Anybody: https on port 443 at a name.
    Others,
}

/// The address of a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DocumentUrl {
    url: Url,
    named_by: NamedBy,
}

impl DocumentUrl {
    /// Reads an address that anybody may have named.
    ///
    /// It is `https://`, a name in ASCII and a path, with port 443. Refuses user names, fragments,
    /// escapes and anything odd in the host, and white space, backslashes and control characters
    /// anywhere: two parsers could read those differently. Numbers for a name are refused when they
    /// are resolved, unless `outbound.allow` has them.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let Some(rest) = text.strip_prefix("https://") else {
            return Err(refused("an address begins with https://"));
        };
        let is_plain = |b: u8| b.is_ascii_graphic() && b != b'\\';
        if text.len() > MAX_LEN || !text.bytes().all(is_plain) {
            return Err(refused("an address is printable ASCII without a backslash"));
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if !is_plain_authority(authority) {
            return Err(refused("the host of an address is a plain name"));
        }
        let url = Url::parse(text).map_err(|_| refused("that is not an address"))?;
        Self::checked(url, NamedBy::Others)
    }

    /// An address that the owner has set.
    pub(crate) fn of_owner(url: &Url) -> Result<Self, Error> {
        Self::checked(url.clone(), NamedBy::Owner)
    }

    fn checked(url: Url, named_by: NamedBy) -> Result<Self, Error> {
        let document = Self { url, named_by };
        let url = &document.url;
        let host = url.host().ok_or_else(|| refused("the address names no host"))?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(refused("an address has neither a user name nor a fragment"));
        }
        if matches!(host, Host::Domain(name) if !is_plain_name(name)) {
            return Err(refused("the host of an address is a plain name"));
        }
        match (url.scheme(), named_by) {
            ("https", NamedBy::Owner | NamedBy::Tool) => Ok(document),
            ("http", NamedBy::Owner | NamedBy::Tool) if document.may_be_loopback() => Ok(document),
            ("https", NamedBy::Others) if document.port() == 443 => Ok(document),
            ("https", NamedBy::Others) => Err(refused("the port of an address is 443")),
            _ => Err(refused("an address begins with https://")),
        }
    }

    /// Where this one leads on, by the header `Location` of an answer. What leads to another origin
    /// is nobody's but that answer's.
    pub(super) fn redirected(&self, location: &str) -> Result<Self, Error> {
        let is_plain = |b: u8| b.is_ascii_graphic() && b != b'\\';
        if location.len() > MAX_LEN || !location.bytes().all(is_plain) {
            return Err(refused("an address is printable ASCII without a backslash"));
        }
        let mut url = self.url.join(location).map_err(|_| refused("that is not an address"))?;
        url.set_fragment(None);
        let same = url.origin() == self.url.origin();
        Self::checked(url, if same { self.named_by } else { NamedBy::Others })
    }

    /// The address.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Whether it is the owner's wish that this leads to this machine.
    pub(super) fn may_be_loopback(&self) -> bool {
        let is_loopback = match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        is_loopback && self.is_owners()
    }

    /// The same address of a tool that may be on this machine, beside us.
    pub(crate) fn of_tool(mut self) -> Self {
        if self.named_by == NamedBy::Owner {
            self.named_by = NamedBy::Tool;
        }
        self
    }

    /// Whether it may lead to a tool of our own: by a name of its own, never by ours.
    pub(super) fn may_be_ours(&self) -> bool {
        let is_apart =
            matches!(self.url.host(), Some(Host::Domain(name)) if name.ends_with(".localhost"));
        is_apart && self.named_by == NamedBy::Tool
    }

    /// Whether its name is this machine's, whatever a resolver says (RFC 6761, 6.3).
    pub(super) fn is_localhost(&self) -> bool {
        let Host::Domain(name) = self.host() else { return false };
        name == "localhost" || name.ends_with(".localhost")
    }

    /// Whether the owner has set it.
    pub(super) fn is_owners(&self) -> bool {
        self.named_by != NamedBy::Others
    }

    /// The host.
    pub(super) fn host(&self) -> Host<&str> {
        // A checked address has one.
        self.url.host().unwrap_or(Host::Domain(""))
    }

    /// The address that stands in place of a name.
    pub(super) fn literal(&self) -> Option<IpAddr> {
        match self.host() {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(IpAddr::V4(address)),
            Host::Ipv6(address) => Some(IpAddr::V6(address)),
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(443)
    }

    pub(super) fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The path with the query, for a request.
    pub(super) fn target(&self) -> &str {
        &self.url[Position::BeforePath..Position::AfterQuery]
    }

    /// The host with its port where that does not go without saying, for the header `Host`.
    pub(super) fn authority(&self) -> &str {
        &self.url[Position::BeforeHost..Position::AfterPort]
    }
}

/// A name or an address in brackets, with a port or without.
fn is_plain_authority(text: &str) -> bool {
    let (is_host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((_, "")) => (true, None),
        Some((_, after)) => (after.starts_with(':'), after.get(1..)),
        None => match text.split_once(':') {
            Some((name, port)) => (is_plain_name(name), Some(port)),
            None => (is_plain_name(text), None),
        },
    };
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    is_host && port.is_none_or(is_port)
}

/// What ends with a dot is read as the same name by some, and as another by others.
fn is_plain_name(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    !name.is_empty() && !name.ends_with('.') && name.bytes().all(is_plain)
}

fn refused(why: &'static str) -> Error {
    Error::invalid(format!("This address is not fetched from: {why}.")).with_param("url")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn takes(text: &str) -> bool {
        DocumentUrl::parse(text).is_ok()
    }

    #[test]
    fn plain_addresses_are_taken() {
        for text in [
            "https://a.example",
            "https://a.example/",
            "https://A-b.Example/x/y.json?q=%31&r=a@b",
            "https://a.example:443/x",
            "https://xn--bcher-kva.example/x",
        ] {
            assert!(takes(text), "{text}");
        }
        let url = DocumentUrl::parse("https://A.example:443/x?y=1").unwrap();
        assert_eq!((url.authority(), url.target(), url.port()), ("a.example", "/x?y=1", 443));
    }

    /// They pass for numbers, so the guard refuses them; what is no number is refused here.
    #[test]
    fn n1_n10_spellings_of_a_number_are_numbers_or_refused() {
        for host in [
            "127.0.0.1",
            "127.1",
            "0",
            "0.0.0.0",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "017700000001",
            "0177.0.0.1",
            "2852039166",
            "0xA9FEA9FE",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ] {
            let url = DocumentUrl::parse(&format!("https://{host}/")).unwrap();
            assert!(url.literal().is_some(), "{host}");
            assert!(!url.may_be_loopback(), "{host}");
        }
        for host in ["127.0.0.1.", "[fe80::1%25eth0]", "[fe80::1%eth0]", "1.2.3.4.5", "256.1.1.1"] {
            assert!(!takes(&format!("https://{host}/")), "{host}");
        }
    }

    #[test]
    fn n38_n46_what_two_parsers_could_read_differently_is_refused() {
        for text in [
            "https://good@127.0.0.1/",
            "https://good:pass@a.example/",
            "https://@a.example/",
            "https://127.0.0.1#good",
            "https://a.example/x#y",
            "https://a.example\\@b.example/",
            "https:\\\\a.example/",
            "https://a.example/\\b",
            "https://a.exa\tmple/",
            "https://a.example/\n",
            " https://a.example/",
            "https://a.example/ ",
            "https://a.exa mple/",
            "https://%31%32%37.0.0.1/",
            "https://a%2eexample/",
            "https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
            "https://127\u{3002}0\u{3002}0\u{3002}1/",
            "https://b\u{fc}cher.example/",
            "HTTPS://a.example/",
            "https:a.example/",
            "https:/a.example/",
            "https:///a.example/",
            "//a.example/",
            "https://a.example./",
            "https://a.example:/",
            "https://a.example:x/",
            "https://a.example:443:443/",
            "https://[::1/",
            "https://[::1]x/",
            "https://",
            "https:///",
            "https://?",
            "https://a.example\0/",
            "",
        ] {
            assert!(!takes(text), "{text:?}");
        }
        assert!(!takes(&format!("https://a.example/{}", "x".repeat(MAX_LEN))));
    }

    #[test]
    fn n47_n50_other_schemes_and_ports_are_refused() {
        for text in [
            "http://a.example/",
            "file:///etc/passwd",
            "gopher://a.example/",
            "ftp://a.example/",
            "data:application/json,{}",
            "javascript:alert(1)",
            "https://a.example:22/",
            "https://a.example:25/",
            "https://a.example:80/",
            "https://a.example:5432/",
            "https://a.example:6379/",
            "https://a.example:0/",
        ] {
            assert!(!takes(text), "{text}");
        }
        for text in ["file:///etc/passwd", "ftp://localhost/", "http://a.example/"] {
            assert!(DocumentUrl::of_owner(&Url::parse(text).unwrap()).is_err(), "{text}");
        }
    }

    #[test]
    fn n51_n53_each_hop_is_checked_as_a_strangers_address() {
        let first = DocumentUrl::parse("https://a.example/x/y").unwrap();
        let to = |location: &str| first.redirected(location).map(|next| next.url().to_string());
        assert_eq!(to("/z").unwrap(), "https://a.example/z");
        assert_eq!(to("z?q#frag").unwrap(), "https://a.example/x/z?q");
        assert_eq!(to("//b.example/z").unwrap(), "https://b.example/z");
        for location in [
            "http://a.example/",
            "file:///etc/passwd",
            "https://a.example:8443/",
            "https://u@a.example/",
            "/\\b.example",
            "/a b",
            "https://a.example./",
        ] {
            assert!(to(location).is_err(), "{location}");
        }
        let owners = DocumentUrl::of_owner(&Url::parse("http://localhost:9000/").unwrap()).unwrap();
        assert!(owners.redirected("/x").unwrap().may_be_loopback());
        assert!(owners.redirected("http://localhost:9001/x").is_err());
        assert!(!owners.redirected("https://localhost/x").unwrap().may_be_loopback());
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>(), host in "[ -~]{0,24}") {
            let _ = DocumentUrl::parse(&text);
            if let Ok(url) = DocumentUrl::parse(&format!("https://{host}/x")) {
                // What was read has the authority that was written, or a number for it.
                let plain = host.to_ascii_lowercase();
                let same = plain.trim_end_matches(":443").starts_with(url.authority());
                prop_assert!(same || url.literal().is_some() || plain.contains('/')
                    || plain.contains('?'), "{host}");
            }
        }
    }
}
