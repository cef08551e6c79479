//! Collects the samples of movie fragments (ISO/IEC 14496-12, 8.8).

use super::{TrackBuilder, layout};
use crate::sample::{FragmentedTable, MAX_SAMPLES, Run, SampleTable};
use crate::{Error, Source};
use bmff::boxes::{Tfdt, Tfhd, Trex, Trun};
use bmff::{BoxHeader, BoxView, TopLevel, read_box};
use std::collections::HashMap;

/// How many boxes the track fragments of a file may have together.
const MAX_BOXES: u32 = 20_000_000;

/// What the `moov` and the runs of all fragments may take in memory together, in bytes: a day of video. A `moof` that
/// is read comes on top.
const MAX_INDEX: usize = 44 << 20;

/// The largest `moof` that is read, in bytes. An hour in one fragment takes about 5 MiB.
const MAX_MOOF: u64 = 16 << 20;

/// Reads a `moof` whole.
///
/// # Errors
/// When it goes beyond the end of the source or above [`MAX_MOOF`].
pub(crate) fn read_moof(source: &dyn Source, header: &BoxHeader) -> Result<Vec<u8>, Error> {
    if header.size > MAX_MOOF {
        return Err(Error::LimitExceeded(format!(
            "moof at {:#x}: {} bytes are more than the {MAX_MOOF} that one may have",
            header.offset, header.size
        )));
    }
    Ok(read_box(source, header)?)
}

/// Reads every `moof` and gives its runs to the tracks.
pub(super) fn collect(
    source: &dyn Source,
    moov: &BoxView<'_>,
    tracks: &mut [TrackBuilder],
) -> Result<(), Error> {
    let mut collector = Collector {
        defaults: track_defaults(moov)?,
        next_dts: tracks.iter().map(TrackBuilder::head_end).collect(),
        samples: 0,
        boxes_left: MAX_BOXES,
    };
    let whole = |header: &BoxHeader| header.end() <= source.len();
    // What ends the walk was judged before.
    for header in TopLevel::new(source)
        .map_while(Result::ok)
        .take_while(whole)
    {
        if header.kind != b"moof" {
            continue;
        }
        let bytes = read_moof(source, &header)?;
        let moof = BoxView::new(&bytes, header.offset)?;
        collector.fragment(&moof, tracks)?;
        let index: usize = tracks.iter().map(|track| track.index_len()).sum();
        if index.saturating_add(moov.body.len()) > MAX_INDEX {
            let what = format!("the index takes more than {MAX_INDEX} bytes");
            return Err(Error::LimitExceeded(format!(
                "{what} up to {:#x}",
                header.end()
            )));
        }
    }
    Ok(())
}

impl TrackBuilder {
    /// Its id, and the decode time behind the samples of the `moov`.
    fn head_end(&self) -> (u32, u64) {
        match &self.samples {
            SampleTable::Fragmented(table) => (self.id, table.head_ticks()),
            SampleTable::Progressive(_) | SampleTable::Looked(..) => (self.id, 0),
        }
    }

    /// Bytes of the runs in memory.
    fn index_len(&self) -> usize {
        match &self.samples {
            SampleTable::Fragmented(table) => table.index_len(),
            SampleTable::Progressive(_) | SampleTable::Looked(..) => 0,
        }
    }
}

struct Collector {
    defaults: HashMap<u32, Trex>,
    /// Decode time behind the last fragment, by track: for fragments without `tfdt`.
    next_dts: HashMap<u32, u64>,
    samples: u64,
    /// How many boxes there may still be.
    boxes_left: u32,
}

impl Collector {
    fn fragment(&mut self, moof: &BoxView<'_>, tracks: &mut [TrackBuilder]) -> Result<(), Error> {
        // Without any base, the first track's data count from the moof, the next behind it (8.8.7.1).
        let mut implicit_base = moof.offset;
        for child in moof.children() {
            let traf = child?;
            if traf.kind != b"traf" {
                continue;
            }
            layout::check_nesting(&traf, &mut self.boxes_left)?;
            let tfhd = Tfhd::parse(&traf.need(b"tfhd")?)?;
            let base = data_base(&tfhd, moof.offset, implicit_base);
            let track = tracks.iter_mut().find(|track| track.id == tfhd.track_id);
            let Some(track) = track else {
                let what = format!("track {} is not in the 'moov'", tfhd.track_id);
                return Err(traf.error(what).into());
            };
            implicit_base = self.track_fragment(&traf, &tfhd, base, track)?;
        }
        Ok(())
    }

