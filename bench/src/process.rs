//! What a process has used, as Linux tells it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

/// Clock ticks a second in `/proc`; Linux has the same on every machine it runs on.
const TICKS_PER_SECOND: u64 = 100;

/// A process to watch.
#[derive(Clone, Copy, Debug)]
pub struct Process(pub u32);

impl Process {
    /// The CPU time of all its threads so far, in user and kernel mode; in steps of 10 ms.
    pub fn cpu(self) -> anyhow::Result<Duration> {
        let text = self.read("stat")?;
        let ticks = cpu_ticks(&text).context("/proc/PID/stat has another form")?;
        Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
    }

    /// The same of those of its threads that have this name.
    pub fn cpu_of(self, thread: &str) -> anyhow::Result<Duration> {
        let mut ticks = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.0))? {
            // A thread that has ended meanwhile was none that works.
            let text = std::fs::read_to_string(task?.path().join("stat")).unwrap_or_default();
            if name(&text) == Some(thread) {
                ticks += cpu_ticks(&text).context("/proc/PID/task/TID/stat has another form")?;
            }
        }
        Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
    }

    /// Its resident memory now, in KiB.
    pub fn rss_kib(self) -> anyhow::Result<u64> {
        self.status("VmRSS:")
    }

    /// The most resident memory that it ever had, in KiB.
    pub fn peak_rss_kib(self) -> anyhow::Result<u64> {
        self.status("VmHWM:")
    }

    fn status(self, name: &str) -> anyhow::Result<u64> {
        let text = self.read("status")?;
        status_kib(&text, name).with_context(|| format!("/proc/PID/status has no {name}"))
    }

    fn read(self, file: &str) -> anyhow::Result<String> {
        let path = PathBuf::from(format!("/proc/{}/{file}", self.0));
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }
}

/// Field 2 of proc(5)'s stat, without its parentheses.
fn name(stat: &str) -> Option<&str> {
    Some(stat.split_once('(')?.1.rsplit_once(')')?.0)
}

/// Fields 14 and 15 of proc(5)'s stat; the second field may hold spaces and parentheses.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn status_kib(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_proc_are_found() {
        let stat = "12 (a b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 7 8";
        assert_eq!(cpu_ticks(stat), Some(300));
        assert_eq!(cpu_ticks("12 (x) S 1"), None);
        assert_eq!(name(stat), Some("a b) c"));
        let status = "Name:\tx\nVmHWM:\t  900 kB\nVmRSS:\t  123 kB\n";
        assert_eq!(status_kib(status, "VmRSS:"), Some(123));
        assert_eq!(status_kib(status, "VmHWM:"), Some(900));
    }

    #[test]
    fn this_process_has_used_something() -> anyhow::Result<()> {
        let me = Process(std::process::id());
        let before = me.cpu()?;
        let mut sum = 0_u64;
        while me.cpu()? < before + Duration::from_millis(20) {
            sum = (0..100_000_u64).fold(sum, |a, b| a.wrapping_mul(31).wrapping_add(b));
        }
        assert!(sum != 0 && me.rss_kib()? > 0 && me.peak_rss_kib()? >= me.rss_kib()? / 2);
        Ok(())
    }
}
