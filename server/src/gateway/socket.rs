//! One automerge-repo WebSocket: bytes in, bytes out, and the time.
//!
//! Edit path: ← a frame, the [`Link`] takes it to its document. And back: ← the outbox that documents
//! push into, → frames, and word to each document whose message the socket has taken.
//!
//! Reading goes on while a large message is being written, so a slow peer's pongs are seen. But when
//! much waits to be written nothing more is read: who does not listen is not heard.
//!
//! Always true: a connection on which nothing can be written any more ([`OneWay`](super::one_way::OneWay)) is over when all that has
//! arrived on it was read, to its end or the error that stands there: that nothing is to be read just now tells nothing.

use super::door::Door;
use super::link::{Link, Wire};
use super::upgrade::Socket;
use crate::audit::Action;
use crate::hub::Taken;
use crate::throttle::Cost;
use dovetail_core::id::{DocumentId, PeerId};
use dovetail_core::session::{CloseReason, Effect, Outgoing};
use dovetail_core::time::Timestamp;
use dovetail_core::wire;
use futures_util::{Sink, Stream};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, Sleep};
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

/// When so much waits to be written, nothing more is read. A client that opens 200 documents at
/// once is answered 200 times; whoever has more than that waiting does not read. Answers that go into the socket at once count as
/// well: its buffer has no bound of its own, and whoever only pings would fill the memory with pongs.
pub(crate) const UNREAD_MAX: usize = 1_024;

/// How long a peer may take to read our last words.
const GOODBYE_WITHIN: Duration = Duration::from_secs(2);

/// For how long what a peer still sends of a message that was not taken is read, so that it sees the close frame behind
/// it: 64 MiB at 50 Mbit/s.
const THROWN_AWAY_WITHIN: Duration = Duration::from_secs(10);

/// Reasons in close frames have at most 123 bytes, RFC 6455 section 5.5.
const CLOSE_REASON_BYTES_MAX: usize = 123;

/// Serves one connection until it ends. What it is made of goes into it at once, so that the future holds it once.
pub(super) fn serve(socket: Socket, address: SocketAddr, door: Door) -> impl Future<Output = ()> + Send {
    door.note(Action::SignIn, None);
    run(Connection::new(socket, door), address)
}

async fn run(mut connection: Connection, address: SocketAddr) {
    let session = connection.link.session.id();
    tracing::debug!(%session, %address, "connected");
    let reason = connection.run().await;
    tracing::debug!(%session, ?reason, "disconnected");
}

/// Tells somebody why they are not let in, as any session is told how it ends.
pub(super) async fn turn_away(mut socket: Socket, server: PeerId, reason: CloseReason) {
    let message = reason.to_string().into();
    let told = wire::Message::Error { sender: Some(server), target: None, message }.encode();
    // Fails only when the peer is gone already.
    let _gone = Pin::new(&mut socket).start_send(Message::Binary(told.into()));
    goodbye(&mut socket, reason.close_code(), reason.to_string()).await;
}

struct Connection {
    link: Link,
    wire: Open,
    /// Documents whose message is on its way into the socket.
    in_socket: Vec<DocumentId>,
    timer: Pin<Box<Sleep>>,
}

/// The socket as something that is written to.
struct Open {
    socket: Socket,
    /// Something was written and not flushed.
    is_writing: bool,
    /// Pings, ours too, that were answered since the socket last had taken everything.
    pongs: usize,
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
    fn new(socket: Socket, Door { gateway, caller }: Door) -> Self {
        Self {
            link: Link::new(gateway, caller),
            wire: Open { socket, is_writing: false, pongs: 0 },
            in_socket: Vec::new(),
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
        }
    }

    /// Routing only. Says why it ended, if anybody decided that.
    async fn run(&mut self) -> Option<CloseReason> {
        loop {
            let event = poll_fn(|cx| self.poll_event(cx)).await;
            let limited = match &event {
                // A ping is answered, so it counts; what ends the connection anyway does not.
                Event::Frame(Message::Binary(bytes) | Message::Ping(bytes)) => {
                    self.link.spend(None, Cost::Message { bytes: bytes.len() }).await
                }
                _ => None,
            };
            let event = limited.map_or(event, |reason| Event::Outgoing(Taken::Close(reason)));
            let now = self.link.gateway.clock.now();
            let effects = match event {
                Event::Frame(message) => self.frame(now, message),
                Event::Flushed => self.flushed(),
                Event::Outgoing(Taken::Items(items)) => {
                    items.into_iter().flat_map(|item| self.outgoing(item)).collect()
                }
                Event::Outgoing(Taken::Close(reason)) => self.link.closing(reason),
                Event::Tick => self.tick(now),
                Event::Gone(Some(Error::Capacity(CapacityError::MessageTooLong { max_size, .. }))) => {
                    self.link.closing(CloseReason::TooLarge { bytes_max: max_size })
                }
                Event::Gone(error) => {
                    self.gone(error);
                    return None;
                }
            };
            if let Some(reason) = self.link.carry_out(effects, &mut self.wire).await {
                // Boxed: until its end a connection need not hold room for it.
                Box::pin(self.end(&reason)).await;
                return Some(reason);
            }
        }
    }

