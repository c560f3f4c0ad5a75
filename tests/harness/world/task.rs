//! The task of one open document: its machine, and what waits for it.
//!
//! Always true: it takes everything in that is there before the machine does anything, and nothing wakes it but what it waits for,
//! as in the real server. A session comes once and leaves once, in whichever order that is heard of.

use super::store::Asked;
use dovetail_core::document::{Document, Effect, Input};
use dovetail_core::id::{DocumentId, SessionId};
use dovetail_core::limits::DocumentLimits;
use dovetail_core::rules::{Question, RuleBook};
use dovetail_core::time::Timestamp;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) id: DocumentId,
    pub(super) machine: Document,
    /// What comes in order.
    pub(super) calls: VecDeque<Input>,
    /// What may overtake it.
    pub(super) notes: Vec<Note>,
    /// Sockets that took what was last sent.
    pub(super) drained: Vec<SessionId>,
    /// What the store is to be asked.
    pub(super) asks: Option<Asked>,
    pub(super) is_committing: bool,
    /// What rules ask and nobody has answered.
    pub(super) questions: VecDeque<Arc<Question>>,
    pub(super) effects: Vec<Effect>,
    readers: BTreeSet<SessionId>,
    /// Sessions whose `Leave` has overtaken their `Open`.
    gone_early: BTreeSet<SessionId>,
}

/// See [`Task::notes`].
#[derive(Debug)]
pub(super) enum Note {
    Leave(SessionId),
    Judge(Input),
}

impl Task {
    pub(super) fn new(id: DocumentId, limits: DocumentLimits, rules: Arc<RuleBook>) -> Self {
        Self {
            machine: Document::new(id.clone(), limits, rules, Arc::default()),
            id,
            calls: VecDeque::new(),
            notes: Vec::new(),
            drained: Vec::new(),
            asks: None,
            is_committing: false,
            questions: VecDeque::new(),
            effects: Vec::new(),
            readers: BTreeSet::new(),
            gone_early: BTreeSet::new(),
        }
    }

    /// Sockets wake it only while it waits for one.
    pub(super) fn is_woken(&self, has_answer: bool) -> bool {
        let by_socket = self.machine.waits_for_sockets() && !self.drained.is_empty();
        has_answer || by_socket || !self.notes.is_empty() || !self.calls.is_empty()
    }

    /// Whether nothing would be missed without it, as far as it knows.
    pub(super) fn is_done(&self) -> bool {
        let nothing_waits = self.calls.is_empty() && self.notes.is_empty();
        self.machine.is_idle() && !self.machine.is_live() && nothing_waits
    }

    /// Everything that has come by now.
    pub(super) fn take_in(&mut self, now: Timestamp, answer: Option<Input>) {
        if let Some(answer) = answer {
            self.is_committing &= !matches!(answer, Input::Stored(_));
            self.tell(now, answer);
        }
        self.take_drained(now);
        for note in std::mem::take(&mut self.notes) {
            match note {
                Note::Judge(input) => self.tell(now, input),
                Note::Leave(session) if self.readers.remove(&session) => {
                    self.tell(now, Input::Leave { session });
                }
                Note::Leave(session) => {
                    self.gone_early.insert(session);
                }
            }
        }
        for input in std::mem::take(&mut self.calls) {
            if let Input::Open { session, .. } = &input {
                if self.gone_early.remove(session) {
                    continue;
                }
                self.readers.insert(*session);
            }
            self.tell(now, input);
        }
    }

    pub(super) fn take_drained(&mut self, now: Timestamp) {
        for session in std::mem::take(&mut self.drained) {
            self.tell(now, Input::Drained { session });
        }
    }

    fn tell(&mut self, now: Timestamp, input: Input) {
        self.machine.handle(now, input, &mut self.effects);
    }
}
