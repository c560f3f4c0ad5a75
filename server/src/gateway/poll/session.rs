//! The task of one session over plain HTTP: what a socket is to a WebSocket, this is to its requests.
//!
//! ```text
//!  open ──▶ Serving ──leave, DELETE, refusal, silence, restart──▶ Ended ──LINGER──▶ forgotten
//! ```
//! Edit path: ← a post's frames, the [`Link`] takes them to their documents. And back: ← the outbox that
//! documents push into, → the [`Ledger`] keeps frames until a poll says that the peer has them.
//!
//! A document is told `drained` when its frame was *acknowledged*, not when it was handed out: an answer
//! that is lost must not make it send again, and while the peer is away it is one message a document that
//! waits here, whatever is edited meanwhile. It costs no round trip, since the poll that acknowledges is
//! the one that waits for what the document has next.
//!
//! Silence is judged by the session like that of a socket: every request is a sign of life, and where a
//! socket would be pinged a poll is answered without frames.

use super::ledger::{Admission, Ledger, Page};
use super::{Place, Refused};
use crate::gateway::door::Door;
use crate::gateway::link::Link;
use crate::hub::Taken;
use crate::shutdown::Drain;
use crate::throttle::Cost;
use bytes::Bytes;
use dovetail_core::session::{CloseReason, Effect, Outgoing};
use std::future::poll_fn;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// How long an ended session can still be asked why: two polls of a client whose answer was lost.
const LINGER: Duration = Duration::from_secs(50);

/// While so much waits that the peer does not fetch, its posts are refused: who does not listen is not
/// heard. As for a socket.
pub(crate) const UNREAD_MAX: usize = 1_024;

/// What can happen to a session from outside.
#[derive(Debug)]
pub(super) enum Call {
    /// Frames from the peer, with the number of their post.
    Post { seq: u64, frames: Vec<Bytes>, answer: oneshot::Sender<Result<(), Refused>> },
    /// The peer has all up to `after`, and wants what comes next within `wait`.
    Poll { after: u64, wait: Duration, answer: oneshot::Sender<Result<Page, Refused>> },
    /// The peer is done.
    End { answer: oneshot::Sender<()> },
}

/// See the top of the file.
pub(super) struct Task {
    link: Link,
    calls: mpsc::Receiver<Call>,
    drain: Drain,
    ledger: Ledger,
    /// The one poll that waits.
    waiting: Option<Waiting>,
    tick_at: Instant,
    place: Place,
}

struct Waiting {
    until: Instant,
    answer: oneshot::Sender<Result<Page, Refused>>,
}

enum Event {
    Call(Call),
    Outgoing(Taken),
    Draining,
    Due,
}

impl Task {
    pub(super) fn new(door: Door, calls: mpsc::Receiver<Call>, place: Place) -> Self {
        let Door { gateway, caller } = door;
        Self {
            drain: gateway.drain.clone(),
            link: Link::new(gateway, caller),
            calls,
            ledger: Ledger::default(),
            waiting: None,
            tick_at: Instant::now(),
            place,
        }
    }

    pub(super) async fn run(mut self) {
        let session = self.link.session.id();
        tracing::debug!(%session, "opened over HTTP");
        let reason = self.serve().await;
        tracing::debug!(%session, ?reason, "ended over HTTP");
        let Self { link, calls, drain, ledger, waiting, place, .. } = self;
        drop(link); // its documents need not wait for what follows
        Ended { reason, ledger }.linger(waiting, calls, drain).await;
        drop(place);
    }

    /// Routing only. Says why it ended.
    async fn serve(&mut self) -> CloseReason {
        loop {
            let ended = match self.next().await {
                Event::Call(Call::Post { seq, frames, answer }) => {
                    let (answered, ended) = self.post(seq, frames).await;
                    let _gone = answer.send(answered);
                    ended
                }
                Event::Call(Call::Poll { after, wait, answer }) => {
                    self.poll(after, wait, answer);
                    None
                }
                Event::Call(Call::End { answer }) => {
                    let _gone = answer.send(());
                    Some(CloseReason::Left)
                }
                Event::Outgoing(Taken::Items(items)) => {
                    let mut ended = None;
                    for item in items {
                        ended = self.outgoing(item).await;
                        if ended.is_some() {
                            break;
                        }
                    }
                    ended
                }
                Event::Outgoing(Taken::Close(reason)) => {
                    let effects = self.link.closing(reason);
                    self.carry_out(effects).await
                }
                Event::Draining => Some(CloseReason::ServerStops),
                Event::Due => self.due().await,
            };
            if let Some(reason) = ended {
                return reason;
            }
            self.answer_poll();
        }
    }

    async fn next(&mut self) -> Event {
        let due = self.waiting.as_ref().map_or(self.tick_at, |waiting| waiting.until.min(self.tick_at));
        let (outbox, is_full) = (&self.link.outbox, self.ledger.is_full());
        let outgoing =
            poll_fn(
                |cx| {
                    if is_full { outbox.poll_close(cx).map(Taken::Close) } else { outbox.poll_take(cx) }
                },
            );
        tokio::select! {
            biased;
            () = self.drain.begun() => Event::Draining,
            Some(call) = self.calls.recv() => Event::Call(call),
            taken = outgoing => Event::Outgoing(taken),
            () = tokio::time::sleep_until(due) => Event::Due,
        }
    }

