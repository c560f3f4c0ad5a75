//! Which changes brought a conflict about, and which of them did not know of each other.
//!
//! Edit path: ← the registers in play of a [`Violation`](super::violation::Violation); → the causes of a conflict, and
//! one sentence made of them.
//!
//! Only conflicts have causes looked up, and those are few. Whether a change knew of another is
//! read off the register that the other set: a register in play is live, so nobody has overwritten
//! it, so whoever knew of it saw its value. Automerge answers that without a walk through the
//! history. Only for items without a name of their own there is a walk, and it has a bound.

use super::CAUSES_MAX;
use super::conflict::{Cause, Touched};
use super::message::{cut, shown};
use super::path::names_to_text;
use super::reader::map_at;
use super::violation::Register;
use crate::authors::Authors;
use automerge::{Automerge, ChangeHash, ObjId, ReadDoc};
use std::collections::{BTreeMap, BTreeSet};

/// How many changes one walk looks at. At some 0.5 µs each this is a millisecond; what is not found
/// within it counts as known.
const WALK_MAX: usize = 2_000;

/// The most bytes of what a change says of itself: its message, its author.
const WORDS_BYTES_MAX: usize = 200;

/// What is known of one change, and what it set.
struct Known<'v> {
    hash: ChangeHash,
    max_op: u64,
    registers: Vec<&'v Register>,
    cause: Cause,
}

/// The causes, oldest first, and what they amount to in words.
pub(crate) fn of(doc: &Automerge, authors: &Authors, registers: &[Register]) -> (Vec<Cause>, String) {
    let mut known = known(doc, authors, registers);
    // Of each change, which of the older ones its maker knew of. Who knew of a change knew of all
    // that its maker knew of, so in a plain history there is one question for each change.
    let mut knew: Vec<BTreeSet<usize>> = Vec::new();
    for younger in 0..known.len() {
        let mut knows_of = BTreeSet::new();
        for older in (0..younger).rev() {
            if !knows_of.contains(&older) && knows(doc, &known[younger], &known[older]) {
                knows_of.insert(older);
                knows_of.extend(&knew[older]);
            }
        }
        for older in (0..younger).filter(|older| !knows_of.contains(older)) {
            let (one, other) = (known[older].cause.change.clone(), known[younger].cause.change.clone());
            known[older].cause.apart_from.push(other);
            known[younger].cause.apart_from.push(one);
        }
        knew.push(knows_of);
    }
    let words = in_words(&known);
    (known.into_iter().map(|known| known.cause).collect(), words)
}

/// The changes that set the registers, oldest first; the latest few of them.
fn known<'v>(doc: &Automerge, authors: &Authors, registers: &'v [Register]) -> Vec<Known<'v>> {
    let mut by_change: BTreeMap<ChangeHash, Vec<&Register>> = BTreeMap::new();
    for register in registers {
        if let Some(hash) = doc.hash_for_opid(&register.op) {
            by_change.entry(hash).or_default().push(register);
        }
    }
    let mut known: Vec<Known<'_>> = by_change
        .into_iter()
        .filter_map(|(hash, registers)| {
            let meta = doc.get_change_meta_by_hash(&hash)?;
            let cause = Cause {
                change: hash.to_string(),
                actor: meta.actor.to_string(),
                author: author(&meta, authors),
                time: u64::try_from(meta.timestamp).unwrap_or(0).saturating_mul(1_000),
                message: meta.message.as_ref().map(|message| words_of(message.as_bytes())),
                touched: touched(doc, hash, &registers),
                apart_from: Vec::new(),
            };
            Some(Known { hash, max_op: meta.max_op, registers, cause })
        })
        .collect();
    known.sort_by(|one, other| (one.max_op, &one.cause.actor).cmp(&(other.max_op, &other.cause.actor)));
    let surplus = known.len().saturating_sub(CAUSES_MAX);
    known.drain(..surplus);
    known
}

fn touched(doc: &Automerge, hash: ChangeHash, registers: &[&Register]) -> Vec<Touched> {
    let mut by_subject: BTreeMap<&str, Touched> = BTreeMap::new();
    for register in registers {
        let touched = by_subject.entry(&register.subject).or_insert_with(|| Touched {
            subject: register.subject.clone(),
            fields: Vec::new(),
            created: doc.hash_for_opid(&register.item) == Some(hash),
        });
        let field = names_to_text(&register.names);
        if !field.is_empty() && !touched.fields.contains(&field) {
            touched.fields.push(field);
        }
    }
    by_subject.into_values().collect()
}

/// Whether the maker of `one` knew of `other`, which has no more operations before it.
fn knows(doc: &Automerge, one: &Known<'_>, other: &Known<'_>) -> bool {
    if one.cause.actor == other.cause.actor {
        return true; // An actor knows what it did.
    }
    let register = other.registers[0];
    match place_of(doc, register) {
        Some((holder, name)) => {
            let seen = doc.get_all_at(&holder, name.as_str(), &[one.hash]).unwrap_or_default();
            seen.iter().any(|(_, op)| *op == register.op)
        }
        None => finds(doc, one, other),
    }
}

