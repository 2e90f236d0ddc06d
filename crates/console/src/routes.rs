//! What the console offers, from top to bottom.

use tollgate_edge::shapes::List;
use tollgate_edge::{Row, bind};
use tollgate_kernel::{Access, Manage, Noun};

use crate::audit::{self, AuditQuery, AuditView};
use crate::clients::{self, ClientChange, ClientView};
use crate::entries::{self, EntriesQuery, EntryView};
use crate::groups::{self, GroupChange, GroupView};
use crate::limits::{self, LimitView, LimitsQuery};
use crate::listing::ListQuery;
use crate::models::{self, ModelBody, ModelView};
use crate::pages;
use crate::plans::{self, PlanChange, PlanView};
use crate::providers::{self, FindingsView, ProviderChange, ProviderView};
use crate::settings::{self, SettingsChange, SettingsView};
use crate::state::ConsoleState;
use crate::upstreams::{self, TestView, UpstreamChange, UpstreamView};
use crate::usage::{self, UsageQuery, UsageView};

/// The rows of the console, ready to stand beside those of other doors.
pub fn rows(state: ConsoleState) -> Vec<Row> {
    bind(unbound(), &state)
}

pub(crate) fn unbound() -> Vec<Row<ConsoleState>> {
    let mut rows = policy();
    rows.extend(infrastructure());
    rows.extend(providers());
    rows.extend(figures());
    rows.extend(pages::rows());
    rows
}

/// Members of a group come in one request.
const MEMBERS_LIMIT: usize = 1024 * 1024;

type Rows = Vec<Row<ConsoleState>>;

const fn read(noun: Noun) -> Access {
    Access::Api(Manage::read(noun))
}

const fn write(noun: Noun) -> Access {
    Access::Api(Manage::write(noun))
}

/// Who may do what, and how much of it.
fn policy() -> Rows {
    use Noun::{Clients, Groups, Plans};
    vec![
        Row::get("/api/v1/plans", read(Plans), "List plans", plans::list)
            .asks::<ListQuery>()
            .answers::<List<PlanView>>(),
        Row::post("/api/v1/plans", write(Plans), "Make a plan", plans::create)
            .takes::<PlanChange>()
            .answers::<PlanView>(),
        Row::get("/api/v1/plans/{id}", read(Plans), "Show a plan", plans::show)
            .answers::<PlanView>(),
        Row::patch("/api/v1/plans/{id}", write(Plans), "Change a plan", plans::update)
            .takes::<PlanChange>()
            .answers::<PlanView>(),
        Row::delete("/api/v1/plans/{id}", write(Plans), "Delete a plan", plans::delete),
        Row::get("/api/v1/groups", read(Groups), "List groups", groups::list)
            .asks::<ListQuery>()
            .answers::<List<GroupView>>(),
        Row::post("/api/v1/groups", write(Groups), "Make a group", groups::create)
            .takes::<GroupChange>()
            .answers::<GroupView>()
            .body_limit(MEMBERS_LIMIT),
        Row::get("/api/v1/groups/{id}", read(Groups), "Show a group", groups::show)
            .answers::<GroupView>(),
        Row::patch("/api/v1/groups/{id}", write(Groups), "Change a group", groups::update)
            .takes::<GroupChange>()
            .answers::<GroupView>()
            .body_limit(MEMBERS_LIMIT),
        Row::delete("/api/v1/groups/{id}", write(Groups), "Delete a group", groups::delete),
        Row::get("/api/v1/clients", read(Clients), "List apps", clients::list)
            .asks::<ListQuery>()
            .answers::<List<ClientView>>(),
        Row::post("/api/v1/clients", write(Clients), "Register an app", clients::create)
            .takes::<ClientChange>()
            .answers::<ClientView>(),
        Row::get("/api/v1/clients/{id}", read(Clients), "Show an app", clients::show)
            .answers::<ClientView>(),
        Row::patch("/api/v1/clients/{id}", write(Clients), "Change an app", clients::update)
            .takes::<ClientChange>()
            .answers::<ClientView>(),
        Row::delete(
            "/api/v1/clients/{id}",
            write(Clients),
            "Delete an app with its keys",
            clients::delete,
        ),
    ]
}

