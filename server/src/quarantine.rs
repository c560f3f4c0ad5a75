//! Refused changes, kept aside for a while, so that what somebody did is not lost because they might not.
//!
//! Edit path: ← a document refuses changes, and whoever refuses hands them here; → an administrator looks at them
//! ([`preview`]), and throws them away or makes a change of their own with the same effect ([`rebased`]).
//!
//! Always true: what is kept has a bound in bytes for all and for each person, and an end. The same change of the same document
//! is kept once, and not again when it was decided: a stock client offers it again and again. Nobody who is refused waits for this.
//! **Invariant:** nothing that is kept here is ever part of a document by itself.

mod item; // One item as records, and back.
mod remade; // Refused changes by another actor.
mod rescue; // What changes would do, and how they are accepted.
mod room; // What is kept, and whether there is room for more.

pub use item::{Item, Summary};
pub use rescue::{Preview, Rebased, RescueError, preview, rebased};

use crate::clock::Clock;
use crate::metrics::{QUARANTINE_BYTES, QUARANTINE_NOT_KEPT};
use crate::serial::Serial;
use crate::store::{CommitError, LoadError, Space, Store};
use automerge::ChangeHash;
use bytes::Bytes;
use dovetail_core::grant::ServerPermit;
use dovetail_core::id::{DocumentId, SubjectId};
use room::Room;
use std::borrow::Cow;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Items that wait to be written. The room for them is taken already, so this bounds no memory; it bounds how far the store may
/// be behind.
const QUEUE_MAX: usize = 256;

/// The most changes of one item: as many as a document holds aside. 32 bytes for each hash fit into a record twice over.
pub const CHANGES_MAX: usize = 4_096;

/// How often it is looked at what has come to its end. Nobody minds a minute after seven days.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Items that are taken away at once, with all their parts.
const EXPIRED_AT_ONCE: usize = 16;

/// Heads that are read at once when the quarantine is opened: some MiB at most.
const OPEN_PAGE: usize = 64;

/// Items that a list has at most.
pub const LIST_MAX: usize = 200;

/// How much is kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Bytes over all; a tenth of that for each person.
    pub bytes_max: usize,
    /// Until when, from when it was refused.
    pub keep: Duration,
}

/// Changes that were refused together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// By which document.
    pub document: DocumentId,
    /// Whose they are, if that is known.
    pub subject: Option<SubjectId>,
    /// Why, as programs know it.
    pub code: Cow<'static, str>,
    /// The changes, each after those it depends on.
    pub changes: Vec<(ChangeHash, Bytes)>,
}

/// What became of changes that were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// They are kept from now on, if the store takes them.
    New,
    /// They were refused before, and are kept or decided.
    Before,
    /// There is no room.
    No,
}

/// Which items are wanted; what is not said is not looked at.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this document.
    pub document: Option<DocumentId>,
    /// Of this person.
    pub subject: Option<SubjectId>,
}

/// See the top of the file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Quarantine {
    inner: Arc<Inner>,
    queue: mpsc::Sender<Wake>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    clock: Clock,
    keep: Duration,
    room: Mutex<Room>,
}

/// What wakes the task.
#[derive(Debug)]
enum Wake {
    Keep(Box<Item>),
    Flush(oneshot::Sender<()>),
}

impl Quarantine {
    /// What is kept in this store. Begins to take away what has come to its end.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(store: Arc<dyn Store>, settings: Settings, clock: Clock) -> Result<Self, LoadError> {
        let mut room = Room::new(settings.bytes_max);
        read_heads(&*store, &mut room).await?;
        let inner = Arc::new(Inner { store, clock, keep: settings.keep, room: Mutex::new(room) });
        let (queue, wakes) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(work(Arc::downgrade(&inner), wakes));
        Ok(Self { inner, queue })
    }

    /// How many bytes are kept.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.inner.room().bytes()
    }

    /// Keeps changes aside, as far as they are new and there is room. Waits for nothing.
    pub fn keep(&self, refused: Refused) -> Kept {
        let count = refused.changes.len();
        let item = match self.inner.take_room(refused) {
            Ok(item) => item,
            Err(kept) => return kept,
        };
        let Err(full) = self.queue.try_send(Wake::Keep(Box::new(item))) else { return Kept::New };
        if let Wake::Keep(item) = full.into_inner() {
            self.inner.room().give_back(&item.summary);
            not_kept(&item.summary.document, count, "the store is behind");
        }
        Kept::No
    }

    /// Waits until what was handed in before is written or given up. To be called before the store is closed.
    pub async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.queue.send(Wake::Flush(done)).await.is_ok() {
            // The task is gone when its runtime is: then nothing is written any more.
            let _ = written.await;
        }
    }

    /// Up to `limit` items, the oldest first, and where the next page begins. What is still being written is not among them.
    #[must_use]
    pub fn list(
        &self,
        _permit: &ServerPermit,
        filter: &Filter,
        after: Option<Serial>,
        limit: usize,
    ) -> (Vec<Summary>, Option<Serial>) {
        let room = self.inner.room();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let limit = limit.clamp(1, LIST_MAX);
        let behind = room.items().range((start, Bound::Unbounded)).map(|(_, summary)| summary);
        let wanted = behind.filter(|summary| !summary.is_decided && filter.takes(summary));
        let mut found: Vec<Summary> = wanted.take(limit + 1).cloned().collect();
        let has_more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| has_more).map(|last| last.id);
        (found, next)
    }

    /// One item with its changes, or nothing when there is none of this name any more.
    ///
    /// # Errors
    /// When the store cannot be read, or what it has is not what was kept.
    pub async fn get(&self, _permit: &ServerPermit, id: Serial) -> Result<Option<Item>, LoadError> {
        let Some(summary) = self.inner.undecided(id) else { return Ok(None) };
        let mut parts = Vec::with_capacity(summary.parts());
        for part in 0..summary.parts() {
            let Some(bytes) = self.inner.store.record(Space::Quarantine, &item::part_name(id, part)).await?
            else {
                // Somebody has taken it away meanwhile.
                return Ok(None);
            };
            parts.push(bytes);
        }
        let damaged =
            || LoadError::Unreadable { why: format!("item {id} of the quarantine is not what was kept") };
        Item::of_parts(summary, &parts).map(Some).ok_or_else(damaged)
    }

    /// Takes an item away: it was accepted, or is not wanted. Its changes are not kept again when they are refused again,
    /// until the time for which they would have been kept is over. Says whether it was there.
    ///
    /// # Errors
    /// See [`CommitError`].
    pub async fn decide(&self, _permit: &ServerPermit, id: Serial) -> Result<bool, CommitError> {
        let Some(summary) = self.inner.undecided(id) else { return Ok(false) };
        self.inner.store.write_records(Space::Quarantine, summary.to_decided_records()).await?;
        self.inner.room().note_decided(&summary);
        self.inner.show_bytes();
        Ok(true)
    }
}

