//! Check 46: subtitles, and what manifests say of them.

use super::ensure;
use crate::package::Package;
use crate::reader::{descend, kinds, top_level};
use m3u8_rs::AlternativeMediaType;
use packager::{Rendition, TrackKind};
use std::collections::BTreeMap;

/// A cue as it stands in a file: times in milliseconds, and the other lines as they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileCue {
    pub start: u64,
    pub end: u64,
    pub id: String,
    pub settings: String,
    pub payload: String,
}

/// The head of a file (its blocks but cues) and its cues.
pub fn read(text: &str) -> (Vec<String>, Vec<FileCue>) {
    let mut head = Vec::new();
    let mut cues = Vec::new();
    for block in text
        .split("\n\n")
        .map(|block| block.trim_start_matches('\n'))
    {
        let (before, rest) = match block.split_once('\n') {
            Some((first, rest)) if !first.contains(" --> ") && rest.contains(" --> ") => {
                (first, rest)
            }
            _ => ("", block),
        };
        let (times, payload) = rest.split_once('\n').unwrap_or((rest, ""));
        let Some((start, end)) = times.split_once(" --> ") else {
            if !block.is_empty() {
                head.push(block.to_string());
            }
            continue;
        };
        let (end, settings) = end.split_once(' ').unwrap_or((end, ""));
        cues.push(FileCue {
            start: ms(start),
            end: ms(end),
            id: before.into(),
            settings: settings.into(),
            payload: payload.trim_end_matches('\n').into(),
        });
    }
    (head, cues)
}

fn ms(time: &str) -> u64 {
    let parts: Vec<u64> = time
        .split([':', '.'])
        .map(|part| part.parse().unwrap())
        .collect();
    let [hours, minutes, seconds, ms] = parts[..] else {
        panic!("check 46: {time}");
    };
    ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms
}

pub fn check(package: &Package) {
    let renditions = package.plan.renditions();
    let texts = renditions.iter().filter(|one| one.kind == TrackKind::Text);
    let mut count = 0;
    for rendition in texts {
        ensure(46, !rendition.encrypted, "text is encrypted");
        // HLS has no METHOD for some schemes: then there is none.
        let path = format!("{}/playlist.m3u8", rendition.name);
        match (package.manifests.get(&path), rendition.codec.as_str()) {
            (None, _) => {}
            (Some(playlist), "wvtt") => files(package, rendition, playlist),
            (Some(playlist), _) => documents(package, rendition, playlist),
        }
        of_mpd(package, rendition);
        count += 1;
    }
    multivariant(package, count);
}

/// Lengths of the segments of a playlist, in seconds, and their files.
fn segments(playlist: &str) -> Vec<(f64, String)> {
    let (_, read) = m3u8_rs::parse_media_playlist(playlist.as_bytes()).expect("check 46");
    ensure(46, read.end_list, "ENDLIST");
    let lengths = playlist
        .lines()
        .filter_map(|line| line.strip_prefix("#EXTINF:"));
    let lengths = lengths.map(|length| length.trim_end_matches(',').parse().unwrap());
    lengths
        .zip(read.segments.into_iter().map(|segment| segment.uri))
        .collect()
}

fn files(package: &Package, rendition: &Rendition, playlist: &str) {
    let files = package.files();
    let text = |name: &str| {
        let bytes = files.get(&format!("{}/{name}", rendition.name));
        String::from_utf8(bytes.expect("check 46: a file").clone()).expect("check 46: UTF-8")
    };
    ensure(46, !playlist.contains("#EXT-X-MAP"), "EXT-X-MAP");
    let leader = &package.plan.renditions()[0].name;
    let leading = segments(&package.manifests[&format!("{leader}/playlist.m3u8")]);
    let own = segments(playlist);
    let lengths = |list: &[(f64, String)]| list.iter().map(|one| one.0).collect::<Vec<_>>();
    let total = |list: &[(f64, String)]| lengths(list).iter().sum::<f64>();
    let sounds = package.plan.renditions().iter();
    let sounds = sounds.filter(|one| one.kind == TrackKind::Audio);
    let longest = sounds.map(|one| {
        total(&segments(
            &package.manifests[&format!("{}/playlist.m3u8", one.name)],
        ))
    });
    // Where sound begins before the picture or goes on behind it, so may text.
    let longest = longest.fold(total(&leading), f64::max);
    let inner = leading.len().saturating_sub(2);
    let cuts = |list: &[(f64, String)]| {
        lengths(list)
            .into_iter()
            .skip(1)
            .take(inner)
            .collect::<Vec<_>>()
    };
    ensure(
        46,
        cuts(&own) == cuts(&leading)
            && total(&own) >= total(&leading) - 1e-3
            && total(&own) <= longest + 0.1,
        "it is not cut as the picture is, or longer than picture and sound",
    );

    let (head, whole) = read(&text("subtitles.vtt"));
    ensure(46, head[0] == "WEBVTT", &head[0]);
    let mut times: BTreeMap<FileCue, usize> = BTreeMap::new();
    let mut at = 0.0;
    for (number, (length, uri)) in own.iter().enumerate() {
        let (of_segment, cues) = read(&text(uri));
        ensure(
            46,
            of_segment[0].starts_with("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000"),
            uri,
        );
        ensure(46, of_segment[1..] == head[1..], "blocks of styles differ");
        let (start, end) = (at * 1000.0, (at + length) * 1000.0);
        let touches = |cue: &FileCue| {
            let begins = number + 1 == own.len() || (cue.start as f64) < end + 0.5;
            (number == 0 || cue.end as f64 > start - 0.5) && begins
        };
        for cue in &cues {
            ensure(46, touches(cue), format!("{uri}: {cue:?}"));
            *times.entry(cue.clone()).or_default() += 1;
        }
        let inside =
            |cue: &&FileCue| cue.end as f64 > start + 1.0 && (cue.start as f64) < end - 1.0;
        for cue in whole.iter().filter(inside) {
            ensure(46, cues.contains(cue), format!("{uri} lacks {cue:?}"));
        }
        at += length;
    }
    for cue in &whole {
        ensure(46, times.remove(cue).is_some(), format!("{cue:?} is lost"));
    }
    ensure(46, times.is_empty(), format!("{times:?} are new"));
}

