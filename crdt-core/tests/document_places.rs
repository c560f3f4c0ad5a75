//! Rights that are limited to places, and documents that nest deep, in the simulated [`world`].

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

mod world;

use automerge::sync::{Message, State, SyncDoc};
use automerge::transaction::{CommitOptions, Transactable, Transaction};
use automerge::{ActorId, Automerge, AutomergeError, Change, ChangeHash, ObjType, ROOT, ReadDoc};
use dovetail_core::authors::Authors;
use dovetail_core::document::chunk::{Batch, Chunk, ChunkKind, Lifecycle, Manifest};
use dovetail_core::document::{Input, Ticket};
use dovetail_core::grant::{Access, Identity, LinkHash};
use dovetail_core::reserved::{self, Section};
use dovetail_core::time::Timestamp;
use dovetail_core::{doors, json};
use serde_json::{Value, json};
use std::sync::Arc;
use world::{World, id};

fn person(name: &str) -> Arc<Identity> {
    Arc::new(Identity::person(name.parse().unwrap()))
}

fn access(grants: &Value) -> Arc<Access> {
    let value = json!({"owner": "ana", "grants": grants});
    Arc::new(Access::read(&value, &Access::default(), || LinkHash::of_secret("dvl_x")).unwrap())
}

/// Ana's data with two points; Bo may do with it what this says, and Cleo write.
fn data(bo: &Value) -> World {
    let mut world = World::new(3);
    for (client, name) in world.clients.iter_mut().zip(["ana", "bo", "cleo"]) {
        client.who = person(name);
    }
    let write = |tx: &mut Transaction<'_>| {
        tx.put(ROOT, "title", "hers")?;
        tx.put(ROOT, "kind", "board")?;
        let points = tx.put_object(ROOT, "points", ObjType::List)?;
        let point = tx.insert_object(&points, 0, ObjType::Map)?;
        tx.put(&point, "value", 1)?;
        let lab = tx.put_object(&point, "lab", ObjType::Text)?;
        tx.splice_text(&lab, 0, 0, "lab")?;
        let tags = tx.put_object(&point, "tags", ObjType::List)?;
        tx.insert(&tags, 0, "a")?;
        tx.insert(&points, 1, 10)
    };
    world.clients[0].doc.transact::<_, _, AutomergeError>(write).unwrap();
    world.connect(0);
    world.run_until_quiet();
    let access = access(&json!([bo, {"user": "cleo", "role": "write"}]));
    world.tell(Input::SetAccess { ticket: Ticket(50), access });
    world.run_until_quiet();
    assert!(world.answers.pop().unwrap().1.is_ok());
    world.connect(1);
    world.connect(2);
    world.run_until_quiet();
    world
}

fn feeder() -> Value {
    json!({"user": "bo", "role": "write", "paths": [{"path": "/points", "may": "append"}]})
}

fn points(tx: &Transaction<'_>) -> automerge::ObjId {
    tx.get(ROOT, "points").unwrap().unwrap().1
}

