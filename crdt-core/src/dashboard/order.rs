//! Order keys: text between any two texts.
//!
//! Edit path: ← somebody drops a widget between two others; → one register with a key that sorts
//! between theirs. Nobody else's key changes, so two people may rearrange at once.
//!
//! A key is a fraction between 0 and 1 in base 62, without the leading `0.` and without zeros at
//! its end: byte order of the texts is the order of the numbers. Digits are taken in levels, the
//! first of one letter, the next of two, then three, up to five:
//!
//! ```text
//!   V│1a│00z   one letter, 62 places; two more, 3,844; three more, 238,328 …
//! ```
//!
//! Why not simply halve the gap? That costs a letter for every six widgets put at the same spot.
//! Here a key is put next to one end of the gap, at a distance of its square root; levels take
//! turns in which end, so whichever side the next ones come from, a wide level takes thousands.
//! Ten thousand inserts at one spot make keys of some 20 letters instead of 1,700.
//!
//! The same gap gives the same key everywhere. So two people who insert at the same spot while
//! apart make equal keys; readers tell those apart by widget id, and
//! [`Dashboard::place`](super::Dashboard::place) gives them different ones when somebody wants to
//! go between them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The most letters of a key. Sensible use stays under 30; who nests on purpose, always between
/// the last two, gets some 450 deep before there is no room and the keys have to be spread anew.
pub const ORDER_KEY_BYTES_MAX: usize = 250;

/// In byte order, so that texts sort as the numbers they are.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE: u64 = DIGITS.len() as u64;

/// Letters of the widest level. 62 to the fifth is far below what a `u64` holds, and more than
/// anybody will put at one spot.
const LEVEL_LETTERS_MAX: usize = 5;

/// A place in an order: letters and digits, the last of them not `0`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(type = "string"))]
#[serde(try_from = "String", into = "String")]
pub struct OrderKey(Arc<str>);

/// Why there is no such order key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// The text is no key.
    #[error("an order key is 1 to {ORDER_KEY_BYTES_MAX} letters and digits, the last not 0")]
    Malformed,
    /// Nothing lies between these two.
    #[error("the lower of two order keys must come before the upper")]
    NotAscending,
    /// All keys of bearable length are taken here: spread the keys anew.
    #[error("an order key there would pass {ORDER_KEY_BYTES_MAX} letters")]
    NoRoom,
}

impl OrderKey {
    /// The key of a widget that stands alone, and of one that has none.
    #[must_use]
    pub fn middle() -> Self {
        Self("V".into())
    }

    /// The text, as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A key after `lower` and before `upper`; an end that is `None` is open.
///
/// # Errors
/// When `lower` does not come before `upper`, or the key would grow too long.
pub fn between(lower: Option<&OrderKey>, upper: Option<&OrderKey>) -> Result<OrderKey, OrderError> {
    if let (Some(lower), Some(upper)) = (lower, upper)
        && lower >= upper
    {
        return Err(OrderError::NotAscending);
    }
    let towards = match (lower, upper) {
        (None, None) => Towards::Middle,
        (Some(_), None) => Towards::Lower,
        (None, Some(_)) => Towards::Upper,
        (Some(_), Some(_)) => Towards::InTurn,
    };
    let mut key = String::new();
    let mut ceiling = upper;
    for level in 0.. {
        let (letters, offset) = (letters_of(level), key.len());
        if offset + letters > ORDER_KEY_BYTES_MAX {
            break;
        }
        let floor_digit = lower.map_or(0, |lower| digit(lower, offset, letters));
        let ceiling_digit = ceiling.map_or(places(letters), |upper| digit(upper, offset, letters));
        if ceiling_digit - floor_digit > 1 {
            push(&mut key, towards.choose(floor_digit, ceiling_digit, level), letters);
            return Ok(OrderKey(key.trim_end_matches('0').into()));
        }
        if ceiling_digit > floor_digit {
            // From here on the key is below `upper` whatever follows.
            ceiling = None;
        }
        push(&mut key, floor_digit, letters);
    }
    Err(OrderError::NoRoom)
}

/// `count` keys in ascending order, evenly apart, with room between any two.
#[must_use]
pub fn spread(count: usize) -> Vec<OrderKey> {
    let parts = count as u64 + 1;
    let mut letters = 1;
    while places(letters) < parts.saturating_mul(4) && letters < LEVEL_LETTERS_MAX {
        letters += 1;
    }
    let key = |part: u64| {
        let mut key = String::new();
        let place = u128::from(part) * u128::from(places(letters)) / u128::from(parts);
        push(&mut key, u64::try_from(place).expect("a part of the places is no more than all"), letters);
        OrderKey(key.trim_end_matches('0').into())
    };
    (1..parts).map(key).collect()
}

/// Next to which end of a gap a new key goes.
#[derive(Clone, Copy)]
enum Towards {
    Middle,
    Lower,
    Upper,
    /// Levels take turns, because nobody knows from which side the next ones come.
    InTurn,
}

impl Towards {
    /// A digit strictly between two that are at least two apart.
    fn choose(self, floor: u64, ceiling: u64, level: usize) -> u64 {
        let gap = ceiling - floor;
        match self {
            Towards::Middle => floor + gap / 2,
            Towards::Lower => floor + 1,
            Towards::Upper => ceiling - 1,
            Towards::InTurn if level.is_multiple_of(2) => floor + gap.isqrt(),
            Towards::InTurn => ceiling - gap.isqrt(),
        }
    }
}

fn letters_of(level: usize) -> usize {
    (level + 1).min(LEVEL_LETTERS_MAX)
}

fn places(letters: usize) -> u64 {
    (0..letters).fold(1, |places, _| places * BASE)
}

/// The digit of `letters` letters that starts at `offset`; letters beyond the end count as zeros.
fn digit(key: &OrderKey, offset: usize, letters: usize) -> u64 {
    let value = |letter: &u8| DIGITS.binary_search(letter).map_or(0, |value| value as u64);
    (offset..offset + letters).fold(0, |sum, at| sum * BASE + key.0.as_bytes().get(at).map_or(0, value))
}

fn push(key: &mut String, digit: u64, letters: usize) {
    for letter in (0..letters).rev() {
        let value = digit / places(letter) % BASE;
        key.push(char::from(DIGITS[usize::try_from(value).expect("a digit is below 62")]));
    }
}

impl FromStr for OrderKey {
    type Err = OrderError;

