//! `dovetail config`: what the server would do, as a configuration file.

use super::{Failure, arguments, print};
use crate::config::Origin;
use clap::ArgMatches;

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let config = arguments::config(matches)?;
    let width = config.origins.iter().map(|origin| origin.name.len() + origin.toml.len()).max().unwrap_or(0);
    let text: String = config.origins.iter().map(|origin| line(origin, width)).collect();
    print(text.as_bytes())
}

/// `ping_interval = "20s"   # default`
fn line(origin: &Origin, width: usize) -> String {
    let gap = width - origin.name.len() - origin.toml.len();
    format!("{} = {}{:gap$}  # {}\n", origin.name, origin.toml, "", origin.source)
}
