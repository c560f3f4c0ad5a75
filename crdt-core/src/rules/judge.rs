//! What is known of one document under one rule set.

use super::conflict::{Conflict, Report};
use super::set::RuleSet;
use crate::id::DocumentId;
use crate::time::Timestamp;
use automerge::{Automerge, Patch};
use std::sync::Arc;

/// The facts that the rules need of a document, and what they say about them.
#[derive(Debug)]
pub struct Judge {
    document: DocumentId,
    rules: Arc<RuleSet>,
}

impl Judge {
    /// Looks at the whole document.
    #[must_use]
    pub fn new(document: &DocumentId, rules: Arc<RuleSet>, doc: &Automerge) -> Self {
        let _ = doc;
        Self { document: document.clone(), rules }
    }

    /// Looks again at what `patches` touched. They are those of all changes that were applied
    /// since the last look, and `doc` is the document with these changes.
    pub fn touched(&mut self, doc: &Automerge, patches: &[Patch]) {
        let _ = (doc, patches);
    }

    /// The rules it judges by.
    #[must_use]
    pub fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// The document it judges.
    #[must_use]
    pub fn document(&self) -> &DocumentId {
        &self.document
    }

    /// What stands at `now`. `doc` is the document as it was at the last look.
    #[must_use]
    pub fn report(&self, doc: &Automerge, now: Timestamp) -> Report {
        let _ = (doc, now);
        Report::default()
    }

    /// Conflicts that somebody settled and whose rule holds, in the order of their ids.
    #[must_use]
    pub fn settled(&self) -> Vec<Conflict> {
        Vec::new()
    }
}
