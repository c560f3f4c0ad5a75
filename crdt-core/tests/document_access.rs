//! Who may do what with a document, in the simulated [`world`]: told, taken away, refused, and kept aside.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

mod world;

use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, AutomergeError, ChangeHash, ObjType, ROOT, ReadDoc};
use dovetail_core::document::{Input, LoadFault, Refusal, Rejection, Ticket};
use dovetail_core::grant::{Access, EditPermit, Followed, Grant, Identity, LinkHash, Policy, Role};
use dovetail_core::id::{DocumentId, SessionId, StorageId};
use dovetail_core::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use world::{World, id};

fn person(name: &str) -> Arc<Identity> {
    Arc::new(Identity::person(name.parse().unwrap()))
}

fn access(grants: &Value) -> Arc<Access> {
    let value = json!({"owner": "ana", "grants": grants});
    Arc::new(Access::read(&value, &Access::default(), || LinkHash::of_secret("dvl_x")).unwrap())
}

/// Clients of these people; the first has made the document and all are connected.
fn world_of(people: &[&str], grants: &Value) -> World {
    let mut world = World::new(u8::try_from(people.len()).unwrap());
    for (n, name) in people.iter().enumerate() {
        world.clients[n].who = person(name);
    }
    world.clients[0].put("title", 1);
    world.connect(0);
    world.run_until_quiet();
    give(&mut world, grants);
    for n in 1..people.len() {
        world.connect(n);
    }
    world.run_until_quiet();
    world
}

fn give(world: &mut World, grants: &Value) {
    world.tell(Input::SetAccess { ticket: Ticket(50), access: access(grants) });
    world.run_until_quiet();
    assert!(world.answers.pop().unwrap().1.is_ok());
}

fn edit(world: &mut World, n: usize, key: &str, value: i64) -> ChangeHash {
    world.clients[n].put(key, value);
    let hash = world.clients[n].doc.get_heads()[0];
    world.clients[n].talk();
    world.run_until_quiet();
    hash
}

fn is_stored(world: &World, hash: &ChangeHash) -> bool {
    world.disk.document().get_change_by_hash(hash).is_some()
}

fn codes(world: &World, n: usize) -> Vec<&'static str> {
    world.clients[n].rejected.iter().map(|(code, _)| *code).collect()
}

/// AU9: whoever brings the first changes makes the document and owns it; that is stored with them.
#[test]
fn au9_the_maker_owns_the_document() {
    let world = world_of(&["ana", "bo"], &json!([]));
    let manifest = world.disk.manifest.as_ref().unwrap();
    assert_eq!(manifest.access.owner.as_ref().unwrap().as_str(), "ana");
    assert_eq!(world.clients[0].roles, [Role::Admin]);
    assert!(world.clients[0].acknowledged > 0);
}

/// AU9: of two who make the same document at once the first is its maker, and the other has no right by that.
#[test]
fn au9_of_two_makers_the_first_is_the_maker() {
    let mut world = World::new(2);
    for (n, name) in ["ana", "bo"].iter().enumerate() {
        world.clients[n].who = person(name);
        world.clients[n].put("title", 1);
        world.connect(n);
    }
    // Both ask, hear that there is nothing, and bring what they have.
    world.run_until_quiet();
    let owner = world.disk.manifest.as_ref().unwrap().access.owner.clone().unwrap();
    let other = usize::from(owner.as_str() == "ana");
    assert_eq!(world.clients[other].roles, []);
    assert!(world.clients[other].unavailable > 0);
    let heads = world.disk.document().get_heads();
    assert_eq!(heads, world.clients[1 - other].doc.get_heads());
}

/// Somebody who may make nothing and was given nothing.
fn stranger() -> Arc<Identity> {
    let mut link = Identity::holder_of(LinkHash::of_secret("dvl_other"));
    link.groups.insert("nobody".into());
    Arc::new(link)
}

