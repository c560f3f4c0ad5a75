//! What a device keeps: over a restart, for one process, under a key, and damaged.

use super::*;

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
                Err(OpenError::NotFound { .. }) => {} // Each asks the server.
                Err(error) => panic!("{error}"),
            }
        }
    });
    until_title(&seen.await, "Kiosk 7").await;
    online.close().await;
}

/// RC65: one process has a directory; the next is told so, and which.
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

/// RC72: that a store was moved aside is told at the first start that comes about, whoever tried before.
#[tokio::test]
async fn rc72_a_start_that_fails_takes_no_news_along() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("store");
    let keyed =
        |byte: u8| Client::builder(NOWHERE).store(&dir).store_key(StoreKey::from_bytes([byte; 32])).connect();
    let first = keyed(1).await.unwrap();
    drop(first.create_dashboard("Here alone").await.unwrap());
    first.close().await;
    std::fs::remove_file(dir.join("dovetail.tally")).unwrap();
    assert!(matches!(keyed(2).await, Err(StartError::Store(StoreError::WrongKey))));
    let second = keyed(1).await.unwrap();
    assert_eq!(second.moved_aside().unwrap().documents, 1);
    second.close().await;
    assert_eq!(keyed(1).await.unwrap().moved_aside(), None);
}
