//! Checks 8, 19 and 37–39: times, sizes and places of segments.

use crate::TrackKind;
use crate::verify::book::Book;
use crate::verify::mpd::{Mpd, Representation};
use crate::verify::schema::duration;
use crate::verify::track::Track;

/// The checks on one Representation.
pub(super) fn check(
    book: &mut Book,
    mpd: &Mpd,
    representation: &Representation,
    track: &Track,
    place: &str,
) {
    let timescale = u64::from(track.init.timescale);
    if representation
        .segments
        .iter()
        .any(|listed| listed.time.is_some())
    {
        let same = representation.timescale == timescale;
        book.ensure(8, same, &place, || {
            format!(
                "the MPD's timescale is {}, the media's {timescale}",
                representation.timescale
            )
        });
    }
    book.performed(37);
    let listed = (representation.segments.len(), track.segments.len());
    book.ensure(37, listed.0 == listed.1, &place, || {
        format!(
            "{} segments are listed, {} could be read",
            listed.0, listed.1
        )
    });
    times(book, representation, track, place);
    let single = representation.index.is_some();
    let longest = representation
        .segments
        .iter()
        .filter_map(|listed| listed.time)
        .map(|(_, length)| length)
        .max();
    let most = mpd.seconds(if single {
        "maxSubsegmentDuration"
    } else {
        "maxSegmentDuration"
    });
    if let (Some(longest), Some(most)) = (longest, most) {
        let longest = longest as f64 / representation.timescale as f64;
        book.ensure(37, longest <= most + 1e-3, &place, || {
            format!("a segment lasts {longest:.3} s, the MPD says {most:.3} s at most")
        });
    }
    if let Some((index, range)) = &representation.index {
        single_file(book, representation, track, (index, *range), place);
    }
    bandwidth(book, mpd, representation, track, place);
}

/// Check 37: what the MPD says of each segment's time.
fn times(book: &mut Book, representation: &Representation, track: &Track, place: &str) {
    let scale = |ticks: u64| ticks as f64 / representation.timescale as f64;
    let tick = 1.0 / f64::from(track.init.timescale) + 1.0 / representation.timescale as f64;
    let frame = track.frame_seconds();
    let mut due: Option<u64> = None;
    for (at, (listed, segment)) in representation
        .segments
        .iter()
        .zip(&track.segments)
        .enumerate()
    {
        let Some((time, length)) = listed.time else {
            continue;
        };
        let start = track.seconds(segment.start.max(0));
        if !representation.has_timeline && representation.index.is_none() {
            // A nominal duration: segments may lie half of it beside (DASH-IF interoperability points).
            // What lies before the Period is not shown; sound may have its priming there.
            let spare = if track.is_video() { tick } else { 0.1 };
            let lost = scale(representation.offset) - start;
            book.ensure(37, at > 0 || lost <= spare, &segment.at, || {
                format!("presentationTimeOffset cuts off its first {lost:.3} s")
            });
            let off = (start - scale(time)).abs();
            book.ensure(37, off <= scale(length) / 2.0 + 1e-6, &segment.at, || {
                format!(
                    "starts at {start:.3} s, {:.3} s by the MPD's duration",
                    scale(time)
                )
            });
            continue;
        }
        if let Some(due) = due {
            book.ensure(37, time == due, &place, || {
                format!("the timeline goes on at {time}, {due} is due")
            });
        }
        due = time.checked_add(length);
        let right = (start - scale(time)).abs() < tick * 0.75;
        book.ensure(37, right, &segment.at, || {
            format!(
                "its first sample is shown at {start:.6} s, the MPD says {:.6} s",
                scale(time)
            )
        });
        let media = track.seconds(segment.end) - start;
        let off = scale(length) - media;
        // An edit list may cut off the end of the last one, but for pictures that are shown before it; pictures that were
        // cut off leave holes.
        let ends = scale(time.saturating_add(length));
        let cut = at + 1 == track.segments.len()
            && off < 0.0
            && ends > track.seconds(segment.last_decoded) - tick;
        let right = off.abs() <= frame + tick || cut;
        book.ensure(37, right, &segment.at, || {
            format!("lasts {media:.6} s, the MPD says {:.6} s", scale(length))
        });
    }
    if let Some((first, _)) = representation
        .segments
        .first()
        .and_then(|listed| listed.time)
    {
        let offset = representation.offset;
        // A document of text may begin before its first line is due.
        let is_text = !matches!(track.init.kind, TrackKind::Video | TrackKind::Audio);
        book.ensure(37, offset <= first || is_text, &place, || {
            format!("presentationTimeOffset {offset} is behind the first segment, at {first}")
        });
    }
}

