//! The limit: a WebSocket relay that understands nothing.
//!
//! What comes from the writer of a room (`/ROOM?write`) goes to all its readers (`/ROOM`)
//! as it is, shared and not copied; one flush a wake. What readers send back is read and
//! dropped, so that the traffic on the sockets is that of the real thing.

use bytes::Bytes;
use futures_util::{FutureExt, SinkExt, StreamExt};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Frames that wait for one reader. The driver's window is far smaller; a reader that
/// overflows it loses frames, and the run then shows that not all was delivered.
const WAITING_MAX: usize = 1_024;

/// Small messages need no large buffers; the default is 128 KiB for each connection.
const BUFFER_BYTES: usize = 4_096;

type Room = Arc<Mutex<Vec<mpsc::Sender<Bytes>>>>;

/// Listens on a free port of loopback until the process is ended.
pub(crate) async fn run() -> std::io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut rooms: HashMap<String, Room> = HashMap::new();
    let (opened, mut openings) = mpsc::channel::<(String, WebSocketStream<TcpStream>)>(64);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                tokio::spawn(open(accepted?.0, opened.clone()));
            }
            Some((path, socket)) = openings.recv() => {
                let (name, query) = path.split_once('?').unwrap_or((&path, ""));
                let room = rooms.entry(name.to_owned()).or_default().clone();
                match query {
                    "write" => drop(tokio::spawn(write(socket, room))),
                    _ => drop(tokio::spawn(read(socket, room))),
                }
            }
        }
    }
}

// The callback's type is tungstenite's: an error is a whole HTTP answer.
#[allow(clippy::result_large_err)]
async fn open(stream: TcpStream, opened: mpsc::Sender<(String, WebSocketStream<TcpStream>)>) {
    let mut path = String::new();
    let note = |request: &Request, response: Response| {
        path = request.uri().to_string();
        Ok(response)
    };
    let _ = stream.set_nodelay(true);
    let config = WebSocketConfig::default().read_buffer_size(BUFFER_BYTES).write_buffer_size(BUFFER_BYTES);
    let accepted = tokio_tungstenite::accept_hdr_async_with_config(stream, note, Some(config)).await;
    if let Ok(socket) = accepted {
        // Only a relay that is ending does not take it.
        let _ = opened.send((path, socket)).await;
    }
}

async fn write(mut socket: WebSocketStream<TcpStream>, room: Room) {
    while let Some(Ok(message)) = socket.next().await {
        let Message::Binary(frame) = message else { continue };
        let readers = room.lock().unwrap_or_else(PoisonError::into_inner);
        for reader in readers.iter() {
            let _ = reader.try_send(frame.clone());
        }
    }
}

async fn read(mut socket: WebSocketStream<TcpStream>, room: Room) {
    let (sender, mut frames) = mpsc::channel(WAITING_MAX);
    room.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
    // An empty frame says: from here on nothing is missed.
    if socket.send(Message::Binary(Bytes::new())).await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            Some(frame) = frames.recv() => {
                let mut next = Some(frame);
                while let Some(frame) = next {
                    if socket.feed(Message::Binary(frame)).await.is_err() {
                        return;
                    }
                    next = frames.recv().now_or_never().flatten();
                }
                if socket.flush().await.is_err() {
                    return;
                }
            }
            answer = socket.next() => {
                if !matches!(answer, Some(Ok(_))) {
                    return;
                }
            }
        }
    }
}
