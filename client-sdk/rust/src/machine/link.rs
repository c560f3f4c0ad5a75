//! One connection, from the client's end: who is there, what it said, and whether anybody is there still.
//!
//! ```text
//!  Joining ──peer──▶ Open ──anything that is no protocol, silence, the end──▶ over
//! ```
//!
//! Edit path: ← a [replica](super::replica) has something to say, → [`Link::say`], frames; ← a frame, → [`Link::hear`], what it means.
//!
//! Always true: frames of a server are foreign bytes. Whatever they are, they are read or refused, and nothing panics over them.

use automerge::ChangeHash;
use automerge::sync;
use bytes::Bytes;
use dovetail_core::document::careful::carefully;
use dovetail_core::document::claims;
use dovetail_core::grant::Role;
use dovetail_core::id::{DocumentId, PeerId, StorageId};
use dovetail_core::limits::{JOIN_WITHIN, PING_EVERY, SILENCE_MAX};
use dovetail_core::time::Timestamp;
use dovetail_core::wire::{
    self, Bounds, Ephemeral, Join, Message, Own, OwnMessage, PROTOCOL_VERSION, PeerMetadata, Secret, Sync,
    SyncKind, User,
};
use std::collections::BTreeMap;

/// What stands around the changes of a sync message: who, to whom, which document.
const AROUND_BYTES: usize = 4 << 10;

/// What stands around one change.
const CHANGE_AROUND_BYTES: usize = 10;

/// What a server takes in one message at least: no setting of it goes below.
const MESSAGE_BYTES_LEAST: u64 = 64 << 10;

/// Who we are on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introduction {
    /// This client, new at every start.
    pub peer: PeerId,
    /// Its store, if that lasts.
    pub storage: Option<StorageId>,
}

/// What a frame means.
#[derive(Debug)]
pub enum Heard {
    /// The server is there.
    Joined,
    /// Who we are to it, and what holds here.
    Welcome(Welcome),
    /// About a document.
    Sync {
        /// Which.
        document: DocumentId,
        /// What.
        message: sync::Message,
    },
    /// It has no such document for us.
    Missing {
        /// Which.
        document: DocumentId,
    },
    /// It did not take changes.
    Rejected {
        /// Of which document.
        document: DocumentId,
        /// Which.
        changes: Vec<ChangeHash>,
        /// Why, for programs.
        code: String,
        /// Why, for people.
        reason: String,
    },
    /// What one may do with a document.
    Permitted {
        /// Which.
        document: DocumentId,
        /// What.
        role: Role,
    },
    /// Somebody else who has the document open says something.
    Said {
        /// About which document.
        document: DocumentId,
        /// Who.
        by: PeerId,
        /// What: CBOR, as a rule.
        data: Bytes,
    },
    /// The token ends soon; a newer one may be shown before.
    TokenEnds,
    /// What went wrong, in words. The end comes behind it, or does not.
    Words(String),
    /// Nothing for us.
    Nothing,
}

/// What a server says to whoever has joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// Who we are to it; nothing on a server that asks nobody.
    pub user: Option<User>,
    /// Bounds of this connection.
    pub bounds: Bounds,
    /// Which version of the rules is in force, by kind of document.
    pub rules: BTreeMap<String, u64>,
}

/// What came is no protocol that we speak.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Nonsense {
    /// It is no frame.
    #[error("the server sent what is no message: {0}")]
    Frame(String),
    /// It is no sync message.
    #[error("the server sent a sync message that cannot be read: {0}")]
    Sync(String),
    /// It speaks another version.
    #[error("the server speaks version {0:?} of the protocol, and this client {PROTOCOL_VERSION:?}")]
    Version(String),
}

/// What is to be done because time has passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// Ask whether somebody is there.
    Ping(Bytes),
    /// Nobody is: give the connection up.
    Gone,
}

/// See the top of the file.
#[derive(Debug)]
pub struct Link {
    me: Introduction,
    server: Option<PeerId>,
    began_at: Timestamp,
    heard_at: Timestamp,
    pinged_at: Timestamp,
    /// Counts ephemeral messages.
    said: u64,
    message_bytes_max: u64,
}

impl Link {
    /// A connection that is open, and the first that is said on it.
    #[must_use]
    pub fn open(now: Timestamp, me: Introduction) -> (Self, Bytes) {
        let metadata = PeerMetadata {
            storage_id: me.storage.clone(),
            is_ephemeral: Some(me.storage.is_none()),
            dovetail: Some(1),
        };
        let versions = vec![PROTOCOL_VERSION.to_owned()];
        let join = Message::Join(Join { sender: me.peer.clone(), metadata, versions });
        let link = Self {
            me,
            server: None,
            began_at: now,
            heard_at: now,
            pinged_at: now,
            said: 0,
            message_bytes_max: MESSAGE_BYTES_LEAST,
        };
        (link, join.encode().into())
    }

    /// Whether the server has said who it is.
    #[must_use]
    pub fn is_joined(&self) -> bool {
        self.server.is_some()
    }

