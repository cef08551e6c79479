//! `mvhd` (8.2.2).

use crate::{BoxView, Error};

/// The movie's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mvhd {
    /// Ticks a second.
    pub timescale: u32,
    /// Length in ticks; all ones when unknown.
    pub duration: u64,
}

impl Mvhd {
    /// Reads the body of the box.
    pub fn parse(view: &BoxView<'_>) -> Result<Self, Error> {
        let mut cursor = view.cursor();
        let (version, _) = cursor.version_flags()?;
        let wide = version == 1;
        cursor.uint(wide)?;
        cursor.uint(wide)?;
        Ok(Self {
            timescale: cursor.u32()?,
            duration: cursor.uint(wide)?,
        })
    }
}