    async fn post(&mut self, seq: u64, frames: Vec<Bytes>) -> (Result<(), Refused>, Option<CloseReason>) {
        let now = self.link.gateway.clock.now();
        self.link.session.heard(now);
        if self.link.outbox.waiting() >= UNREAD_MAX {
            return (Err(Refused::Unread), None);
        }
        match self.ledger.admit(seq) {
            Admission::Gap { expected } => return (Err(Refused::Gap { expected }), None),
            Admission::Repeated => return (Ok(()), None),
            Admission::Act => {}
        }
        for frame in frames {
            if let Some(reason) = self.link.spend(None, Cost::Message { bytes: frame.len() }).await {
                let effects = self.link.closing(reason);
                return (Ok(()), self.carry_out(effects).await);
            }
            let effects = {
                let _stop = tracing::debug_span!("gateway.poll", bytes = frame.len()).entered();
                self.link.receive(now, &frame)
            };
            if let Some(reason) = self.carry_out(effects).await {
                return (Ok(()), Some(reason));
            }
        }
        (Ok(()), None)
    }

    /// A second poll takes the place of the first.
    fn poll(&mut self, after: u64, wait: Duration, answer: oneshot::Sender<Result<Page, Refused>>) {
        self.link.session.heard(self.link.gateway.clock.now());
        match self.ledger.acknowledge(after) {
            Err(newest) => {
                let _gone = answer.send(Err(Refused::Ahead { newest }));
            }
            Ok(drained) => {
                drained.iter().for_each(|document| self.link.drained(document));
                self.end_poll();
                self.waiting = Some(Waiting { until: Instant::now() + wait, answer });
            }
        }
    }

    async fn outgoing(&mut self, outgoing: Outgoing) -> Option<CloseReason> {
        let about = match &outgoing {
            Outgoing::Sync { document, .. } => Some(document.clone()),
            _ => None,
        };
        self.ledger.writes(about);
        let effects = self.link.session.outgoing(outgoing);
        let ended = self.carry_out(effects).await;
        if let Some(unsent) = self.ledger.written() {
            self.link.drained(&unsent);
        }
        ended
    }

    /// A poll has waited long enough, or the session has something to do.
    async fn due(&mut self) -> Option<CloseReason> {
        let instant = Instant::now();
        if self.waiting.as_ref().is_some_and(|waiting| waiting.until <= instant) {
            self.end_poll();
        }
        if self.tick_at > instant {
            return None;
        }
        let now = self.link.gateway.clock.now();
        let effects = self.link.session.tick(now);
        let ended = self.carry_out(effects).await;
        if self.ledger.take_wants_word() {
            self.end_poll();
        }
        let next = self.link.session.next_tick().unwrap_or(now + LINGER);
        self.tick_at = instant + next.since(now);
        ended
    }

    async fn carry_out(&mut self, effects: Vec<Effect>) -> Option<CloseReason> {
        self.link.carry_out(effects, &mut self.ledger).await
    }

    fn answer_poll(&mut self) {
        if self.ledger.has_frames() {
            self.end_poll();
        }
    }

    fn end_poll(&mut self) {
        if let Some(Waiting { answer, .. }) = self.waiting.take() {
            // Should the request be gone, its frames are kept for the next.
            let _gone = answer.send(Ok(self.ledger.page()));
        }
    }
}

/// A session that is over, and what its peer has not fetched yet: the last word tells why.
struct Ended {
    reason: CloseReason,
    ledger: Ledger,
}

impl Ended {
    async fn linger(mut self, waiting: Option<Waiting>, mut calls: mpsc::Receiver<Call>, mut drain: Drain) {
        if let Some(Waiting { answer, .. }) = waiting {
            let _gone = answer.send(self.last_words());
        }
        let until = Instant::now() + LINGER;
        loop {
            let call = tokio::select! {
                biased;
                Some(call) = calls.recv() => call,
                () = drain.begun() => break,
                () = tokio::time::sleep_until(until) => break,
            };
            self.answer(call);
        }
        // Whoever comes while this ends is told as well.
        calls.close();
        while let Ok(call) = calls.try_recv() {
            self.answer(call);
        }
    }

    fn answer(&mut self, call: Call) {
        match call {
            Call::Post { answer, .. } => {
                let _gone = answer.send(Err(Refused::Ended(self.reason.clone())));
            }
            Call::Poll { after, answer, .. } => {
                let acknowledged = self.ledger.acknowledge(after);
                let answered = match acknowledged {
                    Err(newest) => Err(Refused::Ahead { newest }),
                    Ok(_) => self.last_words(),
                };
                let _gone = answer.send(answered);
            }
            Call::End { answer } => {
                let _gone = answer.send(());
            }
        }
    }

    /// Frames first, as over a socket. A server that stops has no time for them: whatever they say is said
    /// again in the next session.
    fn last_words(&self) -> Result<Page, Refused> {
        if self.ledger.has_frames() && self.reason != CloseReason::ServerStops {
            return Ok(self.ledger.page());
        }
        Err(Refused::Ended(self.reason.clone()))
    }
}
