//! `/api/v1/installs`: other people's tools. Secrets go in and never come out.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::shapes::{List, said};
use tollgate_edge::{Body, Caller, Exchange, Path, Query, Reply, reply};
use tollgate_gate::{Change, Facts, Install, VERIFICATION_KEY};
use tollgate_kernel::{Error, InstallId, Secret, Suspension, Timestamp};
use tollgate_protocol::plugin_host::{Auth, Warning};

use super::part::cut;
use crate::connect::redirect_uri;
use crate::install::{self, Added, READ, Wish};
use crate::state::ConnectionsState;

/// A tool that is to be installed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub(crate) struct NewInstall {
    /// Its domain; this or `url`.
    domain: Option<String>,
    /// The address of its manifest.
    url: Option<String>,
    /// What the tool's owner gave for all calls; for `service_http`.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    service_token: Option<Secret>,
    /// What the tool calls us; for `oauth`. People see it.
    client_id: Option<String>,
    /// Our secret there; for `oauth`. Never shown again.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    client_secret: Option<Secret>,
    /// Hosts of the sign-in on other domains that are meant to be there.
    confirmed_hosts: Option<Vec<String>>,
    /// The `hash` that a look gave: what was seen. With it nothing else is kept.
    hash: Option<String>,
}

/// What is to be installed: where it is, what its owner saw of it, what they say of it.
type New = (String, Option<String>, Wish);

impl NewInstall {
    fn read(self) -> Result<New, Error> {
        let Self { domain, url, service_token, client_id, client_secret, .. } = self;
        let (confirmed_hosts, hash) = (self.confirmed_hosts, self.hash);
        let place = match (domain, url) {
            (Some(place), None) | (None, Some(place)) => place,
            _ => {
                let what = "Name the tool by its domain, or by the address of its manifest.";
                return Err(Error::invalid(what).with_param("domain"));
            }
        };
        let wish =
            Wish { service_token, client_id, client_secret, confirmed_hosts, ..Wish::default() };
        Ok((place, hash, wish))
    }
}

/// A tool that is to be looked at.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Look {
    /// Its domain, or the address of its manifest.
    domain: String,
}

/// A change of a tool. What is left out stays; `null` is as the manifest has it.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct InstallPatch {
    /// What the tool's owner gave for all calls; it is verified anew.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    service_token: Option<Secret>,
    /// What the tool calls us.
    client_id: Option<String>,
    /// Our secret there; it is verified anew.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    client_secret: Option<Secret>,
    /// Hosts of the sign-in on other domains that are meant to be there.
    confirmed_hosts: Option<Vec<String>>,
    /// Where browsers are sent.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    client_url: Option<Option<String>>,
    /// The token endpoint.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    authorization_url: Option<Option<String>>,
    /// What is asked for.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    scope: Option<Option<String>>,
    /// Whether PKCE is sent along.
    pkce: Option<bool>,
    /// Whether the tool may send browsers back without `state`.
    state_optional: Option<bool>,
    /// `true` stops all calls until it is verified again.
    suspended: Option<bool>,
}

impl From<InstallPatch> for Wish {
    fn from(patch: InstallPatch) -> Self {
        let InstallPatch { service_token, client_id, client_secret, confirmed_hosts, .. } = patch;
        Self {
            service_token,
            client_id,
            client_secret,
            confirmed_hosts,
            client_url: patch.client_url,
            authorization_url: patch.authorization_url,
            scope: patch.scope,
            pkce: patch.pkce,
            state_optional: patch.state_optional,
            suspended: patch.suspended,
        }
    }
}

/// Something odd in what a tool publishes.
#[derive(Serialize, JsonSchema)]
pub(crate) struct WarningView {
    code: String,
    message: String,
    /// The host that it is about.
    host: Option<String>,
}

impl From<Warning> for WarningView {
    fn from(Warning { code, message, host }: Warning) -> Self {
        Self { code, message, host }
    }
}

/// What a tool publishes, before anything is kept.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FoundView {
    domain: String,
    name: String,
    description: String,
    auth: &'static str,
    /// Where its calls go.
    api_url: String,
    warnings: Vec<WarningView>,
    /// Hosts on other domains that have to be confirmed.
    unconfirmed_hosts: Vec<String>,
    /// By this the tool is installed as it was seen here, or not at all.
    hash: String,
}

