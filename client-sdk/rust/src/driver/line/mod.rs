//! The bytes of one connection, whichever way they go.
//!
//! ```text
//!  token ──▶ WebSocket ──opened──▶ frames ──the end──▶ Ending
//!                └──something answers, and no WebSocket comes of it──▶ requests (plain.rs) ──▶ frames
//! ```
//!
//! Edit path: ← the driver has a frame to say, → [`Line::say`]; ← [`Line::next`], what came.
//!
//! Always true: a line ends once, and nothing comes behind its end. Dropped, it is closed.

mod plain; // Over requests, where no WebSocket gets through.
mod socket; // Over a WebSocket.

pub(crate) use plain::{Problem, answered, authorized, in_words, whole};

use crate::machine::course::Ending;
use crate::place::Server;
use crate::token::Token;
use bytes::Bytes;
use dovetail_core::wire::Secret;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// What TLS has against whoever answers, in one wrapping or another; any other end may be a proxy's.
fn is_insecure(error: &io::Error) -> bool {
    let inner = || error.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>());
    error.kind() == io::ErrorKind::InvalidData || inner().is_some_and(is_insecure)
}

fn insecure(why: &dyn std::error::Error) -> String {
    format!(
        "no secure connection comes about, for the certificate there, or because it is http:// and not https://: {why}"
    )
}

/// How long making a connection may take, with everything that belongs to it.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);

/// So many frames may wait to be sent: one for each document that a device can have open, and some. A server that does not read so many
/// is connected to again.
const OUTGOING_MAX: usize = 20_000;

/// So many frames may wait to be looked at before the server is not read any more.
const INCOMING_MAX: usize = 256;

/// Frames up to the size of the largest document are taken.
const FRAME_BYTES_MAX: usize = 128 << 20;

/// Which way a connection goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A WebSocket.
    WebSocket,
    /// Requests, where no WebSocket gets through: the same protocol, some 50 ms later.
    Requests,
}

/// What a line tells.
#[derive(Debug)]
pub(crate) enum Event {
    /// It is there.
    Opened(Way),
    /// A frame has come.
    Frame(Bytes),
    /// It is over.
    Ended(Ending),
}

/// What a line is made with.
#[derive(Debug, Clone)]
pub(crate) struct Dialing {
    pub(crate) server: Arc<Server>,
    pub(crate) token: Token,
    /// Makes requests, and keeps their connections.
    pub(crate) requests: reqwest::Client,
    /// Goes over requests alone, whatever would be possible.
    pub(crate) requests_only: bool,
}

/// Says who we are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Credentials {
    pub(crate) token: Option<Secret>,
    pub(crate) link: Option<Secret>,
}

/// See the top of the file.
#[derive(Debug)]
pub(crate) struct Line {
    outgoing: mpsc::Sender<Bytes>,
    events: mpsc::Receiver<Event>,
    task: JoinHandle<()>,
}

impl Line {
    /// Begins to make a connection.
    pub(crate) fn dial(dialing: Dialing) -> Self {
        Self::run(move |ends| async move { dial(dialing, ends).await })
    }

    /// Tries whether a WebSocket gets through by now. Whether it does comes as [`Event::Opened`].
    pub(crate) fn try_socket(dialing: Dialing) -> Self {
        Self::run(move |ends| async move {
            let credentials = match dialing.credentials().await {
                Ok(credentials) => credentials,
                Err(ending) => return ending,
            };
            match tokio::time::timeout(CONNECT_WITHIN, socket::open(&dialing.server, &credentials)).await {
                Ok(Ok(socket)) => socket::run(socket, ends).await,
                _ => Ending::default(),
            }
        })
    }

    fn run<F>(work: impl FnOnce(Ends) -> F) -> Self
    where
        F: Future<Output = Ending> + Send + 'static,
    {
        let (outgoing, to_send) = mpsc::channel(OUTGOING_MAX);
        let (tell, events) = mpsc::channel(INCOMING_MAX);
        let working = work(Ends { to_send, tell: tell.clone() });
        let task = tokio::spawn(async move {
            let ending = working.await;
            let _ = tell.send(Event::Ended(ending)).await; // Nobody listens any more: nobody wants to know.
        });
        Self { outgoing, events, task }
    }

    /// Sends a frame behind those before.
    ///
    /// # Errors
    /// The server takes nothing any more: too much waits.
    pub(crate) fn say(&self, frame: Bytes) -> Result<(), Ending> {
        match self.outgoing.try_send(frame) {
            // Closed: the end is on its way to us.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => {
                Err(Ending { close_code: None, words: "the server reads too slowly".to_owned() })
            }
        }
    }

    /// What comes next. Behind the end comes nothing for ever.
    pub(crate) async fn next(&mut self) -> Event {
        match self.events.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }

    /// Says what waits to be said, and ends.
    pub(crate) async fn finish(mut self) {
        drop(std::mem::replace(&mut self.outgoing, mpsc::channel(1).0));
        loop {
            if let Event::Ended(_) = self.next().await {
                return;
            }
        }
    }

    /// What has come already.
    pub(crate) fn try_next(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The other ends of a line's channels.
struct Ends {
    to_send: mpsc::Receiver<Bytes>,
    tell: mpsc::Sender<Event>,
}

impl Ends {
    /// Whether anybody listens still.
    async fn tell(&self, event: Event) -> bool {
        self.tell.send(event).await.is_ok()
    }
}

impl Dialing {
    async fn credentials(&self) -> Result<Credentials, Ending> {
        let token = self.token.ask().await.map_err(|error| Ending {
            close_code: None,
            words: format!("there is no token to connect with: {error}"),
        })?;
        Ok(Credentials { token, link: self.server.link.clone() })
    }
}

async fn dial(dialing: Dialing, ends: Ends) -> Ending {
    let credentials = match dialing.credentials().await {
        Ok(credentials) => credentials,
        Err(ending) => return ending,
    };
    if dialing.requests_only {
        return plain::run(&dialing, &credentials, ends).await;
    }
    let opening = socket::open(&dialing.server, &credentials);
    match tokio::time::timeout(CONNECT_WITHIN, opening).await {
        Ok(Ok(socket)) => socket::run(socket, ends).await,
        Ok(Err(socket::NotOpened::Unreachable(words))) => Ending { close_code: None, words },
        // Something is there, and it lets no WebSocket through.
        Ok(Err(socket::NotOpened::Blocked(why))) => {
            tracing::info!(why, "no WebSocket gets through: going on over requests");
            plain::run(&dialing, &credentials, ends).await
        }
        Err(_) => plain::run(&dialing, &credentials, ends).await,
    }
}
