//! The parts of `docs/kill-matrix.md`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Leaves a part of the document where it is wanted.
pub fn leave(name: &str, text: &str) {
    let Some(folder) = std::env::var_os("REELPACK_TABLES") else {
        return;
    };
    let path = PathBuf::from(folder).join(format!("{name}.md"));
    fs::write(path, text).unwrap();
}

/// A time for people.
pub fn ms(time: Option<Duration>) -> String {
    time.map_or("–".to_owned(), |time| format!("{} ms", time.as_millis()))
}
