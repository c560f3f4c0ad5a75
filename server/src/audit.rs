//! The audit log: who did what, and who was refused what.
//!
//! Edit path: ← whoever decides tells what they decided: [`Audit::record`] for acts that change something,
//! [`Audit::note`] for what may be many; → the store, and pages for those who administer the server.
//!
//! Always true: entries are never changed, and only the oldest are taken away. Their names sort in the order in which the
//! log took them in, also when the clock goes back and after a restart. No entry holds what stands in a document.
//! **Invariant:** nobody waits for a note to be written, and whoever records an act can wait until it is durable.

mod entry; // What a line says. Read this first.
pub(crate) mod waiting; // What is to be written soon.

pub(crate) use entry::HIDDEN;
pub use entry::{Action, Entry, UnknownAction};

use crate::clock::Clock;
use crate::metrics::{AUDIT_ENTRIES, AUDIT_NOT_RECORDED};
use crate::serial::Serial;
use crate::store::{CommitError, LoadError, Space, Store};
use bytes::Bytes;
use dovetail_core::grant::ServerPermit;
use dovetail_core::id::{DocumentId, SubjectId};
use dovetail_core::time::Timestamp;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use waiting::Waiting;

/// How often what waits is looked at. A line is written within eleven seconds, and nobody reads a log faster.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Entries that are written or taken away at once: a batch of some 100 KiB, so that documents wait for none.
const BATCH: usize = 512;

/// Entries that one page has at most.
pub const PAGE_MAX: usize = 500;

/// Entries that are looked at for one page: some 20 ms. A filter that takes few of them gets pages that are short or empty
/// and lead on.
const LOOKED_AT_MAX: usize = 4_096;

/// Names that are read at once when the log is opened.
const OPEN_PAGE: usize = 1_024;

/// See the top of the file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Audit {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    clock: Clock,
    entries_max: usize,
    /// The names of all entries, those that are being written included. 100,000 of them take 3 MiB; without them the newest
    /// could not be found in a store that reads from the front only.
    names: Mutex<BTreeSet<Serial>>,
    waiting: Mutex<Waiting>,
    /// Held while what waits is written, so that whoever flushes waits for what somebody else took.
    writing: tokio::sync::Mutex<()>,
    wake: Arc<Notify>,
}

/// Which entries are wanted; what is not said is not looked at.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Older than this one: where the last page ended.
    pub after: Option<Serial>,
    /// How many at most; [`PAGE_MAX`] is the most.
    pub limit: usize,
    /// Of this subject.
    pub subject: Option<SubjectId>,
    /// Of this kind.
    pub action: Option<Action>,
    /// About this document.
    pub document: Option<DocumentId>,
    /// Taken in then or later.
    pub since: Option<Timestamp>,
    /// Taken in then or earlier.
    pub until: Option<Timestamp>,
}

/// Some entries, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What was found.
    pub entries: Vec<(Serial, Entry)>,
    /// Where the next page begins, if there may be one.
    pub next: Option<Serial>,
}

impl Audit {
    /// The log in this store, of at most `entries_max` entries. Reads the names of all of them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(store: Arc<dyn Store>, clock: Clock, entries_max: usize) -> Result<Self, LoadError> {
        let names = names_in(&*store).await?;
        let wake = Arc::new(Notify::new());
        let inner = Arc::new(Inner {
            store,
            clock,
            entries_max,
            names: Mutex::new(names),
            waiting: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            wake: Arc::clone(&wake),
        });
        tokio::spawn(write_what_waits(Arc::downgrade(&inner), wake));
        Ok(Self { inner })
    }

    /// How many entries there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.inner.names().len()
    }

    /// Takes in an act that changed something. Resolves when it is durable.
    ///
    /// # Errors
    /// See [`CommitError`]; the act was done all the same.
    pub async fn record(&self, entry: Entry) -> Result<(), CommitError> {
        self.inner.write(&[entry]).await
    }

    /// Takes in what may come often: it is written soon, together with equal ones. Waits for nothing.
    pub fn note(&self, entry: Entry) {
        if self.inner.waiting().add(entry) {
            self.inner.wake.notify_one();
        }
    }

    /// Writes what waits. To be called before the store is closed; what is noted afterwards is lost.
    pub async fn flush(&self) {
        self.inner.flush(true).await;
    }

    /// Entries from the newest to the oldest. Whoever asks proves that they may.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn page(&self, _permit: &ServerPermit, query: &Query) -> Result<Page, LoadError> {
        let limit = query.limit.clamp(1, PAGE_MAX);
        let mut found = Page { entries: Vec::new(), next: None };
        let mut before = query.first();
        for _ in 0..LOOKED_AT_MAX / BATCH {
            for (name, bytes) in self.inner.read_before(before).await? {
                if query.since.is_some_and(|since| name.at() < since) {
                    return Ok(found);
                }
                if found.entries.len() == limit {
                    found.next = found.entries.last().map(|(name, _)| *name);
                    return Ok(found);
                }
                before = Bound::Excluded(name);
                found.entries.extend(
                    read_entry(name, &bytes).filter(|entry| query.takes(entry)).map(|entry| (name, entry)),
                );
            }
            // What was just passed may have been the last one, or may not be durable yet.
            let Some(oldest) = self.inner.oldest() else { return Ok(found) };
            if matches!(before, Bound::Excluded(name) if name <= oldest)
                || self.inner.batch_before(before).0.is_empty()
            {
                return Ok(found);
            }
        }
        if let Bound::Excluded(name) = before {
            found.next = Some(name);
        }
        Ok(found)
    }
}

