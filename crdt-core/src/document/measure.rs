//! How much a change becomes when it is unfolded, read off its bytes.
//!
//! Edit path: ← [`intake`](super::intake) has a chunk that says it is a change, → Automerge reads it, or nobody does.
//!
//! A change is a few columns, and what is equal in a row of operations is written once with a count. So sixty bytes can
//! say four billion operations, and Automerge makes them one by one before anybody can ask how many there are. What
//! counts is added up here from the run lengths, which costs one step for each run and nothing for what it stands for.
//!
//! Actors are numbers in operations, by their place in the change's own list; that each is in it is seen on the way. Of what made
//! Automerge panic that is the most, by far.
//!
//! Always true: what cannot be read here is not read by Automerge either. Else it might find a count where we found none.

use super::scan::{Reader, ScanError};

/// Operations that the changes of one message may have besides one for each of their bytes: a list of as many zeroes as a value of
/// JSON may have is that many in a few bytes. Each takes Automerge some 500 bytes while it is applied, and 2 µs: somebody who may
/// write makes us spend 140 MB and 0.7 s on 136 bytes, and no more than that.
pub const OPS_FREE: u64 = 1 << 18;
const _: () = assert!(crate::json::NODES_MAX as u64 + 1 < OPS_FREE);

/// The most bytes that the keys in one message come to when each operation has its own copy, as it has in Automerge. A
/// million operations of a dashboard are a sixth of that.
pub const KEY_BYTES_MAX: u64 = 128 << 20;

/// Columns, by how Automerge numbers them: the place of the column, then the type of what is in it.
mod column {
    pub(super) const KEY_TEXT: u64 = 1 << 4 | 5;
    pub(super) const ACTION: u64 = 4 << 4 | 2;
    pub(super) const PRED_COUNT: u64 = 7 << 4;
    pub(super) const MARK_NAME: u64 = 10 << 4 | 5;

    /// Whether it is one of those that name actors.
    pub(super) fn is_of_actors(column: u64) -> bool {
        column & 0b111 == 1
    }
}

/// What changes unfold to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Unfolded {
    ops: u64,
    /// Operations that take the place of others.
    replacing: u64,
    /// The others, counted once for each that takes their place.
    replaced: u64,
    key_bytes: u64,
}

impl Unfolded {
    /// Whether this is more than so many bytes, on a document of so many operations, account for. What takes the place
    /// of others may be as much as there is: deleting a long text is few bytes, and one operation for each letter.
    pub(super) fn is_too_much(&self, bytes: u64, document_ops: u64) -> bool {
        let fresh = self.fresh();
        let fresh_max = OPS_FREE.saturating_add(bytes);
        // Once what is there, and once what came with it.
        let replaced_max = document_ops.saturating_add(fresh_max.saturating_mul(2));
        fresh > fresh_max || self.replaced > replaced_max || self.key_bytes > KEY_BYTES_MAX
    }

    /// Operations that take nothing's place.
    fn fresh(&self) -> u64 {
        self.ops.saturating_sub(self.replacing)
    }

    /// Adds what one more change unfolds to, and says how many operations of it take nothing's place.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn add(&mut self, payload: &[u8]) -> Result<u64, ScanError> {
        let before = self.fresh();
        let mut reader = Reader { rest: payload };
        let others = skip_head(&mut reader)?;
        let mut columns = Vec::new();
        for _ in 0..reader.length()? {
            columns.push((reader.number()?, reader.length()?));
        }
        for (column, length) in columns {
            let runs = Reader { rest: reader.take(length)? };
            if column::is_of_actors(column) {
                check_actors(runs, others as u64)?;
            } else {
                self.add_column(column, runs)?;
            }
        }
        Ok(self.fresh().saturating_sub(before))
    }

    fn add_column(&mut self, column: u64, mut runs: Reader<'_>) -> Result<(), ScanError> {
        match column {
            column::ACTION => each_run(&mut runs, Reader::number, |count, _| {
                self.ops = self.ops.saturating_add(count);
            }),
            column::PRED_COUNT => each_run(&mut runs, Reader::number, |count, preds| {
                let preds = preds.unwrap_or(0);
                self.replacing = self.replacing.saturating_add(if preds > 0 { count } else { 0 });
                self.replaced = self.replaced.saturating_add(count.saturating_mul(preds));
            }),
            column::KEY_TEXT | column::MARK_NAME => each_run(&mut runs, Reader::text, |count, text| {
                let bytes = count.saturating_mul(text.map_or(0, <[u8]>::len) as u64);
                self.key_bytes = self.key_bytes.saturating_add(bytes);
            }),
            _ => Ok(()),
        }
    }
}

/// Its maker is number 0, behind that come the others.
fn check_actors(mut runs: Reader<'_>, others: u64) -> Result<(), ScanError> {
    let mut are_listed = true;
    each_run(&mut runs, Reader::number, |_, actor| are_listed &= actor.is_none_or(|actor| actor <= others))?;
    if are_listed { Ok(()) } else { Err(ScanError::Actor) }
}

