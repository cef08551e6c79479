//! Checks 9, 10, 16 and 43: the playlist of playlists.

use super::{Playlists, bit_rates, head, target_of};
use crate::TrackKind;
use crate::movie::SampleEntry;
use crate::presentation::DynamicRange;
use crate::verify::Level;
use crate::verify::book::Book;
use crate::verify::dash::{access_type, same_codec, same_cuts, sound_cuts};
use crate::verify::playlist::{Attributes, Playlist};
use crate::verify::track::Track;
use std::collections::{BTreeMap, BTreeSet};

/// Bits a second that WebVTT of a variant may add to what its picture and sound need.
const MAX_TEXT_RATE: f64 = 200_000.0;

/// The checks on one multivariant playlist.
pub(super) fn check(
    book: &mut Book,
    playlist: &Playlist,
    all: &Playlists,
    tracks: &[Track],
    has_sets: bool,
) {
    head(book, 43, playlist);
    let place = &playlist.path;
    book.ensure(43, !playlist.variants.is_empty(), place, || {
        "no EXT-X-STREAM-INF".into()
    });
    let of = |path: &str| -> Option<&Track> { tracks.get(all.find(path)?.track?) };
    groups(book, playlist, all, &of);
    independence(book, playlist, &of);
    for (attributes, path) in &playlist.variants {
        let place = format!("{place}: {path}");
        let found = all.find(path).is_some();
        book.ensure(43, found, &place, || {
            "the playlist is not there, or is none".into()
        });
        variant(book, playlist, all, (attributes, path), &of, &place);
    }
    // Variants of the same picture with other sounds are one rendition.
    let mut seen = BTreeSet::new();
    let pictures: Vec<(&str, &Track)> = playlist
        .variants
        .iter()
        .filter(|(_, path)| seen.insert(path.as_str()))
        .filter_map(|(_, path)| Some((path.as_str(), of(path)?)))
        .filter(|(_, track)| track.is_video())
        .collect();
    let level = if has_sets { Level::Should } else { Level::Must };
    for pair in pictures.windows(2) {
        if let [(_, one), (_, other)] = pair {
            same_cuts(book, one, other, level);
        }
    }
    if let Some((path, picture)) = pictures.first() {
        // An edit list may end the presentation before the media.
        let entries = all.find(path).map(|playlist| playlist.segments.iter());
        let listed = entries.into_iter().flatten().map(|entry| entry.seconds);
        let listed = picture.seconds(picture.presented_start()) + listed.sum::<f64>();
        let sounds = playlist
            .media
            .iter()
            .filter_map(|media| of(&target_of(playlist, media)?));
        for sound in sounds.filter(|track| track.init.kind == TrackKind::Audio) {
            sound_cuts(book, (picture, listed), sound);
        }
    }
}

/// Check 43: whether segments need those before them, and what the playlist says of it.
fn independence<'a>(book: &mut Book, playlist: &Playlist, of: &dyn Fn(&str) -> Option<&'a Track>) {
    let pictures = playlist.variants.iter().filter_map(|(_, path)| of(path));
    let (mut leading, mut needs) = (false, false);
    for segment in pictures.flat_map(|track| &track.segments) {
        leading |= segment.leading;
        needs |= access_type(segment) > 2;
    }
    let independent = playlist.tag("EXT-X-INDEPENDENT-SEGMENTS").is_some();
    let place = &playlist.path;
    book.ensure(43, !(independent && needs), place, || {
        "EXT-X-INDEPENDENT-SEGMENTS, and pictures need the segment before".into()
    });
    book.ensure(43, independent || leading, place, || {
        "no EXT-X-INDEPENDENT-SEGMENTS".into()
    });
}

