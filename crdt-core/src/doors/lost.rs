//! Which of a writer's values did not win over what others wrote meanwhile.
//!
//! Edit path: ← a change and the document it was merged into, → the answer to its writer.
//!
//! Always true here: only what the writer wrote is listed, under the path that it has in what the
//! writer sent. A value is lost when somebody else's stands in its place, or when the object that it
//! was written into is gone; a deletion, when what was deleted is still there. Text and counters
//! merge and are lost only with the object around them.

use crate::json::{escaped, read_within, scalar_to_json};
use automerge::ValueRef;
use automerge::iter::{DocItem, DocObjItem};
use automerge::legacy::{ElementId, Key, ObjectId, OpId, OpType};
use automerge::{ActorId, Automerge, Change, ChangeHash, ObjId, ObjType, Prop, ROOT, ReadDoc, ScalarValue};
use serde_json::Value;
use std::collections::BTreeMap;

/// How many lost values are listed; more are counted. Who lost a hundred reads the document again.
pub const LOST_MAX: usize = 100;

/// How many values one listed value may consist of, and how many bytes of JSON, for it to be shown. A
/// person reads no more of it at a glance.
const SHOWN_NODES_MAX: usize = 100;
const SHOWN_BYTES_MAX: usize = 4096;

/// How many bytes of JSON all listed values may have with their paths: an answer is kept for a day, and
/// a record of the store has at most four times as many. More are counted.
const LISTED_BYTES_MAX: usize = 64 << 10;

/// The values that did not win.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lost {
    /// The first [`LOST_MAX`] of them, or as many as are not too long together, by path.
    pub values: Vec<LostValue>,
    /// How many there are.
    pub count: usize,
}

/// One value that did not win.
#[derive(Debug, Clone, PartialEq)]
pub struct LostValue {
    /// Where it stands in what the writer sent, or, for a deletion, in what the writer read; a JSON pointer.
    pub path: String,
    /// What the writer wrote; nothing when they deleted what was there.
    pub yours: Option<Value>,
    /// What stands there now; nothing when it is gone, with what was around it.
    pub theirs: Option<Value>,
    /// Whether one of the two is larger than is shown here; it is `null` then.
    pub shortened: bool,
}

impl LostValue {
    fn bytes(&self) -> usize {
        let json = |value: &Option<Value>| value.as_ref().map_or(0, |value| value.to_string().len());
        self.path.len() + json(&self.yours) + json(&self.theirs)
    }
}

/// Which values of `change` do not stand in the document as it is at `heads`.
#[must_use]
pub fn lost(doc: &Automerge, heads: &[ChangeHash], change: &Change) -> Lost {
    if heads == [change.hash()] {
        return Lost::default();
    }
    let mut judge = Judge {
        now: State::new(doc, heads),
        mine: State::new(doc, std::slice::from_ref(&change.hash())),
        read: State::new(doc, change.deps()),
        actor: change.actor_id(),
    };
    let mut lost = Lost::default();
    let mut bytes_left = LISTED_BYTES_MAX;
    for (target, written) in targets(doc, change) {
        if judge.stands(&target, &written) || !judge.mine.is_reachable(&target.0) {
            continue;
        }
        lost.count += 1;
        if lost.values.len() == LOST_MAX {
            continue;
        }
        let value = judge.describe(&target, &written);
        if let Some(left) = bytes_left.checked_sub(value.bytes()) {
            bytes_left = left;
            lost.values.push(value);
        }
    }
    lost.values.sort_by(|one, other| one.path.cmp(&other.path));
    lost
}

/// An object that was there before, and a place in it.
type Target = (ObjId, Place);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// A member of a map.
    Member(String),
    /// An item of a list, by the name that Automerge has for it.
    Item(String),
    /// A text as a whole: it merges letter by letter.
    Text,
}

/// What the change did last to a target.
enum Action {
    /// Put a value there, under this number.
    Put(u64),
    /// Deleted what was there.
    Deleted,
    /// Counted what stands under one of these names.
    Counted(Vec<OpId>),
}

