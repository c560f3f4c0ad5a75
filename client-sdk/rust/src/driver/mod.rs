//! Drives the [engine](crate::machine::engine) over sockets, disks and clocks, on a thread of its own.
//!
//! ```text
//!  handles ──▶ core.rs: the engine behind a lock ──▶ effects, in order ──▶ disk.rs      the store of this device
//!     ▲                        ▲                                     └───▶ line/        the server
//!     └──── what is watched ───┴──── frames, answers, time ◀────────────────┘
//! ```
//!
//! Edit path: ← [`core`], an effect, → the store or the server; ← their answers, → the engine, → what is watched.
//!
//! Always true: it decides nothing. What an effect asks for is done, what happens is told.
//! Always true: it has a thread and a runtime of its own, so that an app may have any runtime or none, and what it edits
//! is kept also while that one is busy or ends.

mod clock; // What time it is.
pub(crate) mod core; // The engine behind a lock. Read this next.
mod disk; // What the store is asked for.
pub(crate) mod line; // The bytes of a connection.
pub(crate) mod rules; // The server's rules, as they were last heard of.

pub use line::Way;

use self::core::{Core, State};
use crate::keep::Kept;
use crate::machine::engine::Effect;
use crate::machine::replica::{LoadFault, Replica};
use bytes::Bytes;
use disk::{Disk, Done, Job};
use dovetail_core::id::DocumentId;
use dovetail_core::time::Timestamp;
use dovetail_core::wire::Secret;
use line::{Dialing, Event, Line};
use rules::Rules;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// So much of what the server sent is taken in before anything is done about it. Handles wait as long.
const BURST_FRAMES: usize = 64;

/// Over requests, a WebSocket is tried so often.
pub(crate) const SOCKET_AGAIN: Duration = Duration::from_secs(300);

/// When nothing is due, it is looked all the same.
const LOOK_AFTER: Duration = Duration::from_secs(60);

/// What is watched is brought up to date so often at most: more than a screen shows, and a burst of edits costs no more than a few.
const SHOW_EVERY: Duration = Duration::from_millis(10);

/// So long the last of what is to be said gets when a client is closed.
const FAREWELL_WITHIN: Duration = Duration::from_secs(2);

/// What a driver is made with.
#[derive(Debug)]
pub(crate) struct Equipment {
    pub(crate) core: Core,
    pub(crate) kept: Kept,
    pub(crate) dialing: Dialing,
    pub(crate) socket_again: Duration,
}

/// See the top of the file.
#[derive(Debug)]
pub(crate) struct Driver {
    core: Core,
    dialing: Dialing,
    line: Option<Line>,
    /// A WebSocket that is tried while requests go on, and when the next one is.
    trial: Option<Line>,
    trial_at: Option<Instant>,
    socket_again: Duration,
    disk: Disk,
    kept: Kept,
    rules: Rules,
    /// When what is watched was last brought up to date.
    shown_at: Option<Instant>,
    tokens: JoinSet<Option<Secret>>,
}

/// What happened.
enum Happened {
    Woken,
    Line(Event),
    Trial(Event),
    Disk(DocumentId, Done),
    Token(Option<Secret>),
    Rules(rules::Fetched),
    Time,
    TrialDue,
}

impl Driver {
    pub(crate) fn new(equipment: Equipment) -> Self {
        let Equipment { core, kept, dialing, socket_again } = equipment;
        Self {
            core,
            rules: Rules::new(dialing.clone()),
            dialing,
            line: None,
            trial: None,
            trial_at: None,
            socket_again,
            disk: Disk::new(kept.store.clone()),
            kept,
            shown_at: None,
            tokens: JoinSet::new(),
        }
    }

    /// Somebody has the client, and knows what it knows of its store.
    pub(crate) fn is_wanted(&self) {
        self.kept.news_was_told();
    }

    /// Goes on until the client is closed, and everything that was edited is kept.
    pub(crate) async fn run(mut self) {
        while !self.core.is_closing() {
            self.turn();
            let happened = self.next().await;
            self.take(happened).await;
        }
        self.end().await;
    }

    /// Does what there is to do by now.
    fn turn(&mut self) {
        self.carry_all_out();
        let is_shown = self.shown_at.is_some_and(|at| at.elapsed() < SHOW_EVERY);
        if !is_shown && self.core.show() {
            self.shown_at = Some(Instant::now());
            self.carry_all_out();
        }
    }

    fn carry_all_out(&mut self) {
        loop {
            let effects = self.core.lock().engine.take_effects();
            if effects.is_empty() {
                break;
            }
            for effect in effects {
                self.carry_out(effect);
            }
        }
    }

