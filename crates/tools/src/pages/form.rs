//! The form of a tool: how it is shown, and what it means.

use askama::Template;
use askama::filters::HtmlSafe;
use schemars::JsonSchema;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Field, Summary};
use tollgate_kernel::{Error, Kind, Slug};
use tollgate_store::{ToolAuth, ToolRecord};

use crate::manage::{AuthBody, ManifestChange, ToolChange};

/// A tool as a form has it.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ToolForm {
    /// Its name, in the form of a new one.
    pub(super) id: String,
    upstream_url: String,
    openapi_url: String,
    host: String,
    path: String,
    auth: String,
    authorization_type: String,
    scope: String,
    authorization_content_type: String,
    state: String,
    name_for_human: String,
    name_for_model: String,
    description_for_human: String,
    description_for_model: String,
    contact_email: String,
    legal_info_url: String,
    logo_url: String,
}

/// The fields of the form.
#[derive(Template)]
#[template(path = "fields.html")]
pub(super) struct Fields {
    w: Words,
    fields: Vec<Field>,
    choices: Vec<Choice>,
    texts: Vec<Field>,
}

impl HtmlSafe for Fields {}

/// A choice of one.
struct Choice {
    id: &'static str,
    label: String,
    options: Vec<(String, String)>,
    chosen: String,
}

/// What is wrong with a form: the field, and words for it.
pub(super) struct Wrong {
    field: String,
    text: String,
}

impl Wrong {
    /// What a use case has against a form; faults of ours stay errors.
    pub(super) fn of(error: Error) -> Result<Self, Error> {
        let told = matches!(error.kind(), Kind::InvalidRequest | Kind::Conflict | Kind::NotFound);
        let Some(param) = error.param().filter(|_| told) else { return Err(error) };
        let field = match param {
            "auth.type" => "auth",
            param => param.rsplit('.').next().unwrap_or(param),
        };
        Ok(Self { field: field.to_owned(), text: error.detail().to_owned() })
    }

    /// The same about a field of another name.
    pub(super) fn at(mut self, id: &str) -> Self {
        id.clone_into(&mut self.field);
        self
    }

    /// What is wrong with the field called `id`.
    pub(super) fn on(wrong: Option<&Self>, id: &str) -> Option<String> {
        wrong.filter(|wrong| wrong.field == id).map(|wrong| wrong.text.clone())
    }
}

impl ToolForm {
    /// What a new one starts with.
    pub(super) fn fresh() -> Self {
        Self { auth: "none".to_owned(), ..Self::default() }
    }

    /// The form of a tool that is there.
    pub(super) fn of(tool: &ToolRecord) -> Self {
        let path = match tool.path.as_deref() {
            Some("") => "/",
            path => path.unwrap_or_default(),
        };
        let mut form = Self {
            id: tool.id.to_string(),
            upstream_url: tool.upstream_url.clone(),
            openapi_url: tool.openapi_url.clone().unwrap_or_default(),
            host: tool.host.clone().unwrap_or_default(),
            path: path.to_owned(),
            state: tool.state.as_str().to_owned(),
            ..Self::default()
        };
        match &tool.auth {
            ToolAuth::None => form.auth = "none".to_owned(),
            ToolAuth::ServiceHttp { scheme } => {
                form.auth = "service_http".to_owned();
                form.authorization_type = scheme.as_str().to_owned();
            }
            ToolAuth::UserHttp { scheme } => {
                form.auth = "user_http".to_owned();
                form.authorization_type = scheme.as_str().to_owned();
            }
            ToolAuth::OAuth { scope, content_type } => {
                form.auth = "oauth".to_owned();
                form.scope.clone_from(scope);
                form.authorization_content_type = content_type.as_str().to_owned();
            }
        }
        let said = tool.manifest.clone();
        form.name_for_human = said.name_for_human;
        form.name_for_model = said.name_for_model;
        form.description_for_human = said.description_for_human;
        form.description_for_model = said.description_for_model;
        form.contact_email = said.contact_email;
        form.legal_info_url = said.legal_info_url;
        form.logo_url = said.logo_url;
        form
    }

