//! A store that is damaged, or has a document that is: it is moved aside as it is, and what can be read of it goes on in a new one.
//!
//! Always true: nothing is written into what was moved aside, but what opening it does; nothing of it is deleted.

use super::{FREE_BYTES_LEFT, MovedAside, PAGE, StoreError, on_a_thread};
use dovetail_core::document::chunk::Batch;
use dovetail_core::id::DocumentId;
use dovetail_store::{Floor, SledStore, Space, Store};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// In which file of a store it is noted which of its documents are damaged, a line each.
const NOTE: &str = "damaged-documents";

/// What is wrong with a store.
#[derive(Debug, Default)]
pub(super) struct Damage {
    /// The store itself, in words. Nothing when it is documents alone.
    store: Option<String>,
    /// Documents that are damaged, and how.
    documents: BTreeMap<DocumentId, String>,
}

impl From<String> for Damage {
    fn from(what: String) -> Self {
        Self { store: Some(what), ..Self::default() }
    }
}

impl Damage {
    fn in_words(&self) -> String {
        let of_document = |(id, what): (&DocumentId, &String)| format!("document {id}: {what}");
        let documents = self.documents.iter().map(of_document);
        self.store.iter().cloned().chain(documents).collect::<Vec<_>>().join("; ")
    }
}

/// Notes in the store that a document is damaged.
pub(super) fn note(dir: &Path, id: &DocumentId, what: &str) -> io::Result<()> {
    if noted(dir).is_some_and(|damage| damage.documents.contains_key(id)) {
        return Ok(());
    }
    let mut file = OpenOptions::new().create(true).append(true).open(dir.join(NOTE))?;
    writeln!(file, "{id} {}", what.replace('\n', " "))?;
    file.sync_all()
}

/// What was noted, if anything was.
pub(super) fn noted(dir: &Path) -> Option<Damage> {
    let text = fs::read_to_string(dir.join(NOTE)).ok()?;
    let documents = text.lines().filter_map(|line| {
        let (id, what) = line.split_once(' ')?;
        Some((id.parse().ok()?, what.to_owned()))
    });
    let documents: BTreeMap<DocumentId, String> = documents.collect();
    (!documents.is_empty()).then_some(Damage { store: None, documents })
}

/// Moves the store in `dir` aside, and opens a new one with what can be read of it.
pub(super) async fn aside(dir: &Path, damage: Damage) -> Result<(SledStore, MovedAside), StoreError> {
    let what = damage.in_words();
    let unusable = |why: String| StoreError::Unusable { dir: dir.to_owned(), why };
    let to = free_name(dir);
    tracing::error!(store = %dir.display(), aside = %to.display(), what, "the store of this device is damaged: it is moved aside");
    std::fs::rename(dir, &to)
        .map_err(|error| unusable(format!("it is damaged ({what}), and cannot be moved aside: {error}")))?;
    let opened = on_a_thread(dir, |dir| SledStore::open(&dir, Floor::Bytes(FREE_BYTES_LEFT))).await?;
    let new = opened.map_err(|error| unusable(error.to_string()))?;
    let old = on_a_thread(&to, |to| SledStore::open_as_it_is(&to)).await?;
    let mut moved = MovedAside { what, to, documents: 0, unread: 0 };
    match old {
        Ok((old, _)) => {
            take_over(&old, &new, &damage, &mut moved).await.map_err(unusable)?;
            old.close().await;
        }
        Err(error) => tracing::error!(%error, "nothing can be read of the store that was moved aside"),
    }
    Ok((new, moved))
}