    fn from_str(text: &str) -> Result<Self, OrderError> {
        let letters = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let well_formed = letters && !text.is_empty() && !text.ends_with('0');
        if !well_formed || text.len() > ORDER_KEY_BYTES_MAX {
            return Err(OrderError::Malformed);
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for OrderKey {
    type Error = OrderError;

    fn try_from(text: String) -> Result<Self, OrderError> {
        text.parse()
    }
}

impl From<OrderKey> for String {
    fn from(key: OrderKey) -> Self {
        key.as_str().to_owned()
    }
}

impl fmt::Display for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrderKey({})", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Keys put in at these spots, one after the other; wherever that is, their order is kept.
    fn insert_all(spots: &[usize]) -> Vec<OrderKey> {
        let mut keys: Vec<OrderKey> = Vec::new();
        for spot in spots {
            let at = spot % (keys.len() + 1);
            let lower = at.checked_sub(1).map(|before| keys[before].clone());
            let key = between(lower.as_ref(), keys.get(at)).unwrap();
            assert_eq!(key.as_str().parse(), Ok(key.clone()), "a key that was made is one");
            keys.insert(at, key);
        }
        assert!(keys.is_sorted_by(|one, next| one < next), "{keys:?}");
        keys
    }

    fn longest(keys: &[OrderKey]) -> usize {
        keys.iter().map(|key| key.as_str().len()).max().unwrap_or(0)
    }

    proptest! {
        /// DA6: a key lies strictly between any two, and between them and the open ends.
        #[test]
        fn da6_a_key_lies_strictly_between(one in "[0-9A-Za-z]{0,9}[1-9A-Za-z]", other in "[0-9A-Za-z]{0,9}[1-9A-Za-z]") {
            let (one, other): (OrderKey, OrderKey) = (one.parse().unwrap(), other.parse().unwrap());
            let (lower, upper) = if one < other { (one, other) } else { (other, one) };
            prop_assert!(between(None, Some(&lower)).unwrap() < lower);
            prop_assert!(between(Some(&upper), None).unwrap() > upper);
            match between(Some(&lower), Some(&upper)) {
                Ok(key) => prop_assert!(lower < key && key < upper, "{lower} {key} {upper}"),
                Err(error) => prop_assert!(lower == upper && error == OrderError::NotAscending),
            }
        }

        /// DA6: many inserts at random spots keep their order.
        #[test]
        fn da6_inserts_anywhere_keep_their_order(spots in prop::collection::vec(any::<usize>(), 0..200)) {
            insert_all(&spots);
        }
    }

    /// DA7: thousands of inserts at one spot, from either side, at the ends or in the middle,
    /// keep the keys short.
    #[test]
    fn da7_inserts_at_one_spot_keep_keys_short() {
        let appended: Vec<usize> = (0..5_000).collect();
        assert!(longest(&insert_all(&appended)) <= 6);
        assert!(longest(&insert_all(&[0; 5_000])) <= 6);

        // Always behind the first, and always in front of the last.
        let behind_first: Vec<usize> = [0, 1].into_iter().chain([1; 5_000]).collect();
        assert!(longest(&insert_all(&behind_first)) <= 25, "{}", longest(&insert_all(&behind_first)));
        let before_last: Vec<usize> = (0..5_000usize).map(|count| count.saturating_sub(1)).collect();
        assert!(longest(&insert_all(&before_last)) <= 25, "{}", longest(&insert_all(&before_last)));
    }

    /// DA7: who nests on purpose is told that there is no room, and nothing grows without end.
    #[test]
    fn da7_nesting_on_purpose_ends_with_no_room() {
        let (mut lower, mut upper) = (OrderKey::middle(), between(Some(&OrderKey::middle()), None).unwrap());
        let mut nested = 0;
        let error = loop {
            match between(Some(&lower), Some(&upper)) {
                Ok(key) if nested % 2 == 0 => upper = key,
                Ok(key) => lower = key,
                Err(error) => break error,
            }
            nested += 1;
        };
        assert_eq!(error, OrderError::NoRoom);
        assert!(nested > 100, "{nested}");
    }

    /// DA8: keys made together are ascending, short, and leave room.
    #[test]
    fn da8_keys_are_spread_evenly() {
        for (count, letters_max) in [(0, 0), (1, 1), (10, 1), (200, 2), (5_000, 3)] {
            let keys = spread(count);
            assert_eq!(keys.len(), count);
            assert!(longest(&keys) <= letters_max, "{count}: {}", longest(&keys));
            for pair in keys.windows(2) {
                assert!(pair[0] < pair[1]);
                assert!(between(Some(&pair[0]), Some(&pair[1])).unwrap().as_str().len() <= 6);
            }
        }
    }

    /// DA6: texts that are no keys are refused.
    #[test]
    fn da6_texts_that_are_no_keys_are_refused() {
        for text in ["", "0", "V0", "a-b", "ä", &"V".repeat(ORDER_KEY_BYTES_MAX + 1)] {
            assert_eq!(text.parse::<OrderKey>(), Err(OrderError::Malformed), "{text:?}");
        }
    }
}
