//! Documents that are known to be damaged: what the store has of them is not what was written.
//!
//! Each is fenced by itself when it is read ([`LoadError::Damaged`](crate::store::LoadError)); this is the list, for whoever has to mend it.
//! It fills when somebody opens such a document and when all are checked, and is empty after a start.
//!
//! Edit path: no edit comes by here.

use dovetail_core::id::DocumentId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// As many are listed by name. A disk that has bent more has to be replaced, not its documents.
pub(crate) const LISTED_MAX: usize = 10_000;

/// See the top of the file. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Damaged(Arc<Mutex<BTreeMap<DocumentId, String>>>);

impl Damaged {
    /// It was found, and what is wrong with it. What was found first stays, since that is the more exact.
    pub fn note(&self, document: &DocumentId, what: &str) {
        let mut known = self.known();
        if known.len() < LISTED_MAX && !known.contains_key(document) {
            known.insert(document.clone(), what.to_owned());
        }
    }

    /// It was read again, and is as it was written.
    pub fn is_sound(&self, document: &DocumentId) {
        self.known().remove(document);
    }

    /// What is wrong with it, if that is known.
    #[must_use]
    pub fn what(&self, document: &DocumentId) -> Option<String> {
        self.known().get(document).cloned()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.known().len() as u64
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<DocumentId, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