    /// The change that is meant. What does not belong to the mode that was chosen is left out.
    pub(super) fn change(&self, known: Option<&ToolRecord>) -> Result<ToolChange, Error> {
        let filled = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let by_http = matches!(self.auth.as_str(), "service_http" | "user_http");
        let by_oauth = self.auth == "oauth";
        let id = match known {
            Some(tool) => tool.id.clone(),
            None => Slug::parse(self.id.trim())?,
        };
        // A document that was given by API or command line stays where no address takes its place.
        let given = known.is_some_and(|tool| tool.openapi.is_some());
        let openapi_url = filled(&self.openapi_url);
        Ok(ToolChange {
            id: Some(id),
            host: Some(filled(&self.host)),
            path: Some(filled(&self.path)),
            upstream_url: Some(self.upstream_url.trim().to_owned()),
            openapi_url: (openapi_url.is_some() || !given).then_some(openapi_url),
            auth: Some(AuthBody {
                kind: self.auth.clone(),
                authorization_type: filled(&self.authorization_type).filter(|_| by_http),
                scope: by_oauth.then(|| self.scope.clone()),
                authorization_content_type: filled(&self.authorization_content_type)
                    .filter(|_| by_oauth),
            }),
            manifest: known.map(|_| ManifestChange {
                name_for_human: Some(self.name_for_human.clone()),
                name_for_model: Some(self.name_for_model.clone()),
                description_for_human: Some(self.description_for_human.clone()),
                description_for_model: Some(self.description_for_model.clone()),
                contact_email: Some(self.contact_email.clone()),
                legal_info_url: Some(self.legal_info_url.clone()),
                logo_url: Some(self.logo_url.clone()),
            }),
            state: filled(&self.state),
            ..ToolChange::default()
        })
    }

    /// The fields, of a new tool or of one that is there, with what is wrong beside each.
    pub(super) fn fields(&self, w: Words, is_new: bool, wrong: Option<&Wrong>) -> Fields {
        let field = |id: &'static str, value: &str| {
            let label = w.get(&format!("field-{}", id.replace('_', "-")));
            Field::new(id, "text", label).value(value).error(Wrong::on(wrong, id))
        };
        let hinted = |id: &'static str, value: &str| {
            field(id, value).hint(w.get(&format!("field-{}-hint", id.replace('_', "-"))))
        };
        let mut fields = Vec::new();
        if is_new {
            fields.push(hinted("id", &self.id));
        }
        fields.push(hinted("upstream_url", &self.upstream_url));
        fields.push(hinted("openapi_url", &self.openapi_url).optional());
        let mut texts = Vec::new();
        if !is_new {
            fields.push(hinted("host", &self.host).optional());
            fields.push(hinted("path", &self.path).optional());
            fields.push(hinted("scope", &self.scope).optional());
            texts = [
                ("name_for_human", &self.name_for_human),
                ("name_for_model", &self.name_for_model),
                ("description_for_human", &self.description_for_human),
                ("description_for_model", &self.description_for_model),
                ("contact_email", &self.contact_email),
                ("legal_info_url", &self.legal_info_url),
                ("logo_url", &self.logo_url),
            ]
            .map(|(id, value)| field(id, value).optional())
            .into();
        }
        Fields { w, fields, choices: self.choices(w, is_new), texts }
    }

    fn choices(&self, w: Words, is_new: bool) -> Vec<Choice> {
        let choice = |id: &'static str, chosen: &str, options: Vec<(&str, String)>| Choice {
            id,
            label: w.get(&format!("field-{}", id.replace('_', "-"))),
            options: options.into_iter().map(|(value, text)| (value.to_owned(), text)).collect(),
            chosen: chosen.to_owned(),
        };
        let modes = [
            ("none", "mode-none"),
            ("service_http", "mode-service"),
            ("user_http", "mode-user"),
            ("oauth", "mode-oauth"),
        ];
        let modes = modes.map(|(value, key)| (value, w.get(key))).into();
        let schemes = vec![("bearer", "Bearer".to_owned()), ("basic", "Basic".to_owned())];
        let mut choices = vec![
            choice("auth", &self.auth, modes),
            choice("authorization_type", &self.authorization_type, schemes),
        ];
        if !is_new {
            let forms = ["application/json", "application/x-www-form-urlencoded"];
            let forms = forms.map(|form| (form, form.to_owned())).into();
            let form = &self.authorization_content_type;
            choices.push(choice("authorization_content_type", form, forms));
            let states = [("active", "state-active"), ("disabled", "state-disabled")];
            let states = states.map(|(value, key)| (value, w.get(key))).into();
            choices.push(choice("state", &self.state, states));
        }
        choices
    }
}

impl Fields {
    /// What is wrong, on top of the form.
    pub(super) fn summary(&self) -> Option<Summary> {
        let all: Vec<&Field> = self.fields.iter().chain(&self.texts).collect();
        Summary::of(self.w.locale(), &all)
    }
}
