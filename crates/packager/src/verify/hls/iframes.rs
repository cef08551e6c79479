//! Check 45: playlists of key pictures.

use super::{Playlists, head, target_of};
use crate::Error;
use crate::decrypt::Tracks;
use crate::movie::{SampleEntry, VideoConfig};
use crate::verify::book::Book;
use crate::verify::init::Init;
use crate::verify::location::{Files, Location};
use crate::verify::pictures::{Picture, first_picture};
use crate::verify::playlist::{Entry, Playlist};
use crate::verify::segments::{Fragment, Reader};
use crate::verify::track::Track;
use crate::verify::window::Window;
use crate::verify::{Depth, VerifyOptions};

/// The number of this check.
const IFRAMES: u32 = 45;

/// The check on all I-frame playlists.
///
/// # Errors
/// When a file cannot be read.
pub(in crate::verify) fn check(
    book: &mut Book,
    files: &mut Files<'_>,
    playlists: &Playlists,
    tracks: &[Track],
    options: &VerifyOptions<'_>,
) -> Result<(), Error> {
    for multivariant in &playlists.multivariant {
        for attributes in &multivariant.iframes {
            book.performed(IFRAMES);
            let place = format!("{}: EXT-X-I-FRAME-STREAM-INF", multivariant.path);
            let found =
                target_of(multivariant, attributes).and_then(|path| playlists.find_iframes(&path));
            let Some(playlist) = found else {
                book.must(
                    IFRAMES,
                    &place,
                    "its URI is no playlist with EXT-X-I-FRAMES-ONLY",
                );
                continue;
            };
            let peak = peak(playlist);
            let bandwidth: Option<f64> = attributes.number("BANDWIDTH");
            let right = bandwidth.is_some_and(|bandwidth| {
                bandwidth >= peak * 0.9 - 1.0 && bandwidth <= peak * 1.1 + 1.0
            });
            book.ensure(IFRAMES, right, &place, || {
                format!(
                    "BANDWIDTH is {}, the peak of {} is {peak:.0}",
                    crate::verify::words::value(bandwidth),
                    playlist.path
                )
            });
            let has = |name: &str| attributes.get(name).is_some();
            book.ensure(IFRAMES, has("CODECS") && has("RESOLUTION"), &place, || {
                "no CODECS or no RESOLUTION".into()
            });
        }
    }
    for playlist in &playlists.iframes {
        head(book, IFRAMES, playlist);
        let named = playlists.multivariant.iter().any(|multivariant| {
            let mut targets = multivariant
                .iframes
                .iter()
                .filter_map(|entry| target_of(multivariant, entry));
            targets.any(|path| path == playlist.path)
        });
        let alone = playlists.multivariant.is_empty();
        book.ensure(IFRAMES, named || alone, &playlist.path, || {
            "no EXT-X-I-FRAME-STREAM-INF names it".into()
        });
        pictures(book, files, playlist, tracks, options)?;
    }
    Ok(())
}

/// Bits a second of the heaviest entry.
fn peak(playlist: &Playlist) -> f64 {
    let rate = |entry: &crate::verify::playlist::Entry| {
        let (start, end) = entry.at.range.unwrap_or((0, 0));
        (end - start) as f64 * 8.0 / entry.seconds.max(1e-3)
    };
    playlist.segments.iter().map(rate).fold(0.0, f64::max)
}

