//! What refused changes would do to a document, and the same done by somebody who may.
//!
//! Edit path: ← changes that were kept aside and the document as it stands; → a difference to look at, or one new change.
//!
//! Always true: the document that was given is not touched, and the refused changes themselves do not come in: what is made
//! of them is a change of whoever accepts it, at the heads that their author knew.

use super::item::Item;
use super::remade::{Remade, remade};
use automerge::{ActorId, Automerge, AutomergeError, Change, ChangeHash, ReadDoc};
use bytes::Bytes;
use dovetail_core::document::careful::{Panicked, carefully};
use dovetail_core::doors::{self, UnknownHeads, Writer, Written};
use dovetail_core::reserved::RESERVED_KEY;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// How many missing changes are named; more are of no use to a reader.
const MISSING_MAX: usize = 32;

/// What refused changes would do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Preview {
    /// The heads that their author knew, as far as they are here.
    pub base: Vec<ChangeHash>,
    /// The difference to what their author saw, as JSON Patch (RFC 6902). Empty when something is missing.
    pub patch: Vec<Value>,
    /// Changes that they depend on and that the document does not have; the first of them.
    pub missing: Vec<ChangeHash>,
    /// How many of the changes the document has by now.
    pub already_there: usize,
    /// Whether they write under the key that belongs to the server, which cannot be carried over.
    pub writes_reserved: bool,
}

/// The same, by somebody who may.
#[derive(Debug)]
pub struct Rebased {
    /// What is to be stored, and what becomes of it; no change when there is nothing to do.
    pub written: Written,
    /// Whether something under the key that belongs to the server was left out.
    pub left_out_reserved: bool,
}

/// Why there is nothing to show or to accept.
#[derive(Debug, thiserror::Error)]
pub enum RescueError {
    /// What is kept is no change, or not the one that it was.
    #[error("a change that was kept aside cannot be read")]
    Unreadable,
    /// Something is missing that the changes depend on.
    #[error("the document lacks {} changes that these depend on", .missing.len())]
    Missing {
        /// The first of them.
        missing: Vec<ChangeHash>,
    },
    /// Automerge panicked or refused.
    #[error("the changes cannot be applied: {why}")]
    NotApplicable {
        /// Its words.
        why: String,
    },
}

/// What the changes would do to the document as their author saw it.
///
/// # Errors
/// When they cannot be read or applied. That something is missing is no error: it is told.
pub fn preview(doc: &Automerge, changes: &[(ChangeHash, Bytes)]) -> Result<Preview, RescueError> {
    guarded(|| {
        let parsed = parse(changes)?;
        let (new, already_there) = new_ones(doc, parsed);
        let missing = missing(doc, &new);
        if !missing.is_empty() {
            return Ok(Preview { missing, already_there, ..Preview::default() });
        }
        let effect = Effect::of(doc, new)?;
        Ok(Preview {
            base: effect.base,
            patch: effect.patch,
            missing,
            already_there,
            writes_reserved: effect.writes_reserved,
        })
    })
}

/// One change at the heads that the author knew, with the operations of the refused ones. It is the same change however often it
/// is made, so whoever accepts twice has accepted once.
///
/// # Errors
/// When something is missing, or the effect cannot be written.
pub fn rebased(doc: &Automerge, item: &Item) -> Result<Rebased, RescueError> {
    guarded(|| {
        let (new, _) = new_ones(doc, parse(&item.changes)?);
        let missing = missing(doc, &new);
        if !missing.is_empty() {
            return Err(RescueError::Missing { missing });
        }
        let message = item.summary.subject.as_ref().map(|author| format!("accepted for {author}"));
        let writer = Writer { actor: actor_of(item), time: item.summary.at, message };
        let (base, after) = applied(doc, new)?;
        let made = remade(&after, &base, &after.get_changes(&base), &writer);
        let Remade { change, left_out_reserved } = made.map_err(|error| not_applicable(&error))?;
        let written = match doors::written_before(doc, &writer.actor) {
            Some(before) => before,
            None => merged(doc, change).map_err(|error| not_applicable(&error))?,
        };
        Ok(Rebased { written, left_out_reserved })
    })
}

