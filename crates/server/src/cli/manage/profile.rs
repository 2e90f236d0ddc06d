//! The member `profile` of a request, as the command line says it.

use std::io::Read;

use serde_json::{Map, Value};

use super::body::Body;
use crate::cli::args::{ParameterArg, ProfileArgs};
use crate::exit::Exit;

/// Above the longest instructions, far below what hurts.
const LONGEST: u64 = 64 * 1024;

/// `body` with the profile, if anything was said of one.
pub(super) fn with_profile(body: Body, args: &ProfileArgs) -> Result<Body, Exit> {
    let ProfileArgs { instructions, instructions_file, defaults, ceilings, no_profile } = args;
    if *no_profile {
        return Ok(body.with("profile", Value::Null));
    }
    let instructions = match instructions_file {
        None => instructions.clone(),
        Some(path) => {
            let failed = |error| Exit::io(format!("cannot read {}", path.display()), &error);
            let file = std::fs::File::open(path).map_err(failed)?;
            let mut text = String::new();
            file.take(LONGEST).read_to_string(&mut text).map_err(failed)?;
            Some(text.trim_end().to_owned())
        }
    };
    let mut profile = Map::new();
    if let Some(text) = instructions {
        let text = if text.is_empty() { Value::Null } else { Value::String(text) };
        profile.insert("instructions".to_owned(), text);
    }
    for (part, parameters) in [("defaults", defaults), ("ceilings", ceilings)] {
        if !parameters.is_empty() {
            let members = parameters.iter();
            let members = members.map(|ParameterArg { name, value }| (name.clone(), value.clone()));
            profile.insert(part.to_owned(), Value::Object(members.collect()));
        }
    }
    if profile.is_empty() { Ok(body) } else { Ok(body.with("profile", profile)) }
}
