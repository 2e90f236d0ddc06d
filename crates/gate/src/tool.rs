//! Tools as they are called: read from the policy, without a look at the store.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::HeaderName;
use tollgate_kernel::{Error, Kind, Method, Scopes, Slug, Subject};
use tollgate_store::{HttpScheme, ToolAuth, ToolRecord, ToolState, UpstreamAuth};
use tollgate_vault::{Opener, Place, ProviderKey, Sealed};

use crate::FastMap;
use crate::Resource;
use crate::identity::Introduced;
use crate::principal::Known;
use crate::target::{Injected, Target};
use crate::tool_place::ToolPlaces;
use crate::upstream::Patience;
use crate::{Gate, Live, Warrant};

/// How long a tool may take to answer, and then to go on: what a plugin's host waits for a call.
const PATIENCE: Patience =
    Patience { first_byte: Duration::from_secs(45), silence: Duration::from_secs(45) };

/// A tool that answers.
pub struct Tool {
    record: ToolRecord,
    address: String,
    aliases: Vec<String>,
    scopes: Vec<String>,
    pub(crate) target: Target,
    /// How callers without a credential are introduced.
    pub(crate) introduced: ArcSwapOption<Introduced>,
    /// As long as it is called in the same way at the same place: what it answers ends with that.
    pub(crate) live: Arc<Live>,
}

impl Tool {
    fn new(record: ToolRecord, places: &ToolPlaces, opener: &Opener) -> Result<Self, Error> {
        let injected = injected(&record, opener)?;
        let mut patience = PATIENCE;
        for (name, ms) in &record.timeouts {
            match name.as_str() {
                "first_byte_ms" => patience.first_byte = Duration::from_millis(*ms),
                "silence_ms" => patience.silence = Duration::from_millis(*ms),
                _ => {}
            }
        }
        let title = format!("The tool {}", record.id);
        let target = Target::new(title, &record.upstream_url, injected.as_ref(), patience)?;
        let scopes = match &record.auth {
            ToolAuth::OAuth { scope, .. } => scope.split_whitespace().map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let (address, aliases) = (places.address(&record), places.aliases(&record));
        let introduced = ArcSwapOption::empty();
        let live = Arc::default();
        Ok(Self { record, address, aliases, scopes, target, introduced, live })
    }

    /// The same tool with the life of what it was `before`, where its answers go on: it is called
    /// in the same way, and its API is where it was.
    fn after(self, before: Option<&Self>) -> Self {
        let Some(before) = before else { return self };
        let (now, then) = (&self.record, &before.record);
        // A name that was deleted and given again is another tool.
        let goes_on = now.auth == then.auth
            && now.upstream_url == then.upstream_url
            && now.created_at == then.created_at;
        let live = if goes_on { before.live.clone() } else { Arc::default() };
        Self { live, ..self }
    }

    /// Its name.
    pub fn id(&self) -> &Slug {
        &self.record.id
    }

    /// How its callers say who they are.
    pub fn auth(&self) -> &ToolAuth {
        &self.record.auth
    }

    /// What its owner declared. The secret in there is sealed.
    pub fn record(&self) -> &ToolRecord {
        &self.record
    }

    /// The public URL of its root, without a slash at the end: the audience of its tokens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What of `path` is below the tool's root, where the tool is reached under a path of ours;
    /// `None` where `path` is not below it.
    pub fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        let own = self.record.path.as_deref().and_then(|root| beneath(path, root));
        own.or_else(|| beneath(path.strip_prefix("/tools/")?, self.record.id.as_str()))
    }

    /// Whether anybody may ask for this: the picture and the legal page that the owner declared at
    /// the tool itself. Hosts read them before anybody has a credential.
    pub fn is_open(&self, method: &http::Method, path_and_query: &str) -> bool {
        let said = &self.record.manifest;
        let places = [&said.logo_url, &said.legal_info_url];
        [http::Method::GET, http::Method::HEAD].contains(method)
            && path_and_query.starts_with('/')
            && places.into_iter().any(|place| place == path_and_query)
    }

