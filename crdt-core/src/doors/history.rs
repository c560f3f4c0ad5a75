//! Who did what to a document, in what order.
//!
//! Edit path: ← the changes of a document, → groups of changes that one person made in one go, the
//! newest first, page by page.
//!
//! Always true here: the order depends on nothing but the changes, so that every replica shows
//! the same history. A change stands after those it knew of; among those that did not know of each
//! other a person's stay together. A cursor names the state of which it is a page, so what is
//! written meanwhile moves nothing.

use super::base::{UnknownHeads, check_heads, sorted_heads};
use crate::authors::Authors;
use crate::time::Timestamp;
use automerge::{ActorId, Author, Automerge, ChangeHash, ChangeMetadata};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

/// How long a person may do nothing and still be at the same thing. Who stops longer has had a
/// coffee, or another thought.
pub const PAUSE: Duration = Duration::from_secs(5 * 60);

/// How many hashes a group lists, those of the newest changes; more are counted. A client that wants them all has the document.
pub const HASHES_MAX: usize = 100;

/// How many messages a group lists, the newest ones, since a history is read from the newest on. They are a line each, and with
/// fewer than [`HASHES_MAX`] of them what they are about can be looked up.
pub const MESSAGES_MAX: usize = 25;

const _: () = assert!(MESSAGES_MAX < HASHES_MAX);

/// How many heads a cursor may name: as many as fit into a URL.
const CURSOR_HEADS_MAX: usize = 64;

/// A page of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The newest first.
    pub groups: Vec<Group>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

/// Changes that one person made in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The heads of the document after these changes, sorted: it can be read, compared and restored
    /// as it was then.
    pub heads: Vec<ChangeHash>,
    /// Who made the last of them.
    pub actor: ActorId,
    /// For whom, where that is known: text, or hexadecimal where it is no text.
    pub author: Option<String>,
    /// The earliest time that one of them names.
    pub from: Timestamp,
    /// The latest time that one of them names.
    pub to: Timestamp,
    /// How many there are.
    pub changes: usize,
    /// What they say of themselves, each line once and where it was said last, the newest last; the newest [`MESSAGES_MAX`] at most.
    pub messages: Vec<String>,
    /// How many other lines there are, all older than those.
    pub messages_left_out: usize,
    /// Their hashes, the oldest first; those of the newest [`HASHES_MAX`] at most.
    pub hashes: Vec<ChangeHash>,
}

/// A place between two pages: the heads of the state whose history it is, and how many groups came
/// before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    heads: Vec<ChangeHash>,
    passed: usize,
}

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this history")]
pub struct BadCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.passed)?;
        self.heads.iter().try_for_each(|head| write!(f, ".{head}"))
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let mut parts = text.split('.');
        let passed = parts.next().and_then(|passed| passed.parse().ok()).ok_or(BadCursor)?;
        let heads: Vec<ChangeHash> = parts
            .take(CURSOR_HEADS_MAX + 1)
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| BadCursor)?;
        if heads.is_empty() || heads.len() > CURSOR_HEADS_MAX {
            return Err(BadCursor);
        }
        Ok(Self { heads, passed })
    }
}

/// A page of at most `limit` groups, from the newest change on or from where the last page ended.
///
/// Who made a change is told as `authors` know it. What a change says of itself counts only where they know nobody at all.
///
/// # Errors
/// When the cursor is of another document.
pub fn history(
    doc: &Automerge,
    authors: &Authors,
    cursor: Option<&Cursor>,
    limit: usize,
) -> Result<History, UnknownHeads> {
    let (heads, passed) = match cursor {
        Some(cursor) => (cursor.heads.clone(), cursor.passed),
        None => (sorted_heads(doc), 0),
    };
    check_heads(doc, &heads)?;
    let changes = Changes::at(doc, authors, &heads);
    let order = changes.in_order();
    let spans = changes.spans(&order);

    // Groups are counted from the newest; spans stand from the oldest to the newest.
    let end = spans.len().saturating_sub(passed);
    let begin = end.saturating_sub(limit);
    let mut groups = changes.groups(&order, &spans[begin..end]);
    groups.reverse();
    // A state of more heads than a cursor names is shown as far as the first page goes.
    let has_next = begin > 0 && heads.len() <= CURSOR_HEADS_MAX;
    let next = has_next.then(|| Cursor { heads, passed: passed + groups.len() });
    Ok(History { groups, next })
}

