//! Writes the index of a rendition in one file (`sidx`; ISO/IEC 14496-12, 8.16.3): where each segment lies.

use crate::init::TRACK_ID;
use bmff::Writer;

/// How many segments an index has room for.
pub(crate) const MAX_SEGMENTS: usize = 0xffff;

/// How many bytes a segment may have that an index points at.
pub(crate) const MAX_SEGMENT_BYTES: u64 = 0x7fff_ffff;

/// How many ticks may lie between the first picture that a segment shows and its key picture.
pub(crate) const MAX_KEY_DELAY: u64 = 0x0fff_ffff;

/// Bytes before the first entry, with times of 64 bits.
const HEAD_BYTES: u64 = 40;

/// Bytes of an entry.
const ENTRY_BYTES: u64 = 12;

/// A segment as the index tells of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// In bytes, at most [`MAX_SEGMENT_BYTES`].
    pub size: u32,
    /// In ticks.
    pub duration: u32,
    /// Type of the stream access point that it starts with: 1, 2 or 3.
    pub sap_type: u8,
    /// From its earliest picture to its key picture, in ticks, at most [`MAX_KEY_DELAY`].
    pub sap_delta: u32,
}

/// Bytes of an index of so many segments.
pub(crate) fn size(segments: usize) -> u64 {
    HEAD_BYTES + ENTRY_BYTES * segments as u64
}

/// An index; the first segment, whose earliest sample is shown at `start` ticks, lies right behind it.
pub(crate) fn write(timescale: u32, start: u64, entries: &[Entry]) -> Vec<u8> {
    let mut w = Writer::default();
    w.full(b"sidx", 1, 0, |w| {
        w.u32(TRACK_ID);
        w.u32(timescale);
        w.u64(start);
        w.u64(0);
        w.u16(0);
        w.u16(u16::try_from(entries.len()).unwrap_or(u16::MAX));
        for entry in entries {
            w.u32(entry.size);
            w.u32(entry.duration);
            w.u32(1 << 31 | u32::from(entry.sap_type & 7) << 28 | entry.sap_delta);
        }
    });
    w.into_bytes()
}
