//! `tfdt` (8.8.12).

use crate::{BoxView, Error};

/// Decode time of a fragment's first sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tfdt {
    /// In the media's ticks.
    pub base_media_decode_time: u64,
}

impl Tfdt {
    /// Reads the body of the box.
    pub fn parse(view: &BoxView<'_>) -> Result<Self, Error> {
        let mut cursor = view.cursor();
        let (version, _) = cursor.version_flags()?;
        Ok(Self {
            base_media_decode_time: cursor.uint(version == 1)?,
        })
    }
}
