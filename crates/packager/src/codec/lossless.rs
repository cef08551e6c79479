//! FLAC (`dfLa`, Encapsulation of FLAC in ISO base media file format, 3.3.2) and ALAC (the decoder's
//! configuration, which lies in a full box `alac`).

use super::CodecError;
use super::bits::BitReader;

/// Samples a second and channels of a `dfLa`: they are in its first metadata block, STREAMINFO.
///
/// # Errors
/// When it is cut short or begins with another block.
pub(crate) fn flac(record: &[u8]) -> Result<(u32, u16), CodecError> {
    let mut reader = BitReader::new(record);
    reader.skip(32)?;
    reader.skip(1)?;
    if reader.bits(7)? != 0 {
        return Err(CodecError::new("its first block is not STREAMINFO"));
    }
    // Length of the block, block sizes, frame sizes.
    reader.skip(24 + 16 + 16 + 24 + 24)?;
    let rate = reader.bits(20)?;
    Ok((rate, reader.bits(3)? as u16 + 1))
}

/// Samples a second and channels of an `alac`.
///
/// # Errors
/// When it is cut short.
pub(crate) fn alac(record: &[u8]) -> Result<(u32, u16), CodecError> {
    let mut reader = BitReader::new(record);
    // Version and flags, frame length, version, depth, three tuning parameters.
    reader.skip(32 + 32 + 8 + 8 + 24)?;
    let channels = reader.bits(8)? as u16;
    reader.skip(16 + 32 + 32)?;
    Ok((reader.bits(32)?, channels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_info_is_read() {
        let mut record = vec![
            0, 0, 0, 0, 0x80, 0, 0, 34, 0x10, 0, 0x10, 0, 0, 0, 0, 0, 0, 0,
        ];
        // 44,100 Hz in 20 bits, 2 channels less one in 3.
        record.extend([0x0a, 0xc4, 0x42, 0xf0]);
        assert_eq!(flac(&record), Ok((44_100, 2)));
        record[4] = 0x84;
        assert!(flac(&record).is_err());
        assert!(flac(&record[..12]).is_err());
    }

    #[test]
    fn the_configuration_of_alac_is_read() {
        let mut record = vec![0; 4];
        record.extend([0, 0, 0x10, 0, 0, 16, 40, 10, 14, 2, 0, 255]);
        record.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xac, 0x44]);
        assert_eq!(alac(&record), Ok((44_100, 2)));
        assert!(alac(&record[..20]).is_err());
    }
}
