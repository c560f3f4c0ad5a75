//! What is said when a rule does not hold: a text with `{…}` for what the document holds.
//!
//! Edit path: ← the template in a rule set; → the message of a conflict.
//!
//! | placeholder | what stands there |
//! |---|---|
//! | `{title}`, `{options.unit}` | that field of the item, or the item's key where there is none |
//! | `{a.title}`, `{b.title}` | the same for the earlier and the later of two items |
//! | `{key}`, `{a.key}`, `{b.key}` | the item's key |
//! | `{found}`, `{limit}`, `{values}` | what was found, what it is held against, all values in play |
//! | `{["found"]}` | a field that is called like one of these |
//! | `{{`, `}}` | a brace |
//!
//! Texts of the document are cut, so that nobody's long title makes long messages.

use super::canonical::{canonical, number_text};
use super::path::{BadPath, Path};
use serde_json::Value;

/// The most bytes of a template.
pub const TEMPLATE_BYTES_MAX: usize = 1_000;

/// The most letters of one text of the document in a message: a long title, but no paragraph.
pub const QUOTED_LETTERS_MAX: usize = 80;

/// The most bytes of a message. It is kept for every conflict and goes into every feed.
pub const MESSAGE_BYTES_MAX: usize = 2_000;

/// A template that was checked. `F` is how a field of an item is named.
#[derive(Debug)]
pub(crate) struct Template<F> {
    parts: Vec<Part<F>>,
}

#[derive(Debug)]
enum Part<F> {
    Text(String),
    Field(Side, F),
    Key(Side),
    Found,
    Limit,
    Values,
}

/// Which of the items that a conflict is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The earlier of two, or the only one.
    A,
    /// The later of two.
    B,
}

/// How many items a conflict of a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Items {
    /// It is about a collection.
    None,
    One,
    Two,
}

/// Where a template gets its words from.
pub(crate) trait Words<F> {
    fn field(&self, side: Side, field: &F) -> Option<&Value>;
    fn key(&self, side: Side) -> String;
    fn found(&self) -> Option<&Value>;
    fn limit(&self) -> Option<&Value>;
    fn values(&self) -> &[Value];
}

impl<F> Template<F> {
    /// Reads a template; `field` is told every field it names.
    ///
    /// # Errors
    /// The first fault, and where it is.
    pub(crate) fn parse(
        text: &str,
        items: Items,
        mut field: impl FnMut(&[String]) -> F,
    ) -> Result<Self, BadPath> {
        let fault = |at: usize, wrong: &str, right: &str| BadPath {
            at: at + 1,
            wrong: wrong.to_owned(),
            right: right.to_owned(),
        };
        if text.trim().is_empty() {
            return Err(fault(0, "the message is empty", "a sentence that says what is wrong"));
        }
        if text.len() > TEMPLATE_BYTES_MAX {
            return Err(fault(0, "the message is too long", &format!("at most {TEMPLATE_BYTES_MAX} bytes")));
        }
        let letters: Vec<char> = text.chars().collect();
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut at = 0;
        while let Some(letter) = letters.get(at) {
            match (letter, letters.get(at + 1)) {
                ('{', Some('{')) | ('}', Some('}')) => {
                    plain.push(*letter);
                    at += 2;
                }
                ('}', _) => return Err(fault(at, "a lone `}`", "`}}` for a brace")),
                ('{', _) => {
                    let end = closing(&letters, at)
                        .ok_or_else(|| fault(at, "the placeholder does not end", "`}` behind it"))?;
                    let inside: String = letters[at + 1..end].iter().collect();
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                    parts.push(
                        placeholder(&inside, items, &mut field)
                            .map_err(|bad| BadPath { at: bad.at + at + 1, ..bad })?,
                    );
                    at = end + 1;
                }
                _ => {
                    plain.push(*letter);
                    at += 1;
                }
            }
        }
        parts.push(Part::Text(plain));
        Ok(Self { parts })
    }

    /// The message.
    pub(crate) fn render(&self, words: &impl Words<F>) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Field(side, field) => match words.field(*side, field) {
                    None | Some(Value::Null) => out.push_str(&cut(&words.key(*side))),
                    Some(Value::String(text)) if text.trim().is_empty() => {
                        out.push_str(&cut(&words.key(*side)));
                    }
                    Some(value) => out.push_str(&shown(value)),
                },
                Part::Key(side) => out.push_str(&cut(&words.key(*side))),
                Part::Found => out.push_str(&words.found().map_or_else(|| "nothing".to_owned(), shown)),
                Part::Limit => out.push_str(&words.limit().map_or_else(|| "nothing".to_owned(), shown)),
                Part::Values => {
                    let shown: Vec<String> = words.values().iter().map(shown).collect();
                    out.push_str(&shown.join(", "));
                }
            }
        }
        if out.len() > MESSAGE_BYTES_MAX {
            let end = (0..=MESSAGE_BYTES_MAX).rev().find(|at| out.is_char_boundary(*at)).unwrap_or(0);
            out.truncate(end);
            out.push('…');
        }
        out
    }
}

