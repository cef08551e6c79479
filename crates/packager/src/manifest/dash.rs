//! The MPD (ISO/IEC 23009-1): one Period, one AdaptationSet a rendition, SegmentTimeline.

use super::language;
use crate::presentation::{
    DynamicRange, Format, Presentation, ProtectionFacts, RenditionFacts, reduce,
};
use crate::{Error, TrackKind};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesStart, BytesText, Event};
use std::io;

type Xml = Writer<Vec<u8>>;

/// The system id of W3C ClearKey, as players look for it in an MPD.
const CLEAR_KEY_SYSTEM: &str = "urn:uuid:e2719d58-a985-b3c9-781a-b030af78d30e";

/// The text of the MPD.
pub(super) fn write(presentation: &Presentation<'_>) -> Result<String, Error> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    write_document(&mut xml, presentation)?;
    let mut text = String::from_utf8(xml.into_inner()).map_err(io::Error::other)?;
    text.push('\n');
    Ok(text)
}

fn write_document(xml: &mut Xml, presentation: &Presentation<'_>) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let longest = duration(presentation.longest_segment);
    let total = duration(presentation.duration);
    let attributes = [
        ("xmlns", "urn:mpeg:dash:schema:mpd:2011"),
        ("xmlns:cenc", "urn:mpeg:cenc:2013"),
        ("xmlns:dashif", "https://dashif.org/CPS"),
        (
            "profiles",
            "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019",
        ),
        ("type", "static"),
        ("mediaPresentationDuration", &total),
        ("maxSegmentDuration", &longest),
        ("minBufferTime", &longest),
    ];
    element(xml, "MPD", &attributes, |xml| {
        element(xml, "Period", &[("id", "0"), ("start", "PT0S")], |xml| {
            for (id, rendition) in presentation.renditions.iter().enumerate() {
                write_set(xml, presentation, rendition, id)?;
            }
            Ok(())
        })
    })
}

fn write_set(
    xml: &mut Xml,
    presentation: &Presentation<'_>,
    rendition: &RenditionFacts<'_>,
    id: usize,
) -> io::Result<()> {
    let id = id.to_string();
    let mut attributes = vec![("id", id.as_str())];
    let values = SetValues::of(rendition);
    match rendition.kind {
        TrackKind::Video => attributes.extend([
            ("contentType", "video"),
            ("mimeType", "video/mp4"),
            ("par", &values.picture_aspect),
            ("maxWidth", &values.width),
            ("maxHeight", &values.height),
            ("maxFrameRate", &values.frame_rate),
        ]),
        _ => attributes.extend([("contentType", "audio"), ("mimeType", "audio/mp4")]),
    }
    if let Some(tag) = language::tag(rendition.language) {
        attributes.push(("lang", tag));
    }
    let access = if rendition.open_groups { "3" } else { "1" };
    attributes.extend([("segmentAlignment", "true"), ("startWithSAP", access)]);
    element(xml, "AdaptationSet", &attributes, |xml| {
        if let Some(protection) = rendition.protection {
            write_protection(xml, protection, presentation.license_url)?;
        }
        write_dynamic_range(xml, rendition)?;
        let role = main_or_alternate(presentation, rendition);
        let role = [("schemeIdUri", "urn:mpeg:dash:role:2011"), ("value", role)];
        empty(xml, "Role", &role)?;
        write_representation(xml, rendition, &values)
    })
}

/// Tells players of HDR from the start (ISO/IEC 23091-2, code points).
fn write_dynamic_range(xml: &mut Xml, rendition: &RenditionFacts<'_>) -> io::Result<()> {
    let transfer = match rendition.format {
        Format::Video {
            range: DynamicRange::Pq,
            ..
        } => "16",
        Format::Video {
            range: DynamicRange::Hlg,
            ..
        } => "18",
        _ => return Ok(()),
    };
    let scheme = "urn:mpeg:mpegB:cicp:TransferCharacteristics";
    let property = [("schemeIdUri", scheme), ("value", transfer)];
    empty(xml, "SupplementalProperty", &property)
}

/// The first picture and the first sound are the main ones.
fn main_or_alternate(
    presentation: &Presentation<'_>,
    rendition: &RenditionFacts<'_>,
) -> &'static str {
    let mut of_kind = presentation.of_kind(rendition.kind);
    match of_kind.next() {
        Some(first) if first.name == rendition.name => "main",
        _ => "alternate",
    }
}

/// Attribute values of a set and its representation, as text.
#[derive(Default)]
struct SetValues {
    width: String,
    height: String,
    frame_rate: String,
    pixel_aspect: String,
    picture_aspect: String,
}

impl SetValues {
    fn of(rendition: &RenditionFacts<'_>) -> Self {
        let Format::Video {
            width,
            height,
            pixel_aspect: (h, v),
            frame_rate: (frames, seconds),
            ..
        } = rendition.format
        else {
            return Self::default();
        };
        let shown_width = u64::from(width) * u64::from(h);
        let (wide, high) = reduce(shown_width, u64::from(height) * u64::from(v));
        Self {
            width: width.to_string(),
            height: height.to_string(),
            frame_rate: match seconds {
                1 => frames.to_string(),
                _ => format!("{frames}/{seconds}"),
            },
            pixel_aspect: format!("{h}:{v}"),
            picture_aspect: format!("{wide}:{high}"),
        }
    }
}

