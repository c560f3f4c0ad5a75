//! Where documents are kept: one trait, one contract, several stores.
//!
//! What a store holds of a document is immutable chunks, each named by its own hash, and
//! one manifest that is replaced. A [`Batch`] of both is all there or not at all. So a
//! batch may be committed twice, chunks may come back in any order, and another kind of
//! store (a log, a table) fits behind the same trait.
//!
//! The server keeps what everybody made here, and a device what it made and has from the server.
//!
//! Edit path: ← the hub commits the batch that [`dovetail_core::document`] made of a burst,
//! → [`Store::commit`] resolves when it is durable, and only then is anybody told.
//!
//! **Invariant:** no type of the engine below is seen from here upwards.

pub use self::sled::{COMMITS_WAITING_MAX, Floor, GROUP_BYTES_MAX, OpenError, Rebuild, SledStore};
pub use memory::MemoryStore;

use bytes::Bytes;
use dovetail_core::document::chunk::{Batch, Manifest, Stored};
use dovetail_core::id::DocumentId;
use dovetail_core::time::Timestamp;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

#[cfg(any(test, feature = "contract"))]
pub mod contract; // What "a store" means, rule by rule. Read this next.
#[cfg(any(test, feature = "contract"))]
pub mod faulty; // A store whose commits a test holds back and fails.
mod memory;
mod sled;

/// The most bytes of one chunk. A snapshot of a document is one chunk; documents stay far
/// below this (a change may have 1 MiB, a whole message 8 MiB), and a chunk has to fit into
/// memory several times over while it is written.
pub const CHUNK_BYTES_MAX: usize = 128 << 20;

/// The most bytes of a record's name: a kind of document and a version, or a hash in hex.
pub const RECORD_NAME_BYTES_MAX: usize = 128;

/// The most bytes of a record: a rule set of a thousand rules has a quarter of that.
pub const RECORD_BYTES_MAX: usize = 256 << 10;

/// What a record of the server's own, or of a device's, is for. Each space has names of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// Who this server, or this device, is.
    Server,
    /// Rule sets, by kind and version.
    Rules,
    /// Answers that were given to requests with a key, so that the same request gets the same one.
    Answers,
    /// Who may do what with whole kinds of documents.
    Access,
    /// What was done and refused, in the order of time.
    Audit,
    /// Changes that were refused, kept aside for a while.
    Quarantine,
    /// What a device notes beside its documents: how far the server has come, and what it did not take.
    Notes,
}

impl Space {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Server, Self::Rules, Self::Answers, Self::Access, Self::Audit, Self::Quarantine, Self::Notes];

    /// As people read it: `rules`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Rules => "rules",
            Self::Answers => "answers",
            Self::Access => "access",
            Self::Audit => "audit",
            Self::Quarantine => "quarantine",
            Self::Notes => "notes",
        }
    }
}

/// What a store answers with. Boxed, so that the hub can hold any store as `Arc<dyn Store>`;
/// tied to the store alone, so that the arguments need not outlive the call.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Keeps documents. `docs/SPEC.md`, section ST, numbers what that means; `contract.rs` tests it.
///
/// Two batches of one document take effect in the order in which their futures were first
/// polled. A future that is dropped does not take back what it asked for.
pub trait Store: Send + Sync + fmt::Debug + 'static {
    /// Writes a batch, all of it or nothing. Resolves only when it is durable: it survives the end
    /// of the process by any means and a power cut. To commit the same batch again changes nothing.
    ///
    /// # Errors
    /// See [`CommitError`]. After [`CommitError::ReadOnly`] the batch may or may not be there
    /// at the next start: nobody may be told of it, and it may be committed again then.
    fn commit(&self, batch: Batch) -> StoreFuture<'_, Result<(), CommitError>>;

    /// Everything that is stored of a document, or `None` if nothing ever was. A batch that is
    /// committed meanwhile is seen whole or not at all. A deleted document is there too: its
    /// manifest says so.
    ///
    /// # Errors
    /// See [`LoadError`]. Every chunk was compared with its hash before it is given back.
    fn load(&self, document: &DocumentId) -> StoreFuture<'_, Result<Option<Stored>, LoadError>>;

    /// The manifest alone, without reading the document.
    ///
    /// # Errors
    /// See [`LoadError`].
    fn manifest(&self, document: &DocumentId) -> StoreFuture<'_, Result<Option<Manifest>, LoadError>>;

    /// Up to `limit` documents, deleted ones included, in the order of the bytes of their ids, starting
    /// behind `after`. Fewer than `limit` means that there are no more.
    ///
    /// # Errors
    /// See [`LoadError`].
    fn list(
        &self,
        after: Option<&DocumentId>,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<Listed>, LoadError>>;

    /// A record of the server's own, or `None` if there is none of that name.
    ///
    /// # Errors
    /// See [`LoadError`].
    fn record(&self, space: Space, name: &str) -> StoreFuture<'_, Result<Option<Bytes>, LoadError>>;

    /// Up to `limit` records of a space in the order of their names, starting behind `after`. Fewer than
    /// `limit` means that there are no more.
    ///
    /// # Errors
    /// See [`LoadError`].
    fn records(
        &self,
        space: Space,
        after: Option<&str>,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<(String, Bytes)>, LoadError>>;

    /// Writes records in place of those before, or takes them away where the value is `None`: all of them or
    /// none. Durable like a batch.
    ///
    /// # Errors
    /// See [`CommitError`].
    fn write_records(
        &self,
        space: Space,
        writes: Vec<(String, Option<Bytes>)>,
    ) -> StoreFuture<'_, Result<(), CommitError>>;

    /// How the store is doing. Cheap enough for every scrape.
    fn health(&self) -> Health;

    /// Writes what was accepted and lets go of the directory. What comes later is refused as
    /// [`CommitError::Closed`] and [`LoadError::Closed`].
    fn close(&self) -> StoreFuture<'_, ()>;
}

/// A document in a list: its manifest, or in words what is wrong with it.
pub type Listed = (DocumentId, Result<Manifest, String>);

/// How a store is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Documents it knows, deleted ones included.
    pub documents: u64,
    /// Bytes it takes on disk: several times what the documents are (see `docs/OPERATING.md`).
    pub disk_bytes: u64,
    /// Whether it takes changes.
    pub writes: Writes,
    /// Bytes that are free where it lies, if that can be told.
    pub free_bytes: Option<u64>,
    /// Bytes that are to be left free there.
    pub floor_bytes: Option<u64>,
    /// When a batch last became durable in this process.
    pub last_commit_at: Option<Timestamp>,
    /// Batches accepted and not yet durable.
    pub queued: usize,
    /// Batches that became durable in this process.
    pub commits: u64,
    /// Groups they were written in: `commits / groups` batches share one sync of the disk.
    pub groups: u64,
}

