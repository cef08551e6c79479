//! `tfhd` (8.8.7).

use crate::{BoxView, Error};

/// Head of a track fragment: what differs from `trex`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tfhd {
    /// The track.
    pub track_id: u32,
    /// What data offsets count from, when it is given.
    pub base_data_offset: Option<u64>,
    /// Whether offsets count from the `moof`.
    pub default_base_is_moof: bool,
    /// 1-based index of the sample entry.
    pub sample_description: Option<u32>,
    /// Ticks.
    pub duration: Option<u32>,
    /// Bytes.
    pub size: Option<u32>,
    /// Sample flags.
    pub flags: Option<u32>,
}

impl Tfhd {
    /// Reads the body of the box.
    pub fn parse(view: &BoxView<'_>) -> Result<Self, Error> {
        let mut cursor = view.cursor();
        let (_, flags) = cursor.version_flags()?;
        let track_id = cursor.u32()?;
        let base_data_offset = optional(flags & 1, || cursor.u64())?;
        let sample_description = optional(flags & 2, || cursor.u32())?;
        let duration = optional(flags & 8, || cursor.u32())?;
        let size = optional(flags & 0x10, || cursor.u32())?;
        let sample_flags = optional(flags & 0x20, || cursor.u32())?;
        Ok(Self {
            track_id,
            base_data_offset,
            default_base_is_moof: flags & 0x02_0000 != 0,
            sample_description,
            duration,
            size,
            flags: sample_flags,
        })
    }
}

fn optional<T>(
    flag: u32,
    read: impl FnOnce() -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    if flag == 0 { Ok(None) } else { read().map(Some) }
}
