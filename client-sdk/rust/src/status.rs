//! How things stand, as values that can be watched.
//!
//! Always true: what is shown is never ahead of what is so: `pending` is zero only when the server has said that all of it is on its disk,
//! but for edits that nobody was told yet to be kept: those come in within a hundredth of a second.

pub use crate::driver::Way;
pub use crate::machine::course::Connection;
pub use crate::machine::replica::{Answer, LoadFault, Pending, Refused};
pub use crate::machine::room::StorageStatus;
pub use dovetail_core::grant::Role;

use dovetail_core::id::DocumentId;
use dovetail_core::rules::Conflict;
use dovetail_core::time::Timestamp;
use futures_util::stream::{self, Stream};
use std::sync::Arc;
use tokio::sync::watch;

/// How the connection to the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionStatus {
    /// Whether there is one.
    pub connection: Connection,
    /// Which way it goes, when there is one.
    pub way: Option<Way>,
    /// Who we are to the server: the subject of the token. Nothing on a server that asks nobody.
    pub subject: Option<String>,
}

/// A document that is on this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnDevice {
    /// Which.
    pub id: DocumentId,
    /// Its bytes, as they are written.
    pub bytes: u64,
    /// When it was last in memory, as it was opened or something of it waits for the server; give or take a day.
    pub opened_at: Timestamp,
}

/// How a document stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DocumentStatus {
    /// Changes that are not yet durable on the server.
    pub pending: usize,
    /// Their bytes.
    pub pending_bytes: u64,
    /// When the oldest of them was made.
    pub pending_since: Option<Timestamp>,
    /// When the server last had everything.
    pub saved_at: Option<Timestamp>,
    /// What one may do with it, as far as that is known.
    pub role: Option<Role>,
    /// What the server has said of it on this connection.
    pub server: Answer,
    /// What the rules say of it: what needs a decision, and what was decided. The rules are the server's, as they were last heard of.
    pub conflicts: Arc<[Conflict]>,
    /// What the server did not take, the oldest first. It is not in the document.
    pub refused: Arc<[Refused]>,
    /// More waits for the server than four fifths of what may: soon edits are refused.
    pub is_nearly_full: bool,
    /// Why it cannot be read from the device.
    pub fault: Option<LoadFault>,
}

impl DocumentStatus {
    /// Whether the server has everything.
    #[must_use]
    pub fn is_saved(&self) -> bool {
        self.pending == 0 && self.saved_at.is_some() && self.fault.is_none()
    }
}

/// The value of the moment, and each that follows.
pub(crate) fn stream<T: Clone + Send + Sync + 'static>(
    watched: watch::Receiver<T>,
) -> impl Stream<Item = T> + Send + Unpin {
    Box::pin(stream::unfold((watched, true), |(mut watched, is_first)| async move {
        if !is_first {
            watched.changed().await.ok()?;
        }
        let value = watched.borrow_and_update().clone();
        Some((value, (watched, false)))
    }))
}
