//! The Rust client against the real server: sockets, disks, restarts, and the ends that networks come to.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use autosurgeon::{Hydrate, Reconcile};
use dovetail_client::automerge::transaction::Transactable;
use dovetail_client::automerge::{Automerge, AutomergeError, ROOT, ReadDoc};
use dovetail_client::machine::replica::EditError as NotTaken;
use dovetail_client::status::{Connection, ConnectionStatus, DocumentStatus, Role, Way};
use dovetail_client::{
    ApiError, ChangeError, Client, Dashboard, Document, DocumentId, Edit, EditError, Json, Layout, OpenError,
    Peer, SaveError, StartError, StoreError, StoreKey, StoreLimits, Widget, WidgetId, Windows,
};
use dovetail_tests::gate::Gate;
use dovetail_tests::lossy::Lossy;
use dovetail_tests::{Server, Setup, binary};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
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
    within(expected, board.changes().wait_for(|_| title_of(board) == expected)).await.unwrap();
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

/// RC76: whoever looks at what is watched may ask for anything meanwhile, as the closure of `wait_for` does, however much happens.
#[tokio::test]
async fn rc76_a_document_is_read_while_it_is_watched() {
    let client = client(NOWHERE).await;
    let board = client.create_dashboard("Watched").await.unwrap();
    let (reads, status) = (board.clone(), board.status());
    let (done, is_done) = std::sync::mpsc::channel();
    let runtime = tokio::runtime::Handle::current();
    // Threads of their own: where both wait for each other, the test can say so.
    std::thread::spawn(move || {
        let (mut changes, mut status) = (reads.changes(), status);
        let seen = runtime.block_on(changes.wait_for(|_| title_of(&reads) == "Title 1999")).is_ok();
        let counted = runtime.block_on(status.wait_for(|now| now.pending == reads.pending().len())).is_ok();
        let _ = done.send(seen && counted);
    });
    std::thread::spawn(move || (0..2_000).for_each(|n| drop(board.edit(title(&format!("Title {n}"))))));
    let outcome = tokio::task::spawn_blocking(move || is_done.recv_timeout(WITHIN)).await.unwrap();
    assert_eq!(outcome, Ok(true));
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
    let mut connection = plain.connection();
    within("requests", connection.wait_for(|now| now.way == Some(Way::Requests))).await.unwrap();
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

/// RC79: a device fetches the rules that are in force at its server, judges by them with the same ids, also without a connection, and by others
/// once those are in force.
#[tokio::test]
async fn rc79_a_device_has_the_rules_of_its_server() {
    let server = Server::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    rules(&server, 0, 1).await;
    let online = device(&server.url(), folder.path()).await;
    let board = online.create_dashboard("Few").await.unwrap();
    let two = ["a", "b"].map(|id| {
        let mut widget = Widget::new("note", id);
        widget.layout = Layout { x: if id == "a" { 0 } else { 6 }, y: 0, w: 4, h: 4 };
        Edit::CreateWidget { id: id.parse().unwrap(), widget: Box::new(widget) }
    });
    board.batch("Two", &two).await.unwrap();
    until(&board, "a conflict", |status| status.conflicts.iter().any(|known| known.rule == "few")).await;
    within("all is saved", board.saved()).await.unwrap();
    let here: Vec<_> = board.status().borrow().conflicts.iter().map(|known| known.id.to_string()).collect();
    let there = server.get(&format!("/api/docs/{}/conflicts", board.id())).await.unwrap().json();
    let there: Vec<_> =
        there["conflicts"].as_array().unwrap().iter().map(|known| known["id"].as_str().unwrap()).collect();
    assert_eq!(here, there);
    let id = board.id().clone();
    drop(board);
    online.close().await;

    let offline = device(NOWHERE, folder.path()).await;
    let board = offline.open::<Dashboard>(&id).await.unwrap();
    until(&board, "the same conflict", |status| status.conflicts.iter().any(|known| *known.id == here[0]))
        .await;
    drop(board);
    offline.close().await;

    rules(&server, 1, 5).await;
    let online = device(&server.url(), folder.path()).await;
    let board = online.open::<Dashboard>(&id).await.unwrap();
    until(&board, "no conflict", |status| status.conflicts.is_empty()).await;
}

/// So many widgets a dashboard may have from now on.
async fn rules(server: &Server, version: u64, most: u64) {
    let few = json!({ "id": "few", "predicate": "max_items", "over": "widgets", "limit": most, "message": "too many" });
    let body = json!({ "kind": "dashboard", "rule": [few] }).to_string();
    let version = format!("\"{version}\"");
    let headers = [("content-type", "application/json"), ("if-match", version.as_str())];
    let answer = server.request("PUT", "/api/rules/dashboard", &headers, body.as_bytes()).await.unwrap();
    assert!((200..300).contains(&answer.status), "{answer:?}");
}

/// Text that nothing makes shorter, for documents of known size.
fn noise(bytes: usize) -> String {
    let mut text: String = (0..=bytes / 32).map(|_| uuid::Uuid::new_v4().simple().to_string()).collect();
    text.truncate(bytes);
    text
}

async fn noisy(client: &Client, bytes: usize) -> Result<Document<Json>, EditError> {
    let made = client.create(|tx| tx.put(ROOT, "text", noise(bytes))).await;
    made.map_err(|error| match error {
        ChangeError::Edit(error) => error,
        ChangeError::GivenUp(error) => panic!("{error}"),
    })
}

fn roomy(bytes_max: u64) -> StoreLimits {
    StoreLimits { bytes_max, ..StoreLimits::default() }
}

/// RC77: a device whose documents take four fifths of what they may is told so; at the wall nothing more is edited, and what there is stays.
#[tokio::test]
async fn rc77_a_device_that_is_full() {
    let builder = Client::builder(NOWHERE).store_limits(roomy(100_000));
    let client = builder.connect().await.unwrap();
    let storage = client.storage();
    let mut boards = Vec::new();
    let refused = loop {
        let is_nearly_full = storage.borrow().is_nearly_full;
        match noisy(&client, 10_000).await {
            Ok(board) => boards.push(board),
            Err(error) => break (is_nearly_full, error),
        }
        within("it is counted", storage.clone().wait_for(|now| now.documents == boards.len())).await.unwrap();
    };
    let full = |error: &EditError| {
        matches!(error, EditError::NotTaken(NotTaken::StoreFull { bytes: 100_000.., bytes_max: 100_000 }))
    };
    assert!(refused.0 && full(&refused.1), "{refused:?}");
    let edited = boards[0].change(|tx| tx.put(ROOT, "more", 1)).await;
    assert!(matches!(&edited, Err(ChangeError::Edit(error)) if full(error)), "{edited:?}");
    assert!((9..=25).contains(&boards.len()), "{} documents", boards.len());
    assert!(boards.iter().all(|board| board.get().unwrap().0["text"].as_str().unwrap().len() == 10_000));
}

/// RC78: where there is little room, what is saved and was not opened for longest leaves the device, and comes again from the server; what
/// is not saved, and what is open, stays.
#[tokio::test]
async fn rc78_what_is_saved_leaves_for_what_is_new() {
    let server = Server::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let builder =
        |url: &str| Client::builder(url).retry(impatient()).store(folder.path()).store_limits(roomy(110_000));
    let client = builder(&server.url()).connect().await.unwrap();
    let (mut open, mut storage) = (Vec::new(), client.storage());
    for _ in 0..5 {
        let board = noisy(&client, 20_000).await.unwrap();
        within("all is saved", board.saved()).await.unwrap();
        open.push(board);
    }
    let ids: Vec<DocumentId> = open.iter().map(|board| board.id().clone()).collect();
    let full = storage.wait_for(|now| now.is_nearly_full && now.documents == 5);
    within("what is open stays", full).await.unwrap();
    open.truncate(1);
    within("one leaves", storage.wait_for(|now| !now.is_nearly_full && now.documents < 5)).await.unwrap();
    drop(open);
    client.close().await;

    let mut offline = builder(NOWHERE).open_within(Duration::from_millis(300)).connect().await.unwrap();
    let there = |client: Client, ids: Vec<DocumentId>| async move {
        let mut there = Vec::new();
        for id in &ids {
            there.push(client.open::<Json>(id).await.is_ok());
        }
        (client, there)
    };
    let is_there;
    (offline, is_there) = there(offline, ids.clone()).await;
    // Which one it is depends on the millisecond in which each was closed.
    assert!(is_there[0] && is_there.contains(&false), "{is_there:?}");
    offline.close().await;

    let again = builder(&server.url()).store_limits(StoreLimits::default()).connect().await.unwrap();
    let (_again, is_there) = there(again, ids).await;
    assert_eq!(is_there, [true; 5]);
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
}

/// RC64: where a proxy lets no WebSocket through, requests are used, and a WebSocket again as soon as one gets through; nothing is lost.
#[tokio::test]
async fn rc64_requests_where_no_web_socket_gets_through() {
    let server = Server::start().await.unwrap();
    let gate = Gate::before(server.address()).await.unwrap();
    let again = Duration::from_millis(50);
    let behind =
        Client::builder(gate.url()).retry(impatient()).web_socket_again(again).connect().await.unwrap();
    let other = client(&server.url()).await;
    let board = behind.create_dashboard("Behind").await.unwrap();
    within("all is saved", board.saved()).await.unwrap();
    let mut connection = behind.connection();
    within("requests", connection.wait_for(|now| now.way == Some(Way::Requests))).await.unwrap();
    let theirs = other.open::<Dashboard>(board.id()).await.unwrap();
    gate.open();
    within("a WebSocket", connection.wait_for(|now| now.way == Some(Way::WebSocket))).await.unwrap();
    theirs.edit(title("Seen")).await.unwrap();
    until_title(&board, "Seen").await;
    board.edit(title("Said")).await.unwrap();
    until_title(&theirs, "Said").await;
}

/// RC64: requests that get lost, come twice or are answered in part lose nothing.
#[tokio::test]
async fn rc64_requests_on_a_bad_way_lose_nothing() {
    let server = Server::start().await.unwrap();
    let lossy = Lossy::before(server.address(), 7).await.unwrap();
    let plain = Client::builder(lossy.url()).retry(impatient()).requests_only().connect().await.unwrap();
    let other = client(&server.url()).await;
    let board = plain.create_dashboard("Bad way").await.unwrap();
    within("all is saved", board.saved()).await.unwrap();
    let theirs = within("the other end has it", other.open::<Dashboard>(board.id())).await.unwrap();
    for n in 0..20 {
        board.edit(title(&format!("From here {n}"))).await.unwrap();
        until_title(&theirs, &format!("From here {n}")).await;
        theirs.edit(title(&format!("From there {n}"))).await.unwrap();
        until_title(&board, &format!("From there {n}")).await;
    }
}

// Rights.

/// A server that asks for tokens, and signs them here.
struct Guarded {
    server: Server,
    folder: tempfile::TempDir,
}

impl Guarded {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "a secret of thirty-two bytes, or of some more").unwrap();
        let server = settings(Setup::default(), &secret).start().await.unwrap();
        Self { server, folder }
    }

    fn token(&self, subject: &str, expires: &str) -> String {
        let secret = self.folder.path().join("secret");
        let made = std::process::Command::new(binary().unwrap())
            .args(["token", "--subject", subject, "--expires", expires])
            .env("DOVETAIL_JWT_SECRET_FILE", secret)
            .env("DOVETAIL_JWT_AUDIENCE", "dovetail")
            .env("DOVETAIL_JWT_ISSUER", "trial")
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    }

    async fn client_of(&self, subject: &str) -> Client {
        let builder = Client::builder(self.server.url()).retry(impatient());
        builder.token(self.token(subject, "1h")).connect().await.unwrap()
    }

    /// Ana says who may do what with a document of hers.
    async fn grants(&self, id: &DocumentId, grants: Value) {
        let body = json!({ "owner": "ana", "grants": grants }).to_string();
        let authorization = format!("Bearer {}", self.token("ana", "1h"));
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        let path = format!("/api/docs/{id}/access");
        let answer = self.server.request("PUT", &path, &headers, body.as_bytes()).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

fn settings(setup: Setup, secret: &Path) -> Setup {
    setup
        .env("DOVETAIL_JWT_SECRET_FILE", secret.to_str().unwrap())
        .env("DOVETAIL_JWT_AUDIENCE", "dovetail")
        .env("DOVETAIL_JWT_ISSUER", "trial")
}

/// RC68: a token that the server does not take is told as that, no other is tried until somebody says so, and what waits is kept.
#[tokio::test]
async fn rc68_a_refused_token_is_told() {
    let guarded = Guarded::start().await;
    let builder = Client::builder(guarded.server.url()).retry(impatient());
    let stranger = builder.token("no.real.token").connect().await.unwrap();
    let mut connection = stranger.connection();
    let refused = connection.wait_for(|now| matches!(now.connection, Connection::Refused { .. }));
    within("a refusal", refused).await.unwrap();
    let board = stranger.create_dashboard("Mine alone").await.unwrap();
    let saved = within("an answer", board.saved()).await;
    assert!(matches!(saved, Err(SaveError::Refused { pending: 1.., .. })), "{saved:?}");
    let nobodys = DocumentId::from_bytes(&[8; 16]).unwrap();
    let unknown = within("an answer", stranger.open::<Dashboard>(&nobodys)).await;
    assert!(matches!(unknown, Err(OpenError::Refused { .. })), "{unknown:?}");
}

/// RC68: a token that is asked for is asked for before each connection, and again before it ends, so that the connection goes on.
#[tokio::test]
async fn rc68_tokens_are_renewed_in_place() {
    let guarded = Arc::new(Guarded::start().await);
    let asked = Arc::new(AtomicUsize::new(0));
    let (of, count) = (Arc::clone(&guarded), Arc::clone(&asked));
    let ask = move || {
        let nth = count.fetch_add(1, Ordering::Relaxed);
        let token = of.token("ana", if nth == 0 { "3s" } else { "1h" });
        async move { Ok(token) }
    };
    let ana =
        Client::builder(guarded.server.url()).retry(impatient()).token_from(ask).connect().await.unwrap();
    let mut connection = ana.connection();
    until_online(&ana).await;
    let board = ana.create_dashboard("Goes on").await.unwrap();
    within("all is saved", board.saved()).await.unwrap();
    within("another token", async {
        while asked.load(Ordering::Relaxed) < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    board.edit(title("Went on")).await.unwrap();
    within("all is saved", board.saved()).await.unwrap();
    assert_eq!(connection.borrow_and_update().connection, Connection::Online);
    assert_eq!(connection.borrow().subject.as_deref(), Some("ana"));
}

/// RC69: what a server refuses is taken out of the document, told with its reason, and may be applied again once one has the right to it.
#[tokio::test]
async fn rc69_a_refused_change_is_taken_out_and_told() {
    let guarded = Guarded::start().await;
    let (ana, bo) = (guarded.client_of("ana").await, guarded.client_of("bo").await);
    let board = ana.create_dashboard("Ana's").await.unwrap();
    within("all is saved", board.saved()).await.unwrap();
    guarded.grants(board.id(), json!([{ "user": "bo", "role": "write", "paths": ["/description"] }])).await;
    let theirs = within("an answer", bo.open::<Dashboard>(board.id())).await.unwrap();
    theirs.edit(title("Bo's")).await.unwrap();
    let description = Edit::SetDescription { description: "Of Bo".to_owned() };
    theirs.edit(description).await.unwrap();
    until(&theirs, "a refusal", |status| !status.refused.is_empty()).await;
    within("all is saved", theirs.saved()).await.unwrap();
    let now = theirs.get().unwrap();
    assert_eq!((now.title.as_str(), now.description.as_str()), ("Ana's", "Of Bo"));
    let refused = theirs.status().borrow().refused[0].clone();
    assert!(!refused.code.is_empty() && refused.patch.is_some(), "{refused:?}");

    guarded.grants(board.id(), json!([{ "user": "bo", "role": "write" }])).await;
    until(&theirs, "the right", |status| status.role == Some(Role::Write)).await;
    theirs.apply_again(&refused.hash).await.unwrap();
    within("all is saved", theirs.saved()).await.unwrap();
    until_title(&board, "Bo's").await;
    until(&theirs, "nothing refused", |status| status.refused.is_empty()).await;
}

/// RC69: when the right is gone, edits stop with words, and what is here can be exported.
#[tokio::test]
async fn rc69_a_right_that_is_gone_stops_edits() {
    let guarded = Guarded::start().await;
    let (ana, bo) = (guarded.client_of("ana").await, guarded.client_of("bo").await);
    let board = ana.create_dashboard("Ana's").await.unwrap();
    within("all is saved", board.saved()).await.unwrap();
    guarded.grants(board.id(), json!([{ "user": "bo", "role": "read" }])).await;
    let theirs = within("an answer", bo.open::<Dashboard>(board.id())).await.unwrap();
    until(&theirs, "a role", |status| status.role == Some(Role::Read)).await;
    let edited = theirs.edit(title("Bo's")).await;
    assert!(matches!(edited, Err(EditError::NotTaken(_))), "{edited:?}");
    guarded.grants(board.id(), json!([])).await;
    until(&theirs, "no role", |status| status.role == Some(Role::None)).await;
    assert!(theirs.edit(title("Bo's")).await.unwrap_err().to_string().contains("exported"));
    let exported = Automerge::load(&theirs.export().unwrap()).unwrap();
    let (exported, _) = exported.get(ROOT, "title").unwrap().unwrap();
    assert_eq!(exported.into_string().unwrap(), "Ana's");
}

/// RC70: others see where one is, see it move, and see one go.
#[tokio::test]
async fn rc70_presence() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Place {
        widget: String,
    }
    let server = Server::start().await.unwrap();
    let (one, two) = (client(&server.url()).await, client(&server.url()).await);
    let board = one.create_dashboard("Here").await.unwrap();
    within("all is saved", board.saved()).await.unwrap();
    let theirs = two.open::<Dashboard>(board.id()).await.unwrap();
    let (here, there) = (board.presence::<Place>("One"), theirs.presence::<Place>("Two"));
    here.set(Place { widget: "cpu".to_owned() });
    there.set(Place { widget: "ram".to_owned() });
    let (mut seen_here, mut seen_there) = (here.peers(), there.peers());
    let is_at = |peers: &Vec<Peer<Place>>, name: &str, widget: &str| {
        peers.iter().any(|peer| peer.name == name && peer.state.widget == widget)
    };
    within("two is seen", seen_here.wait_for(|peers| is_at(peers, "Two", "ram"))).await.unwrap();
    within("one is seen", seen_there.wait_for(|peers| is_at(peers, "One", "cpu"))).await.unwrap();
    here.set(Place { widget: "disk".to_owned() });
    within("it moves", seen_there.wait_for(|peers| is_at(peers, "One", "disk"))).await.unwrap();
    let mut said = theirs.messages();
    assert!(board.broadcast(&json!({ "flash": "cpu" })));
    assert_eq!(within("a message", said.next()).await, Some(json!({ "flash": "cpu" })));
    drop(here);
    within("one is gone", seen_there.wait_for(Vec::is_empty)).await.unwrap();
}

/// RC71: whatever answers in the place of a server, it is told as that, and nothing is lost by it.
#[tokio::test]
async fn rc71_nonsense_is_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answering = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>")
                .await;
        }
    });
    let client = client(&url).await;
    let mut connection = client.connection();
    let offline = |now: &ConnectionStatus| matches!(&now.connection, Connection::Offline { reason, .. } if reason.contains("200"));
    within("an answer", connection.wait_for(offline)).await.unwrap();
    let board = client.create_dashboard("Kept here").await.unwrap();
    assert_eq!(title_of(&board), "Kept here");
    assert!(matches!(client.list().await, Err(ApiError::Odd { .. })));
    answering.abort();
    let no_url = Client::builder("not a url").connect().await;
    assert!(matches!(no_url, Err(StartError::BadUrl(_))));
}

