//! Dolby Vision in MP4: `dvcC` and `dvvC` (Dolby Vision Streams Within the ISO Base Media File Format, 3.2).

use super::CodecError;
use bmff::FourCc;

/// What `dvcC` or `dvvC` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DolbyVision {
    profile: u8,
    level: u8,
    has_enhancement_layer: bool,
    /// What a decoder without Dolby Vision makes of the base layer: 0 nothing, 1 HDR10, 2 SDR, 4 HLG.
    compatibility: u8,
}

/// A codec that players may use instead of the one of the sample entry (RFC 8216bis, `SUPPLEMENTAL-CODECS`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SupplementalCodec {
    /// RFC 6381: `dvh1.08.07`.
    pub codec: String,
    /// The brand that names how it is made: `db1p`.
    pub brand: FourCc,
}

impl DolbyVision {
    /// Reads the body of the box.
    ///
    /// # Errors
    /// When it is cut short.
    pub fn parse(record: &[u8]) -> Result<Self, CodecError> {
        let Some(&[_, _, high, low, compatibility]) = record.first_chunk::<5>() else {
            return Err(CodecError::new("the record is cut short"));
        };
        Ok(Self {
            profile: high >> 1,
            level: (high & 1) << 5 | low >> 3,
            has_enhancement_layer: low >> 1 & 1 == 1,
            compatibility: compatibility >> 4,
        })
    }

    /// RFC 6381 string of a sample entry of Dolby Vision itself: `dvh1.05.06`.
    pub fn rfc6381(&self, fourcc: &str) -> String {
        format!("{fourcc}.{:02}.{:02}", self.profile, self.level)
    }

    /// The profile.
    pub fn profile(&self) -> u8 {
        self.profile
    }

    /// Whether a second layer lies in another track or among the NAL units.
    pub fn has_enhancement_layer(&self) -> bool {
        self.has_enhancement_layer
    }

    /// Whether the base layer is in Dolby's own colours, which are always of high dynamic range.
    pub fn is_of_its_own(&self) -> bool {
        self.compatibility == 0
    }

    /// What players with Dolby Vision may use instead of a base layer with this sample entry.
    pub fn supplemental(&self, base: &[u8; 4]) -> Option<SupplementalCodec> {
        let fourcc = match (base, self.profile) {
            (b"hvc1", 8) => "dvh1",
            (b"hev1", 8) => "dvhe",
            (b"avc1", 9) => "dva1",
            (b"avc3", 9) => "dvav",
            (b"av01", 10) => "dav1",
            _ => return None,
        };
        let brand = match self.compatibility {
            1 => FourCc(*b"db1p"),
            2 => FourCc(*b"db2g"),
            4 => FourCc(*b"db4h"),
            _ => return None,
        };
        Some(SupplementalCodec {
            codec: self.rfc6381(fourcc),
            brand,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Version 1.0, profile, level, RPU and base layer present, compatibility.
    fn record(profile: u8, level: u8, compatibility: u8) -> Vec<u8> {
        let mut record = vec![1, 0, profile << 1 | level >> 5, level << 3 | 0b101];
        record.push(compatibility << 4);
        record.resize(24, 0);
        record
    }

    fn check(of: (u8, u8, u8), base: &[u8; 4], expect: Option<(&str, &str)>) {
        let found = DolbyVision::parse(&record(of.0, of.1, of.2)).unwrap();
        assert!(!found.has_enhancement_layer());
        let found = found.supplemental(base);
        let found = found.map(|one| (one.codec, one.brand.to_string()));
        let expect = expect.map(|(codec, brand)| (codec.to_string(), brand.to_string()));
        assert_eq!(found, expect, "{of:?}");
    }

    #[test]
    fn supplemental_codecs_are_named() {
        check((8, 7, 1), b"hvc1", Some(("dvh1.08.07", "db1p")));
        check((8, 10, 4), b"hev1", Some(("dvhe.08.10", "db4h")));
        check((8, 6, 2), b"hvc1", Some(("dvh1.08.06", "db2g")));
        check((9, 3, 2), b"avc1", Some(("dva1.09.03", "db2g")));
        check((10, 9, 1), b"av01", Some(("dav1.10.09", "db1p")));
        check((5, 6, 0), b"hvc1", None);
        check((8, 6, 0), b"hvc1", None);
        check((7, 6, 6), b"hvc1", None);
    }

    #[test]
    fn the_record_of_a_two_layer_stream() {
        let mut record = record(7, 33, 6);
        record[3] |= 0b10;
        let found = DolbyVision::parse(&record).unwrap();
        assert_eq!(found.rfc6381("dvhe"), "dvhe.07.33");
        assert!(found.has_enhancement_layer());
        assert!(DolbyVision::parse(&record[..4]).is_err());
    }
}
