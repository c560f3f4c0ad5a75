//! The embedded store: documents in one sled tree, in a directory that one process holds.
//!
//! Written through one thread, read from any. What sled 0.34 does not do is done here: its flush does not
//! sync the disk, so the committer does; it panics on corrupt files, so every call stands where a panic
//! is caught; it moves large values into files of their own, so none is large.
//!
//! Edit path: ← [`super::Store::commit`], → [`committer`] and back.
//!
//! **Invariant:** everything lies in one tree, because a `sled::Batch` is atomic within one.

mod ballast; // Room to start with on a disk that is full.
mod codec; // What lies under which key, byte by byte. Read this first.
mod committer; // The thread that writes: groups, sync, answers.
mod disk; // Whether there is room to write.
mod log; // What lies on the disk, before sled has it.
mod open; // From a directory to a store, and why not.
mod read; // Records to documents.
mod rebuild; // A new one in the place of the one before.
mod records; // The server's own, that belong to no document.
mod salvage; // What can be read of a log that sled cannot open.
mod tally; // Whether what is opened is what was left.
mod write; // Batches to records.

pub use committer::{COMMITS_WAITING_MAX, GROUP_BYTES_MAX};
pub use disk::Floor;
pub use open::OpenError;
pub use rebuild::Rebuild;

use super::{
    CommitError, Health, Listed, LoadError, Space, Store, StoreFuture, Writes, check_records, check_size,
};
use bytes::Bytes;
use committer::{Committer, Write};
use disk::Disk;
use dovetail_core::document::chunk::{Batch, Manifest, Stored};
use dovetail_core::id::DocumentId;
use open::{Beginning, CONF_FILE, LOG_FILE, log_sync, none_was_in, open_apart};
use read::{ReadError, TO_READ, past_others};
use salvage::Salvaged;
use sled::Db;
use std::any::Any;
use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use tally::{Noted, Tally};

/// See the module.
#[derive(Debug)]
pub struct SledStore {
    /// Dropped before `opened`, so that the thread has let go of it.
    committer: Committer,
    /// `None` when the store is closed.
    opened: RwLock<Option<Arc<Opened>>>,
    disk: Arc<Disk>,
}

/// A tree that is open. The fields are dropped in this order: the lock is the last to go.
#[derive(Debug)]
struct Opened {
    db: Db,
    /// Also held while a batch is brought into the tree, and by a reader who found no quiet moment.
    unsynced: Mutex<Unsynced>,
    /// Rung when a sync has ended.
    synced: Condvar,
    documents: AtomicU64,
    /// Another number after each try of a batch that came half-way into the tree, and when it is through.
    half_applied: AtomicU64,
    /// Of what was there when it was opened; the writer counts on from here.
    tally: Tally,
    /// In words what is missing from it, if somebody wanted it all the same.
    missing: Option<String>,
    noted: Noted,
    dir: PathBuf,
    /// Where the tree lies, if it is not the one of the directory.
    _salvaged: Option<Salvaged>,
    lock: Arc<File>,
}

/// What the tree already shows and the disk does not hold yet. Nobody may be told of it.
#[derive(Debug, Default)]
struct Unsynced {
    documents: HashSet<DocumentId>,
    /// Records of the server's own.
    records: bool,
    /// How many syncs have ended well.
    syncs: u64,
    /// The sync failed: it stays unknown what of them the disk holds.
    failed: bool,
}

