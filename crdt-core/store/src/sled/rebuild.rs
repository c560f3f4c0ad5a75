//! A store that is written anew beside the one that is there, and takes its place when it is complete.
//!
//! It grows in a directory within the data directory, which may be the root of a disk of its own that cannot be renamed. At the end
//! one rename brings its log to where the log before it was. Until then nothing of the old one is touched, and from then on nothing
//! of it is left; a process that is killed at whatever moment leaves the one or the other.
//!
//! Edit path: no edit comes by here.

use super::open::{
    Beginning, CONF_FILE, LOCK_FILE, LOG_FILE, check_that_it_is_ours, indexes, lock, log_sync, sync_names,
};
use super::tally::{self, Noted, Tally};
use super::{Floor, OpenError, SledStore};
use crate::Store;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the new one grows.
pub(super) const DIRECTORY: &str = "rebuilding";

/// A new store in the making. Dropped before it is finished, nothing of it stays.
#[derive(Debug)]
pub struct Rebuild {
    dir: PathBuf,
    /// Of the directory, from the beginning to the end: nobody makes another store there meanwhile, or writes to the one that is there.
    _lock: Arc<File>,
    /// `None` when it was closed.
    store: Option<SledStore>,
    /// There was no such directory before.
    made: bool,
}

impl Rebuild {
    /// Begins the first store of a directory, which is made if it is not there.
    ///
    /// # Errors
    /// See [`OpenError`]: somebody has the directory, or there is a store in it.
    pub fn first(dir: &Path) -> Result<Self, OpenError> {
        let made = !dir.exists();
        fs::create_dir_all(dir).map_err(|source| OpenError::unusable(dir, source))?;
        let lock = Arc::new(lock(dir)?);
        // Asked for when nobody else can make one any more.
        if SledStore::lies_in(dir) {
            return Err(OpenError::Occupied { dir: dir.to_owned() });
        }
        check_that_it_is_ours(dir)?;
        Self::begin(dir, lock, made, 0)
    }

    /// Begins one that takes the place of `before`, which is to be read and not to be written to from here on.
    ///
    /// # Errors
    /// See [`OpenError`].
    ///
    /// # Panics
    /// When `before` was closed.
    pub fn in_place_of(before: &SledStore) -> Result<Self, OpenError> {
        let opened = before.opened().expect("whoever closes a store does not have it written anew");
        Self::begin(&opened.dir, Arc::clone(&opened.lock), false, opened.tally.applied + 1)
    }

    /// What one before it has left is removed.
    fn begin(dir: &Path, lock: Arc<File>, made: bool, applied: u64) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::unusable(dir, source);
        clear(dir).map_err(unusable)?;
        let mut rebuild = Self { dir: dir.to_owned(), _lock: lock, store: None, made };
        let new = dir.join(DIRECTORY);
        fs::create_dir_all(&new).map_err(unusable)?;
        // It goes on counting: what is noted beside the old log is not more than the new one has, and what will be noted of the new
        // one is more than the old one has.
        let noted = Noted::read(dir).map_err(unusable)?.unwrap_or_default();
        let beginning = Beginning::At(Tally { applied: noted.applied.max(applied), sum: 0 });
        // A disk that becomes full costs the new one only, and what that has taken is free again afterwards.
        rebuild.store = Some(SledStore::open_synced_by(&new, Floor::Bytes(0), beginning, log_sync(&new))?);
        Ok(rebuild)
    }

    /// To be written to.
    #[must_use]
    pub fn store(&self) -> &SledStore {
        self.store.as_ref().expect("it is closed by `finish` only, which takes the whole")
    }

    /// Puts it in the place of the one before, which has to be closed.
    ///
    /// # Errors
    /// See [`OpenError`]; then the one before is still there, or the new one is.
    pub async fn finish(mut self) -> Result<(), OpenError> {
        if let Some(store) = self.store.take() {
            store.close().await;
        }
        take_its_place(&self.dir).map_err(|source| OpenError::unusable(&self.dir, source))
    }
}

impl Drop for Rebuild {
    fn drop(&mut self) {
        drop(self.store.take());
        // After `finish` there is none. One that cannot be removed is removed by the next rebuild.
        let _ = fs::remove_dir_all(self.dir.join(DIRECTORY));
        if self.made && !SledStore::lies_in(&self.dir) {
            let _ = fs::remove_file(self.dir.join(LOCK_FILE));
            let _ = fs::remove_dir(&self.dir); // With something in it, it stays.
        }
    }
}

/// Removes what was not finished.
pub(super) fn clear(dir: &Path) -> io::Result<()> {
    let left = dir.join(DIRECTORY);
    if left.is_dir() {
        tracing::info!(dir = %left.display(), "removing what a rebuild that was not finished has left");
        fs::remove_dir_all(left)?;
    }
    Ok(())
}

fn take_its_place(dir: &Path) -> io::Result<()> {
    let new = dir.join(DIRECTORY);
    // The index of the old log would be taken for one of the new. Without one the log is read from its beginning.
    for index in indexes(dir)? {
        fs::remove_file(index)?;
    }
    fs::rename(new.join(CONF_FILE), dir.join(CONF_FILE))?;
    let note = || fs::rename(new.join(tally::FILE), dir.join(tally::FILE));
    // After the log: what is noted of the new one is more than the old one holds. In between, it is what was noted of the old
    // one, from where the new one went on counting. Where nothing was noted no log is good before it is.
    let was_noted = Noted::read(dir)?.is_some();
    if !was_noted {
        note()?;
    }
    File::open(dir)?.sync_all()?;
    fs::rename(new.join(LOG_FILE), dir.join(LOG_FILE))?;
    if was_noted {
        note()?;
    }
    sync_names(dir)
}
