//! How much each person has in the store.
//!
//! Edit path: ← the hub tells when a document was made, grew, or is another's, → whether its owner may make another one or add to it.
//!
//! Always true: what is counted is what the hub told: documents without an owner are nobody's and have no bound here. Whoever asks at the
//! same time as somebody else may pass with them; the next one does not.
//! **Invariant:** a document counts for whoever made it or took it over, deleted or not, until it is somebody else's. So nobody
//! frees room that is still taken, and nobody fills another's.

use crate::near::{BEFORE_THE_WALL, Crossing, Latch, share};
use dovetail_core::id::SubjectId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

/// What each person has, and may have.
#[derive(Debug, Default)]
pub struct Quotas {
    documents_max: Option<usize>,
    bytes_max: Option<usize>,
    /// One entry for each owner of a document, so no more than there are documents.
    owned: Mutex<HashMap<SubjectId, Theirs>>,
}

/// What somebody has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owned {
    /// How many documents.
    pub documents: usize,
    /// How many bytes they take in the store.
    pub bytes: usize,
}

/// What is known of somebody.
#[derive(Debug, Default)]
struct Theirs {
    owned: Owned,
    documents_near: Latch,
    bytes_near: Latch,
}

/// Why somebody may not have more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OverQuota {
    /// There are as many documents as may be.
    #[error(
        "one person may have {documents_max} documents here, deleted ones included; have somebody take over some of yours"
    )]
    Documents {
        /// The bound.
        documents_max: usize,
    },
    /// They take as much as may be.
    #[error(
        "the documents of one person may take {bytes_max} bytes here, deleted ones included; have somebody take over some of them"
    )]
    Bytes {
        /// The bound.
        bytes_max: usize,
    },
}

impl Quotas {
    /// With these bounds; nothing is no bound.
    #[must_use]
    pub fn new(documents_max: Option<usize>, bytes_max: Option<usize>) -> Self {
        Self { documents_max, bytes_max, owned: Mutex::default() }
    }

    /// No bounds: for a server that asks nobody who they are, where all documents are one person's.
    #[must_use]
    pub fn off() -> Self {
        Self::default()
    }

    /// A document of `owner` took `before` bytes and takes `after` now; nothing is no document. A new owner is
    /// told in two calls, one for each of them.
    pub fn changed(&self, owner: &SubjectId, before: Option<usize>, after: Option<usize>) {
        let mut owned = self.owned();
        let theirs = owned.entry(owner.clone()).or_default();
        let count = |one: Option<usize>| usize::from(one.is_some());
        let Owned { documents, bytes } = theirs.owned;
        theirs.owned = Owned {
            documents: (documents + count(after)).saturating_sub(count(before)),
            bytes: bytes.saturating_add(after.unwrap_or(0)).saturating_sub(before.unwrap_or(0)),
        };
        for (bound, crossing) in theirs.look(self.documents_max, self.bytes_max) {
            let Owned { documents, bytes } = theirs.owned;
            match crossing {
                Crossing::Near => {
                    let (documents_max, bytes_max) = (self.documents_max, self.bytes_max);
                    tracing::warn!(
                        %owner, bound, documents, documents_max, bytes, bytes_max,
                        "somebody is near to a bound, or beyond it"
                    );
                }
                Crossing::Away => tracing::info!(%owner, bound, documents, bytes, "there is room again"),
            }
        }
        if theirs.owned.documents == 0 {
            owned.remove(owner);
        }
    }

    /// The most that anybody has: of documents, and of bytes, which may be somebody else's.
    #[must_use]
    pub fn fullest(&self) -> Owned {
        self.owned().values().fold(Owned::default(), |most, Theirs { owned, .. }| Owned {
            documents: most.documents.max(owned.documents),
            bytes: most.bytes.max(owned.bytes),
        })
    }

    /// Whether somebody may make another document.
    ///
    /// # Errors
    /// When they have as many as they may, or all of their room is taken.
    pub fn check_new_document(&self, subject: &SubjectId) -> Result<(), OverQuota> {
        match self.documents_max {
            Some(documents_max) if self.of(subject).documents >= documents_max => {
                Err(OverQuota::Documents { documents_max })
            }
            _ => self.check_bytes(subject, 1),
        }
    }

    /// Whether somebody may take over a document of so many bytes.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn check_taking_over(&self, subject: &SubjectId, bytes: usize) -> Result<(), OverQuota> {
        self.check_new_document(subject)?;
        self.check_bytes(subject, bytes)
    }

    /// Whether the documents of somebody may take so many bytes more.
    ///
    /// # Errors
    /// When they would take more than they may.
    pub fn check_bytes(&self, owner: &SubjectId, more: usize) -> Result<(), OverQuota> {
        match self.bytes_max {
            Some(bytes_max) if self.of(owner).bytes.saturating_add(more) > bytes_max => {
                Err(OverQuota::Bytes { bytes_max })
            }
            _ => Ok(()),
        }
    }

    /// What somebody has.
    #[must_use]
    pub fn of(&self, subject: &SubjectId) -> Owned {
        self.owned().get(subject).map(|theirs| theirs.owned).unwrap_or_default()
    }

    fn owned(&self) -> MutexGuard<'_, HashMap<SubjectId, Theirs>> {
        self.owned.lock().expect("nothing panics while it holds this lock")
    }
}

