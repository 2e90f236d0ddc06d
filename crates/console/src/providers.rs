//! Sign-in providers: whom people may sign in with, and our secret at each. A secret goes in and
//! never comes out. Only owners change them: whoever says who somebody is could be anybody.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::shapes::said;
use tollgate_edge::{Body, Caller, Exchange, Path, Query};
use tollgate_gate::{
    Bounds, Finding, Principal, Provider, SealedSecret, Warrant, check_provider, redirect_uri_of,
    secret_goes_to,
};
use tollgate_kernel::{Error, Kind, Manage, Noun, ProviderKind, Secret, Slug, Timestamp};
use tollgate_store::{AuditEvent, ProviderRecord};

use crate::listing::{Cursors, ListQuery};
use crate::members::{needed, same_id};
use crate::state::{ConsoleState, changeable};

/// Looking at providers.
pub(crate) const READ: Manage = Manage::read(Noun::Providers);
/// Changing providers.
pub(crate) const WRITE: Manage = Manage::write(Noun::Providers);

/// The longest client secret, in bytes.
const LONGEST_SECRET: usize = 4_096;

/// How our secret is sent: in the header, or in the form.
const AUTH_METHODS: [&str; 2] = ["client_secret_basic", "client_secret_post"];

/// A new provider, or a change of one. What a change leaves out stays; `null` is as its kind has
/// it.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ProviderChange {
    /// Its name in addresses; needed for a new one, fixed from then on.
    #[schemars(with = "Option<String>")]
    pub(crate) id: Option<Slug>,
    /// What it speaks; needed for a new one.
    #[schemars(extend("enum" = ["google", "github", "facebook", "microsoft", "oidc", "oauth2"]))]
    pub(crate) kind: Option<String>,
    /// Its name for people, on buttons.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    pub(crate) name: Option<Option<String>>,
    /// The issuer of its ID tokens, exactly as the provider writes it; needed for kind `oidc`.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    pub(crate) issuer: Option<Option<String>>,
    /// What it calls us; needed for a new one.
    pub(crate) client_id: Option<String>,
    /// Our secret there; never shown again. `null` takes it away.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub(crate) client_secret: Option<Option<Secret>>,
    /// How the secret is sent: in the header, or in the form.
    #[serde(deserialize_with = "said")]
    #[schemars(
        with = "Option<String>",
        extend("enum" = ["client_secret_basic", "client_secret_post", null])
    )]
    pub(crate) auth_method: Option<Option<String>>,
    /// Where it is; what is not named comes from the kind or from the issuer.
    pub(crate) endpoints: Option<EndpointsChange>,
    /// What the members of its profile are called.
    pub(crate) fields: Option<FieldsChange>,
    /// What is asked for.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<Vec<String>>")]
    pub(crate) scopes: Option<Option<Vec<String>>>,
    /// Whether people may sign in with it.
    pub(crate) enabled: Option<bool>,
}

/// A change of endpoints: what is left out stays, `null` is as the kind or the issuer has it.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EndpointsChange {
    /// Where browsers are sent.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    pub(crate) authorize: Option<Option<String>>,
    /// Where codes are exchanged.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    pub(crate) token: Option<Option<String>>,
    /// Where the profile is.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    pub(crate) userinfo: Option<Option<String>>,
    /// Where e-mail addresses are listed, in the form of GitHub's.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    pub(crate) emails: Option<Option<String>>,
    /// Where its keys are.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    pub(crate) jwks: Option<Option<String>>,
}

impl EndpointsChange {
    fn apply(self, endpoints: &mut BTreeMap<String, String>) {
        let Self { authorize, token, userinfo, emails, jwks } = self;
        let all = [
            ("authorize", authorize),
            ("token", token),
            ("userinfo", userinfo),
            ("emails", emails),
            ("jwks", jwks),
        ];
        all.into_iter().for_each(|(name, change)| set(endpoints, name, change));
    }
}

