//! What edits are, in words, where whoever makes them gives none: it stands in the history, and in the list of what waits.
//!
//! The same words as in the web client.

use automerge::{ObjId, ROOT, ReadDoc, Value};
use dovetail_core::dashboard::{Edit, WidgetId};
use dovetail_core::limits::CHANGE_WORDS_BYTES_MAX;

/// As much of some words as a change may carry.
pub(super) fn bounded(mut words: String) -> String {
    const ELLIPSIS: char = '…';
    if words.len() > CHANGE_WORDS_BYTES_MAX {
        words.truncate(words.floor_char_boundary(CHANGE_WORDS_BYTES_MAX - ELLIPSIS.len_utf8()));
        words.push(ELLIPSIS);
    }
    words
}

/// One line for all edits of a change, which are in the document.
pub(super) fn label_of(doc: &impl ReadDoc, edits: &[Edit]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in edits.iter().map(|edit| label_of_one(doc, edit)) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    match lines.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first, rest @ ..] => format!("{first}, and {} more", rest.len()),
    }
}

fn label_of_one(doc: &impl ReadDoc, edit: &Edit) -> String {
    let named = |id: &WidgetId| named(doc, id);
    match edit {
        Edit::SetTitle { title } => format!("Called the dashboard “{title}”"),
        Edit::SetDescription { .. } => "Described the dashboard".to_owned(),
        Edit::SetGrid { .. } => "Changed the grid".to_owned(),
        Edit::CreateWidget { widget, .. } => format!("Added {}", quoted(Some(&widget.title), &widget.kind)),
        // It is gone, and its title with it.
        Edit::RemoveWidget { .. } => "Removed a widget".to_owned(),
        Edit::MoveWidget { id, .. } => format!("Moved {}", named(id)),
        Edit::ResizeWidget { id, .. } => format!("Resized {}", named(id)),
        Edit::SetLayout { id, .. } => format!("Moved and resized {}", named(id)),
        Edit::RenameWidget { title, .. } => format!("Renamed a widget to “{title}”"),
        Edit::SetKind { id, kind } => format!("Made {} a {kind}", named(id)),
        Edit::Reorder { id, .. } => format!("Reordered {}", named(id)),
        Edit::SetParent { id, parent: None } => format!("Took {} out of its row", named(id)),
        Edit::SetParent { id, parent: Some(_) } => format!("Put {} into a row", named(id)),
        Edit::SetDataSource { id, .. } | Edit::AttachData { id, .. } | Edit::DetachData { id } => {
            format!("Changed where {} has its data from", named(id))
        }
        Edit::SetOption { id, .. } | Edit::ClearOption { id, .. } => {
            format!("Changed an option of {}", named(id))
        }
        Edit::SetLocked { id, locked: true } => format!("Locked {}", named(id)),
        Edit::SetLocked { id, locked: false } => format!("Unlocked {}", named(id)),
    }
}

fn named(doc: &impl ReadDoc, id: &WidgetId) -> String {
    let widget = within(doc, &ROOT, "widgets").and_then(|widgets| within(doc, &widgets, id.as_str()));
    let text = |field| widget.as_ref().and_then(|widget| text(doc, widget, field));
    quoted(text("title").as_deref(), &text("kind").unwrap_or_else(|| id.to_string()))
}

fn quoted(title: Option<&str>, otherwise: &str) -> String {
    match title {
        Some(title) if !title.is_empty() => format!("“{title}”"),
        _ => format!("a {otherwise} without a title"),
    }
}

fn within(doc: &impl ReadDoc, object: &ObjId, key: &str) -> Option<ObjId> {
    match doc.get(object, key) {
        Ok(Some((Value::Object(_), found))) => Some(found),
        _ => None,
    }
}

fn text(doc: &impl ReadDoc, object: &ObjId, key: &str) -> Option<String> {
    match doc.get(object, key).ok()?? {
        (Value::Scalar(scalar), _) => scalar.as_str().map(str::to_owned),
        (Value::Object(_), object) => doc.text(&object).ok(),
    }
}
