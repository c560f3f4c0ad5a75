//! A manifest as JSON, for people and for the way back.

use dovetail_core::document::chunk::{Lifecycle, Manifest};
use dovetail_core::grant::Access;
use dovetail_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Serialize, Deserialize)]
struct Written {
    /// In hexadecimal digits, sorted.
    heads: Vec<String>,
    changes: u64,
    kind: Option<String>,
    title: Option<String>,
    created: u64,
    changed: u64,
    deleted: Option<u64>,
    /// As the store has it; nothing where it is nobody's.
    access: Option<String>,
}

pub(super) fn to_json(manifest: &Manifest) -> Vec<u8> {
    let Manifest { heads, changes, bytes: _, kind, title, created_at, changed_at, lifecycle, access } =
        manifest;
    let written = Written {
        heads: heads.iter().map(ToString::to_string).collect(),
        changes: *changes,
        kind: kind.clone(),
        title: title.clone(),
        created: created_at.as_millis(),
        changed: changed_at.as_millis(),
        deleted: match lifecycle {
            Lifecycle::Live => None,
            Lifecycle::Deleted { at } => Some(at.as_millis()),
        },
        access: (**access != Access::default()).then(|| access.to_stored()),
    };
    serde_json::to_vec_pretty(&written).expect("texts and numbers only")
}

/// The way back; in words what is wrong with it.
pub(super) fn from_json(bytes: &[u8]) -> Result<Manifest, String> {
    let written: Written = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let heads = written.heads.iter().map(|head| head.parse().map_err(|_| format!("{head:?} is no head")));
    let access = written.access.map(|text| Access::from_stored(&text)).transpose();
    Ok(Manifest {
        heads: heads.collect::<Result<_, _>>()?,
        changes: written.changes,
        bytes: 0, // Counted when it is stored.
        kind: written.kind,
        title: written.title,
        created_at: Timestamp::from_millis(written.created),
        changed_at: Timestamp::from_millis(written.changed),
        lifecycle: match written.deleted {
            None => Lifecycle::Live,
            Some(at) => Lifecycle::Deleted { at: Timestamp::from_millis(at) },
        },
        access: Arc::new(access.map_err(|error| error.to_string())?.unwrap_or_default()),
    })
}
