//! The reference of the command line, `docs/reference/cli.md`, made from what the program takes.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory};

use super::args::Cli;

const HEAD: &str = "\
# Command line

Made from the program itself; `tollgate VERB --help` says the same.

Data goes to stdout, talk to stderr. Tables, without colours, are for people; `--json` prints the
answer of the management API untouched, `--quiet` ids or secrets alone. Verbs that manage ask the
running server over the socket in the data folder, with the owner's rights; only the user who runs
the server may open it. They read a list to its end unless `--limit` is given. What deletes, revokes
or disables says so and asks; without a terminal it needs `--yes`. Where a person is named, the id
and the e-mail address both do. Money is given in nano-units (`5e9` is 5 dollars), shown in dollars.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | it failed on the way |
| 2 | the call was wrong, by the command line or by the server's word |
| 66 | there is no such thing |
| 69 | no server answers, or it cannot work now |
| 73 | it exists already, is in use, was changed meanwhile, or the file declares it |
| 74 | a file could not be read or written |
| 75 | too often, or too much: a rate or a budget; try again later |
| 77 | not allowed |
| 78 | the configuration is wrong |
";

/// The reference as Markdown.
pub fn reference() -> String {
    let mut root = Cli::command();
    root.build();
    let mut out = HEAD.to_owned();
    out.push_str("\n## All verbs\n\n");
    options(&mut out, root.get_arguments().filter(|arg| arg.is_global_set()));
    for verb in root.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        command(&mut out, verb, "tollgate", 2);
    }
    out
}

fn command(out: &mut String, command_: &Command, before: &str, level: usize) {
    let name = format!("{before} {}", command_.get_name());
    let about = command_.get_about().map(ToString::to_string).unwrap_or_default();
    // Writing to a String cannot fail.
    let _ = write!(out, "\n{} {name}\n\n{about}.\n", "#".repeat(level));
    let subs: Vec<&Command> = command_.get_subcommands().collect();
    if subs.is_empty() {
        let usage = command_.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage:").trim();
        let _ = write!(out, "\n```text\n{usage}\n```\n");
        let example = command_.get_after_help().map(ToString::to_string).unwrap_or_default();
        let lines = example.lines().skip(1).map(|line| line.strip_prefix("  ").unwrap_or(line));
        let _ =
            write!(out, "\nFor example:\n\n```sh\n{}\n```\n", lines.collect::<Vec<_>>().join("\n"));
        let own = |arg: &&Arg| !arg.is_global_set() && !arg.is_hide_set();
        let own: Vec<&Arg> = command_.get_arguments().filter(own).collect();
        if own.iter().any(|arg| arg.get_id() != "help") {
            out.push('\n');
            options(out, own.into_iter());
        }
    }
    for sub in subs {
        command(out, sub, &name, level + 1);
    }
}

/// Arguments as a table.
fn options<'a>(out: &mut String, args: impl Iterator<Item = &'a Arg>) {
    out.push_str("| argument | meaning |\n|---|---|\n");
    for arg in args.filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version")) {
        let short = arg.get_short().map(|short| format!("-{short}, ")).unwrap_or_default();
        let takes = arg.get_action().takes_values();
        let value = arg.get_value_names().and_then(|names| names.first()).filter(|_| takes);
        let value = value.map(|name| name.to_string()).unwrap_or_default();
        let name = match arg.get_long() {
            Some(long) if value.is_empty() => format!("{short}--{long}"),
            Some(long) => format!("{short}--{long} {value}"),
            None => value,
        };
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(out, "| `{name}` | {}{} |", help.replace('|', "\\|"), choices(arg));
    }
}

fn choices(arg: &Arg) -> String {
    let mut more = String::new();
    let values = arg.get_possible_values();
    if !values.is_empty() && arg.get_action().takes_values() {
        let names: Vec<String> = values.iter().map(|v| format!("`{}`", v.get_name())).collect();
        let _ = write!(more, ": {}", names.join(", "));
    }
    let usual: Vec<_> = arg.get_default_values().iter().map(|v| v.to_string_lossy()).collect();
    if !usual.is_empty() && arg.get_action().takes_values() {
        let _ = write!(more, "; usually `{}`", usual.join(","));
    }
    if let Some(variable) = arg.get_env() {
        let _ = write!(more, "; else from `{}`", variable.to_string_lossy());
    }
    more
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::path::Path;

    use super::reference;

    #[test]
    fn the_committed_reference_is_the_programs() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/cli.md");
        let now = reference();
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &now).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(now == committed, "docs/reference/cli.md is old; UPDATE=1 writes it anew");
        for verb in ["## tollgate serve", "### tollgate user add", "## tollgate limits"] {
            assert!(now.contains(&format!("\n{verb}\n")), "{verb}");
        }
        assert!(!now.contains("demo-model"));
    }
}
