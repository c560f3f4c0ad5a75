//! Who may do what: the one place where that is decided.
//!
//! ```text
//!  token ──▶ Identity ─┐
//!  document ▶ Access ──┼──▶ Grant ──permit_read──▶ ReadPermit ──▶ whoever shows the document
//!  server ──▶ Policy ──┘      └─────permit_edit──▶ EditPermit ──▶ whoever changes it
//! ```
//! Edit path: ← a door knows who is asking, [`Access::grant`] says what they may do here, → the permit is what the
//! hub and the document's machine take.
//!
//! **Invariant:** a permit has no public field and no constructor: to hold one is to have asked a [`Grant`].
//! **Invariant:** without an entry that says otherwise nobody may do anything.
//! **Invariant:** only what may be read may be known to exist: [`Denied::Hidden`] is told as an unknown document.

mod access; // What is written down for one document, and for a kind of documents.
mod identity; // Somebody who was asked who they are.
mod paths; // Rights that are limited to places in a document.
mod permit; // What somebody may do with one document.
mod written; // Access and policy as JSON, and back.

pub use access::{
    Access, BLOCKED_MAX, ENTRIES_MAX, EVERY_KIND, Entry, Followed, Grantee, LinkHash, LinkId, Policy,
};
pub use identity::{Identity, Kind, LINK_SUBJECT_PREFIX, Scope};
pub(crate) use paths::STEPS_MAX;
pub use paths::{BadPath, Limit, Limits, May, Path, Step};
pub use permit::{AdminPermit, Denied, EditPermit, Grant, ReadPermit, ServerPermit};
pub use written::{BadAccess, LINK_PREFIX};

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What somebody may do with a document. Each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Role {
    /// Nothing, not even know that it exists.
    #[default]
    None,
    /// See it, its history and what the rules say, and show where one is in it.
    Read,
    /// Change it, settle and waive its conflicts, name versions.
    Write,
    /// Delete it, and say who else may do what.
    Admin,
}

impl Role {
    /// As it stands in JSON and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::None => "none",
            Role::Read => "read",
            Role::Write => "write",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is none, read, write or admin")]
pub struct BadRole;

impl FromStr for Role {
    type Err = BadRole;

    fn from_str(text: &str) -> Result<Self, BadRole> {
        match text {
            "none" => Ok(Role::None),
            "read" => Ok(Role::Read),
            "write" => Ok(Role::Write),
            "admin" => Ok(Role::Admin),
            _ => Err(BadRole),
        }
    }
}

#[cfg(test)]
mod tests;