/// What was found at a tool's domain since, and waits for the owner's yes. Nothing of it counts
/// yet.
#[derive(Serialize, JsonSchema)]
struct WaitingView {
    /// By this it is accepted.
    hash: String,
    /// What it says differently.
    changes: Vec<ChangeView>,
    warnings: Vec<WarningView>,
    /// Hosts on other domains that would have to be confirmed.
    unconfirmed_hosts: Vec<String>,
}

/// Something that a tool says differently.
#[derive(Serialize, JsonSchema)]
struct ChangeView {
    /// Which part.
    what: &'static str,
    before: String,
    now: String,
}

impl WaitingView {
    fn of(known: &Facts, found: Facts) -> Self {
        let change = |Change { what, before, now }| ChangeView { what, before, now };
        Self {
            hash: found.hash(),
            changes: known.changes(&found).into_iter().map(change).collect(),
            unconfirmed_hosts: found.unconfirmed_hosts(),
            warnings: found.warnings.into_iter().map(WarningView::from).collect(),
        }
    }
}

/// What the owner says yes to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Yes {
    /// The `found.hash` that they saw.
    hash: String,
}

impl From<Facts> for FoundView {
    fn from(facts: Facts) -> Self {
        Self {
            hash: facts.hash(),
            unconfirmed_hosts: facts.unconfirmed_hosts(),
            domain: facts.root.host().to_owned(),
            name: facts.manifest.name_for_human,
            description: facts.manifest.description_for_human,
            auth: facts.manifest.auth.name(),
            api_url: facts.api_base,
            warnings: facts.warnings.into_iter().map(WarningView::from).collect(),
        }
    }
}

/// What is to be published at the tool's domain, as
/// `auth.verification_tokens.{key}` of its manifest.
#[derive(Serialize, JsonSchema)]
struct VerificationView {
    key: &'static str,
    token: String,
}

/// A tool.
#[derive(Serialize, JsonSchema)]
pub(crate) struct InstallView {
    #[schemars(with = "String")]
    id: InstallId,
    domain: String,
    name: String,
    /// What models call it.
    name_for_model: String,
    description: String,
    /// `none`, `service_http`, `user_http` or `oauth`.
    auth: &'static str,
    /// `fetched`, `secret_entered`, `token_issued`, `verified`, `active` or `suspended`.
    state: &'static str,
    /// Why it is suspended: `changed` or `owner`.
    suspended_because: Option<&'static str>,
    /// What is still to be given.
    needs: Vec<&'static str>,
    warnings: Vec<WarningView>,
    /// Hosts on other domains that have to be confirmed.
    unconfirmed_hosts: Vec<String>,
    confirmed_hosts: Vec<String>,
    /// Where its calls go.
    api_url: String,
    /// How a call is signed: the token is left out.
    header: Option<String>,
    /// What the tool calls us.
    client_id: Option<String>,
    /// Whether we have a secret for it.
    has_secret: bool,
    /// Where it sends browsers back to: to be registered there before the first sign-in.
    redirect_uri: Option<String>,
    /// Where browsers are sent.
    client_url: Option<String>,
    /// The token endpoint.
    authorization_url: Option<String>,
    /// What is asked for.
    scope: Option<String>,
    pkce: bool,
    state_optional: bool,
    /// What is to be published at the tool's domain.
    verification: Option<VerificationView>,
    /// What was found there since, and waits to be accepted.
    found: Option<WaitingView>,
    /// What a change means beside what it changed.
    notice: Option<&'static str>,
    #[schemars(with = "String")]
    created_at: Timestamp,
    #[schemars(with = "String")]
    updated_at: Timestamp,
}

