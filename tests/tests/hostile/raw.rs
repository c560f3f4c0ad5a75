//! Connections by hand: every byte is the test's, those that no library would send included, and nothing is read
//! before the test asks for it.
//!
//! Always true: a wait for the server ends after [`PATIENCE`].

use crate::PATIENCE;
use automerge::sync::{Message, State, SyncDoc};
use automerge::transaction::Transactable;
use automerge::{AutoCommit, Automerge, ROOT};
use dovetail_core::id::DocumentId;
use dovetail_tests::cbor::Value;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Kinds of frames, RFC 6455 section 5.2.
pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;

/// A WebSocket.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
}

/// How the server ended a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    /// The words of the `error` message, if there was one.
    pub(crate) told: Option<String>,
    /// The code of the close frame, if there was one.
    pub(crate) code: Option<u16>,
}

impl Ending {
    /// Whether it was told this code, and closed with that.
    pub(crate) fn is(&self, word: &str, code: u16) -> bool {
        self.code == Some(code) && self.told.as_ref().is_some_and(|told| told.starts_with(word))
    }
}

/// A plain connection whose kernel takes little that is not read: a peer that does not read is soon noticed.
pub(crate) async fn connect(address: SocketAddr) -> TcpStream {
    const RECEIVE_BUFFER_BYTES: u32 = 4 * 1024;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES).unwrap();
    // What is sent is on its way at once, be the connection dropped right behind it.
    socket.set_nodelay(true).unwrap();
    timeout(PATIENCE, socket.connect(address)).await.unwrap().unwrap()
}

impl Raw {
    /// Shakes hands and says nothing more.
    pub(crate) async fn open(address: SocketAddr, path: &str) -> Self {
        let mut stream = connect(address).await;
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut raw = Self { stream, unread: Vec::new() };
        let end = loop {
            if let Some(at) = raw.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(raw.read_more().await.unwrap() > 0, "no handshake");
        };
        let answer: Vec<u8> = raw.unread.drain(..end).collect();
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
        raw
    }

    /// The same on `/sync`, and joins under this name.
    pub(crate) async fn joined(address: SocketAddr, name: &str) -> Self {
        Self::joined_with(address, name, Value::map([("isEphemeral", Value::Bool(true))])).await
    }

    /// The same as a client that knows our own messages.
    pub(crate) async fn joined_as_ours(address: SocketAddr, name: &str) -> Self {
        let ours = Value::map([("v", Value::Number(1.0))]);
        Self::joined_with(address, name, Value::map([("dovetail", ours)])).await
    }

    async fn joined_with(address: SocketAddr, name: &str, metadata: Value) -> Self {
        let mut raw = Self::open(address, "/sync").await;
        let join = Value::map([
            ("type", "join".into()),
            ("senderId", name.into()),
            ("peerMetadata", metadata),
            ("supportedProtocolVersions", Value::List(vec!["1".into()])),
        ]);
        raw.send(&frame(BINARY, true, &join.encode())).await.unwrap();
        let answer = raw.next_message().await.unwrap().expect("a peer message");
        assert_eq!(answer.text("type"), Some("peer"), "{answer:?}");
        raw
    }

