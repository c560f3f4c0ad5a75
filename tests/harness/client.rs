//! A plain automerge-repo client: a socket or a [`Line`], and a real Automerge document with a real sync
//! state for each document it has open. It does what a stock client does and no more.
//!
//! ```text
//!  edit ─▶ document ─generate─▶ `sync` ─▶ server        nothing moves by itself: the test
//!          document ◀─receive── `sync` ◀─ server        calls `step`, `settle` or `wait_for`
//! ```
//!
//! Always true here: the sync state is as old as the connection; an error of the server is
//! never swallowed; what is neither `sync` nor `doc-unavailable` waits in the inbox.

use crate::cbor::Value;
use crate::line::{Line, LineError};
use automerge::sync::{Message as SyncMessage, ReadMessageError, State, SyncDoc};
use automerge::transaction::Transaction;
use automerge::{Automerge, AutomergeError, ChangeHash};
use dovetail_core::id::DocumentId;
use futures_util::{SinkExt, StreamExt};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// How long a handshake may take: the server answers at once, a busy machine does not.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(20);

/// The largest message: the first sync of a large document is one message, one frame.
const MESSAGE_BYTES_MAX: usize = 256 << 20;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How frames go to and fro.
#[derive(Debug)]
enum Transport {
    WebSocket(Box<Socket>),
    Http(Line),
}

/// One client, connected or not. Its documents outlive its connections.
#[derive(Debug)]
pub struct Client {
    id: String,
    storage_id: Option<String>,
    transport: Option<Transport>,
    server: Value,
    replicas: BTreeMap<String, Replica>,
    inbox: Vec<Value>,
}

/// One document as this client has it.
#[derive(Debug, Default)]
struct Replica {
    document: Automerge,
    state: State,
    unavailable: bool,
}

