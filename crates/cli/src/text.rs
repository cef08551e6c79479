//! Text for people and machines: stdout for results, stderr for the rest.

use crate::failure::Failure;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

/// Writes one line to stderr, for people.
pub fn note(message: &str) {
    // When stderr is gone there is nowhere left to tell of it.
    let _ = writeln!(io::stderr(), "{}", printable(message));
}

/// Writes a warning to stderr.
pub fn warn(message: &str) {
    note(&format!("warning: {message}"));
}

/// Writes a result to stdout, whole.
///
/// # Errors
/// [`Failure::BrokenPipe`] when the reader has gone, [`Failure::Io`] when stdout takes no more.
pub fn print(result: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(result)
        .and_then(|()| stdout.flush())
        .map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::BrokenPipe,
            _ => Failure::Io(format!("cannot write to stdout: {error}")),
        })
}

/// Writes a result to stdout as one indented JSON value and a line end.
///
/// # Errors
/// As [`print`].
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(|error| Failure::Io(format!("cannot write JSON: {error}")))?;
    text.push(b'\n');
    print(&text)
}

/// Escapes control characters, so that a text taken from a file cannot command the terminal.
pub fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\n' {
            // Writing to a String cannot fail.
            let _ = write!(clean, "{}", c.escape_default());
        } else {
            clean.push(c);
        }
    }
    clean
}

/// A path as text for JSON; bytes that are no UTF-8 are replaced.
pub fn json_path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Seconds as `1:02:03.045`, without hours below one hour; `-0:00.021` before time 0.
pub fn clock(seconds: f64) -> String {
    let millis = (seconds.abs() * 1000.0).round() as u64;
    let sign = if seconds < 0.0 && millis > 0 { "-" } else { "" };
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    let (seconds, millis) = (millis / 1000 % 60, millis % 1000);
    match hours {
        0 => format!("{sign}{minutes}:{seconds:02}.{millis:03}"),
        _ => format!("{sign}{hours}:{minutes:02}:{seconds:02}.{millis:03}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_shows_hours_when_there_are_any() {
        assert_eq!(clock(0.0), "0:00.000");
        assert_eq!(clock(63.12), "1:03.120");
        assert_eq!(clock(3723.0456), "1:02:03.046");
        assert_eq!(clock(-0.021_333), "-0:00.021");
        assert_eq!(clock(-0.000_1), "0:00.000");
    }

    #[test]
    fn control_characters_are_shown_not_sent() {
        assert_eq!(printable("a\u{1b}[2Jb\u{9b}"), "a\\u{1b}[2Jb\\u{9b}");
        assert_eq!(printable("größe\n"), "größe\n");
    }
}
