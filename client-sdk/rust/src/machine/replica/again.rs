//! A refused change, made once more because somebody wants it.
//!
//! Edit path: ← an app, → the change's patch on the document of now, an edit like any other; what was refused is forgotten then.

use super::label::bounded;
use super::refusal::next_actor;
use super::{Content, EditError, Effect, Refused, Replica};
use automerge::ChangeHash;
use dovetail_core::doors::{self, PatchError, WriteError, Writer};
use dovetail_core::time::Timestamp;

/// Why a refused change was not made again. It is still there to be looked at.
#[derive(Debug, thiserror::Error)]
pub enum AgainError {
    /// There is no refused change of that name.
    #[error("there is no refused change {0}")]
    NotThere(ChangeHash),
    /// It did more than is kept of a refused change.
    #[error("what the change {0} did is more than was kept of it: make it by hand")]
    TooMuch(ChangeHash),
    /// What it changed is not there any more.
    #[error("the change does not fit the document any more: {0}")]
    DoesNotFit(#[from] Box<PatchError>),
    /// The document cannot be changed.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// Automerge's doing.
    #[error(transparent)]
    Document(#[from] Box<WriteError>),
}

impl Replica {
    /// Makes a refused change on the document as it is now. The number of the edit.
    ///
    /// # Errors
    /// See [`AgainError`]; then nothing is changed.
    pub fn apply_again(
        &mut self,
        now: Timestamp,
        hash: &ChangeHash,
        effects: &mut Vec<Effect>,
    ) -> Result<u64, AgainError> {
        let refused = self.refused().find(|refused| refused.hash == *hash).cloned();
        let is_under_way =
            self.here().is_some_and(|here| here.applied_again.iter().any(|(again, _)| again == hash));
        let refused = refused.filter(|_| !is_under_way).ok_or(AgainError::NotThere(*hash))?;
        let patch = refused.patch.ok_or(AgainError::TooMuch(*hash))?;
        let edit = self.taken + 1;
        let here = self.editable()?;
        let doc = here.doc(now);
        // Such a write has an actor of its own, which goes on here: the numbers of none are given twice.
        let writer =
            Writer { actor: next_actor(doc.get_actor()), time: now, message: refused.label.map(bounded) };
        let written = doors::patch(doc, &doc.get_heads(), &patch, &writer).map_err(Box::new)?;
        doc.apply_changes(written.changes.clone()).map_err(|error| Box::new(WriteError::from(error)))?;
        doc.set_actor(writer.actor.clone());
        written.changes.iter().for_each(|change| here.waiting.enter(change));
        here.applied_again.push((*hash, edit));
        self.actor = writer.actor;
        self.taken = edit;
        effects.extend([Effect::Changed, Effect::Told]);
        Ok(self.taken)
    }

    /// A refused change is not wanted any more.
    pub fn discard(&mut self, hash: &ChangeHash, effects: &mut Vec<Effect>) -> Option<Refused> {
        let Content::Here(here) = &mut self.content else { return None };
        let discarded = here.refusals.discard(hash)?;
        here.is_noted = false;
        effects.push(Effect::Told);
        Some(discarded)
    }
}
