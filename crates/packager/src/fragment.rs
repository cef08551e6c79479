//! Writes the boxes of media segments: `styp`; `moof` and the head of `mdat` of each fragment (ISO/IEC 23000-19,
//! 7.3.2).

use crate::cenc::protect::Protection;
use crate::init::TRACK_ID;
use crate::sample::Sample;
use bmff::Writer;
use bmff::boxes::{SampleAuxiliary, Trun};

/// What a fragment's boxes say; the samples' bytes follow in the same order.
pub(crate) struct Fragment<'a> {
    /// Higher than that of the fragment before.
    pub sequence_number: u32,
    /// Decode time of the first sample in the output.
    pub base_media_decode_time: u64,
    /// The samples.
    pub samples: &'a [Sample],
    /// 1-based index of their sample entry.
    pub sample_entry: u32,
    /// How they are encrypted, when that is not as the sample entry says: a later crypto period.
    pub group: Option<&'a Protection>,
    /// What decryption needs, one a sample; empty when samples bring nothing.
    pub auxiliaries: &'a [SampleAuxiliary],
    /// Bytes of all samples.
    pub payload_len: u64,
    /// Duration that the init segment tells for samples whose fragment tells none; `None` when the fragment is to
    /// tell it in any case.
    pub track_duration: Option<u32>,
}

/// Flags of a sync sample: it depends on no other (8.8.3.1).
const SYNC_FLAGS: u32 = 0x0200_0000;
/// Flags of another sample: it depends on others and is no sync sample.
const NON_SYNC_FLAGS: u32 = 0x0101_0000;

/// Appends the box that a segment begins with.
pub(crate) fn write_segment_type(buffer: Vec<u8>) -> Vec<u8> {
    let mut w = Writer::new(buffer);
    w.boxed(b"styp", |w| {
        w.put(b"cmfs");
        w.u32(0);
        w.put(b"cmfsmsdh");
    });
    w.into_bytes()
}

/// Appends the boxes of a fragment to a buffer, up to the first byte of the samples.
pub(crate) fn write_head(fragment: &Fragment<'_>, buffer: Vec<u8>) -> Vec<u8> {
    let mut w = Writer::new(buffer);
    let moof = w.len();
    let mut data_offset_at = 0;
    w.boxed(b"moof", |w| {
        w.full(b"mfhd", 0, 0, |w| w.u32(fragment.sequence_number));
        w.boxed(b"traf", |w| {
            let defaults = Defaults::of(fragment);
            write_tfhd(w, fragment.sample_entry, &defaults);
            w.full(b"tfdt", 1, 0, |w| w.u64(fragment.base_media_decode_time));
            data_offset_at = write_trun(w, fragment, &defaults);
            if let Some(protection) = fragment.group {
                write_group(w, fragment.samples.len(), protection);
            }
            if !fragment.auxiliaries.is_empty() {
                write_auxiliaries(w, fragment.auxiliaries, moof);
            }
        });
    });
    let head_len: u64 = if fragment.payload_len + 8 > u64::from(u32::MAX) {
        16
    } else {
        8
    };
    let data_offset = w.len() - moof + head_len as usize;
    w.patch_u32(
        data_offset_at,
        u32::try_from(data_offset).unwrap_or(u32::MAX),
    );
    match u32::try_from(fragment.payload_len + 8) {
        Ok(size) => {
            w.u32(size);
            w.put(b"mdat");
        }
        Err(_) => {
            w.u32(1);
            w.put(b"mdat");
            w.u64(fragment.payload_len + head_len);
        }
    }
    w.into_bytes()
}

/// Fields that are the same for all samples (of flags: for all but the first).
struct Defaults {
    duration: Option<u32>,
    /// Whether the init segment tells the duration.
    is_usual: bool,
    size: Option<u32>,
    flags: Option<u32>,
    first_flags: Option<u32>,
    composition_offsets: bool,
}

impl Defaults {
    fn of(fragment: &Fragment<'_>) -> Self {
        let samples = fragment.samples;
        let flags_of_rest = common(samples.get(1..).unwrap_or_default().iter().map(flags));
        let first = samples.first().map(flags);
        let flags = flags_of_rest.or(first.filter(|_| samples.len() == 1));
        let duration = common(samples.iter().map(|sample| sample.duration));
        let is_usual = duration.is_some() && duration == fragment.track_duration;
        Self {
            duration: duration.filter(|_| !is_usual),
            is_usual,
            size: common(samples.iter().map(|sample| sample.size)),
            flags,
            first_flags: first.filter(|first| flags.is_some_and(|flags| flags != *first)),
            composition_offsets: samples.iter().any(|sample| sample.composition_offset != 0),
        }
    }
}

impl Defaults {
    fn lists_durations(&self) -> bool {
        self.duration.is_none() && !self.is_usual
    }
}

