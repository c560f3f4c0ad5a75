//! The real binary, where only the real binary can show it: very large messages, and the end.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use automerge::transaction::Transactable;
use automerge::{ROOT, ReadDoc};
use dovetail_tests::client::{Client, ClientError, new_document_id};
use dovetail_tests::live::Server;
use std::time::Duration;

/// Generous: the machine may be busy, and a failure ends the wait early anyway.
const PATIENCE: Duration = Duration::from_secs(120);

/// Bytes that do not compress, so that they are as many on the wire.
fn noise(count: usize) -> Vec<u8> {
    let mut drawn = 1u32;
    let next = || {
        drawn = drawn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        drawn.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// IN28: the first sync of a document of 20 MiB is one message, up and down, and it is there after a kill.
#[tokio::test]
async fn in28_a_document_of_20_mib_syncs_in_one_message() {
    const BYTES: usize = 20 << 20;
    let mut server = Server::start().await.unwrap();
    let document = new_document_id();
    let mut ana = Client::connect(&server.ws_url(), "ana", None).await.unwrap();
    ana.open(&document).await.unwrap();
    ana.edit(&document, |tx| tx.put(ROOT, "noise", noise(BYTES))).await.unwrap();
    ana.settle(&document, PATIENCE).await.unwrap();

    server.kill().await.unwrap();
    server.restart().await.unwrap();
    let mut bo = Client::connect(&server.ws_url(), "bo", None).await.unwrap();
    bo.open(&document).await.unwrap();
    bo.settle(&document, PATIENCE).await.unwrap();
    let (value, _) = bo.document(&document).get(ROOT, "noise").unwrap().unwrap();
    assert_eq!(value.as_bytes().map(<[u8]>::len), Some(BYTES));
}

/// SE16: a message that is too large is not read to its end, and its sender is told why.
#[tokio::test]
async fn se16_a_message_that_is_too_large_ends_the_session() {
    const BYTES: usize = 65 << 20;
    let server = Server::start().await.unwrap();
    let document = new_document_id();
    let mut ana = Client::connect(&server.ws_url(), "ana", None).await.unwrap();
    ana.open(&document).await.unwrap();
    // The socket may be closed before all of it was sent.
    let _late = ana.edit(&document, |tx| tx.put(ROOT, "noise", noise(BYTES))).await;
    let told = ana.wait_for("the reason", PATIENCE, |_| false).await;
    let Err(ClientError::Refused(words)) = told else { panic!("{told:?}") };
    assert!(words.starts_with("message_too_large"), "{words}");
    let closed = ana.wait_for("the close", PATIENCE, |_| false).await;
    let Err(ClientError::Closed(Some(frame))) = closed else { panic!("{closed:?}") };
    assert_eq!(u16::from(frame.code), 1009);
}

/// SE15, OP9: SIGTERM closes sockets with 1012, what was brought is on the disk, and the process ends
/// with 0 within ten seconds.
#[tokio::test]
async fn se15_a_server_that_stops_says_so_and_keeps_everything() {
    let mut server = Server::start().await.unwrap();
    let document = new_document_id();
    let mut ana = Client::connect(&server.ws_url(), "ana", None).await.unwrap();
    ana.open(&document).await.unwrap();
    ana.edit(&document, |tx| tx.put(ROOT, "title", "kept")).await.unwrap();
    ana.settle(&document, PATIENCE).await.unwrap();

    let (ended, closed) = tokio::join!(server.terminate(), ana.wait_for("the close", PATIENCE, |_| false));
    let ended = ended.unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert!(ended.after < Duration::from_secs(10), "{ended:?}");
    let Err(ClientError::Closed(Some(frame))) = closed else { panic!("{closed:?}") };
    assert_eq!(u16::from(frame.code), 1012);

    server.restart().await.unwrap();
    let mut bo = Client::connect(&server.ws_url(), "bo", None).await.unwrap();
    bo.open(&document).await.unwrap();
    bo.settle(&document, PATIENCE).await.unwrap();
    assert!(bo.document(&document).get(ROOT, "title").unwrap().is_some());
}
