//! Names that sort in the order in which they were given.
//!
//! Edit path: ← the audit log and the quarantine take something in; → the name of a record, and the place where a page ends.
//!
//! Always true: a name that was given behind another one sorts behind it, also when the clock went back meanwhile; as text
//! it sorts as it does here.

use dovetail_core::time::Timestamp;
use std::fmt;
use std::str::FromStr;

/// A moment, and which it was of those that were taken in then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial {
    millis: u64,
    counter: u32,
}

/// A text that is no such name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an entry")]
pub struct BadSerial;

impl Serial {
    /// The first name at `now` behind `last`. When the clock went back, the names stay where they were.
    #[must_use]
    pub fn behind(last: Option<Serial>, now: Timestamp) -> Self {
        match last {
            Some(last) if last.millis >= now.as_millis() => match last.counter.checked_add(1) {
                Some(counter) => Self { millis: last.millis, counter },
                None => Self { millis: last.millis + 1, counter: 0 },
            },
            _ => Self { millis: now.as_millis(), counter: 0 },
        }
    }

    /// Behind all names of this moment.
    #[must_use]
    pub fn last_at(moment: Timestamp) -> Self {
        Self { millis: moment.as_millis(), counter: u32::MAX }
    }

    /// When it was given, unless the clock had gone back.
    #[must_use]
    pub fn at(self) -> Timestamp {
        Timestamp::from_millis(self.millis)
    }
}

impl fmt::Display for Serial {
    /// Thirteen digits last until the year 2286, ten for the counter hold every `u32`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:013}-{:010}", self.millis, self.counter)
    }
}

impl FromStr for Serial {
    type Err = BadSerial;

    fn from_str(text: &str) -> Result<Self, BadSerial> {
        let (millis, counter) = text.split_once('-').ok_or(BadSerial)?;
        let parsed = millis.parse().ok().zip(counter.parse().ok());
        let serial = parsed.map(|(millis, counter)| Self { millis, counter }).ok_or(BadSerial)?;
        // One name has one spelling: pages go by it.
        if serial.to_string() == text { Ok(serial) } else { Err(BadSerial) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AU54: a name has one spelling and sorts as it is spelt.
    #[test]
    fn au54_names_sort_as_they_are_spelt() {
        let names = [(0, 0), (9, u32::MAX), (10, 0), (1_000_000_000_000, 2), (1_000_000_000_000, 10)];
        let names = names.map(|(millis, counter)| Serial { millis, counter });
        for pair in names.windows(2) {
            assert!(pair[0] < pair[1] && pair[0].to_string() < pair[1].to_string(), "{pair:?}");
            assert_eq!(pair[0].to_string().parse(), Ok(pair[0]));
        }
        for bad in ["", "1-2", "0000000000001-", "0000000000001_0000000002", "+000000000001-0000000002"] {
            assert_eq!(bad.parse::<Serial>(), Err(BadSerial), "{bad}");
        }
    }

    /// AU54: a name is behind the last one, whatever the clock says.
    #[test]
    fn au54_names_go_on_when_the_clock_goes_back() {
        let (early, late) = (Timestamp::from_millis(5), Timestamp::from_millis(9));
        let first = Serial::behind(None, late);
        let then = Serial::behind(Some(first), early);
        assert!(first < then && then <= Serial::last_at(late));
        assert!(Serial::last_at(late) < Serial::behind(Some(Serial::last_at(late)), early));
        assert_eq!(Serial::behind(Some(first), Timestamp::from_millis(10)).at().as_millis(), 10);
    }
}
