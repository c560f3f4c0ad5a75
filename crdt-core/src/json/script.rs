//! How one list becomes another: which of its items stay, and where.
//!
//! Edit path: ← two lists, as JSON or as words of a text; → pairs of places that belong together.
//! What stands between two pairs is removed on the one side and inserted on the other.
//!
//! Always true here: pairs ascend on both sides. The work is bounded whatever the lists are: what
//! has its like once on each side is found by sorting, only what lies between is compared with
//! everything, and only as far as [`CELLS_MAX`] goes.

use serde_json::Value;
use std::collections::BTreeMap;

/// How many comparisons one gap between two certain pairs may take: 500 items against 500. A larger
/// gap in which nothing is unique is replaced as a whole. One comparison takes about 2 ns.
const CELLS_MAX: usize = 250_000;

/// Items of the old and the new list that belong together, in ascending order.
pub(super) type Pairs = Vec<(usize, usize)>;

/// Pairs the items of two lists. Objects with an `id` that is unique on both sides belong together
/// when the id is the same, however they differ inside; all else when it is equal. What is left
/// between two pairs and has no id is paired by position, when there are as many on both sides.
pub(super) fn pair_items(old: &[Value], new: &[Value]) -> Pairs {
    let front = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (&old[front..], &new[front..]);
    let back = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (&old_rest[..old_rest.len() - back], &new_rest[..new_rest.len() - back]);

    let mut names = Names::default();
    let (old_names, new_names) = (names.of_items(old_rest), names.of_items(new_rest));
    let mut pairs: Pairs = (0..front).map(|at| (at, at)).collect();
    let middle = pair_names(&old_names, &new_names);
    let middle = with_positions(&middle, old_rest, new_rest);
    pairs.extend(middle.into_iter().map(|(at, to)| (front + at, front + to)));
    pairs.extend((0..back).map(|at| (front + old_rest.len() + at, front + new_rest.len() + at)));
    pairs
}

/// Pairs two texts word by word.
pub(super) fn pair_words(old: &[&str], new: &[&str]) -> Pairs {
    let mut names = Names::default();
    let old: Vec<u32> = old.iter().map(|word| names.of((*word).to_owned())).collect();
    let new: Vec<u32> = new.iter().map(|word| names.of((*word).to_owned())).collect();
    pair_names(&old, &new)
}

/// The stretches between pairs, from the last to the first: `(old, new)` ranges of which one at
/// least is not empty, each with the pair that stands before it, if one does.
pub(super) fn gaps(pairs: &Pairs, old: usize, new: usize) -> Vec<Gap> {
    let ends = pairs.iter().copied().chain([(old, new)]);
    let starts = [(0, 0)].into_iter().chain(pairs.iter().map(|(at, to)| (at + 1, to + 1)));
    let gaps = starts.zip(ends).map(|((at, to), (old, new))| Gap { old: at..old, new: to..new });
    gaps.filter(|gap| !gap.old.is_empty() || !gap.new.is_empty()).collect()
}

/// What is removed and what is inserted in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) old: std::ops::Range<usize>,
    pub(super) new: std::ops::Range<usize>,
}

/// Numbers for items, so that they are compared by number.
#[derive(Default)]
struct Names {
    known: BTreeMap<String, u32>,
}

impl Names {
    fn of(&mut self, text: String) -> u32 {
        let next = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        *self.known.entry(text).or_insert(next)
    }

    fn of_items(&mut self, items: &[Value]) -> Vec<u32> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for id in items.iter().filter_map(id) {
            *seen.entry(id.to_string()).or_default() += 1;
        }
        let name = |item: &Value| match id(item).map(ToString::to_string) {
            Some(id) if seen.get(&id) == Some(&1) => format!("id {id}"),
            _ => item.to_string(),
        };
        items.iter().map(|item| self.of(name(item))).collect()
    }
}

/// What an item is known by, if it says so.
fn id(item: &Value) -> Option<&Value> {
    item.get("id").filter(|id| id.is_string() || id.is_number())
}

fn pair_names(old: &[u32], new: &[u32]) -> Pairs {
    let mut pairs = Vec::new();
    let (mut at, mut to) = (0, 0);
    for (anchor_at, anchor_to) in anchors(old, new).into_iter().chain([(old.len(), new.len())]) {
        let between = pair_all(&old[at..anchor_at], &new[to..anchor_to]);
        pairs.extend(between.into_iter().map(|(old, new)| (at + old, to + new)));
        if anchor_at < old.len() {
            pairs.push((anchor_at, anchor_to));
        }
        (at, to) = (anchor_at + 1, anchor_to + 1);
    }
    pairs
}

/// Of the names that stand once on each side, the most that keep their order.
fn anchors(old: &[u32], new: &[u32]) -> Pairs {
    let (old_once, new_once) = (once(old), once(new));
    let mut common: Pairs =
        old_once.iter().filter_map(|(name, at)| Some((*at, *new_once.get(name)?))).collect();
    common.sort_unstable();
    ascending(&common)
}

/// Where the names stand that stand there once.
fn once(names: &[u32]) -> BTreeMap<u32, usize> {
    let mut places: BTreeMap<u32, Option<usize>> = BTreeMap::new();
    for (at, name) in names.iter().enumerate() {
        places.entry(*name).and_modify(|place| *place = None).or_insert(Some(at));
    }
    places.into_iter().filter_map(|(name, place)| Some((name, place?))).collect()
}

