//! A new value over an old one: only what differs is written.
//!
//! Edit path: ← an edit of the dashboard, a JSON body; → as few operations as say it, so that
//! what somebody else wrote beside it at the same time stays.
//!
//! Always true here: where the value is there already, nothing is written. A register that holds
//! several values (two people wrote it while apart) is one that does not hold *the* value yet:
//! writing the winner once more settles it, unless the writer only repeats what they read
//! ([`Contest::Leave`]). A register keeps its kind: a counter counts, a moment stays one, and text
//! that is one register stays one.

use super::script::{gaps, pair_items};
use super::write::{put_unchecked, sorted, splice_unchecked};
use super::{JsonError, Strings, check, read_at, scalar_to_json, text};
use automerge::transaction::Transactable;
use automerge::{AutomergeError, ObjId, ObjType, Prop, ScalarValue};
use serde_json::{Map, Value};

/// How many items of a list, or characters of a text, are removed one by one: each takes some 5 µs.
/// More are removed by putting a new list or text in the place of the old one.
pub(super) const REMOVALS_MAX: usize = 100_000;

/// How many items of one list are changed where they stand: each takes some 50 µs, so that is a second.
/// More, and the list is a new one.
const CHANGES_MAX: usize = 20_000;

/// What one call may spend on keeping what is there: on comparing, and on changing a text letter by letter and a list
/// item by item where a new one could stand in its place. In microseconds as estimated below: some seconds, enough for
/// one text and two lists at their own bounds. What comes after it is put there whole, which costs next to nothing.
const CARE_US_MAX: u64 = 4_000_000;

/// What it takes to change an item where it stands, to remove one, and to type a letter, in microseconds.
const CHANGE_US: usize = 50;
const REMOVAL_US: usize = 5;
const LETTER_US: usize = 7;

/// How many pairs of letters are compared in a microsecond, and how many items or letters Automerge passes on its way to
/// a place where something is inserted: it walks there from the front.
const PAIRS_A_US: usize = 100;
const PASSED_A_US: usize = 6;

/// Makes `prop` of `object` read as `value`: objects are changed member by member, text objects
/// by the difference of the texts, counters by counting; lists item by item, where an item is known
/// by its `id` if it has one. `depth` is the level that the value lies on.
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
    let mut writing = Writing::new(tx, strings.bounded(value), Contest::Settle);
    writing.assign(object, prop, None, value).map_err(|stop| match stop {
        Stop::Document(error) => JsonError::Document(error),
        Stop::TooSlow => unreachable!("work without a bound does not pass it"),
    })
}

/// What becomes of a register that holds several values, the shown one of which is written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contest {
    /// It holds that one afterwards. For writers who name the place.
    Settle,
    /// It stays as it is. For writers who send back all that they read.
    Leave,
}

/// Why writing ended early. The transaction is to be rolled back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// Automerge refused an operation.
    #[error(transparent)]
    Document(#[from] AutomergeError),
    /// The bound of [`Writing::steps_left`] was passed.
    #[error("too many steps")]
    TooSlow,
}

/// Values on their way into a transaction. They were checked before.
pub(crate) struct Writing<'t, T> {
    pub(crate) tx: &'t mut T,
    pub(crate) strings: Strings,
    pub(crate) contest: Contest,
    /// How many steps along lists may still be made; without a bound where a place in a list is
    /// found without walking.
    pub(crate) steps_left: Option<u64>,
    /// How much of [`CARE_US_MAX`] is left.
    care_left: u64,
}

/// What it would take to keep what is there.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Care {
    /// Items that are changed where they stand, or places in a text at which something is.
    pub(super) changes: usize,
    /// Items or letters that are removed one by one.
    pub(super) removals: usize,
    /// Letters that are typed.
    pub(super) letters: usize,
    /// Pairs of letters that are compared.
    pub(super) pairs: usize,
    /// Items and letters on the way to all places at which something is inserted.
    pub(super) passed: usize,
}

