//! Foreign changes, from bytes to what may be applied.
//!
//! Edit path: ← [`super`] hands over the chunks of a burst, → what [`Orphans::sort_out`] lets through is applied as one,
//! stored as one chunk, and told to the readers as it stands.
//!
//! Always true: a change waits for all who brought it, and comes in when one of them may bring it. So nobody keeps out what
//! somebody else made by relaying it first.
//!
//! Invariant: Automerge is only given changes whose dependencies it has or that come before
//! them in the same burst. Its own queue of orphans stays empty; ours is bounded.

use super::admit::{Bringer, From};
use super::careful::{Panicked, carefully};
use super::honest::Dishonest;
use super::measure::Unfolded;
use super::room::Place;
use super::scan::{ScanError, ScannedKind, scan};
use crate::id::SessionId;
use automerge::{Automerge, Change, ChangeHash, ReadDoc};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Changes that wait for others, per document. A client that was offline sends its changes
/// oldest first, so orphans are few: a false positive of a Bloom filter makes one or two.
pub const ORPHANS_MAX: usize = 4_096;

/// Bytes of changes that wait for others, per document.
pub const ORPHAN_BYTES_MAX: usize = 8 << 20;

/// Of how many people it is known that they have brought a change which is not part of the document yet. Two, when one
/// relays what another has made; more at once, after the network was gone.
const BRINGERS_MAX: usize = 8;

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
    /// It has more operations than a change may have.
    #[error(
        "a change adds at most {ops_max} operations, each letter being one, and this one adds {ops}; bring it in parts"
    )]
    TooManyOps {
        /// How many it adds.
        ops: u64,
        /// The bound.
        ops_max: u64,
    },
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
    #[error("too many changes wait for changes that are missing; begin anew")]
    TooManyOrphans,
}

/// How large a change may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) change_bytes_max: usize,
    /// Operations that it may add.
    pub(super) change_ops_max: u64,
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
    let Sizes { change_bytes_max, change_ops_max: ops_max, document_ops } = sizes;
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
            chunk.check()?;
            let ops = unfolded.add(chunk.payload())?;
            bytes_in_all += bytes as u64;
            if ops > ops_max {
                return Err(BadChange::TooManyOps { ops, ops_max });
            }
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
    /// In whose name it comes in.
    pub(super) bringer: Arc<Bringer>,
    /// Who has brought it besides: it comes in when one of all may bring it.
    pub(super) others: Vec<Arc<Bringer>>,
}

impl Incoming {
    pub(super) fn of(change: Change, bringer: Arc<Bringer>) -> Self {
        Self { change, bringer, others: Vec::new() }
    }

    /// Brought by all of these, in the name of the first. Nothing when there are none.
    pub(super) fn by(change: Change, mut bringers: Vec<Arc<Bringer>>) -> Option<Self> {
        if bringers.is_empty() {
            return None;
        }
        let bringer = bringers.remove(0);
        Some(Self { change, bringer, others: bringers })
    }

    fn bytes(&self) -> usize {
        self.change.raw_bytes().len()
    }

    pub(super) fn bringers(&self) -> impl Iterator<Item = &Arc<Bringer>> {
        std::iter::once(&self.bringer).chain(&self.others)
    }

    /// Keeps those who brought it of whom this holds. Nothing when there are none.
    pub(super) fn of_those(self, is_kept: impl Fn(&Bringer) -> bool) -> Option<Self> {
        let bringers = self.bringers().filter(|bringer| is_kept(bringer)).cloned().collect();
        Self::by(self.change, bringers)
    }

    /// Somebody brings it too. Of one person the wider right counts, and where there are too many a limited right gives
    /// way: nobody crowds out the one who may.
    fn also(&mut self, bringer: Arc<Bringer>) {
        let is_wider = |known: &Bringer| known.limits.is_none() && bringer.limits.is_some();
        let mut known = std::iter::once(&mut self.bringer).chain(&mut self.others);
        if let Some(same) = known.find(|known| known.is_same_person(&bringer)) {
            if !is_wider(same) {
                *same = bringer;
            }
        } else if self.others.len() + 1 < BRINGERS_MAX {
            self.others.push(bringer);
        } else if bringer.limits.is_none()
            && let Some(limited) = self.others.iter_mut().find(|known| known.limits.is_some())
        {
            *limited = bringer;
        }
    }
}

/// Changes whose dependencies are missing, kept until they come, or until those who brought them have left.
#[derive(Debug, Default)]
pub(crate) struct Orphans {
    changes: BTreeMap<ChangeHash, Incoming>,
    /// What each of them takes of the room of whoever brought it.
    places: BTreeMap<ChangeHash, Place>,
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
    /// which it can be, and what has to wait. Besides those of whom there is no room for something: it is dropped, and what
    /// waited before stays.
    pub(super) fn sort_out(
        &mut self,
        doc: &Automerge,
        incoming: Vec<Incoming>,
    ) -> (Vec<Incoming>, Vec<Arc<Bringer>>) {
        let mut ready: Vec<Incoming> = Vec::new();
        let mut places: BTreeMap<ChangeHash, usize> = BTreeMap::new();
        let mut late: BTreeMap<ChangeHash, Incoming> = BTreeMap::new();
        for incoming in incoming {
            let change = &incoming.change;
            let hash = change.hash();
            let known = match places.get(&hash) {
                Some(place) => ready.get_mut(*place),
                None => self.changes.get_mut(&hash).or_else(|| late.get_mut(&hash)),
            };
            if let Some(known) = known {
                known.also(incoming.bringer);
            } else if has_change(doc, &hash) {
                continue;
            } else if change.deps().iter().all(|dep| places.contains_key(dep) || has_change(doc, dep)) {
                places.insert(hash, ready.len());
                ready.push(incoming);
            } else {
                late.insert(hash, incoming);
            }
        }
        let mut ready_hashes = places.into_keys().collect();
        if ready.is_empty() && late.is_empty() {
            return (ready, Vec::new());
        }
        let mut crowding = Vec::new();
        if !(late.is_empty() && self.changes.is_empty()) {
            crowding = self.wait_or_wake(doc, late, &mut ready, &mut ready_hashes);
        }
        (ready, crowding)
    }

