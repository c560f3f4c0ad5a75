//! The binary `dovetail`. What it does is in [`dovetail_server::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    dovetail_server::cli::main()
}
