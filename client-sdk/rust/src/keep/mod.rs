//! What a device keeps: the store, who the device is, what is cached of the server.
//!
//! Always true: one process has a directory. What is damaged is moved aside and told, never overwritten, and what can be read of it is
//! taken over.

pub(crate) mod forget; // What leaves.
pub(crate) mod notes; // What is noted beside a document.
mod salvage; // What can be read of a store that is damaged.
mod sealed; // A store under a key.

pub use sealed::StoreKey;

use crate::machine::room::Tenant;
use bytes::Bytes;
use dovetail_core::document::chunk::Manifest;
use dovetail_core::id::{DocumentId, StorageId};
use dovetail_store::{CommitError, Floor, LoadError, MemoryStore, OpenError, SledStore, Space, Store};
use sealed::{KeyError, SealedStore};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A device may have a small disk, and other programs on it: so much is left to them.
const FREE_BYTES_LEFT: u64 = 64 << 20;

/// Under which name the device's own record lies.
const DEVICE: &str = "device";

/// So many are asked for at once where all documents are looked through.
const PAGE: usize = 500;

/// Where documents are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nowhere: they go with the process.
    #[default]
    Memory,
    /// In a directory, made if it is not there.
    Directory(PathBuf),
}

/// Why the store of a device could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it, or another client of this one.
    #[error(
        "the store {} is in use by another program, or by another client of this one, which lives as long as any of its documents: end that one first, or give this one a directory of its own",
        dir.display()
    )]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// A newer version of this program wrote it, or it is somebody else's.
    #[error(transparent)]
    NotOurs(Box<OpenError>),
    /// The disk's doing: the directory cannot be made, read, written, or moved aside.
    #[error("the store {} cannot be used: {why}", dir.display())]
    Unusable {
        /// The directory.
        dir: PathBuf,
        /// Why.
        why: String,
    },
    /// It was written with another key.
    #[error("the store was written with another key than the one that was given")]
    WrongKey,
    /// It was written with a key, and none was given.
    #[error("the store was written with a key: give that key")]
    KeyNeeded,
    /// It was written without a key, and one was given.
    #[error(
        "the store was written without a key, and is not encrypted afterwards: give another directory, or no key"
    )]
    NotSealed,
}

/// A store was damaged, and is not used any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedAside {
    /// What was found.
    pub what: String,
    /// Where it lies now, untouched.
    pub to: PathBuf,
    /// How many documents could be read from it, and are in the new store. One may be older than it was: what was written last lies
    /// where damage is found first.
    pub documents: usize,
    /// How many are known and could not. What the server has of them comes from there; where nothing could be read, none are known.
    pub unread: usize,
}

/// See the top of the file.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) storage: StorageId,
    /// Where it lies, if it outlasts the process.
    pub(crate) dir: Option<PathBuf>,
    pub(crate) moved_aside: Option<MovedAside>,
}

/// A document that is kept.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) id: DocumentId,
    /// The server has not said that all of it is on its disk.
    pub(crate) is_unsaved: bool,
    pub(crate) tenant: Tenant,
}

/// Who this device is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Device {
    storage_id: String,
}

impl Kept {
    /// Opens a store, or makes it. Reads the whole log if the process before was killed, so it may take seconds.
    pub(crate) async fn open(place: &Place, key: Option<StoreKey>) -> Result<Self, StoreError> {
        match place {
            Place::Memory => Self::over(Arc::new(MemoryStore::new()), None, key).await,
            Place::Directory(dir) => {
                let store = open_directory(dir).await?;
                let kept = Self::over(Arc::new(store), Some(dir), key).await?;
                Ok(Self { moved_aside: salvage::news(dir), ..kept })
            }
        }
    }

    async fn over(
        inner: Arc<dyn Store>,
        place: Option<&Path>,
        key: Option<StoreKey>,
    ) -> Result<Self, StoreError> {
        let dir = place.unwrap_or(Path::new(""));
        let store: Arc<dyn Store> = match key {
            Some(key) => Arc::new(SealedStore::open(inner, key).await.map_err(|error| of_key(dir, error))?),
            None if sealed::needs_key(&*inner).await.map_err(|error| unreadable(dir, &error))? => {
                return Err(StoreError::KeyNeeded);
            }
            None => inner,
        };
        let storage = device(&*store, dir).await?;
        Ok(Self { store, storage, dir: place.map(Path::to_owned), moved_aside: None })
    }

    /// The app knows what was moved aside.
    pub(crate) fn news_was_told(&self) {
        if let (Some(dir), Some(_)) = (&self.dir, &self.moved_aside) {
            salvage::is_told(dir);
        }
    }

    /// A document turned out to be damaged: at the next start the store is begun anew without it.
    pub(crate) fn note_damage(&self, id: &DocumentId, what: &str) {
        let Some(dir) = &self.dir else { return };
        tracing::error!(document = %id, what, "a document on this device is damaged: at the next start the store is moved aside, and the others go on in a new one");
        if let Err(error) = salvage::note(dir, id, what) {
            tracing::error!(%error, "that could not be noted: it stays as it is");
        }
    }

    /// A sound document could not be written, for what lies before it: at the next start the store is begun anew with all that can be read.
    pub(crate) fn note_unwritable(&self, id: &DocumentId, what: &str) {
        let Some(dir) = &self.dir else { return };
        tracing::error!(document = %id, what, "what lies before a document on this device is damaged: at the next start the store is moved aside, and all that is sound goes on in a new one");
        if let Err(error) = salvage::note_unwritable(dir, what) {
            tracing::error!(%error, "that could not be noted: it stays as it is");
        }
    }

