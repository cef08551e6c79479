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

/// Adds playback tokens to the URLs in a manifest with its URLs filled in: `token` to those of its files, `license` to those of
/// licences and to playlists, which hand it on. Tokens need no escaping.
pub(crate) fn sign(text: &str, token: Option<&str>, license: Option<&str>, xml: bool) -> String {
    let file = token.map_or_else(String::new, |token| format!("?token={token}"));
    if !xml {
        let lines = text.split_inclusive('\n');
        return lines.map(|line| sign_line(line, &file, license)).collect();
    }
    let mut signed = text.to_owned();
    if let Some(license) = license {
        let begin = "/license/clearkey?package=";
        signed = after_each(&signed, begin, '<', &format!("&amp;token={license}"));
    }
    for begin in [" initialization=\"", " media=\"", " sourceURL=\""] {
        signed = after_each(&signed, begin, '"', &file);
    }
    after_each(&signed, "<BaseURL>", '<', &file)
}

/// Signs a line of a playlist.
fn sign_line(line: &str, file: &str, license: Option<&str>) -> String {
    let begin = "URI=\"";
    if !line.starts_with('#') {
        let url = line.trim_end();
        return match url.is_empty() {
            true => line.to_owned(),
            false => format!("{}{}", signed_url(url, file, license), &line[url.len()..]),
        };
    }
    let found = line.find(begin).map(|at| at + begin.len());
    let end = found.and_then(|from| line[from..].find('"').map(|length| from + length));
    match (found, end) {
        (Some(from), Some(to)) => {
            let url = signed_url(&line[from..to], file, license);
            format!("{}{url}{}", &line[..from], &line[to..])
        }
        _ => line.to_owned(),
    }
}

fn signed_url(url: &str, file: &str, license: Option<&str>) -> String {
    let with = |url: &str, name: &str| match license {
        Some(token) => {
            let before = if url.contains('?') { '&' } else { '?' };
            format!("{url}{before}{name}={token}")
        }
        None => url.to_owned(),
    };
    if url.contains("/license/") {
        return with(url, "token");
    }
    // Data, and URLs of others.
    if url.contains(':') {
        return url.to_owned();
    }
    let signed = format!("{url}{file}");
    match url.ends_with(".m3u8") {
        true => with(&signed, "license_token"),
        false => signed,
    }
}

/// Puts `addition` before the next `end` after each `begin`.
fn after_each(text: &str, begin: &str, end: char, addition: &str) -> String {
    let mut signed = String::with_capacity(text.len() + addition.len());
    let mut rest = text;
    while let Some(at) = rest.find(begin) {
        let from = at + begin.len();
        let to = rest[from..]
            .find(end)
            .map_or(rest.len(), |length| from + length);
        signed.push_str(&rest[..to]);
        signed.push_str(addition);
        rest = &rest[to..];
    }
    signed.push_str(rest);
    signed
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
    fn urls_of_manifests_are_signed() {
        let xml = "<BaseURL>a.vtt</BaseURL><Laurl>h/license/clearkey?package=c</Laurl><x initialization=\"i.mp4\" media=\"1.m4s\" mediaRange=\"0-1\"/>";
        assert_eq!(
            sign(xml, Some("T"), Some("L"), true),
            "<BaseURL>a.vtt?token=T</BaseURL><Laurl>h/license/clearkey?package=c&amp;token=L</Laurl>\
             <x initialization=\"i.mp4?token=T\" media=\"1.m4s?token=T\" mediaRange=\"0-1\"/>"
        );
        let playlist = "#EXTM3U\n#X:URI=\"i.mp4\",A=\"1\"\n#K:URI=\"http://h/license/key/c/0a\"\n#D:URI=\"data:x\"\n\n1.m4s\nv/p.m3u8\n";
        assert_eq!(
            sign(playlist, Some("T"), Some("L"), false),
            "#EXTM3U\n#X:URI=\"i.mp4?token=T\",A=\"1\"\n#K:URI=\"http://h/license/key/c/0a?token=L\"\n\
             #D:URI=\"data:x\"\n\n1.m4s?token=T\nv/p.m3u8?token=T&license_token=L\n"
        );
        assert_eq!(sign(playlist, None, None, false), playlist);
        assert_eq!(sign(xml, None, None, true), xml);
        let by_cookie = sign("v/p.m3u8\n", None, Some("L"), false);
        assert_eq!(by_cookie, "v/p.m3u8?license_token=L\n");
    }

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
