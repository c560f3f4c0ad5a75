//! Bent bytes, thrown at everything that reads foreign bytes.
//!
//! ```text
//!  corpus ──▶ bend ──▶ a target in tests/ ──▶ trial: panics, memory, time
//!  real documents,     by a seed              house: and what everybody else has seen of it
//!  frames, bodies
//! ```
//! A file in `tests/` is one target. Each throws a bounded number under `cargo test`, always the same ones, so that a failure
//! speaks of what was just changed; `cargo xtask fuzz` throws more, of another seed. What failed once stays as a test with
//! its bytes or its number in the file of its target.
//!
//! `DOVETAIL_FUZZ_RUNS`: how many inputs for each target. `DOVETAIL_FUZZ_SEED`: which. `DOVETAIL_FUZZ_ONLY`: the number of
//! one input, to see it alone.
//!
//! Always true: an input is made of the seed and its number alone, so any one can be thrown again without those before it.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

pub mod bend; // Bytes, bent in ways that know nothing of them.
pub mod change; // Change chunks, taken apart, bent and put together with a checksum that is right.
pub mod corpus; // What is bent: things that people really send.
pub mod house; // A server without sockets: sessions, documents and a store.
pub mod json; // JSON, bent as a value.
mod meter; // What is allocated.
pub mod talk; // Sync messages and frames, bent in what they say.
pub mod trial; // Throws inputs and watches what becomes of it.
