//! Dashboards from Grafana and back.
//!
//! Edit path: ← a dashboard's JSON, as Grafana exports it; → [`import()`] makes a dashboard document
//! that is edited like any other; → [`export()`] gives Grafana its JSON back, with the edits in it.
//!
//! Always true here:
//! - What goes in comes out: every panel, number for number, unless somebody edited it. What this
//!   crate has no field for stands verbatim in the widget's `options` or in `extra.dashboard`.
//! - The same JSON makes the same widgets with the same ids, in every process.
//!
//! | Grafana | Dovetail |
//! |---|---|
//! | `title`, `description` | the same |
//! | all else at the top | `extra.dashboard` |
//! | a panel | a widget `panel-<id>`; in the order of the list |
//! | its `type`, `title`, `datasource` | `kind`, `title`, `dataSource` |
//! | its `gridPos` | `layout`: both grids have 24 columns |
//! | all else of it, `id`, `targets`, `fieldConfig`, `options`, `repeat` | `options` |
//! | a panel inside a collapsed row | a widget whose `parent` is the row |
//!
//! Before version 5, Grafana knew no grid but rows of panels, each with a width in twelfths
//! (`span`). Such a dashboard gets the places that Grafana would give it. As long as nobody moves
//! anything it is exported in its old form; afterwards in the new one, because the old has no
//! words for places.

mod export; // A document becomes Grafana's JSON.
mod import; // Grafana's JSON becomes a document.
mod panel; // One panel and its widget: which field is which.
mod rows; // The old form: where its panels lie.

pub use export::{ExportError, export};
pub use import::{ImportError, Imported, Note, Remark, import};

/// How deep panels lie in panels. Grafana itself has one level, a collapsed row; what is nested
/// deeper than this stays verbatim in the options of the panel that holds it.
const NESTING_MAX: usize = 8;

/// How the id of a row of the old form begins; its number follows. No panel's id begins so, for a
/// panel may call itself a row too.
const OLD_ROW: &str = "row-";

/// What an import writes to `extra`, and an export looks for.
mod extra {
    /// Which program made the dashboard.
    pub(super) const ORIGIN: &str = "origin";
    /// Whether it had `panels` or, before Grafana 5, `rows`.
    pub(super) const FORM: &str = "form";
    /// Everything at the top of it that has no field of its own.
    pub(super) const DASHBOARD: &str = "dashboard";
}

/// Values of `extra.form`.
mod form {
    pub(super) const PANELS: &str = "panels";
    pub(super) const ROWS: &str = "rows";
}

#[cfg(test)]
mod tests;