    async fn end(&mut self, reason: &CloseReason) {
        goodbye(&mut self.wire.socket, reason.close_code(), reason.to_string()).await;
        if let CloseReason::TooLarge { .. } = reason {
            throw_away_rest(&mut self.wire.socket).await;
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if self.wire.is_writing
            && let Poll::Ready(flushed) = Pin::new(&mut self.wire.socket).poll_flush(cx)
        {
            self.wire.is_writing = false;
            self.wire.pongs = 0;
            return Poll::Ready(flushed.map_or_else(|error| Event::Gone(Some(error)), |()| Event::Flushed));
        }
        let is_deaf = self.wire.socket.get_ref().is_deaf();
        let may_read =
            is_deaf || !self.wire.is_writing || self.link.outbox.waiting() + self.wire.pongs < UNREAD_MAX;
        if may_read {
            match Pin::new(&mut self.wire.socket).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => return Poll::Ready(Event::Frame(message)),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Event::Gone(Some(error))),
                Poll::Ready(None) => return Poll::Ready(Event::Gone(None)),
                Poll::Pending => {}
            }
        }
        let taken = if self.wire.is_writing {
            self.link.outbox.poll_close(cx).map(Taken::Close)
        } else {
            self.link.outbox.poll_take(cx)
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
        let effects = self.link.session.tick(now);
        let next = self.link.session.next_tick().unwrap_or(now + GOODBYE_WITHIN);
        self.timer.as_mut().reset(Instant::now() + next.since(now));
        effects
    }

    fn frame(&mut self, now: Timestamp, message: Message) -> Vec<Effect> {
        match message {
            Message::Binary(bytes) => {
                let _stop = tracing::debug_span!("gateway.socket", bytes = bytes.len()).entered();
                let effects = self.link.receive(now, &bytes);
                self.wire.pongs += effects.iter().filter(|effect| matches!(effect, Effect::Write(_))).count();
                effects
            }
            Message::Text(_) => {
                let words = "bad_frame: this protocol has no text frames, send binary ones";
                self.link.closing(CloseReason::BadFrame(words.to_owned()))
            }
            // tungstenite answers pings and close frames by itself, when the socket is flushed.
            Message::Ping(_) | Message::Close(_) => {
                self.link.session.heard(now);
                self.wire.is_writing = true;
                self.wire.pongs += 1;
                Vec::new()
            }
            Message::Pong(_) | Message::Frame(_) => {
                self.link.session.heard(now);
                Vec::new()
            }
        }
    }

    fn outgoing(&mut self, outgoing: Outgoing) -> Vec<Effect> {
        if let Outgoing::Sync { document, .. } = &outgoing {
            self.in_socket.push(document.clone());
        }
        self.link.session.outgoing(outgoing)
    }

    /// Each document may send its next message now.
    fn flushed(&mut self) -> Vec<Effect> {
        for document in self.in_socket.drain(..) {
            self.link.drained(&document);
        }
        Vec::new()
    }

    fn gone(&self, error: Option<Error>) {
        if let Some(error) = error {
            tracing::debug!(session = %self.link.session.id(), %error, "the transport failed");
        }
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
    let _late = tokio::time::timeout(THROWN_AWAY_WITHIN, reading).await;
}

impl Open {
    /// Into the socket's buffer; [`Connection::poll_event`] flushes it.
    fn send(&mut self, message: Message) {
        self.is_writing = true;
        if let Err(error) = Pin::new(&mut self.socket).start_send(message) {
            // Seen again, and acted on, at the next flush.
            tracing::debug!(%error, "could not write");
        }
    }
}

impl Wire for Open {
    fn write(&mut self, frame: Bytes) {
        self.send(Message::Binary(frame));
    }

    fn ping(&mut self) {
        self.send(Message::Ping(Bytes::new()));
    }
}