/// What somebody makes on top of this, as another client of theirs.
fn made(
    doc: &Automerge,
    actor: u8,
    edit: impl FnOnce(&mut Transaction<'_>) -> Result<(), AutomergeError>,
) -> Change {
    let mut doc = doc.clone().with_actor(ActorId::from([actor; 16]));
    let before = doc.get_heads();
    doc.transact(edit).unwrap();
    doc.get_changes(&before).pop().unwrap()
}

/// Has a client send these as they are; nothing is answered yet.
fn post(world: &mut World, n: usize, changes: &[&Change]) {
    let mut message: Message = Automerge::new().generate_sync_message(&mut State::new()).unwrap();
    message.heads = world.clients[n].doc.get_heads();
    let bytes: Vec<u8> = changes.iter().flat_map(|change| change.raw_bytes().to_vec()).collect();
    message.changes = vec![bytes].into();
    let session = world.clients[n].session.unwrap();
    world.tell(Input::Message { session, is_request: false, message });
}

fn bring(world: &mut World, n: usize, changes: &[&Change]) {
    post(world, n, changes);
    world.run_until_quiet();
}

fn is_stored(world: &World, change: &Change) -> bool {
    world.disk.document().get_change_by_hash(&change.hash()).is_some()
}

fn rejected(world: &World, n: usize) -> Vec<(&'static str, ChangeHash)> {
    let all = world.clients[n].rejected.iter();
    all.flat_map(|(code, hashes)| hashes.iter().map(move |hash| (*code, *hash))).collect()
}

/// A new point that holds maps in maps, until the innermost lies on this level.
fn nested(tx: &mut Transaction<'_>, levels: usize) -> Result<(), AutomergeError> {
    let list = points(tx);
    let end = tx.length(&list);
    let mut object = tx.insert_object(&list, end, ObjType::Map)?;
    for _ in 2..levels {
        object = tx.put_object(&object, "m", ObjType::Map)?;
    }
    tx.put(&object, "n", 1)
}

/// DO50: what nests deeper than JSON is refused, whoever brings it and however much deeper it is. What JSON can show is taken.
#[test]
fn do50_nothing_nests_deeper_than_can_be_shown() {
    for (n, levels) in [(1, 101), (2, 101), (1, 10_000), (2, 10_000), (1, 200_000)] {
        let mut world = data(&feeder());
        let change = made(&world.disk.document(), 77, |tx| nested(tx, levels));
        bring(&mut world, n, &[&change]);
        assert_eq!(rejected(&world, n), [("invalid_change", change.hash())], "{levels}");
        assert!(!is_stored(&world, &change) && world.refused.is_empty(), "the connection goes on");

        let change = made(&world.disk.document(), 78, |tx| nested(tx, json::DEPTH_MAX));
        bring(&mut world, n, &[&change]);
        assert!(is_stored(&world, &change), "{n}");
        let mut innermost = &json::read(&world.disk.document(), None)["points"][2];
        while !innermost["m"].is_null() {
            innermost = &innermost["m"];
        }
        assert_eq!(innermost["n"], 1);
        world.everyone_agrees();
    }
}

/// DO50: a document that nests deeper, from before that was refused, is read and judged as far as it can be shown, also its
/// history; it is edited where it can be, and nowhere below.
#[test]
fn do50_a_deep_document_is_served_as_far_as_it_can_be_shown() {
    for levels in [10_000, 200_000] {
        let mut world = data(&feeder());
        let deep = made(&world.disk.document(), 77, |tx| nested(tx, levels));
        let mut doc = world.disk.document();
        let before = doc.get_heads();
        doc.apply_changes([deep.clone()]).unwrap();
        world.crash();
        store(&mut world, &deep, doc.get_heads());

        let shown = json::read(&doc, None);
        assert!(serde_json::from_str::<Value>(&shown.to_string()).is_ok());
        assert_eq!(doors::diff(&doc, &before, &doc.get_heads()).unwrap()[0]["path"], "/points/2");
        assert_eq!(doors::history(&doc, &Authors::default(), None, 10).unwrap().groups.len(), 2);

        for n in 0..3 {
            world.connect(n);
        }
        world.run_until_quiet();
        world.clients[0].put("k", 1);
        world.clients[0].talk();
        let appended = made(&doc, 79, |tx| nested(tx, 3));
        bring(&mut world, 1, &[&appended]);
        assert!(is_stored(&world, &appended));
        world.everyone_agrees();
        world.the_rules_have_spoken();

        let innermost = automerge::ObjId::Id(deep.max_op() - 1, deep.actor_id().clone(), 0);
        let below = made(&doc, 80, |tx| tx.put(&innermost, "n", 2));
        bring(&mut world, 2, &[&below]);
        assert_eq!(rejected(&world, 2), [("invalid_change", below.hash())]);
        bring(&mut world, 1, &[&below]);
        assert_eq!(rejected(&world, 1), [("path_forbidden", below.hash())]);
        assert!(!is_stored(&world, &below));
    }
}

/// Puts a change into the store past everybody.
fn store(world: &mut World, change: &Change, heads: Vec<ChangeHash>) {
    let manifest = world.disk.manifest.clone().unwrap();
    let manifest = Manifest {
        heads,
        changes: manifest.changes + 1,
        changed_at: Timestamp::from_millis(world.now),
        lifecycle: Lifecycle::Live,
        ..manifest
    };
    let chunk = Chunk::new(ChunkKind::Changes, change.raw_bytes().to_vec().into());
    world.disk.write(Batch { document: id(), put: vec![chunk], delete: Vec::new(), manifest });
}

/// Two changes of a new client of Cleo's, one upon the other.
fn two_of_cleos(world: &World) -> (Change, Change) {
    let mut doc = world.disk.document().with_actor(ActorId::from([99; 16]));
    let before = doc.get_heads();
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "title", "first")).unwrap();
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "title", "second")).unwrap();
    let mut changes = doc.get_changes(&before);
    let second = changes.pop().unwrap();
    (changes.pop().unwrap(), second)
}

