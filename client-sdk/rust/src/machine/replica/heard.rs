//! What the server says of a document: that it is there or is not, who may do what, and what it does not take.
//!
//! Edit path: ← the server's frames, by way of the engine, → the inbox, which [`advance`](super::Replica::advance) takes in; → the document without
//! what was refused.

use super::tick::has_orphans;
use super::{Answer, Content, Effect, INBOX_MAX, Link, Replica};
use automerge::ChangeHash;
use automerge::sync::Message;
use dovetail_core::grant::Role;
use dovetail_core::time::Timestamp;

impl Replica {
    /// There is a connection, and nothing was said on it.
    pub fn connected(&mut self) {
        self.link = Some(Link::new());
        self.inbox.clear();
        self.answer = Answer::None;
    }

    /// There is none any more.
    pub fn disconnected(&mut self) {
        self.link = None;
        self.inbox.clear();
    }

    /// A sync message has come.
    pub fn hear(&mut self, message: Message, effects: &mut Vec<Effect>) {
        if self.link.is_none() || matches!(self.content, Content::Broken(_)) {
            return;
        }
        self.inbox.push_back(message);
        if self.inbox.len() > INBOX_MAX {
            self.inbox.clear();
            self.lose_link(effects);
        }
    }

    /// The server has no such document for us.
    pub fn is_missing(&mut self, effects: &mut Vec<Effect>) {
        self.answer = Answer::Missing;
        if let Content::Here(here) = &mut self.content {
            here.is_told(true);
        }
        if let Some(link) = &mut self.link {
            link.is_unanswered = false;
        }
        effects.push(Effect::Told);
    }

    /// What one may do with it.
    pub fn permitted(&mut self, role: Role, effects: &mut Vec<Effect>) {
        // A server speaks of rights to what is there: they were taken and given back, if nothing was said of that in between.
        let is_back = self.answer == Answer::Missing && role >= Role::Read;
        if self.role == Some(role) && !is_back {
            return;
        }
        let was_shut = is_back || self.role.is_some_and(|before| before < Role::Read);
        self.role = Some(role);
        if let Content::Here(here) = &mut self.content {
            here.is_noted = false;
        }
        // What was said while nothing might be read was not heard, and what the server said of it counts no more.
        if was_shut && self.link.is_some() {
            self.link = Some(Link::new());
            self.answer = Answer::None;
        }
        effects.push(Effect::Told);
    }

    /// The server did not take these changes.
    pub fn rejected(
        &mut self,
        now: Timestamp,
        changes: &[ChangeHash],
        code: &str,
        reason: &str,
        effects: &mut Vec<Effect>,
    ) {
        let Content::Here(here) = &mut self.content else { return };
        if here.refuse(now, changes, code, reason) {
            let has_orphans = has_orphans(here.tick.doc());
            here.take_out(now);
            self.actor = here.tick.doc().get_actor().clone();
            effects.push(Effect::Changed);
            // What waits for others is not in the new document, and the server has sent it already.
            if has_orphans {
                self.lose_link(effects);
            } else {
                self.link = self.link.is_some().then(Link::new);
            }
        }
        effects.push(Effect::Told);
    }
}
