//! Changes that no client can have made, in the simulated [`world`]: they are refused, and nobody else notices.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

mod world;

use automerge::legacy::{ElementId, Key, MarkData, ObjectId, Op, OpId, OpType, SortedVec};
use automerge::sync::{Message, State, SyncDoc};
use automerge::transaction::Transactable;
use automerge::{
    ActorId, Automerge, AutomergeError, Change, ChangeHash, ExpandedChange, ObjType, ROOT, ReadDoc,
    ScalarValue,
};
use dovetail_core::document::chunk::{Batch, Chunk, ChunkKind, Manifest};
use dovetail_core::document::{Input, Ticket};
use dovetail_core::grant::{Access, Grant, Identity, LinkHash};
use dovetail_core::time::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::num::NonZeroU64;
use std::sync::Arc;
use world::{World, id};

fn person(name: &str) -> Arc<Identity> {
    Arc::new(Identity::person(name.parse().unwrap()))
}

/// Ana's board with a title, a text and a list; Bo may do with it what this says.
fn board(bo: &Value) -> World {
    let mut world = World::new(3);
    for (client, name) in world.clients.iter_mut().zip(["ana", "bo", "cleo"]) {
        client.who = person(name);
    }
    let write = |tx: &mut automerge::transaction::Transaction<'_>| {
        tx.put(ROOT, "title", "hers")?;
        tx.put(ROOT, "kind", "board")?;
        tx.put(ROOT, "mine", "his")?;
        let list = tx.put_object(ROOT, "list", ObjType::List)?;
        (0..3).try_for_each(|n| tx.insert(&list, n, n as u64))?;
        let text = tx.put_object(ROOT, "text", ObjType::Text)?;
        tx.splice_text(&text, 0, 0, "hello")
    };
    world.clients[0].doc.transact::<_, _, AutomergeError>(write).unwrap();
    world.connect(0);
    world.run_until_quiet();
    let grants = json!({"owner": "ana", "grants": [bo, {"user": "cleo", "role": "write"}]});
    let access = Access::read(&grants, &Access::default(), || LinkHash::of_secret("dvl_x")).unwrap();
    world.tell(Input::SetAccess { ticket: Ticket(50), access: Arc::new(access) });
    world.run_until_quiet();
    assert!(world.answers.pop().unwrap().1.is_ok());
    world.connect(1);
    world.connect(2);
    world.run_until_quiet();
    world
}

fn writer() -> Value {
    json!({"user": "bo", "role": "write"})
}

