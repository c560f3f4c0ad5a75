//! Bounds that the core itself keeps. Each has its reason beside it; what happens at it is a
//! rule in `docs/SPEC.md` (section LI). The server's settings may lower or raise them.

use std::time::Duration;

/// How long a fresh connection may take to say `join`. Stock clients say it as soon as the socket is
/// open; a phone on a bad network needs some seconds; abandoned sockets of reconnecting
/// clients must not pile up.
pub const JOIN_WITHIN: Duration = Duration::from_secs(10);

/// How often a silent socket is pinged. Common proxies cut a connection that was silent for
/// 60 s, so two pings fit into that.
pub const PING_EVERY: Duration = Duration::from_secs(20);

/// A peer that sent nothing at all for this long is gone. Two pings, not one: a phone that
/// changes networks misses one without being gone, and a busy peer answers late.
pub const SILENCE_MAX: Duration = Duration::from_secs(40);

/// The most bytes of one change. A text of 5 MB is one change of about as many bytes; six times that is room enough.
pub const CHANGE_BYTES_MAX: usize = 32 << 20;

/// The most operations that one change adds, each letter of a text being one. Automerge takes 520 bytes for each of them
/// while it is applied, so this is 1.1 GB for as long as that takes, 4 s: with [`CHANGE_BYTES_MAX`] alone it could be 16 GB.
/// A text of 5 MB, the largest that we promise to take, has 1.7 million where each letter has three bytes.
pub const CHANGE_OPS_MAX: u64 = 2 << 20;

/// The most bytes of what a change says of itself: a paragraph. Histories list it, and it cannot be taken out again. Ours are a line.
pub const CHANGE_WORDS_BYTES_MAX: usize = 4 << 10;

/// The most operations of a document. Once applied each takes up to 115 bytes in memory, until the document is loaded anew: this
/// is as much as the memory budget has, unless somebody gives it more. What is deleted counts on: its operations are kept.
pub const DOCUMENT_OPS_MAX: u64 = 8 << 20;

/// The most changes of a document. Each takes 450 bytes in memory beside its operations, and some microseconds whenever the
/// document is opened: this is half of the memory budget, and 3 s. An hour of typing is some thousand.
pub const DOCUMENT_CHANGES_MAX: u64 = 1_000_000;

/// The most bytes of a document, as they are stored. Stock clients bring, and are brought, a whole document in one message, and
/// that has at most so many.
pub const DOCUMENT_BYTES_MAX: u64 = 64 << 20;

/// The most bytes of an ephemeral message: a cursor, a selection, who is there. With as many as may wait for one socket, 256,
/// this is 16 MiB for one that is slow. What is larger is not passed on: nobody is promised to get one.
pub const EPHEMERAL_BYTES_MAX: usize = 64 << 10;

/// The most documents that one connection reads. Stock clients open every document they know at once;
/// a few hundred is common, and each costs about 300 bytes.
pub const DOCUMENTS_PER_SESSION_MAX: usize = 10_000;

/// The most storage ids that one connection follows.
pub const FOLLOWED_STORAGES_MAX: usize = 256;

/// How many chunks a document may have in the store before they are folded into a snapshot; a long history may have more.
/// Opening costs a read for each, about 3 µs; folding costs a `save` and loading that, 5 ms at 1,000 changes.
pub const CHUNKS_BEFORE_SNAPSHOT: usize = 256;

/// How many chunks are worth folding when the last reader has gone: nobody waits then.
pub const CHUNKS_BEFORE_IDLE_SNAPSHOT: usize = 8;

const _: () = assert!(PING_EVERY.as_secs() * 2 <= SILENCE_MAX.as_secs());
const _: () = assert!(CHANGE_OPS_MAX < DOCUMENT_OPS_MAX);
const _: () = assert!(CHUNKS_BEFORE_IDLE_SNAPSHOT < CHUNKS_BEFORE_SNAPSHOT);

/// The bounds of one document, as the machine is told them.
#[derive(Debug, Clone, Copy)]
pub struct DocumentLimits {
    /// See [`CHANGE_BYTES_MAX`].
    pub change_bytes_max: usize,
    /// See [`CHANGE_OPS_MAX`].
    pub change_ops_max: u64,
    /// See [`DOCUMENT_OPS_MAX`].
    pub ops_max: u64,
    /// See [`DOCUMENT_CHANGES_MAX`].
    pub changes_max: u64,
    /// See [`DOCUMENT_BYTES_MAX`].
    pub bytes_max: u64,
    /// See [`CHUNKS_BEFORE_SNAPSHOT`].
    pub chunks_before_snapshot: usize,
    /// See [`CHUNKS_BEFORE_IDLE_SNAPSHOT`].
    pub chunks_before_idle_snapshot: usize,
}

impl Default for DocumentLimits {
    fn default() -> Self {
        Self {
            change_bytes_max: CHANGE_BYTES_MAX,
            change_ops_max: CHANGE_OPS_MAX,
            ops_max: DOCUMENT_OPS_MAX,
            changes_max: DOCUMENT_CHANGES_MAX,
            bytes_max: DOCUMENT_BYTES_MAX,
            chunks_before_snapshot: CHUNKS_BEFORE_SNAPSHOT,
            chunks_before_idle_snapshot: CHUNKS_BEFORE_IDLE_SNAPSHOT,
        }
    }
}

/// The bounds of one session, as the machine is told them.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// See [`JOIN_WITHIN`].
    pub join_within: Duration,
    /// See [`PING_EVERY`].
    pub ping_every: Duration,
    /// See [`SILENCE_MAX`].
    pub silence_max: Duration,
    /// See [`DOCUMENTS_PER_SESSION_MAX`].
    pub documents_max: usize,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            join_within: JOIN_WITHIN,
            ping_every: PING_EVERY,
            silence_max: SILENCE_MAX,
            documents_max: DOCUMENTS_PER_SESSION_MAX,
        }
    }
}
