//! Protected resources: for whom access tokens are made (RFC 8707).

use std::sync::Arc;

use tollgate_kernel::Scope;

use crate::Gate;
use crate::tokens::Tokens;

/// An address that tokens are made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The address, which is the audience of the tokens.
    pub uri: String,
    /// Other spellings of it.
    pub aliases: Vec<String>,
    /// The scopes that it knows, beside those that belong to the person.
    pub scopes: Vec<String>,
}

impl Gate {
    /// The resource that a client calls `asked`: as it stands, with another case of scheme and
    /// host, with a slash at its end, or by another of its names. Nothing with a fragment.
    pub fn resource(&self, asked: &str) -> Option<Arc<Resource>> {
        if asked.contains('#') {
            return None;
        }
        let asked = canonical(asked);
        let policy = self.policy.load();
        let is = |resource: &&Arc<Resource>| {
            resource.uri == asked || resource.aliases.iter().any(|alias| canonical(alias) == asked)
        };
        self.doors.iter().find(is).or_else(|| policy.resources.iter().find(is)).cloned()
    }

    /// The models door as a resource.
    pub fn models_resource(&self) -> Option<Arc<Resource>> {
        self.resource(&self.tokens.models_audience())
    }
}

/// Our own doors.
pub(crate) fn doors(tokens: &Tokens) -> Vec<Arc<Resource>> {
    let door = |uri, scope: &str| {
        let (aliases, scopes) = (Vec::new(), vec![scope.to_owned()]);
        Arc::new(Resource { uri, aliases, scopes })
    };
    vec![
        door(tokens.models_audience(), Scope::MODELS),
        door(tokens.manage_audience(), Scope::MANAGE),
        door(tokens.connections_audience(), Scope::CONNECTIONS),
    ]
}

/// Scheme and host in lower case, no slash at the end.
fn canonical(uri: &str) -> String {
    let uri = uri.strip_suffix('/').unwrap_or(uri);
    let authority = uri.find("://").map_or(0, |at| at + 3);
    let rest = uri.get(authority..).unwrap_or_default();
    let path = authority + rest.find('/').unwrap_or(rest.len());
    let (origin, path) = uri.split_at_checked(path).unwrap_or((uri, ""));
    format!("{}{path}", origin.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn g16_spellings_of_one_address_are_one() {
        let one = "https://ai.example.com/v1";
        for same in [one, "https://ai.example.com/v1/", "HTTPS://AI.Example.com/v1"] {
            assert_eq!(canonical(same), one);
        }
        for other in ["https://ai.example.com/V1", "https://ai.example.com/v1//", "http://x/v1"] {
            assert_ne!(canonical(other), one);
        }
        assert_eq!(canonical("https://AI.example.com/"), "https://ai.example.com");
    }
}
