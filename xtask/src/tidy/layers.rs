//! Which crate may import which, from the manifests.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::Finding;
use super::tree::Tree;

/// The house from the bottom up: a row imports only rows above it in this list.
const ROWS: [&str; 15] = [
    "root",
    "kernel",
    "protocol",
    "vault",
    "store",
    "gate",
    "edge",
    "identity",
    "oauth",
    "models",
    "tools",
    "connections",
    "console",
    "server",
    "testkit",
];

/// Doors never import doors.
const DOORS: [&str; 6] = ["identity", "oauth", "models", "tools", "connections", "console"];

/// Who may hold the token that opens the store and the vault.
const ROOT_HOLDERS: [&str; 4] = ["vault", "store", "server", "testkit"];

/// Tools beside the house.
const BESIDE: [&str; 2] = ["xtask", "bench"];

/// Crates of others that may stand in certain rows only.
struct Rule {
    crates: &'static [&'static str],
    homes: &'static [&'static str],
    instead: &'static str,
}

const WEB: [&str; 10] = [
    "edge",
    "identity",
    "oauth",
    "models",
    "tools",
    "connections",
    "console",
    "server",
    "testkit",
    "bench",
];
const ASYNC: [&str; 14] = [
    "vault",
    "store",
    "gate",
    "edge",
    "identity",
    "oauth",
    "models",
    "tools",
    "connections",
    "console",
    "server",
    "testkit",
    "bench",
    "xtask",
];

const RULES: [Rule; 10] = [
    Rule {
        crates: &["tokio", "tokio-util", "hyper", "hyper-util", "tower", "async-trait"],
        homes: &ASYNC,
        instead: "no async and no I/O in this row: take bytes and values, return values",
    },
    Rule {
        crates: &["axum", "axum-extra", "axum-core", "tower-http"],
        homes: &WEB,
        instead: "the web framework belongs to edge and the rows after it; use crate `http`",
    },
    Rule {
        crates: &["reqwest", "ureq", "hyper-rustls", "isahc", "curl", "attohttpc"],
        homes: &["gate", "bench", "xtask", "testkit"],
        instead: "a verb of the gate, which guards every outbound byte",
    },
    Rule {
        crates: &["sqlx", "redis", "tokio-postgres", "postgres"],
        homes: &["store"],
        instead: "a method of the store, grouped by noun",
    },
    // The test kit gets in the way of a database, from outside the store.
    Rule {
        crates: &["rusqlite"],
        homes: &["store", "testkit"],
        instead: "a method of the store, grouped by noun",
    },
    Rule {
        crates: &["rand", "fastrand", "getrandom", "oorandom"],
        homes: &["bench"],
        instead: "the injected kernel::Rng",
    },
    Rule {
        crates: &["ring", "openssl", "openssl-sys", "native-tls", "tokio-native-tls"],
        homes: &[],
        instead: "rustls and aws-lc-rs: one provider of cryptography",
    },
    Rule { crates: &["chrono", "chrono-tz", "time"], homes: &[], instead: "jiff" },
    Rule {
        crates: &["lazy_static", "once_cell"],
        homes: &[],
        instead: "std::sync::LazyLock for what never changes, a field for what does",
    },
    Rule { crates: &["rsa"], homes: &[], instead: "aws-lc-rs, which signs in constant time" },
];

/// What the manifests of `tree` break.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending("Cargo.toml") {
        match text.parse::<Table>() {
            Ok(manifest) => {
                let mut file = Manifest { path, findings: Vec::new() };
                file.check(&manifest);
                findings.extend(file.findings);
            }
            Err(error) => {
                findings.push(Finding::new("manifest", path, 1, format!("not TOML: {error}")));
            }
        }
    }
    findings
}

struct Manifest<'a> {
    path: &'a str,
    findings: Vec<Finding>,
}

