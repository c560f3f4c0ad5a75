//! Sync without a WebSocket, on the real binary: the same promises over both ways, and over a proxy that
//! loses and repeats.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use automerge::transaction::Transactable;
use automerge::{ROOT, ReadDoc};
use dovetail_core::id::DocumentId;
use dovetail_tests::cbor::Value;
use dovetail_tests::client::{Client, ClientError, new_document_id};
use dovetail_tests::live::Server;
use dovetail_tests::lossy::Lossy;
use std::time::{Duration, Instant};

/// Generous: the machine may be busy, and a failure ends the wait early anyway.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a client reaches the server.
#[derive(Debug, Clone, Copy)]
enum Way {
    WebSocket,
    Http,
}

use Way::{Http, WebSocket};

/// Who writes and who reads.
const PAIRS: [(Way, Way); 3] = [(Http, Http), (Http, WebSocket), (WebSocket, Http)];

fn url(server: &Server, way: Way) -> String {
    match way {
        WebSocket => server.ws_url(),
        Http => server.http_sync_url(),
    }
}

async fn put(client: &mut Client, id: &DocumentId, key: &str) {
    client.edit(id, |tx| tx.put(ROOT, key, true)).await.unwrap();
}

fn count(client: &Client, id: &DocumentId) -> usize {
    client.document(id).length(ROOT)
}

/// Both read until both have just this many keys and the server has said that it has them too.
async fn agree(one: &mut Client, other: &mut Client, id: &DocumentId, keys: usize) {
    let done = |client: &Client| count(client, id) == keys && client.is_acknowledged(id);
    let (one_has, other_has) = tokio::join!(
        one.wait_for("the whole document", PATIENCE, done),
        other.wait_for("the whole document", PATIENCE, done),
    );
    one_has.unwrap();
    other_has.unwrap();
    assert_eq!(one.document(id).get_heads(), other.document(id).get_heads());
}

/// SH1: what one creates the other finds, and edits made at the same time are all in both documents.
#[tokio::test]
async fn sh1_edits_meet_over_every_way() {
    let server = Server::start().await.unwrap();
    for (ana_by, bo_by) in PAIRS {
        let id = new_document_id();
        let mut ana = Client::connect(&url(&server, ana_by), "ana", None).await.unwrap();
        let mut bo = Client::connect(&url(&server, bo_by), "bo", None).await.unwrap();
        put(&mut ana, &id, "first").await;
        ana.settle(&id, PATIENCE).await.unwrap();
        bo.open(&id).await.unwrap();
        bo.wait_for("the document", PATIENCE, |bo| count(bo, &id) == 1).await.unwrap();
        for n in 0..10 {
            put(&mut ana, &id, &format!("ana {n}")).await;
            put(&mut bo, &id, &format!("bo {n}")).await;
        }
        agree(&mut ana, &mut bo, &id, 21).await;
    }
}

/// SH1: edits made offline on both sides merge, 2,000 of them arrive, and a document larger than what is
/// kept for a session at a time comes through.
#[tokio::test]
async fn sh1_offline_edits_merge_over_every_way() {
    let server = Server::start().await.unwrap();
    for (ana_by, bo_by) in PAIRS {
        let id = new_document_id();
        let mut ana = Client::connect(&url(&server, ana_by), "ana", Some("ana-store")).await.unwrap();
        let mut bo = Client::connect(&url(&server, bo_by), "bo", None).await.unwrap();
        put(&mut ana, &id, "start").await;
        ana.edit(&id, |tx| tx.put(ROOT, "noise", vec![7; 5 << 20])).await.unwrap();
        ana.settle(&id, PATIENCE).await.unwrap();
        bo.open(&id).await.unwrap();
        bo.wait_for("the document", PATIENCE, |bo| count(bo, &id) == 2).await.unwrap();

        ana.disconnect();
        bo.disconnect();
        for n in 0..2_000 {
            ana.edit(&id, |tx| tx.put(ROOT, "n", n)).await.unwrap();
        }
        put(&mut bo, &id, "meanwhile").await;
        bo.reconnect(&url(&server, bo_by)).await.unwrap();
        ana.reconnect(&url(&server, ana_by)).await.unwrap();
        agree(&mut ana, &mut bo, &id, 4).await;
    }
}

/// SH1: a document that nobody has is unavailable, and comes unasked once somebody brings it.
#[tokio::test]
async fn sh1_unavailable_over_every_way() {
    let server = Server::start().await.unwrap();
    for (ana_by, bo_by) in PAIRS {
        let id = new_document_id();
        let mut bo = Client::connect(&url(&server, bo_by), "bo", None).await.unwrap();
        bo.open(&id).await.unwrap();
        bo.wait_for("the word", PATIENCE, |bo| bo.unavailable(&id)).await.unwrap();
        let mut ana = Client::connect(&url(&server, ana_by), "ana", None).await.unwrap();
        put(&mut ana, &id, "late").await;
        agree(&mut ana, &mut bo, &id, 1).await;
    }
}

