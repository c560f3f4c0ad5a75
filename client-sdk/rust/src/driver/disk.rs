//! What the store is asked for, document by document in order, and of different documents at once: they share a sync of the disk.
//!
//! Edit path: ← [`Disk::ask`], → the store; ← [`Disk::next`], what became of it.
//!
//! Always true: of one document one thing at a time is under way, in the order in which it was asked for.

use crate::keep::{forget, notes};
use crate::machine::replica::{LoadFault, Notes};
use crate::machine::room::Leave;
use dovetail_core::document::chunk::{Batch, Stored};
use dovetail_core::id::DocumentId;
use dovetail_store::{CommitError, LoadError, Store};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tokio::task::{JoinError, JoinSet};

/// Something that a store is asked for.
#[derive(Debug)]
pub(super) enum Job {
    Load,
    Commit(Batch),
    Note(Box<Notes>),
    Forget(Leave),
}

/// What there is of a document.
pub(super) type Loaded = Result<(Option<Stored>, Option<Notes>), LoadFault>;

/// What became of it.
#[derive(Debug)]
pub(super) enum Done {
    Loaded(Box<Loaded>),
    Stored(Result<(), Unstored>),
    /// Whether they are written down.
    Noted(Result<(), String>),
    /// Whether it is gone, or in words why it could not be let go of.
    Forgotten(Leave, Result<bool, String>),
}

/// Why something was not stored.
#[derive(Debug)]
pub(super) struct Unstored {
    pub(super) why: String,
    /// What is there, of this document or before it, is not what was written, and will not be the next time.
    pub(super) is_damage: bool,
}

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Disk {
    store: Arc<dyn Store>,
    /// Behind what is under way. A document that is here has something under way.
    waiting: HashMap<DocumentId, VecDeque<Job>>,
    working: JoinSet<(DocumentId, Done)>,
}

impl Disk {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, waiting: HashMap::new(), working: JoinSet::new() }
    }

    pub(super) fn ask(&mut self, id: DocumentId, job: Job) {
        match self.waiting.get_mut(&id) {
            Some(waiting) => waiting.push_back(job),
            None => {
                self.waiting.insert(id.clone(), VecDeque::new());
                self.begin(id, job);
            }
        }
    }

    fn begin(&mut self, id: DocumentId, job: Job) {
        let store = Arc::clone(&self.store);
        self.working.spawn(async move {
            let done = work(&*store, &id, job).await;
            (id, done)
        });
    }

    /// What is done next. Waits for ever when nothing is under way.
    pub(super) async fn next(&mut self) -> (DocumentId, Done) {
        match self.working.join_next().await {
            Some(done) => self.go_on(done),
            None => std::future::pending().await,
        }
    }

    /// What is done already.
    pub(super) fn try_next(&mut self) -> Option<(DocumentId, Done)> {
        let done = self.working.try_join_next()?;
        Some(self.go_on(done))
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    fn go_on(&mut self, done: Result<(DocumentId, Done), JoinError>) -> (DocumentId, Done) {
        // A store catches its own panics, and nobody aborts what it is asked for.
        let (id, done) = done.unwrap_or_else(|ended| std::panic::resume_unwind(ended.into_panic()));
        match self.waiting.get_mut(&id).and_then(VecDeque::pop_front) {
            Some(job) => self.begin(id.clone(), job),
            None => _ = self.waiting.remove(&id),
        }
        (id, done)
    }
}

async fn work(store: &dyn Store, id: &DocumentId, job: Job) -> Done {
    match job {
        Job::Load => Done::Loaded(Box::new(load(store, id).await.map_err(|error| match error {
            LoadError::Damaged { what, .. } => LoadFault::Damaged(what),
            other => LoadFault::Unavailable(other.to_string()),
        }))),
        Job::Commit(batch) => Done::Stored(store.commit(batch).await.map_err(|error| Unstored {
            why: error.to_string(),
            is_damage: matches!(error, CommitError::Damaged { .. }),
        })),
        Job::Note(notes) => {
            let written = notes::write(store, id, &notes).await;
            if let Err(error) = &written {
                tracing::warn!(document = %id, %error, "what is noted beside a document could not be written");
            }
            Done::Noted(written.map_err(|error| error.to_string()))
        }
        Job::Forget(leave) => Done::Forgotten(leave, forget::forget(store, id, leave).await),
    }
}

async fn load(store: &dyn Store, id: &DocumentId) -> Result<(Option<Stored>, Option<Notes>), LoadError> {
    let stored = store.load(id).await?;
    // Without a document there is nothing to note; its right may be noted all the same.
    let notes = notes::read(store, id).await?;
    Ok((stored, notes))
}
