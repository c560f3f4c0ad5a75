//! The keys that tokens are checked with, and how a token is checked.
//!
//! Edit path: ← files ([`files`](super::files)) and an address ([`jwks`](super::jwks)) bring keys, ← tokens come to
//! be checked; → whether one is signed.
//!
//! **Invariant:** a key has one algorithm, which comes from what kind of key it is and never from a token. So a
//! public key is no secret of HS256, whatever a header says.
//! **Invariant:** no symmetric key comes from an address: whoever can read it there could sign with it.

use super::secret::Secret;
use super::token::Unverified;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER as CRYPTO;
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// Keys that are tried for one token that does not say which, of those with its algorithm. Checking with an RSA key takes
/// some tenths of a millisecond, which is what a stranger may cost us with a token that is good for nothing.
const KEYS_TRIED_MAX: usize = 8;

/// The bits of an RSA key. Shorter ones can be broken, longer ones cost whoever checks more than they bring.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// The bytes of an RSA key's exponent: 65537 has three, and the library takes up to 33 bits.
const RSA_EXPONENT_BYTES_MAX: usize = 4;

/// The bytes of a number on the curves P-256 and Ed25519.
const CURVE_BYTES: usize = 32;

/// A key and what it is good for.
pub(super) struct Key {
    /// What tokens call it.
    kid: Option<Box<str>>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// Keys, in the order in which they are tried.
#[derive(Debug, Clone, Default)]
pub(super) struct KeySet(Vec<Arc<Key>>);

/// What a set says of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checked {
    /// One of its keys signed it.
    Signed,
    /// It names a key of this set, and that did not sign it.
    Forged,
    /// It names no key of this set: a newer set may have the one that signed it.
    Unknown,
}

/// Why a text is no key. No word of the text is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// It is something else.
    #[error("this is no public key in PEM; it begins with -----BEGIN PUBLIC KEY-----")]
    NotPem,
    /// It is the wrong half.
    #[error(
        "this is a private key; keep it where tokens are made, and write out its public half: openssl pkey -pubout"
    )]
    Private,
    /// It has more in it than a key.
    #[error("this is a certificate; write out its public key: openssl x509 -pubkey -noout")]
    Certificate,
    /// There is no use for it here.
    #[error("this key is of a kind that is not used here; use RSA, P-256 or Ed25519")]
    Unknown,
    /// Too weak, or too much work.
    #[error("this RSA key has {bits} bits; use one of 2048 to 4096")]
    RsaBits {
        /// How many.
        bits: usize,
    },
}

impl KeySet {
    pub(super) fn new(keys: Vec<Arc<Key>>) -> Self {
        Self(keys)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether one of these signed a token.
    pub(super) fn check(&self, token: &Unverified<'_>) -> Checked {
        let named = |key: &&Arc<Key>| key.kid.is_some() && key.kid.as_deref() == token.kid.as_deref();
        if self.0.iter().any(|key| named(&key)) {
            let signed = self.0.iter().filter(named).any(|key| key.signed(token));
            return if signed { Checked::Signed } else { Checked::Forged };
        }
        // A key without a name may be the one that is meant; so may all when the token names none.
        let may_be =
            |key: &&Arc<Key>| key.algorithm == token.algorithm && (key.kid.is_none() || token.kid.is_none());
        let signed = self.0.iter().filter(may_be).take(KEYS_TRIED_MAX).any(|key| key.signed(token));
        if signed { Checked::Signed } else { Checked::Unknown }
    }
}

impl Key {
    /// A secret that both sides have.
    pub(super) fn of_secret(secret: &Secret) -> Self {
        let key = DecodingKey::from_secret(secret.expose().as_bytes());
        Self { kid: None, algorithm: Algorithm::HS256, key }
    }

    /// A public key in PEM. It has no name, so it is tried for every token of its algorithm.
    pub(super) fn of_pem(pem: &str) -> Result<Self, BadKey> {
        if pem.contains("PRIVATE KEY-----") {
            return Err(BadKey::Private);
        }
        if pem.contains("BEGIN CERTIFICATE-----") {
            return Err(BadKey::Certificate);
        }
        if !pem.contains("PUBLIC KEY-----") {
            return Err(BadKey::NotPem);
        }
        let pem = pem.as_bytes();
        let key = (DecodingKey::from_ed_pem(pem).map(|key| (Algorithm::EdDSA, key)))
            .or_else(|_| DecodingKey::from_ec_pem(pem).map(|key| (Algorithm::ES256, key)))
            .or_else(|_| DecodingKey::from_rsa_pem(pem).map(|key| (Algorithm::RS256, key)));
        let (algorithm, key) = key.map_err(|_| BadKey::NotPem)?;
        Self { kid: None, algorithm, key }.usable()
    }

