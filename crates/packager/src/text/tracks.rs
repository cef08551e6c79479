//! Cues from the samples of a track: `wvtt` (ISO/IEC 14496-30, 7) and `tx3g` (3GPP TS 26.245).

use super::write::shift_timestamps;
use super::{Builder, Cue, MAX_TEXT_BYTES, Subtitles, webvtt};
use crate::movie::Timing;
use crate::sample::{Sample, SampleTable};
use crate::{Error, Source};
use encoding_rs::{Encoding, UTF_8};

/// How many cues one sample may show: a screen has fewer lines.
const MAX_AT_ONCE: usize = 100;

/// How many bytes of neighbouring samples are read at once, unless one is longer.
const BATCH: usize = 256 << 10;

/// How cues lie in samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CueFormat {
    /// `wvtt`, with the head of the file: what `vttC` holds.
    Wvtt(String),
    /// `tx3g`.
    Tx3g,
}

/// The samples of a track.
pub(crate) struct CueSamples<'a> {
    /// Where they are.
    pub table: &'a SampleTable,
    /// From their clock to the movie's.
    pub timing: &'a Timing,
    /// Ticks a second of their clock.
    pub timescale: u32,
}

/// Reads all samples of a track as cues, on the movie's timeline.
///
/// # Errors
/// [`Error::InvalidInput`] when a sample is malformed, [`Error::LimitExceeded`], [`Error::Io`].
pub(crate) fn read(
    samples: &CueSamples<'_>,
    format: &CueFormat,
    source: &dyn Source,
) -> Result<Subtitles, Error> {
    let mut reader = Reader {
        samples,
        builder: Builder::default(),
        open: Vec::new(),
        styled: 0,
    };
    if let CueFormat::Wvtt(head) = format {
        webvtt::parse_into(head, &mut reader.builder)?;
    }
    for_each(samples.table, source, |index, sample, bytes| {
        let Some(span) = samples.span(sample) else {
            return Ok(());
        };
        let read = match format {
            CueFormat::Wvtt(_) => reader.webvtt(span, bytes),
            CueFormat::Tx3g => reader.timed_text(span, bytes),
        };
        read.map_err(|error| match error {
            Error::InvalidInput(what) => {
                let at = sample.offset;
                Error::InvalidInput(format!("sample {index} at {at:#x}: {what}"))
            }
            other => other,
        })
    })?;
    let styled = reader.styled;
    let mut subtitles = reader.builder.finish();
    if styled > 0 {
        let note = format!("of the subtitles, styles are not kept: {styled} of the cues have some");
        subtitles.notes.push(note);
    }
    Ok(subtitles)
}

/// When a sample is shown, in ticks of the track on the movie's timeline.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: i64,
    end: i64,
}

impl CueSamples<'_> {
    /// `None` when the edit list cuts the sample off.
    fn span(&self, sample: &Sample) -> Option<Span> {
        let start = self.timing.presentation(sample);
        let end = start.saturating_add(i64::from(sample.duration));
        let span = Span {
            start: start.max(0),
            end: self.timing.end.map_or(end, |last| last.min(end)),
        };
        Some(span).filter(|span| span.end > span.start)
    }

    fn ms(&self, ticks: i64) -> u64 {
        let timescale = i128::from(self.timescale.max(1));
        let ms = (i128::from(ticks.max(0)) * 1000 + timescale / 2) / timescale;
        u64::try_from(ms).unwrap_or(u64::MAX)
    }
}

/// A cue that the last sample showed: it may go on in the next.
struct Open {
    boxes: CueBoxes,
    /// Its place in the list.
    index: usize,
    /// In ticks.
    end: i64,
}

/// The boxes of a `vttc`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct CueBoxes {
    /// `vsid`: which cue of the original it is.
    source_id: Option<[u8; 4]>,
    id: String,
    settings: String,
    payload: String,
    /// `ctim`: the time of the text's own clock when the sample begins. Parts of one cue differ here.
    time: Option<String>,
}

impl CueBoxes {
    fn continues(&self, other: &Self) -> bool {
        self.source_id == other.source_id
            && self.payload == other.payload
            && self.id == other.id
            && self.settings == other.settings
    }
}

struct Reader<'a> {
    samples: &'a CueSamples<'a>,
    builder: Builder,
    open: Vec<Open>,
    /// Number of cues with styles that are not kept.
    styled: u64,
}

