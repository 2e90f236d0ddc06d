//! `/api/v1/me`.

use std::sync::Arc;

use axum::extract::State;
use http::HeaderMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::shapes::said;
use tollgate_edge::{Body, Caller, Exchange, Reply, reply};
use tollgate_gate::{Gate, Principal};
use tollgate_kernel::{
    Access, Client, Error, Manage, Noun, PlainToken, Role, Scope, Secret, Slug, UserId,
};
use tollgate_store::{Owner, UserRecord};

use crate::change_me::{MeChange, NewPassword, change_me};
use crate::pages::agent_of;
use crate::start_session::SESSION_LIFE;
use crate::state::IdentityState;

/// Who asks.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Me {
    /// Whom the credential is about, for example `user:0193…`.
    subject: String,
    /// The software that acts: `first_party`, or an app's id.
    client: String,
    /// What the credential allows: `models`, `manage`.
    scopes: Vec<&'static str>,
    #[schemars(with = "Option<String>")]
    user: Option<UserId>,
    email: Option<String>,
    name: Option<String>,
    locale: Option<String>,
    /// `member`, `admin` or `owner`.
    #[schemars(with = "String")]
    role: Role,
    /// The plan in effect.
    #[schemars(with = "Option<String>")]
    plan: Option<Slug>,
    /// The group that it comes from.
    #[schemars(with = "Option<String>")]
    group: Option<Slug>,
}

/// Changes to one's own account; what is left out stays. A new password ends the other sessions.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MePatch {
    name: Option<String>,
    /// A language tag; null takes it away.
    #[serde(default, deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    locale: Option<Option<String>>,
    /// The new password.
    #[schemars(with = "Option<String>")]
    password: Option<Secret>,
    /// The password until now, where there is one.
    #[schemars(with = "Option<String>")]
    current_password: Option<Secret>,
}

pub(crate) async fn show(State(state): State<IdentityState>, Caller(caller): Caller) -> Reply {
    let warrant = state.gate.allow(&caller, Manage::read(Noun::Me))?;
    let user = match caller.user() {
        Some(id) => state.gate.read(&warrant).user(Owner::User(id), id).await?,
        None => None,
    };
    reply::json(&view(&state.gate, &caller, user))
}

pub(crate) async fn change(
    State(state): State<IdentityState>,
    Caller(caller): Caller,
    exchange: Exchange,
    headers: HeaderMap,
    Body(body): Body<MePatch>,
) -> Reply {
    let MePatch { name, locale, password, current_password } = body;
    if password.is_none() && current_password.is_some() {
        let detail = "current_password stands beside the new password. Send both.";
        return Err(Error::invalid(detail).with_param("password").into());
    }
    let token = |secret: Secret| PlainToken::new(secret.expose().to_owned());
    let password =
        password.map(|new| NewPassword { current: current_password.map(token), new: token(new) });
    let change = MeChange { name, locale, password, agent: agent_of(&headers) };
    let (user, started) = change_me(&state, &caller, change).await?;
    let response = reply::json(&view(&state.gate, &caller, Some(user)))?;
    let Some(started) = started else { return Ok(response) };
    let names = exchange.edge().cookies();
    let cookie = names.set_session(&started.token, Some(SESSION_LIFE.as_secs()))?;
    Ok(reply::with_cookie(response, cookie))
}

fn view(gate: &Gate, caller: &Arc<Principal>, user: Option<UserRecord>) -> Me {
    let manages = gate.allow(caller, Manage::write(Noun::Keys)).is_ok();
    let scopes = [
        (caller.admits(Access::Models).is_ok(), Scope::MODELS),
        (manages, Scope::MANAGE),
        (caller.admits(Access::Connections).is_ok(), Scope::CONNECTIONS),
    ];
    let (plan, group) = gate.plan_of(caller).unzip();
    let (email, name, locale) = match user {
        Some(user) => (Some(user.email), Some(user.name), user.locale),
        None => (None, None, None),
    };
    Me {
        subject: caller.subject().to_string(),
        client: match caller.client() {
            Client::FirstParty => "first_party".to_owned(),
            Client::App(id) => id.to_string(),
        },
        scopes: scopes.into_iter().filter_map(|(may, name)| may.then_some(name)).collect(),
        user: caller.user(),
        email,
        name,
        locale,
        role: caller.role(),
        plan,
        group: group.flatten(),
    }
}
