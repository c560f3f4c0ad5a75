//! One document, as a server holds it: told what happens, it answers what has to be done.
//!
//! Edit path: ← [`session`](crate::session) brings a message, → [`intake`] checks its changes,
//! [`live`] applies them, [`chunk`] is what the caller stores, and when [`Input::Stored`] comes
//! back the burst is released: replies, fan-out, answers to doors.
//!
//! ```text
//!            ┌────────────── nothing stored ─────────────┐
//!  Unknown ──┤ manifest asked                            ▼
//!            └─▶ Cold ──somebody needs the content──▶  Live ──change──▶ committing ──Stored──┐
//!                 ▲  ▲                                 │  ▲                                  │
//!                 │  └───────────── Rest ──────────────┘  └──────────────────────────────────┘
//!                 └──── commit failed, Automerge failed: what was not stored is forgotten
//!  delete ──▶ Deleted ──undelete──▶ Cold        stored bytes are not what was written ──▶ Damaged
//! ```
//!
//! **Invariant:** nobody is told of a change that is not stored. While a commit is under way nothing
//! leaves; what arrives meanwhile waits and becomes the next burst.
//! **Invariant:** a reader is a few heads and some flags (see [`peer`]), never a queue of edits.
//! **Invariant:** a document over which Automerge failed is dropped and loaded again.

mod body; // What is sent, made once for all.
pub mod careful; // Calls on foreign bytes.
pub mod chunk; // What is written.
mod gossip; // How far other stores have come.
mod intake; // Foreign changes, from bytes to what may be applied.
mod live; // The document in memory.
mod peer; // What one reader has and lacks.
pub mod scan; // The outside of Automerge's chunks.
mod serve; // Who is sent what, once everything is stored.

pub use body::{Body, Heads};
pub use gossip::RemoteHeads;
pub use intake::{BadChange, ORPHAN_BYTES_MAX, ORPHANS_MAX};
pub use live::Damage;

use crate::id::{DocumentId, SessionId, StorageId};
use crate::limits::DocumentLimits;
use crate::time::Timestamp;
use automerge::sync::{ChunkList, Message};
use automerge::{Automerge, Change};
use bytes::Bytes;
use chunk::{Batch, Chunk, Lifecycle, Manifest, Stored};
use gossip::Gossip;
use live::Live;
use peer::Peer;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// A call through a door that waits for its answer, as the caller numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What can happen to a document. Closed on purpose: to learn what a document reacts to, read this list.
#[derive(Debug)]
pub enum Input {
    /// A connection reads this document from now on.
    Open {
        /// Which.
        session: SessionId,
        /// The store behind its peer, if it has one that lasts.
        storage: Option<StorageId>,
        /// The stores whose heads it wants to hear of.
        follows: Arc<BTreeSet<StorageId>>,
    },
    /// The connection follows other stores than before.
    Follow {
        /// Which.
        session: SessionId,
        /// All that it follows now.
        follows: Arc<BTreeSet<StorageId>>,
    },
    /// A sync message.
    Message {
        /// From whom.
        session: SessionId,
        /// It came as a `request`: the sender has nothing.
        is_request: bool,
        /// The message.
        message: Message,
    },
    /// Somebody tells how far another store has come.
    RemoteHeads {
        /// Who tells.
        session: SessionId,
        /// What.
        news: RemoteHeads,
    },
    /// The connection is gone, or has closed this document.
    Leave {
        /// Which.
        session: SessionId,
    },
    /// The connection's socket has taken what was last sent.
    Drained {
        /// Which.
        session: SessionId,
    },
    /// Changes that come in through another door than a sync connection.
    Submit {
        /// Whom to answer.
        ticket: Ticket,
        /// Change chunks.
        changes: Vec<Bytes>,
    },
    /// Somebody wants to look at what is stored: [`Effect::View`] says when.
    View {
        /// Whom to answer.
        ticket: Ticket,
    },
    /// Deletes the document, or takes that back.
    Delete {
        /// Whom to answer.
        ticket: Ticket,
        /// `false` takes it back.
        deleted: bool,
    },
    /// The store's answer to [`Effect::LoadManifest`].
    Manifest(Result<Option<Manifest>, LoadFault>),
    /// The store's answer to [`Effect::LoadChunks`].
    Chunks(Result<Option<Stored>, LoadFault>),
    /// The store's answer to [`Effect::Commit`].
    Stored(Result<(), CommitFault>),
    /// Nobody has needed the content for a while, or memory is short.
    Rest,
}

