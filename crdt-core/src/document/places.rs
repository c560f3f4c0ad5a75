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
//! Where somebody may only add, they put items and members where there were none: into what the limit names, and into what
//! the same change makes. Anything that was there before has come to its end, whoever made it; who wants more in it makes
//! it in one change, as a client does that pushes an object into a list.
//!
//! Always true: what cannot be judged is out of place. An operation costs a bounded number of steps, however deep the
//! document and however many objects the change makes: of the way to an object the first [`NAMES_MAX`] steps are kept,
//! and objects further down share them.

use super::careful::carefully;
use super::events::Rejection;
use crate::grant::{Limits, May, STEPS_MAX, Step};
use crate::json::DEPTH_MAX;
use automerge::legacy::{Key, ObjectId, Op, OpId, OpType};
use automerge::{Automerge, Change, ObjId, Prop, ROOT, ReadDoc};
use std::collections::HashMap;
use std::sync::Arc;

/// How many steps of the way to an object are kept. No limit looks further than one step behind its own.
const NAMES_MAX: usize = STEPS_MAX + 1;

/// The most bytes of a place in words. Names of members may be as long as a change.
const WORDS_BYTES_MAX: usize = 1_024;

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
    Key(Arc<str>),
    Item,
}

/// What is known of an object that an operation goes to.
#[derive(Debug, Clone)]
struct Place {
    /// The first steps to it.
    names: Arc<[Name]>,
    /// The change made it: nothing in it is anybody else's.
    is_new: bool,
    /// Whatever is done in it may be done: a limit covers it.
    is_free: bool,
}

/// Checks all operations of a change on a document that has all it builds on.
pub(super) fn check(doc: &Automerge, change: &Change, limits: &Limits) -> Result<(), OutOfPlace> {
    let unknown = || OutOfPlace { place: "a place that is not known".to_owned() };
    carefully(|| Checking { doc, limits, places: HashMap::new() }.change(change))
        .unwrap_or_else(|_panicked| Err(unknown()))
}

/// Why a change would be refused by whoever has a right to these places only; nothing when it stays within them. For who
/// wants to know before they make it.
#[must_use]
pub fn out_of_places(doc: &Automerge, change: &Change, limits: &Limits) -> Option<Rejection> {
    let out_of_place = check(doc, change, limits).err()?;
    Some(Rejection::PathForbidden { place: out_of_place.place })
}

/// A change that is being checked.
struct Checking<'a> {
    doc: &'a Automerge,
    limits: &'a Limits,
    /// The objects that operations went to so far, and those that the change made.
    places: HashMap<OpId, Place>,
}

impl Checking<'_> {
    fn change(&mut self, change: &Change) -> Result<(), OutOfPlace> {
        // It would be nowhere, and its message and time in the history for ever.
        if change.is_empty() {
            return Err(OutOfPlace { place: "nothing".to_owned() });
        }
        for (number, op) in (change.start_op().get()..).zip(change.decode().operations) {
            let holder = self.place_of(&op.obj)?;
            if !holder.is_free {
                self.operation(&holder, &op)?;
            }
            if let OpType::Make(_) = op.action {
                let made = self.below(&holder, &op.key, true);
                self.places.insert(OpId::new(number, change.actor_id()), made);
            }
        }
        Ok(())
    }

    /// Whether an operation may be done in this object.
    fn operation(&self, holder: &Place, op: &Op) -> Result<(), OutOfPlace> {
        let mut steps = steps(&holder.names);
        steps.push(match &op.key {
            Key::Map(name) => Step::Key(name),
            Key::Seq(_) => Step::Item,
        });
        let may = match self.limits.at(&steps) {
            Some(May::Change) => true,
            Some(May::Append) => {
                holder.is_new || (self.limits.are_directly_above(&steps) && adds(self.doc, op))
            }
            None => false,
        };
        if may { Ok(()) } else { Err(out_of(&steps)) }
    }

    /// Where the object lies that an operation goes to.
    fn place_of(&mut self, object: &ObjectId) -> Result<Place, OutOfPlace> {
        let id = match object {
            ObjectId::Root => return Ok(self.place(Arc::default(), false)),
            ObjectId::Id(id) => id,
        };
        if let Some(place) = self.places.get(id) {
            return Ok(place.clone());
        }
        let names = names_to(self.doc, id)?;
        let place = self.place(names.into(), false);
        self.places.insert(id.clone(), place.clone());
        Ok(place)
    }

    /// Where an object lies that is made in another one.
    fn below(&self, holder: &Place, key: &Key, is_new: bool) -> Place {
        if holder.names.len() >= NAMES_MAX {
            return Place { is_new, ..holder.clone() };
        }
        let name = match key {
            Key::Map(name) => Name::Key(name.as_str().into()),
            Key::Seq(_) => Name::Item,
        };
        self.place(holder.names.iter().cloned().chain([name]).collect(), is_new)
    }

    fn place(&self, names: Arc<[Name]>, is_new: bool) -> Place {
        let is_free = match self.limits.at(&steps(&names)) {
            Some(May::Change) => true,
            Some(May::Append) => is_new,
            None => false,
        };
        Place { names, is_new, is_free }
    }
}

