//! A store for tests that decide when, and whether, a commit succeeds.

use super::{CommitError, Health, LoadError, MemoryStore, Space, Store, StoreFuture};
use bytes::Bytes;
use dovetail_core::document::chunk::{Batch, Manifest, Stored};
use dovetail_core::id::DocumentId;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a [`HeldStore`] does with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commits {
    Succeed,
    Wait,
    Fail,
    Panic,
}

/// A store in memory that commits when the test lets it.
#[derive(Debug)]
pub(crate) struct HeldStore {
    kept: MemoryStore,
    commits: tokio::sync::watch::Sender<Commits>,
    begun: AtomicUsize,
}

impl HeldStore {
    pub(crate) fn new() -> Arc<Self> {
        let commits = tokio::sync::watch::Sender::new(Commits::Succeed);
        Arc::new(Self { kept: MemoryStore::new(), commits, begun: AtomicUsize::new(0) })
    }

    pub(crate) fn commits(&self, from_now_on: Commits) {
        self.commits.send_replace(from_now_on);
    }

    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

impl Store for HeldStore {
    fn commit(&self, batch: Batch) -> StoreFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            self.begun.fetch_add(1, Ordering::SeqCst);
            let decided = *self
                .commits
                .subscribe()
                .wait_for(|commits| *commits != Commits::Wait)
                .await
                .expect("the test holds it");
            match decided {
                Commits::Fail => Err(CommitError::ReadOnly { why: "the test says so".into() }),
                Commits::Panic => panic!("the test says so"),
                Commits::Succeed | Commits::Wait => self.kept.commit(batch).await,
            }
        })
    }

    fn load(&self, document: &DocumentId) -> StoreFuture<'_, Result<Option<Stored>, LoadError>> {
        self.kept.load(document)
    }

    fn manifest(&self, document: &DocumentId) -> StoreFuture<'_, Result<Option<Manifest>, LoadError>> {
        self.kept.manifest(document)
    }

    fn list(
        &self,
        after: Option<&DocumentId>,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<(DocumentId, Manifest)>, LoadError>> {
        self.kept.list(after, limit)
    }

    fn record(&self, space: Space, name: &str) -> StoreFuture<'_, Result<Option<Bytes>, LoadError>> {
        self.kept.record(space, name)
    }

    fn records(
        &self,
        space: Space,
        after: Option<&str>,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<(String, Bytes)>, LoadError>> {
        self.kept.records(space, after, limit)
    }

    fn write_records(
        &self,
        space: Space,
        writes: Vec<(String, Option<Bytes>)>,
    ) -> StoreFuture<'_, Result<(), CommitError>> {
        self.kept.write_records(space, writes)
    }

    fn health(&self) -> Health {
        self.kept.health()
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        self.kept.close()
    }
}
