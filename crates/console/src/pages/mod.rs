//! The pages of those who run the installation, one file for each noun.

mod app_oauth;
mod apps;
mod audit;
mod budgets;
mod collection;
mod entries;
mod form;
mod groups;
mod models;
mod overview;
mod parts;
mod plans;
mod profile;
mod providers;
mod say;
mod settings;
mod upstreams;
mod usage;
mod users;

use rust_embed::RustEmbed;
use tollgate_edge::page::{Assets, NavItem, Texts, Words};
use tollgate_edge::{Row, Visit};
use tollgate_kernel::{Access, Manage, Noun};

use crate::entries::RELEASE;
use crate::pages::app_oauth::AppOAuthForm;
use crate::pages::apps::{AppForm, NewAppForm};
use crate::pages::audit::AuditPage;
use crate::pages::entries::{EntriesPage, Sure};
use crate::pages::groups::GroupForm;
use crate::pages::models::ModelForm;
use crate::pages::plans::PlanForm;
use crate::pages::providers::ProviderForm;
use crate::pages::settings::SettingsForm;
use crate::pages::upstreams::UpstreamForm;
use crate::pages::usage::UsagePage;
use crate::pages::users::{UserForm, UsersPage};
use crate::state::ConsoleState;

fluent_templates::static_loader! {
    pub(crate) static TEXTS = {
        locales: "./locales",
        fallback_language: "en",
        // Marks around what is filled in would end up in addresses and commands that are copied.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

#[derive(RustEmbed)]
#[folder = "assets"]
struct Files;

/// `assets` and the stylesheet of this door.
pub fn assets(assets: Assets) -> Assets {
    assets.with::<Files>()
}

/// The console's entry of the navigation, for those who may manage the installation.
pub fn nav() -> Vec<NavItem> {
    let texts: &'static Texts = &TEXTS;
    vec![NavItem { path: "/admin", access: read(Noun::Settings), texts, key: "nav-admin" }]
}

const fn read(noun: Noun) -> Access {
    Access::Page(Manage::read(noun))
}

const fn write(noun: Noun) -> Access {
    Access::Page(Manage::write(noun))
}

type Rows = Vec<Row<ConsoleState>>;

pub(crate) fn rows() -> Rows {
    let mut rows = policy();
    rows.extend(infrastructure());
    rows.extend(sign_in());
    rows.extend(figures());
    rows
}

/// Members of a group come in one form.
const MEMBERS_LIMIT: usize = 256 * 1024;

/// Who may do what, and how much of it.
fn policy() -> Rows {
    use Noun::{Clients, Groups, Plans, Users};
    vec![
        Row::get("/admin/users", read(Users), "The people", users::list).asks::<UsersPage>(),
        Row::get("/admin/users/{id}", read(Users), "One person", users::show),
        Row::post("/admin/users/{id}", write(Users), "Change a person", users::update)
            .takes::<UserForm>(),
        Row::get("/admin/groups", read(Groups), "The groups", groups::list).asks::<form::Part>(),
        Row::get("/admin/new-group", write(Groups), "A form for a group", groups::blank),
        Row::post("/admin/new-group", write(Groups), "Make a group", groups::create)
            .takes::<GroupForm>()
            .body_limit(MEMBERS_LIMIT),
        Row::get("/admin/groups/{id}", read(Groups), "One group", groups::show),
        Row::post("/admin/groups/{id}", write(Groups), "Change a group", groups::update)
            .takes::<GroupForm>()
            .body_limit(MEMBERS_LIMIT),
        Row::get("/admin/plans", read(Plans), "The plans", plans::list).asks::<form::Part>(),
        Row::get("/admin/new-plan", write(Plans), "A form for a plan", plans::blank),
        Row::post("/admin/new-plan", write(Plans), "Make a plan", plans::create)
            .takes::<PlanForm>(),
        Row::get("/admin/plans/{id}", read(Plans), "One plan", plans::show),
        Row::post("/admin/plans/{id}", write(Plans), "Change a plan", plans::update)
            .takes::<PlanForm>(),
        Row::get("/admin/apps", read(Clients), "The apps", apps::list).asks::<form::Part>(),
        Row::get("/admin/new-app", write(Clients), "A form for an app", apps::blank),
        Row::post("/admin/new-app", write(Clients), "Register an app", apps::create)
            .takes::<NewAppForm>(),
        Row::get("/admin/apps/{id}", read(Clients), "One app", apps::show).asks::<form::Part>(),
        Row::post("/admin/apps/{id}", write(Clients), "Change an app", apps::update)
            .takes::<AppForm>(),
        Row::get(
            "/admin/apps/{id}/sign-in",
            read(Clients),
            "How an app signs people in",
            app_oauth::show,
        )
        .asks::<form::Part>(),
        Row::post(
            "/admin/apps/{id}/sign-in",
            write(Clients),
            "Change how an app signs people in",
            app_oauth::update,
        )
        .takes::<AppOAuthForm>(),
        Row::post(
            "/admin/apps/{id}/secret",
            write(Clients),
            "Give an app a new secret, shown once",
            app_oauth::secret,
        )
        .takes::<AppOAuthForm>(),
    ]
}

/// What stands behind the models door, and the installation itself.
fn infrastructure() -> Rows {
    use Noun::{Models, Settings, Upstreams};
    vec![
        Row::get("/admin", read(Settings), "How the installation is doing", overview::show),
        Row::get("/admin/models", read(Models), "The models", models::list).asks::<form::Part>(),
        Row::get("/admin/new-model", write(Models), "A form for a model", models::blank),
        Row::post("/admin/new-model", write(Models), "Make a model alias", models::create)
            .takes::<ModelForm>(),
        Row::get("/admin/models/{alias}", read(Models), "One model", models::show),
        Row::post("/admin/models/{alias}", write(Models), "Change a model alias", models::update)
            .takes::<ModelForm>(),
        Row::get("/admin/upstreams", read(Upstreams), "The upstreams", upstreams::list)
            .asks::<form::Part>(),
        Row::get(
            "/admin/new-upstream",
            write(Upstreams),
            "A form for an upstream",
            upstreams::blank,
        ),
        Row::post("/admin/new-upstream", write(Upstreams), "Add an upstream", upstreams::create)
            .takes::<UpstreamForm>(),
        Row::get("/admin/upstreams/{id}", read(Upstreams), "One upstream", upstreams::show),
        Row::post(
            "/admin/upstreams/{id}",
            write(Upstreams),
            "Change an upstream",
            upstreams::update,
        )
        .takes::<UpstreamForm>(),
        Row::post(
            "/admin/upstreams/{id}/test",
            write(Upstreams),
            "Ask an upstream for its models with our key",
            upstreams::test,
        )
        .takes::<UpstreamForm>(),
        Row::get("/admin/settings", read(Settings), "The settings", settings::show)
            .asks::<form::Part>(),
        Row::post("/admin/settings", write(Settings), "Change the settings", settings::update)
            .takes::<SettingsForm>(),
    ]
}

/// Whom people may sign in with.
fn sign_in() -> Rows {
    use Noun::Providers;
    vec![
        Row::get("/admin/providers", read(Providers), "The sign-in providers", providers::list)
            .asks::<form::Part>(),
        Row::get(
            "/admin/new-provider",
            write(Providers),
            "A form for a sign-in provider",
            providers::blank,
        ),
        Row::post(
            "/admin/new-provider",
            write(Providers),
            "Add a sign-in provider",
            providers::create,
        )
        .takes::<ProviderForm>(),
        Row::get("/admin/providers/{id}", read(Providers), "One sign-in provider", providers::show),
        Row::post(
            "/admin/providers/{id}",
            write(Providers),
            "Change a sign-in provider",
            providers::update,
        )
        .takes::<ProviderForm>(),
        Row::post(
            "/admin/providers/{id}/test",
            write(Providers),
            "Test a sign-in provider",
            providers::test,
        )
        .takes::<ProviderForm>(),
    ]
}

/// What happened. Everybody may look at their own usage; these pages are about everybody's.
fn figures() -> Rows {
    use Noun::{Audit, Users};
    vec![
        Row::get("/admin/usage", read(Users), "What was used", usage::show).asks::<UsagePage>(),
        Row::get("/admin/entries", read(Users), "The calls", entries::list).asks::<EntriesPage>(),
        Row::get("/admin/entries/{call_id}", read(Users), "One call", entries::show),
        Row::post(
            "/admin/entries/{call_id}/release",
            Access::Page(RELEASE),
            "Give a crash reserve back to its budget",
            entries::release,
        )
        .takes::<Sure>(),
        Row::get("/admin/audit", read(Audit), "Who did what", audit::list).asks::<AuditPage>(),
    ]
}

/// The console's texts in this person's language.
pub(crate) fn words(visit: &Visit) -> Words {
    visit.words(&TEXTS)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
