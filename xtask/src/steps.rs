//! A list of named steps, timed, stopped at the first failure, summed up in a table.

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::postgres::Postgres;
use crate::process::{self, Tally};
use crate::setup::Found;

/// One step of a run.
pub(crate) struct Step {
    name: &'static str,
    action: Action,
}

enum Action {
    Call(fn(&mut Run<'_>) -> Result<()>),
    Tests { args: &'static [&'static str], postgres: bool },
}

impl Step {
    /// A step that is a function.
    pub(crate) const fn call(name: &'static str, run: fn(&mut Run<'_>) -> Result<()>) -> Self {
        Self { name, action: Action::Call(run) }
    }

    /// `cargo test` with these arguments.
    pub(crate) const fn tests(name: &'static str, args: &'static [&'static str]) -> Self {
        Self { name, action: Action::Tests { args, postgres: false } }
    }

    /// `cargo test` with these arguments and a throw-away PostgreSQL, whose address is in
    /// `TOLLGATE_TEST_POSTGRES`.
    pub(crate) const fn tests_on_postgres(
        name: &'static str,
        args: &'static [&'static str],
    ) -> Self {
        Self { name, action: Action::Tests { args, postgres: true } }
    }
}

/// What the steps of one run share.
pub(crate) struct Run<'a> {
    /// The workspace's root.
    pub(crate) root: &'a Path,
    /// Whether the lock file must stay as it is.
    pub(crate) locked: bool,
    /// What `setup` found, once it ran.
    pub(crate) found: Option<Found>,
    /// What the tests find in their environment besides.
    pub(crate) env: Vec<(&'static str, OsString)>,
    postgres: Option<Postgres>,
    tally: Tally,
}

impl<'a> Run<'a> {
    /// A run at `root`; `locked` forbids cargo to change the lock file.
    pub(crate) fn new(root: &'a Path, locked: bool) -> Self {
        Self { root, locked, found: None, env: Vec::new(), postgres: None, tally: Tally::default() }
    }

    /// Runs the steps in order and prints a table of them; then, where any tests ran, their sum in
    /// the words of `cargo test`, as the last line.
    ///
    /// # Errors
    /// The first step's that fails; the steps after it do not run.
    pub(crate) fn all(&mut self, steps: &[&[Step]]) -> Result<()> {
        let started = Instant::now();
        let mut rows = Vec::new();
        let mut outcome = Ok(());
        for step in steps.iter().copied().flatten() {
            eprintln!("\n── {}", step.name);
            let begun = Instant::now();
            let result = self.one(step).with_context(|| format!("step '{}' failed", step.name));
            rows.push((step.name, begun.elapsed(), result.is_ok()));
            if result.is_err() {
                outcome = result;
                break;
            }
        }
        let total = steps.iter().map(|part| part.len()).sum();
        print!("\n{}", table(&rows, total));
        if outcome.is_ok() {
            outcome = self.sum_up(started.elapsed());
        }
        outcome
    }

    fn one(&mut self, step: &Step) -> Result<()> {
        match step.action {
            Action::Call(run) => run(self),
            Action::Tests { args, postgres } => self.cargo_test(args, postgres),
        }
    }

    /// `cargo test` with these arguments; its tests count in this run's sum.
    pub(crate) fn cargo_test(&mut self, args: &[&str], postgres: bool) -> Result<()> {
        let mut command = process::cargo(self.root);
        command.arg("test").args(self.locked.then_some("--locked")).args(args);
        command.envs(self.env.iter().cloned());
        if let Some(found) = &self.found {
            command.env("TOLLGATE_TEST_NODE", &found.node);
            command.env("TOLLGATE_TEST_PYTHON", &found.python);
            command.env("TOLLGATE_TEST_PROVIDERS_PYTHON", &found.providers_python);
            command.env("TOLLGATE_TEST_CHROMIUM", &found.chromium);
        }
        if postgres {
            command.env("TOLLGATE_TEST_POSTGRES", self.postgres()?);
        }
        let tally = process::run_tests(&mut command)?;
        if tally.passed == 0 {
            bail!("no test ran: the step's arguments name none");
        }
        self.tally.add(tally);
        Ok(())
    }

    /// The address of this run's PostgreSQL, which is started when the first step asks for it.
    fn postgres(&mut self) -> Result<String> {
        if self.postgres.is_none() {
            let found = self.found.as_ref().context("setup comes before a step with PostgreSQL")?;
            self.postgres = Some(Postgres::start(&found.postgres_bin)?);
        }
        let server = self.postgres.as_ref().context("the server was just started")?;
        Ok(server.url())
    }

    fn sum_up(&self, took: Duration) -> Result<()> {
        let Tally { passed, failed, ignored } = self.tally;
        if ignored > 0 {
            bail!("{ignored} tests are ignored: mend or remove them, nothing is skipped here");
        }
        println!(
            "\ntest result: ok. {passed} passed; {failed} failed; {ignored} ignored; \
             0 measured; 0 filtered out; finished in {:.2}s",
            took.as_secs_f64()
        );
        Ok(())
    }
}

/// The table of what ran, and a line for what did not.
fn table(rows: &[(&str, Duration, bool)], total: usize) -> String {
    let mut text = format!("{:<32} {:>8}  result\n", "step", "seconds");
    for (name, took, ok) in rows {
        let result = if *ok { "ok" } else { "FAILED" };
        text.push_str(&format!("{name:<32} {:>8.1}  {result}\n", took.as_secs_f64()));
    }
    let left = total.saturating_sub(rows.len());
    if left > 0 {
        text.push_str(&format!("{left} further steps did not run\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn works(_: &mut Run<'_>) -> Result<()> {
        Ok(())
    }

    fn fails(_: &mut Run<'_>) -> Result<()> {
        bail!("as it was told")
    }

    fn must_not_run(run: &mut Run<'_>) -> Result<()> {
        run.tally.failed += 1;
        Ok(())
    }

    #[test]
    fn a_failing_step_stops_the_run_and_is_named() {
        let mut run = Run::new(Path::new("."), true);
        let steps = [
            Step::call("works", works),
            Step::call("fails", fails),
            Step::call("never", must_not_run),
        ];
        let text = match run.all(&[&steps]) {
            Ok(()) => String::new(),
            Err(error) => format!("{error:#}"),
        };
        assert_eq!(text, "step 'fails' failed: as it was told");
        assert_eq!(run.tally, Tally::default());
    }

    #[test]
    fn ignored_tests_fail_a_run() {
        let mut run = Run::new(Path::new("."), true);
        run.tally.ignored = 1;
        assert!(run.all(&[&[Step::call("works", works)]]).is_err());
    }

    #[test]
    fn the_table_says_what_did_not_run() {
        let rows =
            [("one", Duration::from_millis(1_250), true), ("two", Duration::from_secs(3), false)];
        let text = table(&rows, 4);
        assert!(text.contains("one                                   1.2  ok"), "{text}");
        assert!(text.contains("FAILED\n2 further steps did not run"), "{text}");
    }
}
