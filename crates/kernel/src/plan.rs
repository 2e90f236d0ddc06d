//! Plans: what their members may use, how fast, and how much of it.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::{Budget, Error, Profile, Rates, Slug, window};

/// What members of a plan may use. What it leaves out is unlimited, but for the output ceiling.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name.
    pub id: Slug,
    /// The models that members may call; none means none.
    pub models: Vec<ModelPattern>,
    /// The tools that members may call; `None` is all of them.
    pub tools: Option<Vec<ToolPattern>>,
    /// Rates for each member.
    pub rates: Rates,
    /// Budgets for each member.
    pub budgets: Vec<Budget>,
    /// The zone whose calendar the budgets follow.
    pub time_zone: TimeZone,
    /// The most output tokens of a call that states no ceiling, and the largest ceiling.
    pub max_output_tokens: u32,
    /// What goes into members' calls of models.
    pub profile: Option<Profile>,
}

impl Plan {
    /// The output ceiling of a plan that names none.
    pub const DEFAULT_MAX_OUTPUT_TOKENS: u32 = 4_096;

    /// Whether members may call `model`.
    pub fn allows(&self, model: &str) -> bool {
        self.models.iter().any(|pattern| pattern.matches(model))
    }

    /// Whether members may call `tool`.
    pub fn allows_tool(&self, tool: &Slug) -> bool {
        self.tools.as_ref().is_none_or(|tools| tools.iter().any(|pattern| pattern.matches(tool)))
    }

    /// Looks a time zone up by its IANA name.
    pub fn zone(name: &str) -> Result<TimeZone, Error> {
        window::zone(name)
    }
}

/// A model by name, or a family of models by the beginning of their names: `gpt-4o*`, `*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ModelPattern(String);

impl ModelPattern {
    /// The longest pattern, as the longest model name.
    pub const MAX_LEN: usize = 256;

    /// Reads a pattern; a `*` may stand at its end alone.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let stem = text.strip_suffix('*').unwrap_or(text);
        if text.is_empty() || text.len() > Self::MAX_LEN || stem.contains('*') {
            return Err(Error::invalid(format!(
                "{text:?} is not a model pattern: a name, or the beginning of one with a * after it"
            ))
            .with_param("models"));
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether `model` is meant.
    pub fn matches(&self, model: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(stem) => model.starts_with(stem),
            None => model == self.0,
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for ModelPattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|error| serde::de::Error::custom(error.detail()))
    }
}

/// A tool by its name, or `*` for all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolPattern {
    /// Every tool.
    All,
    /// The tool of this name.
    One(Slug),
}

impl ToolPattern {
    /// Reads `*` or the name of a tool.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text == "*" {
            return Ok(Self::All);
        }
        let tool = Slug::parse(text).map_err(|_| {
            Error::invalid(format!("{text:?} is neither the name of a tool nor a * for all"))
                .with_param("tools")
        })?;
        Ok(Self::One(tool))
    }

    /// Whether `tool` is meant.
    pub fn matches(&self, tool: &Slug) -> bool {
        match self {
            Self::All => true,
            Self::One(name) => name == tool,
        }
    }

    /// The pattern as it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::All => "*",
            Self::One(tool) => tool.as_str(),
        }
    }
}

impl Serialize for ToolPattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ToolPattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|error| serde::de::Error::custom(error.detail()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g9_tools_are_meant_by_name_or_all_together() {
        let matches = |pattern: &str, tool: &str| {
            let tool = Slug::parse(tool).ok();
            let pattern = ToolPattern::parse(pattern).ok();
            tool.zip(pattern).is_some_and(|(tool, pattern)| pattern.matches(&tool))
        };
        assert!(matches("*", "todo") && matches("todo", "todo"));
        assert!(!matches("todo", "todos") && !matches("todo", "tod"));
        for bad in ["", "**", "todo*", "To do"] {
            assert!(ToolPattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn patterns_match_names_and_families() {
        let matches = |p: &str, m: &str| ModelPattern::parse(p).is_ok_and(|p| p.matches(m));
        assert!(matches("*", "anything"));
        assert!(matches("gpt-4o*", "gpt-4o-mini"));
        assert!(matches("gpt-4o", "gpt-4o"));
        assert!(!matches("gpt-4o", "gpt-4o-mini"));
        assert!(ModelPattern::parse("a*b").is_err());
        assert!(ModelPattern::parse("").is_err());
    }
}
