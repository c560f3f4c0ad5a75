//! How a directory becomes a store that is open, and why not.
//!
//! Edit path: no edit comes by here.
//!
//! **Invariant:** whatever is opened has everything that was answered, unless somebody wanted what is there as it is.

use super::log::{self, Look};
use super::read::{TO_READ, TO_WRITE, past_others};
use super::tally::{self, Noted, Tally};
use super::{Opened, SledStore, ballast, codec, damage_in_words, panic_message, rebuild, salvage};
use sled::Db;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tracing::warn;

/// What sled may keep of its pages in memory. Hot documents are in the hub's memory; this is for the
/// pages that are appended to and for loads.
const CACHE_BYTES: u64 = 64 << 20;

/// How long what is left of a dropped store may keep sled's lock. It takes milliseconds, on a busy machine some more.
const REMAINS_WITHIN: Duration = Duration::from_secs(10);

/// Held by the process that has the directory open. Sled has a lock of its own, but tells of it only in words.
pub(super) const LOCK_FILE: &str = "dovetail.lock";

/// The file that sled appends to. Its name is part of the format that `=0.34.7` pins.
pub(super) const LOG_FILE: &str = "db";

/// What sled writes down of itself at the first start. The same in every store of ours.
pub(super) const CONF_FILE: &str = "conf";

/// What sled's index of the log is called, and what it is called as well while it is being written. Pinned likewise.
pub(super) const SNAPSHOT_PREFIX: &str = "snap.";
pub(super) const UNFINISHED_SUFFIX: &str = ".generating";

/// How a directory is opened.
#[derive(Debug, Clone, Copy)]
pub(super) enum Beginning {
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

    /// Somebody named a file.
    #[error("{} is a file, and a store is a directory: name another one", dir.display())]
    IsFile {
        /// What was named.
        dir: PathBuf,
    },

    /// A start writes an index of the log, and nothing was set aside for it any more.
    #[error(
        "there is no room on the disk where the data directory {} lies, not even to open it: make some. Nothing is lost",
        dir.display()
    )]
    DiskFull {
        /// The directory.
        dir: PathBuf,
        /// In the words of the disk.
        source: io::Error,
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

impl OpenError {
    /// Of a directory that could not be made, read or written.
    pub(super) fn unusable(dir: &Path, source: io::Error) -> Self {
        let dir = dir.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { dir, source },
            _ if dir.is_file() => Self::IsFile { dir },
            _ => Self::Unusable { dir, source },
        }
    }
}

/// Syncs the log, which is there by then.
pub(super) fn log_sync(dir: &Path) -> impl FnOnce() -> io::Result<Box<dyn FnMut() -> io::Result<()> + Send>> {
    let log = dir.join(LOG_FILE);
    move || {
        let log = File::open(log)?;
        Ok(Box::new(move || log.sync_data()))
    }
}

/// Opens it; for whoever wants what is there, also where sled cannot. Nobody else has the directory from here on.
pub(super) fn open_apart(dir: &Path, beginning: Beginning) -> Result<Opened, OpenError> {
    let unusable = |source| OpenError::unusable(dir, source);
    fs::create_dir_all(dir).map_err(unusable)?;
    if !dir.join(LOCK_FILE).exists() {
        check_that_it_is_ours(dir)?; // Before there is any file of ours in it.
    }
    let lock = Arc::new(lock(dir)?);
    check_files(dir)?;
    check_that_it_is_ours(dir)?;
    salvage::clear(dir).map_err(unusable)?;
    let tried = check_log(dir).and_then(|()| try_twice(dir, beginning, &lock));
    match (tried, beginning) {
        (Err(OpenError::Corrupt { what, .. }), Beginning::AsItIs) => {
            let mut opened = try_apart(dir, beginning, &lock, Tree::Salvaged)?;
            opened.missing.get_or_insert(what);
            Ok(opened)
        }
        (tried, _) => tried,
    }
}

/// Once more where the index or the settings were bent.
fn try_twice(dir: &Path, beginning: Beginning, lock: &Arc<File>) -> Result<Opened, OpenError> {
    let unusable = |source| OpenError::unusable(dir, source);
    match try_apart(dir, beginning, lock, Tree::OfTheLog) {
        Err(OpenError::Corrupt { what, .. }) if forget_what_is_bent(dir).map_err(unusable)? => {
            warn!(dir = %dir.display(), what, "the store cannot be opened; its index or settings are bent, and made anew from its log");
            // Without an index sled looks for more than it did with one.
            check_log(dir)?;
            try_apart(dir, beginning, lock, Tree::OfTheLog)
        }
        tried => tried,
    }
}

