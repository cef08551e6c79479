//! `trex` (8.8.3).

use crate::{BoxView, Error};

/// Defaults of a track's fragments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trex {
    /// The track.
    pub track_id: u32,
    /// 1-based index of the sample entry.
    pub sample_description: u32,
    /// Ticks.
    pub duration: u32,
    /// Bytes.
    pub size: u32,
    /// Sample flags.
    pub flags: u32,
}

impl Trex {
    /// Reads the body of the box.
    pub fn parse(view: &BoxView<'_>) -> Result<Self, Error> {
        let mut cursor = view.cursor();
        cursor.skip(4)?;
        Ok(Self {
            track_id: cursor.u32()?,
            sample_description: cursor.u32()?,
            duration: cursor.u32()?,
            size: cursor.u32()?,
            flags: cursor.u32()?,
        })
    }
}
