//! A new value over an old one: only what differs is written.
//!
//! Edit path: ← an edit of the dashboard, a JSON body; → as few operations as say it, so that
//! what somebody else wrote beside it at the same time stays.
//!
//! Always true here: where the value is there already, nothing is written. A register that holds
//! several values (two people wrote it while apart) is one that does not hold *the* value yet:
//! writing the winner once more settles it.

use super::write::{put_unchecked, sorted, splice_unchecked};
use super::{JsonError, Strings, check, read_at, scalar_to_json};
use automerge::transaction::Transactable;
use automerge::{AutomergeError, ObjId, ObjType, Prop, ScalarValue};
use serde_json::{Map, Value};

/// Makes `prop` of `object` read as `value`: objects are changed member by member, text objects
/// by the difference of the texts, counters by counting; lists of the same length item by item,
/// other lists between what they have in common at both ends. `depth` is the level that the
/// value lies on.
///
/// # Errors
/// When the value passes a bound of this module, or `object` cannot hold `prop`.
pub fn assign<T: Transactable>(
    tx: &mut T,
    object: &ObjId,
    prop: Prop,
    value: &Value,
    strings: Strings,
    depth: usize,
) -> Result<(), JsonError> {
    check(value, depth)?;
    Ok(assign_unchecked(tx, object, prop, value, strings)?)
}

fn assign_unchecked<T: Transactable>(
    tx: &mut T,
    object: &ObjId,
    prop: Prop,
    value: &Value,
    strings: Strings,
) -> Result<(), AutomergeError> {
    match (present(tx, object, &prop)?, value) {
        (Present::Object(map, ObjType::Map), Value::Object(members)) => {
            assign_members(tx, &map, members, strings)
        }
        (Present::Object(list, ObjType::List), Value::Array(items)) => {
            assign_items(tx, &list, items, strings)
        }
        (Present::Object(text, ObjType::Text), Value::String(new)) if tx.text(&text)? == *new => Ok(()),
        (Present::Object(text, ObjType::Text), Value::String(new)) => tx.update_text(&text, new),
        (Present::Counter(count), Value::Number(new)) if new.is_i64() => {
            let step = new.as_i64().unwrap_or(count).wrapping_sub(count);
            if step == 0 { Ok(()) } else { tx.increment(object, prop, step) }
        }
        (Present::Register(old), new) if old == *new => Ok(()),
        _ => put_unchecked(tx, object, prop, value, strings),
    }
}

/// What stands at a place.
enum Present {
    Nothing,
    Object(ObjId, ObjType),
    Counter(i64),
    /// One scalar value, as JSON.
    Register(Value),
    /// Several values: two people wrote here while apart.
    Contested,
}

fn present<T: Transactable>(tx: &T, object: &ObjId, prop: &Prop) -> Result<Present, AutomergeError> {
    let mut values = tx.get_all(object, prop.clone())?;
    let several = values.len() > 1;
    Ok(match values.pop() {
        None => Present::Nothing,
        Some((automerge::Value::Object(kind), id)) => Present::Object(id, kind),
        Some(_) if several => Present::Contested,
        Some((automerge::Value::Scalar(scalar), _)) => match scalar.as_ref() {
            ScalarValue::Counter(count) => Present::Counter(i64::from(count)),
            scalar => Present::Register(scalar_to_json(&scalar.clone().into())),
        },
    })
}

/// The members that are not named are deleted: the object is the whole new value.
fn assign_members<T: Transactable>(
    tx: &mut T,
    map: &ObjId,
    members: &Map<String, Value>,
    strings: Strings,
) -> Result<(), AutomergeError> {
    let gone: Vec<String> = tx.keys(map).filter(|key| !members.contains_key(key)).collect();
    for key in gone {
        tx.delete(map, key)?;
    }
    for (key, member) in sorted(members) {
        assign_unchecked(tx, map, key.as_str().into(), member, strings)?;
    }
    Ok(())
}

fn assign_items<T: Transactable>(
    tx: &mut T,
    list: &ObjId,
    new: &[Value],
    strings: Strings,
) -> Result<(), AutomergeError> {
    let Value::Array(old) = read_at(tx, list, None) else { return Err(AutomergeError::NotAnObject) };
    let same = |(old, new): &(&Value, &Value)| old == new;
    let front = old.iter().zip(new).take_while(same).count();
    let back = old[front..].iter().rev().zip(new[front..].iter().rev()).take_while(same).count();
    let (removed, added) = (old.len() - front - back, &new[front..new.len() - back]);
    if removed == added.len() {
        for (index, item) in (front..).zip(added) {
            assign_unchecked(tx, list, index.into(), item, strings)?;
        }
        return Ok(());
    }
    splice_unchecked(tx, list, front, removed, added, strings)
}