impl Opened {
    fn unsynced(&self) -> MutexGuard<'_, Unsynced> {
        // A committer that panicked says so in `failed`; what the set holds is still true.
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the disk holds what was read of these documents. Gives back those of which it never will.
    fn wait_until_synced<'a>(&self, documents: impl Iterator<Item = &'a DocumentId>) -> HashSet<DocumentId> {
        let mut unsynced = self.unsynced();
        let shown = documents.filter(|document| unsynced.documents.contains(*document));
        let shown: HashSet<_> = shown.cloned().collect();
        // The next sync to end is the one of what was read. Later ones are of later batches: to wait until
        // there are none would be to wait for ever on a busy server.
        let before = unsynced.syncs;
        while !shown.is_empty() && unsynced.syncs == before {
            if unsynced.failed {
                return shown;
            }
            unsynced = self.synced.wait(unsynced).unwrap_or_else(PoisonError::into_inner);
        }
        HashSet::new()
    }

    /// Waits until the disk holds the records that the tree shows.
    fn wait_until_records_synced(&self) -> Result<(), ReadError> {
        let mut unsynced = self.unsynced();
        let before = unsynced.syncs;
        while unsynced.records && unsynced.syncs == before {
            if unsynced.failed {
                return Err(ReadError::NeverSynced);
            }
            unsynced = self.synced.wait(unsynced).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// The sync of everything that was brought into the tree has ended, for good or bad.
    fn note_synced(&self, durable: bool) {
        let mut unsynced = self.unsynced();
        if durable {
            unsynced.documents.clear();
            unsynced.records = false;
            unsynced.syncs += 1;
        } else {
            unsynced.failed = true;
        }
        self.synced.notify_all();
    }
}

impl SledStore {
    /// Opens a directory, or makes it. Reads the whole log if the process before was killed, so it may take
    /// seconds: not for a thread that others wait for. With less room than `floor` it is read, and not written.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing is changed then.
    pub fn open(dir: &Path, floor: Floor) -> Result<Self, OpenError> {
        Self::open_synced_by(dir, floor, Beginning::AsItWasLeft, log_sync(dir))
    }

    /// Whether there is a store in a directory.
    #[must_use]
    pub fn lies_in(dir: &Path) -> bool {
        dir.join(LOG_FILE).exists()
    }

    /// Whether a directory without a store is one that never had one.
    ///
    /// # Errors
    /// [`OpenError::LogGone`] and [`OpenError::Unfinished`] say what it had.
    pub fn check_that_none_was_in(dir: &Path) -> Result<(), OpenError> {
        match Self::lies_in(dir) {
            true => Ok(()),
            false => none_was_in(dir),
        }
    }

    /// Opens what is there, though something may be missing from it, to be looked at and copied, and not to be written to. Says what is
    /// missing. Where sled cannot open the log, it is read without sled: that takes as much memory, and room on the disk, as the documents.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_as_it_is(dir: &Path) -> Result<(Self, Option<String>), OpenError> {
        let store = Self::open_synced_by(dir, Floor::Bytes(0), Beginning::AsItIs, log_sync(dir))?;
        let missing = store.opened().and_then(|opened| opened.missing.clone());
        Ok((store, missing))
    }

    /// `sync` makes what makes the log durable, once there is one. A test makes one that fails.
    fn open_synced_by<S>(
        dir: &Path,
        floor: Floor,
        beginning: Beginning,
        sync: impl FnOnce() -> io::Result<S>,
    ) -> Result<Self, OpenError>
    where
        S: FnMut() -> io::Result<()> + Send + 'static,
    {
        let unusable = |source| OpenError::unusable(dir, source);
        let opened = Arc::new(open_apart(dir, beginning)?);
        let sync = sync().map_err(unusable)?;
        let disk = Arc::new(Disk::of(dir, floor));
        ballast::set_aside(dir, &disk);
        let committer = Committer::start(Arc::clone(&opened), Arc::clone(&disk), sync).map_err(unusable)?;
        Ok(Self { committer, opened: RwLock::new(Some(opened)), disk })
    }

    fn writes(&self) -> Writes {
        match (self.committer.read_only(), self.disk.check()) {
            (Some(why), _) => Writes::Stopped { why },
            (None, Err(low)) => Writes::DiskLow(low),
            (None, Ok(())) => Writes::Taken,
        }
    }

    fn opened(&self) -> Option<Arc<Opened>> {
        self.opened.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads on a thread that may wait for the disk, and where sled's panics end.
    async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&Opened) -> Result<T, ReadError> + Send + 'static,
        in_words: impl FnOnce(ReadError) -> LoadError + Send,
    ) -> Result<T, LoadError> {
        let opened = self.opened().ok_or(LoadError::Closed)?;
        match tokio::task::spawn_blocking(move || past_others(TO_READ, || read(&opened))).await {
            Ok(result) => result.map_err(in_words),
            Err(ended) if ended.is_panic() => {
                let what = panic_message(&*ended.into_panic());
                Err(in_words(ReadError::Damaged(codec::Damage(what))))
            }
            // The runtime is shutting down.
            Err(_) => Err(LoadError::Closed),
        }
    }
}

