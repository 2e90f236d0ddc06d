//! `tollgate rotate …`.

use http::Method;
use serde_json::json;

use super::api::Manager;
use super::noun::{Form, Noun, column};
use crate::cli::args::{ListArgs, RotateVerb};
use crate::exit::Exit;

const KEYS: Noun = Noun {
    path: "signing-keys",
    id: "kid",
    many: "signing keys",
    columns: &[
        column("id", "kid", Form::Text),
        column("signs", "alg", Form::Text),
        column("state", "state", Form::Text),
        column("from", "starts_at", Form::Moment),
    ],
    more: &[],
};

pub(super) async fn run(manager: &mut Manager, verb: &RotateVerb) -> Result<(), Exit> {
    let RotateVerb::SigningKeys(args) = verb;
    let body = match args.revoke {
        true => json!({ "revoke": true }),
        false => json!({ "lead_s": args.lead_s }),
    };
    manager.ask(Method::POST, "/api/v1/signing-keys/rotate", Some(&body)).await?;
    manager.list(&KEYS, &Vec::new(), &ListArgs::default()).await?;
    manager.screen.say(&match args.lead_s {
        _ if args.revoke => "The new keys sign from now on; the ones before are gone.".to_owned(),
        0 => "The new keys sign from now on.".to_owned(),
        lead_s => format!("The new keys sign in {lead_s} seconds."),
    });
    Ok(())
}
