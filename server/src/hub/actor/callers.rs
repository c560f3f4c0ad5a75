//! Who waits at a document's task for an answer.
//!
//! Edit path: ← a door has brought changes, or wants to look, and gets a ticket, → its answer, when the machine names that ticket again.
//!
//! Always true: each caller is answered once. One that has gone meanwhile is not missed: its changes are stored all the same.

use crate::hub::error::{SubmitError, ViewError};
use crate::hub::mailbox::Look;
use dovetail_core::document::chunk::Manifest;
use dovetail_core::document::{Refusal, Ticket};
use dovetail_core::id::DocumentId;
use std::collections::HashMap;
use tokio::sync::oneshot;

/// Who waits for an answer.
pub(super) enum Caller {
    Submit(oneshot::Sender<Result<Manifest, SubmitError>>),
    View(Look),
}

/// See the top of the file.
#[derive(Default)]
pub(super) struct Callers {
    waiting: HashMap<Ticket, Caller>,
    next: u64,
}

impl Callers {
    /// Somebody waits from now on, under this ticket.
    pub(super) fn wait(&mut self, caller: Caller) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.waiting.insert(ticket, caller);
        ticket
    }

    /// What became of it.
    pub(super) fn answer(
        &mut self,
        document: &DocumentId,
        ticket: Ticket,
        answer: Result<Manifest, Refusal>,
    ) {
        match self.waiting.remove(&ticket) {
            Some(Caller::Submit(to)) => {
                // The caller may have gone; the changes are stored all the same.
                let _gone = to.send(answer.map_err(|refusal| SubmitError::of(document, refusal)));
            }
            Some(Caller::View(look)) => {
                let refusal = answer.err().unwrap_or(Refusal::Unknown);
                look(Err(ViewError::of(document, &refusal)));
            }
            None => {}
        }
    }

    /// Who wanted to look, now that they can.
    pub(super) fn take_look(&mut self, ticket: Ticket) -> Option<Look> {
        match self.waiting.remove(&ticket)? {
            Caller::View(look) => Some(look),
            Caller::Submit(_) => None,
        }
    }
}
