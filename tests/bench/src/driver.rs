//! The clients of the bench: sockets with small buffers that shake hands like a stock
//! client, and a stopwatch over a server's and our own processor time.

use crate::frames::{Envelope, Incoming};
use crate::meter::Cpu;
use crate::peers::{Kind, Peer};
use dovetail_tests::cbor::Value;
use futures_util::{SinkExt, StreamExt};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

/// How long a socket may take to open and shake hands while thousands do.
const OPENS_WITHIN: Duration = Duration::from_secs(30);

/// The largest message that a client of the bench takes: a document of 50,000 changes.
const MESSAGE_BYTES_MAX: usize = 256 << 20;

/// What the bench can fail of.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What the bench's steps answer.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// A client's connection, its handshake behind it.
#[derive(Debug)]
pub(crate) struct Link {
    /// The socket itself.
    pub socket: WebSocketStream<TcpStream>,
    /// The client's peer id.
    pub name: String,
    server: String,
}

impl Link {
    /// Connects one client. `room` and `writes` are for the relay, which knows nothing else.
    pub(crate) async fn open(peer: &Peer, name: &str, room: &str, writes: bool) -> Outcome<Self> {
        let query = if writes { "?write" } else { "" };
        let path = if peer.kind == Kind::Relay { format!("{room}{query}") } else { "sync".to_owned() };
        let opening = async {
            let stream = TcpStream::connect(peer.address).await?;
            stream.set_nodelay(true)?;
            let mut config = WebSocketConfig::default().read_buffer_size(4_096).write_buffer_size(16_384);
            config.max_message_size = Some(MESSAGE_BYTES_MAX);
            config.max_frame_size = Some(MESSAGE_BYTES_MAX);
            let url = format!("ws://{}/{path}", peer.address);
            let opened = tokio_tungstenite::client_async_with_config(url, stream, Some(config)).await?;
            let mut link = Self { socket: opened.0, name: name.to_owned(), server: String::new() };
            match peer.kind {
                Kind::Relay if writes => {}
                Kind::Relay => drop(link.receive().await?), // It says when it has noted us.
                Kind::Dovetail | Kind::Stock => link.shake_hands().await?,
            }
            Ok(link)
        };
        timeout(OPENS_WITHIN, opening).await.map_err(|_| format!("{name}: no connection in 30 s"))?
    }

    async fn shake_hands(&mut self) -> Outcome<()> {
        let join = Value::map([
            ("type", "join".into()),
            ("senderId", self.name.as_str().into()),
            ("peerMetadata", Value::map([("isEphemeral", Value::Bool(true))])),
            ("supportedProtocolVersions", Value::List(vec!["1".into()])),
        ]);
        self.send(join.encode().into()).await?;
        let answer = Value::decode(&self.receive().await?)?;
        self.server = match (answer.text("type"), answer.text("senderId")) {
            (Some("peer"), Some(server)) => server.to_owned(),
            _ => return Err(format!("{}: {answer:?} instead of `peer`", self.name).into()),
        };
        Ok(())
    }

    /// The CBOR around this client's messages about a document.
    pub(crate) fn envelope(&self, kind: &str, document: &str) -> Envelope {
        Envelope::new(kind, document, &self.name, &self.server)
    }

    /// Sends one frame.
    pub(crate) async fn send(&mut self, frame: Bytes) -> Result<(), Error> {
        self.socket.send(Message::Binary(frame)).await
    }

    /// The next binary frame.
    pub(crate) async fn receive(&mut self) -> Outcome<Bytes> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Binary(frame))) => return Ok(frame),
                Some(Ok(Message::Close(frame))) => {
                    return Err(format!("{}: the server closed: {frame:?}", self.name).into());
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Err(format!("{}: the connection ended", self.name).into()),
            }
        }
    }

    /// Reads until a sync message fits; an `error` message ends it.
    pub(crate) async fn until(&mut self, mut fits: impl FnMut(&Incoming<'_>) -> bool) -> Outcome<Bytes> {
        loop {
            let frame = self.receive().await?;
            let incoming = Incoming::read(&frame).ok_or("a frame that is no message")?;
            match incoming.kind {
                "error" => return Err(format!("{}: {}", self.name, incoming.words).into()),
                "sync" if fits(&incoming) => return Ok(frame),
                _ => {}
            }
        }
    }
}

/// Time, the server's processor time and our own, from one moment on.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    began: Instant,
    server: Cpu,
    driver: Cpu,
}

/// What a [`Stopwatch`] has seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    /// Time on the wall.
    pub wall: Duration,
    /// The server's processor time.
    pub server: Duration,
    /// The driver's own.
    pub driver: Duration,
}

impl Stopwatch {
    /// Starts it.
    pub(crate) fn start(peer: &Peer) -> Self {
        Self { began: Instant::now(), server: peer.cpu(), driver: Cpu::of(std::process::id()) }
    }

    /// Reads it; it goes on.
    pub(crate) fn read(&self, peer: &Peer) -> Spent {
        Spent {
            wall: self.began.elapsed(),
            server: peer.cpu().since(&self.server),
            driver: Cpu::of(std::process::id()).since(&self.driver),
        }
    }
}

/// Microseconds, as the tables have them.
pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Milliseconds, as the tables have them.
pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The value below which this share of the samples lies. Sorts them.
pub(crate) fn percentile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let at = (share * samples.len() as f64) as usize;
    samples.get(at.min(samples.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}
