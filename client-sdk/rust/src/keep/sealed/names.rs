//! Under which names the chunks of a document lie in the store below.
//!
//! Always true: what a name says stays true; one that is missing is learnt by loading the document.

use super::Opened;
use dovetail_core::document::chunk::{Batch, ChunkKey};
use std::collections::HashMap;

/// Under which names the chunks of one document lie below. Callers name a chunk by the hash of its plain bytes, the store below by that of the sealed
/// ones, and one does not follow from the other without the bytes.
///
/// An entry takes about 150 bytes. There is one for each chunk that is stored, of each document that this process has written or loaded: a device folds
/// the chunks of a document together when there are 256 of them, so that is up to 40 KB for one. One entry too many does no harm, since what it says
/// stays true; one that is missing is learnt by loading the document.
#[derive(Debug, Default)]
pub(super) struct Names {
    chunks: HashMap<ChunkKey, Name>,
    puts: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    pub(super) below: ChunkKey,
    /// Which put was the last of this chunk: only when it still is that one, the end of the chunk is the end of the entry.
    put: u64,
}

impl Names {
    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.chunks.len()
    }

    /// Whether all chunks that the batch deletes have a name here, or get one by the batch.
    pub(super) fn know(&self, batch: &Batch) -> bool {
        let is_put = |key: &ChunkKey| batch.put.iter().any(|chunk| chunk.key() == *key);
        batch.delete.iter().all(|key| self.chunks.contains_key(key) || is_put(key))
    }

    /// Those of these chunks that have a name.
    pub(super) fn named(&self, keys: &[ChunkKey]) -> Vec<(ChunkKey, Name)> {
        keys.iter().filter_map(|key| self.chunks.get(key).map(|name| (*key, *name))).collect()
    }

    pub(super) fn put(&mut self, plain: ChunkKey, below: ChunkKey) {
        self.puts += 1;
        self.chunks.insert(plain, Name { below, put: self.puts });
    }

    /// A batch may have put one of these once more since they were read: that one stays.
    pub(super) fn learn(&mut self, opened: &Opened) {
        for (chunk, below) in &opened.chunks {
            self.chunks.entry(chunk.key()).or_insert(Name { below: *below, put: 0 });
        }
    }

    /// Chunks that are not there any more, unless they were put again meanwhile, even in the batch that deleted them.
    pub(super) fn forget(&mut self, gone: &[(ChunkKey, Name)]) {
        for (key, then) in gone {
            if self.chunks.get(key).is_some_and(|now| now.put == then.put) {
                self.chunks.remove(key);
            }
        }
    }
}
