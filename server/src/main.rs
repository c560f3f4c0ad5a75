//! The binary `dovetail`. What it does is in [`dovetail_server::cli`].

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// Automerge makes and drops many small values for each change; with glibc's allocator a fifth of
/// the time of an edit went there. See docs/decisions.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    dovetail_server::cli::main()
}
