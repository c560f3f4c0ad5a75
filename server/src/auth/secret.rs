//! Texts that nobody may see: tokens, secrets of links, what tokens are signed with.
//!
//! Always true: no `Debug` and no error shows one, and whoever wants the text has to write [`Secret::expose`].

use std::fmt;
use std::sync::Arc;

/// The least bytes of a secret that tokens are signed with: as many as HS256 puts out. A shorter one is
/// found by trying, with one token at hand and nobody noticing.
pub const SIGNING_SECRET_BYTES_MIN: usize = 32;

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

/// A text that is too short for what it is to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a secret for tokens has {SIGNING_SECRET_BYTES_MIN} bytes at least, this one has {bytes}; \
     `dovetail token --new-secret` prints a good one"
)]
pub struct SecretTooShort {
    bytes: usize,
}

impl Secret {
    /// One that tokens may be signed with.
    ///
    /// # Errors
    /// When it is so short that it could be guessed.
    pub fn for_signing(text: &str) -> Result<Self, SecretTooShort> {
        match text.len() {
            bytes if bytes < SIGNING_SECRET_BYTES_MIN => Err(SecretTooShort { bytes }),
            _ => Ok(text.into()),
        }
    }

    /// The text itself. It has no business in logs, errors and answers.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}
