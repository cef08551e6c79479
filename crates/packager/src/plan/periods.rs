//! Which segments stay clear, and which crypto period the others belong to.
//!
//! The clear lead and the crypto periods are times on the movie's timeline; segments are wholly of one kind. All
//! renditions change at the same times, as far as their segments do.

use super::cut::Segment;
use crate::{Error, Options, TrackKind};
use std::time::Duration;

/// How many crypto periods a package may have. Their KIDs are listed in every init segment, and browsers refuse init
/// data of more than 64 KiB.
const MAX_CRYPTO_PERIODS: usize = 1000;

/// Number of the crypto period of each segment, counted from the end of the clear lead; `None` for a clear one.
pub(super) fn of_segments(
    segments: &[Segment],
    timescale: u32,
    kind: TrackKind,
    options: &Options,
) -> Vec<Option<usize>> {
    let ticks = |time: Duration| time.as_nanos() * u128::from(timescale) / 1_000_000_000;
    let lead = ticks(options.clear_lead);
    let period = options.crypto_period.map(|period| ticks(period).max(1));
    let of_segment = |segment: &Segment| {
        // Sound is cut at the frame that is nearest to the picture's cut: up to half a frame before it.
        let slack = match kind {
            TrackKind::Video => 0,
            _ => segment.ticks / u64::from(segment.samples.max(1)) / 2 + 1,
        };
        let start = u128::try_from(segment.start).unwrap_or(0) + u128::from(slack);
        let since = start.checked_sub(lead)?;
        let number = period.map_or(0, |period| since / period);
        Some(usize::try_from(number).unwrap_or(usize::MAX))
    };
    // The sound of the first segment begins before 0, and no slack makes up for a lead.
    segments
        .iter()
        .map(|segment| match segment.start <= 0 && lead > 0 {
            true => None,
            false => of_segment(segment),
        })
        .collect()
}

/// How many content keys the segments of a rendition take: one for each period up to the last.
///
/// # Errors
/// [`Error::InvalidOptions`] above [`MAX_CRYPTO_PERIODS`].
pub(super) fn keys_needed(name: &str, periods: &[Option<usize>]) -> Result<usize, Error> {
    let last = periods.iter().flatten().max();
    match last.map_or(1, |last| last.saturating_add(1)) {
        needed if needed > MAX_CRYPTO_PERIODS => Err(Error::InvalidOptions(format!(
            "'{name}' has {needed} crypto periods, more than {MAX_CRYPTO_PERIODS}"
        ))),
        needed => Ok(needed),
    }
}
