//! Checks 30, 31, 36–38, 41–44: manifests, read by other people's readers.

use super::addresses::{Addresses, Files};
use super::{Checked, ensure, key_pictures};
use crate::package::Package;
use crate::reader::{Init, Segment, nal_units, top_level};
use base64::Engine as _;
use dash_mpd_core::{AdaptationSet, MPD, Representation};
use m3u8_rs::{
    AlternativeMediaType, ByteRange, KeyMethod, MasterPlaylist, MediaPlaylist, MediaPlaylistType,
    VariantStream,
};
use packager::{KeyId, Scheme};

const CLEAR_KEY: &str = "urn:uuid:e2719d58-a985-b3c9-781a-b030af78d30e";

pub fn check_dash(package: &Package, renditions: &[Checked<'_>]) {
    let text = &package.manifests["stream.mpd"];
    let mpd = dash_mpd_core::parse(text).expect("check 36: the MPD parses");
    document(&mpd, package.is_single_file());
    let files = package.files();
    let [period] = mpd.periods.as_slice() else {
        panic!("check 36: one Period is due");
    };
    let all = period.adaptations.iter();
    let all: Vec<_> = all
        .filter(|set| set.contentType.as_deref() != Some("text"))
        .collect();
    let sets = all.into_iter();
    let sets: Vec<_> = sets
        .filter(|set| !key_pictures::is_trick_mode(set))
        .collect();
    let count: usize = sets.iter().map(|set| set.representations.len()).sum();
    ensure(36, count == renditions.len(), "Representations");
    let mut ids: Vec<_> = period.adaptations.iter().map(|set| &set.id).collect();
    ids.sort();
    ids.dedup();
    ensure(36, ids.len() == period.adaptations.len(), "unique ids");
    let mut longest: f64 = 0.0;
    let mut end: f64 = 0.0;
    for rendition in renditions {
        let (set, representation) = representation_of(rendition, &sets);
        let kind = if rendition.read.init.is_video() {
            "video"
        } else {
            "audio"
        };
        let mime = format!("{kind}/mp4");
        ensure(36, set.mimeType.as_ref() == Some(&mime), "mimeType");
        ensure(36, set.contentType.as_deref() == Some(kind), "contentType");
        ensure(
            9,
            representation.codecs.as_deref() == Some(rendition.codec),
            "codecs",
        );
        ensure(
            36,
            representation.bandwidth.is_some_and(|b| b > 0),
            "bandwidth",
        );
        let of_set = |other: &&Checked<'_>| {
            let mut ids = set.representations.iter().map(|one| one.id.as_deref());
            ids.any(|id| id == Some(other.name))
        };
        let sap = renditions.iter().filter(of_set).map(sap_type).max();
        alignment(set, package.is_single_file(), sap);
        protection(package, set, rendition);
        let addresses = Addresses::of(&files, &mpd, representation, rendition);
        let (of_segments, of_track) = timeline(&addresses, rendition);
        longest = longest.max(of_segments);
        end = end.max(of_track);
    }
    all_are_listed(&files, package);
    key_pictures::check_dash(package, &mpd, renditions);
    let most = match package.is_single_file() {
        true => mpd.maxSubsegmentDuration,
        false => mpd.maxSegmentDuration,
    };
    let most = most.expect("check 37").as_secs_f64();
    ensure(
        37,
        longest <= most + 1e-3,
        format!("a segment of {longest} s, {most} s"),
    );
    presented_length(&mpd, renditions, end);
}

/// The Representation of a rendition, and its set.
fn representation_of<'a>(
    rendition: &Checked<'_>,
    sets: &[&'a AdaptationSet],
) -> (&'a AdaptationSet, &'a Representation) {
    let mut found = sets.iter().filter_map(|set| {
        let mut inside = set.representations.iter();
        let found = inside.find(|one| one.id.as_deref() == Some(rendition.name));
        found.map(|representation| (*set, representation))
    });
    found.next().expect("check 36: its Representation")
}

