//! Documents as JSON on the real binary: server-sent events and the JSON WebSocket, while others write.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use automerge::transaction::Transactable;
use automerge::{ROOT, ReadDoc};
use dovetail_core::id::DocumentId;
use dovetail_tests::cbor::Value as Cbor;
use dovetail_tests::{Client, EventReader, JsonDocument, Server, Talk, TalkError};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Generous: the machine may be busy, and a failure ends the wait early anyway.
const PATIENCE: Duration = Duration::from_secs(60);

/// A seed, and what is drawn from it.
struct Lot(u32);

impl Lot {
    fn draw(&mut self, below: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % below
    }
}

async fn made(server: &Server, content: &Value) -> String {
    let answer = server.post("/api/docs", content).await.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn shown(server: &Server, id: &str) -> Value {
    let answer = server.get(&format!("/api/docs/{id}")).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Somebody who writes over `/sync`, one edit after the other, and stops when all are stored.
async fn sync_writer(url: String, id: DocumentId, name: &'static str, edits: u32) {
    let mut client = Client::connect(&url, name, None).await.unwrap();
    client.open(&id).await.unwrap();
    client
        .wait_for("the document", PATIENCE, |client| {
            client.document(&id).get(ROOT, "list").unwrap().is_some()
        })
        .await
        .unwrap();
    let mut lot = Lot(edits);
    for n in 0..edits {
        let (key, at, what) = (lot.draw(5), lot.draw(1_000), lot.draw(3));
        let edit = client.edit(&id, |tx| {
            let (_, list) = tx.get(ROOT, "list")?.unwrap();
            let length = tx.length(&list);
            match what {
                0 => tx.put(ROOT, format!("{name} {key}"), i64::from(n)),
                1 if length > 0 => tx.delete(&list, at as usize % length),
                _ => tx.insert(&list, at as usize % (length + 1), format!("{name} {n}")),
            }
        });
        edit.await.unwrap();
        if lot.draw(4) == 0 {
            client.settle(&id, PATIENCE).await.unwrap();
        }
    }
    client.settle(&id, PATIENCE).await.unwrap();
}

/// Somebody who writes JSON patches at the heads that it saw last.
async fn json_writer(server_address: std::net::SocketAddr, id: String, edits: u32) {
    let mut talk = Talk::open(server_address, "writer").await.unwrap();
    talk.follow(&id).await.unwrap();
    let mut lot = Lot(edits + 1);
    for n in 0..edits {
        let document = talk.documents[&id].clone();
        let place = document.value["list"].as_array().map_or(0, Vec::len) as u32;
        let patch = match lot.draw(3) {
            0 => json!([{"op": "add", "path": format!("/json {}", lot.draw(5)), "value": {"n": n}}]),
            1 if place > 0 => json!([{"op": "remove", "path": format!("/list/{}", lot.draw(place))}]),
            _ => {
                json!([{"op": "add", "path": format!("/list/{}", lot.draw(place + 1)), "value": {"id": n.to_string()}}])
            }
        };
        talk.say(&json!({"type": "edit", "documentId": id, "base": document.heads, "patch": patch}))
            .await
            .unwrap();
        talk.hear_of("ack").await.unwrap();
    }
}

/// FE15, FE16: a reader of events that drops at random and resumes rebuilds the very document, while others
/// write through `/sync` and as JSON; and so does a client of the WebSocket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fe16_who_drops_at_random_rebuilds_the_document() {
    const EDITS: u32 = 150;
    let server = Server::start().await.unwrap();
    let id = made(&server, &json!({"list": [], "title": "x"})).await;
    let (document, address): (DocumentId, _) = (id.parse().unwrap(), server.address());
    let writers = [
        tokio::spawn(sync_writer(server.ws_url(), document.clone(), "ana", EDITS)),
        tokio::spawn(sync_writer(server.ws_url(), document.clone(), "bo", EDITS + 1)),
        tokio::spawn(json_writer(address, id.clone(), EDITS)),
    ];
    let (mut lot, mut drops) = (Lot(7), 0);
    let mut events = EventReader::open(address, &id, JsonDocument::default()).await.unwrap();
    let mut talk = Talk::open(address, "reader").await.unwrap();
    talk.follow(&id).await.unwrap();
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        if lot.draw(2) == 0 {
            // Dropped in the middle of whatever came; what it has is what it applied.
            let known = events.document.clone();
            events = EventReader::open(address, &id, known).await.unwrap();
            let documents = talk.documents.clone();
            talk = Talk::open(address, "reader").await.unwrap();
            talk.documents = documents;
            talk.follow(&id).await.unwrap();
            drops += 1;
        }
        for _ in 0..lot.draw(4) {
            let next = tokio::time::timeout(Duration::from_millis(60), events.next()).await;
            let _event = next.map(Result::unwrap);
            let next = tokio::time::timeout(Duration::from_millis(60), talk.hear()).await;
            let _message = next.map(Result::unwrap);
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let expected = shown(&server, &id).await;
    while events.document.value != expected {
        events.next().await.unwrap();
    }
    while talk.documents[&id].value != expected {
        talk.hear().await.unwrap();
    }
    let etag = server.get(&format!("/api/docs/{id}")).await.unwrap();
    assert_eq!(etag.header("etag"), Some(format!("\"{}\"", events.document.dotted()).as_str()));
    assert!(drops > 3, "{drops} drops");
    assert_eq!(events.document.snapshots, 1, "it resumed, and never began anew");
    assert_eq!(talk.documents[&id].snapshots, 1);
}

/// FE17: an event's id is the heads; whoever resumes from heads that the document does not know begins anew,
/// and unknown and deleted documents are refused with a problem.
#[tokio::test]
async fn fe17_ids_are_heads() {
    let server = Server::start().await.unwrap();
    let id = made(&server, &json!({"a": 1})).await;
    let mut events = EventReader::open(server.address(), &id, JsonDocument::default()).await.unwrap();
    let first = events.next().await.unwrap().unwrap();
    assert_eq!((first.name.as_str(), &first.data["document"]), ("snapshot", &json!({"a": 1})));
    assert_eq!(first.id, first.data["heads"][0].as_str().unwrap());

    let foreign = JsonDocument { heads: vec!["ab".repeat(32)], ..JsonDocument::default() };
    let mut anew = EventReader::open(server.address(), &id, foreign).await.unwrap();
    assert_eq!(anew.next().await.unwrap().unwrap().name, "snapshot");

    let path = format!("/api/docs/{id}/events");
    let bad = server.get(&format!("{path}?last_event_id=x")).await.unwrap();
    assert_eq!((bad.status, &bad.json()["code"]), (400, &json!("bad_parameter")));
    let none = server.get("/api/docs/4NMNnkMhL8jXrdJ9jamS58PAVdXu/events").await.unwrap();
    assert_eq!((none.status, &none.json()["code"]), (404, &json!("document_not_found")));

    server.delete(&format!("/api/docs/{id}")).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().name, "deleted");
    assert_eq!(events.next().await.unwrap(), None, "nothing follows");
    let gone = server.get(&path).await.unwrap();
    assert_eq!((gone.status, &gone.json()["code"]), (410, &json!("document_deleted")));
}

/// FE18: readers that take nothing slow no writer and cost a bounded amount; when one reads again it has the
/// newest state after a few events, however many edits there were.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fe18_slow_readers_slow_nobody() {
    const EDITS: usize = 100;
    const READERS: usize = 30;
    /// Of each edit, on the wire: together far more than the buffers of a socket hold.
    const BYTES: usize = 100_000;
    let server = Server::start().await.unwrap();
    let id = made(&server, &json!({"text": ""})).await;
    let document: DocumentId = id.parse().unwrap();
    let mut slow = Vec::new();
    for _ in 0..READERS {
        let mut reader = EventReader::open(server.address(), &id, JsonDocument::default()).await.unwrap();
        reader.next().await.unwrap();
        slow.push(reader);
    }
    let mut quick = EventReader::open(server.address(), &id, JsonDocument::default()).await.unwrap();
    let mut ana = Client::connect(&server.ws_url(), "ana", None).await.unwrap();
    ana.open(&document).await.unwrap();
    ana.wait_for("the document", PATIENCE, |ana| !ana.document(&document).get_heads().is_empty())
        .await
        .unwrap();
    let before = resident_kib(server.id());
    let began = Instant::now();
    for n in 0..EDITS {
        let noise = format!("{n:03} ").repeat(BYTES / 4);
        ana.edit(&document, |tx| tx.put(ROOT, "noise", noise.as_str())).await.unwrap();
        ana.settle(&document, PATIENCE).await.unwrap();
        // One who reads is told of each edit: so each is a patch of its own.
        while quick.document.value["noise"] != noise.as_str() {
            quick.next().await.unwrap();
        }
    }
    let wrote_in = began.elapsed();
    let grown = resident_kib(server.id()).saturating_sub(before);
    println!("{EDITS} edits in {wrote_in:?}, {grown} KiB more");
    assert!(wrote_in < PATIENCE, "{wrote_in:?}");
    // The history has 10 MB, and a queue of all patches for every reader would have 300 MB.
    assert!(grown < 150 * 1024, "{grown} KiB for {EDITS} edits");

    let expected = shown(&server, &id).await;
    for reader in &mut slow {
        let mut events = 0;
        while reader.document.value != expected {
            reader.next().await.unwrap();
            events += 1;
        }
        assert!(events < EDITS, "{events} events");
    }
}

