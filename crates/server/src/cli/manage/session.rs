//! `tollgate session …`.

use super::api::{Manager, Query};
use super::noun::{Form, Noun, column};
use crate::cli::args::SessionVerb;
use crate::exit::Exit;

const SESSIONS: Noun = Noun {
    path: "sessions",
    id: "id",
    many: "sessions",
    columns: &[
        column("id", "id", Form::Text),
        column("person", "user", Form::Text),
        column("since", "created_at", Form::Moment),
        column("last seen", "last_seen_at", Form::Moment),
        column("until", "expires_at", Form::Moment),
        column("from", "network", Form::Text),
        column("browser", "agent", Form::Text),
    ],
    more: &[],
};

pub(super) async fn run(manager: &mut Manager, verb: &SessionVerb) -> Result<(), Exit> {
    match verb {
        SessionVerb::List(args) => {
            let mut query = Query::new();
            if let Some(user) = &args.user {
                query.push(("user", manager.user_id(user).await?));
            }
            manager.list(&SESSIONS, &query, &args.list).await
        }
        SessionVerb::End(named) => {
            let id = &named.id;
            let warning = format!("This signs the browser of session {id} out.");
            manager.remove(&SESSIONS, id, &warning, &format!("Ended the session {id}.")).await
        }
    }
}
