//! Decrypts protected MP4 of any packager (ISO/IEC 23001-7).
//!
//! In: an init segment with media segments, or one file, fragmented or not. Out: the same boxes in the
//! same places with the samples in the clear; boxes of the encryption become `free`, so that no offset
//! changes. Memory is bounded by one fragment's index and one sample.

mod samples;
mod source;
mod tracks;

use crate::movie::{fragments, layout};
use crate::{ContentKey, Error, KeyId, Source};
use bmff::{BoxHeader, BoxView, TopLevel, read_box};
use samples::MAX_PROTECTED_SAMPLES;
pub(crate) use samples::{ProtectedSample, of_fragment};
pub use source::{DecryptedSource, decrypted};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write;
pub(crate) use tracks::{Tracks, patches};

/// Bytes that are copied at once.
const COPY_LEN: usize = 1 << 20;

/// Decrypts an init segment followed by media segments, or one whole file, into one MP4.
///
/// # Errors
/// [`Error::InvalidOptions`] when a key is missing; it names the KID. [`Error::InvalidInput`] when boxes
/// are broken. [`Error::Unsupported`] when nothing is encrypted or the scheme is not known.
pub fn decrypt(
    inputs: &[&dyn Source],
    keys: &[ContentKey],
    output: &mut dyn Write,
) -> Result<(), Error> {
    let mut decryptor = Decryptor {
        keys,
        tracks: find_tracks(inputs)?,
        pending: BinaryHeap::new(),
        output,
    };
    if !decryptor.tracks.any_protected() {
        let what = "nothing in the input is encrypted with Common Encryption";
        return Err(Error::Unsupported(what.into()));
    }
    for (input, source) in inputs.iter().enumerate() {
        let done = decryptor.input(input, *source);
        done.map_err(|error| of_input(input, error))?;
    }
    decryptor.output.flush()?;
    Ok(())
}

/// Says which input is broken; inputs are numbered from 1.
fn of_input(input: usize, error: Error) -> Error {
    let number = input + 1;
    match error {
        Error::InvalidInput(what) => Error::InvalidInput(format!("input {number}: {what}")),
        Error::Unsupported(what) => Error::Unsupported(format!("input {number}: {what}")),
        Error::LimitExceeded(what) => Error::LimitExceeded(format!("input {number}: {what}")),
        other => other,
    }
}

/// The tracks of the one `moov` among the inputs.
fn find_tracks(inputs: &[&dyn Source]) -> Result<Tracks, Error> {
    for (index, source) in inputs.iter().enumerate() {
        for header in TopLevel::new(*source) {
            let header = header?;
            if header.kind == b"moov" {
                let bytes = layout::read_moov(*source, &header)?;
                return Tracks::parse(bytes, header.offset, index);
            }
        }
    }
    Err(Error::InvalidInput(
        "no 'moov' among the inputs: give the init segment first".into(),
    ))
}

struct Decryptor<'a> {
    keys: &'a [ContentKey],
    tracks: Tracks,
    /// Protected samples of the current input that are not written yet; the first in the file comes first.
    pending: BinaryHeap<Reverse<ProtectedSample>>,
    output: &'a mut dyn Write,
}

