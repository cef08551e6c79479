//! `stsz` and `stz2` (8.7.3).

use crate::{BoxView, Error};

/// Sizes of the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stsz {
    /// Size of every sample; 0 when the table gives each.
    pub sample_size: u32,
    /// Number of samples.
    pub count: u32,
    /// Bits of an entry: 4, 8, 16 or 32.
    pub entry_bits: u8,
    /// Offset of the first entry in the body.
    pub start: usize,
}

impl Stsz {
    /// Reads the head of the box and checks that it holds its entries.
    pub fn parse(view: &BoxView<'_>) -> Result<Self, Error> {
        let mut cursor = view.cursor();
        cursor.version_flags()?;
        let word = cursor.u32()?;
        let count = cursor.u32()?;
        let compact = view.kind == b"stz2";
        let (sample_size, entry_bits) = if compact { (0, word as u8) } else { (word, 32) };
        if !matches!(entry_bits, 4 | 8 | 16 | 32) {
            return Err(view.error(format!("sizes of {entry_bits} bits")));
        }
        let start = cursor.position();
        if sample_size == 0 {
            let bytes = (u64::from(count) * u64::from(entry_bits)).div_ceil(8);
            if bytes > cursor.rest().len() as u64 {
                let left = cursor.rest().len();
                return Err(view.error(format!(
                    "{count} entries exceed the box ({left} bytes left)"
                )));
            }
        }
        Ok(Self {
            sample_size,
            count,
            entry_bits,
            start,
        })
    }
}