/// Check 38: the MPD's duration reaches from the first picture or sound to the last, at `end` seconds.
fn presented_length(mpd: &MPD, renditions: &[Checked<'_>], end: f64) {
    let offset = presentation_offset(renditions);
    let total = mpd.mediaPresentationDuration.unwrap().as_secs_f64();
    let frame = renditions.iter().map(Checked::frame).fold(0.0, f64::max);
    let off = (total - (end - offset)).abs();
    ensure(
        38,
        off <= frame + 1e-3,
        format!("{total} s, tracks end at {end} s"),
    );
}

/// The highest SAP type of the segments: 2 when pictures are shown before the key frame of their segment, 3 when
/// that is no IDR or BLA picture.
fn sap_type(rendition: &Checked<'_>) -> u64 {
    let init = &rendition.read.init;
    let segments = rendition.clear.segments.iter();
    let types = segments.map(|segment| sap_type_of(segment, init));
    types.max().unwrap_or(1)
}

/// The SAP type of a clear segment.
pub fn sap_type_of(segment: &Segment, init: &Init) -> u64 {
    let key = &segment.samples[0];
    match segment.start(init) < key.shown(init) {
        true if starts_anew(init, &key.data) => 2,
        true => 3,
        false => 1,
    }
}

/// Whether a sample of H.264 or HEVC begins with an IDR or BLA picture.
fn starts_anew(init: &Init, sample: &[u8]) -> bool {
    let is_hevc = !init.hevc_record.is_empty();
    let length_size = match is_hevc {
        true => init.hevc_record[21],
        false => init.avc_record[4],
    };
    let units = nal_units(sample, usize::from(length_size & 3) + 1);
    units.iter().any(|(_, unit)| match is_hevc {
        true => (17..=20).contains(&(unit[0] >> 1 & 0x3f)),
        false => unit[0] & 0x1f == 5,
    })
}

/// When the presentation starts on the tracks' common timeline, in seconds.
fn presentation_offset(renditions: &[Checked<'_>]) -> f64 {
    let starts = renditions.iter().map(|rendition| {
        let init = &rendition.read.init;
        rendition.seconds(rendition.read.segments[0].start(init).max(0))
    });
    starts.fold(f64::INFINITY, f64::min)
}

/// Check 37: nothing lies in the package but what manifests name; what they name was looked at.
fn all_are_listed(files: &Files, package: &Package) {
    let mut due: Vec<String> = package.manifests.keys().cloned().collect();
    due.extend(
        package
            .objects
            .keys()
            .map(|object| package.plan.path(*object)),
    );
    due.sort();
    due.dedup();
    let found: Vec<String> = files.keys().cloned().collect();
    ensure(37, found == due, format!("{found:?}"));
}

fn alignment(set: &AdaptationSet, single_file: bool, sap: Option<u64>) {
    let (aligned, start) = match single_file {
        true => (set.subsegmentAlignment, set.subsegmentStartsWithSAP),
        false => (set.segmentAlignment, set.startWithSAP),
    };
    ensure(40, aligned == Some(true), "alignment");
    ensure(15, start == sap, "startWithSAP");
}

fn document(mpd: &MPD, single_file: bool) {
    ensure(36, mpd.mpdtype.as_deref() == Some("static"), "type");
    ensure(36, mpd.mediaPresentationDuration.is_some(), "the duration");
    ensure(36, mpd.minBufferTime.is_some(), "minBufferTime");
    ensure(36, mpd.minimumUpdatePeriod.is_none(), "minimumUpdatePeriod");
    ensure(
        36,
        mpd.timeShiftBufferDepth.is_none(),
        "timeShiftBufferDepth",
    );
    let profiles = mpd.profiles.as_deref().unwrap_or_default();
    let profile = match single_file {
        true => "isoff-on-demand:2011",
        false => "isoff-live:2011",
    };
    ensure(36, profiles.contains(profile), "profiles");
}

fn protection(package: &Package, set: &AdaptationSet, rendition: &Checked<'_>) {
    let found = &set.ContentProtection;
    let Some(scheme) = &rendition.read.init.scheme else {
        ensure(31, found.is_empty(), "a clear set is protected");
        return;
    };
    let tenc = rendition.read.init.tenc().expect("check 30: a key");
    let kid = KeyId(tenc.kid).uuid();
    for element in found {
        ensure(
            30,
            element.default_KID.as_ref() == Some(&kid),
            "default_KID",
        );
    }
    let (common, clear_key) = match found.as_slice() {
        [common, clear_key] if rendition.kids().len() <= 1 => (common, clear_key),
        // Where keys change, players learn of all of them from an element of the common system.
        [common, clear_key, all] if rendition.kids().len() > 1 => {
            let system = "urn:uuid:1077efec-c0b2-4d02-ace3-3c1e52e2fb4b";
            ensure(31, all.schemeIdUri == system, "the common system");
            let boxes = top_level(rendition.files[0]);
            let pssh = boxes[1].need(b"pssh").unwrap();
            let start = pssh.offset as usize;
            let whole = &rendition.files[0][start..start + pssh.size() as usize];
            let texts: Vec<_> = all.cenc_pssh.iter().map(|pssh| &pssh.content).collect();
            let same = texts
                == [&Some(
                    base64::engine::general_purpose::STANDARD.encode(whole),
                )];
            ensure(31, same, "cenc:pssh is not that of the init segment");
            (common, clear_key)
        }
        _ => panic!("check 31: {} ContentProtection elements", found.len()),
    };
    let id = common.schemeIdUri.as_str();
    ensure(31, id == "urn:mpeg:dash:mp4protection:2011", id);
    let fourcc = scheme.scheme_type.to_string();
    ensure(31, common.value.as_ref() == Some(&fourcc), "the scheme");
    ensure(31, clear_key.schemeIdUri == CLEAR_KEY, "the key system");
    let url = clear_key
        .clearkey_laurl
        .as_ref()
        .or(clear_key.laurl.as_ref());
    let url = url.and_then(|url| url.content.as_ref());
    ensure(
        31,
        url == package.options.license_url.as_ref(),
        "the licence URL",
    );
}

/// Gives the longest segment and the end of the track, in seconds.
fn timeline(addresses: &Addresses<'_>, rendition: &Checked<'_>) -> (f64, f64) {
    let init = &rendition.read.init;
    let segments = &addresses.segments;
    let same = addresses.initialization == rendition.files[0];
    ensure(37, same, "the init segment");
    ensure(
        37,
        segments.len() == rendition.read.segments.len(),
        "segments",
    );
    let mut due = segments[0].start;
    let longest = rendition.read.samples().map(|s| s.duration).max().unwrap();
    for (index, (told, segment)) in segments.iter().zip(&rendition.read.segments).enumerate() {
        let media = &told.name;
        ensure(37, told.bytes == rendition.files[index + 1], media);
        ensure(
            37,
            told.start == due,
            format!("{media}: a gap or an overlap"),
        );
        due += told.length;
        let (t, d) = (told.start, told.length);
        let start = segment.start(init).max(0) as u64;
        ensure(
            37,
            t == start,
            format!("{media} at {t}, its first sample at {start}"),
        );
        let trimmed = start as i64 - segment.start(init);
        let ticks = (segment.ticks() as i64 - trimmed).max(1);
        let last = index + 1 == segments.len();
        let off = ticks - d as i64;
        // An edit list may cut off the end of the last segment; pictures that were cut off leave holes.
        let holes = if last { 3 } else { 1 };
        let right = off.unsigned_abs() <= holes * u64::from(longest) || (last && off > 0);
        ensure(
            37,
            right,
            format!("{media} lasts {ticks}, the MPD says {d}"),
        );
    }
    ensure(
        37,
        addresses.offset <= segments[0].start,
        "presentationTimeOffset",
    );
    let most = segments.iter().map(|told| told.length).max().unwrap();
    (
        rendition.seconds(most as i64),
        rendition.seconds(due as i64),
    )
}

pub fn check_hls(package: &Package, renditions: &[Checked<'_>]) {
    if matches!(package.options.scheme, Some(Scheme::Cens | Scheme::Cbc1)) {
        let paths: Vec<_> = package.manifests.keys().collect();
        ensure(44, paths == ["stream.mpd"], format!("{paths:?}"));
        let told = |warning: &packager::Warning| warning.0.contains("no HLS playlists");
        ensure(44, package.plan.warnings().iter().any(told), "no warning");
        return;
    }
    let text = &package.manifests["master.m3u8"];
    let (_, master) = m3u8_rs::parse_master_playlist(text.as_bytes()).expect("check 43");
    head(text, 43);
    multivariant(&master, renditions);
    key_pictures::check_hls(package, &master, renditions);
    let mut targets = Vec::new();
    for rendition in renditions {
        let path = match package.is_single_file() {
            true => format!("{}.m3u8", rendition.name),
            false => format!("{}/playlist.m3u8", rendition.name),
        };
        let text = &package.manifests[&path];
        let (_, playlist) = m3u8_rs::parse_media_playlist(text.as_bytes()).expect("check 41");
        head(text, 41);
        media_playlist(package, text, &playlist, rendition);
        keys(package, text, &playlist, rendition);
        targets.push(playlist.target_duration);
    }
    ensure(
        42,
        targets.windows(2).all(|pair| pair[0] == pair[1]),
        "target durations",
    );
}

fn head(text: &str, number: u32) {
    ensure(number, text.starts_with("#EXTM3U\n"), "the first line");
    let versions: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("#EXT-X-VERSION"))
        .collect();
    ensure(
        number,
        versions == ["#EXT-X-VERSION:7"],
        format!("{versions:?}"),
    );
}

fn multivariant(master: &MasterPlaylist, renditions: &[Checked<'_>]) {
    let independent = renditions.iter().all(|one| sap_type(one) < 3);
    ensure(
        43,
        master.independent_segments == independent,
        "INDEPENDENT-SEGMENTS",
    );
    let (pictures, sounds): (Vec<&Checked<'_>>, Vec<_>) = renditions
        .iter()
        .partition(|rendition| rendition.read.init.is_video());
    let of_sound = master.alternatives.iter();
    let of_sound = of_sound.filter(|media| media.media_type == AlternativeMediaType::Audio);
    let mut groups: Vec<_> = of_sound.map(|media| &media.group_id).collect();
    groups.dedup();
    let due = pictures.len().max(1) * groups.len().max(1);
    let variants = master.variants.iter();
    let variants: Vec<_> = variants.filter(|variant| !variant.is_i_frame).collect();
    // Sounds alone, in several codecs and no groups, are variants themselves.
    let right = match pictures.is_empty() && groups.is_empty() {
        true => (1..=sounds.len()).contains(&variants.len()),
        false => variants.len() == due,
    };
    ensure(43, right, format!("{due} variants are due"));
    let variants_hold_all = variants.len() == 1;
    for variant in variants {
        check_variant(variant, !pictures.is_empty(), master);
        if variants_hold_all {
            let codecs = variant.codecs.as_deref().unwrap_or_default();
            let all = renditions
                .iter()
                .all(|rendition| codecs.split(',').any(|codec| codec == rendition.codec));
            ensure(43, all, codecs);
        }
    }
    if !pictures.is_empty() {
        ensure(43, groups.is_empty() == sounds.is_empty(), "EXT-X-MEDIA");
    }
}

fn check_variant(variant: &VariantStream, has_video: bool, master: &MasterPlaylist) {
    ensure(43, variant.bandwidth > 0, "BANDWIDTH");
    let average = variant
        .average_bandwidth
        .expect("check 43: AVERAGE-BANDWIDTH");
    ensure(
        43,
        average <= variant.bandwidth,
        "an average above the peak",
    );
    ensure(43, variant.resolution.is_some() == has_video, "RESOLUTION");
    ensure(43, variant.frame_rate.is_some() == has_video, "FRAME-RATE");
    if let Some(group) = &variant.audio {
        let mut names = Vec::new();
        let members = master.alternatives.iter().filter(|m| m.group_id == *group);
        for media in members.clone() {
            ensure(43, !names.contains(&&media.name), "two of one name");
            ensure(43, media.channels.is_some() && media.autoselect, "CHANNELS");
            names.push(&media.name);
        }
        ensure(43, !names.is_empty(), "the group has no member");
        ensure(43, members.filter(|m| m.default).count() == 1, "DEFAULT");
    }
}

fn media_playlist(
    package: &Package,
    text: &str,
    playlist: &MediaPlaylist,
    rendition: &Checked<'_>,
) {
    ensure(41, playlist.end_list, "ENDLIST");
    let vod = playlist.playlist_type == Some(MediaPlaylistType::Vod);
    ensure(41, vod, "PLAYLIST-TYPE");
    ensure(42, text.matches("#EXT-X-MAP:").count() == 1, "EXT-X-MAP");
    let map = playlist.segments[0].map.as_ref();
    let map = map.expect("check 42: EXT-X-MAP");
    let files = package.files();
    let found = named(
        &files,
        package,
        rendition,
        (&map.uri, map.byte_range.as_ref()),
    );
    ensure(42, found == rendition.files[0], "EXT-X-MAP");
    let lengths: Vec<f64> = text
        .lines()
        .filter_map(|line| line.strip_prefix("#EXTINF:")?.strip_suffix(','))
        .map(|length| length.parse().expect("check 42: EXTINF"))
        .collect();
    let segments = &rendition.read.segments;
    ensure(
        42,
        lengths.len() == segments.len(),
        "the number of segments",
    );
    ensure(42, playlist.segments.len() == segments.len(), "segments");
    let init = &rendition.read.init;
    for (index, (length, segment)) in lengths.iter().zip(segments).enumerate() {
        let rounded = length.round() as u64;
        ensure(41, rounded <= playlist.target_duration, "above the target");
        let told = &playlist.segments[index];
        let uri = &told.uri;
        let found = named(&files, package, rendition, (uri, told.byte_range.as_ref()));
        let right = found == rendition.files[index + 1];
        ensure(42, right, format!("{uri}: other bytes"));
        let trimmed = (-segment.start(init)).max(0);
        let media = rendition.seconds((segment.ticks() as i64 - trimmed).max(1));
        let last = index + 1 == segments.len();
        let holes = if last { 3.0 } else { 1.0 };
        let off = (length - media).abs();
        let right = off <= holes * rendition.frame() + 1e-5 || (last && *length < media);
        ensure(42, right, format!("{uri} lasts {media} s, not {length} s"));
    }
}

/// What a URI and a range in a media playlist name.
fn named<'a>(
    files: &'a Files,
    package: &Package,
    rendition: &Checked<'_>,
    (uri, range): (&str, Option<&ByteRange>),
) -> &'a [u8] {
    let path = match package.is_single_file() {
        true => uri.to_string(),
        false => format!("{}/{uri}", rendition.name),
    };
    let file = files.get(&path);
    let file = file.unwrap_or_else(|| panic!("check 42: {path}"));
    match range {
        None => file,
        Some(range) => {
            let first = range.offset.expect("check 42: an offset") as usize;
            &file[first..first + range.length as usize]
        }
    }
}

/// Checks 33, 34, 44: the init segment has the lines of the first key, and so has the first segment of each key;
/// a clear lead says METHOD=NONE.
fn keys(package: &Package, text: &str, playlist: &MediaPlaylist, rendition: &Checked<'_>) {
    let mut lines: Vec<&str> = Vec::new();
    let mut holds: Option<KeyId> = None;
    let kids = rendition
        .keys
        .iter()
        .map(|key| key.as_ref().map(|key| key.kid));
    let first = rendition.read.init.tenc().map(|tenc| KeyId(tenc.kid));
    let mut due = [first].into_iter().chain(kids);
    for line in text.lines() {
        if line.starts_with("#EXT-X-KEY:") {
            lines.push(line);
        }
        if line.starts_with('#') && !line.starts_with("#EXT-X-MAP:") {
            continue;
        }
        let kid = due.next().expect("check 42: more segments");
        match kid {
            _ if kid == holds => ensure(44, lines.is_empty(), format!("{lines:?} before {line}")),
            None => ensure(
                34,
                lines == ["#EXT-X-KEY:METHOD=NONE"],
                format!("{lines:?}"),
            ),
            Some(kid) => key_lines(package, &lines, kid, rendition),
        }
        holds = kid;
        lines.clear();
    }
    // m3u8-rs keeps one line of several, and which is not said.
    if rendition.keys[0].is_some() {
        let key = playlist.segments[0].key.as_ref().expect("check 44: a key");
        let none = matches!(key.method, KeyMethod::None | KeyMethod::AES128);
        ensure(44, !none, "the method");
    }
    // No file of a package may hold the key itself.
    for labelled in &package.options.content_keys {
        let value = labelled.key.value.iter();
        let value: String = value.map(|byte| format!("{byte:02x}")).collect();
        for (path, text) in &package.manifests {
            ensure(35, !text.to_lowercase().contains(&value), path);
        }
    }
}

/// Check 44: the lines that bring a key.
fn key_lines(package: &Package, lines: &[&str], kid: KeyId, rendition: &Checked<'_>) {
    let widevine = "KEYFORMAT=\"urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed\"";
    // Where keys change, Shaka Player takes an identity key for that of all segments.
    let rotates = rendition.kids().len() > 1;
    let (method, second) = match package.options.scheme {
        Some(Scheme::Cbcs) => ("METHOD=SAMPLE-AES,", widevine),
        Some(Scheme::Cenc) if rotates => ("METHOD=SAMPLE-AES-CTR,", widevine),
        Some(Scheme::Cenc) => ("METHOD=SAMPLE-AES-CTR,", "KEYFORMAT=\"identity\""),
        other => panic!("HLS has no METHOD for {other:?}"),
    };
    ensure(44, lines.len() == 2, format!("{lines:?}"));
    for (line, format) in lines.iter().zip(["KEYFORMAT=\"org.w3.clearkey\"", second]) {
        ensure(44, line.contains(method) && line.contains(format), line);
        ensure(44, line.contains("KEYFORMATVERSIONS=\"1\""), line);
        let kid = format!("KEYID=0x{}", kid.hex());
        ensure(44, line.contains(&kid), line);
    }
    if let Some(url) = &package.options.license_url {
        ensure(44, lines[0].contains(&format!("URI=\"{url}\"")), lines[0]);
    }
}
