//! Frames that real JavaScript peers exchanged, recorded with what their own reader made of
//! them: we read the same, and what we write of it says the same.
//!
//! The recordings are `tests/vectors/wire/VERSION.json`, lists of `{name, direction, hex,
//! decoded}`. In `decoded` a byte string is `{"bytes": hex}`, and `{"undefined": true}` is
//! a field that was sent without a value.

#![allow(clippy::unwrap_used, reason = "all of this is test code, also the functions that are no tests")]

use dovetail_core::wire::{
    Bounds, Message, Own, OwnMessage, PeerMetadata, RemoteHeads, Secret, User, cbor_json, decode,
};
use minicbor::Decoder;
use minicbor::data::Type;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// Types that a stock client or server sends; each must have been recorded.
const TYPES: [&str; 9] = [
    "join",
    "peer",
    "sync",
    "request",
    "doc-unavailable",
    "ephemeral",
    "remote-subscription-change",
    "remote-heads-changed",
    "error",
];

/// WI18: every recorded frame means to us what it meant to JavaScript.
#[test]
fn wi18_recorded_frames_are_read_as_javascript_reads_them() {
    for vector in vectors() {
        let message = decode(&vector.frame).unwrap_or_else(|error| panic!("{vector}: {error}"));
        assert_eq!(said_by(&message), vector.decoded, "{vector}");
    }
}

/// WI18: what we write in place of a recorded frame says the same, to us and to a reader
/// that knows CBOR only; and nothing in it is `null`, `undefined`, tagged or of open length.
#[test]
fn wi18_our_frames_say_the_same_as_the_recorded_ones() {
    for vector in vectors() {
        let message = decode(&vector.frame).unwrap();
        let ours = message.encode();
        assert_eq!(decode(&ours).as_ref(), Ok(&message), "{vector}");
        assert_eq!(normal(strict_json(&mut Decoder::new(&ours))), vector.decoded, "{vector}");
    }
}

/// WI18: the recordings are there, of four versions and of every type.
#[test]
fn wi18_there_are_recordings_of_every_version_and_type() {
    let mut types_of: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for vector in vectors() {
        let kind = vector.decoded["type"].as_str().unwrap().to_owned();
        types_of.entry(vector.version).or_default().push(kind);
    }
    assert!(types_of.len() >= 4, "recordings of {:?} only", types_of.keys());
    for (version, types) in types_of {
        for kind in TYPES {
            assert!(types.iter().any(|recorded| recorded == kind), "no {kind} of version {version}");
        }
    }
}

struct Vector {
    version: String,
    name: String,
    frame: Vec<u8>,
    /// What JavaScript read, without the fields that have no value.
    decoded: Value,
}

impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.version, self.name)
    }
}

fn vectors() -> Vec<Vector> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/wire");
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let vectors: Vec<_> = files.iter().flat_map(|path| vectors_in(path)).collect();
    assert!(!vectors.is_empty(), "no recorded frames in {}", directory.display());
    vectors
}

fn vectors_in(path: &Path) -> Vec<Vector> {
    let version = path.file_stem().unwrap().to_string_lossy().into_owned();
    let recorded: Vec<Value> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let vector = |entry: Value| Vector {
        version: version.clone(),
        name: entry["name"].as_str().unwrap().to_owned(),
        frame: unhex(entry["hex"].as_str().unwrap()),
        decoded: normal(without_nothing(entry["decoded"].clone())),
    };
    recorded.into_iter().map(vector).collect()
}

/// Leaves out what has no value.
fn without_nothing(value: Value) -> Value {
    let is_something = |value: &Value| !value.is_null() && *value != json!({"undefined": true});
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, value)| is_something(value));
            fields.map(|(key, value)| (key, without_nothing(value))).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

/// One way to say what can be said in two: a subscription without a list means the empty
/// list, and heads are hex in version 1 and base58check since.
fn normal(mut message: Value) -> Value {
    if message["type"] == "remote-subscription-change" {
        let fields = message.as_object_mut().unwrap();
        for list in ["add", "remove"] {
            fields.entry(list).or_insert_with(|| json!([]));
        }
    }
    for known in
        message.get_mut("newHeads").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
    {
        for head in known["heads"].as_array_mut().unwrap() {
            let bytes = bs58::decode(head.as_str().unwrap()).with_check(None).into_vec();
            *head = bytes.map_or(head.take(), |bytes| hex(&bytes).into());
        }
    }
    message
}

