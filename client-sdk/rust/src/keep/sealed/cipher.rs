//! Bytes to sealed bytes and back, under a key.
//!
//! Always true: the same bytes in the same place are sealed to the same, and open nowhere else and with no other key.

use aes_gcm_siv::aead::{AeadInPlace, KeyInit};
use aes_gcm_siv::{Aes256GcmSiv, Nonce, Tag};
use bytes::Bytes;
use dovetail_core::document::chunk::{ChunkKind, Lifecycle, Manifest};
use dovetail_core::id::DocumentId;
use dovetail_store::Space;
use sha2::{Digest, Sha256};
use std::fmt;

/// What a sealed value has more than the plain one.
pub(super) const SEAL_BYTES: usize = NONCE_BYTES + TAG_BYTES;
pub(super) const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// Thirty-two bytes that open a store. The app draws them and keeps them, in the keychain of the device, say: without them nothing can be read.
#[derive(Clone)]
pub struct StoreKey([u8; 32]);

impl StoreKey {
    /// The key made of these bytes. They have to be random ones: a password is no key.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreKey(..)")
    }
}

/// What a value is, and of what. It is sealed in with the value, so that one which was put elsewhere does not open.
pub(super) enum Label<'a> {
    Chunk { document: &'a DocumentId, kind: ChunkKind },
    Manifest { document: &'a DocumentId, visible: &'a Manifest },
    Record { space: Space, name: &'a str },
}

impl Label<'_> {
    /// No two labels have the same bytes: what has no fixed length comes last, or behind its length.
    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Chunk { document, kind } => {
                let kind = match kind {
                    ChunkKind::Snapshot => 0,
                    ChunkKind::Changes => 1,
                    ChunkKind::Authors => 2,
                };
                [&[1, kind], document.as_bytes()].concat()
            }
            Self::Manifest { document, visible } => manifest_label(document, visible),
            Self::Record { space, name } => {
                let space = space.name();
                [&[3, space.len() as u8], space.as_bytes(), name.as_bytes()].concat()
            }
        }
    }
}

fn manifest_label(document: &DocumentId, visible: &Manifest) -> Vec<u8> {
    let Manifest { heads, changes, bytes, created_at, changed_at, lifecycle, .. } = visible;
    let (is_deleted, deleted_at) = match lifecycle {
        Lifecycle::Live => (0, 0),
        Lifecycle::Deleted { at } => (1, at.as_millis()),
    };
    let numbers = [*changes, *bytes, created_at.as_millis(), changed_at.as_millis(), is_deleted, deleted_at];
    let id = document.as_bytes();
    let mut label = Vec::with_capacity(2 + id.len() + 8 * numbers.len() + 32 * heads.len());
    // An id has 1 to 64 bytes.
    label.extend_from_slice(&[2, id.len() as u8]);
    label.extend_from_slice(id);
    label.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    heads.iter().for_each(|head| label.extend_from_slice(&head.0));
    label
}

/// Bytes to sealed bytes and back.
pub(super) struct Cipher {
    aead: Aes256GcmSiv,
    nonces: [u8; 32],
}

impl Cipher {
    /// Two keys of one, because a key is for one thing. A change to what is sealed, and how, is a new text here.
    pub(super) fn new(StoreKey(key): StoreKey) -> Self {
        let derived = |text: &[u8]| -> [u8; 32] {
            Sha256::new().chain_update(text).chain_update(key).finalize().into()
        };
        let aead = Aes256GcmSiv::new(&derived(b"dovetail sealed store 1, encryption").into());
        Self { aead, nonces: derived(b"dovetail sealed store 1, nonces") }
    }

    pub(super) fn seal(&self, plain: &[u8], label: &Label<'_>) -> Bytes {
        let label = label.to_bytes();
        let nonce = self.nonce(plain, &label);
        let mut sealed = Vec::with_capacity(plain.len() + SEAL_BYTES);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let tag = self.aead.encrypt_in_place_detached(&nonce.into(), &label, &mut sealed[NONCE_BYTES..]);
        sealed.extend_from_slice(&tag.expect("fewer bytes than the 64 GiB that can be encrypted"));
        sealed.into()
    }

    pub(super) fn open(&self, sealed: &[u8], label: &Label<'_>) -> Option<Bytes> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let (encrypted, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
        let (nonce, tag) = (Nonce::from(*nonce), Tag::from(*tag));
        let mut plain = encrypted.to_vec();
        self.aead.decrypt_in_place_detached(&nonce, &label.to_bytes(), &mut plain, &tag).ok()?;
        Some(plain.into())
    }

    /// Of the bytes and not by chance, so that the same is sealed to the same. Under a key of its own, since a plain hash would tell whoever guesses
    /// the bytes that the guess is right. Should two values ever get one nonce, it shows whether they are equal and no more: that is what SIV is for.
    fn nonce(&self, plain: &[u8], label: &[u8]) -> [u8; NONCE_BYTES] {
        let hash = Sha256::new().chain_update(self.nonces).chain_update((label.len() as u64).to_le_bytes());
        let hash: [u8; 32] = hash.chain_update(label).chain_update(plain).finalize().into();
        std::array::from_fn(|at| hash[at])
    }
}
