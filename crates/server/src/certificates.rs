//! The files of `[tls]`: read at start, and again when they change.

use std::convert::Infallible;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use tollgate_edge::Tls;
use tollgate_kernel::Secret;
use tracing::{error, info};

use crate::config::Certificate;
use crate::exit::Exit;

/// How often the files are looked at. Whoever renews certificates need not tell the server.
const LOOK: Duration = Duration::from_secs(2);

/// The files of certificates, and the TLS that serves what they hold.
pub struct CertificateFiles {
    files: Vec<Certificate>,
    tls: Tls,
    /// What tells that a file is another than it was.
    seen: Vec<Stamp>,
}

/// Device, inode, length, and when it was last changed, in seconds and nanoseconds: the file with
/// its owner and mode, so that one that could not be read is tried again when it can.
type Stamp = (u64, u64, u64, i64, i64);

impl CertificateFiles {
    /// Reads them; `None` where there are none. An error names the file.
    pub fn read(files: &[Certificate]) -> Result<Option<Self>, Exit> {
        if files.is_empty() {
            return Ok(None);
        }
        // Before they are read: what changes meanwhile is found at the next look.
        let seen = stamps(files)?;
        let tls = Tls::new(&certificates(files)?).map_err(|error| bad(&error, files))?;
        Ok(Some(Self { files: files.to_vec(), tls, seen }))
    }

    /// What a listener needs.
    pub fn tls(&self) -> Tls {
        self.tls.clone()
    }

    /// Takes what the files hold whenever they have changed, for ever.
    pub async fn watch(mut self) -> Infallible {
        loop {
            tokio::time::sleep(LOOK).await;
            // A file that is away for a moment is being replaced.
            if let Ok(seen) = stamps(&self.files)
                && seen != self.seen
            {
                self.seen = seen;
                self.take();
            }
        }
    }

    /// What cannot be used is said, and what served before goes on serving: a certificate and its
    /// key are seldom replaced in the same moment.
    fn take(&self) {
        let taken = certificates(&self.files).and_then(|certificates| {
            self.tls.replace(&certificates).map_err(|error| bad(&error, &self.files))
        });
        match taken {
            Ok(()) => info!("the certificates were read anew"),
            Err(why) => error!("new certificates are not used, those before are: {why}"),
        }
    }
}

fn stamps(files: &[Certificate]) -> Result<Vec<Stamp>, Exit> {
    let paths = files.iter().flat_map(|file| [&file.cert, &file.key]);
    let stamp =
        |file: Metadata| (file.dev(), file.ino(), file.len(), file.ctime(), file.ctime_nsec());
    paths.map(|path| path.metadata().map(stamp).map_err(|error| unread(path, &error))).collect()
}

fn certificates(files: &[Certificate]) -> Result<Vec<tollgate_edge::Certificate>, Exit> {
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| unread(path, &error));
    let pairs = files.iter().map(|file| {
        let (chain, key) = (read(&file.cert)?, Secret::new(read(&file.key)?));
        Ok(tollgate_edge::Certificate { chain, key })
    });
    pairs.collect()
}

fn unread(path: &Path, error: &std::io::Error) -> Exit {
    Exit::io(format!("cannot read {}", path.display()), error)
}

/// The certificates are counted from 0, as in `tls.certificates[0]`.
fn bad(error: &tollgate_kernel::Error, files: &[Certificate]) -> Exit {
    let files = files.iter().map(|file| file.cert.display().to_string());
    let files = files.collect::<Vec<_>>().join(", ");
    Exit::config(format!("[tls] {} (the certificates are {files})", error.detail()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_whose_mode_is_set_right_afterwards_is_looked_at_again() {
        let folder = tempfile::tempdir().unwrap();
        let [cert, key] = ["c.pem", "k.pem"].map(|name| folder.path().join(name));
        for file in [&cert, &key] {
            std::fs::write(file, "text").unwrap();
        }
        let files = [Certificate { cert, key: key.clone() }];
        let before = stamps(&files).ok().unwrap();
        assert_eq!(stamps(&files).ok().unwrap(), before);
        // The clock of a file system has steps.
        while stamps(&files).ok().unwrap() == before {
            std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        }
    }
}
