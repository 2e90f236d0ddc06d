//! A profile in a form: what goes into calls of models.

use std::fmt::Display;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_edge::page::Words;
use tollgate_edge::page::parts::Field;
use tollgate_kernel::{Effort, Profile, Template};

use super::form::{Area, Control, Select, Wrong};
use super::say;

/// A profile as a form has it. An empty field says nothing.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct ProfileFields {
    instructions: String,
    default_temperature: String,
    default_top_p: String,
    default_tokens: String,
    default_effort: String,
    ceiling_temperature: String,
    ceiling_top_p: String,
    ceiling_tokens: String,
}

/// The name of a number's control, the text of its label, the highest of it, and what was typed.
type Number<'a> = (&'static str, &'static str, f64, &'a str);

impl ProfileFields {
    /// The fields with `profile` in them.
    pub(crate) fn of(profile: Option<&Profile>) -> Self {
        let Profile { instructions, defaults, ceilings } = profile.cloned().unwrap_or_default();
        Self {
            instructions: instructions.map(String::from).unwrap_or_default(),
            default_temperature: typed(defaults.temperature),
            default_top_p: typed(defaults.top_p),
            default_tokens: typed(defaults.max_output_tokens),
            default_effort: typed(defaults.reasoning_effort.map(Effort::as_str)),
            ceiling_temperature: typed(ceilings.temperature),
            ceiling_top_p: typed(ceilings.top_p),
            ceiling_tokens: typed(ceilings.max_output_tokens),
        }
    }

    /// The profile that is meant, as a change that says all of it; what cannot be read is noted.
    pub(crate) fn read(&self, w: Words, wrong: &mut Vec<Wrong>) -> Value {
        // A browser sends lines with both of their ends.
        let instructions = self.instructions.replace("\r\n", "\n");
        if Template::parse(&instructions).is_err() {
            wrong.push(Wrong::at(w, "instructions", "wrong-instructions"));
        }
        let instructions = Some(instructions).filter(|text| !text.trim().is_empty());
        let mut decimal = |(name, _, most, text): Number<'_>| {
            let words = if most > 1.0 { "wrong-to-two" } else { "wrong-to-one" };
            let read = decimal(text, most);
            read.map_err(|()| wrong.push(Wrong::at(w, name, words))).ok().flatten()
        };
        let [default_temperature, default_top_p] = self.default_numbers().map(&mut decimal);
        let [ceiling_temperature, ceiling_top_p] = self.ceiling_numbers().map(&mut decimal);
        let mut tokens = |name, text: &str| {
            let read = tokens(text);
            read.map_err(|()| wrong.push(Wrong::at(w, name, "wrong-number"))).ok().flatten()
        };
        let default_tokens = tokens("default_tokens", &self.default_tokens);
        let ceiling_tokens = tokens("ceiling_tokens", &self.ceiling_tokens);
        let effort = Effort::ALL.into_iter().find(|effort| effort.as_str() == self.default_effort);
        json!({
            "instructions": instructions,
            "defaults": {
                "temperature": default_temperature,
                "top_p": default_top_p,
                "max_output_tokens": default_tokens,
                "reasoning_effort": effort,
            },
            "ceilings": {
                "temperature": ceiling_temperature,
                "top_p": ceiling_top_p,
                "max_output_tokens": ceiling_tokens,
            },
        })
    }

    /// The controls.
    pub(crate) fn controls(&self, w: Words, wrong: &[Wrong]) -> [Control; 4] {
        let instructions = Area {
            id: "instructions",
            label: w.get("profile-instructions"),
            value: self.instructions.clone(),
            hint: Some(w.get("profile-instructions-hint")),
            error: Wrong::on(wrong, "instructions"),
        };
        let unsaid = (String::new(), w.get("profile-effort-unsaid"));
        let words = Effort::ALL.map(|effort| (effort.as_str().to_owned(), effort.as_str().into()));
        let effort = Select {
            id: "default_effort",
            label: w.get("profile-effort"),
            options: std::iter::once(unsaid).chain(words).collect(),
            chosen: self.default_effort.clone(),
            hint: Some(w.get("profile-effort-hint")),
            error: None,
        };
        let group = |title: &str, numbers: [Number<'_>; 2], tokens: (&'static str, &str)| {
            let field = |id, label: &str, text: &str| {
                let field = Field::new(id, "text", w.get(label)).value(text).optional();
                field.error(Wrong::on(wrong, id))
            };
            let numbers = numbers.map(|(id, label, _, text)| field(id, label, text));
            let tokens = field(tokens.0, "profile-tokens", tokens.1);
            let fields = numbers.into_iter().chain([tokens]).collect();
            Control::Limits { title: w.get(title), fields }
        };
        let (default, ceiling) = (&self.default_tokens, &self.ceiling_tokens);
        [
            Control::Area(instructions),
            group("profile-defaults", self.default_numbers(), ("default_tokens", default)),
            Control::Select(effort),
            group("profile-ceilings", self.ceiling_numbers(), ("ceiling_tokens", ceiling)),
        ]
    }

    fn default_numbers(&self) -> [Number<'_>; 2] {
        [
            ("default_temperature", "profile-temperature", 2.0, &self.default_temperature),
            ("default_top_p", "profile-top-p", 1.0, &self.default_top_p),
        ]
    }

    fn ceiling_numbers(&self) -> [Number<'_>; 2] {
        [
            ("ceiling_temperature", "profile-temperature", 2.0, &self.ceiling_temperature),
            ("ceiling_top_p", "profile-top-p", 1.0, &self.ceiling_top_p),
        ]
    }
}

