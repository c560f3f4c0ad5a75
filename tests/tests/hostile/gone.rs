//! Peers that are not there any more, and do not say so.

use crate::alive::{self, figure};
use crate::raw::{self, Raw};
use crate::{LATE_MAX, MIB, PATIENCE};
use dovetail_tests::Server;
use dovetail_tests::live::Setup;
use futures_util::future::join_all;
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
