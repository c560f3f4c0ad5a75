//! What a document's task knows of what is stored: how much the document takes, for the quotas, and who may do what with it, for those
//! who follow it.
//!
//! Edit path: ← the manifest that was loaded, or that a commit under way will make so; → when the store has answered, the
//! [`Quotas`], and word to who follows.
//!
//! Always true: nothing counts before it is stored. A commit that failed is forgotten when the next one begins.

use crate::hub::room::owned;
use crate::quotas::Quotas;
use dovetail_core::document::Input;
use dovetail_core::document::chunk::Manifest;
use dovetail_core::grant::Access;
use dovetail_core::id::SubjectId;
use std::sync::Arc;

/// What is written down for the document itself, and the kind, for which there may be rights too.
pub(super) type Rights = (Arc<Access>, Option<String>);

/// Whose a document is and how much it takes.
type Owned = (SubjectId, usize);

/// See the top of the file.
#[derive(Default)]
pub(super) struct Stored {
    /// As the quotas know it.
    counted: Option<Owned>,
    /// What a commit that is under way will make of that.
    to_count: Option<Option<Owned>>,
    /// What decides who may do what with it.
    rights: Option<Rights>,
    /// What a commit that is under way will make of that.
    rights_to_be: Option<Rights>,
    is_full: bool,
}

/// What an answer of the store has made of the rights.
pub(super) enum RightsAre {
    /// The same as before, as far as anybody goes by them.
    AsBefore,
    /// There were none before, so nobody follows them.
    First,
    /// Others than before.
    Others(Rights),
}

impl Stored {
    /// A commit is under way that makes this of the document.
    pub(super) fn will_be(&mut self, manifest: &Manifest) {
        self.to_count = Some(owned(manifest));
        self.rights_to_be = Some(rights_in(manifest));
    }

    /// Tells the quotas what the document takes, once that is stored.
    pub(super) fn count(&mut self, answer: &Input, quotas: &Quotas) {
        match answer {
            Input::Manifest(Ok(Some(manifest))) => self.counted = owned(manifest),
            Input::Stored(Ok(())) => {
                let Some(now) = self.to_count.take() else { return };
                let before = std::mem::replace(&mut self.counted, now.clone());
                match (before, now) {
                    (Some((one, bytes)), Some((other, more))) if one == other => {
                        quotas.changed(&one, Some(bytes), Some(more));
                    }
                    (before, now) => {
                        before
                            .into_iter()
                            .for_each(|(owner, bytes)| quotas.changed(&owner, Some(bytes), None));
                        now.into_iter().for_each(|(owner, bytes)| quotas.changed(&owner, None, Some(bytes)));
                    }
                }
            }
            _ => {}
        }
    }

    /// Takes over what is stored of the rights; says what that makes of them.
    pub(super) fn note_rights(&mut self, answer: &Input) -> RightsAre {
        match answer {
            Input::Manifest(Ok(Some(manifest))) => self.rights = Some(rights_in(manifest)),
            Input::Stored(Ok(())) => {
                if let Some(now) = self.rights_to_be.take().filter(|now| self.rights.as_ref() != Some(now)) {
                    let before = self.rights.replace(now.clone());
                    return before.map_or(RightsAre::First, |_| RightsAre::Others(now));
                }
            }
            _ => {}
        }
        RightsAre::AsBefore
    }

    /// Whether its owner has room for more, if that has changed. To be asked before each advance: others of the same owner grow
    /// meanwhile.
    pub(super) fn fullness_changed(&mut self, quotas: &Quotas) -> Option<bool> {
        let is_full = self.counted.as_ref().is_some_and(|(owner, _)| quotas.check_bytes(owner, 1).is_err());
        let has_changed = is_full != self.is_full;
        self.is_full = is_full;
        has_changed.then_some(is_full)
    }
}

fn rights_in(manifest: &Manifest) -> Rights {
    (manifest.access.clone(), manifest.kind.clone())
}