impl Manifest<'_> {
    fn check(&mut self, manifest: &Table) {
        if self.path == "Cargo.toml" {
            return self.check_versions(manifest);
        }
        let folder = self.path.trim_end_matches("/Cargo.toml");
        let name = folder.trim_start_matches("crates/").to_owned();
        let is_house = folder.starts_with("crates/");
        if !is_house && !BESIDE.contains(&folder) {
            return;
        }
        if is_house {
            self.check_form(manifest, &name);
        }
        if manifest.get("lints").and_then(|lints| lints.get("workspace")).is_none() {
            self.push("manifest", "", "no `[lints] workspace = true`: every crate has it");
        }
        for (dependency, kind) in dependencies(manifest) {
            self.check_ours(&name, &dependency, kind);
            self.check_theirs(&name, &dependency, kind);
        }
    }

    /// A crate of the house has a row, its folder's name, no features and no versions of its own.
    fn check_form(&mut self, manifest: &Table, name: &str) {
        if !ROWS.contains(&name) {
            self.push("layers", name, "a crate without a row: name it in xtask/src/tidy/layers.rs");
        }
        let wanted = if name == "server" { "tollgate".into() } else { format!("tollgate-{name}") };
        let package = manifest.get("package").and_then(|package| package.get("name"));
        if package.and_then(Value::as_str) != Some(wanted.as_str()) {
            self.push("layers", name, &format!("the package in this folder is called {wanted}"));
        }
        if manifest.contains_key("features") {
            let message = "a cargo feature would make two products of one; instead: a setting";
            self.push("features", name, message);
        }
        for (section, value) in sections(manifest) {
            for (dependency, wish) in value {
                if wish.get("workspace").and_then(Value::as_bool) != Some(true) {
                    let message = format!(
                        "{dependency} in [{section}] has a version of its own; instead: \
                         `{dependency}.workspace = true`"
                    );
                    self.push("manifest", dependency, &message);
                }
            }
        }
    }

    /// The workspace's versions: none open, none from a repository.
    fn check_versions(&mut self, manifest: &Table) {
        let listed = manifest
            .get("workspace")
            .and_then(|workspace| workspace.get("dependencies"))
            .and_then(Value::as_table);
        for (name, wish) in listed.into_iter().flatten() {
            let version = wish.as_str().or_else(|| wish.get("version").and_then(Value::as_str));
            if version == Some("*") || wish.get("git").is_some() {
                let message = format!("{name} comes from a released version, stated");
                self.push("manifest", name, &message);
            }
        }
    }

    fn check_ours(&mut self, name: &str, dependency: &str, kind: Kind) {
        let Some(wanted) = row_of(dependency) else { return };
        let row = |name: &str| ROWS.iter().position(|row| *row == name);
        let message = match (row(name), row(wanted)) {
            // A crate's own tests may open a store of their own; what ships may not.
            _ if wanted == "root" && kind == Kind::Development => return,
            _ if wanted == "root" && !ROOT_HOLDERS.contains(&name) => {
                "it would open the store and the vault: only vault, store, server and testkit may"
            }
            (_, None) => "this is not part of the house: move what is needed into a row",
            _ if wanted == "testkit" && name != "bench" => {
                if kind == Kind::Development {
                    return;
                }
                "the test kit is a dev-dependency only"
            }
            _ if DOORS.contains(&name) && DOORS.contains(&wanted) => {
                "doors never import doors: what both need belongs to edge or gate"
            }
            (Some(own), Some(other)) if other >= own => {
                "a row imports only rows above it: move what is needed up, or hand it in"
            }
            _ => return,
        };
        self.push("layers", wanted, &format!("{name} imports {wanted}; {message}"));
    }

    fn check_theirs(&mut self, name: &str, dependency: &str, kind: Kind) {
        // A crate's own tests may lock the database that they opened a store on.
        if dependency == "rusqlite" && name == "gate" && kind == Kind::Development {
            return;
        }
        for rule in &RULES {
            if rule.crates.contains(&dependency) && !rule.homes.contains(&name) {
                let message = format!("{name} imports {dependency}; instead: {}", rule.instead);
                self.push("layers", dependency, &message);
            }
        }
    }

    fn push(&mut self, rule: &'static str, subject: &str, message: &str) {
        let subject = if subject.is_empty() { "-" } else { subject };
        self.findings.push(Finding::new(rule, self.path, 1, message).about(subject));
    }
}

/// What a dependency is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Development,
}

/// The row that a package of ours belongs to; `None` for a package of others.
fn row_of(package: &str) -> Option<&str> {
    match package {
        "tollgate" => Some("server"),
        "xtask" => Some("xtask"),
        _ => package.strip_prefix("tollgate-"),
    }
}

/// All dependencies by the package's own name; as normal ones where they are that too.
fn dependencies(manifest: &Table) -> BTreeMap<String, Kind> {
    let mut all = BTreeMap::new();
    for (section, listed) in sections(manifest) {
        for (name, wish) in listed {
            let package = wish.get("package").and_then(Value::as_str).unwrap_or(name);
            let kind = all.entry(package.to_owned()).or_insert(Kind::Development);
            if !section.ends_with("dev-dependencies") {
                *kind = Kind::Normal;
            }
        }
    }
    all
}

