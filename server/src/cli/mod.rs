//! The commands of the binary.
//!
//! Always true: standard output carries what was asked for and nothing else, standard error
//! everything that is said about it. The exit code is 0 when it was done, 1 when it failed,
//! 2 when the command line or the configuration is wrong.

mod arguments; // What can be written on the command line.
mod export; // `dovetail export`.
mod import; // `dovetail import`.
mod place; // With a running server, or in a directory.
mod remote; // A running server.
mod serve; // `dovetail`, `dovetail serve`.
mod show; // `dovetail config`.
mod stored; // `dovetail verify`, `backup`, `restore`, `compact`.
mod token; // `dovetail token`.

use crate::config::ConfigError;
use clap::ArgMatches;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// Why a command was not done, in words for the person who gave it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line or the configuration: nothing was tried.
    Usage(String),
    /// It was tried.
    Failed(String),
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let matches = match arguments::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return answer_at_once(&error),
    };
    match run(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

fn run(matches: &ArgMatches) -> Result<(), Failure> {
    match matches.subcommand() {
        None => serve::run(matches),
        Some(("serve", matches)) => serve::run(matches),
        Some(("config", matches)) => show::run(matches),
        Some(("token", matches)) => token::run(matches),
        Some(("import", matches)) => import::run(matches),
        Some(("export", matches)) => export::run(matches),
        Some(("verify", matches)) => stored::verify(matches),
        Some(("backup", matches)) => stored::backup(matches),
        Some(("restore", matches)) => stored::restore(matches),
        Some(("compact", matches)) => stored::compact(matches),
        Some((other, _)) => unreachable!("{other} is no command of arguments::command"),
    }
}

/// `--help` and `--version` are errors to clap; they go to standard output and are none.
fn answer_at_once(error: &clap::Error) -> ExitCode {
    let _ = error.print(); // a closed terminal: nobody left to tell
    if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
}

fn report(failure: &Failure) -> ExitCode {
    let (text, code) = match failure {
        Failure::Usage(text) => (text, 2),
        Failure::Failed(text) => (text, 1),
    };
    for line in text.lines() {
        tell(format_args!("{line}"));
    }
    ExitCode::from(code)
}

/// Says something to whoever runs the command. Nobody may be able to hear it.
fn tell(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "dovetail: {line}");
}

/// Runs a command that waits for others, to its end.
fn on_runtime<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::Failed(format!("cannot start: {error}")))?.block_on(work)
}

/// Writes what was asked for.
fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    written.map_err(|error| Failure::Failed(format!("cannot write to standard output: {error}")))
}

/// Why a file was not written, with its name.
fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::Failed(format!("cannot write {}: {error}", path.display()))
}

/// An error and its causes on one line.
fn explained(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
