//! What a document's task writes down of what it refused.
//!
//! Edit path: ← the machine refuses changes, or hides the document from somebody, → the audit log, and the
//! [`quarantine`](crate::quarantine), before the sender is told.
//!
//! Always true: nothing is kept for who holds a link that opens nothing. Of those there are as many as somebody makes up, and what
//! they bring would take the room of people.

use crate::audit::{Action, Entry};
use crate::hub::shared::Records;
use crate::quarantine::{Kept, Refused};
use automerge::ChangeHash;
use bytes::Bytes;
use dovetail_core::document::Rejection;
use dovetail_core::grant::{Identity, Kind};
use dovetail_core::id::DocumentId;
use dovetail_core::time::Timestamp;
use std::net::IpAddr;

/// Where it is written down, and of which document.
pub(super) struct Clerk<'a> {
    pub(super) records: &'a Records,
    pub(super) now: Timestamp,
    pub(super) document: &'a DocumentId,
}

impl Clerk<'_> {
    pub(super) fn note(&self, who: &Identity, address: Option<IpAddr>, code: &'static str) {
        let entry = Entry::by(self.now, Action::Refused, who, address, Some(self.document), Some(code));
        self.records.audit.note(entry);
    }

    /// A stock client comes again and again with the same: that is on record once. Says whether the changes are kept.
    pub(super) fn set_aside(
        &self,
        who: &Identity,
        address: Option<IpAddr>,
        why: &Rejection,
        changes: Vec<(ChangeHash, Bytes)>,
    ) -> bool {
        if *why == Rejection::Hidden && who.kind != Kind::Person {
            self.note(who, address, why.code());
            return false;
        }
        let (document, subject) = (self.document.clone(), who.author().cloned());
        let refused = Refused { document, subject, code: why.code().into(), changes };
        let kept = self.records.quarantine.keep(refused);
        if kept != Kept::Before {
            self.note(who, address, why.code());
        }
        kept != Kept::No
    }
}
