//! Foreign changes, from bytes to what may be applied.
//!
//! Edit path: ← [`super`] hands over the chunks of a burst, → what [`Orphans::sort_out`] lets through is applied as one,
//! stored as one chunk, and told to the readers as it stands.
//!
//! Invariant: Automerge is only given changes whose dependencies it has or that come before
//! them in the same burst. Its own queue of orphans stays empty; ours is bounded.

use super::admit::Bringer;
use super::careful::{Panicked, carefully};
use super::honest::Dishonest;
use super::measure::Unfolded;
use super::scan::{ScanError, ScannedKind, scan};
use automerge::{Automerge, Change, ChangeHash, ReadDoc};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Changes that wait for others, per document. A client that was offline sends its changes
/// oldest first, so orphans are few: a false positive of a Bloom filter makes one or two.
pub const ORPHANS_MAX: usize = 4_096;

/// Bytes of changes that wait for others, per document.
pub const ORPHAN_BYTES_MAX: usize = 8 << 20;

/// Why a client's changes cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum BadChange {
    /// The bytes are no chunks.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// A whole document, a bundle or a deflated change, where only single plain changes are taken.
    #[error("only single changes are taken, as they are and not deflated; this is a {0:?}")]
    Kind(ScannedKind),
    /// Longer than a change may be.
    #[error("a change has at most {bytes_max} bytes, this one has {bytes}")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// Few bytes that stand for very many operations.
    #[error("a change says far more operations than it has bytes")]
    TooMuch,
    /// No client can have made it.
    #[error(transparent)]
    Dishonest(#[from] Dishonest),
    /// Automerge cannot read it.
    #[error("not a change: {0}")]
    Malformed(String),
    /// Automerge panicked over it.
    #[error(transparent)]
    Panicked(#[from] Panicked),
    /// It builds on changes that came neither with it nor before.
    #[error("it builds on changes that are missing")]
    Incomplete,
    /// Too much waits for changes that do not come.
    #[error("more than {ORPHANS_MAX} changes or {ORPHAN_BYTES_MAX} bytes wait for changes that are missing")]
    TooManyOrphans,
}

/// How large a change may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) change_bytes_max: usize,
    /// Operations that the document has, or will have by then: that many may be taken back by few bytes.
    pub(super) document_ops: u64,
}

/// Reads the changes in `chunks`: each may hold several, one behind the other.
///
/// # Errors
/// When one of them cannot be taken; then none is.
pub(super) fn read_changes<'a>(
    chunks: impl IntoIterator<Item = &'a [u8]>,
    sizes: Sizes,
) -> Result<Vec<Change>, BadChange> {
    let Sizes { change_bytes_max, document_ops } = sizes;
    let (mut unfolded, mut bytes_in_all) = (Unfolded::default(), 0);
    let mut changes = Vec::new();
    for bytes in chunks {
        for chunk in scan(bytes) {
            let chunk = chunk?;
            match chunk.kind {
                ScannedKind::Change => {}
                // A deflated change of half a megabyte can be half a gigabyte, and Automerge inflates it before
                // anybody can measure it. No client sends them: sync messages carry changes as they are.
                ScannedKind::DeflatedChange | ScannedKind::Document | ScannedKind::Bundle => {
                    return Err(BadChange::Kind(chunk.kind));
                }
            }
            let bytes = chunk.whole.len();
            if bytes > change_bytes_max {
                return Err(BadChange::TooLarge { bytes, bytes_max: change_bytes_max });
            }
            unfolded.add(chunk.payload())?;
            bytes_in_all += bytes as u64;
            if unfolded.is_too_much(bytes_in_all, document_ops) {
                return Err(BadChange::TooMuch);
            }
            let change = carefully(|| Change::try_from(chunk.whole))?
                .map_err(|error| BadChange::Malformed(error.to_string()))?;
            changes.push(change);
        }
    }
    Ok(changes)
}

/// A change on its way into the document.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub(super) change: Change,
    pub(super) bringer: Arc<Bringer>,
}

/// Changes whose dependencies are missing, kept until they come.
#[derive(Debug, Default)]
pub(crate) struct Orphans {
    changes: BTreeMap<ChangeHash, Incoming>,
    bytes: usize,
}

impl Orphans {
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// What has to come before any of them can be applied. Sorted.
    pub(crate) fn missing(&self, doc: &Automerge) -> Vec<ChangeHash> {
        let missing: BTreeSet<ChangeHash> = self
            .changes
            .values()
            .flat_map(|incoming| incoming.change.deps().iter().copied())
            .filter(|dep| !self.changes.contains_key(dep) && !has_change(doc, dep))
            .collect();
        missing.into_iter().collect()
    }

