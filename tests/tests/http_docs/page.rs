//! A page of documentation, cut into examples: a block to paste into a shell, and what it answers.
//!
//! Always true: a block that shows an answer (`json`, `http`, `answer`) stands right below the `sh` block that
//! it belongs to. One that stands alone would be shown and never held to anything.

use serde_json::Value;

/// A block for a shell, and the answer that the page shows for it.
#[derive(Debug)]
pub(crate) struct Example {
    /// The line on which the block begins.
    pub(crate) line: usize,
    pub(crate) script: String,
    pub(crate) answer: Option<Answer>,
}

/// An answer as the page shows it.
#[derive(Debug)]
pub(crate) enum Answer {
    /// JSON, in any layout.
    Json(String),
    /// A status line, headers, and a body.
    Http(String),
    /// Lines.
    Lines(String),
}

impl Example {
    pub(crate) fn place(&self) -> String {
        format!("docs/HTTP.md, line {}", self.line)
    }
}

impl Answer {
    /// The status that the page shows, if it does.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Json(text) => {
                let problem: Value = serde_json::from_str(&super::likeness::quoted(text)).ok()?;
                problem.get("code")?;
                u16::try_from(problem.get("status")?.as_u64()?).ok()
            }
            Self::Http(text) => text.split(' ').nth(1)?.parse().ok(),
            Self::Lines(_) => None,
        }
    }
}

/// The examples of a page, from top to bottom.
///
/// # Panics
/// When an answer belongs to no block.
pub(crate) fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    // Whether nothing but empty lines has come since the last `sh` block.
    let mut right_below = false;
    let mut lines = page.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else {
            right_below &= line.is_empty();
            continue;
        };
        let inside: Vec<&str> =
            lines.by_ref().map(|(_, line)| line).take_while(|line| !line.starts_with("```")).collect();
        let text = inside.join("\n");
        let answer = match kind {
            "sh" => {
                examples.push(Example { line: index + 1, script: text, answer: None });
                right_below = true;
                continue;
            }
            "json" => Answer::Json(text),
            "http" => Answer::Http(text),
            "answer" => Answer::Lines(text),
            _ => {
                right_below = false;
                continue;
            }
        };
        assert!(right_below, "line {}: an answer stands right below its sh block", index + 1);
        examples.last_mut().unwrap().answer = Some(answer);
        right_below = false;
    }
    examples
}
