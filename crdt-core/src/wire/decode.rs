//! From bytes to a message: tolerant in form, strict in content.
//!
//! Tolerant, because every sender has habits of its own: JavaScript writes 16-bit map
//! headers, `undefined` for a field it does not have and float64 for large numbers; its
//! own reader takes tagged byte strings, indefinite lengths, any order and fields nobody
//! knows. So does this one. A field that stands twice counts as it stands last; `null`
//! and `undefined` count as not there.
//!
//! Always: no room is made for a length that is only claimed, every id is measured before
//! it is decoded, every list has a bound, and values nest no deeper than [`NESTING_MAX`].
//!
//! A frame is read twice. The first time finds where the value of each known field lies
//! and steps over everything else; the second reads those values which the message's type
//! asks for. So `type` may come last, and a field that is none of the type's business may
//! hold what it likes.

use super::own;
use super::{
    Ephemeral, HEADS_MAX, Join, Message, NESTING_MAX, Own, OwnMessage, PROTOCOL_VERSION, Peer, PeerMetadata,
    RemoteHeads, SESSION_ID_BYTES_MAX, STORAGE_IDS_MAX, Sync, SyncKind, UNKNOWN_KIND_BYTES_MAX,
    VERSION_BYTES_MAX, VERSIONS_MAX, WHOLE_NUMBER_MAX,
};
use crate::id::{BadDocumentId, BadTextId, DocumentId, PeerId, StorageId};
use crate::time::Timestamp;
use automerge::ChangeHash;
use minicbor::Decoder;
use minicbor::data::{IanaTag, Type};
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
/// that nests no deeper than [`NESTING_MAX`].
pub(super) fn frame_length(bytes: &[u8]) -> Result<usize, BadFrame> {
    let mut value = Value { cbor: Decoder::new(bytes), name: FRAME };
    if !matches!(value.kind()?, Type::Map | Type::MapIndef) {
        return Err(BadFrame::NotAMap);
    }
    value.skip(0)?;
    Ok(value.cbor.position())
}

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
        let mut value = Value { cbor: Decoder::new(frame), name: FRAME };
        if !matches!(value.kind()?, Type::Map | Type::MapIndef) {
            return Err(BadFrame::NotAMap);
        }
        value.each_entry(|value, key| {
            let field = FIELDS.iter().find(|(name, _)| *name == key).map(|(_, field)| *field);
            value.name = field.map_or(UNKNOWN_FIELD, Field::name);
            let start = value.cbor.position();
            value.skip(1)?;
            if let Some(field) = field {
                fields.values[field as usize] = Some(&frame[start..value.cbor.position()]);
            }
            value.name = FRAME;
            Ok(())
        })?;
        if value.cbor.position() < frame.len() { Err(BadFrame::TrailingBytes) } else { Ok(fields) }
    }

    /// The value of `field`, unless it is not there, `null` or `undefined`.
    fn optional(&self, field: Field) -> Result<Option<Value<'a>>, BadFrame> {
        let Some(bytes) = self.values[field as usize] else { return Ok(None) };
        let value = Value { cbor: Decoder::new(bytes), name: field.name() };
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

/// A place in the frame from which a value is to be read, and what to call that value
/// when it is not what it should be.
struct Value<'a> {
    cbor: Decoder<'a>,
    name: &'static str,
}

// What a value means.
impl<'a> Value<'a> {
    fn peer_id(&mut self) -> Result<PeerId, BadFrame> {
        let field = self.name;
        self.text()?.parse().map_err(|source| BadFrame::BadPeerId { field, source })
    }

    fn storage_id(&mut self) -> Result<StorageId, BadFrame> {
        let field = self.name;
        self.text()?.parse().map_err(|source| BadFrame::BadStorageId { field, source })
    }

