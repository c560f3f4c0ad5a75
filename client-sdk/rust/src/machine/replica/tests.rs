//! One replica, told what happened step by step.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use super::*;
use automerge::transaction::Transactable;
use automerge::{AutomergeError, ChangeHash, ObjType, ROOT, ReadDoc};
use dovetail_core::dashboard::{WidgetId, first_dashboard};
use dovetail_core::document::chunk::{Chunk, ChunkKind};
use dovetail_core::json;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn id() -> DocumentId {
    DocumentId::from_bytes(&[7; 16]).unwrap()
}

fn dashboard() -> Replica {
    let mut replica = Replica::made(id(), ActorId::from([1; 16]), Limits::default(), first_dashboard());
    keep(&mut replica, true);
    replica
}

/// Lets it advance, and its store answer.
fn keep(replica: &mut Replica, works: bool) -> Vec<Effect> {
    let mut all = Vec::new();
    loop {
        let mut effects = Vec::new();
        replica.advance(NOW, &mut effects);
        let is_noted = effects.iter().any(|effect| matches!(effect, Effect::Note(_)));
        let commits = effects.iter().any(|effect| matches!(effect, Effect::Commit(_)));
        all.append(&mut effects);
        if is_noted {
            replica.noted(NOW, Ok(()), &mut all);
        }
        if commits {
            replica.stored(NOW, if works { Ok(()) } else { Err("no room") }, &mut all);
        }
        if !(commits && works || is_noted && !commits) {
            return all;
        }
    }
}

/// Lets it advance until its store is to write the document.
fn asked(replica: &mut Replica) -> Option<Batch> {
    for _ in 0..2 {
        let mut effects = Vec::new();
        replica.advance(NOW, &mut effects);
        for effect in effects {
            match effect {
                Effect::Commit(batch) => return Some(batch),
                Effect::Note(_) => replica.noted(NOW, Ok(()), &mut Vec::new()),
                _ => {}
            }
        }
    }
    None
}

/// What is stored by this.
fn stored(doc: &Automerge) -> Stored {
    let chunk = Chunk::new(ChunkKind::Snapshot, doc.save().into());
    let manifest = dovetail_core::document::chunk::Manifest {
        heads: doc.get_heads(),
        changes: 1,
        bytes: 1,
        kind: None,
        title: None,
        created_at: NOW,
        changed_at: NOW,
        lifecycle: dovetail_core::document::chunk::Lifecycle::Live,
        access: Default::default(),
    };
    Stored { manifest, chunks: vec![chunk] }
}

fn lost() -> Fate {
    Fate::Lost("no room".into())
}

fn title(title: &str) -> Edit {
    Edit::SetTitle { title: title.to_owned() }
}

fn reads(replica: &mut Replica) -> serde_json::Value {
    json::read(replica.automerge(NOW).unwrap(), None)
}

fn changes(replica: &mut Replica) -> usize {
    replica.automerge(NOW).unwrap().get_changes(&[]).len()
}

fn count(replica: &mut Replica, by: i64) -> ChangeHash {
    let add = |tx: &mut Transaction<'_>| match tx.get(ROOT, "count")? {
        None => tx.put(ROOT, "count", automerge::ScalarValue::counter(by)),
        Some(_) => tx.increment(ROOT, "count", by),
    };
    replica.change::<_, AutomergeError>(NOW, Some("counted"), add, &mut Vec::new()).unwrap().unwrap();
    replica.automerge(NOW).unwrap().get_heads()[0]
}

/// The server says that it has everything up to these heads.
fn server_has(replica: &mut Replica, heads: Vec<ChangeHash>) {
    let version = automerge::sync::MessageVersion::V1;
    let changes = automerge::sync::ChunkList::empty();
    replica
        .hear(Message { heads, need: vec![], have: vec![], changes, flags: None, version }, &mut Vec::new());
    keep(replica, true);
}

