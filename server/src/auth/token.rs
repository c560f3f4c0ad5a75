//! A token before anybody has looked whether it is signed.
//!
//! ```text
//!  header . claims . signature        each in base64url; what is signed is `header.claims`
//! ```
//! Always true: of an [`Unverified`] only what helps to find a key is read. Its claims are a text that nobody reads
//! before [`KeySet::check`](super::keys::KeySet::check) has said that it is signed. Keys, and addresses of
//! keys, that a header brings along are not looked at: a token does not say whom to believe.

use super::TOKEN_BYTES_MAX;
use super::error::AuthError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// Longer names of keys are none: hashes in hex have 64 letters.
const KID_BYTES_MAX: usize = 256;

/// A token as it came.
pub(super) struct Unverified<'t> {
    /// How it is signed, as it says.
    pub(super) algorithm: Algorithm,
    /// With which key, as it says.
    pub(super) kid: Option<String>,
    /// What is signed.
    pub(super) message: &'t str,
    /// The signature, in base64url.
    pub(super) signature: &'t str,
    claims: &'t str,
}

impl<'t> Unverified<'t> {
    /// Takes a token apart.
    pub(super) fn parse(token: &'t str) -> Result<Self, AuthError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(AuthError::TooLarge);
        }
        let mut parts = token.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(AuthError::Malformed);
        };
        let header_of = object_in(header).ok_or(AuthError::Malformed)?;
        // Something that must be understood, and is not understood here.
        if header_of.contains_key("crit") {
            return Err(AuthError::Malformed);
        }
        Ok(Self {
            algorithm: algorithm(&header_of)?,
            kid: kid(&header_of)?,
            message: &token[..header.len() + 1 + claims.len()],
            signature,
            claims,
        })
    }

    /// What it says, for whoever knows by now that it is signed.
    pub(super) fn claims(&self) -> Result<Map<String, Value>, AuthError> {
        object_in(self.claims).ok_or(AuthError::Malformed)
    }
}

/// The algorithms there are here, one for each kind of key. `none` is not among them, however it is written.
fn algorithm(header: &Map<String, Value>) -> Result<Algorithm, AuthError> {
    match header.get("alg").and_then(Value::as_str) {
        Some("HS256") => Ok(Algorithm::HS256),
        Some("RS256") => Ok(Algorithm::RS256),
        Some("ES256") => Ok(Algorithm::ES256),
        Some("EdDSA") => Ok(Algorithm::EdDSA),
        Some(_) => Err(AuthError::BadSignature),
        None => Err(AuthError::Malformed),
    }
}

fn kid(header: &Map<String, Value>) -> Result<Option<String>, AuthError> {
    match header.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) if kid.len() <= KID_BYTES_MAX => Ok(Some(kid.clone())),
        Some(Value::String(_)) => Err(AuthError::BadSignature),
        Some(_) => Err(AuthError::Malformed),
    }
}

/// The JSON object in a part of a token.
fn object_in(part: &str) -> Option<Map<String, Value>> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice::<Once>(&json).ok().map(|object| object.0)
}

/// An object whose members are there once. Of two that are called the same, readers take one or
/// the other; whoever makes tokens and we could read different things.
struct Once(Map<String, Value>);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Once;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Once, A::Error> {
                let mut object = Map::new();
                while let Some((name, value)) = members.next_entry::<String, Value>()? {
                    if object.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member is there twice"));
                    }
                }
                Ok(Once(object))
            }
        }

        deserializer.deserialize_map(Members)
    }
}
