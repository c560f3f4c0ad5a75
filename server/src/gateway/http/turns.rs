//! Turns for writers who would rather be refused than merged.
//!
//! Always true: of two such writers of one document, the second looks at it when the first is durable.
//! Nobody else waits here. Documents share a fixed number of turns, so two of them may wait for each
//! other for nothing; that costs them some milliseconds and no memory.

use dovetail_core::id::DocumentId;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// How many documents take turns independently. Writes with a precondition come from scripts, a few at a time.
const TURNS: usize = 64;

/// The turns of this server. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::gateway) struct Turns {
    turns: Arc<[Arc<Mutex<()>>]>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { turns: (0..TURNS).map(|_| Arc::default()).collect() }
    }
}

impl Turns {
    /// Waits for the turn of a document, and has it until the guard is dropped.
    pub(super) async fn of(&self, document: &DocumentId) -> OwnedMutexGuard<()> {
        let mut hasher = DefaultHasher::new();
        document.hash(&mut hasher);
        let index = usize::try_from(hasher.finish() % TURNS as u64).expect("a remainder of 64 is small");
        Arc::clone(&self.turns[index]).lock_owned().await
    }
}
