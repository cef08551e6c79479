//! The types of attributes.

/// The type of an attribute's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// A text without spaces.
    NoSpace,
    /// 0 to 2^32 - 1.
    Uint,
    /// 0 to 2^64 - 1.
    Ulong,
    /// A whole number.
    Int,
    /// A decimal number.
    Double,
    /// `true`, `false`, 1, 0.
    Bool,
    /// A number or a Boolean.
    UintOrBool,
    /// Numbers with spaces between.
    Uints,
    /// `PT8.023S`.
    Duration,
    /// `2026-01-01T00:00:00Z`.
    DateTime,
    /// `16:9`.
    Ratio,
    /// `30000/1001`.
    FrameRate,
    /// `0-831`.
    Range,
    /// 0 to 6.
    Sap,
    /// `en-GB`.
    Language,
    /// One of a list.
    OneOf(&'static [&'static str]),
}

impl Kind {
    /// Words for people.
    pub fn name(self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::NoSpace => "text without spaces".into(),
            Self::Uint => "number of 32 bits".into(),
            Self::Ulong => "number of 64 bits".into(),
            Self::Int => "whole number".into(),
            Self::Double => "decimal number".into(),
            Self::Bool => "'true' or 'false'".into(),
            Self::UintOrBool => "number, 'true' or 'false'".into(),
            Self::Uints => "list of numbers".into(),
            Self::Duration => "duration (PT8.5S)".into(),
            Self::DateTime => "date and time".into(),
            Self::Ratio => "ratio (16:9)".into(),
            Self::FrameRate => "frame rate (25 or 30000/1001)".into(),
            Self::Range => "byte range (0-831)".into(),
            Self::Sap => "SAP type (0 to 6)".into(),
            Self::Language => "language tag".into(),
            Self::OneOf(list) => format!("value of the list {}", list.join(", ")),
        }
    }

    /// Whether a value is of the type.
    pub fn accepts(self, value: &str) -> bool {
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let trimmed = value.trim();
        match self {
            Self::Text => true,
            Self::NoSpace => !value.contains(char::is_whitespace),
            Self::Uint => trimmed.parse::<u32>().is_ok(),
            Self::Ulong => trimmed.parse::<u64>().is_ok(),
            Self::Int => trimmed.parse::<i64>().is_ok(),
            Self::Double => trimmed == "INF" || trimmed.parse::<f64>().is_ok_and(f64::is_finite),
            Self::Bool => matches!(trimmed, "true" | "false" | "0" | "1"),
            Self::UintOrBool => matches!(trimmed, "true" | "false") || Self::Uint.accepts(value),
            Self::Uints => value
                .split_whitespace()
                .all(|part| Self::Uint.accepts(part)),
            Self::Duration => duration(trimmed).is_some(),
            Self::DateTime => {
                let shape = trimmed.get(..19).unwrap_or_default();
                let shape: String = shape
                    .chars()
                    .map(|c| if c.is_ascii_digit() { '0' } else { c })
                    .collect();
                shape == "0000-00-00T00:00:00"
            }
            Self::Ratio => trimmed
                .split_once(':')
                .is_some_and(|(wide, high)| digits(wide) && digits(high)),
            Self::FrameRate => match trimmed.split_once('/') {
                Some((frames, seconds)) => {
                    digits(frames) && digits(seconds) && !seconds.starts_with('0')
                }
                None => digits(trimmed),
            },
            Self::Range => range(trimmed).is_some(),
            Self::Sap => trimmed.parse::<u8>().is_ok_and(|sap| sap <= 6),
            Self::Language => {
                let part = |part: &str| {
                    (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
                };
                trimmed.split('-').all(part)
            }
            Self::OneOf(list) => list.contains(&trimmed),
        }
    }
}

/// Seconds of an XML Schema duration; years and months have no fixed length and are refused.
pub(in crate::verify) fn duration(text: &str) -> Option<f64> {
    let rest = text.strip_prefix('P')?;
    let (days, clock) = match rest.split_once('T') {
        Some((days, clock)) if !clock.is_empty() => (days, clock),
        Some(_) => return None,
        None => (rest, ""),
    };
    let mut seconds = 0.0;
    let mut any = false;
    for (text, units) in [
        (days, [('D', 86_400.0)].as_slice()),
        (clock, [('H', 3600.0), ('M', 60.0), ('S', 1.0)].as_slice()),
    ] {
        let mut units = units.iter();
        let mut text = text;
        while !text.is_empty() {
            let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
            let (number, behind) = text.split_at_checked(end)?;
            let unit = behind.chars().next()?;
            let (_, factor) = units.find(|(known, _)| *known == unit)?;
            // Only seconds have a fraction.
            if number.is_empty() || (unit != 'S' && number.contains('.')) {
                return None;
            }
            seconds += number.parse::<f64>().ok()? * factor;
            any = true;
            text = behind.get(1..)?;
        }
    }
    any.then_some(seconds).filter(|seconds| seconds.is_finite())
}

/// First byte, and the one behind the last, of `0-831`.
pub(in crate::verify) fn range(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.split_once('-')?;
    let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
    (first <= last).then_some((first, last.checked_add(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_ranges_are_read() {
        for (text, expect) in [
            ("PT8.023S", Some(8.023)),
            ("PT1H2M3S", Some(3723.0)),
            ("P1DT1S", Some(86_401.0)),
            ("P1D", Some(86_400.0)),
            ("PT0S", Some(0.0)),
            ("PT", None),
            ("P", None),
            ("8S", None),
            ("PT3S2M", None),
            ("PT1.5M", None),
            ("PTS", None),
        ] {
            assert_eq!(duration(text), expect, "{text}");
        }
        assert_eq!(range("0-831"), Some((0, 832)));
        assert_eq!(range("5-4"), None);
        assert_eq!(range("-4"), None);
        assert_eq!(range("0-18446744073709551615"), None);
    }
}
