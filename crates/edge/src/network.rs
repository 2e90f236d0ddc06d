//! Where a request comes from. Headers that say so count only from proxies that are listed.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;
use tollgate_kernel::{Error, Network};

/// Who is at the other end of a connection.
#[derive(Clone, Copy)]
pub struct Peer {
    pub(crate) address: Address,
}

/// The other end's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Ip(IpAddr),
    /// The socket in the data folder, and the user whose process is there.
    Socket {
        uid: u32,
    },
}

impl Peer {
    /// A peer on TCP.
    pub fn ip(address: IpAddr) -> Self {
        Self { address: Address::Ip(address) }
    }

    /// A process of user `uid` on the socket in the data folder.
    pub fn socket(uid: u32) -> Self {
        Self { address: Address::Socket { uid } }
    }

    pub(crate) fn uid(&self) -> Option<u32> {
        match self.address {
            Address::Ip(_) => None,
            Address::Socket { uid } => Some(uid),
        }
    }
}

/// The proxies whose `X-Forwarded-For` is believed. By default none.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Trusts the proxies in these networks. To trust everybody is refused: anybody could then
    /// choose the address that limits count by.
    pub fn new(networks: Vec<IpNet>) -> Result<Self, Error> {
        if let Some(all) = networks.iter().find(|net| net.prefix_len() == 0) {
            return Err(Error::invalid(format!(
                "{all} trusts everybody. Name the addresses of your proxies."
            ))
            .with_param("server.trusted_proxies"));
        }
        Ok(Self(networks))
    }

    /// The network of a request: the peer itself, or, while that is a trusted proxy, the address
    /// that it names; so the rightmost address that is not trusted. What cannot be read ends the
    /// walk at the proxy that sent it.
    pub(crate) fn network(&self, peer: Option<&Peer>, headers: &HeaderMap) -> Network {
        let mut current = match peer.map(|p| p.address) {
            Some(Address::Ip(ip)) => ip.to_canonical(),
            Some(Address::Socket { .. }) => IpAddr::from([127, 0, 0, 1]),
            None => IpAddr::from([0, 0, 0, 0]),
        };
        if self.0.is_empty() || !self.trusts(current) {
            return Network::of(current);
        }
        let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
        let named = lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|b| *b == b','));
        for text in named {
            let Some(ip) = std::str::from_utf8(text).ok().and_then(address) else { break };
            current = ip.to_canonical();
            if !self.trusts(current) {
                break;
            }
        }
        Network::of(current)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }
}

/// Reads an address as proxies write it: bare, with a port, or in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    text.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|a| a.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn of(trusted: &[&str], peer: &str, lines: &[&str]) -> String {
        let nets = trusted.iter().map(|net| net.parse().unwrap()).collect();
        let trusted = TrustedProxies::new(nets).unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        trusted.network(Some(&Peer::ip(peer.parse().unwrap())), &headers).to_string()
    }

    #[test]
    fn t67_forwarded_addresses_of_an_unlisted_peer_are_ignored() {
        assert_eq!(of(&[], "9.9.9.9", &["1.2.3.4"]), "9.9.9.9");
        assert_eq!(of(&["10.0.0.0/8"], "9.9.9.9", &["1.2.3.4"]), "9.9.9.9");
    }

    #[test]
    fn t67_trusting_everybody_is_refused() {
        for net in ["0.0.0.0/0", "::/0"] {
            assert!(TrustedProxies::new(vec![net.parse().unwrap()]).is_err());
        }
    }

    #[test]
    fn h8_the_rightmost_untrusted_address_counts() {
        let trusted = ["10.0.0.0/8", "192.168.0.0/16"];
        assert_eq!(of(&trusted, "10.0.0.1", &["1.1.1.1, 8.8.8.8, 192.168.3.4"]), "8.8.8.8");
        assert_eq!(of(&trusted, "10.0.0.1", &["1.1.1.1", "8.8.8.8", "10.1.1.1"]), "8.8.8.8");
        assert_eq!(of(&trusted, "::ffff:10.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(of(&trusted, "10.0.0.1", &["8.8.8.8:1234"]), "8.8.8.8");
        assert_eq!(of(&trusted, "10.0.0.1", &["10.0.0.2"]), "10.0.0.2");
        assert_eq!(of(&trusted, "10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn h8_what_cannot_be_read_ends_the_walk() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(of(&trusted, "10.0.0.1", &["8.8.8.8, unknown, 10.0.0.3"]), "10.0.0.3");
        assert_eq!(of(&trusted, "10.0.0.1", &["8.8.8.8,"]), "10.0.0.1");
    }
}
