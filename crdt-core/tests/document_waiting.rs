//! Changes whose dependencies are missing, and changes over which Automerge panics, in the simulated [`world`].

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

mod world;

use automerge::legacy::OpId;
use automerge::sync::{BloomFilter, Have, Message, State, SyncDoc};
use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, AutomergeError, Change, ChangeHash, ROOT, ReadDoc};
use dovetail_core::document::{
    CommitFault, Document, Effect, Input, ORPHAN_BYTES_OF_ONE_MAX, ORPHANS_MAX, ORPHANS_OF_ONE_MAX, Refusal,
    Ticket, WaitingRoom,
};
use dovetail_core::grant::{Access, Identity, LinkHash};
use dovetail_core::id::{DocumentId, SessionId};
use dovetail_core::limits::DocumentLimits;
use dovetail_core::time::Timestamp;
use serde_json::json;
use std::sync::Arc;
use world::World;

/// Ana's document with something in it. Whoever these are may write it too.
fn board_of(others: [&str; 2]) -> World {
    let mut world = World::new(3);
    for (client, name) in world.clients.iter_mut().zip(["ana", others[0], others[1]]) {
        client.who = Arc::new(Identity::person(name.parse().unwrap()));
    }
    world.clients[0].put("title", 1);
    world.connect(0);
    world.run_until_quiet();
    let grants = json!({"owner": "ana", "grants": [{"user": "bo", "role": "write"}, {"user": "cleo", "role": "write"}]});
    let access = Access::read(&grants, &Access::default(), || LinkHash::of_secret("dvl_x")).unwrap();
    world.tell(Input::SetAccess { ticket: Ticket(50), access: Arc::new(access) });
    world.connect(1);
    world.connect(2);
    world.run_until_quiet();
    world.everyone_agrees();
    world
}

fn board() -> World {
    board_of(["bo", "cleo"])
}

/// Changes of which each builds on one that nobody has.
fn orphans(actor: u8, count: usize, bytes_each: usize) -> Vec<Vec<u8>> {
    let mut doc = Automerge::new().with_actor(ActorId::from([actor; 16]));
    let write = |n: usize| format!("{n:08}{}", "x".repeat(bytes_each));
    let mut put = |n| drop(doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "k", write(n))).unwrap());
    (0..=count).for_each(&mut put);
    doc.get_changes(&[]).iter().skip(1).map(|change| change.raw_bytes().to_vec()).collect()
}

fn message(changes: Vec<Vec<u8>>) -> Message {
    let mut message = Automerge::new().generate_sync_message(&mut State::new()).unwrap();
    message.changes = changes.into();
    message
}

fn bring(world: &mut World, session: SessionId, changes: Vec<Vec<u8>>) {
    world.tell(Input::Message { session, is_request: false, message: message(changes) });
    world.run_until_quiet();
}

fn goes_on(world: &mut World, n: usize) {
    let value = i64::try_from(world.now).unwrap();
    world.clients[n].put("goes on", value);
    world.clients[n].talk();
    world.run_until_quiet();
    let stored = world.disk.document();
    assert_eq!(stored.get(ROOT, "goes on").unwrap().unwrap().0.as_i64(), Some(value));
}

/// DO13: changes whose dependencies are missing wait, are asked for what they wait for, and come in with it.
#[test]
fn do13_changes_wait_for_what_is_missing() {
    let mut world = board();
    let mut doc = Automerge::new().with_actor(ActorId::from([9; 16]));
    for value in 0..2 {
        doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "late", value)).unwrap();
    }
    let made = doc.get_changes(&[]);
    let [first, second] = [0, 1].map(|n| made[n].raw_bytes().to_vec());
    let session = world.clients[1].session.unwrap();
    bring(&mut world, session, vec![second]);
    assert!(world.disk.document().get(ROOT, "late").unwrap().is_none());
    bring(&mut world, session, vec![first]);
    assert_eq!(world.disk.document().get(ROOT, "late").unwrap().unwrap().0.as_i64(), Some(1));
    assert!(world.refused.is_empty());
}

