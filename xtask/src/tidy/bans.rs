//! Words and paths that may stand in certain places only, or nowhere.

use super::Finding;
use super::tokens::{Source, Token, after_group};

/// The one file that reads the machine's clocks.
const CLOCK: &str = "crates/kernel/src/clock.rs";

/// What measures or drives real processes, and so needs real time and its own HTTP client.
const TOOLS: [&str; 3] = ["bench", "xtask", "testkit"];

/// Types that can change behind a shared reference.
const INTERIOR: [&str; 10] = [
    "Mutex",
    "RwLock",
    "RefCell",
    "Cell",
    "OnceLock",
    "OnceCell",
    "UnsafeCell",
    "ArcSwap",
    "DashMap",
    "Cache",
];

/// Which code a ban is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Production,
    TestsToo,
}

/// A row of tokens that is banned outside its homes.
struct Ban {
    rule: &'static str,
    row: &'static [&'static str],
    reach: Reach,
    /// Crates that may.
    homes: &'static [&'static str],
    instead: &'static str,
}

const BANS: [Ban; 16] = [
    Ban {
        rule: "unsafe",
        row: &["unsafe"],
        reach: Reach::TestsToo,
        homes: &[],
        instead: "a safe crate that does it; this project has no unsafe code",
    },
    Ban {
        rule: "global-state",
        row: &["static", "mut"],
        reach: Reach::TestsToo,
        homes: &[],
        instead: "a field of what `server` wires together, handed in",
    },
    Ban {
        rule: "global-state",
        row: &["thread_local", "!"],
        reach: Reach::Production,
        homes: &[],
        instead: "a field of what `server` wires together, handed in",
    },
    unwrap(&[".", "unwrap", "("]),
    unwrap(&[".", "unwrap_err", "("]),
    unwrap(&[".", "expect", "(", "\""]),
    unwrap(&[".", "expect", "(", "&", "format"]),
    randomness(&["thread_rng"]),
    randomness(&["rand", "::"]),
    randomness(&["OsRng"]),
    randomness(&["SystemRandom"]),
    randomness(&["fastrand", "::"]),
    Ban {
        rule: "ignored-test",
        row: &["#", "[", "ignore"],
        reach: Reach::TestsToo,
        homes: &[],
        instead: "a test target with `test = false` and a step in `cargo xtask test`",
    },
    client(&["reqwest", "::"], &["gate", "bench", "xtask", "testkit"]),
    client(&["hyper_util", "::", "client"], &["gate", "bench", "xtask", "testkit"]),
    // The command line speaks HTTP over the socket in the data folder.
    client(&["hyper", "::", "client"], &["gate", "server", "bench", "xtask", "testkit"]),
];

const fn unwrap(row: &'static [&'static str]) -> Ban {
    let instead = "`?` with an error that says what is wrong, or a match";
    Ban { rule: "unwrap", row, reach: Reach::Production, homes: &[], instead }
}

/// The vault has the one source of random bytes that are secret.
const fn randomness(row: &'static [&'static str]) -> Ban {
    let instead = "the injected kernel::Rng, so that tests repeat";
    Ban { rule: "randomness", row, reach: Reach::TestsToo, homes: &["vault", "bench"], instead }
}

const fn client(row: &'static [&'static str], homes: &'static [&'static str]) -> Ban {
    let instead = "a verb of the gate, which guards every outbound byte";
    Ban { rule: "http-client", row, reach: Reach::Production, homes, instead }
}

/// What of `source` stands where it may not.
pub(super) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for ban in BANS.iter().filter(|ban| !ban.homes.contains(&source.home())) {
        let tokens = match ban.reach {
            Reach::Production => &source.production,
            Reach::TestsToo => &source.all,
        };
        let found = (0..tokens.len()).filter(|at| stands_at(tokens, *at, ban.row));
        let message = format!("`{}` here; instead: {}", ban.row.concat(), ban.instead);
        findings.extend(found.filter_map(|at| {
            let line = tokens.get(at)?.line;
            Some(Finding::new(ban.rule, &source.path, line, message.clone()))
        }));
    }
    findings.extend(allow_attributes(source));
    findings.extend(clocks(source));
    findings.extend(shared_statics(source));
    findings
}

