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
mod read; // Records to documents.
mod rebuild; // A new one in the place of the one before.
mod records; // The server's own, that belong to no document.
mod tally; // Whether what is opened is what was left.
mod write; // Batches to records.

pub use committer::{COMMITS_WAITING_MAX, GROUP_BYTES_MAX};
pub use disk::Floor;
pub use rebuild::Rebuild;

use super::{
    CommitError, Health, Listed, LoadError, Space, Store, StoreFuture, Writes, check_records, check_size,
};
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
use tally::{Noted, Tally};
use tracing::warn;

/// What sled may keep of its pages in memory. Hot documents are in the hub's memory; this is for the
/// pages that are appended to and for loads.
const CACHE_BYTES: u64 = 64 << 20;

/// How long what is left of a dropped store may keep sled's lock. It takes milliseconds, on a busy machine some more.
const REMAINS_WITHIN: Duration = Duration::from_secs(10);

/// Held by the process that has the directory open. Sled has a lock of its own, but tells of it only in words.
const LOCK_FILE: &str = "dovetail.lock";

/// The file that sled appends to. Its name is part of the format that `=0.34.7` pins.
const LOG_FILE: &str = "db";

/// What sled writes down of itself at the first start. The same in every store of ours.
const CONF_FILE: &str = "conf";

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
    /// Of what was there when it was opened; the writer counts on from here.
    tally: Tally,
    /// In words what is missing from it, if somebody wanted it all the same.
    missing: Option<String>,
    noted: Noted,
    dir: PathBuf,
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

