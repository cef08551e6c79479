//! Checks 11–18, 20: media segments.

use super::{Checked, ensure};
use crate::package::Package;
use crate::reader::{Init, kinds, nal_units, top_level};
use bmff::BoxView;
use bmff::boxes::Trun;
use std::collections::BTreeSet;

pub fn check(package: &Package, rendition: &Checked<'_>) {
    for file in &rendition.files[1..] {
        boxes(file, package.is_single_file());
    }
    times(rendition);
    key_frames(rendition);
    lengths(package, rendition);
}

fn boxes(file: &[u8], is_part: bool) {
    let boxes = top_level(file);
    let types: Vec<String> = boxes.iter().map(|view| view.kind.to_string()).collect();
    let (styp, fragments) = match is_part {
        true => boxes.split_at(0),
        false => boxes.split_at(1),
    };
    let paired = fragments
        .chunks(2)
        .all(|pair| matches!(pair, [moof, mdat] if moof.kind == b"moof" && mdat.kind == b"mdat"));
    ensure(11, !fragments.is_empty() && paired, format!("{types:?}"));
    if let [styp] = styp {
        ensure(11, styp.kind == b"styp", format!("{types:?}"));
        let brand = &styp.body[..8];
        ensure(20, brand == b"cmfs\0\0\0\0", "the segment's brand");
    }
    for pair in fragments.chunks(2) {
        if let [moof, mdat] = pair {
            fragment(moof, mdat);
        }
    }
}

fn fragment(moof: &BoxView<'_>, mdat: &BoxView<'_>) {
    ensure(
        11,
        kinds(moof) == ["mfhd", "traf"],
        format!("{:?}", kinds(moof)),
    );
    let traf = moof.need(b"traf").unwrap();
    let order = kinds(&traf);
    ensure(
        11,
        order[..3] == ["tfhd", "tfdt", "trun"],
        format!("{order:?}"),
    );
    let tfhd = traf.need(b"tfhd").unwrap();
    let (_, flags) = tfhd.cursor().version_flags().unwrap();
    ensure(
        12,
        flags & 0x02_0000 != 0,
        "default-base-is-moof is not set",
    );
    ensure(12, flags & 1 == 0, "base-data-offset is there");
    let trun = traf.need(b"trun").unwrap();
    let trun = Trun::parse(&trun).unwrap();
    let offset = trun.data_offset.expect("check 12: no data offset");
    let first = moof.offset + offset as u64;
    ensure(12, first == mdat.body_offset(), "the data offset");
    let negative = trun.flags & Trun::COMPOSITION_OFFSET != 0 && {
        let words: Vec<i32> = trun
            .entries
            .chunks_exact(Trun::entry_len(trun.flags))
            .map(|entry| i32::from_be_bytes(entry[entry.len() - 4..].try_into().unwrap()))
            .collect();
        words.iter().any(|offset| *offset < 0)
    };
    ensure(
        18,
        !negative || trun.version == 1,
        "negative offsets in version 0",
    );
}

fn times(rendition: &Checked<'_>) {
    let init = &rendition.read.init;
    let mut due = None;
    let mut shown = BTreeSet::new();
    let mut last_number = 0;
    for (index, segment) in rendition.read.segments.iter().enumerate() {
        let time = segment.decode_time;
        let expected = due.unwrap_or(time);
        ensure(
            13,
            time == expected,
            format!("tfdt {time}, {expected} is due"),
        );
        due = Some(time + segment.ticks());
        for number in &segment.sequence_numbers {
            ensure(14, *number > last_number, format!("number {number}"));
            last_number = *number;
        }
        for sample in &segment.samples {
            let fresh = shown.insert(sample.shown(init));
            ensure(18, fresh, format!("two pictures at {}", sample.shown(init)));
        }
        let payload: usize = segment.samples.iter().map(|s| s.data.len()).sum();
        let boxes = top_level(rendition.files[index + 1]);
        let mdats = boxes.iter().filter(|view| view.kind == b"mdat");
        let mdat: usize = mdats.map(|view| view.body.len()).sum();
        ensure(12, payload == mdat, format!("{payload} of {mdat} bytes"));
    }
}

fn key_frames(rendition: &Checked<'_>) {
    let init = &rendition.clear.init;
    for segment in &rendition.clear.segments {
        ensure(
            15,
            segment.samples[0].sync,
            "a segment starts in the middle",
        );
        if !init.is_video() {
            continue;
        }
        let first = segment.samples[0].shown(init);
        let earlier = segment.samples.iter().any(|s| s.shown(init) < first);
        // HEVC has IDR pictures that are followed by such as are shown before them (IDR_W_RADL).
        if is_idr(init, &segment.samples[0].data) && init.hevc_record.is_empty() {
            ensure(15, !earlier, "pictures are shown before the IDR picture");
        }
        for sample in &segment.samples {
            let agrees = sample.sync || !is_idr(init, &sample.data);
            ensure(15, agrees, "an IDR picture is flagged as none");
        }
    }
}

