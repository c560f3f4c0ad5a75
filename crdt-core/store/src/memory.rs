//! A store that forgets when it is dropped: for tests, and as the model of what the contract means.
//!
//! Everything lies in one map under one lock, so a batch is atomic and "durable" at once.
//! A clone is another handle on the same content, as opening a directory again would be.
//!
//! **Invariant:** a document has chunks only if it has a manifest; a batch brings both.

use super::{CommitError, Health, Listed, LoadError, Space, Store, StoreFuture, check_records, check_size};
use bytes::Bytes;
use dovetail_core::document::chunk::{Batch, Chunk, ChunkKey, Manifest, Stored};
use dovetail_core::id::DocumentId;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// See the module.
#[derive(Debug, Default)]
pub struct MemoryStore {
    /// A std mutex: it is held for map operations only, never across an `.await`.
    content: Arc<Mutex<Content>>,
    /// Of this handle alone, as a directory outlives the store that was opened on it.
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct Content {
    documents: BTreeMap<DocumentId, Document>,
    records: BTreeMap<(Space, String), Bytes>,
    commits: u64,
}

#[derive(Debug)]
struct Document {
    manifest: Manifest,
    chunks: BTreeMap<ChunkKey, Chunk>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Another handle on the same content.
    #[must_use]
    pub fn reopened(&self) -> Self {
        Self { content: Arc::clone(&self.content), closed: AtomicBool::new(false) }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        // A test that panicked elsewhere must not hide its message behind this one.
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn to_write(&self) -> Result<MutexGuard<'_, Content>, CommitError> {
        if self.closed.load(Ordering::Acquire) { Err(CommitError::Closed) } else { Ok(self.content()) }
    }

    fn to_read(&self) -> Result<MutexGuard<'_, Content>, LoadError> {
        if self.closed.load(Ordering::Acquire) { Err(LoadError::Closed) } else { Ok(self.content()) }
    }
}

impl Store for MemoryStore {
    fn commit(&self, batch: Batch) -> StoreFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            check_size(&batch)?;
            self.to_write()?.apply(batch);
            Ok(())
        })
    }

    fn load(&self, document: &DocumentId) -> StoreFuture<'_, Result<Option<Stored>, LoadError>> {
        let document = document.clone();
        Box::pin(async move { Ok(self.to_read()?.documents.get(&document).map(Document::to_stored)) })
    }

    fn manifest(&self, document: &DocumentId) -> StoreFuture<'_, Result<Option<Manifest>, LoadError>> {
        let document = document.clone();
        Box::pin(
            async move { Ok(self.to_read()?.documents.get(&document).map(|found| found.manifest.clone())) },
        )
    }

    fn list(
        &self,
        after: Option<&DocumentId>,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<Listed>, LoadError>> {
        let after = after.cloned();
        Box::pin(async move {
            let start = after.map_or(Bound::Unbounded, Bound::Excluded);
            let content = self.to_read()?;
            let found = content.documents.range((start, Bound::Unbounded)).take(limit);
            Ok(found.map(|(id, document)| (id.clone(), Ok(document.manifest.clone()))).collect())
        })
    }

    fn record(&self, space: Space, name: &str) -> StoreFuture<'_, Result<Option<Bytes>, LoadError>> {
        let name = (space, name.to_owned());
        Box::pin(async move { Ok(self.to_read()?.records.get(&name).cloned()) })
    }

    fn records(
        &self,
        space: Space,
        after: Option<&str>,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<(String, Bytes)>, LoadError>> {
        let start = match after {
            None => Bound::Included((space, String::new())),
            Some(name) => Bound::Excluded((space, name.to_owned())),
        };
        Box::pin(async move {
            let content = self.to_read()?;
            let behind = content.records.range((start, Bound::Unbounded));
            let found = behind.take_while(|((of, _), _)| *of == space).take(limit);
            Ok(found.map(|((_, name), value)| (name.clone(), value.clone())).collect())
        })
    }

    fn write_records(
        &self,
        space: Space,
        writes: Vec<(String, Option<Bytes>)>,
    ) -> StoreFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            check_records(&writes)?;
            let mut content = self.to_write()?;
            for (name, value) in writes {
                match value {
                    Some(value) => drop(content.records.insert((space, name), value)),
                    None => drop(content.records.remove(&(space, name))),
                }
            }
            Ok(())
        })
    }

    fn health(&self) -> Health {
        let content = self.content();
        Health {
            documents: content.documents.len() as u64,
            commits: content.commits,
            groups: content.commits,
            ..Health::default()
        }
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        Box::pin(async { self.closed.store(true, Ordering::Release) })
    }
}

impl Content {
    fn apply(&mut self, batch: Batch) {
        let Batch { document, put, delete, manifest } = batch;
        self.commits += 1;
        let entry = self
            .documents
            .entry(document)
            .or_insert_with(|| Document { manifest: manifest.clone(), chunks: BTreeMap::new() });
        entry.manifest = manifest;
        for key in delete {
            entry.chunks.remove(&key);
        }
        for chunk in put {
            entry.chunks.insert(chunk.key(), chunk);
        }
    }
}

impl Document {
    fn to_stored(&self) -> Stored {
        Stored { manifest: self.manifest.clone(), chunks: self.chunks.values().cloned().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Place, keeps_the_contract};

    impl Place for MemoryStore {
        fn open(&self) -> Arc<dyn Store> {
            Arc::new(self.reopened())
        }
    }

    keeps_the_contract!(MemoryStore::new());
}
