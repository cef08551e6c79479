//! `trun` (8.8.8).

use crate::{BoxView, Error};

/// A run of samples in a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trun<'a> {
    /// Version of the box: 1 means signed composition offsets.
    pub version: u8,
    /// Which fields each entry has.
    pub flags: u32,
    /// Number of samples.
    pub count: u32,
    /// From the base of the fragment to the first sample.
    pub data_offset: Option<i32>,
    /// Sample flags of the first sample.
    pub first_sample_flags: Option<u32>,
    /// The entries, on-file form.
    pub entries: &'a [u8],
}

impl<'a> Trun<'a> {
    /// Entries give a duration.
    pub const DURATION: u32 = 0x100;
    /// Entries give a size.
    pub const SIZE: u32 = 0x200;
    /// Entries give sample flags.
    pub const FLAGS: u32 = 0x400;
    /// Entries give a composition offset.
    pub const COMPOSITION_OFFSET: u32 = 0x800;

    /// Reads the body of the box.
    pub fn parse(view: &BoxView<'a>) -> Result<Self, Error> {
        let mut cursor = view.cursor();
        let (version, flags) = cursor.version_flags()?;
        let count = cursor.u32()?;
        let data_offset = match flags & 1 {
            0 => None,
            _ => Some(cursor.u32()? as i32),
        };
        let first_sample_flags = match flags & 4 {
            0 => None,
            _ => Some(cursor.u32()?),
        };
        let entries = cursor.table(count, Self::entry_len(flags))?;
        Ok(Self {
            version,
            flags,
            count,
            data_offset,
            first_sample_flags,
            entries,
        })
    }

    /// Bytes of an entry with these flags.
    pub fn entry_len(flags: u32) -> usize {
        (flags & 0xf00).count_ones() as usize * 4
    }
}
