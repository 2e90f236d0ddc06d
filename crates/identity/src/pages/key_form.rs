//! The form of a key: what it may do, and how it is read.

use std::time::Duration;

use askama::Template;
use serde::Deserialize;
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::{Field, Summary};
use tollgate_kernel::{Budget, ModelPattern, Period, Rates, Slug, Timestamp, Unit, figures};
use tollgate_store::KeyRecord;

use super::said;
use crate::check::{self, Mistake};

/// The budgets that have a field of their own. Others are set by API or command line, and kept.
const BUDGETS: [(&str, Unit, Period); 4] = [
    ("tokens_per_day", Unit::Tokens, Period::Day),
    ("tokens_per_month", Unit::Tokens, Period::Month),
    ("money_per_day", Unit::Money, Period::Day),
    ("money_per_month", Unit::Money, Period::Month),
];

/// What was typed.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct KeyForm {
    pub(crate) name: String,
    /// The one tool that it opens.
    pub(crate) tool: String,
    /// The day that the key ends with, in UTC.
    expires: String,
    models: String,
    networks: String,
    requests_per_minute: String,
    tokens_per_minute: String,
    concurrent: String,
    tokens_per_day: String,
    tokens_per_month: String,
    money_per_day: String,
    money_per_month: String,
}

/// What it means.
pub(crate) struct KeyRead {
    pub(crate) name: String,
    pub(crate) tool: Option<Slug>,
    pub(crate) models: Vec<ModelPattern>,
    pub(crate) networks: Vec<String>,
    pub(crate) rates: Rates,
    pub(crate) budgets: Vec<Budget>,
    /// When the key ends, if it does by itself.
    pub(crate) expires_at: Option<Timestamp>,
}

/// A field at fault and the key of the words for it.
pub(crate) type Wrong = (&'static str, &'static str);

/// The fields of the form, those that few people need apart.
#[derive(Template)]
#[template(path = "key_form.html")]
pub(crate) struct KeyFields {
    w: Words,
    plain: Vec<Field>,
    limits: Vec<Field>,
    open: bool,
}

impl askama::filters::HtmlSafe for KeyFields {}

impl KeyForm {
    /// An empty form, which proposes an end.
    pub(crate) fn empty(now: Timestamp) -> Self {
        Self { expires: said::day(now.plus(check::KEY_LIFE)), ..Self::default() }
    }

    /// The form as it would have made `key`.
    pub(crate) fn like(key: &KeyRecord) -> Self {
        let number = |n: Option<u32>| n.map(|n| n.to_string()).unwrap_or_default();
        let names = |list: Option<Vec<&str>>| list.unwrap_or_default().join(", ");
        let mut form = Self {
            name: key.name.clone(),
            tool: key.tool.as_ref().map(Slug::to_string).unwrap_or_default(),
            expires: key.expires_at.map(said::day).unwrap_or_default(),
            models: names(key.models.as_ref().map(|m| m.iter().map(|m| m.as_str()).collect())),
            networks: names(key.networks.as_ref().map(|n| n.iter().map(|n| &**n).collect())),
            requests_per_minute: number(key.rates.requests_per_minute),
            tokens_per_minute: number(key.rates.tokens_per_minute),
            concurrent: number(key.rates.concurrent),
            ..Self::default()
        };
        for budget in &key.budgets {
            let text = figures::typed(budget.unit, budget.limit);
            match (budget.unit, budget.period) {
                (Unit::Tokens, Period::Day) => form.tokens_per_day = text,
                (Unit::Tokens, Period::Month) => form.tokens_per_month = text,
                (Unit::Money, Period::Day) => form.money_per_day = text,
                (Unit::Money, Period::Month) => form.money_per_month = text,
                _ => {}
            }
        }
        form
    }

    fn budget_text(&self, id: &str) -> &str {
        match id {
            "tokens_per_day" => &self.tokens_per_day,
            "tokens_per_month" => &self.tokens_per_month,
            "money_per_day" => &self.money_per_day,
            _ => &self.money_per_month,
        }
    }

