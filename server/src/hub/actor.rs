//! The task of one open document: carries to the machine what happens, and into the world what
//! the machine answers.
//!
//! Edit path: ← a socket or a door puts it into the mailbox, [`Document`] decides, the store
//! commits, → [`Outbox`]es of the readers, answers of the doors.
//!
//! Invariant: this task never looks inside an edit, and it never waits for a socket. It waits for the
//! store, and while it does, it takes in no more than [`WAITING_MAX`] messages: senders wait then.

use super::outbox::Outbox;
use super::watch::{Desk, News, Said};
use super::{Inner, SubmitError, ViewError, owned};
use crate::audit::{Action, Entry, HIDDEN};
use crate::quarantine::{Kept, Refused};
use crate::store::{CommitError, LoadError, Store};
use automerge::{Automerge, ChangeHash};
use bytes::Bytes;
use dovetail_core::document::careful::carefully;
use dovetail_core::document::chunk::{Batch, Manifest};
use dovetail_core::document::{
    CommitFault, Document, Effect, Input, LoadFault, Refusal, Rejection, Standing, Ticket, Verdict,
};
use dovetail_core::grant::{Access, EditPermit, Followed, Identity, Kind, Limits, Role};
use dovetail_core::id::{DocumentId, SessionId, SubjectId};
use dovetail_core::rules::Question;
use dovetail_core::session::{CloseReason, Outgoing};
use dovetail_core::time::Timestamp;
use dovetail_core::wire::{ConflictsFrame, Own};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tracing::Instrument;

/// Calls that may wait in a mailbox. With the 500 busiest editors of one document each having one
/// under way there is room to spare; beyond it their sockets are not read.
pub(super) const MAILBOX_MAX: usize = 1_024;

/// Messages that the machine holds back while a commit is under way.
pub(super) const WAITING_MAX: usize = 4_096;

/// Words of the moment that wait until it is known who may hear them: that is a read of the store, and at 20 a second
/// from each of ten people there are some.
const SAID_EARLY_MAX: usize = 64;

/// When a task that has nothing to do looks again whether its mailbox is still held. It is for the
/// moment in which somebody who was just answered has not let go of it yet.
const END_RETRY: Duration = Duration::from_millis(20);

/// Judging that takes longer than this may take longer than the disk. A dashboard of 200 widgets takes a tenth.
const JUDGING_LONG: Duration = Duration::from_millis(1);

/// For how long judging is put off at most.
const PUT_OFF_MAX: Duration = Duration::from_millis(500);

/// What can wake a document's task.
pub(super) enum Call {
    /// Something for the machine, as it is.
    Input(Input),
    /// A connection reads this document from now on.
    Open {
        input: Input,
        session: SessionId,
        address: Option<IpAddr>,
        outbox: Arc<Outbox>,
        understands_ours: bool,
    },
    /// For all readers but this one, from one of them.
    Ephemeral(Arc<Said>),
    /// The same from somebody who showed that they may.
    Say(Arc<Said>),
    /// Changes from a door.
    Submit { permit: EditPermit, changes: Vec<Bytes>, answer: oneshot::Sender<Result<Manifest, SubmitError>> },
    /// Says who may do what from now on.
    SetAccess { access: Arc<Access>, answer: oneshot::Sender<Result<Manifest, SubmitError>> },
    /// Somebody wants to look.
    View { look: Look },
    /// Deletes, or takes that back.
    Delete { deleted: bool, answer: oneshot::Sender<Result<Manifest, SubmitError>> },
}

/// What is small and must never wait for room: at most one of each per reader is under way. A note may
/// overtake calls that were made before it.
#[derive(Debug)]
pub(super) enum Note {
    /// Somebody was passed over and [`Drained`] has news.
    Drained,
    Leave(SessionId),
    /// A watcher is gone, perhaps the last.
    Unwatched,
    /// Other rules are in force, a waiver is over, or a rule was evaluated. At most one of each is under way, too.
    Judge(Input),
}

/// Sockets that took what was last sent. The task looks here whenever it wakes, and is only woken for
/// it while it waits for one: else each message to a thousand readers would wake it a thousand times.
#[derive(Debug, Default)]
pub(super) struct Drained {
    sessions: Mutex<Vec<SessionId>>,
    is_awaited: AtomicBool,
}

impl Drained {
    /// Adds a session; says whether the task waits for it.
    pub(super) fn add(&self, session: SessionId) -> bool {
        self.sessions().push(session);
        // Behind the lock: either the task finds the session, or it has said before that it waits.
        self.is_awaited.load(Ordering::SeqCst)
    }

