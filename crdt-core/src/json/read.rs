//! A document, or a part of it, as JSON: now, or as it was at some heads.
//!
//! Edit path: ← any document, foreign ones too; → HTTP bodies, exports, the typed dashboard.
//!
//! Reading cannot fail and calls itself nowhere: Automerge's iterator passes over every object
//! once, parents before children, and a document nested a million levels deep costs no stack.
//! What lies deeper than [`DEPTH_MAX`] is read as `null`.

use super::DEPTH_MAX;
use automerge::iter::{DocItem, DocObjItem};
use automerge::{Automerge, ChangeHash, ObjId, ObjType, ROOT, ReadDoc, ScalarValueRef, ValueRef};
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;

/// The whole document as JSON, its keys in byte order; as it was at `heads`, or as it is now.
/// Heads that the document does not have are passed over, as Automerge does.
#[must_use]
pub fn read(doc: &Automerge, heads: Option<&[ChangeHash]>) -> Value {
    read_at(doc, &ROOT, heads)
}

/// One object of the document and all below it; `null` when there is no such object.
#[must_use]
pub fn read_at<D: ReadDoc>(doc: &D, object: &ObjId, heads: Option<&[ChangeHash]>) -> Value {
    let Ok(kind) = doc.object_type(object) else { return Value::Null };
    let mut tree = Tree::new(object.clone(), kind);
    for item in doc.iter_at(object, heads) {
        tree.add(item);
    }
    tree.into_value()
}

/// A text at the document's root, be it a register or a text object.
#[must_use]
pub fn root_text<D: ReadDoc>(doc: &D, field: &str) -> Option<String> {
    match doc.get(ROOT, field).ok()?? {
        (automerge::Value::Scalar(scalar), _) => match scalar.as_ref() {
            automerge::ScalarValue::Str(text) => Some(text.to_string()),
            _ => None,
        },
        (automerge::Value::Object(ObjType::Text), text) => doc.text(&text).ok(),
        (automerge::Value::Object(_), _) => None,
    }
}

/// One object and all below it, when that is at most `nodes_max` values; nothing when it is more. Reads
/// no further than that.
#[must_use]
pub fn read_within<D: ReadDoc>(
    doc: &D,
    object: &ObjId,
    heads: Option<&[ChangeHash]>,
    nodes_max: usize,
) -> Option<Value> {
    let Ok(kind) = doc.object_type(object) else { return Some(Value::Null) };
    let mut tree = Tree::new(object.clone(), kind);
    // The object itself is one too; a text is one however many pieces it comes in.
    let mut nodes = 1;
    for item in doc.iter_at(object, heads) {
        nodes += usize::from(!matches!(item.item, DocItem::Text(_)));
        if nodes > nodes_max {
            return None;
        }
        tree.add(item);
    }
    Some(tree.into_value())
}

/// How much there is to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    /// How many values.
    pub(crate) nodes: usize,
    /// How many bytes their keys, texts and binary values have in all.
    pub(crate) bytes: usize,
}

impl Weight {
    /// Of one register.
    pub(crate) fn of(scalar: &ScalarValueRef<'_>) -> Self {
        let bytes = match scalar {
            ScalarValueRef::Str(text) => text.len(),
            // As they are shown.
            ScalarValueRef::Bytes(bytes) => bytes.len().div_ceil(3) * 4,
            _ => 0,
        };
        Self { nodes: 1, bytes }
    }

    /// Whether it is more than `most`, in one or the other.
    pub(crate) fn is_over(self, most: Self) -> bool {
        self.nodes > most.nodes || self.bytes > most.bytes
    }

    fn add(&mut self, item: &DocItem<'_>) {
        let (key, value) = match item {
            DocItem::Map(member) => (member.key.len(), &member.value),
            DocItem::List(item) => (0, &item.value),
            DocItem::Text(span) => {
                self.bytes += span.as_str().len();
                return;
            }
        };
        let value = match value {
            ValueRef::Scalar(scalar) => Self::of(scalar),
            ValueRef::Object(_) => Self { nodes: 1, bytes: 0 },
        };
        self.nodes += value.nodes;
        self.bytes += key + value.bytes;
    }
}

/// What one object and all below it weighs. Looks no further than to the first value beyond `most`.
pub(crate) fn weigh<D: ReadDoc>(doc: &D, object: &ObjId, most: Weight) -> Weight {
    let mut weight = Weight { nodes: 1, bytes: 0 };
    for DocObjItem { item, .. } in doc.iter_at(object, None) {
        weight.add(&item);
        if weight.is_over(most) {
            break;
        }
    }
    weight
}