/// What Bo's client would make of an edit, on top of everything.
fn made(world: &World, edit: impl FnOnce(&mut automerge::transaction::Transaction<'_>)) -> ExpandedChange {
    let mut doc = world.disk.document().with_actor(ActorId::from([22; 16]));
    let before = doc.get_heads();
    doc.transact::<_, _, AutomergeError>(|tx| {
        edit(tx);
        Ok(())
    })
    .unwrap();
    doc.get_changes(&before).pop().unwrap().decode()
}

fn puts(world: &World) -> ExpandedChange {
    made(world, |tx| tx.put(ROOT, "mine", 1).unwrap())
}

/// The operations at a key of the root.
fn at(world: &World, key: &str) -> Vec<OpId> {
    let stored = world.disk.document();
    let all = stored.get_all(ROOT, key).unwrap().into_iter();
    all.map(|(_, id)| op_id(&id)).collect()
}

fn op_id(id: &automerge::ObjId) -> OpId {
    let (number, actor) = id.to_string().split_once('@').map(|(n, a)| (n.to_owned(), a.to_owned())).unwrap();
    OpId::new(number.parse().unwrap(), &ActorId::try_from(actor.as_str()).unwrap())
}

fn bytes(change: ExpandedChange) -> Vec<u8> {
    Change::from(change).raw_bytes().to_vec()
}

fn hash(bytes: &[u8]) -> ChangeHash {
    Change::try_from(bytes).unwrap().hash()
}

/// Has a client send these as they are.
fn bring(world: &mut World, n: usize, changes: &[Vec<u8>]) {
    let mut state = State::new();
    let mut message: Message = Automerge::new().generate_sync_message(&mut state).unwrap();
    message.heads = world.disk.document().get_heads();
    message.changes = vec![changes.concat()].into();
    let session = world.clients[n].session.unwrap();
    world.tell(Input::Message { session, is_request: false, message });
    world.run_until_quiet();
}

/// Bo is sent away, his change is nowhere, and all others go on.
fn is_refused(world: &mut World, what: &str, changes: &[Vec<u8>]) {
    let session = world.clients[1].session.unwrap();
    let before = world.disk.document().get_heads();
    bring(world, 1, changes);
    assert_eq!(world.refused.last(), Some(&session), "{what}: its sender is sent away");
    assert_eq!(world.disk.document().get_heads(), before, "{what}: nothing is stored");
    assert!(world.aside.is_empty(), "{what}: nobody's edit to rescue");
    world.disconnect(1);
    world.connect(1);

    let value = i64::try_from(world.now).unwrap();
    world.clients[0].put("edited", value);
    world.clients[0].talk();
    world.run_until_quiet();
    world.everyone_agrees();
    let loaded = Automerge::load(&world.disk.document().save()).unwrap();
    assert_eq!(loaded.get(ROOT, "edited").unwrap().unwrap().0.as_i64(), Some(value), "{what}: Ana goes on");
    assert_eq!(loaded.get(ROOT, "title").unwrap().unwrap().0.as_str(), Some("hers"), "{what}");
}

/// AU69: what an operation replaces lies where it says that it writes, whatever it names: nobody gets past the places of
/// their right, and nobody makes a document that cannot be loaded.
#[test]
fn au69_what_a_change_replaces_lies_where_it_writes() {
    for bo in [json!({"user": "bo", "role": "write", "paths": ["/mine"]}), writer()] {
        let mut world = board(&bo);
        for keys in [&["title", "kind"][..], &["title"], &["mine", "title"]] {
            let mut forged = puts(&world);
            forged.operations[0].pred =
                keys.iter().flat_map(|key| at(&world, key)).collect::<Vec<_>>().into_ordered();
            is_refused(&mut world, &format!("{keys:?}"), &[bytes(forged)]);

            let mut forged = made(&world, |tx| tx.delete(ROOT, "mine").unwrap());
            forged.operations[0].pred =
                keys.iter().flat_map(|key| at(&world, key)).collect::<Vec<_>>().into_ordered();
            is_refused(&mut world, &format!("deletes {keys:?}"), &[bytes(forged)]);
        }
        let honest = bytes(puts(&world));
        bring(&mut world, 1, std::slice::from_ref(&honest));
        assert!(world.disk.document().get_change_by_hash(&hash(&honest)).is_some());
    }
}

/// AU69: through a door too, where the call is refused as a whole.
#[test]
fn au69_a_door_takes_no_forged_change() {
    let mut world = board(&writer());
    let good = puts(&world);
    let good = bytes(good);
    let mut doc = world.disk.document().with_actor(ActorId::from([22; 16]));
    doc.apply_changes([Change::try_from(&good[..]).unwrap()]).unwrap();
    let before = doc.get_heads();
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "mine", 2)).unwrap();
    let mut forged = doc.get_changes(&before).pop().unwrap().decode();
    forged.operations[0].pred = at(&world, "title").into_ordered();

    let access = world.disk.manifest.as_ref().unwrap().access.clone();
    let grant: Grant = access.grant(
        &id(),
        None,
        None,
        &Default::default(),
        &person("bo"),
        Timestamp::from_millis(world.now),
    );
    let heads = world.disk.document().get_heads();
    let changes = vec![good.into(), bytes(forged).into()];
    world.tell(Input::Submit { ticket: Ticket(60), permit: grant.permit_edit().unwrap(), changes });
    world.run_until_quiet();
    let (_, answer) = world.answers.pop().unwrap();
    assert_eq!(answer.unwrap_err().code(), "invalid_change");
    assert!(world.answers.is_empty(), "it is answered once");
    assert_eq!(world.disk.document().get_heads(), heads);
}

type Forge = fn(&World, &mut ExpandedChange);

