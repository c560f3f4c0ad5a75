//! Points that a device adds to what a widget shows.
//!
//! Edit path: ← an app measures, → one change with the points where they belong, and without those that the document does not keep;
//! it is an edit like any other. What belongs where is for [`add_points`] to say, as it is at the server.

use crate::document::{ChangeError, Document, EditError};
use crate::view::WidgetData;
use dovetail_core::dashboard::{AddError, BadPoint, NotPoints, Point, add_points};

/// Why no points were added, or not all of them.
#[derive(Debug, thiserror::Error)]
pub enum AddPointsError {
    /// One of them is none; nothing was added.
    #[error("point {at}: {why}")]
    Bad {
        /// Which, from 0.
        at: usize,
        /// What is wrong with it.
        why: BadPoint,
    },
    /// The document is not one that takes points.
    #[error(transparent)]
    NotPoints(#[from] NotPoints),
    /// Nothing could be changed, or it did not last.
    #[error(transparent)]
    Edit(#[from] EditError),
}

impl Document<WidgetData> {
    /// Adds points where they belong by their time, as one change; where the document has one of the same time that gets the new value.
    /// Those leave that the document does not keep: its `retention`, by the clock of this device, or else all but the newest 10,000. Points
    /// that fall between those that are there, in more than a hundred places, become several changes, the newest first.
    ///
    /// Each change stays in the history for ever: a second's worth of points together is enough.
    ///
    /// # Errors
    /// See [`AddPointsError`]. Of several changes those that were made before stay; what is added once more is there once.
    pub async fn add_points(&self, points: &[Point]) -> Result<(), AddPointsError> {
        for (at, point) in points.iter().enumerate() {
            point.check().map_err(|why| AddPointsError::Bad { at, why })?;
        }
        let label = match points.len() {
            1 => "Added a point".to_owned(),
            many => format!("Added {many} points"),
        };
        let mut left = points.to_vec();
        while !left.is_empty() {
            let now = self.core().clock.now();
            left = self.change_as(Some(&label), |tx| add_points(tx, &left, now)).await?;
        }
        Ok(())
    }
}

impl From<ChangeError<AddError>> for AddPointsError {
    fn from(error: ChangeError<AddError>) -> Self {
        match error {
            ChangeError::Edit(error) => Self::Edit(error),
            ChangeError::GivenUp(AddError::NotPoints(error)) => Self::NotPoints(error),
            ChangeError::GivenUp(error) => Self::Edit(EditError::Document(error.to_string())),
        }
    }
}
