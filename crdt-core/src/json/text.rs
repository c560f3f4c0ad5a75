//! A new text over the old one: only what differs is typed and deleted.
//!
//! Edit path: ← [`assign`](super::assign()) where a text object stands; → operations for single
//! characters, so that what somebody else types into the same text at the same time stays.
//!
//! Always true here: the work is bounded. Automerge's own comparison takes the product of what
//! differs, so longer differences are found word by word; and where one call has changed so many letters
//! that no care is left, the text is put there as one register.

use super::TEXT_BYTES_MAX;
use super::assign::{Care, REMOVALS_MAX, Stop, Writing};
use super::script::{gaps, pair_words};
use automerge::transaction::Transactable;
use automerge::{ObjId, Prop, TextEncoding};

/// How many bytes of the old and the new text, between what they have in common at both ends,
/// are compared letter by letter: at 4,096 against 4,096 with nothing in common that takes 0.1 s.
const LETTERS_BYTES_MAX: usize = 4096;

/// Makes the text object at `prop` of `object` read as `new`.
pub(super) fn write<T: Transactable>(
    writing: &mut Writing<'_, T>,
    object: &ObjId,
    prop: Prop,
    text: &ObjId,
    new: &str,
) -> Result<(), Stop> {
    let old = writing.tx.text(text)?;
    if old == new {
        return Ok(());
    }
    let (old_middle, new_middle) = differing(&old, new);
    let (removed, typed) = (old_middle.chars().count(), new_middle.len());
    // At worst each letter is a place of its own.
    let by_letters = care(removed.min(typed) + 1, removed, typed, old.len());
    let by_letters = Care { pairs: removed * typed, ..by_letters };
    if removed.max(typed) <= LETTERS_BYTES_MAX && writing.takes_care(by_letters) {
        writing.charge(removed + typed, old.len())?;
        return Ok(writing.tx.update_text(text, new)?);
    }
    let edits = by_words(&old, new, writing.tx.text_encoding());
    let typed: usize = edits.iter().map(|edit| edit.typed.len()).sum();
    let removed: usize = edits.iter().map(|edit| edit.removed).sum();
    if typed > TEXT_BYTES_MAX {
        // As a text object it would cost an operation for each character.
        return Ok(writing.tx.put(object, prop, new)?);
    }
    if removed > REMOVALS_MAX {
        return writing.put(object, prop, &new.into());
    }
    if !writing.takes_care(care(edits.len(), removed, typed, old.len())) {
        return Ok(writing.tx.put(object, prop, new)?);
    }
    writing.charge(removed + edits.len(), old.len())?;
    for edit in edits.iter().rev() {
        let removed = isize::try_from(edit.removed).expect("bounded above");
        writing.tx.splice_text(text, edit.at, removed, &edit.typed)?;
    }
    Ok(())
}

/// What it takes to change a text of `length` at so many places.
fn care(places: usize, removals: usize, letters: usize, length: usize) -> Care {
    Care { changes: places, removals, letters, pairs: 0, passed: places.saturating_mul(length) }
}

/// One place where a text changes, in the units that Automerge counts characters in.
struct Edit {
    at: usize,
    removed: usize,
    typed: String,
}

/// What is left of both texts without what they have in common at both ends.
fn differing<'a>(old: &'a str, new: &'a str) -> (&'a str, &'a str) {
    let same = |(old, new): &(char, char)| old == new;
    let width = |(letter, _): (char, char)| letter.len_utf8();
    let front: usize = old.chars().zip(new.chars()).take_while(same).map(width).sum();
    let (old, new) = (&old[front..], &new[front..]);
    let back: usize = old.chars().rev().zip(new.chars().rev()).take_while(same).map(width).sum();
    (&old[..old.len() - back], &new[..new.len() - back])
}

fn by_words(old: &str, new: &str, encoding: TextEncoding) -> Vec<Edit> {
    let old_words: Vec<&str> = old.split_inclusive(char::is_whitespace).collect();
    let new_words: Vec<&str> = new.split_inclusive(char::is_whitespace).collect();
    let pairs = pair_words(&old_words, &new_words);
    let mut begins = Vec::with_capacity(old_words.len() + 1);
    let mut at = 0;
    for word in &old_words {
        begins.push(at);
        at += width(word, encoding);
    }
    begins.push(at);
    let edit = |gap: super::script::Gap| Edit {
        at: begins[gap.old.start],
        removed: begins[gap.old.end] - begins[gap.old.start],
        typed: new_words[gap.new].concat(),
    };
    gaps(&pairs, old_words.len(), new_words.len()).into_iter().map(edit).collect()
}

/// How far Automerge moves on over a text.
fn width(text: &str, encoding: TextEncoding) -> usize {
    match encoding {
        TextEncoding::Utf8CodeUnit => text.len(),
        TextEncoding::Utf16CodeUnit => text.encode_utf16().count(),
        // Documents made by this library count code points. Graphemes are counted by nobody here.
        TextEncoding::UnicodeCodePoint | TextEncoding::GraphemeCluster => text.chars().count(),
    }
}
