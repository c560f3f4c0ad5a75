//! How much room the documents of a device take, and which of them may leave it.
//!
//! Edit path: ← [`engine`](super::engine) says what is opened, kept and closed; → an edit is refused where there is no room for it, and documents
//! that nobody opens leave.
//!
//! Always true: nothing leaves by itself that is open, or that has something which is nowhere else: what the server does not have, and what it refused.

use dovetail_core::id::DocumentId;
use dovetail_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How often it is looked for what may leave.
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);

/// Four fifths of a bound: from so much on it is told that it is near.
#[must_use]
pub fn nearly(most: u64) -> u64 {
    most - most / 5
}

/// After a start, so that an app may open what it needs, and where it is nearly full and more is kept.
const LOOK_SOON: Duration = Duration::from_secs(60);

/// So many leave at a time, as each is read for that; the next do when those have.
const LEAVE_MAX: usize = 4;

/// Bounds of all documents on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreLimits {
    /// The most bytes of documents, as they are written. Above it nothing is edited here; what others edit is kept all the same. The files of the
    /// store are several times as large. 1 GiB, if nothing else is said.
    pub bytes_max: u64,
    /// A document that is saved leaves when nobody has opened it for so long. 90 days, if nothing else is said.
    pub unopened_max: Duration,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self { bytes_max: 1 << 30, unopened_max: Duration::from_secs(90 * 24 * 60 * 60) }
    }
}

/// How much of the room is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StorageStatus {
    /// Documents that are kept on this device.
    pub documents: usize,
    /// Their bytes, as they are written. The files of the store are several times as large.
    pub bytes: u64,
    /// As many there may be before nothing is edited any more.
    pub bytes_max: u64,
    /// Four fifths of that are taken. What is saved and nobody has opened for longest leaves by itself; the rest has to be saved first.
    pub is_nearly_full: bool,
}

impl StorageStatus {
    /// Whether nothing more is edited here.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes >= self.bytes_max
    }
}

/// What has to be so for a document to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// The server has all of it, as it is noted, and it may be fetched again.
    WhenSaved,
    /// Somebody wants it, whatever is lost by it.
    Anyway,
}

/// What became of a document that was to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It is not here any more.
    Gone,
    /// Something of it is nowhere else.
    Stays,
    /// The store could not let go of it.
    Failed,
}

/// A document that is kept on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenant {
    /// As they are written.
    pub bytes: u64,
    /// When it was last opened, as far as is known.
    pub opened_at: Timestamp,
    /// Something of it is nowhere else.
    pub has_to_stay: bool,
}

/// See the top of the file.
#[derive(Debug, Default)]
pub struct Room {
    limits: StoreLimits,
    tenants: BTreeMap<DocumentId, Tenant>,
    bytes: u64,
    /// The store was asked to let go of them, and has not answered.
    leaving: BTreeSet<DocumentId>,
    /// The store could not let go of them, and is asked again when everybody else was tried.
    failed: BTreeSet<DocumentId>,
    look_at: Option<Timestamp>,
}

impl Room {
    /// With these documents in it.
    #[must_use]
    pub fn new(limits: StoreLimits, now: Timestamp, tenants: BTreeMap<DocumentId, Tenant>) -> Self {
        let bytes = tenants.values().map(|tenant| tenant.bytes).sum();
        Self { limits, tenants, bytes, look_at: Some(now + LOOK_SOON), ..Self::default() }
    }

    /// How much of it is taken.
    #[must_use]
    pub fn status(&self) -> StorageStatus {
        let bytes_max = self.limits.bytes_max;
        let is_nearly_full = self.is_nearly_full(self.bytes);
        StorageStatus { documents: self.tenants.len(), bytes: self.bytes, bytes_max, is_nearly_full }
    }

    fn is_nearly_full(&self, bytes: u64) -> bool {
        bytes >= nearly(self.limits.bytes_max)
    }

    /// What is here, in the order of the ids.
    pub fn tenants(&self) -> impl Iterator<Item = (&DocumentId, &Tenant)> {
        self.tenants.iter()
    }

