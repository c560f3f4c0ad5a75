//! JSON Patch (RFC 6902), operation by operation.
//!
//! Edit path: ← the body of a PATCH, → operations in a transaction at base: what is inserted at index
//! 3 is inserted there, among the items that the writer saw.
//!
//! Always true here:
//! - All operations or none: the first that fails is named, and nothing is written.
//! - `add` and `replace` over something that is there write only what differs, so that others' edits
//!   in it stay. `move` and `copy` write a copy: Automerge cannot move an object.
//! - The work is bounded by the size of the body, by [`NODES_MAX`] and by [`COPIED_BYTES_MAX`], whatever the
//!   document is. What is copied is weighed before it is read.

use super::pointer::{self, Container, Pointer};
use super::{Halt, UnknownHeads, Writer, Written, base, check_heads, strings_in};
use crate::json::{
    self, Care, Contest, DEPTH_MAX, JsonError, NODES_MAX, Stop, Strings, TEXT_BYTES_MAX, Weight, Writing,
};
use crate::reserved::RESERVED_KEY;
use automerge::transaction::{Transactable, Transaction};
use automerge::{Automerge, AutomergeError, ChangeHash, ObjId, ObjType, Prop, ROOT, ReadDoc};
use serde_json::{Map, Value};

/// How many operations a patch may have. Each takes up to some 50 µs on its own, so that is half a
/// second; a larger difference is better sent as a whole document.
pub const OPERATIONS_MAX: usize = 10_000;

/// How many items of lists a patch may have counted to find their ends: some 10 ns each, a second in all. One
/// append after another to the same list counts once.
const COUNTED_MAX: usize = 100_000_000;

/// How many bytes of a text count as one value of [`NODES_MAX`].
const TEXT_BYTES_A_NODE: usize = 64;

/// How many bytes of keys, texts and binary values all copies and moves of one patch may write: a quarter of the body
/// that a server takes, and four times the largest dashboard seen. Without it, a patch of one kilobyte writes
/// gigabytes by copying what it has copied.
pub const COPIED_BYTES_MAX: usize = 4 << 20;

/// Why a patch was not applied. All but the last are the writer's doing.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// The writer read a state that this document never had.
    #[error(transparent)]
    UnknownHeads(#[from] UnknownHeads),
    /// Not a list of operations, or too many of them.
    #[error("a JSON Patch is a list of at most {OPERATIONS_MAX} operations")]
    NoList,
    /// An operation that is none.
    #[error("operation {index}: {reason}")]
    Malformed {
        /// Which, counted from 0.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// An operation that cannot be done. Those before it could.
    #[error("operation {index} ({operation}, {member} {pointer:?}): {fault}")]
    Failed {
        /// Which, counted from 0.
        index: usize,
        /// Its `op`.
        operation: &'static str,
        /// Which of its places is at fault: `path` or `from`.
        member: &'static str,
        /// What stands there: a JSON pointer.
        pointer: String,
        /// What is in its way.
        fault: PatchFault,
    },
    /// Automerge refused.
    #[error("the document refused the patch")]
    Document(Box<AutomergeError>),
}

/// Why one operation cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum PatchFault {
    /// A pointer that is none.
    #[error("not a JSON pointer: it is empty, or begins with /, and has ~ only in ~0 and ~1")]
    BadPointer,
    /// Nothing stands there.
    #[error("there is nothing at this place")]
    NotFound,
    /// What stands there has no members: a number, a text.
    #[error("the way there leads through a value without members")]
    NotAContainer,
    /// A step into a list that is no number.
    #[error(
        "a place in a list is a number in digits, without a sign or zeros in front, and {step:?} is none"
    )]
    BadIndex {
        /// The step, cut where it is long.
        step: String,
    },
    /// The place behind the last item, where something is expected to stand.
    #[error(
        "- is the place behind the last item of a list: there is nothing yet, and only add has a use for it"
    )]
    BehindTheEnd,
    /// A number beyond all that a list could have.
    #[error("no list has so many items")]
    NoSuchIndex,
    /// A place beyond the end of a list.
    #[error("the list has {length} items and no place {index}")]
    OutOfRange {
        /// The place.
        index: usize,
        /// How many items there are.
        length: usize,
    },
    /// A `test` of something that is not so.
    #[error("the value there is another one")]
    TestFailed,
    /// The place belongs to Dovetail.
    #[error("{RESERVED_KEY} is reserved and may not be written")]
    Reserved,
    /// The root is a map and stays there.
    #[error("the root of a document is an object and cannot be removed")]
    Root,
    /// Something would stand within itself.
    #[error("a value cannot be moved into itself")]
    IntoItself,
    /// Deeper than documents are read.
    #[error("that lies deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// All operations together read and write more than one call may.
    #[error("with this operation the patch reads and writes more than {NODES_MAX} values")]
    TooLarge,
    /// All copies together write more than one call may.
    #[error("with this operation the copies and moves of the patch write more than {COPIED_BYTES_MAX} bytes")]
    CopiesTooMuch,
    /// It inserts so often so far behind in lists that it would take too long.
    #[error(
        "with this operation the patch inserts into long lists more often than one call may; send several patches, or \
         the whole document"
    )]
    TooFar,
    /// Automerge refused.
    #[error("the document refused it")]
    Document(Box<AutomergeError>),
}

