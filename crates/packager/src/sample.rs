//! Samples: where each lies in its source and when it is shown.
//!
//! Tables stay in the form that they have on file (run-length tables of `stbl`, entries of `trun`); a
//! [`SampleCursor`] walks over them. It is small and `Clone`: a plan keeps one a segment, so that any
//! segment can be rendered alone.

mod fragmented;
mod progressive;
mod starts;

pub(crate) use fragmented::{FragmentedTable, Run};
pub(crate) use progressive::ProgressiveTable;
pub(crate) use starts::{Bits, Starts};

/// How many samples the tracks of a file may have together: 26 hours at 60 frames a second with sound.
pub(crate) const MAX_SAMPLES: u64 = 10_000_000;

/// One access unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// First byte in the source.
    pub offset: u64,
    /// Length in bytes.
    pub size: u32,
    /// Decode time in ticks of the media.
    pub dts: u64,
    /// Ticks until the next sample is decoded.
    pub duration: u32,
    /// Composition time less decode time, in ticks.
    pub composition_offset: i32,
    /// Whether decoding can start here.
    pub sync: bool,
    /// Whether the bitstream says that nothing behind needs what is before. Of tables that were not held against it
    /// this is not known.
    pub closed: bool,
}

/// All samples of a track.
#[derive(Debug)]
pub(crate) enum SampleTable {
    /// `stbl`.
    Progressive(ProgressiveTable),
    /// Movie fragments.
    Fragmented(FragmentedTable),
    /// One of these, with the bitstream's word on where decoding can start.
    Looked(Box<SampleTable>, Starts),
}

/// A place in a [`SampleTable`]: before its `index`th sample.
#[derive(Debug, Clone, Default)]
pub(crate) struct SampleCursor {
    /// Index of the next sample.
    pub index: u64,
    /// Decode time of the next sample.
    pub dts: u64,
    /// Offset of the next sample in its chunk or run, as an offset in the source.
    offset: u64,
    durations: RunPosition,
    composition_offsets: RunPosition,
    sync: u32,
    chunk_run: u32,
    chunk: u32,
    left_in_chunk: u32,
    run: usize,
    in_run: u32,
}

/// A place in a run-length table.
#[derive(Debug, Clone, Copy, Default)]
struct RunPosition {
    entry: u32,
    used: u32,
}

impl SampleCursor {
    /// Whether the next sample is the first of a chunk or a run.
    pub fn starts_chunk(&self) -> bool {
        self.left_in_chunk == 0 && self.in_run == 0
    }
}

impl SampleTable {
    /// Number of the sample entry of the sample before a cursor; 1 is the first. Fragments say it elsewhere.
    pub fn description(&self, cursor: &SampleCursor) -> u32 {
        match self {
            Self::Progressive(table) => table.description(cursor),
            Self::Fragmented(table) => table.description(cursor),
            Self::Looked(table, _) => table.description(cursor),
        }
    }

    /// Number of samples.
    pub fn count(&self) -> u64 {
        match self {
            Self::Progressive(table) => table.count(),
            Self::Fragmented(table) => table.count(),
            Self::Looked(table, _) => table.count(),
        }
    }

    /// The sample at the cursor; moves the cursor behind it.
    fn next(&self, cursor: &mut SampleCursor) -> Option<Sample> {
        match self {
            Self::Progressive(table) => table.next(cursor),
            Self::Fragmented(table) => table.next(cursor),
            Self::Looked(table, starts) => {
                let index = cursor.index;
                table.next(cursor).map(|sample| starts.of(index, sample))
            }
        }
    }

    /// The samples from `cursor` on.
    pub fn iter_from<'a>(&'a self, cursor: SampleCursor) -> Samples<'a> {
        Samples {
            table: self,
            cursor,
        }
    }

    /// All samples.
    pub fn iter(&self) -> Samples<'_> {
        self.iter_from(SampleCursor::default())
    }
}

/// Walks over samples and can tell where it is.
pub(crate) struct Samples<'a> {
    table: &'a SampleTable,
    /// Before the next sample.
    pub cursor: SampleCursor,
}

impl Iterator for Samples<'_> {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        self.table.next(&mut self.cursor)
    }
}

/// The 32-bit word at an offset; 0 outside. Tables are checked against their boxes when they are read.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at.saturating_add(4))
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u32::from_be_bytes)
}
