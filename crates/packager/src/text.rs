//! Subtitles: a file of WebVTT or SRT, or the samples of a track in, one list of cues out; and from the list
//! the text of a whole file or of one segment.
//!
//! Cues are what WebVTT calls so (W3C WebVTT, 4): identifiers, settings and markup stay as they are. What
//! players would misread is mended when a cue is added, so that every list can be written.

mod decode;
mod lines;
mod srt;
pub(crate) mod stpp;
pub(crate) mod tracks;
mod webvtt;
mod write;

use crate::{Error, Source};
use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// How long a file of subtitles may be, in bytes; the texts of a track's cues are held to it too.
const MAX_TEXT_BYTES: usize = 16 << 20;

/// How many cues a list may hold: a film has two thousand.
const MAX_CUES: usize = 250_000;

/// Times from here on are no times, in milliseconds: a thousand hours.
const END_OF_TIME_MS: u64 = 1000 * 3_600_000;

/// Formats of files that hold nothing but subtitles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextFormat {
    /// WebVTT.
    WebVtt,
    /// SubRip.
    Srt,
}

/// One cue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Cue<'a> {
    /// Its identifier; empty when it has none.
    pub id: &'a str,
    /// When it appears, in milliseconds.
    pub start_ms: u64,
    /// When it vanishes.
    pub end_ms: u64,
    /// Where it stands: the rest of the line of times.
    pub settings: &'a str,
    /// Its text, with markup.
    pub payload: &'a str,
}

/// A list of cues, in the order in which they appear.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Subtitles {
    /// `STYLE` and `REGION` blocks, with an empty line behind each.
    blocks: String,
    /// Identifiers, settings and texts of all cues, one behind the other.
    text: String,
    entries: Vec<Entry>,
    /// The language that a header tells.
    pub language: Option<String>,
    /// What people should know, for instance how many cues could not be read.
    pub notes: Vec<String>,
}

/// A cue, without its texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    start_ms: u32,
    end_ms: u32,
    /// The latest end of this cue and of all before it.
    latest_end_ms: u32,
    at: u32,
    id_len: u32,
    settings_len: u32,
    payload_len: u32,
}

/// Tells whether a source is a file of subtitles, by its first bytes.
///
/// # Errors
/// When it cannot be read, or is subtitles of a format that is not packaged.
pub(crate) fn recognise(source: &dyn Source) -> Result<Option<TextFormat>, Error> {
    let start = decode::start(source)?;
    if webvtt::is_signature(&start) {
        return Ok(Some(TextFormat::WebVtt));
    }
    if srt::begins_like(&start) {
        return Ok(Some(TextFormat::Srt));
    }
    match other_format(&start) {
        None => Ok(None),
        Some(name) => Err(Error::Unsupported(format!(
            "the file is subtitles in the format {name}; WebVTT and SRT are packaged: convert it first, for instance with `ffmpeg -i INPUT OUTPUT.vtt`"
        ))),
    }
}

/// The name of a format of subtitles that is not packaged.
fn other_format(start: &str) -> Option<&'static str> {
    let start = start.trim_start();
    let is_xml = start.starts_with("<?xml") || start.starts_with("<tt");
    if start.starts_with("[Script Info]") {
        Some("SubStation Alpha (ASS)")
    } else if is_xml && start.contains("http://www.w3.org/ns/ttml") {
        Some("TTML")
    } else if start.starts_with("<SAMI>") {
        Some("SAMI")
    } else {
        None
    }
}

/// Reads a file of subtitles.
///
/// # Errors
/// [`Error::LimitExceeded`] when it is too long or has too many cues; [`Error::Io`].
pub(crate) fn read(source: &dyn Source, format: TextFormat) -> Result<Subtitles, Error> {
    let (text, note) = decode::whole(source, format)?;
    let mut subtitles = match format {
        TextFormat::WebVtt => webvtt::parse(&text)?,
        TextFormat::Srt => srt::parse(&text)?,
    };
    subtitles.notes.splice(0..0, note);
    Ok(subtitles)
}

impl Subtitles {
    /// All cues.
    #[cfg(test)]
    fn cues(&self) -> impl Iterator<Item = Cue<'_>> {
        self.entries.iter().map(|entry| self.cue(entry))
    }

    /// Number of cues.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// Number of cues that appear at `ms` or later.
    pub fn count_from(&self, ms: u64) -> usize {
        let before = |entry: &Entry| u64::from(entry.start_ms) < ms;
        self.entries.len() - self.entries.partition_point(before)
    }

    /// When the first cue appears, in milliseconds.
    pub fn start_ms(&self) -> u64 {
        self.entries
            .first()
            .map_or(0, |entry| u64::from(entry.start_ms))
    }

    /// When the last cue vanishes, in milliseconds.
    pub fn end_ms(&self) -> u64 {
        self.entries
            .last()
            .map_or(0, |entry| u64::from(entry.latest_end_ms))
    }

    /// Bytes of all texts.
    pub fn bytes(&self) -> u64 {
        self.text.len() as u64
    }

    /// The cues that are shown at some time from `start_ms` to before `end_ms`.
    fn shown_between(&self, start_ms: u64, end_ms: u64) -> impl Iterator<Item = Cue<'_>> {
        let begins = |entry: &Entry| u64::from(entry.start_ms) < end_ms;
        let is_over = |entry: &Entry| u64::from(entry.latest_end_ms) <= start_ms;
        let last = self.entries.partition_point(begins);
        let first = self.entries.partition_point(is_over);
        let near = self.entries.get(first..last).unwrap_or_default();
        near.iter()
            .filter(move |entry| u64::from(entry.end_ms) > start_ms)
            .map(|entry| self.cue(entry))
    }

    fn cue(&self, entry: &Entry) -> Cue<'_> {
        let id_at = entry.at as usize;
        let settings_at = id_at + entry.id_len as usize;
        let payload_at = settings_at + entry.settings_len as usize;
        let end = payload_at + entry.payload_len as usize;
        let text = |from: usize, to: usize| self.text.get(from..to).unwrap_or_default();
        Cue {
            id: text(id_at, settings_at),
            start_ms: u64::from(entry.start_ms),
            end_ms: u64::from(entry.end_ms),
            settings: text(settings_at, payload_at),
            payload: text(payload_at, end),
        }
    }
}