impl Store for SledStore {
    fn commit(&self, batch: Batch) -> StoreFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            check_size(&batch)?;
            self.committer.commit(Write::Batch(batch)).await
        })
    }

    fn load(&self, document: &DocumentId) -> StoreFuture<'_, Result<Option<Stored>, LoadError>> {
        let (asked, document) = (document.clone(), document.clone());
        Box::pin(self.read(move |opened| read::load(opened, &asked), move |error| error.of(&document)))
    }

    fn manifest(&self, document: &DocumentId) -> StoreFuture<'_, Result<Option<Manifest>, LoadError>> {
        let (asked, document) = (document.clone(), document.clone());
        Box::pin(self.read(move |opened| read::manifest(opened, &asked), move |error| error.of(&document)))
    }

    fn list(
        &self,
        after: Option<&DocumentId>,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<Listed>, LoadError>> {
        let after = after.cloned();
        Box::pin(self.read(move |opened| read::list(opened, after.as_ref(), limit), ReadError::of_the_store))
    }

    fn record(&self, space: Space, name: &str) -> StoreFuture<'_, Result<Option<Bytes>, LoadError>> {
        let name = name.to_owned();
        Box::pin(self.read(move |opened| records::record(opened, space, &name), ReadError::of_the_store))
    }

    fn records(
        &self,
        space: Space,
        after: Option<&str>,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<(String, Bytes)>, LoadError>> {
        let after = after.map(str::to_owned);
        let read = move |opened: &Opened| records::records(opened, space, after.as_deref(), limit);
        Box::pin(self.read(read, ReadError::of_the_store))
    }

    fn write_records(
        &self,
        space: Space,
        writes: Vec<(String, Option<Bytes>)>,
    ) -> StoreFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            check_records(&writes)?;
            self.committer.commit(Write::Records { space, writes }).await
        })
    }

    fn health(&self) -> Health {
        let opened = self.opened();
        let (commits, groups) = self.committer.commits_and_groups();
        Health {
            documents: opened.as_ref().map_or(0, |opened| opened.documents.load(Ordering::Relaxed)),
            disk_bytes: opened.and_then(|opened| opened.db.size_on_disk().ok()).unwrap_or(0),
            writes: self.writes(),
            free_bytes: self.disk.free_bytes(),
            floor_bytes: self.disk.floor_bytes(),
            last_commit_at: self.committer.last_commit_at(),
            queued: self.committer.queued(),
            commits,
            groups,
        }
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        Box::pin(async {
            self.committer.close().await;
            let opened = self.opened.write().unwrap_or_else(PoisonError::into_inner).take();
            // Sled flushes when it is dropped, which may wait for the disk. Should the runtime be
            // shutting down, it is dropped all the same.
            let _ = tokio::task::spawn_blocking(move || drop(opened)).await;
        })
    }
}

/// What sled found wrong, without what only its makers can use.
fn damage_in_words(error: &sled::Error) -> String {
    match error {
        sled::Error::Corruption { at: Some(at), .. } => {
            let at = at.to_string().replace(|other: char| !other.is_ascii_digit(), "");
            format!("its log cannot be read at byte {at}")
        }
        sled::Error::Corruption { at: None, .. } => "its log cannot be read".to_owned(),
        sled::Error::Unsupported(_) => format!("its file {CONF_FILE} is not the one that was written"),
        sled::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "its log is shorter than it was".to_owned()
        }
        sled::Error::Io(error) => disk_in_words(error),
        other => one_line(&other.to_string()),
    }
}

/// Sled keeps only the kind of some errors, and with it words for its makers.
fn disk_in_words(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(_) => error.to_string(),
        None if error.kind() == io::ErrorKind::Other => one_line(&error.to_string()),
        None => error.kind().to_string(),
    }
}

fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}

/// What a panic said.
fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.map_or_else(|| "sled stopped without saying why".to_owned(), |text| one_line(&text))
}

#[cfg(test)]
mod tests;
