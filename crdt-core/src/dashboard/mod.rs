//! A dashboard: what its document means, and how it is edited.
//!
//! Edit path: ← a person's [`Edit`], through an SDK or HTTP; → [`apply()`] makes operations of it;
//! and back: [`read()`] makes a [`Dashboard`] of whatever the merged document holds.
//! `docs/DASHBOARD.md` shows the shape to people who write apps.
//!
//! Always true here:
//! - Reading never fails. Any client may write anything, so a field that is missing or odd
//!   becomes its default and is listed as an [`Oddity`].
//! - Widgets are known by their id, never by their place in a list, and a field is one register:
//!   two people who change two fields of a widget both have their way.
//! - The root key `_dovetail` belongs to the server's rules and is no part of a dashboard.

mod apply; // Edits become operations. The way in.
mod edit; // The closed list of what one can do to a dashboard.
mod first; // The change that every dashboard starts from.
mod order; // Keys between keys: an order that two people may change at once.
mod points; // Points that are added to a series, and old ones that leave it.
mod read; // Any document, as a dashboard. The way out.
mod widget_data; // What a widget shows, when it is a document of its own.

pub use apply::{EDITS_MAX, EditError, apply, apply_to};
pub use edit::{Edit, OptionStep};
pub use first::{FIRST_ACTOR, first_dashboard, first_widget_data};
pub use order::{ORDER_KEY_BYTES_MAX, OrderError, OrderKey, between, spread};
pub use points::{
    AddError, Added, BadPoint, Feed, HISTORY_BUDGET, NotPoints, PLACES_MAX, POINTS_KEPT, POINTS_KEPT_MAX,
    REMOVED_MAX, Retention, TIME_MS_MAX, Unread, add_points, interval_ms, read_point,
};
pub(crate) use read::whole_number;
pub use read::{ODDITIES_MAX, Oddity, Reading, from_json, read};
pub use widget_data::{Point, Shape, WidgetData, WidgetDataReading, read_widget_data};

use crate::id::DocumentId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// What stands at `kind` in the root of a dashboard document.
pub const DASHBOARD_KIND: &str = "dashboard";

/// What stands at `kind` in the root of a widget data document.
pub const WIDGET_DATA_KIND: &str = "widget-data";

/// The shape that this version writes. A later shape is still read as far as it is understood.
pub const SCHEMA_VERSION: u32 = 1;

/// The most bytes of a widget's id. It is a key that apps choose: a UUID has 36, an imported
/// panel some 10. It is written into every conflict that concerns the widget, so it stays small.
pub const WIDGET_ID_BYTES_MAX: usize = 128;

/// A dashboard as typed values: a picture of the document at some moment, not a handle on it.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(rename_all = "camelCase"))]
pub struct Dashboard {
    /// The shape it was written in; [`SCHEMA_VERSION`] when this version wrote it.
    pub schema_version: u32,
    /// What people call it.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// The grid that the widgets lie on.
    pub grid: Grid,
    /// The widgets. [`Dashboard::in_order`] has them as a reader meets them.
    #[cfg_attr(test, ts(type = "Readonly<Record<WidgetId, Widget>>"))]
    pub widgets: BTreeMap<WidgetId, Widget>,
    /// What an import keeps verbatim, so that an export can give it back.
    #[cfg_attr(test, ts(type = "Readonly<Record<string, unknown>>"))]
    pub extra: Map<String, Value>,
}

/// The grid of a dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", default)]
pub struct Grid {
    /// How many cells lie side by side.
    pub columns: u32,
    /// The height of a cell in pixels.
    pub row_height: u32,
}

impl Default for Grid {
    /// Grafana's grid, so that what is imported from there lies where it lay.
    fn default() -> Self {
        Self { columns: 24, row_height: 30 }
    }
}

/// One tile of a dashboard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Widget {
    /// What draws it: `chart`, `table`, `text`, or what the app knows. Free text.
    pub kind: String,
    /// The line above it.
    #[serde(default)]
    pub title: String,
    /// Where it lies.
    #[serde(default)]
    pub layout: Layout,
    /// Its place among the others where they are listed. Equal keys are told apart by widget id.
    #[serde(default = "OrderKey::middle")]
    pub order: OrderKey,
    /// Where its figures come from: a name, or an object that the app understands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "unknown"))]
    pub data_source: Option<Value>,
    /// All that only its `kind` understands.
    #[serde(default)]
    #[cfg_attr(test, ts(type = "Readonly<Record<string, unknown>>"))]
    pub options: Map<String, Value>,
    /// Whether people asked that it be left alone. Apps heed it; nothing enforces it.
    #[serde(default)]
    pub locked: bool,
    /// The widget that holds this one, as a collapsed row does. Its layout is then counted as if
    /// that widget were open, so it may overlap with widgets outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub parent: Option<WidgetId>,
    /// The document with what it shows, where that is a document of its own.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "document_url")]
    #[cfg_attr(test, ts(optional, type = "string"))]
    pub data: Option<DocumentId>,
}

