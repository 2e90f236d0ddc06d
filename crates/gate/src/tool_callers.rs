//! Whoever calls a tool: found out by the tool's own way in, and by no other.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use tollgate_kernel::{Error, Kind, Network, PlainToken, RequestId};
use tollgate_protocol::api_key::{self, TokenType};
use tollgate_store::{HttpScheme, NewSecret, ToolAuth};
use tollgate_vault::{HashedToken, Purpose, Vault};

use crate::Principal;
use crate::authn::{Authn, KEYS_BEGIN, LONGEST, Sort, anonymous};
use crate::principal::Known;
use crate::tool::Tool;
use crate::{Gate, Presented};

/// How long a service token may be that the owner gives, in characters.
const GIVEN: std::ops::RangeInclusive<usize> = 16..=512;

/// What a request to a tool presents.
pub(crate) struct AtTool {
    pub(crate) tool: Arc<Tool>,
    /// Each `Authorization` header; `None` where it cannot be read.
    given: Vec<Option<(HttpScheme, PlainToken)>>,
}

impl AtTool {
    pub(crate) fn new(tool: Arc<Tool>, headers: &HeaderMap) -> Self {
        let values = headers.get_all(AUTHORIZATION).iter();
        let given = values.map(|value| read(value.to_str().ok()?)).collect();
        Self { tool, given }
    }
}

impl Presented {
    /// What a request with these `headers` presents to `tool`: its `Authorization` alone. Cookies
    /// and other headers say nothing there.
    pub fn at_tool(tool: Arc<Tool>, headers: &HeaderMap) -> Self {
        let mut presented = Self::new();
        presented.set_tool(AtTool::new(tool, headers));
        presented
    }
}

impl AtTool {
    /// Whether this may be the secret that the tool's owner gave to a service: nothing but looking
    /// tells the right one from others, as no checksum is in it. Secrets of ours are not guessed.
    pub(crate) fn is_guessable(&self) -> bool {
        let ToolAuth::ServiceHttp { scheme: takes } = self.tool.auth() else { return false };
        let [Some((scheme, token))] = self.given.as_slice() else { return false };
        let readings = readings(*scheme, token);
        let may_be = |text: &str| is_given(text) && !text.starts_with(KEYS_BEGIN);
        scheme == takes
            && readings.iter().any(|reading| may_be(reading.expose()))
            && !readings.iter().any(|it| api_key::parse(it.expose()) == Some(TokenType::Tool))
    }
}

impl Authn {
    /// Who presents this at a tool.
    pub(crate) async fn at_tool(
        &self,
        at: AtTool,
        request: Option<RequestId>,
        network: Network,
    ) -> Result<Arc<Principal>, Error> {
        let AtTool { tool, mut given } = at;
        if *tool.auth() == ToolAuth::None {
            let known = anonymous(network, self.clock.now());
            return Ok(Arc::new(Principal { known, network, request }));
        }
        if given.len() > 1 {
            let words = "The request has more than one Authorization header. Send one.";
            return Err(Error::new(Kind::AmbiguousCredentials, words));
        }
        let Some(given) = given.pop() else { return Err(tool.unauthenticated(false)) };
        let found = match given {
            Some((scheme, token)) => self.known_at(&tool, scheme, &token).await,
            None => Err(Error::unauthenticated()),
        };
        let welcome = found.and_then(|known| {
            if !tool.knows(&known) {
                return Err(Error::unauthenticated());
            }
            self.welcome_in(known, network, request)
        });
        welcome.map_err(|error| match error.kind() {
            Kind::Unauthenticated => tool.unauthenticated(true),
            _ => error,
        })
    }

    async fn known_at(
        &self,
        tool: &Tool,
        scheme: HttpScheme,
        token: &PlainToken,
    ) -> Result<Arc<Known>, Error> {
        let refused = Error::unauthenticated;
        for token in readings(scheme, token) {
            let Some((sort, hash)) = self.keyed_at(tool, scheme, &token) else { continue };
            if let Some(known) = self.remembered(&hash) {
                return Ok(known);
            }
            match Box::pin(self.look_up(sort, &token, hash)).await {
                Err(error) if error.kind() == Kind::Unauthenticated => {}
                found => return found,
            }
        }
        Err(refused())
    }

