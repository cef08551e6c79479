//! Addresses of segments, single files, I-frame playlists and trick mode.

use super::{check, picture, presentation, protected, segments, sound};
use crate::Scheme;
use crate::presentation::{Files, Presentation};

/// The picture and the sound in a file each, behind an init segment of 700 bytes and an index of 100.
fn single_files() -> Presentation<'static> {
    let mut renditions = vec![picture(), sound("audio-eng", "eng")];
    for rendition in &mut renditions {
        rendition.files = Files::Single {
            init: 700,
            index: 100,
        };
        for (number, segment) in (0..).zip(&mut rendition.segments) {
            segment.offset = 800 + number * 1000;
        }
    }
    presentation(renditions)
}

/// Whether the MPD of a picture with these segments counts them instead of listing them.
#[track_caller]
fn check_counted(times: &[(u64, u64)], offset: u64, total: f64, counted: bool) {
    let mut presentation = presentation(vec![picture()]);
    presentation.duration = total;
    let rendition = &mut presentation.sets[0].renditions[0];
    rendition.segments = segments(times);
    rendition.presentation_time_offset = offset;
    rendition.trick_mode = false;
    let length = format!(r#"startNumber="1" duration="{}"/>"#, times[0].1);
    match counted {
        true => check(
            &presentation,
            "stream.mpd",
            &[&length],
            &["SegmentTimeline"],
        ),
        false => check(
            &presentation,
            "stream.mpd",
            &["<SegmentTimeline>"],
            &[&length],
        ),
    }
}

#[test]
fn manifest_counts_segments_only_where_that_is_exact() {
    let even = [(0, 4000), (4000, 4000), (8000, 4000)];
    check_counted(&even, 0, 12.0, true);
    check_counted(&[(0, 4000), (4000, 4000), (8000, 40)], 0, 8.04, true);
    // Another rendition ends later: a fourth segment would be asked for. Earlier: the third would not.
    check_counted(&even, 0, 12.001, false);
    check_counted(&even, 0, 8.0, false);
    // A time that starts late, as the presentation does; and later than the presentation.
    let late = [(500, 4000), (4500, 4000), (8500, 1000)];
    check_counted(&late, 500, 9.0, true);
    check_counted(&late, 0, 9.5, false);
    // Segments that differ, also when only the last one is longer.
    check_counted(&[(0, 4000), (4000, 4001), (8001, 1000)], 0, 9.001, false);
    check_counted(&[(0, 4000), (4000, 4000), (8000, 5000)], 0, 13.0, false);
    // One segment has no length that others could have.
    check_counted(&[(0, 4000)], 0, 4.0, false);
    // 3.003 / 1.001 is a little more than 3 in floating point.
    let odd = [(0, 1001), (1001, 1001), (2002, 1001)];
    check_counted(&odd, 0, 3.003, false);
}

#[test]
fn manifest_of_single_files_names_ranges() {
    let single = single_files();
    check(
        &single,
        "stream.mpd",
        &[
            r#"profiles="urn:mpeg:dash:profile:isoff-on-demand:2011,urn:mpeg:dash:profile:cmaf:2019,urn:mpeg:dash:profile:full:2011""#,
            r#"maxSubsegmentDuration="PT4S""#,
            r#"subsegmentAlignment="true" subsegmentStartsWithSAP="1">"#,
            "<BaseURL>video.mp4</BaseURL>",
            "<BaseURL>audio-eng.mp4</BaseURL>",
            r#"<SegmentBase timescale="1000" indexRange="700-799" indexRangeExact="true">"#,
            r#"<Initialization range="0-699"/>"#,
        ],
        &["isoff-live", "SegmentTemplate", "maxSegmentDuration"],
    );
    check(
        &single,
        "video.m3u8",
        &[
            "#EXT-X-MAP:URI=\"video.mp4\",BYTERANGE=\"700@0\"\n",
            "#EXTINF:4.000000,\n#EXT-X-BYTERANGE:1000@800\nvideo.mp4\n",
            "#EXTINF:1.999000,\n#EXT-X-BYTERANGE:1000@2800\nvideo.mp4\n#EXT-X-ENDLIST\n",
        ],
        &["m4s"],
    );
    check(
        &single,
        "master.m3u8",
        &[
            "\nvideo.m3u8\n",
            "URI=\"audio-eng.m3u8\"",
            "URI=\"video-iframes.m3u8\"",
        ],
        &["playlist.m3u8"],
    );
    let range = "#EXT-X-BYTERANGE:100@1800\nvideo.mp4\n";
    check(&single, "video-iframes.m3u8", &[range], &[]);
}

#[test]
fn manifest_of_key_pictures_lasts_from_one_to_the_next() {
    let mut open = protected(Scheme::Cbcs);
    let rendition = &mut open.sets[0].renditions[0];
    // Two pictures are shown before the second key picture; the third one is larger.
    rendition.segments[1].key_shown = 4080;
    rendition.segments[2].key_picture = 200;
    check(
        &open,
        "video/iframes.m3u8",
        &[
            "#EXT-X-TARGETDURATION:4\n",
            "#EXT-X-I-FRAMES-ONLY\n#EXT-X-KEY:METHOD=SAMPLE-AES,",
            "\n#EXT-X-MAP:URI=\"iframes.mp4\"\n",
            "#EXTINF:4.080000,\n#EXT-X-BYTERANGE:100@0\n1.m4s\n",
            "#EXTINF:3.920000,\n#EXT-X-BYTERANGE:100@0\n2.m4s\n",
            "#EXTINF:1.999000,\n#EXT-X-BYTERANGE:200@0\n3.m4s\n#EXT-X-ENDLIST\n",
        ],
        &[],
    );
    // 200 bytes in 1.999 s, 400 in 9.999 s.
    let variant = "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=801,AVERAGE-BANDWIDTH=321,CODECS=\"avc1.64001f\",RESOLUTION=768x576,URI=\"video/iframes.m3u8\"\n";
    check(&open, "master.m3u8", &[variant], &[]);
}

#[test]
fn manifest_lists_key_pictures_in_a_set_of_their_own() {
    let sealed = protected(Scheme::Cenc);
    check(
        &sealed,
        "stream.mpd",
        &[
            "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019,urn:mpeg:dash:profile:full:2011",
            r#"<AdaptationSet id="2" profiles="urn:mpeg:dash:profile:full:2011" contentType="video" mimeType="video/mp4" par="4:3" segmentAlignment="true" startWithSAP="1">
      <ContentProtection schemeIdUri="urn:mpeg:dash:mp4protection:2011" value="cenc""#,
            r#"<EssentialProperty schemeIdUri="http://dashif.org/guidelines/trickmode" value="0"/>"#,
            // 1.999 s at 29.97 frames a second; three pictures in 9.999 s.
            r#"<Representation id="video-key-pictures" bandwidth="401" codecs="avc1.64001f" width="720" height="576" frameRate="3/10" sar="16:15" maxPlayoutRate="59" codingDependency="false">"#,
            r#"<SegmentList timescale="1000">
          <Initialization sourceURL="video/iframes.mp4"/>
          <SegmentTimeline>
            <S t="0" d="4000" r="1"/>
            <S d="1999"/>
          </SegmentTimeline>
          <SegmentURL media="video/1.m4s" mediaRange="0-99"/>
          <SegmentURL media="video/2.m4s" mediaRange="0-99"/>"#,
        ],
        &[],
    );
    let single = single_files();
    check(
        &single,
        "stream.mpd",
        &[
            r#"codingDependency="false">
        <BaseURL>video.mp4</BaseURL>
        <SegmentList timescale="1000">
          <Initialization sourceURL="video-iframes.mp4"/>"#,
            r#"<SegmentURL mediaRange="800-899"/>"#,
            r#"<SegmentURL mediaRange="2800-2899"/>"#,
        ],
        &[],
    );
    let mut none = protected(Scheme::Cenc);
    none.sets[0].renditions[0].trick_mode = false;
    let absent = ["trickmode", "SegmentList", "profile:full"];
    check(&none, "stream.mpd", &[], &absent);
}
