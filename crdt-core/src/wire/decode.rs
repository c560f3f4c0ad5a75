//! From bytes to a message: tolerant in form, strict in content.
//!
//! Tolerant, because every sender has habits of its own: JavaScript writes 16-bit map
//! headers, `undefined` for a field it does not have and float64 for large numbers; its
//! own reader takes tagged byte strings, indefinite lengths, any order and fields nobody
//! knows. So does this one. A field that stands twice counts as it stands last; `null`
//! and `undefined` count as not there.
//!
//! Always: every id is measured before it is decoded, and every list has a bound; see [`Value`] for
//! what holds of all that is read.
//!
//! Edit path: ← the socket brings a frame, → a [`Message`] for the [`session`](crate::session).
//!
//! A frame is read twice. The first time finds where the value of each known field lies
//! and steps over everything else; the second reads those values which the message's type
//! asks for. So `type` may come last, and a field that is none of the type's business may
//! hold what it likes.

use super::own;
use super::value::Value;
use super::{
    BadFrame, Ephemeral, HEADS_MAX, Join, Message, Own, OwnMessage, PROTOCOL_VERSION, Peer, PeerMetadata,
    RemoteHeads, SESSION_ID_BYTES_MAX, STORAGE_IDS_MAX, Sync, SyncKind, UNKNOWN_KIND_BYTES_MAX,
    VERSION_BYTES_MAX, VERSIONS_MAX,
};
use crate::id::{DocumentId, PeerId, StorageId};
use crate::time::Timestamp;
use automerge::ChangeHash;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Reads one frame.
///
/// # Errors
/// When the bytes are not one CBOR map, or a field of the message's type is missing or is
/// not what it has to be. A message of a type that we do not know is none:
/// it is [`Message::Unknown`].
pub fn decode(frame: &[u8]) -> Result<Message<'_>, BadFrame> {
    let fields = Fields::find(frame)?;
    let kind = fields.required(Field::Type)?.text()?;
    match kind.as_ref() {
        "sync" => fields.sync(SyncKind::Sync).map(Message::Sync),
        "request" => fields.sync(SyncKind::Request).map(Message::Sync),
        "ephemeral" => fields.ephemeral().map(Message::Ephemeral),
        "doc-unavailable" => fields.doc_unavailable(),
        "remote-subscription-change" => fields.remote_subscription_change(),
        "remote-heads-changed" => fields.remote_heads_changed(),
        "join" => fields.join().map(Message::Join),
        "peer" => fields.peer().map(Message::Peer),
        "leave" => Ok(Message::Leave { sender: fields.sender()? }),
        "error" => fields.error(),
        own if own.starts_with(own::PREFIX) => fields.own(frame, kind),
        _ => Ok(Message::Unknown { kind: shortened(kind) }),
    }
}

/// How many bytes the frame has that `bytes` begin with. Only its outside is looked at: it is one map
/// that nests no deeper than [`NESTING_MAX`](super::NESTING_MAX).
pub(super) fn frame_length(bytes: &[u8]) -> Result<usize, BadFrame> {
    let mut value = Value::at(bytes, FRAME);
    if !value.is_map()? {
        return Err(BadFrame::NotAMap);
    }
    value.skip(0)?;
    Ok(value.position())
}

/// What an error calls the frame as a whole, and a field that we do not know.
const FRAME: &str = "the frame";
const UNKNOWN_FIELD: &str = "an unknown field";

/// The fields of protocol "1".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Type,
    SenderId,
    TargetId,
    DocumentId,
    Data,
    Count,
    SessionId,
    PeerMetadata,
    SupportedVersions,
    SelectedVersion,
    Add,
    Remove,
    NewHeads,
    Message,
}

/// In the order of [`Field`], which is how often they occur.
const FIELDS: [(&str, Field); 14] = [
    ("type", Field::Type),
    ("senderId", Field::SenderId),
    ("targetId", Field::TargetId),
    ("documentId", Field::DocumentId),
    ("data", Field::Data),
    ("count", Field::Count),
    ("sessionId", Field::SessionId),
    ("peerMetadata", Field::PeerMetadata),
    ("supportedProtocolVersions", Field::SupportedVersions),
    ("selectedProtocolVersion", Field::SelectedVersion),
    ("add", Field::Add),
    ("remove", Field::Remove),
    ("newHeads", Field::NewHeads),
    ("message", Field::Message),
];

/// Where the value of each field lies in the frame, if it is there.
#[derive(Default)]
struct Fields<'a> {
    values: [Option<&'a [u8]>; FIELDS.len()],
}

impl<'a> Fields<'a> {
    /// The first reading: steps over every value, and notes where those of known fields are.
    fn find(frame: &'a [u8]) -> Result<Self, BadFrame> {
        let mut fields = Self::default();
        let mut value = Value::at(frame, FRAME);
        if !value.is_map()? {
            return Err(BadFrame::NotAMap);
        }
        value.each_entry(|value, key| {
            let field = FIELDS.iter().find(|(name, _)| *name == key).map(|(_, field)| *field);
            let bytes = value.skipped(field.map_or(UNKNOWN_FIELD, Field::name), 1)?;
            if let Some(field) = field {
                fields.values[field as usize] = Some(bytes);
            }
            Ok(())
        })?;
        if value.position() < frame.len() { Err(BadFrame::TrailingBytes) } else { Ok(fields) }
    }