    async fn next(&mut self) -> Happened {
        let now = self.core.clock.now();
        let due = self.core.lock().engine.next_tick();
        let wait = due.map_or(LOOK_AFTER, |due| due.since(now).min(LOOK_AFTER));
        // Time is told in milliseconds: one more, so that what is due is not looked for again and again within the same one.
        let due_at = Instant::now() + wait + Duration::from_millis(u64::from(!wait.is_zero()));
        let show_at =
            self.core.lock().is_dirty().then(|| self.shown_at.map_or(Instant::now(), |at| at + SHOW_EVERY));
        tokio::select! {
            biased;
            () = self.core.wake.notified() => Happened::Woken,
            (id, done) = self.disk.next() => Happened::Disk(id, done),
            event = next_of(&mut self.line) => Happened::Line(event),
            event = next_of(&mut self.trial) => Happened::Trial(event),
            Some(token) = self.tokens.join_next() => Happened::Token(token.ok().flatten()),
            fetched = self.rules.next() => Happened::Rules(fetched),
            () = until(self.trial_at) => Happened::TrialDue,
            () = until(show_at) => Happened::Woken,
            () = sleep_until(due_at) => Happened::Time,
        }
    }

    async fn take(&mut self, happened: Happened) {
        let now = self.core.clock.now();
        match happened {
            Happened::Woken => {}
            Happened::Line(event) => self.hear(now, event),
            Happened::Trial(event) => self.try_socket(now, event),
            Happened::Disk(id, done) => {
                self.disk_did(now, &id, done);
                while let Some((id, done)) = self.disk.try_next() {
                    self.disk_did(now, &id, done);
                }
            }
            Happened::Token(token) => {
                if let Some(token) = token {
                    self.core.lock().engine.show_token(token);
                }
            }
            Happened::Rules(fetched) => self.rules_came(fetched).await,
            Happened::Time => self.core.lock().engine.tick(now, draw()),
            Happened::TrialDue => {
                self.trial_at = None;
                self.trial = Some(Line::try_socket(self.dialing.clone()));
            }
        }
    }

    // The connection.

    fn hear(&mut self, now: Timestamp, event: Event) {
        let mut frames: Vec<Bytes> = Vec::new();
        let mut next = Some(event);
        while let Some(event) = next.take() {
            match event {
                Event::Frame(frame) => frames.push(frame),
                Event::Opened(way) => self.opened(now, way),
                Event::Ended(ending) => {
                    // What was heard may have been the reason to end it: then that counts, and once.
                    if !self.heard(now, &frames) {
                        self.core.lock().engine.ended(now, ending, draw());
                    }
                    return self.hung_up();
                }
            }
            if frames.len() < BURST_FRAMES {
                next = self.line.as_mut().and_then(Line::try_next);
            }
        }
        self.heard(now, &frames);
    }

    /// Whether the connection was given up over it.
    fn heard(&mut self, now: Timestamp, frames: &[Bytes]) -> bool {
        let State { engine, book, .. } = &mut *self.core.lock();
        let was_there = engine.has_link();
        engine.heard(now, frames, draw());
        if let Some(welcome) = engine.welcome() {
            self.rules.are(&welcome.rules, book);
        }
        was_there && !engine.has_link()
    }

    fn opened(&mut self, now: Timestamp, way: Way) {
        self.goes(way);
        self.core.lock().engine.dialed(now);
    }

    fn goes(&mut self, way: Way) {
        self.trial_at =
            if way == Way::Requests && !self.dialing.requests_only { self.next_trial() } else { None };
        self.core.lock().way = Some(way);
    }

    fn hung_up(&mut self) {
        self.line = None;
        self.trial = None;
        self.trial_at = None;
        self.core.lock().way = None;
        self.rules.forget_answers();
    }

    /// A WebSocket that got through takes the place of the requests.
    fn try_socket(&mut self, now: Timestamp, event: Event) {
        match (event, self.trial.take()) {
            (Event::Opened(way), Some(line)) => {
                tracing::info!("a WebSocket gets through again");
                self.core.lock().engine.switched(now);
                self.line = Some(line);
                self.goes(way);
            }
            _ => self.trial_at = self.next_trial(),
        }
    }

    /// None where that is never.
    fn next_trial(&self) -> Option<Instant> {
        Instant::now().checked_add(self.socket_again)
    }

