//! Visual sample entries (ISO/IEC 14496-12, 12.1.3; ISO/IEC 14496-15).

use super::{
    Codec, Colour, Parsed, RawBox, SampleEntry, VideoConfig, VideoEntry, names_dolby_vision,
    protection, unsupported,
};
use crate::Error;
use crate::codec::CodecError;
use crate::codec::av1::Av1Config;
use crate::codec::avc::AvcConfig;
use crate::codec::dolby_vision::DolbyVision;
use crate::codec::hevc::HevcConfig;
use crate::codec::vp9::Vp9Config;
use bmff::BoxView;

/// Bytes of a visual sample entry before its boxes.
const VISUAL_LEN: usize = 78;

/// Boxes that say how a picture is to be shown: mastering display, light levels (VP9 has its own), ambient viewing
/// environment, content colour volume.
const PRESENTATION_BOXES: [&[u8; 4]; 6] = [b"mdcv", b"clli", b"SmDm", b"CoLL", b"amve", b"cclv"];

/// Reads a visual sample entry.
pub(super) fn parse(entry: &BoxView<'_>) -> Result<Parsed, Error> {
    let mut cursor = entry.cursor();
    cursor.skip(24)?;
    let size = (cursor.u16()?, cursor.u16()?);
    let unusable = |fourcc: String, reason: String| Parsed {
        size: Some((u32::from(size.0), u32::from(size.1))),
        ..Parsed::obstacle(&fourcc, reason)
    };
    let record = match &entry.kind.0 {
        b"avc1" | b"avc3" | b"dva1" | b"dvav" => b"avcC",
        b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => b"hvcC",
        b"av01" | b"dav1" => b"av1C",
        b"vp09" => b"vpcC",
        b"encv" => {
            let (original, reason) = protection(entry, VISUAL_LEN)?;
            return Ok(unusable(original.to_string(), reason));
        }
        _ => {
            let reason = unsupported(&entry.kind, "H.264, HEVC, AV1 or VP9");
            return Ok(unusable(entry.kind.to_string(), reason));
        }
    };
    let boxes = Boxes::parse(entry, record)?;
    let Some(record) = &boxes.record else {
        let what = format!("no '{}' box inside", bmff::FourCc(*record));
        return Err(entry.error(what).into());
    };
    let config = read_config(record, &entry.kind.0, size)
        .map_err(|error| Error::from(record.error(error.to_string())))?;
    let fourcc = entry.kind.to_string();
    let rfc6381 = match (names_dolby_vision(&entry.kind.0), boxes.dolby_vision) {
        (true, None) => return Err(entry.error("no 'dvcC' or 'dvvC' box inside").into()),
        (true, Some(dolby)) if dolby.has_enhancement_layer() => {
            let profile = dolby.profile();
            let reason = format!(
                "Dolby Vision profile {profile} with an enhancement layer ('{fourcc}') is not packaged"
            );
            return Ok(unusable(fourcc, reason));
        }
        (true, Some(dolby)) => dolby.rfc6381(&fourcc),
        (false, _) => base_rfc6381(&config, &fourcc, boxes.colour),
    };
    let entry = boxes.into_entry(entry.kind.0, config, size);
    if entry.width == 0 || entry.height == 0 {
        return Ok(unusable(fourcc, "its picture has no size".into()));
    }
    Ok(Parsed {
        codec: Codec { fourcc, rfc6381 },
        alike: 1,
        obstacle: None,
        size: Some((u32::from(entry.width), u32::from(entry.height))),
        sample_rate: None,
        channels: None,
        entry: Some(SampleEntry::Video(entry)),
    })
}

