//! Edits made before the clock starts: real Automerge changes, and the sync messages that
//! carry them.
//!
//! Making a change costs more than sending one. A chain is made once and serves every
//! document of a workload; the documents have different ids and know nothing of it.

use automerge::sync::{BloomFilter, ChunkList, Have, Message, MessageFlags, MessageVersion, State, SyncDoc};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, Change, ChangeHash, ObjType, ROOT, ReadDoc};
use std::collections::HashMap;

/// The bytes of a change's hash.
pub(crate) type Hash = [u8; 32];

/// How many values one author writes to in turn, like the widgets of a dashboard.
const VALUES: usize = 16;

/// Changes of one author, each on top of the one before it.
#[derive(Debug)]
pub(crate) struct Chain {
    /// The hash of each change.
    pub hashes: Vec<ChangeHash>,
    /// For each change, the sync message that a client sends right after making it.
    pub messages: Vec<Vec<u8>>,
}

impl Chain {
    /// Makes `count` edits on a copy of `base`.
    pub(crate) fn on(base: &Automerge, author: u8, count: usize) -> Self {
        let document = edited(base.clone(), author, count);
        let changes = document.get_changes(&base.get_heads());
        let hashes: Vec<_> = changes.iter().map(Change::hash).collect();
        let before = base.get_heads().into_iter().next();
        let previous = std::iter::once(before).chain(hashes.iter().copied().map(Some));
        let messages =
            changes.iter().zip(previous).map(|(change, previous)| carry(change, previous)).collect();
        Self { hashes, messages }
    }

    /// Where each hash stands in the chain, the first one at 1: 0 means the base.
    pub(crate) fn positions(&self) -> HashMap<Hash, usize> {
        self.hashes.iter().enumerate().map(|(at, hash)| (hash.0, at + 1)).collect()
    }
}

/// A document with this many changes of one author.
pub(crate) fn document(changes: usize) -> Automerge {
    edited(Automerge::new(), 1, changes)
}

/// `count` more changes by an author: one value set in each.
pub(crate) fn edited(mut document: Automerge, author: u8, count: usize) -> Automerge {
    document.set_actor(ActorId::from([author; 16]));
    let name = format!("author{author}");
    for at in 0..count {
        let mut edit = document.transaction();
        let known = edit.get(ROOT, &name).expect("the root can be read");
        let values = match known {
            Some((_, values)) => values,
            None => edit.put_object(ROOT, &name, ObjType::Map).expect("the root can be written"),
        };
        // Values that no run length or delta encoding makes small, as people's edits are.
        let value = format!("{:016x}", (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        edit.put(values, format!("value{}", at % VALUES), value).expect("a map can be written");
        edit.commit_with(CommitOptions::default().with_time(1_700_000_000 + at as i64));
    }
    document
}

/// What a client sends that has the whole document and knows nothing of the server.
pub(crate) fn upload(document: &Automerge) -> Vec<u8> {
    let changes: Vec<_> =
        document.get_changes(&[]).iter().map(|change| change.raw_bytes().to_vec()).collect();
    message(document.get_heads(), vec![Have::default()], changes.into())
}

/// What a client sends that has nothing yet and wants all.
pub(crate) fn request() -> Vec<u8> {
    let asking = Automerge::new().generate_sync_message(&mut State::new());
    asking.expect("the first message of a sync is never left out").encode()
}

/// A plain acknowledgement: "I have this", nothing to send, nothing to ask for.
pub(crate) fn acknowledgement(heads: Vec<ChangeHash>) -> Vec<u8> {
    question(heads, Vec::new())
}

/// "I have this, and you spoke of these without sending them."
pub(crate) fn question(mut heads: Vec<ChangeHash>, mut need: Vec<ChangeHash>) -> Vec<u8> {
    heads.sort();
    need.sort();
    let have = vec![Have { last_sync: heads.clone(), bloom: BloomFilter::default() }];
    let (version, flags) = (MessageVersion::V1, Some(MessageFlags::new()));
    Message { heads, need, have, changes: ChunkList::empty(), flags, version }.encode()
}

fn carry(change: &Change, previous: Option<ChangeHash>) -> Vec<u8> {
    let bloom = BloomFilter::from_hashes(std::iter::once(change.hash()));
    let have = Have { last_sync: previous.into_iter().collect(), bloom };
    message(vec![change.hash()], vec![have], vec![change.raw_bytes().to_vec()].into())
}

fn message(heads: Vec<ChangeHash>, have: Vec<Have>, changes: ChunkList) -> Vec<u8> {
    let (version, flags) = (MessageVersion::V1, Some(MessageFlags::new()));
    Message { heads, need: Vec::new(), have, changes, flags, version }.encode()
}
