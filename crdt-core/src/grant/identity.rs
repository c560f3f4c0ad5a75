//! Somebody who was asked who they are.
//!
//! Always true: whoever holds an [`Identity`] got it from somebody who checked (a token, the server's own
//! configuration); nothing in it is a claim of the caller.

use super::access::{LinkHash, LinkId};
use super::paths::Limits;
use super::{Role, ServerPermit};
use crate::id::{DocumentId, SubjectId};
use crate::time::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the names of those begin with who hold a link and were not asked for more. No person's name does.
pub const LINK_SUBJECT_PREFIX: &str = "link:";

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who it is, for ever and for programs.
    pub subject: SubjectId,
    /// How people call them.
    pub name: Option<Arc<str>>,
    /// Groups they are in.
    pub groups: BTreeSet<Arc<str>>,
    /// Whether they administer the server: every document, the rules, the logs.
    pub is_server_admin: bool,
    /// Whether they may make documents.
    pub may_create: bool,
    /// Links to documents that they hold.
    pub links: Vec<LinkHash>,
    /// What the token is limited to; nothing when it is as good as its holder.
    pub scope: Option<Arc<[Scope]>>,
    /// When it ends. Nothing when it does not.
    pub until: Option<Timestamp>,
    /// How it came about.
    pub kind: Kind,
}

/// How somebody became somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nobody was asked: the server itself, or whoever uses one without authentication. What they bring is filed
    /// under no name.
    House,
    /// A token says who it is.
    Person,
    /// They hold a link, and were not asked for more.
    Link,
}

/// What a token is limited to: it grants nothing that its holder does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// One document; nothing is all of them.
    pub document: Option<DocumentId>,
    /// At most this.
    pub role: Role,
    /// At these places only; nothing is everywhere.
    pub limits: Option<Limits>,
}

impl Identity {
    /// The one who uses a server that asks nobody: everything is theirs.
    #[must_use]
    pub fn local() -> Arc<Self> {
        Self::of_house("local")
    }

    /// The server itself: what it does by itself, and for those who hold its data directory.
    #[must_use]
    pub fn server() -> Arc<Self> {
        Self::of_house("dovetail")
    }

    fn of_house(subject: &str) -> Arc<Self> {
        Arc::new(Self {
            is_server_admin: true,
            may_create: true,
            kind: Kind::House,
            ..Self::person(subject.parse().expect("these names are short"))
        })
    }

    /// Somebody of whom nothing is known but who they are.
    #[must_use]
    pub fn person(subject: SubjectId) -> Self {
        Self {
            subject,
            name: None,
            groups: BTreeSet::new(),
            is_server_admin: false,
            may_create: true,
            links: Vec::new(),
            scope: None,
            until: None,
            kind: Kind::Person,
        }
    }

    /// Somebody of whom nothing is known but that they hold a link. They may do what the link is for, nothing else,
    /// and what they bring is filed under the link's name.
    #[must_use]
    pub fn holder_of(link: LinkHash) -> Self {
        let subject = format!("{LINK_SUBJECT_PREFIX}{}", LinkId::of(&link));
        Self {
            may_create: false,
            links: vec![link],
            kind: Kind::Link,
            ..Self::person(subject.parse().expect("a link's name is short"))
        }
    }

    /// Under whose name what they bring is filed, if it is.
    #[must_use]
    pub fn author(&self) -> Option<&SubjectId> {
        (self.kind != Kind::House).then_some(&self.subject)
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| now >= until)
    }

    /// Proof that this is an administrator of the server; nothing when it is not.
    #[must_use]
    pub fn permit_server(&self) -> Option<ServerPermit> {
        // A token for one thing is no key to the server, whoever holds it.
        (self.is_server_admin && self.scope.is_none()).then(|| ServerPermit::new(self.subject.clone()))
    }

    /// The role that the token allows at most for a document, and where.
    pub(super) fn at_most(&self, document: &DocumentId) -> (Role, Option<Limits>) {
        let Some(scope) = &self.scope else { return (Role::Admin, None) };
        let fits = |scope: &&Scope| scope.document.as_ref().is_none_or(|only| only == document);
        let mut best = (Role::None, None);
        for scope in scope.iter().filter(fits) {
            best = stronger(best, (scope.role, scope.limits.clone()));
        }
        best
    }
}

/// The stronger of two rights. Of two limited ones of the same strength both places are open.
pub(super) fn stronger(one: (Role, Option<Limits>), other: (Role, Option<Limits>)) -> (Role, Option<Limits>) {
    match one.0.cmp(&other.0) {
        std::cmp::Ordering::Greater => one,
        std::cmp::Ordering::Less => other,
        std::cmp::Ordering::Equal => {
            let limits = match (one.1, other.1) {
                (Some(one), Some(other)) => Some(one.and_also(&other)),
                _ => None,
            };
            (one.0, limits)
        }
    }
}
