//! Ranges and entity tags of RFC 9110.

use axum::http::{HeaderMap, HeaderName};

/// The part of a file that a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it; also the answer to what is no range, and to several ranges at once.
    Whole,
    /// From the first to the last byte, both included.
    Bytes {
        /// Offset of the first byte.
        from: u64,
        /// Offset of the last byte.
        to: u64,
    },
    /// Nothing that the file has.
    Unsatisfiable,
}

/// Reads a `Range` header for a file of `size` bytes (RFC 9110, 14.1.2 and 14.2).
pub(super) fn parse(range: &str, size: u64) -> Part {
    let Some((unit, ranges)) = range.split_once('=') else {
        return Part::Whole;
    };
    // A server may ignore ranges; several at once are asked for by no player.
    if !unit.trim().eq_ignore_ascii_case("bytes") || ranges.contains(',') {
        return Part::Whole;
    }
    let Some((first, last)) = ranges.trim().split_once('-') else {
        return Part::Whole;
    };
    match (number(first), number(last)) {
        (Some(Some(from)), Some(last)) => {
            let to = last.unwrap_or(u64::MAX).min(size.saturating_sub(1));
            if last.is_some_and(|last| last < from) {
                Part::Whole
            } else if from >= size {
                Part::Unsatisfiable
            } else {
                Part::Bytes { from, to }
            }
        }
        (Some(None), Some(Some(suffix))) => {
            if suffix == 0 || size == 0 {
                Part::Unsatisfiable
            } else {
                let from = size.saturating_sub(suffix);
                Part::Bytes { from, to: size - 1 }
            }
        }
        _ => Part::Whole,
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

/// Whether a list of entity tags in a header names `tag`, or all (`*`); weak tags count too.
pub(super) fn names_tag(headers: &HeaderMap, name: HeaderName, tag: &str) -> bool {
    let values = headers.get_all(name);
    let texts = values.iter().filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .any(|listed| listed == "*" || listed.strip_prefix("W/").unwrap_or(listed) == tag)
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
        let bytes = |from, to| Part::Bytes { from, to };
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
            ("bytes=0-1,5-6", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("lines=0-1", Part::Whole),
            ("bytes", Part::Whole),
        ] {
            assert_eq!(parse(range, 100), part, "{range}");
        }
        assert_eq!(parse("bytes=0-", 0), Part::Unsatisfiable);
    }
}
