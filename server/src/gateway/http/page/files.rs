//! Where the files of the app come from: `examples/dashboard/dist`, as it was when the binary was built.
//!
//! A release binary has them in it; a debug binary reads the folder each time, so that the app can be built anew without it.
//! Without the folder there are none.

use super::app::File;

#[derive(rust_embed::Embed)]
#[folder = "../examples/dashboard/dist"]
#[allow_missing = true]
struct Dist;

/// The file of this name, by its path below the folder.
pub(super) fn embedded(name: &str) -> Option<File> {
    let file = Dist::get(name)?;
    Some(File { bytes: file.data, hash: file.metadata.sha256_hash() })
}