    /// A document has so many bytes from now on; without any it is not here. It is open, as nothing else is read or written.
    pub(super) fn takes(&mut self, now: Timestamp, id: &DocumentId, bytes: u64) {
        self.strike(id);
        if bytes > 0 {
            self.tenants.insert(id.clone(), Tenant { bytes, opened_at: now, has_to_stay: true });
            self.bytes += bytes;
        }
        if self.is_nearly_full(self.bytes) {
            self.look_by(now + LOOK_SOON);
        }
    }

    fn strike(&mut self, id: &DocumentId) {
        self.failed.remove(id);
        self.bytes -= self.tenants.remove(id).map_or(0, |tenant| tenant.bytes);
    }

    /// A document was closed, with all of it saved. `has_to_stay` when something of it is nowhere else all the same.
    pub(super) fn is_closed(&mut self, now: Timestamp, id: &DocumentId, has_to_stay: bool) {
        if let Some(tenant) = self.tenants.get_mut(id) {
            (tenant.opened_at, tenant.has_to_stay) = (now, has_to_stay);
        }
        if !has_to_stay && self.is_nearly_full(self.bytes) {
            self.look_by(now);
        }
    }

    fn look_by(&mut self, at: Timestamp) {
        self.look_at = self.look_at.map(|look_at| look_at.min(at));
    }

    /// The store has answered. A document that has to stay does until it was opened once more; none holds up others, and a store that fails is
    /// not asked for one after the other without a pause.
    pub(super) fn has_left(&mut self, now: Timestamp, id: &DocumentId, left: Left) {
        self.leaving.remove(id);
        match left {
            Left::Gone => self.strike(id),
            Left::Stays => {
                if let Some(tenant) = self.tenants.get_mut(id) {
                    tenant.has_to_stay = true;
                }
            }
            Left::Failed => {
                self.failed.insert(id.clone());
                return self.look_by(now + LOOK_SOON);
            }
        }
        self.look_by(now);
    }

    /// When [`leave`](Self::leave) is wanted.
    pub(super) fn next_look(&self) -> Option<Timestamp> {
        self.look_at
    }

