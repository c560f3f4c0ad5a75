//! Any document, as a dashboard.
//!
//! Edit path: ← the merged document; → rules, exports, lists, SDKs.
//!
//! Always true here: reading never fails, and the same document reads the same everywhere. A text
//! may be a scalar string or a text object, a whole number may have come as a float: JavaScript
//! clients write both. What is missing or of another kind becomes the default and is listed.

use super::{DASHBOARD_KIND, Dashboard, Grid, Layout, OrderKey, SCHEMA_VERSION, Widget, WidgetId};
use crate::id::DocumentId;
use crate::json;
use automerge::{Automerge, ChangeHash};
use serde_json::{Map, Value};
use std::str::FromStr;

/// How many oddities are listed. Each is for a person to look at; a document that has more is no
/// dashboard, and the first hundred say so.
pub const ODDITIES_MAX: usize = 100;

/// A dashboard, and what was odd about the document that it was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The dashboard, defaults in the place of what was odd.
    pub dashboard: Dashboard,
    /// What was odd, in the order it was met; no more than [`ODDITIES_MAX`].
    pub oddities: Vec<Oddity>,
}

/// A field that is missing or not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} should be {expected}, found {found}")]
pub struct Oddity {
    /// Where, as a JSON pointer.
    pub path: String,
    /// What would have been right.
    pub expected: &'static str,
    /// What is there: its kind, never its content.
    pub found: &'static str,
}

/// The dashboard in `doc`, as it was at `heads` or as it is now.
#[must_use]
pub fn read(doc: &Automerge, heads: Option<&[ChangeHash]>) -> Reading {
    from_json(&json::read(doc, heads))
}

/// The dashboard in a document's JSON.
#[must_use]
pub fn from_json(root: &Value) -> Reading {
    let mut reader = Reader::default();
    let fields = Fields::of(root, String::new(), &mut reader);
    if fields.text("kind", &mut reader) != DASHBOARD_KIND {
        reader.note("/kind".to_owned(), "\"dashboard\"", root.get("kind"));
    }
    let dashboard = Dashboard {
        schema_version: fields.number("schemaVersion", SCHEMA_VERSION, &mut reader),
        title: fields.text("title", &mut reader),
        description: fields.text("description", &mut reader),
        grid: grid(&fields, &mut reader),
        widgets: widgets(&fields, &mut reader),
        extra: fields.object("extra", &mut reader),
    };
    Reading { dashboard, oddities: reader.oddities }
}

fn grid(root: &Fields<'_>, reader: &mut Reader) -> Grid {
    let Some(fields) = root.required("grid", reader) else { return Grid::default() };
    let default = Grid::default();
    Grid {
        columns: fields.number("columns", default.columns, reader),
        row_height: fields.number("rowHeight", default.row_height, reader),
    }
}

fn widgets(root: &Fields<'_>, reader: &mut Reader) -> std::collections::BTreeMap<WidgetId, Widget> {
    let Some(fields) = root.required("widgets", reader) else { return Default::default() };
    let mut widgets = std::collections::BTreeMap::new();
    for (key, value) in fields.members.into_iter().flatten() {
        let path = fields.path_of(key);
        match (key.parse::<WidgetId>(), value) {
            (Ok(id), Value::Object(_)) => drop(widgets.insert(id, widget(value, path, reader))),
            (Ok(_), _) => reader.note(path, "an object", Some(value)),
            (Err(_), _) => reader.note(path, "a key of 1 to 128 bytes", Some(value)),
        }
    }
    widgets
}

fn widget(value: &Value, path: String, reader: &mut Reader) -> Widget {
    let fields = Fields::of(value, path, reader);
    Widget {
        kind: fields.text_required("kind", reader),
        title: fields.text("title", reader),
        layout: layout(&fields, reader),
        order: fields.parsed_required("order", "an order key", reader).unwrap_or_else(OrderKey::middle),
        data_source: fields.get("dataSource").filter(|source| !source.is_null()).cloned(),
        options: fields.object("options", reader),
        locked: fields.flag("locked", reader),
        parent: fields.parsed("parent", "a widget id", reader),
        data: fields.parsed::<DocumentId>("data", "an automerge: URL", reader),
    }
}

fn layout(widget: &Fields<'_>, reader: &mut Reader) -> Layout {
    let Some(fields) = widget.required("layout", reader) else { return Layout::default() };
    let default = Layout::default();
    Layout {
        x: fields.number("x", default.x, reader),
        y: fields.number("y", default.y, reader),
        w: fields.number("w", default.w, reader),
        h: fields.number("h", default.h, reader),
    }
}

