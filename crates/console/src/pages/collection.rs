//! The page of things that are made and changed here: a list, and the way to a new one.

use tollgate_edge::Visit;
use tollgate_edge::page::parts::{Cell, Column, Command, Empty, Head, Link, Table};
use tollgate_edge::reply::Reply;

use super::parts::{ListPage, Rows, Section, Tabs, saved};
use super::words;

/// A list of what is made and changed here.
pub(crate) struct Collection {
    /// Which of the console's pages it is. Its texts begin with the section's name.
    pub(crate) section: Section,
    /// Where a new one is made.
    pub(crate) make: Link,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// The sealed cursor of the part that follows, if one does.
    pub(crate) next: Option<String>,
    /// Whether a change was just made.
    pub(crate) saved: bool,
    /// The same on the command line.
    pub(crate) command: &'static str,
}

impl Collection {
    /// The page, which says so where there is nothing yet.
    pub(crate) fn show(self, visit: Visit) -> Reply {
        let w = words(&visit);
        let Self { section, make, columns, rows, next, saved: was_saved, command } = self;
        let text = |what: &str| w.get(&format!("{}-{what}", section.name()));
        let rows = if rows.is_empty() {
            Rows::Empty(Empty { text: text("empty"), action: Some(make.clone()), command: None })
        } else {
            let next = next.map(|cursor| Link {
                href: format!("{}?cursor={cursor}", section.path()),
                text: w.get("next"),
            });
            Rows::Table(Table { caption: text("caption"), columns, rows, next })
        };
        let title = section.title(w);
        let page = ListPage {
            tabs: Tabs::new(&visit, section),
            head: Head { title: title.clone(), lead: text("lead"), action: Some(make) },
            banner: saved(w, was_saved),
            filter: None,
            rows,
            links: Vec::new(),
            command: Command::same(visit.locale(), command),
        };
        visit.show(&title, &page)
    }
}
