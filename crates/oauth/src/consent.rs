//! What a person answers to the question whether an app may.

use axum::extract::State;
use serde::Deserialize;
use tollgate_edge::reply::{self, Reply};
use tollgate_edge::{Attempt, Caller, Form, Visit};
use tollgate_kernel::{Blame, Error, Kind, Manage, Noun, OAuthCode};

use crate::consider::{asker, give_code, person};
use crate::pages;
use crate::state::OAuthState;
use crate::ticket::Ticket;

/// The answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    ticket: String,
    decision: Decision,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Decision {
    Allow,
    Deny,
}

/// `POST /oauth/consent`. The question was asked in one session, and is answered in that one.
pub(crate) async fn answer(
    State(state): State<OAuthState>,
    Caller(caller): Caller,
    visit: Visit,
    Form(answer): Form<Answer>,
) -> Reply {
    let gate = &state.gate;
    state.networks.count(Attempt::Management, &caller)?;
    let ticket = Ticket::open(gate, &answer.ticket)?;
    let person = person(gate, &caller).await?.ok_or_else(Error::unauthenticated)?;
    if ticket.session != Some(person.session.id) {
        let detail = "This question was asked in another session. Go back to the app and start \
                      again.";
        return Err(Error::new(Kind::CrossSite, detail).into());
    }
    let asker = asker(&state, &caller, &ticket.query).await?;
    let decided = async {
        let request = asker.request(gate)?;
        if answer.decision == Decision::Deny {
            return Err(Error::oauth(OAuthCode::AccessDenied, "The person said no."));
        }
        let warrant = gate.allow(&caller, Manage::write(Noun::Grants))?;
        give_code(gate, &warrant, &asker, &request, (person, true)).await
    };
    let answer = match decided.await {
        Ok(answer) => answer,
        Err(error) if error.kind().blame() == Blame::Us => return Err(error.into()),
        Err(error) => asker.refusal(gate, &error),
    };
    // The page that asked may send its form to the app, through a redirect too.
    match answer.by_form {
        true => pages::by_form(visit, &answer),
        false => reply::see_other(&answer.address()),
    }
}
