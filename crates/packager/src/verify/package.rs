//! Reads a package and makes all checks on it.

use super::book::Book;
use super::faithful::{self, Origin, Start};
use super::hls::{self, Playlists};
use super::init::{self, Init};
use super::keystream::KeyStream;
use super::location::{Files, Location};
use super::mpd::Mpd;
use super::playlist::Playlist;
use super::text::{self, Subtitles};
use super::track::{self, Shared, Track};
use super::{Level, PackageFiles, VerifyOptions, VerifyReport, dash, schema};
use crate::text::TextFormat;
use crate::{Error, KeyId, Source, TrackKind, probe};
use base64::Engine as _;
use std::collections::{BTreeSet, HashMap};

/// How many playlists a package may have.
const MAX_PLAYLISTS: usize = 2000;
/// How many segments all playlists may have together.
const MAX_ENTRIES: usize = 400_000;
/// How many samples are looked at in all.
const MAX_SAMPLES: u64 = 20_000_000;
/// How many bytes a manifest may have that is searched for keys.
const MAX_MANIFEST: u64 = 16 << 20;
/// How many bytes of a source are read as WebVTT.
const MAX_SUBTITLES: u64 = 16 << 20;

/// Files beside the media, which no manifest names: what pages show of a video.
const BESIDE: [&str; 3] = ["preview.mp4", "storyboard.vtt", "chapters.vtt"];

/// Makes all checks; `origins` are the tracks of the sources when the caller knows them.
///
/// # Errors
/// As [`super::verify`].
pub(super) fn verify(
    files: &dyn PackageFiles,
    manifests: &[&str],
    options: &VerifyOptions<'_>,
    origins: Option<Vec<Origin<'_>>>,
) -> Result<VerifyReport, Error> {
    let mut run = Run {
        book: Book::default(),
        files: Files::new(files),
        mpds: Vec::new(),
        playlists: Playlists::default(),
        tracks: Vec::new(),
        known: HashMap::new(),
        manifests: BTreeSet::new(),
        entries: 0,
    };
    for path in manifests {
        run.manifest(path)?;
    }
    let (origins, subtitles) = match origins {
        Some(origins) => (origins, Vec::new()),
        None => run.origins(options)?,
    };
    run.walk(options, &origins)?;
    let has_sets = !run.mpds.is_empty();
    for mpd in &run.mpds {
        schema::check(&mut run.book, &mpd.path, &mpd.root);
        dash::check(&mut run.book, mpd, &run.tracks);
    }
    hls::check(&mut run.book, &run.playlists, &run.tracks, has_sets);
    hls::check_iframes(
        &mut run.book,
        &mut run.files,
        &run.playlists,
        &run.tracks,
        options,
    )?;
    let all = (&run.playlists, run.mpds.as_slice(), run.tracks.as_slice());
    text::check(&mut run.book, &mut run.files, all, &subtitles)?;
    run.lengths(options.segment_duration);
    run.encryption();
    run.orphans(files);
    run.leaks(options)?;
    Ok(run.book.finish())
}

/// A package being read.
struct Run<'a> {
    book: Book,
    files: Files<'a>,
    mpds: Vec<Mpd>,
    playlists: Playlists,
    tracks: Vec<Track>,
    /// Tracks by init segment, segments, and whether they are for trick modes.
    known: HashMap<(Location, Vec<Location>, bool), Option<usize>>,
    /// Paths of all manifests.
    manifests: BTreeSet<String>,
    entries: usize,
}

