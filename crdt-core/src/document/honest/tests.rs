//! What clients make passes, and what passes harms nobody, however it was made.

use super::*;
use automerge::legacy::{MarkData, SortedVec};
use automerge::marks::{ExpandMark, Mark};
use automerge::transaction::Transactable;
use automerge::{AutomergeError, ExpandedChange, PatchLog, ScalarValue};
use proptest::prelude::*;
use proptest::sample::Index;
use std::num::NonZeroU64;

fn actor(n: u8) -> ActorId {
    ActorId::from([n; 4])
}

fn edit<T>(
    doc: &mut Automerge,
    edit: impl FnOnce(&mut automerge::transaction::Transaction<'_>) -> Result<T, AutomergeError>,
) -> T {
    doc.transact(edit).unwrap().result
}

/// As a document takes a burst.
fn take(doc: &mut Automerge, lineage: &mut Lineage, burst: &[Change]) -> Result<(), String> {
    let examined = carefully(|| {
        let mut examiner = Examiner::new(doc, lineage, burst.iter());
        burst.iter().try_for_each(|change| examiner.examine(change))?;
        Ok::<_, Dishonest>(examiner.marks())
    });
    let marks = examined.map_err(|panicked| panicked.to_string())?.map_err(|why| why.to_string())?;
    let before = doc.get_heads();
    let applied = burst.iter().map(Change::hash).collect();
    carefully(|| doc.apply_changes(burst.to_vec()))
        .map_err(|panicked| panicked.to_string())?
        .map_err(|error| error.to_string())?;
    carefully(|| amounts_to(doc, &before, &applied, &marks))
        .map_err(|panicked| panicked.to_string())?
        .map_err(|why| why.to_string())?;
    lineage.note(burst);
    Ok(())
}

/// A document with one of everything, in which three have written at the same time; and what the second of them had.
fn board() -> (Automerge, Automerge) {
    let mut ana = Automerge::new().with_actor(actor(1));
    let (map, list, text) = edit(&mut ana, |tx| {
        tx.put(ROOT, "title", "t")?;
        tx.put(ROOT, "kind", "board")?;
        tx.put(ROOT, "count", ScalarValue::counter(1))?;
        let map = tx.put_object(ROOT, "map", ObjType::Map)?;
        tx.put(&map, "a", 1)?;
        tx.put(&map, "b", 2)?;
        let list = tx.put_object(ROOT, "list", ObjType::List)?;
        (0..5).try_for_each(|n| tx.insert(&list, n, n as u64))?;
        tx.insert(&list, 5, ScalarValue::counter(5))?;
        let text = tx.put_object(ROOT, "text", ObjType::Text)?;
        tx.splice_text(&text, 0, 0, "hello world")?;
        tx.mark(&text, Mark::new("bold".into(), true, 2, 5), ExpandMark::Both)?;
        Ok((map, list, text))
    });
    let mut bo = ana.fork().with_actor(actor(2));
    edit(&mut ana, |tx| {
        tx.put(&map, "a", 3)?;
        tx.delete(&list, 1)?;
        tx.increment(ROOT, "count", 2)?;
        tx.splice_text(&text, 3, 2, "xyz")?;
        tx.put(ROOT, "title", "u")
    });
    edit(&mut bo, |tx| {
        tx.put(&map, "a", 4)?;
        tx.put(&list, 1, "z")?;
        tx.increment(ROOT, "count", 5)?;
        tx.splice_text(&text, 3, 1, "w")?;
        let object = tx.put_object(&map, "object", ObjType::Map)?;
        tx.put(&object, "p", 1)
    });
    let bos = bo.clone();
    let mut cleo = ana.fork().with_actor(actor(3));
    edit(&mut cleo, |tx| {
        tx.put(ROOT, "c", 1)?;
        tx.delete(&map, "b")
    });
    ana.merge(&mut bo).unwrap();
    ana.merge(&mut cleo).unwrap();
    (ana, bos)
}

/// Any edit that Automerge offers.
fn anything(tx: &mut impl Transactable, what: u8, at: Index, value: u8) -> Result<(), AutomergeError> {
    let object = |tx: &mut _, key: &str| Ok::<_, AutomergeError>(ReadDoc::get(tx, ROOT, key)?.unwrap().1);
    fn at_most(at: Index, length: usize) -> usize {
        at.index(length.max(1))
    }
    let key = format!("k{}", value % 4);
    let (map, list, text) = (object(tx, "map")?, object(tx, "list")?, object(tx, "text")?);
    let (items, letters) = (tx.length(&list), tx.length(&text));
    match what % 16 {
        0 | 1 => tx.put(&map, key, u64::from(value)),
        2 => tx.put(ROOT, key, ScalarValue::counter(i64::from(value))),
        3 => tx.delete(&map, key),
        4 => drop_error(tx.increment(ROOT, "count", i64::from(value))),
        5 => {
            let made = tx.put_object(&map, key, ObjType::Map)?;
            tx.put(&made, "deep", u64::from(value))
        }
        6 => tx.insert(&list, at.index(items + 1), u64::from(value)),
        7 if items > 0 => tx.put(&list, at_most(at, items), u64::from(value)),
        8 if items > 0 => tx.delete(&list, at_most(at, items)),
        9 => drop_error(tx.increment(&list, at_most(at, items), 1)),
        10 | 11 => tx.splice_text(&text, at.index(letters + 1), 0, "häh"),
        12 if letters > 3 => tx.splice_text(&text, at.index(letters - 2), 2, "x"),
        13 if letters > 3 => {
            let (begin, end) = (at.index(letters - 2), letters - 1);
            let expand = [ExpandMark::Both, ExpandMark::None, ExpandMark::After][usize::from(value % 3)];
            tx.mark(&text, Mark::new("bold".into(), value > 100, begin, end), expand)
        }
        14 => tx.split_block(&text, at.index(letters + 1)).map(drop),
        15 => {
            let made = tx.insert_object(&list, at.index(items + 1), ObjType::Text)?;
            tx.splice_text(&made, 0, 0, "new")
        }
        _ => Ok(()),
    }
}

/// A list may have no counter where it is to be counted up.
fn drop_error(counted: Result<(), AutomergeError>) -> Result<(), AutomergeError> {
    match counted {
        Err(AutomergeError::MissingCounter | AutomergeError::InvalidIndex(_)) => Ok(()),
        other => other,
    }
}

#[derive(Debug, Clone)]
enum Step {
    Edit { who: usize, edits: Vec<(u8, Index, u8)> },
    OnOlderHeads { who: usize, heads: Index, edit: (u8, Index, u8) },
    Nothing { who: usize },
    Merge { who: usize, with: usize },
}

fn any_step() -> impl Strategy<Value = Step> {
    let one = || (any::<u8>(), any::<Index>(), any::<u8>());
    let who = 0..4usize;
    prop_oneof![
        6 => (who.clone(), prop::collection::vec(one(), 1..6)).prop_map(|(who, edits)| Step::Edit { who, edits }),
        1 => (who.clone(), any::<Index>(), one())
            .prop_map(|(who, heads, edit)| Step::OnOlderHeads { who, heads, edit }),
        1 => who.clone().prop_map(|who| Step::Nothing { who }),
        3 => (who.clone(), who).prop_map(|(who, with)| Step::Merge { who, with }),
    ]
}

/// What four people make of the board. Automerge does not merge an empty change with one that its maker put beside it, on
/// older heads.
fn lived(steps: Vec<Step>) -> Vec<Automerge> {
    let (board, bos) = board();
    let of = |doc: &Automerge, n: u8| doc.clone().with_actor(actor(n));
    let mut docs = vec![of(&board, 1), of(&bos, 2), of(&board, 11), of(&bos, 12)];
    for step in steps {
        match step {
            Step::Edit { who, edits } => {
                edit(&mut docs[who], |tx| {
                    edits.into_iter().try_for_each(|(what, at, value)| anything(tx, what, at, value))
                });
            }
            Step::OnOlderHeads { who, heads, edit: (what, at, value) } => {
                let history = docs[who].get_changes_meta(&[]);
                let heads = [history[1 + heads.index(history.len() - 1)].hash];
                let mut tx = docs[who].transaction_at(PatchLog::inactive(), &heads).unwrap();
                let _nothing_to_count = anything(&mut tx, what, at, value);
                tx.commit();
            }
            Step::Nothing { who } => drop(docs[who].empty_commit(Default::default())),
            Step::Merge { who, with } if who != with => {
                let (mut with, mut merged) = (docs[with].clone(), docs[who].clone());
                if carefully(|| merged.merge(&mut with).unwrap()).is_ok() {
                    docs[who] = merged;
                }
            }
            Step::Merge { .. } => {}
        }
    }
    docs
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// DO44: whatever clients make, on whatever heads, in whatever portions it comes and with whatever it waits for, passes.
    #[test]
    fn do44_what_clients_make_passes(
        steps in prop::collection::vec(any_step(), 1..60),
        portions in prop::collection::vec((0..4usize, 1..30usize), 1..20),
    ) {
        let docs = lived(steps);
        let mut server = Automerge::new();
        let mut lineage = Lineage::default();
        let everything = (0..4).map(|who| (who, usize::MAX));
        for (who, at_most) in portions.into_iter().chain(everything) {
            let has: Vec<ChangeHash> =
                server.get_heads().into_iter().filter(|head| docs[who].get_change_meta_by_hash(head).is_some()).collect();
            let lacks = |change: &Change| server.get_change_meta_by_hash(&change.hash()).is_none();
            let burst: Vec<Change> = docs[who].get_changes(&has).into_iter().filter(lacks).take(at_most).collect();
            let mut merged = server.clone();
            if carefully(|| merged.apply_changes(burst.clone()).unwrap()).is_err() {
                return Ok(());
            }
            prop_assert_eq!(take(&mut server, &mut lineage, &burst), Ok(()));
        }
        let loaded = Automerge::load(&server.save()).unwrap();
        prop_assert_eq!(loaded.get_heads(), server.get_heads());
    }
}

/// How somebody forges what they made.
#[derive(Debug, Clone)]
enum Forgery {
    Replaces(Index),
    ReplacesNothing,
    Element(Index),
    AtTheHead,
    Key(&'static str),
    Object(Index),
    InTheRoot,
    Inserts,
    Does(OpType),
    Numbered(i64),
    InSequence(u64),
    On(Vec<Index>),
}

fn any_forgery() -> impl Strategy<Value = Forgery> {
    let mark = MarkData { name: "x".into(), value: ScalarValue::Null, expand: false };
    let actions = vec![
        OpType::Delete,
        OpType::Increment(3),
        OpType::Put(ScalarValue::counter(3)),
        OpType::Put("s".into()),
        OpType::Make(ObjType::List),
        OpType::Make(ObjType::Text),
        OpType::Make(ObjType::Table),
        OpType::MarkBegin(mark),
        OpType::MarkEnd(true),
    ];
    prop_oneof![
        any::<Index>().prop_map(Forgery::Replaces),
        Just(Forgery::ReplacesNothing),
        any::<Index>().prop_map(Forgery::Element),
        Just(Forgery::AtTheHead),
        prop::sample::select(vec!["a", "title", "zz", ""]).prop_map(Forgery::Key),
        any::<Index>().prop_map(Forgery::Object),
        Just(Forgery::InTheRoot),
        Just(Forgery::Inserts),
        prop::sample::select(actions).prop_map(Forgery::Does),
        (-40..5_000i64).prop_map(Forgery::Numbered),
        (0..8u64).prop_map(Forgery::InSequence),
        prop::collection::vec(any::<Index>(), 0..3).prop_map(Forgery::On),
    ]
}

fn forge(change: &mut ExpandedChange, forgery: Forgery, at: Index, board: &Automerge) {
    let (ids, hashes) = (ids_of(board), board.get_changes_meta(&[]));
    let any = |at: Index| {
        let own = |n| OpId::new(change.start_op.get() + n as u64, &change.actor_id);
        let mut ids = ids.clone();
        ids.extend((0..change.operations.len()).map(own));
        ids.push(OpId::new(999, &actor(1)));
        ids[at.index(ids.len())].clone()
    };
    let n = at.index(change.operations.len().max(1));
    match forgery {
        Forgery::On(deps) => {
            change.deps = deps.into_iter().map(|dep| hashes[dep.index(hashes.len())].hash).collect();
        }
        Forgery::Numbered(by) => {
            let number = change.start_op.get().saturating_add_signed(by);
            change.start_op = NonZeroU64::new(number.max(1)).unwrap();
        }
        Forgery::InSequence(seq) => change.seq = seq,
        _ if change.operations.is_empty() => {}
        Forgery::Replaces(id) => {
            let mut preds: Vec<OpId> = change.operations[n].pred.iter().cloned().collect();
            preds.push(any(id));
            change.operations[n].pred = in_order(preds);
        }
        Forgery::ReplacesNothing => change.operations[n].pred = SortedVec::new(),
        Forgery::Element(id) => change.operations[n].key = Key::Seq(ElementId::Id(any(id))),
        Forgery::AtTheHead => change.operations[n].key = Key::head(),
        Forgery::Key(key) => change.operations[n].key = Key::Map(key.into()),
        Forgery::Object(id) => change.operations[n].obj = ObjectId::Id(any(id)),
        Forgery::InTheRoot => change.operations[n].obj = ObjectId::Root,
        Forgery::Inserts => change.operations[n].insert ^= true,
        Forgery::Does(action) => change.operations[n].action = action,
    }
}

/// In the order in which Automerge writes them down.
fn in_order(mut ids: Vec<OpId>) -> SortedVec<OpId> {
    ids.sort_by(|a, b| (a.counter(), a.actor()).cmp(&(b.counter(), b.actor())));
    SortedVec::from(ids)
}

fn ids_of(doc: &Automerge) -> Vec<OpId> {
    let ids = |change: &Change| {
        let (start, actor) = (change.start_op().get(), change.actor_id().clone());
        (0..change.len() as u64).map(move |n| OpId::new(start + n, &actor)).collect::<Vec<_>>()
    };
    doc.get_changes(&[]).iter().flat_map(ids).collect()
}

/// Everything that a document shows, by where it is: a key, or an element.
fn shown(doc: &Automerge, object: &ObjId, into: &mut HashMap<String, String>) {
    let mut see = |place: String, all: Vec<(automerge::Value<'_>, ObjId)>| {
        into.insert(format!("{object}/{place}"), format!("{all:?}"));
        all.into_iter()
            .filter(|(value, _)| value.is_object())
            .for_each(|(_, inner)| shown(doc, &inner, into));
    };
    match doc.object_type(object).unwrap() {
        ObjType::Map | ObjType::Table => {
            doc.keys(object).for_each(|key| see(key.clone(), doc.get_all(object, &*key).unwrap()));
        }
        ObjType::List | ObjType::Text => (0..doc.length(object)).for_each(|n| {
            let element = doc.get_cursor(object, n, None).unwrap().to_string();
            see(element, doc.get_all(object, n).unwrap());
        }),
    }
}

/// Where a change says that it changes something, and all below.
fn places(change: &ExpandedChange) -> Vec<String> {
    let object = |object: &ObjectId| match object {
        ObjectId::Root => "_root".to_owned(),
        ObjectId::Id(id) => id.to_string(),
    };
    let place = |op: &Op| match &op.key {
        Key::Map(key) => format!("{}/{key}", object(&op.obj)),
        Key::Seq(_) => format!("{}/", object(&op.obj)),
    };
    change.operations.iter().map(place).collect()
}

/// What must be true of a document that took a change, whoever made it.
fn nothing_is_harmed(board: &Automerge, took: &Automerge, change: &Change) -> Result<(), TestCaseError> {
    let bytes = |doc: &Automerge| -> BTreeSet<Vec<u8>> {
        doc.get_changes(&[]).iter().map(|change| change.raw_bytes().to_vec()).collect()
    };
    let mut expected = bytes(board);
    expected.insert(change.raw_bytes().to_vec());
    prop_assert!(bytes(took) == expected, "all changes are what they were");

    let loaded = Automerge::load(&took.save()).unwrap();
    prop_assert_eq!(loaded.get_heads(), took.get_heads());
    prop_assert!(loaded.hydrate(None) == took.hydrate(None), "a snapshot says the same");

    // One that has only what the change builds on, and gets the rest later. Where an element is missing it cannot take it.
    let mut other = board.fork_at(change.deps()).unwrap();
    if carefully(|| other.apply_changes([change.clone()]).unwrap()).is_ok() {
        let alone = other.get_change_by_hash(&change.hash()).unwrap();
        prop_assert!(alone.raw_bytes() == change.raw_bytes(), "also where the rest is missing");
        other.apply_changes(board.get_changes(&[])).unwrap();
        prop_assert!(other.hydrate(None) == took.hydrate(None), "in whatever order things come");
    }

    let (mut before, mut after) = (HashMap::new(), HashMap::new());
    shown(board, &ROOT, &mut before);
    shown(took, &ROOT, &mut after);
    let places = places(&change.decode());
    for (place, value) in &before {
        // Below a key that was taken away nothing is shown.
        let may_change = |says: &String| place.starts_with(says.as_str()) || says.starts_with("_root/");
        let is_same = after.get(place) == Some(value);
        prop_assert!(is_same || places.iter().any(may_change) || !after.contains_key(place), "{}", place);
        let is_of_the_root = place.starts_with("_root/");
        prop_assert!(!is_of_the_root || is_same || places.contains(place), "{} of the root", place);
    }

    let mut next = took.fork().with_actor(actor(5));
    edit(&mut next, |tx| {
        for key in tx.keys(ROOT).collect::<Vec<_>>() {
            if tx.get(ROOT, key.as_str())?.is_some_and(|(value, _)| !value.is_object()) {
                tx.put(ROOT, key, 99)?;
            }
        }
        Ok(())
    });
    let edits = next.get_changes(&took.get_heads());
    let mut took = took.clone();
    prop_assert_eq!(take(&mut took, &mut Lineage::default(), &edits), Ok(()));
    prop_assert!(Automerge::load(&took.save()).is_ok(), "and goes on");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    /// DO44: whatever of a change is forged, it is refused, or does what it says and harms nothing.
    #[test]
    fn do44_what_is_forged_is_refused_or_harmless(
        who in prop::sample::select(vec![(false, 9u8), (true, 9), (true, 2)]),
        edits in prop::collection::vec((any::<u8>(), any::<Index>(), any::<u8>()), 1..4),
        forgeries in prop::collection::vec((any_forgery(), any::<Index>()), 1..3),
    ) {
        let (board, bos) = board();
        let (is_on_older_heads, n) = who;
        let mut doc = if is_on_older_heads { bos } else { board.clone() }.with_actor(actor(n));
        let before = doc.get_heads();
        edit(&mut doc, |tx| edits.into_iter().try_for_each(|(what, at, value)| anything(tx, what, at, value)));
        let Some(made) = doc.get_changes(&before).pop() else { return Ok(()) };
        let mut forged = made.decode();
        for (forgery, at) in forgeries {
            forge(&mut forged, forgery, at, &board);
        }
        // Some forgeries cannot even be written down.
        let Ok(forged) = carefully(|| Change::from(forged)) else { return Ok(()) };
        let Ok(Ok(forged)) = carefully(|| Change::try_from(forged.raw_bytes())) else { return Ok(()) };
        let mut took = board.clone();
        if take(&mut took, &mut Lineage::default(), std::slice::from_ref(&forged)).is_ok() {
            nothing_is_harmed(&board, &took, &forged)?;
        }
    }
}
