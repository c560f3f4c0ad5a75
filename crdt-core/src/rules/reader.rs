//! Reads the facts of one collection from a document, and counts what that costs.
//!
//! Edit path: ← a [`CollectionPlan`]; → [`facts`](super::facts) keeps what was read.
//!
//! Always true here: what is read, and what it costs, does not depend on which of the ways it was
//! read by: in one pass, object by object, or one item alone. So a document is too large for a rule
//! or it is not, however it came about.

use super::STEPS_PER_COLLECTION_MAX;
use super::canonical::digest;
use super::facts::{Cell, Collection, Item, Keys};
use super::path::Step;
use super::plan::{CollectionPlan, Node, Reading};
use crate::json;
use automerge::iter::{DocItem, DocObjItem, MapRangeItem};
use automerge::{Automerge, ObjId, ObjType, ROOT, ReadDoc, ScalarValueRef, ValueRef};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A pass over a map gives up when it has met this many values that nobody wants for each that
/// somebody does: to ask for an object costs as much as to pass over fifty values, and the objects
/// of an item hold some fifteen that count.
const UNWANTED_PER_STEP: usize = 4;

/// What a pass may meet for nothing in any case.
const UNWANTED_MIN: usize = 1_024;

/// Objects with more values in them are not read: they are known by the operation that made them.
/// A field that rules compare is a scalar or a handful of settings.
const NODES_MAX: usize = 256;

/// Longer texts are kept as a digest, which is equal where they are equal.
const TEXT_BYTES_MAX: usize = 4_096;

/// Where values are read in full, so many bytes of text cost a step. A name or a title is free, and what is kept
/// of one collection is some megabytes at most.
const BYTES_PER_STEP: usize = 32;

/// What a look at the first value of a field costs beside a plain look: the document at another
/// moment is slower to read.
const FIRST_VALUE_STEPS: usize = 50;

/// The member that stands for what was too large to be read.
pub(crate) const LARGE: &str = "$large";

/// The member that stands for a text that was too long to be kept.
pub(crate) const LONG_TEXT: &str = "$text";

/// Reads one collection and counts what it costs.
pub(crate) struct Reader<'d> {
    doc: &'d Automerge,
    plan: &'d CollectionPlan,
    steps: usize,
    lists: bool,
    items: BTreeMap<Keys, Item>,
}

/// There is more than may be looked at.
struct TooMuch;

/// Which item, and where in the plan.
type Place<'d> = (usize, &'d Node);

/// What one pass has met so far.
struct Sweep<'d> {
    items: Vec<(String, Item)>,
    /// Objects whose members are wanted and come later.
    open: BTreeMap<ObjId, Place<'d>>,
}

/// What the members of an object are to a pass.
#[derive(Clone, Copy)]
enum Company<'d> {
    /// The items.
    Items,
    /// Members of an item, or of what is below.
    Wanted(Place<'d>),
    Unwanted,
}

impl<'d> Sweep<'d> {
    fn company(&self, map: &ObjId, object: &ObjId) -> Company<'d> {
        match self.open.get(object) {
            Some(place) => Company::Wanted(*place),
            None if object == map => Company::Items,
            None => Company::Unwanted,
        }
    }
}

impl<'d> Reader<'d> {
    pub(crate) fn new(doc: &'d Automerge, plan: &'d CollectionPlan) -> Self {
        Self { doc, plan, steps: 0, lists: false, items: BTreeMap::new() }
    }

    pub(crate) fn collection(mut self) -> Collection {
        match self.descend(&ROOT, &self.plan.prefix, &mut Keys::new()) {
            Ok(()) => Collection { items: self.items, too_much: false, steps: self.steps, lists: self.lists },
            Err(TooMuch) => Collection { too_much: true, ..Collection::default() },
        }
    }

