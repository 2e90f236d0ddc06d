//! `/setup`: the first owner, a model provider, the first call. Each step is a plain form.

use askama::Template;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Banner, Command, Field, Head, Link, SecretOnce, Summary, Tone};
use tollgate_edge::{Attempt, Caller, Exchange, Form, Query, Reply, Visit, reply};
use tollgate_kernel::{Kind, PlainToken, Rates, Secret};

use super::signup::{account_fields, mistake};
use super::strength::Meter;
use super::{TEXTS, agent_of, banner, signed_in, style};
use crate::add_upstream::{Upstream, add_upstream};
use crate::check::KEY_LIFE;
use crate::check::Mistake;
use crate::create_key::{KeyWish, create_key};
use crate::first_call::first_call;
use crate::setup::{NewOwner, is_open, setup_owner};
use crate::start_session::{prepare, start};
use crate::state::IdentityState;

/// Where the models of most people are.
const OPENAI: &str = "https://api.openai.com/v1";

#[derive(Template)]
#[template(path = "setup.html")]
struct Step {
    w: Words,
    style: String,
    /// Which of the three steps this is.
    step: u8,
    head: Head,
    banner: Option<Banner>,
    secret: Option<SecretOnce>,
    /// What the first call answered.
    answer: Option<String>,
    summary: Option<Summary>,
    form: Option<FormPart>,
    skip: Option<Link>,
    commands: Vec<Command>,
}

