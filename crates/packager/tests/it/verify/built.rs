//! Packages that are put together here: forms that other packagers write, of our own media.

use super::Files;
use crate::package::Package;
use bmff::Writer;
use std::fmt::Write as _;

/// The picture of a package in one file with an index, and an MPD with `SegmentBase`.
pub fn on_demand(package: &Package) -> Files {
    let files = package.rendition(0);
    let (init, segments) = files.split_first().unwrap();
    let text = &package.manifests["stream.mpd"];
    let attribute = |name: &str| {
        let start = text.find(&format!(" {name}=\"")).unwrap() + name.len() + 3;
        text[start..].split('"').next().unwrap().to_string()
    };
    let timescale: u32 = attribute("timescale").parse().unwrap();
    // The golden packages: two segments of 4 s and one of 2 s.
    let durations = [4, 4, 2].map(|seconds| seconds * timescale);
    assert_eq!(segments.len(), durations.len());
    let mut index = Writer::default();
    index.full(b"sidx", 0, 0, |w| {
        w.u32(1);
        w.u32(timescale);
        w.u32(0);
        w.u32(0);
        w.u16(0);
        w.u16(segments.len() as u16);
        for (segment, duration) in segments.iter().zip(durations) {
            w.u32(segment.len() as u32);
            w.u32(duration);
            w.u32(0x9000_0000);
        }
    });
    let index = index.into_bytes();
    let (first, last) = (init.len(), init.len() + index.len() - 1);
    let mpd = format!(
        r#"<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" type="static" mediaPresentationDuration="PT10S" minBufferTime="PT4S"><Period><AdaptationSet mimeType="video/mp4" subsegmentAlignment="true" subsegmentStartsWithSAP="1"><Representation id="v" bandwidth="100000" codecs="{}" width="320" height="192" sar="1:1" frameRate="30"><BaseURL>v.mp4</BaseURL><SegmentBase timescale="{timescale}" indexRange="{first}-{last}"><Initialization range="0-{}"/></SegmentBase></Representation></AdaptationSet></Period></MPD>"#,
        attribute("codecs"),
        first - 1
    );
    let media = [*init, &index, &segments.concat()].concat();
    Files(
        [
            ("stream.mpd".to_string(), mpd.into_bytes()),
            ("v.mp4".to_string(), media),
        ]
        .into(),
    )
}

/// A package with a playlist of its key pictures.
pub fn with_iframes(package: &Package) -> Files {
    let mut files = Files(package.files());
    let mut text = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:4\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-I-FRAMES-ONLY\n#EXT-X-MAP:URI=\"init.mp4\"\n".to_string();
    let playlist = &package.manifests["video/playlist.m3u8"];
    for line in playlist
        .lines()
        .filter(|line| line.starts_with("#EXT-X-KEY"))
    {
        writeln!(text, "{line}").unwrap();
    }
    let mut peak = 0;
    for (number, (segment, seconds)) in (1..).zip(package.rendition(0)[1..].iter().zip([4, 4, 2])) {
        let source = packager::MemorySource(segment.to_vec());
        let end = packager::ObjectFacts::read(&source).unwrap().key_picture;
        peak = peak.max(end * 8 / seconds);
        writeln!(
            text,
            "#EXTINF:{seconds}.000,\n#EXT-X-BYTERANGE:{end}@0\n{number}.m4s"
        )
        .unwrap();
    }
    text += "#EXT-X-ENDLIST\n";
    files
        .0
        .insert("video/iframes.m3u8".into(), text.into_bytes());
    let line = format!(
        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={peak},CODECS=\"avc1.64001f\",RESOLUTION=320x192,URI=\"video/iframes.m3u8\"\n"
    );
    files.bytes("master.m3u8").extend(line.into_bytes());
    files
}

/// A package with subtitles in segments.
pub fn with_subtitles(package: &Package) -> Files {
    let mut files = Files(package.files());
    let head = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n";
    let across = "00:03.000 --> 00:05.000\nacross the cut\n\n";
    let texts = [
        format!("{head}00:01.000 --> 00:02.000 line:0\nfirst\n\n{across}"),
        format!("{head}{across}00:06.000 --> 00:07.000\nthird\n"),
        head.to_string(),
    ];
    let mut playlist =
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:4\n#EXT-X-PLAYLIST-TYPE:VOD\n"
            .to_string();
    for (number, (text, seconds)) in (1..).zip(texts.into_iter().zip(["4.000", "4.000", "2.010"])) {
        writeln!(playlist, "#EXTINF:{seconds},\n{number}.vtt").unwrap();
        files
            .0
            .insert(format!("subs/{number}.vtt"), text.into_bytes());
    }
    playlist += "#EXT-X-ENDLIST\n";
    files
        .0
        .insert("subs/playlist.m3u8".into(), playlist.into_bytes());
    let line = "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"subs\",NAME=\"English\",LANGUAGE=\"en\",DEFAULT=NO,AUTOSELECT=YES,URI=\"subs/playlist.m3u8\"\n";
    files.replace(
        "master.m3u8",
        "#EXT-X-STREAM-INF:",
        &format!("{line}#EXT-X-STREAM-INF:SUBTITLES=\"subs\","),
    );
    files
}
