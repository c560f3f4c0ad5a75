//! `cargo xtask test`: everything that must hold, in the order in which it is cheapest to
//! learn that it does not.
//!
//! Always true: the server is built before the tests that start it, and they start that one.

use crate::installed;
use crate::step::{self, Failure, cargo, npm, root, target};
use crate::web;
use std::time::{Duration, Instant};

/// A step: its name and what it does.
type Step = (&'static str, fn() -> Result<Outcome, Failure>);

const STEPS: [Step; 12] = [
    ("format", format),
    ("lints", lints),
    ("docs", docs),
    ("npm", packages),
    ("types", types),
    ("app", app),
    ("build", build),
    ("rust", rust),
    ("cel", expressions),
    ("web", web_tests),
    ("unit", units),
    ("browser", browser),
];

enum Outcome {
    Passed,
    /// Could not be run here, with the reason.
    Skipped(String),
}

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let steps = chosen(arguments)?;
    let mut summary = Vec::new();
    for (name, step) in steps {
        eprintln!("\nxtask: step {name}");
        let began = Instant::now();
        let outcome = step();
        summary.push(line(name, &outcome, began.elapsed()));
        if let Err(why) = outcome {
            tell(&summary);
            return Err(format!("step {name}: {why}"));
        }
    }
    tell(&summary);
    Ok(())
}

fn chosen(arguments: &[String]) -> Result<Vec<Step>, Failure> {
    let wanted: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match wanted[..] {
        [] => Ok(STEPS.to_vec()),
        ["--only", wanted] => {
            let step = STEPS.into_iter().find(|(name, _)| *name == wanted);
            step.map(|step| vec![step])
                .ok_or_else(|| format!("{wanted} is no step: see `cargo xtask --help`"))
        }
        _ => Err("test takes nothing, or --only and the name of a step".to_owned()),
    }
}

fn line(name: &str, outcome: &Result<Outcome, Failure>, took: Duration) -> String {
    let word = match outcome {
        Ok(Outcome::Passed) => "passed".to_owned(),
        Ok(Outcome::Skipped(why)) => format!("SKIPPED: {why}"),
        Err(_) => "FAILED".to_owned(),
    };
    format!("  {name:<8} {:>6.1} s  {word}", took.as_secs_f32())
}

fn tell(summary: &[String]) {
    eprintln!("\nxtask: summary");
    for line in summary {
        eprintln!("{line}");
    }
}

fn format() -> Result<Outcome, Failure> {
    if let Some(skipped) = without("fmt", "rustfmt")? {
        return Ok(skipped);
    }
    passed(step::run(cargo().args(["fmt", "--all", "--check"])))
}

fn lints() -> Result<Outcome, Failure> {
    if let Some(skipped) = without("clippy", "clippy")? {
        return Ok(skipped);
    }
    let mut clippy = cargo();
    clippy.args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]);
    passed(step::run(&mut clippy))
}

fn docs() -> Result<Outcome, Failure> {
    let mut doc = cargo();
    doc.args(["doc", "--workspace", "--no-deps", "--document-private-items"]);
    // A file's opening names its neighbours, private ones too: it is read in the source.
    doc.env("RUSTDOCFLAGS", "--deny warnings --allow rustdoc::private_intra_doc_links");
    passed(step::run(&mut doc))
}

fn packages() -> Result<Outcome, Failure> {
    web::node_and_npm()?;
    web::own_packages()?;
    passed(web::stock_packages())
}

/// Everything that is said of the web packages without running them.
fn types() -> Result<Outcome, Failure> {
    for script in ["format:check", "lint", "types", "reference"] {
        step::run(npm(&root()).args(["run", "--silent", script]))?;
    }
    Ok(Outcome::Passed)
}

/// Before the server is built, because that one carries it.
fn app() -> Result<Outcome, Failure> {
    web::app().map(|_| Outcome::Passed)
}

fn build() -> Result<Outcome, Failure> {
    // As the tests take it, the server's binary included: any other selection would have other
    // features of its dependencies, and everything would be compiled twice.
    passed(step::run(cargo().args(["test", "--workspace", "--no-run"])))
}

fn rust() -> Result<Outcome, Failure> {
    installed::tracer();
    passed(step::run(cargo().args(["test", "--workspace"]).env("DOVETAIL_BIN", server())))
}

/// What is only there with the feature `cel`, and what it touches. With the tests selected, what these depend on has the features that it has
/// everywhere else, and is compiled once.
fn expressions() -> Result<Outcome, Failure> {
    const PACKAGES: [&str; 6] =
        ["--package", "dovetail-core", "--package", "dovetail-server", "--package", "dovetail-tests"];
    const FEATURES: [&str; 2] = ["--features", "dovetail-core/cel,dovetail-server/cel"];
    if without("clippy", "clippy")?.is_none() {
        let lints = ["--lib", "--tests", "--", "--deny", "warnings"];
        step::run(cargo().arg("clippy").args(PACKAGES).args(FEATURES).args(lints))?;
    }
    let mut test = cargo();
    test.arg("test").args(PACKAGES).args(FEATURES).args(["--lib", "--test", "document_machine"]);
    passed(step::run(&mut test))
}

fn web_tests() -> Result<Outcome, Failure> {
    let folder = root().join("tests/web");
    passed(step::run(npm(&folder).args(["run", "--silent", "test"]).env("DOVETAIL_BIN", server())))
}

/// The web packages and the app, in node.
fn units() -> Result<Outcome, Failure> {
    passed(step::run(npm(&root()).args(["run", "--silent", "unit"]).env("DOVETAIL_BIN", server())))
}

/// The app in a real browser, on the real server.
fn browser() -> Result<Outcome, Failure> {
    web::chromium()?;
    let folder = root().join("tests/browser");
    passed(step::run(npm(&folder).args(["run", "--silent", "test"]).env("DOVETAIL_BIN", server())))
}

/// The server that the build step made.
fn server() -> std::path::PathBuf {
    target().join("debug/dovetail")
}

fn passed(ran: Result<(), Failure>) -> Result<Outcome, Failure> {
    ran.map(|()| Outcome::Passed)
}

/// A component of the toolchain that is not installed: to be said aloud on a developer's
/// machine, and a failure where `CI` is set, because nobody reads what is said there.
fn without(subcommand: &str, component: &str) -> Result<Option<Outcome>, Failure> {
    let there = cargo().args([subcommand, "--version"]).output().is_ok_and(|output| output.status.success());
    if there {
        return Ok(None);
    }
    let why = format!("{component} is not installed (`rustup component add {component}`)");
    if std::env::var_os("CI").is_some() { Err(why) } else { Ok(Some(Outcome::Skipped(why))) }
}
