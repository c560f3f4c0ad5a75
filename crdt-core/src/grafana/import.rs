//! Grafana's JSON becomes a document.
//!
//! Edit path: ← `dovetail import`, or an HTTP body; → a document of two changes, the canonical
//! first one and the import's own.
//!
//! The JSON is walked once and becomes a list of widgets, each in the form in which it is written;
//! only then a document is made. So what is refused leaves nothing behind.

use super::panel::{Place, place_of, widget_of};
use super::rows::{self, RowPlace, is_collapsed, panels_of};
use super::{NESTING_MAX, OLD_ROW, extra, form};
use crate::dashboard::{ODDITIES_MAX, OrderKey, WidgetId, first_dashboard, spread};
use crate::json::{self, JsonError, Strings};
use crate::time::Timestamp;
use automerge::transaction::{CommitOptions, Transaction};
use automerge::{ActorId, Automerge, AutomergeError, ROOT, ReadDoc};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How much of a panel's own textual id goes into a widget id, which has to stay small.
const PANEL_ID_BYTES_MAX: usize = 60;

/// A dashboard that came from Grafana.
#[derive(Debug)]
pub struct Imported {
    /// The document: two changes.
    pub doc: Automerge,
    /// How many widgets it has, rows and what lies in them included.
    pub widgets: usize,
    /// What was unusual, for the person who imports; no more than a hundred remarks.
    pub notes: Vec<Note>,
}

/// Something that the import decided for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where, as a JSON pointer into what was imported.
    pub path: String,
    /// What.
    pub remark: Remark,
}

/// What an import may remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// Only what was inside is a dashboard; what was around it, such as `meta`, is not kept.
    Unwrapped,
    /// The old form, rows instead of a grid: places were computed.
    OldForm,
    /// A panel without an id, or with an odd one.
    NoId(WidgetId),
    /// A panel whose id another one has already.
    IdTaken(WidgetId),
    /// A panel without `gridPos`.
    NoPlace,
    /// A `gridPos` that is not four whole numbers; it is kept, and the nearest cells are used.
    OddPlace,
    /// Panels inside a panel that are nested too deep or not a list of objects; kept as an option.
    PanelsKept,
}

/// Why a JSON is not imported. All are the sender's doing.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A list or a bare value.
    #[error("a Grafana dashboard is a JSON object, this is not")]
    NotAnObject,
    /// Some other JSON.
    #[error("no panels and no rows: not a Grafana dashboard")]
    NotGrafana,
    /// Grafana's new schema, `elements` and `layout`. Grafana exports the classic one as well.
    #[error("this is Grafana's schema v2: export the dashboard in the classic form")]
    SchemaV2,
    /// A list of panels or rows holds something else.
    #[error("{path} should be a list of objects")]
    NotPanels {
        /// Where, as a JSON pointer.
        path: String,
    },
    /// The dashboard is too large or too deep.
    #[error("the dashboard cannot be written")]
    Value(#[from] JsonError),
}

/// Makes a document of a Grafana dashboard; bare, or as Grafana's HTTP API wraps it
/// (`{"dashboard": …, "meta": …}`). The import's change is by `actor` at `time`.
///
/// # Errors
/// When it is no Grafana dashboard, or passes the bounds of [`json`](mod@json).
pub fn import(value: &Value, actor: &ActorId, time: Timestamp) -> Result<Imported, ImportError> {
    json::check(value, 0)?;
    let mut walk = Walk::default();
    let root = unwrap(value.as_object().ok_or(ImportError::NotAnObject)?, &mut walk);
    let form = match (non_empty(root, "panels"), non_empty(root, "rows")) {
        (Some(true), _) | (Some(false), None | Some(false)) => walk.panels(root)?,
        (_, Some(_)) => walk.rows(root)?,
        (None, None) if root.contains_key("elements") => return Err(ImportError::SchemaV2),
        (None, None) => return Err(ImportError::NotGrafana),
    };
    let widgets = walk.finish();
    let mut doc = first_dashboard().with_actor(actor.clone());
    let options = |_: &()| CommitOptions::default().with_time(json::seconds(time));
    doc.transact_with(options, |tx| write(tx, root, form, &widgets)).map_err(|failure| failure.error)?;
    Ok(Imported { doc, widgets: widgets.len(), notes: walk.notes })
}

