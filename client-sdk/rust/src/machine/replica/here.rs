//! The document in memory, and what of it is stored, waits and was refused.
//!
//! Edit path: ← [`super::Replica`] edits and hears, → [`Here::what_to_keep`] says what has to be stored of it.

use super::LoadFault;
use super::judged::Judged;
use super::notes::Notes;
use super::pending::Waiting;
use super::refusal::{self, Refusals};
use super::tick::{Tick, has};
use automerge::sync::{Message, State, SyncDoc};
use automerge::{ActorId, Automerge, Change, ChangeHash, ReadDoc};
use dovetail_core::document::careful::{Panicked, carefully};
use dovetail_core::document::chunk::{Batch, Chunk, ChunkKey, ChunkKind, Lifecycle, Manifest, Stored};
use dovetail_core::document::content;
use dovetail_core::grant::Role;
use dovetail_core::id::DocumentId;
use dovetail_core::time::Timestamp;
use dovetail_core::{json, limits};
use std::sync::Arc;
use std::time::Duration;

/// When a document was opened is noted once a day: what is not opened for long is counted in days.
const NOTE_OPENING_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// What is new goes behind what is there, unless it is more than that and as much as this at least: then the whole document is written,
/// which is a tenth of its changes one by one.
const WHOLE_FROM_BYTES: u64 = 1 << 20;

/// More than this at once is never written but whole: a store takes twice as much.
const INCREMENT_BYTES_MAX: u64 = 64 << 20;

/// The document in memory.
#[derive(Debug)]
pub(super) struct Here {
    pub(super) tick: Tick,
    /// Of what is stored, if anything is.
    pub(super) manifest: Option<Manifest>,
    /// What lies in the store, and how many bytes each is.
    pub(super) chunks: Vec<(ChunkKey, u64)>,
    pub(super) commit: Option<Commit>,
    pub(super) waiting: Waiting,
    /// What the server has on its disk, of what is here.
    pub(super) saved: Vec<ChangeHash>,
    pub(super) saved_at: Option<Timestamp>,
    /// When it was last opened, as it is noted.
    opened_at: Option<Timestamp>,
    /// The server has last said that it has none for us.
    pub(super) is_missing: bool,
    pub(super) refusals: Refusals,
    /// Of those, what was made once more by which edit: it is noted as refused until that is stored.
    pub(super) applied_again: Vec<(ChangeHash, u64)>,
    /// What looked at it last for the rules, if somebody wanted to know.
    pub(super) judged: Option<Judged>,
    /// The notes are others than those that were written down.
    pub(super) is_noted: bool,
    /// Notes are being written down.
    pub(super) is_noting: bool,
    /// What was refused is written down.
    pub(super) refusals_noted: Noted,
    /// Changes were taken out. What was made instead of them is sent when it is stored: it may not come into being twice.
    pub(super) holds_back: bool,
}

/// Whether something is written down for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noted {
    No,
    UnderWay,
    Yes,
}

/// A commit that is under way.
#[derive(Debug)]
pub(super) struct Commit {
    pub(super) manifest: Manifest,
    pub(super) put: Vec<(ChunkKey, u64)>,
    /// It takes the place of all that was stored.
    pub(super) is_whole: bool,
    /// Changes were taken out since it was asked for: it holds them still.
    pub(super) is_outrun: bool,
    /// All edits up to this one are in it.
    pub(super) upto: u64,
}

impl Here {
    pub(super) fn new(doc: Automerge) -> Self {
        let waiting = Waiting::beyond(&doc, &[]);
        Self {
            tick: Tick::new(doc),
            manifest: None,
            chunks: Vec::new(),
            commit: None,
            waiting,
            saved: Vec::new(),
            saved_at: None,
            opened_at: None,
            is_missing: false,
            applied_again: Vec::new(),
            refusals: Refusals::default(),
            judged: None,
            is_noted: true,
            is_noting: false,
            refusals_noted: Noted::Yes,
            holds_back: false,
        }
    }

