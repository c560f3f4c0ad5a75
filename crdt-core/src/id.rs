//! The names of things. Each is a type of its own, and to hold one is to know
//! that it parsed: length checked first, alphabet second, checksum last.
//!
//! Sources: the automerge-repo protocol (peer, storage and document ids are text
//! there; a document id is base58check of its bytes).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The most bytes a document id may name. Stock clients make 16; their `idFactory`
/// and the coming versions make up to 32. Base58 costs the square of its length,
/// so the text is measured before it is decoded.
pub const DOCUMENT_ID_BYTES_MAX: usize = 64;

/// Text of [`DOCUMENT_ID_BYTES_MAX`] bytes and four of checksum: base58 makes at
/// most 1.37 characters of a byte, (64 + 4) · 1.37 < 94.
const DOCUMENT_ID_TEXT_MAX: usize = 94;

/// The most bytes of a peer id. It is free text chosen by the client; stock ones have about 16.
pub const PEER_ID_BYTES_MAX: usize = 256;

/// The most bytes of a storage id. Stock ones are UUIDs: 36.
pub const STORAGE_ID_BYTES_MAX: usize = 128;

/// The most bytes of a subject. Identity providers make UUIDs, numbers and addresses of people.
pub const SUBJECT_ID_BYTES_MAX: usize = 256;

/// The bytes that name a document: 1 to [`DOCUMENT_ID_BYTES_MAX`] of them, 16 as a rule.
///
/// Written as base58check: base58 of the bytes and the first four bytes of their
/// double SHA-256. `automerge:` before it makes it a URL.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId(Arc<[u8]>);

/// Why a text or a byte string names no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDocumentId {
    /// Nothing to name a document with.
    #[error("a document id may not be empty")]
    Empty,
    /// Longer than any id can be.
    #[error("a document id has at most {DOCUMENT_ID_BYTES_MAX} bytes")]
    TooLong,
    /// Not base58, or the checksum is wrong: most often a typing error.
    #[error("not a document id: {text:?} is not base58check")]
    Malformed {
        /// The text, as far as it is shown.
        text: String,
    },
}

impl DocumentId {
    /// The id made of these bytes.
    ///
    /// # Errors
    /// When there are none, or more than [`DOCUMENT_ID_BYTES_MAX`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadDocumentId> {
        match bytes.len() {
            0 => Err(BadDocumentId::Empty),
            1..=DOCUMENT_ID_BYTES_MAX => Ok(Self(bytes.into())),
            _ => Err(BadDocumentId::TooLong),
        }
    }

    /// The bytes, as they are stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// `automerge:` and the id: what a stock client's `find` takes.
    #[must_use]
    pub fn to_url(&self) -> String {
        format!("automerge:{self}")
    }
}

impl FromStr for DocumentId {
    type Err = BadDocumentId;

    /// Reads base58check, with or without `automerge:` before it.
    fn from_str(text: &str) -> Result<Self, BadDocumentId> {
        let text = text.strip_prefix("automerge:").unwrap_or(text);
        if text.is_empty() {
            return Err(BadDocumentId::Empty);
        }
        if text.len() > DOCUMENT_ID_TEXT_MAX {
            return Err(BadDocumentId::TooLong);
        }
        let malformed = |_| BadDocumentId::Malformed { text: text.to_owned() };
        let bytes = bs58::decode(text).with_check(None).into_vec().map_err(malformed)?;
        Self::from_bytes(&bytes)
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bs58::encode(&self.0).with_check().into_string())
    }
}

impl fmt::Debug for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentId({self})")
    }
}

/// An id that is text and too long, or empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {what} has 1 to {bytes_max} bytes, this one has {bytes}")]
pub struct BadTextId {
    what: &'static str,
    bytes_max: usize,
    bytes: usize,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $bytes_max:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadTextId;

            fn from_str(text: &str) -> Result<Self, BadTextId> {
                if text.is_empty() || text.len() > $bytes_max {
                    return Err(BadTextId { what: $what, bytes_max: $bytes_max, bytes: text.len() });
                }
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &*self.0)
            }
        }
    };
}

text_id! {
    /// One running client: free text that it chose, new at every start. It proves nothing.
    PeerId, "peer id", PEER_ID_BYTES_MAX
}

text_id! {
    /// A store that outlives its peer: a browser profile, a server's data directory.
    /// Several peers (tabs) may share one.
    StorageId, "storage id", STORAGE_ID_BYTES_MAX
}

text_id! {
    /// Somebody who was asked who they are: the `sub` of a token.
    SubjectId, "subject", SUBJECT_ID_BYTES_MAX
}

/// One connection, as this server numbers them. Never used again in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WI2: an id of any length up to the bound comes back from its text.
    #[test]
    fn wi2_document_ids_of_all_lengths_round_trip() {
        for length in 1..=DOCUMENT_ID_BYTES_MAX {
            for byte in [0u8, 0x7f, 0xff] {
                let id = DocumentId::from_bytes(&vec![byte; length]).unwrap();
                assert_eq!(id.to_string().parse(), Ok(id.clone()), "{length} bytes of {byte}");
                assert_eq!(id.to_url().parse(), Ok(id));
            }
        }
    }

    /// WI2: one wrong letter is noticed, and what is too long is not even decoded.
    #[test]
    fn wi2_document_ids_that_are_none_are_refused() {
        let good = DocumentId::from_bytes(&[7; 16]).unwrap().to_string();
        let wrong = good.replacen(|c: char| c != '1', "1", 1);
        assert!(matches!(wrong.parse::<DocumentId>(), Err(BadDocumentId::Malformed { .. })));
        assert_eq!("".parse::<DocumentId>(), Err(BadDocumentId::Empty));
        assert_eq!("1".repeat(100_000).parse::<DocumentId>(), Err(BadDocumentId::TooLong));
        assert_eq!(DocumentId::from_bytes(&[0; 65]), Err(BadDocumentId::TooLong));
    }
}