    /// Sends these bytes. Fails when the server has closed.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(PATIENCE, self.stream.write_all(bytes)).await.map_err(|_| io::ErrorKind::TimedOut)?
    }

    /// The next frame; nothing at the end of the connection.
    pub(crate) async fn next(&mut self) -> io::Result<Option<(u8, Vec<u8>)>> {
        loop {
            if let Some((head_bytes, bytes)) = sizes(&self.unread)
                && self.unread.len() >= head_bytes + bytes
            {
                let opcode = self.unread[0] & 0x0f;
                let payload = self.unread[head_bytes..head_bytes + bytes].to_vec();
                self.unread.drain(..head_bytes + bytes);
                return Ok(Some((opcode, payload)));
            }
            if self.read_more().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// The next binary message; nothing at the end of the connection.
    pub(crate) async fn next_message(&mut self) -> io::Result<Option<Value>> {
        while let Some((opcode, payload)) = self.next().await? {
            if opcode == BINARY {
                return Ok(Some(Value::decode(&payload).unwrap()));
            }
        }
        Ok(None)
    }

    /// Reads until the server says that it closes. It is not answered, as a polite client would.
    pub(crate) async fn told(&mut self) -> Ending {
        self.told_while_saying(b"", PATIENCE).await
    }

    /// The same, and says this each time that nothing was heard for so long.
    pub(crate) async fn told_while_saying(&mut self, frame: &[u8], every: Duration) -> Ending {
        let mut ending = Ending { told: None, code: None };
        let until = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() <= until, "it is not closed: {ending:?}");
            match timeout(every, self.next()).await {
                // It may be closed in this very moment.
                Err(_) => drop(self.send(frame).await),
                Ok(Ok(Some((BINARY, payload)))) => {
                    let message = Value::decode(&payload).unwrap();
                    if message.text("type") == Some("error") {
                        ending.told = message.text("message").map(str::to_owned);
                    }
                }
                Ok(Ok(Some((CLOSE, payload)))) => {
                    ending.code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                    return ending;
                }
                Ok(Ok(Some(_))) => {}
                // A connection that is reset is over, too.
                Ok(Ok(None) | Err(_)) => return ending,
            }
        }
    }

    /// The same, and then waits until the server has closed the connection by itself.
    pub(crate) async fn ending(&mut self) -> Ending {
        let ending = self.told().await;
        self.closed().await;
        ending
    }

    /// Waits until the server has closed the connection by itself.
    pub(crate) async fn closed(&mut self) {
        while let Ok(Some(_)) = self.next().await {}
    }

    async fn read_more(&mut self) -> io::Result<usize> {
        let read = self.stream.read_buf(&mut self.unread);
        timeout(PATIENCE, read).await.map_err(|_| io::ErrorKind::TimedOut)?
    }
}

/// A frame of a client. Its mask is zero, which is one, and leaves what it masks as it was.
pub(crate) fn frame(opcode: u8, is_last: bool, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(opcode, is_last, payload.len() as u64);
    frame.extend_from_slice(payload);
    frame
}

/// The head of a frame that claims to have so many bytes.
pub(crate) fn head(opcode: u8, is_last: bool, bytes: u64) -> Vec<u8> {
    const MASKED: u8 = 0x80;
    const MASK: [u8; 4] = [0; 4];
    let mut head = vec![opcode | if is_last { 0x80 } else { 0 }];
    let wide = bytes.to_be_bytes();
    match bytes {
        0..126 => head.push(MASKED | wide[7]),
        126..0x1_0000 => head.extend([MASKED | 126, wide[6], wide[7]]),
        _ => {
            head.push(MASKED | 127);
            head.extend(wide);
        }
    }
    head.extend(MASK);
    head
}

/// Asks for a document, of which nothing is there yet.
pub(crate) fn request(name: &str, document: &DocumentId) -> Vec<u8> {
    let nothing = Automerge::new().generate_sync_message(&mut State::new()).unwrap();
    sync("request", name, document, nothing)
}

/// A change of this value, as if the server had asked for it.
pub(crate) fn change(name: &str, document: &DocumentId, key: &str, value: i64) -> Vec<u8> {
    let mut doc = AutoCommit::new();
    doc.put(ROOT, key, value).unwrap();
    let change = doc.get_last_local_change().unwrap().raw_bytes().to_vec();
    let state = doc.sync().generate_sync_message(&mut State::new()).unwrap();
    sync("sync", name, document, Message { changes: vec![change].into(), ..state })
}

fn sync(kind: &str, name: &str, document: &DocumentId, message: Message) -> Vec<u8> {
    let message = Value::map([
        ("type", kind.into()),
        ("senderId", name.into()),
        ("documentId", document.to_string().as_str().into()),
        ("data", Value::Bytes(message.encode())),
    ]);
    frame(BINARY, true, &message.encode())
}

/// The sizes of the head of a frame, which has no mask, and of what follows it; nothing when the head is not whole yet.
fn sizes(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes.get(1)? {
        126 => Some((4, u16::from_be_bytes(*bytes.get(2..4)?.first_chunk()?).into())),
        127 => Some((10, u64::from_be_bytes(*bytes.get(2..10)?.first_chunk()?).try_into().unwrap())),
        short => Some((2, short.into())),
    }
}
