//! The Dovetail server: one binary that keeps documents and lets everybody's edits meet.
//!
//! ```text
//!  cli ──▶ server ──▶ gateway ──▶ hub ──▶ store
//!            │           └ accept, upgrade, socket, http, reply
//!            └ config, auth, telemetry, metrics, shutdown, clock
//! ```
//! An arrow points at what is used. The way of one edit through this crate is told in
//! `docs/ONE-EDIT.md`.

pub mod auth; // Who is calling.
pub mod clock; // What time it is.
pub mod config; // Settings, checked.
pub mod metrics; // Figures and their names.
pub mod shutdown; // How the server stops.
pub mod telemetry; // Logs.

#[cfg(test)]
mod permits; // For tests: the right to everything.
pub use dovetail_store as store; // Where documents are kept.

pub mod near; // How near a figure is to its bound.

pub mod serial; // Names that sort by time.

pub mod audit; // Who did what, and who was refused what.
pub mod quarantine; // What was refused and may be rescued.
pub mod quotas; // How much each may have.
pub mod throttle; // How much each may do.

pub mod bans; // From where nobody is let in for a while.

pub mod evaluator; // Rules that take long, away from everybody.
pub mod inbox; // Conflicts of all documents.

pub mod backup; // All of it in a file, and back.
pub mod damaged; // What the disk has bent, as far as it is known.
pub mod verify; // Whether what is stored is what was written.

pub mod hub; // One task per open document.

pub mod conflicts; // What people, and rules by themselves, decide about conflicts.
pub mod feed; // Documents as JSON that is kept up to date.
pub mod points; // What many bring for a widget becomes few changes.
pub mod rules; // Which rules are in force, and those before.
pub mod sweep; // What is done about conflicts when nobody does anything.

pub mod content; // What comes in becomes a document, and a document what goes out.

pub mod gateway; // What others can reach.

pub mod bounds; // Every bound that somebody can come up against.

pub mod server; // All of it put together, from the first lock to the last commit.

pub mod cli; // The commands of the binary.