/// RC2: edits that are made together become one change, named by what they are, and one that fails takes nothing with it.
#[test]
fn rc2_edits_together_are_one_change() {
    let mut replica = dashboard();
    let before = changes(&mut replica);
    replica.edit(NOW, &[title("a")], None).unwrap();
    let nobody: WidgetId = "nobody".parse().unwrap();
    let failed = replica.edit(NOW, &[title("never"), Edit::RemoveWidget { id: nobody }], None);
    assert!(matches!(failed, Err(EditError::Dashboard(_))), "{failed:?}");
    replica.edit(NOW, &[title("b"), Edit::SetDescription { description: "c".to_owned() }], None).unwrap();
    keep(&mut replica, true);
    assert_eq!(changes(&mut replica), before + 1);
    let read = reads(&mut replica);
    assert_eq!((read["title"].as_str(), read["description"].as_str()), (Some("b"), Some("c")));
    let label = replica.pending().last().unwrap().label.clone().unwrap();
    assert_eq!(label, "Called the dashboard “a”, and 2 more");
    replica.edit(NOW, &[title("d")], Some("mine")).unwrap();
    keep(&mut replica, true);
    assert_eq!(replica.pending().last().unwrap().label.as_deref(), Some("mine"));
}

/// RC3: what waits is what the server has not said to have; also when it has less than before.
#[test]
fn rc3_what_waits_is_what_the_server_has_not() {
    let mut replica = dashboard();
    replica.connected();
    let first = replica.automerge(NOW).unwrap().get_heads();
    server_has(&mut replica, first.clone());
    assert_eq!((replica.pending_size(), replica.saved_at()), ((0, 0), Some(NOW)));
    for n in 0..3 {
        count(&mut replica, n);
        assert_eq!(replica.pending_size().0 as i64, n + 1);
    }
    let all = replica.automerge(NOW).unwrap().get_heads();
    let (labels, bytes): (Vec<_>, Vec<_>) =
        replica.pending().map(|one| (one.label.clone().unwrap(), one.bytes)).unzip();
    assert_eq!(labels, ["counted"; 3]);
    assert_eq!(replica.pending_size().1, bytes.iter().sum::<u64>());
    server_has(&mut replica, all);
    assert_eq!(replica.pending_size(), (0, 0));
    server_has(&mut replica, first);
    assert_eq!(replica.pending_size().0, 3, "a server that was restored has less");
    server_has(&mut replica, vec![ChangeHash([9; 32])]);
    assert_eq!(replica.pending_size().0, 3, "one that is ahead says it again when that has come");
}

/// RC4: what is refused is taken out, with what it did in the list, and what was built on it is made once more without it.
#[test]
fn rc4_what_is_refused_is_taken_out() {
    let mut replica = dashboard();
    replica.connected();
    count(&mut replica, 1);
    let bad = count(&mut replica, 10);
    count(&mut replica, 100);
    replica.edit(NOW, &[title("good")], None).unwrap();
    keep(&mut replica, true);
    let mut effects = Vec::new();
    replica.rejected(NOW, &[bad], "document_full", "there is no room", &mut effects);
    let effects = keep(&mut replica, true);
    let read = reads(&mut replica);
    assert_eq!((read["count"].as_i64(), read["title"].as_str()), (Some(101), Some("good")));
    let refused: Vec<_> = replica.refused().cloned().collect();
    assert_eq!(refused.len(), 1);
    assert_eq!((refused[0].hash, refused[0].code.as_str()), (bad, "document_full"));
    assert_eq!(refused[0].label.as_deref(), Some("counted"));
    assert!(refused[0].patch.as_ref().unwrap().to_string().contains("/count"), "{refused:?}");

    // What is stored is the document without it, and the notes with it were written before.
    let order: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Note(notes) => Some(format!("notes of {}", notes.refused.len())),
            Effect::Commit(batch) => Some(format!("commit of {}", batch.put.len())),
            _ => None,
        })
        .collect();
    assert_eq!(order[..2], ["notes of 1", "commit of 1"]);
    assert_eq!(replica.discard(&bad, &mut Vec::new()).unwrap().hash, bad);
    assert_eq!(replica.refused().count(), 0);
}

