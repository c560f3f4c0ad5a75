//! What the rules need to know of a document, and how it is kept up to date.
//!
//! Edit path: ← the merged document and the patches of what was merged; → [`evaluate`](super::evaluate).
//!
//! Always true here: after [`Facts::touched`] the facts are what [`Facts::read`] would find in the
//! same document. A patch that cannot be mapped to an item has the whole collection read again.
//!
//! Documents have any shape: nothing here calls itself deeper than a path has steps, and every
//! collection has a bound on what is looked at.

use super::STEPS_PER_COLLECTION_MAX;
use super::canonical::digest;
use super::path::Step;
use super::plan::{CollectionPlan, Node, Plan};
use crate::json;
use automerge::{Automerge, ObjId, ObjType, Patch, PatchAction, Prop, ROOT, ReadDoc, ValueRef};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Objects with more values in them are not read: they are known by the operation that made them.
/// A field that rules compare is a scalar or a handful of settings.
const NODES_MAX: usize = 256;

/// Longer texts are kept as a digest, which is equal where they are equal.
const TEXT_BYTES_MAX: usize = 4_096;

/// What a look at the first value of a field costs beside a plain look: the document at another
/// moment is slower to read.
const FIRST_VALUE_STEPS: usize = 50;

/// The member that stands for what was too large to be read.
pub(crate) const LARGE: &str = "$large";

/// The member that stands for a text that was too long to be kept.
pub(crate) const LONG_TEXT: &str = "$text";

/// What the `*` of a path met, outermost first.
pub(crate) type Keys = Vec<String>;

/// The facts of one document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Facts {
    /// As in the plan.
    pub(crate) collections: Vec<Collection>,
}

/// The items of one collection.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Collection {
    pub(crate) items: BTreeMap<Keys, Item>,
    /// There is more than may be looked at. Then there are no items here.
    pub(crate) too_much: bool,
    /// What it cost to look.
    steps: usize,
    /// Whether a `*` met a list. Indexes move, so such a collection is always read as a whole.
    lists: bool,
}

/// One item.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    /// The operation that set it; for an object, the object.
    pub(crate) op: ObjId,
    /// As the wishes of the plan.
    pub(crate) cells: Vec<Cell>,
    steps: usize,
}

/// One field of one item.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Cell {
    /// What stands there.
    pub(crate) value: Option<Value>,
    /// The operation that set it.
    pub(crate) op: Option<ObjId>,
    /// All live values, when there are several and they are wanted.
    pub(crate) rivals: Vec<(Value, ObjId)>,
    /// The value it was created with, when that is wanted.
    pub(crate) first: Option<Value>,
}

/// Which fields differ from before, and in which collections items came or went.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dirty(Vec<DirtyCollection>);

#[derive(Debug, Clone, PartialEq)]
struct DirtyCollection {
    items: bool,
    fields: Vec<bool>,
}

impl Dirty {
    fn nothing(plan: &Plan) -> Self {
        let clean =
            |it: &CollectionPlan| DirtyCollection { items: false, fields: vec![false; it.wishes.len()] };
        Self(plan.collections.iter().map(clean).collect())
    }

    /// Whether items of the collection came or went.
    pub(crate) fn items(&self, collection: usize) -> bool {
        self.0[collection].items
    }

    /// Whether the field differs somewhere.
    pub(crate) fn field(&self, field: super::plan::Field) -> bool {
        let collection = &self.0[field.collection];
        collection.items || collection.fields[field.wish]
    }
}

impl Facts {
    /// Reads everything.
    pub(crate) fn read(doc: &Automerge, plan: &Plan) -> Self {
        Self {
            collections: plan.collections.iter().map(|plan| Reader::new(doc, plan).collection()).collect(),
        }
    }

    /// Reads again what the patches touched.
    pub(crate) fn touched(&mut self, doc: &Automerge, plan: &Plan, patches: &[Patch]) -> Dirty {
        let mut dirty = Dirty::nothing(plan);
        let locations: Vec<Vec<Place<'_>>> = patches.iter().map(location).collect();
        for (index, plan) in plan.collections.iter().enumerate() {
            let collection = &mut self.collections[index];
            let mut wanted = collection.contested(plan);
            let mut all = collection.lists && !wanted.is_empty();
            for location in &locations {
                match touch(plan, collection.lists || collection.too_much, location) {
                    Touch::Nothing => {}
                    Touch::Item(keys) => drop(wanted.insert(keys, ())),
                    Touch::All => all = true,
                }
            }
            let dirty = &mut dirty.0[index];
            if all {
                collection.replace(Reader::new(doc, plan).collection(), dirty);
            } else {
                for keys in wanted.into_keys() {
                    collection.read_again(doc, plan, &keys, dirty);
                }
            }
        }
        dirty
    }

