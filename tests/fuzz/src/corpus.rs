//! What is bent: things that people really send, made by the code that really sends them.

use automerge::marks::{ExpandMark, Mark};
use automerge::sync::{Message as SyncMessage, State, SyncDoc};
use automerge::transaction::{Transactable, Transaction};
use automerge::{ActorId, Automerge, AutomergeError, ObjType, ROOT, ReadDoc, ScalarValue};
use dovetail_core::id::{DocumentId, PeerId};
use dovetail_core::time::Timestamp;
use dovetail_core::wire::{
    Ephemeral, Join, Message, Own, OwnMessage, PeerMetadata, RemoteHeads, Sync, SyncKind,
};
use dovetail_core::{dashboard, grafana};
use serde_json::{Value, json};

/// The name under which the attacker's connection joins.
pub const ATTACKER: &str = "peer-mal";

/// The server's.
pub const SERVER: &str = "server";

/// A document as it is stored, and changes that are good on top of it, each by itself.
#[derive(Debug)]
pub struct Base {
    /// All of it.
    pub document: Automerge,
    /// Change chunks.
    pub next: Vec<Vec<u8>>,
}

type Edit = fn(&mut Transaction<'_>) -> Result<(), AutomergeError>;

/// Documents and edits of the shapes that there are.
#[must_use]
pub fn bases() -> Vec<Base> {
    vec![board(), notes(), history(), imported()]
}

/// A base with an edit for each of these, made by somebody who has written in it before.
fn base(mut document: Automerge, edits: &[Edit]) -> Base {
    document.set_actor(ActorId::from([2; 16]));
    document.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "seen", 1)).unwrap();
    let before = document.get_heads();
    let made = |edit: &Edit| {
        let mut fork = document.clone();
        fork.transact::<_, _, AutomergeError>(edit).unwrap();
        // And by somebody new.
        let mut other = document.fork().with_actor(ActorId::from([9; 16]));
        other.transact::<_, _, AutomergeError>(edit).unwrap();
        [fork, other].map(|doc| doc.get_changes(&before).pop().unwrap().raw_bytes().to_vec())
    };
    let next = edits.iter().flat_map(made).collect();
    Base { document, next }
}

/// All that an operation can be, in a document of a page.
fn board() -> Base {
    let mut doc = Automerge::new().with_actor(ActorId::from([1; 16]));
    let write = |tx: &mut Transaction<'_>| {
        tx.put(ROOT, "title", "Sales")?;
        tx.put(ROOT, "kind", "board")?;
        tx.put(ROOT, "count", ScalarValue::counter(3))?;
        tx.put(ROOT, "bytes", ScalarValue::Bytes(vec![1, 2, 3]))?;
        tx.put(ROOT, "since", ScalarValue::Timestamp(1_800_000_000_000))?;
        let list = tx.put_object(ROOT, "list", ObjType::List)?;
        (0..6).try_for_each(|n| tx.insert(&list, n, n as i64))?;
        let text = tx.put_object(ROOT, "text", ObjType::Text)?;
        tx.splice_text(&text, 0, 0, "hello there, all of you")?;
        let map = tx.put_object(ROOT, "map", ObjType::Map)?;
        let deep = tx.put_object(&map, "deep", ObjType::Map)?;
        tx.put(&deep, "x", 1.5)
    };
    doc.transact::<_, _, AutomergeError>(write).unwrap();
    // Two who wrote the same, so that there is something with two values.
    let mut other = doc.fork().with_actor(ActorId::from([3; 16]));
    doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "contested", "a")).unwrap();
    other.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "contested", "b")).unwrap();
    doc.merge(&mut other).unwrap();
    let edits: [Edit; 14] = [
        |tx| tx.put(ROOT, "title", "Sales of the year"),
        |tx| tx.put(ROOT, "contested", "c"),
        |tx| tx.delete(ROOT, "title"),
        |tx| tx.increment(ROOT, "count", 4),
        |tx| tx.put(at(tx, "list"), 2, "two"),
        |tx| tx.insert(at(tx, "list"), 3, ScalarValue::Null),
        |tx| tx.delete(at(tx, "list"), 1),
        |tx| tx.splice_text(at(tx, "text"), 5, 6, " everybody"),
        |tx| {
            let mark = Mark::new("bold".to_owned(), true, 2, 9);
            tx.mark(at(tx, "text"), mark, ExpandMark::Both)
        },
        |tx| {
            let made = tx.put_object(at(tx, "map"), "made", ObjType::List)?;
            (0..20).try_for_each(|n| tx.insert(&made, n, 0))
        },
        |tx| {
            let row = tx.insert_object(at(tx, "list"), 0, ObjType::Map)?;
            tx.put(&row, "name", "row")?;
            tx.put(&row, "at", ScalarValue::Timestamp(5))
        },
        |tx| {
            let map = at(tx, "map");
            (0..30).try_for_each(|n| tx.put(&map, format!("key {n}"), n))
        },
        |tx| tx.delete(ROOT, "map"),
        |tx| {
            tx.put(ROOT, "title", "x")?;
            tx.put(ROOT, "title", "y")?;
            tx.delete(at(tx, "list"), 0)?;
            tx.splice_text(at(tx, "text"), 0, 0, "ünïcode 🎉")?;
            tx.increment(ROOT, "count", -1)
        },
    ];
    base(doc, &edits)
}

