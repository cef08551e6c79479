//! SubRip files, which no standard describes: read as players read them, and made WebVTT.

use super::lines::{Lines, Scanner};
use super::{Builder, Cue, END_OF_TIME_MS, MAX_TEXT_BYTES, Subtitles, too_long};
use crate::Error;

/// How many lines with text may stand before the first line of times.
const LINES_BEFORE: usize = 2;

/// Whether a text begins as SubRip does: a counter, and a line of times.
pub(super) fn begins_like(start: &str) -> bool {
    let lines = Lines::new(start).filter(|line| !line.trim().is_empty());
    for line in lines.take(LINES_BEFORE) {
        if matches!(line_of(line), LineKind::Times(..)) {
            return true;
        }
        if !is_counter(line) {
            return false;
        }
    }
    false
}

/// Reads a file.
///
/// # Errors
/// When a limit is exceeded.
pub(super) fn parse(text: &str) -> Result<Subtitles, Error> {
    let mut builder = Builder::with_room(text.len());
    let mut lines = Lines::new(text);
    let mut open: Option<(u64, u64)> = None;
    let mut payload_at = 0;
    // Where the line before begins, when it is a counter.
    let mut counter_at = None;
    let mut at = lines.at;
    while let Some(line) = lines.next() {
        let kind = line_of(line);
        if kind == LineKind::Text {
            counter_at = is_counter(line).then_some(at);
            at = lines.at;
            continue;
        }
        let end = counter_at.take().unwrap_or(at);
        push(&mut builder, open, lines.between(payload_at, end))?;
        open = match kind {
            LineKind::Times(start, end) => Some((start, end)),
            _ => None,
        };
        builder.unreadable += u64::from(open.is_none());
        payload_at = lines.at;
        at = lines.at;
    }
    push(&mut builder, open, lines.between(payload_at, at))?;
    Ok(builder.finish())
}

fn push(builder: &mut Builder, times: Option<(u64, u64)>, payload: &str) -> Result<(), Error> {
    let Some((start_ms, end_ms)) = times else {
        return Ok(());
    };
    let (payload, position) = convert(payload)?;
    builder.push(&Cue {
        id: "",
        start_ms,
        end_ms,
        settings: position.unwrap_or_default(),
        payload: &payload,
    })?;
    Ok(())
}

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
enum LineKind {
    /// Start and end in milliseconds.
    Times(u64, u64),
    /// Meant as times, but none.
    BrokenTimes,
    Text,
}

fn line_of(line: &str) -> LineKind {
    if !line.contains("-->") {
        return LineKind::Text;
    }
    let mut scanner = Scanner(line.trim_start());
    match times(&mut scanner) {
        Some((start, end)) => LineKind::Times(start, end),
        None if line
            .trim_start()
            .starts_with(|c: char| c.is_ascii_digit() || c == '-') =>
        {
            LineKind::BrokenTimes
        }
        None => LineKind::Text,
    }
}

fn times(scanner: &mut Scanner<'_>) -> Option<(u64, u64)> {
    let start = timestamp(scanner)?;
    scanner.spaces();
    scanner.eat("-->")?;
    scanner.spaces();
    // Behind the times, some files have coordinates.
    Some((start, timestamp(scanner)?))
}

/// `hh:mm:ss,ttt`; hours may be missing, and the comma may be a point.
fn timestamp(scanner: &mut Scanner<'_>) -> Option<u64> {
    let mut total: u64 = 0;
    for part in 0..3 {
        let (number, _) = scanner.number()?;
        if part > 0 && number > 59 {
            return None;
        }
        total = total.checked_mul(60)?.checked_add(number)?;
        if part == 2 || scanner.eat(":").is_none() {
            break;
        }
    }
    scanner.eat_any(&[',', '.'])?;
    let (fraction, digits) = scanner.number()?;
    if digits > 3 {
        return None;
    }
    let ms = total.checked_mul(1000)?.checked_add(fraction)?;
    Some(ms).filter(|ms| *ms < END_OF_TIME_MS)
}

fn is_counter(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit())
}

