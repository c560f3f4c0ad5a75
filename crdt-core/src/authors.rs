//! Who made which change, as far as somebody was asked.
//!
//! A change says which actor made it, and an actor is a number that its client drew. It becomes somebody's the first
//! time that somebody brings a change of it: from then on nobody else may bring further ones. So a change has an
//! author whom its reader need not believe, and nobody writes in somebody else's name.
//!
//! Edit path: ← a [`document`](crate::document) asks before a change is applied, → what is new is stored with the burst, as a chunk
//! of its own.
//!
//! Always true: an actor never changes hands.

use crate::id::SubjectId;
use crate::json;
use automerge::iter::DocItem;
use automerge::{ActorId, Automerge, Change, ObjId, ReadDoc};
use bytes::Bytes;
use minicbor::{Decoder, Encoder};
use std::collections::BTreeMap;

/// Whose an actor is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bound {
    subject: SubjectId,
    /// From this change of the actor on. What came before was brought while nobody was asked.
    since: u64,
}

/// Whose the actors of one document are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authors {
    actors: BTreeMap<ActorId, Bound>,
}

/// A chunk of authors that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a chunk of authors cannot be read")]
pub struct BadAuthors;

impl Authors {
    /// Who made a change of this actor with this number.
    #[must_use]
    pub fn of(&self, actor: &ActorId, seq: u64) -> Option<&SubjectId> {
        self.actors.get(actor).filter(|bound| seq >= bound.since).map(|bound| &bound.subject)
    }

    /// Whose the actor is.
    #[must_use]
    pub fn owner(&self, actor: &ActorId) -> Option<&SubjectId> {
        self.actors.get(actor).map(|bound| &bound.subject)
    }

    /// Who signs what stands in an object of the document: the author of the change that wrote last in it, if the object
    /// is as they left it. What it `claims` itself counts only where nobody is known at all.
    pub(crate) fn signs(&self, doc: &Automerge, object: &ObjId, claims: Option<String>) -> Option<String> {
        if self.is_empty() {
            return claims;
        }
        let operations = doc.iter_at(object, None).filter_map(|found| match found.item {
            DocItem::Map(member) => Some(member.id()),
            DocItem::List(item) => Some(item.id()),
            DocItem::Text(_) => None,
        });
        let newest = operations.max().unwrap_or_else(|| object.clone());
        let hash = doc.hash_for_opid(&newest.max(object.clone()))?;
        let change = doc.get_change_meta_by_hash(&hash)?;
        // What was taken out of it, or typed into a text, shows in no operation.
        let as_left = json::read_at(doc, object, Some(&[hash]));
        let is_theirs = as_left == json::read_at(doc, object, None);
        self.of(&change.actor, change.seq).filter(|_| is_theirs).map(ToString::to_string)
    }

    /// Whether the actor belongs to nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actors.is_empty()
    }

    /// The maker of `change` is `subject` from here on, if nobody was it before. Says whether that is new.
    pub(crate) fn bind(&mut self, change: &Change, subject: &SubjectId) -> bool {
        if self.actors.contains_key(change.actor_id()) {
            return false;
        }
        let bound = Bound { subject: subject.clone(), since: change.seq() };
        self.actors.insert(change.actor_id().clone(), bound);
        true
    }

    /// Takes in what a chunk says.
    pub(crate) fn read(&mut self, chunk: &[u8]) -> Result<(), BadAuthors> {
        let mut decoder = Decoder::new(chunk);
        while decoder.position() < chunk.len() {
            let (actor, bound) = entry(&mut decoder)?;
            self.actors.entry(actor).or_insert(bound);
        }
        Ok(())
    }

    /// As a chunk: of each actor its bytes, whose it is, and since which change.
    pub(crate) fn written(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(self.actors.len() * 32);
        let mut encoder = Encoder::new(&mut bytes);
        for (actor, Bound { subject, since }) in &self.actors {
            let written = encoder
                .bytes(actor.to_bytes())
                .and_then(|encoder| encoder.str(subject.as_str()))
                .and_then(|encoder| encoder.u64(*since));
            written.expect("memory takes any bytes");
        }
        bytes.into()
    }

    /// Bytes in memory, estimated.
    pub(crate) fn resident_bytes(&self) -> u64 {
        /// Two allocations of some 20 bytes, and their place in the tree.
        const BYTES_PER_ACTOR: u64 = 160;
        self.actors.len() as u64 * BYTES_PER_ACTOR
    }
}

fn entry(decoder: &mut Decoder<'_>) -> Result<(ActorId, Bound), BadAuthors> {
    let actor = ActorId::from(decoder.bytes().map_err(|_| BadAuthors)?);
    let subject = decoder.str().map_err(|_| BadAuthors)?.parse().map_err(|_| BadAuthors)?;
    let since = decoder.u64().map_err(|_| BadAuthors)?;
    Ok((actor, Bound { subject, since }))
}