/// Why a client could not do what the test asked of it.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The socket failed, or never opened.
    #[error("the connection failed")]
    Socket(#[from] SocketError),
    /// The way over plain HTTP failed.
    #[error("the line failed")]
    Line(#[from] LineError),
    /// The server closed it.
    #[error("the server closed the connection: {0:?}")]
    Closed(Option<CloseFrame>),
    /// The server sent an `error` message.
    #[error("the server says: {0}")]
    Refused(String),
    /// Something was to happen, and did not in time.
    #[error("{what} did not happen within {within:?}")]
    TooSlow {
        /// What was waited for.
        what: String,
        /// How long.
        within: Duration,
    },
    /// What the server sent is no message.
    #[error("the server sent something odd: {0}")]
    Odd(String),
    /// A sync message that Automerge cannot read.
    #[error("the server sent an unreadable sync message")]
    Unreadable(#[from] ReadMessageError),
    /// Automerge refused an edit, or what the server sent.
    #[error("automerge refused it")]
    Automerge(#[from] AutomergeError),
    /// The client is not connected.
    #[error("the client is offline")]
    Offline,
}

impl Client {
    /// A client that has a name and no connection.
    #[must_use]
    pub fn offline(peer_id: &str, storage_id: Option<&str>) -> Self {
        Self {
            id: peer_id.to_owned(),
            storage_id: storage_id.map(str::to_owned),
            transport: None,
            server: Value::Undefined,
            replicas: BTreeMap::new(),
            inbox: Vec::new(),
        }
    }

    /// Connects and shakes hands: over a WebSocket to `ws://…/sync`, over plain HTTP to `http://…`.
    ///
    /// # Errors
    /// When the server cannot be reached, refuses, or does not answer.
    pub async fn connect(url: &str, peer_id: &str, storage_id: Option<&str>) -> Result<Self, ClientError> {
        let mut client = Self::offline(peer_id, storage_id);
        client.reconnect(url).await?;
        Ok(client)
    }

    /// Connects, or connects again: a new socket, fresh sync states, the same documents,
    /// each of which is offered at once, as stock clients do.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn reconnect(&mut self, url: &str) -> Result<(), ClientError> {
        self.transport = Some(dial(url).await?);
        self.send(&self.join()).await?;
        self.server = match timeout(HANDSHAKE_WITHIN, self.receive()).await {
            Err(_) => return Err(too_slow("the handshake", HANDSHAKE_WITHIN)),
            Ok(answer) => answer?,
        };
        match self.server.text("type") {
            Some("peer") => {}
            Some("error") => return Err(refusal(&self.server)),
            _ => return Err(ClientError::Odd(format!("{:?} instead of `peer`", self.server))),
        }
        for id in self.replicas.keys().cloned().collect::<Vec<_>>() {
            let replica = self.replicas.entry(id.clone()).or_default();
            replica.state = State::new();
            replica.unavailable = false;
            self.push(&id).await?;
        }
        Ok(())
    }

    /// Drops the connection without a word, as a closed lid does.
    pub fn disconnect(&mut self) {
        self.transport = None;
    }

    /// Closes the connection properly.
    ///
    /// # Errors
    /// When the socket fails first.
    pub async fn close(&mut self) -> Result<(), ClientError> {
        match self.transport.take() {
            Some(Transport::WebSocket(mut socket)) => Ok(socket.as_mut().close(None).await?),
            Some(Transport::Http(line)) => Ok(line.close().await?),
            None => Ok(()),
        }
    }

    /// This client's peer id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The `peer` message that the server answered with.
    #[must_use]
    pub fn server(&self) -> &Value {
        &self.server
    }

    /// Asks for a document, or offers it when this client has it already.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn open(&mut self, id: &DocumentId) -> Result<(), ClientError> {
        self.hold(id, Automerge::new()).await
    }

    /// Takes a document made elsewhere into its keeping and offers it; keeps its own if
    /// it has one.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn hold(&mut self, id: &DocumentId, document: Automerge) -> Result<(), ClientError> {
        let id = id.to_string();
        self.replicas.entry(id.clone()).or_insert_with(|| Replica { document, ..Replica::default() });
        self.push(&id).await
    }

    /// The document as this client has it.
    ///
    /// # Panics
    /// When it was never opened: the test is wrong.
    #[must_use]
    pub fn document(&self, id: &DocumentId) -> &Automerge {
        &self.replica(id).document
    }

    /// Whether the server's last word was that nobody has it.
    #[must_use]
    pub fn unavailable(&self, id: &DocumentId) -> bool {
        self.replica(id).unavailable
    }

    /// The heads that the server was last heard to have.
    #[must_use]
    pub fn server_heads(&self, id: &DocumentId) -> Option<&[ChangeHash]> {
        self.replica(id).state.their_heads.as_deref()
    }

    /// Whether the server has said that it has just what this client has.
    /// That is all the acknowledgement there is in the protocol.
    #[must_use]
    pub fn is_acknowledged(&self, id: &DocumentId) -> bool {
        self.server_heads(id) == Some(&self.document(id).get_heads())
    }

    /// Edits the document, and tells the server if there is a connection.
    ///
    /// # Errors
    /// When the edit fails, or the socket.
    pub async fn edit<T>(
        &mut self,
        id: &DocumentId,
        edit: impl FnOnce(&mut Transaction<'_>) -> Result<T, AutomergeError>,
    ) -> Result<T, ClientError> {
        let name = id.to_string();
        let document = &mut self.replicas.entry(name.clone()).or_default().document;
        let done = document.transact(edit).map_err(|failure| failure.error)?;
        self.push(&name).await?;
        Ok(done.result)
    }

    /// Reads until the server has acknowledged all that this client has.
    ///
    /// # Errors
    /// When it does not in time, or the connection ends.
    pub async fn settle(&mut self, id: &DocumentId, within: Duration) -> Result<(), ClientError> {
        self.wait_for("the acknowledgement", within, |client| client.is_acknowledged(id)).await
    }

    /// Reads until the condition holds.
    ///
    /// # Errors
    /// When it does not in time, or the connection ends.
    pub async fn wait_for(
        &mut self,
        what: &str,
        within: Duration,
        mut condition: impl FnMut(&Self) -> bool,
    ) -> Result<(), ClientError> {
        let deadline = Instant::now() + within;
        while !condition(self) {
            timeout_at(deadline, self.step()).await.map_err(|_| too_slow(what, within))??;
        }
        Ok(())
    }

    /// Reads and answers whatever comes for a while, with nothing to wait for: the way to
    /// see that something does *not* happen.
    ///
    /// # Errors
    /// When the connection ends.
    pub async fn idle(&mut self, during: Duration) -> Result<(), ClientError> {
        match self.wait_for("nothing", during, |_| false).await {
            Err(ClientError::TooSlow { .. }) => Ok(()),
            ended => ended,
        }
    }

    /// Reads one message and does what a stock client would.
    ///
    /// # Errors
    /// When the connection ends, or the server sends an `error` or nonsense.
    pub async fn step(&mut self) -> Result<(), ClientError> {
        let message = self.receive().await?;
        self.take(message).await
    }

    /// Does what a stock client would with a message that [`receive`](Self::receive) gave.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub async fn take(&mut self, message: Value) -> Result<(), ClientError> {
        match message.text("type") {
            Some("sync" | "request") => self.synchronize(&message).await,
            Some("doc-unavailable") => {
                self.replicas.entry(document_of(&message)?).or_default().unavailable = true;
                Ok(())
            }
            Some("error") => Err(refusal(&message)),
            Some(_) => {
                self.inbox.push(message);
                Ok(())
            }
            None => Err(ClientError::Odd(format!("{message:?}"))),
        }
    }

    /// The messages that were neither `sync` nor `doc-unavailable`, oldest first.
    #[must_use]
    pub fn inbox(&self) -> &[Value] {
        &self.inbox
    }

    /// The inbox, which is empty after it.
    pub fn take_inbox(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.inbox)
    }

    /// Sends any message of this client to the server: `senderId` and `targetId` are filled in.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn tell<const N: usize>(
        &mut self,
        kind: &str,
        fields: [(&str, Value); N],
    ) -> Result<(), ClientError> {
        let target = self.server.text("senderId").unwrap_or_default();
        let Value::Map(mut message) = Value::map([
            ("type", kind.into()),
            ("senderId", self.id.as_str().into()),
            ("targetId", target.into()),
        ]) else {
            unreachable!("`Value::map` makes maps")
        };
        message.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), value)));
        self.send(&Value::Map(message)).await
    }

    /// Sends one value as one frame.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn send(&mut self, message: &Value) -> Result<(), ClientError> {
        self.send_raw(Message::Binary(message.encode().into())).await
    }

    /// Sends anything at all.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn send_raw(&mut self, message: Message) -> Result<(), ClientError> {
        match (self.transport.as_mut().ok_or(ClientError::Offline)?, message) {
            (Transport::WebSocket(socket), message) => Ok(socket.send(message).await?),
            (Transport::Http(line), Message::Binary(frame)) => Ok(line.send(frame).await?),
            (Transport::Http(_), other) => Err(ClientError::Odd(format!("{other:?} is no frame"))),
        }
    }

    /// The next binary frame as a value; nothing is done with it. Pings are answered.
    ///
    /// # Errors
    /// When the connection ends, or the frame is no CBOR.
    pub async fn receive(&mut self) -> Result<Value, ClientError> {
        let frame = self.receive_raw().await?;
        Value::decode(&frame).map_err(|error| ClientError::Odd(error.to_string()))
    }

    /// The bytes of the next binary frame.
    ///
    /// # Errors
    /// When the connection ends.
    pub async fn receive_raw(&mut self) -> Result<bytes::Bytes, ClientError> {
        let socket = match self.transport.as_mut().ok_or(ClientError::Offline)? {
            Transport::WebSocket(socket) => socket,
            Transport::Http(line) => return line.receive().await.map_err(closed),
        };
        loop {
            match socket.next().await {
                None => return Err(ClientError::Closed(None)),
                Some(Ok(Message::Binary(bytes))) => return Ok(bytes),
                Some(Ok(Message::Close(frame))) => return Err(ClientError::Closed(frame)),
                Some(Ok(_)) => {} // A ping was answered by the socket itself.
                Some(Err(error)) => return Err(error.into()),
            }
        }
    }

    fn replica(&self, id: &DocumentId) -> &Replica {
        self.replicas.get(&id.to_string()).expect("the test opened this document before")
    }

    fn join(&self) -> Value {
        let storage = self.storage_id.as_deref().map_or(Value::Undefined, Value::from);
        Value::map([
            ("type", "join".into()),
            ("senderId", self.id.as_str().into()),
            (
                "peerMetadata",
                Value::map([("storageId", storage), ("isEphemeral", Value::Bool(self.storage_id.is_none()))]),
            ),
            ("supportedProtocolVersions", Value::List(vec!["1".into()])),
        ])
    }

    async fn synchronize(&mut self, message: &Value) -> Result<(), ClientError> {
        let id = document_of(message)?;
        let data = message.bytes("data").unwrap_or_default();
        let replica = self.replicas.entry(id.clone()).or_default();
        let sync = SyncMessage::decode(data)?;
        replica.document.receive_sync_message(&mut replica.state, sync)?;
        replica.unavailable = false;
        self.push(&id).await
    }

    /// Sends what the sync protocol has to say about this document, if anything.
    async fn push(&mut self, id: &str) -> Result<(), ClientError> {
        let Some(replica) = self.replicas.get_mut(id).filter(|_| self.transport.is_some()) else {
            return Ok(());
        };
        let Some(sync) = replica.document.generate_sync_message(&mut replica.state) else {
            return Ok(());
        };
        let asks = sync.heads.is_empty() && replica.state.their_heads.is_none();
        let kind = if asks { "request" } else { "sync" };
        self.tell(kind, [("documentId", id.into()), ("data", Value::Bytes(sync.encode()))]).await
    }
}

