//! Forms: their controls, and what comes back when something in them is wrong.

use askama::Template;
use askama::filters::HtmlSafe;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::Visit;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Banner, Command, Definitions, Field, Head, Summary, Tone};
use tollgate_edge::reply::{self, Reply};
use tollgate_kernel::{Error, Kind, Slug};

use super::parts::{Section, Tabs};
use super::words;

/// Which part of a list a page shows, and whether something was just saved.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Part {
    /// Where the part before ended.
    pub(crate) cursor: Option<String>,
    /// Whether a change was just made.
    pub(crate) saved: Option<u8>,
}

/// A choice of one.
#[derive(Template)]
#[template(path = "select.html")]
pub(crate) struct Select {
    pub(crate) id: &'static str,
    pub(crate) label: String,
    /// Value and label of each.
    pub(crate) options: Vec<(String, String)>,
    pub(crate) chosen: String,
    pub(crate) hint: Option<String>,
    pub(crate) error: Option<String>,
}

/// Several lines of text.
#[derive(Template)]
#[template(path = "area.html")]
pub(crate) struct Area {
    pub(crate) id: &'static str,
    pub(crate) label: String,
    pub(crate) value: String,
    pub(crate) hint: Option<String>,
    pub(crate) error: Option<String>,
}

/// One control of a form, or something between them.
#[derive(Template)]
#[template(path = "control.html")]
pub(crate) enum Control {
    Field(Field),
    Select(Select),
    Area(Area),
    Limits {
        title: String,
        fields: Vec<Field>,
    },
    Facts(Definitions),
    /// A line to copy from here to somewhere else.
    Copy {
        label: String,
        hint: String,
        command: Command,
    },
}

impl Control {
    /// The name of something new, with these texts for its label and hint.
    pub(crate) fn id(
        w: Words,
        (label, hint): (&str, &str),
        value: String,
        wrong: &[Wrong],
    ) -> Self {
        let field = Field::new("id", "text", w.get(label)).value(value);
        Self::Field(field.hint(w.get(hint)).error(Wrong::on(wrong, "id")))
    }

    /// Its faults, each as a field of its id with the words for the summary.
    fn faults(&self) -> Vec<Field> {
        let fault = |id: &'static str, label: &str, error: &Option<String>| {
            let error = error.as_ref()?;
            Some(Field::new(id, "text", String::new()).error(Some(format!("{label}: {error}"))))
        };
        let of_field = |field: &Field| fault(field.id, &field.label, &field.error);
        match self {
            Self::Field(field) => of_field(field).into_iter().collect(),
            Self::Select(at) => fault(at.id, &at.label, &at.error).into_iter().collect(),
            Self::Area(at) => fault(at.id, &at.label, &at.error).into_iter().collect(),
            Self::Limits { fields, .. } => fields.iter().filter_map(of_field).collect(),
            Self::Facts(_) | Self::Copy { .. } => Vec::new(),
        }
    }
}

/// A second button, below the form: it sends what stands in the form to another place.
pub(crate) struct Also {
    pub(crate) action: String,
    pub(crate) text: String,
}

/// What a form makes or changes.
pub(crate) enum About<'a> {
    /// Something new.
    New,
    /// What has this name in addresses.
    One(&'a str),
    /// The section itself.
    Section,
}

/// A page that is a form.
#[derive(Template)]
#[template(path = "form.html")]
pub(crate) struct FormPage {
    tabs: Tabs,
    pub(crate) head: Head,
    pub(crate) banner: Option<Banner>,
    summary: Option<Summary>,
    id: String,
    action: String,
    csrf: String,
    /// What a test of the thing found.
    pub(crate) findings: Option<Definitions>,
    controls: Vec<Control>,
    /// The words on the button; none where nothing can be changed.
    pub(crate) submit: Option<String>,
    /// Something else that can be done with what the page is about.
    pub(crate) also: Option<Also>,
    command: Command,
}

