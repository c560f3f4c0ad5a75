//! `cargo xtask run`: build the app and the release server with it, then become that server, so that signals and the
//! exit code are its own.
//!
//! Always true: what keeps the app from being built, as a machine without node, is said in a line and keeps the server from nothing.

use crate::step::{self, Failure, cargo, target};
use crate::web;
use std::process::Command;

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let mut build = cargo();
    build.args(["build", "--release", "--package", "dovetail-server"]);
    match web::app_where_possible() {
        Ok(app) => drop(build.env("DOVETAIL_APP", app)),
        Err(why) if web::is_app_built() => {
            eprintln!("xtask: {why}, so the server is built with the dashboard app as it lies there already");
        }
        Err(why) => eprintln!("xtask: {why}, so the server is built without the dashboard app"),
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