    /// What a frame of the server means.
    ///
    /// # Errors
    /// It is nothing that a server says: the connection is of no use.
    pub fn hear(&mut self, now: Timestamp, frame: &[u8]) -> Result<Heard, Nonsense> {
        self.heard_at = now;
        match wire::decode(frame).map_err(|bad| Nonsense::Frame(bad.to_string()))? {
            Message::Peer(peer) if peer.version != PROTOCOL_VERSION => Err(Nonsense::Version(peer.version)),
            Message::Peer(peer) => {
                self.server = Some(peer.sender);
                Ok(Heard::Joined)
            }
            Message::Sync(said) => {
                let message = read_sync(&said.data).map_err(Nonsense::Sync)?;
                Ok(Heard::Sync { document: said.document, message })
            }
            Message::DocUnavailable { document, .. } => Ok(Heard::Missing { document }),
            Message::Ephemeral(said) => Ok(Heard::Said {
                document: said.document,
                by: said.sender,
                data: said.data.into_owned().into(),
            }),
            Message::Error { message, .. } => Ok(Heard::Words(message.into_owned())),
            Message::Own(message) => Ok(self.hear_own(*message)),
            _ => Ok(Heard::Nothing),
        }
    }

    fn hear_own(&mut self, OwnMessage { document, own, .. }: OwnMessage) -> Heard {
        match (own, document) {
            (Own::Welcome { user, limits, rules, .. }, _) => {
                self.message_bytes_max = limits.message_bytes_max.max(MESSAGE_BYTES_LEAST);
                Heard::Welcome(Welcome { user, bounds: limits, rules })
            }
            (Own::Reject { changes, code, reason, .. }, Some(document)) => {
                let changes = changes.iter().filter_map(|hash| hash.parse().ok()).collect();
                Heard::Rejected { document, changes, code, reason }
            }
            (Own::Permission { role, .. }, Some(document)) => match role.parse() {
                Ok(role) => Heard::Permitted { document, role },
                Err(_) => Heard::Nothing,
            },
            (Own::Token { until: Some(_), .. }, _) => Heard::TokenEnds,
            _ => Heard::Nothing,
        }
    }

    /// A sync message, in as many frames as it takes: with the same changes in the same order.
    #[must_use]
    pub fn say(&self, document: &DocumentId, message: sync::Message) -> Vec<Bytes> {
        let has_nothing = message.heads.is_empty() && message.changes.is_empty();
        let kind = if has_nothing { SyncKind::Request } else { SyncKind::Sync };
        let bytes_max = usize::try_from(self.message_bytes_max).unwrap_or(usize::MAX);
        let parts = parts(message, bytes_max.saturating_sub(AROUND_BYTES));
        let frame = |part: sync::Message| {
            let said = Sync {
                kind,
                sender: self.me.peer.clone(),
                target: self.server.clone(),
                document: document.clone(),
                data: part.encode().into(),
            };
            Bytes::from(Message::Sync(said).encode())
        };
        parts.into_iter().map(frame).collect()
    }

    /// Something for the others who have the document open, who get it or do not. At least one byte. `run` names this run of the
    /// program.
    #[must_use]
    pub fn broadcast(&mut self, document: &DocumentId, run: &str, data: &[u8]) -> Bytes {
        self.said += 1;
        let said = Ephemeral {
            sender: self.me.peer.clone(),
            target: self.server.clone(),
            document: document.clone(),
            count: self.said,
            session_id: run.into(),
            data: data.into(),
        };
        Message::Ephemeral(said).encode().into()
    }

    /// Shows a newer token.
    #[must_use]
    pub fn show_token(&self, token: Secret) -> Bytes {
        self.own(Own::Token { token: Some(token), until: None })
    }

    fn own(&self, own: Own) -> Bytes {
        let sender = self.me.peer.clone();
        let target = self.server.clone();
        Message::Own(Box::new(OwnMessage { sender, target, document: None, own })).encode().into()
    }

