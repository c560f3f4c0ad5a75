//! One JSON WebSocket: texts in, texts out, and the time.
//!
//! Edit path: ← a text, [`Session`] says what to do, → a feed, the hub, other sessions. And back: ← answers,
//! what others said, what the followed documents have to tell, → one text after the other, each when the
//! socket has taken the one before.
//!
//! Always true: edits of one connection are made one after the other, in their order. Reading goes on while
//! a large message is being written, so a slow client's pongs are seen; but when too many answers wait, or
//! two edits do, nothing more is read.
//!
//! Always true: an edit that has arrived is made, though its writer is gone by then, be it by a reset that whoever writes learns of
//! before the last words are read.

use super::edit;
use super::message::{Edit, Refusal};
use super::people::Inbox;
use super::session::{Due, Effect, Session, Who};
use crate::audit::{self, Action};
use crate::feed::{Event, Subscription};
use crate::gateway::Gateway;
use crate::gateway::door::{Caller, Door, turned_away};
use crate::gateway::reply::Problem;
use crate::gateway::socket::{goodbye, throw_away_rest};
use crate::gateway::upgrade::Socket;
use crate::hub::{Hub, ViewError};
use crate::throttle::Cost;
use automerge::ChangeHash;
use dovetail_core::grant::{Identity, ReadPermit};
use dovetail_core::id::{DocumentId, SessionId};
use dovetail_core::session::CloseReason;
use dovetail_core::time::Timestamp;
use futures_util::stream::{self, BoxStream, SelectAll};
use futures_util::{FutureExt, Sink, Stream, StreamExt, future::BoxFuture};
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, Sleep};
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

/// When so many answers wait to be written, nothing more is read. One that subscribes to everything it may
/// has 256. Pongs count as well: they go into the socket's buffer at once, which has no bound of its own.
pub(crate) const REPLIES_MAX: usize = 1_024;

/// Serves one connection until it ends.
pub(super) async fn serve(socket: Socket, address: SocketAddr, user: Option<Arc<str>>, door: Door) {
    let name = uuid::Uuid::new_v4().to_string().into();
    door.note(Action::SignIn, None);
    let Door { gateway, caller } = door;
    let Caller { who: identity, address: from } = caller;
    let who = Who { identity, address: from, number: gateway.hub.next_session(), name, user };
    let session = who.number;
    let mut connection = Connection::new(socket, who, gateway);
    tracing::debug!(%session, %address, "connected as JSON");
    let reason = connection.run().await;
    tracing::debug!(%session, ?reason, "disconnected");
}

/// Tells somebody why they are not let in.
pub(super) async fn turn_away(mut socket: Socket, now: Timestamp, problem: Problem) {
    let reason = turned_away(&problem);
    let told = Refusal::from(problem).text(now);
    // Fails only when the client is gone already.
    let _gone = Pin::new(&mut socket).start_send(Message::text(told));
    goodbye(&mut socket, reason.close_code(), reason.to_string()).await;
}

/// An edit, from whom it came to what became of it.
type Edited = (DocumentId, Option<String>, Result<edit::Done, Refusal>);

struct Connection {
    socket: Socket,
    gateway: Gateway,
    session: Session,
    inbox: Arc<Inbox>,
    replies: VecDeque<String>,
    /// Who it is now, for the documents that are followed.
    identity: watch::Sender<Arc<Identity>>,
    told: SelectAll<BoxStream<'static, (DocumentId, Event)>>,
    /// Dropped, it ends the stream of that document.
    follows: BTreeMap<DocumentId, oneshot::Sender<()>>,
    editing: Option<BoxFuture<'static, Edited>>,
    next_edit: Option<(Option<String>, Edit)>,
    stopping: BoxFuture<'static, ()>,
    /// Something was written and not flushed.
    is_writing: bool,
    /// Pings that were answered since the socket last had taken everything.
    pongs: usize,
    /// Nobody is there any more.
    is_gone: bool,
    timer: Pin<Box<Sleep>>,
}

/// What can happen to a connection. Closed on purpose.
enum Wake {
    Frame(Message),
    /// The socket has taken everything.
    Flushed,
    Write(String),
    Told(DocumentId, Event),
    Edited(Edited),
    Tick,
    Stopping,
    Revoked,
    /// The client has gone, or the transport failed.
    Gone(Option<Error>),
}

impl Connection {
    fn new(socket: Socket, who: Who, gateway: Gateway) -> Self {
        let (hub, now) = (&gateway.hub, gateway.clock.now());
        let inbox = gateway.people.came(who.number, who.user.clone());
        let session = Session::new(who, hub.identity().peer.clone(), hub.session_limits(), now);
        let mut drain = gateway.drain.clone();
        Self {
            replies: VecDeque::from([session.hello(now)]),
            identity: watch::Sender::new(session.who().identity.clone()),
            socket,
            session,
            inbox,
            told: SelectAll::new(),
            follows: BTreeMap::new(),
            editing: None,
            next_edit: None,
            stopping: async move { drain.begun().await }.boxed(),
            is_writing: false,
            pongs: 0,
            is_gone: false,
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            gateway,
        }
    }

