//! The machine that measures.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tollgate_bench::rounds::Spread;

/// Facts that the figures depend on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    memory_mib: u64,
    kernel: String,
    /// Processes that wanted a core in the last minute, before the run began.
    load: String,
    /// Microseconds from a write of 4 KiB to its being on the disk (fdatasync).
    fsync_us: Option<Spread>,
}

impl Machine {
    /// Looks around; `folder` is on the disk that the data folders are on.
    pub(crate) fn look(folder: &Path) -> Result<Self> {
        let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kib: u64 = field(&memory, "MemTotal").and_then(first_number).unwrap_or(0);
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Ok(Self {
            processor: field(&processors, "model name").unwrap_or("unknown").to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            memory_mib: kib / 1_024,
            kernel: kernel.trim().to_owned(),
            load: load.split(' ').next().unwrap_or_default().to_owned(),
            fsync_us: fsync(folder)?,
        })
    }

    /// What stays as it is, as a list.
    pub(crate) fn told(&self) -> String {
        let Self { processor, cores, memory_mib, kernel, .. } = self;
        format!("- {processor}, {cores} cores, {memory_mib} MiB of memory, Linux {kernel}\n")
    }

    /// How the machine was when a run began: the median of its fdatasync in µs, and its load.
    pub(crate) fn moment(&self) -> String {
        let fsync = self.fsync_us.map_or_else(|| "–".to_owned(), |us| format!("{:.0}", us.median));
        format!("{fsync} µs, {}", self.load)
    }
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim())
}

fn first_number(text: &str) -> Option<u64> {
    text.split(' ').next()?.parse().ok()
}

/// How long a write takes to be durable.
fn fsync(folder: &Path) -> Result<Option<Spread>> {
    const TIMES: usize = 200;
    let path = folder.join("fsync");
    let mut file = std::fs::File::create(&path)?;
    let mut took = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let begun = Instant::now();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&[0x5a; 4_096])?;
        file.sync_data()?;
        took.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    drop(file);
    std::fs::remove_file(&path)?;
    Ok(Spread::of(&took))
}