/// SH1, SH10: after SIGTERM and after SIGKILL everything acknowledged is there, and whoever was connected hears
/// that the session is over, opens another, and goes on.
#[tokio::test]
async fn sh1_restarts_over_every_way() {
    for (ana_by, bo_by) in PAIRS {
        let mut server = Server::start().await.unwrap();
        let id = new_document_id();
        let mut ana = Client::connect(&url(&server, ana_by), "ana", Some("ana-store")).await.unwrap();
        let mut bo = Client::connect(&url(&server, bo_by), "bo", None).await.unwrap();
        put(&mut ana, &id, "before").await;
        ana.settle(&id, PATIENCE).await.unwrap();
        bo.open(&id).await.unwrap();
        bo.wait_for("the document", PATIENCE, |bo| count(bo, &id) == 1).await.unwrap();
        for (n, gently) in [true, false].into_iter().enumerate() {
            if gently {
                server.terminate().await.unwrap();
            }
            server.restart().await.unwrap();
            for (client, way) in [(&mut ana, ana_by), (&mut bo, bo_by)] {
                let lost = client.wait_for("the end", PATIENCE, |_| false).await;
                assert!(
                    matches!(
                        lost,
                        Err(ClientError::Closed(_) | ClientError::Socket(_) | ClientError::Line(_))
                    ),
                    "{lost:?}"
                );
                client.disconnect();
                put(client, &id, &format!("{} {n}", client.id().to_owned())).await;
                client.reconnect(&url(&server, way)).await.unwrap();
            }
            agree(&mut ana, &mut bo, &id, 3 + 2 * n).await;
        }
    }
}

/// SH5: over proxies that lose, cut, double and repeat requests and answers, every message arrives once and
/// in order, and documents converge.
#[tokio::test]
async fn sh5_a_lossy_way_loses_nothing() {
    const EDITS: usize = 25;
    for seed in 1..=6 {
        let server = Server::start().await.unwrap();
        let here = Lossy::before(server.address(), seed).await.unwrap();
        let there = Lossy::before(server.address(), seed + 100).await.unwrap();
        let id = new_document_id();
        let mut ana = Client::connect(&here.url(), "ana", None).await.unwrap();
        let mut bo = Client::connect(&there.url(), "bo", None).await.unwrap();
        put(&mut ana, &id, "first").await;
        ana.settle(&id, PATIENCE).await.unwrap();
        bo.open(&id).await.unwrap();
        bo.wait_for("the document", PATIENCE, |bo| count(bo, &id) == 1).await.unwrap();

        for n in 0..EDITS {
            put(&mut ana, &id, &format!("ana {n}")).await;
            say(&mut ana, &id, n).await;
            put(&mut bo, &id, &format!("bo {n}")).await;
        }
        bo.wait_for("the last word", PATIENCE, |bo| heard(bo).len() >= EDITS).await.unwrap();
        agree(&mut ana, &mut bo, &id, 1 + 2 * EDITS).await;
        assert_eq!(heard(&bo), (0..EDITS).collect::<Vec<_>>(), "seed {seed}");
        assert!(here.harmed() > EDITS / 2 && there.harmed() > EDITS / 2, "the proxies did their worst");
    }
}

async fn say(client: &mut Client, id: &DocumentId, n: usize) {
    let fields = [
        ("documentId", id.to_string().as_str().into()),
        ("sessionId", "one".into()),
        ("count", Value::Number(n as f64)),
        ("data", Value::Bytes(vec![1])),
    ];
    client.tell("ephemeral", fields).await.unwrap();
}

/// The numbers of the ephemeral messages that have come, in order.
fn heard(client: &Client) -> Vec<usize> {
    let count = |message: &Value| match message.get("count") {
        Some(Value::Number(count)) => Some(*count as usize),
        _ => None,
    };
    client.inbox().iter().filter_map(count).collect()
}

/// SH10: a server that stops answers a waiting poll at once with the reason, and is not held up by it.
#[tokio::test]
async fn sh10_a_server_that_stops_says_so_at_once() {
    let mut server = Server::start().await.unwrap();
    let mut ana = Client::connect(&server.http_sync_url(), "ana", None).await.unwrap();
    let began = Instant::now();
    let waiting = tokio::spawn(async move {
        let ended = ana.wait_for("the end", PATIENCE, |_| false).await;
        (ended, Instant::now())
    });
    tokio::time::sleep(Duration::from_millis(300)).await; // the poll is under way
    let ended = server.terminate().await.unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert!(ended.after < Duration::from_secs(2), "{ended:?}");
    let (closed, at) = waiting.await.unwrap();
    let Err(ClientError::Closed(Some(frame))) = closed else { panic!("{closed:?}") };
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1012, "restart"));
    assert!(at - began < Duration::from_secs(3));
}