    /// Routing only. Says why it ended, if we decided that.
    async fn run(&mut self) -> Option<CloseReason> {
        loop {
            let wake = poll_fn(|cx| self.poll_wake(cx)).await;
            let now = self.gateway.clock.now();
            let close = match wake {
                Wake::Frame(message) => self.frame(now, message).await,
                Wake::Flushed => None,
                Wake::Write(text) => self.write(Message::text(text)),
                Wake::Told(document, event) => self.document_told(now, &document, &event).await,
                Wake::Edited(edited) => self.edited(now, edited),
                Wake::Tick => self.tick(now),
                Wake::Stopping => Some(CloseReason::ServerStops),
                Wake::Revoked => Some(CloseReason::blocked()),
                Wake::Gone(error) => self.gone(error),
            };
            match close {
                Some(reason) => {
                    goodbye(&mut self.socket, reason.close_code(), reason.to_string()).await;
                    if let CloseReason::TooLarge { .. } = reason {
                        throw_away_rest(&mut self.socket).await;
                    }
                    return Some(reason);
                }
                None if self.is_gone && self.editing.is_none() => return None,
                None => {}
            }
        }
    }

    fn poll_wake(&mut self, cx: &mut Context<'_>) -> Poll<Wake> {
        if self.stopping.poll_unpin(cx).is_ready() {
            return Poll::Ready(Wake::Stopping);
        }
        if self.inbox.is_over() {
            return Poll::Ready(Wake::Revoked);
        }
        if self.is_writing
            && let Poll::Ready(flushed) = Pin::new(&mut self.socket).poll_flush(cx)
        {
            self.is_writing = false;
            self.pongs = 0;
            return Poll::Ready(flushed.map_or_else(|error| Wake::Gone(Some(error)), |()| Wake::Flushed));
        }
        if let Some(editing) = &mut self.editing
            && let Poll::Ready(edited) = editing.poll_unpin(cx)
        {
            return Poll::Ready(Wake::Edited(edited));
        }
        let is_deaf = self.socket.get_ref().is_deaf();
        let has_room = is_deaf || self.replies.len() + self.pongs < REPLIES_MAX;
        if !self.is_gone && self.next_edit.is_none() && has_room {
            match Pin::new(&mut self.socket).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => return Poll::Ready(Wake::Frame(message)),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Wake::Gone(Some(error))),
                Poll::Ready(None) => return Poll::Ready(Wake::Gone(None)),
                Poll::Pending => {}
            }
        }
        if !self.is_writing
            && !self.is_gone
            && let Poll::Ready(outgoing) = self.poll_outgoing(cx)
        {
            return Poll::Ready(outgoing);
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(Wake::Tick)
    }

    /// What is written next: answers first, then what others said, then what documents have to tell.
    fn poll_outgoing(&mut self, cx: &mut Context<'_>) -> Poll<Wake> {
        if let Some(reply) = self.replies.pop_front() {
            return Poll::Ready(Wake::Write(reply));
        }
        if let Poll::Ready(message) = self.inbox.poll_take(cx) {
            return Poll::Ready(Wake::Write(message.to_string()));
        }
        match ready!(self.told.poll_next_unpin(cx)) {
            Some((document, event)) => Poll::Ready(Wake::Told(document, event)),
            // No document is followed.
            None => Poll::Pending,
        }
    }

    async fn frame(&mut self, now: Timestamp, message: Message) -> Option<CloseReason> {
        // Whatever is answered counts.
        let is_counted = matches!(message, Message::Text(_) | Message::Binary(_) | Message::Ping(_));
        if is_counted
            && let Err(problem) = self.door().spend(None, Cost::Message { bytes: message.len() }).await
        {
            let reason = turned_away(&problem);
            self.replies.push_back(Refusal::from(problem).text(now));
            return Some(reason);
        }
        let effects = match message {
            Message::Text(text) => {
                metrics::counter!(crate::metrics::FRAMES_RECEIVED).increment(1);
                self.session.hear(now, &text)
            }
            Message::Binary(_) => self.session.hear_binary(now),
            // tungstenite answers pings and close frames by itself, when the socket is flushed.
            Message::Ping(_) | Message::Close(_) => {
                self.session.heard(now);
                self.is_writing = true;
                self.pongs += 1;
                Vec::new()
            }
            Message::Pong(_) | Message::Frame(_) => {
                self.session.heard(now);
                Vec::new()
            }
        };
        for effect in effects {
            if let Err(reason) = self.carry_out(now, effect).await {
                return Some(reason);
            }
        }
        None
    }

    /// Routing only.
    async fn carry_out(&mut self, now: Timestamp, effect: Effect) -> Result<(), CloseReason> {
        match effect {
            Effect::Reply(text) => self.replies.push_back(text),
            Effect::Follow { document, from } => self.follow(document, from),
            Effect::Unfollow { document } => drop(self.follows.remove(&document)),
            Effect::Edit { correlation, edit } => {
                self.next_edit = Some((correlation, edit));
                self.begin_edit();
            }
            Effect::Say { document, said, correlation, done } => match self.door().read(&document).await {
                Ok(permit) => {
                    self.gateway.hub.say(&permit, said).await;
                    self.replies.extend(done);
                }
                Err(problem) => {
                    self.door().note_refused(Some(&document), problem.code.as_str());
                    let refusal = Refusal { correlation, ..Refusal::from(problem).about(&document) };
                    self.replies.push_back(refusal.text(now));
                }
            },
            Effect::Verify { correlation, token } => {
                let identity = self.gateway.identify(token.reveal(), &self.door().caller).await?;
                let told = self.session.identified(now, correlation.as_deref(), identity.clone());
                self.replies.push_back(told.ok_or_else(CloseReason::token_of_another)?);
                // Documents that are followed go by it from now on.
                self.identity.send_replace(identity);
            }
            Effect::TellUser { correlation, user, message } => {
                let reached = self.gateway.people.tell_user(&user, self.number(), &message);
                self.replies.extend(Session::reached(now, correlation.as_deref(), reached));
            }
            Effect::TellAll { correlation, message } => {
                let reached = self.gateway.people.tell_all(self.number(), &message);
                self.replies.extend(Session::reached(now, correlation.as_deref(), reached));
            }
        }
        Ok(())
    }

    /// What this session may do, asked anew each time.
    fn door(&self) -> Door {
        let Who { identity, address, .. } = self.session.who();
        let caller = Caller { who: identity.clone(), address: *address };
        Door { gateway: self.gateway.clone(), caller }
    }

    fn number(&self) -> SessionId {
        self.session.who().number
    }

    fn follow(&mut self, document: DocumentId, from: Option<Vec<ChangeHash>>) {
        let (hold, let_go) = oneshot::channel();
        let following = Following::Beginning { from, me: self.number(), who: self.identity.subscribe() };
        let told = following.events(self.gateway.clone(), document.clone());
        self.told.push(told.take_until(let_go.map(drop)).boxed());
        self.follows.insert(document, hold);
    }

    async fn document_told(
        &mut self,
        now: Timestamp,
        document: &DocumentId,
        event: &Event,
    ) -> Option<CloseReason> {
        if let Event::Lost(ViewError::Unknown { .. }) = event {
            self.door().note_refused(Some(document), audit::HIDDEN);
        }
        if matches!(event, Event::Deleted | Event::Lost(_)) {
            self.follows.remove(document);
            say_gone(&self.gateway.hub, self.session.gone_from(document)).await;
        }
        let text = self.session.told(now, document, event)?;
        self.write(Message::text(text))
    }

    fn begin_edit(&mut self) {
        if self.editing.is_some() {
            return;
        }
        let Some((correlation, edit)) = self.next_edit.take() else { return };
        let door = self.door();
        let editing = async move {
            let document = edit.document.clone();
            // Boxed: what computing and storing take, a connection need not hold while it is idle.
            (document, correlation, Box::pin(edit::apply(door, edit)).await)
        };
        self.editing = Some(editing.boxed());
    }

    fn edited(&mut self, now: Timestamp, (document, correlation, outcome): Edited) -> Option<CloseReason> {
        if let Err(refusal) = &outcome {
            self.door().note_refused(Some(&document), refusal.code);
        }
        self.replies.push_back(Session::edited(now, &document, correlation, outcome));
        self.editing = None;
        self.begin_edit();
        None
    }

    /// The timer went off, perhaps early: what moved on since is looked at here.
    fn tick(&mut self, now: Timestamp) -> Option<CloseReason> {
        let due = self.session.tick(now);
        self.timer.as_mut().reset(Instant::now() + self.session.next_tick().since(now));
        match due {
            Due::Nothing => None,
            Due::Ping => self.write(Message::Ping(Bytes::new())),
            Due::Renew(until) => {
                self.replies.push_back(Session::token(now, None, Some(until)));
                None
            }
            Due::TokenOver => Some(CloseReason::token_over()),
            Due::Silent => Some(CloseReason::Silent { silence_ms: self.session.silence_max_ms().into() }),
        }
    }

    /// Into the socket's buffer; [`poll_wake`](Self::poll_wake) flushes it.
    fn write(&mut self, message: Message) -> Option<CloseReason> {
        self.is_writing = true;
        if let Err(error) = Pin::new(&mut self.socket).start_send(message) {
            // Seen again, and acted on, at the next flush.
            tracing::debug!(session = %self.number(), %error, "could not write");
        }
        None
    }

    fn gone(&mut self, error: Option<Error>) -> Option<CloseReason> {
        self.is_gone = true;
        match error {
            Some(Error::Capacity(CapacityError::MessageTooLong { max_size, .. })) => {
                return Some(CloseReason::TooLarge { bytes_max: max_size });
            }
            Some(error) => tracing::debug!(session = %self.number(), %error, "the transport failed"),
            None => {}
        }
        None
    }
}

