//! A document in memory.
//!
//! Invariant: outside of a commit, what is in memory is what is stored. So whatever is read
//! here may be told to anybody.

use super::admit::{self, Room};
use super::body::{Body, Heads};
use super::careful::{Panicked, carefully};
use super::chunk::{Chunk, ChunkKey, ChunkKind, Lifecycle, Manifest, Stored};
use super::events::Refusal;
use super::honest::{self, Dishonest, SetMark};
use super::intake::{Incoming, Orphans};
use super::past::Lineage;
use super::scan::{ScanError, heads_of};
use crate::authors::{Authors, BadAuthors};
use crate::grant::Access;
use crate::json;
use crate::limits::{CHANGE_OPS_MAX, DocumentLimits};
use crate::time::Timestamp;
use automerge::{Automerge, AutomergeError, Change, ChangeHash, PatchLog, ReadDoc};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Automerge keeps about this much in memory for each change, measured on dashboards of
/// 1,000 to 100,000 changes.
const BYTES_PER_CHANGE: u64 = 450;

/// What any document takes that is in memory, be it empty: Automerge's own tables, and the task around it. Measured on
/// thousands of small documents at 48 to 51 KiB. Without it a server full of small ones would take twenty times its budget.
const BYTES_PER_DOCUMENT: u64 = 48 << 10;

/// What is stored is packed; in memory it takes so many times that, measured at 3.7 (a text of 200,000 letters) to 10 (lists
/// of small objects). The lowest, because of long histories most is counted with the changes already.
const TIMES_STORED: u64 = 4;

/// Operations that are applied at once. Automerge takes 520 bytes for each until all are applied, whether they are one change or a
/// thousand: a document that is brought in one message is applied in parts, and takes 1.1 GB beside itself at most.
const OPS_AT_ONCE_MAX: u64 = CHANGE_OPS_MAX;

/// Longer titles are cut in the manifest: it is written with every burst.
const SUMMARY_BYTES_MAX: usize = 200;

