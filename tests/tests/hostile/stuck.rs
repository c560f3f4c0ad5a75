//! Those who do not read.

use crate::alive::{self, Pair, ballast, figure, percentile_99, resident_bytes};
use crate::raw::{self, Raw};
use crate::{BALLAST_BYTES, LATE_MAX, PATIENCE};
use automerge::{ROOT, ReadDoc};
use dovetail_core::id::DocumentId;
use dovetail_tests::live::Setup;
use dovetail_tests::{Client, Server};
use futures_util::future::join_all;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

/// How many read nothing of what they asked for.
const CROWD: usize = 20;

/// How long nothing may come from a peer.
const SILENCE: Duration = Duration::from_secs(2);

/// How long the server waits for the answer to its close frame.
const GOODBYE: Duration = Duration::from_secs(2);

/// HT43: an answer of which nothing is taken, and events that nobody reads, are held for `silence_max` and not longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ht43_answers_that_nobody_reads_are_not_held() {
    let server = impatient_server().await;
    let ballast = ballast(&server, BALLAST_BYTES).await;
    let address = server.address();
    // As JSON it is made anew for each, in pieces that grow.
    let memory_max = 3 * CROWD as u64 * BALLAST_BYTES as u64;
    let attack = async {
        let paths = ["", "/events"]
            .map(|of| format!("GET /api/docs/{ballast}{of} HTTP/1.1\r\nhost: {address}\r\n\r\n"));
        let began = Instant::now();
        let asked = join_all((0..CROWD).map(|n| (n, &paths)).map(|(n, paths)| async move {
            let mut stream = raw::connect(address).await;
            stream.write_all(paths[n % 2].as_bytes()).await.unwrap();
            stream
        }));
        let asked = asked.await;
        alive::settled(&server, "dovetail_connections", |now| now <= 3.0).await;
        drop(asked);
        began.elapsed()
    };
    let lasted = alive::during("unread answers", &server, memory_max, attack).await;
    assert!(lasted >= SILENCE && lasted < SILENCE + LATE_MAX, "{lasted:?}");
}

/// SE36: peers that stop reading in the middle of a large document, over either WebSocket, are held for `silence_max`, and cost one
/// message each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn se36_peers_that_stop_reading_are_let_go() {
    let server = impatient_server().await;
    let ballast = ballast(&server, BALLAST_BYTES).await;
    let address = server.address();
    // What a socket has taken is its own copy.
    let memory_max = 2 * CROWD as u64 * BALLAST_BYTES as u64;
    let attack = async {
        let began = Instant::now();
        let asked = join_all((0..CROWD).map(|n| (n, &ballast)).map(|(n, ballast)| async move {
            if n % 2 == 0 {
                let name = format!("deaf {n}");
                let mut socket = Raw::joined(address, &name).await;
                socket.send(&raw::request(&name, ballast)).await.unwrap();
                return socket;
            }
            let mut socket = Raw::open(address, "/api/realtime").await;
            let follow = json!({ "type": "subscribe", "documentId": ballast.to_string() });
            socket.send(&raw::frame(raw::TEXT, true, follow.to_string().as_bytes())).await.unwrap();
            socket
        }));
        let asked = asked.await;
        alive::settled(&server, "dovetail_connections", |now| now <= 3.0).await;
        drop(asked);
        began.elapsed()
    };
    let lasted = alive::during("unread documents", &server, memory_max, attack).await;
    assert!(lasted >= SILENCE && lasted < SILENCE + GOODBYE + LATE_MAX, "{lasted:?}");
}