/// The markup of WebVTT for that of SubRip, and the settings that its position stands for.
///
/// # Errors
/// When it grows too long.
fn convert(payload: &str) -> Result<(String, Option<&'static str>), Error> {
    // Nothing grows more than `&` does, so that memory is taken once.
    let most = payload.len().saturating_mul("&amp;".len());
    let mut output = String::with_capacity(most.min(MAX_TEXT_BYTES));
    let mut position = None;
    let mut rest = payload;
    while let Some(at) = memchr::memchr3(b'<', b'{', b'&', rest.as_bytes()) {
        if output.len() + at + "&amp;".len() > MAX_TEXT_BYTES {
            return Err(too_long());
        }
        let (before, found) = rest.split_at_checked(at).unwrap_or((rest, ""));
        output.push_str(before);
        let (written, behind) = match found.chars().next() {
            Some('<') => tag(found),
            Some('{') => {
                position = position.or_else(|| alignment(found));
                override_tag(found)
            }
            _ => entity(found),
        };
        output.push_str(written);
        rest = behind;
    }
    if output.len() + rest.len() > MAX_TEXT_BYTES {
        return Err(too_long());
    }
    output.push_str(rest);
    Ok((output, position))
}

/// Tags that WebVTT knows, in lower case.
const KEPT: [(&str, &str); 6] = [
    ("b", "<b>"),
    ("i", "<i>"),
    ("u", "<u>"),
    ("/b", "</b>"),
    ("/i", "</i>"),
    ("/u", "</u>"),
];

/// Tags that change the look of text in ways that WebVTT leaves to style sheets.
const DROPPED: [&str; 4] = ["font", "/font", "s", "/s"];

/// How many bytes a tag may have.
const MAX_TAG: usize = 512;

/// What is written for a tag, and what follows it. A `<` that begins no tag is text.
fn tag(text: &str) -> (&'static str, &str) {
    let as_text = ("&lt;", text.strip_prefix('<').unwrap_or_default());
    // It ends in its line, before another begins.
    let ends = |byte: u8| matches!(byte, b'<' | b'>' | b'\n' | b'\r');
    let inside = as_text.1.bytes().take(MAX_TAG).position(ends);
    let inside = inside.and_then(|end| as_text.1.split_at_checked(end));
    let Some((inside, behind)) = inside else {
        return as_text;
    };
    let Some(behind) = behind.strip_prefix('>') else {
        return as_text;
    };
    let name = inside.split(' ').next().unwrap_or_default();
    let kept = KEPT
        .iter()
        .find(|(kept, _)| kept.eq_ignore_ascii_case(name));
    if let Some((_, written)) = kept {
        return (written, behind);
    }
    match DROPPED.iter().any(|tag| tag.eq_ignore_ascii_case(name)) {
        true => ("", behind),
        false => as_text,
    }
}

/// `{\an8}` and other tags of SubStation Alpha, which players do not show.
fn override_tag(text: &str) -> (&'static str, &str) {
    let plain = ("{", text.strip_prefix('{').unwrap_or_default());
    if !text.starts_with("{\\") {
        return plain;
    }
    let end = text.bytes().take(MAX_TAG).position(|byte| byte == b'}');
    let behind = end.and_then(|end| text.get(end + 1..));
    behind.map_or(plain, |behind| ("", behind))
}

/// The place on the screen: `\an1` to `\an9`, as on the number pad of a keyboard.
fn alignment(text: &str) -> Option<&'static str> {
    let mut digits = text.strip_prefix("{\\an")?.chars();
    let (digit, end) = (digits.next()?, digits.next()?);
    if end != '}' && end != '\\' {
        return None;
    }
    Some(match digit {
        '1' => "align:left",
        '3' => "align:right",
        '4' => "line:50% align:left",
        '5' => "line:50%",
        '6' => "line:50% align:right",
        '7' => "line:0 align:left",
        '8' => "line:0",
        '9' => "line:0 align:right",
        _ => return None,
    })
}

/// Many files write some characters as HTML does. Other ampersands are text.
fn entity(text: &str) -> (&'static str, &str) {
    const KNOWN: [&str; 6] = ["&amp;", "&lt;", "&gt;", "&nbsp;", "&lrm;", "&rlm;"];
    let known = KNOWN.into_iter().find(|known| text.starts_with(known));
    let (found, written) = known.map_or(("&", "&amp;"), |known| (known, known));
    (written, text.strip_prefix(found).unwrap_or_default())
}