/// Collects what is odd.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) oddities: Vec<Oddity>,
}

impl Reader {
    pub(super) fn note(&mut self, path: String, expected: &'static str, found: Option<&Value>) {
        if self.oddities.len() < ODDITIES_MAX {
            self.oddities.push(Oddity { path, expected, found: kind_of(found) });
        }
    }
}

/// The members of an object, and where it stands. What is no object has none.
pub(super) struct Fields<'v> {
    members: Option<&'v Map<String, Value>>,
    path: String,
}

impl<'v> Fields<'v> {
    pub(super) fn of(value: &'v Value, path: String, reader: &mut Reader) -> Self {
        if !value.is_object() {
            reader.note(path.clone(), "an object", Some(value));
        }
        Self { members: value.as_object(), path }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'v Value> {
        self.members?.get(name)
    }

    pub(super) fn path_of(&self, name: &str) -> String {
        format!("{}/{}", self.path, name.replace('~', "~0").replace('/', "~1"))
    }

    pub(super) fn odd(&self, name: &str, expected: &'static str, reader: &mut Reader) {
        reader.note(self.path_of(name), expected, self.get(name));
    }

    /// An object that has to be there.
    fn required(&self, name: &str, reader: &mut Reader) -> Option<Fields<'v>> {
        match self.get(name) {
            Some(value @ Value::Object(_)) => Some(Fields::of(value, self.path_of(name), reader)),
            _ => {
                self.odd(name, "an object", reader);
                None
            }
        }
    }

    /// A text that may be absent: then it is empty.
    pub(super) fn text(&self, name: &str, reader: &mut Reader) -> String {
        match self.get(name) {
            Some(Value::String(text)) => text.clone(),
            None => String::new(),
            Some(_) => {
                self.odd(name, "text", reader);
                String::new()
            }
        }
    }

    fn text_required(&self, name: &str, reader: &mut Reader) -> String {
        if self.get(name).is_none() {
            self.odd(name, "text", reader);
        }
        self.text(name, reader)
    }

    /// A whole number of the type that is asked for, also where it came as a float.
    pub(super) fn number<N: TryFrom<i64>>(&self, name: &str, default: N, reader: &mut Reader) -> N {
        let whole = self.get(name).and_then(whole_number);
        whole.and_then(|whole| N::try_from(whole).ok()).unwrap_or_else(|| {
            self.odd(name, "a whole number", reader);
            default
        })
    }

    fn flag(&self, name: &str, reader: &mut Reader) -> bool {
        match self.get(name) {
            Some(Value::Bool(yes)) => *yes,
            None => false,
            Some(_) => {
                self.odd(name, "true or false", reader);
                false
            }
        }
    }

    fn object(&self, name: &str, reader: &mut Reader) -> Map<String, Value> {
        match self.get(name) {
            Some(Value::Object(members)) => members.clone(),
            None => Map::new(),
            Some(_) => {
                self.odd(name, "an object", reader);
                Map::new()
            }
        }
    }

    /// A text with a meaning, which may be absent.
    fn parsed<P: FromStr>(&self, name: &str, expected: &'static str, reader: &mut Reader) -> Option<P> {
        let value = self.get(name).filter(|value| !value.is_null())?;
        let parsed = value.as_str().and_then(|text| text.parse().ok());
        if parsed.is_none() {
            self.odd(name, expected, reader);
        }
        parsed
    }

    fn parsed_required<P: FromStr>(
        &self,
        name: &str,
        expected: &'static str,
        reader: &mut Reader,
    ) -> Option<P> {
        if self.get(name).is_none_or(Value::is_null) {
            self.odd(name, expected, reader);
        }
        self.parsed(name, expected, reader)
    }
}

/// The number as an integer, if it is one: `3` and `3.0` are, `3.5` is not.
pub(crate) fn whole_number(value: &Value) -> Option<i64> {
    /// Beyond this a float does not tell whole numbers apart.
    const FLOAT_WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    if let Some(int) = value.as_i64() {
        return Some(int);
    }
    let float = value.as_f64()?;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and within 53 bits")]
    let whole = (float.fract() == 0.0 && float.abs() <= FLOAT_WHOLE_MAX).then_some(float as i64);
    whole
}

fn kind_of(value: Option<&Value>) -> &'static str {
    match value {
        None => "nothing",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "true or false",
        Some(Value::Number(_)) => "another number",
        Some(Value::String(_)) => "another text",
        Some(Value::Array(_)) => "a list",
        Some(Value::Object(_)) => "an object",
    }
}
