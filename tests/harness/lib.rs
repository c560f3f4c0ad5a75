//! What end-to-end tests and the bench share: the real server as a child process, and a
//! plain protocol client to talk to it.
//!
//! Always true here: nothing but loopback is spoken to, a process that was started here
//! dies with the value that stands for it, and no wait is without an end.

pub mod cbor; // CBOR as the JavaScript packages write it.
pub mod client; // A client with a real Automerge document.
pub mod gate; // A proxy that lets no WebSocket through.
pub mod http; // One request, one answer.
pub mod json_document; // A document as a client has it that knows JSON only.
pub mod line; // The same protocol over plain HTTP.
pub mod live; // The server under test.
pub mod lossy; // A proxy that loses and repeats.
pub mod process; // A child process and its last words.
pub mod real; // What happens in the simulated world, played against the real server.
pub mod schema; // JSON held to a JSON Schema.
pub mod sse; // A reader of server-sent events.
pub mod talk; // A client of the JSON WebSocket.
pub mod tap; // A proxy that can be shut, dead and slow.
pub mod tls; // TLS before a server.
pub mod world; // A world without sockets: a server, clients, and everything that can go wrong.

pub use client::{Client, ClientError, new_document_id};
pub use json_document::JsonDocument;
pub use live::{Server, Setup, binary};
pub use sse::EventReader;
pub use talk::{Talk, TalkError};