/// RC4: what can not be made without what was refused is refused with it.
#[test]
fn rc4_what_cannot_be_made_without_it_is_refused_too() {
    let mut replica = dashboard();
    replica.connected();
    let make = |tx: &mut Transaction<'_>| tx.put_object(ROOT, "box", automerge::ObjType::Map).map(drop);
    replica.change::<_, AutomergeError>(NOW, None, make, &mut Vec::new()).unwrap().unwrap();
    let bad = replica.automerge(NOW).unwrap().get_heads()[0];
    let fill = |tx: &mut Transaction<'_>| {
        let (_, inside) = tx.get(ROOT, "box")?.expect("it was made");
        tx.put(inside, "in", 1)
    };
    replica.change::<_, AutomergeError>(NOW, Some("filled"), fill, &mut Vec::new()).unwrap().unwrap();
    keep(&mut replica, true);
    replica.rejected(NOW, &[bad], "quota_exceeded", "no room", &mut Vec::new());
    keep(&mut replica, true);
    assert!(reads(&mut replica).get("box").is_none());
    let codes: Vec<_> = replica.refused().map(|refused| refused.code.as_str()).collect();
    assert_eq!(codes, ["quota_exceeded", "depends_on_refused"]);
}

/// RC4: what an administrator has let in comes back with the server's next message, and is refused no more.
#[test]
fn rc4_what_is_let_in_comes_back() {
    let mut replica = dashboard();
    replica.connected();
    let bad = count(&mut replica, 10);
    let change = replica.automerge(NOW).unwrap().get_change_by_hash(&bad).unwrap();
    keep(&mut replica, true);
    replica.rejected(NOW, &[bad], "read_only", "you may not", &mut Vec::new());
    keep(&mut replica, true);
    assert!(reads(&mut replica).get("count").is_none());
    let changes = vec![change.raw_bytes().to_vec()].into();
    let version = automerge::sync::MessageVersion::V1;
    replica.hear(
        Message { heads: vec![bad], need: vec![], have: vec![], changes, flags: None, version },
        &mut Vec::new(),
    );
    keep(&mut replica, true);
    assert_eq!(reads(&mut replica)["count"], 10);
    assert_eq!((replica.refused().count(), replica.taken_out().count()), (0, 0));
}

/// RC5: of what may not be changed no change is made.
#[test]
fn rc5_rights_are_kept() {
    let mut replica = dashboard();
    let before = changes(&mut replica);
    replica.permitted(Role::Read, &mut Vec::new());
    assert!(matches!(replica.edit(NOW, &[title("a")], None), Err(EditError::ReadOnly)));
    replica.permitted(Role::None, &mut Vec::new());
    let changed = replica.change::<_, AutomergeError>(NOW, None, |tx| tx.put(ROOT, "a", 1), &mut Vec::new());
    assert!(matches!(changed, Err(EditError::Forbidden)));
    assert_eq!(changes(&mut replica), before, "and it can be read");
    replica.permitted(Role::Write, &mut Vec::new());
    replica.edit(NOW, &[title("a")], None).unwrap();
}

/// RC69: what was said of a document to which there was no right counts no more when the right is back, be it that nothing was heard of its
/// leaving.
#[test]
fn rc69_a_right_that_is_back() {
    for is_told in [true, false] {
        let mut replica = dashboard();
        replica.connected();
        replica.permitted(Role::Write, &mut Vec::new());
        keep(&mut replica, true);
        replica.is_missing(&mut Vec::new());
        if is_told {
            replica.permitted(Role::None, &mut Vec::new());
        }
        assert_eq!(replica.answer(), Answer::Missing);
        replica.permitted(Role::Write, &mut Vec::new());
        assert_eq!(replica.answer(), Answer::None);
        let effects = keep(&mut replica, true);
        assert!(effects.iter().any(|effect| matches!(effect, Effect::Send(_))), "it is asked anew");
        replica.permitted(Role::Write, &mut Vec::new());
        assert!(!keep(&mut replica, true).iter().any(|effect| matches!(effect, Effect::Send(_))), "once");
    }
}

