//! The MPD (ISO/IEC 23009-1): one Period, one AdaptationSet a switching set, and one of key pictures for each of
//! pictures.

mod segments;
mod trick;

mod roles;

use super::language;
use crate::cenc::systems::{self, Signals};
use crate::presentation::{
    DynamicRange, Format, Presentation, ProtectionFacts, RenditionFacts, SetFacts, reduce,
};
use crate::{Error, MpdProtection, TrackKind};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesStart, BytesText, Event};
use std::io;

type Xml = Writer<Vec<u8>>;

/// Segments with names made of numbers (8.4).
const LIVE_PROFILE: &str = "urn:mpeg:dash:profile:isoff-live:2011";

/// A file a Representation, with an index (8.3).
const ON_DEMAND_PROFILE: &str = "urn:mpeg:dash:profile:isoff-on-demand:2011";

/// Media are CMAF tracks (8.12).
const CMAF_PROFILE: &str = "urn:mpeg:dash:profile:cmaf:2019";

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
    let all = presentation.renditions();
    let longest = all.map(RenditionFacts::longest_segment).fold(0.0, f64::max);
    let trick_mode = trick::longest(presentation);
    let longest = duration(trick_mode.map_or(longest, |between| longest.max(between)));
    let buffered = duration(presentation.longest_segment);
    let total = duration(presentation.duration);
    let single = presentation
        .renditions()
        .any(RenditionFacts::is_single_file);
    let mut profiles = match single {
        true => format!("{ON_DEMAND_PROFILE},{CMAF_PROFILE}"),
        false => format!("{LIVE_PROFILE},{CMAF_PROFILE}"),
    };
    if trick_mode.is_some() {
        profiles = format!("{profiles},{}", trick::PROFILE);
    }
    let mut attributes = vec![
        ("xmlns", "urn:mpeg:dash:schema:mpd:2011"),
        ("xmlns:cenc", "urn:mpeg:cenc:2013"),
        ("xmlns:dashif", "https://dashif.org/CPS"),
    ];
    if presentation.renditions().any(names_playready) {
        attributes.push(("xmlns:mspr", "urn:microsoft:playready"));
    }
    if presentation
        .renditions()
        .any(|one| one.supplemental.is_some())
    {
        attributes.push(("xmlns:scte214", "urn:scte:dash:scte214-extensions"));
    }
    attributes.extend([
        ("profiles", profiles.as_str()),
        ("type", "static"),
        ("mediaPresentationDuration", &total),
        (
            match single {
                true => "maxSubsegmentDuration",
                false => "maxSegmentDuration",
            },
            &longest,
        ),
        ("minBufferTime", &buffered),
    ]);
    element(xml, "MPD", &attributes, |xml| {
        element(xml, "Period", &[("id", "0"), ("start", "PT0S")], |xml| {
            for (id, set) in presentation.sets.iter().enumerate() {
                write_set(xml, presentation, set, id)?;
            }
            trick::write_sets(xml, presentation)
        })
    })
}

fn names_playready(rendition: &RenditionFacts<'_>) -> bool {
    let elements = rendition.signals.inits.iter().flat_map(|init| &init.mpd);
    elements
        .into_iter()
        .any(|mpd| mpd.playready_object.is_some())
}

