//! WebVTT files (W3C WebVTT, 6.1), read as browsers read them: what is no cue is passed over.

use super::lines::{Lines, Scanner, is_space};
use super::{Builder, Cue, END_OF_TIME_MS, Subtitles};
use crate::Error;

/// Whether a file begins with the signature of WebVTT; a byte order mark is taken away before.
pub(super) fn is_signature(start: &str) -> bool {
    let behind = start.strip_prefix("WEBVTT");
    behind.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']))
}

/// Reads a file.
///
/// # Errors
/// When a limit is exceeded.
pub(super) fn parse(text: &str) -> Result<Subtitles, Error> {
    let mut builder = Builder::with_room(text.len());
    parse_into(text, &mut builder)?;
    Ok(builder.finish())
}

/// Reads a file, or the head of one, into a list that is begun.
///
/// # Errors
/// When a limit is exceeded.
pub(super) fn parse_into(text: &str, builder: &mut Builder) -> Result<(), Error> {
    let mut lines = Lines::new(text);
    lines.next();
    header(&mut lines, builder);
    while lines.peek().is_some() {
        block(&mut lines, builder)?;
    }
    Ok(())
}

/// The lines behind the signature, to the first empty one.
fn header(lines: &mut Lines<'_>, builder: &mut Builder) {
    while let Some(line) = lines.peek() {
        if line.contains("-->") {
            return;
        }
        lines.next();
        if line.is_empty() {
            return;
        }
        if line.starts_with("X-TIMESTAMP-MAP=") {
            let note = "the subtitles are a segment of HLS: their X-TIMESTAMP-MAP is passed over, and times are taken as they stand";
            builder.subtitles.notes.push(note.into());
        }
        if let Some(language) = line.strip_prefix("Language:") {
            builder.subtitles.language = Some(language.trim().to_string());
        }
    }
}

fn block(lines: &mut Lines<'_>, builder: &mut Builder) -> Result<(), Error> {
    let start = lines.at;
    let Some(first) = lines.next() else {
        return Ok(());
    };
    if first.is_empty() {
        return Ok(());
    }
    if first.contains("-->") {
        return cue("", first, lines, builder);
    }
    if let Some(second) = lines.peek().filter(|line| line.contains("-->")) {
        lines.next();
        return cue(first, second, lines, builder);
    }
    let body = to_break(lines);
    let body = lines.between(start, body.1);
    let is = |word: &str| {
        let rest = first.strip_prefix(word);
        rest.is_some_and(|rest| rest.chars().all(is_space))
    };
    // Behind the first cue they mean nothing (6.1).
    let seen_cue = !builder.subtitles.entries.is_empty();
    if is("STYLE") || is("REGION") {
        if !seen_cue {
            builder.push_block(body)?;
        }
    } else if !first.starts_with("NOTE") {
        builder.unreadable += 1;
    }
    Ok(())
}

/// The lines up to an empty one or one with an arrow, as positions.
fn to_break(lines: &mut Lines<'_>) -> (usize, usize) {
    let start = lines.at;
    let mut end = start;
    while let Some(line) = lines.peek() {
        if line.contains("-->") {
            break;
        }
        lines.next();
        if line.is_empty() {
            break;
        }
        end = lines.at;
    }
    (start, end)
}

fn cue(id: &str, times: &str, lines: &mut Lines<'_>, builder: &mut Builder) -> Result<(), Error> {
    let (start, end) = to_break(lines);
    let payload = lines.between(start, end);
    let Some((start_ms, end_ms, settings)) = parse_times(times) else {
        builder.unreadable += 1;
        return Ok(());
    };
    builder.push(&Cue {
        id,
        start_ms,
        end_ms,
        settings,
        payload,
    })?;
    Ok(())
}

/// Start, end and settings.
fn parse_times(line: &str) -> Option<(u64, u64, &str)> {
    let mut scanner = Scanner(line);
    scanner.spaces();
    let start = timestamp(&mut scanner)?;
    scanner.spaces();
    scanner.eat("-->")?;
    scanner.spaces();
    let end = timestamp(&mut scanner)?;
    Some((start, end, scanner.0.trim_matches(is_space)))
}

/// `mm:ss.ttt` or `hh:mm:ss.ttt` in milliseconds (6.1, "collect a WebVTT timestamp").
pub(super) fn timestamp(scanner: &mut Scanner<'_>) -> Option<u64> {
    let two = |scanner: &mut Scanner<'_>| scanner.number().filter(|number| number.1 == 2);
    let (first, digits) = scanner.number()?;
    scanner.eat(":")?;
    let (second, _) = two(scanner)?;
    let with_hours = digits != 2 || first > 59 || scanner.0.starts_with(':');
    let (hours, minutes, seconds) = match with_hours {
        true => {
            scanner.eat(":")?;
            (first, second, two(scanner)?.0)
        }
        false => (0, first, second),
    };
    scanner.eat(".")?;
    let (fraction, _) = scanner.number().filter(|number| number.1 == 3)?;
    if minutes > 59 || seconds > 59 {
        return None;
    }
    let ms = hours
        .checked_mul(3_600_000)?
        .checked_add(minutes * 60_000 + seconds * 1000 + fraction)?;
    Some(ms).filter(|ms| *ms < END_OF_TIME_MS)
}