/// What the change wrote into objects that it did not make itself.
fn targets(doc: &Automerge, change: &Change) -> BTreeMap<Target, Action> {
    let actor = change.actor_id();
    let mut targets = BTreeMap::new();
    for (number, op) in (change.start_op().get()..).zip(change.decode().operations) {
        let object = match &op.obj {
            ObjectId::Root => ROOT,
            ObjectId::Id(id) if id.1 == *actor => continue,
            ObjectId::Id(id) => ObjId::Id(id.0, id.1.clone(), 0),
        };
        let place = match &op.key {
            _ if matches!(doc.object_type(&object), Ok(ObjType::Text)) => Place::Text,
            Key::Map(key) => Place::Member(key.to_string()),
            _ if op.insert => Place::Item(format!("{number}@{actor}")),
            Key::Seq(ElementId::Id(id)) => Place::Item(format!("{}@{}", id.0, id.1)),
            Key::Seq(ElementId::Head) => continue,
        };
        let is_own_item = matches!(&op.key, Key::Seq(ElementId::Id(id)) if id.1 == *actor) && !op.insert;
        let action = match op.action {
            OpType::Delete if is_own_item => {
                targets.remove(&(object, place));
                continue;
            }
            OpType::Delete => Action::Deleted,
            OpType::Increment(_) => Action::Counted(op.pred.into_iter().collect()),
            OpType::Make(_) | OpType::Put(_) => Action::Put(number),
            OpType::MarkBegin(_) | OpType::MarkEnd(_) => continue,
        };
        targets.insert((object, place), action);
    }
    targets
}

struct Judge<'a> {
    now: State<'a>,
    /// As the writer meant it.
    mine: State<'a>,
    /// As the writer read it.
    read: State<'a>,
    actor: &'a ActorId,
}

impl Judge<'_> {
    fn stands(&mut self, (object, place): &Target, action: &Action) -> bool {
        if !self.now.is_reachable(object) {
            return matches!(action, Action::Deleted);
        }
        let Some(prop) = self.now.prop(object, place) else {
            return matches!((place, action), (Place::Text, _) | (_, Action::Deleted));
        };
        let found = self.now.get(object, prop);
        match (action, found) {
            (Action::Deleted, found) => found.is_none(),
            (Action::Put(number), Some((_, ObjId::Id(found, actor, _)))) => {
                found == *number && actor == *self.actor
            }
            (Action::Counted(names), Some((value, ObjId::Id(found, actor, _)))) => {
                let is_counter = matches!(value.as_scalar(), Some(ScalarValue::Counter(_)));
                is_counter && names.iter().any(|name| name.0 == found && name.1 == actor)
            }
            _ => false,
        }
    }

    fn describe(&mut self, (object, place): &Target, action: &Action) -> LostValue {
        let theirs =
            if self.now.is_reachable(object) { self.now.shown(object, place) } else { Shown::Nothing };
        let (path, yours) = match action {
            Action::Deleted => (self.read.path(object, place), Shown::Nothing),
            _ => (self.mine.path(object, place), self.mine.shown(object, place)),
        };
        let shortened = [&yours, &theirs].iter().any(|shown| matches!(shown, Shown::TooLarge));
        LostValue { path, yours: yours.into_value(), theirs: theirs.into_value(), shortened }
    }
}

enum Shown {
    Nothing,
    Value(Value),
    TooLarge,
}

impl Shown {
    fn into_value(self) -> Option<Value> {
        match self {
            Self::Nothing => None,
            Self::Value(value) => Some(value),
            Self::TooLarge => Some(Value::Null),
        }
    }
}

/// The document at some heads, and what was found out about it.
struct State<'a> {
    doc: &'a Automerge,
    heads: Vec<ChangeHash>,
    /// Where each object stands that can be come to from the root; found when it is first asked for.
    places: Option<BTreeMap<ObjId, (ObjId, Prop)>>,
    /// For a list, where its items stand, by name.
    items: BTreeMap<ObjId, BTreeMap<String, usize>>,
}

