//! A refused change, made once more because somebody wants it.
//!
//! Edit path: ← an app, → the change's patch on the document of now, an edit like any other; what was refused is forgotten then.
//!
//! Always true: a single value that the change has set is set again, as by any edit. What others have made meanwhile of several parts, a
//! map, a list or a text, is not replaced: what goes into a map goes into the one that is there, and whatever would take the place of
//! one, or stand at a place of a list that has moved, is told.

use super::label::bounded;
use super::refusal::next_actor;
use super::tick::has;
use super::{Content, EditError, Effect, Refused, Replica};
use automerge::{Automerge, ChangeHash, ObjType, ROOT, ReadDoc};
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
    /// Others may have worked at the place that it changed: a map, a list or a text is there which is not what it was.
    #[error(
        "at {path} the document is not what the change was made on, and others' work is not replaced: make it by hand"
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
        let patch = Again::new(doc, &refused.deps).beside_what_is_there(patch)?;
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

/// A document in which something is made again.
struct Again<'d> {
    doc: &'d Automerge,
    now: Value,
    /// What the change was built on, unless that was taken out as well.
    before: Option<Value>,
    done: Vec<Value>,
}

impl<'d> Again<'d> {
    fn new(doc: &'d Automerge, deps: &[ChangeHash]) -> Self {
        let is_known = !deps.is_empty() && deps.iter().all(|dep| has(doc, dep));
        let before = is_known.then(|| document::read(doc, Some(deps)));
        Self { doc, now: document::read(doc, None), before, done: Vec::new() }
    }

    /// A patch of the same meaning, in which what was made goes into what is there of the same kind.
    fn beside_what_is_there(mut self, patch: Value) -> Result<Value, AgainError> {
        let Value::Array(operations) = patch else { return Ok(patch) };
        for operation in operations {
            let path = operation["path"].as_str().unwrap_or_default().to_owned();
            let path_of = |one: &Value| one["path"].as_str().unwrap_or_default().to_owned();
            match operation["op"].as_str() {
                _ if self.done.iter().any(|one| is_within(&path, &path_of(one))) => self.done.push(operation),
                Some("add" | "replace") => self.set(&path, operation)?,
                _ => {
                    let is_single = self.now.pointer(&path).is_none_or(is_single) && !self.is_text(&path);
                    self.is_free(&path, false, is_single)?;
                    self.done.push(operation);
                }
            }
        }
        Ok(Value::Array(self.done))
    }

    fn set(&mut self, path: &str, operation: Value) -> Result<(), AgainError> {
        let is_item = list_on(path, &self.now).is_some_and(|list| is_member(path, list));
        let there = self.now.pointer(path).filter(|_| !is_item).cloned();
        match (&operation["value"], &there) {
            (Value::Object(members), Some(Value::Object(_))) if !self.is_as_it_was(path) => {
                for (name, value) in members {
                    let path = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
                    self.set(&path, json!({ "op": "add", "path": path, "value": value }))?;
                }
                return Ok(());
            }
            (value, there) => {
                let is_single = |there: &Value| there == value || (is_single(there) && !self.is_text(path));
                self.is_free(path, operation["op"] == "add", there.as_ref().is_none_or(is_single))?;
            }
        }
        self.done.push(operation);
        Ok(())
    }

    /// Whether nothing of others is in the way at a place: nothing but a single value is there, or it is as it was. Among the items of a list
    /// something may be put, and nothing else is done with one that is not as it was: the items may be others by now.
    fn is_free(&self, path: &str, is_put: bool, is_single: bool) -> Result<(), AgainError> {
        let in_the_way = |path: &str| AgainError::InTheWay { path: path.to_owned() };
        match list_on(path, &self.now) {
            Some(list) if self.is_as_it_was(list) || (is_put && is_member(path, list)) => Ok(()),
            Some(list) => Err(in_the_way(list)),
            None if is_single || self.is_as_it_was(path) => Ok(()),
            None => Err(in_the_way(path)),
        }
    }

    fn is_as_it_was(&self, path: &str) -> bool {
        self.before.as_ref().is_some_and(|before| before.pointer(path) == self.now.pointer(path))
    }

    /// Whether a text is there of which each letter may be somebody else's.
    fn is_text(&self, path: &str) -> bool {
        let mut object = ROOT;
        let mut kind = ObjType::Map;
        for step in path.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            match self.doc.get(&object, step) {
                Ok(Some((automerge::Value::Object(found), id))) => (kind, object) = (found, id),
                _ => return false,
            }
        }
        kind == ObjType::Text && self.doc.length(&object) > 0
    }
}

/// What has no parts, or none yet.
fn is_single(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => true,
    }
}

/// The first list that a path leads into.
fn list_on<'p>(path: &'p str, document: &Value) -> Option<&'p str> {
    let mut ends = path.match_indices('/').map(|(at, _)| &path[..at]);
    ends.find(|list| document.pointer(list).is_some_and(Value::is_array))
}

/// Whether a path is that of one of its items.
fn is_member(path: &str, list: &str) -> bool {
    path.strip_prefix(list).is_some_and(|rest| rest.matches('/').count() == 1)
}

/// Whether one path is the other one, or leads on from it.
fn is_within(path: &str, other: &str) -> bool {
    path.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