/// RC6: when the store fails, what it did not take is gone, its maker can see that, and another actor goes on.
#[test]
fn rc6_what_the_store_did_not_take_is_gone() {
    let mut replica = dashboard();
    let actor = replica.automerge(NOW).unwrap().get_actor().clone();
    let before = replica.automerge(NOW).unwrap().save();
    let number = replica.edit(NOW, &[title("lost")], None).unwrap();
    let effects = keep(&mut replica, false);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Load)));
    assert_eq!(replica.fate(number), lost());
    let kept = stored(&Automerge::load(&before).unwrap());
    replica.loaded(NOW, Ok((Some(kept), None)), &mut Vec::new());
    assert!(reads(&mut replica)["title"] != "lost");
    assert_ne!(*replica.automerge(NOW).unwrap().get_actor(), actor);
    let later = replica.edit(NOW, &[title("later")], None).unwrap();
    assert_eq!((replica.fate(later), replica.fate(number)), (Fate::Waits, lost()));
    keep(&mut replica, true);
    assert_eq!((replica.fate(later), replica.fate(number)), (Fate::Kept, lost()));
}

/// RC6: a store that goes on failing is left alone for longer and longer, but for edits that somebody waits for; each of those is told as lost.
#[test]
fn rc6_a_store_that_goes_on_failing() {
    let mut replica = dashboard();
    replica.connected();
    let bad = count(&mut replica, 10);
    keep(&mut replica, true);
    let before = stored(replica.automerge(NOW).unwrap());
    replica.rejected(NOW, &[bad], "read_only", "you may not", &mut Vec::new());
    let fails = |replica: &mut Replica| {
        replica.stored(NOW, Err("no room"), &mut Vec::new());
        let notes = Notes { taken_out: vec![bad], ..Notes::default() };
        replica.loaded(NOW, Ok((Some(before.clone()), Some(notes))), &mut Vec::new());
    };
    for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
        // Nobody waits, and what was refused is to leave what is stored.
        assert!(asked(&mut replica).is_some());
        fails(&mut replica);
        assert_eq!(replica.next_tick(), Some(NOW + Duration::from_secs(wait)));
        assert!(asked(&mut replica).is_none());
        replica.advance(NOW + Duration::from_secs(wait), &mut Vec::new());
        replica.noted(NOW, Ok(()), &mut Vec::new());
    }
    let edits: Vec<u64> = (0..3 * LOST_MAX)
        .map(|n| {
            let edit = replica.edit(NOW, &[title(&n.to_string())], None).unwrap();
            assert!(asked(&mut replica).is_some(), "somebody waits");
            fails(&mut replica);
            edit
        })
        .collect();
    assert!(edits.into_iter().all(|edit| replica.fate(edit) == lost()));
    assert!(replica.lost.len() <= LOST_MAX);
}

/// RC69: what is applied again goes into what is there by now.
#[test]
fn rc69_what_is_applied_again_replaces_nothing() {
    let empty = Automerge::new();
    let mut replica = Replica::made(id(), ActorId::from([1; 16]), Limits::default(), empty);
    replica.connected();
    let put = |name: &'static str, list: &'static str| {
        move |tx: &mut Transaction<'_>| {
            let widgets = match tx.get(ROOT, "widgets")? {
                Some((_, widgets)) => widgets,
                None => tx.put_object(ROOT, "widgets", automerge::ObjType::Map)?,
            };
            let widget = tx.put_object(&widgets, name, automerge::ObjType::Map)?;
            tx.put(&widget, "title", name)?;
            let list = tx.put_object(ROOT, list, automerge::ObjType::List)?;
            tx.insert(&list, 0, name)
        }
    };
    let refuse = |replica: &mut Replica, list: &'static str| {
        replica.change::<_, AutomergeError>(NOW, None, put("w/1", list), &mut Vec::new()).unwrap().unwrap();
        let bad = replica.automerge(NOW).unwrap().get_heads()[0];
        keep(replica, true);
        replica.rejected(NOW, &[bad], "forbidden", "you may not", &mut Vec::new());
        keep(replica, true);
        bad
    };
    let (fits, is_in_the_way) = (refuse(&mut replica, "mine"), refuse(&mut replica, "all"));
    assert_eq!(reads(&mut replica), json!({}));
    let theirs = put("w9", "all");
    replica.change::<_, AutomergeError>(NOW, None, theirs, &mut Vec::new()).unwrap().unwrap();
    replica.apply_again(NOW, &fits, &mut Vec::new()).unwrap();
    let both = json!({ "widgets": { "w/1": { "title": "w/1" }, "w9": { "title": "w9" } }, "mine": ["w/1"], "all": ["w9"] });
    assert_eq!(reads(&mut replica), both);
    let again = replica.apply_again(NOW, &is_in_the_way, &mut Vec::new());
    assert!(matches!(&again, Err(AgainError::InTheWay { path }) if path == "/all"), "{again:?}");
    assert_eq!(reads(&mut replica), both);
}

