//! What a device notes beside a document: how far the server has come, and what it did not take.
//!
//! Always true: notes that are older than the document, or lost, cost nothing but that all of it counts as pending, or is sent, until the
//! server has said what it has. Only what was refused is nowhere else: notes with that are written before it leaves the document.

use super::refusal::Refused;
use automerge::ChangeHash;
use dovetail_core::document::chunk::Manifest;
use dovetail_core::grant::Role;
use dovetail_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// See the top of the file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notes {
    /// What the server has on its disk, as far as it is here.
    #[serde(with = "hashes")]
    pub saved: Vec<ChangeHash>,
    /// When it last had everything.
    pub saved_at: Option<Timestamp>,
    /// When it was last opened, give or take a day.
    #[serde(default)]
    pub opened_at: Option<Timestamp>,
    /// The server has last said that it has no such document for us: this may be the only one.
    #[serde(default)]
    pub is_missing: bool,
    /// What one may do with the document, as was last said.
    pub role: Option<Role>,
    /// What the server did not take.
    pub refused: Vec<Refused>,
    /// What the server has named, as long as the document is stored with it.
    #[serde(with = "hashes", default)]
    pub named: Vec<ChangeHash>,
    /// The same, and what was built on it: all that has to be taken out.
    #[serde(with = "hashes")]
    pub taken_out: Vec<ChangeHash>,
}

impl Notes {
    /// Whether the server has all of a document.
    pub(crate) fn is_all_saved(&self, manifest: &Manifest) -> bool {
        let mut heads = manifest.heads.clone();
        heads.sort_unstable();
        self.saved == heads
    }

    /// The same, and nothing was refused, which is noted here alone; and it may be fetched again.
    pub(crate) fn is_all_elsewhere(&self, manifest: &Manifest) -> bool {
        self.is_all_saved(manifest)
            && self.refused.is_empty()
            && !self.is_missing
            && self.role != Some(Role::None)
    }
}

/// Hashes in hexadecimal.
pub(super) mod hashes {
    use automerge::ChangeHash;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(hashes: &[ChangeHash], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(hashes.iter().map(ToString::to_string))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<ChangeHash>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
    }
}

/// A hash in hexadecimal.
pub(super) mod hash {
    use automerge::ChangeHash;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(hash: &ChangeHash, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(hash)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ChangeHash, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
