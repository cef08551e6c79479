//! Makes sure that the folder of the built page exists, so that the crate compiles before the page was
//! built, and so that cargo sees the page when it appears (a watched path that is missing would make
//! every build start over).

fn main() {
    let dist = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/dist");
    if let Err(error) = std::fs::create_dir_all(dist) {
        // A source tree that cannot be written to still compiles: the embedding allows a missing folder.
        println!("cargo::warning={dist}: {error}; the page will not be embedded");
    }
    println!("cargo::rerun-if-changed={dist}");
    println!("cargo::rerun-if-changed=migrations");
}