impl Inner {
    /// Writes entries under new names, all of them or none.
    async fn write(&self, entries: &[Entry]) -> Result<(), CommitError> {
        let names = self.take_names(entries.len());
        let write = |(name, entry): (&Serial, &Entry)| {
            (name.to_string(), Some(Bytes::from(entry.to_json().to_string())))
        };
        let writes = names.iter().zip(entries).map(write).collect();
        let written = self.store.write_records(Space::Audit, writes).await;
        if written.is_err() {
            let mut known = self.names();
            names.iter().for_each(|name| _ = known.remove(name));
        }
        written
    }

    /// Names behind all there are. They are known before they are written: whoever pages must not find a record that has
    /// no place yet.
    fn take_names(&self, count: usize) -> Vec<Serial> {
        let now = self.clock.now();
        let mut known = self.names();
        let taken = (0..count).map(|_| {
            let name = Serial::behind(known.last().copied(), now);
            known.insert(name);
            name
        });
        taken.collect()
    }

    /// Writes what is due, or all that waits, and takes away what is too much.
    async fn flush(&self, all: bool) {
        let _writing = self.writing.lock().await;
        let due = self.waiting().take(self.clock.now(), all);
        for batch in due.chunks(BATCH) {
            if let Err(error) = self.write(batch).await {
                tracing::warn!(%error, entries = batch.len(), "entries of the audit log were not written");
                self.waiting().lose(batch);
                metrics::counter!(AUDIT_NOT_RECORDED).increment(batch.len() as u64);
            }
        }
        self.trim().await;
    }

    /// Takes the oldest away, a batch at a time.
    async fn trim(&self) {
        loop {
            let oldest = self.too_many();
            if oldest.is_empty() {
                return;
            }
            let writes = oldest.iter().map(|name| (name.to_string(), None)).collect();
            if let Err(error) = self.store.write_records(Space::Audit, writes).await {
                tracing::warn!(%error, "old entries of the audit log were not taken away");
                return;
            }
            let mut known = self.names();
            oldest.iter().for_each(|name| _ = known.remove(name));
        }
    }

    fn too_many(&self) -> Vec<Serial> {
        let known = self.names();
        metrics::gauge!(AUDIT_ENTRIES).set(known.len() as f64);
        let count = known.len().saturating_sub(self.entries_max).min(BATCH);
        known.iter().take(count).copied().collect()
    }

    /// A batch of names before this one, the newest first, and the name behind which they begin in the store.
    fn batch_before(&self, before: Bound<Serial>) -> (Vec<Serial>, Option<Serial>) {
        let known = self.names();
        let mut older = known.range((Bound::Unbounded, before)).rev();
        let batch = older.by_ref().take(BATCH).copied().collect();
        (batch, older.next().copied())
    }

    /// The entries of a batch. One that is not durable yet is left out, and so is one that was taken away meanwhile.
    async fn read_before(&self, before: Bound<Serial>) -> Result<Vec<(Serial, Bytes)>, LoadError> {
        let (batch, behind) = self.batch_before(before);
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let behind = behind.map(|name| name.to_string());
        let records = self.store.records(Space::Audit, behind.as_deref(), batch.len()).await?;
        let records = records.into_iter().rev();
        let named = records.filter_map(|(name, bytes)| Some((name.parse().ok()?, bytes)));
        Ok(named.filter(|(name, _)| batch.first().is_some_and(|newest| name <= newest)).collect())
    }

    fn oldest(&self) -> Option<Serial> {
        self.names().first().copied()
    }

    fn names(&self) -> MutexGuard<'_, BTreeSet<Serial>> {
        self.names.lock().expect("nothing panics while it holds this lock")
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("nothing panics while it holds this lock")
    }
}

/// Goes on until the log is dropped.
async fn write_what_waits(inner: Weak<Inner>, wake: Arc<Notify>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = wake.notified() => {}
        }
        let Some(inner) = inner.upgrade() else { return };
        inner.flush(false).await;
    }
}

async fn names_in(store: &dyn Store) -> Result<BTreeSet<Serial>, LoadError> {
    let mut names = BTreeSet::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.records(Space::Audit, after.as_deref(), OPEN_PAGE).await?;
        let is_last = page.len() < OPEN_PAGE;
        after = page.last().map(|(name, _)| name.clone());
        names.extend(page.iter().filter_map(|(name, _)| name.parse::<Serial>().ok()));
        if is_last {
            return Ok(names);
        }
    }
}

fn read_entry(name: Serial, bytes: &[u8]) -> Option<Entry> {
    let entry = Entry::from_json(bytes);
    if entry.is_none() {
        tracing::warn!(%name, "an entry of the audit log cannot be read");
    }
    entry
}

impl Query {
    fn first(&self) -> Bound<Serial> {
        let until = self.until.map(Serial::last_at);
        match (self.after, until) {
            (Some(after), Some(until)) if until < after => Bound::Included(until),
            (Some(after), _) => Bound::Excluded(after),
            (None, Some(until)) => Bound::Included(until),
            (None, None) => Bound::Unbounded,
        }
    }

    fn takes(&self, entry: &Entry) -> bool {
        self.subject.as_ref().is_none_or(|subject| entry.subject.as_ref() == Some(subject))
            && self.action.is_none_or(|action| entry.action == action)
            && self.document.as_ref().is_none_or(|document| entry.document.as_ref() == Some(document))
    }
}

#[cfg(test)]
mod tests;