/// RC69: what others have made of several parts is not replaced by what is applied again; a single value is set, and what is as it was is
/// changed as it was to be.
#[test]
fn rc69_others_work_is_not_in_what_is_applied_again() {
    type Does = fn(&mut Transaction<'_>) -> Result<(), AutomergeError>;
    let nothing: Does = |_| Ok(());
    let base: Does = |tx| {
        tx.put(ROOT, "title", "one")?;
        tx.put(ROOT, "options", ())?;
        let body = tx.put_object(ROOT, "body", ObjType::Text)?;
        tx.splice_text(&body, 0, 0, "ours")?;
        let list = tx.put_object(ROOT, "list", ObjType::List)?;
        tx.insert(&list, 0, "a")?;
        tx.insert(&list, 1, "b")
    };
    let set_title: Does = |tx| tx.put(ROOT, "title", "two");
    let set_body: Does = |tx| {
        let (_, body) = tx.get(ROOT, "body")?.unwrap();
        tx.splice_text(&body, 4, 0, " too")
    };
    let make_options: Does = |tx| {
        let options = tx.put_object(ROOT, "options", ObjType::Map)?;
        tx.put(&options, "a", 1)
    };
    let make_other_options: Does = |tx| {
        let options = tx.put_object(ROOT, "options", ObjType::Map)?;
        tx.put(&options, "b", 2)
    };
    let list_options: Does = |tx| {
        let options = tx.put_object(ROOT, "options", ObjType::List)?;
        tx.insert(&options, 0, "x")
    };
    let remove_first: Does = |tx| {
        let (_, list) = tx.get(ROOT, "list")?.unwrap();
        tx.delete(&list, 0)
    };
    let add_last: Does = |tx| {
        let (_, list) = tx.get(ROOT, "list")?.unwrap();
        tx.insert(&list, 2, "c")
    };
    let add_first: Does = |tx| {
        let (_, list) = tx.get(ROOT, "list")?.unwrap();
        tx.insert(&list, 0, "theirs")
    };
    let remove_list: Does = |tx| tx.delete(ROOT, "list");
    let other_title: Does = |tx| tx.put(ROOT, "title", "theirs");
    let cases: [(&str, Does, Does, Result<Value, &str>); 12] = [
        ("a value that was changed", set_title, other_title, Ok(json!({"title": "two"}))),
        ("a text that was not", set_body, nothing, Ok(json!({"body": "ours too"}))),
        (
            "a text that was",
            set_body,
            |tx| {
                let (_, body) = tx.get(ROOT, "body")?.unwrap();
                tx.splice_text(&body, 0, 4, "theirs")
            },
            Err("/body"),
        ),
        ("a map in another one", make_options, make_other_options, Ok(json!({"options": {"a": 1, "b": 2}}))),
        ("a map where there is none", make_options, nothing, Ok(json!({"options": {"a": 1}}))),
        ("a map where a list is", make_options, list_options, Err("/options")),
        ("a list where a map is", list_options, make_options, Err("/options")),
        ("an item that is still there", remove_first, nothing, Ok(json!({"list": ["b"]}))),
        ("an item of a list that has moved", remove_first, add_first, Err("/list")),
        ("another item", add_last, add_first, Ok(json!({"list": ["theirs", "a", "c", "b"]}))),
        ("a list that nobody has touched", remove_list, nothing, Ok(json!({"list": null}))),
        ("a list that somebody has", remove_list, add_first, Err("/list")),
    ];
    for (what, refused, theirs, expected) in cases {
        let made = Replica::made(id(), ActorId::from([1; 16]), Limits::default(), Automerge::new());
        let mut replica = made;
        replica.connected();
        let does = |replica: &mut Replica, does: Does| {
            replica.change(NOW, None, does, &mut Vec::new()).unwrap().unwrap();
            keep(replica, true);
        };
        does(&mut replica, base);
        does(&mut replica, refused);
        let bad = replica.automerge(NOW).unwrap().get_heads()[0];
        replica.rejected(NOW, &[bad], "forbidden", "you may not", &mut Vec::new());
        keep(&mut replica, true);
        does(&mut replica, theirs);
        let before = reads(&mut replica);
        let again = replica.apply_again(NOW, &bad, &mut Vec::new());
        let is_there = reads(&mut replica);
        match (again, expected) {
            (Ok(_), Ok(expected)) => {
                for (name, value) in expected.as_object().unwrap() {
                    assert_eq!(is_there.get(name).unwrap_or(&Value::Null), value, "{what}");
                }
            }
            (Err(AgainError::InTheWay { path }), Err(expected)) => {
                assert_eq!((path.as_str(), &is_there), (expected, &before), "{what}");
            }
            (again, expected) => panic!("{what}: {again:?} for {expected:?}"),
        }
    }
}

/// RC4: what was refused leaves what is stored when it is noted for good that it was.
#[test]
fn rc4_what_is_refused_is_noted_first() {
    let mut replica = dashboard();
    replica.connected();
    let bad = count(&mut replica, 10);
    keep(&mut replica, true);
    replica.rejected(NOW, &[bad], "read_only", "you may not", &mut Vec::new());
    let asks = |replica: &mut Replica, now: Timestamp| {
        let mut effects = Vec::new();
        replica.advance(now, &mut effects);
        let is = |wanted: fn(&Effect) -> bool| effects.iter().any(wanted);
        (is(|effect| matches!(effect, Effect::Note(_))), is(|effect| matches!(effect, Effect::Commit(_))))
    };
    assert_eq!(asks(&mut replica, NOW), (true, false));
    assert_eq!(asks(&mut replica, NOW), (false, false));
    replica.noted(NOW, Ok(()), &mut Vec::new());
    assert_eq!(asks(&mut replica, NOW), (false, true));
    replica.stored(NOW, Ok(()), &mut Vec::new());
    keep(&mut replica, true);

    // Other notes are no reason to wait: whatever others do meanwhile, one is enough.
    let bad = count(&mut replica, 15);
    keep(&mut replica, true);
    replica.rejected(NOW, &[bad], "read_only", "you may not", &mut Vec::new());
    assert_eq!(asks(&mut replica, NOW), (true, false));
    replica.permitted(Role::Write, &mut Vec::new());
    replica.noted(NOW, Ok(()), &mut Vec::new());
    assert_eq!(asks(&mut replica, NOW), (true, true));
    replica.noted(NOW, Err("no room"), &mut Vec::new());
    replica.stored(NOW, Ok(()), &mut Vec::new());
    keep(&mut replica, true);

    // What a commit holds that was under way before is told when that one is done.
    let bad = count(&mut replica, 16);
    keep(&mut replica, true);
    let edit = replica.edit(NOW, &[title("on its way")], None).unwrap();
    replica.permitted(Role::Read, &mut Vec::new());
    assert_eq!(asks(&mut replica, NOW), (true, true));
    replica.rejected(NOW, &[bad], "read_only", "you may not", &mut Vec::new());
    replica.noted(NOW, Err("no room"), &mut Vec::new());
    replica.stored(NOW, Ok(()), &mut Vec::new());
    assert_eq!(replica.fate(edit), Fate::Kept);
    keep(&mut replica, true);
    replica.permitted(Role::Write, &mut Vec::new());
    keep(&mut replica, true);

    // Where that cannot be written the document is what is stored, and the server says it again.
    let bad = count(&mut replica, 20);
    keep(&mut replica, true);
    replica.rejected(NOW, &[bad], "read_only", "you may not", &mut Vec::new());
    let edit = replica.edit(NOW, &[title("waits")], None).unwrap();
    assert_eq!(asks(&mut replica, NOW), (true, false));
    let mut effects = Vec::new();
    replica.noted(NOW, Err("no room"), &mut effects);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Load)));
    assert_eq!(replica.fate(edit), lost());
}

