//! Sled's log as it lies on the disk, looked at before sled has it: sled mends what it cannot read by filling it with zeroes.
//!
//! ```text
//! log      = segment*             512 KiB each; in which order they were written, their numbers say
//! segment  = header · message*    one that is no longer needed is used again; sled fills it with zeroes at its next start
//! header   = checksum 4 · number of its first byte in all that was ever written 8 · up to which number all was on the disk then 8
//! ```
//! What sled 0.34.7 makes of headers that are bent, in `pagecache/iterator.rs` and `snapshot.rs`:
//! - A segment whose header is bent is passed over at every start. It goes on appending to it all the same, where its index says that this is
//!   the one that was written last: what is answered then is there until the next start.
//! - What its index does not know of such a segment is taken for what a kill has left, and filled with zeroes.
//! - Where the segment is missing up to which all was on the disk, all segments from there on are filled with zeroes: without an index the whole log.
//!
//! A header is written at once with the first bytes of its segment, so SIGKILL and a power cut leave it whole, or as it was before: zeroes,
//! where the segment is new or was free. Behind such zeroes there may be bytes of a write that was cut off. Sled clears them away when it
//! opens; whatever segment is without a header then has lost it.
//!
//! It costs one read of 20 bytes for each segment, and of all of it where the header is zeroes: sled writes over those anyway.
//!
//! Edit path: no edit comes by here.

use super::open::{LOG_FILE, UNFINISHED_SUFFIX, indexes};
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Sled's own setting, which stands in its settings too.
pub(super) const SEGMENT_BYTES: u64 = 512 << 10;

pub(super) const HEADER_BYTES: usize = 20;

/// What a log looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Look {
    /// There is nothing in it.
    Empty,
    /// Nothing is wrong with it.
    Sound,
    /// It is a log, and what is wrong with it.
    Damaged(String),
    /// Nothing in it is of a log.
    Foreign,
}

/// How a segment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Header {
    Sound {
        number: i64,
        on_disk: i64,
    },
    /// There is nothing in the segment.
    Free,
    /// Zeroes, and bytes behind them.
    Missing,
    /// Something else.
    Bent,
}

/// Looks at a log that nobody has open.
pub(super) fn look(dir: &Path) -> io::Result<Look> {
    let log = match File::open(dir.join(LOG_FILE)) {
        Ok(log) => log,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Look::Empty),
        Err(error) => return Err(error),
    };
    let headers = headers(&log)?;
    let is_sound = |header: &Header| matches!(header, Header::Sound { .. });
    if headers.iter().all(|header| *header == Header::Free) {
        return Ok(Look::Empty);
    }
    if !headers.iter().any(is_sound) {
        return Ok(Look::Foreign);
    }
    if let Some(bent) = headers.iter().position(|header| *header == Header::Bent) {
        return Ok(Look::Damaged(without_header(bent)));
    }
    match gap(&headers, indexed_to(dir)?) {
        Some(at) => Ok(Look::Damaged(format!(
            "of its log the piece from byte {at} of all that was ever written is missing"
        ))),
        None => Ok(Look::Sound),
    }
}

/// Looks at a log that sled has just opened, and that nobody has written to since. Says what is wrong with it.
pub(super) fn look_when_open(dir: &Path) -> io::Result<Option<String>> {
    let headers = headers(&File::open(dir.join(LOG_FILE))?)?;
    let lost = headers.iter().position(|header| matches!(header, Header::Missing | Header::Bent));
    Ok(lost.map(without_header))
}

fn without_header(segment: usize) -> String {
    let at = segment as u64 * SEGMENT_BYTES;
    format!(
        "the header at byte {at} of its log is not what was written, so what comes behind it would be lost"
    )
}

fn headers(log: &File) -> io::Result<Vec<Header>> {
    let bytes = log.metadata()?.len();
    (0..bytes.div_ceil(SEGMENT_BYTES)).map(|segment| header(log, segment * SEGMENT_BYTES)).collect()
}

