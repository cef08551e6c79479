//! Looks into a file that was delivered, before it becomes an asset.

use crate::access::Tenant;
use crate::db::annotations::Annotations;
use crate::db::assets::NewAsset;
use crate::db::probe::{Probe, TEXT, VIDEO};
use crate::foreign;
use std::fs::File;
use std::io;
use std::path::Path;
use transcode::{Tools, Unwatched};

/// Longest name that is kept, in characters.
const MAX_NAME: usize = 255;

/// What an API demands of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demand {
    /// Some track can be packaged.
    AnyTrack,
    /// A video track can be packaged.
    Video,
}

/// Why a file becomes no asset.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It is no usable media, and why.
    Unusable(String),
    /// It could not be read.
    Io(io::Error),
}

/// What the catalogue knows of a file besides its bytes.
#[derive(Debug)]
pub(crate) struct Delivered {
    /// Whose it is.
    pub(crate) tenant: Tenant,
    /// Id of the asset to be.
    pub(crate) id: String,
    /// For people.
    pub(crate) name: String,
    /// Path of the file below the data folder.
    pub(crate) origin: String,
    /// Hex digits.
    pub(crate) sha256: String,
    /// Bytes.
    pub(crate) size: u64,
    /// What its client notes about it.
    pub(crate) annotations: Annotations,
}

/// What was found in a file.
#[derive(Debug)]
pub(crate) struct Findings {
    probe: Probe,
    container: &'static str,
    brand: String,
    fragmented: bool,
    duration_seconds: f64,
}

/// Looks into a file of any container, which lies at `path`, and says whether it can be used.
pub(crate) fn examine_any(
    file: &File,
    path: &Path,
    demand: Demand,
    tools: &Tools,
) -> Result<Findings, Fault> {
    let Some(complaints) = foreign::complaints(file).map_err(Fault::Io)? else {
        return examine(file, demand);
    };
    let facts = match transcode::probe(tools, path, &Unwatched) {
        Err(error) if foreign::can_do_without(&error, file) => return examine(file, demand),
        probed => probed?,
    };
    let conversion = transcode::judge(&facts, &complaints)?;
    let probe = Probe::of_foreign(&facts, &conversion);
    check(&probe, demand)?;
    Ok(Findings {
        probe,
        container: facts.container.word(),
        brand: String::new(),
        fragmented: false,
        duration_seconds: facts.seconds,
    })
}

impl From<transcode::Error> for Fault {
    fn from(error: transcode::Error) -> Self {
        match error {
            transcode::Error::Io { source, .. } => Self::Io(source),
            other => Self::Unusable(other.to_string()),
        }
    }
}

/// Reads the index of an MP4 or MOV file and says whether it can be used.
pub(crate) fn examine(file: &File, demand: Demand) -> Result<Findings, Fault> {
    let movie = packager::probe(file).map_err(|error| match error {
        packager::Error::Io(error) => Fault::Io(error),
        other => Fault::Unusable(other.to_string()),
    })?;
    let probe = Probe::of(&movie);
    check(&probe, demand)?;
    Ok(Findings {
        probe,
        container: container(&movie.brand),
        brand: movie.brand,
        fragmented: movie.fragmented,
        duration_seconds: movie.duration_seconds,
    })
}

impl Findings {
    /// The asset that the file becomes.
    pub(crate) fn into_asset(self, delivered: Delivered) -> NewAsset {
        NewAsset {
            number: None,
            tenant: delivered.tenant,
            id: delivered.id,
            name: delivered.name,
            input_content_origin: delivered.origin,
            sha256: delivered.sha256,
            size: delivered.size,
            container: self.container.to_owned(),
            brand: self.brand.trim_end().to_owned(),
            fragmented: self.fragmented,
            duration_seconds: self.duration_seconds,
            probe: self.probe,
            annotations: delivered.annotations,
        }
    }
}

fn check(probe: &Probe, demand: Demand) -> Result<(), Fault> {
    // Subtitles alone make no package.
    let wanted = |kind: &str| match demand {
        Demand::AnyTrack => kind != TEXT,
        Demand::Video => kind == VIDEO,
    };
    let candidates: Vec<_> = probe
        .tracks
        .iter()
        .filter(|track| wanted(&track.kind))
        .collect();
    if candidates.iter().any(|track| track.reason.is_none()) {
        return Ok(());
    }
    let reasons: Vec<String> = candidates
        .iter()
        .filter_map(|track| {
            let reason = track.reason.as_deref()?;
            Some(format!("track {} ({}): {reason}", track.id, track.codec))
        })
        .collect();
    Err(Fault::Unusable(match (reasons.is_empty(), demand) {
        (true, Demand::Video) => "the file has no video track".to_owned(),
        (true, Demand::AnyTrack) => "the file has no video or audio track".to_owned(),
        (false, _) => format!("no track can be packaged: {}", reasons.join("; ")),
    }))
}

fn container(brand: &str) -> &'static str {
    // Files of QuickTime have this brand, or are older than brands.
    if brand.is_empty() || brand.starts_with("qt") {
        "mov"
    } else {
        "mp4"
    }
}

/// The name that people see: no folder, nothing that is no sign, not too long. It never becomes a path.
pub(crate) fn display_name(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name
        .chars()
        .filter(|character| !character.is_control() && !turns_text(*character))
        .take(MAX_NAME)
        .collect();
    let name = name.trim();
    if name.is_empty() {
        "unnamed".to_owned()
    } else {
        name.to_owned()
    }
}

/// Signs that turn the direction of text and so make `gpj.exe` of `exe.jpg` (Unicode, UAX 9).
fn turns_text(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::display_name;

    #[test]
    fn names_are_for_people_only() {
        for (given, shown) in [
            ("holiday.mp4", "holiday.mp4"),
            ("../../etc/passwd", "passwd"),
            ("C:\\films\\a b.mov", "a b.mov"),
            ("a\r\nb\0.mp4", "ab.mp4"),
            ("\u{202e}4pm.exe", "4pm.exe"),
            ("-i", "-i"),
            ("|cmd", "|cmd"),
            ("/", "unnamed"),
            ("", "unnamed"),
        ] {
            assert_eq!(display_name(given), shown);
        }
        assert_eq!(display_name(&"ü".repeat(70_000)).chars().count(), 255);
    }
}
