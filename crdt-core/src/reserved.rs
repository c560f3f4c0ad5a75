//! The root key that belongs to Dovetail, and the change that sets it up.
//!
//! Edit path: ← whoever decides over a conflict or names a version; → entries below `_dovetail`,
//! which are ordinary edits: they work offline, merge and stand in the history.
//!
//! Always true here: the change that makes `_dovetail` and its three maps is the same bytes
//! everywhere and depends on nothing. So two people who write their first entries while apart
//! write them into one map, not into two of which one is lost. That holds only as long as nothing
//! here changes, which the pinned hash in the tests sees to: another shape needs another actor.

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, AutomergeError, Change, ObjId, ObjType, ROOT, ReadDoc, Value};

/// The key in the root of a document that nobody but Dovetail writes.
pub const RESERVED_KEY: &str = "_dovetail";

/// The actor of the change that makes [`RESERVED_KEY`], and of nothing else. The last letter counts
/// the shapes.
pub const ENTRY_ACTOR: [u8; 16] = *b"dovetail:entry:1";

/// What stands below [`RESERVED_KEY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Conflicts that somebody decided to live with, by conflict id.
    Waived,
    /// Conflicts that were settled by a proposal, by conflict id.
    Settled,
    /// States of the document that somebody named, by name.
    Versions,
}

impl Section {
    /// All of them, in the order in which the canonical change makes them.
    pub const ALL: [Self; 3] = [Self::Waived, Self::Settled, Self::Versions];

    /// The key below [`RESERVED_KEY`].
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Waived => "waived",
            Self::Settled => "settled",
            Self::Versions => "versions",
        }
    }
}

/// The canonical change: [`RESERVED_KEY`] and three empty maps in it. It depends on nothing, so it
/// can be applied to any document.
#[must_use]
pub fn entry_change() -> Change {
    let mut doc = Automerge::new().with_actor(ActorId::from(ENTRY_ACTOR));
    let made = doc.transact_with::<_, _, AutomergeError, _>(
        |_| CommitOptions::default().with_time(0),
        |tx| {
            let reserved = tx.put_object(ROOT, RESERVED_KEY, ObjType::Map)?;
            Section::ALL
                .iter()
                .try_for_each(|section| tx.put_object(&reserved, section.key(), ObjType::Map).map(drop))
        },
    );
    made.expect("an empty document takes any member");
    doc.get_last_local_change().expect("a change was made just now")
}

/// Brings the canonical change into the document, unless it is there. What is returned was not in
/// the document yet: whoever stores the document's changes stores this one too, before those that
/// build on it.
///
/// # Errors
/// When Automerge refuses the change: somebody made another change under [`ENTRY_ACTOR`].
pub fn ensure_entry(doc: &mut Automerge) -> Result<Option<Change>, AutomergeError> {
    let change = entry_change();
    if doc.get_change_meta_by_hash(&change.hash()).is_some() {
        return Ok(None);
    }
    doc.apply_changes([change.clone()])?;
    Ok(Some(change))
}

/// The map of a section, made where it is missing. Anything else that a stranger put in its place is
/// replaced: the key is reserved.
///
/// # Errors
/// When Automerge refuses an operation; it has no reason to.
pub fn section<T: Transactable>(tx: &mut T, section: Section) -> Result<ObjId, AutomergeError> {
    let reserved = map_at(tx, &ROOT, RESERVED_KEY)?;
    map_at(tx, &reserved, section.key())
}

/// The map of a section, when there is one.
#[must_use]
pub fn find_section<D: ReadDoc>(doc: &D, section: Section) -> Option<ObjId> {
    let reserved = find_map(doc, &ROOT, RESERVED_KEY)?;
    find_map(doc, &reserved, section.key())
}

fn map_at<T: Transactable>(tx: &mut T, object: &ObjId, key: &str) -> Result<ObjId, AutomergeError> {
    match find_map(tx, object, key) {
        Some(map) => Ok(map),
        None => tx.put_object(object, key, ObjType::Map),
    }
}

fn find_map<D: ReadDoc>(doc: &D, object: &ObjId, key: &str) -> Option<ObjId> {
    match doc.get(object, key) {
        Ok(Some((Value::Object(ObjType::Map), map))) => Some(map),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;
    use serde_json::json;

    /// JD1: the change that makes the reserved key is the same bytes in every process and version.
    #[test]
    fn jd1_the_entry_change_is_pinned() {
        assert_eq!(
            entry_change().hash().to_string(),
            "fa8e7a921304bf48f456dcc2b5b11698e4b2735741bf651a2ed4aaa93d658ade"
        );
    }

    /// JD1: it goes into any document once, and two who bring it while apart have one map.
    #[test]
    fn jd1_two_replicas_write_into_one_map() {
        let mut ana = Automerge::new().with_actor(ActorId::from([1; 16]));
        ana.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "n", 1)).unwrap();
        let mut bo = ana.fork().with_actor(ActorId::from([2; 16]));
        for (doc, name) in [(&mut ana, "a"), (&mut bo, "b")] {
            assert!(ensure_entry(doc).unwrap().is_some());
            assert!(ensure_entry(doc).unwrap().is_none());
            doc.transact::<_, _, AutomergeError>(|tx| {
                let versions = section(tx, Section::Versions)?;
                tx.put(&versions, name, 1)
            })
            .unwrap();
        }
        ana.merge(&mut bo).unwrap();
        let expected = json!({"waived": {}, "settled": {}, "versions": {"a": 1, "b": 1}});
        assert_eq!(json::read(&ana, None)[RESERVED_KEY], expected);
        assert_eq!(ana.get_all(ROOT, RESERVED_KEY).unwrap().len(), 1);
    }

    /// JD1: what a stranger put in the place of the maps does not keep an entry from being written.
    #[test]
    fn jd1_odd_values_at_the_reserved_key_give_way() {
        for odd in [json!(7), json!([1]), json!({"versions": "none"})] {
            let mut doc = Automerge::new().with_actor(ActorId::from([1; 16]));
            doc.transact::<_, _, json::JsonError>(|tx| {
                json::put(tx, &ROOT, RESERVED_KEY.into(), &odd, json::Strings::Scalar, 1)
            })
            .unwrap();
            assert_eq!(find_section(&doc, Section::Versions), None);
            doc.transact::<_, _, AutomergeError>(|tx| {
                let versions = section(tx, Section::Versions)?;
                tx.put(&versions, "a", 1)
            })
            .unwrap();
            assert_eq!(json::read(&doc, None)[RESERVED_KEY]["versions"], json!({"a": 1}));
        }
    }
}