impl Care {
    fn microseconds(self) -> u64 {
        let Self { changes, removals, letters, pairs, passed } = self;
        let written = changes * CHANGE_US + removals * REMOVAL_US + letters * LETTER_US;
        u64::try_from(written + pairs / PAIRS_A_US + passed / PASSED_A_US).unwrap_or(u64::MAX)
    }

    /// To insert at a place with so much before it.
    pub(crate) fn to_insert_behind(passed: usize) -> Self {
        Self { passed, ..Self::default() }
    }
}

/// What stands at a place.
enum Present {
    Nothing,
    Object(ObjId, ObjType),
    /// One scalar value; `several` when it won over others.
    Register {
        scalar: ScalarValue,
        several: bool,
    },
}

impl<'t, T: Transactable> Writing<'t, T> {
    pub(crate) fn new(tx: &'t mut T, strings: Strings, contest: Contest) -> Self {
        Self { tx, strings, contest, steps_left: None, care_left: CARE_US_MAX }
    }

    /// The same with a bound on the steps along lists.
    pub(crate) fn within(self, steps_left: Option<u64>) -> Self {
        Self { steps_left, ..self }
    }

    /// Pays for keeping what is there; whether it may be kept. What is too much is not paid for.
    pub(crate) fn takes_care(&mut self, care: Care) -> bool {
        let left = self.care_left.checked_sub(care.microseconds());
        self.care_left = left.unwrap_or(self.care_left);
        left.is_some()
    }

    /// Makes `prop` of `object` read as `new`. `old` is what it reads as now, where that is known;
    /// it is read where it is needed and not known.
    pub(crate) fn assign(
        &mut self,
        object: &ObjId,
        prop: Prop,
        old: Option<&Value>,
        new: &Value,
    ) -> Result<(), Stop> {
        let is_same = old == Some(new);
        if is_same && self.contest == Contest::Leave {
            return Ok(());
        }
        match (self.present(object, &prop)?, new) {
            (Present::Object(map, ObjType::Map), Value::Object(members)) => {
                self.members(&map, old.and_then(Value::as_object), members, None)
            }
            (Present::Object(list, ObjType::List), Value::Array(items)) => {
                let known = old.and_then(Value::as_array);
                self.items(object, prop, &list, known.map(Vec::as_slice), items)
            }
            (Present::Object(text, ObjType::Text), Value::String(new)) => {
                text::write(self, object, prop, &text, new)
            }
            // What JSON cannot show, and what lies too deep to be shown.
            (Present::Object(..), _) if is_same => Ok(()),
            (Present::Object(_, ObjType::Table), Value::Null) => Ok(()),
            (Present::Register { scalar, several }, new) => {
                self.register(object, prop, &scalar, several, new)
            }
            _ => self.put(object, prop, new),
        }
    }

    /// Makes a map read as `new`: the members that are not named are deleted. `except` is left alone.
    pub(crate) fn members(
        &mut self,
        map: &ObjId,
        old: Option<&Map<String, Value>>,
        new: &Map<String, Value>,
        except: Option<&str>,
    ) -> Result<(), Stop> {
        let is_left = |key: &str| except == Some(key);
        let is_gone = |key: &String| !new.contains_key(key) && !is_left(key);
        let gone: Vec<String> = self.tx.keys(map).filter(is_gone).collect();
        for key in gone {
            self.tx.delete(map, key)?;
        }
        for (key, member) in sorted(new).filter(|(key, _)| !is_left(key)) {
            let old = old.and_then(|old| old.get(key));
            self.assign(map, key.as_str().into(), old, member)?;
        }
        Ok(())
    }

    /// Puts `value` at `prop` of `object`, over whatever is there.
    pub(crate) fn put(&mut self, object: &ObjId, prop: Prop, value: &Value) -> Result<(), Stop> {
        Ok(put_unchecked(self.tx, object, prop, value, self.strings)?)
    }

    /// Replaces `removed` items of a list of `length` from `index` on.
    pub(crate) fn splice(
        &mut self,
        list: &ObjId,
        index: usize,
        removed: usize,
        values: &[Value],
        length: usize,
    ) -> Result<(), Stop> {
        if removed == 0 && values.is_empty() {
            return Ok(());
        }
        self.charge(removed + 1, length)?;
        Ok(splice_unchecked(self.tx, list, index, removed, values, self.strings)?)
    }

