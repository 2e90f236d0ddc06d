//! What the server says of itself, as JSON in the form of the request lines: `time` and a
//! lower-case `level` first, then `message` and what belongs to it. See `docs/reference/log.md`.

use std::fmt;
use std::sync::Arc;

use tollgate_edge::quoted;
use tollgate_kernel::Clock;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes each event as one JSON object in a line of its own.
pub(crate) struct JsonLines {
    /// Tells the `time`.
    pub(crate) clock: Arc<dyn Clock>,
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let (time, level) = (self.clock.now().rfc3339(), level(*metadata.level()));
        let mut line = Line(format!(r#"{{"time":"{time}","level":"{level}""#));
        event.record(&mut line);
        line.text("target", metadata.target());
        line.0.push_str("}\n");
        writer.write_str(&line.0)
    }
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// The line so far. An event's fields become members, each after a comma.
struct Line(String);

impl Line {
    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        quoted(value, &mut self.0);
    }

    /// A member whose value is JSON as it is printed.
    fn plain(&mut self, name: &str, value: impl fmt::Display) {
        self.name(name);
        self.0.push_str(&value.to_string());
    }

    fn name(&mut self, name: &str) {
        self.0.push(',');
        quoted(name, &mut self.0);
        self.0.push(':');
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field.name(), &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field.name(), value);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io::Write;
    use std::sync::{Mutex, PoisonError};

    use serde_json::Value;
    use tollgate_kernel::{ManualClock, Timestamp};

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn k9_a_line_of_the_server_is_one_line_in_the_form_of_a_request_line() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_000)));
        let paper = Paper::default();
        let copy = paper.clone();
        let lines = tracing_subscriber::fmt().event_format(JsonLines { clock });
        let lines = lines.with_max_level(Level::TRACE).with_writer(move || copy.clone()).finish();
        let hostile = "a\r\n{\"level\":\"info\"}\u{1b}[2J\u{9b}31m\u{202e}\u{2028}";
        tracing::subscriber::with_default(lines, || {
            tracing::warn!(upstream = %hostile, calls = 3, cause = None::<&str>, "it {hostile}");
            tracing::error!("gone");
            tracing::info!(is_late = true, "stopped");
            tracing::debug!(text = "x", "debug");
        });

        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        assert!(!text.chars().any(|c| "\r\u{1b}\u{9b}\u{202e}\u{2028}".contains(c)), "{text:?}");
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let levels: Vec<_> = lines.iter().map(|line| line["level"].as_str().unwrap()).collect();
        assert_eq!(levels, ["warn", "error", "info", "debug"]);
        let first = serde_json::json!({
            "time": "2027-01-15T08:00:00Z",
            "level": "warn",
            "message": format!("it {hostile}"),
            "upstream": hostile,
            "calls": 3,
            "target": "tollgate_server::own_log::tests",
        });
        assert_eq!(lines[0], first);
        assert_eq!((&lines[2]["is_late"], &lines[3]["text"]), (&true.into(), &"x".into()));
    }
}
