//! Peers that are not there any more, and do not say so.

use crate::alive::{self, figure};
use crate::raw::{self, Raw};
use crate::{BALLAST_BYTES, LATE_MAX, MIB, PATIENCE};
use automerge::transaction::Transactable;
use automerge::{ROOT, ReadDoc};
use dovetail_tests::live::Setup;
use dovetail_tests::{Client, Server, new_document_id};
use futures_util::future::join_all;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// How many are gone at once.
const CROWD: usize = 200;

/// What they may cost, 80 KiB each.
const MEMORY_MAX: u64 = 16 * MIB;

/// How long nothing may come from a peer.
const SILENCE: Duration = Duration::from_secs(2);

/// How long the server waits for the answer to its close frame.
const GOODBYE: Duration = Duration::from_secs(2);

async fn impatient_server() -> Server {
    let times =
        ["--silence-max", "2s", "--ping-interval", "500ms", "--join-timeout", "2s", "--header-timeout", "2s"];
    times.into_iter().fold(Setup::default(), Setup::arg).start().await.unwrap()
}

/// SE34: a peer that is gone without a word, as when a cable is cut, answers no ping; it is told `silent` and its connection is
/// given back whether it hears that or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn se34_who_is_gone_without_a_word_is_let_go() {
    let server = impatient_server().await;
    let address = server.address();
    let attack = join_all((0..CROWD).map(|n| async move {
        let mut socket = Raw::joined(address, &format!("gone {n}")).await;
        let began = Instant::now();
        // Reads, and answers nothing: to the server that is somebody whose acknowledgements still come.
        (socket.ending().await, began.elapsed())
    }));
    for (ending, lasted) in alive::during("silent peers", &server, MEMORY_MAX, attack).await {
        assert!(ending.is("silent", 1008), "{ending:?}");
        assert!(lasted < SILENCE + GOODBYE + LATE_MAX, "{lasted:?}");
    }
}

/// SE35: a peer that has closed its side, or has reset the connection, is gone at once, in whatever phase and with whatever
/// half-sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn se35_a_half_closed_connection_is_over() {
    // With the times that hold by themselves: none of them is over before the end of this.
    let server = Server::start().await.unwrap();
    let address = server.address();
    let began = Instant::now();
    let attack = join_all((0..CROWD).map(|n| async move {
        let mut stream = match n % 4 {
            0 => raw::connect(address).await,
            1 => Raw::open(address, "/sync").await.stream,
            2 => Raw::joined(address, &format!("half {n}")).await.stream,
            _ => {
                let mut socket = Raw::joined(address, &format!("half {n}")).await;
                socket.send(&raw::head(raw::BINARY, true, 1_000)).await.unwrap();
                socket.stream
            }
        };
        if n % 8 < 4 {
            stream.shutdown().await.unwrap();
            let _reset = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.expect("it ends");
        } else {
            // Unread bytes or none: dropped like this it is reset.
            stream.set_zero_linger().unwrap();
        }
    }));
    alive::during("half-closed connections", &server, MEMORY_MAX, attack).await;
    // `during` has waited until all were given back.
    assert!(began.elapsed() < LATE_MAX, "{:?}", began.elapsed());
    assert_eq!(figure(&server, "dovetail_documents_open").await, 1.0, "that of the pair");
}

/// DO71: what has arrived from somebody who is gone by then comes in, though nothing can be written to them any more, over
/// either WebSocket, and also where a ping before it has to be answered. They leave in the middle of a large document, as a tab does that
/// is closed while it loads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn do71_last_words_outlast_a_reset() {
    const LEAVERS: usize = 40;
    let server = Server::start().await.unwrap();
    let address = server.address();
    let ballast = alive::ballast(&server, BALLAST_BYTES).await;
    let mut reader = Client::connect(&server.ws_url(), "reader", None).await.unwrap();
    for n in 0..LEAVERS {
        let document = new_document_id();
        let (mut socket, words) = if n % 2 == 0 {
            let name = format!("leaver {n}");
            let mut socket = Raw::joined(address, &name).await;
            socket.send(&raw::request(&name, &ballast)).await.unwrap();
            (socket, raw::change(&name, &document, "said", n as i64))
        } else {
            reader.open(&document).await.unwrap();
            reader.edit(&document, |tx| tx.put(ROOT, "said", -1)).await.unwrap();
            reader.settle(&document, PATIENCE).await.unwrap();
            let mut socket = Raw::open(address, "/api/realtime").await;
            let follow = json!({ "type": "subscribe", "documentId": ballast.to_string() });
            socket.send(&raw::frame(raw::TEXT, true, follow.to_string().as_bytes())).await.unwrap();
            let base: Vec<String> =
                reader.document(&document).get_heads().iter().map(ToString::to_string).collect();
            let patch = json!([{ "op": "replace", "path": "/said", "value": n }]);
            let edit =
                json!({ "type": "edit", "documentId": document.to_string(), "base": base, "patch": patch });
            (socket, raw::frame(raw::TEXT, true, edit.to_string().as_bytes()))
        };
        // Some of the large document is here; the rest waits for whoever does not read.
        socket.stream.readable().await.unwrap();
        let ping = if n % 4 < 2 { Vec::new() } else { raw::frame(raw::PING, true, b"") };
        socket.send(&[ping, words].concat()).await.unwrap();
        drop(socket);
        reader.open(&document).await.unwrap();
        let said = |reader: &Client| {
            let value = reader.document(&document).get(ROOT, "said").unwrap();
            value.and_then(|(value, _)| value.as_i64()) == Some(n as i64)
        };
        reader.wait_for("the last words", PATIENCE, said).await.unwrap();
    }
}
