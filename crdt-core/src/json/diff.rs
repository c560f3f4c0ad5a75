//! The difference of two values, as JSON Patch (RFC 6902).
//!
//! Edit path: ← a document as it was at two moments; → a list of `add`, `remove` and `replace`
//! that makes the one of the other.
//!
//! Always true here: whoever applies the patch to the first value has the second one, the form of
//! numbers included. List items are known by their `id` where they have one, so an item that was
//! moved is removed and added, and the others are not mentioned.

use super::script::pair_items;
use super::write::{escaped, sorted};
use serde_json::{Map, Value, json};

/// The operations that make `new` of `old`, both within [`DEPTH_MAX`](super::DEPTH_MAX) levels and one.
#[must_use]
pub fn diff(old: &Value, new: &Value) -> Vec<Value> {
    let mut found = Found { path: String::new(), operations: Vec::new() };
    found.value(old, new);
    found.operations
}

struct Found {
    /// Where we are, as a JSON pointer.
    path: String,
    operations: Vec<Value>,
}

impl Found {
    fn value(&mut self, old: &Value, new: &Value) {
        match (old, new) {
            _ if old == new => {}
            (Value::Object(old), Value::Object(new)) => self.members(old, new),
            (Value::Array(old), Value::Array(new)) => self.items(old, new),
            _ => self.operations.push(json!({"op": "replace", "path": self.path, "value": new})),
        }
    }

    fn members(&mut self, old: &Map<String, Value>, new: &Map<String, Value>) {
        for (key, member) in sorted(old) {
            self.at(&escaped(key), |found| match new.get(key) {
                None => found.remove(),
                Some(new) => found.value(member, new),
            });
        }
        for (key, member) in sorted(new).filter(|(key, _)| !old.contains_key(*key)) {
            self.at(&escaped(key), |found| found.add(member));
        }
    }

    /// From the end to the front, so that places that are still to come stay where they are.
    fn items(&mut self, old: &[Value], new: &[Value]) {
        let mut end = (old.len(), new.len());
        for pair in pair_items(old, new).iter().rev().map(Some).chain([None]) {
            let (at, to) = pair.map_or((0, 0), |(at, to)| (at + 1, to + 1));
            for index in (at..end.0).rev() {
                self.at(&index.to_string(), Self::remove);
            }
            for item in new[to..end.1].iter().rev() {
                self.at(&at.to_string(), |found| found.add(item));
            }
            let Some(&(at, to)) = pair else { break };
            self.at(&at.to_string(), |found| found.value(&old[at], &new[to]));
            end = (at, to);
        }
    }

    fn at(&mut self, step: &str, inside: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push('/');
        self.path.push_str(step);
        inside(self);
        self.path.truncate(length);
    }

    fn add(&mut self, value: &Value) {
        self.operations.push(json!({"op": "add", "path": self.path, "value": value}));
    }

    fn remove(&mut self) {
        self.operations.push(json!({"op": "remove", "path": self.path}));
    }
}