/// DO61: of one connection a bounded number of changes waits, and of bytes. Who brings more is sent away, and nothing of
/// theirs waits on; what others have waiting does.
#[test]
fn do61_one_connection_has_a_bounded_number_waiting() {
    let cases = [(ORPHANS_OF_ONE_MAX, 1), (8, ORPHAN_BYTES_OF_ONE_MAX / 8)];
    for (most, bytes_each) in cases {
        let mut world = board();
        let (ana, mal) = (world.clients[0].session.unwrap(), world.clients[1].session.unwrap());
        let hers = orphans(7, 1, 1);
        bring(&mut world, ana, hers);
        bring(&mut world, mal, orphans(8, most + 1, bytes_each));
        assert_eq!(world.refused, [mal], "{most}");
        assert_eq!(world.refusals[0].code(), "invalid_change");
        assert!(world.machine.resident_bytes() < 100_000, "nothing of it waits on");

        // Hers still waits: it comes in with what it builds on.
        let mut doc = Automerge::new().with_actor(ActorId::from([7; 16]));
        doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "k", format!("{:08}x", 0))).unwrap();
        bring(&mut world, ana, vec![doc.save_after(&[])]);
        let stored = world.disk.document();
        let text = stored.get(ROOT, "k").unwrap().unwrap().0.into_string().unwrap();
        assert!(text.starts_with("00000001"), "{text}");
        goes_on(&mut world, 0);
        assert_eq!(world.refused, [mal]);
    }
}

/// DO61: the bound of one connection holds over all documents that it reads, and what is dropped gives its place back.
#[test]
fn do61_the_bound_holds_over_all_documents() {
    let document = |n: u8| {
        let id = DocumentId::from_bytes(&[n; 16]).unwrap();
        Document::new(id, DocumentLimits::default(), world::rules(), Arc::default())
    };
    let now = Timestamp::from_millis(1);
    let session = SessionId(1);
    let run = |machine: &mut Document, input| {
        let mut effects = Vec::new();
        machine.handle(now, input, &mut effects);
        machine.advance(now, &mut effects);
        while let Some(at) = effects.iter().position(|it| matches!(it, Effect::LoadManifest)) {
            effects.remove(at);
            machine.handle(now, Input::Manifest(Ok(None)), &mut effects);
            machine.advance(now, &mut effects);
        }
        effects.iter().any(|it| matches!(it, Effect::Refuse { .. }))
    };
    let room: Arc<WaitingRoom> = Arc::default();
    let open = |n: u8| {
        let mut machine = document(n);
        let (who, room) = (Identity::local(), room.clone());
        run(&mut machine, Input::Open { session, who, storage: None, follows: Arc::default(), room });
        machine
    };
    let bring = |machine: &mut Document, count| {
        let message = message(orphans(5, count, 1));
        run(machine, Input::Message { session, is_request: false, message })
    };
    let (mut one, mut two) = (open(1), open(2));
    assert!(!bring(&mut one, ORPHANS_OF_ONE_MAX - 3));
    assert!(!bring(&mut two, 3));
    assert!(bring(&mut two, 4), "one more than there is room for");
    run(&mut one, Input::Leave { session });
    assert!(!bring(&mut two, 5), "there is room again");
    const { assert!(ORPHANS_OF_ONE_MAX < ORPHANS_MAX, "nobody fills a document alone") };
}

/// DO61: what somebody has waiting goes when they do, be it that another connection of theirs is there: that may never bring it.
#[test]
fn do61_what_waits_leaves_with_those_who_brought_it() {
    for has_another in [false, true] {
        let mut world = board_of(["bo", if has_another { "bo" } else { "cleo" }]);
        let mal = world.clients[1].session.unwrap();
        bring(&mut world, mal, orphans(8, 10, 1_000));
        assert!(world.refused.is_empty());
        let with = world.machine.resident_bytes();
        assert!(with > 10_000);
        world.disconnect(1);
        world.run_until_quiet();
        assert!(world.machine.resident_bytes() < with, "{with}");
        world.tell(Input::Rest);
        world.run_until_quiet();
        assert!(!world.machine.is_live(), "and the document can leave memory");
    }
}