/// How a directory is opened.
#[derive(Debug, Clone, Copy)]
enum Beginning {
    /// Everything that was answered has to be there.
    AsItWasLeft,
    /// Whatever is there.
    AsItIs,
    /// It is empty, and goes on counting from there.
    At(Tally),
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
        "the store in {0} is damaged: {what}. Nothing is served from it. Make a copy of the directory; then \
         `dovetail verify {0}` shows what of it is sound, `dovetail restore BACKUP --data-dir DIR` makes a new one from a backup, and \
         `dovetail compact {0} --leave-out-damaged` goes on with what there is",
        dir.display()
    )]
    Corrupt {
        /// The directory.
        dir: PathBuf,
        /// What was found.
        what: String,
    },

    /// The disk's doing, or somebody wrote into the directory: not even a part of it can be read.
    #[error(
        "the store in {0} cannot be opened: {what}. Nothing is served from it. Make a copy of the directory; then \
         `dovetail restore BACKUP --data-dir DIR` makes a new one from a backup. Once the disk is mended, `dovetail verify {0}` shows \
         whether it can be read again",
        dir.display()
    )]
    Unreadable {
        /// The directory.
        dir: PathBuf,
        /// What was found.
        what: String,
    },

    /// Somebody has deleted the log. There was a store.
    #[error(
        "the store in {0} has lost its log, the file {LOG_FILE}: there is nothing of its documents in that directory. \
         `dovetail restore BACKUP --data-dir {0}` puts a backup there",
        dir.display()
    )]
    LogGone {
        /// The directory.
        dir: PathBuf,
    },

    /// A restore was killed before its end.
    #[error(
        "a backup was being restored into {0}, and that was not finished: there is no store in it. Restore it again, or remove \
         the directory",
        dir.display()
    )]
    Unfinished {
        /// The directory.
        dir: PathBuf,
    },

    /// Nothing is restored over a store.
    #[error("there is a store in {} already: name another directory, or move that one away", dir.display())]
    Occupied {
        /// The directory.
        dir: PathBuf,
    },

    /// The directory is somebody else's.
    #[error("what lies in {} is no store of Dovetail: {what}. Name another directory", dir.display())]
    Foreign {
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

    /// Opens what is there, though something may be missing from it, to be looked at and copied. Says what is missing.
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
        let unusable = |source| OpenError::Unusable { dir: dir.to_owned(), source };
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

/// Syncs the log, which is there by then.
fn log_sync(dir: &Path) -> impl FnOnce() -> io::Result<Box<dyn FnMut() -> io::Result<()> + Send>> {
    let log = dir.join(LOG_FILE);
    move || {
        let log = File::open(log)?;
        Ok(Box::new(move || log.sync_data()))
    }
}

/// Opens it; where that fails, once more without what sled makes anew from the log. Nobody else has the directory from here on.
fn open_apart(dir: &Path, beginning: Beginning) -> Result<Opened, OpenError> {
    let unusable = |source| OpenError::Unusable { dir: dir.to_owned(), source };
    fs::create_dir_all(dir).map_err(unusable)?;
    let lock = Arc::new(lock(dir)?);
    check_files(dir)?;
    match try_apart(dir, beginning, &lock) {
        Err(OpenError::Unreadable { what, .. }) => {
            warn!(dir = %dir.display(), what, "the store cannot be opened; its index and settings are made anew from its log");
            forget_what_is_made_anew(dir).map_err(unusable)?;
            try_apart(dir, beginning, &lock)
        }
        tried => tried,
    }
}

/// The index of the log, and settings that are the same in every store of ours. Neither holds anything of a document.
fn forget_what_is_made_anew(dir: &Path) -> io::Result<()> {
    for index in indexes(dir)? {
        fs::remove_file(index)?;
    }
    match fs::remove_file(dir.join(CONF_FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Opens on a thread of its own, because sled panics on files that it cannot read.
fn try_apart(dir: &Path, beginning: Beginning, lock: &Arc<File>) -> Result<Opened, OpenError> {
    let apart = thread::Builder::new().name("dovetail-open".to_owned()).spawn({
        let (dir, lock) = (dir.to_owned(), Arc::clone(lock));
        move || open_here(&dir, beginning, lock)
    });
    let apart = apart.map_err(|source| OpenError::Unusable { dir: dir.to_owned(), source })?;
    apart.join().unwrap_or_else(|panic| {
        Err(OpenError::Unreadable { dir: dir.to_owned(), what: panic_message(&*panic) })
    })
}

fn open_here(dir: &Path, beginning: Beginning, lock: Arc<File>) -> Result<Opened, OpenError> {
    let unusable = |source| OpenError::Unusable { dir: dir.to_owned(), source };
    let in_words = |error| match error {
        sled::Error::Io(source) => OpenError::Unusable { dir: dir.to_owned(), source },
        error => OpenError::Unreadable { dir: dir.to_owned(), what: damage_in_words(&error) },
    };
    let db = open_with_room(dir).map_err(in_words)?;
    check_format(dir, &db)?;
    let found = tally::count(&db).map_err(in_words)?;
    let (noted, last) = Noted::open(dir).map_err(unusable)?;
    let (tally, missing) = match (beginning, found.check(last)) {
        (Beginning::At(tally), _) => (tally, None),
        (_, Ok(tally)) => (tally, None),
        (Beginning::AsItIs, Err(what)) => (found.as_it_is(last), Some(what)),
        (Beginning::AsItWasLeft, Err(what)) => return Err(OpenError::Corrupt { dir: dir.to_owned(), what }),
    };
    if missing.is_none() {
        noted.write(tally);
        noted.sync();
    }
    db.flush().map_err(in_words)?;
    sync_names(dir).map_err(unusable)?;
    Ok(Opened {
        db,
        unsynced: Mutex::default(),
        synced: Condvar::new(),
        documents: AtomicU64::new(found.documents),
        tally,
        missing,
        noted,
        dir: dir.to_owned(),
        lock,
    })
}

/// Sled begins anew where its log is gone, also where there was one. And what a rebuild that was killed has left is of no use.
fn check_files(dir: &Path) -> Result<(), OpenError> {
    let unusable = |source| OpenError::Unusable { dir: dir.to_owned(), source };
    let is_rebuilt = dir.join(rebuild::DIRECTORY).is_dir();
    match SledStore::lies_in(dir) {
        true if is_rebuilt => rebuild::clear(dir).map_err(unusable),
        true => Ok(()),
        false => none_was_in(dir),
    }
}

fn none_was_in(dir: &Path) -> Result<(), OpenError> {
    let unusable = |source| OpenError::Unusable { dir: dir.to_owned(), source };
    if !dir.is_dir() {
        return Ok(());
    }
    if dir.join(rebuild::DIRECTORY).is_dir() {
        return Err(OpenError::Unfinished { dir: dir.to_owned() });
    }
    let answered = Noted::read(dir).map_err(unusable)?.is_some_and(|noted| noted.applied > 0);
    let is_indexed = indexes(dir).map_err(unusable)?.next().is_some();
    if answered || is_indexed || dir.join(ballast::FILE).exists() {
        return Err(OpenError::LogGone { dir: dir.to_owned() });
    }
    Ok(())
}

/// What sled keeps of where in its log everything is, whole or not.
fn indexes(dir: &Path) -> io::Result<impl Iterator<Item = PathBuf> + use<>> {
    let paths = fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path()));
    let paths = paths.collect::<io::Result<Vec<_>>>()?;
    let is_index = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(SNAPSHOT_PREFIX))
    };
    Ok(paths.into_iter().filter(is_index))
}

