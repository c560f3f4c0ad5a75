//! Where `dovetail import` and `dovetail export` find documents: with a running server, or
//! in a data directory that no server holds.

use super::remote::{DEFAULT_URL, Remote};
use super::{Failure, explained};
use crate::config::{Config, Given, Source};
use crate::server::Server;
use clap::{Arg, ArgMatches};
use std::path::Path;

const SERVER: &str = "server";
const SERVER_VARIABLE: &str = "DOVETAIL_SERVER";
const DATA_DIR: &str = "data-dir";

/// One of the two.
pub(super) enum Place {
    Remote(Remote),
    Directory(String),
}

/// The flags that name it.
pub(super) fn arguments() -> [Arg; 2] {
    let server = Arg::new(SERVER).long(SERVER).value_name("URL").conflicts_with(DATA_DIR);
    let server_help = format!("A running server [default: {SERVER_VARIABLE} or {DEFAULT_URL}]");
    let directory = Arg::new(DATA_DIR).long(DATA_DIR).value_name("DIR");
    [server.help(server_help), directory.help("A data directory that no server holds")]
}

impl Place {
    pub(super) fn of(matches: &ArgMatches) -> Result<Self, Failure> {
        if let Some(directory) = matches.get_one::<String>(DATA_DIR) {
            return Ok(Self::Directory(directory.clone()));
        }
        let given =
            matches.get_one::<String>(SERVER).cloned().or_else(|| std::env::var(SERVER_VARIABLE).ok());
        Ok(Self::Remote(Remote::parse(given.as_deref().unwrap_or(DEFAULT_URL))?))
    }
}

/// The documents in a directory. Close what this gives.
pub(super) async fn open(directory: &str) -> Result<Server, Failure> {
    let source = Source::Flag { flag: format!("--{DATA_DIR}") };
    let config = Config::assemble([Given { name: "data_dir", text: directory.to_owned(), source }])?;
    Server::open(config).await.map_err(|error| Failure::Failed(explained(&error)))
}

/// The same, when there are any: who wants to read is not helped by a new, empty directory.
pub(super) async fn open_existing(directory: &str) -> Result<Server, Failure> {
    if !Path::new(directory).is_dir() {
        return Err(Failure::Failed(format!("there is no data directory {directory}")));
    }
    open(directory).await
}
