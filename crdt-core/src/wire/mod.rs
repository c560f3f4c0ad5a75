//! The automerge-repo protocol "1": what its messages are, once they have been read.
//!
//! One WebSocket message carries one CBOR map; its `type` says which of the shapes below
//! it has. The shapes hold what was checked: an id that is held was measured and parsed,
//! a number is whole and exact, a list is within its bound. The bytes of a `sync` and of
//! an `ephemeral` message are not looked into here.
//!
//! [`decode()`] takes all that the JavaScript packages and samod send (their habits differ,
//! see `decode.rs`). [`Message::encode`] writes what the strictest of them still reads.
//!
//! Edit path: ← the socket brings a frame, [`decode()`] names it, → [`crate::document`] gets
//! the data of a [`Sync`]. On the way back a [`SyncEnvelope`] puts the same data into the
//! frame of each reader.

mod bad_frame; // Why a frame is no message.
pub mod cbor_json; // What applications say in the moment, as JSON and back.
mod decode; // From bytes to a message: tolerant in form, strict in content.
mod encode; // From a message to bytes: one form only.
mod own; // Dovetail's own messages.
mod sequence; // Frames one behind the other, where a transport has no frames of its own.
mod value; // One value of CBOR, what it is made of.

pub use bad_frame::BadFrame;
pub use decode::decode;
pub use encode::{ConflictsFrame, EphemeralFrame, SyncEnvelope};
pub use own::{Bounds, Own, OwnMessage, Secret, TOKEN_BYTES_MAX, User};
pub use sequence::{BadSequence, split};

use crate::id::{DocumentId, PeerId, StorageId};
use crate::time::Timestamp;
use automerge::ChangeHash;
use std::borrow::Cow;
use std::fmt;

/// The one version of the protocol there is.
pub const PROTOCOL_VERSION: &str = "1";

/// How deep the values of a field that we do not know may nest before the frame is
/// refused. Skipping them takes stack; the deepest field that we do know has four levels.
pub const NESTING_MAX: usize = 16;

/// The most protocol versions one `join` may list. There is one; this leaves room for
/// a client that speaks all of a long future.
pub const VERSIONS_MAX: usize = 16;

/// The most bytes of one version's name.
pub const VERSION_BYTES_MAX: usize = 32;

/// The most storage ids in one `remote-subscription-change` or `remote-heads-changed`.
/// A storage id is a device; a thousand devices on one dashboard are more than its
/// readers can be, and a client may ask for more in a second message.
pub const STORAGE_IDS_MAX: usize = 1_024;

/// The most heads that one storage may be said to have of a document. Heads are what was
/// last edited side by side, so there are at most as many as devices: see [`STORAGE_IDS_MAX`].
pub const HEADS_MAX: usize = 1_024;

/// The most bytes of an ephemeral message's session id. Stock ones have about 11.
pub const SESSION_ID_BYTES_MAX: usize = 256;

/// How much of an unknown message's type is kept, for a log line: the longest
/// known one has 26 bytes.
pub const UNKNOWN_KIND_BYTES_MAX: usize = 64;

/// The greatest whole number that a JavaScript number holds exactly, and every one below it: 2⁵³ − 1.
pub const WHOLE_NUMBER_MAX: u64 = (1 << 53) - 1;

/// One message of the automerge-repo protocol "1", as either side may send it.
///
/// `target` is what the sender wrote: stock servers do not look at it, and so it may be
/// missing when we read. samod closes on a message without one, so what we send has one.
#[derive(Debug, Clone, PartialEq)]
pub enum Message<'a> {
    /// The first message of a client.
    Join(Join),
    /// The server's answer to it.
    Peer(Peer),
    /// The sender is about to close its connection.
    Leave {
        /// Who leaves.
        sender: PeerId,
    },
    /// A sync message of Automerge for one document.
    Sync(Sync<'a>),
    /// The sender does not have the document, and knows nobody who has.
    DocUnavailable {
        /// Who lacks it.
        sender: PeerId,
        /// Whom this is for.
        target: Option<PeerId>,
        /// The document.
        document: DocumentId,
    },
    /// Something for the other readers of a document that is not part of it.
    Ephemeral(Ephemeral<'a>),
    /// The sender wants to know, or no longer, what certain storages have.
    RemoteSubscriptionChange {
        /// Who wants it.
        sender: PeerId,
        /// Whom this is for.
        target: Option<PeerId>,
        /// Storages to hear of from now on.
        add: Vec<StorageId>,
        /// Storages to hear of no longer.
        remove: Vec<StorageId>,
    },
    /// What certain storages have of a document, as far as the sender knows.
    RemoteHeadsChanged {
        /// Who says so.
        sender: PeerId,
        /// Whom this is for.
        target: Option<PeerId>,
        /// The document.
        document: DocumentId,
        /// Each storage once. Decoded ones are in the order of their storage ids.
        new_heads: Vec<(StorageId, RemoteHeads)>,
    },
    /// Something went wrong at the sender's, in words.
    Error {
        /// Who says so, if told.
        sender: Option<PeerId>,
        /// Whom this is for, if told.
        target: Option<PeerId>,
        /// What went wrong.
        message: Cow<'a, str>,
    },
    /// One of Dovetail's own.
    Own(Box<OwnMessage>),
    /// A type that protocol "1" does not know: to be ignored. We never send one;
    /// encoded, it is its type and nothing else.
    Unknown {
        /// The type, as far as it is kept: its first [`UNKNOWN_KIND_BYTES_MAX`] bytes.
        kind: Cow<'a, str>,
    },
}

/// A client introduces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// The name it chose.
    pub sender: PeerId,
    /// What it says about itself.
    pub metadata: PeerMetadata,
    /// The protocol versions it speaks; `["1"]` when it does not say.
    pub versions: Vec<String>,
}