/// What the disk does not take now would be lost to the new store: that is an error. What cannot be read is not.
async fn take_over(
    old: &SledStore,
    new: &SledStore,
    damage: &Damage,
    moved: &mut MovedAside,
) -> Result<(), String> {
    let mut after: Option<DocumentId> = None;
    while let Ok(page) = old.list(after.as_ref(), PAGE).await {
        let is_last = page.len() < PAGE;
        after = page.last().map(|(id, _)| id.clone());
        for (id, _) in page {
            if damage.documents.contains_key(&id) {
                moved.unread += 1;
                continue;
            }
            match old.load(&id).await {
                Ok(Some(stored)) => {
                    let batch = Batch {
                        document: id,
                        put: stored.chunks,
                        delete: Vec::new(),
                        manifest: stored.manifest,
                    };
                    new.commit(batch).await.map_err(|error| error.to_string())?;
                    moved.documents += 1;
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(document = %id, %error, "a document of the damaged store cannot be read");
                    moved.unread += 1;
                }
            }
        }
        if is_last {
            break;
        }
    }
    for space in Space::ALL {
        let mut after: Option<String> = None;
        while let Ok(page) = old.records(space, after.as_deref(), PAGE).await {
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            let writes = page.into_iter().map(|(name, value)| (name, Some(value))).collect();
            new.write_records(space, writes).await.map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

/// Beside the directory, with the time in its name.
fn free_name(dir: &Path) -> PathBuf {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let name = |nth: u64| {
        let mut name = dir.as_os_str().to_owned();
        name.push(format!(".damaged-{}", seconds + nth));
        PathBuf::from(name)
    };
    (0..).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Client, Json, OpenError};
    use automerge::transaction::Transactable;
    use automerge::{Automerge, AutomergeError, ChangeHash, ROOT};
    use dovetail_core::document::chunk::{Chunk, ChunkKind, Lifecycle, Manifest};
    use dovetail_core::time::Timestamp;
    use std::sync::Arc;

    const NOWHERE: &str = "http://127.0.0.1:9";

    fn id(n: u8) -> DocumentId {
        DocumentId::from_bytes(&[n; 16]).unwrap()
    }

    /// A document with one text in it; its manifest names heads that it does not have when it `is_bent`.
    fn batch(n: u8, is_bent: bool) -> Batch {
        let mut doc = Automerge::new();
        doc.transact(|tx| tx.put(ROOT, "n", i64::from(n)).map_err(|error: AutomergeError| error)).unwrap();
        let chunk = Chunk::new(ChunkKind::Snapshot, doc.save().into());
        let manifest = Manifest {
            heads: if is_bent { vec![ChangeHash([7; 32])] } else { doc.get_heads() },
            changes: 1,
            bytes: chunk.bytes().len() as u64,
            kind: None,
            title: None,
            created_at: Timestamp::from_millis(1),
            changed_at: Timestamp::from_millis(1),
            lifecycle: Lifecycle::Live,
            access: Arc::default(),
        };
        Batch { document: id(n), put: vec![chunk], delete: Vec::new(), manifest }
    }

    /// RC72: a document that is damaged is told, others go on; at the next start it is left out of the store, which lies beside as it was.
    #[tokio::test]
    async fn rc72_one_damaged_document() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("store");
        let client = || async { Client::builder(NOWHERE).store(&dir).connect().await.unwrap() };
        client().await.close().await;
        let store = SledStore::open(&dir, Floor::Bytes(0)).unwrap();
        for (n, is_bent) in [(1, false), (2, true), (3, false)] {
            store.commit(batch(n, is_bent)).await.unwrap();
        }
        store.close().await;
        drop(store);

        // What counts as unsaved is opened at the start, and found to be damaged then.
        let first = client().await;
        assert_eq!(first.moved_aside(), None);
        let damaged = first.open::<Json>(&id(2)).await;
        assert!(matches!(damaged, Err(OpenError::Unreadable { .. })), "{damaged:?}");
        assert_eq!(first.open::<Json>(&id(1)).await.unwrap().get().unwrap().0["n"], 1);
        first.close().await;

        let second = client().await;
        let moved = second.moved_aside().cloned().unwrap();
        assert_eq!((moved.documents, moved.unread), (2, 1), "{moved:?}");
        assert!(moved.what.contains(&id(2).to_string()), "{moved:?}");
        for n in [1, 3] {
            assert_eq!(second.open::<Json>(&id(n)).await.unwrap().get().unwrap().0["n"], n);
        }
        second.close().await;
        let old = SledStore::open(&moved.to, Floor::Bytes(0)).unwrap();
        assert!(old.load(&id(2)).await.unwrap().is_some());

        let third = client().await;
        assert_eq!(third.moved_aside(), None, "once is enough");
        third.close().await;
    }
}
