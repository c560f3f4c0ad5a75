//! Ways to a server: it comes back, no WebSocket gets through, requests are lost, and something else answers.

use super::*;

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

/// RC63: who wants a document that only a server has does not wait for the next try.
#[tokio::test]
async fn rc63_who_wants_a_document_waits_for_no_try() {
    let mut server = Server::start().await.unwrap();
    let other = client(&server.url()).await;
    let board = other.create_dashboard("There").await.unwrap();
    within("all is saved", board.saved()).await.unwrap();
    server.kill().await.unwrap();
    let rarely = Windows { first: 100 * WITHIN, most: 100 * WITHIN };
    let client = Client::builder(server.url()).retry(rarely).connect().await.unwrap();
    let mut connection = client.connection();
    let offline = connection.wait_for(|now| matches!(now.connection, Connection::Offline { .. }));
    within("offline", offline).await.unwrap();
    server.restart().await.unwrap();
    let seen = within("an answer", client.open::<Dashboard>(board.id())).await.unwrap();
    assert_eq!(title_of(&seen), "There");
}

/// RC60: an app may have no runtime, or another one than tokio's.
#[tokio::test]
async fn rc60_an_app_without_a_runtime() {
    let server = Server::start().await.unwrap();
    let url = server.url();
    let app = std::thread::spawn(move || {
        alone(async {
            let client = client(&url).await;
            let board = client.create_dashboard("Alone").await.unwrap();
            board.edit(title("Alone still")).await.unwrap();
            board.saved().await.unwrap();
            let listed = client.list().await.unwrap();
            let id = listed[0].id.clone();
            let seen = client.open::<Dashboard>(&id).await.unwrap();
            assert_eq!(title_of(&seen), "Alone still");
            client.close().await;
        });
    });
    within("it ends", tokio::task::spawn_blocking(|| app.join())).await.unwrap().unwrap();
}

/// Goes on until it is done, on this thread.
fn alone<T>(future: impl Future<Output = T>) -> T {
    struct Thread(std::thread::Thread);
    impl std::task::Wake for Thread {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Thread(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(done) => return done,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
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
    assert_eq!(gate.passed(), 1, "the one that was tried goes on");
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
