//! The old form: rows of panels with a width in twelfths. Where its panels lie.
//!
//! Edit path: ← [`import`](super::import()), to give each panel a place; ← [`export`](super::export()),
//! to see whether the old form still says where everything lies.
//!
//! The figures are Grafana's own, of its step from rows to the grid: a cell is 30 pixels high with
//! 8 between, a row 250 pixels unless it says otherwise, a panel 4 twelfths wide. A row's line of
//! its own is one cell high; panels stand side by side below it and go to the next line where
//! there is no room.

use crate::dashboard::Layout;
use serde_json::{Map, Value};

const COLUMNS: i32 = 24;
const CELLS_PER_TWELFTH: f64 = 2.0;
const CELL_AND_GAP_PX: f64 = 38.0;
const ROW_HEIGHT_PX: f64 = 250.0;
/// Three cells: nothing is drawn lower.
const HEIGHT_PX_MIN: f64 = 90.0;
/// A screen is some 1,000 pixels high; ten of them are beyond any use and within any number.
const HEIGHT_PX_MAX: f64 = 10_000.0;
const SPAN: f64 = 4.0;
const SPAN_MAX: f64 = 12.0;

/// Where one row and its panels lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowPlace {
    /// The line that names the row.
    pub(super) line: Layout,
    /// Its panels, in their order.
    pub(super) panels: Vec<Layout>,
}

/// Where all rows lie, one below the other.
pub(super) fn places(rows: &[&Map<String, Value>]) -> Vec<RowPlace> {
    let mut y = 0;
    rows.iter().map(|row| place(row, &mut y)).collect()
}

/// Whether only the row's line is to be seen.
pub(super) fn is_collapsed(row: &Map<String, Value>) -> bool {
    row.get("collapse") == Some(&Value::Bool(true))
}

/// The panels of a row, if that is what `panels` holds.
pub(super) fn panels_of(row: &Map<String, Value>) -> Option<Vec<&Map<String, Value>>> {
    row.get("panels")?.as_array()?.iter().map(Value::as_object).collect()
}

fn place(row: &Map<String, Value>, y: &mut i32) -> RowPlace {
    let line = Layout { x: 0, y: *y, w: COLUMNS, h: 1 };
    *y += 1;
    let row_height = row.get("height").and_then(cells_high).unwrap_or_else(|| cells(ROW_HEIGHT_PX));
    let (mut x, mut top, mut line_height) = (0, *y, row_height);
    let mut panels = Vec::new();
    for panel in panels_of(row).unwrap_or_default() {
        let h = panel.get("height").and_then(cells_high).unwrap_or(row_height);
        let w = cells_wide(panel.get("span"));
        if x + w > COLUMNS {
            (x, top, line_height) = (0, top + line_height, 0);
        }
        panels.push(Layout { x, y: top, w, h });
        (x, line_height) = (x + w, line_height.max(h));
    }
    if !is_collapsed(row) {
        *y = top + line_height;
    }
    RowPlace { line, panels }
}

fn cells_wide(span: Option<&Value>) -> i32 {
    let twelfths = span.and_then(Value::as_f64).filter(|span| *span >= 1.0).unwrap_or(SPAN);
    whole(twelfths.min(SPAN_MAX).floor() * CELLS_PER_TWELFTH)
}

/// A height in pixels, as a number or as text like `250px`.
fn cells_high(height: &Value) -> Option<i32> {
    let pixels = match height {
        Value::String(text) => text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok()?,
        number => number.as_f64()?,
    };
    (pixels > 0.0).then(|| cells(pixels))
}

fn cells(pixels: f64) -> i32 {
    whole((pixels.clamp(HEIGHT_PX_MIN, HEIGHT_PX_MAX) / CELL_AND_GAP_PX).ceil())
}

#[expect(clippy::cast_possible_truncation, reason = "a whole number of cells, bounded above")]
fn whole(cells: f64) -> i32 {
    cells as i32
}
