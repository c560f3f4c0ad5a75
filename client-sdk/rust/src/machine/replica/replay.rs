//! A change, made once more on a state that lacks something of what it was built on.
//!
//! Edit path: ← [`super::refusal`] took a change out, and others were built on it; → each of these is made again where it still fits.
//!
//! What is made again is what the change did to the document as its maker saw it, read off the difference of the two states. It is
//! made at the same place of the history, without what was taken out there: what others did at the same time stays beside it.

use automerge::transaction::{CommitOptions, Transactable, Transaction};
use automerge::{
    Automerge, AutomergeError, Change, ChangeHash, ObjId, Patch, PatchAction, PatchLog, Prop, Value,
    marks::ExpandMark,
};
use std::collections::HashMap;

/// Objects that are others now, as a change that made them was made once more.
pub(super) type Objects = HashMap<ObjId, ObjId>;

/// Makes `change` of the document `old` once more, in `new` and behind `heads` there. The hash of what was made; nothing when there
/// was nothing to do.
///
/// # Errors
/// What it was done to is not there any more; then nothing is made.
pub(super) fn replay(
    old: &Automerge,
    change: &Change,
    new: &mut Automerge,
    heads: &[ChangeHash],
    objects: &mut Objects,
) -> Result<Option<ChangeHash>, AutomergeError> {
    let patches = old.diff(change.deps(), &[change.hash()]);
    let mut made = objects.clone();
    let mut transaction =
        new.transaction_at(PatchLog::inactive(), heads).expect("an inactive log fits every document");
    for patch in &patches {
        if let Err(error) = apply(&mut transaction, patch, &mut made) {
            transaction.rollback();
            return Err(error);
        }
    }
    let options = CommitOptions::default().with_time(change.timestamp());
    let options = match change.message() {
        Some(message) => options.with_message(message.to_owned()),
        None => options,
    };
    *objects = made;
    Ok(transaction.commit_with(options).0)
}

fn apply(tx: &mut Transaction<'_>, patch: &Patch, made: &mut Objects) -> Result<(), AutomergeError> {
    let object = made.get(&patch.obj).unwrap_or(&patch.obj).clone();
    match &patch.action {
        PatchAction::PutMap { key, value: (value, was), .. } => {
            put(tx, &object, Prop::Map(key.clone()), value, was, made)
        }
        PatchAction::PutSeq { index, value: (value, was), .. } => {
            put(tx, &object, Prop::Seq(*index), value, was, made)
        }
        PatchAction::Insert { index, values } => {
            for (nth, (value, was, _)) in values.iter().enumerate() {
                insert(tx, &object, index + nth, value, was, made)?;
            }
            Ok(())
        }
        PatchAction::SpliceText { index, value, .. } => {
            tx.splice_text(&object, *index, 0, &value.make_string())
        }
        PatchAction::Increment { prop, value } => tx.increment(&object, prop.clone(), *value),
        PatchAction::Conflict { .. } => Ok(()),
        PatchAction::DeleteMap { key } => tx.delete(&object, key.as_str()),
        PatchAction::DeleteSeq { index, length } => delete_items(tx, &object, *index, *length),
        PatchAction::Mark { marks } => {
            for mark in marks {
                tx.mark(&object, mark.clone(), ExpandMark::After)?;
            }
            Ok(())
        }
    }
}

fn put(
    tx: &mut Transaction<'_>,
    object: &ObjId,
    prop: Prop,
    value: &Value<'static>,
    was: &ObjId,
    made: &mut Objects,
) -> Result<(), AutomergeError> {
    match value {
        Value::Object(kind) => {
            made.insert(was.clone(), tx.put_object(object, prop, *kind)?);
            Ok(())
        }
        Value::Scalar(scalar) => tx.put(object, prop, scalar.clone().into_owned()),
    }
}

fn insert(
    tx: &mut Transaction<'_>,
    object: &ObjId,
    index: usize,
    value: &Value<'static>,
    was: &ObjId,
    made: &mut Objects,
) -> Result<(), AutomergeError> {
    match value {
        Value::Object(kind) => {
            made.insert(was.clone(), tx.insert_object(object, index, *kind)?);
            Ok(())
        }
        Value::Scalar(scalar) => tx.insert(object, index, scalar.clone().into_owned()),
    }
}

/// In a text as in a list.
fn delete_items(
    tx: &mut Transaction<'_>,
    object: &ObjId,
    index: usize,
    length: usize,
) -> Result<(), AutomergeError> {
    for _ in 0..length {
        tx.delete(object, index)?;
    }
    Ok(())
}
