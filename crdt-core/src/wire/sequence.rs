//! Frames one behind the other: a CBOR sequence, RFC 8742.
//!
//! A WebSocket says where a message ends, an HTTP body does not. CBOR items end by themselves, so a
//! body is simply frame after frame, and one without frames is empty.
//!
//! Edit path: ← a body, [`split`] cuts it, → each piece is a frame like one from a WebSocket.
//!
//! Always: only the outside of a frame is looked at, and no bytes are copied. Whatever is inside is
//! [`decode()`](super::decode())'s to judge.

use super::BadFrame;
use super::decode::frame_length;
use bytes::Bytes;

/// Why bytes are no sequence of frames. All of it is the sender's doing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSequence {
    /// One of the frames cannot be cut out.
    #[error("the frame at byte {at} cannot be read: {why}")]
    Frame {
        /// Where it begins.
        at: usize,
        /// What is wrong with it.
        #[source]
        why: BadFrame,
    },
    /// More frames than are taken at once.
    #[error("more than {frames_max} frames")]
    TooMany {
        /// How many are.
        frames_max: usize,
    },
}

/// The frames in `body`, each a view of its bytes.
///
/// # Errors
/// When it is not frames from its first byte to its last, or more than `frames_max` of them.
pub fn split(body: &Bytes, frames_max: usize) -> Result<Vec<Bytes>, BadSequence> {
    let mut frames = Vec::new();
    let mut at = 0;
    while at < body.len() {
        if frames.len() == frames_max {
            return Err(BadSequence::TooMany { frames_max });
        }
        let length = frame_length(&body[at..]).map_err(|why| BadSequence::Frame { at, why })?;
        frames.push(body.slice(at..at + length));
        at += length;
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Join, Message, PROTOCOL_VERSION, PeerMetadata, decode};
    use proptest::prelude::*;

    fn join(name: &str) -> Bytes {
        let message = Message::Join(Join {
            sender: name.parse().unwrap(),
            metadata: PeerMetadata { storage_id: None, is_ephemeral: Some(true), dovetail: None },
            versions: vec![PROTOCOL_VERSION.to_owned()],
        });
        message.encode().into()
    }

    proptest! {
        /// SH3: whatever frames are put one behind the other are found again, byte for byte.
        #[test]
        fn sh3_frames_are_found_again(names in prop::collection::vec("[a-z]{1,40}", 0..20)) {
            let frames: Vec<Bytes> = names.iter().map(|name| join(name)).collect();
            let body = Bytes::from(frames.concat());
            prop_assert_eq!(&split(&body, 20).unwrap(), &frames);
            for frame in split(&body, 20).unwrap() {
                prop_assert!(decode(&frame).is_ok());
            }
        }

        /// SH3: a sequence that is cut off is refused at the frame that is not whole, and random bytes do
        /// not get further than that either.
        #[test]
        fn sh3_what_is_cut_off_is_refused(cut in 1usize..60, noise in prop::collection::vec(any::<u8>(), 0..200)) {
            let whole = join("ana");
            let cut = cut.min(whole.len() - 1);
            let body = Bytes::from([&whole[..], &whole[..cut]].concat());
            let refused = split(&body, 20);
            prop_assert!(
                matches!(refused, Err(BadSequence::Frame { at, .. }) if at == whole.len()),
                "{:?}", refused
            );
            let noise = Bytes::from(noise);
            if let Ok(frames) = split(&noise, 20) {
                prop_assert_eq!(frames.concat(), &noise[..]);
            }
        }
    }

    /// SH3: no more frames than are taken, none that nests without end, and nothing but maps.
    #[test]
    fn sh3_a_sequence_has_bounds() {
        let body = Bytes::from([&join("ana")[..]; 3].concat());
        assert_eq!(split(&body, 2), Err(BadSequence::TooMany { frames_max: 2 }));
        let deep = Bytes::from([&b"\xa1\x61a"[..], &[0x9f; 100_000]].concat());
        assert!(matches!(split(&deep, 2), Err(BadSequence::Frame { at: 0, why: BadFrame::TooDeep { .. } })));
        assert!(matches!(
            split(&Bytes::from_static(b"\x01"), 2),
            Err(BadSequence::Frame { at: 0, why: BadFrame::NotAMap })
        ));
        assert_eq!(split(&Bytes::new(), 2), Ok(Vec::new()));
    }
}