fn author_of(world: &mut World, change: &Change) -> Option<String> {
    world.tell(Input::View { ticket: Ticket(98) });
    world.run_until_quiet();
    let authors = world.machine.authors().unwrap();
    authors.of(change.actor_id(), change.seq()).map(ToString::to_string)
}

/// AU77: who relays what they may not make keeps nobody from bringing it who may: not before what it builds on, not
/// together with it, not in the same moment; and it is theirs who may.
#[test]
fn au77_a_relay_takes_nothing_away_from_its_maker() {
    type Order = fn(&mut World, &Change, &Change);
    let orders: [(&str, Order, &[&str]); 6] = [
        (
            "the second first, and then both",
            |world, first, second| {
                bring(world, 1, &[second]);
                bring(world, 2, &[first, second]);
            },
            &[],
        ),
        (
            "both in one burst",
            |world, first, second| {
                post(world, 1, &[first, second]);
                post(world, 2, &[first, second]);
            },
            &[],
        ),
        (
            "the maker in the same burst first",
            |world, first, second| {
                post(world, 2, &[second, first]);
                post(world, 1, &[first, second]);
            },
            &["actor_mismatch", "depends_on_refused"],
        ),
        (
            "the maker waits, and the relay comes with what is missing",
            |world, first, second| {
                bring(world, 2, &[second]);
                bring(world, 1, &[first, second]);
                bring(world, 2, &[first]);
            },
            &["path_forbidden", "depends_on_refused"],
        ),
        (
            "the same in one burst",
            |world, first, second| {
                post(world, 1, &[first]);
                post(world, 2, &[second]);
                world.run_until_quiet();
                bring(world, 2, &[first]);
            },
            &["path_forbidden"],
        ),
        (
            "the relay is refused before anything comes",
            |world, first, second| {
                bring(world, 1, &[first, second]);
                bring(world, 2, &[first, second]);
            },
            &["path_forbidden", "depends_on_refused"],
        ),
    ];
    for (what, order, told) in orders {
        let mut world = data(&feeder());
        let (first, second) = two_of_cleos(&world);
        order(&mut world, &first, &second);
        world.run_until_quiet();
        assert!(is_stored(&world, &first) && is_stored(&world, &second), "{what}");
        assert_eq!(rejected(&world, 2), [], "{what}");
        assert_eq!(rejected(&world, 1).iter().map(|(code, _)| *code).collect::<Vec<_>>(), told, "{what}");
        assert_eq!(author_of(&mut world, &second).as_deref(), Some("cleo"), "{what}");

        // Bo goes on, also on top of what was refused to him.
        let appended = made(&world.disk.document(), 81, |tx| nested(tx, 3));
        bring(&mut world, 1, &[&appended]);
        assert!(is_stored(&world, &appended), "{what}");
        world.everyone_agrees();
    }
}