/// Why what the store holds cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// The chunks are not what was written.
    #[error("a stored chunk cannot be read")]
    Scan(#[from] ScanError),
    /// Chunks are missing, or there are some too many.
    #[error("the chunks amount to other heads than the manifest tells")]
    Heads,
    /// The same heads with another history before them cannot be: the manifest is not of this document.
    #[error("the manifest tells of {told} changes, and {found} are there")]
    Changes {
        /// As the manifest tells.
        told: u64,
        /// As the chunks amount to.
        found: u64,
    },
    /// Automerge cannot read them.
    #[error("automerge cannot read the stored chunks")]
    Load(#[from] AutomergeError),
    /// Automerge panicked over them.
    #[error(transparent)]
    Panicked(#[from] Panicked),
    /// Whose the actors are cannot be read.
    #[error(transparent)]
    Authors(#[from] BadAuthors),
}

/// Looks whether what is stored is what was written: every chunk can be read, together they amount to the heads and the number
/// of changes that the manifest tells, and whose the actors are is known. Each chunk's hash was compared when it was read.
///
/// # Errors
/// Says what is damaged.
pub fn verify(stored: &Stored) -> Result<(), Damage> {
    let live = Live::load(stored)?;
    let told = live.manifest.changes;
    let found = carefully(|| live.doc.get_changes_meta(&[]).len() as u64)?;
    if found == told { Ok(()) } else { Err(Damage::Changes { told, found }) }
}

/// One snapshot of what [`content`] gave.
///
/// # Errors
/// When Automerge cannot read it.
pub fn folded(content: &[u8]) -> Result<Chunk, Damage> {
    let saved = carefully(|| Automerge::load(content).map(|doc| doc.save()))??;
    Ok(Chunk::new(ChunkKind::Snapshot, saved.into()))
}

/// The last burst: who was at `from` gets its changes and is up to date. The message is made for the
/// first who needs it; a document that only one client writes and reads needs none.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) from: Heads,
    changes: Vec<Bytes>,
    body: Option<Arc<Body>>,
}

/// See the top of the file.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) doc: Automerge,
    pub(crate) heads: Heads,
    pub(crate) manifest: Manifest,
    /// What lies in the store, and how many bytes each is.
    pub(crate) chunks: Vec<(ChunkKey, u64)>,
    pub(crate) orphans: Orphans,
    /// Whose the actors are.
    pub(crate) authors: Arc<Authors>,
    /// How far the actors have come.
    pub(super) lineage: Lineage,
    /// A snapshot of it could not be read back: it stays in its chunks.
    pub(super) is_unfoldable: bool,
    news: Option<News>,
    ack: Option<Arc<Body>>,
    whole: Option<Arc<Body>>,
    /// The last catch-up, by what it started from: readers that fell behind together share it.
    catch_up: Option<(Vec<ChangeHash>, Arc<Body>)>,
}

impl Live {
    /// A document that the store does not have.
    pub(crate) fn absent(now: Timestamp) -> Self {
        let manifest = Manifest {
            heads: Vec::new(),
            changes: 0,
            bytes: 0,
            kind: None,
            title: None,
            created_at: now,
            changed_at: now,
            lifecycle: Lifecycle::Live,
            access: Arc::default(),
        };
        Self::of(Automerge::new(), manifest, Vec::new())
    }

    /// Builds the document from what the store gave back.
    ///
    /// # Errors
    /// When that is not what was stored.
    pub(crate) fn load(stored: &Stored) -> Result<Self, Damage> {
        let bytes = content(stored);
        let doc = carefully(|| Automerge::load(&bytes))??;
        if doc.get_heads() != stored.manifest.heads {
            return Err(Damage::Heads);
        }
        let size = |chunk: &Chunk| (chunk.key(), chunk.bytes().len() as u64);
        let mut live = Self::of(doc, stored.manifest.clone(), stored.chunks.iter().map(size).collect());
        let authors = Arc::make_mut(&mut live.authors);
        for chunk in stored.chunks.iter().filter(|chunk| chunk.key().kind == ChunkKind::Authors) {
            authors.read(chunk.bytes())?;
        }
        Ok(live)
    }

    fn of(doc: Automerge, manifest: Manifest, chunks: Vec<(ChunkKey, u64)>) -> Self {
        Self {
            doc,
            heads: manifest.heads.as_slice().into(),
            manifest,
            chunks,
            orphans: Orphans::default(),
            authors: Arc::default(),
            lineage: Lineage::default(),
            is_unfoldable: false,
            news: None,
            ack: None,
            whole: None,
            catch_up: None,
        }
    }

    pub(crate) fn is_absent(&self) -> bool {
        self.manifest.changes == 0
    }

    /// Nothing was applied, stored or not.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_absent() && self.doc.is_empty()
    }

    /// Applies changes that are ready, notes what they touch where that is wanted, and says what the manifest
    /// will be once they are stored.
    /// On an error the document must be dropped.
    pub(super) fn apply(
        &mut self,
        now: Timestamp,
        ready: Ready,
        chunk: &Chunk,
        access: Arc<Access>,
        touched: &mut PatchLog,
    ) -> Result<Manifest, ApplyError> {
        let Ready { changes, marks } = ready;
        let count = changes.len() as u64;
        let created_at = if self.is_absent() { now } else { self.manifest.created_at };
        self.lineage.note(&changes);
        let applied: BTreeSet<ChangeHash> = changes.iter().map(Change::hash).collect();
        let doc = &mut self.doc;
        let before = doc.get_heads();
        for part in in_parts(changes, OPS_AT_ONCE_MAX) {
            carefully(|| doc.apply_changes_log_patches(part, touched))??;
        }
        carefully(|| honest::amounts_to(&self.doc, &before, &applied, &marks))??;
        let (heads, kind, title) =
            carefully(|| (self.doc.get_heads(), self.summary("kind"), self.summary("title")))?;
        Ok(Manifest {
            heads,
            changes: self.manifest.changes + count,
            bytes: self.manifest.bytes + chunk.bytes().len() as u64,
            kind,
            title,
            created_at,
            changed_at: now,
            lifecycle: Lifecycle::Live,
            access,
        })
    }

    /// How much it may still grow.
    pub(super) fn room_left(&self, limits: &DocumentLimits) -> Room {
        Room {
            changes: limits.changes_max.saturating_sub(self.manifest.changes),
            bytes: limits.bytes_max.saturating_sub(self.manifest.bytes),
            ops: limits.ops_max.saturating_sub(self.doc.stats().num_ops),
        }
    }

    /// The burst is stored: from here on its heads are ours.
    pub(crate) fn stored(&mut self, manifest: Manifest, chunks: &[Chunk], changes: Vec<Bytes>) {
        let from = std::mem::replace(&mut self.heads, manifest.heads.as_slice().into());
        self.manifest = manifest;
        self.chunks.extend(chunks.iter().map(|chunk| (chunk.key(), chunk.bytes().len() as u64)));
        self.forget_bodies();
        self.news = Some(News { from, changes, body: None });
    }

    /// Makes actors that are new their bringers'. What is to be stored of that, if anything is.
    pub(super) fn bind(&mut self, ready: &[Incoming]) -> Option<Chunk> {
        let mut fresh = Authors::default();
        for Incoming { change, bringer, .. } in ready {
            let Some(author) = bringer.who.author() else { continue };
            if !admit::is_of_house(change) && self.authors.owner(change.actor_id()).is_none() {
                fresh.bind(change, author);
                Arc::make_mut(&mut self.authors).bind(change, author);
            }
        }
        (!fresh.is_empty()).then(|| Chunk::new(ChunkKind::Authors, fresh.written()))
    }

    /// The last burst as a message, for one who was at `from`.
    pub(crate) fn news_since(&mut self, from: &Heads) -> Option<Arc<Body>> {
        let heads = &self.heads;
        let news = self.news.as_mut().filter(|news| news.from == *from)?;
        let changes = &news.changes;
        let body = news.body.get_or_insert_with(|| {
            Body::changes(heads, changes.iter().map(|bytes| bytes.to_vec()).collect())
        });
        Some(body.clone())
    }

    /// The document as one chunk, and whose its actors are as another, where that is known. Nothing when that chunk
    /// would not be the document: the chunks that are there are the only ones that are known to be good.
    pub(crate) fn folded(&mut self) -> Option<Vec<Chunk>> {
        let bytes = carefully(|| self.doc.save()).ok();
        // Loading is most of what folding costs: 3 ms at 1,000 changes, 28 ms at 10,000, where saving is 0.2 and 1.
        // Reading the heads off the chunk costs nothing and proves nothing.
        let bytes = bytes.filter(|bytes| {
            carefully(|| Automerge::load(bytes))
                .is_ok_and(|loaded| loaded.is_ok_and(|loaded| loaded.get_heads() == self.manifest.heads))
        });
        let Some(bytes) = bytes else {
            self.is_unfoldable = true;
            return None;
        };
        let mut folded = vec![Chunk::new(ChunkKind::Snapshot, bytes.into())];
        if !self.authors.is_empty() {
            folded.push(Chunk::new(ChunkKind::Authors, self.authors.written()));
        }
        Some(folded)
    }

    fn forget_bodies(&mut self) {
        self.news = None;
        self.ack = None;
        self.whole = None;
        self.catch_up = None;
    }

    pub(crate) fn ack(&mut self) -> Arc<Body> {
        let heads = &self.heads;
        self.ack.get_or_insert_with(|| Body::heads_only(heads)).clone()
    }

    /// Everything, for one who has nothing and takes whole documents.
    pub(crate) fn whole(&mut self) -> Result<Arc<Body>, Panicked> {
        if let Some(body) = &self.whole {
            return Ok(body.clone());
        }
        let body = Body::whole(&self.heads, carefully(|| self.doc.save())?);
        self.whole = Some(body.clone());
        Ok(body)
    }

    /// What one lacks who has everything up to `has`, and what it asked for by name.
    pub(crate) fn catch_up(
        &mut self,
        has: &[ChangeHash],
        need: &[ChangeHash],
        takes_documents: bool,
    ) -> Result<Arc<Body>, Panicked> {
        if takes_documents && has.is_empty() {
            return self.whole();
        }
        if let Some((from, body)) = &self.catch_up
            && need.is_empty()
            && from == has
        {
            return Ok(body.clone());
        }
        let changes = carefully(|| {
            let mut changes = self.doc.get_changes(has);
            // Somebody may ask for very many by name.
            let lacked: BTreeSet<ChangeHash> = changes.iter().map(Change::hash).collect();
            let named =
                need.iter().collect::<BTreeSet<_>>().into_iter().filter(|hash| !lacked.contains(hash));
            let named: Vec<Change> = named.filter_map(|hash| self.doc.get_change_by_hash(hash)).collect();
            changes.splice(0..0, named);
            changes.iter().map(|change| change.raw_bytes().to_vec()).collect::<Vec<_>>()
        })?;
        if takes_documents && changes.len() as u64 > self.manifest.changes / 3 {
            return self.whole();
        }
        let body = Body::changes(&self.heads, changes);
        if need.is_empty() {
            self.catch_up = Some((has.to_vec(), body.clone()));
        }
        Ok(body)
    }

    /// Bytes in memory, estimated.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let bodies = [&self.ack, &self.whole].into_iter().flatten().map(|body| body.bytes.len() as u64);
        BYTES_PER_DOCUMENT
            + self.manifest.changes * BYTES_PER_CHANGE
            + self.manifest.bytes * TIMES_STORED
            + self.orphans.bytes() as u64
            + self.authors.resident_bytes()
            + bodies.sum::<u64>()
    }

    /// A text at the document's root, for lists.
    pub(crate) fn summary(&self, field: &str) -> Option<String> {
        let mut text = json::root_text(&self.doc, field)?;
        if text.len() > SUMMARY_BYTES_MAX {
            let end = (0..=SUMMARY_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(end);
        }
        Some(text)
    }
}

