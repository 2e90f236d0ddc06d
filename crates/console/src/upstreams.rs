//! Model providers: where they are, and our key for each. A key goes in and never comes out.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use http::header::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::shapes::said;
use tollgate_edge::{Body, Caller, Path, Query};
use tollgate_gate::{Principal, Trouble, UpstreamTest, Warrant};
use tollgate_kernel::{Error, Manage, Noun, Secret, Slug, Timestamp};
use tollgate_store::{AuditEvent, UpstreamRecord};
use url::{Host, Url};

use crate::listing::{Cursors, ListQuery};
use crate::members::{needed, same_id};
use crate::state::{ConsoleState, changeable};

/// Looking at upstreams.
pub(crate) const READ: Manage = Manage::read(Noun::Upstreams);
/// Changing upstreams.
pub(crate) const WRITE: Manage = Manage::write(Noun::Upstreams);

/// The longest time that an upstream may be silent, in milliseconds: an hour.
const LONGEST_MS: u64 = 3_600_000;

/// The longest key, in bytes.
const LONGEST_KEY: usize = 4_096;

/// A new upstream, or a change of one. What a change leaves out stays.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UpstreamChange {
    /// Its name; needed for a new one, fixed from then on.
    #[schemars(with = "Option<String>")]
    pub(crate) id: Option<Slug>,
    /// Where its routes start, for example `https://api.openai.com/v1`; needed for a new one. A
    /// change of the host needs the key again.
    pub(crate) base_url: Option<String>,
    /// Our key there; never shown again. `null` takes it away.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub(crate) api_key: Option<Option<Secret>>,
    /// The header that takes the key bare; `null` is `Authorization: Bearer`.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    pub(crate) header: Option<Option<String>>,
    /// How long it may be silent.
    pub(crate) timeouts: Option<TimeoutsChange>,
}

/// A change of time-outs: what is left out stays, `null` is the usual ten minutes.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TimeoutsChange {
    /// Until the answer starts, in milliseconds.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<u64>", range(min = 1, max = LONGEST_MS))]
    first_byte_ms: Option<Option<u64>>,
    /// Between two pieces of an answer, in milliseconds.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<u64>", range(min = 1, max = LONGEST_MS))]
    silence_ms: Option<Option<u64>>,
}

impl TimeoutsChange {
    fn apply(self, timeouts: &mut BTreeMap<String, u64>) -> Result<(), Error> {
        let Self { first_byte_ms, silence_ms } = self;
        for (name, change) in [("first_byte_ms", first_byte_ms), ("silence_ms", silence_ms)] {
            match change {
                None => {}
                Some(None) => {
                    timeouts.remove(name);
                }
                Some(Some(ms @ 1..=LONGEST_MS)) => {
                    timeouts.insert(name.to_owned(), ms);
                }
                Some(Some(_)) => {
                    let what = format!("A time-out is 1 to {LONGEST_MS} milliseconds.");
                    return Err(Error::invalid(what).with_param(format!("timeouts.{name}")));
                }
            }
        }
        Ok(())
    }
}

/// An upstream as it is shown.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UpstreamView {
    /// Its name.
    #[schemars(with = "String")]
    id: Slug,
    /// Where its routes start.
    base_url: String,
    /// The header that takes the key bare; `null` is `Authorization: Bearer`.
    header: Option<String>,
    /// Whether we have a key for it.
    has_api_key: bool,
    /// Its own time-outs, in milliseconds.
    timeouts: BTreeMap<String, u64>,
    /// Whether the configuration file declares it.
    declared: bool,
    /// What the owner should mend there; `null` where all is well or nothing is known yet.
    trouble: Option<TroubleView>,
    /// When it was made.
    #[schemars(with = "String")]
    created_at: Timestamp,
    /// When it was changed last.
    #[schemars(with = "String")]
    updated_at: Timestamp,
}

/// What is wrong with an upstream, until a call goes well or the upstream is changed.
#[derive(Serialize, JsonSchema)]
struct TroubleView {
    /// `key_refused`, `quota_spent` or `secret_leaked` (its answers hold our own key).
    code: &'static str,
    /// When the first call met it.
    #[schemars(with = "String")]
    since: Timestamp,
    /// When the last one did.
    #[schemars(with = "String")]
    last: Timestamp,
    /// How many calls have met it.
    calls: u64,
}

impl From<Trouble> for TroubleView {
    fn from(Trouble { kind, since, last, calls }: Trouble) -> Self {
        Self { code: kind.as_str(), since, last, calls }
    }
}

