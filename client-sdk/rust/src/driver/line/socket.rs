//! A line over a WebSocket.
//!
//! Always true: the secret of a token stands in the sub-protocol and nowhere else: no address has it, and no log.

use super::{Credentials, Ends, Event, FRAME_BYTES_MAX, Way};
use crate::machine::course::Ending;
use crate::place::Server;
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use std::convert::Infallible;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

/// What stock servers and ours speak.
const SUB_PROTOCOL: &str = "automerge-repo.v1";

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why no WebSocket was opened.
#[derive(Debug)]
pub(super) enum NotOpened {
    /// Nobody answers: neither would requests be.
    Unreachable(String),
    /// Somebody answers, and not with a WebSocket.
    Blocked(String),
}

pub(super) async fn open(server: &Server, credentials: &Credentials) -> Result<Socket, NotOpened> {
    let unreachable =
        |why: String| NotOpened::Unreachable(format!("{} cannot be reached: {why}", server.url));
    let insecure = |why: &dyn std::error::Error| unreachable(super::insecure(why));
    let (host, port) = server.host_and_port();
    let stream = TcpStream::connect((host, port)).await.map_err(|error| unreachable(error.to_string()))?;
    // A frame is on its way at once; nothing here writes many small ones.
    let _ = stream.set_nodelay(true);
    let mut request =
        server.web_socket_url().into_client_request().map_err(|error| unreachable(error.to_string()))?;
    if let Some(protocols) = sub_protocols(credentials) {
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocols);
    }
    let config = WebSocketConfig::default()
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX));
    match client_async_tls_with_config(request, stream, Some(config), None).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Tls(error)) => Err(insecure(&error)),
        Err(Error::Io(error)) if server.url.scheme() == "https" && super::is_insecure(&error) => {
            Err(insecure(&error))
        }
        Err(Error::Http(answer)) => Err(NotOpened::Blocked(answer.status().to_string())),
        Err(error) => Err(NotOpened::Blocked(error.to_string())),
    }
}

/// Nothing where nobody has to say who they are.
fn sub_protocols(Credentials { token, link }: &Credentials) -> Option<HeaderValue> {
    if token.is_none() && link.is_none() {
        return None;
    }
    let token = token.as_ref().map(|token| format!(", dovetail.token.{}", token.reveal()));
    let link = link.as_ref().map(|link| format!(", dovetail.link.{}", link.reveal()));
    let text = format!("{SUB_PROTOCOL}{}{}", token.unwrap_or_default(), link.unwrap_or_default());
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Goes on until it ends.
pub(super) async fn run(socket: Socket, ends: Ends) -> Ending {
    if !ends.tell(Event::Opened(Way::WebSocket)).await {
        return Ending::default();
    }
    let Ends { to_send, tell } = ends;
    let (sink, stream) = socket.split();
    tokio::select! {
        ending = read(stream, &tell) => ending,
        never = write(sink, to_send) => match never {},
    }
}

async fn read(mut stream: SplitStream<Socket>, tell: &mpsc::Sender<Event>) -> Ending {
    loop {
        match stream.next().await {
            Some(Ok(Message::Binary(frame))) => {
                if tell.send(Event::Frame(frame)).await.is_err() {
                    return Ending::default();
                }
            }
            Some(Ok(Message::Close(frame))) => {
                return frame.map_or_else(Ending::default, |frame| Ending {
                    close_code: Some(frame.code.into()),
                    words: frame.reason.to_string(),
                });
            }
            // Pings are answered below; text means nothing here.
            Some(Ok(_)) => {}
            Some(Err(error)) => return broken(&error),
            None => return Ending::default(),
        }
    }
}

/// Whoever reads finds out how it ends. Where nothing can be written any more, a server that sends us away says so, and closes. Where
/// we go it answers that it has read all of it: a connection that is dropped with something unread is reset, and that overtakes our
/// last words.
async fn write(mut sink: SplitSink<Socket, Message>, to_send: mpsc::Receiver<Bytes>) -> Infallible {
    if write_all(&mut sink, to_send).await.is_ok() {
        let _ = sink.close().await; // Broken, it cannot be read either.
    }
    std::future::pending().await
}

async fn write_all(
    sink: &mut SplitSink<Socket, Message>,
    mut to_send: mpsc::Receiver<Bytes>,
) -> Result<(), Error> {
    while let Some(frame) = to_send.recv().await {
        sink.feed(Message::Binary(frame)).await?;
        // What waits goes in the same write.
        while let Ok(frame) = to_send.try_recv() {
            sink.feed(Message::Binary(frame)).await?;
        }
        sink.flush().await?;
    }
    Ok(())
}

fn broken(error: &Error) -> Ending {
    Ending { close_code: None, words: format!("the connection broke: {error}") }
}