fn write_protection(
    xml: &mut Xml,
    protection: ProtectionFacts,
    license_url: Option<&str>,
) -> io::Result<()> {
    let kid = protection.kid.uuid();
    let common = [
        ("schemeIdUri", "urn:mpeg:dash:mp4protection:2011"),
        ("value", protection.scheme.fourcc()),
        ("cenc:default_KID", &kid),
    ];
    empty(xml, "ContentProtection", &common)?;
    let clear_key = [
        ("schemeIdUri", CLEAR_KEY_SYSTEM),
        ("value", "ClearKey1.0"),
        ("cenc:default_KID", &kid),
    ];
    match license_url {
        None => empty(xml, "ContentProtection", &clear_key),
        Some(url) => element(xml, "ContentProtection", &clear_key, |xml| {
            element(xml, "dashif:Laurl", &[("licenseType", "EME-1.0")], |xml| {
                xml.write_event(Event::Text(BytesText::new(url)))
            })
        }),
    }
}

fn write_representation(
    xml: &mut Xml,
    rendition: &RenditionFacts<'_>,
    values: &SetValues,
) -> io::Result<()> {
    let bandwidth = rendition.bandwidth.to_string();
    let mut attributes = vec![
        ("id", rendition.name),
        ("bandwidth", &bandwidth),
        ("codecs", rendition.codec),
    ];
    let sample_rate;
    match rendition.format {
        Format::Video { .. } => attributes.extend([
            ("width", values.width.as_str()),
            ("height", &values.height),
            ("frameRate", &values.frame_rate),
            ("sar", &values.pixel_aspect),
        ]),
        Format::Audio {
            sample_rate: rate, ..
        } => {
            sample_rate = rate.to_string();
            attributes.push(("audioSamplingRate", &sample_rate));
        }
        Format::Text => {}
    }
    element(xml, "Representation", &attributes, |xml| {
        if let Format::Audio { channels, .. } = rendition.format {
            let channels = channel_configuration(channels).to_string();
            let scheme = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011";
            let configuration = [("schemeIdUri", scheme), ("value", &channels)];
            empty(xml, "AudioChannelConfiguration", &configuration)?;
        }
        write_segments(xml, rendition)
    })
}

fn write_segments(xml: &mut Xml, rendition: &RenditionFacts<'_>) -> io::Result<()> {
    let timescale = rendition.timescale.to_string();
    let offset = rendition.presentation_time_offset.to_string();
    let mut attributes = vec![
        ("timescale", timescale.as_str()),
        ("initialization", "$RepresentationID$/init.mp4"),
        ("media", "$RepresentationID$/$Number$.m4s"),
        ("startNumber", "1"),
    ];
    if rendition.presentation_time_offset > 0 {
        attributes.push(("presentationTimeOffset", &offset));
    }
    element(xml, "SegmentTemplate", &attributes, |xml| {
        element(xml, "SegmentTimeline", &[], |xml| {
            let mut segments = rendition.segments.iter().copied().peekable();
            let mut first = true;
            while let Some((start, length)) = segments.next() {
                let mut repeats = 0;
                while segments.next_if(|(_, next)| *next == length).is_some() {
                    repeats += 1;
                }
                let (t, d, r) = (start.to_string(), length.to_string(), repeats.to_string());
                let mut attributes = Vec::new();
                if first {
                    attributes.push(("t", t.as_str()));
                }
                attributes.push(("d", &d));
                if repeats > 0 {
                    attributes.push(("r", &r));
                }
                empty(xml, "S", &attributes)?;
                first = false;
            }
            Ok(())
        })
    })
}

/// The index of the usual layout of so many channels (ISO/IEC 23091-3, table 10).
fn channel_configuration(channels: u16) -> u16 {
    match channels {
        7 => 11,
        8 => 12,
        count => count,
    }
}

/// `PT8.023S`: XML Schema duration, rounded up to a millisecond.
fn duration(seconds: f64) -> String {
    let text = format!("{:.3}", (seconds * 1000.0 - 1e-6).ceil() / 1000.0);
    format!("PT{}S", text.trim_end_matches('0').trim_end_matches('.'))
}

fn element(
    xml: &mut Xml,
    name: &str,
    attributes: &[(&str, &str)],
    body: impl FnOnce(&mut Xml) -> io::Result<()>,
) -> io::Result<()> {
    let start = BytesStart::new(name).with_attributes(attributes.iter().copied());
    let end = start.to_end().into_owned();
    xml.write_event(Event::Start(start))?;
    body(xml)?;
    xml.write_event(Event::End(end))
}

fn empty(xml: &mut Xml, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
    let start = BytesStart::new(name).with_attributes(attributes.iter().copied());
    xml.write_event(Event::Empty(start))
}
