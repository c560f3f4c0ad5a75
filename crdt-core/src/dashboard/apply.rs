//! Edits become operations.
//!
//! Edit path: ← [`Edit`]s from an SDK, HTTP or a script; → one Automerge change, which goes the
//! same way as every other peer's.
//!
//! Always true here:
//! - A batch is one change or none: when one edit cannot be done, nothing is written.
//! - Where the value is there already, nothing is written; a batch that changes nothing makes no
//!   change.
//! - Nothing is refused because it is unwise. Overlaps, a widget beyond the grid's edge, two of
//!   the same title: the rules tell of those, and people settle them.

use super::{Edit, Layout, OptionStep, Widget, WidgetId};
use crate::json::{self, JsonError, Strings};
use crate::time::Timestamp;
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, AutomergeError, ChangeHash, ObjId, ObjType, Prop, ROOT};
use serde_json::{Value, json};

/// How many edits one change may hold. One edit of a large dashboard (140 widgets, 13,000
/// operations) costs some 0.3 ms, nearly all of it Automerge's insertion of an operation between
/// others, so a full batch holds its document up for a third of a second. Rearranging every
/// widget of the largest dashboard seen takes 141.
pub const EDITS_MAX: usize = 1_000;

/// On which level the value of a root member, a widget's field and a widget's option lies.
const ROOT_FIELD_DEPTH: usize = 1;
const WIDGET_DEPTH: usize = 2;
const WIDGET_FIELD_DEPTH: usize = 3;
const OPTION_DEPTH: usize = 4;

