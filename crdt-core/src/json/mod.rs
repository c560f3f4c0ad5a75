//! JSON into Automerge and back.
//!
//! Edit path: ← a JSON body, an imported file, one option of a widget; → operations of the
//! caller's transaction. And the other way: a document, or a part of it, as JSON.
//!
//! Always true here:
//! - What was written is read back equal, the form of its numbers included: `1` stays an integer
//!   and `1.0` stays a float.
//! - The same value makes the same operations: keys are taken in byte order.
//! - Two values are "the same" when they read the same. So a counter, a moment or a text object
//!   that some other client made is left as it is when its JSON is written back unchanged.
//!
//! | Automerge | JSON |
//! |---|---|
//! | map, list | object, array |
//! | text object, scalar string | string |
//! | int, uint, counter | integer |
//! | float | number; not-a-number and the infinities, which JSON cannot say, are `null` |
//! | timestamp | integer: milliseconds since the Unix epoch |
//! | bytes | `{"$bytes": "<base64>"}` |
//! | table, a scalar this version does not know | `null` |

mod assign; // A new value over an old one: only what differs is written.
mod diff; // The difference of two values, as JSON Patch.
mod read; // A document, or a part of it, as JSON.
mod script; // How one list becomes another.
mod text; // A new text over an old one.
mod write; // A value where there was none.

pub use assign::assign;
pub(crate) use assign::{Care, Contest, Stop, Writing};
pub use diff::diff;
pub(crate) use read::{Weight, base64, weigh};
pub use read::{read, read_at, read_within, root_text, scalar_to_json};
pub use write::seconds;
pub use write::{check, fill, new_document, put};
pub(crate) use write::{escaped, sorted, string_bytes};

use automerge::AutomergeError;
use serde_json::Value;

/// How many levels a value may lie deep, the root being level 0.
///
/// What we write out must be readable again: common JSON parsers stop at 128 levels (serde_json
/// after 127), and an answer wraps the value in a few levels of its own. The deepest dashboard
/// seen in the wild has 12. Everything here that calls itself stays within this, so no document
/// can exhaust the stack.
pub const DEPTH_MAX: usize = 100;

/// How many values (objects, arrays and what they hold) one call may write.
///
/// Each becomes one operation of some 2.5 µs, so this is two thirds of a second. The largest
/// public dashboard seen has 12,000.
pub const NODES_MAX: usize = 250_000;

/// How many bytes of strings a value may have for them to become text objects. A text object costs
/// an operation for each character: at 1 MB that takes 7 s and 566 MB, at this bound less than 1 s.
/// People do not type together in more; beyond it strings become registers.
pub const TEXT_BYTES_MAX: usize = 128 << 10;

/// What a JSON string becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strings {
    /// A text object: two people may type in it at once. Costs one operation a character.
    Text,
    /// One register: the later write wins as a whole. For names, ids, queries and settings.
    Scalar,
}

impl Strings {
    /// What the strings of this value become: registers where they have more than [`TEXT_BYTES_MAX`]
    /// in all. The value is within the bounds of this module.
    #[must_use]
    pub fn bounded(self, value: &Value) -> Self {
        let is_text = self == Self::Text && write::string_bytes(value) <= TEXT_BYTES_MAX;
        if is_text { Self::Text } else { Self::Scalar }
    }
}

/// Why a value could not be written.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The document's root is a map, so only an object can be its content.
    #[error("the content of a document must be a JSON object")]
    NotAnObject,
    /// The value is nested too deep. The path is a JSON pointer.
    #[error("{path} lies deeper than {DEPTH_MAX} levels")]
    TooDeep {
        /// Where the bound was passed.
        path: String,
    },
    /// The value is too large. The path is a JSON pointer.
    #[error("more than {NODES_MAX} values, counted up to {path}")]
    TooMany {
        /// The first value beyond the bound.
        path: String,
    },
    /// Automerge refused: the object that should hold the value is gone or of another kind.
    #[error("the document refused a value")]
    Document(#[from] AutomergeError),
}

#[cfg(test)]
mod tests;
