//! Bytes, bent in ways that know nothing of what they say.

use fastrand::Rng;

/// Numbers at which something ends: of LEB128, of CBOR heads, of integers.
const EDGES: [u64; 16] = [
    0,
    1,
    2,
    23,
    24,
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    u32::MAX as u64,
    1 << 32,
    (1 << 53) + 1,
    i64::MAX as u64,
    u64::MAX,
];

/// A number that is likely to hurt.
pub fn edge(dice: &mut Rng) -> u64 {
    match dice.u8(..4) {
        0 => dice.u64(..),
        1 => dice.u64(..300),
        _ => EDGES[dice.usize(..EDGES.len())],
    }
}

/// Bends bytes once or a few times. `other` is what may be spliced in.
pub fn bytes(dice: &mut Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=dice.u8(..3) {
        once(dice, bytes, other);
    }
}

fn once(dice: &mut Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = dice.usize(..=bytes.len());
    let span = at..(at + dice.usize(..=16)).min(bytes.len());
    match dice.u8(..10) {
        0 | 1 => flip(dice, bytes, at),
        2 => bytes.truncate(at),
        3 => drop(bytes.splice(span, [])),
        4 => drop(bytes.splice(span, leb128(edge(dice)))),
        5 => {
            let again = bytes[span].to_vec();
            drop(bytes.splice(at..at, again));
        }
        6 => {
            let from = dice.usize(..=other.len());
            let to = dice.usize(from..=other.len());
            drop(bytes.splice(span, other[from..to].iter().copied()));
        }
        7 => {
            let fresh: Vec<u8> = (0..dice.usize(..=8)).map(|_| dice.u8(..)).collect();
            drop(bytes.splice(at..at, fresh));
        }
        8 => {
            let edge = edge(dice).to_be_bytes();
            let length = [1, 2, 4, 8][dice.usize(..4)];
            drop(bytes.splice(span, edge[8 - length..].iter().copied()));
        }
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = dice.u8(..);
            }
        }
    }
}

fn flip(dice: &mut Rng, bytes: &mut [u8], at: usize) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << dice.u8(..8);
    }
}

/// An unsigned LEB128 number.
pub fn leb128(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

/// A signed LEB128 number.
pub fn signed_leb128(mut value: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == 0 && byte & 0x40 == 0 || value == -1 && byte & 0x40 != 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}
