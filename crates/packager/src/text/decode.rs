//! From bytes to text: UTF-8, UTF-16 with a byte order mark, Windows-1252.

use super::{MAX_TEXT_BYTES, TextFormat};
use crate::{Error, Source};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// How many bytes tell what a file is.
const START: u64 = 4096;

/// How long a file may be that is not UTF-8, in bytes: it grows to three times its length.
const MAX_FOREIGN_BYTES: usize = 8 << 20;

/// The first characters of a source, as far as they are text.
pub(super) fn start(source: &dyn Source) -> Result<String, Error> {
    let bytes = read(source, source.len().min(START))?;
    let (encoding, mark) = Encoding::for_bom(&bytes).unwrap_or((UTF_8, 0));
    let text = bytes.get(mark..).unwrap_or_default();
    let (text, _) = encoding.decode_without_bom_handling(text);
    Ok(text.into_owned())
}

/// All of a file, and what people should know about its letters.
pub(super) fn whole(
    source: &dyn Source,
    format: TextFormat,
) -> Result<(String, Option<String>), Error> {
    if source.len() > MAX_TEXT_BYTES as u64 {
        return Err(Error::LimitExceeded(format!(
            "the subtitles have {} bytes, more than {MAX_TEXT_BYTES}",
            source.len()
        )));
    }
    let mut bytes = read(source, source.len())?;
    let (encoding, mark) = match Encoding::for_bom(&bytes) {
        Some(found) => found,
        None => (UTF_8, 0),
    };
    bytes.drain(..mark.min(bytes.len()));
    if encoding == UTF_8 {
        match String::from_utf8(bytes) {
            Ok(text) => return Ok((text, None)),
            Err(error) => bytes = error.into_bytes(),
        }
    }
    if bytes.len() > MAX_FOREIGN_BYTES {
        let what = format!(
            "the subtitles are not UTF-8 and have {} bytes, more than {MAX_FOREIGN_BYTES}: convert them to UTF-8",
            bytes.len()
        );
        return Err(Error::LimitExceeded(what));
    }
    // WebVTT is UTF-8 by its definition, and SubRip comes from the days of code pages.
    let guessed = mark == 0 && format == TextFormat::Srt;
    let encoding = if guessed { WINDOWS_1252 } else { encoding };
    let (text, broken) = encoding.decode_without_bom_handling(&bytes);
    let note = match (guessed, broken) {
        (true, _) => Some(
            "the subtitles are not UTF-8: they are read as Windows-1252; if letters look wrong, convert the file to UTF-8".into(),
        ),
        (false, true) => Some(format!(
            "the subtitles hold bytes that are no {}: \u{fffd} stands in their place",
            encoding.name()
        )),
        (false, false) => None,
    };
    Ok((text.into_owned(), note))
}

fn read(source: &dyn Source, length: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![
        0;
        usize::try_from(length)
            .unwrap_or(usize::MAX)
            .min(MAX_TEXT_BYTES)
    ];
    source.read_at(0, &mut bytes)?;
    Ok(bytes)
}