    /// Pays for `times` walks along something that is `length` long.
    pub(crate) fn charge(&mut self, times: usize, length: usize) -> Result<(), Stop> {
        let Some(steps_left) = &mut self.steps_left else { return Ok(()) };
        let steps = u64::try_from(times.saturating_mul(length)).unwrap_or(u64::MAX);
        *steps_left = steps_left.checked_sub(steps).ok_or(Stop::TooSlow)?;
        Ok(())
    }

    fn present(&self, object: &ObjId, prop: &Prop) -> Result<Present, AutomergeError> {
        let mut values = self.tx.get_all(object, prop.clone())?;
        let several = values.len() > 1;
        Ok(match values.pop() {
            None => Present::Nothing,
            Some((automerge::Value::Object(kind), id)) => Present::Object(id, kind),
            Some((automerge::Value::Scalar(scalar), _)) => {
                Present::Register { scalar: scalar.into_owned(), several }
            }
        })
    }

    fn items(
        &mut self,
        object: &ObjId,
        prop: Prop,
        list: &ObjId,
        old: Option<&[Value]>,
        new: &[Value],
    ) -> Result<(), Stop> {
        let read;
        let old = match old {
            Some(old) => old,
            None => {
                let Value::Array(items) = read_at(self.tx, list, None) else {
                    return Err(AutomergeError::NotAnObject.into());
                };
                read = items;
                read.as_slice()
            }
        };
        let pairs = pair_items(old, new);
        let changes = pairs.iter().filter(|(at, to)| old[*at] != new[*to]).count();
        let removals = old.len() - pairs.len();
        let inserts = gaps(&pairs, old.len(), new.len()).iter().filter(|gap| !gap.new.is_empty()).count();
        let passed = inserts.saturating_mul(old.len());
        let is_kept = removals <= REMOVALS_MAX
            && changes <= CHANGES_MAX
            && self.takes_care(Care { changes, removals, passed, ..Care::default() });
        if !is_kept {
            return Ok(put_unchecked(self.tx, object, prop, &Value::from(new), self.strings)?);
        }
        // From the end to the front, so that places that are still to come stay where they are.
        let mut end = (old.len(), new.len());
        for pair in pairs.iter().rev().map(Some).chain([None]) {
            let (at, to) = pair.map_or((0, 0), |(at, to)| (at + 1, to + 1));
            self.splice(list, at, end.0 - at, &new[to..end.1], old.len())?;
            let Some(&(at, to)) = pair else { break };
            if old[at] != new[to] {
                self.charge(2, old.len())?;
                self.assign(list, at.into(), Some(&old[at]), &new[to])?;
            }
            end = (at, to);
        }
        Ok(())
    }

    /// A scalar value, or something else, over a scalar value.
    fn register(
        &mut self,
        object: &ObjId,
        prop: Prop,
        scalar: &ScalarValue,
        several: bool,
        new: &Value,
    ) -> Result<(), Stop> {
        let is_same = scalar_to_json(&scalar.clone().into()) == *new;
        if is_same && !several {
            return Ok(());
        }
        match (scalar, new) {
            (ScalarValue::Counter(count), Value::Number(number)) if number.is_i64() && !is_same => {
                let count = i64::from(count);
                let step = number.as_i64().unwrap_or(count).wrapping_sub(count);
                self.tx.increment(object, prop, step)?;
            }
            _ if is_same => self.tx.put(object, prop, scalar.clone())?,
            (ScalarValue::Str(_), Value::String(text)) => self.tx.put(object, prop, text.as_str())?,
            (ScalarValue::Timestamp(_), Value::Number(number)) if number.is_i64() => {
                let moment = number.as_i64().unwrap_or_default();
                self.tx.put(object, prop, ScalarValue::Timestamp(moment))?;
            }
            _ => self.put(object, prop, new)?,
        }
        Ok(())
    }
}