/// The document with the change.
fn merged(doc: &Automerge, change: Option<Change>) -> Result<Written, AutomergeError> {
    let mut document = doc.clone();
    document.apply_changes(change.clone())?;
    let (before, after) = (sorted_heads(doc), sorted_heads(&document));
    let lost = change.as_ref().map(|change| doors::lost(&document, &after, change)).unwrap_or_default();
    Ok(Written { changes: change.into_iter().collect(), before, after, lost, document })
}

fn sorted_heads(doc: &Automerge) -> Vec<ChangeHash> {
    let mut heads = doc.get_heads();
    heads.sort_unstable();
    heads
}

/// An actor that nobody else has: drawn from what was refused.
fn actor_of(item: &Item) -> ActorId {
    let digest = Sha256::new().chain_update(b"accepted").chain_update(item.summary.document.as_bytes());
    let digest = item.changes.iter().fold(digest, |digest, (hash, _)| digest.chain_update(hash.0)).finalize();
    let (actor, _) = digest.split_first_chunk::<16>().expect("SHA-256 has 32 bytes");
    ActorId::from(*actor)
}

/// What changes do to the state on which their author made them.
struct Effect {
    base: Vec<ChangeHash>,
    patch: Vec<Value>,
    writes_reserved: bool,
}

impl Effect {
    fn of(doc: &Automerge, changes: Vec<Change>) -> Result<Self, RescueError> {
        let (base, fork) = applied(doc, changes)?;
        let after = fork.get_heads();
        let patch = doors::diff(&fork, &base, &after).map_err(|unknown| lacks(&unknown))?;
        let (before, after) = (reserved_at(&fork, &base), reserved_at(&fork, &after));
        Ok(Self { base, patch, writes_reserved: before != after })
    }
}

/// The heads that the author knew, and a document with the changes on top. On a fork, so that nothing others wrote
/// meanwhile takes part.
fn applied(doc: &Automerge, changes: Vec<Change>) -> Result<(Vec<ChangeHash>, Automerge), RescueError> {
    let base = base_of(&changes);
    let mut fork = doc.fork_at(&base).map_err(|error| not_applicable(&error))?;
    fork.apply_changes(changes).map_err(|error| not_applicable(&error))?;
    Ok((base, fork))
}

fn reserved_at(doc: &Automerge, heads: &[ChangeHash]) -> Option<Value> {
    dovetail_core::json::read(doc, Some(heads)).get(RESERVED_KEY).cloned()
}

/// Runs what works on foreign bytes; a panic becomes an error.
fn guarded<T>(work: impl FnOnce() -> Result<T, RescueError>) -> Result<T, RescueError> {
    let not_applicable = |panicked: Panicked| RescueError::NotApplicable { why: panicked.to_string() };
    carefully(work).map_err(not_applicable)?
}

fn parse(changes: &[(ChangeHash, Bytes)]) -> Result<Vec<Change>, RescueError> {
    let one = |(hash, bytes): &(ChangeHash, Bytes)| {
        let change = Change::from_bytes(bytes.to_vec()).map_err(|_| RescueError::Unreadable)?;
        if change.hash() == *hash { Ok(change) } else { Err(RescueError::Unreadable) }
    };
    changes.iter().map(one).collect()
}

/// Those that the document does not have, and how many it has.
fn new_ones(doc: &Automerge, changes: Vec<Change>) -> (Vec<Change>, usize) {
    let all = changes.len();
    let is_new = |change: &Change| doc.get_change_by_hash(&change.hash()).is_none();
    let new: Vec<Change> = changes.into_iter().filter(is_new).collect();
    let already_there = all - new.len();
    (new, already_there)
}

/// What is in neither the document nor the changes.
fn missing(doc: &Automerge, changes: &[Change]) -> Vec<ChangeHash> {
    let outside = base_of(changes).into_iter();
    outside.filter(|hash| doc.get_change_by_hash(hash).is_none()).take(MISSING_MAX).collect()
}

/// What the changes depend on outside of themselves.
fn base_of(changes: &[Change]) -> Vec<ChangeHash> {
    let own: BTreeSet<ChangeHash> = changes.iter().map(Change::hash).collect();
    let outside = changes.iter().flat_map(|change| change.deps().iter().copied());
    let outside: BTreeSet<ChangeHash> = outside.filter(|dep| !own.contains(dep)).collect();
    outside.into_iter().collect()
}

fn not_applicable(error: &AutomergeError) -> RescueError {
    RescueError::NotApplicable { why: error.to_string() }
}