impl Widget {
    /// A widget of this kind and title with everything else by default.
    #[must_use]
    pub fn new(kind: &str, title: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            title: title.to_owned(),
            layout: Layout::default(),
            order: OrderKey::middle(),
            data_source: None,
            options: Map::new(),
            locked: false,
            parent: None,
            data: None,
        }
    }
}

/// The rectangle of a widget, in cells of the grid, from the top left corner. Nothing keeps it
/// inside the grid or off others: that is for rules to notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Layout {
    /// Cells from the left edge.
    pub x: i32,
    /// Cells from the top.
    pub y: i32,
    /// Width in cells.
    pub w: i32,
    /// Height in cells.
    pub h: i32,
}

impl Default for Layout {
    /// A quarter of the default grid's width, in the top left corner.
    fn default() -> Self {
        Self { x: 0, y: 0, w: 6, h: 6 }
    }
}

/// What a widget is known by within its dashboard: 1 to [`WIDGET_ID_BYTES_MAX`] bytes of text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(type = "string"))]
#[serde(try_from = "String", into = "String")]
pub struct WidgetId(Arc<str>);

/// A text that is empty or too long to be a widget's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a widget id has 1 to {WIDGET_ID_BYTES_MAX} bytes, this one has {bytes}")]
pub struct BadWidgetId {
    bytes: usize,
}

impl WidgetId {
    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for WidgetId {
    type Err = BadWidgetId;

    fn from_str(text: &str) -> Result<Self, BadWidgetId> {
        match text.len() {
            1..=WIDGET_ID_BYTES_MAX => Ok(Self(text.into())),
            bytes => Err(BadWidgetId { bytes }),
        }
    }
}

impl TryFrom<String> for WidgetId {
    type Error = BadWidgetId;

    fn try_from(text: String) -> Result<Self, BadWidgetId> {
        text.parse()
    }
}

impl From<WidgetId> for String {
    fn from(id: WidgetId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for WidgetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for WidgetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WidgetId({:?})", &*self.0)
    }
}

impl Dashboard {
    /// The widgets as a reader meets them: by order key, equal keys by id. Every replica that has
    /// the same changes has the same order.
    #[must_use]
    pub fn in_order(&self) -> Vec<(&WidgetId, &Widget)> {
        let mut widgets: Vec<_> = self.widgets.iter().collect();
        widgets.sort_by_key(|(id, widget)| (&widget.order, *id));
        widgets
    }

    /// The edits that put `id` right behind `after`, or in front of all. One as a rule, none when
    /// it is there already; more when widgets behind it share their key with `after`, because
    /// two people put them there at once: those get keys of their own.
    ///
    /// # Errors
    /// When no key of bearable length is left there. Spreading all keys anew makes room.
    pub fn place(&self, id: &WidgetId, after: Option<&WidgetId>) -> Result<Vec<Edit>, OrderError> {
        let others: Vec<_> = self.in_order().into_iter().filter(|(other, _)| *other != id).collect();
        let position = |after| others.iter().position(|(other, _)| *other == after);
        let at = after.map_or(0, |after| position(after).map_or(others.len(), |found| found + 1));
        let (before, behind) = others.split_at(at);

        let mut floor = before.last().map(|(_, widget)| widget.order.clone());
        let tied = behind.iter().take_while(|(_, widget)| Some(&widget.order) <= floor.as_ref()).count();
        let ceiling = behind.get(tied).map(|(_, widget)| &widget.order);
        if tied == 0
            && self.widgets.get(id).is_some_and(|own| lies_between(&own.order, floor.as_ref(), ceiling))
        {
            return Ok(Vec::new());
        }
        let mut edits = Vec::new();
        for moved in std::iter::once(id).chain(behind[..tied].iter().map(|(tied, _)| *tied)) {
            let order = between(floor.as_ref(), ceiling)?;
            edits.push(Edit::Reorder { id: moved.clone(), order: order.clone() });
            floor = Some(order);
        }
        Ok(edits)
    }
}

fn lies_between(key: &OrderKey, floor: Option<&OrderKey>, ceiling: Option<&OrderKey>) -> bool {
    floor.is_none_or(|floor| floor < key) && ceiling.is_none_or(|ceiling| key < ceiling)
}

/// A document id in JSON: as the URL that stock clients call documents by.
mod document_url {
    use super::DocumentId;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    // serde's `with` hands the field over as it is.
    pub(super) fn serialize<S: Serializer>(id: &Option<DocumentId>, to: S) -> Result<S::Ok, S::Error> {
        match id {
            Some(id) => to.serialize_str(&id.to_url()),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<DocumentId>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests;
