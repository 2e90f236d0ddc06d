//! The master key: from the configuration, or a file in the data folder that the first start makes.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use tollgate_kernel::Rng;
use tollgate_vault::MasterKey;

use crate::config::Config;
use crate::exit::Exit;

/// The file in the data folder.
const FILE: &str = "master.key";

/// The master key, and whether it was made just now.
pub(crate) fn load(config: &Config, rng: &dyn Rng) -> Result<(MasterKey, bool), Exit> {
    if let Some(key) = &config.master_key {
        return Ok((MasterKey::from_text(key.expose().trim())?, false));
    }
    let path = config.server.data_dir.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => {
            check_mode(&path)?;
            Ok((MasterKey::from_text(text.trim())?, false))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = MasterKey::generate(rng);
            write(&path, &key)?;
            Ok((key, true))
        }
        Err(error) => Err(Exit::io(format!("cannot read {}", path.display()), &error)),
    }
}

/// A key that others can read is no secret.
fn check_mode(path: &Path) -> Result<(), Exit> {
    let failed = |error| Exit::io(format!("cannot look at {}", path.display()), &error);
    let mode = fs::metadata(path).map_err(failed)?.mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Exit::config(format!(
        "{} can be read by others (mode {:o}); run: chmod 600 {}",
        path.display(),
        mode & 0o777,
        path.display()
    )))
}

fn write(path: &Path, key: &MasterKey) -> Result<(), Exit> {
    let failed = |error| Exit::io(format!("cannot write {}", path.display()), &error);
    if let Some(folder) = path.parent() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(failed)?;
    }
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(key.to_text().expose().as_bytes()).map_err(failed)?;
    file.write_all(b"\n").map_err(failed)?;
    file.sync_all().map_err(failed)
}