/// Whether `row` begins at `at`. Its last element may also stand first in one of the branches of an
/// import: `a::{b, c}` holds `a::c`. A quote stands for any string.
fn stands_at(tokens: &[Token], at: usize, row: &[&str]) -> bool {
    let same = |token: &Token, wanted: &str| match wanted {
        "\"" => token.text.starts_with(['"', 'r']) && token.text.ends_with(['"', '#']),
        _ => token.text == wanted,
    };
    let Some(begin) = tokens.get(at..) else { return false };
    let begins = |row: &[&str]| {
        begin.len() >= row.len() && begin.iter().zip(row).all(|(token, want)| same(token, want))
    };
    if begins(row) {
        return true;
    }
    let [path @ .., last] = row else { return false };
    let group = at + path.len();
    path.last() == Some(&"::")
        && begins(path)
        && tokens.get(group).is_some_and(|token| token.text == "{")
        && branches(tokens, group).any(|token| token.text == *last)
}

/// The first token of each branch of the import group that opens at `open`.
fn branches(tokens: &[Token], open: usize) -> impl Iterator<Item = &Token> {
    let inside = tokens.get(open..after_group(tokens, open)).unwrap_or(&[]);
    let mut depth = 0_usize;
    inside.windows(2).filter_map(move |pair| {
        let [before, token] = pair else { return None };
        match before.text.as_str() {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        (depth == 1 && ["{", ","].contains(&before.text.as_str())).then_some(token)
    })
}

/// `#[allow(…)]` outlives its reason in silence; `#[expect(…)]` does not.
fn allow_attributes(source: &Source) -> Vec<Finding> {
    let tokens = &source.all;
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.text == text);
    let mut findings = Vec::new();
    for at in 0..tokens.len() {
        let open = if is(at + 1, "!") { at + 2 } else { at + 1 };
        if !is(at, "#") || !is(open, "[") {
            continue;
        }
        let end = after_group(tokens, open);
        let found = (open..end).find(|inner| is(*inner, "allow") && is(inner + 1, "("));
        if let Some(token) = found.and_then(|at| tokens.get(at)) {
            let message = "`#[allow(` here; instead: mend it, or `#[expect(…, reason = \"…\")]`";
            findings.push(Finding::new("allow", &source.path, token.line, message));
        }
    }
    findings
}

/// `Instant::now`, `SystemTime::now`, `Zoned::now` and whatever else reads a clock.
fn clocks(source: &Source) -> Vec<Finding> {
    if source.path == CLOCK || TOOLS.contains(&source.home()) {
        return Vec::new();
    }
    let reads = |row: &[Token]| match row {
        [kind, path, now] => {
            let of_a_type = kind.text.starts_with(|c: char| c.is_ascii_uppercase());
            path.text == "::" && now.text == "now" && of_a_type && !kind.text.ends_with("Clock")
        }
        _ => false,
    };
    let found = source.production.windows(3).filter(|row| reads(row));
    found
        .filter_map(|row| {
            let kind = row.first()?;
            let message = format!(
                "`{}::now` here; instead: the injected kernel::Clock, `now` for times of day, \
                 `elapsed` for time-outs and rates",
                kind.text
            );
            Some(Finding::new("clock", &source.path, kind.line, message))
        })
        .collect()
}

