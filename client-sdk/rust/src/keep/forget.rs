//! What nobody opens, or nobody wants any more, leaves a device.
//!
//! Always true: nothing leaves by itself that the server does not have. What remains is the id of the document with some hundred bytes, which say
//! that nothing of it is here: a store has no way to forget that a document ever was.

use super::notes;
use crate::machine::room::Leave;
use dovetail_core::document::chunk::{Batch, Chunk, Manifest, Stored};
use dovetail_core::id::DocumentId;
use dovetail_store::{CommitError, LoadError, Store};

/// Why a document stays.
#[derive(Debug, thiserror::Error)]
enum ForgetError {
    /// It cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The disk's doing.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Lets go of what is stored of a document, if it may leave. Whether it did; or in words, what kept the store from it.
pub(crate) async fn forget(store: &dyn Store, id: &DocumentId, leave: Leave) -> Result<bool, String> {
    let forgotten = forgotten(store, id, leave).await;
    match &forgotten {
        Ok(true) => tracing::info!(document = %id, "a document has left this device"),
        Ok(false) => tracing::debug!(document = %id, "a document stays, as something of it is nowhere else"),
        Err(error) => tracing::warn!(document = %id, %error, "a document could not leave this device"),
    }
    forgotten.map_err(|error| error.to_string())
}

async fn forgotten(store: &dyn Store, id: &DocumentId, leave: Leave) -> Result<bool, ForgetError> {
    let stored = store.load(id).await?;
    if leave == Leave::WhenSaved {
        let (Some(stored), Some(notes)) = (&stored, notes::read(store, id).await?) else { return Ok(false) };
        if !notes.is_all_elsewhere(&stored.manifest) {
            return Ok(false);
        }
    }
    // Notes of a document that is not there are not looked at, should the process end between the two.
    if let Some(Stored { manifest, chunks }) = stored {
        let delete = chunks.iter().map(Chunk::key).collect();
        let manifest =
            Manifest { heads: Vec::new(), changes: 0, bytes: 0, kind: None, title: None, ..manifest };
        store.commit(Batch { document: id.clone(), put: Vec::new(), delete, manifest }).await?;
    }
    if let Err(error) = notes::remove(store, id).await {
        tracing::warn!(document = %id, %error, "the notes of a document that has left lie there still");
    }
    Ok(true)
}