/// DO60: a document over which Automerge panicked is loaded again, whoever brought that is sent away with
/// `invalid_change`, and the others go on.
#[test]
fn do60_a_panic_costs_its_sender_the_session() {
    let mut world = board();
    let heads = world.disk.document().get_heads();
    let poison = poison(&world.disk.document());
    // Somebody else's edit comes in the same burst.
    world.clients[0].put("beside", 1);
    world.clients[0].talk();
    let mal = world.clients[1].session.unwrap();
    world.deliver_to_server(0);
    world.tell(Input::Message { session: mal, is_request: false, message: message(vec![poison]) });
    world.run_until_quiet();

    assert_eq!(world.refused, [mal]);
    assert!(matches!(world.refusals[0], Refusal::Panicked { .. }), "{:?}", world.refusals);
    assert_eq!(world.refusals[0].code(), "invalid_change");
    let stored = world.disk.document();
    assert_eq!(stored.get(ROOT, "beside").unwrap().unwrap().0.as_i64(), Some(1));
    assert_ne!(stored.get_heads(), heads);
    assert!(world.aside.is_empty());
    goes_on(&mut world, 2);
    goes_on(&mut world, 0);
}

/// A change that passes the gate, and over which Automerge panics when it is to give it out again: it writes to one key, and says that
/// it replaces what is under another.
fn poison(document: &Automerge) -> Vec<u8> {
    let mut doc = document.fork().with_actor(ActorId::from([66; 16]));
    let before = doc.get_heads();
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "title", 2)).unwrap();
    let mut change = doc.get_changes(&before).pop().unwrap().decode();
    let maker = document.get_changes(&[])[0].actor_id().clone();
    change.operations[0].pred = vec![OpId::new(1, &maker)].into();
    change.operations[0].key = automerge::legacy::Key::Map("nowhere".into());
    Change::from(change).raw_bytes().to_vec()
}

/// DO62: whoever says that something was shared which nobody here has is told once to begin anew, not again and again.
#[test]
fn do62_who_shares_what_nobody_has_is_told_once_to_begin_anew() {
    let mut world = board();
    let bo = world.clients[1].session.unwrap();
    let (before, nobody_has) = (world.clients[1].received, ChangeHash([7; 32]));
    let mut said = message(Vec::new());
    said.heads = vec![nobody_has];
    said.have = vec![Have { last_sync: vec![nobody_has], bloom: BloomFilter::default() }];
    world.is_slow.push(bo);
    world.tell(Input::Message { session: bo, is_request: false, message: said });
    for _ in 0..10 {
        world.advance();
        world.tell(Input::Drained { session: bo });
    }
    let waiting = world.clients[1].from_server.len();
    assert_eq!((waiting, world.clients[1].received), (1, before));
    world.is_slow.clear();
    world.run_until_quiet();
    goes_on(&mut world, 1);
    world.everyone_agrees();
}

/// DO63: a change whose checksum does not fit is refused: what it would make could not be loaded again.
#[test]
fn do63_a_checksum_that_does_not_fit_is_refused() {
    let mut world = board();
    let mut doc = world.disk.document().with_actor(ActorId::from([44; 16]));
    let before = doc.get_heads();
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "title", 2)).unwrap();
    let mut change = doc.save_after(&before);
    change[5] ^= 1;
    assert!(Change::try_from(&change[..]).is_ok(), "Automerge takes it");
    let mal = world.clients[1].session.unwrap();
    bring(&mut world, mal, vec![change]);
    assert_eq!(world.refused, [mal]);
    assert!(matches!(&world.refusals[0], Refusal::InvalidChange { reason } if reason.contains("checksum")));
    assert_eq!(world.disk.document().get_heads(), before);
    goes_on(&mut world, 0);
}

