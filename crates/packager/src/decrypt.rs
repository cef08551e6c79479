//! Decrypts protected MP4 of any packager.

use crate::{ContentKey, Error, Source};
use std::io::Write;

/// Decrypts an init segment followed by media segments, or one whole file, into one MP4.
///
/// # Errors
/// [`Error::InvalidOptions`] when a key is missing, [`Error::InvalidInput`] when boxes are broken.
pub fn decrypt(
    _inputs: &[&dyn Source],
    _keys: &[ContentKey],
    _output: &mut dyn Write,
) -> Result<(), Error> {
    Err(Error::Unsupported("not built yet".into()))
}