    pub(super) fn load(
        stored: Option<Stored>,
        notes: Notes,
        actor: &ActorId,
    ) -> Result<(Self, Option<Role>), LoadFault> {
        let role = notes.role;
        let nothing = || Self::new(Automerge::new().with_actor(actor.clone()));
        let Some(stored) = stored else { return Ok((nothing(), role)) };
        // It has left this device: notes that are there still speak of what is not. One of which all was refused is empty and here.
        if stored.manifest.bytes == 0 {
            return Ok((nothing(), None));
        }
        let doc = read(&stored)?.with_actor(actor.clone());
        // Notes and document are written one after the other: they may speak of less, and after a crash of what never came to be stored.
        let saved = if notes.saved.iter().all(|head| has(&doc, head)) { notes.saved } else { Vec::new() };
        let size = |chunk: &Chunk| (chunk.key(), chunk.bytes().len() as u64);
        let here = Self {
            chunks: stored.chunks.iter().map(size).collect(),
            manifest: Some(stored.manifest),
            waiting: Waiting::beyond(&doc, &saved),
            saved,
            saved_at: notes.saved_at,
            opened_at: notes.opened_at,
            is_missing: notes.is_missing,
            refusals: Refusals::of(notes.refused, notes.named, notes.taken_out),
            ..Self::new(Automerge::new())
        };
        Ok((Self { tick: Tick::new(doc), ..here }, role))
    }

    /// The server has one for us, or says that it has none.
    pub(super) fn is_told(&mut self, is_missing: bool) {
        self.is_noted &= self.is_missing == is_missing;
        self.is_missing = is_missing;
    }

    /// It is open.
    pub(super) fn is_open(&mut self, now: Timestamp) {
        let is_known = self.opened_at.is_some_and(|at| now.since(at) < NOTE_OPENING_EVERY);
        if self.manifest.is_some() && !is_known {
            self.opened_at = Some(now);
            self.is_noted = false;
        }
    }

    /// The document with nothing open.
    pub(super) fn doc(&mut self, now: Timestamp) -> &mut Automerge {
        self.close(now);
        self.tick.doc()
    }

    /// What was edited together becomes one change, and waits.
    pub(super) fn close(&mut self, now: Timestamp) {
        if let Some(hash) = self.tick.close(now)
            && let Some(change) = self.tick.doc().get_change_by_hash(&hash)
        {
            self.waiting.enter(&change);
        }
    }

    pub(super) fn hear(
        &mut self,
        now: Timestamp,
        state: &mut State,
        message: Message,
    ) -> Result<(), Panicked> {
        let doc = self.doc(now);
        let heard = carefully(|| doc.receive_sync_message(state, message))?;
        if let Err(error) = heard {
            tracing::warn!(%error, "a message of the server was not taken");
        }
        Ok(())
    }

    /// The server said that it has everything up to these heads on its disk.
    pub(super) fn server_has(&mut self, now: Timestamp, mut heads: Vec<ChangeHash>) {
        self.close(now);
        let doc = self.tick.doc();
        if !heads.iter().all(|head| has(doc, head)) {
            return; // It is ahead of us, and says it again when that has come.
        }
        heads.sort_unstable();
        let is_new = heads != self.saved;
        if is_new {
            self.waiting = Waiting::beyond(doc, &heads);
            self.saved = heads;
            self.is_noted = false;
        }
        if self.waiting.count() == 0 && (is_new || self.saved_at.is_none()) {
            self.saved_at = Some(now);
        }
    }