/// Whether a store takes changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Writes {
    /// It does.
    #[default]
    Taken,
    /// Not before there is more room on its disk.
    DiskLow(DiskLow),
    /// Not before the server is started again.
    Stopped {
        /// What failed first.
        why: Arc<str>,
    },
}

/// The disk has less room than is to be left free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{free_bytes} bytes are free where the data directory lies, and {floor_bytes} are to be left free")]
pub struct DiskLow {
    /// How many there are.
    pub free_bytes: u64,
    /// How many are to be left.
    pub floor_bytes: u64,
}

/// Why a batch did not become durable, or is not known to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Ours: this write, or one before it, failed. What the disk holds now is not known, so nothing more
    /// is written until the server is started again and has read it.
    #[error("the store takes no more changes until the server is started again: {why}")]
    ReadOnly {
        /// What failed first.
        why: Arc<str>,
    },

    /// Ours for now: nothing was written, and the same will do once there is room again.
    #[error(transparent)]
    DiskLow(#[from] DiskLow),

    /// Ours: the server is shutting down.
    #[error("the store is closed")]
    Closed,

    /// The disk's doing: what is there of this document is not what was written. Nothing was written; others
    /// are not concerned.
    #[error("document {document} is damaged in the store: {what}")]
    Damaged {
        /// Whose bytes they are.
        document: DocumentId,
        /// What was found.
        what: String,
    },

    /// The disk's doing: records of the server's own, or what lies before them, are not what was written. Nothing was written; others are
    /// not concerned.
    #[error("the records cannot be replaced: {why}")]
    Unreadable {
        /// What was found.
        why: String,
    },

    /// The sender's doing: it will not fit the next time either. Nothing was written.
    #[error("{bytes} bytes are too many to store as one, {bytes_max} are the most")]
    TooLarge {
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        bytes_max: usize,
    },

    /// The caller's doing: a record's name is letters, digits and signs, one at least. Nothing was written.
    #[error("{name:?} is no name for a record")]
    BadName {
        /// The name.
        name: String,
    },
}

/// Why a document could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The disk's doing: what is there of this document is not what was written. Others are not concerned.
    #[error("document {document} is damaged in the store: {what}")]
    Damaged {
        /// Whose bytes they are.
        document: DocumentId,
        /// What was found.
        what: String,
    },

    /// The disk's doing: it could not be read, and it is not known which documents that concerns.
    #[error("the store cannot be read: {why}")]
    Unreadable {
        /// What failed.
        why: String,
    },

    /// Ours: the server is shutting down.
    #[error("the store is closed")]
    Closed,
}

/// Refuses what no store could write, before it is queued: a batch that is too large must
/// not take the ones beside it down.
fn check_size(batch: &Batch) -> Result<(), CommitError> {
    let largest = batch.put.iter().map(|chunk| chunk.bytes().len()).max().unwrap_or(0);
    at_most(largest, CHUNK_BYTES_MAX)
}

fn check_records(writes: &[(String, Option<Bytes>)]) -> Result<(), CommitError> {
    for (name, value) in writes {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(CommitError::BadName { name: name.clone() });
        }
        at_most(name.len(), RECORD_NAME_BYTES_MAX)?;
        at_most(value.as_ref().map_or(0, Bytes::len), RECORD_BYTES_MAX)?;
    }
    Ok(())
}

fn at_most(bytes: usize, bytes_max: usize) -> Result<(), CommitError> {
    if bytes > bytes_max { Err(CommitError::TooLarge { bytes, bytes_max }) } else { Ok(()) }
}
