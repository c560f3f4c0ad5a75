//! The closed list of what one can do to a dashboard.
//!
//! Edit path: ← a person, through an SDK, HTTP or a script; → [`apply`](super::apply()).
//!
//! An edit names what it changes by id and says the new value, never a difference: applied twice
//! it does the same as once. In JSON it is an object whose `edit` names the variant:
//! `{"edit": "moveWidget", "id": "cpu", "x": 6, "y": 0}`.

use super::{Grid, Layout, OrderKey, Widget, WidgetId};
use crate::id::DocumentId;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::Value;

/// One thing that somebody does to a dashboard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "edit", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Edit {
    /// The dashboard is called something else.
    SetTitle {
        /// The new title.
        title: String,
    },
    /// The dashboard is described otherwise.
    SetDescription {
        /// The new description.
        description: String,
    },
    /// The grid changes. Widgets stay where they are, in cells.
    SetGrid {
        /// The new grid.
        grid: Grid,
    },
    /// A widget that was not there before. Two people who create the same id while apart make two
    /// widgets of which one is seen, so ids should be drawn by lot.
    CreateWidget {
        /// The new widget's id.
        id: WidgetId,
        /// The widget.
        #[cfg_attr(test, ts(type = "NewWidget"))]
        widget: Box<Widget>,
    },
    /// The widget is gone, and so is what others change in it at the same time.
    RemoveWidget {
        /// Which widget.
        id: WidgetId,
    },
    /// The widget lies elsewhere; its size stays.
    MoveWidget {
        /// Which widget.
        id: WidgetId,
        /// Cells from the left edge.
        x: i32,
        /// Cells from the top.
        y: i32,
    },
    /// The widget is larger or smaller; its corner stays.
    ResizeWidget {
        /// Which widget.
        id: WidgetId,
        /// Width in cells.
        w: i32,
        /// Height in cells.
        h: i32,
    },
    /// The widget is moved and resized at once.
    SetLayout {
        /// Which widget.
        id: WidgetId,
        /// The new rectangle.
        layout: Layout,
    },
    /// The widget is called something else.
    RenameWidget {
        /// Which widget.
        id: WidgetId,
        /// The new title.
        title: String,
    },
    /// The widget is drawn as something else.
    SetKind {
        /// Which widget.
        id: WidgetId,
        /// The new kind.
        kind: String,
    },
    /// The widget stands elsewhere among the others. [`Dashboard::place`](super::Dashboard::place)
    /// finds the key.
    Reorder {
        /// Which widget.
        id: WidgetId,
        /// The new key.
        order: OrderKey,
    },
    /// The widget is put into another, as into a collapsed row, or taken out.
    SetParent {
        /// Which widget.
        id: WidgetId,
        /// What holds it from now on; nothing takes it out.
        parent: Option<WidgetId>,
    },
    /// The widget takes its figures from elsewhere.
    SetDataSource {
        /// Which widget.
        id: WidgetId,
        /// The new source; nothing takes the old one away.
        #[cfg_attr(test, ts(type = "unknown"))]
        data_source: Option<Value>,
    },
    /// One option has a new value. Objects on the way that are not there yet are made.
    SetOption {
        /// Which widget.
        id: WidgetId,
        /// The way to the option. An index right behind a list's end adds an item.
        path: Vec<OptionStep>,
        /// The new value, as a whole: members that it does not have go.
        #[cfg_attr(test, ts(type = "unknown"))]
        value: Value,
    },
    /// One option goes. That it is not there is as well.
    ClearOption {
        /// Which widget.
        id: WidgetId,
        /// The way to the option.
        path: Vec<OptionStep>,
    },
    /// People ask that the widget be left alone, or no longer.
    SetLocked {
        /// Which widget.
        id: WidgetId,
        /// Whether it is to be left alone.
        locked: bool,
    },
    /// The widget shows what is in a document of its own.
    AttachData {
        /// Which widget.
        id: WidgetId,
        /// That document, in JSON as `automerge:` URL.
        #[serde(serialize_with = "url", deserialize_with = "from_url")]
        #[cfg_attr(test, ts(type = "string"))]
        data: DocumentId,
    },
    /// The widget no longer shows a document of its own. The document stays.
    DetachData {
        /// Which widget.
        id: WidgetId,
    },
}

/// One step on the way to an option: in JSON a string or a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(untagged)]
pub enum OptionStep {
    /// The member of an object.
    Key(String),
    /// The item of a list, counted from 0.
    Index(usize),
}

impl From<&str> for OptionStep {
    fn from(key: &str) -> Self {
        OptionStep::Key(key.to_owned())
    }
}

impl From<usize> for OptionStep {
    fn from(index: usize) -> Self {
        OptionStep::Index(index)
    }
}

fn url<S: Serializer>(id: &DocumentId, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&id.to_url())
}

fn from_url<'de, D: Deserializer<'de>>(from: D) -> Result<DocumentId, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}
