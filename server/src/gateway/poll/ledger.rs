//! The numbers that make a lossy way safe: which posts were acted on, and which frames the peer has.
//!
//! ```text
//!  posts   1 2 3 ▸4          the next is 4; up to 3 is a repetition, 5 would leave a gap
//!  frames  1 2 3 4 5 6       acknowledged up to 2; 3 to 6 are kept and handed out as often as asked
//!              ▴   ▴
//!          after=2 cursor=6
//! ```
//! Edit path: ← a document's frame is kept here, → every poll gets all that it does not have.
//!
//! Invariant: frames are numbered from 1 without gaps, and none is forgotten before the peer said that
//! it has it. So an answer that is lost loses nothing, and one that comes twice is known by its numbers.

use crate::gateway::link::Wire;
use bytes::Bytes;
use dovetail_core::id::DocumentId;
use std::collections::VecDeque;

/// When so many bytes are not acknowledged, nothing more is taken from the outbox until they are: the
/// documents then keep what this reader lacks as flags, like those of a socket that takes nothing. One
/// message always fits, and up to 256 KiB are taken at once.
pub(crate) const KEPT_BYTES_MAX: usize = 1 << 20;

/// The same for small frames: answers to a post of as many requests as a post may have.
const KEPT_FRAMES_MAX: usize = 1_024;

/// See the top of the file.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    kept: VecDeque<Kept>,
    kept_bytes: usize,
    /// The newest frame that the peer has.
    acknowledged: u64,
    /// The newest post that was acted on.
    posted: u64,
    /// Whose message is being written at present.
    about: Option<DocumentId>,
    /// The session wants a sign of life.
    wants_word: bool,
}

#[derive(Debug)]
struct Kept {
    frame: Bytes,
    /// The document to tell when the peer has it.
    document: Option<DocumentId>,
}

/// Frames for the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// The number of the frame before the first.
    pub(crate) after: u64,
    /// The number of the last: to be acknowledged.
    pub(crate) cursor: u64,
    /// The frames, one behind the other.
    pub(crate) body: Bytes,
}

/// What to do about a post.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is the next.
    Act,
    /// It was acted on.
    Repeated,
    /// One before it is missing.
    Gap {
        /// The number of the next.
        expected: u64,
    },
}

impl Ledger {
    /// Whether this post is to be acted on; if so, it counts as acted on from now.
    pub(super) fn admit(&mut self, seq: u64) -> Admission {
        let expected = self.posted + 1;
        match seq {
            seq if seq > expected => Admission::Gap { expected },
            seq if seq == expected => {
                self.posted = seq;
                Admission::Act
            }
            _ => Admission::Repeated,
        }
    }

    /// From now until [`written`](Self::written), frames are messages of this document.
    pub(super) fn writes(&mut self, about: Option<DocumentId>) {
        self.about = about;
    }

    /// The document, if no frame came of its message after all.
    pub(super) fn written(&mut self) -> Option<DocumentId> {
        self.about.take()
    }

    /// The peer has everything up to `after`; the documents of those frames may send again. An older
    /// number is one that a proxy has repeated, and changes nothing.
    ///
    /// # Errors
    /// When there is no such frame yet: the number of the newest.
    pub(super) fn acknowledge(&mut self, after: u64) -> Result<Vec<DocumentId>, u64> {
        let newest = self.newest();
        if after > newest {
            return Err(newest);
        }
        let mut drained = Vec::new();
        while self.acknowledged < after {
            let Some(kept) = self.kept.pop_front() else { break };
            self.acknowledged += 1;
            self.kept_bytes -= kept.frame.len();
            drained.extend(kept.document);
        }
        Ok(drained)
    }

    /// All that the peer has not acknowledged, if it is anything. It never begins before what a younger
    /// request has acknowledged, so it says itself where it begins.
    pub(super) fn page(&self) -> Page {
        let body = match self.kept.len() {
            1 => self.kept[0].frame.clone(),
            _ => {
                let mut body = Vec::with_capacity(self.kept_bytes);
                self.kept.iter().for_each(|kept| body.extend_from_slice(&kept.frame));
                body.into()
            }
        };
        Page { after: self.acknowledged, cursor: self.newest(), body }
    }

    /// Whether there is something to hand out.
    pub(super) fn has_frames(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Whether no more is to be taken until some of it is acknowledged.
    pub(super) fn is_full(&self) -> bool {
        self.kept_bytes >= KEPT_BYTES_MAX || self.kept.len() >= KEPT_FRAMES_MAX
    }

    /// Whether the session wants a sign of life, asked once.
    pub(super) fn take_wants_word(&mut self) -> bool {
        std::mem::take(&mut self.wants_word)
    }

    fn newest(&self) -> u64 {
        self.acknowledged + self.kept.len() as u64
    }
}

impl Wire for Ledger {
    fn write(&mut self, frame: Bytes) {
        self.kept_bytes += frame.len();
        self.kept.push_back(Kept { frame, document: self.about.take() });
    }

