//! What requests and answers of the management API have in common, whichever door they belong to.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use tollgate_kernel::{Budget, Error, Profile};

/// A part of a list.
#[derive(Serialize, JsonSchema)]
pub struct List<T> {
    /// The items.
    pub items: Vec<T>,
    /// The `cursor` of the next part; `null` on the last.
    pub next: Option<String>,
}

/// At most `limit` of `unit` in each `period`.
#[derive(JsonSchema)]
#[schemars(rename = "Budget", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used: the kernel's type is what is read")]
pub struct BudgetShape {
    /// What is counted.
    #[schemars(extend("enum" = ["money", "tokens", "calls"]))]
    unit: String,
    /// How much of it; money in nano-units.
    #[schemars(range(min = 0, max = Budget::MAX))]
    limit: i64,
    /// How long until it starts anew.
    #[schemars(extend("enum" = ["day", "week", "month"]))]
    period: String,
}

/// Rates; what is left out is unlimited.
#[derive(JsonSchema)]
#[schemars(rename = "Rates", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used: the kernel's type is what is written")]
pub struct RatesShape {
    /// Calls in any minute.
    requests_per_minute: Option<u32>,
    /// Tokens in any minute.
    tokens_per_minute: Option<u32>,
    /// Calls at the same time.
    concurrent: Option<u32>,
}

/// What goes into calls of models: instructions, parameters, the most that calls may state.
#[derive(JsonSchema)]
#[schemars(rename = "Profile", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used: the kernel's type is what is read")]
pub struct ProfileShape {
    /// What the model is told before all that the caller says, at most 8 KiB. In the places
    /// `{{name}}`, `{{locale}}` and `{{plan}}` stands whom the call is about.
    instructions: Option<String>,
    /// What is set in calls that state nothing.
    defaults: Option<DefaultsShape>,
    /// What a call's own numbers are lowered to.
    ceilings: Option<CeilingsShape>,
}

/// Parameters of calls that state none.
#[derive(JsonSchema)]
#[schemars(rename = "ProfileDefaults", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used: the kernel's type is what is read")]
struct DefaultsShape {
    /// From 0 to 2.
    temperature: Option<f64>,
    /// From 0 to 1.
    top_p: Option<f64>,
    /// Tokens of each answer; a lower ceiling counts.
    #[schemars(range(min = 1))]
    max_output_tokens: Option<u32>,
    /// How long a model thinks that can.
    #[schemars(with = "Option<EffortShape>")]
    reasoning_effort: Option<String>,
}

/// How long a model thinks.
#[derive(JsonSchema)]
#[schemars(rename = "ReasoningEffort", rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used: the kernel's type is what is read")]
enum EffortShape {
    None,
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
}

/// The most that calls may state.
#[derive(JsonSchema)]
#[schemars(rename = "ProfileCeilings", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used: the kernel's type is what is read")]
struct CeilingsShape {
    /// From 0 to 2.
    temperature: Option<f64>,
    /// From 0 to 1.
    top_p: Option<f64>,
    /// Tokens of each answer.
    #[schemars(range(min = 1))]
    max_output_tokens: Option<u32>,
}

/// `before` with the change `patch` (RFC 7396: what it leaves out stays, `null` takes away), which
/// was the member `profile` of a request or a file. `None` where nothing is left. Errors name the
/// member at fault.
pub fn patched_profile(before: Option<&Profile>, patch: Value) -> Result<Option<Profile>, Error> {
    let mut whole = serde_json::to_value(before).map_err(Error::internal)?;
    merge(&mut whole, patch);
    if whole.is_null() {
        return Ok(None);
    }
    let read = serde_path_to_error::deserialize::<_, Profile>(whole);
    read.map_err(|error| {
        let path = match error.path().to_string() {
            path if path == "." => "profile".to_owned(),
            path => format!("profile.{path}"),
        };
        Error::invalid(format!("The profile does not fit: {}.", error.inner())).with_param(path)
    })?
    .checked()
}

fn merge(whole: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *whole = patch;
        return;
    };
    if !whole.is_object() {
        *whole = Value::Object(serde_json::Map::new());
    }
    let Value::Object(whole) = whole else { return };
    for (name, change) in patch {
        match change {
            Value::Null => drop(whole.remove(&name)),
            change => merge(whole.entry(name).or_insert(Value::Null), change),
        }
    }
}

/// Reads a member that `null` takes away, so that it is not the same as one that is left out: the
/// `T` of a change is itself an `Option`.
pub fn said<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_profile_is_changed_member_by_member() {
        let first = json!({"instructions": "Be brief.", "defaults": {"temperature": 0.5}});
        let first = patched_profile(None, first).unwrap().unwrap();
        let of = |patch| patched_profile(Some(&first), patch).unwrap();
        assert_eq!(of(json!({})), Some(first.clone()));
        assert_eq!(of(json!(null)), None);
        let more = of(json!({"ceilings": {"top_p": 1}, "defaults": {"top_p": 0}})).unwrap();
        assert_eq!((more.ceilings.top_p, more.defaults.top_p), (Some(1.0), Some(0.0)));
        assert_eq!(
            (more.defaults.temperature, &more.instructions),
            (Some(0.5), &first.instructions)
        );
        let less = of(json!({"instructions": null, "ceilings": null})).unwrap();
        assert_eq!((less.instructions, less.defaults), (None, first.defaults));
        for blank in ["", " \n"] {
            let less = of(json!({ "instructions": blank })).unwrap();
            assert_eq!((less.instructions, less.defaults), (None, first.defaults), "{blank:?}");
        }
        let none = json!({"instructions": null, "defaults": {"temperature": null}});
        assert_eq!(of(none), None, "nothing is left");
    }

    #[test]
    fn m4_a_profile_has_no_other_members() {
        let param = |patch| {
            let error = patched_profile(None, patch).unwrap_err();
            (error.param().unwrap().to_owned(), error.detail().to_owned())
        };
        for name in ["base_url", "upstream", "model", "api_key"] {
            let (_, detail) = param(json!({ name: "http://203.0.113.7" }));
            assert!(detail.contains(name), "{detail}");
            assert!(param(json!({"defaults": { name: "x" }})).1.contains(name));
        }
        assert_eq!(param(json!({"instructions": "{{email}}"})).0, "profile.instructions");
        assert_eq!(param(json!({"instructions": 1})).0, "profile.instructions");
        assert_eq!(param(json!({"ceilings": {"top_p": "1"}})).0, "profile.ceilings.top_p");
        assert_eq!(param(json!({"ceilings": {"top_p": 1.01}})).0, "profile.ceilings.top_p");
        let effort = json!({"defaults": {"reasoning_effort": "extreme"}});
        assert_eq!(param(effort).0, "profile.defaults.reasoning_effort");
        assert_eq!(
            param(json!({"defaults": {"max_output_tokens": 0.5}})).0,
            "profile.defaults.max_output_tokens"
        );
        assert_eq!(param(json!(1)).0, "profile");
    }
}
