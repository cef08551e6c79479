//! `saio` (ISO/IEC 14496-12, 8.7.9).

use crate::{BoxView, Error};

/// Where auxiliary information lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saio {
    /// One offset for all, or one a chunk or run.
    pub offsets: Vec<u64>,
}

impl Saio {
    /// Reads the body of the box.
    pub fn parse(view: &BoxView<'_>) -> Result<Self, Error> {
        let mut cursor = view.cursor();
        let (version, flags) = cursor.version_flags()?;
        if flags & 1 != 0 {
            cursor.skip(8)?;
        }
        let count = cursor.u32()?;
        cursor.clone().table(count, if version == 1 { 8 } else { 4 })?;
        let offsets = (0..count)
            .map(|_| cursor.uint(version == 1))
            .collect::<Result<_, _>>()?;
        Ok(Self { offsets })
    }
}
