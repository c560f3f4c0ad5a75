//! Change chunks, taken apart into their fields, bent there, and put together with a checksum that is right.
//!
//! Always true: what is bent is found out by nobody before the fields themselves are looked at: magic, length and checksum fit.

use crate::bend::{self, edge, leb128, signed_leb128};
use fastrand::Rng;
use sha2::{Digest, Sha256};

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];

/// The type of a change that is not deflated.
const CHANGE: u8 = 1;

/// Columns as changes have them, and some that they do not.
const COLUMNS: [u64; 18] = [1, 2, 17, 19, 21, 52, 66, 86, 87, 112, 113, 115, 147, 148, 165, 178, 8, 94];

/// A change in its fields.
#[derive(Debug, Clone)]
pub struct Fields {
    /// Hashes.
    pub deps: Vec<[u8; 32]>,
    /// Who made it.
    pub actor: Vec<u8>,
    /// Its number among theirs.
    pub seq: u64,
    /// The number of its first operation.
    pub start_op: u64,
    /// Milliseconds.
    pub time: i64,
    /// What it says of itself.
    pub message: Vec<u8>,
    /// Who else is named in it.
    pub actors: Vec<Vec<u8>>,
    /// Number and content.
    pub columns: Vec<(u64, Vec<u8>)>,
    /// What is behind them.
    pub rest: Vec<u8>,
}

impl Fields {
    /// Of a chunk as Automerge writes it.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn of(chunk: &[u8]) -> Self {
        let mut reader = Reader(&chunk[8..]);
        assert_eq!(reader.take(1), [CHANGE]);
        reader.number();
        let deps = (0..reader.number()).map(|_| reader.take(32).try_into().unwrap()).collect();
        let actor = reader.text();
        let (seq, start_op, time) = (reader.number(), reader.number(), reader.signed());
        let message = reader.text();
        let actors = (0..reader.number()).map(|_| reader.text()).collect();
        let heads: Vec<(u64, u64)> =
            (0..reader.number()).map(|_| (reader.number(), reader.number())).collect();
        let columns = heads.into_iter().map(|(column, length)| (column, reader.take(length).to_vec()));
        let columns = columns.collect();
        Self { deps, actor, seq, start_op, time, message, actors, columns, rest: reader.0.to_vec() }
    }

    /// The chunk that says this.
    #[must_use]
    pub fn chunk(&self) -> Vec<u8> {
        sealed(CHANGE, &self.payload())
    }

    fn payload(&self) -> Vec<u8> {
        let text = |bytes: &[u8]| [leb128(bytes.len() as u64), bytes.to_vec()].concat();
        let mut payload = leb128(self.deps.len() as u64);
        payload.extend(self.deps.concat());
        payload.extend(text(&self.actor));
        payload.extend([leb128(self.seq), leb128(self.start_op), signed_leb128(self.time)].concat());
        payload.extend(text(&self.message));
        payload.extend(leb128(self.actors.len() as u64));
        payload.extend(self.actors.iter().flat_map(|actor| text(actor)));
        payload.extend(leb128(self.columns.len() as u64));
        for (column, bytes) in &self.columns {
            payload.extend([leb128(*column), leb128(bytes.len() as u64)].concat());
        }
        payload.extend(self.columns.iter().flat_map(|(_, bytes)| bytes));
        payload.extend(&self.rest);
        payload
    }

    /// Bends one field.
    pub fn bend(&mut self, dice: &mut Rng, other: &Self) {
        match dice.u8(..20) {
            0 => self.bend_deps(dice, other),
            1 => self.seq = near(dice, self.seq),
            2 => self.start_op = near(dice, self.start_op),
            3 => self.time = edge(dice).cast_signed(),
            4 => bend::bytes(dice, &mut self.message, &other.message),
            5 => self.bend_actors(dice, other),
            6 => bend::bytes(dice, &mut self.rest, &other.rest),
            7 => self.swap_columns(dice),
            8 => self.renumber_column(dice),
            9 => self.columns.push((COLUMNS[dice.usize(..COLUMNS.len())], run(dice))),
            10 => self.take_column(dice, other),
            11 | 12 => self.with_column(dice, |dice, column| *column = run(dice)),
            13..=15 => self.with_column(dice, blow_up),
            _ => self.with_column(dice, |dice, column| bend::bytes(dice, column, &[])),
        }
    }

    fn bend_deps(&mut self, dice: &mut Rng, other: &Self) {
        match dice.u8(..4) {
            0 => drop(self.deps.pop()),
            1 => self.deps.extend(&other.deps),
            2 => self.deps.extend(self.deps.clone()),
            _ => self.deps.push(std::array::from_fn(|_| dice.u8(..))),
        }
    }

    fn bend_actors(&mut self, dice: &mut Rng, other: &Self) {
        match dice.u8(..6) {
            0 => drop(self.actors.pop()),
            1 => self.actors.push((0..dice.usize(..40)).map(|_| dice.u8(..)).collect()),
            2 => self.actors.push(self.actor.clone()),
            3 => self.actors.reverse(),
            4 => self.actor.clone_from(&other.actor),
            _ => bend::bytes(dice, &mut self.actor, &other.actor),
        }
    }

    fn swap_columns(&mut self, dice: &mut Rng) {
        let count = self.columns.len();
        if count > 1 {
            let (one, two) = (dice.usize(..count), dice.usize(..count));
            if dice.bool() {
                self.columns.swap(one, two);
            } else {
                // The contents alone: the order of the columns stays as it has to be.
                let content = std::mem::take(&mut self.columns[one].1);
                self.columns[one].1 = std::mem::replace(&mut self.columns[two].1, content);
            }
        }
    }

    fn renumber_column(&mut self, dice: &mut Rng) {
        if let Some((number, _)) = dice.choice(&mut self.columns) {
            *number = match dice.u8(..3) {
                0 => edge(dice),
                1 => *number ^ (1 << dice.u8(..8)),
                _ => COLUMNS[dice.usize(..COLUMNS.len())],
            };
        }
    }

    fn take_column(&mut self, dice: &mut Rng, other: &Self) {
        let Some((number, bytes)) = dice.choice(&other.columns) else { return };
        match self.columns.iter_mut().find(|(known, _)| known == number) {
            Some((_, known)) => known.clone_from(bytes),
            None => {
                self.columns.push((*number, bytes.clone()));
                self.columns.sort();
            }
        }
    }

    fn with_column(&mut self, dice: &mut Rng, bend: impl FnOnce(&mut Rng, &mut Vec<u8>)) {
        let count = self.columns.len();
        if count > 0 {
            let at = dice.usize(..count);
            bend(dice, &mut self.columns[at].1);
        }
    }
}

