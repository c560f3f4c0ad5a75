//! Why a frame is no message, in words for its sender.
//!
//! Edit path: ← [`decode()`](super::decode()) cannot read a frame, → the session ends with these words.
//!
//! Always true: all of it is the sender's doing, and names the field; what stood there is not repeated.

use super::{NESTING_MAX, WHOLE_NUMBER_MAX};
use crate::id::{BadDocumentId, BadTextId};

/// Why a frame is no message. All of it is the sender's doing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// The bytes end before the value does.
    #[error("the frame ends in the middle of {field}")]
    Truncated {
        /// Where.
        field: &'static str,
    },
    /// Not CBOR as RFC 8949 has it: a reserved header, text that is not UTF-8.
    #[error("{field} is not well-formed CBOR")]
    Malformed {
        /// Where.
        field: &'static str,
    },
    /// CBOR, but not a map.
    #[error("a message is a CBOR map, this is something else")]
    NotAMap,
    /// A message, and something behind it.
    #[error("a frame carries one message, this one goes on behind it")]
    TrailingBytes,
    /// Values in values in values.
    #[error("{field} nests deeper than {NESTING_MAX} levels")]
    TooDeep {
        /// Where.
        field: &'static str,
    },
    /// A message of this type has such a field.
    #[error("{field} is missing")]
    MissingField {
        /// Which.
        field: &'static str,
    },
    /// Well-formed, but of another kind than it has to be.
    #[error("{field} has to be {expected}")]
    WrongType {
        /// Which.
        field: &'static str,
        /// What belongs there.
        expected: &'static str,
    },
    /// Not a whole number that JavaScript holds exactly.
    #[error("{field} has to be a whole number from 0 to {WHOLE_NUMBER_MAX}")]
    BadNumber {
        /// Which.
        field: &'static str,
    },
    /// Text longer than any that is meant honestly.
    #[error("{field} has at most {bytes_max} bytes")]
    TooLong {
        /// Which.
        field: &'static str,
        /// Its bound.
        bytes_max: usize,
    },
    /// A list longer than any that is meant honestly.
    #[error("{field} has at most {entries_max} entries")]
    TooMany {
        /// Which.
        field: &'static str,
        /// Its bound.
        entries_max: usize,
    },
    /// Data of no bytes, which neither Automerge nor an application ever sends.
    #[error("{field} is empty")]
    Empty {
        /// Which.
        field: &'static str,
    },
    /// Names no document.
    #[error("documentId names no document")]
    BadDocumentId(#[from] BadDocumentId),
    /// Too long for the name of a peer, or empty.
    #[error("{field} names no peer")]
    BadPeerId {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        source: BadTextId,
    },
    /// Too long for the name of a storage, or empty.
    #[error("{field} names no storage")]
    BadStorageId {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        source: BadTextId,
    },
    /// Not 32 bytes in base58check or in hex.
    #[error("newHeads.heads holds something that is not the hash of a change")]
    BadHead,
}

impl BadFrame {
    /// The kind of fault, as programs and log searches know it. Never changes once published.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Truncated { .. }
            | Self::Malformed { .. }
            | Self::NotAMap
            | Self::TrailingBytes
            | Self::TooDeep { .. } => "bad_frame",
            Self::MissingField { .. } => "missing_field",
            Self::WrongType { .. } => "wrong_type",
            Self::BadNumber { .. } => "bad_number",
            Self::TooLong { .. } => "too_long",
            Self::TooMany { .. } => "too_many",
            Self::Empty { .. } => "empty_data",
            Self::BadDocumentId(_) => "bad_document_id",
            Self::BadPeerId { .. } => "bad_peer_id",
            Self::BadStorageId { .. } => "bad_storage_id",
            Self::BadHead => "bad_head",
        }
    }
}
