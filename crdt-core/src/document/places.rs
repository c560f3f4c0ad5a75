//! Whether a change stays within the places to which its maker's right is limited.
//!
//! Edit path: ← [`super::admit`] has a change of somebody whose right is limited, → it is applied, or refused as a
//! whole.
//!
//! It is judged by where its operations go, not by what they show. What an operation does to an object that is hidden
//! at the moment (it was deleted, or lost against another value) shows nothing, and would come to light later. Every
//! object has one place for ever: Automerge moves nothing. So the place of an operation does not depend on what
//! others do at the same time.
//!
//! Always true: what cannot be judged is out of place.

use super::careful::carefully;
use super::events::Rejection;
use crate::grant::{Limits, May, Step};
use automerge::legacy::{Key, ObjectId, Op, OpId, OpType};
use automerge::{Automerge, Change, ObjId, Prop, ROOT, ReadDoc};
use std::collections::HashMap;

/// Where an operation goes that its maker has no right to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it changes {place}, which is outside of the places that may be changed")]
pub(super) struct OutOfPlace {
    /// The place, as a JSON pointer in which `*` is an item of a list.
    pub(super) place: String,
}

/// One step of the way to an operation.
#[derive(Debug, Clone)]
enum Name {
    Key(String),
    Item,
}

/// What is known of an object that an operation goes to.
#[derive(Debug, Clone)]
struct Place {
    names: Vec<Name>,
    /// The change made it: nothing in it is anybody else's.
    is_new: bool,
}

/// Checks all operations of a change on a document that has all it builds on.
pub(super) fn check(doc: &Automerge, change: &Change, limits: &Limits) -> Result<(), OutOfPlace> {
    let unknown = || OutOfPlace { place: "a place that is not known".to_owned() };
    carefully(|| check_all(doc, change, limits)).unwrap_or_else(|_panicked| Err(unknown()))
}

/// Why a change would be refused by whoever has a right to these places only; nothing when it stays within them. For who
/// wants to know before they make it.
#[must_use]
pub fn out_of_places(doc: &Automerge, change: &Change, limits: &Limits) -> Option<Rejection> {
    let out_of_place = check(doc, change, limits).err()?;
    Some(Rejection::PathForbidden { place: out_of_place.place })
}

fn check_all(doc: &Automerge, change: &Change, limits: &Limits) -> Result<(), OutOfPlace> {
    let expanded = change.decode();
    let mut made: HashMap<OpId, Place> = HashMap::new();
    for (n, op) in expanded.operations.iter().enumerate() {
        let holder = place_of(doc, &made, &op.obj)?;
        let mut names = holder.names;
        let name = name_of(&op.key);
        names.push(name);
        let may = limits.at(&steps(&names)).ok_or_else(|| out_of(&names))?;
        if may == May::Append && !holder.is_new && !adds(doc, op) {
            return Err(out_of(&names));
        }
        if let OpType::Make(_) = op.action {
            let id = OpId::new(change.start_op().get() + n as u64, change.actor_id());
            made.insert(id, Place { names, is_new: true });
        }
    }
    Ok(())
}

/// Where the object lies that an operation goes to.
fn place_of(doc: &Automerge, made: &HashMap<OpId, Place>, object: &ObjectId) -> Result<Place, OutOfPlace> {
    let id = match object {
        ObjectId::Root => return Ok(Place { names: Vec::new(), is_new: false }),
        ObjectId::Id(id) => id,
    };
    if let Some(place) = made.get(id) {
        return Ok(place.clone());
    }
    let nowhere = || OutOfPlace { place: "an object that is not there".to_owned() };
    let object = doc.import_obj(&id.to_string()).map_err(|_| nowhere())?;
    let mut names: Vec<Name> = doc
        .parents(&object)
        .map_err(|_| nowhere())?
        .map(|parent| match parent.prop {
            Prop::Map(key) => Name::Key(key),
            Prop::Seq(_) => Name::Item,
        })
        .collect();
    names.reverse();
    Ok(Place { names, is_new: false })
}

fn name_of(key: &Key) -> Name {
    match key {
        Key::Map(name) => Name::Key(name.to_string()),
        Key::Seq(_) => Name::Item,
    }
}

/// Whether an operation adds something and leaves all that is there as it is.
fn adds(doc: &Automerge, op: &Op) -> bool {
    let puts = matches!(op.action, OpType::Make(_) | OpType::Put(_));
    if !puts || op.pred.iter().next().is_some() {
        return false;
    }
    match &op.key {
        Key::Seq(_) => op.insert,
        Key::Map(name) => {
            let object = match &op.obj {
                ObjectId::Root => Some(ROOT),
                ObjectId::Id(id) => doc.import_obj(&id.to_string()).ok(),
            };
            let is_free = |object: ObjId| doc.get(&object, name.as_str()).is_ok_and(|found| found.is_none());
            object.is_some_and(is_free)
        }
    }
}

fn steps(names: &[Name]) -> Vec<Step<'_>> {
    names
        .iter()
        .map(|name| match name {
            Name::Key(key) => Step::Key(key),
            Name::Item => Step::Item,
        })
        .collect()
}

fn out_of(names: &[Name]) -> OutOfPlace {
    let step = |name: &Name| match name {
        Name::Key(key) => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Name::Item => "/*".to_owned(),
    };
    OutOfPlace { place: names.iter().map(step).collect() }
}
