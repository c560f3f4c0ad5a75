//! The embedded store: documents in one sled tree, in a directory that one process holds.
//!
//! Written through one thread, read from any. What sled 0.34 does not do is done here: its flush does not
//! sync the disk, so the committer does; it panics on corrupt files, so every call stands where a panic
//! is caught; it moves large values into files of their own, so none is large.
//!
//! Edit path: ← [`super::Store::commit`], → [`committer`] and back.
//!
//! **Invariant:** everything lies in one tree, because a `sled::Batch` is atomic within one.

mod codec; // What lies under which key, byte by byte. Read this first.
mod committer; // The thread that writes: groups, sync, answers.
mod disk; // Whether there is room to write.
mod read; // Records to documents.
mod records; // The server's own, that belong to no document.
mod write; // Batches to records.

pub use disk::Floor;

use super::{CommitError, Health, LoadError, Space, Store, StoreFuture, Writes, check_records, check_size};
use bytes::Bytes;
use committer::{Committer, Write};
use disk::Disk;
use dovetail_core::document::chunk::{Batch, Manifest, Stored};
use dovetail_core::id::DocumentId;
use read::ReadError;
use sled::Db;
use std::any::Any;
use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

/// What sled may keep of its pages in memory. Hot documents are in the hub's memory; this is for the
/// pages that are appended to and for loads.
const CACHE_BYTES: u64 = 64 << 20;

/// How long what is left of a dropped store may keep sled's lock. It takes milliseconds, on a busy machine some more.
const REMAINS_WITHIN: Duration = Duration::from_secs(10);

/// Held by the process that has the directory open. Sled has a lock of its own, but tells of it only in words.
const LOCK_FILE: &str = "dovetail.lock";

/// The file that sled appends to. Its name is part of the format that `=0.34.7` pins.
const LOG_FILE: &str = "db";

/// What sled's index of the log is called, and what it is called as well while it is being written. Pinned likewise.
const SNAPSHOT_PREFIX: &str = "snap.";
const UNFINISHED_SUFFIX: &str = ".generating";

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
    _lock: File,
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

