//! What the bitstreams of codecs say: parameter sets, decoder configurations, slice headers.

pub(crate) mod aac;
pub(crate) mod av1;
pub(crate) mod avc;
pub(crate) mod bits;
pub(crate) mod dolby;
pub(crate) mod dolby_vision;
pub(crate) mod hevc;
pub(crate) mod lossless;
pub(crate) mod opus;
pub(crate) mod picture;
pub(crate) mod random_access;
#[cfg(test)]
mod random_bits;
pub(crate) mod video;
pub(crate) mod vp9;

/// Why a codec's bytes cannot be read; the caller says where they lie.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct CodecError(pub String);

impl CodecError {
    /// An error with a fixed text.
    pub fn new(what: &str) -> Self {
        Self(what.into())
    }
}

/// Bytes of the field before each NAL unit, from the byte that ends in them (`lengthSizeMinusOne`).
pub(crate) fn nal_length_size(byte: u8) -> Result<usize, CodecError> {
    match usize::from(byte & 3) + 1 {
        3 => Err(CodecError::new("NAL length fields of 3 bytes do not exist")),
        size => Ok(size),
    }
}

/// A parameter set behind its 16-bit length.
pub(crate) fn take_nal_unit<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], CodecError> {
    let cut_short = || CodecError::new("a parameter set is longer than the record");
    let (length, behind) = rest.split_first_chunk().ok_or_else(cut_short)?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (nal, behind) = behind.split_at_checked(length).ok_or_else(cut_short)?;
    *rest = behind;
    Ok(nal)
}
