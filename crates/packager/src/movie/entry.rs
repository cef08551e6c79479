//! Sample entries: what a decoder needs to know (ISO/IEC 14496-12, 8.5.2; 14496-14; 14496-15).

use super::{Codec, TrackKind};
use crate::Error;
use crate::codec::aac::AacConfig;
use crate::codec::avc::AvcConfig;
use bmff::boxes::parse_protection;
use bmff::{BoxView, FourCc};

/// What decoders need to know about a packageable track.
#[derive(Debug, Clone)]
pub(crate) enum SampleEntry {
    /// H.264 with its parameter sets in the sample entry (`avc1`).
    Avc {
        /// The body of `avcC`, as on file.
        record: Vec<u8>,
        /// What it says.
        config: AvcConfig,
        /// Coded picture size in pixels, after cropping.
        width: u16,
        /// See `width`.
        height: u16,
        /// Width and height of a pixel.
        pixel_aspect: (u32, u32),
        /// `colr`, when the source has it or its parameter sets say.
        colour: Option<Colour>,
    },
    /// AAC (`mp4a`).
    Aac(AacConfig),
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

/// A sample entry, read as far as it is understood.
#[derive(Debug)]
pub(super) struct Parsed {
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

/// Bytes of a visual sample entry before its boxes.
const VISUAL_LEN: usize = 78;

/// Reads the first sample entry of a `stsd`.
pub(super) fn parse(stsd: &BoxView<'_>, kind: TrackKind) -> Result<Parsed, Error> {
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
    let Some(entry) = entries.first() else {
        return Ok(Parsed::obstacle("????", "it has no sample entry"));
    };
    let mut parsed = match kind {
        TrackKind::Video => video(entry)?,
        TrackKind::Audio => audio(entry)?,
        TrackKind::Other(_) => {
            let what = "tracks of this kind are not packaged";
            Parsed::obstacle(&entry.kind.to_string(), what)
        }
    };
    let first = configuration(entry)?;
    for other in entries.iter().skip(1) {
        if first.is_none() || other.kind != entry.kind || configuration(other)? != first {
            break;
        }
        parsed.alike += 1;
    }
    Ok(parsed)
}

/// The decoder's configuration in a sample entry, of the kinds that are packaged.
fn configuration<'a>(entry: &BoxView<'a>) -> Result<Option<&'a [u8]>, Error> {
    match &entry.kind.0 {
        b"avc1" => {
            for child in entry.children_after(VISUAL_LEN) {
                let child = child?;
                if child.kind == b"avcC" {
                    return Ok(Some(child.body));
                }
            }
            Ok(None)
        }
        b"mp4a" => {
            let version = entry.body.get(8..10).map_or(0, |bytes| {
                u16::from_be_bytes(bytes.try_into().unwrap_or_default())
            });
            Ok(find_esds(entry, sound_len(version))?.map(|esds| esds.body))
        }
        _ => Ok(None),
    }
}

/// Bytes of a sound sample entry before its boxes: QuickTime's has more fields in its versions 1 and 2.
fn sound_len(version: u16) -> usize {
    match version {
        1 => 44,
        2 => 64,
        _ => 28,
    }
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

/// The name people know a codec by.
fn codec_name(fourcc: &FourCc) -> Option<&'static str> {
    Some(match &fourcc.0 {
        b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => "HEVC",
        b"av01" => "AV1",
        b"vp09" => "VP9",
        b"vp08" => "VP8",
        b"avc3" => "H.264 with parameter sets in the samples",
        b"jpeg" | b"mjpa" | b"mjpb" => "Motion JPEG",
        b"mp4v" => "MPEG-4 Visual",
        b"apch" | b"apcn" | b"apcs" | b"apco" | b"ap4h" | b"ap4x" => "ProRes",
        b"Opus" => "Opus",
        b"fLaC" => "FLAC",
        b"ac-3" => "AC-3",
        b"ec-3" => "E-AC-3",
        b"alac" => "ALAC",
        b".mp3" => "MP3",
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
            let reason = format!(
                "it is encrypted already (scheme '{}'): decrypt it first with `reelpack decrypt`",
                scheme.scheme_type
            );
            return Ok((scheme.original_format, reason));
        }
    }
    let reason = "it is encrypted in an unknown way".to_string();
    Ok((entry.kind, reason))
}