/// Why a batch of edits was not applied. All are the sender's doing, and nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The widget is not there. It may have been removed by somebody else: read again.
    #[error("there is no widget {id}")]
    UnknownWidget {
        /// The id in question.
        id: WidgetId,
    },
    /// The id is taken.
    #[error("there is a widget {id} already")]
    WidgetExists {
        /// The id in question.
        id: WidgetId,
    },
    /// The way to an option leads through a value that holds nothing, or beyond a list's end.
    #[error("widget {id} has no place at {path:?} for an option")]
    NoSuchPlace {
        /// The widget.
        id: WidgetId,
        /// The way that was named.
        path: Vec<OptionStep>,
    },
    /// Some other client made something else of the field that should hold this one.
    #[error("{field} of this document is not an object")]
    NotAnObject {
        /// The name of the field.
        field: &'static str,
    },
    /// More edits than fit into one change.
    #[error("a batch has at most {EDITS_MAX} edits, this one has {edits}")]
    TooManyEdits {
        /// How many there were.
        edits: usize,
    },
    /// The value is too large or too deep.
    #[error("a value of this edit cannot be written")]
    Value(#[from] JsonError),
    /// Automerge refused.
    #[error("the document refused an edit")]
    Document(#[from] AutomergeError),
}

/// Applies the edits, in their order, as one change of `actor` at `time`. Its hash, or nothing
/// when all was as the edits say already. The document keeps `actor` as its own.
///
/// # Errors
/// The first edit that cannot be done, and then nothing is written.
pub fn apply(
    doc: &mut Automerge,
    actor: &ActorId,
    time: Timestamp,
    edits: &[Edit],
) -> Result<Option<ChangeHash>, EditError> {
    doc.set_actor(actor.clone());
    let options = |_: &()| CommitOptions::default().with_time(json::seconds(time));
    let done = doc.transact_with(options, |tx| apply_to(tx, edits)).map_err(|failure| failure.error)?;
    Ok(done.hash)
}

/// Applies the edits to a transaction of the caller, who may want patches, or other heads than
/// the present ones.
///
/// # Errors
/// The first edit that cannot be done. Then the transaction holds a part of the batch: roll it back.
pub fn apply_to<T: Transactable>(tx: &mut T, edits: &[Edit]) -> Result<(), EditError> {
    if edits.len() > EDITS_MAX {
        return Err(EditError::TooManyEdits { edits: edits.len() });
    }
    edits.iter().try_for_each(|edit| apply_one(tx, edit))
}

/// Routing only: which field of what gets which value.
fn apply_one<T: Transactable>(tx: &mut T, edit: &Edit) -> Result<(), EditError> {
    match edit {
        Edit::SetTitle { title } => set(tx, &ROOT, "title", &json!(title), ROOT_FIELD_DEPTH),
        Edit::SetDescription { description } => {
            set(tx, &ROOT, "description", &json!(description), ROOT_FIELD_DEPTH)
        }
        Edit::SetGrid { grid } => {
            let fields = [("columns", grid.columns), ("rowHeight", grid.row_height)];
            set_members(tx, &ROOT, "grid", fields.map(|(name, cells)| (name, i64::from(cells))))
        }
        Edit::CreateWidget { id, widget } => create(tx, id, widget),
        Edit::RemoveWidget { id } => {
            let (widgets, _) = find(tx, id)?;
            Ok(tx.delete(&widgets, id.as_str())?)
        }
        Edit::MoveWidget { id, x, y } => set_layout(tx, id, &[("x", *x), ("y", *y)]),
        Edit::ResizeWidget { id, w, h } => set_layout(tx, id, &[("w", *w), ("h", *h)]),
        Edit::SetLayout { id, layout: Layout { x, y, w, h } } => {
            set_layout(tx, id, &[("x", *x), ("y", *y), ("w", *w), ("h", *h)])
        }
        Edit::RenameWidget { id, title } => set_field(tx, id, "title", &json!(title)),
        Edit::SetKind { id, kind } => set_field(tx, id, "kind", &json!(kind)),
        Edit::Reorder { id, order } => set_field(tx, id, "order", &json!(order.as_str())),
        Edit::SetParent { id, parent: Some(parent) } => set_field(tx, id, "parent", &json!(parent.as_str())),
        Edit::SetParent { id, parent: None } => clear_field(tx, id, "parent"),
        Edit::SetDataSource { id, data_source: Some(source) } => set_field(tx, id, "dataSource", source),
        Edit::SetDataSource { id, data_source: None } => clear_field(tx, id, "dataSource"),
        Edit::SetOption { id, path, value } => set_option(tx, id, path, value),
        Edit::ClearOption { id, path } => clear_option(tx, id, path),
        Edit::SetLocked { id, locked } => set_field(tx, id, "locked", &json!(locked)),
        Edit::AttachData { id, data } => set_field(tx, id, "data", &json!(data.to_url())),
        Edit::DetachData { id } => clear_field(tx, id, "data"),
    }
}

fn create<T: Transactable>(tx: &mut T, id: &WidgetId, widget: &Widget) -> Result<(), EditError> {
    let widgets = member_map(tx, &ROOT, "widgets")?;
    if tx.get(&widgets, id.as_str())?.is_some() {
        return Err(EditError::WidgetExists { id: id.clone() });
    }
    let value = serde_json::to_value(widget).expect("a widget has text keys and finite numbers only");
    Ok(json::put(tx, &widgets, id.as_str().into(), &value, Strings::Scalar, WIDGET_DEPTH)?)
}

fn set_layout<T: Transactable>(tx: &mut T, id: &WidgetId, cells: &[(&str, i32)]) -> Result<(), EditError> {
    let (_, widget) = find(tx, id)?;
    set_members(tx, &widget, "layout", cells.iter().map(|(name, cells)| (*name, i64::from(*cells))))
}

fn set_field<T: Transactable>(
    tx: &mut T,
    id: &WidgetId,
    field: &str,
    value: &Value,
) -> Result<(), EditError> {
    let (_, widget) = find(tx, id)?;
    set(tx, &widget, field, value, WIDGET_FIELD_DEPTH)
}

fn clear_field<T: Transactable>(tx: &mut T, id: &WidgetId, field: &str) -> Result<(), EditError> {
    let (_, widget) = find(tx, id)?;
    // Automerge writes nothing where there is nothing.
    Ok(tx.delete(&widget, field)?)
}

fn set_option<T: Transactable>(
    tx: &mut T,
    id: &WidgetId,
    path: &[OptionStep],
    value: &Value,
) -> Result<(), EditError> {
    let nowhere = || EditError::NoSuchPlace { id: id.clone(), path: path.to_vec() };
    let (last, way) = path.split_last().ok_or_else(nowhere)?;
    let (_, widget) = find(tx, id)?;
    let mut object = member_map(tx, &widget, "options")?;
    for (step, next) in way.iter().zip(&path[1..]) {
        let kind = if matches!(next, OptionStep::Key(_)) { ObjType::Map } else { ObjType::List };
        object = match step_into(tx, &object, step)? {
            Way::Leads(inner) => inner,
            Way::Missing(prop) => tx.put_object(&object, prop, kind)?,
            Way::Behind(index) => tx.insert_object(&object, index, kind)?,
            Way::Blocked => return Err(nowhere()),
        };
    }
    let depth = OPTION_DEPTH + way.len();
    match step_into(tx, &object, last)? {
        Way::Blocked if !fits(tx, &object, last) => Err(nowhere()),
        Way::Behind(index) => {
            json::check(value, depth)?;
            tx.insert(&object, index, ())?;
            Ok(json::put(tx, &object, index.into(), value, Strings::Scalar, depth)?)
        }
        _ => Ok(json::assign(tx, &object, prop_of(last), value, Strings::Scalar, depth)?),
    }
}

fn clear_option<T: Transactable>(tx: &mut T, id: &WidgetId, path: &[OptionStep]) -> Result<(), EditError> {
    let (last, way) =
        path.split_last().ok_or_else(|| EditError::NoSuchPlace { id: id.clone(), path: path.to_vec() })?;
    let (_, widget) = find(tx, id)?;
    let Some((automerge::Value::Object(ObjType::Map), mut object)) = tx.get(&widget, "options")? else {
        return Ok(());
    };
    for step in way {
        match step_into(tx, &object, step)? {
            Way::Leads(inner) => object = inner,
            _ => return Ok(()),
        }
    }
    let there = fits(tx, &object, last) && tx.get(&object, prop_of(last))?.is_some();
    if there { Ok(tx.delete(&object, prop_of(last))?) } else { Ok(()) }
}

/// Where one step of a path leads.
enum Way {
    /// To an object or a list.
    Leads(ObjId),
    /// To a member that an object does not have yet.
    Missing(Prop),
    /// Right behind a list's end.
    Behind(usize),
    /// Nowhere: to a value that holds nothing, beyond a list's end, a key of a list.
    Blocked,
}

fn step_into<T: Transactable>(tx: &T, object: &ObjId, step: &OptionStep) -> Result<Way, AutomergeError> {
    if !fits(tx, object, step) {
        return Ok(Way::Blocked);
    }
    Ok(match (tx.get(object, prop_of(step))?, step) {
        (Some((automerge::Value::Object(ObjType::Map | ObjType::List), inner)), _) => Way::Leads(inner),
        (Some(_), _) => Way::Blocked,
        (None, OptionStep::Key(key)) => Way::Missing(key.as_str().into()),
        (None, OptionStep::Index(index)) if *index == tx.length(object) => Way::Behind(*index),
        (None, OptionStep::Index(_)) => Way::Blocked,
    })
}

/// Whether keys go to an object and indexes to a list, no further than right behind its end.
fn fits<T: Transactable>(tx: &T, object: &ObjId, step: &OptionStep) -> bool {
    match (tx.object_type(object), step) {
        (Ok(ObjType::Map), OptionStep::Key(_)) => true,
        (Ok(ObjType::List), OptionStep::Index(index)) => *index <= tx.length(object),
        _ => false,
    }
}

fn prop_of(step: &OptionStep) -> Prop {
    match step {
        OptionStep::Key(key) => key.as_str().into(),
        OptionStep::Index(index) => (*index).into(),
    }
}

/// The map of all widgets, and this one in it.
fn find<T: Transactable>(tx: &T, id: &WidgetId) -> Result<(ObjId, ObjId), EditError> {
    let unknown = || EditError::UnknownWidget { id: id.clone() };
    let Some((automerge::Value::Object(ObjType::Map), widgets)) = tx.get(ROOT, "widgets")? else {
        return Err(unknown());
    };
    match tx.get(&widgets, id.as_str())? {
        Some((automerge::Value::Object(ObjType::Map), widget)) => Ok((widgets, widget)),
        _ => Err(unknown()),
    }
}

/// The map at `field`; made where there is nothing, as in documents that did not start from
/// [`first_dashboard`](super::first_dashboard).
fn member_map<T: Transactable>(tx: &mut T, object: &ObjId, field: &'static str) -> Result<ObjId, EditError> {
    match tx.get(object, field)? {
        Some((automerge::Value::Object(ObjType::Map), map)) => Ok(map),
        Some(_) => Err(EditError::NotAnObject { field }),
        None => Ok(tx.put_object(object, field, ObjType::Map)?),
    }
}

/// Each of the named members is a register of its own, so that a move and a resize at the same
/// time both stand.
fn set_members<'n, T: Transactable>(
    tx: &mut T,
    object: &ObjId,
    field: &'static str,
    members: impl IntoIterator<Item = (&'n str, i64)>,
) -> Result<(), EditError> {
    let map = member_map(tx, object, field)?;
    for (name, cells) in members {
        set(tx, &map, name, &json!(cells), WIDGET_FIELD_DEPTH + 1)?;
    }
    Ok(())
}

fn set<T: Transactable>(
    tx: &mut T,
    object: &ObjId,
    field: &str,
    value: &Value,
    depth: usize,
) -> Result<(), EditError> {
    Ok(json::assign(tx, object, field.into(), value, Strings::Scalar, depth)?)
}
