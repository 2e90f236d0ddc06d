//! Profiles as the command line takes them.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

/// What goes into calls of models.
#[derive(Debug, Default, Args)]
pub struct ProfileArgs {
    /// What models are told first, with the places {{name}}, {{locale}} and {{plan}}; an empty
    /// text takes it away
    #[arg(long, value_name = "TEXT")]
    pub instructions: Option<String>,
    /// The file that holds the instructions
    #[arg(long, value_name = "FILE", conflicts_with = "instructions")]
    pub instructions_file: Option<PathBuf>,
    /// What calls get that state none: temperature, top_p, max_output_tokens, reasoning_effort;
    /// can be given again; no value takes it away
    #[arg(long = "default", value_name = "NAME=VALUE")]
    pub defaults: Vec<ParameterArg>,
    /// What calls are lowered to: temperature, top_p, max_output_tokens; can be given again; no
    /// value takes it away
    #[arg(long = "ceiling", value_name = "NAME=VALUE")]
    pub ceilings: Vec<ParameterArg>,
    /// Take instructions, defaults and ceilings away
    #[arg(
        long,
        conflicts_with_all = ["instructions", "instructions_file", "defaults", "ceilings"]
    )]
    pub no_profile: bool,
}

/// A parameter as the command line takes it: `temperature=0.7`, `reasoning_effort=low`, or
/// `temperature=` for none.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterArg {
    /// Its name.
    pub name: String,
    /// A number, a word, or null.
    pub value: Value,
}

impl std::str::FromStr for ParameterArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').filter(|(name, _)| !name.is_empty());
        let (name, value) = parts.ok_or_else(|| {
            format!("{text:?} is not like temperature=0.7, or temperature= to take it away")
        })?;
        let value = match value.parse::<serde_json::Number>() {
            _ if value.is_empty() => Value::Null,
            Ok(number) => Value::Number(number),
            Err(_) => Value::from(value),
        };
        Ok(Self { name: name.to_owned(), value })
    }
}
