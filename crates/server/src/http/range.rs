//! Ranges and entity tags of RFC 9110.

use axum::http::{HeaderMap, HeaderName};
use std::ops::Range;

/// More ranges than this at once are ignored: the whole is cheaper than their headers.
const MOST_RANGES: usize = 16;

/// The part of a file that a client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it; also the answer to what is no range, and to ranges that are more than the whole.
    Whole,
    /// Bytes from one offset to before another.
    One(Range<u64>),
    /// Several such parts, in the order in which they were asked for.
    Several(Vec<Range<u64>>),
    /// Nothing that the file has.
    Unsatisfiable,
}

/// Reads a `Range` header for a file of `size` bytes (RFC 9110, 14.1.2 and 14.2).
pub(super) fn parse(range: &str, size: u64) -> Part {
    let Some((unit, ranges)) = range.split_once('=') else {
        return Part::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Part::Whole;
    }
    let mut parts = Vec::new();
    for (count, range) in ranges.split(',').enumerate() {
        match one(range.trim(), size) {
            _ if count >= MOST_RANGES => return Part::Whole,
            None => return Part::Whole,
            Some(part) if part.is_empty() => {}
            Some(part) => parts.push(part),
        }
    }
    // Ranges that overlap would make a small file a large answer.
    let wanted = parts.iter().map(|part| part.end - part.start);
    match (parts.len(), wanted.sum::<u64>()) {
        (0, _) => Part::Unsatisfiable,
        (1, _) => Part::One(parts.remove(0)),
        (_, wanted) if wanted > size => Part::Whole,
        _ => Part::Several(parts),
    }
}

/// One range; empty when the file has nothing of it, `None` when it is none.
fn one(range: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = range.split_once('-')?;
    match (number(first)?, number(last)?) {
        (Some(from), Some(last)) if last < from => None,
        (Some(from), last) => {
            let end = last.map_or(size, |last| last.saturating_add(1).min(size));
            Some(from.min(end)..end)
        }
        (None, Some(suffix)) => Some(size.saturating_sub(suffix)..size),
        (None, None) => None,
    }
}

/// A number, or nothing where nothing is written; `None` for anything else.
fn number(text: &str) -> Option<Option<u64>> {
    if text.is_empty() {
        return Some(None);
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // A number that is too large lies beyond the end of any file.
    Some(Some(text.parse().unwrap_or(u64::MAX)))
}

/// Whether a list of entity tags in a header names `tag`, or all (`*`); `weak` tags count, or do not (RFC 9110, 8.8.3.2).
pub(super) fn names_tag(headers: &HeaderMap, name: HeaderName, tag: &str, weak: bool) -> bool {
    let values = headers.get_all(name);
    let texts = values.iter().filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .map(|listed| match weak {
            true => listed.strip_prefix("W/").unwrap_or(listed),
            false => listed,
        })
        .any(|listed| listed == "*" || listed == tag)
}

/// Whether a header is exactly `tag`.
pub(super) fn is_tag(headers: &HeaderMap, name: HeaderName, tag: &str) -> bool {
    headers.get(name).is_some_and(|value| value == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_a_hundred_bytes() {
        let bytes = |from: u64, to: u64| Part::One(from..to + 1);
        for (range, part) in [
            ("bytes=0-0", bytes(0, 0)),
            ("bytes=10-19", bytes(10, 19)),
            ("bytes=90-", bytes(90, 99)),
            ("bytes=90-1000", bytes(90, 99)),
            ("Bytes=-10", bytes(90, 99)),
            ("bytes=-1000", bytes(0, 99)),
            ("bytes=99-99999999999999999999999", bytes(99, 99)),
            ("bytes=100-", Part::Unsatisfiable),
            ("bytes=99999999999999999999999-", Part::Unsatisfiable),
            ("bytes=-0", Part::Unsatisfiable),
            ("bytes=20-10", Part::Whole),
            ("bytes=0-1,5-6", Part::Several(vec![0..2, 5..7])),
            (
                "bytes=90-, 0-9 ,-5",
                Part::Several(vec![90..100, 0..10, 95..100]),
            ),
            ("bytes=100-,0-9,-0", bytes(0, 9)),
            ("bytes=100-,200-300", Part::Unsatisfiable),
            ("bytes=0-,0-0", Part::Whole),
            ("bytes=0-1,x", Part::Whole),
            ("bytes=0-1,", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("lines=0-1", Part::Whole),
            ("bytes", Part::Whole),
        ] {
            assert_eq!(parse(range, 100), part, "{range}");
        }
        assert_eq!(parse("bytes=0-", 0), Part::Unsatisfiable);
        let many = format!("bytes=0-0{}", ",0-0".repeat(MOST_RANGES - 1));
        assert!(matches!(parse(&many, 100), Part::Several(parts) if parts.len() == MOST_RANGES));
        assert_eq!(parse(&format!("{many},0-0"), 100), Part::Whole);
    }
}