/// A text that several have written at and marked.
fn notes() -> Base {
    let mut doc = Automerge::new().with_actor(ActorId::from([1; 16]));
    let write = |tx: &mut Transaction<'_>| {
        let text = tx.put_object(ROOT, "text", ObjType::Text)?;
        tx.splice_text(&text, 0, 0, "The quick brown fox jumps over the lazy dog. ")?;
        tx.mark(&text, Mark::new("bold".to_owned(), true, 4, 9), ExpandMark::After)?;
        tx.mark(&text, Mark::new("link".to_owned(), "x", 6, 20), ExpandMark::None)
    };
    doc.transact::<_, _, AutomergeError>(write).unwrap();
    for n in 4..8 {
        let mut other = doc.fork().with_actor(ActorId::from([n; 4]));
        other.transact::<_, _, AutomergeError>(|tx| tx.splice_text(at(tx, "text"), 3, 2, "ab")).unwrap();
        doc.merge(&mut other).unwrap();
    }
    let edits: [Edit; 4] = [
        |tx| tx.splice_text(at(tx, "text"), 0, 30, ""),
        |tx| tx.splice_text(at(tx, "text"), 10, 0, &"long ".repeat(40)),
        |tx| tx.unmark(at(tx, "text"), "bold", 0, 15, ExpandMark::None),
        |tx| {
            let block = tx.split_block(at(tx, "text"), 5)?;
            tx.put(&block, "type", "paragraph")
        },
    ];
    base(doc, &edits)
}

/// Many small changes of many people.
fn history() -> Base {
    let mut doc = Automerge::new().with_actor(ActorId::from([1; 16]));
    for n in 0..60_u8 {
        doc.set_actor(ActorId::from([n % 7 + 20; 16]));
        let write = |tx: &mut Transaction<'_>| tx.put(ROOT, format!("k{}", n % 5), u64::from(n));
        doc.transact::<_, _, AutomergeError>(write).unwrap();
    }
    let edits: [Edit; 2] = [|tx| tx.put(ROOT, "k0", 99), |tx| tx.delete(ROOT, "k1")];
    base(doc, &edits)
}

/// A dashboard as it is imported.
fn imported() -> Base {
    let imported =
        grafana::import(&small_grafana(), &ActorId::from([1; 16]), Timestamp::from_millis(1_800_000_000_000));
    let doc = imported.unwrap().doc;
    let edits: [Edit; 3] = [
        |tx| tx.put(ROOT, "title", "Mine"),
        |tx| tx.delete(at(tx, "widgets"), "panel-1"),
        |tx| {
            let layout = tx.get(at(tx, "widgets"), "panel-2")?.unwrap().1;
            let layout = tx.get(&layout, "layout")?.unwrap().1;
            tx.put(&layout, "x", 7)
        },
    ];
    base(doc, &edits)
}

fn at(tx: &Transaction<'_>, key: &str) -> automerge::ObjId {
    tx.get(ROOT, key).unwrap().unwrap().1
}

/// The name of one of the documents that there are.
///
/// # Panics
/// Never: sixteen bytes are a name.
#[must_use]
pub fn document(n: u8) -> DocumentId {
    DocumentId::from_bytes(&[n; 16]).unwrap()
}

/// The name of a peer.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn peer(name: &str) -> PeerId {
    name.parse().unwrap()
}

/// How a peer begins.
#[must_use]
pub fn join(name: &str, understands_ours: bool) -> Vec<u8> {
    let metadata = PeerMetadata {
        storage_id: Some(format!("store-{name}").parse().unwrap()),
        is_ephemeral: Some(false),
        dovetail: understands_ours.then_some(1),
    };
    Message::Join(Join { sender: peer(name), metadata, versions: vec!["1".to_owned()] }).encode()
}

/// A sync message in its frame.
#[must_use]
pub fn sync(name: &str, n: u8, kind: SyncKind, data: &[u8]) -> Vec<u8> {
    let sync = Sync {
        kind,
        sender: peer(name),
        target: Some(peer(SERVER)),
        document: document(n),
        data: data.into(),
    };
    Message::Sync(sync).encode()
}

/// The first thing that somebody says who has this document.
///
/// # Panics
/// Never: whoever was told nothing has something to say.
#[must_use]
pub fn first_message(document: &Automerge) -> SyncMessage {
    let mut message = document.generate_sync_message(&mut State::new()).unwrap();
    message.flags = None;
    message
}

