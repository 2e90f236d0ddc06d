//! What people and scripts see: data on stdout, talk on stderr, and a question where it matters.

use std::io::{self, BufRead, ErrorKind, IsTerminal, Write};

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};

use crate::cli::args::Global;
use crate::exit::Exit;

/// How wide a terminal is that does not say.
const USUAL_WIDTH: u16 = 80;

/// Where answers go, and in which form.
pub(super) struct Screen {
    /// The API's JSON, untouched.
    pub(super) json: bool,
    /// Ids and secrets alone.
    pub(super) quiet: bool,
    /// Whether the answer to every question is yes.
    pub(super) yes: bool,
    /// How wide the terminal is; `None`: stdout is none.
    pub(super) width: Option<u16>,
    /// Whether somebody is there to be asked.
    pub(super) attended: bool,
    /// Stdin.
    pub(super) input: Box<dyn BufRead>,
    /// Stdout.
    pub(super) out: Box<dyn Write>,
    /// Stderr.
    pub(super) talk: Box<dyn Write>,
}

/// A table under construction.
pub(super) struct Sheet {
    table: Table,
}

impl Screen {
    /// Stdin, stdout and stderr, as `global` wants them.
    pub(super) fn of_process(global: &Global) -> Self {
        let width = || Table::new().width().unwrap_or(USUAL_WIDTH);
        Self {
            json: global.json,
            quiet: global.quiet,
            yes: global.yes,
            width: io::stdout().is_terminal().then(width),
            attended: io::stdin().is_terminal() && io::stderr().is_terminal(),
            input: Box::new(io::BufReader::new(io::stdin())),
            out: Box::new(io::stdout()),
            talk: Box::new(io::stderr()),
        }
    }

    /// Tells people something; programs do not want to hear it.
    pub(super) fn say(&mut self, line: &str) {
        if !self.quiet {
            // Whoever closed stderr does not want the talk, but may want the data.
            drop(writeln!(self.talk, "{}", plain(line)));
        }
    }

    /// Prints a line of data.
    pub(super) fn line(&mut self, text: &str) -> Result<(), Exit> {
        self.raw(plain(text).as_bytes())
    }

    /// Prints data as it is, and ends the line.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> Result<(), Exit> {
        let end: &[u8] = if bytes.ends_with(b"\n") { b"" } else { b"\n" };
        let written = self.out.write_all(bytes).and_then(|()| self.out.write_all(end));
        match written.and_then(|()| self.out.flush()) {
            Ok(()) => Ok(()),
            // A reader like `head` has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Exit::io("the answer cannot be written", &error)),
        }
    }

    /// Prints a table.
    pub(super) fn sheet(&mut self, sheet: Sheet) -> Result<(), Exit> {
        let mut table = sheet.table;
        if let Some(width) = self.width {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        let mut text = String::new();
        for line in table.lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        self.raw(text.as_bytes())
    }

    /// Says what will happen and asks; without a terminal `--yes` must have been given.
    pub(super) fn confirm(&mut self, what: &str) -> Result<(), Exit> {
        if self.yes {
            return Ok(());
        }
        if !self.attended {
            return Err(Exit::usage(format!("{} Give --yes to do it.", plain(what))));
        }
        drop(write!(self.talk, "{} Go on? [y/N] ", plain(what)).and_then(|()| self.talk.flush()));
        let mut answer = String::new();
        let read = self.input.read_line(&mut answer);
        read.map_err(|error| Exit::io("the answer cannot be read", &error))?;
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(Exit::run_time("nothing was changed")),
        }
    }
}

impl Sheet {
    /// A table with these titles; the numbers of a column are aligned to the right where `true`
    /// stands.
    pub(super) fn new(titles: &[(&str, bool)]) -> Self {
        let mut table = bare();
        table.set_header(titles.iter().map(|(title, _)| title.to_uppercase()));
        let last = titles.len().saturating_sub(1);
        for (at, (_, right)) in titles.iter().enumerate() {
            let Some(column) = table.column_mut(at) else { continue };
            column.set_padding((0, if at == last { 0 } else { 2 }));
            if *right {
                column.set_cell_alignment(CellAlignment::Right);
            }
            // What people copy, and figures, stay on one line however narrow the terminal is.
            if at == 0 || *right {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        Self { table }
    }

    /// Names on the left, values on the right.
    pub(super) fn pairs(pairs: Vec<(String, String)>) -> Self {
        let mut table = bare();
        for (name, value) in pairs {
            table.add_row([plain(&name), plain(&value)]);
        }
        for (at, right) in [(0, 2), (1, 0)] {
            if let Some(column) = table.column_mut(at) {
                column.set_padding((0, right));
            }
        }
        Self { table }
    }

    /// One more row.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.table.add_row(cells.iter().map(|cell| plain(cell)));
    }
}

/// A table without borders.
fn bare() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// A text that cannot move the cursor, change colours or turn what follows around: names come from
/// people whom the reader need not trust.
pub(super) fn plain(text: &str) -> String {
    let visible = |c: char| {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}')
            || matches!(c, '\u{2066}'..='\u{2069}');
        if c.is_control() || turns { '\u{fffd}' } else { c }
    };
    text.chars().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn names_cannot_drive_the_terminal() {
        let name = "a\u{1b}[31mred\u{7}\r\nb\u{202e}c\u{9b}2J";
        assert_eq!(plain(name), "a\u{fffd}[31mred\u{fffd}\u{fffd}\u{fffd}b\u{fffd}c\u{fffd}2J");
        assert_eq!(plain("Zoë 📦 – ok"), "Zoë 📦 – ok");
    }
}
