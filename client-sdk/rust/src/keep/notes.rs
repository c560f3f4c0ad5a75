//! The notes of a document, as records of a store.
//!
//! Edit path: ← [`Effect::Note`](crate::machine::engine::Effect::Note), → [`write()`]; ← a document is loaded, → [`read()`].
//!
//! Always true: all parts of some notes are there, or all of those before. Notes that cannot be read are as good as none: all of the document
//! counts as pending until the server has said what it has.

use crate::machine::replica::Notes;
use bytes::Bytes;
use dovetail_core::id::DocumentId;
use dovetail_store::{CommitError, LoadError, RECORD_BYTES_MAX, Space, Store};
use sha2::{Digest, Sha256};

/// The notes of one document are JSON of some hundred bytes; 256 refused changes with their patches have 4 MiB.
const PARTS_MAX: usize = 64;

/// Of a record, so much is left to what a store may put around a value.
const PART_BYTES_MAX: usize = RECORD_BYTES_MAX - (1 << 10);

/// Writes the notes of a document in place of those before.
pub(crate) async fn write(store: &dyn Store, id: &DocumentId, notes: &Notes) -> Result<(), CommitError> {
    let text = serde_json::to_vec(notes).expect("notes are hashes, numbers and texts");
    let before = parts_of(store, id).await;
    let parts: Vec<&[u8]> = text.chunks(PART_BYTES_MAX).collect();
    if parts.len() > PARTS_MAX {
        return Err(CommitError::TooLarge { bytes: text.len(), bytes_max: PARTS_MAX * PART_BYTES_MAX });
    }
    let count = u8::try_from(parts.len()).expect("no more than PARTS_MAX");
    let whole = parts.iter().enumerate().map(|(nth, part)| {
        let value: Bytes = [&[count][..], part].concat().into();
        (name(id, nth), Some(value))
    });
    let gone = (parts.len()..before).map(|nth| (name(id, nth), None));
    store.write_records(Space::Notes, whole.chain(gone).collect()).await
}

async fn parts_of(store: &dyn Store, id: &DocumentId) -> usize {
    match store.record(Space::Notes, &name(id, 0)).await {
        Ok(Some(first)) => usize::from(first.first().copied().unwrap_or(0)),
        _ => 0,
    }
}

/// Takes the notes of a document away.
pub(crate) async fn remove(store: &dyn Store, id: &DocumentId) -> Result<(), CommitError> {
    let parts = 0..parts_of(store, id).await;
    store.write_records(Space::Notes, parts.map(|nth| (name(id, nth), None)).collect()).await
}

/// The notes of a document, if there are any that can be read.
pub(crate) async fn read(store: &dyn Store, id: &DocumentId) -> Result<Option<Notes>, LoadError> {
    let Some(first) = store.record(Space::Notes, &name(id, 0)).await? else { return Ok(None) };
    let Some((count, part)) = first.split_first() else { return Ok(None) };
    let mut text = part.to_vec();
    for nth in 1..usize::from(*count) {
        let Some(part) = store.record(Space::Notes, &name(id, nth)).await? else { return Ok(None) };
        text.extend_from_slice(part.get(1..).unwrap_or_default());
    }
    let notes = serde_json::from_slice(&text);
    if let Err(error) = &notes {
        tracing::warn!(document = %id, %error, "the notes of a document cannot be read: all of it counts as unsaved until the server has answered");
    }
    Ok(notes.ok())
}

/// An id may be longer than a record's name.
fn name(id: &DocumentId, part: usize) -> String {
    let hash = Sha256::digest(id.as_bytes());
    let hex: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}-{part}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use dovetail_store::MemoryStore;

    fn id() -> DocumentId {
        DocumentId::from_bytes(&[7; 16]).unwrap()
    }

    fn notes(hashes: u32) -> Notes {
        let hash = |n: u32| automerge::ChangeHash([n.to_be_bytes(); 8].concat().try_into().unwrap());
        Notes { taken_out: (0..hashes).map(hash).collect(), ..Notes::default() }
    }

    /// RC51: notes come back as they were written, however long they are, and nothing of longer ones before is left.
    #[tokio::test]
    async fn rc51_notes_round_trip() {
        let store = MemoryStore::new();
        assert_eq!(read(&store, &id()).await, Ok(None));
        for hashes in [0, 1, 20_000, 4_000, 3] {
            write(&store, &id(), &notes(hashes)).await.unwrap();
            assert_eq!(read(&store, &id()).await, Ok(Some(notes(hashes))));
        }
        assert_eq!(store.records(Space::Notes, None, 100).await.unwrap().len(), 1);
    }

    /// RC51: notes that cannot be read are none.
    #[tokio::test]
    async fn rc51_damaged_notes_are_none() {
        let store = MemoryStore::new();
        write(&store, &id(), &notes(20_000)).await.unwrap();
        store.write_records(Space::Notes, vec![(name(&id(), 2), None)]).await.unwrap();
        assert_eq!(read(&store, &id()).await, Ok(None));
        let bent = vec![(name(&id(), 0), Some(Bytes::from_static(b"\x01{")))];
        store.write_records(Space::Notes, bent).await.unwrap();
        assert_eq!(read(&store, &id()).await, Ok(None));
    }
}
