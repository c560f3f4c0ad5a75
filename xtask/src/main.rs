//! `cargo xtask`: the project's own commands, on a machine that has cargo and node.
//!
//! Always true: standard library only, so that it builds in a second and before anything
//! else does. Every step is printed before it runs, the first one that fails ends the
//! command with its name, and what could not be run is said, never passed over in silence.

mod bench; // Measure.
mod fuzz; // Throw bent bytes at it.
mod installed; // What of others is there.
mod run; // Start the server.
mod soak; // Kill it, again and again.
mod step; // Run one program and say so.
mod test; // Check everything.
mod web; // What comes from npm, and the app.

use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask <COMMAND> [ARGUMENTS]

Commands:
  run    build the app and the release server and start it; arguments go to it (--listen, --data-dir, ...)
  test   install what the tests need, then format check, lints, docs and every test;
         with `--only NAME` one step: see below
  bench  build release server and bench, and measure; with `--web` the app in a browser; arguments go to the bench
  soak   kill the release server at random moments, `--rounds N` times, and see that nothing acknowledged is lost
  fuzz   throw bent bytes at everything that reads foreign bytes, `--runs N` for each target, `--seed N`, `--target NAME`

Steps of `test`, in their order: format, lints, docs, npm, types, app, build, rust, cel, web, unit, browser
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let done = match command.as_str() {
        "run" => run::run(&rest),
        "test" => test::run(&rest),
        "bench" => bench::run(&rest),
        "soak" => soak::run(&rest),
        "fuzz" => fuzz::run(&rest),
        "--help" | "-h" | "help" => {
            print!("{HELP}");
            Ok(())
        }
        "" => Err(format!("which command?\n\n{HELP}")),
        other => Err(format!("{other} is no command\n\n{HELP}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}