/// The dashboard itself, where it is wrapped.
fn unwrap<'v>(outer: &'v Map<String, Value>, walk: &mut Walk<'v>) -> &'v Map<String, Value> {
    let bare = ["panels", "rows", "elements"].iter().any(|key| outer.contains_key(*key));
    let inner = ["dashboard", "spec"].iter().find_map(|key| Some((key, outer.get(*key)?.as_object()?)));
    match inner {
        Some((key, inner)) if !bare => {
            walk.start = format!("/{key}");
            walk.note(walk.start.clone(), Remark::Unwrapped);
            inner
        }
        _ => outer,
    }
}

/// Whether there are such things; none if there is no such field.
fn non_empty(root: &Map<String, Value>, field: &str) -> Option<bool> {
    match root.get(field)? {
        Value::Null => None,
        Value::Array(items) => Some(!items.is_empty()),
        _ => Some(true),
    }
}

fn write(
    tx: &mut Transaction<'_>,
    root: &Map<String, Value>,
    form: &'static str,
    widgets: &[(WidgetId, Value)],
) -> Result<(), JsonError> {
    let mut rest = root.clone();
    rest.remove(form);
    for field in ["title", "description"] {
        // An empty one stays in the rest: the first change has it already, and an export could not
        // tell it from none.
        if let Some(text @ Value::String(said)) = root.get(field)
            && !said.is_empty()
        {
            rest.remove(field);
            json::put(tx, &ROOT, field.into(), text, Strings::Scalar, 1)?;
        }
    }
    let map = tx.get(ROOT, "widgets")?.map(|(_, id)| id).ok_or(AutomergeError::NotAnObject)?;
    for (id, widget) in widgets {
        json::put(tx, &map, id.as_str().into(), widget, Strings::Scalar, 2)?;
    }
    let kept = json!({ extra::ORIGIN: "grafana", extra::FORM: form, extra::DASHBOARD: rest });
    json::put(tx, &ROOT, "extra".into(), &kept, Strings::Scalar, 1)
}

/// What was met so far on the way through the JSON.
#[derive(Default)]
struct Walk<'v> {
    /// Where the dashboard stands in what was handed in.
    start: String,
    found: Vec<Found<'v>>,
    taken: BTreeSet<WidgetId>,
    /// How far the counting behind a name went, so that a thousand panels of one id are not a
    /// million tries.
    counted: BTreeMap<String, usize>,
    notes: Vec<Note>,
}

/// A panel on its way to becoming a widget.
struct Found<'v> {
    id: WidgetId,
    parent: Option<WidgetId>,
    place: Place,
    panel: &'v Map<String, Value>,
    /// Whether its panels become widgets of their own.
    opened: bool,
    /// Whether it is a row of the old form, which has no type.
    row: bool,
}

