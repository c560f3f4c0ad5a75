//! What somebody may do with one document, as values that one has to hold.

use super::Role;
use super::identity::Identity;
use super::paths::{Limits, Step};
use crate::id::{DocumentId, SubjectId};
use crate::time::Timestamp;
use std::sync::Arc;

/// What somebody may do with one document: the answer of [`Access::grant`](super::Access::grant).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    document: DocumentId,
    who: Arc<Identity>,
    role: Role,
    limits: Option<Limits>,
    until: Option<Timestamp>,
}

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// They may not know that it exists. To be told in the words for a document that does not.
    #[error("there is no such document")]
    Hidden,
    /// They may see it, and this takes more.
    #[error("this takes the role {needs}, and yours here is {has}")]
    Role {
        /// What they have.
        has: Role,
        /// What it takes.
        needs: Role,
    },
    /// They may change some places only, and this is about the whole.
    #[error(
        "your right to change this document is limited to some places in it, and this is about all of it"
    )]
    Limited,
}

/// Proof that somebody may see a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadPermit {
    document: DocumentId,
    who: Arc<Identity>,
}

/// Proof that somebody may change a document, perhaps at some places only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditPermit {
    document: DocumentId,
    who: Arc<Identity>,
    limits: Option<Limits>,
    /// The server makes the change, and keeps to the limits by what it makes it of.
    is_made_here: bool,
}

/// Proof that somebody may delete a document and say who may do what with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminPermit {
    document: DocumentId,
    who: Arc<Identity>,
}

/// Proof that somebody administers the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerPermit {
    subject: SubjectId,
}

impl Grant {
    pub(super) fn new(
        document: DocumentId,
        who: Arc<Identity>,
        role: Role,
        limits: Option<Limits>,
        until: Option<Timestamp>,
    ) -> Self {
        Self { document, who, role, limits, until }
    }

    /// All of it, for what the server does by itself.
    #[must_use]
    pub fn of_server(document: DocumentId) -> Self {
        Self::new(document, Identity::server(), Role::Admin, None, None)
    }

    /// Nothing, of a document of which nothing is known yet.
    #[must_use]
    pub fn none(document: DocumentId, who: Arc<Identity>) -> Self {
        Self::new(document, who, Role::None, None, None)
    }

    /// What somebody may do with a document that nobody has brought: bring it, if they may make documents.
    #[must_use]
    pub fn to_make(document: DocumentId, who: &Arc<Identity>, now: Timestamp) -> Self {
        let (at_most, limits) = who.at_most(&document);
        let may = who.may_create && limits.is_none() && !who.is_over(now);
        let role = if may { at_most } else { Role::None };
        Self::new(document, who.clone(), role, None, who.until)
    }

    /// What is left of it under a permit that was given before.
    #[must_use]
    pub fn within(self, permit: &EditPermit) -> Self {
        if permit.is_made_here {
            return Self { limits: None, ..self };
        }
        match (&self.limits, &permit.limits) {
            (None, Some(limits)) => {
                Self { role: self.role.min(Role::Write), limits: Some(limits.clone()), ..self }
            }
            _ => self,
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn who(&self) -> &Arc<Identity> {
        &self.who
    }

    /// How much it is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The places that may be changed, when it is not all.
    #[must_use]
    pub fn limits(&self) -> Option<&Limits> {
        self.limits.as_ref()
    }

    /// When to ask again, because the token or a right ends.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// Whether the document may be seen.
    #[must_use]
    pub fn may_read(&self) -> bool {
        self.role >= Role::Read
    }

    /// To see the document.
    ///
    /// # Errors
    /// When it is hidden.
    pub fn permit_read(&self) -> Result<ReadPermit, Denied> {
        self.check(Role::Read)?;
        Ok(ReadPermit { document: self.document.clone(), who: self.who.clone() })
    }

    /// To change the document. Whoever applies the change looks at [`EditPermit::limits`].
    ///
    /// # Errors
    /// When it is hidden, or may only be read.
    pub fn permit_edit(&self) -> Result<EditPermit, Denied> {
        self.check(Role::Write)?;
        Ok(EditPermit {
            document: self.document.clone(),
            who: self.who.clone(),
            limits: self.limits.clone(),
            is_made_here: false,
        })
    }

    /// To delete the document and to say who may do what.
    ///
    /// # Errors
    /// When it is hidden, or belongs to somebody else.
    pub fn permit_admin(&self) -> Result<AdminPermit, Denied> {
        self.check(Role::Admin)?;
        Ok(AdminPermit { document: self.document.clone(), who: self.who.clone() })
    }

    fn check(&self, needs: Role) -> Result<(), Denied> {
        match self.role {
            Role::None => Err(Denied::Hidden),
            has if has < needs => Err(Denied::Role { has, needs }),
            _ => Ok(()),
        }
    }
}

impl Denied {
    /// What programs look at; it does not change.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Denied::Hidden => "document_not_found",
            Denied::Role { .. } | Denied::Limited => "forbidden",
        }
    }
}

macro_rules! about {
    ($Permit:ident) => {
        impl $Permit {
            /// For which document.
            #[must_use]
            pub fn document(&self) -> &DocumentId {
                &self.document
            }

            /// Whose it is.
            #[must_use]
            pub fn who(&self) -> &Arc<Identity> {
                &self.who
            }
        }
    };
}

about!(ReadPermit);
about!(EditPermit);
about!(AdminPermit);

impl ReadPermit {
    /// For what the server does by itself.
    #[must_use]
    pub fn of_server(document: DocumentId) -> Self {
        Self { document, who: Identity::server() }
    }
}

impl EditPermit {
    /// For what the server does by itself.
    #[must_use]
    pub fn of_server(document: DocumentId) -> Self {
        Self { document, who: Identity::server(), limits: None, is_made_here: false }
    }

    /// The same for points: the server itself makes the change, of what somebody may add to the list of points.
    ///
    /// # Errors
    /// When they may not add to it.
    pub fn for_points(self) -> Result<Self, Denied> {
        let points = [Step::Key("points"), Step::Item];
        match &self.limits {
            Some(limits) if limits.at(&points).is_none() => Err(Denied::Limited),
            _ => Ok(Self { limits: None, is_made_here: true, ..self }),
        }
    }

    /// The places that may be changed, when it is not all.
    #[must_use]
    pub fn limits(&self) -> Option<&Limits> {
        self.limits.as_ref()
    }

    /// The same for an act that is about the whole document.
    ///
    /// # Errors
    /// When only some places may be changed.
    pub fn unlimited(self) -> Result<Self, Denied> {
        if self.limits.is_some() { Err(Denied::Limited) } else { Ok(self) }
    }

    /// Who may change may see.
    #[must_use]
    pub fn to_read(&self) -> ReadPermit {
        ReadPermit { document: self.document.clone(), who: self.who.clone() }
    }
}

impl AdminPermit {
    /// Who may delete may change.
    #[must_use]
    pub fn to_edit(&self) -> EditPermit {
        EditPermit {
            document: self.document.clone(),
            who: self.who.clone(),
            limits: None,
            is_made_here: false,
        }
    }
}

impl ServerPermit {
    pub(super) fn new(subject: SubjectId) -> Self {
        Self { subject }
    }

    /// Who it is.
    #[must_use]
    pub fn subject(&self) -> &SubjectId {
        &self.subject
    }

    /// An administrator of the server administers every document.
    #[must_use]
    pub fn grant(&self, document: DocumentId) -> Grant {
        Grant::of_server(document)
    }
}
