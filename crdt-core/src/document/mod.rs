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

mod admit; // Who may bring what.
mod body; // What is sent, made once for all.
mod burst; // What came together: applied, stored and released as one.
pub mod careful; // Calls on foreign bytes.
pub mod chunk; // What is written.
pub mod claims; // What a sync message claims.
mod events; // What can happen, and what is answered. Read this first.
mod examine; // What becomes of changes that no client can have made.
mod gossip; // How far other stores have come.
mod honest; // Whether a client can have made a change.
mod intake; // Foreign changes, from bytes to what may be applied.
mod live; // The document in memory.
mod measure; // How much a change becomes.
mod past; // What a change builds on.
mod peer; // What one reader has and lacks.
mod phase; // What is known, and what the store is asked.
mod places; // Whether a change stays within the places of a limited right.
mod rights; // Who may do what, asked again when that may have changed.
mod room; // How much one connection may have waiting.
pub mod scan; // The outside of Automerge's chunks.
mod serve; // Who is sent what, once everything is stored.
mod standing; // How it stands, for those who follow it without syncing.
mod verdict; // What the rules say of it.

pub use admit::{REFUSED_MAX, fits};
pub use body::{Body, Heads};
pub use claims::HASHES_MAX;
pub use events::{CommitFault, Effect, FullOf, Input, LoadFault, Refusal, Rejection, Ticket};
pub use gossip::RemoteHeads;
pub use honest::Dishonest;
pub use intake::{BadChange, ORPHAN_BYTES_MAX, ORPHANS_MAX};
pub use live::{Damage, content, folded, verify};
pub use measure::{KEY_BYTES_MAX, OPS_FREE};
pub use places::out_of_places;
pub use room::{ORPHAN_BYTES_OF_ONE_MAX, ORPHANS_OF_ONE_MAX, WaitingRoom};
pub use standing::Standing;
pub use verdict::{Verdict, judge_stored};

use crate::grant::{Followed, Grant, Policy};
use crate::id::{DocumentId, SessionId, StorageId};
use crate::limits::DocumentLimits;
use crate::rules::RuleBook;
use crate::time::Timestamp;
use automerge::{Automerge, ReadDoc};
use burst::{Waiting, refuse};
use chunk::{Lifecycle, Manifest};
use gossip::Gossip;
use peer::Peer;
use phase::{AfterCommit, Asked, Content, answers_cold};
use serve::Stale;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use verdict::Judging;

/// How large a document is, in all that has a bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Changes.
    pub changes: u64,
    /// Bytes of chunks, as they are stored.
    pub bytes: u64,
    /// Operations.
    pub ops: u64,
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
    /// What is written down for whole kinds of documents.
    policy: Arc<Policy>,
    /// What is written down for the document that this one follows.
    followed: Option<Arc<Followed>>,
    /// Somebody connected since the store was last asked who may do what.
    somebody_came: bool,
    /// Nothing more is taken in: its owner has no room left.
    is_full: bool,
    /// Who may be owed something.
    stale: Stale,
    gossip: Gossip,
    judging: Judging,
    /// After a burst that Automerge could not apply: one at a time, until the culprit is found.
    one_by_one: usize,
    resting: bool,
}

impl Document {
    /// A document of which nothing is known yet but its name, to be judged by these rules, under this policy.
    #[must_use]
    pub fn new(id: DocumentId, limits: DocumentLimits, rules: Arc<RuleBook>, policy: Arc<Policy>) -> Self {
        Self {
            id,
            limits,
            content: Content::Unknown,
            asked: None,
            waiting: VecDeque::new(),
            peers: BTreeMap::new(),
            policy,
            followed: None,
            somebody_came: false,
            is_full: false,
            stale: Stale::default(),
            gossip: Gossip::default(),
            judging: Judging::new(rules),
            one_by_one: 0,
            resting: false,
        }
    }