/// What has to be done in the world.
#[derive(Debug)]
pub enum Effect {
    /// Ask the store what it knows of this document; answer with [`Input::Manifest`].
    LoadManifest,
    /// Ask the store for all of it; answer with [`Input::Chunks`].
    LoadChunks,
    /// Make this durable; answer with [`Input::Stored`].
    Commit(Batch),
    /// Send the same sync message to each of these; say [`Input::Drained`] for each that has taken it.
    Send {
        /// To whom.
        to: Vec<SessionId>,
        /// What.
        body: Arc<Body>,
    },
    /// Say that there is no such document.
    Unavailable {
        /// To whom.
        session: SessionId,
    },
    /// Tell how far another store has come.
    RemoteHeads {
        /// Whom.
        to: Vec<SessionId>,
        /// What.
        news: RemoteHeads,
    },
    /// Tell this connection why, and close it.
    Refuse {
        /// Whom.
        session: SessionId,
        /// Why.
        refusal: Refusal,
    },
    /// Answer a door.
    Answer {
        /// Which.
        ticket: Ticket,
        /// With what.
        answer: Result<Manifest, Refusal>,
    },
    /// Now is the time to look: [`Document::automerge`] is what is stored, until the machine goes on.
    View {
        /// Who wanted to.
        ticket: Ticket,
    },
}

/// Why something was not done, as its sender is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The sender's doing: the changes cannot be taken.
    #[error("the change cannot be taken: {reason}")]
    InvalidChange {
        /// In words.
        reason: String,
    },
    /// Nobody has brought such a document.
    #[error("there is no such document")]
    Unknown,
    /// Somebody deleted it.
    #[error("the document was deleted")]
    Deleted,
    /// Ours: what is stored is not what was written.
    #[error("what is stored of the document is damaged")]
    Damaged,
    /// Ours: the store did not take it. The same may succeed later.
    #[error("the store does not take changes at the moment")]
    StoreUnavailable,
}

impl Refusal {
    /// What programs look at; it does not change.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::InvalidChange { .. } => "invalid_change",
            Refusal::Unknown => "document_not_found",
            Refusal::Deleted => "document_deleted",
            Refusal::Damaged => "document_damaged",
            Refusal::StoreUnavailable => "store_unavailable",
        }
    }
}

/// The store could not tell; the cause is the caller's to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadFault {
    /// It holds something else than was written.
    Damaged,
    /// It does not answer.
    Unavailable,
}

/// The store did not take a batch; the cause is the caller's to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitFault;

/// What is known of the content.
#[derive(Debug)]
enum Content {
    Unknown,
    Cold { manifest: Manifest, whole: Option<Arc<Body>> },
    Live(Box<Live>),
    Deleted { manifest: Manifest },
    Damaged,
}

/// What the store was asked and has not answered.
#[derive(Debug)]
enum Asked {
    Manifest,
    Chunks,
    Commit { manifest: Manifest, then: AfterCommit },
}

/// What a commit was for.
#[derive(Debug)]
enum AfterCommit {
    Release(Burst),
    Fold { snapshot: Chunk },
    Lifecycle { ticket: Ticket },
}

/// What waits until the document can look at it.
#[derive(Debug)]
enum Waiting {
    Message { session: SessionId, is_request: bool, message: Message },
    Submit { ticket: Ticket, changes: Vec<Bytes> },
    View { ticket: Ticket },
    Delete { ticket: Ticket, deleted: bool },
}

/// What came together: applied as one, stored as one, released as one.
#[derive(Debug)]
struct Burst {
    chunk: Option<Chunk>,
    changes: Vec<Vec<u8>>,
    heard: Vec<Heard>,
    tickets: Vec<Ticket>,
}

/// A message whose changes are dealt with.
#[derive(Debug)]
struct Heard {
    session: SessionId,
    is_request: bool,
    brought_changes: bool,
    message: Message,
}

/// One document. See the top of the file.
#[derive(Debug)]
pub struct Document {
    id: DocumentId,
    limits: DocumentLimits,
    content: Content,
    asked: Option<Asked>,
    waiting: VecDeque<Waiting>,
    peers: BTreeMap<SessionId, Peer>,
    gossip: Gossip,
    /// After a burst that Automerge could not apply: one at a time, until the culprit is found.
    one_by_one: usize,
    resting: bool,
}