    fn take(&self) -> Vec<SessionId> {
        std::mem::take(&mut *self.sessions())
    }

    /// From now on the task wants to be woken, or no longer. Says whether something is there already.
    fn awaits(&self, is_awaited: bool) -> bool {
        self.is_awaited.store(is_awaited, Ordering::SeqCst);
        is_awaited && !self.sessions().is_empty()
    }

    fn sessions(&self) -> MutexGuard<'_, Vec<SessionId>> {
        self.sessions.lock().expect("nothing panics while it holds this lock")
    }
}

/// Looks at the document, or hears why that cannot be.
pub(super) type Look = Box<dyn FnOnce(Result<Sight<'_>, ViewError>) + Send>;

/// What whoever looks can see: what is stored.
pub(super) struct Sight<'a> {
    pub(super) doc: &'a Automerge,
    pub(super) document: &'a Document,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Call::Input(_) => "Input",
            Call::Open { .. } => "Open",
            Call::Ephemeral(_) => "Ephemeral",
            Call::Say(_) => "Say",
            Call::Submit { .. } => "Submit",
            Call::SetAccess { .. } => "SetAccess",
            Call::View { .. } => "View",
            Call::Delete { .. } => "Delete",
        })
    }
}

/// The way to a document's task, for those who use it.
#[derive(Debug, Clone)]
pub struct Mailbox {
    pub(super) calls: mpsc::Sender<Call>,
    pub(super) notes: mpsc::UnboundedSender<Note>,
    pub(super) drained: Arc<Drained>,
    pub(super) desk: Arc<Desk>,
    pub(super) vitals: Arc<Vitals>,
}

/// What the hub sees of a task from outside.
#[derive(Debug)]
pub(super) struct Vitals {
    pub(super) used_at_ms: AtomicU64,
    pub(super) resident_bytes: AtomicU64,
    pub(super) readers: AtomicUsize,
    pub(super) is_live: AtomicBool,
    /// When a right or a token of a reader ends.
    pub(super) asks_again_at_ms: AtomicU64,
    /// Sessions that were told that they may write.
    writers: Mutex<BTreeSet<SessionId>>,
}

impl Vitals {
    pub(super) fn writers(&self) -> MutexGuard<'_, BTreeSet<SessionId>> {
        self.writers.lock().expect("nothing panics while it holds this lock")
    }
}

impl Default for Vitals {
    fn default() -> Self {
        Self {
            used_at_ms: AtomicU64::default(),
            resident_bytes: AtomicU64::default(),
            readers: AtomicUsize::default(),
            is_live: AtomicBool::default(),
            asks_again_at_ms: AtomicU64::new(u64::MAX),
            writers: Mutex::default(),
        }
    }
}

/// A reader's way out.
struct Exit {
    outbox: Arc<Outbox>,
    understands_ours: bool,
    /// Who came in, and from where: for the audit log.
    who: Arc<Identity>,
    address: Option<IpAddr>,
}

/// Who waits for an answer.
enum Caller {
    Submit(oneshot::Sender<Result<Manifest, SubmitError>>),
    View(Look),
}

type Answer = Pin<Box<dyn Future<Output = Input> + Send>>;

pub(super) struct Actor {
    id: DocumentId,
    document: Document,
    hub: Arc<Inner>,
    calls: mpsc::Receiver<Call>,
    notes: mpsc::UnboundedReceiver<Note>,
    /// For what this task hears from itself.
    notes_to: mpsc::WeakUnboundedSender<Note>,
    drained: Arc<Drained>,
    desk: Arc<Desk>,
    vitals: Arc<Vitals>,
    exits: BTreeMap<SessionId, Exit>,
    /// What was said in the moment before it was known who may hear it.
    said_early: VecDeque<Arc<Said>>,
    /// Sessions whose `Leave` has overtaken their `Open`.
    gone_early: BTreeSet<SessionId>,
    callers: HashMap<Ticket, Caller>,
    next_ticket: u64,
    /// What the store was asked; there is never more than one question.
    asked: Option<Answer>,
    /// The store's answer, if it was there at the first look.
    answered: Option<Input>,
    /// Whose the document is and how much it takes, as the quotas know it.
    counted: Option<(SubjectId, usize)>,
    /// What a commit that is under way will make of that.
    to_count: Option<Option<(SubjectId, usize)>>,
    /// What decides who may do what with it, as it is stored.
    rights: Option<Rights>,
    /// What a commit that is under way will make of that.
    rights_to_be: Option<Rights>,
    is_full: bool,
    /// Whether the changes that were refused last are kept aside.
    were_set_aside: bool,
    /// What readers know of the rules.
    told: Option<Arc<Verdict>>,
    /// Readers that know nothing of them yet.
    newcomers: Vec<SessionId>,
    effects: Vec<Effect>,
    /// How long judging took the last time.
    judging_took: Duration,
    /// Since when judging has been put off, while it is.
    put_off_since: Option<Instant>,
    /// It has nothing to do any more, and somebody still holds its mailbox.
    wants_to_end: bool,
}

