//! What a widget shows, when it is a document of its own: a series of points, a table, or a text.
//!
//! Edit path: ← whoever feeds the widget, person or program; → the app that draws it.
//!
//! It is a document apart because its changes come at another pace: a feed that adds a point a
//! second must not make the dashboard's history grow, and who may feed it need not be allowed to
//! rearrange the dashboard.

use super::points::Retention;
use super::read::{Fields, Oddity, Reader, whole_number};
use super::{SCHEMA_VERSION, WIDGET_DATA_KIND};
use crate::json;
use automerge::{Automerge, ChangeHash};
use serde_json::Value;

/// The content of a widget data document. All shapes have their place; `shape` says which one is meant.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(rename_all = "camelCase"))]
pub struct WidgetData {
    /// The shape it was written in.
    pub schema_version: u32,
    /// Which of the following is to be shown.
    pub shape: Shape,
    /// A series: ascending in time as a rule, but nothing enforces it.
    pub points: Vec<Point>,
    /// How much of the series is kept when points are added.
    pub retention: Retention,
    /// The names of a table's columns.
    pub columns: Vec<String>,
    /// The rows of a table, each with its cells in the order of the columns.
    #[cfg_attr(test, ts(type = "readonly (readonly unknown[])[]"))]
    pub rows: Vec<Vec<Value>>,
    /// A text that several people may type in at once.
    pub text: String,
}

/// What a widget data document shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(rename_all = "lowercase"))]
pub enum Shape {
    /// A series of points.
    #[default]
    Points,
    /// Columns and rows.
    Table,
    /// A text.
    Text,
}

/// One value at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Point {
    /// When: milliseconds since the Unix epoch.
    pub t: i64,
    /// How much; nothing where a value was missed.
    pub v: Option<f64>,
}

/// A widget's data, and what was odd about the document that it was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct WidgetDataReading {
    /// The data; odd points and rows are left out.
    pub data: WidgetData,
    /// What was odd, in the order it was met; no more than [`ODDITIES_MAX`](super::ODDITIES_MAX).
    pub oddities: Vec<Oddity>,
}

/// The widget data in `doc`, as it was at `heads` or as it is now.
#[must_use]
pub fn read_widget_data(doc: &Automerge, heads: Option<&[ChangeHash]>) -> WidgetDataReading {
    let root = json::read(doc, heads);
    let mut reader = Reader::default();
    let fields = Fields::of(&root, String::new(), &mut reader);
    if fields.text("kind", &mut reader) != WIDGET_DATA_KIND {
        fields.odd("kind", "\"widget-data\"", &mut reader);
    }
    let data = WidgetData {
        schema_version: fields.number("schemaVersion", SCHEMA_VERSION, &mut reader),
        shape: shape(&fields, &mut reader),
        points: items(&fields, "points", "a point {t, v}", point, &mut reader),
        retention: retention(&fields, &mut reader),
        columns: items(&fields, "columns", "text", |item| item.as_str().map(str::to_owned), &mut reader),
        rows: items(&fields, "rows", "a list of cells", |item| item.as_array().cloned(), &mut reader),
        text: fields.text("text", &mut reader),
    };
    WidgetDataReading { data, oddities: reader.oddities }
}

fn shape(fields: &Fields<'_>, reader: &mut Reader) -> Shape {
    match fields.get("shape").and_then(Value::as_str) {
        Some("points") => Shape::Points,
        Some("table") => Shape::Table,
        Some("text") => Shape::Text,
        _ => {
            fields.odd("shape", "\"points\", \"table\" or \"text\"", reader);
            Shape::default()
        }
    }
}

fn retention(fields: &Fields<'_>, reader: &mut Reader) -> Retention {
    let Some(retention) = fields.get("retention") else { return Retention::default() };
    let number = |name: &str| whole_number(retention.get(name)?).filter(|number| *number > 0);
    for name in ["points", "seconds"] {
        if let Some(odd) = retention.get(name).filter(|_| number(name).is_none()) {
            reader.note(format!("{}/{name}", fields.path_of("retention")), "a number above 0", Some(odd));
        }
    }
    if !retention.is_object() {
        fields.odd("retention", "{points, seconds}", reader);
    }
    Retention::of(number("points"), number("seconds"))
}

fn point(item: &Value) -> Option<Point> {
    let t = whole_number(item.get("t")?)?;
    match item.get("v") {
        None | Some(Value::Null) => Some(Point { t, v: None }),
        Some(v) => Some(Point { t, v: Some(v.as_f64()?) }),
    }
}

/// The items of a list that are what they should be; the others are listed and left out.
fn items<I>(
    fields: &Fields<'_>,
    name: &str,
    expected: &'static str,
    parse: impl Fn(&Value) -> Option<I>,
    reader: &mut Reader,
) -> Vec<I> {
    let Some(Value::Array(found)) = fields.get(name) else {
        if fields.get(name).is_some() {
            fields.odd(name, "a list", reader);
        }
        return Vec::new();
    };
    let mut items = Vec::with_capacity(found.len());
    for (index, item) in found.iter().enumerate() {
        match parse(item) {
            Some(item) => items.push(item),
            None => reader.note(format!("{}/{index}", fields.path_of(name)), expected, Some(item)),
        }
    }
    items
}