    pub(crate) fn item(&self, collection: usize, keys: &Keys) -> Option<&Item> {
        self.collections[collection].items.get(keys)
    }
}

impl Collection {
    /// Items with a contested register: Automerge does not tell when one of the values that lost
    /// goes or is replaced, so these few are read again whenever anything happens.
    fn contested(&self, plan: &CollectionPlan) -> BTreeMap<Keys, ()> {
        if !plan.wishes.iter().any(|wish| wish.rivals) {
            return BTreeMap::new();
        }
        let contested = |item: &Item| item.cells.iter().any(|cell| !cell.rivals.is_empty());
        self.items.iter().filter(|(_, item)| contested(item)).map(|(keys, _)| (keys.clone(), ())).collect()
    }

    fn replace(&mut self, new: Collection, dirty: &mut DirtyCollection) {
        if self.too_much != new.too_much || !self.items.keys().eq(new.items.keys()) {
            dirty.items = true;
        } else {
            for (old, new) in self.items.values().zip(new.items.values()) {
                dirty.compare(old, new);
            }
        }
        *self = new;
    }

    fn read_again(
        &mut self,
        doc: &Automerge,
        plan: &CollectionPlan,
        keys: &Keys,
        dirty: &mut DirtyCollection,
    ) {
        if self.too_much {
            return;
        }
        let mut reader = Reader::new(doc, plan);
        let new = reader.one(keys);
        let old = self.items.get(keys);
        self.steps -= old.map_or(0, |old| old.steps);
        match (old, &new) {
            (None, None) => {}
            (Some(old), Some(new)) => dirty.compare(old, new),
            _ => dirty.items = true,
        }
        match new {
            Some(new) => {
                self.steps += new.steps;
                drop(self.items.insert(keys.clone(), new));
            }
            None => drop(self.items.remove(keys)),
        }
        if self.steps > STEPS_PER_COLLECTION_MAX {
            *self = Collection { too_much: true, ..Collection::default() };
            dirty.items = true;
        }
    }
}

impl DirtyCollection {
    fn compare(&mut self, old: &Item, new: &Item) {
        self.items |= old.op != new.op;
        for (dirty, (old, new)) in self.fields.iter_mut().zip(old.cells.iter().zip(&new.cells)) {
            *dirty |= old != new;
        }
    }
}

/// One step of where a patch happened.
enum Place<'p> {
    Key(&'p str),
    Index,
}

impl<'p> From<&'p Prop> for Place<'p> {
    fn from(prop: &'p Prop) -> Self {
        match prop {
            Prop::Map(key) => Self::Key(key),
            Prop::Seq(_) => Self::Index,
        }
    }
}

/// Where a patch happened. Indexes may have moved since, so only that there is one counts.
fn location(patch: &Patch) -> Vec<Place<'_>> {
    let mut places: Vec<Place<'_>> = patch.path.iter().map(|(_, prop)| prop.into()).collect();
    match &patch.action {
        PatchAction::PutMap { key, .. } | PatchAction::DeleteMap { key } => places.push(Place::Key(key)),
        PatchAction::Increment { prop, .. } | PatchAction::Conflict { prop } => places.push(prop.into()),
        PatchAction::PutSeq { .. }
        | PatchAction::Insert { .. }
        | PatchAction::DeleteSeq { .. }
        | PatchAction::SpliceText { .. }
        | PatchAction::Mark { .. } => places.push(Place::Index),
    }
    places
}

/// What a patch means for a collection.
enum Touch {
    Nothing,
    Item(Keys),
    All,
}

fn touch(plan: &CollectionPlan, whole: bool, location: &[Place<'_>]) -> Touch {
    let mut keys = Keys::new();
    for (step, place) in plan.prefix.iter().zip(location) {
        match (step, place) {
            (Step::Member(name), Place::Key(key)) if name == key => {}
            (Step::Any, Place::Key(key)) => keys.push((*key).to_owned()),
            (Step::Any, Place::Index) => return Touch::All,
            (Step::Member(_), _) => return Touch::Nothing,
        }
    }
    let Some(rest) = location.get(plan.prefix.len()..) else { return Touch::All };
    let mut node = &plan.tree;
    for place in rest {
        if node.wish.is_some() {
            break; // Somewhere in a value that is wanted.
        }
        match place {
            Place::Key(key) => match node.get(key) {
                Some(member) => node = member,
                None => return Touch::Nothing,
            },
            Place::Index => return Touch::Nothing,
        }
    }
    if whole { Touch::All } else { Touch::Item(keys) }
}

/// Reads one collection and counts what it costs.
struct Reader<'d> {
    doc: &'d Automerge,
    plan: &'d CollectionPlan,
    steps: usize,
    lists: bool,
    items: BTreeMap<Keys, Item>,
}