    /// All documents that are kept, and how they stand.
    pub(crate) async fn documents(&self) -> Result<Vec<Found>, LoadError> {
        let mut found = Vec::new();
        let mut after: Option<DocumentId> = None;
        loop {
            let page = self.store.list(after.as_ref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|(id, _)| id.clone());
            for (id, manifest) in page {
                match manifest {
                    // One that has left, or cannot be read.
                    Ok(manifest) if manifest.bytes == 0 => {}
                    Err(_) => {}
                    Ok(manifest) => found.push(self.found(id, &manifest).await),
                }
            }
            if is_last {
                return Ok(found);
            }
        }
    }

    async fn found(&self, id: DocumentId, manifest: &Manifest) -> Found {
        let notes = notes::read(&*self.store, &id).await.ok().flatten().unwrap_or_default();
        let tenant = Tenant {
            bytes: manifest.bytes,
            opened_at: notes.opened_at.unwrap_or_default().max(manifest.changed_at),
            has_to_stay: !notes.is_all_elsewhere(manifest),
        };
        Found { is_unsaved: !notes.is_all_saved(manifest), tenant, id }
    }

    /// What was last heard of the server's rules for a kind of documents.
    pub(crate) async fn rules(&self) -> Vec<(String, Bytes)> {
        self.store.records(Space::Rules, None, PAGE).await.unwrap_or_default()
    }

    /// Remembers the rules of a kind.
    pub(crate) async fn keep_rules(&self, kind: &str, text: Bytes) -> Result<(), CommitError> {
        self.store.write_records(Space::Rules, vec![(kind.to_owned(), Some(text))]).await
    }
}

async fn open_directory(dir: &Path) -> Result<SledStore, StoreError> {
    if dir == Path::new("") {
        return Err(StoreError::Unusable { dir: dir.to_owned(), why: "it has no name".to_owned() });
    }
    salvage::finish(dir)?;
    let opened = on_a_thread(dir, |dir| SledStore::open(&dir, Floor::Bytes(FREE_BYTES_LEFT))).await?;
    match opened {
        Ok(store) => salvage::without_damaged(dir, store).await,
        Err(OpenError::Locked { dir }) => Err(StoreError::InUse { dir }),
        Err(
            error @ (OpenError::Foreign { .. }
            | OpenError::Newer { .. }
            | OpenError::Occupied { .. }
            | OpenError::IsFile { .. }),
        ) => Err(StoreError::NotOurs(Box::new(error))),
        Err(error @ OpenError::DiskFull { .. }) => {
            Err(StoreError::Unusable { dir: dir.to_owned(), why: error.to_string() })
        }
        Err(OpenError::Unusable { dir, source }) => {
            Err(StoreError::Unusable { dir, why: source.to_string() })
        }
        Err(OpenError::Corrupt { what, .. }) => salvage::aside(dir, what.into()).await,
        Err(error @ (OpenError::LogGone { .. } | OpenError::Unfinished { .. })) => {
            salvage::aside(dir, what_is_gone(&error).into()).await
        }
    }
}

/// In words of a device: what a store says is for whoever runs a server.
fn what_is_gone(error: &OpenError) -> String {
    match error {
        OpenError::LogGone { .. } => "its log is gone, in which everything was".to_owned(),
        _ => "a part of it is missing".to_owned(),
    }
}

/// Does what may take seconds where nobody else waits.
async fn on_a_thread<T: Send + 'static>(
    dir: &Path,
    work: impl FnOnce(PathBuf) -> T + Send + 'static,
) -> Result<T, StoreError> {
    let owned = dir.to_owned();
    let done = tokio::task::spawn_blocking(move || work(owned)).await;
    done.map_err(|ended| StoreError::Unusable { dir: dir.to_owned(), why: ended.to_string() })
}

fn of_key(dir: &Path, error: KeyError) -> StoreError {
    match error {
        KeyError::WrongKey => StoreError::WrongKey,
        KeyError::NotSealed => StoreError::NotSealed,
        other => StoreError::Unusable { dir: dir.to_owned(), why: other.to_string() },
    }
}

fn unreadable(dir: &Path, error: &LoadError) -> StoreError {
    StoreError::Unusable { dir: dir.to_owned(), why: error.to_string() }
}

async fn device(store: &dyn Store, dir: &Path) -> Result<StorageId, StoreError> {
    let record = store.record(Space::Server, DEVICE).await.map_err(|error| unreadable(dir, &error))?;
    let known = record.and_then(|text| serde_json::from_slice::<Device>(&text).ok());
    if let Some(storage) = known.and_then(|device| device.storage_id.parse().ok()) {
        return Ok(storage);
    }
    let device = Device { storage_id: uuid::Uuid::new_v4().to_string() };
    let text = serde_json::to_vec(&device).expect("a text");
    let written = store.write_records(Space::Server, vec![(DEVICE.to_owned(), Some(text.into()))]).await;
    match written {
        // On a full disk it is another one at each start, and what is there can be read.
        Ok(()) | Err(CommitError::DiskLow(_)) => {}
        Err(error) => {
            return Err(StoreError::Unusable { dir: dir.to_owned(), why: error.to_string() });
        }
    }
    Ok(device.storage_id.parse().expect("a UUID has 36 characters"))
}