    /// Reads the form. `before` is the key that is changed: its exact end stays where the day does,
    /// and budgets without a field stay.
    pub(crate) fn read(
        &self,
        now: Timestamp,
        before: Option<&KeyRecord>,
    ) -> Result<KeyRead, Vec<Wrong>> {
        let mut wrong: Vec<Wrong> = Vec::new();
        let mut note = |id: &'static str, key: &'static str| wrong.push((id, key));
        if check::key_name(&self.name).is_err() {
            note("name", Mistake::KeyName.key());
        }
        let expires_at = self.expiry(now, before);
        if let Err(mistake) = expires_at {
            note("expires", mistake);
        }
        let models: Result<Vec<_>, _> = split(&self.models).map(ModelPattern::parse).collect();
        if models.is_err() {
            note("models", "wrong-model-name");
        }
        let networks: Vec<String> = split(&self.networks).map(str::to_owned).collect();
        if check::networks(&networks).is_err() {
            note("networks", Mistake::Networks.key());
        }
        let mut rate = |id: &'static str, text: &str| match whole(text) {
            Ok(n) => n,
            Err(()) => {
                note(id, "wrong-number");
                None
            }
        };
        let rates = Rates {
            requests_per_minute: rate("requests_per_minute", &self.requests_per_minute),
            tokens_per_minute: rate("tokens_per_minute", &self.tokens_per_minute),
            concurrent: rate("concurrent", &self.concurrent),
        };
        let tool = match self.tool.trim() {
            "" => None,
            text => Slug::parse(text).map_err(|_| note("tool", "wrong-tool")).ok(),
        };
        let budgets = self.budgets(before, &mut wrong);
        match (models, expires_at) {
            (Ok(models), Ok(expires_at)) if wrong.is_empty() => {
                let name = self.name.clone();
                Ok(KeyRead { name, tool, models, networks, rates, budgets, expires_at })
            }
            _ => Err(wrong),
        }
    }

    fn budgets(&self, before: Option<&KeyRecord>, wrong: &mut Vec<Wrong>) -> Vec<Budget> {
        let kept = before.map(|key| key.budgets.as_slice()).unwrap_or_default().iter();
        let has_field = |b: &&Budget| {
            BUDGETS.iter().any(|(_, unit, period)| (*unit, *period) == (b.unit, b.period))
        };
        let mut budgets: Vec<Budget> = kept.filter(|b| !has_field(b)).copied().collect();
        for (id, unit, period) in BUDGETS {
            let text = self.budget_text(id);
            if text.trim().is_empty() {
                continue;
            }
            match figures::read(unit, text).filter(|limit| *limit <= Budget::MAX) {
                Some(limit) => budgets.push(Budget { unit, limit, period }),
                None => wrong
                    .push((id, if unit == Unit::Money { "wrong-money" } else { "wrong-number" })),
            }
        }
        budgets
    }

    fn expiry(
        &self,
        now: Timestamp,
        before: Option<&KeyRecord>,
    ) -> Result<Option<Timestamp>, &'static str> {
        let day = self.expires.trim();
        if day.is_empty() {
            return Ok(None);
        }
        let unchanged = before.and_then(|key| key.expires_at).filter(|at| said::day(*at) == day);
        if unchanged.is_some() {
            return Ok(unchanged);
        }
        let start = Timestamp::parse(&format!("{day}T00:00:00Z")).map_err(|_| "wrong-day")?;
        let end = start.plus(Duration::from_secs(86_399));
        check::expiry(Some(end), now).map_err(Mistake::key)
    }

    /// The fields of a new key: what it opens is chosen once.
    pub(crate) fn fields_of_new(&self, w: &Words, wrong: &[Wrong]) -> KeyFields {
        let mut fields = self.fields(w, wrong);
        let error = wrong.iter().find(|(at, _)| *at == "tool").map(|(_, key)| w.get(key));
        let field = Field::new("tool", "text", w.get("key-tool")).value(&self.tool).error(error);
        fields.plain.push(field.hint(w.get("key-tool-hint")).optional());
        fields
    }

    /// The fields, with what is wrong beside each.
    pub(crate) fn fields(&self, w: &Words, wrong: &[Wrong]) -> KeyFields {
        let field = |id: &'static str, kind: &'static str, value: &str| {
            let error = wrong.iter().find(|(at, _)| *at == id).map(|(_, key)| w.get(key));
            Field::new(id, kind, w.get(&format!("key-{}", id.replace('_', "-"))))
                .value(value)
                .error(error)
        };
        let hinted = |field: Field, key: &str| field.hint(w.get(key)).optional();
        let plain = vec![
            field("name", "text", &self.name).hint(w.get("key-name-hint")),
            hinted(field("expires", "date", &self.expires), "key-expires-hint"),
        ];
        let mut limits = vec![
            hinted(field("models", "text", &self.models), "key-models-hint"),
            hinted(field("networks", "text", &self.networks), "key-networks-hint"),
            field("requests_per_minute", "text", &self.requests_per_minute).optional(),
            field("tokens_per_minute", "text", &self.tokens_per_minute).optional(),
            field("concurrent", "text", &self.concurrent).optional(),
        ];
        for (id, _, _) in BUDGETS {
            limits.push(field(id, "text", self.budget_text(id)).optional());
        }
        let open = limits.iter().any(|field| field.error.is_some() || !field.value.is_empty());
        KeyFields { w: *w, plain, limits, open }
    }
}