/// The changes of a state, each with the places of those it knew of.
struct Changes<'d> {
    authors: &'d Authors,
    known: Vec<ChangeMetadata<'d>>,
    deps: Vec<Vec<usize>>,
    /// By number, so that persons are compared quickly.
    persons: Vec<usize>,
}

impl<'d> Changes<'d> {
    fn at(doc: &'d Automerge, authors: &'d Authors, heads: &[ChangeHash]) -> Self {
        let all = doc.get_changes_meta(&[]);
        let places: BTreeMap<ChangeHash, usize> =
            all.iter().enumerate().map(|(at, change)| (change.hash, at)).collect();
        let mut is_in = vec![false; all.len()];
        let mut open: Vec<usize> = heads.iter().filter_map(|head| places.get(head).copied()).collect();
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut is_in[at], true) {
                open.extend(all[at].deps.iter().filter_map(|dep| places.get(dep)));
            }
        }
        let known: Vec<_> =
            all.into_iter().zip(is_in).filter(|(_, is_in)| *is_in).map(|(change, _)| change).collect();
        let places: BTreeMap<ChangeHash, usize> =
            known.iter().enumerate().map(|(at, change)| (change.hash, at)).collect();
        let deps = known.iter().map(|change| change.deps.iter().filter_map(|dep| places.get(dep).copied()));
        let deps = deps.map(Iterator::collect).collect();
        let mut numbers = BTreeMap::new();
        let mut persons = Vec::with_capacity(known.len());
        for change in &known {
            let next = numbers.len();
            persons.push(*numbers.entry(person(change, authors)).or_insert(next));
        }
        Self { known, deps, persons, authors }
    }

    /// Every change after those it knew of, and a person's one after the other as far as that goes.
    fn in_order(&self) -> Vec<usize> {
        let mut waits: Vec<usize> = self.deps.iter().map(Vec::len).collect();
        let mut next: Vec<Vec<usize>> = vec![Vec::new(); self.known.len()];
        for (at, deps) in self.deps.iter().enumerate() {
            deps.iter().for_each(|dep| next[*dep].push(at));
        }
        let mut ready = BTreeSet::new();
        let mut ready_of: BTreeMap<usize, BTreeSet<Key<'_>>> = BTreeMap::new();
        let first: Vec<usize> = (0..waits.len()).filter(|at| waits[*at] == 0).collect();
        for at in first {
            ready.insert(self.key(at));
            ready_of.entry(self.persons[at]).or_default().insert(self.key(at));
        }
        let mut order: Vec<usize> = Vec::with_capacity(self.known.len());
        loop {
            let goes_on = order.last().and_then(|last| {
                let same = ready_of.get(&self.persons[*last])?.first()?;
                self.is_one_go(*last, same.at).then_some(*same)
            });
            let Some(key) = goes_on.or_else(|| ready.first().copied()) else { return order };
            ready.remove(&key);
            if let Some(of_person) = ready_of.get_mut(&self.persons[key.at]) {
                of_person.remove(&key);
            }
            order.push(key.at);
            for at in &next[key.at] {
                waits[*at] -= 1;
                if waits[*at] == 0 {
                    ready.insert(self.key(*at));
                    ready_of.entry(self.persons[*at]).or_default().insert(self.key(*at));
                }
            }
        }
    }

    fn key(&self, at: usize) -> Key<'_> {
        let change = &self.known[at];
        Key { start_op: change.start_op, actor: &change.actor, seq: change.seq, at }
    }

    /// Whether the second change belongs to the same go as the first, which stands before it.
    fn is_one_go(&self, first: usize, second: usize) -> bool {
        let pause = self.known[second].timestamp.abs_diff(self.known[first].timestamp);
        self.persons[first] == self.persons[second] && pause <= PAUSE.as_secs()
    }

    /// Where in the order each group lies, the oldest first.
    fn spans(&self, order: &[usize]) -> Vec<Range<usize>> {
        let mut spans: Vec<Range<usize>> = Vec::new();
        for place in 0..order.len() {
            match spans.last_mut() {
                Some(span) if self.is_one_go(order[place - 1], order[place]) => span.end = place + 1,
                _ => spans.push(place..place + 1),
            }
        }
        spans
    }

    fn groups(&self, order: &[usize], spans: &[Range<usize>]) -> Vec<Group> {
        let mut heads: BTreeSet<ChangeHash> = BTreeSet::new();
        let mut groups = Vec::with_capacity(spans.len());
        let mut place = 0;
        for span in spans {
            for at in &order[place..span.end] {
                for dep in &self.deps[*at] {
                    heads.remove(&self.known[*dep].hash);
                }
                heads.insert(self.known[*at].hash);
            }
            place = span.end;
            groups.push(self.group(&order[span.clone()], heads.iter().copied().collect()));
        }
        groups
    }

    fn group(&self, members: &[usize], heads: Vec<ChangeHash>) -> Group {
        let changes = || members.iter().map(|at| &self.known[*at]);
        let times = || changes().map(|change| moment(change.timestamp));
        let (messages, messages_left_out) = newest(changes().filter_map(|change| change.message.as_deref()));
        Group {
            heads,
            actor: changes()
                .next_back()
                .map_or_else(|| ActorId::from([0; 16]), |last| last.actor.as_ref().clone()),
            author: changes().next_back().and_then(|last| author(last, self.authors)),
            from: times().min().unwrap_or_default(),
            to: times().max().unwrap_or_default(),
            changes: members.len(),
            messages,
            messages_left_out,
            hashes: changes()
                .skip(members.len().saturating_sub(HASHES_MAX))
                .map(|change| change.hash)
                .collect(),
        }
    }
}