/// The one form of a step.
struct FormPart {
    id: &'static str,
    action: &'static str,
    csrf: String,
    token: Option<String>,
    fields: Vec<Field>,
    meter: Option<Meter>,
    /// The models to choose from.
    models: Vec<String>,
    button: String,
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    token: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnerTyped {
    username: String,
    #[serde(default)]
    name: String,
    password: Secret,
    #[serde(default)]
    token: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpstreamTyped {
    base_url: String,
    api_key: Secret,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TryTyped {
    model: String,
}

impl Step {
    fn new(visit: &Visit, step: u8) -> Self {
        let w = visit.words(&TEXTS);
        let title = w.get(&format!("setup-title-{step}"));
        let lead = w.get(&format!("setup-lead-{step}"));
        Self {
            style: style(visit),
            w,
            step,
            head: Head { title, lead, action: None },
            banner: None,
            secret: None,
            answer: None,
            summary: None,
            form: None,
            skip: None,
            commands: Vec::new(),
        }
    }

    /// A banner and nothing to do.
    fn stopped(visit: &Visit, tone: Tone, key: &str, link: Option<Link>) -> Self {
        let mut step = Self::new(visit, 1);
        step.banner = Some(Banner { tone, text: step.w.get(key), link });
        step
    }

    fn answer(self, visit: Visit, status: StatusCode) -> Reply {
        let title = self.w.get("setup-title");
        visit.show_as(status, None, &title, &self)
    }

    /// The names of the steps, and which one is current.
    fn steps(&self) -> Vec<(String, bool)> {
        (1..=3_u8).map(|n| (self.w.get(&format!("setup-step-{n}")), n == self.step)).collect()
    }
}

fn owner_step(visit: &Visit, email: &str, name: &str, token: &str, wrong: Option<Mistake>) -> Step {
    let w = visit.words(&TEXTS);
    let mut step = Step::new(visit, 1);
    let fields = account_fields(&w, email, name, wrong);
    step.summary = Summary::of(w.locale(), &fields.each_ref());
    step.form = Some(FormPart {
        id: "setup-form",
        action: "/setup",
        csrf: visit.csrf(),
        token: Some(token.to_owned()),
        fields: fields.into(),
        meter: Some(Meter::new(visit)),
        models: Vec::new(),
        button: w.get("setup-button-1"),
    });
    step.commands = vec![Command::same(w.locale(), "tollgate init --owner you@example.com")];
    step
}

pub(crate) async fn show(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    Query(asked): Query<Asked>,
    visit: Visit,
) -> Reply {
    let w = visit.words(&TEXTS);
    if !is_open(&state.gate, &caller).await? {
        let link = Link { href: "/login".to_owned(), text: w.get("sign-in") };
        let step = Step::stopped(&visit, Tone::Info, "setup-done-already", Some(link));
        return step.answer(visit, StatusCode::OK);
    }
    match asked.token {
        Some(token) => owner_step(&visit, "", "", &token, None).answer(visit, StatusCode::OK),
        None => {
            let step = Step::stopped(&visit, Tone::Info, "setup-needs-link", None);
            step.answer(visit, StatusCode::OK)
        }
    }
}

pub(crate) async fn make_owner(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    headers: HeaderMap,
    visit: Visit,
    Form(typed): Form<OwnerTyped>,
) -> Reply {
    state.networks.count(Attempt::SignIn, &caller)?;
    let OwnerTyped { username, name, password, token } = typed;
    let password = PlainToken::new(password.expose().to_owned());
    if let Some(wrong) = mistake(&username, &name, &password).await? {
        let step = owner_step(&visit, &username, &name, &token, Some(wrong));
        return step.answer(visit, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let new = NewOwner {
        email: username,
        name,
        locale: Some(visit.locale().tag().to_owned()),
        password: Some(password),
        setup_token: Some(PlainToken::new(token)),
    };
    let w = visit.words(&TEXTS);
    let owner = match setup_owner(&state.gate, &caller, new).await {
        Ok(owner) => owner,
        Err(error) if error.kind() == Kind::Forbidden => {
            let step = Step::stopped(&visit, Tone::Warn, "setup-link-over", None);
            return step.answer(visit, StatusCode::FORBIDDEN);
        }
        Err(error) if error.kind() == Kind::Conflict => {
            let link = Link { href: "/login".to_owned(), text: w.get("sign-in") };
            let step = Step::stopped(&visit, Tone::Info, "setup-done-already", Some(link));
            return step.answer(visit, StatusCode::CONFLICT);
        }
        Err(error) => return Err(error.into()),
    };
    let agent = agent_of(&headers);
    let prepared = prepare(&state.gate, &caller, owner.user.id, agent.as_deref());
    let started = {
        let sign_in = tollgate_kernel::Manage::write(tollgate_kernel::Noun::SignIn);
        let warrant = state.gate.allow(&caller, sign_in)?;
        let mut tx = state.gate.begin(&warrant).await?;
        let started = start(&mut tx, &caller, prepared).await?;
        let target = format!("user:{}", owner.user.id);
        tx.commit(tollgate_store::AuditEvent::new("session.create", target)).await?;
        started
    };
    let mut step = Step::new(&visit, 1);
    step.head = Head {
        title: w.get("setup-owner-made"),
        lead: w.get("setup-admin-key-lead"),
        action: None,
    };
    let next = Link { href: "/setup/provider".to_owned(), text: w.get("setup-continue") };
    let label = w.get("setup-admin-key");
    step.secret = Some(SecretOnce::new(w.locale(), label, owner.admin_key, next));
    let edge = visit.exchange().edge().clone();
    let visit = visit.signed_in(started.id, "/setup/provider");
    let response = step.answer(visit, StatusCode::CREATED)?;
    Ok(signed_in(response, &edge, &started)?)
}

fn upstream_step(visit: &Visit, base_url: &str, known: usize, wrong: Option<String>) -> Step {
    let w = visit.words(&TEXTS);
    let mut step = Step::new(visit, 2);
    if known > 0 {
        let text = w.with("setup-provider-known", &[("n", known.into())]);
        step.banner = banner(Tone::Ok, text);
    }
    let fields = vec![
        Field::new("base_url", "url", w.get("field-base-url"))
            .value(base_url)
            .hint(w.get("field-base-url-hint"))
            .error(wrong),
        Field::new("api_key", "password", w.get("field-api-key"))
            .hint(w.get("field-api-key-hint"))
            .optional(),
    ];
    let all: Vec<&Field> = fields.iter().collect();
    step.summary = Summary::of(w.locale(), &all);
    step.form = Some(FormPart {
        id: "provider-form",
        action: "/setup/provider",
        csrf: visit.csrf(),
        token: None,
        fields,
        meter: None,
        models: Vec::new(),
        button: w.get("setup-button-2"),
    });
    let text = w.get(if known > 0 { "setup-continue" } else { "setup-skip" });
    let href = if known > 0 { "/setup/try" } else { "/account" };
    step.skip = Some(Link { href: href.to_owned(), text });
    let line = format!("tollgate upstream add openai {OPENAI} --api-key-env OPENAI_API_KEY");
    step.commands = vec![Command::same(w.locale(), line)];
    step
}

pub(crate) async fn upstream(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    visit: Visit,
) -> Reply {
    let known = state.gate.models(&caller).map_or(0, |models| models.len());
    upstream_step(&visit, OPENAI, known, None).answer(visit, StatusCode::OK)
}

pub(crate) async fn make_upstream(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    visit: Visit,
    Form(typed): Form<UpstreamTyped>,
) -> Reply {
    let w = visit.words(&TEXTS);
    let UpstreamTyped { base_url, api_key } = typed;
    let api_key = (!api_key.is_empty()).then_some(api_key);
    let upstream = Upstream { base_url: base_url.clone(), api_key };
    let wrong = match add_upstream(&state.gate, &caller, upstream).await {
        Ok(0) => w.get("setup-provider-silent"),
        Ok(_) => return reply::see_other("/setup/try"),
        Err(error) if error.kind() == Kind::InvalidRequest => Mistake::BaseUrl.words(&w),
        Err(error) => return Err(error.into()),
    };
    let step = upstream_step(&visit, &base_url, 0, Some(wrong));
    step.answer(visit, StatusCode::UNPROCESSABLE_ENTITY)
}

fn try_step(visit: &Visit, models: Vec<String>) -> Step {
    let w = visit.words(&TEXTS);
    let mut step = Step::new(visit, 3);
    step.form = Some(FormPart {
        id: "try-form",
        action: "/setup/try",
        csrf: visit.csrf(),
        token: None,
        fields: Vec::new(),
        meter: None,
        models,
        button: w.get("setup-button-3"),
    });
    step.skip = Some(Link { href: "/account".to_owned(), text: w.get("setup-skip") });
    step
}

/// The models that the caller may use, small ones first: the first call should be cheap.
fn models(state: &IdentityState, caller: &std::sync::Arc<tollgate_gate::Principal>) -> Vec<String> {
    let listed = state.gate.models(caller).unwrap_or_default();
    let mut models: Vec<String> = listed.into_iter().map(|model| model.id).collect();
    let rank = |name: &str| {
        let is_small = ["nano", "mini", "small", "demo"].iter().any(|s| name.contains(s));
        let talks =
            !["embed", "tts", "audio", "image", "whisper", "moderation", "dall", "realtime"]
                .iter()
                .any(|s| name.contains(s));
        (!talks, !is_small)
    };
    models.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
    models
}

pub(crate) async fn try_page(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    visit: Visit,
) -> Reply {
    let models = models(&state, &caller);
    if models.is_empty() {
        return reply::see_other("/setup/provider");
    }
    try_step(&visit, models).answer(visit, StatusCode::OK)
}

pub(crate) async fn try_call(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    exchange: Exchange,
    visit: Visit,
    Form(typed): Form<TryTyped>,
) -> Reply {
    let w = visit.words(&TEXTS);
    let words = match first_call(&state.gate, &caller, exchange.id(), &typed.model).await {
        Ok(words) => words,
        Err(error) => {
            let mut step = try_step(&visit, models(&state, &caller));
            let text = w.with("setup-call-failed", &[("why", error.detail().into())]);
            step.banner = banner(Tone::Danger, text);
            return step.answer(visit, StatusCode::BAD_GATEWAY);
        }
    };
    let wish = KeyWish {
        tool: None,
        name: w.get("setup-first-key"),
        holder: None,
        models: Vec::new(),
        networks: Vec::new(),
        rates: Rates::default(),
        budgets: Vec::new(),
        expires_at: Some(state.gate.clock().now().plus(KEY_LIFE)),
    };
    let (_, secret) = create_key(&state.gate, &caller, wish).await?;
    let mut step = Step::new(&visit, 3);
    step.head = Head {
        title: w.get("setup-call-made"),
        lead: w.with("setup-call-made-lead", &[("model", typed.model.as_str().into())]),
        action: None,
    };
    step.answer = Some(words);
    let done = Link { href: "/account".to_owned(), text: w.get("setup-finish") };
    step.secret = Some(SecretOnce::new(w.locale(), w.get("setup-user-key"), secret, done));
    step.answer(visit, StatusCode::OK)
}
