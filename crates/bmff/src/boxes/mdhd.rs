//! `mdhd` (8.4.2).

use crate::{BoxView, Error};

/// The media's clock and language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mdhd {
    /// Ticks a second.
    pub timescale: u32,
    /// Length in ticks.
    pub duration: u64,
    /// ISO 639-2 code, `und` when the file gives none (or a Macintosh code).
    pub language: String,
}

impl Mdhd {
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
            language: unpack_language(cursor.u16()?),
        })
    }
}

/// Three letters of 5 bits; values below 0x400 are QuickTime's Macintosh codes.
fn unpack_language(packed: u16) -> String {
    let letters: Option<String> = [10, 5, 0]
        .into_iter()
        .map(|shift| match (packed >> shift) & 0x1f {
            value @ 1..=26 => char::from_u32(u32::from(value) + 0x60),
            _ => None,
        })
        .collect();
    match letters {
        Some(letters) if packed >= 0x400 => letters,
        _ => "und".into(),
    }
}