    /// The value of `field`, unless it is not there, `null` or `undefined`.
    fn optional(&self, field: Field) -> Result<Option<Value<'a>>, BadFrame> {
        let Some(bytes) = self.values[field as usize] else { return Ok(None) };
        let value = Value::at(bytes, field.name());
        Ok((!value.is_absent()?).then_some(value))
    }

    fn required(&self, field: Field) -> Result<Value<'a>, BadFrame> {
        self.optional(field)?.ok_or(BadFrame::MissingField { field: field.name() })
    }

    fn sync(&self, kind: SyncKind) -> Result<Sync<'a>, BadFrame> {
        Ok(Sync {
            kind,
            sender: self.sender()?,
            target: self.target()?,
            document: self.document()?,
            data: self.data()?,
        })
    }

    fn ephemeral(&self) -> Result<Ephemeral<'a>, BadFrame> {
        Ok(Ephemeral {
            sender: self.sender()?,
            target: self.target()?,
            document: self.document()?,
            count: self.required(Field::Count)?.whole_number()?,
            session_id: self.required(Field::SessionId)?.text_up_to(SESSION_ID_BYTES_MAX)?,
            data: self.data()?,
        })
    }

    fn doc_unavailable(&self) -> Result<Message<'a>, BadFrame> {
        let (sender, target, document) = (self.sender()?, self.target()?, self.document()?);
        Ok(Message::DocUnavailable { sender, target, document })
    }

    fn remote_subscription_change(&self) -> Result<Message<'a>, BadFrame> {
        Ok(Message::RemoteSubscriptionChange {
            sender: self.sender()?,
            target: self.target()?,
            add: self.storage_ids(Field::Add)?,
            remove: self.storage_ids(Field::Remove)?,
        })
    }

    fn remote_heads_changed(&self) -> Result<Message<'a>, BadFrame> {
        Ok(Message::RemoteHeadsChanged {
            sender: self.sender()?,
            target: self.target()?,
            document: self.document()?,
            new_heads: self.required(Field::NewHeads)?.new_heads()?,
        })
    }

    fn join(&self) -> Result<Join, BadFrame> {
        let versions = match self.optional(Field::SupportedVersions)? {
            Some(mut versions) => versions.list(VERSIONS_MAX, Value::version)?,
            None => vec![PROTOCOL_VERSION.to_owned()],
        };
        Ok(Join { sender: self.sender()?, metadata: self.metadata()?, versions })
    }

    fn peer(&self) -> Result<Peer, BadFrame> {
        Ok(Peer {
            sender: self.sender()?,
            target: self.required(Field::TargetId)?.peer_id()?,
            metadata: self.metadata()?,
            version: self.required(Field::SelectedVersion)?.version()?,
        })
    }

    /// One of Dovetail's own, or one that a later version will have.
    fn own(&self, frame: &[u8], kind: Cow<'a, str>) -> Result<Message<'a>, BadFrame> {
        let Some(own) = Own::read(frame) else { return Ok(Message::Unknown { kind: shortened(kind) }) };
        let document = self.optional(Field::DocumentId)?.is_some().then(|| self.document()).transpose()?;
        let message = OwnMessage { sender: self.sender()?, target: self.target()?, document, own };
        Ok(Message::Own(Box::new(message)))
    }

    fn error(&self) -> Result<Message<'a>, BadFrame> {
        Ok(Message::Error {
            sender: self.optional(Field::SenderId)?.map(|mut id| id.peer_id()).transpose()?,
            target: self.target()?,
            message: self.required(Field::Message)?.text()?,
        })
    }

    fn sender(&self) -> Result<PeerId, BadFrame> {
        self.required(Field::SenderId)?.peer_id()
    }

    fn target(&self) -> Result<Option<PeerId>, BadFrame> {
        self.optional(Field::TargetId)?.map(|mut id| id.peer_id()).transpose()
    }

    fn document(&self) -> Result<DocumentId, BadFrame> {
        self.required(Field::DocumentId)?.document_id()
    }

    fn data(&self) -> Result<Cow<'a, [u8]>, BadFrame> {
        let data = self.required(Field::Data)?.bytes()?;
        if data.is_empty() { Err(BadFrame::Empty { field: Field::Data.name() }) } else { Ok(data) }
    }

    fn metadata(&self) -> Result<PeerMetadata, BadFrame> {
        match self.optional(Field::PeerMetadata)? {
            Some(mut metadata) => metadata.peer_metadata(),
            None => Ok(PeerMetadata::default()),
        }
    }

    fn storage_ids(&self, field: Field) -> Result<Vec<StorageId>, BadFrame> {
        match self.optional(field)? {
            Some(mut ids) => ids.list(STORAGE_IDS_MAX, Value::storage_id),
            None => Ok(Vec::new()),
        }
    }
}

impl Field {
    fn name(self) -> &'static str {
        FIELDS[self as usize].0
    }
}