/// Check 43: `EXT-X-MEDIA`.
fn groups<'a>(
    book: &mut Book,
    playlist: &Playlist,
    all: &Playlists,
    of: &dyn Fn(&str) -> Option<&'a Track>,
) {
    let place = &playlist.path;
    let mut names = BTreeSet::new();
    let mut defaults: BTreeMap<(String, String), u32> = BTreeMap::new();
    for media in &playlist.media {
        let get = |name: &str| media.get(name).unwrap_or_default().to_string();
        let (kind, group, name) = (get("TYPE"), get("GROUP-ID"), get("NAME"));
        let place = format!("{place}: EXT-X-MEDIA '{name}'");
        let known = matches!(
            kind.as_str(),
            "AUDIO" | "VIDEO" | "SUBTITLES" | "CLOSED-CAPTIONS"
        );
        book.ensure(43, known, &place, || format!("TYPE is '{kind}'"));
        book.ensure(43, !group.is_empty() && !name.is_empty(), &place, || {
            "no GROUP-ID or no NAME".into()
        });
        let fresh = names.insert((kind.clone(), group.clone(), name.clone()));
        book.ensure(43, fresh, &place, || "two of one name in a group".into());
        let flag = |name: &str| media.get(name) == Some("YES");
        book.ensure(
            43,
            !flag("DEFAULT") || media.get("AUTOSELECT") != Some("NO"),
            &place,
            || "DEFAULT=YES with AUTOSELECT=NO".into(),
        );
        if flag("DEFAULT") {
            let count = defaults.entry((kind.clone(), group.clone())).or_default();
            *count += 1;
            book.ensure(43, *count == 1, &place, || {
                format!("two defaults in the group '{group}'")
            });
        }
        let Some(path) = target_of(playlist, media) else {
            continue;
        };
        book.ensure(43, all.find(&path).is_some(), &place, || {
            format!("{path} is not there, or is no playlist")
        });
        if kind == "AUDIO" {
            let channels: Option<u16> = media
                .get("CHANNELS")
                .and_then(|text| text.split('/').next()?.parse().ok());
            book.ensure(43, channels.is_some(), &place, || "no CHANNELS".into());
            if let (Some(channels), Some(SampleEntry::Audio(entry))) =
                (channels, of(&path).and_then(|track| track.entry.as_ref()))
            {
                book.ensure(10, channels == entry.channels, &place, || {
                    format!("CHANNELS is {channels}, the sound has {}", entry.channels)
                });
            }
        }
        if let Some(track) = of(&path) {
            let named = media.get("LANGUAGE").is_some() || track.init.language == "und";
            book.ensure(43, named, &place, || {
                format!("no LANGUAGE; the media are in '{}'", track.init.language)
            });
        }
    }
}

fn variant<'a>(
    book: &mut Book,
    playlist: &Playlist,
    all: &Playlists,
    (attributes, path): (&Attributes, &str),
    of: &dyn Fn(&str) -> Option<&'a Track>,
    place: &str,
) {
    let peak = attributes.number::<f64>("BANDWIDTH");
    book.ensure(43, peak.is_some(), &place, || "no BANDWIDTH".into());
    let average = attributes.number::<f64>("AVERAGE-BANDWIDTH");
    book.ensure(43, average.is_some(), &place, || {
        "no AVERAGE-BANDWIDTH".into()
    });
    book.ensure(43, attributes.get("CODECS").is_some(), &place, || {
        "no CODECS".into()
    });
    let mut members = vec![path.to_string()];
    for kind in ["AUDIO", "SUBTITLES", "VIDEO"] {
        let Some(group) = attributes.get(kind) else {
            continue;
        };
        let of_group = |media: &&Attributes| {
            media.get("TYPE") == Some(kind) && media.get("GROUP-ID") == Some(group)
        };
        let found: Vec<&Attributes> = playlist.media.iter().filter(of_group).collect();
        book.ensure(43, !found.is_empty(), &place, || {
            format!("there is no {kind} group '{group}'")
        });
        members.extend(found.iter().filter_map(|media| target_of(playlist, media)));
    }
    codecs(book, attributes, &members, of, place);
    let Some(track) = of(path) else {
        return;
    };
    if track.is_video() {
        picture(book, attributes, track, place);
    }
    bandwidths(book, all, (peak, average), &members, of, place);
}

/// Checks 9 and 43: CODECS are those of the variant and of all that may be played with it.
fn codecs<'a>(
    book: &mut Book,
    attributes: &Attributes,
    members: &[String],
    of: &dyn Fn(&str) -> Option<&'a Track>,
    place: &str,
) {
    let Some(text) = attributes.get("CODECS") else {
        return;
    };
    let listed: Vec<&str> = text.split(',').map(str::trim).collect();
    let due: Vec<&str> = members
        .iter()
        .filter_map(|path| of(path)?.codec.as_deref())
        .collect();
    for codec in &due {
        let there = listed.iter().any(|found| same_codec(found, codec));
        book.ensure(9, there, &place, || {
            format!("CODECS=\"{text}\" without {codec}")
        });
    }
    for found in listed {
        let is_text = found.starts_with("wvtt") || found.starts_with("stpp");
        let right = due.is_empty() || is_text || due.iter().any(|codec| same_codec(found, codec));
        book.ensure(9, right, &place, || {
            format!("CODECS has {found}, which no rendition is")
        });
    }
}

