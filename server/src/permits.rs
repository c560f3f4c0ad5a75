//! For tests: the right to everything.

use dovetail_core::grant::{AdminPermit, EditPermit, Grant, ReadPermit};
use dovetail_core::id::DocumentId;

pub(crate) fn read(id: &DocumentId) -> ReadPermit {
    ReadPermit::of_server(id.clone())
}

pub(crate) fn edit(id: &DocumentId) -> EditPermit {
    EditPermit::of_server(id.clone())
}

pub(crate) fn admin(id: &DocumentId) -> AdminPermit {
    Grant::of_server(id.clone()).permit_admin().unwrap()
}
