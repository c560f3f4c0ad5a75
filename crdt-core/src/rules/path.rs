//! Where a rule looks: `widgets.*.options.threshold`.
//!
//! Edit path: ← the text in a rule set; → the places that [`plan`](super::plan) reads.
//!
//! A path is a list of member names and `*`, which stands for every member of a map or every item
//! of a list. Names made of letters, digits, `_` and `-` are written as they are, all others as
//! `["…"]` with JSON's escapes. A leading `$.` is allowed and means nothing. Whatever parsed is
//! within the bounds below.

use std::fmt;

/// The most steps of a path. The deepest option seen in a real dashboard lies 9 steps down.
pub const STEPS_MAX: usize = 16;

/// The most `*` of a path: lists within lists. Each multiplies the places that are looked at.
pub const WILDCARDS_MAX: usize = 2;

/// The most bytes of a path's text: sixteen names of good length.
pub const PATH_BYTES_MAX: usize = 1_024;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The member of this name.
    Member(String),
    /// Every member or item.
    Any,
}

/// A path that parsed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(Vec<Step>);

/// Why a text is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{wrong} at character {at}: {right}")]
pub struct BadPath {
    /// The character of the text at which it goes wrong, the first being 1.
    pub at: usize,
    /// What is wrong there.
    pub wrong: String,
    /// What would be right.
    pub right: String,
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// The first fault of the text, and where it is.
    pub fn parse(text: &str) -> Result<Self, BadPath> {
        let mut parser = Parser { letters: text.chars().collect(), at: 0 };
        if text.len() > PATH_BYTES_MAX {
            return Err(parser.fault("the path is too long", format!("at most {PATH_BYTES_MAX} bytes")));
        }
        parser.path()
    }

    /// The way to the document itself, which has no steps.
    pub(crate) fn root() -> Self {
        Self(Vec::new())
    }

    /// Its steps; none only for the document itself.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// How many `*` it has.
    #[must_use]
    pub fn wildcards(&self) -> usize {
        self.0.iter().filter(|step| **step == Step::Any).count()
    }

    /// Steps as text.
    pub(crate) fn text_of(steps: &[Step]) -> String {
        let text = |(index, step): (usize, &Step)| match step {
            Step::Any if index == 0 => "*".to_owned(),
            Step::Any => ".*".to_owned(),
            Step::Member(name) => written(name, index == 0),
        };
        steps.iter().enumerate().map(text).collect()
    }

    /// What lies before and including the last `*`, and the names behind it.
    pub(crate) fn split(&self) -> (&[Step], Vec<String>) {
        let behind = self.0.iter().rposition(|step| *step == Step::Any).map_or(0, |at| at + 1);
        let (prefix, suffix) = self.0.split_at(behind);
        let names = suffix.iter().filter_map(|step| match step {
            Step::Member(name) => Some(name.clone()),
            Step::Any => None,
        });
        (prefix, names.collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Self::text_of(&self.0))
    }
}

/// Names as a path: `options.threshold`.
pub(crate) fn names_to_text(names: &[String]) -> String {
    names.iter().enumerate().map(|(index, name)| written(name, index == 0)).collect()
}

/// One name of a path, the first or a later one.
pub(super) fn written(name: &str, first: bool) -> String {
    match (!name.is_empty() && name.chars().all(is_plain), first) {
        (true, true) => name.to_owned(),
        (true, false) => format!(".{name}"),
        (false, _) => format!("[{}]", serde_json::Value::from(name)),
    }
}

/// Letters of any script, so that plain words of any language need no quotes.
fn is_plain(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '-'
}

struct Parser {
    letters: Vec<char>,
    at: usize,
}

impl Parser {
    fn path(&mut self) -> Result<Path, BadPath> {
        if self.letters.starts_with(&['$']) {
            self.at = 1;
            match self.peek() {
                Some('.') => self.at = 2,
                Some('[') => {}
                _ => return Err(self.fault("`$` leads nowhere", "`$.` and a name")),
            }
        }
        let mut steps = vec![self.first_step()?];
        while let Some(letter) = self.peek() {
            match letter {
                '.' => {
                    self.at += 1;
                    steps.push(self.step()?);
                }
                '[' => steps.push(self.quoted()?),
                _ => return Err(self.fault(format!("unexpected {letter:?}"), "`.`, `[` or the end")),
            }
            self.check_bounds(&steps)?;
        }
        self.check_bounds(&steps)?;
        Ok(Path(steps))
    }

