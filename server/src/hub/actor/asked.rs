//! The one question that a document's task has at the store.
//!
//! Edit path: ← the machine wants something loaded, or a burst committed, → the [`store`](crate::store), and its answer for the
//! machine.
//!
//! Always true: there is at most one question, and its answer is given out once. Why the store could not answer goes to the log,
//! and the machine is told no more than what it has to decide by.

use crate::damaged::Damaged;
use crate::hub::rights;
use crate::store::{CommitError, LoadError, Store};
use dovetail_core::document::chunk::Batch;
use dovetail_core::document::{CommitFault, Input, LoadFault};
use dovetail_core::id::DocumentId;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tracing::Instrument;

/// See the top of the file.
#[derive(Default)]
pub(super) struct Asked {
    question: Option<Pin<Box<dyn Future<Output = Input> + Send>>>,
    /// The store's answer, if it was there at the first look.
    answer: Option<Input>,
}

impl Asked {
    /// The store will be asked this at the next look.
    pub(super) fn ask(&mut self, question: impl Future<Output = Input> + Send + 'static) {
        self.question = Some(Box::pin(question));
    }

    /// A future does nothing before it is polled: this hands the question to the store.
    pub(super) fn begin(&mut self) {
        let Some(question) = &mut self.question else { return };
        let mut nobody = Context::from_waker(Waker::noop());
        if let Poll::Ready(input) = question.as_mut().poll(&mut nobody) {
            self.question = None;
            self.answer = Some(input);
        }
    }

    /// Resolves when the store has answered; never while it was not asked. May be dropped and called again.
    pub(super) async fn answered(&mut self) -> Input {
        if let Some(input) = self.answer.take() {
            return input;
        }
        match &mut self.question {
            Some(question) => {
                let input = question.await;
                self.question = None;
                input
            }
            None => std::future::pending().await,
        }
    }
}

pub(super) async fn manifest(store: Arc<dyn Store>, id: DocumentId) -> Input {
    Input::Manifest(store.manifest(&id).await.map_err(|error| load_fault(&id, &error)))
}

pub(super) async fn followed(store: Arc<dyn Store>, document: DocumentId) -> Input {
    let found = rights::followed(&*store, &document).await;
    Input::Followed(found.map(Arc::new).map_err(|error| load_fault(&document, &error)))
}

pub(super) async fn chunks(store: Arc<dyn Store>, id: DocumentId, damaged: Damaged) -> Input {
    let loaded = store.load(&id).await;
    if let Err(LoadError::Damaged { what, .. }) = &loaded {
        damaged.note(&id, what);
    }
    Input::Chunks(loaded.map_err(|error| load_fault(&id, &error)))
}

pub(super) async fn commit(store: Arc<dyn Store>, batch: Batch) -> Input {
    let id = batch.document.clone();
    let stop = tracing::debug_span!("store", document = %id);
    let committed = store.commit(batch).instrument(stop).await;
    Input::Stored(committed.map_err(|error| commit_fault(&id, &error)))
}

fn load_fault(document: &DocumentId, error: &LoadError) -> LoadFault {
    tracing::error!(%document, error = error as &dyn std::error::Error, "could not load");
    match error {
        LoadError::Damaged { .. } => LoadFault::Damaged,
        _ => LoadFault::Unavailable,
    }
}

fn commit_fault(document: &DocumentId, error: &CommitError) -> CommitFault {
    metrics::counter!(crate::metrics::COMMITS_FAILED).increment(1);
    if let CommitError::DiskLow(_) = error {
        // The store has said so once.
        tracing::debug!(%document, %error, "did not store");
        return CommitFault::DiskLow;
    }
    tracing::error!(%document, error = error as &dyn std::error::Error, "could not store");
    CommitFault::Unavailable
}