/// Dependencies, actor, sequence number, first operation, time, message, other actors. Says how many of the last there are.
fn skip_head(reader: &mut Reader<'_>) -> Result<usize, ScanError> {
    reader.hashes()?;
    reader.text()?;
    reader.number()?;
    reader.number()?;
    reader.signed()?;
    reader.text()?;
    let others = reader.length()?;
    for _ in 0..others {
        reader.text()?;
    }
    Ok(others)
}

/// Goes through a column: a count and what is there so often, a count below zero and as many that differ, or zero and how
/// often nothing is there.
fn each_run<'a, T>(
    column: &mut Reader<'a>,
    read: impl Fn(&mut Reader<'a>) -> Result<T, ScanError>,
    mut see: impl FnMut(u64, Option<T>),
) -> Result<(), ScanError> {
    while !column.is_at_end() {
        match column.signed()? {
            0 => see(column.number()?, None),
            count if count > 0 => see(count.unsigned_abs(), Some(read(column)?)),
            count => {
                for _ in 0..count.unsigned_abs() {
                    see(1, Some(read(column)?));
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::scan::scan;
    use automerge::transaction::Transactable;
    use automerge::{ActorId, Automerge, AutomergeError, ObjType, ROOT, ScalarValue};

    fn payload_of(doc: &Automerge) -> Vec<u8> {
        let change = doc.get_last_local_change().unwrap();
        let chunk = scan(change.raw_bytes()).next().unwrap().unwrap();
        chunk.payload().to_vec()
    }

    fn unfold(payload: &[u8]) -> Result<Unfolded, ScanError> {
        let mut unfolded = Unfolded::default();
        unfolded.add(payload).map(|_| unfolded)
    }

    /// DO43: what a change unfolds to is read off its run lengths, whatever it does.
    #[test]
    fn do43_what_a_change_unfolds_to_is_counted() {
        let mut doc = Automerge::new().with_actor(ActorId::from([1]));
        doc.transact::<_, _, AutomergeError>(|tx| {
            let list = tx.put_object(ROOT, "list", ObjType::List)?;
            tx.splice(&list, 0, 0, vec![ScalarValue::Null; 1_000])
        })
        .unwrap();
        let made = payload_of(&doc);
        assert!(made.len() < 100, "a thousand operations are few bytes");
        assert_eq!(unfold(&made).unwrap(), Unfolded { ops: 1_001, replacing: 0, replaced: 0, key_bytes: 4 });

        doc.transact::<_, _, AutomergeError>(|tx| {
            for value in 0..50 {
                tx.put(ROOT, "key", value)?;
            }
            Ok(())
        })
        .unwrap();
        let put = Unfolded { ops: 50, replacing: 49, replaced: 49, key_bytes: 150 };
        assert_eq!(unfold(&payload_of(&doc)).unwrap(), put);

        let mut both = Unfolded::default();
        assert_eq!((both.add(&made), both.add(&payload_of(&doc))), (Ok(1_001), Ok(1)), "each for itself");
    }

    /// DO43: what cannot be measured is not read.
    #[test]
    fn do43_what_is_cut_off_is_not_measured() {
        let mut doc = Automerge::new().with_actor(ActorId::from([1]));
        doc.transact::<_, _, AutomergeError>(|tx| tx.put(ROOT, "key", 1)).unwrap();
        let made = payload_of(&doc);
        for length in 0..made.len() {
            assert!(unfold(&made[..length]).is_err(), "{length}");
        }
    }

    /// DO64: an operation names no actor that is not in the change's list.
    #[test]
    fn do64_actors_are_among_those_that_are_listed() {
        let runs = |column: &[u8], others| check_actors(Reader { rest: column }, others);
        assert_eq!(
            runs(&[0x7e, 0, 1, 0, 3, 2, 1], 1),
            Ok(()),
            "two of them, three times nobody, twice the other"
        );
        assert_eq!(runs(&[0x7e, 0, 2], 1), Err(ScanError::Actor));
        assert_eq!(runs(&[2, 1], 0), Err(ScanError::Actor));
        assert_eq!(runs(&[2], 0), Err(ScanError::Short));
    }

    /// DO43: a count is believed as far as bytes account for it, or what is there.
    #[test]
    fn do43_a_count_alone_is_too_much() {
        let zeroes = |ops| Unfolded { ops, ..Unfolded::default() };
        assert!(!zeroes(1 << 18).is_too_much(60, 0));
        assert!(zeroes(2 << 20).is_too_much(60, 5 << 20));
        assert!(!zeroes(5 << 20).is_too_much(5 << 20, 0), "each letter of a long text");
        let deletes = |ops| Unfolded { ops, replacing: ops, replaced: ops, key_bytes: 0 };
        assert!(!deletes(5 << 20).is_too_much(60, 5 << 20), "all of a long text");
        assert!(deletes(5 << 20).is_too_much(60, 1 << 20));
        let of_many = Unfolded { ops: 1, replacing: 1, replaced: 1 << 40, key_bytes: 0 };
        assert!(of_many.is_too_much(60, 1 << 20));
        assert!(Unfolded { key_bytes: 1 << 30, ..zeroes(1_000) }.is_too_much(1 << 20, 0));
    }
}
