//! Whether an answer is as the page shows it.
//!
//! `…` stands for what is different each time: within a text for any letters, alone for any value, at the end
//! of a list or an object for any more of them, and alone on a line for any number of lines. Everything
//! else must be as it is shown. JSON may be laid out in any way; of headers those that are shown are looked at.

use super::page::Answer;
use serde_json::{Map, Value};

const ANY: &str = "…";

/// What is different; nothing when the answer is as shown.
pub(crate) fn faults(shown: &Answer, said: &str) -> Vec<String> {
    let mut faults = Vec::new();
    match shown {
        Answer::Json(shown) => json(shown, said, &mut faults),
        Answer::Lines(shown) => lines(shown, said, &mut faults),
        Answer::Http(shown) => http(shown, said, &mut faults),
    }
    faults
}

fn http(shown: &str, said: &str, faults: &mut Vec<String>) {
    let said = said.replace("\r\n", "\n");
    let (said_head, said_body) = said.split_once("\n\n").unwrap_or((&said, ""));
    let (head, body) = shown.split_once("\n\n").unwrap_or((shown, ""));
    let mut said_head = said_head.lines();
    let mut head = head.lines();
    let (first, said_first) = (head.next().unwrap_or_default(), said_head.next().unwrap_or_default());
    if !is_like(first, said_first) {
        faults.push(format!("{said_first:?} is not {first:?}"));
    }
    let headers: Vec<(String, &str)> = said_head.filter_map(header).collect();
    for (name, value) in head.filter_map(header) {
        if !headers.iter().any(|(known, said)| *known == name && is_like(value, said)) {
            faults.push(format!("there is no header {name}: {value}"));
        }
    }
    if headers
        .iter()
        .any(|(name, value)| name == "content-type" && (value.ends_with("/json") || value.ends_with("+json")))
    {
        json(body, said_body, faults);
    } else {
        lines(body, said_body, faults);
    }
}

fn header(line: &str) -> Option<(String, &str)> {
    line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
}

fn json(shown: &str, said: &str, faults: &mut Vec<String>) {
    let shown = serde_json::from_str(&quoted(shown)).unwrap_or_else(|error| panic!("{error} in {shown}"));
    match serde_json::from_str(said) {
        Ok(said) => values(&shown, &said, "", faults),
        Err(error) => faults.push(format!("the answer is no JSON: {error}")),
    }
}

/// The page's JSON with quotes around each `…` that has none; where a member is elided, it gets a name.
pub(crate) fn quoted(shown: &str) -> String {
    let mut quoted = String::with_capacity(shown.len());
    let (mut in_text, mut escaped, mut last, mut open) = (false, false, ' ', Vec::new());
    for letter in shown.chars() {
        let is_bare = letter == '…' && !in_text;
        match (is_bare, open.last()) {
            (true, Some('{')) if last != ':' => quoted.push_str("\"…\":\"…\""),
            (true, _) => quoted.push_str("\"…\""),
            (false, _) => quoted.push(letter),
        }
        match letter {
            '"' if !escaped => in_text = !in_text,
            '{' | '[' if !in_text => open.push(letter),
            '}' | ']' if !in_text => drop(open.pop()),
            _ => {}
        }
        escaped = in_text && letter == '\\' && !escaped;
        if !letter.is_whitespace() {
            last = letter;
        }
    }
    quoted
}

fn values(shown: &Value, said: &Value, place: &str, faults: &mut Vec<String>) {
    let is_same = match (shown, said) {
        (Value::String(shown), _) if shown == ANY => true,
        (Value::String(shown), Value::String(said)) => is_like(shown, said),
        (Value::Object(shown), Value::Object(said)) => return members(shown, said, place, faults),
        (Value::Array(shown), Value::Array(said)) => return items(shown, said, place, faults),
        (shown, said) => shown == said,
    };
    if !is_same {
        faults.push(format!("{place:?}: {said} is not {shown}"));
    }
}