/// RC72: a store that is damaged is moved aside and told; what can be read of it goes on, what the server has comes from there.
#[tokio::test]
async fn rc72_a_damaged_store_is_moved_aside() {
    let server = Server::start().await.unwrap();
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("store");
    let first = device(&server.url(), &dir).await;
    let board = first.create_dashboard("On the server").await.unwrap();
    within("all is saved", board.saved()).await.unwrap();
    let id = board.id().clone();
    drop(board);
    first.close().await;
    std::fs::remove_file(dir.join("dovetail.tally")).unwrap();

    let second = device(&server.url(), &dir).await;
    let moved = second.moved_aside().expect("it is damaged").clone();
    assert!(moved.to.join("db").exists(), "{moved:?}");
    assert_eq!((moved.documents, moved.unread), (1, 0));
    let board = within("it is there", second.open::<Dashboard>(&id)).await.unwrap();
    assert_eq!(title_of(&board), "On the server");
    drop(board);
    second.close().await;

    std::fs::write(dir.join("db"), b"nothing that anybody could read").unwrap();
    let third = device(&server.url(), &dir).await;
    assert_eq!(third.moved_aside().expect("it is damaged").documents, 0);
    let board = within("it comes from the server", third.open::<Dashboard>(&id)).await.unwrap();
    assert_eq!(title_of(&board), "On the server");
    third.close().await;
}

