//! A document as JSON at some heads, and the last steps that led there.
//!
//! Edit path: ← a feed has looked, → its subscribers, each of whom knows the heads it was told last and
//! asks what came [`since`](State::since).
//!
//! Always true: a state's text is the document at its heads, and each update leads from its `from` to its
//! `to`. The newest update leads to the state's own heads, and each begins where the one before it ends.

use automerge::ChangeHash;
use dovetail_core::document::Heads;
use dovetail_core::json;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;

/// How many updates are kept for those who are a little late: at 20 a second, a second and a half.
const RECENT_MAX: usize = 32;

/// How many bytes they may have together; the newest is kept whatever it has. Whoever is later than this is
/// told the difference from what they had, made for them.
const RECENT_BYTES_MAX: usize = 256 * 1024;

/// Up to how many bytes of text a document is kept as values too, to be compared with what comes next:
/// those take up to 16 times as much. Of a larger one the older state is read again from its history.
const KEPT_BYTES_MAX: usize = 1024 * 1024;

/// What leads from one state to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// Who has just this,
    pub from: Heads,
    /// has this after it.
    pub to: Heads,
    /// The operations of a JSON Patch with commas between them, without the brackets.
    operations: String,
}

impl Update {
    /// The difference between two readings of a document.
    #[must_use]
    pub fn between(from: &Heads, to: &Heads, before: &Value, after: &Value) -> Self {
        let listed = serde_json::to_string(&json::diff(before, after)).expect("values and pointers are JSON");
        let operations = listed[1..listed.len() - 1].to_owned();
        Self { from: from.clone(), to: to.clone(), operations }
    }

    /// For one who has everything.
    #[must_use]
    pub fn nothing(heads: &Heads) -> Self {
        Self { from: heads.clone(), to: heads.clone(), operations: String::new() }
    }

    /// The JSON Patch (RFC 6902) as text. Empty when changes were made that do not show.
    #[must_use]
    pub fn patch(&self) -> String {
        format!("[{}]", self.operations)
    }
}

/// What a subscriber lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// Nothing.
    Nothing,
    /// This.
    Update(Arc<Update>),
    /// It left so long ago, or came from somewhere else, that nobody remembers.
    Forgotten,
}

/// See the top of the file.
#[derive(Debug)]
pub struct State {
    /// Sorted.
    pub heads: Heads,
    /// The document as JSON, as GET shows it.
    pub text: Arc<str>,
    /// The same, if it is small.
    pub value: Option<Value>,
    recent: VecDeque<Arc<Update>>,
}

impl State {
    /// What was read first.
    #[must_use]
    pub fn first(heads: Heads, value: Value) -> Self {
        Self::with(heads, value, VecDeque::new())
    }

    /// What was read next; `before` is what this state reads as.
    #[must_use]
    pub fn followed_by(&self, before: &Value, heads: Heads, value: Value) -> Self {
        let update = Arc::new(Update::between(&self.heads, &heads, before, &value));
        let mut recent = self.recent.clone();
        recent.push_back(update);
        let mut bytes: usize = recent.iter().map(|update| update.operations.len()).sum();
        while recent.len() > 1 && (recent.len() > RECENT_MAX || bytes > RECENT_BYTES_MAX) {
            bytes -= recent.pop_front().map_or(0, |oldest| oldest.operations.len());
        }
        Self::with(heads, value, recent)
    }

    fn with(heads: Heads, value: Value, recent: VecDeque<Arc<Update>>) -> Self {
        let text: Arc<str> = value.to_string().into();
        let value = Some(value).filter(|_| text.len() <= KEPT_BYTES_MAX);
        Self { heads, text, value, recent }
    }

    /// What one lacks who was told everything up to `heads`. Several updates become one: operations are
    /// applied in their order, so they need only be put in a row.
    #[must_use]
    pub fn since(&self, heads: &[ChangeHash]) -> Since {
        if *self.heads == *heads {
            return Since::Nothing;
        }
        let Some(missed) = self.recent.iter().position(|update| *update.from == *heads) else {
            return Since::Forgotten;
        };
        let mut missed = self.recent.iter().skip(missed);
        let Some(first) = missed.next() else { return Since::Forgotten };
        if missed.len() == 0 {
            return Since::Update(first.clone());
        }
        let mut joined = Update::clone(first);
        for update in missed {
            joined.append(update);
        }
        Since::Update(Arc::new(joined))
    }
}

impl Update {
    fn append(&mut self, next: &Update) {
        if !self.operations.is_empty() && !next.operations.is_empty() {
            self.operations.push(',');
        }
        self.operations.push_str(&next.operations);
        self.to = next.to.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn heads(n: u8) -> Heads {
        Arc::from([ChangeHash([n; 32])])
    }

    fn applied(before: &Value, update: &Update) -> Value {
        let operations: json_patch::Patch = serde_json::from_str(&update.patch()).unwrap();
        let mut value = before.clone();
        json_patch::patch(&mut value, &operations).unwrap();
        value
    }

    /// FE7: whoever missed some updates gets them as one; who has everything gets none, and whom nobody
    /// remembers is told so.
    #[test]
    fn fe7_missed_updates_come_as_one() {
        let value = |n: u8| json!({"n": n, "list": (0..n).collect::<Vec<u8>>()});
        let mut state = State::first(heads(0), value(0));
        for n in 1..=5 {
            state = state.followed_by(&value(n - 1), heads(n), value(n));
        }
        for n in 0..5 {
            let Since::Update(update) = state.since(&heads(n)) else { panic!("{n} is remembered") };
            assert_eq!((&update.from, &update.to), (&heads(n), &heads(5)));
            assert_eq!(applied(&value(n), &update), value(5), "from {n}");
        }
        assert_eq!(state.since(&heads(5)), Since::Nothing);
        assert_eq!(state.since(&heads(9)), Since::Forgotten);
    }

    /// FE7: changes that do not show are an empty patch to newer heads, and join with others.
    #[test]
    fn fe7_changes_that_do_not_show_are_an_empty_patch() {
        let value = json!({"n": 1});
        let mut state = State::first(heads(0), value.clone());
        for n in 1..=2 {
            state = state.followed_by(&value, heads(n), value.clone());
        }
        let Since::Update(update) = state.since(&heads(0)) else { panic!("remembered") };
        assert_eq!((update.patch().as_str(), &update.to), ("[]", &heads(2)));
    }

    /// FE8: what is kept for those who are late is bounded in number and in bytes.
    #[test]
    fn fe8_what_is_kept_for_the_late_is_bounded() {
        let mut state = State::first(heads(0), json!(0));
        for n in 1..=100 {
            state = state.followed_by(&json!(n - 1), heads(n), json!(n));
        }
        assert_eq!(state.recent.len(), RECENT_MAX);
        assert_eq!(state.since(&heads(100 - RECENT_MAX as u8 - 1)), Since::Forgotten);

        let long = |n: u8| json!(n.to_string().repeat(RECENT_BYTES_MAX / 2));
        for n in 101..=104 {
            state = state.followed_by(&long(n - 1), heads(n), long(n));
        }
        assert_eq!(state.recent.len(), 1, "the newest is kept whatever it has");
        assert!(matches!(state.since(&heads(103)), Since::Update(_)));
        assert!(state.value.is_some());
        let large = json!("x".repeat(KEPT_BYTES_MAX));
        assert!(
            state.followed_by(&long(104), heads(105), large).value.is_none(),
            "large ones are read again"
        );
    }
}
