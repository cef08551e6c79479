//! The run-length tables of `stbl`: `stts`, `ctts`, `stsc`, `stss`, `stco`, `co64` (8.6, 8.7).

use crate::{BoxView, Error};

/// Where the entries of a table lie in the body of its box, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Offset of the first entry in the body.
    pub start: usize,
    /// Number of entries.
    pub count: u32,
    /// Version of the full box: tells signed offsets in `ctts`.
    pub version: u8,
}

impl Table {
    /// Reads the count and checks that the box holds so many entries of `entry_len` bytes.
    pub fn parse(view: &BoxView<'_>, entry_len: usize) -> Result<Self, Error> {
        let mut cursor = view.cursor();
        let (version, _) = cursor.version_flags()?;
        let count = cursor.u32()?;
        let start = cursor.position();
        cursor.table(count, entry_len)?;
        Ok(Self {
            start,
            count,
            version,
        })
    }
}
