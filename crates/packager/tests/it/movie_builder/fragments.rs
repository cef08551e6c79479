//! Fragmented files: an empty `moov`, then `moof` and `mdat` in turn.

use super::{TestMovie, TestSample, TestTrack};
use bmff::Writer;

/// How movie fragments are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragments {
    /// Length of a fragment.
    pub milliseconds: u64,
    /// Runs in a `traf`.
    pub runs: usize,
    /// Whether `tfdt` is written.
    pub decode_times: bool,
    pub base: Base,
    /// Whether durations and flags come from `trex` where all samples agree with it.
    pub track_defaults: bool,
    /// Whether a `sidx` lies before the fragments.
    pub index: bool,
    /// Ticks by which the last sample of each fragment but the last says that it is shorter than it is:
    /// the decode times of the next fragment are right all the same.
    pub shorten: i32,
    /// Whether only the first `trun` of a `traf` gives a data offset.
    pub follow_on: bool,
}

/// What data offsets count from (ISO/IEC 14496-12, 8.8.7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// `base-data-offset`, an offset in the file.
    Explicit,
    /// `default-base-is-moof`.
    Moof,
    /// Neither: the first track from the `moof`, the next from the end of the one before.
    Implicit,
}

impl Default for Fragments {
    fn default() -> Self {
        Self {
            milliseconds: 900,
            runs: 1,
            decode_times: true,
            base: Base::Moof,
            track_defaults: false,
            index: false,
            shorten: 0,
            follow_on: false,
        }
    }
}

const SYNC: u32 = 0x0200_0000;
const NON_SYNC: u32 = 0x0101_0000;

/// The samples of one track in one fragment.
struct Piece<'a> {
    track: &'a TestTrack,
    time: u64,
    samples: &'a [TestSample],
    shorten: i32,
}

pub(super) fn write(movie: &TestMovie, fragments: &Fragments) -> Vec<u8> {
    let mut w = Writer::default();
    movie.write_ftyp(&mut w);
    w.boxed(b"moov", |w| {
        movie.write_mvhd(w);
        for track in &movie.tracks {
            movie.write_trak(w, track, &|w| {
                for table in [b"stts", b"stsc", b"stco"] {
                    w.full(table, 0, 0, |w| w.u32(0));
                }
                w.full(b"stsz", 0, 0, |w| w.zeros(8));
            });
        }
        w.boxed(b"mvex", |w| {
            for track in &movie.tracks {
                w.full(b"trex", 0, 0, |w| {
                    w.u32(track.id);
                    w.u32(1);
                    w.u32(track.samples.first().map_or(0, |sample| sample.duration));
                    w.u32(0);
                    w.u32(if track.is_video() { NON_SYNC } else { SYNC });
                });
            }
        });
    });
    if fragments.index {
        write_index(&mut w, movie);
    }
    for (number, pieces) in (1..).zip(cut(movie, fragments)) {
        write_fragment(&mut w, fragments, number, &pieces);
    }
    w.into_bytes()
}

/// A `sidx` that names one fragment; readers may pass over it.
fn write_index(w: &mut Writer, movie: &TestMovie) {
    w.full(b"sidx", 0, 0, |w| {
        w.u32(movie.tracks[0].id);
        w.u32(movie.tracks[0].timescale);
        w.zeros(8);
        w.u16(0);
        w.u16(1);
        w.u32(1000);
        w.u32(1000);
        w.u32(0x9000_0000);
    });
}

fn cut<'a>(movie: &'a TestMovie, fragments: &Fragments) -> Vec<Vec<Piece<'a>>> {
    let mut all: Vec<Vec<Piece<'a>>> = Vec::new();
    for track in &movie.tracks {
        let times = track.decode_times();
        let number = |index: usize| {
            (times[index] * 1000 / u64::from(track.timescale) / fragments.milliseconds) as usize
        };
        let mut start = 0;
        while start < track.samples.len() {
            let fragment = number(start);
            let end = (start..track.samples.len())
                .find(|index| number(*index) != fragment)
                .unwrap_or(track.samples.len());
            while all.len() <= fragment {
                all.push(Vec::new());
            }
            all[fragment].push(Piece {
                track,
                time: times[start],
                samples: &track.samples[start..end],
                shorten: if end < track.samples.len() {
                    fragments.shorten
                } else {
                    0
                },
            });
            start = end;
        }
    }
    all.retain(|pieces| !pieces.is_empty());
    all
}