/// There is more than may be looked at.
struct TooMuch;

impl<'d> Reader<'d> {
    fn new(doc: &'d Automerge, plan: &'d CollectionPlan) -> Self {
        Self { doc, plan, steps: 0, lists: false, items: BTreeMap::new() }
    }

    fn collection(mut self) -> Collection {
        match self.descend(&ROOT, &self.plan.prefix, &mut Keys::new()) {
            Ok(()) => Collection { items: self.items, too_much: false, steps: self.steps, lists: self.lists },
            Err(TooMuch) => Collection { too_much: true, ..Collection::default() },
        }
    }

    /// One item, found by its keys. Only for collections without lists.
    fn one(&mut self, keys: &Keys) -> Option<Item> {
        let mut object = ROOT;
        let mut keys = keys.iter();
        let Some((last, way)) = self.plan.prefix.split_last() else {
            return self.item(ValueRef::Object(ObjType::Map), ROOT).ok();
        };
        for step in way {
            let name = match step {
                Step::Member(name) => name,
                Step::Any => keys.next()?,
            };
            object = map_at(self.doc, &object, name)?;
        }
        let name = match last {
            Step::Member(name) => name,
            Step::Any => keys.next()?,
        };
        let found = self.doc.map_range(&object, name.clone()..=name.clone()).next()?;
        let id = found.id();
        self.steps = 0;
        // An item that costs more than a whole collection may is found out by the caller's sum.
        let item = self.item(found.value, id.clone());
        Some(item.unwrap_or(Item { op: id, cells: Vec::new(), steps: STEPS_PER_COLLECTION_MAX + 1 }))
    }

