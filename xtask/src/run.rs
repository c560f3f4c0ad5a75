//! `cargo xtask run`: build the release server, then become it, so that signals and the
//! exit code are its own.

use crate::step::{self, Failure, cargo, target};
use std::process::Command;

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    step::run(cargo().args(["build", "--release", "--package", "dovetail-server"]))?;
    let mut server = Command::new(target().join("release/dovetail"));
    server.args(arguments);
    become_it(&mut server)
}

#[cfg(unix)]
fn become_it(server: &mut Command) -> Result<(), Failure> {
    use std::os::unix::process::CommandExt;
    // Comes back only when it could not.
    Err(format!("cannot start the server: {}", server.exec()))
}

#[cfg(not(unix))]
fn become_it(server: &mut Command) -> Result<(), Failure> {
    step::run(server)
}
