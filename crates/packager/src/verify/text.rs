//! Check 46: WebVTT in segments and in one file.

use super::book::Book;
use super::hls::Playlists;
use super::location::Files;
use super::mpd::Mpd;
use super::playlist::Playlist;
use super::track::Track;
use crate::{Error, TrackKind};
use std::collections::BTreeSet;

/// The number of this check.
const TEXT: u32 = 46;
/// How many bytes a file of subtitles may have.
const MAX_TEXT: u64 = 16 << 20;

/// One cue: start and end in milliseconds, settings and payload.
type Cue = (i64, i64, String);

/// A file of WebVTT.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Subtitles {
    /// Milliseconds that are added to its times: from `X-TIMESTAMP-MAP`; `None` without one.
    pub shift: Option<i64>,
    /// In file order.
    pub cues: Vec<Cue>,
}

/// Whether a path is one of WebVTT.
pub(super) fn is_text(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, end)| {
        end.eq_ignore_ascii_case("vtt") || end.eq_ignore_ascii_case("webvtt")
    })
}

/// Whether a playlist is one of WebVTT segments.
pub(super) fn is_text_playlist(playlist: &Playlist) -> bool {
    playlist
        .segments
        .first()
        .is_some_and(|entry| is_text(&entry.at.path))
}

/// The check on all subtitles; `originals` are the files of subtitles among the sources.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn check(
    book: &mut Book,
    files: &mut Files<'_>,
    (playlists, mpds, tracks): (&Playlists, &[Mpd], &[Track]),
    originals: &[Subtitles],
) -> Result<(), Error> {
    let media = || {
        let tracks = tracks.iter().filter(|track| !track.trick);
        tracks.filter(|track| matches!(track.init.kind, TrackKind::Video | TrackKind::Audio))
    };
    let lasts =
        media().map(|track| track.seconds(track.end().saturating_sub(track.presented_start())));
    // An edit list may end the presentation before the media.
    let listed = mpds
        .iter()
        .filter_map(|mpd| mpd.seconds("mediaPresentationDuration"));
    let listed = listed.fold(f64::INFINITY, f64::min);
    let lasts = lasts.fold(0.0, f64::max).min(listed);
    // Playlists keep the media's time, files of an MPD have that of its Period.
    let begins = media().map(|track| track.seconds(track.presented_start()));
    let begins = begins.fold(f64::INFINITY, f64::min);
    let begins = if begins.is_finite() { begins } else { 0.0 };
    let mut all: Vec<(String, BTreeSet<Cue>)> = Vec::new();
    for playlist in playlists
        .media
        .iter()
        .filter(|playlist| is_text_playlist(playlist))
    {
        book.performed(TEXT);
        let cues = segments(book, files, playlist, begins)?;
        let total: f64 = playlist.segments.iter().map(|entry| entry.seconds).sum();
        book.ensure(TEXT, total >= lasts - 0.1, &playlist.path, || {
            format!("its segments last {total:.3} s, the media {lasts:.3} s")
        });
        all.push((playlist.path.clone(), cues));
    }
    for mpd in mpds {
        for representation in &mpd.representations {
            let Some(path) = representation
                .whole_file
                .as_ref()
                .filter(|path| is_text(path))
            else {
                continue;
            };
            book.performed(TEXT);
            if let Some(found) = read(book, files, path)? {
                once(book, path, &found);
                let ms = (begins * 1000.0).round() as i64;
                let shifted = found.cues.into_iter().map(|(start, end, text)| {
                    (start.saturating_add(ms), end.saturating_add(ms), text)
                });
                all.push((path.clone(), shifted.collect()));
            }
        }
    }
    let shown = (
        (begins * 1000.0).round() as i64,
        ((begins + lasts) * 1000.0).floor() as i64,
    );
    compare(book, &all, originals, shown);
    Ok(())
}