impl Theirs {
    /// Which bounds have come near, or are not near any longer, since the last look.
    fn look(
        &mut self,
        documents_max: Option<usize>,
        bytes_max: Option<usize>,
    ) -> Vec<(&'static str, Crossing)> {
        let Owned { documents, bytes } = self.owned;
        let all = [
            ("documents_per_subject_max", &mut self.documents_near, documents, documents_max),
            ("bytes_per_subject_max", &mut self.bytes_near, bytes, bytes_max),
        ];
        let crossed = all.into_iter().filter_map(|(bound, latch, now, most)| {
            Some((bound, latch.look(share(now as u64, most? as u64), BEFORE_THE_WALL)?))
        });
        crossed.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> SubjectId {
        name.parse().unwrap()
    }

    /// LI7: who has as many documents as they may makes no other one, until one is gone.
    #[test]
    fn li7_documents_have_a_bound() {
        let (quotas, ana, bo) = (Quotas::new(Some(2), None), named("ana"), named("bo"));
        for _ in 0..2 {
            assert_eq!(quotas.check_new_document(&ana), Ok(()));
            quotas.changed(&ana, None, Some(10));
        }
        let refused = Err(OverQuota::Documents { documents_max: 2 });
        assert_eq!(quotas.check_new_document(&ana), refused);
        assert_eq!(quotas.check_new_document(&bo), Ok(()));
        assert_eq!(quotas.check_bytes(&ana, usize::MAX), Ok(()), "bytes have no bound here");
        quotas.changed(&ana, Some(10), Some(20));
        assert_eq!(quotas.of(&ana), Owned { documents: 2, bytes: 30 });
        assert_eq!(quotas.check_new_document(&ana), refused);
        quotas.changed(&ana, Some(20), None);
        assert_eq!(quotas.check_new_document(&ana), Ok(()));
    }

    /// LI14: who takes a document over needs room for it as for a new one, and for all of its bytes.
    #[test]
    fn li14_taking_over_takes_room() {
        let (quotas, ana) = (Quotas::new(Some(2), Some(100)), named("ana"));
        quotas.changed(&ana, None, Some(60));
        assert_eq!(quotas.check_taking_over(&ana, 40), Ok(()));
        assert_eq!(quotas.check_taking_over(&ana, 41), Err(OverQuota::Bytes { bytes_max: 100 }));
        quotas.changed(&ana, None, Some(1));
        assert_eq!(quotas.check_taking_over(&ana, 1), Err(OverQuota::Documents { documents_max: 2 }));
    }

    /// LI7: bytes have a bound, up to the last one, and another owner takes theirs along.
    #[test]
    fn li7_bytes_have_a_bound() {
        let (quotas, ana, bo) = (Quotas::new(None, Some(100)), named("ana"), named("bo"));
        quotas.changed(&ana, None, Some(60));
        let refused = Err(OverQuota::Bytes { bytes_max: 100 });
        assert_eq!((quotas.check_bytes(&ana, 40), quotas.check_bytes(&ana, 41)), (Ok(()), refused));
        quotas.changed(&ana, Some(60), Some(100));
        assert_eq!((quotas.check_bytes(&ana, 0), quotas.check_new_document(&ana)), (Ok(()), refused));
        quotas.changed(&ana, Some(100), None);
        quotas.changed(&bo, None, Some(100));
        assert_eq!((quotas.check_bytes(&ana, 100), quotas.check_bytes(&bo, 1)), (Ok(()), refused));
        assert!(!quotas.owned().contains_key(&ana), "who has nothing is forgotten");
    }

    /// OP36: each person's bounds are told of once, when they come near and when they do not any longer.
    #[test]
    fn op36_who_comes_near_to_a_bound_is_told_of_once() {
        let mut theirs = Theirs::default();
        let mut look = |documents, bytes| {
            theirs.owned = Owned { documents, bytes };
            theirs.look(Some(10), Some(100))
        };
        assert_eq!(look(7, 79), []);
        assert_eq!(look(8, 79), [("documents_per_subject_max", Crossing::Near)]);
        assert_eq!(look(9, 80), [("bytes_per_subject_max", Crossing::Near)]);
        assert_eq!(look(10, 100), []);
        assert_eq!(look(6, 75), [("documents_per_subject_max", Crossing::Away)]);
        assert_eq!(theirs.look(None, None), [], "without a bound nobody is near to it");
    }

    /// OP37: what the figures show is the most that anybody has.
    #[test]
    fn op37_the_fullest_is_shown() {
        let quotas = Quotas::new(Some(10), Some(100));
        quotas.changed(&named("ana"), None, Some(60));
        quotas.changed(&named("bo"), None, Some(10));
        quotas.changed(&named("bo"), None, Some(10));
        assert_eq!(quotas.fullest(), Owned { documents: 2, bytes: 60 });
    }

    /// LI7: without bounds nobody is refused.
    #[test]
    fn li7_quotas_can_be_off() {
        let (quotas, ana) = (Quotas::off(), named("ana"));
        quotas.changed(&ana, None, Some(usize::MAX));
        assert_eq!((quotas.check_new_document(&ana), quotas.check_bytes(&ana, 1)), (Ok(()), Ok(())));
    }
}