/// A change of names: what is left out stays, `null` is as the kind has it. An empty name: the
/// provider does not tell it.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FieldsChange {
    /// What never changes and is never given to somebody else.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    pub(crate) subject: Option<Option<String>>,
    /// The e-mail address.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    pub(crate) email: Option<Option<String>>,
    /// Whether the provider has verified it: only `true` says so.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    pub(crate) email_verified: Option<Option<String>>,
    /// What the person is called.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    pub(crate) name: Option<Option<String>>,
    /// Their language.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    pub(crate) locale: Option<Option<String>>,
}

impl FieldsChange {
    fn apply(self, fields: &mut BTreeMap<String, String>) {
        let Self { subject, email, email_verified, name, locale } = self;
        let all = [
            ("subject", subject),
            ("email", email),
            ("email_verified", email_verified),
            ("name", name),
            ("locale", locale),
        ];
        all.into_iter().for_each(|(name, change)| set(fields, name, change));
    }
}

fn set(map: &mut BTreeMap<String, String>, name: &str, change: Option<Option<String>>) {
    match change {
        None => {}
        Some(None) => drop(map.remove(name)),
        Some(Some(text)) => drop(map.insert(name.to_owned(), text.trim().to_owned())),
    }
}

/// A provider as it is shown.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ProviderView {
    /// Its name in addresses.
    #[schemars(with = "String")]
    id: Slug,
    /// What it speaks.
    kind: &'static str,
    /// Its name for people; `null` is as the kind has it.
    name: Option<String>,
    /// The issuer of its ID tokens; `null` is as the kind has it.
    issuer: Option<String>,
    /// What it calls us.
    client_id: String,
    /// Whether we have a secret for it.
    has_client_secret: bool,
    /// How the secret is sent; `null` is as the kind does.
    auth_method: Option<&'static str>,
    /// The endpoints that its owner named.
    endpoints: BTreeMap<String, String>,
    /// The names of members that its owner named.
    fields: BTreeMap<String, String>,
    /// What is asked for; `null` is as the kind has it.
    scopes: Option<Vec<String>>,
    /// Whether people may sign in with it.
    enabled: bool,
    /// Whether the configuration file declares it.
    declared: bool,
    /// Where it sends browsers back to: to be registered there, exactly so.
    redirect_uri: String,
    /// When it was made.
    #[schemars(with = "String")]
    created_at: Timestamp,
    /// When it was changed last.
    #[schemars(with = "String")]
    updated_at: Timestamp,
}

