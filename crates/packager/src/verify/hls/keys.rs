//! Checks 30 and 44: `EXT-X-KEY`.

use crate::KeyId;
use crate::verify::book::Book;
use crate::verify::playlist::{Attributes, Playlist};
use crate::verify::track::Track;

/// Key formats that are known, and how their URIs begin.
const FORMATS: [(&str, &[&str]); 5] = [
    ("identity", &["http://", "https://", "/", ".", "reelpack-"]),
    ("com.apple.streamingkeydelivery", &["skd://"]),
    ("com.microsoft.playready", &["data:"]),
    ("urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed", &["data:"]),
    (
        "org.w3.clearkey",
        &["http://", "https://", "data:", "reelpack-"],
    ),
];

/// The checks on the playlist of one rendition.
pub(super) fn check(book: &mut Book, playlist: &Playlist, track: &Track) {
    let place = &playlist.path;
    each_segment(book, playlist, track);
    let keys: Vec<&Attributes> = playlist.keys.iter().map(|(_, key)| key).collect();
    let active = keys
        .iter()
        .filter(|key| key.get("METHOD") != Some("NONE"))
        .count();
    let Some(scheme) = track.init.scheme() else {
        book.ensure(44, active == 0, place, || {
            "EXT-X-KEY on a clear rendition".into()
        });
        return;
    };
    let method = match &scheme.scheme_type.0 {
        b"cbcs" => "SAMPLE-AES",
        b"cenc" => "SAMPLE-AES-CTR",
        _ => {
            return book.must(
                44,
                place,
                format!("HLS has no method for '{}'", scheme.scheme_type),
            );
        }
    };
    book.ensure(44, active > 0, place, || {
        "no EXT-X-KEY on an encrypted rendition".into()
    });
    for key in keys {
        if key.get("METHOD") == Some("NONE") {
            continue;
        }
        let found = key.get("METHOD");
        book.ensure(44, found == Some(method), place, || {
            format!("METHOD is {}, {method} is due", found.unwrap_or("missing"))
        });
        form(book, key, place);
        if let (Some(id), Some(hex)) = (key.get("KEYID"), key_id(key)) {
            let own = track
                .init
                .kid()
                .into_iter()
                .chain(track.kids.iter().copied());
            let known = own.map(|kid| KeyId(kid).hex()).any(|kid| kid == hex);
            book.ensure(30, known, place, || {
                format!("KEYID is {id}, which no sample has")
            });
        }
    }
}

/// Checks 30 and 44: at each encrypted segment there are keys, and they are those of its samples. A line holds until
/// the next one of its KEYFORMAT (RFC 8216, 4.3.2.4).
fn each_segment(book: &mut Book, playlist: &Playlist, track: &Track) {
    let mut lines = playlist.keys.iter().peekable();
    let mut active: Vec<&Attributes> = Vec::new();
    for (index, entry) in playlist.segments.iter().enumerate() {
        let mut group = Vec::new();
        while let Some((_, key)) = lines.next_if(|(before, _)| *before <= index) {
            if key.get("METHOD") == Some("NONE") {
                active.clear();
                group.clear();
            } else {
                group.push(key);
            }
        }
        let format = |key: &Attributes| key.get("KEYFORMAT").unwrap_or("identity").to_string();
        active.retain(|old| !group.iter().any(|new| format(old) == format(new)));
        active.extend(group);
        let (start, path) = (entry.at.range.map_or(0, |range| range.0), &entry.at.path);
        let is_here = |at: &crate::verify::location::Location| {
            let within = |(from, end)| (from..end).contains(&start);
            at.path == *path && at.range.is_none_or(within)
        };
        let here = track.segments.get(index).filter(|found| is_here(&found.at));
        let here = here.or_else(|| track.segments.iter().find(|found| is_here(&found.at)));
        let Some(segment) = here.filter(|segment| !segment.kids.is_empty()) else {
            continue;
        };
        let place = format!("{}: {}", playlist.path, entry.at);
        book.ensure(44, !active.is_empty(), &place, || {
            "it is encrypted, and no EXT-X-KEY is before it".into()
        });
        let named: Vec<String> = active.iter().filter_map(|key| key_id(key)).collect();
        let held: Vec<String> = segment.kids.iter().map(|kid| KeyId(*kid).hex()).collect();
        let strange = named.iter().find(|kid| !held.contains(kid));
        book.ensure(30, strange.is_none(), &place, || {
            format!(
                "its KEYID is {}, which no sample of it has",
                named.join(", ")
            )
        });
        let lost = held.iter().find(|kid| !named.contains(kid));
        book.ensure(30, named.is_empty() || lost.is_none(), &place, || {
            format!(
                "no KEYID names the key id {} of its samples",
                held.join(", ")
            )
        });
    }
}

/// The KID that a line names, in small hexadecimal digits.
fn key_id(key: &Attributes) -> Option<String> {
    let id = key.get("KEYID")?.to_ascii_lowercase();
    Some(id.trim_start_matches("0x").to_string())
}

/// Check 44: URI, format and IV.
fn form(book: &mut Book, key: &Attributes, place: &str) {
    let uri = key.get("URI").unwrap_or_default();
    let format = key.get("KEYFORMAT").unwrap_or("identity");
    book.ensure(44, !uri.is_empty(), &place, || "no URI".into());
    let raw = uri.starts_with("data:") && format == "identity";
    book.ensure(44, !raw, &place, || "the URI is the key itself".into());
    let known = FORMATS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(format));
    match known {
        Some((_, starts)) => {
            let relative = format == "identity" && !uri.contains(':');
            let right = relative || starts.iter().any(|start| uri.starts_with(start));
            book.ensure(44, right || raw, &place, || {
                format!("URI is no URL that KEYFORMAT {format} has")
            });
        }
        None => {
            let plausible = format.starts_with("urn:uuid:") || format.contains('.');
            book.ensure(44, plausible, &place, || format!("KEYFORMAT is '{format}'"));
            let right = !uri.starts_with("gpac:");
            book.ensure(44, right, &place, || "URI is no URL".into());
        }
    }
    if let Some(versions) = key.get("KEYFORMATVERSIONS") {
        let right = versions
            .split('/')
            .all(|part| part.parse::<u32>().is_ok_and(|version| version > 0));
        book.ensure(44, right, &place, || {
            format!("KEYFORMATVERSIONS is '{versions}'")
        });
    }
    if let Some(iv) = key.get("IV") {
        let hex = iv
            .strip_prefix("0x")
            .or(iv.strip_prefix("0X"))
            .unwrap_or_default();
        let right = hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        book.ensure(44, right, &place, || {
            "IV is not 0x and 32 hex digits".into()
        });
    }
}
