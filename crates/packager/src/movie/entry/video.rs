//! Visual sample entries (ISO/IEC 14496-12, 12.1.3; ISO/IEC 14496-15).

use super::{
    Codec, Colour, Parsed, RawBox, SampleEntry, VideoConfig, VideoEntry, protection, unsupported,
};
use crate::Error;
use crate::codec::CodecError;
use crate::codec::avc::AvcConfig;
use crate::codec::hevc::HevcConfig;
use crate::codec::picture::PictureInfo;
use bmff::BoxView;

/// Bytes of a visual sample entry before its boxes.
const VISUAL_LEN: usize = 78;

/// Boxes that say how a picture is to be shown: mastering display, light levels, ambient viewing environment,
/// Dolby Vision.
const PRESENTATION_BOXES: [&[u8; 4]; 5] = [b"mdcv", b"clli", b"amve", b"dvcC", b"dvvC"];

/// Reads a visual sample entry.
pub(super) fn parse(entry: &BoxView<'_>) -> Result<Parsed, Error> {
    let mut cursor = entry.cursor();
    cursor.skip(24)?;
    let (width, height) = (cursor.u16()?, cursor.u16()?);
    let unusable = |fourcc: String, reason: String| Parsed {
        size: Some((u32::from(width), u32::from(height))),
        ..Parsed::obstacle(&fourcc, reason)
    };
    let record = match &entry.kind.0 {
        b"avc1" => b"avcC",
        b"hvc1" | b"hev1" => b"hvcC",
        b"encv" => {
            let (original, reason) = protection(entry, VISUAL_LEN)?;
            return Ok(unusable(original.to_string(), reason));
        }
        _ => {
            let reason = unsupported(&entry.kind, "H.264 or HEVC");
            return Ok(unusable(entry.kind.to_string(), reason));
        }
    };
    let boxes = Boxes::parse(entry, record)?;
    let Some(record) = boxes.record else {
        let what = format!("no '{}' box inside", bmff::FourCc(*record));
        return Err(entry.error(what).into());
    };
    let fourcc = entry.kind.to_string();
    let (config, info, rfc6381) = read_config(&record, &fourcc)
        .map_err(|error| Error::from(record.error(error.to_string())))?;
    let coded = |of_info: Option<u32>, of_entry: u16| {
        of_info
            .and_then(|length| u16::try_from(length).ok())
            .unwrap_or(of_entry)
    };
    let width = coded(info.map(|info| info.width), width);
    let height = coded(info.map(|info| info.height), height);
    let aspect = boxes
        .pixel_aspect
        .or(info.and_then(|info| info.sample_aspect_ratio))
        .filter(|(h, v)| *h > 0 && *v > 0);
    let colour = info.and_then(|info| info.colour).map(Into::into);
    Ok(Parsed {
        codec: Codec { fourcc, rfc6381 },
        alike: 1,
        obstacle: None,
        size: Some((u32::from(width), u32::from(height))),
        sample_rate: None,
        channels: None,
        entry: Some(SampleEntry::Video(VideoEntry {
            format: entry.kind.0,
            config,
            boxes: [RawBox::of(&record)]
                .into_iter()
                .chain(boxes.presentation)
                .collect(),
            width,
            height,
            pixel_aspect: aspect.unwrap_or((1, 1)),
            colour: boxes.colour.or(colour),
        })),
    })
}

/// Reads a decoder's configuration: what it says, of the picture too, and its RFC 6381 string.
fn read_config(
    record: &BoxView<'_>,
    fourcc: &str,
) -> Result<(VideoConfig, Option<PictureInfo>, String), CodecError> {
    Ok(match &record.kind.0 {
        b"avcC" => {
            let config = AvcConfig::parse(record.body)?;
            let (info, text) = (config.picture_info(), config.rfc6381(fourcc));
            (VideoConfig::Avc(config), info, text)
        }
        _ => {
            let config = HevcConfig::parse(record.body)?;
            let (info, text) = (config.picture_info(), config.rfc6381(fourcc));
            (VideoConfig::Hevc(config), info, text)
        }
    })
}

/// The boxes of a visual sample entry that matter.
struct Boxes<'a> {
    record: Option<BoxView<'a>>,
    pixel_aspect: Option<(u32, u32)>,
    colour: Option<Colour>,
    presentation: Vec<RawBox>,
}

impl<'a> Boxes<'a> {
    fn parse(entry: &BoxView<'a>, record: &[u8; 4]) -> Result<Self, Error> {
        let mut boxes = Self {
            record: None,
            pixel_aspect: None,
            colour: None,
            presentation: Vec::new(),
        };
        for child in entry.children_after(VISUAL_LEN) {
            let child = child?;
            match &child.kind.0 {
                kind if kind == record => boxes.record = Some(child),
                b"pasp" => {
                    let mut cursor = child.cursor();
                    boxes.pixel_aspect = Some((cursor.u32()?, cursor.u32()?));
                }
                b"colr" => boxes.colour = boxes.colour.or(parse_colour(&child)?),
                kind if PRESENTATION_BOXES.contains(&kind) => {
                    boxes.presentation.push(RawBox::of(&child));
                }
                _ => {}
            }
        }
        Ok(boxes)
    }
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