/// Why a directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Most often a second server was started by mistake.
    #[error(
        "the data directory {} is in use by another process: stop that one first, or name another directory",
        dir.display()
    )]
    Locked {
        /// The directory.
        dir: PathBuf,
    },

    /// The disk's doing, or somebody wrote into the directory.
    #[error(
        "the store in {} is damaged and was left as it is ({what}): make a copy of the directory, then put a \
         backup in its place or name another directory",
        dir.display()
    )]
    Corrupt {
        /// The directory.
        dir: PathBuf,
        /// What was found.
        what: String,
    },

    /// An older server was started on what a newer one has written.
    #[error(
        "the store in {} has format {found}, and this program reads up to {known}: start the newer program that \
         wrote it",
        dir.display()
    )]
    Newer {
        /// The directory.
        dir: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format that is known here.
        known: u32,
    },

    /// The directory cannot be made, read or written.
    #[error("the data directory {} cannot be used", dir.display())]
    Unusable {
        /// The directory.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
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
        Self::open_synced_by(dir, floor, || {
            let log = File::open(dir.join(LOG_FILE))?;
            Ok(move || log.sync_data())
        })
    }

    /// `sync` makes what makes the log durable, once there is one. A test makes one that fails.
    fn open_synced_by<S>(
        dir: &Path,
        floor: Floor,
        sync: impl FnOnce() -> io::Result<S>,
    ) -> Result<Self, OpenError>
    where
        S: FnMut() -> io::Result<()> + Send + 'static,
    {
        let unusable = |source| OpenError::Unusable { dir: dir.to_owned(), source };
        let opened = Arc::new(open_apart(dir)?);
        let sync = sync().map_err(unusable)?;
        let disk = Arc::new(Disk::of(dir, floor));
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
        read: impl FnOnce(&Opened) -> Result<T, ReadError> + Send + 'static,
        in_words: impl FnOnce(ReadError) -> LoadError + Send,
    ) -> Result<T, LoadError> {
        let opened = self.opened().ok_or(LoadError::Closed)?;
        match tokio::task::spawn_blocking(move || read(&opened)).await {
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
    ) -> StoreFuture<'_, Result<Vec<(DocumentId, Manifest)>, LoadError>> {
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

/// Opens on a thread of its own, because sled panics on files that it cannot read.
fn open_apart(dir: &Path) -> Result<Opened, OpenError> {
    let apart = thread::Builder::new().name("dovetail-open".to_owned()).spawn({
        let dir = dir.to_owned();
        move || open_here(&dir)
    });
    let apart = apart.map_err(|source| OpenError::Unusable { dir: dir.to_owned(), source })?;
    apart
        .join()
        .unwrap_or_else(|panic| Err(OpenError::Corrupt { dir: dir.to_owned(), what: panic_message(&*panic) }))
}

fn open_here(dir: &Path) -> Result<Opened, OpenError> {
    let unusable = |source| OpenError::Unusable { dir: dir.to_owned(), source };
    fs::create_dir_all(dir).map_err(unusable)?;
    let lock = lock(dir)?;

    let in_words = |error| match error {
        sled::Error::Io(source) => OpenError::Unusable { dir: dir.to_owned(), source },
        error => OpenError::Corrupt { dir: dir.to_owned(), what: error.to_string() },
    };
    remove_unfinished(dir).map_err(unusable)?;
    let db = open_sled(dir).map_err(in_words)?;
    check_format(dir, &db)?;
    let documents = read::count(&db).map_err(in_words)?;
    db.flush().map_err(in_words)?;
    sync_names(dir).map_err(unusable)?;
    Ok(Opened {
        db,
        unsynced: Mutex::default(),
        synced: Condvar::new(),
        documents: AtomicU64::new(documents),
        _lock: lock,
    })
}

/// Nobody else has the directory, since our own lock is held. But sled's threads may outlive a store that was dropped
/// in this very process by a moment, and keep sled's lock for so long.
fn open_sled(dir: &Path) -> sled::Result<Db> {
    let config = sled::Config::new()
        .path(dir)
        .cache_capacity(CACHE_BYTES)
        .mode(sled::Mode::HighThroughput)
        // Only the committer flushes: a flush in between would only cost.
        .flush_every_ms(None);
    let until = Instant::now() + REMAINS_WITHIN;
    loop {
        match config.open() {
            Err(sled::Error::Io(error))
                if error.to_string().starts_with("could not acquire lock") && Instant::now() < until =>
            {
                thread::sleep(Duration::from_millis(5));
            }
            opened => return opened,
        }
    }
}

/// At each start sled writes down where in the log everything is, in a file that it gives its name when it is whole. One that is not,
/// because the process was killed or the disk was full, is no loss, since all of it is in the log; but sled takes it for
/// damage, and would never open again.
fn remove_unfinished(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(SNAPSHOT_PREFIX) && name.ends_with(UNFINISHED_SUFFIX) {
            tracing::info!(file = %entry.path().display(), "removed what an unfinished start has left");
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let unusable = |source| OpenError::Unusable { dir: dir.to_owned(), source };
    let file = File::options().create(true).truncate(false).write(true).open(dir.join(LOCK_FILE));
    let file = file.map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// Writes the format into a new tree, and refuses one of another.
fn check_format(dir: &Path, db: &Db) -> Result<(), OpenError> {
    let corrupt = |what: &str| OpenError::Corrupt { dir: dir.to_owned(), what: what.to_owned() };
    let format = db.get(codec::FORMAT_KEY).map_err(|error| corrupt(&error.to_string()))?;
    let write = || {
        let written = db.insert(codec::FORMAT_KEY, &codec::FORMAT.to_be_bytes());
        written.map(|_| ()).map_err(|error| corrupt(&error.to_string()))
    };
    let Some(format) = format else {
        return if db.is_empty() { write() } else { Err(corrupt("it has no format number")) };
    };
    let format =
        format.as_ref().try_into().map(u32::from_be_bytes).map_err(|_| corrupt("its format is no number"))?;
    match format {
        codec::FORMAT => Ok(()),
        codec::FORMAT_OLDEST => write(),
        found if found > codec::FORMAT => {
            Err(OpenError::Newer { dir: dir.to_owned(), found, known: codec::FORMAT })
        }
        _ => Err(corrupt("its format is older than any that was written")),
    }
}

/// Makes the log and the names of new files durable: a log that no directory knows is lost with the power.
fn sync_names(dir: &Path) -> io::Result<()> {
    File::open(dir.join(LOG_FILE))?.sync_all()?;
    File::open(dir)?.sync_all()?;
    // A path without a parent is the root or the working directory, and those were there before.
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

/// What a panic said.
fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "sled stopped without saying why".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::{Place, keeps_the_contract};
    use dovetail_core::document::chunk::{Chunk, ChunkKind, Lifecycle};
    use dovetail_core::time::Timestamp;
    use tempfile::TempDir;

    /// A directory that goes with the test.
    struct Directory(TempDir);

    impl Directory {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn path(&self) -> &Path {
            self.0.path()
        }

        /// The tree itself, as a disk that lost a bit would have it.
        fn tampered_with(&self, tamper: impl FnOnce(&Db)) {
            let db = sled::Config::new().path(self.path()).open().unwrap();
            tamper(&db);
            db.flush().unwrap();
        }
    }

    impl Place for Directory {
        fn open(&self) -> Arc<dyn Store> {
            Arc::new(SledStore::open(self.path(), Floor::Bytes(0)).unwrap())
        }
    }

    keeps_the_contract!(Directory::new());

    /// ST17: a second process is refused with words that say what to do, and the first one is not disturbed.
    #[tokio::test]
    async fn st17_a_directory_is_opened_by_one_process_only() {
        let dir = Directory::new();
        let first = dir.open();
        let refused = SledStore::open(dir.path(), Floor::Bytes(0)).unwrap_err();
        assert!(matches!(refused, OpenError::Locked { .. }), "{refused:?}");
        assert!(refused.to_string().contains("in use by another process"), "{refused}");
        first.commit(batch(1, vec![changes(&[1; 100])])).await.unwrap();
    }

    /// ST25: below the floor nothing is written, not in part either, what is there is read, and with room it is written again.
    #[tokio::test]
    async fn st25_below_the_floor_nothing_is_written() {
        let dir = Directory::new();
        let store = dir.open();
        store.commit(batch(1, vec![changes(&[1; 100])])).await.unwrap();
        store.close().await;
        drop(store);

        let store = SledStore::open(dir.path(), Floor::Bytes(u64::MAX)).unwrap();
        let low = |error| matches!(error, CommitError::DiskLow(low) if low.floor_bytes == u64::MAX);
        assert!(low(store.commit(batch(1, vec![changes(&[2; 100])])).await.unwrap_err()));
        assert!(low(store.commit(batch(2, vec![changes(&[2; 100])])).await.unwrap_err()));
        let record = vec![("name".to_owned(), Some(Bytes::from_static(b"value")))];
        assert!(low(store.write_records(Space::Server, record).await.unwrap_err()));
        assert_eq!(store.load(&id(1)).await.unwrap().unwrap().chunks, [changes(&[1; 100])]);
        assert!(store.load(&id(2)).await.unwrap().is_none());
        assert!(store.record(Space::Server, "name").await.unwrap().is_none());
        assert!(matches!(store.health().writes, Writes::DiskLow(_)));
        store.close().await;
        drop(store);

        let store = dir.open();
        store.commit(batch(2, vec![changes(&[2; 100])])).await.unwrap();
        assert_eq!(store.health().writes, Writes::Taken);
    }

    /// ST27: a start that was cut off, by SIGKILL or by a full disk, keeps nobody from starting again.
    #[tokio::test]
    async fn st27_what_an_unfinished_start_left_is_passed_over() {
        let dir = Directory::new();
        let store = dir.open();
        store.commit(batch(1, vec![changes(&[1; 100])])).await.unwrap();
        store.close().await;
        drop(store);
        for (at, left) in [("FFFFFFFFFFFFFFFE", ""), ("FFFFFFFFFFFFFFFF", "half of what was to come")] {
            fs::write(dir.path().join(format!("snap.{at}.generating")), left).unwrap();
        }
        let store = dir.open();
        assert!(store.load(&id(1)).await.unwrap().is_some());
    }

    /// ST16: a damaged chunk or manifest is an error for its own document, and the others are served.
    #[tokio::test]
    async fn st16_damage_is_reported_for_its_document_alone() {
        let (in_head, on_page, in_parts, manifest, sound) = (1, 2, 3, 4, 5);
        let dir = Directory::new();
        let store = dir.open();
        store.commit(batch(in_head, vec![changes(&[1; 100])])).await.unwrap();
        store.commit(batch(on_page, (0..30).map(|n| changes(&[n; 100])).collect())).await.unwrap();
        store.commit(batch(in_parts, vec![changes(&[1; 30_000])])).await.unwrap();
        for document in [manifest, sound] {
            store.commit(batch(document, vec![changes(&[1; 100])])).await.unwrap();
        }
        store.close().await;
        dir.tampered_with(|db| {
            flip_byte(db, &codec::head_key(&id(in_head)), -1);
            flip_byte(db, &codec::page_key(&id(on_page), 1), 40);
            let part = db.scan_prefix(codec::values_prefix(&id(in_parts))).keys().nth(3).unwrap().unwrap();
            flip_byte(db, &part, 2_000);
            flip_byte(db, &codec::head_key(&id(manifest)), 12);
        });

        let store = dir.open();
        for document in [in_head, on_page, in_parts, manifest] {
            let damaged = store.load(&id(document)).await;
            assert!(
                matches!(&damaged, Err(LoadError::Damaged { document: of, .. }) if *of == id(document)),
                "{damaged:?}"
            );
        }
        assert!(matches!(store.manifest(&id(manifest)).await, Err(LoadError::Damaged { .. })));
        let appended = store.commit(batch(manifest, vec![])).await;
        assert!(matches!(appended, Err(CommitError::Damaged { .. })), "{appended:?}");

        assert_eq!(store.load(&id(sound)).await.unwrap().unwrap().chunks, [changes(&[1; 100])]);
        store.commit(batch(sound, vec![])).await.unwrap();
        let listed: Vec<_> = store.list(None, 10).await.unwrap().into_iter().map(|(id, _)| id).collect();
        assert_eq!(listed, [in_head, on_page, in_parts, sound].map(id), "its manifest cannot be shown");
        assert_eq!(store.health().writes, Writes::Taken);
    }

    /// ST16: a part that is gone is noticed.
    #[tokio::test]
    async fn st16_a_missing_part_is_damage() {
        for missing in [0, 1, 7] {
            let dir = Directory::new();
            let store = dir.open();
            store.commit(batch(1, vec![changes(&[1; 30_000])])).await.unwrap();
            store.close().await;
            dir.tampered_with(|db| {
                let part = db.scan_prefix(codec::values_prefix(&id(1))).keys().nth(missing).unwrap().unwrap();
                db.remove(part).unwrap();
            });
            let damaged = dir.open().load(&id(1)).await;
            assert!(matches!(damaged, Err(LoadError::Damaged { .. })), "part {missing}: {damaged:?}");
        }
    }

    /// ST18: nothing lands in files beside the log, which the sync of the log would not reach.
    #[tokio::test]
    async fn st18_neither_large_nor_many_values_leave_the_log() {
        let dir = Directory::new();
        let store = dir.open();
        let snapshot =
            Chunk::new(ChunkKind::Snapshot, (0..20u32 << 20).map(|n| (n ^ (n >> 8)) as u8).collect());
        store.commit(batch(1, vec![snapshot])).await.unwrap();
        for n in 0..2_000u32 {
            let bytes = [&n.to_le_bytes()[..], &[7; 200]].concat();
            store.commit(batch(2, vec![changes(&bytes)])).await.unwrap();
        }
        let bursts = (0..200u32).map(|n| changes(&[&n.to_le_bytes()[..], &[7; 6_000]].concat())).collect();
        store.commit(batch(3, bursts)).await.unwrap();
        store.close().await;
        let blobs: Vec<_> = fs::read_dir(dir.path().join("blobs")).into_iter().flatten().collect();
        assert!(blobs.is_empty(), "{blobs:?}");
        assert_eq!(dir.open().load(&id(2)).await.unwrap().unwrap().chunks.len(), 2_000);
    }

    /// ST19: after one failed sync nothing is answered as stored any more, even if the next sync would work.
    #[tokio::test]
    async fn st19_a_failed_sync_makes_the_store_read_only_for_good() {
        let dir = Directory::new();
        let mut syncs = 0;
        let second_fails = move || {
            syncs += 1;
            if syncs == 2 { Err(io::Error::other("the cable fell out")) } else { Ok(()) }
        };
        let store = SledStore::open_synced_by(dir.path(), Floor::Bytes(0), || Ok(second_fails)).unwrap();
        store.commit(batch(1, vec![changes(&[1; 100])])).await.unwrap();
        for _ in 0..3 {
            let refused = store.commit(batch(2, vec![])).await.unwrap_err();
            assert!(
                matches!(&refused, CommitError::ReadOnly { why } if why.contains("the cable fell out")),
                "{refused}"
            );
        }
        assert!(matches!(store.health().writes, Writes::Stopped { .. }));
        assert_eq!(store.health().commits, 1);

        // What is durable can still be read. What may not be is not shown, though the tree has it in memory.
        assert!(store.load(&id(1)).await.unwrap().is_some());
        assert!(matches!(store.load(&id(2)).await, Err(LoadError::Unreadable { .. })));
        assert!(matches!(store.manifest(&id(2)).await, Err(LoadError::Unreadable { .. })));
        let listed: Vec<_> = store.list(None, 10).await.unwrap().into_iter().map(|(id, _)| id).collect();
        assert_eq!(listed, [id(1)]);
    }

    /// ST22: a reader is not shown what the disk does not hold yet.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn st22_nothing_is_read_before_it_is_durable() {
        let dir = Directory::new();
        let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
        let (finish, may_finish) = std::sync::mpsc::channel();
        let waits = move || {
            begun.send(()).map_err(io::Error::other)?;
            may_finish.recv().map_err(io::Error::other)
        };
        let store = Arc::new(SledStore::open_synced_by(dir.path(), Floor::Bytes(0), || Ok(waits)).unwrap());
        let read = |what: &'static str| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                match what {
                    "load" => drop(store.load(&id(1)).await.unwrap().unwrap()),
                    "manifest" => drop(store.manifest(&id(1)).await.unwrap().unwrap()),
                    _ => assert_eq!(store.list(None, 10).await.unwrap().len(), 1),
                }
            })
        };
        let commit = tokio::spawn({
            let store = Arc::clone(&store);
            async move { store.commit(batch(1, vec![])).await }
        });
        has_begun.recv().await.unwrap();
        let readers = ["load", "manifest", "list"].map(read);
        // Another document is not held up, and by the time it was read these would have been as well.
        for _ in 0..20 {
            assert_eq!(store.load(&id(2)).await, Ok(None));
        }
        assert!(!readers.iter().any(tokio::task::JoinHandle::is_finished));

        finish.send(()).unwrap();
        commit.await.unwrap().unwrap();
        for reader in readers {
            reader.await.unwrap();
        }
    }

    /// ST19: a panic below is a failed write, not the end of the process, and everybody is answered.
    #[tokio::test]
    async fn st19_a_panic_while_writing_makes_the_store_read_only() {
        let dir = Directory::new();
        let panics = || -> io::Result<()> { panic!("sled found no page") };
        let store = SledStore::open_synced_by(dir.path(), Floor::Bytes(0), || Ok(panics)).unwrap();
        let (one, other) = tokio::join!(store.commit(batch(1, vec![])), store.commit(batch(2, vec![])));
        for refused in [one, other] {
            assert_eq!(refused, Err(CommitError::ReadOnly { why: "sled found no page".into() }));
        }
        store.close().await;
    }

    /// ST20: what a newer program has written is not touched.
    #[tokio::test]
    async fn st20_a_newer_format_is_refused() {
        let dir = Directory::new();
        dir.open().close().await;
        let newer = codec::FORMAT + 1;
        dir.tampered_with(|db| {
            db.insert(codec::FORMAT_KEY, &newer.to_be_bytes()).unwrap();
        });
        let refused = SledStore::open(dir.path(), Floor::Bytes(0)).unwrap_err();
        assert!(
            matches!(refused, OpenError::Newer { found, known: codec::FORMAT, .. } if found == newer),
            "{refused:?}"
        );
    }

    /// ST20: what an older program has written is opened, and is of this format from then on.
    #[tokio::test]
    async fn st20_the_older_format_is_taken_over() {
        let dir = Directory::new();
        let store = dir.open();
        store.commit(batch(1, vec![changes(b"kept")])).await.unwrap();
        store.close().await;
        drop(store);
        dir.tampered_with(|db| {
            db.insert(codec::FORMAT_KEY, &codec::FORMAT_OLDEST.to_be_bytes()).unwrap();
        });
        let store = dir.open();
        assert!(store.load(&id(1)).await.unwrap().is_some());
        store.close().await;
        drop(store);
        dir.tampered_with(|db| {
            assert_eq!(db.get(codec::FORMAT_KEY).unwrap().unwrap(), codec::FORMAT.to_be_bytes());
        });
    }

    /// ST20: a directory that is a sled tree of somebody else is not taken over.
    #[tokio::test]
    async fn st20_a_foreign_tree_is_refused() {
        let dir = Directory::new();
        dir.tampered_with(|db| {
            db.insert("theirs", "value").unwrap();
        });
        assert!(matches!(SledStore::open(dir.path(), Floor::Bytes(0)), Err(OpenError::Corrupt { .. })));
    }

    /// ST21: batches that are asked for while the disk is busy share one sync.
    #[tokio::test]
    async fn st21_batches_that_wait_share_one_sync() {
        let dir = Directory::new();
        let store = dir.open();
        let commits = (0..200u8).map(|n| store.commit(batch(n, vec![changes(&[n; 150])])));
        futures_util::future::join_all(commits).await.into_iter().for_each(Result::unwrap);
        let health = store.health();
        assert_eq!((health.commits, health.documents), (200, 200));
        assert!(health.groups < 100, "{} groups", health.groups);
        assert!(health.last_commit_at.is_some() && health.disk_bytes > 0);
    }

    fn flip_byte(db: &Db, key: &[u8], at: isize) {
        let mut record = db.get(key).unwrap().unwrap().to_vec();
        let at = if at < 0 { record.len() - at.unsigned_abs() } else { at.unsigned_abs() };
        record[at] ^= 0x10;
        db.insert(key, record).unwrap();
    }

    fn id(n: u8) -> DocumentId {
        DocumentId::from_bytes(&[n; 16]).unwrap()
    }

    fn changes(bytes: &[u8]) -> Chunk {
        Chunk::new(ChunkKind::Changes, Bytes::copy_from_slice(bytes))
    }

    fn batch(document: u8, put: Vec<Chunk>) -> Batch {
        let manifest = Manifest {
            heads: vec![],
            changes: put.len() as u64,
            bytes: 0,
            kind: None,
            title: Some("Sales".to_owned()),
            created_at: Timestamp::from_millis(1),
            changed_at: Timestamp::from_millis(2),
            lifecycle: Lifecycle::Live,
            access: Arc::default(),
        };
        Batch { document: id(document), put, delete: vec![], manifest }
    }
}
