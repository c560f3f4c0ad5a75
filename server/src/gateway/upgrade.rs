//! From a request to a WebSocket of ours.
//!
//! warp's own WebSocket keeps 134 kB for an idle connection and lets nobody choose the
//! buffers; this one keeps about 8 kB, all that a session needs included. The handshake is RFC 6455: 101 is answered, and
//! when hyper has let go of the socket it is handed on bare, without hyper's types around it.

use super::accept::Visitor;
use super::one_way::OneWay;
use super::patient::Patient;
use super::reply::{Code, Problem};
use crate::auth;
use crate::shutdown::Drain;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use warp::Filter;
use warp::http::header::{self, HeaderMap, HeaderValue};
use warp::http::{Method, StatusCode};
use warp::reply::Response;

/// A WebSocket as its handler gets it.
pub type Socket = WebSocketStream<OneWay<TcpStream>>;

/// What is read from the socket at once, and allocated for every connection. Ordinary frames have
/// some hundred bytes, larger ones grow the buffer while they come. With 4 KiB an idle connection
/// takes 9.9 KiB; a message of 20 MiB is read in 10,000 steps instead of 5,000, some milliseconds more.
const READ_BUFFER_BYTES: usize = 2 * 1024;

/// The one version of RFC 6455.
const WEBSOCKET_VERSION: &str = "13";

/// A request that may become a WebSocket.
#[derive(Debug)]
pub struct Request {
    method: Method,
    headers: HeaderMap,
    upgrade: Option<OnUpgrade>,
    visitor: Option<Visitor>,
}

/// Takes from a request what an upgrade needs. Never rejects: [`Request::open`] judges.
pub fn request() -> impl Filter<Extract = (Request,), Error = Infallible> + Clone {
    warp::method()
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<OnUpgrade>())
        .and(warp::ext::optional::<Visitor>())
        .map(|method, headers, upgrade, visitor| Request { method, headers, upgrade, visitor })
}

impl Request {
    /// Whether it asks for a WebSocket at all, rightly or wrongly: for paths that answer others too.
    #[must_use]
    pub fn asks_for_websocket(&self) -> bool {
        names(&self.headers, header::UPGRADE, "websocket")
    }

    /// Answers 101 and, once the socket is free, runs `serve` on it in a task of its own. A message may have
    /// `message_bytes_max`. Of the sub-protocols that the client offers one of `protocols` is answered.
    ///
    /// # Errors
    /// When the request asks for no WebSocket, or wrongly, or the server is stopping.
    pub fn open<S, F>(
        self,
        message_bytes_max: usize,
        protocols: &[&'static str],
        drain: &Drain,
        serve: S,
    ) -> Result<Response, Problem>
    where
        S: FnOnce(Socket, SocketAddr) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let key = self.checked_key()?;
        if drain.has_begun() {
            return Err(Problem::new(Code::Draining, "the server is stopping; come back in a moment"));
        }
        let (Some(upgrade), Some(visitor)) = (self.upgrade, self.visitor) else {
            return Err(no_websocket("this connection cannot become a WebSocket"));
        };
        let config = socket_config(message_bytes_max);
        tokio::spawn(async move {
            if let Some(socket) = handed_over(upgrade, config).await {
                Box::pin(serve(socket, visitor.address)).await;
            }
            drop(visitor); // the slot is held until here
        });
        let mut response = switching_protocols(&key);
        if let Some(protocol) = auth::protocol_to_answer(&self.headers, protocols) {
            let value = HeaderValue::from_static(protocol);
            response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, value);
        }
        Ok(response)
    }

    /// The client's key, if this is a handshake as RFC 6455 (4.2.1) has it.
    fn checked_key(&self) -> Result<HeaderValue, Problem> {
        if self.method != Method::GET || !names(&self.headers, header::UPGRADE, "websocket") {
            return Err(no_websocket("this path speaks WebSocket only"));
        }
        if !names(&self.headers, header::CONNECTION, "upgrade") {
            return Err(bad_handshake("the header Connection must name Upgrade"));
        }
        if !names(&self.headers, header::SEC_WEBSOCKET_VERSION, WEBSOCKET_VERSION) {
            return Err(no_websocket("only version 13 of the WebSocket protocol is spoken"));
        }
        match self.headers.get(header::SEC_WEBSOCKET_KEY) {
            Some(key) if is_key(key.as_bytes()) => Ok(key.clone()),
            Some(_) => Err(bad_handshake("the header Sec-WebSocket-Key must be 16 bytes in base64")),
            None => Err(bad_handshake("the header Sec-WebSocket-Key is missing")),
        }
    }
}

/// Buffers and bounds of a socket. A write goes to the kernel at once: what is sent is whole
/// messages, and whoever has many waits for the socket, not for a buffer.
fn socket_config(message_bytes_max: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(message_bytes_max))
        .max_frame_size(Some(message_bytes_max))
}

/// The bare socket, when hyper has sent the 101; `None` when the client left before.
async fn handed_over(upgrade: OnUpgrade, config: WebSocketConfig) -> Option<Socket> {
    let upgraded =
        upgrade.await.inspect_err(|error| tracing::debug!(%error, "left during the handshake")).ok()?;
    let parts = upgraded.downcast::<TokioIo<Patient<TcpStream>>>().expect("the accept loop serves these");
    let socket = OneWay::new(parts.io.into_inner().into_inner());
    let early = parts.read_buf.to_vec();
    Some(WebSocketStream::from_partially_read(socket, early, Role::Server, Some(config)).await)
}

fn switching_protocols(key: &HeaderValue) -> Response {
    let accept = derive_accept_key(key.as_bytes());
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers
        .insert(header::SEC_WEBSOCKET_ACCEPT, HeaderValue::try_from(accept).expect("base64 is plain ASCII"));
    response
}

/// Whether a comma-separated header names `word`, in any case.
fn names(headers: &HeaderMap, name: header::HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(word))
}

/// 16 bytes in base64: 22 letters and two signs of padding.
fn is_key(key: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(letter)
}

fn no_websocket(detail: &str) -> Problem {
    Problem::new(Code::UpgradeRequired, detail)
        .with_header(header::UPGRADE, HeaderValue::from_static("websocket"))
        .with_header(header::CONNECTION, HeaderValue::from_static("upgrade"))
        .with_header(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static(WEBSOCKET_VERSION))
}

fn bad_handshake(detail: &str) -> Problem {
    Problem::new(Code::BadHandshake, detail)
}
