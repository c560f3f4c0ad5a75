//! What the server does not have yet, as far as it has said.
//!
//! Edit path: ← a change was made here, → entered; ← the server says how far it has come, → what it has leaves.
//!
//! Always true: an edit is counted when it is made, without looking at those before it.

use automerge::{Automerge, ChangeHash};
use dovetail_core::time::Timestamp;
use serde::Serialize;
use std::collections::VecDeque;

/// A change that the server has not said to have on its disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// Which, in hexadecimal.
    #[serde(serialize_with = "as_text")]
    pub hash: ChangeHash,
    /// What it is, in words, where whoever made it said so.
    pub label: Option<String>,
    /// When it was made, by this device's clock, to the second.
    pub at: Timestamp,
    /// How large it is, in bytes.
    pub bytes: u64,
}

fn as_text<S: serde::Serializer>(hash: &ChangeHash, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(hash)
}

/// All of them, in an order in which each comes behind what it builds on.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    changes: VecDeque<Pending>,
    bytes: u64,
}

impl Waiting {
    /// Those that a server has not, which has everything up to `saved`.
    pub(super) fn beyond(doc: &Automerge, saved: &[ChangeHash]) -> Self {
        let mut waiting = Self::default();
        doc.get_changes(saved).iter().for_each(|change| waiting.enter(change));
        waiting
    }

    /// One more, which was just made.
    pub(super) fn enter(&mut self, change: &automerge::Change) {
        let one = Pending {
            hash: change.hash(),
            label: change.message().map(str::to_owned).filter(|label| !label.is_empty()),
            at: Timestamp::from_millis(u64::try_from(change.timestamp()).unwrap_or(0).saturating_mul(1_000)),
            bytes: change.raw_bytes().len() as u64,
        };
        self.bytes += one.bytes;
        self.changes.push_back(one);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Pending> {
        self.changes.iter()
    }

    pub(super) fn count(&self) -> usize {
        self.changes.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}