/// AU77: nobody writes in somebody's name by bringing a change of their actor before they do.
#[test]
fn au77_a_relay_writes_in_nobodys_name() {
    let mut world = data(&feeder());
    let mut doc = world.disk.document().with_actor(ActorId::from([99; 16]));
    let before = doc.get_heads();
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "title", "first")).unwrap();
    doc.transact::<_, _, AutomergeError>(|tx| nested(tx, 3)).unwrap();
    let changes = doc.get_changes(&before);
    post(&mut world, 1, &[&changes[1]]);
    post(&mut world, 2, &[&changes[0]]);
    world.run_until_quiet();
    assert!(is_stored(&world, &changes[0]) && !is_stored(&world, &changes[1]));
    assert_eq!(rejected(&world, 1), [("actor_mismatch", changes[1].hash())]);
}

type Edit = fn(&mut Transaction<'_>) -> Result<(), AutomergeError>;

fn at(tx: &Transaction<'_>, way: &[&str]) -> automerge::ObjId {
    let mut object = tx.get(points(tx), 0).unwrap().unwrap().1;
    for step in way {
        object = tx.get(&object, *step).unwrap().unwrap().1;
    }
    object
}

/// AU78: who may append to `/points` adds points, with all that is in them, and leaves alone what was there, and what is in it.
#[test]
fn au78_who_may_append_leaves_alone_what_is_there() {
    let edits: [(&str, Edit, Option<&str>); 10] = [
        ("a value at the end", |tx| tx.insert(points(tx), 2, 11), None),
        ("a value at the front", |tx| tx.insert(points(tx), 0, 9), None),
        ("a point with all in it", |tx| nested(tx, 50), None),
        (
            "a point that is built up and changed",
            |tx| {
                let point = tx.insert_object(points(tx), 2, ObjType::Map)?;
                let lab = tx.put_object(&point, "lab", ObjType::Text)?;
                tx.splice_text(&lab, 0, 0, "lap")?;
                tx.splice_text(&lab, 2, 1, "b")?;
                tx.put(&point, "value", 1)?;
                tx.put(&point, "value", 2)?;
                tx.delete(&point, "value")
            },
            None,
        ),
        ("letters in a text", |tx| tx.splice_text(at(tx, &["lab"]), 1, 0, "XX"), Some("/points/*/lab/*")),
        ("a member", |tx| tx.put(at(tx, &[]), "retracted", true), Some("/points/*/retracted")),
        ("an item of a list in it", |tx| tx.insert(at(tx, &["tags"]), 1, "b"), Some("/points/*/tags/*")),
        (
            "an object in it",
            |tx| tx.put_object(at(tx, &[]), "more", ObjType::Map).map(drop),
            Some("/points/*/more"),
        ),
        ("another value", |tx| tx.put(at(tx, &[]), "value", 2), Some("/points/*/value")),
        (
            "a member, behind a new point",
            |tx| {
                nested(tx, 3)?;
                tx.put(at(tx, &[]), "retracted", true)
            },
            Some("/points/*/retracted"),
        ),
    ];
    for (n, (what, edit, out_of)) in edits.into_iter().enumerate() {
        let mut world = data(&feeder());
        let change = made(&world.disk.document(), 100 + u8::try_from(n).unwrap(), edit);
        bring(&mut world, 1, &[&change]);
        assert_eq!(is_stored(&world, &change), out_of.is_none(), "{what}");
        let told: Vec<_> = rejected(&world, 1);
        assert_eq!(told, out_of.map(|_| ("path_forbidden", change.hash())).into_iter().collect::<Vec<_>>());
    }
}

/// AU78: a limit that names what is in the points gives just that.
#[test]
fn au78_a_limit_on_what_is_in_them_gives_that() {
    let bo = json!({"user": "bo", "role": "write", "paths": [
        {"path": "/points/*", "may": "append"}, {"path": "/points/*/tags", "may": "append"},
    ]});
    let edits: [(&str, Edit, bool); 4] = [
        ("a member", |tx| tx.put(at(tx, &[]), "retracted", true), true),
        ("an item of the tags", |tx| tx.insert(at(tx, &["tags"]), 1, "b"), true),
        ("letters in a text", |tx| tx.splice_text(at(tx, &["lab"]), 1, 0, "XX"), false),
        ("another value", |tx| tx.put(at(tx, &[]), "value", 2), false),
    ];
    for (n, (what, edit, is_taken)) in edits.into_iter().enumerate() {
        let mut world = data(&bo);
        let change = made(&world.disk.document(), 100 + u8::try_from(n).unwrap(), edit);
        bring(&mut world, 1, &[&change]);
        assert_eq!(is_stored(&world, &change), is_taken, "{what}");
    }
}

fn entry(tx: &mut Transaction<'_>, by: &str) -> Result<(), AutomergeError> {
    let versions = reserved::section(tx, Section::Versions)?;
    let entry = tx.put_object(&versions, "v1", ObjType::Map)?;
    tx.put(&entry, "by", by)?;
    tx.put(&entry, "note", "as shown")?;
    tx.put(&entry, "at", 1)?;
    tx.put_object(&entry, "heads", ObjType::List).map(drop)
}

fn named_by(world: &mut World) -> Option<String> {
    world.tell(Input::View { ticket: Ticket(98) });
    world.run_until_quiet();
    let authors = world.machine.authors().unwrap().clone();
    doors::versions(&world.disk.document(), &authors)["v1"].by.clone()
}

/// AU79: whoever named a version is told as the server knows them, whatever the entry claims, also when others write in it.
#[test]
fn au79_a_version_is_signed_by_whoever_wrote_it() {
    let mut world = data(&json!({"user": "bo", "role": "write"}));
    let named = made(&world.disk.document(), 90, |tx| entry(tx, "boss"));
    bring(&mut world, 2, &[&named]);
    assert_eq!(named_by(&mut world).as_deref(), Some("cleo"));

    let in_entry = |tx: &Transaction<'_>| {
        let versions = reserved::find_section(tx, Section::Versions).unwrap();
        tx.get(&versions, "v1").unwrap().unwrap().1
    };
    let forged = made(&world.disk.document(), 91, |tx| tx.put(in_entry(tx), "by", "the boss"));
    bring(&mut world, 1, &[&forged]);
    assert_eq!(named_by(&mut world).as_deref(), Some("bo"));
    let emptied = made(&world.disk.document(), 92, |tx| tx.delete(in_entry(tx), "note"));
    bring(&mut world, 2, &[&emptied]);
    assert_eq!(named_by(&mut world), None, "nobody left it like that");

    // Where nobody is asked, an entry says it itself.
    let claims = doors::versions(&world.disk.document(), &Authors::default());
    assert_eq!(claims["v1"].by.as_deref(), Some("the boss"));
}

