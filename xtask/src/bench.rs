//! `cargo xtask bench`: the release server, the stock sync server and a bare relay under the same workloads; with `--web` the app in
//! a browser, on the release server. Other arguments go to the bench; `--help` lists them.

use crate::step::{self, Failure, cargo, root, target};
use crate::web;
use std::process::Command;

/// What turns it into the bench of the app.
const WEB: &str = "--web";

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let (web, others): (Vec<&String>, Vec<&String>) = arguments.iter().partition(|argument| *argument == WEB);
    if web.is_empty() { servers(&others) } else { app(&others) }
}

fn servers(arguments: &[&String]) -> Result<(), Failure> {
    web::node_and_npm()?;
    web::stock_packages()?;
    step::run(cargo().args([
        "build",
        "--release",
        "--package",
        "dovetail-server",
        "--package",
        "dovetail-bench",
    ]))?;
    let mut bench = Command::new(target().join("release/dovetail-bench"));
    bench.args(arguments).current_dir(root()).env("DOVETAIL_BIN", server());
    step::run(&mut bench)
}

/// The app, as the server carries it.
fn app(arguments: &[&String]) -> Result<(), Failure> {
    web::node_and_npm()?;
    web::chromium()?;
    web::own_packages()?;
    web::stock_packages()?;
    let app = web::app()?;
    let mut build = cargo();
    build.args(["build", "--release", "--package", "dovetail-server"]).env("DOVETAIL_APP", app);
    step::run(&mut build)?;
    let mut bench = Command::new("node");
    bench.arg(root().join("tests/browser/bench.mjs")).args(arguments);
    step::run(bench.current_dir(root()).env("DOVETAIL_BIN", server()))
}

fn server() -> std::path::PathBuf {
    target().join("release/dovetail")
}
