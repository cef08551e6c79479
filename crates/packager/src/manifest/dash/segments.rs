//! Where the segments of a Representation are (ISO/IEC 23009-1, 5.3.9).

use super::{Xml, element, empty, rounded_up};
use crate::presentation::{Files, Presentation, RenditionFacts, SegmentFacts};
use quick_xml::events::{BytesText, Event};
use std::io;

/// How much before the presentation a rendition may end, in seconds, when its last segment is told by the length of the
/// others: two frames or three.
const MOST_MISSING: f64 = 0.06;

/// Writes where the segments of a rendition are: a template of names, or the place of the index in its file.
pub(super) fn write(
    xml: &mut Xml,
    presentation: &Presentation<'_>,
    rendition: &RenditionFacts<'_>,
) -> io::Result<()> {
    match rendition.files {
        Files::Single { init, index } => write_base(xml, rendition, init, index),
        _ => write_template(xml, presentation, rendition),
    }
}

fn write_base(
    xml: &mut Xml,
    rendition: &RenditionFacts<'_>,
    init: u64,
    index: u64,
) -> io::Result<()> {
    write_base_url(xml, rendition)?;
    let times = Times::of(rendition);
    let index_range = range(init, index);
    let mut attributes = times.attributes();
    attributes.extend([
        ("indexRange", index_range.as_str()),
        ("indexRangeExact", "true"),
    ]);
    element(xml, "SegmentBase", &attributes, |xml| {
        empty(xml, "Initialization", &[("range", &range(0, init))])
    })
}

/// Writes the URL of the one file of a rendition.
pub(super) fn write_base_url(xml: &mut Xml, rendition: &RenditionFacts<'_>) -> io::Result<()> {
    element(xml, "BaseURL", &[], |xml| {
        xml.write_event(Event::Text(BytesText::new(&rendition.path(0))))
    })
}

fn write_template(
    xml: &mut Xml,
    presentation: &Presentation<'_>,
    rendition: &RenditionFacts<'_>,
) -> io::Result<()> {
    let times = Times::of(rendition);
    let mut attributes = times.attributes();
    attributes.extend([
        ("initialization", "$RepresentationID$/init.mp4"),
        ("media", "$RepresentationID$/$Number$.m4s"),
        ("startNumber", "1"),
    ]);
    if let Some(length) = common_length(presentation, rendition) {
        let length = length.to_string();
        attributes.push(("duration", &length));
        return empty(xml, "SegmentTemplate", &attributes);
    }
    element(xml, "SegmentTemplate", &attributes, |xml| {
        let segments = rendition.segments.iter();
        write_timeline(xml, segments.map(|segment| (segment.start, segment.length)))
    })
}

/// The length of all segments but the last, in ticks, when a player that knows it and their number alone finds each
/// of them at its exact time and asks for none that is not there; `None` when the MPD has to list them.
fn common_length(presentation: &Presentation<'_>, rendition: &RenditionFacts<'_>) -> Option<u64> {
    let (last, others) = rendition.segments.split_last()?;
    let first = others.first()?;
    let alike = |segment: &SegmentFacts| segment.length == first.length;
    if !others.iter().all(alike)
        || last.length > first.length
        || first.start != rendition.presentation_time_offset
    {
        return None;
    }
    // The last segment is taken to reach to the end of the presentation.
    let end = (last.start + last.length).saturating_sub(first.start);
    if presentation.duration - rendition.seconds(end) > MOST_MISSING {
        return None;
    }
    // Players divide the length of the presentation, as the MPD tells it, by that of a segment and round up.
    let count = rounded_up(presentation.duration) / rendition.seconds(first.length);
    let due = rendition.segments.len() as f64;
    let doubtful = (count - count.round()).abs() < 1e-6 && count != due;
    (count.ceil() == due && !doubtful).then_some(first.length)
}

/// Writes a SegmentTimeline of these starts and lengths.
pub(super) fn write_timeline(
    xml: &mut Xml,
    segments: impl Iterator<Item = (u64, u64)>,
) -> io::Result<()> {
    element(xml, "SegmentTimeline", &[], |xml| {
        let mut segments = segments.peekable();
        let mut first = true;
        while let Some((start, length)) = segments.next() {
            let mut repeats = 0;
            while segments.next_if(|next| next.1 == length).is_some() {
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
}

/// The clock of a rendition, as text.
pub(super) struct Times {
    timescale: String,
    offset: Option<String>,
}

impl Times {
    /// That of a rendition.
    pub fn of(rendition: &RenditionFacts<'_>) -> Self {
        let offset = rendition.presentation_time_offset;
        Self {
            timescale: rendition.timescale.to_string(),
            offset: (offset > 0).then(|| offset.to_string()),
        }
    }

    /// The attributes that tell it.
    pub fn attributes(&self) -> Vec<(&'static str, &str)> {
        let mut attributes = vec![("timescale", self.timescale.as_str())];
        let offset = self.offset.as_ref();
        attributes.extend(offset.map(|offset| ("presentationTimeOffset", offset.as_str())));
        attributes
    }
}

/// `size` bytes from `start` on, as HTTP counts them: `0-99` are 100 bytes.
pub(super) fn range(start: u64, size: u64) -> String {
    format!("{start}-{}", (start + size).saturating_sub(1))
}
