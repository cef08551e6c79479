//! Answers of ffprobe, and what is made of them.

use super::*;

fn only_video(answer: &str) -> (Track, Video) {
    let facts = facts(Container::Mp4, answer.as_bytes()).expect("facts");
    let track = facts.tracks[0].clone();
    match &track.kind {
        TrackKind::Video(video) => (track.clone(), video.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_becomes_facts() {
    let answer = br#"{"streams":[
        {"index":0,"codec_name":"vp8","codec_type":"video","width":720,"height":480,"pix_fmt":"yuv420p",
         "avg_frame_rate":"30000/1001","field_order":"tt","side_data_list":[{"rotation":-90}],
         "tags":{"language":"DEU"},"disposition":{"attached_pic":0}},
        {"index":1,"codec_name":"subrip","codec_type":"subtitle","tags":{"title":"English SDH"},
         "disposition":{"forced":1}}],
        "chapters":[{"start_time":"0.0","end_time":"1.5","tags":{"title":"One"}}],
        "format":{"duration":"8.27"}}"#;
    let facts = facts(Container::Matroska, answer).expect("facts");
    let TrackKind::Video(video) = &facts.tracks[0].kind else {
        panic!("{facts:?}");
    };
    assert_eq!((video.rotation, video.interlaced), (90, true));
    assert!((video.frame_rate - 29.97).abs() < 0.01);
    assert_eq!(facts.tracks[0].language, "deu");
    assert!(facts.tracks[1].forced && facts.tracks[1].hearing_impaired);
    assert_eq!((facts.seconds, facts.chapters.len()), (8.27, 1));
}

#[test]
fn what_is_too_much_is_refused() {
    let large = br#"{"streams":[{"codec_type":"video","width":65535,"height":65535}]}"#;
    let long = br#"{"format":{"duration":"9e9"}}"#;
    let many = format!("{{\"streams\":[{}]}}", vec!["{}"; 64].join(","));
    for (answer, limit) in [
        (&large[..], Limit::Pixels),
        (long, Limit::Duration),
        (many.as_bytes(), Limit::Tracks),
    ] {
        let error = facts(Container::Mp4, answer).expect_err("refused");
        assert!(
            matches!(error, Error::LimitExceeded(found) if found == limit),
            "{error}"
        );
    }
    assert!(facts(Container::Mp4, b"not JSON").is_err());
}

/// What ffprobe 5.1 says of `ts-moq-gst480i.ts`, shortened.
const TELEVISION: &str = r#"{"streams":[{"index":0,"codec_name":"h264","profile":"High 4:4:4 Predictive","codec_type":"video",
    "width":720,"height":480,"has_b_frames":2,"sample_aspect_ratio":"1:1","pix_fmt":"yuv444p10le","level":30,
    "color_range":"tv","color_space":"smpte170m","color_transfer":"smpte170m","color_primaries":"smpte170m",
    "field_order":"bb","refs":1,"r_frame_rate":"30000/1001","avg_frame_rate":"30000/1001","time_base":"1/90000",
    "start_time":"1.466722","bits_per_raw_sample":"10"}]}"#;

/// The same of an AV1 file with HDR, which tells no `bits_per_raw_sample`.
const HDR: &str = r#"{"streams":[{"index":0,"codec_name":"av1","profile":"Main","codec_type":"video","width":1920,
    "height":1080,"sample_aspect_ratio":"1:1","pix_fmt":"yuv420p10le","level":9,"color_range":"tv",
    "color_space":"bt2020nc","color_transfer":"smpte2084","color_primaries":"bt2020","r_frame_rate":"60000/1001",
    "avg_frame_rate":"60000/1001","start_time":"0.000000","side_data_list":[{
    "side_data_type":"Mastering display metadata","red_x":"33899/50000","red_y":"16099/50000","green_x":"12250/50000",
    "green_y":"35150/50000","blue_x":"6899/50000","blue_y":"2600/50000","white_point_x":"15634/50000",
    "white_point_y":"16449/50000","min_luminance":"0/10000","max_luminance":"10000000/10000"},
    {"side_data_type":"Content light level metadata","max_content":1100,"max_average":180}]}]}"#;