/// Resident memory of a process, as Linux tells it.
fn resident_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

/// FE19: readers of events are told that the server goes down, and it does not wait for them.
#[tokio::test]
async fn fe19_a_server_that_stops_tells_its_readers() {
    let mut server = Server::start().await.unwrap();
    let id = made(&server, &json!({})).await;
    let mut events = EventReader::open(server.address(), &id, JsonDocument::default()).await.unwrap();
    let mut talk = Talk::open(server.address(), "ana").await.unwrap();
    talk.follow(&id).await.unwrap();
    events.next().await.unwrap();
    let ended = async {
        let ended = server.terminate().await.unwrap();
        (ended.status.success(), ended.after)
    };
    let told = async {
        let restart = events.next().await.unwrap().unwrap();
        (restart.name, events.next().await.unwrap())
    };
    let closed = async {
        loop {
            if let Err(TalkError::Closed(frame)) = talk.hear().await {
                return frame.map(|frame| u16::from(frame.code));
            }
        }
    };
    let ((well, after), (name, rest), code) = tokio::join!(ended, told, closed);
    assert_eq!((name.as_str(), rest), ("restart", None));
    assert_eq!(code, Some(1012));
    assert!(well && after < Duration::from_secs(5), "{after:?}");
}

/// RT1: who connects and says nothing is told hello; without an upgrade the same path shows the status.
#[tokio::test]
async fn rt1_hello_comes_first() {
    let server = Server::start().await.unwrap();
    let mut talk = Talk::open(server.address(), "ana%40example.org").await.unwrap();
    let hello = talk.hear().await.unwrap();
    assert_eq!((&hello["type"], &hello["userId"]), (&json!("hello"), &json!("ana@example.org")));
    assert!(hello["sessionId"].as_str().is_some_and(|id| !id.is_empty()));
    let status = server.get("/api/realtime").await.unwrap();
    assert_eq!((status.status, &status.json()["statistics"]["realtime_sessions"]), (200, &json!(1)));
    drop(talk);
}