enum Wake {
    Nothing,
    Call(Call),
    Note(Note),
    Store(Input),
}

impl Actor {
    pub(super) fn spawn(id: DocumentId, hub: Arc<Inner>) -> Mailbox {
        let (calls, calls_of) = mpsc::channel(MAILBOX_MAX);
        let (notes, notes_of) = mpsc::unbounded_channel();
        let vitals = Arc::new(Vitals::default());
        let drained = Arc::new(Drained::default());
        let desk = Arc::new(Desk::default());
        let actor = Self {
            document: Document::new(id.clone(), hub.limits.document, hub.rules(), hub.policy()),
            id,
            hub,
            calls: calls_of,
            notes: notes_of,
            notes_to: notes.downgrade(),
            drained: drained.clone(),
            desk: desk.clone(),
            vitals: vitals.clone(),
            exits: BTreeMap::new(),
            said_early: VecDeque::new(),
            gone_early: BTreeSet::new(),
            callers: HashMap::new(),
            next_ticket: 0,
            asked: None,
            answered: None,
            counted: None,
            to_count: None,
            rights: None,
            rights_to_be: None,
            is_full: false,
            were_set_aside: false,
            told: None,
            newcomers: Vec::new(),
            effects: Vec::new(),
            judging_took: Duration::ZERO,
            put_off_since: None,
            wants_to_end: false,
        };
        tokio::spawn(actor.run());
        Mailbox { calls, notes, drained, desk, vitals }
    }

    async fn run(mut self) {
        loop {
            let wake = self.next().await;
            self.take(wake);
            self.take_what_is_there();
            self.advance();
            while self.drained.awaits(self.document.waits_for_sockets()) {
                self.take_drained();
                self.advance();
            }
            self.judge_meanwhile();
            let is_unread = self.document.is_idle() && self.desk.watchers() == 0;
            let is_done = is_unread && !self.document.is_live();
            if is_done && self.end() {
                return;
            }
            self.wants_to_end = is_done;
        }
    }

