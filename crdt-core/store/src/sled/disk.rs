//! How much room is left on the disk, and whether that is enough to write.
//!
//! A disk that is full stops sled for good: a write that fails half-way leaves it unknown what is there, and a log
//! that was not closed cannot even be opened without room. So nothing is written any more while there is still some.
//!
//! Edit path: ← the [`committer`](super::committer) asks before each group, → the group, or [`DiskLow`] for all in it.
//!
//! Always true: what is refused here was not written, in no part, and may be brought again.

use super::super::DiskLow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use tracing::{info, warn};

/// What is left free when nobody says how much: this share of the disk, in percent, since what else lies there
/// grows with it,
const SHARE_PERCENT: u64 = 5;

/// and this at least: sled writes a page anew for each change to it, so that a burst takes several times its
/// own size, and an opening after a kill takes some MiB.
const SHARE_LEAST: u64 = 256 << 20;

/// From so much above the floor on, in percent of it, the log warns.
const NEAR_PERCENT: u64 = 125;

/// How much room a store leaves free on its disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Floor {
    /// 5 % of the disk, and 256 MiB at least.
    #[default]
    Share,
    /// So many bytes; 0 is none.
    Bytes(u64),
}

impl Floor {
    fn bytes(self, disk_bytes: u64) -> u64 {
        match self {
            Self::Share => (disk_bytes / 100 * SHARE_PERCENT).max(SHARE_LEAST),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// The disk on which a directory lies.
#[derive(Debug)]
pub(super) struct Disk {
    dir: PathBuf,
    floor: Floor,
    /// What the log knows, as a [`Room`].
    told: AtomicU8,
}

/// How much room there is, as the log tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Room {
    Enough,
    Near,
    Low,
}

/// How much room there is.
#[derive(Debug, Clone, Copy)]
struct Measured {
    free_bytes: u64,
    floor_bytes: u64,
}

impl Disk {
    pub(super) fn of(dir: &Path, floor: Floor) -> Self {
        Self { dir: dir.to_owned(), floor, told: AtomicU8::new(Room::Enough as u8) }
    }

    /// Bytes that are free for this process, if that can be told.
    pub(super) fn free_bytes(&self) -> Option<u64> {
        self.measure().map(|measured| measured.free_bytes)
    }

    /// Bytes that are to be left free, if the disk tells how large it is.
    pub(super) fn floor_bytes(&self) -> Option<u64> {
        self.measure().map(|measured| measured.floor_bytes)
    }

    /// Whether there is room to write. A disk that does not tell has some: the write itself will show.
    pub(super) fn check(&self) -> Result<(), DiskLow> {
        let Some(measured) = self.measure() else { return Ok(()) };
        self.tell(measured);
        match measured.room() {
            Room::Low => Err(measured.low()),
            Room::Near | Room::Enough => Ok(()),
        }
    }

    /// Whether so much may be taken and the floor is still kept. Not where there is no floor: who wants every byte used
    /// wants none set aside.
    pub(super) fn spares(&self, bytes: u64) -> bool {
        let kept = |Measured { free_bytes, floor_bytes }| {
            floor_bytes > 0 && free_bytes.saturating_sub(bytes) >= floor_bytes
        };
        self.measure().is_some_and(kept)
    }

    fn measure(&self) -> Option<Measured> {
        let disk = rustix::fs::statvfs(&self.dir).ok()?;
        Some(Measured {
            free_bytes: disk.f_bavail * disk.f_frsize,
            floor_bytes: self.floor.bytes(disk.f_blocks * disk.f_frsize),
        })
    }

    /// A line in the log when it is another room than before.
    fn tell(&self, measured: Measured) {
        let (room, Measured { free_bytes, floor_bytes }) = (measured.room(), measured);
        if self.told.swap(room as u8, Ordering::Relaxed) == room as u8 {
            return;
        }
        match room {
            Room::Enough => info!(free_bytes, floor_bytes, "there is room on the disk"),
            Room::Near => warn!(free_bytes, floor_bytes, "there is little room left on the disk"),
            Room::Low => warn!(
                free_bytes,
                floor_bytes,
                "the disk is low: nothing is written until there is room, or disk_free_min is smaller"
            ),
        }
    }
}

impl Measured {
    fn room(self) -> Room {
        if self.free_bytes < self.floor_bytes {
            Room::Low
        } else if self.free_bytes < self.floor_bytes / 100 * NEAR_PERCENT {
            Room::Near
        } else {
            Room::Enough
        }
    }

    fn low(self) -> DiskLow {
        DiskLow { free_bytes: self.free_bytes, floor_bytes: self.floor_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ST25: what is left free when nobody says how much: 5 % of the disk, and 256 MiB at least.
    #[test]
    fn st25_the_floor_is_a_share_of_the_disk() {
        assert_eq!(Floor::Share.bytes(1 << 40), (1 << 40) / 100 * 5);
        assert_eq!(Floor::Share.bytes(1 << 30), 256 << 20);
        assert_eq!(Floor::Bytes(0).bytes(1 << 40), 0);
    }

    #[test]
    fn near_begins_a_fourth_above_the_floor() {
        let room = |free_bytes| Measured { free_bytes, floor_bytes: 1_000 }.room();
        assert_eq!([999, 1_000, 1_249, 1_250].map(room), [Room::Low, Room::Near, Room::Near, Room::Enough]);
    }
}