fn write_fragment(w: &mut Writer, fragments: &Fragments, number: u32, pieces: &[Piece<'_>]) {
    let moof = w.len() as u64;
    let size = moof_box(fragments, number, pieces, moof, 0).len() as u64;
    w.put(&moof_box(fragments, number, pieces, moof, size));
    w.boxed(b"mdat", |w| {
        for sample in pieces.iter().flat_map(|piece| piece.samples) {
            w.put(&sample.data);
        }
    });
}

fn moof_box(
    fragments: &Fragments,
    number: u32,
    pieces: &[Piece<'_>],
    moof: u64,
    size: u64,
) -> Vec<u8> {
    let mut w = Writer::default();
    // Where the data of the piece at hand begin in the file.
    let mut data = moof + size + 8;
    let mut implicit = moof;
    w.boxed(b"moof", |w| {
        w.full(b"mfhd", 0, 0, |w| w.u32(number));
        for piece in pieces {
            let base = match fragments.base {
                Base::Explicit => data,
                Base::Moof => moof,
                Base::Implicit => implicit,
            };
            w.boxed(b"traf", |w| write_traf(w, fragments, piece, base, data));
            data += length(piece.samples);
            implicit = data;
        }
    });
    w.into_bytes()
}

fn length(samples: &[TestSample]) -> u64 {
    samples.iter().map(|sample| sample.data.len() as u64).sum()
}

fn write_traf(w: &mut Writer, fragments: &Fragments, piece: &Piece<'_>, base: u64, data: u64) {
    let flags = match fragments.base {
        Base::Explicit => 1,
        Base::Moof => 0x02_0000,
        Base::Implicit => 0,
    };
    w.full(b"tfhd", 0, flags, |w| {
        w.u32(piece.track.id);
        if fragments.base == Base::Explicit {
            w.u64(base);
        }
    });
    if fragments.decode_times {
        w.full(b"tfdt", 1, 0, |w| w.u64(piece.time));
    }
    let per_run = piece.samples.len().div_ceil(fragments.runs.max(1)).max(1);
    let mut at = data;
    let mut pieces = piece.samples.chunks(per_run).enumerate().peekable();
    while let Some((index, samples)) = pieces.next() {
        let offset = match fragments.follow_on && index > 0 {
            true => None,
            false => Some((at - base) as i32),
        };
        let mut written = samples.to_vec();
        if let (None, Some(last)) = (pieces.peek(), written.last_mut()) {
            last.duration = last.duration.strict_sub_signed(piece.shorten);
        }
        write_run(w, fragments, piece.track, &written, offset);
        at += length(samples);
    }
}

fn write_run(
    w: &mut Writer,
    fragments: &Fragments,
    track: &TestTrack,
    samples: &[TestSample],
    data_offset: Option<i32>,
) {
    let flags_of = |sample: &TestSample| if sample.sync { SYNC } else { NON_SYNC };
    let default_flags = if track.is_video() { NON_SYNC } else { SYNC };
    let rest_agrees = samples[1..].iter().all(|s| flags_of(s) == default_flags);
    let first_only = fragments.track_defaults && rest_agrees;
    let default_duration = fragments.track_defaults
        && samples
            .iter()
            .all(|s| s.duration == track.samples[0].duration);
    let offsets = samples.iter().any(|sample| sample.offset != 0);
    let flag = |wanted: bool, flag: u32| if wanted { flag } else { 0 };
    let flags = 0x200
        | flag(data_offset.is_some(), 1)
        | flag(first_only, 4)
        | flag(!default_duration, 0x100)
        | flag(!first_only, 0x400)
        | flag(offsets, 0x800);
    w.full(b"trun", u8::from(track.signed_offsets), flags, |w| {
        w.u32(samples.len() as u32);
        if let Some(offset) = data_offset {
            w.i32(offset);
        }
        if first_only {
            w.u32(flags_of(&samples[0]));
        }
        for sample in samples {
            if !default_duration {
                w.u32(sample.duration);
            }
            w.u32(sample.data.len() as u32);
            if !first_only {
                w.u32(flags_of(sample));
            }
            if offsets {
                w.i32(sample.offset);
            }
        }
    });
}
