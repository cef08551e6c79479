//! Audio sample entries (ISO/IEC 14496-12, 12.2.3; QuickTime's sound descriptions).

use super::{AudioEntry, Codec, Parsed, RawBox, SampleEntry, protection, unsupported};
use crate::Error;
use crate::codec::aac::AacConfig;
use crate::codec::{CodecError, dolby, lossless, opus};
use bmff::{BoxView, FourCc};

/// What an entry's fields say; the decoder's configuration knows better.
struct Fields {
    channels: u16,
    sample_size: u16,
    sample_rate: u32,
    /// Bytes before the boxes.
    skip: usize,
}

impl Fields {
    fn parse(entry: &BoxView<'_>) -> Result<Self, Error> {
        let mut cursor = entry.cursor();
        cursor.skip(8)?;
        let version = cursor.u16()?;
        cursor.skip(6)?;
        let (channels, sample_size) = (cursor.u16()?, cursor.u16()?);
        cursor.skip(4)?;
        Ok(Self {
            channels,
            sample_size,
            sample_rate: cursor.u32()? >> 16,
            // QuickTime's sound description has more fields in its versions 1 and 2.
            skip: match version {
                1 => 44,
                2 => 64,
                _ => 28,
            },
        })
    }
}

/// What a decoder's configuration says.
struct Config {
    record: RawBox,
    rfc6381: String,
    sample_rate: u32,
    channels: u16,
    obstacle: Option<String>,
}

/// Reads an audio sample entry.
pub(super) fn parse(entry: &BoxView<'_>) -> Result<Parsed, Error> {
    let fields = Fields::parse(entry)?;
    let unusable = |fourcc: String, reason: String| Parsed {
        channels: Some(fields.channels),
        sample_rate: Some(fields.sample_rate),
        ..Parsed::obstacle(&fourcc, reason)
    };
    let kind = match &entry.kind.0 {
        b"mp4a" => b"esds",
        b"Opus" => b"dOps",
        b"fLaC" => b"dfLa",
        b"ac-3" => b"dac3",
        b"ec-3" => b"dec3",
        b"alac" => b"alac",
        b"enca" => {
            let (original, reason) = protection(entry, fields.skip)?;
            return Ok(unusable(original.to_string(), reason));
        }
        _ => {
            let reason = unsupported(&entry.kind, "AAC, Opus, FLAC, AC-3, E-AC-3, ALAC or MP3");
            return Ok(unusable(entry.kind.to_string(), reason));
        }
    };
    let Some(record) = find(entry, fields.skip, kind)? else {
        let what = format!("no '{}' box inside", FourCc(*kind));
        return Err(entry.error(what).into());
    };
    let config = Config::parse(&record, &fields)
        .map_err(|error| Error::from(record.error(error.to_string())))?;
    Ok(Parsed {
        codec: Codec {
            fourcc: entry.kind.to_string(),
            rfc6381: config.rfc6381,
        },
        alike: 1,
        obstacle: config.obstacle,
        size: None,
        sample_rate: Some(config.sample_rate),
        channels: Some(config.channels),
        entry: Some(SampleEntry::Audio(AudioEntry {
            format: entry.kind.0,
            config: config.record,
            channels: config.channels,
            sample_rate: config.sample_rate,
            sample_size: fields.sample_size,
        })),
    })
}

impl Config {
    fn parse(record: &BoxView<'_>, fields: &Fields) -> Result<Self, CodecError> {
        let body = record.body;
        let known = |rfc6381: &str, (sample_rate, channels): (u32, u16)| Self {
            record: RawBox::of(record),
            rfc6381: rfc6381.into(),
            sample_rate,
            channels,
            obstacle: None,
        };
        Ok(match &record.kind.0 {
            b"dOps" => known("opus", (opus::SAMPLE_RATE, opus::channels(body)?)),
            b"dfLa" => known("flac", lossless::flac(body)?),
            b"dac3" => known("ac-3", dolby::ac3(body)?),
            b"dec3" => known("ec-3", dolby::eac3(body)?),
            b"alac" => known("alac", lossless::alac(body)?),
            _ => Self::of_esds(body.get(4..).unwrap_or_default(), fields)?,
        })
    }

    fn of_esds(payload: &[u8], fields: &Fields) -> Result<Self, CodecError> {
        let config = AacConfig::parse_esds(payload)?.or(fields.channels, fields.sample_rate);
        let rfc6381 = config.rfc6381();
        let obstacle = match config.is_packageable() {
            true => None,
            false => Some(format!(
                "'{rfc6381}' sound is not packaged by this version; AAC and MP3 are"
            )),
        };
        Ok(Self {
            record: RawBox {
                kind: *b"esds",
                body: [&[0; 4], config.canonical_esds().as_slice()].concat(),
            },
            sample_rate: config.sample_rate(),
            channels: config.channels(),
            rfc6381,
            obstacle,
        })
    }
}

/// A decoder's configuration lies in the sample entry, or in QuickTime's `wave` inside it.
fn find<'a>(
    entry: &BoxView<'a>,
    skip: usize,
    kind: &[u8; 4],
) -> Result<Option<BoxView<'a>>, Error> {
    for child in entry.children_after(skip) {
        let child = child?;
        if child.kind == kind {
            return Ok(Some(child));
        }
        if child.kind == b"wave"
            && let Some(record) = child.child(kind)?
        {
            return Ok(Some(record));
        }
    }
    Ok(None)
}