    async fn next(&mut self) -> Wake {
        if let Some(input) = self.answered.take() {
            return Wake::Store(input);
        }
        let has_room = self.document.waiting() < WAITING_MAX;
        let asked = async {
            match &mut self.asked {
                Some(asked) => asked.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            input = asked => { self.asked = None; Wake::Store(input) }
            Some(note) = self.notes.recv() => Wake::Note(note),
            Some(call) = self.calls.recv(), if has_room => Wake::Call(call),
            () = tokio::time::sleep(END_RETRY), if self.wants_to_end => Wake::Nothing,
        }
    }

    fn take_drained(&mut self) {
        for session in self.drained.take() {
            self.tell(Input::Drained { session });
        }
    }

    /// Everything that has come by now is one burst. Not more than a mailbox full: cursors that come
    /// faster than they are passed on must not keep edits from being applied.
    fn take_what_is_there(&mut self) {
        self.take_drained();
        while let Ok(note) = self.notes.try_recv() {
            self.take(Wake::Note(note));
        }
        for _ in 0..MAILBOX_MAX {
            if self.document.waiting() >= WAITING_MAX {
                return;
            }
            let Ok(call) = self.calls.try_recv() else { return };
            self.take(Wake::Call(call));
        }
    }

    /// Routing only.
    fn take(&mut self, wake: Wake) {
        match wake {
            Wake::Store(input) => {
                self.count(&input);
                self.note_rights(&input);
                self.tell(input);
            }
            // It was put where the task looks every time it wakes.
            Wake::Note(Note::Drained) => {}
            // Whether anybody is left is looked at when everything is taken in.
            Wake::Note(Note::Unwatched) => {}
            Wake::Note(Note::Judge(input)) => {
                self.tell_followed(&input);
                self.tell(input);
            }
            Wake::Note(Note::Leave(session)) => self.leave(session),
            Wake::Call(Call::Input(input)) => self.tell(input),
            Wake::Call(Call::Open { input, session, address, outbox, understands_ours }) => {
                self.open(input, session, address, outbox, understands_ours);
            }
            Wake::Call(Call::Ephemeral(said)) => self.hear(said),
            Wake::Call(Call::Say(said)) => self.say_to_readers(&said),
            Wake::Call(Call::Submit { permit, changes, answer }) => {
                let ticket = self.ticket(Caller::Submit(answer));
                self.tell(Input::Submit { ticket, permit, changes });
            }
            Wake::Call(Call::SetAccess { access, answer }) => {
                let ticket = self.ticket(Caller::Submit(answer));
                self.tell(Input::SetAccess { ticket, access });
            }
            Wake::Call(Call::View { look }) => {
                let ticket = self.ticket(Caller::View(look));
                self.tell(Input::View { ticket });
            }
            Wake::Call(Call::Delete { deleted, answer }) => {
                let ticket = self.ticket(Caller::Submit(answer));
                self.tell(Input::Delete { ticket, deleted });
            }
            Wake::Nothing => {}
        }
    }

    /// Tells the quotas what the document takes, once that is stored.
    fn count(&mut self, answer: &Input) {
        let Some(quotas) = self.hub.quotas.get() else { return };
        match answer {
            Input::Manifest(Ok(Some(manifest))) => self.counted = owned(manifest),
            Input::Stored(Ok(())) => {
                let Some(now) = self.to_count.take() else { return };
                let before = std::mem::replace(&mut self.counted, now.clone());
                match (before, now) {
                    (Some((one, bytes)), Some((other, more))) if one == other => {
                        quotas.changed(&one, Some(bytes), Some(more));
                    }
                    (before, now) => {
                        before
                            .into_iter()
                            .for_each(|(owner, bytes)| quotas.changed(&owner, Some(bytes), None));
                        now.into_iter().for_each(|(owner, bytes)| quotas.changed(&owner, None, Some(bytes)));
                    }
                }
            }
            _ => {}
        }
    }

    /// Wakes those who follow when what is stored gives other rights than before.
    fn note_rights(&mut self, answer: &Input) {
        match answer {
            Input::Manifest(Ok(Some(manifest))) => self.rights = Some(rights_in(manifest)),
            Input::Stored(Ok(())) => {
                let Some(now) = self.rights_to_be.take() else { return };
                if self.rights.as_ref() != Some(&now) {
                    // Nobody follows what was not there.
                    if self.rights.replace(now).is_some() {
                        self.tell_who_follows();
                    }
                    self.desk.change_rights();
                }
            }
            _ => {}
        }
    }

    /// Wakes those who follow when the document that this one follows gives other rights than before.
    fn tell_followed(&self, input: &Input) {
        match input {
            Input::FollowedChanged(followed) if self.document.follows() == Some(&followed.document) => {
                self.desk.change_rights();
            }
            _ => {}
        }
    }

    /// What was given or taken away here was so in the documents that follow this one.
    fn tell_who_follows(&self) {
        let Some((access, kind)) = self.rights.clone() else { return };
        let followed = Arc::new(Followed { document: self.id.clone(), access, kind });
        for (_, mailbox) in self.hub.documents().iter().filter(|(document, _)| **document != self.id) {
            mailbox.judge(Input::FollowedChanged(followed.clone()));
        }
    }

    /// Whether there is room for more is asked before each advance: others of the same owner grow meanwhile.
    fn ask_for_room(&mut self) {
        let Some(quotas) = self.hub.quotas.get() else { return };
        let full = self.counted.as_ref().is_some_and(|(owner, _)| quotas.check_bytes(owner, 1).is_err());
        if full != self.is_full {
            self.is_full = full;
            self.tell(Input::Full(full));
        }
    }

    fn tell(&mut self, input: Input) {
        let _stop = tracing::debug_span!("hub", document = %self.id).entered();
        let now = self.hub.clock.now();
        self.document.handle(now, input, &mut self.effects);
    }

    /// Who has as many documents as they may makes no other one.
    fn without_making(&self, input: Input) -> Input {
        match (self.hub.quotas.get(), input) {
            (Some(quotas), Input::Open { session, who, storage, follows })
                if who.author().is_some_and(|author| quotas.check_new_document(author).is_err()) =>
            {
                let who = Arc::new(Identity { may_create: false, ..(*who).clone() });
                Input::Open { session, who, storage, follows }
            }
            (_, input) => input,
        }
    }

    fn open(
        &mut self,
        input: Input,
        session: SessionId,
        address: Option<IpAddr>,
        outbox: Arc<Outbox>,
        understands_ours: bool,
    ) {
        let input = self.without_making(input);
        if self.gone_early.remove(&session) {
            return;
        }
        if let Input::Open { who, .. } = &input {
            self.exits.insert(session, Exit { outbox, understands_ours, who: who.clone(), address });
        }
        self.tell(input);
        self.newcomers.push(session);
    }

    /// A session opens a document once and leaves it once. If it leaves before it came, it was quick:
    /// its `Open` is still in the mailbox, and would make a reader that nobody ever takes away.
    fn leave(&mut self, session: SessionId) {
        self.newcomers.retain(|newcomer| *newcomer != session);
        self.vitals.writers().remove(&session);
        if self.exits.remove(&session).is_none() {
            self.gone_early.insert(session);
            return;
        }
        self.tell(Input::Leave { session });
    }

    /// Words of the moment are passed on from those who may read, once that is known.
    fn hear(&mut self, said: Arc<Said>) {
        if self.document.access_is_unknown() {
            if self.said_early.len() < SAID_EARLY_MAX {
                self.said_early.push_back(said);
            }
        } else if self.document.may_read(said.from) {
            self.say_to_readers(&said);
        }
    }

    fn hear_what_was_early(&mut self) {
        if !self.document.access_is_unknown() {
            for said in std::mem::take(&mut self.said_early) {
                self.hear(said);
            }
        }
    }

    fn say_to_readers(&self, said: &Arc<Said>) {
        for session in self.document.readers_except(said.from) {
            self.push(session, Outgoing::Ephemeral(said.frame.clone()));
        }
        self.desk.pass_on(said);
    }

    fn ticket(&mut self, caller: Caller) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.callers.insert(ticket, caller);
        ticket
    }

