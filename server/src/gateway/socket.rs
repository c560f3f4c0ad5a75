//! One automerge-repo WebSocket: bytes in, bytes out, and the time.
//!
//! Edit path: ← a frame, [`Session`] reads it, → the mailbox of its document. And back: ← the
//! [`Outbox`] that documents push into, → frames, and word to each document whose message the socket
//! has taken.
//!
//! Reading goes on while a large message is being written, so a slow peer's pongs are seen. But when
//! much waits to be written nothing more is read: who does not listen is not heard.

use super::Gateway;
use super::upgrade::Socket;
use crate::hub::{Hub, Mailbox, Outbox, Taken};
use dovetail_core::id::{DocumentId, PeerId};
use dovetail_core::session::{CloseReason, Effect, Outgoing, Session, ToDocument};
use dovetail_core::time::Timestamp;
use futures_util::{Sink, Stream};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, Sleep};
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

/// When so much waits to be written, nothing more is read. A client that opens 200 documents at
/// once is answered 200 times; whoever has more than that waiting does not read.
const UNREAD_MAX: usize = 1_024;

/// How long a peer may take to read our last words.
const GOODBYE_WITHIN: Duration = Duration::from_secs(2);

/// Reasons in close frames have at most 123 bytes, RFC 6455 section 5.5.
const CLOSE_REASON_BYTES_MAX: usize = 123;

/// Serves one connection until it ends.
pub async fn serve(socket: Socket, address: SocketAddr, gateway: Gateway) {
    let mut connection = Connection::new(socket, gateway);
    let session = connection.session.id();
    tracing::debug!(%session, %address, "connected");
    let reason = connection.run().await;
    tracing::debug!(%session, ?reason, "disconnected");
}

struct Connection {
    socket: Socket,
    gateway: Gateway,
    session: Session,
    peer: Option<PeerId>,
    outbox: Arc<Outbox>,
    /// The documents that this connection reads.
    mailboxes: BTreeMap<DocumentId, Mailbox>,
    /// Documents whose message is on its way into the socket.
    in_socket: Vec<DocumentId>,
    /// Something was written and not flushed.
    is_writing: bool,
    /// Whether this connection counts among those who follow other stores.
    follows: bool,
    timer: Pin<Box<Sleep>>,
}

/// What can happen to a connection. Closed on purpose.
enum Event {
    Frame(Message),
    /// The socket has taken everything.
    Flushed,
    Outgoing(Taken),
    Tick,
    /// The peer has gone, or the transport failed.
    Gone(Option<Error>),
}

impl Connection {
    fn new(socket: Socket, gateway: Gateway) -> Self {
        let hub = &gateway.hub;
        let now = gateway.clock.now();
        Self {
            socket,
            session: Session::new(hub.next_session(), now, hub.session_limits(), hub.identity()),
            peer: None,
            outbox: Arc::default(),
            mailboxes: BTreeMap::new(),
            in_socket: Vec::new(),
            is_writing: false,
            follows: false,
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            gateway,
        }
    }

    fn hub(&self) -> &Hub {
        &self.gateway.hub
    }

