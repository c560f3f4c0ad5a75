//! Points that a device adds to what a widget shows.
//!
//! Edit path: ← an app measures, → one change with the newest points behind those that are there, and without those that the document does
//! not keep; it is an edit like any other.

use crate::document::{ChangeError, Document, EditError};
use crate::view::{View, WidgetData};
use automerge::transaction::{Transactable, Transaction};
use automerge::{Automerge, AutomergeError, ObjType, ROOT, ReadDoc, Value};
use dovetail_core::dashboard::{POINTS_KEPT, Point};

impl Document<WidgetData> {
    /// Adds points behind those that are there, as one change. The oldest leave when there are more than the document keeps: its
    /// `retention`, or else 10,000. Each change stays in the history for ever: a second's worth of points together is enough.
    ///
    /// # Errors
    /// See [`EditError`].
    pub async fn add_points(&self, points: &[Point]) -> Result<(), EditError> {
        let kept = self.with_automerge(points_kept).ok_or(EditError::Closed)?;
        let label = format!("Added {} points", points.len());
        let added = self.change_as(Some(&label), |tx| add(tx, points, kept)).await;
        added.map_err(|error| match error {
            ChangeError::Edit(error) => error,
            ChangeError::GivenUp(error) => EditError::Document(error.to_string()),
        })
    }
}

fn points_kept(doc: &Automerge) -> usize {
    WidgetData::of(doc).map_or(POINTS_KEPT, |data| data.retention.points)
}

fn add(tx: &mut Transaction<'_>, points: &[Point], kept: usize) -> Result<(), AutomergeError> {
    let list = match tx.get(ROOT, "points")? {
        Some((Value::Object(ObjType::List), list)) => list,
        _ => tx.put_object(ROOT, "points", ObjType::List)?,
    };
    let too_many = (tx.length(&list) + points.len()).saturating_sub(kept);
    for _ in 0..too_many.min(tx.length(&list)) {
        tx.delete(&list, 0)?;
    }
    for point in points {
        let item = tx.insert_object(&list, tx.length(&list), ObjType::Map)?;
        tx.put(&item, "t", point.t)?;
        match point.v {
            Some(value) => tx.put(&item, "v", value)?,
            None => tx.put(&item, "v", ())?,
        }
    }
    Ok(())
}
