//! The tables of `stbl` (ISO/IEC 14496-12, 8.6 and 8.7).

use super::{MAX_SAMPLES, RunPosition, Sample, SampleCursor, word};
use bmff::boxes::{Stsz, Table};
use bmff::{BoxView, Error};
use std::ops::Range;
use std::sync::Arc;

/// Sample tables as they lie in the `moov`.
#[derive(Debug)]
pub(crate) struct ProgressiveTable {
    moov: Arc<[u8]>,
    sizes: Stsz,
    sizes_at: usize,
    durations: Range<usize>,
    composition_offsets: Range<usize>,
    chunk_runs: Range<usize>,
    chunk_offsets: Range<usize>,
    wide_chunk_offsets: bool,
    /// `None`: every sample is a sync sample.
    sync: Option<Range<usize>>,
}

impl ProgressiveTable {
    /// Reads the heads of the tables of a `stbl`, whose `moov` begins at `base` in the file, and checks
    /// that they agree with one another.
    pub fn parse(stbl: &BoxView<'_>, moov: &Arc<[u8]>, base: u64) -> Result<Self, Error> {
        let range = |view: &BoxView<'_>, entry_len: usize| -> Result<Range<usize>, Error> {
            let table = Table::parse(view, entry_len)?;
            let start = view.body_range(base).start + table.start;
            Ok(start..start + table.count as usize * entry_len)
        };
        let optional = |kind: &[u8; 4], entry_len: usize| -> Result<Option<Range<usize>>, Error> {
            let view = stbl.child(kind)?;
            view.map(|view| range(&view, entry_len)).transpose()
        };
        let stsz = match stbl.child(b"stsz")? {
            Some(view) => view,
            None => stbl
                .need(b"stz2")
                .map_err(|_| stbl.error("no 'stsz' box inside"))?,
        };
        let sizes = Stsz::parse(&stsz)?;
        if u64::from(sizes.count) > MAX_SAMPLES {
            let what = format!("{} samples are more than {MAX_SAMPLES}", sizes.count);
            return Err(stsz.error(what));
        }
        let (chunk_offsets, wide_chunk_offsets) = match optional(b"co64", 8)? {
            Some(range) => (range, true),
            None => (range(&stbl.need(b"stco")?, 4)?, false),
        };
        let table = Self {
            moov: Arc::clone(moov),
            sizes_at: stsz.body_range(base).start + sizes.start,
            sizes,
            durations: range(&stbl.need(b"stts")?, 8)?,
            composition_offsets: optional(b"ctts", 8)?.unwrap_or_default(),
            chunk_runs: range(&stbl.need(b"stsc")?, 12)?,
            chunk_offsets,
            wide_chunk_offsets,
            sync: optional(b"stss", 4)?,
        };
        table.check(stbl)?;
        Ok(table)
    }

    /// Number of samples.
    pub fn count(&self) -> u64 {
        u64::from(self.sizes.count)
    }

    /// Drops samples from the end until `count` are left.
    pub fn truncate(&mut self, count: u64) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.sizes.count = self.sizes.count.min(count);
    }

    /// The highest number of a sample entry that samples name; 1 is the first.
    pub fn highest_description(&self) -> u32 {
        let numbers = self.entries(&self.chunk_runs, 12);
        numbers.map(|at| self.word(at + 8)).max().unwrap_or(1)
    }

    /// Number of the sample entry of the sample before a cursor.
    pub fn description(&self, cursor: &SampleCursor) -> u32 {
        self.word(self.chunk_runs.start + cursor.chunk_run as usize * 12 + 8)
    }

    /// The sample at the cursor; moves the cursor behind it.
    pub fn next(&self, cursor: &mut SampleCursor) -> Option<Sample> {
        if cursor.index >= self.count() {
            return None;
        }
        while cursor.left_in_chunk == 0 {
            self.open_chunk(cursor)?;
        }
        let duration = self.run_value(&self.durations, &mut cursor.durations);
        let composition_offset =
            self.run_value(&self.composition_offsets, &mut cursor.composition_offsets) as i32;
        let sample = Sample {
            offset: cursor.offset,
            size: self.size(cursor.index),
            dts: cursor.dts,
            duration,
            composition_offset,
            sync: self.is_sync(cursor),
            closed: false,
        };
        cursor.index += 1;
        cursor.left_in_chunk -= 1;
        cursor.offset = cursor.offset.saturating_add(u64::from(sample.size));
        cursor.dts = cursor.dts.saturating_add(u64::from(duration));
        Some(sample)
    }

    fn check(&self, stbl: &BoxView<'_>) -> Result<(), Error> {
        let timed: u64 = self
            .entries(&self.durations, 8)
            .map(|at| u64::from(self.word(at)))
            .sum();
        if timed < self.count() {
            return Err(stbl.error(format!(
                "'stts' gives durations for {timed} samples, 'stsz' sizes for {}",
                self.count()
            )));
        }
        let chunks = self.chunk_offsets.len() / if self.wide_chunk_offsets { 8 } else { 4 };
        let mut placed: u64 = 0;
        let mut runs = self.entries(&self.chunk_runs, 12).peekable();
        let mut expected = 1;
        while let Some(at) = runs.next() {
            let first = self.word(at);
            if first < expected || (expected == 1 && first != 1) {
                let what = format!("'stsc' names chunk {first} where {expected} or later is due");
                return Err(stbl.error(what));
            }
            let next = runs
                .peek()
                .map_or(chunks as u64 + 1, |at| u64::from(self.word(*at)));
            let chunks_of_run = next.min(chunks as u64 + 1).saturating_sub(u64::from(first));
            placed = placed.saturating_add(chunks_of_run * u64::from(self.word(at + 4)));
            expected = first.saturating_add(1);
        }
        if placed < self.count() {
            return Err(stbl.error(format!(
                "'stsc' and the {chunks} chunk offsets place {placed} samples, 'stsz' has {}",
                self.count()
            )));
        }
        Ok(())
    }

    fn open_chunk(&self, cursor: &mut SampleCursor) -> Option<()> {
        let chunk = cursor.chunk;
        let next_run = self.chunk_runs.start + (cursor.chunk_run as usize + 1) * 12;
        if next_run < self.chunk_runs.end && self.word(next_run) == chunk + 1 {
            cursor.chunk_run += 1;
        }
        let run = self.chunk_runs.start + cursor.chunk_run as usize * 12;
        let width = if self.wide_chunk_offsets { 8 } else { 4 };
        let at = self.chunk_offsets.start + chunk as usize * width;
        if at >= self.chunk_offsets.end {
            return None;
        }
        cursor.offset = match self.wide_chunk_offsets {
            true => u64::from(self.word(at)) << 32 | u64::from(self.word(at + 4)),
            false => u64::from(self.word(at)),
        };
        cursor.left_in_chunk = self.word(run + 4);
        cursor.chunk += 1;
        Some(())
    }

    fn run_value(&self, table: &Range<usize>, position: &mut RunPosition) -> u32 {
        loop {
            let at = table.start + position.entry as usize * 8;
            if at >= table.end {
                return 0;
            }
            if position.used < self.word(at) {
                position.used += 1;
                return self.word(at + 4);
            }
            *position = RunPosition {
                entry: position.entry + 1,
                used: 0,
            };
        }
    }

    fn is_sync(&self, cursor: &mut SampleCursor) -> bool {
        let Some(sync) = &self.sync else {
            return true;
        };
        let number = cursor.index + 1;
        loop {
            let at = sync.start + cursor.sync as usize * 4;
            if at >= sync.end {
                return false;
            }
            let named = u64::from(self.word(at));
            if named >= number {
                return named == number;
            }
            cursor.sync += 1;
        }
    }

    fn size(&self, index: u64) -> u32 {
        if self.sizes.sample_size != 0 {
            return self.sizes.sample_size;
        }
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let byte = |at: usize| u32::from(self.moov.get(at).copied().unwrap_or_default());
        match self.sizes.entry_bits {
            32 => self.word(self.sizes_at + index * 4),
            16 => byte(self.sizes_at + index * 2) << 8 | byte(self.sizes_at + index * 2 + 1),
            8 => byte(self.sizes_at + index),
            _ if index % 2 == 0 => byte(self.sizes_at + index / 2) >> 4,
            _ => byte(self.sizes_at + index / 2) & 15,
        }
    }

    fn entries(
        &self,
        table: &Range<usize>,
        entry_len: usize,
    ) -> impl Iterator<Item = usize> + use<> {
        table.clone().step_by(entry_len)
    }

    fn word(&self, at: usize) -> u32 {
        word(&self.moov, at)
    }
}