/// How often it was told that there is no such document, and got something; its roles, what was refused of it, and whether
/// it was sent away.
type Heard = (usize, usize, Vec<Role>, Vec<&'static str>, bool);

/// Everything that a client hears, whatever it tries: asking, asking again, asking for a change by name, acknowledging,
/// and changing something.
fn hears(world: &mut World, n: usize) -> Vec<Heard> {
    let session = world.connect(n);
    let mut heard = Vec::new();
    let mut hear = |world: &mut World| {
        world.run_until_quiet();
        let client = &world.clients[n];
        let is_out = world.refused.contains(&session);
        heard.push((client.unavailable, client.received, client.roles.clone(), codes(world, n), is_out));
    };
    hear(world);
    let any = ChangeHash([7; 32]);
    for (heads, need, is_request) in [
        (vec![], vec![], true),
        (vec![], vec![], false),
        (vec![any], vec![], false),
        (vec![any], vec![any], false),
        (vec![], vec![any], true),
    ] {
        let message = automerge::sync::Message { heads, need, ..asked() };
        world.tell(Input::Message { session, is_request, message });
        hear(world);
    }
    for value in [1, 2] {
        world.clients[n].put("title", value);
        world.clients[n].talk();
        hear(world);
    }
    // What it says in the moment is passed on to nobody, and nobody's word to it.
    assert!(!world.machine.may_read(session));
    assert!(world.machine.readers_except(SessionId(0)).all(|other| other != session));
    world.disconnect(n);
    heard
}

/// A message that says nothing.
fn asked() -> automerge::sync::Message {
    let mut state = automerge::sync::State::new();
    automerge::sync::SyncDoc::generate_sync_message(&Automerge::new(), &mut state).unwrap()
}

/// AU10: who may not read hears to the letter what is heard of a document that nobody has brought, whatever they try
/// and whatever has become of it; gets nothing, and changes nothing.
#[test]
fn au10_who_may_not_read_learns_nothing() {
    let mut absent = World::new(1);
    absent.clients[0].who = stranger();
    let unknown = hears(&mut absent, 0);
    assert_eq!(unknown[0], (1, 0, vec![], vec![], false));
    assert!(unknown.iter().all(|(_, received, roles, ..)| *received == 0 && roles.is_empty()));

    let as_new = |world: &mut World| {
        world.disconnect(1);
        world.clients[1] = World::new(1).clients.pop().unwrap();
        world.clients[1].who = stranger();
    };
    let hidden = || {
        let mut world = world_of(&["ana", "bo"], &json!([]));
        as_new(&mut world);
        world
    };
    let mut live = hidden();
    assert_eq!(hears(&mut live, 1), unknown, "it is in memory");
    assert_eq!(live.disk.document().get(ROOT, "title").unwrap().unwrap().0.as_i64(), Some(1));
    assert_eq!(codes(&live, 0), Vec::<&str>::new());

    let mut cold = hidden();
    cold.crash();
    assert_eq!(hears(&mut cold, 1), unknown, "it is on the disk");

    let mut deleted = hidden();
    deleted.tell(Input::Delete { ticket: Ticket(51), deleted: true });
    deleted.run_until_quiet();
    assert_eq!(hears(&mut deleted, 1), unknown, "it was deleted");
    deleted.crash();
    as_new(&mut deleted);
    assert_eq!(hears(&mut deleted, 1), unknown, "it was deleted long ago");

    let mut damaged = hidden();
    damaged.crash();
    let ana = damaged.connect(0);
    damaged.run_until_quiet();
    damaged.tell(Input::View { ticket: Ticket(53) });
    damaged.advance();
    assert!(matches!(damaged.disk.asked.pop_front(), Some(world::Asked::Chunks)));
    damaged.tell(Input::Chunks(Err(LoadFault::Damaged)));
    edit(&mut damaged, 0, "title", 2);
    assert!(damaged.refused.contains(&ana), "whoever may read it is told that it is damaged");
    assert_eq!(hears(&mut damaged, 1), unknown, "it is damaged");
}

/// AU10: who may not read is told nothing of what others do.
#[test]
fn au10_who_may_not_read_is_not_told_what_others_do() {
    let mut world = world_of(&["ana", "bo"], &json!([]));
    let hash = edit(&mut world, 1, "title", 666);
    assert!(!is_stored(&world, &hash));
    edit(&mut world, 0, "title", 2);
    assert_eq!((world.clients[1].received, codes(&world, 0)), (0, vec![]));
    assert_eq!(world.disk.document().get(ROOT, "title").unwrap().unwrap().0.as_i64(), Some(2));
}

/// AU70: of a document that nobody has brought nobody hears another, as of one that is hidden; once it is there, they do.
#[test]
fn au70_nobody_is_heard_in_a_document_that_is_not_there() {
    let mut world = World::new(2);
    world.clients[0].who = person("ana");
    world.clients[1].who = person("ana");
    let (one, other) = (world.connect(0), world.connect(1));
    let hear =
        |world: &World| (world.machine.may_read(one), world.machine.readers_except(one).collect::<Vec<_>>());
    assert_eq!(hear(&world), (false, vec![]), "while nobody knows");
    world.run_until_quiet();
    assert_eq!(hear(&world), (false, vec![]));
    edit(&mut world, 0, "title", 1);
    assert_eq!(hear(&world), (true, vec![other]));
}

/// DO46: whoever follows other stores is told what is known of them as soon as they may read, also when that was not known
/// when they came.
#[test]
fn do46_who_comes_first_follows() {
    let readers = json!([{"user": "cleo", "role": "read"}]);
    let mut world = world_of(&["ana", "bo", "cleo"], &readers);
    world.crash();
    let store: StorageId = "store".parse().unwrap();
    let (ana, bo, cleo) = (SessionId(70), SessionId(71), SessionId(72));
    for (session, name, storage, follows) in [
        (ana, "ana", None, vec![store.clone()]),
        (bo, "bo", None, vec![store.clone()]),
        (cleo, "cleo", Some(store.clone()), vec![]),
    ] {
        let follows = Arc::new(follows.into_iter().collect());
        world.tell(Input::Open { session, who: person(name), storage, follows, room: Arc::default() });
    }
    world.run_until_quiet();
    let message = automerge::sync::Message { heads: world.disk.document().get_heads(), ..asked() };
    world.tell(Input::View { ticket: Ticket(52) });
    world.tell(Input::Message { session: cleo, is_request: false, message });
    world.run_until_quiet();
    assert_eq!(world.told_of_stores, [(ana, store.clone())], "Bo may not read");
    give(&mut world, &json!([{"user": "bo", "role": "read"}, {"user": "cleo", "role": "read"}]));
    assert_eq!(world.told_of_stores, [(ana, store.clone()), (bo, store)], "and is told once he may");
}

/// DO9: who asks for the same again is not answered again; what it was sent has arrived. Asking for something else is.
#[test]
fn do9_who_asks_twice_for_the_same_is_not_answered_twice() {
    let mut world = world_of(&["ana", "bo"], &json!([{"user": "bo", "role": "read"}]));
    let session = world.clients[1].session.unwrap();
    let stored = world.disk.document().get_heads();
    let mut ask = |heads: Vec<ChangeHash>, need: Vec<ChangeHash>| {
        world.tell(Input::Message {
            session,
            is_request: false,
            message: automerge::sync::Message { heads, need, ..asked() },
        });
        world.advance();
        world.clients[1].from_server.drain(..).count()
    };
    let answered: Vec<usize> = (0..4).map(|_| ask(stored.clone(), stored.clone())).collect();
    assert_eq!(answered, [1, 0, 0, 0], "what it has");
    let unknown = vec![ChangeHash([7; 32])];
    let answered: Vec<usize> = (0..4).map(|_| ask(unknown.clone(), stored.clone())).collect();
    assert_eq!(answered, [1, 0, 0, 0], "while it has what we lack");
    assert_eq!(ask(stored.clone(), stored), 1, "something else");
}

/// AU71: what is remembered of somebody's refused changes has a bound, however much each of them builds on.
#[test]
fn au71_refused_changes_are_not_remembered_without_end() {
    let mut world = world_of(&["ana", "bo"], &json!([{"user": "bo", "role": "read"}]));
    let session = world.clients[1].session.unwrap();
    let mut refuse = |deps: u32| {
        let mut change = world.clients[0].doc.get_changes(&[]).pop().unwrap().decode();
        change.actor_id = ActorId::from([9; 16]);
        let dep = |n: u32| ChangeHash([&n.to_be_bytes()[..], &[1; 28]].concat().try_into().unwrap());
        change.deps = (0..deps).map(dep).collect();
        let changes = vec![automerge::Change::from(change).raw_bytes().to_vec()].into();
        let message = automerge::sync::Message { changes, ..asked() };
        world.tell(Input::Message { session, is_request: false, message });
        world.run_until_quiet();
        (codes(&world, 1).len(), world.refused.contains(&session))
    };
    assert_eq!(refuse(60_000), (1, false));
    assert_eq!(refuse(5_000), (2, false));
    assert_eq!(refuse(1_000), (2, true), "that is too much");
}

/// AU11: who may only read gets everything; what they change is refused with its hash, kept aside, and nobody else
/// notices. They still follow.
#[test]
fn au11_who_may_read_follows_and_changes_nothing() {
    let mut world = world_of(&["ana", "bo"], &json!([{"user": "bo", "role": "read"}]));
    assert_eq!(world.clients[1].roles, [Role::Read]);
    assert_eq!(world.clients[1].doc.get_heads(), world.clients[0].doc.get_heads());

    let hash = edit(&mut world, 1, "title", 666);
    assert_eq!(world.clients[1].rejected, [("read_only", vec![hash])]);
    assert_eq!(world.aside, [("bo".to_owned(), "read_only", hash)]);
    let on_top = edit(&mut world, 1, "note", 667);
    assert!(!is_stored(&world, &hash) && !is_stored(&world, &on_top));

    edit(&mut world, 0, "title", 2);
    assert!(world.clients[1].doc.get_change_by_hash(&world.clients[0].doc.get_heads()[0]).is_some());
    assert_eq!(world.clients[0].doc.get(ROOT, "note").unwrap(), None);
}

/// AU12: a right that is given or taken away holds on connections that are open, in the order in which it is stored.
#[test]
fn au12_rights_change_on_open_connections() {
    let mut world = world_of(&["ana", "bo"], &json!([]));
    let before = edit(&mut world, 0, "title", 2);
    give(&mut world, &json!([{"user": "bo", "role": "write"}]));
    assert!(world.clients[1].doc.get_change_by_hash(&before).is_some(), "what was hidden comes at once");
    let good = edit(&mut world, 1, "title", 3);
    assert!(is_stored(&world, &good));

    give(&mut world, &json!([{"user": "bo", "role": "read"}]));
    let bad = edit(&mut world, 1, "title", 4);
    assert!(!is_stored(&world, &bad));
    let received = world.clients[1].received;
    give(&mut world, &json!([]));
    edit(&mut world, 0, "title", 5);
    assert_eq!(world.clients[1].received, received, "nothing follows");
    assert_eq!(world.clients[1].roles, [Role::Write, Role::Read, Role::None]);
    assert!(world.clients[1].unavailable > 1);
}

/// AU12: a right that ends by itself ends when its time has come.
#[test]
fn au12_a_right_ends_at_its_time() {
    let mut world = world_of(&["ana", "bo"], &json!([]));
    let until = world.now + 1_000;
    give(&mut world, &json!([{"user": "bo", "role": "write", "until": until}]));
    assert_eq!(world.machine.asks_again_at(), Some(Timestamp::from_millis(until)));
    world.now = until;
    world.tell(Input::AskAgain);
    world.run_until_quiet();
    assert_eq!(world.clients[1].roles, [Role::Write, Role::None]);
}

/// AU13: an actor belongs to whoever brought a change of it first, also after the document has left memory and after
/// a crash. Nobody else brings its changes.
#[test]
fn au13_an_actor_is_whose_it_was_first() {
    let mut world = world_of(&["ana", "bo"], &json!([{"user": "bo", "role": "write"}]));
    edit(&mut world, 1, "b", 1);
    let forge = |world: &mut World, value: i64| {
        // Bo's client continues as Ana's actor.
        let anas = world.clients[0].doc.get_actor().clone();
        world.clients[1].doc.set_actor(anas);
        edit(world, 1, "title", value)
    };
    let forged = forge(&mut world, 666);
    assert_eq!(world.clients[1].rejected, [("actor_mismatch", vec![forged])]);
    assert!(!is_stored(&world, &forged));

    world.crash();
    world.clients[1].doc = world.disk.document();
    world.clients[1].rejected.clear();
    world.connect(1);
    world.run_until_quiet();
    let forged = forge(&mut world, 667);
    assert_eq!(codes(&world, 1), ["actor_mismatch"]);
    assert!(!is_stored(&world, &forged));
}

/// AU13: a change that the document has may be brought by anybody: relays are lawful.
#[test]
fn au13_relays_are_lawful() {
    let mut world = world_of(&["ana", "bo"], &json!([{"user": "bo", "role": "write"}]));
    let ana = edit(&mut world, 0, "title", 2);
    world.disconnect(1);
    world.connect(1);
    let changes = world.clients[1].doc.get_changes(&[]);
    let mut message = automerge::sync::Message::decode(&{
        let mut state = automerge::sync::State::new();
        automerge::sync::SyncDoc::generate_sync_message(&world.clients[1].doc, &mut state).unwrap().encode()
    })
    .unwrap();
    message.changes =
        vec![changes.iter().flat_map(|change| change.raw_bytes().to_vec()).collect::<Vec<u8>>()].into();
    let session = world.clients[1].session.unwrap();
    world.tell(Input::Message { session, is_request: false, message });
    world.run_until_quiet();
    assert_eq!(codes(&world, 1), Vec::<&str>::new());
    assert!(is_stored(&world, &ana));
}

/// AU14: what builds on a refused change is refused with it, and what the sender makes after having taken it back
/// gets through on the same connection.
#[test]
fn au14_later_good_edits_get_through() {
    let mut world = world_of(&["ana", "bo"], &json!([{"user": "bo", "role": "read"}]));
    let good_state = world.clients[1].doc.clone();
    edit(&mut world, 1, "title", 666);
    give(&mut world, &json!([{"user": "bo", "role": "write"}]));
    let on_top = edit(&mut world, 1, "note", 667);
    assert_eq!(codes(&world, 1), ["read_only", "depends_on_refused"]);
    assert!(!is_stored(&world, &on_top));

    // As a client does that takes back what was refused: the same document without it, and another actor.
    world.clients[1].doc = good_state.with_actor(ActorId::from([9, 9]));
    let good = edit(&mut world, 1, "note", 1);
    assert!(is_stored(&world, &good));
    world.everyone_agrees();
}

fn submit(
    world: &mut World,
    permit: EditPermit,
    changes: &Automerge,
    since: &[ChangeHash],
) -> Option<Rejection> {
    world.tell(Input::Submit { ticket: Ticket(60), permit, changes: vec![changes.save_after(since).into()] });
    world.run_until_quiet();
    match world.answers.pop().unwrap().1 {
        Ok(_) => None,
        Err(Refusal::Rejected(why)) => Some(why),
        Err(other) => panic!("{other}"),
    }
}

fn permit(world: &World, name: &str) -> EditPermit {
    let access = world.disk.manifest.as_ref().unwrap().access.clone();
    let grant =
        access.grant(&id(), None, None, &Policy::default(), &person(name), Timestamp::from_millis(world.now));
    grant.permit_edit().unwrap()
}

/// AU15: a permit that was given is looked at once more when its changes are applied.
#[test]
fn au15_a_permit_is_worth_what_is_stored() {
    let mut world = world_of(&["ana"], &json!([{"user": "bo", "role": "write"}]));
    let stored = world.disk.document();
    let bos = permit(&world, "bo");
    give(&mut world, &json!([]));
    let mut doc = stored.clone().with_actor(ActorId::from([5]));
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "title", 7)).unwrap();
    assert_eq!(submit(&mut world, bos, &doc, &stored.get_heads()), Some(Rejection::Hidden));
    let maker =
        Grant::to_make(id(), &person("cleo"), Timestamp::from_millis(world.now)).permit_edit().unwrap();
    assert_eq!(
        submit(&mut world, maker, &doc, &stored.get_heads()),
        Some(Rejection::Hidden),
        "it is there already"
    );
}