/// Makes a list of cues.
#[derive(Default)]
struct Builder {
    subtitles: Subtitles,
    /// Hashes of the identifiers so far.
    ids: HashSet<u64>,
    /// Blocks that are meant as cues and are none.
    unreadable: u64,
    /// Cues that last no time.
    still: u64,
    /// Cues with the identifier of another.
    same_id: u64,
}

impl Builder {
    /// Expects about so many bytes of text.
    fn with_room(bytes: usize) -> Self {
        let mut builder = Self::default();
        let room = bytes.saturating_mul(2).min(MAX_TEXT_BYTES);
        builder.subtitles.text = String::with_capacity(room);
        builder
    }

    /// Adds a cue. An identifier that is taken is left out, as WebVTT (3.1) and players want each once.
    /// Gives its place, when it is one.
    fn push(&mut self, cue: &Cue<'_>) -> Result<Option<usize>, Error> {
        let times = (u32::try_from(cue.start_ms), u32::try_from(cue.end_ms));
        let (Ok(start_ms), Ok(end_ms)) = times else {
            self.unreadable += 1;
            return Ok(None);
        };
        if end_ms <= start_ms {
            self.still += 1;
            return Ok(None);
        }
        if self.subtitles.entries.len() >= MAX_CUES {
            let what = format!("the subtitles have more than {MAX_CUES} cues");
            return Err(Error::LimitExceeded(what));
        }
        let at = self.subtitles.text.len() as u32;
        let id_len = match self.is_new(cue.id) {
            true => self.append(cue.id, lines::Kind::Line)?,
            false => 0,
        };
        let settings_len = self.append(cue.settings, lines::Kind::Line)?;
        let payload_len = self.append(cue.payload, lines::Kind::Block)?;
        self.subtitles.entries.push(Entry {
            start_ms,
            end_ms,
            latest_end_ms: end_ms,
            at,
            id_len,
            settings_len,
            payload_len,
        });
        Ok(Some(self.subtitles.entries.len() - 1))
    }

    /// Lets a cue end later.
    fn set_end(&mut self, index: usize, end_ms: u64) {
        let entry = self.subtitles.entries.get_mut(index);
        if let (Some(entry), Ok(end_ms)) = (entry, u32::try_from(end_ms)) {
            entry.end_ms = entry.end_ms.max(end_ms);
        }
    }

    /// Adds a `STYLE` or `REGION` block.
    fn push_block(&mut self, block: &str) -> Result<(), Error> {
        let blocks = &mut self.subtitles.blocks;
        if blocks.len() + lines::cleaned_len(block) + 2 > MAX_TEXT_BYTES {
            return Err(too_long());
        }
        lines::clean(block, lines::Kind::Block, blocks);
        blocks.push_str("\n\n");
        Ok(())
    }

    fn is_new(&mut self, id: &str) -> bool {
        if id.is_empty() {
            return true;
        }
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let is_new = self.ids.insert(hasher.finish());
        self.same_id += u64::from(!is_new);
        is_new
    }

    /// Appends a text to the others and gives its length.
    fn append(&mut self, text: &str, kind: lines::Kind) -> Result<u32, Error> {
        let all = &mut self.subtitles.text;
        let before = all.len();
        if before + lines::cleaned_len(text) > MAX_TEXT_BYTES {
            return Err(too_long());
        }
        lines::clean(text, kind, all);
        Ok((all.len() - before) as u32)
    }

    /// The list, sorted.
    fn finish(self) -> Subtitles {
        let mut subtitles = self.subtitles;
        subtitles.text.shrink_to_fit();
        // Cues that appear at once stay in the order of the file: players stack them so.
        subtitles.entries.sort_by_key(|entry| entry.start_ms);
        let mut latest = 0;
        for entry in &mut subtitles.entries {
            latest = latest.max(entry.end_ms);
            entry.latest_end_ms = latest;
        }
        for (count, what) in [
            (self.unreadable, "could not be read and is left out"),
            (self.still, "lasts no time and is left out"),
            (
                self.same_id,
                "has the identifier of another, which is left out",
            ),
        ] {
            if count > 0 {
                let note = format!("of the subtitles, {what}: {count} of the cues");
                subtitles.notes.push(note);
            }
        }
        subtitles
    }
}

fn too_long() -> Error {
    let what = format!("the subtitles are longer than {MAX_TEXT_BYTES} bytes");
    Error::LimitExceeded(what)
}

#[cfg(test)]
mod tests;
