//! The sync messages that a document sends, made once and sent to many.
//!
//! The wire's envelope names the receiver; the body below does not, so all readers
//! that were at the same heads get the same bytes.
//!
//! No message of ours carries the flags section. A peer that has seen none of it keeps to
//! lists of single changes, which can be checked before Automerge reads them; whole
//! documents (which crash Automerge when crafted) never arrive. We may still send one
//! to a peer that said it takes them.

use automerge::ChangeHash;
use automerge::sync::{BloomFilter, ChunkList, Have, Message, MessageVersion};
use bytes::Bytes;
use std::sync::Arc;

/// Heads, sorted, shared between everybody who was told of them.
pub type Heads = Arc<[ChangeHash]>;

/// An encoded sync message, whole but for the envelope.
#[derive(Debug)]
pub struct Body {
    /// What goes into the `data` field.
    pub bytes: Bytes,
    /// The heads that it tells; all of them are durable.
    pub heads: Heads,
    /// When a message with just these heads comes back, it need not be shown to the document.
    pub ack_is_silent: bool,
}

impl Body {
    /// "These are our heads, and here is what you lack": single changes.
    pub(crate) fn changes(heads: &Heads, changes: Vec<Vec<u8>>) -> Arc<Self> {
        Self::known(heads, ChunkList::from(changes), MessageVersion::V1)
    }

    /// "These are our heads": an acknowledgement.
    pub(crate) fn heads_only(heads: &Heads) -> Arc<Self> {
        Self::known(heads, ChunkList::empty(), MessageVersion::V1)
    }

    /// "These are our heads, and here is everything", for those who take whole documents.
    pub(crate) fn whole(heads: &Heads, chunks: Vec<u8>) -> Arc<Self> {
        Self::known(heads, ChunkList::from(chunks), MessageVersion::V2)
    }

    /// What Automerge's own sync made, for a peer whose history has parted from ours.
    pub(crate) fn negotiated(mut message: Message, heads: &Heads) -> Arc<Self> {
        message.flags = None;
        Self::of(message, heads, false)
    }

    /// To a reader of whom we know what it has. With `last_sync` at the heads that it will be
    /// at, it offers us only what comes after them.
    fn known(heads: &Heads, changes: ChunkList, version: MessageVersion) -> Arc<Self> {
        let mut message = empty(heads);
        message.have = vec![Have { last_sync: heads.to_vec(), bloom: BloomFilter::default() }];
        message.changes = changes;
        message.version = version;
        Self::of(message, heads, true)
    }

    fn of(message: Message, heads: &Heads, ack_is_silent: bool) -> Arc<Self> {
        Arc::new(Self { bytes: message.encode().into(), heads: heads.clone(), ack_is_silent })
    }
}

fn empty(heads: &Heads) -> Message {
    Message {
        heads: heads.to_vec(),
        need: Vec::new(),
        have: Vec::new(),
        changes: ChunkList::empty(),
        flags: None,
        version: MessageVersion::V1,
    }
}
