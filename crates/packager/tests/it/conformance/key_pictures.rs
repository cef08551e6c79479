//! Check 45, and the same of sets for playing fast in the MPD: key pictures in the media of a rendition.

use super::addresses::{Files, listed};
use super::{Checked, ensure};
use crate::package::Package;
use crate::reader::{Init, Segment, top_level};
use dash_mpd_core::{AdaptationSet, MPD, Representation};
use m3u8_rs::{ByteRange, MasterPlaylist, MediaPlaylistType};
use packager::ObjectId;

/// A fragment of key pictures, as a manifest tells of it.
struct Listed<'a> {
    name: String,
    /// In seconds.
    length: f64,
    bytes: &'a [u8],
}

/// The bytes are those of the key picture of each segment and of nothing else; each lasts until the next one is
/// shown.
fn check(listed: &[Listed<'_>], rendition: &Checked<'_>) {
    let init = &rendition.read.init;
    let segments = &rendition.read.segments;
    ensure(45, listed.len() == segments.len(), "one a segment");
    let shown = |segment: &Segment| rendition.seconds(segment.samples[0].shown(init).max(0));
    let last = segments.last().unwrap();
    let end = rendition.seconds(last.start(init) + last.ticks() as i64);
    for (index, (one, segment)) in listed.iter().zip(segments).enumerate() {
        let name = &one.name;
        let boxes = top_level(one.bytes);
        let mut kinds: Vec<String> = boxes.iter().map(|view| view.kind.to_string()).collect();
        kinds.retain(|kind| kind != "styp");
        ensure(45, kinds == ["moof", "mdat"], format!("{name}: {kinds:?}"));
        let read = Segment::read(one.bytes, init);
        ensure(45, read.samples.len() == 1, format!("{name}: one picture"));
        ensure(45, read.samples[0].sync, format!("{name}: a key picture"));
        let same = read.samples[0] == segment.samples[0];
        ensure(45, same, format!("{name}: that of its segment"));
        let next = segments.get(index + 1).map_or(end, shown);
        let due = next - shown(segment);
        let off = one.length - due;
        // An edit list may cut off the end of the last segment, or all of it.
        let is_last = index + 1 == segments.len();
        let cut_off = one.length > 0.0 && (off <= 3.0 * rendition.frame() || due <= 0.0);
        let due = off.abs() < 1e-3 || (is_last && cut_off);
        ensure(45, due, format!("{name} lasts {} s", one.length));
    }
}

/// The init segment of key pictures is that of all pictures, but for the duration of pictures that tell none: there it
/// is the longest time from one key picture to the next. `due`: there is such an init segment.
fn check_init(bytes: &[u8], rendition: &Checked<'_>, due: bool) {
    let all = &rendition.read.init;
    if bytes == rendition.files[0] {
        ensure(45, !due, "an init segment of key pictures");
        return;
    }
    let own = Init::read(bytes);
    let shown = rendition
        .read
        .segments
        .iter()
        .map(|segment| segment.samples[0].shown(all).max(0));
    let shown: Vec<i64> = shown.collect();
    let between = shown.windows(2).map(|pair| pair[1] - pair[0]).max();
    let longest = i64::from(own.trex.duration);
    ensure(
        45,
        longest >= between.unwrap_or(1),
        "a hole between key pictures",
    );
    let mut same = bytes.to_vec();
    let trex = same
        .windows(4)
        .position(|four| four == b"trex")
        .expect("a trex");
    let at = trex + 4 + 4 + 8;
    same[at..at + 4].copy_from_slice(&all.trex.duration.to_be_bytes());
    ensure(
        45,
        same == rendition.files[0],
        "the init segment of key pictures",
    );
}

/// Bytes that are told as `0-99`, or all when nothing is told.
fn part<'a>(files: &'a Files, path: &str, range: Option<&String>) -> &'a [u8] {
    let file = files
        .get(path)
        .unwrap_or_else(|| panic!("check 45: {path}"));
    match range {
        None => file,
        Some(range) => {
            let (first, last) = range.split_once('-').expect("check 45: a range");
            let number = |text: &str| text.parse::<usize>().expect("check 45: a number");
            &file[number(first)..=number(last)]
        }
    }
}

