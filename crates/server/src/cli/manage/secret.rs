//! Secrets that come in: from the environment, a file or stdin. Never from the command line, which
//! every user of the machine can read.

use std::io::{BufRead, Read};
use std::path::Path;

use tollgate_kernel::Secret;

use super::screen::Screen;
use crate::exit::Exit;

/// Far above any key, far below what hurts.
const LONGEST: u64 = 64 * 1024;

/// The secret in the environment variable `env` or in `file`, if one of them is given; the file `-`
/// is stdin. `what` is what people call it.
pub(super) fn read(
    what: &str,
    env: Option<&str>,
    file: Option<&Path>,
    screen: &mut Screen,
) -> Result<Option<Secret>, Exit> {
    let (value, from) = match (env, file) {
        (Some(name), _) => (of_environment(name)?, format!("the variable {name}")),
        (None, Some(path)) if path.as_os_str() == "-" => {
            if screen.attended {
                screen.say(&format!("Paste the {what}, then press Enter."));
            }
            (of_stdin(screen)?, "stdin".to_owned())
        }
        (None, Some(path)) => {
            let shown = path.display().to_string();
            let failed = |error| Exit::io(format!("cannot read {shown}"), &error);
            let file = std::fs::File::open(path).map_err(failed)?;
            let mut text = String::new();
            file.take(LONGEST).read_to_string(&mut text).map_err(failed)?;
            (Secret::new(text), shown)
        }
        (None, None) => return Ok(None),
    };
    let value = Secret::new(value.expose().trim().to_owned());
    if value.is_empty() {
        return Err(Exit::usage(format!("there is no {what} in {from}")));
    }
    Ok(Some(value))
}

/// The value of an environment variable.
pub(super) fn of_environment(name: &str) -> Result<Secret, Exit> {
    match std::env::var(name) {
        Ok(value) => Ok(Secret::new(value)),
        Err(_) => Err(Exit::usage(format!("there is no environment variable {name}"))),
    }
}

fn of_stdin(screen: &mut Screen) -> Result<Secret, Exit> {
    let mut line = String::new();
    let read = screen.input.by_ref().take(LONGEST).read_line(&mut line);
    read.map_err(|error| Exit::io("cannot read stdin", &error))?;
    Ok(Secret::new(line))
}
