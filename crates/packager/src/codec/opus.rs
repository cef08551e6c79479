//! Opus in MP4: `dOps` (Encapsulation of Opus in ISO base media file format, 4.3.2).

use super::CodecError;

/// Samples a second of the decoder, whatever the encoder was given.
pub(crate) const SAMPLE_RATE: u32 = 48_000;

/// The number of channels that a `dOps` says.
///
/// # Errors
/// When it is cut short or of another version.
pub(crate) fn channels(record: &[u8]) -> Result<u16, CodecError> {
    match record {
        [0, channels, _, _, _, _, _, _, _, _, _, ..] => Ok(u16::from(*channels)),
        [0, ..] => Err(CodecError::new("the record is cut short")),
        _ => Err(CodecError::new("its version is not known")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_read() {
        assert_eq!(channels(&[0, 2, 1, 56, 0, 0, 0xbb, 0x80, 0, 0, 0]), Ok(2));
        assert!(channels(&[0, 2, 1, 56]).is_err());
        assert!(channels(&[1, 2, 1, 56, 0, 0, 0xbb, 0x80, 0, 0, 0]).is_err());
        assert!(channels(&[]).is_err());
    }
}
