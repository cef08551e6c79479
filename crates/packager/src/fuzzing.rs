//! Doors to inner readers, for the programs in `fuzz/`; the feature `fuzzing` opens them.
//!
//! A door that finds something impossible panics, which is what a fuzzer looks for.

use crate::TrackKind;
use crate::movie::{Parsed, SampleEntry, parse_entries};
use bmff::{BoxView, FourCc};

/// Reads the body of a `stsd`: the configurations of all codecs.
pub fn sample_entries(stsd: &[u8]) {
    for kind in [TrackKind::Video, TrackKind::Audio, TrackKind::Text] {
        entries(stsd, kind);
    }
}

/// Reads parameter sets, slice headers, tiles and supplemental information.
///
/// The bytes are the body of a `stsd` behind its length in 16 bits, then samples, each behind its length.
///
/// # Panics
/// When slice data are said to lie outside of a sample, or over one another.
pub fn samples(bytes: &[u8]) {
    let mut rest = bytes;
    let Some(SampleEntry::Video(entry)) =
        entries(take(&mut rest), TrackKind::Video).and_then(|parsed| parsed.entry)
    else {
        return;
    };
    let mut config = entry.config.clone();
    while !rest.is_empty() {
        let sample = take(&mut rest);
        let mut read = |at: usize, len: usize| {
            let part = sample.get(at..at.saturating_add(len));
            Ok(part.expect("only what is there is read").to_vec())
        };
        // What is refused is no matter here.
        let _ = entry.config.random_access(sample.len(), &mut read);
        let mut at = 0;
        for range in config.slice_data(sample).unwrap_or_default() {
            assert!(at <= range.start && range.start <= range.end, "{range:?}");
            assert!(range.end <= sample.len(), "{range:?}");
            at = range.end;
        }
    }
}

fn entries(stsd: &[u8], kind: TrackKind) -> Option<Parsed> {
    let view = BoxView {
        kind: FourCc(*b"stsd"),
        path: "stsd".into(),
        offset: 0,
        header_len: 8,
        body: stsd,
    };
    parse_entries(&view, kind).ok()
}

/// Bytes behind their length in 16 bits; what is left, when that is less.
fn take<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let (length, behind) = rest.split_first_chunk::<2>().unwrap_or((&[0; 2], &[]));
    let length = usize::from(u16::from_be_bytes(*length)).min(behind.len());
    let (taken, behind) = behind.split_at(length);
    *rest = behind;
    taken
}