impl Inner {
    fn undecided(&self, id: Serial) -> Option<Summary> {
        self.room().items().get(&id).filter(|summary| !summary.is_decided).cloned()
    }

    /// The item that is made of what is new, with room for it.
    fn take_room(&self, refused: Refused) -> Result<Item, Kept> {
        let Refused { document, subject, code, mut changes } = refused;
        let mut room = self.room();
        changes.retain(|(hash, _)| !room.has(&document, hash));
        if changes.is_empty() {
            return Err(Kept::Before);
        }
        if changes.len() > CHANGES_MAX {
            not_kept(&document, changes.len(), "they are too many at once");
            return Err(Kept::No);
        }
        let at = self.clock.now();
        let item = Item::new(room.next_id(at), document, subject, &code, (at, at + self.keep), changes);
        if room.take(&item.summary) {
            return Ok(item);
        }
        not_kept(&item.summary.document, item.changes.len(), "there is no room");
        Err(Kept::No)
    }

    async fn write(&self, item: &Item) {
        match self.store.write_records(Space::Quarantine, item.to_records()).await {
            Ok(()) => self.room().note_written(&item.summary),
            Err(error) => {
                self.room().give_back(&item.summary);
                tracing::warn!(%error, "refused changes were not kept");
                not_kept(&item.summary.document, item.changes.len(), "the store did not take them");
            }
        }
        self.show_bytes();
    }

    /// Takes away what has come to its end, some at a time.
    async fn expire(&self) {
        loop {
            let over = self.room().over(self.clock.now(), EXPIRED_AT_ONCE);
            if over.is_empty() {
                return;
            }
            if let Err(error) = self.take_away(&over).await {
                tracing::warn!(%error, "refused changes were not taken away");
                return;
            }
        }
    }

    async fn take_away(&self, items: &[Summary]) -> Result<(), CommitError> {
        let names = items.iter().flat_map(item::names).map(|name| (name, None)).collect();
        self.store.write_records(Space::Quarantine, names).await?;
        let mut room = self.room();
        items.iter().for_each(|summary| room.note_gone(summary));
        drop(room);
        self.show_bytes();
        Ok(())
    }

    fn show_bytes(&self) {
        metrics::gauge!(QUARANTINE_BYTES).set(self.room().bytes() as f64);
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().expect("nothing panics while it holds this lock")
    }
}

/// Goes on until the quarantine is dropped.
async fn work(inner: Weak<Inner>, mut wakes: mpsc::Receiver<Wake>) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        let wake = tokio::select! {
            wake = wakes.recv() => match wake {
                Some(wake) => Some(wake),
                None => return,
            },
            _ = look.tick() => None,
        };
        let Some(inner) = inner.upgrade() else { return };
        match wake {
            Some(Wake::Keep(item)) => inner.write(&item).await,
            Some(Wake::Flush(done)) => drop(done.send(())),
            None => inner.expire().await,
        }
    }
}

async fn read_heads(store: &dyn Store, room: &mut Room) -> Result<(), LoadError> {
    let mut after: Option<String> = None;
    loop {
        let page = store.records(Space::Quarantine, after.as_deref(), OPEN_PAGE).await?;
        let is_last = page.len() < OPEN_PAGE;
        after = page.last().map(|(name, _)| name.clone());
        for (name, bytes) in page {
            // Parts stand behind all heads.
            let Some(id) = item::id_of_head(&name) else { return Ok(()) };
            match Summary::of_head(id, &bytes) {
                Some(summary) => room.note_found(&summary),
                None => tracing::warn!(%name, "an item of the quarantine cannot be read"),
            }
        }
        if is_last {
            return Ok(());
        }
    }
}

fn not_kept(document: &DocumentId, changes: usize, why: &str) {
    metrics::counter!(QUARANTINE_NOT_KEPT).increment(changes as u64);
    tracing::warn!(%document, changes, why, "refused changes are not kept");
}

impl Filter {
    fn takes(&self, summary: &Summary) -> bool {
        self.document.as_ref().is_none_or(|document| summary.document == *document)
            && self.subject.as_ref().is_none_or(|subject| summary.subject.as_ref() == Some(subject))
    }
}

#[cfg(test)]
mod tests;
