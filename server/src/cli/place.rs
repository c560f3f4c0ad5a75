//! Where commands find documents: with a running server, or in a data directory that no server holds.
//!
//! Always true: a server is asked with the request layer of `dovetail-client` and nothing else, and a token is in no text that is told.

use super::{Failure, explained};
use crate::config::{Config, Given, Source};
use crate::server::Server;
use clap::{Arg, ArgMatches};
use dovetail_client::{Api, ApiError, BeginError, Client, StartError};
use std::path::Path;

/// Where a server listens when nobody says otherwise.
const DEFAULT_URL: &str = "http://127.0.0.1:3000";

const SERVER: &str = "server";
const SERVER_VARIABLE: &str = "DOVETAIL_SERVER";
const DATA_DIR: &str = "data-dir";
const TOKEN: &str = "token";
const TOKEN_VARIABLE: &str = "DOVETAIL_TOKEN";

/// One of the two.
pub(super) enum Place {
    Remote(Api),
    Directory(String),
}

/// The flags that name a place.
pub(super) fn arguments() -> [Arg; 3] {
    let [server, token] = server_arguments();
    let directory = Arg::new(DATA_DIR).long(DATA_DIR).value_name("DIR");
    [
        server.conflicts_with(DATA_DIR),
        directory.help("A data directory that no server holds"),
        token.conflicts_with(DATA_DIR),
    ]
}

/// The flags that name a server.
pub(super) fn server_arguments() -> [Arg; 2] {
    let server = Arg::new(SERVER).long(SERVER).value_name("URL");
    let server_help = format!("A running server [default: {SERVER_VARIABLE} or {DEFAULT_URL}]");
    let token = Arg::new(TOKEN).long(TOKEN).value_name("TOKEN");
    let token_help = format!(
        "Says to the server who you are; {TOKEN_VARIABLE} does too, which others on the machine do not see"
    );
    [server.help(server_help), token.help(token_help)]
}

/// The server that is named, by flags or by the environment.
pub(super) struct Named {
    url: String,
    token: Option<String>,
}

impl Named {
    pub(super) fn of(matches: &ArgMatches) -> Self {
        let given = |flag, variable| {
            let flag = matches.get_one::<String>(flag).cloned();
            flag.or_else(|| std::env::var(variable).ok()).filter(|text| !text.trim().is_empty())
        };
        let url = given(SERVER, SERVER_VARIABLE).unwrap_or_else(|| DEFAULT_URL.to_owned());
        Self { url, token: given(TOKEN, TOKEN_VARIABLE) }
    }

    /// For one request after the other.
    pub(super) fn api(&self) -> Result<Api, Failure> {
        Ok(Api::at(&self.url, self.token.as_deref())?)
    }

    /// For documents that are followed.
    pub(super) async fn client(&self) -> Result<Client, Failure> {
        let builder = Client::builder(&self.url);
        let builder = match &self.token {
            Some(token) => builder.token(token.trim()),
            None => builder,
        };
        Ok(builder.connect().await?)
    }
}

impl Place {
    pub(super) fn of(matches: &ArgMatches) -> Result<Self, Failure> {
        match matches.get_one::<String>(DATA_DIR) {
            Some(directory) => Ok(Self::Directory(directory.clone())),
            None => Ok(Self::Remote(Named::of(matches).api()?)),
        }
    }
}

impl From<BeginError> for Failure {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::BadUrl(_) | BeginError::BadToken(_) => Self::Usage(error.to_string()),
            BeginError::System(_) => Self::Failed(error.to_string()),
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::Failed(explained(&error))
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Failed(in_words(&error, "or name another one with --server"))
    }
}

/// The same, where a directory could have been named instead.
pub(super) fn or_no_server(error: &ApiError) -> Failure {
    let ways =
        "name another one with --server, or name a data directory that no server holds with --data-dir";
    Failure::Failed(in_words(error, ways))
}

fn in_words(error: &ApiError, ways: &str) -> String {
    match error {
        ApiError::Unreachable { url, why } => {
            format!("no server at {url}: {why}; start one with `dovetail serve`, {ways}")
        }
        error => error.to_string(),
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