/// A document id that nobody has used: a UUID, which is what the oldest stock versions insist on.
#[must_use]
pub fn new_document_id() -> DocumentId {
    DocumentId::from_bytes(uuid::Uuid::new_v4().as_bytes()).expect("16 bytes are an id")
}

async fn dial(url: &str) -> Result<Transport, ClientError> {
    let within = timeout(HANDSHAKE_WITHIN, async {
        if let Some(address) = url.strip_prefix("http://") {
            return Ok(Transport::Http(Line::open(address).await?));
        }
        let mut config = WebSocketConfig::default();
        config.max_message_size = Some(MESSAGE_BYTES_MAX);
        config.max_frame_size = Some(MESSAGE_BYTES_MAX);
        // Small frames leave at once: a test is a conversation.
        let (socket, _) = connect_async_with_config(url, Some(config), true).await?;
        Ok(Transport::WebSocket(Box::new(socket)))
    });
    within.await.map_err(|_| too_slow("the connection", HANDSHAKE_WITHIN))?
}

/// A session that ended is to a test what a closed socket is.
fn closed(error: LineError) -> ClientError {
    match error {
        LineError::Ended { close_code: Some(code), code: reason } => {
            ClientError::Closed(Some(CloseFrame { code: code.into(), reason: reason.into() }))
        }
        LineError::Ended { close_code: None, .. } => ClientError::Closed(None),
        other => other.into(),
    }
}

fn document_of(message: &Value) -> Result<String, ClientError> {
    let id = message.text("documentId").map(str::to_owned);
    id.ok_or_else(|| ClientError::Odd(format!("{message:?} names no document")))
}

fn refusal(message: &Value) -> ClientError {
    ClientError::Refused(message.text("message").unwrap_or_default().to_owned())
}

fn too_slow(what: &str, within: Duration) -> ClientError {
    ClientError::TooSlow { what: what.to_owned(), within }
}