    /// Gives the offset behind the fragment's data.
    fn track_fragment(
        &mut self,
        traf: &BoxView<'_>,
        tfhd: &Tfhd,
        base: u64,
        track: &mut TrackBuilder,
    ) -> Result<u64, Error> {
        let trex = self
            .defaults
            .get(&tfhd.track_id)
            .copied()
            .unwrap_or_default();
        let description = tfhd.sample_description.unwrap_or(trex.sample_description);
        track.highest_description = track.highest_description.max(description);
        let dts = match traf.child(b"tfdt")? {
            Some(view) => Tfdt::parse(&view)?.base_media_decode_time,
            None => self
                .next_dts
                .get(&tfhd.track_id)
                .copied()
                .unwrap_or_default(),
        };
        let SampleTable::Fragmented(table) = &mut track.samples else {
            return Ok(base);
        };
        let before = table.count();
        let most = MAX_SAMPLES.saturating_sub(self.samples);
        let (dts, offset) = push_runs(traf, tfhd, &trex, (dts, base), most, table)?;
        self.samples += table.count() - before;
        self.next_dts.insert(tfhd.track_id, dts);
        Ok(offset)
    }
}

/// Adds the runs of a `traf` to a table; `start` is the decode time and the base of its data offsets, at
/// most `most` samples are taken. Gives the decode time and the offset behind them.
///
/// # Errors
/// When a run is malformed or there are too many samples.
pub(crate) fn push_runs(
    traf: &BoxView<'_>,
    tfhd: &Tfhd,
    trex: &Trex,
    start: (u64, u64),
    most: u64,
    table: &mut FragmentedTable,
) -> Result<(u64, u64), Error> {
    let (mut dts, base) = start;
    let mut offset = base;
    let mut left = most;
    for child in traf.children() {
        let view = child?;
        if view.kind != b"trun" {
            continue;
        }
        let trun = Trun::parse(&view)?;
        if trun.count > 0 && !table.accepts(dts) {
            let what = format!(
                "its samples are decoded from {dts} on, which does not follow the run before"
            );
            return Err(view.error(what).into());
        }
        left = left
            .checked_sub(u64::from(trun.count))
            .ok_or_else(|| view.error("the fragments hold too many samples"))?;
        if let Some(data_offset) = trun.data_offset {
            offset = base
                .checked_add_signed(i64::from(data_offset))
                .ok_or_else(|| view.error("its data lie before the start of the file"))?;
        }
        let run = Run {
            dts,
            offset,
            count: trun.count,
            flags: trun.flags,
            duration: tfhd.duration.unwrap_or(trex.duration),
            size: tfhd.size.unwrap_or(trex.size),
            sample_flags: tfhd.flags.unwrap_or(trex.flags),
            first_sample_flags: trun.first_sample_flags,
            entries: trun.entries.into(),
        };
        (dts, offset) = table.push(run);
    }
    Ok((dts, offset))
}

/// What the data offsets of a `traf` count from (8.8.7.1); `implicit` is the end of the data of the `traf`
/// before it, or the start of the `moof`.
pub(crate) fn data_base(tfhd: &Tfhd, moof: u64, implicit: u64) -> u64 {
    match (tfhd.base_data_offset, tfhd.default_base_is_moof) {
        (Some(base), _) => base,
        (None, true) => moof,
        (None, false) => implicit,
    }
}

/// The `trex` boxes of a `moov`, by track.
///
/// # Errors
/// When one is malformed.
pub(crate) fn track_defaults(moov: &BoxView<'_>) -> Result<HashMap<u32, Trex>, Error> {
    let mut defaults = HashMap::new();
    if let Some(mvex) = moov.child(b"mvex")? {
        for child in mvex.children() {
            let child = child?;
            if child.kind == b"trex" {
                let trex = Trex::parse(&child)?;
                defaults.insert(trex.track_id, trex);
            }
        }
    }
    Ok(defaults)
}