fn picture(book: &mut Book, attributes: &Attributes, track: &Track, place: &str) {
    let resolution = attributes.get("RESOLUTION");
    book.ensure(43, resolution.is_some(), &place, || "no RESOLUTION".into());
    let rate = attributes.number::<f64>("FRAME-RATE");
    book.ensure(43, rate.is_some(), &place, || "no FRAME-RATE".into());
    if let (Some(rate), Some(measured)) = (rate, crate::verify::dash::measured_rate(track)) {
        book.advise(43, (rate / measured - 1.0).abs() < 0.02, &place, || {
            format!("FRAME-RATE is {rate}, the media's {measured:.3}")
        });
    }
    let Some(SampleEntry::Video(entry)) = &track.entry else {
        return;
    };
    if let Some((wide, high)) = resolution.and_then(|text| text.split_once('x')) {
        let (width, height) = (f64::from(entry.width), f64::from(entry.height));
        let (h, v) = (
            f64::from(entry.pixel_aspect.0),
            f64::from(entry.pixel_aspect.1),
        );
        let found = (
            wide.parse::<f64>().unwrap_or(0.0),
            high.parse::<f64>().unwrap_or(0.0),
        );
        let near = |a: (f64, f64)| (a.0 - found.0).abs() < 1.5 && (a.1 - found.1).abs() < 1.5;
        let right =
            near((width * h / v, height)) || near((width, height * v / h)) || near((width, height));
        book.ensure(10, right, &place, || {
            format!("RESOLUTION is {wide}x{high}, the picture {width}x{height} of pixels {h}:{v}")
        });
    }
    let due = match DynamicRange::of(entry) {
        DynamicRange::Pq => "PQ",
        DynamicRange::Hlg => "HLG",
        DynamicRange::Standard => "SDR",
    };
    let range = attributes.get("VIDEO-RANGE").unwrap_or("SDR");
    book.ensure(43, range == due, &place, || {
        format!("VIDEO-RANGE is {range}, the picture is {due}")
    });
}

/// Check 43: BANDWIDTH is the peak, AVERAGE-BANDWIDTH the average, of the variant with its heaviest companions.
fn bandwidths<'a>(
    book: &mut Book,
    all: &Playlists,
    (peak, average): (Option<f64>, Option<f64>),
    members: &[String],
    of: &dyn Fn(&str) -> Option<&'a Track>,
    place: &str,
) {
    let mut heaviest: BTreeMap<String, (f64, f64, f64)> = BTreeMap::new();
    let mut text = 0.0;
    for (index, path) in members.iter().enumerate() {
        let (Some(track), Some(playlist)) = (of(path), all.find(path)) else {
            // WebVTT has no track: it adds a little, and takes nothing off.
            text = MAX_TEXT_RATE;
            continue;
        };
        // The variant itself plays one of its group when it is in it.
        if index > 0 && members.first() == Some(path) {
            continue;
        }
        let lengths: Vec<f64> = playlist
            .segments
            .iter()
            .map(|segment| segment.seconds)
            .collect();
        let rates = bit_rates(track, &lengths, playlist.target().unwrap_or(1) as f64);
        let kind = if index == 0 {
            "0".to_string()
        } else {
            track.init.kind.name()
        };
        let most = heaviest.entry(kind).or_insert((0.0, 0.0, 0.0));
        *most = (
            most.0.max(rates.0),
            most.1.max(rates.1),
            most.2.max(rates.2),
        );
    }
    let sum = heaviest.values().fold((0.0, 0.0, 0.0), |sum, rates| {
        (sum.0 + rates.0, sum.1 + rates.1, sum.2 + rates.2)
    });
    // A sound alone may be the variant of several: then one of them plays at a time.
    let alone = heaviest
        .values()
        .fold((f64::INFINITY, 0.0_f64, f64::INFINITY), |least, rates| {
            let (low, high) = (least.0.min(rates.0), least.1.max(rates.1));
            (low, high, least.2.min(rates.2))
        });
    let lone_sound =
        of(members.first().map_or("", String::as_str)).is_some_and(|track| !track.is_video());
    if let Some(peak) = peak {
        let least = if lone_sound {
            alone.0.min(sum.0)
        } else {
            sum.0
        };
        let right = peak >= least * 0.9 - 1.0 && peak <= sum.1.max(sum.0) * 1.1 + 1.0 + text;
        book.ensure(43, right, &place, || {
            format!("BANDWIDTH is {peak:.0}, the peak is {:.0}", sum.1)
        });
    }
    if let (Some(average), Some(peak)) = (average, peak) {
        book.ensure(43, average <= peak, &place, || {
            "AVERAGE-BANDWIDTH is above BANDWIDTH".into()
        });
        let least = if lone_sound { alone.2 } else { sum.2 };
        averages(book, average, (least, sum.2, text), place);
    }
}

/// Check 43: AVERAGE-BANDWIDTH, between `least` and `most` and what text may add.
fn averages(book: &mut Book, average: f64, (least, most, text): (f64, f64, f64), place: &str) {
    let what = || format!("AVERAGE-BANDWIDTH is {average:.0}, the average {most:.0}");
    // Sounds of a group differ: the heaviest one may be another than the author had in mind.
    let low = average < least * 0.6 - 1.0;
    book.ensure(43, !low, &place, what);
    let near = average >= least * 0.9 - 1.0 && average <= most * 1.1 + 1.0 + text;
    book.advise(43, near || low, &place, what);
}