/// Which tree is opened.
#[derive(Debug, Clone, Copy)]
enum Tree {
    OfTheLog,
    /// A new one, of what can be read of the log.
    Salvaged,
}

/// Looks at the log before sled does, which fills with zeroes what it cannot read.
fn check_log(dir: &Path) -> Result<(), OpenError> {
    match log::look(dir).map_err(|source| OpenError::unusable(dir, source))? {
        Look::Damaged(what) => Err(OpenError::Corrupt { dir: dir.to_owned(), what }),
        Look::Empty | Look::Sound | Look::Foreign => Ok(()), // Of the last: see `check_that_it_is_ours`.
    }
}

/// Nothing of somebody else's is written over: sled takes whatever lies under the names of its files for its own.
pub(super) fn check_that_it_is_ours(dir: &Path) -> Result<(), OpenError> {
    let unusable = |source| OpenError::unusable(dir, source);
    let foreign = |file: &str| {
        Err(OpenError::Foreign { dir: dir.to_owned(), what: format!("its file {file} is somebody else's") })
    };
    let is_known = dir.join(tally::FILE).exists()
        || dir.join(ballast::FILE).exists()
        || indexes(dir).map_err(unusable)?.next().is_some();
    match log::look(dir).map_err(unusable)? {
        Look::Foreign if is_known => {
            Err(OpenError::Corrupt { dir: dir.to_owned(), what: "no piece of its log is one".to_owned() })
        }
        Look::Foreign => foreign(LOG_FILE),
        Look::Empty if !is_known && !conf_may_be_ours(dir).map_err(unusable)? => foreign(CONF_FILE),
        Look::Empty | Look::Sound | Look::Damaged(_) => Ok(()),
    }
}

/// What stands in sled's settings, and behind it its checksum.
const CONF: &[u8] = b"segment_size: 524288\nuse_compression: false\nversion: 0.34\n";

fn conf() -> Vec<u8> {
    [CONF, &log::crc32(CONF).to_le_bytes()].concat()
}

/// A first start that was cut off leaves a part of it, or zeroes.
fn conf_may_be_ours(dir: &Path) -> io::Result<bool> {
    let found = found(&dir.join(CONF_FILE))?.unwrap_or_default();
    Ok(conf().starts_with(&found) || found.iter().all(|byte| *byte == 0))
}

