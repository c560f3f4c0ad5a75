//! JSON Merge Patch (RFC 7396).
//!
//! Edit path: ← the body of a PATCH that looks like the part of the document that changes, → operations
//! in a transaction at base.
//!
//! Always true here: members that the patch does not name are not written. `null` deletes, and so no
//! `null` is ever written, except within a list, which is one value to this format.

use super::{Halt, WriteError, Writer, Written, base, check_heads, strings_in};
use crate::json::{self, Contest, JsonError, Stop, Writing, sorted};
use crate::reserved::RESERVED_KEY;
use automerge::transaction::Transactable;
use automerge::{Automerge, ChangeHash, ObjId, ObjType, ROOT};
use serde_json::{Map, Value};

/// Applies a JSON Merge Patch to the document as it was at `base`, and merges.
///
/// # Errors
/// When the heads are unknown, the patch is no object or passes a bound of [`json`], or it names
/// [`RESERVED_KEY`].
pub fn merge_patch(
    doc: &Automerge,
    base: &[ChangeHash],
    patch: &Value,
    writer: &Writer,
) -> Result<Written, WriteError> {
    let Value::Object(members) = patch else { return Err(JsonError::NotAnObject.into()) };
    json::check(patch, 0)?;
    if members.contains_key(RESERVED_KEY) {
        return Err(WriteError::Reserved { path: format!("/{RESERVED_KEY}") });
    }
    check_heads(doc, base)?;
    base::write(doc, base, writer, |tx, steps_left| {
        let strings = strings_in(tx).bounded(patch);
        let mut writing = Writing::new(tx, strings, Contest::Settle).within(steps_left);
        merge(&mut writing, &ROOT, members).map_err(Halt::from)
    })
}

fn merge<T: Transactable>(
    writing: &mut Writing<'_, T>,
    map: &ObjId,
    members: &Map<String, Value>,
) -> Result<(), Stop> {
    for (key, member) in sorted(members) {
        let present = writing.tx.get(map, key.as_str())?.map(|(value, id)| (value.into_owned(), id));
        match (member, present) {
            (Value::Null, None) => {}
            (Value::Null, Some(_)) => writing.tx.delete(map, key.as_str())?,
            (Value::Object(inner), Some((automerge::Value::Object(ObjType::Map), id))) => {
                merge(writing, &id, inner)?;
            }
            (Value::Object(inner), _) => {
                writing.put(map, key.as_str().into(), &Value::Object(without_nulls(inner)))?;
            }
            _ => writing.assign(map, key.as_str().into(), None, member)?,
        }
    }
    Ok(())
}

/// What a merge patch makes of an empty object.
fn without_nulls(members: &Map<String, Value>) -> Map<String, Value> {
    let kept = members.iter().filter(|(_, member)| !member.is_null());
    let stripped = kept.map(|(key, member)| match member {
        Value::Object(inner) => (key.clone(), Value::Object(without_nulls(inner))),
        other => (key.clone(), other.clone()),
    });
    stripped.collect()
}
