//! Redirect URIs.

use tollgate_kernel::Error;
use url::{Host, Url};

use super::params::encode;

/// The longest redirect URI, in bytes.
const LONGEST: usize = 2_000;

/// Schemes that run or show something, or are no address of an app.
const REFUSED: [&str; 14] = [
    "javascript",
    "data",
    "vbscript",
    "file",
    "about",
    "blob",
    "filesystem",
    "view-source",
    "ws",
    "wss",
    "ftp",
    "mailto",
    "tel",
    "urn",
];

/// A redirect URI that may be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectUri(String);

impl RedirectUri {
    /// Checks what an app wants to be sent back to: https; http on loopback alone; or a scheme of
    /// its own. It is written in the one form that every parser reads alike, without a fragment,
    /// user or wildcard.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refused = |why: &str| {
            Err(Error::invalid(format!("{text:?} cannot be a redirect URI: {why}."))
                .with_param("redirect_uris"))
        };
        let plain =
            text.bytes().all(|b| (0x21..=0x7e).contains(&b) && !b"\\\"<>^`{|}*".contains(&b));
        if !plain || text.len() > LONGEST {
            return refused("it has characters that no URI has, or a wildcard, or is too long");
        }
        let Ok(url) = Url::parse(text) else { return refused("it is not a URI") };
        if url.fragment().is_some() || text.contains('#') {
            return refused("it has a fragment");
        }
        if !url.username().is_empty() || url.password().is_some() || authority(text).contains('@') {
            return refused("it names a user");
        }
        if REFUSED.contains(&url.scheme()) {
            return refused("apps are not reached by this scheme");
        }
        let web = matches!(url.scheme(), "https" | "http");
        if web && url.as_str() != text && url.as_str() != format!("{text}/") {
            return refused(&format!("browsers read it as {url}; write it so"));
        }
        if web && url.host_str().is_none_or(|host| host.ends_with('.')) {
            return refused("its host is not a name");
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            return refused(
                "http is for http://127.0.0.1, http://[::1] and http://localhost alone",
            );
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether a request that says `asked` means this one: the very same text. On loopback the
    /// port is left out of it, as an app takes what port is free (RFC 8252, 7.3).
    pub fn is(&self, asked: &str) -> bool {
        if self.0 == asked {
            return true;
        }
        let parts = loopback_parts(&self.0).zip(loopback_parts(asked));
        parts.is_some_and(|(ours, theirs)| ours == theirs)
    }

    /// The text that was registered.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where it leads, as people are told: the host, or the scheme of an app on their machine.
    pub fn place(uri: &str) -> String {
        match Url::parse(uri) {
            Ok(url) if matches!(url.scheme(), "https" | "http") => {
                let host = url.host_str().unwrap_or_default();
                url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
            }
            Ok(url) => format!("{}:", url.scheme()),
            Err(_) => String::new(),
        }
    }

    /// What stands for it in a Content-Security-Policy: its origin, or its scheme.
    pub fn source(uri: &str) -> String {
        match Url::parse(uri) {
            Ok(url) if matches!(url.scheme(), "https" | "http") => {
                url.origin().ascii_serialization()
            }
            Ok(url) => format!("{}:", url.scheme()),
            Err(_) => "'none'".to_owned(),
        }
    }
}

/// What stands between `//` and the path.
fn authority(text: &str) -> &str {
    let rest = text.split_once("//").map_or("", |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.octets() == [127, 0, 0, 1],
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A URI on loopback without its port: what stands before, and what stands after.
fn loopback_parts(text: &str) -> Option<(&'static str, &str)> {
    let hosts = ["http://127.0.0.1", "http://[::1]", "http://localhost"];
    let host = hosts.into_iter().find(|host| text.starts_with(host))?;
    let rest = text.strip_prefix(host)?;
    let Some(rest) = rest.strip_prefix(':') else {
        return (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest));
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (port, rest) = rest.split_at_checked(digits)?;
    let fits = port.parse::<u16>().is_ok() && (rest.is_empty() || rest.starts_with(['/', '?']));
    fits.then_some((host, rest))
}

/// The address of an answer: `redirect_uri` with these parameters behind what it has already.
pub fn answer_url(redirect_uri: &str, params: &[(&str, &str)]) -> String {
    let mut url = redirect_uri.to_owned();
    for (name, value) in params {
        url.push(if url.contains('?') { '&' } else { '?' });
        encode(&mut url, name);
        url.push('=');
        encode(&mut url, value);
    }
    url
}