/// Where the placeholder ends that begins at `at`: braces inside of a quoted name do not count.
fn closing(letters: &[char], at: usize) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    for (index, letter) in letters.iter().enumerate().skip(at + 1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '}' if !quoted => return Some(index),
            _ => {}
        }
    }
    None
}

fn placeholder<F>(
    inside: &str,
    items: Items,
    field: &mut impl FnMut(&[String]) -> F,
) -> Result<Part<F>, BadPath> {
    let part = match inside {
        "found" => Some(Part::Found),
        "limit" => Some(Part::Limit),
        "values" => Some(Part::Values),
        _ => None,
    };
    if let Some(part) = part {
        return Ok(part);
    }
    let fault = |wrong: String, right: &str| BadPath { at: 1, wrong, right: right.to_owned() };
    let (side, rest, offset) = match (items, inside.split_at_checked(2)) {
        (Items::None, _) => {
            let right = "`{found}`, `{limit}` or `{values}`: this rule is about a whole collection";
            return Err(fault(format!("{inside:?} is no placeholder here"), right));
        }
        (Items::One, _) => (Side::A, inside, 0),
        (Items::Two, Some(("a.", rest))) => (Side::A, rest, 2),
        (Items::Two, Some(("b.", rest))) => (Side::B, rest, 2),
        (Items::Two, _) => {
            let right = "`{a.…}` or `{b.…}`: this rule is about two items";
            return Err(fault(format!("{inside:?} does not say of which item"), right));
        }
    };
    if rest == "key" {
        return Ok(Part::Key(side));
    }
    let path = Path::parse(rest).map_err(|bad| BadPath { at: bad.at + offset, ..bad })?;
    if path.wildcards() > 0 {
        return Err(fault("`*` stands for many values".to_owned(), "a path of names"));
    }
    Ok(Part::Field(side, field(&path.split().1)))
}

/// A value in words.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => cut(text),
        Value::Number(number) => number_text(number.as_f64().unwrap_or(0.0)),
        value => cut(&canonical(value)),
    }
}

/// A text of the document as far as it is quoted, on one line.
pub(crate) fn cut(text: &str) -> String {
    let mut letters = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut cut: String = letters.by_ref().take(QUOTED_LETTERS_MAX).collect();
    if letters.next().is_some() {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Two([Value; 2], Vec<Value>);

    impl Words<String> for Two {
        fn field(&self, side: Side, field: &String) -> Option<&Value> {
            self.0[usize::from(side == Side::B)].pointer(field)
        }
        fn key(&self, side: Side) -> String {
            if side == Side::A { "a".repeat(3) } else { "bbb".to_owned() }
        }
        fn found(&self) -> Option<&Value> {
            self.1.first()
        }
        fn limit(&self) -> Option<&Value> {
            None
        }
        fn values(&self) -> &[Value] {
            &self.1
        }
    }

    fn said(template: &str, items: Items) -> Result<String, BadPath> {
        let words = Two(
            [json!({"title": "CPU", "o": {"a b": 1.0}}), json!({"title": " ", "long": "x\n".repeat(500)})],
            vec![json!(5), json!({"b": 1, "a": 2})],
        );
        let template = Template::parse(template, items, |names| format!("/{}", names.join("/")))?;
        Ok(template.render(&words))
    }

    /// RU9: a message names what the document holds, keys where there is no name, and nothing at length.
    #[test]
    fn ru9_messages_are_filled_in_and_cut() {
        let said = |template| said(template, Items::Two).unwrap();
        assert_eq!(said("{a.title} and {b.title} {{share}}"), "CPU and bbb {share}");
        assert_eq!(
            said("{a.o[\"a b\"]}: {values} of {limit}, {found}"),
            "1: 5, {\"a\":2,\"b\":1} of nothing, 5"
        );
        assert_eq!(said("{b.nothing.here} {a.key}"), "bbb aaa");
        assert_eq!(said("{b.long}"), format!("{}…", "x ".repeat(40)));
        let long = "{b.long}".repeat(60);
        assert_eq!(said(&long).chars().last(), Some('…'));
        assert!(said(&long).len() <= MESSAGE_BYTES_MAX + '…'.len_utf8());
    }

    /// RU3: a template that says nothing, or names what there is not, is refused with the place.
    #[test]
    fn ru3_bad_templates_are_refused() {
        for (template, items, at) in [
            ("", Items::One, 1),
            ("{title", Items::One, 1),
            ("ok } no", Items::One, 4),
            ("x {a..b}", Items::Two, 6),
            ("x {title}", Items::Two, 4),
            ("{*}", Items::One, 2),
            ("{title}", Items::None, 2),
        ] {
            assert_eq!(said(template, items).unwrap_err().at, at, "{template}");
        }
    }
}
