//! What came together: applied as one, stored as one, released as one.
//!
//! Edit path: ← [`super`] lets everything that waits come at once, [`intake`] and [`admit`](super::admit) check it, [`live`]
//! applies it, → a commit, and when that is stored → `serve` releases it.

use super::admit::{Arrival, Bringer, From, Rejected, Room, Sorted, look_again};
use super::chunk::{Chunk, Manifest};
use super::events::{Effect, Refusal, Ticket};
use super::intake::{self, BadChange, Incoming, Sizes};
use super::phase::{AfterCommit, Content};
use super::{Document, live};
use crate::authors::Authors;
use crate::grant::{Access, EditPermit, Kind, Role};
use crate::id::SessionId;
use crate::limits::DocumentLimits;
use crate::time::Timestamp;
use automerge::sync::{ChunkList, Message};
use automerge::{Change, ReadDoc};
use bytes::Bytes;
use std::sync::Arc;

/// What waits until the document can look at it.
#[derive(Debug)]
pub(super) enum Waiting {
    Message { session: SessionId, is_request: bool, message: Message },
    Submit { ticket: Ticket, permit: EditPermit, changes: Vec<Bytes> },
    SetAccess { ticket: Ticket, access: Arc<Access> },
    View { ticket: Ticket },
    Delete { ticket: Ticket, deleted: bool },
}

/// What came together: applied as one, stored as one, released as one.
#[derive(Debug)]
pub(super) struct Burst {
    pub(super) chunks: Vec<Chunk>,
    pub(super) changes: Vec<Bytes>,
    pub(super) heard: Vec<Heard>,
    pub(super) tickets: Vec<Ticket>,
}

/// A burst in memory, as it is to be stored.
struct Applied {
    manifest: Manifest,
    /// The changes, and whose actors are new among them.
    chunks: Vec<Chunk>,
    /// One by one, as readers are told of them: parts of the chunk's bytes.
    changes: Vec<Bytes>,
}

/// A message whose changes are dealt with.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) session: SessionId,
    pub(super) is_request: bool,
    pub(super) brought_changes: bool,
    pub(super) message: Message,
}

impl Waiting {
    fn brings_changes(&self) -> bool {
        match self {
            Waiting::Message { message, .. } => !message.changes.is_empty(),
            Waiting::Submit { .. } => true,
            Waiting::SetAccess { .. } | Waiting::View { .. } | Waiting::Delete { .. } => false,
        }
    }
}

impl Document {
    /// Takes everything up to the next look or deletion, applies it as one and has it stored.
    pub(super) fn take_burst(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        // Whoever brings the first changes makes the document, and says with that who may bring the next.
        let is_absent = matches!(&self.content, Content::Live(live) if live.is_absent());
        let mut taken = Vec::new();
        while let Some(Waiting::Message { .. } | Waiting::Submit { .. }) = self.waiting.front()
            && !self.is_next_hidden()
            && let Some(waiting) = self.waiting.pop_front()
        {
            let makes = is_absent && waiting.brings_changes();
            taken.push(waiting);
            if self.one_by_one > 0 {
                self.one_by_one -= 1;
                break;
            }
            if makes {
                break;
            }
        }
        let _stop = tracing::debug_span!("document", document = %self.id, messages = taken.len()).entered();
        let (mut taken, incoming) = self.read_all(now, taken, effects);
        let has_orphans = matches!(&self.content, Content::Live(live) if !live.orphans.is_empty());
        match self.apply(now, &mut taken, incoming, effects) {
            Ok(applied) => self.store_or_release(now, taken, applied, effects),
            Err(refusal) => self.find_culprit(taken, has_orphans, &refusal, effects),
        }
    }

    /// Reads the changes of each. Who brings what cannot be read, or may not be brought, hears of it, and the others
    /// go on.
    fn read_all(
        &mut self,
        now: Timestamp,
        taken: Vec<Waiting>,
        effects: &mut Vec<Effect>,
    ) -> (Vec<Waiting>, Vec<Incoming>) {
        let mut kept = Vec::with_capacity(taken.len());
        let mut incoming = Vec::new();
        let mut fresh = Authors::default();
        let mut room = match &self.content {
            Content::Live(live) => live.room_left(&self.limits),
            _ => Room::default(),
        };
        let mut sizes = self.sizes();
        for waiting in taken {
            match self.read(&waiting, sizes) {
                Ok(changes) if changes.is_empty() => kept.push(waiting),
                Ok(changes) => match self.arrive(now, &waiting, changes, (&mut fresh, &mut room), effects) {
                    Ok(admitted) => {
                        let bytes = admitted.iter().map(|it| it.change.raw_bytes().len() as u64);
                        sizes.document_ops += bytes.sum::<u64>();
                        incoming.extend(admitted);
                        kept.push(waiting);
                    }
                    Err(refusal) => refuse(&waiting, &refusal, effects),
                },
                Err(bad) => refuse(&waiting, &bad.into(), effects),
            }
        }
        (kept, incoming)
    }