impl Document {
    /// A document of which nothing is known yet but its name.
    #[must_use]
    pub fn new(id: DocumentId, limits: DocumentLimits) -> Self {
        Self {
            id,
            limits,
            content: Content::Unknown,
            asked: None,
            waiting: VecDeque::new(),
            peers: BTreeMap::new(),
            gossip: Gossip::default(),
            one_by_one: 0,
            resting: false,
        }
    }

    /// Takes in what happened. Messages and calls only queue here: whoever drives the machine tells it
    /// everything that has happened, then lets it [`advance`](Self::advance) once.
    pub fn handle(&mut self, now: Timestamp, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Open { session, storage, follows } => self.open(session, storage, follows, effects),
            Input::Follow { session, follows } => self.follow(session, follows, effects),
            Input::Message { session, is_request, message } => {
                self.waiting.push_back(Waiting::Message { session, is_request, message });
            }
            Input::RemoteHeads { session, news } => self.spread(&news, Some(session), effects),
            Input::Leave { session } => self.leave(session),
            Input::Drained { session } => self.drained(session),
            Input::Submit { ticket, changes } => self.waiting.push_back(Waiting::Submit { ticket, changes }),
            Input::View { ticket } => self.waiting.push_back(Waiting::View { ticket }),
            Input::Delete { ticket, deleted } => self.waiting.push_back(Waiting::Delete { ticket, deleted }),
            Input::Manifest(answer) => self.manifest_came(now, answer, effects),
            Input::Chunks(answer) => self.chunks_came(now, answer, effects),
            Input::Stored(answer) => self.stored(now, answer, effects),
            Input::Rest => self.resting = true,
        }
    }

    /// Does what can be done now: applies what waits, asks the store, sends to readers. Whoever drives
    /// the machine carries out the effects and calls this again, until there are none.
    pub fn advance(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        while self.asked.is_none() && self.step(now, effects) {
            // Somebody looks now: what waits behind would change what there is to see.
            if let Some(Effect::View { .. }) = effects.last() {
                return;
            }
        }
        if self.asked.is_none() {
            self.serve(effects);
            // After serving: folding is a commit, and while one is under way nothing leaves.
            self.fold_if_due(self.limits.chunks_before_snapshot, effects);
        }
        if self.asked.is_none() && self.waiting.is_empty() && std::mem::take(&mut self.resting) {
            self.rest(effects);
        }
    }

    /// What is stored, if it is in memory and no commit is under way.
    #[must_use]
    pub fn automerge(&self) -> Option<&Automerge> {
        match (&self.content, &self.asked) {
            (Content::Live(live), None) => Some(&live.doc),
            _ => None,
        }
    }

    /// Whether it waits for the store: what is handed in now is looked at when the answer is there.
    #[must_use]
    pub fn waits_for_store(&self) -> bool {
        self.asked.is_some()
    }

    /// How many messages and calls wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many connections read it.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.peers.len()
    }

    /// All connections that read it, but `except`.
    pub fn readers_except(&self, except: SessionId) -> impl Iterator<Item = SessionId> {
        self.peers.keys().copied().filter(move |session| *session != except)
    }

    /// Whether there is nothing in memory that would be missed.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.peers.is_empty() && self.waiting.is_empty() && self.asked.is_none()
    }

    /// Whether the content is in memory. A document that nobody has brought has none.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(&self.content, Content::Live(live) if !live.is_absent())
    }

    /// Whether the next step may take milliseconds: history is long, or much is to be applied.
    #[must_use]
    pub fn is_heavy(&self) -> bool {
        /// Applying one change costs 0.2 ms at 10,000 changes of history, loading 50 ms.
        const HEAVY_CHANGES: u64 = 4_000;
        match &self.content {
            Content::Live(live) => live.manifest.changes > HEAVY_CHANGES,
            Content::Cold { manifest, .. } => manifest.changes > HEAVY_CHANGES,
            Content::Unknown | Content::Deleted { .. } | Content::Damaged => false,
        }
    }

    /// Bytes in memory, estimated.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        match &self.content {
            Content::Live(live) => live.resident_bytes(),
            Content::Cold { whole: Some(whole), .. } => whole.bytes.len() as u64,
            _ => 0,
        }
    }

    fn open(
        &mut self,
        session: SessionId,
        storage: Option<StorageId>,
        follows: Arc<BTreeSet<StorageId>>,
        effects: &mut Vec<Effect>,
    ) {
        self.peers.entry(session).or_insert_with(|| Peer::new(storage, Arc::default()));
        self.follow(session, follows, effects);
    }

    fn leave(&mut self, session: SessionId) {
        self.peers.remove(&session);
        // What it brought and nobody has looked at yet was never acknowledged: it will come again.
        self.waiting.retain(|waiting| !matches!(waiting, Waiting::Message { session: from, .. } if *from == session));
    }

    fn drained(&mut self, session: SessionId) {
        if let Some(peer) = self.peers.get_mut(&session) {
            peer.free = true;
        }
    }

    /// One step of what waits. Says whether another may follow.
    fn step(&mut self, now: Timestamp, effects: &mut Vec<Effect>) -> bool {
        if self.waiting.is_empty() {
            return false;
        }
        match &self.content {
            Content::Unknown => self.ask(Asked::Manifest, effects),
            Content::Cold { .. } => return self.step_cold(effects),
            Content::Live(_) => self.step_live(now, effects),
            Content::Deleted { .. } => self.step_deleted(now, effects),
            Content::Damaged => self.step_damaged(effects),
        }
        true
    }

    fn ask(&mut self, asked: Asked, effects: &mut Vec<Effect>) {
        match &asked {
            Asked::Manifest => effects.push(Effect::LoadManifest),
            Asked::Chunks => effects.push(Effect::LoadChunks),
            Asked::Commit { .. } => {}
        }
        self.asked = Some(asked);
    }

    fn commit(
        &mut self,
        put: Vec<Chunk>,
        delete: Vec<chunk::ChunkKey>,
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
        self.asked = Some(Asked::Commit { manifest, then });
    }

    fn manifest_came(
        &mut self,
        now: Timestamp,
        answer: Result<Option<Manifest>, LoadFault>,
        effects: &mut Vec<Effect>,
    ) {
        self.asked = None;
        self.content = match answer {
            Ok(None) => Content::Live(Box::new(Live::absent(now))),
            Ok(Some(manifest)) => at_rest(manifest),
            Err(LoadFault::Damaged) => Content::Damaged,
            Err(LoadFault::Unavailable) => return self.give_up(effects),
        };
    }

    /// The store gave all of it: enough for those who have nothing, or for everybody.
    fn chunks_came(
        &mut self,
        now: Timestamp,
        answer: Result<Option<Stored>, LoadFault>,
        effects: &mut Vec<Effect>,
    ) {
        self.asked = None;
        let stored = match answer {
            Ok(Some(stored)) => stored,
            Ok(None) => return self.content = Content::Live(Box::new(Live::absent(now))),
            Err(LoadFault::Damaged) => return self.content = Content::Damaged,
            Err(LoadFault::Unavailable) => return self.give_up(effects),
        };
        let content = if matches!(stored.manifest.lifecycle, Lifecycle::Deleted { .. }) {
            Ok(at_rest(stored.manifest))
        } else if self.needs_content() {
            Live::load(&stored).map(|live| Content::Live(Box::new(live)))
        } else {
            live::whole_from_chunks(&stored)
                .map(|body| Content::Cold { manifest: stored.manifest, whole: Some(body) })
        };
        self.content = content.unwrap_or_else(|damage| {
            tracing::error!(document = %self.id, %damage, "stored document is damaged");
            Content::Damaged
        });
    }

    /// The store does not answer: everybody who waits may come again.
    fn give_up(&mut self, effects: &mut Vec<Effect>) {
        for waiting in std::mem::take(&mut self.waiting) {
            refuse(waiting, &Refusal::StoreUnavailable, effects);
        }
    }

    /// Whether somebody who waits needs more than heads and bytes.
    fn needs_content(&self) -> bool {
        let Content::Cold { manifest, .. } = &self.content else { return true };
        self.waiting.iter().any(|waiting| !answers_cold(waiting, manifest))
            || self.peers.values().any(|peer| serve::needs_content(peer, &manifest.heads))
    }

    /// Not in memory: plain questions are answered from the manifest, all else asks the store.
    fn step_cold(&mut self, effects: &mut Vec<Effect>) -> bool {
        let Content::Cold { manifest, .. } = &self.content else { return false };
        if !self.waiting.front().is_some_and(|waiting| answers_cold(waiting, manifest)) {
            self.ask(Asked::Chunks, effects);
            return false;
        }
        if let Some(Waiting::Message { session, is_request, message }) = self.waiting.pop_front()
            && let Some(peer) = self.peers.get_mut(&session)
        {
            peer.heard(said(&message, is_request, false));
        }
        true
    }

    fn step_live(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        match self.waiting.front() {
            Some(Waiting::View { ticket }) => {
                let ticket = *ticket;
                self.waiting.pop_front();
                self.view(ticket, effects);
            }
            Some(Waiting::Delete { ticket, deleted }) => {
                let (ticket, deleted) = (*ticket, *deleted);
                self.waiting.pop_front();
                self.delete(now, ticket, deleted, effects);
            }
            _ => self.take_burst(now, effects),
        }
    }

    fn view(&mut self, ticket: Ticket, effects: &mut Vec<Effect>) {
        let Content::Live(live) = &self.content else { return };
        if live.is_absent() {
            effects.push(Effect::Answer { ticket, answer: Err(Refusal::Unknown) });
        } else {
            effects.push(Effect::View { ticket });
        }
    }

    fn delete(&mut self, now: Timestamp, ticket: Ticket, deleted: bool, effects: &mut Vec<Effect>) {
        let Content::Live(live) = &self.content else { return };
        let mut manifest = live.manifest.clone();
        if live.is_absent() {
            effects.push(Effect::Answer { ticket, answer: Err(Refusal::Unknown) });
        } else if deleted {
            manifest.lifecycle = Lifecycle::Deleted { at: now };
            self.commit(Vec::new(), Vec::new(), manifest, AfterCommit::Lifecycle { ticket }, effects);
        } else {
            effects.push(Effect::Answer { ticket, answer: Ok(manifest) });
        }
    }

    fn step_deleted(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let Content::Deleted { manifest } = &self.content else { return };
        match self.waiting.pop_front() {
            Some(Waiting::Delete { ticket, deleted: false }) => {
                let manifest = Manifest { lifecycle: Lifecycle::Live, changed_at: now, ..manifest.clone() };
                self.commit(Vec::new(), Vec::new(), manifest, AfterCommit::Lifecycle { ticket }, effects);
            }
            Some(Waiting::Message { session, .. }) => effects.push(Effect::Unavailable { session }),
            Some(waiting) => refuse(waiting, &Refusal::Deleted, effects),
            None => {}
        }
    }

    fn step_damaged(&mut self, effects: &mut Vec<Effect>) {
        if let Some(waiting) = self.waiting.pop_front() {
            refuse(waiting, &Refusal::Damaged, effects);
        }
    }

    /// Takes everything up to the next look or deletion, applies it as one and has it stored.
    fn take_burst(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let mut taken = Vec::new();
        while let Some(Waiting::Message { .. } | Waiting::Submit { .. }) = self.waiting.front() {
            taken.extend(self.waiting.pop_front());
            if self.one_by_one > 0 {
                self.one_by_one -= 1;
                break;
            }
        }
        let _stop = tracing::debug_span!("document", document = %self.id, messages = taken.len()).entered();
        let (taken, changes) = self.read_all(taken, effects);
        match self.apply(now, changes) {
            Ok(applied) => self.store_or_release(now, taken, applied, effects),
            Err(reason) => self.find_culprit(taken, &reason, effects),
        }
    }

    /// Reads the changes of each; whose cannot be read is refused, and the others go on.
    fn read_all(&self, taken: Vec<Waiting>, effects: &mut Vec<Effect>) -> (Vec<Waiting>, Vec<Change>) {
        let mut kept = Vec::with_capacity(taken.len());
        let mut changes = Vec::new();
        for waiting in taken {
            match read(&waiting, self.limits.change_bytes_max) {
                Ok(read) => {
                    changes.extend(read);
                    kept.push(waiting);
                }
                Err(bad) => refuse(waiting, &Refusal::InvalidChange { reason: bad.to_string() }, effects),
            }
        }
        (kept, changes)
    }

    /// Applies what is ready. On an error nothing may be kept of the document in memory.
    fn apply(
        &mut self,
        now: Timestamp,
        changes: Vec<Change>,
    ) -> Result<Option<(Manifest, Chunk, Vec<Vec<u8>>)>, String> {
        let Content::Live(live) = &mut self.content else { return Ok(None) };
        let ready = live.orphans.sort_out(&live.doc, changes).map_err(|bad| bad.to_string())?;
        if ready.is_empty() {
            return Ok(None);
        }
        let (chunk, bytes) = live::burst(&ready);
        let manifest = live.apply(now, ready, &chunk).map_err(|error| error.to_string())?;
        Ok(Some((manifest, chunk, bytes)))
    }

    fn store_or_release(
        &mut self,
        now: Timestamp,
        taken: Vec<Waiting>,
        applied: Option<(Manifest, Chunk, Vec<Vec<u8>>)>,
        effects: &mut Vec<Effect>,
    ) {
        let mut burst = Burst { chunk: None, changes: Vec::new(), heard: Vec::new(), tickets: Vec::new() };
        for waiting in taken {
            match waiting {
                Waiting::Message { session, is_request, mut message } => {
                    let brought_changes = !message.changes.is_empty();
                    message.changes = ChunkList::empty();
                    burst.heard.push(Heard { session, is_request, brought_changes, message });
                }
                Waiting::Submit { ticket, .. } => burst.tickets.push(ticket),
                Waiting::View { .. } | Waiting::Delete { .. } => {}
            }
        }
        match applied {
            Some((manifest, chunk, changes)) => {
                burst.chunk = Some(chunk.clone());
                burst.changes = changes;
                self.commit(vec![chunk], Vec::new(), manifest, AfterCommit::Release(burst), effects);
            }
            None => self.release(now, burst, effects),
        }
    }

    /// Automerge failed over a burst. The document is loaded again and the senders come one by one;
    /// who fails alone is the culprit.
    fn find_culprit(&mut self, taken: Vec<Waiting>, reason: &str, effects: &mut Vec<Effect>) {
        self.forget_content();
        if taken.len() <= 1 {
            for waiting in taken {
                refuse(waiting, &Refusal::InvalidChange { reason: reason.to_owned() }, effects);
            }
            return;
        }
        self.one_by_one = taken.len();
        for waiting in taken.into_iter().rev() {
            self.waiting.push_front(waiting);
        }
    }

    /// Drops what is in memory; what is stored is what counts.
    fn forget_content(&mut self) {
        if let Content::Live(live) = &self.content {
            self.content = if live.is_absent() { Content::Unknown } else { at_rest(live.manifest.clone()) };
        }
    }

    fn stored(&mut self, now: Timestamp, answer: Result<(), CommitFault>, effects: &mut Vec<Effect>) {
        let Some(Asked::Commit { manifest, then }) = self.asked.take() else { return };
        let _stop = tracing::debug_span!("stored", document = %self.id, ok = answer.is_ok()).entered();
        if answer.is_err() {
            return self.commit_failed(then, effects);
        }
        match then {
            AfterCommit::Release(mut burst) => {
                if let (Content::Live(live), Some(chunk)) = (&mut self.content, burst.chunk.take()) {
                    live.stored(manifest, &chunk, std::mem::take(&mut burst.changes));
                }
                self.release(now, burst, effects);
            }
            AfterCommit::Fold { snapshot } => {
                if let Content::Live(live) = &mut self.content {
                    live.manifest = manifest;
                    live.chunks = vec![(snapshot.key(), snapshot.bytes().len() as u64)];
                }
            }
            AfterCommit::Lifecycle { ticket } => {
                effects.push(Effect::Answer { ticket, answer: Ok(manifest.clone()) });
                self.content = at_rest(manifest);
                self.tell_lifecycle(effects);
            }
        }
    }

    /// Nobody was told of what is lost here, and everybody concerned will bring it again.
    fn commit_failed(&mut self, then: AfterCommit, effects: &mut Vec<Effect>) {
        match then {
            AfterCommit::Release(burst) => {
                for heard in burst.heard {
                    effects.push(Effect::Refuse { session: heard.session, refusal: Refusal::StoreUnavailable });
                }
                for ticket in burst.tickets {
                    effects.push(Effect::Answer { ticket, answer: Err(Refusal::StoreUnavailable) });
                }
                self.forget_content();
            }
            AfterCommit::Fold { .. } => {}
            AfterCommit::Lifecycle { ticket } => {
                effects.push(Effect::Answer { ticket, answer: Err(Refusal::StoreUnavailable) });
            }
        }
    }

    /// A deleted document is gone for its readers; a restored one is back.
    fn tell_lifecycle(&mut self, effects: &mut Vec<Effect>) {
        if matches!(self.content, Content::Deleted { .. }) {
            effects.extend(self.peers.keys().map(|session| Effect::Unavailable { session: *session }));
        }
        for peer in self.peers.values_mut() {
            peer.progress = peer::Progress::Following { base: Arc::from([]), own: Vec::new() };
        }
    }

    /// Folds the chunks into a snapshot once there are `chunks_max`, and once they outweigh the
    /// snapshot that is there: else a large document would be written anew every few edits.
    fn fold_if_due(&mut self, chunks_max: usize, effects: &mut Vec<Effect>) {
        let Content::Live(live) = &self.content else { return };
        if self.asked.is_some() || live.chunks.len() < chunks_max {
            return;
        }
        let total: u64 = live.chunks.iter().map(|(_, bytes)| bytes).sum();
        let snapshots = live.chunks.iter().filter(|(key, _)| key.kind == chunk::ChunkKind::Snapshot);
        let snapshot: u64 = snapshots.map(|(_, bytes)| bytes).sum();
        if (total - snapshot) * 2 < snapshot && live.chunks.len() < chunks_max * 16 {
            return;
        }
        let Ok(snapshot) = live.snapshot() else { return };
        let delete: Vec<_> = live.chunks.iter().map(|(key, _)| *key).filter(|key| *key != snapshot.key()).collect();
        let manifest = Manifest { bytes: snapshot.bytes().len() as u64, ..live.manifest.clone() };
        self.commit(vec![snapshot.clone()], delete, manifest, AfterCommit::Fold { snapshot }, effects);
    }

    /// Leaves memory. What is worth folding is folded first; the caller says `Rest` again after that.
    fn rest(&mut self, effects: &mut Vec<Effect>) {
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
}