/// Changes that can be applied one after the other.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) changes: Vec<Change>,
    /// Those that they set.
    pub(super) marks: Vec<SetMark>,
}

/// Why changes that looked ready could not be applied.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApplyError {
    #[error(transparent)]
    Dishonest(#[from] Dishonest),
    #[error(transparent)]
    Automerge(#[from] AutomergeError),
    #[error(transparent)]
    Panicked(#[from] Panicked),
}

impl From<ApplyError> for Refusal {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Panicked(panicked) => panicked.into(),
            error => Refusal::InvalidChange { reason: error.to_string() },
        }
    }
}

/// A message with the whole document, without building it: the stored chunks as they are,
/// checked against the manifest from the outside.
///
/// # Errors
/// When they are not what was stored.
pub(crate) fn whole_from_chunks(stored: &Stored) -> Result<Arc<Body>, Damage> {
    let chunks = stored.chunks.iter().filter(|chunk| chunk.key().kind.is_content());
    if heads_of(chunks.map(|chunk| &chunk.bytes()[..]))? != stored.manifest.heads {
        return Err(Damage::Heads);
    }
    Ok(Body::whole(&stored.manifest.heads.as_slice().into(), content(stored)))
}

/// The bytes of a stored document as `Automerge::load` takes them. Snapshots first: it wants to begin with one if there is one.
#[must_use]
pub fn content(stored: &Stored) -> Vec<u8> {
    let size = stored.chunks.iter().map(|chunk| chunk.bytes().len()).sum();
    let mut bytes = Vec::with_capacity(size);
    for kind in [ChunkKind::Snapshot, ChunkKind::Changes] {
        for chunk in stored.chunks.iter().filter(|chunk| chunk.key().kind == kind) {
            bytes.extend_from_slice(chunk.bytes());
        }
    }
    bytes
}