    /// A peer's changes may come before what they build on. A door's may not: it is answered now, and
    /// what waits aside is in no store.
    fn read(&self, waiting: &Waiting, sizes: Sizes) -> Result<Vec<Change>, BadChange> {
        match waiting {
            Waiting::Message { message, .. } => intake::read_changes(message.changes.iter(), sizes),
            Waiting::Submit { changes, .. } => {
                let read = intake::read_changes(changes.iter().map(|bytes| &bytes[..]), sizes)?;
                match &self.content {
                    Content::Live(live) if !intake::stand_alone(&live.doc, &read) => {
                        Err(BadChange::Incomplete)
                    }
                    _ => Ok(read),
                }
            }
            Waiting::SetAccess { .. } | Waiting::View { .. } | Waiting::Delete { .. } => Ok(Vec::new()),
        }
    }

    /// How large a change may be.
    fn sizes(&self) -> Sizes {
        let document_ops = match &self.content {
            Content::Live(live) => live.doc.stats().num_ops,
            _ => 0,
        };
        let DocumentLimits { change_bytes_max, change_ops_max, .. } = self.limits;
        Sizes { change_bytes_max, change_ops_max, document_ops }
    }

    /// Sorts the changes of a message or a call by whether they may be brought. A call is refused as a whole.
    fn arrive(
        &mut self,
        now: Timestamp,
        waiting: &Waiting,
        changes: Vec<Change>,
        (fresh, room): (&mut Authors, &mut Room),
        effects: &mut Vec<Effect>,
    ) -> Result<Vec<Incoming>, Refusal> {
        let Some((bringer, role)) = self.bringer(now, waiting) else { return Ok(Vec::new()) };
        let Content::Live(live) = &self.content else { return Ok(Vec::new()) };
        let refused = match bringer.from {
            From::Peer(session) => self.peers.get(&session).map(|peer| &peer.refused),
            From::Door(_) => None,
        };
        let is_full = self.is_full && bringer.who.kind != Kind::House;
        let mut arrival =
            Arrival { doc: &live.doc, authors: &live.authors, fresh, role, is_full, room, refused };
        let (admitted, rejected) = arrival.sort(&bringer, changes);
        if let (From::Door(_), Some(first)) = (bringer.from, rejected.first()) {
            return Err(Refusal::Rejected(first.why.clone()));
        }
        self.reject(rejected, effects);
        Ok(admitted)
    }

    /// Who brings this, and what they may do with the document. Nothing for a peer that has left.
    fn bringer(&self, now: Timestamp, waiting: &Waiting) -> Option<(Arc<Bringer>, Role)> {
        let (from, grant) = match waiting {
            Waiting::Message { session, .. } => {
                (From::Peer(*session), self.peers.get(session)?.grant.clone())
            }
            Waiting::Submit { ticket, permit, .. } => {
                // Rights may have gone since the permit was given; and what it is limited to, it stays limited to.
                (From::Door(*ticket), self.rights(now)?.of(permit.who()).within(permit))
            }
            Waiting::SetAccess { .. } | Waiting::View { .. } | Waiting::Delete { .. } => return None,
        };
        let room = match from {
            From::Peer(session) => self.peers.get(&session).map(|peer| peer.room.clone()),
            From::Door(_) => None,
        };
        let bringer = Bringer { from, who: grant.who().clone(), limits: grant.limits().cloned(), room };
        Some((Arc::new(bringer), grant.role()))
    }