/// Each list of cues is that of an original, as far as there are originals of all; single files are those of playlists.
fn compare(
    book: &mut Book,
    all: &[(String, BTreeSet<Cue>)],
    originals: &[Subtitles],
    (begins_ms, ends_ms): (i64, i64),
) {
    // What is shown before the presentation begins or after it ends may be cut off.
    let shown = |cues: &mut dyn Iterator<Item = &Cue>| -> BTreeSet<Cue> {
        cues.filter(|(start, end, _)| *end > begins_ms && *start < ends_ms)
            .map(|(start, end, text)| ((*start).max(begins_ms), *end, text.clone()))
            .collect()
    };
    let wanted: Vec<BTreeSet<Cue>> = originals
        .iter()
        .map(|original| shown(&mut original.cues.iter()))
        .collect();
    let all: Vec<(&String, BTreeSet<Cue>)> = all
        .iter()
        .map(|(path, cues)| (path, shown(&mut cues.iter())))
        .collect();
    // Texts of tracks in movies, and of files that were not given, have no original here.
    let distinct: BTreeSet<&BTreeSet<Cue>> = all.iter().map(|(_, cues)| cues).collect();
    let told = distinct.len() <= wanted.len();
    let lost = wanted
        .iter()
        .filter(|wanted| !wanted.is_empty() && !distinct.contains(wanted))
        .count();
    if let (false, 1.., Some((path, _))) = (told, lost, all.first()) {
        let what = format!("the cues of {lost} of the sources are not in the package");
        book.must(TEXT, path, what);
    }
    for (path, cues) in &all {
        if told && !wanted.contains(cues) {
            let nearest = wanted
                .iter()
                .map(|wanted| wanted.symmetric_difference(cues).count())
                .min();
            let what = format!(
                "{} cues differ from those of the nearest source",
                nearest.unwrap_or(0)
            );
            book.must(TEXT, path, what);
        }
        let twins = all
            .iter()
            .any(|(other, found)| other != path && found == cues);
        let alone = all
            .iter()
            .filter(|(other, _)| is_text(other) != is_text(path))
            .count()
            == 0;
        book.ensure(TEXT, twins || alone, path, || {
            "its cues are in no playlist (or in no file) of the other manifest".into()
        });
    }
}

/// Reads a file; what is wrong becomes a finding.
fn read(book: &mut Book, files: &mut Files<'_>, path: &str) -> Result<Option<Subtitles>, Error> {
    let text = match files.text(path, MAX_TEXT) {
        Ok(Some(text)) => text,
        Ok(None) => {
            book.must(TEXT, &path, "is not there");
            return Ok(None);
        }
        Err(Error::Io(error)) => return Err(Error::Io(error)),
        Err(error) => {
            book.must(TEXT, &path, error.to_string());
            return Ok(None);
        }
    };
    match parse(&text) {
        Ok(found) => Ok(Some(found)),
        Err(what) => {
            book.must(TEXT, &path, what);
            Ok(None)
        }
    }
}

/// No cue is there twice.
fn once(book: &mut Book, path: &str, found: &Subtitles) {
    let mut seen = BTreeSet::new();
    for cue in &found.cues {
        let fresh = seen.insert(cue);
        book.ensure(TEXT, fresh, &path, || {
            format!("the cue at {} ms is there twice", cue.0)
        });
    }
}

/// All cues of a playlist, on the media's timeline, at `begins` seconds of which the playlist begins.
fn segments(
    book: &mut Book,
    files: &mut Files<'_>,
    playlist: &Playlist,
    begins: f64,
) -> Result<BTreeSet<Cue>, Error> {
    let mut all: BTreeSet<Cue> = BTreeSet::new();
    let mut start = begins;
    // Those that must be in the next segment too, since they are still shown there.
    let mut lasting: Vec<Cue> = Vec::new();
    for entry in &playlist.segments {
        let end = start + entry.seconds;
        let (from, until) = (
            (start * 1000.0).round() as i64,
            (end * 1000.0).round() as i64,
        );
        start = end;
        let path = &entry.at.path;
        let Some(found) = read(book, files, path)? else {
            continue;
        };
        book.ensure(TEXT, found.shift.is_some(), path, || {
            "no X-TIMESTAMP-MAP".into()
        });
        once(book, path, &found);
        let shift = found.shift.unwrap_or(0);
        let here: Vec<Cue> = found
            .cues
            .iter()
            .map(|(start, end, text)| {
                (
                    start.saturating_add(shift),
                    end.saturating_add(shift),
                    text.clone(),
                )
            })
            .collect();
        for cue in &here {
            // A millisecond is what times are rounded to.
            let shown = cue.0 < until.saturating_add(2) && cue.1 > from.saturating_sub(2);
            book.ensure(TEXT, shown, path, || {
                format!(
                    "a cue of {} to {} ms in the segment of {from} to {until} ms",
                    cue.0, cue.1
                )
            });
            let repeated = all.contains(cue) && !lasting.contains(cue);
            book.ensure(TEXT, !repeated, path, || {
                format!("the cue at {} ms was there before", cue.0)
            });
        }
        for cue in &lasting {
            let there = here.contains(cue);
            book.ensure(TEXT, there, path, || {
                format!("the cue of {} to {} ms is lost here", cue.0, cue.1)
            });
        }
        lasting = here
            .iter()
            .filter(|cue| cue.1 > until.saturating_add(2))
            .cloned()
            .collect();
        all.extend(here);
    }
    Ok(all)
}

