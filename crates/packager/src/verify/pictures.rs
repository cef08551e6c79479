//! Pictures in the bitstream of H.264 and HEVC: checks 15 and 27, with and without a key.

use super::book::Book;
use super::segments::Sealed;
use crate::codec::bits::BitReader;
use crate::movie::VideoConfig;
use crate::sample::Sample;
use crate::{Error, Source};

/// How much of a sample is looked at for its first slice.
const HEAD: u64 = 64 << 10;

/// What the first slice of a sample is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Picture {
    /// IDR: nothing behind it needs what is before it.
    Idr,
    /// CRA, BLA, or a picture coded alone that may be followed by such as need more.
    RandomAccess,
    /// It needs others.
    Dependent,
}

/// The bytes of NAL units that lie in the first bytes of a sample; the last may be cut short.
fn nal_units(sample: &[u8], length_size: usize) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0_usize;
    std::iter::from_fn(move || {
        let behind = sample.get(at..)?;
        let (length, rest) = behind.split_at_checked(length_size)?;
        let length = length
            .iter()
            .fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        let start = at + length_size;
        at = start.checked_add(length)?;
        Some((start, rest.get(..length).unwrap_or(rest)))
    })
}

/// What a sample begins with; `None` when the codec is another or no slice is found. Parameter sets before it are
/// learnt.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn first_picture(
    source: &dyn Source,
    sample: &Sample,
    config: &mut VideoConfig,
) -> Result<Option<Picture>, Error> {
    if !matches!(config, VideoConfig::Avc(_) | VideoConfig::Hevc(_)) {
        return Ok(None);
    }
    let left = source.len().saturating_sub(sample.offset);
    // Nearly always the slice is in the first few hundred bytes, which were read ahead.
    for length in [1 << 10, HEAD] {
        let length = length.min(u64::from(sample.size)).min(left);
        let mut head = vec![0; usize::try_from(length).unwrap_or(0)];
        source.read_at(sample.offset, &mut head)?;
        for (_, nal) in nal_units(&head, config.nal_length_size()) {
            if nal.first().is_some_and(|header| config.is_vcl(*header)) {
                return Ok(picture(nal, config));
            }
            // A set that is cut short here is read from the longer piece.
            drop(config.learn(nal));
        }
    }
    Ok(None)
}

fn picture(nal: &[u8], config: &VideoConfig) -> Option<Picture> {
    let (header, payload) = nal.split_first()?;
    if matches!(config, VideoConfig::Hevc(_)) {
        return Some(match header >> 1 & 0x3f {
            19 | 20 => Picture::Idr,
            16..=23 => Picture::RandomAccess,
            _ => Picture::Dependent,
        });
    }
    if header & 0x1f == 5 {
        return Some(Picture::Idr);
    }
    let mut reader = BitReader::of_nal_unit(payload);
    reader.ue().ok()?;
    // Slices of type I and SI need no other picture (Table 7-6).
    Some(match reader.ue().ok()? % 5 {
        2 | 4 => Picture::RandomAccess,
        _ => Picture::Dependent,
    })
}

/// Checks 27 and, without a key, a part of 29 on a sample as it lies in the file.
pub(super) fn sealed(
    book: &mut Book,
    place: &str,
    bytes: &[u8],
    sample: &Sealed,
    config: &mut VideoConfig,
) {
    let mut ranges = Vec::new();
    let mut at = 0_usize;
    for part in &sample.auxiliary.subsamples {
        at = at.saturating_add(usize::from(part.clear));
        let end = at.saturating_add(part.protected as usize);
        if part.protected > 0 {
            ranges.push((at, end));
        }
        at = end;
    }
    if sample.auxiliary.subsamples.is_empty() {
        return book.must(
            27,
            &place,
            "the whole sample is encrypted, NAL unit headers too",
        );
    }
    book.performed(27);
    let counter_mode = sample.scheme == b"cenc";
    if counter_mode && ranges.iter().any(|(start, end)| (end - start) % 16 != 0) {
        book.must(27, &place, "an encrypted range is no multiple of 16 bytes");
    }
    let length_size = config.nal_length_size();
    let (mut used, mut slice_bytes) = (0, 0);
    for (start, nal) in nal_units(bytes, length_size) {
        let end = start + nal.len();
        let clear_until = match nal.first() {
            Some(header) if config.is_vcl(*header) => match config.slice_header_len(nal) {
                Ok(length) => start + length,
                Err(error) => {
                    book.must(
                        27,
                        &place,
                        format!("a slice header does not parse without the key: {error}"),
                    );
                    return;
                }
            },
            _ => {
                if let Err(error) = config.learn(nal) {
                    book.must(
                        27,
                        &place,
                        format!("a parameter set does not parse without the key: {error}"),
                    );
                }
                end
            }
        };
        slice_bytes += end.saturating_sub(clear_until);
        let from = start - length_size;
        // A range may go on into the next unit only if it covers a part that must be clear.
        let wrong = ranges
            .iter()
            .find(|(a, b)| *a < clear_until.min(end) && *b > from);
        if let Some((a, b)) = wrong {
            let what =
                format!("bytes {a} to {b} are encrypted, those up to {clear_until} must be clear");
            book.must(27, &place, what);
            return;
        }
        used = end;
    }
    book.ensure(27, used == bytes.len(), &place, || {
        format!("NAL units end at {used}, the sample at {}", bytes.len())
    });
    let protected: usize = ranges.iter().map(|(start, end)| end - start).sum();
    if slice_bytes > 512 {
        book.ensure(29, protected > 0, &place, || {
            format!("{slice_bytes} bytes of slices, none of them encrypted")
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_that_are_cut_short_are_seen_as_far_as_they_are_there() {
        let units: Vec<_> = nal_units(&[0, 2, 9, 9, 0, 9, 7], 2).collect();
        assert_eq!(units, [(2, &[9, 9][..]), (6, &[7][..])]);
    }
}