    /// Applies what is ready. On an error nothing may be kept of the document in memory.
    fn apply(
        &mut self,
        now: Timestamp,
        taken: &mut Vec<Waiting>,
        incoming: Vec<Incoming>,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Applied>, Refusal> {
        let ready = self.sort_out(now, taken, incoming, effects);
        let (ready, marks) = self.examine(taken, ready, effects)?;
        let Content::Live(live) = &mut self.content else { return Ok(None) };
        let Some(first) = ready.first() else { return Ok(None) };
        let access = if live.is_absent() {
            Arc::new(Access::made_by(&first.bringer.who))
        } else {
            live.manifest.access.clone()
        };
        let authors = live.bind(&ready);
        let ready: Vec<Change> = ready.into_iter().map(|incoming| incoming.change).collect();
        let (chunk, changes) = live::burst(&ready);
        let touched = self.judging.log(&ready);
        let ready = live::Ready { changes: ready, marks };
        let manifest = live.apply(now, ready, &chunk, access, touched)?;
        let chunks = [chunk].into_iter().chain(authors).collect();
        Ok(Some(Applied { manifest, chunks, changes }))
    }

    /// What can be applied now and may be: what had to wait, or is limited to places, is looked at once more. Calls
    /// that are refused here are answered and no longer among `taken`.
    fn sort_out(
        &mut self,
        now: Timestamp,
        taken: &mut Vec<Waiting>,
        incoming: Vec<Incoming>,
        effects: &mut Vec<Effect>,
    ) -> Vec<Incoming> {
        let Content::Live(live) = &mut self.content else { return Vec::new() };
        let waited = live.orphans.hashes();
        let (ready, crowding) = live.orphans.sort_out(&live.doc, incoming);
        for bringer in &crowding {
            self.turn_out(bringer, &BadChange::TooManyOrphans.into(), taken, effects);
        }
        let Content::Live(live) = &self.content else { return Vec::new() };
        let Some(rights) = self.rights(now) else { return Vec::new() };
        let sorted = look_again(&live.doc, &live.authors, rights, ready, &waited);
        let Sorted { kept: mut ready, mut rejected, waiting } = sorted;
        for Rejected { bringer, why, .. } in &rejected {
            if let From::Door(_) = bringer.from {
                let others = |incoming: Incoming| incoming.of_those(|it| it.from != bringer.from);
                ready = ready.into_iter().filter_map(others).collect();
                self.turn_out(bringer, &Refusal::Rejected(why.clone()), taken, effects);
            }
        }
        if let (false, Content::Live(live)) = (rejected.is_empty(), &mut self.content) {
            let no_room = live.orphans.wait(waiting);
            let refused = rejected.iter().flat_map(|Rejected { bringer, changes, .. }| {
                changes.iter().map(|change| (change.hash(), Some(bringer.clone())))
            });
            let built_on = live.orphans.take_built_on(refused);
            rejected.extend(built_on.iter().chain(&no_room).flat_map(Rejected::on_refused));
            self.reject(rejected, effects);
        }
        ready
    }

    fn store_or_release(
        &mut self,
        now: Timestamp,
        taken: Vec<Waiting>,
        applied: Option<Applied>,
        effects: &mut Vec<Effect>,
    ) {
        let mut burst =
            Burst { chunks: Vec::new(), changes: Vec::new(), heard: Vec::new(), tickets: Vec::new() };
        for waiting in taken {
            match waiting {
                Waiting::Message { session, is_request, mut message } => {
                    let brought_changes = !message.changes.is_empty();
                    message.changes = ChunkList::empty();
                    burst.heard.push(Heard { session, is_request, brought_changes, message });
                }
                Waiting::Submit { ticket, .. } => burst.tickets.push(ticket),
                Waiting::SetAccess { .. } | Waiting::View { .. } | Waiting::Delete { .. } => {}
            }
        }
        match applied {
            Some(Applied { manifest, chunks, changes }) => {
                burst.chunks = chunks.clone();
                burst.changes = changes;
                self.commit(chunks, Vec::new(), manifest, AfterCommit::Release(burst), effects);
            }
            None => self.release(now, burst, effects),
        }
    }

    /// Automerge failed over a burst. The document is loaded again and the senders come one by one;
    /// who fails alone is the culprit. What waited aside is forgotten with the document: it may have been that.
    fn find_culprit(
        &mut self,
        taken: Vec<Waiting>,
        has_orphans: bool,
        refusal: &Refusal,
        effects: &mut Vec<Effect>,
    ) {
        self.forget_content();
        if taken.len() <= 1 && !has_orphans {
            for waiting in taken {
                refuse(&waiting, refusal, effects);
            }
            return;
        }
        self.one_by_one = taken.len();
        for waiting in taken.into_iter().rev() {
            self.waiting.push_front(waiting);
        }
    }
}

pub(super) fn refuse(waiting: &Waiting, refusal: &Refusal, effects: &mut Vec<Effect>) {
    effects.push(match *waiting {
        Waiting::Message { session, .. } => Effect::Refuse { session, refusal: refusal.clone() },
        Waiting::Submit { ticket, .. }
        | Waiting::SetAccess { ticket, .. }
        | Waiting::View { ticket }
        | Waiting::Delete { ticket, .. } => Effect::Answer { ticket, answer: Err(refusal.clone()) },
    });
}