/// Whether a set is one of key pictures.
pub fn is_trick_mode(set: &AdaptationSet) -> bool {
    let mut properties = set.essential_property.iter();
    properties.any(|property| property.schemeIdUri == "http://dashif.org/guidelines/trickmode")
}

/// The sets of key pictures of an MPD.
pub fn check_dash(package: &Package, mpd: &MPD, renditions: &[Checked<'_>]) {
    let files = package.files();
    let sets = &mpd.periods[0].adaptations;
    let pictures = renditions.iter().filter(|one| one.read.init.is_video());
    let tricks: Vec<_> = sets.iter().filter(|set| is_trick_mode(set)).collect();
    let profiles = mpd.profiles.as_deref().unwrap_or_default();
    for rendition in pictures {
        let id = format!("{}-key-pictures", rendition.name);
        let key_init = ObjectId {
            rendition: rendition.index,
            segment: ObjectId::KEY_PICTURES,
        };
        if !package.objects.contains_key(&key_init) {
            // They last differently long, or not at all; then the report says so.
            let mut warnings = package.plan.warnings().iter();
            let told = warnings.any(|warning| warning.0.contains("no trick mode"));
            ensure(45, told, "no set of key pictures, and no word on it");
            continue;
        }
        let found = tricks.iter().find_map(|set| {
            let mut inside = set.representations.iter();
            let found = inside.find(|one| one.id.as_ref() == Some(&id));
            found.map(|representation| (set, representation))
        });
        let (set, representation) = found.expect("check 45: a set of key pictures");
        let main = sets.iter().find(|set| {
            let mut inside = set.representations.iter();
            inside.any(|one| one.id.as_deref() == Some(rendition.name))
        });
        let main = main.and_then(|main| main.id.as_ref());
        let value = set.essential_property[0].value.as_ref();
        ensure(
            45,
            value.is_some() && value == main,
            "the set it belongs to",
        );
        let profile = set.profiles.as_deref().expect("check 45: profiles");
        ensure(45, profiles.split(',').any(|one| one == profile), profile);
        let protected = rendition.read.init.scheme.is_some();
        let told = !set.ContentProtection.is_empty();
        ensure(45, told == protected, "ContentProtection");
        check_list(&files, representation, rendition);
    }
}

fn check_list(files: &Files, representation: &Representation, rendition: &Checked<'_>) {
    ensure(
        45,
        representation.codingDependency == Some(false),
        "@codingDependency",
    );
    ensure(
        45,
        representation.maxPlayoutRate.is_some_and(|r| r >= 1.0),
        "@maxPlayoutRate",
    );
    let list = representation.SegmentList.as_ref();
    let list = list.expect("check 45: a SegmentList");
    let init = list.Initialization.as_ref().expect("check 45");
    let base = representation.BaseURL.first().map(|url| &url.base);
    let of_base = |url: &Option<String>| {
        let url = url.as_ref().or(base);
        url.expect("check 45: a URL").clone()
    };
    let bytes = part(files, &of_base(&init.sourceURL), init.range.as_ref());
    check_init(bytes, rendition, true);
    let timeline = list.SegmentTimeline.as_ref().expect("check 45");
    let times = listed(timeline);
    ensure(45, times.len() == list.segment_urls.len(), "times");
    let shown = &rendition.read.segments[0].samples[0];
    let start = shown.shown(&rendition.read.init).max(0);
    ensure(45, times[0].0 == start as u64, "the first key picture");
    let urls = list.segment_urls.iter().zip(times);
    let all: Vec<_> = urls
        .map(|(url, (_, length))| Listed {
            name: format!("{:?}", url.mediaRange),
            length: rendition.seconds(length as i64),
            bytes: part(files, &of_base(&url.media), url.mediaRange.as_ref()),
        })
        .collect();
    check(&all, rendition);
}

/// The I-frame playlists, and the lines that point at them.
pub fn check_hls(package: &Package, master: &MasterPlaylist, renditions: &[Checked<'_>]) {
    let files = package.files();
    let variants: Vec<_> = master
        .variants
        .iter()
        .filter(|one| one.is_i_frame)
        .collect();
    let pictures: Vec<_> = renditions
        .iter()
        .filter(|one| one.read.init.is_video())
        .collect();
    ensure(45, variants.len() == pictures.len(), "I-frame variants");
    for (variant, rendition) in variants.iter().zip(pictures) {
        let paths = match package.is_single_file() {
            true => ("".to_string(), "-iframes.m3u8", ".m3u8"),
            false => (
                format!("{}/", rendition.name),
                "/iframes.m3u8",
                "/playlist.m3u8",
            ),
        };
        let (folder, own, media) = paths;
        let playlist = |end: &str| {
            let path = format!("{}{end}", rendition.name);
            (&package.manifests[&path], path)
        };
        let ((text, uri), (media, _)) = (playlist(own), playlist(media));
        ensure(45, variant.uri == uri, &variant.uri);
        ensure(
            45,
            variant.codecs.as_deref() == Some(rendition.codec),
            "CODECS",
        );
        ensure(45, variant.resolution.is_some(), "RESOLUTION");
        let keys = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| line.starts_with("#EXT-X-KEY"));
            lines.map(str::to_string).collect()
        };
        let same = keys(text) == keys(media);
        ensure(45, same, "keys are those of the media playlist");
        let all = check_playlist(&files, text, &folder, rendition);
        let rates = all
            .iter()
            .map(|one| one.bytes.len() as f64 * 8.0 / one.length);
        let peak = rates.fold(0.0, f64::max);
        let told = variant.bandwidth as f64;
        // Playlists give lengths in millionths of a second.
        let lengths = all.iter().map(|one| one.length);
        let slack = 0.001 + 1e-6 / lengths.fold(f64::INFINITY, f64::min);
        let right = (told - peak).abs() <= peak * slack + 1.0;
        ensure(45, right, format!("BANDWIDTH {told}, {peak}"));
        let average = variant.average_bandwidth.unwrap_or(0);
        ensure(
            45,
            (1..=variant.bandwidth).contains(&average),
            "AVERAGE-BANDWIDTH",
        );
    }
}

