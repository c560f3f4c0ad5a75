//! How much one connection may have waiting for changes that are missing, over all documents that it reads.
//!
//! Edit path: ← a change cannot be applied yet, → it takes a [`Place`] in the room of whoever brought it, and gives it back when
//! it is dropped: applied, refused or forgotten.
//!
//! A document has a bound of its own. With that alone somebody who reads ten thousand documents could fill each, and a document
//! in which something waits does not leave memory.

use super::intake::{ORPHAN_BYTES_MAX, ORPHANS_MAX};
use std::sync::{Arc, Mutex, PoisonError};

/// Changes that wait in the name of one connection: half of what there is room for in a document, so that nobody fills one alone.
pub const ORPHANS_OF_ONE_MAX: usize = ORPHANS_MAX / 2;

/// Their bytes.
pub const ORPHAN_BYTES_OF_ONE_MAX: usize = ORPHAN_BYTES_MAX / 2;

/// The room of one connection. Documents are looked after apart from each other, so it is shared and counted.
#[derive(Debug, Default)]
pub struct WaitingRoom(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    changes: usize,
    bytes: usize,
}

/// What one change takes of it.
#[derive(Debug)]
pub(super) struct Place {
    room: Arc<WaitingRoom>,
    bytes: usize,
}

impl Place {
    /// Nothing when the room is full.
    pub(super) fn take(room: &Arc<WaitingRoom>, bytes: usize) -> Option<Self> {
        let mut taken = room.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.changes >= ORPHANS_OF_ONE_MAX || taken.bytes + bytes > ORPHAN_BYTES_OF_ONE_MAX {
            return None;
        }
        taken.changes += 1;
        taken.bytes += bytes;
        drop(taken);
        Some(Self { room: room.clone(), bytes })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.room.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.changes -= 1;
        taken.bytes -= self.bytes;
    }
}
