//! `ftyp`, `styp` (ISO/IEC 14496-12, 4.3).

use crate::{BoxView, Error, FourCc};

/// How many brands are kept.
const MAX_BRANDS: usize = 1000;

/// What a file says that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ftyp {
    /// The best use.
    pub major_brand: FourCc,
    /// Other brands that it keeps to: the first 1000.
    pub compatible_brands: Vec<FourCc>,
}

impl Ftyp {
    /// Reads the body of the box.
    pub fn parse(view: &BoxView<'_>) -> Result<Self, Error> {
        let mut cursor = view.cursor();
        let major_brand = cursor.fourcc()?;
        cursor.skip(4)?;
        let compatible_brands = cursor
            .rest()
            .chunks_exact(4)
            .take(MAX_BRANDS)
            .filter_map(|chunk| chunk.try_into().ok().map(FourCc))
            .collect();
        Ok(Self {
            major_brand,
            compatible_brands,
        })
    }
}
