//! `POST /password-strength`: what a password is worth while it is typed, and the meter that asks.
//!
//! The pages do without it: what will not do is refused with the same words when the form is sent.

use askama::Template;
use askama::filters::HtmlSafe;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_edge::{Attempt, Body, Exchange, Reply, Visit, reply};
use tollgate_kernel::{PlainToken, Secret};

use super::TEXTS;
use crate::new_password::Own;
use crate::rate_password::rate_password;
use crate::state::IdentityState;

/// The largest question for a rating, in bytes: the longest password, address and name fit.
pub(crate) const BODY_LIMIT: usize = 4_096;

/// The meter below the field `password` of a form. Without a script nothing of it shows.
#[derive(Template)]
#[template(path = "strength.html")]
pub(super) struct Meter {
    label: String,
    script: String,
}

/// A password that is being typed, and what its account is to be called.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Candidate {
    #[schemars(with = "String")]
    password: Secret,
    #[serde(default)]
    username: String,
    #[serde(default)]
    name: String,
}

/// What it is worth.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Rating {
    /// 0 (guessed at once) to 4; at most 2 for a password that will be refused.
    score: u8,
    /// Whether it will do.
    enough: bool,
    /// What is wrong and what would be better, in the reader's language.
    words: String,
}

impl Meter {
    pub(super) fn new(visit: &Visit) -> Self {
        let label = visit.words(&TEXTS).get("strength-label");
        Self { label, script: visit.exchange().edge().asset("strength.js") }
    }
}

impl HtmlSafe for Meter {}

/// Nothing is changed and nothing is told that the asker did not send, so that neither a credential
/// nor the token of a form is asked for; networks have their limit.
pub(crate) async fn rate(
    State(state): State<IdentityState>,
    exchange: Exchange,
    visit: Visit,
    Body(candidate): Body<Candidate>,
) -> Reply {
    let caller = state.gate.anonymous(exchange.network());
    state.networks.count(Attempt::Strength, &caller)?;
    let Candidate { password, username, name } = candidate;
    let password = PlainToken::new(password.expose().to_owned());
    let rated = rate_password(&state, &password, Own { email: &username, name: &name }).await?;
    let w = visit.words(&TEXTS);
    let words = match rated.wrong {
        Some(mistake) => mistake.words(&w),
        None => w.get(&format!("strength-{}", rated.score)),
    };
    reply::json(&Rating { score: rated.score, enough: rated.wrong.is_none(), words })
}