fn empty(doc: &Automerge, actor: u8, message: usize, time: i64) -> Change {
    let mut doc = doc.clone().with_actor(ActorId::from([actor; 16]));
    let options = CommitOptions::default().with_time(time).with_message("m".repeat(message));
    let hash = doc.empty_commit(options);
    doc.get_change_by_hash(&hash).unwrap()
}

/// AU80: who is limited to places brings no change that goes to none.
#[test]
fn au80_an_empty_change_is_out_of_all_places() {
    let mut world = data(&feeder());
    let change = empty(&world.disk.document(), 90, 10, 1 << 50);
    bring(&mut world, 1, &[&change]);
    assert_eq!(rejected(&world, 1), [("path_forbidden", change.hash())]);
    assert!(!is_stored(&world, &change));
    bring(&mut world, 2, &[&change]);
    assert!(is_stored(&world, &change), "who may write everywhere may write nothing");
    let page = doors::history(&world.disk.document(), &Authors::default(), None, 10).unwrap();
    assert!(page.groups.iter().any(|group| group.to.as_millis() == (1 << 50) * 1_000));
}

/// DO52: the message of a change has 4 KiB at most, whoever brings it.
#[test]
fn do52_a_message_is_a_paragraph() {
    let mut world = data(&feeder());
    let long = empty(&world.disk.document(), 90, 4_097, 0);
    bring(&mut world, 2, &[&long]);
    assert_eq!(rejected(&world, 2), [("invalid_change", long.hash())]);
    assert!(!is_stored(&world, &long) && world.refused.is_empty(), "the connection goes on");
    let good = empty(&world.disk.document(), 91, 4_096, 0);
    bring(&mut world, 2, &[&good]);
    assert!(is_stored(&world, &good));
}
