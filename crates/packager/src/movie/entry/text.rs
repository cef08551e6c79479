//! Sample entries of subtitles (ISO/IEC 14496-30).

use super::{Parsed, RawBox, SampleEntry};
use crate::Error;
use crate::text::Subtitles;
use crate::text::stpp;
use crate::text::tracks::CueFormat;
use bmff::{BoxView, FourCc};
use std::sync::Arc;

/// Subtitles of a track or a file.
#[derive(Debug, Clone)]
pub(crate) enum TextEntry {
    /// Cues, whatever they lay in.
    Cues(Arc<Subtitles>),
    /// Cues that are not read from the samples yet.
    Samples(CueFormat),
    /// TTML; the samples go into the output as they are, and so does this entry.
    Ttml(RawBox),
}

/// Whether a track whose first sample entry is this one holds subtitles that can be packaged.
pub(crate) fn is_text(fourcc: FourCc) -> bool {
    matches!(&fourcc.0, b"wvtt" | b"tx3g" | b"stpp")
}

/// Reads a sample entry.
///
/// # Errors
/// When it is malformed.
pub(super) fn parse(entry: &BoxView<'_>) -> Result<Parsed, Error> {
    let mut parsed = Parsed::obstacle(&entry.kind.to_string(), "");
    let text = match &entry.kind.0 {
        b"wvtt" => {
            let head = entry.children_after(8).find_map(|child| {
                let child = child.ok()?;
                let head = String::from_utf8_lossy(child.body).into_owned();
                (child.kind == b"vttC").then_some(head)
            });
            TextEntry::Samples(CueFormat::Wvtt(head.unwrap_or_default()))
        }
        b"tx3g" => TextEntry::Samples(CueFormat::Tx3g),
        b"stpp" => {
            parsed.codec.rfc6381 = stpp::codec(entry)?;
            TextEntry::Ttml(RawBox {
                kind: entry.kind.0,
                body: stpp::whole(entry),
            })
        }
        _ => {
            parsed.obstacle = Some(format!(
                "subtitles of the codec '{}' are not packaged; WebVTT, TTML and 3GPP timed text are",
                entry.kind
            ));
            return Ok(parsed);
        }
    };
    parsed.entry = Some(SampleEntry::Text(text));
    parsed.obstacle = None;
    Ok(parsed)
}