fn flags(sample: &Sample) -> u32 {
    if sample.sync {
        SYNC_FLAGS
    } else {
        NON_SYNC_FLAGS
    }
}

/// The value that all have, if they all have one.
fn common(mut values: impl Iterator<Item = u32>) -> Option<u32> {
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

fn write_tfhd(w: &mut Writer, sample_entry: u32, defaults: &Defaults) {
    const DEFAULT_BASE_IS_MOOF: u32 = 0x02_0000;
    // `trex` says 1.
    let sample_entry = Some(sample_entry).filter(|number| *number != 1);
    let flag = |value: &Option<u32>, flag: u32| if value.is_some() { flag } else { 0 };
    let flags = DEFAULT_BASE_IS_MOOF
        | flag(&sample_entry, 0x02)
        | flag(&defaults.duration, 0x08)
        | flag(&defaults.size, 0x10)
        | flag(&defaults.flags, 0x20);
    w.full(b"tfhd", 0, flags, |w| {
        w.u32(TRACK_ID);
        for value in [
            sample_entry,
            defaults.duration,
            defaults.size,
            defaults.flags,
        ]
        .into_iter()
        .flatten()
        {
            w.u32(value);
        }
    });
}

/// All samples of the fragment in one group of its own, with another key than the sample entry's (ISO/IEC 23001-7, 6).
fn write_group(w: &mut Writer, samples: usize, protection: &Protection) {
    /// Descriptions of the fragment itself are numbered from here (ISO/IEC 14496-12, 8.9.4).
    const FIRST_OWN: u32 = 0x1_0001;
    w.full(b"sgpd", 1, 0, |w| {
        w.put(b"seig");
        w.u32(protection.parameters_len());
        w.u32(1);
        protection.write_parameters(w);
    });
    w.full(b"sbgp", 0, 0, |w| {
        w.put(b"seig");
        w.u32(1);
        w.u32(samples as u32);
        w.u32(FIRST_OWN);
    });
}

/// Gives the position of `data_offset`, which is filled in later.
fn write_trun(w: &mut Writer, fragment: &Fragment<'_>, defaults: &Defaults) -> usize {
    let flag = |wanted: bool, flag: u32| if wanted { flag } else { 0 };
    let flags = 1
        | flag(defaults.first_flags.is_some(), 4)
        | flag(defaults.lists_durations(), Trun::DURATION)
        | flag(defaults.size.is_none(), Trun::SIZE)
        | flag(defaults.flags.is_none(), Trun::FLAGS)
        | flag(defaults.composition_offsets, Trun::COMPOSITION_OFFSET);
    let mut data_offset_at = 0;
    w.full(b"trun", 0, flags, |w| {
        w.u32(fragment.samples.len() as u32);
        data_offset_at = w.len();
        w.u32(0);
        if let Some(first) = defaults.first_flags {
            w.u32(first);
        }
        for sample in fragment.samples {
            if defaults.lists_durations() {
                w.u32(sample.duration);
            }
            if defaults.size.is_none() {
                w.u32(sample.size);
            }
            if defaults.flags.is_none() {
                w.u32(self::flags(sample));
            }
            if defaults.composition_offsets {
                w.i32(sample.composition_offset);
            }
        }
    });
    data_offset_at
}

/// `saiz`, `saio` and `senc` (ISO/IEC 23001-7, 7).
fn write_auxiliaries(w: &mut Writer, auxiliaries: &[SampleAuxiliary], moof: usize) {
    let has_subsamples = auxiliaries
        .iter()
        .any(|auxiliary| !auxiliary.subsamples.is_empty());
    let len = |auxiliary: &SampleAuxiliary| -> u32 {
        let table = if has_subsamples {
            2 + 6 * auxiliary.subsamples.len()
        } else {
            0
        };
        (auxiliary.iv.len() + table) as u32
    };
    let default_len = common(auxiliaries.iter().map(len));
    w.full(b"saiz", 0, 0, |w| {
        w.u8(default_len.unwrap_or(0) as u8);
        w.u32(auxiliaries.len() as u32);
        if default_len.is_none() {
            for auxiliary in auxiliaries {
                w.u8(len(auxiliary) as u8);
            }
        }
    });
    // The first entry of `senc` lies behind this box (20 bytes), its header, flags and count (16).
    let first_entry = w.len() - moof + 20 + 16;
    w.full(b"saio", 0, 0, |w| {
        w.u32(1);
        w.u32(first_entry as u32);
    });
    w.full(b"senc", 0, if has_subsamples { 2 } else { 0 }, |w| {
        w.u32(auxiliaries.len() as u32);
        for auxiliary in auxiliaries {
            w.put(&auxiliary.iv);
            if has_subsamples {
                w.u16(auxiliary.subsamples.len() as u16);
                for subsample in &auxiliary.subsamples {
                    w.u16(subsample.clear);
                    w.u32(subsample.protected);
                }
            }
        }
    });
}