impl From<AutomergeError> for PatchError {
    fn from(error: AutomergeError) -> Self {
        Self::Document(Box::new(error))
    }
}

impl From<AutomergeError> for PatchFault {
    fn from(error: AutomergeError) -> Self {
        Self::Document(Box::new(error))
    }
}

/// Applies a JSON Patch to the document as it was at `base`, and merges.
///
/// # Errors
/// When the heads are unknown, the patch is none, or an operation fails; then nothing is written.
pub fn patch(
    doc: &Automerge,
    base: &[ChangeHash],
    patch: &Value,
    writer: &Writer,
) -> Result<Written, PatchError> {
    let operations = parse(patch)?;
    check_heads(doc, base)?;
    base::write(doc, base, writer, |tx, steps_left| {
        let strings = strings_in(tx).bounded(patch);
        let writing = Writing::new(tx, strings, Contest::Settle).within(steps_left);
        // What the body brings and what is copied share what may become text objects.
        let text_left = TEXT_BYTES_MAX.saturating_sub(json::string_bytes(patch));
        Patching::new(writing, text_left).run(&operations)
    })
}

/// One operation that parsed.
#[derive(Debug)]
struct Operation<'p> {
    name: &'static str,
    path: Pointer,
    what: What<'p>,
}

#[derive(Debug)]
enum What<'p> {
    Add(&'p Value),
    Remove,
    Replace(&'p Value),
    Move(Pointer),
    Copy(Pointer),
    Test(&'p Value),
}

fn parse(patch: &Value) -> Result<Vec<Operation<'_>>, PatchError> {
    let list = patch.as_array().filter(|list| list.len() <= OPERATIONS_MAX).ok_or(PatchError::NoList)?;
    let parsed = list.iter().enumerate().map(|(index, one)| parse_one(index, one));
    parsed.collect()
}

fn parse_one(index: usize, one: &Value) -> Result<Operation<'_>, PatchError> {
    let malformed = |reason: &str| PatchError::Malformed { index, reason: reason.to_owned() };
    let members = one.as_object().ok_or_else(|| malformed("an operation is an object"))?;
    let name = match members.get("op").and_then(Value::as_str) {
        Some("add") => "add",
        Some("remove") => "remove",
        Some("replace") => "replace",
        Some("move") => "move",
        Some("copy") => "copy",
        Some("test") => "test",
        _ => return Err(malformed("op is one of add, remove, replace, move, copy and test")),
    };
    let pointer = |member: &'static str| {
        let text = members.get(member).and_then(Value::as_str);
        let text = text.ok_or_else(|| malformed(&format!("{name} needs a text as {member}")))?;
        Pointer::parse(text).map_err(|fault| PatchError::Failed {
            index,
            operation: name,
            member,
            pointer: text.to_owned(),
            fault,
        })
    };
    let path = pointer("path")?;
    let value = || members.get("value").ok_or_else(|| malformed(&format!("{name} needs a value")));
    let what = match name {
        "add" => What::Add(value()?),
        "remove" => What::Remove,
        "replace" => What::Replace(value()?),
        "move" => What::Move(pointer("from")?),
        "copy" => What::Copy(pointer("from")?),
        _ => What::Test(value()?),
    };
    Ok(Operation { name, path, what })
}

