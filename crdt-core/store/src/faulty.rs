//! Any store, with commits that a test holds back and fails: for those who must not say a word too early.
//!
//! Always true: what fails here is not written below, and what is held back is not written before it is let go.

use super::{CommitError, DiskLow, Health, Listed, LoadError, Space, Store, StoreFuture, Writes};
use bytes::Bytes;
use dovetail_core::document::chunk::{Batch, Manifest, Stored};
use dovetail_core::id::DocumentId;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;

/// What a [`FaultyStore`] says of a disk that is low.
const LOW: DiskLow = DiskLow { free_bytes: 1_000, floor_bytes: 1_000_000 };

/// What it says of everything else that fails.
const WHY: &str = "the test says so";

/// What becomes of what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commits {
    /// It goes to the store below.
    Succeed,
    /// It waits until the test decides otherwise.
    Wait,
    /// It is refused as long as the disk is low.
    DiskLow,
    /// It fails as a broken disk lets it fail.
    Fail,
    /// The store panics.
    Panic,
}

/// A store that writes when the test lets it, and reads at any time.
#[derive(Debug)]
pub struct FaultyStore {
    below: Arc<dyn Store>,
    commits: watch::Sender<Commits>,
    begun: AtomicUsize,
    waiting: AtomicUsize,
}

impl FaultyStore {
    /// Over this store, and letting everything through.
    #[must_use]
    pub fn over(below: Arc<dyn Store>) -> Arc<Self> {
        let commits = watch::Sender::new(Commits::Succeed);
        Arc::new(Self { below, commits, begun: AtomicUsize::new(0), waiting: AtomicUsize::new(0) })
    }

    /// Decides on what waits, and on what comes from now on.
    pub fn commits(&self, from_now_on: Commits) {
        self.commits.send_replace(from_now_on);
    }

    /// How many batches were brought so far, whatever became of them.
    pub fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    /// How much waits for the test to decide: batches, and records of the server's own.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    async fn decided(&self) -> Result<(), CommitError> {
        let mut commits = self.commits.subscribe();
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let decided = *commits.wait_for(|commits| *commits != Commits::Wait).await.expect("it is held here");
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        match decided {
            Commits::Succeed | Commits::Wait => Ok(()),
            Commits::DiskLow => Err(LOW.into()),
            Commits::Fail => Err(CommitError::ReadOnly { why: WHY.into() }),
            Commits::Panic => panic!("{WHY}"),
        }
    }
}

impl Store for FaultyStore {
    fn commit(&self, batch: Batch) -> StoreFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            self.begun.fetch_add(1, Ordering::SeqCst);
            self.decided().await?;
            self.below.commit(batch).await
        })
    }

    fn load(&self, document: &DocumentId) -> StoreFuture<'_, Result<Option<Stored>, LoadError>> {
        self.below.load(document)
    }

    fn manifest(&self, document: &DocumentId) -> StoreFuture<'_, Result<Option<Manifest>, LoadError>> {
        self.below.manifest(document)
    }

    fn list(
        &self,
        after: Option<&DocumentId>,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<Listed>, LoadError>> {
        self.below.list(after, limit)
    }

    fn record(&self, space: Space, name: &str) -> StoreFuture<'_, Result<Option<Bytes>, LoadError>> {
        self.below.record(space, name)
    }

    fn records(
        &self,
        space: Space,
        after: Option<&str>,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<(String, Bytes)>, LoadError>> {
        self.below.records(space, after, limit)
    }

    fn write_records(
        &self,
        space: Space,
        writes: Vec<(String, Option<Bytes>)>,
    ) -> StoreFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            self.decided().await?;
            self.below.write_records(space, writes).await
        })
    }

    fn health(&self) -> Health {
        let writes = match *self.commits.borrow() {
            Commits::Succeed | Commits::Wait => self.below.health().writes,
            Commits::DiskLow => Writes::DiskLow(LOW),
            Commits::Fail | Commits::Panic => Writes::Stopped { why: WHY.into() },
        };
        Health { writes, ..self.below.health() }
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        self.below.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;
    use crate::contract::{Place, keeps_the_contract};

    /// Over what is left in memory from one opening to the next.
    struct OverMemory(MemoryStore);

    impl Place for OverMemory {
        fn open(&self) -> Arc<dyn Store> {
            FaultyStore::over(Arc::new(self.0.reopened()))
        }
    }

    keeps_the_contract!(OverMemory(MemoryStore::new()));
}
