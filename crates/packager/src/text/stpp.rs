//! TTML in samples, `stpp` (ISO/IEC 14496-30, 6; 14496-12, 12.6.3): which profile it is.

use bmff::{BoxView, Error};

/// How much of a first sample is searched for its profile, in bytes.
pub(crate) const SEARCHED: usize = 64 << 10;

/// Strings in a `stpp` entry: namespace, places of schemas, MIME types of what is beside the text.
const STRINGS: usize = 3;

/// The body of a `stpp` entry with all its strings: some packagers leave out the last when it is empty, with the 0 behind it.
pub(crate) fn whole(entry: &BoxView<'_>) -> Vec<u8> {
    let mut body = entry.body.to_vec();
    let ends = body.iter().skip(8).filter(|byte| **byte == 0).count();
    body.resize(body.len() + STRINGS.saturating_sub(ends), 0);
    body
}

/// What the strings and boxes of a `stpp` entry say of its profile: `stpp.ttml.im1t`, or `stpp` alone.
///
/// # Errors
/// When the entry is malformed.
pub(crate) fn codec(entry: &BoxView<'_>) -> Result<String, Error> {
    let Some(strings) = entry.body.get(8..) else {
        return Err(entry.error("it is shorter than a sample entry"));
    };
    let mut ends = (0..strings.len()).filter(|at| strings.get(*at) == Some(&0));
    let third = ends.nth(STRINGS - 1);
    let boxes_at = third.map_or(entry.body.len(), |end| 8 + end + 1);
    for child in entry.children_after(boxes_at) {
        let child = child?;
        if child.kind == b"mime" {
            // `application/ttml+xml;codecs=im1t`
            let text =
                String::from_utf8_lossy(child.body.get(4..).unwrap_or_default()).into_owned();
            let codecs = text
                .split(';')
                .find_map(|part| part.trim().strip_prefix("codecs="));
            let known = codecs.map(|codecs| codecs.trim_matches(['"', '\0', ' ']));
            if let Some(codec) = known.filter(|codec| is_plain(codec)) {
                return Ok(format!("stpp.ttml.{codec}"));
            }
        }
    }
    Ok(profile(strings).unwrap_or("stpp").into())
}

/// A codec name that can stand in a manifest.
fn is_plain(codec: &str) -> bool {
    !codec.is_empty()
        && codec.len() <= 32
        && codec
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '|' || c == '+')
}

/// The profile that a text names, as its registered designator (W3C, "TTML Media Type Definition and Profile
/// Registry").
pub(crate) fn profile(text: &[u8]) -> Option<&'static str> {
    const NAMES: [(&str, &str); 5] = [
        ("ttml/profile/imsc1.2/text", "stpp.ttml.im3t"),
        ("ttml/profile/imsc1.1/text", "stpp.ttml.im2t"),
        ("ttml/profile/imsc1/text", "stpp.ttml.im1t"),
        ("ttml/profile/imsc1.1/image", "stpp.ttml.im2i"),
        ("ttml/profile/imsc1/image", "stpp.ttml.im1i"),
    ];
    let holds = |name: &str| text.windows(name.len()).any(|part| part == name.as_bytes());
    NAMES
        .into_iter()
        .find(|(name, _)| holds(name))
        .map(|(_, codec)| codec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(strings: &[u8], expect_codec: &str, expect_strings: &[u8]) {
        let size = u32::try_from(8 + 8 + strings.len()).unwrap();
        let bytes = [
            &size.to_be_bytes(),
            b"stpp".as_slice(),
            &[0, 0, 0, 0, 0, 0, 0, 1],
            strings,
        ]
        .concat();
        let entry = BoxView::new(&bytes, 0).unwrap();
        assert_eq!(codec(&entry).unwrap(), expect_codec);
        assert_eq!(&whole(&entry)[8..], expect_strings);
    }

    #[test]
    fn strings_that_are_missing_at_the_end_are_empty() {
        check(b"ns\0\0\0", "stpp", b"ns\0\0\0");
        check(b"ns\0\0", "stpp", b"ns\0\0\0");
        check(b"ns", "stpp", b"ns\0\0\0");
        check(
            b"http://www.w3.org/ns/ttml/profile/imsc1/text\0\0",
            "stpp.ttml.im1t",
            b"http://www.w3.org/ns/ttml/profile/imsc1/text\0\0\0",
        );
        check(b"", "stpp", b"\0\0\0");
    }
}