fn members(shown: &Map<String, Value>, said: &Map<String, Value>, place: &str, faults: &mut Vec<String>) {
    for (name, shown) in shown.iter().filter(|(name, _)| *name != ANY) {
        let place = format!("{place}/{name}");
        match said.get(name) {
            Some(said) => values(shown, said, &place, faults),
            None => faults.push(format!("{place:?} is missing")),
        }
    }
    if shown.contains_key(ANY) {
        return;
    }
    let others = said.keys().filter(|name| !shown.contains_key(*name));
    faults.extend(others.map(|name| format!("{place:?}: the page does not show {name}")));
}

fn items(shown: &[Value], said: &[Value], place: &str, faults: &mut Vec<String>) {
    let (shown, is_open) = match shown {
        [some @ .., last] if last == ANY => (some, true),
        all => (all, false),
    };
    if said.len() < shown.len() || (!is_open && said.len() > shown.len()) {
        faults.push(format!("{place:?}: {} items, the page shows {}", said.len(), shown.len()));
    }
    for (index, (shown, said)) in shown.iter().zip(said).enumerate() {
        values(shown, said, &format!("{place}/{index}"), faults);
    }
}

/// Each shown line must come, in order; others may come between only where `…` stands alone.
fn lines(shown: &str, said: &str, faults: &mut Vec<String>) {
    let mut said = said.trim_end().lines().peekable();
    let mut may_skip = false;
    for shown in shown.trim_end().lines() {
        if shown.trim() == ANY {
            may_skip = true;
            continue;
        }
        if may_skip {
            while said.next_if(|said| !is_like(shown, said)).is_some() {}
        }
        may_skip = false;
        match said.next() {
            Some(said) if is_like(shown, said) => {}
            other => return faults.push(format!("{other:?} is not {shown:?}")),
        }
    }
    if let Some(more) = said.next().filter(|_| !may_skip) {
        faults.push(format!("the page does not show {more:?}"));
    }
}

/// Whether a text is as shown, with any letters for each `…`.
fn is_like(shown: &str, said: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = said.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(end) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(end)
}

/// OA12: what differs from the page is found, and `…` stands for what it says.
#[test]
fn oa12_differences_are_found() {
    let json = |text: &str| Answer::Json(text.to_owned());
    let lines = |text: &str| Answer::Lines(text.to_owned());
    let http = |text: &str| Answer::Http(text.to_owned());
    let cases = [
        (json(r#"{"a": 1}"#), r#"{"a":1}"#, r#"{"a":2}"#),
        (json(r#"{"a": …}"#), r#"{"a":[]}"#, r#"{"b":[]}"#),
        (json(r#"{"a": 1, …}"#), r#"{"a":1,"b":2}"#, r#"{"b":2}"#),
        (json(r#"{"a": 1}"#), r#"{"a":1}"#, r#"{"a":1,"b":2}"#),
        (json(r#"[1, …]"#), "[1,2,3]", "[2,1]"),
        (json(r#"[1, 2]"#), "[1,2]", "[1]"),
        (json(r#"["4N…", "…"]"#), r#"["4Nx", "y"]"#, r#"["5Nx", "y"]"#),
        (json(r#"["a \" …"]"#), r#"["a \" b"]"#, r#"["a b"]"#),
        (lines("a\n…\nz"), "a\nb\nc\nz\n", "a\nb"),
        (lines("a …"), "a b", "b b"),
        (lines("a"), "a", "a\nb"),
        (
            http("HTTP/1.1 200 OK\netag: \"…\"\n\n{\"a\": 1}"),
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nETag: \"1\"\r\n\r\n{\"a\":1}",
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"a\":1}",
        ),
        (http("HTTP/1.1 204 No Content"), "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"),
    ];
    for (shown, good, bad) in cases {
        assert_eq!(faults(&shown, good), [""; 0], "{shown:?}");
        assert!(!faults(&shown, bad).is_empty(), "{shown:?} takes {bad}");
    }
}