    /// Lets the machine do what it can, and carries out what it answers, until it has nothing more.
    fn advance(&mut self) {
        self.ask_for_room();
        let now = self.hub.clock.now();
        self.vitals.used_at_ms.store(now.as_millis(), Ordering::Relaxed);
        if self.document.is_heavy() {
            tokio::task::block_in_place(|| self.advance_until_quiet());
        } else {
            self.advance_until_quiet();
        }
        self.hear_what_was_early();
        self.show_vitals();
        self.publish();
        self.greet_newcomers();
    }

    fn publish(&self) {
        let verdict = self.document.verdict_told().cloned();
        self.desk.publish(News { standing: self.document.standing(), verdict });
    }

    /// While the store works, or when there is nothing else to do: what the rules say of what is new. The
    /// store is asked before that and not after, so nobody's answer waits for it.
    fn judge_meanwhile(&mut self) {
        if !self.document.wants_to_judge() {
            self.put_off_since = None;
            return;
        }
        if self.puts_judging_off() {
            return;
        }
        self.begin_asking();
        if self.document.is_heavy() {
            tokio::task::block_in_place(|| self.judge());
        } else {
            self.judge();
        }
        for effect in std::mem::take(&mut self.effects) {
            self.carry_out(effect);
        }
        self.publish();
        // Who came meanwhile hears of it also where it is nothing new to the others.
        self.greet_newcomers();
    }

    /// Where judging takes longer than the disk, it is done when the disk has answered and so have we; but while edits
    /// keep the disk busy all the time, it has to be done between two of them.
    fn puts_judging_off(&mut self) -> bool {
        if !self.document.waits_for_store() || self.judging_took < JUDGING_LONG {
            return false;
        }
        let since = *self.put_off_since.get_or_insert_with(Instant::now);
        since.elapsed() < PUT_OFF_MAX
    }

    fn judge(&mut self) {
        let began = Instant::now();
        self.document.judge(self.hub.clock.now(), &mut self.effects);
        self.judging_took = began.elapsed();
        self.put_off_since = None;
        metrics::histogram!(crate::metrics::RULES_SECONDS).record(self.judging_took);
    }

    /// A future does nothing before it is polled: this hands the question to the store.
    fn begin_asking(&mut self) {
        let Some(asked) = &mut self.asked else { return };
        let mut nobody = Context::from_waker(Waker::noop());
        if let Poll::Ready(input) = asked.as_mut().poll(&mut nobody) {
            self.asked = None;
            self.answered = Some(input);
        }
    }

