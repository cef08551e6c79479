//! Subtitles as tracks of a movie: files of them, and tracks whose samples are read at once.

use super::entry::{self, SampleEntry, TextEntry};
use super::{Codec, Movie, Packageable, Timing, Track, TrackKind, Warning, language_code};
use crate::sample::{FragmentedTable, SampleTable};
use crate::text::tracks::{self, CueSamples};
use crate::text::{self, Subtitles, TextFormat, stpp};
use crate::{Error, Source};
use bmff::BoxView;
use bmff::boxes::Tkhd;
use std::sync::Arc;

/// Cues are counted in milliseconds.
const TIMESCALE: u32 = 1000;

/// A file of subtitles as a movie of one track.
///
/// # Errors
/// See [`text::read`].
pub(super) fn movie(source: &dyn Source, format: TextFormat) -> Result<Movie, Error> {
    let subtitles = text::read(source, format)?;
    let warnings = subtitles.notes.iter().cloned().map(Warning).collect();
    let language = subtitles.language.as_deref().and_then(language_code);
    let mut track = Track {
        id: 1,
        kind: TrackKind::Text,
        codec: Codec {
            fourcc: "wvtt".into(),
            rfc6381: "wvtt".into(),
        },
        packageable: Packageable::Yes,
        language: language.unwrap_or_else(|| "und".into()),
        role: None,
        timescale: TIMESCALE,
        sample_count: 0,
        start_seconds: 0.0,
        duration_seconds: 0.0,
        average_bitrate: 0,
        size: None,
        sample_rate: None,
        channels: None,
        header: Tkhd {
            enabled: true,
            track_id: 1,
            matrix: [0; 36],
            width: 0,
            height: 0,
        },
        timing: Timing::default(),
        entry: None,
        samples: Arc::new(SampleTable::Fragmented(FragmentedTable::default())),
    };
    track.set_cues(subtitles);
    Ok(Movie {
        duration_seconds: track.start_seconds + track.duration_seconds,
        brand: match format {
            TextFormat::WebVtt => "WEBVTT".into(),
            TextFormat::Srt => "SRT".into(),
        },
        fragmented: false,
        size: source.len(),
        tracks: vec![track],
        warnings,
    })
}

/// Ids of the tracks that hold names of chapters: others refer to them with `tref/chap`.
pub(super) fn chapter_tracks(moov: &BoxView<'_>) -> Result<Vec<u32>, Error> {
    let mut ids = Vec::new();
    for child in moov.children() {
        let child = child?;
        if child.kind != b"trak" {
            continue;
        }
        let Some(tref) = child.child(b"tref")? else {
            continue;
        };
        let Some(chap) = tref.child(b"chap")? else {
            continue;
        };
        let (words, _) = chap.body.as_chunks::<4>();
        ids.extend(words.iter().map(|word| u32::from_be_bytes(*word)));
    }
    Ok(ids)
}

impl Track {
    /// Reads the samples of a track of subtitles where they are needed to know it. What is wrong with
    /// subtitles makes them unfit, not the movie.
    pub(super) fn read_text(
        &mut self,
        chapters: &[u32],
        source: &dyn Source,
        warnings: &mut Vec<Warning>,
    ) -> Result<(), Error> {
        if self.kind != TrackKind::Text || self.packageable != Packageable::Yes {
            return Ok(());
        }
        if chapters.contains(&self.id) {
            self.refuse("it holds the names of chapters");
            return Ok(());
        }
        match &self.entry {
            Some(SampleEntry::Text(TextEntry::Samples(format))) => {
                let samples = CueSamples {
                    table: &self.samples,
                    timing: &self.timing,
                    timescale: self.timescale,
                };
                match tracks::read(&samples, format, source) {
                    Ok(subtitles) => {
                        let notes = subtitles.notes.iter();
                        let own = |note: &String| Warning(format!("track {}: {note}", self.id));
                        warnings.extend(notes.map(own));
                        self.set_cues(subtitles);
                    }
                    Err(Error::Io(error)) => return Err(error.into()),
                    Err(error) => self.refuse(&format!("its cues cannot be read: {error}")),
                }
            }
            Some(SampleEntry::Text(TextEntry::Ttml(_))) => self.check_ttml(source)?,
            _ => {}
        }
        Ok(())
    }

    /// Times inside a document of TTML count on the track's clock.
    fn check_ttml(&mut self, source: &dyn Source) -> Result<(), Error> {
        if self.timing.shift != 0 {
            self.refuse("its edit list moves it, and times inside its documents cannot be moved");
            return Ok(());
        }
        if self.codec.rfc6381 != "stpp" {
            return Ok(());
        }
        if let Some(first) = self.samples.iter().next() {
            let mut bytes = vec![0; (first.size as usize).min(stpp::SEARCHED)];
            source.read_at(first.offset, &mut bytes)?;
            if let Some(codec) = stpp::profile(&bytes) {
                self.codec.rfc6381 = codec.into();
            }
        }
        Ok(())
    }

    fn set_cues(&mut self, subtitles: Subtitles) {
        let (start, end) = (subtitles.start_ms(), subtitles.end_ms());
        self.sample_count = subtitles.count() as u64;
        self.start_seconds = start as f64 / 1000.0;
        self.duration_seconds = end.saturating_sub(start) as f64 / 1000.0;
        self.average_bitrate = (subtitles.bytes() * 8000)
            .checked_div(end - start)
            .unwrap_or(0);
        if subtitles.count() == 0 {
            self.refuse("it has no cues");
        }
        // What the cues become.
        self.codec.rfc6381 = "wvtt".into();
        self.entry = Some(SampleEntry::Text(TextEntry::Cues(Arc::new(subtitles))));
    }

    fn refuse(&mut self, why: &str) {
        self.packageable = Packageable::No(why.into());
    }
}

/// Whether the first sample entry of a `stsd` is one of subtitles.
pub(super) fn is_text(stsd: &BoxView<'_>) -> bool {
    let first = stsd.children_after(8).next().and_then(Result::ok);
    first.is_some_and(|entry| entry::is_text(entry.kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bmff::Writer;

    #[test]
    fn text_tracks_of_chapters_are_those_that_others_refer_to() {
        let mut w = Writer::default();
        w.boxed(b"moov", |w| {
            w.full(b"mvhd", 0, 0, |w| w.zeros(96));
            w.boxed(b"trak", |w| {
                w.boxed(b"tref", |w| {
                    w.boxed(b"hint", |w| w.u32(9));
                    w.boxed(b"chap", |w| {
                        w.u32(3);
                        w.u32(4);
                    });
                });
            });
            w.boxed(b"trak", |_| {});
        });
        let bytes = w.into_bytes();
        let moov = BoxView::new(&bytes, 0).unwrap();
        assert_eq!(chapter_tracks(&moov).unwrap(), [3, 4]);
    }
}
