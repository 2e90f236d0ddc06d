//! Parts that the console's pages are made of, beside those of the page shell.

use askama::Template;
use askama::filters::HtmlSafe;
use tollgate_edge::Visit;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Banner, Command, Empty, Head, Link, Table, Tone};

use super::words;

/// The pages of the console, in the order of its tabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Overview,
    Users,
    Groups,
    Plans,
    Apps,
    Models,
    Upstreams,
    Providers,
    Entries,
    Usage,
    Settings,
    Audit,
}

impl Section {
    const ALL: [Self; 12] = [
        Self::Overview,
        Self::Users,
        Self::Groups,
        Self::Plans,
        Self::Apps,
        Self::Models,
        Self::Upstreams,
        Self::Providers,
        Self::Entries,
        Self::Usage,
        Self::Settings,
        Self::Audit,
    ];

    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Overview => "/admin",
            Self::Users => "/admin/users",
            Self::Groups => "/admin/groups",
            Self::Apps => "/admin/apps",
            Self::Models => "/admin/models",
            Self::Entries => "/admin/entries",
            Self::Plans => "/admin/plans",
            Self::Usage => "/admin/usage",
            Self::Upstreams => "/admin/upstreams",
            Self::Providers => "/admin/providers",
            Self::Settings => "/admin/settings",
            Self::Audit => "/admin/audit",
        }
    }

    /// Its name, as the keys of its texts have it.
    pub(crate) fn name(self) -> &'static str {
        self.path().strip_prefix("/admin/").unwrap_or("overview")
    }

    /// One of what it lists, as the keys of a form's texts have it. The settings are one thing.
    pub(crate) fn one(self) -> &'static str {
        match self {
            Self::Settings => self.name(),
            _ => self.name().trim_end_matches('s'),
        }
    }

    /// Its title, which is on its tab too.
    pub(crate) fn title(self, w: Words) -> String {
        w.get(&format!("tab-{}", self.name()))
    }
}

/// The tabs of the console.
#[derive(Template)]
#[template(path = "tabs.html")]
pub(crate) struct Tabs {
    w: Words,
    here: Section,
    /// The address of the console's stylesheet.
    style: String,
}

impl Tabs {
    /// The tabs on a page of this section.
    pub(crate) fn new(visit: &Visit, here: Section) -> Self {
        let style = visit.exchange().edge().asset("console.css");
        Self { w: words(visit), here, style }
    }
}

/// What a list page has between its head and its end: rows, or what would be there.
pub(crate) enum Rows {
    Table(Table),
    Empty(Empty),
}

/// A page that lists something.
#[derive(Template)]
#[template(path = "list.html")]
pub(crate) struct ListPage {
    pub(crate) tabs: Tabs,
    pub(crate) head: Head,
    pub(crate) banner: Option<Banner>,
    /// What filters the list.
    pub(crate) filter: Option<Filter>,
    pub(crate) rows: Rows,
    /// What stands below the rows.
    pub(crate) links: Vec<Link>,
    pub(crate) command: Command,
}

/// A form whose fields end up in the address.
#[derive(Template)]
#[template(path = "filter.html")]
pub(crate) struct Filter {
    pub(crate) action: &'static str,
    pub(crate) controls: Vec<super::form::Control>,
    pub(crate) submit: String,
}

/// Says that a change was made.
pub(crate) fn saved(w: Words, was_saved: bool) -> Option<Banner> {
    was_saved.then(|| Banner { tone: Tone::Ok, text: w.get("saved"), link: None })
}

impl HtmlSafe for Tabs {}
impl HtmlSafe for Filter {}
