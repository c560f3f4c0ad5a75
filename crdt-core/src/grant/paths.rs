//! Rights that are limited to places in a document.
//!
//! A place is a JSON pointer in which `*` stands for any one step: `/widgets/*/title` is the title of every widget,
//! and all that lies below it. Items of lists have no names that last, so only `*` stands for them.
//!
//! Always true: a place covers itself and what is below it, never what is above: who may change `/widgets/a` may
//! not put something else in the place of `/widgets`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// How deep a place may lie. The deepest in a dashboard has six steps.
pub(crate) const STEPS_MAX: usize = 16;

/// The most bytes of a place.
pub(super) const PATH_BYTES_MAX: usize = 512;

/// How many places one right may be limited to.
pub(super) const LIMITS_MAX: usize = 16;

/// A place in a document, or many that look alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Arc<[Pattern]>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Pattern {
    Key(Arc<str>),
    Any,
}

/// One step of the way to a place that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A member of a map.
    Key(&'a str),
    /// An item of a list, or a letter of a text.
    Item,
}

/// What may be done at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum May {
    /// Add what was not there. What is there stays as it is, and what is in it.
    Append,
    /// Anything.
    Change,
}

/// A place, and what may be done there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Limit {
    /// Where.
    pub path: Path,
    /// What.
    pub may: May,
}

/// All places to which a right is limited. At least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits(Arc<[Limit]>);

/// A text that is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// It does not begin as one.
    #[error("a path begins with / and names at least one step, as in /widgets/*/title")]
    NoPointer,
    /// `~` begins `~0` or `~1`.
    #[error("in a path ~ is written ~0, and / within a name ~1")]
    BadEscape,
    /// Longer than any place.
    #[error("a path has at most {STEPS_MAX} steps and {PATH_BYTES_MAX} bytes")]
    TooLong,
}

impl Path {
    /// Whether this place is `place`, or `place` lies below it.
    #[must_use]
    pub fn covers(&self, place: &[Step<'_>]) -> bool {
        let fits = |(pattern, step): (&Pattern, &Step<'_>)| match (pattern, step) {
            (Pattern::Any, _) => true,
            (Pattern::Key(name), Step::Key(key)) => **name == **key,
            (Pattern::Key(_), Step::Item) => false,
        };
        self.0.len() <= place.len() && self.0.iter().zip(place).all(fits)
    }
}

impl Limits {
    /// Nothing when there is no place: that would be no right at all.
    #[must_use]
    pub fn of(limits: Vec<Limit>) -> Option<Self> {
        (!limits.is_empty()).then(|| Self(limits.into()))
    }

    /// The places.
    #[must_use]
    pub fn places(&self) -> &[Limit] {
        &self.0
    }

    /// What may be done at `place`; nothing when it is out of bounds.
    #[must_use]
    pub fn at(&self, place: &[Step<'_>]) -> Option<May> {
        self.0.iter().filter(|limit| limit.path.covers(place)).map(|limit| limit.may).max()
    }

    /// Whether `place` is one of these places, or lies in one without anything between.
    #[must_use]
    pub fn are_directly_above(&self, place: &[Step<'_>]) -> bool {
        let is_above = |path: &Path| path.covers(place) && place.len() <= path.0.len() + 1;
        self.0.iter().any(|limit| is_above(&limit.path))
    }

    /// These places and those.
    pub(super) fn and_also(&self, other: &Self) -> Self {
        let mut both: Vec<Limit> = self.0.iter().chain(&*other.0).cloned().collect();
        both.sort();
        both.dedup();
        Self(both.into())
    }

    /// The places that lie in both. Of two that cover each other the narrower counts, with the lesser right.
    pub(super) fn within(&self, other: &Self) -> Option<Self> {
        let mut both = Vec::new();
        for one in &*self.0 {
            for two in &*other.0 {
                let narrower = if one.path.is_within(&two.path) {
                    &one.path
                } else if two.path.is_within(&one.path) {
                    &two.path
                } else {
                    continue;
                };
                both.push(Limit { path: narrower.clone(), may: one.may.min(two.may) });
            }
        }
        both.sort();
        both.dedup();
        Self::of(both)
    }
}

impl Path {
    /// Whether all that this covers is covered by `other`.
    fn is_within(&self, other: &Self) -> bool {
        let fits = |(wide, narrow): (&Pattern, &Pattern)| *wide == Pattern::Any || wide == narrow;
        other.0.len() <= self.0.len() && other.0.iter().zip(&*self.0).all(fits)
    }
}

impl FromStr for Path {
    type Err = BadPath;

    fn from_str(text: &str) -> Result<Self, BadPath> {
        if text.len() > PATH_BYTES_MAX {
            return Err(BadPath::TooLong);
        }
        let rest = text.strip_prefix('/').filter(|rest| !rest.is_empty()).ok_or(BadPath::NoPointer)?;
        let steps: Vec<Pattern> = rest.split('/').map(pattern).collect::<Result<_, _>>()?;
        if steps.len() > STEPS_MAX {
            return Err(BadPath::TooLong);
        }
        Ok(Self(steps.into()))
    }
}

fn pattern(step: &str) -> Result<Pattern, BadPath> {
    if step == "*" {
        return Ok(Pattern::Any);
    }
    let mut name = String::with_capacity(step.len());
    let mut letters = step.chars();
    while let Some(letter) = letters.next() {
        name.push(match (letter, letter == '~') {
            (letter, false) => letter,
            (_, true) => match letters.next() {
                Some('0') => '~',
                Some('1') => '/',
                _ => return Err(BadPath::BadEscape),
            },
        });
    }
    Ok(Pattern::Key(name.into()))
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &*self.0 {
            match step {
                Pattern::Any => f.write_str("/*")?,
                Pattern::Key(name) => write!(f, "/{}", name.replace('~', "~0").replace('/', "~1"))?,
            }
        }
        Ok(())
    }
}
