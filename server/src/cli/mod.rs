//! The commands of the binary.
//!
//! Always true: standard output carries what was asked for and nothing else, standard error
//! everything that is said about it. The exit code is 0 when it was done, 1 when it failed,
//! 2 when the command line or the configuration is wrong, and 3 when `dovetail conflicts` has found some.
//!
//! This folder alone uses `dovetail-client`: nothing that serves may depend on who asks.

mod arguments; // What can be written on the command line.
mod conflicts; // `dovetail conflicts`, `settle`.
mod documents; // `dovetail ls`, `get`, `create`, `put`, `patch`.
mod export; // `dovetail export`.
mod import; // `dovetail import`.
mod place; // With a running server, or in a directory.
mod pointer; // A place in a document.
mod serve; // `dovetail`, `dovetail serve`.
mod show; // `dovetail config`.
mod stored; // `dovetail verify`, `backup`, `restore`, `compact`.
mod token; // `dovetail token`.
mod watch; // `dovetail watch`.

use crate::config::ConfigError;
use bytes::Bytes;
use clap::ArgMatches;
use serde::Serialize;
use std::fmt;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
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
        Ok(code) => code,
        Err(failure) => report(&failure),
    }
}

fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let done = match matches.subcommand() {
        None => serve::run(matches),
        Some(("serve", matches)) => serve::run(matches),
        Some(("config", matches)) => show::run(matches),
        Some(("token", matches)) => token::run(matches),
        Some(("import", matches)) => import::run(matches),
        Some(("export", matches)) => export::run(matches),
        Some(("ls", matches)) => documents::ls(matches),
        Some(("get", matches)) => documents::get(matches),
        Some(("create", matches)) => documents::create(matches),
        Some(("put", matches)) => documents::put(matches),
        Some(("patch", matches)) => documents::patch(matches),
        Some(("watch", matches)) => watch::run(matches),
        Some(("conflicts", matches)) => return conflicts::list(matches),
        Some(("settle", matches)) => conflicts::settle(matches),
        Some(("verify", matches)) => stored::verify(matches),
        Some(("backup", matches)) => stored::backup(matches),
        Some(("restore", matches)) => stored::restore(matches),
        Some(("compact", matches)) => stored::compact(matches),
        Some((other, _)) => unreachable!("{other} is no command of arguments::command"),
    };
    done.map(|()| ExitCode::SUCCESS)
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

/// Says something to whoever runs the command. Nobody may be able to hear it. What others have said does not steer their terminal.
fn tell(line: fmt::Arguments<'_>) {
    let line = line.to_string().replace(char::is_control, "\u{fffd}");
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

/// Writes a value as a line of JSON, as [`say_line`] does.
fn say<T: Serialize>(value: &T) -> Result<ControlFlow<()>, Failure> {
    say_line(&json(value))
}

/// Writes a line. A break: nobody reads on. Whoever closed our output has what they wanted, and that is no failure.
fn say_line(line: &str) -> Result<ControlFlow<()>, Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(Failure::Failed(format!("cannot write to standard output: {error}"))),
    }
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("what the server says has texts for keys")
}

/// What a file holds, or standard input.
fn input(path: &str) -> Result<Bytes, Failure> {
    let mut bytes = Vec::new();
    let read = match path {
        "-" => io::stdin().read_to_end(&mut bytes).map(drop),
        _ => std::fs::read(path).map(|file| bytes = file),
    };
    read.map_err(|error| Failure::Failed(format!("cannot read {path}: {error}")))?;
    Ok(bytes.into())
}

/// Something that a document can be made of. An empty object is written as one: what is empty is left of something that failed.
fn something(content: Bytes) -> Result<Bytes, Failure> {
    match content.trim_ascii().is_empty() {
        true => Err(Failure::Failed("there is nothing to make a document of: the input is empty".to_owned())),
        false => Ok(content),
    }
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
