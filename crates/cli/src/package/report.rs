//! What `package` says on stdout when it is done.

use super::{EncryptArg, PackageArgs};
use crate::failure::Failure;
use crate::text;
use packager::{FileLayout, Options, Plan};
use serde::Serialize;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The facts of a finished package.
pub struct Report<'a> {
    pub args: &'a PackageArgs,
    pub options: &'a Options,
    pub plan: &'a Plan,
    /// Where a new key was written.
    pub key_file: Option<&'a Path>,
    /// Presented length.
    pub seconds: f64,
    /// Bytes of all files of the package.
    pub size: u64,
}

/// `--json`.
#[derive(Serialize)]
struct Json<'a> {
    output: String,
    dash: String,
    hls: String,
    /// `segments` or `single-file`.
    layout: &'static str,
    /// `cbcs`, `cenc` or `none`.
    scheme: &'static str,
    /// `all` or `video`; null when nothing is encrypted.
    encrypt: Option<&'static str>,
    /// A UUID; null when nothing is encrypted.
    kid: Option<String>,
    /// The new key file; null when none was written.
    key_file: Option<String>,
    size: u64,
    duration_seconds: f64,
    renditions: Vec<Rendition<'a>>,
    warnings: Vec<&'a str>,
}

#[derive(Serialize)]
struct Rendition<'a> {
    name: &'a str,
    track_id: u32,
    codec: &'a str,
    segments: u32,
    encrypted: bool,
}

/// Writes the report: JSON, or one labelled path a line.
///
/// # Errors
/// As [`text::print`].
pub fn print(report: &Report<'_>) -> Result<(), Failure> {
    let output = &report.args.output;
    let (dash, hls) = (output.join("stream.mpd"), output.join("master.m3u8"));
    if report.args.json {
        return text::print_json(&json(report, &dash, &hls));
    }
    let mut lines = Vec::new();
    let key = report.key_file.map(|path| ("key", path));
    for (label, path) in [("dash", &*dash), ("hls", &*hls)].into_iter().chain(key) {
        // As bytes, so that a path that is no UTF-8 can be used again.
        lines.extend_from_slice(format!("{label:<5}").as_bytes());
        lines.extend_from_slice(path.as_os_str().as_bytes());
        lines.push(b'\n');
    }
    text::print(&lines)
}

fn json<'a>(report: &Report<'a>, dash: &Path, hls: &Path) -> Json<'a> {
    let scheme = report.options.scheme;
    let key = report.options.content_keys.first().map(|key| &key.key);
    let renditions = report.plan.renditions().iter().map(|rendition| Rendition {
        name: &rendition.name,
        track_id: rendition.track_id,
        codec: &rendition.codec,
        segments: rendition.segments,
        encrypted: rendition.encrypted,
    });
    Json {
        output: text::json_path(&report.args.output),
        dash: text::json_path(dash),
        hls: text::json_path(hls),
        layout: match report.options.layout {
            FileLayout::Segments => "segments",
            FileLayout::SingleFile => "single-file",
        },
        scheme: scheme.map_or("none", packager::Scheme::fourcc),
        encrypt: scheme.map(|_| match report.args.encrypt {
            EncryptArg::All => "all",
            EncryptArg::Video => "video",
        }),
        kid: key.map(|key| key.kid.uuid()),
        key_file: report.key_file.map(text::json_path),
        size: report.size,
        duration_seconds: report.seconds,
        renditions: renditions.collect(),
        warnings: report
            .plan
            .warnings()
            .iter()
            .map(|warning| &*warning.0)
            .collect(),
    }
}