    /// Routing only. Says why it ended, if anybody decided that.
    async fn run(&mut self) -> Option<CloseReason> {
        loop {
            let event = poll_fn(|cx| self.poll_event(cx)).await;
            let now = self.gateway.clock.now();
            let effects = match event {
                Event::Frame(message) => self.frame(now, message),
                Event::Flushed => self.flushed(),
                Event::Outgoing(Taken::Items(items)) => {
                    items.into_iter().flat_map(|item| self.outgoing(item)).collect()
                }
                Event::Outgoing(Taken::Close(reason)) => self.closing(reason),
                Event::Tick => self.tick(now),
                Event::Gone(error) => return self.gone(error),
            };
            if let Some(reason) = self.carry_out(effects).await {
                goodbye(&mut self.socket, reason.close_code(), reason.to_string()).await;
                return Some(reason);
            }
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if self.is_writing
            && let Poll::Ready(flushed) = Pin::new(&mut self.socket).poll_flush(cx)
        {
            self.is_writing = false;
            return Poll::Ready(match flushed {
                Ok(()) => Event::Flushed,
                Err(error) => Event::Gone(Some(error)),
            });
        }
        let may_read = !self.is_writing || self.outbox.waiting() < UNREAD_MAX;
        if may_read && let Poll::Ready(read) = Pin::new(&mut self.socket).poll_next(cx) {
            return Poll::Ready(match read {
                Some(Ok(message)) => Event::Frame(message),
                Some(Err(error)) => Event::Gone(Some(error)),
                None => Event::Gone(None),
            });
        }
        let taken = if self.is_writing {
            self.outbox.poll_close(cx).map(Taken::Close)
        } else {
            self.outbox.poll_take(cx)
        };
        if let Poll::Ready(taken) = taken {
            return Poll::Ready(Event::Outgoing(taken));
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(Event::Tick)
    }

    /// The timer went off, perhaps early: a due time that moved on since is looked at here, so that
    /// traffic need not touch the timer.
    fn tick(&mut self, now: Timestamp) -> Vec<Effect> {
        let effects = self.session.tick(now);
        let next = self.session.next_tick().unwrap_or(now + GOODBYE_WITHIN);
        self.timer.as_mut().reset(Instant::now() + next.since(now));
        effects
    }

    fn frame(&mut self, now: Timestamp, message: Message) -> Vec<Effect> {
        match message {
            Message::Binary(bytes) => {
                let _stop = tracing::debug_span!("gateway.socket", bytes = bytes.len()).entered();
                metrics::counter!(crate::metrics::FRAMES_RECEIVED).increment(1);
                let somebody_follows = self.hub().somebody_follows();
                let effects = self.session.receive(now, &bytes, somebody_follows);
                self.note_follows();
                effects
            }
            Message::Text(_) => {
                let words = "bad_frame: this protocol has no text frames, send binary ones";
                self.closing(CloseReason::BadFrame(words.to_owned()))
            }
            // tungstenite answers pings and close frames by itself, when the socket is flushed.
            Message::Ping(_) | Message::Close(_) => {
                self.session.heard(now);
                self.is_writing = true;
                Vec::new()
            }
            Message::Pong(_) | Message::Frame(_) => {
                self.session.heard(now);
                Vec::new()
            }
        }
    }

    fn note_follows(&mut self) {
        let follows = self.session.follows_somebody();
        if follows != self.follows {
            self.follows = follows;
            self.hub().follows_changed(follows);
        }
    }

    fn outgoing(&mut self, outgoing: Outgoing) -> Vec<Effect> {
        if let Outgoing::Sync { document, .. } = &outgoing {
            self.in_socket.push(document.clone());
        }
        self.session.outgoing(outgoing)
    }

    /// Each document may send its next message now.
    fn flushed(&mut self) -> Vec<Effect> {
        let session = self.session.id();
        for document in self.in_socket.drain(..) {
            if let Some(mailbox) = self.mailboxes.get(&document) {
                mailbox.drained(session);
            }
        }
        Vec::new()
    }

    fn closing(&mut self, reason: CloseReason) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.session.close(reason, &mut effects);
        effects
    }

    async fn carry_out(&mut self, effects: Vec<Effect>) -> Option<CloseReason> {
        for effect in effects {
            match effect {
                Effect::Write(frame) => self.write(Message::Binary(frame)),
                Effect::Ping => self.write(Message::Ping(Bytes::new())),
                Effect::Joined(peer) => self.joined(peer),
                Effect::Tell { document, what } => self.tell(document, what).await,
                Effect::Close(reason) => return Some(reason),
            }
        }
        None
    }

    fn joined(&mut self, peer: PeerId) {
        self.hub().joined(self.session.id(), &peer, &self.outbox);
        self.peer = Some(peer);
    }

    /// Into the socket's buffer; [`poll_event`](Self::poll_event) flushes it.
    fn write(&mut self, message: Message) {
        self.is_writing = true;
        if let Err(error) = Pin::new(&mut self.socket).start_send(message) {
            // Seen again, and acted on, at the next flush.
            tracing::debug!(session = %self.session.id(), %error, "could not write");
        }
    }

    async fn tell(&mut self, document: DocumentId, what: ToDocument) {
        let session = self.session.id();
        if let ToDocument::Open { storage, follows } = what {
            let mailbox = self.gateway.hub.read(&document, session, storage, follows, &self.outbox).await;
            self.mailboxes.extend(mailbox.map(|mailbox| (document, mailbox)));
            return;
        }
        match self.mailboxes.get(&document) {
            Some(mailbox) => mailbox.tell(session, what).await,
            None => self.hub().tell_if_open(&document, session, what),
        }
    }

    fn gone(&self, error: Option<Error>) -> Option<CloseReason> {
        let session = self.session.id();
        match error {
            Some(Error::Capacity(CapacityError::MessageTooLong { size, max_size })) => {
                tracing::info!(%session, size, max_size, "a message was too large");
            }
            Some(error) => tracing::debug!(%session, %error, "the transport failed"),
            None => {}
        }
        None
    }
}

/// The close frame with its code; waits a little for the peer to read it.
pub(super) async fn goodbye(socket: &mut Socket, code: u16, mut words: String) {
    let end = (0..=CLOSE_REASON_BYTES_MAX.min(words.len())).rev().find(|at| words.is_char_boundary(*at));
    words.truncate(end.unwrap_or(0));
    let frame = CloseFrame { code: code.into(), reason: words.into() };
    let close = async {
        // Both only fail when the peer is gone already.
        let _gone = socket.close(Some(frame)).await;
        while let Some(Ok(_)) = poll_fn(|cx| Pin::new(&mut *socket).poll_next(cx)).await {}
    };
    let _late = tokio::time::timeout(GOODBYE_WITHIN, close).await;
}

/// Throws away what still comes of a message that was not taken, after the goodbye: were it left unread, the
/// connection would be reset, and the peer might not see the close frame.
pub(super) async fn throw_away_rest(socket: &mut Socket) {
    let stream = socket.get_mut();
    let reading = async {
        let mut piece = vec![0; 64 * 1024];
        while stream.read(&mut piece).await.is_ok_and(|read| read > 0) {}
    };
    let _late = tokio::time::timeout(GOODBYE_WITHIN, reading).await;
}

/// However a connection ends, be it by a panic: a reader that nobody takes away would keep its
/// documents in memory until the server is started again.
impl Drop for Connection {
    fn drop(&mut self) {
        let session = self.session.id();
        for mailbox in self.mailboxes.values() {
            mailbox.leave(session);
        }
        if self.follows {
            self.hub().follows_changed(false);
        }
        self.hub().left(session, self.peer.as_ref());
    }
}
