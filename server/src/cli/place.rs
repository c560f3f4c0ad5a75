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
const TOKEN: &str = "token";
const TOKEN_VARIABLE: &str = "DOVETAIL_TOKEN";

/// One of the two.
pub(super) enum Place {
    Remote(Remote),
    Directory(String),
}

/// The flags that name it.
pub(super) fn arguments() -> [Arg; 3] {
    let server = Arg::new(SERVER).long(SERVER).value_name("URL").conflicts_with(DATA_DIR);
    let server_help = format!("A running server [default: {SERVER_VARIABLE} or {DEFAULT_URL}]");
    let directory = Arg::new(DATA_DIR).long(DATA_DIR).value_name("DIR");
    let token = Arg::new(TOKEN).long(TOKEN).value_name("TOKEN").conflicts_with(DATA_DIR);
    let token_help = format!(
        "Says to the server who you are; {TOKEN_VARIABLE} does too, which others on the machine do not see"
    );
    [
        server.help(server_help),
        directory.help("A data directory that no server holds"),
        token.help(token_help),
    ]
}

impl Place {
    pub(super) fn of(matches: &ArgMatches) -> Result<Self, Failure> {
        if let Some(directory) = matches.get_one::<String>(DATA_DIR) {
            return Ok(Self::Directory(directory.clone()));
        }
        let given = |flag, variable| {
            matches.get_one::<String>(flag).cloned().or_else(|| std::env::var(variable).ok())
        };
        let remote = Remote::parse(given(SERVER, SERVER_VARIABLE).as_deref().unwrap_or(DEFAULT_URL))?;
        Ok(Self::Remote(match given(TOKEN, TOKEN_VARIABLE).filter(|token| !token.is_empty()) {
            Some(token) => remote.with_token(&token)?,
            None => remote,
        }))
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
