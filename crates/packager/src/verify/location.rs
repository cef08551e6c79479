//! Where bytes of a package lie: a file, or a range of one.

use super::PackageFiles;
use crate::{Error, Source};
use std::fmt;

/// A file of the package, or some of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Location {
    /// Path in the package.
    pub path: String,
    /// First byte, and the one behind the last; `None` is the whole file.
    pub range: Option<(u64, u64)>,
}

impl Location {
    /// A whole file.
    pub fn file(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            range: None,
        }
    }

    /// The range in a source of so many bytes; `None` when it does not lie in it.
    pub fn within(&self, len: u64) -> Option<(u64, u64)> {
        let (start, end) = self.range.unwrap_or((0, len));
        (start <= end && end <= len).then_some((start, end))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.range {
            None => f.write_str(&self.path),
            Some((start, end)) => {
                let last = end.saturating_sub(1);
                write!(f, "{} (bytes {start}-{last})", self.path)
            }
        }
    }
}

/// Opens files of a package and keeps the last one open: byte ranges follow one another in one file.
pub(super) struct Files<'a> {
    files: &'a dyn PackageFiles,
    open: Option<(String, Box<dyn Source + 'a>)>,
}

impl<'a> Files<'a> {
    /// Over the files of a caller.
    pub fn new(files: &'a dyn PackageFiles) -> Self {
        Self { files, open: None }
    }

    /// A file; `None` when it is not there.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn open(&mut self, path: &str) -> Result<Option<&dyn Source>, Error> {
        if self.open.as_ref().is_none_or(|(open, _)| open != path) {
            self.open = None;
            let Some(source) = self.files.open(path)? else {
                return Ok(None);
            };
            self.open = Some((path.to_string(), source));
        }
        Ok(self
            .open
            .as_ref()
            .map(|(_, source)| &**source as &dyn Source))
    }

    /// A text of the package, of at most `most` bytes.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`] when it is longer; [`Error::InvalidInput`] when it is no UTF-8.
    pub fn text(&mut self, path: &str, most: u64) -> Result<Option<String>, Error> {
        let Some(source) = self.open(path)? else {
            return Ok(None);
        };
        let len = source.len();
        if len > most {
            let what = format!("{path}: {len} bytes are more than the {most} that it may have");
            return Err(Error::LimitExceeded(what));
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
        source.read_at(0, &mut bytes)?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(Error::InvalidInput(format!(
                "{path}: it is no text in UTF-8"
            ))),
        }
    }
}

/// The path that `reference` names in the file `base`: relative, percent-encoded, with `.` and `..`. What
/// has a scheme or a host of its own is left as it is.
pub(super) fn resolve(base: &str, reference: &str) -> String {
    let reference = reference.trim();
    let is_absolute = reference
        .split_once(':')
        .is_some_and(|(scheme, _)| !scheme.is_empty() && !scheme.contains(['/', '?', '#', '.']));
    if is_absolute || reference.starts_with("//") {
        return reference.to_string();
    }
    let plain = reference.split(['?', '#']).next().unwrap_or_default();
    if let Some((scheme, rest)) = base.split_once("://") {
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        return format!("{scheme}://{host}/{}", join(path, plain));
    }
    join(base, &percent_decoded(plain))
}

fn join(base: &str, reference: &str) -> String {
    let (folder, reference) = match reference.strip_prefix('/') {
        Some(rooted) => ("", rooted),
        None => (
            base.rsplit_once('/').map_or("", |(folder, _)| folder),
            reference,
        ),
    };
    if reference.is_empty() {
        return base.to_string();
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    // Steps above the package stay in the path, so that nothing is found there.
    for part in reference.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind
            .get(..2)
            .and_then(|two| std::str::from_utf8(two).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, byte) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_become_paths() {
        for (base, reference, expect) in [
            ("stream.mpd", "video/1.m4s", "video/1.m4s"),
            ("a/b.m3u8", "1.m4s", "a/1.m4s"),
            ("a/b.m3u8", "../c/1.m4s?x=1#y", "c/1.m4s"),
            ("a/b.m3u8", "../../etc/passwd", "../etc/passwd"),
            ("a/b.m3u8", "./%7Ex%20y.mp4", "a/~x y.mp4"),
            ("a/", "", "a/"),
            ("b.mpd", "https://h/x.mp4", "https://h/x.mp4"),
            ("https://h/a/b", "../c", "https://h/c"),
            ("b.mpd", "x.y:z", "x.y:z"),
        ] {
            assert_eq!(resolve(base, reference), expect, "{base} {reference}");
        }
    }
}
