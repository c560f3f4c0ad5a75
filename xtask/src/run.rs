//! `cargo xtask run`: build the app and the release server with it, then become that server, so that signals and the
//! exit code are its own.

use crate::step::{self, Failure, cargo, target};
use crate::web;
use std::process::Command;

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let mut build = cargo();
    build.args(["build", "--release", "--package", "dovetail-server"]);
    if web::has_node() {
        web::own_packages()?;
        build.env("DOVETAIL_APP", web::app()?);
    } else {
        eprintln!("xtask: node and npm are not here, so the server is built without the dashboard app");
    }
    step::run(&mut build)?;
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
