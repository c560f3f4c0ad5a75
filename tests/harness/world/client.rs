//! A stock automerge-repo client without a socket: a frame comes, and frames go.
//!
//! Another client plugs in beside it by doing the same: it is told that it is connected, it hears frames, it is edited, and each
//! time it says what it has to send.
//!
//! Always true: sync states are as old as the connection; a client that lost its device goes on under other actors.

use super::boards::KEYS;
use super::replica::Replica;
use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, AutomergeError, ChangeHash, ObjType, ROOT, ReadDoc, Value};
use bytes::Bytes;
use dovetail_core::id::{DocumentId, PeerId};
use dovetail_core::wire::{Join, Message, PROTOCOL_VERSION, PeerMetadata, Sync, SyncKind, decode};
use std::collections::BTreeMap;

/// Refusals that say that the same will do later, and what a younger connection or silence ends with. An honest client hears
/// no other.
pub(super) const BEARABLE: [&str; 5] =
    ["store_unavailable", "disk_low", "replaced", "silent", "join_deadline"];

/// See the top of the file.
#[derive(Debug)]
pub(super) struct StockClient {
    n: usize,
    peer: PeerId,
    replicas: BTreeMap<DocumentId, Replica>,
    /// What a copy of the device has that was made when it connected last.
    backup: BTreeMap<DocumentId, Automerge>,
    /// So often the device was lost.
    lost: usize,
    /// The server has answered on this connection.
    is_joined: bool,
}

/// What became of a frame.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// What the client says to it.
    pub(super) says: Vec<Bytes>,
    /// What the server says that it has: everything up to these heads is acknowledged.
    pub(super) acknowledged: Vec<(DocumentId, Vec<ChangeHash>)>,
}

impl StockClient {
    /// The `n`th client, with all of these documents and nothing in them.
    ///
    /// # Panics
    /// When there are too many for names.
    pub(super) fn new(n: usize, documents: &[DocumentId]) -> Self {
        let peer = format!("peer-{n}").parse().expect("a name");
        let mut client =
            Self { n, peer, replicas: BTreeMap::new(), backup: BTreeMap::new(), lost: 0, is_joined: false };
        for document in documents {
            let replica = client.replica_of(document, Automerge::new());
            client.replicas.insert(document.clone(), replica);
        }
        client
    }

    /// The document as this client has it.
    ///
    /// # Panics
    /// When it never had it: the test is wrong.
    pub(super) fn doc(&self, document: &DocumentId) -> &Automerge {
        &self.replicas.get(document).expect("a document that it has").doc
    }

    /// A connection begins. What it says first.
    pub(super) fn connect(&mut self) -> Bytes {
        self.is_joined = false;
        self.backup = self.replicas.iter().map(|(id, replica)| (id.clone(), replica.doc.clone())).collect();
        let versions = vec![PROTOCOL_VERSION.to_owned()];
        let metadata = PeerMetadata::default();
        Message::Join(Join { sender: self.peer.clone(), metadata, versions }).encode().into()
    }

    /// The connection is over.
    pub(super) fn disconnect(&mut self) {
        self.is_joined = false;
    }

    /// The device is gone, with everything that only it had. What goes on is a copy of it, or nothing.
    pub(super) fn lose_device(&mut self, has_backup: bool) {
        self.lost += 1;
        self.is_joined = false;
        let documents: Vec<DocumentId> = self.replicas.keys().cloned().collect();
        for document in documents {
            let copy = self.backup.get(&document).filter(|_| has_backup).cloned();
            let replica = self.replica_of(&document, copy.unwrap_or_default());
            self.replicas.insert(document, replica);
        }
    }

    /// Some changes, one behind the other. What it says of them.
    ///
    /// # Panics
    /// When it never had the document: the test is wrong.
    pub(super) fn edit(
        &mut self,
        document: &DocumentId,
        changes: u8,
        value: u8,
        is_board: bool,
    ) -> Vec<Bytes> {
        let replica = self.replicas.get_mut(document).expect("a document that it has");
        for nth in 0..changes {
            let value = value.wrapping_add(nth);
            let key = KEYS[usize::from(value) % KEYS.len()];
            match value / 5 % 4 {
                0 => replica.change(|tx| tx.put(ROOT, "note", i64::from(value))),
                1 => replica.change(|tx| push(tx, i64::from(value))),
                _ if is_board => replica.put_on_board(key, i64::from(value % 16)),
                _ => replica.put(key, i64::from(value)),
            }
        }
        self.talk(document).into_iter().collect()
    }

    /// A frame has come.
    ///
    /// # Errors
    /// When the server says what it may not say to an honest client.
    pub(super) fn hear(&mut self, frame: &[u8]) -> Result<Heard, String> {
        match decode(frame).map_err(|bad| bad.to_string())? {
            Message::Peer(_) => {
                self.is_joined = true;
                Ok(Heard { says: self.offer_all(), acknowledged: Vec::new() })
            }
            Message::Sync(said) => self.hear_sync(&said.document, &said.data),
            Message::Error { message, .. } if !BEARABLE.iter().any(|code| message.starts_with(code)) => {
                Err(format!("an honest client was sent away: {message}"))
            }
            Message::Error { .. } | Message::DocUnavailable { .. } => Ok(Heard::default()),
            other => Err(format!("a stock client was sent a `{}`", other.kind())),
        }
    }

    fn hear_sync(&mut self, document: &DocumentId, data: &[u8]) -> Result<Heard, String> {
        let replica = self.replicas.get_mut(document).ok_or("a document that it does not have")?;
        let message = automerge::sync::Message::decode(data).map_err(|error| error.to_string())?;
        replica.hear(data).map_err(|error| error.to_string())?;
        let says = self.talk(document).into_iter().collect();
        Ok(Heard { says, acknowledged: vec![(document.clone(), message.heads)] })
    }

    /// As stock clients do when they are connected.
    fn offer_all(&mut self) -> Vec<Bytes> {
        let documents: Vec<DocumentId> = self.replicas.keys().cloned().collect();
        for replica in self.replicas.values_mut() {
            replica.state = automerge::sync::State::new();
        }
        documents.iter().filter_map(|document| self.talk(document)).collect()
    }

    fn talk(&mut self, document: &DocumentId) -> Option<Bytes> {
        let replica = self.replicas.get_mut(document).filter(|_| self.is_joined)?;
        let message = replica.say()?;
        let has_nothing = message.heads.is_empty() && message.changes.is_empty();
        let data = message.encode();
        let said = Sync {
            kind: if has_nothing { SyncKind::Request } else { SyncKind::Sync },
            sender: self.peer.clone(),
            target: None,
            document: document.clone(),
            data: data.as_slice().into(),
        };
        Some(Message::Sync(said).encode().into())
    }

    fn replica_of(&self, document: &DocumentId, doc: Automerge) -> Replica {
        // Every second one is of an age that takes whole documents.
        let is_modern = self.n.is_multiple_of(2);
        let which = document.as_bytes().first().copied().unwrap_or_default();
        let actor = [1, self.n as u8, self.lost as u8, which];
        let mut replica = Replica::new(ActorId::from(actor), is_modern);
        replica.doc = doc.with_actor(ActorId::from(actor));
        replica
    }
}

/// Into a list that the first who needs it makes.
pub(super) fn push(
    tx: &mut automerge::transaction::Transaction<'_>,
    value: i64,
) -> Result<(), AutomergeError> {
    let list = match tx.get(ROOT, "list")? {
        Some((Value::Object(ObjType::List), list)) => list,
        _ => tx.put_object(ROOT, "list", ObjType::List)?,
    };
    tx.insert(&list, tx.length(&list), value)
}