/// What stands behind the models door, and the installation itself.
fn infrastructure() -> Rows {
    use Noun::{Models, Settings, Upstreams};
    vec![
        Row::get("/api/v1/upstreams", read(Upstreams), "List upstreams", upstreams::list)
            .asks::<ListQuery>()
            .answers::<List<UpstreamView>>(),
        Row::post("/api/v1/upstreams", write(Upstreams), "Add an upstream", upstreams::create)
            .takes::<UpstreamChange>()
            .answers::<UpstreamView>(),
        Row::get("/api/v1/upstreams/{id}", read(Upstreams), "Show an upstream", upstreams::show)
            .answers::<UpstreamView>(),
        Row::patch(
            "/api/v1/upstreams/{id}",
            write(Upstreams),
            "Change an upstream",
            upstreams::update,
        )
        .takes::<UpstreamChange>()
        .answers::<UpstreamView>(),
        Row::delete(
            "/api/v1/upstreams/{id}",
            write(Upstreams),
            "Delete an upstream",
            upstreams::delete,
        ),
        Row::post(
            "/api/v1/upstreams/{id}/test",
            write(Upstreams),
            "Ask an upstream for its models with our key",
            upstreams::test,
        )
        .answers::<TestView>()
        .done_anew(),
        Row::get("/api/v1/models", read(Models), "List model aliases with prices", models::list)
            .asks::<ListQuery>()
            .answers::<List<ModelView>>(),
        Row::get("/api/v1/models/{alias}", read(Models), "Show a model alias", models::show)
            .answers::<ModelView>(),
        Row::put(
            "/api/v1/models/{alias}",
            write(Models),
            "Make or replace a model alias",
            models::put,
        )
        .takes::<ModelBody>()
        .answers::<ModelView>(),
        Row::delete(
            "/api/v1/models/{alias}",
            write(Models),
            "Delete a model alias",
            models::delete,
        ),
        Row::get("/api/v1/settings", read(Settings), "Show the settings", settings::show)
            .answers::<SettingsView>(),
        Row::patch("/api/v1/settings", write(Settings), "Change settings", settings::update)
            .takes::<SettingsChange>()
            .answers::<SettingsView>(),
    ]
}

/// Whom people may sign in with.
fn providers() -> Rows {
    use Noun::Providers;
    vec![
        Row::get("/api/v1/providers", read(Providers), "List sign-in providers", providers::list)
            .asks::<ListQuery>()
            .answers::<List<ProviderView>>(),
        Row::post(
            "/api/v1/providers",
            write(Providers),
            "Add a sign-in provider",
            providers::create,
        )
        .takes::<ProviderChange>()
        .answers::<ProviderView>(),
        Row::get(
            "/api/v1/providers/{id}",
            read(Providers),
            "Show a sign-in provider",
            providers::show,
        )
        .answers::<ProviderView>(),
        Row::patch(
            "/api/v1/providers/{id}",
            write(Providers),
            "Change a sign-in provider",
            providers::update,
        )
        .takes::<ProviderChange>()
        .answers::<ProviderView>(),
        Row::delete(
            "/api/v1/providers/{id}",
            write(Providers),
            "Delete a sign-in provider",
            providers::delete,
        ),
        Row::post(
            "/api/v1/providers/{id}/test",
            write(Providers),
            "Test a sign-in provider as far as that goes without a person",
            providers::test,
        )
        .answers::<FindingsView>()
        .done_anew(),
    ]
}

/// What happened, and what is left.
fn figures() -> Rows {
    use Noun::{Audit, Limits, Usage};
    vec![
        Row::get("/api/v1/usage", read(Usage), "Sum what was used", usage::list)
            .asks::<UsageQuery>()
            .answers::<List<UsageView>>(),
        Row::get("/api/v1/entries", read(Usage), "List entries, newest first", entries::list)
            .asks::<EntriesQuery>()
            .answers::<List<EntryView>>(),
        Row::post(
            "/api/v1/entries/{call_id}/release",
            Access::Api(entries::RELEASE),
            "Give a crash reserve back to its budget",
            entries::release,
        )
        .answers::<EntryView>(),
        Row::get("/api/v1/limits", read(Limits), "Show what is left", limits::list)
            .asks::<LimitsQuery>()
            .answers::<List<LimitView>>(),
        Row::get("/api/v1/me/limits", read(Limits), "Show what is left for me", limits::mine)
            .answers::<List<LimitView>>(),
        Row::get("/api/v1/audit", read(Audit), "List audit records, newest first", audit::list)
            .asks::<AuditQuery>()
            .answers::<List<AuditView>>(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_and_query_refuses_unknown_members() {
        assert_eq!(tollgate_edge::loose_schemas(&unbound()), Vec::<String>::new());
    }

    #[test]
    fn the_document_can_be_made() {
        let document =
            tollgate_edge::openapi(unbound().iter().map(Row::route), "https://ai.example.com", "0");
        let schema = document.pointer("/components/schemas/UpstreamChange/properties/api_key");
        assert!(schema.is_some_and(|key| key["writeOnly"] == true), "{schema:?}");
        let shown = document.pointer("/components/schemas/UpstreamView/properties");
        assert!(shown.is_some_and(|members| members.get("api_key").is_none()));
    }
}
