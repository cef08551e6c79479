//! Sample entries: what a decoder needs to know (ISO/IEC 14496-12, 8.5.2; 14496-14; 14496-15).

mod audio;
mod text;
mod video;

use super::{Codec, TrackKind};
use crate::codec::dolby_vision::{DolbyVision, SupplementalCodec};
pub(crate) use crate::codec::video::VideoConfig;
use crate::{Error, KeyId};
use bmff::boxes::parse_protection;
use bmff::{BoxView, FourCc};
pub(crate) use text::{TextEntry, is_text};

/// What decoders need to know about a packageable track.
#[derive(Debug, Clone)]
pub(crate) enum SampleEntry {
    /// Picture.
    Video(VideoEntry),
    /// Sound.
    Audio(AudioEntry),
    /// Subtitles.
    Text(TextEntry),
}

impl SampleEntry {
    /// What the decoder needs to know, as the body of its box; `None` of text.
    pub fn decoder_config(&self) -> Option<&[u8]> {
        match self {
            Self::Video(entry) => entry.boxes.first().map(|raw| raw.body.as_slice()),
            Self::Audio(entry) => Some(&entry.config.body),
            Self::Text(_) => None,
        }
    }
}

/// A visual sample entry.
#[derive(Debug, Clone)]
pub(crate) struct VideoEntry {
    /// `avc1`, `hvc1`, ….
    pub format: [u8; 4],
    /// What the decoder's configuration says.
    pub config: VideoConfig,
    /// Boxes that go into the output as they are: the decoder's configuration first.
    pub boxes: Vec<RawBox>,
    /// Coded picture size in pixels, after cropping.
    pub width: u16,
    /// See `width`.
    pub height: u16,
    /// Width and height of a pixel.
    pub pixel_aspect: (u32, u32),
    /// `colr`, when the source has it or its parameter sets say.
    pub colour: Option<Colour>,
    /// `dvcC` or `dvvC`.
    pub dolby_vision: Option<DolbyVision>,
}

impl VideoEntry {
    /// What players may use instead of the codec that the sample entry names.
    pub fn supplemental_codec(&self) -> Option<SupplementalCodec> {
        self.dolby_vision?.supplemental(&self.format)
    }

    /// Brands that a file with this sample entry has besides those of CMAF (AV1 Codec ISO Media File Format Binding,
    /// 2.1; Dolby Vision Streams Within the ISO Base Media File Format, 5).
    pub fn brands(&self) -> Vec<[u8; 4]> {
        let supplemental = self.supplemental_codec();
        let mut brands = Vec::new();
        if &self.format == b"av01" {
            brands.push(*b"av01");
        }
        if supplemental.is_some() || names_dolby_vision(&self.format) {
            brands.push(*b"dby1");
        }
        brands.extend(supplemental.map(|one| one.brand.0));
        brands
    }
}

/// An audio sample entry.
#[derive(Debug, Clone)]
pub(crate) struct AudioEntry {
    /// `mp4a`, `Opus`, ….
    pub format: [u8; 4],
    /// The decoder's configuration.
    pub config: RawBox,
    /// Number of channels.
    pub channels: u16,
    /// Samples a second.
    pub sample_rate: u32,
    /// Bits of a sample, as the entry says.
    pub sample_size: u16,
}

/// A box that goes into the output as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawBox {
    /// The type.
    pub kind: [u8; 4],
    /// What follows the header.
    pub body: Vec<u8>,
}

/// Colour description (ISO/IEC 23091-2 code points).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Colour {
    /// `colour_primaries`.
    pub primaries: u16,
    /// `transfer_characteristics`.
    pub transfer: u16,
    /// `matrix_coefficients`.
    pub matrix: u16,
    /// `video_full_range_flag`.
    pub full_range: bool,
}

impl From<(u16, u16, u16, bool)> for Colour {
    fn from((primaries, transfer, matrix, full_range): (u16, u16, u16, bool)) -> Self {
        Self {
            primaries,
            transfer,
            matrix,
            full_range,
        }
    }
}

impl From<Colour> for (u16, u16, u16, bool) {
    fn from(colour: Colour) -> Self {
        let Colour {
            primaries,
            transfer,
            matrix,
            full_range,
        } = colour;
        (primaries, transfer, matrix, full_range)
    }
}

/// A sample entry, read as far as it is understood.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub codec: Codec,
    pub entry: Option<SampleEntry>,
    /// How many of the sample entries configure the decoder as the first one does, from the first on: it
    /// makes no difference which of them a sample names.
    pub alike: u32,
    /// Why the track cannot be packaged.
    pub obstacle: Option<String>,
    pub size: Option<(u32, u32)>,
    pub sample_rate: Option<u32>,
    pub channels: Option<u16>,
}

