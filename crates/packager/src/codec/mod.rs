//! What the bitstreams of codecs say: parameter sets, decoder configurations, slice headers.

pub(crate) mod aac;
pub(crate) mod avc;
pub(crate) mod bits;

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
