//! Those who let everybody wait: heads, bodies and joins that do not come.

use crate::alive::{self, figure};
use crate::raw::{self, Raw, frame};
use crate::{LATE_MAX, MIB};
use dovetail_tests::Server;
use dovetail_tests::http;
use dovetail_tests::live::Setup;
use futures_util::future::join_all;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How many do it at once.
const CROWD: usize = 200;

/// What the crowd may cost, 80 KiB each: what is read from a socket is far less.
const MEMORY_MAX: u64 = 16 * MIB;

/// How long they are given.
const GIVEN: Duration = Duration::from_secs(1);

/// How often somebody who sends slowly sends another byte.
const BYTE_EVERY: Duration = Duration::from_millis(50);

async fn server(setting: &str) -> Server {
    Setup::default().arg(setting).arg("1s").start().await.unwrap()
}

/// HT41: heads of requests that come a byte at a time, in part or not at all are not waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ht41_slow_heads_hold_nobody_up() {
    let server = server("--header-timeout").await;
    let attack = join_all((0..CROWD).map(|n| (n, server.address())).map(|(n, address)| async move {
        let began = Instant::now();
        let mut stream = raw::connect(address).await;
        let answer = match n % 3 {
            0 => rest_of(&mut stream).await,
            1 => {
                stream.write_all(b"GET /health HTTP/1.1\r\nhost: ").await.unwrap();
                rest_of(&mut stream).await
            }
            _ => drip(stream, b"GET /health HTTP/1.1\r\nx: ", b'x').await,
        };
        (answer, began.elapsed())
    }));
    for (answer, lasted) in alive::during("slow heads", &server, MEMORY_MAX, attack).await {
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        assert!(lasted >= GIVEN && lasted < GIVEN + LATE_MAX, "{lasted:?}");
    }
}

/// HT42: bodies that come a byte at a time have the time of one body, wherever they wait; each is told `body_timeout`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ht42_slow_bodies_hold_nobody_up() {
    let server = server("--body-timeout").await;
    let head = format!(
        "POST /api/docs HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {MIB}\r\n\r\n{{\"a\":\"",
        server.address()
    );
    let attack = join_all((0..CROWD).map(|_| async {
        let began = Instant::now();
        let answer = drip(raw::connect(server.address()).await, head.as_bytes(), b'x').await;
        (answer, began.elapsed())
    }));
    for (answer, lasted) in alive::during("slow bodies", &server, MEMORY_MAX, attack).await {
        let answer = http::read(&answer).unwrap();
        assert_eq!((answer.status, &answer.json()["code"]), (408, &"body_timeout".into()));
        assert!(lasted >= GIVEN && lasted < GIVEN + LATE_MAX, "{lasted:?}");
    }
    let answered = figure(&server, "dovetail_http_requests_total").await;
    assert!(answered >= CROWD as f64, "{answered} answers");
    let made = server.post("/api/docs", &serde_json::json!({"a": 1})).await.unwrap();
    assert_eq!(made.status, 201, "whoever is quick finds room for their body");
}

/// SE33: who does not join is closed in time, however lively they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn se33_who_never_joins_is_closed_in_time() {
    let server = server("--join-timeout").await;
    let attack = join_all((0..CROWD).map(|n| (n, server.address())).map(|(n, address)| async move {
        let mut socket = Raw::open(address, "/sync").await;
        let began = Instant::now();
        // Half of them ping all the time, which is life, and no join.
        let every = if n % 2 == 0 { BYTE_EVERY } else { crate::PATIENCE };
        let ending = socket.told_while_saying(&frame(raw::PING, true, b"here"), every).await;
        socket.closed().await;
        (ending, began.elapsed())
    }));
    for (ending, lasted) in alive::during("no joins", &server, MEMORY_MAX, attack).await {
        assert!(ending.is("join_deadline", 1002), "{ending:?}");
        assert!(lasted < GIVEN + LATE_MAX, "{lasted:?}");
    }
}

/// Sends this and then a byte at a time until the server has had enough; what it answered.
async fn drip(mut stream: TcpStream, first: &[u8], byte: u8) -> Vec<u8> {
    stream.write_all(first).await.unwrap();
    let (mut read, mut write) = stream.split();
    let dripping = async {
        while write.write_all(&[byte]).await.is_ok() {
            sleep(BYTE_EVERY).await;
        }
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    tokio::select! {
        // A connection that is reset has ended, too.
        _ended = timeout(crate::PATIENCE, read.read_to_end(&mut answer)) => {}
        () = dripping => {}
    }
    answer
}

/// All that comes until the server closes.
async fn rest_of(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let _reset = timeout(crate::PATIENCE, stream.read_to_end(&mut answer)).await.expect("it is closed");
    answer
}
