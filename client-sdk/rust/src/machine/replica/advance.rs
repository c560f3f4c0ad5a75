//! What a document does by itself: take in what has come, keep what is new, say what there is to say.
//!
//! Edit path: ← something has happened, or time has passed, → [`Effect::Commit`], [`Effect::Send`].

use super::here::Noted;
use super::{Answer, Content, Effect, Replica, SEND_EVERY};
use automerge::sync::SyncDoc;
use dovetail_core::time::Timestamp;

impl Replica {
    /// Takes in what has come, keeps what is new, says what there is to say. Whoever drives the machine calls this when something
    /// has happened, and when [`next_tick`](Self::next_tick) has come.
    pub fn advance(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.take_in(now, effects);
        self.keep(now, effects);
        self.say(now, effects);
    }

    /// When there is something to do though nothing happens.
    #[must_use]
    pub fn next_tick(&self) -> Option<Timestamp> {
        let link = self.link.as_ref().filter(|link| link.is_due && link.is_unanswered);
        let say_at = link.and_then(|link| link.sent_at).map(|at| at + SEND_EVERY);
        [say_at, self.keep_again_at].into_iter().flatten().min()
    }

    fn take_in(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let (Content::Here(here), Some(link)) = (&mut self.content, &mut self.link) else { return };
        if self.inbox.is_empty() {
            return;
        }
        let before = here.doc(now).get_heads();
        let mut heads = None;
        for message in std::mem::take(&mut self.inbox) {
            link.is_unanswered = false;
            link.is_due = true;
            self.answer = Answer::Here;
            heads = Some(message.heads.clone());
            if let Err(panicked) = here.hear(now, &mut link.state, message) {
                tracing::error!(document = %self.id, %panicked, "what the server sent could not be applied");
                return self.begin_anew("what the server sent could not be applied", effects);
            }
        }
        here.close(now);
        here.is_told(false);
        here.refusals.take_back(here.tick.doc());
        if let Some(heads) = heads {
            here.server_has(now, heads);
        }
        if here.doc(now).get_heads() != before {
            effects.push(Effect::Changed);
        }
        effects.push(Effect::Told);
    }

    /// Nothing is asked of the store while it is busy with this document: what comes meanwhile goes together. Nor just after it has
    /// failed, unless somebody waits for an edit.
    fn keep(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.keep_again_at = self.keep_again_at.filter(|at| now < *at);
        let Content::Here(here) = &mut self.content else { return };
        let is_too_soon = self.keep_again_at.is_some();
        if here.commit.is_some() || (is_too_soon && self.kept == self.taken) {
            return;
        }
        here.close(now);
        here.is_open(now);
        if !here.is_noted && !here.is_noting {
            here.is_noted = true;
            here.is_noting = true;
            if here.refusals_noted == Noted::No {
                here.refusals_noted = Noted::UnderWay;
            }
            effects.push(Effect::Note(Box::new(here.notes(self.role))));
        }
        // What was refused leaves the document when it is noted for good that it was.
        if here.holds_back && here.refusals_noted != Noted::Yes {
            return;
        }
        if let Some((batch, commit)) = here.what_to_keep(now, &self.id, self.taken) {
            here.commit = Some(commit);
            effects.push(Effect::Commit(batch));
        } else if self.kept < self.taken {
            // There is nothing of it to keep, and whoever waits for that is told.
            self.kept = self.taken;
            here.are_kept(self.kept);
            effects.push(Effect::Told);
        }
    }

    fn say(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let (Content::Here(here), Some(link)) = (&mut self.content, &mut self.link) else { return };
        if here.tick.is_open() || here.holds_back {
            return;
        }
        let is_too_soon = link.is_unanswered && link.sent_at.is_some_and(|at| now < at + SEND_EVERY);
        if is_too_soon {
            link.is_due = true;
            return;
        }
        link.is_due = false;
        if let Some(message) = here.doc(now).generate_sync_message(&mut link.state) {
            link.sent_at = Some(now);
            link.is_unanswered = true;
            effects.push(Effect::Send(message));
        }
    }
}
