//! Sets for playing fast: the key pictures of a set, where they lie in its media (DASH-IF IOP, 3.2.9).

use super::segments::{Times, range, write_base_url, write_timeline};
use super::{SetValues, Xml, bandwidth, element, empty, rate_text, write_protection};
use crate::TrackKind;
use crate::presentation::{Format, KeyPicture, Presentation, RenditionFacts, SetFacts, reduce};
use std::io;

/// Key pictures are listed one by one, which the profiles of the other sets do not have.
pub(super) const PROFILE: &str = "urn:mpeg:dash:profile:full:2011";

const SCHEME: &str = "http://dashif.org/guidelines/trickmode";

/// The renditions whose key pictures the MPD lists, with the number of their set.
fn offered<'a, 'b>(
    presentation: &'b Presentation<'a>,
) -> impl Iterator<Item = (usize, &'b SetFacts<'a>, Vec<&'b RenditionFacts<'a>>)> {
    let sets = presentation.sets.iter().enumerate();
    sets.filter_map(|(number, set)| {
        let renditions = set.renditions.iter();
        let listed: Vec<_> = renditions
            .filter(|facts| facts.kind == TrackKind::Video && facts.trick_mode && facts.key_init)
            .collect();
        (!listed.is_empty()).then_some((number, set, listed))
    })
}

/// The longest time between two key pictures that are listed, in seconds; `None` when none are.
pub(super) fn longest(presentation: &Presentation<'_>) -> Option<f64> {
    let renditions = offered(presentation).flat_map(|(_, _, renditions)| renditions);
    let lengths = renditions.flat_map(|rendition| {
        let pictures = rendition.key_pictures().into_iter();
        pictures.map(|picture| rendition.seconds(picture.length))
    });
    lengths.reduce(f64::max)
}

/// Writes a set of key pictures for each set of pictures; their ids follow those of the other sets.
pub(super) fn write_sets(xml: &mut Xml, presentation: &Presentation<'_>) -> io::Result<()> {
    for (id, (main, set, renditions)) in (presentation.sets.len()..).zip(offered(presentation)) {
        let (id, main) = (id.to_string(), main.to_string());
        let values = SetValues::of(set);
        let attributes = [
            ("id", id.as_str()),
            ("profiles", PROFILE),
            ("contentType", "video"),
            ("mimeType", "video/mp4"),
            ("par", &values.picture_aspect),
            ("segmentAlignment", "true"),
            ("startWithSAP", "1"),
        ];
        element(xml, "AdaptationSet", &attributes, |xml| {
            if let Some(first) = set.first()
                && let Some(protection) = first.protection
            {
                write_protection(xml, protection, first.signals, presentation.license_url)?;
            }
            let property = [("schemeIdUri", SCHEME), ("value", main.as_str())];
            empty(xml, "EssentialProperty", &property)?;
            for rendition in renditions {
                write_representation(xml, rendition)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn write_representation(xml: &mut Xml, rendition: &RenditionFacts<'_>) -> io::Result<()> {
    let Format::Video {
        width,
        height,
        pixel_aspect: (h, v),
        frame_rate,
        ..
    } = rendition.format
    else {
        return Ok(());
    };
    let pictures = rendition.key_pictures();
    let ticks: u64 = pictures.iter().map(|picture| picture.length).sum();
    let shortest = pictures.iter().map(|picture| picture.length).min();
    let a_second = pictures.len() as f64 / rendition.seconds(ticks.max(1));
    // So fast, a decoder that keeps up with the rendition shows each of them.
    let rate = rendition.seconds(shortest.unwrap_or(0)) * frame_rate.0 as f64 / frame_rate.1 as f64;
    let values = [
        ("id", format!("{}-key-pictures", rendition.name)),
        ("bandwidth", bandwidth(rendition.key_picture_bandwidths().0)),
        ("codecs", rendition.codec.to_string()),
        ("width", width.to_string()),
        ("height", height.to_string()),
        (
            "frameRate",
            rate_text(reduce((a_second * 1000.0).round().max(1.0) as u64, 1000)),
        ),
        ("sar", format!("{h}:{v}")),
        ("maxPlayoutRate", (rate + 1e-6).floor().max(1.0).to_string()),
        ("codingDependency", "false".to_string()),
    ];
    let attributes: Vec<(&str, &str)> = values
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    element(xml, "Representation", &attributes, |xml| {
        if rendition.is_single_file() {
            write_base_url(xml, rendition)?;
        }
        write_list(xml, rendition, &pictures)
    })
}

fn write_list(
    xml: &mut Xml,
    rendition: &RenditionFacts<'_>,
    pictures: &[KeyPicture],
) -> io::Result<()> {
    let times = Times::of(rendition);
    element(xml, "SegmentList", &times.attributes(), |xml| {
        let file = rendition.key_init_file().unwrap_or_default();
        let path = match rendition.is_single_file() {
            true => file,
            false => format!("{}/{file}", rendition.name),
        };
        empty(xml, "Initialization", &[("sourceURL", path.as_str())])?;
        write_timeline(xml, pictures.iter().map(|one| (one.start, one.length)))?;
        for picture in pictures {
            let place = range(picture.offset, picture.size);
            let path = rendition.path(picture.number);
            let mut attributes = vec![("mediaRange", place.as_str())];
            if !rendition.is_single_file() {
                attributes.insert(0, ("media", &path));
            }
            empty(xml, "SegmentURL", &attributes)?;
        }
        Ok(())
    })
}