/// The same of `mkv-sample_with_srt.mkv`, whose pictures say not how long they last.
const VARIABLE: &str = r#"{"streams":[{"index":0,"codec_name":"h264","profile":"High","codec_type":"video","width":1080,
    "height":720,"sample_aspect_ratio":"1:1","pix_fmt":"yuv420p","level":52,"r_frame_rate":"60/1",
    "avg_frame_rate":"1000/1","bits_per_raw_sample":"8"}]}"#;

/// The same of `mov-jcodec-test.prores.mov`.
const ANAMORPHIC: &str = r#"{"streams":[{"index":0,"codec_name":"prores","profile":"Standard","codec_type":"video","width":180,
    "height":144,"sample_aspect_ratio":"16:15","pix_fmt":"yuv422p10le","level":-99,"color_range":"tv",
    "color_space":"smpte170m","field_order":"progressive","r_frame_rate":"48000/1001","avg_frame_rate":"48000/1001",
    "start_time":"0.000000","bits_per_raw_sample":"10"}]}"#;

/// Put together of answers that tell little.
const LITTLE: &str = r#"{"streams":[{"index":0,"codec_name":"vp8","profile":"0","codec_type":"video","width":720,"height":480,
    "sample_aspect_ratio":"0:1","pix_fmt":"yuv420p","level":-99,"color_space":"unknown","r_frame_rate":"30/1",
    "avg_frame_rate":"359/12"}]}"#;

#[test]
fn a_picture_is_told_whole() {
    let (track, video) = only_video(TELEVISION);
    assert!((track.start - 1.466722).abs() < 1e-9);
    assert_eq!((video.bit_depth, video.level), (10, 30));
    assert_eq!(video.profile, "High 4:4:4 Predictive");
    assert_eq!(video.rate, Some((30_000, 1001)));
    assert!(video.interlaced && !video.is_hdr());
    let colours = [
        &video.primaries,
        &video.matrix,
        &video.transfer,
        &video.range,
    ];
    assert_eq!(colours, ["smpte170m", "smpte170m", "smpte170m", "tv"]);

    let (_, video) = only_video(ANAMORPHIC);
    assert!((video.pixel_aspect - 16.0 / 15.0).abs() < 1e-9);
    assert_eq!((video.bit_depth, video.level), (10, 0));
    assert!(!video.interlaced);

    let (_, video) = only_video(HDR);
    assert_eq!((video.bit_depth, video.level), (10, 9));
    assert!(video.is_hdr() && !video.interlaced);
    let light = video.light.expect("light");
    let display = "G(12250,35150)B(6899,2600)R(33899,16099)WP(15634,16449)L(10000000,0)";
    assert_eq!(light.display.as_deref(), Some(display));
    assert_eq!(light.content.as_deref(), Some("1100,180"));
    assert_eq!(video.rate, Some((60_000, 1001)));
}

#[test]
fn a_rate_that_varies_or_is_not_told_is_none() {
    let (_, video) = only_video(VARIABLE);
    assert_eq!((video.rate, video.frame_rate), (None, 60.0));
    let (_, video) = only_video(LITTLE);
    assert_eq!((video.rate, video.pixel_aspect), (None, 1.0));
    assert!((video.frame_rate - 359.0 / 12.0).abs() < 1e-9);
    assert_eq!((video.bit_depth, video.level), (8, 0));
    assert!(video.matrix.is_empty());
}

#[test]
fn depth_is_read_from_the_name_of_a_pixel_format() {
    for (name, depth) in [
        ("yuv420p", 8),
        ("yuv422p10le", 10),
        ("p010le", 10),
        ("gray12be", 12),
        ("yuva444p16be", 16),
        ("rgb24", 8),
        ("nv12", 8),
        ("bgr0", 8),
        ("", 8),
    ] {
        let found = Stream {
            pix_fmt: name.to_owned(),
            ..Stream::default()
        };
        assert_eq!(bit_depth(&found), depth, "{name}");
    }
}
