//! Room that is set aside, so that a store can be opened on a disk that is full.
//!
//! At each opening sled writes an index of its log: a few bytes for each page. Where not even that has room, nothing could be
//! read any more, not even to make room. So a file lies beside the log that is let go of then.
//!
//! Edit path: no edit comes by here.

use super::disk::Disk;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;
use tracing::{debug, warn};

pub(super) const FILE: &str = "dovetail.ballast";

/// Sled's index took 9 bytes for each document of a kilobyte: this holds that of more than a million.
const BYTES: u64 = 16 << 20;

/// Sets room aside, if there is none and the disk has enough. Where that cannot be done, the store works all the same.
pub(super) fn set_aside(dir: &Path, disk: &Disk) {
    let path = dir.join(FILE);
    if path.exists() || !disk.spares(BYTES) {
        return;
    }
    if let Err(error) = File::create(&path).and_then(|file| take_room(&file)) {
        debug!(%error, "no room is set aside");
        let _ = fs::remove_file(path); // What is left of it is in nobody's way.
    }
}

fn take_room(file: &File) -> io::Result<()> {
    let all_of_it = rustix::fs::FallocateFlags::empty();
    Ok(rustix::fs::fallocate(file, all_of_it, 0, BYTES)?)
}

/// Lets go of what was set aside; says whether there was anything.
pub(super) fn let_go(dir: &Path) -> io::Result<bool> {
    match fs::remove_file(dir.join(FILE)) {
        Ok(()) => {
            warn!("the disk is full: room that was set aside is used to start");
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