impl InstallView {
    pub(crate) fn of(origin: &str, install: Install) -> Self {
        let is_oauth = matches!(install.facts.manifest.auth, Auth::OAuth(_));
        let endpoints = install.facts.endpoints();
        let (client_url, token) = match &endpoints {
            Some(it) => (Some(it.client_url.to_owned()), Some(it.token.to_string())),
            None => (None, None),
        };
        let header = install.header_shown();
        let (needs, uri) = (install.needs(), redirect_uri(origin, &install));
        let unconfirmed_hosts = install.facts.unconfirmed_hosts();
        let scope = is_oauth.then(|| install.facts.scope().to_owned());
        let Install { record, facts, waiting, .. } = install;
        let found = waiting.map(|found| WaitingView::of(&facts, found));
        let verification = record
            .verification_token
            .map(|token| VerificationView { key: VERIFICATION_KEY, token });
        Self {
            id: record.id,
            domain: record.domain,
            name: record.name,
            auth: facts.manifest.auth.name(),
            name_for_model: facts.manifest.name_for_model,
            description: facts.manifest.description_for_human,
            state: record.state.as_str(),
            suspended_because: record.state.suspension().map(Suspension::as_str),
            needs,
            warnings: facts.warnings.into_iter().map(WarningView::from).collect(),
            unconfirmed_hosts,
            confirmed_hosts: facts.confirmed_hosts,
            api_url: facts.api_base,
            header,
            client_id: record.client_id,
            has_secret: record.secret_sealed.is_some(),
            redirect_uri: is_oauth.then_some(uri),
            client_url,
            authorization_url: token,
            scope,
            pkce: facts.said.pkce,
            state_optional: facts.said.stateless,
            verification,
            found,
            notice: None,
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

/// What a look at a tool's domain found.
#[derive(Serialize, JsonSchema)]
pub(crate) struct VerifiedView {
    state: &'static str,
    /// `found`, `text_changed`, `manifest_changed`, `old_value_served`, `token_missing` or
    /// `token_wrong`.
    result: &'static str,
    install: InstallView,
}

/// Which part of the list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct All {
    limit: Option<u32>,
    cursor: Option<String>,
}

/// `GET /api/v1/installs`.
pub(crate) async fn list(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    exchange: Exchange,
    Query(All { limit, cursor }): Query<All>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let origin = exchange.edge().origin();
    let all = state.read(&warrant).installs().await?;
    let (records, next) = cut(all, limit, cursor.as_deref(), |record| record.id.to_string())?;
    let view = |record| Ok::<_, Error>(InstallView::of(origin, Install::of(record)?));
    let items = records.into_iter().map(view).collect::<Result<Vec<_>, _>>()?;
    reply::json(&List { items, next })
}

/// `POST /api/v1/installs/look`.
pub(crate) async fn look(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    Body(Look { domain }): Body<Look>,
) -> Reply {
    reply::json(&FoundView::from(install::look(&state, &caller, &domain).await?))
}

/// `POST /api/v1/installs`.
pub(crate) async fn create(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    exchange: Exchange,
    Body(new): Body<NewInstall>,
) -> Reply {
    let (place, seen, wish) = new.read()?;
    let made = match install::add(&state, &caller, &place, seen.as_deref(), wish).await? {
        Added::Kept(made) => *made,
        Added::Otherwise(facts) => return Err(install::otherwise(&facts).into()),
    };
    let path = format!("/api/v1/installs/{}", made.record.id);
    reply::created(&path, &InstallView::of(exchange.edge().origin(), made))
}

/// `GET /api/v1/installs/{id}`.
pub(crate) async fn show(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    exchange: Exchange,
    Path(id): Path<InstallId>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let found = install::find(&state, &warrant, id).await?;
    reply::json(&InstallView::of(exchange.edge().origin(), found))
}

/// `PATCH /api/v1/installs/{id}`.
pub(crate) async fn update(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    exchange: Exchange,
    Path(id): Path<InstallId>,
    Body(patch): Body<InstallPatch>,
) -> Reply {
    let (changed, is_back) = install::change(&state, &caller, id, patch.into()).await?;
    let mut view = InstallView::of(exchange.edge().origin(), changed);
    view.notice = is_back.then_some(
        "Nobody is led to this tool, and nothing is called, until it is verified anew: publish the \
         verification token and verify it.",
    );
    reply::json(&view)
}

/// `POST /api/v1/installs/{id}/accept`.
pub(crate) async fn accept(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    exchange: Exchange,
    Path(id): Path<InstallId>,
    Body(Yes { hash }): Body<Yes>,
) -> Reply {
    let taken = install::accept(&state, &caller, id, &hash).await?;
    reply::json(&InstallView::of(exchange.edge().origin(), taken))
}

/// `POST /api/v1/installs/{id}/verify`.
pub(crate) async fn verify(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    exchange: Exchange,
    Path(id): Path<InstallId>,
) -> Reply {
    let (install, found) = install::verify(&state, &caller, id).await?;
    let (current, result) = (install.record.state.as_str(), found.code());
    let install = InstallView::of(exchange.edge().origin(), install);
    reply::json(&VerifiedView { state: current, result, install })
}

/// `DELETE /api/v1/installs/{id}`.
pub(crate) async fn delete(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    Path(id): Path<InstallId>,
) -> Reply {
    install::remove(&state, &caller, id).await?;
    reply::no_content()
}