fn write_set(
    xml: &mut Xml,
    presentation: &Presentation<'_>,
    set: &SetFacts<'_>,
    id: usize,
) -> io::Result<()> {
    let Some(first) = set.first() else {
        return Ok(());
    };
    let id = id.to_string();
    if let Format::Cues { whole_bandwidth } = first.format {
        return roles::write_cues(xml, presentation, first, &id, whole_bandwidth);
    }
    let mut attributes = vec![("id", id.as_str())];
    let values = SetValues::of(set);
    match first.kind {
        TrackKind::Video => attributes.extend([
            ("contentType", "video"),
            ("mimeType", "video/mp4"),
            ("par", &values.picture_aspect),
            ("maxWidth", &values.width),
            ("maxHeight", &values.height),
            ("maxFrameRate", &values.frame_rate),
        ]),
        TrackKind::Text => {
            attributes.extend([("contentType", "text"), ("mimeType", "application/mp4")]);
        }
        _ => attributes.extend([("contentType", "audio"), ("mimeType", "audio/mp4")]),
    }
    if let Some(tag) = language::tag(first.language) {
        attributes.push(("lang", tag));
    }
    let sap_type = set.renditions.iter().map(|facts| facts.sap_type).max();
    let access = match sap_type {
        Some(3) => "3",
        Some(2) => "2",
        _ => "1",
    };
    attributes.extend(match first.is_single_file() {
        true => [
            ("subsegmentAlignment", "true"),
            ("subsegmentStartsWithSAP", access),
        ],
        false => [("segmentAlignment", "true"), ("startWithSAP", access)],
    });
    element(xml, "AdaptationSet", &attributes, |xml| {
        if let Some(protection) = first.protection {
            write_protection(xml, protection, first.signals, presentation.license_url)?;
        }
        write_dynamic_range(xml, first)?;
        roles::write(xml, presentation, first)?;
        for rendition in &set.renditions {
            write_representation(xml, presentation, rendition)?;
        }
        Ok(())
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

/// What a set says of its pictures, as text: the most of each.
#[derive(Default)]
struct SetValues {
    width: String,
    height: String,
    frame_rate: String,
    picture_aspect: String,
}

impl SetValues {
    fn of(set: &SetFacts<'_>) -> Self {
        let mut values = Self::default();
        let (mut most_width, mut most_height, mut most_rate) = (0, 0, (0, 1));
        for rendition in &set.renditions {
            let Format::Video {
                width,
                height,
                pixel_aspect: (h, v),
                frame_rate,
                ..
            } = rendition.format
            else {
                return values;
            };
            if most_width == 0 {
                let shown_width = u64::from(width) * u64::from(h);
                let (wide, high) = reduce(shown_width, u64::from(height) * u64::from(v));
                values.picture_aspect = format!("{wide}:{high}");
            }
            most_width = width.max(most_width);
            most_height = height.max(most_height);
            if frame_rate.0 * most_rate.1 > most_rate.0 * frame_rate.1 {
                most_rate = frame_rate;
            }
        }
        values.width = most_width.to_string();
        values.height = most_height.to_string();
        values.frame_rate = rate_text(most_rate);
        values
    }
}

/// `25` or `30000/1001`.
fn rate_text((frames, seconds): (u64, u64)) -> String {
    match seconds {
        1 => frames.to_string(),
        _ => format!("{frames}/{seconds}"),
    }
}

fn write_protection(
    xml: &mut Xml,
    protection: ProtectionFacts,
    signals: &Signals,
    license_url: Option<&str>,
) -> io::Result<()> {
    let kid = protection.kid.uuid();
    let common = [
        ("schemeIdUri", "urn:mpeg:dash:mp4protection:2011"),
        ("value", protection.scheme.fourcc()),
        ("cenc:default_KID", &kid),
    ];
    empty(xml, "ContentProtection", &common)?;
    if signals.clear_key {
        write_clear_key(xml, &kid, license_url)?;
    }
    for system in &signals.inits {
        if let Some(mpd) = &system.mpd {
            write_system(xml, &kid, &system.system_id, mpd)?;
        }
    }
    Ok(())
}

fn write_clear_key(xml: &mut Xml, kid: &str, license_url: Option<&str>) -> io::Result<()> {
    let clear_key = [
        ("schemeIdUri", CLEAR_KEY_SYSTEM),
        ("value", "ClearKey1.0"),
        ("cenc:default_KID", kid),
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

/// The element of a protection system, with its init data.
fn write_system(
    xml: &mut Xml,
    kid: &str,
    system_id: &[u8; 16],
    mpd: &MpdProtection,
) -> io::Result<()> {
    let urn = systems::urn(system_id);
    let mut attributes = vec![("schemeIdUri", urn.as_str())];
    attributes.extend(mpd.value.map(|value| ("value", value)));
    attributes.push(("cenc:default_KID", kid));
    element(xml, "ContentProtection", &attributes, |xml| {
        let texts = [
            ("cenc:pssh", &mpd.pssh),
            ("mspr:pro", &mpd.playready_object),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                element(xml, name, &[], |xml| {
                    xml.write_event(Event::Text(BytesText::new(text)))
                })?;
            }
        }
        // Checked to be well-formed when it was given.
        match &mpd.xml {
            Some(given) => xml.write_event(Event::Text(BytesText::from_escaped(given))),
            None => Ok(()),
        }
    })
}

/// Bits a second as the schema takes them, in 32 bits: a single picture that lasts a tick would have more.
fn bandwidth(bits_a_second: u64) -> String {
    bits_a_second.clamp(1, u64::from(u32::MAX)).to_string()
}

fn write_representation(
    xml: &mut Xml,
    presentation: &Presentation<'_>,
    rendition: &RenditionFacts<'_>,
) -> io::Result<()> {
    let mut attributes = vec![
        ("id", rendition.name.to_string()),
        ("bandwidth", bandwidth(rendition.bandwidth)),
        ("codecs", rendition.codec.to_string()),
    ];
    if let Some(other) = &rendition.supplemental {
        attributes.extend([
            ("scte214:supplementalCodecs", other.codec.clone()),
            ("scte214:supplementalProfiles", other.brand.to_string()),
        ]);
    }
    match rendition.format {
        Format::Video {
            width,
            height,
            pixel_aspect: (h, v),
            frame_rate,
            ..
        } => attributes.extend([
            ("width", width.to_string()),
            ("height", height.to_string()),
            ("frameRate", rate_text(frame_rate)),
            ("sar", format!("{h}:{v}")),
        ]),
        Format::Audio { sample_rate, .. } => {
            attributes.push(("audioSamplingRate", sample_rate.to_string()));
        }
        Format::Text | Format::Cues { .. } => {}
    }
    let attributes: Vec<(&str, &str)> = attributes
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    element(xml, "Representation", &attributes, |xml| {
        if let Format::Audio { channels, .. } = rendition.format {
            let channels = channel_configuration(channels).to_string();
            let scheme = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011";
            let configuration = [("schemeIdUri", scheme), ("value", &channels)];
            empty(xml, "AudioChannelConfiguration", &configuration)?;
        }
        segments::write(xml, presentation, rendition)
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
    let text = format!("{:.3}", rounded_up(seconds));
    format!("PT{}S", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Seconds as the MPD tells them.
fn rounded_up(seconds: f64) -> f64 {
    (seconds * 1000.0 - 1e-6).ceil() / 1000.0
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