    /// One item, found by its keys. Only for collections without lists.
    pub(crate) fn one(&mut self, keys: &Keys) -> Option<Item> {
        let mut object = ROOT;
        let mut keys = keys.iter();
        let Some((last, way)) = self.plan.prefix.split_last() else {
            return Some(self.item_alone(&ValueRef::Object(ObjType::Map), ROOT));
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
        Some(self.item_alone(&found.value, found.id()))
    }

    /// An item that costs more than a whole collection may is found out by the caller's sum.
    fn item_alone(&mut self, value: &ValueRef<'_>, id: ObjId) -> Item {
        self.steps = 0;
        let item = self.item(value, id.clone());
        item.unwrap_or(Item { op: id, cells: Vec::new(), steps: STEPS_PER_COLLECTION_MAX + 1 })
    }

    fn descend(&mut self, object: &ObjId, steps: &[Step], keys: &mut Keys) -> Result<(), TooMuch> {
        let Some((step, rest)) = steps.split_first() else {
            // Only a path without `*` ends here: its item is the root.
            let item = self.item(&ValueRef::Object(ObjType::Map), object.clone())?;
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
                if rest.is_empty() && self.sweep(object, keys)? {
                    return Ok(());
                }
                for member in self.doc.map_range(object, ..) {
                    let id = member.id();
                    keys.push(member.key.into_owned());
                    self.met(&member.value, id, rest, keys)?;
                    keys.pop();
                }
                Ok(())
            }
            (Step::Any, Ok(ObjType::List)) => {
                self.lists = true;
                for (key, value, id) in list_items(self.doc, object) {
                    keys.push(key);
                    self.met(&value, id, rest, keys)?;
                    keys.pop();
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Reads all items of a map in one pass over everything below it, which costs a third of asking
    /// for each object. When most of what it passes over is not wanted, it gives up and says so; then
    /// nothing was counted.
    fn sweep(&mut self, map: &ObjId, keys: &[String]) -> Result<bool, TooMuch> {
        let before = self.steps;
        let mut sweep = Sweep { items: Vec::new(), open: BTreeMap::new() };
        let mut present: Option<(Arc<ObjId>, Company<'d>)> = None;
        let mut unwanted = 0;
        for DocObjItem { obj, item } in self.doc.iter_at(map, None) {
            // What one object holds comes in a row, and names it by the same pointer.
            let company = match &present {
                Some((known, company)) if Arc::ptr_eq(known, &obj) => *company,
                _ => {
                    let company = sweep.company(map, &obj);
                    present = Some((obj.clone(), company));
                    company
                }
            };
            match (item, company) {
                (DocItem::Map(member), Company::Items) => self.swept_item(&mut sweep, member)?,
                (DocItem::Map(member), Company::Wanted(place)) => {
                    self.swept_member(&mut sweep, place, &obj, &member)?;
                }
                _ => {
                    unwanted += 1;
                    if unwanted > UNWANTED_MIN + UNWANTED_PER_STEP * (self.steps - before) {
                        self.steps = before;
                        return Ok(false);
                    }
                }
            }
        }
        // Members come in the order of their keys, which makes this cheap.
        let mut items: BTreeMap<Keys, Item> = sweep
            .items
            .into_iter()
            .map(|(key, item)| (keys.iter().cloned().chain([key]).collect(), item))
            .collect();
        self.items.append(&mut items);
        Ok(true)
    }

    fn swept_item(&mut self, sweep: &mut Sweep<'d>, member: MapRangeItem<'_>) -> Result<(), TooMuch> {
        let op = member.id();
        let index = sweep.items.len();
        let cells = vec![Cell::default(); self.plan.wishes.len()];
        sweep.items.push((member.key.into_owned(), Item { op: op.clone(), cells, steps: 0 }));
        let before = self.steps;
        self.step(1)?;
        self.swept(sweep, (index, &self.plan.tree), &member.value, op)?;
        sweep.items[index].1.steps += self.steps - before;
        Ok(())
    }

    fn swept_member(
        &mut self,
        sweep: &mut Sweep<'d>,
        (index, node): Place<'d>,
        object: &ObjId,
        member: &MapRangeItem<'_>,
    ) -> Result<(), TooMuch> {
        let before = self.steps;
        self.step(1)?;
        if let Some(wanted) = node.get(&member.key) {
            if member.conflict {
                self.rivals(wanted, object, &member.key, &mut sweep.items[index].1.cells)?;
            }
            self.swept(sweep, (index, wanted), &member.value, member.id())?;
        }
        sweep.items[index].1.steps += self.steps - before;
        Ok(())
    }

    /// A place of the plan was met: its value is taken, and its members will come.
    fn swept(
        &mut self,
        sweep: &mut Sweep<'d>,
        (index, node): Place<'d>,
        value: &ValueRef<'_>,
        op: ObjId,
    ) -> Result<(), TooMuch> {
        let cells = &mut sweep.items[index].1.cells;
        self.take(node, value, &op, cells)?;
        if !node.members.is_empty() && matches!(value, ValueRef::Object(ObjType::Map)) {
            self.first_values(node, &op, cells)?;
            sweep.open.insert(op, (index, node));
        }
        Ok(())
    }

    /// What a `*` met.
    fn met(
        &mut self,
        value: &ValueRef<'_>,
        id: ObjId,
        rest: &[Step],
        keys: &mut Keys,
    ) -> Result<(), TooMuch> {
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

    fn item(&mut self, value: &ValueRef<'_>, id: ObjId) -> Result<Item, TooMuch> {
        let before = self.steps;
        self.step(1)?;
        let mut cells = vec![Cell::default(); self.plan.wishes.len()];
        self.fields(&self.plan.tree, value, &id, &mut cells)?;
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
        self.take(node, value, id, cells)?;
        if node.members.is_empty() || !matches!(value, ValueRef::Object(ObjType::Map)) {
            return Ok(());
        }
        for member in self.doc.map_range(id, ..) {
            self.step(1)?;
            let Some(wanted) = node.get(&member.key) else { continue };
            if member.conflict {
                self.rivals(wanted, id, &member.key, cells)?;
            }
            self.fields(wanted, &member.value, &member.id(), cells)?;
        }
        self.first_values(node, id, cells)
    }

    /// The value at a place, if somebody wants it.
    fn take(
        &mut self,
        node: &Node,
        value: &ValueRef<'_>,
        id: &ObjId,
        cells: &mut [Cell],
    ) -> Result<(), TooMuch> {
        let Some(wish) = node.wish else { return Ok(()) };
        let (value, op) = match self.plan.reading {
            Reading::Bounded => (content(self.doc, value, id), id.clone()),
            Reading::Whole => self.whole(value, id)?,
        };
        cells[wish].value = Some(value);
        cells[wish].op = Some(op);
        Ok(())
    }

    /// All of a value, and the newest operation in it.
    fn whole(&mut self, value: &ValueRef<'_>, id: &ObjId) -> Result<(Value, ObjId), TooMuch> {
        match value {
            ValueRef::Scalar(scalar) => {
                self.step(scalar_steps(value))?;
                Ok((json::scalar_to_json(scalar), id.clone()))
            }
            ValueRef::Object(ObjType::Text) => {
                let text = self.doc.text(id).unwrap_or_default();
                self.step(text_steps(text.len()))?;
                Ok((text.into(), id.clone()))
            }
            ValueRef::Object(_) => {
                let newest = self.newest(id)?;
                Ok((json::read_at(self.doc, id, None), newest))
            }
        }
    }

    /// The newest operation in an object, when it is not too much to read.
    fn newest(&mut self, object: &ObjId) -> Result<ObjId, TooMuch> {
        let mut newest = object.clone();
        for DocObjItem { item, .. } in self.doc.iter_at(object, None) {
            let (steps, op) = match &item {
                DocItem::Map(member) => {
                    (1 + text_steps(member.key.len()) + scalar_steps(&member.value), Some(member.id()))
                }
                DocItem::List(item) => (1 + scalar_steps(&item.value), Some(item.id())),
                DocItem::Text(span) => (text_steps(span.as_str().len()), None),
            };
            self.step(steps)?;
            if let Some(op) = op {
                newest = newest.max(op);
            }
        }
        Ok(newest)
    }

    /// All live values of a contested register, where they are wanted.
    fn rivals(
        &mut self,
        wanted: &Node,
        object: &ObjId,
        name: &str,
        cells: &mut [Cell],
    ) -> Result<(), TooMuch> {
        if let Some(wish) = wanted.wish.filter(|wish| self.plan.wishes[*wish].rivals) {
            let rivals = rivals(self.doc, object, name);
            self.step(rivals.len())?;
            cells[wish].more_mut().rivals = rivals;
        }
        Ok(())
    }

    /// What the members of an object were created with, where that is wanted.
    fn first_values(&mut self, node: &Node, object: &ObjId, cells: &mut [Cell]) -> Result<(), TooMuch> {
        for (name, member) in &node.members {
            if let Some(wish) = member.wish.filter(|wish| self.plan.wishes[*wish].first) {
                self.step(FIRST_VALUE_STEPS)?;
                if let Some(first) = first_value(self.doc, object, name) {
                    cells[wish].more_mut().first = Some(first);
                }
            }
        }
        Ok(())
    }

    fn step(&mut self, steps: usize) -> Result<(), TooMuch> {
        self.steps += steps;
        if self.steps > STEPS_PER_COLLECTION_MAX { Err(TooMuch) } else { Ok(()) }
    }
}

/// What a text costs that is read in full.
fn text_steps(bytes: usize) -> usize {
    bytes / BYTES_PER_STEP
}

fn scalar_steps(value: &ValueRef<'_>) -> usize {
    match value {
        ValueRef::Scalar(ScalarValueRef::Str(text)) => text_steps(text.len()),
        ValueRef::Scalar(ScalarValueRef::Bytes(bytes)) => text_steps(bytes.len()),
        _ => 0,
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