    /// A poll that waits is answered, and the peer shows itself by the next one.
    fn ping(&mut self) {
        self.wants_word = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn document(byte: u8) -> DocumentId {
        DocumentId::from_bytes(&[byte; 16]).unwrap()
    }

    /// SH4: a post counts once, however often it comes, and none is stepped over.
    #[test]
    fn sh4_posts_are_acted_on_once_and_in_order() {
        let mut ledger = Ledger::default();
        let cases = [
            (2, Admission::Gap { expected: 1 }),
            (1, Admission::Act),
            (1, Admission::Repeated),
            (3, Admission::Gap { expected: 2 }),
            (2, Admission::Act),
            (1, Admission::Repeated),
            (u64::MAX, Admission::Gap { expected: 3 }),
            (0, Admission::Repeated),
        ];
        for (seq, expected) in cases {
            assert_eq!(ledger.admit(seq), expected, "{seq}");
        }
    }

    /// SH6: a document may send again when its frame was acknowledged, and not when it was handed out.
    #[test]
    fn sh6_documents_are_told_when_their_frame_is_acknowledged() {
        let mut ledger = Ledger::default();
        for byte in 1..=3 {
            ledger.writes(Some(document(byte)));
            ledger.write(Bytes::from(vec![byte]));
            assert_eq!(ledger.written(), None);
        }
        ledger.writes(Some(document(4)));
        assert_eq!(ledger.written(), Some(document(4)), "no frame was made of it");

        assert_eq!(ledger.page().body, Bytes::from_static(&[1, 2, 3]));
        assert_eq!(ledger.acknowledge(0), Ok(vec![]));
        assert_eq!(ledger.acknowledge(2), Ok(vec![document(1), document(2)]));
        assert_eq!(ledger.page(), Page { after: 2, cursor: 3, body: Bytes::from_static(&[3]) });
        assert_eq!(ledger.acknowledge(1), Ok(vec![]), "an old poll, repeated");
        assert_eq!(ledger.acknowledge(4), Err(3));
        assert_eq!(ledger.acknowledge(3), Ok(vec![document(3)]));
        assert!(!ledger.has_frames());
    }

    /// SH6: what is kept has a bound in bytes and in frames, and it is free again when it was acknowledged.
    #[test]
    fn sh6_what_is_kept_is_bounded() {
        let mut ledger = Ledger::default();
        ledger.write(Bytes::from(vec![0; KEPT_BYTES_MAX]));
        assert!(ledger.is_full());
        ledger.acknowledge(1).unwrap();
        assert!(!ledger.is_full());
        for _ in 0..KEPT_FRAMES_MAX {
            assert!(!ledger.is_full());
            ledger.write(Bytes::from_static(b"x"));
        }
        assert!(ledger.is_full());
    }

    proptest! {
        /// SH5: whatever answers are lost, repeated or late, a peer that skips what it has by number ends
        /// with every frame once and in order.
        #[test]
        fn sh5_lost_repeated_and_late_answers_lose_nothing(steps in prop::collection::vec(0u8..5, 1..200)) {
            let mut ledger = Ledger::default();
            let mut written = Vec::new();
            let mut got: Vec<u8> = Vec::new();
            let mut late: Option<Page> = None;
            let take = |got: &mut Vec<u8>, page: &Page| {
                let has = got.len() as u64;
                assert!(page.after <= has, "a gap");
                let fresh = page.body.iter().skip((has - page.after) as usize);
                got.extend(fresh);
            };
            for (n, step) in steps.iter().enumerate() {
                match step {
                    0 | 1 => {
                        let byte = (n % 251) as u8;
                        written.push(byte);
                        ledger.write(Bytes::from(vec![byte]));
                    }
                    2 => {
                        ledger.acknowledge(got.len() as u64).unwrap();
                        take(&mut got, &ledger.page());
                    }
                    3 => {
                        ledger.acknowledge(got.len() as u64).unwrap();
                        late = Some(ledger.page());
                    }
                    _ => late.iter().for_each(|page| take(&mut got, page)),
                }
            }
            ledger.acknowledge(got.len() as u64).unwrap();
            take(&mut got, &ledger.page());
            prop_assert_eq!(got, written);
        }
    }
}