/// Gives what the playlist lists.
fn check_playlist<'a>(
    files: &'a Files,
    text: &str,
    folder: &str,
    rendition: &Checked<'_>,
) -> Vec<Listed<'a>> {
    let (_, playlist) = m3u8_rs::parse_media_playlist(text.as_bytes()).expect("check 45");
    ensure(45, playlist.i_frames_only, "I-FRAMES-ONLY");
    ensure(45, playlist.end_list, "ENDLIST");
    let vod = playlist.playlist_type == Some(MediaPlaylistType::Vod);
    ensure(45, vod, "PLAYLIST-TYPE");
    let range_text = |range: &ByteRange| {
        let first = range.offset.expect("check 45: an offset");
        format!("{first}-{}", first + range.length - 1)
    };
    let map = playlist.segments[0].map.as_ref().expect("check 45: a MAP");
    let range = map.byte_range.as_ref().map(range_text);
    let init = part(files, &format!("{folder}{}", map.uri), range.as_ref());
    check_init(init, rendition, false);
    let segments = playlist.segments.iter();
    let all: Vec<_> = segments
        .map(|segment| {
            let range = segment.byte_range.as_ref().expect("check 45: a range");
            let name = format!("{folder}{}", segment.uri);
            Listed {
                length: f64::from(segment.duration),
                bytes: part(files, &name, Some(&range_text(range))),
                name,
            }
        })
        .collect();
    check(&all, rendition);
    for one in &all {
        let most = one.length.round() as u64;
        ensure(45, most <= playlist.target_duration, "TARGETDURATION");
    }
    all
}