/// Sync messages of the kinds that there are, for one base.
#[must_use]
pub fn sync_messages(base: &Base) -> Vec<SyncMessage> {
    let known = first_message(&base.document);
    let mut with_changes = known.clone();
    with_changes.changes = base.next.clone().into();
    let mut apart = Automerge::new().with_actor(ActorId::from([40; 16]));
    apart.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "apart", 1)).unwrap();
    let mut asks = first_message(&apart);
    asks.need = base.document.get_heads();
    // Somebody who has something of their own on top, and says so by a filter first.
    let mut ahead = base.document.fork().with_actor(ActorId::from([41; 16]));
    let before = base.document.get_heads();
    (0..20).for_each(|n| drop(ahead.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "ahead", n))));
    let mut state = State::new();
    state.shared_heads = before;
    let mut filtered = ahead.generate_sync_message(&mut state).unwrap();
    filtered.flags = None;
    vec![known, with_changes, asks, filtered, first_message(&Automerge::new())]
}

/// Frames of all kinds but sync.
#[must_use]
pub fn other_frames(name: &str) -> Vec<Vec<u8>> {
    let (sender, server) = (peer(name), Some(peer(SERVER)));
    let storage = || "store-of-another".parse().unwrap();
    let heads = first_message(&board().document).heads;
    let own = |document: Option<DocumentId>, own| {
        Message::Own(Box::new(OwnMessage { sender: peer(name), target: Some(peer(SERVER)), document, own }))
            .encode()
    };
    vec![
        Message::Ephemeral(Ephemeral {
            sender: sender.clone(),
            target: server.clone(),
            document: document(1),
            count: 7,
            session_id: "session".into(),
            data: vec![0xa2, 0x61, b'x', 0x18, 0x2a, 0x61, b'y', 0x82, 0xf5, 0xf6].into(),
        })
        .encode(),
        Message::RemoteSubscriptionChange {
            sender: sender.clone(),
            target: server.clone(),
            add: vec![storage()],
            remove: vec!["store-x".parse().unwrap()],
        }
        .encode(),
        Message::RemoteHeadsChanged {
            sender: sender.clone(),
            target: server.clone(),
            document: document(1),
            new_heads: vec![(
                storage(),
                RemoteHeads { heads, at: Timestamp::from_millis(1_800_000_000_000) },
            )],
        }
        .encode(),
        Message::DocUnavailable { sender: sender.clone(), target: server.clone(), document: document(1) }
            .encode(),
        Message::Error { sender: Some(sender), target: server, message: "what?".into() }.encode(),
        own(None, Own::Ping {}),
        own(Some(document(1)), Own::Token { token: None, until: Some(5) }),
        join(name, true),
    ]
}

/// Dashboards as Grafana exports them, as text.
///
/// # Panics
/// When the repository has none.
#[must_use]
pub fn grafana() -> Vec<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/grafana");
    let read = |name: &str| std::fs::read(format!("{folder}/{name}.json")).unwrap();
    let real = ["nats", "bind9-full"].map(|name| serde_json::from_slice(&read(name)).unwrap());
    real.into_iter().chain([small_grafana(), old_grafana()]).collect()
}

fn small_grafana() -> Value {
    json!({
        "title": "Small", "uid": "s", "schemaVersion": 39, "tags": ["a"], "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [{"name": "host", "query": "up", "type": "query"}]},
        "panels": [
            {"id": 1, "type": "timeseries", "title": "Load", "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8},
             "targets": [{"expr": "up", "refId": "A"}], "fieldConfig": {"defaults": {"unit": "percent"}, "overrides": []}},
            {"id": 2, "type": "stat", "title": "Up", "gridPos": {"x": 12, "y": 0, "w": 12, "h": 8}, "options": {}},
            {"id": 3, "type": "row", "title": "More", "collapsed": true, "gridPos": {"x": 0, "y": 8, "w": 24, "h": 1},
             "panels": [{"id": 4, "type": "text", "gridPos": {"x": 0, "y": 9, "w": 6, "h": 3}, "options": {"content": "# hi"}}]},
        ],
    })
}

fn old_grafana() -> Value {
    json!({"dashboard": {"title": "Old", "rows": [
        {"title": "r", "height": "250px", "panels": [{"id": 1, "span": 6, "type": "graph"}, {"span": 6, "type": "table"}]},
        {"collapse": true, "height": 100, "panels": [{"id": 1, "span": 12, "type": "text"}]},
    ]}, "meta": {}})
}

/// The very first changes of documents of a kind, which everybody makes alike.
#[must_use]
pub fn firsts() -> [Automerge; 2] {
    [dashboard::first_dashboard(), dashboard::first_widget_data()]
}
