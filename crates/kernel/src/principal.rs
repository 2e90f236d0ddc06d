//! Who asks: the nouns that a principal is made of. The principal itself is made by the gate alone.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{ClientId, Error, GrantId, KeyId, SessionId, Slug, UserId};

/// Whom a call is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A person.
    User(UserId),
    /// A registered app, acting for itself.
    App(ClientId),
    /// A service key with an admin's rights.
    Admin(KeyId),
    /// A service that calls a tool with a service token of its own.
    Service {
        /// The tool, the only one that it may call.
        tool: Slug,
        /// The service's name, as the owner gave it.
        name: Arc<str>,
    },
    /// A process of this user on this machine, over the socket in the data folder.
    Local(u32),
    /// Nobody that we know, at this address.
    Anonymous(Network),
    /// The server itself.
    System(Job),
}

impl Subject {
    /// The person, if it is one.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::User(id) => Some(*id),
            _ => None,
        }
    }
}

impl fmt::Display for Subject {
    /// The form of logs and audit records, for example `user:0193…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Piece by piece: each call writes one into its log line.
        let mut both = |sort: &str, id: &str| f.write_str(sort).and_then(|()| f.write_str(id));
        match self {
            Self::User(id) => both("user:", id.write(&mut [0; UserId::LENGTH])),
            Self::App(id) => both("app:", id.write(&mut [0; ClientId::LENGTH])),
            Self::Admin(id) => both("admin_key:", id.write(&mut [0; KeyId::LENGTH])),
            Self::Service { tool, name } => {
                both("service:", tool.as_str()).and_then(|()| both("/", name))
            }
            Self::Local(uid) => both("local:", itoa::Buffer::new().format(*uid)),
            Self::Anonymous(_) => f.write_str("anonymous"),
            Self::System(job) => both("system:", job.name()),
        }
    }
}

/// The software that acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// Our own pages, command line and keys that a person made for themselves.
    FirstParty,
    /// A registered app.
    App(ClientId),
}

impl Client {
    /// The registered app, if it is one.
    pub fn app(self) -> Option<ClientId> {
        match self {
            Self::FirstParty => None,
            Self::App(id) => Some(id),
        }
    }
}

/// How a principal was authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// No credential was asked for.
    None,
    /// An API key.
    Key,
    /// A signed access token.
    AccessToken,
    /// A browser's session cookie.
    Session,
    /// The socket in the data folder; the kernel told us who is at the other end.
    Socket,
    /// An app at the token endpoint, by its id and, where it has one, its secret.
    Client,
    /// Inside this process.
    Job,
}

/// Which record a credential belongs to, for revocation and for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialId {
    /// Nothing was presented.
    None,
    /// An API key.
    Key(KeyId),
    /// A session, or a token that was made from it.
    Session(SessionId),
    /// What a person allowed an app, and every token that comes of it.
    Grant(GrantId),
}

impl CredentialId {
    /// The key, if it is one.
    pub fn key(self) -> Option<KeyId> {
        match self {
            Self::Key(id) => Some(id),
            _ => None,
        }
    }

    /// The grant, if it is one.
    pub fn grant(self) -> Option<GrantId> {
        match self {
            Self::Grant(id) => Some(id),
            _ => None,
        }
    }

    /// The session, if it is one.
    pub fn session(self) -> Option<SessionId> {
        match self {
            Self::Session(id) => Some(id),
            _ => None,
        }
    }
}

/// Background work that acts as a principal of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Job {
    /// First start: the shipped plan, the declared objects of the file.
    Setup,
    /// Deleting what has expired.
    Sweep,
    /// Asking upstreams for their models.
    Catalogue,
}

impl Job {
    /// The name in logs and audit records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Sweep => "sweep",
            Self::Catalogue => "catalogue",
        }
    }
}

/// What a person may do in this installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Uses what the plan allows, manages what is their own.
    Member,
    /// Manages everything but owners.
    Admin,
    /// Manages everything.
    Owner,
}

impl Role {
    /// The name in the store and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "member" => Ok(Self::Member),
            "admin" => Ok(Self::Admin),
            "owner" => Ok(Self::Owner),
            _ => Err(Error::invalid("a role is one of member, admin, owner").with_param("role")),
        }
    }
}

