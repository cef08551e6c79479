//! AAC and MP3: `esds` (ISO/IEC 14496-14, 5.6) and the decoder's configuration (ISO/IEC 14496-3, 1.6).

use super::CodecError;
use super::bits::BitReader;

/// What `esds` says about a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AacConfig {
    object_type_indication: u8,
    max_bitrate: u32,
    average_bitrate: u32,
    buffer_size: u32,
    /// `AudioSpecificConfig`, as on file.
    specific: Vec<u8>,
    audio_object_type: u32,
    sample_rate: u32,
    channels: u16,
}

const ES_DESCRIPTOR: u8 = 3;
const DECODER_CONFIG: u8 = 4;
const DECODER_SPECIFIC_INFO: u8 = 5;
const SL_CONFIG: u8 = 6;

/// `objectTypeIndication` of MPEG-4 audio, whose audio object types tell the codec.
const MPEG4_AUDIO: u8 = 0x40;
/// MPEG-2 AAC: main, low complexity, scalable.
const MPEG2_AAC: std::ops::RangeInclusive<u8> = 0x66..=0x68;

/// MPEG-2 and MPEG-1 audio, layers 1 to 3.
const MP3: [u8; 2] = [0x69, 0x6b];

/// Audio object type of unified speech and audio coding, xHE-AAC.
const UNIFIED: u32 = 42;

/// Samples a second by `samplingFrequencyIndex`.
const SAMPLE_RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000,
    7350,
];

impl AacConfig {
    /// Reads the descriptors of `esds`, behind its version and flags.
    pub fn parse_esds(payload: &[u8]) -> Result<Self, CodecError> {
        let es = Descriptor::find(payload, ES_DESCRIPTOR)?;
        let flags = es.get(2).copied().unwrap_or_default();
        let mut skip = 3;
        if flags & 0x80 != 0 {
            skip += 2;
        }
        if flags & 0x40 != 0 {
            skip += 1 + usize::from(es.get(skip).copied().unwrap_or_default());
        }
        if flags & 0x20 != 0 {
            skip += 2;
        }
        let config = Descriptor::find(es.get(skip..).unwrap_or_default(), DECODER_CONFIG)?;
        let Some((head, rest)) = config.split_first_chunk::<13>() else {
            return Err(CodecError::new("the decoder configuration is cut short"));
        };
        let [
            object_type_indication,
            _,
            b0,
            b1,
            b2,
            m0,
            m1,
            m2,
            m3,
            a0,
            a1,
            a2,
            a3,
        ] = *head;
        let mut parsed = Self {
            object_type_indication,
            buffer_size: u32::from_be_bytes([0, b0, b1, b2]),
            max_bitrate: u32::from_be_bytes([m0, m1, m2, m3]),
            average_bitrate: u32::from_be_bytes([a0, a1, a2, a3]),
            specific: Vec::new(),
            audio_object_type: 0,
            sample_rate: 0,
            channels: 0,
        };
        if parsed.may_be_aac() {
            parsed.specific = Descriptor::find(rest, DECODER_SPECIFIC_INFO)?.to_vec();
            parsed.read_specific()?;
        }
        Ok(parsed)
    }

    /// RFC 6381 string: `mp4a.40.2`.
    pub fn rfc6381(&self) -> String {
        match self.object_type_indication {
            MPEG4_AUDIO => format!("mp4a.40.{}", self.audio_object_type),
            other => format!("mp4a.{other:02X}"),
        }
    }

    /// Whether this is packaged: MP3, or AAC of the kinds main, LC, SSR, LTP, HE, HE v2, xHE.
    pub fn is_packageable(&self) -> bool {
        let is_known_aac = self.may_be_aac() && matches!(self.audio_object_type, 1..=5 | 29 | 42);
        (is_known_aac || self.is_mp3()) && self.sample_rate > 0
    }

    /// Samples a second after spectral band replication.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Number of channels; 0 when the configuration does not say.
    pub fn channels(&self) -> u16 {
        self.channels
    }

    /// Takes from the sample entry what the configuration does not say.
    pub fn or(mut self, channels: u16, sample_rate: u32) -> Self {
        if self.channels == 0 {
            self.channels = channels;
        }
        if self.is_mp3() {
            self.sample_rate = sample_rate;
        }
        self
    }