/// WI71: of a hundred readers one stops reading. The others are told of every edit as before, what waits for the one is
/// bounded, and when it reads again it is up to date after what was in its socket, the one message that waited for that, and one
/// more for all that it missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wi71_one_stuck_reader_of_a_hundred() {
    const READERS: usize = 100;
    const EDITS: usize = 300;
    const SENT: &str = "dovetail_sync_messages_sent_total";
    /// The kernel keeps some 6 MiB more for a stock client that does not read.
    const BALLAST_BYTES: usize = 20 << 20;
    /// What is waiting for the one: one large message in its socket, which takes twice its bytes while it is made, and heads.
    const MEMORY_MAX: u64 = 4 * BALLAST_BYTES as u64;
    // On a slow machine the one is stuck for longer than it may be silent by itself.
    let server = Setup::default().arg("--silence-max").arg("10min").start().await.unwrap();
    let ballast = ballast(&server, BALLAST_BYTES).await;
    let mut pair = Pair::new(&server).await;
    pair.edits(1).await;
    let document = pair.document().clone();

    // The pair reads, too; one of the others will be stuck.
    let mut others = join_all((0..READERS - 3).map(|n| reader(&server, n, &document))).await;
    let mut stuck = reader(&server, READERS, &document).await;
    let as_before = percentile_99(told_to_all(&mut pair, &mut others, EDITS / 10).await);
    stuck.wait_for("the newest", PATIENCE, |stuck| n_of(stuck, &document) == pair.n()).await.unwrap();

    // Nobody edits meanwhile, so one message more is the ballast, on its way into the socket.
    pair.settle().await;
    let sent = figure(&server, SENT).await;
    stuck.open(&ballast).await.unwrap();
    alive::settled(&server, SENT, |now| now > sent).await;
    let sent = figure(&server, SENT).await;
    let resident = resident_bytes(&server);
    let meanwhile = percentile_99(told_to_all(&mut pair, &mut others, EDITS).await);
    let grown = resident_bytes(&server).saturating_sub(resident);
    let sent = figure(&server, SENT).await - sent;
    println!("a stuck reader: p99 {as_before:?}, {meanwhile:?}; {} KiB more, {sent} messages", grown >> 10);
    assert!(meanwhile < alive::SEEN_WITHIN, "{meanwhile:?}");
    assert!(grown <= MEMORY_MAX, "{grown} bytes more");

    // The others and the pair were told of each; for the one who is stuck one message waits.
    assert!(sent <= (99 * EDITS + 1) as f64, "{sent} messages");

    // What was in its socket when it stopped, what waited for the socket, then one message for all that it missed.
    let mut frames = Vec::new();
    while n_of(&stuck, &document) != pair.n() {
        let message = stuck.receive().await.unwrap();
        frames.push(message.text("documentId").unwrap().to_owned());
        stuck.take(message).await.unwrap();
    }
    let ballast_at =
        frames.iter().position(|of| *of == ballast.to_string()).expect("it was waiting in the socket");
    let since = &frames[ballast_at + 1..];
    assert!(since.len() <= 2, "{} messages for {EDITS} edits", since.len());
    assert!(since.iter().all(|of| *of == document.to_string()));
}

/// Edits of the pair, each timed until all the others have seen it.
async fn told_to_all(pair: &mut Pair, others: &mut [Client], edits: usize) -> Vec<Duration> {
    let document = pair.document().clone();
    let mut took = Vec::new();
    for _ in 0..edits {
        let began = Instant::now();
        pair.edits(1).await;
        let wanted = pair.n();
        let seen = others.iter_mut().map(|reader| {
            let document = &document;
            async move {
                let newest = |reader: &Client| n_of(reader, document) == wanted;
                reader.wait_for("the edit", PATIENCE, newest).await.unwrap();
            }
        });
        join_all(seen).await;
        took.push(began.elapsed());
    }
    took
}

async fn reader(server: &Server, n: usize, document: &DocumentId) -> Client {
    let mut reader = Client::connect(&server.ws_url(), &format!("reader {n}"), None).await.unwrap();
    reader.open(document).await.unwrap();
    reader.wait_for("the document", PATIENCE, |reader| n_of(reader, document) > 0).await.unwrap();
    reader
}

fn n_of(client: &Client, document: &DocumentId) -> i64 {
    let value = client.document(document).get(ROOT, "n").unwrap();
    value.and_then(|(value, _)| value.as_i64()).unwrap_or_default()
}

async fn impatient_server() -> Server {
    let times = ["--silence-max", "2s", "--ping-interval", "500ms", "--join-timeout", "2s"];
    times.into_iter().fold(Setup::default(), Setup::arg).start().await.unwrap()
}