/// One thing that a token allows (RFC 6749, 3.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(String);

impl Scope {
    /// Calling models at `/v1`.
    pub const MODELS: &'static str = "models";
    /// The management API.
    pub const MANAGE: &'static str = "manage";
    /// Calling the tools that a person connected.
    pub const CONNECTIONS: &'static str = "connections";
    /// Signing in: an ID token, and who it is (OpenID Connect Core, 3.1.2.1).
    pub const OPENID: &'static str = "openid";
    /// The name (OpenID Connect Core, 5.4).
    pub const PROFILE: &'static str = "profile";
    /// The e-mail address (OpenID Connect Core, 5.4).
    pub const EMAIL: &'static str = "email";
    /// Going on after the person has signed out (OpenID Connect Core, 11).
    pub const OFFLINE: &'static str = "offline_access";
    /// The scopes that belong to the person and not to a resource.
    pub const IDENTITY: [&'static str; 4] =
        [Self::OPENID, Self::PROFILE, Self::EMAIL, Self::OFFLINE];

    /// Checks the characters that RFC 6749 allows; at most 128 of them.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let allowed = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if (1..=128).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::invalid("a scope has 1 to 128 visible ASCII characters").with_param("scope"))
    }

    /// The scope as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The scopes of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scopes {
    /// Whatever the subject may do: a key or a session of their own.
    All,
    /// These alone, sorted.
    Only(Vec<Scope>),
}

impl Scopes {
    /// Reads a space-separated list.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut scopes = text
            .split(' ')
            .filter(|s| !s.is_empty())
            .map(Scope::parse)
            .collect::<Result<Vec<_>, _>>()?;
        scopes.sort();
        scopes.dedup();
        Ok(Self::Only(scopes))
    }

    /// Those of them that are among `bounds` too.
    pub fn within(self, bounds: &Self) -> Self {
        match (self, bounds) {
            (Self::All, bounds) => bounds.clone(),
            (Self::Only(mut scopes), bounds) => {
                scopes.retain(|scope| bounds.allow(scope.as_str()));
                Self::Only(scopes)
            }
        }
    }

    /// Whether `scope` is among them.
    pub fn allow(&self, scope: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(scopes) => scopes.iter().any(|s| s.as_str() == scope),
        }
    }
}

/// For whom a token was made: one of our own doors, by address (RFC 8707).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Audience(String);

impl Audience {
    /// The audience with this address.
    pub fn new(address: String) -> Self {
        Self(address)
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a request comes from: the address, in one spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    /// The network of `address`; an IPv4 address in IPv6 clothes counts as IPv4.
    pub fn of(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// The address.
    pub fn address(self) -> IpAddr {
        self.0
    }

    /// What limits by network count together: an IPv4 address, or an IPv6 /64.
    pub fn counted(self) -> IpAddr {
        match self.0 {
            IpAddr::V4(v4) => IpAddr::V4(v4),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let IpAddr::V4(v4) = self.0 else { return self.0.fmt(f) };
        // Piece by piece: each call writes one into its log line.
        let [first, rest @ ..] = v4.octets();
        f.write_str(itoa::Buffer::new().format(first))?;
        for octet in rest {
            f.write_str(".")?;
            f.write_str(itoa::Buffer::new().format(octet))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_written_as_always() {
        for text in ["0.0.0.0", "127.0.0.1", "10.20.130.255", "2001:db8::9"] {
            let network = text.parse().map(Network::of).map(|network| network.to_string());
            assert_eq!(network.as_deref(), Ok(text));
        }
    }

    #[test]
    fn t62_spellings_of_one_network_count_as_one() {
        let of = |text: &str| text.parse().map(Network::of).map(Network::counted).ok();
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }

    #[test]
    fn scopes_are_read_and_looked_up() {
        let scopes =
            Scopes::parse("models  openid").map(|s| (s.allow("models"), s.allow("manage")));
        assert!(matches!(scopes, Ok((true, false))));
        assert!(Scopes::parse("a\"b").is_err());
    }
}