/// Reads a decoder's configuration; `size` is that of the sample entry.
fn read_config(
    record: &BoxView<'_>,
    fourcc: &[u8; 4],
    size: (u16, u16),
) -> Result<VideoConfig, CodecError> {
    Ok(match &record.kind.0 {
        b"avcC" => {
            let config = AvcConfig::parse(record.body)?;
            if fourcc == b"avc1" && config.picture_info().is_none() {
                return Err(CodecError::new("the record has no sequence parameter set"));
            }
            VideoConfig::Avc(config)
        }
        b"hvcC" => VideoConfig::Hevc(HevcConfig::parse(record.body)?),
        b"av1C" => VideoConfig::Av1(Box::new(Av1Config::parse(record.body)?)),
        _ => VideoConfig::Vp9(Box::new(Vp9Config::parse(record.body, size)?)),
    })
}

/// RFC 6381 string of a sample entry that does not speak of Dolby Vision.
fn base_rfc6381(config: &VideoConfig, fourcc: &str, colour: Option<Colour>) -> String {
    match config {
        VideoConfig::Avc(config) => config.rfc6381(fourcc),
        VideoConfig::Hevc(config) => config.rfc6381(fourcc),
        VideoConfig::Av1(config) => config.rfc6381(fourcc, colour.map(Into::into)),
        VideoConfig::Vp9(config) => config.rfc6381(fourcc),
    }
}

/// The boxes of a visual sample entry that matter.
struct Boxes<'a> {
    record: Option<BoxView<'a>>,
    pixel_aspect: Option<(u32, u32)>,
    colour: Option<Colour>,
    dolby_vision: Option<DolbyVision>,
    presentation: Vec<RawBox>,
}

impl<'a> Boxes<'a> {
    fn parse(entry: &BoxView<'a>, record: &[u8; 4]) -> Result<Self, Error> {
        let mut boxes = Self {
            record: None,
            pixel_aspect: None,
            colour: None,
            dolby_vision: None,
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
                b"dvcC" | b"dvvC" => {
                    let dolby = DolbyVision::parse(child.body)
                        .map_err(|error| Error::from(child.error(error.to_string())))?;
                    boxes.dolby_vision = Some(dolby);
                    boxes.presentation.push(RawBox::of(&child));
                }
                kind if PRESENTATION_BOXES.contains(&kind) => {
                    boxes.presentation.push(RawBox::of(&child));
                }
                _ => {}
            }
        }
        Ok(boxes)
    }

    /// The sample entry for the output; `size` is that of the input's.
    fn into_entry(
        self,
        format: [u8; 4],
        config: VideoConfig,
        (width, height): (u16, u16),
    ) -> VideoEntry {
        let info = config.picture_info();
        let coded = |of_info: Option<u32>, of_entry: u16| {
            of_info
                .and_then(|length| u16::try_from(length).ok())
                .unwrap_or(of_entry)
        };
        let width = coded(info.map(|info| info.width), width);
        // A shape that leaves the picture no width, or one that no header can hold, is none.
        let is_shape = |(h, v): &(u32, u32)| {
            let shown = u64::from(width) * u64::from(*h) / u64::from(*v).max(1);
            *v > 0 && (1..=u64::from(u16::MAX)).contains(&shown)
        };
        let aspect = self
            .pixel_aspect
            .filter(is_shape)
            .or(info.and_then(|info| info.sample_aspect_ratio))
            .filter(is_shape);
        let colour = match &config {
            VideoConfig::Vp9(config) => config.colour(),
            _ => info.and_then(|info| info.colour),
        };
        let record = self.record.iter().map(|record| match &config {
            VideoConfig::Vp9(config) => RawBox {
                kind: record.kind.0,
                body: config.canonical_record(record.body),
            },
            _ => RawBox::of(record),
        });
        VideoEntry {
            format,
            boxes: record.chain(self.presentation).collect(),
            width,
            height: coded(info.map(|info| info.height), height),
            pixel_aspect: aspect.unwrap_or((1, 1)),
            colour: self.colour.or(colour.map(Into::into)),
            dolby_vision: self.dolby_vision,
            config,
        }
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
