//! Sync messages and frames, bent in what they say.

use crate::bend::{self, edge, leb128};
use crate::change;
use automerge::sync::Message;
use fastrand::Rng;

/// The type of a message with single changes, and of one that may hold whole documents.
const TYPES: [u8; 2] = [0x42, 0x43];

/// A sync message in its fields.
#[derive(Debug, Clone)]
struct Fields {
    kind: u8,
    heads: Vec<[u8; 32]>,
    need: Vec<[u8; 32]>,
    /// What was shared the last time, and a filter.
    have: Vec<(Vec<[u8; 32]>, Vec<u8>)>,
    changes: Vec<Vec<u8>>,
    rest: Vec<u8>,
}

impl Fields {
    fn of(message: &Message) -> Self {
        let have = message.have.iter().map(|have| (hashes(&have.last_sync), have.bloom.to_bytes()));
        Self {
            kind: TYPES[0],
            heads: hashes(&message.heads),
            need: hashes(&message.need),
            have: have.collect(),
            changes: message.changes.iter().map(<[u8]>::to_vec).collect(),
            rest: Vec::new(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let text = |bytes: &[u8]| [leb128(bytes.len() as u64), bytes.to_vec()].concat();
        let list = |hashes: &[[u8; 32]]| [leb128(hashes.len() as u64), hashes.concat()].concat();
        let mut bytes = vec![self.kind];
        bytes.extend([list(&self.heads), list(&self.need), leb128(self.have.len() as u64)].concat());
        for (last_sync, filter) in &self.have {
            bytes.extend([list(last_sync), text(filter)].concat());
        }
        bytes.extend(leb128(self.changes.len() as u64));
        bytes.extend(self.changes.iter().flat_map(|change| text(change)));
        bytes.extend(&self.rest);
        bytes
    }

    fn bend(&mut self, dice: &mut Rng, chunks: &[Vec<u8>]) {
        match dice.u8(..12) {
            0 => bend_hashes(dice, &mut self.heads),
            1 => bend_hashes(dice, &mut self.need),
            2 => std::mem::swap(&mut self.heads, &mut self.need),
            3 => self.kind = if dice.bool() { TYPES[1] } else { dice.u8(..) },
            4 | 5 => self.bend_filter(dice),
            6 => self.have.extend(self.have.clone()),
            7 => bend::bytes(dice, &mut self.rest, &[1, 7, 0xff]),
            8 => self.changes.extend(vec![Vec::new(); dice.usize(..2_000)]),
            _ => self.bend_changes(dice, chunks),
        }
    }

    fn bend_filter(&mut self, dice: &mut Rng) {
        let Some((last_sync, filter)) = dice.choice(&mut self.have) else { return };
        match dice.u8(..3) {
            0 => bend_hashes(dice, last_sync),
            1 => bend::bytes(dice, filter, &[]),
            // Entries, bits for each, probes: each of them as large as it can be said.
            _ => {
                let few = |dice: &mut Rng| if dice.bool() { dice.u64(..12) } else { edge(dice) };
                *filter = [few(dice), few(dice), few(dice)].into_iter().flat_map(leb128).collect();
                filter.extend((0..dice.usize(..40)).map(|_| dice.u8(..)));
            }
        }
    }

    fn bend_changes(&mut self, dice: &mut Rng, chunks: &[Vec<u8>]) {
        let fresh = dice.choice(chunks).cloned().unwrap_or_default();
        if self.changes.is_empty() || dice.u8(..4) == 0 {
            self.changes.push(fresh.clone());
        }
        let at = dice.usize(..self.changes.len());
        self.changes[at] = match dice.u8(..6) {
            0 => [self.changes[at].clone(), fresh].concat(),
            1 => fresh,
            _ => change::bend(dice, &fresh, &fresh),
        };
    }
}

fn hashes(hashes: &[automerge::ChangeHash]) -> Vec<[u8; 32]> {
    hashes.iter().map(|hash| hash.0).collect()
}

fn bend_hashes(dice: &mut Rng, hashes: &mut Vec<[u8; 32]>) {
    match dice.u8(..5) {
        0 => hashes.clear(),
        1 => hashes.extend(hashes.clone()),
        2 => hashes.extend(vec![[dice.u8(..); 32]; dice.usize(..3_000)]),
        _ => hashes.extend((0..dice.usize(1..5)).map(|_| std::array::from_fn::<u8, 32, _>(|_| dice.u8(..)))),
    }
}

/// Bends a sync message; `chunks` are changes that fit the document that it is about.
#[must_use]
pub fn sync_message(dice: &mut Rng, message: &Message, chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut fields = Fields::of(message);
    for _ in 0..dice.u8(1..4) {
        fields.bend(dice, chunks);
    }
    let mut bytes = fields.bytes();
    if dice.u8(..6) == 0 {
        bend::bytes(dice, &mut bytes, &[]);
    }
    bytes
}

/// Bends a frame of CBOR: its bytes, or what it has where a value stands.
#[must_use]
pub fn frame(dice: &mut Rng, frame: &[u8], other: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    match dice.u8(..4) {
        0 => {
            let at = dice.usize(..=frame.len());
            let value = cbor(dice, 0);
            drop(frame.splice(at..at, value));
        }
        // One member more.
        1 if (0xa0..0xb7).contains(&frame[0]) => {
            frame[0] += 1;
            frame.extend([0x64, b'm', b'o', b'r', b'e']);
            let value = cbor(dice, 0);
            frame.extend(value);
        }
        _ => bend::bytes(dice, &mut frame, other),
    }
    frame
}

/// Any value, at times with a head that claims more than there is.
#[must_use]
pub fn cbor(dice: &mut Rng, depth: usize) -> Vec<u8> {
    let major = dice.u8(..8) << 5;
    let length = if dice.u8(..5) == 0 { edge(dice) } else { dice.u64(..6) };
    let mut value = head(dice, major, length);
    // What it claims, as far as one can write it down.
    let there = usize::try_from(length).unwrap_or(usize::MAX).min(200);
    match major >> 5 {
        2 | 3 => value.extend((0..there).map(|_| dice.u8(b' '..0x7f))),
        4 | 5 if depth < 40 => {
            let items = if major >> 5 == 4 { there.min(8) } else { there.min(4) * 2 };
            (0..items).for_each(|_| value.extend(cbor(dice, depth + 1 + usize::from(items > 2) * 12)));
        }
        6 => value.extend(cbor(dice, depth + 1)),
        _ => {}
    }
    value
}

fn head(dice: &mut Rng, major: u8, length: u64) -> Vec<u8> {
    let bytes = length.to_be_bytes();
    match dice.u8(..12) {
        // Of an open length, or of none that there is.
        0 => vec![major | dice.u8(28..32)],
        1 => [&[major | 27][..], &bytes].concat(),
        _ if length < 24 => vec![major | u8::try_from(length).unwrap()],
        _ if length < 256 => vec![major | 24, bytes[7]],
        _ if length < 65_536 => [&[major | 25][..], &bytes[6..]].concat(),
        _ => [&[major | 27][..], &bytes].concat(),
    }
}
