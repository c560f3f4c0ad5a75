//! Builds the release server anew when the app that it carries was: the files are known by name when the binary is made, and a
//! new one has a new name. Other builds read the folder as they serve, and need not be built for it.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("PROFILE").as_deref() != Ok("release") {
        return;
    }
    // A folder that is not there would be a reason to build each time; whoever makes it says so by this variable.
    println!("cargo:rerun-if-env-changed=DOVETAIL_APP");
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/dashboard/dist");
    if dist.exists() {
        println!("cargo:rerun-if-changed={}", dist.display());
    }
}
