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
use super::path::Step;
use super::plan::{CollectionPlan, Plan};
use super::reader::Reader;
use automerge::{Automerge, ObjId, Patch, PatchAction, Prop};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the `*` of a path met, outermost first.
pub(crate) type Keys = Vec<String>;

/// The facts of one document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Facts {
    /// As in the plan.
    pub(crate) collections: Vec<Arc<Collection>>,
}

/// The items of one collection.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Collection {
    pub(crate) items: BTreeMap<Keys, Item>,
    /// There is more than may be looked at. Then there are no items here.
    pub(crate) too_much: bool,
    /// What it cost to look.
    pub(crate) steps: usize,
    /// Whether a `*` met a list. Indexes move, so such a collection is always read as a whole.
    pub(crate) lists: bool,
}

/// One item.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    /// The operation that set it; for an object, the object.
    pub(crate) op: ObjId,
    /// As the wishes of the plan.
    pub(crate) cells: Vec<Cell>,
    /// What it cost to look at it.
    pub(crate) steps: usize,
}

/// One field of one item.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Cell {
    /// What stands there.
    pub(crate) value: Option<Value>,
    /// The operation that set it.
    pub(crate) op: Option<ObjId>,
    /// What few cells have.
    more: Option<Box<More>>,
}

/// What is known of a cell that some rule asks more of.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct More {
    /// All live values, when there are several and they are wanted; the earliest operation first.
    pub(crate) rivals: Vec<(Value, ObjId)>,
    /// The value it was created with, when that is wanted.
    pub(crate) first: Option<Value>,
}

impl Cell {
    /// All live values, when there are several and they are wanted.
    pub(crate) fn rivals(&self) -> &[(Value, ObjId)] {
        self.more.as_ref().map_or(&[], |more| &more.rivals)
    }

    /// The value it was created with, when that is wanted.
    pub(crate) fn first(&self) -> Option<&Value> {
        self.more.as_ref()?.first.as_ref()
    }

    pub(crate) fn more_mut(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }
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
            collections: plan
                .collections
                .iter()
                .map(|plan| Arc::new(Reader::new(doc, plan).collection()))
                .collect(),
        }
    }

    /// Reads again what the patches touched.
    pub(crate) fn touched(&mut self, doc: &Automerge, plan: &Plan, patches: &[Patch]) -> Dirty {
        let mut dirty = Dirty::nothing(plan);
        let locations: Vec<Vec<Place<'_>>> = patches.iter().map(location).collect();
        for (index, plan) in plan.collections.iter().enumerate() {
            let collection = &self.collections[index];
            let mut wanted = collection.contested(plan);
            let mut all = collection.lists && !wanted.is_empty();
            for location in &locations {
                match touch(plan, collection.lists || collection.too_much, location) {
                    Touch::Nothing => {}
                    Touch::Item(keys) => drop(wanted.insert(keys, ())),
                    Touch::All => all = true,
                }
            }
            if !all && wanted.is_empty() {
                continue;
            }
            // Whoever answers a question about what was keeps that.
            let collection = Arc::make_mut(&mut self.collections[index]);
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
    /// Items with a contested register. Nobody sees what happens inside of a value that lost, so no
    /// patch tells of it; these few are read again whenever anything happens.
    fn contested(&self, plan: &CollectionPlan) -> BTreeMap<Keys, ()> {
        if !plan.wishes.iter().any(|wish| wish.rivals) {
            return BTreeMap::new();
        }
        let contested = |item: &Item| item.cells.iter().any(|cell| !cell.rivals().is_empty());
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
    for (index, place) in rest.iter().enumerate() {
        if node.wish.is_some() {
            break; // Somewhere in a value that is wanted.
        }
        match place {
            Place::Key(key) => match node.get(key) {
                Some(member) => node = member,
                // A member that nobody wants counts for what the object that holds it costs.
                None if index + 1 == rest.len() && !node.members.is_empty() => break,
                None => return Touch::Nothing,
            },
            Place::Index => return Touch::Nothing,
        }
    }
    if whole { Touch::All } else { Touch::Item(keys) }
}
