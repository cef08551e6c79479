//! `saiz` (ISO/IEC 14496-12, 8.7.8).

use crate::{BoxView, Error};

/// Sizes of the samples' auxiliary information.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saiz {
    /// One size for all, or 0.
    pub default_size: u8,
    /// Number of samples.
    pub count: u32,
    /// A size each, when there is no default.
    pub sizes: Vec<u8>,
}

impl Saiz {
    /// Reads the body of the box.
    pub fn parse(view: &BoxView<'_>) -> Result<Self, Error> {
        let mut cursor = view.cursor();
        let (_, flags) = cursor.version_flags()?;
        if flags & 1 != 0 {
            cursor.skip(8)?;
        }
        let default_size = cursor.u8()?;
        let count = cursor.u32()?;
        let sizes = match default_size {
            0 => cursor.table(count, 1)?.to_vec(),
            _ => Vec::new(),
        };
        Ok(Self {
            default_size,
            count,
            sizes,
        })
    }
}