/// RC73: a store under a key is opened with that key alone.
#[tokio::test]
async fn rc73_a_store_under_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let with = |key: Option<u8>| {
        let builder = Client::builder(NOWHERE).store(folder.path());
        match key {
            Some(byte) => builder.store_key(StoreKey::from_bytes([byte; 32])),
            None => builder,
        }
    };
    let client = with(Some(1)).connect().await.unwrap();
    let board = client.create_dashboard("Under a key").await.unwrap();
    let id = board.id().clone();
    drop(board);
    client.close().await;
    let refused = |key| async move { with(key).connect().await.map(|_| ()).unwrap_err() };
    assert!(matches!(refused(None).await, StartError::Store(StoreError::KeyNeeded)));
    assert!(matches!(refused(Some(2)).await, StartError::Store(StoreError::WrongKey)));
    let client = with(Some(1)).connect().await.unwrap();
    assert_eq!(title_of(&client.open::<Dashboard>(&id).await.unwrap()), "Under a key");
    client.close().await;
}

/// RC74: an app's own types are read and written as they are.
#[tokio::test]
async fn rc74_own_types() {
    let server = Server::start().await.unwrap();
    let (one, two) = (client(&server.url()).await, client(&server.url()).await);
    let list = one.create_from(&Shopping { what: vec!["milk".to_owned()] }).await.unwrap();
    within("all is saved", list.saved()).await.unwrap();
    let theirs = two.open::<Shopping>(list.id()).await.unwrap();
    theirs.update(|list| list.what.push("bread".to_owned())).await.unwrap();
    let mut changes = list.changes();
    within("bread", async {
        while list.get().unwrap().what.len() < 2 {
            changes.changed().await.unwrap();
        }
    })
    .await;
    assert_eq!(list.get().unwrap().what, ["milk", "bread"]);
}

