//! What is known of a document, and what the store is asked and answers.
//!
//! Edit path: ← `burst` has something to commit, → [`Effect::Commit`]; ← the store's
//! answer, → `serve` releases what was held back.

use super::body::Body;
use super::burst::{Burst, Waiting, refuse};
use super::chunk::{Batch, Chunk, ChunkKey, ChunkKind, Lifecycle, Manifest, Stored};
use super::events::{CommitFault, Effect, LoadFault, Refusal, Ticket};
use super::live::Live;
use super::{Document, live, peer, serve};
use crate::time::Timestamp;
use std::sync::Arc;

/// So many times the chunks that make a document due for folding it may have in the end, however little they weigh.
const OUTWEIGHED_MAX: usize = 16;

/// What is known of the content.
#[derive(Debug)]
pub(super) enum Content {
    Unknown,
    Cold {
        manifest: Manifest,
        whole: Option<Arc<Body>>,
    },
    Live(Box<Live>),
    Deleted {
        manifest: Manifest,
    },
    /// Who may know of it is told. Where that cannot be read either, nobody may.
    Damaged {
        manifest: Option<Manifest>,
    },
}

/// What the store was asked and has not answered.
#[derive(Debug)]
pub(super) enum Asked {
    Manifest,
    Chunks,
    /// Who may do what with the document that this one follows.
    Followed,
    Commit(Box<Commit>),
}

/// A commit that is under way.
#[derive(Debug)]
pub(super) struct Commit {
    manifest: Manifest,
    then: AfterCommit,
}

/// What a commit was for.
#[derive(Debug)]
pub(super) enum AfterCommit {
    Release(Burst),
    Fold { folded: Vec<Chunk> },
    Lifecycle { ticket: Ticket },
    Access { ticket: Ticket },
}

impl Document {
    pub(super) fn ask(&mut self, asked: Asked, effects: &mut Vec<Effect>) {
        match &asked {
            Asked::Manifest => effects.push(Effect::LoadManifest),
            Asked::Chunks => effects.push(Effect::LoadChunks),
            Asked::Followed => {
                let Some(document) = self.lacks_followed().cloned() else { return };
                effects.push(Effect::LoadFollowed { document });
            }
            Asked::Commit(_) => {}
        }
        self.asked = Some(asked);
    }

    pub(super) fn commit(
        &mut self,
        put: Vec<Chunk>,
        delete: Vec<ChunkKey>,
        manifest: Manifest,
        then: AfterCommit,
        effects: &mut Vec<Effect>,
    ) {
        effects.push(Effect::Commit(Batch {
            document: self.id.clone(),
            put,
            delete,
            manifest: manifest.clone(),
        }));
        self.asked = Some(Asked::Commit(Box::new(Commit { manifest, then })));
    }

    pub(super) fn manifest_came(
        &mut self,
        now: Timestamp,
        answer: Result<Option<Manifest>, LoadFault>,
        effects: &mut Vec<Effect>,
    ) {
        self.asked = None;
        self.stale.mark_all();
        self.content = match answer {
            Ok(None) => Content::Live(Box::new(Live::absent(now))),
            Ok(Some(manifest)) => at_rest(manifest),
            Err(LoadFault::Damaged) => Content::Damaged { manifest: None },
            Err(LoadFault::Unavailable) => return self.give_up(effects),
        };
        self.followed = None;
        self.ask_for_followed(effects);
        self.ask_again(now, effects);
    }

    /// Nothing else is done before it is known.
    fn ask_for_followed(&mut self, effects: &mut Vec<Effect>) {
        if self.lacks_followed().is_some() {
            self.ask(Asked::Followed, effects);
        }
    }

    /// The store gave all of it: enough for those who have nothing, or for everybody.
    pub(super) fn chunks_came(
        &mut self,
        now: Timestamp,
        answer: Result<Option<Stored>, LoadFault>,
        effects: &mut Vec<Effect>,
    ) {
        self.asked = None;
        self.stale.mark_all();
        let stored = match answer {
            Ok(Some(stored)) => stored,
            Ok(None) => return self.content = Content::Live(Box::new(Live::absent(now))),
            Err(LoadFault::Damaged) => return self.content = self.damaged(),
            Err(LoadFault::Unavailable) => return self.give_up(effects),
        };
        let content = if matches!(stored.manifest.lifecycle, Lifecycle::Deleted { .. }) {
            Ok(at_rest(stored.manifest))
        } else if self.needs_content() {
            self.judging.set_due();
            Live::load(&stored).map(|live| Content::Live(Box::new(live)))
        } else {
            live::whole_from_chunks(&stored)
                .map(|body| Content::Cold { manifest: stored.manifest, whole: Some(body) })
        };
        self.content = content.unwrap_or_else(|damage| {
            tracing::error!(document = %self.id, %damage, "stored document is damaged");
            self.damaged()
        });
    }

