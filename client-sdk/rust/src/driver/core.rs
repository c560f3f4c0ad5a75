//! What handles and the driver share: the engine behind a lock, and what is shown of it.
//!
//! Edit path: ← a handle edits, → [`Shared::with`] lets the engine do it at once and wakes the driver, who carries out what comes of it;
//! ← the driver, → what is watched.
//!
//! Always true: nobody waits while holding the lock. An edit waits for it as long as the driver takes in one burst of what the server sent.
//! Always true: what is watched is brought up to date after the lock is let go of, as whoever looks at it may hold it and ask for the lock.

use super::Way;
use super::clock::Clock;
use crate::machine::course::Connection;
use crate::machine::engine::Engine;
use crate::machine::replica::{Effect, Fate, Replica};
use crate::machine::room::{Leave, Left, Room, nearly};
use crate::status::{ConnectionStatus, DocumentStatus, StorageStatus};
use automerge::{ActorId, Automerge};
use bytes::Bytes;
use dovetail_core::id::{DocumentId, PeerId};
use dovetail_core::rules::{Report, RuleBook};
use dovetail_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, broadcast, oneshot, watch};

/// So much of what others say about a document waits for whoever listens slowly; then the oldest is dropped.
const SAID_MAX: usize = 256;

/// A next try that comes so soon is waited for.
const A_MOMENT: Duration = Duration::from_secs(1);

/// Something that somebody else said about a document.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) by: PeerId,
    pub(crate) data: Bytes,
}

/// See the top of the file.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    state: Mutex<State>,
    /// Held by whoever brings what is watched up to date, so that nobody shows what is older by then.
    showing: Mutex<()>,
    /// Rung when there is something for the driver to do.
    pub(crate) wake: Notify,
    pub(crate) is_closing: watch::Sender<bool>,
    /// Whoever tells others where we are listens: it is over when the last one has said goodbye.
    pub(crate) present: watch::Sender<()>,
    /// Whether the driver is gone, and has let go of the store.
    pub(crate) is_over: watch::Sender<bool>,
    pub(crate) connection: watch::Sender<ConnectionStatus>,
    pub(crate) storage: watch::Sender<StorageStatus>,
    /// Names this run of the program, as ephemeral messages want it.
    pub(crate) run: String,
    /// Where what goes on in the background goes on.
    pub(crate) runtime: Handle,
}

/// What the lock is around.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) engine: Engine,
    pub(crate) book: RuleBook,
    boards: BTreeMap<DocumentId, Board>,
    /// Documents whose standing, or content, is another than was shown.
    dirty: BTreeSet<DocumentId>,
    /// The connection is another than was shown.
    is_connection_dirty: bool,
    shown_storage: StorageStatus,
    pub(crate) way: Option<Way>,
    /// Who waits for a document to be let go of.
    forgetters: BTreeMap<DocumentId, VecDeque<oneshot::Sender<Result<(), String>>>>,
    /// Nothing is done any more: what is edited from here on would be kept nowhere.
    has_ended: bool,
}

/// Why a document is not let go of.
#[derive(Debug)]
pub(crate) enum NotForgotten {
    /// Somebody looks at it.
    Open,
    /// The driver is gone.
    Closed,
}

/// What of a document waits for the server, which is known without looking at what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Waits {
    pending: usize,
    pending_bytes: u64,
    pending_since: Option<Timestamp>,
    saved_at: Option<Timestamp>,
}

impl Waits {
    fn of(status: &DocumentStatus) -> Self {
        let DocumentStatus { pending, pending_bytes, pending_since, saved_at, .. } = *status;
        Self { pending, pending_bytes, pending_since, saved_at }
    }

    fn show_in(self, status: &mut DocumentStatus) {
        status.pending = self.pending;
        status.pending_bytes = self.pending_bytes;
        status.pending_since = self.pending_since;
        status.saved_at = self.saved_at;
    }
}

/// What is shown of one document, and to how many.
#[derive(Debug, Default)]
struct Board {
    /// So many handles look at it.
    handles: usize,
    shown: Shown,
}