/// The tables of dependencies, those for one target among them.
fn sections(manifest: &Table) -> Vec<(String, &Table)> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flatten();
    let for_targets = targets
        .filter_map(|(target, table)| Some((format!("target.{target}."), table.as_table()?)));
    std::iter::once((String::new(), manifest))
        .chain(for_targets)
        .flat_map(|(prefix, table)| {
            ["dependencies", "dev-dependencies", "build-dependencies"]
                .into_iter()
                .filter_map(|key| Some((key, table.get(key)?.as_table()?)))
                .map(move |(key, listed)| (format!("{prefix}{key}"), listed))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::rules;
    use anyhow::Result;

    /// The rules that a crate in this folder breaks with these lines of dependencies.
    fn with(folder: &str, lines: &str) -> Result<Vec<&'static str>> {
        let name = match folder {
            "crates/server" => "tollgate".to_owned(),
            _ => format!("tollgate-{}", folder.trim_start_matches("crates/")),
        };
        let text = format!(
            "[package]\nname = \"{name}\"\n[lints]\nworkspace = true\n[dependencies]\n{lines}"
        );
        rules(&[(&format!("{folder}/Cargo.toml"), &text)])
    }

    #[test]
    fn a_row_imports_only_rows_above_it() -> Result<()> {
        assert!(with("crates/gate", "tollgate-store.workspace = true")?.is_empty());
        assert_eq!(with("crates/store", "tollgate-gate.workspace = true")?, ["layers"]);
        assert_eq!(with("crates/kernel", "tollgate-protocol.workspace = true")?, ["layers"]);
        assert_eq!(with("crates/edge", "tollgate.workspace = true")?, ["layers"]);
        assert_eq!(with("crates/edge", "xtask.workspace = true")?, ["layers"]);
        let renamed = "gate = { workspace = true, package = \"tollgate-gate\" }";
        assert_eq!(with("crates/store", renamed)?, ["layers"]);
        let target = "[target.'cfg(unix)'.dependencies]\ntollgate-gate.workspace = true";
        assert_eq!(with("crates/store", target)?, ["layers"]);
        let tests = "[dev-dependencies]\ntollgate-gate.workspace = true";
        assert_eq!(with("crates/store", tests)?, ["layers"]);
        Ok(())
    }

    #[test]
    fn doors_never_import_doors() -> Result<()> {
        assert_eq!(with("crates/console", "tollgate-models.workspace = true")?, ["layers"]);
        assert!(with("crates/server", "tollgate-models.workspace = true")?.is_empty());
        Ok(())
    }

    #[test]
    fn only_four_crates_hold_the_root() -> Result<()> {
        let root = "tollgate-root.workspace = true";
        for folder in ["crates/vault", "crates/store", "crates/server", "crates/testkit"] {
            assert!(with(folder, root)?.is_empty(), "{folder}");
        }
        for folder in ["crates/gate", "crates/models", "bench"] {
            assert_eq!(with(folder, root)?, ["layers"], "{folder}");
        }
        Ok(())
    }

    #[test]
    fn the_test_kit_is_for_tests() -> Result<()> {
        let kit = "tollgate-testkit.workspace = true";
        assert_eq!(with("crates/server", kit)?, ["layers"]);
        assert!(with("crates/store", &format!("[dev-dependencies]\n{kit}"))?.is_empty());
        Ok(())
    }

    #[test]
    fn crates_of_others_have_their_rows() -> Result<()> {
        for (folder, name) in [
            ("crates/kernel", "tokio"),
            ("crates/protocol", "hyper"),
            ("crates/gate", "axum"),
            ("crates/models", "reqwest"),
            ("crates/gate", "sqlx"),
            ("crates/gate", "rusqlite"),
            ("crates/testkit", "redis"),
            ("crates/vault", "rand"),
            ("crates/vault", "ring"),
        ] {
            let line = format!("{name}.workspace = true");
            assert_eq!(with(folder, &line)?, ["layers"], "{name} in {folder}");
        }
        for (folder, name) in [
            ("crates/store", "sqlx"),
            ("crates/gate", "hyper-rustls"),
            ("crates/models", "axum"),
            ("crates/testkit", "reqwest"),
            ("bench", "hyper-rustls"),
        ] {
            let line = format!("{name}.workspace = true");
            assert!(with(folder, &line)?.is_empty(), "{name} in {folder}");
        }
        let tests = "[dev-dependencies]\nrusqlite.workspace = true";
        assert!(with("crates/gate", tests)?.is_empty());
        assert_eq!(with("crates/models", tests)?, ["layers"]);
        Ok(())
    }

    #[test]
    fn a_crate_of_the_house_has_the_form_of_the_house() -> Result<()> {
        assert_eq!(with("crates/gate", "bytes = \"1\"")?, ["manifest"]);
        assert_eq!(with("crates/gate", "[features]\nfast = []")?, ["features"]);
        assert_eq!(with("crates/other", "")?, ["layers"]);
        let nameless = "[package]\nname = \"gate\"\n[lints]\nworkspace = true";
        assert_eq!(rules(&[("crates/gate/Cargo.toml", nameless)])?, ["layers"]);
        let unlinted = "[package]\nname = \"tollgate-gate\"";
        assert_eq!(rules(&[("crates/gate/Cargo.toml", unlinted)])?, ["manifest"]);
        Ok(())
    }

    #[test]
    fn versions_are_stated() -> Result<()> {
        let of = |wish: &str| format!("[workspace.dependencies]\nbytes = {wish}");
        assert!(rules(&[("Cargo.toml", &of("\"1\""))])?.is_empty());
        assert_eq!(rules(&[("Cargo.toml", &of("\"*\""))])?, ["manifest"]);
        let git = of("{ git = \"https://example.org/bytes\" }");
        assert_eq!(rules(&[("Cargo.toml", &git)])?, ["manifest"]);
        Ok(())
    }
}
