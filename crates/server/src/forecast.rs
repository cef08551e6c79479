//! What a packaging would come to, before anything is made: for `dry_run` of the API and `--dry-run` of the command line, which
//! show it in one form.
//!
//! In: the plan of the engine, where nothing is encoded: its numbers are those that will be written. Else what is expected of
//! each track ([`Expected`]), whose bits a second nobody knows before they are spent. Out: a [`Forecast`].

mod expected;

pub use expected::Expected;

use packager::{EncryptScope, Plan, TrackKind};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// What is written beside the media of a segment, about, and of a rendition besides, in bytes.
const OVERHEAD: u64 = 1200;

/// What a packaging would come to. Nothing was made.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Forecast {
    /// Always: that nothing was made.
    dry_run: bool,
    /// Whether something would be encoded or converted: then numbers are estimates; else they are those that would be written,
    /// within some bytes a picture where that is encrypted.
    estimated: bool,
    /// Seconds.
    duration_seconds: f64,
    /// Bytes of all files but extras.
    size: u64,
    /// Output tracks, picture first.
    renditions: Vec<ForecastRendition>,
    /// What would be done with the file, and why; for people.
    notes: Vec<String>,
    /// What people should know.
    warnings: Vec<String>,
}

/// An output track that would be.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ForecastRendition {
    #[schema(example = "720p-h264")]
    name: String,
    #[schema(value_type = String, example = "video")]
    kind: Kind,
    /// RFC 6381; of what would be encoded or converted, the name of the codec.
    #[schema(example = "avc1.64001f")]
    codec: String,
    #[schema(value_type = String, example = "copied")]
    treatment: Treatment,
    /// ISO 639-2, where it is known.
    language: Option<String>,
    /// Pixels, of pictures.
    width: Option<u32>,
    height: Option<u32>,
    encrypted: bool,
    /// Bits a second, on average.
    bitrate: u64,
    /// Bytes of its files.
    size: u64,
    segments: u32,
    /// Seconds of the longest segment.
    segment_duration: f64,
}

/// Of what a rendition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Subtitles.
    Text,
}

/// What is done with a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Treatment {
    /// Its samples are taken as they are.
    Copied,
    /// It is encoded anew.
    Encoded,
    /// It is put into MP4, and encoded anew where the notes say so.
    Converted,
}

impl Kind {
    /// Every kind.
    pub(crate) const WORDS: [&'static str; 3] = ["video", "audio", "text"];

    fn of(kind: TrackKind) -> Option<Self> {
        match kind {
            TrackKind::Video => Some(Self::Video),
            TrackKind::Audio => Some(Self::Audio),
            TrackKind::Text => Some(Self::Text),
            TrackKind::Other(_) => None,
        }
    }
}

impl Treatment {
    /// Every treatment.
    pub(crate) const WORDS: [&'static str; 3] = ["copied", "encoded", "converted"];
}

/// How a package is cut and encrypted.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// Length that segments aim at.
    pub segment_duration: Duration,
    /// Between key pictures of what is encoded, in seconds.
    pub gop_seconds: f64,
    /// What is encrypted; `None` in the clear.
    pub encrypt: Option<EncryptScope>,
}

impl Forecast {
    /// What a plan comes to, in which every track is taken as it is.
    ///
    /// # Errors
    /// Those of [`Plan::outline`].
    pub fn of_plan(plan: &Plan) -> Result<Self, packager::Error> {
        let outline = plan.outline()?;
        let renditions = plan.renditions().iter().zip(&outline.renditions);
        let renditions = renditions.filter_map(|(rendition, outline)| {
            Some(ForecastRendition {
                name: rendition.name.clone(),
                kind: Kind::of(rendition.kind)?,
                codec: rendition.codec.clone(),
                treatment: Treatment::Copied,
                language: outline.language.clone(),
                width: outline.width,
                height: outline.height,
                encrypted: rendition.encrypted,
                bitrate: outline.bitrate,
                size: outline.size,
                segments: rendition.segments,
                segment_duration: outline.longest_segment_seconds,
            })
        });
        let warnings = plan.warnings().iter().map(|warning| warning.0.clone());
        Ok(Self {
            dry_run: true,
            estimated: false,
            duration_seconds: outline.duration_seconds,
            size: outline.size,
            renditions: renditions.collect(),
            notes: Vec::new(),
            warnings: warnings.collect(),
        })
    }

