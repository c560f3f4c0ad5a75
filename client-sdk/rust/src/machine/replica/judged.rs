//! What the rules say of the document, found out on the device, with or without a connection; and what somebody decides about it.
//!
//! Edit path: ← an app asks for conflicts, → [`Judge`] looks at what is new since it looked last; ← somebody settles one, → an edit like
//! any other.
//!
//! Always true: the server's rules, judged by the server's code on the same document, so a conflict has the same id everywhere.

use super::here::Here;
use super::{Content, EditError, Replica};
use automerge::{Change, ChangeHash};
use dovetail_core::json;
use dovetail_core::rules::{
    InForce, Judge, Proposal, Report, RuleBook, SettleError, WaiveError, Waiver, settle, to_the_end, unwaive,
    waive,
};
use dovetail_core::time::Timestamp;
use std::sync::Arc;

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// The document cannot be changed.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// There are no rules for such documents, as far as is known here.
    #[error("there are no rules for this kind of document")]
    NoRules,
    /// There is no such conflict, or the proposal cannot be made.
    #[error(transparent)]
    Settle(#[from] Box<SettleError>),
    /// There is no such conflict, or the waiver is none.
    #[error(transparent)]
    Waive(#[from] Box<WaiveError>),
}

/// A judge, and the state that it looked at last.
#[derive(Debug)]
pub(super) struct Judged {
    judge: Judge,
    heads: Vec<ChangeHash>,
}

impl Replica {
    /// What the rules of the document's kind say of it now. Nothing when there are none, or the document is not here.
    pub fn report(&mut self, now: Timestamp, book: &RuleBook) -> Option<Report> {
        let Content::Here(here) = &mut self.content else { return None };
        let id = self.id.clone();
        here.look(now, &id, book)?;
        let judged = here.judged.as_ref()?;
        Some(judged.judge.report(here.tick.doc(), now))
    }

    /// Makes a proposal for a conflict, and notes who chose it. The number of the edit.
    ///
    /// # Errors
    /// See [`DecideError`]; then nothing is changed.
    pub fn settle(
        &mut self,
        now: Timestamp,
        book: &RuleBook,
        conflict: &str,
        proposal: Proposal,
        by: Option<&str>,
    ) -> Result<u64, DecideError> {
        self.decide(now, book, |here, judge| {
            let settled = settle(here.tick.doc(), judge, conflict, proposal, by).map_err(Box::new)?;
            Ok(settled.changes)
        })
    }

    /// Notes that a conflict may stay as it is, why, and until when. The number of the edit.
    ///
    /// # Errors
    /// See [`DecideError`]; then nothing is changed.
    pub fn waive(
        &mut self,
        now: Timestamp,
        book: &RuleBook,
        conflict: &str,
        waiver: &Waiver,
    ) -> Result<u64, DecideError> {
        self.decide(now, book, |here, judge| {
            let actor = here.tick.doc().get_actor().clone();
            let waived = waive(here.tick.doc(), judge, conflict, waiver, &actor, now).map_err(Box::new)?;
            Ok(waived.changes)
        })
    }

    /// Takes the waiver of a conflict back. The number of the edit.
    ///
    /// # Errors
    /// See [`DecideError`]; then nothing is changed.
    pub fn unwaive(&mut self, now: Timestamp, book: &RuleBook, conflict: &str) -> Result<u64, DecideError> {
        self.decide(now, book, |here, judge| {
            let actor = here.tick.doc().get_actor().clone();
            let waived = unwaive(here.tick.doc(), judge, conflict, &actor, now).map_err(Box::new)?;
            Ok(waived.changes)
        })
    }

    fn decide(
        &mut self,
        now: Timestamp,
        book: &RuleBook,
        does: impl FnOnce(&mut Here, &Judge) -> Result<Vec<Change>, DecideError>,
    ) -> Result<u64, DecideError> {
        let id = self.id.clone();
        let here = self.editable()?;
        here.look(now, &id, book).ok_or(DecideError::NoRules)?;
        let Some(judged) = here.judged.take() else { return Err(DecideError::NoRules) };
        let decided = does(here, &judged.judge);
        here.judged = Some(judged);
        decided?.iter().for_each(|change| here.waiting.enter(change));
        self.taken += 1;
        Ok(self.taken)
    }
}

impl Here {
    /// Looks at what is new. Nothing when there are no rules for the document's kind.
    fn look(&mut self, now: Timestamp, id: &dovetail_core::id::DocumentId, book: &RuleBook) -> Option<()> {
        self.close(now);
        let doc = self.tick.doc();
        let kind = json::root_text(doc, "kind").unwrap_or_default();
        let Some(InForce { rules, .. }) = book.of(&kind) else {
            self.judged = None;
            return None;
        };
        let heads = doc.get_heads();
        match &mut self.judged {
            Some(judged) if Arc::ptr_eq(judged.judge.rules(), rules) => {
                if judged.heads != heads {
                    judged.judge.touched(doc, &doc.diff(&judged.heads, &heads));
                    judged.heads = heads;
                }
            }
            judged => *judged = Some(Judged { judge: Judge::new(id, rules.clone(), doc), heads }),
        }
        if let Some(judged) = &mut self.judged {
            judged.judge.evaluate_all(doc, |question| question.answer(&to_the_end()));
        }
        Some(())
    }
}
