//! The Rust client against the real server: sockets, disks, restarts, and the ends that networks come to.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use dovetail_client::status::{Connection, DocumentStatus, Way};
use dovetail_client::{
    Client, Dashboard, Document, DocumentId, Edit, Json, Layout, OpenError, StartError, StoreError, Widget,
    WidgetId, Windows,
};
use dovetail_tests::{Server, Setup};
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;

/// However busy the machine is, what is waited for comes within this.
const WITHIN: Duration = Duration::from_secs(60);

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

async fn within<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    timeout(WITHIN, waiting).await.unwrap_or_else(|_| panic!("{what} does not come about"))
}

fn impatient() -> Windows {
    Windows { first: Duration::from_millis(20), most: Duration::from_millis(200) }
}

async fn client(url: &str) -> Client {
    Client::builder(url).retry(impatient()).connect().await.unwrap()
}

async fn device(url: &str, dir: &Path) -> Client {
    Client::builder(url).retry(impatient()).store(dir).connect().await.unwrap()
}

fn title(title: &str) -> Edit {
    Edit::SetTitle { title: title.to_owned() }
}

fn title_of(board: &Document<Dashboard>) -> String {
    board.get().unwrap().title.clone()
}

async fn until_title(board: &Document<Dashboard>, expected: &str) {
    let mut changes = board.changes();
    let waiting = changes.wait_for(|_| title_of(board) == expected);
    within(expected, waiting).await.unwrap();
}

async fn until(board: &Document<Dashboard>, what: &str, is_so: impl FnMut(&DocumentStatus) -> bool) {
    within(what, board.status().wait_for(is_so)).await.unwrap();
}

async fn until_online(client: &Client) {
    let mut connection = client.connection();
    within("a connection", connection.wait_for(|now| now.connection == Connection::Online)).await.unwrap();
}

/// RC60: a dashboard is made and edited without asking anybody, is saved as soon as there is a server, and others see it as it changes.
#[tokio::test]
async fn rc60_two_clients_edit_one_dashboard() {
    let server = Server::start().await.unwrap();
    let (one, two) = (client(&server.url()).await, client(&server.url()).await);
    let board = one.create_dashboard("Hosts").await.unwrap();
    within("all is saved", board.saved()).await.unwrap();
    let theirs = two.open::<Dashboard>(board.id()).await.unwrap();
    assert_eq!(title_of(&theirs), "Hosts");
    board.edit(title("Hosts in Berlin")).await.unwrap();
    until_title(&theirs, "Hosts in Berlin").await;
    theirs.edit(title("Hosts in Bern")).await.unwrap();
    until_title(&board, "Hosts in Bern").await;
    until(&theirs, "saved", DocumentStatus::is_saved).await;
    let listed = one.list().await.unwrap();
    assert!(listed.iter().any(|listed| listed.id == board.id().to_string()), "{listed:?}");
}

