//! From a message to bytes, in one form only.
//!
//! Always: maps and strings of definite length with the shortest header, a field that is
//! not there left out (samod closes the connection on `null`), byte strings without a
//! tag, `type` first. A moment is a float64, as JavaScript sends `Date.now()`; so is a
//! count that does not fit into 32 bits.
//!
//! Edit path: ← [`crate::document`] has made the sync data once, [`SyncEnvelope::frame`]
//! wraps it for one reader, → the socket.

use super::{Ephemeral, Join, Message, Peer, PeerMetadata, RemoteHeads, Sync, SyncKind, cbor_json};
use crate::id::{DocumentId, PeerId, StorageId};
use automerge::ChangeHash;
use bytes::Bytes;
use minicbor::Encoder;
use minicbor::bytes::ByteSlice;
use serde_json::{Map, Value};
use std::ops::Range;

impl Message<'_> {
    /// The frame of this message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut frame = Fields::of_type(self.kind());
        match self {
            Message::Join(join) => put_join(&mut frame, join),
            Message::Peer(peer) => put_peer(&mut frame, peer),
            Message::Leave { sender } => frame.peer("senderId", sender),
            Message::Sync(sync) => put_sync(&mut frame, sync),
            Message::DocUnavailable { sender, target, document } => {
                frame.addressed(sender, target.as_ref());
                frame.document(document);
            }
            Message::Ephemeral(ephemeral) => {
                put_ephemeral(&mut frame, ephemeral);
                if let Some(target) = &ephemeral.target {
                    frame.peer("targetId", target);
                }
            }
            Message::RemoteSubscriptionChange { sender, target, add, remove } => {
                frame.addressed(sender, target.as_ref());
                frame.storage_ids("add", add);
                frame.storage_ids("remove", remove);
            }
            Message::RemoteHeadsChanged { sender, target, document, new_heads } => {
                frame.addressed(sender, target.as_ref());
                frame.document(document);
                frame.new_heads(new_heads);
            }
            Message::Error { sender, target, message } => {
                if let Some(sender) = sender {
                    frame.peer("senderId", sender);
                }
                if let Some(target) = target {
                    frame.peer("targetId", target);
                }
                frame.text("message", message);
            }
            Message::Own(message) => message.put(&mut frame),
            Message::Unknown { .. } => {}
        }
        frame.bytes
    }
}

/// The part of a `sync` frame that stays the same for one reader of one document:
/// all but the data, which [`SyncEnvelope::frame`] puts behind it.
#[derive(Debug, Clone)]
pub struct SyncEnvelope {
    prefix: Bytes,
}

impl SyncEnvelope {
    /// The envelope of what `sender` tells `target` of `document`.
    #[must_use]
    pub fn new(sender: &PeerId, target: &PeerId, document: &DocumentId) -> Self {
        let mut frame = Fields::of_type(SyncKind::Sync.as_str());
        frame.addressed(sender, Some(target));
        frame.document(document);
        frame.key("data");
        Self { prefix: frame.bytes.into() }
    }

    /// The frame that carries `data`, in one allocation of just its size. `data` is not
    /// empty: no sync message is, and no reader would take it.
    #[must_use]
    pub fn frame(&self, data: &[u8]) -> Bytes {
        let mut frame = with_room_for(&self.prefix, data.len());
        put(&mut frame, <&ByteSlice>::from(data));
        frame.into()
    }
}

/// One ephemeral message on its way to many readers: all but the `targetId`, which
/// [`EphemeralFrame::frame`] puts behind it.
#[derive(Debug, Clone)]
pub struct EphemeralFrame {
    prefix: Bytes,
    sender: PeerId,
    /// Where the application's data lies in the prefix.
    data: Range<usize>,
}

impl EphemeralFrame {
    /// Takes the message as it came; whom it was for then does not matter.
    #[must_use]
    pub fn new(ephemeral: &Ephemeral<'_>) -> Self {
        let mut frame = Fields::of_type("ephemeral");
        put_ephemeral(&mut frame, ephemeral);
        // The data is the last field that was put.
        let data = frame.bytes.len() - ephemeral.data.len()..frame.bytes.len();
        frame.key("targetId");
        Self { prefix: frame.bytes.into(), sender: ephemeral.sender.clone(), data }
    }

