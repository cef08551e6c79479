//! Verdicts.

use super::*;
use crate::Container;

fn track(index: u32, codec: &str, kind: TrackKind) -> Track {
    Track {
        index,
        codec: codec.into(),
        language: "und".into(),
        title: String::new(),
        forced: false,
        hearing_impaired: false,
        bit_rate: 0,
        start: 0.0,
        kind,
    }
}

fn video(pixel_format: &str, transfer: &str) -> TrackKind {
    TrackKind::Video(Video {
        width: 640,
        height: 360,
        pixel_aspect: 1.0,
        pixel_format: pixel_format.into(),
        bit_depth: 8,
        profile: String::new(),
        level: 0,
        frame_rate: 25.0,
        rate: Some((25, 1)),
        interlaced: false,
        rotation: 0,
        transfer: transfer.into(),
        primaries: String::new(),
        matrix: String::new(),
        range: String::new(),
        light: None,
    })
}

fn audio() -> TrackKind {
    TrackKind::Audio(Audio {
        channels: 2,
        sample_rate: 48_000,
    })
}

fn treatments(tracks: Vec<Track>, complaints: &Complaints) -> Vec<Treatment> {
    let facts = Facts {
        container: Container::Matroska,
        seconds: 1.0,
        tracks,
        chapters: Vec::new(),
    };
    let judged = judge(&facts, complaints).expect("a verdict");
    for verdict in &judged.verdicts {
        let silent = matches!(verdict.treatment, Treatment::Copy | Treatment::ToWebVtt);
        assert_eq!(verdict.reason.is_none(), silent, "{verdict:?}");
    }
    judged
        .verdicts
        .iter()
        .map(|verdict| verdict.treatment)
        .collect()
}

#[test]
fn each_track_is_treated_as_it_needs() {
    use Treatment::{Copy, LeaveOut, ToAac, ToH264, ToHevc, ToWebVtt};
    let sdr = || video("yuv420p", "bt709");
    for (codec, kind, expect) in [
        ("h264", sdr(), Copy),
        ("h264", video("yuv422p", ""), ToH264),
        ("h264", video("yuv420p10le", "bt709"), ToH264),
        ("hevc", video("yuv420p10le", "smpte2084"), Copy),
        ("prores", video("yuv422p10le", "smpte2084"), ToHevc),
        ("vp8", sdr(), ToH264),
    ] {
        let tracks = vec![track(0, codec, kind)];
        assert_eq!(
            treatments(tracks, &Complaints::default()),
            [expect],
            "{codec}"
        );
    }
    let tracks = || {
        vec![
            track(0, "vp9", sdr()),
            track(1, "vorbis", audio()),
            track(2, "mp3", audio()),
            track(3, "subrip", TrackKind::Text(Text::Characters)),
            track(4, "hdmv_pgs_subtitle", TrackKind::Text(Text::Pictures)),
            track(5, "png", TrackKind::Cover),
        ]
    };
    assert_eq!(
        treatments(tracks(), &Complaints::default()),
        [Copy, ToAac, ToAac, ToWebVtt, LeaveOut, LeaveOut]
    );
    assert_eq!(treatments(tracks(), &Complaints::everything())[0], ToH264);
    assert_eq!(
        treatments(vec![track(0, "mp3", audio())], &Complaints::default()),
        [Copy]
    );
}

#[test]
fn a_profile_above_high_is_encoded_anew_whatever_its_pixels_are() {
    use Treatment::{Copy, ToH264};
    for (codec, profile, expect) in [
        ("h264", "High", Copy),
        ("h264", "Constrained Baseline", Copy),
        ("h264", "High 10", ToH264),
        ("h264", "High 10 Intra", ToH264),
        ("h264", "High 4:2:2", ToH264),
        ("h264", "High 4:4:4 Predictive", ToH264),
        ("h264", "CAVLC 4:4:4", ToH264),
        ("hevc", "Main 10", Copy),
    ] {
        let mut kind = video("yuv420p", "bt709");
        if let TrackKind::Video(video) = &mut kind {
            video.profile = profile.into();
        }
        let tracks = vec![track(0, codec, kind)];
        let found = treatments(tracks, &Complaints::default());
        assert_eq!(found, [expect], "{codec} {profile}");
    }
}

#[test]
fn complaints_are_heard_of_the_tracks_that_they_are_about() {
    use Treatment::{Copy, CopyWithLevel, ToAac, ToH264};
    let tracks = |codec: &str| {
        vec![
            track(0, codec, video("yuv420p", "")),
            track(1, "aac", audio()),
        ]
    };
    let says = |text: &str| Some(text.to_owned());
    let level = Complaints {
        level: says("says level 1.0"),
        ..Complaints::default()
    };
    assert_eq!(treatments(tracks("h264"), &level), [CopyWithLevel, Copy]);
    assert_eq!(treatments(tracks("vp9"), &level), [Copy, Copy]);
    let pictures = Complaints {
        pictures: says("has no key picture for 60 s"),
        ..level.clone()
    };
    assert_eq!(treatments(tracks("h264"), &pictures), [ToH264, Copy]);
    let all = pictures.or(Complaints::everything());
    assert_eq!(all.pictures, says("has no key picture for 60 s"));
    assert_eq!(treatments(tracks("h264"), &all), [ToH264, ToAac]);
    let loud = Complaints {
        loudness: Some(-23.0),
        ..Complaints::default()
    };
    assert_eq!(treatments(tracks("h264"), &loud), [Copy, ToAac]);
}