impl Run<'_> {
    /// Reads a manifest that the caller names, and those that it names.
    fn manifest(&mut self, path: &str) -> Result<(), Error> {
        if !self.manifests.insert(path.to_string()) {
            return Ok(());
        }
        if path.to_ascii_lowercase().ends_with(".mpd") {
            let mpd = Mpd::read(&mut self.files, path)?;
            let mpd = mpd.map_err(|what| Error::InvalidInput(format!("{path}: {what}")))?;
            self.mpds.push(mpd);
            return Ok(());
        }
        let playlist = Playlist::read(&mut self.files, path)?;
        let playlist = playlist.map_err(|what| Error::InvalidInput(format!("{path}: {what}")))?;
        if !playlist.is_multivariant()
            && playlist.segments.is_empty()
            && !playlist.faults.is_empty()
        {
            return Err(Error::InvalidInput(format!("{path}: it is no playlist")));
        }
        self.playlist(playlist)
    }

    fn playlist(&mut self, playlist: Playlist) -> Result<(), Error> {
        if !playlist.is_multivariant() {
            let list = match playlist.tag("EXT-X-I-FRAMES-ONLY") {
                Some(_) => &mut self.playlists.iframes,
                None => &mut self.playlists.media,
            };
            self.entries += playlist.segments.len();
            list.push(playlist);
            return Ok(());
        }
        let named = playlist.media.iter().chain(&playlist.iframes);
        let named = named.filter_map(|attributes| {
            Some(super::location::resolve(
                &playlist.path,
                attributes.get("URI")?,
            ))
        });
        let paths: Vec<String> = playlist
            .variants
            .iter()
            .map(|(_, path)| path.clone())
            .chain(named)
            .collect();
        let own = playlist.path.clone();
        self.playlists.multivariant.push(playlist);
        for path in paths {
            if !self.manifests.insert(path.clone()) {
                continue;
            }
            if self.manifests.len() > MAX_PLAYLISTS || self.entries > MAX_ENTRIES {
                let what = format!("more than {MAX_PLAYLISTS} playlists or {MAX_ENTRIES} segments");
                return Err(Error::LimitExceeded(format!("{own}: {what}")));
            }
            match Playlist::read(&mut self.files, &path)? {
                Ok(inner) if inner.is_multivariant() => {
                    self.book
                        .must(43, &own, format!("{path} lists playlists itself"));
                }
                Ok(inner) => self.playlist(inner)?,
                Err(what) => self.book.must(43, &own, format!("{path}: {what}")),
            }
        }
        Ok(())
    }

    /// The tracks of all sources, and those that are WebVTT.
    fn origins<'s>(
        &mut self,
        options: &VerifyOptions<'s>,
    ) -> Result<(Vec<Origin<'s>>, Vec<Subtitles>), Error> {
        let (mut origins, mut subtitles) = (Vec::new(), Vec::new());
        for (number, source) in (1..).zip(options.sources) {
            if let Some(found) = read_subtitles(*source)? {
                subtitles.push(found);
                continue;
            }
            match probe(*source) {
                Ok(movie) => origins.extend(Origin::of(*source, &movie, number)),
                Err(Error::Io(error)) => return Err(Error::Io(error)),
                Err(error) => {
                    for check in [6, 28] {
                        self.book
                            .not_checked(check, format!("source {number}: {error}"));
                    }
                }
            }
        }
        Ok((origins, subtitles))
    }

    /// Walks over all media that manifests name.
    fn walk(&mut self, options: &VerifyOptions<'_>, origins: &[Origin<'_>]) -> Result<(), Error> {
        let mut keystream = KeyStream::default();
        let mut starts = Vec::new();
        let mut left = MAX_SAMPLES;
        let mut used = BTreeSet::new();
        let mut shared = Shared {
            options,
            origins,
            keystream: &mut keystream,
            starts: &mut starts,
            left: &mut left,
            used: &mut used,
        };
        for mpd in 0..self.mpds.len() {
            let count = self
                .mpds
                .get(mpd)
                .map_or(0, |mpd| mpd.representations.len());
            for index in 0..count {
                let found = self
                    .mpds
                    .get(mpd)
                    .and_then(|mpd| mpd.representations.get(index));
                let wanted = found.and_then(|found| {
                    let places = found
                        .segments
                        .iter()
                        .map(|listed| listed.at.clone())
                        .collect();
                    Some((found.init.clone()?, places, found.trick))
                });
                let Some(wanted) = wanted else {
                    continue;
                };
                let track = self.track(wanted, &mut shared)?;
                let found = self
                    .mpds
                    .get_mut(mpd)
                    .and_then(|mpd| mpd.representations.get_mut(index));
                if let Some(found) = found {
                    found.track = track;
                }
            }
        }
        for index in 0..self.playlists.media.len() {
            let wanted = self.playlists.media.get(index).and_then(|playlist| {
                let places = playlist
                    .segments
                    .iter()
                    .map(|entry| entry.at.clone())
                    .collect();
                Some((playlist.maps.first()?.1.clone(), places, false))
            });
            let Some(wanted) = wanted else {
                continue;
            };
            let track = self.track(wanted, &mut shared)?;
            if let Some(playlist) = self.playlists.media.get_mut(index) {
                playlist.track = track;
            }
        }
        self.starts(&starts);
        let names: Vec<String> = self.tracks.iter().map(Track::name).collect();
        keystream.finish(&mut self.book, &|number| {
            names.get(number).cloned().unwrap_or_default()
        });
        Ok(())
    }

    /// Check 6 as the media themselves (and HLS) say, and as the first Period does: `presentationTimeOffset` moves a rendition. It may
    /// move all of them alike, to where the first begins; check 37 sees to it that nothing is cut off.
    fn starts(&mut self, starts: &[Start]) {
        let of = |track: Option<usize>| starts.iter().find(|start| Some(start.track) == track);
        faithful::picture_starts(&mut self.book, starts);
        faithful::sound_starts(&mut self.book, starts, 0.0);
        for mpd in &self.mpds {
            // Times of Periods behind the first one count from where that ends.
            let first = mpd.representations.iter().filter(|found| found.period == 0);
            let moved = first.filter_map(|found| {
                let mut start = of(found.track)?.clone();
                start.late -= found.offset as f64 / found.timescale as f64;
                Some(start)
            });
            let moved: Vec<Start> = moved.collect();
            let alone = moved.first().map_or(0.0, |start| start.late);
            faithful::sound_starts(&mut self.book, &moved, alone);
        }
    }

    /// The track of these places; walks over it when it is new.
    fn track(
        &mut self,
        wanted: (Location, Vec<Location>, bool),
        shared: &mut Shared<'_, '_>,
    ) -> Result<Option<usize>, Error> {
        if let Some(known) = self.known.get(&wanted) {
            return Ok(*known);
        }
        let (at, places, trick) = &wanted;
        let init = match self.files.open(&at.path)? {
            Some(source) => Init::read(source, at)?,
            None => Err("is not there".into()),
        };
        let track = match init {
            Ok(init) => {
                if !trick {
                    init::check(&mut self.book, &init)?;
                }
                let number = self.tracks.len();
                let walked = track::walk(
                    &mut self.book,
                    &mut self.files,
                    (number, init, places, *trick),
                    shared,
                )?;
                self.tracks.push(walked);
                Some(number)
            }
            Err(what) => {
                self.book.must(1, at, what);
                None
            }
        };
        self.known.insert(wanted, track);
        Ok(track)
    }

    /// Check 17: segments that are too short, against the length that was aimed at or the usual one.
    fn lengths(&mut self, target: Option<f64>) {
        let picture = self
            .tracks
            .iter()
            .find(|track| track.is_video() && !track.trick);
        let pieces = picture.map_or(usize::MAX, |track| track.segments.len());
        for track in self.tracks.iter().filter(|track| !track.trick) {
            let mut lengths: Vec<f64> = track
                .segments
                .iter()
                .map(|segment| track.seconds(segment.end.saturating_sub(segment.start.max(0))))
                .collect();
            let last = lengths.last().copied().unwrap_or(0.0);
            lengths.sort_by(f64::total_cmp);
            let usual = lengths.get(lengths.len() / 2).copied().unwrap_or(0.0);
            let (aim, level) = match target {
                Some(target) => (target, Level::Must),
                // Key frames may lie so: without the aim nobody can tell.
                None => (usual, Level::Should),
            };
            let frame = track.frame_seconds();
            let is_text = matches!(track.init.kind, TrackKind::Text | TrackKind::Other(_));
            let but_last = track.segments.len().saturating_sub(1);
            for segment in track.segments.iter().take(but_last) {
                let length = track.seconds(segment.end.saturating_sub(segment.start.max(0)));
                if !is_text && length < aim * 0.5 - frame {
                    let what = format!("lasts {length:.3} s, half of {aim:.3} s is the least");
                    self.book.add(17, level, &segment.at, what);
                }
            }
            let least = target.map_or(usual * 0.1, |target| target * 0.5 - frame);
            let stray = track.init.kind == TrackKind::Audio
                && track.segments.len() > pieces
                && last < least;
            if let (true, Some(segment)) = (stray, track.segments.last()) {
                let what = format!(
                    "a stray piece of {last:.3} s of sound behind the last segment of the picture"
                );
                self.book.add(17, level, &segment.at, what);
            }
        }
    }

    /// Check 29 on whole tracks: what is clear beside encrypted ones.
    fn encryption(&mut self) {
        let encrypted = self
            .tracks
            .iter()
            .any(|track| track.init.scheme().is_some());
        if !encrypted {
            return;
        }
        self.book.performed(29);
        for track in &self.tracks {
            let text = matches!(track.init.kind, TrackKind::Text | TrackKind::Other(_));
            let place = track.name();
            if track.init.scheme().is_none() && !text {
                let what = "is clear beside encrypted renditions";
                self.book.add(29, Level::Should, &place, what);
            }
            if track.init.scheme().is_some() && track.kids.is_empty() && track.samples > 0 && !text
            {
                wholly_clear(&mut self.book, track);
            }
        }
    }

    /// Check 37: files that no manifest names.
    fn orphans(&mut self, files: &dyn PackageFiles) {
        let Some(all) = files.list() else {
            return;
        };
        let mut named: BTreeSet<&str> = BTreeSet::new();
        for representation in self.mpds.iter().flat_map(|mpd| &mpd.representations) {
            named.extend(representation.init.iter().map(|init| init.path.as_str()));
            named.extend(
                representation
                    .segments
                    .iter()
                    .map(|listed| listed.at.path.as_str()),
            );
            named.extend(representation.whole_file.as_deref());
        }
        for playlist in self.playlists.media.iter().chain(&self.playlists.iframes) {
            named.extend(playlist.segments.iter().map(|entry| entry.at.path.as_str()));
            named.extend(playlist.maps.iter().map(|(_, map)| map.path.as_str()));
        }
        for path in &all {
            let end = path
                .rsplit_once('.')
                .map_or("", |(_, end)| end)
                .to_ascii_lowercase();
            let is_media = matches!(
                end.as_str(),
                "m4s" | "mp4" | "m4v" | "m4a" | "cmfv" | "cmfa" | "cmft" | "vtt"
            );
            let is_beside = BESIDE.contains(&path.as_str());
            let orphan = is_media && !is_beside && !named.contains(path.as_str());
            self.book
                .ensure(37, !orphan, path, || "no manifest names it".into());
        }
    }

    /// Check 35, as far as it is about files: no content key is in a manifest.
    fn leaks(&mut self, options: &VerifyOptions<'_>) -> Result<(), Error> {
        if options.keys.is_empty() {
            let what = "needs a licence server, and keys to look for in the manifests";
            self.book.not_checked(35, what);
            return Ok(());
        }
        for path in std::mem::take(&mut self.manifests) {
            let text = match self.files.text(&path, MAX_MANIFEST) {
                Ok(Some(text)) => text,
                Err(Error::Io(error)) => return Err(Error::Io(error)),
                _ => continue,
            };
            let lower = text.to_ascii_lowercase();
            let plain = text.replace('-', "+").replace('_', "/");
            // Who gives a key the value of its own KID tells it to everybody: the KID has to be in the manifests.
            for key in options.keys.iter().filter(|key| key.value != key.kid.0) {
                // A key is 16 bytes as a KID is; the forms are the same.
                let value = KeyId(key.value);
                let base64 = base64::engine::general_purpose::STANDARD_NO_PAD.encode(key.value);
                let found = lower.contains(&value.hex())
                    || lower.contains(&value.uuid())
                    || plain.contains(&base64);
                if found {
                    let what = format!("holds the content key of key id {}", key.kid.uuid());
                    self.book.must(35, &path, what);
                }
            }
        }
        Ok(())
    }
}

