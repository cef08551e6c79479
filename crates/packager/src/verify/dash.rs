//! The MPD against the media: checks 8–10, 15, 16, 19, 30, 31, 33, 34 and 37–40.

mod attributes;
mod protection;
mod timeline;

use super::book::Book;
use super::mpd::{Mpd, Representation};
use super::track::Track;
pub(super) use attributes::measured_rate;

/// How many tracks of one kind are compared with one another.
const MAX_COMPARED: usize = 100;

/// Makes all of them.
pub(super) fn check(book: &mut Book, mpd: &Mpd, tracks: &[Track]) {
    for obstacle in &mpd.obstacles {
        book.must(37, &mpd.path, obstacle.as_str());
    }
    for representation in &mpd.representations {
        let place = format!("{}: Representation '{}'", mpd.path, representation.id);
        let Some(track) = representation.track.and_then(|index| tracks.get(index)) else {
            continue;
        };
        codec(book, representation, track, &place);
        protection::check(book, representation, track, &place);
        if representation.trick {
            continue;
        }
        timeline::check(book, mpd, representation, track, &place);
        attributes::check(book, representation, track, &place);
        access(book, representation, track, &place);
    }
    timeline::presented(book, mpd, tracks);
    alignment(book, mpd, tracks);
    protection::key_sets(book, mpd, tracks);
}

/// Check 9.
fn codec(book: &mut Book, representation: &Representation, track: &Track, place: &str) {
    let Some(codec) = &track.codec else {
        return;
    };
    let found = representation.attribute("codecs").unwrap_or_default();
    book.ensure(9, same_codec(found, codec), &place, || {
        format!("codecs=\"{found}\", the decoder configuration says {codec}")
    });
}

/// Whether a codec string is the one of a sample entry; what is not known of an entry is not compared.
pub(super) fn same_codec(found: &str, codec: &str) -> bool {
    let short = !codec.contains('.')
        && found
            .split('.')
            .next()
            .is_some_and(|first| first.eq_ignore_ascii_case(codec));
    found.eq_ignore_ascii_case(codec) || short
}

/// Check 15: what the MPD says about where segments start.
fn access(book: &mut Book, representation: &Representation, track: &Track, place: &str) {
    if !track.is_video() {
        return;
    }
    let of_segments = match representation.index {
        Some(_) => representation.attribute("subsegmentStartsWithSAP"),
        None => None,
    };
    let Some(claimed) = of_segments.or(representation.attribute("startWithSAP")) else {
        return;
    };
    let claimed: u8 = claimed.parse().unwrap_or(0);
    if claimed == 0 {
        return;
    }
    for segment in &track.segments {
        let needed = access_type(segment);
        book.ensure(15, needed <= claimed, &segment.at, || {
            format!("starts with a stream access point of type {needed}, {place} says {claimed}")
        });
    }
}

/// The least type of the stream access point that a segment may start with.
pub(super) fn access_type(segment: &super::track::SegmentFacts) -> u8 {
    use super::pictures::Picture;
    match (segment.leading, segment.picture) {
        (false, _) => 1,
        (true, Some(Picture::RandomAccess)) => 3,
        (true, _) => 2,
    }
}

/// Check 16: renditions of a set, and sound against the picture.
fn alignment(book: &mut Book, mpd: &Mpd, tracks: &[Track]) {
    let of =
        |representation: &Representation| representation.track.and_then(|index| tracks.get(index));
    let main: Vec<&Representation> = mpd
        .representations
        .iter()
        .filter(|r| !r.trick)
        .take(MAX_COMPARED)
        .collect();
    for (at, representation) in main.iter().enumerate() {
        let rest = main.get(at + 1..).unwrap_or_default();
        let same_set = |other: &&&Representation| {
            (other.period, other.set) == (representation.period, representation.set)
        };
        let Some(track) = of(representation) else {
            continue;
        };
        // One comparison with the next of the set covers all pairs.
        if let Some(other) = rest.iter().find(same_set).and_then(|other| of(other)) {
            same_cuts(book, track, other, super::Level::Must);
        }
    }
    let picture = main
        .iter()
        .filter_map(|r| Some((*r, of(r)?)))
        .find(|(_, track)| track.is_video());
    let sounds = main
        .iter()
        .filter_map(|r| of(r))
        .filter(|track| track.init.kind == crate::TrackKind::Audio);
    if let Some((representation, picture)) = picture {
        // An edit list may end the presentation before the media.
        let listed = representation.segments.last().and_then(|last| last.time);
        let listed = listed.map_or(f64::INFINITY, |(time, length)| {
            time.saturating_add(length) as f64 / representation.timescale as f64
        });
        for sound in sounds {
            sound_cuts(book, (picture, listed), sound);
        }
    }
}

/// Check 16: two renditions that players switch between are cut at the same times.
pub(super) fn same_cuts(book: &mut Book, one: &Track, other: &Track, level: super::Level) {
    book.performed(16);
    let place = other.name();
    let counts = (one.segments.len(), other.segments.len());
    if counts.0 != counts.1 {
        let what = format!("{} segments, {} in {}", counts.1, counts.0, one.name());
        return book.add(16, level, &place, what);
    }
    let tick = 1.0 / f64::from(one.init.timescale.min(other.init.timescale));
    for (a, b) in one.segments.iter().zip(&other.segments) {
        let (a_start, b_start) = (one.seconds(a.start), other.seconds(b.start));
        if (a_start - b_start).abs() > tick * 1.001 {
            let what = format!("starts at {b_start:.6} s, {} at {a_start:.6} s", a.at);
            book.add(16, level, &b.at, what);
            return;
        }
    }
}

/// Check 16: sound is cut where the picture is, as long as there is a picture, at the latest up to the second that is
/// given with it.
pub(super) fn sound_cuts(book: &mut Book, (picture, listed): (&Track, f64), sound: &Track) {
    book.performed(16);
    let cuts: Vec<f64> = picture
        .segments
        .iter()
        .map(|segment| picture.seconds(segment.start.max(0)))
        .collect();
    let end = picture.seconds(picture.end()).min(listed);
    let frame = sound.frame_seconds();
    for segment in sound.segments.iter().skip(1) {
        let start = sound.seconds(segment.start.max(0));
        let behind = cuts.partition_point(|cut| *cut < start);
        let near = [behind.checked_sub(1), Some(behind)];
        let nearest = near
            .into_iter()
            .flatten()
            .filter_map(|at| cuts.get(at))
            .map(|cut| (cut - start).abs());
        let off = nearest.fold(f64::INFINITY, f64::min);
        let right = off <= frame * 1.001 + 1e-6 || start >= end - frame;
        book.ensure(16, right, &segment.at, || {
            format!(
                "starts {:.3} s from where the picture is cut, a frame of sound lasts {frame:.3} s",
                off
            )
        });
    }
}