impl FormPage {
    /// A form with these controls, and what is wrong with them summed up on top. Its texts and
    /// addresses follow from the section; `line` does the same in a terminal.
    pub(crate) fn new(
        visit: &Visit,
        section: Section,
        about: About<'_>,
        controls: Vec<Control>,
        wrong: &[Wrong],
        line: impl Into<String>,
    ) -> Self {
        let (w, one) = (words(visit), section.one());
        let text = |what: &str| w.get(&format!("{one}-{what}"));
        let (title, submit, action) = match about {
            About::New => (text("make"), text("make"), format!("/admin/new-{one}")),
            About::One(id) => (id.to_owned(), text("save"), format!("{}/{id}", section.path())),
            About::Section => (section.title(w), text("save"), section.path().to_owned()),
        };
        let faults: Vec<Field> = controls.iter().flat_map(Control::faults).collect();
        let faults: Vec<&Field> = faults.iter().collect();
        Self {
            tabs: Tabs::new(visit, section),
            head: Head { title, lead: text("lead"), action: None },
            banner: Wrong::banner(wrong),
            summary: Summary::of(w.locale(), &faults),
            id: format!("{one}-form"),
            action,
            csrf: visit.csrf(),
            findings: None,
            controls,
            submit: Some(submit),
            also: None,
            command: Command::same(visit.locale(), line),
        }
    }

    /// Shows the page.
    pub(crate) fn show(self, visit: Visit) -> Reply {
        visit.show(&self.head.title, &self)
    }

    /// Shows the page to whoever sent it with something wrong.
    pub(crate) fn refuse(self, visit: Visit) -> Reply {
        visit.show_as(StatusCode::BAD_REQUEST, None, &self.head.title, &self)
    }

    /// The same with a banner that says how things stand, unless one says what is wrong.
    pub(crate) fn standing(mut self, tone: Tone, text: String) -> Self {
        self.banner = self.banner.or(Some(Banner { tone, text, link: None }));
        self
    }

    /// The same for what the configuration file declares, if it does: it cannot be sent.
    pub(crate) fn declared(mut self, w: Words, declared: bool) -> Self {
        if declared {
            self.submit = None;
            self = self.standing(Tone::Info, w.get("declared"));
        }
        self
    }
}

/// Leads back to what the section lists, where the page says that the change was made.
pub(crate) fn saved_to(section: Section) -> Reply {
    reply::see_other(&format!("{}?saved=1", section.path()))
}

/// What is wrong with a form, and where.
pub(crate) struct Wrong {
    /// The control; none is the form as a whole.
    pub(crate) field: Option<&'static str>,
    pub(crate) text: String,
}

impl Wrong {
    /// This control is at fault, in the words of `key`.
    pub(crate) fn at(w: Words, field: &'static str, key: &str) -> Self {
        Self { field: Some(field), text: w.get(key) }
    }

    /// Reads the name of something new; one that is none is noted.
    pub(crate) fn id(w: Words, text: &str, wrong: &mut Vec<Self>) -> Option<Slug> {
        Slug::parse(text.trim()).map_err(|_| wrong.push(Self::at(w, "id", "wrong-id"))).ok()
    }

    /// What an error means on a form with these controls. An error that no other entry could mend
    /// stays an error.
    pub(crate) fn of(w: Words, error: Error, fields: &[&'static str]) -> Result<Vec<Self>, Error> {
        match error.kind() {
            Kind::InvalidRequest => {
                let param = error.param().unwrap_or_default();
                let known = |name: &str| fields.iter().find(|field| **field == name).copied();
                let last = param.rsplit('.').next().unwrap_or(param);
                let list = param.split('[').next().unwrap_or(param);
                match known(param).or_else(|| known(last)).or_else(|| known(list)) {
                    Some(field) => Ok(vec![Self::at(w, field, &format!("wrong-{field}"))]),
                    None => Err(error),
                }
            }
            Kind::Conflict if fields.contains(&"id") => Ok(vec![Self::at(w, "id", "wrong-taken")]),
            Kind::Conflict => Ok(vec![Self { field: None, text: w.get("wrong-changed") }]),
            _ => Err(error),
        }
    }

    /// The same on the form of what exists already, which has no control for its id.
    pub(crate) fn of_known(
        w: Words,
        error: Error,
        fields: &[&'static str],
    ) -> Result<Vec<Self>, Error> {
        Self::of(w, error, fields.strip_prefix(&["id"]).unwrap_or(fields))
    }

    /// What is wrong with this control, if it is the one.
    pub(crate) fn on(wrong: &[Self], field: &'static str) -> Option<String> {
        let at_fault = wrong.iter().find(|wrong| wrong.field == Some(field));
        at_fault.map(|wrong| wrong.text.clone())
    }

    /// What is wrong with the form as a whole.
    pub(crate) fn banner(wrong: &[Self]) -> Option<Banner> {
        let wrong = wrong.iter().find(|wrong| wrong.field.is_none())?;
        Some(Banner { tone: Tone::Danger, text: wrong.text.clone(), link: None })
    }
}

impl HtmlSafe for Select {}
impl HtmlSafe for Area {}
impl HtmlSafe for Control {}