/// What a value means.
impl<'a> Value<'a> {
    fn peer_id(&mut self) -> Result<PeerId, BadFrame> {
        let field = self.name();
        self.text()?.parse().map_err(|source| BadFrame::BadPeerId { field, source })
    }

    fn storage_id(&mut self) -> Result<StorageId, BadFrame> {
        let field = self.name();
        self.text()?.parse().map_err(|source| BadFrame::BadStorageId { field, source })
    }

    /// Text as a rule; some senders write the bytes themselves.
    fn document_id(&mut self) -> Result<DocumentId, BadFrame> {
        if self.is_bytes()? {
            return Ok(DocumentId::from_bytes(&self.bytes()?)?);
        }
        Ok(self.text()?.parse()?)
    }

    fn version(&mut self) -> Result<String, BadFrame> {
        Ok(self.text_up_to(VERSION_BYTES_MAX)?.into_owned())
    }

    fn peer_metadata(&mut self) -> Result<PeerMetadata, BadFrame> {
        let mut metadata = PeerMetadata::default();
        self.each_entry(|value, key| {
            match key {
                "storageId" => {
                    metadata.storage_id = value.optional("peerMetadata.storageId", Value::storage_id)?;
                }
                "isEphemeral" => {
                    metadata.is_ephemeral = value.optional("peerMetadata.isEphemeral", Value::truth)?;
                }
                "dovetail" => {
                    metadata.dovetail = value.optional("peerMetadata.dovetail", Value::dovetail)?.flatten();
                }
                _ => value.skip(2)?,
            }
            Ok(())
        })?;
        Ok(metadata)
    }

    /// `{v: N}`; without a `v` the peer promises nothing.
    fn dovetail(&mut self) -> Result<Option<u32>, BadFrame> {
        const V: &str = "peerMetadata.dovetail.v";
        let mut version = None;
        self.each_entry(|value, key| {
            match key {
                "v" => version = value.optional(V, Value::whole_number)?,
                _ => value.skip(3)?,
            }
            Ok(())
        })?;
        version.map(|v| u32::try_from(v).map_err(|_| BadFrame::BadNumber { field: V })).transpose()
    }

    /// A map, so that a storage that stands twice counts once.
    fn new_heads(&mut self) -> Result<Vec<(StorageId, RemoteHeads)>, BadFrame> {
        let mut new_heads = BTreeMap::new();
        let mut entries = 0;
        self.each_entry(|value, key| {
            entries += 1;
            if entries > STORAGE_IDS_MAX {
                return Err(BadFrame::TooMany { field: "newHeads", entries_max: STORAGE_IDS_MAX });
            }
            let storage =
                key.parse().map_err(|source| BadFrame::BadStorageId { field: "newHeads", source })?;
            new_heads.insert(storage, value.remote_heads()?);
            Ok(())
        })?;
        Ok(new_heads.into_iter().collect())
    }

    fn remote_heads(&mut self) -> Result<RemoteHeads, BadFrame> {
        const HEADS: &str = "newHeads.heads";
        const TIMESTAMP: &str = "newHeads.timestamp";
        let (mut heads, mut at) = (None, None);
        self.each_entry(|value, key| {
            match key {
                "heads" => heads = value.optional(HEADS, |heads| heads.list(HEADS_MAX, Value::head))?,
                "timestamp" => at = value.optional(TIMESTAMP, Value::whole_number)?,
                _ => value.skip(3)?,
            }
            Ok(())
        })?;
        Ok(RemoteHeads {
            heads: heads.ok_or(BadFrame::MissingField { field: HEADS })?,
            at: Timestamp::from_millis(at.ok_or(BadFrame::MissingField { field: TIMESTAMP })?),
        })
    }

    /// The 32 bytes of a hash: in base58check, or from clients of version 1 in hex.
    fn head(&mut self) -> Result<ChangeHash, BadFrame> {
        /// 32 bytes in hex. Base58check of them and four of checksum is shorter: 50 at most.
        const HEX_CHARACTERS: usize = 64;
        let text = self.text()?;
        match text.len() {
            HEX_CHARACTERS => text.parse().map_err(|_| BadFrame::BadHead),
            0..HEX_CHARACTERS => head_of_base58(&text).ok_or(BadFrame::BadHead),
            // Not even looked at: base58 costs the square of its length.
            _ => Err(BadFrame::BadHead),
        }
    }
}

fn head_of_base58(text: &str) -> Option<ChangeHash> {
    let bytes = bs58::decode(text).with_check(None).into_vec().ok()?;
    bytes.try_into().ok().map(ChangeHash)
}

/// The beginning of a type that we do not know.
fn shortened(kind: Cow<'_, str>) -> Cow<'_, str> {
    if kind.len() <= UNKNOWN_KIND_BYTES_MAX {
        return kind;
    }
    let end = kind.floor_char_boundary(UNKNOWN_KIND_BYTES_MAX);
    match kind {
        Cow::Borrowed(kind) => Cow::Borrowed(&kind[..end]),
        Cow::Owned(mut kind) => {
            kind.truncate(end);
            Cow::Owned(kind)
        }
    }
}