impl Operation<'_> {
    /// Whether both add something behind the last item of the same list.
    fn is_appended_with(&self, next: &Self) -> bool {
        let is_add = |one: &Self| matches!(one.what, What::Add(_));
        is_add(self) && is_add(next) && self.path.is_end() && self.path == next.path
    }

    /// The end of the whole patch.
    fn halt(&self, index: usize, ended: Ended) -> Halt<PatchError> {
        let failed = |member, pointer: &Pointer, fault| {
            let (operation, pointer) = (self.name, pointer.to_string());
            Halt::Failed(PatchError::Failed { index, operation, member, pointer, fault })
        };
        match (ended, &self.what) {
            (Ended::TooSlow, _) => Halt::TooSlow,
            (Ended::From(fault), What::Move(from) | What::Copy(from)) => failed("from", from, fault),
            (Ended::Fault(fault) | Ended::From(fault), _) => failed("path", &self.path, fault),
        }
    }
}

/// What one operation ends with when it does not succeed.
enum Ended {
    Fault(PatchFault),
    /// The fault lies with `from`.
    From(PatchFault),
    TooSlow,
}

impl<F: Into<PatchFault>> From<F> for Ended {
    fn from(fault: F) -> Self {
        Self::Fault(fault.into())
    }
}

impl From<Stop> for Ended {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Document(error) => Self::Fault(error.into()),
            Stop::TooSlow => Self::TooSlow,
        }
    }
}

/// A patch on its way into a transaction.
struct Patching<'t, 'd> {
    writing: Writing<'t, Transaction<'d>>,
    /// How many values may still be read and written.
    nodes_left: usize,
    /// How many items of lists may still be counted.
    counted_left: usize,
    /// How many bytes may still be copied.
    copied_left: usize,
    /// How many bytes of copied strings may still become text objects.
    text_left: usize,
}

impl<'t, 'd> Patching<'t, 'd> {
    fn new(writing: Writing<'t, Transaction<'d>>, text_left: usize) -> Self {
        Self {
            writing,
            nodes_left: NODES_MAX,
            counted_left: COUNTED_MAX,
            copied_left: COPIED_BYTES_MAX,
            text_left,
        }
    }

