//! Files and the disk that they are on.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use tollgate_kernel::Clock;
use tollgate_vault::MasterKey;

use super::Found;
use crate::config::Config;

/// Below this much free space a server is about to stop.
const SPACE_NEEDED: u64 = 100 * 1024 * 1024;

/// Below this much it is time to make room.
const SPACE_WISHED: u64 = 1024 * 1024 * 1024;

/// How often the disk is asked to keep something, to know how long that takes.
const SYNCS: usize = 9;

/// Above this a call waits noticeably for its journal.
const SLOW: Duration = Duration::from_millis(10);

/// A file that holds secrets is for its owner alone.
pub(super) fn configuration_file(file: Option<&Path>, config: &Config) -> Found {
    const CHECK: &str = "configuration_file";
    let Some(file) = file else { return Found::good(CHECK, "there is none") };
    let mode = match fs::metadata(file) {
        Ok(metadata) => metadata.mode(),
        Err(error) => return Found::bad(CHECK, told(file, &error), "let this user read it"),
    };
    let holds = config.shown().iter().find(|shown| shown.is_secret_in_file());
    match holds {
        Some(secret) if mode & 0o077 != 0 => Found::bad(
            CHECK,
            format!("it holds {} and can be read by others (mode {:o})", secret.path, mode & 0o777),
            format!("chmod 600 {}, or name a file or a variable there instead", file.display()),
        ),
        Some(_) => Found::good(CHECK, "it holds secrets, for its owner alone"),
        None => Found::good(CHECK, "it holds no secret"),
    }
}

/// The data folder is there for this user alone.
pub(super) fn data_folder(folder: &Path) -> Found {
    const CHECK: &str = "data_folder";
    let metadata = match fs::metadata(folder) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let what = format!("{} is not there yet: the first start makes it", folder.display());
            return Found::good(CHECK, what);
        }
        Err(error) => return Found::bad(CHECK, told(folder, &error), "let this user go there"),
    };
    if !metadata.is_dir() {
        let what = format!("{} is no folder", folder.display());
        return Found::bad(CHECK, what, "name another with server.data_dir");
    }
    if let Err(error) = tempfile::tempfile_in(folder) {
        let advice = format!("give it to the user who runs the server: chown {}", folder.display());
        return Found::bad(CHECK, format!("cannot write there: {error}"), advice);
    }
    others(CHECK, folder, &metadata, "700")
        .unwrap_or_else(|| Found::good(CHECK, format!("{} is ours alone", folder.display())))
}

/// The master key is there, a key, and readable by its owner alone.
pub(super) fn master_key(config: &Config) -> Found {
    const CHECK: &str = "master_key";
    let no_key = |why: &str| {
        Found::bad(CHECK, format!("the master key is none: {why}"), "restore it from its copy")
    };
    if let Some(key) = &config.master_key {
        return match MasterKey::from_text(key.expose().trim()) {
            Ok(_) => Found::good(CHECK, "the configuration names one"),
            Err(error) => no_key(error.detail()),
        };
    }
    let path = config.server.data_dir.join("master.key");
    let has_state =
        config.store_url.is_some() || config.server.data_dir.join("tollgate.db").exists();
    match fs::read_to_string(&path) {
        Ok(text) => {
            if let Err(error) = MasterKey::from_text(text.trim()) {
                return no_key(error.detail());
            }
            let open = fs::metadata(&path).ok().and_then(|it| others(CHECK, &path, &it, "600"));
            open.unwrap_or_else(|| {
                Found::good(CHECK, "it is in the data folder: keep a copy elsewhere")
            })
        }
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Found::bad(CHECK, told(&path, &error), "let this user read it")
        }
        Err(_) if has_state => Found::bad(
            CHECK,
            format!("{} is gone, and what it sealed is in the store", path.display()),
            "restore it from its copy: without it no provider's key can be opened",
        ),
        Err(_) => Found::good(CHECK, "there is none yet: the first start makes it"),
    }
}

/// There is room for what is to come.
pub(super) fn disk_space(folder: &Path) -> Found {
    match rustix::fs::statvfs(nearest(folder)) {
        Ok(disk) => space(disk.f_bavail.saturating_mul(disk.f_frsize)),
        Err(error) => Found::bad("disk_space", error.to_string(), "look at the data folder's disk"),
    }
}

/// What `free` bytes mean.
pub(super) fn space(free: u64) -> Found {
    const CHECK: &str = "disk_space";
    let what = format!("{} MiB are free", free / 1024 / 1024);
    let advice = "make room: a server that cannot write refuses calls";
    if free < SPACE_NEEDED {
        Found::bad(CHECK, what, advice)
    } else if free < SPACE_WISHED {
        Found::warning(CHECK, what, advice)
    } else {
        Found::good(CHECK, what)
    }
}

/// The disk keeps what it is told to keep, soon enough.
pub(super) fn disk_speed(folder: &Path, clock: &dyn Clock) -> Found {
    match sync_time(nearest(folder), clock) {
        Ok(took) => speed(took),
        Err(error) => {
            let advice = "look at the data folder's disk";
            Found::bad("disk_speed", format!("nothing can be kept there: {error}"), advice)
        }
    }
}

/// What it means that the disk takes this long to keep something.
pub(super) fn speed(took: Duration) -> Found {
    const CHECK: &str = "disk_speed";
    let what = format!("a write is durable after {:.1} ms", took.as_secs_f64() * 1e3);
    if took <= SLOW {
        return Found::good(CHECK, what);
    }
    let advice = "each call waits for its journal: put the data folder on a faster disk";
    Found::warning(CHECK, what, advice)
}

/// The median of some small writes.
fn sync_time(folder: &Path, clock: &dyn Clock) -> std::io::Result<Duration> {
    let place = tempfile::Builder::new().prefix(".doctor").tempfile_in(folder)?;
    let mut file = OpenOptions::new().append(true).open(place.path())?;
    let mut took = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let began = clock.elapsed();
        file.write_all(&[0; 512])?;
        file.sync_data()?;
        took.push(clock.elapsed().saturating_sub(began));
    }
    took.sort();
    Ok(took.get(SYNCS / 2).copied().unwrap_or_default())
}

/// The folder, or the nearest one above it that is there.
fn nearest(folder: &Path) -> &Path {
    folder.ancestors().find(|it| it.is_dir()).unwrap_or_else(|| Path::new("."))
}

/// What is wrong where others than its owner can come at `path`.
fn others(check: &'static str, path: &Path, metadata: &Metadata, mode: &str) -> Option<Found> {
    (metadata.mode() & 0o077 != 0).then(|| {
        let found = metadata.mode() & 0o777;
        let what = format!("others can come at {} (mode {found:o})", path.display());
        Found::bad(check, what, format!("chmod {mode} {}", path.display()))
    })
}

fn told(path: &Path, error: &std::io::Error) -> String {
    format!("cannot look at {}: {error}", path.display())
}