    fn descend(&mut self, object: &ObjId, steps: &[Step], keys: &mut Keys) -> Result<(), TooMuch> {
        let Some((step, rest)) = steps.split_first() else {
            // Only a path without `*` ends here: its item is the root.
            let item = self.item(ValueRef::Object(ObjType::Map), object.clone())?;
            drop(self.items.insert(keys.clone(), item));
            return Ok(());
        };
        match (step, self.doc.object_type(object)) {
            (Step::Member(name), Ok(ObjType::Map)) => {
                let inner = self.doc.get(object, name.as_str()).ok().flatten();
                match inner {
                    Some((automerge::Value::Object(_), inner)) => self.descend(&inner, rest, keys),
                    _ => Ok(()),
                }
            }
            (Step::Any, Ok(ObjType::Map)) => {
                for member in self.doc.map_range(object, ..) {
                    let id = member.id();
                    keys.push(member.key.into_owned());
                    self.met(member.value, id, rest, keys)?;
                    keys.pop();
                }
                Ok(())
            }
            (Step::Any, Ok(ObjType::List)) => {
                self.lists = true;
                for (key, value, id) in list_items(self.doc, object) {
                    keys.push(key);
                    self.met(value, id, rest, keys)?;
                    keys.pop();
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What a `*` met.
    fn met(&mut self, value: ValueRef<'_>, id: ObjId, rest: &[Step], keys: &mut Keys) -> Result<(), TooMuch> {
        if rest.is_empty() {
            let item = self.item(value, id)?;
            drop(self.items.insert(keys.clone(), item));
            return Ok(());
        }
        self.step(1)?;
        match value {
            ValueRef::Object(_) => self.descend(&id, rest, keys),
            ValueRef::Scalar(_) => Ok(()),
        }
    }

    fn item(&mut self, value: ValueRef<'_>, id: ObjId) -> Result<Item, TooMuch> {
        let before = self.steps;
        self.step(1)?;
        let mut cells = vec![Cell::default(); self.plan.wishes.len()];
        self.fields(&self.plan.tree, &value, &id, &mut cells)?;
        Ok(Item { op: id, cells, steps: self.steps - before })
    }

    /// Fills the cells of one place and of what is wanted below it.
    fn fields(
        &mut self,
        node: &Node,
        value: &ValueRef<'_>,
        id: &ObjId,
        cells: &mut [Cell],
    ) -> Result<(), TooMuch> {
        if let Some(wish) = node.wish {
            cells[wish].value = Some(content(self.doc, value, id));
            cells[wish].op = Some(id.clone());
        }
        if node.members.is_empty() || !matches!(value, ValueRef::Object(ObjType::Map)) {
            return Ok(());
        }
        for member in self.doc.map_range(id, ..) {
            self.step(1)?;
            let Some(wanted) = node.get(&member.key) else { continue };
            let op = member.id();
            if member.conflict && wanted.wish.is_some_and(|wish| self.plan.wishes[wish].rivals) {
                let rivals = rivals(self.doc, id, &member.key);
                self.step(rivals.len())?;
                if let Some(wish) = wanted.wish {
                    cells[wish].rivals = rivals;
                }
            }
            self.fields(wanted, &member.value, &op, cells)?;
        }
        for (name, member) in &node.members {
            if let Some(wish) = member.wish.filter(|wish| self.plan.wishes[*wish].first) {
                self.step(FIRST_VALUE_STEPS)?;
                cells[wish].first = first_value(self.doc, id, name);
            }
        }
        Ok(())
    }

    fn step(&mut self, steps: usize) -> Result<(), TooMuch> {
        self.steps += steps;
        if self.steps > STEPS_PER_COLLECTION_MAX { Err(TooMuch) } else { Ok(()) }
    }
}

/// The map at a member of a map.
pub(crate) fn map_at(doc: &Automerge, object: &ObjId, name: &str) -> Option<ObjId> {
    match (doc.object_type(object), doc.get(object, name)) {
        (Ok(ObjType::Map), Ok(Some((automerge::Value::Object(ObjType::Map), inner)))) => Some(inner),
        _ => None,
    }
}

/// The items of a list with their stable keys: the item's `id` member where that is text and no
/// earlier item of the list has it, else the operation that set the item.
pub(crate) fn list_items<'d, D: ReadDoc>(
    doc: &'d D,
    list: &ObjId,
) -> impl Iterator<Item = (String, ValueRef<'d>, ObjId)> + use<'d, D> {
    let mut taken = std::collections::BTreeSet::new();
    doc.list_range(list.clone(), ..).map(move |item| {
        let op = item.id();
        let named = match item.value {
            ValueRef::Object(ObjType::Map) => text_at(doc, &op, "id"),
            _ => None,
        };
        let key = named.filter(|name| taken.insert(name.clone())).unwrap_or_else(|| op.to_string());
        (key, item.value, op)
    })
}

fn text_at<D: ReadDoc>(doc: &D, object: &ObjId, name: &str) -> Option<String> {
    match doc.get(object, name).ok()?? {
        (automerge::Value::Scalar(scalar), _) => scalar.as_str().map(str::to_owned),
        (automerge::Value::Object(ObjType::Text), text) => doc.text(&text).ok(),
        _ => None,
    }
}

/// What stands at a place, within bounds.
fn content(doc: &Automerge, value: &ValueRef<'_>, id: &ObjId) -> Value {
    match value {
        ValueRef::Scalar(scalar) => bounded(json::scalar_to_json(scalar)),
        ValueRef::Object(ObjType::Text) => bounded(Value::String(doc.text(id).unwrap_or_default())),
        ValueRef::Object(_) => {
            if doc.iter_at(id, None).take(NODES_MAX + 1).count() > NODES_MAX {
                return json!({ LARGE: id.to_string() });
            }
            json::read_at(doc, id, None)
        }
    }
}

fn bounded(value: Value) -> Value {
    match value {
        Value::String(text) if text.len() > TEXT_BYTES_MAX => json!({ LONG_TEXT: digest(&text) }),
        value => value,
    }
}

/// All live values of a register, the earliest operation first.
fn rivals(doc: &Automerge, object: &ObjId, name: &str) -> Vec<(Value, ObjId)> {
    let all = doc.get_all(object, name).unwrap_or_default();
    let mut rivals: Vec<_> =
        all.iter().map(|(value, id)| (rival_content(doc, value, id), id.clone())).collect();
    rivals.sort_unstable_by(|(_, one), (_, other)| one.cmp(other));
    rivals
}

fn rival_content(doc: &Automerge, value: &automerge::Value<'_>, id: &ObjId) -> Value {
    match value {
        automerge::Value::Object(kind) => content(doc, &ValueRef::Object(*kind), id),
        automerge::Value::Scalar(scalar) => bounded(json::scalar_to_json(&scalar.as_ref().clone().into())),
    }
}

/// The value of a field in the change that made the object which holds it.
fn first_value(doc: &Automerge, object: &ObjId, name: &str) -> Option<Value> {
    let heads = [doc.hash_for_opid(object)?];
    match doc.get_at(object, name, &heads).ok()?? {
        (automerge::Value::Scalar(scalar), _) => {
            Some(bounded(json::scalar_to_json(&scalar.as_ref().clone().into())))
        }
        (automerge::Value::Object(ObjType::Text), text) => {
            Some(bounded(Value::String(doc.text_at(&text, &heads).unwrap_or_default())))
        }
        (automerge::Value::Object(_), inner) => {
            if doc.iter_at(&inner, Some(&heads)).take(NODES_MAX + 1).count() > NODES_MAX {
                return Some(json!({ LARGE: inner.to_string() }));
            }
            Some(json::read_at(doc, &inner, Some(&heads)))
        }
    }
}
