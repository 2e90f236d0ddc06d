//! `tollgate audit`.

use super::api::{Manager, Query};
use super::noun::{Form, Noun, column};
use crate::cli::args::AuditArgs;
use crate::exit::Exit;

const AUDIT: Noun = Noun {
    path: "audit",
    id: "seq",
    many: "audit records",
    columns: &[
        column("number", "seq", Form::Count),
        column("at", "at", Form::Moment),
        column("actor", "actor", Form::Text),
        column("action", "action", Form::Text),
        column("target", "target", Form::Text),
        column("from", "from", Form::Text),
        column("request", "request_id", Form::Text),
    ],
    more: &[],
};

pub(super) async fn run(manager: &mut Manager, args: &AuditArgs) -> Result<(), Exit> {
    let AuditArgs { actor, action, target, list } = args;
    let named = [("actor", actor), ("action", action), ("target", target)];
    let named = named.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
    let query: Query = named.collect();
    manager.list(&AUDIT, &query, list).await
}