    /// What is expected of tracks that last `seconds`, of which some are yet to be encoded or converted.
    pub fn of_expected(
        mut tracks: Vec<Expected>,
        seconds: f64,
        cut: &Cut,
        notes: Vec<String>,
    ) -> Self {
        tracks.sort_by_key(|track| track.kind);
        let (segments, longest) = cut.segments(seconds);
        let rendition = |track: Expected| ForecastRendition {
            encrypted: cut.encrypts(track.kind),
            size: (track.bitrate as f64 * seconds / 8.0) as u64
                + OVERHEAD * (u64::from(segments) + 1),
            name: track.name,
            kind: track.kind,
            codec: track.codec,
            treatment: track.treatment,
            language: track.language,
            width: track.width,
            height: track.height,
            bitrate: track.bitrate,
            segments,
            segment_duration: longest,
        };
        let renditions: Vec<ForecastRendition> = tracks.into_iter().map(rendition).collect();
        Self {
            dry_run: true,
            estimated: true,
            duration_seconds: seconds,
            size: renditions.iter().map(|one| one.size).sum(),
            renditions,
            notes,
            warnings: Vec::new(),
        }
    }

    /// What there would be, for people: a line a rendition.
    pub fn text(&self) -> String {
        let about = if self.estimated { "about " } else { "" };
        let mut text = String::new();
        for one in &self.renditions {
            let treatment = match one.treatment {
                Treatment::Copied => "as it is",
                Treatment::Encoded => "encoded",
                Treatment::Converted => "converted",
            };
            let pixels = one.width.zip(one.height);
            let pixels = pixels.map_or(String::new(), |(width, height)| {
                format!(" {width}x{height}")
            });
            text.push_str(&format!(
                "{}: {}{pixels}, {treatment}, {about}{} kbit/s, {about}{} segments, {about}{} bytes\n",
                one.name,
                one.codec,
                one.bitrate / 1000,
                one.segments,
                one.size
            ));
        }
        text.push_str(&format!("in all: {about}{} bytes\n", self.size));
        text
    }

    /// Adds what people should know of it.
    pub(crate) fn note(&mut self, note: &str) {
        self.notes.push(note.to_owned());
    }

    /// What people should know.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl Cut {
    /// How many segments there are, and seconds of the longest: they begin at key pictures.
    fn segments(&self, seconds: f64) -> (u32, f64) {
        let target = self.segment_duration.as_secs_f64();
        let gop = self.gop_seconds.max(0.1);
        let length = (target / gop).round().max(1.0) * gop;
        let count = (seconds / length).ceil().max(1.0);
        (count as u32, length.min(seconds))
    }

    fn encrypts(&self, kind: Kind) -> bool {
        match self.encrypt {
            None => false,
            Some(EncryptScope::Video) => kind == Kind::Video,
            // Players decrypt no text.
            Some(EncryptScope::All) => kind != Kind::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_begin_at_key_pictures() {
        let cut = |target: u64, gop_seconds: f64| Cut {
            segment_duration: Duration::from_secs(target),
            gop_seconds,
            encrypt: None,
        };
        assert_eq!(cut(4, 2.0).segments(9.0), (3, 4.0));
        assert_eq!(cut(5, 2.0).segments(12.0), (2, 6.0));
        assert_eq!(cut(1, 2.0).segments(4.0), (2, 2.0));
        assert_eq!(cut(4, 2.0).segments(1.5), (1, 1.5));
        assert_eq!(cut(4, 2.0).segments(0.0), (1, 0.0));
    }
}