    /// Who says it.
    #[must_use]
    pub fn sender(&self) -> &PeerId {
        &self.sender
    }

    /// What is said: the application's bytes, CBOR as a rule.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.prefix[self.data.clone()]
    }

    /// The frame for one reader, in one allocation of just its size.
    #[must_use]
    pub fn frame(&self, target: &PeerId) -> Bytes {
        let mut frame = with_room_for(&self.prefix, target.as_str().len());
        put(&mut frame, target.as_str());
        frame.into()
    }
}

/// What the rules say of a document, on its way to those readers that announced that they understand it: all
/// but the `targetId`. `docs/PROTOCOL.md` has its shape.
#[derive(Debug, Clone)]
pub struct ConflictsFrame {
    prefix: Bytes,
}

impl ConflictsFrame {
    /// `body` has the further fields, as JSON.
    #[must_use]
    pub fn new(sender: &PeerId, document: &DocumentId, body: &Map<String, Value>) -> Self {
        let mut frame = Fields::of_type("dovetail-conflicts");
        frame.peer("senderId", sender);
        frame.document(document);
        for (field, value) in body {
            frame.json(field, value);
        }
        frame.key("targetId");
        Self { prefix: frame.bytes.into() }
    }

    /// The frame for one reader, in one allocation of just its size.
    #[must_use]
    pub fn frame(&self, target: &PeerId) -> Bytes {
        let mut frame = with_room_for(&self.prefix, target.as_str().len());
        put(&mut frame, target.as_str());
        frame.into()
    }
}

fn put_join(frame: &mut Fields, join: &Join) {
    frame.peer("senderId", &join.sender);
    frame.metadata(&join.metadata);
    frame.list("supportedProtocolVersions", &join.versions, |bytes, version| put(bytes, version.as_str()));
}

fn put_peer(frame: &mut Fields, peer: &Peer) {
    frame.addressed(&peer.sender, Some(&peer.target));
    frame.metadata(&peer.metadata);
    frame.text("selectedProtocolVersion", &peer.version);
}

fn put_sync(frame: &mut Fields, sync: &Sync<'_>) {
    frame.addressed(&sync.sender, sync.target.as_ref());
    frame.document(&sync.document);
    frame.bytes("data", &sync.data);
}

/// All but the target, which comes last.
fn put_ephemeral(frame: &mut Fields, ephemeral: &Ephemeral<'_>) {
    frame.peer("senderId", &ephemeral.sender);
    frame.document(&ephemeral.document);
    frame.count("count", ephemeral.count);
    frame.text("sessionId", &ephemeral.session_id);
    frame.bytes("data", &ephemeral.data);
}

/// A map being written, field by field. How many there are is counted on the way, in the
/// low bits of the map's first byte: so it is never wrong, and a map has at most 23.
pub(super) struct Fields {
    bytes: Vec<u8>,
}

const EMPTY_MAP: u8 = 0xa0;
const FULL_MAP: u8 = EMPTY_MAP + 23;

impl Fields {
    fn new() -> Self {
        Self { bytes: vec![EMPTY_MAP] }
    }

    fn of_type(kind: &str) -> Self {
        let mut fields = Self::new();
        fields.text("type", kind);
        fields
    }

    fn key(&mut self, name: &str) {
        debug_assert!(self.bytes[0] < FULL_MAP, "no message has so many fields");
        self.bytes[0] += 1;
        put(&mut self.bytes, name);
    }

    pub(super) fn json(&mut self, name: &str, value: &Value) {
        self.key(name);
        self.bytes.extend_from_slice(&cbor_json::from_json(value));
    }

    fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        put(&mut self.bytes, value);
    }

    fn bytes(&mut self, name: &str, value: &[u8]) {
        self.key(name);
        put(&mut self.bytes, <&ByteSlice>::from(value));
    }

    fn peer(&mut self, name: &str, peer: &PeerId) {
        self.text(name, peer.as_str());
    }

    pub(super) fn addressed(&mut self, sender: &PeerId, target: Option<&PeerId>) {
        self.peer("senderId", sender);
        if let Some(target) = target {
            self.peer("targetId", target);
        }
    }

    pub(super) fn document(&mut self, document: &DocumentId) {
        self.text("documentId", &document.to_string());
    }

    /// As JavaScript writes a number: past 32 bits it is a float64.
    #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53, where a float64 is exact")]
    fn count(&mut self, name: &str, value: u64) {
        self.key(name);
        match u32::try_from(value) {
            Ok(small) => put(&mut self.bytes, small),
            Err(_) => put(&mut self.bytes, value as f64),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 ms after 1970, in 285,000 years")]
    fn moment(&mut self, name: &str, millis: u64) {
        self.key(name);
        put(&mut self.bytes, millis as f64);
    }

    fn map(&mut self, name: &str, value: &Fields) {
        self.key(name);
        self.bytes.extend_from_slice(&value.bytes);
    }

    fn list<T>(&mut self, name: &str, items: &[T], put_item: impl Fn(&mut Vec<u8>, &T)) {
        self.key(name);
        put_header(&mut self.bytes, |cbor| cbor.array(items.len() as u64).map(drop));
        for item in items {
            put_item(&mut self.bytes, item);
        }
    }

    fn storage_ids(&mut self, name: &str, ids: &[StorageId]) {
        self.list(name, ids, |bytes, id| put(bytes, id.as_str()));
    }

    fn metadata(&mut self, metadata: &PeerMetadata) {
        let mut fields = Self::new();
        if let Some(storage_id) = &metadata.storage_id {
            fields.text("storageId", storage_id.as_str());
        }
        if let Some(is_ephemeral) = metadata.is_ephemeral {
            fields.key("isEphemeral");
            put(&mut fields.bytes, is_ephemeral);
        }
        if let Some(version) = metadata.dovetail {
            let mut dovetail = Self::new();
            dovetail.count("v", u64::from(version));
            fields.map("dovetail", &dovetail);
        }
        self.map("peerMetadata", &fields);
    }

    fn new_heads(&mut self, new_heads: &[(StorageId, RemoteHeads)]) {
        self.key("newHeads");
        put_header(&mut self.bytes, |cbor| cbor.map(new_heads.len() as u64).map(drop));
        for (storage, known) in new_heads {
            put(&mut self.bytes, storage.as_str());
            let mut fields = Self::new();
            fields.list("heads", &known.heads, |bytes, hash| put(bytes, head_text(hash).as_str()));
            fields.moment("timestamp", known.at.as_millis());
            self.bytes.extend_from_slice(&fields.bytes);
        }
    }
}

fn head_text(hash: &ChangeHash) -> String {
    bs58::encode(hash.0).with_check().into_string()
}

fn put<T: minicbor::Encode<()>>(bytes: &mut Vec<u8>, value: T) {
    put_header(bytes, |cbor| cbor.encode(value).map(drop));
}

type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

fn put_header(bytes: &mut Vec<u8>, write: impl FnOnce(&mut Encoder<&mut Vec<u8>>) -> Written) {
    write(&mut Encoder::new(bytes)).expect("what is written here has a CBOR form, and memory takes it");
}

/// A copy of `prefix` with room behind it for a string of `length` bytes and its header.
fn with_room_for(prefix: &[u8], length: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(prefix.len() + string_header_bytes(length) + length);
    frame.extend_from_slice(prefix);
    frame
}

/// How many bytes CBOR puts before a string of `length` bytes.
const fn string_header_bytes(length: usize) -> usize {
    match length {
        0..24 => 1,
        24..0x100 => 2,
        0x100..0x1_0000 => 3,
        0x1_0000..0x1_0000_0000 => 5,
        _ => 9,
    }
}
