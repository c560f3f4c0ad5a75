//! A document becomes Grafana's JSON.
//!
//! Edit path: ← a dashboard document, imported or made here; → JSON that Grafana imports.
//!
//! Always true here: what nobody edited comes out as it went in. `locked` and `data` have no words
//! in Grafana and stay behind; widgets that were made here get no panel id, Grafana gives them one.

use super::panel::{panel_in_row_of, panel_of, titled};
use super::rows::{is_collapsed, places};
use super::{NESTING_MAX, OLD_ROW, extra, form};
use crate::dashboard::{DASHBOARD_KIND, Dashboard, Layout, Widget, WidgetId, from_json};
use crate::json;
use automerge::Automerge;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The first of Grafana's schemas that has a grid.
const SCHEMA_WITH_GRID: u64 = 16;

/// The schema that a dashboard made here is said to be in: the newest of those tried.
const SCHEMA_OF_OURS: u64 = 41;

/// Why a document is not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The document is something else: its `kind` says so.
    #[error("this document is no dashboard")]
    NotADashboard,
}

/// The dashboard in `doc`, as it is now, in Grafana's JSON.
///
/// # Errors
/// When the document is no dashboard.
pub fn export(doc: &Automerge) -> Result<Value, ExportError> {
    let written = json::read(doc, None);
    if written.get("kind").and_then(Value::as_str) != Some(DASHBOARD_KIND) {
        return Err(ExportError::NotADashboard);
    }
    let board = Board::new(from_json(&written).dashboard, &written);
    let mut root = top(&board.dashboard);
    let old = board.dashboard.extra.get(extra::FORM).and_then(Value::as_str) == Some(form::ROWS);
    match old.then(|| board.rows()).flatten() {
        Some(rows) => drop(root.insert(form::ROWS.to_owned(), Value::Array(rows))),
        None => {
            root.insert(form::PANELS.to_owned(), Value::Array(board.panels(old)));
            if old {
                let version = root.get("schemaVersion").and_then(Value::as_u64).unwrap_or(0);
                root.insert("schemaVersion".to_owned(), json!(version.max(SCHEMA_WITH_GRID)));
            }
        }
    }
    Ok(Value::Object(root))
}

/// All but the panels.
fn top(dashboard: &Dashboard) -> Map<String, Value> {
    let mut root = match dashboard.extra.get(extra::DASHBOARD) {
        Some(Value::Object(kept)) => kept.clone(),
        _ => Map::from_iter([("schemaVersion".to_owned(), json!(SCHEMA_OF_OURS))]),
    };
    for (field, text) in [("title", &dashboard.title), ("description", &dashboard.description)] {
        if !text.is_empty() {
            root.insert(field.to_owned(), json!(text));
        }
    }
    root
}

/// The widgets, each in the widget that holds it.
struct Board<'w> {
    dashboard: Dashboard,
    /// What the document holds of each widget, to tell an empty field from none.
    written: BTreeMap<&'w str, &'w Map<String, Value>>,
    /// In order: those at the top under no id, and those whose holder is gone as well.
    held_by: BTreeMap<Option<WidgetId>, Vec<WidgetId>>,
}

impl<'w> Board<'w> {
    fn new(dashboard: Dashboard, root: &'w Value) -> Self {
        let widgets = root.get("widgets").and_then(Value::as_object);
        let written = widgets
            .into_iter()
            .flatten()
            .filter_map(|(id, widget)| Some((id.as_str(), widget.as_object()?)))
            .collect();
        let mut held_by: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (id, widget) in dashboard.in_order() {
            let holder = widget.parent.clone().filter(|parent| dashboard.widgets.contains_key(parent));
            held_by.entry(holder).or_default().push(id.clone());
        }
        Self { dashboard, written, held_by }
    }

