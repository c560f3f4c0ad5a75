//! What the JSON WebSocket writes down, over a real socket.

use crate::audit::{Action, Entry, HIDDEN, Query};
use crate::auth::{NewToken, issue};
use crate::clock::Clock;
use crate::config::{Config, Given, Source};
use crate::gateway::Gateway;
use crate::permits;
use crate::server::Server;
use crate::store::MemoryStore;
use automerge::transaction::Transactable;
use automerge::{AutoCommit, ROOT};
use dovetail_core::grant::Identity;
use dovetail_core::id::DocumentId;
use dovetail_core::time::Timestamp;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

const NOON: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A server that asks who is calling, and one document of its own.
async fn server_and_document() -> (Server, DocumentId) {
    let source = Source::Flag { flag: "--test".to_owned() };
    let settings = [
        ("jwt_secret", "a secret for tests that nobody else has"),
        ("jwt_audience", "dovetail"),
        ("jwt_issuer", "tests"),
    ];
    let given = settings.map(|(name, text)| Given { name, text: text.to_owned(), source: source.clone() });
    let config = Config::assemble(given).unwrap();
    let server = Server::on(config, Arc::new(MemoryStore::new()), Clock::standing(NOON)).await.unwrap();
    let document = DocumentId::from_bytes(&[7; 16]).unwrap();
    let mut content = AutoCommit::new();
    content.put(ROOT, "a", 1).unwrap();
    let change = content.get_last_local_change().unwrap().raw_bytes().to_vec().into();
    server.gateway().hub.submit(permits::edit(&document), vec![change]).await.unwrap();
    (server, document)
}

fn token_of_dee(server: &Server) -> String {
    let new = NewToken {
        subject: "dee".to_owned(),
        name: None,
        groups: Vec::new(),
        holds_for: Duration::from_secs(3600),
        scope: None,
    };
    issue(&server.config().auth, &new, NOON).unwrap()
}

async fn connect(address: SocketAddr, token: &str) -> WebSocketStream<TcpStream> {
    let mut request = format!("ws://{address}/api/realtime").into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let stream = TcpStream::connect(address).await.unwrap();
    client_async(request, stream).await.unwrap().0
}

async fn heard(socket: &mut WebSocketStream<TcpStream>) -> Value {
    loop {
        if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

async fn written_down(gateway: &Gateway) -> Vec<Entry> {
    gateway.records.audit.flush().await;
    let query = Query { limit: 100, ..Query::default() };
    let page = gateway.records.audit.page(&Identity::local().permit_server().unwrap(), &query).await.unwrap();
    page.entries.into_iter().map(|(_, entry)| entry).collect()
}

/// AU47: whatever the JSON WebSocket refuses for want of a right is on record, with the document and from where; and so is a newer
/// token that is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn au47_what_the_json_websocket_refuses_is_on_record() {
    let (server, document) = server_and_document().await;
    let (gateway, token) = (server.gateway().clone(), token_of_dee(&server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(listener, async move { stopped.await.unwrap_or(()) }));

    let mut socket = connect(address, &token).await;
    assert_eq!(heard(&mut socket).await["type"], "hello");
    let id = document.to_string();
    let refused = [
        json!({"type": "subscribe", "documentId": id}),
        json!({"type": "edit", "documentId": id, "base": [], "patch": []}),
        json!({"type": "broadcast", "scope": "document", "documentId": id, "data": 1}),
    ];
    for message in &refused {
        socket.send(Message::text(message.to_string())).await.unwrap();
        let told = heard(&mut socket).await;
        assert_eq!(told["code"], HIDDEN, "{message} gave {told}");
    }
    let nonsense = json!({"type": "token", "token": "nonsense"});
    socket.send(Message::text(nonsense.to_string())).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}

    let from = Some(address.ip());
    let lines = written_down(&gateway).await;
    let refusal = lines.iter().find(|line| line.action == Action::Refused).unwrap();
    assert_eq!((refusal.count, refusal.document.as_ref(), refusal.address), (3, Some(&document), from));
    assert_eq!(refusal.subject.as_ref().map(|subject| subject.as_str()), Some("dee"));
    let renewal = lines.iter().find(|line| line.action == Action::SignInRefused).unwrap();
    assert_eq!((renewal.code.as_deref(), renewal.address), (Some("token_malformed"), from));
    stop.send(()).unwrap();
    serving.await.unwrap();
}