/// Reads WebVTT (W3C WebVTT, 4.1) with the header of HLS (RFC 8216, 3.5).
///
/// # Errors
/// Says which line is wrong.
pub(super) fn parse(text: &str) -> Result<Subtitles, String> {
    let text = text
        .strip_prefix('\u{feff}')
        .unwrap_or(text)
        .replace("\r\n", "\n");
    let mut found = Subtitles::default();
    let mut blocks = text.split("\n\n");
    let head = blocks.next().unwrap_or_default();
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    if first != "WEBVTT" && !first.starts_with("WEBVTT ") && !first.starts_with("WEBVTT\t") {
        return Err("the first line is not WEBVTT".into());
    }
    for line in lines {
        if let Some(map) = line.strip_prefix("X-TIMESTAMP-MAP=") {
            found.shift =
                Some(timestamp_map(map).ok_or_else(|| format!("'{line}' cannot be read"))?);
        }
    }
    for block in blocks {
        let mut lines = block.trim_matches('\n').lines().peekable();
        let is_other = lines.peek().is_none_or(|line| {
            line.starts_with("NOTE") || line.starts_with("STYLE") || line.starts_with("REGION")
        });
        if is_other {
            continue;
        }
        // An identifier may stand above the times.
        let times = lines.by_ref().take(2).find(|line| line.contains("-->"));
        let times = times.ok_or_else(|| {
            format!(
                "a block without times: '{}'",
                super::schema::shortened(block)
            )
        })?;
        let (start, rest) = times.split_once("-->").unwrap_or_default();
        let (end, settings) = rest
            .trim()
            .split_once([' ', '\t'])
            .unwrap_or((rest.trim(), ""));
        let wrong = || format!("'{times}' are no times");
        let (start, end) = (
            clock(start.trim()).ok_or_else(wrong)?,
            clock(end).ok_or_else(wrong)?,
        );
        if end <= start {
            return Err(wrong());
        }
        let payload: Vec<&str> = lines.collect();
        found.cues.push((
            start,
            end,
            format!("{}\n{}", settings.trim(), payload.join("\n")),
        ));
    }
    Ok(found)
}

/// Milliseconds of `01:02:03.004` or `02:03.004`.
fn clock(text: &str) -> Option<i64> {
    let (whole, millis) = text.split_once('.')?;
    let mut seconds = 0_i64;
    let parts: Vec<&str> = whole.split(':').collect();
    if !(2..=3).contains(&parts.len()) || millis.len() != 3 {
        return None;
    }
    for part in parts {
        seconds = seconds
            .checked_mul(60)?
            .checked_add(i64::from(part.parse::<u32>().ok()?))?;
    }
    seconds
        .checked_mul(1000)?
        .checked_add(i64::from(millis.parse::<u16>().ok()?))
}

/// Milliseconds between `MPEGTS` (at 90 kHz) and `LOCAL`.
fn timestamp_map(text: &str) -> Option<i64> {
    let (mut mpeg, mut local) = (None, None);
    for part in text.split(',') {
        match part.split_once(':')? {
            ("MPEGTS", ticks) => mpeg = ticks.parse::<i64>().ok(),
            ("LOCAL", time) => local = clock(time),
            _ => return None,
        }
    }
    (mpeg? / 90).checked_sub(local?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_are_read_with_their_times() {
        let text = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:90000,LOCAL:00:00:00.500\n\nNOTE a\n\n1\n00:01.000 --> 00:02.500 line:0\nHello\nyou\n\n01:00:00.000 --> 01:00:01.000\nlate\n";
        let found = parse(text).unwrap();
        assert_eq!(found.shift, Some(500));
        let expect: [Cue; 2] = [
            (1000, 2500, "line:0\nHello\nyou".into()),
            (3_600_000, 3_601_000, "\nlate".into()),
        ];
        assert_eq!(found.cues, expect);
        assert!(parse("WEBVT\n").is_err());
        assert!(parse("WEBVTT\n\n00:02.000 --> 00:01.000\nx\n").is_err());
    }
}