impl Join {
    /// Whether it speaks the version that we do.
    #[must_use]
    pub fn speaks_our_version(&self) -> bool {
        self.versions.iter().any(|version| version == PROTOCOL_VERSION)
    }
}

/// A server introduces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The server's name.
    pub sender: PeerId,
    /// The client's, from its `join`.
    pub target: PeerId,
    /// What the server says about itself.
    pub metadata: PeerMetadata,
    /// The protocol version of this connection.
    pub version: String,
}

/// What a peer says about itself in `join` and `peer`. All of it may be missing:
/// a stock client that reconnects by itself sends an empty map.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerMetadata {
    /// The store it keeps its documents in.
    pub storage_id: Option<StorageId>,
    /// Whether it will be gone for good when it leaves. Not said means: it is,
    /// unless it has a storage.
    pub is_ephemeral: Option<bool>,
    /// `dovetail: {v: N}`: it understands Dovetail's own messages of version N.
    pub dovetail: Option<u32>,
}

/// Which of the two types a [`Sync`] travels under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SyncKind {
    /// `sync`: the rule.
    Sync,
    /// `request`: the sender has nothing of this document and asks for it.
    Request,
}

/// A sync message of Automerge for one document.
#[derive(Clone, PartialEq, Eq)]
pub struct Sync<'a> {
    /// `sync` or `request`.
    pub kind: SyncKind,
    /// Who speaks.
    pub sender: PeerId,
    /// Whom it is for.
    pub target: Option<PeerId>,
    /// The document.
    pub document: DocumentId,
    /// The message as Automerge wrote it, at least one byte. Borrowed from the frame,
    /// unless the sender cut it into pieces.
    pub data: Cow<'a, [u8]>,
}

/// Something for the other readers of a document: a cursor, a selection.
#[derive(Clone, PartialEq, Eq)]
pub struct Ephemeral<'a> {
    /// Who speaks.
    pub sender: PeerId,
    /// Whom it is for.
    pub target: Option<PeerId>,
    /// The document it is about.
    pub document: DocumentId,
    /// Grows with each message of one session, over all documents; gaps mean nothing.
    pub count: u64,
    /// One run of the sender's program.
    pub session_id: Cow<'a, str>,
    /// The application's, at least one byte. Nobody but the readers looks into it.
    pub data: Cow<'a, [u8]>,
}

/// What one storage has of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoteHeads {
    /// The last changes it has. Their order says nothing.
    pub heads: Vec<ChangeHash>,
    /// When that was so, by the clock of whoever saw it.
    pub at: Timestamp,
}

impl Message<'_> {
    /// The type, as it stands on the wire.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Message::Join(_) => "join",
            Message::Peer(_) => "peer",
            Message::Leave { .. } => "leave",
            Message::Sync(sync) => sync.kind.as_str(),
            Message::DocUnavailable { .. } => "doc-unavailable",
            Message::Ephemeral(_) => "ephemeral",
            Message::RemoteSubscriptionChange { .. } => "remote-subscription-change",
            Message::RemoteHeadsChanged { .. } => "remote-heads-changed",
            Message::Error { .. } => "error",
            Message::Own(message) => message.own.kind(),
            Message::Unknown { kind } => kind,
        }
    }

    /// Whom the message claims to be from. A claim, not a fact: compare it with the
    /// name that the connection joined under.
    #[must_use]
    pub fn sender(&self) -> Option<&PeerId> {
        match self {
            Message::Join(join) => Some(&join.sender),
            Message::Peer(peer) => Some(&peer.sender),
            Message::Sync(sync) => Some(&sync.sender),
            Message::Ephemeral(ephemeral) => Some(&ephemeral.sender),
            Message::Leave { sender }
            | Message::DocUnavailable { sender, .. }
            | Message::RemoteSubscriptionChange { sender, .. }
            | Message::RemoteHeadsChanged { sender, .. } => Some(sender),
            Message::Error { sender, .. } => sender.as_ref(),
            Message::Own(message) => Some(&message.sender),
            Message::Unknown { .. } => None,
        }
    }
}

impl SyncKind {
    /// The type, as it stands on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SyncKind::Sync => "sync",
            SyncKind::Request => "request",
        }
    }
}

// The two below say how much was sent, not what: messages end up in log lines, and what
// people write does not belong there.

impl fmt::Debug for Sync<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sync")
            .field("kind", &self.kind)
            .field("sender", &self.sender)
            .field("target", &self.target)
            .field("document", &self.document)
            .field("data_bytes", &self.data.len())
            .finish()
    }
}

impl fmt::Debug for Ephemeral<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ephemeral")
            .field("sender", &self.sender)
            .field("target", &self.target)
            .field("document", &self.document)
            .field("count", &self.count)
            .field("session_id", &self.session_id)
            .field("data_bytes", &self.data.len())
            .finish()
    }
}

#[cfg(test)]
mod tests; // A table of frames made by hand, and properties over all messages.
