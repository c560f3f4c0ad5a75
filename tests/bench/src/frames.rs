//! Frames as cheap as they can be made: what is the same in each is encoded once, and of
//! what comes in only the few bytes are read that a workload needs.

use crate::edits::{Hash, acknowledgement};
use automerge::ChangeHash;
use bytes::Bytes;
use dovetail_tests::cbor::Value;
use minicbor::Decoder;

/// The CBOR around the data of one client's messages about one document.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    head: Vec<u8>,
}

impl Envelope {
    /// `kind` is `sync` or `request`.
    pub(crate) fn new(kind: &str, document: &str, sender: &str, target: &str) -> Self {
        let fields = Value::map([
            ("type", kind.into()),
            ("documentId", document.into()),
            ("senderId", sender.into()),
            ("targetId", target.into()),
            ("data", Value::Bytes(Vec::new())),
        ]);
        let mut head = fields.encode();
        head.pop(); // The header of the empty byte string: each frame has its own.
        Self { head }
    }

    /// The whole frame.
    pub(crate) fn around(&self, data: &[u8]) -> Bytes {
        let mut frame = Vec::with_capacity(self.head.len() + data.len() + 5);
        frame.extend_from_slice(&self.head);
        minicbor::Encoder::new(&mut frame).bytes(data).expect("a vector takes any bytes");
        frame.into()
    }
}

/// Frames of plain acknowledgements of one head, which differ in that hash alone.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledger {
    frame: Vec<u8>,
    places: Vec<usize>,
}

impl Acknowledger {
    /// For one client and one document.
    pub(crate) fn new(envelope: &Envelope) -> Self {
        let mark = [0xa5; 32];
        let frame = envelope.around(&acknowledgement(vec![ChangeHash(mark)])).to_vec();
        let places = (0..frame.len()).filter(|at| frame[*at..].starts_with(&mark)).collect();
        Self { frame, places }
    }

    /// "I have this."
    pub(crate) fn frame(&self, head: &Hash) -> Bytes {
        let mut frame = self.frame.clone();
        for place in &self.places {
            frame[*place..*place + 32].copy_from_slice(head);
        }
        frame.into()
    }
}

/// What a workload needs to know of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Incoming<'a> {
    /// Its type.
    pub kind: &'a str,
    /// Its data, if it has any.
    pub data: &'a [u8],
    /// An error's words.
    pub words: &'a str,
}

impl<'a> Incoming<'a> {
    /// Reads a frame. `None` if it is not a map as servers send them.
    pub(crate) fn read(frame: &'a [u8]) -> Option<Self> {
        let mut incoming = Self { kind: "", data: &[], words: "" };
        let mut decoder = Decoder::new(frame);
        for _ in 0..decoder.map().ok()?? {
            match decoder.str().ok()? {
                "type" => incoming.kind = decoder.str().ok()?,
                "data" => incoming.data = decoder.bytes().ok()?,
                "message" => incoming.words = decoder.str().ok()?,
                _ => decoder.skip().ok()?,
            }
        }
        Some(incoming)
    }

    /// The heads that a sync message states.
    pub(crate) fn heads(&self) -> &'a [Hash] {
        hashes(self.data.get(1..).unwrap_or_default()).0
    }

    /// The changes that a sync message asks for.
    pub(crate) fn need(&self) -> &'a [Hash] {
        hashes(hashes(self.data.get(1..).unwrap_or_default()).1).0
    }

    /// Whether a sync message holds any changes: one may state heads and not bring them.
    pub(crate) fn brings_changes(&self) -> bool {
        let (_, rest) = hashes(self.data.get(1..).unwrap_or_default());
        let (_, rest) = hashes(rest);
        let (haves, mut rest) = count(rest);
        for _ in 0..haves {
            let (bloom_bytes, bloom) = count(hashes(rest).1);
            rest = bloom.get(bloom_bytes..).unwrap_or_default();
        }
        count(rest).0 > 0
    }
}

/// A list of hashes, and what follows it.
fn hashes(data: &[u8]) -> (&[Hash], &[u8]) {
    let (count, rest) = count(data);
    let (list, rest) = rest.split_at_checked(count * 32).unwrap_or_default();
    (list.as_chunks().0, rest)
}

/// A number in LEB128, as lists and byte strings begin with it, and what follows it.
fn count(data: &[u8]) -> (usize, &[u8]) {
    let mut count = 0;
    for (at, byte) in data.iter().enumerate().take(5) {
        count |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return (count, &data[at + 1..]);
        }
    }
    (0, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edits::{Chain, document};

    /// WI1: what the bench reads from a frame is what Automerge put into it.
    #[test]
    fn wi1_the_bench_reads_heads_from_a_frame() {
        let chain = Chain::on(&document(3), 2, 2);
        let envelope = Envelope::new("sync", "document", "sender", "target");
        let frame = envelope.around(&chain.messages[1]);
        let incoming = Incoming::read(&frame).unwrap();
        assert_eq!(incoming.kind, "sync");
        assert_eq!(incoming.heads(), [chain.hashes[1].0]);
        assert!(incoming.need().is_empty());
        assert!(incoming.brings_changes());
        let answer = Acknowledger::new(&envelope).frame(&chain.hashes[0].0);
        let answer = Incoming::read(&answer).unwrap();
        assert_eq!(answer.heads(), [chain.hashes[0].0]);
        assert!(!answer.brings_changes());
    }
}