/// What a limited writer of `/mine`, `/lists/*/new`, and of new points in `/points` tries.
type Try = fn(&mut automerge::transaction::Transaction<'_>) -> Result<(), AutomergeError>;

/// AU16: a limited right is judged by where each operation goes, and a change is taken or refused as a whole.
#[test]
fn au16_a_limited_right_is_kept() {
    let grants = json!([{"user": "bo", "role": "write", "paths": [
        "/mine", "/lists/*/new", {"path": "/points", "may": "append"},
    ]}]);
    let mut world = World::new(1);
    world.clients[0].who = person("ana");
    world.clients[0]
        .doc
        .transact::<_, _, AutomergeError>(|tx| {
            tx.put(ROOT, "title", "t")?;
            let mine = tx.put_object(ROOT, "mine", ObjType::Map)?;
            tx.put(&mine, "a", 1)?;
            let theirs = tx.put_object(ROOT, "theirs", ObjType::Map)?;
            tx.put(&theirs, "a", 1)?;
            let points = tx.put_object(ROOT, "points", ObjType::List)?;
            tx.insert(&points, 0, 10)?;
            let lists = tx.put_object(ROOT, "lists", ObjType::List)?;
            tx.insert_object(&lists, 0, ObjType::Map).map(drop)
        })
        .unwrap();
    world.connect(0);
    world.run_until_quiet();
    give(&mut world, &grants);
    let tries: Vec<(&str, Try, Option<&str>)> = vec![
        (
            "changes what is theirs",
            |tx| {
                let o = tx.get(ROOT, "mine")?.unwrap().1;
                tx.put(&o, "a", 2)
            },
            None,
        ),
        (
            "makes deep things in it",
            |tx| {
                let o = tx.get(ROOT, "mine")?.unwrap().1;
                let deep = tx.put_object(&o, "deep", ObjType::List)?;
                tx.insert(&deep, 0, "x")
            },
            None,
        ),
        ("replaces the whole of it", |tx| tx.put_object(ROOT, "mine", ObjType::Map).map(drop), None),
        (
            "adds a point",
            |tx| {
                let o = tx.get(ROOT, "points")?.unwrap().1;
                tx.insert(&o, 1, 11)
            },
            None,
        ),
        (
            "adds at a named place in any list",
            |tx| {
                let o = tx.get(ROOT, "lists")?.unwrap().1;
                let item = tx.get(&o, 0)?.unwrap().1;
                tx.put(&item, "new", 1)
            },
            None,
        ),
        (
            "changes a point",
            |tx| {
                let o = tx.get(ROOT, "points")?.unwrap().1;
                tx.put(&o, 0, 12)
            },
            Some("/points/*"),
        ),
        (
            "deletes a point",
            |tx| {
                let o = tx.get(ROOT, "points")?.unwrap().1;
                tx.delete(&o, 0)
            },
            Some("/points/*"),
        ),
        ("replaces all points", |tx| tx.put_object(ROOT, "points", ObjType::List).map(drop), Some("/points")),
        ("changes the title", |tx| tx.put(ROOT, "title", "x"), Some("/title")),
        (
            "changes something else",
            |tx| {
                let o = tx.get(ROOT, "theirs")?.unwrap().1;
                tx.put(&o, "a", 2)
            },
            Some("/theirs/a"),
        ),
        (
            "renames by writing elsewhere",
            |tx| {
                tx.delete(ROOT, "mine")?;
                tx.put(ROOT, "mine2", 1)
            },
            Some("/mine2"),
        ),
        (
            "hides a bad operation behind good ones",
            |tx| {
                let o = tx.get(ROOT, "mine")?.unwrap().1;
                tx.put(&o, "a", 3)?;
                tx.put(ROOT, "title", "x")?;
                tx.put(&o, "a", 4)
            },
            Some("/title"),
        ),
        (
            "another name in any list",
            |tx| {
                let o = tx.get(ROOT, "lists")?.unwrap().1;
                let item = tx.get(&o, 0)?.unwrap().1;
                tx.put(&item, "old", 1)
            },
            Some("/lists/*/old"),
        ),
        ("the place that belongs to the server", |tx| tx.put(ROOT, "_dovetail", 1), Some("/_dovetail")),
        ("deletes it", |tx| tx.delete(ROOT, "mine"), None),
    ];
    for (n, (what, attempt, out_of)) in tries.into_iter().enumerate() {
        let stored = world.disk.document();
        let mut doc = stored.clone().with_actor(ActorId::from([50, u8::try_from(n).unwrap()]));
        doc.transact(attempt).unwrap();
        let bos = permit(&world, "bo");
        let expected = out_of.map(|place| Rejection::PathForbidden { place: place.to_owned() });
        assert_eq!(submit(&mut world, bos, &doc, &stored.get_heads()), expected, "{what}");
        assert_eq!(is_stored(&world, &doc.get_heads()[0]), out_of.is_none(), "{what}");
    }
}

/// AU16: an object that is hidden at the moment is no way around: it lies where it was made.
#[test]
fn au16_a_hidden_object_is_no_way_around() {
    let mut world = World::new(1);
    world.clients[0].who = person("ana");
    let mut theirs = None;
    world.clients[0]
        .doc
        .transact::<_, _, AutomergeError>(|tx| {
            theirs = Some(tx.put_object(ROOT, "theirs", ObjType::Map)?);
            Ok(())
        })
        .unwrap();
    world.connect(0);
    world.run_until_quiet();
    give(&mut world, &json!([{"user": "bo", "role": "write", "paths": ["/mine"]}]));
    let before = world.disk.document();
    world.clients[0].doc.transact::<_, _, AutomergeError>(|tx| tx.delete(ROOT, "theirs")).unwrap();
    world.clients[0].talk();
    world.run_until_quiet();

    // Made on the state in which it was still there, it shows nothing now.
    let mut doc = before.clone().with_actor(ActorId::from([5]));
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(theirs.as_ref().unwrap(), "a", 1)).unwrap();
    let bos = permit(&world, "bo");
    let refused = submit(&mut world, bos, &doc, &before.get_heads());
    assert_eq!(refused, Some(Rejection::PathForbidden { place: "/theirs/a".to_owned() }));
}

