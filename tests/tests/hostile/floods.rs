//! Very many small things.

use crate::alive::{self, figure};
use crate::raw::{BINARY, CONTINUATION, PING, Raw, TEXT, frame, request};
use crate::{MIB, PATIENCE};
use dovetail_tests::cbor::Value;
use dovetail_tests::{Server, new_document_id};
use std::time::Duration;
use tokio::time::timeout;

/// How many frames are a flood.
const FRAMES: usize = 1_000_000;

/// How many are sent at once.
const AT_ONCE: usize = 1_000;

/// What a flood may cost, however long it lasts: some buffers.
const MEMORY_MAX: u64 = 16 * MIB;

/// What the largest ping carries.
const LARGEST: [u8; 125] = [7; 125];

/// A flood for a peer that reads nothing ends when nothing more is taken for so long.
const STUCK_AFTER: Duration = Duration::from_secs(2);

/// WI69: a million tiny messages that mean nothing are read and forgotten; whoever sent them is served like anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wi69_a_million_tiny_messages() {
    let server = Server::start().await.unwrap();
    let before = figure(&server, "dovetail_frames_received_total").await;
    let attack = async {
        let mut socket = Raw::joined(server.address(), "flood").await;
        let message = frame(BINARY, true, &Value::map([("type", "x".into())]).encode());
        flood(&mut socket, &message).await;
        is_served(&mut socket, "flood").await;
    };
    alive::during("a million messages", &server, MEMORY_MAX, attack).await;
    let heard = figure(&server, "dovetail_frames_received_total").await - before;
    assert!(heard >= FRAMES as f64, "{heard} were counted");
}

/// WI69: a million empty parts of one message are one empty message, which is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wi69_a_million_empty_parts_of_a_message() {
    let server = Server::start().await.unwrap();
    let attack = async {
        let mut socket = Raw::joined(server.address(), "flood").await;
        socket.send(&frame(BINARY, false, b"")).await.unwrap();
        flood(&mut socket, &frame(CONTINUATION, false, b"")).await;
        socket.send(&frame(CONTINUATION, true, b"")).await.unwrap();
        socket.told().await
    };
    let ending = alive::during("a million parts", &server, MEMORY_MAX, attack).await;
    assert!(ending.is("bad_frame", 1007), "{ending:?}");
}

/// WI69: a million pings are answered, the newest of those that came together, and whoever sent them is served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wi69_a_million_pings() {
    let server = Server::start().await.unwrap();
    let attack = async {
        let mut socket = Raw::joined(server.address(), "flood").await;
        let ping = frame(PING, true, b"are you there?");
        let (mut read, mut write) = socket.stream.split();
        let mut nowhere = tokio::io::sink();
        let reading = tokio::io::copy(&mut read, &mut nowhere);
        let sending = async {
            let pings = ping.repeat(AT_ONCE);
            for _ in 0..FRAMES / AT_ONCE {
                let sent = tokio::io::AsyncWriteExt::write_all(&mut write, &pings);
                timeout(PATIENCE, sent).await.expect("it is read").unwrap();
            }
        };
        tokio::select! {
            ended = reading => panic!("{ended:?}"),
            () = sending => {}
        }
    };
    alive::during("a million pings", &server, MEMORY_MAX, attack).await;
}

/// WI70: whoever pings and does not read the pongs is not read any more after a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wi70_who_does_not_read_pongs_is_not_heard() {
    let server = Server::start().await.unwrap();
    let deaf = Raw::joined(server.address(), "deaf").await;
    is_not_heard("unread pongs", &server, deaf, &frame(PING, true, &LARGEST)).await;
}

/// WI70: the same of our own pings.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wi70_who_does_not_read_pongs_of_ours_is_not_heard() {
    let server = Server::start().await.unwrap();
    let deaf = Raw::joined_as_ours(server.address(), "deaf").await;
    let ping = Value::map([("type", "dovetail-ping".into()), ("senderId", "deaf".into())]);
    is_not_heard("unread pongs of ours", &server, deaf, &frame(BINARY, true, &ping.encode())).await;
}

/// WI70: the same of the JSON WebSocket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wi70_who_does_not_read_pongs_as_json_is_not_heard() {
    let server = Server::start().await.unwrap();
    let deaf = Raw::open(server.address(), "/api/realtime").await;
    is_not_heard("unread pongs, JSON", &server, deaf, &frame(PING, true, &LARGEST)).await;
}

/// WI70: the same of what the JSON WebSocket answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wi70_who_does_not_read_answers_as_json_is_not_heard() {
    let server = Server::start().await.unwrap();
    let deaf = Raw::open(server.address(), "/api/realtime").await;
    is_not_heard("unread answers, JSON", &server, deaf, &frame(TEXT, true, br#"{"type":"ping"}"#)).await;
}

/// Sends this for as long as it is taken, which is not for long.
async fn is_not_heard(name: &str, server: &Server, mut deaf: Raw, asked: &[u8]) {
    let asked = asked.repeat(AT_ONCE);
    let attack = async move {
        for sent in (0..FRAMES).step_by(AT_ONCE) {
            // Nothing is taken any more: what is sent waits in the kernel, and costs its sender.
            let Ok(sending) = timeout(STUCK_AFTER, deaf.send(&asked)).await else { return sent };
            sending.unwrap();
        }
        FRAMES
    };
    let sent = alive::during(name, server, MEMORY_MAX, attack).await;
    assert!(sent < FRAMES, "{name}: all {sent} were taken");
}

async fn flood(socket: &mut Raw, frame: &[u8]) {
    let frames = frame.repeat(AT_ONCE);
    for _ in 0..FRAMES / AT_ONCE {
        socket.send(&frames).await.unwrap();
    }
}

/// That what was sent before has been read, and that the connection goes on.
async fn is_served(socket: &mut Raw, name: &str) {
    socket.send(&request(name, &new_document_id())).await.unwrap();
    let answer = socket.next_message().await.unwrap().expect("an answer");
    assert_eq!(answer.text("type"), Some("doc-unavailable"), "{answer:?}");
}
