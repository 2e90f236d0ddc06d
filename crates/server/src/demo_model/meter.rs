//! The demo model's own meter: what it used and wrote, call by call, whatever became of the answer.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// A finished or cut call: a line of the meter file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The id of the answer.
    pub id: String,
    /// The model that was asked for.
    pub model: String,
    /// The request's `safety_identifier`, else its `user`.
    pub subject: Option<String>,
    /// The status of the answer; 0 where there was none.
    pub status: u16,
    /// Tokens of the input that the model took in, 0 for refused requests.
    pub input_tokens: u64,
    /// Tokens of the output whose bytes the operating system took for sending.
    pub output_tokens: u64,
    /// Whether the usage was sent too.
    pub reported: bool,
    /// Whether the call ended before its answer was sent whole.
    pub cut: bool,
}

/// What all calls came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Calls that are under way: while there are any, the other figures still grow.
    pub open: u64,
    /// Calls that are over, cut ones among them.
    pub finished: u64,
    /// Calls that ended before their answer was sent whole.
    pub cut: u64,
    /// Tokens of input.
    pub input_tokens: u64,
    /// Tokens of output.
    pub output_tokens: u64,
    /// Requests that followed a redirect, which a gateway must never do.
    pub redirects_followed: u64,
}

/// Reads a meter file; a last line that is not whole yet is left out.
pub fn read(path: &Path) -> io::Result<Vec<Line>> {
    let text = std::fs::read_to_string(path)?;
    let whole = text.rfind('\n').and_then(|end| text.get(..end)).unwrap_or_default();
    whole.lines().map(|line| serde_json::from_str(line).map_err(io::Error::from)).collect()
}

/// The meter.
pub(super) struct Meter {
    totals: Mutex<Totals>,
    file: Option<File>,
    calls: AtomicU64,
}

impl Meter {
    /// A meter that adds a line to `file` for each call, if there is one.
    pub(super) fn new(file: Option<&Path>) -> io::Result<Arc<Self>> {
        let open = |path| File::options().create(true).append(true).open(path);
        let file = file.map(open).transpose()?;
        Ok(Arc::new(Self { totals: Mutex::default(), file, calls: AtomicU64::new(0) }))
    }

    /// A call begins; it is over when the value is dropped.
    pub(super) fn open(self: &Arc<Self>, kind: &str, model: &str) -> Call {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        self.change(|totals| totals.open += 1);
        let line = Line {
            id: format!("{kind}-demo{number:012}"),
            model: model.to_owned(),
            cut: true,
            ..Line::default()
        };
        Call { line, meter: self.clone() }
    }

    /// What all calls came to so far.
    pub(super) fn totals(&self) -> Totals {
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn redirect_followed(&self) {
        self.change(|totals| totals.redirects_followed += 1);
    }

    fn change(&self, change: impl FnOnce(&mut Totals)) {
        change(&mut self.totals.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// One write for each line, so that lines stay whole and outlive the process.
    fn write(&self, line: &Line) -> io::Result<()> {
        let Some(mut file) = self.file.as_ref() else { return Ok(()) };
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        file.write_all(&text)
    }
}

/// A call under way.
pub(super) struct Call {
    /// What it comes to so far.
    pub(super) line: Line,
    meter: Arc<Meter>,
}

impl Drop for Call {
    fn drop(&mut self) {
        let line = &self.line;
        if let Err(error) = self.meter.write(line) {
            tracing::error!(%error, "the demo model's meter file cannot be written");
        }
        self.meter.change(|totals| {
            totals.open -= 1;
            totals.finished += 1;
            totals.cut += u64::from(line.cut);
            totals.input_tokens += line.input_tokens;
            totals.output_tokens += line.output_tokens;
        });
    }
}