/// What a message says, in the words of the recordings.
fn said_by(message: &Message<'_>) -> Value {
    let said = match message {
        Message::Join(join) => json!({
            "senderId": join.sender.as_str(),
            "peerMetadata": said_by_metadata(&join.metadata),
            "supportedProtocolVersions": join.versions,
        }),
        Message::Peer(peer) => json!({
            "senderId": peer.sender.as_str(),
            "targetId": peer.target.as_str(),
            "peerMetadata": said_by_metadata(&peer.metadata),
            "selectedProtocolVersion": peer.version,
        }),
        Message::Leave { sender } => json!({"senderId": sender.as_str()}),
        Message::Sync(sync) => json!({
            "senderId": sync.sender.as_str(),
            "targetId": sync.target.as_ref().map(|id| id.as_str()),
            "documentId": sync.document.to_string(),
            "data": {"bytes": hex(&sync.data)},
        }),
        Message::DocUnavailable { sender, target, document } => json!({
            "senderId": sender.as_str(),
            "targetId": target.as_ref().map(|id| id.as_str()),
            "documentId": document.to_string(),
        }),
        Message::Ephemeral(ephemeral) => json!({
            "senderId": ephemeral.sender.as_str(),
            "targetId": ephemeral.target.as_ref().map(|id| id.as_str()),
            "documentId": ephemeral.document.to_string(),
            "count": ephemeral.count,
            "sessionId": ephemeral.session_id,
            "data": {"bytes": hex(&ephemeral.data)},
        }),
        Message::RemoteSubscriptionChange { sender, target, add, remove } => json!({
            "senderId": sender.as_str(),
            "targetId": target.as_ref().map(|id| id.as_str()),
            "add": add.iter().map(|id| id.as_str()).collect::<Vec<_>>(),
            "remove": remove.iter().map(|id| id.as_str()).collect::<Vec<_>>(),
        }),
        Message::RemoteHeadsChanged { sender, target, document, new_heads } => json!({
            "senderId": sender.as_str(),
            "targetId": target.as_ref().map(|id| id.as_str()),
            "documentId": document.to_string(),
            "newHeads": new_heads
                .iter()
                .map(|(storage, known)| (storage.as_str().to_owned(), said_by_heads(known)))
                .collect::<Map<_, _>>(),
        }),
        Message::Error { sender, target, message } => json!({
            "senderId": sender.as_ref().map(|id| id.as_str()),
            "targetId": target.as_ref().map(|id| id.as_str()),
            "message": message,
        }),
        Message::Own(_) => panic!("no stock peer says this"),
        Message::Unknown { .. } => json!({}),
    };
    let mut said = without_nothing(said);
    said["type"] = message.kind().into();
    said
}

fn said_by_metadata(metadata: &PeerMetadata) -> Value {
    without_nothing(json!({
        "storageId": metadata.storage_id.as_ref().map(|id| id.as_str()),
        "isEphemeral": metadata.is_ephemeral,
        "dovetail": metadata.dovetail.map(|version| json!({"v": version})),
    }))
}

fn said_by_heads(known: &RemoteHeads) -> Value {
    let heads = known.heads.iter().map(|hash| hex(&hash.0));
    json!({"heads": heads.collect::<Vec<_>>(), "timestamp": known.at.as_millis()})
}