/// DO44: what no client can have made is refused, and the document goes on.
#[test]
fn do44_what_no_client_can_have_made_is_refused() {
    let forgeries: Vec<(&str, Forge)> = vec![
        ("takes the last number there is", |_, change| {
            change.start_op = NonZeroU64::new(u64::from(u32::MAX)).unwrap();
        }),
        ("leaves many numbers out", |_, change| {
            change.start_op = change.start_op.checked_add(10_000).unwrap();
        }),
        ("uses numbers again", |_, change| change.start_op = NonZeroU64::MIN),
        ("leaves a sequence number out", |_, change| change.seq = 7),
        ("has no sequence number", |_, change| change.seq = 0),
        ("is from the end of time", |_, change| change.time = i64::MAX),
        ("is from its beginning", |_, change| change.time = i64::MIN),
        ("builds on the same twice", |_, change| change.deps.extend(change.deps.clone())),
        ("replaces what is not there", |_, change| {
            change.operations[0].pred = vec![OpId::new(1, &ActorId::from([77]))].into_ordered();
        }),
        ("replaces the same twice", |world, change| {
            let title = at(world, "mine");
            change.operations[0].pred = [title.clone(), title].concat().into_ordered();
        }),
        ("replaces itself", |_, change| {
            let own = OpId::new(change.start_op.get(), &change.actor_id);
            change.operations[0].pred = vec![own].into_ordered();
        }),
        ("replaces what is in a list", |world, change| {
            change.operations[0].pred = vec![item(world)].into_ordered();
        }),
        ("goes to no object", |world, change| {
            change.operations[0].obj = ObjectId::Id(at(world, "title")[0].clone());
        }),
        ("has an index in a map", |world, change| {
            change.operations[0].key = Key::Seq(ElementId::Id(item(world)));
            change.operations[0].insert = true;
            change.operations[0].pred = SortedVec::new();
        }),
        ("has a key in a list", |world, change| {
            change.operations[0].obj = ObjectId::Id(at(world, "list")[0].clone());
        }),
        ("makes a table", |_, change| change.operations[0].action = OpType::Make(ObjType::Table)),
        ("counts up nothing", |_, change| {
            change.operations[0].action = OpType::Increment(1);
            change.operations[0].pred = SortedVec::new();
        }),
        ("comes behind an element of another list", |world, change| {
            let op = |object: &str, element: OpId| Op {
                action: OpType::Put("x".into()),
                obj: ObjectId::Id(at(world, object)[0].clone()),
                key: Key::Seq(ElementId::Id(element)),
                pred: SortedVec::new(),
                insert: true,
            };
            change.operations = vec![op("text", item(world))];
        }),
        ("ends a mark before it begins", |world, change| {
            change.operations = mark(world, |letters| (Some(letters[3].clone()), Some(letters[1].clone())));
        }),
        ("begins a mark behind where it ends", |world, change| {
            change.operations = mark(world, |letters| (Some(letters[1].clone()), Some(letters[1].clone())));
        }),
        ("ends a mark at the head", |world, change| {
            change.operations = mark(world, |letters| (Some(letters[1].clone()), None));
        }),
        ("begins a mark and does not end it", |world, change| {
            change.operations = mark(world, |letters| (Some(letters[1].clone()), Some(letters[3].clone())));
            change.operations.pop();
        }),
    ];
    let mut world = board(&writer());
    for (what, forge) in forgeries {
        let mut change = puts(&world);
        forge(&world, &mut change);
        is_refused(&mut world, what, &[bytes(change)]);
    }
    let mut change = puts(&world);
    change.operations = mark(&world, |letters| (Some(letters[1].clone()), Some(letters[3].clone())));
    let marked = bytes(change);
    bring(&mut world, 1, std::slice::from_ref(&marked));
    assert!(world.disk.document().get_change_by_hash(&hash(&marked)).is_some(), "a good mark is taken");
}

/// The first item of the list.
fn item(world: &World) -> OpId {
    let stored = world.disk.document();
    let list = stored.get(ROOT, "list").unwrap().unwrap().1;
    op_id(&stored.get(&list, 0).unwrap().unwrap().1)
}

/// Of the letters, behind which a mark begins and ends; at the head where there is none.
type Span = fn(&[OpId]) -> (Option<OpId>, Option<OpId>);

/// A mark in the text, from behind one letter to behind another.
fn mark(world: &World, choose: Span) -> Vec<Op> {
    let stored = world.disk.document();
    let text = stored.get(ROOT, "text").unwrap().unwrap().1;
    let letters: Vec<OpId> = (0..5).map(|n| op_id(&stored.get(&text, n).unwrap().unwrap().1)).collect();
    let (begin, end) = choose(&letters);
    let data = MarkData { name: "bold".into(), value: ScalarValue::Boolean(true), expand: false };
    let op = |action, behind: Option<OpId>| Op {
        action,
        obj: ObjectId::Id(op_id(&text)),
        key: Key::Seq(behind.map_or(ElementId::Head, ElementId::Id)),
        pred: SortedVec::new(),
        insert: true,
    };
    vec![op(OpType::MarkBegin(data), begin), op(OpType::MarkEnd(false), end)]
}

type Harm = fn(&mut Payload);

