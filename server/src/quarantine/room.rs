//! What is kept, and whether there is room for more.
//!
//! Edit path: ← an item takes room before it is written, → and gives it back when it is gone or was not written after all.
//!
//! Always true: bytes, changes and what each person has are those of the items that are kept or being written, and within
//! the bounds; but for what was found in the store under larger bounds.

use super::item::Summary;
use crate::serial::Serial;
use automerge::ChangeHash;
use dovetail_core::grant::LINK_SUBJECT_PREFIX;
use dovetail_core::id::{DocumentId, SubjectId};
use dovetail_core::time::Timestamp;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What one person may have of all: ten of them fill it, and nobody does it alone.
const OF_ONE: usize = 10;

/// Whose share an item takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Share {
    /// One person's.
    Of(SubjectId),
    /// That of all who hold links together: one person makes as many links as they like.
    Links,
    /// That of all of whom nothing is known.
    Nobody,
}

impl Share {
    fn of(item: &Summary) -> Self {
        match &item.subject {
            Some(subject) if subject.as_str().starts_with(LINK_SUBJECT_PREFIX) => Self::Links,
            Some(subject) => Self::Of(subject.clone()),
            None => Self::Nobody,
        }
    }
}

/// What each change and each item take in memory, about; so that many small ones count for what they are.
const OVERHEAD_BYTES: usize = 256;

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Room {
    bytes_max: usize,
    bytes: usize,
    of_share: HashMap<Share, usize>,
    changes: HashSet<(DocumentId, ChangeHash)>,
    /// Those that are written.
    items: BTreeMap<Serial, Summary>,
    last: Option<Serial>,
}

impl Room {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            bytes: 0,
            of_share: HashMap::new(),
            changes: HashSet::new(),
            items: BTreeMap::new(),
            last: None,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn items(&self) -> &BTreeMap<Serial, Summary> {
        &self.items
    }

    pub(super) fn has(&self, document: &DocumentId, change: &ChangeHash) -> bool {
        self.changes.contains(&(document.clone(), *change))
    }

    pub(super) fn next_id(&mut self, now: Timestamp) -> Serial {
        let id = Serial::behind(self.last, now);
        self.last = Some(id);
        id
    }

    /// Takes room for an item, if there is.
    pub(super) fn take(&mut self, item: &Summary) -> bool {
        let of_share = self.of_share.get(&Share::of(item)).copied().unwrap_or_default();
        let cost = cost(item);
        let fits = self.bytes + cost <= self.bytes_max && of_share + cost <= self.bytes_max / OF_ONE;
        if fits {
            self.occupy(item);
        }
        fits
    }

    pub(super) fn give_back(&mut self, item: &Summary) {
        self.bytes = self.bytes.saturating_sub(cost(item));
        let share = Share::of(item);
        if let Some(of_share) = self.of_share.get_mut(&share) {
            *of_share = of_share.saturating_sub(cost(item));
            if *of_share == 0 {
                self.of_share.remove(&share);
            }
        }
        for change in &*item.hashes {
            self.changes.remove(&(item.document.clone(), *change));
        }
    }

    /// It has room, and is written now.
    pub(super) fn note_written(&mut self, item: &Summary) {
        self.items.insert(item.id, item.clone());
    }

    /// It was in the store when the server started.
    pub(super) fn note_found(&mut self, item: &Summary) {
        self.last = self.last.max(Some(item.id));
        self.occupy(item);
        self.note_written(item);
    }

    /// It was decided, and is known by its changes only.
    pub(super) fn note_decided(&mut self, item: &Summary) {
        if self.items.remove(&item.id).is_some() {
            self.give_back(item);
            let decided = item.decided();
            self.occupy(&decided);
            self.note_written(&decided);
        }
    }

    /// It is in the store no more. Whoever comes second changes nothing.
    pub(super) fn note_gone(&mut self, item: &Summary) {
        if self.items.remove(&item.id).is_some() {
            self.give_back(item);
        }
    }

    /// Some of those that have come to their end.
    pub(super) fn over(&self, now: Timestamp, limit: usize) -> Vec<Summary> {
        self.items.values().filter(|item| item.expires <= now).take(limit).cloned().collect()
    }

    fn occupy(&mut self, item: &Summary) {
        self.bytes += cost(item);
        *self.of_share.entry(Share::of(item)).or_default() += cost(item);
        self.changes.extend(item.hashes.iter().map(|change| (item.document.clone(), *change)));
    }
}

fn cost(item: &Summary) -> usize {
    item.bytes() + (item.hashes.len() + 1) * OVERHEAD_BYTES
}