/// The first steps to an object of the document. No change makes one that lies deeper than [`DEPTH_MAX`], so nobody looks
/// for the way to one that was made before that was so.
fn names_to(doc: &Automerge, id: &OpId) -> Result<Vec<Name>, OutOfPlace> {
    let nowhere = || OutOfPlace { place: "an object that is not there".to_owned() };
    let object = doc.import_obj(&id.to_string()).map_err(|_| nowhere())?;
    let parents = doc.parents(&object).map_err(|_| nowhere())?;
    let props: Vec<Prop> = parents.take(DEPTH_MAX + 1).map(|parent| parent.prop).collect();
    if props.len() > DEPTH_MAX {
        return Err(OutOfPlace { place: format!("a place deeper than {DEPTH_MAX} levels") });
    }
    let name = |prop: Prop| match prop {
        Prop::Map(key) => Name::Key(key.into()),
        Prop::Seq(_) => Name::Item,
    };
    Ok(props.into_iter().rev().take(NAMES_MAX).map(name).collect())
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
    // One more than there are: the operation's own.
    let mut steps = Vec::with_capacity(names.len() + 1);
    steps.extend(names.iter().map(|name| match name {
        Name::Key(key) => Step::Key(key),
        Name::Item => Step::Item,
    }));
    steps
}

fn out_of(steps: &[Step<'_>]) -> OutOfPlace {
    let mut place = String::new();
    for step in steps {
        match step {
            Step::Key(key) => place.extend(["/", &key.replace('~', "~0").replace('/', "~1")]),
            Step::Item => place.push_str("/*"),
        }
        if place.len() > WORDS_BYTES_MAX {
            let end = (0..=WORDS_BYTES_MAX).rev().find(|at| place.is_char_boundary(*at)).unwrap_or(0);
            place.truncate(end);
            place.push('…');
            break;
        }
    }
    OutOfPlace { place }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::Limit;
    use automerge::transaction::Transactable;
    use automerge::{AutomergeError, ObjType};

    fn limits(path: &str, may: May) -> Limits {
        Limits::of(vec![Limit { path: path.parse().unwrap(), may }]).unwrap()
    }

    /// AU76: of the way to an object a few steps are kept, and all that lie deeper share them.
    #[test]
    fn au76_what_is_kept_of_deep_objects_does_not_grow_with_their_depth() {
        let mut doc = Automerge::new();
        doc.transact::<_, _, AutomergeError>(|tx| {
            let mut object = tx.put_object(ROOT, "points", ObjType::Map)?;
            for _ in 0..4_000 {
                object = tx.put_object(&object, "m", ObjType::Map)?;
            }
            Ok(())
        })
        .unwrap();
        let change = doc.get_changes(&[]).pop().unwrap();
        let limits = limits("/points", May::Append);
        let empty = Automerge::new();
        let mut checking = Checking { doc: &empty, limits: &limits, places: HashMap::new() };
        checking.change(&change).unwrap();
        assert_eq!(checking.places.len(), 4_001);
        let mut kept: Vec<&Arc<[Name]>> = checking.places.values().map(|place| &place.names).collect();
        kept.sort_by_key(|names| Arc::as_ptr(names).addr());
        kept.dedup_by(|one, other| Arc::ptr_eq(one, other));
        assert_eq!(kept.len(), NAMES_MAX);
        assert_eq!(kept.iter().map(|names| names.len()).sum::<usize>(), NAMES_MAX * (NAMES_MAX + 1) / 2);
    }

    /// AU76: the way to an object of the document is looked for once in a change, and no further than documents nest.
    #[test]
    fn au76_the_way_to_an_object_is_looked_for_once() {
        let (mut doc, mut ways) = (Automerge::new(), Vec::new());
        doc.transact::<_, _, AutomergeError>(|tx| {
            let mut object = tx.put_object(ROOT, "points", ObjType::Map)?;
            for depth in 2..=150_000 {
                object = tx.put_object(&object, "m", ObjType::Map)?;
                if [DEPTH_MAX, DEPTH_MAX + 1, 150_000].contains(&depth) {
                    ways.push(object.clone());
                }
            }
            Ok(())
        })
        .unwrap();
        let limits = limits("/points", May::Change);
        for (way, is_known) in ways.iter().zip([true, false, false]) {
            let mut ahead = doc.clone();
            let before = ahead.get_heads();
            ahead
                .transact::<_, _, AutomergeError>(|tx| {
                    (0..3_000).try_for_each(|n| tx.put(way, format!("k{n}"), 1))
                })
                .unwrap();
            let change = ahead.get_changes(&before).pop().unwrap();
            let mut checking = Checking { doc: &doc, limits: &limits, places: HashMap::new() };
            assert_eq!(checking.change(&change).is_ok(), is_known);
            assert_eq!(checking.places.len(), usize::from(is_known));
        }
    }

    /// AU76: a place is told in few words, however long the names in it.
    #[test]
    fn au76_a_place_is_told_in_few_words() {
        let mut doc = Automerge::new();
        doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "ä".repeat(100_000), 1)).unwrap();
        let change = doc.get_changes(&[]).pop().unwrap();
        let refused = check(&Automerge::new(), &change, &limits("/points", May::Change)).unwrap_err();
        assert!(refused.place.len() <= WORDS_BYTES_MAX + '…'.len_utf8() && refused.place.ends_with('…'));
    }
}
