//! `cargo xtask bench`: the release server, the stock sync server and a bare relay under
//! the same workloads. Arguments go to the bench; `--help` lists them.

use crate::step::{self, Failure, cargo, target};
use crate::web;
use std::process::Command;

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
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
    bench.args(arguments).current_dir(step::root()).env("DOVETAIL_BIN", target().join("release/dovetail"));
    step::run(&mut bench)
}