/// RC6: much that is new is kept as a whole document, which is a fraction of its changes.
#[test]
fn rc6_much_at_once_is_kept_whole() {
    let mut replica = dashboard();
    let write = |tx: &mut Transaction<'_>, words: &str| tx.put(ROOT, "words", words.repeat(100));
    for nth in 0..2_000 {
        let words = format!("and {nth} and ");
        replica.change(NOW, None, |tx| write(tx, &words), &mut Vec::new()).unwrap().unwrap();
    }
    let batch = asked(&mut replica).unwrap();
    assert_eq!(batch.put[0].key().kind, ChunkKind::Snapshot);
    assert_eq!(batch.delete.len(), 1, "what there was before goes");
    assert!(batch.manifest.bytes < 200_000, "{}", batch.manifest.bytes);
    assert_eq!(Automerge::load(batch.put[0].bytes()).unwrap().get_heads(), batch.manifest.heads);
}

/// RC4: a commit that was on its way when something was refused holds it still: what is stored next is the whole document without it.
#[test]
fn rc4_a_commit_that_was_outrun_is_made_good() {
    let mut replica = dashboard();
    replica.connected();
    count(&mut replica, 1);
    let bad = count(&mut replica, 10);
    keep(&mut replica, true);
    replica.rejected(NOW, &[bad], "quota_exceeded", "no room", &mut Vec::new());
    assert!(asked(&mut replica).is_some(), "the whole document, without it, is on its way");
    count(&mut replica, 100);
    let next = count(&mut replica, 1_000);
    replica.rejected(NOW, &[next], "quota_exceeded", "no room", &mut Vec::new());
    replica.stored(NOW, Ok(()), &mut Vec::new());
    let batch = asked(&mut replica);
    let batch = batch.expect("it is stored anew");
    assert_eq!(batch.put[0].key().kind, ChunkKind::Snapshot);
    let stored = Automerge::load(batch.put[0].bytes()).unwrap();
    assert_eq!(stored.get_heads(), batch.manifest.heads);
    assert_eq!(json::read(&stored, None)["count"], 101);
    assert_eq!(batch.delete.len(), 1, "what the one before has written goes");
}