/// The object that holds the register, and its name there.
fn place_of(doc: &Automerge, register: &Register) -> Option<(ObjId, String)> {
    let (last, way) = register.names.split_last()?;
    let holder = way.iter().try_fold(register.item.clone(), |object, name| map_at(doc, &object, name))?;
    Some((holder, last.clone()))
}

/// Whether `other` is found among what `one` builds on.
fn finds(doc: &Automerge, one: &Known<'_>, other: &Known<'_>) -> bool {
    let mut open = vec![one.hash];
    let mut seen = BTreeSet::new();
    while let Some(hash) = open.pop() {
        let Some(meta) = doc.get_change_meta_by_hash(&hash) else { continue };
        for dep in &meta.deps {
            if *dep == other.hash {
                return true;
            }
            if !seen.insert(*dep) {
                continue;
            }
            if seen.len() > WALK_MAX {
                return true;
            }
            // A change counts on from all that it knows of, so below this there is nothing to find.
            if doc.get_change_meta_by_hash(dep).is_some_and(|dep| dep.max_op > other.max_op) {
                open.push(*dep);
            }
        }
    }
    false
}

/// One sentence: what happened to what, and whether that was at the same time.
fn in_words(known: &[Known<'_>]) -> String {
    let mut sentence = String::new();
    for (index, one) in known.iter().enumerate() {
        let Some(clause) = clause(one) else { continue };
        if !sentence.is_empty() {
            let earlier = &known[..index];
            let apart = earlier.iter().any(|other| one.cause.apart_from.contains(&other.cause.change));
            sentence.push_str(if apart { " while " } else { ", then " });
        }
        sentence.push_str(&clause);
    }
    if !sentence.is_empty() {
        sentence.push('.');
    }
    sentence
}

fn clause(known: &Known<'_>) -> Option<String> {
    let parts: Vec<String> = known
        .cause
        .touched
        .iter()
        .filter_map(|touched| {
            let register = known.registers.iter().find(|register| register.subject == touched.subject)?;
            Some(what_happened(touched, register))
        })
        .collect();
    let (last, before) = parts.split_last()?;
    let what = if before.is_empty() { last.clone() } else { format!("{} and {last}", before.join(", ")) };
    let by = known.cause.author.as_ref().map_or_else(String::new, |author| format!(" by {}", cut(author)));
    Some(format!("{what}{by}"))
}

fn what_happened(touched: &Touched, register: &Register) -> String {
    let label = format!("\"{}\"", cut(&register.label));
    let last_names: BTreeSet<&str> =
        touched.fields.iter().filter_map(|field| field.rsplit('.').next()).collect();
    let moved = last_names.contains("x") || last_names.contains("y");
    let resized = last_names.contains("w") || last_names.contains("h");
    let only = |names: &[&str]| last_names.iter().all(|name| names.contains(name));
    match (touched.created, touched.fields.as_slice()) {
        (true, _) => format!("{label} was added"),
        (false, []) => format!("{label} was set"),
        (false, _) if moved && resized && only(&["x", "y", "w", "h"]) => {
            format!("{label} was moved and resized")
        }
        (false, _) if moved && only(&["x", "y"]) => format!("{label} was moved"),
        (false, _) if resized && only(&["w", "h"]) => format!("{label} was resized"),
        (false, [field]) => {
            let value =
                register.value.as_ref().map_or_else(String::new, |value| format!(" to {}", shown(value)));
            format!("{field} of {label} was set{value}")
        }
        (false, fields) => format!("{} of {label} were set", fields.join(" and ")),
    }
}

/// Authors are bytes to Automerge: a name where they are text, hex otherwise.
/// Who made a change: as it is known, or as the change says where nobody is known.
fn author(change: &automerge::ChangeMetadata<'_>, authors: &Authors) -> Option<String> {
    let claimed = || change.author.as_ref().filter(|_| authors.is_empty()).map(author_text);
    authors
        .of(&change.actor, change.seq)
        .map(|subject| words_of(subject.as_str().as_bytes()))
        .or_else(claimed)
}

fn author_text(author: &automerge::Author<'_>) -> String {
    match std::str::from_utf8(author.as_bytes()) {
        Ok(name) if !name.chars().any(char::is_control) => words_of(name.as_bytes()),
        _ => words_of(author.to_string().as_bytes()),
    }
}

/// Foreign bytes as a line of text.
fn words_of(bytes: &[u8]) -> String {
    let end = bytes.len().min(WORDS_BYTES_MAX);
    let text = String::from_utf8_lossy(&bytes[..end]);
    text.trim_end_matches('\u{fffd}')
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}
