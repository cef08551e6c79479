//! `elst` (8.6.6).

use crate::{BoxView, Error};

/// How many edits a list may have.
const MAX_EDITS: u32 = 100_000;

/// One piece of the presentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit {
    /// Length on the movie's timeline, in the movie's ticks.
    pub segment_duration: u64,
    /// Where the piece starts in the media, in the media's ticks; -1 is a gap.
    pub media_time: i64,
    /// Speed, 16.16.
    pub media_rate: u32,
}

/// Reads the entries of an edit list.
pub fn parse_edits(view: &BoxView<'_>) -> Result<Vec<Edit>, Error> {
    let mut cursor = view.cursor();
    let (version, _) = cursor.version_flags()?;
    let wide = version == 1;
    let count = cursor.u32()?;
    if count > MAX_EDITS {
        return Err(cursor.error(format!("{count} edits are more than {MAX_EDITS}")));
    }
    cursor.clone().table(count, if wide { 20 } else { 12 })?;
    (0..count)
        .map(|_| {
            let segment_duration = cursor.uint(wide)?;
            let media_time = if wide {
                cursor.u64()? as i64
            } else {
                i64::from(cursor.u32()? as i32)
            };
            Ok(Edit {
                segment_duration,
                media_time,
                media_rate: cursor.u32()?,
            })
        })
        .collect()
}