/// Statics that can change: `static A: Mutex<…>`, atomics, cells.
fn shared_statics(source: &Source) -> Vec<Finding> {
    let tokens = &source.production;
    let changes =
        |token: &Token| INTERIOR.contains(&token.text.as_str()) || token.text.starts_with("Atomic");
    let mut findings = Vec::new();
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.text == "static") {
        let declared = tokens.iter().skip(at).take_while(|t| t.text != "=" && t.text != ";");
        if declared.clone().any(|t| t.text == ":") && declared.clone().any(changes) {
            let message = "a static that changes; instead: a field of what `server` wires \
                           together, handed in";
            findings.push(Finding::new("global-state", &source.path, token.line, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tests::rules;
    use anyhow::Result;

    fn in_gate(text: &str) -> Result<Vec<&'static str>> {
        rules(&[("crates/gate/src/a.rs", text)])
    }

    fn in_edge(text: &str) -> Result<Vec<&'static str>> {
        rules(&[("crates/edge/src/a.rs", text)])
    }

    #[test]
    fn unsafe_and_allow_are_found_in_tests_too() -> Result<()> {
        assert_eq!(in_gate("#[cfg(test)] mod tests { unsafe fn a() {} }")?, ["unsafe"]);
        assert_eq!(in_gate("#[allow(dead_code)] fn a() {}")?, ["allow"]);
        assert_eq!(in_gate("#![allow(dead_code)]")?, ["allow"]);
        assert_eq!(in_gate("#[cfg_attr(test, allow(dead_code))] fn a() {}")?, ["allow"]);
        assert!(
            in_gate("fn a(g: &Gate) { g.allow(1); allow(2); } // unsafe #[allow(x)]")?.is_empty()
        );
        assert!(in_gate("const A: &str = \"unsafe .unwrap() Instant::now\";")?.is_empty());
        Ok(())
    }

    #[test]
    fn ignored_tests_are_found() -> Result<()> {
        assert_eq!(in_gate("#[test] #[ignore = \"slow\"] fn a() {}")?, ["ignored-test"]);
        Ok(())
    }

    #[test]
    fn unwrap_is_found_outside_tests() -> Result<()> {
        assert_eq!(in_gate("fn a() { b.unwrap(); }")?, ["unwrap"]);
        assert_eq!(in_gate("fn a() { b.expect(\"c\"); }")?, ["unwrap"]);
        assert_eq!(in_gate("fn a() { vec![b.unwrap()]; }")?, ["unwrap"]);
        assert!(in_gate("#[test] fn a() { b.unwrap(); }")?.is_empty());
        assert!(in_gate("fn a() { b.unwrap_or(1); parser.expect(b'x'); }")?.is_empty());
        assert!(rules(&[("crates/gate/tests/it/a.rs", "fn a() { b.unwrap(); }")])?.is_empty());
        Ok(())
    }

    #[test]
    fn clocks_are_read_in_one_file() -> Result<()> {
        for text in [
            "fn a() { std::time::Instant::now(); }",
            "fn a() { SystemTime::now(); }",
            "fn a() { jiff::Zoned::now(); }",
            "fn a() { b.unwrap_or_else(Timestamp::now); }",
        ] {
            assert_eq!(in_gate(text)?, ["clock"], "{text}");
            assert!(rules(&[("crates/kernel/src/clock.rs", text)])?.is_empty());
            assert!(rules(&[("bench/src/a.rs", text)])?.is_empty());
        }
        assert!(in_gate("fn a() { self.clock.now(); Clock::now(&c); }")?.is_empty());
        Ok(())
    }

    #[test]
    fn randomness_is_handed_in() -> Result<()> {
        assert_eq!(in_gate("fn a() { rand::random(); }")?, ["randomness"]);
        assert_eq!(in_gate("fn a() { thread_rng(); }")?, ["randomness"]);
        let source = "use aws_lc_rs::rand::SystemRandom;";
        assert_eq!(in_gate(source)?, ["randomness", "randomness"]);
        assert!(rules(&[("crates/vault/src/rng.rs", source)])?.is_empty());
        assert!(in_gate("use rand_core::RngCore;")?.is_empty());
        Ok(())
    }

    #[test]
    fn http_clients_live_in_the_gate() -> Result<()> {
        for text in [
            "use reqwest::Client;",
            "use hyper_util::client::legacy::Client;",
            "use hyper_util::{rt::TokioIo, client::legacy::Client};",
            "use hyper::{body::{Body, Frame}, client};",
        ] {
            assert!(in_gate(text)?.is_empty(), "{text}");
            assert_eq!(in_edge(text)?, ["http-client"], "{text}");
        }
        assert!(in_edge("use hyper_util::{server::conn, rt::{client}};")?.is_empty());
        Ok(())
    }

    #[test]
    fn statics_that_change_are_found() -> Result<()> {
        for text in [
            "static A: Mutex<u8> = Mutex::new(1);",
            "static A: LazyLock<RwLock<u8>> = LazyLock::new(f);",
            "static A: AtomicU64 = AtomicU64::new(1);",
            "static mut A: u8 = 1;",
            "thread_local! { static A: u8 = 1; }",
        ] {
            assert_eq!(in_gate(text)?, ["global-state"], "{text}");
        }
        assert!(in_gate("static A: &'static str = \"a\"; fn a(_: &'static mut u8) {}")?.is_empty());
        Ok(())
    }
}
