//! Whose a document is and how much it takes, as the quotas count it.
//!
//! Edit path: ← manifests, as they are stored, → the [`Quotas`], which say whether somebody may have more.
//!
//! Always true: a document counts for its owner, deleted or not: one that was deleted lies in the store as before.

use crate::quotas::Quotas;
use crate::store::{LoadError, Store};
use dovetail_core::document::chunk::Manifest;
use dovetail_core::grant::Identity;
use dovetail_core::id::SubjectId;
use std::sync::Arc;

/// Manifests that are read at once to find out who has how much.
const PAGE: usize = 500;

/// Whose a document is and how many bytes it takes, if it is somebody's.
pub(super) fn owned(manifest: &Manifest) -> Option<(SubjectId, usize)> {
    let owner = manifest.access.owner.clone()?;
    Some((owner, usize::try_from(manifest.bytes).unwrap_or(usize::MAX)))
}

/// Who has as many documents as they may makes no other one.
pub(super) fn without_making(who: Arc<Identity>, quotas: &Quotas) -> Arc<Identity> {
    match who.author() {
        Some(author) if quotas.check_new_document(author).is_err() => {
            Arc::new(Identity { may_create: false, ..(*who).clone() })
        }
        _ => who,
    }
}

/// Tells the quotas what is stored already.
pub(super) async fn count_stored(store: &dyn Store, quotas: &Quotas) -> Result<(), LoadError> {
    let mut after = None;
    loop {
        let page = store.list(after.as_ref(), PAGE).await?;
        for manifest in page.iter().filter_map(|(_, manifest)| manifest.as_ref().ok()) {
            if let Some((owner, bytes)) = owned(manifest) {
                quotas.changed(&owner, None, Some(bytes));
            }
        }
        after = page.last().map(|(id, _)| id.clone());
        if page.len() < PAGE {
            return Ok(());
        }
    }
}
