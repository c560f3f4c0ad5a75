//! Dovetail for Rust: documents that work without a connection, and say honestly what is saved.
//!
//! Begun: [`machine`] decides what a client decides, and is played in the simulated world. What drives it over sockets and disks is
//! not here yet, so there is nothing for an app to call.

pub mod machine; // What a client decides.