fn documents(package: &Package, rendition: &Rendition, playlist: &str) {
    let files = package.files();
    let name = &rendition.name;
    ensure(
        46,
        playlist.contains("#EXT-X-MAP:URI=\"init.mp4\""),
        "EXT-X-MAP",
    );
    for (_, uri) in segments(playlist) {
        ensure(46, files.contains_key(&format!("{name}/{uri}")), &uri);
    }
    let init = &files[&format!("{name}/init.mp4")];
    let boxes = top_level(init);
    let mdia = descend(&boxes[1], &[b"trak", b"mdia"]);
    let media = mdia.need(b"minf").unwrap();
    ensure(
        46,
        kinds(&media)[0] == "sthd",
        format!("{:?}", kinds(&media)),
    );
    let hdlr = mdia.need(b"hdlr").unwrap();
    ensure(46, &hdlr.body[8..12] == b"subt", "the handler");
    let entries = descend(&media, &[b"stbl", b"stsd"]);
    let entry = entries.children_after(8).next().unwrap().unwrap();
    ensure(46, entry.kind == b"stpp", entry.kind);
}

fn of_mpd(package: &Package, rendition: &Rendition) {
    let mpd = dash_mpd_core::parse(&package.manifests["stream.mpd"]).expect("check 36");
    let sets = &mpd.periods[0].adaptations;
    let set = sets.iter().find(|set| {
        let mut ids = set.representations.iter().map(|one| one.id.as_ref());
        ids.any(|id| id == Some(&rendition.name))
    });
    let set = set.expect("check 36: its AdaptationSet");
    ensure(
        36,
        set.contentType.as_deref() == Some("text"),
        "contentType",
    );
    ensure(31, set.ContentProtection.is_empty(), "text is protected");
    ensure(40, set.Role.len() == 1, "Role");
    let representation = &set.representations[0];
    let mime = set.mimeType.as_deref();
    match rendition.codec.as_str() {
        "wvtt" => {
            ensure(36, mime == Some("text/vtt"), "mimeType");
            let url = &representation.BaseURL[0].base;
            ensure(37, package.files().contains_key(url), url);
        }
        codec => {
            ensure(36, mime == Some("application/mp4"), "mimeType");
            ensure(9, representation.codecs.as_deref() == Some(codec), "codecs");
            ensure(
                37,
                representation.SegmentTemplate.is_some(),
                "SegmentTemplate",
            );
        }
    }
}

fn multivariant(package: &Package, count: usize) {
    let Some(text) = package.manifests.get("master.m3u8") else {
        return;
    };
    let (_, master) = m3u8_rs::parse_master_playlist(text.as_bytes()).expect("check 43");
    let media = master.alternatives.iter();
    let subtitles: Vec<_> = media
        .filter(|media| media.media_type == AlternativeMediaType::Subtitles)
        .collect();
    ensure(43, subtitles.len() == count, "EXT-X-MEDIA of subtitles");
    let mut names: Vec<_> = subtitles.iter().map(|media| &media.name).collect();
    names.sort();
    names.dedup();
    ensure(43, names.len() == count, "two subtitles of one name");
    for variant in master.variants.iter().filter(|one| !one.is_i_frame) {
        let group = variant.subtitles.as_ref();
        ensure(43, group.is_some() == (count > 0), "SUBTITLES");
        for media in &subtitles {
            ensure(43, group == Some(&media.group_id), "the group");
        }
    }
}