impl ProviderView {
    fn of(origin: &str, record: ProviderRecord) -> Self {
        let [header, form] = AUTH_METHODS;
        Self {
            redirect_uri: redirect_uri_of(origin, &record.id),
            id: record.id,
            kind: record.kind.as_str(),
            name: record.name,
            issuer: record.issuer,
            client_id: record.client_id,
            has_client_secret: record.client_secret_sealed.is_some(),
            auth_method: record.secret_in_form.map(|in_form| if in_form { form } else { header }),
            endpoints: record.endpoints,
            fields: record.fields,
            scopes: record.scopes,
            enabled: record.enabled,
            declared: record.declared,
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

/// `GET /api/v1/providers`.
pub(crate) async fn list(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    exchange: Exchange,
    Query(query): Query<ListQuery>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let cursors = Cursors::new(&state.gate, "providers");
    let request = cursors.request(&query)?;
    let all = state.read(&warrant).providers().await?;
    let page = Cursors::cut(all, &request, |provider| provider.id.to_string());
    let origin = exchange.edge().origin();
    reply::json(&cursors.list(page, |record| ProviderView::of(origin, record)))
}

/// `GET /api/v1/providers/{id}`.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    exchange: Exchange,
    Path(id): Path<Slug>,
) -> Reply {
    let warrant = state.allow(&caller, READ)?;
    let found = find(&state, &warrant, &id).await?;
    reply::json(&ProviderView::of(exchange.edge().origin(), found))
}

/// `POST /api/v1/providers`.
pub(crate) async fn create(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    exchange: Exchange,
    Body(change): Body<ProviderChange>,
) -> Reply {
    let made = make(&state, &caller, change).await?;
    let path = format!("/api/v1/providers/{}", made.id);
    reply::created(&path, &ProviderView::of(exchange.edge().origin(), made))
}

/// `PATCH /api/v1/providers/{id}`.
pub(crate) async fn update(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    exchange: Exchange,
    Path(id): Path<Slug>,
    Body(change): Body<ProviderChange>,
) -> Reply {
    let changed = alter(&state, &caller, &id, change).await?;
    reply::json(&ProviderView::of(exchange.edge().origin(), changed))
}

/// What a test of a provider found.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FindingsView {
    /// One for each part that was looked at.
    findings: Vec<FindingView>,
}

/// One thing that was found.
#[derive(Serialize, JsonSchema)]
struct FindingView {
    /// What was looked at: `metadata`, `authorize`, `token`, `userinfo`, `emails`, `jwks` or
    /// `credentials`.
    part: &'static str,
    /// What was found; `ok` where all is well.
    code: &'static str,
    /// Whether people can sign in in spite of it.
    ok: bool,
    /// A status or an origin beside it.
    detail: Option<String>,
}

impl From<Finding> for FindingView {
    fn from(Finding { part, code, is_good, detail }: Finding) -> Self {
        Self { part, code, ok: is_good, detail }
    }
}

/// `POST /api/v1/providers/{id}/test`.
pub(crate) async fn test(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
) -> Reply {
    let findings = probe(&state, &caller, &id).await?;
    let findings = findings.into_iter().map(FindingView::from).collect();
    reply::json(&FindingsView { findings })
}

/// Tests a provider as it is stored, with our id and secret.
pub(crate) async fn probe(
    state: &ConsoleState,
    caller: &Arc<Principal>,
    id: &Slug,
) -> Result<Vec<Finding>, Error> {
    let warrant = state.allow(caller, WRITE)?;
    let record = find(state, &warrant, id).await?;
    Ok(state.gate.probe(&warrant, &Provider::of(&record)?).await)
}

/// `DELETE /api/v1/providers/{id}`.
pub(crate) async fn delete(
    State(state): State<ConsoleState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    changeable(find(&state, &warrant, &id).await?.declared)?;
    owners_alone(&state, &warrant).await?;
    let mut tx = state.gate.begin(&warrant).await?;
    tx.delete_provider(&id).await?;
    state.commit(tx, AuditEvent::new("provider.delete", format!("provider:{id}"))).await?;
    reply::no_content()
}

/// One provider, or 404.
pub(crate) async fn find(
    state: &ConsoleState,
    warrant: &Warrant,
    id: &Slug,
) -> Result<ProviderRecord, Error> {
    state.read(warrant).provider(id).await?.ok_or_else(Error::not_found)
}

/// Makes a provider.
pub(crate) async fn make(
    state: &ConsoleState,
    caller: &Arc<Principal>,
    change: ProviderChange,
) -> Result<ProviderRecord, Error> {
    let warrant = state.allow(caller, WRITE)?;
    let id = needed(change.id.clone(), "id")?;
    let kind = needed(change.kind.as_deref(), "kind")?.parse()?;
    let client_id = needed(change.client_id.clone(), "client_id")?;
    store(state, &warrant, ProviderRecord::new(id, kind, client_id), change).await
}

/// Changes a provider.
pub(crate) async fn alter(
    state: &ConsoleState,
    caller: &Arc<Principal>,
    id: &Slug,
    change: ProviderChange,
) -> Result<ProviderRecord, Error> {
    let warrant = state.allow(caller, WRITE)?;
    let provider = find(state, &warrant, id).await?;
    changeable(provider.declared)?;
    same_id(change.id.as_ref(), id)?;
    store(state, &warrant, provider, change).await
}

/// Whoever says who somebody is could be anybody, owners among them.
async fn owners_alone(state: &ConsoleState, warrant: &Warrant) -> Result<(), Error> {
    state.gate.require_owner(warrant).await.map_err(|error| match error.kind() {
        Kind::Forbidden => Error::new(
            Kind::Forbidden,
            "Only an owner may change sign-in providers. Sign in as one, or use an owner's admin \
             key.",
        ),
        _ => error,
    })?;
    Bounds::of(&state.gate, warrant).await?.require_none()
}

/// Checks a change, makes it durable, and gives the provider as it is then.
async fn store(
    state: &ConsoleState,
    warrant: &Warrant,
    before: ProviderRecord,
    mut change: ProviderChange,
) -> Result<ProviderRecord, Error> {
    owners_alone(state, warrant).await?;
    let secret = change.client_secret.take();
    let mut provider = changed(before.clone(), change)?;
    check_provider(&provider)?;
    if secret.is_none() && before.client_secret_sealed.is_some() {
        stays_home(&before, &provider)?;
    }
    provider.client_secret_sealed = match (secret, before.client_secret_sealed) {
        (Some(Some(secret)), _) => {
            let secret = checked_secret(&secret)?;
            let next = before.version + 1;
            Some(state.gate.seal_client_secret(warrant, &provider.id, next, &secret)?)
        }
        (None, Some(bytes)) => {
            let sealed = SealedSecret { bytes, version: before.version };
            Some(state.gate.carry_client_secret(warrant, &provider.id, &sealed)?)
        }
        (Some(None), _) | (None, None) => None,
    };
    let action = if before.version == 0 { "provider.create" } else { "provider.update" };
    let mut tx = state.gate.begin(warrant).await?;
    tx.put_provider(&provider).await?;
    state.commit(tx, AuditEvent::new(action, format!("provider:{}", provider.id))).await?;
    find(state, warrant, &provider.id).await
}

/// The provider as the change has it, but for its secret.
fn changed(mut provider: ProviderRecord, change: ProviderChange) -> Result<ProviderRecord, Error> {
    let text = |text: Option<String>| text.map(|text| text.trim().to_owned());
    if let Some(kind) = change.kind {
        provider.kind = kind.parse::<ProviderKind>()?;
    }
    if let Some(name) = change.name {
        provider.name = text(name);
    }
    if let Some(issuer) = change.issuer {
        provider.issuer = text(issuer);
    }
    if let Some(client_id) = change.client_id {
        client_id.trim().clone_into(&mut provider.client_id);
    }
    if let Some(method) = change.auth_method {
        provider.secret_in_form = method.as_deref().map(in_form).transpose()?;
    }
    if let Some(endpoints) = change.endpoints {
        endpoints.apply(&mut provider.endpoints);
    }
    if let Some(fields) = change.fields {
        fields.apply(&mut provider.fields);
    }
    if let Some(scopes) = change.scopes {
        provider.scopes = scopes;
    }
    if let Some(enabled) = change.enabled {
        provider.enabled = enabled;
    }
    Ok(provider)
}

fn in_form(method: &str) -> Result<bool, Error> {
    match AUTH_METHODS.iter().position(|known| *known == method) {
        Some(at) => Ok(at == 1),
        None => {
            let what = "An auth method is client_secret_basic or client_secret_post.";
            Err(Error::invalid(what).with_param("auth_method"))
        }
    }
}

/// A secret is sent only to whom it was given for: else whoever may change an address could have it
/// sent to themselves, and read what nobody may read.
fn stays_home(before: &ProviderRecord, after: &ProviderRecord) -> Result<(), Error> {
    if secret_goes_to(before) == secret_goes_to(after) {
        return Ok(());
    }
    let what = "The client secret belongs to the provider that it was given for. Send \
                client_secret too when the issuer or the token endpoint changes; null if the new \
                one needs none.";
    Err(Error::invalid(what).with_param("client_secret"))
}

fn checked_secret(secret: &Secret) -> Result<Secret, Error> {
    let secret = Secret::new(secret.expose().trim().to_owned());
    let text = secret.expose();
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    if visible && (1..=LONGEST_SECRET).contains(&text.len()) {
        return Ok(secret);
    }
    let what = "A client secret has 1 to 4096 visible ASCII characters. Send null to take it away.";
    Err(Error::invalid(what).with_param("client_secret"))
}
