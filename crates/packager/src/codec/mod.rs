//! What the bitstreams of codecs say: parameter sets, decoder configurations, slice headers.

pub(crate) mod aac;
pub(crate) mod avc;
pub(crate) mod bits;
pub(crate) mod dolby;
pub(crate) mod hevc;
pub(crate) mod lossless;
pub(crate) mod opus;
pub(crate) mod picture;
#[allow(dead_code, reason = "movie/sync.rs takes it up")]
pub(crate) mod random_access;

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

/// A parameter set behind its 16-bit length.
pub(crate) fn take_nal_unit<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], CodecError> {
    let cut_short = || CodecError::new("a parameter set is longer than the record");
    let (length, behind) = rest.split_first_chunk().ok_or_else(cut_short)?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (nal, behind) = behind.split_at_checked(length).ok_or_else(cut_short)?;
    *rest = behind;
    Ok(nal)
}
