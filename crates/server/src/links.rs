//! The URLs in manifests: stored as placeholders, filled in when a manifest is served.

/// Stands in stored manifests where the licence URL belongs.
pub(crate) const LICENSE_PLACEHOLDER: &str = "reelpack-license-url:";
/// Stands in stored playlists before the KID of a raw key's URL.
pub(crate) const HLS_KEY_PLACEHOLDER: &str = "reelpack-hls-key-url:";

/// Fills the URLs of this server into a stored manifest of the package `code`.
///
/// The licence URLs name the package, so that two packages that share a KID each get their own key.
/// `xml` says that the text is XML, where the URLs are escaped.
pub(crate) fn fill_in(text: &str, base: &str, code: &str, xml: bool) -> String {
    let license = format!("{base}/license/clearkey?package={code}");
    let key = format!("{base}/license/key/{code}/");
    let (license, key) = if xml {
        (escape(&license), escape(&key))
    } else {
        (license, key)
    };
    text.replace(LICENSE_PLACEHOLDER, &license)
        .replace(HLS_KEY_PLACEHOLDER, &key)
}

/// Escapes text for XML or HTML, in elements and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_filled_in_and_escaped_where_needed() {
        let stored = "<u>reelpack-license-url:</u>";
        assert_eq!(
            fill_in(stored, "http://h:1", "c0de", true),
            "<u>http://h:1/license/clearkey?package=c0de</u>"
        );
        let stored = "URI=\"reelpack-hls-key-url:a16e\"";
        assert_eq!(
            fill_in(stored, "http://h:1", "c0de", false),
            "URI=\"http://h:1/license/key/c0de/a16e\""
        );
        assert_eq!(escape("<a b='\"&'>"), "&lt;a b=&#39;&quot;&amp;&#39;&gt;");
    }
}
