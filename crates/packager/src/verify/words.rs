//! Values in plain words, for findings.

use std::fmt::Display;

/// A value, or "missing".
pub(super) fn value<T: Display>(value: Option<T>) -> String {
    value.map_or_else(|| "missing".into(), |value| value.to_string())
}

/// The first byte of a range and the one behind its last, or "missing".
pub(super) fn range(range: Option<(u64, u64)>) -> String {
    value(range.map(|(start, end)| format!("{start} to {end}")))
}

/// Bytes in hexadecimal digits, or "missing".
pub(super) fn hex(bytes: Option<&[u8]>) -> String {
    let digits = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    value(bytes.map(|bytes| format!("0x{}", digits(bytes))))
}