    fn advance_until_quiet(&mut self) {
        loop {
            let now = self.hub.clock.now();
            self.document.advance(now, &mut self.effects);
            if self.effects.is_empty() {
                return;
            }
            for effect in std::mem::take(&mut self.effects) {
                self.carry_out(effect);
            }
        }
    }

    /// Routing only.
    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::LoadManifest => {
                self.asked = Some(Box::pin(manifest(self.hub.store.clone(), self.id.clone())));
            }
            Effect::LoadChunks => {
                self.asked = Some(Box::pin(chunks(self.hub.store.clone(), self.id.clone())));
            }
            Effect::LoadFollowed { document } => {
                self.asked = Some(Box::pin(followed(self.hub.store.clone(), document)));
            }
            Effect::Commit(batch) => {
                self.to_count = Some(owned(&batch.manifest));
                self.rights_to_be = Some(rights_in(&batch.manifest));
                self.asked = Some(Box::pin(commit(self.hub.store.clone(), batch)));
            }
            Effect::Send { to, body } => {
                let _stop = tracing::debug_span!("fanout", document = %self.id, readers = to.len()).entered();
                metrics::counter!(crate::metrics::SYNC_SENT).increment(to.len() as u64);
                for session in to {
                    self.push(session, Outgoing::Sync { document: self.id.clone(), body: body.clone() });
                }
            }
            Effect::Unavailable { session } => {
                self.note_hidden(session);
                self.push(session, Outgoing::Unavailable { document: self.id.clone() });
            }
            Effect::RemoteHeads { to, news } => {
                for session in to {
                    self.push(
                        session,
                        Outgoing::RemoteHeads { document: self.id.clone(), news: news.clone() },
                    );
                }
            }
            Effect::Refuse { session, refusal } => {
                tracing::info!(document = %self.id, %session, code = refusal.code(), "refused");
                self.push(session, Outgoing::Refused(refusal));
            }
            Effect::Reject { session, why, changes } => {
                // What was refused is set aside before its sender is told.
                let set_aside = std::mem::take(&mut self.were_set_aside);
                tracing::info!(document = %self.id, %session, code = why.code(), "changes were not taken");
                self.push(session, Outgoing::Rejected { document: self.id.clone(), why, changes, set_aside });
            }
            Effect::SetAside { session, who, why, changes } => {
                self.were_set_aside = self.set_aside(session, &who, &why, changes);
            }
            Effect::Permission { session, role } => self.permission(session, role),
            Effect::Acknowledge { session, heads } => self.acknowledge(session, &heads),
            Effect::Answer { ticket, answer } => self.answer(ticket, answer),
            Effect::Judged(verdict) => self.judged(verdict.as_ref()),
            Effect::Evaluate(question) => self.evaluate(question),
            Effect::View { ticket } => self.look(ticket),
        }
    }

    fn push(&self, session: SessionId, outgoing: Outgoing) {
        if let Some(exit) = self.exits.get(&session) {
            exit.outbox.push(outgoing);
        }
    }

    /// Something of our own, for who understands it.
    fn push_own(&self, session: SessionId, own: Own) {
        if let Some(exit) = self.exits.get(&session).filter(|exit| exit.understands_ours) {
            exit.outbox.push(Outgoing::Own { document: self.id.clone(), own });
        }
    }

    /// A reader's role is another one. Who may read from now on knows nothing of the rules yet.
    fn permission(&mut self, session: SessionId, role: Role) {
        if role == Role::None {
            self.newcomers.retain(|newcomer| *newcomer != session);
        } else if !self.newcomers.contains(&session) {
            self.newcomers.push(session);
        }
        if role >= Role::Write {
            self.vitals.writers().insert(session);
        } else {
            self.vitals.writers().remove(&session);
        }
        let limits = self.document.limits_of(session);
        let own = Own::Permission { role: role.to_string(), paths: limits.map(Limits::to_json) };
        self.push_own(session, own);
    }

    fn acknowledge(&self, session: SessionId, heads: &[ChangeHash]) {
        if !self.exits.get(&session).is_some_and(|exit| exit.understands_ours) {
            return;
        }
        let own = Own::Ack {
            heads: heads.iter().map(ToString::to_string).collect(),
            durable_at: self.hub.clock.now().as_millis(),
            conflicts: self.document.open_conflicts(heads),
        };
        self.push_own(session, own);
    }

    /// Somebody asked for what they may not see, or may see it no longer. Of a document that is not there nobody was refused
    /// anything: clients ask for those that they are about to make.
    fn note_hidden(&self, session: SessionId) {
        if self.document.access().is_some()
            && !self.document.may_read(session)
            && let Some(exit) = self.exits.get(&session)
        {
            self.note_refused(&exit.who, exit.address, HIDDEN);
        }
    }

    fn note_refused(&self, who: &Identity, address: Option<IpAddr>, code: &'static str) {
        let Some(records) = self.hub.records.get() else { return };
        let now = self.hub.clock.now();
        records.audit.note(Entry::by(now, Action::Refused, who, address, Some(&self.id), Some(code)));
    }

    /// Nothing is kept for who holds a link that opens nothing: of those there are as many as somebody makes up, and what they
    /// bring would take the room of people. A stock client comes again and again with the same: that is on record once.
    /// Says whether they are kept.
    fn set_aside(
        &self,
        session: SessionId,
        who: &Identity,
        why: &Rejection,
        changes: Vec<(ChangeHash, Bytes)>,
    ) -> bool {
        let address = self.exits.get(&session).and_then(|exit| exit.address);
        if *why == Rejection::Hidden && who.kind != Kind::Person {
            self.note_refused(who, address, why.code());
            return false;
        }
        let Some(records) = self.hub.records.get() else { return false };
        let (document, subject) = (self.id.clone(), who.author().cloned());
        let refused = Refused { document, subject, code: why.code().into(), changes };
        let kept = records.quarantine.keep(refused);
        if kept != Kept::Before {
            self.note_refused(who, address, why.code());
        }
        kept != Kept::No
    }

    /// Nobody waits for it. The task goes on meanwhile, and hears of it as of everything.
    fn evaluate(&self, question: Arc<Question>) {
        let (evaluator, notes) = (self.hub.evaluator.clone(), self.notes_to.clone());
        tokio::spawn(async move {
            let answer = evaluator.answer(question).await;
            if let Some(notes) = notes.upgrade() {
                let _gone = notes.send(Note::Judge(Input::Evaluated(answer)));
            }
        });
    }

    /// Readers hear of it when it is something else than they know: most edits change nothing about it.
    fn judged(&mut self, verdict: Option<&Arc<Verdict>>) {
        self.hub.inbox.note(&self.id, verdict, self.hub.clock.now());
        let same = |told: &Arc<Verdict>| {
            verdict.is_some_and(|now| Arc::ptr_eq(&told.report, &now.report) && told.version == now.version)
        };
        if self.told.as_ref().is_some_and(same) {
            return;
        }
        self.told = verdict.cloned();
        if let Some(verdict) = verdict.filter(|_| !self.exits.is_empty()) {
            self.newcomers.clear();
            let frame = self.conflicts_frame(verdict);
            for (session, exit) in &self.exits {
                if exit.understands_ours && self.document.may_read(*session) {
                    exit.outbox.push(Outgoing::Conflicts { document: self.id.clone(), frame: frame.clone() });
                }
            }
        }
    }

    /// New readers hear what the rules say once it is known where the document stands.
    fn greet_newcomers(&mut self) {
        if self.newcomers.is_empty() {
            return;
        }
        if let Some(frame) = self.conflicts_now() {
            for session in std::mem::take(&mut self.newcomers) {
                if !self.document.may_read(session) {
                    continue; // It is one again when it may.
                }
                self.push(session, Outgoing::Conflicts { document: self.id.clone(), frame: frame.clone() });
            }
        }
    }

    /// What a new reader has to know. A document that is not in memory may have been judged before.
    fn conflicts_now(&self) -> Option<Arc<ConflictsFrame>> {
        let Standing::Stored { heads } = self.document.standing() else { return None };
        let known = self.document.verdict_told().cloned().or_else(|| self.hub.inbox.verdict(&self.id));
        known.filter(|verdict| verdict.heads == heads).map(|verdict| self.conflicts_frame(&verdict))
    }

    fn conflicts_frame(&self, verdict: &Verdict) -> Arc<ConflictsFrame> {
        Arc::new(ConflictsFrame::new(&self.hub.identity.peer, &self.id, &verdict.to_json()))
    }

    fn answer(&mut self, ticket: Ticket, answer: Result<Manifest, Refusal>) {
        match self.callers.remove(&ticket) {
            Some(Caller::Submit(to)) => {
                // The caller may have gone; the changes are stored all the same.
                let _gone = to.send(answer.map_err(|refusal| SubmitError::of(&self.id, refusal)));
            }
            Some(Caller::View(look)) => {
                let refusal = answer.err().unwrap_or(Refusal::Unknown);
                look(Err(ViewError::of(&self.id, &refusal)));
            }
            None => {}
        }
    }

    /// Whoever looks runs on this task. Should that panic, it costs the answer and not the document:
    /// looking changes nothing.
    fn look(&mut self, ticket: Ticket) {
        let Some(Caller::View(look)) = self.callers.remove(&ticket) else { return };
        if self.document.wants_to_judge() {
            self.judge();
        }
        let document = &self.document;
        let looked = match document.automerge() {
            Some(doc) => carefully(|| look(Ok(Sight { doc, document }))),
            None => carefully(|| look(Err(ViewError::Busy { document: self.id.clone() }))),
        };
        if let Err(error) = looked {
            tracing::error!(document = %self.id, %error, "somebody who looked panicked");
        }
    }

    fn show_vitals(&self) {
        let vitals = &self.vitals;
        vitals.resident_bytes.store(self.document.resident_bytes(), Ordering::Relaxed);
        vitals.readers.store(self.document.readers(), Ordering::Relaxed);
        vitals.is_live.store(self.document.is_live(), Ordering::Relaxed);
        let asks_again = self.document.asks_again_at().map_or(u64::MAX, Timestamp::as_millis);
        vitals.asks_again_at_ms.store(asks_again, Ordering::Relaxed);
    }

    /// Ends the task, if nobody can put anything into the mailbox any more: only the table and this
    /// task hold it, and whoever wants it has to come by the table.
    fn end(&mut self) -> bool {
        const TABLE_AND_TASK: usize = 2;
        let mut documents = self.hub.documents();
        let is_held = Arc::strong_count(&self.vitals) > TABLE_AND_TASK;
        // Who let go a moment ago may have put something in before. The count is read without order; with
        // this, what came before the letting go is seen below.
        fence(Ordering::Acquire);
        if is_held || !self.calls.is_empty() || !self.notes.is_empty() {
            return false;
        }
        documents.remove(&self.id);
        true
    }
}

