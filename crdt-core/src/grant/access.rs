//! What is written down: who may do what with one document, and with all of a kind.
//!
//! Always true: a link's secret is nowhere, only its hash. Whoever reads the store, or the access of a document, can
//! open nothing with it.

use super::Role;
use super::identity::{Identity, Kind, stronger};
use super::paths::Limits;
use super::permit::Grant;
use crate::id::{DocumentId, SubjectId};
use crate::time::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// Entries of one document, or of one kind. It is written with every burst, at about 50 bytes an entry, and whoever
/// needs more has groups.
pub const ENTRIES_MAX: usize = 64;

/// Kinds that have entries.
pub(super) const KINDS_MAX: usize = 64;

/// How many people may be blocked at once: those whose tokens still hold, so that they have to be.
pub const BLOCKED_MAX: usize = 1_000;

/// Stands for documents of every kind.
pub const EVERY_KIND: &str = "*";

/// Who may do what with one document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Who made it. Nothing for one that was made while nobody was asked.
    pub owner: Option<SubjectId>,
    /// Who else.
    pub entries: Vec<Entry>,
    /// Another document whose people have here what they have there: the dashboard, for what its widgets show.
    pub follows: Option<DocumentId>,
}

/// What decides who may do what with a document that others follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// Which.
    pub document: DocumentId,
    /// What is written down for it. Whom it follows itself does not count: one step, and no circles.
    pub access: Arc<Access>,
    /// Its kind, for which there may be rights too.
    pub kind: Option<String>,
}

/// A right that somebody was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Who.
    pub to: Grantee,
    /// What.
    pub role: Role,
    /// Where, when it is not everywhere. Only for [`Role::Write`].
    pub limits: Option<Limits>,
    /// Until when.
    pub until: Option<Timestamp>,
}

/// Who is given a right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grantee {
    /// One person.
    User(SubjectId),
    /// Everybody in a group.
    Group(Arc<str>),
    /// Everybody who said who they are.
    Everyone,
    /// Whoever holds the link.
    Link(LinkHash),
}

/// What is kept of a link: the SHA-256 of its secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkHash([u8; 32]);

/// How a link is called where its secret has no business: the beginning of its hash in hex.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(Arc<str>);

/// Who may do what with documents of a kind, by kind; under [`EVERY_KIND`] with all. It never makes an
/// administrator: the kind stands in the document, where whoever may write can change it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Entries by kind.
    pub kinds: BTreeMap<String, Vec<Entry>>,
    /// People who may do nothing, whatever stands anywhere and whatever their tokens say.
    pub blocked: BTreeSet<SubjectId>,
}

impl LinkHash {
    /// Of a secret, as it stands in a link.
    #[must_use]
    pub fn of_secret(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// As it is stored.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// As it is stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for LinkHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkHash({})", LinkId::of(self))
    }
}

impl LinkId {
    /// Digits that tell the links of one document apart.
    const DIGITS: usize = 12;

    /// The name of the link with this hash.
    #[must_use]
    pub fn of(hash: &LinkHash) -> Self {
        let hex: String = hash.0.iter().map(|byte| format!("{byte:02x}")).collect();
        Self(hex[..Self::DIGITS].into())
    }

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Followed {
    /// Of a document for which nothing is written down, or of which that cannot be read.
    #[must_use]
    pub fn of_nobody(document: DocumentId) -> Self {
        Self { document, access: Arc::default(), kind: None }
    }
}

impl Access {
    /// Of a document that `who` makes.
    #[must_use]
    pub fn made_by(who: &Identity) -> Self {
        Self { owner: who.author().cloned(), entries: Vec::new(), follows: None }
    }

