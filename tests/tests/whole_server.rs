//! The real binary, where only the real binary can show it: very large messages, and the end.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use automerge::transaction::Transactable;
use automerge::{ROOT, ReadDoc};
use dovetail_tests::client::{Client, ClientError, new_document_id};
use dovetail_tests::http::Response;
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

const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

/// HT37, HT38, HT39: a browser is shown the app by a server that was built with it, and otherwise what is served; neither needs
/// a token, nor does it make an unknown address known to programs.
#[tokio::test]
async fn ht39_a_browser_is_shown_a_page_by_every_build() {
    let server = Server::start().await.unwrap();
    let page = ask(&server, "GET", "/", &[BROWSER]).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.text().to_lowercase().starts_with("<!doctype html>"), "{}", page.text());
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    let head = ask(&server, "HEAD", "/", &[BROWSER]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-type"), page.header("content-type"));
    assert_eq!(ask(&server, "GET", "/d/none", &[("accept", "application/json")]).await.status, 404);
    assert_eq!(ask(&server, "GET", "/api/none", &[BROWSER]).await.status, 404);
    assert_eq!(ask(&server, "POST", "/d/none", &[BROWSER]).await.status, 404);

    let address_of_the_app = ask(&server, "GET", "/d/none", &[BROWSER]).await;
    if page.text().contains("The dashboard app is not in this build") {
        assert_eq!(address_of_the_app.status, 404);
    } else {
        assert_eq!((address_of_the_app.status, &address_of_the_app.body), (200, &page.body));
        its_files_come_compressed_and_once(&server, &page).await;
    }
}

async fn its_files_come_compressed_and_once(server: &Server, page: &Response) {
    let etag = page.header("etag").unwrap();
    let again = ask(server, "GET", "/", &[BROWSER, ("if-none-match", etag)]).await;
    assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(etag)));
    let text = page.text();
    let scripts = text.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let script = scripts.filter(|path| path.starts_with("/assets/")).last().expect("the page loads a script");
    let plain = ask(server, "GET", script, &[]).await;
    assert_eq!((plain.status, plain.header("content-encoding")), (200, None));
    assert_eq!(plain.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(plain.header("cache-control"), Some("public, max-age=31536000, immutable"));
    // Whoever builds the app by vite alone has no compressed forms.
    for encoding in ["br", "gzip"] {
        let small = ask(server, "GET", script, &[("accept-encoding", encoding)]).await;
        if let Some(sent) = small.header("content-encoding") {
            assert_eq!(sent, encoding);
            assert!(small.body.len() < plain.body.len());
            assert_ne!(small.header("etag"), plain.header("etag"));
        }
    }
}

async fn ask(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    server.request(method, path, headers, b"").await.unwrap()
}