/// A task that panicked leaves readers behind that would wait for ever: they are sent away and come back
/// to a new one, which finds all that was acknowledged in the store.
impl Drop for Actor {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        tracing::error!(document = %self.id, readers = self.exits.len(), "the task of a document panicked");
        for exit in self.exits.values() {
            exit.outbox.close(CloseReason::from(Refusal::StoreUnavailable));
        }
        let mut documents = self.hub.documents();
        if documents.get(&self.id).is_some_and(|mailbox| Arc::ptr_eq(&mailbox.vitals, &self.vitals)) {
            documents.remove(&self.id);
        }
    }
}

/// What is written down for the document itself, and the kind, for which there may be rights too.
type Rights = (Arc<Access>, Option<String>);

fn rights_in(manifest: &Manifest) -> Rights {
    (manifest.access.clone(), manifest.kind.clone())
}

async fn manifest(store: Arc<dyn Store>, id: DocumentId) -> Input {
    Input::Manifest(store.manifest(&id).await.map_err(|error| load_fault(&id, &error)))
}

async fn followed(store: Arc<dyn Store>, document: DocumentId) -> Input {
    let found = super::followed(&*store, &document).await;
    Input::Followed(found.map(Arc::new).map_err(|error| load_fault(&document, &error)))
}

async fn chunks(store: Arc<dyn Store>, id: DocumentId) -> Input {
    Input::Chunks(store.load(&id).await.map_err(|error| load_fault(&id, &error)))
}

async fn commit(store: Arc<dyn Store>, batch: Batch) -> Input {
    let id = batch.document.clone();
    let stop = tracing::debug_span!("store", document = %id);
    let committed = store.commit(batch).instrument(stop).await;
    Input::Stored(committed.map_err(|error| {
        commit_fault(&id, &error);
        CommitFault
    }))
}

fn load_fault(document: &DocumentId, error: &LoadError) -> LoadFault {
    tracing::error!(%document, error = error as &dyn std::error::Error, "could not load");
    match error {
        LoadError::Damaged { .. } => LoadFault::Damaged,
        _ => LoadFault::Unavailable,
    }
}

fn commit_fault(document: &DocumentId, error: &CommitError) {
    metrics::counter!(crate::metrics::COMMITS_FAILED).increment(1);
    tracing::error!(%document, error = error as &dyn std::error::Error, "could not store");
}