    /// Nothing when all of it is stored.
    pub(super) fn what_to_keep(
        &mut self,
        now: Timestamp,
        id: &DocumentId,
        upto: u64,
    ) -> Option<(Batch, Commit)> {
        let stored = self.manifest.as_ref().map(|manifest| manifest.heads.clone()).unwrap_or_default();
        let wants_whole = self.holds_back || self.chunks.len() >= limits::CHUNKS_BEFORE_SNAPSHOT;
        self.close(now);
        let doc = self.tick.doc();
        let heads = doc.get_heads();
        if heads == stored && !self.holds_back {
            return None;
        }
        let there = self.manifest.as_ref().map_or(0, |manifest| manifest.bytes);
        let much = there.clamp(WHOLE_FROM_BYTES, INCREMENT_BYTES_MAX);
        let new = (!wants_whole).then(|| doc.get_changes(&stored));
        let new = new.filter(|changes| bytes_of(changes) as u64 <= much);
        let is_whole = new.is_none();
        let (chunk, count) = if let Some(changes) = new {
            let before = self.manifest.as_ref().map_or(0, |manifest| manifest.changes);
            (
                Chunk::new(ChunkKind::Changes, one_behind_the_other(&changes).into()),
                before + changes.len() as u64,
            )
        } else {
            (Chunk::new(ChunkKind::Snapshot, doc.save().into()), doc.get_changes_meta(&[]).len() as u64)
        };
        let delete: Vec<ChunkKey> = match is_whole {
            true => self.chunks.iter().map(|(key, _)| *key).filter(|key| *key != chunk.key()).collect(),
            false => Vec::new(),
        };
        let size = chunk.bytes().len() as u64;
        let bytes_before =
            if is_whole { 0 } else { self.manifest.as_ref().map_or(0, |manifest| manifest.bytes) };
        let manifest = Manifest {
            heads,
            changes: count,
            bytes: bytes_before + size,
            kind: json::root_text(doc, "kind"),
            title: json::root_text(doc, "title"),
            created_at: self.manifest.as_ref().map_or(now, |manifest| manifest.created_at),
            changed_at: now,
            lifecycle: Lifecycle::Live,
            access: Arc::default(),
        };
        let put = vec![(chunk.key(), size)];
        let batch = Batch { document: id.clone(), put: vec![chunk], delete, manifest: manifest.clone() };
        Some((batch, Commit { manifest, put, is_whole, is_outrun: false, upto }))
    }

    /// What was to be stored is.
    pub(super) fn is_stored(
        &mut self,
        put: Vec<(ChunkKey, u64)>,
        manifest: Manifest,
        is_whole: bool,
        is_outrun: bool,
    ) {
        if is_whole {
            self.chunks.clear();
        }
        self.chunks.extend(put);
        self.manifest = Some(manifest);
        if is_whole && !is_outrun && self.holds_back {
            // What was taken out is nowhere any more, and nobody but the server can bring it.
            self.holds_back = false;
            self.refusals.are_gone();
            self.is_noted = false;
        }
    }

    /// All edits up to this one are stored.
    pub(super) fn are_kept(&mut self, upto: u64) {
        let (kept, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.applied_again).into_iter().partition(|(_, edit)| *edit <= upto);
        self.applied_again = waiting;
        for (hash, _) in kept {
            self.refusals.discard(&hash);
            self.is_noted = false;
        }
    }

    /// The changes behind these heads were never made.
    pub(super) fn forget_last(&mut self, now: Timestamp, before: &[ChangeHash]) {
        self.close(now);
        self.judged = None;
        let doc = self.tick.doc();
        let actor = doc.get_actor().clone();
        match doc.fork_at(before) {
            Ok(fork) => self.tick = Tick::new(fork.with_actor(refusal::next_actor(&actor))),
            Err(error) => tracing::error!(%error, "a state that was there a moment ago is not known"),
        }
    }

    pub(super) fn notes(&self, role: Option<Role>) -> Notes {
        Notes {
            saved: self.saved.clone(),
            saved_at: self.saved_at,
            opened_at: self.opened_at,
            is_missing: self.is_missing,
            role,
            refused: self.refusals.iter().cloned().collect(),
            named: self.refusals.named().copied().collect(),
            taken_out: self.refusals.taken_out().copied().collect(),
        }
    }
}

/// The document that is stored.
pub(crate) fn read(stored: &Stored) -> Result<Automerge, LoadFault> {
    let damaged = |what: String| LoadFault::Damaged(what);
    let loaded = carefully(|| Automerge::load(&content(stored)));
    let doc = loaded.map_err(|panicked| damaged(panicked.to_string()))?;
    let doc = doc.map_err(|error| damaged(error.to_string()))?;
    if doc.get_heads() != stored.manifest.heads {
        return Err(damaged("its heads are others than were written".to_owned()));
    }
    Ok(doc)
}

fn bytes_of(changes: &[Change]) -> usize {
    changes.iter().map(|change| change.raw_bytes().len()).sum()
}

fn one_behind_the_other(changes: &[Change]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(bytes_of(changes));
    changes.iter().for_each(|change| bytes.extend_from_slice(change.raw_bytes()));
    bytes
}