fn found(file: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The index of the log, and settings that are the same in every store of ours: neither holds anything of a document. Those that are whole
/// stay, because sled clears away what of a log it cannot read without its index. Says whether any was bent.
fn forget_what_is_bent(dir: &Path) -> io::Result<bool> {
    let mut bent = Vec::new();
    for index in indexes(dir)? {
        if !is_whole(&fs::read(&index)?) {
            bent.push(index);
        }
    }
    let settings = dir.join(CONF_FILE);
    if found(&settings)?.is_some_and(|found| found != conf()) {
        bent.push(settings);
    }
    for file in &bent {
        fs::remove_file(file)?;
    }
    Ok(!bent.is_empty())
}

/// Behind an index lie its length and a checksum of the index alone.
fn is_whole(file: &[u8]) -> bool {
    let Some((rest, sum)) = file.split_last_chunk::<4>() else { return false };
    rest.split_last_chunk::<8>()
        .is_some_and(|(index, _)| !index.is_empty() && log::crc32(index).to_le_bytes() == *sum)
}

/// Opens on a thread of its own, because sled panics on files that it cannot read.
fn try_apart(dir: &Path, beginning: Beginning, lock: &Arc<File>, tree: Tree) -> Result<Opened, OpenError> {
    let apart = thread::Builder::new().name("dovetail-open".to_owned()).spawn({
        let (dir, lock) = (dir.to_owned(), Arc::clone(lock));
        move || open_here(&dir, beginning, lock, tree)
    });
    let apart = apart.map_err(|source| OpenError::unusable(dir, source))?;
    apart.join().unwrap_or_else(|panic| {
        let what = format!("its log cannot be read ({})", panic_message(&*panic));
        Err(OpenError::Corrupt { dir: dir.to_owned(), what })
    })
}

fn open_here(dir: &Path, beginning: Beginning, lock: Arc<File>, tree: Tree) -> Result<Opened, OpenError> {
    let unusable = |source| OpenError::unusable(dir, source);
    let in_words = |error| match error {
        // That of the disk has a number; sled's own is of a log that is shorter than it was.
        sled::Error::Io(source) if source.kind() != io::ErrorKind::UnexpectedEof => {
            OpenError::unusable(dir, source)
        }
        error => OpenError::Corrupt { dir: dir.to_owned(), what: damage_in_words(&error) },
    };
    let (db, salvaged) = match tree {
        Tree::OfTheLog => (open_with_room(dir).map_err(in_words)?, None),
        Tree::Salvaged => {
            let (db, salvaged) = salvage::salvage(dir).map_err(in_words)?;
            (db, Some(salvaged))
        }
    };
    check_format(dir, &db)?;
    if let Beginning::At(tally) = beginning {
        // Also where nothing will be written into it: what was kept of a store may be nothing.
        db.insert(codec::TALLY_KEY, &codec::encode_tally(tally)).map_err(in_words)?;
    }
    let found = past_others(TO_READ, || tally::count(&db)).map_err(in_words)?;
    let (noted, last) = Noted::open(dir).map_err(unusable)?;
    let (tally, missing) = match (beginning, found.check(last)) {
        (Beginning::At(tally), _) => (tally, None),
        (_, Ok(tally)) => (tally, None),
        (Beginning::AsItIs, Err(what)) => (found.as_it_is(last), Some(what)),
        (Beginning::AsItWasLeft, Err(what)) => return Err(OpenError::Corrupt { dir: dir.to_owned(), what }),
    };
    db.flush().map_err(in_words)?;
    // Before anything is written that somebody is told of: it would go where sled does not find it again.
    if salvaged.is_none()
        && let Some(what) = log::look_when_open(dir).map_err(unusable)?
    {
        return Err(OpenError::Corrupt { dir: dir.to_owned(), what });
    }
    if missing.is_none() && salvaged.is_none() {
        noted.write(tally);
        noted.sync();
    }
    sync_names(dir).map_err(unusable)?;
    Ok(Opened {
        db,
        unsynced: Mutex::default(),
        synced: Condvar::new(),
        documents: AtomicU64::new(found.documents),
        half_applied: AtomicU64::new(0),
        tally,
        missing,
        noted,
        dir: dir.to_owned(),
        _salvaged: salvaged,
        lock,
    })
}

/// Sled begins anew where its log is gone, also where there was one. And what a rebuild that was killed has left is of no use.
fn check_files(dir: &Path) -> Result<(), OpenError> {
    let unusable = |source| OpenError::unusable(dir, source);
    let is_rebuilt = dir.join(rebuild::DIRECTORY).is_dir();
    match SledStore::lies_in(dir) {
        true if is_rebuilt => rebuild::clear(dir).map_err(unusable),
        true => Ok(()),
        false => none_was_in(dir),
    }
}

pub(super) fn none_was_in(dir: &Path) -> Result<(), OpenError> {
    let unusable = |source| OpenError::unusable(dir, source);
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
pub(super) fn indexes(dir: &Path) -> io::Result<impl Iterator<Item = PathBuf> + use<>> {
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

pub(super) fn lock(dir: &Path) -> Result<File, OpenError> {
    let unusable = |source| OpenError::unusable(dir, source);
    let file = File::options().create(true).truncate(false).write(true).open(dir.join(LOCK_FILE));
    let file = file.map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// Writes the format into a new tree, takes those before it over, and refuses all others.
fn check_format(dir: &Path, db: &Db) -> Result<(), OpenError> {
    let unreadable = |error| OpenError::Corrupt { dir: dir.to_owned(), what: damage_in_words(&error) };
    let foreign = |what: &str| OpenError::Foreign { dir: dir.to_owned(), what: what.to_owned() };
    let format = past_others(TO_READ, || db.get(codec::FORMAT_KEY)).map_err(unreadable)?;
    let write = || {
        let written = past_others(TO_WRITE, || db.insert(codec::FORMAT_KEY, &codec::FORMAT.to_be_bytes()));
        written.map(drop).map_err(unreadable)
    };
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
pub(super) fn sync_names(dir: &Path) -> io::Result<()> {
    File::open(dir.join(LOG_FILE))?.sync_all()?;
    File::open(dir)?.sync_all()?;
    // A path without a parent is the root or the working directory, and those were there before.
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}