/// AU16: on a sync connection too, change by change, also when several come at once; and what had to wait for others
/// is judged when its turn comes.
#[test]
fn au16_a_limited_right_is_kept_on_a_connection() {
    let mut world = world_of(&["ana", "bo"], &json!([{"user": "bo", "role": "write", "paths": ["/b"]}]));
    world.clients[1].put("b", 1);
    let good = world.clients[1].doc.get_heads()[0];
    world.clients[1].put("title", 666);
    let bad = world.clients[1].doc.get_heads()[0];
    world.clients[1].put("b", 2);
    let on_top = world.clients[1].doc.get_heads()[0];
    world.clients[1].talk();
    world.run_until_quiet();
    assert!(is_stored(&world, &good));
    assert!(!is_stored(&world, &bad) && !is_stored(&world, &on_top));
    let rejected: Vec<_> = world.clients[1]
        .rejected
        .iter()
        .flat_map(|(code, all)| all.iter().map(move |h| (*code, *h)))
        .collect();
    assert_eq!(rejected, [("path_forbidden", bad), ("depends_on_refused", on_top)]);
    assert_eq!(world.aside.len(), 2);
}

/// AU17: rights for a whole kind hold at once when the policy or the kind of the document changes.
#[test]
fn au17_the_policy_holds_on_open_connections() {
    let mut world = World::new(2);
    world.clients[0].who = person("ana");
    world.clients[1].who = person("bo");
    world.clients[0].put_on_board("k0", 1);
    world.connect(0);
    world.connect(1);
    world.run_until_quiet();
    assert_eq!(world.clients[1].roles, []);
    let policy = Policy::read(&json!({"board": [{"everyone": true, "role": "read"}]})).unwrap();
    world.tell(Input::Policy(Arc::new(policy)));
    world.run_until_quiet();
    assert_eq!(world.clients[1].roles, [Role::Read]);
    world.everyone_agrees();
    world.clients[0].doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "kind", "secret")).unwrap();
    world.clients[0].talk();
    world.run_until_quiet();
    assert_eq!(world.clients[1].roles, [Role::Read, Role::None]);
}