impl<'a> State<'a> {
    fn new(doc: &'a Automerge, heads: &[ChangeHash]) -> Self {
        Self { doc, heads: heads.to_vec(), places: None, items: BTreeMap::new() }
    }

    /// Whether the object can be come to from the root.
    fn is_reachable(&mut self, object: &ObjId) -> bool {
        *object == ROOT || self.places().contains_key(object)
    }

    /// Asked from the root downwards: Automerge itself panics when it is asked for the parents of an object
    /// that was deleted from the end of a list, at heads other than the present ones.
    fn places(&mut self) -> &BTreeMap<ObjId, (ObjId, Prop)> {
        let (doc, heads) = (self.doc, &self.heads);
        self.places.get_or_insert_with(|| places(doc, heads))
    }

    /// Where a place is, when it is one that a value stands at.
    fn prop(&mut self, object: &ObjId, place: &Place) -> Option<Prop> {
        match place {
            Place::Member(key) => Some(key.as_str().into()),
            Place::Item(name) => {
                let (doc, heads) = (self.doc, &self.heads);
                let read = || doc.keys_at(object, heads).enumerate().map(|(at, name)| (name, at)).collect();
                self.items.entry(object.clone()).or_insert_with(read).get(name).map(|at| (*at).into())
            }
            Place::Text => None,
        }
    }

    fn get(&self, object: &ObjId, prop: Prop) -> Option<(automerge::Value<'a>, ObjId)> {
        self.doc.get_at(object, prop, &self.heads).ok().flatten()
    }

    fn shown(&mut self, object: &ObjId, place: &Place) -> Shown {
        let value = match (self.prop(object, place), place) {
            (None, Place::Text) => self.object(object),
            (None, _) => return Shown::Nothing,
            (Some(prop), _) => match self.get(object, prop) {
                None => return Shown::Nothing,
                Some((automerge::Value::Scalar(scalar), _)) => {
                    Some(scalar_to_json(&scalar.into_owned().into()))
                }
                Some((automerge::Value::Object(_), id)) => self.object(&id),
            },
        };
        match value {
            Some(value) if value.to_string().len() <= SHOWN_BYTES_MAX => Shown::Value(value),
            _ => Shown::TooLarge,
        }
    }

    fn object(&self, object: &ObjId) -> Option<Value> {
        read_within(self.doc, object, Some(&self.heads), SHOWN_NODES_MAX)
    }

    fn path(&mut self, object: &ObjId, place: &Place) -> String {
        let mut props: Vec<Prop> = self.prop(object, place).into_iter().collect();
        let mut next = object.clone();
        while let Some((parent, prop)) = self.places().get(&next) {
            props.push(prop.clone());
            next = parent.clone();
        }
        let step = |prop: &Prop| match prop {
            Prop::Map(key) => format!("/{}", escaped(key)),
            Prop::Seq(at) => format!("/{at}"),
        };
        props.iter().rev().map(step).collect()
    }
}

/// Where each object stands, but the root. Parents come before what is in them, and the members of one
/// object in a row.
fn places(doc: &Automerge, heads: &[ChangeHash]) -> BTreeMap<ObjId, (ObjId, Prop)> {
    let mut places = BTreeMap::new();
    let mut present = ROOT;
    let (mut is_reached, mut index) = (true, 0);
    for DocObjItem { obj, item } in doc.iter_at(ROOT, Some(heads)) {
        if present != *obj {
            (present, index) = (obj.as_ref().clone(), 0);
            is_reached = places.contains_key(&present);
        }
        let found = match item {
            DocItem::Map(member) if matches!(member.value, ValueRef::Object(_)) => {
                Some((member.id(), Prop::Map(member.key.into_owned())))
            }
            DocItem::List(item) if matches!(item.value, ValueRef::Object(_)) => {
                Some((item.id(), Prop::Seq(index)))
            }
            _ => None,
        };
        index += 1;
        if let Some((id, prop)) = found.filter(|_| is_reached) {
            places.insert(id, (present.clone(), prop));
        }
    }
    places
}
