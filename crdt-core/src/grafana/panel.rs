//! One panel and its widget: which field is which.
//!
//! Edit path: ← [`import`](super::import()) with a panel of Grafana's, → the fields of a widget; and
//! back for [`export`](super::export()).
//!
//! Always true here: a field of the panel is either in the widget's own field, because it fits
//! there exactly, or verbatim in `options`. So the way back needs no guess: what the widget's
//! fields say is laid over what the options hold, and nothing more.

use crate::dashboard::{Layout, OrderKey, Widget, WidgetId, whole_number};
use serde_json::{Map, Value, json};

/// Where Grafana puts a panel of which it knows no place.
const NO_PLACE: Layout = Layout { x: 0, y: 0, w: 6, h: 3 };

/// How the place of a panel was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In full, by four whole numbers.
    Given(Layout),
    /// Somehow; this is the nearest that cells can say.
    Odd(Layout),
    /// Not at all.
    Nowhere,
    /// By rows and spans: computed, and `gridPos` is not looked at.
    Computed(Layout),
}

/// What a panel's `gridPos` says.
pub(super) fn place_of(panel: &Map<String, Value>) -> Place {
    match panel.get("gridPos") {
        None => Place::Nowhere,
        Some(position) => match exact(position) {
            Some(layout) => Place::Given(layout),
            None => Place::Odd(nearest(position)),
        },
    }
}

/// The widget of a panel, as the JSON that is written to the document.
pub(super) fn widget_of(
    panel: &Map<String, Value>,
    place: Place,
    order: &OrderKey,
    parent: Option<&WidgetId>,
) -> Map<String, Value> {
    let mut options = panel.clone();
    let mut widget = Map::new();
    for (theirs, ours) in [("type", "kind"), ("title", "title")] {
        if panel.get(theirs).is_some_and(Value::is_string) {
            widget.extend(options.remove(theirs).map(|text| (ours.to_owned(), text)));
        }
    }
    if panel.get("datasource").is_some_and(|source| !source.is_null()) {
        widget.extend(options.remove("datasource").map(|source| ("dataSource".to_owned(), source)));
    }
    match place {
        Place::Given(layout) => {
            options.remove("gridPos");
            widget.insert("layout".to_owned(), json!(layout));
        }
        Place::Odd(layout) | Place::Computed(layout) => {
            widget.insert("layout".to_owned(), json!(layout));
        }
        Place::Nowhere => {}
    }
    widget.extend(parent.map(|parent| ("parent".to_owned(), json!(parent))));
    widget.insert("order".to_owned(), json!(order));
    widget.insert("locked".to_owned(), json!(false));
    widget.insert("options".to_owned(), Value::Object(options));
    widget
}

/// The panel of a widget. `written` is what the document holds, to tell an empty field from none.
pub(super) fn panel_of(written: &Map<String, Value>, widget: &Widget) -> Map<String, Value> {
    let mut panel = titled(written, widget);
    if written.contains_key("kind") {
        panel.insert("type".to_owned(), json!(widget.kind));
    }
    if written.contains_key("layout") {
        lay_over(&mut panel, widget.layout);
    }
    panel
}

/// [`panel_of`] in the old form: a place is said by row and span, so `gridPos` is left as it was.
pub(super) fn panel_in_row_of(written: &Map<String, Value>, widget: &Widget) -> Map<String, Value> {
    let mut panel = titled(written, widget);
    if written.contains_key("kind") {
        panel.insert("type".to_owned(), json!(widget.kind));
    }
    panel
}

/// A widget's options with its title and data source over them.
pub(super) fn titled(written: &Map<String, Value>, widget: &Widget) -> Map<String, Value> {
    let mut panel = widget.options.clone();
    if written.contains_key("title") {
        panel.insert("title".to_owned(), json!(widget.title));
    }
    panel.extend(widget.data_source.clone().map(|source| ("datasource".to_owned(), source)));
    panel
}

/// Makes `gridPos` say `layout`, and leaves it alone where it does already: `8.0` stays `8.0`.
fn lay_over(panel: &mut Map<String, Value>, layout: Layout) {
    let Some(Value::Object(position)) = panel.get_mut("gridPos") else {
        let said = panel.get("gridPos").map(nearest);
        if said != Some(layout) {
            panel.insert("gridPos".to_owned(), json!(layout));
        }
        return;
    };
    let said = nearest(&Value::Object(position.clone()));
    let members =
        [("x", said.x, layout.x), ("y", said.y, layout.y), ("w", said.w, layout.w), ("h", said.h, layout.h)];
    for (name, _, cells) in members.into_iter().filter(|(_, said, cells)| said != cells) {
        position.insert(name.to_owned(), json!(cells));
    }
}

/// Four whole numbers and nothing else.
fn exact(position: &Value) -> Option<Layout> {
    let members = position.as_object()?;
    let cells = |name: &str| members.get(name)?.as_i64().and_then(|cells| i32::try_from(cells).ok());
    let layout = Layout { x: cells("x")?, y: cells("y")?, w: cells("w")?, h: cells("h")? };
    (members.len() == 4).then_some(layout)
}

/// What cells can say of a position: fractions are cut off, what is missing is where Grafana would
/// put it.
fn nearest(position: &Value) -> Layout {
    let cells = |name: &str, default: i32| {
        let value = position.get(name);
        let whole = value.and_then(|value| {
            let float = value.as_f64()?;
            whole_number(value).or_else(|| whole_number(&json!(float.trunc())))
        });
        whole.and_then(|whole| i32::try_from(whole).ok()).unwrap_or(default)
    };
    Layout {
        x: cells("x", NO_PLACE.x),
        y: cells("y", NO_PLACE.y),
        w: cells("w", NO_PLACE.w),
        h: cells("h", NO_PLACE.h),
    }
}