/// The dashboard of these people, for the documents that follow it.
fn dashboard(grants: &Value) -> Arc<Followed> {
    Arc::new(Followed { document: dashboard_id(), access: access(grants), kind: None })
}

fn dashboard_id() -> DocumentId {
    DocumentId::from_bytes(&[9; 16]).unwrap()
}

/// `world_of` people who have no right of their own, with a document that follows the dashboard of cleo.
fn world_that_follows(people: &[&str], there: &Value) -> World {
    let mut world = world_of(people, &json!([]));
    let owned = Access { owner: Some("cleo".parse().unwrap()), ..Access::clone(&access(there)) };
    world.followed =
        Some(Arc::new(Followed { access: Arc::new(owned), ..Followed::clone(&dashboard(there)) }));
    follow(&mut world, Some(dashboard_id()));
    world
}

fn follow(world: &mut World, follows: Option<DocumentId>) {
    let access = Access { follows, ..Access::clone(&access(&json!([]))) };
    world.tell(Input::SetAccess { ticket: Ticket(51), access: Arc::new(access) });
    world.run_until_quiet();
    assert!(world.answers.pop().unwrap().1.is_ok());
}

/// AU81: people have in a document that follows what they have in the one that it follows, on open connections too, its owner
/// included; and no longer when it follows nothing.
#[test]
fn au81_a_document_follows_another_one() {
    let bo_writes = json!([{"user": "bo", "role": "write"}]);
    let mut world = world_that_follows(&["ana", "bo", "cleo", "dee"], &bo_writes);
    assert_eq!(world.clients[1].roles, [Role::Write]);
    assert_eq!(world.clients[2].roles, [Role::Admin]);
    assert_eq!(world.clients[3].roles, []);
    let hash = edit(&mut world, 1, "k1", 2);
    assert!(is_stored(&world, &hash));
    assert_eq!(world.clients[0].doc.get_heads(), [hash]);
    follow(&mut world, None);
    assert_eq!(world.clients[1].roles, [Role::Write, Role::None]);
    let hash = edit(&mut world, 1, "k1", 3);
    assert!(!is_stored(&world, &hash));
}