/// Each line once, where it was said last; those that are listed, and how many others there are.
fn newest<'m>(said: impl DoubleEndedIterator<Item = &'m str>) -> (Vec<String>, usize) {
    let mut known = BTreeSet::new();
    let mut messages: Vec<String> = Vec::new();
    for message in said.rev().filter(|message| known.insert(*message)) {
        if messages.len() < MESSAGES_MAX {
            messages.push(message.to_owned());
        }
    }
    messages.reverse();
    let left_out = known.len() - messages.len();
    (messages, left_out)
}

/// Where a change stands among those that could come as well. The same on every replica: `at` only
/// tells apart what is not told apart by actor and number, and nothing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'c> {
    start_op: u64,
    actor: &'c ActorId,
    seq: u64,
    at: usize,
}

/// Whose change it is: the author's, or, where none is known, the actor's.
fn person(change: &ChangeMetadata<'_>, authors: &Authors) -> Vec<u8> {
    match author(change, authors) {
        Some(author) => [b"author ".as_slice(), author.as_bytes()].concat(),
        None => [b"actor ".as_slice(), change.actor.to_bytes()].concat(),
    }
}

/// Who made a change: as it is known, or as the change says where nobody is known.
fn author(change: &ChangeMetadata<'_>, authors: &Authors) -> Option<String> {
    let claimed = || change.author.as_ref().filter(|_| authors.is_empty()).map(author_text);
    authors.of(&change.actor, change.seq).map(ToString::to_string).or_else(claimed)
}

fn author_text(author: &Author<'_>) -> String {
    let bytes: &[u8] = author.as_bytes();
    let hex = || bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    std::str::from_utf8(bytes).map_or_else(|_| hex(), str::to_owned)
}

/// A change carries whole seconds, and a stranger's may carry anything.
fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_millis(u64::try_from(seconds).unwrap_or(0).saturating_mul(1000))
}