/// RT14: an edit is acknowledged by its correlation id once it is durable: it survives a kill. Others see it,
/// and what others did since the writer's heads stays.
#[tokio::test]
async fn rt14_an_acknowledged_edit_is_durable() {
    let mut server = Server::start().await.unwrap();
    let id = made(&server, &json!({"a": 1, "b": 1})).await;
    let mut ana = Talk::open(server.address(), "ana").await.unwrap();
    let mut bo = Talk::open(server.address(), "bo").await.unwrap();
    ana.follow(&id).await.unwrap();
    bo.follow(&id).await.unwrap();
    let base = ana.documents[&id].heads.clone();
    let edit = |path: &str, correlation: &str| {
        json!({"type": "edit", "documentId": id, "base": base, "correlationId": correlation,
               "patch": [{"op": "replace", "path": path, "value": 2}]})
    };
    ana.say(&edit("/a", "first")).await.unwrap();
    let ack = ana.hear_of("ack").await.unwrap();
    assert_eq!((&ack["correlationId"], &ack["durable"]), (&json!("first"), &json!(true)));
    bo.say(&edit("/b", "second")).await.unwrap();
    let ack = bo.hear_of("ack").await.unwrap();
    assert_eq!((&ack["correlationId"], &ack["lost"]), (&json!("second"), &json!([])));
    while ana.documents[&id].value != json!({"a": 2, "b": 2}) {
        ana.hear().await.unwrap();
    }
    server.kill().await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(shown(&server, &id).await, json!({"a": 2, "b": 2}));
}