impl<'v> Walk<'v> {
    fn panels(&mut self, root: &'v Map<String, Value>) -> Result<&'static str, ImportError> {
        let path = format!("{}/panels", self.start);
        for (index, panel) in objects(root.get("panels"), &path)?.into_iter().enumerate() {
            self.panel(panel, place_of(panel), None, &format!("{path}/{index}"), 1);
        }
        Ok(form::PANELS)
    }

    fn rows(&mut self, root: &'v Map<String, Value>) -> Result<&'static str, ImportError> {
        let path = format!("{}/rows", self.start);
        self.note(path.clone(), Remark::OldForm);
        let rows = objects(root.get("rows"), &path)?;
        for (index, (row, places)) in rows.iter().zip(rows::places(&rows)).enumerate() {
            self.row(row, places, &format!("{path}/{index}"), index + 1);
        }
        Ok(form::ROWS)
    }

    fn row(&mut self, row: &'v Map<String, Value>, places: RowPlace, path: &str, number: usize) {
        let (id, _) = self.free(&format!("{OLD_ROW}{number}"));
        let panels = panels_of(row);
        if panels.is_none() && row.contains_key("panels") {
            self.note(path.to_owned(), Remark::PanelsKept);
        }
        let parent = is_collapsed(row).then(|| id.clone());
        let (place, opened) = (Place::Computed(places.line), panels.is_some());
        self.found.push(Found { id, parent: None, place, panel: row, opened, row: true });
        for (index, (panel, layout)) in panels.into_iter().flatten().zip(places.panels).enumerate() {
            let path = format!("{path}/panels/{index}");
            self.panel(panel, Place::Computed(layout), parent.as_ref(), &path, 2);
        }
    }

    fn panel(
        &mut self,
        panel: &'v Map<String, Value>,
        place: Place,
        parent: Option<&WidgetId>,
        path: &str,
        level: usize,
    ) {
        match place {
            Place::Odd(_) => self.note(path.to_owned(), Remark::OddPlace),
            Place::Nowhere => self.note(path.to_owned(), Remark::NoPlace),
            Place::Given(_) | Place::Computed(_) => {}
        }
        let id = self.id_for(panel, path);
        // The old form has no panels in panels.
        let may_hold = level < NESTING_MAX && !matches!(place, Place::Computed(_));
        let inner = panels_of(panel).filter(|_| may_hold);
        if inner.is_none() && panel.contains_key("panels") {
            self.note(path.to_owned(), Remark::PanelsKept);
        }
        let parent = parent.cloned();
        self.found.push(Found { id: id.clone(), parent, place, panel, opened: inner.is_some(), row: false });
        for (index, inner) in inner.into_iter().flatten().enumerate() {
            self.panel(inner, place_of(inner), Some(&id), &format!("{path}/panels/{index}"), level + 1);
        }
    }

    /// `panel-<id>`; where two have one id, the later gets `-2`. Panels without an id are counted.
    fn id_for(&mut self, panel: &Map<String, Value>, path: &str) -> WidgetId {
        let named = panel.get("id").and_then(name_of);
        let had_name = named.is_some();
        let (id, first) = self.free(named.as_deref().unwrap_or("panel-unnumbered"));
        match (had_name, first) {
            (false, _) => self.note(path.to_owned(), Remark::NoId(id.clone())),
            (true, false) => self.note(path.to_owned(), Remark::IdTaken(id.clone())),
            (true, true) => {}
        }
        id
    }

    /// The name as an id, or the next free one that begins with it; and whether it was the name.
    fn free(&mut self, name: &str) -> (WidgetId, bool) {
        let counted = self.counted.entry(name.to_owned()).or_insert(0);
        loop {
            *counted += 1;
            let first = *counted == 1;
            let text = if first { name.to_owned() } else { format!("{name}-{counted}") };
            let id: WidgetId = text.parse().expect("a prefix, at most 60 bytes of name and a count");
            if self.taken.insert(id.clone()) {
                return (id, first);
            }
        }
    }

    fn note(&mut self, path: String, remark: Remark) {
        if self.notes.len() < ODDITIES_MAX {
            self.notes.push(Note { path, remark });
        }
    }

    /// The widgets in the form in which they are written, with order keys of the panels' order.
    fn finish(&mut self) -> Vec<(WidgetId, Value)> {
        let found = std::mem::take(&mut self.found);
        let keys = spread(found.len());
        found.into_iter().zip(&keys).map(|(found, order)| found.into_widget(order)).collect()
    }
}

impl Found<'_> {
    fn into_widget(self, order: &OrderKey) -> (WidgetId, Value) {
        let mut widget = widget_of(self.panel, self.place, order, self.parent.as_ref());
        let kind = self.row.then(|| widget.insert("kind".to_owned(), json!("row"))).flatten();
        if let Some(Value::Object(options)) = widget.get_mut("options") {
            options.extend(kind.map(|kept| ("type".to_owned(), kept)));
            if self.opened {
                // That there was a list is kept, what was in it has moved out.
                options.insert("panels".to_owned(), json!([]));
            }
        }
        (self.id, Value::Object(widget))
    }
}

fn objects<'v>(list: Option<&'v Value>, path: &str) -> Result<Vec<&'v Map<String, Value>>, ImportError> {
    let not_panels = |path: String| ImportError::NotPanels { path };
    let items = list.and_then(Value::as_array).ok_or_else(|| not_panels(path.to_owned()))?;
    let object = |(index, item): (usize, &'v Value)| {
        item.as_object().ok_or_else(|| not_panels(format!("{path}/{index}")))
    };
    items.iter().enumerate().map(object).collect()
}

fn name_of(id: &Value) -> Option<String> {
    let plain = |text: &&str| {
        let letters = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        letters && !text.is_empty() && text.len() <= PANEL_ID_BYTES_MAX
    };
    match id {
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(format!("panel-{number}")),
        Value::String(text) => Some(text.as_str()).filter(plain).map(|text| format!("panel-{text}")),
        _ => None,
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.remark {
            Remark::Unwrapped => write!(f, "{path} is the dashboard; what stands around it is not kept"),
            Remark::OldForm => write!(f, "{path} is the form before Grafana 5: places were computed"),
            Remark::NoId(id) => write!(f, "{path} has no usable id and became widget {id}"),
            Remark::IdTaken(id) => write!(f, "{path} has the id of another panel and became widget {id}"),
            Remark::NoPlace => write!(f, "{path} has no gridPos and lies at the default place"),
            Remark::OddPlace => write!(f, "{path} has an odd gridPos: the nearest cells are used"),
            Remark::PanelsKept => write!(f, "{path} holds panels that are kept as an option"),
        }
    }
}