    fn check_bounds(&self, steps: &[Step]) -> Result<(), BadPath> {
        if steps.len() > STEPS_MAX {
            return Err(self.fault("too many steps", format!("at most {STEPS_MAX}")));
        }
        if steps.iter().filter(|step| **step == Step::Any).count() > WILDCARDS_MAX {
            return Err(self.fault("too many `*`", format!("at most {WILDCARDS_MAX}")));
        }
        Ok(())
    }

    fn first_step(&mut self) -> Result<Step, BadPath> {
        if self.peek() == Some('[') { self.quoted() } else { self.step() }
    }

    /// A plain name or `*`.
    fn step(&mut self) -> Result<Step, BadPath> {
        if self.peek() == Some('*') {
            self.at += 1;
            return Ok(Step::Any);
        }
        let begin = self.at;
        while self.peek().is_some_and(is_plain) {
            self.at += 1;
        }
        if begin == self.at {
            let found = self.peek().map_or("the end".to_owned(), |letter| format!("{letter:?}"));
            return Err(self.fault(
                format!("a name is missing, found {found}"),
                "a name of letters, digits, `_` and `-`, or `*`, or `[\"any name\"]`",
            ));
        }
        Ok(Step::Member(self.letters[begin..self.at].iter().collect()))
    }

    /// `["any name"]`, or `[*]`.
    fn quoted(&mut self) -> Result<Step, BadPath> {
        let right = "`[\"name\"]` with JSON's escapes";
        self.at += 1;
        if self.letters[self.at..].starts_with(&['*', ']']) {
            self.at += 2;
            return Ok(Step::Any);
        }
        if self.peek() != Some('"') {
            return Err(self.fault("a quoted name is missing", right));
        }
        let begin = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                Some('\\') => self.at += 2,
                Some('"') => break,
                Some(_) => self.at += 1,
                None => return Err(self.fault("the quoted name does not end", right)),
            }
        }
        let literal: String = self.letters[begin..=self.at].iter().collect();
        let Ok(name) = serde_json::from_str(&literal) else {
            self.at = begin;
            return Err(self.fault("the quoted name cannot be read", right));
        };
        self.at += 1;
        if self.peek() != Some(']') {
            return Err(self.fault("`]` is missing", right));
        }
        self.at += 1;
        Ok(Step::Member(name))
    }

    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn fault(&self, wrong: impl Into<String>, right: impl Into<String>) -> BadPath {
        BadPath { at: self.at + 1, wrong: wrong.into(), right: right.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> (usize, String) {
        let bad = Path::parse(text).unwrap_err();
        (bad.at, bad.wrong)
    }

    /// RU2: a path is read, and written again in its plainest form.
    #[test]
    fn ru2_paths_are_read() {
        for (text, plain) in [
            ("widgets.*.layout", "widgets.*.layout"),
            ("$.widgets.*.options.threshold", "widgets.*.options.threshold"),
            ("$[\"a.b\"].c", "[\"a.b\"].c"),
            ("[\"plain\"][*][\"q\\\"uote\"]", "plain.*[\"q\\\"uote\"]"),
            ("größe.data-source_2", "größe.data-source_2"),
            ("*", "*"),
            ("[\"\"]", "[\"\"]"),
        ] {
            let path = Path::parse(text).unwrap();
            assert_eq!(path.to_string(), plain);
            assert_eq!(Path::parse(plain), Ok(path), "{text}");
        }
    }

    /// RU2: what is wrong with a path is said with its place.
    #[test]
    fn ru2_bad_paths_are_refused_with_their_place() {
        for (text, at) in [
            ("", 1),
            ("a..b", 3),
            ("a.b.", 5),
            ("widgets. *", 9),
            ("a[0]", 3),
            ("a[\"b", 5),
            ("a[\"b\"", 6),
            ("a[\"\\q\"]", 3),
            ("a[\"\\", 6),
            ("$", 2),
            ("$a", 2),
            ("a b", 2),
            ("*.*.*", 6),
            ("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q", 34),
        ] {
            assert_eq!(faults(text).0, at, "{text}: {:?}", faults(text));
        }
        assert_eq!(faults(&"a".repeat(2_000)).1, "the path is too long");
    }
}
