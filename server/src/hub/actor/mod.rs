//! The task of one open document: carries to the machine what happens, and into the world what
//! the machine answers.
//!
//! Edit path: ← a socket or a door puts it into the mailbox, [`Document`] decides, the store
//! commits, → [`Outbox`](super::Outbox)es of the readers, answers of the doors.
//!
//! Invariant: this task never looks inside an edit, and it never waits for a socket. It waits for the
//! store, and while it does, it takes in no more than [`WAITING_MAX`] messages: senders wait then.

mod asked; // The one question at the store.
mod callers; // Who waits for an answer.
mod growth; // How near the document is to its own bounds.
mod judging; // When the document is judged, and what readers know of that.
mod readers; // Who reads, and the way out to each.
mod refused; // What is written down of what was refused.
mod stored; // What is known of what is stored: for quotas, and for who follows.

use super::desk::{Desk, News};
use super::error::ViewError;
use super::mailbox::{Call, Drained, MAILBOX_MAX, Mailbox, Note, Reader, Sight, Vitals};
use super::room::without_making;
use super::shared::Shared;
use crate::audit::HIDDEN;
use crate::metrics::CHANGES_REFUSED;
use crate::near::Crossing;
use asked::Asked;
use automerge::ChangeHash;
use callers::{Caller, Callers};
use dovetail_core::document::careful::carefully;
use dovetail_core::document::{Document, Effect, Input, Refusal, Size, Standing, Ticket, Verdict};
use dovetail_core::grant::{Followed, Limits, Role};
use dovetail_core::id::{DocumentId, SessionId};
use dovetail_core::limits::DocumentLimits;
use dovetail_core::rules::Question;
use dovetail_core::session::{CloseReason, Outgoing};
use dovetail_core::wire::{ConflictsFrame, Own};
use growth::Growth;
use judging::Judging;
use readers::{Exit, Readers};
use refused::Clerk;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;
use stored::{Rights, RightsAre, Stored};
use tokio::sync::mpsc;

/// Messages that the machine holds back while a commit is under way.
pub(crate) const WAITING_MAX: usize = 4_096;

/// When a task that has nothing to do looks again whether its mailbox is still held. It is for the
/// moment in which somebody who was just answered has not let go of it yet.
const END_RETRY: Duration = Duration::from_millis(20);

