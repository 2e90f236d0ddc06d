//! What was measured: kept as JSON, shown as a table.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tollgate_bench::rounds::Spread;

use crate::machine::Machine;

/// One line of the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    /// The case, as it is named on the command line.
    pub(crate) case: String,
    /// What is measured.
    pub(crate) what: String,
    /// The most that it may be; none where the figure is only printed.
    pub(crate) bar: Option<f64>,
    /// What the figures count: `×`, `ms`, `MiB`, `µs`.
    pub(crate) unit: String,
    /// What was found; none where it could not be measured.
    pub(crate) found: Option<Spread>,
    /// How often it was measured.
    pub(crate) rounds: usize,
    /// The figures behind it, or why it was not measured.
    pub(crate) note: String,
    /// When, in UTC.
    pub(crate) at: String,
    /// How the machine was then.
    #[serde(default)]
    pub(crate) machine: String,
}

impl Row {
    /// A figure of `case` with a bar.
    pub(crate) fn new(case: &str, what: &str, (bar, unit): (f64, &str), found: Spread) -> Self {
        let mut row = Self::shown(case, what, unit, found);
        row.bar = Some(bar);
        row
    }

    /// A figure of `case` that no bar is about.
    pub(crate) fn shown(case: &str, what: &str, unit: &str, found: Spread) -> Self {
        Self {
            case: case.to_owned(),
            what: what.to_owned(),
            bar: None,
            unit: unit.to_owned(),
            found: Some(found),
            rounds: 1,
            note: String::new(),
            at: now(),
            machine: String::new(),
        }
    }

    /// What could not be measured, and why.
    pub(crate) fn not_measured(
        case: &str,
        what: &str,
        (bar, unit): (f64, &str),
        why: &str,
    ) -> Self {
        Self {
            case: case.to_owned(),
            what: what.to_owned(),
            bar: Some(bar),
            unit: unit.to_owned(),
            found: None,
            rounds: 0,
            note: why.to_owned(),
            at: now(),
            machine: String::new(),
        }
    }

    /// The same with the number of rounds and the figures behind it.
    pub(crate) fn with(mut self, rounds: usize, note: impl Into<String>) -> Self {
        self.rounds = rounds;
        self.note = note.into();
        self
    }

    fn verdict(&self) -> &'static str {
        match (self.found, self.bar) {
            (None, _) => "not measured",
            (Some(_), None) => "shown",
            (Some(found), Some(bar)) if found.median <= bar => "ok",
            (Some(_), Some(_)) => "**missed**",
        }
    }

    /// The quartiles; one sample has none.
    fn spread(&self) -> String {
        let found = self.found.filter(|_| self.rounds > 1);
        found.map_or_else(|| "–".to_owned(), |f| format!("{} to {}", number(f.low), number(f.high)))
    }

    fn bar_text(&self) -> String {
        self.bar.map_or_else(|| "–".to_owned(), |bar| format!("≤ {} {}", number(bar), self.unit))
    }

    /// One line for people who wait.
    pub(crate) fn told(&self) -> String {
        let median = self.found.map_or_else(|| "–".to_owned(), |f| number(f.median));
        let (spread, bar) = (self.spread(), self.bar_text());
        format!(
            "{}: {}: {median} ({spread}) {} (bar {bar}) {} · {}",
            self.case,
            self.what,
            self.unit,
            self.verdict(),
            self.note
        )
    }

    fn line(&self) -> String {
        let median =
            self.found.map_or_else(|| "–".to_owned(), |f| format!("**{}**", number(f.median)));
        format!(
            "| `{}` | {} | {} | {median} {} | {} | {} | {} | {} | {} |",
            self.case,
            self.what,
            self.bar_text(),
            if self.found.is_some() { &self.unit } else { "" },
            self.spread(),
            self.rounds,
            self.verdict(),
            self.note,
            self.machine,
        )
    }
}

/// Three figures.
fn number(figure: f64) -> String {
    match figure.abs() {
        size if size >= 100.0 => format!("{figure:.0}"),
        size if size >= 10.0 => format!("{figure:.1}"),
        size if size >= 1.0 => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

fn now() -> String {
    let text = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M").to_string();
    format!("{text} UTC")
}

/// All lines so far, and the machine of the last run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    machine: Machine,
    rows: Vec<Row>,
}

impl Report {
    /// The report at `path`, or an empty one.
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Puts the lines of one case in the place of its earlier ones.
    pub(crate) fn put(&mut self, machine: &Machine, case: &str, mut rows: Vec<Row>) {
        self.machine = machine.clone();
        rows.iter_mut().for_each(|row| row.machine = machine.moment());
        self.rows.retain(|row| row.case != case);
        self.rows.extend(rows);
    }

    /// Writes it as JSON and as a table, in the order of `cases`.
    pub(crate) fn write(&mut self, json: &Path, table: &Path, cases: &[&str]) -> Result<()> {
        let place = |row: &Row| cases.iter().position(|case| *case == row.case);
        self.rows.sort_by_key(place);
        for (path, text) in
            [(json, format!("{}\n", serde_json::to_string_pretty(self)?)), (table, self.table())]
        {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(path, text).with_context(|| format!("cannot write {path:?}"))?;
        }
        Ok(())
    }

    fn table(&self) -> String {
        let mut text = include_str!("head.md").to_owned();
        text.push_str(&self.machine.told());
        text.push_str(
            "\n| case | what | bar | median | quartiles | rounds | verdict | figures behind it | \
             fdatasync, load |\n|---|---|---|---|---|---|---|---|---|\n",
        );
        for row in &self.rows {
            text.push_str(&row.line());
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.times());
        text
    }

    /// When the lines were measured.
    fn times(&self) -> String {
        let mut times: Vec<&str> = self.rows.iter().map(|row| row.at.as_str()).collect();
        times.sort_unstable();
        match (times.first(), times.last()) {
            (Some(first), Some(last)) if first != last => {
                format!("Measured from {first} to {last}.\n")
            }
            (Some(only), _) => format!("Measured at {only}.\n"),
            _ => String::new(),
        }
    }
}
