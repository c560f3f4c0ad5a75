//! Hostile connections against the real binary: each attack is made as it would be made, and what it is held to
//! is what everybody else notices of it.
//!
//! Always true: while an attack is under way two stock clients edit one document, and each of their edits is timed
//! ([`alive`]); the server's memory has a bound; and afterwards every connection has been given back. Every
//! attack has a server of its own, so that its memory is its own.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

mod alive; // What is measured while an attack is under way.
mod raw; // Connections by hand, down to the byte.

mod budget; // Ten thousand documents in little memory.
mod floods; // Very many small things.
mod frames; // Frames that claim what they are not.
mod gone; // Peers that are not there any more, and do not say so.
mod slow; // Those who let everybody wait.
mod stuck; // Those who do not read.

use std::time::Duration;

/// Longer than anything here takes on a busy machine; a failure ends a wait early anyway.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a busy machine may add to a time that the server keeps to.
const LATE_MAX: Duration = Duration::from_secs(8);

/// One MiB.
const MIB: u64 = 1 << 20;

/// How large a document is of which no socket takes all while nobody reads: the kernel keeps some 4 MiB for the server.
const BALLAST_BYTES: usize = 8 * MIB as usize;