/// Opens it also where the disk is full, as long as something is set aside for that.
fn open_with_room(dir: &Path) -> sled::Result<Db> {
    remove_unfinished(dir)?;
    match open_sled(dir) {
        Err(sled::Error::Io(error))
            if error.kind() == io::ErrorKind::StorageFull && ballast::let_go(dir)? =>
        {
            remove_unfinished(dir)?;
            open_sled(dir)
        }
        opened => opened,
    }
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
    for index in indexes(dir)? {
        if index.to_string_lossy().ends_with(UNFINISHED_SUFFIX) {
            tracing::info!(file = %index.display(), "removed what an unfinished start has left");
            fs::remove_file(index)?;
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

/// What sled found wrong, without what only its makers can use.
fn damage_in_words(error: &sled::Error) -> String {
    match error {
        sled::Error::Corruption { at: Some(at), .. } => format!("its log cannot be read at {at}"),
        sled::Error::Corruption { at: None, .. } => "its log cannot be read".to_owned(),
        sled::Error::Unsupported(_) => format!("its file {CONF_FILE} is not the one that was written"),
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

/// Writes the format into a new tree, takes those before it over, and refuses all others.
fn check_format(dir: &Path, db: &Db) -> Result<(), OpenError> {
    let unreadable = |error| OpenError::Unreadable { dir: dir.to_owned(), what: damage_in_words(&error) };
    let foreign = |what: &str| OpenError::Foreign { dir: dir.to_owned(), what: what.to_owned() };
    let format = db.get(codec::FORMAT_KEY).map_err(unreadable)?;
    let write = || db.insert(codec::FORMAT_KEY, &codec::FORMAT.to_be_bytes()).map(drop).map_err(unreadable);
    let Some(format) = format else {
        return if db.is_empty() { write() } else { Err(foreign("it has no format number")) };
    };
    let format = format.as_ref().try_into().map(u32::from_be_bytes);
    match format.map_err(|_| foreign("its format is no number"))? {
        codec::FORMAT => Ok(()),
        codec::FORMAT_OLDEST..codec::FORMAT => write(),
        found if found > codec::FORMAT => {
            Err(OpenError::Newer { dir: dir.to_owned(), found, known: codec::FORMAT })
        }
        _ => Err(foreign("its format is older than any that was written")),
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
    text.map_or_else(|| "sled stopped without saying why".to_owned(), |text| one_line(&text))
}

#[cfg(test)]
mod tests;