/// AU82: what is given or taken away in the followed document is so here, on open connections, and nothing is sent to who lost it.
#[test]
fn au82_what_changes_there_holds_here() {
    let mut world = world_that_follows(&["ana", "bo"], &json!([]));
    assert_eq!(world.clients[1].roles, []);
    world.tell(Input::FollowedChanged(dashboard(&json!([{"user": "bo", "role": "read"}]))));
    world.run_until_quiet();
    assert_eq!(world.clients[1].roles, [Role::Read]);
    world.everyone_agrees();
    world.tell(Input::FollowedChanged(dashboard(&json!([]))));
    let hash = edit(&mut world, 0, "k0", 7);
    assert_eq!(world.clients[1].roles, [Role::Read, Role::None]);
    assert!(world.clients[1].doc.get_change_by_hash(&hash).is_none());
}

/// AU83: a document from the store decides nothing before it is known what the one gives that it follows: who may write is refused
/// nothing, and word that comes meanwhile is newer than the store's answer.
#[test]
fn au83_nothing_is_decided_before_the_followed_is_known() {
    let bo_writes = json!([{"user": "bo", "role": "write"}]);
    let mut world = world_that_follows(&["ana", "bo"], &bo_writes);
    world.crash();
    world.connect(1);
    let hash = edit(&mut world, 1, "k1", 5);
    assert!(is_stored(&world, &hash), "{:?}", codes(&world, 1));

    world.crash();
    world.connect(1);
    world.advance();
    assert!(world.disk_answers(), "the manifest");
    world.advance();
    // The store has read before, and answers after, somebody took it away.
    let before = Input::Followed(Ok(world.followed.clone().unwrap()));
    world.tell(Input::FollowedChanged(dashboard(&json!([]))));
    world.disk.asked.clear();
    world.tell(before);
    let hash = edit(&mut world, 1, "k1", 6);
    assert!(!is_stored(&world, &hash));
}