    /// How to come in (RFC 9110, 11.6.1), for who came with nothing, or with something that is no
    /// good.
    pub fn challenge(&self, presented: bool) -> Option<String> {
        let realm = self.id();
        let scheme = match &self.record.auth {
            ToolAuth::None => return None,
            ToolAuth::ServiceHttp { scheme } | ToolAuth::UserHttp { scheme } => *scheme,
            ToolAuth::OAuth { .. } => HttpScheme::Bearer,
        };
        let mut challenge = match scheme {
            HttpScheme::Bearer => format!("Bearer realm=\"{realm}\""),
            HttpScheme::Basic => format!("Basic realm=\"{realm}\", charset=\"UTF-8\""),
        };
        if !self.scopes.is_empty() {
            challenge.push_str(&format!(", scope=\"{}\"", self.scopes.join(" ")));
        }
        if presented && scheme == HttpScheme::Bearer {
            challenge.push_str(", error=\"invalid_token\"");
        }
        Some(challenge)
    }

    /// Nobody that may come in.
    pub(crate) fn unauthenticated(&self, presented: bool) -> Error {
        let error = Error::unauthenticated();
        match self.challenge(presented) {
            Some(challenge) => error.with_challenge(challenge),
            None => error,
        }
    }

    /// Whether who is `known` came to this tool, by its own way in: what opens another tool, or
    /// another door, is nothing here.
    pub(crate) fn knows(&self, known: &Known) -> bool {
        match (&self.record.auth, &known.subject) {
            (ToolAuth::None, Subject::Anonymous(_)) => true,
            (ToolAuth::ServiceHttp { .. }, Subject::Service { tool, .. }) => tool == self.id(),
            (ToolAuth::UserHttp { .. }, Subject::User(_)) => {
                known.method == Method::Key && known.tool.as_ref() == Some(self.id())
            }
            (ToolAuth::OAuth { .. }, Subject::User(_) | Subject::App(_)) => {
                known.method == Method::AccessToken
                    && known.audience.as_ref().is_some_and(|aud| aud.as_str() == self.address)
            }
            _ => false,
        }
    }

    /// Whether a token with `scopes` may call it: all that the tool names are needed.
    pub(crate) fn check_scopes(&self, scopes: &Scopes) -> Result<(), Error> {
        if self.scopes.iter().all(|scope| scopes.allow(scope)) {
            return Ok(());
        }
        let all = self.scopes.join(" ");
        let words = format!("This token lacks a scope. The tool {} needs: {all}.", self.id());
        let challenge = format!(
            "Bearer realm=\"{}\", error=\"insufficient_scope\", scope=\"{all}\"",
            self.id()
        );
        Err(Error::new(Kind::Forbidden, words).with_challenge(challenge))
    }

    /// Itself as something that tokens are made for.
    pub(crate) fn resource(&self) -> Option<Resource> {
        let (uri, aliases) = (self.address.clone(), self.aliases.clone());
        let scopes = self.scopes.clone();
        let is_one = matches!(self.record.auth, ToolAuth::OAuth { .. });
        is_one.then_some(Resource { uri, aliases, scopes })
    }
}

/// All tools that answer, and where.
#[derive(Default)]
pub(crate) struct Tools {
    by_id: FastMap<Slug, Arc<Tool>>,
    by_host: FastMap<String, Arc<Tool>>,
}

impl Tools {
    /// The tools of `records`, at these `places`. What did not change is taken from `before`, with
    /// what it remembers. One that cannot be used must not keep every other change from counting.
    pub(crate) fn read(
        records: Vec<ToolRecord>,
        places: &ToolPlaces,
        opener: &Opener,
        before: &Self,
    ) -> Self {
        let mut tools = Self::default();
        for record in records {
            if record.state == ToolState::Disabled {
                continue;
            }
            let known = before.by_id.get(&record.id);
            let tool = match known.filter(|tool| tool.record.version == record.version) {
                // A name that was deleted and given again begins with the same version.
                Some(tool) if tool.record.created_at == record.created_at => tool.clone(),
                _ => {
                    let id = record.id.clone();
                    match Tool::new(record, places, opener) {
                        Ok(tool) => Arc::new(tool.after(known.map(|tool| &**tool))),
                        Err(error) => {
                            let cause = error.cause();
                            tracing::warn!(tool = %id, cause, "the tool is left out: {error}");
                            continue;
                        }
                    }
                }
            };
            tools.by_id.insert(tool.id().clone(), tool);
        }
        tools.by_host = by_host(&tools.by_id, places);
        tools
    }

    /// Ends what is still answered as it was `before`, of tools that are there no more or not so.
    pub(crate) fn end_others(&self, before: &Self) {
        for (id, tool) in &before.by_id {
            let now = self.by_id.get(id);
            if now.is_none_or(|now| !Arc::ptr_eq(&now.live, &tool.live)) {
                tool.live.end();
            }
        }
    }