    /// The descriptors of an `esds` for the output: an ES_ID of 0, as CMAF wants (ISO/IEC 23000-19,
    /// 10.3.4.2.3).
    pub fn canonical_esds(&self) -> Vec<u8> {
        let mut config = vec![self.object_type_indication, 0x15];
        config.extend_from_slice(self.buffer_size.to_be_bytes().get(1..).unwrap_or_default());
        config.extend_from_slice(&self.max_bitrate.to_be_bytes());
        config.extend_from_slice(&self.average_bitrate.to_be_bytes());
        if !self.specific.is_empty() {
            Descriptor::write(&mut config, DECODER_SPECIFIC_INFO, &self.specific);
        }
        let mut es = vec![0, 0, 0];
        Descriptor::write(&mut es, DECODER_CONFIG, &config);
        Descriptor::write(&mut es, SL_CONFIG, &[2]);
        let mut out = Vec::new();
        Descriptor::write(&mut out, ES_DESCRIPTOR, &es);
        out
    }

    fn is_mp3(&self) -> bool {
        MP3.contains(&self.object_type_indication)
    }

    fn may_be_aac(&self) -> bool {
        self.object_type_indication == MPEG4_AUDIO
            || MPEG2_AAC.contains(&self.object_type_indication)
    }

    fn read_specific(&mut self) -> Result<(), CodecError> {
        let specific = std::mem::take(&mut self.specific);
        let mut reader = BitReader::new(&specific);
        self.audio_object_type = audio_object_type(&mut reader)?;
        self.sample_rate = sample_rate(&mut reader)?;
        let channel_configuration = reader.bits(4)?;
        let mut inner_type = self.audio_object_type;
        if matches!(inner_type, 5 | 29) {
            self.sample_rate = sample_rate(&mut reader)?;
            inner_type = audio_object_type(&mut reader)?;
        }
        self.channels = match channel_configuration {
            0 if matches!(inner_type, 1..=4) => program_channels(&mut reader)?,
            count @ 1..=6 => count as u16,
            7 | 12 | 14 => 8,
            11 => 7,
            _ => 0,
        };
        if self.audio_object_type == UNIFIED {
            self.read_unified(&mut reader)?;
        }
        // Parametric stereo makes two channels of one.
        if self.audio_object_type == 29 && self.channels == 1 {
            self.channels = 2;
        }
        self.specific = specific;
        Ok(())
    }

    /// The start of `UsacConfig` (ISO/IEC 23003-3, 5.2), which says more exactly what the fields before it say.
    fn read_unified(&mut self, reader: &mut BitReader<'_>) -> Result<(), CodecError> {
        /// Samples a second by `usacSamplingFrequencyIndex` from 15 on; those below 13 are the ones of AAC.
        const SAMPLE_RATES_FROM_15: [u32; 13] = [
            57_600, 51_200, 40_000, 38_400, 34_150, 28_800, 25_600, 20_000, 19_200, 17_075, 14_400,
            12_800, 9600,
        ];
        let index = reader.bits(5)? as usize;
        let rate = match index {
            31 => Some(reader.bits(24)?),
            15.. => SAMPLE_RATES_FROM_15.get(index - 15).copied(),
            _ => SAMPLE_RATES.get(index).copied(),
        };
        self.sample_rate =
            rate.ok_or_else(|| CodecError::new("the sampling frequency index is reserved"))?;
        // How frames and spectral band replication go together.
        reader.skip(3)?;
        self.channels = match reader.bits(5)? {
            0 => {
                let mut count = reader.bits(5)?;
                if count == 31 {
                    count += reader.bits(8)?;
                }
                count as u16
            }
            count @ 1..=6 => count as u16,
            7 | 12 => 8,
            8 => 2,
            9 => 3,
            10 => 4,
            11 => 7,
            13 => 24,
            _ => return Err(CodecError::new("the channel configuration is reserved")),
        };
        Ok(())
    }
}

fn audio_object_type(reader: &mut BitReader<'_>) -> Result<u32, CodecError> {
    Ok(match reader.bits(5)? {
        31 => 32 + reader.bits(6)?,
        kind => kind,
    })
}

fn sample_rate(reader: &mut BitReader<'_>) -> Result<u32, CodecError> {
    match reader.bits(4)? {
        15 => reader.bits(24),
        index => {
            let rate = SAMPLE_RATES.get(index as usize).copied();
            rate.ok_or_else(|| CodecError::new("the sampling frequency index is reserved"))
        }
    }
}

