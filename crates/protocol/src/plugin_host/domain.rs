//! Which hosts belong together: below a root, label by label, and on one registrable domain.

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// The root domain of a tool: the host that its manifest came from in the end, without `www.`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Root {
    host: String,
    port: u16,
}

impl Root {
    /// The root of a manifest at `url`; nothing for an address without a host.
    pub fn of(url: &Url) -> Option<Self> {
        let host = match url.host()? {
            Host::Domain(name) => name.strip_prefix("www.").unwrap_or(name).to_owned(),
            host => host.to_string(),
        };
        Some(Self { host, port: url.port_or_known_default()? })
    }

    /// The host.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether `url` is at the root or below it. On this machine each port is somebody else.
    pub fn holds(&self, url: &Url) -> bool {
        let Some(host) = url.host() else { return false };
        let port = url.port_or_known_default();
        let same_port = port == Some(self.port)
            || (port == Some(443) && url.scheme() == "https" && !is_loopback(&host));
        same_port && (host.to_string() == self.host || is_below(&host, &self.host))
    }

    /// Whether `url` is on the registrable domain of the root.
    pub fn is_site_of(&self, url: &Url) -> bool {
        url.host().is_some_and(|host| same_site(&self.host, &host.to_string()))
    }
}

/// Whether a manifest that was asked for at `from` may lead to `to`: the same host, a host below
/// it, or the host without its `www.`.
pub fn may_lead(from: &Url, to: &Url) -> bool {
    let (Some(one), Some(other)) = (from.host(), to.host()) else { return false };
    let same_port = from.port_or_known_default() == to.port_or_known_default();
    if from.scheme() != to.scheme() || !same_port {
        return false;
    }
    let name = one.to_string();
    one == other
        || is_below(&other, &name)
        || matches!(other, Host::Domain(other) if name.strip_prefix("www.") == Some(other))
}

/// Whether two hosts, in ASCII and lower case, have one registrable domain by the Public Suffix
/// List with its private part. Without one they are the same site only where they are equal.
pub fn same_site(one: &str, other: &str) -> bool {
    one == other || matches!((site(one), site(other)), (Some(one), Some(other)) if one == other)
}

/// The registrable domain; none of an address, and none of a public suffix.
fn site(host: &str) -> Option<&str> {
    let is_name = matches!(Host::parse(host), Ok(Host::Domain(_)));
    if is_name { psl::domain_str(host) } else { None }
}

/// Whether `host` is a name below `root`. Nobody owns what is below a public suffix.
fn is_below<S: AsRef<str>>(host: &Host<S>, root: &str) -> bool {
    let Host::Domain(name) = host else { return false };
    let owned = root.ends_with("localhost") || site(root).is_some();
    let above = name.as_ref().strip_suffix(root).and_then(|rest| rest.strip_suffix('.'));
    owned && above.is_some_and(|labels| !labels.is_empty())
}

/// Whether a host is this machine.
pub(super) fn is_loopback<S: AsRef<str>>(host: &Host<S>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.as_ref();
            name == "localhost" || name.ends_with(".localhost")
        }
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}
