//! How a document stands: read, and never changed by that but for edits that become a change.
//!
//! Edit path: ← an app looks, ← the engine asks whether a document may leave memory, or the device.

use super::tick::is_empty;
use super::{Answer, Content, Fate, Here, LoadFault, Pending, Refused, Replica};
use automerge::{Automerge, ChangeHash};
use dovetail_core::grant::Role;
use dovetail_core::time::Timestamp;

impl Replica {
    /// The document, with all edits in it. Edits that were to become one change together become one now.
    pub fn automerge(&mut self, now: Timestamp) -> Option<&Automerge> {
        let Content::Here(here) = &mut self.content else { return None };
        Some(here.doc(now))
    }

    /// Whether it has something in it, here.
    pub fn has_content(&mut self, now: Timestamp) -> bool {
        self.automerge(now).is_some_and(|doc| !is_empty(doc))
    }

    /// The number of the last edit.
    #[must_use]
    pub fn last_edit(&self) -> u64 {
        self.taken
    }

    /// What became of all edits up to this one is known.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// What became of an edit.
    #[must_use]
    pub fn fate(&self, edit: u64) -> Fate {
        let lost = self.lost.iter().find(|(lost, _)| lost.contains(&edit));
        match lost {
            Some((_, why)) => Fate::Lost(why.clone()),
            None if edit <= self.kept => Fate::Kept,
            None => Fate::Waits,
        }
    }

    /// What the server said of it on this connection.
    #[must_use]
    pub fn answer(&self) -> Answer {
        self.answer
    }

    /// What one may do with it, as far as that is known.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        self.role
    }

    /// Why it cannot be read.
    #[must_use]
    pub fn fault(&self) -> Option<&LoadFault> {
        match &self.content {
            Content::Broken(fault) => Some(fault),
            _ => None,
        }
    }

    /// Whether it was read, or cannot be.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        matches!(self.content, Content::Here(_) | Content::Broken(_))
    }

    /// What waits for the server, in order.
    pub fn pending(&self) -> impl Iterator<Item = &Pending> {
        self.here().into_iter().flat_map(|here| here.waiting.iter())
    }

    /// How many wait, and their bytes. What is open as one change counts as one.
    #[must_use]
    pub fn pending_size(&self) -> (usize, u64) {
        self.here().map_or((0, 0), |here| {
            (here.waiting.count() + usize::from(here.tick.is_open()), here.waiting.bytes())
        })
    }

    /// When the server last had everything.
    #[must_use]
    pub fn saved_at(&self) -> Option<Timestamp> {
        self.here().and_then(|here| here.saved_at)
    }

    /// What the server did not take, the oldest first.
    pub fn refused(&self) -> impl Iterator<Item = &Refused> {
        self.here().into_iter().flat_map(|here| here.refusals.iter())
    }

    /// All changes that were taken out of it, which the server did not take or which were built on such.
    pub fn taken_out(&self) -> impl Iterator<Item = &ChangeHash> {
        self.here().into_iter().flat_map(|here| here.refusals.taken_out())
    }

    /// Whether anything has to be done before it may leave memory.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.inbox.is_empty()
            && match &self.content {
                Content::Here(here) => {
                    here.commit.is_none() && !here.tick.is_open() && here.is_noted && !here.is_noting
                }
                Content::Loading => false,
                Content::Unasked | Content::Broken(_) => true,
            }
    }

    /// Whether something of it may be nowhere else, though nothing waits: what was refused, what the server does not have for us, and what cannot
    /// be read.
    #[must_use]
    pub fn has_to_stay(&self) -> bool {
        let is_missing = self.here().is_some_and(|here| here.is_missing);
        is_missing
            || self.role == Some(Role::None)
            || self.fault().is_some()
            || self.refused().next().is_some()
    }

    pub(super) fn here(&self) -> Option<&Here> {
        match &self.content {
            Content::Here(here) => Some(here),
            _ => None,
        }
    }
}
