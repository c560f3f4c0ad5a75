//! Calls into Automerge on bytes that somebody else chose.
//!
//! Automerge 0.12 panics on about one in a hundred crafted change chunks. A panic must cost
//! its sender a session and nobody else anything, so every such call goes through
//! [`carefully`]. What the call was working on may be half changed afterwards: a document
//! that panicked is dropped and loaded again, never used on.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Automerge panicked; the words are its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("automerge panicked: {words}")]
pub struct Panicked {
    words: String,
}

/// Runs `call` and turns a panic into an error.
///
/// # Errors
/// When `call` panicked. Whatever it borrowed mutably must then be dropped.
pub fn carefully<T>(call: impl FnOnce() -> T) -> Result<T, Panicked> {
    // AssertUnwindSafe: the promise is kept by the callers, who drop what the call touched.
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| {
        let words = payload
            .downcast_ref::<&str>()
            .map(|words| (*words).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no words".to_owned());
        Panicked { words }
    })
}
