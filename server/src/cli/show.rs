//! `dovetail config`: what the server would do, as a configuration file.

use super::{Failure, arguments};
use crate::config::Origin;
use clap::ArgMatches;
use std::io::Write;

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let config = arguments::config(matches)?;
    let width = config.origins.iter().map(|origin| origin.name.len() + origin.toml.len()).max().unwrap_or(0);
    let text: String = config.origins.iter().map(|origin| line(origin, width)).collect();
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Failure::Failed(format!("cannot write: {error}")))
}

/// `ping_interval = "20s"   # default`
fn line(origin: &Origin, width: usize) -> String {
    let gap = width - origin.name.len() - origin.toml.len();
    format!("{} = {}{:gap$}  # {}\n", origin.name, origin.toml, "", origin.source)
}