/// Check 19.
fn single_file(
    book: &mut Book,
    representation: &Representation,
    track: &Track,
    (index, range): (&crate::verify::sidx::Index, Option<(u64, u64)>),
    place: &str,
) {
    let init = &track.init;
    book.ensure(19, index.count == 1, &place, || {
        format!("{} 'sidx' in the file", index.count)
    });
    book.ensure(19, !index.after_media, &place, || {
        "'sidx' is behind a fragment".into()
    });
    book.ensure(19, index.track_id == init.track_id, &place, || {
        format!("'sidx' is of track {}", index.track_id)
    });
    book.ensure(19, index.timescale == init.timescale, &place, || {
        format!(
            "the timescale of 'sidx' is {}, the media's {}",
            index.timescale, init.timescale
        )
    });
    book.ensure(19, range == Some(index.range), &place, || {
        format!(
            "indexRange is {}, 'sidx' is at {} (first byte, behind the last)",
            crate::verify::words::range(range),
            crate::verify::words::range(Some(index.range))
        )
    });
    let init_range = representation.init.as_ref().and_then(|init| init.range);
    book.ensure(19, init_range == Some((0, index.init_end)), &place, || {
        format!(
            "the range of Initialization is {}, ftyp and moov end at {}",
            crate::verify::words::range(init_range),
            index.init_end
        )
    });
    references(book, track, index, place);
}

/// Check 19: what the index says of the media.
fn references(book: &mut Book, track: &Track, index: &crate::verify::sidx::Index, place: &str) {
    let first = track.presented_start();
    book.ensure(
        19,
        i64::try_from(index.earliest) == Ok(first),
        &place,
        || format!("'sidx' starts at {}, the media at {first}", index.earliest),
    );
    let ends = (
        index.references.first().map(|r| r.start),
        index.references.last().map(|r| r.end),
    );
    book.ensure(
        19,
        ends == (Some(index.media_start), Some(index.media_end)),
        &place,
        || {
            format!(
                "'sidx' covers {}, fragments lie at {} to {}",
                crate::verify::words::range(ends.0.zip(ends.1)),
                index.media_start,
                index.media_end
            )
        },
    );
    for (reference, segment) in index.references.iter().zip(&track.segments) {
        let right = reference.starts_with_sap && !reference.is_index;
        book.ensure(19, right, &segment.at, || {
            "its reference does not start with a SAP".into()
        });
        let needed = super::access_type(segment);
        let right = !track.is_video() || reference.sap_type == 0 || reference.sap_type >= needed;
        book.ensure(19, right, &segment.at, || {
            format!(
                "'sidx' says SAP type {}, it is {needed}",
                reference.sap_type
            )
        });
    }
    let total: u64 = index
        .references
        .iter()
        .map(|reference| reference.duration)
        .sum();
    let media = track.end().saturating_sub(first).max(0) as u64;
    // An edit list may end it amid pictures that others, which are decoded later, need.
    let last = track.segments.last();
    let least = last.map_or(0, |last| {
        last.last_decoded.saturating_sub(first).max(0) as u64
    });
    let frame = u64::from(track.frame);
    let right =
        (least.min(media.saturating_sub(frame))..=media.saturating_add(frame)).contains(&total);
    book.ensure(19, right, &place, || {
        format!("'sidx' lasts {total}, the media {media}")
    });
}

