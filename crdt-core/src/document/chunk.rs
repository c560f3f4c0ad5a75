//! What is written of a document, and when it is folded together.
//!
//! A stored document is one [`Manifest`] and any number of [`Chunk`]s, in any order:
//! at most a few *snapshots* (Automerge's `save`), some *changes* (change chunks one
//! behind the other, as one burst brought them) and some *authors* (whose the actors are). A chunk is named by the hash of its
//! bytes, so writing it twice is writing it once, and a damaged one is noticed.
//!
//! Edit path: ← [`super`] makes a [`Batch`] of every burst, → the store commits it as
//! one, → [`super::Input::Stored`] comes back.

use crate::grant::Access;
use crate::id::DocumentId;
use crate::time::Timestamp;
use automerge::ChangeHash;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// What the bytes of a chunk are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChunkKind {
    /// A whole document, as `Automerge::save` writes it.
    Snapshot,
    /// Change chunks, one behind the other.
    Changes,
    /// Whose the actors are; see [`Authors`](crate::authors::Authors).
    Authors,
}

impl ChunkKind {
    /// Whether the bytes are Automerge's.
    #[must_use]
    pub fn is_content(self) -> bool {
        self != ChunkKind::Authors
    }
}

/// A chunk's name: what it is, and the SHA-256 of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkKey {
    /// What the bytes are.
    pub kind: ChunkKind,
    /// SHA-256 of the bytes.
    pub hash: [u8; 32],
}

impl fmt::Debug for ChunkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?}({:02x}{:02x}{:02x}{:02x}…)",
            self.kind, self.hash[0], self.hash[1], self.hash[2], self.hash[3]
        )
    }
}

/// A piece of a document, never changed once written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    key: ChunkKey,
    bytes: Bytes,
}

impl Chunk {
    /// Names `bytes` by their hash.
    #[must_use]
    pub fn new(kind: ChunkKind, bytes: Bytes) -> Self {
        let hash = Sha256::digest(&bytes).into();
        Self { key: ChunkKey { kind, hash }, bytes }
    }

    /// The chunk that `key` names, if `bytes` are still what was written.
    #[must_use]
    pub fn checked(key: ChunkKey, bytes: Bytes) -> Option<Self> {
        let chunk = Self::new(key.kind, bytes);
        (chunk.key == key).then_some(chunk)
    }

    /// Its name.
    #[must_use]
    pub fn key(&self) -> ChunkKey {
        self.key
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// Whether a document is there for its readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// It is.
    Live,
    /// Somebody deleted it. Its chunks are kept so that this can be undone, and its
    /// manifest so that no client brings it back by syncing an old copy.
    Deleted {
        /// When.
        at: Timestamp,
    },
}

/// What must be found when a document is loaded, and what a list shows without loading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The heads of what is stored, sorted.
    pub heads: Vec<ChangeHash>,
    /// How many changes that is.
    pub changes: u64,
    /// How many bytes of chunks, as written.
    pub bytes: u64,
    /// The `kind` at the document's root, if it has one: `dashboard`, say.
    pub kind: Option<String>,
    /// The `title` at the document's root, if it has one.
    pub title: Option<String>,
    /// When the first change was stored.
    pub created_at: Timestamp,
    /// When the last change was stored.
    pub changed_at: Timestamp,
    /// Whether it is there for its readers.
    pub lifecycle: Lifecycle,
    /// Who may do what with it.
    pub access: Arc<Access>,
}

/// A document as the store gives it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// What must be found in the chunks.
    pub manifest: Manifest,
    /// All chunks, in any order.
    pub chunks: Vec<Chunk>,
}

/// What is to be written of one document, all of it or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Whose it is.
    pub document: DocumentId,
    /// New chunks. One that is there already is left as it is.
    pub put: Vec<Chunk>,
    /// Chunks that a snapshot among `put` has folded in: exactly these, never a range, so
    /// that a chunk which was written meanwhile survives.
    pub delete: Vec<ChunkKey>,
    /// Takes the place of the manifest before it.
    pub manifest: Manifest,
}