/// Counts the channels of a `program_config_element` (ISO/IEC 14496-3, 4.4.1.1).
fn program_channels(reader: &mut BitReader<'_>) -> Result<u16, CodecError> {
    reader.skip(1)?;
    if reader.flag()? {
        reader.skip(14)?;
    }
    reader.skip(1 + 4 + 2 + 4)?;
    let [front, side, back] = [reader.bits(4)?, reader.bits(4)?, reader.bits(4)?];
    let low_frequency = reader.bits(2)?;
    reader.skip(3 + 4)?;
    for mixdown_bits in [4, 4, 3] {
        if reader.flag()? {
            reader.skip(mixdown_bits)?;
        }
    }
    let mut channels = low_frequency as u16;
    for _ in 0..front + side + back {
        channels += if reader.flag()? { 2 } else { 1 };
        reader.skip(4)?;
    }
    Ok(channels)
}

/// Descriptors of MPEG-4 systems: a tag, a length in 7-bit groups, a body (ISO/IEC 14496-1, 8.3.3).
struct Descriptor;

impl Descriptor {
    /// The body of the first descriptor with a tag.
    fn find(mut bytes: &[u8], wanted: u8) -> Result<&[u8], CodecError> {
        while let Some((tag, mut rest)) = bytes.split_first() {
            let mut length = 0_usize;
            for _ in 0..4 {
                let Some((byte, behind)) = rest.split_first() else {
                    return Err(CodecError::new("a descriptor is cut short"));
                };
                length = length << 7 | usize::from(byte & 0x7f);
                rest = behind;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            let Some((body, behind)) = rest.split_at_checked(length) else {
                return Err(CodecError::new("a descriptor is longer than its box"));
            };
            if *tag == wanted {
                return Ok(body);
            }
            bytes = behind;
        }
        Err(CodecError(format!("no descriptor with tag {wanted}")))
    }

    fn write(out: &mut Vec<u8>, tag: u8, body: &[u8]) {
        out.push(tag);
        let length = body.len() as u32;
        for shift in [21, 14, 7] {
            if length >> shift > 0 {
                out.push((length >> shift & 0x7f) as u8 | 0x80);
            }
        }
        out.push((length & 0x7f) as u8);
        out.extend_from_slice(body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn esds(specific: &[u8]) -> Vec<u8> {
        AacConfig {
            object_type_indication: MPEG4_AUDIO,
            max_bitrate: 128_000,
            average_bitrate: 127_000,
            buffer_size: 6144,
            specific: specific.to_vec(),
            audio_object_type: 0,
            sample_rate: 0,
            channels: 0,
        }
        .canonical_esds()
    }

    fn check(specific: &[u8], expect: (&str, u32, u16)) {
        let config = AacConfig::parse_esds(&esds(specific)).unwrap();
        let found = (config.rfc6381(), config.sample_rate(), config.channels());
        assert_eq!(found, (expect.0.to_string(), expect.1, expect.2));
        assert!(config.is_packageable());
        assert_eq!(config.canonical_esds(), esds(specific));
    }

    #[test]
    fn configurations_are_read_and_written_back() {
        check(&[0x11, 0x90], ("mp4a.40.2", 48_000, 2));
        check(&[0x12, 0x08], ("mp4a.40.2", 44_100, 1));
        // HE-AAC with explicit hierarchical signalling: 24 kHz doubled.
        check(&[0x2b, 0x11, 0x88, 0x00], ("mp4a.40.5", 48_000, 2));
    }

    #[test]
    fn extended_high_efficiency_says_itself_what_it_is() {
        // Object type 42 behind its escape, 48 kHz, stereo; the same in its own words; frames of 1024.
        check(&[0xf9, 0x46, 0x43, 0x22, 0x00], ("mp4a.40.42", 48_000, 2));
        // 24 kHz and no word on channels outside; 38.4 kHz and three channels inside.
        check(&[0xf9, 0x4c, 0x12, 0x20, 0x18], ("mp4a.40.42", 38_400, 3));
        // 5.1 at 44.1 kHz.
        check(&[0xf9, 0x48, 0xc4, 0x26, 0x00], ("mp4a.40.42", 44_100, 6));
        // An index that is reserved, and a configuration that ends too early.
        for broken in [&[0xf9, 0x46, 0x4d, 0x22, 0x00][..], &[0xf9, 0x46, 0x43]] {
            assert!(
                AacConfig::parse_esds(&esds(broken)).is_err(),
                "{broken:02x?}"
            );
        }
    }

    #[test]
    fn lengths_of_several_bytes_are_read() {
        let mut padded = vec![3, 0x80, 0x80, 0x80];
        padded.extend_from_slice(&esds(&[0x11, 0x90])[1..]);
        assert!(AacConfig::parse_esds(&padded).is_ok());
        assert!(AacConfig::parse_esds(&[3, 0x80, 0x80, 0x80, 0x7f, 0]).is_err());
        assert!(AacConfig::parse_esds(&[]).is_err());
    }
}
