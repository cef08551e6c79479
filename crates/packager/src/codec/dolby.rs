//! AC-3 and E-AC-3: `dac3` and `dec3` (ETSI TS 102 366, annex F).

use super::CodecError;
use super::bits::BitReader;

/// Channels by `acmod`, without the low-frequency one (table 4.3).
const CHANNELS: [u16; 8] = [2, 1, 2, 3, 3, 4, 4, 5];
/// Samples a second by `fscod` (table 4.1); the fourth is reserved.
const SAMPLE_RATES: [u32; 3] = [48_000, 44_100, 32_000];

/// Samples a second and channels of a `dac3` (F.4).
///
/// # Errors
/// When it is cut short or its sampling rate is reserved.
pub(crate) fn ac3(record: &[u8]) -> Result<(u32, u16), CodecError> {
    let mut reader = BitReader::new(record);
    let rate = sample_rate(&mut reader)?;
    reader.skip(5 + 3)?;
    Ok((rate, channels(&mut reader)?))
}

/// Samples a second and channels of a `dec3` (F.6): those of its first substream with its dependent ones.
///
/// # Errors
/// When it is cut short or its sampling rate is reserved.
pub(crate) fn eac3(record: &[u8]) -> Result<(u32, u16), CodecError> {
    let mut reader = BitReader::new(record);
    reader.skip(13 + 3)?;
    let rate = sample_rate(&mut reader)?;
    // bsid, reserved, asvc, bsmod.
    reader.skip(5 + 1 + 1 + 3)?;
    let mut channels = channels(&mut reader)?;
    reader.skip(3)?;
    if reader.bits(4)? > 0 {
        /// Bits of `chan_loc` that stand for pairs of channels (F.6.2.11).
        const PAIRS: u32 = 0b0_0111_0011;
        let locations = reader.bits(9)?;
        channels += locations.count_ones() as u16 + (locations & PAIRS).count_ones() as u16;
    }
    Ok((rate, channels))
}

fn sample_rate(reader: &mut BitReader<'_>) -> Result<u32, CodecError> {
    let rate = SAMPLE_RATES.get(reader.bits(2)? as usize).copied();
    rate.ok_or_else(|| CodecError::new("the sampling rate is reserved"))
}

fn channels(reader: &mut BitReader<'_>) -> Result<u16, CodecError> {
    let mode = reader.bits(3)? as usize;
    let low_frequency = reader.bits(1)? as u16;
    Ok(CHANNELS.get(mode).copied().unwrap_or(2) + low_frequency)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_and_rates_are_read() {
        // 48 kHz, bsid 8, acmod 7 with lfe: 5.1.
        assert_eq!(ac3(&[0x10, 0x3d, 0xe0]), Ok((48_000, 6)));
        // One independent substream, 48 kHz, bsid 16, acmod 7 with lfe.
        assert_eq!(eac3(&[0x06, 0x00, 0x20, 0x0f, 0x00]), Ok((48_000, 6)));
        // With a dependent substream for a pair of back surround channels.
        assert_eq!(eac3(&[0x06, 0x00, 0x20, 0x0f, 0x02, 0x02]), Ok((48_000, 8)));
        assert!(ac3(&[0xd0, 0x3d, 0xe0]).is_err());
        assert!(eac3(&[0x06]).is_err());
    }
}