fn video(entry: &BoxView<'_>) -> Result<Parsed, Error> {
    let mut cursor = entry.cursor();
    cursor.skip(24)?;
    let (width, height) = (cursor.u16()?, cursor.u16()?);
    let size = Some((u32::from(width), u32::from(height)));
    if entry.kind == b"encv" {
        let (original, reason) = protection(entry, VISUAL_LEN)?;
        return Ok(Parsed {
            size,
            ..Parsed::obstacle(&original.to_string(), reason)
        });
    }
    if entry.kind != b"avc1" {
        return Ok(Parsed {
            size,
            ..Parsed::obstacle(&entry.kind.to_string(), unsupported(&entry.kind, "H.264"))
        });
    }
    let mut record = None;
    let mut pixel_aspect = None;
    let mut colour = None;
    for child in entry.children_after(VISUAL_LEN) {
        let child = child?;
        match &child.kind.0 {
            b"avcC" => record = Some(child),
            b"pasp" => {
                let mut cursor = child.cursor();
                pixel_aspect = Some((cursor.u32()?, cursor.u32()?));
            }
            b"colr" => colour = colour.or(parse_colour(&child)?),
            _ => {}
        }
    }
    let Some(record) = record else {
        return Err(entry.error("no 'avcC' box inside").into());
    };
    let config = AvcConfig::parse(record.body)
        .map_err(|error| Error::from(record.error(error.to_string())))?;
    let sps = config.sps_info();
    let coded = sps.map_or((width, height), |sps| (sps.width as u16, sps.height as u16));
    let aspect = pixel_aspect
        .or(sps.and_then(|sps| sps.sample_aspect_ratio))
        .filter(|(h, v)| *h > 0 && *v > 0);
    Ok(Parsed {
        codec: Codec {
            fourcc: "avc1".into(),
            rfc6381: config.rfc6381("avc1"),
        },
        alike: 1,
        obstacle: None,
        size: Some((u32::from(coded.0), u32::from(coded.1))),
        sample_rate: None,
        channels: None,
        entry: Some(SampleEntry::Avc {
            record: record.body.to_vec(),
            width: coded.0,
            height: coded.1,
            pixel_aspect: aspect.unwrap_or((1, 1)),
            colour: colour.or(sps.and_then(|sps| sps.colour).map(Into::into)),
            config,
        }),
    })
}

/// Reads `colr` of type `nclx` or QuickTime's `nclc`; ICC profiles are passed over.
fn parse_colour(view: &BoxView<'_>) -> Result<Option<Colour>, Error> {
    let mut cursor = view.cursor();
    let kind = cursor.fourcc()?;
    if kind != b"nclx" && kind != b"nclc" {
        return Ok(None);
    }
    let (primaries, transfer, matrix) = (cursor.u16()?, cursor.u16()?, cursor.u16()?);
    let full_range = kind == b"nclx" && cursor.u8()? & 0x80 != 0;
    Ok(Some(Colour {
        primaries,
        transfer,
        matrix,
        full_range,
    }))
}

fn audio(entry: &BoxView<'_>) -> Result<Parsed, Error> {
    let mut cursor = entry.cursor();
    cursor.skip(8)?;
    let version = cursor.u16()?;
    cursor.skip(6)?;
    let channels = cursor.u16()?;
    cursor.skip(6)?;
    let sample_rate = cursor.u32()? >> 16;
    let skip = sound_len(version);
    let known = |mut parsed: Parsed| {
        parsed.channels = Some(channels);
        parsed.sample_rate = Some(sample_rate);
        parsed
    };
    let fourcc = entry.kind.to_string();
    if entry.kind == b"enca" {
        let (original, reason) = protection(entry, skip)?;
        return Ok(known(Parsed::obstacle(&original.to_string(), reason)));
    }
    if entry.kind != b"mp4a" {
        return Ok(known(Parsed::obstacle(
            &fourcc,
            unsupported(&entry.kind, "AAC"),
        )));
    }
    let Some(esds) = find_esds(entry, skip)? else {
        return Err(entry.error("no 'esds' box inside").into());
    };
    let payload = esds.body.get(4..).unwrap_or_default();
    let config = AacConfig::parse_esds(payload)
        .map_err(|error| Error::from(esds.error(error.to_string())))?
        .or_channels(channels);
    let codec = Codec {
        fourcc,
        rfc6381: config.rfc6381(),
    };
    let obstacle = match config.is_aac() {
        true => None,
        false => Some(format!(
            "'{}' sound is not packaged by this version; AAC is",
            codec.rfc6381
        )),
    };
    Ok(Parsed {
        codec,
        alike: 1,
        obstacle,
        size: None,
        sample_rate: Some(config.sample_rate()),
        channels: Some(config.channels()),
        entry: Some(SampleEntry::Aac(config)),
    })
}

/// `esds` lies in the sample entry, or in QuickTime's `wave` inside it.
fn find_esds<'a>(entry: &BoxView<'a>, skip: usize) -> Result<Option<BoxView<'a>>, Error> {
    for child in entry.children_after(skip) {
        let child = child?;
        if child.kind == b"esds" {
            return Ok(Some(child));
        }
        if child.kind == b"wave"
            && let Some(esds) = child.child(b"esds")?
        {
            return Ok(Some(esds));
        }
    }
    Ok(None)
}
