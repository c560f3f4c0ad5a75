//! Remote heads: telling readers how far other stores have come.
//!
//! A client may follow storage ids ("is my phone's copy up to date?"). Whenever the heads of such
//! a store become known, from its own messages or from what another reader passes on, everybody
//! who reads this document and follows that store is told once.

use super::body::Heads;
use crate::id::StorageId;
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// Stores remembered per document. A team's devices fit many times over; the oldest news goes first.
const STORES_MAX: usize = 1_024;

/// How far a store has come in this document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteHeads {
    /// Whose heads.
    pub storage: StorageId,
    /// Its heads.
    pub heads: Heads,
    /// When they were seen.
    pub at: Timestamp,
}

/// What is known of other stores.
#[derive(Debug, Default)]
pub(crate) struct Gossip {
    known: BTreeMap<StorageId, RemoteHeads>,
}

impl Gossip {
    /// Takes in `news` and says whether it is any.
    pub(crate) fn learn(&mut self, news: &RemoteHeads) -> bool {
        match self.known.get(&news.storage) {
            Some(known) if known.at >= news.at || known.heads == news.heads => return false,
            Some(_) => {}
            None if self.known.len() >= STORES_MAX => self.forget_oldest(),
            None => {}
        }
        self.known.insert(news.storage.clone(), news.clone());
        true
    }

    pub(crate) fn of(&self, storage: &StorageId) -> Option<&RemoteHeads> {
        self.known.get(storage)
    }

    fn forget_oldest(&mut self) {
        let oldest = self.known.values().min_by_key(|news| news.at).map(|news| news.storage.clone());
        if let Some(storage) = oldest {
            self.known.remove(&storage);
        }
    }
}
