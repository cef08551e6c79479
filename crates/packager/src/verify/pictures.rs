//! Pictures in the bitstream: checks 15 and 27, with and without a key.

use super::book::Book;
use super::segments::Sealed;
use crate::codec::random_access::RandomAccess;
use crate::movie::VideoConfig;
use crate::sample::Sample;
use crate::{Error, Source};

/// What a sample begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Picture {
    /// Nothing behind it needs what is before it.
    Idr,
    /// It stands alone, but may be followed by such as need more.
    RandomAccess,
    /// It needs others.
    Dependent,
}

/// What a sample begins with; `None` when its parts cannot be read.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn first_picture(
    source: &dyn Source,
    sample: &Sample,
    config: &VideoConfig,
) -> Result<Option<Picture>, Error> {
    let mut read = |offset: usize, length: usize| {
        let mut bytes = vec![0; length];
        source.read_at(sample.offset.saturating_add(offset as u64), &mut bytes)?;
        Ok(bytes)
    };
    match config.random_access(sample.size as usize, &mut read) {
        Ok(RandomAccess::Closed) => Ok(Some(Picture::Idr)),
        Ok(RandomAccess::Open) => Ok(Some(Picture::RandomAccess)),
        Ok(RandomAccess::Gradual | RandomAccess::None) => Ok(Some(Picture::Dependent)),
        Err(Error::InvalidInput(_) | Error::LimitExceeded(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Checks 27 and, without a key, a part of 29 on a sample as it lies in the file. Its headers may need parameter sets
/// that were sent before it: then `learn` is called once, to give `config` those of the segment's first sample, and
/// what still cannot be read is a finding only when `complete` says that all samples were seen.
pub(super) fn sealed(
    book: &mut Book,
    place: &str,
    bytes: &[u8],
    sample: &Sealed,
    config: &mut VideoConfig,
    (complete, learn): (bool, &dyn Fn(&mut VideoConfig)),
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
    let counter_mode = sample.scheme == b"cenc";
    if counter_mode && ranges.iter().any(|(start, end)| (end - start) % 16 != 0) {
        book.must(27, &place, "an encrypted range is no multiple of 16 bytes");
    }
    let sealed_to_the_end = ranges.last().is_some_and(|(_, end)| *end == bytes.len());
    let slice_data = |config: &mut VideoConfig| match sealed_to_the_end {
        true => config.slice_data_of_sealed(bytes),
        false => config.slice_data(bytes),
    };
    let read = slice_data(config).or_else(|_| {
        learn(config);
        slice_data(config)
    });
    let slices = match read {
        Ok(slices) => slices,
        Err(_) if !complete => return,
        Err(error) => {
            let what = format!("its headers do not parse without the key: {error}");
            return book.must(27, &place, what);
        }
    };
    book.performed(27);
    let is_slice_data = |&&(start, end): &&(usize, usize)| {
        let mut around = slices.iter();
        around.any(|slice| slice.start <= start && end <= slice.end)
    };
    if let Some((start, end)) = ranges.iter().find(|range| !is_slice_data(range)) {
        let what = format!("bytes {start} to {end} are encrypted, and are not slice data alone");
        return book.must(27, &place, what);
    }
    let protected: usize = ranges.iter().map(|(start, end)| end - start).sum();
    let slice_bytes: usize = slices.iter().map(ExactSizeIterator::len).sum();
    if slice_bytes > 512 {
        book.ensure(29, protected > 0, &place, || {
            format!("{slice_bytes} bytes of slices, none of them encrypted")
        });
    }
}
