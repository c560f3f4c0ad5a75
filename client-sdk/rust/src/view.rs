//! What an app sees a document as.
//!
//! Always true: reading a dashboard or what a widget shows never fails over what is odd in it; only over a document that says to be something else.

use automerge::Automerge;
use autosurgeon::{Hydrate, HydrateError};
use dovetail_core::dashboard::{self, DASHBOARD_KIND, Oddity, WIDGET_DATA_KIND};
use dovetail_core::json;
use serde_json::Value;
use std::ops::Deref;

/// What a document can be read as: [`Dashboard`], [`Json`], or any type of an app's own that is
/// [`Hydrate`].
pub trait View: Sized {
    /// Reads a document.
    ///
    /// # Errors
    /// It is something else.
    fn of(doc: &Automerge) -> Result<Self, ViewError>;
}

/// A document is not what it was to be read as.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// Its `kind` says that it is something else.
    #[error("the document is no {expected}: its kind is {found:?}")]
    OtherKind {
        /// What it should be.
        expected: &'static str,
        /// What it says to be; empty where it says nothing.
        found: String,
    },
    /// It does not have the shape of an app's type.
    #[error("the document does not have the shape that was expected: {0}")]
    OtherShape(#[from] HydrateError),
}

/// A dashboard, as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Dashboard {
    reading: dashboard::Reading,
}

impl Dashboard {
    /// What was odd about the document: fields that are missing or not what they should be. They read as their defaults.
    #[must_use]
    pub fn oddities(&self) -> &[Oddity] {
        &self.reading.oddities
    }
}

impl Deref for Dashboard {
    type Target = dashboard::Dashboard;

    fn deref(&self) -> &Self::Target {
        &self.reading.dashboard
    }
}

impl View for Dashboard {
    fn of(doc: &Automerge) -> Result<Self, ViewError> {
        let found = json::root_text(doc, "kind").unwrap_or_default();
        match found == DASHBOARD_KIND {
            true => Ok(Self { reading: dashboard::read(doc, None) }),
            false => Err(ViewError::OtherKind { expected: DASHBOARD_KIND, found }),
        }
    }
}

/// What a widget shows, as it is now: a series of points, a table, or a text.
#[derive(Debug, Clone, PartialEq)]
pub struct WidgetData {
    reading: dashboard::WidgetDataReading,
}

impl Deref for WidgetData {
    type Target = dashboard::WidgetData;

    fn deref(&self) -> &Self::Target {
        &self.reading.data
    }
}

impl View for WidgetData {
    fn of(doc: &Automerge) -> Result<Self, ViewError> {
        let found = json::root_text(doc, "kind").unwrap_or_default();
        match found == WIDGET_DATA_KIND {
            true => Ok(Self { reading: dashboard::read_widget_data(doc, None) }),
            false => Err(ViewError::OtherKind { expected: WIDGET_DATA_KIND, found }),
        }
    }
}

/// Any document, as JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Json(pub Value);

impl View for Json {
    fn of(doc: &Automerge) -> Result<Self, ViewError> {
        Ok(Self(json::read(doc, None)))
    }
}

impl<T: Hydrate> View for T {
    fn of(doc: &Automerge) -> Result<Self, ViewError> {
        Ok(autosurgeon::hydrate(doc)?)
    }
}
