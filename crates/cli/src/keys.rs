//! Content keys: from the command line, from key files, or new. No text of a key reaches an error.

use crate::failure::Failure;
use crate::random;
use packager::{ContentKey, KeyError, KeyId, Label, LabelledKey};
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

/// Reads `KID:KEY` or `LABEL:KID:KEY`; `place` says where it was written.
///
/// # Errors
/// As [`parse`].
pub fn parse_labelled(place: &str, text: &str) -> Result<LabelledKey, Failure> {
    if text.matches(':').count() != 2 {
        return parse(place, text).map(LabelledKey::for_all);
    }
    let (label, key) = text.split_once(':').unwrap_or_default();
    // What is no label may be half of a key, and labels are shown.
    let is_key = packager::parse_key_value(label).is_ok()
        && (label.len() >= 32 || label.contains(|c: char| c.is_ascii_uppercase()));
    let parsed = label.trim().parse::<Label>().ok();
    let label = parsed.filter(|_| !is_key).ok_or_else(|| {
        Failure::Usage(format!(
            "{place}: the LABEL is none of audio, sd, hd, uhd1, uhd2 or the name of a rendition"
        ))
    })?;
    Ok(LabelledKey {
        label: Some(label),
        key: parse(place, key)?,
    })
}

/// The keys of a key file, whatever they are for.
///
/// # Errors
/// As [`read_labelled_file`].
pub fn read_file(path: &Path) -> Result<Vec<ContentKey>, Failure> {
    read_file_of("--key-file", path)
}

/// Reads a key file: one `KID:KEY` or `LABEL:KID:KEY` a line; empty lines and lines that begin with `#` are left
/// out. `-` is stdin.
///
/// # Errors
/// [`Failure::Io`] when it cannot be read, [`Failure::Usage`] names the line that is wrong.
pub fn read_labelled_file(path: &Path) -> Result<Vec<LabelledKey>, Failure> {
    read_labelled_file_of("--key-file", path)
}

/// [`read_file`], for the option that named the file.
///
/// # Errors
/// Those of [`read_file`].
pub fn read_file_of(option: &str, path: &Path) -> Result<Vec<ContentKey>, Failure> {
    let keys = read_labelled_file_of(option, path)?;
    Ok(keys.into_iter().map(|labelled| labelled.key).collect())
}

fn read_labelled_file_of(option: &str, path: &Path) -> Result<Vec<LabelledKey>, Failure> {
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
            keys.push(parse_labelled(
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

/// The text of a key file: a line a key, `KID:KEY` or `LABEL:KID:KEY` in hex.
pub fn file_text(keys: &[LabelledKey]) -> Zeroizing<String> {
    use std::fmt::Write as _;
    let label = |key: &LabelledKey| key.label.as_ref().map(Label::to_string).unwrap_or_default();
    // The length is known, so no half-written copy of a secret is left by a growing buffer.
    let length = keys.iter().map(|key| label(key).len() + 67).sum();
    let mut text = Zeroizing::new(String::with_capacity(length));
    for labelled in keys {
        if labelled.label.is_some() {
            text.push_str(&label(labelled));
            text.push(':');
        }
        text.push_str(&labelled.key.kid.hex());
        text.push(':');
        for byte in labelled.key.value {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_is_read_back() {
        let key = generate().unwrap();
        assert_eq!(&key.kid.uuid()[14..15], "4");
        let line = file_text(&[LabelledKey::for_all(key.clone())]);
        assert_eq!(line.len(), 66);
        assert_eq!(parse("test", &line).unwrap(), key);
        assert_ne!(generate().unwrap(), key);
    }

    #[test]
    fn labels_are_written_and_read_back() {
        let labels = ["audio", "sd", "hd", "uhd1", "uhd2", "audio-fra"];
        for label in labels {
            let key = LabelledKey {
                label: Some(label.parse().unwrap()),
                key: generate().unwrap(),
            };
            let line = file_text(std::slice::from_ref(&key));
            assert!(line.starts_with(&format!("{label}:")));
            let read = parse_labelled("test", line.trim()).unwrap();
            assert_eq!((read.label, read.key), (key.label, key.key));
        }
    }

    #[test]
    fn errors_name_the_half_and_repeat_nothing() {
        let check = |text: &str, expect: &str| {
            let Err(Failure::Usage(message)) = parse_labelled("--key", text) else {
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
        check(&format!("a label:{good}:{good}"), "the LABEL is none of");
        check(&format!("{good}:{good}:{good}"), "the LABEL is none of");
        let base64 = "oW5AK5BW43HzbTSKpiu3SQ";
        check(&format!("{base64}:{good}:{good}"), "the LABEL is none of");
        check(
            &format!("hd:{good}:5ec4e75ec4e7"),
            "the KEY is 6 bytes long",
        );
    }
}