fn header(log: &File, at: u64) -> io::Result<Header> {
    let mut bytes = [0; HEADER_BYTES];
    let read = read_at(log, &mut bytes, at)?;
    if let Some((number, on_disk)) = from_bytes(&bytes).filter(|_| read == HEADER_BYTES) {
        return Ok(Header::Sound { number, on_disk });
    }
    let is_zeroes = bytes == [0; HEADER_BYTES];
    let mut segment = vec![0; SEGMENT_BYTES as usize];
    let read = read_at(log, &mut segment, at)?;
    let nothing_behind = segment.iter().skip(HEADER_BYTES).all(|byte| *byte == 0);
    Ok(match (is_zeroes, nothing_behind) {
        (true, true) => Header::Free,
        // A free one, in which a bit is another: sled clears it.
        (false, true) if read == segment.len() => Header::Free,
        (true, false) => Header::Missing,
        (false, _) => Header::Bent,
    })
}

/// As much as there is.
pub(super) fn read_at(log: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < bytes.len() {
        match log.read_at(&mut bytes[read..], at + read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// The number of a segment, and up to which all was on the disk.
pub(super) fn from_bytes(bytes: &[u8; HEADER_BYTES]) -> Option<(i64, i64)> {
    let number = |at: usize| i64::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte])) ^ i64::MAX;
    let sum = u32::from_le_bytes(std::array::from_fn(|byte| bytes[byte])) ^ u32::MAX;
    (sum == crc32(&bytes[4..])).then(|| (number(4), number(12)))
}

/// What sled looks for when it opens the log, and does without everything from there on if it is not there: the segment up to which all
/// was on the disk.
fn gap(headers: &[Header], indexed_to: i64) -> Option<i64> {
    let beginning_of = |number: i64| number - number.rem_euclid(SEGMENT_BYTES as i64);
    let from = beginning_of(indexed_to);
    let mut numbers = BTreeSet::new();
    let mut newest = from;
    for header in headers {
        if let Header::Sound { number, on_disk } = *header
            && number >= from
        {
            numbers.insert(number);
            newest = newest.max(on_disk);
        }
    }
    let wanted = beginning_of(newest);
    (!numbers.is_empty() && !numbers.contains(&wanted)).then_some(wanted)
}

/// Up to where sled's newest index knows the log: that is what it is called.
fn indexed_to(dir: &Path) -> io::Result<i64> {
    let numbers = indexes(dir)?.filter_map(|index| {
        let name = index.file_name()?.to_str()?.to_owned();
        let number = name.split_once('.')?.1;
        if name.ends_with(UNFINISHED_SUFFIX) { None } else { i64::from_str_radix(number, 16).ok() }
    });
    Ok(numbers.max().unwrap_or(0))
}

/// The checksum that sled uses, of the polynomial of zip and PNG.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    crc32_of(&[bytes])
}

/// Of what lies in several places.
pub(super) fn crc32_of(parts: &[&[u8]]) -> u32 {
    let bytes = parts.iter().copied().flatten();
    !bytes.fold(u32::MAX, |sum, byte| CRC32[usize::from(sum as u8 ^ byte)] ^ (sum >> 8))
}

const CRC32: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { 0xEDB8_8320 ^ (sum >> 1) } else { sum >> 1 };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_zip() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    /// ST39: the segment up to which all was on the disk has to be there, where the index does not know better.
    #[test]
    fn st39_a_gap_is_found() {
        const S: i64 = SEGMENT_BYTES as i64;
        let log = |numbers: &[(i64, i64)]| {
            numbers.iter().map(|&(number, on_disk)| Header::Sound { number, on_disk }).collect::<Vec<_>>()
        };
        let (whole, without) = (
            log(&[(11 * S, 10 * S + 7), (9 * S, 8 * S), (10 * S, 9 * S)]),
            log(&[(11 * S, 10 * S + 7), (9 * S, 8 * S)]),
        );
        assert_eq!(gap(&whole, 0), None);
        assert_eq!(gap(&without, 0), Some(10 * S));
        assert_eq!(gap(&without, 11 * S + 99), None, "all of it is in the index");
        assert_eq!(gap(&log(&[(0, -1)]), 0), None, "a log that was just begun");
        assert_eq!(gap(&[], 3 * S), None);
    }
}