/// A chunk of this type, with length and checksum.
#[must_use]
pub fn sealed(kind: u8, payload: &[u8]) -> Vec<u8> {
    let hashed = [vec![kind], leb128(payload.len() as u64), payload.to_vec()].concat();
    let checksum = Sha256::digest(&hashed);
    [&MAGIC, &checksum[..4], &hashed].concat()
}

/// Bends a chunk: mostly one field of it, sometimes its bytes, and then its checksum is repaired.
pub fn bend(dice: &mut Rng, chunk: &[u8], other: &[u8]) -> Vec<u8> {
    if dice.u8(..5) > 0 {
        let mut fields = Fields::of(chunk);
        let other = Fields::of(other);
        for _ in 0..=dice.u8(..3) {
            fields.bend(dice, &other);
        }
        return fields.chunk();
    }
    let mut payload = Fields::of(chunk).payload();
    bend::bytes(dice, &mut payload, &Fields::of(other).payload());
    let kind = if dice.u8(..16) == 0 { dice.u8(..5) } else { CHANGE };
    let mut chunk = sealed(kind, &payload);
    if dice.u8(..16) == 0 {
        bend::bytes(dice, &mut chunk, &[]);
    }
    chunk
}

fn near(dice: &mut Rng, number: u64) -> u64 {
    match dice.u8(..4) {
        0 => edge(dice),
        1 => number.wrapping_sub(1),
        2 => number.wrapping_add(dice.u64(..5_000)),
        _ => number.wrapping_add(1),
    }
}

/// A column of runs that are well formed and mean anything.
fn run(dice: &mut Rng) -> Vec<u8> {
    let mut column = Vec::new();
    for _ in 0..=dice.u8(..4) {
        match dice.u8(..3) {
            0 => column.extend([signed_leb128(0), leb128(small(dice))].concat()),
            1 => column.extend([signed_leb128(small(dice).cast_signed()), leb128(small(dice))].concat()),
            _ => {
                let count = dice.i64(1..5);
                column.extend(signed_leb128(-count));
                (0..count).for_each(|_| column.extend(leb128(small(dice))));
            }
        }
    }
    column
}

/// Mostly few, since few operations are what a change has; sometimes as many as fit.
fn small(dice: &mut Rng) -> u64 {
    match dice.u8(..12) {
        0 => edge(dice),
        1 => dice.u64(..1 << 21),
        _ => dice.u64(..8),
    }
}

/// A number in it becomes a large one.
fn blow_up(dice: &mut Rng, column: &mut Vec<u8>) {
    if !column.is_empty() {
        let at = dice.usize(..column.len());
        let large = if dice.bool() { leb128(small(dice)) } else { signed_leb128(small(dice).cast_signed()) };
        drop(column.splice(at..=at, large));
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: u64) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(usize::try_from(count).unwrap());
        self.0 = rest;
        taken
    }

    fn number(&mut self) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = self.take(1)[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        value
    }

    fn signed(&mut self) -> i64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = self.take(1)[0];
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let is_negative = byte & 0x40 != 0 && shift + 7 < 64;
                return if is_negative { value | (-1 << (shift + 7)) } else { value };
            }
        }
        value
    }

    fn text(&mut self) -> Vec<u8> {
        let length = self.number();
        self.take(length).to_vec()
    }
}
