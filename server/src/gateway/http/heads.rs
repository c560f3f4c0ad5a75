//! Heads as they stand in headers and parameters, and what a writer says of the state they read.
//!
//! Always true: heads go out sorted and with dots between them, in quotes as an `ETag`. They come in
//! with dots or commas, with quotes or without, so that a copied `ETag` works everywhere.

use crate::gateway::reply::{Code, Problem};
use automerge::{Automerge, ChangeHash};
use warp::http::HeaderMap;
use warp::http::header::{ETAG, HeaderName, HeaderValue, IF_MATCH};

/// The header that names the state which a writer read.
pub(super) const BASE: HeaderName = HeaderName::from_static("dovetail-base");

/// How many heads a state may be named by. A document has a few, and hundreds after a long time apart.
const HEADS_MAX: usize = 1000;

/// What a request says of the state that its writer read. At least one of the two is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Base {
    /// `Dovetail-Base`: merge with what was written since.
    read: Option<Vec<ChangeHash>>,
    /// `If-Match`: refuse when anything was written since.
    matches: Option<Match>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Match {
    /// `*`: whatever the state is.
    Any,
    /// One of these states.
    One(Vec<Vec<ChangeHash>>),
}

impl Base {
    /// Reads the headers; nothing when there is neither.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let read = text(headers, &BASE, "Dovetail-Base")?.map(|value| parse(value, "Dovetail-Base"));
        let matches = text(headers, &IF_MATCH, "If-Match")?.map(|value| {
            if value.trim() == "*" {
                return Ok(Match::Any);
            }
            // A list of tags, each in quotes. Weak ones do not match (RFC 9110, 13.1.1), but a proxy that
            // compresses makes every tag weak.
            let states: Result<_, Problem> = value.split(',').map(|tag| parse(tag, "If-Match")).collect();
            states.map(Match::One)
        });
        let base = Self { read: read.transpose()?, matches: matches.transpose()? };
        Ok((base.read.is_some() || base.matches.is_some()).then_some(base))
    }

    /// Whether the request is to be refused when the document is in another state.
    pub(super) fn is_strict(&self) -> bool {
        self.matches.is_some()
    }

    /// The heads to write at, or the problem that the document has moved on.
    pub(super) fn heads(&self, present: &[ChangeHash]) -> Result<Vec<ChangeHash>, Problem> {
        let is_present = |state: &Vec<ChangeHash>| state.as_slice() == present;
        let holds = match &self.matches {
            None | Some(Match::Any) => true,
            Some(Match::One(states)) => states.iter().any(is_present),
        };
        if !holds {
            let detail = "the document has changed since; read it again, or send Dovetail-Base to merge";
            return Err(with_heads(Problem::new(Code::PreconditionFailed, detail), present));
        }
        Ok(self.read.clone().unwrap_or_else(|| present.to_vec()))
    }
}

/// The problem of a write that does not say what its writer read.
pub(super) fn required(present: &[ChangeHash]) -> Problem {
    let detail = "say which state you read: Dovetail-Base with its heads (the ETag will do) to merge with what \
                  others wrote since, or If-Match to be refused in that case";
    with_heads(Problem::new(Code::BaseRequired, detail), present)
}

/// Adds the present heads to a problem, as a member and as `ETag`.
pub(super) fn with_heads(problem: Problem, present: &[ChangeHash]) -> Problem {
    let tag = HeaderValue::try_from(etag(present)).expect("hashes are plain ASCII");
    problem.with("heads", texts(present)).with_header(ETAG, tag)
}

/// The heads in a text, sorted. `name` is what holds them.
pub(super) fn parse(text: &str, name: &str) -> Result<Vec<ChangeHash>, Problem> {
    let bad = |why: &str| Err(Problem::new(Code::BadHeads, format!("{name}: {why}")).with("in", name));
    let text = text.trim();
    let text = text.strip_prefix("W/").unwrap_or(text);
    let parts = text.split(['.', ',']).map(|part| part.trim_matches([' ', '"']));
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).take(HEADS_MAX + 1).collect();
    if parts.is_empty() {
        return bad("heads are hashes with dots between them, and there is none");
    }
    if parts.len() > HEADS_MAX {
        return bad("more heads than any state has");
    }
    let heads: Result<Vec<ChangeHash>, _> = parts.into_iter().map(str::parse).collect();
    let Ok(mut heads) = heads else {
        return bad("a head is a hash of 64 hexadecimal digits");
    };
    heads.sort_unstable();
    heads.dedup();
    Ok(heads)
}

/// The heads of a document, sorted.
pub(super) fn of(document: &Automerge) -> Vec<ChangeHash> {
    sorted(document.get_heads())
}

pub(super) fn sorted(mut heads: Vec<ChangeHash>) -> Vec<ChangeHash> {
    heads.sort_unstable();
    heads
}

pub(super) fn texts(heads: &[ChangeHash]) -> Vec<String> {
    heads.iter().map(ToString::to_string).collect()
}

/// Sorted heads with dots between them: a comma would split the header's list.
pub(super) fn etag(heads: &[ChangeHash]) -> String {
    format!("\"{}\"", texts(heads).join("."))
}

/// What a header says that may be there once. `name` is how it is written.
pub(super) fn text<'h>(
    headers: &'h HeaderMap,
    header: &HeaderName,
    name: &str,
) -> Result<Option<&'h str>, Problem> {
    let bad = |why: &str| Problem::new(Code::BadHeads, format!("{name} {why}")).with("in", name);
    let Some(value) =
        once(headers, header).map_err(|Repeated| bad("is there more than once; send it once"))?
    else {
        return Ok(None);
    };
    value.to_str().map(Some).map_err(|_| bad("is plain text"))
}

/// A header that means one thing is there more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Repeated;

/// The value of a header that means one thing. Which of two its sender means nobody can tell.
pub(super) fn once<'h>(
    headers: &'h HeaderMap,
    header: &HeaderName,
) -> Result<Option<&'h HeaderValue>, Repeated> {
    let mut values = headers.get_all(header).into_iter();
    let value = values.next();
    if values.next().is_some() { Err(Repeated) } else { Ok(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// JD21: heads are read with dots, commas, quotes and the mark of a weak tag.
    #[test]
    fn jd21_heads_are_read_in_every_form() {
        let (a, b) = ("0a".repeat(32), "0b".repeat(32));
        let both = parse(&format!("{a}.{b}"), "x").unwrap();
        for text in [
            format!("\"{b}.{a}\""),
            format!("W/\"{a}.{b}\""),
            format!("{a},{b}"),
            format!(" \"{a}\", \"{b}\" "),
            format!("{a}.{b}.{a}"),
        ] {
            assert_eq!(parse(&text, "x").unwrap(), both, "{text}");
        }
        for text in ["", "\"\"", ".", "0a", &format!("{a}.zz"), &format!("{a} {b}")] {
            assert_eq!(parse(text, "x").unwrap_err().code, Code::BadHeads, "{text}");
        }
        assert_eq!(parse(&[a.as_str(); HEADS_MAX + 1].join("."), "x").unwrap_err().code, Code::BadHeads);
        assert_eq!(parse(&etag(&both), "x").unwrap(), both);
    }
}
