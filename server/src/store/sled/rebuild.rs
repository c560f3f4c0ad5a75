//! A store that is written anew beside the one that is there, and takes its place when it is complete.
//!
//! It grows in a directory within the data directory, which may be the root of a disk of its own that cannot be renamed. At the end
//! one rename brings its log to where the log before it was. Until then nothing of the old one is touched, and from then on nothing
//! of it is left; a process that is killed at whatever moment leaves the one or the other.
//!
//! Edit path: no edit comes by here.

use super::tally::{Noted, Tally};
use super::{Beginning, Floor, LOG_FILE, OpenError, SNAPSHOT_PREFIX, SledStore, lock, log_sync, sync_names};
use crate::store::Store;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where the new one grows.
const DIRECTORY: &str = "rebuilding";

/// What sled writes down of itself at the first start. The same in every store of ours.
const CONF_FILE: &str = "conf";

/// A new store in the making.
#[derive(Debug)]
pub struct Rebuild {
    dir: PathBuf,
    store: SledStore,
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
        fs::create_dir_all(&new).map_err(unusable)?;
        // What is noted beside the old log must not be more than the new one has.
        let (_, noted) = Noted::open(dir).map_err(unusable)?;
        let store = SledStore::begin_at(&new, noted.unwrap_or_default())?;
        Ok(Self { dir: dir.to_owned(), store })
    }

    /// To be written to.
    #[must_use]
    pub fn store(&self) -> &SledStore {
        &self.store
    }

    /// Puts it in the place of the one before, which nobody may hold any more.
    ///
    /// # Errors
    /// See [`OpenError`]; then the one before is still there.
    pub async fn finish(self) -> Result<(), OpenError> {
        let Self { dir, store } = self;
        store.close().await;
        drop(store);
        let _lock = lock(&dir)?;
        take_its_place(&dir).map_err(|source| OpenError::Unusable { dir, source })
    }
}

fn take_its_place(dir: &Path) -> io::Result<()> {
    let new = dir.join(DIRECTORY);
    // The index of the old log would be taken for one of the new. Without one the log is read from its beginning.
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(SNAPSHOT_PREFIX) {
            fs::remove_file(entry.path())?;
        }
    }
    if !dir.join(CONF_FILE).exists() {
        fs::rename(new.join(CONF_FILE), dir.join(CONF_FILE))?;
    }
    sync_names(dir)?;
    fs::rename(new.join(LOG_FILE), dir.join(LOG_FILE))?;
    sync_names(dir)?;
    fs::remove_dir_all(new)
}

impl SledStore {
    /// Opens an empty directory, to go on counting from `tally`.
    fn begin_at(dir: &Path, tally: Tally) -> Result<Self, OpenError> {
        // A disk that becomes full costs the new one only, and what that has taken is free again afterwards.
        Self::open_synced_by(dir, Floor::Bytes(0), Beginning::At(tally), log_sync(dir))
    }
}
