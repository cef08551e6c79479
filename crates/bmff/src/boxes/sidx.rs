//! `sidx` (8.16.3).

use crate::{BoxView, Error};

/// Where the parts of a file lie that can be asked for by themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sidx {
    /// The track that times are of.
    pub reference_id: u32,
    /// Ticks a second.
    pub timescale: u32,
    /// When the earliest sample of the first part is shown, in ticks.
    pub earliest_presentation_time: u64,
    /// Bytes from the end of this box to the first part.
    pub first_offset: u64,
    /// The parts, one behind the other.
    pub references: Vec<Reference>,
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Whether it is another index.
    pub is_index: bool,
    /// In bytes.
    pub size: u32,
    /// In ticks.
    pub duration: u32,
    /// Whether it starts with a stream access point.
    pub starts_with_sap: bool,
    /// Type of its first stream access point; 0 when that is not told.
    pub sap_type: u8,
    /// From its earliest sample to its first stream access point, in ticks.
    pub sap_delta_time: u32,
}

impl Sidx {
    /// Reads the body of the box.
    pub fn parse(view: &BoxView<'_>) -> Result<Self, Error> {
        let mut cursor = view.cursor();
        let (version, _) = cursor.version_flags()?;
        let reference_id = cursor.u32()?;
        let timescale = cursor.u32()?;
        let earliest_presentation_time = cursor.uint(version > 0)?;
        let first_offset = cursor.uint(version > 0)?;
        cursor.skip(2)?;
        let count = cursor.u16()?;
        cursor.clone().table(u32::from(count), 12)?;
        let references = (0..count)
            .map(|_| {
                let (size, duration, sap) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
                Ok(Reference {
                    is_index: size >> 31 == 1,
                    size: size & 0x7fff_ffff,
                    duration,
                    starts_with_sap: sap >> 31 == 1,
                    sap_type: (sap >> 28 & 7) as u8,
                    sap_delta_time: sap & 0x0fff_ffff,
                })
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self {
            reference_id,
            timescale,
            earliest_presentation_time,
            first_offset,
            references,
        })
    }
}