/// Check 39: a client that fetches at the bandwidth and waits for minBufferTime before it plays never stalls
/// (ISO/IEC 23009-1, 5.3.5.4).
fn bandwidth(
    book: &mut Book,
    mpd: &Mpd,
    representation: &Representation,
    track: &Track,
    place: &str,
) {
    let (Some(bandwidth), Some(wait)) = (
        representation.number::<f64>("bandwidth"),
        mpd.seconds("minBufferTime"),
    ) else {
        return;
    };
    if bandwidth <= 0.0 {
        return book.must(39, &place, "bandwidth is 0");
    }
    let (mut sent, mut least, mut most) = (0.0_f64, f64::INFINITY, f64::NEG_INFINITY);
    let mut worst = None;
    for segment in &track.segments {
        let start = track.seconds(segment.start.max(0));
        least = least.min(sent / bandwidth - start);
        sent += segment.bytes as f64 * 8.0;
        let late = sent / bandwidth - start - least;
        if late > most {
            most = late;
            worst = Some(&segment.at);
        }
    }
    let where_ = worst.map_or(place.to_string(), ToString::to_string);
    book.ensure(39, most <= wait * 1.001 + 1e-3, &where_, || {
        format!(
            "comes {:.3} s too late when {place} is fetched at its bandwidth of {bandwidth} bit/s",
            most - wait
        )
    });
    let lasts = track.seconds(track.end()) - track.seconds(track.presented_start());
    let average = track.bytes as f64 * 8.0 / lasts.max(1e-3);
    book.advise(39, bandwidth <= average * 100.0, &place, || {
        format!("bandwidth is {bandwidth} bit/s, the average {average:.0}")
    });
}

/// Check 38: the MPD's duration is that of the longest track. An edit list may end it amid pictures that are in the
/// package only because others, which are decoded later, need them.
pub(super) fn presented(book: &mut Book, mpd: &Mpd, tracks: &[Track]) {
    let of_periods = mpd
        .root
        .all("Period")
        .map(|period| period.attribute("duration").and_then(duration));
    let of_periods: Option<f64> = of_periods.sum();
    let Some(total) = mpd.seconds("mediaPresentationDuration").or(of_periods) else {
        return;
    };
    if mpd.root.all("Period").count() != 1 {
        return book.not_checked(38, "the MPD has several Periods");
    }
    let mut end: f64 = 0.0;
    let mut media_end: f64 = 0.0;
    let mut needed: f64 = 0.0;
    let mut frame: f64 = 0.0;
    for representation in mpd
        .representations
        .iter()
        .filter(|representation| !representation.trick)
    {
        let Some(track) = representation.track.and_then(|index| tracks.get(index)) else {
            continue;
        };
        let offset = representation.offset as f64 / representation.timescale as f64;
        let media = track.seconds(track.end()) - offset;
        let listed = representation
            .segments
            .last()
            .and_then(|listed| listed.time);
        let listed =
            listed.filter(|_| representation.has_timeline || representation.index.is_some());
        let listed = listed.map(|(time, length)| {
            time.saturating_add(length) as f64 / representation.timescale as f64 - offset
        });
        let listed = listed.unwrap_or(media);
        let last = track.segments.last();
        let last_decoded = last.map_or(0.0, |last| track.seconds(last.last_decoded) - offset);
        end = end.max(listed);
        media_end = media_end.max(media);
        needed = needed.max(last_decoded.min(listed - track.frame_seconds()));
        frame = frame.max(track.frame_seconds());
    }
    if end > 0.0 {
        let longest = end.min(media_end) + frame + 1e-3;
        let right = (needed - 1e-3..=longest).contains(&total);
        book.ensure(38, right, &mpd.path, || {
            format!(
                "the MPD lasts {total:.3} s, its segments {end:.3} s, the media {media_end:.3} s"
            )
        });
    }
}