    /// A key as an address gives it out. Nothing when it is of another kind, or for something else.
    pub(super) fn of_jwk(jwk: &Value) -> Result<Self, BadKey> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes =
            |name: &str| text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).ok_or(BadKey::Unknown);
        let (algorithm, key) = match (text("kty"), text("crv")) {
            (Some("RSA"), _) => {
                (Algorithm::RS256, DecodingKey::from_rsa_raw_components(&bytes("n")?, &bytes("e")?))
            }
            (Some("EC"), Some("P-256")) => {
                let point = [&[4], bytes("x")?.as_slice(), bytes("y")?.as_slice()].concat();
                (Algorithm::ES256, DecodingKey::from_ec_der(&point))
            }
            (Some("OKP"), Some("Ed25519")) => (Algorithm::EdDSA, DecodingKey::from_ed_der(&bytes("x")?)),
            _ => return Err(BadKey::Unknown),
        };
        let for_us = text("use").is_none_or(|is_for| is_for == "sig")
            && jwk.get("alg").is_none_or(|alg| alg.as_str() == Some(name_of(algorithm)));
        if !for_us {
            return Err(BadKey::Unknown);
        }
        Self { kid: text("kid").map(Into::into), algorithm, key }.usable()
    }

    fn signed(&self, token: &Unverified<'_>) -> bool {
        // A key that a token names may be of another algorithm than it says.
        self.algorithm == token.algorithm
            && jsonwebtoken::crypto::verify(
                token.signature,
                token.message.as_bytes(),
                &self.key,
                self.algorithm,
            )
            .unwrap_or(false)
    }

    /// The key, when a signature can be checked with it. The library looks at some keys only when it uses them, and
    /// counts on their lengths.
    fn usable(self) -> Result<Self, BadKey> {
        let bytes = match self.key.kind() {
            DecodingKeyKind::SecretOrDer(bytes) => bytes.as_slice(),
            DecodingKeyKind::RsaModulusExponent { .. } => &[],
        };
        match self.algorithm {
            Algorithm::RS256 => self.usable_rsa(),
            Algorithm::ES256 if bytes.len() != 1 + 2 * CURVE_BYTES => Err(BadKey::Unknown),
            Algorithm::EdDSA if bytes.len() != CURVE_BYTES => Err(BadKey::Unknown),
            algorithm => match (CRYPTO.verifier_factory)(&algorithm, &self.key) {
                Ok(_) => Ok(self),
                Err(_) => Err(BadKey::Unknown),
            },
        }
    }

    fn usable_rsa(self) -> Result<Self, BadKey> {
        let (modulus, exponent) = match self.key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => (n.clone(), e.clone()),
            DecodingKeyKind::SecretOrDer(der) => {
                (CRYPTO.key_utils.rsa_pub_components_from_public_key)(der).map_err(|_| BadKey::NotPem)?
            }
        };
        let bits = bits(&modulus);
        if !RSA_BITS.contains(&bits) {
            return Err(BadKey::RsaBits { bits });
        }
        let is_odd = exponent.last().is_some_and(|last| last % 2 == 1);
        let is_one = exponent.iter().rev().skip(1).all(|byte| *byte == 0) && exponent.last() == Some(&1);
        if !is_odd || is_one || exponent.len() > RSA_EXPONENT_BYTES_MAX {
            return Err(BadKey::Unknown);
        }
        Ok(self)
    }
}

/// How many bits a number has.
fn bits(number: &[u8]) -> usize {
    match number.iter().position(|byte| *byte != 0) {
        Some(first) => (number.len() - first) * 8 - number[first].leading_zeros() as usize,
        None => 0,
    }
}

/// What a header calls it.
fn name_of(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::HS256 => "HS256",
        Algorithm::RS256 => "RS256",
        Algorithm::ES256 => "ES256",
        _ => "EdDSA",
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, hidden)", name_of(self.algorithm))
    }
}
