//! An encrypted sample with what it brings, and the bytes of a fragment's index as a source.

use crate::decrypt::ProtectedSample;
use crate::{ContentKey, Error, Source};
use bmff::FourCc;
use bmff::boxes::{SampleAuxiliary, Tenc};
use std::io;

/// One encrypted sample.
pub(in crate::verify) struct Sealed {
    /// First byte in the source.
    pub offset: u64,
    /// Bytes.
    pub size: u32,
    /// Key id, pattern and the like.
    pub parameters: Tenc,
    /// `cenc`, `cens`, `cbc1` or `cbcs`.
    pub scheme: FourCc,
    /// IV and subsamples that it brings.
    pub auxiliary: SampleAuxiliary,
    sample: ProtectedSample,
}

impl Sealed {
    /// Reads what a sample brings.
    ///
    /// # Errors
    /// When that is broken or cannot be read.
    pub fn read(sample: ProtectedSample, source: &dyn Source) -> Result<Self, Error> {
        Ok(Self {
            offset: sample.offset,
            size: sample.size,
            parameters: sample.parameters.tenc.clone(),
            scheme: sample.parameters.scheme,
            auxiliary: sample.read_auxiliary(source)?,
            sample,
        })
    }

    /// Decrypts the sample's bytes in place.
    ///
    /// # Errors
    /// When the scheme is not known, or what the sample brings is broken.
    pub fn decrypt(
        &self,
        source: &dyn Source,
        key: &ContentKey,
        bytes: &mut [u8],
    ) -> Result<(), Error> {
        self.sample.decrypt(source, key, bytes)
    }
}

/// A source of which a part is in memory.
pub(super) struct Overlay<'a> {
    /// The whole.
    pub inner: &'a dyn Source,
    /// Where the part begins.
    pub offset: u64,
    /// The part.
    pub bytes: &'a [u8],
}

impl Source for Overlay<'_> {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let here = offset
            .checked_sub(self.offset)
            .and_then(|start| usize::try_from(start).ok())
            .and_then(|start| self.bytes.get(start..)?.get(..buffer.len()));
        match here {
            Some(bytes) => {
                buffer.copy_from_slice(bytes);
                Ok(())
            }
            None => self.inner.read_at(offset, buffer),
        }
    }
}
