//! The index of a single file (ISO/IEC 14496-12, 8.16.3).

use crate::{Error, Source};
use bmff::{BoxHeader, BoxView, TopLevel, read_box};

/// A `sidx` and where everything lies around it.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    /// First byte of the box, and the one behind it.
    pub range: (u64, u64),
    /// `reference_ID`.
    pub track_id: u32,
    /// Ticks a second.
    pub timescale: u32,
    /// `earliest_presentation_time`.
    pub earliest: u64,
    /// The subsegments.
    pub references: Vec<Reference>,
    /// How many `sidx` are in the file.
    pub count: usize,
    /// Behind `moov`.
    pub init_end: u64,
    /// The first `moof`, or the `styp` or `emsg` before it.
    pub media_start: u64,
    /// Where the last fragment ends.
    pub media_end: u64,
    /// Whether a `moof` lies before the index.
    pub after_media: bool,
}

/// One entry of the index.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reference {
    /// First byte.
    pub start: u64,
    /// Behind the last byte.
    pub end: u64,
    /// Presentation time, in ticks.
    pub time: u64,
    /// Ticks.
    pub duration: u64,
    /// Whether it begins with a picture to start at.
    pub starts_with_sap: bool,
    /// Type of the stream access point; 0 is unknown.
    pub sap_type: u8,
    /// Whether it refers to another index.
    pub is_index: bool,
}

/// How many top-level boxes are looked at.
const MAX_BOXES: usize = 4_000_000;

/// Finds the index of a file; the inner `Err` says why there is none.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn find(source: &dyn Source) -> Result<Result<Index, String>, Error> {
    let mut found: Option<Index> = None;
    let (mut init_end, mut media_start, mut media_end, mut count) = (0, None, 0, 0);
    for header in TopLevel::new(source).take(MAX_BOXES) {
        let header = match header {
            Ok(header) => header,
            Err(bmff::Error::Io(error)) => return Err(Error::Io(error)),
            Err(error) => return Ok(Err(error.to_string())),
        };
        match &header.kind.0 {
            b"moov" => init_end = header.end(),
            b"sidx" => {
                count += 1;
                if found.is_none() {
                    match parse(source, &header) {
                        Ok(mut index) => {
                            index.after_media = media_start.is_some();
                            found = Some(index);
                        }
                        Err(bmff::Error::Io(error)) => return Err(Error::Io(error)),
                        Err(error) => return Ok(Err(error.to_string())),
                    }
                }
            }
            b"styp" | b"emsg" | b"prft" | b"moof" => {
                media_start.get_or_insert(header.offset);
            }
            b"mdat" => media_end = header.end(),
            _ => {}
        }
    }
    Ok(match found {
        None => Err("it has no 'sidx'".into()),
        Some(index) => Ok(Index {
            count,
            init_end,
            media_start: media_start.unwrap_or(0),
            media_end,
            ..index
        }),
    })
}

fn parse(source: &dyn Source, header: &BoxHeader) -> Result<Index, bmff::Error> {
    let bytes = read_box(source, header)?;
    let view = BoxView::new(&bytes, header.offset)?;
    let mut cursor = view.cursor();
    let (version, _) = cursor.version_flags()?;
    let track_id = cursor.u32()?;
    let timescale = cursor.u32()?;
    let earliest = cursor.uint(version > 0)?;
    let first_offset = cursor.uint(version > 0)?;
    cursor.skip(2)?;
    let count = cursor.u16()?;
    cursor.clone().table(u32::from(count), 12)?;
    let mut at = header.end().saturating_add(first_offset);
    let mut time = earliest;
    let mut references = Vec::new();
    for _ in 0..count {
        let size = cursor.u32()?;
        let duration = u64::from(cursor.u32()?);
        let sap = cursor.u32()?;
        let end = at.saturating_add(u64::from(size & 0x7fff_ffff));
        references.push(Reference {
            start: at,
            end,
            time,
            duration,
            starts_with_sap: sap >> 31 == 1,
            sap_type: (sap >> 28 & 7) as u8,
            is_index: size >> 31 == 1,
        });
        at = end;
        time = time.saturating_add(duration);
    }
    Ok(Index {
        range: (header.offset, header.end()),
        track_id,
        timescale,
        earliest,
        references,
        ..Index::default()
    })
}