/// Reads the first sample entry of a `stsd`.
pub(crate) fn parse(stsd: &BoxView<'_>, kind: TrackKind) -> Result<Parsed, Error> {
    let mut cursor = stsd.cursor();
    cursor.version_flags()?;
    let count = cursor.u32()?;
    let entries = stsd.children_after(8).collect::<Result<Vec<_>, _>>()?;
    if entries.len() != count as usize {
        let what = format!(
            "{count} sample entries are announced, {} are there",
            entries.len()
        );
        return Err(stsd.error(what).into());
    }
    let Some((first, others)) = entries.split_first() else {
        return Ok(Parsed::obstacle("????", "it has no sample entry"));
    };
    let mut parsed = parse_entry(first, kind)?;
    for other in others {
        let other = parse_entry(other, kind)?;
        let alike = match (&parsed.entry, &other.entry) {
            (Some(entry), Some(other)) => entry.configures_like(other),
            _ => false,
        };
        if !alike {
            break;
        }
        parsed.alike += 1;
    }
    Ok(parsed)
}

fn parse_entry(entry: &BoxView<'_>, kind: TrackKind) -> Result<Parsed, Error> {
    Ok(match kind {
        TrackKind::Video => video::parse(entry)?,
        TrackKind::Audio => audio::parse(entry)?,
        TrackKind::Text => text::parse(entry)?,
        TrackKind::Other(_) => {
            let what = "tracks of this kind are not packaged";
            Parsed::obstacle(&entry.kind.to_string(), what)
        }
    })
}

impl Parsed {
    fn obstacle(fourcc: &str, reason: impl Into<String>) -> Self {
        Self {
            codec: Codec {
                fourcc: fourcc.into(),
                rfc6381: fourcc.into(),
            },
            entry: None,
            alike: 1,
            obstacle: Some(reason.into()),
            size: None,
            sample_rate: None,
            channels: None,
        }
    }
}

/// Whether a visual sample entry's type is one of Dolby Vision.
fn names_dolby_vision(format: &[u8; 4]) -> bool {
    matches!(format, b"dvh1" | b"dvhe" | b"dva1" | b"dvav" | b"dav1")
}

/// The name people know a codec by.
fn codec_name(fourcc: &FourCc) -> Option<&'static str> {
    Some(match &fourcc.0 {
        b"vp08" => "VP8",
        b"vvc1" | b"vvi1" => "VVC (H.266)",
        b"evc1" => "EVC",
        b"s263" | b"h263" => "H.263",
        b"SVQ1" | b"SVQ3" => "Sorenson Video",
        b"AVdh" | b"AVdn" => "DNxHD",
        b"CFHD" => "CineForm",
        b"dvc " | b"dvcp" | b"dvpp" | b"dv5n" | b"dv5p" | b"dvh2" | b"dvh3" | b"dvh5" | b"dvh6" => {
            "DV"
        }
        b"svc1" | b"svc2" | b"mvc1" | b"mvc2" | b"lhv1" | b"lhe1" => {
            "H.264 or HEVC in several layers"
        }
        b"jpeg" | b"mjpa" | b"mjpb" => "Motion JPEG",
        b"mp4v" => "MPEG-4 Visual",
        b"apch" | b"apcn" | b"apcs" | b"apco" | b"ap4h" | b"ap4x" => "ProRes",
        b".mp3" => "MP3 in QuickTime's form",
        b"sowt" | b"twos" | b"lpcm" | b"ipcm" | b"in24" | b"fl32" => "PCM",
        _ => return None,
    })
}

fn unsupported(fourcc: &FourCc, supported: &str) -> String {
    match codec_name(fourcc) {
        Some(name) => {
            format!("{name} ('{fourcc}') is not packaged by this version; {supported} is")
        }
        None => format!("the codec '{fourcc}' is not packaged; {supported} is"),
    }
}

/// Looks for protection: the original format and what to say.
fn protection(entry: &BoxView<'_>, skip: usize) -> Result<(FourCc, String), Error> {
    for child in entry.children_after(skip) {
        let child = child?;
        if child.kind == b"sinf" {
            let scheme = parse_protection(&child)?;
            let kid = scheme.tenc.map(|tenc| KeyId(tenc.kid).hex());
            let kid = kid.map_or(String::new(), |kid| format!(", KID {kid}"));
            let reason = format!(
                "it is encrypted already (scheme '{}'{kid}): give its key with `--input-key KID:KEY`, or decrypt it first with `reelpack decrypt`",
                scheme.scheme_type
            );
            return Ok((scheme.original_format, reason));
        }
    }
    let reason = "it is encrypted in an unknown way".to_string();
    Ok((entry.kind, reason))
}

impl SampleEntry {
    /// Whether a decoder makes the same of both.
    fn configures_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Video(one), Self::Video(other)) => {
                (one.format, &one.boxes) == (other.format, &other.boxes)
            }
            (Self::Audio(one), Self::Audio(other)) => {
                (one.format, &one.config) == (other.format, &other.config)
            }
            _ => false,
        }
    }
}

impl RawBox {
    /// Takes over a box of the source.
    fn of(view: &BoxView<'_>) -> Self {
        Self {
            kind: view.kind.0,
            body: view.body.to_vec(),
        }
    }
}
