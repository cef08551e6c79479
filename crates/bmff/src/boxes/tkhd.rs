//! `tkhd` (8.3.2).

use crate::{BoxView, Error};

/// A track's id and its place in the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tkhd {
    /// Whether the track is to be presented.
    pub enabled: bool,
    /// The container's track id.
    pub track_id: u32,
    /// Rotation and the like, as on file.
    pub matrix: [u8; 36],
    /// Presented width, 16.16.
    pub width: u32,
    /// Presented height, 16.16.
    pub height: u32,
}

impl Tkhd {
    /// Reads the body of the box.
    pub fn parse(view: &BoxView<'_>) -> Result<Self, Error> {
        let mut cursor = view.cursor();
        let (version, flags) = cursor.version_flags()?;
        let wide = version == 1;
        cursor.uint(wide)?;
        cursor.uint(wide)?;
        let track_id = cursor.u32()?;
        cursor.skip(4)?;
        cursor.uint(wide)?;
        cursor.skip(16)?;
        Ok(Self {
            enabled: flags & 1 != 0,
            track_id,
            matrix: cursor.array()?,
            width: cursor.u32()?,
            height: cursor.u32()?,
        })
    }
}
