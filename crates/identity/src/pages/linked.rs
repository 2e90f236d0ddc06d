//! The part of `/account/security` that shows accounts at sign-in providers, and links more.

use std::sync::Arc;

use askama::Template;
use askama::filters::HtmlSafe;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Cell, Column, Table};
use tollgate_gate::{Gate, Principal};
use tollgate_kernel::Error;
use tollgate_store::{IdentityRecord, PageRequest, ProviderRecord, UserRecord};

use crate::start_sign_in::offered;
use crate::unlink_identity::list_identities;

/// The linked accounts of a person, and the providers that they may link one of.
#[derive(Template)]
#[template(path = "linked.html")]
pub(super) struct Linked {
    w: Words,
    table: Option<Table>,
    buttons: Vec<Button>,
}

/// A button that is a form of its own.
#[derive(Template)]
#[template(path = "identity_button.html")]
struct Button {
    id: String,
    action: String,
    csrf: String,
    words: String,
}

impl HtmlSafe for Linked {}
impl HtmlSafe for Button {}

impl Linked {
    /// What `user` has and may link; none where there is neither.
    pub(super) async fn of(
        gate: &Gate,
        caller: &Arc<Principal>,
        user: &UserRecord,
        w: &Words,
        csrf: &str,
    ) -> Result<Option<Self>, Error> {
        let request = PageRequest::first(PageRequest::MAX);
        let own = list_identities(gate, caller, Some(user.id), &request).await?.items;
        let offered = offered(gate, caller).await?;
        let open = |provider: &&ProviderRecord| own.iter().all(|it| it.provider != provider.id);
        let button = |provider: &ProviderRecord| Button {
            id: format!("link-{}", provider.id),
            action: format!("/account/providers/{}/link", provider.id),
            csrf: csrf.to_owned(),
            words: w.with("link-with", &[("provider", provider.title().into())]),
        };
        let buttons: Vec<Button> = offered.iter().filter(open).map(button).collect();
        let now = gate.clock().now();
        let mut rows = Vec::with_capacity(own.len());
        for identity in &own {
            let title = title(identity, &offered);
            let words = w.with("unlink-with", &[("provider", title.as_str().into())]);
            let action = format!("/account/identities/{}/unlink", identity.id);
            let id = format!("unlink-{}", identity.id);
            let unlink = Button { id, action, csrf: csrf.to_owned(), words };
            rows.push(vec![
                Cell::Text(title),
                Cell::Text(identity.email.clone().unwrap_or_else(|| identity.subject.clone())),
                Cell::ago(w.locale(), identity.created_at, now),
                Cell::ago(w.locale(), identity.last_used_at, now),
                Cell::Part(unlink.render().map_err(Error::internal)?),
            ]);
        }
        let table = (!rows.is_empty()).then(|| table(w, rows));
        let shown = table.is_some() || !buttons.is_empty();
        Ok(shown.then_some(Self { w: *w, table, buttons }))
    }
}

/// What people call the provider; its id where it is off or gone.
fn title(identity: &IdentityRecord, offered: &[ProviderRecord]) -> String {
    let known = offered.iter().find(|provider| provider.id == identity.provider);
    known.map_or_else(|| identity.provider.to_string(), |provider| provider.title().to_owned())
}

fn table(w: &Words, rows: Vec<Vec<Cell>>) -> Table {
    let columns = ["provider", "account-there", "linked", "last-used", "unlink"];
    let columns = columns.map(|key| Column::text(w.get(&format!("column-{key}"))));
    Table { caption: w.get("security-identities"), columns: columns.into(), rows, next: None }
}
