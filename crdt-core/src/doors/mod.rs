//! Plain JSON that merges: what a script reads, changes and sends back becomes a change like any
//! peer's.
//!
//! Edit path: ← a body and the heads at which its writer read the document ("base"); → one change
//! made at those heads, and the document with it in; the caller stores the change.
//!
//! Always true here:
//! - What the writer did not touch is not written, so what others did to it meanwhile stays.
//! - The change is the one that a peer would have made who had the document at base and nothing
//!   newer: the same bytes, whatever came in meanwhile.
//! - A writer makes one change. When the document holds a change of that actor already, nothing is
//!   written, and the answer is made of that change.
//! - The root key [`RESERVED_KEY`] is left alone.

mod base; // A transaction at the writer's heads. Read this first.
mod history; // Who did what, in what order.
mod lost; // Which of the writer's values did not win.
mod merge_patch; // RFC 7396.
mod patch; // RFC 6902.
mod pointer; // RFC 6901, and the places that pointers point at.
mod versions; // States that somebody named.

pub use base::{UnknownHeads, check_heads, written_before};
pub use history::{BadCursor, Cursor, Group, HASHES_MAX, History, MESSAGES_MAX, PAUSE, history};
pub use lost::{LOST_MAX, Lost, LostValue, lost};
pub use merge_patch::merge_patch;
pub use patch::{COPIED_BYTES_MAX, OPERATIONS_MAX, PatchError, PatchFault, patch};
pub use versions::{
    BadVersionName, NOTE_BYTES_MAX, Version, VersionName, name_version, remove_version, versions,
};

use crate::dashboard::DASHBOARD_KIND;
use crate::json::{self, Contest, JsonError, Stop, Strings, Writing};
use crate::reserved::RESERVED_KEY;
use crate::time::Timestamp;
use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, AutomergeError, Change, ChangeHash, ROOT};
use serde_json::Value;

/// Who writes. Every write has an actor of its own: two of one actor would have to know of each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// Under which the change stands in the history.
    pub actor: ActorId,
    /// When, as the server's clock has it.
    pub time: Timestamp,
    /// What for, in the writer's words.
    pub message: Option<String>,
}

/// What became of a write.
#[derive(Debug)]
pub struct Written {
    /// What is to be stored, in this order; the writer's own change comes last. Empty when all stood
    /// so already.
    pub changes: Vec<Change>,
    /// The heads of the document before, sorted.
    pub before: Vec<ChangeHash>,
    /// The heads of the document with the changes, sorted.
    pub after: Vec<ChangeHash>,
    /// Which of the writer's values did not win over what others wrote meanwhile.
    pub lost: Lost,
    /// The document with the changes.
    pub document: Automerge,
}

impl Written {
    /// The writer's own change, unless there was nothing to write.
    #[must_use]
    pub fn change(&self) -> Option<&Change> {
        self.changes.last()
    }
}

/// Why nothing was written. All but the last are the writer's doing.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The writer read a state that this document never had.
    #[error(transparent)]
    UnknownHeads(#[from] UnknownHeads),
    /// The body is none that a document can hold.
    #[error(transparent)]
    Content(Box<JsonError>),
    /// The body names a place that belongs to Dovetail.
    #[error("{path} is reserved and may not be written")]
    Reserved {
        /// The place, as a JSON pointer.
        path: String,
    },
    /// What somebody notes of a version is too long.
    #[error("the note of a version has at most {NOTE_BYTES_MAX} bytes, and this one has {bytes}")]
    NoteTooLong {
        /// How many it has.
        bytes: usize,
    },
    /// Automerge refused an operation.
    #[error("the document refused the change")]
    Document(Box<AutomergeError>),
}

impl From<JsonError> for WriteError {
    fn from(error: JsonError) -> Self {
        Self::Content(Box::new(error))
    }
}

impl From<AutomergeError> for WriteError {
    fn from(error: AutomergeError) -> Self {
        Self::Document(Box::new(error))
    }
}

/// Makes the document read as `body`, as far as `body` differs from what the document was at `base`.
/// What `body` does not have and the document had at `base` is deleted.
///
/// # Errors
/// When the heads are unknown, or `body` is no object or passes a bound of [`json`].
pub fn put(
    doc: &Automerge,
    base: &[ChangeHash],
    body: &Value,
    writer: &Writer,
) -> Result<Written, WriteError> {
    let Value::Object(members) = body else { return Err(JsonError::NotAnObject.into()) };
    json::check(body, 0)?;
    check_heads(doc, base)?;
    let read = json::read(doc, Some(base));
    let strings = strings_of(read.get("kind")).bounded(body);
    base::write(doc, base, writer, |tx, steps_left| {
        let mut writing = Writing::new(tx, strings, Contest::Leave).within(steps_left);
        writing.members(&ROOT, read.as_object(), members, Some(RESERVED_KEY)).map_err(Halt::from)
    })
}

/// Makes the document read as it did at `heads`, in one change on top of all there is now.
/// What stands under [`RESERVED_KEY`] stays as it is.
///
/// # Errors
/// When the heads are unknown, or the document was larger then than [`json`] writes.
pub fn restore(doc: &Automerge, heads: &[ChangeHash], writer: &Writer) -> Result<Written, WriteError> {
    check_heads(doc, heads)?;
    put(doc, &doc.get_heads(), &json::read(doc, Some(heads)), writer)
}

/// The operations that make the document at `to` of the document at `from`, as JSON Patch (RFC 6902), which
/// [`patch()`] takes. What stands under [`RESERVED_KEY`] is left out.
///
/// # Errors
/// When the document never had one of the states.
pub fn diff(doc: &Automerge, from: &[ChangeHash], to: &[ChangeHash]) -> Result<Vec<Value>, UnknownHeads> {
    check_heads(doc, from)?;
    check_heads(doc, to)?;
    let at = |heads| {
        let mut value = json::read(doc, Some(heads));
        drop(value.as_object_mut().and_then(|root| root.remove(RESERVED_KEY)));
        value
    };
    Ok(json::diff(&at(from), &at(to)))
}

/// Why a transaction ended early.
enum Halt<E> {
    /// The writer's doing, or the document's.
    Failed(E),
    /// Places in lists are found too slowly here; elsewhere they are found faster.
    TooSlow,
}

impl<E: From<AutomergeError>> From<Stop> for Halt<E> {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Document(error) => Self::Failed(error.into()),
            Stop::TooSlow => Self::TooSlow,
        }
    }
}

impl<E: From<AutomergeError>> From<AutomergeError> for Halt<E> {
    fn from(error: AutomergeError) -> Self {
        Self::Failed(error.into())
    }
}

/// What new strings become in a document of this kind.
fn strings_of(kind: Option<&Value>) -> Strings {
    let is_dashboard = kind.is_some_and(|kind| kind == DASHBOARD_KIND);
    if is_dashboard { Strings::Scalar } else { Strings::Text }
}

/// The same, asked of a document in a transaction.
fn strings_in<T: Transactable>(tx: &T) -> Strings {
    strings_of(pointer::member(tx, &ROOT, "kind", 1).as_ref())
}