/// A track whose samples are all clear is encrypted by name only, unless its clear lead is longer than it, or none of
/// its samples fills a block of AES (silence).
fn wholly_clear(book: &mut Book, track: &Track) {
    let (level, what) = match (track.init.has_clear_entry(), track.largest < 16) {
        (true, _) => (
            Level::Should,
            "its clear lead leaves nothing of it encrypted",
        ),
        (_, true) => (
            Level::Should,
            "its samples are all too small to be encrypted: they stay clear",
        ),
        _ => (Level::Must, "no sample of an encrypted track is encrypted"),
    };
    book.add(29, level, &track.name(), what);
}

/// Reads a source as WebVTT, if it is; one of SRT as the WebVTT that it becomes.
fn read_subtitles(source: &dyn Source) -> Result<Option<Subtitles>, Error> {
    let len = source.len();
    if !(6..=MAX_SUBTITLES).contains(&len) {
        return Ok(None);
    }
    let text = match crate::text::recognise(source) {
        Ok(Some(TextFormat::WebVtt)) => {
            let mut bytes = vec![0; len as usize];
            source.read_at(0, &mut bytes)?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
        Ok(Some(format)) => match crate::text::read(source, format) {
            Ok(cues) => cues.write_whole(0, u64::MAX),
            Err(Error::Io(error)) => return Err(Error::Io(error)),
            Err(_) => return Ok(None),
        },
        Err(Error::Io(error)) => return Err(Error::Io(error)),
        Ok(None) | Err(_) => return Ok(None),
    };
    Ok(text::parse(&text).ok())
}
