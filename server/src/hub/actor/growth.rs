//! How near a document is to the bounds of its own size.
//!
//! Edit path: ← a burst is stored, → a line in the log, once for each crossing.

use crate::near::{BEFORE_THE_WALL, Crossing, Latch, share};
use dovetail_core::document::Size;
use dovetail_core::limits::DocumentLimits;

/// Whether each of them is near.
#[derive(Debug, Default)]
pub(super) struct Growth {
    changes: Latch,
    bytes: Latch,
    ops: Latch,
}

impl Growth {
    /// Which have come near, or are not near any longer, since the last look.
    pub(super) fn look(&mut self, size: Size, limits: &DocumentLimits) -> Vec<(&'static str, Crossing)> {
        let all = [
            ("document_changes_max", &mut self.changes, size.changes, limits.changes_max),
            ("document_bytes_max", &mut self.bytes, size.bytes, limits.bytes_max),
            ("document_ops", &mut self.ops, size.ops, limits.ops_max),
        ];
        let crossed = all.into_iter().filter_map(|(bound, latch, now, most)| {
            Some((bound, latch.look(share(now, most), BEFORE_THE_WALL)?))
        });
        crossed.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OP36: of each bound of a document it is told once that it is near.
    #[test]
    fn op36_a_document_near_its_bounds_is_told_of_once() {
        let limits =
            DocumentLimits { changes_max: 10, bytes_max: 100, ops_max: 1_000, ..DocumentLimits::default() };
        let mut growth = Growth::default();
        let mut look = |changes, bytes, ops| growth.look(Size { changes, bytes, ops }, &limits);
        assert_eq!(look(7, 79, 799), []);
        assert_eq!(look(8, 79, 799), [("document_changes_max", Crossing::Near)]);
        assert_eq!(
            look(9, 80, 800),
            [("document_bytes_max", Crossing::Near), ("document_ops", Crossing::Near)]
        );
        assert_eq!(look(9, 20, 801), [("document_bytes_max", Crossing::Away)], "it was folded");
    }
}