impl UpstreamView {
    fn of(state: &ConsoleState, warrant: &Warrant, record: UpstreamRecord) -> Self {
        let trouble = state.gate.trouble(warrant, &record.id).map(TroubleView::from);
        Self {
            id: record.id,
            base_url: record.base_url,
            header: record.header,
            has_api_key: record.api_key_sealed.is_some(),
            timeouts: record.timeouts,
            declared: record.declared,
            trouble,
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

/// `GET /api/v1/upstreams`.
pub(crate) async fn list(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Query(query): Query<ListQuery>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let cursors = Cursors::new(&state.gate, "upstreams");
    let request = cursors.request(&query)?;
    let all = state.read(&warrant).upstreams().await?;
    let page = Cursors::cut(all, &request, |upstream| upstream.id.to_string());
    reply::json(&cursors.list(page, |record| UpstreamView::of(&state, &warrant, record)))
}

/// `GET /api/v1/upstreams/{id}`.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let found = find(&state, &warrant, &id).await?;
    reply::json(&UpstreamView::of(&state, &warrant, found))
}

/// `POST /api/v1/upstreams`.
pub(crate) async fn create(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Body(change): Body<UpstreamChange>,
) -> Reply {
    let made = make(&state, &caller, change).await?;
    let warrant = state.allow(&caller, READ)?;
    let path = format!("/api/v1/upstreams/{}", made.id);
    reply::created(&path, &UpstreamView::of(&state, &warrant, made))
}

/// `PATCH /api/v1/upstreams/{id}`.
pub(crate) async fn update(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
    Body(change): Body<UpstreamChange>,
) -> Reply {
    let changed = alter(&state, &caller, &id, change).await?;
    let warrant = state.allow(&caller, READ)?;
    reply::json(&UpstreamView::of(&state, &warrant, changed))
}

/// What a test of an upstream found.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TestView {
    /// `works`, `key_refused`, `unreachable`, or `unexpected`: it answers something else.
    #[schemars(extend("enum" = ["works", "key_refused", "unreachable", "unexpected"]))]
    result: &'static str,
    /// How many models it lists, where it works.
    models: Option<usize>,
    /// The status of an unexpected answer.
    status: Option<u16>,
}

impl From<UpstreamTest> for TestView {
    fn from(found: UpstreamTest) -> Self {
        let (result, models, status) = match found {
            UpstreamTest::Works { models } => ("works", Some(models), None),
            UpstreamTest::KeyRefused => ("key_refused", None, None),
            UpstreamTest::Unreachable => ("unreachable", None, None),
            UpstreamTest::Unexpected { status } => ("unexpected", None, Some(status)),
        };
        Self { result, models, status }
    }
}

/// `POST /api/v1/upstreams/{id}/test`.
pub(crate) async fn test(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    reply::json(&TestView::from(state.gate.test_upstream(&warrant, &id).await?))
}

/// `DELETE /api/v1/upstreams/{id}`.
pub(crate) async fn delete(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    changeable(find(&state, &warrant, &id).await?.declared)?;
    let mut tx = state.gate.begin(&warrant).await?;
    tx.delete_upstream(&id).await?;
    state.commit(tx, AuditEvent::new("upstream.delete", format!("upstream:{id}"))).await?;
    reply::no_content()
}

/// One upstream, or 404.
pub(crate) async fn find(
    state: &ConsoleState,
    warrant: &Warrant,
    id: &Slug,
) -> Result<UpstreamRecord, Error> {
    state.read(warrant).upstream(id).await?.ok_or_else(Error::not_found)
}

/// Makes an upstream.
pub(crate) async fn make(
    state: &ConsoleState,
    caller: &Arc<Principal>,
    change: UpstreamChange,
) -> Result<UpstreamRecord, Error> {
    let warrant = state.allow(caller, WRITE)?;
    let id = needed(change.id.clone(), "id")?;
    let base_url = needed(change.base_url.clone(), "base_url")?;
    store(state, &warrant, UpstreamRecord::new(id, base_url), change).await
}

/// Changes an upstream.
pub(crate) async fn alter(
    state: &ConsoleState,
    caller: &Arc<Principal>,
    id: &Slug,
    change: UpstreamChange,
) -> Result<UpstreamRecord, Error> {
    let warrant = state.allow(caller, WRITE)?;
    let upstream = find(state, &warrant, id).await?;
    changeable(upstream.declared)?;
    same_id(change.id.as_ref(), id)?;
    store(state, &warrant, upstream, change).await
}

/// Checks a change, makes it durable, and gives the upstream as it is then.
async fn store(
    state: &ConsoleState,
    warrant: &Warrant,
    mut upstream: UpstreamRecord,
    change: UpstreamChange,
) -> Result<UpstreamRecord, Error> {
    let UpstreamChange { id: _, base_url, api_key, header, timeouts } = change;
    if let Some(text) = base_url {
        let url = checked_url(&text)?;
        stays_home(&upstream, &url, api_key.is_some())?;
        upstream.base_url = url.as_str().trim_end_matches('/').to_owned();
    }
    if let Some(header) = header {
        upstream.header = header.as_deref().map(checked_header).transpose()?;
    }
    if let Some(timeouts) = timeouts {
        timeouts.apply(&mut upstream.timeouts)?;
    }
    upstream.api_key_sealed = match api_key {
        Some(Some(key)) => {
            let key = checked_key(&key)?;
            Some(state.gate.seal_key(warrant, &upstream.id, upstream.version + 1, &key)?)
        }
        Some(None) => None,
        None => state.gate.carry_key(warrant, &upstream)?,
    };
    if !state.keys_in_the_clear {
        not_in_the_clear(&upstream)?;
    }
    let action = if upstream.version == 0 { "upstream.create" } else { "upstream.update" };
    let mut tx = state.gate.begin(warrant).await?;
    tx.put_upstream(&upstream).await?;
    state.commit(tx, AuditEvent::new(action, format!("upstream:{}", upstream.id))).await?;
    find(state, warrant, &upstream.id).await
}

/// Where the routes of an upstream start: what the gate would refuse must not be stored.
fn checked_url(text: &str) -> Result<Url, Error> {
    let wrong = || {
        let what = "The base URL starts with https:// or http://, names a host, and has no user \
                    name, query or fragment.";
        Error::invalid(what).with_param("base_url")
    };
    let url = Url::parse(text.trim()).map_err(|_| wrong())?;
    let web = matches!(url.scheme(), "https" | "http") && url.host().is_some();
    let bare = url.query().is_none() && url.fragment().is_none();
    let nobody = url.username().is_empty() && url.password().is_none();
    if web && bare && nobody { Ok(url) } else { Err(wrong()) }
}

/// A key is sent only to the host that it was given for: else whoever may change an address could
/// have the key sent to themselves, and read what nobody may read.
fn stays_home(upstream: &UpstreamRecord, to: &Url, with_key: bool) -> Result<(), Error> {
    let at_home = Url::parse(&upstream.base_url).is_ok_and(|from| from.origin() == to.origin());
    if at_home || with_key || upstream.api_key_sealed.is_none() {
        return Ok(());
    }
    let what = "The key belongs to the host that it was given for. Send api_key too when the base \
                URL moves to another host; null if the new one needs none.";
    Err(Error::invalid(what).with_param("api_key"))
}

/// A key never crosses a network unencrypted.
fn not_in_the_clear(upstream: &UpstreamRecord) -> Result<(), Error> {
    let url = checked_url(&upstream.base_url)?;
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if upstream.api_key_sealed.is_none() || url.scheme() == "https" || here {
        return Ok(());
    }
    let what = "The key would cross the network unencrypted. Use an https address.";
    Err(Error::invalid(what).with_param("base_url"))
}

/// Headers that a key must not take the place of.
const TAKEN: [&str; 9] = [
    "host",
    "content-length",
    "content-type",
    "connection",
    "transfer-encoding",
    "upgrade",
    "te",
    "accept",
    "user-agent",
];

fn checked_header(text: &str) -> Result<String, Error> {
    match HeaderName::try_from(text.trim()) {
        Ok(name) if !TAKEN.contains(&name.as_str()) => Ok(name.as_str().to_owned()),
        _ => {
            let what = "This is not the name of a header that can carry a key, like api-key.";
            Err(Error::invalid(what).with_param("header"))
        }
    }
}

/// A key is something that fits into a header; white space around it comes from copying.
fn checked_key(key: &Secret) -> Result<Secret, Error> {
    let key = Secret::new(key.expose().trim().to_owned());
    let fits = (1..=LONGEST_KEY).contains(&key.expose().len())
        && key.expose().bytes().all(|byte| byte.is_ascii_graphic())
        && HeaderValue::from_str(key.expose()).is_ok();
    if fits {
        return Ok(key);
    }
    let what = "A key has 1 to 4096 visible ASCII characters. Send null to take the key away.";
    Err(Error::invalid(what).with_param("api_key"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
#[path = "upstreams_tests.rs"]
mod tests;