pub(super) struct Actor {
    id: DocumentId,
    document: Document,
    hub: Arc<Shared>,
    calls: mpsc::Receiver<Call>,
    notes: mpsc::UnboundedReceiver<Note>,
    /// For what this task hears from itself.
    notes_to: mpsc::WeakUnboundedSender<Note>,
    drained: Arc<Drained>,
    desk: Arc<Desk>,
    vitals: Arc<Vitals>,
    readers: Readers,
    callers: Callers,
    asked: Asked,
    stored: Stored,
    judging: Judging,
    growth: Growth,
    /// Whether the changes that were refused last are kept aside.
    were_set_aside: bool,
    effects: Vec<Effect>,
    /// Who has gone, and has perhaps said something before that is not taken in yet.
    leaving: Vec<SessionId>,
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
    pub(super) fn spawn(id: DocumentId, hub: Arc<Shared>) -> Mailbox {
        let (calls, calls_of) = mpsc::channel(MAILBOX_MAX);
        let (notes, notes_of) = mpsc::unbounded_channel();
        let vitals = Arc::new(Vitals::default());
        let drained = Arc::new(Drained::default());
        let desk = Arc::new(Desk::default());
        let actor = Self {
            document: Document::new(id.clone(), hub.limits.document, hub.rules(), hub.policy()),
            readers: Readers::of(id.clone()),
            id,
            hub,
            calls: calls_of,
            notes: notes_of,
            notes_to: notes.downgrade(),
            drained: drained.clone(),
            desk: desk.clone(),
            vitals: vitals.clone(),
            callers: Callers::default(),
            asked: Asked::default(),
            stored: Stored::default(),
            judging: Judging::default(),
            growth: Growth::default(),
            were_set_aside: false,
            effects: Vec::new(),
            leaving: Vec::new(),
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
            self.let_go();
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
        let has_room = self.document.waiting() < WAITING_MAX;
        tokio::select! {
            biased;
            input = self.asked.answered() => Wake::Store(input),
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
            Wake::Store(input) => self.take_answer(input),
            // It was put where the task looks every time it wakes.
            Wake::Note(Note::Drained) => {}
            // Whether anybody is left is looked at when everything is taken in.
            Wake::Note(Note::Unwatched) => {}
            Wake::Note(Note::Judge(input)) => {
                self.tell_followed(&input);
                self.tell(input);
            }
            Wake::Note(Note::Leave(session)) => self.leaving.push(session),
            Wake::Call(Call::Input(input)) => self.tell(input),
            Wake::Call(Call::Open(reader)) => self.open(reader),
            Wake::Call(Call::Ephemeral(said)) => self.readers.hear(said, &self.document, &self.desk),
            Wake::Call(Call::Say(said)) => self.readers.say(&said, &self.document, &self.desk),
            Wake::Call(Call::Submit { permit, changes, answer }) => {
                let ticket = self.callers.wait(Caller::Submit(answer));
                self.tell(Input::Submit { ticket, permit, changes });
            }
            Wake::Call(Call::SetAccess { access, answer }) => {
                let ticket = self.callers.wait(Caller::Submit(answer));
                self.tell(Input::SetAccess { ticket, access });
            }
            Wake::Call(Call::View { look }) => {
                let ticket = self.callers.wait(Caller::View(look));
                self.tell(Input::View { ticket });
            }
            Wake::Call(Call::Delete { deleted, answer }) => {
                let ticket = self.callers.wait(Caller::Submit(answer));
                self.tell(Input::Delete { ticket, deleted });
            }
            Wake::Nothing => {}
        }
    }

    /// The store has answered. Who follows is woken when what is stored gives other rights than before.
    fn take_answer(&mut self, input: Input) {
        if let Some(quotas) = self.hub.quotas.get() {
            self.stored.count(&input, quotas);
        }
        match self.stored.note_rights(&input) {
            RightsAre::AsBefore => {}
            RightsAre::First => self.desk.change_rights(),
            RightsAre::Others(rights) => {
                self.tell_who_follows(rights);
                self.desk.change_rights();
            }
        }
        self.tell(input);
    }

    /// What was given or taken away here was so in the documents that follow this one.
    fn tell_who_follows(&self, (access, kind): Rights) {
        let followed = Arc::new(Followed { document: self.id.clone(), access, kind });
        for (_, mailbox) in self.hub.documents().iter().filter(|(document, _)| **document != self.id) {
            mailbox.judge(Input::FollowedChanged(followed.clone()));
        }
    }

    /// Wakes those who follow when the document that this one follows gives other rights than before.
    fn tell_followed(&self, input: &Input) {
        if let Input::FollowedChanged(followed) = input
            && self.document.follows() == Some(&followed.document)
        {
            self.desk.change_rights();
        }
    }

    fn tell(&mut self, input: Input) {
        let _stop = tracing::debug_span!("hub", document = %self.id).entered();
        let now = self.hub.clock.now();
        self.document.handle(now, input, &mut self.effects);
    }

    fn open(&mut self, reader: Reader) {
        let Reader { session, who, address, storage, follows, understands_ours, room, outbox } = reader;
        let who = match self.hub.quotas.get() {
            Some(quotas) => without_making(who, quotas),
            None => who,
        };
        let exit = Exit { outbox, understands_ours, who: who.clone(), address };
        self.readers.come(session, exit);
        self.tell(Input::Open { session, who, storage, follows, room });
    }

    /// Who has gone leaves when all that they have said is taken in: that they go overtakes what they said.
    fn let_go(&mut self) {
        if self.leaving.is_empty() || self.document.waiting() > 0 {
            return;
        }
        for session in std::mem::take(&mut self.leaving) {
            self.vitals.writers().remove(&session);
            self.readers.leave(session);
            self.tell(Input::Leave { session });
        }
        self.advance();
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
        self.readers.hear_what_was_early(&self.document, &self.desk);
        self.vitals.show(&self.document);
        self.look_at_size();
        self.publish();
        self.greet_newcomers();
    }

    /// A line in the log when the document comes near to a bound of its own. Somebody who opens it anew makes another one.
    fn look_at_size(&mut self) {
        if !self.document.is_live() {
            return;
        }
        for (bound, crossing) in self.growth.look(self.document.size(), &self.hub.limits.document) {
            let (document, Size { changes, bytes, ops }) = (&self.id, self.document.size());
            match crossing {
                Crossing::Near => {
                    let DocumentLimits { changes_max, bytes_max, ops_max, .. } = self.hub.limits.document;
                    tracing::warn!(
                        %document, bound, changes, changes_max, bytes, bytes_max, ops, ops_max,
                        "a document is near to a bound, or beyond it: there it takes no more changes"
                    );
                }
                Crossing::Away => {
                    tracing::info!(%document, bound, changes, bytes, ops, "a document is not near to its bound any longer");
                }
            }
        }
    }

    fn ask_for_room(&mut self) {
        let Some(quotas) = self.hub.quotas.get() else { return };
        if let Some(is_full) = self.stored.fullness_changed(quotas) {
            self.tell(Input::Full(is_full));
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

    fn publish(&self) {
        let (standing, verdict) = (self.document.standing(), self.document.verdict_told().cloned());
        if standing == Standing::Damaged {
            self.hub.damaged.note(&self.id, "what is stored of it does not fit together");
        }
        self.desk.publish(News { standing, verdict });
    }

    /// Routing only.
    fn carry_out(&mut self, effect: Effect) {
        let store = || self.hub.store.clone();
        match effect {
            Effect::LoadManifest => self.asked.ask(asked::manifest(store(), self.id.clone())),
            Effect::LoadChunks => {
                self.asked.ask(asked::chunks(store(), self.id.clone(), self.hub.damaged.clone()));
            }
            Effect::LoadFollowed { document } => self.asked.ask(asked::followed(store(), document)),
            Effect::Commit(batch) => {
                self.stored.will_be(&batch.manifest);
                self.asked.ask(asked::commit(store(), batch));
            }
            Effect::Send { to, body } => {
                let _stop = tracing::debug_span!("fanout", document = %self.id, readers = to.len()).entered();
                metrics::counter!(crate::metrics::SYNC_SENT).increment(to.len() as u64);
                for session in to {
                    let outgoing = Outgoing::Sync { document: self.id.clone(), body: body.clone() };
                    self.readers.push(session, outgoing);
                }
            }
            Effect::Unavailable { session } => {
                self.note_hidden(session);
                self.readers.push(session, Outgoing::Unavailable { document: self.id.clone() });
            }
            Effect::RemoteHeads { to, news } => {
                for session in to {
                    let outgoing = Outgoing::RemoteHeads { document: self.id.clone(), news: news.clone() };
                    self.readers.push(session, outgoing);
                }
            }
            Effect::Refuse { session, refusal } => {
                tracing::info!(document = %self.id, %session, code = refusal.code(), "refused");
                self.readers.push(session, Outgoing::Refused(refusal));
            }
            Effect::Reject { session, why, changes } => {
                // What was refused is set aside before its sender is told.
                let set_aside = std::mem::take(&mut self.were_set_aside);
                tracing::info!(document = %self.id, %session, code = why.code(), "changes were not taken");
                metrics::counter!(CHANGES_REFUSED, "code" => why.code()).increment(changes.len() as u64);
                let document = self.id.clone();
                self.readers.push(session, Outgoing::Rejected { document, why, changes, set_aside });
            }
            Effect::SetAside { session, who, why, changes } => {
                let address = self.readers.whose(session).and_then(|(_, address)| address);
                let clerk = self.clerk();
                self.were_set_aside =
                    clerk.is_some_and(|clerk| clerk.set_aside(&who, address, &why, changes));
            }
            Effect::Permission { session, role } => self.change_role(session, role),
            Effect::Acknowledge { session, heads } => self.acknowledge(session, &heads),
            Effect::Answer { ticket, answer } => {
                if let Err(Refusal::Rejected(why)) = &answer {
                    metrics::counter!(CHANGES_REFUSED, "code" => why.code()).increment(1);
                }
                self.callers.answer(&self.id, ticket, answer);
            }
            Effect::Judged(verdict) => self.judged(verdict.as_ref()),
            Effect::Evaluate(question) => self.evaluate(question),
            Effect::View { ticket } => self.look(ticket),
        }
    }

    fn change_role(&mut self, session: SessionId, role: Role) {
        self.readers.change_role(session, role);
        if role >= Role::Write {
            self.vitals.writers().insert(session);
        } else {
            self.vitals.writers().remove(&session);
        }
        let limits = self.document.limits_of(session);
        let own = Own::Permission { role: role.to_string(), paths: limits.map(Limits::to_json) };
        self.readers.push_own(session, own);
    }

    fn acknowledge(&self, session: SessionId, heads: &[ChangeHash]) {
        if !self.readers.understands_ours(session) {
            return;
        }
        let own = Own::Ack {
            heads: heads.iter().map(ToString::to_string).collect(),
            durable_at: self.hub.clock.now().as_millis(),
            conflicts: self.document.open_conflicts(heads),
        };
        self.readers.push_own(session, own);
    }

    /// Somebody asked for what they may not see, or may see it no longer. Of a document that is not there nobody was refused
    /// anything: clients ask for those that they are about to make.
    fn note_hidden(&self, session: SessionId) {
        if self.document.access().is_some()
            && !self.document.may_read(session)
            && let Some((who, address)) = self.readers.whose(session)
            && let Some(clerk) = self.clerk()
        {
            clerk.note(who, address, HIDDEN);
        }
    }

    fn clerk(&self) -> Option<Clerk<'_>> {
        let (now, document) = (self.hub.clock.now(), &self.id);
        self.hub.records.get().map(|records| Clerk { records, now, document })
    }

    /// While the store works, or when there is nothing else to do: what the rules say of what is new. The
    /// store is asked before that and not after, so nobody's answer waits for it.
    fn judge_meanwhile(&mut self) {
        if !self.document.wants_to_judge() {
            self.judging.is_done();
            return;
        }
        if self.judging.is_put_off(self.document.waits_for_store()) {
            return;
        }
        self.asked.begin();
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

    fn judge(&mut self) {
        let (document, effects, now) = (&mut self.document, &mut self.effects, self.hub.clock.now());
        self.judging.time(|| document.judge(now, effects));
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

    /// Readers hear of it when it is something else than they know.
    fn judged(&mut self, verdict: Option<&Arc<Verdict>>) {
        self.hub.inbox.note(&self.id, verdict, self.hub.clock.now());
        if self.judging.is_news(verdict)
            && let Some(verdict) = verdict.filter(|_| self.readers.count() > 0)
        {
            let frame = self.conflicts_frame(verdict);
            self.readers.tell_conflicts(&frame, &self.document);
        }
    }

    /// New readers hear what the rules say once it is known where the document stands.
    fn greet_newcomers(&mut self) {
        if self.readers.has_newcomers()
            && let Some(frame) = self.conflicts_now()
        {
            self.readers.greet(&frame, &self.document);
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

    /// Whoever looks runs on this task. Should that panic, it costs the answer and not the document:
    /// looking changes nothing.
    fn look(&mut self, ticket: Ticket) {
        let Some(look) = self.callers.take_look(ticket) else { return };
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
        tracing::error!(document = %self.id, readers = self.readers.count(), "the task of a document panicked");
        self.readers.send_away(&CloseReason::from(Refusal::StoreUnavailable));
        let mut documents = self.hub.documents();
        if documents.get(&self.id).is_some_and(|mailbox| Arc::ptr_eq(&mailbox.vitals, &self.vitals)) {
            documents.remove(&self.id);
        }
    }
}