/// AU83: when the store cannot say, senders come again, nobody is refused for good, and it is asked when somebody comes.
#[test]
fn au83_a_store_that_does_not_answer_is_asked_again() {
    let mut world = world_that_follows(&["ana", "bo"], &json!([{"user": "bo", "role": "write"}]));
    world.crash();
    world.connect(1);
    world.deliver_to_server(1);
    world.advance();
    assert!(world.disk_answers(), "the manifest");
    world.advance();
    world.disk.asked.clear();
    world.tell(Input::Followed(Err(LoadFault::Unavailable)));
    world.advance();
    assert_eq!((world.refused.len(), world.disk.asked.len()), (1, 0), "sent away, and asked no more");
    world.connect(1);
    let hash = edit(&mut world, 1, "k1", 8);
    assert!(is_stored(&world, &hash));
}

#[derive(Debug, Clone)]
enum Step {
    Edit(usize, u8),
    /// Somebody brings a change in the name of somebody's actor.
    Forge(usize, usize),
    Role(usize, u8),
    /// The same in the document that this one follows.
    RoleThere(usize, u8),
    Disconnect(usize),
    Connect(usize),
    Deliver(usize),
    Disk,
    Crash,
    Rest,
}

fn any_step() -> impl Strategy<Value = Step> {
    let n = 1..4usize;
    prop_oneof![
        6 => (0..4usize, any::<u8>()).prop_map(|(n, value)| Step::Edit(n, value)),
        2 => (0..4usize, 0..4usize).prop_map(|(n, whose)| Step::Forge(n, whose)),
        2 => (n.clone(), 0..3u8).prop_map(|(n, role)| Step::Role(n, role)),
        2 => (n.clone(), 0..3u8).prop_map(|(n, role)| Step::RoleThere(n, role)),
        1 => n.clone().prop_map(Step::Disconnect),
        2 => n.prop_map(Step::Connect),
        6 => (0..4usize).prop_map(Step::Deliver),
        4 => Just(Step::Disk),
        1 => Just(Step::Crash),
        1 => Just(Step::Rest),
    ]
}