    /// What it is when its chunks are not what was written: for whom it was is known all the same.
    fn damaged(&self) -> Content {
        match &self.content {
            Content::Cold { manifest, .. } => Content::Damaged { manifest: Some(manifest.clone()) },
            _ => Content::Damaged { manifest: None },
        }
    }

    /// The store does not answer: everybody who waits may come again.
    pub(super) fn give_up(&mut self, effects: &mut Vec<Effect>) {
        for waiting in std::mem::take(&mut self.waiting) {
            refuse(&waiting, &Refusal::StoreUnavailable, effects);
        }
    }

    /// Whether somebody who waits needs more than heads and bytes.
    pub(super) fn needs_content(&self) -> bool {
        let Content::Cold { manifest, .. } = &self.content else { return true };
        self.waiting.iter().any(|waiting| !answers_cold(waiting, manifest))
            || self.peers.values().any(|peer| serve::needs_content(peer, &manifest.heads))
    }

    pub(super) fn stored(
        &mut self,
        now: Timestamp,
        answer: Result<(), CommitFault>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(Asked::Commit(commit)) = self.asked.take() else { return };
        let Commit { manifest, then } = *commit;
        let _stop = tracing::debug_span!("stored", document = %self.id, ok = answer.is_ok()).entered();
        match answer {
            Ok(()) => self.commit_done(now, manifest, then, effects),
            Err(fault) => self.commit_failed(then, fault.into(), effects),
        }
        // Whatever the commit was for: a verdict on what was not stored is forgotten by now.
        self.judging.release(effects);
    }

    fn commit_done(
        &mut self,
        now: Timestamp,
        manifest: Manifest,
        then: AfterCommit,
        effects: &mut Vec<Effect>,
    ) {
        match then {
            AfterCommit::Release(mut burst) => {
                let chunks = std::mem::take(&mut burst.chunks);
                let mut is_other = false;
                if let Content::Live(live) = &mut self.content {
                    is_other = live.is_absent() || live.manifest.kind != manifest.kind;
                    live.stored(manifest, &chunks, std::mem::take(&mut burst.changes));
                    self.stale.mark_all();
                }
                if is_other {
                    self.ask_again(now, effects);
                }
                self.release(now, burst, effects);
            }
            AfterCommit::Fold { folded } => {
                if let Content::Live(live) = &mut self.content {
                    live.manifest = manifest;
                    live.chunks =
                        folded.iter().map(|chunk| (chunk.key(), chunk.bytes().len() as u64)).collect();
                }
            }
            AfterCommit::Access { ticket } => {
                effects.push(Effect::Answer { ticket, answer: Ok(manifest.clone()) });
                match &mut self.content {
                    Content::Live(live) => live.manifest = manifest,
                    Content::Cold { manifest: known, .. } | Content::Deleted { manifest: known } => {
                        *known = manifest;
                    }
                    Content::Unknown | Content::Damaged { .. } => {}
                }
                self.ask_for_followed(effects);
                self.ask_again(now, effects);
            }
            AfterCommit::Lifecycle { ticket } => {
                effects.push(Effect::Answer { ticket, answer: Ok(manifest.clone()) });
                self.content = at_rest(manifest);
                self.tell_lifecycle(effects);
            }
        }
    }

    /// Nobody was told of what is lost here, and everybody concerned will bring it again.
    pub(super) fn commit_failed(&mut self, then: AfterCommit, refusal: Refusal, effects: &mut Vec<Effect>) {
        match then {
            AfterCommit::Release(burst) => {
                for heard in burst.heard {
                    effects.push(Effect::Refuse { session: heard.session, refusal: refusal.clone() });
                }
                for ticket in burst.tickets {
                    effects.push(Effect::Answer { ticket, answer: Err(refusal.clone()) });
                }
                self.forget_content();
            }
            // It stays in its chunks until it is loaded again: what was refused once would be refused at once again.
            AfterCommit::Fold { .. } => {
                if let Content::Live(live) = &mut self.content {
                    live.is_unfoldable = true;
                }
            }
            AfterCommit::Lifecycle { ticket } | AfterCommit::Access { ticket } => {
                effects.push(Effect::Answer { ticket, answer: Err(refusal) });
            }
        }
    }

