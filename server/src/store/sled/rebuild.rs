//! A store that is written anew beside the one that is there, and takes its place when it is complete.
//!
//! It grows in a directory within the data directory, which may be the root of a disk of its own that cannot be renamed. At the end
//! one rename brings its log to where the log before it was. Until then nothing of the old one is touched, and from then on nothing
//! of it is left; a process that is killed at whatever moment leaves the one or the other.
//!
//! Edit path: no edit comes by here.

use super::tally::{self, Noted, Tally};
use super::{
    Beginning, CONF_FILE, Floor, LOG_FILE, OpenError, SledStore, indexes, lock, log_sync, sync_names,
};
use crate::store::Store;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Where the new one grows.
const DIRECTORY: &str = "rebuilding";

/// A new store in the making. Dropped before it is finished, nothing of it stays.
#[derive(Debug)]
pub struct Rebuild {
    dir: PathBuf,
    /// `None` when it was closed.
    store: Option<SledStore>,
    /// There was no such directory before.
    made: bool,
}

impl Rebuild {
    /// Begins an empty one for `dir`. What one before it has left is removed.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn begin(dir: &Path) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::Unusable { dir: dir.to_owned(), source };
        let new = dir.join(DIRECTORY);
        if new.exists() {
            fs::remove_dir_all(&new).map_err(unusable)?;
        }
        let made = !dir.exists();
        fs::create_dir_all(&new).map_err(unusable)?;
        // It goes on counting, so that what is noted beside the old log is not more than the new one has.
        let noted = Noted::read(dir).map_err(unusable)?.unwrap_or_default();
        let beginning = Beginning::At(Tally { applied: noted.applied, sum: 0 });
        // A disk that becomes full costs the new one only, and what that has taken is free again afterwards.
        let store = SledStore::open_synced_by(&new, Floor::Bytes(0), beginning, log_sync(&new))?;
        Ok(Self { dir: dir.to_owned(), store: Some(store), made })
    }

    /// To be written to.
    #[must_use]
    pub fn store(&self) -> &SledStore {
        self.store.as_ref().expect("it is closed by `finish` only, which takes the whole")
    }

    /// Puts it in the place of the one before, which nobody may hold any more.
    ///
    /// # Errors
    /// See [`OpenError`]; then the one before is still there.
    pub async fn finish(mut self) -> Result<(), OpenError> {
        if let Some(store) = self.store.take() {
            store.close().await;
        }
        let _lock = lock(&self.dir)?;
        take_its_place(&self.dir).map_err(|source| OpenError::Unusable { dir: self.dir.clone(), source })
    }
}

impl Drop for Rebuild {
    fn drop(&mut self) {
        drop(self.store.take());
        // After `finish` there is none. One that cannot be removed is removed by the next rebuild.
        let _ = fs::remove_dir_all(self.dir.join(DIRECTORY));
        if self.made {
            let _ = fs::remove_dir(&self.dir); // With something in it, it stays.
        }
    }
}

fn take_its_place(dir: &Path) -> io::Result<()> {
    let new = dir.join(DIRECTORY);
    // The index of the old log would be taken for one of the new. Without one the log is read from its beginning.
    for index in indexes(dir)? {
        fs::remove_file(index)?;
    }
    if !dir.join(CONF_FILE).exists() {
        fs::rename(new.join(CONF_FILE), dir.join(CONF_FILE))?;
    }
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