/// However a connection ends, be it by a panic: nobody is to see it where it is no longer.
impl Drop for Connection {
    fn drop(&mut self) {
        self.gateway.people.left(self.number(), &self.session.who().user.clone());
        let leaving = self.session.leave();
        if leaving.is_empty() {
            return;
        }
        let hub = self.gateway.hub.clone();
        tokio::spawn(async move { say_gone(&hub, leaving).await });
    }
}

/// That somebody is gone is said also when they may say nothing any more.
async fn say_gone(hub: &Hub, leaving: impl IntoIterator<Item = Effect>) {
    for effect in leaving {
        if let Effect::Say { document, said, .. } = effect {
            hub.say(&ReadPermit::of_server(document), said).await;
        }
    }
}

/// How far the following of one document has come.
enum Following {
    Beginning { from: Option<Vec<ChangeHash>>, me: SessionId, who: watch::Receiver<Arc<Identity>> },
    Going(Going),
    Over,
}

/// A document that is followed, until whoever follows it may not read it any more.
struct Going {
    subscription: Box<Subscription>,
    revoked: BoxFuture<'static, ()>,
    who: watch::Receiver<Arc<Identity>>,
}

impl Following {
    /// All that the document has to tell. Looked at only when the socket is free, so nothing gathers.
    fn events(
        self,
        gateway: Gateway,
        document: DocumentId,
    ) -> impl Stream<Item = (DocumentId, Event)> + Send {
        stream::unfold(self, move |following| {
            let (gateway, document) = (gateway.clone(), document.clone());
            async move {
                let (event, following) = following.next(&gateway, &document).await?;
                Some(((document, event), following))
            }
        })
    }