/// Whether a sample holds an IDR picture of H.264 or HEVC, or begins with a shown key frame of AV1 or VP9.
fn is_idr(init: &Init, sample: &[u8]) -> bool {
    let format = init.scheme.as_ref().map(|scheme| scheme.original_format);
    let (length_size, is_idr): (u8, fn(u8) -> bool) = match &format.unwrap_or(init.entry).0 {
        b"av01" => return starts_with_key_frame(sample),
        // Marker, profile (and a bit more in profile 3), `show_existing_frame`, `frame_type`, `show_frame`.
        b"vp09" => {
            let shift = if sample[0] >> 4 & 3 == 3 { 0 } else { 1 };
            return sample[0] >> shift & 0b111 == 1;
        }
        b"avc1" | b"avc3" => (init.avc_record[4], |header| header & 31 == 5),
        _ => (init.hevc_record[21], |header| {
            matches!(header >> 1 & 63, 19 | 20)
        }),
    };
    let units = nal_units(sample, usize::from(length_size & 3) + 1);
    units
        .iter()
        .any(|(_, nal)| nal.first().is_some_and(|header| is_idr(*header)))
}

/// Of AV1: whether the first frame is a key frame that is shown.
fn starts_with_key_frame(mut sample: &[u8]) -> bool {
    while let [header, rest @ ..] = sample {
        let extension = usize::from(header >> 2 & 1);
        let (mut size, mut at) = (0_usize, extension);
        loop {
            size |= usize::from(rest[at] & 0x7f) << (7 * (at - extension));
            at += 1;
            if rest[at - 1] & 0x80 == 0 {
                break;
            }
        }
        if matches!(header >> 3 & 15, 3 | 6) {
            return rest[at] >> 4 == 1;
        }
        sample = &rest[at + size..];
    }
    false
}

fn lengths(package: &Package, rendition: &Checked<'_>) {
    let target = package.options.segment_duration.as_secs_f64();
    let init = &rendition.read.init;
    let segments = &rendition.read.segments;
    ensure(17, !segments.is_empty(), "no segments");
    for (index, segment) in segments.iter().enumerate() {
        ensure(17, !segment.samples.is_empty(), "an empty segment");
        let Some(next) = segments.get(index + 1) else {
            continue;
        };
        let length = rendition.seconds(next.start(init) - segment.start(init).max(0));
        let short = length < 0.5 * target - rendition.frame();
        ensure(
            17,
            !short,
            format!("segment {} lasts {length} s", index + 1),
        );
    }
    // The last one may be short, but not a few frames that would fit the one before. Sound follows the
    // picture, whose own last segment may last half the target.
    if let [.., before, last] = segments.as_slice() {
        let whole = rendition.seconds((before.ticks() + last.ticks()) as i64);
        let tail = rendition.seconds(last.ticks() as i64);
        let stray = tail < 0.25 * target - rendition.frame() && whole < 2.0 * target;
        ensure(17, !stray, format!("the last segment lasts {tail} s"));
    }
}

/// Check 16: sound is cut where the picture is cut, as long as there is a picture.
pub fn check_boundaries(renditions: &[Checked<'_>]) {
    let starts = |rendition: &Checked<'_>| -> Vec<f64> {
        let init = &rendition.read.init;
        let segments = rendition.read.segments.iter();
        segments
            .map(|segment| rendition.seconds(segment.start(init).max(0)))
            .collect()
    };
    let Some((picture, sounds)) = renditions.split_first() else {
        return;
    };
    if !picture.read.init.is_video() {
        return;
    }
    let cuts = starts(picture);
    let last = picture.read.segments.last().unwrap();
    let picture_end = cuts.last().unwrap() + picture.seconds(last.ticks() as i64);
    for sound in sounds.iter().filter(|other| !other.read.init.is_video()) {
        for start in starts(sound).iter().skip(1) {
            let nearest = cuts.iter().map(|cut| (cut - start).abs());
            let off = nearest.fold(f64::INFINITY, f64::min);
            let behind = *start >= picture_end - sound.frame();
            let what = format!("{}: cut at {start} s, picture {cuts:?}", sound.name);
            ensure(16, off <= sound.frame() || behind, what);
        }
    }
}