    /// What `who` may do with `document`, which is of this kind, now. The only place where that is decided. `followed` is the
    /// document that it [`follows`](Self::follows); another one counts for nothing.
    #[must_use]
    pub fn grant(
        &self,
        document: &DocumentId,
        kind: Option<&str>,
        followed: Option<&Followed>,
        policy: &Policy,
        who: &Arc<Identity>,
        now: Timestamp,
    ) -> Grant {
        let (mut right, mut until) = self.right(kind, policy, who, now);
        if let Some(followed) = followed.filter(|followed| self.follows.as_ref() == Some(&followed.document))
        {
            let (there, ends) = followed.access.right(followed.kind.as_deref(), policy, who, now);
            right = stronger(right, carried_over(there));
            until = earlier(until, ends);
        }
        let (role, limits) = narrowed(right, who.at_most(document));
        let role = if who.is_over(now) || policy.blocks(who) { Role::None } else { role };
        Grant::new(document.clone(), who.clone(), role, limits, earlier(until, who.until))
    }

    /// What is written down for `who`, before their token is looked at, and when some of that ends.
    fn right(
        &self,
        kind: Option<&str>,
        policy: &Policy,
        who: &Identity,
        now: Timestamp,
    ) -> ((Role, Option<Limits>), Option<Timestamp>) {
        let mut right = (Role::None, None);
        let mut until = None;
        if who.is_server_admin || self.owner.as_ref().is_some_and(|owner| who.author() == Some(owner)) {
            right = (Role::Admin, None);
        }
        let mine = self.entries.iter().map(|entry| (entry, Role::Admin));
        let of_kind = policy.entries(kind).map(|entry| (entry, Role::Write));
        for (entry, at_most) in mine.chain(of_kind) {
            if !entry.to.is(who) || entry.until.is_some_and(|until| now >= until) {
                continue;
            }
            until = earlier(until, entry.until);
            right = stronger(right, (entry.role.min(at_most), entry.limits.clone()));
        }
        (right, until)
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    [one, other].into_iter().flatten().min()
}

/// What a right is in a document that follows. Places are those of one document: whoever may change some of them sees the other.
fn carried_over((role, limits): (Role, Option<Limits>)) -> (Role, Option<Limits>) {
    (if limits.is_some() { role.min(Role::Read) } else { role }, None)
}

/// What is left of a right under what a token allows.
fn narrowed(
    (role, limits): (Role, Option<Limits>),
    (at_most, only): (Role, Option<Limits>),
) -> (Role, Option<Limits>) {
    let role = role.min(at_most);
    // An administrator's limited token is a writer's: it has no places at which somebody could be given rights.
    let limited = |limits| (role.min(Role::Write), Some(limits));
    match (limits, only) {
        (None, None) => (role, None),
        (Some(limits), None) | (None, Some(limits)) => limited(limits),
        (Some(limits), Some(only)) => match limits.within(&only) {
            Some(both) => limited(both),
            None => (role.min(Role::Read), None),
        },
    }
}

impl Policy {
    /// Whether somebody may do nothing.
    #[must_use]
    pub fn blocks(&self, who: &Identity) -> bool {
        who.kind == Kind::Person && self.blocked.contains(&who.subject)
    }

    /// What `who` may do with a document that nobody has brought. See [`Grant::to_make`].
    #[must_use]
    pub fn grant_to_make(&self, document: DocumentId, who: &Arc<Identity>, now: Timestamp) -> Grant {
        if self.blocks(who) { Grant::none(document, who.clone()) } else { Grant::to_make(document, who, now) }
    }

    /// The entries that hold for documents of this kind.
    fn entries(&self, kind: Option<&str>) -> impl Iterator<Item = &Entry> {
        let every = self.kinds.get(EVERY_KIND);
        let own = kind.filter(|kind| *kind != EVERY_KIND).and_then(|kind| self.kinds.get(kind));
        every.into_iter().chain(own).flatten()
    }
}

impl Grantee {
    fn is(&self, who: &Identity) -> bool {
        match self {
            Grantee::User(subject) => who.kind == Kind::Person && who.subject == *subject,
            Grantee::Group(group) => who.groups.contains(group),
            Grantee::Everyone => who.kind == Kind::Person,
            Grantee::Link(hash) => who.links.contains(hash),
        }
    }
}
