//! Checks 19 and 37: where an MPD says that segments are.

use super::manifests::sap_type_of;
use super::{Checked, ensure};
use crate::reader::top_level;
use bmff::boxes::Sidx;
use dash_mpd_core::{MPD, Representation, SegmentBase, SegmentTemplate, SegmentTimeline};
use std::collections::BTreeMap;

/// A segment as the MPD tells of it.
pub struct Addressed<'a> {
    pub name: String,
    /// In ticks.
    pub start: u64,
    /// In ticks.
    pub length: u64,
    pub bytes: &'a [u8],
}

/// All segments of a Representation.
pub struct Addresses<'a> {
    pub offset: u64,
    pub initialization: &'a [u8],
    pub segments: Vec<Addressed<'a>>,
}

/// The files of a package, by path.
pub type Files = BTreeMap<String, Vec<u8>>;

impl<'a> Addresses<'a> {
    pub fn of(
        files: &'a Files,
        mpd: &MPD,
        representation: &Representation,
        rendition: &Checked<'_>,
    ) -> Self {
        match (&representation.SegmentTemplate, &representation.SegmentBase) {
            (Some(template), None) => of_template(files, mpd, template, rendition),
            (None, Some(base)) => {
                let [url] = representation.BaseURL.as_slice() else {
                    panic!("check 37: a BaseURL is due");
                };
                let bytes = files.get(&url.base).expect("check 37: the file");
                of_index(&url.base, bytes, base, rendition)
            }
            _ => panic!("check 37: a SegmentTemplate or a SegmentBase is due"),
        }
    }
}

fn of_template<'a>(
    files: &'a Files,
    mpd: &MPD,
    template: &SegmentTemplate,
    rendition: &Checked<'_>,
) -> Addresses<'a> {
    let timescale = template.timescale.expect("check 8: a timescale");
    let same = timescale == u64::from(rendition.read.init.timescale);
    ensure(8, same, "the timescale");
    let offset = template.presentationTimeOffset.unwrap_or(0);
    let path = |template: &Option<String>, number: u64| {
        let template = template.as_ref().expect("check 37: a template");
        template
            .replace("$RepresentationID$", rendition.name)
            .replace("$Number$", &number.to_string())
    };
    let times = match (&template.SegmentTimeline, template.duration) {
        (Some(timeline), None) => listed(timeline),
        (None, Some(length)) => counted(mpd, template, length as u64),
        _ => panic!("check 37: a SegmentTimeline or a duration is due"),
    };
    let file = |path: &str| files.get(path).map_or(&[] as &[u8], Vec::as_slice);
    let numbers = template.startNumber.unwrap_or(1)..;
    let segments = numbers.zip(times).map(|(number, (start, length))| {
        let name = path(&template.media, number);
        Addressed {
            start,
            length,
            bytes: file(&name),
            name,
        }
    });
    Addresses {
        offset,
        initialization: file(&path(&template.initialization, 0)),
        segments: segments.collect(),
    }
}

/// Starts and lengths of a SegmentTimeline.
pub fn listed(timeline: &SegmentTimeline) -> Vec<(u64, u64)> {
    let mut times = Vec::new();
    let mut time = 0;
    for s in &timeline.segments {
        time = s.t.unwrap_or(time);
        for _ in 0..=s.r.unwrap_or(0) {
            times.push((time, s.d));
            time += s.d;
        }
    }
    times
}

/// Starts and lengths of segments that the MPD counts only, as players work them out.
fn counted(mpd: &MPD, template: &SegmentTemplate, length: u64) -> Vec<(u64, u64)> {
    let timescale = template.timescale.unwrap() as f64;
    let total = mpd.mediaPresentationDuration.expect("check 36");
    let total = total.as_secs_f64();
    let count = (total / (length as f64 / timescale)).ceil() as u64;
    let offset = template.presentationTimeOffset.unwrap_or(0);
    let end = offset + (total * timescale).round() as u64;
    let starts = (0..count).map(|number| offset + number * length);
    starts
        .map(|start| (start, length.min(end - start)))
        .collect()
}

fn of_index<'a>(
    name: &str,
    bytes: &'a [u8],
    base: &SegmentBase,
    rendition: &Checked<'_>,
) -> Addresses<'a> {
    let init = &rendition.read.init;
    ensure(8, base.timescale == Some(u64::from(init.timescale)), name);
    let boxes = top_level(bytes);
    let kinds: Vec<String> = boxes.iter().map(|view| view.kind.to_string()).collect();
    ensure(
        19,
        kinds[..3] == ["ftyp", "moov", "sidx"],
        format!("{kinds:?}"),
    );
    let count = kinds.iter().filter(|kind| *kind == "sidx").count();
    ensure(19, count == 1, "one index a file");
    let view = &boxes[2];
    let end = view.offset + view.size();
    let index_range = format!("{}-{}", view.offset, end - 1);
    ensure(
        19,
        base.indexRange.as_ref() == Some(&index_range),
        &index_range,
    );
    ensure(19, base.indexRangeExact == Some(true), "indexRangeExact");
    let range = base
        .Initialization
        .as_ref()
        .and_then(|one| one.range.clone());
    let init_range = format!("0-{}", view.offset - 1);
    ensure(19, range.as_ref() == Some(&init_range), &init_range);
    let sidx = Sidx::parse(view).expect("check 19: the index");
    ensure(19, view.body[0] == 1, "version 1");
    ensure(19, sidx.reference_id == init.track_id, "reference_ID");
    ensure(
        19,
        sidx.timescale == init.timescale,
        "the index's timescale",
    );
    let mut at = (end + sidx.first_offset) as usize;
    let mut start = sidx.earliest_presentation_time;
    let mut segments = Vec::new();
    for (reference, read) in sidx.references.iter().zip(&rendition.clear.segments) {
        let sap_type = sap_type_of(read, &rendition.clear.init);
        let key_shown = read.samples[0].shown(init).max(0) as u64;
        let delta = if sap_type == 3 { key_shown - start } else { 0 };
        ensure(19, !reference.is_index, "a reference to another index");
        ensure(19, reference.starts_with_sap, "starts_with_SAP");
        ensure(19, u64::from(reference.sap_type) == sap_type, "SAP_type");
        let told = u64::from(reference.sap_delta_time);
        ensure(19, told == delta, "SAP_delta_time");
        let next = at + reference.size as usize;
        segments.push(Addressed {
            name: format!("{name} at {at}"),
            start,
            length: u64::from(reference.duration),
            bytes: &bytes[at..next],
        });
        at = next;
        start += u64::from(reference.duration);
    }
    let all = sidx.references.len() == segments.len();
    ensure(19, all && at == bytes.len(), "references tile the file");
    Addresses {
        offset: base.presentationTimeOffset.unwrap_or(0),
        initialization: &bytes[..view.offset as usize],
        segments,
    }
}