    async fn next(self, gateway: &Gateway, document: &DocumentId) -> Option<(Event, Self)> {
        let going = match self {
            Following::Over => return None,
            Following::Going(going) => Ok(going),
            Following::Beginning { from, me, who } => Going::begin(gateway, document, from, me, who).await,
        };
        match going {
            Ok(going) => going.next(gateway, document).await,
            Err(error) => Some((Event::Lost(error), Following::Over)),
        }
    }
}

impl Going {
    async fn begin(
        gateway: &Gateway,
        document: &DocumentId,
        from: Option<Vec<ChangeHash>>,
        me: SessionId,
        mut who: watch::Receiver<Arc<Identity>>,
    ) -> Result<Self, ViewError> {
        let permit = look(gateway, document, &mut who).await?;
        let subscription = Box::new(gateway.feeds.follow(&permit, from, Some(me)).await?);
        Ok(Self { subscription, revoked: revoked(gateway, permit), who })
    }

    async fn next(mut self, gateway: &Gateway, document: &DocumentId) -> Option<(Event, Following)> {
        loop {
            tokio::select! {
                biased;
                // A newer token was shown: the right goes by that one.
                Ok(()) = self.who.changed() => match look(gateway, document, &mut self.who).await {
                    Ok(permit) => self.revoked = revoked(gateway, permit),
                    Err(hidden) => return Some((Event::Lost(hidden), Following::Over)),
                },
                () = &mut self.revoked => {
                    let hidden = ViewError::Unknown { document: document.clone() };
                    return Some((Event::Lost(hidden), Following::Over));
                }
                event = self.subscription.next() => return Some((event?, Following::Going(self))),
            }
        }
    }
}

async fn look(
    gateway: &Gateway,
    document: &DocumentId,
    who: &mut watch::Receiver<Arc<Identity>>,
) -> Result<ReadPermit, ViewError> {
    let caller = Caller { who: who.borrow_and_update().clone(), address: None };
    Door { gateway: gateway.clone(), caller }.look(document).await
}

fn revoked(gateway: &Gateway, permit: ReadPermit) -> BoxFuture<'static, ()> {
    let hub = gateway.hub.clone();
    async move { hub.revoked(permit).await }.boxed()
}
