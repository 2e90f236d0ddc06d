//! How we say who we are to an API: what is sent, read, checked and sealed.

use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_gate::{Gate, Warrant, is_loopback};
use tollgate_kernel::{Error, Secret};
use tollgate_protocol::headers::carries_secrets;
use tollgate_store::{ToolRecord, UpstreamAuth};
use url::Url;

/// The longest secret, in bytes.
const LONGEST_SECRET: usize = 4_096;

/// What we send to an API to be let in.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamAuthBody {
    /// `header`, or `basic`.
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["header", "basic"]))]
    pub kind: String,
    /// The header's name.
    #[serde(default)]
    pub name: Option<String>,
    /// The header's whole value; never shown again.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub value: Option<Secret>,
    /// The user's name, for `basic`.
    #[serde(default)]
    pub username: Option<String>,
    /// The password, for `basic`; never shown again.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub password: Option<Secret>,
}

/// What becomes of our secret at an API.
pub(crate) enum Kept {
    /// It stays as it is.
    AsItIs,
    /// There is none.
    None,
    /// It is this one.
    New(Secret),
}

impl Kept {
    /// Seals it for the version that the record of `tool` will have.
    pub(crate) fn seal(
        self,
        gate: &Gate,
        warrant: &Warrant,
        tool: &ToolRecord,
    ) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Self::AsItIs => gate.carry_tool_auth(warrant, tool),
            Self::None => Ok(None),
            Self::New(secret) => {
                gate.seal_tool_auth(warrant, &tool.id, tool.version + 1, &secret).map(Some)
            }
        }
    }
}

/// Sets what we send to be let in. A secret is sent only to the host that it was given for, and
/// never across a network unencrypted.
pub(super) fn let_in(
    tool: &mut ToolRecord,
    change: Option<Option<UpstreamAuthBody>>,
    moved: bool,
    secrets_in_the_clear: bool,
) -> Result<Kept, Error> {
    let wrong = |what: &'static str| Err(Error::invalid(what).with_param("upstream_auth"));
    if moved && change.is_none() && tool.upstream_auth.is_some() {
        return wrong(
            "The secret belongs to the host that it was given for. Send upstream_auth too when \
             the API moves to another host; null if the new one needs none.",
        );
    }
    let kept = match change {
        None => Kept::AsItIs,
        Some(None) => {
            tool.upstream_auth = None;
            Kept::None
        }
        Some(Some(body)) => {
            let (auth, secret) = body.checked()?;
            tool.upstream_auth = Some(auth);
            Kept::New(secret)
        }
    };
    let safe = Url::parse(&tool.upstream_url)
        .is_ok_and(|url| url.scheme() == "https" || is_loopback(&url));
    if tool.upstream_auth.is_some() && !safe && !secrets_in_the_clear {
        return wrong("The secret would cross the network unencrypted. Use an https address.");
    }
    Ok(kept)
}

impl UpstreamAuthBody {
    fn checked(self) -> Result<(UpstreamAuth, Secret), Error> {
        let Self { kind, name, value, username, password } = self;
        let wrong = |member: &str, what: &'static str| {
            Err(Error::invalid(what).with_param(format!("upstream_auth.{member}")))
        };
        match (kind.as_str(), name, value, username, password) {
            ("header", Some(name), Some(value), None, None) => {
                let Some(name) = header_name(&name) else {
                    return wrong(
                        "name",
                        "This is no header that can carry a secret, like x-api-key.",
                    );
                };
                let value = Secret::new(value.expose().trim().to_owned());
                let fits = |b: u8| b.is_ascii_graphic() || b == b' ';
                let bytes = value.expose().as_bytes();
                if bytes.is_empty()
                    || bytes.len() > LONGEST_SECRET
                    || !bytes.iter().all(|b| fits(*b))
                {
                    return wrong("value", "A value has 1 to 4096 visible ASCII characters.");
                }
                Ok((UpstreamAuth::Header { name }, value))
            }
            ("basic", None, None, Some(username), Some(password)) => {
                let plain = |text: &str| text.len() <= 1_024 && !text.contains(char::is_control);
                if username.is_empty() || username.contains(':') || !plain(&username) {
                    return wrong("username", "A user's name is not empty and has no colon.");
                }
                if !plain(password.expose()) {
                    return wrong("password", "A password has at most 1024 characters.");
                }
                let both = Secret::new(format!("{username}:{}", password.expose()));
                Ok((UpstreamAuth::Basic, both))
            }
            ("header", ..) => wrong("name", "A header has a name and a value, and nothing else."),
            ("basic", ..) => {
                wrong("username", "Basic has a username and a password, and nothing else.")
            }
            _ => wrong("type", "The type is header or basic."),
        }
    }
}

fn header_name(text: &str) -> Option<String> {
    let name = http::HeaderName::try_from(text.trim()).ok()?;
    let name = name.as_str();
    carries_secrets(name).then(|| name.to_owned())
}
