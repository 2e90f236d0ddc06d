//! A service's token, shown once.

use askama::Template;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::page::parts::{Command, Head, Link, SecretOnce};
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::{Caller, Form, Path, Visit};
use tollgate_kernel::{KeyId, PlainToken, Slug};
use tollgate_store::{HttpScheme, KeyRecord, ToolAuth, ToolRecord};

use super::form::Wrong;
use super::{one, words};
use crate::manage::service_tokens;
use crate::state::{ToolsState, WRITE};

/// How long a token that is replaced works on, in seconds: an hour.
const OVERLAP_S: u32 = 3_600;

/// A service.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    new_service: String,
}

/// What is done to a token.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// `rotate` or `revoke`.
    what: What,
}

#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum What {
    Rotate,
    Revoke,
}

#[derive(Template)]
#[template(path = "token.html")]
struct Shown {
    head: Head,
    secret: SecretOnce,
    title: String,
    command: Command,
}

/// `POST /admin/tools/{id}/tokens`.
pub(super) async fn make(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    Path(id): Path<Slug>,
    visit: Visit,
    Form(Service { new_service }): Form<Service>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    let tool = state.find(&warrant, &id).await?;
    match service_tokens::make(&state, &warrant, &id, &new_service, None).await {
        Ok((key, token)) => shown(visit, &tool, &key, token),
        Err(error) => {
            let wrong = Wrong::of(error)?.at("new_service");
            one::refused(&state, &warrant, visit, &tool, &wrong).await
        }
    }
}

/// `POST /admin/tools/{id}/tokens/{token}`.
pub(super) async fn change(
    State(state): State<ToolsState>,
    Caller(caller): Caller,
    Path((id, key)): Path<(Slug, KeyId)>,
    visit: Visit,
    Form(Change { what }): Form<Change>,
) -> Reply {
    let warrant = state.allow(&caller, WRITE)?;
    let tool = state.find(&warrant, &id).await?;
    if what == What::Revoke {
        service_tokens::cut_off(&state, &warrant, &id, key).await?;
        return reply::see_other(&format!("/admin/tools/{id}?saved=1"));
    }
    let wish = (OVERLAP_S, None);
    let (key, token) = service_tokens::replace(&state, &warrant, &id, key, wish).await?;
    shown(visit, &tool, &key, token)
}

fn shown(visit: Visit, tool: &ToolRecord, key: &KeyRecord, token: PlainToken) -> Reply {
    let w = words(&visit);
    let title = w.with("token-made", &[("service", key.name.as_str().into())]);
    let scheme = match &tool.auth {
        ToolAuth::ServiceHttp { scheme: HttpScheme::Basic } => "Basic",
        _ => "Bearer",
    };
    let done = Link { href: format!("/admin/tools/{}#tokens", tool.id), text: w.get("token-done") };
    let page = Shown {
        head: Head { title: title.clone(), lead: w.get("token-made-lead"), action: None },
        secret: SecretOnce::new(w.locale(), w.get("token-secret"), token, done),
        title: w.get("token-header"),
        command: Command::new(w.locale(), format!("Authorization: {scheme} tg_tool_…")),
    };
    visit.show_as(StatusCode::CREATED, None, &title, &page)
}
