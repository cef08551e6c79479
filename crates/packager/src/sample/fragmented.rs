//! Runs of samples in movie fragments (ISO/IEC 14496-12, 8.8).

use super::{ProgressiveTable, Sample, SampleCursor, word};
use bmff::boxes::Trun;

/// The runs of one track, in file order.
#[derive(Debug, Default)]
pub(crate) struct FragmentedTable {
    /// Samples that the `moov` places itself, before all fragments (8.8.1).
    head: Option<ProgressiveTable>,
    runs: Vec<Run>,
    /// Bytes of the entries of all runs.
    entries_len: usize,
    count: u64,
    /// Decode time of the last sample.
    last_dts: u64,
}

/// One `trun` with the defaults that apply to it.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// Decode time of its first sample.
    pub dts: u64,
    /// Where its first sample lies in the source.
    pub offset: u64,
    /// Number of samples.
    pub count: u32,
    /// Flags of the `trun`: which fields its entries have.
    pub flags: u32,
    /// Defaults for the fields that entries do not have.
    pub duration: u32,
    /// Bytes.
    pub size: u32,
    /// Sample flags.
    pub sample_flags: u32,
    /// Sample flags of the first sample.
    pub first_sample_flags: Option<u32>,
    /// The entries, in on-file form.
    pub entries: Box<[u8]>,
}

/// `sample_is_non_sync_sample` (8.8.3.1).
const NON_SYNC: u32 = 0x0001_0000;

impl FragmentedTable {
    /// A table that begins with the samples of the `moov`, when it has any.
    pub fn behind(head: ProgressiveTable) -> Self {
        let mut cursor = SampleCursor::default();
        let mut table = Self::default();
        while let Some(sample) = head.next(&mut cursor) {
            table.last_dts = sample.dts;
            table.count += 1;
        }
        table.head = (table.count > 0).then_some(head);
        table
    }

    /// Decode time behind the samples of the `moov`.
    pub fn head_ticks(&self) -> u64 {
        let mut cursor = SampleCursor::default();
        while let Some(head) = &self.head
            && head.next(&mut cursor).is_some()
        {}
        cursor.dts
    }

    /// Number of the sample entry of the sample before a cursor; that of fragments is said elsewhere, and 1 here.
    pub fn description(&self, cursor: &SampleCursor) -> u32 {
        match &self.head {
            Some(head) if cursor.index <= head.count() => head.description(cursor),
            _ => 1,
        }
    }

    /// Whether a run that is decoded from `dts` on can follow: not before the last sample, nor so much
    /// later that the time between has no 32 bits.
    pub fn accepts(&self, dts: u64) -> bool {
        let gap = dts.checked_sub(self.last_dts);
        self.count == 0 || gap.is_some_and(|gap| u32::try_from(gap).is_ok())
    }

    /// Bytes that the table takes in memory.
    pub fn index_len(&self) -> usize {
        self.entries_len + self.runs.len() * size_of::<Run>()
    }

    /// Adds a run. Gives the decode time and the offset behind it.
    pub fn push(&mut self, run: Run) -> (u64, u64) {
        self.entries_len += run.entries.len();
        let (mut dts, mut offset) = (run.dts, run.offset);
        for index in 0..run.count {
            let sample = Self::sample(&run, index, dts, offset);
            self.last_dts = dts;
            dts = dts.saturating_add(u64::from(sample.duration));
            offset = offset.saturating_add(u64::from(sample.size));
        }
        self.count += u64::from(run.count);
        if run.count > 0 {
            self.runs.push(run);
        }
        (dts, offset)
    }

    /// Number of samples.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Drops samples from the end until `count` are left.
    pub fn truncate(&mut self, count: u64) {
        while let Some(last) = self.runs.last_mut() {
            let superfluous = self.count.saturating_sub(count);
            if superfluous == 0 {
                return;
            }
            if superfluous < u64::from(last.count) {
                last.count -= superfluous as u32;
                self.count = count;
                return;
            }
            self.count -= u64::from(last.count);
            self.runs.pop();
        }
        if let Some(head) = &mut self.head {
            head.truncate(count);
            self.count = head.count();
        }
    }

    /// The sample at the cursor; moves the cursor behind it.
    pub fn next(&self, cursor: &mut SampleCursor) -> Option<Sample> {
        match &self.head {
            Some(head) if cursor.index < head.count() => self.next_of_head(head, cursor),
            _ => self.next_of_runs(cursor),
        }
    }

    fn next_of_head(&self, head: &ProgressiveTable, cursor: &mut SampleCursor) -> Option<Sample> {
        let mut sample = head.next(cursor)?;
        if cursor.index == head.count() {
            cursor.left_in_chunk = 0;
            if let Some(run) = self.runs.first() {
                sample.duration = lasting_until(&sample, run);
            }
        }
        Some(sample)
    }

    fn next_of_runs(&self, cursor: &mut SampleCursor) -> Option<Sample> {
        let run = self.runs.get(cursor.run)?;
        if cursor.in_run == 0 {
            cursor.dts = run.dts;
            cursor.offset = run.offset;
        }
        let mut sample = Self::sample(run, cursor.in_run, cursor.dts, cursor.offset);
        if let (true, Some(next)) = (
            cursor.in_run + 1 == run.count,
            self.runs.get(cursor.run + 1),
        ) {
            sample.duration = lasting_until(&sample, next);
        }
        cursor.index += 1;
        cursor.in_run += 1;
        cursor.dts = cursor.dts.saturating_add(u64::from(sample.duration));
        cursor.offset = cursor.offset.saturating_add(u64::from(sample.size));
        if cursor.in_run == run.count {
            cursor.run += 1;
            cursor.in_run = 0;
        }
        Some(sample)
    }

    fn sample(run: &Run, index: u32, dts: u64, offset: u64) -> Sample {
        let mut at = index as usize * Trun::entry_len(run.flags);
        let mut field = |flag: u32| {
            (run.flags & flag != 0).then(|| {
                at += 4;
                word(&run.entries, at - 4)
            })
        };
        let duration = field(Trun::DURATION).unwrap_or(run.duration);
        let size = field(Trun::SIZE).unwrap_or(run.size);
        let mut flags = field(Trun::FLAGS).unwrap_or(run.sample_flags);
        if let (0, Some(first)) = (index, run.first_sample_flags) {
            flags = first;
        }
        let composition_offset = field(Trun::COMPOSITION_OFFSET).unwrap_or_default() as i32;
        Sample {
            offset,
            size,
            dts,
            duration,
            composition_offset,
            sync: flags & NON_SYNC == 0,
            closed: false,
        }
    }
}

/// Decode times of the next run count, whatever the durations say: the last sample before it lasts until then.
fn lasting_until(sample: &Sample, next: &Run) -> u32 {
    let until = next.dts.saturating_sub(sample.dts);
    u32::try_from(until).unwrap_or(sample.duration)
}
