//! From memory to standard error: a bounded buffer and a thread that writes it in batches, so that
//! a slow disk or terminal never holds a request up.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tollgate_kernel::Error;

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// One JSON object for each line.
    Json,
    /// For a terminal.
    Pretty {
        /// With colours; never the only sign of anything.
        colour: bool,
    },
}

/// Most that waits to be written, in bytes. Lines that come while it is full are counted and lost.
const CAPACITY: usize = 1024 * 1024;

/// How long lines are gathered before they are written.
const GATHER: Duration = Duration::from_millis(20);

/// Where the request lines go. Clones share one buffer and one thread.
#[derive(Clone)]
pub struct RequestLog {
    shared: Arc<Shared>,
    style: Style,
}

struct Shared {
    waiting: Mutex<Waiting>,
    news: Condvar,
    written: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    lost: u64,
    /// The thread has taken lines that it has not written yet.
    writing: bool,
    flush: bool,
    closed: bool,
}

impl RequestLog {
    /// Starts the thread that writes to `sink`. Error: no thread could be started.
    pub fn start(sink: impl Write + Send + 'static, style: Style) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            waiting: Mutex::new(Waiting::default()),
            news: Condvar::new(),
            written: Condvar::new(),
        });
        let log = Self { shared: Arc::clone(&shared), style };
        thread::Builder::new()
            .name("request-log".to_owned())
            .spawn(move || drain(&shared, sink))
            .map_err(Error::internal)?;
        Ok(log)
    }

    /// How lines look.
    pub fn style(&self) -> Style {
        self.style
    }

    /// Adds one line, its end included. Never waits for the writing.
    pub fn push(&self, line: &[u8]) {
        let mut waiting = self.shared.lock();
        if waiting.closed || waiting.bytes.len() + line.len() > CAPACITY {
            waiting.lost += 1;
            return;
        }
        let was_empty = waiting.bytes.is_empty();
        waiting.bytes.extend_from_slice(line);
        drop(waiting);
        // The thread gathers by itself once it is awake: one call of it is enough.
        if was_empty {
            self.shared.news.notify_one();
        }
    }

    /// Returns when all that was pushed before is written.
    pub fn flush(&self) {
        let mut waiting = self.shared.lock();
        waiting.flush = true;
        self.shared.news.notify_one();
        while (waiting.writing || !waiting.bytes.is_empty()) && !waiting.closed {
            waiting = self.shared.written.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Writes what is left and ends the thread. Lines that come later are lost.
    pub fn close(&self) {
        self.flush();
        self.shared.lock().closed = true;
        self.shared.news.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines, lets more of them gather, and takes them all. `None` at the end.
    fn take(&self, batch: &mut Vec<u8>) -> Option<u64> {
        let mut waiting = self.lock();
        while waiting.bytes.is_empty() && waiting.lost == 0 {
            if waiting.closed {
                return None;
            }
            waiting.flush = false;
            waiting = self.news.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if !waiting.flush {
            let hurry = |waiting: &mut Waiting| !waiting.flush && !waiting.closed;
            let gathered = self.news.wait_timeout_while(waiting, GATHER, hurry);
            waiting = gathered.map_or_else(|poisoned| poisoned.into_inner().0, |(guard, _)| guard);
        }
        std::mem::swap(&mut waiting.bytes, batch);
        waiting.writing = true;
        Some(std::mem::take(&mut waiting.lost))
    }
}

fn drain(shared: &Shared, mut sink: impl Write) {
    let mut batch = Vec::new();
    while let Some(lost) = shared.take(&mut batch) {
        if lost > 0 {
            let lines =
                format!("{{\"level\":\"warn\",\"event\":\"log_lines_lost\",\"count\":{lost}}}\n");
            batch.extend_from_slice(lines.as_bytes());
        }
        // Nobody is left to be told when standard error itself is gone.
        let _ = sink.write_all(&batch).and_then(|()| sink.flush());
        batch.clear();
        shared.lock().writing = false;
        shared.written.notify_all();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
pub(crate) mod tests {
    use super::*;

    /// A sink that tests read.
    #[derive(Clone, Default)]
    pub(crate) struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Paper {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_come_out_in_order() {
        let paper = Paper::default();
        let log = RequestLog::start(paper.clone(), Style::Json).unwrap();
        for i in 0..1_000 {
            log.push(format!("{i}\n").as_bytes());
        }
        log.close();
        let expected: String = (0..1_000).map(|i| format!("{i}\n")).collect();
        assert_eq!(paper.text(), expected);
    }

    #[test]
    fn lines_that_do_not_fit_are_counted_and_reported() {
        let (release, gate) = std::sync::mpsc::channel::<()>();
        let paper = Paper::default();
        let log = RequestLog::start(Stuck(gate, paper.clone()), Style::Json).unwrap();
        let line = vec![b'x'; CAPACITY / 2];
        log.push(b"first\n");
        // The thread is stuck with what it took; more than fits is lost and never waited for.
        for _ in 0..10 {
            log.push(&line);
        }
        drop(release);
        log.close();
        let text = paper.text();
        let report = text.split("\"count\":").nth(1).unwrap();
        let lost: u64 = report.split('}').next().unwrap().parse().unwrap();
        assert!((6..=9).contains(&lost), "{lost}");
    }

    /// Writes nothing until the other end of its channel is dropped.
    struct Stuck(std::sync::mpsc::Receiver<()>, Paper);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.recv();
            self.1.write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}