    /// A deleted document is gone for its readers; a restored one is back.
    pub(super) fn tell_lifecycle(&mut self, effects: &mut Vec<Effect>) {
        self.judging.end(effects);
        if matches!(self.content, Content::Deleted { .. }) {
            let readers = self.peers.iter().filter(|(_, peer)| peer.grant.may_read());
            effects.extend(readers.map(|(session, _)| Effect::Unavailable { session: *session }));
        }
        self.stale.mark_all();
        for peer in self.peers.values_mut() {
            peer.progress = peer::Progress::Following { base: Arc::from([]), own: Vec::new() };
            peer.anew = peer::Anew::No;
        }
    }

    /// How many chunks a document that is in use may have. Folding costs about as much as loading the document, so a
    /// long history is folded less often: what that costs for each burst stays what it costs at 4,000 changes, 40 µs.
    pub(super) fn chunks_before_snapshot(&self) -> usize {
        /// At 10,000 changes folding takes 30 ms, applying one more 0.2 ms.
        const CHANGES_PER_CHUNK: u64 = 16;
        let least = self.limits.chunks_before_snapshot;
        let Content::Live(live) = &self.content else { return least };
        let due = usize::try_from(live.manifest.changes / CHANGES_PER_CHUNK).unwrap_or(usize::MAX);
        due.clamp(least, least * OUTWEIGHED_MAX)
    }

    /// Folds the chunks into a snapshot once there are `chunks_max`, and once they outweigh the
    /// snapshot that is there: else a large document would be written anew every few edits. The snapshot is loaded
    /// before anything is deleted for it.
    pub(super) fn fold_if_due(&mut self, chunks_max: usize, effects: &mut Vec<Effect>) {
        let outweighed_max = chunks_max.min(self.limits.chunks_before_snapshot) * OUTWEIGHED_MAX;
        let Content::Live(live) = &mut self.content else { return };
        if self.asked.is_some() || live.is_unfoldable || live.chunks.len() < chunks_max {
            return;
        }
        let total: u64 = live.chunks.iter().map(|(_, bytes)| bytes).sum();
        let snapshots = live.chunks.iter().filter(|(key, _)| key.kind == ChunkKind::Snapshot);
        let snapshot: u64 = snapshots.map(|(_, bytes)| bytes).sum();
        if (total - snapshot) * 2 < snapshot && live.chunks.len() < outweighed_max {
            return;
        }
        let Some(folded) = live.folded() else {
            tracing::error!(document = %self.id, "a snapshot cannot be read back: the document stays in its chunks");
            return;
        };
        let is_kept = |key: &ChunkKey| folded.iter().any(|chunk| chunk.key() == *key);
        let delete: Vec<_> = live.chunks.iter().map(|(key, _)| *key).filter(|key| !is_kept(key)).collect();
        let snapshot: u64 = folded.iter().take(1).map(|chunk| chunk.bytes().len() as u64).sum();
        let manifest = Manifest { bytes: snapshot, ..live.manifest.clone() };
        self.commit(folded.clone(), delete, manifest, AfterCommit::Fold { folded }, effects);
    }

    /// Leaves memory. What is worth folding is folded first; the caller says `Rest` again after that.
    pub(super) fn rest(&mut self, effects: &mut Vec<Effect>) {
        self.fold_if_due(self.limits.chunks_before_idle_snapshot, effects);
        if self.asked.is_some() {
            self.resting = true;
            return;
        }
        match &mut self.content {
            // Orphans are in no store: they stay while those who brought them do.
            Content::Live(live) if live.orphans.is_empty() || self.peers.is_empty() => self.forget_content(),
            Content::Cold { whole, .. } => *whole = None,
            _ => {}
        }
    }

    /// Drops what is in memory; what is stored is what counts. What waited there for what is missing comes again from those who
    /// brought it, see [`Anew`](super::peer::Anew).
    pub(super) fn forget_content(&mut self) {
        self.judging.forget();
        for peer in self.peers.values_mut() {
            peer.anew = peer::Anew::No;
        }
        if let Content::Live(live) = &self.content {
            self.content = if live.is_absent() { Content::Unknown } else { at_rest(live.manifest.clone()) };
        }
    }
}

/// What a stored document is before anybody has asked for its content.
fn at_rest(manifest: Manifest) -> Content {
    match manifest.lifecycle {
        Lifecycle::Live => Content::Cold { manifest, whole: None },
        Lifecycle::Deleted { .. } => Content::Deleted { manifest },
    }
}

/// Whether the manifest alone is enough: the sender has what we have, or nothing.
pub(super) fn answers_cold(waiting: &Waiting, manifest: &Manifest) -> bool {
    match waiting {
        Waiting::Message { message, .. } => {
            message.changes.is_empty()
                && message.need.is_empty()
                && (message.heads.is_empty() || message.heads == manifest.heads)
        }
        Waiting::Submit { .. }
        | Waiting::SetAccess { .. }
        | Waiting::View { .. }
        | Waiting::Delete { .. } => false,
    }
}