#[derive(Debug, Hydrate, Reconcile)]
struct Shopping {
    what: Vec<String>,
}

// Killed.

/// Where the one that is killed is told what to do.
const KILLED: &str = "DOVETAIL_TEST_KILLED";

/// So often it is killed.
const ROUNDS: usize = 50;

/// RC75: a process that is killed at a random moment comes back with every edit that it was told to be kept.
#[tokio::test]
async fn rc75_what_was_kept_outlives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let seed = std::env::var("DOVETAIL_SIM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(75);
    println!("DOVETAIL_SIM_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut kept = 0;
    for round in 0..ROUNDS {
        let wait = Duration::from_millis(random.u64(0..120));
        let told = killed_after(&store, round, wait).await;
        let client = device(NOWHERE, &store).await;
        let id: DocumentId = std::fs::read_to_string(folder.path().join("id")).unwrap().parse().unwrap();
        let document = client.open::<Json>(&id).await.unwrap();
        let now = document.get().unwrap().0;
        for key in &told {
            assert!(!now[key].is_null(), "{key} was kept, and is not there after round {round}");
        }
        kept += told.len();
        drop(document);
        client.close().await;
    }
    assert!(kept > ROUNDS, "so few were kept that nothing was tried: {kept}");
}

/// Starts this program once more, as the one that edits, and kills it so long after its first edit. What it was told to be kept.
async fn killed_after(store: &Path, round: usize, wait: Duration) -> Vec<String> {
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "edits_until_it_is_killed", "--ignored", "--nocapture", "--test-threads", "1"])
        .env(KILLED, format!("{round} {}", store.display()))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = tokio::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = Vec::new();
    let mut take = |line: String| told.extend(line.strip_prefix("kept ").map(str::to_owned));
    while let Some(line) = within("a first edit", lines.next_line()).await.unwrap() {
        let is_first = line.starts_with("kept ");
        take(line);
        if is_first {
            break;
        }
    }
    let killing = async {
        tokio::time::sleep(wait).await;
        child.kill().await.unwrap();
    };
    let reading = async {
        while let Ok(Some(line)) = lines.next_line().await {
            take(line);
        }
    };
    within("its end", async { tokio::join!(killing, reading) }).await;
    told
}

/// Not a test: what the test above starts and kills.
#[tokio::test]
#[ignore = "the kill loop starts it"]
async fn edits_until_it_is_killed() {
    let told = std::env::var(KILLED).expect("the kill loop starts it");
    let (round, store) = told.split_once(' ').unwrap();
    let store = Path::new(store);
    let client = device(NOWHERE, store).await;
    let name = store.parent().unwrap().join("id");
    let document = match std::fs::read_to_string(&name) {
        Ok(id) => client.open::<Json>(&id.parse().unwrap()).await.unwrap(),
        Err(_) => {
            let made = client.create::<Json, AutomergeError>(|_| Ok(())).await.unwrap();
            std::fs::write(&name, made.id().to_string()).unwrap();
            made
        }
    };
    for n in 0.. {
        let key = format!("r{round}n{n}");
        document.change(|tx| tx.put(ROOT, &key, n)).await.unwrap();
        println!("kept {key}");
    }
}