/// DO44: bytes that Automerge reads and does not keep are refused: the document could not give the change out again.
#[test]
fn do44_a_change_that_would_not_come_out_as_it_went_in_is_refused() {
    let mut world = board(&writer());
    let forgeries: Vec<(&str, Harm)> = vec![
        ("has a column that nobody knows", |payload| payload.columns.push((11 << 4 | 2, vec![0x7f, 1]))),
        ("writes a run as a list", |payload| payload.column(ACTION).splice(.., [0x7e, 1, 1]).for_each(drop)),
        ("names an actor that it does not need", |payload| payload.actors.push(vec![9; 16])),
    ];
    for (what, forge) in forgeries {
        let mut payload = Payload::of(&bytes(made(&world, |tx| {
            tx.put(ROOT, "mine", 1).unwrap();
            tx.put(ROOT, "his", 1).unwrap();
        })));
        forge(&mut payload);
        is_refused(&mut world, what, &[payload.chunk()]);
    }
}

/// DO43: a change that says billions of operations in a few bytes is refused before anybody counts them.
#[test]
fn do43_a_few_bytes_do_not_become_everything() {
    let mut world = board(&writer());
    let forgeries: Vec<(&str, Harm)> = vec![
        ("does very much", |payload| *payload.column(ACTION) = vec![0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 1]),
        ("replaces very much", |payload| {
            *payload.column(PRED_COUNT) = vec![0x7f, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
        }),
        ("has a long key very often", |payload| {
            let key = vec![b'x'; 1 << 14];
            *payload.column(KEY_TEXT) = [vec![0x80, 0x80, 0xc0, 0x00, 0x80, 0x80, 1], key].concat();
        }),
    ];
    for (what, forge) in forgeries {
        let mut payload = Payload::of(&bytes(puts(&world)));
        forge(&mut payload);
        is_refused(&mut world, what, &[payload.chunk()]);
    }
}

/// DO44: what had to wait is looked at when its turn comes, and what somebody else built on it is refused with it.
#[test]
fn do44_a_forged_change_that_had_to_wait_is_refused() {
    let mut world = board(&writer());
    let mut doc = world.disk.document().with_actor(ActorId::from([33; 16]));
    let mut next = |key: &str| {
        let before = doc.get_heads();
        doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, key, 1)).unwrap();
        doc.get_changes(&before).pop().unwrap()
    };
    let (first, second) = (next("a"), next("b"));
    let mut forged = second.decode();
    forged.operations[0].action = OpType::Make(ObjType::Table);
    let forged = bytes(forged);
    let mut on_top = puts(&world);
    on_top.deps = vec![hash(&forged)];
    on_top.start_op = NonZeroU64::new(second.max_op() + 1).unwrap();
    let on_top = bytes(on_top);

    bring(&mut world, 1, std::slice::from_ref(&forged));
    bring(&mut world, 2, std::slice::from_ref(&on_top));
    assert!(world.refused.is_empty(), "they wait");
    let bo = world.clients[1].session.unwrap();
    bring(&mut world, 1, &[first.raw_bytes().to_vec()]);
    assert_eq!(world.refused, [bo]);
    let stored = world.disk.document();
    assert!(stored.get_change_by_hash(&first.hash()).is_some(), "what came before is as good as ever");
    assert!(stored.get_change_by_hash(&hash(&forged)).is_none());
    assert_eq!(world.clients[2].rejected, [("depends_on_refused", vec![hash(&on_top)])]);
    assert_eq!(stored.get(ROOT, "title").unwrap().unwrap().0.as_str(), Some("hers"));
}

/// DO44: whoever brings what a forged change waited for is not the culprit.
#[test]
fn do44_who_wakes_a_forged_change_is_not_refused() {
    let mut world = board(&writer());
    let mut doc = world.disk.document().with_actor(ActorId::from([33; 16]));
    world.clients[0].put("a", 1);
    let first = world.clients[0].doc.get_changes(&doc.get_heads()).pop().unwrap();
    doc.apply_changes([first.clone()]).unwrap();
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "mine", 1)).unwrap();
    let mut forged = doc.get_changes(&[first.hash()]).pop().unwrap().decode();
    forged.operations[0].pred = at(&world, "title").into_ordered();
    let forged = bytes(forged);

    bring(&mut world, 1, std::slice::from_ref(&forged));
    bring(&mut world, 0, &[first.raw_bytes().to_vec()]);
    assert!(world.refused.is_empty());
    let stored = world.disk.document();
    assert!(stored.get_change_by_hash(&first.hash()).is_some());
    assert!(stored.get_change_by_hash(&hash(&forged)).is_none());
}

