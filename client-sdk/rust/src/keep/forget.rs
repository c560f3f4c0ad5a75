//! What nobody opens leaves a device.
//!
//! Always true: nothing is let go of that the server does not have. What remains is the name of the document, and that nothing of it is here.

use super::notes;
use dovetail_core::document::chunk::{Batch, Chunk, Manifest};
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

/// Lets go of what is stored of a document, if the server has all of it and has refused nothing. Whether it did.
pub(crate) async fn forget(store: &dyn Store, id: &DocumentId) -> bool {
    let forgotten = forgotten(store, id).await;
    match &forgotten {
        Ok(true) => tracing::info!(document = %id, "a document that is saved has left this device"),
        Ok(false) => tracing::debug!(document = %id, "a document stays, as something of it is nowhere else"),
        Err(error) => tracing::warn!(document = %id, %error, "a document could not leave this device"),
    }
    forgotten.unwrap_or(false)
}

async fn forgotten(store: &dyn Store, id: &DocumentId) -> Result<bool, ForgetError> {
    let Some(stored) = store.load(id).await? else { return Ok(false) };
    let notes = notes::read(store, id).await?;
    if !notes.is_some_and(|notes| notes.is_all_elsewhere(&stored.manifest)) {
        return Ok(false);
    }
    let delete = stored.chunks.iter().map(Chunk::key).collect();
    let manifest = Manifest { heads: Vec::new(), changes: 0, bytes: 0, ..stored.manifest };
    // Should the process end between the two, the notes speak of what is not there, and are as good as none.
    store.commit(Batch { document: id.clone(), put: Vec::new(), delete, manifest }).await?;
    notes::remove(store, id).await?;
    Ok(true)
}
