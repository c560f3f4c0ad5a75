//! Frames through the CBOR decoder, and what else reads CBOR.

#![allow(clippy::unwrap_used)] // a test that cannot go on says where

use bytes::Bytes;
use dovetail_core::wire::{self, Message, SyncKind, cbor_json};
use dovetail_fuzz::trial::{Bound, Plan};
use dovetail_fuzz::{bend, corpus, talk};
use std::time::Duration;

/// Some seconds.
const RUNS: u64 = 200_000;

/// What is read is borrowed, or written down once in another form. JSON of CBOR takes a few words for a value of one byte.
const BOUND: Bound = Bound { bytes_each: 128, bytes_free: 64 << 10, within: Duration::from_secs(2) };

/// WI62: whatever stands in a frame, it is read or refused, in memory that it accounts for.
#[test]
fn wi62_bent_frames_are_read_or_refused() {
    let base = corpus::bases().remove(0);
    let sync = corpus::sync_messages(&base);
    let frames: Vec<Vec<u8>> = sync
        .iter()
        .map(|message| corpus::sync(corpus::ATTACKER, 1, SyncKind::Sync, &message.clone().encode()))
        .chain(corpus::other_frames(corpus::ATTACKER))
        .collect();
    let mut read = 0;
    Plan::of("frames", RUNS, BOUND).throw(|dice, trial| {
        let frame = match dice.u8(..6) {
            0 => talk::cbor(dice, 0),
            _ => {
                let (one, other) = (dice.usize(..frames.len()), dice.usize(..frames.len()));
                talk::frame(dice, &frames[one], &frames[other])
            }
        };
        let mut body = [frame.clone(), frames[dice.usize(..frames.len())].clone()].concat();
        if dice.bool() {
            bend::bytes(dice, &mut body, &[]);
        }
        let body = Bytes::from(body);
        trial.watch(frame.len() + body.len(), || {
            if let Ok(message) = wire::decode(&frame) {
                read += 1;
                if let Message::Ephemeral(said) = &message {
                    drop(cbor_json::to_json(&said.data));
                }
                drop(wire::decode(&message.encode()).map(|again| assert_eq!(again.kind(), message.kind())));
            }
            drop(cbor_json::to_json(&frame));
            drop(wire::split(&body, 1_024));
        });
    });
    assert!(read > 0);
}
