//! From media time to the movie's timeline: the edit list (ISO/IEC 14496-12, 8.6.6).

use crate::Error;
use crate::sample::Sample;
use bmff::BoxView;
use bmff::boxes::{Edit, parse_edits};

/// An edit list, reduced to what a CMAF track can say: a gap at the start and one piece of the media.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Timing {
    /// Added to a composition time, gives the time on the movie's timeline, in the media's ticks.
    pub shift: i64,
    /// Where the presentation ends, in the media's ticks; `None`: with the media.
    pub end: Option<i64>,
}

const NORMAL_RATE: u32 = 0x0001_0000;

impl Timing {
    /// Reads the edit list of a track. The inner `Err` says why the list cannot be expressed.
    pub fn parse(
        trak: &BoxView<'_>,
        movie_timescale: u32,
        timescale: u32,
        fragmented: bool,
    ) -> Result<Result<Self, String>, Error> {
        let elst = match trak.child(b"edts")? {
            Some(edts) => edts.child(b"elst")?,
            None => None,
        };
        let edits = match elst {
            Some(elst) => parse_edits(&elst)?,
            None => return Ok(Ok(Self::default())),
        };
        Ok(Self::from_edits(
            &edits,
            movie_timescale,
            timescale,
            fragmented,
        ))
    }

    /// Time on the movie's timeline at which a sample is shown, in ticks.
    pub fn presentation(&self, sample: &Sample) -> i64 {
        (sample.dts as i64)
            .saturating_add(i64::from(sample.composition_offset))
            .saturating_add(self.shift)
    }

    fn from_edits(
        edits: &[Edit],
        movie_timescale: u32,
        timescale: u32,
        fragmented: bool,
    ) -> Result<Self, String> {
        // -1 alone says that nothing is shown.
        if let Some(edit) = edits.iter().find(|edit| edit.media_time < -1) {
            let time = edit.media_time;
            return Err(format!("its edit list begins at {time}, before the media"));
        }
        let gap_count = edits.iter().take_while(|edit| edit.media_time < 0).count();
        let (gaps, pieces) = edits.split_at(gap_count);
        let to_media = |movie_ticks: u64| -> Result<i64, String> {
            let ticks = (u128::from(movie_ticks) * u128::from(timescale)
                + u128::from(movie_timescale / 2))
                / u128::from(movie_timescale);
            i64::try_from(ticks)
                .ok()
                .filter(|ticks| *ticks < i64::MAX / 8)
                .ok_or_else(|| "its edit list reaches beyond the end of time".into())
        };
        let gap = to_media(gaps.iter().fold(0, |sum: u64, edit| {
            sum.saturating_add(edit.segment_duration)
        }))?;
        let Some((piece, more)) = pieces.split_first() else {
            return Ok(Self {
                shift: gap,
                end: None,
            });
        };
        if piece.media_rate != NORMAL_RATE {
            return Err("its edit list changes the speed".into());
        }
        // Gaps behind the piece show nothing.
        if more.iter().any(|edit| edit.media_time >= 0) {
            return Err(format!(
                "its edit list plays {} pieces of the media; one piece with a gap before it can be packaged",
                pieces.len()
            ));
        }
        if piece.media_time > i64::MAX / 8 {
            return Err("its edit list reaches beyond the end of time".into());
        }
        let end = match piece.segment_duration {
            0 => None,
            _ if fragmented => None,
            // A tick of the movie's clock may round a sample away.
            duration => Some(gap + to_media(duration.saturating_add(1))?),
        };
        Ok(Self {
            shift: gap - piece.media_time,
            end,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(edits: &[(u64, i64)], expect: Result<(i64, Option<i64>), &str>) {
        let edits: Vec<Edit> = edits
            .iter()
            .map(|&(segment_duration, media_time)| Edit {
                segment_duration,
                media_time,
                media_rate: NORMAL_RATE,
            })
            .collect();
        let timing = Timing::from_edits(&edits, 1000, 48_000, false);
        match expect {
            Ok((shift, end)) => assert_eq!(timing, Ok(Timing { shift, end })),
            Err(part) => assert!(timing.clone().unwrap_err().contains(part), "{timing:?}"),
        }
    }

    #[test]
    fn edit_lists_become_a_shift_and_an_end() {
        check(&[], Ok((0, None)));
        check(&[(0, 1024)], Ok((-1024, None)));
        check(&[(2000, 1024)], Ok((-1024, Some(96_048))));
        check(&[(500, -1), (2000, 0)], Ok((24_000, Some(24_000 + 96_048))));
        check(&[(500, -1)], Ok((24_000, None)));
        check(&[(500, 0), (500, -1)], Ok((0, Some(24_048))));
        check(&[(500, 0), (500, 48_000)], Err("2 pieces"));
        check(&[(500, -5)], Err("at -5"));
    }
}
