//! `senc` (ISO/IEC 23001-7, 7.2) and the auxiliary information of one sample.

use crate::{BoxView, Cursor, Error};

/// Bytes of a sample that stay clear, then bytes that are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subsample {
    /// Clear bytes.
    pub clear: u16,
    /// Protected bytes.
    pub protected: u32,
}

/// What one sample needs to be decrypted, besides the key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SampleAuxiliary {
    /// Empty when the IV is constant.
    pub iv: Vec<u8>,
    /// Empty when the whole sample is encrypted.
    pub subsamples: Vec<Subsample>,
}

/// The auxiliary information of all samples of a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Senc {
    /// One a sample, in order.
    pub samples: Vec<SampleAuxiliary>,
}

impl Senc {
    /// Flag of the box: entries give subsamples.
    pub const SUBSAMPLES: u32 = 2;

    /// Reads the body of the box; `iv_size` comes from `tenc`.
    pub fn parse(view: &BoxView<'_>, iv_size: u8) -> Result<Self, Error> {
        let mut cursor = view.cursor();
        let (_, flags) = cursor.version_flags()?;
        let count = cursor.u32()?;
        let least = usize::from(iv_size) + if flags & Self::SUBSAMPLES != 0 { 2 } else { 0 };
        if (count as usize).saturating_mul(least) > cursor.rest().len() {
            return Err(cursor.error(format!("{count} samples exceed the box")));
        }
        // Without IVs and subsamples nothing limits the count but the samples themselves.
        if least == 0 {
            return Ok(Self { samples: Vec::new() });
        }
        let samples = (0..count)
            .map(|_| SampleAuxiliary::parse(&mut cursor, iv_size, flags & Self::SUBSAMPLES != 0))
            .collect::<Result<_, _>>()?;
        Ok(Self { samples })
    }
}

impl SampleAuxiliary {
    /// Passes over one entry without keeping it.
    pub fn pass(
        cursor: &mut Cursor<'_>,
        iv_size: u8,
        has_subsamples: bool,
    ) -> Result<(), Error> {
        cursor.skip(usize::from(iv_size))?;
        if has_subsamples {
            let count = cursor.u16()?;
            cursor.table(u32::from(count), 6)?;
        }
        Ok(())
    }

    /// Reads one entry.
    pub fn parse(
        cursor: &mut Cursor<'_>,
        iv_size: u8,
        has_subsamples: bool,
    ) -> Result<Self, Error> {
        let iv = cursor.bytes(usize::from(iv_size))?.to_vec();
        let mut subsamples = Vec::new();
        if has_subsamples {
            let count = cursor.u16()?;
            cursor.clone().table(u32::from(count), 6)?;
            for _ in 0..count {
                subsamples.push(Subsample {
                    clear: cursor.u16()?,
                    protected: cursor.u32()?,
                });
            }
        }
        Ok(Self { iv, subsamples })
    }
}
