//! A value where there was none: JSON as new Automerge objects.
//!
//! Edit path: ← an import, a new document, a new widget; → one batch of operations.
//!
//! The bounds are checked before the first operation is made, so a value that is refused leaves
//! the transaction as it was.

use super::{DEPTH_MAX, JsonError, NODES_MAX, Strings};
use crate::time::Timestamp;
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, AutomergeError, ObjId, Prop, ROOT, ScalarValue, TextEncoding, hydrate};
use serde_json::{Map, Number, Value};

/// A new document with `value`, which must be an object, as its content, in one change.
///
/// # Errors
/// When the value is no object or passes a bound of this module.
pub fn new_document(
    actor: &ActorId,
    time: Timestamp,
    value: &Value,
    strings: Strings,
) -> Result<Automerge, JsonError> {
    let mut doc = Automerge::new().with_actor(actor.clone());
    let options = |_: &()| CommitOptions::default().with_time(seconds(time));
    doc.transact_with(options, |tx| fill(tx, value, strings)).map_err(|failure| failure.error)?;
    Ok(doc)
}

/// Writes the members of `value`, which must be an object, into the root of the document.
/// Members of the same name are replaced, others stay.
///
/// # Errors
/// When the value is no object or passes a bound of this module.
pub fn fill<T: Transactable>(tx: &mut T, value: &Value, strings: Strings) -> Result<(), JsonError> {
    let members = value.as_object().ok_or(JsonError::NotAnObject)?;
    check(value, 0)?;
    let strings = strings.bounded(value);
    for (key, member) in sorted(members) {
        put_unchecked(tx, &ROOT, key.as_str().into(), member, strings)?;
    }
    Ok(())
}

/// Writes `value` at `prop` of `object`, over whatever is there. `depth` is the level that the
/// value will lie on.
///
/// # Errors
/// When the value passes a bound of this module, or `object` cannot hold `prop`.
pub fn put<T: Transactable>(
    tx: &mut T,
    object: &ObjId,
    prop: Prop,
    value: &Value,
    strings: Strings,
    depth: usize,
) -> Result<(), JsonError> {
    check(value, depth)?;
    Ok(put_unchecked(tx, object, prop, value, strings.bounded(value))?)
}

/// Whether a value that will lie on level `depth` is within the bounds of this module.
///
/// # Errors
/// The first bound that it passes, and where.
pub fn check(value: &Value, depth: usize) -> Result<(), JsonError> {
    let mut path = Vec::new();
    let mut nodes = 0;
    check_below(value, depth, &mut nodes, &mut path)
}

/// [`put`] of a value that was checked. Objects go in as one batch: Automerge then splices its
/// columns twice, not once per value.
pub(super) fn put_unchecked<T: Transactable>(
    tx: &mut T,
    object: &ObjId,
    prop: Prop,
    value: &Value,
    strings: Strings,
) -> Result<(), AutomergeError> {
    match to_hydrate(value, strings, tx.text_encoding()) {
        hydrate::Value::Scalar(scalar) => tx.put(object, prop, scalar),
        object_value => tx.batch_create_object(object, prop, &object_value, false).map(drop),
    }
}

/// Replaces `removed` items of `list` from `index` on by `values`, which were checked.
pub(super) fn splice_unchecked<T: Transactable>(
    tx: &mut T,
    list: &ObjId,
    index: usize,
    removed: usize,
    values: &[Value],
    strings: Strings,
) -> Result<(), AutomergeError> {
    let encoding = tx.text_encoding();
    let removed = isize::try_from(removed).expect("a list in memory has fewer items than isize::MAX");
    tx.splice(list, index, removed, values.iter().map(|value| to_hydrate(value, strings, encoding)))
}

fn to_hydrate(value: &Value, strings: Strings, encoding: TextEncoding) -> hydrate::Value {
    match (value, strings) {
        (Value::Null, _) => hydrate::Value::scalar(ScalarValue::Null),
        (Value::Bool(yes), _) => hydrate::Value::scalar(*yes),
        (Value::Number(number), _) => hydrate::Value::Scalar(number_to_scalar(number)),
        (Value::String(text), Strings::Scalar) => hydrate::Value::scalar(text.as_str()),
        (Value::String(text), Strings::Text) => hydrate::Value::text(encoding, text),
        (Value::Array(items), _) => {
            items.iter().map(|item| to_hydrate(item, strings, encoding)).collect::<Vec<_>>().into()
        }
        (Value::Object(members), _) => hydrate_map(members, strings, encoding).into(),
    }
}

fn hydrate_map(members: &Map<String, Value>, strings: Strings, encoding: TextEncoding) -> hydrate::Map {
    let mut map = hydrate::Map::default();
    for (key, member) in members {
        let value = to_hydrate(member, strings, encoding);
        // Automerge sorts the keys itself before it makes operations of them.
        map.insert(key.clone(), hydrate::MapValue { value, conflict: false });
    }
    map
}

/// The number in the form it was written: integers as such, all else as a float.
fn number_to_scalar(number: &Number) -> ScalarValue {
    if let Some(int) = number.as_i64() {
        return ScalarValue::Int(int);
    }
    if let Some(uint) = number.as_u64() {
        return ScalarValue::Uint(uint);
    }
    ScalarValue::F64(number.as_f64().expect("a JSON number that is no integer of 64 bits is a float"))
}

fn check_below<'v>(
    value: &'v Value,
    depth: usize,
    nodes: &mut usize,
    path: &mut Vec<Step<'v>>,
) -> Result<(), JsonError> {
    *nodes += 1;
    if *nodes > NODES_MAX {
        return Err(JsonError::TooMany { path: pointer(path) });
    }
    if depth > DEPTH_MAX {
        return Err(JsonError::TooDeep { path: pointer(path) });
    }
    let members: Box<dyn Iterator<Item = (Step<'v>, &'v Value)>> = match value {
        Value::Array(items) => Box::new(items.iter().enumerate().map(|(at, item)| (Step::Item(at), item))),
        Value::Object(members) => Box::new(sorted(members).map(|(key, member)| (Step::Member(key), member))),
        _ => return Ok(()),
    };
    for (step, member) in members {
        path.push(step);
        check_below(member, depth + 1, nodes, path)?;
        path.pop();
    }
    Ok(())
}

/// One step of a path; only made into text when something is wrong there.
enum Step<'v> {
    Item(usize),
    Member(&'v str),
}

fn pointer(path: &[Step<'_>]) -> String {
    let step = |step: &Step<'_>| match step {
        Step::Item(at) => format!("/{at}"),
        Step::Member(key) => format!("/{}", escaped(key)),
    };
    path.iter().map(step).collect()
}

/// A key as it stands in a JSON pointer.
pub(crate) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// How many bytes the strings in a value have in all, keys not counted.
pub(crate) fn string_bytes(value: &Value) -> usize {
    let mut open = vec![value];
    let mut bytes = 0;
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => bytes += text.len(),
            Value::Array(items) => open.extend(items),
            Value::Object(members) => open.extend(members.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    bytes
}

/// The members in byte order of their keys, whatever order the parser kept.
pub(crate) fn sorted(members: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_unstable_by_key(|(key, _)| key.as_str());
    sorted.into_iter()
}

/// A change carries whole seconds.
pub fn seconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_millis() / 1000).expect("a u64 of milliseconds is an i64 of seconds")
}