    /// Text as a rule; some senders write the bytes themselves.
    fn document_id(&mut self) -> Result<DocumentId, BadFrame> {
        match self.kind()? {
            Type::Bytes | Type::BytesIndef | Type::Tag => Ok(DocumentId::from_bytes(&self.bytes()?)?),
            _ => Ok(self.text()?.parse()?),
        }
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

// What a value is made of.
impl<'a> Value<'a> {
    fn kind(&self) -> Result<Type, BadFrame> {
        self.cbor.datatype().map_err(|error| self.unreadable(&error))
    }

    fn is_absent(&self) -> Result<bool, BadFrame> {
        Ok(matches!(self.kind()?, Type::Null | Type::Undefined))
    }

    /// Reads the value under the name `name` with `read`, or steps over one that is not there.
    fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, BadFrame>,
    ) -> Result<Option<T>, BadFrame> {
        let outer = std::mem::replace(&mut self.name, name);
        let value = if self.is_absent()? { self.skip_scalar().map(|()| None) } else { read(self).map(Some) };
        self.name = outer;
        value
    }

    fn text(&mut self) -> Result<Cow<'a, str>, BadFrame> {
        match self.kind()? {
            Type::String => self.cbor.str().map(Cow::Borrowed).map_err(|error| self.unreadable(&error)),
            Type::StringIndef => self.text_in_pieces().map_err(|error| self.unreadable(&error)),
            _ => Err(self.expected("text")),
        }
    }

