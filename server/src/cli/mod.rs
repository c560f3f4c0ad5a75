//! The commands of the binary.
//!
//! Always true: standard output carries what was asked for and nothing else, standard error
//! everything that is said about it. The exit code is 0 when it was done, 1 when it failed,
//! 2 when the command line or the configuration is wrong.

mod arguments; // What can be written on the command line.
mod serve; // `dovetail`, `dovetail serve`.
mod show; // `dovetail config`.

use crate::config::ConfigError;
use clap::ArgMatches;
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
        eprintln!("dovetail: {line}");
    }
    ExitCode::from(code)
}