    /// The new form. `from_rows`: the dashboard came in the old one.
    fn panels(&self, from_rows: bool) -> Vec<Value> {
        let mut done = BTreeSet::new();
        let top = self.held(None).iter();
        let mut panels: Vec<Value> = top.filter_map(|id| self.panel(id, from_rows, 1, &mut done)).collect();
        // Whom people put into each other in a circle, and what is nested beyond the bound, is not
        // reached from the top.
        for (id, _) in self.dashboard.in_order() {
            panels.extend(self.panel(id, from_rows, 1, &mut done));
        }
        panels
    }

    fn panel(
        &self,
        id: &WidgetId,
        from_rows: bool,
        level: usize,
        done: &mut BTreeSet<WidgetId>,
    ) -> Option<Value> {
        if !done.insert(id.clone()) {
            return None;
        }
        let (widget, written) = self.widget(id)?;
        let mut panel = panel_of(written, widget);
        if from_rows && is_old_row(id, widget) {
            panel.insert("collapsed".to_owned(), json!(is_collapsed(&widget.options)));
        }
        if level < NESTING_MAX {
            let inner = self.held(Some(id)).iter();
            let inner: Vec<Value> =
                inner.filter_map(|id| self.panel(id, from_rows, level + 1, done)).collect();
            insert_panels(&mut panel, inner);
        }
        Some(Value::Object(panel))
    }

    /// The old form, if it still says where everything lies.
    fn rows(&self) -> Option<Vec<Value>> {
        let mut rows = Vec::new();
        let mut layouts = Vec::new();
        let mut open: Option<OldRow> = None;
        for id in self.held(None) {
            let (widget, written) = self.widget(id)?;
            layouts.push(widget.layout);
            if is_old_row(id, widget) {
                rows.extend(open.take().map(OldRow::close));
                open = Some(OldRow { row: titled(written, widget), panels: Vec::new() });
                for inner in self.held(Some(id)) {
                    layouts.push(self.put_into(open.as_mut()?, inner)?);
                }
            } else {
                self.put_into(open.as_mut()?, id)?;
            }
        }
        rows.extend(open.take().map(OldRow::close));
        let all_told = layouts.len() == self.dashboard.widgets.len();
        (all_told && places_of(&rows) == layouts).then_some(rows)
    }

    /// Where that panel lies; nothing when it holds others, which the old form has no words for.
    fn put_into(&self, row: &mut OldRow, id: &WidgetId) -> Option<Layout> {
        let (widget, written) = self.widget(id)?;
        if !self.held(Some(id)).is_empty() {
            return None;
        }
        row.panels.push(Value::Object(panel_in_row_of(written, widget)));
        Some(widget.layout)
    }

    fn held(&self, holder: Option<&WidgetId>) -> &[WidgetId] {
        self.held_by.get(&holder.cloned()).map_or(&[], Vec::as_slice)
    }

    fn widget(&self, id: &WidgetId) -> Option<(&Widget, &Map<String, Value>)> {
        Some((self.dashboard.widgets.get(id)?, *self.written.get(id.as_str())?))
    }
}

/// A row of the old form that is being filled.
struct OldRow {
    row: Map<String, Value>,
    panels: Vec<Value>,
}

impl OldRow {
    fn close(mut self) -> Value {
        insert_panels(&mut self.row, self.panels);
        Value::Object(self.row)
    }
}

/// An empty list stands in the options where there was one, so only a filled one is put in.
fn insert_panels(panel: &mut Map<String, Value>, inner: Vec<Value>) {
    if !inner.is_empty() {
        panel.insert("panels".to_owned(), Value::Array(inner));
    }
}

fn is_old_row(id: &WidgetId, widget: &Widget) -> bool {
    widget.kind == "row" && id.as_str().starts_with(OLD_ROW)
}

/// What the old form says of all places, a row's line before its panels.
fn places_of(rows: &[Value]) -> Vec<Layout> {
    let rows: Vec<_> = rows.iter().filter_map(Value::as_object).collect();
    let line_first = |row: super::rows::RowPlace| std::iter::once(row.line).chain(row.panels);
    places(&rows).into_iter().flat_map(line_first).collect()
}