/// A longest part of `pairs`, ascending on the left, that ascends on the right too.
fn ascending(pairs: &Pairs) -> Pairs {
    // `tails[n]` is the pair with the smallest right side in which such a part of n + 1 pairs ends.
    let mut tails: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (index, (_, to)) in pairs.iter().enumerate() {
        let length = tails.partition_point(|tail| pairs[*tail].1 < *to);
        before.push(length.checked_sub(1).map(|shorter| tails[shorter]));
        if length == tails.len() { tails.push(index) } else { tails[length] = index }
    }
    let mut chain = Vec::with_capacity(tails.len());
    let mut next = tails.last().copied();
    while let Some(index) = next {
        chain.push(pairs[index]);
        next = before[index];
    }
    chain.reverse();
    chain
}

/// A longest common part, by comparing everything with everything; only the ends when that is too much.
fn pair_all(old: &[u32], new: &[u32]) -> Pairs {
    let front = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (&old[front..], &new[front..]);
    let back = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (&old_rest[..old_rest.len() - back], &new_rest[..new_rest.len() - back]);

    let mut pairs: Pairs = (0..front).map(|at| (at, at)).collect();
    if old_rest.len().saturating_mul(new_rest.len()) <= CELLS_MAX {
        pairs.extend(longest_common(old_rest, new_rest).into_iter().map(|(at, to)| (front + at, front + to)));
    }
    pairs.extend((0..back).map(|at| (old.len() - back + at, new.len() - back + at)));
    pairs
}

fn longest_common(old: &[u32], new: &[u32]) -> Pairs {
    if old.is_empty() || new.is_empty() {
        return Vec::new();
    }
    // `longest[at][to]`: the length for what stands from `at` and from `to` on.
    let width = new.len() + 1;
    let mut longest = vec![0_u32; (old.len() + 1) * width];
    for at in (0..old.len()).rev() {
        for to in (0..new.len()).rev() {
            longest[at * width + to] = if old[at] == new[to] {
                longest[(at + 1) * width + to + 1] + 1
            } else {
                longest[(at + 1) * width + to].max(longest[at * width + to + 1])
            };
        }
    }
    let (mut at, mut to, mut pairs) = (0, 0, Vec::new());
    while at < old.len() && to < new.len() {
        if old[at] == new[to] {
            pairs.push((at, to));
            (at, to) = (at + 1, to + 1);
        } else if longest[(at + 1) * width + to] >= longest[at * width + to + 1] {
            at += 1;
        } else {
            to += 1;
        }
    }
    pairs
}

/// Adds pairs for what was changed where it stands and has no id to be known by.
fn with_positions(pairs: &Pairs, old: &[Value], new: &[Value]) -> Pairs {
    let mut all = pairs.clone();
    for Gap { old: at, new: to } in gaps(pairs, old.len(), new.len()) {
        let nameless = |items: &[Value]| items.iter().all(|item| id(item).is_none());
        if at.len() == to.len() && nameless(&old[at.clone()]) && nameless(&new[to.clone()]) {
            all.extend(at.zip(to));
        }
    }
    all.sort_unstable();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn paired(old: &Value, new: &Value) -> Pairs {
        pair_items(old.as_array().unwrap(), new.as_array().unwrap())
    }

    /// JD6: items are known by their id, wherever they stand and whatever they hold; others by what
    /// they are; and what has no id and was changed in place stays in its place.
    #[test]
    fn jd6_items_are_paired_by_id_then_by_value_then_by_place() {
        let (a, b, c) = (json!({"id": "a", "n": 1}), json!({"id": "b"}), json!({"id": 3}));
        let a2 = json!({"id": "a", "n": 2});
        assert_eq!(paired(&json!([a, b, c]), &json!([b, a2, c])), [(1, 0), (2, 2)]);
        assert_eq!(paired(&json!([a, b]), &json!([c, a2, b])), [(0, 1), (1, 2)]);
        assert_eq!(paired(&json!([1, 2, 3, 4]), &json!([1, 3, 4, 5])), [(0, 0), (2, 1), (3, 2)]);
        assert_eq!(paired(&json!([1, 2, 3]), &json!([1, 9, 3])), [(0, 0), (1, 1), (2, 2)]);
        assert_eq!(paired(&json!([a]), &json!([b])), [], "another id is another item");
        assert_eq!(
            paired(&json!([a, a, b]), &json!([a2, b, a2])),
            [(2, 1)],
            "an id used twice names nothing"
        );
    }

    /// JD6: two large lists that have nothing unique do not cost the product of their lengths.
    #[test]
    fn jd6_large_lists_without_names_are_not_compared_item_by_item() {
        let old: Vec<u32> = (0..200_000).map(|n| n % 3).collect();
        let new: Vec<u32> = (0..200_000).map(|n| (n + n / 7) % 3).collect();
        assert!(pair_names(&old, &new).len() < 200_000);
    }

    proptest! {
        /// JD6: pairs ascend on both sides and join equals; a list that only lost items keeps all others.
        #[test]
        fn jd6_pairs_ascend(
            old in prop::collection::vec(0u32..12, 0..40),
            new in prop::collection::vec(0u32..12, 0..40),
            kept in prop::collection::vec(any::<bool>(), 40),
        ) {
            let pairs = pair_names(&old, &new);
            prop_assert!(pairs.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 < two[1].1));
            prop_assert!(pairs.iter().all(|(at, to)| old[*at] == new[*to]));
            let unique: Vec<u32> = (0..old.len()).map(|n| n as u32).collect();
            let fewer: Vec<u32> = unique.iter().copied().filter(|n| kept[*n as usize]).collect();
            prop_assert_eq!(pair_names(&unique, &fewer).len(), fewer.len());
        }
    }
}
