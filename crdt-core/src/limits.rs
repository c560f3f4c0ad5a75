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

/// The most bytes of one change. A paste of five million characters is one change of about as
/// many bytes; four times that is room enough.
pub const CHANGE_BYTES_MAX: usize = 32 << 20;

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
const _: () = assert!(CHUNKS_BEFORE_IDLE_SNAPSHOT < CHUNKS_BEFORE_SNAPSHOT);

/// The bounds of one document, as the machine is told them.
#[derive(Debug, Clone, Copy)]
pub struct DocumentLimits {
    /// See [`CHANGE_BYTES_MAX`].
    pub change_bytes_max: usize,
    /// See [`CHUNKS_BEFORE_SNAPSHOT`].
    pub chunks_before_snapshot: usize,
    /// See [`CHUNKS_BEFORE_IDLE_SNAPSHOT`].
    pub chunks_before_idle_snapshot: usize,
}

impl Default for DocumentLimits {
    fn default() -> Self {
        Self {
            change_bytes_max: CHANGE_BYTES_MAX,
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