    fn text_up_to(&mut self, bytes_max: usize) -> Result<Cow<'a, str>, BadFrame> {
        let text = self.text()?;
        if text.len() > bytes_max {
            return Err(BadFrame::TooLong { field: self.name, bytes_max });
        }
        Ok(text)
    }

    /// A byte string, with or without the tag that says "these are bytes".
    fn bytes(&mut self) -> Result<Cow<'a, [u8]>, BadFrame> {
        const EXPECTED: &str = "a byte string";
        if self.kind()? == Type::Tag {
            let tag = self.cbor.tag().map_err(|error| self.unreadable(&error))?;
            if tag != IanaTag::TypedArrayU8.tag() {
                return Err(self.expected(EXPECTED));
            }
        }
        match self.kind()? {
            Type::Bytes => self.cbor.bytes().map(Cow::Borrowed).map_err(|error| self.unreadable(&error)),
            Type::BytesIndef => self.bytes_in_pieces().map_err(|error| self.unreadable(&error)),
            _ => Err(self.expected(EXPECTED)),
        }
    }

    fn truth(&mut self) -> Result<bool, BadFrame> {
        match self.kind()? {
            Type::Bool => self.cbor.bool().map_err(|error| self.unreadable(&error)),
            _ => Err(self.expected("true or false")),
        }
    }

    /// An integer, or a float that is one: JavaScript has but one kind of number.
    fn whole_number(&mut self) -> Result<u64, BadFrame> {
        let number = match self.kind()? {
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => self.cbor.u64().map(Some),
            Type::F32 => self.cbor.f32().map(|float| whole(f64::from(float))),
            Type::F64 => self.cbor.f64().map(whole),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => Ok(None),
            _ => return Err(self.expected("a number")),
        };
        let number = number.map_err(|error| self.unreadable(&error))?;
        let exact = number.filter(|number| *number <= WHOLE_NUMBER_MAX);
        exact.ok_or(BadFrame::BadNumber { field: self.name })
    }

    fn list<T>(
        &mut self,
        entries_max: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, BadFrame>,
    ) -> Result<Vec<T>, BadFrame> {
        let mut left = match self.kind()? {
            Type::Array | Type::ArrayIndef => self.cbor.array().map_err(|error| self.unreadable(&error))?,
            _ => return Err(self.expected("a list")),
        };
        let mut items = Vec::new();
        while self.has_more(&mut left)? {
            if items.len() == entries_max {
                return Err(BadFrame::TooMany { field: self.name, entries_max });
            }
            items.push(read(self)?);
        }
        Ok(items)
    }

    /// Calls `read` before the value of each entry, and steps over entries whose key is not text.
    fn each_entry(
        &mut self,
        mut read: impl FnMut(&mut Self, &str) -> Result<(), BadFrame>,
    ) -> Result<(), BadFrame> {
        let mut left = match self.kind()? {
            Type::Map | Type::MapIndef => self.cbor.map().map_err(|error| self.unreadable(&error))?,
            _ => return Err(self.expected("a map")),
        };
        while self.has_more(&mut left)? {
            if matches!(self.kind()?, Type::String | Type::StringIndef) {
                let key = self.text()?;
                read(self, &key)?;
            } else {
                self.skip(1)?;
                self.skip(1)?;
            }
        }
        Ok(())
    }

    /// Whether a list or a map goes on. `left` is what its header claims, `None` if it
    /// goes on until a break. A false claim costs nothing: each entry takes a byte at least.
    fn has_more(&mut self, left: &mut Option<u64>) -> Result<bool, BadFrame> {
        match left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None if self.kind()? == Type::Break => self.skip_scalar().map(|()| false),
            None => Ok(true),
        }
    }

    /// Steps over the value, which stands in `depth` others.
    fn skip(&mut self, depth: usize) -> Result<(), BadFrame> {
        if depth > NESTING_MAX {
            return Err(BadFrame::TooDeep { field: self.name });
        }
        match self.kind()? {
            Type::String | Type::StringIndef => self.text().map(drop),
            Type::Bytes | Type::BytesIndef => self.bytes().map(drop),
            Type::Array | Type::ArrayIndef => {
                let mut left = self.cbor.array().map_err(|error| self.unreadable(&error))?;
                while self.has_more(&mut left)? {
                    self.skip(depth + 1)?;
                }
                Ok(())
            }
            Type::Map | Type::MapIndef => {
                let mut left = self.cbor.map().map_err(|error| self.unreadable(&error))?;
                while self.has_more(&mut left)? {
                    self.skip(depth + 1)?;
                    self.skip(depth + 1)?;
                }
                Ok(())
            }
            Type::Tag => {
                self.cbor.tag().map_err(|error| self.unreadable(&error))?;
                self.skip(depth + 1)
            }
            Type::Break | Type::Unknown(_) => Err(BadFrame::Malformed { field: self.name }),
            _ => self.skip_scalar(),
        }
    }

    /// Steps over a number, a simple value or a break: a header, and up to eight bytes
    /// of argument. By hand, because minicbor knows half-precision floats only on demand.
    fn skip_scalar(&mut self) -> Result<(), BadFrame> {
        let (input, start) = (self.cbor.input(), self.cbor.position());
        let truncated = BadFrame::Truncated { field: self.name };
        let argument_bytes = match input.get(start).map(|header| header & 0x1f) {
            Some(24) => 1,
            Some(25) => 2,
            Some(26) => 4,
            Some(27) => 8,
            Some(_) => 0,
            None => return Err(truncated),
        };
        let end = start + 1 + argument_bytes;
        if end > input.len() {
            return Err(truncated);
        }
        self.cbor.set_position(end);
        Ok(())
    }

    /// One piece is borrowed, more are put together: never more bytes than the frame has.
    fn text_in_pieces(&mut self) -> Result<Cow<'a, str>, minicbor::decode::Error> {
        let mut text = Cow::Borrowed("");
        for piece in self.cbor.str_iter()? {
            text += piece?;
        }
        Ok(text)
    }

    fn bytes_in_pieces(&mut self) -> Result<Cow<'a, [u8]>, minicbor::decode::Error> {
        let mut bytes = Cow::Borrowed(&[][..]);
        for piece in self.cbor.bytes_iter()? {
            let piece = piece?;
            if bytes.is_empty() {
                bytes = Cow::Borrowed(piece);
            } else {
                bytes.to_mut().extend_from_slice(piece);
            }
        }
        Ok(bytes)
    }

    fn expected(&self, expected: &'static str) -> BadFrame {
        BadFrame::WrongType { field: self.name, expected }
    }

    fn unreadable(&self, error: &minicbor::decode::Error) -> BadFrame {
        let field = self.name;
        if error.is_end_of_input() { BadFrame::Truncated { field } } else { BadFrame::Malformed { field } }
    }
}

fn head_of_base58(text: &str) -> Option<ChangeHash> {
    let bytes = bs58::decode(text).with_check(None).into_vec().ok()?;
    bytes.try_into().ok().map(ChangeHash)
}

/// The whole number that `float` is exactly; none if it is negative, a fraction or no number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "looked at just before")]
fn whole(float: f64) -> Option<u64> {
    /// 2⁵³, the first float64 that may stand for two whole numbers.
    const FIRST_INEXACT: f64 = 9_007_199_254_740_992.0;
    let exact = float.fract() == 0.0 && (0.0..FIRST_INEXACT).contains(&float);
    exact.then_some(float as u64)
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
