//! What people decided about conflicts, as the document has it.
//!
//! Edit path: ← [`settle`](super::settle()) writes entries, as ordinary changes; → [`judge`](super::judge) reads them again,
//! after whatever merged.
//!
//! ```text
//! _dovetail  { waived   { "<conflict id>": { fingerprint, reason, by?, until? } }
//!              settled  { "<conflict id>": { fingerprint, proposal, by?, rule, subjects, message } } }
//! ```
//!
//! Always true here: `by` is whoever wrote the entry, as the server knows them; what the entry claims counts only where
//! nobody is known. What is odd is passed over. Of several entries for one conflict, written while
//! apart, Automerge's winner counts, and the others are known.

use super::conflict::{Settlement, Waiver};
use crate::authors::Authors;
use crate::json;
use crate::reserved::{Section, find_section};
use crate::time::Timestamp;
use automerge::{Automerge, ObjId, ObjType, ReadDoc, Value as AutomergeValue};
use serde_json::{Map, Value};

/// The most bytes of a reason for a waiver: a paragraph.
pub const REASON_BYTES_MAX: usize = 1_000;

/// The most bytes of the name of somebody who decides.
pub const NAME_BYTES_MAX: usize = 200;

/// How many settled conflicts are listed, the first by id.
pub const SETTLED_LISTED_MAX: usize = 1_000;

/// Values of an entry that are read; ours have ten.
const ENTRY_NODES_MAX: usize = 64;

/// That a conflict may stay.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WaivedEntry {
    pub(crate) fingerprint: String,
    pub(crate) waiver: Waiver,
}

/// That a conflict was settled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SettledEntry {
    pub(crate) fingerprint: String,
    pub(crate) settlement: Settlement,
    pub(crate) rule: String,
    pub(crate) subjects: Vec<String>,
    pub(crate) message: String,
}

/// The entries of a document.
pub(crate) struct Entries<'d> {
    doc: &'d Automerge,
    authors: &'d Authors,
    waived: Option<ObjId>,
    settled: Option<ObjId>,
}

impl<'d> Entries<'d> {
    pub(crate) fn of(doc: &'d Automerge, authors: &'d Authors) -> Self {
        Self {
            doc,
            authors,
            waived: find_section(doc, Section::Waived),
            settled: find_section(doc, Section::Settled),
        }
    }

    /// The waivers of a conflict, the one that counts first.
    pub(crate) fn waived(&self, id: &str) -> Vec<WaivedEntry> {
        self.all(self.waived.as_ref(), id).iter().filter_map(waived).collect()
    }

    /// How a conflict was settled, the entry that counts first.
    pub(crate) fn settled(&self, id: &str) -> Vec<SettledEntry> {
        self.all(self.settled.as_ref(), id).iter().filter_map(settled).collect()
    }

    /// The ids of conflicts that were settled at some time, in byte order.
    pub(crate) fn settled_ids(&self) -> Vec<String> {
        let Some(settled) = &self.settled else { return Vec::new() };
        self.doc.keys(settled).take(SETTLED_LISTED_MAX).collect()
    }

    /// All live entries at this key as JSON objects, the winner first.
    fn all(&self, section: Option<&ObjId>, id: &str) -> Vec<Map<String, Value>> {
        let Some(section) = section else { return Vec::new() };
        let mut all = self.doc.get_all(section, id).unwrap_or_default();
        all.reverse();
        all.into_iter().filter_map(|(value, entry)| self.entry(&value, &entry)).collect()
    }

    fn entry(&self, value: &AutomergeValue<'_>, entry: &ObjId) -> Option<Map<String, Value>> {
        if !matches!(value, AutomergeValue::Object(ObjType::Map))
            || self.doc.iter_at(entry, None).take(ENTRY_NODES_MAX + 1).count() > ENTRY_NODES_MAX
        {
            return None;
        }
        match json::read_at(self.doc, entry, None) {
            Value::Object(members) => Some(self.signed(members, entry)),
            _ => None,
        }
    }
}

