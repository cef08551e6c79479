//! Playlists against the media: checks 9, 10, 16, 30 and 41–45.

mod iframes;
mod keys;
mod media;
mod multivariant;

use super::book::Book;
use super::location::resolve;
use super::playlist::{Attributes, Playlist};
use super::track::{SegmentFacts, Track};
use crate::TrackKind;
pub(super) use iframes::check as check_iframes;

/// How many segments a stretch may have over which a bit rate is measured.
const MAX_STRETCH: usize = 1000;

/// All playlists of a package.
#[derive(Default)]
pub(super) struct Playlists {
    /// Those that list others.
    pub multivariant: Vec<Playlist>,
    /// Those that list segments.
    pub media: Vec<Playlist>,
    /// Those that list key pictures.
    pub iframes: Vec<Playlist>,
}

impl Playlists {
    /// The media playlist in a file.
    fn find(&self, path: &str) -> Option<&Playlist> {
        self.media.iter().find(|playlist| playlist.path == path)
    }

    /// The I-frame playlist in a file.
    fn find_iframes(&self, path: &str) -> Option<&Playlist> {
        self.iframes.iter().find(|playlist| playlist.path == path)
    }
}

/// Makes all of them but those on I-frame playlists; `has_sets` tells that an MPD says which renditions belong
/// together.
pub(super) fn check(book: &mut Book, playlists: &Playlists, tracks: &[Track], has_sets: bool) {
    for playlist in &playlists.multivariant {
        multivariant::check(book, playlist, playlists, tracks, has_sets);
    }
    for playlist in &playlists.media {
        media::check(book, playlist, tracks);
        if let Some(track) = playlist.track.and_then(|index| tracks.get(index)) {
            keys::check(book, playlist, track);
        }
    }
    // Subtitles may have a target of their own (RFC 8216, 6.2.4).
    let is_text = |playlist: &&Playlist| {
        let track = playlist.track.and_then(|index| tracks.get(index));
        super::text::is_text_playlist(playlist)
            || track.is_some_and(|track| {
                !matches!(track.init.kind, TrackKind::Video | TrackKind::Audio)
            })
    };
    let mut targets = playlists
        .media
        .iter()
        .filter(|playlist| !is_text(playlist))
        .filter_map(|playlist| Some((playlist.target()?, playlist)));
    if let Some((first, _)) = targets.next() {
        for (target, playlist) in targets {
            book.ensure(42, target == first, &playlist.path, || {
                format!("TARGETDURATION is {target}, {first} in another playlist")
            });
        }
    }
}

/// The file that an attribute of a playlist names.
fn target_of(playlist: &Playlist, attributes: &Attributes) -> Option<String> {
    Some(resolve(&playlist.path, attributes.get("URI")?))
}

/// Lines that could not be read, and the head of a playlist.
fn head(book: &mut Book, number: u32, playlist: &Playlist) {
    book.performed(number);
    for (line, what) in playlist.faults.iter().take(5) {
        book.must(number, &format!("{}:{line}", playlist.path), what.as_str());
    }
    let versions = playlist.versions.len();
    book.ensure(number, versions <= 1, &playlist.path, || {
        format!("{versions} EXT-X-VERSION")
    });
}

/// Bits a second of a track: the highest over any stretch of at least half the target, the highest of any
/// segment, and the average.
fn bit_rates(track: &Track, lengths: &[f64], target: f64) -> (f64, f64, f64) {
    let segments: Vec<(f64, f64)> = track
        .segments
        .iter()
        .zip(lengths)
        .map(|(segment, length): (&SegmentFacts, &f64)| {
            (segment.bytes as f64 * 8.0, length.max(1e-3))
        })
        .collect();
    let alone = segments
        .iter()
        .map(|(bits, length)| bits / length)
        .fold(0.0, f64::max);
    let mut stretch: f64 = 0.0;
    for at in 0..segments.len() {
        let (mut bits, mut length) = (0.0, 0.0);
        for (more, seconds) in segments.iter().skip(at).take(MAX_STRETCH) {
            if length + seconds > target * 1.5 && length > 0.0 {
                break;
            }
            bits += more;
            length += seconds;
            if length >= target * 0.5 {
                stretch = stretch.max(bits / length);
            }
        }
    }
    let (bits, length) = segments.iter().fold((0.0, 0.0), |sum, (bits, length)| {
        (sum.0 + bits, sum.1 + length)
    });
    let average = if length > 0.0 { bits / length } else { 0.0 };
    (if stretch > 0.0 { stretch } else { alone }, alone, average)
}
