//! Where tracks are cut.

use super::cut::{Segment, Selection, at_boundaries, at_key_frames, key_times};
use super::timeline::Timeline;
use crate::movie::Timing;
use crate::sample::{FragmentedTable, Run, SampleTable};
use bmff::boxes::Trun;

/// A track in a clock of 1000 ticks a second: duration, composition offset and whether it is a key frame.
fn table(samples: &[(u32, i32, bool)]) -> SampleTable {
    let mut entries = Vec::new();
    for (duration, offset, sync) in samples {
        entries.extend_from_slice(&duration.to_be_bytes());
        let flags: u32 = if *sync { 0 } else { 0x1_0000 };
        entries.extend_from_slice(&flags.to_be_bytes());
        entries.extend_from_slice(&offset.to_be_bytes());
    }
    let mut table = FragmentedTable::default();
    let run = Run {
        dts: 0,
        offset: 0,
        count: samples.len() as u32,
        flags: Trun::DURATION | Trun::FLAGS | Trun::COMPOSITION_OFFSET,
        duration: 0,
        size: 10,
        sample_flags: 0,
        first_sample_flags: None,
        entries: entries.into(),
    };
    table.push(run);
    SampleTable::Fragmented(table)
}

/// Frames of 50 ms in groups of these lengths in ms.
fn picture(gops: &[u32]) -> SampleTable {
    let frames: Vec<_> = gops
        .iter()
        .flat_map(|gop| (0..gop / 50).map(|index| (50, 0, index == 0)))
        .collect();
    table(&frames)
}

/// `count` frames of 20 ms.
fn sound(count: usize) -> SampleTable {
    table(&vec![(20, 0, true); count])
}

fn select(table: &SampleTable, timing: &Timing, is_video: bool) -> Selection {
    Selection::of(table, timing, 1000, is_video).expect("something is left")
}

/// Segments hold all samples of the selection, one behind the other; gives their starts and lengths.
fn pieces(segments: &[Segment]) -> Vec<(i64, u64)> {
    for pair in segments.windows(2) {
        let behind = pair[0].cursor.index + u64::from(pair[0].samples);
        assert_eq!(behind, pair[1].cursor.index);
        assert_eq!(pair[0].decode_time + pair[0].ticks, pair[1].decode_time);
    }
    segments
        .iter()
        .map(|segment| (segment.start, segment.ticks))
        .collect()
}

/// Lengths in ms of the segments of a picture with these groups.
fn check(gops: &[u32], target: i64, expect: &[u64]) {
    let table = picture(gops);
    let timing = Timing::default();
    let selection = select(&table, &timing, true);
    let keys = key_times(&table, &selection, &timing);
    let segments = at_key_frames(&table, &selection, &timing, target, &keys);
    let lengths: Vec<u64> = pieces(&segments).iter().map(|piece| piece.1).collect();
    assert_eq!(lengths, expect, "{gops:?} at {target}");
    let samples: u64 = segments.iter().map(|s| u64::from(s.samples)).sum();
    assert_eq!(samples, table.count());
}

#[test]
fn plan_cuts_pictures_at_the_nearest_key_frame() {
    check(&[2000; 6], 4000, &[4000, 4000, 4000]);
    check(&[1000; 8], 4000, &[4000, 4000]);
    check(&[4000; 3], 4000, &[4000, 4000, 4000]);
    // 3 s is nearer to 4 s than 6 s is; 5 s as near as 3 s.
    check(&[3000; 4], 4000, &[3000, 3000, 3000, 3000]);
    check(&[2500; 6], 4000, &[5000, 5000, 2500, 2500]);
    check(&[500, 2000, 2000, 3500], 4000, &[4500, 3500]);
    check(&[500, 3200, 1400, 4000], 4000, &[3700, 5400]);
}

