//! HLS playlists, line by line (RFC 8216).
//!
//! Strict where the standard is, and nothing is lost: checks look at repeated tags, at numbers as they are
//! written, and at attributes that general readers pass over.

use super::location::{Files, Location, resolve};
use crate::Error;

/// How many bytes a playlist may have.
const MAX_PLAYLIST: u64 = 16 << 20;
/// How many segments or variants a playlist may have.
const MAX_ENTRIES: usize = 200_000;

/// Attributes of a tag, in order: name, value, whether it was quoted.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Attributes(pub Vec<(String, String, bool)>);

impl Attributes {
    /// A value.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, ..)| key == name);
        found.map(|(_, value, _)| value.as_str())
    }

    /// A value as a number.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.parse().ok()
    }

    /// Reads `NAME=value,NAME="value"` (4.2).
    fn parse(text: &str) -> Result<Self, String> {
        let mut found = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            let (name, behind) = rest.split_once('=').ok_or("an attribute without a value")?;
            let well_formed = !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
            if !well_formed {
                return Err(format!("'{name}' is no name of an attribute"));
            }
            let (value, behind, quoted) = match behind.strip_prefix('"') {
                Some(inner) => {
                    let (value, behind) =
                        inner.split_once('"').ok_or("a quotation is not closed")?;
                    (value, behind, true)
                }
                None => {
                    let end = behind.find(',').unwrap_or(behind.len());
                    let (value, behind) = behind.split_at_checked(end).unwrap_or((behind, ""));
                    (value, behind, false)
                }
            };
            if found.get(name).is_some() {
                return Err(format!("the attribute '{name}' is there twice"));
            }
            found.0.push((name.to_string(), value.to_string(), quoted));
            rest = match behind.strip_prefix(',') {
                Some(more) if !more.is_empty() => more,
                Some(_) => return Err("a comma at the end".into()),
                None if behind.is_empty() => behind,
                None => return Err(format!("'{name}' is not followed by a comma")),
            };
        }
        Ok(found)
    }
}

/// A playlist, read.
#[derive(Debug, Default)]
pub(super) struct Playlist {
    /// Its file.
    pub path: String,
    /// Values of `EXT-X-VERSION`.
    pub versions: Vec<String>,
    /// Tags without a value of interest, and those with one: name and value.
    pub tags: Vec<(String, String)>,
    /// Lines that cannot be read: number and why.
    pub faults: Vec<(usize, String)>,
    /// `EXT-X-STREAM-INF` with its URI as a path.
    pub variants: Vec<(Attributes, String)>,
    /// `EXT-X-MEDIA`.
    pub media: Vec<Attributes>,
    /// `EXT-X-I-FRAME-STREAM-INF`.
    pub iframes: Vec<Attributes>,
    /// The segments.
    pub segments: Vec<Entry>,
    /// All `EXT-X-KEY`, with the number of segments before.
    pub keys: Vec<(usize, Attributes)>,
    /// All `EXT-X-MAP`, with the number of segments before.
    pub maps: Vec<(usize, Location)>,
    /// Numbers of segments before which there is `EXT-X-DISCONTINUITY`.
    pub discontinuities: Vec<usize>,
    /// Which of the package's tracks it is.
    pub track: Option<usize>,
}

/// A segment of a media playlist.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// Where it is.
    pub at: Location,
    /// `EXTINF`, in seconds.
    pub seconds: f64,
}