    /// Wakes those whose turn has come, and whom they wake in turn. Says of whom there is too much.
    fn wait_or_wake(
        &mut self,
        doc: &Automerge,
        late: BTreeMap<ChangeHash, Incoming>,
        ready: &mut Vec<Incoming>,
        ready_hashes: &mut BTreeSet<ChangeHash>,
    ) -> Vec<Arc<Bringer>> {
        let late_hashes: BTreeSet<ChangeHash> = late.keys().copied().collect();
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

    /// Those before go on waiting, and the late ones as far as there is room for them.
    fn keep(
        &mut self,
        waiting: BTreeMap<ChangeHash, Incoming>,
        late: &BTreeSet<ChangeHash>,
    ) -> Vec<Arc<Bringer>> {
        let (fresh, before): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(hash, _)| late.contains(hash));
        self.changes = before.into_iter().collect();
        self.places.retain(|hash, _| self.changes.contains_key(hash));
        self.bytes = self.changes.values().map(Incoming::bytes).sum();
        let mut crowding: Vec<Arc<Bringer>> = Vec::new();
        for (_, incoming) in fresh {
            if let Err(incoming) = self.put(incoming)
                && !crowding.iter().any(|known| known.from == incoming.bringer.from)
            {
                crowding.push(incoming.bringer);
            }
        }
        crowding
    }

    /// One more waits. What there is no room for is given back.
    #[expect(clippy::result_large_err, reason = "what is given back is what came")]
    fn put(&mut self, incoming: Incoming) -> Result<(), Incoming> {
        let (bytes, hash) = (incoming.bytes(), incoming.change.hash());
        if self.changes.len() >= ORPHANS_MAX || self.bytes + bytes > ORPHAN_BYTES_MAX {
            return Err(incoming);
        }
        if let Some(room) = &incoming.bringer.room {
            let Some(place) = Place::take(room, bytes) else { return Err(incoming) };
            self.places.insert(hash, place);
        }
        self.bytes += bytes;
        self.changes.insert(hash, incoming);
        Ok(())
    }

    /// One waits no longer.
    fn remove(&mut self, hash: &ChangeHash) -> Option<Incoming> {
        let incoming = self.changes.remove(hash)?;
        self.places.remove(hash);
        self.bytes -= incoming.bytes();
        Some(incoming)
    }

    /// Somebody has left. What they brought waits on in the name of whoever brought it too; what was theirs alone comes again
    /// with them.
    pub(super) fn leave(&mut self, session: SessionId) {
        let is_theirs = |bringer: &Bringer| bringer.from == From::Peer(session);
        let theirs = self.changes.iter().filter(|(_, incoming)| incoming.bringers().any(|it| is_theirs(it)));
        for hash in theirs.map(|(hash, _)| *hash).collect::<Vec<_>>() {
            let Some(incoming) = self.remove(&hash) else { continue };
            if let Some(left) = incoming.of_those(|bringer| !is_theirs(bringer)) {
                // It comes again with whoever brought it, too.
                let _no_room = self.put(left);
            }
        }
    }

    /// Which wait.
    pub(super) fn hashes(&self) -> BTreeSet<ChangeHash> {
        self.changes.keys().copied().collect()
    }

    /// Takes out all that build on these, one upon the other: in the name of whoever was refused, or, where nobody is named,
    /// in everybody's. What somebody else has brought too goes on waiting, as theirs.
    pub(super) fn take_built_on(
        &mut self,
        refused: impl IntoIterator<Item = (ChangeHash, Option<Arc<Bringer>>)>,
    ) -> Vec<Incoming> {
        if self.changes.is_empty() {
            return Vec::new();
        }
        let mut on: BTreeMap<ChangeHash, Vec<ChangeHash>> = BTreeMap::new();
        for (hash, incoming) in &self.changes {
            for dep in incoming.change.deps() {
                on.entry(*dep).or_default().push(*hash);
            }
        }
        let mut todo: Vec<(ChangeHash, Option<Arc<Bringer>>)> = refused.into_iter().collect();
        let mut taken = Vec::new();
        while let Some((hash, by)) = todo.pop() {
            for built in on.get(&hash).into_iter().flatten() {
                if let Some(incoming) = self.take(built, by.as_deref()) {
                    taken.push(incoming);
                    todo.push((*built, by.clone()));
                }
            }
        }
        taken
    }

    /// Takes out a change, as far as this person brought it.
    fn take(&mut self, hash: &ChangeHash, by: Option<&Bringer>) -> Option<Incoming> {
        let incoming = self.remove(hash)?;
        let Some(by) = by else { return Some(incoming) };
        let theirs = incoming.clone().of_those(|bringer| bringer.is_same_person(by));
        if let Some(left) = incoming.of_those(|bringer| !bringer.is_same_person(by)) {
            // Whoever else brought it has had too much wait, and hears of it with the next.
            let _no_room = self.put(left);
        }
        theirs
    }

    /// Has these wait for what was refused to others. What there is no room for is given back.
    pub(super) fn wait(&mut self, waiting: Vec<Incoming>) -> Vec<Incoming> {
        waiting.into_iter().filter_map(|incoming| self.put(incoming).err()).collect()
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