#[test]
fn plan_takes_long_and_irregular_groups_as_they_are() {
    check(&[10_000], 4000, &[10_000]);
    check(&[10_000, 10_000, 3000], 4000, &[10_000, 10_000, 3000]);
    check(&[7000, 1000, 1000, 1000, 9000], 4000, &[7000, 3000, 9000]);
    check(&[50; 200], 4000, &[4000, 4000, 2000]);
    check(&[50; 200], 100, &vec![100; 100]);
}

#[test]
fn plan_leaves_no_stray_tail() {
    check(&[2000, 2000, 2000, 2000, 1000], 4000, &[4000, 5000]);
    check(&[4000, 4000, 1950], 4000, &[4000, 5950]);
    check(&[4000, 4000, 2000], 4000, &[4000, 4000, 2000]);
    check(&[4000, 50], 4000, &[4050]);
    check(&[50], 4000, &[50]);
    check(&[1000], 4000, &[1000]);
}

/// Starts and lengths of the segments of a sound of `frames` frames of 20 ms, shown `shift` ms late.
fn check_sound(frames: usize, shift: i64, boundaries: &[i64], expect: &[(i64, u64)]) {
    let table = sound(frames);
    let timing = Timing { shift, end: None };
    let selection = select(&table, &timing, false);
    let segments = at_boundaries(&table, &selection, &timing, 4000, boundaries);
    let found = pieces(&segments);
    assert_eq!(found, expect, "{frames} frames, {shift}, {boundaries:?}");
    let ticks: u64 = found.iter().map(|piece| piece.1).sum();
    let dropped = selection.cursor.index;
    assert_eq!(ticks, (frames as u64 - dropped) * 20);
}

#[test]
fn plan_cuts_sound_within_a_frame_of_the_picture() {
    let boundaries = [4000, 8000, 10_000];
    check_sound(
        500,
        0,
        &boundaries,
        &[(0, 4000), (4000, 4000), (8000, 2000)],
    );
    // Boundaries between frames: to the nearer one.
    let odd = [4009, 8011, 10_000];
    check_sound(500, 0, &odd, &[(0, 4000), (4000, 4020), (8020, 1980)]);
    // Priming before the start.
    check_sound(
        500,
        -21,
        &boundaries,
        &[(-21, 4020), (3999, 4000), (7999, 1980)],
    );
}

#[test]
fn plan_cuts_no_sound_inside_a_segment_of_the_picture() {
    // One group of 10 s: the sound is whole, too.
    check_sound(500, 0, &[10_000], &[(0, 10_000)]);
    check_sound(1001, 0, &[10_000, 20_000], &[(0, 10_000), (10_000, 10_020)]);
}

#[test]
fn plan_joins_a_tail_of_sound() {
    // A few frames behind the picture's end, or behind its last cut.
    check_sound(
        503,
        0,
        &[4000, 8000, 10_000],
        &[(0, 4000), (4000, 4000), (8000, 2060)],
    );
    check_sound(403, 0, &[4000, 8000, 10_000], &[(0, 4000), (4000, 4060)]);
    // Sound that ends a little before the picture does keeps its own last segment.
    check_sound(
        495,
        0,
        &[4000, 8000, 10_000],
        &[(0, 4000), (4000, 4000), (8000, 1900)],
    );
    // Sound that goes on is cut by itself.
    let long = [(0, 4000), (4000, 4000), (8000, 4000), (12_000, 2000)];
    check_sound(700, 0, &[4000, 8000], &long);
}

#[test]
fn plan_cuts_late_sound_with_the_picture() {
    let boundaries = [4000, 8000, 12_000];
    check_sound(
        500,
        1000,
        &boundaries,
        &[(1000, 3000), (4000, 4000), (8000, 3000)],
    );
    // A start just before a cut makes no segment of its own.
    check_sound(300, 3500, &boundaries, &[(3500, 6000)]);
    check_sound(400, 3500, &boundaries, &[(3500, 4500), (8000, 3500)]);
    check_sound(100, 9000, &boundaries, &[(9000, 2000)]);
}