impl Playlist {
    /// Reads a playlist; `Ok(Err)` says why it is none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(files: &mut Files<'_>, path: &str) -> Result<Result<Self, String>, Error> {
        match files.text(path, MAX_PLAYLIST) {
            Ok(Some(text)) => Ok(Ok(Self::parse(path, &text))),
            Ok(None) => Ok(Err("it is not there".into())),
            Err(Error::Io(error)) => Err(Error::Io(error)),
            Err(error) => Ok(Err(error.to_string())),
        }
    }

    /// Whether it lists other playlists.
    pub fn is_multivariant(&self) -> bool {
        !self.variants.is_empty() || !self.media.is_empty() || !self.iframes.is_empty()
    }

    /// Value of a tag; the empty text for one without a value.
    pub fn tag(&self, name: &str) -> Option<&str> {
        let found = self.tags.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// `EXT-X-TARGETDURATION`.
    pub fn target(&self) -> Option<u64> {
        self.tag("EXT-X-TARGETDURATION")?.parse().ok()
    }

    fn parse(path: &str, text: &str) -> Self {
        let mut playlist = Self {
            path: path.to_string(),
            ..Self::default()
        };
        let mut pending = Pending::default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim_end_matches('\r');
            if number == 1 && line != "#EXTM3U" {
                playlist
                    .faults
                    .push((1, "the first line is not #EXTM3U".into()));
            }
            if playlist.segments.len() + playlist.variants.len() >= MAX_ENTRIES {
                playlist
                    .faults
                    .push((number, format!("more than {MAX_ENTRIES} entries")));
                break;
            }
            let result = match line.strip_prefix('#') {
                _ if line.is_empty() => Ok(()),
                Some(tag) if tag.starts_with("EXT") => playlist.tag_line(tag, &mut pending),
                Some(_) => Ok(()),
                None => playlist.uri(line, &mut pending),
            };
            if let Err(what) = result {
                playlist.faults.push((number, what));
            }
        }
        playlist
    }

    fn tag_line(&mut self, tag: &str, pending: &mut Pending) -> Result<(), String> {
        let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
        match name {
            "EXT-X-VERSION" => self.versions.push(value.to_string()),
            "EXTINF" => {
                let seconds = value.split(',').next().unwrap_or_default();
                let seconds = seconds
                    .parse::<f64>()
                    .ok()
                    .filter(|s| s.is_finite() && *s >= 0.0);
                pending.seconds = Some(seconds.ok_or("EXTINF without a duration")?);
            }
            "EXT-X-BYTERANGE" => pending.range = Some(value.to_string()),
            "EXT-X-DISCONTINUITY" => self.discontinuities.push(self.segments.len()),
            "EXT-X-KEY" => self
                .keys
                .push((self.segments.len(), Attributes::parse(value)?)),
            "EXT-X-MAP" => {
                let attributes = Attributes::parse(value)?;
                let uri = attributes.get("URI").ok_or("EXT-X-MAP without URI")?;
                let range = match attributes.get("BYTERANGE") {
                    Some(text) => Some(byte_range(text, None)?),
                    None => None,
                };
                let path = resolve(&self.path, uri);
                self.maps
                    .push((self.segments.len(), Location { path, range }));
            }
            "EXT-X-STREAM-INF" => pending.variant = Some(Attributes::parse(value)?),
            "EXT-X-MEDIA" => self.media.push(Attributes::parse(value)?),
            "EXT-X-I-FRAME-STREAM-INF" => self.iframes.push(Attributes::parse(value)?),
            _ => self.tags.push((name.to_string(), value.to_string())),
        }
        Ok(())
    }

    fn uri(&mut self, line: &str, pending: &mut Pending) -> Result<(), String> {
        let path = resolve(&self.path, line);
        if let Some(attributes) = pending.variant.take() {
            self.variants.push((attributes, path));
            return Ok(());
        }
        let before = self.segments.last().filter(|entry| entry.at.path == path);
        let behind = before.and_then(|entry| entry.at.range).map(|(_, end)| end);
        let range = match pending.range.take() {
            Some(text) => Some(byte_range(&text, behind)?),
            None => None,
        };
        let seconds = pending
            .seconds
            .take()
            .ok_or("a URI without EXTINF before it")?;
        self.segments.push(Entry {
            at: Location { path, range },
            seconds,
        });
        Ok(())
    }
}

/// Tags that belong to the URI behind them.
#[derive(Default)]
struct Pending {
    seconds: Option<f64>,
    range: Option<String>,
    variant: Option<Attributes>,
}

/// Reads `length@offset`; without an offset the range begins at `behind` (4.3.2.2).
fn byte_range(text: &str, behind: Option<u64>) -> Result<(u64, u64), String> {
    let wrong = || format!("'{text}' is no byte range");
    let (length, start) = match text.split_once('@') {
        Some((length, start)) => (length, start.parse::<u64>().map_err(|_| wrong())?),
        None => (text, behind.ok_or_else(wrong)?),
    };
    let length = length.parse::<u64>().map_err(|_| wrong())?;
    let end = start.checked_add(length).ok_or_else(wrong)?;
    Ok((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_strictly() {
        let read = Attributes::parse("A=1,B=\"x,y\",C-2=0x1f").unwrap();
        assert_eq!(read.get("B"), Some("x,y"));
        assert_eq!(read.number::<u32>("A"), Some(1));
        assert_eq!(read.get("C-2"), Some("0x1f"));
        for wrong in ["A", "A=\"x", "a=1", "A=1,", "A=1,A=2", "A=\"x\"B=1", "=1"] {
            assert!(Attributes::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_media_playlist_is_read() {
        let text = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:4\n#EXT-X-MAP:URI=\"a.mp4\",BYTERANGE=\"100@0\"\n#EXTINF:4.0,\n#EXT-X-BYTERANGE:50@100\na.mp4\n#EXTINF:3.5,\n#EXT-X-BYTERANGE:20\na.mp4\nb.mp4\n";
        let playlist = Playlist::parse("v/p.m3u8", text);
        assert_eq!(playlist.target(), Some(4));
        let ranges: Vec<_> = playlist
            .segments
            .iter()
            .map(|entry| entry.at.range)
            .collect();
        assert_eq!(ranges, [Some((100, 150)), Some((150, 170))]);
        assert_eq!(playlist.maps[0].1.to_string(), "v/a.mp4 (bytes 0-99)");
        assert_eq!(
            playlist.faults,
            [(11, "a URI without EXTINF before it".to_string())]
        );
    }
}
