//! What a client decides, without sockets, disks, clocks and chance: told what happened and when, it says what has to be done.
//!
//! The simulated world drives it, as whatever has sockets and disks would.

pub mod course; // When a client connects, and when it does not.
pub mod engine; // All documents, and the connection that they share.
pub mod link; // One connection.
pub mod replica; // One document on a device. Read this first.
pub mod room; // How much room they take, and which may leave.
