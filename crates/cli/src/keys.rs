//! Content keys: from the command line, from key files, or new. No text of a key reaches an error.

use crate::failure::Failure;
use crate::random;
use packager::{ContentKey, KeyError, KeyId};
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// A key file is a few lines; what is longer is another file, given by mistake.
const MAX_KEY_FILE_BYTES: u64 = 64 * 1024;

/// Reads `KID:KEY`; `place` says where it was written.
///
/// # Errors
/// [`Failure::Usage`] says which half is wrong and why, and repeats neither.
pub fn parse(place: &str, text: &str) -> Result<ContentKey, Failure> {
    let (kid, value) = text
        .split_once(':')
        .ok_or_else(|| Failure::Usage(format!("{place}: {}", KeyError::NoColon)))?;
    let refuse = |half: &str, error: KeyError| {
        Failure::Usage(format!(
            "{place}: the {half} {error} (32 hex digits, a UUID, or base64 of 16 bytes)"
        ))
    };
    Ok(ContentKey {
        kid: packager::parse_key_id(kid).map_err(|error| refuse("KID", error))?,
        value: packager::parse_key_value(value).map_err(|error| refuse("KEY", error))?,
    })
}

/// Reads a key file: one `KID:KEY` a line; empty lines and lines that begin with `#` are left out. `-` is
/// stdin.
///
/// # Errors
/// [`Failure::Io`] when it cannot be read, [`Failure::Usage`] names the line that is wrong.
pub fn read_file(path: &Path) -> Result<Vec<ContentKey>, Failure> {
    read_file_of("--key-file", path)
}

/// [`read_file`], for the option that named the file.
///
/// # Errors
/// Those of [`read_file`].
pub fn read_file_of(option: &str, path: &Path) -> Result<Vec<ContentKey>, Failure> {
    // Large enough from the start, so that growing leaves no copy of a key behind.
    let mut text = Zeroizing::new(String::with_capacity(MAX_KEY_FILE_BYTES as usize + 2));
    let read = if path == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(MAX_KEY_FILE_BYTES + 1)
            .read_to_string(&mut text)
    } else {
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX_KEY_FILE_BYTES + 1).read_to_string(&mut text))
    };
    let refuse = |why: &str| Failure::Usage(format!("{option} {}: {why}", path.display()));
    let bytes = read.map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => refuse("is no text, so no key file"),
        _ => Failure::io("read the key file", path, &error),
    })?;
    if bytes as u64 > MAX_KEY_FILE_BYTES {
        return Err(refuse("is longer than 64 KiB, so no key file"));
    }
    let mut keys = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            keys.push(parse(
                &format!("{option} {}, line {number}", path.display()),
                line,
            )?);
        }
    }
    if keys.is_empty() {
        return Err(refuse("holds no key; write one KID:KEY a line"));
    }
    Ok(keys)
}

/// Makes a new content key under a new KID (a random UUID, RFC 9562 version 4).
///
/// # Errors
/// [`Failure::Io`] when the operating system gives no random bytes.
pub fn generate() -> Result<ContentKey, Failure> {
    let mut kid = random::bytes()?;
    kid[6] = (kid[6] & 0x0f) | 0x40;
    kid[8] = (kid[8] & 0x3f) | 0x80;
    Ok(ContentKey {
        kid: KeyId(kid),
        value: random::bytes()?,
    })
}

/// The line of a key file: `KID:KEY` in hex, and a line end.
pub fn line(key: &ContentKey) -> Zeroizing<String> {
    use std::fmt::Write as _;
    // The length is known, so no half-written copy of the secret is left by a growing buffer.
    let mut line = Zeroizing::new(String::with_capacity(66));
    line.push_str(&key.kid.hex());
    line.push(':');
    for byte in key.value {
        // Writing to a String cannot fail.
        let _ = write!(line, "{byte:02x}");
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_is_read_back() {
        let key = generate().unwrap();
        assert_eq!(&key.kid.uuid()[14..15], "4");
        assert_eq!(line(&key).len(), 66);
        assert_eq!(parse("test", &line(&key)).unwrap(), key);
        assert_ne!(generate().unwrap(), key);
    }

    #[test]
    fn errors_name_the_half_and_repeat_nothing() {
        let check = |text: &str, expect: &str| {
            let Err(Failure::Usage(message)) = parse("--key", text) else {
                panic!("{text} was taken");
            };
            assert!(message.contains(expect), "{message}");
            for half in text.split(':').filter(|half| half.len() > 3) {
                assert!(!message.contains(half), "{message}");
            }
        };
        let good = "a16e402b9056e371f36d348aa62bb749";
        check("5ec4e7", "has no colon");
        check(&format!("5ec4e7:{good}"), "the KID is 3 bytes long");
        check(&format!("{good}:5ec4e75ec4e7"), "the KEY is 6 bytes long");
        check(&format!("{good}:not*a*key"), "the KEY is neither");
    }
}
