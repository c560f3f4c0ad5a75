//! A backup comes back as it was, or not at all.

use super::read::{Item, ReadBackupError, read};
use super::write::Backup;
use super::{End, Saved, name};
use crate::store::{MemoryStore, Space, Store};
use crate::verify::Pace;
use automerge::transaction::Transactable;
use automerge::{Automerge, AutomergeError, ROOT};
use bytes::Bytes;
use dovetail_core::document::chunk::{Batch, Chunk, ChunkKind, Lifecycle, Manifest};
use dovetail_core::id::DocumentId;
use dovetail_core::time::Timestamp;
use proptest::prelude::*;
use std::sync::Arc;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// ST34: every document, whole and of the same heads, and every record is in it, but for who the server is.
#[tokio::test]
async fn st34_a_backup_comes_back_as_it_was() {
    let store = filled().await;
    let (file, end) = backup_of(&store).await;
    assert_eq!((end.documents, end.records), (3, 2));
    let (documents, records) = contents(&file).unwrap();
    let value = Bytes::from_static(b"value");
    let expected = [(Space::Rules, "dashboard/3"), (Space::Audit, "..")];
    assert_eq!(records, expected.map(|(space, name)| (space, name.to_owned(), value.clone())));
    assert_eq!(documents.len(), 3);
    for saved in documents {
        let stored = store.load(&saved.id).await.unwrap().unwrap();
        assert_eq!(Manifest { bytes: 0, ..saved.manifest.clone() }, Manifest { bytes: 0, ..stored.manifest });
        let content = saved.chunks.iter().find(|chunk| chunk.key().kind == ChunkKind::Snapshot).unwrap();
        let document = Automerge::load(content.bytes()).unwrap();
        assert_eq!(document.get_heads(), saved.manifest.heads);
    }
}

/// ST34: a document that is damaged already is named, and the others are saved.
#[tokio::test]
async fn st34_what_is_damaged_is_named_in_the_backup() {
    let store = filled().await;
    let (id, mut batch) = document(9, 3);
    batch.manifest.changes += 1;
    store.commit(batch).await.unwrap();
    let (file, end) = backup_of(&store).await;
    assert_eq!(end.documents, 3);
    assert_eq!(end.left_out[0].id, id.to_string());
    assert!(end.left_out[0].damage.contains("4 changes, and 3 are there"), "{}", end.left_out[0].damage);
    assert_eq!(contents(&file).unwrap().0.len(), 3);
}

/// ST34: a file that was cut anywhere, or of which a byte is another, is not taken for the backup that it was.
#[tokio::test]
async fn st34_a_bent_backup_is_refused() {
    let (file, _) = backup_of(&filled().await).await;
    let whole = contents(&file).unwrap();
    // The last entry is filled up with zeroes, and two blocks of them end a tar file. Without those all is there.
    let last = file.iter().rposition(|&byte| byte != 0).unwrap();
    for length in (0..last).step_by(97).chain([last]) {
        assert!(contents(&file[..length]).is_err(), "cut after {length} bytes");
    }
    let mut refused = 0;
    for at in (0..file.len()).step_by(13) {
        let mut bent = file.clone();
        bent[at] ^= 0x20;
        match contents(&bent) {
            // What nobody reads: the padding of a block, the date of an entry.
            Ok(found) => assert!(found == whole, "byte {at}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 100, "{refused}");
    assert!(matches!(contents(b""), Err(ReadBackupError::Cut)));
    assert!(matches!(contents(&[7; 5_000]), Err(ReadBackupError::Foreign)));
}

proptest! {
    /// ST34: a name of a record is one piece of a path, leads nowhere else, and comes back.
    #[test]
    fn st34_names_of_records_come_back(name in "[!-~]{1,40}", foreign in ".{0,20}") {
        let piece = name::encoded(&name);
        prop_assert!(!piece.contains(['/', '.', '\\']));
        prop_assert_eq!(name::decoded(&piece), Some(name));
        let _ = name::decoded(&foreign);
    }
}

type Contents = (Vec<Saved>, Vec<(Space, String, Bytes)>);

fn contents(file: &[u8]) -> Result<Contents, ReadBackupError> {
    let (mut documents, mut records) = (Vec::new(), Vec::new());
    read(file, |item| -> Result<(), ReadBackupError> {
        match item {
            Item::Document(saved) => documents.push(saved),
            Item::Record { space, name, value } => records.push((space, name, value)),
        }
        Ok(())
    })?;
    Ok((documents, records))
}

async fn backup_of(store: &Arc<dyn Store>) -> (Vec<u8>, End) {
    let mut backup = Backup::new(Arc::clone(store), Pace::Full, NOW);
    let mut file = Vec::new();
    while let Some(piece) = backup.next().await.unwrap() {
        file.extend_from_slice(&piece);
    }
    (file, backup.end().clone())
}

async fn filled() -> Arc<dyn Store> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    for n in 1..=3 {
        let (_, mut batch) = document(n, usize::from(n) * 4);
        if n == 3 {
            batch.manifest.lifecycle = Lifecycle::Deleted { at: NOW };
        }
        store.commit(batch).await.unwrap();
    }
    for (space, name) in [(Space::Server, "storage-id"), (Space::Rules, "dashboard/3"), (Space::Audit, "..")]
    {
        let record = vec![(name.to_owned(), Some(Bytes::from_static(b"value")))];
        store.write_records(space, record).await.unwrap();
    }
    store
}

/// A document of so many changes, in a snapshot and single changes behind it.
fn document(n: u8, changes: usize) -> (DocumentId, Batch) {
    let mut document = Automerge::new();
    let edit = |document: &mut Automerge, at: usize| {
        document.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "n", at as i64)).unwrap();
    };
    (0..changes / 2).for_each(|at| edit(&mut document, at));
    let snapshot = Chunk::new(ChunkKind::Snapshot, document.save().into());
    let before = document.get_heads();
    (changes / 2..changes).for_each(|at| edit(&mut document, at));
    let rest = Chunk::new(ChunkKind::Changes, document.save_after(&before).into());
    let id = DocumentId::from_bytes(&[n; 16]).unwrap();
    let manifest = Manifest {
        heads: document.get_heads(),
        changes: changes as u64,
        bytes: 0,
        kind: None,
        title: Some(format!("Document {n}")),
        created_at: NOW,
        changed_at: NOW,
        lifecycle: Lifecycle::Live,
        access: Arc::default(),
    };
    (id.clone(), Batch { document: id, put: vec![snapshot, rest], delete: Vec::new(), manifest })
}