/// RC61: what was edited without a server is there at the next start, is sent though nobody opens it, and counts as pending until then.
#[tokio::test]
async fn rc61_edits_without_a_server_outlast_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let offline = device(NOWHERE, folder.path()).await;
    let board = offline.create_dashboard("Kiosk").await.unwrap();
    let id = board.id().clone();
    board.edit(title("Kiosk 7")).await.unwrap();
    assert!(!board.status().borrow().is_saved());
    drop(board);
    offline.close().await;

    let again = device(NOWHERE, folder.path()).await;
    let board = again.open::<Dashboard>(&id).await.unwrap();
    assert_eq!(title_of(&board), "Kiosk 7");
    assert!(!board.pending().is_empty());
    drop(board);
    again.close().await;

    let server = Server::start().await.unwrap();
    let online = device(&server.url(), folder.path()).await;
    let reader = client(&server.url()).await;
    // Nobody opens it on the device.
    let seen = within("the other end has it", async {
        loop {
            match reader.open::<Dashboard>(&id).await {
                Ok(board) => return board,
                Err(OpenError::NotFound { .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    });
    until_title(&seen.await, "Kiosk 7").await;
    online.close().await;
}

/// RC62: edits of a burst are all in the document, become few changes, and cost no more the more wait.
#[tokio::test]
async fn rc62_ten_thousand_edits_wait() {
    let folder = tempfile::tempdir().unwrap();
    let client = device(NOWHERE, folder.path()).await;
    let board = client.create_dashboard("Many").await.unwrap();
    let kept: Vec<_> = (0..10_000).map(|n| board.edit(title(&format!("Title {n}")))).collect();
    assert_eq!(title_of(&board), "Title 9999");
    for one in kept {
        one.await.unwrap();
    }
    let pending = board.pending();
    assert!(pending.len() > 1 && pending.len() < 10_000, "{}", pending.len());
    until(&board, "all are counted", |status| status.pending == pending.len()).await;
}

/// RC63: a server that is killed and comes back is connected to again, and what was edited meanwhile is saved.
#[tokio::test]
async fn rc63_a_server_that_comes_back_is_connected_to() {
    let mut server = Server::start().await.unwrap();
    let client = client(&server.url()).await;
    let board = client.create_dashboard("Before").await.unwrap();
    within("all is saved", board.saved()).await.unwrap();
    server.kill().await.unwrap();
    let mut connection = client.connection();
    within("offline", connection.wait_for(|now| matches!(now.connection, Connection::Offline { .. })))
        .await
        .unwrap();
    board.edit(title("Meanwhile")).await.unwrap();
    until(&board, "something waits", |status| status.pending > 0).await;
    server.restart().await.unwrap();
    within("all is saved", board.saved()).await.unwrap();
    let shown = server.get(&format!("/api/docs/{}", board.id())).await.unwrap().json();
    assert_eq!(shown["title"], "Meanwhile");
}

/// RC64: where no WebSocket is to be used, requests do the same.
#[tokio::test]
async fn rc64_requests_do_the_same() {
    let server = Server::start().await.unwrap();
    let plain = Client::builder(server.url()).requests_only().connect().await.unwrap();
    let other = client(&server.url()).await;
    let board = plain.create_dashboard("Plain").await.unwrap();
    within("all is saved", board.saved()).await.unwrap();
    assert_eq!(plain.connection().borrow().way, Some(Way::Requests));
    let theirs = other.open::<Dashboard>(board.id()).await.unwrap();
    theirs.edit(title("Back")).await.unwrap();
    until_title(&board, "Back").await;
}

/// RC10: one process has a directory; the next is told so, and which.
#[tokio::test]
async fn rc65_one_process_has_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let first = device(NOWHERE, folder.path()).await;
    match Client::builder(NOWHERE).store(folder.path()).connect().await {
        Err(StartError::Store(StoreError::InUse { dir })) => assert_eq!(dir, folder.path()),
        other => panic!("{other:?}"),
    }
    first.close().await;
    device(NOWHERE, folder.path()).await.close().await;
}

/// RC66: two move widgets onto the same place while they are apart: both see the same conflict, and settle it without a connection.
#[tokio::test]
async fn rc66_conflicts_show_and_are_settled_without_a_connection() {
    let client = client(NOWHERE).await;
    let board = client.create_dashboard("Places").await.unwrap();
    let widget = |id: &str| {
        let mut widget = Widget::new("note", id);
        widget.layout = Layout { x: 0, y: 0, w: 4, h: 4 };
        Edit::CreateWidget { id: id.parse::<WidgetId>().unwrap(), widget: Box::new(widget) }
    };
    board.batch("Two on one place", &[widget("a"), widget("b")]).await.unwrap();
    until(&board, "a conflict", |status| !status.conflicts.is_empty()).await;
    let conflict = board.status().borrow().conflicts[0].clone();
    let proposal = conflict.proposals[0].name;
    board.settle(&conflict.id, proposal).await.unwrap();
    until(&board, "no conflict", |status| status.conflicts.iter().all(|known| known.id != conflict.id)).await;
    let labels: Vec<_> = board.pending().into_iter().filter_map(|pending| pending.label).collect();
    assert!(labels.iter().any(|label| label == "Two on one place"), "{labels:?}");
}

/// RC67: a document that the server does not have, one of another kind, and one that cannot be had are told apart.
#[tokio::test]
async fn rc67_what_cannot_be_opened_is_told() {
    let server = Server::start().await.unwrap();
    let client = client(&server.url()).await;
    let nobodys = DocumentId::from_bytes(&[9; 16]).unwrap();
    let unknown = within("an answer", client.open::<Dashboard>(&nobodys)).await;
    assert!(matches!(unknown, Err(OpenError::NotFound { .. })), "{unknown:?}");
    let made = server.post("/api/docs", &serde_json::json!({ "n": 1 })).await.unwrap().json();
    let id: DocumentId = made["id"].as_str().unwrap().parse().unwrap();
    let other = within("an answer", client.open::<Dashboard>(&id)).await;
    assert!(matches!(other, Err(OpenError::Other { .. })), "{other:?}");
    let json = client.open::<Json>(&id).await.unwrap();
    assert_eq!(json.get().unwrap().0["n"], 1);
    let alone = Client::builder(NOWHERE).open_within(Duration::from_millis(50)).connect().await.unwrap();
    let nowhere = alone.open::<Dashboard>(&id).await;
    assert!(matches!(nowhere, Err(OpenError::NotHere { .. })), "{nowhere:?}");
    until_online(&client).await;
    let _ = Setup::default();
}