    /// Whom the store is to let go of by now: whom nobody has opened for long, and as long as it is nearly full, whoever was not opened for longest.
    /// Each is answered by [`has_left`](Self::has_left).
    pub(super) fn leave(&mut self, now: Timestamp, is_open: impl Fn(&DocumentId) -> bool) -> Vec<DocumentId> {
        if self.look_at.is_none_or(|at| now < at) {
            return Vec::new();
        }
        self.look_at = Some(now + LOOK_EVERY);
        if !self.leaving.is_empty() {
            return Vec::new(); // Those who wait are looked for when these have left.
        }
        let mut free: Vec<(Timestamp, &DocumentId, u64)> = self
            .tenants
            .iter()
            .filter(|(id, tenant)| !tenant.has_to_stay && !self.failed.contains(id) && !is_open(id))
            .map(|(id, tenant)| (tenant.opened_at, id, tenant.bytes))
            .collect();
        free.sort_unstable();
        let mut bytes = self.bytes;
        for (opened_at, id, size) in free.into_iter().take(LEAVE_MAX) {
            let is_old = now.since(opened_at) > self.limits.unopened_max;
            if !is_old && !self.is_nearly_full(bytes) {
                break;
            }
            bytes -= size;
            self.leaving.insert(id.clone());
        }
        if self.leaving.is_empty() {
            self.failed.clear();
        }
        self.leaving.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn id(n: u8) -> DocumentId {
        DocumentId::from_bytes(&[n; 16]).unwrap()
    }

    fn day(n: u32) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000) + DAY * n
    }

    /// Documents of ten bytes in a room for a hundred, closed on these days.
    fn room(closed_on: &[u32]) -> Room {
        let tenant = |on: &u32| Tenant { bytes: 10, opened_at: day(*on), has_to_stay: false };
        let tenants = closed_on.iter().enumerate().map(|(n, on)| (id(n as u8 + 1), tenant(on))).collect();
        Room::new(StoreLimits { bytes_max: 100, unopened_max: 30 * DAY }, day(0), tenants)
    }

    /// What leaves, and is gone then.
    fn left(room: &mut Room, now: Timestamp) -> Vec<DocumentId> {
        let leaving = room.leave(now, |_| false);
        leaving.iter().for_each(|id| room.has_left(now, id, Left::Gone));
        leaving
    }

    /// RC78: who was not opened for long leaves, and nobody else as long as there is room.
    #[test]
    fn rc78_what_nobody_opens_leaves() {
        let mut room = room(&[0, 20, 60]);
        assert_eq!(left(&mut room, day(0)), [], "an app gets time to open what it needs");
        assert_eq!(left(&mut room, day(25)), []);
        assert_eq!(left(&mut room, day(40)), [id(1)]);
        assert_eq!(room.status().bytes, 20);
        assert_eq!(room.leave(day(61), |one| *one == id(2)), [], "it is open");
        assert_eq!(room.leave(day(62), |_| false), [id(2)]);
        assert_eq!(room.leave(day(63), |_| false), [], "the store has not answered");
        assert_eq!(room.status().bytes, 20, "it is there until it is gone");
        room.has_left(day(63), &id(2), Left::Stays);
        assert_eq!(room.leave(day(64), |_| false), [], "it has to stay");
        room.is_closed(day(65), &id(2), false);
        assert_eq!(room.leave(day(100), |_| false), [id(2), id(3)], "it was opened once more");
    }

    /// RC78: whom the store cannot let go of is tried again when the others were, and later where it lets go of nobody.
    #[test]
    fn rc78_a_store_that_fails_is_asked_again() {
        let mut room = room(&[0; 6]);
        let mut asked = |at: Timestamp, left: Left| {
            let leaving = room.leave(at, |_| false);
            leaving.iter().for_each(|id| room.has_left(at, id, left));
            leaving
        };
        let first = day(40);
        assert_eq!(asked(first, Left::Failed), [id(1), id(2), id(3), id(4)]);
        assert_eq!(asked(first, Left::Failed), [], "not without a pause");
        assert_eq!(asked(first + LOOK_SOON, Left::Failed), [id(5), id(6)]);
        assert_eq!(asked(first + 2 * LOOK_SOON, Left::Failed), []);
        assert_eq!(asked(first + 3 * LOOK_SOON, Left::Failed), [], "an hour later");
        assert_eq!(asked(first + LOOK_EVERY + 2 * LOOK_SOON, Left::Gone), [id(1), id(2), id(3), id(4)]);
    }

    /// RC78: what has something that is nowhere else stays, however long and however full it is.
    #[test]
    fn rc78_what_is_nowhere_else_stays() {
        let mut room = room(&[0, 0]);
        room.takes(day(1), &id(1), 90);
        room.is_closed(day(1), &id(2), true);
        assert!(room.status().is_full());
        assert_eq!(left(&mut room, day(900)), []);
        room.is_closed(day(900), &id(1), false);
        assert_eq!(left(&mut room, day(901)), [id(1)]);
    }

    /// RC77: before the wall it is told, and the longest unopened leave, a few at a time and no more of them than have to.
    #[test]
    fn rc77_a_room_that_is_nearly_full() {
        let mut room = room(&[3, 1, 2, 4, 5, 6]);
        assert_eq!(left(&mut room, day(7)), []);
        room.takes(day(7), &id(7), 19);
        assert!(!room.status().is_nearly_full);
        room.takes(day(7), &id(7), 35);
        assert!(room.status().is_nearly_full && !room.status().is_full());
        assert_eq!(left(&mut room, day(7)), []);
        assert_eq!(left(&mut room, day(7) + LOOK_SOON), [id(2), id(3)]);
        assert!(!room.status().is_nearly_full);
        room.takes(day(8), &id(7), 120);
        assert!(room.status().is_full());
        assert_eq!(left(&mut room, day(8) + LOOK_SOON).len(), LEAVE_MAX);
        assert_eq!(room.next_look(), Some(day(8) + LOOK_SOON), "whether more have to");
    }
}
