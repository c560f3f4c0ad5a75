//! A refused change, made once more because somebody wants it.
//!
//! Edit path: ← an app, → the change's patch on the document of now, an edit like any other; what was refused is forgotten then.
//!
//! Always true: what others have made meanwhile is not replaced. A change may have made an object that there was none of, as what it was
//! built on had been taken out; where there is one by now, it goes into that.

use super::label::bounded;
use super::refusal::next_actor;
use super::{Content, EditError, Effect, Refused, Replica};
use automerge::ChangeHash;
use dovetail_core::doors::{self, PatchError, WriteError, Writer};
use dovetail_core::json as document;
use dovetail_core::time::Timestamp;
use serde_json::{Value, json};

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
    /// It made a list, and there is one by now, which others may have filled.
    #[error(
        "the change made the list {path}, and there is one by now, which is not replaced: make it by hand"
    )]
    InTheWay {
        /// Where, as a JSON pointer.
        path: String,
    },
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
        let patch = beside_what_is_there(patch, &document::read(doc, None))?;
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

/// A patch of the same meaning, in which what was made goes into what is there of the same kind.
fn beside_what_is_there(patch: Value, document: &Value) -> Result<Value, AgainError> {
    let Value::Array(operations) = patch else { return Ok(patch) };
    let mut done: Vec<Value> = Vec::new();
    for operation in operations {
        let path = operation["path"].as_str().unwrap_or_default().to_owned();
        let is_touched = done.iter().any(|one| is_within(&path, one["path"].as_str().unwrap_or_default()));
        match operation["op"].as_str() {
            Some("add") if !is_touched => add(path, operation["value"].clone(), document, &mut done)?,
            _ => done.push(operation),
        }
    }
    Ok(Value::Array(done))
}

fn add(path: String, value: Value, document: &Value, done: &mut Vec<Value>) -> Result<(), AgainError> {
    // An item of a list is put before what is there.
    let there = document.pointer(&path).filter(|_| !is_item(&path, document));
    match (value, there) {
        (Value::Object(members), Some(Value::Object(_))) => {
            for (name, value) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                add(format!("{path}/{name}"), value, document, done)?;
            }
        }
        (Value::Array(_), Some(Value::Array(there))) if !there.is_empty() => {
            return Err(AgainError::InTheWay { path });
        }
        (value, _) => done.push(json!({ "op": "add", "path": path, "value": value })),
    }
    Ok(())
}

/// Whether a path is that of a list's item.
fn is_item(path: &str, document: &Value) -> bool {
    let list = path.rsplit_once('/').and_then(|(list, _)| document.pointer(list));
    list.is_some_and(Value::is_array)
}

/// Whether one path is the other one, or leads on from it.
fn is_within(path: &str, other: &str) -> bool {
    path.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