/// RC3: so much may wait, and no more is taken then; what waits goes on.
#[test]
fn rc3_what_waits_has_a_bound() {
    let limits = Limits { pending_max: 3, ..Limits::default() };
    let mut replica = Replica::made(id(), ActorId::from([1; 16]), limits, first_dashboard());
    let before = replica.pending_size().0;
    for n in before..3 {
        replica.edit(NOW, &[title(&n.to_string())], None).unwrap();
        keep(&mut replica, true);
    }
    assert!(matches!(
        replica.edit(NOW, &[title("d")], None),
        Err(EditError::TooMuchPending { changes: 3, .. })
    ));
    let limits = Limits { change_bytes_max: 200, ..Limits::default() };
    let mut replica = Replica::made(id(), ActorId::from([1; 16]), limits, first_dashboard());
    let long: String = (0..400).map(|n| char::from(b'a' + (n * 7 % 26) as u8)).collect();
    let put = |tx: &mut Transaction<'_>| tx.put(ROOT, "long", long.as_str());
    let refused = replica.change::<_, AutomergeError>(NOW, None, put, &mut Vec::new());
    assert!(matches!(refused, Err(EditError::TooLarge { bytes_max: 200, .. })), "{refused:?}");
    assert!(reads(&mut replica).get("long").is_none());
}