    fn run(&mut self, operations: &[Operation<'_>]) -> Result<(), Halt<PatchError>> {
        let mut first = 0;
        for together in operations.chunk_by(Operation::is_appended_with) {
            let done = match together {
                [operation] => self.perform(operation).map_err(|ended| (0, ended)),
                _ => self.append_all(together),
            };
            done.map_err(|(n, ended)| together[n].halt(first + n, ended))?;
            first += together.len();
        }
        Ok(())
    }

    /// Several values behind the same list at once: its end is found once. An error says at which of them.
    fn append_all(&mut self, together: &[Operation<'_>]) -> Result<(), (usize, Ended)> {
        let path = &together[0].path;
        if path.is_reserved() {
            return Err((0, PatchFault::Reserved.into()));
        }
        let mut values = Vec::with_capacity(together.len());
        for (n, operation) in together.iter().enumerate() {
            let What::Add(value) = operation.what else { continue };
            self.pay_for_value(path, value).map_err(|ended| (n, ended))?;
            values.push(value.clone());
        }
        self.append(path, &values).map_err(|ended| (0, ended))
    }

    fn perform(&mut self, operation: &Operation<'_>) -> Result<(), Ended> {
        let path = &operation.path;
        if path.is_reserved() && !matches!(operation.what, What::Test(_)) {
            return Err(PatchFault::Reserved.into());
        }
        match &operation.what {
            What::Add(value) => self.add(path, value),
            What::Remove => self.remove(path),
            What::Replace(value) => self.replace(path, value),
            What::Move(from) => self.relocate(from, path),
            What::Copy(from) => {
                let value = self.read(from).map_err(of_from)?;
                self.add_copy(path, &value)
            }
            What::Test(expected) => self.test(path, expected),
        }
    }

    fn add(&mut self, path: &Pointer, value: &Value) -> Result<(), Ended> {
        self.pay_for_value(path, value)?;
        if path.is_end() {
            return self.append(path, std::slice::from_ref(value));
        }
        let Some((above, last)) = path.split() else { return self.root(value) };
        let container = self.container(above)?;
        match &container {
            Container::Map(map) => Ok(self.writing.assign(map, last.into(), None, value)?),
            Container::List(list) => {
                let at = pointer::index(last)?;
                if let Some(before) = at.checked_sub(1)
                    && self.writing.tx.get(list, before)?.is_none()
                {
                    return Err(container.fault(self.writing.tx, &at.into()).into());
                }
                self.insert(list, at, std::slice::from_ref(value))
            }
        }
    }

    /// Values behind the last item of a list; where the place is in a map it is a member like others.
    fn append(&mut self, path: &Pointer, values: &[Value]) -> Result<(), Ended> {
        let (above, last) = path.split().ok_or(PatchFault::Root)?;
        match self.container(above)? {
            Container::Map(map) => {
                values.iter().try_for_each(|value| Ok(self.writing.assign(&map, last.into(), None, value)?))
            }
            Container::List(list) => {
                let at = self.count(&list)?;
                self.insert(&list, at, values)
            }
        }
    }

    fn insert(&mut self, list: &ObjId, at: usize, values: &[Value]) -> Result<(), Ended> {
        if !self.writing.takes_care(Care::to_insert_behind(at)) {
            return Err(PatchFault::TooFar.into());
        }
        Ok(self.writing.splice(list, at, 0, values, at + 1)?)
    }

    fn remove(&mut self, path: &Pointer) -> Result<(), Ended> {
        let (above, last) = path.split().ok_or(PatchFault::Root)?;
        let container = self.container(above)?;
        let prop = self.existing(&container, last)?;
        Ok(self.writing.tx.delete(container.object(), prop)?)
    }

    fn replace(&mut self, path: &Pointer, value: &Value) -> Result<(), Ended> {
        self.pay_for_value(path, value)?;
        let Some((above, last)) = path.split() else { return self.root(value) };
        let container = self.container(above)?;
        let prop = self.existing(&container, last)?;
        Ok(self.writing.assign(container.object(), prop, None, value)?)
    }

    fn relocate(&mut self, from: &Pointer, path: &Pointer) -> Result<(), Ended> {
        if from.is_reserved() {
            return Err(Ended::From(PatchFault::Reserved));
        }
        if path.is_inside(from) {
            return Err(PatchFault::IntoItself.into());
        }
        let value = self.read(from).map_err(of_from)?;
        if path == from {
            return Ok(());
        }
        self.remove(from).map_err(of_from)?;
        self.add_copy(path, &value)
    }

    /// What was read from the document and not brought: its strings are no more often text objects than if the body
    /// had brought them.
    fn add_copy(&mut self, path: &Pointer, value: &Value) -> Result<(), Ended> {
        let strings = self.writing.strings;
        match self.text_left.checked_sub(json::string_bytes(value)) {
            Some(left) => self.text_left = left,
            None => self.writing.strings = Strings::Scalar,
        }
        let added = self.add(path, value);
        self.writing.strings = strings;
        added
    }

    fn test(&mut self, path: &Pointer, expected: &Value) -> Result<(), Ended> {
        json::check(expected, path.depth()).map_err(of_bound)?;
        // What is larger than the expected value is another one; it need not be read to its end.
        let nodes_max = nodes(expected);
        self.pay(nodes_max)?;
        let found = match path.split() {
            None => {
                let nodes_max = nodes_max.saturating_add(self.nodes_left);
                let mut found = json::read_within(self.writing.tx, &ROOT, None, nodes_max)
                    .ok_or(PatchFault::TestFailed)?;
                self.pay(nodes(&found))?;
                let mut expected = expected.clone();
                for value in [&mut found, &mut expected] {
                    value.as_object_mut().and_then(|members| members.remove(RESERVED_KEY));
                }
                return if equal(&found, &expected) { Ok(()) } else { Err(PatchFault::TestFailed.into()) };
            }
            Some((above, last)) => {
                let container = self.container(above)?;
                let prop = self.existing(&container, last)?;
                self.pay_for_text(&container, &prop)?;
                pointer::member(self.writing.tx, container.object(), prop, nodes_max)
            }
        };
        match found {
            Some(found) if equal(&found, expected) => Ok(()),
            _ => Err(PatchFault::TestFailed.into()),
        }
    }

    /// A value to write elsewhere.
    fn read(&mut self, from: &Pointer) -> Result<Value, Ended> {
        let nodes_max = self.nodes_left;
        let value = match from.split() {
            None => {
                self.pay_for_copy(json::weigh(self.writing.tx, &ROOT, self.copies_most()))?;
                let mut value = json::read_within(self.writing.tx, &ROOT, None, nodes_max);
                value.as_mut().and_then(Value::as_object_mut).and_then(|root| root.remove(RESERVED_KEY));
                value
            }
            Some((above, last)) => {
                let container = self.container(above)?;
                let prop = self.existing(&container, last)?;
                let (object, most) = (container.object(), self.copies_most());
                self.pay_for_copy(pointer::weight(self.writing.tx, object, prop.clone(), most)?)?;
                pointer::member(self.writing.tx, object, prop, nodes_max)
            }
        };
        let value = value.ok_or(PatchFault::TooLarge)?;
        self.pay(nodes(&value))?;
        Ok(value)
    }

    /// The root stays the object that it is, and takes on the new members. [`RESERVED_KEY`] stays as well, so it
    /// cannot be among them.
    fn root(&mut self, value: &Value) -> Result<(), Ended> {
        let members: &Map<String, Value> = value.as_object().ok_or(PatchFault::Root)?;
        if members.contains_key(RESERVED_KEY) {
            return Err(PatchFault::Reserved.into());
        }
        Ok(self.writing.members(&ROOT, None, members, Some(RESERVED_KEY))?)
    }

    fn container(&mut self, steps: &[String]) -> Result<Container, Ended> {
        let (container, walked) = pointer::container(self.writing.tx, steps)?;
        self.writing.charge(1, walked)?;
        Ok(container)
    }

    /// The place of something that is there.
    fn existing(&mut self, container: &Container, step: &str) -> Result<Prop, Ended> {
        let prop = container.place(step)?;
        // Found once here, and once or twice more by whoever asked for it.
        self.writing.charge(3, pointer::walk_to(&prop))?;
        match self.writing.tx.get(container.object(), prop.clone())? {
            Some(_) => Ok(prop),
            None => Err(container.fault(self.writing.tx, &prop).into()),
        }
    }

    /// How many items a list has. That takes a walk along it.
    fn count(&mut self, list: &ObjId) -> Result<usize, Ended> {
        let length = self.writing.tx.length(list);
        self.counted_left = self.counted_left.checked_sub(length).ok_or(PatchFault::TooLarge)?;
        Ok(length)
    }

    fn pay_for_value(&mut self, path: &Pointer, value: &Value) -> Result<(), Ended> {
        json::check(value, path.depth()).map_err(of_bound)?;
        self.pay(nodes(value))
    }

    fn pay_for_text(&mut self, container: &Container, prop: &Prop) -> Result<(), Ended> {
        match self.writing.tx.get(container.object(), prop.clone())? {
            Some((automerge::Value::Object(ObjType::Text), text)) => {
                let length = self.writing.tx.length(&text);
                self.pay(length / TEXT_BYTES_A_NODE)
            }
            _ => Ok(()),
        }
    }

    /// How much may still be copied.
    fn copies_most(&self) -> Weight {
        Weight { nodes: self.nodes_left, bytes: self.copied_left }
    }

    /// Pays for bytes that will be copied; values are paid for when they are read.
    fn pay_for_copy(&mut self, weight: Weight) -> Result<(), Ended> {
        if weight.nodes > self.nodes_left {
            return Err(PatchFault::TooLarge.into());
        }
        self.copied_left = self.copied_left.checked_sub(weight.bytes).ok_or(PatchFault::CopiesTooMuch)?;
        Ok(())
    }

    fn pay(&mut self, nodes: usize) -> Result<(), Ended> {
        self.nodes_left = self.nodes_left.checked_sub(nodes).ok_or(PatchFault::TooLarge)?;
        Ok(())
    }
}

fn of_from(ended: Ended) -> Ended {
    match ended {
        Ended::Fault(fault) => Ended::From(fault),
        other => other,
    }
}

fn of_bound(error: JsonError) -> PatchFault {
    match error {
        JsonError::TooDeep { .. } => PatchFault::TooDeep,
        JsonError::TooMany { .. } => PatchFault::TooLarge,
        JsonError::NotAnObject => PatchFault::Root,
        JsonError::Document(error) => error.into(),
    }
}

/// How many values a value consists of, long texts counted as several.
fn nodes(value: &Value) -> usize {
    let mut open = vec![value];
    let mut nodes = 0;
    while let Some(value) = open.pop() {
        nodes += 1;
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(members) => open.extend(members.values()),
            Value::String(text) => nodes += text.len() / TEXT_BYTES_A_NODE,
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    nodes
}

/// Equality as RFC 6902 has it: numbers are equal when their values are, `1` and `1.0` too.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || (one.is_f64() || other.is_f64()) && one.as_f64() == other.as_f64()
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let same = |(key, one): (&String, &Value)| other.get(key).is_some_and(|other| equal(one, other));
            one.len() == other.len() && one.iter().all(same)
        }
        _ => one == other,
    }
}
