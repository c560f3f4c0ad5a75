//! What comes from npm and what is made with it: node itself, the packages, the dashboard app, and Chromium for its tests.
//!
//! Always true: packages are exactly those of the lock files, and none of their install scripts runs. The app is built anew
//! only when something that it is made of has changed. There are two installs: the workspace in the root, and `tests/web`, whose four
//! versions of the stock packages must not be mixed with ours.

use crate::installed::{apt, is_there};
use crate::step::{self, Failure, npm, output, root};
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

/// The oldest node that the packages run on.
const NODE_MAJOR_LEAST: u32 = 20;

/// The app, below the root.
const APP: &str = "examples/dashboard";

/// What the app is made of, below the root.
const APP_IS_MADE_OF: [&str; 7] = [
    "client-sdk/web/client/package.json",
    "client-sdk/web/client/src",
    "client-sdk/web/react/package.json",
    "client-sdk/web/react/src",
    APP,
    "package-lock.json",
    "tsconfig.json",
];

/// Where Debian puts Chromium, and what else it may be called.
const CHROMIUM: [&str; 2] = ["chromium", "google-chrome"];

/// Makes sure that there is node and npm: installs Debian's where we may, says how otherwise.
pub(crate) fn node_and_npm() -> Result<(), Failure> {
    if !has_node() {
        apt(&["nodejs", "npm"], "node and npm are needed for the web tests")?;
    }
    check_version()
}

/// Whether there is node, with npm.
fn has_node() -> bool {
    is_there("node") && is_there("npm")
}

fn check_version() -> Result<(), Failure> {
    let version = output("node", &["--version"]).unwrap_or_default();
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(major) if major >= NODE_MAJOR_LEAST => Ok(()),
        _ => Err(format!("node {NODE_MAJOR_LEAST} or newer is needed, this is {version:?}")),
    }
}

/// Makes sure that there is a Chromium: that of `CHROMIUM`, an installed one, or Debian's.
pub(crate) fn chromium() -> Result<(), Failure> {
    if std::env::var_os("CHROMIUM").is_some() || CHROMIUM.iter().any(|name| is_there(name)) {
        return Ok(());
    }
    let why = "Chromium is needed for the browser tests (or name one in CHROMIUM)";
    apt(&["chromium", "fonts-dejavu-core"], why)
}

/// The packages of `tests/web`: stock clients.
pub(crate) fn stock_packages() -> Result<(), Failure> {
    packages("tests/web")
}

/// The packages of our own.
pub(crate) fn own_packages() -> Result<(), Failure> {
    packages("")
}

/// Installs the packages of a folder unless those of its very lock file are there.
fn packages(folder: &str) -> Result<(), Failure> {
    let folder = root().join(folder);
    let lock = folder.join("package-lock.json");
    let wanted = fs::read(&lock).map_err(|error| format!("cannot read {}: {error}", lock.display()))?;
    // `npm ci` removes it with everything else.
    let stamp = folder.join("node_modules/.installed-lock.json");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        eprintln!("xtask: the npm packages are those of {}", lock.display());
        return Ok(());
    }
    step::run(npm(&folder).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))?;
    fs::write(&stamp, wanted).map_err(|error| format!("cannot write {}: {error}", stamp.display()))
}

/// Builds the app with what is here already; installs nothing but packages. Why not, where it cannot be.
pub(crate) fn app_where_possible() -> Result<String, Failure> {
    if !has_node() {
        return Err("node and npm are not here".to_owned());
    }
    check_version()?;
    own_packages()?;
    app()
}

/// Whether an app lies where the server takes it from, made now or before.
pub(crate) fn is_app_built() -> bool {
    root().join(APP).join("dist/index.html").is_file()
}

/// Builds the dashboard app into `examples/dashboard/dist`, compressed as it is sent, unless what is there was made of the same.
/// Its name changes with what it is made of, so that the server's build notices.
pub(crate) fn app() -> Result<String, Failure> {
    let made_of = format!("{:016x}", fingerprint()?);
    let stamp = root().join(APP).join("dist/.made-of");
    if fs::read_to_string(&stamp).is_ok_and(|built| built == made_of) {
        eprintln!("xtask: the app is built already");
        return Ok(made_of);
    }
    let app = root().join(APP);
    step::run(npm(&app).args(["run", "--silent", "build"]))?;
    step::run(npm(&app).args(["run", "--silent", "compress"]))?;
    fs::write(&stamp, &made_of).map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    Ok(made_of)
}

/// Of every file that the app is made of: its name and what is in it.
fn fingerprint() -> Result<u64, Failure> {
    let mut files = Vec::new();
    for part in APP_IS_MADE_OF {
        collect(&root().join(part), &mut files)?;
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.strip_prefix(root()).unwrap_or(&file).hash(&mut hasher);
        fs::read(&file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?
            .hash(&mut hasher);
    }
    Ok(hasher.finish())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let skipped = ["dist", "node_modules", "test"];
    if path.file_name().is_some_and(|name| skipped.iter().any(|skip| name == *skip)) {
        return Ok(());
    }
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    let unread = |error| format!("cannot read {}: {error}", path.display());
    for entry in fs::read_dir(path).map_err(unread)? {
        collect(&entry.map_err(unread)?.path(), files)?;
    }
    Ok(())
}