impl Decryptor<'_> {
    fn input(&mut self, input: usize, source: &dyn Source) -> Result<(), Error> {
        self.start_input(input, source)?;
        for header in TopLevel::new(source) {
            let header = header?;
            if header.end() > source.len() {
                return Err(Error::InvalidInput(format!(
                    "'{}' at {:#x} ends behind the end of the file",
                    header.kind, header.offset
                )));
            }
            self.top_level(input, source, &header)?;
        }
        self.end_input()
    }

    /// Samples of an unfragmented file are known before its first box.
    fn start_input(&mut self, input: usize, source: &dyn Source) -> Result<(), Error> {
        self.pending.clear();
        self.expect(self.tracks.progressive_samples(input)?, source)
    }

    /// Takes note of samples to come.
    fn expect(&mut self, samples: Vec<ProtectedSample>, source: &dyn Source) -> Result<(), Error> {
        if self.pending.len() + samples.len() > MAX_PROTECTED_SAMPLES {
            let what = format!("more than {MAX_PROTECTED_SAMPLES} samples have no 'mdat' yet");
            return Err(Error::LimitExceeded(what));
        }
        if let Some(sample) = samples.iter().find(|sample| sample.end() > source.len()) {
            return Err(behind_the_end(sample, source));
        }
        self.pending.extend(samples.into_iter().map(Reverse));
        Ok(())
    }

    /// Nothing may be left over: it would stay encrypted.
    fn end_input(&mut self) -> Result<(), Error> {
        match self.pending.peek() {
            None => Ok(()),
            Some(Reverse(sample)) => Err(Error::InvalidInput(format!(
                "a sample at {:#x} lies in no 'mdat'",
                sample.offset
            ))),
        }
    }

    fn top_level(
        &mut self,
        input: usize,
        source: &dyn Source,
        header: &BoxHeader,
    ) -> Result<(), Error> {
        match &header.kind.0 {
            b"moov" => {
                if (input, header.offset) != (self.tracks.input, self.tracks.moov_offset) {
                    return Err(layout::second_moov(header));
                }
                let mut bytes = read_box(source, header)?;
                for patch in tracks::patches(&BoxView::new(&bytes, header.offset)?)? {
                    patch.apply(&mut bytes);
                }
                self.output.write_all(&bytes)?;
            }
            b"moof" => {
                let mut bytes = fragments::read_moof(source, header)?;
                let moof = BoxView::new(&bytes, header.offset)?;
                self.expect(samples::of_fragment(&moof, &self.tracks)?, source)?;
                for patch in samples::patches(&BoxView::new(&bytes, header.offset)?)? {
                    patch.apply(&mut bytes);
                }
                self.output.write_all(&bytes)?;
            }
            b"pssh" => self.copy_as(source, header, *b"free")?,
            b"mdat" => self.media(source, header)?,
            _ => self.copy(source, header.offset, header.end())?,
        }
        Ok(())
    }

    /// Writes a `mdat`: protected samples decrypted, all else as it is.
    fn media(&mut self, source: &dyn Source, header: &BoxHeader) -> Result<(), Error> {
        let mut at = header.offset;
        let mut bytes = Vec::new();
        while let Some(Reverse(next)) = self.pending.peek()
            && next.offset < header.end()
            && let Some(Reverse(sample)) = self.pending.pop()
        {
            let end = sample.end();
            if sample.offset < at || end > header.end() {
                return Err(Error::InvalidInput(format!(
                    "a sample at {:#x} to {end:#x} overlaps another or leaves its 'mdat'",
                    sample.offset
                )));
            }
            self.copy(source, at, sample.offset)?;
            bytes.resize(sample.size as usize, 0);
            source.read_at(sample.offset, &mut bytes)?;
            let key = find_key(self.keys, &sample)?;
            sample.decrypt(source, key, &mut bytes)?;
            self.output.write_all(&bytes)?;
            at = end;
        }
        self.copy(source, at, header.end())
    }

    fn copy(&mut self, source: &dyn Source, mut from: u64, to: u64) -> Result<(), Error> {
        let mut bytes = vec![0; COPY_LEN.min(usize::try_from(to - from).unwrap_or(COPY_LEN))];
        while from < to {
            let length = bytes
                .len()
                .min(usize::try_from(to - from).unwrap_or(COPY_LEN));
            let Some(part) = bytes.get_mut(..length) else {
                break;
            };
            source.read_at(from, part)?;
            self.output.write_all(part)?;
            from += length as u64;
        }
        Ok(())
    }

    fn copy_as(
        &mut self,
        source: &dyn Source,
        header: &BoxHeader,
        kind: [u8; 4],
    ) -> Result<(), Error> {
        let mut bytes = read_box(source, header)?;
        if let Some(place) = bytes.get_mut(4..8) {
            place.copy_from_slice(&kind);
        }
        self.output.write_all(&bytes)?;
        Ok(())
    }
}

/// The key of a sample.
fn find_key<'a>(keys: &'a [ContentKey], sample: &ProtectedSample) -> Result<&'a ContentKey, Error> {
    let kid = KeyId(sample.parameters.tenc.kid);
    let key = keys.iter().find(|key| key.kid == kid);
    key.ok_or_else(|| Error::InvalidOptions(format!("no key for KID {} was given", kid.hex())))
}

fn behind_the_end(sample: &ProtectedSample, source: &dyn Source) -> Error {
    Error::InvalidInput(format!(
        "a sample at {:#x} to {:#x} lies behind the end of the file at {:#x}",
        sample.offset,
        sample.end(),
        source.len()
    ))
}

/// A box of the encryption gets another type; its size stays.
pub(crate) struct Patch {
    /// Position of the four characters in the buffer.
    at: usize,
    kind: [u8; 4],
}

impl Patch {
    /// The box at the start of the buffer becomes `free`.
    const FREE: Self = Self {
        at: 4,
        kind: *b"free",
    };

    /// Gives `view` the type `kind`; the buffer begins at `base` in the file.
    fn rename(view: &BoxView<'_>, base: u64, kind: [u8; 4]) -> Self {
        let at = usize::try_from(view.offset.saturating_sub(base)).unwrap_or(usize::MAX);
        Self {
            at: at.saturating_add(4),
            kind,
        }
    }

    /// Writes the type into the buffer.
    pub fn apply(&self, bytes: &mut [u8]) {
        if let Some(place) = bytes.get_mut(self.at..self.at.saturating_add(4)) {
            place.copy_from_slice(&self.kind);
        }
    }
}

#[cfg(test)]
mod tests;