/// RT15: what cannot be done is refused with a code and nothing is stored, and the session goes on; a message
/// that is too large ends it with 1009.
#[tokio::test]
async fn rt15_what_cannot_be_done_is_refused() {
    let server = Server::start().await.unwrap();
    let id = made(&server, &json!({"a": 1})).await;
    let mut talk = Talk::open(server.address(), "ana").await.unwrap();
    talk.follow(&id).await.unwrap();
    let heads = talk.documents[&id].heads.clone();
    let edit =
        |base: Value, patch: Value| json!({"type": "edit", "documentId": id, "base": base, "patch": patch});
    let nowhere = json!([{"op": "remove", "path": "/nowhere"}]);
    let unknown = "4NMNnkMhL8jXrdJ9jamS58PAVdXu";
    let cases = [
        ("{".to_owned(), "bad_json"),
        (json!({"type": "dance"}).to_string(), "unknown_type"),
        (json!({"type": "subscribe", "documentId": unknown}).to_string(), "document_not_found"),
        (json!({"type": "subscribe", "documentId": id}).to_string(), "already_subscribed"),
        (edit(json!(["ab".repeat(32)]), json!([])).to_string(), "unknown_heads"),
        (edit(json!(heads), json!(7)).to_string(), "bad_patch"),
        (edit(json!(heads), nowhere).to_string(), "patch_failed"),
    ];
    for (text, code) in cases {
        talk.say_text(text.clone()).await.unwrap();
        let error = talk.hear().await.unwrap();
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!(code)), "{text}: {error}");
    }
    talk.say(&json!({"type": "ping", "correlationId": "p"})).await.unwrap();
    assert_eq!(talk.hear_of("pong").await.unwrap()["correlationId"], "p");
    assert_eq!(talk.documents[&id].heads, heads, "nothing was stored");

    talk.say_text("x".repeat(2 << 20)).await.unwrap();
    let closed = loop {
        if let Err(error) = talk.hear().await {
            break error;
        }
    };
    let TalkError::Closed(Some(frame)) = closed else { panic!("{closed:?}") };
    assert_eq!(u16::from(frame.code), 1009);
}

/// RT9, RT16: presence and messages meet: what JSON sessions say reaches sync clients as CBOR, what those say
/// reaches JSON sessions and readers of events, messages reach a user's sessions and everybody; who leaves
/// is gone.
#[tokio::test]
async fn rt16_presence_and_messages_meet() {
    let server = Server::start().await.unwrap();
    let id = made(&server, &json!({})).await;
    let document: DocumentId = id.parse().unwrap();
    let mut ana = Talk::open(server.address(), "ana").await.unwrap();
    let mut bo = Talk::open(server.address(), "bo").await.unwrap();
    for talk in [&mut ana, &mut bo] {
        talk.follow(&id).await.unwrap();
    }
    let mut events = EventReader::open(server.address(), &id, JsonDocument::default()).await.unwrap();
    events.next().await.unwrap();
    let mut sync = Client::connect(&server.ws_url(), "peer-cleo", None).await.unwrap();
    sync.open(&document).await.unwrap();
    sync.settle(&document, PATIENCE).await.unwrap();

    ana.say(&json!({"type": "presence", "documentId": id, "state": {"x": 1}})).await.unwrap();
    let seen = bo.hear_of("presence").await.unwrap();
    assert_eq!((&seen["from"]["userId"], &seen["state"]), (&json!("ana"), &json!({"x": 1})));
    let seen = events.next().await.unwrap().unwrap();
    assert_eq!((seen.name.as_str(), &seen.data["state"]), ("presence", &json!({"x": 1})));
    sync.wait_for("her presence", PATIENCE, |sync| !sync.inbox().is_empty()).await.unwrap();
    let message = sync.take_inbox().remove(0);
    assert_eq!(message.text("type"), Some("ephemeral"));
    let said = Cbor::decode(message.bytes("data").unwrap()).unwrap();
    assert_eq!((said.text("type"), said.text("userId")), (Some("presence"), Some("ana")));
    assert_eq!(said.get("state").unwrap().get("x"), Some(&Cbor::Number(1.0)));

    let data = Cbor::map([("cursor", Cbor::Number(3.0)), ("gone", Cbor::Undefined)]);
    let fields = [
        ("documentId", id.as_str().into()),
        ("count", Cbor::Number(1.0)),
        ("sessionId", "run".into()),
        ("data", Cbor::Bytes(data.encode())),
    ];
    sync.tell("ephemeral", fields).await.unwrap();
    let heard = bo.hear_of("message").await.unwrap();
    assert_eq!(heard["from"], json!({"peerId": "peer-cleo"}));
    assert_eq!((&heard["data"], &heard["scope"]), (&json!({"cursor": 3, "gone": null}), &json!("document")));
    assert_eq!(events.next().await.unwrap().unwrap().name, "message");

    for scope in [
        json!({"scope": "user", "userId": "bo"}),
        json!({"scope": "all"}),
        json!({"scope": "document", "documentId": id}),
    ] {
        let mut message = json!({"type": "broadcast", "data": "hi", "correlationId": "c"});
        message.as_object_mut().unwrap().extend(scope.as_object().unwrap().clone());
        ana.say(&message).await.unwrap();
        assert_eq!(ana.hear_of("ok").await.unwrap()["correlationId"], "c");
        let heard = bo.hear_of("message").await.unwrap();
        assert_eq!((&heard["scope"], &heard["from"]["userId"]), (&message["scope"], &json!("ana")));
    }
    drop(ana);
    let gone = bo.hear_of("presence").await.unwrap();
    assert_eq!(gone["state"], Value::Null);
}