/// Everybody's role but the owner's, as it is written down.
fn grants(names: &[&str], roles: &[Role]) -> Value {
    let given = names.iter().zip(roles).skip(1).filter(|(_, role)| **role > Role::None);
    given.map(|(name, role)| json!({"user": name, "role": role.as_str()})).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// AU18: whatever happens in whatever order, nothing of anybody is stored who never had the right to write, no
    /// change is stored in another name, and nobody is sent anything while they may not read (which the world sees to).
    #[test]
    fn au18_nothing_gets_in_and_nothing_gets_out(steps in prop::collection::vec(any_step(), 1..120)) {
        let names = ["ana", "bo", "cleo", "dee"];
        let mut world = world_of(&names, &json!([]));
        follow(&mut world, Some(dashboard_id()));
        let mut roles = [Role::Admin, Role::None, Role::None, Role::None];
        let mut roles_there = roles;
        let mut could_ever_write = [true, false, false, false];
        let mut could_ever_read = [true, false, false, false];
        let mut makers: BTreeMap<ChangeHash, usize> = BTreeMap::new();
        makers.extend(world.disk.document().get_heads().into_iter().map(|head| (head, 0)));
        for step in steps {
            match step {
                Step::Edit(n, value) => {
                    let before = world.clients[n].doc.get_heads();
                    world.clients[n].put(&format!("k{n}"), i64::from(value));
                    makers.extend(world.clients[n].doc.get_changes(&before).iter().map(|made| (made.hash(), n)));
                    world.clients[n].talk();
                }
                Step::Forge(n, whose) => makers.extend(forge(&mut world, n, whose).map(|forged| (forged, n))),
                Step::Role(n, role) => {
                    roles[n] = [Role::None, Role::Read, Role::Write][usize::from(role)];
                    could_ever_write[n] |= roles[n] >= Role::Write;
                    could_ever_read[n] |= roles[n] >= Role::Read;
                    let own = Access::clone(&access(&grants(&names, &roles)));
                    let access = Arc::new(Access { follows: Some(dashboard_id()), ..own });
                    world.tell(Input::SetAccess { ticket: Ticket(70), access });
                }
                Step::RoleThere(n, role) => {
                    roles_there[n] = [Role::None, Role::Read, Role::Write][usize::from(role)];
                    could_ever_write[n] |= roles_there[n] >= Role::Write;
                    could_ever_read[n] |= roles_there[n] >= Role::Read;
                    world.tell(Input::FollowedChanged(dashboard(&grants(&names, &roles_there))));
                }
                Step::Disconnect(n) => world.disconnect(n),
                Step::Connect(n) if world.clients[n].session.is_none() => drop(world.connect(n)),
                Step::Connect(_) => {}
                Step::Deliver(n) => {
                    world.deliver_to_server(n);
                    world.clients[n].listen();
                }
                Step::Disk => drop(world.disk_answers()),
                Step::Crash => {
                    world.crash();
                    for n in 0..4 {
                        world.connect(n);
                    }
                }
                Step::Rest => world.tell(Input::Rest),
            }
            world.advance();
        }
        world.run_until_quiet();
        let stored = world.disk.document();
        for n in 0..4 {
            let read = world.clients[n].doc.get(ROOT, "title").unwrap().is_some();
            prop_assert!(!read || could_ever_read[n], "{} read", names[n]);
        }
        // As the next process finds it.
        world.crash();
        world.tell(Input::View { ticket: Ticket(71) });
        world.run_until_quiet();
        let authors = world.machine.authors().unwrap();
        for change in stored.get_changes(&[]) {
            let maker = makers[&change.hash()];
            prop_assert!(could_ever_write[maker], "{} wrote", names[maker]);
            let author = authors.of(change.actor_id(), change.seq()).map(|author| author.as_str());
            prop_assert_eq!(author, Some(names[maker]), "in another name");
        }
    }
}

/// Has a client bring a change that it made as somebody else's actor, beside its own document.
fn forge(world: &mut World, n: usize, whose: usize) -> Option<ChangeHash> {
    let session = world.clients[n].session?;
    let actor = world.clients[whose].doc.get_actor().clone();
    let mut doc = world.clients[n].doc.clone().with_actor(actor);
    let before = doc.get_heads();
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "forged", world.now)).unwrap();
    let forged = doc.get_changes(&before).pop().unwrap();
    let changes = vec![forged.raw_bytes().to_vec()].into();
    let message = automerge::sync::Message { heads: before, changes, ..asked() };
    world.tell(Input::Message { session, is_request: false, message });
    Some(forged.hash())
}