/// What is shown of one document. Clones show it to the same.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) status: watch::Sender<DocumentStatus>,
    /// Counts the states that the content had.
    pub(crate) content: watch::Sender<u64>,
    /// What became of all edits up to this one is known, and shown in `status`. Rung whenever something has become of one, or of the document.
    pub(crate) told: watch::Sender<u64>,
    pub(crate) said: broadcast::Sender<Heard>,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            status: watch::Sender::new(DocumentStatus::default()),
            content: watch::Sender::new(0),
            told: watch::Sender::new(0),
            said: broadcast::Sender::new(SAID_MAX),
        }
    }
}

impl Shared {
    /// On the runtime that the driver runs on.
    pub(crate) fn new(engine: Engine, book: RuleBook, run: String) -> Self {
        let connection =
            ConnectionStatus { connection: engine.connection().clone(), way: None, subject: None };
        let shown_storage = engine.storage();
        Self {
            clock: Clock::new(),
            state: Mutex::new(State {
                engine,
                book,
                boards: BTreeMap::new(),
                dirty: BTreeSet::new(),
                is_connection_dirty: false,
                shown_storage,
                way: None,
                forgetters: BTreeMap::new(),
                has_ended: false,
            }),
            showing: Mutex::new(()),
            wake: Notify::new(),
            is_closing: watch::Sender::new(false),
            present: watch::Sender::new(()),
            is_over: watch::Sender::new(false),
            connection: watch::Sender::new(connection),
            storage: watch::Sender::new(shown_storage),
            run,
            runtime: Handle::current(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // Only what somebody else gave panics in here: a closure that changes a document, whose transaction is rolled back then.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with a document that is open, and what comes of it. Nothing when it is not open, or the driver is gone.
    pub(crate) fn with<T>(
        &self,
        id: &DocumentId,
        does: impl FnOnce(Timestamp, &mut Replica, &RuleBook, &mut Vec<Effect>) -> T,
    ) -> Option<T> {
        let now = self.clock.now();
        let done = {
            let State { engine, book, has_ended, .. } = &mut *self.lock();
            if *has_ended {
                return None;
            }
            engine.with(now, id, |replica, effects| does(now, replica, book, effects))
        };
        self.wake.notify_one();
        done
    }

    /// What became of an edit, if the document is open.
    pub(crate) fn fate(&self, id: &DocumentId, edit: u64) -> Option<Fate> {
        self.lock().engine.replica(id).map(|replica| replica.fate(edit))
    }

    /// Says that nothing more is wanted: what was asked for is done to its end.
    pub(crate) fn close(&self) {
        self.is_closing.send_replace(true);
        self.wake.notify_one();
    }

    pub(crate) fn is_closing(&self) -> bool {
        *self.is_closing.borrow()
    }

    /// Ends, unless something was edited just now that has to be kept.
    pub(crate) fn end_if_quiet(&self) -> bool {
        let mut state = self.lock();
        state.has_ended = !state.engine.has_effects();
        state.has_ended
    }

    /// The driver is gone.
    pub(crate) fn has_ended(&self) {
        let shown: Vec<Shown> = {
            let mut state = self.lock();
            state.has_ended = true;
            state.forgetters.clear();
            state.boards.values().map(|board| board.shown.clone()).collect()
        };
        for shown in shown {
            shown.told.send_replace(u64::MAX);
        }
        self.is_over.send_replace(true);
    }

    /// Brings what is watched up to date. Whether anything of it was not.
    pub(crate) fn show(&self) -> bool {
        let _turn = self.showing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let mut state = self.lock();
        let was_dirty = state.is_dirty();
        let stands = state.take_what_is_another(now);
        state.is_connection_dirty = false;
        let (connection, storage) = (state.connection_status(), state.engine.storage());
        state.shown_storage = storage;
        drop(state);
        for (shown, status) in stands {
            shown.status.send_if_modified(|shown| replaced(shown, status));
        }
        self.storage.send_if_modified(|shown| replaced(shown, storage));
        let is_another = self.connection.send_if_modified(|shown| replaced(shown, connection));
        was_dirty || is_another
    }

    /// Brings up to date what is watched of a document that somebody holds, before that one is told of it.
    pub(crate) fn show_now(&self, id: &DocumentId) {
        let _turn = self.showing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let stands = {
            let mut state = self.lock();
            state.dirty.remove(id);
            let shown = state.boards.get(id).map(|board| board.shown.clone());
            shown.zip(state.status(now, id))
        };
        if let Some((shown, status)) = stands {
            shown.status.send_if_modified(|shown| replaced(shown, status));
        }
        self.wake.notify_one();
    }

    /// Somebody waits for what only a server has: nobody waits for the next try, unless that comes in a moment. Whether a wait was cut short.
    pub(crate) fn hurry(&self) -> bool {
        let mut state = self.lock();
        if let Connection::Offline { retry_at, .. } = state.engine.connection()
            && *retry_at > self.clock.now() + A_MOMENT
        {
            state.engine.network_is_back();
            drop(state);
            self.wake.notify_one();
            return true;
        }
        false
    }

    /// What is shown of a document at which somebody looks.
    pub(crate) fn shown(&self, id: &DocumentId) -> Option<Shown> {
        self.lock().boards.get(id).map(|board| board.shown.clone())
    }

    /// How a document stands is another. What waits is shown before whoever awaits an edit goes on; the rest follows.
    pub(crate) fn told(&self, id: &DocumentId) {
        let _turn = self.showing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(shown) = self.dirtied(id) else { return };
        let Some((kept, waits)) = self.lock().waits(id) else { return };
        shown.status.send_if_modified(|status| {
            let is_another = Waits::of(status) != waits;
            waits.show_in(status);
            is_another
        });
        shown.told.send_replace(kept);
    }

    /// The content of a document is another.
    pub(crate) fn changed(&self, id: &DocumentId) {
        if let Some(shown) = self.dirtied(id) {
            shown.content.send_modify(|count| *count += 1);
        }
    }

    fn dirtied(&self, id: &DocumentId) -> Option<Shown> {
        let mut state = self.lock();
        state.dirty.insert(id.clone());
        state.boards.get(id).map(|board| board.shown.clone())
    }

    // Handles.

    /// One more handle looks at a document; it is opened if it is not.
    pub(crate) fn look(&self, id: &DocumentId) -> Shown {
        self.look_as(id, |now, engine, actor| engine.open(now, id, actor))
    }

    /// The first handle looks at a document that is made.
    pub(crate) fn look_at_new(&self, id: &DocumentId, doc: Automerge) -> Shown {
        self.look_as(id, |now, engine, actor| engine.create(now, id, actor, doc))
    }

    fn look_as(&self, id: &DocumentId, opens: impl FnOnce(Timestamp, &mut Engine, ActorId)) -> Shown {
        let now = self.clock.now();
        let mut state = self.lock();
        opens(now, &mut state.engine, ActorId::random());
        let board = state.boards.entry(id.clone()).or_default();
        board.handles += 1;
        let shown = board.shown.clone();
        state.dirty.insert(id.clone());
        drop(state);
        self.wake.notify_one();
        shown
    }

    /// One handle less. A document at which nobody looks leaves memory once all of it is saved.
    pub(crate) fn look_away(&self, id: &DocumentId) {
        let mut state = self.lock();
        if let Some(board) = state.boards.get_mut(id) {
            board.handles = board.handles.saturating_sub(1);
            state.dirty.insert(id.clone());
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Lets go of a document at which nobody looks, whatever is lost by it. What comes of that; nothing when the driver is gone.
    pub(crate) fn forget(
        &self,
        id: &DocumentId,
    ) -> Result<oneshot::Receiver<Result<(), String>>, NotForgotten> {
        let (tell, told) = oneshot::channel();
        let mut state = self.lock();
        if state.has_ended {
            return Err(NotForgotten::Closed);
        }
        if state.boards.get(id).is_some_and(|board| board.handles > 0) {
            return Err(NotForgotten::Open);
        }
        state.boards.remove(id);
        state.forgetters.entry(id.clone()).or_default().push_back(tell);
        state.engine.forget(id);
        drop(state);
        self.wake.notify_one();
        Ok(told)
    }

    /// What is kept on the device, before anybody asks.
    pub(crate) fn set_room(&self, room: Room) {
        let status = room.status();
        let mut state = self.lock();
        state.engine.set_room(room);
        state.shown_storage = status;
        drop(state);
        self.storage.send_replace(status);
    }

    /// Opens what waits for the server, though nobody looks at it.
    pub(crate) fn open_unsaved(&self, ids: &[DocumentId]) {
        let now = self.clock.now();
        let mut state = self.lock();
        for id in ids {
            state.engine.open(now, id, ActorId::random());
        }
    }
}

impl State {
    /// How the connection is is another, and with it what the server has said of each document.
    pub(crate) fn connection_changed(&mut self) {
        self.is_connection_dirty = true;
        self.all_changed();
    }

    /// The store has let go of a document, or has not.
    pub(crate) fn forgotten(
        &mut self,
        now: Timestamp,
        id: &DocumentId,
        leave: Leave,
        answer: &Result<bool, String>,
    ) {
        let left = match answer {
            Ok(true) => Left::Gone,
            Ok(false) => Left::Stays,
            Err(_) => Left::Failed,
        };
        self.engine.forgotten(now, id, left);
        if leave == Leave::WhenSaved {
            return;
        }
        let mut forgetters = self.forgetters.remove(id).unwrap_or_default();
        if let Some(tell) = forgetters.pop_front() {
            let _ = tell.send(answer.clone().map(drop)); // Nobody waits any more.
        }
        if !forgetters.is_empty() {
            self.forgetters.insert(id.clone(), forgetters);
        } else if answer.is_err() {
            // It was closed, and something of it may wait for the server.
            self.engine.open(now, id, ActorId::random());
        }
    }

    /// Something about all of them.
    pub(crate) fn all_changed(&mut self) {
        self.dirty.extend(self.boards.keys().cloned());
    }

    /// Whether something is not shown yet.
    pub(crate) fn is_dirty(&self) -> bool {
        self.is_connection_dirty || !self.dirty.is_empty() || self.shown_storage != self.engine.storage()
    }

    /// How what is another than was shown stands by now, once for however much has happened; lets go of what nobody needs.
    fn take_what_is_another(&mut self, now: Timestamp) -> Vec<(Shown, DocumentStatus)> {
        let mut stands = Vec::new();
        for id in std::mem::take(&mut self.dirty) {
            let looked_at = self.boards.get(&id).filter(|board| board.handles > 0);
            match looked_at.map(|board| board.shown.clone()) {
                Some(shown) => stands.extend(self.status(now, &id).map(|status| (shown, status))),
                None if self.engine.let_go(now, &id) => drop(self.boards.remove(&id)),
                None => {}
            }
        }
        stands
    }

    /// What waits of a document, and up to which edit that is known.
    fn waits(&self, id: &DocumentId) -> Option<(u64, Waits)> {
        let replica = self.engine.replica(id)?;
        let (pending, pending_bytes) = replica.pending_size();
        let pending_since = replica.pending().next().map(|oldest| oldest.at);
        Some((replica.kept(), Waits { pending, pending_bytes, pending_since, saved_at: replica.saved_at() }))
    }

    fn status(&mut self, now: Timestamp, id: &DocumentId) -> Option<DocumentStatus> {
        let limits = *self.engine.limits();
        let book = &self.book;
        // Looking does nothing that has to be carried out but making a change of what is open.
        let report = self.engine.with(now, id, |replica, _| replica.report(now, book)).flatten();
        let replica = self.engine.replica(id)?;
        let (pending, pending_bytes) = replica.pending_size();
        Some(DocumentStatus {
            pending,
            pending_bytes,
            pending_since: replica.pending().next().map(|oldest| oldest.at),
            saved_at: replica.saved_at(),
            role: replica.role(),
            server: replica.answer(),
            conflicts: report.map(|Report { conflicts, .. }| conflicts.into()).unwrap_or_default(),
            refused: replica.refused().cloned().collect(),
            is_nearly_full: pending as u64 >= nearly(limits.pending_max as u64)
                || pending_bytes >= nearly(limits.pending_bytes_max),
            fault: replica.fault().cloned(),
        })
    }

    pub(crate) fn connection_status(&self) -> ConnectionStatus {
        ConnectionStatus {
            connection: self.engine.connection().clone(),
            way: self.way,
            subject: self.subject(),
        }
    }

    /// Who we are to the server, on the connection that there is.
    pub(crate) fn subject(&self) -> Option<String> {
        let user = self.engine.welcome().and_then(|welcome| welcome.user.as_ref());
        user.map(|user| user.id.to_string())
    }
}

/// Puts a value in the place of another. Whether that is a change.
fn replaced<T: PartialEq>(shown: &mut T, value: T) -> bool {
    let is_another = *shown != value;
    *shown = value;
    is_another
}

/// So that a driver on another thread can hold it.
pub(crate) type Core = Arc<Shared>;