impl Entries<'_> {
    /// The entry, with the name of who wrote it in the place of what it claims.
    fn signed(&self, mut members: Map<String, Value>, entry: &ObjId) -> Map<String, Value> {
        let by = self.authors.signs(self.doc, entry, text(&members, "by", NAME_BYTES_MAX));
        members.remove("by");
        members.extend(by.map(|by| ("by".to_owned(), by.into())));
        members
    }
}

impl WaivedEntry {
    /// Whether it says something about these facts at this moment.
    pub(crate) fn counts(&self, fingerprint: &str, now: Timestamp) -> bool {
        self.fingerprint == fingerprint && self.waiver.until.is_none_or(|until| now < until)
    }
}

fn waived(entry: &Map<String, Value>) -> Option<WaivedEntry> {
    let until = match entry.get("until") {
        None | Some(Value::Null) => None,
        Some(until) => {
            Some(Timestamp::from_millis(u64::try_from(crate::dashboard::whole_number(until)?).ok()?))
        }
    };
    let waiver = Waiver {
        reason: text(entry, "reason", REASON_BYTES_MAX).unwrap_or_default(),
        by: text(entry, "by", NAME_BYTES_MAX),
        until,
    };
    Some(WaivedEntry { fingerprint: text(entry, "fingerprint", NAME_BYTES_MAX)?, waiver })
}

fn settled(entry: &Map<String, Value>) -> Option<SettledEntry> {
    let subjects = entry.get("subjects").and_then(Value::as_array);
    let subjects = subjects.into_iter().flatten().filter_map(|subject| Some(subject.as_str()?.to_owned()));
    Some(SettledEntry {
        fingerprint: text(entry, "fingerprint", NAME_BYTES_MAX)?,
        settlement: Settlement {
            proposal: text(entry, "proposal", NAME_BYTES_MAX)?,
            by: text(entry, "by", NAME_BYTES_MAX),
        },
        rule: text(entry, "rule", NAME_BYTES_MAX)?,
        subjects: subjects.collect(),
        message: text(entry, "message", super::MESSAGE_BYTES_MAX + '…'.len_utf8()).unwrap_or_default(),
    })
}

/// A text, as far as it is within bounds.
fn text(entry: &Map<String, Value>, name: &str, bytes_max: usize) -> Option<String> {
    let text = entry.get(name)?.as_str()?;
    let end = (0..=bytes_max.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    Some(text[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reserved::section;
    use automerge::transaction::Transactable;
    use automerge::{ActorId, AutomergeError};

    /// AU79: a waiver is signed by whoever wrote it, as the server knows them, whatever it claims.
    #[test]
    fn au79_a_waiver_is_signed_by_whoever_wrote_it() {
        let mut doc = Automerge::new().with_actor(ActorId::from([7]));
        doc.transact::<_, _, AutomergeError>(|tx| {
            let waived = section(tx, Section::Waived)?;
            let entry = tx.put_object(&waived, "c", ObjType::Map)?;
            tx.put(&entry, "fingerprint", "f")?;
            tx.put(&entry, "by", "boss")
        })
        .unwrap();
        let signed = |authors: &Authors| Entries::of(&doc, authors).waived("c")[0].waiver.by.clone();
        let mut authors = Authors::default();
        assert_eq!(signed(&authors).as_deref(), Some("boss"), "nobody was asked");
        authors.bind(&doc.get_changes(&[])[0], &"ana".parse().unwrap());
        assert_eq!(signed(&authors).as_deref(), Some("ana"));

        let mut of_another = Authors::default();
        let other = Automerge::new().with_actor(ActorId::from([8]));
        let mut other = other.fork();
        other.transact::<_, _, AutomergeError>(|tx| tx.put(automerge::ROOT, "k", 1)).unwrap();
        of_another.bind(&other.get_changes(&[])[0], &"bo".parse().unwrap());
        assert_eq!(signed(&of_another), None, "whose it is is not known, and claims are none");
    }
}