    /// When [`tick`](Self::tick) is wanted.
    #[must_use]
    pub fn next_tick(&self) -> Timestamp {
        match self.server {
            None => self.began_at + JOIN_WITHIN,
            Some(_) => (self.heard_at.max(self.pinged_at) + PING_EVERY).min(self.heard_at + SILENCE_MAX),
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Timestamp) -> Option<Due> {
        let is_over = match self.server {
            None => now.since(self.began_at) >= JOIN_WITHIN,
            Some(_) => now.since(self.heard_at) >= SILENCE_MAX,
        };
        if is_over {
            return Some(Due::Gone);
        }
        let is_silent = now.since(self.heard_at.max(self.pinged_at)) >= PING_EVERY;
        (self.is_joined() && is_silent).then(|| {
            self.pinged_at = now;
            Due::Ping(self.own(Own::Ping {}))
        })
    }
}

fn read_sync(data: &[u8]) -> Result<sync::Message, String> {
    claims::check(data).map_err(|bad| bad.to_string())?;
    let read = carefully(|| sync::Message::decode(data)).map_err(|panicked| panicked.to_string())?;
    read.map_err(|error| error.to_string())
}

/// Messages that together say what `message` says, of at most so many bytes each. A single change that is larger goes as it is.
fn parts(message: sync::Message, bytes_max: usize) -> Vec<sync::Message> {
    let changes: Vec<Vec<u8>> = message.changes.iter().map(<[u8]>::to_vec).collect();
    let all: usize = changes.iter().map(|change| change.len() + CHANGE_AROUND_BYTES).sum();
    let rest = sync::Message { changes: sync::ChunkList::empty(), ..message };
    let room = bytes_max.saturating_sub(rest.clone().encode().len());
    if all <= room {
        return vec![sync::Message { changes: changes.into(), ..rest }];
    }
    let mut groups: Vec<Vec<Vec<u8>>> = vec![Vec::new()];
    let mut bytes = 0;
    for change in changes {
        let more = change.len() + CHANGE_AROUND_BYTES;
        if bytes > 0 && bytes + more > room {
            groups.push(Vec::new());
            bytes = 0;
        }
        bytes += more;
        groups.last_mut().expect("there is one").push(change);
    }
    groups.into_iter().map(|changes| sync::Message { changes: changes.into(), ..rest.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use automerge::transaction::Transactable;
    use automerge::{Automerge, AutomergeError, ROOT};
    use sync::{State, SyncDoc};

    fn link() -> Link {
        let peer = "me".parse().unwrap();
        Link::open(Timestamp::from_millis(1_000), Introduction { peer, storage: None }).0
    }

    /// RC20: a message that is larger than the server takes goes in parts, with the same changes in the same order.
    #[test]
    fn rc20_a_large_message_goes_in_parts() {
        let mut doc = Automerge::new();
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..100 {
            let text: String = (0..2_000).map(|_| random.alphanumeric()).collect();
            doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "text", text)).unwrap();
        }
        let (mut state, mut server) = (State::new(), (Automerge::new(), State::new()));
        // Our server takes no whole documents, and does not say that it does.
        let ask = sync::Message { flags: None, ..server.0.generate_sync_message(&mut server.1).unwrap() };
        doc.receive_sync_message(&mut state, ask).unwrap();
        let message = doc.generate_sync_message(&mut state).unwrap();
        let whole: Vec<Vec<u8>> = message.changes.iter().map(<[u8]>::to_vec).collect();
        let frames = link().say(&DocumentId::from_bytes(&[1; 16]).unwrap(), message);
        assert!(frames.len() > 1, "{}", frames.len());
        let mut parts = Vec::new();
        for frame in &frames {
            assert!(frame.len() as u64 <= MESSAGE_BYTES_LEAST);
            let Message::Sync(said) = wire::decode(frame).unwrap() else { panic!("a sync message") };
            parts.extend(read_sync(&said.data).unwrap().changes.iter().map(<[u8]>::to_vec));
        }
        assert_eq!(parts, whole);
    }

    /// RC21: a silent server is asked, and given up when it stays silent; one that never says who it is, too.
    #[test]
    fn rc21_silence_is_noticed() {
        let mut link = link();
        let at = |s: u64| Timestamp::from_millis(1_000 + s * 1_000);
        assert_eq!(link.tick(at(9)), None);
        assert_eq!(link.next_tick(), at(10));
        assert_eq!(link.tick(at(10)), Some(Due::Gone));
        let peer = Message::Peer(wire::Peer {
            sender: "server".parse().unwrap(),
            target: "me".parse().unwrap(),
            metadata: PeerMetadata::default(),
            version: PROTOCOL_VERSION.to_owned(),
        });
        assert!(matches!(link.hear(at(10), &peer.encode()), Ok(Heard::Joined)));
        assert_eq!(link.tick(at(29)), None);
        assert!(matches!(link.tick(at(30)), Some(Due::Ping(_))));
        assert_eq!(link.tick(at(31)), None, "asked once");
        assert_eq!(link.tick(at(50)), Some(Due::Gone));
    }

    /// RC22: a server that speaks nonsense is told as that, and nothing panics over it.
    #[test]
    fn rc22_nonsense_is_told() {
        let mut link = link();
        let now = Timestamp::from_millis(1_000);
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..2_000 {
            let bytes: Vec<u8> = (0..random.usize(0..200)).map(|_| random.u8(..)).collect();
            let _ = link.hear(now, &bytes);
        }
        assert!(matches!(link.hear(now, b"<html>"), Err(Nonsense::Frame(_))));
        let said = Sync {
            kind: SyncKind::Sync,
            sender: "server".parse().unwrap(),
            target: None,
            document: DocumentId::from_bytes(&[1; 16]).unwrap(),
            data: b"no sync message".as_slice().into(),
        };
        assert!(matches!(link.hear(now, &Message::Sync(said).encode()), Err(Nonsense::Sync(_))));
    }
}
