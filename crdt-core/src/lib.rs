//! What Dovetail is made of, without a socket, a clock or a disk.
//!
//! The server's hub and the client SDKs drive the same machines from opposite ends:
//! something happens in the world, the machine is told of it and of the time, and answers
//! with the effects that somebody else has to carry out.
//!
//! From low to high; a module uses only those above it in this list.

pub mod id; // The names of things.
pub mod limits; // Bounds, with their reasons.
pub mod time; // A moment, as an argument.

pub mod authors; // Whose the actors are.
pub mod grant; // Who may do what.

pub mod json; // JSON to Automerge content and back.
pub mod reserved; // The root key that belongs to Dovetail.
pub mod wire; // The automerge-repo protocol: frames to messages and back.

pub mod dashboard; // What a dashboard is, how it is read, and the edits there are.
pub mod grafana; // Grafana's dashboards to ours and back.

pub mod doors; // Plain JSON that merges: what is written at old heads, history, versions.
pub mod rules; // Rules on the merged document, and the conflicts they find.

pub mod document; // One document: apply, store, then tell.

pub mod session; // One connection: what may be said in which phase.

#[cfg(test)]
mod typescript; // What TypeScript is told of all this.