    // What comes of it.

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Dial => self.line = Some(Line::dial(self.dialing.clone())),
            Effect::HangUp => self.hung_up(),
            Effect::Write(frame) => self.write(frame),
            Effect::AskToken => self.ask_token(),
            Effect::AnotherPeerId => self.core.lock().engine.set_peer(crate::client::new_peer()),
            Effect::Load(id) => self.disk.ask(id, Job::Load),
            Effect::Commit(batch) => self.disk.ask(batch.document.clone(), Job::Commit(batch)),
            Effect::Note(id, notes) => self.disk.ask(id, Job::Note(notes)),
            Effect::Forget(id, leave) => self.disk.ask(id, Job::Forget(leave)),
            Effect::Changed(id) => self.core.changed(&id),
            Effect::Told(id) => self.core.told(&id),
            Effect::Connection => self.core.lock().connection_changed(),
            Effect::Said { document, by, data } => self.said(&document, self::core::Heard { by, data }),
        }
    }

    fn write(&mut self, frame: Bytes) {
        let Some(line) = &self.line else { return };
        if let Err(ending) = line.say(frame) {
            let now = self.core.clock.now();
            self.core.lock().engine.ended(now, ending, draw());
            self.hung_up();
        }
    }

    /// While there is no connection, the next one asks by itself.
    fn ask_token(&mut self) {
        let token = self.dialing.token.clone();
        if self.line.is_none() || !token.is_source() {
            return;
        }
        self.tokens.spawn(async move {
            match token.ask().await {
                Ok(token) => token,
                Err(error) => {
                    tracing::warn!(%error, "no newer token can be had");
                    None
                }
            }
        });
    }

    fn said(&self, document: &DocumentId, heard: self::core::Heard) {
        if let Some(shown) = self.core.shown(document) {
            let _ = shown.said.send(heard); // Nobody listens.
        }
    }

    fn disk_did(&mut self, now: Timestamp, id: &DocumentId, done: Done) {
        if let Done::Stored(Err(unstored)) = &done
            && unstored.is_damage
        {
            self.kept.note_unwritable(id, &unstored.why);
        }
        let damage = {
            let mut state = self.core.lock();
            let engine = &mut state.engine;
            match done {
                Done::Loaded(answer) => engine.loaded(now, id, *answer),
                Done::Stored(answer) => {
                    engine.stored(
                        now,
                        id,
                        answer.as_ref().copied().map_err(|unstored| unstored.why.as_str()),
                    );
                }
                Done::Forgotten(leave, answer) => state.forgotten(now, id, leave, &answer),
                Done::Noted(answer) => {
                    engine.noted(now, id, answer.as_ref().copied().map_err(String::as_str));
                }
            }
            match state.engine.replica(id).and_then(Replica::fault) {
                Some(LoadFault::Damaged(what)) => Some(what.clone()),
                _ => None,
            }
        };
        if let Some(what) = damage {
            self.kept.note_damage(id, &what);
        }
    }

    async fn rules_came(&mut self, (kind, text): rules::Fetched) {
        let Some(text) = text else { return };
        {
            let mut state = self.core.lock();
            state.book = rules::with(&state.book, &kind, &text);
            state.all_changed();
        }
        if let Err(error) = self.kept.keep_rules(&kind, text).await {
            tracing::warn!(%error, kind, "the rules of the server could not be kept on this device");
        }
    }

    // The end.

    /// What was edited is kept, what is to be said is said if that does not take long, and the store is let go of.
    async fn end(mut self) {
        self.carry_all_out();
        let _ = tokio::time::timeout(FAREWELL_WITHIN, self.core.present.closed()).await; // Others notice it later then.
        loop {
            self.carry_all_out();
            if self.disk.is_idle() && self.core.end_if_quiet() {
                break;
            }
            while !self.disk.is_idle() {
                let (id, done) = self.disk.next().await;
                let now = self.core.clock.now();
                self.disk_did(now, &id, done);
            }
        }
        if let Some(line) = self.line.take() {
            let _ = tokio::time::timeout(FAREWELL_WITHIN, line.finish()).await;
        }
        self.kept.store.close().await;
    }
}

async fn next_of(line: &mut Option<Line>) -> Event {
    match line {
        Some(line) => line.next().await,
        None => std::future::pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// From 0 to below 1, by lot.
fn draw() -> f64 {
    let [first, second, third, fourth, ..] = *uuid::Uuid::new_v4().as_bytes();
    f64::from(u32::from_be_bytes([first, second, third, fourth])) / (f64::from(u32::MAX) + 1.0)
}

impl Drop for Driver {
    /// However it ends: whoever waits for something is told that it does not come any more.
    fn drop(&mut self) {
        self.core.has_ended();
    }
}
