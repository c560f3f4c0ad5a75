//! Programs of others that the tests need: whether they are there, and Debian's where we may install them.

use crate::step::{self, Failure, output};
use std::process::Command;

/// What shows whether a commit reaches the disk. Its test says that it was skipped where this is missing.
pub(crate) fn tracer() {
    if !is_there("strace")
        && let Err(why) = apt(&["strace"], "strace is needed to see what reaches the disk")
    {
        eprintln!("xtask: {why}");
    }
}

/// Whether there is a program of this name that tells its version.
pub(crate) fn is_there(program: &str) -> bool {
    output(program, &["--version"]).is_some()
}

/// Installs Debian's packages, where we may.
pub(crate) fn apt(packages: &[&str], needed: &str) -> Result<(), Failure> {
    let how = format!("{needed}: install it (Debian: `apt-get install {}`)", packages.join(" "));
    let is_root = output("id", &["-u"]).as_deref() == Some("0");
    if !is_root || !is_there("apt-get") {
        return Err(how);
    }
    // Another process may hold apt's lock for a while.
    let waiting = ["-o", "DPkg::Lock::Timeout=300", "-qq"];
    step::run(Command::new("apt-get").args(waiting).arg("update"))?;
    let mut install = Command::new("apt-get");
    install
        .args(waiting)
        .args(["install", "-y", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive");
    step::run(&mut install).map_err(|failed| format!("{failed}; {how}"))
}
