//! What comes from npm: node itself, and the packages of `tests/web`.
//!
//! Always true: packages are exactly those of the lock file, and none of their install
//! scripts runs.

use crate::step::{self, Failure, npm, output, root};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The oldest node that the test peers run on.
const NODE_MAJOR_LEAST: u32 = 20;

/// Makes sure that there is node and npm: installs Debian's where we may, says how otherwise.
pub(crate) fn node_and_npm() -> Result<(), Failure> {
    if !is_there("node") || !is_there("npm") {
        install()?;
    }
    let version = output("node", &["--version"]).unwrap_or_default();
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(major) if major >= NODE_MAJOR_LEAST => Ok(()),
        _ => Err(format!(
            "node {NODE_MAJOR_LEAST} or newer is needed, this is {version:?}: see https://nodejs.org"
        )),
    }
}

/// Installs the packages of `tests/web` unless those of this very lock file are there.
pub(crate) fn packages() -> Result<(), Failure> {
    let lock = root().join("tests/web/package-lock.json");
    let wanted = fs::read(&lock).map_err(|error| format!("cannot read {}: {error}", lock.display()))?;
    if fs::read(stamp()).is_ok_and(|installed| installed == wanted) {
        eprintln!("xtask: the npm packages are those of package-lock.json");
        return Ok(());
    }
    step::run(npm().args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))?;
    fs::write(stamp(), wanted).map_err(|error| format!("cannot write {}: {error}", stamp().display()))
}

/// A copy of the lock file that was installed. `npm ci` removes it with everything else.
fn stamp() -> PathBuf {
    root().join("tests/web/node_modules/.installed-lock.json")
}

fn is_there(program: &str) -> bool {
    output(program, &["--version"]).is_some()
}

fn install() -> Result<(), Failure> {
    let how =
        "node and npm are needed for the web tests: install them (Debian: `apt-get install nodejs npm`)";
    let is_root = output("id", &["-u"]).as_deref() == Some("0");
    if !is_root || !is_there("apt-get") {
        return Err(how.to_owned());
    }
    step::run(Command::new("apt-get").args(["update", "-qq"]))?;
    let mut apt = Command::new("apt-get");
    apt.args(["install", "-qq", "-y", "--no-install-recommends", "nodejs", "npm"])
        .env("DEBIAN_FRONTEND", "noninteractive");
    step::run(&mut apt).map_err(|failed| format!("{failed}; {how}"))
}
