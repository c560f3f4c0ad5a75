//! What came together: applied as one, stored as one, released as one.
//!
//! Edit path: ← [`super`] lets everything that waits come at once, [`intake`] checks it, [`live`]
//! applies it, → a commit, and when that is stored → `serve` releases it.

use super::chunk::{Chunk, Manifest};
use super::events::{Effect, Refusal, Ticket};
use super::intake::{self, BadChange};
use super::phase::{AfterCommit, Content};
use super::{Document, live};
use crate::id::SessionId;
use crate::time::Timestamp;
use automerge::Change;
use automerge::sync::{ChunkList, Message};
use bytes::Bytes;

/// What waits until the document can look at it.
#[derive(Debug)]
pub(super) enum Waiting {
    Message { session: SessionId, is_request: bool, message: Message },
    Submit { ticket: Ticket, changes: Vec<Bytes> },
    View { ticket: Ticket },
    Delete { ticket: Ticket, deleted: bool },
}

/// What came together: applied as one, stored as one, released as one.
#[derive(Debug)]
pub(super) struct Burst {
    pub(super) chunk: Option<Chunk>,
    pub(super) changes: Vec<Bytes>,
    pub(super) heard: Vec<Heard>,
    pub(super) tickets: Vec<Ticket>,
}

/// A burst in memory, as it is to be stored.
struct Applied {
    manifest: Manifest,
    chunk: Chunk,
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

impl Document {
    /// Takes everything up to the next look or deletion, applies it as one and has it stored.
    pub(super) fn take_burst(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
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
            match self.read(&waiting) {
                Ok(read) => {
                    changes.extend(read);
                    kept.push(waiting);
                }
                Err(bad) => refuse(&waiting, &Refusal::InvalidChange { reason: bad.to_string() }, effects),
            }
        }
        (kept, changes)
    }

    /// A peer's changes may come before what they build on. A door's may not: it is answered now, and
    /// what waits aside is in no store.
    fn read(&self, waiting: &Waiting) -> Result<Vec<Change>, BadChange> {
        let change_bytes_max = self.limits.change_bytes_max;
        match waiting {
            Waiting::Message { message, .. } => {
                intake::read_changes(message.changes.iter(), change_bytes_max)
            }
            Waiting::Submit { changes, .. } => {
                let read = intake::read_changes(changes.iter().map(|bytes| &bytes[..]), change_bytes_max)?;
                match &self.content {
                    Content::Live(live) if !intake::stand_alone(&live.doc, &read) => {
                        Err(BadChange::Incomplete)
                    }
                    _ => Ok(read),
                }
            }
            Waiting::View { .. } | Waiting::Delete { .. } => Ok(Vec::new()),
        }
    }

    /// Applies what is ready. On an error nothing may be kept of the document in memory.
    fn apply(&mut self, now: Timestamp, changes: Vec<Change>) -> Result<Option<Applied>, String> {
        let Content::Live(live) = &mut self.content else { return Ok(None) };
        let ready = live.orphans.sort_out(&live.doc, changes).map_err(|bad| bad.to_string())?;
        if ready.is_empty() {
            return Ok(None);
        }
        let (chunk, changes) = live::burst(&ready);
        let touched = self.judging.log(ready.len());
        let manifest = live.apply(now, ready, &chunk, touched).map_err(|error| error.to_string())?;
        Ok(Some(Applied { manifest, chunk, changes }))
    }

    fn store_or_release(
        &mut self,
        now: Timestamp,
        taken: Vec<Waiting>,
        applied: Option<Applied>,
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
            Some(Applied { manifest, chunk, changes }) => {
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
                refuse(&waiting, &Refusal::InvalidChange { reason: reason.to_owned() }, effects);
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
        Waiting::Submit { ticket, .. } | Waiting::View { ticket } | Waiting::Delete { ticket, .. } => {
            Effect::Answer { ticket, answer: Err(refusal.clone()) }
        }
    });
}