fn typed<T: Display>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// Reads a number from 0 to `most`; nothing is none.
fn decimal(text: &str, most: f64) -> Result<Option<f64>, ()> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let read = text.trim().parse::<f64>().ok().filter(|number| (0.0..=most).contains(number));
    read.map(Some).ok_or(())
}

/// Reads a whole number from 1 on; nothing is none.
fn tokens(text: &str) -> Result<Option<u32>, ()> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let read = say::read_number(text).and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
    read.map(Some).ok_or(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::House;
    use tollgate_kernel::Role;

    const FIELDS: [(&str, &str); 8] = [
        ("instructions", "Help {{name}}.\r\n\r\nBe <brief>."),
        ("default_temperature", " 0.7 "),
        ("default_top_p", ""),
        ("default_tokens", "1,000"),
        ("default_effort", "low"),
        ("ceiling_temperature", "1"),
        ("ceiling_top_p", "0.9"),
        ("ceiling_tokens", ""),
    ];

    #[tokio::test]
    async fn a_profile_is_given_and_taken_by_form() {
        let house = House::new().await;
        let ada = house.person("owner", Role::Owner, None).await;
        house.done("POST", "/api/v1/plans", json!({"id": "small"})).await;
        let of_person = [("role", "owner"), ("plan", ""), ("state", "active")];
        let of_plan = [("models", "*"), ("time_zone", "UTC"), ("max_output_tokens", "9")];
        let expected = json!({
            "instructions": "Help {{name}}.\n\nBe <brief>.",
            "defaults": {"temperature": 0.7, "max_output_tokens": 1_000, "reasoning_effort": "low"},
            "ceilings": {"temperature": 1.0, "top_p": 0.9},
        });
        for (path, fields) in
            [("plans/small".to_owned(), of_plan), (format!("users/{}", ada.id), of_person)]
        {
            let page = format!("/admin/{path}");
            let all: Vec<_> = fields.into_iter().chain(FIELDS).collect();
            assert_eq!(house.submit(&ada, &page, &all).await.0, 303);
            if path.starts_with("plans") {
                let shown = house.done("GET", &format!("/api/v1/{path}"), Value::Null).await;
                assert_eq!(shown["profile"], expected);
            }
            let (_, html) = house.page(&ada, &page).await;
            for value in ["Be &#60;brief&#62;.", "value=\"0.7\"", "value=\"1000\"", "value=\"0.9\""]
            {
                assert!(html.contains(value), "{value}: {html}");
            }
            assert!(html.contains("<option value=\"low\" selected"), "{html}");

            for (field, wrong) in [
                ("instructions", "Help {{password}}."),
                ("default_temperature", "2.1"),
                ("default_top_p", "NaN"),
                ("default_tokens", "0"),
                ("ceiling_temperature", "-1"),
                ("ceiling_top_p", "1.1"),
                ("ceiling_tokens", "few"),
            ] {
                let kept = all.iter().copied().filter(|(name, _)| *name != field);
                let typed: Vec<_> = kept.chain([(field, wrong)]).collect();
                let (status, _, html) = house.submit(&ada, &page, &typed).await;
                assert_eq!(status, 400, "{field}");
                assert!(html.contains(&format!("id=\"{field}-error\"")), "{field}: {html}");
                assert!(html.contains("0.9") || field == "ceiling_top_p", "what was typed is kept");
            }
            let empty: Vec<_> = fields.into_iter().chain([("instructions", " ")]).collect();
            assert_eq!(house.submit(&ada, &page, &empty).await.0, 303);
            let (_, html) = house.page(&ada, &page).await;
            assert!(!html.contains("brief") && !html.contains("value=\"0.9\""), "{html}");
        }
        let shown = house.done("GET", "/api/v1/plans/small", Value::Null).await;
        assert_eq!(shown["profile"], Value::Null);
    }
}
