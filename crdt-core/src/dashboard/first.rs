//! The change that every dashboard starts from, and every widget data document.
//!
//! Edit path: ← a client or an import that makes a new document; → the first change, and all
//! others on top of it.
//!
//! Always true here: the bytes are the same everywhere. Two clients that set up the same document
//! while apart make one and the same change, so `widgets`, `grid` and the lists exist once, and
//! what either puts into them stays. That holds only as long as nothing here changes, which the
//! pinned hashes in the tests see to: another shape needs another actor.

use super::{DASHBOARD_KIND, Grid, SCHEMA_VERSION, WIDGET_DATA_KIND};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, AutomergeError, ObjType, ROOT};

/// The actor of first changes, and of nothing else. The last letter counts the shapes.
pub const FIRST_ACTOR: [u8; 16] = *b"dovetail:first:1";

/// A dashboard in which nobody did anything yet. Give it an actor before you edit it:
/// [`apply`](super::apply()) does.
#[must_use]
pub fn first_dashboard() -> Automerge {
    first_change(|tx| {
        let Grid { columns, row_height } = Grid::default();
        tx.put(ROOT, "kind", DASHBOARD_KIND)?;
        tx.put(ROOT, "schemaVersion", i64::from(SCHEMA_VERSION))?;
        tx.put(ROOT, "title", "")?;
        tx.put(ROOT, "description", "")?;
        let grid = tx.put_object(ROOT, "grid", ObjType::Map)?;
        tx.put(&grid, "columns", i64::from(columns))?;
        tx.put(&grid, "rowHeight", i64::from(row_height))?;
        tx.put_object(ROOT, "widgets", ObjType::Map).map(drop)
    })
}

/// A widget data document in which there is nothing yet, with a place for each shape.
#[must_use]
pub fn first_widget_data() -> Automerge {
    first_change(|tx| {
        tx.put(ROOT, "kind", WIDGET_DATA_KIND)?;
        tx.put(ROOT, "schemaVersion", i64::from(SCHEMA_VERSION))?;
        tx.put(ROOT, "shape", "points")?;
        for list in ["points", "columns", "rows"] {
            tx.put_object(ROOT, list, ObjType::List)?;
        }
        tx.put_object(ROOT, "text", ObjType::Text).map(drop)
    })
}

fn first_change(
    write: impl FnOnce(&mut automerge::transaction::Transaction<'_>) -> Result<(), AutomergeError>,
) -> Automerge {
    let mut doc = Automerge::new().with_actor(ActorId::from(FIRST_ACTOR));
    doc.transact_with(|_| CommitOptions::default().with_time(0), write)
        .expect("an empty document takes any member");
    doc
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DA5: the first changes are the same bytes in every process and every version.
    #[test]
    fn da5_first_changes_are_pinned() {
        assert_eq!(
            first_dashboard().get_heads()[0].to_string(),
            "ae8a07007e277ded56b9f79942f9d658a310440d2553b507897d2397e28d6f29"
        );
        assert_eq!(
            first_widget_data().get_heads()[0].to_string(),
            "d17362e64a7c9522f6a2d36e50131524d134618f17820e3239783a4f17abe176"
        );
    }
}
