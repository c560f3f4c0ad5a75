//! How much room a device gives to documents.

use super::*;

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
    leaves_for_what_is_new(|builder| builder).await;
}

/// RC78: the same under a key.
#[tokio::test]
async fn rc78_under_a_key() {
    leaves_for_what_is_new(|builder| builder.store_key(StoreKey::from_bytes([7; 32]))).await;
}

async fn leaves_for_what_is_new(keyed: impl Fn(Builder) -> Builder) {
    let server = Server::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let builder = |url: &str| {
        keyed(Client::builder(url)).retry(impatient()).store(folder.path()).store_limits(roomy(110_000))
    };
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

/// RC78: what the server says that it has not stays, though nobody has opened anything for longer.
#[tokio::test]
async fn rc78_what_the_server_has_no_more_stays() {
    let server = Server::start().await.unwrap();
    let builder = Client::builder(server.url()).retry(impatient()).store_limits(roomy(110_000));
    let client = builder.connect().await.unwrap();
    let deleted = noisy(&client, 20_000).await.unwrap();
    within("it is saved", deleted.saved()).await.unwrap();
    let id = deleted.id().clone();
    let answer = server.request("DELETE", &format!("/api/docs/{id}"), &[], b"").await.unwrap();
    assert!((200..300).contains(&answer.status), "{answer:?}");
    let is_missing = |now: &DocumentStatus| now.server == Answer::Missing;
    within("it is told", deleted.status().wait_for(is_missing)).await.unwrap();
    drop(deleted);
    for _ in 0..4 {
        let board = noisy(&client, 20_000).await.unwrap();
        within("all is saved", board.saved()).await.unwrap();
    }
    let has_left = |now: &StorageStatus| !now.is_nearly_full && now.documents < 5;
    within("others leave", client.storage().wait_for(has_left)).await.unwrap();
    assert!(client.on_device().iter().any(|one| one.id == id));
}

/// RC84: a device lets go of a document when it is told to, whatever is lost by it, and takes edits again.
#[tokio::test]
async fn rc84_a_full_device_lets_go_of_what_nobody_wants() {
    let folder = tempfile::tempdir().unwrap();
    let limited = || Client::builder(NOWHERE).store(folder.path()).store_limits(roomy(50_000));
    let client = limited().connect().await.unwrap();
    let (one, two) = (noisy(&client, 30_000).await.unwrap(), noisy(&client, 30_000).await.unwrap());
    within("it is full", client.storage().wait_for(StorageStatus::is_full)).await.unwrap();
    assert!(noisy(&client, 10).await.is_err());
    let (id, bytes) = (two.id().clone(), client.storage().borrow().bytes);
    assert!(matches!(client.forget(&id).await, Err(ForgetError::Open { .. })));
    drop(two);
    client.forget(&id).await.unwrap();
    let [left] = &client.on_device()[..] else { panic!("{:?}", client.on_device()) };
    assert!(left.id == *one.id() && left.bytes < bytes, "{left:?}");
    one.change(|tx| tx.put(ROOT, "more", 1)).await.unwrap();
    drop(one);
    client.close().await;

    let client = limited().open_within(Duration::from_millis(300)).connect().await.unwrap();
    assert_eq!(client.on_device().len(), 1);
    assert!(matches!(client.open::<Json>(&id).await, Err(OpenError::NotHere { .. })));
}

/// RC84: what was let go of comes again from the server, on the connection that there is, without what the device alone had of it.
#[tokio::test]
async fn rc84_what_was_let_go_of_comes_from_the_server() {
    let mut server = Server::start().await.unwrap();
    let client = client(&server.url()).await;
    let board = client.create_dashboard("Saved").await.unwrap();
    within("all is saved", board.saved()).await.unwrap();
    let id = board.id().clone();
    drop(board);
    client.forget(&id).await.unwrap();
    assert_eq!(client.on_device(), []);
    let board = client.open::<Dashboard>(&id).await.unwrap();
    assert_eq!(title_of(&board), "Saved");
    server.kill().await.unwrap();
    let offline = |now: &ConnectionStatus| matches!(now.connection, Connection::Offline { .. });
    within("it is told", client.connection().wait_for(offline)).await.unwrap();
    board.edit(title("Here alone")).await.unwrap();
    drop(board);
    client.forget(&id).await.unwrap();
    server.restart().await.unwrap();
    client.network_is_back();
    let board = client.open::<Dashboard>(&id).await.unwrap();
    assert_eq!((title_of(&board).as_str(), board.pending().len()), ("Saved", 0));
}
