//! Dovetail's own messages, which only those see who announced that they understand them.
//!
//! `docs/PROTOCOL.md` has their form in CDDL, `vectors/own.json` an example of each in bytes.
//!
//! Edit path: ← a document or the session has news for its peer, → a frame; ← a client shows a newer token.
//!
//! Always true: a member that is not known is stepped over, so that a later server may say more.

use super::cbor_json;
use super::encode::Fields;
use crate::id::{DocumentId, PeerId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What the types of all these messages begin with.
pub(super) const PREFIX: &str = "dovetail-";

/// The most bytes of a token. Tokens of large companies, with all groups in them, have 4 KiB.
pub const TOKEN_BYTES_MAX: usize = 8 << 10;

/// A message of Dovetail's own.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnMessage {
    /// Who speaks.
    pub sender: PeerId,
    /// Whom it is for.
    pub target: Option<PeerId>,
    /// The document it is about, when it is about one.
    pub document: Option<DocumentId>,
    /// What is said.
    pub own: Own,
}

/// What is said. Times are milliseconds since 1970, heads and hashes hexadecimal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum Own {
    /// To a client that has joined: who it is, and what holds on this connection.
    #[serde(rename = "dovetail-welcome")]
    Welcome {
        /// The connection, as the server's log names it.
        session_id: String,
        /// Who the server takes it for; nothing on a server that asks nobody.
        user: Option<User>,
        /// The server's clock.
        server_time: u64,
        /// When the token ends, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        until: Option<u64>,
        /// Bounds of this connection.
        limits: Bounds,
        /// Which version of the rules is in force, by kind of document.
        rules: BTreeMap<String, u64>,
    },
    /// What this client brought is durable, up to these heads.
    #[serde(rename = "dovetail-ack")]
    Ack {
        /// Everything up to here is on disk.
        heads: Vec<String>,
        /// Since when.
        durable_at: u64,
        /// How many conflicts stand open at these heads; nothing while they are not judged. `dovetail-conflicts` has them.
        conflicts: Option<u64>,
    },
    /// Changes of this client were not taken.
    #[serde(rename = "dovetail-reject")]
    Reject {
        /// Their hashes.
        changes: Vec<String>,
        /// Why, for programs.
        code: String,
        /// Why, for people.
        reason: String,
        /// They are kept aside for a while, where an administrator can bring them in.
        set_aside: bool,
    },
    /// What this client may do with a document: when it is opened, and when that changes.
    #[serde(rename = "dovetail-permission")]
    Permission {
        /// `none`, `read`, `write` or `admin`.
        #[cfg_attr(test, ts(as = "crate::grant::Role"))]
        role: String,
        /// The places that may be changed, when it is not all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional, type = "readonly (string | { path: string, may: \"append\" })[]"))]
        paths: Option<Value>,
    },
    /// What the rules say of a document.
    #[serde(rename = "dovetail-conflicts")]
    Conflicts {
        /// All further members.
        #[serde(flatten)]
        #[cfg_attr(test, ts(skip))]
        members: Map<String, Value>,
    },
    /// From a client: a newer token. From the server: the token ends then, or a newer one was taken.
    #[serde(rename = "dovetail-token")]
    Token {
        /// The token, from a client.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional, type = "string"))]
        token: Option<Secret>,
        /// When it ends, from the server.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        until: Option<u64>,
    },
    /// From a client: is there still somebody? A page cannot send the ping of a WebSocket.
    #[serde(rename = "dovetail-ping")]
    Ping {},
    /// From the server: yes.
    #[serde(rename = "dovetail-pong")]
    Pong {},
}

/// Somebody, as others may know them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct User {
    /// For programs.
    pub id: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub name: Option<String>,
}

/// Bounds of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Bounds {
    /// Bytes of one message.
    pub message_bytes_max: u64,
    /// Bytes of one change.
    pub change_bytes_max: u64,
    /// Documents that may be open.
    pub documents_max: u64,
    /// How long a peer may be silent, in milliseconds.
    pub silence_ms_max: u64,
}

/// Something that is in no log line.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// From here on it is one.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// For the one who checks it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Own {
    /// The type, as it stands on the wire.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Own::Welcome { .. } => "dovetail-welcome",
            Own::Ack { .. } => "dovetail-ack",
            Own::Reject { .. } => "dovetail-reject",
            Own::Permission { .. } => "dovetail-permission",
            Own::Conflicts { .. } => "dovetail-conflicts",
            Own::Token { .. } => "dovetail-token",
            Own::Ping {} => "dovetail-ping",
            Own::Pong {} => "dovetail-pong",
        }
    }

    /// From the members of a frame; nothing when it is none of these, or of another form.
    pub(super) fn read(frame: &[u8]) -> Option<Self> {
        let Value::Object(mut members) = cbor_json::to_json(frame).ok()? else { return None };
        for envelope in ["senderId", "targetId", "documentId"] {
            members.remove(envelope);
        }
        let own = serde_json::from_value(Value::Object(members)).ok()?;
        match &own {
            Own::Token { token: Some(token), .. } if token.0.len() > TOKEN_BYTES_MAX => None,
            _ => Some(own),
        }
    }
}

impl OwnMessage {
    /// Its frame.
    pub(super) fn put(&self, frame: &mut Fields) {
        frame.addressed(&self.sender, self.target.as_ref());
        if let Some(document) = &self.document {
            frame.document(document);
        }
        let value = serde_json::to_value(&self.own).expect("these have text keys only");
        let Value::Object(members) = value else { return };
        for (field, value) in members.iter().filter(|(field, _)| *field != "type") {
            frame.json(field, value);
        }
    }
}
