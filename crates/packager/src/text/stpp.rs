//! TTML in samples, `stpp` (ISO/IEC 14496-30, 6; 14496-12, 12.6.3): which profile it is.

use bmff::{BoxView, Error};

/// How much of a first sample is searched for its profile, in bytes.
pub(crate) const SEARCHED: usize = 64 << 10;

/// What the strings and boxes of a `stpp` entry say of its profile: `stpp.ttml.im1t`, or `stpp` alone.
///
/// # Errors
/// When the entry is malformed.
pub(crate) fn codec(entry: &BoxView<'_>) -> Result<String, Error> {
    let strings = entry.body.get(8..).unwrap_or_default();
    let mut ends = (0..strings.len()).filter(|at| strings.get(*at) == Some(&0));
    let third = ends.nth(2);
    let Some(boxes_at) = third.map(|end| 8 + end + 1) else {
        return Err(entry.error("three strings should be in it, each with a 0 behind"));
    };
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