/// Reads CBOR into the words of the recordings, and panics at anything that samod refuses.
fn strict_json(cbor: &mut Decoder<'_>) -> Value {
    match cbor.datatype().unwrap() {
        Type::Map => {
            let length = cbor.map().unwrap().unwrap();
            let entry = |_| (cbor.str().unwrap().to_owned(), strict_json(cbor));
            (0..length).map(entry).collect::<Map<_, _>>().into()
        }
        Type::Array => {
            let length = cbor.array().unwrap().unwrap();
            (0..length).map(|_| strict_json(cbor)).collect::<Vec<_>>().into()
        }
        Type::String => cbor.str().unwrap().into(),
        Type::Bytes => json!({"bytes": hex(cbor.bytes().unwrap())}),
        Type::Bool => cbor.bool().unwrap().into(),
        Type::F64 => json!(cbor.f64().unwrap() as u64),
        Type::U8 | Type::U16 | Type::U32 => cbor.u64().unwrap().into(),
        other => panic!("samod does not read {other}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(pair).collect()
}

/// WI19: each of our own messages in bytes: what is written today is what was written, and is read as it was.
/// `DOVETAIL_WRITE_VECTORS=1` writes the file anew, for a message that is new.
#[test]
fn wi19_our_own_messages_have_vectors() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/own.json");
    let written: Vec<Value> = own_messages()
        .into_iter()
        .map(|message| {
            let frame = Message::Own(Box::new(message)).encode();
            let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({"decoded": cbor_json::to_json(&frame).unwrap(), "hex": hex})
        })
        .collect();
    if std::env::var_os("DOVETAIL_WRITE_VECTORS").is_some() {
        let lines: Vec<String> = written.iter().map(|vector| format!("  {vector}")).collect();
        fs::write(&path, format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
    }
    let stored: Vec<Value> = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(written, stored);
    for (vector, message) in stored.iter().zip(own_messages()) {
        let hex = vector["hex"].as_str().unwrap();
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let frame: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        assert_eq!(decode(&frame), Ok(Message::Own(Box::new(message))), "{vector}");
    }
}

fn own_messages() -> Vec<OwnMessage> {
    let about = |document: bool, own| OwnMessage {
        sender: "dovetail-1".parse().unwrap(),
        target: Some("peer-ana".parse().unwrap()),
        document: document.then(|| "4NMNnkMhL8jXrdJ9jamS58PAVdXu".parse().unwrap()),
        own,
    };
    let limits = Bounds {
        message_bytes_max: 67_108_864,
        change_bytes_max: 33_554_432,
        documents_max: 10_000,
        silence_ms_max: 40_000,
    };
    let head = "ab".repeat(32);
    let members = json!({"heads": [head], "rules": {"kind": "dashboard", "version": 3}, "conflicts": [],
        "undecided": [], "beyond": []});
    let user = |name: Option<&str>| Some(User { id: "ana".to_owned(), name: name.map(str::to_owned) });
    vec![
        about(
            false,
            Own::Welcome {
                session_id: "7".to_owned(),
                user: user(Some("Ana")),
                server_time: 1_800_000_000_000,
                until: Some(1_800_003_600_000),
                limits: limits.clone(),
                rules: [("dashboard".to_owned(), 3)].into(),
            },
        ),
        about(
            false,
            Own::Welcome {
                session_id: "8".to_owned(),
                user: None,
                server_time: 1_800_000_000_000,
                until: None,
                limits,
                rules: BTreeMap::new(),
            },
        ),
        about(true, Own::Permission { role: "read".to_owned(), paths: None }),
        about(
            true,
            Own::Permission {
                role: "write".to_owned(),
                paths: Some(json!(["/widgets/*/title", {"path": "/points", "may": "append"}])),
            },
        ),
        about(
            true,
            Own::Ack { heads: vec![head.clone()], durable_at: 1_800_000_000_000, conflicts: Some(0) },
        ),
        about(true, Own::Ack { heads: vec![head.clone()], durable_at: 1_800_000_000_000, conflicts: None }),
        about(
            true,
            Own::Reject {
                changes: vec![head],
                code: "read_only".to_owned(),
                reason: "this document may be read and not changed by you".to_owned(),
                set_aside: true,
            },
        ),
        about(true, Own::Conflicts { members: members.as_object().unwrap().clone() }),
        about(false, Own::Token { token: None, until: Some(1_800_003_600_000) }),
        OwnMessage {
            sender: "peer-ana".parse().unwrap(),
            target: None,
            document: None,
            own: Own::Token { token: Some(Secret::new("header.claims.signature".to_owned())), until: None },
        },
        OwnMessage { sender: "peer-ana".parse().unwrap(), target: None, document: None, own: Own::Ping {} },
        about(false, Own::Pong {}),
    ]
}
