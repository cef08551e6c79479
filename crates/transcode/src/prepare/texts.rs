//! Text that becomes WebVTT beside a ladder: tracks of it, and closed captions within the picture.

use super::Work;
use crate::captions;
use crate::convert::{Subtitles, webvtt};
use crate::probe::{Text, Track, TrackKind, input};
use crate::sniff::Container;
use crate::{Error, Result};

impl Work<'_> {
    /// Text of other containers than MP4, which the engine does not read, as WebVTT.
    pub(super) fn subtitles(&self) -> Result<Vec<Subtitles>> {
        let is_text = |track: &&Track| track.kind == TrackKind::Text(Text::Characters);
        let tracks: Vec<_> = self.facts.tracks.iter().filter(is_text).collect();
        if tracks.is_empty() || self.facts.container == Container::Mp4 {
            return Ok(Vec::new());
        }
        let mut arguments = input(self.facts.container, &self.path);
        let mut subtitles = Vec::new();
        for track in tracks {
            let (words, text) = webvtt(track, &self.folder);
            arguments.extend(words);
            subtitles.push(text);
        }
        self.run(arguments)?;
        Ok(subtitles)
    }

    /// Closed captions within the picture, as WebVTT; or why they are left out.
    pub(super) fn captions(&self) -> Result<(Option<Subtitles>, Vec<String>)> {
        let found = captions::write(
            self.tools,
            &self.path,
            self.facts,
            &self.folder,
            self.control,
        );
        match found {
            Ok(found) => Ok((found, Vec::new())),
            Err(error @ (Error::InvalidInput(_) | Error::Unsupported(_) | Error::Tool(_))) => {
                let note = format!("closed captions within the picture are left out: {error}");
                Ok((None, vec![note]))
            }
            Err(error) => Err(error),
        }
    }
}