/// One register as JSON.
#[must_use]
pub fn scalar_to_json(scalar: &ScalarValueRef<'_>) -> Value {
    match scalar {
        ScalarValueRef::Str(text) => Value::String(text.to_string()),
        ScalarValueRef::Int(int) | ScalarValueRef::Counter(int) | ScalarValueRef::Timestamp(int) => {
            Value::from(*int)
        }
        ScalarValueRef::Uint(uint) => Value::from(*uint),
        ScalarValueRef::F64(float) => Number::from_f64(*float).map_or(Value::Null, Value::Number),
        ScalarValueRef::Boolean(yes) => Value::Bool(*yes),
        ScalarValueRef::Bytes(bytes) => serde_json::json!({ "$bytes": base64(bytes) }),
        ScalarValueRef::Null | ScalarValueRef::Unknown { .. } => Value::Null,
    }
}

/// What was read so far. `found` holds the objects in the order they were met, so that each
/// stands after its parent, and `open` tells where an object stands in it.
struct Tree {
    found: Vec<Found>,
    open: BTreeMap<ObjId, usize>,
    /// The object whose members come at present; they come in a row.
    present: Option<(ObjId, usize)>,
}

struct Found {
    value: Value,
    depth: usize,
    /// In which object it belongs, and where there.
    place: (usize, Place),
}

enum Place {
    Key(String),
    Index(usize),
}

impl Tree {
    fn new(object: ObjId, kind: ObjType) -> Self {
        let root = Found { value: empty(kind), depth: 0, place: (0, Place::Index(0)) };
        Self { found: vec![root], open: BTreeMap::from([(object, 0)]), present: None }
    }

    fn add(&mut self, DocObjItem { obj, item }: DocObjItem<'_>) {
        let Some(at) = self.index_of(&obj) else { return };
        match item {
            DocItem::Map(member) => {
                let id = is_object(&member.value).then(|| member.id());
                let key = member.key.into_owned();
                if let Value::Object(members) = &mut self.found[at].value {
                    members.insert(key.clone(), shallow(&member.value));
                    self.expect_object(id, &member.value, (at, Place::Key(key)));
                }
            }
            DocItem::List(item) => {
                let id = is_object(&item.value).then(|| item.id());
                if let Value::Array(items) = &mut self.found[at].value {
                    let index = items.len();
                    items.push(shallow(&item.value));
                    self.expect_object(id, &item.value, (at, Place::Index(index)));
                }
            }
            DocItem::Text(span) => {
                if let Value::String(text) = &mut self.found[at].value {
                    text.push_str(span.as_str());
                }
            }
        }
    }

    fn index_of(&mut self, object: &ObjId) -> Option<usize> {
        if let Some((present, at)) = &self.present
            && present == object
        {
            return Some(*at);
        }
        let at = *self.open.get(object)?;
        self.present = Some((object.clone(), at));
        Some(at)
    }

    /// Remembers an object whose own members come later.
    fn expect_object(&mut self, id: Option<ObjId>, value: &ValueRef<'_>, place: (usize, Place)) {
        let (Some(id), ValueRef::Object(kind)) = (id, value) else { return };
        let depth = self.found[place.0].depth + 1;
        if depth > DEPTH_MAX {
            return;
        }
        self.open.insert(id, self.found.len());
        self.found.push(Found { value: empty(*kind), depth, place });
    }

    /// Puts every object into its parent, the last ones first: those are complete.
    fn into_value(mut self) -> Value {
        while self.found.len() > 1 {
            let Some(Found { value, place: (parent, place), .. }) = self.found.pop() else { break };
            match (&mut self.found[parent].value, place) {
                (Value::Object(members), Place::Key(key)) => drop(members.insert(key, value)),
                (Value::Array(items), Place::Index(index)) => items[index] = value,
                _ => {}
            }
        }
        self.found.pop().map_or(Value::Null, |root| root.value)
    }
}

fn is_object(value: &ValueRef<'_>) -> bool {
    matches!(value, ValueRef::Object(_))
}

/// A scalar as it is; for an object, whose members are not known yet, a stand-in.
fn shallow(value: &ValueRef<'_>) -> Value {
    match value {
        ValueRef::Scalar(scalar) => scalar_to_json(scalar),
        ValueRef::Object(_) => Value::Null,
    }
}

fn empty(kind: ObjType) -> Value {
    match kind {
        ObjType::Map => Value::Object(Map::new()),
        ObjType::List => Value::Array(Vec::new()),
        ObjType::Text => Value::String(String::new()),
        ObjType::Table => Value::Null,
    }
}

/// Base64 with padding (RFC 4648, section 4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for letter in 0..4 {
            let index = (bits >> (18 - 6 * letter)) & 63;
            text.push(if letter > group.len() { '=' } else { char::from(LETTERS[index as usize]) });
        }
    }
    text
}