impl Reader<'_> {
    /// Cues of one `wvtt` sample. One that the sample before showed, too, is the same cue.
    fn webvtt(&mut self, span: Span, bytes: &[u8]) -> Result<(), Error> {
        let mut before = std::mem::take(&mut self.open);
        before.retain(|open| open.end == span.start);
        for (kind, body) in Boxes(bytes) {
            if &kind != b"vttc" {
                continue;
            }
            let boxes = cue_boxes(body?)?;
            if self.open.len() >= MAX_AT_ONCE {
                let what = format!("a sample shows more than {MAX_AT_ONCE} cues");
                return Err(Error::LimitExceeded(what));
            }
            let found = before.iter().position(|open| open.boxes.continues(&boxes));
            let index = match found {
                Some(place) => Some(before.swap_remove(place).index),
                None => self.add(span, &boxes)?,
            };
            let Some(index) = index else {
                continue;
            };
            let end_ms = self.samples.ms(span.end);
            self.builder.set_end(index, end_ms);
            self.open.push(Open {
                boxes,
                index,
                end: span.end,
            });
        }
        Ok(())
    }

    fn add(&mut self, span: Span, boxes: &CueBoxes) -> Result<Option<usize>, Error> {
        let start_ms = self.samples.ms(span.start);
        let mut clock = super::lines::Scanner(boxes.time.as_deref().unwrap_or_default());
        // Times inside the text count on the clock of `ctim`, else on the track's.
        let shift = match webvtt::timestamp(&mut clock) {
            Some(time) => start_ms as i64 - time as i64,
            None => {
                let ms = i128::from(self.samples.timing.shift) * 1000;
                let ms = ms / i128::from(self.samples.timescale.max(1));
                i64::try_from(ms).unwrap_or_default()
            }
        };
        let payload = match shift {
            0 => boxes.payload.clone(),
            shift => shift_timestamps(&boxes.payload, shift),
        };
        self.builder.push(&Cue {
            id: &boxes.id,
            start_ms,
            end_ms: self.samples.ms(span.end).max(start_ms + 1),
            settings: &boxes.settings,
            payload: &payload,
        })
    }

    /// The text of one `tx3g` sample: its length in 16 bits, the text, boxes of styles.
    fn timed_text(&mut self, span: Span, bytes: &[u8]) -> Result<(), Error> {
        let Some((length, rest)) = bytes.split_first_chunk() else {
            return Ok(());
        };
        let length = usize::from(u16::from_be_bytes(*length));
        let Some((text, styles)) = rest.split_at_checked(length) else {
            let what = format!("a text of {length} bytes in a sample of {}", bytes.len());
            return Err(Error::InvalidInput(what));
        };
        let (encoding, mark) = Encoding::for_bom(text).unwrap_or((UTF_8, 0));
        let text = text.get(mark..).unwrap_or_default();
        let (text, _) = encoding.decode_without_bom_handling(text);
        if text.trim().is_empty() {
            return Ok(());
        }
        self.styled += u64::from(!styles.is_empty());
        let start_ms = self.samples.ms(span.start);
        self.builder.push(&Cue {
            start_ms,
            end_ms: self.samples.ms(span.end).max(start_ms + 1),
            payload: &text.replace('&', "&amp;").replace('<', "&lt;"),
            ..Cue::default()
        })?;
        Ok(())
    }
}

fn cue_boxes(body: &[u8]) -> Result<CueBoxes, Error> {
    let mut cue = CueBoxes::default();
    for (kind, body) in Boxes(body) {
        let body = body?;
        let text = || String::from_utf8_lossy(body).into_owned();
        match &kind {
            b"iden" => cue.id = text(),
            b"sttg" => cue.settings = text(),
            b"payl" => cue.payload = text(),
            b"ctim" => cue.time = Some(text()),
            b"vsid" => cue.source_id = body.first_chunk().copied(),
            _ => {}
        }
    }
    Ok(cue)
}

/// The boxes in a sample: type and body, or what is wrong.
struct Boxes<'a>(&'a [u8]);

impl<'a> Iterator for Boxes<'a> {
    type Item = ([u8; 4], Result<&'a [u8], Error>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let bytes = std::mem::take(&mut self.0);
        let header = bytes.split_first_chunk::<4>().and_then(|(size, rest)| {
            let (kind, body) = rest.split_first_chunk::<4>()?;
            let size = u32::from_be_bytes(*size) as usize;
            let (body, rest) = body.split_at_checked(size.checked_sub(8)?)?;
            Some((*kind, body, rest))
        });
        let Some((kind, body, rest)) = header else {
            let what = format!("its last {} bytes are no box", bytes.len());
            return Some((*b"vttc", Err(Error::InvalidInput(what))));
        };
        self.0 = rest;
        Some((kind, Ok(body)))
    }
}

/// Gives each sample its bytes; neighbours are read together.
fn for_each(
    table: &SampleTable,
    source: &dyn Source,
    mut each: impl FnMut(u64, &Sample, &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let total: u64 = table.iter().map(|sample| u64::from(sample.size)).sum();
    if total > MAX_TEXT_BYTES as u64 {
        return Err(super::too_long());
    }
    let mut samples = table.iter().enumerate().peekable();
    let (mut batch, mut bytes) = (Vec::new(), Vec::new());
    while let Some((index, first)) = samples.next() {
        let mut length = first.size as usize;
        batch.clear();
        batch.push((index as u64, first));
        while let Some((index, next)) = samples.next_if(|(_, next)| {
            next.offset == first.offset.saturating_add(length as u64)
                && length + next.size as usize <= BATCH
        }) {
            length += next.size as usize;
            batch.push((index as u64, next));
            // Samples without bytes would never fill a batch.
            if batch.len() >= BATCH / 8 {
                break;
            }
        }
        bytes.resize(length, 0);
        source.read_at(first.offset, &mut bytes)?;
        let mut rest = bytes.as_slice();
        for (index, sample) in &batch {
            let Some((own, behind)) = rest.split_at_checked(sample.size as usize) else {
                break;
            };
            each(*index, sample, own)?;
            rest = behind;
        }
    }
    Ok(())
}