impl KeyFields {
    /// What is wrong, on top of the form.
    pub(crate) fn summary(&self) -> Option<Summary> {
        let all: Vec<&Field> = self.plain.iter().chain(&self.limits).collect();
        Summary::of(self.w.locale(), &all)
    }
}

/// The names in a list that was typed with commas or blanks.
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty())
}

/// A whole number above nothing, or nothing at all.
fn whole(text: &str) -> Result<Option<u32>, ()> {
    let text = text.trim().replace(',', "");
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().ok().filter(|n| *n > 0).map(Some).ok_or(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn typed() -> KeyForm {
        KeyForm { name: "laptop".to_owned(), ..KeyForm::empty(NOW) }
    }

    #[test]
    fn a_form_is_read() {
        let form = KeyForm {
            models: "gpt-4o*, small".to_owned(),
            networks: "10.0.0.0/8 192.0.2.1".to_owned(),
            requests_per_minute: "1,000".to_owned(),
            tokens_per_day: "5000".to_owned(),
            money_per_month: "2.50".to_owned(),
            ..typed()
        };
        let read = form.read(NOW, None).map_err(|wrong| format!("{wrong:?}")).unwrap();
        assert_eq!(
            read.models.iter().map(ModelPattern::as_str).collect::<Vec<_>>(),
            ["gpt-4o*", "small"]
        );
        assert_eq!(read.networks, ["10.0.0.0/8", "192.0.2.1"]);
        assert_eq!(read.rates.requests_per_minute, Some(1_000));
        let limit = |unit, period| {
            read.budgets.iter().find(|b| (b.unit, b.period) == (unit, period)).map(|b| b.limit)
        };
        assert_eq!(limit(Unit::Tokens, Period::Day), Some(5_000));
        assert_eq!(limit(Unit::Money, Period::Month), Some(2_500_000_000));
        assert_eq!(read.budgets.len(), 2);
        assert_eq!(read.expires_at.map(said::day), Some(said::day(NOW.plus(check::KEY_LIFE))));
    }

    #[test]
    fn every_mistake_is_named_by_its_field() {
        let form = KeyForm {
            name: " ".to_owned(),
            expires: "2019-01-01".to_owned(),
            models: "a*b".to_owned(),
            networks: "nowhere".to_owned(),
            concurrent: "0".to_owned(),
            money_per_day: "much".to_owned(),
            ..KeyForm::default()
        };
        let Err(wrong) = form.read(NOW, None) else { unreachable!("the form is wrong") };
        let fields: Vec<&str> = wrong.iter().map(|(id, _)| *id).collect();
        assert_eq!(
            fields,
            ["name", "expires", "models", "networks", "concurrent", "money_per_day"]
        );
    }
}