    /// What the tool takes a token for, and the hash that it is known by. What begins like one of
    /// ours is one of the right kind with a good checksum, or nothing.
    fn keyed_at(
        &self,
        tool: &Tool,
        scheme: HttpScheme,
        token: &PlainToken,
    ) -> Option<(Sort, HashedToken)> {
        let text = token.expose();
        let ours = |kind| {
            let fits = api_key::parse(text) == Some(kind);
            fits.then(|| (Sort::Key, self.vault.mac(Purpose::ApiKey, text.as_bytes())))
        };
        let begins_as_ours = text.starts_with(KEYS_BEGIN);
        match tool.auth() {
            ToolAuth::ServiceHttp { scheme: takes } if *takes == scheme => {
                if begins_as_ours {
                    return ours(TokenType::Tool);
                }
                is_given(text).then(|| (Sort::Key, given_hash(&self.vault, tool, text)))
            }
            ToolAuth::UserHttp { scheme: takes } if *takes == scheme => ours(TokenType::User),
            ToolAuth::OAuth { .. } if scheme == HttpScheme::Bearer => {
                let may_be = !begins_as_ours && text.len() <= LONGEST;
                may_be.then(|| {
                    (Sort::AccessToken, self.vault.mac(Purpose::AccessToken, text.as_bytes()))
                })
            }
            _ => None,
        }
    }
}

impl Gate {
    /// A secret for a service that calls `tool`: `given` by the owner, or else a new one; and what
    /// is kept of it. What is given has 16 to 512 visible ASCII characters; a `user:password` comes
    /// back as Basic has it.
    pub fn service_secret(
        &self,
        tool: &Tool,
        given: Option<PlainToken>,
    ) -> Result<(PlainToken, NewSecret), Error> {
        let Some(given) = given else {
            let (token, hash) = self.new_token(TokenType::Tool);
            let secret = NewSecret { hash: *hash.as_bytes(), tail: token.tail() };
            return Ok((token, secret));
        };
        let text = given.expose();
        if !is_given(text) || text.starts_with(KEYS_BEGIN) {
            let words = "A token has 16 to 512 visible ASCII characters, without spaces, and does \
                         not begin with tg_.";
            return Err(Error::invalid(words).with_param("token"));
        }
        let hash = given_hash(&self.vault, tool, text);
        let secret = NewSecret { hash: *hash.as_bytes(), tail: given.tail() };
        Ok((given, secret))
    }
}

/// What a token may be meant as, the likeliest first: as it is; and in Basic what it encodes, the
/// password of that, or its user where there is no password.
fn readings(scheme: HttpScheme, token: &PlainToken) -> Vec<PlainToken> {
    let mut readings = vec![token.clone()];
    if scheme == HttpScheme::Basic
        && let Ok(decoded) = STANDARD.decode(token.expose())
        && let Ok(pair) = String::from_utf8(decoded)
    {
        if let Some((user, password)) = pair.split_once(':') {
            let part = if password.is_empty() { user } else { password };
            // Only what is ours counts without its other half: a pair that was given is one secret.
            if api_key::parse(part).is_some() {
                readings.push(PlainToken::new(part.to_owned()));
            }
        }
        readings.push(PlainToken::new(pair));
    }
    readings
}

/// The scheme and the token of an `Authorization` header, whatever the case of the scheme.
fn read(value: &str) -> Option<(HttpScheme, PlainToken)> {
    let (scheme, token) = value.trim().split_once(' ')?;
    let scheme = if scheme.eq_ignore_ascii_case("bearer") {
        HttpScheme::Bearer
    } else if scheme.eq_ignore_ascii_case("basic") {
        HttpScheme::Basic
    } else {
        return None;
    };
    let token = token.trim();
    let one = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    one.then(|| (scheme, PlainToken::new(token.to_owned())))
}

fn is_given(text: &str) -> bool {
    GIVEN.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The hash of a token that the owner gave: of this tool alone, so that one that two tools share by
/// chance opens each by itself.
fn given_hash(vault: &Vault, tool: &Tool, text: &str) -> HashedToken {
    let name = tool.id().as_str();
    let named = format!("{}:{name}{text}", name.len());
    vault.mac(Purpose::ToolToken, named.as_bytes())
}