/// DO64: a change that lists somebody of whom there is nothing is refused before it is applied; Automerge would panic.
#[test]
fn do64_somebody_of_whom_there_is_nothing_is_not_named() {
    let mut world = board();
    let mut doc = world.disk.document().with_actor(ActorId::from([44; 16]));
    let before = doc.get_heads();
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "title", 2)).unwrap();
    let mut change = doc.get_changes(&before).pop().unwrap().decode();
    change.operations[0].pred = vec![OpId::new(1, &ActorId::from([77; 16]))].into();
    let change = Change::from(change);
    let mal = world.clients[1].session.unwrap();
    bring(&mut world, mal, vec![change.raw_bytes().to_vec()]);
    assert_eq!(world.refused, [mal]);
    assert!(matches!(world.refusals[0], Refusal::InvalidChange { .. }), "{:?}", world.refusals);
    goes_on(&mut world, 0);
}

/// The first client has sent an edit that builds on another one, and not that, as after a filter that erred: it waits aside. The
/// second one brings what it waits for.
fn something_waits() -> (World, Vec<ChangeHash>) {
    let mut world = World::new(3);
    world.clients[0].put("title", 1);
    for n in 0..3 {
        world.connect(n);
    }
    world.run_until_quiet();
    for value in [1, 2] {
        world.clients[0].put("late", value);
    }
    let heads = world.clients[0].doc.get_heads();
    let made = world.clients[0].doc.get_changes(&world.clients[1].doc.get_heads());
    world.clients[0].talk();
    let message = world.clients[0].to_server.front_mut().unwrap();
    message.changes = vec![made[1].raw_bytes().to_vec()].into();
    world.deliver_to_server(0);
    world.advance();
    assert!(world.disk.document().get(ROOT, "late").unwrap().is_none());
    world.clients[1].doc.apply_changes([made[0].clone()]).unwrap();
    world.clients[1].talk();
    world.deliver_to_server(1);
    world.advance();
    assert_eq!(world.disk.asked.len(), 1, "both are on their way to the disk");
    (world, heads)
}

/// DO67: what somebody has sent is forgotten with the commit of somebody else, who does not come back. Their connection holds, and
/// they are told to bring it again: no client does that by itself, not even when it is asked for it by name.
#[test]
fn do67_what_was_forgotten_is_brought_again() {
    let (mut world, heads) = something_waits();
    world.disk.asked.clear();
    world.tell(Input::Stored(Err(CommitFault::Unavailable)));
    world.run_until_quiet();
    assert_eq!(world.refused.len(), 1, "whose commit it was");
    assert!(world.clients[0].session.is_some());
    for head in heads {
        assert!(world.disk.document().get_change_by_hash(&head).is_some(), "the edit came in");
    }
    assert_eq!(world.clients[2].doc.get_heads(), world.clients[0].doc.get_heads());
}

/// DO67: whoever brings nothing though they were told to is not told a second time.
#[test]
fn do67_it_is_told_once() {
    let mut world = board();
    let session = world.clients[1].session.unwrap();
    let mut message = Automerge::new().generate_sync_message(&mut State::new()).unwrap();
    message.heads = vec![ChangeHash([7; 32])];
    let mut told = Vec::new();
    for _ in 0..6 {
        world.tell(Input::Message { session, is_request: false, message: message.clone() });
        world.advance();
        told.extend(world.clients[1].from_server.drain(..));
    }
    let heads = told.iter().map(|bytes| Message::decode(bytes).unwrap().heads.len());
    assert_eq!(heads.collect::<Vec<_>>(), [1, 0], "asked by name, then told that all is lost, then silence");
}

/// DO68: what was edited while the document was deleted comes in when that is taken back, on the connection that held; the second
/// time as well.
#[test]
fn do68_edits_of_a_deleted_document_come_in_when_it_is_back() {
    let mut world = board();
    for round in 0..3 {
        world.tell(Input::Delete { ticket: Ticket(60), deleted: true });
        world.run_until_quiet();
        world.clients[0].put("meanwhile", round);
        world.clients[0].talk();
        world.run_until_quiet();
        world.tell(Input::Delete { ticket: Ticket(61), deleted: false });
        world.run_until_quiet();
        assert!(world.refused.is_empty());
        let stored = world.disk.document().get(ROOT, "meanwhile").unwrap().map(|(value, _)| value.as_i64());
        assert_eq!(stored, Some(Some(round)));
        world.everyone_agrees();
    }
}
