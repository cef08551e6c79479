//! Checks 41 and 42: media playlists.

use super::head;
use crate::verify::book::Book;
use crate::verify::playlist::Playlist;
use crate::verify::track::Track;

/// The checks on one media playlist.
pub(super) fn check(book: &mut Book, playlist: &Playlist, tracks: &[Track]) {
    head(book, 41, playlist);
    let place = &playlist.path;
    let has_map = !playlist.maps.is_empty();
    let version: Option<u32> = playlist.versions.first().and_then(|text| text.parse().ok());
    if has_map {
        book.ensure(
            41,
            version.is_some_and(|version| version >= 6),
            place,
            || {
                format!(
                    "EXT-X-VERSION is {}, EXT-X-MAP needs 6",
                    crate::verify::words::value(version)
                )
            },
        );
    }
    let target = playlist.target();
    book.ensure(41, target.is_some(), place, || {
        "no EXT-X-TARGETDURATION, or no whole number".into()
    });
    let longest = playlist
        .segments
        .iter()
        .map(|segment| segment.seconds)
        .fold(0.0, f64::max);
    if let Some(target) = target {
        book.ensure(41, longest.round() as u64 <= target, place, || {
            format!("a segment lasts {longest} s, TARGETDURATION is {target}")
        });
    }
    book.ensure(41, playlist.tag("EXT-X-ENDLIST").is_some(), place, || {
        "no EXT-X-ENDLIST".into()
    });
    let kind = playlist.tag("EXT-X-PLAYLIST-TYPE");
    book.ensure(41, kind == Some("VOD"), place, || {
        format!("PLAYLIST-TYPE is {}", crate::verify::words::value(kind))
    });
    for (at, _) in playlist.maps.iter().skip(1) {
        let discontinued = playlist.discontinuities.contains(at);
        book.ensure(42, discontinued, place, || {
            "EXT-X-MAP changes without EXT-X-DISCONTINUITY".into()
        });
    }
    let Some(track) = playlist.track.and_then(|index| tracks.get(index)) else {
        return;
    };
    lengths(book, playlist, track);
}

/// Check 42.
fn lengths(book: &mut Book, playlist: &Playlist, track: &Track) {
    let place = &playlist.path;
    book.performed(42);
    let counts = (playlist.segments.len(), track.segments.len());
    book.ensure(42, counts.0 == counts.1, place, || {
        format!("{} segments, {} could be read", counts.0, counts.1)
    });
    let frame = track.frame_seconds();
    let mut total = 0.0;
    for (at, (entry, segment)) in playlist.segments.iter().zip(&track.segments).enumerate() {
        total += entry.seconds;
        let next = track.segments.get(at + 1);
        let start = segment.start.max(0);
        let presented = track.seconds(
            next.map_or(segment.end, |next| next.start)
                .saturating_sub(start),
        );
        let decoded = track.seconds(i64::try_from(segment.ticks).unwrap_or(i64::MAX));
        // An edit list may cut off the end of the last one.
        let near = |media: f64| (entry.seconds - media).abs() <= frame + 1e-3;
        let right =
            near(presented) || near(decoded) || (next.is_none() && entry.seconds < presented);
        book.ensure(42, right, &segment.at, || {
            format!("lasts {presented:.6} s, EXTINF says {} s", entry.seconds)
        });
    }
    let media = track.seconds(track.end().saturating_sub(track.presented_start()));
    let off = total - media;
    // Rounded to the last digit that is written.
    let rounding = counts.0 as f64 * 5e-4;
    book.ensure(42, off <= frame + rounding + 1e-6, place, || {
        format!("all EXTINF together are {total:.3} s, the media {media:.3} s")
    });
}
