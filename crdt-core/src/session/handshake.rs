//! From the first frame to an open session.

use super::{CloseReason, Effect, Open, Phase, Session};
use crate::id::{PeerId, StorageId};
use crate::time::Timestamp;
use crate::wire::{Bounds, Join, Message, Own, PROTOCOL_VERSION, Peer, PeerMetadata, User};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The version of Dovetail's own messages: `peerMetadata.dovetail = {v: 1}` announces it.
const OWN_VERSION: u32 = 1;

/// Who this server is, to its clients.
#[derive(Debug, Clone)]
pub struct ServerIdentity {
    /// Its name on the wire.
    pub peer: PeerId,
    /// Its store. The same after every restart: clients file under it what the server has, and
    /// take it for saved.
    pub storage: StorageId,
}

impl Session {
    /// Only a `join` may come first.
    pub(super) fn first(&mut self, message: Message<'_>, effects: &mut Vec<Effect>) {
        match message {
            Message::Join(join) if join.speaks_our_version() => self.joined(join, effects),
            Message::Join(_) => self.close(CloseReason::UnsupportedVersion, effects),
            other => {
                let got = format!("{:.32}", other.kind());
                self.close(CloseReason::JoinExpected { got }, effects);
            }
        }
    }

    /// The first of our own messages: who the peer is taken for, and what holds here.
    #[must_use]
    pub fn welcome(&self, now: Timestamp, limits: Bounds, rules: BTreeMap<String, u64>) -> Option<Bytes> {
        let user = self.who.author().map(|subject| User {
            id: subject.to_string(),
            name: self.who.name.as_deref().map(str::to_owned),
        });
        let own = Own::Welcome {
            session_id: self.id.to_string(),
            user,
            server_time: now.as_millis(),
            until: self.who.until.map(Timestamp::as_millis),
            limits,
            rules,
        };
        self.own(None, own)
    }

    fn joined(&mut self, join: Join, effects: &mut Vec<Effect>) {
        let peer = join.sender;
        // A peer that says it will be gone for good keeps no store worth remembering.
        let storage = join.metadata.storage_id.filter(|_| join.metadata.is_ephemeral != Some(true));
        // A later version is told that we speak the first.
        let understands_ours = join.metadata.dovetail.is_some_and(|version| version >= OWN_VERSION);
        let answer = Message::Peer(Peer {
            sender: self.server.peer.clone(),
            target: peer.clone(),
            metadata: PeerMetadata {
                storage_id: Some(self.server.storage.clone()),
                is_ephemeral: Some(false),
                // Stock clients are not bothered with it.
                dovetail: understands_ours.then_some(OWN_VERSION),
            },
            version: PROTOCOL_VERSION.to_owned(),
        });
        effects.push(Effect::Joined(peer.clone()));
        effects.push(Effect::Write(answer.encode().into()));
        if understands_ours {
            effects.push(Effect::Welcome);
        }
        self.phase = Phase::Open(Box::new(Open {
            peer,
            storage,
            follows: Arc::new(BTreeSet::new()),
            documents: BTreeMap::new(),
            understands_ours,
            room: Arc::default(),
        }));
    }
}