    pub(crate) fn get(&self, id: &Slug) -> Option<&Arc<Tool>> {
        self.by_id.get(id)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Tool>> {
        self.by_id.values()
    }

    fn at_host(&self, host: &str) -> Option<&Arc<Tool>> {
        self.by_host.get(&without_port(host).to_ascii_lowercase())
    }

    fn at_path(&self, path: &str) -> Option<&Arc<Tool>> {
        let named = path.strip_prefix("/tools/").and_then(|rest| rest.split('/').next());
        let named = named.and_then(|name| self.by_id.get(&Slug::parse(name).ok()?));
        // Of paths within each other the longest is meant; `/` has all that no other has.
        let length = |tool: &&Arc<Tool>| tool.record().path.as_ref().map(String::len);
        named.or_else(|| self.all().filter(|tool| tool.below(path).is_some()).max_by_key(length))
    }
}

impl Gate {
    /// Where tools are found here.
    pub fn tool_places(&self) -> &ToolPlaces {
        &self.tool_places
    }

    /// Refuses a tool that could not be called once it is stored: `tool` as it is written, with the
    /// version before. The error names the member at fault.
    pub fn check_tool(&self, _: &Warrant, tool: &ToolRecord) -> Result<(), Error> {
        let stored = ToolRecord { version: tool.version + 1, ..tool.clone() };
        Tool::new(stored, &self.tool_places, &self.opener).map(drop)
    }

    /// The tool of this name, if it answers.
    pub fn tool(&self, id: &Slug) -> Option<Arc<Tool>> {
        self.policy.load().tools.get(id).cloned()
    }

    /// All tools that answer, by name.
    pub fn tools(&self) -> Vec<Arc<Tool>> {
        let mut tools: Vec<_> = self.policy.load().tools.all().cloned().collect();
        tools.sort_by(|a, b| a.id().cmp(b.id()));
        tools
    }

    /// The tool whose own host this is, with a port or without: nothing of ours is there.
    pub fn tool_of_host(&self, host: &str) -> Option<Arc<Tool>> {
        self.policy.load().tools.at_host(host).cloned()
    }

    /// The tool that answers at `host` and `path`: by its own host, or below its own path or
    /// `/tools/{id}`, where [`Tool::below`] has the rest.
    pub fn tool_at(&self, host: &str, path: &str) -> Option<Arc<Tool>> {
        let policy = self.policy.load();
        policy.tools.at_host(host).or_else(|| policy.tools.at_path(path)).cloned()
    }
}

/// Where a tool's secret for its upstream is sealed.
pub(crate) fn auth_place(tool: &Slug, version: i64) -> Place {
    Place {
        table: "tools",
        column: "upstream_auth_sealed",
        row: tool.to_string(),
        owner: "installation".to_owned(),
        version,
    }
}

fn injected(record: &ToolRecord, opener: &Opener) -> Result<Option<Injected>, Error> {
    let (Some(how), Some(bytes)) = (&record.upstream_auth, &record.upstream_auth_sealed) else {
        return Ok(None);
    };
    let sealed = Sealed::<ProviderKey>::from_bytes(bytes.clone());
    let secret = opener.open(&auth_place(&record.id, record.version), &sealed)?;
    Ok(Some(match how {
        UpstreamAuth::Basic => Injected::Basic(secret),
        UpstreamAuth::Header { name } => {
            let name = HeaderName::try_from(name).map_err(|_| {
                Error::invalid("that is not the name of a header").with_param("upstream_auth")
            })?;
            Injected::Header(name, secret)
        }
    }))
}

/// Which tool answers at which name: whoever was given a name comes before whoever has it anyway.
fn by_host(tools: &FastMap<Slug, Arc<Tool>>, places: &ToolPlaces) -> FastMap<String, Arc<Tool>> {
    let mut by_host = FastMap::default();
    for tool in tools.values() {
        by_host.extend(tool.record.host.iter().map(|host| (host.clone(), tool.clone())));
    }
    for tool in tools.values() {
        for host in places.hosts(&tool.record) {
            by_host.entry(host).or_insert_with(|| tool.clone());
        }
    }
    by_host
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// What of `path` comes after `root`, on a border of segments.
fn beneath<'a>(path: &'a str, root: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(root)?;
    if rest.is_empty() {
        return Some("/");
    }
    rest.starts_with('/').then_some(rest)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
#[path = "tool_tests.rs"]
mod tests;