fn pictures(
    book: &mut Book,
    files: &mut Files<'_>,
    playlist: &Playlist,
    tracks: &[Track],
    options: &VerifyOptions<'_>,
) -> Result<(), Error> {
    let place = &playlist.path;
    let ended = playlist.tag("EXT-X-ENDLIST").is_some();
    book.ensure(IFRAMES, ended, place, || "no EXT-X-ENDLIST".into());
    let Some((_, map)) = playlist.maps.first() else {
        book.must(IFRAMES, place, "no EXT-X-MAP");
        return Ok(());
    };
    let Some(track) = track_of(playlist, map, tracks) else {
        book.must(IFRAMES, place, "it lists pictures of no rendition");
        return Ok(());
    };
    super::keys::check(book, playlist, track);
    let own = match files.open(&map.path)? {
        Some(source) => Init::read(source, map)?,
        None => Err("is not there".into()),
    };
    let init = match own {
        Ok(init) => init,
        Err(what) => {
            book.must(IFRAMES, map, what);
            return Ok(());
        }
    };
    let same = init.timescale == track.init.timescale
        && init.track_id == track.init.track_id
        && init.kind == track.init.kind
        && init.shift() == track.init.shift();
    book.ensure(IFRAMES, same, map, || {
        "is the init segment of another track".into()
    });
    let reading = Reading {
        init: &init,
        tracks: Tracks::parse(init.moov.as_slice().into(), init.moov_offset, 0)?,
        config: match &track.entry {
            Some(SampleEntry::Video(entry)) => Some(entry.config.clone()),
            _ => None,
        },
        looks: options.depth != Depth::Quick,
    };
    let mut before = None;
    for entry in &playlist.segments {
        let Some(source) = files.open(&entry.at.path)? else {
            book.must(IFRAMES, &entry.at, "is not there");
            continue;
        };
        let source = Window::new(source);
        let (start, end) = entry.at.range.unwrap_or((0, source.len));
        let Some((fragment, picture)) = reading.fragment(&source, start)? else {
            book.must(IFRAMES, &entry.at, "no fragment begins there");
            continue;
        };
        picture_alone(book, entry, &fragment, picture, end);
        let time = fragment.decode_time;
        book.ensure(IFRAMES, before < time, &entry.at, || {
            "comes before the entry above it".into()
        });
        before = time;
    }
    whole_length(book, playlist, track);
    Ok(())
}

/// All entries together last as long as the media; an edit list may cut off the end of the last one.
fn whole_length(book: &mut Book, playlist: &Playlist, track: &Track) {
    let total: f64 = playlist.segments.iter().map(|entry| entry.seconds).sum();
    let media = track.seconds(track.end().saturating_sub(track.presented_start()));
    let last = track.segments.last();
    let last = last.map_or(0, |last| track.end().saturating_sub(last.start.max(0)));
    let near = track.frame_seconds() + playlist.segments.len() as f64 * 5e-4;
    let right = total <= media + near && total >= media - track.seconds(last) - near;
    book.ensure(IFRAMES, right, &playlist.path, || {
        format!("all EXTINF together are {total:.3} s, the media {media:.3} s")
    });
}

/// An entry holds one key picture and nothing else; `end` is where it ends in the file.
fn picture_alone(
    book: &mut Book,
    entry: &Entry,
    fragment: &Fragment,
    picture: Option<Picture>,
    end: u64,
) {
    let first = fragment.samples.first();
    let behind_first = first.map(|sample| sample.offset.saturating_add(u64::from(sample.size)));
    let whole = end == fragment.end && fragment.samples.len() == 1;
    book.ensure(
        IFRAMES,
        whole || Some(end) == behind_first,
        &entry.at,
        || {
            format!(
                "ends at {end}, the key picture at {}",
                behind_first.unwrap_or(0)
            )
        },
    );
    let sync = first.is_some_and(|sample| sample.sync) && picture != Some(Picture::Dependent);
    book.ensure(IFRAMES, sync, &entry.at, || {
        "its first picture needs others".into()
    });
}

/// The rendition whose pictures are listed: that of the init segment or, where key pictures have one of their own, that
/// of the media.
fn track_of<'a>(playlist: &Playlist, map: &Location, tracks: &'a [Track]) -> Option<&'a Track> {
    let mut candidates = tracks.iter().filter(|track| !track.trick);
    let of_map = candidates.clone().find(|track| track.init.at == *map);
    of_map.or_else(|| {
        let path = &playlist.segments.first()?.at.path;
        candidates.find(|track| {
            track
                .segments
                .iter()
                .any(|segment| segment.at.path == *path)
        })
    })
}

/// What is needed to read a fragment anywhere in the media of a rendition.
struct Reading<'a> {
    init: &'a Init,
    tracks: Tracks,
    config: Option<VideoConfig>,
    looks: bool,
}

impl Reading<'_> {
    /// The fragment that begins at `start`, and what its first picture is.
    fn fragment(
        &self,
        source: &Window<'_>,
        start: u64,
    ) -> Result<Option<(Fragment, Option<Picture>)>, Error> {
        let mut reader = Reader {
            init: self.init,
            tracks: &self.tracks,
            left: 1 << 20,
        };
        let Some(fragment) = reader.fragment_at(source, start)? else {
            return Ok(None);
        };
        let picture = match (&self.config, fragment.samples.first()) {
            (Some(config), Some(sample)) if self.looks => first_picture(source, sample, config)?,
            _ => None,
        };
        Ok(Some((fragment, picture)))
    }
}
