//! JSON pointers (RFC 6901) and the places in a document that they point at.
//!
//! Edit path: ← `path` and `from` of a patch, → an object of Automerge's and a place in it.
//!
//! Always true here: a pointer that parsed has at most [`DEPTH_MAX`] steps, so following it is short
//! whatever the document looks like.

use super::patch::PatchFault;
use crate::json::{DEPTH_MAX, Weight, escaped, read_within, scalar_to_json, weigh};
use crate::reserved::RESERVED_KEY;
use automerge::transaction::Transactable;
use automerge::{ObjId, ObjType, Prop, ROOT};
use serde_json::Value;
use std::fmt;

/// A pointer that parsed: the steps from the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer {
    steps: Vec<String>,
}

impl Pointer {
    /// Reads a pointer.
    pub(super) fn parse(text: &str) -> Result<Self, PatchFault> {
        if text.is_empty() {
            return Ok(Self { steps: Vec::new() });
        }
        let steps = text.strip_prefix('/').ok_or(PatchFault::BadPointer)?;
        if steps.split('/').count() > DEPTH_MAX {
            return Err(PatchFault::TooDeep);
        }
        Ok(Self { steps: steps.split('/').map(unescaped).collect::<Result<_, _>>()? })
    }

    /// How deep the value lies that it points at.
    pub(super) fn depth(&self) -> usize {
        self.steps.len()
    }

    /// The container and the last step; nothing for the root.
    pub(super) fn split(&self) -> Option<(&[String], &str)> {
        let (last, above) = self.steps.split_last()?;
        Some((above, last))
    }

    /// Whether it points behind the last item, should it point into a list.
    pub(super) fn is_end(&self) -> bool {
        self.steps.last().is_some_and(|step| step == "-")
    }

    /// Whether it points at the reserved key or into it.
    pub(super) fn is_reserved(&self) -> bool {
        self.steps.first().is_some_and(|step| step == RESERVED_KEY)
    }

    /// Whether it points into what `other` points at.
    pub(super) fn is_inside(&self, other: &Self) -> bool {
        self.steps.len() > other.steps.len() && self.steps.starts_with(&other.steps)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| write!(f, "/{}", escaped(step)))
    }
}

fn unescaped(step: &str) -> Result<String, PatchFault> {
    let mut pieces = step.split('~');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (letter, rest) = match (piece.strip_prefix('0'), piece.strip_prefix('1')) {
            (Some(rest), _) => ('~', rest),
            (_, Some(rest)) => ('/', rest),
            _ => return Err(PatchFault::BadPointer),
        };
        text.push(letter);
        text.push_str(rest);
    }
    Ok(text)
}

/// An object that has members or items.
#[derive(Debug, Clone)]
pub(super) enum Container {
    Map(ObjId),
    List(ObjId),
}

impl Container {
    pub(super) fn object(&self) -> &ObjId {
        let (Self::Map(object) | Self::List(object)) = self;
        object
    }

    /// The place that a step names, whether something stands there or not.
    pub(super) fn place(&self, step: &str) -> Result<Prop, PatchFault> {
        match self {
            Self::Map(_) => Ok(step.into()),
            Self::List(_) => Ok(index(step)?.into()),
        }
    }

    /// What is wrong with a place where nothing stands. Counts the items of a list, which takes a walk
    /// along it: for the last word only.
    pub(super) fn fault<T: Transactable>(&self, tx: &T, place: &Prop) -> PatchFault {
        match (self, place) {
            (Self::List(list), Prop::Seq(index)) => {
                PatchFault::OutOfRange { index: *index, length: tx.length(list) }
            }
            _ => PatchFault::NotFound,
        }
    }
}

/// The container that the steps lead to, and how far along lists the way there went.
pub(super) fn container<T: Transactable>(tx: &T, steps: &[String]) -> Result<(Container, usize), PatchFault> {
    let (mut container, mut walked) = (Container::Map(ROOT), 0);
    for step in steps {
        let prop = container.place(step)?;
        walked += walk_to(&prop);
        container = match tx.get(container.object(), prop.clone())? {
            None => return Err(container.fault(tx, &prop)),
            Some((automerge::Value::Object(ObjType::Map), map)) => Container::Map(map),
            Some((automerge::Value::Object(ObjType::List), list)) => Container::List(list),
            Some(_) => return Err(PatchFault::NotAContainer),
        };
    }
    Ok((container, walked))
}

/// How many items are passed on the way to a place, where it is found by walking.
pub(super) fn walk_to(place: &Prop) -> usize {
    match place {
        Prop::Map(_) => 0,
        Prop::Seq(index) => index.saturating_add(1),
    }
}

/// How much of a step is shown to whoever sent it.
const SHOWN_CHARS_MAX: usize = 40;

/// The index that a step says: digits without zeros in front.
pub(super) fn index(step: &str) -> Result<usize, PatchFault> {
    if step == "-" {
        return Err(PatchFault::BehindTheEnd);
    }
    let is_plain = step == "0" || !step.starts_with('0');
    let is_number = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
    if !is_plain || !is_number {
        return Err(PatchFault::BadIndex { step: step.chars().take(SHOWN_CHARS_MAX).collect() });
    }
    // Digits fail to parse only where they are too many.
    step.parse().map_err(|_| PatchFault::NoSuchIndex)
}

/// What the value at a place weighs, as far as `most`; nothing where nothing stands.
pub(super) fn weight<T: Transactable>(
    tx: &T,
    object: &ObjId,
    prop: Prop,
    most: Weight,
) -> Result<Weight, PatchFault> {
    Ok(match tx.get(object, prop)? {
        None => Weight::default(),
        Some((automerge::Value::Scalar(scalar), _)) => Weight::of(&scalar.into_owned().into()),
        Some((automerge::Value::Object(_), id)) => weigh(tx, &id, most),
    })
}

/// What stands at a place, when it is at most `nodes_max` values; nothing where nothing stands or where
/// it is more.
pub(super) fn member<T: Transactable>(
    tx: &T,
    object: &ObjId,
    prop: impl Into<Prop>,
    nodes_max: usize,
) -> Option<Value> {
    match tx.get(object, prop.into()).ok()?? {
        (automerge::Value::Scalar(scalar), _) => Some(scalar_to_json(&scalar.into_owned().into())),
        (automerge::Value::Object(_), id) => read_within(tx, &id, None, nodes_max),
    }
}
