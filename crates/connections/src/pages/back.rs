//! `/aip/{plugin_id}/oauth/callback`: a browser comes back from a tool.

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use tollgate_edge::page::parts::{Banner, Head, Link, Tone};
use tollgate_edge::{Caller, Path, Query, Reply, Visit, reply};
use tollgate_kernel::{Error, PlainToken};

use super::{Message, OWN_AT, TEXTS};
use crate::callback::{Back, Outcome, Why, come_back as finish};
use crate::state::ConnectionsState;

/// What a tool may answer with; what else it sends is its own affair.
#[derive(Deserialize)]
pub(crate) struct Answered {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

/// `GET /aip/{plugin_id}/oauth/callback`.
pub(crate) async fn come_back(
    State(state): State<ConnectionsState>,
    Caller(caller): Caller,
    Path(plugin_id): Path<String>,
    Query(answered): Query<Answered>,
    visit: Visit,
) -> Reply {
    let Answered { code, state: token, error } = answered;
    let back = Back {
        plugin_id,
        state: token.filter(|token| !token.is_empty()).map(PlainToken::new),
        code: code.filter(|code| !code.is_empty()).map(PlainToken::new),
        error,
        origin: visit.exchange().edge().origin().to_owned(),
    };
    let Outcome { tool, why } = finish(&state, &caller, back).await?;
    let Some(why) = why else { return reply::see_other(&format!("{OWN_AT}?saved=connected")) };
    if why == Why::NoState {
        let what = format!(
            "The tool {tool} sent your browser back without the parameter `state`, so nobody can \
             know whether you began this. Its maker has to return `state` as it was sent; the \
             owner here can allow this tool to leave it out."
        );
        return Err(Error::invalid(what).with_param("state").into());
    }
    refused(visit, &tool, why)
}

fn refused(visit: Visit, tool: &str, why: Why) -> Reply {
    let w = visit.words(&TEXTS);
    let text = w.with(why.key(), &[("tool", tool.into())]);
    let title = w.get("back-title");
    let (href, key) =
        if why == Why::Nobody { ("/login", "back-login") } else { (OWN_AT, "back-own") };
    let page = Message {
        head: Head { title: title.clone(), lead: String::new(), action: None },
        banner: Some(Banner { tone: Tone::Danger, text, link: None }),
        links: vec![Link { href: href.to_owned(), text: w.get(key) }],
    };
    let status = match why {
        Why::Nobody | Why::Declined | Why::Failed => StatusCode::FORBIDDEN,
        Why::Stale | Why::Changed | Why::NoState => StatusCode::BAD_REQUEST,
    };
    visit.leading_to(href).show_as(status, None, &title, &page)
}