/// What a stored document is before anybody has asked for its content.
fn at_rest(manifest: Manifest) -> Content {
    match manifest.lifecycle {
        Lifecycle::Live => Content::Cold { manifest, whole: None },
        Lifecycle::Deleted { .. } => Content::Deleted { manifest },
    }
}

/// Whether the manifest alone is enough: the sender has what we have, or nothing.
fn answers_cold(waiting: &Waiting, manifest: &Manifest) -> bool {
    match waiting {
        Waiting::Message { message, .. } => {
            message.changes.is_empty()
                && message.need.is_empty()
                && (message.heads.is_empty() || message.heads == manifest.heads)
        }
        Waiting::Submit { .. } | Waiting::View { .. } | Waiting::Delete { .. } => false,
    }
}

fn read(waiting: &Waiting, change_bytes_max: usize) -> Result<Vec<Change>, BadChange> {
    match waiting {
        Waiting::Message { message, .. } => intake::read_changes(message.changes.iter(), change_bytes_max),
        Waiting::Submit { changes, .. } => {
            intake::read_changes(changes.iter().map(|bytes| &bytes[..]), change_bytes_max)
        }
        Waiting::View { .. } | Waiting::Delete { .. } => Ok(Vec::new()),
    }
}

fn said(message: &Message, is_request: bool, brought_changes: bool) -> peer::Said {
    let resets = message.flags.is_some_and(|flags| flags.contains(automerge::sync::MessageFlags::SYNC_RESET));
    peer::Said {
        heads: message.heads.clone(),
        need: message.need.clone(),
        brought_changes,
        starts_over: is_request || resets || message.heads.is_empty(),
        takes_documents: message.flags.is_some(),
    }
}

fn refuse(waiting: Waiting, refusal: &Refusal, effects: &mut Vec<Effect>) {
    effects.push(match waiting {
        Waiting::Message { session, .. } => Effect::Refuse { session, refusal: refusal.clone() },
        Waiting::Submit { ticket, .. } | Waiting::View { ticket } | Waiting::Delete { ticket, .. } => {
            Effect::Answer { ticket, answer: Err(refusal.clone()) }
        }
    });
}
