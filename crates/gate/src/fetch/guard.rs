//! Which addresses the server may speak to on somebody else's word.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::Host;

use super::fault::Fault;
use super::url::DocumentUrl;
use crate::connect::ToolPatience;

/// What the configuration says of requests that the server makes on its own account.
#[derive(Clone, Debug, Default)]
pub struct Outbound {
    /// Networks that may be reached although they are private, or literal addresses in them.
    pub allow: Vec<IpNet>,
    /// Where this server listens and its store answers. Refused, whoever allowed their network;
    /// `allow` has to name the very address.
    pub own: Vec<SocketAddr>,
    /// The same by name, with the port: the public origin, and a store that has a name.
    pub own_names: Vec<(String, u16)>,
    /// Whether tools on this machine may have every mode, and be our own (`dev.loopback_tools`).
    pub loopback_tools: bool,
    /// How patient callers are with tools of others.
    pub tools: ToolPatience,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// What is not on the public network (RFC 6890 and the registry that it began).
const REFUSED_V4: [Ipv4Net; 19] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    // The metadata services of clouds are among the link-local ones, but for Azure's.
    v4(169, 254, 0, 0, 16),
    v4(168, 63, 129, 16, 32),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 31, 196, 0, 24),
    v4(192, 52, 193, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(192, 175, 48, 0, 24),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

/// Where public addresses are. Loopback, mapped and compatible IPv4, NAT64, unique local,
/// link-local, site-local and multicast ones are elsewhere.
const PUBLIC_V6: Ipv6Net = v6(0x2000, 0, 0, 3);

/// What is not public there: protocols' own (Teredo among them), examples, 6to4, the old test
/// network.
const REFUSED_V6: [Ipv6Net; 6] = [
    v6(0x2001, 0, 0, 23),
    v6(0x2001, 0xdb8, 0, 32),
    v6(0x2002, 0, 0, 16),
    v6(0x2620, 0x4f, 0x8000, 48),
    v6(0x3ffe, 0, 0, 16),
    v6(0x3fff, 0, 0, 20),
];

/// Whether `address` is one that anybody on the public network could reach.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !REFUSED_V4.iter().any(|net| net.contains(&address)),
        IpAddr::V6(address) => {
            PUBLIC_V6.contains(&address) && !REFUSED_V6.iter().any(|net| net.contains(&address))
        }
    }
}

/// The rules of this installation.
pub(crate) struct Guard {
    outbound: Outbound,
}

impl Guard {
    pub(crate) fn new(outbound: Outbound) -> Self {
        Self { outbound }
    }

    /// Whether `url` may be resolved at all.
    pub(super) fn check_name(&self, url: &DocumentUrl) -> Result<(), Fault> {
        let Host::Domain(name) = url.host() else { return Ok(()) };
        let is_own = |own: &(String, u16)| own.0.eq_ignore_ascii_case(name) && own.1 == url.port();
        if self.outbound.own_names.iter().any(is_own) { Err(Fault::Refused) } else { Ok(()) }
    }

    /// Whether all of `addresses`, which the host of `url` has, may be spoken to: one that may not
    /// refuses all, for the next look-up could give that one alone.
    pub(super) fn check(&self, url: &DocumentUrl, addresses: &[IpAddr]) -> Result<(), Fault> {
        let is_name = matches!(url.host(), Host::Domain(_));
        let admits = |address: &IpAddr| {
            if self.is_own(*address, url.port()) {
                return self.names(*address) || (address.is_loopback() && url.may_be_ours());
            }
            self.allows(*address)
                || if url.may_be_loopback() {
                    address.is_loopback()
                } else {
                    is_name && is_public(*address)
                }
        };
        if addresses.iter().all(admits) { Ok(()) } else { Err(Fault::Refused) }
    }

    /// Whether a connection that was made between these turned out to lead to ourselves: by way of
    /// an address of this machine that no configuration names.
    pub(super) fn check_made(
        &self,
        url: &DocumentUrl,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> Result<(), Fault> {
        let listens = self.outbound.own.iter().any(|own| own.port() == peer.port());
        let may = self.names(peer.ip()) || (peer.ip().is_loopback() && url.may_be_ours());
        if local.ip() != peer.ip() || !listens || may {
            return Ok(());
        }
        let anywhere = |own: &SocketAddr| own.ip().is_unspecified() && own.port() == peer.port();
        if self.outbound.own.iter().any(anywhere) { Err(Fault::Refused) } else { Ok(()) }
    }

    fn is_own(&self, address: IpAddr, port: u16) -> bool {
        self.outbound.own.iter().any(|own| {
            let here = own.ip() == address || own.ip().is_unspecified() && address.is_loopback();
            here && own.port() == port
        })
    }

    fn allows(&self, address: IpAddr) -> bool {
        self.outbound.allow.iter().any(|net| net.contains(&address))
    }

    /// Whether the configuration allows this very address.
    fn names(&self, address: IpAddr) -> bool {
        self.outbound.allow.iter().any(|net| *net == IpNet::from(address))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
#[path = "guard_tests.rs"]
mod tests;
