#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use clap::CommandFactory;

use super::*;

/// Every command with its full name.
fn commands(command: &clap::Command, name: &str, all: &mut Vec<(String, clap::Command)>) {
    all.push((name.to_owned(), command.clone()));
    for sub in command.get_subcommands() {
        commands(sub, &format!("{name} {}", sub.get_name()), all);
    }
}

fn all_commands() -> Vec<(String, clap::Command)> {
    let mut root = Cli::command();
    root.build();
    let mut all = Vec::new();
    commands(&root, "tollgate", &mut all);
    all
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_verb_has_an_example_that_parses_and_fits_a_narrow_terminal() {
    let all = all_commands();
    assert!(all.len() > 50, "{}", all.len());
    for (name, mut command) in all {
        let example = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let example = example.strip_prefix("Example:\n").unwrap_or_else(|| panic!("{name}"));
        let line = example.replace("\\\n", " ").replace('\'', "");
        let start = line.find("tollgate ").unwrap();
        let words = line[start..].split_whitespace().take_while(|word| *word != ">");
        let parsed = Cli::try_parse_from(words);
        assert!(parsed.is_ok(), "{name}: {}", parsed.err().unwrap());
        for line in command.render_long_help().to_string().lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
        }
    }
}

#[test]
fn every_verb_of_this_version_is_there() {
    let root = Cli::command();
    for verb in [
        "serve",
        "demo",
        "init",
        "user",
        "group",
        "plan",
        "key",
        "client",
        "upstream",
        "model",
        "session",
        "settings",
        "entry",
        "audit",
        "usage",
        "limits",
        "config",
        "migrate",
        "completions",
        "man",
        "healthcheck",
        "version",
    ] {
        let found = root.find_subcommand(verb).unwrap_or_else(|| panic!("{verb}"));
        assert!(!found.is_hide_set());
    }
    assert!(root.find_subcommand("demo-model").unwrap().is_hide_set());
}

#[test]
fn global_flags_stand_before_or_after_the_verb() {
    for line in [
        "tollgate --json --config a.toml user list --limit 3",
        "tollgate user list --limit 3 --json --config a.toml",
    ] {
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        assert!(cli.global.json && !cli.global.yes && !cli.global.quiet);
        assert_eq!(cli.global.config.unwrap().to_str(), Some("a.toml"));
        let Verb::Manage(ManageVerb::User(UserVerb::List(list))) = cli.verb else {
            panic!("{line}")
        };
        assert_eq!(list.limit, Some(3));
    }
}

#[test]
fn budgets_are_read_and_wrong_ones_told() {
    let budget = |text: &str| text.parse::<BudgetArg>().map(|BudgetArg(budget)| budget);
    let five = budget("money:5e9:month").unwrap();
    assert_eq!((five.unit, five.limit), (tollgate_kernel::Unit::Money, 5_000_000_000));
    assert_eq!(budget("calls:7:week").unwrap().period, tollgate_kernel::Period::Week);
    for wrong in
        ["", "tokens", "tokens:1", "euro:1:day", "tokens:x:day", "tokens:1:year", "a:1:day:x"]
    {
        assert!(budget(wrong).unwrap_err().contains("tokens:100000:day"), "{wrong}");
    }
    assert!(budget("calls:-1:day").unwrap_err().contains("from 0"));
    assert!(budget("calls:9e30:day").is_err());
}

#[test]
fn a_key_is_for_a_person_or_an_app() {
    let line = "tollgate key add x --user a@b.example --client c";
    assert!(Cli::try_parse_from(line.split(' ')).is_err());
    let line = "tollgate usage --by day,key";
    let Verb::Manage(ManageVerb::Usage(usage)) = Cli::try_parse_from(line.split(' ')).unwrap().verb
    else {
        panic!("{line}")
    };
    assert_eq!(usage.by, [UsageBy::Day, UsageBy::Key]);
}