/// DO45: before chunks are deleted for a snapshot it is read back. A document of which it cannot be, because somebody wrote
/// into it before changes were looked at, stays in its chunks and goes on.
#[test]
fn do45_what_cannot_be_read_back_is_not_folded() {
    let mut world = board(&writer());
    world.crash();
    let mut odd = puts(&world);
    odd.operations = mark(&world, |letters| (Some(letters[3].clone()), Some(letters[1].clone())));
    let odd = bytes(odd);
    let manifest = world.disk.manifest.clone().unwrap();
    let manifest = Manifest { heads: vec![hash(&odd)], changes: manifest.changes + 1, ..manifest };
    let put = vec![Chunk::new(ChunkKind::Changes, odd.into())];
    world.disk.write(Batch { document: id(), put, delete: Vec::new(), manifest });
    assert!(Automerge::load(&world.disk.document().save()).is_err(), "that is why");

    for n in 0..3 {
        world.connect(n);
    }
    for value in 0..20 {
        world.clients[0].put("edited", value);
        world.clients[0].talk();
        world.run_until_quiet();
    }
    world.everyone_agrees();
    (0..3).for_each(|n| world.disconnect(n));
    world.tell(Input::Rest);
    world.run_until_quiet();
    let kinds: Vec<ChunkKind> = world.disk.chunks.keys().map(|key| key.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == ChunkKind::Changes).count(), 22);
    assert!(!kinds.contains(&ChunkKind::Snapshot));
    assert_eq!(world.disk.document().get(ROOT, "edited").unwrap().unwrap().0.as_i64(), Some(19));
    for n in 0..3 {
        world.connect(n);
    }
    world.clients[0].put("edited", 20);
    world.clients[0].talk();
    world.run_until_quiet();
    world.everyone_agrees();
    assert!(world.refused.is_empty());
}

const KEY_TEXT: u64 = 1 << 4 | 5;
const ACTION: u64 = 4 << 4 | 2;
const PRED_COUNT: u64 = 7 << 4;

/// A change in its bytes.
struct Payload {
    head: Vec<u8>,
    actors: Vec<Vec<u8>>,
    columns: Vec<(u64, Vec<u8>)>,
    rest: Vec<u8>,
}

impl Payload {
    /// Of a change chunk as Automerge writes it.
    fn of(chunk: &[u8]) -> Self {
        let mut at = 9;
        let length = number(chunk, &mut at);
        assert_eq!(chunk.len() - at, usize::try_from(length).unwrap());
        let payload = &chunk[at..];
        let mut at = 0;
        let deps = number(payload, &mut at);
        at += 32 * usize::try_from(deps).unwrap();
        skip(payload, &mut at);
        for _ in 0..3 {
            number(payload, &mut at);
        }
        skip(payload, &mut at);
        let head = payload[..at].to_vec();
        let actors = (0..number(payload, &mut at)).map(|_| skip(payload, &mut at).to_vec()).collect();
        let columns: Vec<(u64, u64)> = (0..number(payload, &mut at))
            .map(|_| (number(payload, &mut at), number(payload, &mut at)))
            .collect();
        let mut take = |length: u64| {
            let begin = at;
            at += usize::try_from(length).unwrap();
            payload[begin..at].to_vec()
        };
        let columns = columns.into_iter().map(|(column, length)| (column, take(length))).collect();
        Self { head, actors, columns, rest: payload[at..].to_vec() }
    }

    fn column(&mut self, wanted: u64) -> &mut Vec<u8> {
        &mut self.columns.iter_mut().find(|(column, _)| *column == wanted).unwrap().1
    }

    fn chunk(self) -> Vec<u8> {
        let mut payload = self.head;
        payload.extend(written(self.actors.len() as u64));
        for actor in self.actors {
            payload.extend(written(actor.len() as u64));
            payload.extend(actor);
        }
        payload.extend(written(self.columns.len() as u64));
        for (column, bytes) in &self.columns {
            payload.extend(written(*column));
            payload.extend(written(bytes.len() as u64));
        }
        payload.extend(self.columns.into_iter().flat_map(|(_, bytes)| bytes));
        payload.extend(self.rest);
        let hashed = [vec![1], written(payload.len() as u64), payload].concat();
        let checksum = Sha256::digest(&hashed);
        [&[0x85, 0x6f, 0x4a, 0x83], &checksum[..4], &hashed].concat()
    }
}

fn number(bytes: &[u8], at: &mut usize) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = bytes[*at];
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

fn skip<'a>(bytes: &'a [u8], at: &mut usize) -> &'a [u8] {
    let length = usize::try_from(number(bytes, at)).unwrap();
    *at += length;
    &bytes[*at - length..*at]
}

fn written(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

/// In the order in which Automerge writes them down.
trait Ordered {
    fn into_ordered(self) -> SortedVec<OpId>;
}

impl Ordered for Vec<OpId> {
    fn into_ordered(mut self) -> SortedVec<OpId> {
        self.sort_by(|a, b| (a.counter(), a.actor()).cmp(&(b.counter(), b.actor())));
        SortedVec::from(self)
    }
}