/// Parts of at most so many operations, in the same order. A change is never divided: one that has more is a part of its own.
fn in_parts(changes: Vec<Change>, ops_max: u64) -> Vec<Vec<Change>> {
    let mut parts = vec![Vec::with_capacity(changes.len())];
    let mut ops = 0;
    for change in changes {
        ops += change.len() as u64;
        match parts.last_mut() {
            Some(part) if ops <= ops_max || part.is_empty() => part.push(change),
            _ => {
                ops = change.len() as u64;
                parts.push(vec![change]);
            }
        }
    }
    parts
}

/// The chunk that a burst is stored as, and its changes one by one as they are told.
pub(crate) fn burst(ready: &[Change]) -> (Chunk, Vec<Bytes>) {
    let size = ready.iter().map(|change| change.raw_bytes().len()).sum();
    let mut bytes = Vec::with_capacity(size);
    let mut ends = Vec::with_capacity(ready.len());
    for change in ready {
        bytes.extend_from_slice(change.raw_bytes());
        ends.push(bytes.len());
    }
    let chunk = Chunk::new(ChunkKind::Changes, bytes.into());
    let begins = std::iter::once(0).chain(ends.iter().copied());
    let changes = begins.zip(&ends).map(|(begin, end)| chunk.bytes().slice(begin..*end)).collect();
    (chunk, changes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use automerge::ROOT;
    use automerge::transaction::Transactable;

    /// OP33: what comes at once is applied in parts, in its order, and no change is divided.
    #[test]
    fn op33_a_large_burst_is_applied_in_parts() {
        let mut doc = Automerge::new();
        for ops in [1, 3, 2, 9, 4] {
            let write = |tx: &mut automerge::transaction::Transaction<'_>| {
                (0..ops).try_for_each(|n| tx.put(ROOT, format!("{ops} {n}"), n))
            };
            doc.transact::<_, _, AutomergeError>(write).unwrap();
        }
        let changes = doc.get_changes(&[]);
        let ops_of = |parts: &[Vec<Change>]| -> Vec<Vec<usize>> {
            parts.iter().map(|part| part.iter().map(Change::len).collect()).collect()
        };
        let parts = in_parts(changes.clone(), 4);
        assert_eq!(ops_of(&parts), [vec![1, 3], vec![2], vec![9], vec![4]]);
        let again: Vec<_> = parts.iter().flatten().map(Change::hash).collect();
        assert_eq!(again, changes.iter().map(Change::hash).collect::<Vec<_>>());
        assert_eq!(in_parts(changes, 19).len(), 1, "as a rule it is one");
        assert_eq!(in_parts(Vec::new(), 16).len(), 1);
    }
}