    /// Sorts `incoming` and what waited before into what can be applied now, in an order in
    /// which it can be, and what has to wait.
    ///
    /// # Errors
    /// When too much would have to wait. Then `incoming` is dropped and what waited before stays.
    pub(crate) fn sort_out(
        &mut self,
        doc: &Automerge,
        incoming: Vec<Incoming>,
    ) -> Result<Vec<Incoming>, BadChange> {
        let mut ready = Vec::new();
        let mut ready_hashes = BTreeSet::new();
        let mut late = BTreeMap::new();
        for incoming in incoming {
            let change = &incoming.change;
            let hash = change.hash();
            if ready_hashes.contains(&hash) || self.changes.contains_key(&hash) || has_change(doc, &hash) {
                continue;
            }
            if change.deps().iter().all(|dep| ready_hashes.contains(dep) || has_change(doc, dep)) {
                ready_hashes.insert(hash);
                ready.push(incoming);
            } else {
                late.insert(hash, incoming);
            }
        }
        if ready.is_empty() && late.is_empty() {
            return Ok(ready);
        }
        if !(late.is_empty() && self.changes.is_empty()) {
            self.wait_or_wake(doc, late, &mut ready, &mut ready_hashes)?;
        }
        Ok(ready)
    }

    /// Wakes those whose turn has come, and whom they wake in turn.
    fn wait_or_wake(
        &mut self,
        doc: &Automerge,
        late: BTreeMap<ChangeHash, Incoming>,
        ready: &mut Vec<Incoming>,
        ready_hashes: &mut BTreeSet<ChangeHash>,
    ) -> Result<(), BadChange> {
        let late_hashes: Vec<ChangeHash> = late.keys().copied().collect();
        let mut waiting = late;
        waiting.append(&mut self.changes);

        let mut lacks: BTreeMap<ChangeHash, usize> = BTreeMap::new();
        let mut wakes: BTreeMap<ChangeHash, Vec<ChangeHash>> = BTreeMap::new();
        let mut due = Vec::new();
        for (hash, Incoming { change, .. }) in &waiting {
            let missing = |dep: &&ChangeHash| !ready_hashes.contains(dep) && !has_change(doc, dep);
            let missing: Vec<ChangeHash> = change.deps().iter().filter(missing).copied().collect();
            if missing.is_empty() {
                due.push(*hash);
            }
            lacks.insert(*hash, missing.len());
            for dep in missing {
                wakes.entry(dep).or_default().push(*hash);
            }
        }
        while let Some(hash) = due.pop() {
            ready_hashes.insert(hash);
            ready.extend(waiting.remove(&hash));
            for woken in wakes.remove(&hash).unwrap_or_default() {
                if let Some(count) = lacks.get_mut(&woken) {
                    *count -= 1;
                    if *count == 0 {
                        due.push(woken);
                    }
                }
            }
        }
        self.keep(waiting, &late_hashes)
    }

    fn keep(
        &mut self,
        mut waiting: BTreeMap<ChangeHash, Incoming>,
        late: &[ChangeHash],
    ) -> Result<(), BadChange> {
        let size = |waiting: &BTreeMap<ChangeHash, Incoming>| -> usize {
            waiting.values().map(|incoming| incoming.change.raw_bytes().len()).sum()
        };
        let too_many = waiting.len() > ORPHANS_MAX || size(&waiting) > ORPHAN_BYTES_MAX;
        if too_many {
            for hash in late {
                waiting.remove(hash);
            }
        }
        self.bytes = size(&waiting);
        self.changes = waiting;
        if too_many { Err(BadChange::TooManyOrphans) } else { Ok(()) }
    }

    /// Which wait.
    pub(super) fn hashes(&self) -> BTreeSet<ChangeHash> {
        self.changes.keys().copied().collect()
    }

    /// Takes out all that build on these, one upon the other.
    pub(super) fn take_built_on(&mut self, refused: impl IntoIterator<Item = ChangeHash>) -> Vec<Incoming> {
        if self.changes.is_empty() {
            return Vec::new();
        }
        let mut on: BTreeMap<ChangeHash, Vec<ChangeHash>> = BTreeMap::new();
        for (hash, incoming) in &self.changes {
            for dep in incoming.change.deps() {
                on.entry(*dep).or_default().push(*hash);
            }
        }
        let mut todo: Vec<ChangeHash> = refused.into_iter().collect();
        let mut taken = Vec::new();
        while let Some(hash) = todo.pop() {
            for built in on.remove(&hash).unwrap_or_default() {
                if let Some(incoming) = self.changes.remove(&built) {
                    self.bytes -= incoming.change.raw_bytes().len();
                    taken.push(incoming);
                    todo.push(built);
                }
            }
        }
        taken
    }

    /// Bytes of changes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Whether all that these changes build on is among them or in the document.
pub(crate) fn stand_alone(doc: &Automerge, changes: &[Change]) -> bool {
    let hashes: BTreeSet<ChangeHash> = changes.iter().map(Change::hash).collect();
    let mut deps = changes.iter().flat_map(|change| change.deps());
    deps.all(|dep| hashes.contains(dep) || has_change(doc, dep))
}

/// Whether a change is part of the document.
pub(crate) fn has_change(doc: &Automerge, hash: &ChangeHash) -> bool {
    // The cheapest question that Automerge answers here: it builds nothing for a change that is there.
    doc.get_missing_deps(std::slice::from_ref(hash)).is_empty()
}
