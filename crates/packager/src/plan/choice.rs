//! Which tracks of the inputs are packaged, and what their renditions are called.

use crate::Error;
use crate::movie::{Movie, Packageable, Track, TrackKind, Warning};
use std::collections::BTreeMap;

/// A track that is packaged.
pub(super) struct Chosen<'a> {
    /// Index of its movie.
    pub input: usize,
    /// The track.
    pub track: &'a Track,
    /// Name of its folder.
    pub name: String,
    /// Whether its input has no other track of its kind.
    pub alone: bool,
}

/// What probing found worth a word, of all inputs.
pub(super) fn of_inputs(movies: &[Movie]) -> impl Iterator<Item = Warning> {
    let several = movies.len() > 1;
    let of_movie = move |(number, movie): (usize, &Movie)| {
        let place = match several {
            true => format!("input {number}, "),
            false => String::new(),
        };
        let warnings = movie.warnings.clone().into_iter();
        warnings.map(move |warning| Warning(format!("{place}{}", warning.0)))
    };
    (1..).zip(movies).flat_map(of_movie)
}

/// Every picture, sound and text that can be packaged, in this order; what is left out is named.
///
/// # Errors
/// [`Error::Unsupported`] when nothing remains, or when the main picture of an input cannot be packaged.
pub(super) fn choose(movies: &[Movie]) -> Result<(Vec<Chosen<'_>>, Vec<Warning>), Error> {
    let all = || {
        let movies = movies.iter().enumerate();
        movies.flat_map(|(input, movie)| movie.tracks.iter().map(move |track| (input, track)))
    };
    let has_picture = all().any(|(_, track)| track.kind == TrackKind::Video && track.can_be());
    let mut warnings = Vec::new();
    let mut tracks = Vec::new();
    for kind in [TrackKind::Video, TrackKind::Audio, TrackKind::Text] {
        for (input, track) in all().filter(|(_, track)| track.kind == kind && track.can_be()) {
            if kind == TrackKind::Video || !has_picture || !track.is_mp3() {
                tracks.push((input, track));
            }
        }
    }
    for (input, track) in all() {
        let place = match movies.len() {
            1 => String::new(),
            _ => format!("input {}, ", input + 1),
        };
        if !tracks
            .iter()
            .any(|(_, chosen)| std::ptr::eq(*chosen, track))
        {
            warnings.push(left_out(track, &place));
        }
    }
    let is_text = |track: &Track| track.kind == TrackKind::Text;
    if !tracks.is_empty() && tracks.iter().all(|(_, track)| is_text(track)) {
        let what = "subtitles alone make no package: give a picture or a sound, too";
        return Err(Error::Unsupported(what.into()));
    }
    check(movies, tracks.is_empty(), &warnings)?;
    let chosen = tracks.iter().zip(names(&tracks));
    let chosen = chosen.map(|(&(input, track), name)| Chosen {
        input,
        track,
        name,
        alone: {
            let same = |other: &&(usize, &Track)| other.0 == input && other.1.kind == track.kind;
            tracks.iter().filter(same).count() == 1
        },
    });
    Ok((chosen.collect(), warnings))
}

fn check(movies: &[Movie], nothing: bool, warnings: &[Warning]) -> Result<(), Error> {
    let reasons: Vec<&str> = warnings.iter().map(|warning| warning.0.as_str()).collect();
    let reasons = reasons.join("; ");
    let refused = movies.iter().filter_map(main_picture);
    if refused.into_iter().any(|picture| !picture.can_be()) {
        let what = format!("the picture cannot be packaged: {reasons}");
        return Err(Error::Unsupported(what));
    }
    if nothing {
        return Err(Error::Unsupported(match reasons.is_empty() {
            true => "the input has no track".into(),
            false => format!("nothing in the input can be packaged: {reasons}"),
        }));
    }
    Ok(())
}

/// The picture that an input is there for: the first that is enabled, else the first.
fn main_picture(movie: &Movie) -> Option<&Track> {
    let pictures = || {
        let tracks = movie.tracks.iter();
        tracks.filter(|track| {
            track.kind == TrackKind::Video && !is_cover_art(track) && !is_cut_away(track)
        })
    };
    pictures()
        .find(|track| track.header.enabled)
        .or_else(|| pictures().next())
}

/// Whether a track is a still picture beside the sound.
fn is_cover_art(track: &Track) -> bool {
    track.sample_count <= 1 && matches!(track.codec.fourcc.as_str(), "jpeg" | "png ")
}

/// Whether next to nothing of a track is presented, as when its edit list cuts it away.
fn is_cut_away(track: &Track) -> bool {
    track.sample_count > 0 && track.duration_seconds < 0.001
}

fn left_out(track: &Track, place: &str) -> Warning {
    let reason = match &track.packageable {
        Packageable::No(reason) => reason.as_str(),
        Packageable::Yes => {
            "no browser plays MP3 in MP4, and would not play the picture beside it either: convert the sound to AAC"
        }
    };
    Warning(format!(
        "{place}track {} ({}, {}) is left out: {reason}",
        track.id,
        track.kind.name(),
        track.codec.rfc6381
    ))
}

/// Folder names: `video`, or `video-<lines>p` when there are several; `audio`, or `audio-<language>`; `text`, or
/// `text-<language>`.
fn names(tracks: &[(usize, &Track)]) -> Vec<String> {
    let count = |kind| {
        tracks
            .iter()
            .filter(|(_, track)| track.kind == kind)
            .count()
    };
    let (pictures, sounds) = (count(TrackKind::Video), count(TrackKind::Audio));
    let texts = count(TrackKind::Text);
    let mut used: BTreeMap<String, u32> = BTreeMap::new();
    let mut name = |(_, track): &(usize, &Track)| {
        let name = match track.kind {
            TrackKind::Video if pictures == 1 => "video".to_string(),
            TrackKind::Video => format!("video-{}p", track.size.map_or(0, |size| size.1)),
            TrackKind::Text if texts == 1 => "text".to_string(),
            TrackKind::Text => format!("text-{}", track.language),
            _ if sounds == 1 => "audio".to_string(),
            _ => format!("audio-{}", track.language),
        };
        let count = used.entry(name.clone()).or_default();
        *count += 1;
        match *count {
            1 => name,
            nth => format!("{name}-{nth}"),
        }
    };
    tracks.iter().map(&mut name).collect()
}

impl Track {
    fn can_be(&self) -> bool {
        self.packageable == Packageable::Yes
    }
}