fn lacks(unknown: &UnknownHeads) -> RescueError {
    RescueError::Missing { missing: unknown.unknown.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serial::Serial;
    use automerge::transaction::{Transactable, Transaction};
    use automerge::{ObjType, ROOT, ScalarValue};
    use dovetail_core::id::DocumentId;
    use dovetail_core::json;
    use dovetail_core::time::Timestamp;
    use serde_json::json;

    type Kept = Vec<(ChangeHash, Bytes)>;

    fn put(doc: &mut Automerge, key: &str, value: &str) {
        doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, key, value)).unwrap();
    }

    /// A document, a copy with refused changes in it, and those.
    fn refused(keys: &[(&str, &str)]) -> (Automerge, Kept) {
        let mut doc = Automerge::new();
        put(&mut doc, "title", "Sales");
        let mut copy = doc.fork();
        for (key, value) in keys {
            put(&mut copy, key, value);
        }
        let kept = copy.get_changes(&doc.get_heads());
        let kept = kept.iter().map(|change| (change.hash(), change.raw_bytes().to_vec().into())).collect();
        (doc, kept)
    }

    /// Kept at some time, be it the same or another.
    fn item(kept: &Kept, at: u64) -> Item {
        let (at, document) = (Timestamp::from_millis(at), DocumentId::from_bytes(&[1; 16]).unwrap());
        let ana = Some("ana".parse().unwrap());
        Item::new(Serial::behind(None, at), document, ana, "read_only", (at, at), kept.clone())
    }

    fn accept(doc: &Automerge, kept: &Kept) -> Result<Rebased, RescueError> {
        rebased(doc, &item(kept, 5_000))
    }

    /// AU64: to accept twice is to accept once, be it at the same time, again, or after the same was refused again.
    #[test]
    fn au64_what_is_accepted_twice_is_accepted_once() {
        let (doc, kept) = refused(&[("title", "Sales 2027")]);
        let change = accept(&doc, &kept).unwrap().written.change().cloned().unwrap();
        assert_eq!(accept(&doc, &kept).unwrap().written.change().cloned().unwrap().hash(), change.hash());
        let mut accepted = doc;
        accepted.apply_changes([change.clone()]).unwrap();
        put(&mut accepted, "title", "Sales 2028");
        let later = rebased(&accepted, &item(&kept, 9_000)).unwrap().written.change().cloned().unwrap();
        assert_eq!(later.hash(), change.hash(), "it is there already");
    }

    /// AU63: what is shown is the difference to what the author saw, whatever others did meanwhile.
    #[test]
    fn au63_the_difference_is_to_what_the_author_saw() {
        let (mut doc, kept) = refused(&[("title", "Sales 2027"), ("note", "x")]);
        put(&mut doc, "other", "meanwhile");
        let shown = preview(&doc, &kept).unwrap();
        let patch = json!([
            {"op": "replace", "path": "/title", "value": "Sales 2027"},
            {"op": "add", "path": "/note", "value": "x"}]);
        let mut paths: Vec<&Value> = shown.patch.iter().collect();
        paths.sort_by_key(|one| one["path"].as_str().map(|path| std::cmp::Reverse(path.to_owned())));
        assert_eq!(json!(paths), patch);
        assert!(shown.missing.is_empty() && !shown.writes_reserved);
    }

    /// AU64: what is accepted has the same effect by another actor, says for whom, and brings no refused change in.
    #[test]
    fn au64_what_is_accepted_is_a_new_change() {
        let (mut doc, kept) = refused(&[("title", "Sales 2027"), ("note", "x")]);
        put(&mut doc, "other", "meanwhile");
        let change = accept(&doc, &kept).unwrap().written.change().cloned().unwrap();
        assert_eq!(change.message(), Some("accepted for ana"));
        let refused = Change::from_bytes(kept[0].1.to_vec()).unwrap();
        assert_ne!(change.actor_id(), refused.actor_id());
        doc.apply_changes([change]).unwrap();
        let expected = json!({"title": "Sales 2027", "note": "x", "other": "meanwhile"});
        assert_eq!(json::read(&doc, None), expected);
        assert!(kept.iter().all(|(hash, _)| doc.get_change_by_hash(hash).is_none()));
    }

    /// AU63: what depends on something that never came is shown with what is missing, and cannot be accepted.
    #[test]
    fn au63_what_is_missing_is_named() {
        let (doc, kept) = refused(&[("a", "1"), ("b", "2")]);
        let shown = preview(&doc, &kept[1..]).unwrap();
        assert_eq!((shown.missing, shown.patch), (vec![kept[0].0], vec![]));
        assert!(matches!(accept(&doc, &kept[1..].to_vec()), Err(RescueError::Missing { .. })));
    }

    /// AU65: what writes where the server writes is told, and left out of what is accepted.
    #[test]
    fn au65_the_reserved_place_is_left_out() {
        let (doc, kept) = refused(&[(RESERVED_KEY, "mine"), ("note", "x")]);
        assert!(preview(&doc, &kept).unwrap().writes_reserved);
        let accepted = accept(&doc, &kept).unwrap();
        assert!(accepted.left_out_reserved);
        let mut doc = doc;
        doc.apply_changes(accepted.written.changes).unwrap();
        assert_eq!(json::read(&doc, None), json!({"title": "Sales", "note": "x"}));
    }

    /// AU64: what is there already is not written again.
    #[test]
    fn au64_what_is_there_already_is_nothing() {
        let (mut doc, kept) = refused(&[("note", "x")]);
        let changes = kept.iter().map(|(_, bytes)| Change::from_bytes(bytes.to_vec()).unwrap());
        doc.apply_changes(changes.collect::<Vec<_>>()).unwrap();
        assert_eq!(preview(&doc, &kept).unwrap().already_there, 1);
        assert!(accept(&doc, &kept).unwrap().written.change().is_none());
    }

    fn edit(doc: &mut Automerge, edit: impl FnOnce(&mut Transaction<'_>) -> Result<(), AutomergeError>) {
        doc.transact(edit).unwrap();
    }

    /// What was done to a copy and refused.
    fn kept_of(copy: &Automerge, base: &[ChangeHash]) -> Kept {
        let changes = copy.get_changes(base);
        changes.iter().map(|change| (change.hash(), change.raw_bytes().to_vec().into())).collect()
    }

    /// A document with a value of every type, as somebody left it at base.
    fn with_everything() -> Automerge {
        let mut doc = Automerge::new();
        edit(&mut doc, |tx| {
            let text = tx.put_object(ROOT, "text", ObjType::Text)?;
            tx.splice_text(&text, 0, 0, "cleo-old")?;
            let list = tx.put_object(ROOT, "list", ObjType::List)?;
            tx.splice(&list, 0, 0, [1, 2, 3])?;
            tx.put_object(ROOT, "map", ObjType::Map)?;
            tx.put(ROOT, "hits", ScalarValue::counter(1))?;
            tx.put(ROOT, "gone", 1)
        });
        doc
    }

    fn object(doc: &impl ReadDoc, name: &str) -> automerge::ObjId {
        doc.get(ROOT, name).unwrap().unwrap().1
    }

    /// Two changes that do something of every kind.
    fn does_everything(doc: &mut Automerge) {
        edit(doc, |tx| {
            tx.put(ROOT, "bytes", ScalarValue::Bytes(vec![1, 2, 3]))?;
            tx.put(ROOT, "date", ScalarValue::Timestamp(1_700_000_000_000))?;
            tx.put(ROOT, "whole", ScalarValue::Uint(7))?;
            tx.put(ROOT, "count", ScalarValue::counter(5))?;
            tx.increment(ROOT, "hits", 10)?;
            let text = object(tx, "text");
            tx.splice_text(&text, 8, 0, "2")?;
            tx.delete(ROOT, "gone")
        });
        edit(doc, |tx| {
            let list = object(tx, "list");
            tx.delete(&list, 0)?;
            tx.insert(&list, 1, 9)?;
            let inner = tx.insert_object(&list, 2, ObjType::Map)?;
            tx.put(&inner, "a", 1)?;
            let map = object(tx, "map");
            let deep = tx.put_object(map, "deep", ObjType::Text)?;
            tx.splice_text(&deep, 0, 0, "text")?;
            tx.increment(ROOT, "count", 1)
        });
    }

    /// AU72: what is accepted keeps its types and merges with what others wrote as the author's own changes would have.
    #[test]
    fn au72_what_is_accepted_is_what_the_author_did() {
        let mut doc = with_everything();
        let base = doc.get_heads();
        let mut copy = doc.fork();
        does_everything(&mut copy);
        edit(&mut doc, |tx| {
            let text = object(tx, "text");
            tx.splice_text(&text, 0, 8, "bo-new")?;
            tx.increment(ROOT, "hits", 100)?;
            let list = object(tx, "list");
            tx.insert(&list, 0, 0)
        });
        let accepted = accept(&doc, &kept_of(&copy, &base)).unwrap();
        doc.merge(&mut copy).unwrap();
        let accepted = accepted.written.document;
        assert_eq!(json::read(&accepted, None), json::read(&doc, None));
        for name in ["bytes", "date", "whole", "count", "hits"] {
            let value = |doc: &Automerge| doc.get(ROOT, name).unwrap().unwrap().0.into_owned();
            assert_eq!(value(&accepted), value(&doc), "{name}");
        }
        assert_eq!(json::read(&accepted, None)["text"], "bo-new2");
        assert_eq!(json::read(&accepted, None)["hits"], 111);
    }

    /// AU72: changes that were made at the same time by several people are remade as one, with the same effect.
    #[test]
    fn au72_changes_made_apart_are_accepted_together() {
        let mut doc = with_everything();
        let base = doc.get_heads();
        let (mut one, mut two) = (doc.fork(), doc.fork());
        does_everything(&mut one);
        edit(&mut two, |tx| {
            let list = object(tx, "list");
            tx.insert(&list, 1, 5)?;
            tx.put(ROOT, "two", true)
        });
        one.merge(&mut two).unwrap();
        let accepted = accept(&doc, &kept_of(&one, &base)).unwrap();
        assert_eq!(accepted.written.changes.len(), 1);
        doc.merge(&mut one).unwrap();
        let (mut read, mut expected) = (json::read(&accepted.written.document, None), json::read(&doc, None));
        // Of items that were inserted at one place at the same time either may come first.
        for value in [&mut read, &mut expected] {
            value["list"].as_array_mut().unwrap().sort_by_key(Value::to_string);
        }
        assert_eq!(read, expected);
    }

    /// AU73: whoever accepts is told what of it did not win.
    #[test]
    fn au73_what_did_not_win_is_told() {
        let (mut doc, kept) = refused(&[("title", "Sales 2027")]);
        put(&mut doc, "title", "Sales 2028");
        put(&mut doc, "title", "Sales 2029");
        let lost = accept(&doc, &kept).unwrap().written.lost;
        assert_eq!((lost.count, lost.values[0].path.as_str()), (1, "/title"));
        assert_eq!(lost.values[0].theirs, Some(json!("Sales 2029")));
    }

    /// AU65: what lies below the reserved place is left out as well, be it in objects that are there or in new ones.
    #[test]
    fn au65_what_lies_below_the_reserved_place_is_left_out() {
        let mut doc = Automerge::new();
        edit(&mut doc, |tx| tx.put_object(ROOT, RESERVED_KEY, ObjType::Map).map(drop));
        let (base, mut copy) = (doc.get_heads(), doc.fork());
        edit(&mut copy, |tx| {
            let there = object(tx, RESERVED_KEY);
            let new = tx.put_object(&there, "versions", ObjType::Map)?;
            tx.put(&new, "mine", 1)?;
            tx.put(ROOT, "note", "x")
        });
        let accepted = accept(&doc, &kept_of(&copy, &base)).unwrap();
        assert!(accepted.left_out_reserved);
        assert_eq!(accepted.written.change().unwrap().len(), 1);
        let read = json::read(&accepted.written.document, None);
        assert_eq!(read, json!({"note": "x", RESERVED_KEY: {}}));
    }

    /// AU66: bytes that are no change, or another one, are an error and no panic.
    #[test]
    fn au66_what_cannot_be_read_is_an_error() {
        let (doc, kept) = refused(&[("note", "x")]);
        let other = (ChangeHash([1; 32]), kept[0].1.clone());
        assert!(matches!(preview(&doc, &[other]), Err(RescueError::Unreadable)));
        for length in 0..kept[0].1.len() {
            let cut = (kept[0].0, kept[0].1.slice(..length));
            assert!(matches!(preview(&doc, &[cut]), Err(RescueError::Unreadable)), "{length} bytes");
        }
    }
}