#[test]
fn plan_cuts_sound_without_a_picture_at_multiples() {
    check_sound(500, 0, &[], &[(0, 4000), (4000, 4000), (8000, 2000)]);
    check_sound(450, 0, &[], &[(0, 4000), (4000, 5000)]);
    check_sound(10, 0, &[], &[(0, 200)]);
    // Counted from the start of the presentation, not of the priming.
    check_sound(502, -40, &[], &[(-40, 4040), (4000, 4000), (8000, 2000)]);
}

/// What a selection holds: index of its first sample and behind its last.
fn check_selection(
    table: &SampleTable,
    timing: (i64, Option<i64>),
    video: bool,
    expect: (u64, u64),
) {
    let timing = Timing {
        shift: timing.0,
        end: timing.1,
    };
    let selection = select(table, &timing, video);
    assert_eq!(
        (selection.cursor.index, selection.end),
        expect,
        "{timing:?}"
    );
}

#[test]
fn plan_starts_a_trimmed_picture_at_the_key_frame_before() {
    let table = picture(&[2000, 2000, 2000]);
    check_selection(&table, (0, None), true, (0, 120));
    check_selection(&table, (-1950, None), true, (0, 120));
    check_selection(&table, (-2000, None), true, (40, 120));
    check_selection(&table, (-3000, None), true, (40, 120));
    check_selection(&table, (-3000, Some(1000)), true, (40, 80));
    check_selection(&table, (500, Some(1500)), true, (0, 20));
    // The reordering of B-frames: a picture that is shown before the end may be decoded behind others.
    let reordered = table_of_b_frames();
    check_selection(&reordered, (-50, Some(100)), true, (0, 3));
    check_selection(&reordered, (-50, Some(150)), true, (0, 3));
    check_selection(&reordered, (-50, Some(151)), true, (0, 5));
}

/// I P b P b, shown as I b P b P.
fn table_of_b_frames() -> SampleTable {
    table(&[
        (50, 50, true),
        (50, 100, false),
        (50, 0, false),
        (50, 100, false),
        (50, 0, false),
    ])
}

#[test]
fn plan_keeps_some_sound_before_a_trimmed_start() {
    let table = sound(500);
    check_selection(&table, (0, None), false, (0, 500));
    check_selection(&table, (-200, None), false, (0, 500));
    // Frames that end more than 200 ms before the start are left out.
    check_selection(&table, (-1000, None), false, (40, 500));
    check_selection(&table, (-1000, Some(2000)), false, (40, 150));
}

#[test]
fn plan_of_a_track_without_a_start_is_none() {
    let frames = table(&[(50, 0, false); 20]);
    let timing = Timing::default();
    assert!(Selection::of(&frames, &timing, 1000, true).is_none());
    let early = Timing {
        shift: -2000,
        end: None,
    };
    assert!(Selection::of(&sound(50), &early, 1000, false).is_none());
    let nothing = Timing {
        shift: 500,
        end: Some(400),
    };
    assert!(Selection::of(&sound(50), &nothing, 1000, false).is_none());
}

/// The output's decode time of the first sample and its edit's media time.
fn check_timeline(table: &SampleTable, shift: i64, expect: (u64, u64)) {
    let timing = Timing { shift, end: None };
    let selection = select(table, &timing, true);
    let keys = key_times(table, &selection, &timing);
    let segments = at_key_frames(table, &selection, &timing, 2000, &keys);
    let timeline = Timeline::starting_with(&segments, shift, selection.lowest_composition_offset);
    let first = segments[0].decode_time;
    assert_eq!((timeline.decode_time(first), timeline.media_time), expect);
    // Presentation times stay.
    let in_output = timeline.decode_time(first) as i64 - timeline.media_time as i64;
    assert_eq!(in_output, first as i64 + shift);
}

#[test]
fn plan_keeps_presentation_times_on_the_new_timeline() {
    let table = picture(&[2000, 2000, 2000]);
    check_timeline(&table, 0, (0, 0));
    check_timeline(&table, -50, (0, 50));
    check_timeline(&table, 500, (500, 0));
    check_timeline(&table, -3000, (0, 1000));
}