    /// Takes in what happened. Messages and calls only queue here: whoever drives the machine tells it
    /// everything that has happened, then lets it [`advance`](Self::advance) once.
    pub fn handle(&mut self, now: Timestamp, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Open { session, who, storage, follows, room } => {
                let grant = Grant::none(self.id.clone(), who);
                self.peers.entry(session).or_insert_with(|| Peer::new(grant, storage, Arc::default(), room));
                self.open(now, session, &follows, effects);
            }
            Input::Identified { session, who } => self.identified(now, session, who, effects),
            Input::Follow { session, follows } => self.follow(session, &follows, effects),
            Input::Message { session, is_request, message } => {
                self.waiting.push_back(Waiting::Message { session, is_request, message });
            }
            Input::RemoteHeads { session, news } => self.spread(&news, Some(session), effects),
            Input::Leave { session } => self.leave(session),
            Input::Drained { session } => self.drained(session),
            Input::Submit { ticket, permit, changes } => {
                self.waiting.push_back(Waiting::Submit { ticket, permit, changes });
            }
            Input::SetAccess { ticket, access } => {
                self.waiting.push_back(Waiting::SetAccess { ticket, access });
            }
            Input::View { ticket } => self.waiting.push_back(Waiting::View { ticket }),
            Input::Delete { ticket, deleted } => self.waiting.push_back(Waiting::Delete { ticket, deleted }),
            Input::Manifest(answer) => self.manifest_came(now, answer, effects),
            Input::Chunks(answer) => self.chunks_came(now, answer, effects),
            Input::Followed(answer) => self.followed_came(now, answer, effects),
            Input::FollowedChanged(followed) => self.followed_changed(now, followed, effects),
            Input::Stored(answer) => self.stored(now, answer, effects),
            Input::Rules(book) => self.judging.set_book(book),
            Input::Policy(policy) => {
                self.policy = policy;
                self.ask_again(now, effects);
            }
            Input::AskAgain => self.ask_again(now, effects),
            Input::Full(is_full) => self.is_full = is_full,
            Input::Evaluated(answer) => self.judging.evaluated(answer),
            Input::JudgeAgain => self.judging.set_due(),
            Input::Rest => self.resting = true,
        }
    }

    /// Does what can be done now: applies what waits, asks the store, sends to readers. Whoever drives
    /// the machine carries out the effects and calls this again, until there are none.
    pub fn advance(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.find_out_who_may_read(effects);
        while self.asked.is_none() && self.step(now, effects) {
            // Somebody looks now: what waits behind would change what there is to see.
            if let Some(Effect::View { .. }) = effects.last() {
                return;
            }
        }
        if self.asked.is_none() {
            self.serve(effects);
            // After serving: folding is a commit, and while one is under way nothing leaves.
            self.fold_if_due(self.chunks_before_snapshot(), effects);
        }
        // Who evaluates for it answers soon, and what the rules say is to be known before it leaves memory.
        let is_judged = !self.wants_to_judge() && !self.judging.awaits_an_answer();
        let is_quiet = self.asked.is_none() && self.waiting.is_empty() && is_judged;
        if is_quiet && std::mem::take(&mut self.resting) {
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

    /// Whether a reader was passed over because its socket is busy: then, and only then, somebody
    /// has to wake the machine when that socket is free.
    #[must_use]
    pub fn waits_for_sockets(&self) -> bool {
        self.stale.was_somebody_passed_over()
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
            Content::Unknown | Content::Deleted { .. } | Content::Damaged { .. } => false,
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

    /// How large it is, as far as it is in memory.
    #[must_use]
    pub fn size(&self) -> Size {
        match &self.content {
            Content::Live(live) => {
                let Manifest { changes, bytes, .. } = live.manifest;
                Size { changes, bytes, ops: live.doc.stats().num_ops }
            }
            _ => Size::default(),
        }
    }

    fn open(
        &mut self,
        now: Timestamp,
        session: SessionId,
        follows: &Arc<BTreeSet<StorageId>>,
        effects: &mut Vec<Effect>,
    ) {
        self.somebody_came = true;
        self.ask_for(now, session, effects);
        self.follow(session, follows, effects);
    }

    fn leave(&mut self, session: SessionId) {
        self.peers.remove(&session);
        self.stale.forget(session);
        if let Content::Live(live) = &mut self.content {
            live.orphans.leave(session);
        }
        // What it brought and nobody has looked at yet was never acknowledged: it will come again.
        self.waiting
            .retain(|waiting| !matches!(waiting, Waiting::Message { session: from, .. } if *from == session));
    }

    fn drained(&mut self, session: SessionId) {
        if let Some(peer) = self.peers.get_mut(&session) {
            peer.free = true;
            self.stale.mark(session);
        }
    }

    /// One step of what waits. Says whether another may follow.
    fn step(&mut self, now: Timestamp, effects: &mut Vec<Effect>) -> bool {
        if self.waiting.is_empty() {
            return false;
        }
        if self.lacks_followed().is_some() {
            self.ask(Asked::Followed, effects);
            return true;
        }
        if !matches!(self.content, Content::Unknown) && self.is_next_hidden() {
            self.hear_hidden(effects);
            return true;
        }
        if let Some(Waiting::SetAccess { .. }) = self.waiting.front()
            && self.set_access(effects)
        {
            return true;
        }
        match &self.content {
            Content::Unknown => self.ask(Asked::Manifest, effects),
            Content::Cold { .. } => return self.step_cold(effects),
            Content::Live(_) => self.step_live(now, effects),
            Content::Deleted { .. } => self.step_deleted(now, effects),
            Content::Damaged { .. } => self.step_damaged(effects),
        }
        true
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
            peer.heard(serve::said(&message, is_request, false));
            self.stale.mark(session);
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
            Some(waiting) => refuse(&waiting, &Refusal::Deleted, effects),
            None => {}
        }
    }

    fn step_damaged(&mut self, effects: &mut Vec<Effect>) {
        if let Some(waiting) = self.waiting.pop_front() {
            refuse(&waiting, &Refusal::Damaged, effects);
        }
    }
}
