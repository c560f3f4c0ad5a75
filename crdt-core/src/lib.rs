//! What Dovetail is made of, without a socket, a clock or a disk.
//!
//! The server's hub and the client SDKs drive the same machines from opposite ends:
//! something happens in the world, the machine is told of it and of the time, and answers
//! with the effects that somebody else has to carry out.

pub mod id;
pub mod time;

pub mod limits;
pub mod wire;

pub mod document;
pub mod session;
