//! Where tools are found: at names of their own, or under paths of ours. Whoever leads a request to
//! a tool, writes its address or checks what a token is for asks here.

use tollgate_store::ToolRecord;
use url::{Host, Url};

/// The public origin of an installation, and where its tools are from there.
#[derive(Clone)]
pub struct ToolPlaces {
    origin: String,
    scheme: String,
    host: String,
    /// With its colon; empty where it is the scheme's own.
    port: String,
    loopback: bool,
}

impl ToolPlaces {
    /// Those of the installation at `public_url`.
    pub fn new(public_url: &Url) -> Self {
        Self {
            origin: public_url.as_str().trim_end_matches('/').to_owned(),
            scheme: public_url.scheme().to_owned(),
            host: public_url.host_str().unwrap_or_default().to_owned(),
            port: public_url.port().map(|port| format!(":{port}")).unwrap_or_default(),
            loopback: is_loopback(public_url),
        }
    }

    /// The public origin, without a slash at its end.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The name of the installation itself, without a port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether nobody but this machine knows the installation by its address.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// The names at which nothing but `tool` answers, the one of its address first.
    pub fn hosts(&self, tool: &ToolRecord) -> Vec<String> {
        let local = self.loopback.then(|| local_host(tool)).filter(|local| *local != self.host);
        let mut hosts: Vec<String> = tool.host.iter().cloned().chain(local).collect();
        hosts.dedup();
        hosts
    }

    /// The root of `tool` at the first of its own names, without a slash at its end.
    pub fn host_root(&self, tool: &ToolRecord) -> Option<String> {
        self.own_origins(tool).into_iter().next()
    }

    /// The origins at which nothing but `tool` answers.
    pub fn own_origins(&self, tool: &ToolRecord) -> Vec<String> {
        self.hosts(tool).iter().map(|host| self.at_host(host)).collect()
    }

    /// The root of `tool` under a path of ours, without a slash at its end.
    pub fn path_root(&self, tool: &ToolRecord) -> String {
        match tool.path.as_deref() {
            Some(path) => format!("{}{path}", self.origin),
            None => self.usual(tool),
        }
    }

    /// The one address of `tool`, without a slash at its end: its own name, unless it was given a
    /// path and no name.
    pub fn address(&self, tool: &ToolRecord) -> String {
        let by_path = tool.host.is_none() && tool.path.is_some();
        let own = if by_path { None } else { self.host_root(tool) };
        own.unwrap_or_else(|| self.path_root(tool))
    }

    /// The other spellings of that address.
    pub(crate) fn aliases(&self, tool: &ToolRecord) -> Vec<String> {
        let address = self.address(tool);
        let own = self.own_origins(tool).into_iter();
        let mut all: Vec<String> = own.chain([self.path_root(tool), self.usual(tool)]).collect();
        all.dedup();
        all.retain(|alias| *alias != address);
        all
    }

    fn at_host(&self, host: &str) -> String {
        format!("{}://{host}{}", self.scheme, self.port)
    }

    fn usual(&self, tool: &ToolRecord) -> String {
        format!("{}/tools/{}", self.origin, tool.id)
    }
}

/// The name that a tool has on a machine of its owner's without asking for it.
pub fn local_host(tool: &ToolRecord) -> String {
    format!("{}.localhost", tool.id)
}

/// Whether the host of `url` is this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
